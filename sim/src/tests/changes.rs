//! Modifying, deleting, and tagging endpoints.

use super::*;
use crate::{EndpointSpec, Span};

#[tokio::test(start_paused = true)]
async fn only_one_modification_at_a_time() {
    let ec2 = instant(|knobs| knobs.modify_ms = Span::exactly(10_000));
    let id = created(&ec2, &[]).await;
    modify(&ec2, &id, &[("AddSecurityGroupId.1", GROUP)]).await.ok();
    assert_eq!(state(&ec2, &id), Some(State::Pending));
    let second = modify(&ec2, &id, &[("RemoveSubnetId.1", SUBNET_C)]).await;
    second.rejected("OperationInProgress", "VpcEndpoint modify operation in progress");
    advance(10_000).await;
    assert_eq!(state(&ec2, &id), Some(State::Available));
    modify(&ec2, &id, &[("RemoveSubnetId.1", SUBNET_C)]).await.ok();
    let endpoint = ec2.endpoints().remove(0);
    assert_eq!(endpoint.subnet_ids, [SUBNET_D]);
    assert_eq!(endpoint.interfaces.len(), 1);
    assert_eq!(endpoint.group_ids, [GROUP_DEFAULT, GROUP]);
}

#[tokio::test(start_paused = true)]
async fn modifying_during_creation_depends_on_a_knob() {
    let ec2 = instant(|knobs| {
        knobs.create_ms = Span::exactly(60_000);
        knobs.modify_ms = Span::exactly(10_000);
    });
    let id = created(&ec2, &[]).await;
    let change = [("AddSecurityGroupId.1", GROUP)];
    assert_eq!(modify(&ec2, &id, &change).await.code(), "OperationInProgress");
    ec2.update_knobs(|knobs| knobs.modify_while_creating = true);
    modify(&ec2, &id, &change).await.ok();
    assert_eq!(modify(&ec2, &id, &change).await.code(), "OperationInProgress", "now a modification is in progress");
    advance(59_999).await;
    assert_eq!(state(&ec2, &id), Some(State::Pending), "a modification does not speed up the creation");
    advance(1).await;
    assert_eq!(state(&ec2, &id), Some(State::Available));
}

#[tokio::test(start_paused = true)]
async fn a_modification_is_validated_like_a_creation() {
    let ec2 = instant(|_| {});
    let id = created(&ec2, &[("SubnetId.2", "")]).await;
    for (change, code) in [
        (vec![("AddSubnetId.1", SUBNET_A)], "InvalidParameter"),
        (vec![("AddSubnetId.1", SUBNET_C)], "DuplicateSubnetsInSameZone"),
        (vec![("AddSubnetId.1", SUBNET_C), ("RemoveSubnetId.1", SUBNET_C)], "DuplicateSubnetsInSameZone"),
        (vec![("RemoveSubnetId.1", SUBNET_D)], "InvalidParameter"),
        (vec![("AddSecurityGroupId.1", GROUP_DEFAULT)], "InvalidParameter"),
        (vec![("RemoveSecurityGroupId.1", GROUP_DEFAULT)], "InvalidParameter"),
        (vec![("RemoveSecurityGroupId.1", GROUP)], "InvalidParameter"),
        (vec![("AddSecurityGroupId.1", "sg-0123456789abcdef0")], "InvalidSecurityGroupID.NotFound"),
        (vec![("PolicyDocument", "not JSON")], "InvalidPolicyDocument"),
        (vec![], "MissingParameter"),
    ] {
        assert_eq!(modify(&ec2, &id, &change).await.code(), code, "{change:?}");
    }
    assert_eq!(modify(&ec2, ABSENT, &[("ResetPolicy", "true")]).await.code(), "InvalidVpcEndpointId.NotFound");
    assert_eq!(ec2.unrecognized_requests(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn private_dns_can_be_enabled_and_disabled() {
    let ec2 = instant(|knobs| knobs.zone_release_ms = Span::exactly(5_000));
    let first = created(&ec2, &[]).await;
    let second = created(&ec2, &[("PrivateDnsEnabled", "false")]).await;
    let (on, off) = ([("PrivateDnsEnabled", "true")], [("PrivateDnsEnabled", "false")]);
    assert!(modify(&ec2, &second, &on).await.one("Message").contains("conflicting DNS domain"));
    modify(&ec2, &first, &off).await.ok();
    assert!(
        modify(&ec2, &second, &on).await.one("Message").contains("conflicting DNS domain"),
        "the name is not released yet"
    );
    advance(5_000).await;
    ec2.set_vpc_dns(VPC, false, true);
    assert!(modify(&ec2, &second, &on).await.one("Message").contains("enableDnsSupport"));
    ec2.set_vpc_dns(VPC, true, true);
    modify(&ec2, &second, &on).await.ok();
    assert!(modify(&ec2, &first, &on).await.one("Message").contains("conflicting DNS domain"));
    let enabled: Vec<bool> = [&first, &second]
        .map(|id| ec2.endpoints().iter().any(|endpoint| endpoint.id == *id && endpoint.private_dns_enabled))
        .into();
    assert_eq!(enabled, [false, true]);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_is_being_deleted_cannot_be_modified() {
    let ec2 = instant(|knobs| knobs.delete_ms = Span::exactly(60_000));
    let id = created(&ec2, &[]).await;
    delete(&ec2, &id).await;
    assert_eq!(modify(&ec2, &id, &[("AddSecurityGroupId.1", GROUP)]).await.code(), "IncorrectState");
}

#[tokio::test(start_paused = true)]
async fn deletion_reports_each_unsuccessful_item() {
    let ec2 = instant(|_| {});
    let id = created(&ec2, &[]).await;
    let managed = ec2.create_foreign_endpoint(EndpointSpec {
        vpc_id: VPC.to_owned(),
        service_name: GATEWAY02.to_owned(),
        requester_managed: true,
        ..EndpointSpec::default()
    });
    let ids = [("VpcEndpointId.1", ABSENT), ("VpcEndpointId.2", id.as_str()), ("VpcEndpointId.3", managed.as_str())];
    let response = call(&ec2, "DeleteVpcEndpoints", &ids).await.ok();
    assert_eq!(response.all("code"), ["InvalidVpcEndpoint.NotFound", "InvalidParameter"]);
    assert_eq!(response.all("resourceId"), [ABSENT, managed.as_str()]);
    assert_eq!(
        response.all("message")[1],
        format!("Operation is not allowed for requester-managed VPC endpoints for the service {GATEWAY02}.")
    );
    assert_eq!((state(&ec2, &id), state(&ec2, &managed)), (None, Some(State::Available)));
    let malformed = call(&ec2, "DeleteVpcEndpoints", &[("VpcEndpointId.1", "vpce-nonsense")]).await;
    assert_eq!(malformed.code(), "InvalidVpcEndpointId.Malformed");
    assert_eq!(call(&ec2, "DeleteVpcEndpoints", &[]).await.code(), "MissingParameter");
}

#[tokio::test(start_paused = true)]
async fn interfaces_use_subnets_and_security_groups_until_the_deletion_completes() {
    let ec2 = instant(|knobs| knobs.delete_ms = Span::exactly(30_000));
    let id = created(&ec2, &[("SecurityGroupId.1", GROUP)]).await;
    let interfaces = async || {
        let mine = [("Filter.1.Name", "description"), ("Filter.1.Value.1", &*format!("VPC Endpoint Interface {id}"))];
        call(&ec2, "DescribeNetworkInterfaces", &mine).await.ok().all("networkInterfaceId").len()
    };
    assert_eq!(interfaces().await, 2);
    delete(&ec2, &id).await;
    advance(29_999).await;
    assert_eq!(interfaces().await, 2);
    call(&ec2, "DeleteSubnet", &[("SubnetId", SUBNET_C)])
        .await
        .rejected("DependencyViolation", &format!("The subnet '{SUBNET_C}' has dependencies and cannot be deleted."));
    call(&ec2, "DeleteSecurityGroup", &[("GroupId", GROUP)])
        .await
        .rejected("DependencyViolation", &format!("resource {GROUP} has a dependent object"));
    advance(1).await;
    assert_eq!(interfaces().await, 0);
    call(&ec2, "DeleteSubnet", &[("SubnetId", SUBNET_C)]).await.ok();
    call(&ec2, "DeleteSecurityGroup", &[("GroupId", GROUP)]).await.ok();
    assert_eq!(call(&ec2, "DeleteSubnet", &[("SubnetId", SUBNET_C)]).await.code(), "InvalidSubnetID.NotFound");
}

#[tokio::test(start_paused = true)]
async fn tags_are_created_by_key_and_deleted_by_key_or_by_key_and_value() {
    let ec2 = instant(|_| {});
    let id = created(&ec2, &[]).await;
    let write = async |action, tags: &[(&str, &str)]| {
        let mut params = vec![("ResourceId.1", id.as_str())];
        params.extend_from_slice(tags);
        call(&ec2, action, &params).await
    };
    let tags = || ec2.endpoints().remove(0).tags.into_iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>();
    let three =
        [("Tag.1.Key", "a"), ("Tag.1.Value", "1"), ("Tag.2.Key", "b"), ("Tag.3.Key", "c"), ("Tag.3.Value", "3")];
    write("CreateTags", &three).await.ok();
    write("CreateTags", &[("Tag.1.Key", "a"), ("Tag.1.Value", "2")]).await.ok();
    assert_eq!(tags(), ["a=2", "b=", "c=3"]);
    write("DeleteTags", &[("Tag.1.Key", "a"), ("Tag.1.Value", "1"), ("Tag.2.Key", "c"), ("Tag.2.Value", "")])
        .await
        .ok();
    assert_eq!(tags(), ["a=2", "b=", "c=3"], "a different value is silently ignored");
    write("DeleteTags", &[("Tag.1.Key", "a"), ("Tag.2.Key", "b"), ("Tag.2.Value", "")]).await.ok();
    assert_eq!(tags(), ["c=3"]);
    ec2.set_tag(&id, "aws:cloudformation:stack-name", "s");
    write("DeleteTags", &[]).await.ok();
    assert_eq!(tags(), ["aws:cloudformation:stack-name=s"], "without keys, all user tags are deleted");
}

#[tokio::test(start_paused = true)]
async fn tags_have_quotas() {
    let ec2 = instant(|knobs| knobs.tags_per_resource = 2);
    let id = created(&ec2, &[]).await;
    let write = async |id: &str, key: &str, value: &str| {
        call(&ec2, "CreateTags", &[("ResourceId.1", id), ("Tag.1.Key", key), ("Tag.1.Value", value)]).await
    };
    write(&id, "a", "").await.ok();
    write(&id, "b", "").await.ok();
    write(&id, "a", "again").await.ok();
    assert_eq!(write(&id, "c", "").await.code(), "TagLimitExceeded");
    assert_eq!(write(&id, "aws:a", "").await.code(), "InvalidParameterValue");
    assert_eq!(write(&id, &"k".repeat(128), "").await.code(), "InvalidParameterValue");
    assert_eq!(write(&id, "a", &"v".repeat(256)).await.code(), "InvalidParameterValue");
    assert_eq!(write(ABSENT, "a", "").await.code(), "InvalidVpcEndpointId.NotFound");
    assert_eq!(write("nonsense", "a", "").await.code(), "InvalidID");
    let both = [("ResourceId.1", SUBNET_C), ("ResourceId.2", ABSENT), ("Tag.1.Key", "x")];
    assert_eq!(call(&ec2, "CreateTags", &both).await.code(), "InvalidVpcEndpointId.NotFound");
    let filter = [("Filter.1.Name", "key"), ("Filter.1.Value.1", "x")];
    assert_eq!(call(&ec2, "DescribeTags", &filter).await.items("tagSet").len(), 0, "all resources are tagged, or none");
}

#[tokio::test(start_paused = true)]
async fn concurrent_tag_changes_are_rejected_if_a_knob_is_set() {
    let ec2 = instant(|knobs| knobs.tag_write_window_ms = 500);
    let id = created(&ec2, &[]).await;
    let tag = [("ResourceId.1", id.as_str()), ("Tag.1.Key", "k")];
    call(&ec2, "CreateTags", &tag).await.ok();
    assert_eq!(call(&ec2, "DeleteTags", &tag).await.code(), "ConcurrentTagAccess");
    advance(500).await;
    call(&ec2, "DeleteTags", &tag).await.ok();
}
