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
    /// The endpoint had an unknown state before the event.
    UnknownState { endpoint: EndpointId, state: String },
    /// The private DNS name has no hosted zone yet.
    ZonePending { endpoint: EndpointId },
    /// The VPC's DNS was turned off after the endpoint was made.
    VpcDnsOff { vpc: VpcId },
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
            Self::UnknownState { endpoint, state } => write!(
                f,
                "{endpoint} is in state {state}, as it was before this update; the provider does not know this state, so check that your clients can connect."
            ),
            Self::ZonePending { endpoint } => write!(
                f,
                "EC2 has not assigned a hosted zone ID to the private DNS name of {endpoint} yet, so DnsEntries does not contain it; the name works, and a later update adds it."
            ),
            Self::VpcDnsOff { vpc } => write!(
                f,
                "DNS support or DNS hostnames were turned off in VPC {vpc}, so the private DNS name does not resolve there; turn both on."
            ),
        }
    }
}
