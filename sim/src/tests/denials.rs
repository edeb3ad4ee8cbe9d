//! Service control policies, and the wording of errors as recorded on AWS.

use serde_json::json;

use super::*;
use crate::{EndpointSpec, Policy, Route53Denial, Verdict};

fn policy(statements: &serde_json::Value) -> Option<Policy> {
    Some(Policy::read(&[json!({ "Version": "2012-10-17", "Statement": statements })]).unwrap())
}

#[tokio::test(start_paused = true)]
async fn an_organization_can_deny_tags_on_foreign_endpoints() {
    let ec2 = instant(|_| {});
    let foreign = ec2.create_foreign_endpoint(EndpointSpec {
        vpc_id: VPC.to_owned(),
        service_name: GATEWAY02.to_owned(),
        ..EndpointSpec::default()
    });
    ec2.set_organization_policy(policy(&json!([
        { "Effect": "Allow", "Action": "*", "Resource": "*" },
        {
            "Effect": "Deny",
            "Action": ["ec2:CreateTags", "ec2:DeleteTags"],
            "Resource": "arn:aws:ec2:*:*:vpc-endpoint/*",
            "Condition": { "Null": { "aws:ResourceTag/owner": "true", "ec2:CreateAction": "true" } },
        },
    ])));
    let tag = |id| [("ResourceId.1", id), ("Tag.1.Key", "k")];
    let denied = call(&ec2, "CreateTags", &tag(&foreign)).await;
    assert_eq!((denied.status, denied.code().as_str()), (403, "UnauthorizedOperation"));
    assert!(denied.one("Message").contains("with an explicit deny in a service control policy"), "{denied:?}");
    let owned = [("TagSpecification.1.ResourceType", "vpc-endpoint"), ("TagSpecification.1.Tag.1.Key", "owner")];
    let own = created(&ec2, &owned).await;
    call(&ec2, "CreateTags", &tag(&own)).await.ok();
    assert_eq!(ec2.authorizations(), [], "only the caller's own policy is recorded");

    ec2.set_organization_policy(policy(&json!({ "Effect": "Allow", "Action": "ec2:Describe*", "Resource": "*" })));
    let denied = call(&ec2, "CreateTags", &tag(&own)).await;
    let message = denied.one("Message");
    assert!(message.contains("because no service control policy allows the ec2:CreateTags action"), "{message}");
    call(&ec2, "DescribeVpcs", &[]).await.ok();
    ec2.set_policy(policy(&json!({ "Effect": "Allow", "Action": "ec2:DescribeSubnets", "Resource": "*" })));
    call(&ec2, "DescribeSubnets", &[]).await.ok();
    let denied = call(&ec2, "DescribeVpcs", &[]).await;
    assert!(denied.one("Message").ends_with("because no identity-based policy allows the ec2:DescribeVpcs action"));
    ec2.set_organization_policy(None);
    assert_eq!(ec2.authorizations().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn only_changes_have_an_encoded_authorization_failure_message() {
    let ec2 = instant(|_| {});
    ec2.set_policy(policy(&json!({ "Effect": "Allow", "Action": "ec2:X", "Resource": "*" })));
    for (action, encoded) in [("DescribeVpcEndpoints", false), ("CreateVpcEndpoint", true)] {
        let denied = call(&ec2, action, &if encoded { request(&[]) } else { vec![] }).await;
        let message = denied.one("Message");
        assert_eq!(message.contains(". Encoded authorization failure message: "), encoded, "{message}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_missing_route_53_permission_can_cause_a_late_server_error() {
    let ec2 = instant(|knobs| knobs.route53_denial = Route53Denial::ServerError { after_ms: 30_000 });
    ec2.set_policy(policy(&json!({ "Effect": "Allow", "Action": "ec2:*", "Resource": "*" })));
    let early = tokio::time::timeout(Duration::from_millis(29_999), create(&ec2, &[])).await;
    assert!(early.is_err());
    let response = create(&ec2, &[]).await;
    assert_eq!((response.status, response.code().as_str()), (500, "InternalError"));
    assert_eq!(ec2.endpoints(), []);
}

#[tokio::test(start_paused = true)]
async fn injected_errors_have_the_recorded_wording() {
    let ec2 = instant(|_| {});
    for (verdict, status, code, message) in [
        (
            Verdict::throttled(),
            503,
            "RequestLimitExceeded",
            "Request limit exceeded. Account 123456789012 has been throttled on ec2:DescribeVpcs because it exceeded its \
             request rate limit.",
        ),
        (Verdict::unavailable(), 503, "Unavailable", "The service is unavailable. Please try again shortly."),
        (Verdict::auth_failure(), 401, "AuthFailure", "AWS was not able to validate the provided access credentials"),
    ] {
        ec2.on_call(move |_| verdict.clone());
        let response = call(&ec2, "DescribeVpcs", &[]).await;
        assert_eq!(response.status, status);
        response.rejected(code, message);
    }
}

#[tokio::test(start_paused = true)]
async fn the_throttle_of_an_organization_leaves_fewer_calls() {
    let ec2 = instant(|knobs| {
        knobs.throttling = true;
        knobs.organization_throttle_percent = 50;
    });
    let mut codes = Vec::new();
    for _ in 0..3 {
        codes.push(modify(&ec2, ABSENT, &[("ResetPolicy", "true")]).await.code());
    }
    assert_eq!(codes, ["InvalidVpcEndpointId.NotFound", "InvalidVpcEndpointId.NotFound", "RequestLimitExceeded"]);
}

#[tokio::test(start_paused = true)]
async fn rules_can_refer_to_security_groups_in_peered_vpcs_only() {
    let elsewhere = "sg-0d4db44444444444d";
    let rule =
        [("GroupId", GROUP), ("IpPermissions.1.IpProtocol", "-1"), ("IpPermissions.1.Groups.1.GroupId", elsewhere)];
    let ec2 = instant(|_| {});
    call(&ec2, "AuthorizeSecurityGroupIngress", &rule)
        .await
        .rejected("InvalidGroup.NotFound", "You have specified two resources that belong to different networks.");
    let mut world = world();
    world.knobs.instant();
    world.vpcs[0].peers.insert(VPC_OTHER.to_owned());
    let ec2 = Ec2::new(world);
    call(&ec2, "AuthorizeSecurityGroupIngress", &rule).await.ok();
    let missing = [("GroupId", GROUP), ("IpProtocol", "-1"), ("CidrIp", "10.99.0.0/16")];
    call(&ec2, "RevokeSecurityGroupIngress", &missing)
        .await
        .rejected("InvalidPermission.NotFound", "The specified rule does not exist in this security group.");
    call(&ec2, "CreateTags", &[("Tag.1.Key", "k")])
        .await
        .rejected("MissingParameter", "The request must contain the parameter resourceIdSet");
}
