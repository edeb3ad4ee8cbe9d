//! What documents and layout promise, held against the code.

use crate::cloud::*;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use tidb_private_endpoint::event::Event;
use tidb_private_endpoint::ids::EndpointId;
use tidb_private_endpoint::properties::PROPERTIES;
use tidb_private_endpoint::request::{Request, Verb};
use tidb_private_endpoint::response::ATTRIBUTES;

fn file(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What is in the folder of a module.
fn parts(module: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(module);
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap()).collect()
}

fn sample(name: &str) -> Value {
    serde_json::from_str(&file(&format!("events/{name}.json"))).unwrap()
}

/// The first cell of every row of the table under a heading of the README, without its backticks.
fn first_cells(readme: &str, heading: &str) -> Vec<String> {
    let (_, section) = readme.split_once(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("no heading '{heading}'"));
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with('|')).skip(2);
    rows.map(|row| row.split('|').nth(1).unwrap().trim().trim_matches('`').to_owned()).collect()
}

#[test]
fn the_modules_keep_to_their_side() {
    let lib = file("src/lib.rs");
    let modules: Vec<&str> = lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    let effects = ["clock", "http", "ec2", "reconcile", "callback", "handler", "log"];
    assert!(modules.len() > effects.len());
    for module in modules {
        assert!(lib.contains(&format!("[`{module}`]")), "the map in lib.rs has {module}");
        let source = file(&format!("src/{module}.rs")) + &parts(module);
        for (word, doors) in [
            ("aws_sdk_ec2", &["ec2"][..]),
            ("reqwest", &["http", "callback"]),
            ("std::env", &[]),
            ("SystemTime", &[]),
            ("Timestamp::now", &[]),
        ] {
            assert!(doors.contains(&module) || !source.contains(word), "{word} has no place in {module}.rs");
        }
        if !effects.contains(&module) {
            for word in ["tokio", "async ", ".await", "tracing"] {
                assert!(!source.contains(word), "{module}.rs is of the pure half, which knows no {word}");
            }
            for effect in effects {
                assert!(!source.contains(&format!("crate::{effect}")), "{module}.rs is pure, and {effect} is not");
            }
        }
    }
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
    assert!(file("Cargo.toml").contains("[profile.release]\n# A panic has to become a FAILED answer to CloudFormation, so the stack must unwind.\npanic = \"unwind\""));
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
    let readme = file("README.md");
    let properties: Vec<&str> = PROPERTIES.iter().map(|property| property.name).collect();
    assert_eq!(first_cells(&readme, "## Properties"), properties);
    let attributes: Vec<&str> = ATTRIBUTES.iter().map(|(name, _)| *name).collect();
    assert_eq!(first_cells(&readme, "## Attributes"), attributes);
    for property in PROPERTIES {
        let row =
            format!("| `{}` | {} | {} | {} |", property.name, property.required, property.default, property.update);
        assert!(readme.contains(&row.replace("|  |", "| |")), "the README has the row {row}");
    }
    for (name, meaning) in ATTRIBUTES {
        let row = format!("| `{name}` | {meaning} |");
        assert!(readme.contains(&row), "the README has the row {row}");
    }
}

#[test]
fn the_readme_has_every_metric_and_every_outcome() {
    let readme = file("README.md");
    let (code, readme_metrics) = (file("src/metrics.rs"), first_cells(&readme, "## Watching it"));
    assert_eq!(readme_metrics, ["Events", "Failures", "Duration", "Ec2Calls"]);
    for name in readme_metrics {
        assert!(code.contains(&format!("(\"{name}\", \"")), "{name} is a metric");
    }
    let (_, section) = readme.split_once("An outcome is ").unwrap();
    let (section, _) = section.split_once("CloudWatch bills").unwrap();
    let told: BTreeSet<&str> = section.split('`').skip(1).step_by(2).collect();
    let words = |source: &str, from: &str| -> Vec<String> {
        let (_, names) = source.split_once(from).unwrap();
        let (names, _) = names.split_once("\n    }\n").unwrap();
        names.split("=> \"").skip(1).map(|arm| arm.split('"').next().unwrap().to_owned()).collect()
    };
    let outcome = file("src/outcome.rs");
    let mut outcomes = words(&outcome, "impl Way {");
    outcomes.extend(words(&outcome, "impl Outcome {"));
    outcomes.extend(words(&file("src/failure.rs"), "impl Failure {"));
    outcomes.extend(["expired", "undelivered"].map(str::to_owned));
    assert_eq!(told, outcomes.iter().map(String::as_str).collect());
    for outcome in ["expired", "undelivered", "unreadable"] {
        assert!(file("src/handler.rs").contains(&format!("failed(\"{outcome}\")")), "{outcome}");
    }
}

#[test]
fn the_readme_has_the_settings_of_the_function() {
    let (readme, template) = (file("README.md"), file("template.yaml"));
    let settings = first_cells(&readme, "## The function's settings");
    let (_, group) = template.split_once("The function that answers CloudFormation }").unwrap();
    let group = group.split(['[', ']']).nth(1).unwrap();
    assert_eq!(settings.join(", "), group);
    for name in settings {
        let (_, parameter) = template.split_once(&format!("\n  {name}:\n    Type:")).unwrap();
        let (_, default) = parameter.split_once("    Default: ").unwrap();
        let default = default.lines().next().unwrap();
        let default = if default == "''" { "none" } else { default };
        assert!(readme.contains(&format!("| `{name}` | {default} |")), "the default of {name} is {default}");
    }
}

#[test]
fn the_failures_in_the_readme_are_what_the_code_says() {
    let words = |source: &str| file(source).split_whitespace().collect::<Vec<_>>().join(" ").replace("\\ ", "");
    let code = ["src/refusal.rs", "src/failure.rs", "src/warning.rs", "src/properties/reader.rs", "src/request.rs"]
        .map(words)
        .join(" ");
    let cells = first_cells(&file("README.md"), "## When it fails");
    assert!(cells.len() >= 10);
    for cell in cells {
        for piece in cell.split('…').map(str::trim).filter(|piece| !piece.is_empty()) {
            assert!(code.contains(piece), "no sentence of the code has '{piece}' in it");
        }
    }
}

/// Every sentence of a source file as people read it, with an ellipsis for what is filled in.
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
        "Zones and subnets",
        "Security groups",
        "Permissions, quotas, and other EC2 errors",
        "Waiting and time-outs",
        "Sharing",
        "Warnings",
    ];
    let rows: Vec<String> = headings.iter().flat_map(|heading| first_cells(&guide, &format!("## {heading}"))).collect();
    let fits = |row: &str, sentence: &str| {
        let mut rest = sentence;
        row.split('…').map(str::trim).all(|piece| match rest.split_once(piece) {
            Some((_, behind)) => {
                rest = behind;
                true
            }
            None => false,
        })
    };
    let mut said = sentences(&file("src/refusal.rs"), "pub enum Refusal", "#[error(");
    said.extend(sentences(&file("src/warning.rs"), "impl fmt::Display", "Self::"));
    assert!(said.len() > 35, "{said:#?}");
    for sentence in &said {
        assert!(rows.iter().any(|row| fits(row, sentence)), "no row of docs/troubleshooting.md fits: {sentence}");
    }
    let failure = file("src/failure.rs");
    let (cures, _) = failure.split_once("impl fmt::Display for Ec2Error").unwrap();
    for code in
        cures.split('"').skip(1).step_by(2).filter(|text| !text.contains(' ') && text.len() > 8 && !text.contains(':'))
    {
        assert!(rows.iter().any(|row| row == code), "docs/troubleshooting.md has the code {code}");
    }
    let others = ["src/failure.rs", "src/properties/reader.rs", "src/request.rs"].map(file).join(" ");
    let others = others.split_whitespace().filter(|word| *word != "\\").collect::<Vec<_>>().join(" ");
    for row in &rows {
        assert!(said.iter().any(|sentence| fits(row, sentence)) || fits(row, &others), "nothing says: {row}");
    }
}

#[test]
fn the_sample_events_are_what_their_names_say() {
    let request = |name: &str| Request::read(&Event::read(&sample(name)).unwrap());
    assert!(matches!(request("create").unwrap().verb, Verb::Create(_)));
    for name in ["update-in-place", "update-replacement"] {
        let Ok(Request { verb: Verb::Update { current: Some(_), .. }, .. }) = request(name) else { panic!("{name}") };
        let (new, old) = (&sample(name)["ResourceProperties"], &sample(name)["OldResourceProperties"]);
        assert_eq!(new["ServiceName"] == old["ServiceName"], name == "update-in-place");
    }
    let Verb::Delete { endpoint: Some(_), .. } = request("delete").unwrap().verb else { panic!("delete") };
    let Verb::Delete { endpoint: None, .. } = request("delete-invented-id").unwrap().verb else { panic!("invented") };
    assert_eq!(request("create-bad-properties").unwrap_err().0.len(), 6);
    let count = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("events")).unwrap().count();
    assert_eq!(count, 6, "a new sample event wants a line here");
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
    let reason = cloud.deliver(&sample("create-bad-properties")).await.failed();
    assert!(reason.contains("6 errors"), "{reason}");
    assert_eq!(cloud.sim.endpoints(), []);
    cloud.assert_clean();
}

#[test]
fn an_endpoint_id_is_told_from_what_cloudformation_invents() {
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
