//! Least privilege: the role in `template.yaml` is tested against a simulated EC2 that checks the permissions that EC2
//! checks.
//!
//! The role allows everything that the stories need, and nothing else: if any part of any statement is removed, a story
//! fails and names what is missing; if any condition is removed, an attack succeeds that the complete policy prevents.
//!
//! Which permissions EC2 requires for which call is in the service authorization reference ("Actions, resources, and
//! condition keys for Amazon EC2"); `ec2_sim` has it in `actions/permissions.rs`.

mod attacks;
mod check_role;
mod stories;
mod template;

use crate::cloud::{Cloud, SERVICE};
use ec2_sim::{Authorization, Grant, Knobs, Policy, Span};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use stories::{STORIES, Story};
use tokio::sync::OnceCell;

/// The policy documents of the role.
pub(crate) fn policies() -> Vec<Value> {
    template::policies()
}

fn policy(documents: &[Value]) -> Policy {
    Policy::read(documents).unwrap_or_else(|error| panic!("template.yaml: {error}"))
}

/// How a story ended, and the authorizations that EC2 requested.
struct Run {
    story: &'static Story,
    end: Result<(), String>,
    asked: Vec<Authorization>,
}

async fn run(story: &'static Story, policy: Policy) -> Run {
    run_with(story, policy, |_| {}).await
}

/// Runs a story with changed settings of the simulation.
async fn run_with(story: &'static Story, policy: Policy, turn: fn(&mut Knobs)) -> Run {
    let cloud = Cloud::of(|world| turn(&mut world.knobs));
    cloud.sim.set_policy(Some(policy));
    let end = (story.run)(cloud.clone()).await;
    cloud.assert_understood();
    Run { story, end, asked: cloud.sim.authorizations() }
}

/// All stories with the policy of the template. They run once for all tests.
async fn runs() -> &'static [Run] {
    static RUNS: OnceCell<Vec<Run>> = OnceCell::const_new();
    let run_all = async || {
        let policy = policy(&template::policies());
        let mut runs = Vec::new();
        for story in STORIES {
            runs.push(run(story, policy.clone()).await);
        }
        runs
    };
    RUNS.get_or_init(run_all).await
}

/// The statements that are about EC2, and not about the logs, traces, and failed events of Lambda, or the stacks that `ask`
/// is about.
fn statements(documents: &[Value]) -> Vec<(usize, usize)> {
    let all = documents.iter().enumerate().flat_map(|(d, document)| {
        let count = document["Statement"].as_array().unwrap().len();
        (0..count).map(move |s| (d, s))
    });
    let of_ec2 = |(d, s): &(usize, usize)| {
        let actions = documents[*d]["Statement"][*s]["Action"].to_string();
        ["logs:", "xray:", "sqs:", "cloudformation:"].iter().all(|service| !actions.contains(&format!("\"{service}")))
    };
    all.filter(of_ec2).collect()
}

fn sid(statement: &Value) -> String {
    statement["Sid"].as_str().unwrap_or_else(|| panic!("a statement has no Sid: {statement}")).to_owned()
}

/// Removes one entry from a list. A single string, or the last entry of a list, cannot be removed.
fn without_one(field: &Value, index: usize) -> Option<(String, Value)> {
    let items = field.as_array().filter(|items| items.len() > 1)?;
    let gone = items[index].as_str().unwrap().to_owned();
    let rest: Vec<Value> =
        items.iter().enumerate().filter(|(at, _)| *at != index).map(|(_, item)| item.clone()).collect();
    Some((gone, Value::Array(rest)))
}

/// A policy from which something was removed.
struct Cut {
    /// What was removed, for messages.
    what: String,
    documents: Vec<Value>,
    /// The grants of the removed part in the complete policy.
    gone: Box<dyn Fn(&Grant) -> bool>,
}

/// Every way to remove one value from a condition that has several. One value less means that less is allowed.
fn narrowings(documents: &[Value]) -> Vec<(String, Vec<Value>)> {
    let mut narrowings = Vec::new();
    for (d, s) in statements(documents) {
        let statement = &documents[d]["Statement"][s];
        for (operator, keys) in statement["Condition"].as_object().into_iter().flatten() {
            assert!(!operator.contains("Not"), "{operator}: one value less would allow more");
            for (key, values) in keys.as_object().unwrap() {
                for index in 0..values.as_array().map_or(0, Vec::len) {
                    let Some((value, rest)) = without_one(values, index) else { continue };
                    let mut less = documents.to_vec();
                    less[d]["Statement"][s]["Condition"][operator][key] = rest;
                    narrowings.push((format!("{} without {value} of {key}", sid(statement)), less));
                }
            }
        }
    }
    narrowings
}

/// Every way to remove a statement, or one action or one resource from a statement that has several.
fn cuts(documents: &[Value]) -> Vec<Cut> {
    let mut cuts = Vec::new();
    for (d, s) in statements(documents) {
        let statement = &documents[d]["Statement"][s];
        let sid = sid(statement);
        let mut less = documents.to_vec();
        less[d]["Statement"].as_array_mut().unwrap().remove(s);
        let name = sid.clone();
        cuts.push(Cut { what: sid.clone(), documents: less, gone: Box::new(move |grant| grant.sid == name) });
        for field in ["Action", "Resource"] {
            for index in 0..statement[field].as_array().map_or(0, Vec::len) {
                let Some((entry, rest)) = without_one(&statement[field], index) else { continue };
                let mut less = documents.to_vec();
                less[d]["Statement"][s][field] = rest;
                let (what, name) = (format!("{sid} without {entry}"), sid.clone());
                let gone = move |grant: &Grant| {
                    grant.sid == name && *(if field == "Action" { &grant.action } else { &grant.resource }) == entry
                };
                cuts.push(Cut { what, documents: less, gone: Box::new(gone) });
            }
        }
    }
    cuts
}

#[tokio::test(start_paused = true)]
async fn the_role_allows_everything_that_the_provider_does() {
    for run in runs().await {
        assert_eq!(run.end, Ok(()), "{}", run.story.name);
        let denied: Vec<_> = run.asked.iter().filter(|asked| !asked.allowed).collect();
        assert!(denied.is_empty(), "{}: {denied:?}", run.story.name);
    }
}

#[tokio::test(start_paused = true)]
async fn the_stories_make_every_call_that_the_provider_can_make() {
    let runs = runs().await;
    let called: BTreeSet<&str> =
        runs.iter().flat_map(|run| &run.asked).filter_map(|asked| asked.action.strip_prefix("ec2:")).collect();
    let source =
        ["endpoints", "network", "security_groups"].map(|part| template::file(&format!("src/ec2/{part}.rs"))).concat();
    // Each call names its action in its error.
    let calls = source.split('"').skip(1).step_by(2).filter(|text| {
        ["Describe", "Create", "Modify", "Delete", "Authorize", "Revoke"].iter().any(|verb| text.starts_with(verb))
    });
    let calls: BTreeSet<&str> = calls.collect();
    assert!(calls.len() > 10, "{calls:?}");
    assert_eq!(calls.difference(&called).collect::<Vec<_>>(), [&""; 0], "no story makes these calls");
}

#[tokio::test(start_paused = true)]
async fn the_role_allows_nothing_that_no_story_needs() {
    let asked: Vec<Authorization> = runs().await.iter().flat_map(|run| run.asked.clone()).collect();
    let used: BTreeSet<&Grant> = asked.iter().flat_map(|asked| &asked.by).collect();
    let documents = template::policies();
    let names: Vec<String> = statements(&documents).iter().map(|(d, s)| sid(&documents[*d]["Statement"][*s])).collect();
    let grants = policy(&documents).grants();
    let spare: Vec<_> = grants.iter().filter(|grant| names.contains(&grant.sid) && !used.contains(grant)).collect();
    assert!(names.len() > 8 && spare.is_empty(), "{spare:#?}");
}

#[tokio::test(start_paused = true)]
async fn without_any_part_of_the_role_a_story_fails_and_names_what_is_missing() {
    let complete = runs().await;
    for cut in cuts(&template::policies()) {
        // A story in which something is allowed only by this part.
        let alone = |asked: &&Authorization| !asked.by.is_empty() && asked.by.iter().all(|grant| (cut.gone)(grant));
        let needs_it = complete.iter().find(|run| run.asked.iter().any(|asked| alone(&asked)));
        let Some(before) = needs_it else { panic!("{}: no story needs it", cut.what) };
        let after = run(before.story, policy(&cut.documents)).await;
        let Err(reason) = after.end else { panic!("{}: {} succeeds anyway", cut.what, before.story.name) };
        // If several are missing, any of them may be reported, because reads run at the same time.
        let says = |asked: &Authorization| {
            reason.contains(&sentence(&asked.action)) || reason.contains(&warning(&asked.action))
        };
        assert!(before.asked.iter().filter(alone).any(says), "{}: what is missing is not in: {reason}", cut.what);
    }
}

/// The first sentence of the reason when EC2 denies something.
fn sentence(action: &str) -> String {
    format!("The provider's role is not allowed to perform {action}.")
}

/// The same in a warning: a foreign endpoint is used without a reference.
fn warning(action: &str) -> String {
    format!("The provider's role is not allowed to perform {action} on ")
}

#[tokio::test(start_paused = true)]
async fn without_any_value_of_a_condition_a_story_fails() {
    for (what, documents) in narrowings(&template::policies()) {
        let policy = policy(&documents);
        let mut reasons = Vec::new();
        for story in STORIES {
            reasons.extend(run(story, policy.clone()).await.end.err());
            if !reasons.is_empty() {
                break;
            }
        }
        assert!(
            reasons.iter().any(|reason| reason.contains("The provider's role is not allowed to perform ")),
            "{what}: {reasons:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn without_route_53_permissions_the_reason_says_so_even_if_ec2_never_responds() {
    let cut = cuts(&template::policies()).into_iter().find(|cut| {
        cut.documents.iter().all(|document| !document.to_string().contains("route53:AssociateVPCWithHostedZone"))
    });
    let policy = policy(&cut.expect("a statement is only about Route 53").documents);
    for name in ["a_given_security_group", "private_dns_off_and_on"] {
        let story = STORIES.iter().find(|story| story.name == name).unwrap();
        let cloud = Cloud::of(|world| world.knobs.route53_denial = ec2_sim::Route53Denial::NoResponse);
        cloud.sim.set_policy(Some(policy.clone()));
        let reason = (story.run)(cloud).await.unwrap_err();
        assert!(reason.contains("lacks route53:AssociateVPCWithHostedZone"), "{name}: {reason}");
    }
}

/// If `DescribeVpcAttribute` were allowed only on the VPCs of this account, a VPC that another account shares would be
/// reported as a missing permission.
#[tokio::test(start_paused = true)]
async fn a_shared_vpc_is_distinguished_from_a_missing_permission() {
    let cloud = Cloud::new();
    cloud.sim.set_policy(Some(policy(&template::policies())));
    let shared = json!({ "ServiceName": SERVICE, "VpcId": "vpc-0e55555555555555e" });
    let reason = cloud.stack("orders").create(&shared).await.failed();
    assert!(reason.contains("belongs to account 210987654321"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn denials_due_to_the_lag_of_iam_are_retried() {
    let policy = policy(&template::policies());
    let readings: [fn(&mut Knobs); 2] =
        [|knobs| knobs.deny_unknown_resources = true, |knobs| knobs.iam_lag_ms = Span(0, 3_000)];
    for turn in readings {
        for story in STORIES {
            assert_eq!(run_with(story, policy.clone(), turn).await.end, Ok(()), "{}", story.name);
        }
    }
}
