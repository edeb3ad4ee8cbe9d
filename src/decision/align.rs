//! Bringing an endpoint to what its holders request together.

use super::action::{Action, TagAction};
use super::difference::{Comparison, Difference};
use super::leave::{Leave, requested_before};
use super::narrow::{narrow, withdraw, withdrawable};
use super::placement::Placement;
use super::poll::LAG_POLL;
use super::provision::Provision;
use super::refusal::Refusal;
use super::relation::Relation;
use super::rules::others_of_group;
use super::view::{Interrupt, Next, Reason, Unless, View, wait};
use super::warning::Warning;
use crate::model::change::Change;
use crate::model::endpoint::Endpoint;
use crate::model::ids::GroupId;
use crate::model::security_group::managed_group_name;
use crate::model::tags::{Claim, Tags};
use crate::model::wanted::Wanted;

/// How often EC2 is asked for the same change.
const CHANGE_ATTEMPTS_MAX: u32 = 3;

impl Provision<'_> {
    pub(super) fn relation(&self, endpoint: &Endpoint) -> Relation {
        if endpoint.is_owned() && (self.is_here(endpoint) || self.is_spoke_of(endpoint)) {
            Relation::Owned(self.others(endpoint))
        } else {
            Relation::Foreign
        }
    }

    /// The third phase: make the changes that the endpoint needs. Returns warnings about what stays different.
    pub(super) fn align(&self, endpoint: &Endpoint, placement: Option<&Placement>) -> Unless<Vec<Warning>> {
        let View { observed, facts, journal } = self.view;
        let (id, record) = (&endpoint.id, journal.endpoint(&endpoint.id));
        let relation = &self.relation(endpoint);
        let before = &requested_before(self.request, record, endpoint);
        let groups = &match self.managed_group(&endpoint.vpc_id).filter(|_| !relation.is_foreign()) {
            Some(_) if self.has_no_room_for_the_managed_group(endpoint)? => Vec::new(),
            // What is missing is added at once; what is too much is removed last.
            Some(group) => vec![group.for_endpoint()?],
            None => self.gone.without_groups(&self.spec.group_ids),
        };
        let no_tags = Tags::new();
        // A resource that has recorded no request has written no tags.
        let tags_before = self.request.before().filter(|_| !before.is_empty()).map_or(&no_tags, |before| &before.tags);
        let managed_group = self.managed_group_beside(groups, before, endpoint, relation)?;
        let spec = self.spec;
        let comparison =
            Comparison { spec, placement, groups, before, tags_before, managed_group, facts, endpoint, relation };
        comparison.unread().map_or(Ok(()), |fact| Err(Interrupt::from(fact)))?;
        let Difference { change, tags, warnings } = comparison.difference();
        self.reject_too_many_groups(endpoint, change.as_ref())?;
        let may_narrow = self.may_narrow(relation);
        let change = if may_narrow { change } else { change.map(Change::without_removals) };
        let (wider, narrower) = change.map_or((None, None), |change| change.split(endpoint.group_ids.len()));
        let change = wider.as_ref().or(narrower.as_ref());
        if let Some(modified) = &record.modified {
            if observed.may_predate(modified.at) {
                return Err(wait(Reason::ReadLag(id.clone()), LAG_POLL).into());
            }
            if modified.attempts >= CHANGE_ATTEMPTS_MAX && change == Some(&modified.change) {
                let (change, attempts) = (modified.change.to_string(), modified.attempts);
                return Err(Refusal::ChangeWithoutEffect { endpoint: id.clone(), change, attempts }.into());
            }
        }
        if let Some(change) = wider {
            if change.private_dns == Some(true) {
                self.wait_for_name(&endpoint.vpc_id)?;
            }
            return Err(Action::ModifyEndpoint(id.clone(), change).into());
        }
        if let Some(change) = narrower {
            return Err(narrow(endpoint, Action::ModifyEndpoint(id.clone(), change), observed.at, journal).into());
        }
        if may_narrow {
            self.remove_surplus_rules(endpoint, before)?;
        }
        let announcements = withdrawable(endpoint, observed.at, journal)?;
        if !announcements.is_empty() {
            return Err(withdraw(endpoint, announcements).into());
        }
        match tags.and_then(|tags| tags.without(&record.tagged)) {
            Some(tags) => Err(Action::Tag(id.clone(), TagAction::UserTags(tags)).into()),
            None => Ok(warnings),
        }
    }

    /// A Create that joins others takes nothing away: what no visible holder requests may be of one that is joining, too.
    fn may_narrow(&self, relation: &Relation) -> bool {
        let is_alone = matches!(relation, Relation::Owned(others) if others.is_empty());
        let is_update = !relation.is_foreign() && self.request.is_update();
        (is_alone || is_update) && !self.view.journal.narrowing_refused()
    }

    /// The security group that the provider manages, if the endpoint has it. What is known of it by now is enough.
    pub(super) fn own_group(&self, endpoint: &Endpoint) -> Option<GroupId> {
        let ids = &endpoint.group_ids;
        let managed = self.managed_group(&endpoint.vpc_id).and_then(|group| group.existing().ok().flatten());
        let shown =
            || self.view.facts.groups(ids).ok()?.into_iter().find(|group| group.is_owned()).map(|it| it.id.clone());
        managed.filter(|id| ids.contains(id)).or_else(shown)
    }

    /// The security group that the provider manages, if this resource uses it or has used it.
    fn managed_group_beside<'g>(
        &'g self,
        groups: &'g [GroupId],
        before: &[Wanted],
        endpoint: &'g Endpoint,
        relation: &Relation,
    ) -> Unless<Option<&'g GroupId>> {
        if self.spec.group_ids.is_empty() {
            return Ok(groups.first());
        }
        if relation.is_foreign() || !before.iter().any(Wanted::uses_managed_group) {
            return Ok(None);
        }
        let place = (endpoint.vpc_id.clone(), managed_group_name(&endpoint.service_name));
        Ok(self.view.facts.managed_group(&place)?.filter(|group| group.is_owned()).map(|group| &group.id))
    }

    /// Removes the rules of the provider's security group that nobody requests anymore.
    fn remove_surplus_rules(&self, endpoint: &Endpoint, before: &[Wanted]) -> Unless<()> {
        let View { observed, journal, .. } = self.view;
        let claim = Claim::of(&self.request.holder);
        let revoke = match self.managed_group(&endpoint.vpc_id) {
            Some(_) if self.has_no_room_for_the_managed_group(endpoint)? => return Ok(()),
            Some(group) => {
                let Some(id) = group.existing()? else { return Ok(()) };
                let others = others_of_group(claim, endpoint, &self.view.observed.endpoints);
                match group.align_rules(&id, Some(&others)) {
                    Err(Interrupt::Do(next)) => match *next {
                        Next::Act(action @ Action::Revoke(..)) => action,
                        next @ (Next::Read(_) | Next::Wait(_) | Next::Act(_) | Next::Done(_)) => {
                            return Err(next.into());
                        }
                    },
                    other => return other,
                }
            }
            // It has used the security group before, and others may go on using it.
            None if before.iter().any(Wanted::uses_managed_group) => {
                let leave = Leave { request: self.request, claim, endpoint, view: self.view };
                let Some(revoke) = leave.unrequested_rules()? else { return Ok(()) };
                revoke
            }
            None => return Ok(()),
        };
        Err(narrow(endpoint, revoke, observed.at, journal).into())
    }
}
