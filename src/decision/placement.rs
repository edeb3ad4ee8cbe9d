//! The subnets of an endpoint: one in each zone, and none that EC2 would refuse.

use super::refusal::Refusal;
use crate::model::endpoint::Endpoint;
use crate::model::ids::{SubnetId, VpcId, ZoneId, join};
use crate::model::network::{Service, Subnet};
use crate::request::spec::EndpointSpec;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Placement {
    /// One in each zone, in the order of the zone ids.
    pub(super) subnets: Vec<SubnetId>,
    /// Given subnets that are not used: the service is not available in their zone, or the zone was not asked for.
    pub(super) left_out: Vec<SubnetId>,
    /// Zones that are not used because no subnet there has a free address.
    pub(super) full: Vec<ZoneId>,
}

/// Places an endpoint of `service` in `vpc`. Where the specification leaves the choice, a zone keeps the subnet that
/// `existing` has there; otherwise it gets the subnet with the most free addresses, and of equals the one with the lowest
/// id, so that the choice is the same every time.
///
/// # Errors
/// The refusals about zones and subnets. Each names what was asked for and what was found.
pub(super) fn place(
    spec: &EndpointSpec,
    vpc: &VpcId,
    service: &Service,
    subnets: &[Subnet],
    existing: Option<&Endpoint>,
) -> Result<Placement, Refusal> {
    let served = served_zones(service);
    let not_served: Vec<&ZoneId> =
        spec.zone_ids.iter().filter(|zone| !service.zone_ids.is_empty() && !service.zone_ids.contains(zone)).collect();
    if !not_served.is_empty() {
        let service = spec.service_name.clone();
        return Err(Refusal::ZoneNotServed { asked: join(not_served, ", "), service, served });
    }
    let (candidates, subject) = candidates(spec, vpc, subnets)?;
    let found = zones_of(&candidates);
    let (served_subnets, left_out): (Vec<&Subnet>, Vec<&Subnet>) = candidates.into_iter().partition(|subnet| {
        service.serves(subnet) && (spec.zone_ids.is_empty() || spec.zone_ids.contains(&subnet.zone_id))
    });
    let missing: Vec<&ZoneId> =
        spec.zone_ids.iter().filter(|zone| !served_subnets.iter().any(|subnet| subnet.zone_id == **zone)).collect();
    if !missing.is_empty() {
        return Err(Refusal::NoSubnetInZone { asked: join(missing, ", "), subject, found });
    }
    if served_subnets.is_empty() {
        let service = spec.service_name.clone();
        return Err(Refusal::NoSubnetInServedZone { service, served, subject, found });
    }
    let left_out = if spec.subnet_ids.is_empty() { Vec::new() } else { ids(&left_out) };
    let chosen = one_for_each_zone(spec, &served_subnets, existing)?;
    // Given subnets are for EC2 to judge; the provider itself does not choose a full one.
    let is_full = |subnet: &Subnet| spec.subnet_ids.is_empty() && subnet.free_addresses <= 0 && !has(existing, subnet);
    let (full, free): (Vec<&Subnet>, Vec<&Subnet>) = chosen.into_iter().partition(|subnet| is_full(subnet));
    if free.is_empty() {
        return Err(Refusal::NoFreeAddress { subnets: join(ids(&full), ", ") });
    }
    let full = full.into_iter().map(|subnet| subnet.zone_id.clone()).collect();
    Ok(Placement { subnets: ids(&free), left_out, full })
}

/// The zones that a specification is about: those of the subnets to choose from, and those asked for by id.
pub(super) fn zones_in_question<'a>(spec: &'a EndpointSpec, subnets: &'a [Subnet]) -> BTreeSet<&'a ZoneId> {
    let candidates = subnets.iter().filter(|s| spec.subnet_ids.is_empty() || spec.subnet_ids.contains(&s.id));
    candidates.map(|subnet| &subnet.zone_id).chain(&spec.zone_ids).collect()
}

/// The subnets to choose from, and the words for them in a sentence.
fn candidates<'a>(
    spec: &EndpointSpec,
    vpc: &VpcId,
    subnets: &'a [Subnet],
) -> Result<(Vec<&'a Subnet>, String), Refusal> {
    if spec.subnet_ids.is_empty() {
        return Ok((subnets.iter().collect(), format!("the VPC {vpc} has subnets")));
    }
    let find = |id: &SubnetId| subnets.iter().find(|subnet| subnet.id == *id);
    let unknown: Vec<&SubnetId> = spec.subnet_ids.iter().filter(|id| find(id).is_none()).collect();
    if !unknown.is_empty() {
        return Err(Refusal::SubnetNotInVpc { subnets: join(unknown, ", "), vpc: vpc.clone() });
    }
    let given = spec.subnet_ids.iter().filter_map(find).collect();
    Ok((given, "the given subnets are".to_owned()))
}

fn has(existing: Option<&Endpoint>, subnet: &Subnet) -> bool {
    existing.is_some_and(|endpoint| endpoint.subnet_ids.contains(&subnet.id))
}

fn one_for_each_zone<'a>(
    spec: &EndpointSpec,
    fit: &[&'a Subnet],
    existing: Option<&Endpoint>,
) -> Result<Vec<&'a Subnet>, Refusal> {
    let mut chosen: BTreeMap<&ZoneId, &'a Subnet> = BTreeMap::new();
    for subnet in fit {
        match chosen.get(&subnet.zone_id) {
            Some(other) if !spec.subnet_ids.is_empty() => {
                let (first, second) = (other.id.clone(), subnet.id.clone());
                return Err(Refusal::TwoSubnetsInZone { first, second, zone: subnet.zone_id.clone() });
            }
            Some(other) => {
                let rank = |s: &Subnet| (!has(existing, s), -i64::from(s.free_addresses), s.id.clone());
                if rank(subnet) < rank(other) {
                    chosen.insert(&subnet.zone_id, subnet);
                }
            }
            None => {
                chosen.insert(&subnet.zone_id, subnet);
            }
        }
    }
    Ok(chosen.into_values().collect())
}

fn served_zones(service: &Service) -> String {
    if service.zone_ids.is_empty() { join(&service.zone_names, ", ") } else { join(&service.zone_ids, ", ") }
}

fn zones_of(subnets: &[&Subnet]) -> String {
    let mut zones: Vec<&ZoneId> = subnets.iter().map(|subnet| &subnet.zone_id).collect();
    zones.sort();
    zones.dedup();
    if zones.is_empty() { "no zone at all".to_owned() } else { join(zones, ", ") }
}

fn ids(subnets: &[&Subnet]) -> Vec<SubnetId> {
    subnets.iter().map(|subnet| subnet.id.clone()).collect()
}
