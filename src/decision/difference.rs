//! How an endpoint differs from what is asked for: what the provider changes, and what it only warns about.
//!
//! An endpoint that only this resource holds becomes exactly what it asks for. On one that others hold, too, the provider
//! only adds, because a removal would take away what another stack relies on. A foreign endpoint is never changed.

use super::facts::Facts;
use super::moves::{Move, next_move};
use super::placement::Placement;
pub use super::relation::Relation;
use super::warning::Warning;
use crate::model::change::{Change, TagChange};
use crate::model::endpoint::Endpoint;
use crate::model::ids::{GroupId, SubnetId, ZoneId, join};
use crate::model::tags::Tags;
use crate::request::spec::EndpointSpec;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Difference {
    /// The next change to make.
    pub(super) change: Option<Change>,
    pub(super) tags: Option<TagChange>,
    /// What stays different.
    pub(super) warnings: Vec<Warning>,
}

pub(super) fn difference(
    spec: &EndpointSpec,
    dropped_tags: &[String],
    wanted_groups: &[GroupId],
    placement: Option<&Placement>,
    facts: &Facts,
    endpoint: &Endpoint,
    relation: Relation,
) -> Difference {
    let mut warnings = Vec::new();
    let mut change = Change::default();
    address_type(&mut change, &mut warnings, spec, endpoint, relation);
    if let Some(placement) = placement {
        subnets(&mut change, &mut warnings, placement, facts, endpoint, relation);
        if relation != Relation::Exclusive {
            warnings.extend(kept_subnets(spec, placement, facts, endpoint));
        }
    }
    groups(&mut change, &mut warnings, wanted_groups, endpoint, relation);
    private_dns(&mut change, &mut warnings, spec, endpoint, relation);
    let tags = tags(&mut warnings, spec, dropped_tags, endpoint, relation);
    Difference { change: (!change.is_empty()).then_some(change), tags, warnings }
}

fn subnets(
    change: &mut Change,
    warnings: &mut Vec<Warning>,
    placement: &Placement,
    facts: &Facts,
    endpoint: &Endpoint,
    relation: Relation,
) {
    for subnet in &placement.left_out {
        let zone = facts.zone_of(subnet).map(ToString::to_string).unwrap_or_default();
        warnings.push(Warning::SubnetLeftOut { subnet: subnet.clone(), zone });
    }
    if !placement.full.is_empty() {
        warnings.push(Warning::ZonesFull { zones: join(&placement.full, ", ") });
    }
    if !placement.unfit.is_empty() {
        let (zones, kind) = (join(&placement.unfit, ", "), placement.address_type);
        warnings.push(Warning::ZonesUnfit { zones, kind });
    }
    if !placement.of_cluster.is_empty() {
        warnings.push(Warning::ZonesOfCluster { zones: join(&placement.of_cluster, ", ") });
    }
    let zone = |subnet: &SubnetId| facts.zone_of(subnet);
    let missing: Vec<&SubnetId> = placement.subnets.iter().filter(|id| !endpoint.subnet_ids.contains(id)).collect();
    let covers = |wanted: &SubnetId| endpoint.subnet_ids.iter().find(|has| zone(has) == zone(wanted));
    match relation {
        Relation::Exclusive => {
            let Move { add, remove, address_type } =
                next_move(endpoint, &placement.subnets, change.ip_address_type, facts);
            change.add_subnets = add;
            change.remove_subnets = remove;
            // It has to fit the subnets that the endpoint has after the call.
            change.ip_address_type = address_type;
        }
        Relation::Shared => {
            let (blocked, free): (Vec<&SubnetId>, Vec<&SubnetId>) =
                missing.into_iter().partition(|wanted| covers(wanted).is_some());
            change.add_subnets = free.into_iter().cloned().collect();
            for wanted in blocked {
                let has = covers(wanted).cloned().unwrap_or_else(|| wanted.clone());
                warnings.push(Warning::OtherSubnetInZone { wanted: wanted.clone(), has });
            }
        }
        Relation::Foreign => {
            let (blocked, uncovered): (Vec<&SubnetId>, Vec<&SubnetId>) =
                missing.into_iter().partition(|wanted| covers(wanted).is_some());
            warnings.extend(blocked.into_iter().filter_map(|wanted| {
                let (wanted, has) = (wanted.clone(), covers(wanted)?.clone());
                Some(Warning::OtherSubnetInZone { wanted, has })
            }));
            let uncovered: Vec<&ZoneId> = uncovered.into_iter().filter_map(zone).collect();
            if !uncovered.is_empty() {
                let zones = join(uncovered, ", ");
                warnings.push(Warning::ZonesNotCovered { endpoint: endpoint.id.clone(), zones });
            }
        }
    }
}

/// Subnets in zones that the properties leave out.
fn kept_subnets(spec: &EndpointSpec, placement: &Placement, facts: &Facts, endpoint: &Endpoint) -> Option<Warning> {
    if spec.subnet_ids.is_empty() && spec.zone_ids.is_empty() {
        return None;
    }
    let is_wanted = |zone: &ZoneId| placement.subnets.iter().any(|id| facts.zone_of(id) == Some(zone));
    let kept = endpoint.subnet_ids.iter().filter_map(|id| Some((id, facts.zone_of(id)?)));
    let kept = join(kept.filter(|(_, zone)| !is_wanted(zone)).map(|(id, zone)| format!("{id} in {zone}")), ", ");
    (!kept.is_empty()).then_some(Warning::SubnetsKept { subnets: kept })
}

fn groups(
    change: &mut Change,
    warnings: &mut Vec<Warning>,
    wanted: &[GroupId],
    endpoint: &Endpoint,
    relation: Relation,
) {
    if wanted.is_empty() {
        return;
    }
    let missing: Vec<GroupId> = wanted.iter().filter(|id| !endpoint.group_ids.contains(id)).cloned().collect();
    let surplus: Vec<GroupId> = endpoint.group_ids.iter().filter(|id| !wanted.contains(id)).cloned().collect();
    match relation {
        Relation::Exclusive => {
            change.add_groups = missing;
            change.remove_groups = surplus;
        }
        Relation::Shared => {
            change.add_groups = missing;
            if !surplus.is_empty() {
                warnings.push(Warning::GroupsKept { groups: join(surplus, ", ") });
            }
        }
        Relation::Foreign => {
            if !missing.is_empty() {
                let (endpoint, groups) = (endpoint.id.clone(), join(missing, ", "));
                warnings.push(Warning::GroupsNotAttached { endpoint, groups });
            }
            if !surplus.is_empty() {
                warnings.push(Warning::GroupsKept { groups: join(surplus, ", ") });
            }
        }
    }
}

fn private_dns(
    change: &mut Change,
    warnings: &mut Vec<Warning>,
    spec: &EndpointSpec,
    endpoint: &Endpoint,
    relation: Relation,
) {
    match (spec.private_dns, endpoint.private_dns, relation) {
        (true, true, _) | (false, false, _) => {}
        (true, false, Relation::Exclusive | Relation::Shared) => change.private_dns = Some(true),
        (false, true, Relation::Exclusive) => change.private_dns = Some(false),
        (false, true, Relation::Shared | Relation::Foreign) => {
            warnings.push(Warning::PrivateDnsKeptOn { endpoint: endpoint.id.clone() });
        }
        // Only an endpoint of another VPC gets here (ReuseScope: Region). Its private DNS would not work in this VPC anyway.
        (true, false, Relation::Foreign) => {
            warnings.push(Warning::PrivateDnsOff { endpoint: endpoint.id.clone() });
        }
    }
}

fn address_type(
    change: &mut Change,
    warnings: &mut Vec<Warning>,
    spec: &EndpointSpec,
    endpoint: &Endpoint,
    relation: Relation,
) {
    let Some(wanted) = spec.ip_address_type else { return };
    if endpoint.ip_address_type.eq_ignore_ascii_case(wanted.as_str()) {
        return;
    }
    match relation {
        Relation::Exclusive => change.ip_address_type = Some(wanted),
        Relation::Shared | Relation::Foreign => warnings.push(Warning::AddressTypeKept {
            endpoint: endpoint.id.clone(),
            has: endpoint.ip_address_type.clone(),
            wanted: wanted.as_str(),
        }),
    }
}

fn tags(
    warnings: &mut Vec<Warning>,
    spec: &EndpointSpec,
    dropped: &[String],
    endpoint: &Endpoint,
    relation: Relation,
) -> Option<TagChange> {
    let differs = |key: &String, value: &String| endpoint.tags.get(key) != Some(value);
    let missing: Tags =
        spec.tags.iter().filter(|(key, value)| differs(key, value)).map(|(k, v)| (k.clone(), v.clone())).collect();
    let surplus =
        dropped.iter().filter(|key| endpoint.tags.contains_key(*key)).map(|key| (key.clone(), None)).collect();
    let change = match relation {
        Relation::Exclusive => TagChange { set: missing, unset: surplus },
        Relation::Shared => {
            // A tag with another value may be another stack's, and the two would overwrite it in turns.
            let (taken, free): (Tags, Tags) = missing.into_iter().partition(|(key, _)| endpoint.tags.contains_key(key));
            if !taken.is_empty() {
                warnings.push(Warning::TagsKept { keys: join(taken.keys(), ", ") });
            }
            if !surplus.is_empty() {
                warnings.push(Warning::TagsNotRemoved { keys: join(surplus.keys(), ", ") });
            }
            TagChange { set: free, ..TagChange::default() }
        }
        Relation::Foreign => {
            if !missing.is_empty() {
                let (endpoint, keys) = (endpoint.id.clone(), join(missing.keys(), ", "));
                warnings.push(Warning::TagsNotWritten { endpoint, keys });
            }
            TagChange::default()
        }
    };
    (change != TagChange::default()).then_some(change)
}
