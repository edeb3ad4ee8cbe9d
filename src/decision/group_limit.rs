//! An endpoint that has as many security groups as EC2 allows for a network interface. The quota can be raised, so only EC2
//! knows it.

use super::provision::Provision;
use super::refusal::Refusal;
use super::view::Unless;
use super::warning::Warning;
use crate::model::change::Change;
use crate::model::endpoint::Endpoint;
use crate::model::ids::{GroupId, join};

impl Provision<'_> {
    fn is_full(&self, endpoint: &Endpoint) -> bool {
        self.view.journal.endpoint(&endpoint.id).groups_full
    }

    /// Whether the security group that the provider manages cannot be on the endpoint; then the others' are used.
    pub(super) fn has_no_room_for_the_managed_group(&self, endpoint: &Endpoint) -> Unless<bool> {
        if !self.is_full(endpoint) {
            return Ok(false);
        }
        let Some(managed) = self.managed_group(&endpoint.vpc_id) else { return Ok(false) };
        Ok(managed.existing()?.is_none_or(|id| !endpoint.group_ids.contains(&id)))
    }

    /// EC2 has just refused to add security groups that the properties give.
    pub(super) fn reject_too_many_groups(&self, endpoint: &Endpoint, change: Option<&Change>) -> Unless<()> {
        let added: &[GroupId] = change.map(|change| change.add_groups.as_slice()).unwrap_or_default();
        if added.is_empty() || !self.is_full(endpoint) {
            return Ok(());
        }
        Err(Refusal::TooManyGroups {
            endpoint: endpoint.id.clone(),
            added: join(added, ", "),
            groups: join(&endpoint.group_ids, ", "),
            holders: self.used_by(endpoint),
        }
        .into())
    }

    pub(super) fn warning_of_full_groups(&self, endpoint: &Endpoint) -> Unless<Option<Warning>> {
        if !self.has_no_room_for_the_managed_group(endpoint)? {
            return Ok(None);
        }
        let (endpoint, count, holders) = (endpoint.id.clone(), endpoint.group_ids.len(), self.used_by(endpoint));
        Ok(Some(Warning::NoRoomForManagedGroup { endpoint, count, holders }))
    }

    fn used_by(&self, endpoint: &Endpoint) -> String {
        self.others(endpoint).names().unwrap_or_else(|| "this resource alone".to_owned())
    }
}
