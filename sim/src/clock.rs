//! Simulated time, counted from the start of the simulation on tokio's clock, so that tests can pause it.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

/// The moment whose state a read returns. `None` is before the start, when only the resources of the world file exist;
/// the ordering of `Option` puts it before every other moment.
pub(crate) type View = Option<Duration>;

/// What one call sees.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Views {
    /// In reads of endpoints, network interfaces, and security groups.
    pub(crate) read: View,
    /// In reads and changes: VPCs and subnets.
    pub(crate) network: View,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: Instant,
    epoch: Timestamp,
}

impl Clock {
    /// A clock that starts now. It shows the given epoch, or the real time if there is none.
    #[allow(clippy::disallowed_methods, reason = "the simulation is the source of time")]
    pub(crate) fn starting_at(epoch: Option<Timestamp>) -> Self {
        Self { start: Instant::now(), epoch: epoch.unwrap_or_else(Timestamp::now) }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    pub(crate) fn wall(&self, elapsed: Duration) -> Timestamp {
        self.epoch.saturating_add(elapsed).unwrap_or(Timestamp::MAX)
    }
}

/// A resource with all of its past versions, so that a read can return stale data.
#[derive(Clone, Debug)]
pub(crate) struct History<T> {
    /// Each version with the moment from which it is visible; `None` after the deletion.
    versions: Vec<(View, Option<T>)>,
}

impl<T: Clone> History<T> {
    pub(crate) fn new(since: View, first: T) -> Self {
        Self { versions: vec![(since, Some(first))] }
    }

    /// The current version; `None` after the deletion.
    pub(crate) fn now(&self) -> Option<&T> {
        self.versions.last().and_then(|(_, version)| version.as_ref())
    }

    /// The version at that moment; `None` before the creation and after the deletion.
    pub(crate) fn as_of(&self, view: View) -> Option<&T> {
        self.versions.iter().rev().find(|(since, _)| *since <= view).and_then(|(_, version)| version.as_ref())
    }

    /// The last version, even after the deletion.
    pub(crate) fn last(&self) -> Option<&T> {
        self.versions.iter().rev().find_map(|(_, version)| version.as_ref())
    }

    /// Adds a version that is visible from `at` on, but not before its predecessor. Does nothing after the deletion.
    pub(crate) fn change(&mut self, at: Duration, change: impl FnOnce(&mut T)) {
        if let Some(mut next) = self.now().cloned() {
            change(&mut next);
            self.push(at, Some(next));
        }
    }

    pub(crate) fn end(&mut self, at: Duration) {
        self.push(at, None);
    }

    fn push(&mut self, at: Duration, version: Option<T>) {
        let last = self.versions.last().and_then(|(since, _)| *since);
        self.versions.push((last.max(Some(at)), version));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_returns_the_version_at_its_moment() {
        let second = Duration::from_secs;
        let mut history = History::new(Some(second(1)), "created");
        history.change(second(5), |version| *version = "changed");
        history.end(second(9));
        let seen = [None, Some(second(0)), Some(second(1)), Some(second(4)), Some(second(5)), Some(second(9))]
            .map(|view| history.as_of(view).copied());
        assert_eq!(seen, [None, None, Some("created"), Some("created"), Some("changed"), None]);
        assert_eq!((history.now(), history.last()), (None, Some(&"changed")));
    }

    #[test]
    fn a_version_is_never_visible_before_its_predecessor() {
        let second = Duration::from_secs;
        let mut history = History::new(None, 1);
        history.change(second(9), |version| *version = 2);
        history.change(second(5), |version| *version = 3);
        assert_eq!((history.as_of(Some(second(8))), history.as_of(Some(second(9)))), (Some(&1), Some(&3)));
        assert_eq!(history.now(), Some(&3), "the current version is the last one");
    }

    #[test]
    fn resources_of_the_world_file_exist_before_the_start() {
        assert_eq!(History::new(None, "old").as_of(None), Some(&"old"));
    }
}
