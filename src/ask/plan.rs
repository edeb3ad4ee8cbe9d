//! What an event would do: the decision's own steps, one after the other, without taking any.

use super::permissions::permissions;
use super::prediction::World;
use super::text;
use crate::decision;
use crate::decision::action::Action;
use crate::decision::facts::{Fact, FactValue};
use crate::decision::journal::Journal;
use crate::decision::outcome::Outcome;
use crate::decision::queries::queries;
use crate::decision::refusal::Refusal;
use crate::decision::retry::after_refusal;
use crate::decision::view::{Home, Next, Reason, View};
use crate::model::endpoint::Endpoint;
use crate::model::ids::{SubnetId, join};
use crate::model::protocol::after;
use crate::model::query::EndpointQuery;
use crate::request::{Invalid, Request};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

/// How long an event has.
const EVENT: SignedDuration = SignedDuration::from_mins(15);
/// How long a step takes in a plan.
const STEP: SignedDuration = SignedDuration::from_secs(1);
/// More decisions than any event needs.
const DECISIONS_MAX: usize = 2_000;
/// What an endpoint costs in us-east-1 for each zone: $0.01 an hour, 730 hours (PrivateLink pricing).
const MONTHLY_CENTS_PER_ZONE: usize = 730;
/// When the price was read.
const PRICE_READ: &str = "November 2026";

/// A step of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Step {
    /// What is done, in two or three words, such as `create endpoint`; or `wait`.
    pub action: &'static str,
    /// A sentence.
    pub text: String,
    /// The IAM actions that it needs.
    pub permissions: Vec<&'static str>,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Plan {
    pub text: String,
    pub steps: Vec<Step>,
    /// Why the event would fail; all faults of the properties together.
    pub refusals: Vec<String>,
    pub warnings: Vec<String>,
    /// The endpoint that would be used or released; `None` if one would be created.
    pub endpoint_id: Option<String>,
    /// How the event would end, as in the log; `None` if it would fail.
    pub outcome: Option<&'static str>,
    /// What the endpoint would cost in a month, in US dollars; `None` if there would be none.
    pub monthly_cost: Option<String>,
}

/// A plan that is being made.
#[derive(Debug)]
pub struct Planner<'a> {
    request: &'a Request,
    home: &'a Home,
    world: World,
    journal: Journal,
    started: Timestamp,
    now: Timestamp,
    steps: Vec<Step>,
    waits_for: Option<Reason>,
}

impl<'a> Planner<'a> {
    pub fn new(request: &'a Request, home: &'a Home, now: Timestamp, endpoints: Vec<Endpoint>) -> Self {
        let journal = Journal::new(now, now).until(after(now, EVENT));
        let (world, steps) = (World::of(endpoints), Vec::new());
        Self { request, home, world, journal, started: now, now, steps, waits_for: None }
    }

    /// Which endpoints the plan begins with.
    pub fn first_queries(request: &Request, now: Timestamp) -> Vec<EndpointQuery> {
        queries(request, &Journal::new(now, now))
    }

    /// Adds what was read.
    pub fn learn(&mut self, fact: Fact, value: FactValue) {
        self.world.learn(fact, value);
    }

    /// Goes on until the end of the plan.
    ///
    /// # Errors
    /// The facts that have to be read first.
    pub fn proceed(&mut self) -> Result<Plan, Vec<Fact>> {
        for _ in 0..DECISIONS_MAX {
            let observed = self.world.observed(&queries(self.request, &self.journal), self.now);
            self.journal.observe(self.request, &observed);
            let facts = self.world.facts();
            let view = View { observed: &observed, facts: &facts, journal: &self.journal };
            match decision::next(self.request, self.home, view) {
                Ok(Next::Done(outcome)) => return Ok(self.done(&outcome)),
                Ok(Next::Read(asked)) => {
                    let unknown: Vec<Fact> = asked.into_iter().filter(|fact| !self.world.knows(fact)).collect();
                    if unknown.is_empty() {
                        break;
                    }
                    return Err(unknown);
                }
                Ok(Next::Wait(wait)) => {
                    self.note_wait(&wait.reason);
                    self.advance(wait.at_least);
                }
                Ok(Next::Act(action)) => self.take(&action),
                Err(refusal) => match after_refusal(&refusal, &self.journal, observed.at) {
                    // EC2 may not show yet what the same stack has created; an event would look again.
                    Some(pause) => self.advance(pause),
                    None => return Ok(self.refused(vec![refusal.to_string()])),
                },
            }
            if self.now.duration_since(self.started) > EVENT {
                let facts = self.world.facts();
                let view = View { observed: &observed, facts: &facts, journal: &self.journal };
                let step = self.waits_for.as_ref().map(ToString::to_string).unwrap_or_default();
                let obstacle = decision::obstacle(self.request, self.home, view);
                let time_out = || {
                    format!("The request would time out: {step}. Check the endpoint with Status, and ask again later.")
                };
                return Ok(self.refused(vec![obstacle.map_or_else(time_out, |obstacle| obstacle.to_string())]));
            }
        }
        Ok(self.refused(vec![
            "The plan cannot be completed; this is a bug in the provider. Report it with the question.".to_owned(),
        ]))
    }

    /// A wait does not end before the next moment that matters: the virtual clock jumps there.
    fn advance(&mut self, pause: SignedDuration) {
        self.now = after(self.now, pause.max(STEP));
        self.world.pass();
    }

    fn note_wait(&mut self, reason: &Reason) {
        if self.waits_for.as_ref() != Some(reason) {
            self.steps.push(Step { action: "wait", text: sentence(&reason.to_string()), permissions: Vec::new() });
            self.waits_for = Some(reason.clone());
        }
    }

    fn take(&mut self, action: &Action) {
        let created = self.world.apply(action, self.request);
        self.now = after(self.now, STEP);
        self.journal.record(self.request, action, Ok(&created), self.now);
        let details = if let Action::CreateEndpoint(new) = action {
            let (subnets, groups) = (join(&new.subnet_ids, " and "), join(&new.group_ids, " and "));
            let private_dns = if new.private_dns { "on" } else { "off" };
            format!("{action}, in {subnets}, with {groups}, private DNS {private_dns}")
        } else {
            action.to_string()
        };
        self.steps.push(Step { action: action.name(), text: sentence(&details), permissions: permissions(action) });
        self.waits_for = None;
    }

    fn refused(&self, refusals: Vec<String>) -> Plan {
        let steps = self.steps.iter().filter(|step| step.action != "wait" || self.steps.len() > 1).cloned().collect();
        Plan { steps, refusals, ..Plan::empty() }.worded("", &[])
    }

    fn done(&self, outcome: &Outcome) -> Plan {
        let ready = outcome.ready();
        let warnings = outcome.warnings().map(ToString::to_string).collect();
        let id = match outcome {
            Outcome::Released(id, _) | Outcome::Deleted(id) => Some(id),
            Outcome::Created(_)
            | Outcome::Joined(_)
            | Outcome::Updated(_)
            | Outcome::Unchanged(_)
            | Outcome::Absent => ready.map(|ready| &ready.endpoint.id),
        };
        let facts = self.world.facts();
        let places: Vec<String> = ready.map_or_else(Vec::new, |ready| {
            let zone = |id| facts.zone_of(id).map_or_else(|| "an unknown zone".to_owned(), ToString::to_string);
            ready.endpoint.subnet_ids.iter().map(|id| format!("{id} in {}, {}", zone(id), self.reason(id))).collect()
        });
        let cost = ready.map(|ready| ready.endpoint.subnet_ids.len() * MONTHLY_CENTS_PER_ZONE);
        let plan = Plan {
            steps: self.steps.clone(),
            warnings,
            endpoint_id: id.filter(|id| World::is_real(id)).map(ToString::to_string),
            outcome: Some(outcome.name()),
            monthly_cost: cost.map(|cents| format!("{}.{:02}", cents / 100, cents % 100)),
            ..Plan::empty()
        };
        let id = id.map(ToString::to_string).unwrap_or_default();
        plan.worded(&id, &places)
    }

    /// Why the endpoint is, or would be, in a subnet.
    fn reason(&self, id: &SubnetId) -> &'static str {
        let Some(spec) = self.request.spec() else { return "" };
        if spec.subnet_ids.contains(id) {
            "named in SubnetIds"
        } else if self.world.had_subnet(id) {
            "which the endpoint has"
        } else if spec.zone_ids.is_empty() {
            "a zone of the service; it is the subnet there with the most free addresses"
        } else {
            "a zone in AvailabilityZoneIds; it is the subnet there with the most free addresses"
        }
    }
}

/// A text as a sentence.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", chars.as_str())
}

impl Plan {
    fn empty() -> Self {
        Self {
            text: String::new(),
            steps: Vec::new(),
            refusals: Vec::new(),
            warnings: Vec::new(),
            endpoint_id: None,
            outcome: None,
            monthly_cost: None,
        }
    }

    /// The plan of properties with faults.
    pub fn invalid(invalid: &Invalid) -> Self {
        let refusals = invalid.0.iter().map(ToString::to_string).collect();
        Self { refusals, ..Self::empty() }.worded("", &[])
    }

    /// The plan of a resource whose cluster has no service for it.
    pub fn impossible(refusal: &Refusal) -> Self {
        Self { refusals: vec![refusal.to_string()], ..Self::empty() }.worded("", &[])
    }

    /// Adds the text for people.
    fn worded(mut self, id: &str, places: &[String]) -> Self {
        let mut out = String::new();
        let end = match (self.outcome, self.refusals.is_empty()) {
            (_, false) => "The request would fail.".to_owned(),
            (Some("created"), _) => "An endpoint would be created.".to_owned(),
            (Some("joined"), _) => format!("{id} would be joined."),
            (Some("updated"), _) => format!("{id} would be updated."),
            (Some("unchanged"), _) => format!("{id} is as requested; nothing would be changed."),
            (Some("released"), _) => format!("{id} would be released, and stays."),
            (Some("deleted"), _) => format!("{id} would be deleted: nobody else uses it."),
            _ => "There would be nothing to do.".to_owned(),
        };
        text::add(&mut out, 0, &end);
        let mut section = |title: &str, lines: &[String], numbered: bool| {
            if lines.is_empty() {
                return;
            }
            out.push('\n');
            text::add(&mut out, 0, title);
            for (n, line) in lines.iter().enumerate() {
                let bullet = if numbered { format!("{:>2}.", n + 1) } else { "  -".to_owned() };
                text::add(&mut out, 4, &format!("{bullet} {line}"));
            }
        };
        section("Refusals", &self.refusals, false);
        let steps: Vec<String> = self.steps.iter().map(|step| step.text.clone()).collect();
        section(if self.refusals.is_empty() { "Steps" } else { "Steps before that" }, &steps, true);
        section("Subnets", places, false);
        section("Warnings", &self.warnings, false);
        let mut needed: Vec<String> = self.steps.iter().flat_map(|s| &s.permissions).map(|&s| s.to_owned()).collect();
        needed.sort_unstable();
        needed.dedup();
        section("Permissions for these steps", &needed, false);
        if let Some(cost) = &self.monthly_cost {
            let zones = text::count(places.len(), "zone", "zones");
            out.push('\n');
            let line = format!(
                "The endpoint costs ${cost} a month in us-east-1 ({zones} at $0.01 an hour, as of {PRICE_READ}), plus data; stacks that share it pay once."
            );
            text::add(&mut out, 0, &line);
        }
        if !self.steps.is_empty() {
            out.push('\n');
            text::add(
                &mut out,
                0,
                "This assumes that EC2 accepts every call, and that no other stack joins or leaves in the meantime. Nothing was changed.",
            );
        }
        self.text = out;
        self
    }
}
