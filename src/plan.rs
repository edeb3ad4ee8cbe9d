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

use crate::difference::{Difference, Relation, difference};
use crate::endpoint::{Endpoint, EndpointState};
use crate::group::{Group, Source, lets_in, wanted_sources};
use crate::ids::{EndpointId, GroupId, ServiceName, VpcId, join};
use crate::journal::Journal;
use crate::own_group::{clean_up, prepare};
use crate::placement::{Placement, place};
use crate::properties::ReuseScope;
use crate::reference::{self, Holder, Leavers, TAG_LIMIT, counted};
use crate::refusal::{Refusal, vpc_dns_off};
use crate::release::{Release, release};
use crate::request::{EndpointSpec, Request, Verb};
use crate::step::{
    Home, LAG_POLL, NewEndpoint, Observed, Outcome, POLL, READ_LAG_AND_A_BIT, Ready, Reason, Step, wait,
};
use crate::survey::Survey;
use crate::warning::Warning;
use jiff::SignedDuration;
use std::ops::ControlFlow;

/// How long a refused private name is waited for before it counts as somebody else's.
pub const CONFLICT_PATIENCE: SignedDuration = SignedDuration::from_mins(5);
/// How long to leave EC2 alone after a refused private name; the look in between costs less than another refusal.
const CONFLICT_PAUSE: SignedDuration = SignedDuration::from_secs(20);
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
    match &request.verb {
        Verb::Create(spec) | Verb::Update { spec, .. } => {
            Present { request, spec, home, survey, observed, journal }.step()
        }
        Verb::Delete { endpoint, place, nothing_made } => {
            let named = (endpoint.as_ref(), place.as_ref().filter(|_| !nothing_made));
            Ok(absent(&request.holder, named, *nothing_made, observed, journal))
        }
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
        match &self.survey.vpc {
            None => Err(Refusal::UnknownVpc { vpc: vpc.clone(), region, account }),
            Some(found) if found.owner_id != account => {
                Err(Refusal::SharedVpc { vpc: vpc.clone(), owner: found.owner_id.clone(), account })
            }
            Some(_) => Ok(()),
        }
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
        let requester_managed = |endpoint: &&Endpoint| {
            self.is_here(endpoint) && endpoint.requester_managed && endpoint.private_dns && endpoint.state.is_usable()
        };
        if self.spec.private_dns
            && let Some(endpoint) = self.observed.endpoints.iter().find(requester_managed)
        {
            return Err(Refusal::RequesterManaged { endpoint: endpoint.id.clone(), vpc: vpc.clone() });
        }
        let going_away = |endpoint: &&Endpoint| {
            self.is_here(endpoint)
                && endpoint.service_name == self.spec.service_name
                && endpoint.private_dns
                && endpoint.state == EndpointState::Deleting
        };
        if self.spec.private_dns
            && let Some(endpoint) = self.observed.endpoints.iter().find(going_away)
        {
            return Ok(wait(Reason::GoingAway(endpoint.id.clone()), POLL));
        }
        if let Some(step) = self.wait_for_name(vpc)? {
            return Ok(step);
        }
        let group_ids = match self.groups_for(vpc, Relation::OursShared)? {
            ControlFlow::Continue(group_ids) => group_ids,
            ControlFlow::Break(step) => return Ok(step),
        };
        let mut tags = self.spec.tags.clone();
        tags.insert(reference::OWNED.to_owned(), self.request.holder.hash.clone());
        tags.insert(self.request.holder.ref_key(), self.request.holder.name.clone());
        Ok(Step::Create(Box::new(NewEndpoint {
            service_name: self.spec.service_name.clone(),
            vpc_id: vpc.clone(),
            subnet_ids: placement.subnets,
            group_ids,
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
        if endpoint.state == EndpointState::PendingAcceptance {
            return Err(Refusal::AcceptanceRequired { service: endpoint.service_name.clone() });
        }
        if endpoint.state != EndpointState::Available {
            return Ok(wait(Reason::Pending(id, endpoint.state.clone()), POLL));
        }
        let relation = self.relation(endpoint);
        let wanted_groups = match relation {
            Relation::Foreign => self.spec.group_ids.clone(),
            Relation::OursAlone | Relation::OursShared => match self.groups_for(&endpoint.vpc_id, relation)? {
                ControlFlow::Continue(group_ids) => group_ids,
                ControlFlow::Break(step) => return Ok(step),
            },
        };
        let Difference { change, tags, mut warnings } =
            difference(self.spec, self.dropped_tags(), &wanted_groups, (placement, self.survey), endpoint, relation);
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
        if let Some(step) = clean_up(Some(endpoint), self.observed, self.journal) {
            return Ok(step);
        }
        match self.port_closed(endpoint) {
            ControlFlow::Continue(warning) => warnings.extend(warning),
            ControlFlow::Break(step) => return Ok(step),
        }
        warnings.extend(self.warnings_of_place(endpoint));
        Ok(Step::Done(Outcome::Ready(Box::new(Ready {
            endpoint: endpoint.clone(),
            created: created.is_some(),
            warnings,
        }))))
    }

    fn join(&self, endpoint: &Endpoint) -> Result<Step, Refusal> {
        let count = counted(&endpoint.tags);
        if count >= TAG_LIMIT {
            let holders = self.request.holder.others(&endpoint.tags);
            let more = match holders.len().saturating_sub(NAMED_HOLDERS_MAX) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let holders = join(holders.into_iter().take(NAMED_HOLDERS_MAX), ", ") + &more;
            return Err(Refusal::TooManyHolders { endpoint: endpoint.id.clone(), count, holders });
        }
        Ok(Step::Reference(endpoint.id.clone()))
    }

    /// A look after the reference was written: a fresh `leaving` tag means that another stack may still delete the
    /// endpoint, and an expired one that its writer has crashed.
    fn heed_leavers(&self, endpoint: &Endpoint) -> Option<Step> {
        // Nobody deletes what is not the product's, and the role may take nothing but references from it.
        if !endpoint.is_owned() {
            return None;
        }
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

    /// The groups that an endpoint of ours shall have: those given, else the product's own. Breaks with what has to be
    /// done before it has one.
    fn groups_for(&self, vpc: &VpcId, relation: Relation) -> Result<ControlFlow<Step, Vec<GroupId>>, Refusal> {
        if !self.spec.group_ids.is_empty() {
            return Ok(ControlFlow::Continue(self.spec.group_ids.clone()));
        }
        let seen = (self.survey, self.observed, self.journal);
        let own = prepare(&self.request.holder, vpc, self.spec, relation, seen)?;
        Ok(own.map_continue(|id| vec![id]))
    }

    /// Whether the endpoint's groups, all together, keep everybody out. Breaks if their rules must be read first.
    fn port_closed(&self, endpoint: &Endpoint) -> ControlFlow<Step, Option<Warning>> {
        let known = || self.survey.groups.iter().chain(&self.observed.groups);
        let is_known = |id: &GroupId| known().any(|group| group.id == *id) || self.journal.groups_read.contains(id);
        let unread: Vec<GroupId> = endpoint.group_ids.iter().filter(|id| !is_known(id)).cloned().collect();
        if !unread.is_empty() {
            return ControlFlow::Break(Step::ReadGroups(unread));
        }
        let blocks = self.survey.vpc.as_ref().map(|vpc| vpc.blocks.as_slice()).unwrap_or_default();
        let sources = wanted_sources(self.spec, blocks);
        let groups: Vec<&Group> = known().filter(|group| endpoint.group_ids.contains(&group.id)).collect();
        // A rule that this event has written may not be shown yet.
        let just_opened = endpoint.group_ids.iter().any(|id| self.journal.opened.contains(id));
        let (Some(group), Some(source)) = (groups.first(), sources.first()) else { return ControlFlow::Continue(None) };
        if just_opened || lets_in(groups.iter().copied(), self.spec.port, &sources) {
            return ControlFlow::Continue(None);
        }
        let from = match source {
            Source::Group(id) => format!("--source-group {id}"),
            block @ (Source::Block(_) | Source::PrefixList(_)) => format!("--cidr {block}"),
        };
        let port = self.spec.port;
        ControlFlow::Continue(Some(Warning::PortClosed {
            groups: join(groups.iter().map(|group| &group.id), ", "),
            port,
            sources: join(&sources, ", "),
            command: format!(
                "aws ec2 authorize-security-group-ingress --group-id {} --protocol tcp --port {port} {from}",
                group.id
            ),
        }))
    }

    /// References of this resource on third endpoints: left by an Update that failed half-way, or by a Create that has
    /// moved to an older endpoint. The one that the physical id names is released by the Delete that CloudFormation
    /// sends for it. One that was made for this resource and that nobody holds has lost its reference to a delivery that
    /// crashed before it came to delete it.
    fn release_others(&self, target: &EndpointId) -> Option<Step> {
        let keep = |id: &EndpointId| id == target || self.request.current() == Some(id);
        let others = self.observed.endpoints.iter().filter(|endpoint| {
            let (id, holder) = (&endpoint.id, &self.request.holder);
            // What this event has begun to let go of is followed to its end, so that its group can go too.
            let begun = self.journal.release_calls.contains_key(id) || !self.journal.announcements(id).is_empty();
            let left_over = holder.is_in(&endpoint.tags) || holder.has_orphaned(&endpoint.tags);
            !keep(id) && (begun || (left_over && !self.journal.is_doomed(id)))
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
fn absent(
    holder: &Holder,
    (named, place): (Option<&EndpointId>, Option<&(VpcId, ServiceName)>),
    nothing_made: bool,
    observed: &Observed,
    journal: &Journal,
) -> Step {
    // A delivery of this Delete that crashed may have been the last to let go of an endpoint that was made for another,
    // and nothing on it tells. So whatever nobody holds where this resource had its endpoint is let go of.
    let is_left_over = |endpoint: &Endpoint| {
        let here = place.is_some_and(|(vpc, service)| endpoint.vpc_id == *vpc && endpoint.service_name == *service);
        here && endpoint.state.is_usable() && endpoint.is_owned() && !reference::is_held(&endpoint.tags)
    };
    let concerns = |endpoint: &&Endpoint| match named {
        Some(id) => endpoint.id == *id,
        // One that was made for this resource may have lost its reference to a delivery of this Delete that crashed.
        None => {
            holder.is_in(&endpoint.tags)
                || journal.release_calls.contains_key(&endpoint.id)
                || reference::owner(&endpoint.tags) == Some(holder.hash.as_str())
                || is_left_over(endpoint)
                || !journal.announcements(&endpoint.id).is_empty()
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
        (None, None) if !nothing_made && Journal::may_be_stale(observed.at, journal.started) => {
            return wait(Reason::NothingYet, READ_LAG_AND_A_BIT);
        }
        // What this Delete has taken the reference from may not be shown yet either: it was made a moment ago.
        (None, None) if journal.release_calls.values().any(|when| Journal::may_be_stale(observed.at, *when)) => {
            return wait(Reason::NothingYet, LAG_POLL);
        }
        (None, None) => Outcome::Absent,
    };
    let groups = if matches!(outcome, Outcome::Released(_)) { None } else { clean_up(None, observed, journal) };
    groups.unwrap_or(Step::Done(outcome))
}
