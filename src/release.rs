//! Letting go of an endpoint that others may share, without compare-and-set and with reads that lag.
//!
//! Remove the reference; wait the lag; look. References left, or not the product's: done. None left: announce the
//! deletion, wait twice the lag, and look for the last time. A reference appeared: withdraw, done. None: delete, and
//! wait for the end.
//!
//! Why nobody who joined loses the endpoint: a joiner looks after it wrote its reference. If it does not see the
//! announcement, it wrote less than the lag after the announcement, or earlier; the leaver's last look comes twice the
//! lag after, and so sees the reference. If it does see the announcement, it waits.

use crate::endpoint::{Endpoint, EndpointState};
use crate::journal::Journal;
use crate::reference::{Holder, LEAVING_SETTLE, LEAVING_WINDOW, READ_LAG};
use crate::step::{LAG_POLL, POLL, Reason, Step, wait};
use jiff::{SignedDuration, Timestamp};

/// The longest that one call to EC2 may take, retries of ours not counted. Looking and deleting together stay far inside
/// the window after which a leaver no longer deletes.
pub const CALL_LIMIT: SignedDuration = SignedDuration::from_secs(15);

/// Where a release stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Release {
    /// There is more to do.
    Step(Step),
    /// The reference is gone, and so is the endpoint if it had to go.
    Finished,
}

/// Decides how to go on with releasing an endpoint that a look at `at` has shown.
#[must_use]
pub fn release(holder: &Holder, endpoint: &Endpoint, at: Timestamp, journal: &Journal) -> Release {
    let id = &endpoint.id;
    let go_on = |step: Step| Release::Step(step);
    if endpoint.state == EndpointState::Deleted || (journal.is_doomed(id) && !endpoint.is_owned()) {
        return Release::Finished;
    }
    if journal.is_doomed(id) {
        return go_on(wait(Reason::Deleting(id.clone()), POLL));
    }
    let removed = journal.released.get(id).copied();
    let lag_since_removal = removed.is_some_and(|when| Journal::may_be_stale(at, when));
    if holder.is_in(&endpoint.tags) && !lag_since_removal {
        return go_on(Step::Release(id.clone()));
    }
    let last_call = journal.release_calls.get(id).copied();
    let settled_at = last_call.unwrap_or(journal.started).saturating_add(READ_LAG).unwrap_or(Timestamp::MAX);
    // Even where there is nothing to delete: a Create that comes right after must not take what it is shown late for its
    // own reference.
    if at < settled_at {
        return go_on(wait(Reason::Joiners(id.clone()), settled_at.duration_since(at)));
    }
    if !endpoint.is_owned() {
        return Release::Finished;
    }
    let others = holder.others(&endpoint.tags);
    if !others.is_empty() {
        // Withdrawn, the announcement of a deletion that is under way would no longer warn anybody of it.
        if journal.may_be_deleting(id, at) {
            return go_on(wait(Reason::Deleting(id.clone()), LAG_POLL));
        }
        let keys = journal.announcements(id);
        let withdraw = Step::Sweep { endpoint: id.clone(), keys: keys.clone() };
        return if keys.is_empty() { Release::Finished } else { go_on(withdraw) };
    }
    let Some(announced) = journal.leaving.get(id) else {
        // Withdrawn a moment ago for a reference that this look does not show: it is either gone again or not shown yet.
        let withdrawn = journal.withdrawn(id).filter(|when| Journal::may_be_stale(at, *when));
        return go_on(withdrawn.map_or_else(
            || announce(endpoint, at),
            |when| wait(Reason::Joiners(id.clone()), READ_LAG - at.duration_since(when)),
        ));
    };
    let last_look = announced.written.saturating_add(LEAVING_SETTLE).unwrap_or(Timestamp::MAX);
    if at < last_look {
        return go_on(wait(Reason::Joiners(id.clone()), last_look.duration_since(at)));
    }
    if journal.deleted.get(id).is_some_and(|when| Journal::may_be_stale(at, *when)) {
        return go_on(wait(Reason::Deleting(id.clone()), LAG_POLL));
    }
    // The look that led here and the call to come take at most the limit each.
    if announced.until.duration_since(at) < CALL_LIMIT + CALL_LIMIT {
        return go_on(announce(endpoint, at));
    }
    go_on(Step::Delete(id.clone()))
}

fn announce(endpoint: &Endpoint, at: Timestamp) -> Step {
    let until = at.saturating_add(LEAVING_SETTLE + LEAVING_WINDOW).unwrap_or(Timestamp::MAX);
    Step::Announce { endpoint: endpoint.id.clone(), until }
}
