//! The provider's rules in its security group that nobody requests anymore. All endpoints of a service in a VPC use the same
//! security group.

use super::leave::references;
use super::others::Others;
use crate::model::endpoint::Endpoint;
use crate::model::security_group::{IngressRule, Rule, SecurityGroup, Source};
use crate::model::tags::Claim;
use ipnet::IpNet;

/// All others who use the security group: the other holders of the endpoint, and the holders of its siblings.
pub(super) fn others_of_group(claim: Claim<'_>, endpoint: &Endpoint, endpoints: &[Endpoint]) -> Others {
    let place = (&endpoint.vpc_id, &endpoint.service_name);
    let is_sibling = |other: &&Endpoint| {
        other.id != endpoint.id
            && (&other.vpc_id, &other.service_name) == place
            && other.is_owned()
            && other.state.is_usable()
    };
    let of_siblings = endpoints.iter().filter(is_sibling).flat_map(|other| references(&other.tags));
    Others::of(claim.others(&endpoint.tags).chain(of_siblings))
}

/// The rules that are neither this resource's own nor requested by any of the others. A holder that has given no sources
/// requests the blocks of the VPC; where the security group has no rules for just those, it relies on what overlaps them. An
/// answer without blocks does not tell which rules those are, so none is too much.
pub(super) fn surplus_rules(
    group: &SecurityGroup,
    own: &[IngressRule],
    others: &Others,
    blocks: &[IpNet],
) -> Vec<IngressRule> {
    if blocks.is_empty() {
        return Vec::new();
    }
    let has_rule = |port: u16, block: &IpNet| {
        let fits = |rule: &&Rule| rule.allows(port) && rule.source == Source::Block(*block);
        group.rules.iter().any(|rule| fits(&rule))
    };
    let is_vpc = |rule: &IngressRule| {
        let exact = blocks.iter().all(|block| has_rule(rule.port, block));
        let overlaps = |block: IpNet| blocks.iter().any(|vpc| vpc.contains(&block) || block.contains(vpc));
        rule.source.block().is_some_and(|block| if exact { blocks.contains(&block) } else { overlaps(block) })
    };
    let is_needed = |rule: &IngressRule| others.who_admits(rule.port, &rule.source, is_vpc(rule)).is_some();
    group.provider_rules().filter(|rule| !own.contains(rule) && !is_needed(rule)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tags::{Reference, Tags};

    fn group(sources: &[&str]) -> SecurityGroup {
        let rule = |source: &&str| Rule {
            protocol: "tcp".to_owned(),
            ports: Some((4000, 4000)),
            source: Source::Block(source.parse().unwrap()),
            is_ours: true,
        };
        let rules = sources.iter().map(rule).collect();
        SecurityGroup { id: "sg-1".into(), vpc_id: "vpc-1".into(), name: String::new(), tags: Tags::new(), rules }
    }

    fn surplus(sources: &[&str], others: &[&str]) -> Vec<String> {
        let others = Others::of(others.iter().map(|value| Reference::parse(value)));
        let rules = surplus_rules(&group(sources), &[], &others, &["10.0.0.0/16".parse().unwrap()]);
        rules.iter().map(|rule| rule.source.to_string()).collect()
    }

    #[test]
    fn a_holder_of_the_vpc_keeps_what_lets_the_vpc_in() {
        let default = &["billing/TiDB 0123456789ab dns=on"];
        assert_eq!(surplus(&["10.0.0.0/8"], default), [""; 0], "it relies on a wider rule");
        assert_eq!(surplus(&["10.0.0.0/8", "10.0.0.0/16"], default), ["10.0.0.0/8"]);
        assert_eq!(surplus(&["192.168.0.0/24"], default), ["192.168.0.0/24"]);
    }

    #[test]
    fn a_rule_stays_as_long_as_somebody_requests_it_or_may() {
        assert_eq!(surplus(&["10.0.0.0/20"], &["billing/TiDB 0123456789ab dns=on from=10.0.0.0/20"]), [""; 0]);
        assert_eq!(surplus(&["10.0.0.0/20"], &["billing/TiDB 0123456789ab dns=on groups=1"]), ["10.0.0.0/20"]);
        assert_eq!(surplus(&["10.0.0.0/20"], &["billing/TiDB 0123456789ab"]), [""; 0]);
        assert_eq!(surplus(&["10.0.0.0/20"], &["billing/TiDB 0123456789ab dns=on port=3306"]), ["10.0.0.0/20"]);
    }
}
