//! Subnets.

use super::{Response, tags, vpcs};
use crate::{
    clock::{History, View, Views},
    error::{ApiError, check_id},
    plane::Plane,
    query::Params,
    random::Random,
    world::{CidrState, Subnet},
    xml::Xml,
};

const FILTERS: [&str; 17] = [
    "availability-zone",
    "availability-zone-id",
    "availabilityZone",
    "availabilityZoneId",
    "available-ip-address-count",
    "cidr",
    "cidr-block",
    "cidrBlock",
    "ipv6-cidr-block-association.ipv6-cidr-block",
    "ipv6-cidr-block-association.state",
    "ipv6-native",
    "outpost-arn",
    "owner-id",
    "state",
    "subnet-id",
    "tag",
    "vpc-id",
];

fn find<'a>(plane: &'a Plane, id: &str, view: View) -> Result<&'a Subnet, ApiError> {
    check_id("subnet", "InvalidSubnetID", id)?;
    plane
        .subnet_in(id, view)
        .ok_or_else(|| ApiError::new("InvalidSubnetID.NotFound", format!("The subnet ID '{id}' does not exist")))
}

pub(super) fn describe(plane: &mut Plane, params: &mut Params, views: Views) -> Response {
    let ids = params.list("SubnetId");
    let filters = params.filters(&FILTERS)?;
    let paging = params.paging(5)?;
    params.finish()?;
    for id in &ids {
        find(plane, id, views.network)?;
    }
    let rows: Vec<(String, Subnet)> = plane
        .current_subnets()
        .filter_map(|subnet| plane.subnet_in(&subnet.id, views.network))
        .filter(|subnet| ids.is_empty() || ids.contains(&subnet.id))
        .filter(|subnet| {
            filters.pass(&subnet.tags, |filter| {
                if filter == "outpost-arn" {
                    return subnet.outpost_arn.iter().cloned().collect();
                }
                if filter.starts_with("ipv6-cidr-block-association") {
                    let state = filter.ends_with("state").then(|| subnet.ipv6_cidr_state.wire().to_owned());
                    return subnet.ipv6_cidr_block.iter().map(|block| state.clone().unwrap_or(block.clone())).collect();
                }
                vec![match filter {
                    "availability-zone" | "availabilityZone" => subnet.zone.clone(),
                    "availability-zone-id" | "availabilityZoneId" => zone_id(plane, subnet).to_owned(),
                    "available-ip-address-count" => plane.free_addresses(subnet).to_string(),
                    "cidr" | "cidr-block" | "cidrBlock" => subnet.cidr_block.clone(),
                    "ipv6-native" => (!subnet.has_ipv4()).to_string(),
                    "owner-id" => plane.owner(&subnet.vpc_id),
                    "state" => "available".to_owned(),
                    "subnet-id" => subnet.id.clone(),
                    _ => subnet.vpc_id.clone(),
                }]
            })
        })
        .map(|subnet| (subnet.id.clone(), subnet.clone()))
        .collect();
    let (page, next) = plane.page("DescribeSubnets", rows, paging, 1_000)?;
    let mut xml = Xml::new();
    xml.list("subnetSet", &page, |xml, subnet| write(xml, plane, subnet));
    xml.maybe("nextToken", next);
    Ok(xml)
}

pub(super) fn zone_id<'a>(plane: &'a Plane, subnet: &Subnet) -> &'a str {
    plane.zones.get(&subnet.zone).map(String::as_str).unwrap_or_default()
}

fn write(xml: &mut Xml, plane: &Plane, subnet: &Subnet) {
    let owner = plane.owner(&subnet.vpc_id);
    xml.field("subnetId", &subnet.id);
    xml.field("subnetArn", format_args!("arn:aws:ec2:{}:{owner}:subnet/{}", plane.region, subnet.id));
    xml.field("state", "available");
    xml.field("ownerId", owner);
    xml.field("vpcId", &subnet.vpc_id);
    xml.maybe("cidrBlock", Some(&subnet.cidr_block).filter(|_| subnet.has_ipv4()));
    xml.list("ipv6CidrBlockAssociationSet", &subnet.ipv6_cidr_block, |xml, block| {
        let association = Random::named(&format!("{}{block}", subnet.id)).hex(16);
        xml.field("associationId", format_args!("subnet-cidr-assoc-0{association}"));
        xml.field("ipv6CidrBlock", block);
        xml.nest("ipv6CidrBlockState", |xml| xml.field("state", subnet.ipv6_cidr_state.wire()));
    });
    xml.field("availableIpAddressCount", plane.free_addresses(subnet));
    xml.field("availabilityZone", &subnet.zone);
    xml.field("availabilityZoneId", zone_id(plane, subnet));
    xml.field("defaultForAz", false);
    xml.field("mapPublicIpOnLaunch", false);
    xml.field("assignIpv6AddressOnCreation", !subnet.has_ipv4());
    xml.field("mapCustomerOwnedIpOnLaunch", false);
    xml.field("enableDns64", false);
    xml.field("ipv6Native", !subnet.has_ipv4());
    xml.maybe("outpostArn", subnet.outpost_arn.as_ref());
    xml.nest("privateDnsNameOptionsOnLaunch", |xml| {
        xml.field("hostnameType", if subnet.has_ipv4() { "ip-name" } else { "resource-name" });
        xml.field("enableResourceNameDnsARecord", false);
        xml.field("enableResourceNameDnsAAAARecord", false);
    });
    xml.nest("blockPublicAccessStates", |xml| xml.field("internetGatewayBlockMode", "off"));
    xml.tags(&subnet.tags);
}

pub(super) fn create(plane: &mut Plane, params: &mut Params, _views: Views) -> Response {
    let vpc_id = params.required("VpcId")?;
    let cidr_block = params.required("CidrBlock")?;
    let (name, id) = (params.text("AvailabilityZone"), params.text("AvailabilityZoneId"));
    let tags = params.tag_specification("subnet")?;
    params.finish()?;
    let vpc = plane.vpc(&vpc_id).filter(|_| plane.owner(&vpc_id) == plane.account);
    let vpc = vpc.ok_or_else(|| ApiError::vpc_not_found(&vpc_id))?;
    // Without a name or an ID, EC2 chooses an Availability Zone.
    let mut zones = plane.zones.iter();
    let zone = zones.find(|(zone, zone_id)| {
        name.as_ref().is_none_or(|name| name == *zone) && id.as_ref().is_none_or(|id| id == *zone_id)
    });
    let Some(zone) = zone.map(|(zone, _)| zone.clone()) else {
        let given = name.or(id).unwrap_or_default();
        return Err(ApiError::invalid_value(format!(
            "Value ({given}) for parameter availabilityZone is invalid. Subnets can currently only be created in the \
             following availability zones: {}.",
            plane.zones.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
        )));
    };
    let (first, last) = vpcs::addresses(&cidr_block)?;
    let within = |block: &String| vpcs::addresses(block).is_ok_and(|(low, high)| low <= first && last <= high);
    let mut blocks = vpc.cidr_blocks.iter().filter(|block| vpc.cidr_state(block) == CidrState::Associated);
    if !blocks.any(within) {
        return Err(ApiError::new("InvalidSubnet.Range", format!("The CIDR '{cidr_block}' is invalid.")));
    }
    let mut others = plane.subnets.values().filter_map(History::now).filter(|subnet| subnet.vpc_id == vpc_id);
    if others.any(|other| vpcs::addresses(&other.cidr_block).is_ok_and(|(low, high)| low <= last && first <= high)) {
        return Err(ApiError::new(
            "InvalidSubnet.Conflict",
            format!("The CIDR '{cidr_block}' conflicts with another subnet"),
        ));
    }
    tags::check(&tags)?;
    tags::check_count(plane, &tags)?;
    // AWS reserves five addresses in every subnet.
    let free_addresses = usize::try_from(last - first + 1 - 5).unwrap_or(usize::MAX);
    let id = plane.random.id("subnet");
    let subnet = Subnet { id, vpc_id, zone, cidr_block, free_addresses, tags, ..Subnet::default() };
    plane.subnets.insert(subnet.id.clone(), History::new(Some(plane.now), subnet.clone()));
    let mut xml = Xml::new();
    xml.nest("subnet", |xml| write(xml, plane, &subnet));
    Ok(xml)
}

pub(super) fn delete(plane: &mut Plane, params: &mut Params, _views: Views) -> Response {
    let id = params.required("SubnetId")?;
    params.finish()?;
    let subnet = find(plane, &id, Some(plane.now))?;
    if plane.owner(&subnet.vpc_id) != plane.account {
        return Err(ApiError::unauthorized(&plane.account, "DeleteSubnet"));
    }
    let used =
        plane.existing_endpoints().flat_map(|endpoint| &endpoint.interfaces).any(|interface| interface.subnet_id == id);
    if used {
        return Err(ApiError::new(
            "DependencyViolation",
            format!("The subnet '{id}' has dependencies and cannot be deleted."),
        ));
    }
    let now = plane.now;
    if let Some(subnet) = plane.subnets.get_mut(&id) {
        subnet.end(now);
    }
    Ok(Xml::done())
}
