//! The properties of the resource: one table that says what there is, and what comes of reading them.

mod reader;

use crate::ids::{GroupId, ServiceName, SubnetId, VpcId, ZoneId};
use ipnet::IpNet;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

/// One row of the property table.
#[derive(Debug, Clone, Copy)]
pub struct Property {
    /// Its name, spelt as `AWS::EC2::VPCEndpoint` spells it where that has the same thing.
    pub name: &'static str,
    /// What it may be, as far as that can be said without knowing the rest.
    pub shape: Shape,
    /// Whether it must be given.
    pub required: &'static str,
    /// What holds when it is not given.
    pub default: &'static str,
    /// What a change of it does.
    pub update: &'static str,
    /// What it is for, as the documentation says it.
    pub meaning: &'static str,
}

/// What a property may be, for linters and editors: nothing that the reader takes is outside of it. A blank text counts
/// as not given, so a pattern fits that too.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// A text that fits a pattern.
    Text(&'static str),
    /// One of a few words.
    Word(&'static [&'static str]),
    /// A whole number within bounds.
    Number(u16, u16),
    /// True or false.
    Boolean,
    /// A list of texts that each fit a pattern, or the same joined by commas.
    List(&'static str),
    /// Pairs of `Key` and `Value`.
    Tags,
}

/// The pattern of EC2's ids.
macro_rules! id {
    ($prefix:literal) => {
        concat!("^(", $prefix, "([0-9a-f]{8}|[0-9a-f]{17}))?$")
    };
}

const fn row(
    name: &'static str,
    shape: Shape,
    required: &'static str,
    default: &'static str,
    update: &'static str,
    meaning: &'static str,
) -> Property {
    Property { name, shape, required, default, update, meaning }
}

/// Every property there is, in the order of the documentation.
#[rustfmt::skip]
pub const PROPERTIES: [Property; 12] = [
    row("ServiceName", Shape::Text(r"^((cn\.)?com\.amazonaws\.vpce\.[a-z0-9]+(-[a-z0-9]+){2,}\.vpce-svc-([0-9a-f]{8}|[0-9a-f]{17}))?$"), "yes", "", "replacement", "the endpoint service name that TiDB Cloud shows under Connect > Private Endpoint"),
    row("VpcId", Shape::Text(id!("vpc-")), "yes, except with `ReuseScope: Region`", "", "replacement", "the VPC from which clients connect"),
    row("SubnetIds", Shape::List(id!("subnet-")), "no", "one subnet in every zone that the service supports", "in place", "the subnets for the endpoint's network interfaces, one in each zone; subnets in zones that the service does not support are ignored, with a warning"),
    row("AvailabilityZoneIds", Shape::List("^([a-z0-9-]+-az[0-9]+)?$"), "no", "all zones that the service supports", "in place", "the *IDs* of the Availability Zones to use, such as `use1-az1`"),
    row("SecurityGroupIds", Shape::List(id!("sg-")), "no", "a security group that the provider manages and that allows `Port`", "in place", "the endpoint's security groups; at least one of them must allow TCP port `Port` from your clients"),
    row("AllowedCidrs", Shape::List("^([0-9A-Fa-f.:]+/[0-9]{1,3})?$"), "no", "every CIDR block of the VPC", "in place", "the CIDR blocks from which to allow connections; cannot be combined with `SecurityGroupIds`"),
    row("AllowedSecurityGroupIds", Shape::List(id!("sg-")), "no", "none", "in place", "the security groups from which to allow connections; cannot be combined with `SecurityGroupIds`"),
    row("Port", Shape::Number(1, 65_535), "no", "4000", "in place", "the port that clients connect to; the provider's security group allows it, and the attributes contain it"),
    row("PrivateDnsEnabled", Shape::Boolean, "no", "true", "in place", "whether TiDB Cloud's host name resolves to the endpoint inside the VPC; TLS verification requires it"),
    row("IpAddressType", Shape::Word(&["ipv4", "dualstack", "ipv6", "not-specified"]), "no", "chosen by EC2", "in place", "`ipv4`, `dualstack`, or `ipv6`"),
    row("ReuseScope", Shape::Word(&["Vpc", "Region"]), "no", "Vpc", "replacement if the endpoint is outside the new scope", "`Vpc`: reuse an endpoint in the VPC; `Region`: if there is none, also reuse an available endpoint in another VPC of the Region"),
    row("Tags", Shape::Tags, "no", "none", "in place", "a list of `Key` and `Value` pairs for the endpoint, at most 40"),
];

/// Properties of every custom resource, which CloudFormation itself reads.
const CLOUDFORMATION_PROPERTIES: [&str; 2] = ["ServiceToken", "ServiceTimeout"];

/// Tags that a template may ask for: EC2 allows 50, and the product needs room for its owner mark and for references.
pub const MAX_TAGS: usize = 40;

/// Where an endpoint may be that is joined instead of made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReuseScope {
    /// In the VPC only.
    #[default]
    Vpc,
    /// In the VPC, else any available one of the region.
    Region,
}

/// Which addresses the endpoint has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IpAddressType {
    /// IPv4 only.
    Ipv4,
    /// Both.
    Dualstack,
    /// IPv6 only.
    Ipv6,
}

impl IpAddressType {
    /// As the EC2 API spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ipv4 => "ipv4",
            Self::Dualstack => "dualstack",
            Self::Ipv6 => "ipv6",
        }
    }
}

/// One fault in one property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The property that it is in.
    pub property: String,
    /// What is wrong with it and what to write instead, without a final stop.
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}.", self.property, self.what)
    }
}

/// The properties after reading; `None` and empty lists stand for "not given".
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Properties {
    /// The endpoint service.
    pub service_name: Option<ServiceName>,
    /// The VPC.
    pub vpc_id: Option<VpcId>,
    /// Subnets, without repetitions.
    pub subnet_ids: Vec<SubnetId>,
    /// Zones, without repetitions.
    pub zone_ids: Vec<ZoneId>,
    /// Groups, without repetitions.
    pub group_ids: Vec<GroupId>,
    /// Who may connect, as address ranges.
    pub allowed_blocks: Vec<IpNet>,
    /// Who may connect, as groups.
    pub allowed_group_ids: Vec<GroupId>,
    /// The database's port.
    pub port: Option<u16>,
    /// Whether the service's own name resolves to the endpoint inside the VPC.
    pub private_dns: Option<bool>,
    /// The kind of addresses.
    pub ip_address_type: Option<IpAddressType>,
    /// Where to look for an endpoint to join.
    pub reuse_scope: ReuseScope,
    /// The user's own tags.
    pub tags: BTreeMap<String, String>,
}

impl Properties {
    /// Reads properties and every fault in them. What is faulty counts as not given, so that the old properties of an
    /// Update that rolls back from a bad template can still be used.
    #[must_use]
    pub fn read(raw: &Value) -> (Self, Vec<Fault>) {
        reader::read(raw)
    }
}
