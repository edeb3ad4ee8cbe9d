//! What the decision asks the journal.

use super::{Journal, Leftovers};
use crate::decision::facts::{Facts, GroupPlace};
use crate::decision::late::is_late;
use crate::decision::observed::Observed;
use crate::decision::records::{CreationRecord, EndpointRecord, GroupRecord, MarkRecord};
use crate::model::ids::{EndpointId, GroupId, ServiceName, VpcId};
use crate::model::protocol::may_predate;
use crate::model::security_group::managed_group_name;
use crate::model::tags::Holder;
use jiff::{SignedDuration, Timestamp};
use std::sync::LazyLock;

impl Journal {
    /// When the event arrived.
    pub fn started(&self) -> Timestamp {
        self.started
    }

    /// When CloudFormation sent the event. Much earlier than its arrival means that the event has waited in Lambda's
    /// queue, or that it has been delivered before.
    pub fn sent(&self) -> Timestamp {
        self.sent
    }

    /// Whether an event at a certain moment has at least this much time left.
    pub fn has_time(&self, at: Timestamp, span: SignedDuration) -> bool {
        self.deadline.is_none_or(|deadline| deadline.duration_since(at) >= span)
    }

    /// Whether an event has begun less than some time ago, and has used less than half of its time.
    pub fn is_early(&self, at: Timestamp, span: SignedDuration) -> bool {
        let ago = at.duration_since(self.started);
        self.deadline.is_none_or(|deadline| ago < span && ago < deadline.duration_since(at))
    }

    /// Whether EC2 has changed something for this event, or may have.
    pub fn has_changed_anything(&self) -> bool {
        self.changed
    }

    /// Whether EC2 has refused to take away what this event wanted to take with it.
    pub fn narrowing_refused(&self) -> bool {
        self.narrowing_refused
    }

    pub fn creation(&self) -> &CreationRecord {
        &self.creation
    }

    pub fn marks(&self) -> &MarkRecord {
        &self.marks
    }

    /// The record of an endpoint; an empty one if this event has neither seen nor changed it.
    pub fn endpoint(&self, id: &EndpointId) -> &EndpointRecord {
        static NOTHING: LazyLock<EndpointRecord> = LazyLock::new(EndpointRecord::default);
        self.endpoints.get(id).unwrap_or(&NOTHING)
    }

    /// The record of a security group; an empty one if this event has not changed it.
    pub fn group(&self, id: &GroupId) -> &GroupRecord {
        static NOTHING: LazyLock<GroupRecord> = LazyLock::new(GroupRecord::default);
        self.groups.get(id).unwrap_or(&NOTHING)
    }

    pub fn endpoints(&self) -> impl Iterator<Item = (&EndpointId, &EndpointRecord)> {
        self.endpoints.iter()
    }

    /// Endpoints that this event has begun to release.
    pub fn released(&self) -> impl Iterator<Item = &EndpointId> {
        self.endpoints.iter().filter(|(_, record)| record.is_releasing()).map(|(id, _)| id)
    }

    /// Whether a look does not show an endpoint that this event has begun to release, and a later one may: it was created a
    /// moment ago.
    pub fn may_show_again(&self, observed: &Observed) -> bool {
        self.endpoints.iter().any(|(id, record)| {
            let begun = record.release_attempted.max(record.announced.map(|announced| announced.written));
            let is_fresh = begun.is_some_and(|when| observed.may_predate(when));
            is_fresh && !record.seen_deleting() && observed.find(id).is_none()
        })
    }

    /// The first endpoint that this event has deleted.
    pub fn deleted(&self) -> Option<&EndpointId> {
        self.endpoints.iter().find(|(_, record)| record.deleted.is_some()).map(|(id, _)| id)
    }

    /// The managed security group that this event has created in a VPC and that still exists. An event that was about to
    /// create an endpoint in its VPC may find one in another.
    pub fn created_group(&self, vpc: &VpcId) -> Option<&GroupId> {
        let is_it = |record: &GroupRecord| record.created_in.as_ref() == Some(vpc) && record.gone.is_none();
        self.groups.iter().rfind(|(_, record)| is_it(record)).map(|(id, _)| id)
    }

    /// Whether this event has tried to write the reference on another endpoint so shortly before a look at `at` that the look
    /// may not show it.
    pub fn may_hold_another(&self, than: &EndpointId, at: Timestamp) -> bool {
        let attempted =
            self.endpoints().filter(|(id, _)| *id != than).filter_map(|(_, record)| record.request_attempted);
        attempted.into_iter().any(|when| may_predate(at, when))
    }

    /// When this event last tried to change an endpoint, or to remove rules.
    pub fn change_attempted(&self) -> Option<Timestamp> {
        self.change_attempted
    }

    /// Whether this event has taken a security group off an endpoint.
    pub fn has_detached_groups(&self) -> bool {
        let modified = self.endpoints.values().filter_map(|record| record.modified.as_ref());
        modified.into_iter().any(|modified| !modified.change.remove_groups.is_empty())
    }

    /// Whether EC2 has refused to delete a managed security group because something uses it.
    pub fn has_groups_in_use(&self) -> bool {
        self.groups.values().any(|record| record.in_use.is_some())
    }

    /// Whether this event has created a managed security group, existing or not.
    pub fn has_created_group(&self) -> bool {
        self.groups.values().any(|record| record.created.is_some())
    }

    /// Where the managed security groups of endpoints are, or were, that had this resource's reference.
    pub fn group_places(&self) -> impl Iterator<Item = GroupPlace> {
        let places = self.endpoints.values().filter_map(|record| record.place.as_ref());
        places.map(|(vpc, service)| (vpc.clone(), managed_group_name(service)))
    }

    /// The service of an endpoint that is the resource's, or was.
    pub fn service_held(&self) -> Option<&ServiceName> {
        self.endpoints.values().find_map(|record| record.place.as_ref()).map(|(_, service)| service)
    }

    /// How many client tokens this event has used up because what they created no longer exists. What a token created with
    /// other parameters would be shown by now, with the reference, and be joined.
    pub fn tokens_spent(&self, at: Timestamp) -> u32 {
        let is_spent = |record: &&EndpointRecord| {
            record.created.is_some() && (record.is_dead_replay(at) || record.seen_deleting())
        };
        let spent = self.endpoints.values().filter(is_spent).count();
        let used = self.creation.tokens_used.values().filter(|when| !may_predate(at, **when)).count();
        u32::try_from(spent + used).unwrap_or(u32::MAX)
    }

    /// What a Create that fails now leaves behind for the Delete that follows. A managed security group that was created
    /// for the holder, and not by this event, was created by an earlier delivery. An event that arrived late may have been
    /// delivered before, too, and that delivery may have left its mark.
    pub fn leftovers(&self, at: Timestamp, holder: &Holder, facts: &Facts) -> Leftovers {
        let holds = self.endpoints.values().any(|record| record.is_held(at) && !record.seen_deleting());
        let delivered_before = is_late(self.sent, self.started);
        let something = holds || self.changed || delivered_before || facts.has_group_of(holder);
        if something { Leftovers::Something } else { Leftovers::Nothing }
    }
}
