//! Route tables, routes, and peering connections.

use super::*;
use crate::Route;

async fn tables(ec2: &Ec2, vpc: &str) -> Response {
    call(ec2, "DescribeRouteTables", &[("Filter.1.Name", "vpc-id"), ("Filter.1.Value.1", vpc)]).await.ok()
}

/// The states of the routes of a VPC.
async fn states(ec2: &Ec2, vpc: &str) -> Vec<String> {
    let mut states = tables(ec2, vpc).await.all("state");
    states.retain(|state| state != "associated");
    states
}

async fn peering(ec2: &Ec2, vpc: &str, peer: &str) -> (String, String) {
    let response = call(ec2, "CreateVpcPeeringConnection", &[("VpcId", vpc), ("PeerVpcId", peer)]).await.ok();
    (response.one("vpcPeeringConnectionId"), response.one("code"))
}

#[tokio::test(start_paused = true)]
async fn every_vpc_has_a_main_route_table_with_local_routes() {
    let ec2 = instant(|_| {});
    let shown = tables(&ec2, VPC).await;
    assert_eq!(shown.all("destinationCidrBlock"), ["10.0.0.0/16", "100.64.0.0/20"]);
    assert_eq!((shown.all("gatewayId"), shown.all("main")), (vec!["local".to_owned(); 2], vec!["true".to_owned()]));
    assert_eq!(tables(&ec2, VPC_OTHER).await.all("destinationIpv6CidrBlock").len(), 1);
    assert_eq!(tables(&ec2, VPC_SHARED).await.items("routeTableSet").len(), 0, "it belongs to another account");
}

#[tokio::test(start_paused = true)]
async fn a_route_through_a_peering_connection_becomes_a_black_hole_with_it() {
    let ec2 = instant(|_| {});
    let (id, status) = peering(&ec2, VPC_OTHER, VPC).await;
    assert_eq!(status, "pending-acceptance");
    let table = call(&ec2, "CreateRouteTable", &[("VpcId", VPC)]).await.ok().one("routeTableId");
    let route = [("RouteTableId", table.as_str()), ("DestinationCidrBlock", "10.3.0.0/16")];
    let through = [route[0], route[1], ("VpcPeeringConnectionId", &id)];
    let pending = call(&ec2, "CreateRoute", &through).await;
    assert_eq!(pending.code(), "InvalidVpcPeeringConnectionID.NotFound");
    call(&ec2, "AcceptVpcPeeringConnection", &[("VpcPeeringConnectionId", &id)]).await.ok();
    call(&ec2, "CreateRoute", &through).await.ok();
    assert_eq!(call(&ec2, "CreateRoute", &through).await.code(), "RouteAlreadyExists");
    let subnet = [("RouteTableId", table.as_str()), ("SubnetId", SUBNET_A)];
    let association = call(&ec2, "AssociateRouteTable", &subnet).await.ok().one("associationId");
    assert_eq!(call(&ec2, "AssociateRouteTable", &subnet).await.code(), "Resource.AlreadyAssociated");

    let by_id = [("RouteTableId.1", table.as_str())];
    let shown = call(&ec2, "DescribeRouteTables", &by_id).await.ok();
    assert_eq!((shown.one("vpcPeeringConnectionId"), shown.one("subnetId")), (id.clone(), SUBNET_A.to_owned()));
    assert!(!shown.all("state").contains(&"blackhole".to_owned()), "{}", shown.body);
    call(&ec2, "DeleteVpcPeeringConnection", &[("VpcPeeringConnectionId", &id)]).await.ok();
    assert!(call(&ec2, "DescribeRouteTables", &by_id).await.all("state").contains(&"blackhole".to_owned()));

    assert_eq!(call(&ec2, "DeleteRouteTable", &[("RouteTableId", &table)]).await.code(), "DependencyViolation");
    call(&ec2, "DisassociateRouteTable", &[("AssociationId", &association)]).await.ok();
    call(&ec2, "DeleteRoute", &route).await.ok();
    assert_eq!(call(&ec2, "DeleteRoute", &route).await.code(), "InvalidRoute.NotFound");
    call(&ec2, "DeleteRouteTable", &[("RouteTableId", &table)]).await.ok();
    assert_eq!(call(&ec2, "DescribeRouteTables", &by_id).await.code(), "InvalidRouteTableID.NotFound");
    assert_eq!(ec2.unrecognized_requests(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn vpcs_with_overlapping_blocks_cannot_be_peered() {
    let ec2 = instant(|_| {});
    let twin = call(&ec2, "CreateVpc", &[("CidrBlock", "10.0.0.0/24")]).await.ok();
    assert_eq!(twin.status, 200);
    assert_eq!(peering(&ec2, &twin.one("vpcId"), VPC).await.1, "failed");
}

#[tokio::test(start_paused = true)]
async fn a_transit_gateway_has_to_be_attached() {
    let ec2 = instant(|_| {});
    let table = tables(&ec2, VPC).await.one("routeTableId");
    let gateway = "tgw-0123456789abcdef0";
    let route =
        [("RouteTableId", table.as_str()), ("DestinationCidrBlock", "10.0.0.0/8"), ("TransitGatewayId", gateway)];
    assert_eq!(call(&ec2, "CreateRoute", &route).await.code(), "InvalidTransitGatewayID.NotFound");
    ec2.attach_transit_gateway(VPC, gateway);
    call(&ec2, "CreateRoute", &route).await.ok();
    assert_eq!(states(&ec2, VPC).await, ["active"; 3]);
    ec2.detach_transit_gateway(VPC, gateway);
    assert_eq!(states(&ec2, VPC).await, ["active", "active", "blackhole"]);
}

#[tokio::test(start_paused = true)]
async fn route_tables_come_in_pages() {
    let ec2 = instant(|_| {});
    for _ in 0..9 {
        call(&ec2, "CreateRouteTable", &[("VpcId", VPC)]).await.ok();
    }
    let filter = [("Filter.1.Name", "vpc-id"), ("Filter.1.Value.1", VPC), ("MaxResults", "7")];
    let first = call(&ec2, "DescribeRouteTables", &filter).await.ok();
    let token = first.one("nextToken");
    let rest = call(&ec2, "DescribeRouteTables", &[&filter[..], &[("NextToken", &token)]].concat()).await.ok();
    let count = |page: &Response| page.all("ownerId").len();
    assert_eq!((count(&first), count(&rest)), (7, 3));
}

#[tokio::test(start_paused = true)]
async fn an_administrator_adds_routes() {
    let ec2 = instant(|_| {});
    for (destination, target) in [("0.0.0.0/0", "nat-0123456789abcdef0"), ("pl-63a5400a", "vpce-0123456789abcdef0")] {
        ec2.add_route(VPC, Route { destination: destination.to_owned(), target: target.to_owned(), blackhole: false });
    }
    let shown = tables(&ec2, VPC).await;
    assert_eq!(shown.one("natGatewayId"), "nat-0123456789abcdef0");
    assert_eq!(shown.one("destinationPrefixListId"), "pl-63a5400a");
}
