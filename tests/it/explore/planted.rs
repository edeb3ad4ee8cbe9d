//! Faults that are planted between the world and the decision, one rule of the protocol knocked out by each. The
//! exploration has to find them all; one that it does not find is a hole in it.

use jiff::{SignedDuration, Timestamp};
use tidb_private_endpoint::decision::action::{Action, TagAction};
use tidb_private_endpoint::decision::journal::Journal;
use tidb_private_endpoint::decision::view::{Next, Observed};
use tidb_private_endpoint::model::endpoint::Endpoint;
use tidb_private_endpoint::model::protocol::{ANNOUNCEMENT_SETTLE, READ_LAG};
use tidb_private_endpoint::model::tags::{self, OWNED};
use tidb_private_endpoint::request::Request;

/// A fault: what the decision is shown of the world and of its own past, and what becomes of what it decides.
#[derive(Clone)]
pub(super) struct Planted {
    pub(super) name: &'static str,
    /// The scenario, in steps of five seconds, whose schedules are gone through to find it.
    pub(super) shows_in: &'static str,
    /// What the journal takes for the event's arrival.
    pub(super) arrive: fn(Timestamp) -> Timestamp,
    /// What the decision sees.
    pub(super) see: fn(&mut Observed, &Journal, &Request),
    /// Whether the decision is given an empty journal.
    pub(super) forgets: fn(&Request) -> bool,
    /// What is done in place of what was decided.
    pub(super) take: fn(Next, &Journal) -> Next,
    /// Whether the action is taken for done without EC2's doing it.
    pub(super) swallow: fn(&Action) -> bool,
    /// When the journal notes that an action was done.
    pub(super) remember: fn(&Action, Timestamp) -> Timestamp,
}

pub(super) const NONE: Planted = Planted {
    name: "none",
    shows_in: "",
    arrive: |at| at,
    see: |_, _, _| {},
    forgets: |_| false,
    take: |next, _| next,
    swallow: |_| false,
    remember: |_, at| at,
};

fn without(observed: &mut Observed, unwanted: impl Fn(&str) -> bool) {
    for endpoint in &mut observed.endpoints {
        endpoint.tags.retain(|key, _| !unwanted(key));
    }
}

fn is_leaving(key: &str) -> bool {
    key.starts_with("tidb-private-endpoint:leaving:")
}

/// The moment of an announcement, earlier than it was.
fn announced_earlier(action: &Action, at: Timestamp, by: SignedDuration) -> Timestamp {
    if matches!(action, Action::Tag(_, TagAction::Announce(_))) { at - by } else { at }
}

pub(super) const ALL: [Planted; 15] = [
    Planted {
        name: "the leaver does not wait after its announcement",
        shows_in: "one leaves while the other joins, calm, in steps of 5 s",
        remember: |action, at| announced_earlier(action, at, ANNOUNCEMENT_SETTLE),
        ..NONE
    },
    Planted {
        name: "the leaver waits for the lag only once after its announcement",
        shows_in: "one leaves while the other joins, calm, in steps of 5 s",
        remember: |action, at| announced_earlier(action, at, READ_LAG),
        ..NONE
    },
    Planted {
        name: "the leaver does not wait after it has removed its reference",
        shows_in: "both leave, calm, in steps of 5 s",
        remember: |action, at| {
            if matches!(action, Action::Tag(_, TagAction::Release)) { at - READ_LAG } else { at }
        },
        ..NONE
    },
    Planted {
        name: "the leaver does not announce",
        shows_in: "one leaves while the other joins, calm, in steps of 5 s",
        swallow: |action| matches!(action, Action::Tag(_, TagAction::Announce(_))),
        ..NONE
    },
    Planted {
        name: "the leaver deletes without a last look",
        shows_in: "one leaves while the other joins, calm, in steps of 5 s",
        see: |observed, journal, _| {
            let mut announced = journal.endpoints().filter_map(|(_, record)| record.announced);
            if announced.any(|announced| observed.at >= announced.written + ANNOUNCEMENT_SETTLE) {
                without(observed, |key| key.starts_with("tidb-private-endpoint:ref:"));
            }
        },
        ..NONE
    },
    Planted {
        name: "the leaver forgets the moment that it has announced",
        shows_in: "one leaves while the other joins, in steps of 5 s",
        take: |next, journal| match next {
            Next::Act(Action::Tag(id, TagAction::Announce(_))) if journal.endpoint(&id).announced.is_some() => {
                Next::Act(Action::DeleteEndpoint(id))
            }
            other => other,
        },
        ..NONE
    },
    Planted {
        name: "the joiner does not heed leavers",
        shows_in: "one leaves while the other joins, calm, in steps of 5 s",
        see: |observed, _, request| {
            if request.spec().is_some() {
                without(observed, is_leaving);
            }
        },
        ..NONE
    },
    Planted {
        name: "the joiner looks for leavers before it writes and not after",
        shows_in: "one leaves while the other joins, calm, in steps of 5 s",
        see: |observed, journal, request| {
            if request.spec().is_some() && journal.endpoints().any(|(_, record)| record.referenced.is_some()) {
                without(observed, is_leaving);
            }
        },
        ..NONE
    },
    Planted {
        name: "the joiner takes every announcement for a crashed leaver's",
        shows_in: "one leaves while the other joins, calm, in steps of 5 s",
        see: |observed, _, request| {
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
    Planted {
        name: "a reference that was removed is written again",
        shows_in: "one leaves while the other joins, calm, in steps of 5 s",
        forgets: |request| request.spec().is_some(),
        ..NONE
    },
    Planted {
        name: "a new endpoint is not marked as owned",
        shows_in: "both come and go, calm, in steps of 5 s",
        take: |next, _| match next {
            Next::Act(Action::CreateEndpoint(mut new)) => {
                new.tags.remove(OWNED);
                Next::Act(Action::CreateEndpoint(new))
            }
            other => other,
        },
        ..NONE
    },
    Planted {
        name: "every endpoint counts as owned",
        shows_in: "both use somebody else's endpoint, calm, in steps of 5 s",
        see: |observed, _, _| {
            for endpoint in &mut observed.endpoints {
                endpoint.tags.insert(OWNED.to_owned(), "somebody".to_owned());
            }
        },
        ..NONE
    },
    Planted {
        name: "what a filter should have kept out is taken for what was asked for",
        shows_in: "one moves to another service while the other joins, calm, in steps of 5 s",
        see: |observed, _, request| {
            if let Some(spec) = request.spec() {
                for endpoint in &mut observed.endpoints {
                    endpoint.service_name = spec.service_name.clone();
                }
            }
        },
        ..NONE
    },
    Planted {
        name: "a Delete looks only once",
        shows_in: "both use somebody else's endpoint, calm, in steps of 5 s",
        arrive: |at| at - READ_LAG,
        ..NONE
    },
    Planted {
        name: "a Delete with an unknown id passes by what nobody holds",
        shows_in: "a Delete overtakes the Create, which joins, in steps of 5 s",
        see: |observed, journal, request| {
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
];
