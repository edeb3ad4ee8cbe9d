//! What a holder requests of an endpoint, as its reference records it.
//!
//! Every event brings an endpoint to what all its holders request together, and most of them are other stacks' resources.
//! So each holder writes its request into the value of its own reference, where every other event reads it and nobody else
//! writes (`docs/sharing.md`). A value has 256 characters. Lists that do not fit are shortened to fingerprints, and what
//! does not fit even then stands for everything: it keeps all that is there.

use super::change::IpAddressType;
use super::ids::{GroupId, SubnetId, ZoneId};
pub use super::items::Items;
use super::prefixes;
use super::security_group::Source;
use std::fmt::{self, Display, Write as _};

/// The port of TiDB Cloud's gateways, which a recorded request does not name.
pub const DEFAULT_PORT: u16 = 4000;

/// In place of the zones of a request that leaves them to others.
const ANYWHERE: &str = "any";

/// What a resource requests of an owned endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    pub place: Place,
    /// The security groups on the endpoint; empty for the one that the provider manages.
    pub groups: Items,
    /// Who may connect, in the provider's security group; empty for the blocks of the endpoint's VPC.
    pub sources: Items,
    pub port: u16,
    pub private_dns: bool,
    /// `None` leaves it to EC2.
    pub ip_address_type: Option<IpAddressType>,
    /// The user's tags, each as `key=value`.
    pub tags: Items,
}

/// Where the endpoint is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In every zone of the service.
    EveryZone,
    /// Where it is, as long as it is somewhere.
    Anywhere,
    Zones(Items),
    /// In these subnets, as far as they are in these zones; no zones stand for all.
    Subnets(Items, Items),
}

/// A user's tag as an item.
pub fn tag_item(key: &str, value: &str) -> String {
    format!("{key}={value}")
}

impl Wanted {
    /// Whether it names a subnet. A zone that is not known may be any.
    pub fn names_subnet(&self, subnet: &SubnetId, zone: Option<&ZoneId>) -> bool {
        let Place::Subnets(subnets, zones) = &self.place else { return false };
        subnets.has(subnet) && (zones.is_empty() || zone.is_none_or(|zone| zones.has(zone)))
    }

    /// Whether its properties listed a subnet, and it is one of few enough to be recorded.
    pub fn lists_subnet(&self, subnet: &SubnetId) -> bool {
        matches!(&self.place, Place::Subnets(subnets, _) if !subnets.is_everything() && subnets.has(subnet))
    }

    /// Whether it requests a zone, and leaves the subnet there to the provider. A zone that is not known may be any.
    pub fn wants_zone(&self, zone: Option<&ZoneId>) -> bool {
        match &self.place {
            Place::EveryZone => true,
            Place::Zones(zones) => zone.is_none_or(|zone| zones.has(zone)),
            Place::Subnets(..) | Place::Anywhere => false,
        }
    }

    /// Whether it uses the security group that the provider manages.
    pub fn uses_managed_group(&self) -> bool {
        self.groups.is_empty()
    }

    pub fn has_group(&self, group: &GroupId) -> bool {
        !self.groups.is_empty() && self.groups.has(group)
    }

    /// Whether it requests that a source may connect to a port; `is_vpc` tells whether the source is a block of the VPC.
    pub fn admits(&self, port: u16, source: &Source, is_vpc: bool) -> bool {
        self.uses_managed_group()
            && self.port == port
            && if self.sources.is_empty() { is_vpc } else { self.sources.has(source) }
    }

    /// Whether the other one is sure to request every place that it requests.
    pub fn place_is_within(&self, other: &Self) -> bool {
        match (&self.place, &other.place) {
            (Place::Anywhere, _) | (Place::EveryZone | Place::Zones(_), Place::EveryZone) => true,
            (Place::Zones(own), Place::Zones(others)) => own.are_within(others),
            (Place::Subnets(own, _), Place::Subnets(others, zones)) => own.are_within(others) && zones.is_empty(),
            _ => false,
        }
    }

    /// Whether the other one is sure to let in all whom it lets in through the provider's security group.
    pub fn sources_are_within(&self, other: &Self) -> bool {
        other.uses_managed_group()
            && self.port == other.port
            && self.sources.is_empty() == other.sources.is_empty()
            && self.sources.are_within(&other.sources)
    }

    /// As text of at most so many characters. Returns whether everything has fit.
    pub fn fit(&self, room: usize) -> (String, bool) {
        let mut fitting = self.clone();
        if !self.tags.is_empty() {
            fitting.tags.shorten();
        }
        while fitting.to_string().chars().count() > room {
            let Some(longest) = fitting.lists().into_iter().max_by_key(|items| items.to_string().len()) else { break };
            if longest.is_everything() {
                break;
            }
            longest.shorten();
        }
        let whole = fitting.lists().iter().all(|items| !items.is_everything());
        (fitting.to_string(), whole)
    }

    fn lists(&mut self) -> Vec<&mut Items> {
        let place = match &mut self.place {
            Place::EveryZone | Place::Anywhere => Vec::new(),
            Place::Zones(items) => vec![items],
            Place::Subnets(subnets, zones) => vec![subnets, zones],
        };
        place.into_iter().chain([&mut self.groups, &mut self.sources, &mut self.tags]).collect()
    }

    /// Reads what [`Display`] writes; `None` if it is anything else, such as what an earlier version has written.
    pub fn parse(text: &str) -> Option<Self> {
        let mut wanted = Self {
            place: Place::EveryZone,
            groups: Items::Listed(Vec::new()),
            sources: Items::Listed(Vec::new()),
            port: DEFAULT_PORT,
            private_dns: false,
            ip_address_type: None,
            tags: Items::Listed(Vec::new()),
        };
        let (mut has_dns, mut subnets, mut zones) = (false, None, None);
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            let (name, value) = word.split_once('=').filter(|(_, value)| !value.is_empty())?;
            match name {
                "dns" => {
                    has_dns = true;
                    wanted.private_dns = value != "off";
                }
                "subnets" => subnets = Some(Items::parse(value)),
                "zones" => zones = Some(Items::parse(value)),
                "groups" => wanted.groups = Items::parse(value),
                "from" => wanted.sources = Items::parse(value),
                "port" => wanted.port = value.parse().ok()?,
                "type" => wanted.ip_address_type = Some(IpAddressType::parse(value)?),
                "tags" => wanted.tags = Items::parse(value),
                prefixes::WORD => {}
                _ => return None,
            }
        }
        wanted.place = match (subnets, zones) {
            (None, None) => Place::EveryZone,
            (None, Some(Items::Listed(zones))) if zones == [ANYWHERE] => Place::Anywhere,
            (None, Some(zones)) => Place::Zones(zones),
            (Some(subnets), zones) => Place::Subnets(subnets, zones.unwrap_or(Items::Listed(Vec::new()))),
        };
        has_dns.then_some(wanted)
    }
}

/// One word for each thing that is not the default, such as `dns=on zones=use1-az1+use1-az2 port=3306`.
impl Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.private_dns { "dns=on" } else { "dns=off" })?;
        let mut text = String::new();
        let mut list = |name: &str, items: &Items| {
            if !items.is_empty() {
                let _ = write!(text, " {name}={items}");
            }
        };
        match &self.place {
            Place::EveryZone => {}
            Place::Anywhere => list("zones", &Items::of([ANYWHERE])),
            Place::Zones(zones) => list("zones", zones),
            Place::Subnets(subnets, zones) => {
                list("subnets", subnets);
                list("zones", zones);
            }
        }
        list("groups", &self.groups);
        list("from", &self.sources);
        list("tags", &self.tags);
        f.write_str(&text)?;
        if self.port != DEFAULT_PORT {
            write!(f, " port={}", self.port)?;
        }
        self.ip_address_type.map_or(Ok(()), |kind| write!(f, " type={kind}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ids::GroupId;

    fn default() -> Wanted {
        Wanted::parse("dns=on").unwrap()
    }

    fn ids(prefix: &str, count: usize) -> Vec<String> {
        (0..count).map(|n| format!("{prefix}-{n:017x}")).collect()
    }

    #[test]
    fn what_is_written_can_be_read() {
        let texts = [
            "dns=on",
            "dns=off zones=use1-az1+use1-az2 port=3306",
            "dns=on subnets=0123456789abcdef0 zones=use1-az1 groups=0123456789abcdef1 type=dualstack",
            "dns=on from=10.0.0.0/16+2001:db8::/56+0123456789abcdef2 tags=@abcdEFGH",
            "dns=on zones=any from=10.3.0.0/16",
        ];
        assert_eq!(Wanted::parse("cluster=1:abc dns=on"), Some(default()));
        for text in texts {
            assert_eq!(Wanted::parse(text).map(|wanted| wanted.to_string()).as_deref(), Some(text));
        }
        for text in ["", "1f2e3d4c5b6a", "dns=", "zones=use1-az1", "dns=on port=many", "dns=on colour=blue"] {
            assert_eq!(Wanted::parse(text), None, "{text}");
        }
    }

    #[test]
    fn lists_that_do_not_fit_are_shortened_and_still_recognized() {
        let (subnets, groups) = (ids("subnet", 6), ids("sg", 5));
        let wanted = Wanted {
            place: Place::Subnets(Items::of(&subnets), Items::Listed(Vec::new())),
            groups: Items::of(&groups),
            ..default()
        };
        let (text, whole) = wanted.fit(130);
        assert!(whole && text.len() <= 130, "{text}");
        let read = Wanted::parse(&text).unwrap();
        assert!(subnets.iter().all(|id| read.names_subnet(&SubnetId::from(id.as_str()), None)));
        assert!(groups.iter().all(|id| read.has_group(&GroupId::from(id.as_str()))));
        assert!(!read.has_group(&GroupId::from("sg-0123456789abcdef0")));
    }

    #[test]
    fn what_does_not_fit_at_all_keeps_everything() {
        let sources: Vec<String> = (0..60).map(|n| format!("10.{n}.0.0/16")).collect();
        let wanted = Wanted { sources: Items::of(&sources), ..default() };
        let (text, whole) = wanted.fit(120);
        assert_eq!((text.as_str(), whole), ("dns=on from=@", false));
        let read = Wanted::parse(&text).unwrap();
        assert!(read.admits(4000, &Source::Block("192.168.0.0/24".parse().unwrap()), false));
        assert!(!read.admits(3306, &Source::Block("192.168.0.0/24".parse().unwrap()), false));
    }

    #[test]
    fn one_place_is_within_another() {
        let read = |text| Wanted::parse(text).unwrap();
        let within = |one, other| read(one).place_is_within(&read(other));
        assert!(within("dns=on zones=use1-az1", "dns=on") && !within("dns=on", "dns=on zones=use1-az1"));
        assert!(!within("dns=on subnets=1", "dns=on") && within("dns=on subnets=1", "dns=on subnets=2+1"));
        assert!(within("dns=on zones=any", "dns=on subnets=1") && !within("dns=on", "dns=on zones=any"));
        assert!(within("dns=on subnets=@", "dns=on subnets=@") && !within("dns=on subnets=@", "dns=on subnets=1"));
    }

    #[test]
    fn one_set_of_sources_is_within_another() {
        let read = |text| Wanted::parse(text).unwrap();
        let within = |one, other| read(one).sources_are_within(&read(other));
        assert!(within("dns=on", "dns=off") && !within("dns=on", "dns=on groups=1"));
        assert!(!within("dns=on from=10.0.0.0/16", "dns=on") && !within("dns=on", "dns=on from=10.0.0.0/16"));
        assert!(within("dns=on from=1", "dns=on from=1+2") && !within("dns=on from=1", "dns=on from=1+2 port=3306"));
    }
}
