//! Validates a world: all referenced resources exist, and IDs are unique.

use std::collections::BTreeSet;

use super::{EndpointSpec, Source, World, WorldError};
use crate::{endpoint::Kind, error::check_id, knobs::Span};

impl World {
    /// Checks that all referenced resources exist, and that IDs are unique.
    ///
    /// # Errors
    ///
    /// The first inconsistency.
    pub fn check(&self) -> Result<(), WorldError> {
        let mut check = Check { seen: BTreeSet::new() };
        let vpcs: BTreeSet<&str> = self.vpcs.iter().map(|vpc| vpc.id.as_str()).collect();
        let zone_ids: BTreeSet<&str> = self.zones.values().map(String::as_str).collect();
        let vpc_of = |what: &str, id: &str, vpc: &str| {
            require(vpcs.contains(vpc), || format!("{what} {id}: VPC {vpc} does not exist"))
        };
        require(self.account.len() == 12 && self.account.bytes().all(|b| b.is_ascii_digit()), || {
            format!("account {:?}: expected 12 digits", self.account)
        })?;
        require(zone_ids.len() == self.zones.len(), || "zones: two names for the same zone ID".to_owned())?;
        for zone in self.zone_types.keys() {
            require(self.zones.contains_key(zone), || format!("zone_types: zone {zone} does not exist"))?;
        }
        for (name, Span(min, max)) in self.knobs.spans() {
            require(min <= max, || format!("knobs.{name}: {min} is greater than {max}"))?;
        }
        for vpc in &self.vpcs {
            check.id("vpc", &vpc.id)?;
            require(!vpc.cidr_blocks.is_empty(), || format!("VPC {}: no CIDR block", vpc.id))?;
            for block in vpc.cidr_states.keys() {
                require(vpc.cidr_blocks.contains(block) || vpc.ipv6_cidr_blocks.contains(block), || {
                    format!("VPC {}: cidr_states: it does not have the CIDR block {block}", vpc.id)
                })?;
            }
            for peer in &vpc.peers {
                vpc_of("VPC", &vpc.id, peer)?;
            }
        }
        for subnet in &self.subnets {
            check.id("subnet", &subnet.id)?;
            vpc_of("subnet", &subnet.id, &subnet.vpc_id)?;
            require(self.zones.contains_key(&subnet.zone), || {
                format!("subnet {}: Availability Zone {} does not exist", subnet.id, subnet.zone)
            })?;
            require(subnet.has_ipv4() || subnet.ipv6_cidr_block.is_some(), || {
                format!("subnet {}: no CIDR block", subnet.id)
            })?;
        }
        for group in &self.groups {
            check.id("sg", &group.id)?;
            check.unique(format!("security group {} in {}", group.name, group.vpc_id))?;
            vpc_of("security group", &group.id, &group.vpc_id)?;
            for rule in &group.ingress {
                if let Source::Group(other) = &rule.source {
                    require(self.groups.iter().any(|group| group.id == *other), || {
                        format!("security group {}: a rule refers to {other}, which does not exist", group.id)
                    })?;
                }
            }
        }
        for table in &self.route_tables {
            check.id("rtb", &table.id)?;
            vpc_of("route table", &table.id, &table.vpc_id)?;
            for id in &table.subnet_ids {
                let known = self.subnets.iter().any(|subnet| subnet.id == *id && subnet.vpc_id == table.vpc_id);
                require(known, || format!("route table {}: subnet {id} does not exist in its VPC", table.id))?;
                check.unique(format!("the association of {id}"))?;
            }
        }
        for service in &self.services {
            check.unique(service.name.clone())?;
            require(service.more_private_dns_names.is_empty() || service.private_dns_name.is_some(), || {
                format!("service {}: more_private_dns_names without private_dns_name", service.name)
            })?;
            require(service.zone_ids.iter().all(|id| id.contains("-az") || id.contains("-wlz")), || {
                format!("service {}: zone_ids must be IDs such as use1-az1", service.name)
            })?;
        }
        let references = References {
            vpc: &|id| vpcs.contains(id),
            service: &|name| self.services.iter().any(|service| service.name == name),
            subnet: &|id| self.subnets.iter().find(|subnet| subnet.id == id).map(|subnet| subnet.vpc_id.as_str()),
            group: &|id| self.groups.iter().find(|group| group.id == id).map(|group| group.vpc_id.as_str()),
        };
        for endpoint in &self.endpoints {
            if !endpoint.id.is_empty() {
                check.id("vpce", &endpoint.id)?;
            }
            endpoint.check(&references)?;
        }
        Ok(())
    }
}

/// Looks up the resources that an endpoint refers to; for subnets and security groups, returns their VPC.
pub(crate) struct References<'a> {
    pub(crate) vpc: &'a dyn Fn(&str) -> bool,
    pub(crate) service: &'a dyn Fn(&str) -> bool,
    pub(crate) subnet: &'a dyn Fn(&str) -> Option<&'a str>,
    pub(crate) group: &'a dyn Fn(&str) -> Option<&'a str>,
}

impl EndpointSpec {
    pub(crate) fn check(&self, references: &References) -> Result<(), WorldError> {
        let name = if self.id.is_empty() { &self.service_name } else { &self.id };
        let vpc = self.vpc_id.as_str();
        require((references.vpc)(vpc), || format!("endpoint {name}: VPC {vpc} does not exist"))?;
        require(self.kind == Kind::Gateway || (references.service)(&self.service_name), || {
            format!("endpoint {name}: service {} does not exist", self.service_name)
        })?;
        for id in &self.subnet_ids {
            require((references.subnet)(id) == Some(vpc), || {
                format!("endpoint {name}: subnet {id} does not exist in {vpc}")
            })?;
        }
        for id in &self.group_ids {
            require((references.group)(id) == Some(vpc), || {
                format!("endpoint {name}: security group {id} does not exist in {vpc}")
            })?;
        }
        Ok(())
    }
}

struct Check {
    seen: BTreeSet<String>,
}

impl Check {
    fn id(&mut self, prefix: &str, id: &str) -> Result<(), WorldError> {
        check_id(prefix, "", id).map_err(|error| WorldError(error.message))?;
        self.unique(id.to_owned())
    }

    fn unique(&mut self, name: String) -> Result<(), WorldError> {
        require(!self.seen.contains(&name), || format!("{name} is not unique"))?;
        self.seen.insert(name);
        Ok(())
    }
}

fn require(holds: bool, message: impl FnOnce() -> String) -> Result<(), WorldError> {
    if holds { Ok(()) } else { Err(WorldError(message())) }
}
