//! The policies of the role, as CloudFormation passes them to IAM.

use crate::cloud::{ACCOUNT, API_KEY_SECRET_ARN, REGION};
use saphyr_parser::{Event, Parser, ScalarStyle, Tag};
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::fs;
use std::path::Path;

pub(super) fn file(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The customer managed key of the secret.
pub(super) const KMS_KEY: &str = "arn:aws:kms:us-east-1:123456789012:key/0a1b2c3d-0000-4000-8000-123456789012";

/// The queue for failed events.
const QUEUE: &str = "arn:aws:sqs:us-east-1:123456789012:failed-events";

/// The policy documents of the role.
pub(super) fn policies() -> Vec<Value> {
    let template = read(&file("template.yaml"));
    let resources = &template["Resources"];
    let function = resources["Function"]["Properties"].as_object().unwrap();
    let own_role = json!({ "!If": ["HasRole", { "!GetAtt": "Role.Arn" }, { "!Ref": "RoleArn" }] });
    assert_eq!(function["Role"], own_role, "unless another one is specified, the function has this role");
    assert!(!function.contains_key("Policies"), "AWS SAM adds no policies");
    let role = resources["Role"]["Properties"].as_object().unwrap();
    let others: Vec<&String> = role
        .keys()
        .filter(|key| {
            !["Description", "Path", "PermissionsBoundary", "AssumeRolePolicyDocument", "Policies"]
                .contains(&key.as_str())
        })
        .collect();
    assert_eq!(others, [""; 0], "all permissions of the role are in Policies");
    let policies = role["Policies"].as_array().unwrap();
    // A conditional policy counts as present.
    let policy = |entry: &Value| entry.get("!If").map_or(entry.clone(), |choice| choice[1].clone());
    policies.iter().map(|entry| resolve(&policy(entry)["PolicyDocument"])).collect()
}

/// The names of the policies that the role has only under a condition, with the condition.
fn conditional() -> Vec<(String, String)> {
    let template = read(&file("template.yaml"));
    let policies = template["Resources"]["Role"]["Properties"]["Policies"].as_array().unwrap().clone();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let choices = policies.iter().filter_map(|entry| entry.get("!If"));
    choices.map(|choice| (text(&choice[1]["PolicyName"]), text(&choice[0]))).collect()
}

#[test]
fn without_its_parameters_the_role_can_read_no_secret() {
    let policies = [
        ("Tracing", "IsTraced"),
        ("OnFailureDestination", "HasOnFailureDestination"),
        ("ApiKey", "HasApiKey"),
        ("ApiKeyKmsKey", "HasApiKeyKmsKey"),
    ];
    assert_eq!(conditional(), policies.map(|(policy, condition)| (policy.to_owned(), condition.to_owned())));
    let template = read(&file("template.yaml"));
    for (condition, parameter) in [
        ("HasOnFailureDestination", "OnFailureDestinationArn"),
        ("HasApiKey", "ApiKeySecretArn"),
        ("HasApiKeyKmsKey", "ApiKeyKmsKeyArn"),
    ] {
        let given = json!({ "!Not": [{ "!Equals": [{ "!Ref": parameter }, ""] }] });
        assert_eq!(template["Conditions"][condition], given, "{condition}");
        assert_eq!(template["Parameters"][parameter]["Default"], "", "{parameter}");
    }
}

/// Resolves the intrinsic functions that the policies use.
fn resolve(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let function = map.iter().next().filter(|(name, _)| map.len() == 1 && name.starts_with('!'));
            match function.map(|(name, argument)| (name.as_str(), argument)) {
                None => map.iter().map(|(key, value)| (key.clone(), resolve(value))).collect::<Map<_, _>>().into(),
                Some(("!Sub", Value::String(text))) => json!(substitute(text)),
                Some(("!GetAtt", Value::String(text))) if text == "LogGroup.Arn" => {
                    json!(format!("arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/provider:*"))
                }
                Some(("!Ref", Value::String(name))) if name == "ApiKeySecretArn" => json!(API_KEY_SECRET_ARN),
                Some(("!Ref", Value::String(name))) if name == "ApiKeyKmsKeyArn" => json!(KMS_KEY),
                Some(("!Ref", Value::String(name))) if name == "OnFailureDestinationArn" => json!(QUEUE),
                Some((name, argument)) => panic!("{name} of {argument} is not supported here"),
            }
        }
        Value::Array(items) => items.iter().map(resolve).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

fn substitute(text: &str) -> String {
    let pseudo = [
        ("AWS::Partition", "aws"),
        ("AWS::Region", REGION),
        ("AWS::AccountId", ACCOUNT),
        ("AWS::URLSuffix", "amazonaws.com"),
    ];
    let text = pseudo.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("${{{name}}}"), value));
    assert!(!text.contains("${"), "{text} contains something that is not supported here");
    text
}

/// Reads YAML. A short-form function becomes an object with one field, `{"!Sub": "…"}`. Scalars are strings, except for
/// `true` and `false` without quotes.
pub(super) fn read(yaml: &str) -> Value {
    let events =
        Parser::new_from_str(yaml).map(|event| event.unwrap_or_else(|error| panic!("template.yaml: {error}")).0);
    let mut events =
        events.filter(|event| !matches!(event, Event::Nothing | Event::StreamStart | Event::DocumentStart(_)));
    let first = events.next().unwrap();
    node(first, &mut events)
}

fn node<'e>(event: Event<'e>, rest: &mut impl Iterator<Item = Event<'e>>) -> Value {
    match event {
        Event::Scalar(text, style, _, tag) => {
            let value = match (text.as_ref(), style) {
                ("true", ScalarStyle::Plain) => json!(true),
                ("false", ScalarStyle::Plain) => json!(false),
                _ => json!(text),
            };
            called(tag, value)
        }
        Event::SequenceStart(_, tag) => {
            let mut items = Vec::new();
            while let Some(event) = rest.next().filter(|event| *event != Event::SequenceEnd) {
                items.push(node(event, rest));
            }
            called(tag, Value::Array(items))
        }
        Event::MappingStart(_, tag) => {
            let mut map = Map::new();
            while let Some(event) = rest.next().filter(|event| *event != Event::MappingEnd) {
                let Value::String(key) = node(event, rest) else { panic!("a key that is not a string") };
                let event = rest.next().unwrap();
                let value = node(event, rest);
                assert!(map.insert(key.clone(), value).is_none(), "{key} is defined twice");
            }
            called(tag, Value::Object(map))
        }
        Event::Alias(_) => panic!("CloudFormation does not support aliases"),
        Event::Nothing
        | Event::StreamStart
        | Event::StreamEnd
        | Event::DocumentStart(_)
        | Event::DocumentEnd
        | Event::SequenceEnd
        | Event::MappingEnd => panic!("{event:?} is no node"),
    }
}

fn called(tag: Option<Cow<'_, Tag>>, value: Value) -> Value {
    let Some(tag) = tag else { return value };
    Value::Object(Map::from_iter([(format!("{}{}", tag.handle, tag.suffix), value)]))
}

#[test]
fn short_form_functions_are_read_and_resolved() {
    let yaml = "
        A: !Sub 'arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:vpc/*'
        'Null': { 'aws:TagKeys': 'false', B: [true, 'x', !GetAtt LogGroup.Arn] }
        C: [1, 2012-10-17]
    ";
    assert_eq!(
        resolve(&read(yaml)),
        json!({
            "A": "arn:aws:ec2:us-east-1:123456789012:vpc/*",
            "Null": {
                "aws:TagKeys": "false",
                "B": [true, "x", "arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/provider:*"],
            },
            "C": ["1", "2012-10-17"],
        })
    );
}
