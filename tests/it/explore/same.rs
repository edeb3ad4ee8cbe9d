//! When two states are the same: when all that can follow from them is.
//!
//! Of a state only that counts which something may still ask for. Nothing is asked for before the next moment at which
//! anything happens, so all moments are counted from there, and what a look of that moment or a later one cannot show is
//! forgotten. A delivery's journal is asked for first when the delivery looks again, so its moments are counted from that
//! look; and where a rule only asks whether something was less than a span ago, all that is longer ago is alike. What
//! was done for the last time does not count at all: the token of an event that will not come again, the tags of an
//! endpoint that is not listed, the journal of a function that has crashed.
//!
//! `Exactly` leaves nothing out, to hold the other against.

use super::cloudformation::Stack;
use super::ec2::{LAG, Moment, timestamp};
use super::search::Open;
use super::world::{Delivery, Due, LEAVING, World};
use jiff::Timestamp;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use tidb_private_endpoint::decision::action::{Action, TagAction};
use tidb_private_endpoint::decision::journal::Journal;
use tidb_private_endpoint::model::protocol::{ANNOUNCEMENT_SETTLE, CALL_LIMIT, CLOCK_SKEW};

/// What counts as the same state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Same {
    /// What all the same can follow from.
    Future,
    /// What is the same to the last detail.
    Exactly,
}

/// A number that stands for the state.
pub(super) fn fingerprint(world: &mut World, same: Same) -> u64 {
    let mut hasher = DefaultHasher::new();
    match same {
        Same::Exactly => format!("{world:?}").hash(&mut hasher),
        Same::Future => {
            let next = world.next_moment().unwrap_or(world.now);
            world.ec2.forget(next);
            future(world, next, &mut hasher);
        }
    }
    hasher.finish()
}

fn future(world: &World, next: Moment, hasher: &mut DefaultHasher) {
    let keys = Keys::of(world, next);
    world.ec2.fingerprint(next, &keys, hasher);
    (world.troubles, world.excused).hash(hasher);
    for stack in &world.stacks {
        fingerprint_stack(stack, next, hasher);
    }
    let mut deliveries: Vec<&Delivery> = world.deliveries.iter().collect();
    deliveries.sort_by_key(|delivery| (delivery.stack, delivery.number, delivery.second));
    for delivery in deliveries {
        fingerprint_delivery(world, delivery, next, &keys, hasher);
    }
}

fn fingerprint_stack(stack: &Stack, next: Moment, hasher: &mut DefaultHasher) {
    (stack.plan.len(), stack.acts, stack.answered, stack.gone, stack.released).hash(hasher);
    for planned in &stack.plan {
        (&planned.act, planned.overtakes).hash(hasher);
    }
    for at in stack.starts.iter().flat_map(Open::left) {
        (at - next).hash(hasher);
    }
    (stack.wish, &stack.physical_id, &stack.promised, &stack.joined).hash(hasher);
    (stack.wrote.saturating_sub(next)).max(-LAG).hash(hasher);
}

fn fingerprint_delivery(world: &World, delivery: &Delivery, next: Moment, keys: &Keys, hasher: &mut DefaultHasher) {
    (delivery.stack, delivery.number, delivery.second, &delivery.act, delivery.request.current()).hash(hasher);
    let at = delivery.next.at();
    match &delivery.next {
        Due::Look(_) => (0, at - next).hash(hasher),
        Due::Again(open) => {
            1.hash(hasher);
            return open.left().for_each(|at| (at - next).hash(hasher));
        }
        Due::Effect(open, action) => {
            2.hash(hasher);
            open.left().for_each(|at| (at - next).hash(hasher));
            fingerprint_action(action, keys, hasher);
            if let Action::Tag(_, TagAction::Announce(until)) = &**action {
                until.duration_since(delivery.clock(at)).as_millis().hash(hasher);
            }
        }
    }
    delivery.retries.hash(hasher);
    fingerprint_journal(world, &delivery.journal, delivery.clock(at), keys, hasher);
}

fn fingerprint_action(action: &Action, keys: &Keys, hasher: &mut DefaultHasher) {
    action.name().hash(hasher);
    match action {
        Action::Tag(id, TagAction::Announce(_)) => id.hash(hasher),
        Action::Tag(id, TagAction::RemoveAnnouncements(removed)) => {
            id.hash(hasher);
            for key in removed {
                keys.stand_in(key).hash(hasher);
            }
        }
        other => format!("{other:?}").hash(hasher),
    }
}

/// All of a journal that a decision at `at` or later asks for.
fn fingerprint_journal(world: &World, journal: &Journal, at: Timestamp, keys: &Keys, hasher: &mut DefaultHasher) {
    let ago = |when: &Timestamp, longest: i128| when.duration_since(at).as_millis().max(-longest);
    let lag = i128::from(LAG) * 1_000;
    let in_lag = |when: Option<Timestamp>| when.map(|when| ago(&when, lag));
    // For what counts only while it may not be shown.
    let fresh = |when: Option<Timestamp>| when.map(|when| ago(&when, lag)).filter(|ago| *ago > -lag);
    let creation = journal.creation();
    (ago(&journal.started(), lag), fresh(creation.attempted)).hash(hasher);
    creation
        .name_taken
        .map(|taken| (taken.first.duration_since(at).as_millis(), ago(&taken.last, 20_000)))
        .hash(hasher);
    let last_start = (CALL_LIMIT + CALL_LIMIT).as_millis() - 1;
    for id in world.ec2.endpoints.keys() {
        let record = journal.endpoint(id);
        let calls = [record.release_attempted, record.released, record.created, record.referenced, record.deleted];
        calls.map(in_lag).hash(hasher);
        let announced = record.announced.map(|announced| {
            let left = announced.until.duration_since(at).as_millis().max(last_start);
            (ago(&announced.written, ANNOUNCEMENT_SETTLE.as_millis()), left)
        });
        announced.hash(hasher);
        record.modified.as_ref().map(|m| (format!("{:?}", m.change), ago(&m.at, lag), m.attempts)).hash(hasher);
        (record.tagged, record.seen_deleting, record.announced_by_other, fresh(record.withdrawn)).hash(hasher);
        for key in record.standing_announcements() {
            keys.stand_in(&key).hash(hasher);
        }
        let later = |seconds: Moment| at + jiff::SignedDuration::from_secs(seconds);
        let dead = [0, LAG].map(|seconds| record.is_dead_replay(later(seconds)));
        let deleting = (0..LAG).take_while(|seconds| record.may_be_deleting(later(*seconds))).count();
        (dead, deleting).hash(hasher);
        for (key, when) in &record.announcements_removed {
            if let Some(ago) = fresh(Some(*when)) {
                (keys.stand_in(key), ago).hash(hasher);
            }
        }
    }
}

/// What stands for the key of an announcement: its moment, counted from the next moment; or its place among those whose
/// moment has passed for every clock, for they are told from each other but not by how long ago.
#[derive(Debug)]
pub(super) struct Keys(BTreeMap<String, (usize, i128)>);

impl Keys {
    fn of(world: &World, next: Moment) -> Self {
        let mut keys: BTreeSet<String> = world.ec2.tag_keys().filter(|key| key.starts_with(LEAVING)).cloned().collect();
        for delivery in world.deliveries.iter().filter(|delivery| !matches!(delivery.next, Due::Again(_))) {
            let journal = &delivery.journal;
            for (_, record) in journal.endpoints() {
                keys.extend(record.standing_announcements());
                keys.extend(record.announcements_removed.keys().cloned());
            }
        }
        let passed = -CLOCK_SKEW.as_millis();
        let stand_in = |(n, key): (usize, String)| {
            let left = key.rsplit_once(LEAVING).and_then(|(_, rest)| rest.split_once(':'));
            let left = left.and_then(|(_, moment)| millis(moment)).map(|until| until - millis_of(timestamp(next)));
            let left = left.filter(|left| *left >= passed);
            (key, left.map_or((n, i128::MIN), |left| (0, left)))
        };
        Self(keys.into_iter().enumerate().map(stand_in).collect())
    }

    /// What stands for a key: the key itself without its moment, and what stands for that.
    pub(super) fn stand_in<'k>(&self, key: &'k str) -> (&'k str, Option<(usize, i128)>) {
        let stand_in = self.0.get(key).copied();
        let holder = LEAVING.len() + 24;
        (stand_in.map_or(key, |_| key.get(..holder).unwrap_or(key)), stand_in)
    }
}

fn millis_of(at: Timestamp) -> i128 {
    i128::from(at.as_millisecond())
}

/// The moment that an announcement names. Reading one takes long, and there are few of them.
fn millis(moment: &str) -> Option<i128> {
    thread_local! {
        static READ: RefCell<HashMap<String, Option<i128>>> = RefCell::default();
    }
    READ.with_borrow_mut(|read| {
        if let Some(known) = read.get(moment) {
            return *known;
        }
        let parsed = moment.parse::<Timestamp>().ok().map(|at| i128::from(at.as_millisecond()));
        read.insert(moment.to_owned(), parsed);
        parsed
    })
}
