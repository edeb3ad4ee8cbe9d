//! Where to look for endpoints.

use super::journal::Journal;
use crate::model::ids::EndpointId;
use crate::model::query::EndpointQuery;
use crate::model::tags::{Holder, OWNED};
use crate::request::spec::ReuseScope;
use crate::request::{Deleted, Request, Verb};
use std::collections::BTreeSet;

/// The queries that make up one look.
///
/// A resource that wants an endpoint looks at those of its service in scope. One that may hold an endpoint already looks
/// for what has its reference, too. Both always look at what this event has tried to release, which may have no reference
/// anymore. What one query finds anyway, no other one asks for.
pub fn queries(request: &Request, journal: &Journal) -> Vec<EndpointQuery> {
    let mut queries = Vec::new();
    let in_scope = request.spec().map(|spec| {
        let vpc = spec.vpc_id.as_ref().filter(|_| spec.reuse_scope == ReuseScope::Vpc);
        (&spec.service_name, vpc)
    });
    if let Some((service, vpc)) = in_scope {
        queries.push(EndpointQuery::Service(service.clone(), vpc.cloned()));
    }
    match &request.verb {
        Verb::Create(_) | Verb::Delete { of: Deleted::Endpoint(_) | Deleted::Stale(..), .. } => {}
        Verb::Update { .. } | Verb::Delete { of: Deleted::FailedCreate { nothing_created: true, .. }, .. } => {
            queries.extend(of_the_resource(&request.holder));
        }
        Verb::Delete { of: Deleted::FailedCreate { .. } | Deleted::RunningCreate, before } => {
            queries.extend(of_the_resource(&request.holder));
            queries.extend(before.place.clone().map(|place| match place.service {
                Some(service) => EndpointQuery::Service(service, Some(place.vpc)),
                None => EndpointQuery::Vpc(place.vpc),
            }));
        }
    }
    // Neither the service nor the VPC of an endpoint changes.
    let is_found = |id: &EndpointId| {
        let (place, scope) = (journal.endpoint(id).place.as_ref(), in_scope.as_ref());
        place.zip(scope).is_some_and(|((vpc, service), (wanted, scope))| {
            service == *wanted && scope.is_none_or(|scope| scope == vpc)
        })
    };
    let ids = request.current().into_iter().chain(journal.released()).filter(|id| !is_found(id));
    let ids: BTreeSet<EndpointId> = ids.cloned().collect();
    if !ids.is_empty() {
        queries.push(EndpointQuery::Ids(ids.into_iter().collect()));
    }
    queries
}

/// What has the resource's reference, and what was created for it: a delivery that crashed may have removed the reference
/// without getting to the deletion.
fn of_the_resource(holder: &Holder) -> [EndpointQuery; 2] {
    [EndpointQuery::TagKey(holder.ref_key()), EndpointQuery::Tag(OWNED.to_owned(), holder.hash.clone())]
}
