//! Scheduled events.

use std::{collections::BTreeMap, time::Duration};

use super::Plane;
use crate::{
    endpoint::{State, Step},
    knobs::Span,
};

/// A scheduled event.
#[derive(Clone, Debug)]
enum Event {
    /// Ignored if the endpoint has started another operation in the meantime.
    Step { endpoint: String, operation: u64, step: Step },
    /// Removes the endpoint's hidden private hosted zone.
    ReleaseZone { endpoint: String },
    /// The private DNS entries get their real hosted zone ID.
    ZoneReady { endpoint: String },
}

/// Events by time, then in the order of scheduling.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    events: BTreeMap<(Duration, u64), Event>,
    scheduled: u64,
}

impl Plane {
    /// Runs all events that are due.
    pub(crate) fn advance(&mut self) {
        let to = self.clock.elapsed();
        while let Some(entry) = self.schedule.events.first_entry().filter(|entry| entry.key().0 <= to) {
            let ((at, _), event) = entry.remove_entry();
            self.now = at;
            self.run_event(event);
        }
        self.now = to;
    }

    fn after(&mut self, delay: Span, event: Event) {
        let at = self.now + self.random.within(delay);
        self.schedule.scheduled += 1;
        self.schedule.events.insert((at, self.schedule.scheduled), event);
    }

    pub(crate) fn step_after(&mut self, delay: Span, endpoint: &str, step: Step) {
        let operation = self.endpoints.get(endpoint).map_or(0, |record| record.operation);
        self.after(delay, Event::Step { endpoint: endpoint.to_owned(), operation, step });
    }

    pub(crate) fn release_zone_later(&mut self, endpoint: &str) {
        self.after(self.knobs.zone_release_ms, Event::ReleaseZone { endpoint: endpoint.to_owned() });
    }

    fn run_event(&mut self, event: Event) {
        match event {
            Event::ReleaseZone { endpoint } => self.hidden_zones.release(&endpoint),
            Event::ZoneReady { endpoint } => self.change(&endpoint, |endpoint| endpoint.zone_id_pending = false),
            Event::Step { endpoint, operation, step } => {
                if self.endpoints.get(&endpoint).is_some_and(|record| record.operation == operation) {
                    self.take_step(&endpoint, step);
                }
            }
        }
    }

    fn take_step(&mut self, id: &str, step: Step) {
        let now = self.now;
        match step {
            Step::Accept => {
                self.change(id, |endpoint| endpoint.state = State::Pending);
                self.step_after(self.knobs.create_ms, id, Step::Complete);
            }
            Step::Complete => {
                let pending_failure = self.endpoints.get_mut(id).and_then(|record| {
                    record.modifying = false;
                    record.pending_failure.take()
                });
                let delay = self.random.within(self.knobs.zone_id_pending_ms);
                let zone_pending = self.current(id).is_some_and(|endpoint| endpoint.zone_id_pending);
                if zone_pending && pending_failure.is_none() && delay > Duration::ZERO {
                    let span = Span::exactly(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX));
                    self.after(span, Event::ZoneReady { endpoint: id.to_owned() });
                }
                self.change(id, |endpoint| {
                    endpoint.zone_id_pending &= pending_failure.is_some() || delay > Duration::ZERO;
                    endpoint.state = if pending_failure.is_some() { State::Failed } else { State::Available };
                    endpoint.was_available |= pending_failure.is_none();
                    endpoint.last_error = pending_failure;
                });
            }
            Step::Delete => {
                let had_zone = self.current(id).is_some_and(|endpoint| endpoint.private_dns_enabled);
                self.change(id, |endpoint| {
                    endpoint.state = State::Deleted;
                    endpoint.interfaces.clear();
                });
                if had_zone {
                    self.release_zone_later(id);
                }
                self.step_after(self.knobs.deleted_listed_ms, id, Step::Unlist);
            }
            Step::Unlist => {
                if let Some(record) = self.endpoints.get_mut(id) {
                    record.history.end(now);
                }
            }
        }
    }
}
