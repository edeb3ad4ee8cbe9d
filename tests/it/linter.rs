//! The provider and the rules for cfn-lint judge the same properties alike. `tests/e2e/lint_check.py` is the linter's half.

use serde_json::{Value, json};
use std::fs;
use tidb_private_endpoint::request::spec::EndpointSpec;

#[test]
fn the_provider_judges_as_the_linter_does() {
    let cases = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/properties.json")).unwrap();
    let cases: Value = serde_json::from_str(&cases).unwrap();
    let judged = |kind: &str| -> Vec<(Value, bool)> {
        let changes = cases[kind].as_array().unwrap().iter();
        let accepted = |change: &Value| {
            let mut properties = cases["valid"].as_object().unwrap().clone();
            properties.extend(change.as_object().unwrap().clone());
            // `null` counts as not given.
            EndpointSpec::read(&json!(properties)).is_ok()
        };
        changes.map(|change| (change.clone(), accepted(change))).collect()
    };
    for (change, accepted) in judged("accepted") {
        assert!(accepted, "{change}");
    }
    for (change, accepted) in judged("refused").into_iter().chain(judged("left to the provider")) {
        assert!(!accepted, "{change}");
    }
}
