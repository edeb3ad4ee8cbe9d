//! Requests that are rejected before any change, and the reasons.

use crate::cloud::*;
use ec2_sim::Verdict;
use serde_json::{Value, json};

/// A Create that is rejected within seconds, without changes, and with a reason that contains all of `says`. The Delete
/// that follows succeeds at once. Returns the number of calls of the Create.
async fn rejected(cloud: &Cloud, properties: &Value, says: &[&str]) -> usize {
    let (begun, stack) = (cloud.sim.now(), cloud.stack("orders"));
    let failed = stack.create(properties).await;
    let took = cloud.sim.now().duration_since(begun).as_secs();
    assert!(took < 20, "rejected only after {took} s");
    assert!(!failed.physical_id.starts_with("vpce-"));
    let (begun, calls) = (cloud.sim.now(), cloud.sim.log().len());
    cloud.deliver(&stack.delete_event(&failed.physical_id, properties)).await.succeeded();
    let took = cloud.sim.now().duration_since(begun).as_secs();
    assert!(took < 2, "deleted only after {took} s");
    let reason = failed.failed();
    for words in says {
        assert!(reason.contains(words), "'{words}' is not in: {reason}");
    }
    assert_eq!(cloud.changes(), [""; 0], "nothing was changed");
    cloud.assert_understood();
    calls
}

#[tokio::test(start_paused = true)]
async fn all_invalid_properties_are_reported_at_once() {
    let cloud = Cloud::new();
    let wanted = json!({
        "ServiceNam": SERVICE, "VpcId": "vpc-xyz", "SubnetIds": [SUBNET_AZ1, "subnet-1"], "Port": "seventy",
        "PrivateDnsEnabled": "maybe", "AvailabilityZoneIds": ["us-east-1a"], "Tags": { "team": "web" },
    });
    let calls = rejected(
        &cloud,
        &wanted,
        &[
            "8 errors",
            "ServiceNam is not a supported property; did you mean ServiceName?",
            "ServiceName is missing",
            "vpc-xyz",
            "subnet-1",
            "seventy",
            "maybe",
            "us-east-1a",
            "Tags must be a list",
        ],
    )
    .await;
    assert_eq!(calls, 0, "without a call to EC2");
}

#[tokio::test(start_paused = true)]
async fn a_service_of_another_region() {
    let service = "com.amazonaws.vpce.eu-central-1.vpce-svc-0a1b2c3d4e5f60718";
    let wanted = with(properties(), json!({ "ServiceName": service }));
    rejected(
        &Cloud::new(),
        &wanted,
        &["eu-central-1", "us-east-1", "Deploy the provider and the stack in eu-central-1"],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_service_that_does_not_exist_or_is_not_for_this_account() {
    for id in ["vpce-svc-0ffffffffffffffff", "vpce-svc-0f60718293a4b5c6d"] {
        let service = format!("com.amazonaws.vpce.us-east-1.{id}");
        let wanted = with(properties(), json!({ "ServiceName": service }));
        rejected(&Cloud::new(), &wanted, &[&service, ACCOUNT, "does not allow this account", "Copy the name again"])
            .await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_accepts_connections_manually() {
    let service = "com.amazonaws.vpce.us-east-1.vpce-svc-0c3d4e5f60718293a";
    let wanted = with(properties(), json!({ "ServiceName": service }));
    rejected(&Cloud::new(), &wanted, &[service, "exclusive model", "Starter"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_service_without_a_usable_private_name() {
    let none = with(properties(), json!({ "ServiceName": "com.amazonaws.vpce.us-east-1.vpce-svc-0d4e5f60718293a4b" }));
    rejected(&Cloud::new(), &none, &["has no private DNS name", "PrivateDnsEnabled to false"]).await;
    let unproved =
        with(properties(), json!({ "ServiceName": "com.amazonaws.vpce.us-east-1.vpce-svc-0e5f60718293a4b5c" }));
    rejected(&Cloud::new(), &unproved, &["not verified the domain", "api.not-verified.example.com"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_vpc_without_dns() {
    let vpc = "vpc-0b22222222222222b";
    let wanted = with(properties(), json!({ "VpcId": vpc, "SecurityGroupIds": ["sg-0b2db42222222222b"] }));
    let hostnames = "aws ec2 modify-vpc-attribute --vpc-id vpc-0b22222222222222b --enable-dns-hostnames";
    rejected(&Cloud::new(), &wanted, &["enableDnsHostnames is off in VPC", hostnames]).await;

    let cloud = Cloud::new();
    cloud.sim.set_vpc_dns(vpc, false, false);
    rejected(
        &cloud,
        &wanted,
        &["enableDnsSupport and enableDnsHostnames are off", "--enable-dns-support && ", hostnames],
    )
    .await;

    // The provider's security group is created before EC2 reports this. The rollback removes it.
    let own = with(wanted.clone(), json!({ "SecurityGroupIds": null }));
    let (stack, groups, begun) = (cloud.stack("own"), cloud.sim.groups(), cloud.sim.now());
    let failed = stack.create(&own).await;
    cloud.deliver(&stack.delete_event(&failed.physical_id, &own)).await.succeeded();
    assert!(failed.failed().contains("enableDnsSupport and enableDnsHostnames are off"));
    assert_eq!(cloud.sim.groups(), groups);
    let took = cloud.sim.now().duration_since(begun).as_secs();
    assert!(took < 30, "rejected and deleted only after {took} s");

    let without = with(wanted, json!({ "PrivateDnsEnabled": false }));
    cloud.stack("plain").create(&without).await.succeeded();
}

#[tokio::test(start_paused = true)]
async fn a_vpc_that_does_not_exist() {
    let wanted = with(properties(), json!({ "VpcId": "vpc-0ffffffffffffffff" }));
    rejected(&Cloud::new(), &wanted, &["VPC vpc-0ffffffffffffffff was not found", ACCOUNT]).await;
}

#[tokio::test(start_paused = true)]
async fn a_vpc_of_another_account() {
    let wanted = json!({ "ServiceName": SERVICE, "VpcId": "vpc-0e55555555555555e" });
    rejected(
        &Cloud::new(),
        &wanted,
        &["belongs to account 210987654321", "Deploy this resource in account 210987654321"],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn zones_without_the_service() {
    let far = json!({ "ServiceName": SERVICE, "VpcId": "vpc-0c33333333333333c" });
    rejected(&Cloud::new(), &far, &["supports the zones use1-az1, use1-az2", "has subnets only in use1-az4"]).await;
    let given = with(properties(), json!({ "SubnetIds": [SUBNET_AZ4] }));
    rejected(&Cloud::new(), &given, &["supports the zones use1-az1, use1-az2", "given subnets are only in use1-az4"])
        .await;
    let asked = with(properties(), json!({ "AvailabilityZoneIds": ["use1-az1", "use1-az4"] }));
    rejected(&Cloud::new(), &asked, &["AvailabilityZoneIds contains use1-az4", "supports only use1-az1, use1-az2"])
        .await;
    let narrow = with(properties(), json!({ "AvailabilityZoneIds": ["use1-az1"], "SubnetIds": [SUBNET_AZ2] }));
    rejected(&Cloud::new(), &narrow, &["AvailabilityZoneIds contains use1-az1", "given subnets are only in use1-az2"])
        .await;
}

#[tokio::test(start_paused = true)]
async fn an_allowed_security_group_that_does_not_exist() {
    let plain = with(properties(), json!({ "SecurityGroupIds": null }));
    let wanted = with(plain.clone(), json!({ "AllowedSecurityGroupIds": [GROUP, "sg-0fffffffffffffff0"] }));
    rejected(
        &Cloud::new(),
        &wanted,
        &["AllowedSecurityGroupIds contains sg-0fffffffffffffff0", "Specify a security group in VPC"],
    )
    .await;

    // One that exists in another VPC. EC2 accepts it only if the VPCs are peered, which cannot be seen beforehand.
    let cloud = Cloud::new();
    cloud.sim.on_call(|call| match call.action.as_str() {
        "AuthorizeSecurityGroupIngress" => Verdict::fail(
            400,
            "InvalidGroup.NotFound",
            &format!("The security group '{GROUP_2}' does not exist in default VPC 'none'"),
        ),
        _ => Verdict::Proceed,
    });
    let (stack, begun) = (cloud.stack("orders"), cloud.sim.now());
    let wanted = with(plain, json!({ "AllowedSecurityGroupIds": [GROUP_2] }));
    let failed = stack.create(&wanted).await;
    cloud.deliver(&stack.delete_event(&failed.physical_id, &wanted)).await.succeeded();
    let took = cloud.sim.now().duration_since(begun).as_secs();
    assert!(took < 40, "rejected and deleted only after {took} s");
    let reason = failed.failed();
    assert!(reason.contains(GROUP_2) && reason.contains("peered"), "{reason}");
    assert_eq!(cloud.count("CreateVpcEndpoint"), 0);
    assert!(!cloud.sim.groups().iter().any(|group| group.name.starts_with("tidb-private-endpoint-")));
}

#[tokio::test(start_paused = true)]
async fn two_subnets_in_one_zone() {
    let cloud = Cloud::of(|world| {
        let mut sibling = world.subnets.iter().find(|subnet| subnet.id == SUBNET_AZ1).unwrap().clone();
        sibling.id = "subnet-0a1c11111111111c2".to_owned();
        sibling.cidr_block = "10.0.48.0/20".to_owned();
        world.subnets.push(sibling);
    });
    let wanted = with(properties(), json!({ "SubnetIds": [SUBNET_AZ1, "subnet-0a1c11111111111c2"] }));
    rejected(&cloud, &wanted, &[SUBNET_AZ1, "subnet-0a1c11111111111c2", "both in zone use1-az1"]).await;
}

#[tokio::test(start_paused = true)]
async fn subnets_and_groups_of_another_vpc() {
    let subnet = with(properties(), json!({ "SubnetIds": [SUBNET_AZ1, "subnet-0d4c44444444444c4"] }));
    rejected(&Cloud::new(), &subnet, &["subnet-0d4c44444444444c4", "not in VPC", VPC]).await;
    let group = with(properties(), json!({ "SecurityGroupIds": [GROUP_2] }));
    rejected(&Cloud::new(), &group, &[GROUP_2, "is in VPC", VPC_2, VPC]).await;
    let unknown = with(properties(), json!({ "SecurityGroupIds": ["sg-0ffffffffffffffff"] }));
    rejected(&Cloud::new(), &unknown, &["sg-0ffffffffffffffff", "was not found"]).await;
}

#[tokio::test(start_paused = true)]
async fn what_the_stack_has_just_created_may_not_be_visible_yet() {
    let cloud = Cloud::new();
    cloud.sim.set_vpc_dns(VPC, true, false);
    let sim = cloud.sim.clone();
    tokio::spawn(async move {
        tokio::time::sleep(std::time::Duration::from_secs(5)).await;
        sim.set_vpc_dns(VPC, true, true);
    });
    cloud.stack("orders").create(&properties()).await.succeeded();
}

#[tokio::test(start_paused = true)]
async fn a_private_dns_name_in_a_hosted_zone_of_the_customer() {
    let cloud = Cloud::new();
    cloud.sim.add_customer_zone(VPC, PRIVATE_NAME);
    let begun = cloud.sim.now();
    let failed = cloud.stack("orders").create(&properties()).await;
    let took = cloud.sim.now().duration_since(begun).as_secs();
    assert!((300..400).contains(&took), "after five minutes, it is not an endpoint that is being deleted: {took} s");
    let reason = failed.failed();
    for words in [PRIVATE_NAME, VPC, "private hosted zone", "another stack", "being deleted"] {
        assert!(reason.contains(words), "'{words}' is not in: {reason}");
    }
    assert_eq!(cloud.sim.endpoints(), []);
    assert!(cloud.count("CreateVpcEndpoint") <= 20, "looking is cheaper than trying again");
}

#[tokio::test(start_paused = true)]
async fn a_missing_permission_is_named() {
    for (denied, named) in [
        ("CreateVpcEndpoint", "ec2:CreateVpcEndpoint"),
        ("DescribeVpcEndpoints", "ec2:DescribeVpcEndpoints"),
        ("DescribeSubnets", "ec2:DescribeSubnets"),
    ] {
        let cloud = Cloud::of(|world| world.denied_actions = [denied.to_owned()].into());
        let reason = cloud.stack("orders").create(&properties()).await.failed();
        assert!(reason.contains(&format!("is not allowed to perform {named}.")), "{reason}");
    }
    // Creating with tags requires a second permission, and EC2 names that one.
    let cloud = Cloud::new();
    cloud.sim.on_call(|call| match call.action.as_str() {
        "CreateVpcEndpoint" => ec2_sim::Verdict::unauthorized("CreateTags"),
        _ => ec2_sim::Verdict::Proceed,
    });
    let reason = cloud.stack("orders").create(&properties()).await.failed();
    assert!(reason.contains("is not allowed to perform ec2:CreateTags."), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn what_ec2_refuses_is_passed_on_with_a_cure() {
    let cloud = Cloud::of(|world| world.knobs.endpoints_per_vpc = 0);
    let reason = cloud.stack("orders").create(&properties()).await.failed();
    assert!(reason.contains("VpcEndpointLimitExceeded") && reason.contains("quota increase"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn ec2_that_never_answers_does_not_keep_cloudformation_waiting() {
    let cloud = Cloud::new();
    cloud.sim.on_call(|call| match call.action.as_str() {
        "CreateVpcEndpoint" => ec2_sim::Verdict::Hang,
        _ => ec2_sim::Verdict::Proceed,
    });
    let reason = cloud.stack("orders").create(&properties()).await.failed();
    assert!(reason.contains("CreateVpcEndpoint") && reason.contains("route53:AssociateVPCWithHostedZone"), "{reason}");
}
