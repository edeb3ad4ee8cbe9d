//! How often an endpoint is looked at while EC2 makes or changes it.

use super::Present;
use crate::endpoint::Endpoint;
use crate::reference;
use crate::request::Verb;
use jiff::SignedDuration;

/// EC2 hardly ever makes an endpoint faster, and seldom takes longer.
const USUAL_MAKING: SignedDuration = SignedDuration::from_secs(60);
const LONG_MAKING: SignedDuration = SignedDuration::from_secs(150);
/// The least time between two looks at an endpoint that is hardly ready yet, and how much of it for each holder.
const POLL_YOUNG: SignedDuration = SignedDuration::from_secs(4);
const TURN_YOUNG: SignedDuration = SignedDuration::from_millis(1_500);
/// The least time between two looks where there is no hurry, and how much of it for each holder in any case.
const POLL_LATE: SignedDuration = SignedDuration::from_secs(1);
const TURN: SignedDuration = SignedDuration::from_millis(147);

impl Present<'_> {
    /// How long until the next look at an endpoint that EC2 is making or changing. EC2 takes a minute or two, so there is
    /// no hurry at first, and most of it when that minute is over. The endpoint's references tell how many functions may be
    /// waiting for it: they take turns, so that all together spend no more than a fifth of the account's Describe bucket,
    /// 4 calls a second over the whole wait. Who has been throttled, or makes several calls for a look as an Update does,
    /// is in no hurry.
    pub(super) fn pending_poll(&self, endpoint: &Endpoint) -> SignedDuration {
        let references = || endpoint.tags.keys().filter(|key| key.starts_with(reference::REF));
        let times = |turn: SignedDuration, count: usize| turn * i32::try_from(count).unwrap_or(i32::MAX);
        let (all, before) =
            (references().count(), references().filter(|key| **key < self.request.holder.ref_key()).count());
        let age = endpoint.created_at.map_or(SignedDuration::MAX, |made| self.observed.at.duration_since(made));
        let hurry = matches!(self.request.verb, Verb::Create(_)) && !self.journal.throttled;
        if age < USUAL_MAKING {
            POLL_YOUNG.max(times(TURN_YOUNG, all)).min(USUAL_MAKING - age + times(TURN, before))
        } else if age < LONG_MAKING && hurry {
            times(TURN, all)
        } else {
            POLL_LATE.max(times(TURN, all))
        }
    }
}
