//! The network of a world: VPCs, subnets, and security groups.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::tags::Tags;

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

fn yes() -> bool {
    true
}
