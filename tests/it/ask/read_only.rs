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
    cloud.sim.on_call(|call| match call.action.starts_with("Describe") {
        true => Verdict::Proceed,
        false => Verdict::unauthorized("ec2:*"),
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
