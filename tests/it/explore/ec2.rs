//! The model of EC2, reduced to what the protocol uses. A write takes effect at one moment. A read may show, for the
//! endpoint and for each of its tags independently, any value that was true less than the read lag ago.

use super::choices::Choices;
use super::endpoint::{Body, Lifecycle, Record, describe};
use super::fingerprint::{Keys, Mixer};
use super::groups::Groups;
use super::versions::{FOREVER, Versions};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::hash::Hash;
use std::rc::Rc;
use tidb_private_endpoint::decision::facts::{Fact, FactValue};
use tidb_private_endpoint::model::change::{Change, NewEndpoint, NewGroup};
use tidb_private_endpoint::model::endpoint::Endpoint;
use tidb_private_endpoint::model::ids::{EndpointId, GroupId};
use tidb_private_endpoint::model::protocol::READ_LAG;
use tidb_private_endpoint::model::security_group::SecurityGroup;
use tidb_private_endpoint::model::tags::{Holder, OWNED, Tags};
use tidb_private_endpoint::request::Request;

/// A moment of the model, in seconds.
pub(super) type Moment = i64;

pub(super) const LAG: Moment = READ_LAG.as_secs();
/// How long EC2 takes to create or modify an endpoint, to delete it, and then to stop listing it. Shorter than in AWS,
/// because nothing is decided in the meantime.
const CREATION: Moment = 6;
const DELETION: Moment = 6;
const LISTED: Moment = 12;

pub(super) fn timestamp(at: Moment) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(1_800_000_000 + at)
}

/// Why EC2 rejects a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rejected {
    /// Another endpoint of the VPC has the private DNS name.
    NameTaken,
    /// The endpoint does not exist.
    NotFound,
    /// There is a security group with that name.
    GroupExists,
    /// The security group does not exist.
    GroupGone,
    /// An endpoint uses the security group.
    GroupInUse,
}

/// Removes and adds what a call names. The order says nothing.
fn replace<T: Clone + Ord>(items: &mut Vec<T>, removed: &[T], added: &[T]) {
    items.retain(|item| !removed.contains(item));
    items.extend(added.iter().cloned());
    items.sort_unstable();
    items.dedup();
}

/// The ID of a mark; its name stands for it.
fn mark_id(name: &str) -> GroupId {
    GroupId::from(format!("sg-{name}"))
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Ec2 {
    pub(super) endpoints: BTreeMap<EndpointId, Rc<Record>>,
    tokens: BTreeMap<String, EndpointId>,
    /// The security groups that mark Creates as running, by name, and whether they exist.
    marks: BTreeMap<String, Versions<bool>>,
    /// The security groups that the provider manages.
    pub(super) groups: Groups,
}

impl Ec2 {
    /// Adds an endpoint that has existed for a long time.
    pub(super) fn place(&mut self, new: &NewEndpoint) -> EndpointId {
        let id = self.add(new, FOREVER);
        self.forget(0);
        id
    }

    fn add(&mut self, new: &NewEndpoint, now: Moment) -> EndpointId {
        let id = EndpointId::from(format!("vpce-{:017x}", self.endpoints.len() + 1));
        let (groups, subnets) = (new.group_ids.clone(), new.subnet_ids.clone());
        let body =
            |state| Body { state, groups: groups.clone(), subnets: subnets.clone(), private_dns: new.private_dns };
        let mut versions = Versions::starting_with(now, body(Lifecycle::Pending));
        versions.later(now + CREATION, body(Lifecycle::Available));
        let tags = new.tags.iter().map(|(key, value)| (key.clone(), Versions::starting_with(now, Some(value.clone()))));
        let service = new.service_name.clone();
        let record = Record { service, created_at: now, body: versions, tags: tags.collect() };
        self.endpoints.insert(id.clone(), Rc::new(record));
        id
    }

    pub(super) fn create(&mut self, new: &NewEndpoint, now: Moment) -> Result<EndpointId, Rejected> {
        if let Some(id) = self.tokens.get(&new.client_token) {
            return Ok(id.clone());
        }
        let has_name = |record: &Rc<Record>| {
            record.service == new.service_name
                && record.body.at(now).is_some_and(|body| body.private_dns)
                && matches!(record.state(now), Lifecycle::Pending | Lifecycle::Available | Lifecycle::Deleting)
        };
        self.groups.check_exist(&new.group_ids, now)?;
        if new.private_dns && self.endpoints.values().any(has_name) {
            return Err(Rejected::NameTaken);
        }
        let id = self.add(new, now);
        self.tokens.insert(new.client_token.clone(), id.clone());
        Ok(id)
    }

    /// What EC2 answers to the creation of an endpoint: its true state, even if no look shows it anymore.
    pub(super) fn answer(&self, id: &EndpointId, now: Moment) -> Endpoint {
        let record = &self.endpoints[id];
        describe(id, record, record.body.at(now).expect("it was created"), record.tags_at(now))
    }

    fn find(&mut self, id: &EndpointId, now: Moment) -> Result<&mut Record, Rejected> {
        let record = self.endpoints.get_mut(id).ok_or(Rejected::NotFound)?;
        if matches!(record.state(now), Lifecycle::Deleted | Lifecycle::Unlisted) {
            Err(Rejected::NotFound)
        } else {
            Ok(Rc::make_mut(record))
        }
    }

    pub(super) fn tag(&mut self, id: &EndpointId, key: &str, value: &str, now: Moment) -> Result<(), Rejected> {
        let tags = &mut self.find(id, now)?.tags;
        let value = Some(value.to_owned());
        match tags.get_mut(key) {
            Some(versions) => versions.set(now, value),
            None => drop(tags.insert(key.to_owned(), Versions::starting_with(now, value))),
        }
        Ok(())
    }

    /// Removes a tag; with a value, only if the tag has that value.
    pub(super) fn untag(
        &mut self,
        id: &EndpointId,
        key: &str,
        value: Option<&String>,
        now: Moment,
    ) -> Result<(), Rejected> {
        if let Some(versions) = self.find(id, now)?.tags.get_mut(key)
            && value.is_none_or(|value| versions.at(now) == Some(&Some(value.clone())))
        {
            versions.set(now, None);
        }
        Ok(())
    }

    pub(super) fn create_mark(&mut self, new: &NewGroup, now: Moment) -> Result<GroupId, Rejected> {
        let versions = self.marks.entry(new.name.clone()).or_insert_with(|| Versions::starting_with(FOREVER, false));
        if versions.at(now) == Some(&true) {
            return Err(Rejected::GroupExists);
        }
        versions.set(now, true);
        Ok(mark_id(&new.name))
    }

    pub(super) fn delete_mark(&mut self, id: &GroupId, now: Moment) {
        let found = self.marks.iter_mut().find(|(name, _)| mark_id(name) == *id);
        if let Some((_, versions)) = found.filter(|(_, versions)| versions.at(now) == Some(&true)) {
            versions.set(now, false);
        }
    }

    /// The marks of a holder that a read shows.
    pub(super) fn look_at_marks(&self, holder: &Holder, now: Moment, choices: &mut Choices) -> Vec<SecurityGroup> {
        let tags = Tags::from([(OWNED.to_owned(), holder.hash.clone())]);
        let group = |name: &String| SecurityGroup {
            id: mark_id(name),
            vpc_id: super::provider::VPC.into(),
            name: name.clone(),
            tags: tags.clone(),
            rules: Vec::new(),
        };
        let marks = self.marks.iter().filter(|(name, _)| name.contains(&holder.hash));
        let mut shown = Vec::new();
        for (name, versions) in marks {
            if choices.one_of(&versions.visible(now)) == Some(&true) {
                shown.push(group(name));
            }
        }
        shown
    }

    /// What a read of a fact returns that may change.
    pub(super) fn read(
        &self,
        fact: &Fact,
        holder: &Holder,
        now: Moment,
        choices: &mut Choices,
    ) -> Result<FactValue, String> {
        Ok(match fact {
            Fact::Marks => FactValue::Marks(self.look_at_marks(holder, now, choices)),
            Fact::ManagedGroup(place) => {
                FactValue::ManagedGroup(place.clone(), self.groups.look(&place.1, now, choices))
            }
            Fact::ManagedGroups(name) => {
                let vpcs = self.groups.look(name, now, choices).map(|group| group.vpc_id);
                FactValue::ManagedGroups(name.clone(), vpcs.into_iter().collect())
            }
            Fact::Neighbors(vpc) => FactValue::Neighbors(vpc.clone(), self.look(now, choices)),
            Fact::Groups(ids) => {
                let groups = self.groups.existing(now).filter(|group| ids.contains(&group.id));
                FactValue::Groups(ids.clone(), groups.cloned().collect())
            }
            other => return Err(format!("{other} is requested, although the model provides it")),
        })
    }

    /// The marks that exist.
    pub(super) fn marks(&self, now: Moment) -> impl Iterator<Item = &String> {
        self.marks.iter().filter(move |(_, versions)| versions.at(now) == Some(&true)).map(|(name, _)| name)
    }

    pub(super) fn modify(&mut self, id: &EndpointId, change: &Change, now: Moment) -> Result<(), Rejected> {
        self.groups.check_exist(&change.add_groups, now)?;
        let record = self.find(id, now)?;
        let Some(mut body) = record.body.at(now).cloned() else { return Err(Rejected::NotFound) };
        replace(&mut body.groups, &change.remove_groups, &change.add_groups);
        replace(&mut body.subnets, &change.remove_subnets, &change.add_subnets);
        body.private_dns = change.private_dns.unwrap_or(body.private_dns);
        record.body.set(now, Body { state: Lifecycle::Pending, ..body.clone() });
        record.body.later(now + CREATION, Body { state: Lifecycle::Available, ..body });
        Ok(())
    }

    /// EC2 refuses to delete a security group that an endpoint uses.
    pub(super) fn delete_group(&mut self, id: &GroupId, now: Moment) -> Result<(), Rejected> {
        let uses =
            |body: &Body| body.groups.contains(id) && !matches!(body.state, Lifecycle::Deleted | Lifecycle::Unlisted);
        if self.endpoints.values().any(|record| record.body.at(now).is_some_and(uses)) {
            return Err(Rejected::GroupInUse);
        }
        self.groups.delete(id, now);
        Ok(())
    }

    pub(super) fn delete(&mut self, id: &EndpointId, now: Moment) {
        let Ok(record) = self.find(id, now) else { return };
        let Some(body) = record.body.at(now).cloned().filter(|body| body.state != Lifecycle::Deleting) else { return };
        let with = |state| Body { state, ..body.clone() };
        record.body.set(now, with(Lifecycle::Deleting));
        record.body.later(now + DELETION, with(Lifecycle::Deleted));
        record.body.later(now + DELETION + LISTED, with(Lifecycle::Unlisted));
    }

    /// The keys of all tags, including those that only a lagging look shows.
    pub(super) fn tag_keys(&self) -> impl Iterator<Item = &String> {
        self.endpoints.values().flat_map(|record| record.tags.keys())
    }

    /// Hashes what exists and what looks may show of it, at the next moment or later.
    pub(super) fn fingerprint(&self, next: Moment, keys: &Keys, hasher: &mut Mixer) {
        let since = |since: Moment| if since == FOREVER { FOREVER } else { since - next };
        self.tokens.hash(hasher);
        self.groups.fingerprint(since, hasher);
        for (name, versions) in &self.marks {
            name.hash(hasher);
            for (at, exists) in versions.all() {
                (since(*at), exists).hash(hasher);
            }
        }
        for (id, record) in &self.endpoints {
            if record.is_forgotten() {
                continue;
            }
            (id, &record.service, (record.created_at - next).max(-LAG)).hash(hasher);
            for (at, body) in record.body.all() {
                (since(*at), body).hash(hasher);
            }
            for (key, versions) in &record.tags {
                keys.relative(key).hash(hasher);
                for (at, value) in versions.all() {
                    (since(*at), value).hash(hasher);
                }
            }
        }
        self.endpoints.len().hash(hasher);
    }

    /// Forgets what no look can show anymore.
    pub(super) fn forget(&mut self, now: Moment) {
        for record in self.endpoints.values_mut() {
            if record.is_old(now) {
                Rc::make_mut(record).forget(now);
            }
        }
        for versions in self.marks.values_mut() {
            versions.forget(now);
        }
        self.marks.retain(|_, versions| *versions != Versions::starting_with(FOREVER, false));
        self.groups.forget(now);
    }

    /// Forgets the client tokens of an event that is not delivered again.
    pub(super) fn forget_tokens(&mut self, request: &Request) {
        self.tokens.retain(|token, _| (0..4).all(|attempt| request.client_token(attempt) != *token));
    }

    /// What one look shows. Where the lag allows several values, this is a choice.
    pub(super) fn look(&self, now: Moment, choices: &mut Choices) -> Vec<Endpoint> {
        let mut visible = Vec::new();
        for (id, record) in &self.endpoints {
            let Some(body) = choices.one_of(&record.body.visible(now)).filter(|body| body.state != Lifecycle::Unlisted)
            else {
                continue;
            };
            let mut tags = Tags::new();
            // An endpoint is created with its tags, so a look that shows the endpoint shows them too.
            let initial =
                |versions: &Versions<_>| versions.all().first().is_some_and(|(at, _)| *at == record.created_at);
            for (key, versions) in &record.tags {
                let mut values = versions.visible(now);
                if initial(versions) {
                    values.retain(Option::is_some);
                }
                if let Some(Some(value)) = choices.one_of(&values) {
                    tags.insert(key.clone(), value.clone());
                }
            }
            visible.push(describe(id, record, body, tags));
        }
        visible
    }
}
