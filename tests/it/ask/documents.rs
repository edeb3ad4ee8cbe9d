//! The guide `docs/asking.md`, and the size of answers.

use super::Asked;
use crate::cloud::*;
use crate::tables::{file, first_cells, fits};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tidb_private_endpoint::ask::question::Scope;
use tidb_private_endpoint::ask::status::{Found, Status};
use tidb_private_endpoint::model::endpoint::{Endpoint, EndpointState};
use tidb_private_endpoint::model::stacks::Stacks;
use tidb_private_endpoint::model::tags::{Holder, OWNED};

/// The names in a document, with a dot for each level: `Endpoints.Holders.Hash`.
fn names(value: &Value, prefix: &str, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                let name = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                names(value, &name, into);
                into.insert(name);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| names(item, prefix, into)),
        _ => {}
    }
}

#[tokio::test(start_paused = true)]
async fn the_guide_has_every_field_of_the_answers() {
    let cloud = Cloud::new();
    let asked = Asked::new(&cloud);
    let orders = asked.stack("orders");
    let managed = with(properties(), json!({ "SecurityGroupIds": null }));
    let plan = asked.answer(&json!({ "Ask": "Plan", "ResourceProperties": managed })).await;
    let id = orders.create(&managed).await.succeeded().physical_id;
    cloud.sim.set_tag(&id, &orders.leaving_key(60), "orders/TiDB");
    let other = with(managed.clone(), json!({ "VpcId": VPC_2 }));
    let there = asked.stack("billing").create(&other).await.succeeded().physical_id;
    cloud.sim.delete_endpoint(&there);
    asked.forget(&orders);
    cloud.pass(300).await;
    let status = asked.answer(&json!({ "Ask": "Status" })).await;
    let holder = Holder::new(&orders.arn, "TiDB").hash;
    let release = asked.answer(&json!({ "Ask": "Release", "EndpointId": id, "Holder": holder })).await;
    let guide = file("docs/asking.md");
    for (heading, answer) in [("## Plan", plan), ("## Status", status), ("## Release", release)] {
        let mut found = BTreeSet::new();
        names(&answer, "", &mut found);
        let documented: BTreeSet<String> = first_cells(&guide, heading).into_iter().collect();
        assert_eq!(found, documented, "{heading} of docs/asking.md");
    }
}

#[test]
fn troubleshooting_has_every_reason_not_to_answer() {
    let rows = first_cells(&file("docs/troubleshooting.md"), "## Questions");
    let sources = [
        "src/ask/question.rs",
        "src/ask/release.rs",
        "src/ask/status.rs",
        "src/ask/plan.rs",
        "src/inquire.rs",
        "src/model/stacks.rs",
        "src/cloudformation/mod.rs",
    ];
    let said: String = sources.map(file).join(" ");
    let said = said.split_whitespace().filter(|word| *word != "\\").collect::<Vec<_>>().join(" ").replace("\\\"", "\"");
    for row in &rows {
        for piece in row.split('…').map(str::trim).filter(|piece| !piece.is_empty()) {
            assert!(said.contains(piece), "no sentence in the code contains '{piece}'");
        }
    }
    let mut sentences: Vec<&str> = said.split("#[error(").skip(1).filter_map(|rest| rest.split('"').nth(1)).collect();
    // Refusals and warnings of an answer. What else a status and a plan say is no error.
    let (status, plan) = (file("src/ask/status.rs"), file("src/ask/plan.rs"));
    let (planning, _) = plan.split_once("fn worded(").unwrap();
    let literals = |source: &'static str| source.split('"').skip(1).step_by(2);
    for source in [status, planning.to_owned()] {
        let is_sentence = |text: &&str| text.ends_with('.') || text.contains(". ");
        sentences.extend(literals(source.leak()).filter(is_sentence));
    }
    assert!(sentences.iter().any(|sentence| sentence.starts_with("The plan cannot be completed")), "{sentences:#?}");
    for sentence in sentences.iter().map(|sentence| sentence.trim_start_matches("{0} ")) {
        assert!(!sentence.contains(' ') || rows.iter().any(|row| fits(row, sentence)), "no row fits: {sentence}");
    }
}

/// Ten thousand endpoints, and five hundred stacks that hold what EC2's 50 tags allow.
#[test]
fn ten_thousand_endpoints_fit_into_an_answer() {
    let stack = |n: usize| format!("arn:aws:cloudformation:us-east-1:123456789012:stack/app-{n}/51af3dc0-{n:04}");
    let endpoint = |n: usize| Endpoint {
        id: format!("vpce-{n:017x}").into(),
        vpc_id: VPC.into(),
        service_name: SERVICE.into(),
        state: EndpointState::Available,
        private_dns: true,
        requester_managed: false,
        ip_address_type: "ipv4".to_owned(),
        subnet_ids: vec![SUBNET_AZ1.into(), SUBNET_AZ4.into()],
        group_ids: vec![GROUP.into()],
        network_interface_ids: Vec::new(),
        dns_entries: Vec::new(),
        created_at: Some(Timestamp::UNIX_EPOCH),
        last_error: None,
        tags: (0..if n == 9_999 { 45 } else { 2 })
            .map(|h| Holder::new(&stack((n * 7 + h) % 500), "TiDB"))
            .map(|holder| (holder.ref_key(), format!("{} 0123456789ab", holder.name)))
            .chain([(OWNED.to_owned(), "0123456789abcdef01234567".to_owned())])
            .collect(),
    };
    let found = Found {
        scope: &Scope::default(),
        endpoints: (0..10_000).map(endpoint).collect(),
        groups: Vec::new(),
        subnets: Vec::new(),
        // The stack of the last endpoint is gone.
        stacks: Ok(Stacks::of((0..500).filter(|n| *n != (9_999 * 7) % 500).map(stack))),
        now: Timestamp::UNIX_EPOCH,
        function: "tidb-private-endpoint",
    };
    let status = Status::new(&found);
    let bytes = serde_json::to_vec(&status).unwrap().len();
    assert!(bytes < 6_000_000, "{bytes} bytes");
    assert_eq!(status.endpoints.len() + status.endpoints_left_out, 10_000);
    let to_fix = status.endpoints.iter().filter(|endpoint| endpoint.needs_fixing()).count();
    assert!(to_fix > 1 && status.endpoints[0].needs_fixing(), "what needs fixing comes first");
    assert!(status.text.contains("10000 endpoints in this Region"), "{}", &status.text[..200]);
}
