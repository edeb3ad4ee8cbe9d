//! The schema of the resource in the format of the CloudFormation registry, for linters and editors. It is generated
//! from `PROPERTIES`, which has the shapes of properties, and the tables in the README, which have their descriptions.
//! `UPDATE_SCHEMA=1 cargo test --test it schema` updates it.

use crate::cloud::{GROUP, SERVICE, SUBNET_AZ1, SUBNET_AZ2, VPC};
use crate::tables::{self, PropertyRow};
use regex_lite::Regex;
use serde_json::{Map, Value, json};
use std::fs;
use tidb_private_endpoint::model::tags;
use tidb_private_endpoint::request::property::{
    ALLOWED_CIDRS, API_KEY_SECRET, CLUSTER_ID, EXCLUSIONS, KEY_WITHOUT_CLUSTER, MAX_TAG_KEY, MAX_TAG_VALUE, MAX_TAGS,
    PROPERTIES, Pattern, Property, REUSE_SCOPE, ReuseScope, SERVICE_NAME, Shape, VPC_ID, VPC_IS_MISSING,
};
use tidb_private_endpoint::request::spec::EndpointSpec;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/schema/Custom-TiDBCloudPrivateEndpoint.json");

/// Updates that are replacements only sometimes.
const CONDITIONAL: [&str; 2] =
    ["replacement if the cluster has another endpoint service", "replacement if the endpoint is outside the new scope"];

/// A blank string counts as not given, so every pattern accepts it.
fn pattern(pattern: Pattern) -> String {
    format!("^({})?$", pattern.regex)
}

/// What a tag key must not begin with, as a lookahead.
fn not_reserved(before: &str) -> String {
    format!("(?!{before}([aA][wW][sS]:|{}))", tags::PREFIX)
}

/// The schema of one property, without its description.
pub(crate) fn shape(shape: Shape) -> Value {
    match shape {
        Shape::String(form) | Shape::Secret(form) => json!({ "type": "string", "pattern": pattern(form) }),
        Shape::Text => json!({ "type": "string" }),
        Shape::Enum(words) => json!({ "type": "string", "enum": words }),
        Shape::Integer(minimum, maximum) => json!({ "type": "integer", "minimum": minimum, "maximum": maximum }),
        Shape::Boolean => json!({ "type": "boolean" }),
        Shape::List(form) => {
            json!({ "type": ["array", "string"], "items": { "type": "string", "pattern": pattern(form) } })
        }
        // `uniqueKeys` is cfn-lint's.
        Shape::Tags => json!({
            "type": "array",
            "maxItems": MAX_TAGS,
            "uniqueKeys": ["Key"],
            // A parameter can only be a list of strings.
            "items": {
                "if": { "type": "string" },
                "then": { "pattern": format!("^({}[^=]+=.*)?$", not_reserved(" *")) },
                "else": { "$ref": "#/definitions/Tag" },
            },
        }),
    }
}

pub(crate) fn described(mut schema: Value, description: &str) -> Value {
    schema["description"] = json!(description.replace('`', ""));
    schema
}

/// What one property says about another. A description is what a linter should say. A template may have two properties that
/// exclude each other if one of them is an empty parameter.
fn conditions() -> Vec<Value> {
    let is_given = |property: Property| json!({ "required": [property.name] });
    let is_blank = |property: Property| json!({ "properties": { property.name: { "maxLength": 0, "items": { "maxLength": 0 } } } });
    let is_region = json!({
        "required": [REUSE_SCOPE.name],
        "properties": { REUSE_SCOPE.name: { "enum": [ReuseScope::Region.as_str()] } },
    });
    let says = |property: Property, what: &str, any_of: &[Value]| json!({ "description": format!("{} {what}", property.name), "anyOf": any_of });
    let cluster = json!({ "required": [CLUSTER_ID.name, API_KEY_SECRET.name] });
    let required = [
        says(VPC_ID, VPC_IS_MISSING, &[is_given(VPC_ID), is_region]),
        says(SERVICE_NAME, "is missing; specify it, or ClusterId and ApiKeySecret", &[is_given(SERVICE_NAME), cluster]),
        says(
            API_KEY_SECRET,
            KEY_WITHOUT_CLUSTER,
            &[is_blank(API_KEY_SECRET), is_blank(SERVICE_NAME), is_given(CLUSTER_ID)],
        ),
    ];
    let exclusions = EXCLUSIONS.map(|one| says(one.property, one.why, &[is_blank(one.property), is_blank(one.with)]));
    required.into_iter().chain(exclusions).collect()
}

/// Items with a format of cfn-lint, for what no regular expression tells, such as whether host bits are set. Other linters
/// ignore these formats.
pub(crate) fn of_formats(items: &Value, what: &str, formats: [&str; 2]) -> Value {
    let mut items = items.clone();
    let [first, second] = formats;
    items["description"] = json!(what);
    items["anyOf"] = json!([{ "maxLength": 0 }, { "format": first }, { "format": second }]);
    items
}

fn schema() -> Value {
    let rows = tables::properties();
    let is_property = |name: &str| rows.iter().any(|row| row.name == name);
    let pointer = |name: &str| format!("/properties/{name}");
    let updated = |how: &str| -> Vec<String> {
        rows.iter().filter(|row| row.update == how).map(|row| pointer(&row.name)).collect()
    };
    let mut properties = Map::new();
    for (Property { name, shape: kind }, PropertyRow { required, default, meaning, .. }) in PROPERTIES.iter().zip(&rows)
    {
        let default = if required == "no" { format!("; if not given: {default}") } else { String::new() };
        properties.insert((*name).to_owned(), described(shape(*kind), &format!("{meaning}{default}")));
    }
    let (both, read_only): (Vec<_>, Vec<_>) = tables::attributes().into_iter().partition(|(name, _)| is_property(name));
    for (name, meaning) in &read_only {
        properties.insert(name.clone(), described(json!({ "type": "string" }), meaning));
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
    let required = rows.iter().filter(|row| row.required == "yes").map(|row| row.name.as_str());
    let required: Vec<&str> = ["ServiceToken"].into_iter().chain(required).collect();
    let attributes: Vec<&str> = both.iter().chain(&read_only).map(|(name, _)| name.as_str()).collect();
    let blocks = &mut properties[ALLOWED_CIDRS.name]["items"];
    let what = "a CIDR block whose address is its first one, such as 10.0.0.0/16 or 2001:db8::/56";
    *blocks = of_formats(blocks, what, ["ipv4-network", "ipv6-network"]);
    json!({
        "typeName": "Custom::TiDBCloudPrivateEndpoint",
        "description": "An interface endpoint for TiDB Cloud in a VPC, shared between stacks",
        "definitions": {
            "Tag": {
                "type": "object",
                "properties": {
                    "Key": {
                        "type": "string",
                        "minLength": 1,
                        "maxLength": MAX_TAG_KEY,
                        "pattern": format!("^{}", not_reserved("")),
                    },
                    "Value": { "type": "string", "maxLength": MAX_TAG_VALUE },
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
        "allOf": conditions(),
        "createOnlyProperties": updated("replacement"),
        "conditionalCreateOnlyProperties": CONDITIONAL.map(updated).concat(),
        "readOnlyProperties": read_only.iter().map(|(name, _)| pointer(name)).collect::<Vec<_>>(),
        "primaryIdentifier": [pointer("EndpointId")],
    })
}

/// A schema that is generated from the code is the one in its file.
pub(crate) fn assert_up_to_date(file: &str, schema: &Value) {
    let text = format!("{schema:#}\n");
    #[expect(clippy::disallowed_methods, reason = "run manually to update the file")]
    if std::env::var("UPDATE_SCHEMA").is_ok() {
        fs::write(file, &text).unwrap();
    }
    let found = fs::read_to_string(file).unwrap_or_default();
    assert!(found == text, "if the change is intended, run `UPDATE_SCHEMA=1 cargo test --test it schema`");
}

#[test]
fn the_schema_is_up_to_date() {
    assert_up_to_date(FILE, &schema());
}

#[test]
fn the_schema_can_express_every_cell_of_the_tables() {
    let rows = tables::properties();
    for PropertyRow { name, required, update, .. } in &rows {
        // The conditions are in `allOf`.
        let expected = match name.as_str() {
            "ServiceName" => "yes, or `ClusterId`",
            "ClusterId" => "yes, or `ServiceName`",
            "ApiKeySecret" => "with `ClusterId`",
            "VpcId" => "yes, except with `ReuseScope: Region`",
            _ => "no",
        };
        assert_eq!(required, expected, "{name}");
        assert!(["in place", "replacement"].iter().chain(&CONDITIONAL).any(|how| how == update), "{name}: {update}");
    }
}

/// Whether a linter accepts a value for a shape. Linters accept strings for numbers and booleans.
fn fits(shape: Shape, value: &Value) -> bool {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let matches = |form: Pattern, text: &str| Regex::new(&pattern(form)).unwrap().is_match(text);
    match shape {
        Shape::String(form) | Shape::Secret(form) => matches(form, &text),
        Shape::Text => true,
        Shape::Enum(words) => words.contains(&text.as_str()),
        Shape::Integer(first, last) => text.parse().is_ok_and(|number: u16| (first..=last).contains(&number)),
        Shape::Boolean => ["true", "false"].contains(&text.to_lowercase().as_str()),
        Shape::List(form) => {
            let items = value.as_array().into_iter().flatten();
            value.is_string() || items.map(|item| item.as_str().unwrap()).all(|item| matches(form, item))
        }
        Shape::Tags => value.is_array(),
    }
}

/// A linter that rejects what works would be turned off, and one that accepts everything would be useless.
#[test]
fn a_shape_accepts_what_the_provider_accepts_and_little_else() {
    let strings = [
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
        "10581234567890123456",
        "cluster-1",
        "tidb-cloud/api-key",
        "arn:aws:secretsmanager:us-east-1:123456789012:secret:tidb-cloud/api-key-a1B2c3",
        "{\"PublicKey\":\"a\",\"PrivateKey\":\"b\"}",
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
        for text in strings {
            let value = if matches!(shape, Shape::List(_)) { json!([text]) } else { json!(text) };
            let faults = EndpointSpec::read(&json!({ name: value })).err().unwrap_or_default();
            let taken = !faults.iter().any(|fault| fault.property == name && !fault.what.starts_with("is missing"));
            assert!(!taken || fits(shape, &value), "{name} may be {text}, but the schema rejects it");
            refused += usize::from(!fits(shape, &value));
            assert!(taken || !fits(shape, &value), "{name} may not be {text}, but the schema accepts it");
        }
        if matches!(shape, Shape::String(_) | Shape::Secret(_) | Shape::List(_)) {
            assert!(fits(shape, &json!("")), "{name}: an empty string counts as not given");
        }
    }
    assert!(refused > 300, "{refused}");
}
