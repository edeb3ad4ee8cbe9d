//! Taking something away from an endpoint that another stack may be joining: a subnet, a security group, a rule, or private
//! DNS.
//!
//! A stack that has joined relies on what it found. So narrowing is announced and settled as a deletion is: announce, wait
//! `2 L`, look for the last time. What no holder requests then is taken away; wait `L`, and withdraw the announcement. A
//! stack that joins meanwhile, or requests something else, either shows up in the last look, or sees the announcement and
//! waits until it is withdrawn; by then a look shows what was taken away, and the stack adds what it needs
//! (`docs/sharing.md`).

use super::action::{Action, TagAction};
use super::journal::Journal;
use super::poll::LAG_POLL;
use super::release::announce;
use super::view::{Next, Reason, Unless, wait};
use crate::model::endpoint::Endpoint;
use crate::model::protocol::may_predate;
use jiff::Timestamp;

/// The next step toward an action that takes something away from an endpoint.
pub(super) fn narrow(endpoint: &Endpoint, action: Action, at: Timestamp, journal: &Journal) -> Next {
    let (id, record) = (&endpoint.id, journal.endpoint(&endpoint.id));
    let announce = || Next::Act(Action::Tag(id.clone(), announce(at)));
    match record.announced {
        None if record.withdrawn.is_some_and(|when| may_predate(at, when)) => {
            wait(Reason::ReadLag(id.clone()), LAG_POLL)
        }
        None => announce(),
        Some(announced) => {
            let last_look = announced.last_look();
            if at < last_look {
                wait(Reason::JoinersOfNarrowed(id.clone()), last_look.duration_since(at))
            } else if announced.is_ending(at) {
                announce()
            } else {
                Next::Act(action)
            }
        }
    }
}

/// This event's announcements, to be withdrawn, unless a look of a stack that joins may not show yet what was taken away.
pub(super) fn withdrawable(endpoint: &Endpoint, at: Timestamp, journal: &Journal) -> Unless<Vec<String>> {
    let (id, record) = (&endpoint.id, journal.endpoint(&endpoint.id));
    let keys = record.standing_announcements();
    let may_not_show = journal.change_attempted().is_some_and(|when| may_predate(at, when));
    if !keys.is_empty() && may_not_show { Err(wait(Reason::ReadLag(id.clone()), LAG_POLL).into()) } else { Ok(keys) }
}

/// The withdrawal of announcements.
pub(super) fn withdraw(endpoint: &Endpoint, keys: Vec<String>) -> Action {
    Action::Tag(endpoint.id.clone(), TagAction::RemoveAnnouncements(keys))
}
