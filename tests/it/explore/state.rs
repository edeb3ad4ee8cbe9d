//! A state of the model: what EC2 has, where each stack is, and the deliveries of events that are in progress.

use super::choices::OpenMoment;
use super::cloudformation::{Operation, Stack};
use super::ec2::{Ec2, Moment, timestamp};
use super::provider::place;
use super::scenario::Scenario;
use jiff::{SignedDuration, Timestamp};
use std::rc::Rc;
use tidb_private_endpoint::decision::action::Action;
use tidb_private_endpoint::decision::journal::Journal;
use tidb_private_endpoint::decision::retry::Retries;
use tidb_private_endpoint::request::Request;

/// The tag key prefixes of references and announcements.
pub(super) const REFERENCE: &str = "tidb-private-endpoint:ref:";
pub(super) const LEAVING: &str = "tidb-private-endpoint:leaving:";

/// A value, or the invariant that is violated.
pub(super) type Checked<T> = Result<T, String>;

/// What a delivery does next.
#[derive(Debug, Clone)]
pub(super) enum NextStep {
    /// The function looks, and decides.
    Look(Moment),
    /// The call that the function has made takes effect.
    Effect(OpenMoment, Rc<Action>),
    /// The function has crashed, or this is a duplicate: the event is delivered again.
    Redelivery(OpenMoment),
}

impl NextStep {
    pub(super) fn at(&self) -> Moment {
        match self {
            Self::Look(at) => *at,
            Self::Effect(open, _) | Self::Redelivery(open) => open.at(),
        }
    }
}

/// One delivery of an event: the function that handles it, and what that function knows.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
pub(super) struct Delivery {
    pub(super) stack: usize,
    pub(super) operation: Operation,
    /// Which of the stack's operations it is.
    pub(super) number: u32,
    pub(super) request: Rc<Request>,
    pub(super) started: Moment,
    /// When CloudFormation sent the event.
    pub(super) sent: Moment,
    /// Until when EC2 has answered its looks with errors, if it had no mark that a Delete could have removed.
    pub(super) blind_until: Moment,
    /// Whether it has created a mark, a reference or an endpoint, and whether the first of them came late.
    pub(super) first_write_late: Option<bool>,
    /// How long its function has. Most events are done long before.
    pub(super) time: Moment,
    pub(super) journal: Rc<Journal>,
    pub(super) next: NextStep,
    pub(super) retries: Retries,
    pub(super) looks: u32,
    /// How many seconds its clock is ahead.
    pub(super) skew: Moment,
    /// Whether it is the second delivery of its event, or a release beside its events. It runs elsewhere, so its clock never
    /// shows the same nanosecond as that of the first delivery. In the model, one millisecond stands for the difference.
    pub(super) duplicate: bool,
    /// Whether it begins only after the first delivery of its event has ended.
    pub(super) is_again: bool,
    /// Whether CloudFormation rolls back if it fails.
    pub(super) rolls_back: bool,
    /// Whether its function never responds.
    pub(super) dies: bool,
}

impl Delivery {
    /// What the clock of its function shows.
    pub(super) fn clock(&self, now: Moment) -> Timestamp {
        timestamp(now + self.skew) + SignedDuration::from_millis(i64::from(self.duplicate))
    }
}

#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
pub(super) struct State {
    pub(super) now: Moment,
    pub(super) ec2: Ec2,
    pub(super) stacks: Vec<Stack>,
    pub(super) deliveries: Vec<Delivery>,
    /// How many more failures this history may contain.
    pub(super) failures: u8,
    /// Whether a failure has happened.
    pub(super) has_failed: bool,
    /// Whether what an update replaces is kept.
    pub(super) retains: bool,
    /// Whether its URLs have no date.
    pub(super) undated: bool,
    /// Whether CloudFormation answers no questions.
    pub(super) is_unanswered: bool,
    /// Whether the history has reached the known limit of the protocol and ends here.
    pub(super) exempt: bool,
    pub(super) most_looks: u32,
    /// The trace so far, if the history is a replay.
    pub(super) trace: Option<Vec<String>>,
}

impl State {
    pub(super) fn initial(scenario: &Scenario) -> Self {
        let mut ec2 = Ec2::default();
        let mut stacks: Vec<Stack> = scenario.stacks.iter().map(|plan| Stack::new(plan)).collect();
        for endpoint in &scenario.endpoints {
            let id = place(&mut ec2, endpoint);
            for holder in &endpoint.holders {
                let stack = &mut stacks[*holder];
                stack.physical_id = Some(id.to_string());
                stack.promised = Some(id.clone());
                stack.joined.insert(id.clone());
                stack.spec = Some(endpoint.of.get(holder).copied().unwrap_or(endpoint.spec));
            }
        }
        Self {
            now: 0,
            ec2,
            stacks,
            deliveries: Vec::new(),
            failures: scenario.failures,
            has_failed: false,
            retains: scenario.retains,
            undated: scenario.planted.undated,
            is_unanswered: scenario.is_unanswered,
            exempt: false,
            most_looks: 0,
            trace: None,
        }
    }

    /// Adds a line to the trace.
    pub(super) fn trace(&mut self, line: impl FnOnce() -> String) {
        let now = self.now;
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{now:>4} s  {}", line()));
        }
    }

    /// The next moment at which something may happen.
    pub(super) fn next_moment(&self) -> Option<Moment> {
        let sent = self.stacks.iter().filter_map(|stack| stack.next_event.as_ref().map(OpenMoment::at));
        sent.chain(self.deliveries.iter().map(|delivery| delivery.next.at())).min()
    }
}
