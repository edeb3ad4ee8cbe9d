//! What works but will surprise, one sentence each; the attribute `Warnings` carries them.

use crate::ids::{EndpointId, SubnetId, VpcId};
use std::fmt;

/// Something that is not as the properties ask, and that the product may not or need not change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warning {
    /// A given subnet is not used.
    SubnetLeftOut {
        /// The subnet.
        subnet: SubnetId,
        /// Its zone.
        zone: String,
    },
    /// No subnet of a zone has an address left.
    ZonesFull {
        /// The zones.
        zones: String,
    },
    /// No group of the endpoint lets the clients in.
    PortClosed {
        /// The endpoint's groups.
        groups: String,
        /// The port.
        port: u16,
        /// Who should get in.
        sources: String,
        /// What opens it.
        command: String,
    },
    /// A shared endpoint has another subnet in the zone.
    OtherSubnetInZone {
        /// The subnet asked for.
        wanted: SubnetId,
        /// The one that is there.
        has: SubnetId,
    },
    /// An endpoint that is not ours lacks zones.
    ZonesNotCovered {
        /// The endpoint.
        endpoint: EndpointId,
        /// The zones.
        zones: String,
    },
    /// A shared endpoint keeps groups that this resource does not ask for.
    GroupsKept {
        /// The groups.
        groups: String,
    },
    /// An endpoint that is not ours lacks groups.
    GroupsNotAttached {
        /// The endpoint.
        endpoint: EndpointId,
        /// The groups.
        groups: String,
    },
    /// Private DNS stays on although it is not wanted.
    PrivateDnsKeptOn {
        /// The endpoint.
        endpoint: EndpointId,
    },
    /// Private DNS stays off although it is wanted.
    PrivateDnsOff {
        /// The endpoint.
        endpoint: EndpointId,
    },
    /// The kind of addresses stays.
    AddressTypeKept {
        /// The endpoint.
        endpoint: EndpointId,
        /// What it has.
        has: String,
        /// What is wanted.
        wanted: &'static str,
    },
    /// A shared endpoint keeps other values of tags.
    TagsKept {
        /// Their keys.
        keys: String,
    },
    /// An endpoint that is not ours gets no tags.
    TagsNotWritten {
        /// The endpoint.
        endpoint: EndpointId,
        /// Their keys.
        keys: String,
    },
    /// The endpoint is in another VPC.
    OtherVpc {
        /// The endpoint.
        endpoint: EndpointId,
        /// Its VPC.
        vpc: VpcId,
    },
    /// The VPC's DNS was turned off after the endpoint was made.
    VpcDnsOff {
        /// The VPC.
        vpc: VpcId,
    },
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
