//! The decision for a resource that no longer wants an endpoint.

use super::managed_group::clean_up;
use super::outcome::Outcome;
use super::poll::LAG_POLL;
use super::release::{Release, release};
use super::view::{Next, Reason, Unless, View, wait};
use crate::model::endpoint::{Endpoint, EndpointState};
use crate::model::ids::{EndpointId, ServiceName, VpcId};
use crate::model::protocol::READ_LAG_AND_A_BIT;
use crate::model::security_group::managed_group_name;
use crate::model::tags::{Holder, is_held};

pub(super) struct Remove<'a> {
    pub(super) holder: &'a Holder,
    /// The endpoint that is the physical id.
    pub(super) endpoint: Option<&'a EndpointId>,
    /// VPC and service of the properties, if they can be read.
    pub(super) place: Option<&'a (VpcId, ServiceName)>,
    pub(super) nothing_created: bool,
    pub(super) view: View<'a>,
}

impl Remove<'_> {
    pub(super) fn next(&self) -> Unless<Next> {
        let View { observed, journal, .. } = self.view;
        let mut released = None;
        for endpoint in observed.endpoints.iter().filter(|endpoint| self.concerns(endpoint)) {
            match release(self.holder, endpoint, observed.at, journal) {
                Release::Next(next) => return Ok(next),
                Release::Finished => released = Some(endpoint),
            }
        }
        // An endpoint that this Delete has released, and that is not shown, may have been created a moment ago.
        let may_still_show = |id: &EndpointId| {
            let record = journal.endpoint(id);
            let attempted = record.release_attempted.is_some_and(|when| observed.may_predate(when));
            attempted && !record.seen_deleting && observed.find(id).is_none()
        };
        if journal.released().any(may_still_show) {
            return Ok(wait(Reason::NothingYet, LAG_POLL));
        }
        let outcome = match (journal.deleted(), released) {
            (Some(id), _) => Outcome::Deleted(id.clone()),
            (None, Some(endpoint)) if endpoint.state == EndpointState::Deleted => Outcome::Deleted(endpoint.id.clone()),
            (None, Some(endpoint)) => Outcome::Released(endpoint.id.clone()),
            // A reference may have been written just before this Delete came, and not be shown yet.
            (None, None) if !self.nothing_created && observed.may_predate(journal.started()) => {
                return Ok(wait(Reason::NothingYet, READ_LAG_AND_A_BIT));
            }
            (None, None) => Outcome::Absent,
        };
        if !matches!(outcome, Outcome::Released(_)) && !self.nothing_created {
            let named = self.place.iter().map(|(vpc, service)| (vpc.clone(), managed_group_name(service)));
            clean_up(named.chain(journal.group_places()), None, self.view)?;
        }
        Ok(Next::Done(outcome))
    }

    /// Whether an endpoint may have something of this resource's.
    fn concerns(&self, endpoint: &Endpoint) -> bool {
        let record = self.view.journal.endpoint(&endpoint.id);
        match self.endpoint {
            Some(id) => endpoint.id == *id,
            // An endpoint that was created for this resource may have lost its reference to a delivery of this Delete that
            // crashed.
            None => {
                self.holder.is_in(&endpoint.tags)
                    || self.holder.is_owner(&endpoint.tags)
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
        let here = self.place.is_some_and(|(vpc, service)| endpoint.is_in(Some(vpc)) && endpoint.offers(service));
        here && !self.nothing_created && endpoint.is_owned() && !is_held(&endpoint.tags)
    }
}
