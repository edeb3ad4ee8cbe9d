//! The provider and the rules for cfn-lint judge the same properties alike. `tests/e2e/lint_check.py` is the linter's half.

use serde_json::{Value, json};
use std::fs;
use tidb_private_endpoint::request::check::CheckSpec;
use tidb_private_endpoint::request::spec::EndpointSpec;

fn judge(kind: &str, accepts: impl Fn(&Value) -> bool) {
    let cases = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/properties.json")).unwrap();
    let cases: Value = serde_json::from_str(&cases).unwrap();
    for (verdict, expected) in [("accepted", true), ("refused", false), ("left to the provider", false)] {
        for change in cases[kind][verdict].as_array().unwrap() {
            let mut properties = cases[kind]["valid"].as_object().unwrap().clone();
            // `null` counts as not given.
            properties.extend(change.as_object().unwrap().clone());
            assert_eq!(accepts(&json!(properties)), expected, "{change}");
        }
    }
}

#[test]
fn the_provider_judges_the_properties_of_an_endpoint_as_the_linter_does() {
    judge("Custom::TiDBCloudPrivateEndpoint", |properties| EndpointSpec::read(properties).is_ok());
}

#[test]
fn the_provider_judges_the_properties_of_a_check_as_the_linter_does() {
    judge("Custom::TiDBCloudConnectionCheck", |properties| CheckSpec::read(properties).is_ok());
}
