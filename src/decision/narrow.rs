//! Taking something away from an endpoint that another stack may be joining: a subnet, a security group, a rule, or private
//! DNS.
//!
//! A stack that has joined relies on what it found. So narrowing is announced and settled as a deletion is: announce, wait
//! `2 L`, look for the last time. If no other holder shows up, narrow, wait `L`, and withdraw the announcement. A stack that
//! joins meanwhile either shows up in the last look, or sees the announcement and waits until it is withdrawn; by then a
//! look shows what was taken away, and the stack adds what it needs (`docs/sharing.md`).

use super::action::{Action, TagAction};
use super::poll::LAG_POLL;
use super::provision::Provision;
use super::release::announce;
use super::view::{Interrupt, Reason, Unless, View, wait};
use crate::model::endpoint::Endpoint;
use crate::model::protocol::may_predate;

impl Provision<'_> {
    /// The next step toward an action that narrows an endpoint without other holders.
    pub(super) fn narrow(&self, endpoint: &Endpoint, action: Action) -> Interrupt {
        let View { observed, journal, .. } = self.view;
        let (at, id, record) = (observed.at, &endpoint.id, journal.endpoint(&endpoint.id));
        let announce = || Action::Tag(id.clone(), announce(at)).into();
        match record.announced {
            None if record.withdrawn.is_some_and(|when| may_predate(at, when)) => {
                wait(Reason::ReadLag(id.clone()), LAG_POLL).into()
            }
            None => announce(),
            Some(announced) => {
                let last_look = announced.last_look();
                if at < last_look {
                    wait(Reason::JoinersOfNarrowed(id.clone()), last_look.duration_since(at)).into()
                } else if announced.is_ending(at) {
                    announce()
                } else {
                    action.into()
                }
            }
        }
    }

    /// Withdraws this event's announcement once a look of a stack that joins shows what was taken away.
    pub(super) fn withdraw(&self, endpoint: &Endpoint) -> Unless<()> {
        let View { observed, journal, .. } = self.view;
        let (id, record) = (&endpoint.id, journal.endpoint(&endpoint.id));
        let keys = record.standing_announcements();
        if keys.is_empty() {
            return Ok(());
        }
        let modified = record.modified.as_ref().map(|modified| modified.at);
        let revoked = endpoint.group_ids.iter().filter_map(|id| journal.group(id).revoked);
        if revoked.chain(modified).any(|when| observed.may_predate(when)) {
            return Err(wait(Reason::ReadLag(id.clone()), LAG_POLL).into());
        }
        Err(Action::Tag(id.clone(), TagAction::RemoveAnnouncements(keys)).into())
    }
}
