//! Which endpoint to have.

use super::provision::Provision;
use crate::model::endpoint::{Endpoint, EndpointState};
use crate::request::Verb;
use crate::request::spec::ReuseScope;

impl Provision<'_> {
    /// The endpoint to have: the resource's current one if it fits, else the oldest that fits, the same one for everyone.
    /// One in the resource's own VPC comes first, unless the resource has one in another VPC and was not moved.
    pub(super) fn choose(&self) -> Option<&Endpoint> {
        let candidates = self.view.observed.endpoints.iter().filter(|endpoint| self.is_candidate(endpoint));
        let (here, elsewhere): (Vec<&Endpoint>, Vec<&Endpoint>) =
            candidates.partition(|endpoint| self.is_here(endpoint));
        let keeps = matches!(self.request.verb, Verb::Update { moved: false, .. });
        let kept = if keeps { self.current_elsewhere(&elsewhere) } else { None };
        kept.or_else(|| self.choose_here(&here)).or_else(|| self.choose_elsewhere(&elsewhere))
    }

    fn is_candidate(&self, endpoint: &Endpoint) -> bool {
        let record = self.view.journal.endpoint(&endpoint.id);
        endpoint.offers(&self.spec.service_name)
            && !endpoint.requester_managed
            && !record.seen_deleting()
            && !record.is_releasing()
    }

    fn choose_here<'e>(&self, here: &[&'e Endpoint]) -> Option<&'e Endpoint> {
        let fits = |endpoint: &&Endpoint| endpoint.private_dns == self.spec.private_dns;
        let oldest = || here.iter().copied().filter(fits).min_by_key(|endpoint| endpoint.age_key());
        // Private DNS does no harm to a resource that does not need it, and a second endpoint would cost as much again.
        let with_unneeded_dns = || {
            let any = here.iter().copied().filter(|_| !self.spec.private_dns);
            any.min_by_key(|endpoint| endpoint.age_key())
        };
        match here.iter().copied().find(|endpoint| self.request.current() == Some(&endpoint.id)) {
            Some(current) if fits(&current) || !self.spec.private_dns => Some(current),
            // Its private DNS has to be turned on, which EC2 allows only if no other endpoint of the VPC has the name.
            Some(current) if current.is_owned() => oldest().or(Some(current)),
            Some(_) | None => oldest().or_else(with_unneeded_dns),
        }
    }

    fn current_elsewhere<'e>(&self, elsewhere: &[&'e Endpoint]) -> Option<&'e Endpoint> {
        let current = elsewhere.iter().copied().find(|endpoint| self.request.current() == Some(&endpoint.id));
        current.filter(|_| self.spec.reuse_scope == ReuseScope::Region)
    }

    fn choose_elsewhere<'e>(&self, elsewhere: &[&'e Endpoint]) -> Option<&'e Endpoint> {
        if self.spec.reuse_scope == ReuseScope::Vpc {
            return None;
        }
        // One that this event has joined may become pending again because its owner changes it.
        let fits = |endpoint: &&Endpoint| {
            endpoint.state == EndpointState::Available || self.view.journal.endpoint(&endpoint.id).referenced.is_some()
        };
        let oldest = || elsewhere.iter().copied().filter(fits).min_by_key(|endpoint| endpoint.age_key());
        self.current_elsewhere(elsewhere).or_else(oldest)
    }
}
