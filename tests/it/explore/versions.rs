//! A value with its history: what a read that lags may show of it.

use super::ec2::{LAG, Moment};

/// Long before the history begins.
pub(super) const FOREVER: Moment = -1_000_000;

/// A value and its older values, each with the moment from which it was true, the oldest first. Values may also be set
/// for the future.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Versions<T>(Vec<(Moment, T)>);

impl<T: Clone + PartialEq> Versions<T> {
    pub(super) fn starting_with(at: Moment, value: T) -> Self {
        Self(vec![(at, value)])
    }

    pub(super) fn all(&self) -> &[(Moment, T)] {
        &self.0
    }

    /// The true value at a moment.
    pub(super) fn at(&self, moment: Moment) -> Option<&T> {
        self.0.iter().rev().find(|(since, _)| *since <= moment).map(|(_, value)| value)
    }

    /// Every value that a read may show, the newest first. `None` stands for the time before the first value.
    pub(super) fn visible(&self, moment: Moment) -> Vec<Option<&T>> {
        let mut values = vec![self.at(moment)];
        let within_lag = self.0.iter().rev().filter(|(since, _)| moment - LAG < *since && *since <= moment);
        for (since, _) in within_lag {
            let before = self.at(since - 1);
            if !values.contains(&before) {
                values.push(before);
            }
        }
        values
    }

    /// Sets the value, and discards all that was set for the future.
    pub(super) fn set(&mut self, at: Moment, value: T) {
        self.0.retain(|(since, _)| *since <= at);
        self.0.push((at, value));
    }

    /// Sets the value for a moment in the future.
    pub(super) fn later(&mut self, at: Moment, value: T) {
        self.0.push((at, value));
    }

    /// Whether `forget` would change anything.
    pub(super) fn is_old(&self, now: Moment) -> bool {
        self.0.first().is_some_and(|(since, _)| *since != FOREVER && *since <= now - LAG)
            || self.0.get(1).is_some_and(|(since, _)| *since <= now - LAG)
    }

    /// Forgets the values that no read can show anymore, and since when the oldest remaining one has been true.
    pub(super) fn forget(&mut self, now: Moment) {
        let old = self.0.iter().take_while(|(since, _)| *since <= now - LAG).count();
        self.0.drain(..old.saturating_sub(1));
        if let (1.., Some(first)) = (old, self.0.first_mut()) {
            first.0 = FOREVER;
        }
    }
}
