//! The check's documents, schema, and settings, compared with the code.

use super::*;
use crate::schema::{described, of_formats, shape};
use crate::tables::{file, first_cells, fits, rows};
use serde_json::Map;
use tidb_private_endpoint::answer::check::CheckAttributes;
use tidb_private_endpoint::check::Layer;
use tidb_private_endpoint::request::check::{CHECK_PROPERTIES, ENDPOINT_ADDRESSES, HOST, MAX_HOST, MAX_TIMEOUT};

const SCHEMA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/schema/Custom-TiDBCloudConnectionCheck.json");
const GUIDE: &str = "docs/connection-check.md";

#[test]
fn the_guide_has_every_property_attribute_metric_and_setting() {
    let guide = file(GUIDE);
    assert_eq!(first_cells(&guide, "## Properties"), CHECK_PROPERTIES.map(|property| property.name));
    // As they are serialized in the response.
    let answer = serde_json::to_string(&CheckAttributes::default()).unwrap();
    let names: Vec<&str> =
        answer.split('"').filter(|part| part.starts_with(|c: char| c.is_ascii_uppercase())).collect();
    assert_eq!(first_cells(&guide, "## Attributes"), names);
    let (template, scheduled) = (file("template.yaml"), first_cells(&guide, "## On a schedule"));
    let (_, group) = template.split_once("{ default: Connection check (optional) }").unwrap();
    let parameters: Vec<&str> = group.split(['[', ']']).nth(1).unwrap().split(", ").collect();
    let metrics = file("src/answer/metrics.rs");
    // Between the two tables are the heading and the line of the second.
    let (shown, settings): (Vec<String>, Vec<String>) = scheduled
        .into_iter()
        .filter(|cell| cell.starts_with(char::is_uppercase))
        .partition(|cell| !cell.starts_with("Check"));
    assert_eq!(settings, parameters);
    assert_eq!(shown.len(), 5);
    for name in shown {
        assert!(metrics.contains(&format!("\"{name}\"")), "{name} is a metric");
    }
    assert!(guide.contains(&format!("at most {MAX_TIMEOUT} seconds")));
    let layers: Vec<String> = Layer::ALL.map(|layer| layer.to_string()).to_vec();
    assert_eq!(first_cells(&guide, "## What is checked"), layers);
}

/// Every sentence of a source file as users read it, with an ellipsis for each placeholder.
fn sentences(path: &str) -> Vec<String> {
    let source = file(path);
    let (_, code) = source.split_once("thiserror::Error)]").unwrap();
    let (code, _) = code.split_once("\nimpl ").unwrap();
    let literals = code.split("#[error(").skip(1).map(|arm| {
        let text = arm.split('"').nth(1).unwrap().split_whitespace().filter(|word| *word != "\\");
        let text = text.collect::<Vec<_>>().join(" ");
        let pieces = text.split('{').map(|piece| piece.split_once('}').map_or(piece, |(_, rest)| rest));
        pieces.collect::<Vec<_>>().join("…")
    });
    literals.filter(|sentence| sentence.len() > 20).collect()
}

#[test]
fn every_sentence_has_one_row_under_its_layer() {
    let guide = file("docs/troubleshooting.md");
    let mut headings = Vec::new();
    let mut all = Vec::new();
    for layer in Layer::ALL {
        headings.push(format!("## Connection check: {layer}"));
        let anchor = format!("connection-check-{}", layer.to_string().to_lowercase());
        assert_eq!(layer.hint(), format!("docs/troubleshooting.md#{anchor}"), "the hint leads to the heading");
    }
    headings.push("## Connection check: function".to_owned());
    for heading in &headings {
        all.extend(first_cells(&guide, heading));
    }
    let mut said = sentences("src/check/finding.rs");
    assert_eq!(said.len(), 22);
    said.extend(sentences("src/answer/check.rs"));
    for sentence in &said {
        let found = all.iter().filter(|row| fits(row, sentence)).count();
        assert_eq!(found, 1, "rows of docs/troubleshooting.md that fit: {sentence}");
    }
    for row in &all {
        assert!(said.iter().any(|sentence| fits(row, sentence)), "no sentence in the code fits the row: {row}");
    }
}

/// The sentences of an attempt are in the section that its hint leads to.
#[tokio::test(start_paused = true)]
async fn a_hint_leads_to_the_row_of_its_sentence() {
    let guide = file("docs/troubleshooting.md");
    let nets = [
        Net::new(&[]).resolving(vec![Err(ErrorKind::Other)]),
        Net::new(&[]).with(A, Place::Drops),
        Net::new(&[(A, Fault::Closes)]),
        Net::new(&[(A, Fault::Expired)]),
    ];
    for (net, layer) in nets.iter().zip(Layer::ALL) {
        let report = once(net).await;
        assert_eq!(report.failed_layer, Some(layer));
        let rows = first_cells(&guide, &format!("## Connection check: {layer}"));
        assert_eq!(rows.iter().filter(|row| fits(row, &report.report)).count(), 1, "{}", report.report);
    }
}

fn schema() -> Value {
    let guide = file(GUIDE);
    let pointer = |name: &str| format!("/properties/{name}");
    let mut properties = Map::new();
    let table = rows(&guide, "## Properties");
    for (property, row) in CHECK_PROPERTIES.iter().zip(&table) {
        let [_, required, default, meaning] = row.as_slice() else { panic!("four cells: {row:?}") };
        let default = if required == "no" { format!("; if not given: {default}") } else { String::new() };
        properties.insert(property.name.to_owned(), described(shape(property.shape), &format!("{meaning}{default}")));
    }
    properties[HOST.name]["maxLength"] = json!(MAX_HOST);
    let addresses = &mut properties[ENDPOINT_ADDRESSES.name]["items"];
    *addresses = of_formats(addresses, "an IP address such as 10.0.1.25 or 2001:db8::25", ["ipv4", "ipv6"]);
    let attributes: Vec<(String, String)> = rows(&guide, "## Attributes")
        .into_iter()
        .map(|row| (row[0].trim_matches('`').to_owned(), row[1].clone()))
        .collect();
    for (name, meaning) in &attributes {
        properties.insert(name.clone(), described(json!({ "type": "string" }), meaning));
    }
    let timeout = json!({ "type": "integer", "minimum": 1, "maximum": 3_600 });
    let token = "the service token of the check function";
    properties.insert("ServiceToken".to_owned(), described(json!({ "type": "string" }), token));
    properties.insert(
        "ServiceTimeout".to_owned(),
        described(timeout, "how many seconds CloudFormation waits for the response"),
    );
    let names: Vec<&String> = attributes.iter().map(|(name, _)| name).collect();
    let required = table.iter().filter(|row| row[1] == "yes").map(|row| row[0].trim_matches('`'));
    let required: Vec<&str> = ["ServiceToken"].into_iter().chain(required).collect();
    json!({
        "typeName": "Custom::TiDBCloudConnectionCheck",
        "description": "A check that a client in the VPC reaches TiDB Cloud through its private endpoint",
        "definitions": { "Attribute": { "description": "Attribute names for !GetAtt.", "type": "string", "enum": names } },
        "properties": properties,
        "additionalProperties": false,
        "required": required,
        "readOnlyProperties": names.iter().map(|name| pointer(name)).collect::<Vec<_>>(),
        "primaryIdentifier": [pointer("Host")],
    })
}

#[test]
fn the_schema_is_up_to_date() {
    crate::schema::assert_up_to_date(SCHEMA, &schema());
}
