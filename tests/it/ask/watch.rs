//! The function asks itself on a schedule, and writes what it finds as metrics.

use super::{Asked, strings};
use crate::cloud::*;
use crate::log::Lines;
use crate::metrics::embedded_metrics;
use ec2_sim::StacksFault;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tidb_private_endpoint::runtime::log::subscriber;

/// What `StatusSchedule` sends, from the template.
fn scheduled() -> Value {
    let template = crate::tables::file("template.yaml");
    let (_, rule) = template.split_once("\n  StatusRule:\n").unwrap();
    let input = rule.lines().find_map(|line| line.trim().strip_prefix("Input: ")).unwrap();
    serde_json::from_str(input.trim_matches('\'')).unwrap()
}

/// Asks, and returns the answer and the lines with metrics.
async fn ask(asked: &Asked, question: &Value) -> (Value, Vec<Value>) {
    let lines = Lines::default();
    let answer = {
        let _guard = tracing::subscriber::set_default(subscriber("WARN", lines.clone()));
        asked.answer(question).await
    };
    let lines = lines.text();
    let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    (answer, lines.filter(|line| line.get("_aws").is_some()).collect())
}

/// The default security group of the VPC.
const DEFAULT_GROUP: &str = "sg-0a1def1111111111a";

const NAMES: [&str; 5] = ["Endpoints", "Holders", "Orphans", "ReferenceSlotsLeft", "StaleReferences"];

fn values(line: &Value) -> Vec<Option<u64>> {
    NAMES.map(|name| line[name].as_u64()).to_vec()
}

#[tokio::test(start_paused = true)]
#[ignore = "run by log::each_in_a_process_of_its_own"]
async fn the_scheduled_status_writes_its_numbers_as_metrics() {
    let cloud = Cloud::new();
    let asked = Asked::new(&cloud);
    let (answer, lines) = ask(&asked, &scheduled()).await;
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(values(&lines[0]), [0, 0, 0, 50, 0].map(Some), "nothing is there");
    assert_eq!(answer["Counts"]["Endpoints"], 0);

    let (orders, billing) = (asked.stack("orders"), asked.stack("billing"));
    let id = orders.create(&properties()).await.succeeded().physical_id;
    billing.create(&properties()).await.succeeded();
    let other = with(properties(), json!({ "VpcId": VPC_2, "SecurityGroupIds": [GROUP_2] }));
    let search = asked.stack("search");
    let orphan = search.create(&other).await.succeeded().physical_id;
    cloud.sim.remove_tag(&orphan, &search.ref_key());
    let second = with(properties(), json!({ "ServiceName": SERVICE_2, "PrivateDnsEnabled": false }));
    asked.stack("web").create(&second).await.succeeded();
    asked.forget(&orders);
    cloud.pass(20).await;
    let (answer, lines) = ask(&asked, &scheduled()).await;
    let line = &lines[0];
    let name = |name: &str| (name.to_owned(), vec!["FunctionName".to_owned()]);
    assert_eq!(embedded_metrics(line), BTreeSet::from(NAMES.map(name)));
    // Two references, the mark, and a name.
    assert_eq!(values(line), [3, 3, 1, 46, 1].map(Some), "{line}");
    assert_eq!((&line["level"], &line["FunctionName"]), (&json!("WARN"), &json!("tidb-private-endpoint")));
    for (name, value) in NAMES.iter().zip(values(line)) {
        assert_eq!(answer["Counts"][name].as_u64(), value, "the answer has the same {name}");
    }
    let held = answer["Endpoints"].as_array().unwrap().iter().find(|endpoint| endpoint["EndpointId"] == id).unwrap();
    assert_eq!(held["ReferenceSlotsLeft"], 46);

    // Where the stacks cannot be listed, nothing is said about them.
    asked.stacks.fail([StacksFault::Throttled; 5]);
    let (answer, lines) = ask(&asked, &scheduled()).await;
    assert_eq!(values(&lines[0]), [Some(3), Some(3), Some(1), Some(46), None]);
    assert_eq!(answer["Counts"]["StaleReferences"], Value::Null);

    // A person who asks changes no metric.
    let (_, lines) = ask(&asked, &json!({ "Ask": "Status" })).await;
    assert_eq!(lines, [Value::Null; 0]);
}

#[tokio::test(start_paused = true)]
async fn metrics_are_about_the_whole_region() {
    let asked = Asked::new(&Cloud::new());
    for (question, fault) in [
        (json!({ "Ask": "Status", "Metrics": true, "VpcId": VPC }), "Metrics are about the whole Region"),
        (json!({ "Ask": "Status", "Metrics": true, "ServiceName": SERVICE }), "Metrics are about the whole Region"),
        (json!({ "Ask": "Status", "Metrics": "yes" }), "Metrics must be true or false"),
        (json!({ "Ask": "Release", "Metrics": true }), "it contains Metrics"),
    ] {
        let error = asked.ask(&question).await.unwrap_err();
        assert!(error.contains(fault) && error.contains("A correct question:"), "{error}");
    }
    asked.answer(&json!({ "Ask": "Status", "Metrics": false, "VpcId": VPC })).await;
}

/// What people have changed manually differs from what holders request.
#[tokio::test(start_paused = true)]
async fn status_compares_subnets_zones_and_groups_with_what_each_holder_requests() {
    let cloud = Cloud::new();
    let asked = Asked::new(&cloud);
    let zones = with(properties(), json!({ "AvailabilityZoneIds": ["use1-az1", "use1-az2"] }));
    let subnets = with(properties(), json!({ "SubnetIds": [SUBNET_AZ1, SUBNET_AZ2] }));
    let id = asked.stack("zones").create(&zones).await.succeeded().physical_id;
    asked.stack("subnets").create(&subnets).await.succeeded();
    asked.stack("everywhere").create(&properties()).await.succeeded();
    cloud.pass(20).await;
    let look = async || {
        let answer = asked.answer(&json!({ "Ask": "Status" })).await;
        let endpoint = answer["Endpoints"][0].clone();
        let by_id = asked.answer(&json!({ "Ask": "Status", "EndpointId": id })).await;
        assert_eq!(by_id["Endpoints"][0], endpoint, "the same, asked in another way");
        endpoint
    };
    let endpoint = look().await;
    let mut there = strings(&endpoint["AvailabilityZoneIds"]);
    there.sort_unstable();
    assert_eq!(there, ["use1-az1", "use1-az2"]);
    assert_eq!(endpoint["Differences"], json!([]));

    let change = |what: &str| format!("Action=ModifyVpcEndpoint&Version=2016-11-15&VpcEndpointId={id}&{what}");
    for what in [
        format!("RemoveSubnetId.1={SUBNET_AZ2}"),
        format!("AddSecurityGroupId.1={DEFAULT_GROUP}&RemoveSecurityGroupId.1={GROUP}"),
    ] {
        assert_eq!(cloud.sim.call(&change(&what)).await.status, 200, "{what}");
        cloud.pass(60).await;
    }
    let endpoint = look().await;
    let mut differences = strings(&endpoint["Differences"]);
    differences.sort_unstable();
    let group = |name: &str| format!("{name}/TiDB requests {GROUP}, which the endpoint does not have.");
    assert_eq!(
        differences,
        [
            group("everywhere"),
            group("subnets"),
            format!("subnets/TiDB requests {SUBNET_AZ2}, which the endpoint does not have."),
            group("zones"),
            "zones/TiDB requests use1-az2, where the endpoint has no subnet.".to_owned(),
        ]
    );
}

/// Without its parameter, nothing is there; with it, one rule may invoke the function, and the role gets no permission.
#[test]
fn the_schedule_is_optional() {
    let template = crate::tables::file("template.yaml");
    let resource = |name: &str| {
        let (_, text) = template.split_once(&format!("\n  {name}:\n    Type: AWS::")).unwrap();
        let lines = text.lines().take_while(|line| line.starts_with("    ") || !line.starts_with("  "));
        lines.take_while(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
    };
    assert!(template.contains("\n  HasStatusSchedule: !Not [!Equals [!Ref StatusSchedule, '']]\n"));
    for (name, condition) in [
        ("StatusRule", "HasStatusSchedule"),
        ("StatusPermission", "HasStatusSchedule"),
        ("StaleReferencesAlarm", "HasStatusAlarm"),
        ("OrphansAlarm", "HasStatusAlarm"),
        ("ReferenceSlotsAlarm", "HasStatusAlarm"),
    ] {
        assert!(resource(name).contains(&format!("\n    Condition: {condition}\n")), "{name}: {}", resource(name));
    }
    let permission = resource("StatusPermission");
    for line in
        ["Action: lambda:InvokeFunction", "Principal: events.amazonaws.com", "SourceArn: !GetAtt StatusRule.Arn"]
    {
        assert!(permission.contains(line), "{permission}");
    }
    for (alarm, metric) in
        [("StaleReferencesAlarm", NAMES[4]), ("OrphansAlarm", NAMES[2]), ("ReferenceSlotsAlarm", NAMES[3])]
    {
        assert!(resource(alarm).contains(&format!("\n      MetricName: {metric}\n")), "{alarm}");
    }
}
