//! What a resource takes with it when it leaves an endpoint that others hold: its subnets, its security groups, its rules,
//! private DNS. The endpoint becomes what the others request together, so that the resource's stack can delete what it
//! brought, and no other stack notices.
//!
//! It is narrowed as in an update: announced, settled, looked at once more (`narrow.rs`). The resource keeps its reference
//! meanwhile, so a delivery that crashes leaves something that leads the next one back. Two that leave at the same time may
//! each keep what both have brought, because each still has its reference when the other looks for the last time. So a
//! resource looks again after its reference is removed, and takes away what is left then.

use super::action::Action;
use super::desired::{Desired, Own, tag_change};
use super::facts::{Fact, GroupPlace};
use super::others::Others;
use super::poll::{LAG_POLL, POLL};
use super::records::EndpointRecord;
use super::view::{Interrupt, Next, Reason, Unless, View, wait};
use crate::model::change::Change;
use crate::model::endpoint::{Endpoint, EndpointState};
use crate::model::ids::GroupId;
use crate::model::security_group::{IngressRule, SecurityGroup, Source, managed_group_name};
use crate::model::tags::{Claim, REF, Reference, Tags};
use crate::model::wanted::Wanted;
use crate::request::Request;
use jiff::SignedDuration;

/// How often EC2 is asked to take the same things away.
const ATTEMPTS_MAX: u32 = 3;
/// How much time an event must have left to begin: the announcement settles, the change shows, and the release settles; the
/// rest is for the calls. Without it, the resource leaves as it is.
const TIME_NEEDED: SignedDuration = SignedDuration::from_secs(75);
/// How much time the release needs after that.
const TIME_TO_RELEASE: SignedDuration = SignedDuration::from_secs(30);
/// How long EC2 may take to free what was taken away from the endpoint. It needs up to two minutes for a subnet.
const FREEING_PATIENCE: SignedDuration = SignedDuration::from_mins(4);

/// A resource that leaves an endpoint.
#[derive(Debug, Clone, Copy)]
pub(super) struct Leave<'a> {
    pub(super) request: &'a Request,
    pub(super) claim: Claim<'a>,
    pub(super) endpoint: &'a Endpoint,
    pub(super) view: View<'a>,
}

/// What a resource has requested of an endpoint before the event, in its properties and in its reference.
pub(super) fn requested_before(request: &Request, record: &EndpointRecord) -> Vec<Wanted> {
    let recorded = record.reference_before.as_deref().and_then(|value| Reference::parse(value).wanted());
    let properties = request.before().and_then(|before| before.wanted.clone());
    properties.into_iter().chain(recorded).collect()
}

impl Leave<'_> {
    fn record(&self) -> &EndpointRecord {
        self.view.journal.endpoint(&self.endpoint.id)
    }

    fn others(&self) -> Others {
        Others::of(self.claim.others(&self.endpoint.tags))
    }

    /// What to take away next; `None` if nothing is left of it, or it cannot be taken away.
    pub(super) fn surplus(&self) -> Unless<Option<Action>> {
        let (endpoint, record, others) = (self.endpoint, self.record(), self.others());
        let is_elsewhere = self.request.vpc().is_some_and(|vpc| *vpc != endpoint.vpc_id);
        let View { observed, journal, .. } = self.view;
        let has_begun = !record.standing_announcements().is_empty();
        let has_time = journal.has_time(observed.at, if has_begun { TIME_TO_RELEASE } else { TIME_NEEDED });
        // What nobody holds is deleted as a whole.
        if !endpoint.is_owned() || is_elsewhere || others.is_empty() || journal.narrowing_refused() || !has_time {
            return Ok(None);
        }
        self.wait_until_freed()?;
        let mut before = requested_before(self.request, record);
        before.extend(self.request.spec().map(|spec| spec.wanted()));
        let change = self.change(&before, &others)?;
        let exhausted =
            record.modified.as_ref().is_some_and(|last| last.change == change && last.attempts >= ATTEMPTS_MAX);
        if !change.is_empty() && !exhausted {
            return Ok(Some(Action::ModifyEndpoint(endpoint.id.clone(), change)));
        }
        self.rules(&before, &others)
    }

    /// EC2 shows a change late, and needs a while to free a subnet or a security group.
    fn wait_until_freed(&self) -> Unless<()> {
        let View { observed, journal, .. } = self.view;
        let Some(modified) = &self.record().modified else { return Ok(()) };
        let id = || self.endpoint.id.clone();
        if observed.may_predate(modified.at) {
            return Err(wait(Reason::ReadLag(id()), LAG_POLL).into());
        }
        let is_pending = self.endpoint.state == EndpointState::Pending;
        let is_early = observed.at.duration_since(modified.at) < FREEING_PATIENCE;
        if is_pending && is_early && journal.has_time(observed.at, TIME_TO_RELEASE) {
            return Err(wait(Reason::Freeing(id()), POLL).into());
        }
        Ok(())
    }

    /// Facts are read only where the other holders' requests do not make it plain that nothing is to be taken away.
    fn change(&self, before: &[Wanted], others: &Others) -> Unless<Change> {
        let facts = self.view.facts;
        let moves = before.iter().any(|own| !others.cover(|other| own.place_is_within(other)));
        if moves {
            facts.subnets()?;
        }
        let leaves_managed_group =
            before.iter().any(Wanted::uses_managed_group) && others.who_uses_managed_group().is_none();
        let managed_group = if leaves_managed_group { self.managed_group()?.map(|group| &group.id) } else { None };
        let own = Own { subnets: moves.then_some(&[]), ..Own::NOTHING };
        let desired = Desired { endpoint: self.endpoint, facts, own, before, others, managed_group };
        desired.unread().map_or(Ok(()), |fact| Err(Interrupt::from(fact)))?;
        Ok(desired.change())
    }

    fn place(&self) -> GroupPlace {
        (self.endpoint.vpc_id.clone(), managed_group_name(&self.endpoint.service_name))
    }

    fn managed_group(&self) -> Unless<Option<&SecurityGroup>> {
        Ok(self.view.facts.managed_group(&self.place())?.filter(|group| group.is_owned()))
    }

    /// The rules of the provider's security group that nobody requests anymore. All endpoints of the service in the VPC use
    /// the same security group.
    fn rules(&self, before: &[Wanted], others: &Others) -> Unless<Option<Action>> {
        let may_leave_rules =
            |own: &Wanted| own.uses_managed_group() && !others.cover(|other| own.sources_are_within(other));
        if !before.iter().any(may_leave_rules) {
            return Ok(None);
        }
        let View { facts, journal, .. } = self.view;
        let vpc = self.request.vpc().cloned();
        let unread = facts.unread([Fact::ManagedGroup(self.place()), Fact::Vpc, Fact::Neighbors]);
        if !unread.is_empty() {
            return Err(Next::Read(unread).into());
        }
        let (Some(group), Some(_)) = (self.managed_group()?, vpc) else { return Ok(None) };
        let record = journal.group(&group.id);
        if record.revoked.is_some_and(|when| self.view.observed.may_predate(when)) {
            return Err(wait(Reason::ReadLag(self.endpoint.id.clone()), LAG_POLL).into());
        }
        let siblings = facts.neighbors()?.iter().filter(|other| other.id != self.endpoint.id && uses(other, &group.id));
        let of_siblings = siblings.flat_map(|other| references(&other.tags));
        let everyone = Others::of(self.claim.others(&self.endpoint.tags).chain(of_siblings));
        let blocks = facts.vpc()?.map(|vpc| vpc.blocks.as_slice()).unwrap_or_default();
        let surplus = surplus_rules(group, before, &everyone, |source| {
            source.block().is_some_and(|block| blocks.contains(&block))
        });
        Ok((!surplus.is_empty() && record.revoked.is_none()).then(|| Action::Revoke(group.id.clone(), surplus)))
    }

    /// The user's tags that this resource has brought and nobody else requests.
    pub(super) fn tags(&self) -> Tags {
        let (endpoint, others) = (self.endpoint, self.others());
        let is_elsewhere = self.request.vpc().is_some_and(|vpc| *vpc != endpoint.vpc_id);
        let Some(before) = self.request.before() else { return Tags::new() };
        if !endpoint.is_owned() || is_elsewhere || others.is_empty() {
            return Tags::new();
        }
        let change = tag_change(endpoint, &Tags::new(), &before.tags, &others);
        let unset = change.unset.into_keys();
        let brought = unset.filter_map(|key| before.tags.get(&key).map(|value| (key.clone(), value.clone())));
        brought.filter(|(key, value)| endpoint.tags.get(key) == Some(value)).collect()
    }
}

fn uses(endpoint: &Endpoint, group: &GroupId) -> bool {
    endpoint.is_owned() && endpoint.state.is_usable() && endpoint.group_ids.contains(group)
}

/// The references on an endpoint.
pub(super) fn references(tags: &Tags) -> impl Iterator<Item = Reference<'_>> {
    tags.iter().filter(|(key, _)| key.starts_with(REF)).map(|(_, value)| Reference::parse(value))
}

/// The rules that a resource has brought and nobody requests anymore.
fn surplus_rules(
    group: &SecurityGroup,
    before: &[Wanted],
    everyone: &Others,
    is_vpc: impl Fn(&Source) -> bool,
) -> Vec<IngressRule> {
    let is_brought =
        |rule: &IngressRule| before.iter().any(|own| own.admits(rule.port, &rule.source, is_vpc(&rule.source)));
    let is_needed = |rule: &IngressRule| everyone.who_admits(rule.port, &rule.source, is_vpc(&rule.source)).is_some();
    group.provider_rules().filter(|rule| is_brought(rule) && !is_needed(rule)).collect()
}
