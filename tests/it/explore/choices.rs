//! Nondeterminism. Every choice that a history makes goes through [`Choices`], so that the list of choices determines
//! the history, and the search can take the next list.

use super::ec2::Moment;
use std::rc::Rc;

/// The choices of one transition: prescribed, random, or the next untried combination.
#[derive(Debug, Default)]
pub(super) struct Choices {
    /// What was chosen, and out of how many.
    made: Vec<(usize, usize)>,
    used: usize,
    /// The state of the random generator for choices that are not prescribed. Without it, the first alternative is
    /// taken.
    random: Option<u64>,
}

impl Choices {
    pub(super) fn random(seed: u64) -> Self {
        Self { random: Some(seed), ..Self::default() }
    }

    pub(super) fn prescribed(choices: &[usize]) -> Self {
        Self { made: choices.iter().map(|choice| (*choice, usize::MAX)).collect(), ..Self::default() }
    }

    /// What was chosen, in order.
    pub(super) fn made(&self) -> impl Iterator<Item = usize> {
        self.made.iter().map(|(choice, _)| *choice)
    }

    /// Chooses a number below `count`.
    fn choose(&mut self, count: usize) -> usize {
        if count <= 1 {
            return 0;
        }
        if let Some((choice, _)) = self.made.get(self.used) {
            self.used += 1;
            return *choice;
        }
        let choice = self.random.as_mut().map_or(0, |state| {
            // SplitMix64.
            *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut word = *state;
            word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            usize::try_from((word ^ (word >> 31)) % count as u64).unwrap()
        });
        self.made.push((choice, count));
        self.used += 1;
        choice
    }

    /// Chooses a number below `count`. Random walks mostly choose 0.
    pub(super) fn mostly_first(&mut self, count: usize) -> usize {
        if self.random.is_some() && self.choose(10) > 0 { 0 } else { self.choose(count) }
    }

    /// Chooses whether something happens now, with this many moments left for it. A random walk takes each of them with
    /// the same probability.
    fn happens_now(&mut self, moments: usize) -> bool {
        let alternatives = if self.random.is_some() { moments } else { moments.min(2) };
        self.choose(alternatives) == 0
    }

    pub(super) fn one_of<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.choose(values.len())]
    }

    /// Advances to the next combination of choices, in depth-first order. Returns false if there is none.
    pub(super) fn next_combination(&mut self) -> bool {
        self.used = 0;
        while let Some((choice, count)) = self.made.pop() {
            if choice + 1 < count {
                self.made.push((choice + 1, count));
                return true;
            }
        }
        false
    }
}

/// The moment of something that will happen at one of several moments. The choice is made as late as possible, at each
/// moment anew: until then, the histories that differ only in this moment share their states.
#[derive(Debug, Clone)]
pub(super) struct OpenMoment {
    from: Moment,
    after: Rc<[Moment]>,
    passed: usize,
}

impl OpenMoment {
    /// One of the moments that are `after` seconds after `from`, in ascending order.
    pub(super) fn new(from: Moment, after: &[Moment]) -> Self {
        Self { from, after: after.into(), passed: 0 }
    }

    /// The next candidate.
    pub(super) fn at(&self) -> Moment {
        self.candidates().next().unwrap_or(Moment::MAX)
    }

    pub(super) fn candidates(&self) -> impl Iterator<Item = Moment> {
        self.after.iter().skip(self.passed).map(|after| self.from + after)
    }

    /// Chooses whether it happens now that the next candidate has come, or at a later one.
    pub(super) fn happens(&mut self, choices: &mut Choices) -> bool {
        let happens = choices.happens_now(self.after.len() - self.passed);
        self.passed += usize::from(!happens);
        happens
    }
}
