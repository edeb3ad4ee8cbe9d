//! The constants of the sharing protocol, each with the assumption behind it. `docs/sharing.md` has the proof that uses
//! them.

use jiff::{SignedDuration, Timestamp};

/// `L`: a read shows everything that was written more than this long before it (assumption 1).
pub const READ_LAG: SignedDuration = SignedDuration::from_secs(10);

/// Slightly more than [`READ_LAG`], for a moment that was noted shortly before the first read.
pub const READ_LAG_AND_A_BIT: SignedDuration = SignedDuration::from_secs(READ_LAG.as_secs() + 1);

/// A call to EC2 takes effect within this time or never, and the provider does not wait longer for its answer
/// (assumption 2). No change is begun with less time left than this.
pub const CALL_LIMIT: SignedDuration = SignedDuration::from_secs(15);

/// The clocks of two functions differ by less than this (assumption 3).
pub const CLOCK_SKEW: SignedDuration = SignedDuration::from_secs(5);

/// How long a holder that announces a deletion lets the announcement be seen before its last look: `2 L`.
pub const ANNOUNCEMENT_SETTLE: SignedDuration = SignedDuration::from_secs(2 * READ_LAG.as_secs());

/// How long after that look it may still delete. A last look and the deletion take two calls.
pub const ANNOUNCEMENT_WINDOW: SignedDuration = SignedDuration::from_secs(60);

/// Whether a look at `at` may still show the world from before the moment `then`.
pub fn may_predate(at: Timestamp, then: Timestamp) -> bool {
    at.duration_since(then) < READ_LAG
}

/// A moment that long after another one.
pub fn after(moment: Timestamp, span: SignedDuration) -> Timestamp {
    moment.saturating_add(span).unwrap_or(Timestamp::MAX)
}
