//! What one event has seen and done so far, with the moments. EC2's reads lag behind its writes, so a look alone does
//! not tell what holds; a look and what this event did itself do.
//!
//! The journal lives as long as the event. A redelivered event starts with an empty one and still ends right, because
//! all that others need to know stands in the tags.

use crate::difference::Change;
use crate::endpoint::{Endpoint, EndpointState};
use crate::group::own_name;
use crate::ids::{EndpointId, GroupId, ServiceName, VpcId};
use crate::reference::{Holder, READ_LAG};
use crate::step::{Observed, Step};
use crate::survey::{GroupPlace, Survey};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// This event's announcement that it will delete an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announced {
    /// When the tag was written.
    pub written: Timestamp,
    /// The moment that it names.
    pub until: Timestamp,
}

/// What EC2 has refused more than once, because something is in the way that may go away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Obstacle {
    /// The first refusal.
    pub since: Timestamp,
    /// The last one.
    pub last: Timestamp,
}

impl Obstacle {
    fn again(before: Option<Self>, now: Timestamp) -> Self {
        Self { since: before.map_or(now, |obstacle| obstacle.since), last: now }
    }
}

/// Changes of one endpoint that EC2 has accepted from this event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Modified {
    /// The last one.
    pub change: Change,
    /// When.
    pub at: Timestamp,
    /// How often this same change.
    pub attempts: u32,
}

/// What a Create that failed has left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Left {
    /// Nothing: it changed nothing.
    Nothing,
    /// One endpoint with its reference.
    Endpoint(EndpointId),
    /// Several, or it is not known what became of a call.
    Unknown,
}

/// What this event has seen and done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Journal {
    /// When the event arrived.
    pub started: Timestamp,
    /// Whether it has tried to change anything, whatever came of it.
    pub changed: bool,
    /// Endpoints that EC2 said it made for this event, and when.
    pub created: BTreeMap<EndpointId, Timestamp>,
    /// Endpoints of `created` that EC2 showed as gone in the very answer: replays of an earlier delivery's.
    replayed_dead: BTreeSet<EndpointId>,
    /// Endpoints that some look has shown.
    seen: BTreeSet<EndpointId>,
    /// Endpoints that some look has shown going away.
    doomed: BTreeSet<EndpointId>,
    /// Endpoints known to carry this resource's reference, and the earliest moment of that knowledge.
    pub referenced: BTreeMap<EndpointId, Timestamp>,
    /// Endpoints that this event took the reference from, and when.
    pub released: BTreeMap<EndpointId, Timestamp>,
    /// Endpoints that this event has tried to take the reference from, and when the last call ended, whatever EC2
    /// answered.
    pub release_calls: BTreeMap<EndpointId, Timestamp>,
    /// Endpoints that this event has announced to delete.
    pub leaving: BTreeMap<EndpointId, Announced>,
    /// `leaving` tags that this event removed, its own or those of crashed holders, and when.
    pub swept: BTreeMap<(EndpointId, String), Timestamp>,
    /// Endpoints that EC2 has accepted to delete, and when.
    pub deleted: BTreeMap<EndpointId, Timestamp>,
    /// Announcements that this event has tried to write, and that may stand whatever EC2 answered.
    announcements: BTreeSet<(EndpointId, String)>,
    /// Endpoints that this event has tried to withdraw an announcement from, and when the last call ended, whatever EC2
    /// answered.
    withdrawals: BTreeMap<EndpointId, Timestamp>,
    /// When this event's last call to make an endpoint ended, whatever EC2 answered.
    pub create_call: Option<Timestamp>,
    /// Endpoints that this event has tried to delete, and when the last call ended, whatever EC2 answered.
    delete_calls: BTreeMap<EndpointId, Timestamp>,
    /// Endpoints that EC2 has accepted to change.
    pub modified: BTreeMap<EndpointId, Modified>,
    /// Endpoints whose user tags this event has written.
    pub tagged: BTreeSet<EndpointId>,
    /// Whether EC2 refuses a private name.
    pub conflict: Option<Obstacle>,
    /// VPC and service of owned endpoints that this event has seen with the reference: where the product's group may be.
    pub places: BTreeSet<(VpcId, ServiceName)>,
    /// Groups that EC2 said it made for this event, and when.
    pub groups_made: BTreeMap<GroupId, Timestamp>,
    /// Groups of the product's that this event has written missing rules into.
    pub opened: BTreeSet<GroupId>,
    /// Groups that this event has tried to write rules into, and that may have these or others all the same.
    pub rules_unknown: BTreeSet<GroupId>,
    /// Groups of the product's that this event has taken surplus rules from.
    pub closed: BTreeSet<GroupId>,
    /// Groups of the product's that are gone, whatever a look shows.
    pub groups_gone: BTreeSet<GroupId>,
    /// Groups of the product's that EC2 will not delete, because something uses them.
    pub groups_in_use: BTreeMap<GroupId, Obstacle>,
    /// When EC2 last said that another stack has made the product's group.
    pub outrun: Option<Timestamp>,
    /// Client tokens of which EC2 said that they have made an endpoint with other parameters, and when first.
    pub tokens_used: BTreeMap<String, Timestamp>,
    /// Whether EC2 has said that the account calls too often.
    pub throttled: bool,
    /// Whether EC2 refused private DNS because of the VPC's DNS attributes.
    pub vpc_dns_refused: bool,
}

impl Journal {
    /// An empty journal.
    #[must_use]
    pub fn new(started: Timestamp) -> Self {
        Self { started, ..Self::default() }
    }

    /// Takes note of a look.
    pub fn see(&mut self, holder: &Holder, observed: &Observed) {
        for endpoint in &observed.endpoints {
            self.seen.insert(endpoint.id.clone());
            if matches!(endpoint.state, EndpointState::Deleting | EndpointState::Deleted) {
                self.doomed.insert(endpoint.id.clone());
            }
            if holder.is_in(&endpoint.tags) {
                self.referenced.entry(endpoint.id.clone()).or_insert(observed.at);
            }
            if endpoint.is_owned() && self.referenced.contains_key(&endpoint.id) {
                self.places.insert((endpoint.vpc_id.clone(), endpoint.service_name.clone()));
            }
        }
    }

    /// Takes note of an endpoint that EC2 says it made. It carries the reference from its first moment.
    pub fn made(&mut self, endpoint: &Endpoint, now: Timestamp) {
        if !endpoint.state.is_usable() {
            self.replayed_dead.insert(endpoint.id.clone());
        }
        self.created.insert(endpoint.id.clone(), now);
        self.referenced.entry(endpoint.id.clone()).or_insert(now);
        self.conflict = None;
    }

    /// Takes note of a group that EC2 says it made.
    pub fn made_group(&mut self, id: GroupId, now: Timestamp) {
        self.groups_made.insert(id, now);
    }

    /// Takes note of a step that was tried. An answer that is lost does not tell that nothing was done.
    pub fn tried(&mut self, holder: &Holder, step: &Step, now: Timestamp) {
        match step {
            Step::Announce { endpoint, until } => {
                self.announcements.insert((endpoint.clone(), holder.leaving_key(*until)));
            }
            Step::Release(id) => {
                self.release_calls.insert(id.clone(), now);
            }
            Step::Delete(id) => {
                self.delete_calls.insert(id.clone(), now);
            }
            Step::Sweep { endpoint, keys } => {
                // From here on it may stand no more, so nothing may be done that needs it.
                if keys.iter().any(|key| self.announcements.contains(&(endpoint.clone(), key.clone()))) {
                    self.leaving.remove(endpoint);
                    self.withdrawals.insert(endpoint.clone(), now);
                }
            }
            Step::Create(_) => self.create_call = Some(now),
            Step::Read(_)
            | Step::CreateGroup(_)
            | Step::Open(..)
            | Step::Close(..)
            | Step::DeleteGroup(_)
            | Step::Reference(_)
            | Step::Modify(..)
            | Step::Tag(..)
            | Step::Wait(_)
            | Step::Done(_) => {}
        }
    }

    /// This event's announcements on an endpoint that are not withdrawn yet.
    #[must_use]
    pub fn announcements(&self, id: &EndpointId) -> Vec<String> {
        let standing = |entry: &&(EndpointId, String)| entry.0 == *id && !self.swept.contains_key(*entry);
        self.announcements.iter().filter(standing).map(|(_, key)| key.clone()).collect()
    }

    /// When this event last tried to withdraw an announcement from an endpoint.
    #[must_use]
    pub fn withdrawn(&self, id: &EndpointId) -> Option<Timestamp> {
        self.withdrawals.get(id).copied()
    }

    /// Where the product's group may be that an endpoint seen with the reference has, or had.
    pub fn group_places(&self) -> impl Iterator<Item = GroupPlace> {
        self.places.iter().map(|(vpc, service)| (vpc.clone(), own_name(service)))
    }

    /// Whether a look at `at` may still show an endpoint as well although this event has called for its deletion.
    #[must_use]
    pub fn may_be_deleting(&self, id: &EndpointId, at: Timestamp) -> bool {
        self.delete_calls.get(id).is_some_and(|when| Self::may_be_stale(at, *when))
    }

    /// Takes note of a step that EC2 has accepted.
    pub fn did(&mut self, step: &Step, now: Timestamp) {
        match step {
            Step::Reference(id) => {
                self.referenced.entry(id.clone()).or_insert(now);
            }
            Step::Modify(id, change) => {
                let attempts =
                    self.modified.get(id).filter(|last| last.change == *change).map_or(0, |last| last.attempts) + 1;
                self.modified.insert(id.clone(), Modified { change: change.clone(), at: now, attempts });
                self.conflict = None;
            }
            Step::Tag(id, _) => {
                self.tagged.insert(id.clone());
            }
            Step::Sweep { endpoint, keys } => {
                self.swept.extend(keys.iter().map(|key| ((endpoint.clone(), key.clone()), now)));
            }
            Step::Release(id) => {
                self.released.insert(id.clone(), now);
            }
            Step::Announce { endpoint, until } => {
                self.leaving.insert(endpoint.clone(), Announced { written: now, until: *until });
            }
            Step::Delete(id) => {
                self.deleted.insert(id.clone(), now);
            }
            Step::Open(id, _) => {
                self.opened.insert(id.clone());
            }
            Step::Close(id, _) => {
                self.closed.insert(id.clone());
            }
            Step::DeleteGroup(id) => {
                self.groups_gone.insert(id.clone());
            }
            Step::Read(_) | Step::CreateGroup(_) | Step::Create(_) | Step::Wait(_) | Step::Done(_) => {}
        }
    }

    /// Takes note that EC2 refused a private name.
    pub fn conflicted(&mut self, now: Timestamp) {
        self.conflict = Some(Obstacle::again(self.conflict, now));
    }

    /// Takes note that EC2 will not delete a group, because something uses it.
    pub fn group_in_use(&mut self, id: &GroupId, now: Timestamp) {
        let obstacle = Obstacle::again(self.groups_in_use.get(id).copied(), now);
        self.groups_in_use.insert(id.clone(), obstacle);
    }

    /// Whether a look at `at` may still show the world from before the moment `then`.
    #[must_use]
    pub fn may_be_stale(at: Timestamp, then: Timestamp) -> bool {
        at.duration_since(then) < READ_LAG
    }

    /// Whether the endpoint was shown going away; a later look that shows otherwise is only late.
    #[must_use]
    pub fn is_doomed(&self, id: &EndpointId) -> bool {
        self.doomed.contains(id)
    }

    /// Whether EC2's answer to a create was about an endpoint that no longer existed: a client token is remembered
    /// longer than what it made. An endpoint that nothing shows within the read lag is such a one.
    #[must_use]
    pub fn is_dead_replay(&self, id: &EndpointId, at: Timestamp) -> bool {
        self.replayed_dead.contains(id)
            || self.created.get(id).is_some_and(|made| !self.seen.contains(id) && !Self::may_be_stale(at, *made))
    }

    /// How many client tokens this event has used up: what they made is no longer there. What a token has made with other
    /// parameters would be shown by now, with the reference, and be joined.
    #[must_use]
    pub fn tokens_spent(&self, at: Timestamp) -> u32 {
        let spent = self.created.keys().filter(|id| self.is_dead_replay(id, at) || self.is_doomed(id));
        let used = self.tokens_used.values().filter(|when| !Self::may_be_stale(at, **when));
        u32::try_from(spent.count() + used.count()).unwrap_or(u32::MAX)
    }

    /// Endpoints that this resource holds as far as this event knows, and since when it knows.
    pub fn held(&self, at: Timestamp) -> impl Iterator<Item = (&EndpointId, Timestamp)> {
        self.referenced
            .iter()
            .filter(move |(id, _)| !self.released.contains_key(id) && !self.is_dead_replay(id, at))
            .map(|(id, since)| (id, *since))
    }

    /// What a Create that fails now leaves behind, for the Delete that follows to clean up. A group that was made for the
    /// holder, and not by this event, was made by a delivery before it.
    #[must_use]
    pub fn left(&self, at: Timestamp, holder: &Holder, survey: &Survey) -> Left {
        let mut held = self.held(at).map(|(id, _)| id).filter(|id| !self.is_doomed(id));
        match (held.next(), held.next()) {
            (Some(id), None) => Left::Endpoint(id.clone()),
            (None, None) if !self.changed && !survey.has_group_of(holder) => Left::Nothing,
            _ => Left::Unknown,
        }
    }
}
