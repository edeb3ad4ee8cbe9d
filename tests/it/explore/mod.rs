//! The sharing protocol, explored by machine: the real decision of every event, on a model of EC2 whose reads lag, in
//! every order and with every delay that the scenario leaves open.
//!
//! * `ec2`, `versions`: the model of EC2, and what a look may show.
//! * `cloudformation`: stacks, their events and what the answers lead to.
//! * `decision`: the product's side.
//! * `world`: the state of a history, and its next step.
//! * `rules`: what holds at every moment.
//! * `same`, `reduction`: when two states are the same, and that they are.
//! * `search`: the ways through, all of them or some by seed.
//! * `telling`: a history in words.
//! * `scenarios`: who does what.
//! * `planted`: rules knocked out one by one, each of which the exploration has to miss.

mod cloudformation;
mod decision;
mod ec2;
mod planted;
mod reduction;
mod rules;
mod same;
mod scenarios;
mod search;
mod telling;
mod versions;
mod world;

use planted::Planted;
use search::{Broken, Seen, Way, exhaust, retell, wander};
use std::time::{Duration, Instant};
use world::Scenario;

/// A history that breaks the contract, in words, and how to see it again.
fn told(scenario: &Scenario, broken: &Broken) -> String {
    let (history, _) = retell(scenario, &broken.way);
    let (title, planted) = (scenario.title(), scenario.planted.name);
    let planted = if planted == planted::NONE.name { String::new() } else { format!(" PLANTED='{planted}'") };
    let again = format!(
        "SCENARIO='{title}'{planted} {} cargo test --test it explore::once_more -- --ignored --nocapture",
        broken.way
    );
    format!("{title}: {}\n{}\nAgain: {again}", broken.what, history.join("\n"))
}

/// Goes through all the schedules of the scenarios.
fn to_the_end(scenarios: impl IntoIterator<Item = Scenario>) {
    for scenario in scenarios {
        let seen = exhaust(&scenario, |_| false).unwrap_or_else(|broken| panic!("{}", told(&scenario, &broken)));
        println!("{}: {seen}", scenario.title());
        assert!(seen.complete && seen.ends > seen.excused, "{}: {seen}", scenario.title());
    }
}

fn named(names: &[&str]) -> Vec<Scenario> {
    let found: Vec<Scenario> = scenarios::all().into_iter().filter(|scenario| names.contains(&scenario.name)).collect();
    assert_eq!(found.len(), names.len(), "{names:?}");
    found
}

#[test]
fn every_schedule_of_two_calm_holders() {
    let names = ["one leaves while the other joins", "the joiner's clock is ahead", "both leave"];
    to_the_end(named(&names).into_iter().map(scenarios::calm));
}

#[test]
fn every_schedule_of_two_holders_and_a_crash() {
    let names = ["both create", "both leave", "one leaves while the other joins"];
    to_the_end(named(&names).into_iter().map(scenarios::coarse));
}

#[test]
fn every_schedule_of_a_replacement_and_a_crash() {
    to_the_end(named(&["one moves to another service while the other joins"]).into_iter().map(scenarios::coarse));
}

#[test]
fn every_schedule_of_three_calm_holders() {
    to_the_end(named(&["two leave while the third joins"]).into_iter().map(scenarios::coarse).map(scenarios::calm));
}

#[test]
fn every_schedule_of_three_holders_and_a_crash() {
    to_the_end(scenarios::three_and_a_crash());
}

#[test]
fn some_schedules_of_every_scenario() {
    for scenario in scenarios::all() {
        if let Err(broken) = exhaust(&scenario, |seen| seen.states >= 3_000) {
            panic!("{}", told(&scenario, &broken));
        }
        for seed in 0..60 {
            if let Err(broken) = wander(&scenario, seed) {
                panic!("{}", told(&scenario, &broken));
            }
        }
    }
}

/// Going through all the schedules of one scenario finds it; and the history can be had again, to the letter.
#[test]
fn every_planted_fault_is_found() {
    for fault in planted::ALL {
        let scenario = scenarios::titled(fault.shows_in).unwrap_or_else(|| panic!("{}", fault.shows_in));
        let scenario = Scenario { planted: fault, ..scenario };
        let Err(broken) = exhaust(&scenario, |_| false) else {
            panic!("the exploration is blind for this: {}", scenario.planted.name)
        };
        let (history, verdict) = retell(&scenario, &broken.way);
        assert_eq!(verdict, Err(broken.what.clone()));
        assert_eq!(retell(&scenario, &broken.way).0, history);
    }
}

/// And so do random histories, in whatever scenario.
#[test]
fn every_planted_fault_is_found_by_chance() {
    let caught = |fault: &Planted| {
        let planted = |scenario| Scenario { planted: fault.clone(), ..scenario };
        let tries = (0..2_000).flat_map(|seed| scenarios::all().into_iter().map(move |scenario| (seed, scenario)));
        tries.map(|(seed, scenario)| (seed, planted(scenario))).any(|(seed, scenario)| wander(&scenario, seed).is_err())
    };
    let missed: Vec<&str> = planted::ALL.iter().filter(|fault| !caught(fault)).map(|fault| fault.name).collect();
    assert_eq!(missed, [""; 0], "the exploration is blind for these");
}

#[test]
fn a_seed_gives_the_same_history_again() {
    for scenario in scenarios::all() {
        let [one, two, other] = [7, 7, 8].map(|seed| retell(&scenario, &Way::Seed(seed)).0);
        assert!(one.len() > 5 && one == two && one != other, "{}", scenario.title());
    }
}

/// Tells one history: `SCENARIO='both leave' SEED=7 cargo test --test it explore::once_more -- --ignored --nocapture`
#[test]
#[ignore = "tells the history that SCENARIO and SEED or PICKS name"]
#[expect(clippy::disallowed_methods, reason = "this one is run by people, who say what they want to see")]
fn once_more() {
    let given = |name: &str| std::env::var(name).ok();
    let title = given("SCENARIO").unwrap_or_default();
    let fault = given("PLANTED").unwrap_or_else(|| planted::NONE.name.to_owned());
    let scenario = scenarios::titled(&title).unwrap_or_else(|| panic!("there is no scenario '{title}'"));
    let fault = planted::ALL.into_iter().chain([planted::NONE]).find(|planted| planted.name == fault);
    let scenario = Scenario { planted: fault.expect("there is such a fault"), ..scenario };
    let number = |text: String| text.parse().expect("SEED and PICKS are numbers");
    let way = match given("PICKS") {
        Some(picks) => Way::Picks(picks.split(',').map(|pick| pick.parse().expect("PICKS are numbers")).collect()),
        None => Way::Seed(given("SEED").map_or(0, number)),
    };
    let (history, verdict) = retell(&scenario, &way);
    println!("{}\n{verdict:?}", history.join("\n"));
}

/// `EXPLORE_SECONDS=600 cargo test --test it explore::for_as_long_as_told -- --ignored --nocapture`
#[test]
#[ignore = "runs for as long as EXPLORE_SECONDS says"]
#[expect(clippy::disallowed_methods, reason = "this one is run by people, in real time")]
fn for_as_long_as_told() {
    let seconds = std::env::var("EXPLORE_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(60);
    let (started, time) = (Instant::now(), Duration::from_secs(seconds));
    // Most of the time for all the schedules, in steps of five seconds first; what one scenario leaves over is shared by
    // those that come after it. Then single histories.
    let coarse = || scenarios::all().into_iter().map(scenarios::coarse);
    let scenarios: Vec<Scenario> =
        coarse().map(scenarios::calm).chain(coarse()).chain(scenarios::all()).filter(unless_known()).collect();
    let (mut total, mut complete) = (Seen::default(), 0);
    for (n, scenario) in scenarios.iter().enumerate() {
        let left = (time * 3 / 4).saturating_sub(started.elapsed());
        let until = Instant::now() + left / u32::try_from(scenarios.len() - n).unwrap_or(1) * 2;
        let seen = exhaust(scenario, |seen| seen.transitions.is_multiple_of(64) && Instant::now() > until)
            .unwrap_or_else(|broken| panic!("{}", told(scenario, &broken)));
        println!("{}: {seen}", scenario.title());
        complete += usize::from(seen.complete);
        total.states += seen.states;
        total.transitions += seen.transitions;
        total.ends += seen.ends;
    }
    let mut histories = 0_u64;
    for seed in 1_000_000_u64.. {
        if started.elapsed() > time {
            break;
        }
        for scenario in scenarios::all() {
            if let Err(broken) = wander(&scenario, seed) {
                panic!("{}", told(&scenario, &broken));
            }
            histories += 1;
        }
    }
    let Seen { states, transitions, ends, .. } = total;
    let count = scenarios.len();
    println!(
        "{count} scenarios, {complete} of them complete: {states} states, {transitions} transitions, {ends} ends; and {histories} random histories",
    );
}

/// Leaves out what was there already: of a calm scenario there is no calmer one.
fn unless_known() -> impl FnMut(&Scenario) -> bool {
    let mut known = std::collections::BTreeSet::new();
    move |scenario| known.insert(scenario.title())
}
