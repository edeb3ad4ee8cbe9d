//! The control plane's state, and everything in it that happens by itself when its time has come.
//!
//! Nothing runs in the background: whoever looks, first brings the state up to the present, step by step and in order.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;

use crate::{
    clock::{Clock, History, View},
    dns::Zones,
    endpoint::Record,
    iam::{Authorization, Policy},
    idempotency::Tokens,
    knobs::Knobs,
    random::Random,
    throttle::Buckets,
    world::{Group, Service, Subnet, Vpc, World},
};

mod endpoints;
mod network;
mod pages;
mod schedule;

use pages::Pages;
use schedule::Schedule;

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
        }
        for spec in world.endpoints {
            plane.add_foreign(spec, None);
        }
        plane
    }

    pub(crate) fn wall(&self) -> Timestamp {
        self.clock.wall(self.now)
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
}
