//! `schema/ask.json`: the questions and answers in JSON Schema. It is generated from `QUESTIONS`, which has the fields of the
//! questions, and the tables of `docs/asking.md`, which have the fields of the answers and all descriptions; other tests
//! hold those tables against real answers. `UPDATE_SCHEMA=1 cargo test --test it schema` updates it.

use super::Asked;
use crate::cloud::*;
use crate::tables::{file, rows};
use regex_lite::Regex;
use serde_json::{Map, Value, json};
use tidb_private_endpoint::ask::question::{QUESTIONS, Question};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/schema/ask.json");

/// What a question must contain besides `Ask`.
fn required(question: &str) -> &'static [&'static str] {
    match question {
        "Plan" => &["ResourceProperties"],
        "Release" => &["EndpointId", "Holder"],
        _ => &[],
    }
}

/// The type of a field of a question.
fn question_field(name: &str) -> Value {
    match name {
        "ResourceProperties" | "OldResourceProperties" => json!({ "type": "object" }),
        "Metrics" => json!({ "type": "boolean" }),
        "RequestType" => json!({ "enum": ["Create", "Update", "Delete"] }),
        "StackExists" => json!({ "const": "ReleaseAnyway" }),
        "Holder" => json!({ "type": "string", "pattern": "^[0-9a-f]{24}$" }),
        "EndpointId" => json!({ "type": "string", "pattern": "^vpce-([0-9a-f]{8}|[0-9a-f]{17})$" }),
        "VpcId" => json!({ "type": "string", "pattern": "^vpc-([0-9a-f]{8}|[0-9a-f]{17})$" }),
        _ => json!({ "type": "string" }),
    }
}

/// The type of a field of an answer that has no fields of its own.
fn answer_field(path: &str) -> Value {
    match path {
        "Plan.EndpointId" | "Plan.Outcome" | "Plan.MonthlyCost" | "Status.Endpoints.CreatedFor" => {
            json!({ "type": ["string", "null"] })
        }
        "Status.Endpoints.CreatedAt" => json!({ "type": ["string", "null"], "format": "date-time" }),
        "Status.Endpoints.Ownership" => json!({ "enum": ["Owned", "Foreign"] }),
        "Status.Endpoints.Holders.StackExists" => json!({ "type": ["boolean", "null"] }),
        "Status.Counts.StaleReferences" => json!({ "type": ["integer", "null"], "minimum": 0 }),
        "Status.Endpoints.Rules.Port" => json!({ "type": "integer", "minimum": 1, "maximum": 65_535 }),
        "Status.EndpointsLeftOut" | "Status.Endpoints.ReferenceSlotsLeft" => json!({ "type": "integer", "minimum": 0 }),
        "Status.Endpoints.PrivateDnsEnabled"
        | "Status.Endpoints.Orphaned"
        | "Status.Endpoints.Announcements.Expired"
        | "Status.SecurityGroups.IsMark" => json!({ "type": "boolean" }),
        "Release.Outcome" => json!({ "enum": ["Released", "Deleted", "Absent"] }),
        _ if path.starts_with("Status.Counts.") => json!({ "type": "integer", "minimum": 0 }),
        _ if ["Ids", "Permissions", "Refusals", "Warnings", "Differences", "Commands", "RequestedBy"]
            .iter()
            .any(|list| path.ends_with(list)) =>
        {
            json!({ "type": "array", "items": { "type": "string" } })
        }
        _ => json!({ "type": "string" }),
    }
}

fn object(properties: &Map<String, Value>, required: &[&str]) -> Value {
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

/// Names and meanings of the rows of a table in the guide.
fn documented(heading: &str, meaning: usize) -> Vec<(String, String)> {
    let table = rows(&file("docs/asking.md"), heading);
    let link = Regex::new(r"\[([^\]]+)\]\([^)]+\)").unwrap();
    let clean = |cell: &str| link.replace_all(&cell.replace('`', ""), "$1").into_owned();
    table.iter().map(|row| (clean(&row[0]), clean(&row[meaning]))).collect()
}

fn question(name: &str, fields: &[&str]) -> Value {
    let documented = documented("## Fields of a question", 2);
    let described = |field: &str| documented.iter().find(|(name, _)| name == field).unwrap().1.clone();
    let mut properties = Map::new();
    properties.insert("Ask".to_owned(), json!({ "const": name }));
    for field in fields {
        let mut schema = question_field(field);
        schema["description"] = json!(described(field));
        properties.insert((*field).to_owned(), schema);
    }
    object(&properties, &[&["Ask"], required(name)].concat())
}

/// The object of the fields below a path, which the answer always has.
fn answer(name: &str, under: &str, fields: &[(String, String)]) -> Value {
    let mut properties = Map::new();
    for (path, meaning) in fields {
        let Some(field) = path.strip_prefix(under).filter(|rest| !rest.contains('.')) else { continue };
        let below = format!("{path}.");
        let mut schema = if fields.iter().any(|(path, _)| path.starts_with(&below)) {
            let inner = answer(name, &below, fields);
            if path == "Counts" { inner } else { json!({ "type": "array", "items": inner }) }
        } else {
            answer_field(&format!("{name}.{path}"))
        };
        schema["description"] = json!(meaning);
        properties.insert(field.to_owned(), schema);
    }
    let required: Vec<&str> = properties.keys().map(String::as_str).collect();
    object(&properties, &required)
}

fn schema() -> Value {
    let definitions: Map<String, Value> = QUESTIONS
        .iter()
        .flat_map(|(name, fields, _)| {
            let answer = answer(name, "", &documented(&format!("## {name}"), 1));
            [(format!("{name}Question"), question(name, fields)), (format!("{name}Answer"), answer)]
        })
        .collect();
    let references = |kind: &str| QUESTIONS.map(|(name, ..)| json!({ "$ref": format!("#/$defs/{name}{kind}") }));
    let mut definitions = definitions;
    definitions.insert("Question".to_owned(), json!({ "oneOf": references("Question") }));
    definitions.insert("Answer".to_owned(), json!({ "anyOf": references("Answer") }));
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Questions to the provider function of Custom::TiDBCloudPrivateEndpoint, and its answers",
        "$ref": "#/$defs/Question",
        "$defs": definitions,
    })
}

#[test]
fn the_schema_is_up_to_date() {
    crate::schema::assert_up_to_date(FILE, &schema());
}

/// What is wrong with a value, as far as the schema's own keywords go.
fn fault(schema: &Value, value: &Value, at: &str) -> Option<String> {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let types = &schema["type"];
    if !types.is_null() && types != kind && !types.as_array().is_some_and(|types| types.contains(&json!(kind))) {
        return Some(format!("{at} is {kind}, not {types}"));
    }
    let allowed = schema["enum"].as_array().cloned().or_else(|| schema.get("const").map(|only| vec![only.clone()]));
    if allowed.is_some_and(|allowed| !allowed.contains(value)) {
        return Some(format!("{at} is {value}"));
    }
    if let (Some(pattern), Some(text)) = (schema["pattern"].as_str(), value.as_str())
        && !Regex::new(pattern).unwrap().is_match(text)
    {
        return Some(format!("{at} is {text}"));
    }
    if let Some(items) = value.as_array() {
        return items.iter().find_map(|item| fault(&schema["items"], item, at));
    }
    let fields = value.as_object().filter(|_| schema.get("properties").is_some())?;
    let missing =
        schema["required"].as_array().unwrap().iter().find(|name| !fields.contains_key(name.as_str().unwrap()));
    if let Some(missing) = missing {
        return Some(format!("{at} has no {missing}"));
    }
    fields.iter().find_map(|(name, value)| match schema["properties"].get(name) {
        Some(schema) => fault(schema, value, &format!("{at}.{name}")),
        None => Some(format!("{at} has {name}")),
    })
}

/// Holds an answer against the schema.
pub(super) fn check_answer(question: &Value, answer: &Value) {
    let name = question["Ask"].as_str().unwrap();
    let fault = fault(&schema()["$defs"][format!("{name}Answer")], answer, name);
    assert_eq!(fault, None, "schema/ask.json does not fit the answer to {question}");
}

#[tokio::test(start_paused = true)]
async fn a_question_is_correct_if_the_schema_says_so() {
    let cloud = Cloud::new();
    let asked = Asked::new(&cloud);
    let schema = schema();
    for (name, fields, example) in QUESTIONS {
        let schema = &schema["$defs"][format!("{name}Question")];
        let example: Value = serde_json::from_str(example).unwrap();
        let is_read = |question: &Value| Question::read(question, &cloud.handler.home).is_ok();
        assert_eq!((fault(schema, &example, name), is_read(&example)), (None, true), "{example}");
        for field in required(name) {
            let less = with(example.clone(), json!({ *field: null }));
            assert!(fault(schema, &less, name).is_some() && !is_read(&less), "{less}");
        }
        // A wrong value in any field.
        for field in fields {
            let wrong = with(example.clone(), json!({ *field: ["x"] }));
            assert!(fault(schema, &wrong, name).is_some() && !is_read(&wrong), "{wrong}");
        }
        let more = with(example.clone(), json!({ "Nonsense": "x" }));
        assert!(fault(schema, &more, name).is_some() && !is_read(&more));
    }
    // Every answer of every story is held against it, too.
    asked.answer(&json!({ "Ask": "Status" })).await;
}
