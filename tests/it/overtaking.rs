//! A Create, and Deletes that do not wait for it: CloudFormation deletes a resource whose Create has not been answered, and
//! cleans up failed Creates after a retry has succeeded.

use crate::cloud::*;
use ec2_sim::{State, Verdict};
use jiff::SignedDuration;
use serde_json::json;
use std::time::Duration;
use tokio::time::sleep;

const INVENTED: &str = "orders-TiDB-1KJH2LKJ3H4LK";

/// A Create that waits is deleted four seconds later. Both end.
async fn deleted_while_waiting(cloud: &Cloud, properties: &serde_json::Value) {
    let stack = cloud.stack("orders");
    let event = stack.event("Create", properties);
    let create = tokio::spawn({
        let cloud = cloud.clone();
        async move { cloud.deliver(&event).await }
    });
    sleep(Duration::from_secs(4)).await;
    let delete = stack.delete_event(INVENTED, properties);
    // CloudFormation cannot be asked, so only the mark tells.
    cloud.stacks.forget_resources();
    cloud.deliver(&delete).await.succeeded();
    let reason = create.await.unwrap().failed();
    assert!(reason.contains("was deleted while its Create waited"), "{reason}");
}

/// The provider's security groups, and the marks of Creates.
fn own_groups(cloud: &Cloud) -> Vec<String> {
    let names = cloud.sim.groups().into_iter().map(|group| group.name);
    names.filter(|name| name.starts_with("tidb-private-endpoint-")).collect()
}

fn assert_nothing_left(cloud: &Cloud) {
    cloud.assert_clean();
    assert_eq!(own_groups(cloud), [""; 0]);
}

/// For a minute.
fn throttle_creations(cloud: &Cloud) {
    let until = cloud.sim.now() + SignedDuration::from_secs(60);
    let sim = cloud.sim.clone();
    cloud.sim.on_call(move |call| {
        if call.action == "CreateVpcEndpoint" && sim.now() < until { Verdict::throttled() } else { Verdict::Proceed }
    });
}

/// The retried Create succeeds, CloudFormation cleans up the failed one, and the resource keeps its endpoint.
async fn retried_and_cleaned_up(cloud: &Cloud, stack: &Stack, failed: &str) {
    let created = stack.create(&properties()).await.succeeded();
    stack.delete(failed).await.succeeded();
    assert_eq!(cloud.endpoint().state, State::Available);
    assert!(cloud.endpoint().tags.contains_key(&stack.ref_key()), "{:?}", cloud.endpoint().tags);
    stack.delete(&created.physical_id).await.succeeded();
    cloud.assert_clean();
}

#[tokio::test(start_paused = true)]
async fn a_create_that_waits_for_a_name_is_stopped_by_its_delete() {
    // The name is free again while the Delete runs, or later.
    for seconds in [25, 90] {
        let cloud = Cloud::new();
        let id = cloud.sim.create_foreign_endpoint(ec2_sim::EndpointSpec { state: State::Available, ..foreign() });
        cloud.sim.update_knobs(|knobs| knobs.delete_ms = ec2_sim::Span::exactly(seconds * 1_000));
        cloud.sim.delete_endpoint(&id);
        deleted_while_waiting(&cloud, &properties()).await;
        assert!(cloud.sim.endpoints().iter().all(|endpoint| endpoint.id == id), "{:#?}", cloud.sim.endpoints());
        assert_nothing_left(&cloud);
    }
}

#[tokio::test(start_paused = true)]
async fn a_create_that_is_throttled_is_stopped_by_its_delete() {
    // With a security group of its own, and with the provider's.
    for properties in [properties(), json!({ "ServiceName": SERVICE, "VpcId": VPC })] {
        let cloud = Cloud::new();
        throttle_creations(&cloud);
        deleted_while_waiting(&cloud, &properties).await;
        assert_eq!(cloud.sim.endpoints(), []);
        assert_nothing_left(&cloud);
    }
}

/// Another stack has created the provider's security group, and cannot create the endpoint yet.
#[tokio::test(start_paused = true)]
async fn a_create_that_waits_for_another_creator_is_stopped_by_its_delete() {
    let cloud = Cloud::new();
    throttle_creations(&cloud);
    let (billing, plain) = (cloud.stack("billing"), json!({ "ServiceName": SERVICE, "VpcId": VPC }));
    let other = tokio::spawn({
        let (billing, plain) = (billing.clone(), plain.clone());
        async move { billing.create(&plain).await }
    });
    sleep(Duration::from_secs(1)).await;
    assert_eq!(own_groups(&cloud).len(), 1, "the other stack is the creator");
    deleted_while_waiting(&cloud, &plain).await;
    let created = other.await.unwrap().succeeded();
    assert_eq!((cloud.endpoint().id, created.data["SharedWith"].as_str()), (created.physical_id.clone(), "0"));
    assert_eq!(own_groups(&cloud).len(), 1, "{:?}", own_groups(&cloud));
    billing.leave(&created.physical_id, &plain).await.succeeded();
    assert_nothing_left(&cloud);
}

/// Organizations may require tags on whatever is created.
#[tokio::test(start_paused = true)]
async fn a_mark_has_all_tags_from_the_first_moment() {
    let cloud = Cloud::new();
    throttle_creations(&cloud);
    let tagged = with(properties(), json!({ "Tags": [{ "Key": "team", "Value": "web" }] }));
    cloud.stack("orders").create(&tagged).await.succeeded();
    let calls = cloud.sim.log();
    let mark =
        calls.iter().find(|call| call.action == "CreateSecurityGroup").expect("it has waited, so it left a mark");
    let sent = |key: &str| {
        let number =
            mark.params.iter().find_map(|(name, value)| (value == key).then(|| name.replace("Key", "Value")))?;
        mark.params.get(&number).map(String::as_str)
    };
    assert!(mark.params["GroupName"].contains("creating"), "{mark:?}");
    assert_eq!((sent("team"), sent("Name")), (Some("web"), Some("tidb-private-endpoint-vpce-svc-0a1b2c3d4e5f60718")));
}

/// Nobody deletes it: the mark goes when the endpoint is there.
#[tokio::test(start_paused = true)]
async fn a_create_that_has_waited_leaves_no_mark() {
    let cloud = Cloud::new();
    let id = cloud.sim.create_foreign_endpoint(foreign());
    cloud.sim.update_knobs(|knobs| knobs.delete_ms = ec2_sim::Span::exactly(60_000));
    cloud.sim.delete_endpoint(&id);
    let stack = cloud.stack("orders");
    let created = stack.create(&properties()).await.succeeded();
    assert!(cloud.sim.groups().iter().all(|group| !group.name.contains("creating")), "{:#?}", cloud.sim.groups());
    stack.delete(&created.physical_id).await.succeeded();
    cloud.assert_clean();
}

/// With rollback disabled, a Create is retried. CloudFormation then cleans up what the failed one has left.
#[tokio::test(start_paused = true)]
async fn the_cleanup_of_a_failed_create_leaves_the_retried_one_alone() {
    let cloud = Cloud::new();
    cloud.sim.set_vpc_dns(VPC, true, false);
    let stack = cloud.stack("orders");
    let failed = stack.create(&properties()).await;
    assert!(failed.reason.as_ref().is_some_and(|reason| reason.contains("enableDnsHostnames")), "{failed:?}");
    cloud.sim.set_vpc_dns(VPC, true, true);
    retried_and_cleaned_up(&cloud, &stack, &failed.physical_id).await;
}

/// The failed Create has left an endpoint with its reference, which the retried one takes over.
#[tokio::test(start_paused = true)]
async fn a_retried_create_takes_over_what_the_failed_one_has_left() {
    let cloud = Cloud::of(|world| world.knobs.create_ms = ec2_sim::Span::exactly(90_000));
    let stack = cloud.stack("orders");
    let failed = stack.create(&with(properties(), json!({ "ServiceTimeout": 60 }))).await;
    assert!(failed.reason.as_ref().is_some_and(|reason| reason.starts_with("Timed out")), "{failed:?}");
    retried_and_cleaned_up(&cloud, &stack, &failed.physical_id).await;
}

/// Without a retry, the same Delete cleans up.
#[tokio::test(start_paused = true)]
async fn the_delete_of_a_failed_create_finds_what_it_has_left() {
    let cloud = Cloud::of(|world| world.knobs.create_ms = ec2_sim::Span::exactly(90_000));
    let stack = cloud.stack("orders");
    let failed = stack.create(&with(properties(), json!({ "ServiceTimeout": 60 }))).await;
    stack.delete(&failed.physical_id).await.succeeded();
    assert_eq!(cloud.sim.endpoints(), []);
    cloud.assert_clean();
}
