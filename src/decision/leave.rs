//! What a resource takes with it when it leaves an endpoint that others hold: its subnets, its security groups, its rules,
//! private DNS. The endpoint becomes what the others request together, so that the resource's stack can delete what it
//! brought, and no other stack notices.
//!
//! It is narrowed as in an update: announced, settled, looked at once more (`narrow.rs`). The resource keeps its reference
//! meanwhile, so a delivery that crashes leaves something that leads the next one back. Two that leave at the same time may
//! each keep what both have brought, because each still has its reference when the other looks for the last time; and a
//! look may not show yet that another resource has joined. So a resource looks again after its reference is removed, and
//! takes away what is left then.

use super::action::{Action, TagAction};
use super::desired::{Desired, Own, tag_change};
use super::facts::{Fact, GroupPlace};
use super::others::Others;
use super::poll::{LAG_POLL, POLL};
use super::records::EndpointRecord;
use super::rules::{others_of_group, surplus_rules};
use super::view::{Interrupt, Next, Reason, Unless, View, wait};
use super::warning::Warning;
use crate::model::change::TagChange;
use crate::model::endpoint::{Endpoint, EndpointState};
use crate::model::ids::{SubnetId, join};
use crate::model::security_group::{SecurityGroup, managed_group_name};
use crate::model::tags::{Claim, REF, Reference, Tags};
use crate::model::wanted::{Place, Wanted};
use crate::request::Request;
use crate::request::spec::EndpointSpec;
use jiff::SignedDuration;

/// How often EC2 is asked to take the same things away.
const ATTEMPTS_MAX: u32 = 3;
/// How long EC2 may take to free what was taken away from the endpoint. It needs up to two minutes for a subnet.
const FREEING_PATIENCE: SignedDuration = SignedDuration::from_mins(4);
/// How much time an event must have left to begin: the announcement settles, the change shows, and the release settles; the
/// rest is for the calls. Without it, the resource leaves as it is.
const TIME_NEEDED: SignedDuration = SignedDuration::from_secs(75);
/// The same if a subnet is to be replaced by another one in its zone, which EC2 accepts only when the old one is gone.
const TIME_FOR_REPLACEMENT: SignedDuration = SignedDuration::from_mins(5);
/// How much time the release needs after that.
const TIME_TO_RELEASE: SignedDuration = SignedDuration::from_secs(30);

/// A resource that leaves an endpoint.
#[derive(Debug, Clone, Copy)]
pub(super) struct Leave<'a> {
    pub(super) request: &'a Request,
    pub(super) claim: Claim<'a>,
    pub(super) endpoint: &'a Endpoint,
    pub(super) view: View<'a>,
}

/// What a resource has requested of an endpoint before the event, in its properties and in its reference. Of an endpoint in
/// another VPC, the properties alone do not tell.
pub(super) fn requested_before(request: &Request, record: &EndpointRecord, endpoint: &Endpoint) -> Vec<Wanted> {
    let recorded = record.reference_before.as_deref().and_then(|value| Reference::parse(value).wanted());
    let properties = request.before().filter(|_| !is_elsewhere(request, endpoint));
    let properties = properties.and_then(|before| before.wanted.clone());
    properties.into_iter().chain(recorded).collect()
}

/// What is to be done about what the resource has brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Surplus {
    /// Nothing is left of it, or it has to stay.
    Nothing,
    /// The endpoint has only security groups of this resource, because others have not attached theirs yet.
    WaitForSuccessor,
    /// The endpoint gets what others request in place of what was taken away.
    Add(Action),
    Take(Action),
}

impl<'a> Leave<'a> {
    fn record(&self) -> &'a EndpointRecord {
        self.view.journal.endpoint(&self.endpoint.id)
    }

    /// The other holders, unless what the resource has brought is of no concern: the endpoint is not the provider's to
    /// change, it is lost, it is in another VPC and the resource has requested nothing of it, or nobody else holds it and it
    /// is deleted as a whole.
    fn others(&self) -> Option<Others> {
        let is_unknown = || is_elsewhere(self.request, self.endpoint) && self.before().is_empty();
        let is_concerned = self.endpoint.is_owned() && self.endpoint.state.is_usable() && !is_unknown();
        Some(Others::of(self.claim.others(&self.endpoint.tags))).filter(|others| is_concerned && !others.is_empty())
    }

    fn before(&self) -> Vec<Wanted> {
        let before = requested_before(self.request, self.record(), self.endpoint).into_iter();
        if is_elsewhere(self.request, self.endpoint) {
            let shown = self.endpoint.tags.get(&self.claim.holder.ref_key()).map(|value| Reference::parse(value));
            let known: Vec<Wanted> = before.chain(shown.and_then(|reference| reference.wanted())).collect();
            return if known.is_empty() { self.may_have_requested().into_iter().collect() } else { known };
        }
        before.chain(self.request.spec().map(EndpointSpec::wanted)).collect()
    }

    /// What the reference on an endpoint of another VPC may have recorded, if a delivery that crashed has removed it. Without
    /// sources, these were the blocks of the resource's VPC.
    fn may_have_requested(&self) -> Option<Wanted> {
        let wanted = self.request.before()?.wanted.clone().filter(Wanted::uses_managed_group)?;
        Some(Wanted { place: Place::Anywhere, ..wanted })
    }

    pub(super) fn surplus(&self) -> Unless<Surplus> {
        let View { observed, journal, .. } = self.view;
        let (id, record) = (&self.endpoint.id, self.record());
        let has_begun = !record.standing_announcements().is_empty();
        let has_time = journal.has_time(observed.at, if has_begun { TIME_TO_RELEASE } else { TIME_NEEDED });
        let Some(others) = self.others().filter(|_| has_time && !journal.narrowing_refused()) else {
            return Ok(Surplus::Nothing);
        };
        if record.modified.as_ref().is_some_and(|modified| observed.may_predate(modified.at)) {
            return Err(wait(Reason::ReadLag(id.clone()), LAG_POLL).into());
        }
        let before = self.before();
        let desired = self.desired(&before, &others)?;
        let mut change = desired.change();
        if desired.replaces_a_subnet(&change) && !journal.has_time(observed.at, TIME_FOR_REPLACEMENT) {
            change.remove_subnets.clear();
        }
        let exhausted =
            record.modified.as_ref().is_some_and(|last| last.change == change && last.attempts >= ATTEMPTS_MAX);
        if !change.is_empty() && !exhausted {
            self.wait_until_freed()?;
            let takes_away = change.takes_away();
            let action = Action::ModifyEndpoint(id.clone(), change);
            return Ok(if takes_away { Surplus::Take(action) } else { Surplus::Add(action) });
        }
        if desired.waits_for_successor() && journal.is_early(observed.at, FREEING_PATIENCE) {
            return Ok(Surplus::WaitForSuccessor);
        }
        Ok(self.rules(&before)?.map_or(Surplus::Nothing, Surplus::Take))
    }

    /// EC2 needs a while to free a subnet or a security group, and allows no other change meanwhile.
    pub(super) fn wait_until_freed(&self) -> Unless<()> {
        let View { observed, journal, .. } = self.view;
        let Some(attempted) = journal.change_attempted() else { return Ok(()) };
        let is_early = observed.at.duration_since(attempted) < FREEING_PATIENCE;
        let is_pending = self.endpoint.state == EndpointState::Pending;
        if is_pending && is_early && journal.has_time(observed.at, TIME_TO_RELEASE) {
            return Err(wait(Reason::Freeing(self.endpoint.id.clone()), POLL).into());
        }
        Ok(())
    }

    /// Facts are read only where the other holders' requests do not make it plain that nothing is to be taken away.
    fn desired<'d>(&'d self, before: &'d [Wanted], others: &'d Others) -> Unless<Desired<'d>> {
        let facts = self.view.facts;
        // The subnets of another VPC are not this resource's.
        let moves = !is_elsewhere(self.request, self.endpoint)
            && before.iter().any(|own| !others.cover(|other| own.place_is_within(other)));
        if moves {
            facts.subnets()?;
        }
        let own = Own { subnets: moves.then_some(&[]), ..Own::NOTHING };
        let leaves_managed_group =
            before.iter().any(Wanted::uses_managed_group) && others.who_uses_managed_group().is_none();
        let managed_group = if leaves_managed_group { self.managed_group()?.map(|group| &group.id) } else { None };
        let desired = Desired { endpoint: self.endpoint, facts, own, before, others, managed_group };
        desired.unread().map_or(Ok(()), |fact| Err(Interrupt::from(fact)))?;
        Ok(desired)
    }

    fn place(&self) -> GroupPlace {
        (self.endpoint.vpc_id.clone(), managed_group_name(&self.endpoint.service_name))
    }

    fn managed_group(&self) -> Unless<Option<&'a SecurityGroup>> {
        let View { observed, facts, journal } = self.view;
        let exists = |group: &&SecurityGroup| group.is_owned() && !journal.group(&group.id).is_gone(observed.at);
        Ok(facts.managed_group(&self.place())?.filter(exists))
    }

    /// The removal of the rules of the provider's security group that nobody requests anymore.
    fn rules(&self, before: &[Wanted]) -> Unless<Option<Action>> {
        let Some(others) = self.others() else { return Ok(None) };
        let is_unknown = |own: &Wanted| own.sources.is_empty() && is_elsewhere(self.request, self.endpoint);
        let may_leave_rules = |own: &Wanted| {
            own.uses_managed_group() && (is_unknown(own) || !others.cover(|other| own.sources_are_within(other)))
        };
        if before.iter().any(may_leave_rules) { self.unrequested_rules() } else { Ok(None) }
    }

    /// The same, whoever has brought them. Rules of an endpoint that is gone may be left in the security group of its siblings.
    pub(super) fn unrequested_rules(&self) -> Unless<Option<Action>> {
        let View { observed, facts, journal } = self.view;
        let vpc = &self.endpoint.vpc_id;
        let unread =
            facts.unread([Fact::ManagedGroup(self.place()), Fact::Vpc(vpc.clone()), Fact::Neighbors(vpc.clone())]);
        if !unread.is_empty() {
            return Err(Next::Read(unread).into());
        }
        let blocks = facts.blocks(vpc)?;
        let Some(group) = self.managed_group()? else { return Ok(None) };
        let record = journal.group(&group.id);
        if record.revoked.is_some_and(|when| observed.may_predate(when)) {
            return Err(wait(Reason::ReadLag(self.endpoint.id.clone()), LAG_POLL).into());
        }
        let others = others_of_group(self.claim, self.endpoint, facts.neighbors(vpc)?);
        let surplus = surplus_rules(group, &[], &others, blocks);
        Ok((!surplus.is_empty() && record.revoked.is_none()).then(|| Action::Revoke(group.id.clone(), surplus)))
    }

    /// Those of an endpoint that is deleted, if another endpoint uses the security group: only what this resource itself has
    /// brought, and only if the other endpoint is shown. It was created with its first reference, so that one is shown, too.
    pub(super) fn rules_left_to_siblings(&self) -> Unless<Option<Action>> {
        let View { facts, journal, .. } = self.view;
        let before: Vec<Wanted> = self.before().into_iter().filter(|own| !own.sources.is_empty()).collect();
        if before.is_empty() || journal.narrowing_refused() {
            return Ok(None);
        }
        let Some(Action::Revoke(id, mut rules)) = self.unrequested_rules()? else { return Ok(None) };
        let uses = |other: &Endpoint| other.state.is_usable() && other.group_ids.contains(&id);
        let is_shown =
            facts.neighbors(&self.endpoint.vpc_id)?.iter().any(|other| other.id != self.endpoint.id && uses(other));
        rules.retain(|rule| before.iter().any(|own| own.admits(rule.port, &rule.source, false)));
        Ok((is_shown && !rules.is_empty()).then_some(Action::Revoke(id, rules)))
    }

    /// What this resource has named and the endpoint keeps, so that its stack cannot delete it; with the reasons.
    pub(super) fn kept(&self) -> Option<Warning> {
        let (others, before, endpoint) = (self.others()?, self.before(), self.endpoint);
        let zone = |id: &SubnetId| self.view.facts.zone_of(id);
        let who_in = |id: &SubnetId| others.who_names(id, zone(id)).or_else(|| others.who_wants_zone(zone(id), true));
        let is_refused = self.view.journal.narrowing_refused();
        let why = |who: Option<String>, is_last: bool| match who {
            Some(who) => format!("used by {who}"),
            None if is_refused => "EC2 has refused to take it away".to_owned(),
            None if is_last => format!("it is the only one; used by {}", others.names().unwrap_or_default()),
            None => "there was not enough time to take it away".to_owned(),
        };
        let last_subnets = endpoint.subnet_ids.iter().all(|id| who_in(id).is_none());
        let subnets = endpoint.subnet_ids.iter().filter(|id| before.iter().any(|own| own.lists_subnet(id)));
        let subnets = subnets.map(|id| format!("{id} ({})", why(who_in(id), last_subnets)));
        let last_groups = endpoint.group_ids.iter().all(|id| others.who_uses(id).is_none());
        let groups = endpoint.group_ids.iter().filter(|id| before.iter().any(|own| own.has_group(id)));
        let groups = groups.map(|id| format!("{id} ({})", why(others.who_uses(id), last_groups)));
        let kept = join(subnets.chain(groups), ", ");
        (!kept.is_empty()).then(|| Warning::KeptByOthers { endpoint: self.endpoint.id.clone(), kept })
    }

    /// The user's tags that this resource has brought and nobody else requests.
    pub(super) fn tags(&self) -> Tags {
        let others = self.others().filter(|_| !self.view.journal.narrowing_refused());
        let (Some(others), Some(before)) = (others, self.request.before()) else { return Tags::new() };
        let unset = tag_change(self.endpoint, &Tags::new(), &before.tags, &others).unset.into_keys();
        let brought = unset.filter_map(|key| before.tags.get(&key).map(|value| (key.clone(), value.clone())));
        brought.filter(|(key, value)| self.endpoint.tags.get(key) == Some(value)).collect()
    }

    /// The removal of those that are left when the reference is removed.
    pub(super) fn tags_left(&self) -> Option<Action> {
        let unset = self.tags().into_iter().map(|(key, value)| (key, Some(value))).collect();
        let change = TagChange { unset, ..TagChange::default() }.without(&self.record().tagged)?;
        Some(Action::Tag(self.endpoint.id.clone(), TagAction::UserTags(change)))
    }
}

/// Whether an endpoint is not in the VPC of the resource, or the resource names none.
fn is_elsewhere(request: &Request, endpoint: &Endpoint) -> bool {
    request.vpc().is_none_or(|vpc| *vpc != endpoint.vpc_id)
}

/// The references on an endpoint.
pub(super) fn references(tags: &Tags) -> impl Iterator<Item = Reference<'_>> {
    tags.iter().filter(|(key, _)| key.starts_with(REF)).map(|(_, value)| Reference::parse(value))
}
