//! The requests that the provider rejects, and the sentence for each: what was asked, what was found, what to do.

use crate::model::change::IpAddressType;
use crate::model::cluster_error::ClusterError;
use crate::model::ids::{EndpointId, GroupId, ServiceName, VpcId};
use crate::model::stacks::ResourceStatus;
use crate::model::tags::TAG_LIMIT;

/// A request that is rejected. Nothing was changed for it, unless the sentence says that the endpoint changed while the
/// provider waited.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The cluster's service is not known, or has no endpoint here.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The same in an update, and the reference records nothing of the cluster.
    #[error(
        "{error} Nothing is recorded of the cluster that this update could use instead. If the rollback fails for this \
         reason, too, correct that and run `aws cloudformation continue-update-rollback`; if it cannot be corrected, add \
         `--resources-to-skip {logical_id}`."
    )]
    ClusterOfUpdate { error: ClusterError, logical_id: String },
    /// The service is in another region than the function.
    #[error(
        "The endpoint service {service} is in {service_region}, but the provider runs in {region}, and TiDB Cloud does \
         not support cross-Region endpoints. Deploy the provider and the stack in {service_region}."
    )]
    OtherRegion { service: ServiceName, service_region: String, region: String },
    /// EC2 knows no such service, or not for this account.
    #[error(
        "The endpoint service {service} was not found in {region} for account {account}: the name is wrong, or the \
         service does not allow this account. Copy the name again from TiDB Cloud (Connect > Private Endpoint). If the \
         name is right, ask TiDB Cloud Support whether the service allows account {account}."
    )]
    UnknownService { service: ServiceName, region: String, account: String },
    /// The exclusive model.
    #[error(
        "The endpoint service {service} requires manual acceptance of each endpoint (TiDB Cloud's exclusive model: \
         Dedicated, Premium, and Essential since July 2026), which this resource does not support. Use the endpoint \
         service of a Starter instance, or of an Essential instance on the shared model, or create the endpoint as the \
         TiDB Cloud console describes."
    )]
    AcceptanceRequired { service: ServiceName },
    /// Private DNS is wanted and the service has no name for it.
    #[error(
        "PrivateDnsEnabled is true, but the endpoint service {service} has no private DNS name. Check that ServiceName \
         is the one that TiDB Cloud shows, or set PrivateDnsEnabled to false and connect to the endpoint's own DNS \
         name."
    )]
    NoPrivateName { service: ServiceName },
    /// Private DNS is wanted and EC2 does not trust the service's name.
    #[error(
        "PrivateDnsEnabled is true, but EC2 cannot turn it on, because the owner of the endpoint service {service} has \
         not verified the domain of its private DNS name {name}. Contact TiDB Cloud Support, or set PrivateDnsEnabled \
         to false."
    )]
    PrivateNameNotVerified { service: ServiceName, name: String },
    /// There is no such VPC.
    #[error("The VPC {vpc} was not found in {region} for account {account}. Check VpcId, the account, and the Region.")]
    UnknownVpc { vpc: VpcId, region: String, account: String },
    /// A VPC that another account shares.
    #[error(
        "The VPC {vpc} belongs to account {owner} and is only shared with account {account}; only its owner can create \
         and see endpoints in it. Deploy this resource in account {owner} and pass its outputs to your stack."
    )]
    SharedVpc { vpc: VpcId, owner: String, account: String },
    /// Private DNS needs the VPC's own DNS.
    #[error(
        "PrivateDnsEnabled is true, but {what} off in VPC {vpc}. Run `{commands}`, or set PrivateDnsEnabled to false."
    )]
    VpcDnsOff { vpc: VpcId, what: &'static str, commands: String },
    /// No subnet of the VPC, or of those given, is where the service is.
    #[error(
        "The endpoint service {service} supports the zones {served}, but {subject} only in {found}. Add a subnet in a zone that \
         the service supports."
    )]
    NoSubnetInServedZone { service: ServiceName, served: String, subject: String, found: String },
    /// Every subnet that would do is full.
    #[error(
        "None of the subnets that the endpoint can use has a free IP address: {subnets}. Free up an address, or add a \
         subnet."
    )]
    NoFreeAddress { subnets: String },
    /// A zone was asked for in which the service is not.
    #[error(
        "AvailabilityZoneIds contains {asked}, but the endpoint service {service} supports only {served}. Remove \
         {asked} from AvailabilityZoneIds."
    )]
    ZoneNotServed { asked: String, service: ServiceName, served: String },
    /// A zone was asked for in which the VPC has no subnet.
    #[error(
        "AvailabilityZoneIds contains {asked}, but {subject} only in {found}. Add a subnet in {asked}, or remove \
         {asked} from AvailabilityZoneIds."
    )]
    NoSubnetInZone { asked: String, subject: String, found: String },
    /// EC2 allows one subnet in a zone.
    #[error(
        "SubnetIds contains several subnets of the same zone: {subnets}. An endpoint can use only one subnet in each \
         zone: keep one of each."
    )]
    SeveralSubnetsInZone { subnets: String },
    /// Given subnets that are full.
    #[error(
        "SubnetIds contains subnets that have no free IPv4 address: {subnets}. Free up an address in each of them, or \
         specify other subnets."
    )]
    SubnetsFull { subnets: String },
    /// Subnets of the wrong address family.
    #[error(
        "{asked}, which requires {blocks} in each of the endpoint's subnets. These subnets do not have that: {subnets}. \
         Add the CIDR block to them or use other subnets, or change IpAddressType."
    )]
    SubnetsUnfit { asked: String, blocks: &'static str, subnets: String },
    /// Nothing but subnets that the provider does not choose.
    #[error(
        "The only subnets that the endpoint could use are on an Outpost or in a Local Zone or Wavelength Zone: \
         {subnets}. The provider does not choose such subnets. Specify them in SubnetIds, or add a subnet in an \
         Availability Zone."
    )]
    OnlyUnusualSubnets { subnets: String },
    /// The service has other addresses.
    #[error(
        "IpAddressType is {wanted}, but the endpoint service {service} supports only {offered}. Set IpAddressType to \
         {offered}."
    )]
    AddressTypeNotOffered { wanted: IpAddressType, service: ServiceName, offered: String },
    /// Subnets that the VPC does not have.
    #[error("SubnetIds contains subnets that are not in VPC {vpc}: {subnets}. Specify subnets of that VPC.")]
    SubnetNotInVpc { subnets: String, vpc: VpcId },
    /// Groups that do not exist.
    #[error("{property} contains security groups that were not found: {groups}. Specify security groups in VPC {vpc}.")]
    UnknownGroups { property: &'static str, groups: String, vpc: VpcId },
    /// Groups of other VPCs.
    #[error("SecurityGroupIds contains security groups of other VPCs: {groups}. Specify security groups in VPC {vpc}.")]
    GroupsOfOtherVpc { groups: String, vpc: VpcId },
    /// Somebody else's group has the name of the product's.
    #[error(
        "The security group {group} in VPC {vpc} has the name {name}, but the provider did not create it. Delete it \
         (it cannot be renamed), or specify your own security group in SecurityGroupIds."
    )]
    GroupNameTaken { group: GroupId, name: String, vpc: VpcId },
    /// An AWS service's own endpoint has the private name.
    #[error(
        "The endpoint {endpoint} in VPC {vpc} has the private DNS name and is managed by the AWS service that created \
         it, so it cannot be shared or changed. Set PrivateDnsEnabled to false, or remove the endpoint through that \
         service."
    )]
    RequesterManaged { endpoint: EndpointId, vpc: VpcId },
    /// Nothing to join in the region, and nowhere to make one.
    #[error(
        "ReuseScope is Region and VpcId is not specified, but the Region has no available endpoint for {service} to \
         join. Specify VpcId, so that the provider can create one."
    )]
    NothingToReuse { service: ServiceName },
    /// EC2 has no room for another reference.
    #[error(
        "The endpoint {endpoint} has {count} of the {TAG_LIMIT} tags that EC2 allows, which leaves no room for this \
         stack's reference. It is used by {holders}. Let one stack own the resource and export its outputs to the \
         others."
    )]
    TooManyHolders { endpoint: EndpointId, count: usize, holders: String },
    /// EC2 says that the private name is taken, and shows nobody who has it.
    #[error(
        "For {time}, EC2 has been rejecting private DNS, because the name {name} is already in use in VPC {vpc}: \
         by an endpoint that another stack is creating or that is being deleted ({seen}), or by a private hosted zone \
         of yours. Wait and deploy again. If that fails, find the private hosted zone with that name in Route 53 and \
         disassociate the VPC from it."
    )]
    NameTaken { time: String, vpc: VpcId, name: String, seen: String },
    /// An endpoint of another service has the private name.
    #[error(
        "The private DNS name {name} is already in use in VPC {vpc} by the endpoint {endpoint} of another service, \
         {service}, and a VPC can have each name only once. If {service} is the service that you need, specify it in \
         ServiceName. If not, delete {endpoint} or turn off its private DNS. Otherwise, set PrivateDnsEnabled to false."
    )]
    NameOfOtherService { name: String, vpc: VpcId, endpoint: EndpointId, service: ServiceName },
    /// The endpoint ended.
    #[error(
        "The endpoint {endpoint} is in state {state}{reason}. Delete it, or contact TiDB Cloud Support, and then deploy again."
    )]
    EndpointLost { endpoint: EndpointId, state: String, reason: String },
    /// Somebody deleted the endpoint meanwhile.
    #[error("The endpoint {endpoint} was deleted while this resource was waiting for it. Deploy again.")]
    EndpointVanished { endpoint: EndpointId },
    /// What EC2 creates does not stay, or does not show.
    #[error(
        "EC2 created {count} endpoints for {service} in VPC {vpc} for this request, but none of them is there now. Check \
         in the VPC console and in CloudTrail whether something deletes them, delete any that are left over, and then \
         deploy again."
    )]
    EndpointsLost { count: u32, service: ServiceName, vpc: VpcId },
    /// A Delete of this resource was handled while this request ran.
    #[error(
        "The reference of this resource on the endpoint {endpoint} was removed while this request was running, because \
         the resource was deleted in the meantime. No action is needed."
    )]
    Overtaken { endpoint: EndpointId },
    /// A later request for this resource was sent while this one ran, or before it was delivered again.
    #[error(
        "CloudFormation has sent a later request for this resource, which uses the endpoint {endpoint}, so this one stops. \
         This happens if the update of a stack is canceled or rolled back while it runs, and if Lambda delivers a request \
         again. No action is needed; CloudFormation ignores this response."
    )]
    Outdated { endpoint: EndpointId },
    /// The mark of a waiting Create was removed.
    #[error(
        "This resource was deleted while its Create waited, so nothing is created for it. No action is needed; to create \
         the resource, deploy again."
    )]
    DeletedMeanwhile,
    /// CloudFormation no longer waits for the response to this request.
    #[error(
        "CloudFormation no longer waits for this request: it reports {status}. So nothing more is created for it. No action \
         is needed; the request was delivered late, or more than once."
    )]
    NotAwaited { status: ResourceStatus },
    /// EC2 allows no other security group on the endpoint.
    #[error(
        "EC2 does not allow another security group on the endpoint {endpoint}, so {added} cannot be added. The endpoint \
         already has {groups} and is used by {holders}. Leave SecurityGroupIds out, or use AllowedSecurityGroupIds or \
         AllowedCidrs instead, so that the provider's security group allows your clients; or ask the other holders to \
         use fewer security groups."
    )]
    TooManyGroups { endpoint: EndpointId, added: String, groups: String, holders: String },
    /// CloudFormation manages the endpoint in the same stack.
    #[error(
        "The endpoint {endpoint} is the resource {logical_id} of this same stack, so CloudFormation would delete it when \
         {logical_id} is removed. First set DeletionPolicy: Retain on {logical_id} in a deployment of its own; then \
         hand the endpoint over by its tags, and replace {logical_id} with this resource (docs/migrating.md has the \
         commands)."
    )]
    NativeOfThisStack { endpoint: EndpointId, logical_id: String },
    /// An endpoint of somebody else's without an address.
    #[error(
        "The endpoint {endpoint} connects to the service but has no subnet, so it has no IP address. The provider did \
         not create it and therefore does not change it. Add a subnet to it or delete it, and then deploy again."
    )]
    NoAddress { endpoint: EndpointId },
    /// EC2 took a change and does not show it.
    #[error(
        "EC2 accepted the change to the endpoint {endpoint} ({change}) {attempts} times, but the endpoint does not \
         show it. Deploy again later."
    )]
    ChangeWithoutEffect { endpoint: EndpointId, change: String, attempts: u32 },
}
