//! Which endpoint to have.

use super::Present;
use crate::endpoint::{Endpoint, EndpointState};
use crate::properties::ReuseScope;

impl Present<'_> {
    /// The endpoint to have: the one that the resource has if it will do, else the oldest that will do, the same one for
    /// everybody.
    pub(super) fn choose(&self) -> Option<&Endpoint> {
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
}
