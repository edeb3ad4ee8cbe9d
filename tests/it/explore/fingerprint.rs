//! Fingerprints of states. Two states get the same fingerprint if the same histories can follow from them.
//!
//! The reduction: only what the future can depend on is part of the fingerprint.
//!
//! * All moments are relative to the next moment at which something happens. What looks from then on cannot show is
//!   forgotten.
//! * The moments in a journal are relative to the next look of its delivery, which is when a decision first uses them.
//!   If the decision only asks whether something happened less than a certain time ago, all longer times are equal.
//! * What is not used again is left out: the client token of an event that is not delivered again, the tags of an
//!   endpoint that is no longer listed, the journal of a function that has crashed.
//! * Expired announcements are equal, except for their order.
//!
//! [`Equivalence::Identical`] leaves nothing out. `reduction.rs` compares the results of both.

use super::choices::OpenMoment;
use super::cloudformation::{Operation, Stack};
use super::ec2::{LAG, Moment, timestamp};
use super::scenario::FIRST_WRITE;
use super::state::{Delivery, LEAVING, NextStep, State};
use super::transition::DEADLINE;

use jiff::Timestamp;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{Hash, Hasher};
use tidb_private_endpoint::decision::action::{Action, TagAction};
use tidb_private_endpoint::decision::journal::Journal;
use tidb_private_endpoint::decision::records::EndpointRecord;
use tidb_private_endpoint::model::protocol::{ANNOUNCEMENT_SETTLE, CALL_LIMIT, CLOCK_SKEW};
use tidb_private_endpoint::request::{Deleted, Verb};

/// How long a Delete may wait for EC2 to free what was taken away, in milliseconds.
const FREEING: i128 = 240_000;

/// For how long an event to create or update is prompt, in milliseconds, and a little longer.
const PROMPT: i128 = 16_000;

/// For how long a rollback waits for the update that it takes back, in milliseconds, and a little longer.
const ROLLBACK: i128 = 51_000;

/// Which states are explored only once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Equivalence {
    /// Those from which the same histories can follow.
    SameFuture,
    /// Those that are identical in every detail.
    Identical,
}

/// Hashes many small values in a fraction of the time of the standard library's hasher, which a search mostly waits for.
/// Nobody chooses the values to make them collide.
#[derive(Debug, Default)]
pub(super) struct Mixer(u64);

impl Hasher for Mixer {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.write_u64(u64::from(value));
    }

    /// For each word, a one-to-one function of what was hashed before, so that a difference is never lost.
    fn write_u64(&mut self, word: u64) {
        let mixed = (self.0 ^ word).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ (mixed >> 32);
    }

    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

pub(super) fn fingerprint(state: &mut State, equivalence: Equivalence) -> u64 {
    let mut hasher = Mixer::default();
    match equivalence {
        Equivalence::Identical => format!("{state:?}").hash(&mut hasher),
        Equivalence::SameFuture => {
            let next = state.next_moment().unwrap_or(state.now);
            state.ec2.forget(next);
            fingerprint_future(state, next, &mut hasher);
        }
    }
    hasher.finish()
}

fn fingerprint_future(state: &State, next: Moment, hasher: &mut Mixer) {
    let keys = Keys::of(state, next);
    state.ec2.fingerprint(next, &keys, hasher);
    (state.failures, state.exempt).hash(hasher);
    for stack in &state.stacks {
        fingerprint_stack(stack, next, hasher);
    }
    let mut deliveries: Vec<&Delivery> = state.deliveries.iter().collect();
    deliveries.sort_by_key(|delivery| (delivery.stack, delivery.number, delivery.duplicate));
    for delivery in deliveries {
        fingerprint_delivery(state, delivery, next, &keys, hasher);
    }
}

fn fingerprint_stack(stack: &Stack, next: Moment, hasher: &mut Mixer) {
    (stack.plan.len(), stack.operations, stack.responded, stack.deleted, stack.released).hash(hasher);
    for planned in &stack.plan {
        (&planned.operation, planned.overtakes, planned.rollback_disabled, planned.dies, planned.is_rollback)
            .hash(hasher);
    }
    for at in stack.next_event.iter().flat_map(OpenMoment::candidates) {
        (at - next).hash(hasher);
    }
    (
        stack.rolls_back,
        stack.spec,
        stack.unfinished,
        &stack.physical_id,
        &stack.promised,
        &stack.joined,
        &stack.retained,
    )
        .hash(hasher);
    ((stack.last_join.saturating_sub(next)).max(-LAG), stack.late_join, &stack.failed_id).hash(hasher);
    stack.status.hash(hasher);
}

fn fingerprint_delivery(state: &State, delivery: &Delivery, next: Moment, keys: &Keys, hasher: &mut Mixer) {
    (delivery.stack, delivery.number, delivery.duplicate, delivery.is_again).hash(hasher);
    (&delivery.operation, delivery.request.current()).hash(hasher);
    let at = delivery.next.at();
    let sent = state.stacks[delivery.stack].delete_sent;
    let comes_late = sent.is_some_and(|sent| delivery.started > sent || delivery.blind_until > sent);
    (
        comes_late,
        delivery.blind_until.saturating_sub(next).max(0),
        delivery.first_write_late,
        (delivery.rolls_back, delivery.dies),
    )
        .hash(hasher);
    if matches!(delivery.operation, Operation::Create(_)) && delivery.first_write_late.is_none() {
        (delivery.started - next).max(-FIRST_WRITE - 2).hash(hasher);
    }
    if delivery.time != DEADLINE {
        (delivery.started + delivery.time - next).hash(hasher);
    }
    match &delivery.next {
        NextStep::Look(_) => (0, at - next).hash(hasher),
        NextStep::Redelivery(open) => {
            1.hash(hasher);
            return open.candidates().for_each(|at| (at - next).hash(hasher));
        }
        NextStep::Effect(open, action) => {
            2.hash(hasher);
            open.candidates().for_each(|at| (at - next).hash(hasher));
            fingerprint_action(action, keys, hasher);
            if let Action::Tag(_, TagAction::Announce(until)) = &**action {
                until.duration_since(delivery.clock(at)).as_millis().hash(hasher);
            }
        }
    }
    delivery.retries.hash(hasher);
    fingerprint_journal(state, delivery, delivery.clock(at), keys, hasher);
}

fn fingerprint_action(action: &Action, keys: &Keys, hasher: &mut Mixer) {
    action.name().hash(hasher);
    match action {
        Action::Tag(id, TagAction::Announce(_)) => id.hash(hasher),
        Action::Tag(id, TagAction::RemoveAnnouncements(removed)) => {
            id.hash(hasher);
            for key in removed {
                keys.relative(key).hash(hasher);
            }
        }
        other => format!("{other:?}").hash(hasher),
    }
}

/// Hashes what a decision at `at` or later may use of a journal.
fn fingerprint_journal(state: &State, delivery: &Delivery, at: Timestamp, keys: &Keys, hasher: &mut Mixer) {
    let journal: &Journal = &delivery.journal;
    let ago = |when: &Timestamp, longest: i128| when.duration_since(at).as_millis().max(-longest);
    let lag = i128::from(LAG) * 1_000;
    let in_lag = |when: Option<Timestamp>| when.map(|when| ago(&when, lag));
    // For what matters only until looks show it for sure.
    let fresh = |when: Option<Timestamp>| when.map(|when| ago(&when, lag)).filter(|ago| *ago > -lag);
    let creation = journal.creation();
    let in_flight = i128::from(FIRST_WRITE) * 1_000 + lag;
    let of_delete = journal.marks().last.map(|removed| ago(&removed, 2 * in_flight));
    // Only a Create without an endpoint, and a Delete of one, ask for more than whether the read lag has passed.
    let patient = match &delivery.request.verb {
        Verb::Create(_) => !journal.endpoints().any(|(_, record)| record.referenced.is_some()),
        Verb::Update { .. } => false,
        Verb::Delete { of, .. } => *of == Deleted::RunningCreate,
    };
    // An update that is a rollback waits for the one that it takes back.
    let is_update = matches!(delivery.request.verb, Verb::Update { .. });
    let rollback = if state.stacks[delivery.stack].rolls_back { ROLLBACK } else { lag };
    let arrived_late = journal.started().duration_since(journal.sent()) > CALL_LIMIT + CALL_LIMIT;
    (
        ago(
            &journal.started(),
            if patient {
                in_flight
            } else if is_update {
                rollback
            } else {
                lag
            },
        ),
        arrived_late,
    )
        .hash(hasher);
    if patient && creation.mark_attempted.is_none() {
        ago(&journal.sent(), in_flight).hash(hasher);
    } else if delivery.request.spec().is_some() {
        ago(&journal.sent(), PROMPT).hash(hasher);
    }
    fresh(creation.attempted).hash(hasher);
    (&creation.mark, in_lag(creation.mark_attempted), &journal.marks().removed).hash(hasher);
    of_delete.hash(hasher);
    creation
        .name_taken
        .map(|taken| (taken.first.duration_since(at).as_millis(), ago(&taken.last, 20_000)))
        .hash(hasher);
    for id in state.ec2.groups.ids() {
        let record = journal.group(id);
        (&record.created_in, record.gone.is_none()).hash(hasher);
        (id, in_lag(record.created), record.authorized, record.rules_unknown, in_lag(record.revoked)).hash(hasher);
        (in_lag(record.gone), record.in_use.map(|refused| (ago(&refused.first, 30_000), ago(&refused.last, lag))))
            .hash(hasher);
    }
    (journal.narrowing_refused(), fresh(journal.change_attempted()), in_lag(creation.other_creator)).hash(hasher);
    let last_start = (CALL_LIMIT + CALL_LIMIT).as_millis() - 1;
    for id in state.ec2.endpoints.keys() {
        let record = journal.endpoint(id);
        let calls = [record.release_attempted, record.released, record.created, record.referenced, record.deleted];
        calls.map(in_lag).hash(hasher);
        let announced = record.announced.map(|announced| {
            let left = announced.until.duration_since(at).as_millis().max(last_start);
            (ago(&announced.written, ANNOUNCEMENT_SETTLE.as_millis()), left)
        });
        announced.hash(hasher);
        record.modified.as_ref().map(|m| (format!("{:?}", m.change), ago(&m.at, FREEING), m.attempts)).hash(hasher);
        (
            &record.tagged,
            (record.joined, record.outdated),
            record.requested.map(|when| if is_update { ago(&when, rollback) } else { 0 }),
            fresh(record.request_attempted),
            &record.reference_before,
            record.announced_by_other,
            record.deleting_since.map(|when| if patient { ago(&when, 2 * in_flight) } else { 0 }),
            fresh(record.withdrawn),
        )
            .hash(hasher);
        for (key, when) in &record.announcements_removed {
            if let Some(ago) = fresh(Some(*when)) {
                (keys.relative(key), ago).hash(hasher);
            }
        }
        fingerprint_ending(record, at, keys, hasher);
    }
}

/// Hashes the announcements of an endpoint's end, and whether it may be gone, or going, although looks show otherwise.
fn fingerprint_ending(record: &EndpointRecord, at: Timestamp, keys: &Keys, hasher: &mut Mixer) {
    for key in record.standing_announcements() {
        keys.relative(&key).hash(hasher);
    }
    let later = |seconds: Moment| at + jiff::SignedDuration::from_secs(seconds);
    let dead_replay = [0, LAG].map(|seconds| record.is_dead_replay(later(seconds)));
    let may_be_deleting = (0..LAG).take_while(|seconds| record.may_be_deleting(later(*seconds))).count();
    (dead_replay, may_be_deleting).hash(hasher);
}

/// The tag keys of announcements, relative to the next moment. An announcement whose moment has passed for every clock
/// is represented by its rank: how long ago it expired does not matter, but that it differs from others does.
#[derive(Debug)]
pub(super) struct Keys(BTreeMap<String, (usize, i128)>);

impl Keys {
    fn of(state: &State, next: Moment) -> Self {
        let mut keys: BTreeSet<String> = state.ec2.tag_keys().filter(|key| key.starts_with(LEAVING)).cloned().collect();
        for delivery in state.deliveries.iter().filter(|delivery| !matches!(delivery.next, NextStep::Redelivery(_))) {
            let journal = &delivery.journal;
            for (_, record) in journal.endpoints() {
                keys.extend(record.standing_announcements());
                keys.extend(record.announcements_removed.keys().cloned());
            }
        }
        let passed = -CLOCK_SKEW.as_millis();
        let relative = |(n, key): (usize, String)| {
            let left = key.rsplit_once(LEAVING).and_then(|(_, rest)| rest.split_once(':'));
            let left = left.and_then(|(_, moment)| millis(moment)).map(|until| until - millis_of(timestamp(next)));
            let left = left.filter(|left| *left >= passed);
            (key, left.map_or((n, i128::MIN), |left| (0, left)))
        };
        Self(keys.into_iter().enumerate().map(relative).collect())
    }

    /// A tag key for the fingerprint. In that of an announcement, the relative moment replaces the absolute one.
    pub(super) fn relative<'k>(&self, key: &'k str) -> (&'k str, Option<(usize, i128)>) {
        let relative = self.0.get(key).copied();
        let holder = LEAVING.len() + 24;
        (relative.map_or(key, |_| key.get(..holder).unwrap_or(key)), relative)
    }
}

fn millis_of(at: Timestamp) -> i128 {
    i128::from(at.as_millisecond())
}

/// The moment in an announcement. Cached: parsing takes long, and there are few different ones.
fn millis(moment: &str) -> Option<i128> {
    thread_local! {
        static PARSED: RefCell<HashMap<String, Option<i128>>> = RefCell::default();
    }
    PARSED.with_borrow_mut(|cache| {
        if let Some(known) = cache.get(moment) {
            return *known;
        }
        let parsed = moment.parse::<Timestamp>().ok().map(|at| i128::from(at.as_millisecond()));
        cache.insert(moment.to_owned(), parsed);
        parsed
    })
}
