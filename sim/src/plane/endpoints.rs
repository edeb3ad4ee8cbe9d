//! The endpoints of the control plane.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::Plane;
use crate::{
    clock::{History, View},
    dns,
    endpoint::{Endpoint, FULL_ACCESS, Interface, LastError, Record, State, Step},
    random::Random,
    world::{EndpointSpec, References, Subnet, WorldError},
};

impl Plane {
    /// The current state of the endpoint, including `deleted`.
    pub(crate) fn current(&self, id: &str) -> Option<&Endpoint> {
        self.endpoints.get(id)?.history.now()
    }

    pub(crate) fn change(&mut self, id: &str, change: impl FnOnce(&mut Endpoint)) {
        if let Some(record) = self.endpoints.get_mut(id) {
            record.history.change(self.now, change);
        }
    }

    /// All endpoints that exist, including those being deleted.
    pub(crate) fn existing_endpoints(&self) -> impl Iterator<Item = &Endpoint> {
        self.endpoints.values().filter_map(|record| record.history.now()).filter(|endpoint| !endpoint.is_gone())
    }

    /// All endpoints that the caller can see. A participant in a shared VPC does not see the endpoints in it.
    pub(crate) fn visible(&self, view: View) -> impl Iterator<Item = &Endpoint> {
        let seen = self.endpoints.values().filter_map(move |record| record.history.as_of(view));
        seen.filter(|endpoint| endpoint.owner == self.account)
    }

    /// Looks up the endpoint for a change. Because of lag, a new endpoint may not be found yet.
    pub(crate) fn find_to_change(&mut self, id: &str) -> Option<Endpoint> {
        let view = self.write_view();
        self.endpoints.get(id)?.history.as_of(view)?;
        self.current(id).filter(|endpoint| endpoint.owner == self.account && !endpoint.is_gone()).cloned()
    }

    /// Adds an endpoint with its network interfaces and its hidden private hosted zone.
    pub(crate) fn add_endpoint(&mut self, mut endpoint: Endpoint, since: View, pending_failure: Option<LastError>) {
        endpoint.interfaces = self.make_interfaces(&endpoint.subnet_ids, &endpoint.ip_address_type);
        let id = endpoint.id.clone();
        if endpoint.private_dns_enabled && pending_failure.is_none() {
            self.take_zone(&endpoint);
        }
        let state = endpoint.state;
        let mut record = Record::new(History::new(since, endpoint));
        record.pending_failure = pending_failure;
        self.endpoints.insert(id.clone(), record);
        match (state, self.knobs.acceptance_ms) {
            (State::PendingAcceptance, Some(delay)) => self.step_after(delay, &id, Step::Accept),
            (State::Pending, _) => self.step_after(self.knobs.create_ms, &id, Step::Complete),
            (State::Deleting, _) => self.step_after(self.knobs.delete_ms, &id, Step::Delete),
            _ => {}
        }
    }

    pub(crate) fn take_zone(&mut self, endpoint: &Endpoint) {
        let names = self.private_names(endpoint);
        if !names.is_empty() {
            self.hidden_zones.take(&endpoint.vpc_id, names, &endpoint.id, self.now);
        }
    }

    /// Checks that the resources that a foreign endpoint refers to exist.
    pub(crate) fn check_spec(&self, spec: &EndpointSpec) -> Result<(), WorldError> {
        if self.endpoints.contains_key(&spec.id) {
            return Err(WorldError::new(format!("endpoint {} already exists", spec.id)));
        }
        spec.check(&References {
            vpc: &|id| self.vpc(id).is_some(),
            service: &|name| self.services.contains_key(name),
            subnet: &|id| self.subnet(id).map(|subnet| subnet.vpc_id.as_str()),
            group: &|id| self.group(id).map(|group| group.vpc_id.as_str()),
        })
    }

    /// Adds a foreign endpoint and returns its ID.
    pub(crate) fn add_foreign(&mut self, spec: EndpointSpec, since: View) -> String {
        let owner = self.owner(&spec.vpc_id);
        let groups = if spec.group_ids.is_empty() {
            self.default_group(&spec.vpc_id).map(|group| vec![group.id.clone()]).unwrap_or_default()
        } else {
            spec.group_ids
        };
        let ip_address_type =
            if spec.ip_address_type.is_empty() { "ipv4".to_owned() } else { spec.ip_address_type.clone() };
        let endpoint = Endpoint {
            id: if spec.id.is_empty() { self.random.id("vpce") } else { spec.id },
            kind: spec.kind,
            owner,
            vpc_id: spec.vpc_id,
            service_name: spec.service_name,
            was_available: spec.state == State::Available,
            zone_id_pending: false,
            state: spec.state,
            private_dns_enabled: spec.private_dns_enabled,
            subnet_ids: spec.subnet_ids,
            group_ids: groups,
            interfaces: Vec::new(),
            ip_address_type: ip_address_type.clone(),
            dns_record_ip_type: ip_address_type,
            policy: FULL_ACCESS.to_owned(),
            requester_managed: spec.requester_managed,
            last_error: None,
            tags: spec.tags,
            created_at: self.wall(),
        };
        let id = endpoint.id.clone();
        self.add_endpoint(endpoint, since, None);
        id
    }

    /// Starts the deletion of an endpoint. Has no effect if it is already being deleted.
    pub(crate) fn begin_delete(&mut self, id: &str) {
        if self.current(id).is_none_or(Endpoint::is_deleting) {
            return;
        }
        if let Some(record) = self.endpoints.get_mut(id) {
            record.begin();
        }
        self.change(id, |endpoint| endpoint.state = State::Deleting);
        self.step_after(self.knobs.delete_ms, id, Step::Delete);
    }

    pub(crate) fn make_interfaces(&mut self, subnets: &[String], ip_address_type: &str) -> Vec<Interface> {
        subnets
            .iter()
            .map(|subnet_id| {
                let id = self.random.id("eni");
                let subnet_id = subnet_id.clone();
                let (address, ipv6_address, visible_from) = (String::new(), None, self.now);
                let mut interface = Interface { id, subnet_id, address, ipv6_address, visible_from };
                self.assign_addresses(&mut interface, ip_address_type);
                interface
            })
            .collect()
    }

    /// Gives a network interface the addresses that the IP address type requires, and keeps those that it has.
    pub(crate) fn assign_addresses(&mut self, interface: &mut Interface, ip_address_type: &str) {
        let Some(subnet) = self.subnet(&interface.subnet_id).cloned() else { return };
        let base = |block: &str| block.split('/').next().unwrap_or_default().to_owned();
        if ip_address_type == "ipv6" {
            interface.address.clear();
        } else if interface.address.is_empty() {
            let assigned = self.addresses.entry(subnet.id.clone()).or_default();
            *assigned += 1;
            // AWS reserves the first four addresses of a subnet.
            let offset = 3 + *assigned;
            let first: Ipv4Addr = base(&subnet.cidr_block).parse().unwrap_or(Ipv4Addr::UNSPECIFIED);
            interface.address = Ipv4Addr::from_bits(first.to_bits() + offset).to_string();
        }
        if ip_address_type == "ipv4" {
            interface.ipv6_address = None;
        } else if interface.ipv6_address.is_none() {
            let first: Option<Ipv6Addr> = subnet.ipv6_cidr_block.as_deref().and_then(|block| base(block).parse().ok());
            let offset = u128::from(Random::named(&interface.id).next());
            interface.ipv6_address = first.map(|first| Ipv6Addr::from_bits(first.to_bits() | offset).to_string());
        }
    }

    /// The number of available IPv4 addresses in a subnet.
    pub(crate) fn free_addresses(&self, subnet: &Subnet) -> usize {
        if !subnet.has_ipv4() {
            return 0;
        }
        let interfaces = self.existing_endpoints().flat_map(|endpoint| &endpoint.interfaces);
        let taken = interfaces.filter(|eni| eni.subnet_id == subnet.id && !eni.address.is_empty());
        subnet.free_addresses.saturating_sub(taken.count())
    }

    fn private_names(&self, endpoint: &Endpoint) -> Vec<String> {
        let service = self.services.get(&endpoint.service_name);
        service.map(|service| service.private_dns_names().cloned().collect()).unwrap_or_default()
    }

    pub(crate) fn dns_entries(&self, endpoint: &Endpoint) -> Vec<dns::Entry> {
        // A deleted endpoint has no network interfaces any more, but its entries are still listed.
        let hidden = |id: &str| {
            let interface = endpoint.interfaces.iter().find(|interface| interface.subnet_id == id);
            interface.is_some_and(|interface| interface.visible_from > self.now)
        };
        let subnets = endpoint.subnet_ids.iter().filter(|id| !hidden(id)).filter_map(|id| self.subnet(id));
        let zones: Vec<String> = subnets.map(|subnet| subnet.zone.clone()).collect();
        dns::entries(endpoint, &self.private_names(endpoint), &zones, &self.region, &self.knobs)
    }
}
