//! The records of the journal. Outside of it they can only be read.

use crate::model::change::Change;
use crate::model::endpoint::EndpointState;
use crate::model::ids::{GroupId, ServiceName, VpcId};
use crate::model::protocol::{ANNOUNCEMENT_SETTLE, CALL_LIMIT, after, may_predate};
use crate::model::tags::{Announcements, Tags};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// What this event has seen of an endpoint, and done to it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent observations")]
pub struct EndpointRecord {
    /// When EC2 returned it as created for this event.
    pub created: Option<Timestamp>,
    /// Whether that answer showed it as gone: it was a replay of an earlier delivery's answer.
    pub created_gone: bool,
    pub seen: bool,
    /// The state in the first look that showed it.
    pub first_state: Option<EndpointState>,
    /// When a look first showed it being deleted, or did not show it anymore after another holder had announced its
    /// deletion. Any later look that shows otherwise is only late.
    pub deleting_since: Option<Timestamp>,
    /// Since when looks have shown it available, with a hosted zone that EC2 still has to assign.
    pub zone_pending: Option<Timestamp>,
    /// Whether a look has shown that the provider owns it.
    pub owned: bool,
    /// Since when this event has known that it has this resource's reference.
    pub referenced: Option<Timestamp>,
    /// When this event wrote the reference, with its request.
    pub requested: Option<Timestamp>,
    /// When it last tried to, whatever EC2 answered.
    pub request_attempted: Option<Timestamp>,
    /// The value of the resource's reference before this event wrote it.
    pub reference_before: Option<String>,
    /// Whether a look has shown the reference of a later request for the resource. A look after that may show it as it was
    /// before.
    pub outdated: bool,
    /// Whether a look after the reference was written has shown no announcement of another. Whoever announces later sees
    /// the reference in the last look.
    pub joined: bool,
    /// The IAM action whose denial keeps the reference from being written, on a foreign endpoint.
    pub reference_denied: Option<String>,
    /// VPC and service, if the provider owns it and it is the resource's, or was.
    pub place: Option<(VpcId, ServiceName)>,
    /// When this event last tried to remove the reference, whatever EC2 answered.
    pub release_attempted: Option<Timestamp>,
    pub released: Option<Timestamp>,
    /// This event's announcement of its deletion, if it counts.
    pub announced: Option<Announced>,
    /// Tag keys of all announcements that this event has tried to write.
    pub announcements: BTreeSet<String>,
    /// When this event last tried to withdraw an announcement.
    pub withdrawn: Option<Timestamp>,
    /// Tag keys of the announcements that this event has removed, of any holder.
    pub announcements_removed: BTreeMap<String, Timestamp>,
    /// When this event last tried to delete it, whatever EC2 answered.
    pub delete_attempted: Option<Timestamp>,
    pub deleted: Option<Timestamp>,
    pub modified: Option<Modified>,
    /// EC2 does not allow another security group on it.
    pub groups_full: bool,
    /// Whether a look has shown another holder's announcement that it may delete it.
    pub announced_by_other: bool,
    /// Keys of the user's tags that this event has written or removed: each of them once, because a look may lag.
    pub tagged: BTreeSet<String>,
}

/// What this event has done to a security group that the provider manages.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GroupRecord {
    pub created: Option<Timestamp>,
    /// The VPC that this event has created it in.
    pub created_in: Option<VpcId>,
    /// Missing rules were added.
    pub authorized: bool,
    /// An attempt to add rules got no answer, so it may have them all the same.
    pub rules_unknown: bool,
    /// Surplus rules were removed.
    pub revoked: Option<Timestamp>,
    /// When EC2 said that it does not exist.
    pub gone: Option<Timestamp>,
    /// EC2 refuses to delete it because something uses it.
    pub in_use: Option<Refused>,
}

/// What EC2 has said about creating an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CreationRecord {
    /// When the last attempt ended, whatever EC2 answered.
    pub attempted: Option<Timestamp>,
    /// The private DNS name is taken.
    pub name_taken: Option<Refused>,
    /// Client tokens that have created an endpoint with other parameters, and when EC2 first said so.
    pub tokens_used: BTreeMap<String, Timestamp>,
    /// When EC2 last said that another stack has created the managed security group.
    pub other_creator: Option<Timestamp>,
    /// EC2 rejected private DNS because of the VPC's DNS attributes.
    pub vpc_dns_refused: bool,
    /// When this event last tried to create the mark of a running Create, whatever EC2 answered.
    pub mark_attempted: Option<Timestamp>,
    /// The security group that is the mark, if EC2 has answered.
    pub mark: Option<GroupId>,
}

/// The marks of Creates that this event has removed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MarkRecord {
    /// Each with how often EC2 has accepted that.
    pub removed: BTreeMap<GroupId, u32>,
    /// When the last one was removed.
    pub last: Option<Timestamp>,
}

/// An announcement: of a deletion, or of something that is taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announced {
    pub written: Timestamp,
    /// The moment that the tag key names.
    pub until: Timestamp,
}

impl Announced {
    /// Until then, stacks that join may not have seen it. The look that counts is one after that.
    pub(super) fn last_look(&self) -> Timestamp {
        after(self.written, ANNOUNCEMENT_SETTLE)
    }

    /// Whether it may end too early: a look at `at` and the call that follows take at most the limit each.
    pub(super) fn is_ending(&self, at: Timestamp) -> bool {
        self.until.duration_since(at) < CALL_LIMIT + CALL_LIMIT
    }
}

/// What EC2 refuses because of something that may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    pub first: Timestamp,
    pub last: Timestamp,
}

impl Refused {
    pub fn again(before: Option<Self>, now: Timestamp) -> Self {
        Self { first: before.map_or(now, |refused| refused.first), last: now }
    }
}

/// The last change of an endpoint that EC2 has accepted from this event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Modified {
    pub change: Change,
    pub at: Timestamp,
    /// How often EC2 has accepted this same change.
    pub attempts: u32,
}

impl EndpointRecord {
    /// Whether this event holds the endpoint, as far as it knows.
    pub fn is_held(&self, at: Timestamp) -> bool {
        self.referenced.is_some() && self.released.is_none() && !self.is_dead_replay(at)
    }

    /// Whether a look has shown it being deleted.
    pub fn seen_deleting(&self) -> bool {
        self.deleting_since.is_some()
    }

    /// Tag keys of the announcements that a look at `at` shows, apart from this event's own, and from those that it has
    /// removed. First those that are pending, then those that have expired.
    pub(super) fn announcements_shown(&self, at: Timestamp, tags: &Tags) -> (Vec<String>, Vec<String>) {
        let removed = &self.announcements_removed;
        let shown_late = |key: &String| removed.get(key).is_some_and(|when| may_predate(at, *when));
        let own = self.standing_announcements();
        let Announcements { pending, expired } = Announcements::at(at, tags);
        let pending = pending.into_iter().filter(|key| !shown_late(key) && !own.contains(key)).collect();
        (pending, expired.into_iter().filter(|key| !shown_late(key)).collect())
    }

    /// Tag keys of this event's announcements that are not withdrawn.
    pub fn standing_announcements(&self) -> Vec<String> {
        self.announcements.iter().filter(|key| !self.announcements_removed.contains_key(*key)).cloned().collect()
    }

    /// Notes that announcements may be gone from now on, so nothing may be done that needs them. One that has expired, and that
    /// a newer one has replaced, is not needed.
    pub(super) fn withdraw(&mut self, keys: &[String], now: Timestamp) {
        let is_needed = |key: &String| self.announced.is_none_or(|newest| key.ends_with(&newest.until.to_string()));
        if keys.iter().any(|key| self.announcements.contains(key) && is_needed(key)) {
            self.announced = None;
            self.withdrawn = Some(now);
        }
    }

    /// Whether this event has begun to release the endpoint.
    pub fn is_releasing(&self) -> bool {
        self.release_attempted.is_some()
    }

    /// Whether a look at `at` may still show the endpoint as before although this event has tried to delete it.
    pub fn may_be_deleting(&self, at: Timestamp) -> bool {
        self.delete_attempted.is_some_and(|when| may_predate(at, when))
    }

    /// Whether EC2's answer to a creation was about an endpoint that no longer existed: EC2 remembers a client token
    /// longer than what it created. An endpoint that no look shows within the read lag is one of those.
    pub fn is_dead_replay(&self, at: Timestamp) -> bool {
        self.created_gone || (!self.seen && self.created.is_some_and(|created| !may_predate(at, created)))
    }
}

impl GroupRecord {
    /// Whether it does not exist although a look at `at` shows it. A later look that shows it is right: EC2 did not know it
    /// yet, because another stack had created it a moment before.
    pub fn is_gone(&self, at: Timestamp) -> bool {
        self.gone.is_some_and(|when| may_predate(at, when))
    }
}
