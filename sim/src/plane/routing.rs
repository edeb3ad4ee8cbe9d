//! The route tables and peering connections of the control plane.

use super::Plane;
use crate::{
    clock::{History, View},
    error::ApiError,
    random::Random,
    tags::Tags,
    world::{Peering, Route, RouteTable},
};

impl Plane {
    /// Adds the main route table that EC2 creates with every VPC. Its ID depends on that of the VPC, so that it takes nothing
    /// from the random numbers of the run.
    pub(crate) fn add_main_table(&mut self, vpc: &str, since: View) {
        let id = format!("rtb-0{}", Random::named(&format!("{vpc} main")).hex(16));
        let table = RouteTable { id: id.clone(), vpc_id: vpc.to_owned(), main: true, ..RouteTable::default() };
        self.route_tables.insert(id, History::new(since, table));
    }

    pub(crate) fn add_route_table(&mut self, vpc: &str, tags: Tags) -> RouteTable {
        let id = self.random.id("rtb");
        let table = RouteTable { id: id.clone(), vpc_id: vpc.to_owned(), tags, ..RouteTable::default() };
        self.route_tables.insert(id, History::new(Some(self.now), table.clone()));
        table
    }

    pub(crate) fn tables_of<'a>(&'a self, vpc: &'a str) -> impl Iterator<Item = &'a RouteTable> {
        self.route_tables.values().filter_map(History::now).filter(move |table| table.vpc_id == vpc)
    }

    pub(crate) fn has_main_table(&self, vpc: &str) -> bool {
        self.tables_of(vpc).any(|table| table.main)
    }

    /// Changes a route table of the caller.
    pub(crate) fn change_table(&mut self, id: &str, change: impl FnOnce(&mut RouteTable)) -> Result<(), ApiError> {
        let now = self.now;
        let not_found =
            || ApiError::new("InvalidRouteTableID.NotFound", format!("The routeTable ID '{id}' does not exist"));
        let vpc = self.route_tables.get(id).and_then(History::now).map(|table| table.vpc_id.clone());
        let vpc = vpc.filter(|vpc| self.owner(vpc) == self.account);
        let table = self.route_tables.get_mut(id).filter(|_| vpc.is_some()).ok_or_else(not_found)?;
        table.change(now, change);
        Ok(())
    }

    /// Whether a route leads nowhere: its target is gone, or no longer attached to the VPC.
    pub(crate) fn is_blackhole(&self, vpc: &str, route: &Route) -> bool {
        let is_peering_gone = self.peerings.get(&route.target).is_some_and(|peering| peering.status != "active");
        let has_gateway = self.vpc(vpc).is_some_and(|vpc| vpc.transit_gateways.contains(&route.target));
        route.blackhole || is_peering_gone || (route.target.starts_with("tgw-") && !has_gateway)
    }

    pub(crate) fn add_peering(&mut self, requester: &str, accepter: &str, status: &'static str) -> Peering {
        let id = self.random.id("pcx");
        let (requester, accepter) = (requester.to_owned(), accepter.to_owned());
        let peering = Peering { id: id.clone(), requester, accepter, status };
        self.peerings.insert(id, peering.clone());
        peering
    }

    /// A security group can refer to one of a VPC with an active peering connection.
    pub(crate) fn join_peers(&mut self, peering: &Peering) {
        let now = self.now;
        let (active, other) = (peering.status == "active", peering.accepter.clone());
        if let Some(vpc) = self.vpcs.get_mut(&peering.requester) {
            vpc.change(now, |vpc| {
                let _ = if active { vpc.peers.insert(other) } else { vpc.peers.remove(&other) };
            });
        }
    }
}
