//! Joining an endpoint: its reference, and what may happen to it meanwhile.

use super::action::{Action, TagAction};
use super::others::Others;
use super::poll::LAG_POLL;
use super::provision::Provision;
use super::refusal::Refusal;
use super::view::{Reason, Unless, View, wait};
use crate::model::endpoint::{Endpoint, EndpointState};
use crate::model::ids::EndpointId;
use crate::model::prefixes::Prefixes;
use crate::model::tags::{Announcements, Claim, Reference, TAG_LIMIT, counted};
use crate::model::wanted::Wanted;
use crate::request::Verb;

impl Provision<'_> {
    /// What became of endpoints that have, or had, this resource's reference. A reference that is gone is never written
    /// again: a Delete of this resource has been handled meanwhile.
    pub(super) fn check_held(&self) -> Unless<()> {
        let View { observed, journal, .. } = self.view;
        // A later request may have removed other references of this one, which is no Delete.
        if let Some((id, _)) = journal.endpoints().find(|(_, record)| record.outdated) {
            return Err(Refusal::Outdated { endpoint: id.clone() }.into());
        }
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

    /// The first phase: join the endpoint, or record what this resource requests of it now; and wait for those that have
    /// announced to delete it, or to take something away from it.
    pub(super) fn hold(&self, endpoint: &Endpoint) -> Unless<()> {
        let is_held = self.request.claims(&endpoint.id, &endpoint.tags);
        let joins = !is_held && self.needs_reference(endpoint);
        // The Create may have been deleted while it asked for the service of its cluster.
        if joins && self.spec.cluster.is_some() && self.has_waited() {
            self.keep_mark()?;
        }
        if joins || is_held && self.has_to_write_again(endpoint)? {
            return Err(self.join(endpoint)?.into());
        }
        self.wait_for_announcements(endpoint)?;
        if endpoint.state == EndpointState::PendingAcceptance {
            return Err(Refusal::AcceptanceRequired { service: endpoint.service_name.clone() }.into());
        }
        Ok(())
    }

    /// Whether another event has written the reference. That is so at the start of every Update, and again if an Update that
    /// was sent earlier still runs: it had a call in flight. What this event has written may not be shown yet.
    ///
    /// On a foreign endpoint, nothing is changed, so only an Update that comes back to it has to be seen by one that leaves;
    /// and one that knows more of its cluster has to record it.
    fn has_to_write_again(&self, endpoint: &Endpoint) -> Unless<bool> {
        let View { observed, journal, .. } = self.view;
        let record = journal.endpoint(&endpoint.id);
        let is_shown_late = record.requested.is_some_and(|when| observed.may_predate(when));
        let shown = endpoint.tags.get(&self.request.holder.ref_key());
        let known = shown.map(|value| Reference::parse(value).prefixes()).unwrap_or_default();
        let tells_more = matches!(self.request.verb, Verb::Update { moved: true, .. })
            || self.request.is_update() && self.spec.prefixes(known.clone()) != known;
        let may_write = endpoint.is_owned() || tells_more && record.reference_denied.is_none();
        if !may_write || is_shown_late {
            return Ok(false);
        }
        let (value, _) = self.reference(endpoint)?;
        Ok(shown != Some(&value))
    }

    /// The value of the reference, and whether all of the request fits.
    pub(super) fn reference(&self, endpoint: &Endpoint) -> Unless<(String, bool)> {
        let shown = endpoint.tags.get(&self.request.holder.ref_key());
        let known = shown.map(|value| Reference::parse(value).prefixes()).unwrap_or_default();
        Ok(self.new_reference(known, self.wanted(endpoint)?.as_ref()))
    }

    /// The same of a reference that records clusters already, or of a new one.
    pub(super) fn new_reference(&self, known: Prefixes, wanted: Option<&Wanted>) -> (String, bool) {
        let holder = self.request.holder.seen_from(&self.home.account);
        holder.ref_value(self.request.mark(), &self.spec.prefixes(known), wanted)
    }

    fn join(&self, endpoint: &Endpoint) -> Unless<Action> {
        let count = counted(&endpoint.tags);
        if count >= TAG_LIMIT && !self.request.holder.is_in(&endpoint.tags) {
            self.wait_for_room(endpoint)?;
            let holders = self.others(endpoint).names().unwrap_or_default();
            return Err(Refusal::TooManyHolders { endpoint: endpoint.id.clone(), count, holders }.into());
        }
        let (value, _) = self.reference(endpoint)?;
        Ok(Action::Tag(endpoint.id.clone(), TagAction::Join(value)))
    }

    /// An announcement takes a place that is free again soon, or at once if its writer has crashed.
    fn wait_for_room(&self, endpoint: &Endpoint) -> Unless<()> {
        let View { observed, journal, .. } = self.view;
        if !endpoint.is_owned() {
            return Ok(());
        }
        let shown = Announcements::at(observed.at, &endpoint.tags);
        let (_, expired) = journal.endpoint(&endpoint.id).announcements_shown(observed.at, &endpoint.tags);
        if !expired.is_empty() {
            return Err(Action::Tag(endpoint.id.clone(), TagAction::RemoveAnnouncements(expired)).into());
        }
        if shown == Announcements::default() {
            return Ok(());
        }
        if self.has_waited() {
            self.keep_mark()?;
        }
        Err(wait(Reason::Announcement(endpoint.id.clone()), LAG_POLL).into())
    }

    /// The other holders of an endpoint.
    pub(super) fn others(&self, endpoint: &Endpoint) -> Others {
        Others::of(Claim::of(&self.request.holder).others(&endpoint.tags))
    }

    /// In a look after the reference was written, a pending announcement means that another stack may still delete the
    /// endpoint, or take away from it what it does not know to be requested; and an expired one that its writer has crashed.
    fn wait_for_announcements(&self, endpoint: &Endpoint) -> Unless<()> {
        let View { observed, journal, .. } = self.view;
        // A foreign endpoint is never deleted, and the role may remove nothing but references from it.
        if !endpoint.is_owned() {
            return Ok(());
        }
        let record = journal.endpoint(&endpoint.id);
        let (pending, expired) = record.announcements_shown(observed.at, &endpoint.tags);
        if !record.joined && !pending.is_empty() {
            return Err(wait(Reason::Announcement(endpoint.id.clone()), LAG_POLL).into());
        }
        if expired.is_empty() {
            return Ok(());
        }
        Err(Action::Tag(endpoint.id.clone(), TagAction::RemoveAnnouncements(expired)).into())
    }
}

fn lost(endpoint: &Endpoint) -> Refusal {
    let reason = endpoint.last_error.as_ref().map(|error| format!(": {error}")).unwrap_or_default();
    Refusal::EndpointLost { endpoint: endpoint.id.clone(), state: endpoint.state.to_string(), reason }
}
