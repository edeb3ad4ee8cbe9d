//! The schema of the resource in the format of CloudFormation's registry, for linters and editors. It is made of the
//! tables of properties and attributes; `UPDATE_SCHEMA=1 cargo test --test it schema` writes it anew.

use crate::cloud::{GROUP, SERVICE, SUBNET_AZ1, SUBNET_AZ2, VPC};
use regex_lite::Regex;
use serde_json::{Map, Value, json};
use std::fs;
use tidb_private_endpoint::properties::{MAX_TAGS, PROPERTIES, Properties, Property, Shape};
use tidb_private_endpoint::response::ATTRIBUTES;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/schema/Custom-TiDBCloudPrivateEndpoint.json");

/// The schema of one property, without what it is for.
fn shape(shape: Shape) -> Value {
    match shape {
        Shape::Text(pattern) => json!({ "type": "string", "pattern": pattern }),
        Shape::Word(words) => json!({ "type": "string", "enum": words }),
        Shape::Number(minimum, maximum) => json!({ "type": "integer", "minimum": minimum, "maximum": maximum }),
        Shape::Boolean => json!({ "type": "boolean" }),
        Shape::List(pattern) => {
            json!({ "type": ["array", "string"], "items": { "type": "string", "pattern": pattern } })
        }
        Shape::Tags => json!({ "type": "array", "maxItems": MAX_TAGS, "items": { "$ref": "#/definitions/Tag" } }),
    }
}

fn described(mut schema: Value, description: &str) -> Value {
    schema["description"] = json!(description.replace('`', ""));
    schema
}

fn schema() -> Value {
    let is_property = |name: &str| PROPERTIES.iter().any(|property| property.name == name);
    let pointer = |name: &str| format!("/properties/{name}");
    let updated = |how: &str| -> Vec<String> {
        PROPERTIES.iter().filter(|property| property.update == how).map(|property| pointer(property.name)).collect()
    };
    let mut properties = Map::new();
    for Property { name, shape: kind, required, default, meaning, .. } in PROPERTIES {
        let default = if required == "no" { format!("; if not given: {default}") } else { String::new() };
        properties.insert(name.to_owned(), described(shape(kind), &format!("{meaning}{default}")));
    }
    let (both, read_only): (Vec<_>, Vec<_>) = ATTRIBUTES.iter().partition(|(name, _)| is_property(name));
    for (name, meaning) in &read_only {
        properties.insert((*name).to_owned(), described(json!({ "type": "string" }), meaning));
    }
    let of_cloudformation = [
        ("ServiceToken", json!({ "type": "string" }), "the service token of the provider"),
        (
            "ServiceTimeout",
            json!({ "type": "integer", "minimum": 1, "maximum": 3_600 }),
            "how many seconds CloudFormation waits for the response",
        ),
    ];
    for (name, schema, meaning) in of_cloudformation {
        properties.insert(name.to_owned(), described(schema, meaning));
    }
    let required = PROPERTIES.iter().filter(|property| property.required == "yes").map(|property| property.name);
    let required: Vec<&str> = ["ServiceToken"].into_iter().chain(required).collect();
    let attributes: Vec<&str> = both.iter().chain(&read_only).map(|(name, _)| *name).collect();
    json!({
        "typeName": "Custom::TiDBCloudPrivateEndpoint",
        "description": "An interface endpoint for TiDB Cloud in a VPC, shared between stacks",
        "definitions": {
            "Tag": {
                "type": "object",
                "properties": {
                    "Key": { "type": "string", "minLength": 1, "maxLength": 127 },
                    "Value": { "type": "string", "maxLength": 255 },
                },
                "required": ["Key", "Value"],
                "additionalProperties": false,
            },
            "Attribute": {
                "description": "Attribute names for !GetAtt. Those that are also property names cannot be read-only here.",
                "type": "string",
                "enum": attributes,
            },
        },
        "properties": properties,
        "additionalProperties": false,
        "required": required,
        "anyOf": [{ "required": ["VpcId"] }, { "required": ["ReuseScope"] }],
        "createOnlyProperties": updated("replacement"),
        "conditionalCreateOnlyProperties": updated("replacement if the endpoint is outside the new scope"),
        "readOnlyProperties": read_only.iter().map(|(name, _)| pointer(name)).collect::<Vec<_>>(),
        "primaryIdentifier": [pointer("EndpointId")],
    })
}

#[test]
fn the_schema_is_that_of_the_tables() {
    let text = format!("{:#}\n", schema());
    #[expect(clippy::disallowed_methods, reason = "this is how one asks for a new file")]
    if std::env::var("UPDATE_SCHEMA").is_ok() {
        fs::write(FILE, &text).unwrap();
    }
    let file = fs::read_to_string(FILE).unwrap_or_default();
    assert!(file == text, "if the change is wanted, run `UPDATE_SCHEMA=1 cargo test --test it schema`");
}

#[test]
fn every_word_of_the_tables_has_its_place_in_the_schema() {
    for Property { name, required, update, .. } in PROPERTIES {
        assert!(["yes", "yes, except with `ReuseScope: Region`", "no"].contains(&required), "{name}: {required}");
        assert!(["in place", "replacement", "replacement if the endpoint is outside the new scope"].contains(&update));
    }
    assert!(PROPERTIES.iter().all(|property| (property.required.len() > 3) == (property.name == "VpcId")));
}

/// Whether a value is within a shape, as a linter sees it, which takes a text for what it says.
fn fits(shape: Shape, value: &Value) -> bool {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let matches = |pattern: &str, text: &str| Regex::new(pattern).unwrap().is_match(text);
    match shape {
        Shape::Text(pattern) => matches(pattern, &text),
        Shape::Word(words) => words.contains(&text.as_str()),
        Shape::Number(first, last) => text.parse().is_ok_and(|number: u16| (first..=last).contains(&number)),
        Shape::Boolean => ["true", "false"].contains(&text.to_lowercase().as_str()),
        Shape::List(pattern) => {
            let items = value.as_array().into_iter().flatten();
            value.is_string() || items.map(|item| item.as_str().unwrap()).all(|item| matches(pattern, item))
        }
        Shape::Tags => value.is_array(),
    }
}

/// A linter that finds fault with what works would be switched off; one that finds none would be no use.
#[test]
fn a_shape_holds_what_the_reader_takes_and_little_else() {
    let texts = [
        SERVICE,
        VPC,
        GROUP,
        SUBNET_AZ1,
        SUBNET_AZ2,
        "vpc-01234567",
        "vpc-0123456789ABCDEF0",
        "vpc-012345678",
        "subnet-x",
        "sg-",
        "cn.com.amazonaws.vpce.cn-north-1.vpce-svc-01234567",
        "com.amazonaws.us-east-1.s3",
        "com.amazonaws.vpce.us-gov-west-1.vpce-svc-0123456789abcdef0",
        "com.amazonaws.vpce.us.vpce-svc-01234567",
        "gateway01-privatelink.us-east-1.prod.aws.tidbcloud.com",
        "use1-az1",
        "usw2-lax1-az1",
        "us-east-1a",
        "use1-az",
        "-az1",
        "USE1-az1",
        "10.0.0.0/8",
        "0.0.0.0/0",
        "2001:db8::/32",
        "::ffff:10.0.0.0/104",
        "10.0.0.0",
        "sg-01234567",
        "0",
        "1",
        "4000",
        "65535",
        "65536",
        "-1",
        "4000.0",
        "true",
        "false",
        "True",
        "yes",
        "ipv4",
        "IPv4",
        "dualstack",
        "ipv6",
        "not-specified",
        "Vpc",
        "Region",
        "region",
        "Account",
        "x",
    ];
    let mut refused = 0;
    for Property { name, shape, .. } in PROPERTIES.into_iter().filter(|property| property.name != "Tags") {
        for text in texts {
            let value = if matches!(shape, Shape::List(_)) { json!([text]) } else { json!(text) };
            let (_, faults) = Properties::read(&json!({ name: value }));
            let taken = !faults.iter().any(|fault| fault.property == name && !fault.what.starts_with("is missing"));
            assert!(!taken || fits(shape, &value), "{name} may be {text}, and its shape says it may not");
            refused += usize::from(!fits(shape, &value));
            assert!(taken || !fits(shape, &value), "{name} may not be {text}, and its shape says it may");
        }
        if matches!(shape, Shape::Text(_) | Shape::List(_)) {
            assert!(fits(shape, &json!("")), "{name}: what a template leaves empty is not given");
        }
    }
    assert!(refused > 300, "{refused}");
}
