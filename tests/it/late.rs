//! Events that come late, or again: Lambda may deliver an event more than once, and long after CloudFormation has stopped
//! waiting for it.

use crate::cloud::*;
use ec2_sim::{StacksFault, State, Verdict};
use jiff::SignedDuration;
use serde_json::{Value, json};

const NOT_AWAITED: &str = "CloudFormation no longer waits for this request: it reports the status DELETE_COMPLETE";
const NOT_THERE: &str =
    "CloudFormation no longer waits for this request: it reports that this resource is not in its stack";

/// The resource of a stack is created and deleted. Returns the event that created it.
async fn created_and_deleted(cloud: &Cloud, stack: &Stack, properties: &Value) -> Value {
    let create = stack.event("Create", properties);
    let id = cloud.deliver(&create).await.succeeded().physical_id;
    stack.follow(&create, true);
    let delete = stack.delete_event(&id, properties);
    cloud.deliver(&delete).await.succeeded();
    stack.follow(&delete, true);
    create
}

#[tokio::test(start_paused = true)]
async fn a_create_that_is_delivered_again_after_its_delete_creates_nothing() {
    let managed = with(properties(), json!({ "SecurityGroupIds": null }));
    for properties in [properties(), managed] {
        let cloud = Cloud::new();
        let create = created_and_deleted(&cloud, &cloud.stack("orders"), &properties).await;
        let changes = cloud.changes();
        cloud.pass(60).await;
        let reason = cloud.deliver(&create).await.failed();
        assert!(reason.contains(NOT_AWAITED), "{reason}");
        assert_eq!(cloud.changes(), changes, "nothing is changed");
        cloud.assert_clean();
        assert_eq!(cloud.stacks.complaints(), [""; 0], "CloudFormation understands the question");
    }
}

/// An update adds the resource to a stack, and the function dies. A sibling fails, and the rollback removes the resource
/// again. CloudFormation shows nothing of it from then on, because the stack stays.
#[tokio::test(start_paused = true)]
async fn a_create_that_is_delivered_again_after_its_rollback_creates_nothing() {
    let managed = with(properties(), json!({ "SecurityGroupIds": null }));
    for properties in [properties(), managed, of_cluster(CLUSTER)] {
        for joins in [false, true] {
            let cloud = Cloud::new();
            if joins {
                cloud.stack("billing").create(&properties).await.succeeded();
            }
            let stack = cloud.stack("orders");
            let create = stack.event("Create", &properties);
            assert!(cloud.deliver_raw_for(&create, 0).await.is_none(), "the function dies");
            cloud.deliver(&stack.delete_event("orders-TiDB-1KJH2LKJ3H4LK", &properties)).await.succeeded();
            stack.forget();
            let changes = cloud.changes();
            let reason = cloud.deliver(&create).await.failed();
            assert!(reason.contains(NOT_THERE), "{reason}");
            assert_eq!(cloud.changes(), changes, "nothing is changed");
        }
    }
}

/// Nor does an update of a resource that a later one has removed.
#[tokio::test(start_paused = true)]
async fn an_update_that_is_delivered_again_after_the_resource_was_removed_creates_nothing() {
    let cloud = Cloud::new();
    let stack = cloud.stack("orders");
    let id = stack.create(&properties()).await.succeeded().physical_id;
    let update = stack.update_event(&id, &with(properties(), json!({ "Trigger": "again" })), &properties());
    cloud.deliver(&update).await.succeeded();
    stack.delete(&id).await.succeeded();
    stack.forget();
    let reason = cloud.deliver(&update).await.failed();
    assert!(reason.contains(NOT_THERE), "{reason}");
    cloud.assert_clean();
}

/// The role of the template may ask about stacks of its account and region.
#[tokio::test(start_paused = true)]
async fn the_role_may_ask_what_a_late_event_needs_to_know() {
    let cloud = Cloud::new();
    cloud.stacks.set_policy(ec2_sim::Policy::read(&crate::least_privilege::policies()).unwrap());
    let create = created_and_deleted(&cloud, &cloud.stack("orders"), &properties()).await;
    cloud.pass(60).await;
    let reason = cloud.deliver(&create).await.failed();
    assert!(reason.contains(NOT_AWAITED), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn a_create_that_is_delivered_again_after_its_delete_joins_nothing() {
    let cloud = Cloud::new();
    cloud.stack("billing").create(&properties()).await.succeeded();
    let orders = cloud.stack("orders");
    let create = created_and_deleted(&cloud, &orders, &properties()).await;
    cloud.pass(60).await;
    let reason = cloud.deliver(&create).await.failed();
    assert!(reason.contains(NOT_AWAITED), "{reason}");
    assert!(!cloud.endpoint().tags.contains_key(&orders.ref_key()), "{:?}", cloud.endpoint().tags);
}

#[tokio::test(start_paused = true)]
async fn an_update_that_is_delivered_again_after_its_delete_creates_nothing() {
    let cloud = Cloud::new();
    let stack = cloud.stack("orders");
    let id = stack.create(&properties()).await.succeeded().physical_id;
    let wider = with(properties(), json!({ "SubnetIds": [SUBNET_AZ1, SUBNET_AZ2] }));
    let update = stack.update_event(&id, &wider, &properties());
    cloud.deliver(&update).await.succeeded();
    let delete = stack.delete_event(&id, &wider);
    cloud.deliver(&delete).await.succeeded();
    stack.follow(&delete, true);
    let reason = cloud.deliver(&update).await.failed();
    assert!(reason.contains(NOT_AWAITED), "{reason}");
    cloud.assert_clean();
}

/// It begins in the second in which the creation has ended, and that is still what CloudFormation says.
#[tokio::test(start_paused = true)]
async fn the_end_of_the_creation_is_not_that_of_an_update() {
    let cloud = Cloud::new();
    let stack = cloud.stack("orders");
    let id = stack.create(&properties()).await.succeeded().physical_id;
    let moved = with(properties(), json!({ "ServiceName": SERVICE_2 }));
    let update = stack.update_event(&id, &moved, &properties());
    stack.set_status("CREATE_COMPLETE");
    cloud.pass(60).await;
    cloud.deliver(&update).await.succeeded();
    assert!(cloud.stacks.calls() > 0);
}

/// The cluster has to be asked for before there is anything to look for, and a Create that asks for long leaves a mark.
#[tokio::test(start_paused = true)]
async fn a_late_create_with_a_cluster_leaves_no_mark() {
    let cloud = Cloud::new();
    let create = created_and_deleted(&cloud, &cloud.stack("orders"), &of_cluster(CLUSTER)).await;
    let changes = cloud.changes();
    cloud.api.on_call(|_| Verdict::internal_error());
    let reason = cloud.deliver(&create).await.failed();
    assert!(reason.contains(NOT_AWAITED), "{reason}");
    assert_eq!(cloud.changes(), changes, "not even a mark is created");
}

/// The first delivery of an event neither waits for CloudFormation nor spends its API budget, but for an update, which asks
/// once whether it is a rollback.
#[tokio::test(start_paused = true)]
async fn a_prompt_event_asks_nothing() {
    let cloud = Cloud::new();
    let (orders, billing) = (cloud.stack("orders"), cloud.stack("billing"));
    let id = orders.create(&with(properties(), json!({ "SecurityGroupIds": null }))).await.succeeded().physical_id;
    let joined = billing.create(&properties()).await.succeeded();
    let wider = with(properties(), json!({ "SubnetIds": [SUBNET_AZ1, SUBNET_AZ2] }));
    billing.update(&joined.physical_id, &wider, &properties()).await.succeeded();
    billing.delete(&id).await.succeeded();
    orders.delete(&id).await.succeeded();
    assert_eq!(cloud.stacks.calls(), 1);
}

/// A Create that had to wait asks when it can create the endpoint at last, and not before.
#[tokio::test(start_paused = true)]
async fn a_create_that_has_waited_asks_before_it_creates() {
    for (status, creates) in [("CREATE_IN_PROGRESS", true), ("DELETE_IN_PROGRESS", false), ("DELETE_COMPLETE", false)] {
        let cloud = Cloud::new();
        let id = cloud.sim.create_foreign_endpoint(ec2_sim::EndpointSpec { state: State::Available, ..foreign() });
        cloud.sim.update_knobs(|knobs| knobs.delete_ms = ec2_sim::Span::exactly(90_000));
        cloud.sim.delete_endpoint(&id);
        let stack = cloud.stack("orders");
        let create = stack.event("Create", &properties());
        let (ended, ()) = tokio::join!(cloud.deliver(&create), async {
            cloud.pass(60).await;
            assert_eq!(cloud.stacks.calls(), 0, "it only waits");
            stack.set_status(status);
        });
        assert_eq!(ended.reason.is_none(), creates, "{status}: {:?}", ended.reason);
        assert_eq!(cloud.sim.endpoints().iter().any(|endpoint| endpoint.id != id), creates, "{status}");
        let (calls, attempts) = (cloud.stacks.calls(), cloud.count("CreateVpcEndpoint"));
        assert!(calls > 0 && calls <= attempts + 1, "{calls} questions, {attempts} attempts");
        assert_eq!(cloud.marks(), 0, "the mark is removed");
    }
}

/// Nobody can be asked, or the answer proves nothing: the event goes on, as it would without the question.
#[tokio::test(start_paused = true)]
async fn an_answer_that_proves_nothing_stops_nothing() {
    type Change = fn(&Cloud, &Stack);
    let without_answer: [(&str, Change); 7] = [
        ("denied", |cloud, _| cloud.stacks.set_policy(ec2_sim::Policy::read(&[]).unwrap())),
        ("throttled", |cloud, _| cloud.stacks.fail([StacksFault::Throttled; 3])),
        ("no answer", |cloud, _| cloud.stacks.fail([StacksFault::Hang; 3])),
        ("half an answer", |cloud, _| cloud.stacks.fail([StacksFault::CutOff; 3])),
        // Such as one of another account.
        ("a stack that is not known", |cloud, _| cloud.stacks.forget_resources()),
        ("a status from before the event", |cloud, stack| {
            cloud.stacks.set_resource(&stack.arn, "TiDB", "DELETE_COMPLETE", "2026-11-23T08:59:59.999Z");
        }),
        ("a status that nobody knows", |_, stack| stack.set_status("RESTORE_PENDING")),
    ];
    for (what, change) in without_answer {
        let cloud = Cloud::new();
        let stack = cloud.stack("orders");
        let create = stack.event("Create", &properties());
        cloud.pass(60).await;
        change(&cloud, &stack);
        let answered = cloud.deliver(&create).await;
        assert!(answered.reason.is_none(), "{what}: {:?}", answered.reason);
        assert!(cloud.stacks.calls() > 0, "{what}");
    }
}

/// Throttling lasts a minute; every attempt to create asks anew, because the answer may have changed.
#[tokio::test(start_paused = true)]
async fn a_create_that_is_throttled_does_not_ask_often() {
    let cloud = Cloud::new();
    let (sim, until) = (cloud.sim.clone(), cloud.sim.now() + SignedDuration::from_secs(60));
    cloud.sim.on_call(move |call| {
        if call.action == "CreateVpcEndpoint" && sim.now() < until { Verdict::throttled() } else { Verdict::Proceed }
    });
    let stack = cloud.stack("orders");
    let create = stack.event("Create", &properties());
    cloud.deliver(&create).await.succeeded();
    let attempts = cloud.count("CreateVpcEndpoint");
    assert!(cloud.stacks.calls() <= attempts + 1, "{} questions, {attempts} attempts", cloud.stacks.calls());
}

/// A Create that EC2 throttles has its security group already. Its Delete comes, and neither leaves anything.
#[tokio::test(start_paused = true)]
async fn a_throttled_create_and_its_delete_leave_no_security_group() {
    for delete_after in [4, 20, 40, 55] {
        let cloud = Cloud::new();
        let (sim, until) = (cloud.sim.clone(), cloud.sim.now() + SignedDuration::from_secs(60));
        cloud.sim.on_call(move |call| {
            if call.action == "CreateVpcEndpoint" && sim.now() < until {
                Verdict::throttled()
            } else {
                Verdict::Proceed
            }
        });
        let (stack, managed) = (cloud.stack("orders"), with(properties(), json!({ "SecurityGroupIds": null })));
        let create = stack.event("Create", &managed);
        let (created, ()) = tokio::join!(cloud.deliver(&create), async {
            cloud.pass(delete_after).await;
            let delete = stack.delete_event("orders-TiDB-1KJH2LKJ3H4LK", &managed);
            cloud.deliver(&delete).await.succeeded();
            stack.follow(&delete, true);
        });
        created.failed();
        let left: Vec<_> = cloud.sim.groups().into_iter().filter(|g| g.name.starts_with("tidb-private-")).collect();
        assert_eq!(left.len(), 0, "{delete_after} s: {left:#?}");
        cloud.assert_clean();
    }
}

/// Nobody sends a Delete for what an Update has created before it was given up.
#[tokio::test(start_paused = true)]
async fn an_update_that_is_given_up_takes_its_security_group_along() {
    let cloud = Cloud::new();
    let (stack, managed) = (cloud.stack("orders"), with(properties(), json!({ "SecurityGroupIds": null })));
    let id = stack.create(&managed).await.succeeded().physical_id;
    let groups = || cloud.sim.groups().into_iter().map(|group| group.name).collect::<Vec<_>>();
    let before = groups();
    let (sim, until) = (cloud.sim.clone(), cloud.sim.now() + SignedDuration::from_secs(60));
    cloud.sim.on_call(move |call| {
        if call.action == "CreateVpcEndpoint" && sim.now() < until { Verdict::throttled() } else { Verdict::Proceed }
    });
    let update = stack.update_event(&id, &with(managed.clone(), json!({ "ServiceName": SERVICE_2 })), &managed);
    let (ended, ()) = tokio::join!(cloud.deliver(&update), async {
        cloud.pass(10).await;
        assert_ne!(groups(), before, "it has created a security group");
        stack.set_status("UPDATE_FAILED");
    });
    let reason = ended.failed();
    assert!(reason.contains("CloudFormation no longer waits for this request"), "{reason}");
    assert_eq!(groups(), before);
}

/// The first delivery has left a mark and was killed. The second one is rejected before it has changed anything, so only how
/// late it arrives tells that there may be something to clean up.
#[tokio::test(start_paused = true)]
async fn the_delete_of_a_create_that_failed_when_delivered_again_removes_the_mark_of_the_first_delivery() {
    let cloud = Cloud::new();
    let id = cloud.sim.create_foreign_endpoint(ec2_sim::EndpointSpec { state: State::Available, ..foreign() });
    cloud.sim.update_knobs(|knobs| knobs.delete_ms = ec2_sim::Span::exactly(300_000));
    cloud.sim.delete_endpoint(&id);
    let stack = cloud.stack("orders");
    let create = stack.event("Create", &properties());
    assert!(cloud.deliver_raw_for(&create, 20).await.is_none(), "it waits for the name, and is killed");
    assert_eq!(cloud.marks(), 1);
    cloud.pass(60).await;
    cloud.sim.on_call(|call| match call.action.as_str() {
        "CreateSecurityGroup" => Verdict::fail(400, "SecurityGroupLimitExceeded", "You have reached the limit."),
        _ => Verdict::Proceed,
    });
    let failed = cloud.deliver(&create).await;
    let physical_id = failed.physical_id.clone();
    failed.failed();
    stack.delete(&physical_id).await.succeeded();
    assert_eq!(cloud.marks(), 0);
}
