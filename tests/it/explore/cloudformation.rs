//! CloudFormation's side: what stacks want, when their events are sent, and what their answers lead to.

use super::decision::request;
use super::ec2::{Moment, timestamp};
use super::search::{Choices, Open};
use super::world::{Delivery, Due, Scenario, Verdict, World};
use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;
use std::sync::LazyLock;
use tidb_private_endpoint::decision::facts::Facts;
use tidb_private_endpoint::decision::journal::{Journal, Leftovers};
use tidb_private_endpoint::decision::outcome::Outcome;
use tidb_private_endpoint::decision::retry::Retries;
use tidb_private_endpoint::model::ids::EndpointId;
use tidb_private_endpoint::model::tags::Holder;
use tidb_private_endpoint::request::Verb;

/// What a template asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Wish {
    pub(super) service: u8,
    pub(super) private_dns: bool,
    pub(super) group: usize,
}

pub(super) const WISH: Wish = Wish { service: 1, private_dns: true, group: 0 };

/// What CloudFormation does next with a stack.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Act {
    Create(Wish),
    Update(Wish),
    /// An update that succeeds and is taken back, because another resource failed.
    UpdateAndBack(Wish),
    /// Delete of the resource.
    Delete,
    /// Delete of what an update has replaced.
    CleanUp(String),
}

impl Act {
    pub(super) fn wish(&self) -> Option<Wish> {
        match self {
            Self::Create(wish) | Self::Update(wish) | Self::UpdateAndBack(wish) => Some(*wish),
            Self::Delete | Self::CleanUp(_) => None,
        }
    }
}

/// An act, and when.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Planned {
    pub(super) act: Act,
    /// The moments that it may be done, in seconds after the answer to the act before it.
    pub(super) after: Vec<Moment>,
    /// Done without waiting for that answer, counted from the start of the act before it: CloudFormation deletes what has
    /// not answered, under a physical id of its own.
    pub(super) overtakes: bool,
    /// The event is delivered a second time, so many seconds later.
    pub(super) again: Vec<Moment>,
}

pub(super) fn plan(act: Act, after: &[Moment]) -> Planned {
    Planned { act, after: after.to_vec(), overtakes: false, again: Vec::new() }
}

#[derive(Debug, Clone)]
pub(super) struct Stack {
    pub(super) plan: VecDeque<Planned>,
    /// When the next act begins.
    pub(super) starts: Option<Open>,
    /// Counts acts, so that an answer that CloudFormation no longer waits for is told.
    pub(super) acts: u32,
    pub(super) wish: Option<Wish>,
    pub(super) physical_id: Option<String>,
    /// The endpoint that a success has promised.
    pub(super) promised: Option<EndpointId>,
    /// Endpoints whose reference was written and after that no leaver seen: from here on nobody may take them away.
    pub(super) joined: BTreeSet<EndpointId>,
    /// Whether the current act has its answer.
    pub(super) answered: bool,
    /// Whether the stack's Delete has succeeded.
    pub(super) gone: bool,
    /// Whether its Delete has taken its reference away.
    pub(super) released: bool,
    /// When an event of the stack's last wrote a reference, alone or with a new endpoint.
    pub(super) wrote: Moment,
}

impl Stack {
    pub(super) fn new(plan: &[Planned]) -> Self {
        let mut stack = Self {
            plan: plan.iter().cloned().collect(),
            starts: None,
            acts: 0,
            wish: None,
            physical_id: None,
            promised: None,
            joined: BTreeSet::new(),
            answered: false,
            gone: false,
            released: false,
            wrote: Moment::MIN,
        };
        stack.schedule(0);
        stack
    }

    /// Leaves open when the next act begins, if there is one, counted from a moment.
    fn schedule(&mut self, from: Moment) {
        self.starts = self.plan.front().map(|planned| Open::new(from, &planned.after));
    }

    fn ahead(&mut self, act: Act) {
        self.plan.push_front(plan(act, &[0]));
    }
}

pub(super) fn holder(stack: usize) -> &'static Holder {
    static HOLDERS: LazyLock<[Holder; 4]> =
        LazyLock::new(|| std::array::from_fn(|stack| Holder::new(&stack_id(stack), "TiDB")));
    &HOLDERS[stack]
}

pub(super) fn stack_id(stack: usize) -> String {
    format!("arn:aws:cloudformation:us-east-1:123456789012:stack/{}/0", name(stack))
}

pub(super) fn name(stack: usize) -> &'static str {
    ["A", "B", "C", "D"][stack]
}

impl World {
    /// CloudFormation sends an event, if not later.
    pub(super) fn start(&mut self, scenario: &Scenario, number: usize, choices: &mut Choices) {
        let now = self.now;
        let stack = &mut self.stacks[number];
        if !stack.starts.as_mut().is_some_and(|open| open.happens(choices)) {
            return;
        }
        let Some(planned) = stack.plan.pop_front() else { return };
        stack.acts += 1;
        (stack.starts, stack.answered) = (None, false);
        let physical_id = match &planned.act {
            Act::Create(_) => None,
            Act::CleanUp(id) => Some(id.clone()),
            Act::Update(_) | Act::UpdateAndBack(_) | Act::Delete => {
                Some(stack.physical_id.clone().unwrap_or_else(|| "made-up-by-CloudFormation".to_owned()))
            }
        };
        match &planned.act {
            Act::Create(_) => (stack.gone, stack.released) = (false, false),
            Act::Delete => {
                stack.promised = None;
                stack.joined.clear();
            }
            Act::CleanUp(id) => drop(stack.joined.remove(&EndpointId::from(id.as_str()))),
            Act::Update(_) | Act::UpdateAndBack(_) => {}
        }
        let request_id = format!("{number}-{}", stack.acts);
        let request = Rc::new(request(number, &planned.act, stack.wish, physical_id.clone(), request_id));
        let skew = scenario.skew.get(number).copied().unwrap_or_default();
        let delivery = Delivery {
            stack: number,
            act: planned.act.clone(),
            number: stack.acts,
            request,
            started: now,
            journal: Rc::new(Journal::new((scenario.planted.arrive)(timestamp(now + skew)))),
            next: Due::Look(now),
            retries: Retries::default(),
            looks: 0,
            skew,
            second: false,
        };
        if !planned.again.is_empty() {
            let next = Due::Again(Open::new(now, &planned.again));
            self.deliveries.push(Delivery { next, second: true, ..delivery.clone() });
        }
        self.deliveries.push(delivery);
        if stack.plan.front().is_some_and(|next| next.overtakes) {
            stack.schedule(now);
        }
        self.tell(|| format!("{}: {:?} {}", name(number), planned.act, physical_id.unwrap_or_default()));
    }

    /// The event is answered, and CloudFormation goes on.
    pub(super) fn answer(&mut self, number: usize, result: &Result<Outcome, String>) -> Verdict<()> {
        let now = self.now;
        let delivery = self.deliveries.remove(number);
        let stack = delivery.stack;
        let physical_id = match (result, &delivery.request.verb) {
            (Ok(outcome), Verb::Create(_) | Verb::Update { .. }) => {
                outcome.ready().map(|ready| ready.endpoint.id.to_string())
            }
            (Err(_), Verb::Create(_)) => {
                let skewed = delivery.journal.started() + (timestamp(now) - timestamp(delivery.started));
                match delivery.journal.leftovers(skewed, &delivery.request.holder, &Facts::default()) {
                    Leftovers::Endpoint(id) => Some(id.to_string()),
                    Leftovers::Nothing | Leftovers::Unknown => None,
                }
            }
            _ => self.stacks[stack].physical_id.clone(),
        };
        self.tell(|| {
            let told = match result {
                Ok(outcome) => format!("SUCCESS, {}, {}", outcome.name(), physical_id.as_deref().unwrap_or("-")),
                Err(refusal) => format!("FAILED, {refusal}"),
            };
            format!("{}: {:?} is answered: {told}", name(stack), delivery.act)
        });
        let same_event = |other: &Delivery| other.stack == stack && other.number == delivery.number;
        if !self.deliveries.iter().any(same_event) {
            self.ec2.forget_tokens(&delivery.request);
        }
        // CloudFormation has given up on it, or this is the second delivery's answer.
        if self.stacks[stack].acts != delivery.number || self.stacks[stack].answered {
            return Ok(());
        }
        self.stacks[stack].answered = true;
        if let (Ok(outcome), Some(wish)) = (result, delivery.act.wish()) {
            self.check_ready(stack, wish, outcome)?;
        }
        self.go_on(stack, &delivery.act, result, physical_id)?;
        self.stacks[stack].schedule(now);
        Ok(())
    }

    fn go_on(
        &mut self,
        number: usize,
        act: &Act,
        result: &Result<Outcome, String>,
        physical_id: Option<String>,
    ) -> Verdict<()> {
        let stack = &mut self.stacks[number];
        let endpoint = physical_id.as_deref().and_then(EndpointId::from_physical_id);
        let before = stack.physical_id.clone();
        let wish_before = stack.wish;
        match (act, result) {
            (Act::Delete, Ok(outcome)) => {
                stack.gone = true;
                // It has found nothing of this resource's, though without an id it may have deleted what others left over.
                if *outcome == Outcome::Absent || (stack.physical_id.is_none() && !stack.released) {
                    self.excuse(number);
                }
            }
            (Act::CleanUp(_), Ok(_)) => {}
            (Act::Delete | Act::CleanUp(_), Err(refusal)) => {
                return Err(format!("{}'s Delete fails: {refusal}", name(number)));
            }
            (Act::Create(wish), Ok(_)) => {
                (stack.physical_id, stack.promised, stack.wish) = (physical_id, endpoint, Some(*wish));
                // One that was about to be overtaken has made it in time.
                if let Some(next) = stack.plan.front_mut() {
                    next.overtakes = false;
                }
            }
            // CloudFormation takes the stack back.
            (Act::Create(_), Err(_)) => {
                stack.physical_id = physical_id;
                stack.plan.clear();
                stack.ahead(Act::Delete);
            }
            (Act::Update(wish) | Act::UpdateAndBack(wish), Ok(_)) => {
                (stack.promised, stack.wish) = (endpoint, Some(*wish));
                stack.physical_id.clone_from(&physical_id);
                let back = matches!(act, Act::UpdateAndBack(_));
                match (back, wish_before) {
                    (true, Some(old)) => stack.ahead(Act::Update(old)),
                    _ => {
                        if let Some(replaced) = before.filter(|before| Some(before) != physical_id.as_ref()) {
                            stack.ahead(Act::CleanUp(replaced));
                        }
                    }
                }
            }
            (Act::Update(_) | Act::UpdateAndBack(_), Err(_)) => match wish_before {
                Some(old) => stack.ahead(Act::Update(old)),
                None => return Err(format!("{} has no way back", name(number))),
            },
        }
        Ok(())
    }
}
