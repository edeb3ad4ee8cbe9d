//! The other holders of an endpoint, and what each of them requests.

use crate::model::change::IpAddressType;
use crate::model::ids::{GroupId, SubnetId, ZoneId, join};
use crate::model::network::Subnet;
use crate::model::security_group::Source;
use crate::model::tags::Reference;
use crate::model::wanted::{Place, Wanted, tag_item};

/// How many holders a sentence names.
const NAMED_MAX: usize = 5;

/// The other holders, as one look shows them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Others(Vec<Other>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Other {
    name: String,
    /// `None` for a holder that has not recorded its request: it may need everything that is there.
    wanted: Option<Wanted>,
    /// It may be about to leave, and to take along what it requests.
    may_leave: bool,
}

/// Each question has the names of those to whom it applies as its answer, for a sentence; `None` if there are none.
impl Others {
    pub(super) fn of<'t>(references: impl IntoIterator<Item = Reference<'t>>) -> Self {
        let other = |reference: Reference<'_>| Other {
            name: reference.name.to_owned(),
            wanted: reference.wanted(),
            may_leave: reference.is_announced,
        };
        Self(references.into_iter().map(other).collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them.
    pub(super) fn names(&self) -> Option<String> {
        self.who(|_| true)
    }

    /// Those to whom something applies, and those who may need everything that is there.
    fn who(&self, applies: impl Fn(&Wanted) -> bool) -> Option<String> {
        let found: Vec<&str> =
            self.0.iter().filter(|o| o.wanted.as_ref().is_none_or(&applies)).map(|o| &*o.name).collect();
        let more = match found.len().saturating_sub(NAMED_MAX) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        (!found.is_empty()).then(|| join(found.into_iter().take(NAMED_MAX), ", ") + &more)
    }

    /// Whether one of them is sure to request all that a resource requests, in some respect.
    pub(super) fn cover(&self, within: impl Fn(&Wanted) -> bool) -> bool {
        self.0.iter().any(|other| other.wanted.as_ref().is_none_or(&within))
    }

    pub(super) fn who_names(&self, subnet: &SubnetId, zone: Option<&ZoneId>) -> Option<String> {
        self.who(|wanted| wanted.names_subnet(subnet, zone))
    }

    /// Those that request a zone and leave the subnet to the provider. The zone of a subnet that is not known may be any. One
    /// that is not usual, such as a Local Zone, is requested only by those that name it.
    pub(super) fn who_wants_zone(&self, zone: Option<&ZoneId>, is_usual: bool) -> Option<String> {
        self.who(|wanted| wanted.wants_zone(zone) && (is_usual || wanted.place != Place::EveryZone))
    }

    pub(super) fn who_uses(&self, group: &GroupId) -> Option<String> {
        self.who(|wanted| wanted.has_group(group))
    }

    pub(super) fn who_uses_managed_group(&self) -> Option<String> {
        self.who(Wanted::uses_managed_group)
    }

    pub(super) fn who_admits(&self, port: u16, source: &Source, is_vpc: bool) -> Option<String> {
        self.who(|wanted| wanted.admits(port, source, is_vpc))
    }

    pub(super) fn who_uses_private_dns(&self) -> Option<String> {
        self.who(|wanted| wanted.private_dns)
    }

    /// Those that request a tag with this very value.
    pub(super) fn who_tags(&self, key: &str, value: &str) -> Option<String> {
        self.who(|wanted| !wanted.tags.is_empty() && wanted.tags.has(&tag_item(key, value)))
    }

    /// Those that need an address family: they request it, or they leave the type to EC2 and the endpoint has it.
    pub(super) fn who_needs(&self, uses: fn(IpAddressType) -> bool, has: bool) -> Option<String> {
        let needs = |wanted: &Wanted| wanted.ip_address_type.map_or(has, uses);
        let found = Self(self.0.iter().filter(|o| o.wanted.as_ref().map_or(has, needs)).cloned().collect());
        found.names()
    }

    /// Whether one of them names a subnet in its recorded request. One that may leave would take it away again.
    pub(super) fn have_recorded(&self, subnet: &Subnet) -> bool {
        let names = |wanted: &Wanted| wanted.names_subnet(&subnet.id, Some(&subnet.zone_id));
        self.0.iter().filter(|other| !other.may_leave).filter_map(|other| other.wanted.as_ref()).any(names)
    }
}
