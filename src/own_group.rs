//! The product's own security group: made before the endpoint, kept in step with the wish, deleted after the endpoint.

use crate::difference::Relation;
use crate::endpoint::Endpoint;
use crate::group::{Group, openings, own_name, wanted_sources};
use crate::ids::{GroupId, VpcId};
use crate::journal::Journal;
use crate::reference::{self, Holder, Tags};
use crate::refusal::Refusal;
use crate::request::EndpointSpec;
use crate::step::{LAG_POLL, NewGroup, Observed, Reason, Step, wait};
use crate::survey::Survey;
use jiff::SignedDuration;
use std::ops::ControlFlow;

/// How long EC2 may go on saying that a group is in use after the endpoint that used it is gone.
const PATIENCE: SignedDuration = SignedDuration::from_secs(30);

/// Sees to it that the product's group is there and lets in whom it shall. Of a group that other stacks use too, nothing
/// is taken away. Breaks with what has to be done first, and goes on with the group when it is there and open.
///
/// # Errors
/// If somebody else's group has the name.
pub fn prepare(
    holder: &Holder,
    vpc: &VpcId,
    spec: &EndpointSpec,
    relation: Relation,
    (survey, observed, journal): (&Survey, &Observed, &Journal),
) -> Result<ControlFlow<Step, GroupId>, Refusal> {
    let name = own_name(&spec.service_name);
    let mut present = observed.groups.iter().filter(|group| !journal.groups_gone.contains(&group.id));
    let found = present.find(|group| group.vpc_id == *vpc && group.name == name);
    if let Some(group) = found.filter(|group| !group.is_owned()) {
        return Err(Refusal::GroupNameTaken { group: group.id.clone(), name, vpc: vpc.clone() });
    }
    let made = || journal.groups_made.keys().rfind(|id| !journal.groups_gone.contains(id)).cloned();
    let Some(id) = found.map(|group| group.id.clone()).or_else(made) else {
        let tags = Tags::from([(reference::OWNED.to_owned(), holder.hash.clone())]);
        return Ok(ControlFlow::Break(Step::CreateGroup(NewGroup { vpc_id: vpc.clone(), name, tags })));
    };
    let blocks = survey.vpc.as_ref().map(|vpc| vpc.blocks.as_slice()).unwrap_or_default();
    let empty = Group { id: id.clone(), vpc_id: vpc.clone(), name, tags: Tags::new(), rules: Vec::new() };
    let (missing, surplus) = openings(found.unwrap_or(&empty), spec.port, &wanted_sources(spec, blocks));
    // What this event has written may not be shown yet.
    if !missing.is_empty() && !journal.opened.contains(&id) {
        return Ok(ControlFlow::Break(Step::Open(id, missing)));
    }
    if !surplus.is_empty() && relation == Relation::OursAlone && !journal.closed.contains(&id) {
        return Ok(ControlFlow::Break(Step::Close(id, surplus)));
    }
    Ok(ControlFlow::Continue(id))
}

/// Deletes groups of the product's that nothing needs any more, among those that the look has shown. EC2 refuses to
/// delete what anything uses; such a group is left, but after an endpoint of ours is gone it may only be late.
#[must_use]
pub fn clean_up(keep: Option<&Endpoint>, observed: &Observed, journal: &Journal) -> Option<Step> {
    let used = |id: &GroupId| {
        let others = observed.endpoints.iter().filter(|endpoint| endpoint.state.is_usable());
        others.chain(keep).any(|endpoint| endpoint.group_ids.contains(id))
    };
    let unused = observed
        .groups
        .iter()
        .filter(|group| group.is_owned() && !journal.groups_gone.contains(&group.id) && !used(&group.id));
    unused.map(|group| &group.id).find_map(|id| {
        let patience = if journal.deleted.is_empty() { SignedDuration::ZERO } else { PATIENCE };
        let obstacle = journal.groups_in_use.get(id);
        if obstacle.is_some_and(|obstacle| observed.at.duration_since(obstacle.since) >= patience) {
            None
        } else if obstacle.is_some_and(|obstacle| observed.at.duration_since(obstacle.last) < LAG_POLL) {
            Some(wait(Reason::GroupInUse(id.clone()), LAG_POLL))
        } else {
            Some(Step::DeleteGroup(id.clone()))
        }
    })
}
