//! What a resource has left besides its endpoint, or an event that CloudFormation has given up.

use super::leave::Leave;
use super::managed_group::clean_up;
use super::narrow::{withdraw, withdrawable};
use super::poll::LAG_POLL;
use super::provision::Provision;
use super::refusal::Refusal;
use super::release::{Release, release, wait_for_what_may_still_show};
use super::view::{Reason, Unless, View, wait};
use crate::model::endpoint::Endpoint;
use crate::model::ids::EndpointId;
use crate::model::tags::{Claim, is_held};
use crate::request::spec::ReuseScope;

impl Provision<'_> {
    /// CloudFormation no longer waits for this event, so no Delete follows that would remove what it has left.
    pub(super) fn clean_up_after(&self, refusal: &Refusal) -> Unless<()> {
        let outdated = matches!(refusal, Refusal::Outdated { .. });
        let given_up = outdated || matches!(refusal, Refusal::NotAwaited { .. });
        // What is not awaited anymore may have succeeded in an earlier delivery, and be in use.
        if outdated {
            self.withdraw_announcements()?;
            self.release_own()?;
        }
        if given_up && self.view.journal.has_created_group() {
            clean_up(self.group_places(), None, self.view)?;
        }
        if given_up || matches!(refusal, Refusal::Overtaken { .. } | Refusal::DeletedMeanwhile) {
            self.remove_mark()?;
        }
        Ok(())
    }

    /// Withdraws what this event has announced to take away, so that the later request need not wait until that expires.
    fn withdraw_announcements(&self) -> Unless<()> {
        let View { observed, journal, .. } = self.view;
        let Some(endpoint) = self.request.current().and_then(|id| observed.find(id)) else { return Ok(()) };
        match withdrawable(endpoint, observed.at, journal)? {
            keys if keys.is_empty() => Ok(()),
            keys => Err(withdraw(endpoint, keys).into()),
        }
    }

    /// Releases what this delivery has joined or created, apart from the physical id. What an earlier delivery of the same
    /// event has made may be in use.
    fn release_own(&self) -> Unless<()> {
        let View { observed, journal, .. } = self.view;
        let claim = Claim { holder: &self.request.holder, mark: Some(self.request.mark()), until: None };
        for endpoint in observed.endpoints.iter().filter(|endpoint| self.request.current() != Some(&endpoint.id)) {
            let record = journal.endpoint(&endpoint.id);
            let may_be_made = record.request_attempted.is_some() || journal.creation().attempted.is_some();
            if record.is_releasing() || may_be_made && claim.is_in(&endpoint.tags) && !record.seen_deleting() {
                self.leave(claim, endpoint)?;
            }
        }
        let has_created = journal.creation().attempted.is_some_and(|when| observed.may_predate(when));
        if has_created || self.request.current().is_some_and(|id| journal.may_hold_another(id, observed.at)) {
            return Err(wait(Reason::NothingYet, LAG_POLL).into());
        }
        wait_for_what_may_still_show(self.view)
    }

    fn leave(&self, claim: Claim<'_>, endpoint: &Endpoint) -> Unless<()> {
        match release(&Leave { request: self.request, claim, endpoint, view: self.view })? {
            Release::Next(next) => Err(next.into()),
            Release::Finished => Ok(()),
        }
    }

    /// Whether an endpoint is where the old or the new properties have theirs.
    fn is_where_the_properties_say(&self, endpoint: &Endpoint) -> bool {
        let Self { spec, request, .. } = self;
        let is_now = self.is_here(endpoint) || spec.reuse_scope == ReuseScope::Region;
        let was_before = request.before().is_some_and(|before| {
            let there = before.place.as_ref().is_some_and(|place| {
                let is_service = place.service.as_ref().is_none_or(|service| endpoint.service_name == *service);
                is_service && endpoint.is_in(Some(&place.vpc))
            });
            there || before.anywhere.as_ref().is_some_and(|service| endpoint.service_name == *service)
        });
        was_before || is_now && endpoint.service_name == spec.service_name
    }

    /// Releases what this resource holds besides `target`: left by an Update that failed halfway, or by a Create that has
    /// moved to an older endpoint. What is the physical id is released by the Delete that CloudFormation sends for it. An
    /// endpoint that was created for this resource and that no resource holds has lost its reference to a delivery that
    /// crashed before the deletion.
    ///
    /// What lies elsewhere than the old and the new properties say is none of these: CloudFormation has replaced it and keeps
    /// it, because the template has `UpdateReplacePolicy: Retain`.
    pub(super) fn release_others(&self, target: &EndpointId) -> Unless<()> {
        let View { observed, journal, .. } = self.view;
        let holder = &self.request.holder;
        for endpoint in &observed.endpoints {
            let (id, record) = (&endpoint.id, journal.endpoint(&endpoint.id));
            let kept = id == target || self.request.current() == Some(id);
            // A release that this event has begun is followed to its end, so that the security group can be deleted, too.
            let begun = record.is_releasing() || !record.standing_announcements().is_empty();
            let orphaned = holder.is_owner(&endpoint.tags) && !is_held(&endpoint.tags);
            let is_held = holder.is_in(&endpoint.tags) && self.is_where_the_properties_say(endpoint);
            let left_over = (is_held || orphaned) && !record.seen_deleting();
            if !kept && (begun || left_over) {
                self.leave(Claim { holder, mark: None, until: None }, endpoint)?;
            }
        }
        wait_for_what_may_still_show(self.view)
    }
}
