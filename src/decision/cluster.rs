//! From a cluster to the service that its endpoint is for: what TiDB Cloud's answer means, and how long to go on asking.
//!
//! This comes before the first look, because without a service there is nothing to look for. A Create that has to wait
//! here leaves its mark first, like one that waits later.
//!
//! An update must not depend on TiDB Cloud. Months later, the API key may be gone, or the cluster, and an update that fails is
//! rolled back by another one, which would fail, too. So the reference records what is needed of the cluster.

use super::action::Action;
use super::denial::role_may_be_new;
use super::journal::Journal;
use super::mark::UNMARKED;
use super::refusal::Refusal;
use super::retry::BACKOFF_MAX;
use super::view::Home;
use super::warning::Warning;
use crate::model::change::NewGroup;
use crate::model::cluster::{Cluster, ClusterRef, Served};
use crate::model::cluster_error::{ClusterError, Patience};
use crate::model::endpoint::Endpoint;
use crate::model::ids::{ServiceName, ZoneId};
use crate::model::network::Subnet;
use crate::model::protocol::{READ_LAG, after, may_predate};
use crate::model::security_group::mark_name;
use crate::model::tags::{NAME, OWNED, Reference, Tags};
use crate::request::property::SERVICE_NAME;
use crate::request::spec::EndpointSpec;
use crate::request::{Request, Verb};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;

/// The first pause before asking again; it doubles every time. A cluster needs less than a minute to be created.
const PAUSE: SignedDuration = SignedDuration::from_secs(2);
/// For how long an update goes on asking although what was recorded would suffice.
const RECORD_PATIENCE: SignedDuration = SignedDuration::from_secs(60);

/// The service of a cluster.
///
/// # Errors
/// The [`ClusterError`] that says why it has none that an endpoint here could connect to.
pub fn served(asked: &ClusterRef, cluster: Cluster, home: &Home) -> Result<Served, ClusterError> {
    let id = || asked.id.clone();
    let state = cluster.state.unwrap_or_default();
    if let "DELETING" | "DELETED" = state.as_str() {
        return Err(ClusterError::ClusterDeleted { cluster: id(), state });
    }
    if let Some(provider) = cluster.provider.filter(|provider| provider != "aws") {
        return Err(ClusterError::NotOnAws { cluster: id(), provider });
    }
    if let Some(cluster_region) = cluster.region.filter(|region| *region != home.region) {
        let region = home.region.clone();
        return Err(ClusterError::ClusterInOtherRegion { cluster: id(), cluster_region, region });
    }
    match cluster.service_name {
        Some(name) if SERVICE_NAME.accepts(&name) => Ok(Served {
            service_name: ServiceName::from(name),
            zone_ids: cluster.zone_ids,
            host: cluster.host,
            user_prefix: cluster.user_prefix,
            unconfirmed: None,
        }),
        Some(_) => {
            let message = "the service name in it is not one of AWS PrivateLink".to_owned();
            Err(ClusterError::ApiUnclear { cluster: id(), message })
        }
        None if matches!(state.as_str(), "CREATING" | "RESTORING") => {
            Err(ClusterError::StillCreating { cluster: id(), state })
        }
        None => Err(ClusterError::NoPrivateEndpoint { cluster: id() }),
    }
}

/// How long to wait before asking again; `None` if that would not help.
pub fn pause_after(error: &ClusterError, attempts: u32, started: Timestamp, now: Timestamp) -> Option<SignedDuration> {
    let pause = (PAUSE * 2_i32.pow(attempts.min(10))).min(BACKOFF_MAX);
    match error.patience() {
        Patience::Always(at_least) => Some(pause.max(at_least)),
        Patience::NewPermission => role_may_be_new(started, now).then_some(pause),
        Patience::NewThing => may_predate(now, started).then_some(READ_LAG / 4),
        Patience::Never => None,
    }
}

/// Until when an update asks TiDB Cloud before it makes do with what was recorded; `None` if it is no update.
pub fn patient_until(request: &Request, started: Timestamp, deadline: Timestamp) -> Option<Timestamp> {
    // A short ServiceTimeout leaves time for the work.
    let patience = RECORD_PATIENCE.min(deadline.duration_since(started) / 4);
    request.is_update().then(|| after(started, patience))
}

/// The endpoint for a cluster, and what its user names begin with, as the reference of a resource that is updated records it.
/// There may be several endpoints while a replacement is rolled back.
pub fn recorded<'a>(
    request: &Request,
    cluster: &ClusterRef,
    endpoints: &'a [Endpoint],
) -> Option<(&'a Endpoint, Option<String>)> {
    let key = request.holder.ref_key();
    let of_cluster = endpoints.iter().filter_map(|endpoint| {
        let known = Reference::parse(endpoint.tags.get(&key)?).prefixes();
        Some((endpoint, known.of(&cluster.id)?))
    });
    let usable = of_cluster.filter(|(endpoint, _)| SERVICE_NAME.accepts(endpoint.service_name.as_str()));
    usable.min_by_key(|(endpoint, _)| request.current() != Some(&endpoint.id))
}

/// What is recorded of a cluster. It stays in the zones in which its endpoint is.
pub fn unconfirmed(endpoint: &Endpoint, user_prefix: Option<String>, subnets: &[Subnet], why: ClusterError) -> Served {
    let has = |subnet: &&Subnet| endpoint.subnet_ids.contains(&subnet.id);
    let zone_ids: BTreeSet<ZoneId> = subnets.iter().filter(has).map(|subnet| subnet.zone_id.clone()).collect();
    Served {
        service_name: endpoint.service_name.clone(),
        zone_ids: zone_ids.into_iter().collect(),
        host: None,
        user_prefix,
        unconfirmed: Some(why),
    }
}

/// The warning of an update that has used what was recorded.
pub(super) fn warning(spec: &EndpointSpec) -> Option<Warning> {
    let (cluster, served) = spec.cluster.as_ref().zip(spec.served.as_ref())?;
    let (cluster, error) = (cluster.id.clone(), served.unconfirmed.clone()?);
    Some(Warning::ClusterUnconfirmed { cluster, error })
}

/// The rejection of a request whose cluster has no service, and of which nothing is recorded.
pub fn rejection(request: &Request, error: ClusterError) -> Refusal {
    match (&request.verb, &request.resource) {
        (Verb::Update { .. }, Some(resource)) => {
            Refusal::ClusterOfUpdate { error, logical_id: resource.logical.clone() }
        }
        _ => error.into(),
    }
}

/// When asking has to stop unless the mark is there: CloudFormation may have sent a Delete by then, which finds nothing
/// else of this Create. `None` if there is no such moment.
pub fn unmarked_until(request: &Request, journal: &Journal) -> Option<Timestamp> {
    let is_marked = journal.creation().mark_attempted.is_some();
    let can_be_deleted = matches!(request.verb, Verb::Create(_));
    (can_be_deleted && !is_marked).then(|| after(journal.sent(), UNMARKED))
}

/// The mark of a Create whose service is not known yet; `None` if it names no VPC to put it in.
pub fn early_mark(request: &Request) -> Option<Action> {
    let spec = request.spec()?;
    let (vpc_id, name) = (spec.vpc_id.clone()?, mark_name(&request.holder, request.mark()));
    let mut tags = Tags::from([(NAME.to_owned(), name.clone())]);
    tags.extend(spec.tags.clone());
    tags.insert(OWNED.to_owned(), request.holder.hash.clone());
    Some(Action::Mark(NewGroup { vpc_id, name, tags }))
}
