//! Whatever an event contains, the function does not panic, and if a response URL can be read, it gets one valid
//! response. `fuzz.rs` checks this with events from proptest, and `fuzz/` with bytes from libFuzzer.

use crate::cloud::*;
use serde_json::{Value, json};
use tidb_private_endpoint::handler::Handled;
use tidb_private_endpoint::request::record::payload;

/// Handles an event, and checks the response against what CloudFormation accepts.
pub(crate) fn check(raw: impl FnOnce(&Cloud) -> Value) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let cloud = Cloud::of(|world| world.knobs.instant());
        let given = raw(&cloud);
        // What the check function was invoked with is inside of Lambda's record.
        let raw = payload(&given).unwrap_or(&given);
        let url = raw.get("ResponseURL").and_then(Value::as_str);
        let url = url.filter(|url| url.starts_with("https://") || url.starts_with("http://127.0.0.1"));
        match cloud.deliver_raw(&given, jiff::SignedDuration::from_secs(900)).await {
            Handled::Answer(to, answer, _) => {
                assert_eq!(Some(to.response_url.expose()), url);
                let body = answer.body(&to);
                let answer: Value = serde_json::from_str(&body).unwrap();
                let ids = ["StackId", "RequestId", "LogicalResourceId"];
                let repeated: usize =
                    ids.iter().filter_map(|id| raw.get(id)?.as_str()).map(|id| json!(id).to_string().len()).sum();
                let physical = answer["PhysicalResourceId"].as_str().unwrap();
                assert!(!physical.is_empty());
                assert!(body.len() <= 4_096 || repeated + json!(physical).to_string().len() > 3_000, "{}", body.len());
                for id in ids {
                    assert_eq!(answer[id], raw.get(id).filter(|id| id.is_string()).cloned().unwrap_or(json!("")));
                }
                match answer["Status"].as_str() {
                    Some("SUCCESS") => assert!(answer.get("Reason").is_none()),
                    Some("FAILED") => {
                        let reason = answer["Reason"].as_str().unwrap();
                        assert!(!reason.is_empty() && !reason.contains("internal error"), "{reason}");
                    }
                    other => panic!("{other:?}"),
                }
            }
            Handled::NoReplyTo(_) => assert!(url.is_none() || payload(&given).is_some(), "{given}"),
            Handled::Unasked => assert!(payload(&given).is_some() && raw.get("ResponseURL").is_none()),
            Handled::Expired => assert!(url.is_some_and(|url| url.contains("Expires="))),
        }
        cloud.assert_understood();
    });
}
