//! The subnets of an endpoint: one in each zone, and none that EC2 would refuse.

use super::refusal::Refusal;
use super::relation::Relation;
use super::warning::Warning;
use crate::model::change::IpAddressType;
use crate::model::endpoint::Endpoint;
use crate::model::ids::{SubnetId, VpcId, ZoneId, join};
use crate::model::network::{Service, Subnet};
use crate::request::spec::EndpointSpec;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Placement {
    /// One in each zone, in the order of the zone ids.
    pub(super) subnets: Vec<SubnetId>,
    /// Given subnets that are not used: the service is not available in their zone, or the zone was not asked for.
    pub(super) left_out: Vec<SubnetId>,
    /// Zones that are not used because no subnet there has a free address.
    pub(super) full: Vec<ZoneId>,
    /// Zones that are not used because no subnet there has the CIDR blocks that the address type needs.
    pub(super) unfit: Vec<ZoneId>,
    /// Zones that are not used although the cluster is there, because no subnet there can be used.
    pub(super) of_cluster: Vec<ZoneId>,
    /// The type that the subnets were chosen for.
    pub(super) address_type: IpAddressType,
}

impl Placement {
    /// What is not placed as asked for.
    pub(super) fn warnings<'z>(&self, zone_of: impl Fn(&SubnetId) -> Option<&'z ZoneId>) -> Vec<Warning> {
        let zone = |subnet: &SubnetId| zone_of(subnet).map(ToString::to_string).unwrap_or_default();
        let left_out = |subnet: &SubnetId| Warning::SubnetLeftOut { subnet: subnet.clone(), zone: zone(subnet) };
        let full = (!self.full.is_empty()).then(|| Warning::ZonesFull { zones: join(&self.full, ", ") });
        let unfit = (!self.unfit.is_empty())
            .then(|| Warning::ZonesUnfit { zones: join(&self.unfit, ", "), kind: self.address_type });
        let of_cluster =
            (!self.of_cluster.is_empty()).then(|| Warning::ZonesOfCluster { zones: join(&self.of_cluster, ", ") });
        self.left_out.iter().map(left_out).chain(full).chain(unfit).chain(of_cluster).collect()
    }
}

/// What is to be placed, and where.
#[derive(Debug, Clone, Copy)]
pub(super) struct Site<'a> {
    pub(super) spec: &'a EndpointSpec,
    pub(super) vpc: &'a VpcId,
    pub(super) region: &'a str,
    pub(super) service: &'a Service,
    pub(super) subnets: &'a [Subnet],
    /// The endpoint, if it exists already.
    pub(super) existing: Option<(&'a Endpoint, &'a Relation)>,
    /// Subnets that the resource has named before, and no longer names. Its stack may be about to delete them.
    pub(super) dropped: &'a [SubnetId],
    /// The type that it has or will have.
    pub(super) address_type: IpAddressType,
}

/// The zones that a specification is about: those of the subnets to choose from, and those asked for by id.
pub(super) fn zones_in_question<'a>(spec: &'a EndpointSpec, subnets: &'a [Subnet]) -> BTreeSet<&'a ZoneId> {
    let candidates = subnets.iter().filter(|s| spec.subnet_ids.is_empty() || spec.subnet_ids.contains(&s.id));
    candidates.map(|subnet| &subnet.zone_id).chain(&spec.zone_ids).collect()
}

impl<'a> Site<'a> {
    /// Places the endpoint, by default in the zones of the cluster, if that is known and if it can be placed there.
    ///
    /// # Errors
    /// The refusals about zones and subnets. Each names what was asked for and what was found, all of it.
    pub(super) fn place(&self) -> Result<Placement, Refusal> {
        let of_cluster = self.spec.default_zones();
        if of_cluster.is_empty() {
            return self.place_as_asked();
        }
        let has_subnet = |zone: &&ZoneId| self.subnets.iter().any(|s| s.zone_id == **zone && self.service.serves(s));
        let zone_ids: Vec<ZoneId> = of_cluster.iter().filter(has_subnet).cloned().collect();
        if !zone_ids.is_empty() {
            let spec = EndpointSpec { zone_ids, ..self.spec.clone() };
            if let Ok(placement) = (Site { spec: &spec, ..*self }).place_as_asked() {
                return Ok(placement);
            }
        }
        Ok(Placement { of_cluster: of_cluster.to_vec(), ..self.place_as_asked()? })
    }

    /// Where the specification leaves the choice, a zone keeps the subnet that the endpoint has there if it still fits;
    /// otherwise it gets the subnet with the most free addresses, and of equals the one with the lowest id, so that the
    /// choice is the same every time.
    fn place_as_asked(&self) -> Result<Placement, Refusal> {
        let Self { spec, service, .. } = *self;
        let served = served_zones(service);
        let asked = |zone: &ZoneId| spec.zone_ids.is_empty() || spec.zone_ids.contains(zone);
        let not_served: Vec<&ZoneId> = spec
            .zone_ids
            .iter()
            .filter(|zone| !service.zone_ids.is_empty() && !service.zone_ids.contains(zone))
            .collect();
        if !not_served.is_empty() {
            let service = spec.service_name.clone();
            return Err(Refusal::ZoneNotServed { asked: join(not_served, ", "), service, served });
        }
        let (candidates, subject) = self.candidates()?;
        let found = zones_of(&candidates);
        let (usable, left_out): (Vec<&Subnet>, Vec<&Subnet>) =
            candidates.into_iter().partition(|subnet| service.serves(subnet) && asked(&subnet.zone_id));
        let missing: Vec<&ZoneId> =
            spec.zone_ids.iter().filter(|zone| !usable.iter().any(|subnet| subnet.zone_id == **zone)).collect();
        if !missing.is_empty() {
            return Err(Refusal::NoSubnetInZone { asked: join(missing, ", "), subject, found });
        }
        if usable.is_empty() {
            let service = spec.service_name.clone();
            return Err(Refusal::NoSubnetInServedZone { service, served, subject, found });
        }
        if spec.subnet_ids.is_empty() { self.choose(&usable) } else { self.take(&usable, &left_out) }
    }

    /// The subnets to choose from, and the words for them in a sentence.
    fn candidates(&self) -> Result<(Vec<&'a Subnet>, String), Refusal> {
        let Self { spec, vpc, subnets, .. } = *self;
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

    /// The given subnets. They are checked before anything is changed: EC2 would refuse a full one only after the security
    /// group is created, or after the subnet that it is to replace is removed.
    fn take(&self, given: &[&Subnet], left_out: &[&Subnet]) -> Result<Placement, Refusal> {
        let zones = by_zone(given);
        let crowded: Vec<String> = zones
            .iter()
            .filter(|(_, subnets)| subnets.len() > 1)
            .map(|(zone, subnets)| format!("{} in {zone}", join(ids(subnets), ", ")))
            .collect();
        if !crowded.is_empty() {
            return Err(Refusal::SeveralSubnetsInZone { subnets: join(crowded, "; ") });
        }
        let needed = || given.iter().copied().filter(|subnet| self.is_needed(subnet));
        let unfit: Vec<&Subnet> = needed().filter(|subnet| !self.fits(subnet)).collect();
        if !unfit.is_empty() {
            return Err(self.unfit(&unfit));
        }
        let full: Vec<&Subnet> = needed().filter(|subnet| self.is_full(subnet)).collect();
        if !full.is_empty() {
            return Err(Refusal::SubnetsFull { subnets: join(ids(&full), ", ") });
        }
        let subnets: Vec<&Subnet> = zones.into_values().flatten().collect();
        Ok(Placement { subnets: ids(&subnets), left_out: ids(left_out), ..self.empty() })
    }

    /// One subnet in each zone.
    fn choose(&self, usable: &[&Subnet]) -> Result<Placement, Refusal> {
        let (usual, unusual): (Vec<&Subnet>, Vec<&Subnet>) = usable.iter().partition(|subnet| self.is_usual(subnet));
        let mut placement = self.empty();
        let (mut full, mut unfit) = (Vec::new(), Vec::new());
        let is_strict = usual.iter().any(|subnet| subnet.fits_strictly(self.address_type));
        let suits = |s: &Subnet| self.suits_already(s) || !is_strict || s.fits_strictly(self.address_type);
        let fits = |subnet: &&Subnet| self.fits(subnet) && suits(subnet);
        for (zone, subnets) in by_zone(&usual) {
            let free = |s: &Subnet| if self.address_type.uses_ipv4() { s.free_addresses } else { 0 };
            let rank = |s: &&Subnet| (self.dropped.contains(&s.id), !self.has(s), -i64::from(free(s)), s.id.clone());
            match subnets.iter().copied().filter(fits).min_by_key(rank) {
                None => {
                    placement.unfit.push(zone.clone());
                    unfit.extend(subnets);
                }
                Some(subnet) if self.is_full(subnet) => {
                    placement.full.push(zone.clone());
                    full.push(subnet);
                }
                Some(subnet) => placement.subnets.push(subnet.id.clone()),
            }
        }
        let only_unusual = |zone: &&ZoneId| !usual.iter().any(|subnet| subnet.zone_id == **zone);
        let beyond: Vec<&ZoneId> = self.spec.zone_ids.iter().filter(only_unusual).collect();
        if !beyond.is_empty() || usual.is_empty() {
            let meant = |s: &&&Subnet| beyond.is_empty() || beyond.contains(&&s.zone_id);
            let subnets: Vec<&Subnet> = unusual.iter().filter(meant).copied().collect();
            return Err(Refusal::OnlyUnusualSubnets { subnets: with_zones(&subnets) });
        }
        let asked_for_unfit = placement.unfit.iter().any(|zone| self.spec.zone_ids.contains(zone));
        if asked_for_unfit || (placement.subnets.is_empty() && full.is_empty()) {
            return Err(self.unfit(&unfit));
        }
        if placement.subnets.is_empty() {
            return Err(Refusal::NoFreeAddress { subnets: join(ids(&full), ", ") });
        }
        Ok(placement)
    }

    fn empty(&self) -> Placement {
        let (subnets, left_out, full, unfit) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Placement { subnets, left_out, full, unfit, of_cluster: Vec::new(), address_type: self.address_type }
    }

    fn has(&self, subnet: &Subnet) -> bool {
        self.existing.is_some_and(|(endpoint, _)| endpoint.subnet_ids.contains(&subnet.id))
    }

    /// Whether the provider will put the endpoint there, if it is not there already.
    fn is_needed(&self, subnet: &Subnet) -> bool {
        match self.existing {
            None => true,
            Some((_, Relation::Foreign)) => false,
            Some((endpoint, Relation::Owned(others))) => {
                let has = self.subnets.iter().filter(|own| endpoint.subnet_ids.contains(&own.id));
                let zone = Some(&subnet.zone_id);
                let stays =
                    |id: &SubnetId| others.who_names(id, zone).is_some() || others.who_wants_zone(zone, true).is_some();
                !has.filter(|own| own.zone_id == subnet.zone_id).any(|own| stays(&own.id))
            }
        }
    }

    /// Whether it has the CIDR blocks that the address type needs.
    fn fits(&self, subnet: &Subnet) -> bool {
        self.suits_already(subnet) || subnet.fits(self.address_type)
    }

    /// Whether EC2 will not be asked about it: nothing is added to a foreign endpoint, and one that keeps its address type
    /// fits where it is.
    fn suits_already(&self, subnet: &Subnet) -> bool {
        let stays = |(endpoint, relation): (&Endpoint, &Relation)| {
            relation.is_foreign() || (self.has(subnet) && endpoint.ip_address_type == self.address_type.as_str())
        };
        self.existing.is_some_and(stays)
    }

    fn is_full(&self, subnet: &Subnet) -> bool {
        let is_foreign = self.existing.is_some_and(|(_, relation)| relation.is_foreign());
        subnet.is_full(self.address_type) && !self.has(subnet) && !is_foreign
    }

    /// Whether the provider may choose it, or keep it. A subnet on an Outpost shows the zone that the Outpost belongs to
    /// (EC2 API reference, `Subnet`), but its addresses are on the Outpost; and clients elsewhere in the region reach an
    /// Outpost, a Local Zone or a Wavelength Zone only by a detour.
    fn is_usual(&self, subnet: &Subnet) -> bool {
        let is_named = self.spec.zone_ids.contains(&subnet.zone_id);
        self.has(subnet) || (!subnet.is_on_outpost && (is_named || subnet.is_in_availability_zone(self.region)))
    }

    fn unfit(&self, subnets: &[&Subnet]) -> Refusal {
        let kind = self.address_type;
        let asked = match self.spec.ip_address_type {
            Some(wanted) if wanted == kind => format!("IpAddressType is {kind}"),
            _ if self.existing.is_some() => format!("The IP address type of the endpoint is {kind}"),
            _ => format!("IpAddressType is not specified, so the endpoint is created for {kind}"),
        };
        Refusal::SubnetsUnfit { asked, blocks: kind.required_blocks(), subnets: with_zones(subnets) }
    }
}

fn by_zone<'s>(subnets: &[&'s Subnet]) -> BTreeMap<&'s ZoneId, Vec<&'s Subnet>> {
    let mut zones: BTreeMap<&ZoneId, Vec<&Subnet>> = BTreeMap::new();
    for subnet in subnets {
        zones.entry(&subnet.zone_id).or_default().push(subnet);
    }
    zones
}

fn served_zones(service: &Service) -> String {
    if service.zone_ids.is_empty() { join(&service.zone_names, ", ") } else { join(&service.zone_ids, ", ") }
}

fn zones_of(subnets: &[&Subnet]) -> String {
    let zones = by_zone(subnets);
    if zones.is_empty() { "no zone at all".to_owned() } else { join(zones.into_keys(), ", ") }
}

fn with_zones(subnets: &[&Subnet]) -> String {
    join(subnets.iter().map(|subnet| format!("{} in {}", subnet.id, subnet.zone_id)), ", ")
}

fn ids(subnets: &[&Subnet]) -> Vec<SubnetId> {
    subnets.iter().map(|subnet| subnet.id.clone()).collect()
}
