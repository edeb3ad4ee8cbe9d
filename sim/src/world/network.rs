//! The network in a world: VPCs, subnets, and security groups.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::tags::Tags;

/// The type of a zone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ZoneType {
    /// An Availability Zone.
    #[default]
    AvailabilityZone,
    /// A Local Zone.
    LocalZone,
    /// A Wavelength Zone.
    WavelengthZone,
}

impl ZoneType {
    pub(crate) fn wire(self) -> &'static str {
        match self {
            Self::AvailabilityZone => "availability-zone",
            Self::LocalZone => "local-zone",
            Self::WavelengthZone => "wavelength-zone",
        }
    }
}

/// The state of the association of a CIDR block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CidrState {
    /// Being associated.
    Associating,
    /// Associated.
    #[default]
    Associated,
    /// Being disassociated.
    Disassociating,
    /// Disassociated, and still listed for a while.
    Disassociated,
    /// The association is failing.
    Failing,
    /// The association failed.
    Failed,
}

impl CidrState {
    pub(crate) fn wire(self) -> &'static str {
        match self {
            Self::Associating => "associating",
            Self::Associated => "associated",
            Self::Disassociating => "disassociating",
            Self::Disassociated => "disassociated",
            Self::Failing => "failing",
            Self::Failed => "failed",
        }
    }
}

/// A VPC.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vpc {
    /// `vpc-` and hex digits.
    pub id: String,
    /// The account that owns the VPC; the caller, if absent. A VPC of another account is shared with the caller.
    #[serde(default)]
    pub owner: Option<String>,
    /// IPv4 CIDR blocks, the primary one first.
    pub cidr_blocks: Vec<String>,
    /// IPv6 CIDR blocks, if any.
    #[serde(default)]
    pub ipv6_cidr_blocks: Vec<String>,
    /// The association states of the CIDR blocks that are not `associated`.
    #[serde(default)]
    pub cidr_states: BTreeMap<String, CidrState>,
    /// The VPCs with an active peering connection to this one.
    #[serde(default)]
    pub peers: BTreeSet<String>,
    /// The transit gateways that are attached to it.
    #[serde(default)]
    pub transit_gateways: BTreeSet<String>,
    /// The attribute `enableDnsSupport`, which is on in every new VPC.
    #[serde(default = "yes")]
    pub dns_support: bool,
    /// The attribute `enableDnsHostnames`, which is off in every new VPC except a default VPC.
    #[serde(default)]
    pub dns_hostnames: bool,
    /// The names of the customer's private hosted zones that are associated with the VPC.
    #[serde(default)]
    pub customer_zones: BTreeSet<String>,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
}

impl Vpc {
    pub(crate) fn cidr_state(&self, block: &str) -> CidrState {
        self.cidr_states.get(block).copied().unwrap_or_default()
    }
}

/// A subnet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subnet {
    /// `subnet-` and hex digits.
    pub id: String,
    /// Its VPC.
    pub vpc_id: String,
    /// The name of its zone.
    pub zone: String,
    /// Its IPv4 CIDR block; empty for an IPv6-only subnet.
    #[serde(default)]
    pub cidr_block: String,
    /// Its IPv6 CIDR block, if any.
    #[serde(default)]
    pub ipv6_cidr_block: Option<String>,
    /// The association state of the IPv6 CIDR block.
    #[serde(default)]
    pub ipv6_cidr_state: CidrState,
    /// The number of available IPv4 addresses, not counting those that the endpoints of this world use. An IPv6-only subnet
    /// has none.
    #[serde(default)]
    pub free_addresses: usize,
    /// The ARN of its Outpost, if it is on one.
    #[serde(default)]
    pub outpost_arn: Option<String>,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
}

impl Subnet {
    pub(crate) fn has_ipv4(&self) -> bool {
        !self.cidr_block.is_empty()
    }

    pub(crate) fn has_ipv6(&self) -> bool {
        self.ipv6_cidr_block.is_some() && self.ipv6_cidr_state == CidrState::Associated
    }
}

/// A security group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// `sg-` and hex digits.
    pub id: String,
    /// Unique within the VPC.
    pub name: String,
    /// Its description.
    #[serde(default)]
    pub description: String,
    /// Its VPC.
    pub vpc_id: String,
    /// Inbound rules. All outbound traffic is allowed.
    #[serde(default)]
    pub ingress: Vec<Rule>,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
}

/// An inbound rule of a security group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// `sgr-` and hex digits; generated, if absent.
    #[serde(default)]
    pub id: String,
    /// `tcp`, `udp`, `icmp`, `icmpv6`, a number, or `-1` for all.
    pub protocol: String,
    /// The first port; absent if the protocol has no ports.
    #[serde(default)]
    pub from_port: Option<i32>,
    /// The last port.
    #[serde(default)]
    pub to_port: Option<i32>,
    /// The allowed source.
    pub source: Source,
    /// Its description.
    #[serde(default)]
    pub description: Option<String>,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
}

/// The source that a rule allows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// An IPv4 CIDR block.
    Cidr(String),
    /// An IPv6 CIDR block.
    Ipv6Cidr(String),
    /// A managed prefix list.
    PrefixList(String),
    /// The members of a security group.
    Group(String),
}

fn yes() -> bool {
    true
}
