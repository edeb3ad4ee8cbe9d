//! The requests that the provider rejects, and the sentence for each: what was asked, what was found, what to do.

use crate::model::ids::{EndpointId, GroupId, ServiceName, SubnetId, VpcId, ZoneId};
use crate::model::tags::TAG_LIMIT;

/// A request that is rejected. Nothing was changed for it, unless the sentence says that the endpoint changed while the
/// provider waited.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The service is in another region than the function.
    #[error(
        "The service {service} is in {service_region}, but this function runs in {region}, and TiDB Cloud serves no \
         endpoint across regions. Deploy the function and the stack in {service_region}."
    )]
    OtherRegion { service: ServiceName, service_region: String, region: String },
    /// EC2 knows no such service, or not for this account.
    #[error(
        "EC2 in {region} shows no endpoint service {service} to account {account}: the name is wrong, or the service \
         does not allow this account. Copy the name again from TiDB Cloud (Connect > Private Endpoint)."
    )]
    UnknownService { service: ServiceName, region: String, account: String },
    /// The exclusive model.
    #[error(
        "The service {service} accepts each endpoint by hand (TiDB Cloud's exclusive model: Dedicated, Premium, and \
         Essential since July 2026), which this resource does not serve yet. Use the service of a Starter instance, or \
         of an Essential instance on the shared model; else make the endpoint as TiDB Cloud's console describes."
    )]
    AcceptanceRequired { service: ServiceName },
    /// Private DNS is wanted and the service has no name for it.
    #[error(
        "PrivateDnsEnabled is true, but the service {service} has no private DNS name. Check that ServiceName is TiDB \
         Cloud's, or set PrivateDnsEnabled to false and connect to the endpoint's own DNS name."
    )]
    NoPrivateName { service: ServiceName },
    /// Private DNS is wanted and EC2 does not trust the service's name.
    #[error(
        "PrivateDnsEnabled is true, but EC2 has not verified that the owner of {service} owns the name {name}, so it \
         cannot be turned on. Tell TiDB Cloud's support, or set PrivateDnsEnabled to false."
    )]
    PrivateNameNotVerified { service: ServiceName, name: String },
    /// There is no such VPC.
    #[error("EC2 in {region} shows no VPC {vpc} to account {account}. Check VpcId, the account and the region.")]
    UnknownVpc { vpc: VpcId, region: String, account: String },
    /// A VPC that another account shares.
    #[error(
        "The VPC {vpc} belongs to account {owner} and is only shared with {account}; EC2 lets nobody but the owner make \
         or see its endpoints. Deploy this resource in account {owner} and pass its outputs on."
    )]
    SharedVpc { vpc: VpcId, owner: String, account: String },
    /// Private DNS needs the VPC's own DNS.
    #[error(
        "PrivateDnsEnabled is true, but in the VPC {vpc} {what} off. Run: {commands}. Or set PrivateDnsEnabled to false."
    )]
    VpcDnsOff { vpc: VpcId, what: &'static str, commands: String },
    /// No subnet of the VPC, or of those given, is where the service is.
    #[error(
        "The service {service} is served in {served}, but {subject} only in {found}. Add a subnet in one of the \
         service's zones."
    )]
    NoSubnetInServedZone { service: ServiceName, served: String, subject: String, found: String },
    /// Every subnet that would do is full.
    #[error("No subnet that the endpoint could be in has a free address: {subnets}. Free one, or add a subnet.")]
    NoFreeAddress { subnets: String },
    /// A zone was asked for in which the service is not.
    #[error(
        "AvailabilityZoneIds has {asked}, but the service {service} is served only in {served}. Leave {asked} out."
    )]
    ZoneNotServed { asked: String, service: ServiceName, served: String },
    /// A zone was asked for in which the VPC has no subnet.
    #[error(
        "AvailabilityZoneIds has {asked}, but {subject} only in {found}. Add a subnet in {asked}, or leave the zone out."
    )]
    NoSubnetInZone { asked: String, subject: String, found: String },
    /// EC2 allows one subnet in a zone.
    #[error(
        "SubnetIds has {first} and {second}, both in zone {zone}. An endpoint takes one subnet in each zone: leave one out."
    )]
    TwoSubnetsInZone { first: SubnetId, second: SubnetId, zone: ZoneId },
    /// Subnets that the VPC does not have.
    #[error("SubnetIds has {subnets}, which the VPC {vpc} does not have. Give subnets of {vpc}.")]
    SubnetNotInVpc { subnets: String, vpc: VpcId },
    /// A group that does not exist.
    #[error("{property} has {group}, which EC2 does not show. Give a group of the VPC {vpc}.")]
    UnknownGroup { property: &'static str, group: GroupId, vpc: VpcId },
    /// A group of another VPC.
    #[error("SecurityGroupIds has {group}, which is in the VPC {found}. Give a group of the VPC {vpc}.")]
    GroupOfOtherVpc { group: GroupId, found: VpcId, vpc: VpcId },
    /// Somebody else's group has the name of the product's.
    #[error(
        "The group {group} of the VPC {vpc} has the name {name}, but was not made by this product. Rename or delete it, \
         or give a group of your own in SecurityGroupIds."
    )]
    GroupNameTaken { group: GroupId, name: String, vpc: VpcId },
    /// An AWS service's own endpoint has the private name.
    #[error(
        "The endpoint {endpoint} of the VPC {vpc} has the private DNS name and is managed by the AWS service that made it, \
         so it can be neither shared nor changed. Set PrivateDnsEnabled to false, or remove it through that service."
    )]
    RequesterManaged { endpoint: EndpointId, vpc: VpcId },
    /// Nothing to join in the region, and nowhere to make one.
    #[error(
        "ReuseScope is Region and no VpcId is given, and the region has no available endpoint of {service} to join. \
         Give a VpcId, so that one can be made."
    )]
    NothingToReuse { service: ServiceName },
    /// EC2 has no room for another reference.
    #[error(
        "The endpoint {endpoint} has {count} of the {TAG_LIMIT} tags that EC2 allows, so this stack's reference does \
         not fit. It is held by {holders}. Let one stack own the resource and export its outputs to the others."
    )]
    TooManyHolders { endpoint: EndpointId, count: usize, holders: String },
    /// EC2 says that the private name is taken, and shows nobody who has it.
    #[error(
        "EC2 has refused private DNS for {minutes} minutes, because something in the VPC {vpc} already has the name \
         {name}. It may be an endpoint that another stack is making or that is still going away ({seen}), or a private \
         hosted zone of your own with that name. Wait and deploy again; else look in Route 53 for a private hosted \
         zone of that name, and take the VPC out of it."
    )]
    NameTaken { minutes: i64, vpc: VpcId, name: String, seen: String },
    /// The endpoint ended.
    #[error(
        "The endpoint {endpoint} is {state}{reason}. Delete it, or ask TiDB Cloud's support why, and deploy again."
    )]
    EndpointLost { endpoint: EndpointId, state: String, reason: String },
    /// Somebody deleted the endpoint meanwhile.
    #[error("The endpoint {endpoint} was deleted while this resource waited for it. Deploy again.")]
    EndpointVanished { endpoint: EndpointId },
    /// A Delete of this resource was handled while this request ran.
    #[error(
        "This resource's reference on the endpoint {endpoint} was removed while this request ran, so the resource was \
         deleted meanwhile. Nothing more is done for it."
    )]
    Overtaken { endpoint: EndpointId },
    /// An endpoint of somebody else's without an address.
    #[error(
        "The endpoint {endpoint} leads to the service but has no subnet, so it has no address, and it was not made by \
         this product, which therefore leaves it alone. Add a subnet to it, or delete it, and deploy again."
    )]
    NoAddress { endpoint: EndpointId },
    /// EC2 took a change and does not show it.
    #[error(
        "EC2 accepted {attempts} times to change the endpoint {endpoint} ({change}), but does not show it. Deploy again later."
    )]
    ChangeWithoutEffect { endpoint: EndpointId, change: String, attempts: u32 },
}
