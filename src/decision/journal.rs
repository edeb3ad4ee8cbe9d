//! What one event has seen and done so far, with the times. EC2's reads lag behind its writes, so a look alone does not
//! tell what is true; a look together with what this event did itself does.
//!
//! A redelivered event starts with an empty journal and still ends correctly: all that others need to know is in the tags.
//! There are two ways in, [`Journal::observe`] and [`Journal::record`]; the model checker uses the same two.

mod conclusions;
mod questions;

use super::action::{Action, Created, TagAction};
use super::denial::{narrowing_refused, reference_denied};
use super::observed::Observed;
use super::records::{Announced, CreationRecord, EndpointRecord, GroupRecord, MarkRecord, Modified, Refused};
use crate::model::ec2_error::{Ec2Error, ErrorKind};
use crate::model::ids::{EndpointId, GroupId};
use crate::model::protocol::may_predate;
use crate::model::tags::{Holder, Reference};
use crate::request::Request;
use jiff::Timestamp;
use std::collections::BTreeMap;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Journal {
    sent: Timestamp,
    started: Timestamp,
    /// When the event has to be over; `None` if that is far away.
    deadline: Option<Timestamp>,
    changed: bool,
    endpoints: BTreeMap<EndpointId, EndpointRecord>,
    groups: BTreeMap<GroupId, GroupRecord>,
    creation: CreationRecord,
    marks: MarkRecord,
    /// When this event last tried to take something away from an endpoint or a security group, or to change it otherwise,
    /// whatever EC2 answered.
    change_attempted: Option<Timestamp>,
    narrowing_refused: bool,
}

/// What a failed Create has left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leftovers {
    Nothing,
    /// An endpoint, a security group or a mark, or the result of a call is unknown.
    Something,
}

impl Journal {
    /// `sent` is when CloudFormation sent the event.
    pub fn new(started: Timestamp, sent: Timestamp) -> Self {
        Self { sent, started, ..Self::default() }
    }

    /// The journal of an event that has to be over at a certain moment.
    #[must_use]
    pub fn until(self, deadline: Timestamp) -> Self {
        Self { deadline: Some(deadline), ..self }
    }

    /// Adds a look.
    pub fn observe(&mut self, request: &Request, observed: &Observed) {
        for endpoint in &observed.endpoints {
            let record = self.endpoints.entry(endpoint.id.clone()).or_default();
            record.seen = true;
            record.first_state.get_or_insert_with(|| endpoint.state.clone());
            record.announced_by_other |= request.holder.has_other_leaving(&endpoint.tags);
            if endpoint.state.is_ending() {
                record.deleting_since.get_or_insert(observed.at);
            }
            record.zone_pending = endpoint.is_zone_pending().then(|| record.zone_pending.unwrap_or(observed.at));
            record.owned |= endpoint.is_owned();
            record.outdated |= request.is_outdated(&endpoint.tags);
            if request.claims(&endpoint.id, &endpoint.tags) {
                record.referenced.get_or_insert(observed.at);
                let value = endpoint.tags.get(&request.holder.ref_key());
                if record.requested.is_none() && record.reference_before.is_none() {
                    record.reference_before = value.cloned();
                }
            }
            record.joined |=
                record.referenced.is_some() && record.announcements_shown(observed.at, &endpoint.tags).0.is_empty();
            // A delivery that crashed may have removed the reference; and what an update has left is of an earlier request.
            let is_own = request.current() == Some(&endpoint.id) || request.holder.is_in(&endpoint.tags);
            if endpoint.is_owned() && (record.referenced.is_some() || is_own) {
                record.place = Some((endpoint.vpc_id.clone(), endpoint.service_name.clone()));
            }
        }
        self.observe_missing(observed);
        self.observe_name(request, observed);
    }

    /// Adds an action and what EC2 answered. An action without an answer may have taken effect.
    pub fn record(&mut self, request: &Request, action: &Action, result: Result<&Created, &Ec2Error>, now: Timestamp) {
        self.record_attempt(&request.holder, action, now);
        match result {
            Ok(created) => {
                self.changed |= !self.renews_reference(action);
                self.record_creation(action, created, now);
                self.record_success(action, now);
            }
            Err(error) => {
                self.changed |= error.kind.leaves_it_open() && !self.renews_reference(action);
                let denied = reference_denied(error.kind, action, self.started, now);
                if let Some(id) = denied.filter(|id| !self.endpoint(id).owned) {
                    self.endpoint_mut(id).reference_denied = Some(error.denied_action());
                }
                self.narrowing_refused |= narrowing_refused(request, error.kind, action, self, now);
                self.record_error(request, action, error.kind, now);
            }
        }
    }

    /// Whether an action only writes the mark of this event to a reference that requests the same already.
    fn renews_reference(&self, action: &Action) -> bool {
        let Action::Tag(id, TagAction::Join(value)) = action else { return false };
        let before = self.endpoint(id).reference_before.as_deref().map(|before| Reference::parse(before).request);
        before == Some(Reference::parse(value).request)
    }

    fn record_attempt(&mut self, holder: &Holder, action: &Action, now: Timestamp) {
        match action {
            Action::CreateEndpoint(_) => self.creation.attempted = Some(now),
            Action::Mark(_) => self.creation.mark_attempted = Some(now),
            Action::DeleteEndpoint(id) => self.endpoint_mut(id).delete_attempted = Some(now),
            Action::Tag(id, TagAction::Release(release)) => {
                let record = self.endpoint_mut(id);
                record.release_attempted = Some(now);
                record.withdraw(&release.announcements, now);
            }
            Action::Tag(id, TagAction::Announce(until)) => {
                self.endpoint_mut(id).announcements.insert(holder.leaving_key(*until));
            }
            Action::Tag(id, TagAction::RemoveAnnouncements(keys)) => {
                self.endpoint_mut(id).withdraw(keys, now);
            }
            Action::ModifyEndpoint(..) | Action::Revoke(..) => self.change_attempted = Some(now),
            // Only a look after this shows whether the new request is safe.
            Action::Tag(id, TagAction::Join(_)) => {
                let record = self.endpoint_mut(id);
                record.joined = false;
                record.request_attempted = Some(now);
            }
            Action::Tag(_, TagAction::UserTags(_))
            | Action::RemoveMark(_)
            | Action::CreateGroup(_)
            | Action::Authorize(..)
            | Action::DeleteGroup(_) => {}
        }
    }

    fn record_creation(&mut self, action: &Action, created: &Created, now: Timestamp) {
        match (created, action) {
            (Created::Nothing, _) => {}
            (Created::Endpoint(endpoint), _) => {
                let record = self.endpoint_mut(&endpoint.id);
                record.created = Some(now);
                record.created_gone |= !endpoint.state.is_usable();
                // It has the reference from its first moment.
                record.referenced.get_or_insert(now);
                self.creation.name_taken = None;
            }
            (Created::Group(id), Action::Mark(_)) => self.creation.mark = Some(id.clone()),
            (Created::Group(id), _) => {
                let vpc = if let Action::CreateGroup(new) = action { Some(new.vpc_id.clone()) } else { None };
                let record = self.group_mut(id);
                (record.created, record.created_in) = (Some(now), vpc);
            }
        }
    }

    fn record_success(&mut self, action: &Action, now: Timestamp) {
        match action {
            Action::ModifyEndpoint(id, change) => {
                let record = self.endpoint_mut(id);
                let same = record.modified.as_ref().filter(|last| last.change == *change);
                let attempts = same.map_or(0, |last| last.attempts) + 1;
                record.modified = Some(Modified { change: change.clone(), at: now, attempts });
                self.creation.name_taken = None;
            }
            Action::DeleteEndpoint(id) => self.endpoint_mut(id).deleted = Some(now),
            Action::Tag(id, tags) => {
                let record = self.endpoint_mut(id);
                match tags {
                    TagAction::Join(_) => {
                        record.referenced.get_or_insert(now);
                        record.requested = Some(now);
                    }
                    TagAction::Release(release) => {
                        record.released = Some(now);
                        let removed = release.announcements.iter().map(|key| (key.clone(), now));
                        record.announcements_removed.extend(removed);
                    }
                    TagAction::Announce(until) => record.announced = Some(Announced { written: now, until: *until }),
                    TagAction::RemoveAnnouncements(keys) => {
                        record.announcements_removed.extend(keys.iter().map(|key| (key.clone(), now)));
                    }
                    TagAction::UserTags(change) => {
                        record.tagged.extend(change.set.keys().chain(change.unset.keys()).cloned());
                    }
                }
            }
            Action::Authorize(id, _) => self.group_mut(id).authorized = true,
            Action::Revoke(id, _) => self.group_mut(id).revoked = Some(now),
            Action::DeleteGroup(id) => self.group_mut(id).gone = Some(now),
            Action::RemoveMark(id) => {
                *self.marks.removed.entry(id.clone()).or_default() += 1;
                self.marks.last = Some(now);
            }
            Action::CreateEndpoint(_) | Action::Mark(_) | Action::CreateGroup(_) => {}
        }
    }

    fn record_error(&mut self, request: &Request, action: &Action, kind: ErrorKind, now: Timestamp) {
        match (kind, action) {
            (ErrorKind::NameTaken, _) => {
                self.creation.name_taken = Some(Refused::again(self.creation.name_taken, now));
            }
            (ErrorKind::VpcDnsOff, _) => self.creation.vpc_dns_refused = true,
            (ErrorKind::GroupExists, _) => self.creation.other_creator = Some(now),
            (ErrorKind::TokenUsed, Action::CreateEndpoint(new)) => {
                self.creation.tokens_used.entry(new.client_token.clone()).or_insert(now);
            }
            (ErrorKind::TooManyGroups, Action::ModifyEndpoint(id, _)) => self.endpoint_mut(id).groups_full = true,
            (ErrorKind::GroupInUse, Action::DeleteGroup(id)) => {
                let record = self.group_mut(id);
                record.in_use = Some(Refused::again(record.in_use, now));
            }
            (ErrorKind::Transient, Action::Authorize(id, _)) => self.group_mut(id).rules_unknown = true,
            (ErrorKind::GroupGone, Action::RemoveMark(_)) => self.record_success(action, now),
            (ErrorKind::GroupGone, _) => self.record_missing_groups(request, action.group_ids(), now),
            _ => {}
        }
    }

    /// Another stack has deleted a managed group that does not exist, unless it was created a moment ago; the next look
    /// finds or creates another one.
    fn record_missing_groups(&mut self, request: &Request, ids: &[GroupId], now: Timestamp) {
        let given = request.spec().map(|spec| spec.group_ids.as_slice()).unwrap_or_default();
        for id in ids.iter().filter(|id| !given.contains(id)) {
            let record = self.group_mut(id);
            if record.created.is_none_or(|created| !may_predate(now, created)) {
                record.gone = Some(now);
            }
        }
    }

    fn endpoint_mut(&mut self, id: &EndpointId) -> &mut EndpointRecord {
        self.endpoints.entry(id.clone()).or_default()
    }

    fn group_mut(&mut self, id: &GroupId) -> &mut GroupRecord {
        self.groups.entry(id.clone()).or_default()
    }
}
