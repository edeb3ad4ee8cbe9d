//! The state of the control plane.
//!
//! Nothing runs in the background. Before each access, `advance` runs the scheduled events that are due, in order.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;

use crate::{
    clock::{Clock, History, View, Views},
    dns::Zones,
    endpoint::Record,
    faults::RoleError,
    iam::{Authorization, Policy},
    idempotency::Tokens,
    knobs::{Knobs, Span},
    random::Random,
    throttle::Buckets,
    world::{Group, Peering, RouteTable, Service, Subnet, Vpc, World, ZoneType},
};

mod endpoints;
mod network;
mod pages;
mod routing;
mod schedule;

use pages::Pages;
use schedule::Schedule;

/// All resources and scheduled events.
#[derive(Debug)]
pub(crate) struct Plane {
    clock: Clock,
    /// The time up to which events have run.
    pub(crate) now: Duration,
    pub(crate) region: String,
    pub(crate) account: String,
    /// The names of the Availability Zones, and their IDs.
    pub(crate) zones: BTreeMap<String, String>,
    pub(crate) zone_types: BTreeMap<String, ZoneType>,
    pub(crate) vpcs: BTreeMap<String, History<Vpc>>,
    pub(crate) subnets: BTreeMap<String, History<Subnet>>,
    pub(crate) groups: BTreeMap<String, History<Group>>,
    pub(crate) route_tables: BTreeMap<String, History<RouteTable>>,
    pub(crate) peerings: BTreeMap<String, Peering>,
    pub(crate) services: BTreeMap<String, Service>,
    pub(crate) endpoints: BTreeMap<String, Record>,
    pub(crate) hidden_zones: Zones,
    pub(crate) tokens: Tokens,
    pub(crate) buckets: Buckets,
    pub(crate) denied_actions: BTreeSet<String>,
    /// The caller's policy; if absent, everything is allowed.
    pub(crate) policy: Option<Policy>,
    /// The organization's service control policy, if any.
    pub(crate) organization_policy: Option<Policy>,
    /// Until when the caller's role is new, and the error that it causes.
    pub(crate) new_role: Option<(Duration, RoleError)>,
    /// The authorization requests since the policy was set.
    pub(crate) authorizations: Vec<Authorization>,
    pub(crate) knobs: Knobs,
    pub(crate) random: Random,
    pub(crate) unrecognized: Vec<String>,
    /// When an API call last changed the tags of a resource.
    pub(crate) tagged: BTreeMap<String, Duration>,
    pages: Pages,
    /// How many addresses of each subnet have been assigned. Addresses are never reused.
    addresses: BTreeMap<String, u32>,
    schedule: Schedule,
}

impl Plane {
    pub(crate) fn new(world: World) -> Self {
        let mut plane = Self {
            clock: Clock::starting_at(world.epoch),
            now: Duration::ZERO,
            region: world.region,
            account: world.account,
            zones: world.zones,
            zone_types: world.zone_types,
            vpcs: world.vpcs.into_iter().map(|vpc| (vpc.id.clone(), History::new(None, vpc))).collect(),
            subnets: world.subnets.into_iter().map(|subnet| (subnet.id.clone(), History::new(None, subnet))).collect(),
            groups: BTreeMap::new(),
            route_tables: world.route_tables.into_iter().map(|it| (it.id.clone(), History::new(None, it))).collect(),
            peerings: BTreeMap::new(),
            services: world.services.into_iter().map(|service| (service.name.clone(), service)).collect(),
            endpoints: BTreeMap::new(),
            hidden_zones: Zones::default(),
            tokens: Tokens::default(),
            buckets: Buckets::default(),
            denied_actions: world.denied_actions,
            policy: None,
            organization_policy: None,
            new_role: None,
            authorizations: Vec::new(),
            knobs: world.knobs,
            random: Random::new(world.seed),
            unrecognized: Vec::new(),
            tagged: BTreeMap::new(),
            pages: Pages::default(),
            addresses: BTreeMap::new(),
            schedule: Schedule::default(),
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
            if !plane.has_main_table(&vpc) {
                plane.add_main_table(&vpc, None);
            }
        }
        for spec in world.endpoints {
            plane.add_foreign(spec, None);
        }
        plane
    }

    pub(crate) fn wall(&self) -> Timestamp {
        self.clock.wall(self.now)
    }

    /// What a call sees whose reads return data that is at least this old.
    pub(crate) fn views(&mut self, at_least: Duration) -> Views {
        let read = self.random.within(self.knobs.read_lag_ms).max(at_least);
        let network = self.random.within(self.knobs.network_lag_ms).max(at_least);
        Views { read: self.now.checked_sub(read), network: self.now.checked_sub(network) }
    }

    /// The view in which a change looks up its endpoint.
    pub(crate) fn write_view(&mut self) -> View {
        self.view(self.knobs.write_lag_ms)
    }

    /// The view in which a change looks up a security group.
    pub(crate) fn group_view(&mut self) -> View {
        self.view(self.knobs.group_lag_ms)
    }

    /// The view in which IAM evaluates resource tags.
    pub(crate) fn iam_view(&mut self) -> View {
        self.view(self.knobs.iam_lag_ms)
    }

    fn view(&mut self, lag: Span) -> View {
        self.now.checked_sub(self.random.within(lag))
    }
}
