//! The sharing protocol, explored by machine: the real decision of every event, on a model of EC2 whose reads lag, in
//! every order and with every delay that the scenario leaves open.
//!
//! * `ec2`: the model of EC2, and what a look may show.
//! * `world`: stacks, deliveries of their events, crashes; and the rules that hold at every moment.
//! * `search`: the ways through, all of them or some by seed.
//! * `scenarios`: who does what.
//! * `planted`: rules knocked out one by one, each of which the exploration has to miss.

mod ec2;
mod planted;
mod scenarios;
mod search;
mod world;

use search::{Broken, Seen, exhaust, wander};
use std::time::{Duration, Instant};
use world::Scenario;

fn told(scenario: &Scenario, broken: &Broken) -> String {
    format!("{}: {}\n{}", scenario.name, broken.what, broken.history.join("\n"))
}

/// Goes through the scenarios, and fails with the history that breaks the contract.
fn through(scenarios: Vec<Scenario>, limit: usize) {
    for scenario in scenarios {
        match exhaust(&scenario, limit) {
            Ok(seen) => assert!(seen.ends > 0, "{}: {seen:?}", scenario.name),
            Err(broken) => panic!("{}", told(&scenario, &broken)),
        }
    }
}

#[test]
fn every_schedule_of_two_holders() {
    for scenario in scenarios::calm() {
        match exhaust(&scenario, usize::MAX) {
            Ok(seen) => assert!(seen.complete && seen.ends > 0, "{}: {seen:?}", scenario.name),
            Err(broken) => panic!("{}", told(&scenario, &broken)),
        }
    }
}

#[test]
fn two_holders_and_a_crash() {
    through(scenarios::two(), 10_000);
}

#[test]
fn events_that_overlap() {
    through(scenarios::one(), 10_000);
}

#[test]
fn updates_beside_another_holder() {
    through(scenarios::updates(), 10_000);
}

#[test]
fn three_holders_at_random() {
    for scenario in scenarios::all() {
        for seed in 0..60 {
            if let Err(broken) = wander(&scenario, seed) {
                panic!("seed {seed} of {}", told(&scenario, &broken));
            }
        }
    }
}

/// The first history that shows a fault, and how many it took.
fn caught(fault: &planted::Planted, patience: u64) -> Option<(u64, String)> {
    for seed in 0..patience {
        for scenario in scenarios::all() {
            let scenario = Scenario { planted: fault.clone(), ..scenario };
            if let Err(broken) = wander(&scenario, seed) {
                return Some((seed, format!("{}: {}", scenario.name, broken.what)));
            }
        }
    }
    None
}

#[test]
fn every_planted_fault_is_found() {
    let missed: Vec<&str> = planted::ALL
        .iter()
        .filter(|fault| {
            let found = caught(fault, 2_000);
            if let Some((seed, what)) = &found {
                println!("{}\n    seed {seed}: {what}", fault.name);
            }
            found.is_none()
        })
        .map(|fault| fault.name)
        .collect();
    assert_eq!(missed, [""; 0], "the exploration is blind for these");
}

/// `EXPLORE_SECONDS=600 cargo test --test it explore::for_as_long_as_told -- --ignored --nocapture`
#[test]
#[ignore = "runs for as long as EXPLORE_SECONDS says"]
#[expect(clippy::disallowed_methods, reason = "this one is run by people, in real time")]
fn for_as_long_as_told() {
    let seconds = std::env::var("EXPLORE_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(60);
    let (started, time) = (Instant::now(), Duration::from_secs(seconds));
    let mut total = Seen::default();
    // Half of the time for all the schedules of as many scenarios as it is enough for, half for single histories.
    let scenarios: Vec<Scenario> = scenarios::calm().into_iter().chain(scenarios::all()).collect();
    let mut complete = 0;
    for (n, scenario) in (1..).zip(&scenarios) {
        let until = started + time / 2 * n / u32::try_from(scenarios.len()).unwrap_or(1);
        let seen = search::exhaust_until(scenario, usize::MAX, || Instant::now() > until)
            .unwrap_or_else(|broken| panic!("{}", told(scenario, &broken)));
        println!(
            "{}: {} states, {} transitions, {} ends ({} excused), at most {} looks{}",
            scenario.name,
            seen.states,
            seen.transitions,
            seen.ends,
            seen.excused,
            seen.looks,
            if seen.complete { ", complete" } else { "" }
        );
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
        for scenario in &scenarios {
            if let Err(broken) = wander(scenario, seed) {
                panic!("seed {seed} of {}", told(scenario, &broken));
            }
            histories += 1;
        }
    }
    println!(
        "{} scenarios, {complete} of them complete: {} states, {} transitions, {} ends; and {histories} random histories",
        scenarios.len(),
        total.states,
        total.transitions,
        total.ends
    );
}
