//! Rules in responses.

use crate::{
    plane::Plane,
    world::{Group, Rule, Source},
    xml::Xml,
};

pub(super) fn core(xml: &mut Xml, group: &Group, rule: &Rule) {
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

pub(super) fn rule(xml: &mut Xml, plane: &Plane, group: &Group, rule: &Rule) {
    let owner = plane.owner(&group.vpc_id);
    core(xml, group, rule);
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

/// The older format: one permission per protocol and port range, with all of its sources.
pub(in crate::actions) fn permissions(xml: &mut Xml, plane: &Plane, rules: &[Rule]) {
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
        let matching: Vec<&Rule> =
            rules.iter().filter(|rule| (rule.protocol.as_str(), rule.from_port, rule.to_port) == kind).collect();
        let mut sources = |list: &str, field: &str, value: fn(&Source) -> Option<&String>| {
            xml.list(list, matching.iter().filter(|rule| value(&rule.source).is_some()), |xml, rule| {
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
