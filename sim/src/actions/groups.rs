//! Security groups.

use super::{Response, group_rules, tags};
use crate::{
    clock::{History, Views},
    error::{ApiError, check_id},
    plane::Plane,
    query::Params,
    world::{Group, Source},
    xml::Xml,
};

const FILTERS: [&str; 13] = [
    "description",
    "group-id",
    "group-name",
    "ip-permission.cidr",
    "ip-permission.from-port",
    "ip-permission.group-id",
    "ip-permission.ipv6-cidr",
    "ip-permission.prefix-list-id",
    "ip-permission.protocol",
    "ip-permission.to-port",
    "owner-id",
    "tag",
    "vpc-id",
];

/// The maximum number of characters of a name or a description.
const LONGEST: usize = 255;

pub(super) fn describe(plane: &mut Plane, params: &mut Params, views: Views) -> Response {
    let ids = params.list("GroupId");
    let filters = params.filters(&FILTERS)?;
    let paging = params.paging(5)?;
    params.finish()?;
    for id in &ids {
        check_id("sg", "InvalidGroupId", id)?;
    }
    // A participant in a shared VPC does not see the owner's security groups.
    let seen: Vec<Group> = plane
        .groups
        .values()
        .filter_map(|group| group.as_of(views.read))
        .filter(|group| plane.owner(&group.vpc_id) == plane.account)
        .filter(|group| ids.is_empty() || ids.contains(&group.id))
        .cloned()
        .collect();
    if let Some(id) = ids.iter().find(|id| !seen.iter().any(|group| group.id == **id)) {
        return Err(ApiError::group_not_found(id));
    }
    let rows: Vec<(String, Group)> = seen
        .into_iter()
        .filter(|group| filters.pass(&group.tags, |filter| values(plane, group, filter)))
        .map(|group| (group.id.clone(), group))
        .collect();
    let (page, next) = plane.page("DescribeSecurityGroups", rows, paging, 1_000)?;
    let mut xml = Xml::new();
    xml.list("securityGroupInfo", &page, |xml, group| write(xml, plane, group));
    xml.maybe("nextToken", next);
    Ok(xml)
}

fn values(plane: &Plane, group: &Group, filter: &str) -> Vec<String> {
    let rules = group.ingress.iter();
    match filter {
        "description" => vec![group.description.clone()],
        "group-id" => vec![group.id.clone()],
        "group-name" => vec![group.name.clone()],
        "owner-id" => vec![plane.owner(&group.vpc_id)],
        "vpc-id" => vec![group.vpc_id.clone()],
        "ip-permission.protocol" => rules.map(|rule| rule.protocol.clone()).collect(),
        "ip-permission.from-port" => rules.filter_map(|rule| rule.from_port).map(|port| port.to_string()).collect(),
        "ip-permission.to-port" => rules.filter_map(|rule| rule.to_port).map(|port| port.to_string()).collect(),
        _ => rules
            .filter_map(|rule| match (&rule.source, filter) {
                (Source::Cidr(value), "ip-permission.cidr")
                | (Source::Ipv6Cidr(value), "ip-permission.ipv6-cidr")
                | (Source::PrefixList(value), "ip-permission.prefix-list-id")
                | (Source::Group(value), "ip-permission.group-id") => Some(value.clone()),
                _ => None,
            })
            .collect(),
    }
}

fn arn(plane: &Plane, group: &Group) -> String {
    format!("arn:aws:ec2:{}:{}:security-group/{}", plane.region, plane.owner(&group.vpc_id), group.id)
}

fn write(xml: &mut Xml, plane: &Plane, group: &Group) {
    xml.field("groupId", &group.id);
    xml.field("groupName", &group.name);
    xml.field("groupDescription", &group.description);
    xml.field("ownerId", plane.owner(&group.vpc_id));
    xml.field("vpcId", &group.vpc_id);
    xml.field("securityGroupArn", arn(plane, group));
    group_rules::write::permissions(xml, plane, &group.ingress);
    xml.list("ipPermissionsEgress", ["0.0.0.0/0"], |xml, everywhere| {
        xml.field("ipProtocol", "-1");
        xml.list("ipRanges", [everywhere], |xml, block| xml.field("cidrIp", block));
    });
    xml.tags(&group.tags);
}

pub(super) fn create(plane: &mut Plane, params: &mut Params, views: Views) -> Response {
    let name = params.required("GroupName")?;
    let description = params.required("GroupDescription")?;
    let vpc_id = params.required("VpcId")?;
    let tags = params.tag_specification("security-group")?;
    params.finish()?;
    for (what, text) in [("groupName", &name), ("groupDescription", &description)] {
        let allowed = |c: char| c.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(c);
        if text.len() > LONGEST || !text.chars().all(allowed) {
            return Err(ApiError::invalid_value(format!(
                "Value ({text}) for parameter {what} is invalid. Character sets beyond ASCII are not supported."
            )));
        }
    }
    if name.starts_with("sg-") {
        return Err(ApiError::invalid_value(format!(
            "Value ({name}) for parameter groupName is invalid. Group names may not be in the format sg-*"
        )));
    }
    if plane.vpc_in(&vpc_id, views.network).is_none() {
        return Err(ApiError::new("InvalidVpcID.NotFound", format!("The vpc ID '{vpc_id}' does not exist")));
    }
    tags::check(&tags)?;
    tags::check_count(plane, &tags)?;
    let mut others = plane.groups.values().filter_map(History::now);
    if others.any(|group| group.vpc_id == vpc_id && group.name == name) {
        return Err(ApiError::new(
            "InvalidGroup.Duplicate",
            format!("The security group '{name}' already exists for VPC '{vpc_id}'"),
        ));
    }
    let group = Group { id: plane.random.id("sg"), name, description, vpc_id, ingress: Vec::new(), tags };
    let mut xml = Xml::done().with("groupId", &group.id).with("securityGroupArn", arn(plane, &group));
    xml.tags(&group.tags);
    plane.groups.insert(group.id.clone(), History::new(Some(plane.now), group));
    Ok(xml)
}

pub(super) fn delete(plane: &mut Plane, params: &mut Params, _views: Views) -> Response {
    let id = params.required("GroupId")?;
    params.finish()?;
    let group = plane.group_to_change(&id)?;
    if group.name == "default" {
        return Err(ApiError::new(
            "CannotDelete",
            format!("the specified group: \"{id}\" name: \"default\" cannot be deleted by a user"),
        ));
    }
    let attached =
        plane.existing_endpoints().any(|endpoint| !endpoint.interfaces.is_empty() && endpoint.group_ids.contains(&id));
    let referenced = plane
        .groups
        .values()
        .filter_map(History::now)
        .filter(|other| other.id != id)
        .any(|other| other.ingress.iter().any(|rule| rule.source == Source::Group(id.clone())));
    if attached || referenced {
        return Err(ApiError::new("DependencyViolation", format!("resource {id} has a dependent object")));
    }
    let now = plane.now;
    if let Some(group) = plane.groups.get_mut(&id) {
        group.end(now);
    }
    Ok(Xml::done().with("groupId", id))
}
