//! A model checker for the sharing protocol ([`docs/sharing.md`](../../../docs/sharing.md)). It runs the provider's own
//! decision against a model of EC2 whose reads lag, and explores every schedule that a scenario allows.
//!
//! **State** (`state.rs`): the endpoints and tags in EC2, with the older values that a read may still show (`ec2.rs`,
//! `endpoint.rs`, `versions.rs`); where CloudFormation is with each stack (`cloudformation.rs`); and the deliveries of
//! events in progress, each with the journal and the retries of its function. Time is part of the state, and jumps from
//! one moment at which something happens to the next.
//!
//! **Action** (`transition.rs`), one per step: CloudFormation sends an event; a function looks and decides; the call
//! that it decided on takes effect; an event is delivered again. Between a look and the effect of the call, other
//! functions run.
//!
//! **Schedule** (`choices.rs`): the list of all choices that the scenario leaves open. Choices are when an event is
//! sent, how long a look and its call take, which of several effects at one moment comes first, which values a look
//! shows, and whether a failure happens: a crash before or after a call, a lost answer, a failed call, or an outage. A
//! schedule determines a history.
//!
//! **Search** (`search.rs`): depth first through all schedules, each state once, with the reduction that
//! `fingerprint.rs` describes and `reduction.rs` tests; or random walks, each determined by a seed.
//!
//! **Invariants** (`invariants.rs`): no stack that has joined loses the endpoint or its reference, no foreign endpoint
//! is changed, a successful response is true, and when a history ends, nothing is left over. In place of liveness: no
//! history returns to a state on its own path, and no event needs more than its deadline or 75 looks. A history that
//! reaches the known limit where CloudFormation does not answer (assumption 6) ends there and is counted as exempt; where it
//! answers, no history is exempt.
//!
//! **What runs unchanged** (`provider.rs`): `decision::next`, the queries, the journal (`observe`, `record`,
//! `leftovers`), the retry policy (`Retries`, `after_refusal`), and the reading of properties. `transition.rs` calls
//! them in the order of the loop in `src/reconcile.rs`.
//!
//! **What is not modeled**: the loop itself, the SDK, and HTTP; the facts that do not change, which are all known
//! from the start; rules of the VPC, because every spec that uses the provider's security group names a block; jitter, the reuse of looks, and the end of an event at
//! its deadline; rate limits; errors of EC2 other than a taken name, a missing endpoint, and transient ones; more than
//! one VPC: a spoke names none, so it never creates an endpoint. The stories on the wire and `faults.rs` and `histories.rs` cover most of these.
//!
//! **Scenarios** (`scenarios/`) say which stacks there are and what CloudFormation does with each. Each has coarser
//! variants with fewer schedules (`scenario.rs`). **Planted faults** (`planted.rs`) prove that the invariants can fail.
//!
//! **Replay**: a violation prints its trace (`trace.rs`) and the command that runs the same history again, for example:
//!
//! ```text
//! SCENARIO="both release" SEED=7 cargo test --test it explore::replay -- --ignored --nocapture
//! ```
//!
//! `SCENARIO` is the title, `SEED` or `CHOICES` determines the schedule, and `PLANTED` names a planted fault.

mod choices;
mod cloudformation;
mod complete;
mod ec2;
mod endpoint;
mod fingerprint;
mod groups;
mod invariants;
mod planted;
mod provider;
mod reduction;
mod scenario;
mod scenarios;
mod search;
mod state;
mod trace;
mod transition;
mod versions;

use planted::PlantedFault;
use scenario::{Scenario, coarse, without_failures};
use search::{Coverage, Path, Violation, explore_all, random_walk, run};
use std::time::{Duration, Instant};

/// Describes a violation: what it violates, its trace, and how to replay it.
fn describe(scenario: &Scenario, violation: &Violation) -> String {
    let (trace, _) = run(scenario, &violation.path);
    let (title, planted) = (scenario.title(), scenario.planted.name);
    let planted = if planted == planted::NONE.name { String::new() } else { format!(" PLANTED=\"{planted}\"") };
    let command = format!(
        "SCENARIO=\"{title}\"{planted} {} cargo test --test it explore::replay -- --ignored --nocapture",
        violation.path
    );
    format!("{title}: {}\n{}\nReplay: {command}", violation.what, trace.join("\n"))
}

/// Explores all the schedules of some scenarios.
fn explore_completely(scenarios: impl IntoIterator<Item = Scenario>) {
    for scenario in scenarios {
        let coverage =
            explore_all(&scenario, |_| false).unwrap_or_else(|found| panic!("{}", describe(&scenario, &found)));
        println!("{}: {coverage}", scenario.title());
        assert!(coverage.complete && coverage.ends > coverage.exempt, "{}: {coverage}", scenario.title());
        assert!(scenario.is_unanswered || coverage.exempt == 0, "{}: {coverage}", scenario.title());
    }
}

/// A test for each set of scenarios that is explored completely.
macro_rules! completely {
    ($($set:ident),* $(,)?) => {
        mod every_schedule_of {
            $(#[test] fn $set() { super::explore_completely(super::complete::$set()); })*
        }

        #[test]
        fn the_documentation_has_what_is_explored_completely() {
            complete::check_the_table(&[$(complete::$set()),*].concat());
        }
    };
}

completely! {
    two_holders_without_failures,
    two_holders_and_a_failure,
    a_replacement_and_a_failure,
    three_holders_without_failures,
    three_holders_and_a_failure,
    a_create_that_is_overtaken_or_retried,
    an_event_that_is_delivered_again,
    an_update_that_is_canceled,
    what_cloudformation_does_not_tell,
    narrowing_while_another_joins,
    a_stale_holder_that_is_released,
    holders_with_different_requests,
    a_hub_and_a_spoke_and_a_failure,
    two_holders_that_exchange_their_requests_and_a_failure,
}

#[test]
fn some_schedules_of_every_scenario() {
    for scenario in scenarios::all() {
        if let Err(violation) = explore_all(&scenario, |coverage| coverage.states >= 3_000) {
            panic!("{}", describe(&scenario, &violation));
        }
        for seed in 0..60 {
            if let Err(violation) = random_walk(&scenario, seed) {
                panic!("{}", describe(&scenario, &violation));
            }
        }
    }
}

/// Exploring all the schedules of one scenario finds it, and the history can be replayed exactly.
#[test]
fn every_planted_fault_is_found() {
    for fault in planted::ALL {
        let scenario = scenarios::titled(fault.found_in).unwrap_or_else(|| panic!("{}", fault.found_in));
        let scenario = Scenario { planted: fault, ..scenario };
        let Err(violation) = explore_all(&scenario, |_| false) else {
            panic!("the search does not find: {}", scenario.planted.name)
        };
        let (trace, result) = run(&scenario, &violation.path);
        assert_eq!(result, Err(violation.what.clone()), "{}", describe(&scenario, &violation));
        assert_eq!(run(&scenario, &violation.path).0, trace);
    }
}

/// Random walks through the same scenario, or through its variants at full resolution, find it too.
#[test]
fn every_planted_fault_is_found_by_random_walks() {
    let is_found = |fault: &PlantedFault| {
        let scenario = scenarios::titled(fault.found_in).unwrap_or_else(|| panic!("{}", fault.found_in));
        let full = scenarios::all()
            .into_iter()
            .filter(|other| other.name == scenario.name && other.is_unanswered == scenario.is_unanswered);
        let variants: Vec<Scenario> = full
            .flat_map(|full| [full.clone(), without_failures(full)])
            .chain([scenario.clone()])
            .filter(first_with_its_title())
            .map(|variant| Scenario { planted: fault.clone(), ..variant })
            .collect();
        (0..10_000).any(|seed| variants.iter().any(|variant| random_walk(variant, seed).is_err()))
    };
    let missed: Vec<&str> = planted::ALL.iter().filter(|fault| !is_found(fault)).map(|fault| fault.name).collect();
    assert_eq!(missed, [""; 0], "random walks do not find these");
}

#[test]
fn a_seed_always_gives_the_same_history() {
    for scenario in scenarios::all() {
        let [one, two, other] = [7, 7, 8].map(|seed| run(&scenario, &Path::Seed(seed)).0);
        assert!(one.len() > 5 && one == two && one != other, "{}", scenario.title());
    }
}

/// `SCENARIO="both release" SEED=7 cargo test --test it explore::replay -- --ignored --nocapture`
#[test]
#[ignore = "replays the history that SCENARIO and SEED or CHOICES determine"]
#[expect(clippy::disallowed_methods, reason = "run manually, with the history given in the environment")]
fn replay() {
    let given = |name: &str| std::env::var(name).ok();
    let title = given("SCENARIO").unwrap_or_default();
    let fault = given("PLANTED").unwrap_or_else(|| planted::NONE.name.to_owned());
    let scenario = scenarios::titled(&title).unwrap_or_else(|| panic!("there is no scenario '{title}'"));
    let planted = planted::ALL.into_iter().chain([planted::NONE]).find(|planted| planted.name == fault);
    let planted = planted.unwrap_or_else(|| panic!("there is no planted fault '{fault}'"));
    let scenario = Scenario { planted, ..scenario };
    let path = match given("CHOICES") {
        Some(list) => Path::Choices(list.split(',').map(|n| n.parse().expect("CHOICES are numbers")).collect()),
        None => Path::Seed(given("SEED").map_or(0, |seed| seed.parse().expect("SEED is a number"))),
    };
    let (trace, result) = run(&scenario, &path);
    println!("{}\n{result:?}", trace.join("\n"));
}

/// `EXPLORE_SECONDS=600 cargo test --test it explore::for_explore_seconds -- --ignored --nocapture`
#[test]
#[ignore = "runs for EXPLORE_SECONDS"]
#[expect(clippy::disallowed_methods, reason = "run manually, in real time")]
fn for_explore_seconds() {
    let seconds = std::env::var("EXPLORE_SECONDS").ok().and_then(|seconds| seconds.parse().ok()).unwrap_or(60);
    let (started, time) = (Instant::now(), Duration::from_secs(seconds));
    // Three quarters of the time are for exploring all schedules, beginning with the variants that have the fewest.
    // What one scenario does not use, those after it share. The rest of the time is for random walks.
    let coarse = || scenarios::all().into_iter().map(coarse);
    let scenarios: Vec<Scenario> =
        coarse().map(without_failures).chain(coarse()).chain(scenarios::all()).filter(first_with_its_title()).collect();
    let (mut total, mut complete) = (Coverage::default(), 0);
    for (n, scenario) in scenarios.iter().enumerate() {
        let left = (time * 3 / 4).saturating_sub(started.elapsed());
        let until = Instant::now() + left / u32::try_from(scenarios.len() - n).unwrap_or(1) * 2;
        let coverage = explore_all(scenario, |seen| seen.transitions.is_multiple_of(64) && Instant::now() > until)
            .unwrap_or_else(|violation| panic!("{}", describe(scenario, &violation)));
        println!("{}: {coverage}", scenario.title());
        complete += usize::from(coverage.complete);
        total.states += coverage.states;
        total.transitions += coverage.transitions;
        total.ends += coverage.ends;
    }
    let mut histories = 0_u64;
    for seed in 1_000_000_u64.. {
        if started.elapsed() > time {
            break;
        }
        for scenario in scenarios::all() {
            if let Err(violation) = random_walk(&scenario, seed) {
                panic!("{}", describe(&scenario, &violation));
            }
            histories += 1;
        }
    }
    let Coverage { states, transitions, ends, .. } = total;
    let count = scenarios.len();
    println!(
        "{count} scenarios, {complete} of them complete: {states} states, {transitions} transitions, {ends} ends; and {histories} random histories",
    );
}

/// Leaves out duplicates: the variant without failures of a scenario that has none is the scenario itself.
fn first_with_its_title() -> impl FnMut(&Scenario) -> bool {
    let mut known = std::collections::BTreeSet::new();
    move |scenario| known.insert(scenario.title())
}
