//! Planted faults (mutations), to prove that the checks can fail. Each removes one rule of the protocol, by changing
//! what the decision receives or returns. The search has to find a violation for every one of them.

use super::cloudformation::SPEC;
use super::provider::service;
use jiff::{SignedDuration, Timestamp};
use tidb_private_endpoint::decision::action::{Action, Release, TagAction};
use tidb_private_endpoint::decision::journal::Journal;
use tidb_private_endpoint::decision::view::{Next, Observed};
use tidb_private_endpoint::model::endpoint::Endpoint;
use tidb_private_endpoint::model::prefixes::Prefixes;
use tidb_private_endpoint::model::protocol::{ANNOUNCEMENT_SETTLE, READ_LAG};
use tidb_private_endpoint::model::security_group::{SecurityGroup, mark_name};
use tidb_private_endpoint::model::stacks::{ResourceStatus, StackStatus};
use tidb_private_endpoint::model::tags::{self, OWNED, REF, Reference, Tags};
use tidb_private_endpoint::request::{Request, Verb};

#[derive(Clone)]
pub(super) struct PlantedFault {
    pub(super) name: &'static str,
    /// The title of a scenario in which the fault leads to a violation.
    pub(super) found_in: &'static str,
    /// When the journal begins.
    pub(super) arrival: fn(Timestamp) -> Timestamp,
    /// Changes what the decision sees.
    pub(super) view: fn(&mut Observed, &Journal, &Request),
    /// Whether the decision gets an empty journal.
    pub(super) journal_lost: fn(&Request) -> bool,
    /// Replaces the decision.
    pub(super) decision: fn(Next, &Journal) -> Next,
    /// Whether the action is recorded as successful without EC2 executing it.
    pub(super) skipped: fn(&Action) -> bool,
    /// When an action is recorded in the journal.
    pub(super) recorded_at: fn(&Action, Timestamp) -> Timestamp,
    /// Which marks a read returns.
    pub(super) marks: fn(Vec<SecurityGroup>, &Request) -> Vec<SecurityGroup>,
    /// What CloudFormation says; `None` if it says nothing.
    pub(super) status: fn(ResourceStatus) -> Option<ResourceStatus>,
    /// What CloudFormation says about the stack.
    pub(super) stack: fn(StackStatus) -> Option<StackStatus>,
    /// Whether events do not tell when they were sent.
    pub(super) undated: bool,
    /// Changes what an event requests.
    pub(super) request: fn(&mut Request),
    /// Whether the event fails at once, because a later one was sent.
    pub(super) stops: fn(&Journal) -> bool,
}

pub(super) const NONE: PlantedFault = PlantedFault {
    name: "none",
    found_in: "",
    arrival: |at| at,
    view: |_, _, _| {},
    journal_lost: |_| false,
    decision: |next, _| next,
    skipped: |_| false,
    recorded_at: |_, at| at,
    marks: |marks, _| marks,
    status: Some,
    stack: Some,
    undated: false,
    request: |_| {},
    stops: |_| false,
};

fn without(observed: &mut Observed, unwanted: impl Fn(&str) -> bool) {
    for endpoint in &mut observed.endpoints {
        endpoint.tags.retain(|key, _| !unwanted(key));
    }
}

fn is_leaving(key: &str) -> bool {
    key.starts_with("tidb-private-endpoint:leaving:")
}

/// Replaces what the other holders request.
fn request_of_others(observed: &mut Observed, request: &Request, wanted: &str) {
    for endpoint in &mut observed.endpoints {
        let others =
            endpoint.tags.iter_mut().filter(|(key, _)| key.starts_with(REF) && **key != request.holder.ref_key());
        for (_, value) in others {
            *value = format!("{} 0123456789ab {wanted}", Reference::parse(value).name);
        }
    }
}

/// Backdates an announcement.
fn backdate_announcement(action: &Action, at: Timestamp, by: SignedDuration) -> Timestamp {
    if matches!(action, Action::Tag(_, TagAction::Announce(_))) { at - by } else { at }
}

pub(super) const ALL: [PlantedFault; 36] = [
    PlantedFault {
        name: "no wait after the announcement",
        found_in: "one releases while the other joins, without failures, in steps of 5 s",
        recorded_at: |action, at| backdate_announcement(action, at, ANNOUNCEMENT_SETTLE),
        ..NONE
    },
    PlantedFault {
        name: "a wait of only one read lag after the announcement",
        found_in: "one releases while the other joins, without failures, in steps of 5 s",
        recorded_at: |action, at| backdate_announcement(action, at, READ_LAG),
        ..NONE
    },
    PlantedFault {
        name: "no wait after the reference is removed",
        found_in: "both release, without failures, in steps of 5 s",
        recorded_at: |action, at| {
            if matches!(action, Action::Tag(_, TagAction::Release(_))) { at - READ_LAG } else { at }
        },
        ..NONE
    },
    PlantedFault {
        name: "no announcement",
        found_in: "one releases while the other joins, without failures, in steps of 5 s",
        skipped: |action| matches!(action, Action::Tag(_, TagAction::Announce(_))),
        ..NONE
    },
    PlantedFault {
        name: "no last look before the deletion",
        found_in: "one releases while the other joins, without failures, in steps of 5 s",
        view: |observed, journal, _| {
            let mut announced = journal.endpoints().filter_map(|(_, record)| record.announced);
            if announced.any(|announced| observed.at >= announced.written + ANNOUNCEMENT_SETTLE) {
                without(observed, |key| key.starts_with("tidb-private-endpoint:ref:"));
            }
        },
        ..NONE
    },
    PlantedFault {
        name: "the moment of the announcement is forgotten",
        found_in: "the only holder leaves with its security group while another joins with another, in steps of 5 s",
        decision: |next, journal| match next {
            Next::Act(Action::Tag(id, TagAction::Announce(_))) if journal.endpoint(&id).announced.is_some() => {
                Next::Act(Action::DeleteEndpoint(id))
            }
            other => other,
        },
        ..NONE
    },
    PlantedFault {
        name: "the joiner ignores announcements",
        found_in: "one releases while the other joins, without failures, in steps of 5 s",
        view: |observed, _, request| {
            if request.spec().is_some() {
                without(observed, is_leaving);
            }
        },
        ..NONE
    },
    PlantedFault {
        name: "the joiner ignores announcements after it has written its reference",
        found_in: "one releases while the other joins, without failures, in steps of 5 s",
        view: |observed, journal, request| {
            if request.spec().is_some() && journal.endpoints().any(|(_, record)| record.referenced.is_some()) {
                without(observed, is_leaving);
            }
        },
        ..NONE
    },
    PlantedFault {
        name: "the joiner considers every announcement expired",
        found_in: "one releases while the other joins, without failures, in steps of 5 s",
        view: |observed, _, request| {
            if request.spec().is_some() {
                for endpoint in &mut observed.endpoints {
                    let keys = std::mem::take(&mut endpoint.tags).into_iter();
                    let expired =
                        |key: String| key.split_once('T').map_or(key.clone(), |(day, _)| format!("{day}T00:00:00Z"));
                    endpoint.tags = keys.map(|(k, v)| (if is_leaving(&k) { expired(k) } else { k }, v)).collect();
                }
            }
        },
        ..NONE
    },
    PlantedFault {
        name: "a removed reference is written again",
        found_in: "one releases while the other joins, without failures, in steps of 5 s",
        journal_lost: |request| request.spec().is_some(),
        ..NONE
    },
    PlantedFault {
        name: "a new endpoint is not marked as owned",
        found_in: "both create and release, without failures, in steps of 5 s",
        decision: |next, _| match next {
            Next::Act(Action::CreateEndpoint(mut new)) => {
                new.tags.remove(OWNED);
                Next::Act(Action::CreateEndpoint(new))
            }
            other => other,
        },
        ..NONE
    },
    PlantedFault {
        name: "every endpoint is considered owned",
        found_in: "both use a foreign endpoint, without failures, in steps of 5 s",
        view: |observed, _, _| {
            for endpoint in &mut observed.endpoints {
                endpoint.tags.insert(OWNED.to_owned(), "another resource".to_owned());
            }
        },
        ..NONE
    },
    PlantedFault {
        name: "an endpoint of another service is considered a match",
        found_in: "one moves to another service while the other joins, without failures, in steps of 5 s",
        view: |observed, _, request| {
            if let Some(spec) = request.spec() {
                for endpoint in &mut observed.endpoints {
                    endpoint.service_name = spec.service_name.clone();
                }
            }
        },
        ..NONE
    },
    PlantedFault {
        name: "a Delete looks only once",
        found_in: "both use a foreign endpoint, without failures, in steps of 5 s",
        arrival: |at| at - READ_LAG,
        ..NONE
    },
    PlantedFault {
        name: "a Delete without the endpoint's ID ignores endpoints without a holder",
        found_in: "a Delete overtakes the Create, which joins, in steps of 5 s",
        view: |observed, journal, request| {
            if request.spec().is_none() && request.current().is_none() {
                let own = |endpoint: &Endpoint| {
                    request.holder.is_in(&endpoint.tags)
                        || journal.endpoint(&endpoint.id).is_releasing()
                        || request.holder.is_owner(&endpoint.tags)
                };
                observed.endpoints.retain(|endpoint| tags::is_held(&endpoint.tags) || own(endpoint));
            }
        },
        ..NONE
    },
    PlantedFault {
        name: "a Create does not check that its mark is still there",
        found_in: "a Delete overtakes a Create that waits for a name, and for EC2, without CloudFormation's answer, in steps of 5 s",
        marks: |mut marks, request| {
            if let Verb::Create(_) = request.verb {
                let name = mark_name(&request.holder, request.mark());
                let (id, vpc_id) = ("sg-1".into(), "vpc-1".into());
                marks.push(SecurityGroup { id, vpc_id, name, tags: Tags::new(), rules: Vec::new() });
            }
            marks
        },
        ..NONE
    },
    PlantedFault {
        name: "a Delete does not look for marks",
        found_in: "a Create is retried, and the failed one is cleaned up, in steps of 5 s",
        marks: |marks, request| if request.spec().is_some() { marks } else { Vec::new() },
        ..NONE
    },
    PlantedFault {
        name: "a Delete does not wait after it has removed a mark",
        found_in: "a Delete soon overtakes a Create that waits for a name, without CloudFormation's answer, without failures, in steps of 5 s",
        recorded_at: |action, at| match action {
            Action::RemoveMark(_) => at - SignedDuration::from_secs(100),
            _ => at,
        },
        ..NONE
    },
    PlantedFault {
        name: "the Delete of a failed Create releases what another request has marked",
        found_in: "a Create is retried, and the failed one is cleaned up, without failures, in steps of 5 s",
        view: |observed, _, request| {
            let Verb::Delete { of, .. } = &request.verb else { return };
            let Some(mark) = of.mark() else { return };
            for value in observed.endpoints.iter_mut().filter_map(|e| e.tags.get_mut(&request.holder.ref_key())) {
                *value = request.holder.ref_value(mark, &Prefixes::default(), None).0;
            }
        },
        decision: |next, _| match next {
            Next::Act(Action::Tag(id, TagAction::Release(release))) => {
                Next::Act(Action::Tag(id, TagAction::Release(Release { value: None, ..release })))
            }
            other => other,
        },
        ..NONE
    },
    PlantedFault {
        name: "what CloudFormation still waits for is ignored",
        found_in: "a Create is delivered again, up to two minutes after its Delete, without failures, in steps of 5 s",
        status: |_| None,
        ..NONE
    },
    PlantedFault {
        name: "a rollback does not wait for the update that it takes back",
        found_in: "an update to another security group is canceled, without failures, in steps of 5 s",
        stack: |_| None,
        ..NONE
    },
    PlantedFault {
        name: "an update does not notice that a later one was sent",
        found_in: "an update to another security group is canceled, without failures, in steps of 5 s",
        undated: true,
        ..NONE
    },
    PlantedFault {
        name: "a Delete that is delivered again removes what was joined after it",
        found_in: "a Delete is delivered again after the resource has joined anew, without failures, in steps of 5 s",
        undated: true,
        ..NONE
    },
    PlantedFault {
        name: "an update that a later one stops keeps what it has joined",
        found_in: "an update to another service is canceled, without CloudFormation's answer, without failures, in steps of 5 s",
        stops: |journal| journal.endpoints().any(|(_, record)| record.outdated),
        ..NONE
    },
    PlantedFault {
        name: "a Delete with a made-up ID does not ask what the resource has become",
        found_in: "a Create that never responds is followed by another one, and then cleaned up, without failures, in steps of 5 s",
        status: |_| None,
        ..NONE
    },
    PlantedFault {
        name: "an update releases what was replaced and is retained",
        found_in: "an update replaces an endpoint that is retained, and another one follows, without failures, in steps of 5 s",
        request: |request| {
            if let Verb::Update { before, .. } = &mut request.verb {
                before.anywhere = Some(service(SPEC.service).into());
            }
        },
        ..NONE
    },
    PlantedFault {
        name: "a Delete that has found the reference does not wait for another delivery of the Create",
        found_in: "the function of a Create crashes, and its Delete overtakes the next delivery, in steps of 5 s",
        arrival: |at| at - SignedDuration::from_secs(40),
        ..NONE
    },
    PlantedFault {
        name: "narrowing is not announced",
        found_in: "one turns private DNS off while the other joins, without failures, in steps of 5 s",
        skipped: |action| matches!(action, Action::Tag(_, TagAction::Announce(_))),
        ..NONE
    },
    PlantedFault {
        name: "narrowing does not wait after its announcement",
        found_in: "one turns private DNS off while the other joins, without failures, in steps of 5 s",
        recorded_at: |action, at| backdate_announcement(action, at, ANNOUNCEMENT_SETTLE),
        ..NONE
    },
    PlantedFault {
        name: "the announcement is withdrawn before the narrowing is shown",
        found_in: "one turns private DNS off while the other joins, without failures, in steps of 5 s",
        recorded_at: |action, at| match action {
            Action::ModifyEndpoint(..) => at - READ_LAG,
            _ => at,
        },
        ..NONE
    },
    PlantedFault {
        name: "what the others request is not respected",
        found_in: "one leaves with its subnet while another joins with the same, and a third stays, without failures, in \
                   steps of 5 s",
        view: |observed, _, request| request_of_others(observed, request, "dns=off groups=0 subnets=0"),
        ..NONE
    },
    PlantedFault {
        name: "a request that is not recorded",
        found_in: "two leave with the same subnet, and a third stays, without failures, in steps of 5 s",
        view: |observed, _, request| request_of_others(observed, request, ""),
        ..NONE
    },
    PlantedFault {
        name: "leaving is not announced",
        found_in: "one leaves with its rule while another joins with the same, and a third stays, without failures, in steps \
                   of 5 s",
        skipped: |action| matches!(action, Action::Tag(_, TagAction::Announce(_))),
        ..NONE
    },
    PlantedFault {
        name: "one that leaves does not look again after its reference is removed",
        found_in: "two leave with the same security group, and a third stays, without failures, in steps of 5 s",
        recorded_at: |action, at| {
            if matches!(action, Action::Tag(_, TagAction::Release(_))) { at - READ_LAG } else { at }
        },
        ..NONE
    },
    PlantedFault {
        name: "an update does not look again after its request is recorded",
        found_in: "one changes its security group and leaves, another joins with the old one and leaves, without failures, \
                   in steps of 5 s",
        recorded_at: |action, at| if matches!(action, Action::Tag(_, TagAction::Join(_))) { at - READ_LAG } else { at },
        ..NONE
    },
    PlantedFault {
        name: "the announcement is withdrawn although the answer to the removal of rules was lost",
        found_in: "one leaves with its rule while another joins with the same, and a third stays, in steps of 5 s",
        recorded_at: |action, at| if matches!(action, Action::Revoke(..)) { at - READ_LAG } else { at },
        ..NONE
    },
];
