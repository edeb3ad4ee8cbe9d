//! The facts that the decision may ask for beside the endpoints themselves. Each costs a call to EC2, so none is read
//! before the decision asks for it: asking for one that has not been read ends the decision with the wish to read it.

use crate::endpoint::Endpoint;
use crate::group::Group;
use crate::ids::{GroupId, SubnetId, VpcId, ZoneId, join};
use crate::reference::{self, Holder};
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// An endpoint service as its consumer sees it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Service {
    /// Whether the owner has to accept each endpoint.
    pub acceptance_required: bool,
    /// The zones that it serves, by id; empty where EC2 gave only names.
    pub zone_ids: Vec<ZoneId>,
    /// The same by the caller's own names.
    pub zone_names: Vec<String>,
    /// The name that clients use, if the service has one.
    pub private_dns_name: Option<String>,
    /// Whether its owner has proved that the name is theirs; only then can private DNS be on.
    pub private_dns_verified: bool,
}

impl Service {
    /// Whether it serves a subnet's zone. Responses without zone ids exist, and then the names decide.
    #[must_use]
    pub fn serves(&self, subnet: &Subnet) -> bool {
        if self.zone_ids.is_empty() {
            self.zone_names.contains(&subnet.zone_name)
        } else {
            self.zone_ids.contains(&subnet.zone_id)
        }
    }
}

/// The VPC's two DNS attributes; private DNS needs both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VpcDns {
    /// `enableDnsSupport`.
    pub support: bool,
    /// `enableDnsHostnames`.
    pub hostnames: bool,
}

/// A subnet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subnet {
    /// Its id.
    pub id: SubnetId,
    /// The account that owns it, and so its VPC; another one than the caller's where the VPC is shared.
    pub owner_id: String,
    /// The zone, by id.
    pub zone_id: ZoneId,
    /// The zone, by the caller's own name.
    pub zone_name: String,
    /// Its address blocks, of both kinds.
    pub blocks: Vec<IpNet>,
    /// Addresses still free.
    pub free_addresses: i32,
}

/// A VPC.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Vpc {
    /// The account that owns it; another one than the caller's where the VPC is shared.
    pub owner_id: String,
    /// All its address blocks, of both kinds.
    pub blocks: Vec<IpNet>,
}

/// Where the product's own group may be: its VPC and its name.
pub type GroupPlace = (VpcId, String);

/// What the decision may ask for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fact {
    /// The service.
    Service,
    /// The VPC.
    Vpc,
    /// The VPC's DNS attributes.
    VpcDns,
    /// The subnets of the VPC.
    Subnets,
    /// Groups by their ids.
    Groups(Vec<GroupId>),
    /// The product's own group.
    OwnGroup(GroupPlace),
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service => f.write_str("the service"),
            Self::Vpc => f.write_str("the VPC"),
            Self::VpcDns => f.write_str("the VPC's DNS attributes"),
            Self::Subnets => f.write_str("the VPC's subnets"),
            Self::Groups(ids) => write!(f, "the rules of {}", join(ids, " and ")),
            Self::OwnGroup((_, name)) => write!(f, "the rules of {name}"),
        }
    }
}

/// What came of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// The service; none if it does not exist or does not allow this account, which EC2 does not tell apart.
    Service(Option<Service>),
    /// The VPC; none if there is no such VPC in the region.
    Vpc(Option<Vpc>),
    /// The VPC's DNS attributes; none if there is no such VPC.
    VpcDns(Option<VpcDns>),
    /// Every subnet of the VPC.
    Subnets(Vec<Subnet>),
    /// Those of the groups asked for that exist.
    Groups(Vec<GroupId>, Vec<Group>),
    /// The product's own group, if it is there.
    OwnGroup(GroupPlace, Option<Group>),
}

/// What has been read so far. Service, VPC, subnets and given groups do not change under an event and are read once; the
/// product's own group does, and is known only beside the look that it was read with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Survey {
    service: Known<Option<Service>>,
    vpc: Known<Option<Vpc>>,
    vpc_dns: Known<Option<VpcDns>>,
    subnets: Known<Vec<Subnet>>,
    groups: BTreeMap<GroupId, Option<Group>>,
    own_groups: BTreeMap<GroupPlace, Option<Group>>,
}

/// A fact, if it has been read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
enum Known<T> {
    #[default]
    Unread,
    Read(T),
}

impl<T> Known<T> {
    fn or(&self, fact: Fact) -> Result<&T, Fact> {
        match self {
            Self::Unread => Err(fact),
            Self::Read(value) => Ok(value),
        }
    }
}

/// Each answers with the fact itself where it has not been read.
#[expect(clippy::missing_errors_doc, reason = "said once, above")]
impl Survey {
    /// The service; `Ok(None)` if EC2 does not show it to this account.
    pub fn service(&self) -> Result<Option<&Service>, Fact> {
        self.service.or(Fact::Service).map(Option::as_ref)
    }

    /// The VPC; `Ok(None)` if there is no such VPC.
    pub fn vpc(&self) -> Result<Option<&Vpc>, Fact> {
        self.vpc.or(Fact::Vpc).map(Option::as_ref)
    }

    /// The VPC's DNS attributes; `Ok(None)` if there is no such VPC.
    pub fn vpc_dns(&self) -> Result<Option<VpcDns>, Fact> {
        self.vpc_dns.or(Fact::VpcDns).copied()
    }

    /// Every subnet of the VPC.
    pub fn subnets(&self) -> Result<&[Subnet], Fact> {
        self.subnets.or(Fact::Subnets).map(Vec::as_slice)
    }

    /// Those of the groups that exist.
    pub fn groups(&self, ids: &[GroupId]) -> Result<Vec<&Group>, Fact> {
        let own = |id: &GroupId| self.own_groups.values().flatten().find(|group| group.id == *id);
        let known = |id: &GroupId| own(id).map(Some).or_else(|| self.groups.get(id).map(Option::as_ref));
        let unread: Vec<GroupId> = ids.iter().filter(|id| known(id).is_none()).cloned().collect();
        if unread.is_empty() { Ok(ids.iter().filter_map(|id| known(id)?).collect()) } else { Err(Fact::Groups(unread)) }
    }

    /// The product's own group; `Ok(None)` if it is not there.
    pub fn own_group(&self, place: &GroupPlace) -> Result<Option<&Group>, Fact> {
        self.own_groups.get(place).map(Option::as_ref).ok_or_else(|| Fact::OwnGroup(place.clone()))
    }

    /// Takes note of what came of a question.
    pub fn learn(&mut self, finding: Finding) {
        match finding {
            Finding::Service(service) => self.service = Known::Read(service),
            Finding::Vpc(vpc) => self.vpc = Known::Read(vpc),
            Finding::VpcDns(dns) => self.vpc_dns = Known::Read(dns),
            Finding::Subnets(subnets) => self.subnets = Known::Read(subnets),
            Finding::Groups(asked, found) => {
                self.groups.extend(asked.into_iter().map(|id| (id, None)));
                self.groups.extend(found.into_iter().map(|group| (group.id.clone(), Some(group))));
            }
            Finding::OwnGroup(place, group) => drop(self.own_groups.insert(place, group)),
        }
    }

    /// Those of the facts that have not been read.
    #[must_use]
    pub fn unread(&self, facts: impl IntoIterator<Item = Fact>) -> Vec<Fact> {
        let unread = |fact: Fact| match &fact {
            Fact::Service => self.service().err(),
            Fact::Vpc => self.vpc().err(),
            Fact::VpcDns => self.vpc_dns().err(),
            Fact::Subnets => self.subnets().err(),
            Fact::Groups(ids) => self.groups(ids).err(),
            Fact::OwnGroup(place) => self.own_group(place).err(),
        };
        facts.into_iter().filter_map(unread).collect()
    }

    /// What has been read and will be forgotten by the next look.
    #[must_use]
    pub fn passing(&self) -> Vec<Fact> {
        self.own_groups.keys().cloned().map(Fact::OwnGroup).collect()
    }

    /// Whether a group of the product's that has been read was made for a holder.
    #[must_use]
    pub fn has_group_of(&self, holder: &Holder) -> bool {
        let owner = |group: &Group| reference::owner(&group.tags) == Some(holder.hash.as_str());
        self.own_groups.values().flatten().any(owner)
    }

    /// Forgets what a new look may show otherwise.
    pub fn look_again(&mut self) {
        self.own_groups.clear();
    }

    /// The zone of a subnet of the VPC, as far as it has been read.
    #[must_use]
    pub fn zone_of(&self, id: &SubnetId) -> Option<&ZoneId> {
        self.subnets().ok()?.iter().find(|subnet| subnet.id == *id).map(|subnet| &subnet.zone_id)
    }

    /// The zones that an endpoint is in, and which its service therefore serves.
    pub fn zones_of(&self, endpoint: &Endpoint) -> Result<BTreeSet<&ZoneId>, Fact> {
        let subnets = self.subnets()?.iter().filter(|subnet| endpoint.subnet_ids.contains(&subnet.id));
        Ok(subnets.map(|subnet| &subnet.zone_id).collect())
    }
}
