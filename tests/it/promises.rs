//! The documentation and the layout of the project, compared with the code.

use crate::cloud::*;
use crate::tables::{self, file, first_cells, fits};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use tidb_private_endpoint::answer::attributes::Attributes;
use tidb_private_endpoint::handler::Handled;
use tidb_private_endpoint::model::ids::EndpointId;
use tidb_private_endpoint::request::event::Event;
use tidb_private_endpoint::request::property::PROPERTIES;
use tidb_private_endpoint::request::record::InvocationRecord;
use tidb_private_endpoint::request::{Deleted, Request, Verb};

fn sample(name: &str) -> Value {
    serde_json::from_str(&file(&format!("events/{name}.json"))).unwrap()
}

#[test]
fn there_is_one_tls_provider_in_one_copy() {
    let lock = file("Cargo.lock");
    let count = |name: &str| lock.matches(&format!("\nname = \"{name}\"\n")).count();
    for name in ["rustls", "ring", "hyper-rustls", "tokio-rustls", "reqwest"] {
        assert_eq!(count(name), 1, "{name}");
    }
    for name in ["aws-lc-rs", "openssl", "openssl-sys", "native-tls", "s2n-tls", "rustls-openssl"] {
        assert_eq!(count(name), 0, "{name}");
    }
    assert!(file("Cargo.toml").contains("[profile.release]\n# A panic must become a FAILED response to CloudFormation, so the stack must unwind.\npanic = \"unwind\""));
}

#[test]
fn every_part_has_the_same_version() {
    let version = env!("CARGO_PKG_VERSION");
    for (path, line) in [
        ("template.yaml", format!("\n    SemanticVersion: {version}\n")),
        ("cdk/package.json", format!("\n  \"version\": \"{version}\",\n")),
        ("cdk/README.md", format!("cdk-tidb-private-endpoint-{version}.tgz")),
        ("cdk/README.md", format!("cdk_tidb_private_endpoint-{version}-py3-none-any.whl")),
        ("examples/cdk-python/requirements.txt", format!("cdk_tidb_private_endpoint-{version}-py3-none-any.whl\n")),
        ("examples/cdk-typescript/package.json", format!("cdk-tidb-private-endpoint-{version}.tgz")),
    ] {
        assert!(file(path).contains(&line), "{path} has {}", line.trim());
    }
}

#[test]
fn the_readme_has_every_property_and_every_attribute() {
    let names = [&tables::OF_CLOUDFORMATION[..], &PROPERTIES.map(|property| property.name)].concat();
    assert_eq!(first_cells(&file("README.md"), "## Properties"), names);
    // As they are serialized in the response.
    let answer = serde_json::to_string(&Attributes::default()).unwrap();
    let names: Vec<&str> =
        answer.split('"').filter(|part| part.starts_with(|c: char| c.is_ascii_uppercase())).collect();
    let documented: Vec<String> = tables::attributes().into_iter().map(|(name, _)| name).collect();
    assert_eq!(documented, names);
}

#[test]
fn the_documentation_has_every_metric_and_every_outcome() {
    let operations = file("docs/operations.md");
    let (code, metrics) = (file("src/answer/metrics.rs"), first_cells(&operations, "## Monitoring"));
    assert_eq!(metrics, ["Events", "Failures", "Duration", "Ec2Calls"]);
    for name in metrics {
        assert!(code.contains(&format!("(\"{name}\", \"")), "{name} is a metric");
    }
    let (code, metrics) = (file("src/ask/counts.rs"), first_cells(&operations, "## Metrics of the status"));
    assert_eq!(metrics.len(), code.matches("(\"").count());
    for name in metrics {
        assert!(code.contains(&format!("(\"{name}\", ")), "{name} is a metric");
    }
    let rows = first_cells(&operations, "## Outcomes");
    let documented: BTreeSet<&str> = rows.iter().map(String::as_str).collect();
    assert_eq!(documented.len(), rows.len(), "each outcome has one row: {rows:?}");
    let words = |source: &str, from: &str| -> Vec<String> {
        let (_, names) = source.split_once(from).unwrap();
        let (names, _) = names.split_once("\n    }\n").unwrap();
        names.split("=> \"").skip(1).map(|arm| arm.split('"').next().unwrap().to_owned()).collect()
    };
    let mut outcomes = words(&file("src/decision/outcome.rs"), "impl Outcome {");
    outcomes.extend(words(&file("src/answer/failure.rs"), "impl Failure {"));
    outcomes.extend(["expired", "undelivered"].map(str::to_owned));
    let checks = ["reachable", "warned", "unreachable", "unchecked"];
    outcomes.extend(checks.map(str::to_owned));
    for outcome in checks {
        assert!(file("src/answer/check.rs").contains(&format!("\"{outcome}\"")), "{outcome}");
    }
    assert_eq!(documented, outcomes.iter().map(String::as_str).collect());
    for outcome in ["expired", "undelivered", "unreadable"] {
        assert!(file("src/handler.rs").contains(&format!("failed(\"{outcome}\")")), "{outcome}");
    }
}

#[test]
fn the_documentation_has_the_settings_of_the_function() {
    let (operations, template) = (file("docs/operations.md"), file("template.yaml"));
    let settings = first_cells(&operations, "## Settings");
    let groups = ["Provider function", "Logs and monitoring", "IAM roles"].map(|label| {
        let (_, group) = template.split_once(&format!("{{ default: {label} }}")).unwrap();
        group.split(['[', ']']).nth(1).unwrap()
    });
    assert_eq!(settings.join(", "), groups.join(", "));
    for name in settings {
        let (_, parameter) = template.split_once(&format!("\n  {name}:\n    Type:")).unwrap();
        let (_, default) = parameter.split_once("    Default: ").unwrap();
        let default = default.lines().next().unwrap().trim_matches('\'');
        let default = if default.is_empty() { "none" } else { default };
        assert!(operations.contains(&format!("| `{name}` | {default} |")), "the default of {name} is {default}");
    }
}

/// The files with sentences that are neither refusals nor warnings.
const OTHERS: [&str; 5] = [
    "src/answer/failure.rs",
    "src/request/property.rs",
    "src/request/reader.rs",
    "src/request/spec.rs",
    "src/request/mod.rs",
];

#[test]
fn the_failures_in_the_readme_are_those_of_the_code() {
    let words = |source: &str| file(source).split_whitespace().collect::<Vec<_>>().join(" ").replace("\\ ", "");
    let refusals =
        ["src/decision/refusal.rs", "src/decision/warning.rs", "src/model/cluster_error.rs"].map(words).join(" ");
    let code = OTHERS.map(words).join(" ") + &refusals;
    let cells = first_cells(&file("README.md"), "## Troubleshooting");
    assert!(cells.len() >= 10);
    for cell in cells {
        for piece in cell.split('…').map(str::trim).filter(|piece| !piece.is_empty()) {
            assert!(code.contains(piece), "no sentence in the code contains '{piece}'");
        }
    }
}

/// Every sentence of a source file as users read it, with an ellipsis for each placeholder.
fn sentences(source: &str, from: &str, each: &str) -> Vec<String> {
    let (_, code) = source.split_once(from).unwrap();
    let arms = code.split(each).skip(1);
    let literals = arms.map(|arm| {
        // Every other piece between double quotes is a literal.
        let text: String = arm.split('"').skip(1).step_by(2).collect::<Vec<_>>().join("…");
        let words = text.split_whitespace().filter(|word| *word != "\\").collect::<Vec<_>>().join(" ");
        words
            .split('{')
            .map(|piece| piece.split_once('}').map_or(piece, |(_, rest)| rest))
            .collect::<Vec<_>>()
            .join("…")
    });
    literals.filter(|sentence| sentence.len() > 20).collect()
}

#[test]
fn troubleshooting_has_every_sentence_and_no_other() {
    let guide = file("docs/troubleshooting.md");
    let headings = [
        "Properties",
        "Endpoint service and VPC",
        "Cluster and API key",
        "Zones and subnets",
        "Security groups",
        "Permissions, quotas, and other EC2 errors",
        "Waiting and timeouts",
        "Sharing",
        "Warnings",
    ];
    let rows: Vec<String> = headings.iter().flat_map(|heading| first_cells(&guide, &format!("## {heading}"))).collect();
    let mut said = sentences(&file("src/decision/refusal.rs"), "pub enum Refusal", "#[error(");
    said.extend(sentences(&file("src/model/cluster_error.rs"), "pub enum ClusterError", "#[error("));
    said.extend(sentences(&file("src/decision/warning.rs"), "impl fmt::Display", "Self::"));
    assert!(said.len() > 35, "{said:#?}");
    for sentence in &said {
        assert!(rows.iter().any(|row| fits(row, sentence)), "no row of docs/troubleshooting.md fits: {sentence}");
    }
    let failure = file("src/answer/failure.rs");
    let (cures, _) = failure.split_once("/// How far an event has come.").unwrap();
    for code in
        cures.split('"').skip(1).step_by(2).filter(|text| !text.contains(' ') && text.len() > 8 && !text.contains(':'))
    {
        assert!(rows.iter().any(|row| row == code), "docs/troubleshooting.md has the code {code}");
    }
    let others = OTHERS.map(file).join(" ");
    let others = others.split_whitespace().filter(|word| *word != "\\").collect::<Vec<_>>().join(" ");
    for row in &rows {
        assert!(
            said.iter().any(|sentence| fits(row, sentence)) || fits(row, &others),
            "no sentence in the code fits the row: {row}"
        );
    }
}

/// CloudFormation sends no update as long as no property changes.
#[test]
fn a_warning_that_an_update_helps_says_how_to_have_one_sent() {
    let (guide, warnings) = (file("docs/troubleshooting.md"), file("src/decision/warning.rs"));
    let said = sentences(&warnings, "impl fmt::Display", "Self::");
    let helped = said.iter().filter(|sentence| {
        ["update the resource", "update adds", "later update", "next update"]
            .iter()
            .any(|words| sentence.contains(words))
    });
    assert_eq!(helped.clone().count(), 4, "{said:#?}");
    let rows = tables::rows(&guide, "## Warnings");
    for sentence in helped {
        assert!(sentence.contains("change Trigger"), "{sentence}");
        let row = rows.iter().find(|row| fits(&row[0], sentence)).unwrap_or_else(|| panic!("{sentence}"));
        assert!(row[2].contains("`Trigger`"), "{row:?}");
    }
}

/// The compiler counts them.
#[test]
fn the_documentation_counts_the_planted_faults() {
    let planted = file("tests/it/explore/planted.rs");
    let (_, rest) = planted.split_once("const ALL: [PlantedFault; ").unwrap();
    let (count, _) = rest.split_once(']').unwrap();
    let words = format!("`tests/it/explore/planted.rs` removes {count} rules one by one");
    assert!(file("docs/sharing.md").contains(&words), "{words}");
}

/// Whoever reads an error knows what to do next.
#[test]
fn every_error_says_what_to_do() {
    const VERBS: [&str; 24] = [
        "Add", "Allow", "Check", "Connect", "Contact", "Copy", "Delete", "Deploy", "Follow", "Free", "Install", "Keep",
        "Leave", "Let", "Look", "Remove", "Run", "Set", "Specify", "Store", "Try", "Update", "Use", "Wait",
    ];
    let mut said = sentences(&file("src/decision/refusal.rs"), "pub enum Refusal", "#[error(");
    said.extend(sentences(&file("src/model/cluster_error.rs"), "pub enum ClusterError", "#[error("));
    said.extend(sentences(&file("src/check/finding.rs"), "pub enum Finding", "#[error("));
    assert!(said.len() > 70, "{}", said.len());
    for sentence in &said {
        // At the beginning of a sentence, or of what follows a colon, a semicolon, a comma, or "and".
        let says = |verb: &str| {
            let lower = verb.to_lowercase();
            let begins = sentence.contains(&format!(". {verb} ")) || sentence.contains(&format!(") {verb} "));
            begins
                || [":", ";", ",", " and", " or", "First"].iter().any(|w| sentence.contains(&format!("{w} {lower} ")))
        };
        assert!(sentence.contains("No action is needed") || VERBS.iter().any(|verb| says(verb)), "{sentence}");
    }
}

#[test]
fn the_sample_events_match_their_names() {
    let request = |name: &str| Request::read(&Event::read(&sample(name)).unwrap());
    assert!(matches!(request("create").unwrap().verb, Verb::Create(_)));
    for name in ["update-in-place", "update-replacement"] {
        let Ok(Request { verb: Verb::Update { current: Some(_), .. }, .. }) = request(name) else { panic!("{name}") };
        let (new, old) = (&sample(name)["ResourceProperties"], &sample(name)["OldResourceProperties"]);
        assert_eq!(new["ServiceName"] == old["ServiceName"], name == "update-in-place");
    }
    let Verb::Delete { of: Deleted::Endpoint(_), .. } = request("delete").unwrap().verb else { panic!("delete") };
    let Verb::Delete { of: Deleted::RunningCreate, .. } = request("delete-invented-id").unwrap().verb else {
        panic!("invented")
    };
    assert_eq!(request("create-bad-properties").unwrap_err().0.len(), 6);
    assert!(InvocationRecord::read(&sample("check-record")).unwrap().is_of(CHECK_FUNCTION));
    let count = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("events")).unwrap().count();
    assert_eq!(count, 7, "a new sample event needs a line in this test");
}

#[tokio::test(start_paused = true)]
async fn the_sample_events_run() {
    let cloud = Cloud::new();
    let named = |name: &str, id: &str| with(sample(name), json!({ "PhysicalResourceId": id }));
    let created = cloud.deliver(&sample("create")).await.succeeded();
    let updated = cloud.deliver(&named("update-in-place", &created.physical_id)).await.succeeded();
    assert_eq!(
        (updated.physical_id.as_str(), updated.data["AvailabilityZoneIds"].as_str()),
        (created.physical_id.as_str(), "use1-az1")
    );
    let replaced = cloud.deliver(&named("update-replacement", &updated.physical_id)).await.succeeded();
    assert_ne!(replaced.physical_id, updated.physical_id);
    cloud.deliver(&named("delete", &updated.physical_id)).await.succeeded();
    cloud.deliver(&sample("delete-invented-id")).await.succeeded();
    let record = sample("check-record");
    let handled = cloud.deliver_raw(&record, jiff::SignedDuration::from_secs(900)).await;
    let Handled::Answer(to, answer, _) = handled else { panic!("{handled:?}") };
    let checked = Answered::check(&record["requestPayload"], &answer.body(&to)).succeeded();
    assert_eq!(checked.data["Reachable"], "true");
    let reason = cloud.deliver(&sample("create-bad-properties")).await.failed();
    assert!(reason.contains("6 errors"), "{reason}");
    assert_eq!(cloud.sim.endpoints(), []);
    cloud.assert_clean();
}

#[test]
fn an_endpoint_id_is_distinguished_from_an_id_that_cloudformation_makes_up() {
    for id in ["vpce-0123456789abcdef0", "vpce-01234567"] {
        assert!(EndpointId::from_physical_id(id).is_some(), "{id}");
    }
    for id in [
        "",
        "vpce-",
        "vpce-0123456789ABCDEF0",
        "vpce-svc-0123456789abcdef0",
        "orders-TiDB-1KJH2LKJ3H4LK",
        "tidb-private-endpoint-0123456789abcdef01234567",
    ] {
        assert!(EndpointId::from_physical_id(id).is_none(), "{id}");
    }
}
