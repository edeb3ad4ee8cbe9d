//! Plan and Status change nothing.

use super::Asked;
use crate::cloud::*;
use ec2_sim::Verdict;
use serde_json::{Value, json};

#[tokio::test(start_paused = true)]
async fn plan_and_status_never_call_anything_that_changes_something() {
    let cloud = Cloud::new();
    let asked = Asked::new(&cloud);
    let (orders, billing) = (asked.stack("orders"), asked.stack("billing"));
    let managed = with(properties(), json!({ "SecurityGroupIds": null }));
    let id = orders.create(&managed).await.succeeded().physical_id;
    billing.create(&managed).await.succeeded();
    asked.forget(&billing);
    let other = with(properties(), json!({ "VpcId": VPC_2, "SecurityGroupIds": [GROUP_2] }));
    asked.stack("search").create(&other).await.succeeded();
    let before = (cloud.sim.endpoints(), cloud.sim.groups(), cloud.sim.log().len());
    cloud.sim.on_call(|call| {
        let reads = call.action.starts_with("Describe");
        if reads { Verdict::Proceed } else { Verdict::unauthorized(&call.action) }
    });
    let mut questions = vec![
        json!({ "Ask": "Status" }),
        json!({ "Ask": "Status", "VpcId": VPC }),
        json!({ "Ask": "Status", "ServiceName": SERVICE }),
        json!({ "Ask": "Status", "EndpointId": id }),
    ];
    let narrower = with(managed.clone(), json!({ "AllowedCidrs": ["10.0.1.0/24"], "PrivateDnsEnabled": false }));
    let second = with(managed.clone(), json!({ "ServiceName": SERVICE_2 }));
    let tagged = with(managed.clone(), json!({ "Tags": [{ "Key": "Team", "Value": "db" }] }));
    for properties in [json!({}), properties(), managed.clone(), narrower.clone(), second, tagged, other] {
        questions.push(json!({ "Ask": "Plan", "ResourceProperties": properties }));
        for (stack, request_type) in
            [(&orders, "Update"), (&billing, "Update"), (&orders, "Delete"), (&billing, "Delete")]
        {
            let mut question = json!({
                "Ask": "Plan", "RequestType": request_type, "ResourceProperties": properties, "StackId": stack.arn,
                "LogicalResourceId": "TiDB", "PhysicalResourceId": id,
            });
            if request_type == "Update" {
                question["OldResourceProperties"] = managed.clone();
            }
            questions.push(question.clone());
            question["PhysicalResourceId"] = json!("tidb-private-endpoint-made-up");
            questions.push(question);
        }
    }
    for question in &questions {
        let answer: Value = asked.answer(question).await;
        let bug = answer["Refusals"].to_string().contains("bug");
        assert!(!bug, "{question:#}: {answer:#}");
    }
    let asked_for: Vec<String> = cloud.calls(before.2).into_iter().filter(|a| !a.starts_with("Describe")).collect();
    assert_eq!(asked_for, [""; 0], "nothing was even tried");
    assert_eq!((cloud.sim.endpoints(), cloud.sim.groups()), (before.0, before.1));
}

/// Every read fails once, in every way that passes; the answer is the same as without.
#[tokio::test(start_paused = true)]
async fn an_error_that_passes_at_any_read_changes_no_answer() {
    let cloud = Cloud::new();
    let asked = Asked::new(&cloud);
    let orders = asked.stack("orders");
    let managed = with(properties(), json!({ "SecurityGroupIds": null }));
    let id = orders.create(&managed).await.succeeded().physical_id;
    cloud.pass(30).await;
    let update = json!({
        "Ask": "Plan", "ResourceProperties": with(managed.clone(), json!({ "Port": 4001 })), "StackId": orders.arn,
        "LogicalResourceId": "TiDB", "PhysicalResourceId": id, "OldResourceProperties": managed,
    });
    for question in [json!({ "Ask": "Status" }), json!({ "Ask": "Plan", "ResourceProperties": managed }), update] {
        let from = cloud.sim.log().len();
        let expected = asked.answer(&question).await;
        let reads = cloud.sim.log().len() - from;
        assert!(reads >= 2);
        for (number, verdict) in (0..reads).flat_map(|number| {
            let verdicts = [Verdict::Reset, Verdict::Hang, Verdict::throttled(), Verdict::unavailable()];
            verdicts.into_iter().map(move |verdict| (number, verdict))
        }) {
            let mut seen = 0;
            let fault = verdict.clone();
            cloud.sim.on_call(move |_| {
                seen += 1;
                if seen == number + 1 { fault.clone() } else { Verdict::Proceed }
            });
            let mut answer = asked.answer(&question).await;
            let mut same = expected.clone();
            // Time passes meanwhile.
            for answer in [&mut answer, &mut same] {
                answer["Text"] = Value::Null;
                answer["Steps"].as_array_mut().into_iter().flatten().for_each(|step| step["Text"] = Value::Null);
            }
            assert_eq!(answer, same, "{verdict:?} at call {number} of {question}");
        }
        cloud.sim.on_call(|_| Verdict::Proceed);
    }
    cloud.sim.on_call(|_| Verdict::unauthorized("DescribeVpcEndpoints"));
    let error = asked.ask(&json!({ "Ask": "Status" })).await.unwrap_err();
    assert!(error.contains("not allowed to perform ec2:DescribeVpcEndpoints"), "{error}");
}
