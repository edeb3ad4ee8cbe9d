//! The decision for a resource that no longer wants an endpoint.

use super::action::Action;
use super::facts::GroupPlace;
use super::leave::Leave;
use super::managed_group::{clean_up, places_of};
use super::mark::{AFTER_MARK, FIRST_WRITE, IN_FLIGHT};
use super::others::Others;
use super::outcome::Outcome;
use super::poll::POLL;
use super::release::{Release, release, wait_for_what_may_still_show};
use super::view::{Next, Reason, Unless, View, wait};
use crate::model::endpoint::{Endpoint, EndpointState};
use crate::model::ids::ServiceName;
use crate::model::protocol::{READ_LAG, READ_LAG_AND_A_BIT};
use crate::model::security_group::{SecurityGroup, managed_group_name, mark_in, mark_name};
use crate::model::tags::{Claim, is_held};
use crate::model::wanted::Wanted;
use crate::request::spec::Place;
use crate::request::{Deleted, Request};

/// How often EC2 is asked to delete a mark that it goes on showing.
const REMOVALS_MAX: u32 = 3;

pub(super) struct Remove<'a> {
    pub(super) request: &'a Request,
    pub(super) of: &'a Deleted,
    pub(super) view: View<'a>,
}

impl Remove<'_> {
    pub(super) fn next(&self) -> Unless<Next> {
        self.remove_marks()?;
        let released = self.release_all()?;
        wait_for_what_may_still_show(self.view)?;
        let journal = self.view.journal;
        self.look_for_long_enough(released.is_some())?;
        let outcome = match (journal.deleted(), released) {
            (Some(id), _) => Outcome::Deleted(id.clone()),
            (None, Some(endpoint)) if endpoint.state == EndpointState::Deleted => Outcome::Deleted(endpoint.id.clone()),
            (None, Some(endpoint)) => Outcome::Released(endpoint.id.clone(), self.leave(endpoint).kept().map(Box::new)),
            (None, None) => Outcome::Absent,
        };
        let is_left = matches!(outcome, Outcome::Released(..)) && !released.is_some_and(|e| self.was_last_in_group(e));
        if !is_left && !self.nothing_created() {
            let places = places_of(self.place(), self.view.facts)?.into_iter().chain(journal.group_places());
            clean_up(places.chain(self.places_anywhere(&outcome)?), None, self.view)?;
            self.remove_rules_for_siblings(released)?;
        }
        Ok(Next::Done(outcome))
    }

    /// The security group stays if another endpoint of the service uses it, but not with the rules that this resource has
    /// brought.
    fn remove_rules_for_siblings(&self, released: Option<&Endpoint>) -> Unless<()> {
        if !self.view.journal.has_groups_in_use() {
            return Ok(());
        }
        let gone = self.gone();
        let Some(endpoint) = released.filter(|endpoint| endpoint.is_owned()).or(gone.as_ref()) else { return Ok(()) };
        self.leave(endpoint).rules_left_to_siblings()?.map_or(Ok(()), |revoke| Err(revoke.into()))
    }

    /// The endpoint of this resource, as far as it is known, if EC2 does not list it anymore: EC2 lists a deleted endpoint for
    /// a while, or not at all.
    fn gone(&self) -> Option<Endpoint> {
        let View { observed, journal, .. } = self.view;
        let id = match self.of {
            Deleted::Endpoint(id) => Some(id),
            Deleted::Stale(..) | Deleted::FailedCreate { .. } | Deleted::RunningCreate => journal.deleted(),
        };
        let id = id.filter(|id| observed.find(id).is_none())?;
        let named = || self.place().and_then(|place| Some((place.vpc.clone(), place.service.clone()?)));
        let (vpc_id, service_name) = journal.endpoint(id).place.clone().or_else(named)?;
        Some(Endpoint::gone(id.clone(), vpc_id, service_name))
    }

    /// Whether this resource was the last one on an endpoint to use the security group that the provider manages. A delivery
    /// that crashed may have detached it.
    fn was_last_in_group(&self, endpoint: &Endpoint) -> bool {
        let used =
            self.request.before().and_then(|before| before.wanted.as_ref()).is_some_and(Wanted::uses_managed_group);
        used && endpoint.is_owned()
            && Others::of(self.claim().others(&endpoint.tags)).who_uses_managed_group().is_none()
    }

    /// The same in other VPCs, if nothing is left that tells which one the endpoint was in.
    fn places_anywhere(&self, outcome: &Outcome) -> Unless<Vec<GroupPlace>> {
        let service = self.request.before().and_then(|before| before.anywhere.as_ref());
        match service.filter(|_| *outcome == Outcome::Absent) {
            Some(service) => Ok(self.view.facts.group_places(&managed_group_name(service))?.collect()),
            None => Ok(Vec::new()),
        }
    }

    /// VPC and service of the properties, if they can be read.
    fn place(&self) -> Option<&Place> {
        self.request.before()?.place.as_ref()
    }

    fn nothing_created(&self) -> bool {
        matches!(self.of, Deleted::FailedCreate { nothing_created: true, .. })
    }

    fn leave<'e>(&'e self, endpoint: &'e Endpoint) -> Leave<'e> {
        Leave { request: self.request, claim: self.claim(), endpoint, view: self.view }
    }

    fn claim(&self) -> Claim<'_> {
        self.request.claim_to_delete(self.of)
    }

    /// Removes the marks of the Creates that this Delete follows, so that none of them creates anything from now on.
    fn remove_marks(&self) -> Unless<()> {
        let View { observed, facts, journal } = self.view;
        let holder = &self.request.holder;
        let concerns = |group: &&SecurityGroup| match self.of {
            // Not those of a Create that was sent after this Delete, which was delivered again.
            Deleted::RunningCreate => {
                mark_in(&group.name, holder).is_some_and(|mark| !mark.is_later_than(self.request.mark()))
            }
            Deleted::FailedCreate { mark, .. } => group.name == mark_name(holder, mark),
            Deleted::Endpoint(_) | Deleted::Stale(..) => false,
        };
        if self.nothing_created() || matches!(self.of, Deleted::Endpoint(_) | Deleted::Stale(..)) {
            return Ok(());
        }
        // EC2 may have answered that a mark does not exist because it did not know it yet. Then it goes on showing it.
        let removed = |id| {
            let (times, last) = (journal.marks().removed.get(id), journal.marks().last);
            let is_settled = || last.is_none_or(|when| !observed.may_predate(when));
            times.is_some_and(|times| *times >= REMOVALS_MAX || !is_settled())
        };
        let mut marks = facts.marks()?.filter(concerns);
        match marks.find(|group| !removed(&group.id)) {
            Some(group) => Err(Action::RemoveMark(group.id.clone()).into()),
            None => Ok(()),
        }
    }

    /// Releases what this Delete is about. Returns one of the endpoints that are released.
    fn release_all(&self) -> Unless<Option<&Endpoint>> {
        let observed = self.view.observed;
        let mut released = None;
        for endpoint in observed.endpoints.iter().filter(|endpoint| self.concerns(endpoint)) {
            if self.is_of_a_retried_create(endpoint)? {
                continue;
            }
            match release(&self.leave(endpoint))? {
                Release::Next(next) => return Err(next.into()),
                Release::Finished => released = Some(endpoint),
            }
        }
        Ok(released)
    }

    /// With rollback disabled, CloudFormation retries a Create that has not responded, and then deletes what it has made up a
    /// physical ID for. By then, the reference may be that of the retried Create, which has succeeded.
    fn is_of_a_retried_create(&self, endpoint: &Endpoint) -> Unless<bool> {
        let is_new = !self.view.journal.endpoint(&endpoint.id).is_releasing();
        let may_be = *self.of == Deleted::RunningCreate && is_new && self.claim().is_in(&endpoint.tags);
        Ok(may_be && self.view.facts.operation()?.is_some_and(|status| status.is(&endpoint.id)))
    }

    /// A reference may have been written a moment ago and not be shown yet; and a Create that is still running may have a
    /// call in flight. A Create that finds its reference removed stops; but on an endpoint that is being deleted,
    /// it may not notice that, and goes on with a mark.
    fn look_for_long_enough(&self, released: bool) -> Unless<()> {
        let View { observed, journal, .. } = self.view;
        let since = |moment| observed.at.duration_since(moment);
        let runs_on = journal.endpoints().filter(|(_, record)| record.referenced.is_some());
        if *self.of == Deleted::RunningCreate
            && runs_on.filter_map(|(_, record)| record.deleting_since).any(|when| since(when) < AFTER_MARK + POLL)
        {
            return Err(wait(Reason::RunningCreate, POLL).into());
        }
        if journal.marks().last.is_some_and(|removed| since(removed) < AFTER_MARK) {
            return Err(wait(Reason::RunningCreate, POLL).into());
        }
        // A delivery may have crashed after it wrote the reference, and another one may be about to write it again. What was
        // released without a reference was left over by others, and says nothing about the Create.
        let has_released = journal.endpoints().any(|(_, record)| record.released.is_some());
        match self.of {
            Deleted::RunningCreate if has_released && since(journal.started()) >= IN_FLIGHT + READ_LAG => Ok(()),
            Deleted::Endpoint(_) | Deleted::Stale(..) | Deleted::FailedCreate { .. } if released => Ok(()),
            Deleted::RunningCreate if since(journal.started()) < FIRST_WRITE + READ_LAG => {
                Err(wait(Reason::RunningCreate, POLL).into())
            }
            Deleted::FailedCreate { nothing_created: true, .. } => Ok(()),
            Deleted::Endpoint(_) | Deleted::Stale(..) | Deleted::FailedCreate { .. } | Deleted::RunningCreate
                if observed.may_predate(journal.started()) =>
            {
                Err(wait(Reason::NothingYet, READ_LAG_AND_A_BIT).into())
            }
            Deleted::Endpoint(_) | Deleted::Stale(..) | Deleted::FailedCreate { .. } | Deleted::RunningCreate => Ok(()),
        }
    }

    /// Whether an endpoint may have something of what this Delete is about.
    fn concerns(&self, endpoint: &Endpoint) -> bool {
        let record = self.view.journal.endpoint(&endpoint.id);
        match self.of {
            Deleted::Endpoint(id) | Deleted::Stale(id, _) => endpoint.id == *id,
            // An endpoint that was created for this resource may have lost its reference to a delivery of this Delete that
            // crashed.
            Deleted::FailedCreate { .. } | Deleted::RunningCreate => {
                self.claim().is_in(&endpoint.tags)
                    || (self.request.holder.is_owner(&endpoint.tags) && !is_held(&endpoint.tags))
                    || record.is_releasing()
                    || !record.standing_announcements().is_empty()
                    || self.is_left_over(endpoint)
            }
        }
    }

    /// A delivery of this Delete that crashed may have been the last to release an endpoint that was created for another
    /// resource, and nothing on it tells. So this Delete takes care of every endpoint that no resource holds where this
    /// resource had its endpoint.
    fn is_left_over(&self, endpoint: &Endpoint) -> bool {
        let offers = |service: &Option<ServiceName>| service.as_ref().is_none_or(|name| endpoint.offers(name));
        let here = self.place().is_some_and(|place| endpoint.is_in(Some(&place.vpc)) && offers(&place.service));
        here && !self.nothing_created() && endpoint.is_owned() && !is_held(&endpoint.tags)
    }
}
