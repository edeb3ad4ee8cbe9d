//! The decision for a resource that wants an endpoint.

use super::cluster;
use super::facts::GroupPlace;
use super::gone::Gone;
use super::managed_group::{ManagedGroup, clean_up, places_of};
use super::mark::AFTER_MARK;
use super::outcome::{Outcome, Ready};
use super::poll::{LAG_POLL, POLL, pending_poll};
use super::refusal::Refusal;
use super::view::{Home, Interrupt, Next, Reason, Unless, View, wait};
use super::warning::Warning;
use crate::model::endpoint::{Endpoint, EndpointState};
use crate::model::ids::{EndpointId, VpcId};
use crate::model::protocol::after;
use crate::model::security_group::managed_group_name;
use crate::model::stacks::StackStatus;
use crate::request::spec::EndpointSpec;
use crate::request::{Request, Verb};
use jiff::SignedDuration;

/// How long an endpoint that is available is waited for because EC2 still has to assign the hosted zone of its private DNS
/// name, which works without.
const ZONE_PATIENCE: SignedDuration = SignedDuration::from_mins(1);

pub(super) struct Provision<'a> {
    pub(super) request: &'a Request,
    pub(super) spec: &'a EndpointSpec,
    pub(super) home: &'a Home,
    pub(super) view: View<'a>,
    pub(super) gone: &'a Gone,
}

impl Provision<'_> {
    pub(super) fn next(&self) -> Unless<Next> {
        let decided = match self.decide() {
            Err(Interrupt::Do(next)) => Ok(*next),
            decided => decided,
        };
        let decided = match decided {
            Ok(Next::Act(action)) => self.check_awaited(&action).map(|()| Next::Act(action)),
            decided => decided,
        };
        if let Err(Interrupt::Refuse(refusal)) = &decided {
            self.clean_up_after(refusal)?;
        }
        decided
    }

    fn decide(&self) -> Unless<Next> {
        self.reject_other_region()?;
        self.check_held()?;
        match self.choose() {
            Some(endpoint) => self.converge(endpoint),
            None => self.create(),
        }
    }

    /// There is an endpoint: hold it, and bring it to what is asked for as far as it may be changed.
    fn converge(&self, endpoint: &Endpoint) -> Unless<Next> {
        self.reject_own_native(endpoint)?;
        let placement = self.placement(Some(endpoint))?;
        self.hold(endpoint)?;
        self.wait_until_available(endpoint)?;
        let warnings = self.align(endpoint, placement.as_ref())?;
        self.settle(endpoint)?;
        self.release_others(&endpoint.id)?;
        clean_up(self.group_places()?, Some(endpoint), self.view)?;
        self.remove_mark()?;
        self.report(endpoint, warnings)
    }

    pub(super) fn is_here(&self, endpoint: &Endpoint) -> bool {
        endpoint.is_in(self.spec.vpc_id.as_ref())
    }

    /// The second phase. A security group that this event has created gets its rules while EC2 creates the endpoint.
    fn wait_until_available(&self, endpoint: &Endpoint) -> Unless<()> {
        let observed = self.view.observed;
        if endpoint.state == EndpointState::Available || self.had_unknown_state(endpoint) {
            return Ok(());
        }
        if let Some(group) = self.managed_group(&endpoint.vpc_id).filter(|_| !self.relation(endpoint).is_foreign()) {
            group.authorize_created()?;
        }
        let poll = pending_poll(endpoint, &self.request.holder, observed.at);
        // A look of an Update consists of three calls, and what it changes takes EC2 longer than a second.
        let poll = if self.request.is_update() { poll.max(LAG_POLL) } else { poll };
        Err(wait(Reason::Pending(endpoint.id.clone(), endpoint.state.clone()), poll).into())
    }

    /// Whether the resource has the endpoint, and the endpoint is in the unknown state that it was in before the event. That
    /// state may last, and an update that waits for its end would fail, and so would its rollback.
    fn had_unknown_state(&self, endpoint: &Endpoint) -> bool {
        matches!(endpoint.state, EndpointState::Other(_))
            && self.request.current() == Some(&endpoint.id)
            && self.view.journal.endpoint(&endpoint.id).first_state.as_ref() == Some(&endpoint.state)
    }

    /// The fourth phase: wait until the look is sure to show what the success promises.
    fn settle(&self, endpoint: &Endpoint) -> Unless<()> {
        let View { observed, journal, .. } = self.view;
        let id = &endpoint.id;
        if endpoint.aws_entries().is_empty() {
            return Err(if endpoint.subnet_ids.is_empty() {
                Refusal::NoAddress { endpoint: id.clone() }.into()
            } else {
                wait(Reason::DnsNames(id.clone()), POLL).into()
            });
        }
        if journal.endpoint(id).zone_pending.is_some_and(|since| observed.at.duration_since(since) < ZONE_PATIENCE) {
            return Err(wait(Reason::HostedZone(id.clone()), LAG_POLL).into());
        }
        let lag = || Err(wait(Reason::ReadLag(id.clone()), LAG_POLL).into());
        // Without private DNS, two stacks can create an endpoint each at the same moment. A stack that did, or that may have
        // done so with the answer lost, looks once more when EC2 must show both, and leaves the younger one for the older.
        let alone = endpoint.private_dns && journal.endpoint(id).created.is_some();
        if !alone && journal.creation().attempted.is_some_and(|when| observed.may_predate(when)) {
            return lag();
        }
        // A holder that gives something up at the same moment as this Update may keep it for what this one requested before,
        // and this one for the other. The later of the two looks when both requests show.
        let is_update = self.request.is_update();
        if is_update && journal.endpoint(id).request_attempted.is_some_and(|when| observed.may_predate(when)) {
            return lag();
        }
        // On the way to this endpoint, it may have joined another, and the answer was lost.
        if journal.may_hold_another(id, observed.at) {
            return lag();
        }
        if !is_update {
            return Ok(());
        }
        self.wait_for_canceled_update(id)?;
        // It may roll back one that failed a moment ago and left an endpoint that EC2 does not show yet.
        if observed.may_predate(journal.started()) { lag() } else { Ok(()) }
    }

    /// An Update may roll back one that was canceled, and that may still run, with a call in flight: until the look that
    /// preceded that call would have shown the reference of this one, and the call has ended. This one then corrects what it
    /// has done.
    fn wait_for_canceled_update(&self, id: &EndpointId) -> Unless<()> {
        let View { observed, facts, journal } = self.view;
        let written = journal.endpoint(id).requested.unwrap_or(journal.started());
        let ends = after(written, AFTER_MARK);
        let (left, margin) = (ends.duration_since(observed.at), SignedDuration::from_secs(10));
        if left.is_positive()
            && journal.has_time(observed.at, left + margin)
            && facts.stack()?.is_some_and(StackStatus::is_update_rollback)
        {
            return Err(wait(Reason::CanceledUpdate(id.clone()), left).into());
        }
        Ok(())
    }

    /// The last phase: the outcome.
    fn report(&self, endpoint: &Endpoint, mut warnings: Vec<Warning>) -> Unless<Next> {
        let View { facts, journal, .. } = self.view;
        warnings.extend(self.warning_of_full_groups(endpoint)?);
        warnings.extend(self.gone.warnings());
        warnings.extend(cluster::warning(self.spec));
        let (_, is_whole) = self.reference(endpoint)?;
        warnings.extend((!is_whole).then(|| Warning::RequestShortened { endpoint: endpoint.id.clone() }));
        warnings.extend(self.warnings_of_others(endpoint));
        warnings.extend(self.port_closed(endpoint)?);
        warnings.extend(self.admits_more(endpoint)?);
        warnings.extend(self.warning_of_way(endpoint)?);
        warnings.extend(self.warning_of_place(endpoint)?);
        if matches!(endpoint.state, EndpointState::Other(_)) {
            let (endpoint, state) = (endpoint.id.clone(), endpoint.state.to_string());
            warnings.push(Warning::UnknownState { endpoint, state });
        }
        if endpoint.is_zone_pending() {
            warnings.push(Warning::ZonePending { endpoint: endpoint.id.clone() });
        }
        let private_dns_name = self.private_dns_name(endpoint)?;
        warnings.extend(self.warning_of_host(private_dns_name.as_deref()));
        let ready = Box::new(Ready {
            endpoint: endpoint.clone(),
            port: self.spec.port,
            own_group: self.own_group(endpoint),
            zones: endpoint.subnet_ids.iter().filter_map(|id| facts.zone_of(id)).cloned().collect(),
            private_dns_name,
            user_prefix: self.spec.served.as_ref().and_then(|served| served.user_prefix.clone()),
            warnings,
        });
        Ok(Next::Done(if self.request.current() == Some(&endpoint.id) {
            if journal.has_changed_anything() { Outcome::Updated(ready) } else { Outcome::Unchanged(ready) }
        } else if self.request.holder.is_owner(&endpoint.tags) {
            Outcome::Created(ready)
        } else {
            Outcome::Joined(ready)
        }))
    }

    /// The name that clients use if private DNS is on. Only where the endpoint has several, or shows none, does the service
    /// have to tell which is its own.
    fn private_dns_name(&self, endpoint: &Endpoint) -> Unless<Option<String>> {
        if !endpoint.private_dns {
            return Ok(None);
        }
        let names = endpoint.private_names();
        if let [only] = names.as_slice() {
            return Ok(Some((*only).to_owned()));
        }
        let own = self.view.facts.service()?.and_then(|service| service.private_dns_name.as_deref());
        let shown = own.and_then(|own| names.iter().find(|name| name.eq_ignore_ascii_case(own)));
        Ok(shown.or(names.first()).copied().or(own).map(str::to_owned))
    }

    /// The managed security group in a VPC, unless the properties give security groups.
    pub(super) fn managed_group<'a>(&'a self, vpc: &'a VpcId) -> Option<ManagedGroup<'a>> {
        let Self { spec, request, view, gone, .. } = *self;
        spec.group_ids.is_empty().then_some(ManagedGroup { holder: &request.holder, vpc, spec, view, gone })
    }

    /// Where a managed security group may be left that nothing needs anymore: where this event or an earlier delivery of it
    /// may have created one, where the update may have that this one rolls back, and at endpoints that have been released.
    pub(super) fn group_places(&self) -> Unless<Vec<GroupPlace>> {
        let View { facts, journal, .. } = self.view;
        let wanted = self.spec.vpc_id.iter().map(|vpc| (vpc.clone(), managed_group_name(&self.spec.service_name)));
        let may_be_left = self.request.is_update() || journal.has_created_group();
        let has_released = journal.endpoints().any(|(_, record)| record.released.is_some());
        let released = journal.group_places().filter(|_| has_released);
        let before = match &self.request.verb {
            Verb::Update { moved: true, before, .. } => before.place.as_ref(),
            Verb::Create(_) | Verb::Update { .. } | Verb::Delete { .. } => None,
        };
        Ok(wanted.filter(|_| may_be_left).chain(released).chain(places_of(before, facts)?).collect())
    }
}
