//! Findings that do not fail the request, one sentence each, for the attribute `Warnings`.

use crate::model::ids::{EndpointId, SubnetId, VpcId};
use std::fmt;

/// Something that differs from the properties and that the provider cannot or need not change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warning {
    /// A given subnet is not used.
    SubnetLeftOut { subnet: SubnetId, zone: String },
    /// No subnet of a zone has an address left.
    ZonesFull { zones: String },
    /// No group of the endpoint lets the clients in.
    PortClosed { groups: String, port: u16, sources: String, command: String },
    /// A shared endpoint has another subnet in the zone.
    OtherSubnetInZone { wanted: SubnetId, has: SubnetId },
    /// An endpoint that is not ours lacks zones.
    ZonesNotCovered { endpoint: EndpointId, zones: String },
    /// A shared endpoint keeps groups that this resource does not ask for.
    GroupsKept { groups: String },
    /// An endpoint that is not ours lacks groups.
    GroupsNotAttached { endpoint: EndpointId, groups: String },
    /// Private DNS stays on although it is not wanted.
    PrivateDnsKeptOn { endpoint: EndpointId },
    /// Private DNS stays off although it is wanted.
    PrivateDnsOff { endpoint: EndpointId },
    /// The kind of addresses stays.
    AddressTypeKept { endpoint: EndpointId, has: String, wanted: &'static str },
    /// A shared endpoint keeps other values of tags.
    TagsKept { keys: String },
    /// An endpoint that is not ours gets no tags.
    TagsNotWritten { endpoint: EndpointId, keys: String },
    /// The endpoint is in another VPC.
    OtherVpc { endpoint: EndpointId, vpc: VpcId },
    /// The VPC's DNS was turned off after the endpoint was made.
    VpcDnsOff { vpc: VpcId },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SubnetLeftOut { subnet, zone } => write!(
                f,
                "{subnet} is in {zone}, where the service is not or which AvailabilityZoneIds leaves out, so the endpoint is not in it."
            ),
            Self::ZonesFull { zones } => {
                write!(f, "No subnet in {zones} has a free address, so the endpoint is not there; free one and update.")
            }
            Self::PortClosed { groups, port, sources, command } => write!(
                f,
                "No rule of {groups} lets {sources} reach TCP {port}, so clients will hang; unless a rule follows in this stack, run: {command}."
            ),
            Self::OtherSubnetInZone { wanted, has } => {
                write!(f, "The endpoint is shared and stays in {has}; {wanted} is in the same zone and is not added.")
            }
            Self::ZonesNotCovered { endpoint, zones } => write!(
                f,
                "{endpoint} was not made by this product and has no subnet in {zones}; add one there, or clients in that zone cross zones."
            ),
            Self::GroupsKept { groups } => {
                write!(f, "The endpoint is shared and keeps {groups}, which SecurityGroupIds does not have.")
            }
            Self::GroupsNotAttached { endpoint, groups } => {
                write!(
                    f,
                    "{endpoint} was not made by this product; {groups} is not attached to it: check that its groups let your clients in."
                )
            }
            Self::PrivateDnsKeptOn { endpoint } => {
                write!(f, "Private DNS of {endpoint} stays on, because it is shared or was not made by this product.")
            }
            Self::PrivateDnsOff { endpoint } => write!(
                f,
                "Private DNS of {endpoint} is off, so TLS verification of its DNS name fails; map TiDB Cloud's private host name to it."
            ),
            Self::AddressTypeKept { endpoint, has, wanted } => write!(
                f,
                "The address type of {endpoint} stays {has} instead of {wanted}, because it is shared or was not made by this product."
            ),
            Self::TagsKept { keys } => {
                write!(f, "The endpoint is shared and keeps its own values of the tags {keys}.")
            }
            Self::TagsNotWritten { endpoint, keys } => {
                write!(f, "{endpoint} was not made by this product; the tags {keys} are not written to it.")
            }
            Self::OtherVpc { endpoint, vpc } => write!(
                f,
                "{endpoint} is in the VPC {vpc}: route to its addresses, and map TiDB Cloud's private host name to it, which TLS verification needs."
            ),
            Self::VpcDnsOff { vpc } => write!(
                f,
                "DNS support or DNS hostnames of the VPC {vpc} are off by now, so the private name does not resolve there; turn both on."
            ),
        }
    }
}
