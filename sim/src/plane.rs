//! The control plane's state, and everything in it that happens by itself when its time has come.
//!
//! Nothing runs in the background: whoever looks, first brings the state up to the present, step by step and in order.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
    time::Duration,
};

use jiff::Timestamp;

use crate::{
    clock::{Clock, History, View},
    dns::{self, Zones},
    endpoint::{Endpoint, FULL_ACCESS, Interface, LastError, Record, State, Step},
    error::ApiError,
    iam::{Authorization, Policy},
    idempotency::Tokens,
    knobs::{Knobs, Span},
    random::Random,
    throttle::Buckets,
    world::{EndpointSpec, Group, References, Service, Subnet, Tags, Vpc, World, WorldError},
};

mod pages;

use pages::Pages;

/// Something that happens by itself.
#[derive(Clone, Debug)]
enum Event {
    /// Void, unless the endpoint is still at that operation.
    Step { endpoint: String, operation: u64, step: Step },
    /// The endpoint's hidden zone goes.
    ReleaseZone { endpoint: String },
}

/// Everything that there is, and what is going to happen to it.
#[derive(Debug)]
pub(crate) struct Plane {
    clock: Clock,
    /// What the state has been brought up to.
    pub(crate) now: Duration,
    pub(crate) region: String,
    pub(crate) account: String,
    /// Names of Availability Zones, and their ids.
    pub(crate) zones: BTreeMap<String, String>,
    pub(crate) vpcs: BTreeMap<String, Vpc>,
    pub(crate) subnets: BTreeMap<String, Subnet>,
    pub(crate) groups: BTreeMap<String, History<Group>>,
    pub(crate) services: BTreeMap<String, Service>,
    pub(crate) endpoints: BTreeMap<String, Record>,
    pub(crate) hidden_zones: Zones,
    pub(crate) tokens: Tokens,
    pub(crate) buckets: Buckets,
    pub(crate) denied_actions: BTreeSet<String>,
    /// What the caller may do; everything, if absent.
    pub(crate) policy: Option<Policy>,
    /// What IAM was asked since the policy is there.
    pub(crate) policy_use: Vec<Authorization>,
    pub(crate) knobs: Knobs,
    pub(crate) random: Random,
    pub(crate) complaints: Vec<String>,
    /// When the tags of a resource were last written by call.
    pub(crate) tagged: BTreeMap<String, Duration>,
    pages: Pages,
    /// How many addresses of a subnet have been given out; none is used twice.
    addresses: BTreeMap<String, u32>,
    /// By time, then in the order of scheduling.
    schedule: BTreeMap<(Duration, u64), Event>,
    scheduled: u64,
}

impl Plane {
    pub(crate) fn new(world: World) -> Self {
        let mut plane = Self {
            clock: Clock::starting_at(world.epoch),
            now: Duration::ZERO,
            region: world.region,
            account: world.account,
            zones: world.zones,
            vpcs: world.vpcs.into_iter().map(|vpc| (vpc.id.clone(), vpc)).collect(),
            subnets: world.subnets.into_iter().map(|subnet| (subnet.id.clone(), subnet)).collect(),
            groups: BTreeMap::new(),
            services: world.services.into_iter().map(|service| (service.name.clone(), service)).collect(),
            endpoints: BTreeMap::new(),
            hidden_zones: Zones::default(),
            tokens: Tokens::default(),
            buckets: Buckets::default(),
            denied_actions: world.denied_actions,
            policy: None,
            policy_use: Vec::new(),
            knobs: world.knobs,
            random: Random::new(world.seed),
            complaints: Vec::new(),
            tagged: BTreeMap::new(),
            pages: Pages::default(),
            addresses: BTreeMap::new(),
            schedule: BTreeMap::new(),
            scheduled: 0,
        };
        for mut group in world.groups {
            for rule in group.ingress.iter_mut().filter(|rule| rule.id.is_empty()) {
                rule.id = plane.random.id("sgr");
            }
            plane.groups.insert(group.id.clone(), History::new(None, group));
        }
        for vpc in plane.vpcs.keys().cloned().collect::<Vec<_>>() {
            if plane.default_group(&vpc).is_none() {
                plane.add_default_group(&vpc, None);
            }
        }
        for spec in world.endpoints {
            plane.add_foreign(spec, None);
        }
        plane
    }

    /// Does everything that is due by now.
    pub(crate) fn advance(&mut self) {
        let to = self.clock.elapsed();
        while let Some(entry) = self.schedule.first_entry().filter(|entry| entry.key().0 <= to) {
            let ((at, _), event) = entry.remove_entry();
            self.now = at;
            self.happen(event);
        }
        self.now = to;
    }

    pub(crate) fn wall(&self) -> Timestamp {
        self.clock.wall(self.now)
    }

    fn after(&mut self, delay: Span, event: Event) {
        let at = self.now + self.random.within(delay);
        self.scheduled += 1;
        self.schedule.insert((at, self.scheduled), event);
    }

    pub(crate) fn step_after(&mut self, delay: Span, endpoint: &str, step: Step) {
        let operation = self.endpoints.get(endpoint).map_or(0, |record| record.operation);
        self.after(delay, Event::Step { endpoint: endpoint.to_owned(), operation, step });
    }

    pub(crate) fn release_zone_later(&mut self, endpoint: &str) {
        self.after(self.knobs.zone_release_ms, Event::ReleaseZone { endpoint: endpoint.to_owned() });
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::ReleaseZone { endpoint } => self.hidden_zones.release(&endpoint),
            Event::Step { endpoint, operation, step } => {
                if self.endpoints.get(&endpoint).is_some_and(|record| record.operation == operation) {
                    self.take_step(&endpoint, step);
                }
            }
        }
    }

    fn take_step(&mut self, id: &str, step: Step) {
        let now = self.now;
        match step {
            Step::Accept => {
                self.change(id, |endpoint| endpoint.state = State::Pending);
                self.step_after(self.knobs.create_ms, id, Step::Settle);
            }
            Step::Settle => {
                let doom = self.endpoints.get_mut(id).and_then(|record| {
                    record.modifying = false;
                    record.doom.take()
                });
                self.change(id, |endpoint| {
                    endpoint.state = if doom.is_some() { State::Failed } else { State::Available };
                    endpoint.was_available |= doom.is_none();
                    endpoint.last_error = doom;
                });
            }
            Step::Delete => {
                let had_zone = self.current(id).is_some_and(|endpoint| endpoint.private_dns_enabled);
                self.change(id, |endpoint| {
                    endpoint.state = State::Deleted;
                    endpoint.interfaces.clear();
                });
                if had_zone {
                    self.release_zone_later(id);
                }
                self.step_after(self.knobs.deleted_listed_ms, id, Step::Forget);
            }
            Step::Forget => {
                if let Some(record) = self.endpoints.get_mut(id) {
                    record.history.end(now);
                }
            }
        }
    }

    /// What a read sees that is at least that far behind.
    pub(crate) fn read_view(&mut self, at_least: Duration) -> View {
        let lag = self.random.within(self.knobs.read_lag_ms).max(at_least);
        self.now.checked_sub(lag)
    }

    /// What a change finds.
    pub(crate) fn write_view(&mut self) -> View {
        let lag = self.random.within(self.knobs.write_lag_ms);
        self.now.checked_sub(lag)
    }

    /// What IAM sees of the tags of a resource.
    pub(crate) fn iam_view(&mut self) -> View {
        let lag = self.random.within(self.knobs.iam_lag_ms);
        self.now.checked_sub(lag)
    }

    /// The endpoint as it is, even if it is only still listed.
    pub(crate) fn current(&self, id: &str) -> Option<&Endpoint> {
        self.endpoints.get(id)?.history.now()
    }

    pub(crate) fn change(&mut self, id: &str, change: impl FnOnce(&mut Endpoint)) {
        if let Some(record) = self.endpoints.get_mut(id) {
            record.history.change(self.now, change);
        }
    }

    /// All endpoints that exist, the dying ones among them.
    pub(crate) fn living(&self) -> impl Iterator<Item = &Endpoint> {
        self.endpoints.values().filter_map(|record| record.history.now()).filter(|endpoint| !endpoint.is_gone())
    }

    /// All endpoints that the caller may see, as they were. A participant in a shared VPC sees none of its endpoints.
    pub(crate) fn visible(&self, view: View) -> impl Iterator<Item = &Endpoint> {
        let seen = self.endpoints.values().filter_map(move |record| record.history.as_of(view));
        seen.filter(|endpoint| endpoint.owner == self.account)
    }

    /// The endpoint that a change is to be made to, if whoever handles the change knows of it already.
    pub(crate) fn find_to_change(&mut self, id: &str) -> Option<Endpoint> {
        let view = self.write_view();
        self.endpoints.get(id)?.history.as_of(view)?;
        self.current(id).filter(|endpoint| endpoint.owner == self.account && !endpoint.is_gone()).cloned()
    }

    /// Adds an endpoint, with its network interfaces and its hidden zone.
    pub(crate) fn add_endpoint(&mut self, mut endpoint: Endpoint, since: View, doom: Option<LastError>) {
        endpoint.interfaces = self.make_interfaces(&endpoint.subnet_ids);
        let id = endpoint.id.clone();
        if endpoint.private_dns_enabled && doom.is_none() {
            self.take_zone(&endpoint);
        }
        let state = endpoint.state;
        let mut record = Record::new(History::new(since, endpoint));
        record.doom = doom;
        self.endpoints.insert(id.clone(), record);
        match (state, self.knobs.acceptance_ms) {
            (State::PendingAcceptance, Some(delay)) => self.step_after(delay, &id, Step::Accept),
            (State::Pending, _) => self.step_after(self.knobs.create_ms, &id, Step::Settle),
            (State::Deleting, _) => self.step_after(self.knobs.delete_ms, &id, Step::Delete),
            _ => {}
        }
    }

    pub(crate) fn take_zone(&mut self, endpoint: &Endpoint) {
        if let Some(name) =
            self.services.get(&endpoint.service_name).and_then(|service| service.private_dns_name.as_deref())
        {
            self.hidden_zones.take(&endpoint.vpc_id, name, &endpoint.id, self.now);
        }
    }

    /// Whether an endpoint that somebody else is to make refers to what there is.
    pub(crate) fn check_spec(&self, spec: &EndpointSpec) -> Result<(), WorldError> {
        if self.endpoints.contains_key(&spec.id) {
            return Err(WorldError::new(format!("there is an endpoint {} already", spec.id)));
        }
        spec.check(&References {
            vpc: &|id| self.vpcs.contains_key(id),
            service: &|name| self.services.contains_key(name),
            subnet: &|id| self.subnets.get(id).map(|subnet| subnet.vpc_id.as_str()),
            group: &|id| self.group(id).map(|group| group.vpc_id.as_str()),
        })
    }

    /// Adds an endpoint that somebody else made, and gives its id.
    pub(crate) fn add_foreign(&mut self, spec: EndpointSpec, since: View) -> String {
        let owner = self.owner(&spec.vpc_id);
        let groups = if spec.group_ids.is_empty() {
            self.default_group(&spec.vpc_id).map(|group| vec![group.id.clone()]).unwrap_or_default()
        } else {
            spec.group_ids
        };
        let endpoint = Endpoint {
            id: if spec.id.is_empty() { self.random.id("vpce") } else { spec.id },
            kind: spec.kind,
            owner,
            vpc_id: spec.vpc_id,
            service_name: spec.service_name,
            was_available: spec.state == State::Available,
            state: spec.state,
            private_dns_enabled: spec.private_dns_enabled,
            subnet_ids: spec.subnet_ids,
            group_ids: groups,
            interfaces: Vec::new(),
            ip_address_type: "ipv4".to_owned(),
            dns_record_ip_type: "ipv4".to_owned(),
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

    /// Begins the end of an endpoint. One that is ending already goes on as it was.
    pub(crate) fn begin_delete(&mut self, id: &str) {
        if self.current(id).is_none_or(Endpoint::is_leaving) {
            return;
        }
        if let Some(record) = self.endpoints.get_mut(id) {
            record.begin();
        }
        self.change(id, |endpoint| endpoint.state = State::Deleting);
        self.step_after(self.knobs.delete_ms, id, Step::Delete);
    }

    pub(crate) fn make_interfaces(&mut self, subnets: &[String]) -> Vec<Interface> {
        subnets
            .iter()
            .map(|subnet_id| {
                let given = self.addresses.entry(subnet_id.clone()).or_default();
                *given += 1;
                // The first four addresses of a subnet are AWS's.
                let offset = 3 + *given;
                let block = self.subnets.get(subnet_id).map(|subnet| subnet.cidr_block.as_str()).unwrap_or_default();
                let base = block.split('/').next().and_then(|base| base.parse::<Ipv4Addr>().ok());
                let address = Ipv4Addr::from_bits(base.unwrap_or(Ipv4Addr::UNSPECIFIED).to_bits() + offset);
                Interface { id: self.random.id("eni"), subnet_id: subnet_id.clone(), address: address.to_string() }
            })
            .collect()
    }

    /// Addresses of a subnet that are still free.
    pub(crate) fn free_addresses(&self, subnet: &Subnet) -> usize {
        let taken = self.living().flat_map(|endpoint| &endpoint.interfaces).filter(|eni| eni.subnet_id == subnet.id);
        subnet.free_addresses.saturating_sub(taken.count())
    }

    pub(crate) fn dns_entries(&self, endpoint: &Endpoint) -> Vec<dns::Entry> {
        let zones: Vec<String> = endpoint
            .subnet_ids
            .iter()
            .filter_map(|id| self.subnets.get(id))
            .map(|subnet| subnet.zone.clone())
            .collect();
        let service = self.services.get(&endpoint.service_name);
        let private_name = service.and_then(|service| service.private_dns_name.as_deref());
        dns::entries(endpoint, private_name, &zones, &self.region, &self.knobs)
    }

    /// The account that owns a VPC and what is in it.
    pub(crate) fn owner(&self, vpc: &str) -> String {
        self.vpcs.get(vpc).and_then(|vpc| vpc.owner.clone()).unwrap_or_else(|| self.account.clone())
    }

    pub(crate) fn group(&self, id: &str) -> Option<&Group> {
        self.groups.get(id)?.now()
    }

    /// Adds the group that every VPC is born with.
    pub(crate) fn add_default_group(&mut self, vpc: &str, since: View) {
        let group = Group {
            id: self.random.id("sg"),
            name: "default".to_owned(),
            description: "default VPC security group".to_owned(),
            vpc_id: vpc.to_owned(),
            ingress: Vec::new(),
            tags: Tags::new(),
        };
        self.groups.insert(group.id.clone(), History::new(since, group));
    }

    pub(crate) fn default_group(&self, vpc: &str) -> Option<&Group> {
        let mut groups = self.groups.values().filter_map(History::now);
        groups.find(|group| group.vpc_id == vpc && group.name == "default")
    }

    /// The caller's account, in the ways that a list of principals may name it.
    pub(crate) fn allowed(&self, service: &Service) -> bool {
        let root = format!("arn:aws:iam::{}:root", self.account);
        ["*", self.account.as_str(), root.as_str()].iter().any(|name| service.allowed_principals.contains(*name))
    }

    /// The service, if it exists as far as the caller may know.
    pub(crate) fn service(&self, name: &str) -> Result<&Service, ApiError> {
        let service = self.services.get(name).filter(|service| self.allowed(service));
        service.ok_or_else(|| ApiError::service_not_found(name))
    }
}
