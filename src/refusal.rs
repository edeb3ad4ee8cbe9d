//! What the product declines to do, and every sentence that says so: what was asked, what was found, what to do.

use crate::ids::{EndpointId, GroupId, ServiceName, SubnetId, VpcId, ZoneId, join};
use crate::reference::TAG_LIMIT;

/// A wish that is not acted on. Nothing was changed for it, except where the sentence says that the endpoint changed
/// while the product waited.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The service is in another region than the function.
    #[error(
        "The endpoint service {service} is in {service_region}, but the provider runs in {region}, and TiDB Cloud does \
         not support cross-Region endpoints. Deploy the provider and the stack in {service_region}."
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
        "The endpoint service {service} was not found in {region} for account {account}: the name is wrong, or the \
         service does not allow this account. Copy the name again from TiDB Cloud (Connect > Private Endpoint)."
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
        "The endpoint service {service} requires manual acceptance of each endpoint (TiDB Cloud's exclusive model: \
         Dedicated, Premium, and Essential since July 2026), which this resource does not support. Use the endpoint \
         service of a Starter instance, or of an Essential instance on the shared model, or create the endpoint as the \
         TiDB Cloud console describes."
    )]
    AcceptanceRequired {
        /// The service.
        service: ServiceName,
    },
    /// Private DNS is wanted and the service has no name for it.
    #[error(
        "PrivateDnsEnabled is true, but the endpoint service {service} has no private DNS name. Check that ServiceName \
         is the one that TiDB Cloud shows, or set PrivateDnsEnabled to false and connect to the endpoint's own DNS \
         name."
    )]
    NoPrivateName {
        /// The service.
        service: ServiceName,
    },
    /// Private DNS is wanted and EC2 does not trust the service's name.
    #[error(
        "PrivateDnsEnabled is true, but EC2 cannot turn it on, because the owner of the endpoint service {service} has \
         not verified the domain of its private DNS name {name}. Contact TiDB Cloud Support, or set PrivateDnsEnabled \
         to false."
    )]
    PrivateNameNotVerified {
        /// The service.
        service: ServiceName,
        /// Its private name.
        name: String,
    },
    /// There is no such VPC.
    #[error("The VPC {vpc} was not found in {region} for account {account}. Check VpcId, the account, and the Region.")]
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
        "The VPC {vpc} belongs to account {owner} and is only shared with account {account}; only its owner can create \
         and see endpoints in it. Deploy this resource in account {owner} and pass its outputs to your stack."
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
        "PrivateDnsEnabled is true, but {what} off in VPC {vpc}. Run `{commands}`, or set PrivateDnsEnabled to false."
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
        "The endpoint service {service} supports the zones {served}, but {subject} only in {found}. Add a subnet in a zone that \
         the service supports."
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
    #[error(
        "None of the subnets that the endpoint can use has a free IP address: {subnets}. Free up an address, or add a \
         subnet."
    )]
    NoFreeAddress {
        /// The subnets.
        subnets: String,
    },
    /// A zone was asked for in which the service is not.
    #[error(
        "AvailabilityZoneIds contains {asked}, but the endpoint service {service} supports only {served}. Remove \
         {asked} from AvailabilityZoneIds."
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
        "AvailabilityZoneIds contains {asked}, but {subject} only in {found}. Add a subnet in {asked}, or remove \
         {asked} from AvailabilityZoneIds."
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
        "SubnetIds contains {first} and {second}, both in zone {zone}. An endpoint can use only one subnet in each \
         zone: remove one of them."
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
    #[error("SubnetIds contains subnets that are not in VPC {vpc}: {subnets}. Specify subnets of that VPC.")]
    SubnetNotInVpc {
        /// The strangers.
        subnets: String,
        /// The VPC.
        vpc: VpcId,
    },
    /// A group that does not exist.
    #[error("{property} contains {group}, which was not found. Specify a security group in VPC {vpc}.")]
    UnknownGroup {
        /// `SecurityGroupIds` or `AllowedSecurityGroupIds`.
        property: &'static str,
        /// The group.
        group: GroupId,
        /// The VPC that it should be in.
        vpc: VpcId,
    },
    /// A group of another VPC.
    #[error("SecurityGroupIds contains {group}, which is in VPC {found}. Specify a security group in VPC {vpc}.")]
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
        "The security group {group} in VPC {vpc} has the name {name}, but the provider did not create it. Delete it \
         (it cannot be renamed), or specify your own security group in SecurityGroupIds."
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
        "The endpoint {endpoint} in VPC {vpc} has the private DNS name and is managed by the AWS service that created \
         it, so it cannot be shared or changed. Set PrivateDnsEnabled to false, or remove the endpoint through that \
         service."
    )]
    RequesterManaged {
        /// The endpoint.
        endpoint: EndpointId,
        /// Its VPC.
        vpc: VpcId,
    },
    /// Nothing to join in the region, and nowhere to make one.
    #[error(
        "ReuseScope is Region and VpcId is not specified, but the Region has no available endpoint for {service} to \
         join. Specify VpcId, so that the provider can create one."
    )]
    NothingToReuse {
        /// The service.
        service: ServiceName,
    },
    /// EC2 has no room for another reference.
    #[error(
        "The endpoint {endpoint} has {count} of the {TAG_LIMIT} tags that EC2 allows, which leaves no room for this \
         stack's reference. It is used by {holders}. Let one stack own the resource and export its outputs to the \
         others."
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
        "EC2 has rejected private DNS for {minutes} minutes, because the name {name} is already in use in VPC {vpc}: \
         by an endpoint that another stack is creating or that is being deleted ({seen}), or by a private hosted zone \
         of yours. Wait and deploy again. If that fails, find the private hosted zone with that name in Route 53 and \
         disassociate the VPC from it."
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
        "The endpoint {endpoint} is in state {state}{reason}. Delete it, or contact TiDB Cloud Support, and then deploy again."
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
    #[error("The endpoint {endpoint} was deleted while this resource was waiting for it. Deploy again.")]
    EndpointVanished {
        /// The endpoint.
        endpoint: EndpointId,
    },
    /// A Delete of this resource was handled while this request ran.
    #[error(
        "The reference of this resource on the endpoint {endpoint} was removed while this request was running, because \
         the resource was deleted in the meantime. No action is needed."
    )]
    Overtaken {
        /// The endpoint.
        endpoint: EndpointId,
    },
    /// An endpoint of somebody else's without an address.
    #[error(
        "The endpoint {endpoint} connects to the service but has no subnet, so it has no IP address. The provider did \
         not create it and therefore does not change it. Add a subnet to it or delete it, and then deploy again."
    )]
    NoAddress {
        /// The endpoint.
        endpoint: EndpointId,
    },
    /// EC2 took a change and does not show it.
    #[error(
        "EC2 accepted the change to the endpoint {endpoint} ({change}) {attempts} times, but the endpoint does not \
         show it. Deploy again later."
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
