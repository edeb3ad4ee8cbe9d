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
use super::managed_group::first_tags;
use super::poll::LAG_POLL;
use super::provision::Provision;
use super::refusal::Refusal;
use super::view::{Interrupt, Reason, Unless, View, wait};
use crate::model::change::NewGroup;
use crate::model::ids::VpcId;
use crate::model::protocol::{CALL_LIMIT, READ_LAG};
use crate::model::security_group::mark_name;
use crate::request::Verb;
use jiff::SignedDuration;

/// How long after a look the call that it led to may still take effect.
pub(super) const IN_FLIGHT: SignedDuration = SignedDuration::from_secs(2 * CALL_LIMIT.as_secs());
/// For how long after CloudFormation sent it a Create may go without a mark.
pub(super) const UNMARKED: SignedDuration = SignedDuration::from_secs(15);
/// A Create writes something that its Delete finds within this time after CloudFormation sent it, unless EC2 fails
/// (assumption 6): it may wait for another creator first, or have its first call rejected.
pub(super) const FIRST_WRITE: SignedDuration = SignedDuration::from_secs(45);
/// How long after its Delete has removed the mark a Create may still create an endpoint that is not shown yet.
pub(super) const AFTER_MARK: SignedDuration = SignedDuration::from_secs(2 * READ_LAG.as_secs() + IN_FLIGHT.as_secs());

impl Provision<'_> {
    /// Whether so much time has passed that a Delete may have come meanwhile, and found nothing.
    pub(super) fn has_waited(&self) -> bool {
        let View { observed, journal, .. } = self.view;
        journal.creation().mark_attempted.is_some() || observed.at.duration_since(journal.sent()) > UNMARKED
    }

    /// Creates the mark; or makes sure that no Delete has removed it.
    pub(super) fn keep_mark(&self) -> Unless<()> {
        let View { observed, facts, journal } = self.view;
        // CloudFormation does not delete a resource while it updates it.
        let (Verb::Create(_), Some(vpc)) = (&self.request.verb, &self.spec.vpc_id) else { return Ok(()) };
        let (creation, name) = (journal.creation(), self.mark_name());
        let Some(attempted) = creation.mark_attempted else { return Err(self.create_mark(vpc)) };
        if facts.marks()?.any(|group| group.name == name) {
            Ok(())
        } else if observed.may_predate(attempted) {
            Err(wait(Reason::Mark(name), LAG_POLL).into())
        } else if creation.mark.is_some() {
            Err(Refusal::DeletedMeanwhile.into())
        } else {
            // There was no answer, so it was probably never created. If a Delete has removed it, that Delete still looks.
            Err(self.create_mark(vpc))
        }
    }

    /// Once the endpoint has the reference, the mark has served its purpose. An event that arrives late may have been
    /// delivered before, and that delivery may have left a mark.
    pub(super) fn remove_mark(&self) -> Unless<()> {
        let View { observed, facts, journal } = self.view;
        let Verb::Create(_) = &self.request.verb else { return Ok(()) };
        let (creation, removed) = (journal.creation(), &journal.marks().removed);
        if let Some(id) = creation.mark.as_ref().filter(|id| !removed.contains_key(*id)) {
            return Err(Action::RemoveMark(id.clone()).into());
        }
        let is_unknown = creation.mark_attempted.is_some() && creation.mark.is_none();
        let arrived_late = journal.started().duration_since(journal.sent()) > IN_FLIGHT;
        if !is_unknown && !arrived_late {
            return Ok(());
        }
        let name = self.mark_name();
        match facts.marks()?.find(|group| group.name == name && !removed.contains_key(&group.id)) {
            Some(group) => Err(Action::RemoveMark(group.id.clone()).into()),
            None if removed.is_empty() && creation.mark_attempted.is_some_and(|when| observed.may_predate(when)) => {
                Err(wait(Reason::Mark(name), LAG_POLL).into())
            }
            None => Ok(()),
        }
    }

    fn mark_name(&self) -> String {
        mark_name(&self.request.holder, self.request.mark())
    }

    fn create_mark(&self, vpc: &VpcId) -> Interrupt {
        let tags = first_tags(self.spec, &self.request.holder);
        Action::Mark(NewGroup { vpc_id: vpc.clone(), name: self.mark_name(), tags }).into()
    }
}
