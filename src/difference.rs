//! What an endpoint lacks of what is wanted: what the product changes, and what it may only warn about.
//!
//! Ours alone: exactly what is wanted. Ours and shared: only additions, because a removal would take away what another
//! stack counts on. Not ours: nothing.

use crate::endpoint::Endpoint;
use crate::ids::{GroupId, SubnetId, ZoneId, join};
use crate::placement::Placement;
use crate::properties::IpAddressType;
use crate::reference::Tags;
use crate::request::EndpointSpec;
use crate::survey::Survey;
use crate::warning::Warning;
use std::fmt;

/// A change of an endpoint in one call to EC2.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Change {
    /// Subnets to be in.
    pub add_subnets: Vec<SubnetId>,
    /// Subnets to leave.
    pub remove_subnets: Vec<SubnetId>,
    /// Groups to attach.
    pub add_groups: Vec<GroupId>,
    /// Groups to take off.
    pub remove_groups: Vec<GroupId>,
    /// Private DNS on or off.
    pub private_dns: Option<bool>,
    /// The kind of addresses.
    pub ip_address_type: Option<IpAddressType>,
}

impl Change {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        let mut part = |verb: &str, what: String| {
            if !what.is_empty() {
                parts.push(format!("{verb} {what}"));
            }
        };
        part("add", join(&self.add_subnets, ", "));
        part("remove", join(&self.remove_subnets, ", "));
        part("attach", join(&self.add_groups, ", "));
        part("detach", join(&self.remove_groups, ", "));
        part("turn private DNS", self.private_dns.map_or("", |on| if on { "on" } else { "off" }).to_owned());
        part("set the address type to", self.ip_address_type.map_or("", IpAddressType::as_str).to_owned());
        f.write_str(&parts.join("; "))
    }
}

/// A change of the user's own tags on an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TagChange {
    /// Tags to write.
    pub set: Tags,
    /// Keys to remove.
    pub unset: Vec<String>,
}

/// How the endpoint stands to the resource that asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// Made by the product, and this resource is the only holder.
    OursAlone,
    /// Made by the product, with other holders.
    OursShared,
    /// Not made by the product, or not in the resource's VPC.
    Foreign,
}

/// What an endpoint lacks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Difference {
    /// The next change to make, if any.
    pub change: Option<Change>,
    /// Tags to write or remove, if any.
    pub tags: Option<TagChange>,
    /// What stays different.
    pub warnings: Vec<Warning>,
}

/// Compares an endpoint with what is wanted of it.
#[must_use]
pub fn difference(
    spec: &EndpointSpec,
    dropped_tags: &[String],
    wanted_groups: &[GroupId],
    (placement, survey): (Option<&Placement>, &Survey),
    endpoint: &Endpoint,
    relation: Relation,
) -> Difference {
    let mut warnings = Vec::new();
    let mut change = Change::default();
    if let Some(placement) = placement {
        subnets(&mut change, &mut warnings, placement, survey, endpoint, relation);
    }
    groups(&mut change, &mut warnings, wanted_groups, endpoint, relation);
    private_dns(&mut change, &mut warnings, spec, endpoint, relation);
    address_type(&mut change, &mut warnings, spec, endpoint, relation);
    let tags = tags(&mut warnings, spec, dropped_tags, endpoint, relation);
    Difference { change: (!change.is_empty()).then_some(change), tags, warnings }
}

fn subnets(
    change: &mut Change,
    warnings: &mut Vec<Warning>,
    placement: &Placement,
    survey: &Survey,
    endpoint: &Endpoint,
    relation: Relation,
) {
    for subnet in &placement.left_out {
        let zone = survey.zone_of(subnet).map(ToString::to_string).unwrap_or_default();
        warnings.push(Warning::SubnetLeftOut { subnet: subnet.clone(), zone });
    }
    if !placement.full.is_empty() {
        warnings.push(Warning::ZonesFull { zones: join(&placement.full, ", ") });
    }
    let zone = |subnet: &SubnetId| survey.zone_of(subnet);
    let missing: Vec<&SubnetId> = placement.subnets.iter().filter(|id| !endpoint.subnet_ids.contains(id)).collect();
    let surplus: Vec<&SubnetId> = endpoint.subnet_ids.iter().filter(|id| !placement.subnets.contains(id)).collect();
    let covers = |wanted: &SubnetId| endpoint.subnet_ids.iter().find(|has| zone(has) == zone(wanted));
    match relation {
        Relation::OursAlone => {
            // EC2 takes one subnet in a zone, so a swap inside a zone is first a removal and, one look later, an addition.
            let in_the_way: Vec<&SubnetId> =
                surplus.iter().copied().filter(|old| missing.iter().any(|new| zone(new) == zone(old))).collect();
            if in_the_way.is_empty() {
                change.add_subnets = missing.into_iter().cloned().collect();
                change.remove_subnets = surplus.into_iter().cloned().collect();
            } else {
                change.remove_subnets = in_the_way.into_iter().cloned().collect();
            }
        }
        Relation::OursShared => {
            let (blocked, free): (Vec<&SubnetId>, Vec<&SubnetId>) =
                missing.into_iter().partition(|wanted| covers(wanted).is_some());
            change.add_subnets = free.into_iter().cloned().collect();
            for wanted in blocked {
                let has = covers(wanted).cloned().unwrap_or_else(|| wanted.clone());
                warnings.push(Warning::OtherSubnetInZone { wanted: wanted.clone(), has });
            }
        }
        Relation::Foreign => {
            let uncovered: Vec<&ZoneId> =
                missing.into_iter().filter(|wanted| covers(wanted).is_none()).filter_map(zone).collect();
            if !uncovered.is_empty() {
                let zones = join(uncovered, ", ");
                warnings.push(Warning::ZonesNotCovered { endpoint: endpoint.id.clone(), zones });
            }
        }
    }
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
        Relation::OursAlone => {
            change.add_groups = missing;
            change.remove_groups = surplus;
        }
        Relation::OursShared => {
            change.add_groups = missing;
            if !surplus.is_empty() {
                warnings.push(Warning::GroupsKept { groups: join(surplus, ", ") });
            }
        }
        Relation::Foreign if !missing.is_empty() => {
            let (endpoint, groups) = (endpoint.id.clone(), join(missing, ", "));
            warnings.push(Warning::GroupsNotAttached { endpoint, groups });
        }
        Relation::Foreign => {}
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
        (true, false, Relation::OursAlone | Relation::OursShared) => change.private_dns = Some(true),
        (false, true, Relation::OursAlone) => change.private_dns = Some(false),
        (false, true, Relation::OursShared | Relation::Foreign) => {
            warnings.push(Warning::PrivateDnsKeptOn { endpoint: endpoint.id.clone() });
        }
        // Only an endpoint of another VPC gets here (ReuseScope: Region): private DNS would not reach this one anyway.
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
        Relation::OursAlone => change.ip_address_type = Some(wanted),
        Relation::OursShared | Relation::Foreign => warnings.push(Warning::AddressTypeKept {
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
    let surplus: Vec<String> = dropped.iter().filter(|key| endpoint.tags.contains_key(*key)).cloned().collect();
    let change = match relation {
        Relation::OursAlone => TagChange { set: missing, unset: surplus },
        Relation::OursShared => {
            // A tag that is there with another value may be another stack's: two stacks would overwrite it in turns.
            let (taken, free): (Tags, Tags) = missing.into_iter().partition(|(key, _)| endpoint.tags.contains_key(key));
            if !taken.is_empty() {
                warnings.push(Warning::TagsKept { keys: join(taken.keys(), ", ") });
            }
            TagChange { set: free, unset: Vec::new() }
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
