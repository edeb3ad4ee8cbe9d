//! The VPCs, security groups, and endpoint services of the control plane.

use super::Plane;
use crate::{
    clock::{History, View},
    error::{ApiError, check_id},
    tags::Tags,
    world::{Group, Service, Subnet, Vpc},
};

impl Plane {
    /// The account that owns a VPC and its subnets and security groups.
    pub(crate) fn owner(&self, vpc: &str) -> String {
        self.vpc(vpc).and_then(|vpc| vpc.owner.clone()).unwrap_or_else(|| self.account.clone())
    }

    pub(crate) fn vpc(&self, id: &str) -> Option<&Vpc> {
        self.vpcs.get(id)?.now()
    }

    pub(crate) fn subnet(&self, id: &str) -> Option<&Subnet> {
        self.subnets.get(id)?.now()
    }

    pub(crate) fn current_subnets(&self) -> impl Iterator<Item = &Subnet> {
        self.subnets.values().filter_map(History::now)
    }

    /// The VPC, if it exists in a view. A deleted VPC does not exist in any view.
    pub(crate) fn vpc_in(&self, id: &str, view: View) -> Option<&Vpc> {
        let vpc = self.vpcs.get(id)?;
        vpc.now()?;
        vpc.as_of(view)
    }

    /// The subnet, if it exists in a view. A deleted subnet does not exist in any view.
    pub(crate) fn subnet_in(&self, id: &str, view: View) -> Option<&Subnet> {
        let subnet = self.subnets.get(id)?;
        subnet.now()?;
        subnet.as_of(view)
    }

    pub(crate) fn group(&self, id: &str) -> Option<&Group> {
        self.groups.get(id)?.now()
    }

    /// Adds the default security group that EC2 creates with every VPC.
    pub(crate) fn add_default_group(&mut self, vpc: &str, since: View) {
        let group = Group {
            id: self.random.id("sg"),
            name: "default".to_owned(),
            description: "default VPC security group".to_owned(),
            vpc_id: vpc.to_owned(),
            ingress: Vec::new(),
            tags: Tags::new(),
        };
        self.groups.insert(group.id.clone(), History::new(since, group));
    }

    pub(crate) fn default_group(&self, vpc: &str) -> Option<&Group> {
        let mut groups = self.groups.values().filter_map(History::now);
        groups.find(|group| group.vpc_id == vpc && group.name == "default")
    }

    /// Whether the service allows the caller's account.
    pub(crate) fn allowed(&self, service: &Service) -> bool {
        let root = format!("arn:aws:iam::{}:root", self.account);
        ["*", self.account.as_str(), root.as_str()].iter().any(|name| service.allowed_principals.contains(*name))
    }

    /// The service, if it exists and allows the caller.
    pub(crate) fn service(&self, name: &str) -> Result<&Service, ApiError> {
        let service = self.services.get(name).filter(|service| self.allowed(service));
        service.ok_or_else(|| ApiError::service_not_found(name))
    }

    /// Looks up the security group for a change. Because of lag, a new security group may not be found yet.
    pub(crate) fn group_to_change(&mut self, id: &str) -> Result<Group, ApiError> {
        check_id("sg", "InvalidGroupId", id)?;
        let view = self.group_view();
        let known = self.groups.get(id).is_some_and(|group| group.as_of(view).is_some());
        let group = self.group(id).filter(|group| known && self.owner(&group.vpc_id) == self.account);
        group.cloned().ok_or_else(|| ApiError::group_not_found(id))
    }
}
