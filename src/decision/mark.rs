//! The mark of a Create that waits before it has anything else to show.
//!
//! CloudFormation may send the Delete of a resource while its Create is still running. As soon as an endpoint has the
//! resource's reference, that Delete finds it. Until then, a Create that waits (for an endpoint that is being deleted, for a
//! private DNS name, or for throttling to end) keeps a security group without rules as its mark. The Delete removes the
//! mark, and the Create does not create anything without it.
//!
//! A call may follow up to `2 C` after the look that led to it (`C` = [`CALL_LIMIT`]), and that look may show a mark that
//! was removed up to `L` before it. So a Delete that has removed a mark looks for an endpoint until `L + 2 C + L` later.

use super::action::Action;
use super::poll::LAG_POLL;
use super::provision::Provision;
use super::refusal::Refusal;
use super::view::{Reason, Unless, View, wait};
use crate::model::change::NewGroup;
use crate::model::endpoint::Endpoint;
use crate::model::protocol::{CALL_LIMIT, READ_LAG};
use crate::model::security_group::mark_name;
use crate::model::tags::{OWNED, Tags};
use crate::request::Verb;
use jiff::SignedDuration;

/// How long after an event began, or after its last look, a call that it made may still take effect.
pub(super) const IN_FLIGHT: SignedDuration = SignedDuration::from_secs(2 * CALL_LIMIT.as_secs());
/// How long after its Delete has removed the mark a Create may still create an endpoint that is not shown yet.
pub(super) const AFTER_MARK: SignedDuration = SignedDuration::from_secs(2 * READ_LAG.as_secs() + IN_FLIGHT.as_secs());

impl Provision<'_> {
    /// Whether so much time has passed that a Delete may have come meanwhile, and found nothing.
    pub(super) fn has_waited(&self) -> bool {
        let View { observed, journal, .. } = self.view;
        let creation = journal.creation();
        creation.mark.is_some()
            || creation.attempted.is_some()
            || observed.at.duration_since(journal.started()) > IN_FLIGHT
    }

    /// Creates the mark; or makes sure that no Delete has removed it.
    pub(super) fn keep_mark(&self) -> Unless<()> {
        let View { observed, facts, journal } = self.view;
        // CloudFormation does not delete a resource while it updates it.
        let (Verb::Create(_), Some(vpc)) = (&self.request.verb, &self.spec.vpc_id) else { return Ok(()) };
        let name = mark_name(&self.request.holder, &self.request.mark());
        let Some((id, created)) = &journal.creation().mark else {
            // An earlier delivery of this event may have created it.
            if journal.creation().other_creator.is_some() && facts.marks()?.any(|group| group.name == name) {
                return Ok(());
            }
            let tags = Tags::from([(OWNED.to_owned(), self.request.holder.hash.clone())]);
            return Err(Action::Mark(NewGroup { vpc_id: vpc.clone(), name, tags }).into());
        };
        if facts.marks()?.any(|group| group.id == *id) {
            Ok(())
        } else if observed.may_predate(*created) {
            Err(wait(Reason::Mark(id.clone()), LAG_POLL).into())
        } else {
            Err(Refusal::DeletedMeanwhile.into())
        }
    }

    /// Once the endpoint has the reference, the mark has served its purpose. A delivery that finds an endpoint created for
    /// this resource, and did not create it, follows one that may have left a mark.
    pub(super) fn remove_mark(&self) -> Unless<()> {
        let View { observed, facts, journal } = self.view;
        let Verb::Create(_) = &self.request.verb else { return Ok(()) };
        let created_before = |endpoint: &Endpoint| {
            self.request.holder.is_owner(&endpoint.tags) && journal.endpoint(&endpoint.id).created.is_none()
        };
        if journal.creation().mark.is_none() && !observed.endpoints.iter().any(created_before) {
            return Ok(());
        }
        let name = mark_name(&self.request.holder, &self.request.mark());
        let removed = &journal.marks().removed;
        match facts.marks()?.find(|group| group.name == name && !removed.contains(&group.id)) {
            Some(group) => Err(Action::RemoveMark(group.id.clone()).into()),
            None => Ok(()),
        }
    }
}
