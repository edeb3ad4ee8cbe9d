//! Faults that are planted between the world and the decision, one rule of the protocol knocked out by each. The
//! exploration has to find them all; one that it does not find is a hole in it.

use super::ec2::timestamp;
use jiff::SignedDuration;
use tidb_private_endpoint::endpoint::Endpoint;
use tidb_private_endpoint::journal::Journal;
use tidb_private_endpoint::reference::{self, LEAVING_SETTLE, OWNED, READ_LAG};
use tidb_private_endpoint::request::Request;
use tidb_private_endpoint::step::{Observed, Step};

/// A fault: what the decision is shown of the world and of its own past, and what becomes of its step.
#[derive(Clone)]
pub(super) struct Planted {
    pub(super) name: &'static str,
    /// The scenario, in steps of five seconds, whose schedules are gone through to find it.
    pub(super) shows_in: &'static str,
    pub(super) see: fn(&mut Observed, &Journal, &Request),
    pub(super) know: fn(&mut Journal),
    pub(super) take: fn(Step) -> Step,
    /// Whether the step is taken for done without EC2's doing it.
    pub(super) swallow: fn(&Step) -> bool,
}

pub(super) const NONE: Planted =
    Planted { name: "none", shows_in: "", see: |_, _, _| {}, know: |_| {}, take: |step| step, swallow: |_| false };

fn without(observed: &mut Observed, unwanted: impl Fn(&str) -> bool) {
    for endpoint in &mut observed.endpoints {
        endpoint.tags.retain(|key, _| !unwanted(key));
    }
}

fn is_leaving(key: &str) -> bool {
    key.starts_with("tidb-private-endpoint:leaving:")
}

fn earlier(journal: &mut Journal, by: SignedDuration) {
    for announced in journal.leaving.values_mut() {
        announced.written -= by;
    }
}

pub(super) const ALL: [Planted; 15] = [
    Planted {
        name: "the leaver does not wait after its announcement",
        shows_in: "one leaves while the other joins, calm, in steps of 5 s",
        know: |journal| earlier(journal, LEAVING_SETTLE),
        ..NONE
    },
    Planted {
        name: "the leaver waits for the lag only once after its announcement",
        shows_in: "one leaves while the other joins, calm, in steps of 5 s",
        know: |journal| earlier(journal, READ_LAG),
        ..NONE
    },
    Planted {
        name: "the leaver does not wait after it has removed its reference",
        shows_in: "both leave, calm, in steps of 5 s",
        know: |journal| {
            for when in journal.released.values_mut().chain(journal.release_calls.values_mut()) {
                *when -= READ_LAG;
            }
        },
        ..NONE
    },
    Planted {
        name: "the leaver does not announce",
        shows_in: "one leaves while the other joins, calm, in steps of 5 s",
        swallow: |step| matches!(step, Step::Announce { .. }),
        ..NONE
    },
    Planted {
        name: "the leaver deletes without a last look",
        shows_in: "one leaves while the other joins, calm, in steps of 5 s",
        see: |observed, journal, _| {
            let settled = |at| journal.leaving.values().any(|announced| at >= announced.written + LEAVING_SETTLE);
            if settled(observed.at) {
                without(observed, |key| key.starts_with("tidb-private-endpoint:ref:"));
            }
        },
        ..NONE
    },
    Planted {
        name: "the leaver forgets the moment that it has announced",
        shows_in: "one leaves while the other joins, in steps of 5 s",
        know: |journal| {
            for announced in journal.leaving.values_mut() {
                announced.until = timestamp(1_000_000);
            }
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
            if request.spec().is_some() && !journal.referenced.is_empty() {
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
        know: |journal| journal.referenced.clear(),
        ..NONE
    },
    Planted {
        name: "a new endpoint is not marked as owned",
        shows_in: "both come and go, calm, in steps of 5 s",
        take: |step| match step {
            Step::Create(mut new) => {
                new.tags.remove(OWNED);
                Step::Create(new)
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
        know: |journal| journal.started -= READ_LAG,
        ..NONE
    },
    Planted {
        name: "a Delete with an unknown id passes by what nobody holds",
        shows_in: "a Delete overtakes the Create, which joins, in steps of 5 s",
        see: |observed, journal, request| {
            if request.spec().is_none() && request.current().is_none() {
                let own = |endpoint: &Endpoint| {
                    request.holder.is_in(&endpoint.tags)
                        || journal.release_calls.contains_key(&endpoint.id)
                        || reference::owner(&endpoint.tags) == Some(request.holder.hash.as_str())
                };
                observed.endpoints.retain(|endpoint| reference::is_held(&endpoint.tags) || own(endpoint));
            }
        },
        ..NONE
    },
];
