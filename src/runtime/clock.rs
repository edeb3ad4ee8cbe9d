//! The event's time. It runs on tokio's clock, which tests can pause, and starts at the wall clock's time, so that moments
//! can be written into tags and compared with deadlines.

use jiff::{SignedDuration, Timestamp};
use std::future::Future;
use tokio::time::{Instant, sleep, timeout};

/// A clock for one event. Every event needs a new one: Lambda freezes the function between events, and the monotonic clock
/// does not count that time.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    origin: Timestamp,
    started: Instant,
}

impl Clock {
    /// A clock that shows `now` at the moment of the call.
    pub fn starting_at(now: Timestamp) -> Self {
        Self { origin: now, started: Instant::now() }
    }

    pub fn now(&self) -> Timestamp {
        self.origin.checked_add(self.started.elapsed()).unwrap_or(Timestamp::MAX)
    }

    /// Sleeps, but not for a negative span.
    pub async fn sleep(&self, span: SignedDuration) {
        sleep(span.max(SignedDuration::ZERO).unsigned_abs()).await;
    }

    /// Waits for a future until a moment; `None` if that came first.
    pub async fn until<T>(&self, moment: Timestamp, future: impl Future<Output = T>) -> Option<T> {
        let left = moment.duration_since(self.now()).max(SignedDuration::ZERO);
        timeout(left.unsigned_abs(), future).await.ok()
    }
}
