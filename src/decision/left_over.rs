//! What a resource has left besides its endpoint, or an event that CloudFormation has given up.

use super::leave::Leave;
use super::managed_group::clean_up;
use super::narrow::{withdraw, withdrawable};
use super::provision::Provision;
use super::refusal::Refusal;
use super::release::{Release, release};
use super::view::{Unless, View};
use crate::model::endpoint::Endpoint;
use crate::model::ids::EndpointId;
use crate::model::tags::{Claim, is_held};
use crate::request::Request;
use crate::request::spec::ReuseScope;

impl Provision<'_> {
    /// CloudFormation no longer waits for this event, so no Delete follows that would remove what it has left.
    pub(super) fn clean_up_after(&self, refusal: &Refusal) -> Unless<()> {
        let updated_again = matches!(refusal, Refusal::UpdatedAgain { .. });
        let given_up = updated_again || matches!(refusal, Refusal::NotAwaited { .. });
        // What is not awaited anymore may have succeeded in an earlier delivery, and be in use.
        if updated_again {
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

    /// Withdraws what this event has announced to take away, so that the other update need not wait until that expires.
    fn withdraw_announcements(&self) -> Unless<()> {
        let View { observed, journal, .. } = self.view;
        let Some(endpoint) = self.request.current().and_then(|id| observed.find(id)) else { return Ok(()) };
        match withdrawable(endpoint, observed.at, journal)? {
            keys if keys.is_empty() => Ok(()),
            keys => Err(withdraw(endpoint, keys).into()),
        }
    }

    /// Releases what this very event holds, apart from the physical id.
    fn release_own(&self) -> Unless<()> {
        let View { observed, journal, .. } = self.view;
        let Request { holder, .. } = self.request;
        let claim = Claim { holder, mark: Some(self.request.mark()) };
        for endpoint in observed.endpoints.iter().filter(|endpoint| self.request.current() != Some(&endpoint.id)) {
            let record = journal.endpoint(&endpoint.id);
            let is_held = claim.is_in(&endpoint.tags) && !record.seen_deleting();
            if !is_held && !record.is_releasing() {
                continue;
            }
            if let Release::Next(next) = release(&Leave { request: self.request, claim, endpoint, view: self.view })? {
                return Err(next.into());
            }
        }
        Ok(())
    }

    /// Whether an endpoint is where the old or the new properties have theirs.
    fn may_be_of_this_event(&self, endpoint: &Endpoint) -> bool {
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
            let is_held = holder.is_in(&endpoint.tags) && self.may_be_of_this_event(endpoint);
            let left_over = (is_held || orphaned) && !record.seen_deleting();
            if kept || !(begun || left_over) {
                continue;
            }
            let claim = Claim { holder, mark: None };
            if let Release::Next(next) = release(&Leave { request: self.request, claim, endpoint, view: self.view })? {
                return Err(next.into());
            }
        }
        Ok(())
    }
}
