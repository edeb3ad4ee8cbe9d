//! The decision: from what is wanted, what a look has shown and what this event has done, the one next step.
//!
//! Pure, so that every case can be tried without EC2, and the sharing protocol can be explored by machine. A plan is
//! never stored: after a crash, a redelivery or a race, the next look is right again.
//!
//! ```text
//!  Create, Update                                     Delete
//!  found one ──── no reference ─► Reference           with reference ────► Release
//!     │           somebody leaving ► Wait, Sweep      just released ─────► Wait
//!     │           pending ─────────► Wait             not ours, or held ─► Done
//!     │           not as wanted ───► Modify, Tag      nobody holds it ───► Announce, Wait, Delete
//!     │           as wanted ───────► Done             going away ────────► Wait
//!  found none ─── going away ──────► Wait             gone ──────────────► Done
//!                 else ────────────► Create
//! ```

mod absent;
mod checks;
mod choice;
mod create;
mod turns;

use crate::difference::{Difference, Relation, difference};
use crate::endpoint::{Endpoint, EndpointState};
use crate::group::own_name;
use crate::ids::{EndpointId, VpcId, join};
use crate::journal::Journal;
use crate::outcome::{Outcome, Ready, Way};
use crate::own_group::{OwnGroup, clean_up};
use crate::reference::{self, Leavers, TAG_LIMIT, counted};
use crate::refusal::Refusal;
use crate::release::{Release, release};
use crate::request::{EndpointSpec, Request, Verb};
use crate::step::{Home, LAG_POLL, Observed, POLL, Reason, Step, Stop, wait};
use crate::survey::{GroupPlace, Survey};
use absent::Absent;

/// How often the same change is asked of EC2.
const CHANGE_ATTEMPTS_MAX: u32 = 3;
/// How many holders a sentence names.
const NAMED_HOLDERS_MAX: usize = 5;

/// Decides the next step.
///
/// # Errors
/// The [`Refusal`] that ends the event.
pub fn next_step(
    request: &Request,
    home: &Home,
    survey: &Survey,
    observed: &Observed,
    journal: &Journal,
) -> Result<Step, Refusal> {
    let decided = match &request.verb {
        Verb::Create(spec) | Verb::Update { spec, .. } => {
            Present { request, spec, home, survey, observed, journal }.step()
        }
        Verb::Delete { endpoint, place, nothing_made } => Absent {
            holder: &request.holder,
            endpoint: endpoint.as_ref(),
            place: place.as_ref(),
            nothing_made: *nothing_made,
            survey,
            observed,
            journal,
        }
        .step(),
    };
    match decided {
        Ok(step) => Ok(step),
        Err(Stop::First(step)) => Ok(*step),
        Err(Stop::Refused(refusal)) => Err(*refusal),
    }
}

/// The decision for a resource that wants an endpoint.
struct Present<'a> {
    request: &'a Request,
    spec: &'a EndpointSpec,
    home: &'a Home,
    survey: &'a Survey,
    observed: &'a Observed,
    journal: &'a Journal,
}

impl Present<'_> {
    fn step(&self) -> Result<Step, Stop> {
        self.refuse_region()?;
        self.check_held()?;
        match self.choose() {
            Some(endpoint) => self.converge(endpoint),
            None => self.create(),
        }
    }

    /// What became of endpoints that carry, or carried, this resource's reference. A reference that has gone is never
    /// put back: a Delete of this resource has been handled meanwhile.
    fn check_held(&self) -> Result<(), Stop> {
        let at = self.observed.at;
        let let_go = |id: &EndpointId| self.journal.release_calls.contains_key(id);
        for (id, since) in self.journal.held(at).filter(|(id, _)| !let_go(id)) {
            let lag = || Err(wait(Reason::ReadLag(id.clone()), LAG_POLL).into());
            match self.observed.find(id) {
                None if self.journal.is_doomed(id) => {}
                None if Journal::may_be_stale(at, since) => return lag(),
                None if self.is_wanted(id) => return Err(Refusal::EndpointVanished { endpoint: id.clone() }.into()),
                None => {}
                Some(endpoint) if self.request.holder.is_in(&endpoint.tags) => {
                    // An Update may leave a lost endpoint behind for a new one, but not one that it was working on.
                    let working_on_it = self.journal.created.contains_key(id) || self.journal.modified.contains_key(id);
                    if endpoint.state.is_lost() && (working_on_it || self.request.current().is_none()) {
                        return Err(lost(endpoint).into());
                    }
                }
                Some(_) if Journal::may_be_stale(at, since) => return lag(),
                Some(_) => return Err(Refusal::Overtaken { endpoint: id.clone() }.into()),
            }
        }
        Ok(())
    }

    /// Whether an endpoint that no look shows any more was the one to be had, and not one to be left behind.
    fn is_wanted(&self, id: &EndpointId) -> bool {
        self.journal.created.contains_key(id) || self.choose().is_none()
    }

    fn is_here(&self, endpoint: &Endpoint) -> bool {
        Some(&endpoint.vpc_id) == self.spec.vpc_id.as_ref()
    }

    /// An endpoint is there: hold it, and bring it to what is wanted as far as it may be changed.
    fn converge(&self, endpoint: &Endpoint) -> Result<Step, Stop> {
        let placement = self.placement(Some(endpoint))?;
        let (at, id) = (self.observed.at, endpoint.id.clone());
        let holder = &self.request.holder;
        if !holder.is_in(&endpoint.tags) {
            return self.join(endpoint);
        }
        self.heed_leavers(endpoint)?;
        if endpoint.state == EndpointState::PendingAcceptance {
            return Err(Refusal::AcceptanceRequired { service: endpoint.service_name.clone() }.into());
        }
        let relation = self.relation(endpoint);
        let own_group = self.own_group(&endpoint.vpc_id).filter(|_| relation != Relation::Foreign);
        if endpoint.state != EndpointState::Available {
            own_group.map_or(Ok(()), |own| own.open_made())?;
            return Ok(wait(Reason::Pending(id, endpoint.state.clone()), self.pending_poll(endpoint)));
        }
        let wanted_groups = match own_group {
            Some(own) => vec![own.for_endpoint(relation)?],
            None => self.spec.group_ids.clone(),
        };
        let Difference { change, tags, mut warnings } = difference(
            self.spec,
            self.dropped_tags(),
            &wanted_groups,
            (placement.as_ref(), self.survey),
            endpoint,
            relation,
        );
        if let Some(modified) = self.journal.modified.get(&id) {
            if Journal::may_be_stale(at, modified.at) {
                return Ok(wait(Reason::ReadLag(id), LAG_POLL));
            }
            if modified.attempts >= CHANGE_ATTEMPTS_MAX && change.as_ref() == Some(&modified.change) {
                let (change, attempts) = (modified.change.to_string(), modified.attempts);
                return Err(Refusal::ChangeWithoutEffect { endpoint: id, change, attempts }.into());
            }
        }
        if let Some(change) = change {
            if change.private_dns == Some(true) {
                self.wait_for_name(&endpoint.vpc_id)?;
            }
            return Ok(Step::Modify(id, change));
        }
        if let Some(tags) = tags.filter(|_| !self.journal.tagged.contains(&id)) {
            return Ok(Step::Tag(id, tags));
        }
        if endpoint.aws_entries().is_empty() {
            return if endpoint.subnet_ids.is_empty() {
                Err(Refusal::NoAddress { endpoint: id }.into())
            } else {
                Ok(wait(Reason::DnsNames(id), POLL))
            };
        }
        // Without private DNS, two stacks can make an endpoint each at the same moment. Whoever did, or may have done with
        // the answer lost, looks once more when both must show, and the younger endpoint is left for the older.
        let created = self.journal.created.get(&id);
        let alone = endpoint.private_dns && created.is_some();
        if !alone && self.journal.create_call.is_some_and(|when| Journal::may_be_stale(at, when)) {
            return Ok(wait(Reason::ReadLag(id), LAG_POLL));
        }
        // An Update may be the way back from one that failed a moment ago and left an endpoint that is not shown yet.
        if matches!(self.request.verb, Verb::Update { .. }) && Journal::may_be_stale(at, self.journal.started) {
            return Ok(wait(Reason::ReadLag(id), LAG_POLL));
        }
        self.release_others(&id)?;
        clean_up(self.group_places(), Some(endpoint), (self.survey, self.observed, self.journal))?;
        warnings.extend(self.port_closed(endpoint)?);
        warnings.extend(self.warning_of_place(endpoint)?);
        if endpoint.private_dns && endpoint.private_entry().is_none() {
            self.survey.service()?;
        }
        Ok(Step::Done(Outcome::Ready(Box::new(Ready {
            endpoint: endpoint.clone(),
            way: self.way(endpoint),
            warnings,
        }))))
    }

    /// How the resource came by the endpoint, whichever delivery of the event made it.
    fn way(&self, endpoint: &Endpoint) -> Way {
        let owner = reference::owner(&endpoint.tags);
        if self.request.current() == Some(&endpoint.id) {
            if self.journal.changed { Way::Updated } else { Way::Unchanged }
        } else if owner == Some(self.request.holder.hash.as_str()) {
            Way::Created
        } else {
            Way::Joined
        }
    }

    fn join(&self, endpoint: &Endpoint) -> Result<Step, Stop> {
        let count = counted(&endpoint.tags);
        if count >= TAG_LIMIT {
            let holders = self.request.holder.others(&endpoint.tags);
            let more = match holders.len().saturating_sub(NAMED_HOLDERS_MAX) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let holders = join(holders.into_iter().take(NAMED_HOLDERS_MAX), ", ") + &more;
            return Err(Refusal::TooManyHolders { endpoint: endpoint.id.clone(), count, holders }.into());
        }
        Ok(Step::Reference(endpoint.id.clone()))
    }

    /// A look after the reference was written: a fresh `leaving` tag means that another stack may still delete the
    /// endpoint, and an expired one that its writer has crashed.
    fn heed_leavers(&self, endpoint: &Endpoint) -> Result<(), Stop> {
        // Nobody deletes what is not the product's, and the role may take nothing but references from it.
        if !endpoint.is_owned() {
            return Ok(());
        }
        let at = self.observed.at;
        let leavers = Leavers::at(at, &endpoint.tags);
        let shown_late = |key: &String| {
            let swept = self.journal.swept.get(&(endpoint.id.clone(), key.clone()));
            swept.is_some_and(|when| Journal::may_be_stale(at, *when))
        };
        if leavers.fresh.iter().any(|key| !shown_late(key)) {
            return Err(wait(Reason::Leaver(endpoint.id.clone()), LAG_POLL).into());
        }
        let keys: Vec<String> = leavers.expired.into_iter().filter(|key| !shown_late(key)).collect();
        if keys.is_empty() { Ok(()) } else { Err(Step::Sweep { endpoint: endpoint.id.clone(), keys }.into()) }
    }

    fn relation(&self, endpoint: &Endpoint) -> Relation {
        // Another endpoint of ours for the same service shares the product's group, whoever holds it.
        let sibling = |other: &Endpoint| {
            other.id != endpoint.id && other.vpc_id == endpoint.vpc_id && other.is_owned() && other.state.is_usable()
        };
        if !endpoint.is_owned() || !self.is_here(endpoint) {
            Relation::Foreign
        } else if self.request.holder.others(&endpoint.tags).is_empty() && !self.observed.endpoints.iter().any(sibling)
        {
            Relation::OursAlone
        } else {
            Relation::OursShared
        }
    }

    fn dropped_tags(&self) -> &[String] {
        match &self.request.verb {
            Verb::Update { dropped_tags, .. } => dropped_tags,
            Verb::Create(_) | Verb::Delete { .. } => &[],
        }
    }

    /// The product's own group in the VPC, if no other is given.
    fn own_group<'a>(&'a self, vpc: &'a VpcId) -> Option<OwnGroup<'a>> {
        let Self { spec, survey, journal, request, .. } = *self;
        spec.group_ids.is_empty().then_some(OwnGroup { holder: &request.holder, vpc, spec, survey, journal })
    }

    /// Where a group of the product's may be left that nothing needs any more.
    fn group_places(&self) -> Vec<GroupPlace> {
        let wanted = self.spec.vpc_id.iter().map(|vpc| (vpc.clone(), own_name(&self.spec.service_name)));
        let may_be_left = matches!(self.request.verb, Verb::Update { .. }) || !self.journal.groups_made.is_empty();
        let left = self.journal.group_places().filter(|_| !self.journal.released.is_empty());
        wanted.filter(|_| may_be_left).chain(left).collect()
    }

    /// References of this resource on third endpoints: left by an Update that failed half-way, or by a Create that has
    /// moved to an older endpoint. The one that the physical id names is released by the Delete that CloudFormation
    /// sends for it. One that was made for this resource and that nobody holds has lost its reference to a delivery that
    /// crashed before it came to delete it.
    fn release_others(&self, target: &EndpointId) -> Result<(), Stop> {
        let keep = |id: &EndpointId| id == target || self.request.current() == Some(id);
        let others = self.observed.endpoints.iter().filter(|endpoint| {
            let (id, holder) = (&endpoint.id, &self.request.holder);
            // What this event has begun to let go of is followed to its end, so that its group can go too.
            let begun = self.journal.release_calls.contains_key(id) || !self.journal.announcements(id).is_empty();
            let left_over = holder.is_in(&endpoint.tags) || holder.has_orphaned(&endpoint.tags);
            !keep(id) && (begun || (left_over && !self.journal.is_doomed(id)))
        });
        for endpoint in others {
            if let Release::Step(step) = release(&self.request.holder, endpoint, self.observed.at, self.journal) {
                return Err(step.into());
            }
        }
        Ok(())
    }
}

fn lost(endpoint: &Endpoint) -> Refusal {
    let reason = endpoint.last_error.as_ref().map(|error| format!(": {error}")).unwrap_or_default();
    Refusal::EndpointLost { endpoint: endpoint.id.clone(), state: endpoint.state.to_string(), reason }
}
