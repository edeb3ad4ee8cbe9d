//! Names: which are taken in a VPC, and which an endpoint has.
//!
//! For every endpoint with private DNS, AWS keeps a hidden hosted zone in the VPC. A name is taken by that zone and not
//! by the endpoint, which is why it stays taken for a while after the endpoint is gone.

use std::{collections::BTreeSet, time::Duration};

use crate::{
    endpoint::Endpoint,
    knobs::{DnsOrder, Knobs},
    random::Random,
};

/// A hidden zone.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Hidden {
    vpc: String,
    name: String,
    endpoint: String,
    since: Duration,
}

/// Who has a name already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// A hosted zone of the customer's own.
    ByCustomer,
    /// An endpoint, living, dying or dead, since that long.
    ByEndpoint(Duration),
}

/// The hidden zones of all VPCs.
#[derive(Debug, Default)]
pub(crate) struct Zones(Vec<Hidden>);

impl Zones {
    pub(crate) fn take(&mut self, vpc: &str, name: &str, endpoint: &str, since: Duration) {
        self.0.push(Hidden { vpc: vpc.to_owned(), name: name.to_owned(), endpoint: endpoint.to_owned(), since });
    }

    /// Lets go of the oldest zone of the endpoint.
    pub(crate) fn release(&mut self, endpoint: &str) {
        if let Some(first) = self.0.iter().position(|hidden| hidden.endpoint == endpoint) {
            self.0.remove(first);
        }
    }

    /// Who has the name in the VPC, if not the endpoint itself.
    pub(crate) fn taken(&self, vpc: &str, name: &str, own: Option<&str>, now: Duration) -> Option<Taken> {
        self.0
            .iter()
            .filter(|hidden| hidden.vpc == vpc && Some(hidden.endpoint.as_str()) != own)
            .find(|hidden| same_or_wildcard(&hidden.name, name) || same_or_wildcard(name, &hidden.name))
            .map(|hidden| Taken::ByEndpoint(now.saturating_sub(hidden.since)))
    }
}

/// Whether one of the customer's zones holds the name: exactly, by a wildcard, or (a knob) as a parent domain.
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

/// One of an endpoint's names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) hosted_zone: String,
}

/// AWS's own zone for the names of endpoints in us-east-1; other regions get one made up from their names.
fn regional_zone(region: &str) -> String {
    if region == "us-east-1" { "Z7HUB22UULQXV".to_owned() } else { made_up_zone(region) }
}

fn made_up_zone(name: &str) -> String {
    format!("Z{}", Random::named(name).text(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", 20))
}

/// The names that an endpoint has: `vpce-ID-LABEL.vpce-svc-ID.REGION.vpce.amazonaws.com`, the same with the name of each
/// zone after the label, and the private name. `zones` are the names of its subnets' zones.
pub(crate) fn entries(
    endpoint: &Endpoint,
    private_name: Option<&str>,
    zones: &[String],
    region: &str,
    knobs: &Knobs,
) -> Vec<Entry> {
    // The API reference shows entries in the answer of Create; aws-vpce-operator found none before `available`.
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
    if let Some(name) = private_name.filter(|_| endpoint.private_dns_enabled) {
        entries.push(Entry { name: name.to_owned(), hosted_zone: made_up_zone(&endpoint.id) });
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
    fn a_customers_zone_takes_a_name_exactly_by_wildcard_and_as_a_parent() {
        assert!(customer(NAME, false));
        assert!(customer("Gateway01-PrivateLink.us-east-1.prod.aws.tidbcloud.com.", false), "case and final dot");
        assert!(customer("*.us-east-1.prod.aws.tidbcloud.com", false));
        assert!(customer("tidbcloud.com", true));
        assert!(!customer("tidbcloud.com", false), "parents are a knob");
        assert!(!customer("dbcloud.com", true), "a suffix is not a parent");
        assert!(!customer("*.prod.aws.tidbcloud.com", false), "a wildcard stands for one label");
        assert!(!customer("gateway02-privatelink.us-east-1.prod.aws.tidbcloud.com", true));
    }

    #[test]
    fn hidden_zones_are_per_vpc_and_one_may_go_while_another_stays() {
        let mut zones = Zones::default();
        zones.take("vpc-1", NAME, "vpce-1", Duration::ZERO);
        zones.take("vpc-1", NAME, "vpce-1", Duration::from_secs(1));
        let taken = |zones: &Zones, vpc, own| zones.taken(vpc, NAME, own, Duration::from_secs(3)).is_some();
        assert!(taken(&zones, "vpc-1", None));
        assert!(!taken(&zones, "vpc-1", Some("vpce-1")), "its own");
        assert!(!taken(&zones, "vpc-2", None));
        zones.release("vpce-1");
        assert!(taken(&zones, "vpc-1", None), "taken again before it was released");
        zones.release("vpce-1");
        assert!(!taken(&zones, "vpc-1", None));
    }
}
