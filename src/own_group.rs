//! The product's own security group: made before the endpoint, kept in step with the wish, deleted after the endpoint.

use crate::difference::Relation;
use crate::endpoint::Endpoint;
use crate::group::{Group, Source, lets_all_in, named_sources, openings, own_name};
use crate::ids::{GroupId, VpcId};
use crate::journal::Journal;
use crate::reference::{self, Holder, Tags};
use crate::refusal::Refusal;
use crate::request::EndpointSpec;
use crate::step::{LAG_POLL, NewGroup, Observed, Reason, Step, Stop, wait};
use crate::survey::{Fact, GroupPlace, Survey};
use jiff::SignedDuration;
use std::collections::BTreeSet;

/// How long EC2 may go on saying that a group is in use after the endpoint that used it is gone.
const PATIENCE: SignedDuration = SignedDuration::from_secs(30);

/// The product's group for a service in a VPC, as one event sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OwnGroup<'a> {
    pub(crate) holder: &'a Holder,
    pub(crate) vpc: &'a VpcId,
    pub(crate) spec: &'a EndpointSpec,
    pub(crate) survey: &'a Survey,
    pub(crate) journal: &'a Journal,
}

impl OwnGroup<'_> {
    fn place(&self) -> GroupPlace {
        (self.vpc.clone(), own_name(&self.spec.service_name))
    }

    /// The one that this event has made.
    fn made(&self) -> Option<&GroupId> {
        self.journal.groups_made.keys().rfind(|id| !self.journal.groups_gone.contains(id))
    }

    fn found(&self) -> Result<Option<&Group>, Stop> {
        let place = self.place();
        let found = self.survey.own_group(&place)?.filter(|group| !self.journal.groups_gone.contains(&group.id));
        match found {
            Some(group) if !group.is_owned() => {
                Err(Refusal::GroupNameTaken { group: group.id.clone(), name: place.1, vpc: place.0 }.into())
            }
            found => Ok(found),
        }
    }

    /// What has to be known to make an endpoint with it.
    pub(crate) fn fact(&self) -> Option<Fact> {
        self.made().is_none().then(|| Fact::OwnGroup(self.place()))
    }

    /// The group for an endpoint that is to be made. EC2 keeps the group's name unique, so of many stacks that need an
    /// endpoint at the same moment one makes the group, and goes on to make the endpoint; the others leave it time to.
    pub(crate) fn for_new_endpoint(&self, observed: &Observed) -> Result<GroupId, Stop> {
        let stale = |then| Journal::may_be_stale(observed.at, then);
        let rival = || wait(Reason::Rival(self.place().1), LAG_POLL).into();
        if let Some(id) = self.made() {
            return Ok(id.clone());
        }
        match self.found()? {
            None if self.journal.outrun.is_some_and(stale) => Err(rival()),
            None => Err(self.make()),
            Some(group) => {
                let ours = reference::owner(&group.tags) == Some(self.holder.hash.as_str());
                if !ours && stale(self.journal.started) { Err(rival()) } else { Ok(group.id.clone()) }
            }
        }
    }

    /// The group for an endpoint that is there, open for whom it shall let in. Of a group that other stacks use too,
    /// nothing is taken away.
    pub(crate) fn for_endpoint(&self, relation: Relation) -> Result<GroupId, Stop> {
        let id = match self.made() {
            Some(id) => id.clone(),
            None => self.found()?.map(|group| group.id.clone()).ok_or_else(|| self.make())?,
        };
        self.open(&id, relation)?;
        Ok(id)
    }

    /// The group that this event has made, once it is open.
    pub(crate) fn open_made(&self) -> Result<(), Stop> {
        self.made().map_or(Ok(()), |id| self.open(id, Relation::OursShared))
    }

    fn make(&self) -> Stop {
        let (vpc_id, name) = self.place();
        let tags = Tags::from([(reference::OWNED.to_owned(), self.holder.hash.clone())]);
        Step::CreateGroup(NewGroup { vpc_id, name, tags }).into()
    }

    /// Sees to it that whoever is wanted is let in, and nobody else if the endpoint is ours alone.
    pub(crate) fn open(&self, id: &GroupId, relation: Relation) -> Result<(), Stop> {
        // What this event has written may not be shown yet.
        let (opened, closed) = (self.journal.opened.contains(id), self.journal.closed.contains(id));
        // A group that was made a moment ago has no rules, unless another stack has written them since.
        let made = self.made() == Some(id) && !self.journal.rules_unknown.contains(id);
        let narrow = relation == Relation::OursAlone && !closed && !made;
        if opened && !narrow {
            return Ok(());
        }
        let (vpc_id, name) = self.place();
        let empty = Group { id: id.clone(), vpc_id, name, tags: Tags::new(), rules: Vec::new() };
        let found = if made { None } else { self.found()? };
        let group = found.unwrap_or(&empty);
        let mut sources = named_sources(self.spec);
        if sources.is_empty() {
            // In a block of the VPC without any subnet there is nobody who would have to be let in.
            if !narrow && !made {
                let blocks = self.survey.subnets()?.iter().flat_map(|subnet| &subnet.blocks);
                if lets_all_in(group, self.spec.port, blocks) {
                    return Ok(());
                }
            }
            let vpc = self.survey.vpc()?;
            sources = vpc.map(|vpc| vpc.blocks.iter().copied().map(Source::Block).collect()).unwrap_or_default();
        }
        let (missing, surplus) = openings(group, self.spec.port, &sources);
        if !missing.is_empty() && !opened {
            return Err(Step::Open(id.clone(), missing).into());
        }
        if !surplus.is_empty() && narrow {
            return Err(Step::Close(id.clone(), surplus).into());
        }
        Ok(())
    }
}

/// Deletes groups of the product's that nothing needs any more, of those in the given places. EC2 refuses to delete what
/// anything uses; such a group is left, but after an endpoint of ours is gone it may only be late.
pub(crate) fn clean_up(
    places: impl IntoIterator<Item = GroupPlace>,
    keep: Option<&Endpoint>,
    (survey, observed, journal): (&Survey, &Observed, &Journal),
) -> Result<(), Stop> {
    let used = |id: &GroupId| {
        let others = observed.endpoints.iter().filter(|endpoint| endpoint.state.is_usable());
        others.chain(keep).any(|endpoint| endpoint.group_ids.contains(id))
    };
    let places: BTreeSet<GroupPlace> = places.into_iter().collect();
    let unread = survey.unread(places.iter().cloned().map(Fact::OwnGroup));
    if !unread.is_empty() {
        return Err(Step::Read(unread).into());
    }
    for place in &places {
        let Some(group) = survey.own_group(place)? else { continue };
        let id = &group.id;
        if !group.is_owned() || journal.groups_gone.contains(id) || used(id) {
            continue;
        }
        let patience = if journal.deleted.is_empty() { SignedDuration::ZERO } else { PATIENCE };
        let obstacle = journal.groups_in_use.get(id);
        if obstacle.is_some_and(|obstacle| observed.at.duration_since(obstacle.since) >= patience) {
            continue;
        }
        let waiting = obstacle.is_some_and(|obstacle| observed.at.duration_since(obstacle.last) < LAG_POLL);
        return Err(if waiting {
            wait(Reason::GroupInUse(id.clone()), LAG_POLL)
        } else {
            Step::DeleteGroup(id.clone())
        }
        .into());
    }
    Ok(())
}
