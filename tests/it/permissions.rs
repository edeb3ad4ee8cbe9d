//! Permissions that are new or missing, reasons that name what is true at the end, warnings about everything that stays
//! different, and tags from the first moment.

use crate::cloud::*;
use ec2_sim::{EndpointSpec, Span, State, Verdict};
use serde_json::{Value, json};
use std::time::Duration;

fn plain() -> Value {
    with(properties(), json!({ "SecurityGroupIds": null }))
}

fn limited(seconds: u32) -> Value {
    json!({ "ServiceTimeout": seconds })
}

#[track_caller]
fn assert_says(text: &str, words: &[&str]) {
    for words in words {
        assert!(text.contains(words), "'{words}' is not in: {text}");
    }
}

#[track_caller]
fn assert_silent(text: &str, words: &[&str]) {
    for words in words {
        assert!(!text.contains(words), "'{words}' is in: {text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_role_that_is_new_is_waited_for() {
    let denials: [fn(&str) -> Verdict; 2] = [
        |action| Verdict::unauthorized(action),
        |_| Verdict::fail(401, "AuthFailure", "AWS was not able to validate the provided access credentials"),
    ];
    for denial in denials {
        let cloud = Cloud::new();
        cloud.sim.on_call(move |call| match call.action.as_str() {
            action @ ("DescribeVpcEndpoints" | "CreateVpcEndpoint") if call.at < Duration::from_secs(25) => {
                denial(action)
            }
            _ => Verdict::Proceed,
        });
        let stack = cloud.stack("orders");
        let created = stack.create(&properties()).await.succeeded();
        stack.delete(&created.physical_id).await.succeeded();
        cloud.assert_clean();

        // Each for as long as that.
        let cloud = Cloud::new();
        cloud.sim.on_call(move |call| match call.action.as_str() {
            action @ "DescribeVpcEndpoints" if call.at < Duration::from_secs(25) => denial(action),
            action @ "CreateVpcEndpoint" if call.at < Duration::from_secs(50) => denial(action),
            _ => Verdict::Proceed,
        });
        cloud.stack("orders").create(&properties()).await.succeeded();
    }
}

#[tokio::test(start_paused = true)]
async fn a_denial_is_not_waited_for_after_the_first_minute() {
    for (from, took) in [(0, 60..100), (75, 75..82)] {
        let cloud = Cloud::new();
        cloud.sim.on_call(move |call| match call.action.as_str() {
            action @ "DescribeVpcEndpoints" if call.at >= Duration::from_secs(from) => Verdict::unauthorized(action),
            _ => Verdict::Proceed,
        });
        // Not before 90 seconds.
        cloud.sim.turn_knobs(|knobs| knobs.create_ms = Span::exactly(110_000));
        let begun = cloud.sim.now();
        let reason = cloud.stack("orders").create(&properties()).await.failed();
        assert_says(&reason, &["is not allowed to perform ec2:DescribeVpcEndpoints"]);
        let waited = cloud.sim.now().duration_since(begun).as_secs();
        assert!(took.contains(&waited), "denied from {from} s on: {waited} s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_denial_that_has_passed_does_not_count_at_the_next_one() {
    let cloud = Cloud::new();
    cloud.sim.turn_knobs(|knobs| knobs.create_ms = Span::exactly(110_000));
    let create = tokio::spawn({
        let stack = cloud.stack("orders");
        async move { stack.create(&with(properties(), json!({ "SubnetIds": [SUBNET_AZ1] }))).await }
    });
    cloud.pass(10).await;
    let (mut looks, mut first) = (0, None);
    cloud.sim.on_call(move |call| {
        let caller_denied = |action: &str| Verdict::unauthorized(action);
        match call.action.as_str() {
            action @ "DescribeVpcEndpoints" if call.at > Duration::from_secs(30) && looks < 1 => {
                looks += 1;
                caller_denied(action)
            }
            // What is denied may be known to IAM only a little later.
            action @ "ModifyVpcEndpoint" if call.at < *first.get_or_insert(call.at) + Duration::from_secs(5) => {
                caller_denied(action)
            }
            _ => Verdict::Proceed,
        }
    });
    cloud.stack("billing").create(&properties()).await.succeeded();
    create.await.unwrap().succeeded();
}

/// Warnings of a stack that joins an endpoint of somebody else in all zones, with `GROUP`.
async fn on_a_foreign_one(wish: &Value) -> String {
    let cloud = Cloud::new();
    let subnet_ids = vec![SUBNET_AZ1.to_owned(), SUBNET_AZ2.to_owned()];
    let group_ids = vec![GROUP.to_owned(), "sg-0a1def1111111111a".to_owned()];
    cloud.sim.create_foreign_endpoint(EndpointSpec { subnet_ids, group_ids, ..foreign() });
    cloud.pass(10).await;
    cloud.stack("orders").create(wish).await.succeeded().data["Warnings"].clone()
}
