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

use crate::difference::{Change, Difference, Relation, TagChange, difference};
use crate::endpoint::{Endpoint, EndpointState};
use crate::ids::{EndpointId, GroupId, ServiceName, SubnetId, VpcId, join};
use crate::journal::Journal;
use crate::placement::{Placement, place};
use crate::properties::{IpAddressType, ReuseScope};
use crate::reference::{self, Holder, Leavers, TAG_LIMIT, Tags, counted};
use crate::refusal::{Refusal, vpc_dns_off};
use crate::release::{Release, release};
use crate::request::{EndpointSpec, Request, Verb};
use crate::survey::Survey;
use crate::warning::Warning;
use jiff::{SignedDuration, Timestamp};
use std::fmt;

/// How long a refused private name is waited for before it counts as somebody else's.
pub const CONFLICT_PATIENCE: SignedDuration = SignedDuration::from_mins(5);
/// How long to leave EC2 alone after a refused private name; the look in between costs less than another refusal.
const CONFLICT_PAUSE: SignedDuration = SignedDuration::from_secs(20);
/// How often the same change is asked of EC2.
const CHANGE_ATTEMPTS_MAX: u32 = 3;

/// Where the function itself is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    /// Its region.
    pub region: String,
    /// Its account.
    pub account: String,
}

/// One look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// When the look began; what it shows is at most the read lag older.
    pub at: Timestamp,
    /// The endpoints that matter to the request.
    pub endpoints: Vec<Endpoint>,
}

impl Observed {
    /// An endpoint by its id.
    #[must_use]
    pub fn find(&self, id: &EndpointId) -> Option<&Endpoint> {
        self.endpoints.iter().find(|endpoint| endpoint.id == *id)
    }
}

/// An endpoint to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEndpoint {
    /// The service.
    pub service_name: ServiceName,
    /// The VPC.
    pub vpc_id: VpcId,
    /// One subnet in each zone.
    pub subnet_ids: Vec<SubnetId>,
    /// Its groups.
    pub group_ids: Vec<GroupId>,
    /// Whether the service's own name resolves to it.
    pub private_dns: bool,
    /// The kind of addresses, where it is not left to EC2.
    pub ip_address_type: Option<IpAddressType>,
    /// Owner mark, reference and the user's tags, all there from the first moment.
    pub tags: Tags,
    /// Makes a repeated request answer with the same endpoint.
    pub client_token: String,
}

/// Why nothing is done now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// The endpoint is not available yet.
    Pending(EndpointId, EndpointState),
    /// The endpoint has no DNS names yet.
    DnsNames(EndpointId),
    /// EC2's reads may not show yet what was written.
    ReadLag(EndpointId),
    /// Another stack may be about to delete the endpoint.
    Leaver(EndpointId),
    /// An endpoint with the same private name is going away.
    GoingAway(EndpointId),
    /// EC2 says that the private name is taken.
    NameTaken,
    /// Nothing carries the reference; it may only not be shown yet.
    NothingYet,
    /// Others may be about to join the endpoint.
    Joiners(EndpointId),
    /// The endpoint is being deleted.
    Deleting(EndpointId),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pending(id, state) => write!(f, "waiting for {id} to become available (it is {state})"),
            Self::DnsNames(id) => write!(f, "waiting for the DNS names of {id}"),
            Self::ReadLag(id) => write!(f, "waiting until EC2 shows what was written to {id}"),
            Self::Leaver(id) => write!(f, "waiting for another stack that may be about to delete {id}"),
            Self::GoingAway(id) => write!(f, "waiting for {id} to go away, which has the private DNS name"),
            Self::NameTaken => f.write_str("waiting for the private DNS name, which EC2 says is taken"),
            Self::NothingYet => f.write_str("looking again for an endpoint with this resource's reference"),
            Self::Joiners(id) => write!(f, "waiting whether another stack joins {id} before it is deleted"),
            Self::Deleting(id) => write!(f, "waiting for {id} to be gone"),
        }
    }
}

/// A pause before the next look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// Why.
    pub reason: Reason,
    /// How long at least.
    pub at_least: SignedDuration,
}

/// The one thing to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Make an endpoint.
    Create(Box<NewEndpoint>),
    /// Write this resource's reference on an endpoint.
    Reference(EndpointId),
    /// Change an endpoint.
    Modify(EndpointId, Change),
    /// Write or remove the user's tags.
    Tag(EndpointId, TagChange),
    /// Remove `leaving` tags: those of crashed holders, or this event's own because somebody joined.
    Sweep {
        /// The endpoint.
        endpoint: EndpointId,
        /// The tags' keys.
        keys: Vec<String>,
    },
    /// Remove this resource's reference from an endpoint.
    Release(EndpointId),
    /// Announce that this resource will delete an endpoint.
    Announce {
        /// The endpoint.
        endpoint: EndpointId,
        /// The moment after which it will not.
        until: Timestamp,
    },
    /// Delete an endpoint.
    Delete(EndpointId),
    /// Nothing now.
    Wait(Wait),
    /// Nothing more.
    Done(Box<Outcome>),
}

impl Step {
    /// Its name in the log.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Create(_) => "create endpoint",
            Self::Reference(_) => "write reference",
            Self::Modify(..) => "modify endpoint",
            Self::Tag(..) => "write tags",
            Self::Sweep { .. } => "remove leaving tag",
            Self::Release(_) => "remove reference",
            Self::Announce { .. } => "write leaving tag",
            Self::Delete(_) => "delete endpoint",
            Self::Wait(_) => "wait",
            Self::Done(_) => "done",
        }
    }
}

/// How the event ended well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The endpoint is available and carries the reference.
    Ready(Ready),
    /// The reference is gone; the endpoint stays, for others or because it is not the product's.
    Released(EndpointId),
    /// The endpoint is gone.
    Deleted(EndpointId),
    /// There was nothing to release.
    Absent,
}

impl Outcome {
    /// Its name in the log.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Ready(ready) if ready.created => "created",
            Self::Ready(_) => "ready",
            Self::Released(_) => "released",
            Self::Deleted(_) => "deleted",
            Self::Absent => "absent",
        }
    }
}

/// An endpoint that works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready {
    /// The endpoint as the last look showed it.
    pub endpoint: Endpoint,
    /// Whether this event made it.
    pub created: bool,
    /// What is not as asked.
    pub warnings: Vec<Warning>,
}

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
    match &request.verb {
        Verb::Create(spec) | Verb::Update { spec, .. } => {
            Present { request, spec, home, survey, observed, journal }.step()
        }
        Verb::Delete { endpoint } => Ok(absent(&request.holder, endpoint.as_ref(), observed, journal)),
    }
}

pub(crate) fn wait(reason: Reason, at_least: SignedDuration) -> Step {
    Step::Wait(Wait { reason, at_least })
}

/// How long between two looks at an endpoint that is being made, changed or deleted. EC2 takes a minute or two, and its
/// Describe bucket (20 a second) is shared with everything else in the account.
pub(crate) const POLL: SignedDuration = SignedDuration::from_secs(5);
/// How long between two looks when only the read lag is waited for.
pub(crate) const LAG_POLL: SignedDuration = SignedDuration::from_secs(2);

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
    fn step(&self) -> Result<Step, Refusal> {
        self.refuse_service()?;
        if let Some(step) = self.check_held()? {
            return Ok(step);
        }
        let target = self.choose();
        let placement = self.placement(target)?;
        match target {
            Some(endpoint) => self.converge(endpoint, placement.as_ref()),
            None => self.create(placement),
        }
    }

    /// What would be wrong with any endpoint of this service.
    fn refuse_service(&self) -> Result<(), Refusal> {
        let service = &self.spec.service_name;
        let region = service.region().unwrap_or_default();
        if region != self.home.region {
            return Err(Refusal::OtherRegion {
                service: service.clone(),
                service_region: region.to_owned(),
                region: self.home.region.clone(),
            });
        }
        match &self.survey.service {
            Some(found) if found.acceptance_required => Err(Refusal::AcceptanceRequired { service: service.clone() }),
            _ => Ok(()),
        }
    }

    /// What became of endpoints that carry, or carried, this resource's reference. A reference that has gone is never
    /// put back: a Delete of this resource has been handled meanwhile.
    fn check_held(&self) -> Result<Option<Step>, Refusal> {
        let at = self.observed.at;
        let let_go = |id: &EndpointId| self.journal.release_calls.contains_key(id);
        for (id, since) in self.journal.held(at).filter(|(id, _)| !let_go(id)) {
            let lag = || Ok(Some(wait(Reason::ReadLag(id.clone()), LAG_POLL)));
            match self.observed.find(id) {
                None if self.journal.is_doomed(id) => {}
                None if Journal::may_be_stale(at, since) => return lag(),
                None if self.is_wanted(id) => return Err(Refusal::EndpointVanished { endpoint: id.clone() }),
                None => {}
                Some(endpoint) if self.request.holder.is_in(&endpoint.tags) => {
                    // An Update may leave a lost endpoint behind for a new one, but not one that it was working on.
                    let working_on_it = self.journal.created.contains_key(id) || self.journal.modified.contains_key(id);
                    if endpoint.state.is_lost() && (working_on_it || self.request.current().is_none()) {
                        return Err(lost(endpoint));
                    }
                }
                Some(_) if Journal::may_be_stale(at, since) => return lag(),
                Some(_) => return Err(Refusal::Overtaken { endpoint: id.clone() }),
            }
        }
        Ok(None)
    }

    /// Whether an endpoint that no look shows any more was the one to be had, and not one to be left behind.
    fn is_wanted(&self, id: &EndpointId) -> bool {
        self.journal.created.contains_key(id) || self.choose().is_none()
    }

    /// The endpoint to have: the one that the resource has if it will do, else the oldest that will do, the same one for
    /// everybody.
    fn choose(&self) -> Option<&Endpoint> {
        let usable = |endpoint: &&Endpoint| {
            endpoint.state.is_usable()
                && !endpoint.requester_managed
                && endpoint.service_name == self.spec.service_name
                && !self.journal.is_doomed(&endpoint.id)
                && !self.journal.release_calls.contains_key(&endpoint.id)
        };
        let usable: Vec<&Endpoint> = self.observed.endpoints.iter().filter(usable).collect();
        let (here, elsewhere): (Vec<&Endpoint>, Vec<&Endpoint>) =
            usable.into_iter().partition(|endpoint| Some(&endpoint.vpc_id) == self.spec.vpc_id.as_ref());
        let as_wanted = |endpoint: &&&Endpoint| endpoint.private_dns == self.spec.private_dns;
        let oldest_here = || here.iter().filter(as_wanted).min_by_key(|endpoint| endpoint.age()).copied();
        let current = self.request.current().and_then(|id| here.iter().find(|endpoint| endpoint.id == *id)).copied();
        let chosen = match current {
            Some(current) if current.private_dns == self.spec.private_dns || !self.spec.private_dns => Some(current),
            // Its private DNS has to be turned on, which EC2 allows only if no other endpoint of the VPC has the name.
            Some(current) if current.is_owned() => oldest_here().or(Some(current)),
            Some(_) | None => oldest_here(),
        };
        chosen.or_else(|| self.choose_elsewhere(&elsewhere))
    }

    fn choose_elsewhere<'e>(&self, elsewhere: &[&'e Endpoint]) -> Option<&'e Endpoint> {
        if self.spec.reuse_scope == ReuseScope::Vpc {
            return None;
        }
        // One that this event has joined already may turn pending again, because its owner changes it.
        let will_do = |endpoint: &&&Endpoint| {
            endpoint.state == EndpointState::Available || self.journal.referenced.contains_key(&endpoint.id)
        };
        let candidates = || elsewhere.iter().filter(will_do);
        let current = self.request.current().and_then(|id| candidates().find(|endpoint| endpoint.id == *id));
        current.or_else(|| candidates().min_by_key(|endpoint| endpoint.age())).copied()
    }

    fn is_here(&self, endpoint: &Endpoint) -> bool {
        Some(&endpoint.vpc_id) == self.spec.vpc_id.as_ref()
    }

    /// The subnets to be in, unless the endpoint is in another VPC; and everything about VPC, groups and subnets that
    /// makes the wish impossible.
    fn placement(&self, target: Option<&Endpoint>) -> Result<Option<Placement>, Refusal> {
        if target.is_some_and(|endpoint| !self.is_here(endpoint)) {
            return Ok(None);
        }
        let Some(vpc) = &self.spec.vpc_id else {
            return Err(Refusal::NothingToReuse { service: self.spec.service_name.clone() });
        };
        // An endpoint that the resource already has stays as it is when the world around it changed; for all else the
        // way must be clear first.
        let has_one = target.is_some_and(|endpoint| self.request.current() == Some(&endpoint.id));
        let turning_dns_on = target.is_none_or(|endpoint| !endpoint.private_dns) && self.spec.private_dns;
        if !has_one {
            self.refuse_vpc(vpc)?;
        }
        if self.spec.private_dns && (!has_one || turning_dns_on) {
            self.refuse_private_dns(vpc)?;
        }
        self.refuse_groups(vpc)?;
        match &self.survey.service {
            Some(service) => place(self.spec, vpc, service, self.survey, target).map(Some),
            None if has_one => Ok(None),
            None => Err(Refusal::UnknownService {
                service: self.spec.service_name.clone(),
                region: self.home.region.clone(),
                account: self.home.account.clone(),
            }),
        }
    }

    fn refuse_vpc(&self, vpc: &VpcId) -> Result<(), Refusal> {
        let (region, account) = (self.home.region.clone(), self.home.account.clone());
        if let Some(shared) = self.survey.subnets.iter().find(|subnet| subnet.owner_id != account) {
            return Err(Refusal::SharedVpc { vpc: vpc.clone(), owner: shared.owner_id.clone(), account });
        }
        if self.survey.vpc_dns.is_none() {
            return Err(Refusal::UnknownVpc { vpc: vpc.clone(), region, account });
        }
        Ok(())
    }

    fn refuse_private_dns(&self, vpc: &VpcId) -> Result<(), Refusal> {
        let service = || self.spec.service_name.clone();
        if let Some(found) = &self.survey.service {
            match &found.private_dns_name {
                None => return Err(Refusal::NoPrivateName { service: service() }),
                Some(name) if !found.private_dns_verified => {
                    return Err(Refusal::PrivateNameNotVerified { service: service(), name: name.clone() });
                }
                Some(_) => {}
            }
        }
        self.survey.vpc_dns.and_then(|dns| vpc_dns_off(vpc, dns)).map_or(Ok(()), Err)
    }

    fn refuse_groups(&self, vpc: &VpcId) -> Result<(), Refusal> {
        for id in &self.spec.group_ids {
            match self.survey.groups.iter().find(|group| group.id == *id) {
                None => return Err(Refusal::UnknownGroup { group: id.clone(), vpc: vpc.clone() }),
                Some(group) if group.vpc_id != *vpc => {
                    let found = group.vpc_id.clone();
                    return Err(Refusal::GroupOfOtherVpc { group: id.clone(), found, vpc: vpc.clone() });
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// No endpoint will do: make one, unless the private name is still taken.
    fn create(&self, placement: Option<Placement>) -> Result<Step, Refusal> {
        let at = self.observed.at;
        let (Some(vpc), Some(placement)) = (&self.spec.vpc_id, placement) else {
            return Err(Refusal::NothingToReuse { service: self.spec.service_name.clone() });
        };
        if self.spec.group_ids.is_empty() {
            return Err(Refusal::NoSecurityGroup { vpc: vpc.clone(), port: self.spec.port });
        }
        let going_away = |endpoint: &&Endpoint| {
            self.is_here(endpoint)
                && endpoint.service_name == self.spec.service_name
                && endpoint.private_dns
                && endpoint.state == EndpointState::Deleting
        };
        if self.spec.private_dns {
            if let Some(endpoint) = self.observed.endpoints.iter().find(going_away) {
                return Ok(wait(Reason::GoingAway(endpoint.id.clone()), POLL));
            }
        }
        if let Some(step) = self.wait_for_name(vpc)? {
            return Ok(step);
        }
        let mut tags = self.spec.tags.clone();
        tags.insert(reference::OWNED.to_owned(), self.request.holder.hash.clone());
        tags.insert(self.request.holder.ref_key(), self.request.holder.name.clone());
        Ok(Step::Create(Box::new(NewEndpoint {
            service_name: self.spec.service_name.clone(),
            vpc_id: vpc.clone(),
            subnet_ids: placement.subnets,
            group_ids: self.spec.group_ids.clone(),
            private_dns: self.spec.private_dns,
            ip_address_type: self.spec.ip_address_type,
            tags,
            client_token: self.request.client_token(self.journal.tokens_spent(at)),
        })))
    }

    /// EC2's conflict error means "look again": another stack was faster, or an endpoint is still going away; or, if
    /// nothing shows up, a hosted zone of the customer's has the name.
    fn wait_for_name(&self, vpc: &VpcId) -> Result<Option<Step>, Refusal> {
        let at = self.observed.at;
        let Some(conflict) = self.journal.conflict else { return Ok(None) };
        let waited = at.duration_since(conflict.since);
        if waited >= CONFLICT_PATIENCE {
            let name = self.survey.service.as_ref().and_then(|service| service.private_dns_name.clone());
            let seen = join(self.observed.endpoints.iter().map(|e| format!("{} is {}", e.id, e.state)), ", ");
            return Err(Refusal::NameTaken {
                minutes: waited.as_mins(),
                vpc: vpc.clone(),
                name: name.unwrap_or_default(),
                seen: if seen.is_empty() { "EC2 shows none".to_owned() } else { seen },
            });
        }
        let pausing = at.duration_since(conflict.last) < CONFLICT_PAUSE;
        Ok(pausing.then(|| wait(Reason::NameTaken, POLL)))
    }

    /// An endpoint is there: hold it, and bring it to what is wanted as far as it may be changed.
    fn converge(&self, endpoint: &Endpoint, placement: Option<&Placement>) -> Result<Step, Refusal> {
        let (at, id) = (self.observed.at, endpoint.id.clone());
        let holder = &self.request.holder;
        if !holder.is_in(&endpoint.tags) {
            return self.join(endpoint);
        }
        if let Some(step) = self.heed_leavers(endpoint) {
            return Ok(step);
        }
        match &endpoint.state {
            EndpointState::Available => {}
            EndpointState::PendingAcceptance => {
                return Err(Refusal::AcceptanceRequired { service: endpoint.service_name.clone() });
            }
            state => return Ok(wait(Reason::Pending(id, state.clone()), POLL)),
        }
        let Difference { change, tags, mut warnings } = self.difference(endpoint, placement);
        if let Some(modified) = self.journal.modified.get(&id) {
            if Journal::may_be_stale(at, modified.at) {
                return Ok(wait(Reason::ReadLag(id), LAG_POLL));
            }
            if modified.attempts >= CHANGE_ATTEMPTS_MAX && change.as_ref() == Some(&modified.change) {
                let (change, attempts) = (modified.change.to_string(), modified.attempts);
                return Err(Refusal::ChangeWithoutEffect { endpoint: id, change, attempts });
            }
        }
        if let Some(change) = change {
            let waiting = if change.private_dns == Some(true) { self.wait_for_name(&endpoint.vpc_id)? } else { None };
            return Ok(waiting.unwrap_or(Step::Modify(id, change)));
        }
        if let Some(tags) = tags.filter(|_| !self.journal.tagged.contains(&id)) {
            return Ok(Step::Tag(id, tags));
        }
        if endpoint.aws_entries().is_empty() {
            return if endpoint.subnet_ids.is_empty() {
                Err(Refusal::NoAddress { endpoint: id })
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
        if let Some(step) = self.release_others(&id) {
            return Ok(step);
        }
        warnings.extend(self.warnings_of_place(endpoint));
        Ok(Step::Done(Box::new(Outcome::Ready(Ready {
            endpoint: endpoint.clone(),
            created: created.is_some(),
            warnings,
        }))))
    }

    fn join(&self, endpoint: &Endpoint) -> Result<Step, Refusal> {
        let count = counted(&endpoint.tags);
        if count >= TAG_LIMIT {
            let holders = self.request.holder.others(&endpoint.tags);
            let more = holders.len().saturating_sub(5);
            let mut names = join(holders.into_iter().take(5), ", ");
            if more > 0 {
                names.push_str(&format!(" and {more} more"));
            }
            return Err(Refusal::TooManyHolders { endpoint: endpoint.id.clone(), count, holders: names });
        }
        Ok(Step::Reference(endpoint.id.clone()))
    }

    /// A look after the reference was written: a fresh `leaving` tag means that another stack may still delete the
    /// endpoint, and an expired one that its writer has crashed.
    fn heed_leavers(&self, endpoint: &Endpoint) -> Option<Step> {
        let at = self.observed.at;
        let leavers = Leavers::at(at, &endpoint.tags);
        let shown_late = |key: &String| {
            let swept = self.journal.swept.get(&(endpoint.id.clone(), key.clone()));
            swept.is_some_and(|when| Journal::may_be_stale(at, *when))
        };
        if leavers.fresh.iter().any(|key| !shown_late(key)) {
            return Some(wait(Reason::Leaver(endpoint.id.clone()), LAG_POLL));
        }
        let keys: Vec<String> = leavers.expired.into_iter().filter(|key| !shown_late(key)).collect();
        (!keys.is_empty()).then(|| Step::Sweep { endpoint: endpoint.id.clone(), keys })
    }

    fn difference(&self, endpoint: &Endpoint, placement: Option<&Placement>) -> Difference {
        let relation = match endpoint.is_owned() && self.is_here(endpoint) {
            false => Relation::Foreign,
            true if self.request.holder.others(&endpoint.tags).is_empty() => Relation::OursAlone,
            true => Relation::OursShared,
        };
        let dropped: &[String] = match &self.request.verb {
            Verb::Update { dropped_tags, .. } => dropped_tags,
            Verb::Create(_) | Verb::Delete { .. } => &[],
        };
        difference(self.spec, dropped, placement, self.survey, endpoint, relation)
    }

    /// References of this resource on third endpoints: left by an Update that failed half-way, or by a Create that has
    /// moved to an older endpoint. The one that the physical id names is released by the Delete that CloudFormation
    /// sends for it. One that was made for this resource and that nobody holds has lost its reference to a delivery that
    /// crashed before it came to delete it.
    fn release_others(&self, target: &EndpointId) -> Option<Step> {
        let keep = |id: &EndpointId| id == target || self.request.current() == Some(id);
        let others = self.observed.endpoints.iter().filter(|endpoint| {
            !keep(&endpoint.id)
                && !self.journal.is_doomed(&endpoint.id)
                && !self.journal.deleted.contains_key(&endpoint.id)
                && (self.request.holder.is_in(&endpoint.tags)
                    || self.request.holder.has_orphaned(&endpoint.tags)
                    || self.journal.release_calls.contains_key(&endpoint.id)
                    || !self.journal.announcements(&endpoint.id).is_empty())
        });
        others.map(|endpoint| release(&self.request.holder, endpoint, self.observed.at, self.journal)).find_map(
            |release| match release {
                Release::Step(step) => Some(step),
                Release::Finished => None,
            },
        )
    }

    fn warnings_of_place(&self, endpoint: &Endpoint) -> Option<Warning> {
        if !self.is_here(endpoint) {
            return Some(Warning::OtherVpc { endpoint: endpoint.id.clone(), vpc: endpoint.vpc_id.clone() });
        }
        let dns = self.survey.vpc_dns?;
        (endpoint.private_dns && !(dns.support && dns.hostnames))
            .then(|| Warning::VpcDnsOff { vpc: endpoint.vpc_id.clone() })
    }
}

fn lost(endpoint: &Endpoint) -> Refusal {
    let reason = endpoint.last_error.as_ref().map(|error| format!(": {error}")).unwrap_or_default();
    Refusal::EndpointLost { endpoint: endpoint.id.clone(), state: endpoint.state.to_string(), reason }
}

/// The decision for a resource that wants nothing any more.
fn absent(holder: &Holder, named: Option<&EndpointId>, observed: &Observed, journal: &Journal) -> Step {
    let concerns = |endpoint: &&Endpoint| match named {
        Some(id) => endpoint.id == *id,
        // One that was made for this resource may have lost its reference to a delivery of this Delete that crashed.
        None => {
            holder.is_in(&endpoint.tags)
                || journal.release_calls.contains_key(&endpoint.id)
                || reference::owner(&endpoint.tags) == Some(holder.hash.as_str())
        }
    };
    let mut released = None;
    for endpoint in observed.endpoints.iter().filter(concerns) {
        match release(holder, endpoint, observed.at, journal) {
            Release::Step(step) => return step,
            Release::Finished => released = Some(&endpoint.id),
        }
    }
    let outcome = match (journal.deleted.keys().next(), released) {
        (Some(id), _) => Outcome::Deleted(id.clone()),
        (None, Some(id)) if observed.find(id).is_some_and(|endpoint| endpoint.state == EndpointState::Deleted) => {
            Outcome::Deleted(id.clone())
        }
        (None, Some(id)) => Outcome::Released(id.clone()),
        // A reference may have been written just before this Delete came, and not be shown yet.
        (None, None) if Journal::may_be_stale(observed.at, journal.started) => {
            return wait(Reason::NothingYet, READ_LAG_AND_A_BIT);
        }
        (None, None) => Outcome::Absent,
    };
    Step::Done(Box::new(outcome))
}

/// Past the read lag, counted from a look that began a moment after what it is counted from.
const READ_LAG_AND_A_BIT: SignedDuration = SignedDuration::from_secs(reference::READ_LAG.as_secs() + 1);
