//! From CloudFormation's event to its answer: the check function, Lambda's record of it, and the provider.

use super::*;
use crate::callback::{Reply, server};
use crate::cloud::{Answered, CHECK_FUNCTION, Cloud, Stack, with};
use crate::log::Lines;
use crate::one_answer;
use proptest::prelude::*;
use tidb_private_endpoint::handler::Handled;
use tidb_private_endpoint::probe::function::CheckFunction;
use tidb_private_endpoint::runtime::callback::Callback;
use tidb_private_endpoint::runtime::http::Http;
use tidb_private_endpoint::runtime::log::subscriber;

const TYPE: &str = "Custom::TiDBCloudConnectionCheck";

fn check(stack: &Stack, request_type: &str, properties: &Value) -> Value {
    with(stack.event(request_type, properties), json!({ "ResourceType": TYPE, "LogicalResourceId": "Check" }))
}

fn function(net: &Net) -> CheckFunction<Net> {
    CheckFunction { network: net.clone(), tls: tls(), name: "check".to_owned(), log_level: String::new() }
}

/// Lambda's record of an invocation (Lambda developer guide, "Capturing records of Lambda asynchronous invocations").
fn record(payload: &Value, condition: &str, response: &Value) -> Value {
    json!({
        "version": "1.0",
        "timestamp": "2026-11-23T09:00:30.568Z",
        "requestContext": {
            "requestId": "e4b46cbf-b738-xmpl-8880-a18cdf61200e",
            "functionArn": format!("{CHECK_FUNCTION}:$LATEST"),
            "condition": condition,
            "approximateInvokeCount": 1,
        },
        "requestPayload": payload,
        "responseContext": { "statusCode": 200, "executedVersion": "$LATEST" },
        "responsePayload": response,
    })
}

/// Runs the check function for an event, and makes the record of it.
async fn checked(cloud: &Cloud, net: &Net, event: &Value) -> Value {
    let deadline = cloud.sim.now() + SignedDuration::from_secs(900);
    let returned = function(net).serve(event, Clock::starting_at(cloud.sim.now()), deadline).await.unwrap();
    record(event, "Success", &serde_json::to_value(returned).unwrap())
}

/// A record of a function that failed.
fn failure(event: &Value, error_type: &str, message: &str) -> Value {
    let mut record = record(event, "RetriesExhausted", &json!({ "errorType": error_type, "errorMessage": message }));
    record["responseContext"]["functionError"] = json!("Unhandled");
    record
}

async fn answer(cloud: &Cloud, record: &Value) -> Answered {
    match cloud.deliver_raw(record, SignedDuration::from_secs(900)).await {
        Handled::Answer(to, answer, _) => Answered::check(&record["requestPayload"], &answer.body(&to)),
        other => panic!("no response, but {other:?}"),
    }
}

async fn story(cloud: &Cloud, net: &Net, event: &Value) -> Answered {
    answer(cloud, &checked(cloud, net, event).await).await
}

#[tokio::test(start_paused = true)]
async fn a_stack_turns_green_with_a_database_that_answers() {
    let cloud = Cloud::new();
    let net = Net::new(&[(A, Fault::None), (B, Fault::None)]);
    let event = check(&cloud.stack("orders"), "Create", &json!({ "Host": HOST, "Port": "4000" }));
    let answered = story(&cloud, &net, &event).await.succeeded();
    let expected = json!({
        "Reachable": "true",
        "Report": answered.data["Report"],
        "Addresses": "10.0.1.25,10.0.2.31",
        "ConnectMilliseconds": "2",
        "TlsVersion": "TLSv1.3",
        "CertificateIssuer": "CN=private authority",
        "CertificateExpires": "2090-01-01T00:00:00Z",
        "ServerVersion": "8.0.11-TiDB-v8.5.0",
    });
    assert_eq!(serde_json::to_value(&answered.data).unwrap(), expected);
    assert!(answered.data["Report"].contains("is reachable"));
    assert_eq!(cloud.sim.log(), [], "EC2 is not asked");
}

#[tokio::test(start_paused = true)]
async fn a_stack_turns_red_with_the_layer_that_is_wrong() {
    let cloud = Cloud::new();
    let event = check(&cloud.stack("orders"), "Create", &json!({ "Host": HOST, "TimeoutSeconds": "60" }));
    let answered = story(&cloud, &Net::new(&[(A, Fault::None)]).with(B, Place::Drops), &event).await;
    let reason = answered.clone().failed();
    let says = format!("The connection to {HOST}:4000 fails at the layer TCP. 10.0.2.31 did not respond on port 4000");
    assert!(reason.starts_with(&says), "{reason}");
    assert!(reason.ends_with("See docs/troubleshooting.md#connection-check-tcp."), "{reason}");
    // The roll-back deletes what failed.
    let stack = cloud.stack("orders");
    let delete =
        with(check(&stack, "Delete", &json!({ "Host": HOST })), json!({ "PhysicalResourceId": answered.physical_id }));
    story(&cloud, &Net::new(&[(A, Fault::Silent)]), &delete).await.succeeded();
}

#[tokio::test(start_paused = true)]
async fn with_warn_the_stack_turns_green_and_the_report_says_what_is_wrong() {
    let cloud = Cloud::new();
    let properties = json!({ "Host": HOST, "OnFailure": "Warn", "TimeoutSeconds": 30 });
    let event = check(&cloud.stack("orders"), "Create", &properties);
    let answered = story(&cloud, &Net::new(&[(A, Fault::Expired)]), &event).await.succeeded();
    assert_eq!(answered.data["Reachable"], "false");
    assert!(answered.data["Report"].contains("fails at the layer TLS"), "{:?}", answered.data);
    assert_eq!((answered.data["Addresses"].as_str(), answered.data["TlsVersion"].as_str()), (A, ""));
    let answered = answer(&cloud, &failure(&event, "Runtime.ExitError", "RequestId: x Error: exit status 1")).await;
    let data = answered.succeeded().data;
    assert_eq!(data["Reachable"], "false");
    assert!(data["Report"].starts_with("The check function stopped before it could report"), "{data:?}");
}

#[tokio::test(start_paused = true)]
async fn a_check_function_that_ends_without_a_report_is_answered() {
    let cloud = Cloud::new();
    let event = check(&cloud.stack("orders"), "Create", &json!({ "Host": HOST }));
    let mut never = record(&event, "EventAgeExceeded", &Value::Null);
    never.as_object_mut().unwrap().retain(|name, _| !name.starts_with("response"));
    let cases = [
        (
            failure(&event, "", "2026-11-23T09:15:00.003Z e4b46cbf Task timed out after 900.00 seconds"),
            "reached its time limit",
        ),
        (
            failure(&event, "Sandbox.Timedout", "RequestId: x Error: Task timed out after 900.00 seconds"),
            "reached its time limit",
        ),
        (
            failure(&event, "Runtime.ExitError", "RequestId: x Error: Runtime exited with error: signal: killed"),
            "ran out of memory",
        ),
        (failure(&event, "Runtime.OutOfMemory", "Runtime exited"), "ran out of memory"),
        (
            failure(&event, "Runtime.ExitError", "RequestId: x Error: Runtime exited with error: exit status 101"),
            "stopped before it could report",
        ),
        (failure(&event, "panic", "a\nbug\u{1b}"), "stopped before it could report (panic: a bug)"),
        (never, "Lambda did not run the check function"),
        (record(&event, "Success", &Value::Null), "returned something that is no report"),
        (record(&event, "Success", &json!({ "Reachable": "maybe" })), "returned something that is no report"),
    ];
    for (record, says) in cases {
        let answered = answer(&cloud, &record).await;
        let reason = answered.clone().failed();
        assert!(reason.contains(says), "{reason}");
        let delete = with(
            check(&cloud.stack("orders"), "Delete", &json!({})),
            json!({ "PhysicalResourceId": answered.physical_id }),
        );
        let mut record = record.clone();
        record["requestPayload"] = delete;
        answer(&cloud, &record).await.succeeded();
    }
}

#[tokio::test(start_paused = true)]
async fn bad_properties_are_refused_together_without_a_check() {
    let cloud = Cloud::new();
    let properties = json!({
        "Host": "10.0.1.25", "Port": "0", "EndpointAddresses": ["10.0.1", "10.0.1.25"], "TimeoutSeconds": "841",
        "OnFailure": "Ignore", "Hots": "x",
    });
    let event = check(&cloud.stack("orders"), "Create", &properties);
    let net = Net::new(&[]).resolving(Vec::new());
    let reason = story(&cloud, &net, &event).await.failed();
    for says in [
        "The properties have 6 errors.",
        "Host is '10.0.1.25', which is not a host name such as gateway01-privatelink",
        "Port is '0', which is not a whole number from 1 to 65535.",
        "EndpointAddresses contains '10.0.1', which is not an IP address such as",
        "TimeoutSeconds is '841', which is not a whole number from 1 to 840.",
        "OnFailure is 'Ignore', which is none of Fail, Warn.",
        "Hots is not a supported property; did you mean Host?",
    ] {
        assert!(reason.contains(says), "{says}\n{reason}");
    }
    let reason = story(&cloud, &net, &check(&cloud.stack("orders"), "Create", &json!({ "Host": "" }))).await.failed();
    assert!(reason.contains("Host is missing; specify the attribute Host of the endpoint."), "{reason}");
    let host = vec!["a".repeat(60); 5].join(".");
    let long = json!({ "Host": host, "EndpointAddresses": "1.2.3.4.5" });
    let reason = story(&cloud, &net, &check(&cloud.stack("orders"), "Create", &long)).await.failed();
    assert!(reason.contains("304 characters") && reason.contains("'1.2.3.4.5', which is not an IP"), "{reason}");
}

/// CloudFormation sends an Update with what already holds only to roll back. A check that failed it would leave the stack
/// in `UPDATE_ROLLBACK_FAILED`.
#[tokio::test(start_paused = true)]
async fn a_roll_back_does_not_fail() {
    let cloud = Cloud::new();
    let (stack, good) = (cloud.stack("orders"), Net::new(&[(A, Fault::None)]));
    let first = json!({ "Host": HOST, "Trigger": "1", "TimeoutSeconds": "10" });
    let second = with(first.clone(), json!({ "Trigger": "2" }));
    let created = story(&cloud, &good, &check(&stack, "Create", &first)).await.succeeded();
    let update = |new: &Value, old: &Value, id: &str| {
        with(check(&stack, "Update", new), json!({ "PhysicalResourceId": id, "OldResourceProperties": old }))
    };
    let bad = Net::new(&[(A, Fault::Closes)]);
    let failed = story(&cloud, &bad, &update(&second, &first, &created.physical_id)).await;
    assert_eq!(failed.physical_id, created.physical_id);
    failed.failed();
    let back = story(&cloud, &bad, &update(&first, &second, &created.physical_id)).await;
    assert_eq!(back.clone().succeeded().data["Reachable"], "false", "it says what it found all the same");
    assert_eq!(back.physical_id, created.physical_id);
    // A later change is checked again.
    story(&cloud, &bad, &update(&second, &first, &created.physical_id)).await.failed();
    let event = update(&second, &first, &created.physical_id);
    let updated = answer(&cloud, &checked(&cloud, &good, &event).await).await;
    assert_ne!(updated.clone().succeeded().physical_id, created.physical_id);
}

/// `ServiceTimeout` is CloudFormation's own, and an update may change nothing else.
#[tokio::test(start_paused = true)]
async fn an_update_of_the_service_timeout_alone_is_checked_and_its_roll_back_does_not_fail() {
    let cloud = Cloud::new();
    let stack = cloud.stack("orders");
    let (good, bad) = (Net::new(&[(A, Fault::None)]), Net::new(&[(A, Fault::Closes)]));
    let first = json!({ "Host": HOST, "TimeoutSeconds": "10" });
    let second = with(first.clone(), json!({ "ServiceTimeout": "300" }));
    let created = story(&cloud, &good, &check(&stack, "Create", &first)).await.succeeded();
    let update = |new: &Value, old: &Value| {
        let ids = json!({ "PhysicalResourceId": created.physical_id, "OldResourceProperties": old });
        with(check(&stack, "Update", new), ids)
    };
    let failed = story(&cloud, &bad, &update(&second, &first)).await;
    assert_eq!(failed.physical_id, created.physical_id);
    failed.failed();
    let back = story(&cloud, &bad, &update(&first, &second)).await.succeeded();
    assert_eq!((back.data["Reachable"].as_str(), &back.physical_id), ("false", &created.physical_id));
    story(&cloud, &good, &update(&second, &first)).await.succeeded();
}

/// The two exports have similar names.
#[tokio::test(start_paused = true)]
async fn a_swapped_service_token_is_the_only_error() {
    let cloud = Cloud::new();
    let (stack, net) = (cloud.stack("orders"), Net::new(&[(A, Fault::None)]));
    let of_check = check(&stack, "Create", &json!({ "Host": HOST, "OnFailure": "Fail" }));
    let answered = cloud.deliver(&of_check).await;
    let expected = "The properties have one error. ServiceToken is that of Custom::TiDBCloudPrivateEndpoint; for \
                    Custom::TiDBCloudConnectionCheck, import the export whose name ends with -CheckServiceToken.";
    let (id, reason) = (answered.physical_id.clone(), answered.failed());
    assert!(reason.starts_with(expected), "{reason}");
    let ids = json!({ "PhysicalResourceId": id });
    cloud.deliver(&with(check(&stack, "Delete", &json!({ "Host": HOST })), ids)).await.succeeded();
    assert_eq!(cloud.changes(), [""; 0]);

    let of_endpoint = stack.event("Create", &crate::cloud::properties());
    let answered = story(&cloud, &net, &of_endpoint).await;
    let expected = "The properties have one error. ServiceToken is that of Custom::TiDBCloudConnectionCheck; for \
                    Custom::TiDBCloudPrivateEndpoint, import the export whose name ends with -ServiceToken.";
    let (id, reason) = (answered.physical_id.clone(), answered.failed());
    assert!(reason.starts_with(expected), "{reason}");
    story(&cloud, &net, &stack.delete_event(&id, &crate::cloud::properties())).await.succeeded();

    // Any other name is one that a template may give.
    for name in ["Custom::Database", "AWS::CloudFormation::CustomResource"] {
        let named = |event: Value| with(event, json!({ "ResourceType": name }));
        let of_check = checked(&cloud, &net, &named(check(&stack, "Create", &json!({ "Host": HOST })))).await;
        for event in [of_check, named(stack.event("Create", &crate::cloud::properties()))] {
            match cloud.deliver_raw(&event, SignedDuration::from_secs(900)).await {
                Handled::Answer(_, answer, _) => assert_eq!(answer.failure, None, "{name}"),
                other => panic!("no response, but {other:?}"),
            }
        }
    }
}

/// A Delete needs no network, no valid properties, and no time.
#[tokio::test(start_paused = true)]
async fn a_delete_is_answered_at_once() {
    let cloud = Cloud::new();
    for properties in [json!({ "Host": HOST }), json!({ "Port": "x" }), json!({})] {
        let event = with(
            check(&cloud.stack("orders"), "Delete", &properties),
            json!({ "PhysicalResourceId": "orders-Check-1KJH2LKJ3H4LK" }),
        );
        let begun = tokio::time::Instant::now();
        let net = Net::new(&[]).resolving(Vec::new());
        assert_eq!(story(&cloud, &net, &event).await.succeeded().physical_id, "orders-Check-1KJH2LKJ3H4LK");
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }
}

/// The check ends early enough for CloudFormation, whatever `TimeoutSeconds` says.
#[tokio::test(start_paused = true)]
async fn the_check_ends_before_cloudformation_gives_up() {
    let cloud = Cloud::new();
    for (service_timeout, at_most) in [(60, 40), (200, 185), (3_600, 890)] {
        let properties = json!({ "Host": HOST, "TimeoutSeconds": "840", "ServiceTimeout": service_timeout });
        let event = check(&cloud.stack("orders"), "Create", &properties);
        let begun = tokio::time::Instant::now();
        let reason = story(&cloud, &Net::new(&[(A, Fault::Silent)]), &event).await.failed();
        assert!(begun.elapsed() < Duration::from_secs(at_most), "{:?}", begun.elapsed());
        assert!(reason.contains("sent nothing within 10 s"), "{reason}");
    }
}

#[tokio::test(start_paused = true)]
async fn records_of_other_functions_are_not_answered() {
    let mut cloud = Cloud::new();
    let event = check(&cloud.stack("orders"), "Create", &json!({ "Host": HOST }));
    let good = record(&event, "Success", &json!({ "Reachable": true }));
    answer(&cloud, &good).await.succeeded();
    let named = |arn: &str| {
        let mut record = good.clone();
        record["requestContext"]["functionArn"] = json!(arn);
        record
    };
    answer(&cloud, &named(&format!("{CHECK_FUNCTION}:live"))).await.succeeded();
    answer(&cloud, &named(CHECK_FUNCTION)).await.succeeded();
    let other = format!("{CHECK_FUNCTION}2:$LATEST");
    for arn in [other.as_str(), "arn:aws:lambda:us-east-1:123456789012:function:tidb-private-endpoint:$LATEST", "", "x"]
    {
        let handled = cloud.deliver_raw(&named(arn), SignedDuration::from_secs(900)).await;
        assert!(matches!(handled, Handled::NoReplyTo(_)), "{arn}: {handled:?}");
    }
    cloud.handler.function.check_function_arn = String::new();
    let handled = cloud.deliver_raw(&good, SignedDuration::from_secs(900)).await;
    assert!(matches!(handled, Handled::NoReplyTo(_)), "this provider has no check function: {handled:?}");
}

#[tokio::test(start_paused = true)]
async fn a_record_that_comes_too_late_is_not_answered() {
    let cloud = Cloud::new();
    let event = check(&cloud.stack("orders"), "Create", &json!({ "Host": HOST, "ServiceTimeout": "60" }));
    cloud.pass(61).await;
    let late = record(&event, "Success", &json!({ "Reachable": true }));
    assert!(matches!(cloud.deliver_raw(&late, SignedDuration::from_secs(900)).await, Handled::Expired));
}

/// A report may be longer than what CloudFormation accepts.
#[tokio::test(start_paused = true)]
async fn a_long_report_is_shortened() {
    let cloud = Cloud::new();
    let event = check(&cloud.stack("orders"), "Create", &json!({ "Host": HOST, "OnFailure": "Warn" }));
    let long = json!({ "Reachable": false, "Report": "€".repeat(5_000), "CertificateIssuer": "x".repeat(5_000) });
    let answered = answer(&cloud, &record(&event, "Success", &long)).await.succeeded();
    assert!(answered.data["Report"].is_empty() || answered.data["Report"].ends_with('…'));
}

/// The one answer is put to CloudFormation by the provider; a scheduled check has no one to answer to.
#[tokio::test]
async fn the_provider_puts_the_answer() {
    let lines = Lines::default();
    let _guard = tracing::subscriber::set_default(subscriber("INFO", lines.clone()));
    let _ = rustls::crypto::ring::default_provider().install_default();
    let cloud = Cloud::new();
    let (url, received) = server(vec![Reply::Status("200 OK")]);
    let event = with(check(&cloud.stack("orders"), "Create", &json!({ "Host": HOST })), json!({ "ResponseURL": url }));
    let callback = Callback::new(Http::new().unwrap().client());
    let now = cloud.sim.now();
    let serve = |record: Value| {
        let (handler, callback) = (cloud.handler.clone(), callback.clone());
        async move {
            let deadline = now + SignedDuration::from_secs(900);
            handler.serve(&callback, &record, Clock::starting_at(now), deadline).await.unwrap();
        }
    };
    serve(record(&json!({ "Check": { "Host": HOST } }), "Success", &json!({ "Reachable": true }))).await;
    serve(record(&event, "Success", &json!({ "Reachable": true, "Report": "fine" }))).await;
    let bodies: Vec<String> = received.iter().map(|(_, body)| body).collect();
    assert_eq!(bodies.len(), 1);
    assert_eq!(Answered::check(&event, &bodies[0]).succeeded().data["Report"], "fine");
    let text = lines.text();
    assert_eq!(text.matches("\"Outcome\":\"reachable\"").count(), 1, "{text}");
    assert!(!text.contains("X-Amz-Signature") && !text.contains("5ec4e7"), "{text}");
}

/// Each line of the check function's log belongs to its event, and none has the response URL.
#[tokio::test(start_paused = true)]
async fn the_log_of_a_check_belongs_to_its_event() {
    let lines = Lines::default();
    let _guard = tracing::subscriber::set_default(subscriber("INFO", lines.clone()));
    let cloud = Cloud::new();
    let event = check(&cloud.stack("orders"), "Create", &json!({ "Host": HOST }));
    checked(&cloud, &Net::new(&[(A, Fault::Expired)]), &event).await;
    let text = lines.text();
    let parsed: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(parsed.len(), 5, "four layers and the outcome: {text}");
    for line in &parsed {
        assert_eq!(line["span"]["request_id"], event["RequestId"]);
        assert_eq!(line["span"]["stack"], event["StackId"]);
    }
    assert_eq!(parsed[4]["outcome"], "unreachable");
    assert!(!text.contains("X-Amz-") && !text.contains("amazonaws.com"), "{text}");
}

/// The check that a schedule or a person asks for, and its metrics.
#[tokio::test]
async fn a_check_without_a_stack_returns_its_report_and_writes_metrics() {
    let lines = Lines::default();
    let _guard = tracing::subscriber::set_default(subscriber("INFO", lines.clone()));
    let now: Timestamp = "2026-11-23T09:00:00Z".parse().unwrap();
    let ask = |raw: Value, net: Net| async move {
        let deadline = now + SignedDuration::from_secs(60);
        function(&net).serve(&raw, Clock::starting_at(now), deadline).await
    };
    let asked = json!({ "Check": { "Host": HOST } });
    assert!(ask(asked, Net::new(&[(A, Fault::None)])).await.unwrap().unwrap().reachable);
    assert!(!lines.text().contains("_aws"), "a check that a person asks for is in no metric");
    let good = json!({ "Scheduled": true, "Check": { "Host": HOST } });
    let report = ask(good.clone(), Net::new(&[(A, Fault::None)])).await.unwrap().unwrap();
    assert!(report.reachable);
    let report = ask(good, Net::new(&[]).with(A, Place::Fails(ErrorKind::ConnectionRefused))).await.unwrap().unwrap();
    assert!(!report.reachable);
    let text = lines.text();
    let metrics: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|line: &Value| line.get("_aws").is_some())
        .collect();
    assert_eq!(metrics.len(), 2);
    let names = |line: &Value| -> Vec<String> {
        let metrics = line["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap().clone();
        metrics.iter().map(|metric| metric["Name"].as_str().unwrap().to_owned()).collect()
    };
    let all = ["Reachable", "NameMilliseconds", "TcpMilliseconds", "GreetingMilliseconds", "TlsMilliseconds"];
    assert_eq!((names(&metrics[0]), &metrics[0]["Reachable"]), (all.map(str::to_owned).to_vec(), &json!(1)));
    assert_eq!(
        (names(&metrics[1]), &metrics[1]["Reachable"]),
        (all[..3].iter().map(ToString::to_string).collect(), &json!(0))
    );
    for line in &metrics {
        assert!(names(line).iter().all(|name| line[name].is_u64()) && line["FunctionName"] == "check", "{line}");
    }
    for odd in [json!({}), json!(null), json!({ "Check": { "Hots": "x" } }), json!({ "Check": 7 })] {
        let error = ask(odd.clone(), Net::new(&[])).await.unwrap_err().to_string();
        assert!(error.contains("{\"Check\": {\"Host\": \"gateway01-privatelink"), "{odd}: {error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Records in which anything may be anything.
    #[test]
    fn a_mutated_record_gets_one_valid_response(
        kind in 0_usize..4,
        mutations in prop::collection::vec(crate::fuzz::mutation(), 0..3),
        inside in prop::collection::vec(crate::fuzz::mutation(), 0..3),
    ) {
        one_answer::check(|cloud| {
            let request = ["Create", "Update", "Delete", "Create"][kind];
            let mut event = check(&cloud.stack("orders"), request, &json!({ "Host": HOST, "OnFailure": "Warn" }));
            event["PhysicalResourceId"] = json!("orders-Check-1KJH2LKJ3H4LK");
            event["OldResourceProperties"] = json!({});
            let mut record = match kind {
                3 => failure(&event, "Runtime.ExitError", "signal: killed"),
                _ => record(&event, "Success", &json!({ "Reachable": kind == 0, "Report": "x", "Addresses": [A] })),
            };
            for (part, mutations) in [("requestPayload", &inside), ("responsePayload", &mutations)] {
                for mutation in mutations {
                    crate::fuzz::mutate(&mut record[part], mutation);
                }
            }
            for mutation in &mutations {
                crate::fuzz::mutate(&mut record, mutation);
            }
            record
        });
    }
}
