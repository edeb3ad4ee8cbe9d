//! What holders request of an endpoint and it does not have, as far as EC2 and the references show it.

use super::status::own_groups;
use super::text;
use crate::model::change::IpAddressType;
use crate::model::endpoint::Endpoint;
use crate::model::ids::{SubnetId, ZoneId, join};
use crate::model::network::Subnet;
use crate::model::security_group::SecurityGroup;
use crate::model::tags::{REF, Reference};
use crate::model::wanted::{Items, Place, Wanted};
use std::collections::BTreeMap;

/// The zones of subnets.
pub(super) type Zones = BTreeMap<SubnetId, ZoneId>;

pub(super) fn zones(subnets: &[Subnet]) -> Zones {
    subnets.iter().map(|subnet| (subnet.id.clone(), subnet.zone_id.clone())).collect()
}

/// Name and request of each holder that has recorded one.
pub(super) fn requests(endpoint: &Endpoint) -> Vec<(&str, Wanted)> {
    let values = endpoint.tags.iter().filter(|(key, _)| key.starts_with(REF)).map(|(_, value)| Reference::parse(value));
    values.filter_map(|reference| Some((reference.name, reference.wanted()?))).collect()
}

/// One sentence for each difference. A foreign endpoint is never brought to what is requested, so it has none.
pub(super) fn differences(endpoint: &Endpoint, groups: &[SecurityGroup], zones: &Zones) -> Vec<String> {
    let requests = requests(endpoint).into_iter().filter(|_| endpoint.is_owned());
    requests.flat_map(|(name, wanted)| differences_of(name, &wanted, endpoint, groups, zones)).collect()
}

fn differences_of(
    name: &str,
    wanted: &Wanted,
    endpoint: &Endpoint,
    groups: &[SecurityGroup],
    zones: &Zones,
) -> Vec<String> {
    let mut found = Vec::new();
    if wanted.private_dns && !endpoint.private_dns {
        found.push(format!("{name} requests private DNS, which is off."));
    }
    match &wanted.place {
        // Which zones the service supports is not read; and a resource of another VPC requests none.
        Place::EveryZone | Place::Anywhere => {}
        Place::Zones(wanted) => {
            let there: Option<Vec<&ZoneId>> = endpoint.subnet_ids.iter().map(|id| zones.get(id)).collect();
            let lacks = there.and_then(|there| missing(wanted, &there, "", "zone", "zones"));
            found.extend(lacks.map(|what| format!("{name} requests {what}, where the endpoint has no subnet.")));
        }
        Place::Subnets(wanted, in_zones) => {
            let wanted = within(wanted, in_zones, zones);
            let lacks = missing(&wanted, &endpoint.subnet_ids, "subnet-", "subnet", "subnets");
            found.extend(lacks.map(|what| format!("{name} requests {what}, which the endpoint does not have.")));
        }
    }
    if !wanted.uses_managed_group() {
        let lacks = missing(&wanted.groups, &endpoint.group_ids, "sg-", "security group", "security groups");
        found.extend(lacks.map(|what| format!("{name} requests {what}, which the endpoint does not have.")));
    } else if own_groups(endpoint, groups).next().is_none() {
        found.push(format!("{name} requests the provider's security group, which is not attached."));
    }
    if let Some(kind) = wanted.ip_address_type
        && !endpoint.ip_address_type.is_empty()
        && ![kind.as_str(), IpAddressType::Dualstack.as_str()].contains(&endpoint.ip_address_type.as_str())
    {
        let has = &endpoint.ip_address_type;
        found.push(format!("{name} requests the IP address type {kind}, but it is {has}."));
    }
    found
}

/// The requested subnets that are in the requested zones: a resource that names both requests no other. A zone that is not
/// known may be any, and a subnet without a name is left out, because its zone cannot be told.
fn within(subnets: &Items, in_zones: &Items, zones: &Zones) -> Items {
    if in_zones.is_empty() {
        return subnets.clone();
    }
    let (named, _) = subnets.missing_from::<SubnetId>(&[]);
    let is_within = |short: &String| {
        let zone = zones.get(&SubnetId::from(format!("subnet-{short}").as_str()));
        zone.is_none_or(|zone| in_zones.has(zone))
    };
    Items::Listed(named.into_iter().filter(is_within).collect())
}

/// The requested items that are not there, in words.
fn missing<T: ToString + std::fmt::Display>(
    wanted: &Items,
    there: &[T],
    prefix: &str,
    one: &str,
    many: &str,
) -> Option<String> {
    let (named, unnamed) = wanted.missing_from(there);
    let named = named.into_iter().map(|name| format!("{prefix}{name}"));
    let unnamed = (unnamed > 0).then(|| {
        let count = text::count(unnamed, one, many);
        format!("{count} that its reference has no room to name")
    });
    let all: Vec<String> = named.chain(unnamed).collect();
    (!all.is_empty()).then(|| join(all, ", "))
}
