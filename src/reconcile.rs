//! The loop: look, decide, take one step, look again. It ends with an outcome or a failure; at the deadline the caller
//! drops it, and no step is begun that might not be over by then.

mod look;

use crate::clock::Clock;
use crate::difference::TagChange;
use crate::ec2::Ec2;
use crate::failure::{Ec2Error, ErrorKind, Failure, Whereabouts};
use crate::journal::Journal;
use crate::outcome::Outcome;
use crate::plan::next_step;
use crate::reference::{READ_LAG, Tags, hex_digest};
use crate::refusal::Refusal;
use crate::release::CALL_LIMIT;
use crate::request::Request;
use crate::step::{Home, Observed, Step};
use crate::survey::{Fact, Survey};
use jiff::{SignedDuration, Timestamp};
use tracing::{info, warn};

/// The first pause after an error that may go away; it doubles with each further one.
const BACKOFF: SignedDuration = SignedDuration::from_secs(1);
/// The longest such pause. EC2 refills its bucket for creating, changing and deleting endpoints at 0.3 a second.
const BACKOFF_MAX: SignedDuration = SignedDuration::from_secs(20);

/// For how long a look serves for another decision, when nothing was done since that it would show.
const LOOK_SERVES: SignedDuration = SignedDuration::from_secs(2);

/// What is known of an event's work while it runs, and still when it was cut off.
#[derive(Debug, Clone)]
pub struct Progress {
    /// What was seen and done.
    pub journal: Journal,
    /// The facts that were asked for.
    pub survey: Survey,
    /// How far it has come.
    pub whereabouts: Whereabouts,
    /// Errors in a row that were waited out.
    troubles: u32,
    /// Since when EC2 has denied the same thing.
    denied_since: Option<Timestamp>,
    /// Pauses made, so that no two of them have the same jitter.
    pauses: u32,
}

impl Progress {
    /// At the start of an event.
    #[must_use]
    pub fn new(started: Timestamp) -> Self {
        let (journal, whereabouts) = (Journal::new(started), Whereabouts::default());
        Self { journal, survey: Survey::default(), whereabouts, troubles: 0, denied_since: None, pauses: 0 }
    }
}

/// Brings the world to what the request wants.
///
/// # Errors
/// A [`Failure`] that no further look can mend.
pub async fn reconcile(
    ec2: &Ec2,
    home: &Home,
    clock: &Clock,
    deadline: Timestamp,
    request: &Request,
    progress: &mut Progress,
) -> Result<Outcome, Failure> {
    // The SDK's futures are large, so each look and each step is boxed.
    Reconciler { ec2, home, clock, deadline, request, progress }.run().await
}

struct Reconciler<'a> {
    ec2: &'a Ec2,
    home: &'a Home,
    clock: &'a Clock,
    deadline: Timestamp,
    request: &'a Request,
    progress: &'a mut Progress,
}

impl Reconciler<'_> {
    async fn run(&mut self) -> Result<Outcome, Failure> {
        // Nothing is decided for a wish without these, so they need not be asked for.
        let has_vpc = self.request.spec().is_some_and(|spec| spec.vpc_id.is_some());
        let mut facts = if has_vpc { vec![Fact::Subnets] } else { Vec::new() };
        let mut seen = None;
        loop {
            let looked = match seen.take() {
                Some(observed) => Ok(observed),
                None => Box::pin(self.look(std::mem::take(&mut facts))).await,
            };
            let observed = match looked {
                Ok(observed) => observed,
                Err(error) => {
                    self.wait_out(error).await?;
                    continue;
                }
            };
            let Progress { journal, survey, .. } = &*self.progress;
            match next_step(self.request, self.home, survey, &observed, journal) {
                Ok(Step::Done(outcome)) => return Ok(outcome),
                Ok(Step::Wait(wait)) => {
                    self.say(wait.reason.to_string(), "wait");
                    self.progress.troubles = 0;
                    self.pause(wait.at_least).await;
                }
                Ok(Step::Read(asked)) => match Box::pin(self.read(&asked)).await {
                    Ok(()) => {
                        seen = self.still_fresh(observed);
                        if seen.is_none() {
                            // The look took too long, and so did the facts: they come beside the next one.
                            facts = self.progress.survey.passing();
                        }
                    }
                    Err(error) => self.wait_out(error).await?,
                },
                // A call that is cut off may have its effect after the answer, when nobody looks any more.
                Ok(step) if self.deadline.duration_since(self.clock.now()) < CALL_LIMIT => {
                    self.say(format!("no time left for {step}"), "wait");
                    self.pause(CALL_LIMIT).await;
                }
                Ok(step) => {
                    let done = Box::pin(self.take(&step)).await?;
                    // The journal knows what became of the group, and no endpoint has changed.
                    if done && step.is_about_a_group() {
                        seen = self.still_fresh(observed);
                    }
                }
                // What the stack has made a moment ago may not be shown yet.
                Err(refusal)
                    if may_be_lag(&refusal) && Journal::may_be_stale(observed.at, self.progress.journal.started) =>
                {
                    self.say(format!("looking again, because: {refusal}"), "wait");
                    self.progress.survey = Survey::default();
                    self.pause(READ_LAG / 4).await;
                }
                Err(refusal) => return Err(Failure::Refused(refusal)),
            }
        }
    }

    /// A look, if it may serve for another decision: with the journal beside it, it is as good as a new one that lags.
    fn still_fresh(&self, observed: Observed) -> Option<Observed> {
        (self.clock.now().duration_since(observed.at) < LOOK_SERVES).then_some(observed)
    }

    /// Takes a step; whether EC2 has done what was asked.
    async fn take(&mut self, step: &Step) -> Result<bool, Failure> {
        self.say(step.to_string(), step.name());
        let changed = std::mem::replace(&mut self.progress.journal.changed, true);
        let holder = &self.request.holder;
        let write = |key: String, value: String| TagChange { set: Tags::from([(key, value)]), unset: Vec::new() };
        let remove = |keys: Vec<String>| TagChange { set: Tags::new(), unset: keys };
        let result = match step {
            Step::CreateGroup(new) => {
                let made = self.ec2.create_group(new).await;
                made.map(|id| self.progress.journal.made_group(id, self.clock.now()))
            }
            Step::Open(id, openings) => self.ec2.open(id, openings).await,
            Step::Close(id, openings) => self.ec2.close(id, openings).await,
            Step::DeleteGroup(id) => self.ec2.delete_group(id).await,
            Step::Create(new) => {
                let made = self.ec2.create(new).await;
                made.map(|endpoint| self.progress.journal.made(&endpoint, self.clock.now()))
            }
            Step::Reference(id) => self.ec2.tag(id, &write(holder.ref_key(), holder.name.clone())).await,
            Step::Modify(id, change) => self.ec2.modify(id, change).await,
            Step::Tag(id, change) => self.ec2.tag(id, change).await,
            Step::Sweep { endpoint, keys } => self.ec2.tag(endpoint, &remove(keys.clone())).await,
            Step::Release(id) => self.ec2.tag(id, &remove(vec![holder.ref_key()])).await,
            Step::Announce { endpoint, until } => {
                self.ec2.tag(endpoint, &write(holder.leaving_key(*until), holder.name.clone())).await
            }
            Step::Delete(id) => self.ec2.delete(id).await,
            Step::Read(_) | Step::Wait(_) | Step::Done(_) => Ok(()),
        };
        self.progress.journal.tried(holder, step, self.clock.now());
        let Err(error) = result else {
            self.progress.journal.did(step, self.clock.now());
            self.progress.troubles = 0;
            self.progress.denied_since = None;
            return Ok(true);
        };
        let now = self.clock.now();
        let journal = &mut self.progress.journal;
        journal.changed = changed || error.kind.leaves_it_open();
        match (error.kind, step) {
            (ErrorKind::NameTaken, _) => {
                journal.conflicted(now);
                self.note(error);
                return Ok(false);
            }
            (ErrorKind::InUse, Step::DeleteGroup(id)) => {
                journal.group_in_use(id, now);
                warn!(step = step.name(), "{id} is still in use: {error}");
                return Ok(false);
            }
            (ErrorKind::GroupExists, _) => journal.outrun = Some(now),
            (ErrorKind::TokenUsed, Step::Create(new)) => {
                journal.tokens_used.entry(new.client_token.clone()).or_insert(now);
            }
            (ErrorKind::Transient, Step::Open(id, _)) => drop(journal.rules_unknown.insert(id.clone())),
            // The next decision asks for the attributes.
            (ErrorKind::VpcDnsOff, _) if !journal.vpc_dns_refused => {
                journal.vpc_dns_refused = true;
                self.note(error);
                return Ok(false);
            }
            (ErrorKind::GroupGone, _) => self.forget_group(step),
            _ => {}
        }
        self.wait_out(error).await?;
        Ok(false)
    }

    /// EC2 says that a group is not there. If it is the product's, another stack has deleted it, unless it was made a
    /// moment ago; then the next look finds or makes another.
    fn forget_group(&mut self, step: &Step) {
        let ids = step.group_ids();
        let (journal, now) = (&mut self.progress.journal, self.clock.now());
        let given = self.request.spec().map(|spec| spec.group_ids.as_slice()).unwrap_or_default();
        for id in ids.iter().filter(|id| !given.contains(id)) {
            if journal.groups_made.get(id).is_none_or(|made| !Journal::may_be_stale(now, *made)) {
                journal.groups_gone.insert(id.clone());
            }
        }
    }

    /// Pauses after an error that may go away, and ends the event for any other.
    async fn wait_out(&mut self, error: Ec2Error) -> Result<(), Failure> {
        let now = self.clock.now();
        let may_pass = match error.kind {
            ErrorKind::Transient | ErrorKind::Throttled | ErrorKind::TokenUsed | ErrorKind::GroupExists => true,
            // What is denied may only be gone, or its tags, or the role's policy, too new for IAM to know.
            ErrorKind::Denied => Journal::may_be_stale(now, *self.progress.denied_since.get_or_insert(now)),
            // A group of the product's can be made again; one that was given may be too new.
            ErrorKind::GroupGone => {
                let given = self.request.spec().is_some_and(|spec| !spec.group_ids.is_empty());
                !given || Journal::may_be_stale(now, self.progress.journal.started)
            }
            // The attributes were on when they were read, and the group was there: EC2 may have to notice yet.
            ErrorKind::VpcDnsOff | ErrorKind::SourceUnknown => {
                Journal::may_be_stale(now, self.progress.journal.started)
            }
            ErrorKind::NameTaken | ErrorKind::InUse | ErrorKind::Final => false,
        };
        if !may_pass {
            return Err(Failure::Ec2(Box::new(error), self.progress.whereabouts.clone()));
        }
        self.note(error);
        let doublings = self.progress.troubles.min(10);
        self.progress.troubles += 1;
        let longest = (BACKOFF * 2_i32.pow(doublings)).min(BACKOFF_MAX);
        self.pause(longest / 2).await;
        Ok(())
    }

    fn note(&mut self, error: Ec2Error) {
        self.progress.journal.throttled |= error.kind == ErrorKind::Throttled;
        info!(step = "retry", error = %error, "EC2 is not ready for this; looking again");
        self.progress.whereabouts.trouble = Some(error);
    }

    /// Sleeps for the span and up to as much again, at most a second more: many functions that wait for the same
    /// thing must not ask at the same moment. The jitter is the same for the same event, so that a run can be repeated.
    async fn pause(&mut self, at_least: SignedDuration) {
        self.progress.pauses = self.progress.pauses.wrapping_add(1);
        let digest = hex_digest(&[&self.request.client_token(0), &self.progress.pauses.to_string()]);
        let draw = i32::from_str_radix(digest.get(..4).unwrap_or_default(), 16).unwrap_or_default();
        let spread = at_least.min(if self.progress.troubles > 0 { BACKOFF_MAX } else { SignedDuration::from_secs(1) });
        self.clock.sleep(at_least + spread * draw / 0xffff).await;
    }

    /// Logs what is being done, once.
    fn say(&mut self, doing: String, step: &'static str) {
        if self.progress.whereabouts.doing == doing {
            return;
        }
        let endpoint = self.progress.whereabouts.last_seen.as_ref();
        let endpoint_id = endpoint.map(|(id, _)| id.to_string()).unwrap_or_default();
        info!(step, endpoint_id, "{doing}");
        self.progress.whereabouts.doing = doing;
    }
}

/// Whether what is refused may only be too new for EC2 to show it: made by the same stack, seconds ago.
fn may_be_lag(refusal: &Refusal) -> bool {
    matches!(
        refusal,
        Refusal::UnknownVpc { .. }
            | Refusal::VpcDnsOff { .. }
            | Refusal::SubnetNotInVpc { .. }
            | Refusal::NoSubnetInServedZone { .. }
            | Refusal::NoSubnetInZone { .. }
            | Refusal::UnknownGroup { .. }
            | Refusal::NothingToReuse { .. }
    )
}
