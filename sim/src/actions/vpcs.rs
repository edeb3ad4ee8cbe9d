//! VPCs and their DNS attributes.

use super::Answer;
use crate::{
    clock::View,
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

fn find<'a>(plane: &'a Plane, id: &str) -> Result<&'a Vpc, ApiError> {
    check_id("vpc", "InvalidVpcID", id)?;
    // Here the words are spelled otherwise than by CreateVpcEndpoint.
    plane
        .vpcs
        .get(id)
        .ok_or_else(|| ApiError::new("InvalidVpcID.NotFound", format!("The vpc ID '{id}' does not exist")))
}

pub(super) fn describe(plane: &mut Plane, params: &mut Params, _view: View) -> Answer {
    let ids = params.list("VpcId");
    let filters = params.filters(&FILTERS)?;
    let paging = params.paging(5)?;
    params.finish()?;
    for id in &ids {
        find(plane, id)?;
    }
    let rows: Vec<(String, Vpc)> = plane
        .vpcs
        .values()
        .filter(|vpc| ids.is_empty() || ids.contains(&vpc.id))
        .filter(|vpc| {
            filters.pass(&vpc.tags, |filter| match filter {
                "cidr" => vpc.cidr_blocks.iter().take(1).cloned().collect(),
                "cidr-block-association.cidr-block" => vpc.cidr_blocks.clone(),
                "cidr-block-association.state" => vec!["associated".to_owned()],
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
        xml.nest("cidrBlockState", |xml| xml.field("state", "associated"));
    });
    xml.list("ipv6CidrBlockAssociationSet", &vpc.ipv6_cidr_blocks, |xml, block| {
        xml.field("associationId", association(block));
        xml.field("ipv6CidrBlock", block);
        xml.nest("ipv6CidrBlockState", |xml| xml.field("state", "associated"));
        xml.field("networkBorderGroup", &plane.region);
        xml.field("ipv6Pool", "Amazon");
    });
    xml.field("instanceTenancy", "default");
    xml.field("isDefault", false);
    xml.tags(&vpc.tags);
}

pub(super) fn describe_attribute(plane: &mut Plane, params: &mut Params, _view: View) -> Answer {
    let id = params.required("VpcId")?;
    let attribute = params.required("Attribute")?;
    params.finish()?;
    let vpc = find(plane, &id)?;
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

pub(super) fn modify_attribute(plane: &mut Plane, params: &mut Params, _view: View) -> Answer {
    let id = params.required("VpcId")?;
    let support = params.boolean("EnableDnsSupport.Value")?;
    let hostnames = params.boolean("EnableDnsHostnames.Value")?;
    params.finish()?;
    find(plane, &id)?;
    if plane.owner(&id) != plane.account {
        return Err(ApiError::unauthorized(&plane.account, "ModifyVpcAttribute"));
    }
    // "You cannot modify the DNS resolution and DNS hostnames attributes in the same request" (API reference).
    let (true, Some(vpc)) = (support.is_some() != hostnames.is_some(), plane.vpcs.get_mut(&id)) else {
        return Err(ApiError::new("InvalidParameterCombination", "Exactly one attribute has to be specified"));
    };
    vpc.dns_support = support.unwrap_or(vpc.dns_support);
    vpc.dns_hostnames = hostnames.unwrap_or(vpc.dns_hostnames);
    Ok(Xml::done())
}
