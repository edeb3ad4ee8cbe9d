//! A resource that uses an endpoint of another VPC: its VPC is a spoke, and that of the endpoint is the hub.
//!
//! It is a holder like any other. Of an owned endpoint it requests that clients from its own VPC may connect, which it
//! records as CIDR blocks: the other holders' events compare rules with them, and need not read its VPC. The network of the
//! endpoint is not its own: it leaves the subnets to the others, of which the last one leaves its own, and it changes neither
//! private DNS nor the IP address type; but while it holds the endpoint, the others do not turn off what it requests.

use super::provision::Provision;
use super::refusal::Refusal;
use super::view::Unless;
use crate::model::endpoint::Endpoint;
use crate::model::ids::VpcId;
use crate::model::security_group::Source;
use crate::model::tags::Reference;
use crate::model::wanted::{Items, Place, Wanted};

impl Provision<'_> {
    /// Whether the endpoint is the provider's, in another VPC, and is to let in the resource's clients. A resource with
    /// security groups of its own keeps the endpoint as it is.
    pub(super) fn is_spoke_of(&self, endpoint: &Endpoint) -> bool {
        let spec = self.spec;
        let has_clients = spec.vpc_id.is_some() || !spec.named_sources().is_empty();
        endpoint.is_owned() && !self.is_here(endpoint) && spec.group_ids.is_empty() && has_clients
    }

    /// What the resource requests of an endpoint, as its reference records it. Nothing can be requested of a foreign one.
    pub(super) fn wanted(&self, endpoint: &Endpoint) -> Unless<Option<Wanted>> {
        if self.is_spoke_of(endpoint) {
            let clients = self.clients()?;
            let sources = if clients.is_empty() { self.recorded_clients(endpoint) } else { Some(Items::of(&clients)) };
            return Ok(sources.map(|sources| Wanted { place: Place::Anywhere, sources, ..self.spec.wanted() }));
        }
        Ok((endpoint.is_owned() && self.is_here(endpoint)).then(|| self.spec.wanted()))
    }

    /// Who is to connect to an endpoint of another VPC: those whom the properties name, or else everyone in this VPC.
    fn clients(&self) -> Unless<Vec<Source>> {
        let named = self.spec.named_sources();
        match &self.spec.vpc_id {
            Some(vpc) if named.is_empty() => {
                Ok(self.view.facts.blocks(vpc)?.iter().copied().map(Source::Block).collect())
            }
            Some(_) | None => Ok(named),
        }
    }

    /// The same as recorded before: an answer without blocks does not tell. A reference that records nothing keeps everything.
    fn recorded_clients(&self, endpoint: &Endpoint) -> Option<Items> {
        let value = endpoint.tags.get(&self.request.holder.ref_key())?;
        Reference::parse(value).wanted().map(|wanted| wanted.sources).filter(|sources| !sources.is_empty())
    }

    /// A VPC that does not exist, or that the account does not see, is no spoke.
    pub(super) fn reject_unknown_spoke(&self, vpc: &VpcId) -> Unless<()> {
        if self.view.facts.subnets()?.is_empty() && self.view.facts.vpc(vpc)?.is_none() {
            let (region, account) = (self.home.region.clone(), self.home.account.clone());
            return Err(Refusal::UnknownVpc { vpc: vpc.clone(), region, account }.into());
        }
        Ok(())
    }
}
