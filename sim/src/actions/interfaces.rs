//! Network interfaces. In the simulation, only endpoints have them.

use super::{Response, describe_endpoints, subnets};
use crate::{
    clock::Views,
    endpoint::{Endpoint, Interface},
    error::{ApiError, check_id},
    plane::Plane,
    query::Params,
    random::Random,
    tags::Tags,
    xml::Xml,
};

const FILTERS: [&str; 14] = [
    "availability-zone",
    "availability-zone-id",
    "description",
    "group-id",
    "interface-type",
    "ipv6-addresses.ipv6-address",
    "network-interface-id",
    "owner-id",
    "private-ip-address",
    "requester-managed",
    "status",
    "subnet-id",
    "tag",
    "vpc-id",
];

pub(super) fn describe(plane: &mut Plane, params: &mut Params, views: Views) -> Response {
    let ids = params.list("NetworkInterfaceId");
    let filters = params.filters(&FILTERS)?;
    let paging = params.paging(5)?;
    params.finish()?;
    for id in &ids {
        check_id("eni", "InvalidNetworkInterfaceID", id)?;
    }
    if paging.size.is_some() && !ids.is_empty() {
        return Err(ApiError::new(
            "InvalidParameterCombination",
            "The parameter NetworkInterfaceIds cannot be used with the parameter MaxResults",
        ));
    }
    let mut seen: Vec<(Endpoint, Interface)> = Vec::new();
    for endpoint in plane.visible(views.read) {
        let wanted =
            endpoint.visible_interfaces(plane.now).filter(|interface| ids.is_empty() || ids.contains(&interface.id));
        seen.extend(wanted.map(|interface| (endpoint.clone(), interface.clone())));
    }
    if let Some(id) = ids.iter().find(|id| !seen.iter().any(|(_, interface)| interface.id == **id)) {
        return Err(ApiError::new(
            "InvalidNetworkInterfaceID.NotFound",
            format!("The networkInterface ID '{id}' does not exist"),
        ));
    }
    seen.retain(|(endpoint, interface)| {
        let subnet = plane.subnet(&interface.subnet_id);
        filters.pass(&Tags::new(), |filter| match filter {
            "availability-zone" => subnet.map(|subnet| subnet.zone.clone()).into_iter().collect(),
            "availability-zone-id" => {
                subnet.map(|subnet| subnets::zone_id(plane, subnet).to_owned()).into_iter().collect()
            }
            "description" => vec![description(endpoint)],
            "group-id" => endpoint.group_ids.clone(),
            "interface-type" => vec!["vpc_endpoint".to_owned()],
            "network-interface-id" => vec![interface.id.clone()],
            "owner-id" => vec![endpoint.owner.clone()],
            "ipv6-addresses.ipv6-address" => interface.ipv6_address.iter().cloned().collect(),
            "private-ip-address" => vec![interface.address.clone()].into_iter().filter(|a| !a.is_empty()).collect(),
            "requester-managed" => vec!["true".to_owned()],
            "status" => vec!["in-use".to_owned()],
            "subnet-id" => vec![interface.subnet_id.clone()],
            _ => vec![endpoint.vpc_id.clone()],
        })
    });
    seen.sort_by(|(_, a), (_, b)| a.id.cmp(&b.id));
    let rows = seen.into_iter().map(|(endpoint, interface)| (interface.id.clone(), (endpoint, interface)));
    let (page, next) = plane.page("DescribeNetworkInterfaces", rows, paging, 1_000)?;
    let mut xml = Xml::new();
    xml.list("networkInterfaceSet", &page, |xml, (endpoint, interface)| write(xml, plane, endpoint, interface));
    xml.maybe("nextToken", next);
    Ok(xml)
}

fn description(endpoint: &Endpoint) -> String {
    format!("VPC Endpoint Interface {}", endpoint.id)
}

fn private_dns_name(region: &str, address: &str) -> String {
    let domain = if region == "us-east-1" { "ec2.internal".to_owned() } else { format!("{region}.compute.internal") };
    format!("ip-{}.{domain}", address.replace('.', "-"))
}

fn write(xml: &mut Xml, plane: &Plane, endpoint: &Endpoint, interface: &Interface) {
    xml.field("networkInterfaceId", &interface.id);
    xml.field("subnetId", &interface.subnet_id);
    xml.field("vpcId", &endpoint.vpc_id);
    if let Some(subnet) = plane.subnet(&interface.subnet_id) {
        xml.field("availabilityZone", &subnet.zone);
        xml.field("availabilityZoneId", subnets::zone_id(plane, subnet));
    }
    xml.field("description", description(endpoint));
    xml.field("ownerId", &endpoint.owner);
    xml.field("requesterId", &endpoint.owner);
    xml.field("requesterManaged", true);
    xml.field("status", "in-use");
    xml.field("interfaceType", "vpc_endpoint");
    let mac = Random::named(&interface.id).hex(10);
    let pairs: Vec<&str> = (0..10).step_by(2).map(|at| &mac[at..at + 2]).collect();
    xml.field("macAddress", format_args!("0a:{}", pairs.join(":")));
    xml.field("sourceDestCheck", true);
    let addresses = Some(&interface.address).filter(|address| !address.is_empty());
    if let Some(address) = addresses {
        xml.field("privateIpAddress", address);
        xml.field("privateDnsName", private_dns_name(&plane.region, address));
    }
    xml.list("privateIpAddressesSet", addresses, |xml, address| {
        xml.field("privateIpAddress", address);
        xml.field("privateDnsName", private_dns_name(&plane.region, address));
        xml.field("primary", true);
    });
    xml.list("ipv6AddressesSet", &interface.ipv6_address, |xml, address| xml.field("ipv6Address", address));
    describe_endpoints::write_groups(xml, plane, endpoint);
    xml.nest("attachment", |xml| {
        xml.field("attachmentId", format_args!("ela-attach-0{}", Random::named(&interface.id).hex(16)));
        xml.field("instanceOwnerId", "amazon-aws");
        xml.field("deviceIndex", 1);
        xml.field("status", "attached");
        xml.field("deleteOnTermination", false);
    });
    xml.values("tagSet", [""; 0]);
}
