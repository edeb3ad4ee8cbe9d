//! The model of EC2, reduced to what the protocol uses. A write takes effect at one moment. A read may show, for the
//! endpoint and for each of its tags independently, any value that was true less than the read lag ago.

use super::choices::Choices;
use super::endpoint::{Body, Lifecycle, Record, describe};
use super::fingerprint::Keys;
use super::versions::{FOREVER, Versions};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash};
use std::rc::Rc;
use tidb_private_endpoint::model::change::{Change, NewEndpoint};
use tidb_private_endpoint::model::endpoint::Endpoint;
use tidb_private_endpoint::model::ids::EndpointId;
use tidb_private_endpoint::model::protocol::READ_LAG;
use tidb_private_endpoint::model::tags::Tags;
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
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Ec2 {
    pub(super) endpoints: BTreeMap<EndpointId, Rc<Record>>,
    tokens: BTreeMap<String, EndpointId>,
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
        let body = |state| Body { state, groups: new.group_ids.clone(), private_dns: new.private_dns };
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
        if new.private_dns && self.endpoints.values().any(has_name) {
            return Err(Rejected::NameTaken);
        }
        let id = self.add(new, now);
        self.tokens.insert(new.client_token.clone(), id.clone());
        Ok(id)
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

    pub(super) fn untag(&mut self, id: &EndpointId, key: &str, now: Moment) -> Result<(), Rejected> {
        if let Some(versions) = self.find(id, now)?.tags.get_mut(key) {
            versions.set(now, None);
        }
        Ok(())
    }

    pub(super) fn modify(&mut self, id: &EndpointId, change: &Change, now: Moment) -> Result<(), Rejected> {
        let record = self.find(id, now)?;
        let Some(mut body) = record.body.at(now).cloned() else { return Err(Rejected::NotFound) };
        body.groups.retain(|group| !change.remove_groups.contains(group));
        body.groups.extend(change.add_groups.iter().cloned());
        body.private_dns = change.private_dns.unwrap_or(body.private_dns);
        record.body.set(now, Body { state: Lifecycle::Pending, ..body.clone() });
        record.body.later(now + CREATION, Body { state: Lifecycle::Available, ..body });
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
    pub(super) fn fingerprint(&self, next: Moment, keys: &Keys, hasher: &mut DefaultHasher) {
        let since = |since: Moment| if since == FOREVER { FOREVER } else { since - next };
        self.tokens.hash(hasher);
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
