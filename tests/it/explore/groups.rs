//! The provider's security groups in the model of EC2. A read may show a security group as it was, or as it did not exist,
//! less than the read lag ago.

use super::choices::Choices;
use super::ec2::{Moment, Rejected};
use super::fingerprint::Mixer;
use super::provider::GROUPS;
use super::versions::{FOREVER, Versions};
use std::collections::BTreeMap;
use std::hash::Hash;
use tidb_private_endpoint::model::change::NewGroup;
use tidb_private_endpoint::model::ids::GroupId;
use tidb_private_endpoint::model::security_group::{IngressRule, Rule, SecurityGroup};

/// By name, which EC2 keeps unique in the VPC.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Groups {
    by_name: BTreeMap<String, Versions<Option<SecurityGroup>>>,
    created: usize,
}

impl Groups {
    pub(super) fn create(&mut self, new: &NewGroup, now: Moment) -> Result<GroupId, Rejected> {
        let versions = self.by_name.entry(new.name.clone()).or_insert_with(|| Versions::starting_with(FOREVER, None));
        if versions.at(now).is_some_and(Option::is_some) {
            return Err(Rejected::GroupExists);
        }
        self.created += 1;
        let id = GroupId::from(format!("sg-{:017x}", 0x100 + self.created));
        let (vpc_id, name, tags) = (new.vpc_id.clone(), new.name.clone(), new.tags.clone());
        versions.set(now, Some(SecurityGroup { id: id.clone(), vpc_id, name, tags, rules: Vec::new() }));
        Ok(id)
    }

    /// Adds a security group that has existed for a long time.
    pub(super) fn place(&mut self, new: &NewGroup, rules: &[IngressRule]) -> Option<GroupId> {
        let id = self.create(new, FOREVER).ok();
        if let Some(id) = &id {
            self.change(id, FOREVER, |group| group.rules.extend(rules.iter().map(rule))).ok()?;
        }
        id
    }

    pub(super) fn authorize(&mut self, id: &GroupId, added: &[IngressRule], now: Moment) -> Result<(), Rejected> {
        self.change(id, now, |group| {
            for new in added.iter().map(rule) {
                if !group.rules.contains(&new) {
                    group.rules.push(new);
                }
            }
        })
    }

    pub(super) fn revoke(&mut self, id: &GroupId, removed: &[IngressRule], now: Moment) -> Result<(), Rejected> {
        self.change(id, now, |group| group.rules.retain(|old| !removed.iter().any(|gone| rule(gone) == *old)))
    }

    pub(super) fn delete(&mut self, id: &GroupId, now: Moment) {
        if let Some(versions) = self.find(id, now) {
            versions.set(now, None);
        }
    }

    fn change(&mut self, id: &GroupId, now: Moment, change: impl FnOnce(&mut SecurityGroup)) -> Result<(), Rejected> {
        let versions = self.find(id, now).ok_or(Rejected::GroupGone)?;
        let Some(Some(mut group)) = versions.at(now).cloned() else { return Err(Rejected::GroupGone) };
        change(&mut group);
        versions.set(now, Some(group));
        Ok(())
    }

    fn find(&mut self, id: &GroupId, now: Moment) -> Option<&mut Versions<Option<SecurityGroup>>> {
        let is_it = |group: &Option<SecurityGroup>| group.as_ref().is_some_and(|group| group.id == *id);
        self.by_name.values_mut().find(|versions| versions.at(now).is_some_and(is_it))
    }

    /// EC2 accepts only security groups that exist. Those that are not the provider's always do.
    pub(super) fn check_exist(&self, ids: &[GroupId], now: Moment) -> Result<(), Rejected> {
        let exists = |id: &GroupId| GROUPS.contains(&id.as_str()) || self.existing(now).any(|group| group.id == *id);
        if ids.iter().all(exists) { Ok(()) } else { Err(Rejected::GroupGone) }
    }

    /// What a read shows.
    pub(super) fn look(&self, name: &str, now: Moment, choices: &mut Choices) -> Option<SecurityGroup> {
        choices.one_of(&self.by_name.get(name)?.visible(now)).cloned().flatten()
    }

    /// Those that exist.
    pub(super) fn existing(&self, now: Moment) -> impl Iterator<Item = &SecurityGroup> {
        self.by_name.values().filter_map(move |versions| versions.at(now)?.as_ref())
    }

    /// The IDs of all that a read may show.
    pub(super) fn ids(&self) -> impl Iterator<Item = &GroupId> {
        let versions = self.by_name.values().flat_map(Versions::all);
        versions.filter_map(|(_, group)| group.as_ref()).map(|group| &group.id)
    }

    pub(super) fn forget(&mut self, now: Moment) {
        for versions in self.by_name.values_mut() {
            versions.forget(now);
        }
        self.by_name.retain(|_, versions| *versions != Versions::starting_with(FOREVER, None));
    }

    pub(super) fn fingerprint(&self, since: impl Fn(Moment) -> Moment, hasher: &mut Mixer) {
        for (name, versions) in &self.by_name {
            name.hash(hasher);
            for (at, group) in versions.all() {
                (since(*at), format!("{group:?}")).hash(hasher);
            }
        }
        self.created.hash(hasher);
    }
}

impl Hash for Groups {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        format!("{self:?}").hash(state);
    }
}

/// A rule of the provider, as EC2 shows it.
fn rule(new: &IngressRule) -> Rule {
    let port = i32::from(new.port);
    Rule { protocol: "tcp".to_owned(), ports: Some((port, port)), source: new.source.clone(), is_ours: true }
}
