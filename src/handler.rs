//! One event from arrival to answer. Whatever comes, there is an answer, unless there is nobody to give it to.

use crate::callback::{Callback, Undelivered};
use crate::clock::Clock;
use crate::ec2::Ec2;
use crate::event::{Event, ReplyTo, Unreadable};
use crate::failure::{Failure, Whereabouts};
use crate::journal::Left;
use crate::log::METRICS;
use crate::metrics::{Ending, Metrics};
use crate::outcome::Outcome;
use crate::reconcile::{Progress, reconcile};
use crate::reference::Holder;
use crate::request::Request;
use crate::response::Answer;
use crate::step::Home;
use futures_util::FutureExt as _;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::panic::AssertUnwindSafe;
use tracing::{Instrument as _, Span, error, info, info_span, warn};

/// How long before the end of time the work stops, so that the answer still gets out.
const ANSWER_MARGIN: SignedDuration = SignedDuration::from_secs(15);
/// How long before the end of time the last attempt to answer ends.
const LAST_MOMENT: SignedDuration = SignedDuration::from_secs(1);

/// What answers events.
#[derive(Debug, Clone)]
pub struct Handler {
    /// The door to EC2.
    pub ec2: Ec2,
    /// Where the function is.
    pub home: Home,
    /// The function itself.
    pub function: Function,
}

/// What Lambda says of the function that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// Its log stream, to name in reasons.
    pub log_stream: String,
    /// The level that its log is set to.
    pub log_level: String,
}

/// What an event comes to.
#[derive(Debug)]
pub enum Handled {
    /// An answer, and until when it can be given.
    Answer(ReplyTo, Box<Answer>, Timestamp),
    /// Nothing was done and nothing is said: the response URL has expired.
    Expired,
    /// Nothing was done, and there is nobody to tell.
    Nobody(Unreadable),
}

/// Why the function fails, which makes Lambda deliver the event again.
#[derive(Debug, thiserror::Error)]
pub enum Unanswered {
    /// It could not deliver the answer.
    #[error(transparent)]
    Undelivered(#[from] Undelivered),
    /// It found nobody to answer.
    #[error("{0}; it has no ResponseURL to answer to")]
    Nobody(Unreadable),
}

impl Handler {
    /// Handles an event, delivers its answer, and counts what came of it.
    ///
    /// # Errors
    /// [`Unanswered`].
    pub async fn serve(
        &self,
        callback: &Callback,
        raw: &Value,
        clock: Clock,
        function_deadline: Timestamp,
    ) -> Result<(), Unanswered> {
        let (arrived, calls) = (clock.now(), self.ec2.calls());
        let failed = |outcome| Ending { outcome, failed: true };
        let (ending, result) = match self.handle(raw, clock, function_deadline).await {
            Handled::Answer(to, answer, until) => {
                let body = answer.body(&to);
                let put = callback.put(&to.response_url, &body, &clock, until);
                match put.instrument(span(&to, raw)).await {
                    Ok(()) => (Ending { outcome: answer.outcome, failed: answer.failure.is_some() }, Ok(())),
                    Err(undelivered) => (failed("undelivered"), Err(undelivered.into())),
                }
            }
            Handled::Expired => (failed("expired"), Ok(())),
            Handled::Nobody(unreadable) => (failed("unreadable"), Err(Unanswered::Nobody(unreadable))),
        };
        let metrics = Metrics { ending, arrived, ended: clock.now(), ec2_calls: self.ec2.calls() - calls };
        info!(target: METRICS, "{}", metrics.line(&self.function.name, &self.function.log_level, raw));
        result
    }

    /// Handles an event; everything but the delivery of the answer.
    pub async fn handle(&self, raw: &Value, clock: Clock, function_deadline: Timestamp) -> Handled {
        match Event::read(raw) {
            Ok(event) => {
                let span = span(&event.reply_to, raw);
                self.act(event, clock, function_deadline).instrument(span).await
            }
            Err(unreadable) => self.unreadable(unreadable, raw, function_deadline),
        }
    }

    /// Answers what is no event, if there is somebody to answer.
    fn unreadable(&self, unreadable: Unreadable, raw: &Value, function_deadline: Timestamp) -> Handled {
        let Some(to) = unreadable.reply_to.as_deref().cloned() else {
            error!(outcome = "unreadable", "{unreadable}");
            return Handled::Nobody(unreadable);
        };
        span(&to, raw).in_scope(|| error!(outcome = "unreadable", "{unreadable}"));
        let holder = Holder::new(&to.stack_id, &to.logical_id);
        let failure = Failure::Unreadable(unreadable);
        let answer =
            Answer::failed(failure, &holder, to.physical_id.as_deref(), &Left::Nothing, &self.function.log_stream);
        Handled::Answer(to, Box::new(answer), before(function_deadline, LAST_MOMENT))
    }

    /// Acts on an event, unless CloudFormation has given up on it.
    async fn act(&self, event: Event, clock: Clock, function_deadline: Timestamp) -> Handled {
        let arrival = clock.now();
        if event.reply_to.response_url.expires_at().is_some_and(|expiry| expiry <= arrival) {
            warn!(
                outcome = "expired",
                "the response URL has expired, so CloudFormation has given up on this event; nothing is done"
            );
            return Handled::Expired;
        }
        let end = event.service_timeout().map_or(function_deadline, |timeout| {
            arrival.saturating_add(timeout).unwrap_or(Timestamp::MAX).min(function_deadline)
        });
        let answer = self.answer(&event, &clock, end).await;
        Handled::Answer(event.reply_to, Box::new(answer), before(end, LAST_MOMENT))
    }

    /// Does what the event asks for, and words the answer. Stops early enough before `end` to give it.
    async fn answer(&self, event: &Event, clock: &Clock, end: Timestamp) -> Answer {
        let arrival = clock.now();
        // A short ServiceTimeout still leaves most of its time for the work.
        let margin = ANSWER_MARGIN.min(end.duration_since(arrival) / 4);
        let holder = Holder::new(&event.reply_to.stack_id, &event.reply_to.logical_id);
        let named = event.reply_to.physical_id.as_deref();
        let mut progress = Progress::new(arrival);
        let request = Request::read(event);
        let result = match &request {
            Ok(request) => {
                info!(step = "start", "handling the request");
                self.bounded(request, clock, before(end, margin), &mut progress).await
            }
            Err(invalid) => Err(Failure::Invalid(invalid.clone())),
        };
        let duration_ms = i64::try_from(clock.now().duration_since(arrival).as_millis()).unwrap_or(i64::MAX);
        match result {
            Ok(outcome) => {
                let spec = request.as_ref().ok().and_then(Request::spec);
                let place = spec.map(|spec| (spec, &progress.survey));
                let answer = Answer::success(&outcome, &holder, named, place);
                info!(outcome = answer.outcome, endpoint_id = answer.physical_id, duration_ms, "done");
                answer
            }
            Err(failure) => {
                let left = progress.journal.left(clock.now(), &holder, &progress.survey);
                let answer = Answer::failed(failure, &holder, named, &left, &self.function.log_stream);
                if let Some(failure) = &answer.failure {
                    error!(outcome = answer.outcome, endpoint_id = answer.physical_id, duration_ms, "{failure}");
                }
                answer
            }
        }
    }

    /// The work, ended by the deadline and by a panic alike with what is known of it.
    async fn bounded(
        &self,
        request: &Request,
        clock: &Clock,
        deadline: Timestamp,
        progress: &mut Progress,
    ) -> Result<Outcome, Failure> {
        let arrival = clock.now();
        let work = reconcile(&self.ec2, &self.home, clock, deadline, request, progress);
        let ended = clock.until(deadline, AssertUnwindSafe(work).catch_unwind()).await;
        let whereabouts = || -> Whereabouts { progress.whereabouts.clone() };
        match ended {
            Some(Ok(result)) => result,
            Some(Err(_panic)) => Err(Failure::Panicked(whereabouts())),
            None => Err(Failure::TimedOut(clock.now().duration_since(arrival).as_secs(), whereabouts())),
        }
    }
}

/// What every line of an event's log belongs to.
fn span(to: &ReplyTo, raw: &Value) -> Span {
    let request_type = raw.get("RequestType").and_then(Value::as_str).unwrap_or_default();
    info_span!("event", stack = to.stack_id, logical_id = to.logical_id, request_id = to.request_id, request_type)
}

fn before(moment: Timestamp, span: SignedDuration) -> Timestamp {
    moment.saturating_sub(span).unwrap_or(Timestamp::MIN)
}
