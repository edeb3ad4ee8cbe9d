//! What something has been, and since when: what reads that lag may show of it.

use super::ec2::{LAG, Moment};

/// Long before everything.
pub(super) const FOREVER: Moment = -1_000_000;

/// Something and what it has been, the oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Versions<T>(Vec<(Moment, T)>);

impl<T: Clone + PartialEq> Versions<T> {
    pub(super) fn starting_with(at: Moment, value: T) -> Self {
        Self(vec![(at, value)])
    }

    pub(super) fn all(&self) -> &[(Moment, T)] {
        &self.0
    }

    pub(super) fn at(&self, moment: Moment) -> Option<&T> {
        self.0.iter().rev().find(|(since, _)| *since <= moment).map(|(_, value)| value)
    }

    /// Every value that a read may show, the newest first; `None` is from before there was any.
    pub(super) fn shown(&self, moment: Moment) -> Vec<Option<&T>> {
        let mut values = vec![self.at(moment)];
        let in_the_lag = self.0.iter().rev().filter(|(since, _)| moment - LAG < *since && *since <= moment);
        for (since, _) in in_the_lag {
            let before = self.at(since - 1);
            if !values.contains(&before) {
                values.push(before);
            }
        }
        values
    }

    /// A new value, in place of all that was to come.
    pub(super) fn set(&mut self, at: Moment, value: T) {
        self.0.retain(|(since, _)| *since <= at);
        self.0.push((at, value));
    }

    pub(super) fn later(&mut self, at: Moment, value: T) {
        self.0.push((at, value));
    }

    /// Whether there is something that no read will show any more.
    pub(super) fn is_old(&self, now: Moment) -> bool {
        self.0.first().is_some_and(|(since, _)| *since != FOREVER && *since <= now - LAG)
            || self.0.get(1).is_some_and(|(since, _)| *since <= now - LAG)
    }

    /// Forgets what no read will show any more, and when the rest of it began.
    pub(super) fn forget(&mut self, now: Moment) {
        let old = self.0.iter().take_while(|(since, _)| *since <= now - LAG).count();
        self.0.drain(..old.saturating_sub(1));
        if let (1.., Some(first)) = (old, self.0.first_mut()) {
            first.0 = FOREVER;
        }
    }
}
