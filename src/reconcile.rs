//! The loop: look, decide, take one step, look again. It ends with an outcome or a failure; at the deadline the caller
//! drops it, and no step is begun that might not be over by then.

use crate::clock::Clock;
use crate::difference::TagChange;
use crate::ec2::{Ec2, Find, no_answer};
use crate::endpoint::Endpoint;
use crate::failure::{Ec2Error, ErrorKind, Failure, Whereabouts};
use crate::group::own_name;
use crate::ids::{EndpointId, VpcId};
use crate::journal::Journal;
use crate::plan::next_step;
use crate::properties::ReuseScope;
use crate::reference::{OWNED, READ_LAG, Tags, hex_digest};
use crate::refusal::Refusal;
use crate::release::CALL_LIMIT;
use crate::request::{EndpointSpec, Request, Verb};
use crate::step::{Home, Observed, Outcome, Step};
use crate::survey::Survey;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use tracing::{info, warn};

/// The first pause after an error that may go away; it doubles with each further one.
const BACKOFF: SignedDuration = SignedDuration::from_secs(1);
/// The longest such pause. EC2 refills its bucket for creating, changing and deleting endpoints at 0.3 a second.
const BACKOFF_MAX: SignedDuration = SignedDuration::from_secs(20);

/// What is known of an event's work while it runs, and still when it was cut off.
#[derive(Debug, Clone)]
pub struct Progress {
    /// What was seen and done.
    pub journal: Journal,
    /// The facts about service and VPC, once they are read.
    pub survey: Option<Survey>,
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
        Self { journal, survey: None, whereabouts, troubles: 0, denied_since: None, pauses: 0 }
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
        loop {
            let (observed, survey) = match Box::pin(self.look()).await {
                Ok(seen) => seen,
                Err(error) => {
                    self.wait_out(error).await?;
                    continue;
                }
            };
            self.progress.journal.see(&self.request.holder, &observed);
            if let Some(endpoint) = self.of_interest(&observed) {
                self.progress.whereabouts.last_seen = Some((endpoint.id.clone(), endpoint.state.clone()));
            }
            match next_step(self.request, self.home, &survey, &observed, &self.progress.journal) {
                Ok(Step::Done(outcome)) => return Ok(outcome),
                Ok(Step::Wait(wait)) => {
                    self.say(wait.reason.to_string(), "wait");
                    self.progress.troubles = 0;
                    self.pause(wait.at_least).await;
                }
                // A call that is cut off may have its effect after the answer, when nobody looks any more.
                Ok(step) if self.deadline.duration_since(self.clock.now()) < CALL_LIMIT => {
                    self.say(format!("no time left for {step}"), "wait");
                    self.pause(CALL_LIMIT).await;
                }
                Ok(step) => Box::pin(self.take(&step)).await?,
                // What the stack has made a moment ago may not be shown yet.
                Err(refusal)
                    if may_be_lag(&refusal) && Journal::may_be_stale(observed.at, self.progress.journal.started) =>
                {
                    self.say(format!("looking again, because: {refusal}"), "wait");
                    self.progress.survey = None;
                    self.pause(READ_LAG / 4).await;
                }
                Err(refusal) => return Err(Failure::Refused(refusal)),
            }
        }
    }

    /// The endpoint that people would ask about.
    fn of_interest<'e>(&self, observed: &'e Observed) -> Option<&'e Endpoint> {
        let named = self.request.current().and_then(|id| observed.find(id));
        let held = || observed.endpoints.iter().find(|endpoint| self.request.holder.is_in(&endpoint.tags));
        named.or_else(held).or(observed.endpoints.first())
    }

    /// One look, at everything that the decision needs, all of it at the same time. The facts about service and VPC are
    /// read with the first look only.
    async fn look(&mut self) -> Result<(Observed, Survey), Ec2Error> {
        let at = self.clock.now();
        let finds = self.finds();
        let known = self.progress.survey.clone();
        let survey = async {
            match (known, self.request.spec()) {
                (Some(survey), _) => Ok(survey),
                (None, Some(spec)) => Box::pin(survey(self.ec2, spec)).await,
                (None, None) => Ok(Survey::default()),
            }
        };
        let endpoints = futures_util::future::try_join_all(finds.iter().map(|find| self.ec2.find(find)));
        let places = self.group_places();
        let groups = places.iter().map(|(vpc, name)| self.ec2.groups_by_name(vpc, name));
        let groups = futures_util::future::try_join_all(groups);
        let both = Box::pin(async { tokio::try_join!(endpoints, survey, groups) });
        let seen = self.clock.until(at.saturating_add(CALL_LIMIT).unwrap_or(at), both).await;
        let too_slow = || no_answer("DescribeVpcEndpoints", "one look".to_owned(), "EC2 did not answer in time");
        let (found, survey, groups) = seen.unwrap_or_else(|| Err(too_slow()))?;
        self.progress.survey = Some(survey.clone());
        let by_id: BTreeMap<EndpointId, Endpoint> =
            found.into_iter().flatten().map(|endpoint| (endpoint.id.clone(), endpoint)).collect();
        let groups = groups.into_iter().flatten().collect();
        Ok((Observed { at, endpoints: by_id.into_values().collect(), groups }, survey))
    }

    /// Where to look for the product's group: where one is wanted, and where one may have to go.
    fn group_places(&self) -> BTreeSet<(VpcId, String)> {
        let journal = &self.progress.journal;
        let wanted = match &self.request.verb {
            Verb::Create(spec) if !spec.group_ids.is_empty() => None,
            Verb::Create(spec) | Verb::Update { spec, .. } => {
                spec.vpc_id.clone().map(|vpc| (vpc, spec.service_name.clone()))
            }
            Verb::Delete { place, .. } => place.clone(),
        };
        let leaving = matches!(self.request.verb, Verb::Delete { .. }) || !journal.released.is_empty();
        let places = wanted.into_iter().chain(journal.places.iter().filter(|_| leaving).cloned());
        places.map(|(vpc, service)| (vpc, own_name(&service))).collect()
    }

    /// Where to look: for a wish, at the service's endpoints in scope; for a resource that has something already, at what
    /// carries its reference too; for one that may have had anything, at both; and always at what this event has touched, which may carry no reference any more.
    fn finds(&self) -> Vec<Find> {
        let mut finds = Vec::new();
        if let Some(spec) = self.request.spec() {
            let vpc = match spec.reuse_scope {
                ReuseScope::Vpc => spec.vpc_id.clone(),
                ReuseScope::Region => None,
            };
            finds.push(Find::Service(spec.service_name.clone(), vpc));
        }
        let named = match &self.request.verb {
            Verb::Create(_) => None,
            Verb::Update { current, .. } => {
                finds.extend(self.of_the_resource());
                current.clone()
            }
            Verb::Delete { endpoint, place, nothing_made } => {
                if endpoint.is_none() {
                    finds.extend(self.of_the_resource());
                    let place = place.iter().filter(|_| !nothing_made).cloned();
                    finds.extend(place.map(|(vpc, service)| Find::Service(service, Some(vpc))));
                }
                endpoint.clone()
            }
        };
        let ids: Vec<EndpointId> =
            named.into_iter().chain(self.progress.journal.release_calls.keys().cloned()).collect();
        if !ids.is_empty() {
            finds.push(Find::Ids(ids));
        }
        finds
    }

    /// What carries the resource's reference, and what was made for it: a delivery that crashed may have taken the
    /// reference away and not have come to delete the endpoint.
    fn of_the_resource(&self) -> [Find; 2] {
        let holder = &self.request.holder;
        [Find::TagKey(holder.ref_key()), Find::Tag(OWNED.to_owned(), holder.hash.clone())]
    }

    async fn take(&mut self, step: &Step) -> Result<(), Failure> {
        self.say(step.to_string(), step.name());
        self.progress.journal.changed |= !matches!(step, Step::ReadGroups(_));
        let holder = &self.request.holder;
        let write = |key: String, value: String| TagChange { set: Tags::from([(key, value)]), unset: Vec::new() };
        let remove = |keys: Vec<String>| TagChange { set: Tags::new(), unset: keys };
        let result = match step {
            Step::ReadGroups(ids) => {
                let read = self.ec2.groups(ids).await;
                read.map(|groups| self.progress.survey.get_or_insert_default().groups.extend(groups))
            }
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
            Step::Wait(_) | Step::Done(_) => Ok(()),
        };
        self.progress.journal.tried(holder, step, self.clock.now());
        match result {
            Ok(()) => {
                self.progress.journal.did(step, self.clock.now());
                self.progress.troubles = 0;
                self.progress.denied_since = None;
                Ok(())
            }
            Err(error) if error.kind == ErrorKind::NameTaken => {
                self.progress.journal.conflicted(self.clock.now());
                self.note(error);
                Ok(())
            }
            Err(error) if error.kind == ErrorKind::InUse => {
                if let Step::DeleteGroup(id) = step {
                    self.progress.journal.group_in_use(id, self.clock.now());
                    warn!(step = step.name(), "{id} is still in use: {error}");
                }
                Ok(())
            }
            Err(error) if error.kind == ErrorKind::GroupGone => {
                self.forget_group(step);
                self.wait_out(error).await
            }
            Err(error) => self.wait_out(error).await,
        }
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
            ErrorKind::Transient => true,
            // What is denied may only be gone, or its tags, or the role's policy, too new for IAM to know.
            ErrorKind::Denied => Journal::may_be_stale(now, *self.progress.denied_since.get_or_insert(now)),
            // A group of the product's can be made again; one that was given may be too new.
            ErrorKind::GroupGone => {
                let given = self.request.spec().is_some_and(|spec| !spec.group_ids.is_empty());
                !given || Journal::may_be_stale(now, self.progress.journal.started)
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
        info!(step = "retry", error = %error, "EC2 is not ready for this; looking again");
        self.progress.whereabouts.trouble = Some(error);
    }

    /// Sleeps for the span and up to as much again, at most two seconds more: many functions that wait for the same
    /// thing must not ask at the same moment. The jitter is the same for the same event, so that a run can be repeated.
    async fn pause(&mut self, at_least: SignedDuration) {
        self.progress.pauses = self.progress.pauses.wrapping_add(1);
        let digest = hex_digest(&[&self.request.client_token(0), &self.progress.pauses.to_string()]);
        let draw = i32::from_str_radix(digest.get(..4).unwrap_or_default(), 16).unwrap_or_default();
        let spread = at_least.min(if self.progress.troubles > 0 { BACKOFF_MAX } else { SignedDuration::from_secs(2) });
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

/// Reads all the facts about service and VPC at the same time.
async fn survey(ec2: &Ec2, spec: &EndpointSpec) -> Result<Survey, Ec2Error> {
    let vpc_dns = async {
        match &spec.vpc_id {
            Some(vpc) => ec2.vpc_dns(vpc).await,
            None => Ok(None),
        }
    };
    let subnets = async {
        match &spec.vpc_id {
            Some(vpc) => ec2.subnets(vpc).await,
            None => Ok(Vec::new()),
        }
    };
    let groups = async { if spec.group_ids.is_empty() { Ok(Vec::new()) } else { ec2.groups(&spec.group_ids).await } };
    let vpc = async {
        match &spec.vpc_id {
            Some(vpc) => ec2.vpc(vpc).await,
            None => Ok(None),
        }
    };
    let (service, vpc, vpc_dns, subnets, groups) =
        tokio::try_join!(ec2.service(&spec.service_name), vpc, vpc_dns, subnets, groups)?;
    Ok(Survey { service, vpc, vpc_dns, subnets, groups })
}
