//! The way from the resource's VPC to an endpoint in another one, and back: routes, and blocks that overlap.

use super::provision::Provision;
use super::view::{Next, Unless};
use super::warning::Warning;
use crate::decision::facts::Fact;
use crate::model::change::IpAddressType;
use crate::model::endpoint::Endpoint;
use crate::model::ids::{RouteTableId, SubnetId, VpcId, join};
use crate::model::network::Subnet;
use crate::model::route::RouteTable;
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};

/// The blocks to which route tables have no route.
type Missing<'t> = BTreeMap<&'t RouteTableId, BTreeSet<IpNet>>;

impl Provision<'_> {
    /// What keeps packets from arriving, as far as route tables tell. It is read only for an endpoint in another VPC.
    pub(super) fn warning_of_way(&self, endpoint: &Endpoint) -> Unless<Option<Warning>> {
        let Some(vpc) = self.spec.vpc_id.as_ref().filter(|_| !self.is_here(endpoint)) else { return Ok(None) };
        let (facts, hub) = (self.view.facts, &endpoint.vpc_id);
        let unread = facts.unread([Fact::Subnets, Fact::Way(hub.clone())]);
        if !unread.is_empty() {
            return Err(Next::Read(unread).into());
        }
        let (way, subnets) = (facts.way(hub)?, facts.subnets()?);
        // The subnets that the properties name are where the clients are.
        let named: Vec<&Subnet> = subnets.iter().filter(|subnet| self.spec.subnet_ids.contains(&subnet.id)).collect();
        let clients = if named.is_empty() { subnets.iter().collect() } else { named };
        let servers: Vec<&Subnet> = way.subnets.iter().filter(|it| endpoint.subnet_ids.contains(&it.id)).collect();
        let overlap =
            overlap(&blocks(&servers, endpoint), &way.out).or_else(|| overlap(&blocks(&clients, endpoint), &way.back));
        if let Some((one, other)) = overlap {
            let (endpoint, vpc, hub) = (endpoint.id.clone(), vpc.clone(), hub.clone());
            return Ok(Some(Warning::BlocksOverlap { endpoint, vpc, hub, one, other }));
        }
        let out = missing(&clients, &way.out, &blocks(&servers, endpoint), &way.back);
        let back = missing(&servers, &way.back, &blocks(&clients, endpoint), &way.out);
        let routes = join(words(&out, vpc).chain(words(&back, hub)), "; ");
        Ok((!routes.is_empty()).then(|| Warning::RoutesMissing { endpoint: endpoint.id.clone(), routes }))
    }
}

/// The blocks of subnets, of the address families in which clients reach the endpoint.
fn blocks(subnets: &[&Subnet], endpoint: &Endpoint) -> BTreeSet<IpNet> {
    let kind = IpAddressType::parse(&endpoint.ip_address_type).unwrap_or(IpAddressType::Ipv4);
    let is_of_family = |block: &IpNet| if block.addr().is_ipv4() { kind.uses_ipv4() } else { kind.uses_ipv6() };
    subnets.iter().flat_map(|subnet| &subnet.blocks).filter(|block| is_of_family(block)).copied().collect()
}

/// A block there, and one of the VPC here that has the same addresses: packets for these never leave the VPC.
fn overlap(there: &BTreeSet<IpNet>, here: &[RouteTable]) -> Option<(IpNet, IpNet)> {
    let own: BTreeSet<IpNet> = here.iter().flat_map(RouteTable::local_blocks).collect();
    let same = |one: &IpNet| own.iter().copied().find(|other| one.contains(other) || other.contains(one));
    there.iter().find_map(|one| Some((*one, same(one)?)))
}

/// The routes that the route tables of some subnets lack. A route is named for the whole block of the VPC that it leads to.
fn missing<'t>(
    from: &[&Subnet],
    tables: &'t [RouteTable],
    to: &BTreeSet<IpNet>,
    tables_there: &[RouteTable],
) -> Missing<'t> {
    let whole = |block: &IpNet| {
        let mut blocks = tables_there.iter().flat_map(RouteTable::local_blocks);
        blocks.find(|outer| outer.contains(block)).unwrap_or(*block)
    };
    let used = |subnet: &SubnetId| RouteTable::of(subnet, tables);
    let used: BTreeMap<&RouteTableId, &RouteTable> =
        from.iter().filter_map(|subnet| used(&subnet.id)).map(|table| (&table.id, table)).collect();
    let lacks = |table: &RouteTable| to.iter().filter(|block| !table.leads_to(block)).map(whole).collect();
    used.into_iter()
        .map(|(id, table)| (id, lacks(table)))
        .filter(|(_, blocks): &(_, BTreeSet<_>)| !blocks.is_empty())
        .collect()
}

fn words<'a>(missing: &'a Missing<'a>, vpc: &'a VpcId) -> impl Iterator<Item = String> {
    missing.iter().map(move |(table, blocks)| format!("to {} in {table} of {vpc}", join(blocks, ", ")))
}
