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
    if removed.is_some() && !endpoint.is_owned() {
        return Release::Finished;
    }
    let settled_at = removed.unwrap_or(journal.started).saturating_add(READ_LAG).unwrap_or(Timestamp::MAX);
    if at < settled_at {
        return go_on(wait(Reason::Joiners(id.clone()), settled_at.duration_since(at)));
    }
    if !endpoint.is_owned() {
        return Release::Finished;
    }
    let others = holder.others(&endpoint.tags);
    let own_key = holder.leaving_key();
    let announced = journal.leaving.get(id);
    if !others.is_empty() {
        let shown = endpoint.tags.contains_key(&own_key) && !journal.swept.contains_key(&(id.clone(), own_key.clone()));
        return if shown || announced.is_some() {
            go_on(Step::Sweep { endpoint: id.clone(), keys: vec![own_key] })
        } else {
            Release::Finished
        };
    }
    let Some(announced) = announced else { return go_on(announce(endpoint, at)) };
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
