//! An event that comes late, or again.
//!
//! Lambda may deliver an event again long after it was sent, and a function may have to wait for a long time. Meanwhile,
//! CloudFormation may have deleted the resource, and nobody would ever delete what is created then. So an event that is no
//! longer prompt asks CloudFormation before it creates anything that could lead nowhere. By then, CloudFormation shows the
//! resource if it still creates it.
//!
//! The call that follows the answer takes effect up to `2 C` after it. A Delete of a resource whose Create may still be
//! running looks for longer than that.

use super::action::{Action, TagAction};
use super::mark::UNMARKED;
use super::provision::Provision;
use super::refusal::Refusal;
use super::view::{Unless, View};
use crate::model::stacks::ResourceStatus;
use crate::request::Request;
use jiff::Timestamp;

/// Whether so much time has passed since CloudFormation sent an event that it may not wait for it anymore.
pub fn is_late(sent: Timestamp, now: Timestamp) -> bool {
    now.duration_since(sent) > UNMARKED
}

/// Checks that CloudFormation still waits for an event that it sent at a moment. If it does not say, the event continues.
///
/// # Errors
/// [`Refusal::NotAwaited`].
pub fn check_awaited(request: &Request, status: Option<&ResourceStatus>, sent: Timestamp) -> Result<(), Refusal> {
    let is_update = request.is_update();
    match status.filter(|status| status.has_ended(sent, is_update)) {
        Some(ended) => Err(Refusal::NotAwaited { status: ended.clone() }),
        None => Ok(()),
    }
}

impl Provision<'_> {
    /// Before something is created for which a Delete would have to look.
    pub(super) fn check_awaited(&self, action: &Action) -> Unless<()> {
        let View { observed, facts, journal } = self.view;
        let creates = matches!(
            action,
            Action::CreateEndpoint(_) | Action::CreateGroup(_) | Action::Mark(_) | Action::Tag(_, TagAction::Join(_))
        );
        if creates && is_late(journal.sent(), observed.at) {
            check_awaited(self.request, facts.operation()?, journal.sent())?;
        }
        Ok(())
    }
}
