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
                "The endpoint does not use {subnet}: the service does not support {zone}, or AvailabilityZoneIds excludes it."
            ),
            Self::ZonesFull { zones } => {
                write!(
                    f,
                    "No subnet in {zones} has a free IP address, so the endpoint is not there; free up an address and update the stack."
                )
            }
            Self::PortClosed { groups, port, sources, command } => write!(
                f,
                "No rule of {groups} allows TCP port {port} from {sources}, so connections will hang; unless this stack adds a rule, run `{command}`."
            ),
            Self::OtherSubnetInZone { wanted, has } => {
                write!(
                    f,
                    "The endpoint is shared and keeps {has}, so {wanted}, which is in the same zone, is not added."
                )
            }
            Self::ZonesNotCovered { endpoint, zones } => write!(
                f,
                "{endpoint} was not created by the provider and has no subnet in {zones}; add one, or traffic from there crosses zones."
            ),
            Self::GroupsKept { groups } => {
                write!(f, "The endpoint is shared and keeps {groups}, which SecurityGroupIds does not contain.")
            }
            Self::GroupsNotAttached { endpoint, groups } => {
                write!(
                    f,
                    "{endpoint} was not created by the provider and does not use {groups}; check that its security groups allow your clients."
                )
            }
            Self::PrivateDnsKeptOn { endpoint } => {
                write!(
                    f,
                    "Private DNS of {endpoint} stays on, because the endpoint is shared or was not created by the provider."
                )
            }
            Self::PrivateDnsOff { endpoint } => write!(
                f,
                "Private DNS of {endpoint} is off, so TLS verification of its DNS name fails; create a private hosted zone that maps TiDB Cloud's private host name to it."
            ),
            Self::AddressTypeKept { endpoint, has, wanted } => write!(
                f,
                "The IP address type of {endpoint} stays {has} instead of {wanted}, because the endpoint is shared or was not created by the provider."
            ),
            Self::TagsKept { keys } => {
                write!(f, "The endpoint is shared and keeps its values of the tags {keys}.")
            }
            Self::TagsNotWritten { endpoint, keys } => {
                write!(f, "{endpoint} was not created by the provider, so the tags {keys} are not added.")
            }
            Self::OtherVpc { endpoint, vpc } => write!(
                f,
                "{endpoint} is in VPC {vpc}: add a route to it, and a private hosted zone that maps TiDB Cloud's private host name to it (TLS verification requires that name)."
            ),
            Self::VpcDnsOff { vpc } => write!(
                f,
                "DNS support or DNS hostnames were turned off in VPC {vpc}, so the private DNS name does not resolve there; turn both on."
            ),
        }
    }
}
