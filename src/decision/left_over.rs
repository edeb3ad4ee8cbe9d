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
use crate::model::tags::{Claim, Reference, is_held};
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
        if given_up && (self.request.is_update() || self.view.journal.has_created_group()) {
            clean_up(self.group_places()?, None, self.view)?;
        }
        if given_up || matches!(refusal, Refusal::Overtaken { .. } | Refusal::DeletedMeanwhile) {
            self.remove_mark()?;
        }
        Ok(())
    }

    /// Withdraws what this event has announced to take away, so that the later request need not wait until that expires. It
    /// takes away only from what it holds; what else it has announced is a deletion.
    fn withdraw_announcements(&self) -> Unless<()> {
        let View { observed, journal, .. } = self.view;
        let is_held = |endpoint: &&Endpoint| {
            self.request.holder.is_in(&endpoint.tags) && !journal.endpoint(&endpoint.id).is_releasing()
        };
        for endpoint in observed.endpoints.iter().filter(is_held) {
            let keys = withdrawable(endpoint, observed.at, journal)?;
            if !keys.is_empty() {
                return Err(withdraw(endpoint, keys).into());
            }
        }
        Ok(())
    }

    /// Releases what this delivery has joined or created, apart from the physical id. What an earlier delivery of the same
    /// event has made may be in use, unless nobody holds it.
    fn release_own(&self) -> Unless<()> {
        let View { observed, journal, .. } = self.view;
        let claim = Claim::written_by(self.request.mark(), &self.request.holder);
        let others = observed.endpoints.iter().filter(|endpoint| self.request.current() != Some(&endpoint.id));
        for endpoint in others {
            let record = journal.endpoint(&endpoint.id);
            let has_made = record.request_attempted.is_some() || journal.creation().attempted.is_some();
            let is_own = has_made && claim.is_in(&endpoint.tags) || self.has_orphaned(endpoint);
            if record.is_releasing() || is_own && !record.seen_deleting() {
                self.leave(claim, endpoint)?;
            }
        }
        let created = journal.creation().attempted.into_iter();
        let joined = journal.endpoints().filter(|(id, _)| self.request.current() != Some(*id));
        let mut made = created.chain(joined.filter_map(|(_, record)| record.request_attempted));
        if made.any(|when| observed.may_predate(when)) {
            return Err(wait(Reason::NothingYet, LAG_POLL).into());
        }
        wait_for_what_may_still_show(self.view)
    }

    /// Whether an endpoint was created for this resource, and no resource holds it: it has lost its reference to a delivery
    /// that crashed before the deletion.
    fn has_orphaned(&self, endpoint: &Endpoint) -> bool {
        self.request.holder.is_owner(&endpoint.tags) && !is_held(&endpoint.tags)
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

    /// Whether the resource joined an endpoint after its last request for the one that it has: an update has failed that
    /// nobody has rolled back.
    fn was_joined_later(&self, endpoint: &Endpoint) -> bool {
        let mark = |value: &String| Reference::parse(value).mark;
        let own = self.request.current().and_then(|id| self.view.journal.endpoint(id).reference_before.as_ref());
        let there = endpoint.tags.get(&self.request.holder.ref_key());
        own.zip(there).is_some_and(|(own, there)| mark(there).is_later_than(&mark(own)))
    }

    /// Releases what this resource holds besides `target`: left by an Update that failed halfway, or by a Create that has
    /// moved to an older endpoint. What is the physical id is released by the Delete that CloudFormation sends for it.
    ///
    /// What lies elsewhere than the old and the new properties say, and was not joined later than the physical id, is none of
    /// these: CloudFormation has replaced it and keeps it, because the template has `UpdateReplacePolicy: Retain`.
    pub(super) fn release_others(&self, target: &EndpointId) -> Unless<()> {
        let View { observed, journal, .. } = self.view;
        let holder = &self.request.holder;
        for endpoint in &observed.endpoints {
            let (id, record) = (&endpoint.id, journal.endpoint(&endpoint.id));
            let kept = id == target || self.request.current() == Some(id);
            // A release that this event has begun is followed to its end, so that the security group can be deleted, too.
            let begun = record.is_releasing() || !record.standing_announcements().is_empty();
            let is_left = self.is_where_the_properties_say(endpoint) || self.was_joined_later(endpoint);
            let is_held = holder.is_in(&endpoint.tags) && is_left;
            let left_over = (is_held || self.has_orphaned(endpoint)) && !record.seen_deleting();
            if !kept && (begun || left_over) {
                self.leave(Claim::of(holder), endpoint)?;
            }
        }
        wait_for_what_may_still_show(self.view)
    }
}
