//! Time: everything is counted from the start of the simulation, on tokio's clock, so that a paused clock works.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

/// What a read sees: the world as it was at this moment. `None` lies before the start, where only what the world file
/// describes exists; `Option` orders it before every other moment by itself.
pub(crate) type View = Option<Duration>;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: Instant,
    epoch: Timestamp,
}

impl Clock {
    /// A clock that starts now, and shows the epoch or else the real time.
    #[allow(clippy::disallowed_methods, reason = "the simulation is where time comes from")]
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

/// A thing and all that it has been, so that a read may see it as it was.
#[derive(Clone, Debug)]
pub(crate) struct History<T> {
    /// When a version began to hold, and the version: `None` once the thing is gone.
    versions: Vec<(View, Option<T>)>,
}

impl<T: Clone> History<T> {
    pub(crate) fn new(since: View, first: T) -> Self {
        Self { versions: vec![(since, Some(first))] }
    }

    /// The thing as it is; `None` once it is gone.
    pub(crate) fn now(&self) -> Option<&T> {
        self.versions.last().and_then(|(_, version)| version.as_ref())
    }

    /// The thing as it was at that moment; `None` before it was made and once it was gone.
    pub(crate) fn as_of(&self, view: View) -> Option<&T> {
        self.versions.iter().rev().find(|(since, _)| *since <= view).and_then(|(_, version)| version.as_ref())
    }

    /// The last version that there was, even if the thing is gone by now.
    pub(crate) fn last(&self) -> Option<&T> {
        self.versions.iter().rev().find_map(|(_, version)| version.as_ref())
    }

    /// Adds a version from `at` on. Nothing happens to what is gone.
    pub(crate) fn change(&mut self, at: Duration, change: impl FnOnce(&mut T)) {
        if let Some(mut next) = self.now().cloned() {
            change(&mut next);
            self.versions.push((Some(at), Some(next)));
        }
    }

    pub(crate) fn end(&mut self, at: Duration) {
        self.versions.push((Some(at), None));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_sees_the_version_of_its_moment() {
        let second = Duration::from_secs;
        let mut history = History::new(Some(second(1)), "made");
        history.change(second(5), |version| *version = "changed");
        history.end(second(9));
        let seen = [None, Some(second(0)), Some(second(1)), Some(second(4)), Some(second(5)), Some(second(9))]
            .map(|view| history.as_of(view).copied());
        assert_eq!(seen, [None, None, Some("made"), Some("made"), Some("changed"), None]);
        assert_eq!((history.now(), history.last()), (None, Some(&"changed")));
    }

    #[test]
    fn what_the_world_file_describes_was_always_there() {
        assert_eq!(History::new(None, "old").as_of(None), Some(&"old"));
    }
}
