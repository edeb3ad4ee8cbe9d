//! An update that CloudFormation takes back while it runs, because someone has canceled it or another resource of the stack
//! has failed; and what an update leaves alone that CloudFormation keeps.

use crate::cloud::*;
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
        assert_eq!(cloud.endpoint().state, ec2_sim::State::Available);
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
    assert_eq!(retained.state, ec2_sim::State::Available);
    assert!(retained.tags.contains_key(&stack.ref_key()), "{:?}", retained.tags);
}
