//! The scenarios: which stacks there are, and what CloudFormation does with each.

mod overlapping_events;
mod releases;
mod requests;
mod spokes;
mod three_stacks;
mod two_stacks;
mod updates;

use super::cloudformation::{Operation, Planned, SPEC, Spec, plan};
use super::ec2::Moment;
use super::planted::NONE;
use super::scenario::{Existing, Scenario, coarse, without_failures};
use std::collections::BTreeMap;
pub(super) use three_stacks::three_stacks_and_a_failure;

/// Every scenario, at full resolution and with all of its failures.
pub(super) fn all() -> Vec<Scenario> {
    let shared = [two_stacks::scenarios(), updates::scenarios(), requests::scenarios(), releases::scenarios()].concat();
    [shared, spokes::scenarios(), overlapping_events::scenarios(), three_stacks::scenarios()].concat()
}

/// Finds a scenario or a variant of it by its title.
pub(super) fn titled(title: &str) -> Option<Scenario> {
    let variants: [fn(Scenario) -> Scenario; 4] = [|s| s, without_failures, coarse, |s| without_failures(coarse(s))];
    let every = all().into_iter().flat_map(|scenario| variants.map(|variant| variant(scenario.clone())));
    every.into_iter().chain(three_stacks_and_a_failure()).find(|scenario| scenario.title() == title)
}

/// A scenario without existing endpoints and without failures, in which calls are fast or slow.
fn base(name: &'static str, stacks: Vec<Vec<Planned>>) -> Scenario {
    Scenario {
        name,
        stacks,
        endpoints: Vec::new(),
        delays: vec![0, 14],
        failures: 0,
        redelivered_after: vec![60],
        skew: Vec::new(),
        grid: 1,
        retains: false,
        is_unanswered: false,
        planted: NONE,
    }
}

/// The multiples of a step from 0 to a last moment.
fn every(step: Moment, until: Moment) -> Vec<Moment> {
    (0..=until / step).map(|n| n * step).collect()
}

fn create(after: &[Moment]) -> Planned {
    plan(Operation::Create(SPEC), after)
}

fn delete(after: &[Moment]) -> Planned {
    plan(Operation::Delete, after)
}

/// An endpoint that the provider created for these stacks.
fn owned(holders: &[usize]) -> Existing {
    Existing { holders: holders.to_vec(), owned: true, spec: SPEC, of: BTreeMap::new() }
}

/// An endpoint that someone else created.
fn foreign() -> Existing {
    Existing { holders: Vec::new(), owned: false, spec: SPEC, of: BTreeMap::new() }
}

/// The spec of another service.
const OTHER_SERVICE: Spec = Spec { service: 2, ..SPEC };
