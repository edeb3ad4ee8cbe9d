//! The search takes states for the same whose futures are the same. Whoever takes only those for the same that are, to the
//! last detail, finds neither another end nor another fault.

use super::planted::{ALL, NONE, Planted};
use super::same::Same;
use super::search::{Broken, Visitor, exhaust_with};
use super::world::{Scenario, World};
use super::{named, scenarios};
use std::collections::BTreeSet;

/// All that a search comes to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    ends: BTreeSet<String>,
    faults: BTreeSet<String>,
}

impl Visitor for Found {
    fn ended(&mut self, world: &World) {
        self.ends.insert(world.at_rest());
    }

    fn broke(&mut self, broken: &Broken) -> bool {
        self.faults.insert(broken.what.clone());
        true
    }
}

fn found(scenario: &Scenario, same: Same) -> (Found, usize) {
    let mut found = Found::default();
    let seen = exhaust_with(scenario, same, |_| false, &mut found).expect("it goes on after a fault");
    (found, seen.states)
}

fn planted(name: &str) -> Planted {
    ALL.into_iter().find(|fault| fault.name == name).unwrap_or_else(|| panic!("there is no fault '{name}'"))
}

/// Small enough to be gone through without the reduction.
fn small(name: &'static str) -> Scenario {
    let mut scenario = scenarios::coarse(named(&[name]).remove(0));
    for act in scenario.stacks.iter_mut().flatten() {
        act.after = act.after.iter().copied().step_by(3).take(3).collect();
    }
    Scenario { delays: vec![0, 10], ..scenario }
}

/// One schedule, but for its crash.
fn crashing(name: &'static str) -> Scenario {
    let mut scenario = Scenario { delays: vec![0], ..small(name) };
    scenario.stacks.iter_mut().flatten().for_each(|act| act.after.truncate(1));
    scenario
}

#[test]
fn states_that_are_taken_for_the_same_have_the_same_future() {
    let joining = "one leaves while the other joins";
    for (scenario, fault) in [
        (scenarios::calm(small(joining)), NONE),
        (scenarios::calm(small(joining)), planted("the joiner looks for leavers before it writes and not after")),
        (crashing("both use somebody else's endpoint"), NONE),
        (crashing("both create"), NONE),
    ] {
        let scenario = Scenario { planted: fault, ..scenario };
        let ((reduced, few), (exact, many)) = (found(&scenario, Same::Future), found(&scenario, Same::Exactly));
        println!("{}, {}: {few} states for {many}", scenario.title(), scenario.planted.name);
        assert_eq!(reduced, exact, "{}", scenario.title());
        assert!(few < many && (reduced.faults.is_empty() == (scenario.planted.name == NONE.name)), "{reduced:?}");
    }
}
