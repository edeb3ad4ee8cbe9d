//! The search: every schedule of a scenario, each state once; or one random schedule, by seed.

use super::choices::Choices;
use super::fingerprint::{Equivalence, fingerprint};
use super::scenario::Scenario;
use super::state::{Checked, State};
use std::collections::HashMap;
use std::fmt;

/// What a search has covered.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Coverage {
    pub(super) states: usize,
    pub(super) transitions: usize,
    /// Terminal states: nothing is left to happen.
    pub(super) ends: usize,
    /// Those of them that the one known limit of the protocol exempts from the invariants.
    pub(super) exempt: usize,
    /// The most looks that one delivery of an event took.
    pub(super) looks: u32,
    /// Whether the whole state space was explored.
    pub(super) complete: bool,
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { states, transitions, ends, exempt, looks, complete } = self;
        let how = if *complete { "complete" } else { "not complete" };
        write!(f, "{how}, {states} states, {transitions} transitions, {ends} ends ({exempt} exempt), {looks} looks")
    }
}

/// What identifies a history of a scenario, and replays it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Path {
    Seed(u64),
    Choices(Vec<usize>),
}

impl Path {
    fn choices(&self) -> Choices {
        match self {
            Self::Seed(seed) => Choices::random(*seed),
            Self::Choices(choices) => Choices::prescribed(choices),
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seed(seed) => write!(f, "SEED={seed}"),
            Self::Choices(choices) => {
                write!(f, "CHOICES={}", choices.iter().map(usize::to_string).collect::<Vec<_>>().join(","))
            }
        }
    }
}

/// A history that violates an invariant.
#[derive(Debug)]
pub(super) struct Violation {
    pub(super) what: String,
    pub(super) path: Path,
}

/// A state on the current path, and the choices of the transition from it that is being explored.
struct Node {
    state: State,
    fingerprint: u64,
    choices: Choices,
}

/// Receives what a search finds.
pub(super) trait Visitor {
    /// A history has ended.
    fn ended(&mut self, _state: &State) {}
    /// A history violates an invariant. Returns whether to continue with other histories.
    fn violated(&mut self, _violation: &Violation) -> bool {
        false
    }
}

impl Visitor for () {}

/// Explores every schedule of a scenario, depth first and each state once, until `stop` returns true.
pub(super) fn explore_all(scenario: &Scenario, stop: impl Fn(&Coverage) -> bool) -> Result<Coverage, Violation> {
    explore_with(scenario, Equivalence::SameFuture, stop, &mut ())
}

pub(super) fn explore_with(
    scenario: &Scenario,
    equivalence: Equivalence,
    stop: impl Fn(&Coverage) -> bool,
    visitor: &mut impl Visitor,
) -> Result<Coverage, Violation> {
    let mut coverage = Coverage::default();
    // The visited states, and whether each is on the current path.
    let mut visited = HashMap::new();
    let mut path = vec![Node { state: State::initial(scenario), fingerprint: 0, choices: Choices::default() }];
    while let Some(node) = path.last_mut() {
        if stop(&coverage) {
            return Ok(coverage);
        }
        let mut state = node.state.clone();
        let result = state.step(scenario, &mut node.choices);
        coverage.transitions += 1;
        let cycle = || "the history returns to a state where it has been, and may do so forever".to_owned();
        let unvisited = result.and_then(|continues| {
            if !continues {
                coverage.ends += 1;
                coverage.exempt += usize::from(state.exempt);
                coverage.looks = coverage.looks.max(state.most_looks);
                visitor.ended(&state);
                return Ok(None);
            }
            let fingerprint = fingerprint(&mut state, equivalence);
            match visited.insert(fingerprint, true) {
                Some(true) => Err(cycle()),
                Some(false) => {
                    visited.insert(fingerprint, false);
                    Ok(None)
                }
                None => Ok(Some(fingerprint)),
            }
        });
        match unvisited {
            Ok(Some(fingerprint)) => {
                coverage.states += 1;
                path.push(Node { state, fingerprint, choices: Choices::default() });
                continue;
            }
            Ok(None) => {}
            Err(what) => {
                let choices = path.iter().flat_map(|node| node.choices.made()).collect();
                let violation = Violation { what, path: Path::Choices(choices) };
                if !visitor.violated(&violation) {
                    return Err(violation);
                }
            }
        }
        while path.last_mut().is_some_and(|node| !node.choices.next_combination()) {
            if let Some(node) = path.pop() {
                visited.insert(node.fingerprint, false);
            }
        }
    }
    coverage.complete = true;
    Ok(coverage)
}

/// Runs the one history that a seed determines.
pub(super) fn random_walk(scenario: &Scenario, seed: u64) -> Result<State, Violation> {
    let mut state = State::initial(scenario);
    let path = Path::Seed(seed);
    match follow(scenario, &path, &mut state) {
        Ok(()) => Ok(state),
        Err(what) => Err(Violation { what, path }),
    }
}

fn follow(scenario: &Scenario, path: &Path, state: &mut State) -> Checked<()> {
    let mut choices = path.choices();
    while state.step(scenario, &mut choices)? {}
    Ok(())
}

/// Runs one history. Returns its trace, and the invariant that it violates.
pub(super) fn run(scenario: &Scenario, path: &Path) -> (Vec<String>, Checked<()>) {
    let mut state = State::initial(scenario);
    state.trace = Some(Vec::new());
    let result = follow(scenario, path, &mut state);
    (state.trace.unwrap_or_default(), result)
}
