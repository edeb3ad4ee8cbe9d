//! Creating an endpoint where none fits.

use super::action::Action;
use super::facts::Fact;
use super::managed_group::first_tags;
use super::poll::{LAG_POLL, POLL};
use super::provision::Provision;
use super::records::Refused;
use super::refusal::Refusal;
use super::view::{Interrupt, Next, Reason, Unless, View, wait};
use crate::model::change::NewEndpoint;
use crate::model::endpoint::{Endpoint, EndpointState};
use crate::model::ids::{GroupId, VpcId, join};
use crate::model::prefixes::Prefixes;
use crate::model::tags::is_held;
use jiff::SignedDuration;

/// How long a private DNS name may be refused before it counts as someone else's.
const NAME_PATIENCE: SignedDuration = SignedDuration::from_mins(5);
/// How many endpoints one event creates. A second one is needed if the first was deleted meanwhile; more of them are lost,
/// and each costs money.
const ENDPOINTS_MAX: u32 = 3;
/// How long to wait after EC2 has refused a private DNS name. The look in between costs less than another refusal.
const NAME_PAUSE: SignedDuration = SignedDuration::from_secs(20);

impl Provision<'_> {
    /// No endpoint fits: create one. A Create that has to wait for that leaves its mark first, and from then on nothing is
    /// created without it.
    pub(super) fn create(&self) -> Unless<Next> {
        match self.create_now() {
            // The wait for another creator ends within the read lag.
            Err(Interrupt::Do(next)) if matches!(&*next, Next::Wait(wait) if !matches!(wait.reason, Reason::OtherCreator(_))) =>
            {
                self.keep_mark()?;
                Ok(*next)
            }
            Ok(next) if self.has_waited() => {
                self.keep_mark()?;
                Ok(next)
            }
            decided => decided,
        }
    }

    /// Creates an endpoint, unless the private DNS name is still in use.
    fn create_now(&self) -> Unless<Next> {
        self.read_together()?;
        let (Some(vpc), Some(placement)) = (&self.spec.vpc_id, self.placement(None)?) else {
            return Err(Refusal::NothingToReuse { service: self.spec.service_name.clone() }.into());
        };
        if self.spec.private_dns {
            self.wait_for_other_endpoints(vpc)?;
        }
        self.wait_for_name(vpc)?;
        let created = self.view.journal.tokens_spent(self.view.observed.at);
        if created >= ENDPOINTS_MAX {
            let service = self.spec.service_name.clone();
            return Err(Refusal::EndpointsLost { count: created, service, vpc: vpc.clone() }.into());
        }
        let group_ids = self.groups_for_new_endpoint(vpc)?;
        let holder = &self.request.holder;
        let mut tags = first_tags(self.spec, holder);
        let (reference, _) = self.new_reference(Prefixes::default(), Some(&self.spec.wanted()));
        tags.insert(holder.ref_key(), reference);
        Ok(Next::Act(Action::CreateEndpoint(Box::new(NewEndpoint {
            service_name: self.spec.service_name.clone(),
            vpc_id: vpc.clone(),
            subnet_ids: placement.subnets,
            group_ids,
            private_dns: self.spec.private_dns,
            ip_address_type: self.spec.ip_address_type,
            tags,
            client_token: self.request.client_token(created),
        }))))
    }

    /// Everything that creating an endpoint needs, read at once.
    fn read_together(&self) -> Unless<()> {
        let Some(vpc) = &self.spec.vpc_id else { return Ok(()) };
        let groups = Fact::Groups([self.spec.group_ids.as_slice(), &self.spec.allowed_group_ids].concat());
        let managed = self.managed_group(vpc).and_then(|group| group.fact());
        let unread = self.view.facts.unread([Fact::Subnets, Fact::Service, groups].into_iter().chain(managed));
        if unread.is_empty() { Ok(()) } else { Err(Next::Read(unread).into()) }
    }

    /// Endpoints that have the private DNS name and cannot be joined.
    fn wait_for_other_endpoints(&self, vpc: &VpcId) -> Unless<()> {
        let with_name = || self.view.observed.endpoints.iter().filter(|e| self.is_here(e) && e.private_dns);
        let requester_managed = |endpoint: &&Endpoint| endpoint.requester_managed && endpoint.state.is_usable();
        if let Some(endpoint) = with_name().find(requester_managed) {
            return Err(Refusal::RequesterManaged { endpoint: endpoint.id.clone(), vpc: vpc.clone() }.into());
        }
        let deleting = |endpoint: &&Endpoint| {
            endpoint.service_name == self.spec.service_name && endpoint.state == EndpointState::Deleting
        };
        match with_name().find(deleting) {
            Some(endpoint) => Err(wait(Reason::NameInUse(endpoint.id.clone()), POLL).into()),
            None => Ok(()),
        }
    }

    fn groups_for_new_endpoint(&self, vpc: &VpcId) -> Unless<Vec<GroupId>> {
        let Some(group) = self.managed_group(vpc) else {
            return Ok(self.gone.without_groups(&self.spec.group_ids));
        };
        let id = group.for_new_endpoint()?;
        // EC2 may refuse a source that the properties name, and then there must be no endpoint yet. It accepts the VPC's
        // own blocks; those are added while it creates the endpoint.
        if !self.spec.named_sources().is_empty() {
            group.add_rules(&id)?;
        }
        Ok(vec![id])
    }

    /// Why there is no endpoint with the private DNS name, if EC2 has refused it and nothing has changed since.
    pub(super) fn name_obstacle(&self) -> Option<Refusal> {
        let taken = self.view.journal.creation().name_taken?;
        let has_it = self.choose().is_some_and(|endpoint| endpoint.private_dns == self.spec.private_dns);
        if has_it { None } else { Some(self.name_taken(self.spec.vpc_id.as_ref()?, taken)) }
    }

    fn name_taken(&self, vpc: &VpcId, taken: Refused) -> Refusal {
        let View { observed, facts, .. } = self.view;
        let service = facts.service().ok().flatten();
        let own = self.choose().map(|endpoint| &endpoint.id);
        let has_name = |e: &&Endpoint| e.is_in(Some(vpc)) && e.private_dns && Some(&e.id) != own;
        let seen = join(observed.endpoints.iter().filter(has_name).map(|e| format!("{} is {}", e.id, e.state)), ", ");
        let waited = observed.at.duration_since(taken.first);
        Refusal::NameTaken {
            time: match waited.as_mins() {
                0..2 => format!("{} seconds", waited.as_secs()),
                minutes => format!("{minutes} minutes"),
            },
            vpc: vpc.clone(),
            name: service.and_then(|service| service.private_dns_name.clone()).unwrap_or_default(),
            seen: if seen.is_empty() { "EC2 shows none".to_owned() } else { seen },
        }
    }

    /// EC2's conflict error means "look again": another stack was faster, an endpoint is still being deleted, or an endpoint
    /// of another service has the name; or, if nothing shows up, a private hosted zone of the customer has it.
    pub(super) fn wait_for_name(&self, vpc: &VpcId) -> Unless<()> {
        let View { observed, facts, journal } = self.view;
        let Some(taken) = journal.creation().name_taken else { return Ok(()) };
        self.wait_for_other_service(vpc)?;
        if observed.at.duration_since(taken.first) >= NAME_PATIENCE {
            facts.service()?;
            return Err(self.name_taken(vpc, taken).into());
        }
        let pausing = observed.at.duration_since(taken.last) < NAME_PAUSE;
        if pausing { Err(wait(Reason::NameTaken, POLL).into()) } else { Ok(()) }
    }

    /// Endpoints of other services that have the private DNS name; no query of a look finds them. One that is being
    /// deleted, or that may be, is waited for.
    fn wait_for_other_service(&self, vpc: &VpcId) -> Unless<()> {
        let View { observed, facts, journal } = self.view;
        let Some(name) = facts.service()?.and_then(|service| service.private_dns_name.as_ref()) else { return Ok(()) };
        let mut others = facts.neighbors(vpc)?.iter().filter(|endpoint| {
            endpoint.service_name != self.spec.service_name
                && endpoint.is_in(Some(vpc))
                && endpoint.has_private_name(name)
        });
        let stays =
            |endpoint: &&Endpoint| endpoint.state.is_usable() && (!endpoint.is_owned() || is_held(&endpoint.tags));
        if let Some(endpoint) = others.clone().find(stays) {
            if observed.may_predate(journal.started()) {
                return Err(wait(Reason::NameInUse(endpoint.id.clone()), LAG_POLL).into());
            }
            return Err(Refusal::NameOfOtherService {
                name: name.clone(),
                vpc: vpc.clone(),
                endpoint: endpoint.id.clone(),
                service: endpoint.service_name.clone(),
            }
            .into());
        }
        match others.find(|endpoint| endpoint.state.is_usable() || endpoint.state == EndpointState::Deleting) {
            Some(endpoint) => Err(wait(Reason::NameInUse(endpoint.id.clone()), POLL).into()),
            None => Ok(()),
        }
    }
}
