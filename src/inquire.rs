//! One question from arrival to answer. It reads what the answer needs; only a release changes anything, by the loop of an
//! event.

#![warn(missing_docs)]

use crate::answer::failure::Failure;
use crate::answer::metrics::status_line;
use crate::ask::plan::{Plan, Planner};
use crate::ask::question::{self, Misunderstood, Question, Scope};
use crate::ask::release::{self, NotReleased, Released};
use crate::ask::status::{Found, Status};
use crate::decision::cluster::{pause_after, rejection, served};
use crate::decision::facts::Fact;
use crate::decision::refusal::Refusal;
use crate::decision::view::Home;
use crate::look::{Clients, fetch};
use crate::model::ec2_error::{Ec2Error, ErrorKind};
use crate::model::endpoint::Endpoint;
use crate::model::ids::GroupId;
use crate::model::query::EndpointQuery;
use crate::reconcile::{State, reconcile};
use crate::request::Request;
use crate::request::event::Event;
use crate::resolve::fetch_record;
use crate::runtime::clock::Clock;
use crate::runtime::log::METRICS;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, try_join_all};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::future::Future;
use thiserror::Error;
use tracing::{Instrument as _, info, info_span, warn};

/// How often something is read before its error is the answer.
const ATTEMPTS_MAX: i32 = 5;
/// How long before the end of its time a question stops, so that the answer still gets out.
const ANSWER_MARGIN: SignedDuration = SignedDuration::from_secs(5);

/// Answers questions.
#[derive(Debug, Clone)]
pub struct Inquirer {
    /// The clients that a question may need.
    pub clients: Clients,
    /// Where the function runs.
    pub home: Home,
    /// The name of the function, for the commands in the answer and the metrics.
    pub function: String,
    /// Lambda's log level, which the line of the metrics has.
    pub log_level: String,
}

/// Why there is no answer. Lambda returns the sentence to whoever has asked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Unanswered {
    /// The question cannot be understood.
    #[error("{0}")]
    Misunderstood(#[from] Misunderstood),
    /// What the answer needs cannot be read.
    #[error("{}", Failure::Ec2(.0.clone(), Default::default()))]
    Unread(Box<Ec2Error>),
    /// The reference is not released.
    #[error("{0}")]
    NotReleased(#[from] NotReleased),
    /// The release has failed.
    #[error("{0} Ask again: the release continues from here.")]
    Failed(Box<Failure>),
    /// There is no time left.
    #[error("The question took longer than the function's timeout. Ask again; a release continues from here.")]
    OutOfTime,
}

impl Inquirer {
    /// Answers a question. `deadline` is when Lambda ends the function. The future is boxed as that of
    /// [`Handler::serve`](crate::handler::Handler::serve).
    ///
    /// # Errors
    /// [`Unanswered`].
    pub fn answer<'a>(
        &'a self,
        raw: &'a Value,
        clock: Clock,
        deadline: Timestamp,
    ) -> BoxFuture<'a, Result<Value, Unanswered>> {
        self.read_and_answer(raw, clock, deadline).boxed()
    }

    async fn read_and_answer(&self, raw: &Value, clock: Clock, deadline: Timestamp) -> Result<Value, Unanswered> {
        let question = Question::read(raw, &self.home)?;
        let end = deadline.saturating_sub(ANSWER_MARGIN).unwrap_or(Timestamp::MIN);
        let answer = Box::pin(async {
            match question {
                Question::Plan(event) => self.plan(&event, &clock).await.map(|plan| json(&plan)),
                Question::Status(scope) => self.status(&scope, &clock).await.map(|status| json(&status)),
                Question::Release(release) => self.release(&release, &clock, end).await.map(|answer| json(&answer)),
            }
        });
        let ask = raw.get("Ask").and_then(Value::as_str).unwrap_or_default();
        let answered = clock.until(end, answer).instrument(info_span!("question", ask)).await;
        answered.unwrap_or(Err(Unanswered::OutOfTime))
    }

    async fn plan(&self, event: &Event, clock: &Clock) -> Result<Plan, Unanswered> {
        let request = match Request::read(event) {
            Ok(request) => request,
            Err(invalid) => return Ok(Plan::invalid(&invalid)),
        };
        let request = &match self.resolved(request, clock).await? {
            Ok(request) => request,
            Err(refusal) => return Ok(Plan::impossible(&refusal)),
        };
        let has_vpc = request.vpc().is_some();
        let now = clock.now();
        let queries = Planner::first_queries(request, now);
        let mut planner = Planner::new(request, &self.home, now, self.endpoints(&queries, clock).await?);
        // As in the loop: no decision can do without the subnets.
        let mut unread = if has_vpc { vec![Fact::Subnets] } else { Vec::new() };
        loop {
            let reads =
                unread.iter().map(|fact| patiently(clock, move || fetch(&self.clients, clock, request, None, fact)));
            let values = Box::pin(try_join_all(reads)).await?;
            for (fact, value) in unread.drain(..).zip(values) {
                planner.learn(fact, value);
            }
            match planner.proceed() {
                Ok(plan) => return Ok(plan),
                Err(facts) => unread = facts,
            }
        }
    }

    /// The request with the service of its cluster, if it names one.
    async fn resolved(&self, request: Request, clock: &Clock) -> Result<Result<Request, Refusal>, Unanswered> {
        let Some(cluster) = request.cluster() else { return Ok(Ok(request)) };
        let (started, mut attempts) = (clock.now(), 0);
        loop {
            let attempt = Box::pin(async {
                let key = self.clients.clusters.secrets.api_key(&cluster.secret).await?;
                let cluster_now = self.clients.clusters.tidb_cloud.session(cluster, key).get().await?;
                served(cluster, cluster_now, &self.home)
            });
            match attempt.await {
                Ok(served) => return Ok(Ok(request.with(served))),
                Err(error) => match pause_after(&error, attempts, started, clock.now()) {
                    Some(pause) if attempts < ATTEMPTS_MAX.unsigned_abs() => clock.sleep(pause).await,
                    Some(_) | None => {
                        let recorded = patiently(clock, || fetch_record(&self.clients.ec2, &request, &error)).await?;
                        return Ok(match recorded {
                            Some(served) => Ok(request.with(served)),
                            None => Err(rejection(&request, error)),
                        });
                    }
                },
            }
            attempts += 1;
        }
    }

    async fn status(&self, scope: &Scope, clock: &Clock) -> Result<Status, Unanswered> {
        let query = match (&scope.endpoint, &scope.service) {
            (Some(id), _) => EndpointQuery::Ids(vec![id.clone()]),
            (None, _) => EndpointQuery::Marked(scope.vpc.clone()),
        };
        let queries = [query];
        let (endpoints, groups, subnets) = if scope.endpoint.is_some() {
            let endpoints = self.endpoints(&queries, clock).await?;
            let ids: Vec<GroupId> = endpoints.iter().flat_map(|endpoint| endpoint.group_ids.clone()).collect();
            let groups =
                if ids.is_empty() { Vec::new() } else { patiently(clock, || self.clients.ec2.groups(&ids)).await? };
            let vpc = endpoints.first().map(|endpoint| endpoint.vpc_id.clone());
            let subnets = match &vpc {
                Some(vpc) => patiently(clock, || self.clients.ec2.subnets(Some(vpc))).await?,
                None => Vec::new(),
            };
            (endpoints, groups, subnets)
        } else {
            let groups = patiently(clock, || self.clients.ec2.owned_groups(scope.vpc.as_ref()));
            let subnets = patiently(clock, || self.clients.ec2.subnets(scope.vpc.as_ref()));
            Box::pin(async { tokio::try_join!(self.endpoints(&queries, clock), groups, subnets) }).await?
        };
        // After the references, so that a stack that has just written one is among them.
        let stacks = Box::pin(self.clients.cloudformation.stacks(clock)).await;
        let now = clock.now();
        let status = Status::new(&Found { scope, endpoints, groups, subnets, stacks, now, function: &self.function });
        if scope.metrics {
            let line = status_line(&status.counts.known(), now, &self.function, &self.log_level);
            info!(target: METRICS, "{line}");
            // Nobody reads the answer to a schedule.
            status.warnings.iter().for_each(|warning| warn!(step = "warning", "{warning}"));
        }
        Ok(status)
    }

    async fn release(
        &self,
        asked: &question::Release,
        clock: &Clock,
        deadline: Timestamp,
    ) -> Result<Released, Unanswered> {
        let queries = [EndpointQuery::Ids(vec![asked.endpoint.clone()])];
        let endpoints = self.endpoints(&queries, clock).await?;
        let endpoint = endpoints.first();
        let stacks = Box::pin(self.clients.cloudformation.stacks(clock)).await;
        let request = release::request(asked, endpoint, &stacks)?;
        let version = env!("CARGO_PKG_VERSION");
        info!(step = "start", version, endpoint_id = %asked.endpoint, "releasing {} as asked", request.holder.name);
        let now = clock.now();
        let mut state = State::new(now, now, deadline);
        let released = reconcile(&self.clients, &self.home, clock, deadline, &request, &mut state).await;
        let outcome = released.map_err(|failure| Unanswered::Failed(Box::new(failure)))?;
        info!(outcome = outcome.name(), endpoint_id = %asked.endpoint, "done");
        Ok(Released::new(asked, endpoint, &outcome))
    }

    /// The endpoints that some queries find, each once.
    async fn endpoints(&self, queries: &[EndpointQuery], clock: &Clock) -> Result<Vec<Endpoint>, Unanswered> {
        let reads = queries.iter().map(|query| patiently(clock, move || self.clients.ec2.endpoints(query)));
        let found = Box::pin(try_join_all(reads)).await?;
        let by_id: BTreeMap<_, _> = found.into_iter().flatten().map(|e| (e.id.clone(), e)).collect();
        Ok(by_id.into_values().collect())
    }
}

/// Reads something, again after an error that may pass.
async fn patiently<T, F: Future<Output = Result<T, Ec2Error>>>(
    clock: &Clock,
    read: impl Fn() -> F,
) -> Result<T, Unanswered> {
    let mut attempt = 1;
    loop {
        match Box::pin(read()).await {
            Err(error)
                if attempt < ATTEMPTS_MAX && matches!(error.kind, ErrorKind::Transient | ErrorKind::Throttled) =>
            {
                clock.sleep(SignedDuration::from_secs(1) * 2_i32.pow(attempt.unsigned_abs() - 1)).await;
                attempt += 1;
            }
            ended => return ended.map_err(|error| Unanswered::Unread(Box::new(error))),
        }
    }
}

fn json<T: Serialize>(answer: &T) -> Value {
    // Strings, lists and options cannot fail to serialize.
    serde_json::to_value(answer).unwrap_or_default()
}
