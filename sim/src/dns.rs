//! DNS names: which private names are in use in a VPC, and which names an endpoint has.
//!
//! For every endpoint with private DNS, AWS associates a hidden private hosted zone with the VPC. The name belongs to that
//! zone and not to the endpoint, so it stays in use for a while after the endpoint is deleted.

use std::{collections::BTreeSet, time::Duration};

use crate::{
    endpoint::Endpoint,
    knobs::{DnsOrder, Knobs},
    random::Random,
};

/// A hidden private hosted zone.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Hidden {
    vpc: String,
    names: Vec<String>,
    endpoint: String,
    since: Duration,
}

/// What already uses a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// A private hosted zone of the customer.
    ByCustomer,
    /// An endpoint in any state, or one that was deleted; the name has been in use for this long.
    ByEndpoint(Duration),
}

/// The hidden private hosted zones of all VPCs.
#[derive(Debug, Default)]
pub(crate) struct Zones(Vec<Hidden>);

impl Zones {
    pub(crate) fn take(&mut self, vpc: &str, names: Vec<String>, endpoint: &str, since: Duration) {
        self.0.push(Hidden { vpc: vpc.to_owned(), names, endpoint: endpoint.to_owned(), since });
    }

    /// Removes the oldest zone of the endpoint.
    pub(crate) fn release(&mut self, endpoint: &str) {
        if let Some(first) = self.0.iter().position(|hidden| hidden.endpoint == endpoint) {
            self.0.remove(first);
        }
    }

    /// What uses the name in the VPC, other than the endpoint itself.
    pub(crate) fn taken(&self, vpc: &str, name: &str, own: Option<&str>, now: Duration) -> Option<Taken> {
        self.0
            .iter()
            .filter(|hidden| hidden.vpc == vpc && Some(hidden.endpoint.as_str()) != own)
            .find(|hidden| {
                hidden.names.iter().any(|other| same_or_wildcard(other, name) || same_or_wildcard(name, other))
            })
            .map(|hidden| Taken::ByEndpoint(now.saturating_sub(hidden.since)))
    }
}

/// Whether one of the customer's zones contains the name: exactly, by a wildcard, or (depending on a knob) as a parent
/// domain.
pub(crate) fn taken_by_customer(zones: &BTreeSet<String>, name: &str, parents: bool) -> Option<Taken> {
    let name = normal(name);
    zones
        .iter()
        .map(|zone| normal(zone))
        .any(|zone| {
            same_or_wildcard(&zone, &name)
                || (parents && name.strip_suffix(&zone).is_some_and(|rest| rest.ends_with('.')))
        })
        .then_some(Taken::ByCustomer)
}

fn normal(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

fn same_or_wildcard(zone: &str, name: &str) -> bool {
    zone == name
        || zone
            .strip_prefix('*')
            .and_then(|suffix| name.strip_suffix(suffix))
            .is_some_and(|label| !label.is_empty() && !label.contains('.'))
}

/// One of an endpoint's DNS entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) hosted_zone: String,
}

/// The hosted zone ID of the private DNS entries of a new endpoint (recorded in several Regions from 2022 on).
const ZONE_ID_PENDING: &str = "ZONEIDPENDING";

/// AWS's hosted zone for endpoint names, where it was recorded. For other Regions the ID is generated from the name.
fn regional_zone(region: &str) -> String {
    match region {
        "ap-northeast-1" => "Z2E726K9Y6RL4W".to_owned(),
        "ap-southeast-1" => "Z18LLCSTV4NVNL".to_owned(),
        "eu-west-2" => "Z7K1066E3PUKB".to_owned(),
        "us-east-1" => "Z7HUB22UULQXV".to_owned(),
        "us-west-1" => "Z12I86A8N7VCZO".to_owned(),
        "us-west-2" => "Z1YSA3EXCYUU9Z".to_owned(),
        other => generated_zone(other),
    }
}

fn generated_zone(name: &str) -> String {
    format!("Z{}", Random::named(name).text(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", 20))
}

/// The DNS entries of an endpoint: the regional name `vpce-ID-LABEL.vpce-svc-ID.REGION.vpce.amazonaws.com`, the zonal
/// names, which have the Availability Zone's name after the label, and the private names. `zones` are the names of its
/// subnets' Availability Zones.
pub(crate) fn entries(
    endpoint: &Endpoint,
    private_names: &[String],
    zones: &[String],
    region: &str,
    knobs: &Knobs,
) -> Vec<Entry> {
    // Recorded responses have all entries from CreateVpcEndpoint on; aws-vpce-operator expects none before `available`.
    if zones.is_empty() || !(endpoint.was_available || knobs.dns_entries_while_pending) {
        return Vec::new();
    }
    let mut random = Random::named(&endpoint.id);
    let label = random.text(b"abcdefghijklmnopqrstuvwxyz0123456789", 8);
    let service = endpoint.service_name.rsplit('.').next().unwrap_or_default();
    let names = std::iter::once(String::new()).chain(zones.iter().map(|zone| format!("-{zone}")));
    let mut entries: Vec<Entry> = names
        .map(|zone| Entry {
            name: format!("{}-{label}{zone}.{service}.{region}.vpce.amazonaws.com", endpoint.id),
            hosted_zone: regional_zone(region),
        })
        .collect();
    for name in private_names.iter().filter(|_| endpoint.private_dns_enabled) {
        // A wildcard name is in the zone of its parent domain.
        let zone = name.trim_start_matches("*.");
        let generated = || generated_zone(&format!("{} {zone}", endpoint.id));
        let hosted_zone = if endpoint.zone_id_pending { ZONE_ID_PENDING.to_owned() } else { generated() };
        entries.push(Entry { name: name.clone(), hosted_zone });
    }
    if knobs.dns_order == DnsOrder::Shuffled {
        random.shuffle(&mut entries);
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "gateway01-privatelink.us-east-1.prod.aws.tidbcloud.com";

    fn customer(zone: &str, parents: bool) -> bool {
        taken_by_customer(&BTreeSet::from([zone.to_owned()]), NAME, parents).is_some()
    }

    #[test]
    fn a_customer_zone_contains_a_name_exactly_by_wildcard_or_as_a_parent() {
        assert!(customer(NAME, false));
        assert!(
            customer("Gateway01-PrivateLink.us-east-1.prod.aws.tidbcloud.com.", false),
            "case and trailing dot do not matter"
        );
        assert!(customer("*.us-east-1.prod.aws.tidbcloud.com", false));
        assert!(customer("tidbcloud.com", true));
        assert!(!customer("tidbcloud.com", false), "parent domains are a knob");
        assert!(!customer("dbcloud.com", true), "a suffix is not a parent domain");
        assert!(!customer("*.prod.aws.tidbcloud.com", false), "a wildcard matches one label");
        assert!(!customer("gateway02-privatelink.us-east-1.prod.aws.tidbcloud.com", true));
    }

    #[test]
    fn hidden_zones_are_per_vpc_and_released_one_at_a_time() {
        let mut zones = Zones::default();
        zones.take("vpc-1", vec![NAME.to_owned()], "vpce-1", Duration::ZERO);
        zones.take("vpc-1", vec![NAME.to_owned()], "vpce-1", Duration::from_secs(1));
        let taken = |zones: &Zones, vpc, own| zones.taken(vpc, NAME, own, Duration::from_secs(3)).is_some();
        assert!(taken(&zones, "vpc-1", None));
        assert!(!taken(&zones, "vpc-1", Some("vpce-1")), "the endpoint's own zone");
        assert!(!taken(&zones, "vpc-2", None));
        zones.release("vpce-1");
        assert!(taken(&zones, "vpc-1", None), "enabled again before the first zone was released");
        zones.release("vpce-1");
        assert!(!taken(&zones, "vpc-1", None));
    }
}
