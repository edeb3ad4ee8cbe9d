//! What an update keeps asking for although others have deleted it. Refusing it would keep the stack from being updated, and
//! from being rolled back.

use super::facts::Facts;
use super::warning::Warning;
use crate::model::ids::{GroupId, SubnetId};
use crate::model::security_group::Source;
use crate::request::property::{ALLOWED_GROUP_IDS, GROUP_IDS, SUBNET_IDS};
use crate::request::spec::EndpointSpec;
use crate::request::{Request, Verb};
use std::borrow::Cow;

/// What the old properties named, the new ones name, and EC2 does not show.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Gone {
    subnets: Vec<SubnetId>,
    groups: Vec<GroupId>,
    allowed_groups: Vec<GroupId>,
}

impl Gone {
    /// What is gone as far as the facts tell. Whatever depends on it reads the facts first.
    pub(super) fn of(request: &Request, spec: &EndpointSpec, facts: &Facts) -> Self {
        let Verb::Update { before, .. } = &request.verb else { return Self::default() };
        let groups = |now: &[GroupId], before: &[GroupId]| -> Vec<GroupId> {
            now.iter().filter(|id| before.contains(id) && facts.is_missing_group(id)).cloned().collect()
        };
        let subnet_is_gone = |id: &&SubnetId| before.named.subnet_ids.contains(id) && facts.is_missing_subnet(id);
        Self {
            subnets: spec.subnet_ids.iter().filter(subnet_is_gone).cloned().collect(),
            groups: groups(&spec.group_ids, &before.named.group_ids),
            allowed_groups: groups(&spec.allowed_group_ids, &before.named.allowed_group_ids),
        }
    }

    /// The specification without the subnets that are gone; `None` if that leaves none of those that it names.
    pub(super) fn without_subnets<'a>(&self, spec: &'a EndpointSpec) -> Option<Cow<'a, EndpointSpec>> {
        if self.subnets.is_empty() {
            return Some(Cow::Borrowed(spec));
        }
        let mut spec = spec.clone();
        spec.subnet_ids.retain(|id| !self.subnets.contains(id));
        (!spec.subnet_ids.is_empty()).then_some(Cow::Owned(spec))
    }

    /// The given security groups without those that are gone.
    pub(super) fn without_groups(&self, ids: &[GroupId]) -> Vec<GroupId> {
        ids.iter().filter(|id| !self.groups.contains(id)).cloned().collect()
    }

    pub(super) fn has_group(&self, id: &GroupId) -> bool {
        self.groups.contains(id) || self.allowed_groups.contains(id)
    }

    /// The sources that the properties name, without those that are gone; `None` if the VPC may connect.
    pub(super) fn sources(&self, spec: &EndpointSpec) -> Option<Vec<Source>> {
        let named = spec.named_sources();
        let is_gone = |source: &Source| matches!(source, Source::Group(id) if self.allowed_groups.contains(id));
        (!named.is_empty()).then(|| named.into_iter().filter(|source| !is_gone(source)).collect())
    }

    pub(super) fn warnings(&self) -> Vec<Warning> {
        let subnets = self.subnets.iter().map(|id| (SUBNET_IDS, id.to_string()));
        let groups = self.groups.iter().map(|id| (GROUP_IDS, id.to_string()));
        let allowed = self.allowed_groups.iter().map(|id| (ALLOWED_GROUP_IDS, id.to_string()));
        let gone = subnets.chain(groups).chain(allowed);
        gone.map(|(property, id)| Warning::Gone { property: property.name, id }).collect()
    }
}
