//! The log lines for metrics: CloudWatch can read them, and each delivery has one.

use crate::callback::{Reply, server};
use crate::cloud::*;
use crate::log::Lines;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tidb_private_endpoint::answer::metrics::{Ending, Metrics, NAMESPACE};
use tidb_private_endpoint::model::tags::Holder;
use tidb_private_endpoint::runtime::callback::Callback;
use tidb_private_endpoint::runtime::clock::Clock;
use tidb_private_endpoint::runtime::http::Http;
use tidb_private_endpoint::runtime::log::subscriber;

/// Checks a line against the specification of the embedded metric format. CloudWatch silently ignores lines that
/// violate it. Returns the names of the metrics, each with its dimensions.
pub(crate) fn embedded_metrics(line: &Value) -> BTreeSet<(String, Vec<String>)> {
    let metadata = &line["_aws"];
    assert!(metadata["Timestamp"].is_u64(), "milliseconds since 1970: {metadata}");
    let text =
        |value: &Value| value.as_str().filter(|text| !text.trim().is_empty() && text.is_ascii()).map(str::to_owned);
    let mut metrics = BTreeSet::new();
    for directive in metadata["CloudWatchMetrics"].as_array().unwrap() {
        assert_eq!(directive["Namespace"], NAMESPACE);
        for dimensions in directive["Dimensions"].as_array().unwrap() {
            let dimensions: Vec<String> =
                dimensions.as_array().unwrap().iter().map(|name| text(name).unwrap()).collect();
            assert!((1..=30).contains(&dimensions.len()));
            for name in &dimensions {
                assert!(text(&line[name]).is_some(), "the dimension {name} has a value at the root: {line}");
            }
            for metric in directive["Metrics"].as_array().unwrap() {
                let name = text(&metric["Name"]).unwrap();
                assert!(line[&name].is_number(), "the metric {name} has a value at the root: {line}");
                assert!(["Count", "Milliseconds"].contains(&metric["Unit"].as_str().unwrap()), "{metric}");
                metrics.insert((name, dimensions.clone()));
            }
        }
    }
    metrics
}

#[test]
fn a_line_conforms_to_the_embedded_metric_format() {
    let (arrived, ended): (Timestamp, Timestamp) =
        ("2026-11-23T09:00:00Z".parse().unwrap(), "2026-11-23T09:01:01.5Z".parse().unwrap());
    let metrics = Metrics { ending: Ending { outcome: "created", failed: false }, arrived, ended, ec2_calls: 17 };
    let event = Cloud::new().stack("orders").event("Create", &properties());
    let line: Value = serde_json::from_str(&metrics.line("provider", "", &event)).unwrap();
    let of_function = |name: &str| (name.to_owned(), vec!["FunctionName".to_owned()]);
    let by_outcome = ("Events".to_owned(), vec!["FunctionName".to_owned(), "Outcome".to_owned()]);
    assert_eq!(
        embedded_metrics(&line),
        BTreeSet::from([by_outcome, of_function("Failures"), of_function("Duration"), of_function("Ec2Calls")])
    );
    assert_eq!(line["_aws"]["Timestamp"], ended.as_millisecond());
    for (name, value) in [
        ("timestamp", json!("2026-11-23T09:01:01.5Z")),
        ("level", json!("INFO")),
        ("FunctionName", json!("provider")),
        ("Version", json!(env!("CARGO_PKG_VERSION"))),
        ("Outcome", json!("created")),
        ("Events", json!(1)),
        ("Failures", json!(0)),
        ("Duration", json!(61_500)),
        ("Ec2Calls", json!(17)),
    ] {
        assert_eq!(line[name], value, "{name}");
    }
    assert_eq!(line["span"]["stack"], event["StackId"]);
    assert_eq!(line["span"]["request_type"], "Create");
    let failed = Metrics { ending: Ending { outcome: "timed out", failed: true }, ..metrics };
    for event in [event, json!({}), json!("text"), Value::Null] {
        let line: Value = serde_json::from_str(&failed.line("provider", "ERROR", &event)).unwrap();
        embedded_metrics(&line);
        assert_eq!((&line["level"], &line["Failures"]), (&json!("ERROR"), &json!(1)));
    }
}

/// Handles an event whose response goes to `url`, and returns its lines for metrics. All lines are JSON, and CloudWatch
/// does not take any other line for metrics.
async fn lines_of(cloud: &Cloud, event: &Value, url: &str) -> Vec<Value> {
    let lines = Lines::default();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let callback = Callback::new(Http::new().map(|http| http.client()).unwrap());
    let clock = Clock::starting_at(cloud.sim.now());
    {
        let _guard = tracing::subscriber::set_default(subscriber("ERROR", lines.clone()));
        let event = with(event.clone(), json!({ "ResponseURL": url }));
        let served = cloud.handler.serve(&callback, &event, clock, clock.now() + SignedDuration::from_secs(900)).await;
        // Lambda delivers an event again if the function fails, and then passes it on.
        let is_undelivered = url.starts_with("http://127.0.0.1") && url.contains("/?");
        let is_unanswerable = url.starts_with("nowhere");
        assert_eq!(served.is_err(), is_undelivered || is_unanswerable, "{url}");
        assert!(!format!("{served:?}").contains("5ec4e7"), "{served:?}");
        if let Err(error) = served {
            assert!(!error.to_string().contains("5ec4e7"), "{error}");
        }
    }
    let text = lines.text();
    assert!(!text.contains("5ec4e7"), "{text}");
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let (metrics, others): (Vec<Value>, Vec<Value>) = lines.partition(|line| line.get("_aws").is_some());
    assert!(others.iter().all(|line| line["level"] == "ERROR"), "{others:?}");
    metrics
}

#[tokio::test]
#[ignore = "run by log::each_in_a_process_of_its_own"]
async fn each_delivery_has_one_line_at_every_log_level() {
    let cloud = Cloud::new();
    let stack = cloud.stack("orders");
    // Of a Create that has ended, so its Delete need not look for what may still come.
    let nothing_made = format!("nothing-made-{}-6b0804d9515935939665", Holder::new(&stack.arn, &stack.logical_id).hash);
    let expired = "https://bucket.s3.amazonaws.com/key?X-Amz-Date=20261101T080000Z&X-Amz-Expires=7200&s=5ec4e7";
    let (url, _received) = server(vec![Reply::Status("200 OK"); 3]);
    for (event, url, outcome, failed) in [
        (stack.delete_event(&nothing_made, &properties()), url.as_str(), "absent", 0),
        (stack.event("Create", &json!({})), &url, "invalid", 1),
        (stack.event("Destroy", &properties()), &url, "unreadable", 1),
        (stack.event("Create", &properties()), expired, "expired", 1),
        (stack.event("Create", &properties()), "nowhere?X-Amz-Signature=5ec4e7", "unreadable", 1),
    ] {
        let calls = cloud.sim.log().len();
        let lines = lines_of(&cloud, &event, url).await;
        assert_eq!(lines.len(), 1, "{outcome}: {lines:?}");
        embedded_metrics(&lines[0]);
        assert_eq!((&lines[0]["Outcome"], &lines[0]["Failures"]), (&json!(outcome), &json!(failed)));
        assert_eq!(lines[0]["Ec2Calls"], cloud.sim.log().len() - calls, "{outcome}");
        assert_eq!(lines[0]["level"], "WARN", "the log level of the function");
        assert_eq!(lines[0]["FunctionName"], "tidb-private-endpoint");
    }
}

#[tokio::test(start_paused = true)]
#[ignore = "run by log::each_in_a_process_of_its_own"]
async fn a_response_that_cannot_be_delivered_is_counted_as_a_failure() {
    let cloud = Cloud::new();
    let event = cloud.stack("orders").event("Create", &properties());
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let lines = lines_of(&cloud, &event, &format!("http://{unused}/?X-Amz-Signature=5ec4e7")).await;
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!((&lines[0]["Outcome"], &lines[0]["Failures"]), (&json!("undelivered"), &json!(1)));
    assert_eq!(lines[0]["Ec2Calls"], cloud.sim.log().len());
    assert!(lines[0]["Ec2Calls"].as_u64().is_some_and(|calls| calls > 5), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn every_outcome_has_a_name() {
    let cloud = Cloud::new();
    let outcome = async |event: &Value| match cloud.deliver_raw(event, SignedDuration::from_secs(900)).await {
        tidb_private_endpoint::handler::Handled::Answer(_, answer, _) => (answer.outcome, answer.physical_id),
        other => panic!("{other:?}"),
    };
    let (orders, billing) = (cloud.stack("orders"), cloud.stack("billing"));
    let wider = with(properties(), json!({ "SecurityGroupIds": [GROUP], "SubnetIds": [SUBNET_AZ1] }));
    let create = orders.event("Create", &properties());
    let (first, id) = outcome(&create).await;
    let (again, _) = outcome(&create).await;
    assert_eq!((first, again), ("created", "created"), "no matter which delivery created it");
    assert_eq!(outcome(&orders.update_event(&id, &wider, &properties())).await.0, "updated");
    assert_eq!(outcome(&orders.update_event(&id, &wider, &properties())).await.0, "unchanged");
    assert_eq!(outcome(&billing.event("Create", &properties())).await.0, "joined");
    assert_eq!(outcome(&orders.delete_event(&id, &properties())).await.0, "released");
    assert_eq!(outcome(&billing.delete_event(&id, &properties())).await.0, "deleted");
    let elsewhere = with(properties(), json!({ "SecurityGroupIds": [GROUP_2] }));
    assert_eq!(outcome(&orders.event("Create", &elsewhere)).await.0, "refused");
}
