//! The world that a simulation starts with: what a world file may say, and whether it makes sense.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use jiff::Timestamp;
use serde::Deserialize;

use crate::knobs::Knobs;

mod check;
mod network;
mod service;

pub(crate) use check::References;
pub use network::{Group, Rule, Source, Subnet, Vpc};
pub use service::{EndpointSpec, Service, Verification};

/// Everything that there is at the start: one region, as one account sees it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct World {
    /// Such as `us-east-1`.
    pub region: String,
    /// The wall clock at the start; the real one, if absent.
    #[serde(default)]
    pub epoch: Option<Timestamp>,
    /// Where chance starts: the same seed and the same calls give the same run.
    #[serde(default)]
    pub seed: u64,
    /// The account that calls, 12 digits.
    pub account: String,
    /// The account's name for each Availability Zone, and the zone's id: AWS shuffles the names per account.
    pub zones: BTreeMap<String, String>,
    /// Virtual networks.
    #[serde(default)]
    pub vpcs: Vec<Vpc>,
    /// Their subnets.
    #[serde(default)]
    pub subnets: Vec<Subnet>,
    /// Their security groups. A VPC without one named `default` gets one.
    #[serde(default)]
    pub groups: Vec<Group>,
    /// Endpoint services of others.
    #[serde(default)]
    pub services: Vec<Service>,
    /// Endpoints that are there already, made by somebody else.
    #[serde(default)]
    pub endpoints: Vec<EndpointSpec>,
    /// Actions that IAM denies to the caller, such as `DeleteVpcEndpoints`.
    #[serde(default)]
    pub denied_actions: BTreeSet<String>,
    /// Timings, limits and open readings.
    #[serde(default)]
    pub knobs: Knobs,
}

/// Why a world makes no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorldError(String);

impl WorldError {
    pub(crate) fn new(what: String) -> Self {
        Self(what)
    }
}

impl fmt::Display for WorldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for WorldError {}

impl Default for World {
    /// One region with three zones and nothing in them.
    fn default() -> Self {
        let zones = [("us-east-1a", "use1-az4"), ("us-east-1b", "use1-az1"), ("us-east-1c", "use1-az2")];
        Self {
            region: "us-east-1".to_owned(),
            epoch: None,
            seed: 0,
            account: "123456789012".to_owned(),
            zones: zones.map(|(name, id)| (name.to_owned(), id.to_owned())).into(),
            vpcs: Vec::new(),
            subnets: Vec::new(),
            groups: Vec::new(),
            services: Vec::new(),
            endpoints: Vec::new(),
            denied_actions: BTreeSet::new(),
            knobs: Knobs::default(),
        }
    }
}

impl World {
    /// Reads a world file.
    ///
    /// # Errors
    ///
    /// If it is no JSON of the right shape (with line and column), or if it contradicts itself (with the names of the
    /// things that do).
    pub fn from_json(text: &str) -> Result<Self, WorldError> {
        let world: Self = serde_json::from_str(text).map_err(|error| WorldError(error.to_string()))?;
        world.check()?;
        Ok(world)
    }
}
