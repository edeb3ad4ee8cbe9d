//! What is a question, and what is wrong with one.

use super::Asked;
use crate::cloud::*;
use serde_json::{Value, json};
use tidb_private_endpoint::ask::question::is_question;

#[tokio::test(start_paused = true)]
async fn a_question_that_cannot_be_understood_gets_a_correct_one() {
    let cloud = Cloud::new();
    let asked = Asked::new(&cloud);
    let (endpoint, holder) = ("vpce-0123456789abcdef0", "0123456789abcdef01234567");
    let cases = [
        (json!({ "Ask": "plan" }), "Ask must be one of Plan, Status, Release"),
        (json!({ "Ask": 1 }), "Ask must be one of"),
        (json!({ "Ask": null }), "Ask must be one of"),
        (
            json!({ "Ask": "Status", "Vpc": VPC }),
            "it contains Vpc; besides Ask, it can contain VpcId, ServiceName, EndpointId",
        ),
        (json!({ "Ask": "Status", "VpcId": "vpc" }), "VpcId must be vpc- followed by"),
        (json!({ "Ask": "Status", "VpcId": ["vpc-0a11111111111111a"] }), "VpcId must be a string"),
        (json!({ "Ask": "Status", "EndpointId": "vpce-1" }), "EndpointId must be vpce- followed by"),
        (json!({ "Ask": "Release" }), "EndpointId is missing"),
        (json!({ "Ask": "Release", "EndpointId": endpoint }), "Holder must be the Hash of a holder"),
        (json!({ "Ask": "Release", "EndpointId": endpoint, "Holder": "orders/TiDB" }), "Holder must be the Hash"),
        (
            json!({ "Ask": "Release", "EndpointId": endpoint, "Holder": holder, "StackExists": "Yes" }),
            "StackExists can only be ReleaseAnyway",
        ),
        (json!({ "Ask": "Plan" }), "ResourceProperties is missing"),
        (json!({ "Ask": "Plan", "ResourceProperties": "{}" }), "ResourceProperties must be an object"),
        (
            json!({ "Ask": "Plan", "ResourceProperties": {}, "RequestType": "Destroy", "PhysicalResourceId": "x" }),
            "RequestType must be",
        ),
        (json!({ "Ask": "Plan", "ResourceProperties": {}, "RequestType": "Delete" }), "PhysicalResourceId is missing"),
        (
            json!({ "Ask": "Plan", "ResourceProperties": {}, "PhysicalResourceId": endpoint }),
            "needs StackId and LogicalResourceId",
        ),
        (json!({ "Ask": "Plan", "ResourceProperties": {}, "StackId": "orders" }), "StackId must be the ARN of a stack"),
    ];
    for (question, fault) in cases {
        let error = asked.ask(&question).await.unwrap_err();
        assert!(error.starts_with("The question cannot be understood: "), "{error}");
        assert!(error.contains(fault), "{question}: {error}");
        let (_, example) = error.split_once(" A correct question: ").unwrap();
        let example: Value = serde_json::from_str(example).unwrap();
        assert!(is_question(&example));
        let again = asked.ask(&example).await;
        assert!(!again.is_err_and(|error| error.contains("cannot be understood")), "{example}");
    }
    assert_eq!(cloud.changes(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn an_event_is_never_a_question_and_a_question_never_an_event() {
    let cloud = Cloud::new();
    let stack = cloud.stack("orders");
    let mut event = stack.event("Create", &properties());
    assert!(!is_question(&event));
    // What has a response URL must be answered there, whatever it says besides.
    event["Ask"] = json!("Status");
    assert!(!is_question(&event));
    cloud.deliver(&event).await.succeeded();
    for question in [
        json!({ "Ask": "Status" }),
        json!({ "Ask": "Plan", "ResourceProperties": properties(), "RequestType": "Delete" }),
        json!({ "Ask": "Nonsense" }),
    ] {
        assert!(is_question(&question));
        let calls = cloud.sim.log().len();
        let handled = cloud.deliver_raw(&question, jiff::SignedDuration::from_secs(900)).await;
        assert!(matches!(handled, tidb_private_endpoint::handler::Handled::NoReplyTo(_)));
        assert_eq!(cloud.sim.log().len(), calls, "a question that arrives as an event does nothing");
    }
    let record = json!({ "requestContext": {}, "requestPayload": {}, "Ask": "Status" });
    for other in [record, json!({}), json!([]), json!("Ask"), json!(null)] {
        assert!(!is_question(&other), "{other}");
    }
}
