//! What the decision may need to know beside the endpoints. Every fact costs a call, so none is read before the
//! decision needs it: a fact that has not been read ends the decision with the request to read it.

use crate::model::endpoint::Endpoint;
use crate::model::ids::{GroupId, SubnetId, VpcId, ZoneId, join};
use crate::model::network::{Service, Subnet, Vpc, VpcDns};
use crate::model::route::Way;
use crate::model::security_group::{SecurityGroup, is_mark};
use crate::model::stacks::{ResourceStatus, StackStatus};
use crate::model::tags::Holder;
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Where the security group that the provider manages may be: its VPC and its name.
pub type GroupPlace = (VpcId, String);

/// A question about what surrounds a request: its service, VPC, security groups, and stack.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fact {
    Service,
    Vpc(VpcId),
    VpcDns,
    /// The subnets of the VPC.
    Subnets,
    Groups(Vec<GroupId>),
    ManagedGroup(GroupPlace),
    /// The security groups of this name that the provider manages, in all VPCs.
    ManagedGroups(String),
    /// The marks of this resource's Creates that are running, or were when they died.
    Marks,
    /// The endpoints of a VPC, of any service.
    Neighbors(VpcId),
    /// What packets between the resource's VPC and another one need.
    Way(VpcId),
    /// What CloudFormation is doing with the resource.
    Operation,
    /// What it is doing with the resource's stack.
    Stack,
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service => f.write_str("the service"),
            Self::Vpc(id) => write!(f, "{id}"),
            Self::VpcDns => f.write_str("the VPC's DNS attributes"),
            Self::Subnets => f.write_str("the VPC's subnets"),
            Self::Groups(ids) => write!(f, "the rules of {}", join(ids, " and ")),
            Self::ManagedGroup((_, name)) => write!(f, "the rules of {name}"),
            Self::ManagedGroups(name) => write!(f, "where {name} exists"),
            Self::Marks => f.write_str("the marks of running Creates"),
            Self::Neighbors(id) => write!(f, "the endpoints of {id}"),
            Self::Way(id) => write!(f, "the route tables to {id}"),
            Self::Operation => f.write_str("what CloudFormation is doing"),
            Self::Stack => f.write_str("what CloudFormation is doing with the stack"),
        }
    }
}

/// The answer to a question; `None` for what does not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FactValue {
    /// `None` also if the service does not allow this account; EC2 does not distinguish the two.
    Service(Option<Service>),
    Vpc(VpcId, Option<Vpc>),
    VpcDns(Option<VpcDns>),
    Subnets(Vec<Subnet>),
    /// The security groups asked for, and those of them that exist.
    Groups(Vec<GroupId>, Vec<SecurityGroup>),
    ManagedGroup(GroupPlace, Option<SecurityGroup>),
    ManagedGroups(String, Vec<VpcId>),
    /// All security groups that the provider created for the resource.
    Marks(Vec<SecurityGroup>),
    Neighbors(VpcId, Vec<Endpoint>),
    Way(VpcId, Way),
    /// `None` if CloudFormation does not say.
    Operation(Option<ResourceStatus>),
    /// `None` if CloudFormation does not say.
    Stack(Option<StackStatus>),
}

/// What has been read so far. Everything is read once per event, except the security groups that the provider manages, the
/// endpoints of other services, and what CloudFormation is doing with the resource: these change during an event, and are
/// known only beside the look that they were read with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(clippy::option_option, reason = "whether it has been read, and whether it exists")]
pub struct Facts {
    service: Option<Option<Service>>,
    vpcs: BTreeMap<VpcId, Option<Vpc>>,
    vpc_dns: Option<Option<VpcDns>>,
    subnets: Option<Vec<Subnet>>,
    groups: BTreeMap<GroupId, Option<SecurityGroup>>,
    managed_groups: BTreeMap<GroupPlace, Option<SecurityGroup>>,
    places: BTreeMap<String, Vec<VpcId>>,
    marks: Option<Vec<SecurityGroup>>,
    neighbors: BTreeMap<VpcId, Vec<Endpoint>>,
    ways: BTreeMap<VpcId, Way>,
    operation: Option<Option<ResourceStatus>>,
    stack: Option<Option<StackStatus>>,
}

/// Each getter returns the question itself as the error if the fact has not been read.
impl Facts {
    pub fn service(&self) -> Result<Option<&Service>, Fact> {
        self.service.as_ref().map(Option::as_ref).ok_or(Fact::Service)
    }

    pub fn vpc(&self, id: &VpcId) -> Result<Option<&Vpc>, Fact> {
        self.vpcs.get(id).map(Option::as_ref).ok_or_else(|| Fact::Vpc(id.clone()))
    }

    /// The CIDR blocks of a VPC; empty if it does not exist.
    pub fn blocks(&self, id: &VpcId) -> Result<&[IpNet], Fact> {
        Ok(self.vpc(id)?.map(|vpc| vpc.blocks.as_slice()).unwrap_or_default())
    }

    pub fn vpc_dns(&self) -> Result<Option<VpcDns>, Fact> {
        self.vpc_dns.ok_or(Fact::VpcDns)
    }

    pub fn subnets(&self) -> Result<&[Subnet], Fact> {
        self.subnets.as_deref().ok_or(Fact::Subnets)
    }

    /// Those of the security groups that exist.
    pub fn groups(&self, ids: &[GroupId]) -> Result<Vec<&SecurityGroup>, Fact> {
        let managed = |id: &GroupId| self.managed_groups.values().flatten().find(|group| group.id == *id);
        let known = |id: &GroupId| managed(id).map(Some).or_else(|| self.groups.get(id).map(Option::as_ref));
        let unread: Vec<GroupId> = ids.iter().filter(|id| known(id).is_none()).cloned().collect();
        if unread.is_empty() { Ok(ids.iter().filter_map(|id| known(id)?).collect()) } else { Err(Fact::Groups(unread)) }
    }

    /// Whether a security group is known not to exist.
    pub fn is_missing_group(&self, id: &GroupId) -> bool {
        self.groups.get(id) == Some(&None)
    }

    /// Whether a subnet is known not to exist in the VPC.
    pub fn is_missing_subnet(&self, id: &SubnetId) -> bool {
        self.subnets.as_ref().is_some_and(|subnets| !subnets.iter().any(|subnet| subnet.id == *id))
    }

    pub fn managed_group(&self, place: &GroupPlace) -> Result<Option<&SecurityGroup>, Fact> {
        self.managed_groups.get(place).map(Option::as_ref).ok_or_else(|| Fact::ManagedGroup(place.clone()))
    }

    /// The security groups that mark Creates of this resource as running.
    pub fn marks(&self) -> Result<impl Iterator<Item = &SecurityGroup>, Fact> {
        let groups = self.marks.as_ref().ok_or(Fact::Marks)?;
        Ok(groups.iter().filter(|group| is_mark(&group.name)))
    }

    /// Where the other security groups are that the provider created for this resource.
    pub fn own_groups(&self) -> Result<impl Iterator<Item = GroupPlace>, Fact> {
        let groups = self.marks.as_ref().ok_or(Fact::Marks)?;
        Ok(groups.iter().filter(|group| !is_mark(&group.name)).map(|group| (group.vpc_id.clone(), group.name.clone())))
    }

    /// Where managed security groups of a name are.
    pub fn group_places(&self, name: &str) -> Result<impl Iterator<Item = GroupPlace>, Fact> {
        let vpcs = self.places.get(name).ok_or_else(|| Fact::ManagedGroups(name.to_owned()))?;
        Ok(vpcs.iter().map(move |vpc| (vpc.clone(), name.to_owned())))
    }

    pub fn neighbors(&self, vpc: &VpcId) -> Result<&[Endpoint], Fact> {
        self.neighbors.get(vpc).map(Vec::as_slice).ok_or_else(|| Fact::Neighbors(vpc.clone()))
    }

    pub fn way(&self, to: &VpcId) -> Result<&Way, Fact> {
        self.ways.get(to).ok_or_else(|| Fact::Way(to.clone()))
    }

    pub fn operation(&self) -> Result<Option<&ResourceStatus>, Fact> {
        self.operation.as_ref().map(Option::as_ref).ok_or(Fact::Operation)
    }

    pub fn stack(&self) -> Result<Option<&StackStatus>, Fact> {
        self.stack.as_ref().map(Option::as_ref).ok_or(Fact::Stack)
    }

    pub fn insert(&mut self, value: FactValue) {
        match value {
            FactValue::Service(service) => self.service = Some(service),
            FactValue::Vpc(id, vpc) => drop(self.vpcs.insert(id, vpc)),
            FactValue::VpcDns(dns) => self.vpc_dns = Some(dns),
            FactValue::Subnets(subnets) => self.subnets = Some(subnets),
            FactValue::Groups(asked, found) => {
                self.groups.extend(asked.into_iter().map(|id| (id, None)));
                self.groups.extend(found.into_iter().map(|group| (group.id.clone(), Some(group))));
            }
            FactValue::ManagedGroup(place, group) => drop(self.managed_groups.insert(place, group)),
            FactValue::ManagedGroups(name, vpcs) => drop(self.places.insert(name, vpcs)),
            FactValue::Marks(groups) => self.marks = Some(groups),
            FactValue::Neighbors(vpc, endpoints) => drop(self.neighbors.insert(vpc, endpoints)),
            FactValue::Way(to, way) => drop(self.ways.insert(to, way)),
            FactValue::Operation(status) => self.operation = Some(status),
            FactValue::Stack(status) => self.stack = Some(status),
        }
    }

    /// Those of the facts that have not been read.
    pub fn unread(&self, facts: impl IntoIterator<Item = Fact>) -> Vec<Fact> {
        let unread = |fact: Fact| match &fact {
            Fact::Service => self.service().err(),
            Fact::Vpc(id) => self.vpc(id).err(),
            Fact::VpcDns => self.vpc_dns().err(),
            Fact::Subnets => self.subnets().err(),
            Fact::Groups(ids) => self.groups(ids).err(),
            Fact::ManagedGroup(place) => self.managed_group(place).err(),
            Fact::ManagedGroups(name) => self.group_places(name).err(),
            Fact::Marks => self.marks().err(),
            Fact::Neighbors(vpc) => self.neighbors(vpc).err(),
            Fact::Way(to) => self.way(to).err(),
            Fact::Operation => self.operation().err(),
            Fact::Stack => self.stack().err(),
        };
        facts.into_iter().filter_map(unread).collect()
    }

    /// The facts that have been read and are forgotten at the next look.
    pub fn volatile(&self) -> Vec<Fact> {
        let marks = self.marks.as_ref().map(|_| Fact::Marks);
        let neighbors = self.neighbors.keys().cloned().map(Fact::Neighbors);
        let operation = self.operation.as_ref().map(|_| Fact::Operation);
        let groups = self.managed_groups.keys().cloned().map(Fact::ManagedGroup);
        groups.chain(marks).chain(neighbors).chain(operation).collect()
    }

    /// Forgets what a new look may show differently.
    pub fn forget_volatile(&mut self) {
        self.managed_groups.clear();
        self.marks = None;
        self.neighbors.clear();
        self.operation = None;
    }

    /// Whether one of the managed security groups that have been read was created for a holder.
    pub fn has_group_of(&self, holder: &Holder) -> bool {
        self.managed_groups.values().flatten().any(|group| holder.is_owner(&group.tags))
    }

    /// A subnet of the VPC, if the subnets have been read.
    pub fn subnet(&self, id: &SubnetId) -> Option<&Subnet> {
        self.subnets().ok()?.iter().find(|subnet| subnet.id == *id)
    }

    /// The zone of a subnet of the VPC, if the subnets have been read.
    pub fn zone_of(&self, id: &SubnetId) -> Option<&ZoneId> {
        self.subnet(id).map(|subnet| &subnet.zone_id)
    }

    /// The zones of an endpoint. Its service is available in them.
    pub fn zones_of(&self, endpoint: &Endpoint) -> Result<BTreeSet<&ZoneId>, Fact> {
        let subnets = self.subnets()?.iter().filter(|subnet| endpoint.subnet_ids.contains(&subnet.id));
        Ok(subnets.map(|subnet| &subnet.zone_id).collect())
    }
}
