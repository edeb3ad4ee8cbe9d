//! Findings that do not fail the request, one sentence each, for the attribute `Warnings`.

use crate::model::change::IpAddressType;
use crate::model::cluster_error::ClusterError;
use crate::model::ids::{ClusterId, EndpointId, SubnetId, VpcId};
use ipnet::IpNet;
use std::fmt;

/// Something that differs from the properties and that the provider cannot or need not change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warning {
    /// A given subnet is not used.
    SubnetLeftOut { subnet: SubnetId, zone: String },
    /// No subnet of a zone has an address left.
    ZonesFull { zones: String },
    /// No subnet of a zone has the CIDR blocks that the address type needs.
    ZonesUnfit { zones: String, kind: IpAddressType },
    /// The endpoint is not where TiDB Cloud says that it should be.
    ZonesOfCluster { zones: String },
    /// TiDB Cloud shows another private host name than EC2.
    OtherHost { host: String, other: String },
    /// No group of the endpoint lets the clients in.
    PortClosed { groups: String, port: u16, sources: String, command: String },
    /// The groups of the endpoint let some of the clients in, and keep these out.
    ClientsKeptOut { groups: String, port: u16, sources: String, command: String },
    /// Others than those who were to be allowed can connect, too.
    AdmitsMore { groups: String, port: u16, sources: String },
    /// The endpoint is in zones that were left out.
    SubnetsKept { subnets: String },
    /// The endpoint has another subnet in the zone.
    OtherSubnetInZone { wanted: SubnetId, has: SubnetId, because: String },
    /// An endpoint that is not ours lacks zones.
    ZonesNotCovered { endpoint: EndpointId, zones: String },
    /// The endpoint keeps groups that this resource does not ask for.
    GroupsKept { groups: String },
    /// An endpoint that is not ours lacks groups.
    GroupsNotAttached { endpoint: EndpointId, groups: String },
    /// Private DNS stays on although it is not wanted.
    PrivateDnsKeptOn { endpoint: EndpointId, because: String },
    /// Private DNS stays off although it is wanted.
    PrivateDnsOff { endpoint: EndpointId },
    /// The kind of addresses stays.
    AddressTypeKept { endpoint: EndpointId, has: String, wanted: &'static str, because: String },
    /// A shared endpoint keeps other values of tags.
    TagsKept { keys: String },
    /// A shared endpoint keeps tags that the template has dropped.
    TagsNotRemoved { keys: String },
    /// An endpoint that is not ours gets no tags.
    TagsNotWritten { endpoint: EndpointId, keys: String },
    /// The reference has no room for all of the request.
    RequestShortened { endpoint: EndpointId },
    /// TiDB Cloud has not said what is needed of the cluster.
    ClusterUnconfirmed { cluster: ClusterId, error: ClusterError },
    /// The group that the provider manages could not be added.
    NoRoomForManagedGroup { endpoint: EndpointId, count: usize, holders: String },
    /// A property names something that others have deleted.
    Gone { property: &'static str, id: String },
    /// The reference on a foreign endpoint cannot be written.
    ReferenceDenied { endpoint: EndpointId, action: String },
    /// CloudFormation manages the endpoint in some stack.
    NativeEndpoint { endpoint: EndpointId, logical_id: String, stack: String },
    /// The endpoint is in another VPC.
    OtherVpc { endpoint: EndpointId, vpc: VpcId, own: VpcId },
    /// The same, and the properties do not tell where the clients are.
    UnknownVpc { endpoint: EndpointId, vpc: VpcId },
    /// Route tables have no route between the two VPCs.
    RoutesMissing { endpoint: EndpointId, routes: String },
    /// The two VPCs have the same addresses.
    BlocksOverlap { endpoint: EndpointId, vpc: VpcId, hub: VpcId, one: IpNet, other: IpNet },
    /// The endpoint keeps subnets or security groups of a resource that has left; `kept` has the reasons.
    KeptByOthers { endpoint: EndpointId, kept: String },
    /// The endpoint had an unknown state before the event.
    UnknownState { endpoint: EndpointId, state: String },
    /// The private DNS name has no hosted zone yet.
    ZonePending { endpoint: EndpointId },
    /// The VPC's DNS was turned off after the endpoint was made.
    VpcDnsOff { vpc: VpcId },
}

impl fmt::Display for Warning {
    #[expect(clippy::too_many_lines, reason = "one sentence for each warning")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SubnetLeftOut { subnet, zone } => write!(
                f,
                "The endpoint does not use {subnet}: the service does not support {zone}, or AvailabilityZoneIds excludes it."
            ),
            Self::ZonesFull { zones } => {
                write!(
                    f,
                    "No subnet in {zones} has a free IP address, so the endpoint is not there; free up an address, and change Trigger to update the resource."
                )
            }
            Self::ZonesUnfit { zones, kind } => write!(
                f,
                "No subnet in {zones} has {}, which the IP address type {kind} requires, so the endpoint is not there; add such a subnet, and change Trigger to update the resource.",
                kind.required_blocks()
            ),
            Self::ZonesOfCluster { zones } => write!(
                f,
                "The cluster is in {zones}, where the VPC has no subnet that the endpoint can use, so traffic crosses zones; add such a subnet, and change Trigger to update the resource."
            ),
            Self::OtherHost { host, other } => write!(
                f,
                "Host is {host}, as EC2 shows it, but TiDB Cloud shows the private host name {other} for the cluster; if TLS verification fails, contact TiDB Cloud Support."
            ),
            Self::PortClosed { groups, port, sources, command } => write!(
                f,
                "No rule of {groups} allows TCP port {port} from {sources}, so connections will hang; unless this stack adds a rule, run `{command}`."
            ),
            Self::ClientsKeptOut { groups, port, sources, command } => write!(
                f,
                "The rules of {groups} allow TCP port {port} from other clients, but not from {sources}, so connections from there will hang; unless that is intended or this stack adds a rule, run `{command}`."
            ),
            Self::AdmitsMore { groups, port, sources } => write!(
                f,
                "{groups} also allow TCP port {port} from {sources}, which AllowedCidrs and AllowedSecurityGroupIds do not contain."
            ),
            Self::SubnetsKept { subnets } => {
                write!(f, "The endpoint keeps subnets that SubnetIds or AvailabilityZoneIds leaves out: {subnets}.")
            }
            Self::OtherSubnetInZone { wanted, has, because } => write!(
                f,
                "The endpoint keeps {has}, because {because}, and does not get {wanted}, which is in the same zone."
            ),
            Self::ZonesNotCovered { endpoint, zones } => write!(
                f,
                "{endpoint} was not created by the provider and has no subnet in {zones}; add one, or traffic from there crosses zones."
            ),
            Self::GroupsKept { groups } => {
                write!(f, "The endpoint keeps security groups that this resource does not request: {groups}.")
            }
            Self::GroupsNotAttached { endpoint, groups } => {
                write!(
                    f,
                    "{endpoint} was not created by the provider and does not use {groups}; check that its security groups allow your clients."
                )
            }
            Self::PrivateDnsKeptOn { endpoint, because } => {
                write!(f, "Private DNS of {endpoint} stays on, because {because}.")
            }
            Self::PrivateDnsOff { endpoint } => write!(
                f,
                "Private DNS of {endpoint} is off, so TLS verification of its DNS name fails; create a private hosted zone that maps TiDB Cloud's private host name to it."
            ),
            Self::AddressTypeKept { endpoint, has, wanted, because } => {
                write!(f, "The IP address type of {endpoint} stays {has} instead of {wanted}, because {because}.")
            }
            Self::TagsKept { keys } => {
                write!(f, "The endpoint keeps its values of the tags {keys}, which other resources request.")
            }
            Self::TagsNotRemoved { keys } => {
                write!(
                    f,
                    "The endpoint keeps the tags {keys}, which Tags no longer contains, because other resources request them."
                )
            }
            Self::TagsNotWritten { endpoint, keys } => {
                write!(f, "{endpoint} was not created by the provider, so the tags {keys} are not added.")
            }
            Self::RequestShortened { endpoint } => write!(
                f,
                "The lists in the properties are too long to be recorded on {endpoint}, so what other stacks add to it is not removed as long as this resource uses it; specify fewer subnets, security groups, CIDR blocks, or tags."
            ),
            Self::ClusterUnconfirmed { cluster, error } => write!(
                f,
                "This update uses the endpoint service and the user name that are recorded for the cluster {cluster}, because it could not get them from TiDB Cloud: {error}"
            ),
            Self::NoRoomForManagedGroup { endpoint, count, holders } => write!(
                f,
                "{endpoint} has {count} security groups, as many as EC2 allows, so the provider's security group is not added and Port, AllowedCidrs, and AllowedSecurityGroupIds have no effect; it is used by {holders}."
            ),
            Self::Gone { property, id } => {
                write!(f, "{property} contains {id}, which no longer exists; remove it from {property}.")
            }
            Self::ReferenceDenied { endpoint, action } => write!(
                f,
                "The provider's role is not allowed to perform {action} on {endpoint}, so this resource uses the endpoint without a reference, and its owner cannot see that."
            ),
            Self::NativeEndpoint { endpoint, logical_id, stack } => write!(
                f,
                "{endpoint} is the resource {logical_id} of the stack {stack} and will be deleted with it; to keep the endpoint, migrate that stack to this resource (docs/migrating.md)."
            ),
            Self::OtherVpc { endpoint, vpc, own } => write!(
                f,
                "{endpoint} is in another VPC, {vpc}, and its private DNS name resolves only there; create a private hosted zone with that name in {own}, and in it an alias record for DnsName."
            ),
            Self::UnknownVpc { endpoint, vpc } => write!(
                f,
                "{endpoint} is in VPC {vpc}; clients in another VPC need a route to it, a rule for them in its security groups, and a private hosted zone with its private DNS name. If VpcId names their VPC, the provider checks the route and adds the rule."
            ),
            Self::RoutesMissing { endpoint, routes } => write!(
                f,
                "Connections to {endpoint} time out, because these routes are missing: {routes}; unless this stack adds them later, add them with a peering connection or a transit gateway as the target."
            ),
            Self::BlocksOverlap { endpoint, vpc, hub, one, other } => write!(
                f,
                "No route can lead from {vpc} to {endpoint} in {hub}, because {one} and {other} overlap; use an endpoint in {vpc} (ReuseScope: Vpc)."
            ),
            Self::KeptByOthers { endpoint, kept } => write!(
                f,
                "{endpoint} still has what this resource requested: {kept}. Deleting these, or their VPC, fails as long as the endpoint has them; update or delete the stacks that use them, or take them off the endpoint manually."
            ),
            Self::UnknownState { endpoint, state } => write!(
                f,
                "{endpoint} is in state {state}, as it was before this update; the provider does not know this state, so check that your clients can connect."
            ),
            Self::ZonePending { endpoint } => write!(
                f,
                "EC2 has not assigned a hosted zone ID to the private DNS name of {endpoint} yet, so DnsEntries does not contain it; the name works, and to add it, change Trigger later to update the resource."
            ),
            Self::VpcDnsOff { vpc } => write!(
                f,
                "DNS support or DNS hostnames were turned off in VPC {vpc}, so the private DNS name does not resolve there; turn both on."
            ),
        }
    }
}
