//! Ingress rules of security groups.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{Answer, groups, tags};
use crate::{
    clock::View,
    error::{ApiError, check_id},
    plane::Plane,
    query::{Params, missing},
    world::{Group, Rule, Source, Tags},
    xml::Xml,
};

/// Rules of a security group (VPC quotas).
const MOST_RULES: usize = 60;

const FILTERS: [&str; 3] = ["group-id", "security-group-rule-id", "tag"];

/// Reads `IpPermissions.N`, of which each may name many sources; or the one rule that the parameters themselves name.
fn read(params: &mut Params) -> Result<Vec<Rule>, ApiError> {
    let mut rules = Vec::new();
    for permission in params.structures("IpPermissions") {
        let before = rules.len();
        let protocol = params.required(&format!("{permission}.IpProtocol"))?;
        let from_port = params.integer(&format!("{permission}.FromPort"))?;
        let to_port = params.integer(&format!("{permission}.ToPort"))?;
        for (list, field, source) in [
            ("IpRanges", "CidrIp", Source::Cidr as fn(String) -> Source),
            ("Ipv6Ranges", "CidrIpv6", Source::Ipv6Cidr),
            ("PrefixListIds", "PrefixListId", Source::PrefixList),
            ("Groups", "GroupId", Source::Group),
        ] {
            for item in params.structures(&format!("{permission}.{list}")) {
                // The owner of a group may be named, and can only be this account.
                params.text(&format!("{item}.UserId"));
                rules.push(Rule {
                    id: String::new(),
                    protocol: protocol.clone(),
                    from_port,
                    to_port,
                    source: source(params.required(&format!("{item}.{field}"))?),
                    description: params.text(&format!("{item}.Description")),
                    tags: Tags::new(),
                });
            }
        }
        if rules.len() == before {
            return Err(missing(&format!("{permission}.IpRanges")));
        }
    }
    if let Some(protocol) = params.text("IpProtocol") {
        rules.push(Rule {
            id: String::new(),
            protocol,
            from_port: params.integer("FromPort")?,
            to_port: params.integer("ToPort")?,
            source: Source::Cidr(params.required("CidrIp")?),
            description: None,
            tags: Tags::new(),
        });
    }
    for rule in &mut rules {
        normalise(rule)?;
    }
    Ok(rules)
}

/// Brings a rule into the form that EC2 keeps it in, if it makes sense.
fn normalise(rule: &mut Rule) -> Result<(), ApiError> {
    let name = match rule.protocol.to_ascii_lowercase().as_str() {
        "6" => "tcp".to_owned(),
        "17" => "udp".to_owned(),
        "1" => "icmp".to_owned(),
        "58" => "icmpv6".to_owned(),
        "all" => "-1".to_owned(),
        other => other.to_owned(),
    };
    let number = name.parse::<i16>().is_ok_and(|number| (-1..=255).contains(&number));
    match (name.as_str(), rule.from_port, rule.to_port) {
        ("tcp" | "udp", Some(from), Some(to)) if from <= to && from >= 0 && to <= 65_535 => {}
        ("tcp" | "udp", None, _) | ("tcp" | "udp", _, None) => {
            return Err(ApiError::new("MissingParameter", "FromPort and ToPort must be specified for TCP and UDP."));
        }
        ("tcp" | "udp", Some(from), Some(to)) => {
            return Err(ApiError::invalid_value(format!("Invalid TCP/UDP port range ({from}:{to})")));
        }
        ("icmp" | "icmpv6", Some(_), Some(_)) => {}
        _ if number => (rule.from_port, rule.to_port) = (None, None),
        _ => {
            return Err(ApiError::invalid_value(format!("Invalid value '{}' for IP protocol.", rule.protocol)));
        }
    }
    rule.protocol = name;
    match &rule.source {
        Source::Cidr(block) if !is_block::<Ipv4Addr>(block, 32) => Err(malformed(block)),
        Source::Ipv6Cidr(block) if !is_block::<Ipv6Addr>(block, 128) => Err(malformed(block)),
        Source::PrefixList(id) => check_id("pl", "InvalidPrefixListId", id),
        Source::Group(id) => check_id("sg", "InvalidGroupId", id),
        _ => Ok(()),
    }
}

fn is_block<Address: std::str::FromStr>(block: &str, longest: u8) -> bool {
    block.split_once('/').is_some_and(|(address, length)| {
        address.parse::<Address>().is_ok() && length.parse::<u8>().is_ok_and(|length| length <= longest)
    })
}

fn malformed(block: &str) -> ApiError {
    ApiError::invalid_value(format!("CIDR block {block} is malformed"))
}

fn same(a: &Rule, b: &Rule) -> bool {
    (&a.protocol, a.from_port, a.to_port, &a.source) == (&b.protocol, b.from_port, b.to_port, &b.source)
}

fn words(rule: &Rule) -> String {
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

pub(super) fn authorize(plane: &mut Plane, params: &mut Params, _view: View) -> Answer {
    let id = params.required("GroupId")?;
    let mut added = read(params)?;
    let rule_tags = params.tag_specification("security-group-rule")?;
    params.finish()?;
    if added.is_empty() {
        return Err(missing("IpPermissions"));
    }
    tags::check(&rule_tags)?;
    let mut group = groups::find_to_change(plane, &id)?;
    for rule in &mut added {
        if let Source::Group(other) = &rule.source {
            plane.group(other).filter(|other| other.vpc_id == group.vpc_id).ok_or_else(|| groups::not_found(other))?;
        }
        if group.ingress.iter().any(|known| same(known, rule)) {
            return Err(ApiError::new(
                "InvalidPermission.Duplicate",
                format!("the specified rule \"{}\" already exists", words(rule)),
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
    xml.list("securityGroupRuleSet", &added, |xml, rule| write_rule(xml, plane, &group, rule));
    store(plane, group);
    Ok(xml)
}

pub(super) fn revoke(plane: &mut Plane, params: &mut Params, _view: View) -> Answer {
    let id = params.required("GroupId")?;
    let rule_ids = params.list("SecurityGroupRuleId");
    let removed = read(params)?;
    params.finish()?;
    let mut group = groups::find_to_change(plane, &id)?;
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
    // Without a match nothing is revoked at all, unless the VPC is a default one (API reference).
    if let Some(missed) = removed.iter().find(|rule| !group.ingress.iter().any(|known| same(known, rule))) {
        return Err(ApiError::new(
            "InvalidPermission.NotFound",
            format!("The specified rule \"{}\" does not exist in this security group.", words(missed)),
        ));
    }
    let goes = |rule: &Rule| rule_ids.contains(&rule.id) || removed.iter().any(|gone| same(gone, rule));
    let mut xml = Xml::done();
    xml.list("revokedSecurityGroupRuleSet", group.ingress.iter().filter(|rule| goes(rule)), |xml, rule| {
        write_core(xml, &group, rule);
        if let Source::Group(other) = &rule.source {
            xml.field("referencedGroupId", other);
        }
    });
    group.ingress.retain(|rule| !goes(rule));
    store(plane, group);
    Ok(xml)
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

pub(super) fn describe(plane: &mut Plane, params: &mut Params, view: View) -> Answer {
    let ids = params.list("SecurityGroupRuleId");
    let filters = params.filters(&FILTERS)?;
    let paging = params.paging(5)?;
    params.finish()?;
    let mut rows = Vec::new();
    for group in plane.groups.values().filter_map(|group| group.as_of(view)) {
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
    xml.list("securityGroupRuleSet", &page, |xml, (group, rule)| write_rule(xml, plane, group, rule));
    xml.maybe("nextToken", next);
    Ok(xml)
}

fn write_core(xml: &mut Xml, group: &Group, rule: &Rule) {
    xml.field("securityGroupRuleId", &rule.id);
    xml.field("groupId", &group.id);
    xml.field("isEgress", false);
    xml.field("ipProtocol", &rule.protocol);
    xml.field("fromPort", rule.from_port.unwrap_or(-1));
    xml.field("toPort", rule.to_port.unwrap_or(-1));
    match &rule.source {
        Source::Cidr(block) => xml.field("cidrIpv4", block),
        Source::Ipv6Cidr(block) => xml.field("cidrIpv6", block),
        Source::PrefixList(id) => xml.field("prefixListId", id),
        Source::Group(_) => {}
    }
    xml.maybe("description", rule.description.as_ref());
}

fn write_rule(xml: &mut Xml, plane: &Plane, group: &Group, rule: &Rule) {
    let owner = plane.owner(&group.vpc_id);
    write_core(xml, group, rule);
    if let Source::Group(other) = &rule.source {
        xml.nest("referencedGroupInfo", |xml| {
            xml.field("groupId", other);
            xml.field("userId", &owner);
        });
    }
    xml.field("groupOwnerId", &owner);
    xml.tags(&rule.tags);
    xml.field(
        "securityGroupRuleArn",
        format_args!("arn:aws:ec2:{}:{owner}:security-group-rule/{}", plane.region, rule.id),
    );
}

/// The older form: one permission for each protocol and port range, with all of its sources.
pub(super) fn write_permissions(xml: &mut Xml, plane: &Plane, rules: &[Rule]) {
    let mut kinds: Vec<(&str, Option<i32>, Option<i32>)> = Vec::new();
    for rule in rules {
        let kind = (rule.protocol.as_str(), rule.from_port, rule.to_port);
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    xml.list("ipPermissions", kinds, |xml, kind| {
        let (protocol, from_port, to_port) = kind;
        xml.field("ipProtocol", protocol);
        xml.maybe("fromPort", from_port);
        xml.maybe("toPort", to_port);
        let alike: Vec<&Rule> =
            rules.iter().filter(|rule| (rule.protocol.as_str(), rule.from_port, rule.to_port) == kind).collect();
        let mut sources = |list: &str, field: &str, value: fn(&Source) -> Option<&String>| {
            xml.list(list, alike.iter().filter(|rule| value(&rule.source).is_some()), |xml, rule| {
                xml.maybe("description", rule.description.as_ref());
                xml.maybe(field, value(&rule.source));
                if let Source::Group(_) = rule.source {
                    xml.field("userId", &plane.account);
                }
            });
        };
        sources("groups", "groupId", |source| if let Source::Group(id) = source { Some(id) } else { None });
        sources("ipRanges", "cidrIp", |source| if let Source::Cidr(block) = source { Some(block) } else { None });
        sources(
            "ipv6Ranges",
            "cidrIpv6",
            |source| if let Source::Ipv6Cidr(block) = source { Some(block) } else { None },
        );
        sources(
            "prefixListIds",
            "prefixListId",
            |source| if let Source::PrefixList(id) = source { Some(id) } else { None },
        );
    });
}
