//! What EC2 will show after a step, if it accepts the step and nobody else does anything.

use crate::decision::action::{Action, Created};
use crate::decision::facts::{Fact, FactValue, Facts};
use crate::decision::observed::Observed;
use crate::model::change::{Change, NewEndpoint, NewGroup, TagChange};
use crate::model::endpoint::{DnsEntry, Endpoint, EndpointState};
use crate::model::ids::{EndpointId, GroupId, SubnetId};
use crate::model::query::EndpointQuery;
use crate::model::security_group::{IngressRule, Rule, SecurityGroup, is_mark};
use crate::request::Request;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Stands for the ID of what a step creates, also in the texts.
const NEW_ENDPOINT: &str = "the new endpoint";
const NEW_GROUP: &str = "the new security group";

/// EC2 as it was read, with the steps so far.
#[derive(Debug, Clone, Default)]
pub struct World {
    endpoints: BTreeMap<EndpointId, Endpoint>,
    facts: BTreeMap<Fact, FactValue>,
    /// The subnets of the endpoints at the start.
    subnets: BTreeSet<SubnetId>,
}

impl World {
    /// The endpoints that a look has shown.
    pub fn of(endpoints: impl IntoIterator<Item = Endpoint>) -> Self {
        let endpoints: BTreeMap<_, _> = endpoints.into_iter().map(|endpoint| (endpoint.id.clone(), endpoint)).collect();
        let subnets = endpoints.values().flat_map(|endpoint| endpoint.subnet_ids.clone()).collect();
        // What is planned is still to be sent.
        let facts =
            BTreeMap::from([(Fact::Operation, FactValue::Operation(None)), (Fact::Stack, FactValue::Stack(None))]);
        Self { endpoints, facts, subnets }
    }

    /// Whether an endpoint existed before the first step.
    pub fn is_real(id: &EndpointId) -> bool {
        id.as_str() != NEW_ENDPOINT
    }

    /// Whether an endpoint was in a subnet before the first step.
    pub fn had_subnet(&self, id: &SubnetId) -> bool {
        self.subnets.contains(id)
    }

    pub fn knows(&self, fact: &Fact) -> bool {
        self.facts.contains_key(fact)
    }

    /// Adds what was read.
    pub fn learn(&mut self, fact: Fact, value: FactValue) {
        self.facts.insert(fact, value);
    }

    /// What has been read, as the steps have changed it.
    pub fn facts(&self) -> Facts {
        let mut facts = Facts::default();
        for value in self.facts.values() {
            facts.insert(value.clone());
        }
        facts
    }

    /// A look.
    pub fn observed(&self, queries: &[EndpointQuery], at: Timestamp) -> Observed {
        let asked = |endpoint: &&Endpoint| queries.iter().any(|query| query.matches(endpoint));
        Observed { at, endpoints: self.endpoints.values().filter(asked).cloned().collect() }
    }

    /// Takes a step, and returns what EC2 will answer.
    pub fn apply(&mut self, action: &Action, request: &Request) -> Created {
        match action {
            Action::CreateEndpoint(new) => return Created::Endpoint(Box::new(self.create(new))),
            Action::ModifyEndpoint(id, change) => self.with_endpoint(id, |endpoint| modify(endpoint, change)),
            Action::DeleteEndpoint(id) => self.with_endpoint(id, |endpoint| endpoint.state = EndpointState::Deleting),
            Action::Tag(id, tags) => {
                let change = tags.change(request);
                self.with_endpoint(id, |endpoint| tag(endpoint, &change));
            }
            Action::Mark(new) | Action::CreateGroup(new) => return Created::Group(self.create_group(new)),
            Action::Authorize(id, rules) => self.with_group(id, |group| group.rules.extend(rules.iter().map(written))),
            Action::Revoke(id, rules) => {
                let gone: Vec<Rule> = rules.iter().map(written).collect();
                self.with_group(id, |group| group.rules.retain(|rule| !gone.contains(rule)));
            }
            Action::RemoveMark(id) | Action::DeleteGroup(id) => self.delete_group(id),
        }
        Created::Nothing
    }

    /// Lets the time of a wait pass: what is being created or changed is available then, and what is being deleted is gone.
    pub fn pass(&mut self) {
        self.endpoints.retain(|_, endpoint| !endpoint.state.is_ending());
        for endpoint in self.endpoints.values_mut().filter(|endpoint| endpoint.state == EndpointState::Pending) {
            endpoint.state = EndpointState::Available;
        }
        let endpoints = &self.endpoints;
        for value in self.facts.values_mut() {
            if let FactValue::Neighbors(_, neighbors) = value {
                neighbors.retain(|neighbor| !neighbor.state.is_ending());
                for neighbor in neighbors {
                    if let Some(same) = endpoints.get(&neighbor.id) {
                        neighbor.clone_from(same);
                    }
                }
            }
        }
    }

    fn create(&mut self, new: &NewEndpoint) -> Endpoint {
        let id = EndpointId::from(NEW_ENDPOINT);
        let name = |name: String| DnsEntry { name, hosted_zone_id: "predicted".to_owned() };
        let private_name = match self.facts.get(&Fact::Service) {
            Some(FactValue::Service(Some(service))) if new.private_dns => service.private_dns_name.clone(),
            Some(_) | None => None,
        };
        let endpoint = Endpoint {
            id: id.clone(),
            vpc_id: new.vpc_id.clone(),
            service_name: new.service_name.clone(),
            state: EndpointState::Pending,
            private_dns: new.private_dns,
            requester_managed: false,
            ip_address_type: new.ip_address_type.map_or("ipv4", |kind| kind.as_str()).to_owned(),
            subnet_ids: new.subnet_ids.clone(),
            group_ids: new.group_ids.clone(),
            network_interface_ids: Vec::new(),
            dns_entries: private_name.into_iter().chain([id.to_string()]).map(name).collect(),
            created_at: None,
            last_error: None,
            tags: new.tags.clone(),
        };
        self.endpoints.insert(id, endpoint.clone());
        endpoint
    }

    fn create_group(&mut self, new: &NewGroup) -> GroupId {
        let marks = is_mark(&new.name);
        let id = GroupId::from(if marks { new.name.as_str() } else { NEW_GROUP });
        let (vpc_id, name, tags) = (new.vpc_id.clone(), new.name.clone(), new.tags.clone());
        let group = SecurityGroup { id: id.clone(), vpc_id, name, tags, rules: Vec::new() };
        if marks {
            match self.facts.get_mut(&Fact::Marks) {
                Some(FactValue::Marks(groups)) => groups.push(group),
                _ => drop(self.facts.insert(Fact::Marks, FactValue::Marks(vec![group]))),
            }
        } else {
            let place = (new.vpc_id.clone(), new.name.clone());
            self.facts.insert(Fact::ManagedGroup(place.clone()), FactValue::ManagedGroup(place, Some(group)));
        }
        id
    }

    fn delete_group(&mut self, id: &GroupId) {
        self.retain_groups(|group| group.id != *id);
    }

    fn with_endpoint(&mut self, id: &EndpointId, change: impl FnOnce(&mut Endpoint)) {
        if let Some(endpoint) = self.endpoints.get_mut(id) {
            change(endpoint);
        }
    }

    fn with_group(&mut self, id: &GroupId, change: impl Fn(&mut SecurityGroup)) {
        self.retain_groups(|group| {
            if group.id == *id {
                change(group);
            }
            true
        });
    }

    fn retain_groups(&mut self, keep: impl Fn(&mut SecurityGroup) -> bool) {
        for value in self.facts.values_mut() {
            match value {
                FactValue::ManagedGroup(_, group) => drop(group.take_if(|group| !keep(group))),
                FactValue::Marks(groups) | FactValue::Groups(_, groups) => groups.retain_mut(&keep),
                FactValue::Service(_)
                | FactValue::Vpc(..)
                | FactValue::VpcDns(_)
                | FactValue::Subnets(_)
                | FactValue::ManagedGroups(..)
                | FactValue::Way(..)
                | FactValue::Neighbors(..)
                | FactValue::Operation(_)
                | FactValue::Stack(_) => {}
            }
        }
    }
}

fn modify(endpoint: &mut Endpoint, change: &Change) {
    endpoint.subnet_ids.retain(|id| !change.remove_subnets.contains(id));
    endpoint.subnet_ids.extend(change.add_subnets.iter().cloned());
    endpoint.group_ids.retain(|id| !change.remove_groups.contains(id));
    endpoint.group_ids.extend(change.add_groups.iter().cloned());
    endpoint.private_dns = change.private_dns.unwrap_or(endpoint.private_dns);
    if let Some(kind) = change.ip_address_type {
        kind.as_str().clone_into(&mut endpoint.ip_address_type);
    }
}

fn tag(endpoint: &mut Endpoint, change: &TagChange) {
    endpoint.tags.extend(change.set.clone());
    for (key, value) in &change.unset {
        if value.as_ref().is_none_or(|value| endpoint.tags.get(key) == Some(value)) {
            endpoint.tags.remove(key);
        }
    }
}

/// A rule as the provider writes it.
fn written(rule: &IngressRule) -> Rule {
    let port = i32::from(rule.port);
    Rule { protocol: "tcp".to_owned(), ports: Some((port, port)), source: rule.source.clone(), is_ours: true }
}
