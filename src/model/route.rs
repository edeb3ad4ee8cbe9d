//! Route tables, as far as they tell whether packets from one VPC get to another.

use super::ids::{RouteTableId, SubnetId};
use super::network::Subnet;
use ipnet::IpNet;

/// A route table of a VPC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteTable {
    pub id: RouteTableId,
    /// Whether subnets use it that are not associated with any other (EC2 API reference, `DescribeRouteTables`).
    pub is_main: bool,
    /// The subnets that are associated with it.
    pub subnet_ids: Vec<SubnetId>,
    pub routes: Vec<Route>,
}

/// A route to where a packet goes that matches no more specific one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    pub destination: Destination,
    pub target: Target,
    /// False for a `blackhole`: the target is gone, or not attached.
    pub is_active: bool,
}

/// For which packets a route is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    Block(IpNet),
    /// A managed prefix list; the provider does not read its CIDR blocks.
    PrefixList,
}

/// Where a route leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Stays in the VPC.
    Local,
    /// Another network: a peering connection, a transit gateway, a virtual private gateway, an appliance and the like.
    Private,
    /// A NAT gateway. A private one may lead to other networks; EC2 does not show here which kind it is.
    Nat,
    /// The internet, or a service of AWS.
    Elsewhere,
}

impl RouteTable {
    /// The route table of a subnet, among those of its VPC.
    pub fn of<'t>(subnet: &SubnetId, tables: &'t [RouteTable]) -> Option<&'t RouteTable> {
        let associated = tables.iter().find(|table| table.subnet_ids.contains(subnet));
        associated.or_else(|| tables.iter().find(|table| table.is_main))
    }

    /// Whether packets to the addresses of a block leave for another private network. The most specific route decides (VPC
    /// user guide, "Route priority"). A route that covers only a part of the block gets the benefit of the doubt, and so
    /// does a prefix list, whose blocks are not known.
    pub fn leads_to(&self, block: &IpNet) -> bool {
        let around = |route: &&Route| matches!(route.destination, Destination::Block(open) if open.contains(block));
        let inside = |route: &Route| matches!(route.destination, Destination::Block(part) if block.contains(&part));
        let best = self.routes.iter().filter(around).max_by_key(|route| route.prefix());
        if best.is_some_and(|route| route.target == Target::Local) {
            return false;
        }
        let may_do = |route: &Route| inside(route) || route.destination == Destination::PrefixList;
        best.is_some_and(Route::is_private) || self.routes.iter().any(|route| may_do(route) && route.is_private())
    }

    /// The blocks of the VPC, which every route table has a local route for.
    pub fn local_blocks(&self) -> impl Iterator<Item = IpNet> {
        let local = self.routes.iter().filter(|route| route.target == Target::Local);
        local.filter_map(|route| match route.destination {
            Destination::Block(block) => Some(block),
            Destination::PrefixList => None,
        })
    }
}

impl Route {
    fn prefix(&self) -> u8 {
        match self.destination {
            Destination::Block(block) => block.prefix_len(),
            Destination::PrefixList => 0,
        }
    }

    /// A NAT gateway for everything is the way to the internet. For certain blocks, somebody means it.
    fn is_private(&self) -> bool {
        self.is_active && (self.target == Target::Private || self.target == Target::Nat && self.prefix() > 0)
    }
}

/// What a client in one VPC needs to reach an endpoint in another one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Way {
    /// The route tables of the client's VPC. Empty if the account does not see them.
    pub out: Vec<RouteTable>,
    /// Those of the endpoint's VPC, for the responses.
    pub back: Vec<RouteTable>,
    /// The subnets of the endpoint's VPC.
    pub subnets: Vec<Subnet>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leads(routes: &[(&str, Target, bool)]) -> bool {
        let route = |(to, target, is_active): &(&str, Target, bool)| Route {
            destination: to.parse().map_or(Destination::PrefixList, Destination::Block),
            target: *target,
            is_active: *is_active,
        };
        let routes = routes.iter().map(route).collect();
        let table = RouteTable { id: "rtb-1".into(), is_main: true, subnet_ids: Vec::new(), routes };
        table.leads_to(&"10.0.16.0/20".parse().unwrap())
    }

    #[test]
    fn the_most_specific_route_decides() {
        use Target::{Elsewhere, Local, Nat, Private};
        assert!(leads(&[("0.0.0.0/0", Elsewhere, true), ("10.0.0.0/16", Private, true)]));
        assert!(leads(&[("0.0.0.0/0", Private, true)]), "a transit gateway for everything");
        assert!(!leads(&[("0.0.0.0/0", Nat, true)]) && leads(&[("10.0.0.0/16", Nat, true)]));
        assert!(!leads(&[("10.0.0.0/8", Private, true), ("10.0.0.0/16", Private, false)]), "a blackhole");
        assert!(!leads(&[("10.0.0.0/8", Private, true), ("10.0.0.0/16", Local, true)]), "the same block");
        assert!(!leads(&[("10.1.0.0/16", Private, true), ("::/0", Private, true)]) && !leads(&[]));
    }

    #[test]
    fn what_is_not_known_gets_the_benefit_of_the_doubt() {
        use Target::{Elsewhere, Private};
        assert!(leads(&[("0.0.0.0/0", Elsewhere, true), ("10.0.16.7/32", Private, true)]));
        assert!(leads(&[("pl-1", Private, true)]));
        assert!(!leads(&[("pl-1", Elsewhere, true)]), "the prefix list of a gateway endpoint");
    }
}
