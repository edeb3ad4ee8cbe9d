//! Route tables and their routes.

use super::{Response, tags, vpcs};
use crate::{
    clock::{History, Views},
    error::{ApiError, check_id},
    plane::Plane,
    query::Params,
    random::Random,
    world::{Route, RouteTable},
    xml::Xml,
};

const FILTERS: [&str; 6] = ["association.main", "association.subnet-id", "owner-id", "route-table-id", "tag", "vpc-id"];

/// Without `MaxResults`, EC2 returns at most this many (the largest value that the API reference allows).
const LARGEST: usize = 100;

/// The route tables of a VPC that another account shares are not shown. What EC2 does is not documented; with no tables, the
/// caller knows less.
pub(super) fn describe(plane: &mut Plane, params: &mut Params, views: Views) -> Response {
    let ids = params.list("RouteTableId");
    let filters = params.filters(&FILTERS)?;
    let paging = params.paging(5)?;
    params.finish()?;
    let tables = plane.route_tables.values().filter(|table| table.now().is_some());
    let tables = tables.filter_map(|table| table.as_of(views.network));
    let rows: Vec<(String, RouteTable)> = tables
        .filter(|table| plane.owner(&table.vpc_id) == plane.account)
        .filter(|table| ids.is_empty() || ids.contains(&table.id))
        .filter(|table| {
            filters.pass(&table.tags, |filter| match filter {
                "association.main" => vec![table.main.to_string()],
                "association.subnet-id" => table.subnet_ids.iter().cloned().collect(),
                "owner-id" => vec![plane.owner(&table.vpc_id)],
                "route-table-id" => vec![table.id.clone()],
                _ => vec![table.vpc_id.clone()],
            })
        })
        .map(|table| (table.id.clone(), table.clone()))
        .collect();
    if let Some(id) = ids.iter().find(|id| !rows.iter().any(|(known, _)| known == *id)) {
        check_id("rtb", "InvalidRouteTableId", id)?;
        return Err(ApiError::new("InvalidRouteTableID.NotFound", format!("The routeTable ID '{id}' does not exist")));
    }
    let (page, next) = plane.page("DescribeRouteTables", rows, paging, LARGEST)?;
    let mut xml = Xml::new();
    xml.list("routeTableSet", &page, |xml, table| write(xml, plane, table));
    xml.maybe("nextToken", next);
    Ok(xml)
}

fn association_id(table: &str, of: &str) -> String {
    format!("rtbassoc-0{}", Random::named(&format!("{table}{of}")).hex(16))
}

/// A subnet that uses the main route table because it is not associated with any other is not listed.
fn write(xml: &mut Xml, plane: &Plane, table: &RouteTable) {
    xml.field("routeTableId", &table.id);
    xml.field("vpcId", &table.vpc_id);
    xml.field("ownerId", plane.owner(&table.vpc_id));
    let local = plane.vpc(&table.vpc_id).into_iter();
    let local = local.flat_map(|vpc| vpc.cidr_blocks.iter().chain(&vpc.ipv6_cidr_blocks)).map(|block| Route {
        destination: block.clone(),
        target: "local".to_owned(),
        blackhole: false,
    });
    let routes: Vec<Route> = local.chain(table.routes.iter().cloned()).collect();
    xml.list("routeSet", &routes, |xml, route| {
        xml.field(route.destination_field(), &route.destination);
        xml.field(route.target_field(), &route.target);
        xml.field("state", if plane.is_blackhole(&table.vpc_id, route) { "blackhole" } else { "active" });
        xml.field("origin", if route.target == "local" { "CreateRouteTable" } else { "CreateRoute" });
    });
    let main = table.main.then(|| "main".to_owned());
    xml.list("associationSet", main.iter().chain(&table.subnet_ids), |xml, of| {
        xml.field("routeTableAssociationId", association_id(&table.id, of));
        xml.field("routeTableId", &table.id);
        xml.maybe("subnetId", Some(of).filter(|of| *of != "main"));
        xml.field("main", of == "main");
        xml.nest("associationState", |xml| xml.field("state", "associated"));
    });
    xml.list("propagatingVgwSet", None::<()>, |_, ()| {});
    xml.tags(&table.tags);
}

pub(super) fn create(plane: &mut Plane, params: &mut Params, _views: Views) -> Response {
    let vpc = params.required("VpcId")?;
    let tags = params.tag_specification("route-table")?;
    // The AWS SDKs add one by themselves. Repeating the call with it is not simulated.
    let _ = params.text("ClientToken");
    params.finish()?;
    let known = plane.vpc(&vpc).is_some() && plane.owner(&vpc) == plane.account;
    if !known {
        return Err(ApiError::vpc_not_found(&vpc));
    }
    tags::check(&tags)?;
    let table = plane.add_route_table(&vpc, tags);
    let mut xml = Xml::new();
    xml.nest("routeTable", |xml| write(xml, plane, &table));
    Ok(xml)
}

pub(super) fn delete(plane: &mut Plane, params: &mut Params, _views: Views) -> Response {
    let id = params.required("RouteTableId")?;
    params.finish()?;
    let mut used = false;
    plane.change_table(&id, |table| used = table.main || !table.subnet_ids.is_empty())?;
    if used {
        let message = format!("The routeTable '{id}' has dependencies and cannot be deleted.");
        return Err(ApiError::new("DependencyViolation", message));
    }
    let now = plane.now;
    if let Some(table) = plane.route_tables.get_mut(&id) {
        table.end(now);
    }
    Ok(Xml::done())
}

pub(super) fn associate(plane: &mut Plane, params: &mut Params, _views: Views) -> Response {
    let (id, subnet) = (params.required("RouteTableId")?, params.required("SubnetId")?);
    params.finish()?;
    let vpc = plane.subnet(&subnet).map(|subnet| subnet.vpc_id.clone());
    let vpc = vpc
        .ok_or_else(|| ApiError::new("InvalidSubnetID.NotFound", format!("The subnet ID '{subnet}' does not exist")))?;
    if plane.tables_of(&vpc).any(|table| table.subnet_ids.contains(&subnet)) {
        let message = format!("the specified association for subnet {subnet} already exists");
        return Err(ApiError::new("Resource.AlreadyAssociated", message));
    }
    if !plane.tables_of(&vpc).any(|table| table.id == id) {
        let message = format!("Route table {id} and subnet {subnet} belong to different networks");
        return Err(ApiError::invalid_parameter(message));
    }
    let association = association_id(&id, &subnet);
    plane.change_table(&id, |table| {
        table.subnet_ids.insert(subnet);
    })?;
    Ok(Xml::new().with("associationId", association))
}

pub(super) fn disassociate(plane: &mut Plane, params: &mut Params, _views: Views) -> Response {
    let id = params.required("AssociationId")?;
    params.finish()?;
    let all = plane.route_tables.values().filter_map(History::now);
    let mut pairs = all.flat_map(|table| table.subnet_ids.iter().map(|subnet| (table.id.clone(), subnet.clone())));
    let Some((table, subnet)) = pairs.find(|(table, subnet)| association_id(table, subnet) == id) else {
        let message = format!("The association ID '{id}' does not exist");
        return Err(ApiError::new("InvalidAssociationID.NotFound", message));
    };
    plane.change_table(&table, |table| {
        table.subnet_ids.remove(&subnet);
    })?;
    Ok(Xml::done())
}

/// A route through a peering connection or a transit gateway. Others are not simulated as calls.
pub(super) fn create_route(plane: &mut Plane, params: &mut Params, _views: Views) -> Response {
    let (id, destination) = (params.required("RouteTableId")?, params.required("DestinationCidrBlock")?);
    let (peering, gateway) = (params.text("VpcPeeringConnectionId"), params.text("TransitGatewayId"));
    params.finish()?;
    vpcs::block(&destination)?;
    let vpc = plane.route_tables.get(&id).and_then(History::now).map(|table| table.vpc_id.clone()).unwrap_or_default();
    let target = match (peering, gateway) {
        (Some(peering), None) => {
            let known = plane.peerings.get(&peering);
            let mut active = known.filter(|it| it.status == "active").into_iter();
            if !active.any(|it| [&it.requester, &it.accepter].contains(&&vpc)) {
                let message = format!("The vpcPeeringConnection ID '{peering}' does not exist");
                return Err(ApiError::new("InvalidVpcPeeringConnectionID.NotFound", message));
            }
            peering
        }
        (None, Some(gateway)) => {
            // Also for one that exists and is not attached to the VPC (terraform-provider-aws #9222 and #10025).
            if !plane.vpc(&vpc).is_some_and(|vpc| vpc.transit_gateways.contains(&gateway)) {
                let message = format!("The transitGateway ID '{gateway}' does not exist.");
                return Err(ApiError::new("InvalidTransitGatewayID.NotFound", message));
            }
            gateway
        }
        _ => return Err(ApiError::invalid_parameter("Exactly one target has to be specified")),
    };
    let mut exists = false;
    plane.change_table(&id, |table| {
        exists = table.routes.iter().any(|route| route.destination == destination);
        if !exists {
            table.routes.push(Route { destination: destination.clone(), target, blackhole: false });
        }
    })?;
    if exists {
        let message = format!("The route identified by {destination} already exists.");
        return Err(ApiError::new("RouteAlreadyExists", message));
    }
    Ok(Xml::done())
}

pub(super) fn delete_route(plane: &mut Plane, params: &mut Params, _views: Views) -> Response {
    let (id, destination) = (params.required("RouteTableId")?, params.required("DestinationCidrBlock")?);
    params.finish()?;
    let mut found = false;
    plane.change_table(&id, |table| {
        let before = table.routes.len();
        table.routes.retain(|route| route.destination != destination);
        found = table.routes.len() < before;
    })?;
    if !found {
        let message = format!("no route with destination-cidr-block {destination} in route table {id}");
        return Err(ApiError::new("InvalidRoute.NotFound", message));
    }
    Ok(Xml::done())
}
