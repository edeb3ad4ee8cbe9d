//! What belongs to others: endpoints that the provider did not create, organizations that deny tags, CloudFormation's own
//! endpoints, other stacks' security groups, and things that others delete.

use crate::cloud::*;
use ec2_sim::{EndpointSpec, Group, State, Verdict};
use serde_json::{Value, json};
use std::time::Duration;

/// Properties without security groups.
fn plain() -> Value {
    with(properties(), json!({ "SecurityGroupIds": null }))
}

/// An endpoint of somebody else in both zones of the service.
fn everywhere() -> EndpointSpec {
    EndpointSpec { subnet_ids: vec![SUBNET_AZ1.to_owned(), SUBNET_AZ2.to_owned()], ..foreign() }
}

/// A call by somebody else.
async fn ask(cloud: &Cloud, form: &str) {
    let reply = cloud.sim.call(&format!("Version=2016-11-15&{form}")).await;
    assert_eq!(reply.status, 200, "{form}: {}", reply.body);
}

/// A security group of another team.
const OTHER: &str = "sg-0a1c0de111111111a";

/// A security group of somebody else, without rules.
fn group(id: &str, name: &str) -> Group {
    Group {
        id: id.to_owned(),
        name: name.to_owned(),
        description: String::new(),
        vpc_id: VPC.to_owned(),
        ingress: Vec::new(),
        tags: [].into(),
    }
}

/// The other team deletes its security group, and for that, the rule that names it.
async fn delete_source(cloud: &Cloud, managed: &str) {
    let permission = "IpPermissions.1.IpProtocol=tcp&IpPermissions.1.FromPort=4000&IpPermissions.1.ToPort=4000";
    let source = format!("IpPermissions.1.Groups.1.GroupId={OTHER}");
    ask(cloud, &format!("Action=RevokeSecurityGroupIngress&GroupId={managed}&{permission}&{source}")).await;
    ask(cloud, &format!("Action=DeleteSecurityGroup&GroupId={OTHER}")).await;
}

#[track_caller]
fn assert_says(text: &str, words: &[&str]) {
    for words in words {
        assert!(text.contains(words), "'{words}' is not in: {text}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_organization_that_denies_tags_on_a_foreign_endpoint_does_not_deny_its_use() {
    // EC2 has two codes for it.
    tags_are_denied(Verdict::unauthorized).await;
    tags_are_denied(|action| Verdict::fail(403, "AccessDenied", &format!("You may not perform ec2:{action}"))).await;
}

async fn tags_are_denied(denial: fn(&str) -> Verdict) {
    let cloud = Cloud::new();
    let id = cloud.sim.create_foreign_endpoint(everywhere());
    cloud.pass(10).await;
    let before = cloud.endpoint();
    cloud.sim.on_call(move |call| match call.action.as_str() {
        action @ ("CreateTags" | "DeleteTags") => denial(action),
        _ => Verdict::Proceed,
    });
    let (stack, begun) = (cloud.stack("orders"), cloud.sim.now());
    let joined = stack.create(&properties()).await.succeeded();
    let took = cloud.sim.now().duration_since(begun).as_secs();
    assert!((60..100).contains(&took), "the permission may be new, so it is waited for: {took} s");
    assert_eq!((joined.physical_id.as_str(), joined.data["Ownership"].as_str()), (id.as_str(), "Foreign"));
    assert_says(&joined.data["Warnings"], &[&id, "ec2:CreateTags"]);

    let updated = stack.update(&id, &with(properties(), json!({ "Port": 4001 })), &properties()).await.succeeded();
    assert_eq!(updated.physical_id, id);
    assert_says(&updated.data["Warnings"], &["ec2:CreateTags"]);
    stack.delete(&id).await.succeeded();
    assert_eq!(cloud.endpoint(), before);
    assert_eq!(cloud.changes(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_denial_of_tags_that_passes_within_a_minute_leaves_the_reference() {
    let cloud = Cloud::new();
    let id = cloud.sim.create_foreign_endpoint(everywhere());
    cloud.pass(10).await;
    let until = Duration::from_secs(50);
    cloud.sim.on_call(move |call| match call.action.as_str() {
        "CreateTags" if call.at < until => Verdict::unauthorized("CreateTags"),
        _ => Verdict::Proceed,
    });
    let stack = cloud.stack("orders");
    let joined = stack.create(&properties()).await.succeeded();
    assert_eq!((joined.physical_id.as_str(), joined.data["Warnings"].as_str()), (id.as_str(), ""));
    assert!(cloud.endpoint().tags.contains_key(&stack.ref_key()));
}

#[tokio::test(start_paused = true)]
async fn a_denied_reference_on_an_owned_endpoint_is_a_failure() {
    let cloud = Cloud::new();
    let first = cloud.stack("orders").create(&properties()).await.succeeded();
    cloud.sim.on_call(|call| match call.action.as_str() {
        "CreateTags" => Verdict::unauthorized("CreateTags"),
        _ => Verdict::Proceed,
    });
    let reason = cloud.stack("billing").create(&properties()).await.failed();
    assert_says(&reason, &["ec2:CreateTags", &first.physical_id]);
}

#[tokio::test(start_paused = true)]
async fn a_reference_that_another_tool_removes_from_a_foreign_endpoint_is_no_more_than_that() {
    let cloud = Cloud::new();
    let id = cloud.sim.create_foreign_endpoint(everywhere());
    cloud.pass(10).await;
    let stack = cloud.stack("orders");
    // The endpoint is changed at the same time, by the same tool.
    ask(&cloud, &format!("Action=ModifyVpcEndpoint&VpcEndpointId={id}&AddSecurityGroupId.1=sg-0a1def1111111111a"))
        .await;
    let create = tokio::spawn({
        let stack = stack.clone();
        async move { stack.create(&properties()).await }
    });
    cloud.pass(8).await;
    assert_eq!(cloud.endpoint().state, State::Pending, "the resource waits");
    assert!(cloud.endpoint().tags.contains_key(&stack.ref_key()));
    cloud.sim.remove_tag(&id, &stack.ref_key());
    assert_eq!(create.await.unwrap().succeeded().physical_id, id);
    assert!(!cloud.endpoint().tags.contains_key(&stack.ref_key()), "a Delete may have removed it");

    // The next update writes it again.
    let updated = stack.update(&id, &with(properties(), json!({ "Port": 4001 })), &properties()).await.succeeded();
    assert_eq!(updated.physical_id, id);
    assert!(cloud.endpoint().tags.contains_key(&stack.ref_key()));
    cloud.sim.remove_tag(&id, &stack.ref_key());
    cloud.pass(10).await;
    stack.delete(&id).await.succeeded();
}

/// An endpoint that CloudFormation manages.
fn native(stack: &Stack) -> EndpointSpec {
    let name = stack.arn.split('/').nth(1).unwrap();
    let tags = [("stack-id", stack.arn.as_str()), ("stack-name", name), ("logical-id", "NativeEndpoint")];
    let tags = tags.map(|(key, value)| (format!("aws:cloudformation:{key}"), value.to_owned()));
    EndpointSpec { tags: tags.into(), ..everywhere() }
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_cloudformation_manages_in_this_very_stack_is_refused() {
    let cloud = Cloud::new();
    let stack = cloud.stack("orders");
    let id = cloud.sim.create_foreign_endpoint(native(&stack));
    cloud.pass(10).await;
    let begun = cloud.sim.now();
    let reason = stack.create(&properties()).await.failed();
    assert_says(&reason, &[&id, "NativeEndpoint", "DeletionPolicy: Retain", "docs/migrating.md"]);
    assert!(cloud.sim.now().duration_since(begun).as_secs() < 5);
    assert_eq!(cloud.changes(), [""; 0], "nothing was changed");

    // A resource that has it already stays deployable.
    let updated = stack.update(&id, &with(properties(), json!({ "Port": 4001 })), &properties()).await.succeeded();
    assert_says(&updated.data["Warnings"], &["NativeEndpoint"]);
    stack.delete(&id).await.succeeded();

    // CloudFormation's tags stay on what it retains. The owned tag hands the endpoint over all the same.
    cloud.sim.set_tag(&id, "tidb-private-endpoint:owned", "migrated");
    cloud.pass(10).await;
    let migrated = stack.create(&properties()).await.succeeded();
    assert_eq!((migrated.physical_id.as_str(), migrated.data["Ownership"].as_str()), (id.as_str(), "Owned"));
    assert_eq!(migrated.data["Warnings"], "");
    // With the extra reference of docs/migrating.md, a rollback does not delete it.
    cloud.sim.set_tag(&id, "tidb-private-endpoint:ref:migration", "migration");
    cloud.pass(10).await;
    stack.delete(&id).await.succeeded();
    assert_eq!(cloud.endpoint().state, State::Available);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_cloudformation_manages_in_another_stack_is_joined_with_a_warning() {
    let cloud = Cloud::new();
    let id = cloud.sim.create_foreign_endpoint(native(&cloud.stack("network")));
    cloud.pass(10).await;
    let joined = cloud.stack("orders").create(&properties()).await.succeeded();
    assert_eq!(joined.physical_id, id);
    assert_says(&joined.data["Warnings"], &[&id, "NativeEndpoint", "the stack network", "deleted"]);
}

#[tokio::test(start_paused = true)]
async fn what_others_deleted_is_a_warning_where_the_update_does_not_ask_for_it_anew() {
    let cloud = Cloud::of(|world| world.groups.push(group(OTHER, "batch")));
    let stack = cloud.stack("orders");
    let subnets = [SUBNET_AZ1, SUBNET_AZ2, SUBNET_AZ4];
    let old = with(plain(), json!({ "SubnetIds": subnets, "AllowedSecurityGroupIds": [GROUP, OTHER] }));
    let created = stack.create(&old).await.succeeded();
    assert_says(&created.data["Warnings"], &[SUBNET_AZ4]);

    delete_source(&cloud, &created.data["SecurityGroupIds"]).await;
    ask(&cloud, &format!("Action=DeleteSubnet&SubnetId={SUBNET_AZ4}")).await;
    cloud.pass(10).await;

    let tagged = with(old.clone(), json!({ "Tags": [{ "Key": "team", "Value": "web" }] }));
    let updated = stack.update(&created.physical_id, &tagged, &old).await.succeeded();
    assert_says(&updated.data["Warnings"], &[OTHER, "AllowedSecurityGroupIds", SUBNET_AZ4, "SubnetIds"]);
    assert_eq!(cloud.endpoint().tags["team"], "web");
    let back = stack.update(&created.physical_id, &old, &tagged).await.succeeded();
    assert_says(&back.data["Warnings"], &[OTHER, SUBNET_AZ4]);

    // What the update itself asks for has to exist.
    let without = with(plain(), json!({ "SubnetIds": [SUBNET_AZ1, SUBNET_AZ2], "AllowedSecurityGroupIds": [GROUP] }));
    let clean = stack.update(&created.physical_id, &without, &old).await.succeeded();
    assert_eq!(clean.data["Warnings"], "");
    let reason = stack.update(&created.physical_id, &old, &without).await.failed();
    assert_says(&reason, &[OTHER, "were not found"]);

    stack.delete(&created.physical_id).await.succeeded();
    cloud.assert_clean();
}

#[tokio::test(start_paused = true)]
async fn when_all_that_is_allowed_is_gone_the_vpc_is_not_allowed_instead() {
    let cloud = Cloud::of(|world| world.groups.push(group(OTHER, "batch")));
    let stack = cloud.stack("orders");
    let old = with(plain(), json!({ "AllowedSecurityGroupIds": [OTHER] }));
    let created = stack.create(&old).await.succeeded();
    delete_source(&cloud, &created.data["SecurityGroupIds"]).await;
    cloud.pass(10).await;
    let new = with(old.clone(), json!({ "Port": 4001 }));
    let updated = stack.update(&created.physical_id, &new, &old).await.succeeded();
    assert_says(&updated.data["Warnings"], &[OTHER]);
    cloud.pass(10).await;
    let rules =
        cloud.sim.groups().into_iter().find(|found| found.id == created.data["SecurityGroupIds"]).unwrap().ingress;
    assert!(rules.is_empty(), "{rules:?}");
}

#[tokio::test(start_paused = true)]
async fn a_given_group_that_others_deleted_is_a_warning_too() {
    let cloud = Cloud::of(|world| world.groups.push(group(OTHER, "batch")));
    let id = cloud.sim.create_foreign_endpoint(everywhere());
    cloud.pass(10).await;
    let stack = cloud.stack("orders");
    let old = with(properties(), json!({ "SecurityGroupIds": [GROUP, OTHER] }));
    stack.create(&old).await.succeeded();
    ask(&cloud, &format!("Action=DeleteSecurityGroup&GroupId={OTHER}")).await;
    cloud.pass(10).await;
    let updated = stack.update(&id, &with(old.clone(), json!({ "Port": 4001 })), &old).await.succeeded();
    assert_says(&updated.data["Warnings"], &[OTHER, "SecurityGroupIds"]);
}

#[tokio::test(start_paused = true)]
async fn a_zone_in_which_another_stack_was_faster_is_joined_as_it_is() {
    const SIBLING: &str = "subnet-0a1d11111111111d2";
    let cloud = Cloud::of(|world| {
        let mut sibling = world.subnets.iter().find(|subnet| subnet.id == SUBNET_AZ2).unwrap().clone();
        sibling.id = SIBLING.to_owned();
        sibling.cidr_block = "10.0.48.0/20".to_owned();
        world.subnets.push(sibling);
    });
    let first =
        cloud.stack("orders").create(&with(properties(), json!({ "SubnetIds": [SUBNET_AZ1] }))).await.succeeded();
    let (sim, id, mut faster) = (cloud.sim.clone(), first.physical_id.clone(), false);
    cloud.sim.on_call(move |call| {
        if call.action != "ModifyVpcEndpoint" || std::mem::replace(&mut faster, true) {
            return Verdict::Proceed;
        }
        let form = format!("Version=2016-11-15&Action=ModifyVpcEndpoint&VpcEndpointId={id}&AddSubnetId.1={SUBNET_AZ2}");
        let sim = sim.clone();
        tokio::spawn(async move { sim.call(&form).await });
        Verdict::fail(
            400,
            "DuplicateSubnetsInSameZone",
            "Found another VPC endpoint subnet in the availability zone of subnet",
        )
    });
    let requested = with(properties(), json!({ "SubnetIds": [SUBNET_AZ1, SIBLING] }));
    let second = cloud.stack("billing").create(&requested).await.succeeded();
    assert_eq!(second.data["SubnetIds"], format!("{SUBNET_AZ1},{SUBNET_AZ2}"));
    assert_says(&second.data["Warnings"], &[SUBNET_AZ2, SIBLING, "no resource is known to request it"]);
}

#[tokio::test(start_paused = true)]
async fn an_operator_hands_an_endpoint_over_and_its_last_user_deletes_it() {
    let cloud = Cloud::new();
    let id = cloud.sim.create_foreign_endpoint(everywhere());
    let (orders, billing) = (cloud.stack("orders"), cloud.stack("billing"));
    cloud.pass(10).await;
    let joined = orders.create(&properties()).await.succeeded();
    assert_eq!(joined.data["Ownership"], "Foreign");
    cloud.sim.set_tag(&id, "tidb-private-endpoint:owned", "adopted");
    cloud.pass(10).await;
    let second = billing.create(&properties()).await.succeeded();
    let data = &second.data;
    assert_eq!(
        (second.physical_id.as_str(), data["Ownership"].as_str(), data["Reused"].as_str()),
        (&*id, "Owned", "true")
    );
    assert_eq!(data["SharedWith"], "1", "who joined before is counted");
    orders.delete(&id).await.succeeded();
    assert_eq!(cloud.endpoint().state, State::Available);
    billing.delete(&id).await.succeeded();
    assert_eq!(cloud.sim.endpoints(), []);
}

#[tokio::test(start_paused = true)]
async fn with_no_room_for_another_group_it_is_said_whose_groups_are_there() {
    let name = |n: usize| format!("sg-0a1c0de11111111{n}a");
    let cloud = Cloud::of(|world| {
        for n in 0..6 {
            let ingress = world.groups.iter().find(|group| group.id == GROUP).unwrap().ingress.clone();
            world.groups.push(Group { ingress, ..group(&name(n), &format!("team-{n}")) });
        }
    });
    let five: Vec<String> = (0..5).map(name).collect();
    let first =
        cloud.stack("orders").create(&with(properties(), json!({ "SecurityGroupIds": five }))).await.succeeded();
    let billing = cloud.stack("billing");
    let failed = billing.create(&with(properties(), json!({ "SecurityGroupIds": [name(5)] }))).await;
    billing.delete(&failed.physical_id).await.succeeded();
    assert_says(
        &failed.failed(),
        &[&first.physical_id, &name(0), &name(5), "orders/TiDB", "SecurityGroupIds", "AllowedSecurityGroupIds"],
    );

    // That way is open: the groups of the others let the VPC in. EC2 may not know yet the group that was created in vain.
    let mut is_known = false;
    cloud.sim.on_call(move |call| match call.action.as_str() {
        "DeleteSecurityGroup" if !std::mem::replace(&mut is_known, true) => {
            Verdict::fail(400, "InvalidGroup.NotFound", "The security group does not exist")
        }
        _ => Verdict::Proceed,
    });
    let joined = billing.create(&plain()).await.succeeded();
    assert_eq!(joined.physical_id, first.physical_id);
    assert_says(&joined.data["Warnings"], &["5 security groups", "orders/TiDB"]);
    assert_eq!(cloud.endpoint().group_ids, five);
    let managed = cloud.sim.groups().into_iter().filter(|group| group.name.starts_with("tidb-private-endpoint-"));
    assert_eq!(managed.count(), 0, "no group is left that nothing uses");
}
