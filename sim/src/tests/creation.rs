//! Validation of CreateVpcEndpoint.

use super::*;
use crate::TokenAfterDelete;

/// Asserts that the default request is rejected with these parameters.
async fn rejected(more: &[(&str, &str)], code: &str, message: &str) {
    let ec2 = instant(|knobs| knobs.groups_per_interface = 1);
    create(&ec2, more).await.rejected(code, message);
    assert_eq!((ec2.endpoints(), ec2.unrecognized_requests()), (vec![], vec![]));
}

async fn invalid(more: &[(&str, &str)], message: &str) {
    rejected(more, "InvalidParameter", message).await;
}

#[tokio::test(start_paused = true)]
async fn the_service_must_exist_for_the_caller_and_support_the_type() {
    let subnets = "Subnet IDs are only supported for Interface and GatewayLoadBalancer type VPC Endpoints.";
    invalid(&[("VpcEndpointType", "")], subnets).await;
    let gateway = [("VpcEndpointType", ""), ("SubnetId.1", ""), ("SubnetId.2", "")];
    let unsupported = format!("The Vpc Endpoint Service '{GATEWAY01}' does not support the endpoint type 'Gateway'.");
    rejected(&gateway, "InvalidServiceName", &unsupported).await;
    for more in [
        ("ServiceName", "com.amazonaws.vpce.us-east-1.vpce-svc-0"),
        ("ServiceName", FORBIDDEN),
        ("ServiceRegion", "eu-west-1"),
        ("VpcId", VPC_SHARED),
    ] {
        let name = if more.0 == "ServiceName" { more.1 } else { GATEWAY01 };
        let absent = format!("The Vpc Endpoint Service '{name}' does not exist");
        rejected(&[more], "InvalidServiceName", &absent).await;
    }
}

#[tokio::test(start_paused = true)]
async fn vpc_and_subnets_are_validated() {
    let absent = "vpc-0123456789abcdef0";
    rejected(&[("VpcId", absent)], "InvalidVpcID.NotFound", &format!("The VPC ID '{absent}' does not exist")).await;
    let absent = "subnet-0123456789abcdef0";
    let message = format!("The subnet ID '{absent}' does not exist");
    rejected(&[("SubnetId.1", absent)], "InvalidSubnetID.NotFound", &message).await;
    let message = format!(
        "The VPC endpoint service {GATEWAY01} does not support the availability zone of the subnet: {SUBNET_A}."
    );
    invalid(&[("SubnetId.1", SUBNET_A)], &message).await;
    let message = format!(
        "Found another VPC endpoint subnet in the availability zone of {SUBNET_C}. VPC endpoint subnets should be in \
         different availability zones supported by the VPC endpoint service."
    );
    rejected(&[("SubnetId.2", SUBNET_C)], "DuplicateSubnetsInSameZone", &message).await;
    let message = "Invalid Subnet Id: 'subnet-X' (expecting 'subnet-...; the Id may only contain lowercase alphanumeric \
                   characters and a single dash')";
    rejected(&[("SubnetId.1", "subnet-X")], "InvalidSubnetId.Malformed", message).await;
    let elsewhere = "subnet-0d4d44444444444d4";
    let message = format!("Subnet {elsewhere} does not belong to VPC {VPC}");
    invalid(&[("SubnetId.2", elsewhere)], &message).await;
}

#[tokio::test(start_paused = true)]
async fn security_groups_are_validated() {
    let elsewhere = "sg-0d4db44444444444d";
    let message = format!("Security group {elsewhere} and VPC {VPC} belong to different networks.");
    invalid(&[("SecurityGroupId.1", elsewhere)], &message).await;
    let two = [("SecurityGroupId.1", GROUP), ("SecurityGroupId.2", GROUP_DEFAULT)];
    let message = "The maximum number of security groups per interface is 1.";
    rejected(&two, "SecurityGroupsPerInterfaceLimitExceeded", message).await;
}

#[tokio::test(start_paused = true)]
async fn private_dns_requires_a_verified_name_acceptance_and_both_vpc_attributes() {
    let message =
        format!("Private DNS can't be enabled because the service {NAMELESS} does not provide a private DNS name.");
    invalid(&[("ServiceName", NAMELESS)], &message).await;
    let message =
        format!("Private DNS can't be enabled because the service {UNVERIFIED} has not verified the private DNS name.");
    invalid(&[("ServiceName", UNVERIFIED)], &message).await;
    let message = format!(
        "Private DNS can only be enabled after the endpoint connection is accepted by the owner of {EXCLUSIVE}."
    );
    invalid(&[("ServiceName", EXCLUSIVE)], &message).await;
    let message = format!(
        "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to true for {VPC_NO_HOSTNAMES}"
    );
    let more = [("VpcId", VPC_NO_HOSTNAMES), ("SubnetId.1", "subnet-0b2c22222222222c2"), ("SubnetId.2", "")];
    invalid(&more, &message).await;
}

#[tokio::test(start_paused = true)]
async fn the_service_and_subnets_must_support_the_options() {
    let message = format!("The IP address type dualstack is not supported by the service {GATEWAY01}.");
    invalid(&[("IpAddressType", "dualstack")], &message).await;
    let other = [("ServiceName", NAMELESS), ("PrivateDnsEnabled", "false")];
    let message = format!("The IP address type dualstack is not supported by the subnet {SUBNET_C}");
    invalid(&[other[0], other[1], ("IpAddressType", "dualstack")], &message).await;
    let message = format!("Service {NAMELESS} only supports the full-access endpoint policy.");
    invalid(&[other[0], other[1], ("PolicyDocument", "{}")], &message).await;
    let option = ("DnsOptions.PrivateDnsOnlyForInboundResolverEndpoint", "true");
    invalid(&[option], "PrivateDnsOnlyForInboundResolverEndpoint not supported for this service").await;
}

#[tokio::test(start_paused = true)]
async fn omitted_parameters_have_defaults() {
    let ec2 = instant(|knobs| knobs.dns_entries_while_pending = true);
    let response = create(&ec2, &[("PrivateDnsEnabled", "")]).await.ok();
    assert_eq!(response.one("privateDnsEnabled"), "true", "the service supports it");
    assert_eq!(response.one("groupId"), GROUP_DEFAULT);
    assert_eq!(response.one("groupName"), "default");
    assert_eq!((response.one("state"), response.one("ipAddressType")), ("pending".to_owned(), "ipv4".to_owned()));
    assert_eq!(response.items("networkInterfaceIdSet").len(), 2);
    assert_eq!(response.one("creationTimestamp"), "2026-03-01T12:00:00.000Z");
    for service in [NAMELESS, UNVERIFIED, EXCLUSIVE] {
        let response = create(&ec2, &[("PrivateDnsEnabled", ""), ("ServiceName", service)]).await.ok();
        assert_eq!(response.one("privateDnsEnabled"), "false", "{service} does not support it");
    }
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_without_subnets_has_no_dns_entries() {
    let ec2 = instant(|_| {});
    let id = created(&ec2, &[("SubnetId.1", ""), ("SubnetId.2", "")]).await;
    let response = describe(&ec2, &id).await.ok();
    assert_eq!(response.one("state"), "available");
    assert_eq!((response.items("dnsEntrySet").len(), response.items("networkInterfaceIdSet").len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_private_dns_name_is_unique_in_each_vpc() {
    let ec2 = instant(|_| {});
    created(&ec2, &[]).await;
    create(&ec2, &[]).await.rejected(
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
async fn a_customer_hosted_zone_conflicts_with_the_name() {
    let ec2 = instant(|_| {});
    for zone in [PRIVATE_NAME, "aws.tidbcloud.com", "*.us-east-1.prod.aws.tidbcloud.com"] {
        ec2.add_customer_zone(VPC, zone);
        let response = create(&ec2, &[]).await;
        assert!(response.one("Message").contains("conflicting DNS domain"), "{zone}: {response:?}");
        ec2.remove_customer_zone(VPC, zone);
    }
    created(&ec2, &[]).await;
}

#[tokio::test(start_paused = true)]
async fn a_name_stays_in_use_for_a_while_after_the_deletion() {
    let ec2 = instant(|knobs| {
        knobs.delete_ms = crate::Span::exactly(30_000);
        knobs.zone_release_ms = crate::Span::exactly(60_000);
    });
    let id = created(&ec2, &[]).await;
    delete(&ec2, &id).await;
    for (wait, gone) in [(0, false), (30_000, true), (59_999, true)] {
        advance(wait).await;
        assert_eq!(state(&ec2, &id).is_none(), gone);
        assert_eq!(create(&ec2, &[]).await.code(), "InvalidParameter", "after {wait} ms more");
    }
    advance(1).await;
    created(&ec2, &[]).await;
}

#[tokio::test(start_paused = true)]
async fn an_undetected_race_ends_as_failed() {
    let ec2 = instant(|knobs| {
        knobs.conflict_detection_ms = 1_000;
        knobs.create_ms = crate::Span::exactly(5_000);
    });
    let first = created(&ec2, &[]).await;
    let second = created(&ec2, &[]).await;
    advance(1_000).await;
    assert_eq!(create(&ec2, &[]).await.code(), "InvalidParameter", "detected by now");
    advance(4_000).await;
    assert_eq!((state(&ec2, &first), state(&ec2, &second)), (Some(State::Available), Some(State::Failed)));
    let response = describe(&ec2, &second).await.ok();
    assert!(response.one("lastError").contains("conflicting DNS domain"), "{response:?}");
}

#[tokio::test(start_paused = true)]
async fn a_client_token_returns_the_same_endpoint() {
    let ec2 = instant(|knobs| {
        knobs.create_ms = crate::Span::exactly(60_000);
        knobs.echo_client_token = true;
    });
    let token = [("ClientToken", "once-only")];
    let response = create(&ec2, &token).await.ok();
    assert_eq!((response.one("clientToken").as_str(), response.one("state").as_str()), ("once-only", "pending"));
    advance(60_000).await;
    let again = create(&ec2, &token).await.ok();
    assert_eq!(again.one("vpcEndpointId"), response.one("vpcEndpointId"));
    assert_eq!(again.one("state"), "available", "the current state");
    let changed = create(&ec2, &[("ClientToken", "once-only"), ("SecurityGroupId.1", GROUP)]).await;
    assert_eq!(changed.code(), "IdempotentParameterMismatch");
    assert_eq!(create(&ec2, &[("ClientToken", &"x".repeat(65))]).await.code(), "InvalidClientToken");
    assert_eq!(ec2.endpoints().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_rejected_request_does_not_use_up_its_token() {
    let ec2 = instant(|_| {});
    ec2.add_customer_zone(VPC, PRIVATE_NAME);
    assert_eq!(create(&ec2, &[("ClientToken", "t")]).await.code(), "InvalidParameter");
    ec2.remove_customer_zone(VPC, PRIVATE_NAME);
    created(&ec2, &[("ClientToken", "t"), ("SecurityGroupId.1", GROUP)]).await;
}

#[tokio::test(start_paused = true)]
async fn a_token_of_a_deleted_endpoint_can_be_replayed_or_reused() {
    for (knob, same) in [(TokenAfterDelete::Replay, true), (TokenAfterDelete::Forget, false)] {
        let ec2 = instant(|knobs| knobs.token_after_delete = knob);
        let id = created(&ec2, &[("ClientToken", "t")]).await;
        delete(&ec2, &id).await;
        let again = create(&ec2, &[("ClientToken", "t")]).await.ok();
        assert_eq!(again.one("vpcEndpointId") == id, same, "{knob:?}");
        assert_eq!(again.one("state"), if same { "deleted" } else { "pending" });
        assert_eq!(ec2.endpoints().len(), usize::from(!same));
    }
}

#[tokio::test(start_paused = true)]
async fn quotas_are_enforced() {
    let ec2 = instant(|knobs| {
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
async fn each_interface_uses_an_address() {
    let mut world = world();
    world.knobs.instant();
    world.subnets.iter_mut().find(|subnet| subnet.id == SUBNET_C).unwrap().free_addresses = 1;
    let ec2 = Ec2::new(world);
    let id = created(&ec2, &[]).await;
    let subnet = call(&ec2, "DescribeSubnets", &[("SubnetId.1", SUBNET_C)]).await.ok();
    assert_eq!(subnet.one("availableIpAddressCount"), "0");
    let second = create(&ec2, &[("PrivateDnsEnabled", "false")]).await;
    let message = "The specified subnet does not have enough free addresses to satisfy the request.";
    second.rejected("InsufficientFreeAddressesInSubnet", message);
    let other = created(&ec2, &[("PrivateDnsEnabled", "false"), ("SubnetId.1", SUBNET_D), ("SubnetId.2", "")]).await;
    modify(&ec2, &other, &[("AddSubnetId.1", SUBNET_C)]).await.rejected("InsufficientFreeAddressesInSubnet", message);
    delete(&ec2, &id).await;
    created(&ec2, &[]).await;
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_has_no_effect() {
    let ec2 = instant(|_| {});
    let response = create(&ec2, &[("DryRun", "true")]).await;
    assert_eq!((response.status, response.code().as_str()), (412, "DryRunOperation"));
    assert_eq!((ec2.endpoints(), ec2.unrecognized_requests()), (vec![], vec![]));
}
