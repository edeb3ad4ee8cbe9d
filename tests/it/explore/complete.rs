//! What is explored completely, by the tests with these names. `docs/sharing.md` has a table of it.

use super::cloudformation::Planned;
use super::ec2::Moment;
use super::scenario::{Scenario, coarse, unanswered, without_failures};
use super::scenarios;
pub(super) use super::scenarios::three_stacks_and_a_failure as three_holders_and_a_failure;
use crate::tables::{file, rows};

pub(super) fn named(names: &[&str]) -> impl Iterator<Item = Scenario> {
    let is_named = |scenario: &Scenario| names.contains(&scenario.name) && !scenario.is_unanswered;
    let found: Vec<Scenario> = scenarios::all().into_iter().filter(is_named).collect();
    assert_eq!(found.len(), names.len(), "{names:?}");
    found.into_iter()
}

fn coarse_without_failures(scenario: Scenario) -> Scenario {
    without_failures(coarse(scenario))
}

pub(super) fn two_holders_without_failures() -> Vec<Scenario> {
    let names = ["one releases while the other joins", "the joiner's clock is ahead", "both release"];
    named(&names).map(without_failures).collect()
}

pub(super) fn two_holders_and_a_failure() -> Vec<Scenario> {
    named(&["both create", "both release", "one releases while the other joins"]).map(coarse).collect()
}

pub(super) fn a_replacement_and_a_failure() -> Vec<Scenario> {
    named(&["one moves to another service while the other joins"]).map(coarse).collect()
}

pub(super) fn three_holders_without_failures() -> Vec<Scenario> {
    named(&["two release while the third joins"]).map(coarse_without_failures).collect()
}

pub(super) fn a_create_that_is_overtaken_or_retried() -> Vec<Scenario> {
    let names = [
        "a Delete overtakes a Create that waits for a name",
        "a Create is retried, and the failed one is cleaned up",
        "a Create that joins is retried, and the failed one is cleaned up while the other releases",
    ];
    // At one in three of the moments; `make explore` goes through all of them.
    let some_moments = |mut scenario: Scenario| {
        for planned in scenario.stacks.iter_mut().flatten() {
            planned.after = planned.after.iter().copied().step_by(3).collect();
        }
        scenario
    };
    let both = named(&names).flat_map(|scenario| [scenario.clone(), unanswered(scenario)]);
    both.map(coarse_without_failures).map(some_moments).collect()
}

pub(super) fn an_event_that_is_delivered_again() -> Vec<Scenario> {
    let all = scenarios::all().into_iter().filter(|scenario| scenario.name.contains("delivered again"));
    let crash = named(&["the function of a Create crashes, and its Delete overtakes the next delivery"]);
    all.map(coarse_without_failures).chain(crash.map(coarse)).collect()
}

pub(super) fn an_update_that_is_canceled() -> Vec<Scenario> {
    let names = [
        "an update to another security group is canceled",
        "an update to the provider's security group is canceled",
        "an update that turns private DNS off is canceled",
        "an update to another service is canceled",
        "an update to another security group is canceled, and another one follows",
        "an update to another service is canceled, and the stack is deleted",
    ];
    // With a failure, because the function that stops may die while it releases what it has created.
    let alone = named(&["an update to another service is canceled"]).map(unanswered).map(coarse);
    named(&names).map(coarse_without_failures).chain(alone).collect()
}

pub(super) fn what_cloudformation_does_not_tell() -> Vec<Scenario> {
    let names = [
        "a Create that never responds is followed by another one, and then cleaned up",
        "a Create that joins and never responds is followed by another one, and then cleaned up",
    ];
    let with_a_failure = [
        "an update replaces an endpoint that is retained, and another one follows",
        "an update to another service runs out of time",
    ];
    named(&names).map(coarse_without_failures).chain(named(&with_a_failure).map(coarse)).collect()
}

pub(super) fn narrowing_while_another_joins() -> Vec<Scenario> {
    let names =
        ["one turns private DNS off while the other joins", "one replaces its security group while the other joins"];
    named(&names).map(coarse_without_failures).collect()
}

pub(super) fn a_stale_holder_that_is_released() -> Vec<Scenario> {
    let with_a_failure = ["a stale holder is released while another joins"];
    let names = [
        "a stale holder is released while the other releases",
        "a release and the Delete of the same resource overlap while another joins",
        "a stale holder of a foreign endpoint is released while another joins",
    ];
    named(&with_a_failure).map(coarse).chain(named(&names).map(coarse_without_failures)).collect()
}

pub(super) fn holders_with_different_requests() -> Vec<Scenario> {
    let with_a_failure = [a_hub_and_a_spoke_and_a_failure(), two_holders_that_exchange_their_requests_and_a_failure()];
    let others = |scenario: &Scenario| with_a_failure.iter().flatten().all(|other| other.name != scenario.name);
    scenarios::all().into_iter().filter(differ).filter(others).map(coarse_without_failures).collect()
}

pub(super) fn a_hub_and_a_spoke_and_a_failure() -> Vec<Scenario> {
    named(&["the hub releases first, and the spoke after it, with fast calls"]).map(coarse).collect()
}

pub(super) fn two_holders_that_exchange_their_requests_and_a_failure() -> Vec<Scenario> {
    let all = scenarios::all().into_iter().filter(|scenario| scenario.name.starts_with("each of two changes"));
    all.map(coarse).collect()
}

/// Whether its holders request different things.
fn differ(scenario: &Scenario) -> bool {
    !scenario.endpoints.iter().all(|endpoint| endpoint.of.is_empty())
}

/// The name of a scenario, with "…" in place of what is requested. Where there is one for each of four, they have one row.
fn abbreviated(scenario: &Scenario) -> String {
    let requested = ["security group", "subnet", "rule", "private DNS"];
    let abbreviate = |name: &str| {
        let words = ["its", "same", "the"].into_iter();
        words
            .flat_map(|word| requested.map(|what| (format!("{word} {what}"), format!("{word} …"))))
            .fold(name.to_owned(), |name, (whole, short)| name.replace(&whole, &short))
    };
    let short = abbreviate(scenario.name);
    let is_one_of_four =
        scenarios::all().iter().filter(|other| abbreviate(other.name) == short).count() == requested.len();
    if is_one_of_four { short } else { scenario.name.to_owned() }
}

/// In how many ways CloudFormation and Lambda can choose the moments at which a scenario leaves that open.
fn timings(scenario: &Scenario) -> usize {
    let count = |moments: &Vec<Moment>| moments.len().max(1);
    let of_event =
        |planned: &Planned| count(&planned.after) * count(&planned.duplicated_after) * count(&planned.again_after);
    let after_crash = if scenario.failures > 0 { count(&scenario.redelivered_after) } else { 1 };
    scenario.stacks.iter().flatten().map(of_event).product::<usize>() * after_crash
}

/// Compares what is explored completely with the table in the documentation.
pub(super) fn check_the_table(scenarios: &[Scenario]) {
    let mut expected: Vec<Vec<String>> = Vec::new();
    for scenario in scenarios {
        // A history with a failure contains one without.
        let same = |other: &&Scenario| {
            let of =
                |scenario: &Scenario| (scenario.name, scenario.grid, scenario.is_unanswered, scenario.delays.clone());
            of(other) == of(scenario)
        };
        assert_eq!(scenarios.iter().filter(same).count(), 1, "{} is searched twice", scenario.title());
        let unanswered = if scenario.is_unanswered { ", without CloudFormation's answer" } else { "" };
        let numbers = [scenario.stacks.len(), scenario.failures.into(), timings(scenario)];
        let delays = scenario.delays.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let row = [
            vec![format!("{}{unanswered}", abbreviated(scenario))],
            numbers.map(|number| number.to_string()).to_vec(),
            vec![scenario.grid.to_string(), delays],
        ]
        .concat();
        if !expected.contains(&row) {
            expected.push(row);
        }
    }
    let lines: Vec<String> = expected.iter().map(|row| format!("| {} |", row.join(" | "))).collect();
    assert_eq!(rows(&file("docs/sharing.md"), "## What is searched completely"), expected, "{}", lines.join("\n"));
}
