//! CloudFormation: what it does with each stack, when it sends an event, and what the response leads to.

use super::choices::{Choices, OpenMoment};
use super::ec2::{Moment, timestamp};
use super::planted::NONE;
use super::provider::request;
use super::scenario::Scenario;
use super::state::{Checked, Delivery, NextStep, State};
use super::transition::DEADLINE;
use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;
use std::sync::LazyLock;
use tidb_private_endpoint::decision::facts::{FactValue, Facts};
use tidb_private_endpoint::decision::journal::{Journal, Leftovers};
use tidb_private_endpoint::decision::outcome::Outcome;
use tidb_private_endpoint::decision::retry::Retries;
use tidb_private_endpoint::model::ids::EndpointId;
use tidb_private_endpoint::model::stacks::{ResourceStatus, StackStatus};
use tidb_private_endpoint::model::tags::Holder;
use tidb_private_endpoint::request::event::{ReplyTo, ResponseUrl};
use tidb_private_endpoint::request::{Verb, failed_create_id};

/// The properties in a template, as far as the model needs them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Spec {
    pub(super) service: u8,
    pub(super) private_dns: bool,
    pub(super) clients: Clients,
    /// Which subnet it gives; `None` for every zone.
    pub(super) subnet: Option<usize>,
    /// Which of the user's tags.
    pub(super) tag: Option<usize>,
}

/// Who may connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Clients {
    /// Those that a security group of its own allows.
    Group(usize),
    /// Those in a CIDR block, through the provider's security group.
    Block(usize),
    /// The same, of a resource that names no VPC: it uses an endpoint wherever there is one, and creates none. To the
    /// endpoint, it is a spoke.
    Spoke(usize),
}

impl Spec {
    pub(super) fn is_spoke(self) -> bool {
        matches!(self.clients, Clients::Spoke(_))
    }
}

pub(super) const SPEC: Spec =
    Spec { service: 1, private_dns: true, clients: Clients::Group(0), subnet: Some(0), tag: None };

/// What CloudFormation does with the resource of a stack: one event.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Operation {
    Create(Spec),
    Update(Spec),
    /// An update that succeeds and is rolled back, because another resource of the stack fails.
    UpdateAndRollBack(Spec),
    Delete,
    /// The Delete of the physical ID that an update has replaced.
    CleanUp(String),
    /// The Delete of the physical ID of a Create that failed and was retried.
    CleanUpFailed,
    /// Nobody sends an event for the resource anymore, and a person asks the function to release its reference.
    Release,
}

impl Operation {
    pub(super) fn spec(&self) -> Option<Spec> {
        match self {
            Self::Create(spec) | Self::Update(spec) | Self::UpdateAndRollBack(spec) => Some(*spec),
            Self::Delete | Self::CleanUp(_) | Self::CleanUpFailed | Self::Release => None,
        }
    }
}

/// An operation, and when it begins.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
pub(super) struct Planned {
    pub(super) operation: Operation,
    /// When it may begin, in seconds after the response to the operation before it.
    pub(super) after: Vec<Moment>,
    /// It does not wait for that response, and `after` counts from the start of the operation before it: CloudFormation
    /// deletes a resource whose Create has not responded, under a physical ID that CloudFormation makes up; and it takes back
    /// an update that is canceled.
    pub(super) overtakes: bool,
    /// When the event is delivered a second time, in seconds after the first; empty if it is not.
    pub(super) duplicated_after: Vec<Moment>,
    /// When the event is delivered again although its first delivery has ended, in seconds after it was sent; empty if it is
    /// not. Unless a function fails, this is rare, and Lambda waits for a minute before it retries.
    pub(super) again_after: Vec<Moment>,
    /// How long its function has.
    pub(super) time: Moment,
    /// If it is a Create that fails, CloudFormation does not roll back, but continues with the plan.
    pub(super) rollback_disabled: bool,
    /// Its function dies when its time is over, and never responds: CloudFormation makes up a physical ID.
    pub(super) dies: bool,
    /// It takes an update back.
    pub(super) is_rollback: bool,
}

pub(super) fn plan(operation: Operation, after: &[Moment]) -> Planned {
    Planned {
        operation,
        after: after.to_vec(),
        overtakes: false,
        duplicated_after: Vec::new(),
        again_after: Vec::new(),
        time: DEADLINE,
        rollback_disabled: false,
        dies: false,
        is_rollback: false,
    }
}

#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
pub(super) struct Stack {
    pub(super) plan: VecDeque<Planned>,
    /// When the next event is sent.
    pub(super) next_event: Option<OpenMoment>,
    /// The number of operations so far. Identifies the current one, so that responses to earlier ones are ignored.
    pub(super) operations: u32,
    pub(super) spec: Option<Spec>,
    /// Whether CloudFormation takes an update back.
    pub(super) rolls_back: bool,
    /// What the update before requests, unless it has succeeded: the old properties of the one that takes it back.
    pub(super) unfinished: Option<Spec>,
    pub(super) physical_id: Option<String>,
    /// The endpoint of the last successful response.
    pub(super) promised: Option<EndpointId>,
    /// The endpoints that were replaced and are kept.
    pub(super) retained: BTreeSet<EndpointId>,
    /// The endpoints that it has joined: its reference was written, and a later look showed no announcement. From then
    /// on, no other stack may take them away.
    pub(super) joined: BTreeSet<EndpointId>,
    /// Whether the current operation has its response.
    pub(super) responded: bool,
    /// Whether the Delete has succeeded.
    pub(super) deleted: bool,
    /// Whether the Delete has removed the reference.
    pub(super) released: bool,
    /// When an event of the stack last wrote a reference, alone or with a new endpoint.
    pub(super) last_join: Moment,
    /// Whether the function that wrote it was too late for its Delete (assumption 6).
    pub(super) late_join: bool,
    /// When the last Delete was sent.
    pub(super) delete_sent: Option<Moment>,
    /// The physical ID of a Create that failed and was retried.
    pub(super) failed_id: Option<String>,
    /// What CloudFormation says about the resource.
    pub(super) status: &'static str,
}

impl Stack {
    pub(super) fn new(plan: &[Planned]) -> Self {
        let mut stack = Self {
            plan: plan.iter().cloned().collect(),
            next_event: None,
            operations: 0,
            spec: None,
            rolls_back: false,
            unfinished: None,
            physical_id: None,
            promised: None,
            retained: BTreeSet::new(),
            joined: BTreeSet::new(),
            responded: false,
            deleted: false,
            released: false,
            last_join: Moment::MIN,
            late_join: false,
            delete_sent: None,
            failed_id: None,
            status: "CREATE_COMPLETE",
        };
        stack.schedule(0);
        stack
    }

    /// Schedules the next operation of the plan, if there is one, relative to a moment.
    fn schedule(&mut self, from: Moment) {
        self.next_event = self.plan.front().map(|planned| OpenMoment::new(from, &planned.after));
    }

    /// Inserts an operation that begins at once.
    fn insert(&mut self, operation: Operation) {
        self.plan.push_front(plan(operation, &[0]));
    }

    /// Inserts the update that takes one back.
    fn roll_back(&mut self, to: Spec) {
        self.plan.push_front(Planned { is_rollback: true, ..plan(Operation::Update(to), &[0]) });
    }
}

/// Identifies an operation of a stack, and where its response goes. The URL was signed in the order of the operations; when
/// exactly makes no difference, and would make equal states different.
fn reply_to(stack: usize, operation: u32, undated: bool) -> ReplyTo {
    let date = if undated { String::new() } else { format!("?X-Amz-Date=20260101T0000{operation:02}Z") };
    ReplyTo {
        response_url: ResponseUrl::new(format!("https://example.com/{date}")),
        stack_id: stack_id(stack),
        request_id: format!("{stack}-{operation}"),
        logical_id: "TiDB".to_owned(),
        physical_id: None,
    }
}

pub(super) fn holder(stack: usize) -> &'static Holder {
    static HOLDERS: LazyLock<[Holder; 4]> =
        LazyLock::new(|| std::array::from_fn(|stack| Holder::new(&stack_id(stack), "TiDB")));
    &HOLDERS[stack]
}

fn made_up() -> String {
    "made-up-by-CloudFormation".to_owned()
}

pub(super) fn stack_id(stack: usize) -> String {
    format!("arn:aws:cloudformation:us-east-1:123456789012:stack/{}/0", name(stack))
}

pub(super) fn name(stack: usize) -> &'static str {
    ["A", "B", "C", "D"][stack]
}

impl State {
    /// CloudFormation sends the next event of a stack, or does so later.
    pub(super) fn send_event(&mut self, scenario: &Scenario, number: usize, choices: &mut Choices) {
        let now = self.now;
        let stack = &mut self.stacks[number];
        if !stack.next_event.as_mut().is_some_and(|open| open.happens(choices)) {
            return;
        }
        let Some(planned) = stack.plan.pop_front() else { return };
        stack.operations += 1;
        (stack.next_event, stack.responded) = (None, false);
        match &planned.operation {
            Operation::Create(_) => stack.status = "CREATE_IN_PROGRESS",
            Operation::Update(_) | Operation::UpdateAndRollBack(_) => stack.status = "UPDATE_IN_PROGRESS",
            Operation::Delete => stack.status = "DELETE_IN_PROGRESS",
            Operation::CleanUp(_) | Operation::CleanUpFailed | Operation::Release => {}
        }
        let physical_id = match &planned.operation {
            Operation::Create(_) => None,
            Operation::CleanUp(id) => Some(id.clone()),
            Operation::CleanUpFailed => Some(stack.failed_id.clone().unwrap_or_else(made_up)),
            Operation::Update(_) | Operation::UpdateAndRollBack(_) | Operation::Delete | Operation::Release => {
                Some(stack.physical_id.clone().unwrap_or_else(made_up))
            }
        };
        match &planned.operation {
            Operation::Create(_) => (stack.deleted, stack.released) = (false, false),
            Operation::Delete | Operation::Release => {
                stack.promised = None;
                stack.joined.clear();
                stack.delete_sent = Some(now);
            }
            Operation::CleanUp(id) => drop(stack.joined.remove(&EndpointId::from(id.as_str()))),
            Operation::Update(_) | Operation::UpdateAndRollBack(_) | Operation::CleanUpFailed => {}
        }
        let rolls_back = !planned.rollback_disabled;
        stack.rolls_back = planned.is_rollback || planned.overtakes;
        let reply_to = ReplyTo { physical_id: physical_id.clone(), ..reply_to(number, stack.operations, self.undated) };
        let mut request = request(reply_to, &planned.operation, stack.unfinished.or(stack.spec));
        if scenario.planted.name != NONE.name {
            (scenario.planted.request)(Rc::make_mut(&mut request));
        }
        stack.unfinished = planned.operation.spec().filter(|_| stack.physical_id.is_some());
        let skew = scenario.skew.get(number).copied().unwrap_or_default();
        let delivery = Delivery {
            stack: number,
            operation: planned.operation.clone(),
            number: stack.operations,
            request,
            started: now,
            sent: now,
            blind_until: Moment::MIN,
            first_write_late: None,
            time: planned.time,
            journal: Rc::new(Journal::new((scenario.planted.arrival)(timestamp(now + skew)), timestamp(now))),
            next: NextStep::Look(now),
            retries: Retries::default(),
            looks: 0,
            skew,
            duplicate: planned.operation == Operation::Release,
            is_again: false,
            rolls_back,
            dies: planned.dies,
        };
        if !planned.duplicated_after.is_empty() {
            let next = NextStep::Redelivery(OpenMoment::new(now, &planned.duplicated_after));
            self.deliveries.push(Delivery { next, duplicate: true, ..delivery.clone() });
        }
        if !planned.again_after.is_empty() {
            let next = NextStep::Redelivery(OpenMoment::new(now, &planned.again_after));
            self.deliveries.push(Delivery { next, duplicate: true, is_again: true, ..delivery.clone() });
        }
        self.deliveries.push(delivery);
        if stack.plan.front().is_some_and(|next| next.overtakes) {
            stack.schedule(now);
        }
        self.trace(|| format!("{}: {:?} {}", name(number), planned.operation, physical_id.unwrap_or_default()));
    }

    /// What CloudFormation says about the resource of a delivery. It never says what was true before the event.
    pub(super) fn operation(&self, number: usize) -> FactValue {
        let delivery = &self.deliveries[number];
        let status = match self.stacks[delivery.stack].status {
            // The stack itself stays.
            "DELETE_COMPLETE" => ResourceStatus::Absent,
            status => ResourceStatus::Known {
                status: status.to_owned(),
                since: timestamp(delivery.sent),
                physical_id: self.stacks[delivery.stack].physical_id.clone(),
            },
        };
        FactValue::Operation((!self.is_unanswered).then_some(status))
    }

    /// What CloudFormation says about the stack of a delivery.
    pub(super) fn stack_status(&self, number: usize) -> FactValue {
        let rolls_back = self.stacks[self.deliveries[number].stack].rolls_back;
        let status = if rolls_back { "UPDATE_ROLLBACK_IN_PROGRESS" } else { "UPDATE_IN_PROGRESS" };
        FactValue::Stack((!self.is_unanswered).then(|| StackStatus(status.to_owned())))
    }

    /// A delivery responds, and CloudFormation continues with the stack.
    pub(super) fn respond(&mut self, number: usize, result: &Result<Outcome, String>) -> Checked<()> {
        let now = self.now;
        let delivery = self.deliveries.remove(number);
        let stack = delivery.stack;
        let physical_id = match (result, &delivery.request.verb) {
            (Ok(outcome), Verb::Create(_) | Verb::Update { .. }) => {
                outcome.ready().map(|ready| ready.endpoint.id.to_string())
            }
            (Err(_), Verb::Create(_)) if delivery.dies => None,
            (Err(_), Verb::Create(_)) => {
                let skewed = delivery.journal.started() + (timestamp(now) - timestamp(delivery.started));
                let leftovers = delivery.journal.leftovers(skewed, &delivery.request.holder, &Facts::default());
                Some(failed_create_id(&reply_to(stack, delivery.number, self.undated), leftovers == Leftovers::Nothing))
            }
            _ => self.stacks[stack].physical_id.clone(),
        };
        self.trace(|| {
            let response = match result {
                Ok(outcome) => format!("SUCCESS, {}, {}", outcome.name(), physical_id.as_deref().unwrap_or("-")),
                Err(reason) => format!("FAILED, {reason}"),
            };
            format!("{}: {:?} responds: {response}", name(stack), delivery.operation)
        });
        let same_event = |other: &Delivery| other.stack == stack && other.number == delivery.number;
        if !self.deliveries.iter().any(same_event) {
            self.ec2.forget_tokens(&delivery.request);
        }
        // CloudFormation no longer waits for this operation, or the other delivery has responded already.
        if self.stacks[stack].operations != delivery.number || self.stacks[stack].responded {
            self.check_known_limit_of_update(&delivery);
            return Ok(());
        }
        self.stacks[stack].responded = true;
        if result.is_ok() || matches!(delivery.operation, Operation::Create(_)) {
            self.stacks[stack].unfinished = None;
        }
        let status = &mut self.stacks[stack].status;
        match (&delivery.operation, result.is_ok()) {
            (Operation::Create(_), true) => *status = "CREATE_COMPLETE",
            (Operation::Create(_), false) => *status = "CREATE_FAILED",
            (Operation::Update(_) | Operation::UpdateAndRollBack(_), true) => *status = "UPDATE_COMPLETE",
            (Operation::Update(_) | Operation::UpdateAndRollBack(_), false) => *status = "UPDATE_FAILED",
            (Operation::Delete, _) => *status = "DELETE_COMPLETE",
            (Operation::CleanUp(_) | Operation::CleanUpFailed | Operation::Release, _) => {}
        }
        if let (Ok(outcome), Some(spec)) = (result, delivery.operation.spec()) {
            self.check_ready(stack, spec, outcome)?;
        }
        // What CloudFormation waits for is fulfilled, unless something fails, or there is not enough time. A spoke creates no
        // endpoint.
        let may_fail =
            self.has_failed || delivery.time < DEADLINE || delivery.operation.spec().is_some_and(Spec::is_spoke);
        if let (Err(reason), false) = (result, may_fail) {
            return Err(format!("{}'s {:?} is refused: {reason}", name(stack), delivery.operation));
        }
        self.continue_stack(&delivery, result, physical_id)?;
        self.stacks[stack].schedule(now);
        Ok(())
    }

    /// What CloudFormation makes of a response: rollbacks and cleanups come before the rest of the plan.
    fn continue_stack(
        &mut self,
        Delivery { stack: number, operation, rolls_back, .. }: &Delivery,
        result: &Result<Outcome, String>,
        physical_id: Option<String>,
    ) -> Checked<()> {
        let (number, rolls_back, retains) = (*number, *rolls_back, self.retains);
        let stack = &mut self.stacks[number];
        let endpoint = physical_id.as_deref().and_then(EndpointId::from_physical_id);
        let old_id = stack.physical_id.clone();
        let old_spec = stack.spec;
        match (operation, result) {
            (Operation::Delete | Operation::Release, Ok(outcome)) => {
                stack.deleted = true;
                // It has found nothing of this resource. Without an ID, it may have deleted what others left behind.
                if *outcome == Outcome::Absent || (stack.physical_id.is_none() && !stack.released) {
                    self.check_known_limit(number);
                }
            }
            (Operation::CleanUp(_) | Operation::CleanUpFailed, Ok(_)) => {}
            (
                Operation::Delete | Operation::CleanUp(_) | Operation::CleanUpFailed | Operation::Release,
                Err(reason),
            ) => {
                return Err(format!("{}'s Delete fails: {reason}", name(number)));
            }
            (Operation::Create(spec), Ok(_)) => {
                (stack.physical_id, stack.promised, stack.spec) = (physical_id, endpoint, Some(*spec));
                if !rolls_back {
                    // It was to fail and be retried, but it did not.
                    let retry =
                        |operation: &Operation| matches!(operation, Operation::Create(_) | Operation::CleanUpFailed);
                    stack.plan.retain(|planned| !retry(&planned.operation));
                }
                // A Delete that was to overtake the Create did not: it waits for its turn like any other.
                if let Some(next) = stack.plan.front_mut() {
                    next.overtakes = false;
                }
            }
            (Operation::Create(_), Err(_)) if !rolls_back => {
                stack.failed_id = physical_id;
                stack.joined.clear();
            }
            // CloudFormation rolls the stack back.
            (Operation::Create(_), Err(_)) => {
                stack.physical_id = physical_id;
                stack.plan.clear();
                stack.insert(Operation::Delete);
            }
            (Operation::Update(spec) | Operation::UpdateAndRollBack(spec), Ok(_)) => {
                (stack.promised, stack.spec) = (endpoint, Some(*spec));
                stack.physical_id.clone_from(&physical_id);
                // What was to overtake it did not.
                if let Some(next) = stack.plan.front_mut() {
                    next.overtakes = false;
                }
                let taken_back = matches!(operation, Operation::UpdateAndRollBack(_));
                let replaced = old_id.filter(|old_id| Some(old_id) != physical_id.as_ref());
                match (old_spec.filter(|_| taken_back), replaced) {
                    (Some(old), _) => stack.roll_back(old),
                    (None, Some(id)) if retains => drop(stack.retained.insert(EndpointId::from(id))),
                    (None, Some(id)) => stack.insert(Operation::CleanUp(id)),
                    (None, None) => {}
                }
            }
            (Operation::Update(_) | Operation::UpdateAndRollBack(_), Err(_)) => match old_spec {
                Some(old) => stack.roll_back(old),
                None => return Err(format!("{} has nothing to roll back to", name(number))),
            },
        }
        Ok(())
    }
}
