//! EC2's shapes and ours.

use crate::endpoint::{DnsEntry, Endpoint, EndpointState};
use crate::group::{Group, Opening, RULE_DESCRIPTION, Rule, Source};
use crate::reference::Tags;
use crate::survey::Service;
use aws_sdk_ec2::types::{
    DnsNameState, Filter, IpPermission, IpRange, Ipv6Range, PrefixListId, SecurityGroup, ServiceDetail, Tag,
    UserIdGroupPair, VpcEndpoint, VpcEndpointType,
};
use ipnet::IpNet;
use jiff::Timestamp;

pub(super) fn filter<'a>(name: &str, values: impl IntoIterator<Item = &'a str>) -> Filter {
    Filter::builder().name(name).set_values(Some(values.into_iter().map(str::to_owned).collect())).build()
}

pub(super) fn texts<T: ToString>(ids: &[T]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}

pub(super) fn sdk_tags(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

/// `None` for what is not an interface endpoint, or lacks what every endpoint has.
pub(super) fn endpoint(from: &VpcEndpoint) -> Option<Endpoint> {
    if from.vpc_endpoint_type()?.as_str() != VpcEndpointType::Interface.as_str() {
        return None;
    }
    let entries = from.dns_entries().iter().map(|entry| DnsEntry {
        name: entry.dns_name().unwrap_or_default().to_owned(),
        hosted_zone_id: entry.hosted_zone_id().unwrap_or_default().to_owned(),
    });
    let last_error = from.last_error().map(|error| {
        format!("{}: {}", error.code().unwrap_or("Unknown"), error.message().unwrap_or_default().trim_end_matches('.'))
    });
    Some(Endpoint {
        id: from.vpc_endpoint_id()?.into(),
        vpc_id: from.vpc_id()?.into(),
        service_name: from.service_name()?.into(),
        state: EndpointState::read(from.state()?.as_str()),
        private_dns: from.private_dns_enabled().unwrap_or_default(),
        requester_managed: from.requester_managed().unwrap_or_default(),
        ip_address_type: from.ip_address_type().map(|kind| kind.as_str().to_ascii_lowercase()).unwrap_or_default(),
        subnet_ids: from.subnet_ids().iter().map(|id| id.as_str().into()).collect(),
        group_ids: from.groups().iter().filter_map(|group| group.group_id().map(Into::into)).collect(),
        network_interface_ids: from.network_interface_ids().to_vec(),
        dns_entries: entries.collect(),
        created_at: from
            .creation_timestamp()
            .and_then(|at| Timestamp::new(at.secs(), i32::try_from(at.subsec_nanos()).ok()?).ok()),
        last_error: last_error.or_else(|| from.failure_reason().map(str::to_owned)),
        tags: product_tags(from.tags()),
    })
}

pub(super) fn service(from: &ServiceDetail) -> Service {
    let names = from.private_dns_names().iter().filter_map(|name| name.private_dns_name());
    Service {
        acceptance_required: from.acceptance_required().unwrap_or_default(),
        zone_ids: from.availability_zone_ids().iter().map(|id| id.as_str().into()).collect(),
        zone_names: from.availability_zones().to_vec(),
        private_dns_name: from.private_dns_name().or(names.into_iter().next()).map(str::to_owned),
        private_dns_verified: from
            .private_dns_name_verification_state()
            .is_none_or(|state| state.as_str() == DnsNameState::Verified.as_str()),
    }
}

pub(super) fn group(from: &SecurityGroup) -> Option<Group> {
    let rules = from.ip_permissions().iter().flat_map(|permission| {
        let ports = permission.from_port().zip(permission.to_port()).filter(|(first, _)| *first >= 0);
        let rule = move |source: Source, description: Option<&str>| Rule {
            protocol: permission.ip_protocol().unwrap_or_default().to_owned(),
            ports,
            source,
            ours: description == Some(RULE_DESCRIPTION),
        };
        let v4 = permission.ip_ranges().iter().filter_map(|range| Some((range.cidr_ip()?, range.description())));
        let v6 = permission.ipv6_ranges().iter().filter_map(|range| Some((range.cidr_ipv6()?, range.description())));
        let blocks = v4.chain(v6).filter_map(|(block, text)| Some((Source::Block(block.parse().ok()?), text)));
        let lists = permission.prefix_list_ids().iter();
        let lists =
            lists.filter_map(|list| Some((Source::PrefixList(list.prefix_list_id()?.to_owned()), list.description())));
        let groups = permission.user_id_group_pairs().iter();
        let groups = groups.filter_map(|pair| Some((Source::Group(pair.group_id()?.into()), pair.description())));
        blocks
            .chain(lists)
            .chain(groups)
            .map(move |(source, description)| rule(source, description))
            .collect::<Vec<_>>()
    });
    Some(Group {
        id: from.group_id()?.into(),
        vpc_id: from.vpc_id()?.into(),
        name: from.group_name().unwrap_or_default().to_owned(),
        tags: product_tags(from.tags()),
        rules: rules.collect(),
    })
}

pub(super) fn permission(opening: &Opening) -> IpPermission {
    let port = i32::from(opening.port);
    let permission = IpPermission::builder().ip_protocol("tcp").from_port(port).to_port(port);
    let described = RULE_DESCRIPTION;
    match &opening.source {
        Source::Block(block @ IpNet::V4(_)) => {
            permission.ip_ranges(IpRange::builder().cidr_ip(block.to_string()).description(described).build())
        }
        Source::Block(block @ IpNet::V6(_)) => {
            permission.ipv6_ranges(Ipv6Range::builder().cidr_ipv6(block.to_string()).description(described).build())
        }
        Source::PrefixList(id) => {
            permission.prefix_list_ids(PrefixListId::builder().prefix_list_id(id).description(described).build())
        }
        Source::Group(id) => permission
            .user_id_group_pairs(UserIdGroupPair::builder().group_id(id.as_str()).description(described).build()),
    }
    .build()
}

fn product_tags(tags: &[Tag]) -> Tags {
    tags.iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned()))).collect()
}
