//! Inbound rules of security groups.

mod read;
pub(super) mod write;

use super::{Response, tags};
use crate::{
    clock::Views,
    error::ApiError,
    plane::Plane,
    query::{Params, missing},
    world::{Group, Rule, Source},
    xml::Xml,
};

/// The quota of rules per security group (VPC quotas).
const MOST_RULES: usize = 60;

const FILTERS: [&str; 3] = ["group-id", "security-group-rule-id", "tag"];

fn same(a: &Rule, b: &Rule) -> bool {
    (&a.protocol, a.from_port, a.to_port, &a.source) == (&b.protocol, b.from_port, b.to_port, &b.source)
}

fn describe_rule(rule: &Rule) -> String {
    let peer = match &rule.source {
        Source::Cidr(peer) | Source::Ipv6Cidr(peer) | Source::PrefixList(peer) | Source::Group(peer) => peer,
    };
    let port = |port: Option<i32>| port.map_or_else(|| "ALL".to_owned(), |port| port.to_string());
    format!(
        "peer: {peer}, {}, from port: {}, to port: {}, ALLOW",
        rule.protocol.to_uppercase(),
        port(rule.from_port),
        port(rule.to_port)
    )
}

pub(super) fn authorize(plane: &mut Plane, params: &mut Params, _views: Views) -> Response {
    let id = params.required("GroupId")?;
    let mut added = read::rules(params)?;
    let rule_tags = params.tag_specification("security-group-rule")?;
    params.finish()?;
    if added.is_empty() {
        return Err(missing("IpPermissions"));
    }
    tags::check(&rule_tags)?;
    let mut group = plane.group_to_change(&id)?;
    for rule in &mut added {
        if let Source::Group(other) = &rule.source {
            check_source(plane, &group, other)?;
        }
        if group.ingress.iter().any(|known| same(known, rule)) {
            return Err(ApiError::new(
                "InvalidPermission.Duplicate",
                format!("the specified rule \"{}\" already exists", describe_rule(rule)),
            ));
        }
        rule.id = plane.random.id("sgr");
        rule.tags.clone_from(&rule_tags);
        group.ingress.push(rule.clone());
    }
    if group.ingress.len() > MOST_RULES {
        return Err(ApiError::new(
            "RulesPerSecurityGroupLimitExceeded",
            "The maximum number of rules per security group has been reached.",
        ));
    }
    let mut xml = Xml::done();
    xml.list("securityGroupRuleSet", &added, |xml, rule| write::rule(xml, plane, &group, rule));
    store(plane, group);
    Ok(xml)
}

pub(super) fn revoke(plane: &mut Plane, params: &mut Params, _views: Views) -> Response {
    let id = params.required("GroupId")?;
    let rule_ids = params.list("SecurityGroupRuleId");
    let removed = read::rules(params)?;
    params.finish()?;
    let mut group = plane.group_to_change(&id)?;
    match (rule_ids.is_empty(), removed.is_empty()) {
        (true, true) => return Err(missing("IpPermissions")),
        (false, false) => {
            return Err(ApiError::new(
                "InvalidParameterCombination",
                "The parameters SecurityGroupRuleIds and IpPermissions cannot be used together",
            ));
        }
        _ => {}
    }
    if let Some(missed) = rule_ids.iter().find(|id| !group.ingress.iter().any(|rule| rule.id == **id)) {
        return Err(rule_not_found(missed));
    }
    // If a rule does not exist, nothing is revoked, except in a default VPC (API reference).
    if removed.iter().any(|rule| !group.ingress.iter().any(|known| same(known, rule))) {
        return Err(ApiError::new(
            "InvalidPermission.NotFound",
            "The specified rule does not exist in this security group.",
        ));
    }
    let is_revoked = |rule: &Rule| rule_ids.contains(&rule.id) || removed.iter().any(|gone| same(gone, rule));
    let mut xml = Xml::done();
    xml.list("revokedSecurityGroupRuleSet", group.ingress.iter().filter(|rule| is_revoked(rule)), |xml, rule| {
        write::core(xml, &group, rule);
        if let Source::Group(other) = &rule.source {
            xml.field("referencedGroupId", other);
        }
    });
    group.ingress.retain(|rule| !is_revoked(rule));
    store(plane, group);
    Ok(xml)
}

/// Checks that a rule can refer to a security group: it is in the same VPC, or in a peered one.
fn check_source(plane: &Plane, group: &Group, source: &str) -> Result<(), ApiError> {
    let source = plane.group(source).ok_or_else(|| ApiError::group_not_found(source))?;
    let (from, to) = (&source.vpc_id, &group.vpc_id);
    let peers = |a: &str, b: &str| plane.vpc(a).is_some_and(|vpc| vpc.peers.contains(b));
    if from == to || peers(from, to) || peers(to, from) {
        return Ok(());
    }
    Err(ApiError::new("InvalidGroup.NotFound", "You have specified two resources that belong to different networks."))
}

fn store(plane: &mut Plane, group: Group) {
    let now = plane.now;
    if let Some(history) = plane.groups.get_mut(&group.id) {
        history.change(now, |known| *known = group);
    }
}

fn rule_not_found(id: &str) -> ApiError {
    ApiError::new("InvalidSecurityGroupRuleId.NotFound", format!("The security group rule ID '{id}' does not exist"))
}

pub(super) fn describe(plane: &mut Plane, params: &mut Params, views: Views) -> Response {
    let ids = params.list("SecurityGroupRuleId");
    let filters = params.filters(&FILTERS)?;
    let paging = params.paging(5)?;
    params.finish()?;
    let mut rows = Vec::new();
    for group in plane.groups.values().filter_map(|group| group.as_of(views.read)) {
        if plane.owner(&group.vpc_id) != plane.account {
            continue;
        }
        for rule in group.ingress.iter().filter(|rule| ids.is_empty() || ids.contains(&rule.id)) {
            let passes = filters
                .pass(&rule.tags, |filter| vec![if filter == "group-id" { group.id.clone() } else { rule.id.clone() }]);
            if passes {
                rows.push((rule.id.clone(), (group.clone(), rule.clone())));
            }
        }
    }
    if let Some(missed) = ids.iter().find(|id| !rows.iter().any(|(row, _)| row == *id)) {
        return Err(rule_not_found(missed));
    }
    rows.sort_by(|(a, _), (b, _)| a.cmp(b));
    let (page, next) = plane.page("DescribeSecurityGroupRules", rows, paging, 1_000)?;
    let mut xml = Xml::new();
    xml.list("securityGroupRuleSet", &page, |xml, (group, rule)| write::rule(xml, plane, group, rule));
    xml.maybe("nextToken", next);
    Ok(xml)
}
