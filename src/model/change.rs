//! What EC2 is asked to create and to change.

use super::ids::{GroupId, ServiceName, SubnetId, VpcId, join};
use super::tags::Tags;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The address families of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IpAddressType {
    Ipv4,
    Dualstack,
    Ipv6,
}

impl IpAddressType {
    const ALL: [Self; 3] = [Self::Ipv4, Self::Dualstack, Self::Ipv6];

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// EC2's spelling.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ipv4 => "ipv4",
            Self::Dualstack => "dualstack",
            Self::Ipv6 => "ipv6",
        }
    }

    pub fn uses_ipv4(self) -> bool {
        matches!(self, Self::Ipv4 | Self::Dualstack)
    }

    pub fn uses_ipv6(self) -> bool {
        matches!(self, Self::Dualstack | Self::Ipv6)
    }

    /// What a subnet must have for it (PrivateLink guide, "IP address type").
    pub const fn required_blocks(self) -> &'static str {
        match self {
            Self::Ipv4 => "an IPv4 CIDR block",
            Self::Dualstack => "both an IPv4 and an IPv6 CIDR block",
            Self::Ipv6 => "an IPv6 CIDR block",
        }
    }
}

impl fmt::Display for IpAddressType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An endpoint to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEndpoint {
    pub service_name: ServiceName,
    pub vpc_id: VpcId,
    /// One in each zone.
    pub subnet_ids: Vec<SubnetId>,
    pub group_ids: Vec<GroupId>,
    pub private_dns: bool,
    /// `None` leaves it to EC2.
    pub ip_address_type: Option<IpAddressType>,
    /// Owner mark, reference, name and the user's tags, all present from the first moment.
    pub tags: Tags,
    /// Makes EC2 answer a repeated request with the same endpoint; at most 64 characters.
    pub client_token: String,
}

/// A security group to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewGroup {
    pub vpc_id: VpcId,
    pub name: String,
    pub tags: Tags,
}

/// A change of an endpoint in one `ModifyVpcEndpoint` call.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Change {
    pub add_subnets: Vec<SubnetId>,
    pub remove_subnets: Vec<SubnetId>,
    pub add_groups: Vec<GroupId>,
    pub remove_groups: Vec<GroupId>,
    pub private_dns: Option<bool>,
    pub ip_address_type: Option<IpAddressType>,
}

/// Security groups that EC2 allows on a network interface by default.
const GROUPS_PER_INTERFACE: usize = 5;

impl Change {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it takes something away.
    pub fn takes_away(&self) -> bool {
        !self.remove_subnets.is_empty()
            || !self.remove_groups.is_empty()
            || self.private_dns == Some(false)
            || self.ip_address_type.is_some_and(|kind| kind != IpAddressType::Dualstack)
    }

    /// What is left of it if nothing may be taken away.
    #[must_use]
    pub fn without_removals(self) -> Self {
        Self {
            remove_subnets: Vec::new(),
            remove_groups: Vec::new(),
            private_dns: self.private_dns.filter(|on| *on),
            ip_address_type: self.ip_address_type.filter(|kind| *kind == IpAddressType::Dualstack),
            ..self
        }
    }

    /// Splits it into what only adds, and what takes something away from an endpoint with so many security groups. They stay
    /// together where EC2 needs them in one call: a change of the address type, and more security groups than fit beside the
    /// old ones.
    pub fn split(self, groups: usize) -> (Option<Self>, Option<Self>) {
        let some = |change: Self| (!change.is_empty()).then_some(change);
        if !self.takes_away() {
            return (some(self), None);
        }
        if self.ip_address_type.is_some() || groups + self.add_groups.len() > GROUPS_PER_INTERFACE {
            return (None, some(self));
        }
        let wider = Self {
            add_subnets: self.add_subnets,
            add_groups: self.add_groups,
            private_dns: self.private_dns.filter(|on| *on),
            ..Self::default()
        };
        let narrower = Self {
            remove_subnets: self.remove_subnets,
            remove_groups: self.remove_groups,
            private_dns: self.private_dns.filter(|on| !on),
            ..Self::default()
        };
        (some(wider), some(narrower))
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        let mut part = |verb: &str, what: String| {
            if !what.is_empty() {
                parts.push(format!("{verb} {what}"));
            }
        };
        part("add", join(&self.add_subnets, ", "));
        part("remove", join(&self.remove_subnets, ", "));
        part("attach", join(&self.add_groups, ", "));
        part("detach", join(&self.remove_groups, ", "));
        part("turn private DNS", self.private_dns.map_or("", |on| if on { "on" } else { "off" }).to_owned());
        part("set the IP address type to", self.ip_address_type.map_or("", IpAddressType::as_str).to_owned());
        f.write_str(&parts.join("; "))
    }
}

/// A change of the tags of a resource: one call to write, one to remove.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TagChange {
    pub set: Tags,
    /// Keys to remove; with a value, only if the tag has that value.
    pub unset: BTreeMap<String, Option<String>>,
}

impl TagChange {
    /// What is to be changed apart from some tags; `None` if that is nothing.
    pub fn without(mut self, keys: &BTreeSet<String>) -> Option<Self> {
        self.set.retain(|key, _| !keys.contains(key));
        self.unset.retain(|key, _| !keys.contains(key));
        (self != Self::default()).then_some(self)
    }
}
