//! The envelope of an event: where the response goes, and what must never be shown.

use crate::cloud::{Cloud, RESPONSE_URL, foreign, properties, signed, with};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tidb_private_endpoint::answer::ANSWER_BYTES_MAX;
use tidb_private_endpoint::handler::Handled;
use tidb_private_endpoint::model::tags::{Holder, OWNED};
use tidb_private_endpoint::request::event::{Event, RequestType, ResponseUrl};

const FIFTEEN_MINUTES: SignedDuration = SignedDuration::from_mins(15);
const ARRIVED: Timestamp = Timestamp::UNIX_EPOCH;

#[test]
fn the_envelope_is_read_without_its_properties() {
    let cloud_event = json!({
        "RequestType": "Update", "ResponseURL": RESPONSE_URL, "StackId": "arn:aws:cloudformation:us-east-1:1:stack/a/b",
        "RequestId": "r", "LogicalResourceId": "TiDB", "ResourceType": "Custom::X", "PhysicalResourceId": "p",
        "ResourceProperties": { "ServiceTimeout": "120" }, "OldResourceProperties": { "Port": "1" },
    });
    let event = Event::read(&cloud_event).unwrap();
    assert_eq!(event.request_type, RequestType::Update { old_properties: json!({ "Port": "1" }) });
    assert_eq!(event.reply_to.physical_id.as_deref(), Some("p"));
    assert_eq!(event.ends_at(ARRIVED), ARRIVED + SignedDuration::from_mins(2));
    let printed = format!("{event:?}");
    assert!(!printed.contains("X-Amz-Signature") && !printed.contains("amazonaws.com"), "{printed}");
}

#[test]
fn a_service_timeout_that_cloudformation_does_not_accept_is_ignored() {
    for value in [json!("0"), json!("3601"), json!("-5"), json!("soon"), json!([900]), json!(null), json!(1e300)] {
        let event = json!({
            "RequestType": "Create", "ResponseURL": RESPONSE_URL, "StackId": "s", "RequestId": "r",
            "LogicalResourceId": "l", "ResourceType": "Custom::X", "ResourceProperties": { "ServiceTimeout": value },
        });
        assert_eq!(Event::read(&event).unwrap().ends_at(ARRIVED), ARRIVED + SignedDuration::from_hours(1));
    }
}

#[test]
fn a_response_url_tells_when_it_was_signed() {
    let at = |query: &str| ResponseUrl::new(format!("https://bucket.s3.amazonaws.com/key?{query}")).signed_at();
    let moment = |text: &str| Some(text.parse().unwrap());
    assert_eq!(at("X-Amz-Date=20261123T090000Z&X-Amz-Expires=7200&X-Amz-Signature=0"), moment("2026-11-23T09:00:00Z"));
    assert_eq!(at("X-Amz%2DDate=20261123T090000Z"), moment("2026-11-23T09:00:00Z"));
    assert_eq!(at("AWSAccessKeyId=AKIA&Expires=1795428000&Signature=x"), moment("2026-11-23T08:00:00Z"));
    for odd in ["", "Expires=", "Expires=99999999999999999999", "X-Amz-Date=2026&X-Amz-Expires=1"] {
        assert_eq!(at(odd), None, "{odd}");
    }
}

/// An event that CloudFormation sent so many seconds before it arrives.
fn late(cloud: &Cloud, kind: &str, id: &str, seconds: i64, timeout: Option<u32>) -> Value {
    let (stack, sent) = (cloud.stack("orders"), cloud.sim.now() - SignedDuration::from_secs(seconds));
    let new = with(properties(), json!({ "ServiceTimeout": timeout }));
    let event = match kind {
        "Create" => stack.event("Create", &new),
        "Update" => stack.update_event(id, &new, &properties()),
        _ => stack.delete_event(id, &new),
    };
    with(event, json!({ "ResponseURL": signed(sent) }))
}

const KINDS: [&str; 3] = ["Create", "Update", "Delete"];
/// An endpoint that no longer exists.
const GONE: &str = "vpce-0123456789abcdef0";

#[tokio::test(start_paused = true)]
async fn an_event_that_cloudformation_has_given_up_on_changes_nothing() {
    for kind in KINDS {
        let cloud = Cloud::new();
        for (seconds, timeout) in [(700, Some(600)), (600, Some(600)), (3_600, None), (7_200, None)] {
            let event = late(&cloud, kind, GONE, seconds, timeout);
            let handled = cloud.deliver_raw(&event, FIFTEEN_MINUTES).await;
            assert!(matches!(handled, Handled::Expired), "{kind}: {seconds} s late");
            assert_eq!(cloud.sim.log(), [], "{kind}");
        }
        // The Update creates an endpoint in place of one that no longer exists.
        cloud.deliver(&late(&cloud, kind, GONE, 3_000, None)).await;
        assert_ne!(cloud.sim.log(), [], "{kind}");
    }
}

/// The answer comes before CloudFormation stops waiting, which it began to do before the event arrived.
#[tokio::test(start_paused = true)]
async fn a_late_event_is_answered_in_the_time_that_is_left() {
    for kind in KINDS {
        let cloud = Cloud::of(|world| {
            world.knobs.create_ms = ec2_sim::Span::exactly(3_600_000);
            world.knobs.delete_ms = ec2_sim::Span::exactly(3_600_000);
        });
        let stack = cloud.stack("orders");
        let mut id = GONE.to_owned();
        if kind == "Delete" {
            id = cloud.sim.create_foreign_endpoint(foreign());
            let holder = Holder::new(&stack.arn, &stack.logical_id);
            cloud.sim.set_tag(&id, OWNED, &holder.hash);
            cloud.sim.set_tag(&id, &holder.ref_key(), "orders/TiDB 0123456789ab");
            cloud.pass(60).await;
        }
        let event = late(&cloud, kind, &id, 35, Some(60));
        let begun = cloud.sim.now();
        let reason = cloud.deliver(&event).await.failed();
        assert!(reason.starts_with("Timed out"), "{kind}: {reason}");
        assert!(cloud.sim.now().duration_since(begun) < SignedDuration::from_secs(25), "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_event_with_a_response_url_gets_a_response() {
    let cloud = Cloud::new();
    let good = cloud.stack("orders").event("Create", &properties());
    let broken = [
        with(good.clone(), json!({ "RequestType": "Destroy" })),
        with(good.clone(), json!({ "RequestType": null })),
        with(good.clone(), json!({ "StackId": 7 })),
        with(good.clone(), json!({ "ResourceProperties": null })),
        with(good.clone(), json!({ "RequestType": "Update" })),
        json!({ "ResponseURL": RESPONSE_URL }),
    ];
    for event in broken {
        let Handled::Answer(to, answer, _) = cloud.deliver_raw(&event, FIFTEEN_MINUTES).await else {
            panic!("no response to {event}")
        };
        let body: Value = serde_json::from_str(&answer.body(&to)).unwrap();
        assert_eq!(body["Status"], "FAILED");
        assert!(body["Reason"].as_str().unwrap().contains("not a CloudFormation custom resource event"), "{body}");
        assert!(!body["PhysicalResourceId"].as_str().unwrap().is_empty());
        assert!(!body.to_string().contains("X-Amz-Signature"));
    }
    for event in [json!(null), json!([]), json!("x"), json!({ "ResponseURL": 7 }), json!({ "RequestType": "Create" })] {
        assert!(matches!(cloud.deliver_raw(&event, FIFTEEN_MINUTES).await, Handled::NoReplyTo(_)), "{event}");
    }
    assert_eq!(cloud.sim.log(), []);
}

/// Whoever may invoke the function names the URL, and the answer must not go anywhere in the clear.
#[tokio::test(start_paused = true)]
async fn an_answer_goes_over_https_or_to_the_machine_itself() {
    let cloud = Cloud::new();
    let good = cloud.stack("orders").event("Create", &json!({}));
    let handled = async |url: &str| {
        let event = with(good.clone(), json!({ "ResponseURL": url }));
        cloud.deliver_raw(&event, FIFTEEN_MINUTES).await
    };
    for url in [
        "https://example.com/?s=5ec4e7",
        "http://127.0.0.1:4566/?s=5ec4e7",
        "http://localhost/?s=5ec4e7",
        "http://[::1]:80/?s=5ec4e7",
    ] {
        let Handled::Answer(to, ..) = handled(url).await else { panic!("{url}") };
        assert_eq!(to.response_url.expose(), url);
    }
    for url in [
        "http://example.com/?s=5ec4e7",
        "http://10.0.0.1/?s=5ec4e7",
        "http://169.254.169.254/?s=5ec4e7",
        "http://127.0.0.1.example.com/?s=5ec4e7",
        "http://127.0.0.1@example.com/?s=5ec4e7",
        "http://127.0.0.1\\@example.com/?s=5ec4e7",
        " http://example.com/?s=5ec4e7",
        "HTTP://example.com/?s=5ec4e7",
        "httpx://127.0.0.1/?s=5ec4e7",
        "file:///?s=5ec4e7",
        "nowhere?s=5ec4e7",
    ] {
        let Handled::NoReplyTo(unreadable) = handled(url).await else { panic!("{url}") };
        let said = format!("{unreadable} {unreadable:?}");
        assert!(said.contains("ResponseURL is not an HTTPS URL") && !said.contains("5ec4e7"), "{said}");
    }
    assert_eq!(cloud.sim.log(), []);
}

#[tokio::test(start_paused = true)]
async fn a_reason_is_shortened_to_what_cloudformation_accepts() {
    let cloud = Cloud::new();
    let subnets: Vec<String> = (0..200).map(|n| format!("subnet-€{n}")).collect();
    let failed = cloud.stack("orders").create(&with(properties(), json!({ "SubnetIds": subnets }))).await;
    let reason = failed.failed();
    assert!(reason.contains("200 errors") && reason.ends_with('…'), "{reason}");
    assert!(reason.len() > ANSWER_BYTES_MAX / 2, "no more is cut than necessary");
}

#[tokio::test(start_paused = true)]
async fn a_panic_becomes_a_failed_response() {
    let cloud = Cloud::new();
    cloud.sim.on_call(|call| {
        assert!(call.action != "CreateVpcEndpoint", "a bug");
        ec2_sim::Verdict::Proceed
    });
    let reason = cloud.stack("orders").create(&properties()).await.failed();
    assert!(reason.contains("internal error (a bug)") && reason.contains("creating an endpoint"), "{reason}");
}
