//! The event's time. It runs on tokio's clock, so that tests can hold it, and starts at the wall's, so that moments can
//! be written into tags and compared with deadlines.

use jiff::{SignedDuration, Timestamp};
use std::future::Future;
use tokio::time::{Instant, sleep, timeout};

/// A clock for the length of an event. A function that Lambda has frozen starts a new one for the next event, because
/// the monotonic clock does not count the time in between.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    origin: Timestamp,
    started: Instant,
}

impl Clock {
    /// A clock that shows `now`, now.
    #[must_use]
    pub fn starting_at(now: Timestamp) -> Self {
        Self { origin: now, started: Instant::now() }
    }

    /// The moment it is.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.origin.checked_add(self.started.elapsed()).unwrap_or(Timestamp::MAX)
    }

    /// Sleeps; not at all for a negative span.
    pub async fn sleep(&self, span: SignedDuration) {
        sleep(span.max(SignedDuration::ZERO).unsigned_abs()).await;
    }

    /// Waits for a future until a moment; `None` if that came first.
    pub async fn until<T>(&self, moment: Timestamp, future: impl Future<Output = T>) -> Option<T> {
        let left = moment.duration_since(self.now()).max(SignedDuration::ZERO);
        timeout(left.unsigned_abs(), future).await.ok()
    }
}
