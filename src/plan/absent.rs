//! The decision for a resource that wants nothing any more.

use crate::endpoint::{Endpoint, EndpointState};
use crate::group::own_name;
use crate::ids::{EndpointId, ServiceName, VpcId};
use crate::journal::Journal;
use crate::outcome::Outcome;
use crate::own_group::clean_up;
use crate::reference::{self, Holder};
use crate::release::{Release, release};
use crate::step::{LAG_POLL, Observed, READ_LAG_AND_A_BIT, Reason, Step, Stop, wait};
use crate::survey::Survey;

pub(super) struct Absent<'a> {
    pub(super) holder: &'a Holder,
    /// The endpoint that the physical id names.
    pub(super) endpoint: Option<&'a EndpointId>,
    /// VPC and service of the properties, where they can be read.
    pub(super) place: Option<&'a (VpcId, ServiceName)>,
    pub(super) nothing_made: bool,
    pub(super) survey: &'a Survey,
    pub(super) observed: &'a Observed,
    pub(super) journal: &'a Journal,
}

impl Absent<'_> {
    pub(super) fn step(&self) -> Result<Step, Stop> {
        let Self { observed, journal, .. } = *self;
        let mut released = None;
        for endpoint in observed.endpoints.iter().filter(|endpoint| self.concerns(endpoint)) {
            match release(self.holder, endpoint, observed.at, journal) {
                Release::Step(step) => return Ok(step),
                Release::Finished => released = Some(&endpoint.id),
            }
        }
        // What this Delete has taken a reference from, and is not shown, may have been made a moment ago.
        let unseen = |id: &EndpointId| observed.find(id).is_none() && !journal.is_doomed(id);
        let mut let_go = journal.release_calls.iter().filter(|(id, _)| unseen(id));
        if let_go.any(|(_, when)| Journal::may_be_stale(observed.at, *when)) {
            return Ok(wait(Reason::NothingYet, LAG_POLL));
        }
        let outcome = match (journal.deleted.keys().next(), released) {
            (Some(id), _) => Outcome::Deleted(id.clone()),
            (None, Some(id)) if observed.find(id).is_some_and(|endpoint| endpoint.state == EndpointState::Deleted) => {
                Outcome::Deleted(id.clone())
            }
            (None, Some(id)) => Outcome::Released(id.clone()),
            // A reference may have been written just before this Delete came, and not be shown yet.
            (None, None) if !self.nothing_made && Journal::may_be_stale(observed.at, journal.started) => {
                return Ok(wait(Reason::NothingYet, READ_LAG_AND_A_BIT));
            }
            (None, None) => Outcome::Absent,
        };
        if !matches!(outcome, Outcome::Released(_)) && !self.nothing_made {
            let named = self.place.iter().map(|(vpc, service)| (vpc.clone(), own_name(service)));
            clean_up(named.chain(journal.group_places()), None, (self.survey, observed, journal))?;
        }
        Ok(Step::Done(outcome))
    }

    fn concerns(&self, endpoint: &Endpoint) -> bool {
        match self.endpoint {
            Some(id) => endpoint.id == *id,
            // One that was made for this resource may have lost its reference to a delivery of this Delete that crashed.
            None => {
                self.holder.is_in(&endpoint.tags)
                    || self.journal.release_calls.contains_key(&endpoint.id)
                    || reference::owner(&endpoint.tags) == Some(self.holder.hash.as_str())
                    || self.is_left_over(endpoint)
                    || !self.journal.announcements(&endpoint.id).is_empty()
            }
        }
    }

    /// A delivery of this Delete that crashed may have been the last to let go of an endpoint that was made for another,
    /// and nothing on it tells. So whatever nobody holds where this resource had its endpoint is let go of.
    fn is_left_over(&self, endpoint: &Endpoint) -> bool {
        let place = self.place.filter(|_| !self.nothing_made);
        let here = place.is_some_and(|(vpc, service)| endpoint.vpc_id == *vpc && endpoint.service_name == *service);
        here && endpoint.state.is_usable() && endpoint.is_owned() && !reference::is_held(&endpoint.tags)
    }
}
