//! How the schedules are gone through: all of them, each state once; or one at random, by a seed.

use super::ec2::Moment;
use super::same::{Same, fingerprint};
use super::world::{Scenario, Verdict, World};
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;

/// What is left open at a point of a history, and how it was decided.
#[derive(Debug, Default)]
pub(super) struct Choices {
    /// What was picked, and out of how many.
    picks: Vec<(usize, usize)>,
    used: usize,
    /// For picks that are not prescribed; none: the first.
    random: Option<u64>,
}

impl Choices {
    fn random(seed: u64) -> Self {
        Self { random: Some(seed), ..Self::default() }
    }

    fn prescribed(picks: &[usize]) -> Self {
        Self { picks: picks.iter().map(|pick| (*pick, usize::MAX)).collect(), ..Self::default() }
    }

    /// A number below `count`.
    fn pick(&mut self, count: usize) -> usize {
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
        if self.random.is_some() && self.pick(10) > 0 { 0 } else { self.pick(count) }
    }

    /// Whether something happens now, where so many moments are left for it.
    pub(super) fn now_of(&mut self, moments: usize) -> bool {
        let ways = if self.random.is_some() { moments } else { moments.min(2) };
        self.pick(ways) == 0
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

/// A moment that is left open: one of several. Which one is not chosen before it comes, so that until then the histories
/// that differ only in it are one.
#[derive(Debug, Clone)]
pub(super) struct Open {
    from: Moment,
    after: Rc<[Moment]>,
    passed: usize,
}

impl Open {
    /// One of the moments so many seconds after another, the first of them first.
    pub(super) fn new(from: Moment, after: &[Moment]) -> Self {
        Self { from, after: after.into(), passed: 0 }
    }

    /// The next one of those that are left.
    pub(super) fn at(&self) -> Moment {
        self.left().next().unwrap_or(Moment::MAX)
    }

    pub(super) fn left(&self) -> impl Iterator<Item = Moment> {
        self.after.iter().skip(self.passed).map(|after| self.from + after)
    }

    /// Whether it happens now that this moment has come, or at a later one.
    pub(super) fn happens(&mut self, choices: &mut Choices) -> bool {
        let happens = choices.now_of(self.after.len() - self.passed);
        self.passed += usize::from(!happens);
        happens
    }
}

/// How far an exploration came.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
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

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { states, transitions, ends, excused, looks, complete } = self;
        let how = if *complete { "complete" } else { "not complete" };
        write!(f, "{how}, {states} states, {transitions} transitions, {ends} ends ({excused} excused), {looks} looks")
    }
}

/// Which history it is; what repeats it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Way {
    Seed(u64),
    Picks(Vec<usize>),
}

impl Way {
    fn choices(&self) -> Choices {
        match self {
            Self::Seed(seed) => Choices::random(*seed),
            Self::Picks(picks) => Choices::prescribed(picks),
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seed(seed) => write!(f, "SEED={seed}"),
            Self::Picks(picks) => {
                write!(f, "PICKS={}", picks.iter().map(usize::to_string).collect::<Vec<_>>().join(","))
            }
        }
    }
}

/// A history that breaks the contract.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) what: String,
    pub(super) way: Way,
}

/// A state on the way that the search is on, and which of the ways on from it is being gone.
struct Node {
    world: World,
    number: u64,
    choices: Choices,
}

/// What the search is to do with what it finds.
pub(super) trait Visitor {
    /// A history has come to rest.
    fn ended(&mut self, _world: &World) {}
    /// A history breaks the contract; whether to go on with others.
    fn broke(&mut self, _broken: &Broken) -> bool {
        false
    }
}

impl Visitor for () {}

/// Goes through every schedule of a scenario, depth first, each state once, until `over` says that it is enough.
pub(super) fn exhaust(scenario: &Scenario, over: impl Fn(&Seen) -> bool) -> Result<Seen, Broken> {
    exhaust_with(scenario, Same::Future, over, &mut ())
}

pub(super) fn exhaust_with(
    scenario: &Scenario,
    same: Same,
    over: impl Fn(&Seen) -> bool,
    visitor: &mut impl Visitor,
) -> Result<Seen, Broken> {
    let mut seen = Seen::default();
    // Each state, and whether it is on the way that is being gone.
    let mut known = HashMap::new();
    let mut way = vec![Node { world: World::new(scenario), number: 0, choices: Choices::default() }];
    while let Some(node) = way.last_mut() {
        if over(&seen) {
            return Ok(seen);
        }
        let mut world = node.world.clone();
        let result = world.step(scenario, &mut node.choices);
        seen.transitions += 1;
        let circle = || "it comes back to where it was, and may go on like that for ever".to_owned();
        let on = result.and_then(|goes_on| {
            if !goes_on {
                seen.ends += 1;
                seen.excused += usize::from(world.excused);
                seen.looks = seen.looks.max(world.most_looks);
                visitor.ended(&world);
                return Ok(None);
            }
            let number = fingerprint(&mut world, same);
            match known.insert(number, true) {
                Some(true) => Err(circle()),
                Some(false) => {
                    known.insert(number, false);
                    Ok(None)
                }
                None => Ok(Some(number)),
            }
        });
        match on {
            Ok(Some(number)) => {
                seen.states += 1;
                way.push(Node { world, number, choices: Choices::default() });
                continue;
            }
            Ok(None) => {}
            Err(what) => {
                let picks = way.iter().flat_map(|node| node.choices.picks.iter().map(|(pick, _)| *pick)).collect();
                let broken = Broken { what, way: Way::Picks(picks) };
                if !visitor.broke(&broken) {
                    return Err(broken);
                }
            }
        }
        while way.last_mut().is_some_and(|node| !node.choices.next()) {
            if let Some(node) = way.pop() {
                known.insert(node.number, false);
            }
        }
    }
    seen.complete = true;
    Ok(seen)
}

/// One history, by its seed.
pub(super) fn wander(scenario: &Scenario, seed: u64) -> Result<World, Broken> {
    let mut world = World::new(scenario);
    let way = Way::Seed(seed);
    match follow(scenario, &way, &mut world) {
        Ok(()) => Ok(world),
        Err(what) => Err(Broken { what, way }),
    }
}

fn follow(scenario: &Scenario, way: &Way, world: &mut World) -> Verdict<()> {
    let mut choices = way.choices();
    while world.step(scenario, &mut choices)? {}
    Ok(())
}

/// A history in words, and what breaks the contract in it.
pub(super) fn retell(scenario: &Scenario, way: &Way) -> (Vec<String>, Verdict<()>) {
    let mut world = World::new(scenario);
    world.story = Some(Vec::new());
    let verdict = follow(scenario, way, &mut world);
    (world.story.unwrap_or_default(), verdict)
}
