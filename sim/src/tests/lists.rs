//! Filters, pagination, and the content of each Describe response.

use super::*;
use crate::EndpointSpec;

fn foreign(vpc: &str, service: &str) -> EndpointSpec {
    EndpointSpec { vpc_id: vpc.to_owned(), service_name: service.to_owned(), ..EndpointSpec::default() }
}

async fn ids(ec2: &Ec2, params: &[(&str, &str)]) -> Vec<String> {
    call(ec2, "DescribeVpcEndpoints", params).await.ok().all("vpcEndpointId")
}

#[tokio::test(start_paused = true)]
async fn endpoints_can_be_filtered() {
    let ec2 = instant(|_| {});
    let first = ec2.create_foreign_endpoint(foreign(VPC, GATEWAY01));
    let second = ec2.create_foreign_endpoint(foreign(VPC_OTHER, GATEWAY01));
    ec2.set_tag(&second, "Owner", "TeamA");
    let filter = |name, value| [("Filter.1.Name", name), ("Filter.1.Value.1", value)];
    let both = {
        let mut both = [first.clone(), second.clone()];
        both.sort();
        both
    };
    for (name, value, expected) in [
        ("vpc-id", VPC, std::slice::from_ref(&first)),
        ("vpc-id", "vpc-*", &both[..]),
        ("vpc-id", "VPC-*", &[]),
        ("service-name", GATEWAY01, &both[..]),
        ("vpc-endpoint-id", &second, std::slice::from_ref(&second)),
        ("vpc-endpoint-state", "available", &both[..]),
        ("vpc-endpoint-state", "Available", &[]),
        ("vpc-endpoint-type", "Interface", &both[..]),
        ("ip-address-type", "ipv6", &[]),
        ("tag:Owner", "TeamA", std::slice::from_ref(&second)),
        ("tag-key", "Owner", std::slice::from_ref(&second)),
    ] {
        assert_eq!(ids(&ec2, &filter(name, value)).await, expected, "{name} {value}");
    }
    let unknown = call(&ec2, "DescribeVpcEndpoints", &filter("private-dns-enabled", "true")).await;
    unknown.rejected("InvalidParameterValue", "The filter 'private-dns-enabled' is invalid");
    assert_eq!(ids(&ec2, &[]).await, both, "without IDs, all are returned");
    let missing = call(&ec2, "DescribeVpcEndpoints", &[("VpcEndpointId.1", &first), ("VpcEndpointId.2", ABSENT)]).await;
    assert_eq!(missing.code(), "InvalidVpcEndpointId.NotFound");
    assert_eq!(ec2.unrecognized_requests(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn lists_are_paginated() {
    let ec2 = instant(|knobs| knobs.page_size = 2);
    let mut created: Vec<String> = (0..5).map(|_| ec2.create_foreign_endpoint(foreign(VPC, GATEWAY01))).collect();
    created.sort();
    let mut seen = Vec::new();
    let (mut token, mut first_token) = (String::new(), String::new());
    for expected in [2, 2, 1] {
        let page = call(&ec2, "DescribeVpcEndpoints", &[("NextToken", token.as_str())]).await.ok();
        let ids = page.all("vpcEndpointId");
        assert_eq!(ids.len(), expected);
        seen.extend(ids);
        token = page.all("nextToken").pop().unwrap_or_default();
        if first_token.is_empty() {
            first_token.clone_from(&token);
        }
    }
    assert_eq!((seen, token.as_str()), (created, ""));
    assert_eq!(ids(&ec2, &[("MaxResults", "1")]).await.len(), 1);
    assert_eq!(ids(&ec2, &[("MaxResults", "1000")]).await.len(), 2, "limited by the knob");
    let other = call(&ec2, "DescribeVpcs", &[("NextToken", first_token.as_str())]).await;
    assert_eq!(other.code(), "InvalidNextToken", "a token belongs to its action");
    let wrong = call(&ec2, "DescribeVpcEndpoints", &[("NextToken", "nonsense")]).await;
    wrong.rejected("InvalidNextToken", "The token 'nonsense' is invalid");
    assert_eq!(call(&ec2, "DescribeVpcs", &[("MaxResults", "4")]).await.code(), "InvalidParameterValue");
}

#[tokio::test(start_paused = true)]
async fn services_list_the_common_zones_with_the_callers_names() {
    let ec2 = instant(|_| {});
    let response = call(&ec2, "DescribeVpcEndpointServices", &[("ServiceName.1", GATEWAY01)]).await.ok();
    assert_eq!(response.items("serviceNameSet"), [GATEWAY01]);
    assert_eq!(response.items("availabilityZoneSet"), ["us-east-1c", "us-east-1d"]);
    assert_eq!(response.items("availabilityZoneIdSet"), ["use1-az1", "use1-az2"]);
    assert_eq!(response.one("privateDnsName"), PRIVATE_NAME);
    assert_eq!(response.one("privateDnsNameVerificationState"), "verified");
    assert_eq!(response.items("baseEndpointDnsNameSet"), ["vpce-svc-0a1b2c3d4e5f60718.us-east-1.vpce.amazonaws.com"]);
    assert_eq!(response.one("acceptanceRequired"), "false");
    ec2.update_knobs(|knobs| knobs.service_zone_ids = false);
    let response = call(&ec2, "DescribeVpcEndpointServices", &[("ServiceName.1", GATEWAY01)]).await.ok();
    assert_eq!(response.all("availabilityZoneIdSet").len(), 0);
    let all = call(&ec2, "DescribeVpcEndpointServices", &[]).await.ok().items("serviceNameSet");
    assert!(all.len() == 6 && !all.contains(&FORBIDDEN.to_owned()), "{all:?}");
    call(&ec2, "DescribeVpcEndpointServices", &[("ServiceName.1", FORBIDDEN)])
        .await
        .rejected("InvalidServiceName", &format!("The Vpc Endpoint Service '{FORBIDDEN}' does not exist"));
}

#[tokio::test(start_paused = true)]
async fn a_participant_sees_a_shared_vpc_but_not_its_endpoints_and_groups() {
    let ec2 = instant(|_| {});
    let id = ec2.create_foreign_endpoint(foreign(VPC_SHARED, GATEWAY01));
    assert_eq!(ids(&ec2, &[]).await, [""; 0]);
    assert_eq!(describe(&ec2, &id).await.code(), "InvalidVpcEndpointId.NotFound");
    assert_eq!(delete(&ec2, &id).await.one("code"), "InvalidVpcEndpoint.NotFound");
    let vpc = call(&ec2, "DescribeVpcs", &[("VpcId.1", VPC_SHARED)]).await.ok();
    assert_eq!(vpc.one("ownerId"), "210987654321");
    let inside = [("Filter.1.Name", "vpc-id"), ("Filter.1.Value.1", VPC_SHARED)];
    assert_eq!(call(&ec2, "DescribeSubnets", &inside).await.ok().one("ownerId"), "210987654321");
    assert_eq!(call(&ec2, "DescribeSecurityGroups", &inside).await.ok().items("securityGroupInfo").len(), 0);
    assert_eq!(call(&ec2, "DescribeNetworkInterfaces", &[]).await.ok().items("networkInterfaceSet").len(), 0);
}

#[tokio::test(start_paused = true)]
async fn vpcs_have_dns_attributes() {
    let ec2 = instant(|_| {});
    let value = async |attribute| {
        let request = [("VpcId", VPC_NO_HOSTNAMES), ("Attribute", attribute)];
        call(&ec2, "DescribeVpcAttribute", &request).await.ok().one("value")
    };
    assert_eq!((value("enableDnsSupport").await, value("enableDnsHostnames").await), ("true".into(), "false".into()));
    let set = [("VpcId", VPC_NO_HOSTNAMES), ("EnableDnsHostnames.Value", "true")];
    call(&ec2, "ModifyVpcAttribute", &set).await.ok();
    assert_eq!(value("enableDnsHostnames").await, "true");
    let both = [set[0], set[1], ("EnableDnsSupport.Value", "false")];
    assert_eq!(call(&ec2, "ModifyVpcAttribute", &both).await.code(), "InvalidParameterCombination");
    let absent = [("VpcId", "vpc-0123456789abcdef0"), ("Attribute", "enableDnsSupport")];
    assert_eq!(call(&ec2, "DescribeVpcAttribute", &absent).await.code(), "InvalidVpcID.NotFound");
}

#[tokio::test(start_paused = true)]
async fn subnets_and_zones_have_names_and_ids() {
    let ec2 = instant(|_| {});
    let filter = [
        ("Filter.1.Name", "vpc-id"),
        ("Filter.1.Value.1", VPC),
        ("Filter.2.Name", "availability-zone-id"),
        ("Filter.2.Value.1", "use1-az1"),
        ("Filter.2.Value.2", "use1-az2"),
    ];
    let response = call(&ec2, "DescribeSubnets", &filter).await.ok();
    assert_eq!(response.all("subnetId"), [SUBNET_C, SUBNET_D]);
    let unserved =
        call(&ec2, "DescribeSubnets", &[("Filter.1.Name", "vpc-id"), ("Filter.1.Value.1", VPC_UNSERVED)]).await;
    assert_eq!(unserved.all("availabilityZoneId"), ["use1-az4"]);
    let zones = call(&ec2, "DescribeAvailabilityZones", &[("ZoneId.1", "use1-az1")]).await.ok();
    assert_eq!(zones.all("zoneName"), ["us-east-1c"]);
    let absent = call(&ec2, "DescribeAvailabilityZones", &[("ZoneName.1", "us-east-1z")]).await;
    assert_eq!(absent.code(), "InvalidParameterValue");
}
