//! Releasing an endpoint that other resources may share, without compare-and-set and with reads that lag.

use super::action::{self, Action, TagAction};
use super::journal::Journal;
use super::late::is_late;
use super::leave::{Leave, Surplus};
use super::narrow::{narrow, withdraw, withdrawable};
use super::poll::{LAG_POLL, POLL};
use super::records::Announced;
use super::view::{Next, Reason, Unless, View, wait};
use crate::model::endpoint::{Endpoint, EndpointState};
use crate::model::protocol::{ANNOUNCEMENT_SETTLE, ANNOUNCEMENT_WINDOW, READ_LAG, after, may_predate};
use crate::model::tags::Claim;
use jiff::Timestamp;

/// Where a release stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Release {
    /// There is more to do.
    Next(Next),
    /// The reference is removed, and so is the endpoint if it had to be.
    Finished,
}

/// Decides how to go on with releasing an endpoint that a look has shown.
///
/// # Flow
///
/// ```text
///  Held ──► take away what only this resource requests ──► remove the reference ──► Settling: wait L, look again
///                                                                                      │
///      ┌──────────────┬──────────────────────────────────────────┬─────────────────────┘
///   Foreign        Shared                                     Unheld ──► announce the deletion
///   finished       take away what is left of it, withdraw        │
///                  what was announced; finished               Announced: wait 2 L, last look ──► delete ──► Deleting ──► Gone
/// ```
///
/// Every phase is read from the look and the journal, never stored; a joiner that shows up in any look leads to *Shared*.
///
/// # Guarantees
///
/// * No resource that has joined the endpoint loses it, or anything that it requests of it.
/// * An endpoint that the provider owns and no resource holds is deleted, by this event or by its redelivery.
/// * What this resource has brought and no other resource requests is taken away, so that its stack can delete it.
/// * Only the provider's own endpoints are announced, narrowed or deleted, and only this resource's own tags are removed.
///
/// # Assumptions
///
/// Those of `docs/sharing.md`, which has the proof: above all that a read shows everything written more than
/// [`READ_LAG`] before it.
pub(super) fn release(leave: &Leave<'_>) -> Unless<Release> {
    let Leave { claim, endpoint, view: View { observed, journal, .. }, .. } = *leave;
    let (id, at) = (&endpoint.id, observed.at);
    let pause = |reason: Reason, until: Timestamp| Release::Next(wait(reason, until.duration_since(at)));
    let act = |action: TagAction| Release::Next(Next::Act(Action::Tag(id.clone(), action)));
    Ok(match phase(claim, endpoint, at, journal) {
        Phase::Gone | Phase::Foreign => Release::Finished,
        Phase::Deleting => Release::Next(wait(Reason::Deleting(id.clone()), POLL)),
        Phase::Held => {
            if let Some(next) = take_along(leave)? {
                return Ok(Release::Next(next));
            }
            let announcements = withdrawable(endpoint, at, journal)?;
            // One that is delivered again may meet a later request of the resource, which writes its own meanwhile.
            let is_exact = claim.mark.is_some() || claim.until.is_some() && is_late(journal.sent(), journal.started());
            let shown = endpoint.tags.get(&claim.holder.ref_key());
            let value = shown.filter(|_| is_exact).cloned();
            act(TagAction::Release(action::Release { value, announcements, tags: leave.tags() }))
        }
        Phase::Settling(until) => pause(Reason::Joiners(id.clone()), until),
        // Withdrawing the announcement of a deletion that is under way would leave joiners without a warning.
        Phase::Shared if journal.endpoint(id).may_be_deleting(at) => {
            Release::Next(wait(Reason::Deleting(id.clone()), LAG_POLL))
        }
        Phase::Shared => match take_along(leave)? {
            Some(next) => Release::Next(next),
            None => match (withdrawable(endpoint, at, journal)?, leave.tags_left()) {
                (keys, _) if !keys.is_empty() => Release::Next(Next::Act(withdraw(endpoint, keys))),
                (_, Some(action)) => Release::Next(Next::Act(action)),
                (_, None) => {
                    leave.wait_until_freed()?;
                    Release::Finished
                }
            },
        },
        Phase::Unheld => act(announce(at)),
        Phase::Announced(announced) => {
            let last_look = announced.last_look();
            let delete_called = journal.endpoint(id).deleted.is_some_and(|when| may_predate(at, when));
            if at < last_look {
                pause(Reason::Joiners(id.clone()), last_look)
            } else if delete_called {
                Release::Next(wait(Reason::Deleting(id.clone()), LAG_POLL))
            } else if announced.is_ending(at) {
                act(announce(at))
            } else {
                Release::Next(Next::Act(Action::DeleteEndpoint(id.clone())))
            }
        }
    })
}

/// An endpoint that this event has begun to release, and that a look does not show, may have been created a moment ago.
pub(super) fn wait_for_what_may_still_show(View { observed, journal, .. }: View<'_>) -> Unless<()> {
    if journal.may_show_again(observed) { Err(wait(Reason::NothingYet, LAG_POLL).into()) } else { Ok(()) }
}

/// The next step of taking away what only this resource requests.
fn take_along(leave: &Leave<'_>) -> Unless<Option<Next>> {
    let Leave { endpoint, view: View { observed, journal, .. }, .. } = *leave;
    Ok(match leave.surplus()? {
        Surplus::Nothing => None,
        Surplus::Add(action) => Some(Next::Act(action)),
        Surplus::Take(action) => Some(narrow(endpoint, action, observed.at, journal)),
        // Others may wait for the announcement to be withdrawn.
        Surplus::WaitForSuccessor => Some(match withdrawable(endpoint, observed.at, journal)? {
            keys if keys.is_empty() => wait(Reason::Successor(endpoint.id.clone()), POLL),
            keys => Next::Act(withdraw(endpoint, keys)),
        }),
    })
}

/// The state of an endpoint that is to be released, as one look and the journal tell it.
enum Phase {
    /// The endpoint no longer exists.
    Gone,
    /// It is being deleted.
    Deleting,
    /// It has this resource's reference.
    Held,
    /// The reference is removed, but the look may not show everything that was written before, until this moment.
    Settling(Timestamp),
    /// The provider did not create it.
    Foreign,
    /// Others hold it.
    Shared,
    /// No resource holds it, and this event has not announced its deletion.
    Unheld,
    /// No resource holds it, and this event has announced its deletion.
    Announced(Announced),
}

fn phase(claim: Claim<'_>, endpoint: &Endpoint, at: Timestamp, journal: &Journal) -> Phase {
    let record = journal.endpoint(&endpoint.id);
    if endpoint.state == EndpointState::Deleted || (record.seen_deleting() && !endpoint.is_owned()) {
        return Phase::Gone;
    }
    if record.seen_deleting() {
        return Phase::Deleting;
    }
    let shown_late = record.released.is_some_and(|when| may_predate(at, when));
    if claim.is_in(&endpoint.tags) && !shown_late {
        return Phase::Held;
    }
    // Foreign endpoints settle, too: a Create that comes right after must not take a reference that is shown late for its
    // own.
    let settled = after(record.release_attempted.unwrap_or(journal.started()), READ_LAG);
    if at < settled {
        return Phase::Settling(settled);
    }
    if !endpoint.is_owned() {
        return Phase::Foreign;
    }
    if claim.others(&endpoint.tags).next().is_some() {
        return Phase::Shared;
    }
    match (record.announced, record.withdrawn) {
        (Some(announced), _) => Phase::Announced(announced),
        // Withdrawn a moment ago for a reference that this look does not show: it is gone again, or not shown yet.
        (None, Some(withdrawn)) if may_predate(at, withdrawn) => Phase::Settling(after(withdrawn, READ_LAG)),
        (None, _) => Phase::Unheld,
    }
}

/// The announcement of what follows a look at `at`, after the settling.
pub(super) fn announce(at: Timestamp) -> TagAction {
    TagAction::Announce(after(at, ANNOUNCEMENT_SETTLE + ANNOUNCEMENT_WINDOW))
}
