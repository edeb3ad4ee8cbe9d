//! What EC2 demands before it makes an endpoint.

use super::*;
use crate::TokenAfterDelete;

fn invalid(message: &str) -> (&'static str, String) {
    ("InvalidParameter", message.to_owned())
}

fn no_service(name: &str) -> (&'static str, String) {
    ("InvalidServiceName", format!("The Vpc Endpoint Service '{name}' does not exist"))
}

#[tokio::test(start_paused = true)]
async fn the_catalogue_of_refusals() {
    let ec2 = at_once(|knobs| knobs.groups_per_interface = 1);
    let cases: Vec<(Vec<(&str, &str)>, (&str, String))> = vec![
        (
            vec![("VpcEndpointType", "")],
            (
                "InvalidServiceName",
                format!("The Vpc Endpoint Service '{GATEWAY01}' does not support the endpoint type 'Gateway'."),
            ),
        ),
        (
            vec![("ServiceName", "com.amazonaws.vpce.us-east-1.vpce-svc-0")],
            no_service("com.amazonaws.vpce.us-east-1.vpce-svc-0"),
        ),
        (vec![("ServiceName", FORBIDDEN)], no_service(FORBIDDEN)),
        (vec![("ServiceRegion", "eu-west-1")], no_service(GATEWAY01)),
        (vec![("VpcId", VPC_SHARED)], no_service(GATEWAY01)),
        (
            vec![("VpcId", "vpc-0123456789abcdef0")],
            ("InvalidVpcID.NotFound", "The VPC ID 'vpc-0123456789abcdef0' does not exist".to_owned()),
        ),
        (
            vec![("SubnetId.1", "subnet-0123456789abcdef0")],
            ("InvalidSubnetId.NotFound", "The subnet ID 'subnet-0123456789abcdef0' does not exist".to_owned()),
        ),
        (
            vec![("SubnetId.1", SUBNET_A)],
            invalid(&format!(
                "The VPC endpoint service {GATEWAY01} does not support the availability zone of the subnet: {SUBNET_A}."
            )),
        ),
        (
            vec![("SubnetId.2", SUBNET_C)],
            (
                "DuplicateSubnetsInSameZone",
                format!("Found another VPC endpoint subnet in the availability zone of {SUBNET_C}"),
            ),
        ),
        (
            vec![("SubnetId.2", "subnet-0d4d44444444444d4")],
            invalid(&format!("Subnet subnet-0d4d44444444444d4 does not belong to VPC {VPC}")),
        ),
        (
            vec![("SecurityGroupId.1", "sg-0d4db44444444444d")],
            invalid(&format!("Security group sg-0d4db44444444444d and VPC {VPC} belong to different networks.")),
        ),
        (
            vec![("SecurityGroupId.1", GROUP), ("SecurityGroupId.2", GROUP_DEFAULT)],
            (
                "SecurityGroupsPerInterfaceLimitExceeded",
                "The maximum number of security groups per interface is 1.".to_owned(),
            ),
        ),
        (
            vec![("ServiceName", NAMELESS)],
            invalid(&format!(
                "Private DNS can't be enabled because the service {NAMELESS} does not provide a private DNS name."
            )),
        ),
        (
            vec![("ServiceName", UNVERIFIED)],
            invalid(&format!(
                "Private DNS can't be enabled because the service {UNVERIFIED} has not verified the private DNS name."
            )),
        ),
        (
            vec![("ServiceName", EXCLUSIVE)],
            invalid(&format!(
                "Private DNS can only be enabled after the endpoint connection is accepted by the owner of {EXCLUSIVE}."
            )),
        ),
        (
            vec![("VpcId", VPC_NO_HOSTNAMES), ("SubnetId.1", "subnet-0b2c22222222222c2"), ("SubnetId.2", "")],
            invalid(&format!(
                "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to true for {VPC_NO_HOSTNAMES}"
            )),
        ),
        (
            vec![("IpAddressType", "dualstack")],
            invalid(&format!("The IP address type dualstack is not supported by the service {GATEWAY01}.")),
        ),
        (
            vec![("ServiceName", NAMELESS), ("PrivateDnsEnabled", "false"), ("IpAddressType", "dualstack")],
            invalid(&format!("The IP address type dualstack is not supported by the subnet {SUBNET_C}")),
        ),
        (
            vec![("ServiceName", NAMELESS), ("PrivateDnsEnabled", "false"), ("PolicyDocument", "{}")],
            invalid(&format!("Service {NAMELESS} only supports the full-access endpoint policy.")),
        ),
        (
            vec![("DnsOptions.PrivateDnsOnlyForInboundResolverEndpoint", "true")],
            invalid("PrivateDnsOnlyForInboundResolverEndpoint not supported for this service"),
        ),
    ];
    for (more, (code, message)) in cases {
        create(&ec2, &more).await.refused(code, &message);
    }
    assert_eq!((ec2.endpoints(), ec2.complaints()), (vec![], vec![]));
}

#[tokio::test(start_paused = true)]
async fn what_is_left_out_gets_a_default() {
    let ec2 = at_once(|knobs| knobs.dns_entries_while_pending = true);
    let answer = create(&ec2, &[("PrivateDnsEnabled", "")]).await.ok();
    assert_eq!(answer.one("privateDnsEnabled"), "true", "the service can");
    assert_eq!(answer.one("groupId"), GROUP_DEFAULT);
    assert_eq!(answer.one("groupName"), "default");
    assert_eq!((answer.one("state"), answer.one("ipAddressType")), ("pending".to_owned(), "ipv4".to_owned()));
    assert_eq!(answer.items("networkInterfaceIdSet").len(), 2);
    assert_eq!(answer.one("creationTimestamp"), "2026-03-01T12:00:00.000Z");
    for service in [NAMELESS, UNVERIFIED, EXCLUSIVE] {
        let answer = create(&ec2, &[("PrivateDnsEnabled", ""), ("ServiceName", service)]).await.ok();
        assert_eq!(answer.one("privateDnsEnabled"), "false", "{service} cannot");
    }
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_without_subnets_has_no_names() {
    let ec2 = at_once(|_| {});
    let id = created(&ec2, &[("SubnetId.1", ""), ("SubnetId.2", "")]).await;
    let answer = describe(&ec2, &id).await.ok();
    assert_eq!(answer.one("state"), "available");
    assert_eq!((answer.items("dnsEntrySet").len(), answer.items("networkInterfaceIdSet").len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_name_is_taken_once_in_each_vpc() {
    let ec2 = at_once(|_| {});
    created(&ec2, &[]).await;
    create(&ec2, &[]).await.refused(
        "InvalidParameter",
        &format!(
            "private-dns-enabled cannot be set because there is already a conflicting DNS domain for {PRIVATE_NAME} in the VPC {VPC}"
        ),
    );
    created(&ec2, &[("PrivateDnsEnabled", "false")]).await;
    created(&ec2, &[("ServiceName", GATEWAY02), ("SubnetId.1", SUBNET_D), ("SubnetId.2", "")]).await;
    let other = [("VpcId", VPC_OTHER), ("SubnetId.1", "subnet-0d4c44444444444c4"), ("SubnetId.2", "")];
    created(&ec2, &other).await;
    assert_eq!(ec2.endpoints().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_customers_hosted_zone_takes_the_name_too() {
    let ec2 = at_once(|_| {});
    for zone in [PRIVATE_NAME, "aws.tidbcloud.com", "*.us-east-1.prod.aws.tidbcloud.com"] {
        ec2.add_customer_zone(VPC, zone);
        let answer = create(&ec2, &[]).await;
        assert!(answer.one("Message").contains("conflicting DNS domain"), "{zone}: {answer:?}");
        ec2.remove_customer_zone(VPC, zone);
    }
    created(&ec2, &[]).await;
}

#[tokio::test(start_paused = true)]
async fn a_name_is_taken_until_some_time_after_the_end() {
    let ec2 = at_once(|knobs| {
        knobs.delete_ms = crate::Span::exactly(30_000);
        knobs.zone_release_ms = crate::Span::exactly(60_000);
    });
    let id = created(&ec2, &[]).await;
    delete(&ec2, &id).await;
    for (wait, gone) in [(0, false), (30_000, true), (59_999, true)] {
        pass(wait).await;
        assert_eq!(state(&ec2, &id).is_none(), gone);
        assert_eq!(create(&ec2, &[]).await.code(), "InvalidParameter", "after {wait} ms more");
    }
    pass(1).await;
    created(&ec2, &[]).await;
}

#[tokio::test(start_paused = true)]
async fn a_race_may_go_unnoticed_and_end_as_failed() {
    let ec2 = at_once(|knobs| {
        knobs.conflict_blind_ms = 1_000;
        knobs.create_ms = crate::Span::exactly(5_000);
    });
    let first = created(&ec2, &[]).await;
    let second = created(&ec2, &[]).await;
    pass(1_000).await;
    assert_eq!(create(&ec2, &[]).await.code(), "InvalidParameter", "noticed by now");
    pass(4_000).await;
    assert_eq!((state(&ec2, &first), state(&ec2, &second)), (Some(State::Available), Some(State::Failed)));
    let answer = describe(&ec2, &second).await.ok();
    assert!(answer.one("lastError").contains("conflicting DNS domain"), "{answer:?}");
}

#[tokio::test(start_paused = true)]
async fn a_client_token_gives_the_same_endpoint_again() {
    let ec2 = at_once(|knobs| knobs.create_ms = crate::Span::exactly(60_000));
    let token = [("ClientToken", "once-only")];
    let answer = create(&ec2, &token).await.ok();
    assert_eq!((answer.one("clientToken").as_str(), answer.one("state").as_str()), ("once-only", "pending"));
    pass(60_000).await;
    let again = create(&ec2, &token).await.ok();
    assert_eq!(again.one("vpcEndpointId"), answer.one("vpcEndpointId"));
    assert_eq!(again.one("state"), "available", "the state of now");
    let changed = create(&ec2, &[("ClientToken", "once-only"), ("SecurityGroupId.1", GROUP)]).await;
    assert_eq!(changed.code(), "IdempotentParameterMismatch");
    assert_eq!(create(&ec2, &[("ClientToken", &"x".repeat(65))]).await.code(), "InvalidClientToken");
    assert_eq!(ec2.endpoints().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_refused_creation_leaves_its_token_unused() {
    let ec2 = at_once(|_| {});
    ec2.add_customer_zone(VPC, PRIVATE_NAME);
    assert_eq!(create(&ec2, &[("ClientToken", "t")]).await.code(), "InvalidParameter");
    ec2.remove_customer_zone(VPC, PRIVATE_NAME);
    created(&ec2, &[("ClientToken", "t"), ("SecurityGroupId.1", GROUP)]).await;
}

#[tokio::test(start_paused = true)]
async fn a_token_of_a_deleted_endpoint_is_replayed_or_forgotten() {
    for (knob, same) in [(TokenAfterDelete::Replay, true), (TokenAfterDelete::Forget, false)] {
        let ec2 = at_once(|knobs| knobs.token_after_delete = knob);
        let id = created(&ec2, &[("ClientToken", "t")]).await;
        delete(&ec2, &id).await;
        let again = create(&ec2, &[("ClientToken", "t")]).await.ok();
        assert_eq!(again.one("vpcEndpointId") == id, same, "{knob:?}");
        assert_eq!(again.one("state"), if same { "deleted" } else { "pending" });
        assert_eq!(ec2.endpoints().len(), usize::from(!same));
    }
}

#[tokio::test(start_paused = true)]
async fn quotas() {
    let ec2 = at_once(|knobs| {
        knobs.endpoints_per_vpc = 1;
        knobs.tags_per_resource = 1;
    });
    let two = [
        ("TagSpecification.1.ResourceType", "vpc-endpoint"),
        ("TagSpecification.1.Tag.1.Key", "a"),
        ("TagSpecification.1.Tag.2.Key", "b"),
    ];
    assert_eq!(create(&ec2, &two).await.code(), "TagLimitExceeded");
    created(&ec2, &two[..2]).await;
    assert_eq!(create(&ec2, &[("PrivateDnsEnabled", "false")]).await.code(), "VpcEndpointLimitExceeded");
}

#[tokio::test(start_paused = true)]
async fn every_interface_takes_an_address() {
    let mut world = world();
    world.knobs.instant();
    world.subnets.iter_mut().find(|subnet| subnet.id == SUBNET_C).unwrap().free_addresses = 1;
    let ec2 = Ec2::new(world);
    let id = created(&ec2, &[]).await;
    let subnet = call(&ec2, "DescribeSubnets", &[("SubnetId.1", SUBNET_C)]).await.ok();
    assert_eq!(subnet.one("availableIpAddressCount"), "0");
    let second = create(&ec2, &[("PrivateDnsEnabled", "false")]).await;
    assert_eq!(second.code(), "InsufficientFreeAddressesInSubnet");
    delete(&ec2, &id).await;
    created(&ec2, &[]).await;
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_does_nothing() {
    let ec2 = at_once(|_| {});
    let answer = create(&ec2, &[("DryRun", "true")]).await;
    assert_eq!((answer.status, answer.code().as_str()), (412, "DryRunOperation"));
    assert_eq!((ec2.endpoints(), ec2.complaints()), (vec![], vec![]));
}
