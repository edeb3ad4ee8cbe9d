//! The transitions: CloudFormation sends an event, a function looks and decides, a call to EC2 takes effect. A delivery
//! runs the provider's decision, journal, and retry policy in the order of the loop in `src/reconcile.rs`: look,
//! decide, act, look again.

use super::choices::{Choices, OpenMoment};
use super::cloudformation::{Operation, name};
use super::ec2::{Moment, Rejected, timestamp};
use super::provider::{decide, error, filter};
use super::scenario::{FIRST_WRITE, Scenario};
use super::state::{Checked, Delivery, NextStep, State};
use super::trace::describe_look;
use std::rc::Rc;
use tidb_private_endpoint::decision::action::{Action, Created, TagAction};
use tidb_private_endpoint::decision::facts::Fact;
use tidb_private_endpoint::decision::journal::Journal;
use tidb_private_endpoint::decision::retry::{Retries, Retry, after_refusal};
use tidb_private_endpoint::decision::view::{Next, Observed, Reason};
use tidb_private_endpoint::model::ec2_error::{Ec2Error, ErrorKind};
use tidb_private_endpoint::request::Request;

/// How long EC2 may answer a function with errors that it retries: longer than an announcement is valid.
const OUTAGE: Moment = 95;
/// The time that an event has.
pub(super) const DEADLINE: Moment = 885;
/// The most looks that one delivery may need. Waiting until the announcement of a crashed function expires takes 43 of them.
pub(super) const LOOKS_MAX: u32 = 75;

impl State {
    /// Advances to the next moment at which something happens, and lets it happen. Returns false if the history has
    /// ended.
    ///
    /// If several things fall on the same moment, effects come first. No history is lost: a look at that moment may
    /// show EC2 from before the effects anyway, because reads lag. Looks change nothing, so their order does not
    /// matter.
    pub(super) fn step(&mut self, scenario: &Scenario, choices: &mut Choices) -> Checked<bool> {
        let Some(now) = self.next_moment() else { return self.check_end().map(|()| false) };
        assert_eq!(now % scenario.grid, 0, "off the grid, different states would get the same fingerprint");
        self.now = now;
        let due = |delivery: &Delivery| delivery.next.at() == now;
        let effect = |delivery: &Delivery| due(delivery) && matches!(delivery.next, NextStep::Effect(..));
        let effects: Vec<usize> = (0..self.deliveries.len()).filter(|n| effect(&self.deliveries[*n])).collect();
        if !effects.is_empty() {
            let number = choices.one_of(&effects);
            self.effect(scenario, number, choices)?;
        } else if let Some(stack) =
            self.stacks.iter().position(|stack| stack.next_event.as_ref().is_some_and(|open| open.at() == now))
        {
            self.send_event(scenario, stack, choices);
        } else if let Some(number) = self.deliveries.iter().position(due) {
            if let NextStep::Redelivery(_) = self.deliveries[number].next {
                self.redeliver(scenario, number, choices);
            } else {
                self.look(scenario, number, choices)?;
            }
        }
        Ok(!self.exempt)
    }

    /// Lambda delivers the event again, or later. The new function knows nothing of the one before it.
    fn redeliver(&mut self, scenario: &Scenario, number: usize, choices: &mut Choices) {
        let now = self.now;
        let (stack, event) = (self.deliveries[number].stack, self.deliveries[number].number);
        let is_running =
            self.deliveries.iter().any(|other| (other.stack, other.number, other.is_again) == (stack, event, false));
        let delivery = &mut self.deliveries[number];
        let NextStep::Redelivery(open) = &mut delivery.next else { return };
        if open.happens(choices) {
            if delivery.is_again && is_running {
                self.deliveries.remove(number);
                return;
            }
            let arrived = (scenario.planted.arrival)(delivery.clock(now));
            delivery.journal = Rc::new(Journal::new(arrived, timestamp(delivery.sent)));
            (delivery.started, delivery.next, delivery.looks) = (now, NextStep::Look(now), 0);
            (delivery.first_write_late, delivery.blind_until) = (None, Moment::MIN);
            delivery.retries = Retries::default();
        }
    }

    /// The function looks, unless it fails, and decides.
    fn look(&mut self, scenario: &Scenario, number: usize, choices: &mut Choices) -> Checked<()> {
        let now = self.now;
        let delivery = &mut self.deliveries[number];
        let stack = delivery.stack;
        delivery.looks += 1;
        self.most_looks = self.most_looks.max(delivery.looks);
        if delivery.looks > LOOKS_MAX {
            return Err(format!("{}'s {:?} has looked {} times", name(stack), delivery.operation, delivery.looks));
        }
        if now - delivery.started > DEADLINE {
            return Err(format!("{}'s {:?} exceeds its deadline", name(stack), delivery.operation));
        }
        if now - delivery.started >= delivery.time {
            return self.respond(number, &Err("timed out".to_owned()));
        }
        if self.failures > 0 && self.fails_to_look(scenario, number, choices) {
            return Ok(());
        }
        let mut observed = Observed { at: self.deliveries[number].clock(now), endpoints: self.ec2.look(now, choices) };
        let delivery = &mut self.deliveries[number];
        filter(delivery, &mut observed);
        Rc::make_mut(&mut delivery.journal).observe(&delivery.request, &observed);
        let mut read = Vec::new();
        let mut decided = decide(&scenario.planted, delivery, &observed, &read);
        while let Ok(Next::Read(facts)) = &decided {
            for fact in facts {
                read.push(match fact {
                    Fact::Operation => self.operation(number),
                    Fact::Stack => self.stack_status(number),
                    fact => self.ec2.read(fact, &self.deliveries[number].request.holder, now, choices)?,
                });
            }
            decided = decide(&scenario.planted, &self.deliveries[number], &observed, &read);
        }
        self.trace(|| describe_look(stack, &observed, &decided));
        match decided {
            Ok(next) => {
                self.note_joined(number, &next);
                self.begin(scenario, number, next)
            }
            Err(refusal) => {
                let delivery = &mut self.deliveries[number];
                match after_refusal(&refusal, &delivery.journal, observed.at) {
                    Some(pause) => delivery.next = NextStep::Look(scenario.after_pause(now, pause)),
                    None => return self.respond(number, &Err(refusal.to_string())),
                }
                Ok(())
            }
        }
    }

    /// Chooses whether the function crashes before the look, or EC2 answers its looks with errors for a while.
    fn fails_to_look(&mut self, scenario: &Scenario, number: usize, choices: &mut Choices) -> bool {
        let (now, stack) = (self.now, self.deliveries[number].stack);
        let failure = choices.mostly_first(3);
        match failure {
            1 => {
                self.deliveries[number].next = NextStep::Redelivery(OpenMoment::new(now, &scenario.redelivered_after));
                self.trace(|| format!("{}: the function crashes", name(stack)));
            }
            2 => {
                let delivery = &mut self.deliveries[number];
                delivery.next = NextStep::Look(now + OUTAGE);
                if delivery.journal.creation().mark_attempted.is_none() {
                    delivery.blind_until = now + OUTAGE;
                }
                self.trace(|| format!("{}: EC2 answers with errors for {OUTAGE} s", name(stack)));
            }
            _ => return false,
        }
        self.failures -= 1;
        self.has_failed = true;
        true
    }

    /// Begins what was decided.
    fn begin(&mut self, scenario: &Scenario, number: usize, next: Next) -> Checked<()> {
        let (now, delivery) = (self.now, &mut self.deliveries[number]);
        match next {
            Next::Done(outcome) => return self.respond(number, &Ok(outcome)),
            Next::Wait(wait) => {
                delivery.retries.waited();
                delivery.next = NextStep::Look(scenario.after_pause(now, wait.at_least));
            }
            Next::Act(action) => {
                delivery.next = NextStep::Effect(OpenMoment::new(now, &scenario.delays), Rc::new(action));
            }
            Next::Read(facts) => return Err(format!("{facts:?} is requested, although the model provides all facts")),
        }
        Ok(())
    }

    /// Notes that a stack has joined, if the decision is one that is only made after a look that shows the reference
    /// and no announcement.
    fn note_joined(&mut self, number: usize, next: &Next) {
        let delivery = &self.deliveries[number];
        if delivery.operation.spec().is_none() {
            return;
        }
        let id = match next {
            Next::Act(Action::ModifyEndpoint(id, _) | Action::Tag(id, TagAction::UserTags(_))) => id,
            Next::Done(outcome) => match outcome.ready() {
                Some(ready) => &ready.endpoint.id,
                None => return,
            },
            Next::Wait(wait) => match &wait.reason {
                Reason::Pending(id, _) | Reason::DnsNames(id) => id,
                _ => return,
            },
            _ => return,
        };
        let stack = &mut self.stacks[delivery.stack];
        if stack.operations == delivery.number && !stack.responded {
            stack.joined.insert(id.clone());
        }
    }

    /// A call takes effect, or does so later. A crash after the call is a crash before the next look, which is at the
    /// same moment.
    fn effect(&mut self, scenario: &Scenario, number: usize, choices: &mut Choices) -> Checked<()> {
        let delivery = &mut self.deliveries[number];
        let NextStep::Effect(open, action) = &mut delivery.next else { return Ok(()) };
        if !open.happens(choices) {
            return Ok(());
        }
        let (stack, request, action) = (delivery.stack, delivery.request.clone(), action.clone());
        let failure = if self.failures > 0 { choices.mostly_first(3) } else { 0 };
        self.failures -= u8::from(failure > 0);
        self.has_failed |= failure > 0;
        let result = match failure {
            2 => {
                self.trace(|| format!("{}: EC2 rejects the call: {}", name(stack), action.name()));
                Err(error(ErrorKind::Transient))
            }
            _ if (scenario.planted.skipped)(&action) => Ok(Created::Nothing),
            _ => self.apply(number, &request, &action)?,
        };
        let result = match (failure, result) {
            (1, _) => {
                self.trace(|| format!("{}: the answer is lost", name(stack)));
                Err(error(ErrorKind::Transient))
            }
            (_, result) => result,
        };
        self.after_action(scenario, number, &action, result.as_ref())
    }

    /// As in the provider's loop: the retry policy decides how to continue, and the journal records the result.
    fn after_action(
        &mut self,
        scenario: &Scenario,
        number: usize,
        action: &Action,
        result: Result<&Created, &Ec2Error>,
    ) -> Checked<()> {
        let (now, delivery) = (self.now, &mut self.deliveries[number]);
        let at = delivery.clock(now);
        let Delivery { request, retries, .. } = delivery;
        let journal = Rc::make_mut(&mut delivery.journal);
        let retry = match result {
            Ok(_) => {
                retries.succeeded();
                Retry::Now
            }
            Err(error) => retries.after(error, Some(action), request, journal, at),
        };
        journal.record(request, action, result, (scenario.planted.recorded_at)(action, at));
        match retry {
            Retry::Now => delivery.next = NextStep::Look(now),
            Retry::After(pause) => delivery.next = NextStep::Look(scenario.after_pause(now, pause)),
            Retry::Never => return self.respond(number, &Err(format!("EC2 rejects: {}", action.name()))),
        }
        Ok(())
    }

    /// EC2 executes a call. Only here does EC2 change, so the safety invariants are checked here.
    fn apply(&mut self, number: usize, request: &Request, action: &Action) -> Checked<Result<Created, Ec2Error>> {
        let (now, stack) = (self.now, self.deliveries[number].stack);
        self.trace(|| format!("{}: EC2 executes: {}", name(stack), action.name()));
        self.check_permitted(stack, action)?;
        let nothing = |()| Created::Nothing;
        let result = match action {
            Action::CreateEndpoint(new) => {
                self.ec2.create(new, now).map(|id| self.ec2.answer(&id, now)).map(Box::new).map(Created::Endpoint)
            }
            Action::ModifyEndpoint(id, change) => self.ec2.modify(id, change, now).map(nothing),
            Action::DeleteEndpoint(id) => {
                self.ec2.delete(id, now);
                Ok(Created::Nothing)
            }
            Action::Tag(id, tags) => {
                let change = tags.change(request);
                let set = change.set.iter().try_for_each(|(key, value)| self.ec2.tag(id, key, value, now));
                let mut unset = change.unset.iter();
                set.and_then(|()| unset.try_for_each(|(key, value)| self.ec2.untag(id, key, value.as_ref(), now)))
                    .map(nothing)
            }
            Action::Mark(new) => self.ec2.create_mark(new, now).map(Created::Group),
            Action::RemoveMark(id) => {
                self.ec2.delete_mark(id, now);
                Ok(Created::Nothing)
            }
            Action::CreateGroup(new) => self.ec2.groups.create(new, now).map(Created::Group),
            Action::Authorize(id, rules) => self.ec2.groups.authorize(id, rules, now).map(nothing),
            Action::Revoke(id, rules) => self.ec2.groups.revoke(id, rules, now).map(nothing),
            Action::DeleteGroup(id) => self.ec2.delete_group(id, now).map(nothing),
        };
        if matches!(action, Action::CreateEndpoint(_) | Action::Mark(_) | Action::Tag(_, TagAction::Join(_))) {
            let delivery = &mut self.deliveries[number];
            delivery.first_write_late.get_or_insert(now - delivery.started > FIRST_WRITE);
        }
        if matches!(action, Action::CreateEndpoint(_) | Action::Tag(_, TagAction::Join(_))) {
            self.stacks[stack].last_join = now;
            self.stacks[stack].late_join = self.is_late(number);
            self.check_known_limit(stack);
        }
        let lets_go = [Operation::Delete, Operation::Release];
        let deletes = self.deliveries.iter().any(|other| other.stack == stack && lets_go.contains(&other.operation));
        if let Action::Tag(id, TagAction::Release(_)) = action {
            self.stacks[stack].released |= deletes;
            // The cleanup of a failed Create must not release what the retried one has joined.
            if self.deliveries[number].operation != Operation::CleanUpFailed {
                self.stacks[stack].joined.remove(id);
            }
        }
        self.check_joined()?;
        Ok(result.map_err(|rejected| {
            error(match rejected {
                Rejected::NameTaken => ErrorKind::NameTaken,
                Rejected::NotFound => ErrorKind::Transient,
                Rejected::GroupExists => ErrorKind::GroupExists,
                Rejected::GroupGone => ErrorKind::GroupGone,
                Rejected::GroupInUse => ErrorKind::GroupInUse,
            })
        }))
    }
}
