//! What the product declines to do, and every sentence that says so: what was asked, what was found, what to do.

use crate::ids::{EndpointId, GroupId, ServiceName, SubnetId, VpcId, ZoneId, join};
use crate::reference::TAG_LIMIT;

/// A wish that is not acted on. Nothing was changed for it, except where the sentence says that the endpoint changed
/// while the product waited.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The service is in another region than the function.
    #[error(
        "The service {service} is in {service_region}, but this function runs in {region}, and TiDB Cloud serves no \
         endpoint across regions. Deploy the function and the stack in {service_region}."
    )]
    OtherRegion {
        /// The service.
        service: ServiceName,
        /// Where it is.
        service_region: String,
        /// Where the function is.
        region: String,
    },
    /// EC2 knows no such service, or not for this account.
    #[error(
        "EC2 in {region} shows no endpoint service {service} to account {account}: the name is wrong, or the service \
         does not allow this account. Copy the name again from TiDB Cloud (Connect > Private Endpoint)."
    )]
    UnknownService {
        /// The service.
        service: ServiceName,
        /// The function's region.
        region: String,
        /// The function's account.
        account: String,
    },
    /// The exclusive model.
    #[error(
        "The service {service} accepts each endpoint by hand (TiDB Cloud's exclusive model: Dedicated, Premium, and \
         Essential since July 2026), which this resource does not serve yet. Use the service of a Starter instance, or \
         of an Essential instance on the shared model; else make the endpoint as TiDB Cloud's console describes."
    )]
    AcceptanceRequired {
        /// The service.
        service: ServiceName,
    },
    /// Private DNS is wanted and the service has no name for it.
    #[error(
        "PrivateDnsEnabled is true, but the service {service} has no private DNS name. Check that ServiceName is TiDB \
         Cloud's, or set PrivateDnsEnabled to false and connect to the endpoint's own DNS name."
    )]
    NoPrivateName {
        /// The service.
        service: ServiceName,
    },
    /// Private DNS is wanted and EC2 does not trust the service's name.
    #[error(
        "PrivateDnsEnabled is true, but EC2 has not verified that the owner of {service} owns the name {name}, so it \
         cannot be turned on. Tell TiDB Cloud's support, or set PrivateDnsEnabled to false."
    )]
    PrivateNameNotVerified {
        /// The service.
        service: ServiceName,
        /// Its private name.
        name: String,
    },
    /// There is no such VPC.
    #[error("EC2 in {region} shows no VPC {vpc} to account {account}. Check VpcId, the account and the region.")]
    UnknownVpc {
        /// The VPC.
        vpc: VpcId,
        /// The function's region.
        region: String,
        /// The function's account.
        account: String,
    },
    /// A VPC that another account shares.
    #[error(
        "The VPC {vpc} belongs to account {owner} and is only shared with {account}; EC2 lets nobody but the owner make \
         or see its endpoints. Deploy this resource in account {owner} and pass its outputs on."
    )]
    SharedVpc {
        /// The VPC.
        vpc: VpcId,
        /// Whose it is.
        owner: String,
        /// The function's account.
        account: String,
    },
    /// Private DNS needs the VPC's own DNS.
    #[error(
        "PrivateDnsEnabled is true, but in the VPC {vpc} {what} off. Run: {commands}. Or set PrivateDnsEnabled to false."
    )]
    VpcDnsOff {
        /// The VPC.
        vpc: VpcId,
        /// Which attribute, with its verb.
        what: &'static str,
        /// What turns it on.
        commands: String,
    },
    /// No subnet of the VPC, or of those given, is where the service is.
    #[error(
        "The service {service} is served in {served}, but {subject} only in {found}. Add a subnet in one of the \
         service's zones."
    )]
    NoSubnetInServedZone {
        /// The service.
        service: ServiceName,
        /// Its zones.
        served: String,
        /// "the VPC … has subnets" or "the given subnets are".
        subject: String,
        /// The zones found.
        found: String,
    },
    /// Every subnet that would do is full.
    #[error("No subnet that the endpoint could be in has a free address: {subnets}. Free one, or add a subnet.")]
    NoFreeAddress {
        /// The subnets.
        subnets: String,
    },
    /// A zone was asked for in which the service is not.
    #[error(
        "AvailabilityZoneIds has {asked}, but the service {service} is served only in {served}. Leave {asked} out."
    )]
    ZoneNotServed {
        /// The zones asked for in vain.
        asked: String,
        /// The service.
        service: ServiceName,
        /// Its zones.
        served: String,
    },
    /// A zone was asked for in which the VPC has no subnet.
    #[error(
        "AvailabilityZoneIds has {asked}, but {subject} only in {found}. Add a subnet in {asked}, or leave the zone out."
    )]
    NoSubnetInZone {
        /// The zones asked for in vain.
        asked: String,
        /// "the VPC … has subnets" or "the given subnets are".
        subject: String,
        /// The zones found.
        found: String,
    },
    /// EC2 allows one subnet in a zone.
    #[error(
        "SubnetIds has {first} and {second}, both in zone {zone}. An endpoint takes one subnet in each zone: leave one out."
    )]
    TwoSubnetsInZone {
        /// One subnet.
        first: SubnetId,
        /// Another.
        second: SubnetId,
        /// Their zone.
        zone: ZoneId,
    },
    /// Subnets that the VPC does not have.
    #[error("SubnetIds has {subnets}, which the VPC {vpc} does not have. Give subnets of {vpc}.")]
    SubnetNotInVpc {
        /// The strangers.
        subnets: String,
        /// The VPC.
        vpc: VpcId,
    },
    /// A group that does not exist.
    #[error("{property} has {group}, which EC2 does not show. Give a group of the VPC {vpc}.")]
    UnknownGroup {
        /// `SecurityGroupIds` or `AllowedSecurityGroupIds`.
        property: &'static str,
        /// The group.
        group: GroupId,
        /// The VPC that it should be in.
        vpc: VpcId,
    },
    /// A group of another VPC.
    #[error("SecurityGroupIds has {group}, which is in the VPC {found}. Give a group of the VPC {vpc}.")]
    GroupOfOtherVpc {
        /// The group.
        group: GroupId,
        /// Where it is.
        found: VpcId,
        /// Where it should be.
        vpc: VpcId,
    },
    /// Somebody else's group has the name of the product's.
    #[error(
        "The group {group} of the VPC {vpc} has the name {name}, but was not made by this product. Rename or delete it, \
         or give a group of your own in SecurityGroupIds."
    )]
    GroupNameTaken {
        /// The group.
        group: GroupId,
        /// The name.
        name: String,
        /// The VPC.
        vpc: VpcId,
    },
    /// An AWS service's own endpoint has the private name.
    #[error(
        "The endpoint {endpoint} of the VPC {vpc} has the private DNS name and is managed by the AWS service that made it, \
         so it can be neither shared nor changed. Set PrivateDnsEnabled to false, or remove it through that service."
    )]
    RequesterManaged {
        /// The endpoint.
        endpoint: EndpointId,
        /// Its VPC.
        vpc: VpcId,
    },
    /// Nothing to join in the region, and nowhere to make one.
    #[error(
        "ReuseScope is Region and no VpcId is given, and the region has no available endpoint of {service} to join. \
         Give a VpcId, so that one can be made."
    )]
    NothingToReuse {
        /// The service.
        service: ServiceName,
    },
    /// EC2 has no room for another reference.
    #[error(
        "The endpoint {endpoint} has {count} of the {TAG_LIMIT} tags that EC2 allows, so this stack's reference does \
         not fit. It is held by {holders}. Let one stack own the resource and export its outputs to the others."
    )]
    TooManyHolders {
        /// The endpoint.
        endpoint: EndpointId,
        /// Its tags.
        count: usize,
        /// Who holds it, cut to a few.
        holders: String,
    },
    /// EC2 says that the private name is taken, and shows nobody who has it.
    #[error(
        "EC2 has refused private DNS for {minutes} minutes, because something in the VPC {vpc} already has the name \
         {name}. It may be an endpoint that another stack is making or that is still going away ({seen}), or a private \
         hosted zone of your own with that name. Wait and deploy again; else look in Route 53 for a private hosted \
         zone of that name, and take the VPC out of it."
    )]
    NameTaken {
        /// How long it was waited.
        minutes: i64,
        /// The VPC.
        vpc: VpcId,
        /// The private name.
        name: String,
        /// Endpoints of the service that were seen, and their states.
        seen: String,
    },
    /// The endpoint ended.
    #[error(
        "The endpoint {endpoint} is {state}{reason}. Delete it, or ask TiDB Cloud's support why, and deploy again."
    )]
    EndpointLost {
        /// The endpoint.
        endpoint: EndpointId,
        /// `failed`, `rejected` or `expired`.
        state: String,
        /// EC2's own words behind a colon, or nothing.
        reason: String,
    },
    /// Somebody deleted the endpoint meanwhile.
    #[error("The endpoint {endpoint} was deleted while this resource waited for it. Deploy again.")]
    EndpointVanished {
        /// The endpoint.
        endpoint: EndpointId,
    },
    /// A Delete of this resource was handled while this request ran.
    #[error(
        "This resource's reference on the endpoint {endpoint} was removed while this request ran, so the resource was \
         deleted meanwhile. Nothing more is done for it."
    )]
    Overtaken {
        /// The endpoint.
        endpoint: EndpointId,
    },
    /// An endpoint of somebody else's without an address.
    #[error(
        "The endpoint {endpoint} leads to the service but has no subnet, so it has no address, and it was not made by \
         this product, which therefore leaves it alone. Add a subnet to it, or delete it, and deploy again."
    )]
    NoAddress {
        /// The endpoint.
        endpoint: EndpointId,
    },
    /// EC2 took a change and does not show it.
    #[error(
        "EC2 accepted {attempts} times to change the endpoint {endpoint} ({change}), but does not show it. Deploy again later."
    )]
    ChangeWithoutEffect {
        /// The endpoint.
        endpoint: EndpointId,
        /// What was to change.
        change: String,
        /// How often.
        attempts: u32,
    },
}

/// Which DNS attributes are off, and what turns them on; none if both are on.
#[must_use]
pub fn vpc_dns_off(vpc: &VpcId, dns: crate::survey::VpcDns) -> Option<Refusal> {
    let what = match (dns.support, dns.hostnames) {
        (true, true) => return None,
        (true, false) => "enableDnsHostnames is",
        (false, true) => "enableDnsSupport is",
        (false, false) => "enableDnsSupport and enableDnsHostnames are",
    };
    let command = |flag: &str| format!("aws ec2 modify-vpc-attribute --vpc-id {vpc} --{flag}");
    let commands = [(dns.support, "enable-dns-support"), (dns.hostnames, "enable-dns-hostnames")];
    let commands = join(commands.into_iter().filter(|(on, _)| !on).map(|(_, flag)| command(flag)), " && ");
    Some(Refusal::VpcDnsOff { vpc: vpc.clone(), what, commands })
}
