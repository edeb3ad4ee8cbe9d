//! VPCs and subnets that are created through the API.

use super::*;

async fn subnet(ec2: &Ec2, vpc: &str, block: &str, zone: (&str, &str)) -> Response {
    call(ec2, "CreateSubnet", &[("VpcId", vpc), ("CidrBlock", block), zone]).await
}

#[tokio::test(start_paused = true)]
async fn a_vpc_is_deleted_after_its_subnets() {
    let ec2 = instant(|_| {});
    let tag = [
        ("CidrBlock", "10.9.0.0/16"),
        ("TagSpecification.1.ResourceType", "vpc"),
        ("TagSpecification.1.Tag.1.Key", "Name"),
        ("TagSpecification.1.Tag.1.Value", "new"),
    ];
    let vpc = call(&ec2, "CreateVpc", &tag).await.ok();
    assert_eq!((vpc.one("cidrBlock").as_str(), vpc.one("value").as_str()), ("10.9.0.0/16", "new"));
    let vpc = vpc.one("vpcId");
    for (attribute, value) in [("enableDnsSupport", "true"), ("enableDnsHostnames", "false")] {
        let seen = call(&ec2, "DescribeVpcAttribute", &[("VpcId", &vpc), ("Attribute", attribute)]).await;
        assert_eq!(seen.one("value"), value, "{attribute}");
    }
    let hostnames = [("VpcId", vpc.as_str()), ("EnableDnsHostnames.Value", "true")];
    call(&ec2, "ModifyVpcAttribute", &hostnames).await.ok();

    let created_subnet = subnet(&ec2, &vpc, "10.9.1.0/24", ("AvailabilityZoneId", "use1-az1")).await.ok();
    assert_eq!(created_subnet.one("availableIpAddressCount"), "251");
    let created_subnet = created_subnet.one("subnetId");
    let endpoint = created(&ec2, &[("VpcId", &vpc), ("SubnetId.1", &created_subnet), ("SubnetId.2", "")]).await;
    let group = ec2.groups().into_iter().find(|group| group.vpc_id == vpc).unwrap();
    assert_eq!((group.name.as_str(), &ec2.endpoints()[0].group_ids), ("default", &vec![group.id]));

    for (action, name, id) in [("DeleteSubnet", "SubnetId", &created_subnet), ("DeleteVpc", "VpcId", &vpc)] {
        assert_eq!(call(&ec2, action, &[(name, id)]).await.code(), "DependencyViolation", "it contains the endpoint");
    }
    delete(&ec2, &endpoint).await;
    assert_eq!(call(&ec2, "DeleteVpc", &[("VpcId", &vpc)]).await.code(), "DependencyViolation", "it contains a subnet");
    call(&ec2, "DeleteSubnet", &[("SubnetId", &created_subnet)]).await.ok();
    call(&ec2, "DeleteVpc", &[("VpcId", &vpc)]).await.ok();
    assert_eq!(call(&ec2, "DeleteVpc", &[("VpcId", &vpc)]).await.code(), "InvalidVpcID.NotFound");
    assert!(ec2.groups().iter().all(|group| group.vpc_id != vpc), "its default security group is deleted with it");
    assert_eq!(ec2.unrecognized_requests(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_vpc_with_a_security_group_cannot_be_deleted() {
    let ec2 = instant(|_| {});
    let vpc = call(&ec2, "CreateVpc", &[("CidrBlock", "10.9.0.0/16")]).await.ok().one("vpcId");
    let group = [("GroupName", "mine"), ("GroupDescription", "for a test"), ("VpcId", vpc.as_str())];
    call(&ec2, "CreateSecurityGroup", &group).await.ok();
    assert_eq!(call(&ec2, "DeleteVpc", &[("VpcId", &vpc)]).await.code(), "DependencyViolation");
    assert_eq!(call(&ec2, "DeleteVpc", &[("VpcId", VPC_SHARED)]).await.code(), "UnauthorizedOperation");
}

#[tokio::test(start_paused = true)]
async fn invalid_cidr_blocks_are_rejected() {
    let ec2 = instant(|_| {});
    for (block, code) in [
        ("10.9.0.0", "InvalidParameterValue"),
        ("10.9.0.0/33", "InvalidParameterValue"),
        ("10.0.0.0/8", "InvalidVpc.Range"),
        ("10.9.0.0/29", "InvalidVpc.Range"),
        ("10.9.1.0/16", "InvalidVpc.Range"),
    ] {
        assert_eq!(call(&ec2, "CreateVpc", &[("CidrBlock", block)]).await.code(), code, "{block}");
    }
    let vpc = call(&ec2, "CreateVpc", &[("CidrBlock", "10.9.0.0/16")]).await.ok().one("vpcId");
    let zone = ("AvailabilityZone", "us-east-1a");
    subnet(&ec2, &vpc, "10.9.1.0/24", zone).await.ok();
    for (block, zone, code) in [
        ("10.8.0.0/24", zone, "InvalidSubnet.Range"),
        ("10.9.1.128/25", zone, "InvalidSubnet.Conflict"),
        ("10.9.0.0/20", zone, "InvalidSubnet.Conflict"),
        ("10.9.2.0/24", ("AvailabilityZone", "us-east-1z"), "InvalidParameterValue"),
        ("10.9.2.0/24", ("AvailabilityZoneId", "use1-az9"), "InvalidParameterValue"),
    ] {
        assert_eq!(subnet(&ec2, &vpc, block, zone).await.code(), code, "{block} {zone:?}");
    }
    assert_eq!(subnet(&ec2, "vpc-0123456789abcdef0", "10.9.2.0/24", zone).await.code(), "InvalidVpcID.NotFound");
}
