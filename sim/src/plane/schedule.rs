//! What happens by itself when its time has come.

use std::{collections::BTreeMap, time::Duration};

use super::Plane;
use crate::{
    endpoint::{State, Step},
    knobs::Span,
};

/// Something that happens by itself.
#[derive(Clone, Debug)]
enum Event {
    /// Void, unless the endpoint is still at that operation.
    Step { endpoint: String, operation: u64, step: Step },
    /// The endpoint's hidden zone goes.
    ReleaseZone { endpoint: String },
}

/// By time, then in the order of scheduling.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    events: BTreeMap<(Duration, u64), Event>,
    scheduled: u64,
}

impl Plane {
    /// Does everything that is due by now.
    pub(crate) fn advance(&mut self) {
        let to = self.clock.elapsed();
        while let Some(entry) = self.schedule.events.first_entry().filter(|entry| entry.key().0 <= to) {
            let ((at, _), event) = entry.remove_entry();
            self.now = at;
            self.happen(event);
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

    fn happen(&mut self, event: Event) {
        match event {
            Event::ReleaseZone { endpoint } => self.hidden_zones.release(&endpoint),
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
                self.step_after(self.knobs.create_ms, id, Step::Settle);
            }
            Step::Settle => {
                let doom = self.endpoints.get_mut(id).and_then(|record| {
                    record.modifying = false;
                    record.doom.take()
                });
                self.change(id, |endpoint| {
                    endpoint.state = if doom.is_some() { State::Failed } else { State::Available };
                    endpoint.was_available |= doom.is_none();
                    endpoint.last_error = doom;
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
                self.step_after(self.knobs.deleted_listed_ms, id, Step::Forget);
            }
            Step::Forget => {
                if let Some(record) = self.endpoints.get_mut(id) {
                    record.history.end(now);
                }
            }
        }
    }
}
