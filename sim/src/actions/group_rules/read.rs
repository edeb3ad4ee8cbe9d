//! Rules in requests.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::{
    error::{ApiError, check_id},
    query::{Params, missing},
    tags::Tags,
    world::{Rule, Source},
};

/// Reads `IpPermissions.N`, each with one or more sources, or the single rule in the top-level parameters.
pub(super) fn rules(params: &mut Params) -> Result<Vec<Rule>, ApiError> {
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
                // The owner of the security group is optional, and can only be this account.
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
        normalize(rule)?;
    }
    Ok(rules)
}

/// Converts a valid rule to the form in which EC2 stores it.
fn normalize(rule: &mut Rule) -> Result<(), ApiError> {
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
