//! The log: what it contains, and what it must never contain.

use crate::cloud::*;
use serde_json::Value;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use tracing_subscriber::fmt::MakeWriter;

/// Collects lines.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Lines {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// Panics when a line is written that contains this.
#[derive(Clone, Copy)]
struct Bomb(&'static str);

impl Write for Bomb {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        assert!(!String::from_utf8_lossy(bytes).contains(self.0), "a bug");
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Bomb {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        *self
    }
}

/// A story with failures: one call is throttled, and the last request is rejected.
async fn story(cloud: &Cloud) {
    let mut throttled = false;
    cloud.sim.on_call(move |call| {
        if call.action == "CreateTags" && !throttled {
            throttled = true;
            return ec2_sim::Verdict::throttled();
        }
        ec2_sim::Verdict::Proceed
    });
    let (orders, billing) = (cloud.stack("orders"), cloud.stack("billing"));
    let created = orders.create(&properties()).await.succeeded();
    billing.create(&properties()).await.succeeded();
    billing.delete(&created.physical_id).await.succeeded();
    orders.delete(&created.physical_id).await.succeeded();
    billing.create(&with(properties(), serde_json::json!({ "SecurityGroupIds": [GROUP_2] }))).await.failed();
    let by_cluster = orders.create(&of_cluster(CLUSTER)).await.succeeded();
    orders.delete(&by_cluster.physical_id).await.succeeded();
    orders.create(&of_cluster("10588888888888888888")).await.failed();
    cloud.deliver(&with(orders.event("Create", &properties()), serde_json::json!({ "RequestType": "Destroy" }))).await;
}

/// The log level applies to the whole process, so each of these tests needs a process of its own.
#[test]
fn each_in_a_process_of_its_own() {
    for test in [
        "log::every_line_contains_its_context_and_what_happened",
        "log::no_line_contains_a_secret",
        "log::each_warning_is_a_line_of_level_warn",
        "ask::watch::the_scheduled_status_writes_its_numbers_as_metrics",
        "log::what_stays_after_a_delete_is_a_line_of_level_warn",
        "log::a_panic_outside_of_the_work_becomes_a_failed_response_too",
        "metrics::each_delivery_has_one_line_at_every_log_level",
        "metrics::a_response_that_cannot_be_delivered_is_counted_as_a_failure",
    ] {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        let output = command.args(["--ignored", "--exact", "--nocapture", test]).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && text.contains("1 passed"),
            "{text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

#[tokio::test(start_paused = true)]
#[ignore = "run by each_in_a_process_of_its_own"]
async fn every_line_contains_its_context_and_what_happened() {
    let (cloud, lines) = (Cloud::new(), Lines::default());
    let subscriber = tidb_private_endpoint::runtime::log::subscriber("", lines.clone());
    {
        let _guard = tracing::subscriber::set_default(subscriber);
        story(&cloud).await;
    }
    let text = lines.text();
    let mut outcomes = Vec::new();
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert!(line["message"].as_str().is_some_and(|message| !message.is_empty()), "{line}");
        assert!(line.get("step").is_some() || line.get("outcome").is_some(), "{line}");
        if line["step"] == "start" {
            assert_eq!(line["version"], env!("CARGO_PKG_VERSION"), "{line}");
        }
        if let Some(outcome) = line["outcome"].as_str() {
            outcomes.push(outcome.to_owned());
        }
        for field in ["stack", "logical_id", "request_id", "request_type"] {
            assert!(line["span"][field].as_str().is_some_and(|value| !value.is_empty()), "{field} in {line}");
        }
    }
    assert_eq!(
        outcomes,
        ["created", "joined", "released", "deleted", "refused", "created", "deleted", "refused", "unreadable"]
    );
    assert!(text.contains("RequestLimitExceeded"), "an error that was retried is in the log");
    assert!(text.lines().count() < 75, "progress, but not every look: {} lines", text.lines().count());
}

#[tokio::test(start_paused = true)]
#[ignore = "run by each_in_a_process_of_its_own"]
async fn no_line_contains_a_secret() {
    let (cloud, lines) = (Cloud::new(), Lines::default());
    let everything =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(lines.clone()).finish();
    {
        let _guard = tracing::subscriber::set_default(everything);
        story(&cloud).await;
    }
    let text = lines.text();
    assert!(text.len() > 10_000, "the libraries log a lot");
    let url = ["X-Amz-Signature=5ec4e7", "5ec4e75ec4e7", "cloudformation-custom-resource-response"];
    for secret in url.into_iter().chain([PUBLIC_KEY, PRIVATE_KEY]) {
        let line = text.lines().find(|line| line.contains(secret));
        assert!(line.is_none(), "{secret} is in the log: {line:?}");
    }
}

#[tokio::test(start_paused = true)]
#[ignore = "run by each_in_a_process_of_its_own"]
async fn each_warning_is_a_line_of_level_warn() {
    let (cloud, lines) = (Cloud::new(), Lines::default());
    cloud.sim.create_foreign_endpoint(foreign());
    cloud.pass(10).await;
    let subscriber = tidb_private_endpoint::runtime::log::subscriber("WARN", lines.clone());
    let warnings = {
        let _guard = tracing::subscriber::set_default(subscriber);
        let tags = serde_json::json!([{ "Key": "team", "Value": "web" }]);
        let requested = with(properties(), serde_json::json!({ "Tags": tags }));
        cloud.stack("orders").create(&requested).await.succeeded().data["Warnings"].clone()
    };
    let text = lines.text();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().all(|line| line["level"] == "WARN" && line["step"] == "warning"), "{text}");
    assert!(lines.iter().all(|line| line["endpoint_id"] == cloud.endpoint().id.as_str()), "{text}");
    let messages: Vec<&str> = lines.iter().filter_map(|line| line["message"].as_str()).collect();
    assert_eq!(messages.join(" "), warnings);
    assert_eq!(messages.len(), 2, "a zone and a tag: {warnings}");
}

#[tokio::test(start_paused = true)]
#[ignore = "run by each_in_a_process_of_its_own"]
async fn what_stays_after_a_delete_is_a_line_of_level_warn() {
    let (cloud, lines) = (Cloud::new(), Lines::default());
    let named = with(properties(), serde_json::json!({ "SubnetIds": [SUBNET_AZ1] }));
    let elsewhere = serde_json::json!({ "ServiceName": SERVICE, "VpcId": VPC_2, "ReuseScope": "Region" });
    let (hub, spoke) = (cloud.stack("hub"), cloud.stack("spoke"));
    let id = hub.create(&named).await.succeeded().physical_id;
    cloud.pass(60).await;
    spoke.create(&elsewhere).await.succeeded();
    cloud.pass(60).await;
    let subscriber = tidb_private_endpoint::runtime::log::subscriber("WARN", lines.clone());
    {
        let _guard = tracing::subscriber::set_default(subscriber);
        hub.leave(&id, &named).await.succeeded();
    }
    let text = lines.text();
    let only = format!("{SUBNET_AZ1} (it is the only one; used by spoke/TiDB)");
    assert!(text.contains(&only) && text.lines().count() == 1, "{text}");

    // EC2 refuses to take a subnet away.
    let (cloud, lines) = (Cloud::new(), Lines::default());
    let (one, two) = (with(properties(), subnets(&[SUBNET_AZ1])), with(properties(), subnets(&[SUBNET_AZ2])));
    let id = cloud.stack("orders").create(&one).await.succeeded().physical_id;
    cloud.stack("billing").create(&two).await.succeeded();
    cloud.pass(60).await;
    cloud.sim.on_call(|call| match call.action.as_str() {
        "ModifyVpcEndpoint" => ec2_sim::Verdict::unauthorized("ModifyVpcEndpoint"),
        _ => ec2_sim::Verdict::Proceed,
    });
    let subscriber = tidb_private_endpoint::runtime::log::subscriber("WARN", lines.clone());
    {
        let _guard = tracing::subscriber::set_default(subscriber);
        cloud.stack("orders").leave(&id, &one).await.succeeded();
    }
    let text = lines.text();
    assert!(text.contains(&format!("{SUBNET_AZ1} (EC2 has refused to take it away)")), "{text}");
}

fn subnets(ids: &[&str]) -> serde_json::Value {
    serde_json::json!({ "SubnetIds": ids })
}

/// The line is written before the work begins, the panics of which are caught where its progress is known.
#[tokio::test(start_paused = true)]
#[ignore = "run by each_in_a_process_of_its_own"]
async fn a_panic_outside_of_the_work_becomes_a_failed_response_too() {
    let cloud = Cloud::new();
    let subscriber = tidb_private_endpoint::runtime::log::subscriber("INFO", Bomb("handling the request"));
    let reason = {
        let _guard = tracing::subscriber::set_default(subscriber);
        cloud.stack("orders").create(&properties()).await.failed()
    };
    assert!(reason.contains("internal error (a bug)"), "{reason}");
    assert_eq!(cloud.sim.log(), []);
}
