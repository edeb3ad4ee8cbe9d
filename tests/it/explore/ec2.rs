//! The model of EC2: as little of it as the protocol touches. Writes take effect at one moment; a read may show, for the
//! endpoint itself and for each of its tags by itself, any value that was true less than the read lag ago.

use super::same::Keys;
use super::search::Choices;
use super::versions::{FOREVER, Versions};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash};
use std::rc::Rc;
use tidb_private_endpoint::model::change::{Change, NewEndpoint};
use tidb_private_endpoint::model::endpoint::{DnsEntry, Endpoint, EndpointState};
use tidb_private_endpoint::model::ids::{EndpointId, GroupId, ServiceName, SubnetId};
use tidb_private_endpoint::model::protocol::READ_LAG;
use tidb_private_endpoint::model::tags::Tags;
use tidb_private_endpoint::request::Request;

/// A moment of the model, in seconds.
pub(super) type Moment = i64;

pub(super) const LAG: Moment = READ_LAG.as_secs();
/// How long an endpoint takes to become available, to be changed, to be deleted, and then to be listed no more. Shorter
/// than EC2's, because nothing is decided meanwhile.
const MAKING: Moment = 6;
const ENDING: Moment = 6;
const LISTED: Moment = 12;
/// Older than any endpoint that there is no fast to look at.
const OLD: Moment = 1_000;

pub(super) fn timestamp(at: Moment) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(1_800_000_000 + at)
}

/// What a change of the endpoint changes, its tags aside.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Body {
    pub(super) state: State,
    groups: Vec<GroupId>,
    private_dns: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum State {
    Pending,
    Available,
    Deleting,
    Deleted,
    /// No longer listed.
    Unlisted,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Record {
    service: ServiceName,
    made_at: Moment,
    body: Versions<Body>,
    tags: BTreeMap<String, Versions<Option<String>>>,
}

impl Record {
    pub(super) fn body(&self, now: Moment) -> Option<&Body> {
        self.body.at(now)
    }

    pub(super) fn state(&self, now: Moment) -> State {
        self.body.at(now).map_or(State::Unlisted, |body| body.state)
    }

    pub(super) fn exists(&self, now: Moment) -> bool {
        matches!(self.state(now), State::Pending | State::Available)
    }

    /// Its tags, in truth.
    pub(super) fn tags(&self, now: Moment) -> Tags {
        let value = |versions: &Versions<Option<String>>| versions.at(now).cloned().flatten();
        self.tags.iter().filter_map(|(key, versions)| Some((key.clone(), value(versions)?))).collect()
    }

    /// Whether there is something that no read will show any more.
    fn is_old(&self, now: Moment) -> bool {
        self.body.is_old(now) || self.tags.values().any(|versions| versions.is_old(now))
    }

    fn forget(&mut self, now: Moment) {
        self.body.forget(now);
        for versions in self.tags.values_mut() {
            versions.forget(now);
        }
        self.tags.retain(|_, versions| *versions != Versions::starting_with(FOREVER, None));
    }

    /// Whether no look will ever show it again.
    fn is_history(&self) -> bool {
        matches!(self.body.all(), [(FOREVER, body)] if body.state == State::Unlisted)
    }

    /// Whether it was made in this history.
    pub(super) fn made(&self) -> bool {
        self.made_at > FOREVER
    }

    pub(super) fn service(&self) -> &ServiceName {
        &self.service
    }
}

/// Why EC2 did not do it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// Another endpoint of the VPC has the private name.
    NameTaken,
    /// There is no such endpoint.
    NotFound,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Ec2 {
    pub(super) endpoints: BTreeMap<EndpointId, Rc<Record>>,
    tokens: BTreeMap<String, EndpointId>,
}

impl Ec2 {
    /// An endpoint that has been there for long.
    pub(super) fn place(&mut self, new: &NewEndpoint) -> EndpointId {
        let id = self.add(new, FOREVER);
        self.forget(0);
        id
    }

    fn add(&mut self, new: &NewEndpoint, now: Moment) -> EndpointId {
        let id = EndpointId::from(format!("vpce-{:017x}", self.endpoints.len() + 1));
        let body = |state| Body { state, groups: new.group_ids.clone(), private_dns: new.private_dns };
        let mut versions = Versions::starting_with(now, body(State::Pending));
        versions.later(now + MAKING, body(State::Available));
        let tags = new.tags.iter().map(|(key, value)| (key.clone(), Versions::starting_with(now, Some(value.clone()))));
        let service = new.service_name.clone();
        let record = Record { service, made_at: now, body: versions, tags: tags.collect() };
        self.endpoints.insert(id.clone(), Rc::new(record));
        id
    }

    pub(super) fn create(&mut self, new: &NewEndpoint, now: Moment) -> Result<EndpointId, Refused> {
        if let Some(id) = self.tokens.get(&new.client_token) {
            return Ok(id.clone());
        }
        let has_name = |record: &Rc<Record>| {
            record.service == new.service_name
                && record.body(now).is_some_and(|body| body.private_dns)
                && matches!(record.state(now), State::Pending | State::Available | State::Deleting)
        };
        if new.private_dns && self.endpoints.values().any(has_name) {
            return Err(Refused::NameTaken);
        }
        let id = self.add(new, now);
        self.tokens.insert(new.client_token.clone(), id.clone());
        Ok(id)
    }

    fn find(&mut self, id: &EndpointId, now: Moment) -> Result<&mut Record, Refused> {
        let record = self.endpoints.get_mut(id).ok_or(Refused::NotFound)?;
        if matches!(record.state(now), State::Deleted | State::Unlisted) {
            Err(Refused::NotFound)
        } else {
            Ok(Rc::make_mut(record))
        }
    }

    pub(super) fn tag(&mut self, id: &EndpointId, key: &str, value: &str, now: Moment) -> Result<(), Refused> {
        let tags = &mut self.find(id, now)?.tags;
        let value = Some(value.to_owned());
        match tags.get_mut(key) {
            Some(versions) => versions.set(now, value),
            None => drop(tags.insert(key.to_owned(), Versions::starting_with(now, value))),
        }
        Ok(())
    }

    pub(super) fn untag(&mut self, id: &EndpointId, key: &str, now: Moment) -> Result<(), Refused> {
        if let Some(versions) = self.find(id, now)?.tags.get_mut(key) {
            versions.set(now, None);
        }
        Ok(())
    }

    pub(super) fn modify(&mut self, id: &EndpointId, change: &Change, now: Moment) -> Result<(), Refused> {
        let record = self.find(id, now)?;
        let Some(mut body) = record.body.at(now).cloned() else { return Err(Refused::NotFound) };
        body.groups.retain(|group| !change.remove_groups.contains(group));
        body.groups.extend(change.add_groups.iter().cloned());
        body.private_dns = change.private_dns.unwrap_or(body.private_dns);
        record.body.set(now, Body { state: State::Pending, ..body.clone() });
        record.body.later(now + MAKING, Body { state: State::Available, ..body });
        Ok(())
    }

    pub(super) fn delete(&mut self, id: &EndpointId, now: Moment) {
        let Ok(record) = self.find(id, now) else { return };
        let Some(body) = record.body.at(now).cloned().filter(|body| body.state != State::Deleting) else { return };
        let with = |state| Body { state, ..body.clone() };
        record.body.set(now, with(State::Deleting));
        record.body.later(now + ENDING, with(State::Deleted));
        record.body.later(now + ENDING + LISTED, with(State::Unlisted));
    }

    /// The keys of all tags that a look may show.
    pub(super) fn tag_keys(&self) -> impl Iterator<Item = &String> {
        self.endpoints.values().flat_map(|record| record.tags.keys())
    }

    /// What there is and what reads may show of it from the next moment on.
    pub(super) fn fingerprint(&self, next: Moment, keys: &Keys, hasher: &mut DefaultHasher) {
        let since = |since: Moment| if since == FOREVER { FOREVER } else { since - next };
        self.tokens.hash(hasher);
        for (id, record) in &self.endpoints {
            if record.is_history() {
                continue;
            }
            (id, &record.service, (record.made_at - next).max(-LAG)).hash(hasher);
            for (at, body) in record.body.all() {
                (since(*at), body).hash(hasher);
            }
            for (key, versions) in &record.tags {
                keys.stand_in(key).hash(hasher);
                for (at, value) in versions.all() {
                    (since(*at), value).hash(hasher);
                }
            }
        }
        self.endpoints.len().hash(hasher);
    }

    /// Forgets what no look will show any more.
    pub(super) fn forget(&mut self, now: Moment) {
        for record in self.endpoints.values_mut() {
            if record.is_old(now) {
                Rc::make_mut(record).forget(now);
            }
        }
    }

    /// Forgets the tokens of an event that will not come again.
    pub(super) fn forget_tokens(&mut self, request: &Request) {
        self.tokens.retain(|token, _| (0..4).all(|attempt| request.client_token(attempt) != *token));
    }

    /// What one look shows; where the lag leaves it open, the choices decide.
    pub(super) fn look(&self, now: Moment, choices: &mut Choices) -> Vec<Endpoint> {
        let mut shown = Vec::new();
        for (id, record) in &self.endpoints {
            let Some(body) = choices.one_of(&record.body.shown(now)).filter(|body| body.state != State::Unlisted)
            else {
                continue;
            };
            let mut tags = Tags::new();
            // An endpoint comes into being together with its tags, and so they are never shown later than itself.
            let born = |versions: &Versions<_>| versions.all().first().is_some_and(|(at, _)| *at == record.made_at);
            for (key, versions) in &record.tags {
                let mut values = versions.shown(now);
                if born(versions) {
                    values.retain(Option::is_some);
                }
                if let Some(Some(value)) = choices.one_of(&values) {
                    tags.insert(key.clone(), value.clone());
                }
            }
            shown.push(endpoint(id, record, body, tags));
        }
        shown
    }
}

fn endpoint(id: &EndpointId, record: &Record, body: &Body, tags: Tags) -> Endpoint {
    Endpoint {
        id: id.clone(),
        vpc_id: super::decision::VPC.into(),
        service_name: record.service.clone(),
        state: match body.state {
            State::Pending => EndpointState::Pending,
            State::Available => EndpointState::Available,
            State::Deleting => EndpointState::Deleting,
            State::Deleted | State::Unlisted => EndpointState::Deleted,
        },
        private_dns: body.private_dns,
        requester_managed: false,
        ip_address_type: String::new(),
        subnet_ids: vec![SubnetId::from(super::decision::SUBNET)],
        group_ids: body.groups.clone(),
        network_interface_ids: Vec::new(),
        dns_entries: vec![DnsEntry { name: format!("{id}.vpce.amazonaws.com"), hosted_zone_id: String::new() }],
        // So old that EC2 may be through with it at any moment; of their order nothing is lost.
        created_at: Some(timestamp(record.made_at - OLD)),
        last_error: None,
        tags,
    }
}

impl Body {
    pub(super) fn has_private_dns(&self) -> bool {
        self.private_dns
    }
}
