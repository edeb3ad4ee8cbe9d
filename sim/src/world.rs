//! The initial state of a simulation, which a world file describes.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use jiff::Timestamp;
use serde::Deserialize;

use crate::knobs::Knobs;

mod check;
mod network;
mod routing;
mod service;

pub(crate) use check::References;
pub use network::{CidrState, Group, Rule, Source, Subnet, Vpc, ZoneType};
pub(crate) use routing::Peering;
pub use routing::{Route, RouteTable};
pub use service::{EndpointSpec, Service, Verification};

/// The initial state: one Region from the perspective of one account.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct World {
    /// The Region, such as `us-east-1`.
    pub region: String,
    /// The simulated wall-clock time at the start; the real time, if absent.
    #[serde(default)]
    pub epoch: Option<Timestamp>,
    /// The seed of the random number generator. The same seed and the same calls produce the same run.
    #[serde(default)]
    pub seed: u64,
    /// The caller's account ID, 12 digits.
    pub account: String,
    /// The name of each Availability Zone in this account, and its ID. AWS maps names to IDs differently in each account.
    pub zones: BTreeMap<String, String>,
    /// The types of the zones that are not Availability Zones, by name.
    #[serde(default)]
    pub zone_types: BTreeMap<String, ZoneType>,
    /// VPCs.
    #[serde(default)]
    pub vpcs: Vec<Vpc>,
    /// Subnets.
    #[serde(default)]
    pub subnets: Vec<Subnet>,
    /// Security groups. A VPC without one named `default` gets one.
    #[serde(default)]
    pub groups: Vec<Group>,
    /// Route tables. A VPC without a main one gets one.
    #[serde(default)]
    pub route_tables: Vec<RouteTable>,
    /// Endpoint services, which other accounts own.
    #[serde(default)]
    pub services: Vec<Service>,
    /// Existing endpoints, which others created.
    #[serde(default)]
    pub endpoints: Vec<EndpointSpec>,
    /// Actions that the caller is not authorized to perform, such as `DeleteVpcEndpoints`.
    #[serde(default)]
    pub denied_actions: BTreeSet<String>,
    /// Timings, limits, and interpretations.
    #[serde(default)]
    pub knobs: Knobs,
}

/// The reason why a world is invalid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorldError(String);

impl WorldError {
    pub(crate) fn new(reason: String) -> Self {
        Self(reason)
    }
}

impl fmt::Display for WorldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for WorldError {}

impl Default for World {
    /// A Region with three Availability Zones and no resources.
    fn default() -> Self {
        let zones = [("us-east-1a", "use1-az4"), ("us-east-1b", "use1-az1"), ("us-east-1c", "use1-az2")];
        Self {
            region: "us-east-1".to_owned(),
            epoch: None,
            seed: 0,
            account: "123456789012".to_owned(),
            zones: zones.map(|(name, id)| (name.to_owned(), id.to_owned())).into(),
            zone_types: BTreeMap::new(),
            vpcs: Vec::new(),
            subnets: Vec::new(),
            groups: Vec::new(),
            route_tables: Vec::new(),
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
    /// If it is not JSON of the expected shape (with line and column), or if it is inconsistent (with the names of the
    /// resources).
    pub fn from_json(text: &str) -> Result<Self, WorldError> {
        let world: Self = serde_json::from_str(text).map_err(|error| WorldError(error.to_string()))?;
        world.check()?;
        Ok(world)
    }
}
