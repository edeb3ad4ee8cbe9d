//! Joining an endpoint: its reference, and what may happen to it meanwhile.

use super::action::{Action, TagAction};
use super::poll::LAG_POLL;
use super::provision::Provision;
use super::refusal::Refusal;
use super::view::{Reason, Unless, View, wait};
use crate::model::endpoint::{Endpoint, EndpointState};
use crate::model::ids::{EndpointId, join};
use crate::model::tags::{Announcements, TAG_LIMIT, counted};

/// How many holders a sentence names.
const NAMED_HOLDERS_MAX: usize = 5;

impl Provision<'_> {
    /// What became of endpoints that have, or had, this resource's reference. A reference that is gone is never written
    /// again: a Delete of this resource has been handled meanwhile.
    pub(super) fn check_held(&self) -> Unless<()> {
        let View { observed, journal, .. } = self.view;
        for (id, record) in journal.endpoints() {
            let Some(since) = record.referenced.filter(|_| record.is_held(observed.at) && !record.is_releasing())
            else {
                continue;
            };
            let lag = || Err(wait(Reason::ReadLag(id.clone()), LAG_POLL).into());
            match observed.find(id) {
                None if record.seen_deleting() => {}
                None if observed.may_predate(since) => return lag(),
                None if self.is_wanted(id) => return Err(Refusal::EndpointVanished { endpoint: id.clone() }.into()),
                None => {}
                Some(endpoint) if self.request.claims(id, &endpoint.tags) => {
                    // An Update may leave a lost endpoint for a new one, but not one that it was working on.
                    let working_on_it = record.created.is_some() || record.modified.is_some();
                    if endpoint.state.is_lost() && (working_on_it || self.request.current().is_none()) {
                        return Err(lost(endpoint).into());
                    }
                }
                Some(_) if observed.may_predate(since) => return lag(),
                // Another tool may have removed it, and nothing depends on it.
                Some(endpoint) if !endpoint.is_owned() && !record.owned => {}
                Some(_) => return Err(Refusal::Overtaken { endpoint: id.clone() }.into()),
            }
        }
        Ok(())
    }

    /// Whether an endpoint that no look shows anymore was the one to have, and not one to leave behind.
    fn is_wanted(&self, id: &EndpointId) -> bool {
        self.view.journal.endpoint(id).created.is_some() || self.choose().is_none()
    }

    /// The first phase: join the endpoint, and wait for those that have announced to delete it.
    pub(super) fn hold(&self, endpoint: &Endpoint) -> Unless<()> {
        if !self.request.claims(&endpoint.id, &endpoint.tags) && self.needs_reference(endpoint) {
            // The Create may have been deleted while it asked for the service of its cluster.
            if self.spec.cluster.is_some() && self.has_waited() {
                self.keep_mark()?;
            }
            return Err(self.join(endpoint)?.into());
        }
        self.wait_for_announcements(endpoint)?;
        if endpoint.state == EndpointState::PendingAcceptance {
            return Err(Refusal::AcceptanceRequired { service: endpoint.service_name.clone() }.into());
        }
        Ok(())
    }

    fn join(&self, endpoint: &Endpoint) -> Unless<Action> {
        let count = counted(&endpoint.tags);
        if count >= TAG_LIMIT && !self.request.holder.is_in(&endpoint.tags) {
            let holders = self.other_holders(endpoint);
            return Err(Refusal::TooManyHolders { endpoint: endpoint.id.clone(), count, holders }.into());
        }
        Ok(Action::Tag(endpoint.id.clone(), TagAction::Join))
    }

    /// The other holders of an endpoint, for a sentence.
    pub(super) fn other_holders(&self, endpoint: &Endpoint) -> String {
        let holders = self.request.holder.others(&endpoint.tags);
        let more = match holders.len().saturating_sub(NAMED_HOLDERS_MAX) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        join(holders.into_iter().take(NAMED_HOLDERS_MAX), ", ") + &more
    }

    /// In a look after the reference was written, a pending announcement means that another stack may still delete the
    /// endpoint, and an expired one that its writer has crashed.
    fn wait_for_announcements(&self, endpoint: &Endpoint) -> Unless<()> {
        let View { observed, journal, .. } = self.view;
        // A foreign endpoint is never deleted, and the role may remove nothing but references from it.
        if !endpoint.is_owned() {
            return Ok(());
        }
        let removed = &journal.endpoint(&endpoint.id).announcements_removed;
        let shown_late = |key: &String| removed.get(key).is_some_and(|when| observed.may_predate(*when));
        let announcements = Announcements::at(observed.at, &endpoint.tags);
        let own = journal.endpoint(&endpoint.id).standing_announcements();
        if announcements.pending.iter().any(|key| !shown_late(key) && !own.contains(key)) {
            return Err(wait(Reason::Announcement(endpoint.id.clone()), LAG_POLL).into());
        }
        let keys: Vec<String> = announcements.expired.into_iter().filter(|key| !shown_late(key)).collect();
        if keys.is_empty() {
            return Ok(());
        }
        Err(Action::Tag(endpoint.id.clone(), TagAction::RemoveAnnouncements(keys)).into())
    }
}

fn lost(endpoint: &Endpoint) -> Refusal {
    let reason = endpoint.last_error.as_ref().map(|error| format!(": {error}")).unwrap_or_default();
    Refusal::EndpointLost { endpoint: endpoint.id.clone(), state: endpoint.state.to_string(), reason }
}
