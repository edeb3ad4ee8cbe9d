//! What EC2 asks IAM about each call, and what comes of the answer.

use super::*;
use crate::{Policy, Span};
use serde_json::{Value, json};

const ENDPOINT: &str = "vpce-0123456789abcdef0";

fn policy(statement: &Value) -> Policy {
    Policy::read(&[json!({ "Version": "2012-10-17", "Statement": statement })]).unwrap()
}

type Pair<'a> = (&'a str, &'a str);
type Form<'a> = &'a [Pair<'a>];

/// Everything is allowed, but for what fits a condition.
fn all_but(condition: &Value) -> Policy {
    policy(&json!([
        { "Effect": "Allow", "Action": "*", "Resource": "*" },
        { "Effect": "Deny", "Action": "*", "Resource": "*", "Condition": condition },
    ]))
}

/// A world with somebody's endpoint in it.
fn peopled(turn: impl FnOnce(&mut Knobs)) -> Ec2 {
    let ec2 = at_once(turn);
    ec2.create_foreign_endpoint(crate::EndpointSpec {
        id: ENDPOINT.to_owned(),
        vpc_id: VPC.to_owned(),
        service_name: GATEWAY02.to_owned(),
        state: State::Available,
        subnet_ids: vec![SUBNET_D.to_owned()],
        tags: [("Name".to_owned(), "by hand".to_owned())].into(),
        ..crate::EndpointSpec::default()
    });
    ec2
}

/// What IAM is asked about a call that it allows, as `action kind/id`, without `ec2:`.
async fn asked(action: &str, params: &[(&str, &str)]) -> Vec<String> {
    let ec2 = peopled(|_| {});
    ec2.set_policy(Some(policy(&json!({ "Effect": "Allow", "Action": "*", "Resource": "*" }))));
    call(&ec2, action, params).await.ok();
    let short = |resource: &str| resource.rsplit(':').next().unwrap().to_owned();
    ec2.policy_use()
        .iter()
        .map(|asked| format!("{} {}", asked.action.trim_start_matches("ec2:"), short(&asked.resource)))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn making_an_endpoint_asks_for_all_that_it_touches() {
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
    assert_eq!(asked("CreateVpcEndpoint", &usual(&more)).await, whole);
    let plain = asked("CreateVpcEndpoint", &usual(&[("PrivateDnsEnabled", "false")])).await;
    assert!(!plain.iter().any(|asked| asked.contains("route53") || asked.contains("CreateTags")), "{plain:?}");
    let unsaid = asked("CreateVpcEndpoint", &usual(&[("PrivateDnsEnabled", "")])).await;
    assert!(unsaid.contains(&whole[9]), "private DNS is on by default: {unsaid:?}");
}

#[tokio::test(start_paused = true)]
async fn other_actions_ask_for_what_they_name() {
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
        assert_eq!(asked(action, &params).await, expected, "{action} {params:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn iam_is_told_of_tags_service_and_region() {
    let tag = [
        ("TagSpecification.1.ResourceType", "vpc-endpoint"),
        ("TagSpecification.1.Tag.1.Key", "a:b"),
        ("TagSpecification.1.Tag.1.Value", "1"),
    ];
    let made = usual(&tag);
    let mark = [("ResourceId.1", ENDPOINT), ("Tag.1.Key", "x")];
    let denied: [(&str, Form, Value); 9] = [
        ("CreateVpcEndpoint", &made, json!({ "StringEquals": { "aws:RequestTag/a:b": "1" } })),
        ("CreateVpcEndpoint", &made, json!({ "ForAnyValue:StringEquals": { "aws:TagKeys": "a:b" } })),
        ("CreateVpcEndpoint", &made, json!({ "StringLike": { "ec2:VpceServiceName": "com.amazonaws.vpce.*" } })),
        ("CreateVpcEndpoint", &made, json!({ "StringEquals": { "ec2:CreateAction": "CreateVpcEndpoint" } })),
        ("CreateVpcEndpoint", &made, json!({ "StringEquals": { "ec2:ResourceTag/Name": "application" } })),
        ("DescribeVpcs", &[], json!({ "StringEquals": { "aws:RequestedRegion": "us-east-1" } })),
        ("CreateTags", &mark, json!({ "StringEquals": { "aws:ResourceTag/Name": "by hand" } })),
        ("CreateTags", &mark, json!({ "Null": { "aws:RequestTag/x": "false" } })),
        ("DeleteTags", &mark, json!({ "ForAnyValue:StringEquals": { "aws:TagKeys": "x" } })),
    ];
    for (action, params, condition) in denied {
        let ec2 = peopled(|_| {});
        ec2.set_policy(Some(all_but(&condition)));
        assert_eq!(call(&ec2, action, params).await.code(), "UnauthorizedOperation", "{condition}");
    }
    let allowed: [(&str, Form, Value); 4] = [
        // What is to be made has no tags yet, and what is tagged later has no action that makes it.
        ("CreateVpcEndpoint", &made, json!({ "Null": { "aws:ResourceTag/a:b": "false" } })),
        ("CreateTags", &mark, json!({ "Null": { "ec2:CreateAction": "false" } })),
        ("CreateTags", &mark, json!({ "Null": { "ec2:VpceServiceName": "false" } })),
        // No keys in the request means all tags.
        ("DeleteTags", &mark[..1], json!({ "Null": { "aws:TagKeys": "false" } })),
    ];
    for (action, params, condition) in allowed {
        let ec2 = peopled(|_| {});
        ec2.set_policy(Some(all_but(&condition)));
        call(&ec2, action, params).await.ok();
    }
}

#[tokio::test(start_paused = true)]
async fn a_denial_comes_before_any_effect_and_names_action_and_resource() {
    let ec2 = peopled(|_| {});
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
    let answer = create(&ec2, &tag).await;
    assert_eq!(answer.status, 403);
    answer.refused(
        "UnauthorizedOperation",
        &format!(
            "{who}ec2:CreateTags on resource: {resource}/* because no identity-based policy allows the ec2:CreateTags action"
        ),
    );
    let answer = call(&ec2, "DeleteVpcEndpoints", &[("VpcEndpointId.1", ENDPOINT)]).await;
    assert_eq!(answer.status, 403, "the whole call, not an item of its answer");
    assert_eq!(ec2.endpoints(), before);
    // A dry run tells.
    assert_eq!(create(&ec2, &[&tag[..], &[("DryRun", "true")]].concat()).await.code(), "UnauthorizedOperation");

    ec2.set_policy(Some(all_but(&json!({ "Null": { "aws:ResourceTag/Name": "false" } }))));
    let answer = call(&ec2, "DeleteVpcEndpoints", &[("VpcEndpointId.1", ENDPOINT)]).await;
    answer.refused(
        "UnauthorizedOperation",
        &format!(
            "{who}ec2:DeleteVpcEndpoints on resource: {resource}/{ENDPOINT} with an explicit deny in an identity-based policy"
        ),
    );
    let [asked] = ec2.policy_use().try_into().unwrap();
    assert!(!asked.allowed && asked.by.len() == 1, "{asked:?}");
    ec2.set_policy(None);
    delete(&ec2, ENDPOINT).await;
    assert_eq!(ec2.policy_use(), []);
}

#[tokio::test(start_paused = true)]
async fn what_is_shared_belongs_to_its_owner() {
    let ec2 = peopled(|_| {});
    let own = "arn:aws:ec2:us-east-1:123456789012:vpc/*";
    ec2.set_policy(Some(policy(&json!({ "Effect": "Allow", "Action": "*", "Resource": own }))));
    let attribute = ("Attribute", "enableDnsSupport");
    call(&ec2, "DescribeVpcAttribute", &[("VpcId", VPC), attribute]).await.ok();
    let shared = call(&ec2, "DescribeVpcAttribute", &[("VpcId", VPC_SHARED), attribute]).await;
    assert!(shared.one("Message").contains(&format!("arn:aws:ec2:us-east-1:210987654321:vpc/{VPC_SHARED}")));
}

/// Whoever may only delete what has a tag.
fn tagged_only() -> Policy {
    policy(&json!({
        "Effect": "Allow",
        "Action": "*",
        "Resource": "*",
        "Condition": { "Null": { "aws:ResourceTag/mine": "false" } },
    }))
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_is_denied_or_not_found() {
    for (denies, code) in [(false, "InvalidGroup.NotFound"), (true, "UnauthorizedOperation")] {
        let ec2 = at_once(|knobs| knobs.denies_the_unknown = denies);
        ec2.set_policy(Some(tagged_only()));
        let params = [("GroupId", "sg-0123456789abcdef0")];
        assert_eq!(call(&ec2, "DeleteSecurityGroup", &params).await.code(), code);
        // What is there is never passed over.
        assert_eq!(call(&ec2, "DeleteSecurityGroup", &[("GroupId", GROUP)]).await.code(), "UnauthorizedOperation");
    }
}

#[tokio::test(start_paused = true)]
async fn iam_may_know_of_tags_later_than_ec2() {
    let ec2 = at_once(|knobs| knobs.iam_lag_ms = Span::exactly(2_000));
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
    pass(2_000).await;
    delete(&ec2, &id).await;
}

#[tokio::test(start_paused = true)]
async fn without_route_53_private_dns_may_hang() {
    let ec2 = peopled(|knobs| knobs.hangs_without_route53 = true);
    ec2.set_policy(Some(policy(&json!({ "Effect": "Allow", "Action": "ec2:*", "Resource": "*" }))));
    let on = modify(&ec2, ENDPOINT, &[("PrivateDnsEnabled", "true")]);
    assert!(tokio::time::timeout(Duration::from_secs(3_600), on).await.is_err());
    assert_eq!(ec2.log().last().unwrap().outcome, None);
    modify(&ec2, ENDPOINT, &[("PrivateDnsEnabled", "false")]).await.ok();
}
