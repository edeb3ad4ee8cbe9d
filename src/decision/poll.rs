//! How often to look.

use crate::model::endpoint::Endpoint;
use crate::model::tags::{Holder, REF};
use jiff::{SignedDuration, Timestamp};

/// Between two looks at an endpoint that is being deleted or has no DNS names yet. EC2 takes a minute or two, and its
/// Describe bucket (20 calls a second) is shared with everything else in the account.
pub(super) const POLL: SignedDuration = SignedDuration::from_secs(5);
/// Between two looks while only the read lag is waited for.
pub(super) const LAG_POLL: SignedDuration = SignedDuration::from_secs(2);

/// EC2 rarely creates an endpoint faster than this.
const USUAL_CREATION: SignedDuration = SignedDuration::from_secs(60);
/// The shortest time between two looks at an endpoint that is unlikely to be ready, and the part of it per holder.
const POLL_EARLY: SignedDuration = SignedDuration::from_secs(4);
const TURN_EARLY: SignedDuration = SignedDuration::from_millis(1_500);
/// The shortest time between two looks after that, and the part of it per holder.
const POLL_LATE: SignedDuration = SignedDuration::from_secs(1);
const TURN: SignedDuration = SignedDuration::from_millis(147);

/// How long until the next look at an endpoint that EC2 is creating or modifying: a second, or a few as long as it is
/// unlikely to be ready. The endpoint's references tell how many functions may be waiting for it: they take turns, so that
/// all together use no more than a fifth of the account's Describe bucket, 4 calls a second over the whole wait.
pub(super) fn pending_poll(endpoint: &Endpoint, holder: &Holder, at: Timestamp) -> SignedDuration {
    let references = || endpoint.tags.keys().filter(|key| key.starts_with(REF));
    let times = |turn: SignedDuration, count: usize| turn * i32::try_from(count).unwrap_or(i32::MAX);
    let all = references().count();
    let before = references().filter(|key| **key < holder.ref_key()).count();
    let late = POLL_LATE.max(times(TURN, all));
    let age = endpoint.created_at.map_or(SignedDuration::MAX, |created| at.duration_since(created));
    if age >= USUAL_CREATION {
        return late;
    }
    let early = POLL_EARLY.max(times(TURN_EARLY, all));
    early.min(USUAL_CREATION - age + times(TURN, before)).max(POLL_LATE)
}
