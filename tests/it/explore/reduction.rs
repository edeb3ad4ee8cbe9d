//! Checks the reduction in `fingerprint.rs`: a search that considers only identical states equal finds the same ends
//! and the same violations.

use super::complete::named;
use super::fingerprint::Equivalence;
use super::planted::{ALL, NONE, PlantedFault};
use super::scenario::{Scenario, coarse, without_failures};
use super::search::{Violation, Visitor, explore_with};
use super::state::State;
use std::collections::BTreeSet;

/// Everything that a search finds.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    ends: BTreeSet<String>,
    violations: BTreeSet<String>,
}

impl Visitor for Found {
    fn ended(&mut self, state: &State) {
        self.ends.insert(state.summary());
    }

    fn violated(&mut self, violation: &Violation) -> bool {
        self.violations.insert(violation.what.clone());
        true
    }
}

fn search(scenario: &Scenario, equivalence: Equivalence) -> (Found, usize) {
    let mut found = Found::default();
    let coverage = explore_with(scenario, equivalence, |_| false, &mut found).expect("it continues after a violation");
    (found, coverage.states)
}

fn planted(name: &str) -> PlantedFault {
    ALL.into_iter().find(|fault| fault.name == name).unwrap_or_else(|| panic!("there is no fault '{name}'"))
}

/// Small enough to be explored completely without the reduction.
fn small(name: &'static str) -> Scenario {
    let mut scenario = coarse(named(&[name]).next().unwrap());
    for planned in scenario.stacks.iter_mut().flatten() {
        planned.after = planned.after.iter().copied().step_by(3).take(3).collect();
    }
    Scenario { delays: vec![0, 10], ..scenario }
}

/// All events at fixed times, and one failure.
fn with_one_failure(name: &'static str) -> Scenario {
    let mut scenario = Scenario { delays: vec![0], ..small(name) };
    scenario.stacks.iter_mut().flatten().for_each(|planned| planned.after.truncate(1));
    scenario
}

#[test]
fn states_with_the_same_fingerprint_have_the_same_future() {
    let joining = "one releases while the other joins";
    for (scenario, fault) in [
        (without_failures(small(joining)), NONE),
        (
            without_failures(small(joining)),
            planted("the joiner ignores announcements after it has written its reference"),
        ),
        (with_one_failure("both use a foreign endpoint"), NONE),
        (with_one_failure("both create"), NONE),
    ] {
        let scenario = Scenario { planted: fault, ..scenario };
        let (reduced, few) = search(&scenario, Equivalence::SameFuture);
        let (exact, many) = search(&scenario, Equivalence::Identical);
        println!("{}, {}: {few} states instead of {many}", scenario.title(), scenario.planted.name);
        assert_eq!(reduced, exact, "{}", scenario.title());
        assert!(few < many, "{}", scenario.title());
        assert_eq!(reduced.violations.is_empty(), scenario.planted.name == NONE.name, "{reduced:?}");
    }
}
