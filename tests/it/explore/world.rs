//! The state of a history and its next step: what EC2 has, where the stacks are, and the deliveries of their events. A
//! delivery runs the real decision and the real journal, in the same order as the loop of the product: look, decide, take
//! the step, look again.

use super::cloudformation::{Act, Planned, Stack, Wish, holder, name};
use super::decision::{decide, error, look_filter, place};
use super::ec2::{Ec2, Moment, Refused, timestamp};
use super::planted::Planted;
use super::search::{Choices, Open};
use super::telling::told;
use jiff::{SignedDuration, Timestamp};
use std::rc::Rc;
use tidb_private_endpoint::decision::action::{Action, Created, TagAction};
use tidb_private_endpoint::decision::journal::Journal;
use tidb_private_endpoint::decision::retry::{Retries, Retry, after_refusal};
use tidb_private_endpoint::decision::view::{Next, Observed, Reason};
use tidb_private_endpoint::model::ec2_error::{Ec2Error, ErrorKind};
use tidb_private_endpoint::model::protocol::CALL_LIMIT;
use tidb_private_endpoint::request::Request;

pub(super) const REFERENCE: &str = "tidb-private-endpoint:ref:";
pub(super) const LEAVING: &str = "tidb-private-endpoint:leaving:";

/// The longest from the start of a look to the effect of what it led to: both calls may take the limit.
pub(super) const SLOWEST: Moment = 2 * CALL_LIMIT.as_secs() - 1;
/// How long a function may be kept from going on, by errors of EC2's that it waits out: longer than an announcement holds.
const STALL: Moment = 95;
/// The time that an event has.
const DEADLINE: Moment = 885;
/// The most looks that one delivery may need. Waiting for a crashed leaver's minute takes 43 of them.
pub(super) const LOOKS_MAX: u32 = 75;

/// What is explored: the stacks and their plans, and how bad the world is.
#[derive(Clone)]
pub(super) struct Scenario {
    pub(super) name: &'static str,
    pub(super) stacks: Vec<Vec<Planned>>,
    /// The endpoints that there are: the holders, whether the product made it, and what it is like.
    pub(super) endpoints: Vec<(Vec<usize>, bool, Wish)>,
    /// What each look and the step after it may take together.
    pub(super) delays: Vec<Moment>,
    /// How often a function crashes, or is stalled, or an answer is lost, in one history.
    pub(super) troubles: u8,
    /// How long after a crash the event comes again.
    pub(super) redelivery: Vec<Moment>,
    /// How far each stack's clock is ahead.
    pub(super) skew: Vec<Moment>,
    /// Everything falls on multiples of this.
    pub(super) grid: Moment,
    pub(super) planted: Planted,
}

/// What a delivery does next.
#[derive(Debug, Clone)]
pub(super) enum Due {
    Look(Moment),
    Effect(Open, Rc<Action>),
    /// The event comes again, after a crash.
    Again(Open),
}

impl Due {
    pub(super) fn at(&self) -> Moment {
        match self {
            Self::Look(at) => *at,
            Self::Effect(open, _) | Self::Again(open) => open.at(),
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Delivery {
    pub(super) stack: usize,
    pub(super) act: Act,
    pub(super) number: u32,
    pub(super) request: Rc<Request>,
    pub(super) started: Moment,
    pub(super) journal: Rc<Journal>,
    pub(super) next: Due,
    pub(super) retries: Retries,
    pub(super) looks: u32,
    /// How far its clock is ahead.
    pub(super) skew: Moment,
    /// Whether it is the second one of its event. It runs somewhere else, where the clock does not show the very same
    /// nanosecond; here a millisecond stands for that.
    pub(super) second: bool,
}

impl Scenario {
    /// The moment after a pause: at least a second later, and on the grid.
    fn later(&self, now: Moment, pause: SignedDuration) -> Moment {
        let at = now + pause.as_secs().max(1);
        at + (-at).rem_euclid(self.grid)
    }
}

impl Delivery {
    /// What its clock shows.
    pub(super) fn clock(&self, now: Moment) -> Timestamp {
        timestamp(now + self.skew) + SignedDuration::from_millis(i64::from(self.second))
    }
}

/// A state.
#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) now: Moment,
    pub(super) ec2: Ec2,
    pub(super) stacks: Vec<Stack>,
    pub(super) deliveries: Vec<Delivery>,
    pub(super) troubles: u8,
    pub(super) excused: bool,
    pub(super) most_looks: u32,
    /// The history in words, when it is to be told.
    pub(super) story: Option<Vec<String>>,
}

pub(super) type Verdict<T> = Result<T, String>;

impl World {
    pub(super) fn new(scenario: &Scenario) -> Self {
        let mut ec2 = Ec2::default();
        let mut stacks: Vec<Stack> = scenario.stacks.iter().map(|plan| Stack::new(plan)).collect();
        for (holders, owned, wish) in &scenario.endpoints {
            let id = place(&mut ec2, holders, *owned, *wish);
            for stack in holders {
                stacks[*stack].physical_id = Some(id.to_string());
                stacks[*stack].promised = Some(id.clone());
                stacks[*stack].joined.insert(id.clone());
                stacks[*stack].wish = Some(*wish);
            }
        }
        let troubles = scenario.troubles;
        Self { now: 0, ec2, stacks, deliveries: Vec::new(), troubles, excused: false, most_looks: 0, story: None }
    }

    pub(super) fn tell(&mut self, line: impl FnOnce() -> String) {
        let now = self.now;
        if let Some(story) = &mut self.story {
            story.push(format!("{now:>4} s  {}", line()));
        }
    }

    /// The next moment at which something may happen.
    pub(super) fn next_moment(&self) -> Option<Moment> {
        let starts = self.stacks.iter().filter_map(|stack| stack.starts.as_ref().map(Open::at));
        starts.chain(self.deliveries.iter().map(|delivery| delivery.next.at())).min()
    }

    /// Goes on to the next moment at which something happens, and lets it happen; false when nothing is to come.
    ///
    /// Of what falls on one moment, effects come first: a look at the same moment may show the time before them anyway,
    /// for it may lag. Looks change nothing, so their order does not matter.
    pub(super) fn step(&mut self, scenario: &Scenario, choices: &mut Choices) -> Verdict<bool> {
        let Some(now) = self.next_moment() else { return self.check_end().map(|()| false) };
        assert_eq!(now % scenario.grid, 0, "two states would be taken for the same that are not");
        self.now = now;
        let due = |delivery: &Delivery| delivery.next.at() == now;
        let effect = |delivery: &Delivery| due(delivery) && matches!(delivery.next, Due::Effect(..));
        let effects: Vec<usize> = (0..self.deliveries.len()).filter(|n| effect(&self.deliveries[*n])).collect();
        if !effects.is_empty() {
            let number = choices.one_of(&effects);
            self.effect(scenario, number, choices)?;
        } else if let Some(stack) =
            self.stacks.iter().position(|stack| stack.starts.as_ref().is_some_and(|open| open.at() == now))
        {
            self.start(scenario, stack, choices);
        } else if let Some(number) = self.deliveries.iter().position(due) {
            self.look(scenario, number, choices)?;
        }
        Ok(!self.excused)
    }

    fn look(&mut self, scenario: &Scenario, number: usize, choices: &mut Choices) -> Verdict<()> {
        let now = self.now;
        let delivery = &mut self.deliveries[number];
        let stack = delivery.stack;
        if let Due::Again(open) = &mut delivery.next {
            if open.happens(choices) {
                delivery.journal = Rc::new(Journal::new((scenario.planted.arrive)(delivery.clock(now))));
                (delivery.started, delivery.next, delivery.looks) = (now, Due::Look(now), 0);
                delivery.retries = Retries::default();
            }
            return Ok(());
        }
        delivery.looks += 1;
        self.most_looks = self.most_looks.max(delivery.looks);
        if delivery.looks > LOOKS_MAX {
            return Err(format!("{}'s {:?} has looked {} times", name(stack), delivery.act, delivery.looks));
        }
        if now - delivery.started > DEADLINE {
            return Err(format!("{}'s {:?} is not done in time", name(stack), delivery.act));
        }
        if self.troubles > 0 {
            match choices.seldom(3) {
                1 => {
                    self.troubles -= 1;
                    self.deliveries[number].next = Due::Again(Open::new(now, &scenario.redelivery));
                    self.tell(|| format!("{}: the function crashes", name(stack)));
                    return Ok(());
                }
                2 => {
                    self.troubles -= 1;
                    self.deliveries[number].next = Due::Look(now + STALL);
                    self.tell(|| format!("{}: EC2 answers with errors for {STALL} s", name(stack)));
                    return Ok(());
                }
                _ => {}
            }
        }
        let mut observed = Observed { at: self.deliveries[number].clock(now), endpoints: self.ec2.look(now, choices) };
        let delivery = &mut self.deliveries[number];
        look_filter(delivery, &mut observed);
        Rc::make_mut(&mut delivery.journal).observe(&delivery.request, &observed);
        let decided = decide(&scenario.planted, delivery, &observed);
        self.tell(|| told(stack, &observed, &decided));
        match decided {
            Ok(next) => {
                self.note_joined(number, &next);
                self.begin(scenario, number, next)
            }
            Err(refusal) => {
                let delivery = &mut self.deliveries[number];
                match after_refusal(&refusal, &delivery.journal, observed.at) {
                    Some(pause) => delivery.next = Due::Look(scenario.later(now, pause)),
                    None => return self.answer(number, &Err(refusal.to_string())),
                }
                Ok(())
            }
        }
    }

    /// Begins what was decided on.
    fn begin(&mut self, scenario: &Scenario, number: usize, next: Next) -> Verdict<()> {
        let (now, delivery) = (self.now, &mut self.deliveries[number]);
        match next {
            Next::Done(outcome) => return self.answer(number, &Ok(outcome)),
            Next::Wait(wait) => {
                delivery.retries.waited();
                delivery.next = Due::Look(scenario.later(now, wait.at_least));
            }
            Next::Act(action) => delivery.next = Due::Effect(Open::new(now, &scenario.delays), Rc::new(action)),
            Next::Read(facts) => return Err(format!("{facts:?} should have been known from the start")),
        }
        Ok(())
    }

    /// Takes note of a decision that is made only once the reference is shown and no leaver.
    fn note_joined(&mut self, number: usize, next: &Next) {
        let delivery = &self.deliveries[number];
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
        if stack.acts == delivery.number && !stack.answered {
            stack.joined.insert(id.clone());
        }
    }

    /// A call has its effect, if not later. A crash after it is one before the next look, which is at the same moment.
    fn effect(&mut self, scenario: &Scenario, number: usize, choices: &mut Choices) -> Verdict<()> {
        let delivery = &mut self.deliveries[number];
        let Due::Effect(open, action) = &mut delivery.next else { return Ok(()) };
        if !open.happens(choices) {
            return Ok(());
        }
        let (stack, action) = (delivery.stack, action.clone());
        let trouble = if self.troubles > 0 { choices.seldom(3) } else { 0 };
        self.troubles -= u8::from(trouble > 0);
        let result = match trouble {
            2 => {
                self.tell(|| format!("{}: EC2 fails to: {}", name(stack), action.name()));
                Err(error(ErrorKind::Transient))
            }
            _ if (scenario.planted.swallow)(&action) => Ok(Created::Nothing),
            _ => self.act(stack, &action)?,
        };
        let result = match (trouble, result) {
            (1, _) => {
                self.tell(|| format!("{}: the answer is lost", name(stack)));
                Err(error(ErrorKind::Transient))
            }
            (_, result) => result,
        };
        self.go_on_after(scenario, number, &action, result.as_ref())
    }

    /// As in the product's loop: the retry policy decides, and the journal takes note.
    fn go_on_after(
        &mut self,
        scenario: &Scenario,
        number: usize,
        action: &Action,
        result: Result<&Created, &Ec2Error>,
    ) -> Verdict<()> {
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
        journal.record(request, action, result, (scenario.planted.remember)(action, at));
        match retry {
            Retry::Now => delivery.next = Due::Look(now),
            Retry::After(pause) => delivery.next = Due::Look(scenario.later(now, pause)),
            Retry::Never => return self.answer(number, &Err(format!("EC2 rejects to: {}", action.name()))),
        }
        Ok(())
    }

    /// A call has its effect: the one place where the world changes, and so where the rules are checked.
    fn act(&mut self, stack: usize, action: &Action) -> Verdict<Result<Created, Ec2Error>> {
        let now = self.now;
        let holder = holder(stack);
        self.tell(|| format!("{}: EC2 does: {}", name(stack), action.name()));
        self.check_permitted(stack, action)?;
        let nothing = |()| Created::Nothing;
        let result = match action {
            Action::CreateEndpoint(new) => self.ec2.create(new, now).map(|id| {
                let mut fresh = self.ec2.look(now, &mut Choices::default());
                fresh.retain(|endpoint| endpoint.id == id);
                fresh.pop().map_or(Created::Nothing, |endpoint| Created::Endpoint(Box::new(endpoint)))
            }),
            Action::ModifyEndpoint(id, change) => self.ec2.modify(id, change, now).map(nothing),
            Action::DeleteEndpoint(id) => {
                self.ec2.delete(id, now);
                Ok(Created::Nothing)
            }
            Action::Tag(id, tags) => {
                let change = tags.change(holder);
                let set = change.set.iter().try_for_each(|(key, value)| self.ec2.tag(id, key, value, now));
                set.and_then(|()| change.unset.iter().try_for_each(|key| self.ec2.untag(id, key, now))).map(nothing)
            }
            Action::CreateGroup(_) | Action::Authorize(..) | Action::Revoke(..) | Action::DeleteGroup(_) => {
                return Err(format!("every specification gives its groups, so there is no '{}'", action.name()));
            }
        };
        if matches!(action, Action::CreateEndpoint(_) | Action::Tag(_, TagAction::Join)) {
            self.stacks[stack].wrote = now;
            self.excuse(stack);
        }
        let leaves = self.deliveries.iter().any(|delivery| delivery.stack == stack && delivery.act == Act::Delete);
        if let Action::Tag(id, TagAction::Release) = action {
            self.stacks[stack].released |= leaves;
            self.stacks[stack].joined.remove(id);
        }
        self.check_promises()?;
        Ok(result.map_err(|refused| {
            error(match refused {
                Refused::NameTaken => ErrorKind::NameTaken,
                Refused::NotFound => ErrorKind::Transient,
            })
        }))
    }
}
