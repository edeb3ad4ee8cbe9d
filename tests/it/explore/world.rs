//! Stacks, the deliveries of their events, and the rules that hold at every moment. A delivery runs the real decision and
//! the real journal, in the same order as the loop of the product: look, decide, take the step, look again.

use super::ec2::{Ec2, LAG, Moment, Refused, State, timestamp};
use super::planted::{NONE, Planted};
use super::search::Choices;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::{BTreeSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, LazyLock};
use tidb_private_endpoint::endpoint::Endpoint;
use tidb_private_endpoint::event::{Event, ReplyTo, RequestType, ResponseUrl};
use tidb_private_endpoint::group::{Group, Rule, Source, own_name};
use tidb_private_endpoint::ids::{EndpointId, ServiceName};
use tidb_private_endpoint::journal::{Journal, Left};
use tidb_private_endpoint::plan::next_step;
use tidb_private_endpoint::reference::{self, Holder, LEAVING_SETTLE, OWNED, Tags};
use tidb_private_endpoint::refusal::Refusal;
use tidb_private_endpoint::release::CALL_LIMIT;
use tidb_private_endpoint::request::{Request, Verb};
use tidb_private_endpoint::step::{Home, NewEndpoint, Observed, Outcome, Reason, Step};
use tidb_private_endpoint::survey::{Finding, Service, Subnet, Survey, Vpc, VpcDns};

pub(super) const VPC: &str = "vpc-00000000000000001";
pub(super) const SUBNET: &str = "subnet-00000000000000001";
const GROUPS: [&str; 2] = ["sg-00000000000000001", "sg-00000000000000002"];
const ZONE: &str = "use1-az1";
const REGION: &str = "us-east-1";
const ACCOUNT: &str = "123456789012";
const REFERENCE: &str = "tidb-private-endpoint:ref:";
const LEAVING: &str = "tidb-private-endpoint:leaving:";

/// The longest from the start of a look to the effect of what it led to: both calls may take the limit.
pub(super) const SLOWEST: Moment = 2 * CALL_LIMIT.as_secs() - 1;
/// How long a function may be kept from going on, by errors of EC2's that it waits out: longer than an announcement holds.
const STALL: Moment = 95;
/// What is longer ago matters to no decision: the longest of the waits, and a second.
const OLD: Moment = LEAVING_SETTLE.as_secs() + 1;
/// The time that an event has.
const DEADLINE: Moment = 885;
/// The most looks that one delivery may need. Waiting for a crashed leaver's minute takes 43 of them.
pub(super) const LOOKS_MAX: u32 = 75;

/// What a template asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Wish {
    pub(super) service: u8,
    pub(super) private_dns: bool,
    pub(super) group: usize,
}

pub(super) const WISH: Wish = Wish { service: 1, private_dns: true, group: 0 };

fn service(number: u8) -> String {
    format!("com.amazonaws.vpce.{REGION}.vpce-svc-{number:017}")
}

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
    pub(super) planted: Planted,
}

#[derive(Debug, Clone, Hash)]
struct Stack {
    plan: VecDeque<Planned>,
    starts: Option<Moment>,
    /// Counts acts, so that an answer that CloudFormation no longer waits for is told.
    acts: u32,
    wish: Option<Wish>,
    physical_id: Option<String>,
    /// The endpoint that a success has promised.
    promised: Option<EndpointId>,
    /// Endpoints whose reference was written and after that no leaver seen: from here on nobody may take them away.
    joined: BTreeSet<EndpointId>,
    /// Whether the current act has its answer.
    answered: bool,
    /// Whether the stack's Delete has succeeded.
    gone: bool,
    /// Whether its Delete has taken its reference away.
    released: bool,
    /// When an event of the stack's last wrote a reference, alone or with a new endpoint.
    wrote: Moment,
}

#[derive(Debug, Clone)]
enum Next {
    Look(Moment),
    Effect {
        at: Moment,
        step: Step,
        lost: bool,
    },
    /// Crashed; the event comes again.
    Again(Moment),
}

impl Next {
    fn at(&self) -> Moment {
        match self {
            Self::Look(at) | Self::Effect { at, .. } | Self::Again(at) => *at,
        }
    }
}

#[derive(Debug, Clone)]
struct Delivery {
    stack: usize,
    act: Act,
    number: u32,
    request: Arc<Request>,
    started: Moment,
    journal: Journal,
    next: Next,
    looks: u32,
    /// How far its clock is ahead.
    journal_skew: Moment,
    /// Whether it is the second one of its event. It runs somewhere else, where the clock does not show the very same
    /// nanosecond; here a millisecond stands for that.
    second: bool,
}

impl Delivery {
    /// What its clock shows.
    fn clock(&self, now: Moment) -> Timestamp {
        timestamp(now + self.journal_skew) + SignedDuration::from_millis(i64::from(self.second))
    }
}

/// A call of a function that has crashed meanwhile.
#[derive(Debug, Clone)]
struct Ghost {
    at: Moment,
    stack: usize,
    step: Step,
}

/// A state.
#[derive(Debug, Clone)]
pub(super) struct World {
    now: Moment,
    ec2: Ec2,
    stacks: Vec<Stack>,
    deliveries: Vec<Delivery>,
    ghosts: Vec<Ghost>,
    troubles: u8,
    pub(super) excused: bool,
    pub(super) most_looks: u32,
    /// The history in words, when it is to be told.
    pub(super) story: Option<Vec<String>>,
}

pub(super) type Verdict<T> = Result<T, String>;

fn holder(stack: usize) -> &'static Holder {
    static HOLDERS: LazyLock<[Holder; 4]> =
        LazyLock::new(|| std::array::from_fn(|stack| Holder::new(&stack_id(stack), "TiDB")));
    &HOLDERS[stack]
}

fn stack_id(stack: usize) -> String {
    format!("arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{}/0", name(stack))
}

fn name(stack: usize) -> &'static str {
    ["A", "B", "C", "D"][stack]
}

impl World {
    pub(super) fn new(scenario: &Scenario) -> Self {
        let mut ec2 = Ec2::default();
        let mut stacks: Vec<Stack> = scenario
            .stacks
            .iter()
            .map(|plan| Stack {
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
            })
            .collect();
        for (holders, owned, wish) in &scenario.endpoints {
            let mut tags: Tags = holders.iter().map(|n| (holder(*n).ref_key(), holder(*n).name.clone())).collect();
            if *owned {
                tags.insert(OWNED.to_owned(), "somebody".to_owned());
            }
            let id = ec2.place(&NewEndpoint {
                service_name: service(wish.service).into(),
                vpc_id: VPC.into(),
                subnet_ids: vec![SUBNET.into()],
                group_ids: vec![GROUPS[wish.group].into()],
                private_dns: wish.private_dns,
                ip_address_type: None,
                tags,
                client_token: String::new(),
            });
            for stack in holders {
                stacks[*stack].physical_id = Some(id.to_string());
                stacks[*stack].promised = Some(id.clone());
                stacks[*stack].joined.insert(id.clone());
                stacks[*stack].wish = Some(*wish);
            }
        }
        let troubles = scenario.troubles;
        let mut world = Self {
            now: 0,
            ec2,
            stacks,
            deliveries: Vec::new(),
            ghosts: Vec::new(),
            troubles,
            excused: false,
            most_looks: 0,
            story: None,
        };
        // The first act of every stack is counted from the same moment.
        for stack in &mut world.stacks {
            stack.starts = stack.plan.front().map(|_| Moment::MIN);
        }
        world
    }

    fn tell(&mut self, line: impl FnOnce() -> String) {
        let now = self.now;
        if let Some(story) = &mut self.story {
            story.push(format!("{now:>4} s  {}", line()));
        }
    }

    /// A number that stands for the state and all that can follow from it. Moments count from now, and those that no
    /// decision asks for any more do not count: two histories that differ only in their past, or by the hour, meet.
    pub(super) fn fingerprint(&mut self) -> u64 {
        let now = self.now;
        self.ec2.forget(now);
        let mut hasher = DefaultHasher::new();
        self.ec2.fingerprint(now, &mut hasher);
        (self.troubles, self.excused).hash(&mut hasher);
        for stack in &self.stacks {
            (&stack.plan, stack.starts.map(|at| at.saturating_sub(now)), stack.acts).hash(&mut hasher);
            (stack.wish, &stack.physical_id, &stack.promised, &stack.joined).hash(&mut hasher);
            (stack.answered, stack.gone, stack.released, past(stack.wrote, now)).hash(&mut hasher);
        }
        for delivery in &self.deliveries {
            (delivery.stack, delivery.number).hash(&mut hasher);
            let skew = delivery.journal_skew;
            fingerprint(&delivery.journal, self.ec2.endpoints.keys(), now + skew, &mut hasher);
            match &delivery.next {
                Next::Look(at) => (0, at - now).hash(&mut hasher),
                Next::Again(at) => (1, at - now).hash(&mut hasher),
                Next::Effect { at, step, lost } => {
                    (2, at - now, lost).hash(&mut hasher);
                    fingerprint_step(step, now + skew, &mut hasher);
                }
            }
        }
        for ghost in &self.ghosts {
            (3, ghost.at - now, ghost.stack).hash(&mut hasher);
            fingerprint_step(&ghost.step, now, &mut hasher);
        }
        hasher.finish()
    }

    /// Goes on to the next moment at which something happens, and lets it happen; false when nothing is to come.
    ///
    /// Of what falls on one moment, effects come first: a look at the same moment may show the time before them anyway,
    /// for it may lag. Looks change nothing, so their order does not matter.
    pub(super) fn step(&mut self, scenario: &Scenario, choices: &mut Choices) -> Verdict<bool> {
        // Stacks that have not said yet when they begin.
        if let Some(stack) = self.stacks.iter().position(|stack| stack.starts == Some(Moment::MIN)) {
            self.schedule(stack, self.now, choices);
            return Ok(true);
        }
        let starts = self.stacks.iter().filter_map(|stack| stack.starts);
        let nexts = self.deliveries.iter().map(|delivery| delivery.next.at());
        let Some(now) = starts.chain(nexts).chain(self.ghosts.iter().map(|ghost| ghost.at)).min() else {
            return self.check_end().map(|()| false);
        };
        self.now = now;
        let due = |delivery: &Delivery| delivery.next.at() == now;
        let effect = |delivery: &Delivery| due(delivery) && matches!(delivery.next, Next::Effect { .. });
        let mut effects: Vec<Option<usize>> =
            (0..self.deliveries.len()).filter(|n| self.deliveries.get(*n).is_some_and(effect)).map(Some).collect();
        if self.ghosts.iter().any(|ghost| ghost.at == now) {
            effects.push(None);
        }
        if !effects.is_empty() {
            match choices.one_of(&effects) {
                Some(delivery) => self.effect(scenario, delivery)?,
                None => self.ghost()?,
            }
        } else if let Some(stack) = self.stacks.iter().position(|stack| stack.starts == Some(now)) {
            self.start(scenario, stack, choices);
        } else if let Some(delivery) = self.deliveries.iter().position(due) {
            self.look(scenario, delivery, choices)?;
        }
        Ok(!self.excused)
    }

    /// Decides when the stack's next act begins, if it has one.
    fn schedule(&mut self, stack: usize, from: Moment, choices: &mut Choices) {
        let at = self.stacks[stack].plan.front().map(|planned| from + choices.one_of(&planned.after));
        self.stacks[stack].starts = at;
    }

    /// CloudFormation sends an event.
    fn start(&mut self, scenario: &Scenario, number: usize, choices: &mut Choices) {
        let now = self.now;
        let stack = &mut self.stacks[number];
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
        let request = Arc::new(request(number, &planned.act, stack.wish, physical_id.clone(), request_id));
        let skew = scenario.skew.get(number).copied().unwrap_or_default();
        let delivery = |at: Moment| Delivery {
            stack: number,
            act: planned.act.clone(),
            number: stack.acts,
            request: request.clone(),
            started: at,
            journal: Journal::new(timestamp(at + skew)),
            next: Next::Look(at),
            looks: 0,
            journal_skew: skew,
            second: false,
        };
        self.deliveries.push(delivery(now));
        if !planned.again.is_empty() {
            let mut again = delivery(now + choices.one_of(&planned.again));
            again.next = Next::Again(again.started);
            again.second = true;
            self.deliveries.push(again);
        }
        self.tell(|| format!("{}: {:?} {}", name(number), planned.act, physical_id.unwrap_or_default()));
        if self.stacks[number].plan.front().is_some_and(|next| next.overtakes) {
            self.schedule(number, now, choices);
        }
    }

    fn look(&mut self, scenario: &Scenario, number: usize, choices: &mut Choices) -> Verdict<()> {
        let now = self.now;
        let delivery = &mut self.deliveries[number];
        let stack = delivery.stack;
        if let Next::Again(_) = delivery.next {
            delivery.journal = Journal::new(delivery.clock(now));
            (delivery.started, delivery.next, delivery.looks) = (now, Next::Look(now), 0);
        }
        delivery.looks += 1;
        self.most_looks = self.most_looks.max(delivery.looks);
        let (looks, act) = (delivery.looks, delivery.act.clone());
        if looks > LOOKS_MAX {
            return Err(format!("{}'s {act:?} has looked {looks} times", name(stack)));
        }
        if now - delivery.started > DEADLINE {
            return Err(format!("{}'s {act:?} is not done in time", name(stack)));
        }
        if self.troubles > 0 {
            match choices.seldom(3) {
                1 => {
                    self.crash(number, scenario, choices, "before it looked");
                    return Ok(());
                }
                2 => {
                    self.troubles -= 1;
                    self.tell(|| format!("{}: EC2 answers with errors for {STALL} s", name(stack)));
                    self.deliveries[number].next = Next::Look(now + STALL);
                    return Ok(());
                }
                _ => {}
            }
        }
        let mut observed = Observed { at: self.deliveries[number].clock(now), endpoints: self.ec2.look(now, choices) };
        let delivery = &mut self.deliveries[number];
        observed.endpoints.retain(|endpoint| concerns(delivery, endpoint));
        delivery.journal.see(&delivery.request.holder, &observed);
        let decided = decide(&scenario.planted, delivery, &observed);
        self.tell(|| told(stack, &observed, &decided));
        if let Ok(step) = &decided {
            self.note_joined(number, step);
        }
        match decided {
            Ok(Step::Done(outcome)) => self.answer(number, &Ok(outcome), choices),
            Ok(Step::Wait(wait)) => {
                self.deliveries[number].next = Next::Look(now + wait.at_least.as_secs().max(1));
                Ok(())
            }
            Ok(step) => {
                let at = now + choices.one_of(&scenario.delays);
                if self.troubles > 0 {
                    match choices.seldom(3) {
                        1 => {
                            self.ghosts.push(Ghost { at, stack, step });
                            self.crash(number, scenario, choices, "with its call under way");
                            return Ok(());
                        }
                        2 => {
                            self.troubles -= 1;
                            self.deliveries[number].next = Next::Effect { at, step, lost: true };
                            return Ok(());
                        }
                        _ => {}
                    }
                }
                self.deliveries[number].next = Next::Effect { at, step, lost: false };
                Ok(())
            }
            Err(refusal) => self.answer(number, &Err(refusal), choices),
        }
    }

    /// Takes note of a decision that is made only once the reference is shown and no leaver.
    fn note_joined(&mut self, number: usize, step: &Step) {
        let delivery = &self.deliveries[number];
        let id = match step {
            Step::Modify(id, _) | Step::Tag(id, _) => id,
            Step::Done(outcome) => match outcome {
                Outcome::Ready(ready) => &ready.endpoint.id,
                Outcome::Released(_) | Outcome::Deleted(_) | Outcome::Absent => return,
            },
            Step::Wait(wait) => match &wait.reason {
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

    fn crash(&mut self, number: usize, scenario: &Scenario, choices: &mut Choices, when: &str) {
        self.troubles -= 1;
        let stack = self.deliveries[number].stack;
        self.tell(|| format!("{}: the function crashes {when}", name(stack)));
        self.deliveries[number].next = Next::Again(self.now + choices.one_of(&scenario.redelivery));
    }

    fn effect(&mut self, scenario: &Scenario, number: usize) -> Verdict<()> {
        let now = self.now;
        let delivery = &self.deliveries[number];
        let Next::Effect { step, lost, .. } = &delivery.next else { return Ok(()) };
        let (stack, step, lost) = (delivery.stack, step.clone(), *lost);
        let result = if (scenario.planted.swallow)(&step) { Ok(None) } else { self.act(stack, &step)? };
        let delivery = &mut self.deliveries[number];
        let at = delivery.clock(now);
        delivery.next = Next::Look(now);
        delivery.journal.tried(&delivery.request.holder, &step, at);
        match result {
            // As for every error that may go away: a pause, and another look.
            _ if lost => delivery.next = Next::Look(now + 1),
            Ok(Some(made)) => delivery.journal.made(&made, at),
            Ok(None) => delivery.journal.did(&step, at),
            Err(Refused::NameTaken) => delivery.journal.conflicted(at),
            Err(Refused::NotFound) => delivery.next = Next::Look(now + 1),
        }
        Ok(())
    }

    fn ghost(&mut self) -> Verdict<()> {
        let now = self.now;
        let Some(due) = self.ghosts.iter().position(|ghost| ghost.at == now) else { return Ok(()) };
        let ghost = self.ghosts.remove(due);
        self.act(ghost.stack, &ghost.step).map(drop)
    }

    /// A call has its effect: the one place where the world changes, and so where the rules are checked.
    fn act(&mut self, stack: usize, step: &Step) -> Verdict<Result<Option<Endpoint>, Refused>> {
        let now = self.now;
        let holder = holder(stack);
        self.tell(|| format!("{}: EC2 does: {}", name(stack), step.name()));
        self.check_permitted(stack, step)?;
        let result = match step {
            Step::Create(new) => self.ec2.create(new, now).map(|id| {
                let mut fresh = self.ec2.look(now, &mut Choices::default());
                fresh.retain(|endpoint| endpoint.id == id);
                fresh.pop()
            }),
            Step::Reference(id) => self.ec2.tag(id, &holder.ref_key(), &holder.name, now).map(|()| None),
            Step::Modify(id, change) => self.ec2.modify(id, change, now).map(|()| None),
            Step::Tag(..) | Step::Wait(_) | Step::Done(_) => Ok(None),
            Step::Sweep { endpoint, keys } => {
                keys.iter().try_for_each(|key| self.ec2.untag(endpoint, key, now)).map(|()| None)
            }
            Step::Release(id) => self.ec2.untag(id, &holder.ref_key(), now).map(|()| None),
            Step::Announce { endpoint, until } => {
                self.ec2.tag(endpoint, &holder.leaving_key(*until), &holder.name, now).map(|()| None)
            }
            Step::Delete(id) => {
                self.ec2.delete(id, now);
                Ok(None)
            }
            Step::Read(_) | Step::CreateGroup(_) | Step::Open(..) | Step::Close(..) | Step::DeleteGroup(_) => {
                unreachable!("every wish gives its groups, so there is no '{}'", step.name())
            }
        };
        if matches!(step, Step::Create(_) | Step::Reference(_)) {
            self.stacks[stack].wrote = now;
            self.excuse(stack);
        }
        let leaves = self.deliveries.iter().any(|delivery| delivery.stack == stack && delivery.act == Act::Delete);
        if let Step::Release(id) = step {
            self.stacks[stack].released |= leaves;
            self.stacks[stack].joined.remove(id);
        }
        self.check_promises()?;
        Ok(result)
    }

    /// The known limit: a delivery of a Create that CloudFormation has given up on writes for the first time when the
    /// Delete is through with looking, or so shortly before that EC2 did not show it yet.
    fn excuse(&mut self, stack: usize) {
        let Stack { gone, released, wrote, .. } = self.stacks[stack];
        if (gone || released) && wrote > self.now - LAG {
            self.tell(|| format!("{}: nobody can tell that its Create would still write", name(stack)));
            self.excused = true;
        }
    }

    /// Whether a call touches only what is its own.
    fn check_permitted(&self, stack: usize, step: &Step) -> Verdict<()> {
        let now = self.now;
        let (id, own_tag_only) = match step {
            Step::Delete(id) | Step::Modify(id, _) | Step::Tag(id, _) => (id, false),
            Step::Announce { endpoint, .. } | Step::Sweep { endpoint, .. } => (endpoint, false),
            Step::Reference(id) | Step::Release(id) => (id, true),
            _ => return Ok(()),
        };
        let Some(record) = self.ec2.endpoints.get(id).filter(|record| record.exists(now)) else { return Ok(()) };
        if !own_tag_only && reference::owner(&record.tags(now)).is_none() {
            return Err(format!("{} does '{}' to {id}, which is not the product's", name(stack), step.name()));
        }
        Ok(())
    }

    /// Whether everybody who has joined an endpoint still has it.
    fn check_promises(&self) -> Verdict<()> {
        for (number, stack) in self.stacks.iter().enumerate() {
            for id in &stack.joined {
                let record = self.ec2.endpoints.get(id).filter(|record| record.exists(self.now));
                let Some(record) = record else { return Err(format!("{} has lost its endpoint {id}", name(number))) };
                if !holder(number).is_in(&record.tags(self.now)) {
                    return Err(format!("{} has lost its reference on {id}", name(number)));
                }
            }
        }
        Ok(())
    }

    /// The event is answered, and CloudFormation goes on.
    fn answer(&mut self, number: usize, result: &Result<Outcome, Refusal>, choices: &mut Choices) -> Verdict<()> {
        let now = self.now;
        let delivery = self.deliveries.remove(number);
        let stack = delivery.stack;
        let physical_id = match (result, &delivery.request.verb) {
            (Ok(Outcome::Ready(ready)), _) => Some(ready.endpoint.id.to_string()),
            (Err(_), Verb::Create(_)) => {
                let skewed = delivery.journal.started + (timestamp(now) - timestamp(delivery.started));
                match delivery.journal.left(skewed) {
                    Left::Endpoint(id) => Some(id.to_string()),
                    Left::Nothing | Left::Unknown => None,
                }
            }
            _ => self.stacks[stack].physical_id.clone(),
        };
        let told = match result {
            Ok(outcome) => format!("SUCCESS, {}, {}", outcome.name(), physical_id.as_deref().unwrap_or("-")),
            Err(refusal) => format!("FAILED, {refusal}"),
        };
        self.tell(|| format!("{}: {:?} is answered: {told}", name(stack), delivery.act));
        // CloudFormation has given up on it, or this is the second delivery's answer.
        if self.stacks[stack].acts != delivery.number || self.stacks[stack].answered {
            return Ok(());
        }
        self.stacks[stack].answered = true;
        if let (Ok(Outcome::Ready(ready)), Some(wish)) = (result, wish_of(&delivery.act)) {
            self.check_ready(stack, wish, ready)?;
        }
        self.go_on(stack, &delivery.act, result, physical_id, choices)
    }

    fn go_on(
        &mut self,
        number: usize,
        act: &Act,
        result: &Result<Outcome, Refusal>,
        physical_id: Option<String>,
        choices: &mut Choices,
    ) -> Verdict<()> {
        let now = self.now;
        let stack = &mut self.stacks[number];
        let endpoint = physical_id.as_deref().and_then(EndpointId::from_physical_id);
        let ahead = |stack: &mut Stack, act: Act| stack.plan.push_front(plan(act, &[1]));
        let before = stack.physical_id.clone();
        let wish_before = stack.wish;
        match (act, result) {
            (Act::Delete, Ok(outcome)) => {
                stack.gone = true;
                if *outcome == Outcome::Absent {
                    self.excuse(number);
                }
                self.schedule(number, now, choices);
                return Ok(());
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
                ahead(stack, Act::Delete);
            }
            (Act::Update(wish) | Act::UpdateAndBack(wish), Ok(_)) => {
                (stack.promised, stack.wish) = (endpoint, Some(*wish));
                stack.physical_id.clone_from(&physical_id);
                let back = matches!(act, Act::UpdateAndBack(_));
                match (back, wish_before) {
                    (true, Some(old)) => ahead(stack, Act::Update(old)),
                    _ => {
                        if let Some(replaced) = before.filter(|before| Some(before) != physical_id.as_ref()) {
                            ahead(stack, Act::CleanUp(replaced));
                        }
                    }
                }
            }
            (Act::Update(_) | Act::UpdateAndBack(_), Err(_)) => match wish_before {
                Some(old) => ahead(stack, Act::Update(old)),
                None => return Err(format!("{} has no way back", name(number))),
            },
        }
        self.schedule(number, now, choices);
        Ok(())
    }

    /// Whether a success is one.
    fn check_ready(&self, stack: usize, wish: Wish, ready: &tidb_private_endpoint::step::Ready) -> Verdict<()> {
        let id = &ready.endpoint.id;
        let fault = |what: &str| Err(format!("{} is told that {id} is ready, but {what}", name(stack)));
        let Some(record) = self.ec2.endpoints.get(id) else { return fault("there is no such endpoint") };
        match record.state(self.now) {
            State::Available => {}
            // Another stack changes it at this moment; it works meanwhile.
            State::Pending if self.stacks.len() > 1 => {}
            state => return fault(&format!("it is {state:?}")),
        }
        if record.service().as_str() != service(wish.service) {
            return fault("it leads elsewhere");
        }
        if wish.private_dns && !record.body(self.now).is_some_and(super::ec2::Body::has_private_dns) {
            return fault("it has no private DNS");
        }
        if !holder(stack).is_in(&record.tags(self.now)) {
            return fault("it does not carry the reference");
        }
        Ok(())
    }

    /// What must hold when everything has come to rest.
    fn check_end(&self) -> Verdict<()> {
        if self.excused {
            return Ok(());
        }
        for (id, record) in &self.ec2.endpoints {
            if !record.exists(self.now) {
                continue;
            }
            let tags = record.tags(self.now);
            for key in tags.keys().filter(|key| key.starts_with(REFERENCE)) {
                let holder_is = |n: &usize| holder(*n).ref_key() == *key;
                let who = (0..self.stacks.len()).find(holder_is).ok_or("a reference of nobody's")?;
                if self.stacks[who].promised.as_ref() != Some(id) {
                    return Err(format!("{} no longer has {id}, and its reference is still there", name(who)));
                }
            }
            self.check_rest(id, record.made() || reference::owner(&tags).is_some(), &tags)?;
        }
        Ok(())
    }

    fn check_rest(&self, id: &EndpointId, made: bool, tags: &Tags) -> Verdict<()> {
        let held = tags.keys().any(|key| key.starts_with(REFERENCE));
        if made && !held {
            return Err(format!("{id} is left over: nobody holds it"));
        }
        if self.stacks.iter().all(|stack| stack.gone) && tags.keys().any(|key| key.starts_with(LEAVING)) {
            return Err(format!("an announcement is left on {id}"));
        }
        Ok(())
    }
}

fn wish_of(act: &Act) -> Option<Wish> {
    match act {
        Act::Create(wish) | Act::Update(wish) | Act::UpdateAndBack(wish) => Some(*wish),
        Act::Delete | Act::CleanUp(_) => None,
    }
}

/// What the product's requests to EC2 would find of what there is.
fn concerns(delivery: &Delivery, endpoint: &Endpoint) -> bool {
    let request = &delivery.request;
    let tagged = request.holder.is_in(&endpoint.tags);
    let made = reference::owner(&endpoint.tags) == Some(request.holder.hash.as_str());
    let named = request.current() == Some(&endpoint.id) || delivery.journal.release_calls.contains_key(&endpoint.id);
    match &request.verb {
        Verb::Create(spec) => endpoint.service_name == spec.service_name || named,
        Verb::Update { spec, .. } => endpoint.service_name == spec.service_name || named || tagged || made,
        Verb::Delete { endpoint: None, .. } => tagged || named || made,
        Verb::Delete { endpoint: Some(_), .. } => named,
    }
}

/// The real decision, with a fault planted before or behind it.
fn decide(planted: &Planted, delivery: &Delivery, observed: &Observed) -> Result<Step, Refusal> {
    static HOME: LazyLock<Home> = LazyLock::new(|| Home { region: REGION.to_owned(), account: ACCOUNT.to_owned() });
    static SURVEY: LazyLock<Survey> = LazyLock::new(survey);
    if planted.name == NONE.name {
        return next_step(&delivery.request, &HOME, &SURVEY, observed, &delivery.journal);
    }
    let (mut seen, mut known) = (observed.clone(), delivery.journal.clone());
    (planted.see)(&mut seen, &delivery.journal, &delivery.request);
    (planted.know)(&mut known);
    let step = next_step(&delivery.request, &HOME, &SURVEY, &seen, &known)?;
    Ok((planted.take)(step))
}

/// Everything is known from the start: reading is not what the protocol is about.
fn survey() -> Survey {
    let gateway = Service {
        acceptance_required: false,
        zone_ids: vec![ZONE.into()],
        zone_names: Vec::new(),
        private_dns_name: Some("gateway01-privatelink.us-east-1.prod.aws.tidbcloud.com".to_owned()),
        private_dns_verified: true,
    };
    let subnet = Subnet {
        id: SUBNET.into(),
        owner_id: ACCOUNT.to_owned(),
        zone_id: ZONE.into(),
        zone_name: String::new(),
        blocks: vec!["10.0.0.0/24".parse().unwrap()],
        free_addresses: 100,
    };
    let groups: Vec<Group> = GROUPS.iter().map(|id| group(id)).collect();
    let mut survey = Survey::default();
    survey.learn(Finding::Service(Some(gateway)));
    survey.learn(Finding::Vpc(Some(Vpc { owner_id: ACCOUNT.to_owned(), blocks: Vec::new() })));
    survey.learn(Finding::VpcDns(Some(VpcDns { support: true, hostnames: true })));
    survey.learn(Finding::Subnets(vec![subnet]));
    for number in 1..=2 {
        let place = (VPC.into(), own_name(&ServiceName::from(service(number))));
        survey.learn(Finding::OwnGroup(place, None));
    }
    survey.learn(Finding::Groups(groups.iter().map(|group| group.id.clone()).collect(), groups));
    survey
}

/// A group that lets everybody in, so that nothing about groups is left to decide.
fn group(id: &str) -> Group {
    let anywhere = Source::Block("0.0.0.0/0".parse().unwrap());
    let rule = Rule { protocol: "-1".to_owned(), ports: None, source: anywhere, ours: false };
    Group { id: id.into(), vpc_id: VPC.into(), name: id.to_owned(), tags: Tags::new(), rules: vec![rule] }
}

fn properties(wish: Wish) -> Value {
    json!({
        "ServiceName": service(wish.service),
        "VpcId": VPC,
        "SecurityGroupIds": [GROUPS[wish.group]],
        "PrivateDnsEnabled": wish.private_dns.to_string(),
    })
}

fn request(stack: usize, act: &Act, old: Option<Wish>, physical_id: Option<String>, request_id: String) -> Request {
    let old_properties = old.map(properties).unwrap_or_default();
    let wish = wish_of(act).or(old).unwrap_or(WISH);
    let request_type = match act {
        Act::Create(_) => RequestType::Create,
        Act::Update(_) | Act::UpdateAndBack(_) => RequestType::Update { old_properties },
        Act::Delete | Act::CleanUp(_) => RequestType::Delete,
    };
    let reply_to = ReplyTo {
        response_url: ResponseUrl::new("https://example.com/"),
        stack_id: stack_id(stack),
        request_id,
        logical_id: "TiDB".to_owned(),
        physical_id,
    };
    Request::read(&Event { reply_to, request_type, properties: properties(wish) }).expect("the properties are valid")
}

/// A look in words.
fn told(stack: usize, observed: &Observed, decided: &Result<Step, Refusal>) -> String {
    let endpoints: Vec<String> = observed
        .endpoints
        .iter()
        .map(|endpoint| {
            let short = |key: &str| key.trim_start_matches("tidb-private-endpoint:").to_owned();
            let name_of = |key: &String| {
                let found = (0..4).find(|n| key.contains(&holder(*n).hash)).map(name);
                found.map_or(short(key), |name| format!("{}:{name}", short(key).split(':').next().unwrap_or_default()))
            };
            let tags: Vec<String> = endpoint.tags.keys().map(name_of).collect();
            format!("{} {} [{}]", endpoint.id, endpoint.state, tags.join(" "))
        })
        .collect();
    let next = match decided {
        Ok(Step::Wait(wait)) => format!("wait {} s, {}", wait.at_least.as_secs(), wait.reason),
        Ok(step) => step.name().to_owned(),
        Err(refusal) => refusal.to_string(),
    };
    format!(
        "{}: sees {}; {next}",
        name(stack),
        if endpoints.is_empty() { "nothing".to_owned() } else { endpoints.join(", ") }
    )
}

/// How long ago something was, as far as any decision asks.
fn past(at: Moment, now: Moment) -> Moment {
    at.saturating_sub(now).max(-OLD)
}

fn past_timestamp(at: Timestamp, now: Moment) -> Moment {
    at.duration_since(timestamp(now)).as_secs().max(-OLD)
}

fn fingerprint_step(step: &Step, now: Moment, hasher: &mut DefaultHasher) {
    step.name().hash(hasher);
    match step {
        Step::Announce { endpoint, until } => (endpoint, past_timestamp(*until, now)).hash(hasher),
        Step::Sweep { endpoint, keys } => {
            endpoint.hash(hasher);
            for key in keys {
                relative(key, now).hash(hasher);
            }
        }
        other => format!("{other:?}").hash(hasher),
    }
}

/// The key of an announcement, with its moment counted from now.
pub(super) fn relative(key: &str, now: Moment) -> (&str, i128) {
    let moment = key.strip_prefix(LEAVING).and_then(|rest| rest.split_once(':')).map(|(_, moment)| moment);
    match moment.and_then(|moment| Some((moment, moment.parse::<Timestamp>().ok()?))) {
        Some((text, until)) => {
            (key.strip_suffix(text).unwrap_or(key), until.duration_since(timestamp(now)).as_millis().max(-6_000))
        }
        None => (key, 0),
    }
}

/// All of a journal that a later decision asks for.
fn fingerprint<'a>(
    journal: &Journal,
    endpoints: impl Iterator<Item = &'a EndpointId>,
    now: Moment,
    hasher: &mut DefaultHasher,
) {
    let past = |at: &Timestamp| past_timestamp(*at, now);
    past(&journal.started).hash(hasher);
    journal.create_call.as_ref().map(past).hash(hasher);
    journal
        .conflict
        .map(|conflict| (conflict.since.duration_since(timestamp(now)).as_secs(), past(&conflict.last)))
        .hash(hasher);
    for id in endpoints {
        let calls = [&journal.release_calls, &journal.released];
        calls.map(|moments| moments.get(id).map(past)).hash(hasher);
        let moments = [&journal.created, &journal.referenced, &journal.deleted];
        moments.map(|moments| moments.get(id).map(past)).hash(hasher);
        journal.leaving.get(id).map(|a| (past(&a.written), past_timestamp(a.until, now))).hash(hasher);
        journal.modified.get(id).map(|m| (format!("{:?}", m.change), past(&m.at), m.attempts)).hash(hasher);
        (journal.tagged.contains(id), journal.is_doomed(id), journal.withdrawn(id).map(|at| past(&at))).hash(hasher);
        for key in journal.announcements(id) {
            relative(&key, now).hash(hasher);
        }
        let later = [0, LAG].map(|later| journal.is_dead_replay(id, timestamp(now + later)));
        let deleting = (0..LAG).take_while(|later| journal.may_be_deleting(id, timestamp(now + later))).count();
        (later, deleting).hash(hasher);
    }
    for ((id, key), when) in &journal.swept {
        (id, relative(key, now), past(when)).hash(hasher);
    }
}
