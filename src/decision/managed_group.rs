//! The security group that the provider manages: created before the endpoint, kept in step with what the properties ask
//! for, and deleted after the endpoint.

use super::action::Action;
use super::facts::{Fact, Facts, GroupPlace};
use super::gone::Gone;
use super::others::Others;
use super::poll::LAG_POLL;
use super::refusal::Refusal;
use super::rules::surplus_rules;
use super::view::{Interrupt, Next, Reason, Unless, View, wait};
use crate::model::change::NewGroup;
use crate::model::endpoint::Endpoint;
use crate::model::ids::{GroupId, VpcId};
use crate::model::security_group::{IngressRule, SecurityGroup, Source, managed_group_name};
use crate::model::tags::{Holder, NAME, OWNED, Tags};
use crate::request::spec::{EndpointSpec, Place};
use jiff::SignedDuration;
use std::collections::BTreeSet;

/// How long EC2 may go on reporting a security group as in use after the endpoint that used it is gone.
const IN_USE_PATIENCE: SignedDuration = SignedDuration::from_secs(30);

/// The managed security group of a service in a VPC, as one event sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct ManagedGroup<'a> {
    pub(super) holder: &'a Holder,
    pub(super) vpc: &'a VpcId,
    pub(super) spec: &'a EndpointSpec,
    pub(super) view: View<'a>,
    pub(super) gone: &'a Gone,
}

impl ManagedGroup<'_> {
    fn place(&self) -> GroupPlace {
        (self.vpc.clone(), managed_group_name(&self.spec.service_name))
    }

    fn found(&self) -> Unless<Option<&SecurityGroup>> {
        let (place, View { observed, facts, journal }) = (self.place(), self.view);
        match facts.managed_group(&place)?.filter(|group| !journal.group(&group.id).is_gone(observed.at)) {
            Some(group) if !group.is_owned() => {
                Err(Refusal::GroupNameTaken { group: group.id.clone(), name: place.1, vpc: place.0 }.into())
            }
            found => Ok(found),
        }
    }

    /// What has to be known to create an endpoint with it.
    pub(super) fn fact(&self) -> Option<Fact> {
        self.view.journal.created_group(self.vpc).is_none().then(|| Fact::ManagedGroup(self.place()))
    }

    /// The security group for a new endpoint. EC2 keeps its name unique, so of many stacks that need an endpoint at the
    /// same moment one creates the group and goes on to create the endpoint; the others give it the time to.
    pub(super) fn for_new_endpoint(&self) -> Unless<GroupId> {
        let View { observed, journal, .. } = self.view;
        let other_creator = || wait(Reason::OtherCreator(self.place().1), LAG_POLL).into();
        if let Some(id) = journal.created_group(self.vpc) {
            return Ok(id.clone());
        }
        match self.found()? {
            None if journal.creation().other_creator.is_some_and(|when| observed.may_predate(when)) => {
                Err(other_creator())
            }
            None => Err(self.create()),
            Some(group) if !self.holder.is_owner(&group.tags) && observed.may_predate(journal.started()) => {
                Err(other_creator())
            }
            Some(group) => Ok(group.id.clone()),
        }
    }

    /// The security group if it exists.
    pub(super) fn existing(&self) -> Unless<Option<GroupId>> {
        match self.view.journal.created_group(self.vpc) {
            Some(id) => Ok(Some(id.clone())),
            None => Ok(self.found()?.map(|group| group.id.clone())),
        }
    }

    /// The security group for an existing endpoint, with all the rules that this resource requests.
    pub(super) fn for_endpoint(&self) -> Unless<GroupId> {
        let id = self.existing()?.ok_or_else(|| self.create())?;
        self.add_rules(&id)?;
        Ok(id)
    }

    /// Adds the rules to the security group that this event has created, if it has created one.
    pub(super) fn authorize_created(&self) -> Unless<()> {
        self.view.journal.created_group(self.vpc).map_or(Ok(()), |id| self.add_rules(id))
    }

    pub(super) fn add_rules(&self, id: &GroupId) -> Unless<()> {
        self.align_rules(id, None)
    }

    fn create(&self) -> Interrupt {
        let (vpc_id, name) = self.place();
        let tags = first_tags(self.spec, self.holder);
        Action::CreateGroup(NewGroup { vpc_id, name, tags }).into()
    }

    /// Adds missing rules. With the other holders of the endpoints that use the security group, removes those of the
    /// provider's rules that nobody requests.
    pub(super) fn align_rules(&self, id: &GroupId, others: Option<&Others>) -> Unless<()> {
        let View { facts, journal, .. } = self.view;
        let record = journal.group(id);
        // A group that was created a moment ago has no rules, unless another stack has added some since.
        let is_empty = journal.created_group(self.vpc) == Some(id) && !record.rules_unknown;
        let others = others.filter(|_| record.revoked.is_none() && !is_empty);
        let narrow = others.is_some();
        // EC2 may not show yet what this event has written.
        if record.authorized && !narrow {
            return Ok(());
        }
        let (vpc_id, name) = self.place();
        let empty = SecurityGroup { id: id.clone(), vpc_id, name, tags: Tags::new(), rules: Vec::new() };
        let group = if is_empty { &empty } else { self.found()?.unwrap_or(&empty) };
        let sources = if let Some(sources) = self.gone.sources(self.spec) {
            // If all of them are gone, there is nothing to add, and nothing that would be right to remove.
            if sources.is_empty() {
                return Ok(());
            }
            sources
        } else {
            let Some(clients) = &self.spec.vpc_id else { return Ok(()) };
            // In a block of the VPC without a subnet there is nobody to allow. Clients of another VPC have rules of their own:
            // one that happens to allow them goes with its holder.
            if !narrow && !is_empty && clients == self.vpc {
                let blocks = facts.subnets()?.iter().flat_map(|subnet| &subnet.blocks);
                if group.admits_all(self.spec.port, blocks) {
                    return Ok(());
                }
            }
            let blocks = facts.blocks(clients)?;
            // An answer without blocks does not say whom to allow, least of all that nobody is to be allowed.
            if blocks.is_empty() {
                return Ok(());
            }
            blocks.iter().copied().map(Source::Block).collect()
        };
        let rules = group.compare(self.spec.port, &sources);
        if !rules.missing.is_empty() && !record.authorized {
            return Err(Action::Authorize(id.clone(), rules.missing).into());
        }
        let Some(others) = others.filter(|_| !rules.surplus.is_empty()) else { return Ok(()) };
        let blocks = facts.blocks(self.vpc)?;
        let port = self.spec.port;
        let own: Vec<IngressRule> = sources.into_iter().map(|source| IngressRule { port, source }).collect();
        let surplus = surplus_rules(group, &own, others, blocks);
        if surplus.is_empty() { Ok(()) } else { Err(Action::Revoke(id.clone(), surplus).into()) }
    }
}

/// Where the managed security group of a resource with these properties may be. If they name a cluster, and not the service
/// that the group has in its name, it is one that was created for this resource.
pub(super) fn places_of(properties: Option<&Place>, facts: &Facts) -> Unless<Vec<GroupPlace>> {
    match properties {
        None => Ok(Vec::new()),
        Some(Place { vpc, service: Some(service) }) => Ok(vec![(vpc.clone(), managed_group_name(service))]),
        Some(Place { service: None, .. }) => Ok(facts.own_groups()?.collect()),
    }
}

/// Deletes managed security groups that nothing needs anymore, of those in the given places. EC2 refuses to delete a
/// security group that anything uses; such a group is left, except that after an endpoint of the provider is deleted, EC2
/// may only be late.
pub(super) fn clean_up(
    places: impl IntoIterator<Item = GroupPlace>,
    keep: Option<&Endpoint>,
    View { observed, facts, journal }: View<'_>,
) -> Unless<()> {
    let is_used = |id: &GroupId| {
        let others = observed.endpoints.iter().filter(|endpoint| endpoint.state.is_usable());
        others.chain(keep).any(|endpoint| endpoint.group_ids.contains(id))
    };
    let places: BTreeSet<GroupPlace> = places.into_iter().collect();
    let unread = facts.unread(places.iter().cloned().map(Fact::ManagedGroup));
    if !unread.is_empty() {
        return Err(Next::Read(unread).into());
    }
    let was_used = journal.deleted().is_some() || journal.has_detached_groups();
    let patience = if was_used { IN_USE_PATIENCE } else { SignedDuration::ZERO };
    for place in &places {
        // A group that this event has created may not be shown yet.
        let shown = facts.managed_group(place)?.filter(|group| group.is_owned()).map(|group| &group.id);
        let Some(id) = shown.or_else(|| journal.created_group(&place.0)) else { continue };
        let record = journal.group(id);
        if record.is_gone(observed.at) || is_used(id) {
            continue;
        }
        match record.in_use {
            Some(refused) if observed.at.duration_since(refused.first) >= patience => {}
            Some(refused) if observed.at.duration_since(refused.last) < LAG_POLL => {
                return Err(wait(Reason::GroupInUse(id.clone()), LAG_POLL).into());
            }
            Some(_) | None => return Err(Action::DeleteGroup(id.clone()).into()),
        }
    }
    Ok(())
}

/// The tags of what the provider creates for a resource. All are there from the first moment, because organizations may
/// require some of them.
pub(super) fn first_tags(spec: &EndpointSpec, holder: &Holder) -> Tags {
    let mut tags = Tags::from([(NAME.to_owned(), managed_group_name(&spec.service_name))]);
    tags.extend(spec.tags.clone());
    tags.insert(OWNED.to_owned(), holder.hash.clone());
    tags
}
