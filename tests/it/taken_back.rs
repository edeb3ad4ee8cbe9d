//! An update that CloudFormation takes back while it runs, because someone has canceled it or another resource of the stack
//! has failed; and what an update leaves alone that CloudFormation keeps.

use crate::cloud::*;
use ec2_sim::{State, Verdict};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::sleep;

const OUTDATED: &str = "CloudFormation has sent a later request for this resource";

/// An update runs for some seconds, and then its rollback comes, too. Returns what the first one has answered.
async fn taken_back(cloud: &Cloud, stack: &Stack, id: &str, new: &Value, old: &Value, after: u64) -> Answered {
    let update = stack.update_event(id, new, old);
    let first = tokio::spawn({
        let (cloud, update) = (cloud.clone(), update.clone());
        async move { cloud.deliver(&update).await }
    });
    sleep(Duration::from_secs(after)).await;
    cloud.stacks.set_stack(&stack.arn, "UPDATE_ROLLBACK_IN_PROGRESS");
    let rollback = stack.update(id, old, new).await.succeeded();
    assert_eq!(rollback.physical_id, id, "the rollback keeps the endpoint");
    first.await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_rollback_of_a_running_update_wins() {
    // It is announced what it takes away, which takes 20 seconds; then it takes it away, and waits again.
    for after in [1, 3, 8, 15, 22, 26, 30, 34] {
        for change in [
            json!({ "SecurityGroupIds": null }),
            json!({ "PrivateDnsEnabled": false }),
            json!({ "SubnetIds": [SUBNET_AZ1] }),
        ] {
            let old = with(properties(), json!({ "SubnetIds": [SUBNET_AZ1, SUBNET_AZ2] }));
            let cloud = Cloud::new();
            let stack = cloud.stack("orders");
            let id = stack.create(&old).await.succeeded().physical_id;
            let before = cloud.endpoint();
            taken_back(&cloud, &stack, &id, &with(old.clone(), change.clone()), &old, after).await;
            let now = cloud.endpoint();
            let requested = |endpoint: &ec2_sim::Endpoint| {
                (endpoint.group_ids.clone(), endpoint.subnet_ids.clone(), endpoint.private_dns_enabled)
            };
            assert_eq!(requested(&now), requested(&before), "{change} taken back after {after} s");
            assert!(now.tags.contains_key(&stack.ref_key()), "{:?}", now.tags);
            stack.leave(&id, &old).await.succeeded();
            cloud.assert_clean();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_update_that_is_taken_back_says_so() {
    let cloud = Cloud::new();
    let stack = cloud.stack("orders");
    let id = stack.create(&properties()).await.succeeded().physical_id;
    let wanted = with(properties(), json!({ "SecurityGroupIds": null }));
    let reason = taken_back(&cloud, &stack, &id, &wanted, &properties(), 5).await.failed();
    assert!(reason.contains(OUTDATED), "{reason}");
}

/// CloudFormation never learns of the endpoint that it would have moved to, so it releases that itself.
#[tokio::test(start_paused = true)]
async fn an_update_that_is_taken_back_leaves_no_other_endpoint() {
    for after in [1, 5, 30, 60] {
        let cloud = Cloud::of(|world| world.knobs.create_ms = ec2_sim::Span::exactly(90_000));
        let stack = cloud.stack("orders");
        let id = stack.create(&properties()).await.succeeded().physical_id;
        let elsewhere = with(properties(), json!({ "ServiceName": SERVICE_2, "SecurityGroupIds": null }));
        let reason = taken_back(&cloud, &stack, &id, &elsewhere, &properties(), after).await.failed();
        assert!(reason.contains(OUTDATED), "{reason}");
        cloud.pass(180).await;
        assert_eq!(cloud.endpoint().id, id, "nothing else exists anymore");
        stack.leave(&id, &properties()).await.succeeded();
        cloud.assert_clean();
    }
}

/// An ordinary update does not wait for another one.
#[tokio::test(start_paused = true)]
async fn only_a_rollback_waits() {
    let took = async |status: &str| {
        let cloud = Cloud::new();
        let stack = cloud.stack("orders");
        let id = stack.create(&properties()).await.succeeded().physical_id;
        let wanted = with(properties(), json!({ "SubnetIds": [SUBNET_AZ1, SUBNET_AZ2] }));
        cloud.stacks.set_stack(&stack.arn, status);
        let from = cloud.sim.now();
        stack.update(&id, &wanted, &properties()).await.succeeded();
        cloud.sim.now().duration_since(from).as_secs()
    };
    let (forward, back) = (took("UPDATE_IN_PROGRESS").await, took("UPDATE_ROLLBACK_IN_PROGRESS").await);
    assert!(forward < 30 && (50..80).contains(&back), "{forward} s and {back} s");
}

/// CloudFormation may send a Create again under the same request ID.
#[tokio::test(start_paused = true)]
async fn the_cleanup_of_a_failed_create_leaves_one_with_the_same_request_id_alone() {
    let cloud = Cloud::new();
    cloud.sim.set_vpc_dns(VPC, true, false);
    let stack = cloud.stack("orders");
    let event = stack.event("Create", &properties());
    let failed = cloud.deliver(&event).await;
    assert!(failed.reason.is_some(), "{failed:?}");
    cloud.sim.set_vpc_dns(VPC, true, true);
    cloud.pass(5).await;
    let again = with(stack.event("Create", &properties()), json!({ "RequestId": event["RequestId"] }));
    let created = cloud.deliver(&again).await.succeeded();
    stack.delete(&failed.physical_id).await.succeeded();
    assert!(cloud.endpoint().tags.contains_key(&stack.ref_key()), "{:?}", cloud.endpoint().tags);
    stack.delete(&created.physical_id).await.succeeded();
    cloud.assert_clean();
}

/// The function of a Create dies, and CloudFormation makes up a physical ID. Then it retries, and the retried Create succeeds.
#[tokio::test(start_paused = true)]
async fn the_cleanup_of_a_create_without_a_response_leaves_the_retried_one_alone() {
    for dies_after in [0, 3, 20] {
        let cloud = Cloud::new();
        let stack = cloud.stack("orders");
        assert!(cloud.deliver_raw_for(&stack.event("Create", &properties()), dies_after).await.is_none());
        cloud.pass(60).await;
        let id = stack.create(&properties()).await.succeeded().physical_id;
        stack.set_status("CREATE_COMPLETE");
        cloud.stacks.set_physical_id(&stack.arn, &stack.logical_id, &id);
        let clean_up = stack.delete_event("orders-TiDB-1KJH2LKJ3H4LK", &properties());
        stack.set_status("CREATE_COMPLETE");
        cloud.deliver(&clean_up).await.succeeded();
        assert_eq!(cloud.endpoint().state, State::Available);
        assert!(cloud.endpoint().tags.contains_key(&stack.ref_key()), "{:?}", cloud.endpoint().tags);
        stack.delete(&id).await.succeeded();
        cloud.assert_clean();
    }
}

/// `UpdateReplacePolicy: Retain`: CloudFormation sends no Delete for what an update has replaced.
#[tokio::test(start_paused = true)]
async fn an_update_leaves_a_replaced_endpoint_alone_that_is_retained() {
    let cloud = Cloud::new();
    let stack = cloud.stack("orders");
    let old = stack.create(&properties()).await.succeeded().physical_id;
    let there = json!({ "ServiceName": SERVICE, "VpcId": VPC_2, "SecurityGroupIds": [GROUP_2] });
    let new = stack.update(&old, &there, &properties()).await.succeeded().physical_id;
    assert_ne!(new, old);
    cloud.pass(60).await;
    let again = with(there.clone(), json!({ "Trigger": "again" }));
    stack.update(&new, &again, &there).await.succeeded();
    let retained = cloud.sim.endpoints().into_iter().find(|endpoint| endpoint.id == old).expect("it is retained");
    assert_eq!(retained.state, State::Available);
    assert!(retained.tags.contains_key(&stack.ref_key()), "{:?}", retained.tags);
}

/// An update to another service or cluster fails when its security group exists, and before its endpoint does.
#[tokio::test(start_paused = true)]
async fn a_rollback_leaves_no_security_group_of_where_the_update_went() {
    let no_group = json!({ "SecurityGroupIds": null });
    let service = |name: &str| with(properties(), json!({ "SecurityGroupIds": null, "ServiceName": name }));
    let cluster = |id: &str| with(of_cluster(id), no_group.clone());
    for (old, new) in [(service(SERVICE), service(SERVICE_2)), (cluster(CLUSTER), cluster(CLUSTER_2))] {
        let cloud = Cloud::new();
        let stack = cloud.stack("orders");
        let groups = || cloud.sim.groups().into_iter().filter(|group| group.name.contains("vpce-svc-")).count();
        let id = stack.create(&old).await.succeeded().physical_id;
        cloud.sim.on_call(|call| match call.action.as_str() {
            "CreateVpcEndpoint" => Verdict::fail(400, "VpcEndpointLimitExceeded", "The limit is reached."),
            _ => Verdict::Proceed,
        });
        let reason = stack.update(&id, &new, &old).await.failed();
        assert!(reason.contains("VpcEndpointLimitExceeded") && groups() == 2, "{reason}");
        cloud.pass(5).await;
        assert_eq!(stack.update(&id, &old, &new).await.succeeded().physical_id, id);
        assert_eq!(groups(), 1, "that of the endpoint");
        stack.leave(&id, &old).await.succeeded();
        cloud.assert_clean();
    }
}

/// `ContinueUpdateRollback` skips a resource, or rollback is disabled: what the update has joined is in no properties anymore.
#[tokio::test(start_paused = true)]
async fn the_next_update_releases_what_one_has_joined_that_was_not_rolled_back() {
    let cloud = Cloud::of(|world| world.knobs.create_ms = ec2_sim::Span::exactly(90_000));
    let stack = cloud.stack("orders");
    let id = stack.create(&properties()).await.succeeded().physical_id;
    cloud.pass(60).await;
    let elsewhere = with(properties(), json!({ "ServiceName": SERVICE_2, "ServiceTimeout": "60" }));
    let reason = stack.update(&id, &elsewhere, &properties()).await.failed();
    assert!(reason.contains("Timed out after"), "{reason}");
    cloud.pass(60).await;
    let fixed = with(properties(), json!({ "Trigger": "again" }));
    assert_eq!(stack.update(&id, &fixed, &properties()).await.succeeded().physical_id, id);
    cloud.pass(180).await;
    assert_eq!(cloud.endpoint().id, id, "nothing else exists anymore");
    stack.leave(&id, &fixed).await.succeeded();
    cloud.assert_clean();
}

/// Nothing of a foreign endpoint is changed, but its reference tells the update that it is taken back. Before the update has
/// asked for the service of the other cluster, nothing else would.
#[tokio::test(start_paused = true)]
async fn the_rollback_to_a_foreign_endpoint_is_noticed() {
    let by_service = (properties(), with(properties(), json!({ "ServiceName": SERVICE_2 })));
    for (old, new) in [by_service, (of_cluster(CLUSTER), of_cluster(CLUSTER_2))] {
        let cloud = Cloud::of(|world| world.knobs.create_ms = ec2_sim::Span::exactly(90_000));
        cloud.sim.create_foreign_endpoint(foreign());
        cloud.pass(10).await;
        let stack = cloud.stack("orders");
        let id = stack.create(&old).await.succeeded().physical_id;
        let reason = taken_back(&cloud, &stack, &id, &new, &old, 30).await.failed();
        assert!(reason.contains(OUTDATED), "{reason}");
        cloud.pass(180).await;
        assert_eq!(cloud.endpoint().id, id, "nothing else exists anymore");
    }
}

/// Lambda delivers a Create again, after an update of the resource.
#[tokio::test(start_paused = true)]
async fn a_create_that_is_delivered_again_after_an_update_stops() {
    let cloud = Cloud::new();
    let stack = cloud.stack("orders");
    let create = stack.event("Create", &properties());
    let id = cloud.deliver(&create).await.succeeded().physical_id;
    cloud.pass(60).await;
    let wider = with(properties(), json!({ "SubnetIds": [SUBNET_AZ1, SUBNET_AZ2] }));
    stack.update(&id, &wider, &properties()).await.succeeded();
    let (before, tags) = (cloud.changes(), cloud.endpoint().tags);
    let reason = cloud.deliver(&create).await.failed();
    assert!(reason.contains(OUTDATED), "{reason}");
    assert_eq!((cloud.changes(), cloud.endpoint().tags), (before, tags));
}

/// While a late Delete removes the reference that it has seen, the resource joins anew.
#[tokio::test(start_paused = true)]
async fn a_late_delete_removes_no_reference_that_is_written_meanwhile() {
    let cloud = Cloud::new();
    let (orders, billing) = (cloud.stack("orders"), cloud.stack("billing"));
    let id = orders.create(&properties()).await.succeeded().physical_id;
    billing.create(&properties()).await.succeeded();
    let delete = orders.delete_event(&id, &properties());
    cloud.pass(60).await;
    let second = cloud.sim.now().as_second();
    let (sim, key, endpoint) = (cloud.sim.clone(), orders.ref_key(), id.clone());
    let anew = format!("orders/TiDB {second:08x}0123456789ab");
    let written = anew.clone();
    cloud.sim.on_call(move |call| {
        if call.action == "DeleteTags" {
            sim.set_tag(&endpoint, &key, &written);
        }
        Verdict::Proceed
    });
    cloud.deliver(&delete).await.succeeded();
    assert_eq!(cloud.endpoint().tags[&orders.ref_key()], anew);
}

/// The Delete of a Create that never responded is delivered again while the next Create waits.
#[tokio::test(start_paused = true)]
async fn a_delete_that_is_delivered_again_leaves_the_mark_of_a_later_create_alone() {
    let cloud = Cloud::new();
    let stack = cloud.stack("orders");
    let delete = stack.delete_event("orders-TiDB-1KJH2LKJ3H4LK", &properties());
    cloud.deliver(&delete).await.succeeded();
    let id = cloud.sim.create_foreign_endpoint(ec2_sim::EndpointSpec { state: State::Available, ..foreign() });
    cloud.sim.update_knobs(|knobs| knobs.delete_ms = ec2_sim::Span::exactly(90_000));
    cloud.sim.delete_endpoint(&id);
    let create = stack.event("Create", &properties());
    let (created, ()) = tokio::join!(cloud.deliver(&create), async {
        cloud.pass(30).await;
        assert_eq!(cloud.marks(), 1);
        cloud.deliver(&delete).await.succeeded();
        stack.set_status("CREATE_IN_PROGRESS");
        assert_eq!(cloud.marks(), 1);
    });
    stack.delete(&created.succeeded().physical_id).await.succeeded();
    cloud.assert_clean();
}

/// The update that stops deletes the security group that it has created, while its rollback is about to remove the rules.
#[tokio::test(start_paused = true)]
async fn a_rollback_does_not_fail_because_the_providers_security_group_is_gone() {
    let cloud = Cloud::new();
    let stack = cloud.stack("orders");
    let id = stack.create(&properties()).await.succeeded().physical_id;
    let own_group = with(properties(), json!({ "SecurityGroupIds": null }));
    stack.update(&id, &own_group, &properties()).await.succeeded();
    let fails = std::sync::atomic::AtomicBool::new(true);
    cloud.sim.on_call(move |call| {
        let revokes = call.action == "RevokeSecurityGroupIngress";
        if revokes && fails.swap(false, std::sync::atomic::Ordering::Relaxed) {
            return Verdict::fail(
                400,
                "InvalidGroup.NotFound",
                "The security group 'sg-0123456789abcdef0' does not exist",
            );
        }
        Verdict::Proceed
    });
    cloud.pass(60).await;
    stack.update(&id, &properties(), &own_group).await.succeeded();
    assert_eq!(cloud.count("RevokeSecurityGroupIngress"), 2);
}

/// The rollback has ended when the update creates its endpoint, and the function dies while it releases that.
#[tokio::test(start_paused = true)]
async fn an_update_that_dies_while_it_stops_releases_its_endpoint_when_it_is_delivered_again() {
    for dies_after in [20, 35, 45] {
        let cloud = Cloud::new();
        cloud.stacks.set_policy(ec2_sim::Policy::read(&[]).unwrap());
        let stack = cloud.stack("orders");
        let id = stack.create(&properties()).await.succeeded().physical_id;
        cloud.sim.on_call(|call| match call.action.as_str() {
            "CreateVpcEndpoint" => Verdict::Delay(Duration::from_secs(14)),
            _ => Verdict::Proceed,
        });
        let elsewhere = with(properties(), json!({ "ServiceName": SERVICE_2 }));
        let update = stack.update_event(&id, &elsewhere, &properties());
        let (ended, _) = tokio::join!(cloud.deliver_raw_for(&update, dies_after), async {
            cloud.pass(2).await;
            stack.update(&id, &properties(), &elsewhere).await.succeeded()
        });
        assert!(ended.is_none(), "it dies");
        cloud.pass(120).await;
        assert!(cloud.sim.endpoints().len() > 1, "{dies_after} s");
        let reason = cloud.deliver(&update).await.failed();
        assert!(reason.contains(OUTDATED), "{reason}");
        cloud.pass(180).await;
        assert_eq!(cloud.endpoint().id, id, "{dies_after} s: nothing else exists anymore");
    }
}

/// The rollback has ended when the update creates the provider's security group, and the function dies right after that.
#[tokio::test(start_paused = true)]
async fn an_update_that_has_died_deletes_its_security_group_when_it_is_delivered_again() {
    let cloud = Cloud::new();
    cloud.stacks.set_policy(ec2_sim::Policy::read(&[]).unwrap());
    let stack = cloud.stack("orders");
    let id = stack.create(&properties()).await.succeeded().physical_id;
    cloud.sim.on_call(|call| match call.action.as_str() {
        "CreateSecurityGroup" => Verdict::Delay(Duration::from_secs(14)),
        _ => Verdict::Proceed,
    });
    let elsewhere = with(properties(), json!({ "ServiceName": SERVICE_2, "SecurityGroupIds": null }));
    let update = stack.update_event(&id, &elsewhere, &properties());
    let (ended, _) = tokio::join!(cloud.deliver_raw_for(&update, 15), async {
        cloud.pass(2).await;
        stack.update(&id, &properties(), &elsewhere).await.succeeded()
    });
    assert!(ended.is_none(), "it dies");
    let groups = || cloud.sim.groups().into_iter().filter(|group| group.name.contains("vpce-svc-")).count();
    assert_eq!(groups(), 1);
    cloud.pass(120).await;
    let reason = cloud.deliver(&update).await.failed();
    assert!(reason.contains(OUTDATED) && groups() == 0, "{reason}");
}
