//! Making an endpoint where none will do.

use super::Present;
use crate::difference::Relation;
use crate::endpoint::{Endpoint, EndpointState};
use crate::group::named_sources;
use crate::ids::{VpcId, join};
use crate::reference;
use crate::refusal::Refusal;
use crate::step::{NewEndpoint, POLL, Reason, Step, Stop, wait};
use crate::survey::Fact;
use jiff::SignedDuration;

/// How long a refused private name is waited for before it counts as somebody else's.
const CONFLICT_PATIENCE: SignedDuration = SignedDuration::from_mins(5);
/// How long to leave EC2 alone after a refused private name; the look in between costs less than another refusal.
const CONFLICT_PAUSE: SignedDuration = SignedDuration::from_secs(20);

impl Present<'_> {
    /// No endpoint will do: make one, unless the private name is still taken.
    pub(super) fn create(&self) -> Result<Step, Stop> {
        self.read_together()?;
        let (Some(vpc), Some(placement)) = (&self.spec.vpc_id, self.placement(None)?) else {
            return Err(Refusal::NothingToReuse { service: self.spec.service_name.clone() }.into());
        };
        let requester_managed = |endpoint: &&Endpoint| {
            self.is_here(endpoint) && endpoint.requester_managed && endpoint.private_dns && endpoint.state.is_usable()
        };
        if self.spec.private_dns
            && let Some(endpoint) = self.observed.endpoints.iter().find(requester_managed)
        {
            return Err(Refusal::RequesterManaged { endpoint: endpoint.id.clone(), vpc: vpc.clone() }.into());
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
        self.wait_for_name(vpc)?;
        let group_ids = match self.own_group(vpc) {
            None => self.spec.group_ids.clone(),
            Some(own) => {
                let id = own.for_new_endpoint(self.observed)?;
                // EC2 may refuse a source that is named, and then no endpoint shall be there yet. The VPC's own blocks it
                // takes; they are let in while it makes the endpoint.
                if !named_sources(self.spec).is_empty() {
                    own.open(&id, Relation::OursShared)?;
                }
                vec![id]
            }
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
            client_token: self.request.client_token(self.journal.tokens_spent(self.observed.at)),
        })))
    }

    /// All that an endpoint is made by, asked for at once.
    fn read_together(&self) -> Result<(), Stop> {
        let Some(vpc) = &self.spec.vpc_id else { return Ok(()) };
        let groups = Fact::Groups([self.spec.group_ids.as_slice(), &self.spec.allowed_group_ids].concat());
        let own_group = self.own_group(vpc).and_then(|own| own.fact());
        let unread = self.survey.unread([Fact::Subnets, Fact::Service, groups].into_iter().chain(own_group));
        if unread.is_empty() { Ok(()) } else { Err(Step::Read(unread).into()) }
    }

    /// EC2's conflict error means "look again": another stack was faster, or an endpoint is still going away; or, if
    /// nothing shows up, a hosted zone of the customer's has the name.
    pub(super) fn wait_for_name(&self, vpc: &VpcId) -> Result<(), Stop> {
        let at = self.observed.at;
        let Some(conflict) = self.journal.conflict else { return Ok(()) };
        let waited = at.duration_since(conflict.since);
        if waited >= CONFLICT_PATIENCE {
            let name = self.survey.service()?.and_then(|service| service.private_dns_name.clone());
            let seen = join(self.observed.endpoints.iter().map(|e| format!("{} is {}", e.id, e.state)), ", ");
            return Err(Refusal::NameTaken {
                minutes: waited.as_mins(),
                vpc: vpc.clone(),
                name: name.unwrap_or_default(),
                seen: if seen.is_empty() { "EC2 shows none".to_owned() } else { seen },
            }
            .into());
        }
        let pausing = at.duration_since(conflict.last) < CONFLICT_PAUSE;
        if pausing { Err(wait(Reason::NameTaken, POLL).into()) } else { Ok(()) }
    }
}
