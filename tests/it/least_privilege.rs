//! Least privilege, proven: the role in `template.yaml` is held against a simulated EC2 that asks IAM what EC2 asks.
//!
//! It allows all that the stories need, and nothing that they do not: each part of each statement is taken away, and
//! then a story fails and names what is missing. Each condition is taken away, and then an attack gets through that
//! the whole policy withstands.
//!
//! Which permissions EC2 wants for which call is in the service authorization reference ("Actions, resources, and
//! condition keys for Amazon EC2"); `ec2_sim` has it in `actions/permissions.rs`.

mod attacks;
mod stories;
mod template;

use crate::cloud::{Cloud, SERVICE};
use ec2_sim::{Authorization, Grant, Knobs, Policy, Span};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use stories::{STORIES, Story};
use tokio::sync::OnceCell;

fn policy(documents: &[Value]) -> Policy {
    Policy::read(documents).unwrap_or_else(|error| panic!("template.yaml: {error}"))
}

/// How a story ended, and what IAM was asked in it.
struct Told {
    story: &'static Story,
    end: Result<(), String>,
    asked: Vec<Authorization>,
}

async fn tell(story: &'static Story, policy: Policy) -> Told {
    tell_with(story, policy, |_| {}).await
}

/// Where IAM knows less than EC2.
async fn tell_with(story: &'static Story, policy: Policy, turn: fn(&mut Knobs)) -> Told {
    let cloud = Cloud::of(|world| turn(&mut world.knobs));
    cloud.sim.set_policy(Some(policy));
    let end = (story.tell)(cloud.clone()).await;
    cloud.assert_understood();
    Told { story, end, asked: cloud.sim.authorizations() }
}

/// All stories under the policy of the template, told once for all tests.
async fn told() -> &'static [Told] {
    static TOLD: OnceCell<Vec<Told>> = OnceCell::const_new();
    let tell_all = async || {
        let policy = policy(&template::policies());
        let mut told = Vec::new();
        for story in STORIES {
            told.push(tell(story, policy.clone()).await);
        }
        told
    };
    TOLD.get_or_init(tell_all).await
}

/// The statements of the policies that are about EC2: the function's log and its traces are Lambda's.
fn statements(documents: &[Value]) -> Vec<(usize, usize)> {
    let all = documents.iter().enumerate().flat_map(|(d, document)| {
        let count = document["Statement"].as_array().unwrap().len();
        (0..count).map(move |s| (d, s))
    });
    let of_ec2 = |(d, s): &(usize, usize)| {
        let actions = documents[*d]["Statement"][*s]["Action"].to_string();
        !actions.contains("\"logs:") && !actions.contains("\"xray:")
    };
    all.filter(of_ec2).collect()
}

fn sid(statement: &Value) -> String {
    statement["Sid"].as_str().unwrap_or_else(|| panic!("a statement has no Sid: {statement}")).to_owned()
}

/// Takes one entry out of a list; a text that stands alone, or the last of a list, is not taken.
fn without_one(field: &Value, index: usize) -> Option<(String, Value)> {
    let items = field.as_array().filter(|items| items.len() > 1)?;
    let gone = items[index].as_str().unwrap().to_owned();
    let rest: Vec<Value> =
        items.iter().enumerate().filter(|(at, _)| *at != index).map(|(_, item)| item.clone()).collect();
    Some((gone, Value::Array(rest)))
}

/// A policy from which something is missing.
struct Cut {
    /// For people.
    what: String,
    documents: Vec<Value>,
    /// What the whole policy allows by the missing part.
    gone: Box<dyn Fn(&Grant) -> bool>,
}

/// Every way to take one value out of a condition that names several: for those that must be met, one less is one
/// thing less that is allowed.
fn narrowings(documents: &[Value]) -> Vec<(String, Vec<Value>)> {
    let mut narrowings = Vec::new();
    for (d, s) in statements(documents) {
        let statement = &documents[d]["Statement"][s];
        for (operator, keys) in statement["Condition"].as_object().into_iter().flatten() {
            assert!(!operator.contains("Not"), "{operator}: here one value less would allow more");
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

/// Every way to take away a statement, or one action or one resource of a statement that has several.
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
async fn the_role_allows_all_that_the_product_does() {
    for told in told().await {
        assert_eq!(told.end, Ok(()), "{}", told.story.name);
        let denied: Vec<_> = told.asked.iter().filter(|asked| !asked.allowed).collect();
        assert!(denied.is_empty(), "{}: {denied:?}", told.story.name);
    }
}

#[tokio::test(start_paused = true)]
async fn the_stories_make_every_call_that_the_product_can_make() {
    let told = told().await;
    let called: BTreeSet<&str> =
        told.iter().flat_map(|told| &told.asked).filter_map(|asked| asked.action.strip_prefix("ec2:")).collect();
    let source =
        ["endpoints", "network", "security_groups"].map(|part| template::file(&format!("src/ec2/{part}.rs"))).concat();
    // Each call names its action in its error.
    let calls = source.split('"').skip(1).step_by(2).filter(|text| {
        ["Describe", "Create", "Modify", "Delete", "Authorize", "Revoke"].iter().any(|verb| text.starts_with(verb))
    });
    let calls: BTreeSet<&str> = calls.collect();
    assert!(calls.len() > 10, "{calls:?}");
    assert_eq!(calls.difference(&called).collect::<Vec<_>>(), [&""; 0], "no story calls these");
}

#[tokio::test(start_paused = true)]
async fn nothing_in_the_role_is_spare() {
    let asked: Vec<Authorization> = told().await.iter().flat_map(|told| told.asked.clone()).collect();
    let used: BTreeSet<&Grant> = asked.iter().flat_map(|asked| &asked.by).collect();
    let documents = template::policies();
    let names: Vec<String> = statements(&documents).iter().map(|(d, s)| sid(&documents[*d]["Statement"][*s])).collect();
    let grants = policy(&documents).grants();
    let spare: Vec<_> = grants.iter().filter(|grant| names.contains(&grant.sid) && !used.contains(grant)).collect();
    assert!(names.len() > 8 && spare.is_empty(), "{spare:#?}");
}

#[tokio::test(start_paused = true)]
async fn without_any_part_of_it_something_fails_and_names_what_is_missing() {
    let whole = told().await;
    for cut in cuts(&template::policies()) {
        // A story in which only this part allowed something.
        let alone = |asked: &&Authorization| !asked.by.is_empty() && asked.by.iter().all(|grant| (cut.gone)(grant));
        let told_by = whole.iter().find(|told| told.asked.iter().any(|asked| alone(&asked)));
        let Some(told) = told_by else { panic!("{}: no story needs it", cut.what) };
        let again = tell(told.story, policy(&cut.documents)).await;
        let Err(reason) = again.end else { panic!("{}: {} succeeds all the same", cut.what, told.story.name) };
        // Of several that are missing, any may be asked for first: reads happen at the same time.
        let says = |asked: &Authorization| reason.contains(&sentence(&asked.action));
        assert!(told.asked.iter().filter(alone).any(says), "{}: what is missing is not in: {reason}", cut.what);
    }
}

/// What the product says in front of everything else when EC2 denies something.
fn sentence(action: &str) -> String {
    format!("The function's role may not do {action}.")
}

#[tokio::test(start_paused = true)]
async fn without_any_value_of_its_conditions_something_fails() {
    for (what, documents) in narrowings(&template::policies()) {
        let policy = policy(&documents);
        let mut reasons = Vec::new();
        for story in STORIES {
            reasons.extend(tell(story, policy.clone()).await.end.err());
            if !reasons.is_empty() {
                break;
            }
        }
        assert!(reasons.iter().any(|reason| reason.contains("The function's role may not do ")), "{what}: {reasons:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_route_53_even_an_ec2_that_never_answers_is_understood() {
    let cut = cuts(&template::policies()).into_iter().find(|cut| {
        cut.documents.iter().all(|document| !document.to_string().contains("route53:AssociateVPCWithHostedZone"))
    });
    let policy = policy(&cut.expect("a statement is about nothing but Route 53").documents);
    for name in ["a_group_that_is_given", "private_dns_off_and_on"] {
        let story = STORIES.iter().find(|story| story.name == name).unwrap();
        let cloud = Cloud::of(|world| world.knobs.route53_denial = ec2_sim::Route53Denial::NoResponse);
        cloud.sim.set_policy(Some(policy.clone()));
        let reason = (story.tell)(cloud).await.unwrap_err();
        assert!(reason.contains("lacks route53:AssociateVPCWithHostedZone"), "{name}: {reason}");
    }
}

/// `DescribeVpcAttribute` could be allowed on the VPCs of this account alone. Then a VPC that another account shares
/// would be taken for a fault of the role.
#[tokio::test(start_paused = true)]
async fn a_shared_vpc_is_told_from_a_missing_permission() {
    let cloud = Cloud::new();
    cloud.sim.set_policy(Some(policy(&template::policies())));
    let shared = json!({ "ServiceName": SERVICE, "VpcId": "vpc-0e55555555555555e" });
    let reason = cloud.stack("orders").create(&shared).await.failed();
    assert!(reason.contains("belongs to account 210987654321"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn what_iam_does_not_know_yet_or_any_more_is_waited_for() {
    let policy = policy(&template::policies());
    let readings: [fn(&mut Knobs); 2] =
        [|knobs| knobs.deny_unknown_resources = true, |knobs| knobs.iam_lag_ms = Span(0, 3_000)];
    for turn in readings {
        for story in STORIES {
            assert_eq!(tell_with(story, policy.clone(), turn).await.end, Ok(()), "{}", story.name);
        }
    }
}
