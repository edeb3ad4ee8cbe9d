//! Where an endpoint belongs: one subnet in each zone, and nothing that EC2 would refuse.

use crate::endpoint::Endpoint;
use crate::ids::{SubnetId, VpcId, ZoneId, join};
use crate::refusal::Refusal;
use crate::request::EndpointSpec;
use crate::survey::{Service, Subnet};
use std::collections::{BTreeMap, BTreeSet};

/// The subnets that an endpoint shall be in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Placement {
    /// One for each zone, in the order of the zones' ids.
    pub subnets: Vec<SubnetId>,
    /// Subnets that were given and are left out, because the service is not in their zone or the zone was not asked for.
    pub left_out: Vec<SubnetId>,
    /// Zones that are left out because no subnet there has a free address.
    pub full: Vec<ZoneId>,
}

/// Places an endpoint of `service` in `vpc`. Where the specification leaves the choice, a zone keeps the subnet that
/// `existing` has there, and else gets the one with the most free addresses, ties by id: the same choice every time.
///
/// # Errors
/// The refusals about zones and subnets, each with both sides named.
pub fn place(
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
    let (offered, subject) = offered(spec, vpc, subnets)?;
    let found = zones_of(&offered);
    let (fit, left_out): (Vec<&Subnet>, Vec<&Subnet>) = offered.into_iter().partition(|subnet| {
        service.serves(subnet) && (spec.zone_ids.is_empty() || spec.zone_ids.contains(&subnet.zone_id))
    });
    let missing: Vec<&ZoneId> =
        spec.zone_ids.iter().filter(|zone| !fit.iter().any(|subnet| subnet.zone_id == **zone)).collect();
    if !missing.is_empty() {
        return Err(Refusal::NoSubnetInZone { asked: join(missing, ", "), subject, found });
    }
    if fit.is_empty() {
        let service = spec.service_name.clone();
        return Err(Refusal::NoSubnetInServedZone { service, served, subject, found });
    }
    let left_out = if spec.subnet_ids.is_empty() { Vec::new() } else { ids(&left_out) };
    let chosen = one_for_each_zone(spec, &fit, existing)?;
    // Given subnets are EC2's to judge; where the choice is ours, a full one is no choice.
    let is_full = |subnet: &Subnet| spec.subnet_ids.is_empty() && subnet.free_addresses <= 0 && !has(existing, subnet);
    let (full, free): (Vec<&Subnet>, Vec<&Subnet>) = chosen.into_iter().partition(|subnet| is_full(subnet));
    if free.is_empty() {
        return Err(Refusal::NoFreeAddress { subnets: join(ids(&full), ", ") });
    }
    let full = full.into_iter().map(|subnet| subnet.zone_id.clone()).collect();
    Ok(Placement { subnets: ids(&free), left_out, full })
}

/// The zones that matter for a wish: of the subnets to choose from, and asked for by name.
#[must_use]
pub fn zones_in_question<'a>(spec: &'a EndpointSpec, subnets: &'a [Subnet]) -> BTreeSet<&'a ZoneId> {
    let offered = subnets.iter().filter(|s| spec.subnet_ids.is_empty() || spec.subnet_ids.contains(&s.id));
    offered.map(|subnet| &subnet.zone_id).chain(&spec.zone_ids).collect()
}

/// The subnets to choose from, and how to speak of them.
fn offered<'a>(spec: &EndpointSpec, vpc: &VpcId, subnets: &'a [Subnet]) -> Result<(Vec<&'a Subnet>, String), Refusal> {
    if spec.subnet_ids.is_empty() {
        return Ok((subnets.iter().collect(), format!("the VPC {vpc} has subnets")));
    }
    let find = |id: &SubnetId| subnets.iter().find(|subnet| subnet.id == *id);
    let strangers: Vec<&SubnetId> = spec.subnet_ids.iter().filter(|id| find(id).is_none()).collect();
    if !strangers.is_empty() {
        return Err(Refusal::SubnetNotInVpc { subnets: join(strangers, ", "), vpc: vpc.clone() });
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
