//! The world that a simulation starts with: what a world file may say, and whether it makes sense.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    endpoint::{Kind, State},
    knobs::Knobs,
};

mod check;

pub(crate) use check::References;

/// Names and values of tags.
pub type Tags = BTreeMap<String, String>;

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

/// A VPC.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vpc {
    /// `vpc-` and hex digits.
    pub id: String,
    /// The account that owns it; the caller, if absent. Another's is a VPC shared with the caller.
    #[serde(default)]
    pub owner: Option<String>,
    /// The primary block first.
    pub cidr_blocks: Vec<String>,
    /// IPv6 blocks, if any.
    #[serde(default)]
    pub ipv6_cidr_blocks: Vec<String>,
    /// The attribute `enableDnsSupport`; on in every new VPC.
    #[serde(default = "yes")]
    pub dns_support: bool,
    /// The attribute `enableDnsHostnames`; off in every new VPC but the default one.
    #[serde(default)]
    pub dns_hostnames: bool,
    /// Names of the customer's own private hosted zones that are associated with the VPC.
    #[serde(default)]
    pub customer_zones: BTreeSet<String>,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
}

/// A subnet.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subnet {
    /// `subnet-` and hex digits.
    pub id: String,
    /// Its VPC.
    pub vpc_id: String,
    /// The name of its Availability Zone.
    pub zone: String,
    /// Its block.
    pub cidr_block: String,
    /// Its IPv6 block, if any.
    #[serde(default)]
    pub ipv6_cidr_block: Option<String>,
    /// Addresses that are free before any endpoint of this world takes one.
    pub free_addresses: usize,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
}

/// A security group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// `sg-` and hex digits.
    pub id: String,
    /// Unique within the VPC.
    pub name: String,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// Its VPC.
    pub vpc_id: String,
    /// What may come in. Everything may go out.
    #[serde(default)]
    pub ingress: Vec<Rule>,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
}

/// An ingress rule of a security group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// `sgr-` and hex digits; made up, if absent.
    #[serde(default)]
    pub id: String,
    /// `tcp`, `udp`, `icmp`, `icmpv6`, a number, or `-1` for all.
    pub protocol: String,
    /// The first port; absent where the protocol has none.
    #[serde(default)]
    pub from_port: Option<i32>,
    /// The last port.
    #[serde(default)]
    pub to_port: Option<i32>,
    /// Who may come in.
    pub source: Source,
    /// For people.
    #[serde(default)]
    pub description: Option<String>,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
}

/// Where a rule lets traffic come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// An IPv4 block.
    Cidr(String),
    /// An IPv6 block.
    Ipv6Cidr(String),
    /// A managed prefix list.
    PrefixList(String),
    /// The members of a security group.
    Group(String),
}

/// An endpoint service.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// `com.amazonaws.vpce.REGION.vpce-svc-…`
    pub name: String,
    /// The account of the provider.
    pub owner: String,
    /// Ids of the zones that it serves.
    pub zone_ids: BTreeSet<String>,
    /// The name that private DNS gives to an endpoint of it.
    #[serde(default)]
    pub private_dns_name: Option<String>,
    /// How far the provider's proof is that the name is its own.
    #[serde(default)]
    pub private_dns_name_state: Verification,
    /// Whether the provider accepts every endpoint by hand.
    #[serde(default)]
    pub acceptance_required: bool,
    /// Account numbers, their `arn:aws:iam::…:root`, or `*`. The service does not exist for others.
    #[serde(default = "everybody")]
    pub allowed_principals: BTreeSet<String>,
    /// Whether endpoints may have a policy other than full access.
    #[serde(default = "yes")]
    pub policy_supported: bool,
    /// `ipv4`, `ipv6`, or both.
    #[serde(default = "ipv4")]
    pub ip_address_types: BTreeSet<String>,
}

/// The state of a service's private DNS name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Verification {
    /// Proven, usable.
    #[default]
    Verified,
    /// Not yet proven.
    PendingVerification,
    /// Not proven in time.
    Failed,
}

impl Verification {
    pub(crate) fn wire(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::PendingVerification => "pendingVerification",
            Self::Failed => "failed",
        }
    }
}

/// An endpoint that somebody else made, in the console say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointSpec {
    /// `vpce-` and hex digits; made up, if empty.
    #[serde(default)]
    pub id: String,
    /// Its VPC.
    pub vpc_id: String,
    /// Its service. A gateway endpoint's need not be among the world's services.
    pub service_name: String,
    /// Interface, if absent.
    #[serde(default)]
    pub kind: Kind,
    /// Available, if absent.
    #[serde(default = "available")]
    pub state: State,
    /// Whether it answers to the service's private name.
    #[serde(default)]
    pub private_dns_enabled: bool,
    /// At most one in each zone.
    #[serde(default)]
    pub subnet_ids: Vec<String>,
    /// The VPC's default group, if empty.
    #[serde(default)]
    pub group_ids: Vec<String>,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
    /// Whether another AWS service manages it, so that nobody else can change or delete it.
    #[serde(default)]
    pub requester_managed: bool,
}

fn yes() -> bool {
    true
}

fn ipv4() -> BTreeSet<String> {
    BTreeSet::from(["ipv4".to_owned()])
}

fn everybody() -> BTreeSet<String> {
    BTreeSet::from(["*".to_owned()])
}

fn available() -> State {
    State::Available
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
