//! What an owned endpoint is to be: what all its holders request, together.
//!
//! One rule decides where two requests exclude each other, whoever comes first:
//!
//! | conflict | rule |
//! |---|---|
//! | two subnets in one zone | the endpoint stays in the subnet that it has, as long as that serves another holder |
//! | private DNS on and off | on |
//! | IP address types | every address family that a holder needs; `dualstack` if that is both |
//! | two values of a tag | the value that is there stays, as long as another holder requests it |
//!
//! What no holder requests is taken away, except for security groups and tags that nobody is known to have requested:
//! people may have added those.

use super::facts::{Fact, Facts};
use super::moves::{Move, next_move};
use super::others::Others;
use crate::model::change::{Change, IpAddressType, TagChange};
use crate::model::endpoint::Endpoint;
use crate::model::ids::{GroupId, SubnetId, ZoneId};
use crate::model::network::Subnet;
use crate::model::tags::Tags;
use crate::model::wanted::Wanted;

/// What this resource requests now.
#[derive(Debug, Clone, Copy)]
pub(super) struct Own<'a> {
    /// Whether it remains a holder. One that leaves requests nothing.
    pub(super) stays: bool,
    /// `None` if the endpoint is to stay where it is.
    pub(super) subnets: Option<&'a [SubnetId]>,
    /// `None` if the endpoint is to keep its security groups.
    pub(super) groups: Option<&'a [GroupId]>,
    pub(super) private_dns: bool,
    pub(super) ip_address_type: Option<IpAddressType>,
}

impl Own<'_> {
    /// Of a resource that leaves.
    pub(super) const NOTHING: Own<'static> =
        Own { stays: false, subnets: Some(&[]), groups: Some(&[]), private_dns: false, ip_address_type: None };
}

/// The requests of all holders of an endpoint.
#[derive(Debug, Clone, Copy)]
pub(super) struct Desired<'a> {
    pub(super) endpoint: &'a Endpoint,
    pub(super) facts: &'a Facts,
    pub(super) own: Own<'a>,
    /// What this resource has requested before, and may no longer request.
    pub(super) before: &'a [Wanted],
    pub(super) others: &'a Others,
    /// The security group that the provider manages, if there is one.
    pub(super) managed_group: Option<&'a GroupId>,
}

impl Desired<'_> {
    /// The next change toward it.
    pub(super) fn change(&self) -> Change {
        let mut change = self.groups();
        change.private_dns = self.private_dns();
        let (subnets, address_type) = (self.subnets(), self.address_type());
        // It has to fit the subnets that the endpoint has after the call.
        let Move { add, remove, address_type } = next_move(self.endpoint, &subnets, address_type, self.facts);
        (change.add_subnets, change.remove_subnets, change.ip_address_type) = (add, remove, address_type);
        change
    }

    /// One subnet in each zone. A zone keeps its subnet if that serves a holder that stays.
    pub(super) fn subnets(&self) -> Vec<SubnetId> {
        let has = &self.endpoint.subnet_ids;
        let Some(own) = self.own.subnets else { return has.clone() };
        let mut subnets: Vec<SubnetId> = has.iter().filter_map(|id| self.in_its_place(id, own)).collect();
        let named = self.unmet().filter(|subnet| self.is_usable(subnet)).map(|subnet| &subnet.id);
        let replacements = self.gaps().filter_map(|zone| self.replacement(zone));
        for id in own.iter().chain(named).chain(replacements) {
            let zone = self.zone(id);
            let covers = |subnet: &SubnetId| subnet == id || (zone.is_some() && self.zone(subnet) == zone);
            if !has.iter().chain(&subnets).any(covers) {
                subnets.push(id.clone());
            }
        }
        // An endpoint has at least one.
        if subnets.is_empty() { has.clone() } else { subnets }
    }

    /// The subnet that is to be where the endpoint has one now.
    fn in_its_place(&self, id: &SubnetId, own: &[SubnetId]) -> Option<SubnetId> {
        let zone = self.zone(id);
        if own.contains(id) || self.others.who_names(id, zone).is_some() {
            return Some(id.clone());
        }
        let own_here = || own.iter().find(|other| zone.is_some() && self.zone(other) == zone);
        let in_zone = || self.usable_in(zone).filter(|subnet| subnet.id != *id);
        let named = || in_zone().find(|subnet| self.others.have_recorded(subnet)).map(|subnet| &subnet.id);
        if self.who_wants(id).is_none() {
            return own_here().or_else(named).cloned();
        }
        // The stack that brought it must be able to delete it.
        if !self.is_given_before(id) {
            return Some(id.clone());
        }
        let own_here = own_here().filter(|own| in_zone().any(|subnet| subnet.id == **own));
        let other = || zone.and_then(|zone| self.replacement(zone));
        Some(own_here.or_else(named).or_else(other).unwrap_or(id).clone())
    }

    /// Subnets that other holders name, in zones where the endpoint is not. A Create leaves them to their own events, which
    /// may be running.
    fn unmet(&self) -> impl Iterator<Item = &Subnet> {
        let subnets = self.facts.subnets().unwrap_or_default().iter().filter(|_| !self.before.is_empty());
        subnets.filter(|subnet| !self.is_in(&subnet.zone_id) && self.others.have_recorded(subnet))
    }

    /// Zones that another holder requests, and that the endpoint has left because this resource has given its subnet there.
    /// A delivery that has crashed may have left one.
    fn gaps(&self) -> impl Iterator<Item = &ZoneId> {
        let subnets = self.facts.subnets().unwrap_or_default().iter().filter(|subnet| is_usual(self.endpoint, subnet));
        let zones = subnets.filter(|subnet| self.is_given_before(&subnet.id)).map(|subnet| &subnet.zone_id);
        zones.filter(|zone| !self.is_in(zone) && self.others.who_wants_zone(Some(zone), true).is_some())
    }

    fn is_in(&self, zone: &ZoneId) -> bool {
        self.endpoint.subnet_ids.iter().any(|id| self.zone(id) == Some(zone))
    }

    /// A fact that has to be known because of such a zone: whether the service is available there.
    pub(super) fn unread(&self) -> Option<Fact> {
        let enters_zone = self.own.subnets.is_some() && (self.unmet().next().is_some() || self.gaps().next().is_some());
        enters_zone.then(|| self.facts.service().err()).flatten()
    }

    /// Another subnet for a zone in which this resource has given one.
    fn replacement(&self, zone: &ZoneId) -> Option<&SubnetId> {
        let subnets = self.usable_in(Some(zone)).filter(|subnet| !subnet.is_on_outpost);
        let others = subnets.filter(|subnet| !self.is_given_before(&subnet.id));
        others.max_by_key(|subnet| (subnet.free_addresses, &subnet.id)).map(|subnet| &subnet.id)
    }

    /// The other holders that request the zone of a subnet, and leave the choice there to the provider.
    fn who_wants(&self, subnet: &SubnetId) -> Option<String> {
        let is_usual = self.facts.subnet(subnet).is_none_or(|subnet| is_usual(self.endpoint, subnet));
        self.others.who_wants_zone(self.zone(subnet), is_usual)
    }

    fn is_given_before(&self, subnet: &SubnetId) -> bool {
        self.before.iter().any(|wanted| wanted.names_subnet(subnet, self.zone(subnet)))
    }

    fn usable_in(&self, zone: Option<&ZoneId>) -> impl Iterator<Item = &Subnet> {
        let subnets = self.facts.subnets().unwrap_or_default().iter();
        subnets.filter(move |subnet| Some(&subnet.zone_id) == zone && self.is_usable(subnet))
    }

    fn zone(&self, subnet: &SubnetId) -> Option<&ZoneId> {
        self.facts.zone_of(subnet)
    }

    fn is_usable(&self, subnet: &Subnet) -> bool {
        let kind = IpAddressType::parse(&self.endpoint.ip_address_type).unwrap_or(IpAddressType::Ipv4);
        // Where it is already, the service is available.
        let service = self.facts.service().ok().flatten();
        let is_served = self.is_in(&subnet.zone_id) || service.is_some_and(|service| service.serves(subnet));
        subnet.fits(kind) && !subnet.is_full(kind) && is_served
    }

    /// Whether a change takes away a subnet whose zone others request, so that another one is to follow.
    pub(super) fn replaces_a_subnet(&self, change: &Change) -> bool {
        change.remove_subnets.iter().any(|id| self.who_wants(id).is_some())
    }

    /// What is missing of this resource's, and what it has brought and nobody requests anymore.
    fn groups(&self) -> Change {
        let has = &self.endpoint.group_ids;
        let Some(own) = self.own.groups else { return Change::default() };
        let missing: Vec<GroupId> = own.iter().filter(|id| !has.contains(id)).cloned().collect();
        let surplus: Vec<GroupId> = has.iter().filter(|id| !own.contains(id) && self.is_dropped(id)).cloned().collect();
        // An endpoint has at least one.
        let some_stay = surplus.len() < has.len() || !missing.is_empty();
        let surplus = if some_stay { surplus } else { Vec::new() };
        Change { add_groups: missing, remove_groups: surplus, ..Change::default() }
    }

    /// Whether the endpoint has security groups of this resource that nobody else requests, and no others: those who are to
    /// use it from now on have not attached theirs yet.
    pub(super) fn waits_for_successor(&self) -> bool {
        let has = &self.endpoint.group_ids;
        !self.own.stays && !has.is_empty() && has.iter().all(|id| self.is_dropped(id))
    }

    fn is_dropped(&self, group: &GroupId) -> bool {
        if self.managed_group == Some(group) {
            self.before.iter().any(Wanted::uses_managed_group) && self.others.who_uses_managed_group().is_none()
        } else {
            self.before.iter().any(|wanted| wanted.has_group(group)) && self.others.who_uses(group).is_none()
        }
    }

    fn private_dns(&self) -> Option<bool> {
        match (self.own.private_dns, self.endpoint.private_dns) {
            (true, false) => Some(true),
            (false, true) if self.others.who_uses_private_dns().is_none() => Some(false),
            _ => None,
        }
    }

    /// The type that it is to have instead: what this resource requests, and what the others need. A resource that requests
    /// none leaves the others' requests to their own events.
    pub(super) fn address_type(&self) -> Option<IpAddressType> {
        let has = IpAddressType::parse(&self.endpoint.ip_address_type);
        let wanted = self.own.ip_address_type?;
        let needs = |uses: fn(IpAddressType) -> bool| {
            uses(wanted) || self.others.who_needs(uses, has.is_some_and(uses)).is_some()
        };
        let all = match (needs(IpAddressType::uses_ipv4), needs(IpAddressType::uses_ipv6)) {
            (true, true) => IpAddressType::Dualstack,
            (true, false) => IpAddressType::Ipv4,
            (false, _) => IpAddressType::Ipv6,
        };
        let fits = |id: &SubnetId| self.facts.subnet(id).is_none_or(|subnet| subnet.fits(all));
        // Where others are, a type that does not fit their subnets is no failure of this resource.
        let is_possible = self.others.is_empty() || self.endpoint.subnet_ids.iter().all(fits);
        (has != Some(all) && is_possible).then_some(all)
    }
}

/// Whether the provider chooses subnets like this one by itself. The service is in the region of the endpoint.
fn is_usual(endpoint: &Endpoint, subnet: &Subnet) -> bool {
    let region = endpoint.service_name.region().unwrap_or_default();
    !subnet.is_on_outpost && subnet.is_in_availability_zone(region)
}

/// The tags to write, and those to remove: what this resource has requested before and nobody requests anymore.
pub(super) fn tag_change(endpoint: &Endpoint, own: &Tags, before: &Tags, others: &Others) -> TagChange {
    let value = |key: &String| endpoint.tags.get(key);
    let is_free = |key: &String| value(key).is_none_or(|value| others.who_tags(key, value).is_none());
    let set = own.iter().filter(|(key, wanted)| value(key) != Some(wanted) && is_free(key));
    let unset = before.keys().filter(|key| !own.contains_key(*key) && value(key).is_some() && is_free(key));
    TagChange {
        set: set.map(|(key, value)| (key.clone(), value.clone())).collect(),
        unset: unset.map(|key| (key.clone(), None)).collect(),
    }
}
