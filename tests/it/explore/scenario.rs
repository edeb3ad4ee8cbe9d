//! What a scenario consists of, and its variants with fewer schedules.

use super::cloudformation::{Planned, Spec};
use super::ec2::Moment;
use super::planted::PlantedFault;
use jiff::SignedDuration;
use std::collections::BTreeMap;
use tidb_private_endpoint::model::protocol::CALL_LIMIT;

/// The longest time from the start of a look to the effect of the call that it leads to: each may take the limit of a
/// call.
pub(super) const SLOWEST: Moment = 2 * CALL_LIMIT.as_secs() - 1;

/// When a Create has written something that its Delete finds, unless EC2 fails (assumption 6 in `docs/sharing.md`).
pub(super) const FIRST_WRITE: Moment = 45;

/// The stacks and their plans, and what else may happen.
#[derive(Clone)]
pub(super) struct Scenario {
    pub(super) name: &'static str,
    /// What CloudFormation does with each stack, in order.
    pub(super) stacks: Vec<Vec<Planned>>,
    /// The endpoints that exist at the start.
    pub(super) endpoints: Vec<Existing>,
    /// How long a look and the call that follows it may take together.
    pub(super) delays: Vec<Moment>,
    /// How many failures one history may contain: crashes, outages, lost answers, and failed calls.
    pub(super) failures: u8,
    /// How long after a crash the event may be delivered again.
    pub(super) redelivered_after: Vec<Moment>,
    /// How many seconds each stack's clock is ahead; 0 for stacks that are not listed.
    pub(super) skew: Vec<Moment>,
    /// Everything happens at multiples of this many seconds.
    pub(super) grid: Moment,
    /// The template has `UpdateReplacePolicy: Retain`: what an update replaces is kept.
    pub(super) retains: bool,
    /// CloudFormation does not say whether it still waits for an event.
    pub(super) is_unanswered: bool,
    pub(super) planted: PlantedFault,
}

/// An endpoint that exists at the start.
#[derive(Clone)]
pub(super) struct Existing {
    /// The stacks that are its holders.
    pub(super) holders: Vec<usize>,
    /// Whether the provider created it. Otherwise it is foreign.
    pub(super) owned: bool,
    /// What its holders request, unless `of` says otherwise.
    pub(super) spec: Spec,
    /// What some of them request.
    pub(super) of: BTreeMap<usize, Spec>,
}

impl Scenario {
    /// Identifies the scenario and its variant.
    pub(super) fn title(&self) -> String {
        let failures = if self.failures == 0 { ", without failures" } else { "" };
        let grid = if self.grid > 1 { ", in steps of 5 s" } else { "" };
        let unanswered = if self.is_unanswered { ", without CloudFormation's answer" } else { "" };
        format!("{}{unanswered}{failures}{grid}", self.name)
    }

    /// The moment after a pause: at least a second later, and on the grid.
    pub(super) fn after_pause(&self, now: Moment, pause: SignedDuration) -> Moment {
        let at = now + pause.as_secs().max(1);
        at + (-at).rem_euclid(self.grid)
    }
}

/// The variant without crashes, outages, lost answers, and failed calls.
pub(super) fn without_failures(scenario: Scenario) -> Scenario {
    Scenario { failures: 0, ..scenario }
}

/// The variant in which CloudFormation does not say whether it still waits for an event.
pub(super) fn unanswered(scenario: Scenario) -> Scenario {
    Scenario { is_unanswered: true, ..scenario }
}

/// The variant in which everything happens at multiples of five seconds. Pauses are rounded up, so looks are only
/// later, never early. Moments that the scenario leaves open are rounded down. The read lag is two steps, so that what
/// was written one step ago may be visible or not.
pub(super) fn coarse(scenario: Scenario) -> Scenario {
    const STEP: Moment = 5;
    let round_down = |moments: &mut Vec<Moment>| {
        for moment in moments.iter_mut() {
            *moment -= *moment % STEP;
        }
        moments.dedup();
    };
    let mut scenario = Scenario { grid: STEP, ..scenario };
    round_down(&mut scenario.delays);
    round_down(&mut scenario.redelivered_after);
    for planned in scenario.stacks.iter_mut().flatten() {
        round_down(&mut planned.after);
        round_down(&mut planned.duplicated_after);
        round_down(&mut planned.again_after);
    }
    scenario
}
