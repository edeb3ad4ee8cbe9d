//! How long an event waits, how often it asks, and when it gives up.

use crate::cloud::*;
use ec2_sim::{Call, Outcome, Span, State, Verdict};
use jiff::SignedDuration;
use serde_json::json;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tidb_private_endpoint::handler::Handled;

fn looks(cloud: &Cloud) -> Vec<Duration> {
    let log = cloud.sim.log();
    log.iter().filter(|call| call.action == "DescribeVpcEndpoints").map(|call| call.at).collect()
}

/// The looks after a change. One look may consist of several calls, which are sent at the same time.
fn looks_after(cloud: &Cloud, action: &str) -> Vec<Duration> {
    let changed = cloud.sim.log().iter().rfind(|call| call.action == action).unwrap().at;
    let mut looks: Vec<Duration> = Vec::new();
    for at in self::looks(cloud).into_iter().filter(|at| *at > changed) {
        if looks.last().is_none_or(|look| at.saturating_sub(*look) > Duration::from_millis(100)) {
            looks.push(at);
        }
    }
    looks
}

/// The first look may follow the change at once.
fn assert_at_most_once_a_second(looks: &[Duration], at_least: usize) {
    assert!(looks.len() > at_least, "it waits: {looks:?}");
    for pair in looks.windows(2).skip(1) {
        let between = pair[1].saturating_sub(pair[0]);
        assert!(between >= Duration::from_secs(1), "{between:?} between two looks at {:?}", pair[0]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_that_waits_looks_at_most_once_a_second() {
    for seed in 0..5 {
        let cloud = Cloud::of(|world| {
            world.seed = seed;
            world.knobs.create_ms = Span::exactly(149_000);
            world.knobs.modify_ms = Span::exactly(149_000);
            world.knobs.delete_ms = Span::exactly(149_000);
        });
        let (stack, one) = (cloud.stack("orders"), with(properties(), json!({ "SubnetIds": [SUBNET_AZ1] })));
        let id = stack.create(&one).await.succeeded().physical_id;
        assert_at_most_once_a_second(&looks_after(&cloud, "CreateVpcEndpoint"), 50);
        cloud.pass(60).await;
        stack.update(&id, &properties(), &one).await.succeeded();
        assert_at_most_once_a_second(&looks_after(&cloud, "ModifyVpcEndpoint"), 50);
        cloud.pass(60).await;
        stack.delete(&id).await.succeeded();
        assert_at_most_once_a_second(&looks_after(&cloud, "DeleteVpcEndpoints"), 20);
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_creates_at_most_three_endpoints() {
    let cloud = Cloud::new();
    // What is created never shows up.
    cloud.sim.on_call(|call| match call.action.as_str() {
        "DescribeVpcEndpoints" => Verdict::Stale(Duration::from_hours(24)),
        _ => Verdict::Proceed,
    });
    let requested = with(properties(), json!({ "PrivateDnsEnabled": false }));
    let reason = cloud.stack("orders").create(&requested).await.failed();
    assert_eq!(cloud.sim.endpoints().len(), 3, "{reason}");
    for words in ["created 3 endpoints for", SERVICE, VPC] {
        assert!(reason.contains(words), "'{words}' is not in: {reason}");
    }
}

/// A removes the endpoint for good after B has joined too late and knows it. Then EC2 does not answer for so long that B
/// does not see the deletion.
#[tokio::test(start_paused = true)]
async fn a_joiner_that_knew_of_the_deletion_and_did_not_see_it_creates_an_endpoint() {
    let cloud = Cloud::of(|world| {
        world.knobs.read_lag_ms = Span::exactly(0);
        world.knobs.delete_ms = Span::exactly(30_000);
        world.knobs.deleted_listed_ms = Span::exactly(0);
        world.knobs.zone_release_ms = Span::exactly(0);
    });
    let (orders, billing) = (cloud.stack("orders"), cloud.stack("billing"));
    let first = orders.create(&properties()).await.succeeded();
    let deleted_at: Arc<Mutex<Option<Duration>>> = Arc::default();
    let seen = Arc::clone(&deleted_at);
    cloud.sim.on_call(move |call| {
        let mut deleted_at = seen.lock().unwrap();
        if call.action == "DeleteVpcEndpoints" && deleted_at.is_none() {
            *deleted_at = Some(call.at);
            return Verdict::Delay(Duration::from_secs(8));
        }
        let since = deleted_at.map(|at| call.at.saturating_sub(at));
        let outage = Duration::from_secs(8)..Duration::from_mins(1);
        if since.is_some_and(|since| outage.contains(&since)) { Verdict::unavailable() } else { Verdict::Proceed }
    });
    let join = async {
        while deleted_at.lock().unwrap().is_none() {
            cloud.pass(1).await;
        }
        billing.create(&properties()).await
    };
    let (deleted, joined) = tokio::join!(orders.delete(&first.physical_id), join);
    deleted.succeeded();
    let joined = joined.succeeded();
    assert_ne!(joined.physical_id, first.physical_id);
    assert_eq!(cloud.endpoint().state, State::Available);
}

/// EC2 rejects the name, and the endpoint that has it shows up and can be joined. If that one is deleted much later, the
/// name is waited for as if it had not been rejected before.
#[tokio::test(start_paused = true)]
async fn a_rejected_name_that_was_explained_since_is_waited_for_again() {
    let cloud = Cloud::of(|world| {
        world.knobs.create_ms = Span::exactly(800_000);
        world.knobs.delete_ms = Span::exactly(30_000);
        world.knobs.deleted_listed_ms = Span::exactly(0);
        world.knobs.zone_release_ms = Span::exactly(40_000);
    });
    let mut first = true;
    cloud.sim.on_call(move |call| {
        if call.action != "CreateVpcEndpoint" || !std::mem::take(&mut first) {
            return Verdict::Proceed;
        }
        let message = format!(
            "private-dns-enabled cannot be set because there is already a conflicting DNS domain for {PRIVATE_NAME} in \
             the VPC {VPC}"
        );
        Verdict::fail(400, "InvalidParameter", &message)
    });
    let other = async {
        cloud.pass(2).await;
        let other = cloud.sim.create_foreign_endpoint(ec2_sim::EndpointSpec { state: State::Pending, ..foreign() });
        cloud.sim.update_knobs(|knobs| knobs.create_ms = Span::exactly(20_000));
        cloud.pass(330).await;
        cloud.sim.delete_endpoint(&other);
        other
    };
    let (orders, wanted) = (cloud.stack("orders"), properties());
    let (created, other) = tokio::join!(orders.create(&wanted), other);
    assert_ne!(created.succeeded().physical_id, other);
}

/// Writing and removing tags are two calls, and each may take as long as any.
#[tokio::test(start_paused = true)]
async fn two_calls_are_not_begun_in_the_time_of_one() {
    let mut begun = 0;
    for time in 30..60 {
        let cloud = Cloud::new();
        let stack = cloud.stack("orders");
        let tags = |key: &str| with(properties(), json!({ "Tags": [{ "Key": key, "Value": "data" }] }));
        let created = stack.create(&tags("team")).await.succeeded();
        cloud.pass(60).await;
        cloud.sim.on_call(|call| match call.action.as_str() {
            "CreateTags" | "DeleteTags" => Verdict::Delay(Duration::from_secs(14)),
            _ => Verdict::Proceed,
        });
        let event = stack.update_event(&created.physical_id, &tags("owner"), &tags("team"));
        let handled = cloud.deliver_raw(&event, SignedDuration::from_secs(time)).await;
        assert!(matches!(handled, Handled::Answer(..)), "{handled:?}");
        let answered = cloud.sim.log().len();
        let unfinished = |call: &&Call| !call.action.starts_with("Describe") && call.outcome.is_none();
        let log = cloud.sim.log();
        let cut_off: Vec<&Call> = log.iter().filter(unfinished).collect();
        assert!(cut_off.is_empty(), "with {time} s, {} is cut off", cut_off[0].action);
        assert_eq!(cloud.sim.log().len(), answered);
        let written = |call: &&Call| call.action == "DeleteTags" && call.outcome == Some(Outcome::Ok);
        begun += log.iter().filter(written).count();
    }
    assert!(begun > 0, "there was time enough in some");
}
