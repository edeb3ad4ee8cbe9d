//! How the schedules are gone through: all of them, each state once; or at random, by a seed.

use super::world::{Scenario, World};
use std::collections::HashSet;

/// What is left open at a point of a history, and how it was decided.
#[derive(Debug, Default)]
pub(super) struct Choices {
    /// What was picked, and out of how many.
    picks: Vec<(usize, usize)>,
    used: usize,
    /// For picks that are not prescribed; none: the first.
    random: Option<u64>,
    /// Whether the picks are those of a random history, told again.
    retold: bool,
}

impl Choices {
    pub(super) fn random(seed: u64) -> Self {
        Self { random: Some(seed), ..Self::default() }
    }

    fn replay(picks: &[usize], retold: bool) -> Self {
        let picks = picks.iter().map(|pick| (*pick, usize::MAX)).collect();
        Self { picks, retold, ..Self::default() }
    }

    /// A number below `count`.
    pub(super) fn pick(&mut self, count: usize) -> usize {
        if count <= 1 {
            return 0;
        }
        if let Some((pick, _)) = self.picks.get(self.used) {
            self.used += 1;
            return *pick;
        }
        let pick = self.random.as_mut().map_or(0, |state| {
            // SplitMix64.
            *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut word = *state;
            word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            usize::try_from((word ^ (word >> 31)) % count as u64).unwrap()
        });
        self.picks.push((pick, count));
        self.used += 1;
        pick
    }

    /// A number below `count`; at random, mostly 0.
    pub(super) fn seldom(&mut self, count: usize) -> usize {
        let spared = (self.random.is_some() || self.retold) && self.pick(10) > 0;
        if spared { 0 } else { self.pick(count) }
    }

    pub(super) fn one_of<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.pick(values.len())]
    }

    /// Goes on to the next combination; false if that was the last.
    fn next(&mut self) -> bool {
        self.used = 0;
        while let Some((pick, count)) = self.picks.pop() {
            if pick + 1 < count {
                self.picks.push((pick + 1, count));
                return true;
            }
        }
        false
    }
}

/// How far an exploration came.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Seen {
    pub(super) states: usize,
    pub(super) transitions: usize,
    pub(super) ends: usize,
    /// Ends that the one known limit of the protocol excuses.
    pub(super) excused: usize,
    /// The most looks that one delivery of an event took.
    pub(super) looks: u32,
    /// Whether there was nothing left to explore.
    pub(super) complete: bool,
}

/// A history that breaks the contract.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) what: String,
    pub(super) history: Vec<String>,
}

/// One node of the search: a state, and the way to it.
struct Node {
    world: World,
    path: Vec<usize>,
}

/// Goes through every schedule of a scenario, depth first, each state once, up to so many states.
pub(super) fn exhaust(scenario: &Scenario, limit: usize) -> Result<Seen, Broken> {
    exhaust_until(scenario, limit, || false)
}

/// The same, until the time is over.
pub(super) fn exhaust_until(scenario: &Scenario, limit: usize, over: impl Fn() -> bool) -> Result<Seen, Broken> {
    let mut seen = Seen::default();
    let mut known = HashSet::new();
    let mut open = vec![Node { world: World::new(scenario), path: Vec::new() }];
    while let Some(node) = open.pop() {
        if seen.states >= limit || over() {
            return Ok(seen);
        }
        let mut choices = Choices::default();
        loop {
            let mut world = node.world.clone();
            let result = world.step(scenario, &mut choices);
            let mut path = node.path.clone();
            path.extend(choices.picks.iter().map(|(pick, _)| *pick));
            seen.transitions += 1;
            match result {
                Err(what) => return Err(Broken { what, history: retell(scenario, &path, false) }),
                Ok(true) => {
                    if known.insert(world.fingerprint()) {
                        seen.states += 1;
                        open.push(Node { world, path });
                    }
                }
                Ok(false) => {
                    seen.ends += 1;
                    seen.excused += usize::from(world.excused);
                    seen.looks = seen.looks.max(world.most_looks);
                }
            }
            if !choices.next() {
                break;
            }
        }
    }
    seen.complete = true;
    Ok(seen)
}

/// One history, by its seed.
pub(super) fn wander(scenario: &Scenario, seed: u64) -> Result<World, Broken> {
    let mut choices = Choices::random(seed);
    let mut world = World::new(scenario);
    loop {
        match world.step(scenario, &mut choices) {
            Ok(true) => {}
            Ok(false) => return Ok(world),
            Err(what) => {
                let path: Vec<usize> = choices.picks.iter().map(|(pick, _)| *pick).collect();
                return Err(Broken { what, history: retell(scenario, &path, true) });
            }
        }
    }
}

/// A history in words.
fn retell(scenario: &Scenario, path: &[usize], random: bool) -> Vec<String> {
    let mut choices = Choices::replay(path, random);
    let mut world = World::new(scenario);
    world.story = Some(Vec::new());
    while let Ok(true) = world.step(scenario, &mut choices) {}
    world.story.unwrap_or_default()
}
