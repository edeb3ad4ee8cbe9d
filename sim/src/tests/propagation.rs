//! Eventual consistency beyond the read lag, and operations that prevent others.

use super::*;
use crate::{RoleError, Span, Verdict};

/// An action, its parameters, and the error code for a resource that is not visible yet.
type Lookup<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);

const IDEMPOTENT: &str = "because there is an idempotent operation going on";

#[tokio::test(start_paused = true)]
async fn new_vpcs_and_subnets_are_not_found_at_first() {
    let ec2 = instant(|knobs| knobs.network_lag_ms = Span::exactly(2_000));
    let vpc = call(&ec2, "CreateVpc", &[("CidrBlock", "10.9.0.0/16")]).await.ok().one("vpcId");
    let cidr = [("VpcId", vpc.as_str()), ("CidrBlock", "10.9.1.0/24"), ("AvailabilityZoneId", "use1-az1")];
    let subnet = call(&ec2, "CreateSubnet", &cidr).await.ok().one("subnetId");
    let lookups: [Lookup; 4] = [
        ("DescribeVpcs", &[("VpcId.1", &vpc)], "InvalidVpcID.NotFound"),
        ("DescribeSubnets", &[("SubnetId.1", &subnet)], "InvalidSubnetID.NotFound"),
        ("DescribeVpcAttribute", &[("VpcId", &vpc), ("Attribute", "enableDnsSupport")], "InvalidVpcID.NotFound"),
        (
            "CreateSecurityGroup",
            &[("GroupName", "g"), ("GroupDescription", "g"), ("VpcId", &vpc)],
            "InvalidVpcID.NotFound",
        ),
    ];
    for (action, params, code) in lookups {
        assert_eq!(call(&ec2, action, params).await.code(), code, "{action}");
    }
    let in_vpc = [("Filter.1.Name", "vpc-id"), ("Filter.1.Value.1", vpc.as_str())];
    assert_eq!(call(&ec2, "DescribeSubnets", &in_vpc).await.ok().items("subnetSet").len(), 0);
    let request =
        [("VpcId", vpc.as_str()), ("SubnetId.1", &subnet), ("SubnetId.2", ""), ("PrivateDnsEnabled", "false")];
    create(&ec2, &request).await.rejected("InvalidVpcID.NotFound", &format!("The VPC ID '{vpc}' does not exist"));
    ec2.update_knobs(|knobs| knobs.vpc_not_found_code = "InvalidVpcId.NotFound".to_owned());
    assert_eq!(create(&ec2, &request).await.code(), "InvalidVpcId.NotFound");
    advance(2_000).await;
    for (action, params, _) in lookups {
        call(&ec2, action, params).await.ok();
    }
    created(&ec2, &request).await;
}

#[tokio::test(start_paused = true)]
async fn a_new_subnet_is_not_found_when_an_endpoint_is_created_or_modified() {
    let ec2 = instant(|knobs| knobs.network_lag_ms = Span::exactly(2_000));
    let endpoint = created(&ec2, &[("SubnetId.1", SUBNET_D), ("SubnetId.2", "")]).await;
    let cidr = [("VpcId", VPC), ("CidrBlock", "10.0.64.0/24"), ("AvailabilityZoneId", "use1-az1")];
    let subnet = call(&ec2, "CreateSubnet", &cidr).await.ok().one("subnetId");
    let add = [("AddSubnetId.1", subnet.as_str())];
    let message = format!("The subnet ID '{subnet}' does not exist");
    modify(&ec2, &endpoint, &add).await.rejected("InvalidSubnetID.NotFound", &message);
    let request = [("SubnetId.1", subnet.as_str()), ("PrivateDnsEnabled", "false")];
    create(&ec2, &request).await.rejected("InvalidSubnetID.NotFound", &message);
    ec2.update_knobs(|knobs| knobs.subnet_not_found_code = "InvalidSubnetId.NotFound".to_owned());
    create(&ec2, &request).await.rejected("InvalidSubnetId.NotFound", &message);
    advance(2_000).await;
    modify(&ec2, &endpoint, &add).await.ok();
}

#[tokio::test(start_paused = true)]
async fn a_new_security_group_is_not_found_at_first() {
    let ec2 = instant(|knobs| knobs.group_lag_ms = Span::exactly(2_000));
    let endpoint = created(&ec2, &[]).await;
    let params = [("GroupName", "g"), ("GroupDescription", "g"), ("VpcId", VPC)];
    let group = call(&ec2, "CreateSecurityGroup", &params).await.ok().one("groupId");
    let rule = [("GroupId", group.as_str()), ("IpProtocol", "-1"), ("CidrIp", "10.0.0.0/16")];
    let tag = [("ResourceId.1", group.as_str()), ("Tag.1.Key", "k")];
    assert_eq!(call(&ec2, "AuthorizeSecurityGroupIngress", &rule).await.code(), "InvalidGroup.NotFound");
    assert_eq!(call(&ec2, "CreateTags", &tag).await.code(), "InvalidGroup.NotFound");
    let request = [("SecurityGroupId.1", group.as_str()), ("PrivateDnsEnabled", "false")];
    for code in ["InvalidSecurityGroupID.NotFound", "InvalidSecurityGroupId.NotFound", "InvalidGroup.NotFound"] {
        ec2.update_knobs(|knobs| knobs.group_not_found_code = code.to_owned());
        assert_eq!(create(&ec2, &request).await.code(), code);
        assert_eq!(modify(&ec2, &endpoint, &[("AddSecurityGroupId.1", &group)]).await.code(), code);
    }
    advance(2_000).await;
    call(&ec2, "AuthorizeSecurityGroupIngress", &rule).await.ok();
    call(&ec2, "CreateTags", &tag).await.ok();
    created(&ec2, &request).await;
}

#[tokio::test(start_paused = true)]
async fn a_modification_can_become_visible_after_it_completed() {
    let ec2 = instant(|knobs| {
        knobs.modify_ms = Span::exactly(5_000);
        knobs.modify_visible_ms = Span::exactly(20_000);
    });
    let id = created(&ec2, &[("SubnetId.2", "")]).await;
    let add = [("AddSubnetId.1", SUBNET_D)];
    modify(&ec2, &id, &add).await.ok();
    assert_eq!(modify(&ec2, &id, &add).await.code(), "OperationInProgress");
    for _ in 0..2 {
        let seen = describe(&ec2, &id).await.ok();
        assert_eq!((seen.one("state").as_str(), seen.items("subnetIdSet")), ("available", vec![SUBNET_C.to_owned()]));
        advance(9_999).await;
    }
    assert_eq!(modify(&ec2, &id, &add).await.code(), "DuplicateSubnetsInSameZone", "the first one completed");
    advance(2).await;
    let seen = describe(&ec2, &id).await.ok();
    assert_eq!((seen.one("state").as_str(), seen.items("subnetIdSet").len()), ("available", 2));
}

#[tokio::test(start_paused = true)]
async fn network_interfaces_can_become_visible_after_their_subnet() {
    let ec2 = instant(|knobs| knobs.interfaces_visible_ms = Span::exactly(20_000));
    let id = created(&ec2, &[("SubnetId.2", "")]).await;
    modify(&ec2, &id, &[("AddSubnetId.1", SUBNET_D)]).await.ok();
    let counts = async || {
        let seen = describe(&ec2, &id).await.ok();
        let listed = call(&ec2, "DescribeNetworkInterfaces", &[]).await.ok().all("networkInterfaceId").len();
        assert_eq!(seen.items("networkInterfaceIdSet").len(), listed);
        (seen.one("state"), seen.items("subnetIdSet").len(), listed, seen.all("dnsName").len())
    };
    assert_eq!(counts().await, ("available".to_owned(), 2, 1, 3));
    assert_eq!(ec2.endpoints()[0].interfaces.len(), 2, "they exist");
    advance(20_000).await;
    assert_eq!(counts().await, ("available".to_owned(), 2, 2, 4));
}

#[tokio::test(start_paused = true)]
async fn a_creation_with_a_client_token_can_prevent_other_operations() {
    let ec2 = instant(|knobs| knobs.idempotent_operation_ms = Span::exactly(30_000));
    let id = created(&ec2, &[("ClientToken", "a")]).await;
    let message = format!("Cannot modify VPC Endpoint {id} at this time {IDEMPOTENT}");
    let change = [("AddSecurityGroupId.1", GROUP)];
    modify(&ec2, &id, &change).await.rejected("InvalidParameter", &message);
    let items = delete(&ec2, &id).await;
    assert_eq!((items.one("code").as_str(), items.one("message")), ("InvalidParameter", message));
    let other = created(&ec2, &[("PrivateDnsEnabled", "false")]).await;
    modify(&ec2, &other, &change).await.ok();
    advance(30_000).await;
    modify(&ec2, &id, &change).await.ok();
    assert_eq!(delete(&ec2, &id).await.all("code"), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn the_items_of_a_deletion_can_fail_once() {
    let ec2 = instant(|_| {});
    let id = created(&ec2, &[]).await;
    let mut verdicts = vec![Verdict::idempotent_operation(); 2];
    ec2.on_call(move |call| {
        let fails = matches!(call.action.as_str(), "ModifyVpcEndpoint" | "DeleteVpcEndpoints");
        if fails { verdicts.pop().unwrap_or(Verdict::Proceed) } else { Verdict::Proceed }
    });
    let message = format!("Cannot modify VPC Endpoint {id} at this time {IDEMPOTENT}");
    modify(&ec2, &id, &[("ResetPolicy", "true")]).await.rejected("InvalidParameter", &message);
    let items = delete(&ec2, &id).await;
    assert_eq!((items.one("resourceId"), items.one("message")), (id.clone(), message));
    assert_eq!(ec2.log().last().unwrap().outcome.as_ref().and_then(crate::Outcome::code), Some("InvalidParameter"));
    assert_eq!(state(&ec2, &id), Some(State::Available));
    assert_eq!(delete(&ec2, &id).await.all("code"), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_new_role_takes_effect_after_a_while() {
    for (error, status, code) in
        [(RoleError::AuthFailure, 401, "AuthFailure"), (RoleError::UnauthorizedOperation, 403, "UnauthorizedOperation")]
    {
        let ec2 = instant(|_| {});
        ec2.use_new_role(Duration::from_secs(10), error);
        advance(9_999).await;
        let response = call(&ec2, "DescribeVpcs", &[]).await;
        assert_eq!((response.status, response.code().as_str()), (status, code));
        advance(1).await;
        call(&ec2, "DescribeVpcs", &[]).await.ok();
    }
}
