//! What is waited for: a cluster that is being created, a permission that is new; and the Delete that comes meanwhile.

use super::changed;
use crate::cloud::*;
use ec2_sim::{Cluster, Verdict};
use jiff::SignedDuration;
use serde_json::json;
use std::time::Duration;
use tokio::time::sleep;

/// A world in which the example cluster is being created for some seconds.
fn creating_for(seconds: u64) -> Cloud {
    let cloud = Cloud::new();
    cloud.api.put(CLUSTER, Cluster { ready_after: Duration::from_secs(seconds), ..changed(&[]) });
    cloud
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_is_being_created_is_waited_for() {
    for seconds in [5, 40, 400] {
        let cloud = creating_for(seconds);
        let stack = cloud.stack("orders");
        let created = stack.create(&of_cluster(CLUSTER)).await.succeeded();
        assert_eq!(created.data["ServiceName"], SERVICE, "{seconds}");
        let marks = cloud.sim.groups().into_iter().filter(|group| group.name.starts_with("tidb-private-endpoint-"));
        assert_eq!(marks.count(), 0, "no mark is left");
        assert!(cloud.api.log().len() < 60, "a look every 20 s: {}", cloud.api.log().len());
        assert_eq!(cloud.secrets.log().len(), 1, "the key is read once");
        cloud.deliver(&stack.delete_event(&created.physical_id, &of_cluster(CLUSTER))).await.succeeded();
        assert_eq!(cloud.sim.endpoints(), []);
        cloud.assert_clean();
    }
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_stays_in_creation_is_named_at_the_end() {
    let cloud = creating_for(100_000);
    let stack = cloud.stack("orders");
    let failed = stack.create(&of_cluster(CLUSTER)).await;
    let id = failed.physical_id.clone();
    let reason = failed.failed();
    for words in ["Timed out after", "is in state CREATING", "Deploy again when it is ACTIVE"] {
        assert!(reason.contains(words), "{reason}");
    }
    cloud.deliver(&stack.delete_event(&id, &of_cluster(CLUSTER))).await.succeeded();
    cloud.assert_clean();
    assert!(
        cloud.sim.groups().iter().all(|group| !group.name.starts_with("tidb-private-endpoint-")),
        "the mark is removed"
    );
}

/// CloudFormation deletes a resource whose Create has not responded. Whether that Create would then create an endpoint or
/// join one, it must not.
/// A Create is deleted so many seconds after it was sent, under an ID that CloudFormation makes up. Both have ended.
async fn overtaken(cloud: &Cloud, delete_after: u64) -> Stack {
    let stack = cloud.stack("orders");
    let event = stack.event("Create", &of_cluster(CLUSTER));
    let create = tokio::spawn({
        let cloud = cloud.clone();
        async move { cloud.deliver(&event).await }
    });
    sleep(Duration::from_secs(delete_after)).await;
    cloud.deliver(&stack.delete_event("orders-TiDB-1KJH2LKJ3H4LK", &of_cluster(CLUSTER))).await.succeeded();
    drop(create.await.unwrap());
    cloud.pass(60).await;
    stack
}

#[tokio::test(start_paused = true)]
async fn a_create_that_waits_for_its_cluster_is_stopped_by_its_delete() {
    for (seconds, delete_after) in [(60, 4), (60, 20), (200, 40), (400, 90), (30, 1), (20, 16)] {
        for is_there in [false, true] {
            let cloud = creating_for(seconds);
            let other = cloud.stack("billing");
            if is_there {
                other.create(&properties()).await.succeeded();
            }
            let stack = overtaken(&cloud, delete_after).await;
            let endpoints = cloud.sim.endpoints();
            let held = endpoints.iter().filter(|endpoint| endpoint.tags.contains_key(&stack.ref_key())).count();
            assert_eq!(held, 0, "{seconds} {delete_after} {is_there}: {endpoints:#?}");
            let live = endpoints.iter().filter(|endpoint| endpoint.state != ec2_sim::State::Deleting).count();
            assert_eq!(live, usize::from(is_there), "{seconds} {delete_after} {is_there}: {endpoints:#?}");
            assert_eq!(cloud.marks(), 0, "{seconds} {delete_after} {is_there}");
        }
    }
}

/// An API that answers slowly must not keep a Create from leaving its mark in time.
#[tokio::test(start_paused = true)]
async fn a_create_that_gets_no_answer_is_stopped_by_its_delete() {
    for delete_after in [1, 10, 20, 40] {
        let cloud = Cloud::new();
        let until = cloud.sim.now() + SignedDuration::from_secs(70);
        let sim = cloud.sim.clone();
        cloud.api.on_call(move |_| if sim.now() < until { Verdict::Hang } else { Verdict::Proceed });
        overtaken(&cloud, delete_after).await;
        let live = cloud.sim.endpoints().into_iter().filter(|endpoint| endpoint.state != ec2_sim::State::Deleting);
        assert_eq!(live.count(), 0, "{delete_after}");
    }
}

/// There is no VPC to leave a mark in, so it gives up before its Delete could miss what it does.
#[tokio::test(start_paused = true)]
async fn without_a_vpc_a_create_does_not_wait_for_long() {
    let cloud = creating_for(100);
    let begun = cloud.sim.now();
    let anywhere =
        with(of_cluster(CLUSTER), json!({ "VpcId": null, "ReuseScope": "Region", "SecurityGroupIds": null }));
    let reason = cloud.stack("orders").create(&anywhere).await.failed();
    assert!(reason.contains("is in state CREATING"), "{reason}");
    assert!(cloud.sim.now().duration_since(begun) < SignedDuration::from_secs(20));
}

#[tokio::test(start_paused = true)]
async fn an_update_waits_without_a_mark() {
    let cloud = creating_for(120);
    let stack = cloud.stack("orders");
    let created = stack.create(&properties()).await.succeeded();
    let updated = stack.update(&created.physical_id, &of_cluster(CLUSTER), &properties()).await.succeeded();
    assert_eq!(updated.physical_id, created.physical_id);
    assert_eq!(cloud.count("CreateSecurityGroup"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_permission_that_is_new_is_waited_for_and_one_that_is_missing_is_named() {
    for (seconds, succeeds) in [(30, true), (100_000, false)] {
        let cloud = Cloud::new();
        let until = cloud.sim.now() + SignedDuration::from_secs(seconds);
        let sim = cloud.sim.clone();
        let message = "User: arn:aws:sts::123456789012:assumed-role/r/s is not authorized to perform: \
                       secretsmanager:GetSecretValue on resource: tidb-cloud/api-key";
        cloud.secrets.on_call(move |_| {
            if sim.now() < until { Verdict::fail(400, "AccessDeniedException", message) } else { Verdict::Proceed }
        });
        let created = cloud.stack("orders").create(&of_cluster(CLUSTER)).await;
        match created.reason {
            None => assert!(succeeds),
            Some(reason) => {
                assert!(
                    !succeeds && reason.contains("not allowed to perform secretsmanager:GetSecretValue"),
                    "{reason}"
                );
                assert!(reason.contains("ApiKeySecretArn"), "{reason}");
            }
        }
    }
    for (code, message) in [
        ("AccessDeniedException", "Access to KMS is not allowed"),
        ("DecryptionFailure", "Secrets Manager can't decrypt the protected secret text using the provided KMS key."),
    ] {
        let cloud = Cloud::new();
        cloud.secrets.on_call(move |_| Verdict::fail(400, code, message));
        let reason = cloud.stack("orders").create(&of_cluster(CLUSTER)).await.failed();
        assert!(
            reason.contains("not allowed to perform kms:Decrypt") && reason.contains("ApiKeyKmsKeyArn"),
            "{reason}"
        );
    }
}
