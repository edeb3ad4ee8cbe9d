//! The loop: look, decide, act, look again. It ends with an outcome or a failure. Every decision is in [`crate::decision`];
//! at the deadline the caller drops the loop, and no action is begun that might not be over by then.

use crate::answer::failure::{Failure, Progress};
use crate::decision;
use crate::decision::action::{Action, Created};
use crate::decision::facts::{Fact, FactValue, Facts};
use crate::decision::journal::{Journal, Leftovers};
use crate::decision::outcome::Outcome;
use crate::decision::queries::queries;
use crate::decision::retry::{Retries, Retry, after_refusal};
use crate::decision::view::{Home, Next, Observed, View, Wait};
use crate::look::{Clients, fetch};
use crate::model::ec2_error::{Ec2Error, ErrorKind, TOO_SLOW};
use crate::model::endpoint::Endpoint;
use crate::model::ids::{EndpointId, hex_digest};
use crate::model::protocol::CALL_LIMIT;
use crate::model::tags::Holder;
use crate::request::Request;
use crate::runtime::clock::Clock;
use futures_util::future::try_join_all;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use tracing::{info, warn};

/// For how long a look may serve for another decision, if nothing was done since that it would show.
const LOOK_SERVES: SignedDuration = SignedDuration::from_secs(2);

/// What an event knows while it runs, and still knows when it is cut off.
#[derive(Debug, Clone)]
pub struct State {
    pub journal: Journal,
    pub facts: Facts,
    pub progress: Progress,
    retries: Retries,
    /// Pauses so far, so that no two of them have the same jitter.
    pauses: u32,
    /// Whether an action was begun and its result is not recorded yet.
    in_flight: bool,
}

impl State {
    pub fn new(started: Timestamp, sent: Timestamp, deadline: Timestamp) -> Self {
        let (journal, progress) = (Journal::new(started, sent).until(deadline), Progress::default());
        let (facts, retries) = (Facts::default(), Retries::default());
        Self { journal, facts, progress, retries, pauses: 0, in_flight: false }
    }

    /// What a Create that fails now leaves behind.
    pub fn leftovers(&self, now: Timestamp, holder: &Holder) -> Leftovers {
        if self.in_flight { Leftovers::Something } else { self.journal.leftovers(now, holder, &self.facts) }
    }
}

/// Does what a request asks for.
///
/// # Errors
/// A [`Failure`] that no further look can change.
pub async fn reconcile(
    clients: &Clients,
    home: &Home,
    clock: &Clock,
    deadline: Timestamp,
    request: &Request,
    state: &mut State,
) -> Result<Outcome, Failure> {
    // The SDK's futures are large, so every call is boxed.
    let Some(cluster) = request.cluster() else {
        return Reconciler { clients, home, clock, deadline, request, state }.run().await;
    };
    let mut unresolved = Reconciler { clients, home, clock, deadline, request, state: &mut *state };
    let request = &request.with(Box::pin(unresolved.resolve(cluster)).await?);
    Reconciler { clients, home, clock, deadline, request, state }.run().await
}

pub(crate) struct Reconciler<'a> {
    pub(crate) clients: &'a Clients,
    pub(crate) home: &'a Home,
    pub(crate) clock: &'a Clock,
    pub(crate) deadline: Timestamp,
    pub(crate) request: &'a Request,
    pub(crate) state: &'a mut State,
}

impl Reconciler<'_> {
    async fn run(&mut self) -> Result<Outcome, Failure> {
        // No decision can do without the subnets, so they are read beside the first look.
        let has_vpc = self.request.spec().is_some_and(|spec| spec.vpc_id.is_some());
        let mut facts = if has_vpc { vec![Fact::Subnets] } else { Vec::new() };
        let mut reusable = None;
        loop {
            let looked = match reusable.take() {
                Some(observed) => Ok(observed),
                None => Box::pin(self.look(std::mem::take(&mut facts))).await,
            };
            let observed = match looked {
                Ok(observed) => observed,
                Err(error) => {
                    self.retry_look(error).await?;
                    continue;
                }
            };
            let view = View { observed: &observed, facts: &self.state.facts, journal: &self.state.journal };
            self.state.progress.obstacle = decision::obstacle(self.request, self.home, view);
            match decision::next(self.request, self.home, view) {
                Ok(Next::Done(outcome)) => return Ok(outcome),
                Ok(Next::Wait(wait)) => self.wait(wait).await,
                Ok(Next::Read(asked)) => match Box::pin(self.read(&asked)).await {
                    Ok(()) => {
                        reusable = self.if_fresh(observed);
                        if reusable.is_none() {
                            // The look took too long, and so did the facts: read them again beside the next one.
                            facts = self.state.facts.volatile();
                        }
                    }
                    Err(error) => self.retry_look(error).await?,
                },
                // A call that is cut off might take effect after the answer, when nobody looks anymore.
                Ok(Next::Act(action)) if self.deadline.duration_since(self.clock.now()) < action.time_limit() => {
                    self.log_step(format!("no time left for {action}"), "wait");
                    self.pause(CALL_LIMIT).await;
                }
                Ok(Next::Act(action)) => {
                    let done = Box::pin(self.act(&action)).await?;
                    // The journal knows what became of the security group, and no endpoint has changed.
                    if done && action.is_about_a_group() {
                        reusable = self.if_fresh(observed);
                    }
                }
                Err(refusal) => {
                    let pause = after_refusal(&refusal, &self.state.journal, observed.at);
                    let Some(pause) = pause else { return Err(Failure::Refused(refusal)) };
                    self.log_step(format!("looking again, because: {refusal}"), "wait");
                    self.state.facts = Facts::default();
                    self.pause(pause).await;
                }
            }
        }
    }

    /// One look at the endpoints, and facts that will be needed, all at the same time.
    async fn look(&mut self, facts: Vec<Fact>) -> Result<Observed, Ec2Error> {
        let at = self.clock.now();
        let queries = queries(self.request, &self.state.journal);
        let endpoints = try_join_all(queries.iter().map(|query| self.clients.ec2.endpoints(query)));
        let held = self.state.journal.service_held();
        let values = try_join_all(facts.iter().map(|fact| fetch(self.clients, self.clock, self.request, held, fact)));
        let both = Box::pin(async { tokio::try_join!(endpoints, values) });
        let looked = self.clock.until(at.saturating_add(CALL_LIMIT).unwrap_or(at), both).await;
        let (found, values) = looked
            .unwrap_or_else(|| Err(Ec2Error::no_answer("DescribeVpcEndpoints", "one look".to_owned(), TOO_SLOW)))?;
        // Several queries may find the same endpoint.
        let by_id: BTreeMap<EndpointId, Endpoint> =
            found.into_iter().flatten().map(|endpoint| (endpoint.id.clone(), endpoint)).collect();
        let observed = Observed { at, endpoints: by_id.into_values().collect() };
        self.state.facts.forget_volatile();
        self.insert(values);
        self.state.journal.observe(self.request, &observed);
        // An error that has passed explains nothing anymore.
        self.state.progress.last_error.take_if(|error| error.action.starts_with("Describe"));
        if let Some(endpoint) = observed.of_interest(self.request) {
            self.state.progress.last_seen = Some((endpoint.id.clone(), endpoint.state.clone()));
        }
        Ok(observed)
    }

    async fn read(&mut self, facts: &[Fact]) -> Result<(), Ec2Error> {
        let held = self.state.journal.service_held();
        let values =
            try_join_all(facts.iter().map(|fact| fetch(self.clients, self.clock, self.request, held, fact))).await?;
        self.insert(values);
        Ok(())
    }

    fn insert(&mut self, values: Vec<FactValue>) {
        for value in values {
            self.state.facts.insert(value);
        }
    }

    /// A look that may serve for another decision: together with the journal it is as good as a new one that lags.
    fn if_fresh(&self, observed: Observed) -> Option<Observed> {
        (self.clock.now().duration_since(observed.at) < LOOK_SERVES).then_some(observed)
    }

    /// Performs an action; whether EC2 has accepted it.
    pub(crate) async fn act(&mut self, action: &Action) -> Result<bool, Failure> {
        self.log_step(action.to_string(), action.name());
        self.state.in_flight = true;
        let result = self.call(action).await;
        self.state.in_flight = false;
        let now = self.clock.now();
        let State { journal, retries, progress, .. } = &mut *self.state;
        match result {
            Ok(created) => {
                journal.record(self.request, action, Ok(&created), now);
                retries.succeeded();
                progress.last_error = None;
                Ok(true)
            }
            Err(error) => {
                let retry = retries.after(&error, Some(action), self.request, journal, now);
                journal.record(self.request, action, Err(&error), now);
                self.retry(error, retry).await?;
                Ok(false)
            }
        }
    }

    async fn call(&self, action: &Action) -> Result<Created, Ec2Error> {
        let (ec2, done) = (&self.clients.ec2, |()| Created::Nothing);
        match action {
            Action::CreateEndpoint(new) => {
                ec2.create_endpoint(new).await.map(|endpoint| Created::Endpoint(Box::new(endpoint)))
            }
            Action::ModifyEndpoint(id, change) => ec2.modify_endpoint(id, change).await.map(done),
            Action::DeleteEndpoint(id) => ec2.delete_endpoint(id).await.map(done),
            Action::Tag(id, tags) => ec2.tag_endpoint(id, &tags.change(self.request)).await.map(done),
            Action::Mark(new) | Action::CreateGroup(new) => ec2.create_group(new).await.map(Created::Group),
            Action::Authorize(id, rules) => ec2.authorize(id, rules).await.map(done),
            Action::Revoke(id, rules) => ec2.revoke(id, rules).await.map(done),
            Action::RemoveMark(id) | Action::DeleteGroup(id) => ec2.delete_group(id).await.map(done),
        }
    }

    pub(crate) async fn retry_look(&mut self, error: Ec2Error) -> Result<(), Failure> {
        let State { journal, retries, .. } = &mut *self.state;
        let retry = retries.after(&error, None, self.request, journal, self.clock.now());
        self.retry(error, retry).await
    }

    async fn retry(&mut self, error: Ec2Error, retry: Retry) -> Result<(), Failure> {
        if retry == Retry::Never {
            return Err(Failure::Ec2(Box::new(error), self.state.progress.clone()));
        }
        if self.state.journal.narrowing_refused() {
            warn!(step = "retry", "the endpoint still has what this resource requested: {error}");
        } else if error.kind == ErrorKind::GroupInUse {
            warn!(step = "retry", "a security group is still in use: {error}");
        } else {
            info!(step = "retry", error = %error, "EC2 returned an error; looking again");
            // What the next decision takes into account is no obstacle.
            self.state.progress.last_error = Some(error).filter(|_| retry != Retry::Now);
        }
        if let Retry::After(pause) = retry {
            self.pause(pause).await;
        }
        Ok(())
    }

    async fn wait(&mut self, wait: Wait) {
        self.log_step(wait.reason.to_string(), "wait");
        self.state.retries.waited();
        self.state.progress.last_error = None;
        self.pause(wait.at_least).await;
    }

    /// Sleeps for the given time and a jitter: many functions that wait for the same thing must not ask at the same moment.
    /// It is the same for the same event, so that a run can be repeated.
    pub(crate) async fn pause(&mut self, at_least: SignedDuration) {
        self.state.pauses = self.state.pauses.wrapping_add(1);
        let digest = hex_digest(&[&self.request.client_token(0), &self.state.pauses.to_string()]);
        let draw = i32::from_str_radix(digest.get(..4).unwrap_or_default(), 16).unwrap_or_default();
        self.clock.sleep(at_least + self.state.retries.longest_jitter(at_least) * draw / 0xffff).await;
    }

    /// Logs what is being done, once.
    pub(crate) fn log_step(&mut self, what: String, step: &'static str) {
        if self.state.progress.step == what {
            return;
        }
        let endpoint_id = self.state.progress.last_seen.as_ref().map(|(id, _)| id.to_string()).unwrap_or_default();
        info!(step, endpoint_id, "{what}");
        self.state.progress.step = what;
    }
}
