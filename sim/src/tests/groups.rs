//! Security groups and their rules.

use super::*;
use crate::Span;

async fn create_group(ec2: &Ec2, name: &str) -> Response {
    let params = [("GroupName", name), ("GroupDescription", "for a test"), ("VpcId", VPC)];
    call(ec2, "CreateSecurityGroup", &params).await
}

const TCP: [(&str, &str); 3] =
    [("IpPermissions.1.IpProtocol", "tcp"), ("IpPermissions.1.FromPort", "4000"), ("IpPermissions.1.ToPort", "4000")];

async fn rules(ec2: &Ec2, action: &str, group: &str, more: &[(&str, &str)]) -> Response {
    let mut params = vec![("GroupId", group)];
    params.extend_from_slice(&TCP);
    params.extend_from_slice(more);
    call(ec2, action, &params).await
}

#[tokio::test(start_paused = true)]
async fn a_security_group_is_created_and_deleted() {
    let ec2 = instant(|knobs| knobs.read_lag_ms = Span::exactly(1_000));
    let id = create_group(&ec2, "mine").await.ok().one("groupId");
    let find = [("GroupId.1", id.as_str())];
    assert_eq!(call(&ec2, "DescribeSecurityGroups", &find).await.code(), "InvalidGroup.NotFound", "not visible yet");
    advance(1_000).await;
    let response = call(&ec2, "DescribeSecurityGroups", &find).await.ok();
    assert_eq!((response.one("groupName").as_str(), response.one("vpcId").as_str()), ("mine", VPC));
    assert_eq!(create_group(&ec2, "mine").await.code(), "InvalidGroup.Duplicate");
    assert_eq!(create_group(&ec2, "sg-mine").await.code(), "InvalidParameterValue");
    call(&ec2, "DeleteSecurityGroup", &[("GroupId", &id)]).await.ok();
    assert_eq!(call(&ec2, "DeleteSecurityGroup", &[("GroupId", &id)]).await.code(), "InvalidGroup.NotFound");
    assert_eq!(call(&ec2, "DeleteSecurityGroup", &[("GroupId", GROUP_DEFAULT)]).await.code(), "CannotDelete");
}

#[tokio::test(start_paused = true)]
async fn rules_are_authorized_and_revoked() {
    let ec2 = instant(|_| {});
    let id = create_group(&ec2, "mine").await.ok().one("groupId");
    let sources = [
        ("IpPermissions.1.IpRanges.1.CidrIp", "10.0.0.0/16"),
        ("IpPermissions.1.Ipv6Ranges.1.CidrIpv6", "2600::/56"),
        ("IpPermissions.1.PrefixListIds.1.PrefixListId", "pl-0123456789abcdef0"),
        ("IpPermissions.1.Groups.1.GroupId", GROUP),
    ];
    let response = rules(&ec2, "AuthorizeSecurityGroupIngress", &id, &sources).await.ok();
    assert_eq!(response.items("securityGroupRuleSet").len(), 4);
    let again = rules(&ec2, "AuthorizeSecurityGroupIngress", &id, &sources[..1]).await;
    again.rejected(
        "InvalidPermission.Duplicate",
        "the specified rule \"peer: 10.0.0.0/16, TCP, from port: 4000, to port: 4000, ALLOW\" already exists",
    );
    let group = call(&ec2, "DescribeSecurityGroups", &[("GroupId.1", &id)]).await.ok();
    assert_eq!(group.all("cidrIp"), ["10.0.0.0/16", "0.0.0.0/0"], "one inbound rule, and all outbound traffic");
    assert_eq!(group.all("cidrIpv6"), ["2600::/56"]);

    let filter = [("Filter.1.Name", "group-id"), ("Filter.1.Value.1", id.as_str())];
    let listed = call(&ec2, "DescribeSecurityGroupRules", &filter).await.ok();
    let mut expected = response.all("securityGroupRuleId");
    expected.sort();
    assert_eq!(listed.all("securityGroupRuleId"), expected);
    assert_eq!(listed.one("cidrIpv4"), "10.0.0.0/16");

    let referenced = call(&ec2, "DeleteSecurityGroup", &[("GroupId", GROUP)]).await;
    assert_eq!(referenced.code(), "DependencyViolation", "another security group refers to it");
    rules(&ec2, "RevokeSecurityGroupIngress", &id, &sources[..1]).await.ok();
    let missing = rules(&ec2, "RevokeSecurityGroupIngress", &id, &sources[..2]).await;
    assert_eq!(missing.code(), "InvalidPermission.NotFound");
    assert_eq!(
        call(&ec2, "DescribeSecurityGroupRules", &filter).await.all("securityGroupRuleId").len(),
        3,
        "nothing was revoked"
    );
    assert_eq!(ec2.unrecognized_requests(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn invalid_rules_are_rejected() {
    let ec2 = instant(|_| {});
    for (source, code) in [
        (("IpPermissions.1.IpRanges.1.CidrIp", "10.0.0.0/33"), "InvalidParameterValue"),
        (("IpPermissions.1.IpRanges.1.CidrIp", "10.0.0.0"), "InvalidParameterValue"),
        (("IpPermissions.1.Ipv6Ranges.1.CidrIpv6", "10.0.0.0/16"), "InvalidParameterValue"),
        (("IpPermissions.1.Groups.1.GroupId", "sg-0123456789abcdef0"), "InvalidGroup.NotFound"),
    ] {
        let response = rules(&ec2, "AuthorizeSecurityGroupIngress", GROUP, &[source]).await;
        assert_eq!(response.code(), code, "{source:?}");
    }
    assert_eq!(rules(&ec2, "AuthorizeSecurityGroupIngress", GROUP, &[]).await.code(), "MissingParameter");
}
