//! VPCs and their DNS attributes.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use super::{Response, tags};
use crate::{
    clock::{History, View, Views},
    error::{ApiError, check_id},
    plane::Plane,
    query::Params,
    random::Random,
    world::Vpc,
    xml::Xml,
};

const FILTERS: [&str; 9] = [
    "cidr",
    "cidr-block-association.cidr-block",
    "cidr-block-association.state",
    "ipv6-cidr-block-association.ipv6-cidr-block",
    "is-default",
    "owner-id",
    "state",
    "tag",
    "vpc-id",
];

fn find<'a>(plane: &'a Plane, id: &str, view: View) -> Result<&'a Vpc, ApiError> {
    check_id("vpc", "InvalidVpcID", id)?;
    // CreateVpcEndpoint capitalizes this message differently.
    plane
        .vpc_in(id, view)
        .ok_or_else(|| ApiError::new("InvalidVpcID.NotFound", format!("The vpc ID '{id}' does not exist")))
}

/// The first and last address of an IPv4 CIDR block.
pub(super) fn block(block: &str) -> Result<(u32, u32), ApiError> {
    let parts = block.split_once('/').and_then(|(address, bits)| {
        Some((address.parse::<Ipv4Addr>().ok()?.to_bits(), bits.parse::<u32>().ok().filter(|bits| *bits <= 32)?))
    });
    let Some((first, bits)) = parts else {
        return Err(ApiError::invalid_value(format!(
            "Value ({block}) for parameter cidrBlock is invalid. This is not a valid CIDR block."
        )));
    };
    let rest = u32::MAX.checked_shr(bits).unwrap_or(0);
    if first & rest == 0 { Ok((first, first | rest)) } else { Err(out_of_range(block)) }
}

/// The same with a prefix length of 16 to 28, as required for VPCs and subnets.
pub(super) fn addresses(text: &str) -> Result<(u32, u32), ApiError> {
    let (first, last) = block(text)?;
    if (15..=0xffff).contains(&(last - first)) { Ok((first, last)) } else { Err(out_of_range(text)) }
}

fn out_of_range(block: &str) -> ApiError {
    ApiError::new("InvalidVpc.Range", format!("The CIDR '{block}' is invalid."))
}

pub(super) fn create(plane: &mut Plane, params: &mut Params, _views: Views) -> Response {
    let block = params.required("CidrBlock")?;
    let tags = params.tag_specification("vpc")?;
    params.finish()?;
    addresses(&block)?;
    tags::check(&tags)?;
    tags::check_count(plane, &tags)?;
    let vpc = Vpc {
        id: plane.random.id("vpc"),
        owner: None,
        cidr_blocks: vec![block],
        ipv6_cidr_blocks: Vec::new(),
        dns_support: true,
        dns_hostnames: false,
        cidr_states: BTreeMap::new(),
        peers: BTreeSet::new(),
        transit_gateways: BTreeSet::new(),
        customer_zones: BTreeSet::new(),
        tags,
    };
    plane.vpcs.insert(vpc.id.clone(), History::new(Some(plane.now), vpc.clone()));
    plane.add_default_group(&vpc.id, Some(plane.now));
    plane.add_main_table(&vpc.id, Some(plane.now));
    let mut xml = Xml::new();
    xml.nest("vpc", |xml| write(xml, plane, &vpc));
    Ok(xml)
}

/// Deletes the VPC with its default security group. Everything else in it must have been deleted.
pub(super) fn delete(plane: &mut Plane, params: &mut Params, _views: Views) -> Response {
    let id = params.required("VpcId")?;
    params.finish()?;
    find(plane, &id, Some(plane.now))?;
    if plane.owner(&id) != plane.account {
        return Err(ApiError::unauthorized(&plane.account, "DeleteVpc"));
    }
    let default = plane.default_group(&id).map(|group| group.id.clone());
    let mut groups = plane.groups.values().filter_map(History::now);
    let used = plane.current_subnets().any(|subnet| subnet.vpc_id == id)
        || plane.existing_endpoints().any(|endpoint| endpoint.vpc_id == id)
        || plane.tables_of(&id).any(|table| !table.main)
        || groups.any(|group| group.vpc_id == id && Some(&group.id) != default.as_ref());
    if used {
        return Err(ApiError::new(
            "DependencyViolation",
            format!("The vpc '{id}' has dependencies and cannot be deleted."),
        ));
    }
    let now = plane.now;
    let tables: Vec<String> = plane.tables_of(&id).map(|table| table.id.clone()).collect();
    for table in &tables {
        if let Some(table) = plane.route_tables.get_mut(table) {
            table.end(now);
        }
    }
    if let Some(group) = default.and_then(|group| plane.groups.get_mut(&group)) {
        group.end(now);
    }
    if let Some(vpc) = plane.vpcs.get_mut(&id) {
        vpc.end(now);
    }
    Ok(Xml::done())
}

pub(super) fn describe(plane: &mut Plane, params: &mut Params, views: Views) -> Response {
    let ids = params.list("VpcId");
    let filters = params.filters(&FILTERS)?;
    let paging = params.paging(5)?;
    params.finish()?;
    for id in &ids {
        find(plane, id, views.network)?;
    }
    let rows: Vec<(String, Vpc)> = plane
        .vpcs
        .keys()
        .filter_map(|id| plane.vpc_in(id, views.network))
        .filter(|vpc| ids.is_empty() || ids.contains(&vpc.id))
        .filter(|vpc| {
            filters.pass(&vpc.tags, |filter| match filter {
                "cidr" => vpc.cidr_blocks.iter().take(1).cloned().collect(),
                "cidr-block-association.cidr-block" => vpc.cidr_blocks.clone(),
                "cidr-block-association.state" => {
                    vpc.cidr_blocks.iter().map(|block| vpc.cidr_state(block).wire().to_owned()).collect()
                }
                "ipv6-cidr-block-association.ipv6-cidr-block" => vpc.ipv6_cidr_blocks.clone(),
                "is-default" => vec!["false".to_owned()],
                "owner-id" => vec![plane.owner(&vpc.id)],
                "state" => vec!["available".to_owned()],
                _ => vec![vpc.id.clone()],
            })
        })
        .map(|vpc| (vpc.id.clone(), vpc.clone()))
        .collect();
    let (page, next) = plane.page("DescribeVpcs", rows, paging, 1_000)?;
    let mut xml = Xml::new();
    xml.list("vpcSet", &page, |xml, vpc| write(xml, plane, vpc));
    xml.maybe("nextToken", next);
    Ok(xml)
}

fn write(xml: &mut Xml, plane: &Plane, vpc: &Vpc) {
    let association = |block: &str| format!("vpc-cidr-assoc-0{}", Random::named(&format!("{}{block}", vpc.id)).hex(16));
    xml.field("vpcId", &vpc.id);
    xml.field("ownerId", plane.owner(&vpc.id));
    xml.field("state", "available");
    xml.maybe("cidrBlock", vpc.cidr_blocks.first());
    xml.list("cidrBlockAssociationSet", &vpc.cidr_blocks, |xml, block| {
        xml.field("associationId", association(block));
        xml.field("cidrBlock", block);
        xml.nest("cidrBlockState", |xml| xml.field("state", vpc.cidr_state(block).wire()));
    });
    xml.list("ipv6CidrBlockAssociationSet", &vpc.ipv6_cidr_blocks, |xml, block| {
        xml.field("associationId", association(block));
        xml.field("ipv6CidrBlock", block);
        xml.nest("ipv6CidrBlockState", |xml| xml.field("state", vpc.cidr_state(block).wire()));
        xml.field("networkBorderGroup", &plane.region);
        xml.field("ipv6Pool", "Amazon");
    });
    xml.field("instanceTenancy", "default");
    xml.field("isDefault", false);
    xml.tags(&vpc.tags);
}

pub(super) fn describe_attribute(plane: &mut Plane, params: &mut Params, views: Views) -> Response {
    let id = params.required("VpcId")?;
    let attribute = params.required("Attribute")?;
    params.finish()?;
    let vpc = find(plane, &id, views.network)?;
    let value = match attribute.as_str() {
        "enableDnsSupport" => vpc.dns_support,
        "enableDnsHostnames" => vpc.dns_hostnames,
        "enableNetworkAddressUsageMetrics" => false,
        other => {
            return Err(ApiError::invalid_value(format!(
                "Value ({other}) for parameter attribute is invalid. Unknown attribute."
            )));
        }
    };
    let mut xml = Xml::new();
    xml.field("vpcId", id);
    xml.nest(&attribute, |xml| xml.field("value", value));
    Ok(xml)
}

pub(super) fn modify_attribute(plane: &mut Plane, params: &mut Params, _views: Views) -> Response {
    let id = params.required("VpcId")?;
    let support = params.boolean("EnableDnsSupport.Value")?;
    let hostnames = params.boolean("EnableDnsHostnames.Value")?;
    params.finish()?;
    find(plane, &id, Some(plane.now))?;
    if plane.owner(&id) != plane.account {
        return Err(ApiError::unauthorized(&plane.account, "ModifyVpcAttribute"));
    }
    // "You cannot modify the DNS resolution and DNS hostnames attributes in the same request" (API reference).
    let now = plane.now;
    let (true, Some(vpc)) = (support.is_some() != hostnames.is_some(), plane.vpcs.get_mut(&id)) else {
        return Err(ApiError::new("InvalidParameterCombination", "Exactly one attribute has to be specified"));
    };
    vpc.change(now, |vpc| {
        vpc.dns_support = support.unwrap_or(vpc.dns_support);
        vpc.dns_hostnames = hostnames.unwrap_or(vpc.dns_hostnames);
    });
    Ok(Xml::done())
}
