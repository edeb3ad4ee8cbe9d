//! The permissions that each call requires, and the effect of policies.

use super::*;
use crate::{Policy, Route53Denial, Span};
use serde_json::{Value, json};

const ENDPOINT: &str = "vpce-0123456789abcdef0";

fn policy(statement: &Value) -> Policy {
    Policy::read(&[json!({ "Version": "2012-10-17", "Statement": statement })]).unwrap()
}

type Pair<'a> = (&'a str, &'a str);
type Form<'a> = &'a [Pair<'a>];

/// Allows everything except requests that match a condition.
fn all_but(condition: &Value) -> Policy {
    policy(&json!([
        { "Effect": "Allow", "Action": "*", "Resource": "*" },
        { "Effect": "Deny", "Action": "*", "Resource": "*", "Condition": condition },
    ]))
}

/// A world with a foreign endpoint.
fn with_endpoint(update: impl FnOnce(&mut Knobs)) -> Ec2 {
    let ec2 = instant(update);
    ec2.create_foreign_endpoint(crate::EndpointSpec {
        id: ENDPOINT.to_owned(),
        vpc_id: VPC.to_owned(),
        service_name: GATEWAY02.to_owned(),
        state: State::Available,
        subnet_ids: vec![SUBNET_D.to_owned()],
        tags: [("Name".to_owned(), "manual".to_owned())].into(),
        ..crate::EndpointSpec::default()
    });
    ec2
}

/// The authorization requests for an allowed call, as `action kind/id`, without `ec2:`.
async fn authorized(action: &str, params: &[(&str, &str)]) -> Vec<String> {
    let ec2 = with_endpoint(|_| {});
    ec2.set_policy(Some(policy(&json!({ "Effect": "Allow", "Action": "*", "Resource": "*" }))));
    call(&ec2, action, params).await.ok();
    let short = |resource: &str| resource.rsplit(':').next().unwrap().to_owned();
    ec2.authorizations()
        .iter()
        .map(|request| format!("{} {}", request.action.trim_start_matches("ec2:"), short(&request.resource)))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn creating_an_endpoint_requires_permission_on_all_of_its_resources() {
    let tag = [("TagSpecification.1.ResourceType", "vpc-endpoint"), ("TagSpecification.1.Tag.1.Key", "a")];
    let more = [&[("SecurityGroupId.1", GROUP)], &tag[..]].concat();
    let whole = [
        format!("CreateVpcEndpoint vpc/{VPC}"),
        "CreateVpcEndpoint vpc-endpoint/*".to_owned(),
        "CreateTags vpc-endpoint/*".to_owned(),
        format!("CreateVpcEndpoint subnet/{SUBNET_C}"),
        format!("CreateVpcEndpoint subnet/{SUBNET_D}"),
        format!("CreateVpcEndpoint security-group/{GROUP}"),
        "DescribeVpcs *".to_owned(),
        "DescribeSubnets *".to_owned(),
        "DescribeSecurityGroups *".to_owned(),
        "route53:AssociateVPCWithHostedZone *".to_owned(),
    ];
    assert_eq!(authorized("CreateVpcEndpoint", &request(&more)).await, whole);
    let plain = authorized("CreateVpcEndpoint", &request(&[("PrivateDnsEnabled", "false")])).await;
    assert!(!plain.iter().any(|request| request.contains("route53") || request.contains("CreateTags")), "{plain:?}");
    let by_default = authorized("CreateVpcEndpoint", &request(&[("PrivateDnsEnabled", "")])).await;
    assert!(by_default.contains(&whole[9]), "private DNS is on by default: {by_default:?}");
}

#[tokio::test(start_paused = true)]
async fn other_actions_require_permission_on_the_resources_they_name() {
    let endpoint = ("VpcEndpointId", ENDPOINT);
    let group =
        [("GroupId", GROUP), ("IpPermissions.1.IpProtocol", "-1"), ("IpPermissions.1.Groups.1.GroupId", GROUP_DEFAULT)];
    let rule_tag = [("TagSpecification.1.ResourceType", "security-group-rule"), ("TagSpecification.1.Tag.1.Key", "a")];
    let group_tag = [("TagSpecification.1.ResourceType", "security-group"), ("TagSpecification.1.Tag.1.Key", "a")];
    let new_group = [("GroupName", "a"), ("GroupDescription", "a"), ("VpcId", VPC)];
    let on_group = |action: &str| format!("{action} security-group/{GROUP}");
    let on_endpoint = |action: &str| format!("{action} vpc-endpoint/{ENDPOINT}");
    let cases: [(&str, Vec<Pair>, Vec<String>); 14] = [
        (
            "ModifyVpcEndpoint",
            vec![endpoint, ("RemoveSubnetId.1", SUBNET_D), ("AddSecurityGroupId.1", GROUP)],
            vec![
                on_endpoint("ModifyVpcEndpoint"),
                format!("ModifyVpcEndpoint subnet/{SUBNET_D}"),
                on_group("ModifyVpcEndpoint"),
            ],
        ),
        (
            "ModifyVpcEndpoint",
            vec![endpoint, ("PrivateDnsEnabled", "true")],
            vec![on_endpoint("ModifyVpcEndpoint"), "route53:AssociateVPCWithHostedZone *".to_owned()],
        ),
        ("ModifyVpcEndpoint", vec![endpoint, ("PrivateDnsEnabled", "false")], vec![on_endpoint("ModifyVpcEndpoint")]),
        ("DeleteVpcEndpoints", vec![("VpcEndpointId.1", ENDPOINT)], vec![on_endpoint("DeleteVpcEndpoints")]),
        (
            "CreateTags",
            vec![("ResourceId.1", ENDPOINT), ("ResourceId.2", GROUP), ("Tag.1.Key", "a")],
            vec![on_endpoint("CreateTags"), on_group("CreateTags")],
        ),
        ("DeleteTags", vec![("ResourceId.1", ENDPOINT)], vec![on_endpoint("DeleteTags")]),
        (
            "CreateSecurityGroup",
            [&new_group[..], &group_tag].concat(),
            vec![
                format!("CreateSecurityGroup vpc/{VPC}"),
                "CreateSecurityGroup security-group/*".to_owned(),
                "CreateTags security-group/*".to_owned(),
            ],
        ),
        ("AuthorizeSecurityGroupIngress", group.to_vec(), vec![on_group("AuthorizeSecurityGroupIngress")]),
        (
            "AuthorizeSecurityGroupIngress",
            [&group[..], &rule_tag].concat(),
            vec![
                on_group("AuthorizeSecurityGroupIngress"),
                "AuthorizeSecurityGroupIngress security-group-rule/*".to_owned(),
                "CreateTags security-group-rule/*".to_owned(),
            ],
        ),
        ("DeleteSecurityGroup", vec![("GroupId", GROUP)], vec![on_group("DeleteSecurityGroup")]),
        ("DeleteSubnet", vec![("SubnetId", SUBNET_C)], vec![format!("DeleteSubnet subnet/{SUBNET_C}")]),
        (
            "ModifyVpcAttribute",
            vec![("VpcId", VPC), ("EnableDnsSupport.Value", "true")],
            vec![format!("ModifyVpcAttribute vpc/{VPC}")],
        ),
        (
            "DescribeVpcAttribute",
            vec![("VpcId", VPC), ("Attribute", "enableDnsSupport")],
            vec![format!("DescribeVpcAttribute vpc/{VPC}")],
        ),
        ("DescribeVpcEndpoints", vec![("VpcEndpointId.1", ENDPOINT)], vec!["DescribeVpcEndpoints *".to_owned()]),
    ];
    for (action, params, expected) in cases {
        assert_eq!(authorized(action, &params).await, expected, "{action} {params:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn conditions_can_use_tags_service_and_region() {
    let tag = [
        ("TagSpecification.1.ResourceType", "vpc-endpoint"),
        ("TagSpecification.1.Tag.1.Key", "a:b"),
        ("TagSpecification.1.Tag.1.Value", "1"),
    ];
    let new = request(&tag);
    let tagging = [("ResourceId.1", ENDPOINT), ("Tag.1.Key", "x")];
    let denied: [(&str, Form, Value); 9] = [
        ("CreateVpcEndpoint", &new, json!({ "StringEquals": { "aws:RequestTag/a:b": "1" } })),
        ("CreateVpcEndpoint", &new, json!({ "ForAnyValue:StringEquals": { "aws:TagKeys": "a:b" } })),
        ("CreateVpcEndpoint", &new, json!({ "StringLike": { "ec2:VpceServiceName": "com.amazonaws.vpce.*" } })),
        ("CreateVpcEndpoint", &new, json!({ "StringEquals": { "ec2:CreateAction": "CreateVpcEndpoint" } })),
        ("CreateVpcEndpoint", &new, json!({ "StringEquals": { "ec2:ResourceTag/Name": "application" } })),
        ("DescribeVpcs", &[], json!({ "StringEquals": { "aws:RequestedRegion": "us-east-1" } })),
        ("CreateTags", &tagging, json!({ "StringEquals": { "aws:ResourceTag/Name": "manual" } })),
        ("CreateTags", &tagging, json!({ "Null": { "aws:RequestTag/x": "false" } })),
        ("DeleteTags", &tagging, json!({ "ForAnyValue:StringEquals": { "aws:TagKeys": "x" } })),
    ];
    for (action, params, condition) in denied {
        let ec2 = with_endpoint(|_| {});
        ec2.set_policy(Some(all_but(&condition)));
        assert_eq!(call(&ec2, action, params).await.code(), "UnauthorizedOperation", "{condition}");
    }
    let allowed: [(&str, Form, Value); 4] = [
        // A resource to be created has no resource tags, and tagging an existing one has no create action.
        ("CreateVpcEndpoint", &new, json!({ "Null": { "aws:ResourceTag/a:b": "false" } })),
        ("CreateTags", &tagging, json!({ "Null": { "ec2:CreateAction": "false" } })),
        ("CreateTags", &tagging, json!({ "Null": { "ec2:VpceServiceName": "false" } })),
        // A request without keys deletes all tags.
        ("DeleteTags", &tagging[..1], json!({ "Null": { "aws:TagKeys": "false" } })),
    ];
    for (action, params, condition) in allowed {
        let ec2 = with_endpoint(|_| {});
        ec2.set_policy(Some(all_but(&condition)));
        call(&ec2, action, params).await.ok();
    }
}

#[tokio::test(start_paused = true)]
async fn a_denied_call_has_no_effect_and_names_action_and_resource() {
    let ec2 = with_endpoint(|_| {});
    ec2.set_policy(Some(policy(&json!({
        "Effect": "Allow",
        "Action": ["ec2:CreateVpcEndpoint", "ec2:Describe*"],
        "Resource": "*",
    }))));
    let before = ec2.endpoints();
    let who = "You are not authorized to perform this operation. User: \
               arn:aws:sts::123456789012:assumed-role/caller/session is not authorized to perform: ";
    let resource = "arn:aws:ec2:us-east-1:123456789012:vpc-endpoint";
    let tag = [("TagSpecification.1.ResourceType", "vpc-endpoint"), ("TagSpecification.1.Tag.1.Key", "a")];
    let response = create(&ec2, &tag).await;
    assert_eq!(response.status, 403);
    assert_eq!(response.code(), "UnauthorizedOperation");
    let message = response.one("Message");
    let (readable, encoded) = message.split_once(". Encoded authorization failure message: ").unwrap();
    assert_eq!(
        readable,
        format!(
            "{who}ec2:CreateTags on resource: {resource}/* because no identity-based policy allows the ec2:CreateTags action"
        )
    );
    assert_eq!(encoded.len(), 400);
    let response = call(&ec2, "DeleteVpcEndpoints", &[("VpcEndpointId.1", ENDPOINT)]).await;
    assert_eq!(response.status, 403, "the whole call is denied, not an item of it");
    assert_eq!(ec2.endpoints(), before);
    // A dry run is authorized too.
    assert_eq!(create(&ec2, &[&tag[..], &[("DryRun", "true")]].concat()).await.code(), "UnauthorizedOperation");

    ec2.set_policy(Some(all_but(&json!({ "Null": { "aws:ResourceTag/Name": "false" } }))));
    let response = call(&ec2, "DeleteVpcEndpoints", &[("VpcEndpointId.1", ENDPOINT)]).await;
    let expected = format!(
        "{who}ec2:DeleteVpcEndpoints on resource: {resource}/{ENDPOINT} with an explicit deny in an identity-based policy. "
    );
    assert!(response.one("Message").starts_with(&expected), "{response:?}");
    let [request] = ec2.authorizations().try_into().unwrap();
    assert!(!request.allowed && request.by.len() == 1, "{request:?}");
    ec2.set_policy(None);
    delete(&ec2, ENDPOINT).await;
    assert_eq!(ec2.authorizations(), []);
}

#[tokio::test(start_paused = true)]
async fn a_shared_vpc_has_the_arn_of_its_owner() {
    let ec2 = with_endpoint(|_| {});
    let own = "arn:aws:ec2:us-east-1:123456789012:vpc/*";
    ec2.set_policy(Some(policy(&json!({ "Effect": "Allow", "Action": "*", "Resource": own }))));
    let attribute = ("Attribute", "enableDnsSupport");
    call(&ec2, "DescribeVpcAttribute", &[("VpcId", VPC), attribute]).await.ok();
    let shared = call(&ec2, "DescribeVpcAttribute", &[("VpcId", VPC_SHARED), attribute]).await;
    assert!(shared.one("Message").contains(&format!("arn:aws:ec2:us-east-1:210987654321:vpc/{VPC_SHARED}")));
}

/// Allows everything, but only on resources with a tag.
fn tagged_only() -> Policy {
    policy(&json!({
        "Effect": "Allow",
        "Action": "*",
        "Resource": "*",
        "Condition": { "Null": { "aws:ResourceTag/mine": "false" } },
    }))
}

#[tokio::test(start_paused = true)]
async fn a_nonexistent_resource_is_denied_or_not_found() {
    for (denies, code) in [(false, "InvalidGroup.NotFound"), (true, "UnauthorizedOperation")] {
        let ec2 = instant(|knobs| knobs.deny_unknown_resources = denies);
        ec2.set_policy(Some(tagged_only()));
        let params = [("GroupId", "sg-0123456789abcdef0")];
        assert_eq!(call(&ec2, "DeleteSecurityGroup", &params).await.code(), code);
        // Existing resources are always authorized.
        assert_eq!(call(&ec2, "DeleteSecurityGroup", &[("GroupId", GROUP)]).await.code(), "UnauthorizedOperation");
    }
}

#[tokio::test(start_paused = true)]
async fn tags_can_take_effect_in_iam_later_than_in_ec2() {
    let ec2 = instant(|knobs| knobs.iam_lag_ms = Span::exactly(2_000));
    ec2.set_policy(Some(tagged_only()));
    let spec = crate::EndpointSpec {
        vpc_id: VPC.to_owned(),
        service_name: GATEWAY01.to_owned(),
        tags: [("mine".to_owned(), String::new())].into(),
        ..crate::EndpointSpec::default()
    };
    let id = ec2.create_foreign_endpoint(spec);
    let params = [("VpcEndpointId.1", id.as_str())];
    assert_eq!(call(&ec2, "DeleteVpcEndpoints", &params).await.code(), "UnauthorizedOperation");
    advance(2_000).await;
    delete(&ec2, &id).await;
}

#[tokio::test(start_paused = true)]
async fn enabling_private_dns_without_route_53_permission_can_hang() {
    let ec2 = with_endpoint(|knobs| knobs.route53_denial = Route53Denial::NoResponse);
    ec2.set_policy(Some(policy(&json!({ "Effect": "Allow", "Action": "ec2:*", "Resource": "*" }))));
    let on = modify(&ec2, ENDPOINT, &[("PrivateDnsEnabled", "true")]);
    assert!(tokio::time::timeout(Duration::from_secs(3_600), on).await.is_err());
    assert_eq!(ec2.log().last().unwrap().outcome, None);
    modify(&ec2, ENDPOINT, &[("PrivateDnsEnabled", "false")]).await.ok();
}
