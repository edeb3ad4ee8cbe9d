//! CloudFormation and Lambda for one stack, as they behave when something fails: if a function is killed, its event is
//! delivered again; a failed Create is deleted; a failed Update is rolled back. And a monitor that checks every call.

use crate::cloud::{Answered, Cloud, Stack, properties};
use ec2_sim::{Call, Ec2 as Sim, Endpoint, Source, State};
use jiff::SignedDuration;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tidb_private_endpoint::handler::Handled;
use tokio::sync::Notify;

/// The most calls to EC2 that one delivery may need: an Update may look 40 times at an announcement that it waits for,
/// with three calls each time, and 20 times more while it takes something away itself. The rest is for what comes before and
/// after.
const CALLS_MAX: usize = 300;
/// After how many seconds Lambda delivers the event of a killed function again.
const REDELIVERY: u64 = 60;

/// Checks every call before EC2 executes it.
#[derive(Clone)]
pub(crate) struct Watch {
    sim: Sim,
    /// The endpoint of each stack's last successful response, and the properties that it has fulfilled.
    promised: Arc<Mutex<BTreeMap<String, (String, Value)>>>,
    violations: Arc<Mutex<Vec<String>>>,
    /// The reasons of all FAILED responses.
    pub(crate) failures: Arc<Mutex<Vec<String>>>,
    /// Deliveries so far, and how many of them are running.
    deliveries: Arc<Mutex<(u32, u32)>>,
}

impl Watch {
    pub(crate) fn new(cloud: &Cloud) -> Self {
        Self {
            sim: cloud.sim.clone(),
            promised: Arc::default(),
            violations: Arc::default(),
            failures: Arc::default(),
            deliveries: Arc::default(),
        }
    }

    /// Notes that a delivery begins. Returns its number if no other is running.
    fn begin(&self) -> Option<u32> {
        let (all, running) = &mut *self.deliveries.lock().unwrap();
        (*all, *running) = (*all + 1, *running + 1);
        (*running == 1).then_some(*all)
    }

    /// Notes that a delivery has ended. Returns the number of the last one that has begun.
    fn end(&self) -> u32 {
        let (all, running) = &mut *self.deliveries.lock().unwrap();
        *running -= 1;
        *all
    }

    pub(crate) fn check(&self, call: &Call) {
        let endpoints = self.sim.endpoints();
        let find = |id: &str| endpoints.iter().find(|endpoint| endpoint.id == id);
        let promised = self.promised.lock().unwrap();
        let mut faults = Vec::new();
        let id = ["VpcEndpointId", "VpcEndpointId.1", "ResourceId.1"].iter().find_map(|name| call.params.get(*name));
        if let Some(endpoint) = id.and_then(|id| find(id)).filter(|_| !call.action.starts_with("Describe")) {
            let owned = endpoint.tags.contains_key("tidb-private-endpoint:owned");
            let keys = (1..).map_while(|n| call.params.get(&format!("Tag.{n}.Key")));
            let refs_only =
                keys.clone().count() > 0 && keys.clone().all(|key| key.starts_with("tidb-private-endpoint:ref:"));
            if !owned && !refs_only {
                faults.push(format!("{} changes {}, which is foreign", call.action, endpoint.id));
            }
            if call.action == "DeleteVpcEndpoints"
                && let Some(stack) = promised.iter().find_map(|(stack, (id, _))| (*id == endpoint.id).then_some(stack))
            {
                faults.push(format!("{} is deleted while {stack} uses it", endpoint.id));
            }
        }
        for (stack, (id, properties)) in promised.iter() {
            match find(id) {
                None => faults.push(format!("{stack} has lost {id}")),
                Some(endpoint) if endpoint.state == State::Deleting => faults.push(format!("{stack} loses {id}")),
                Some(endpoint)
                    if !endpoint
                        .tags
                        .values()
                        .any(|value| value.split(' ').next() == Some(&format!("{stack}/TiDB"))) =>
                {
                    faults.push(format!("{stack} has lost its reference on {id}"));
                }
                Some(endpoint) => faults.extend(self.lost(endpoint, properties).map(|what| format!("{stack} {what}"))),
            }
        }
        let faults = faults.into_iter().map(|fault| format!("call {}: {fault}", call.number));
        self.violations.lock().unwrap().extend(faults);
    }

    /// What an owned endpoint no longer has of what a stack requests. Groups of rules are those of the provider.
    pub(crate) fn lost(&self, endpoint: &Endpoint, properties: &Value) -> Option<String> {
        let list = |name: &str| properties[name].as_array().cloned().unwrap_or_default();
        let has = |ids: &[String], id: &Value| ids.iter().any(|own| id == own);
        if !endpoint.tags.contains_key("tidb-private-endpoint:owned") {
            return None;
        }
        let subnet = list("SubnetIds").into_iter().find(|id| !has(&endpoint.subnet_ids, id));
        let group = list("SecurityGroupIds").into_iter().find(|id| !has(&endpoint.group_ids, id));
        let groups: Vec<_> = self.sim.groups().into_iter().filter(|g| endpoint.group_ids.contains(&g.id)).collect();
        let is_open = |block: &Value| {
            let admits = |source: &Source| matches!(source, Source::Cidr(open) if block == open);
            groups.iter().flat_map(|group| &group.ingress).any(|rule| admits(&rule.source))
        };
        let block = list("AllowedCidrs").into_iter().find(|block| !is_open(block));
        // On, unless the properties say otherwise. In another VPC, it is not for the stack to say.
        let is_off = |value: &Value| *value == false || value == "false";
        let wants_dns = properties["VpcId"] == endpoint.vpc_id.as_str() && !is_off(&properties["PrivateDnsEnabled"]);
        let dns = (wants_dns && !endpoint.private_dns_enabled).then(|| "private DNS".into());
        subnet.or(group).or(block).or(dns).map(|what| format!("has lost {what} on {}", endpoint.id))
    }

    pub(crate) fn report(&self, fault: String) {
        self.violations.lock().unwrap().push(fault);
    }

    pub(crate) fn violations(&self) -> Vec<String> {
        self.violations.lock().unwrap().clone()
    }

    /// When every stack is deleted, nothing is left over except for this many foreign endpoints.
    pub(crate) fn check_end(&self, foreign: usize) {
        let left = self.sim.endpoints().iter().filter(|endpoint| endpoint.state != State::Deleting).count();
        if left != foreign {
            self.report(format!("{left} endpoints are left over instead of {foreign}"));
        }
        for endpoint in self.sim.endpoints().into_iter().filter(|endpoint| endpoint.state != State::Deleting) {
            let ours: Vec<_> = endpoint.tags.keys().filter(|key| key.starts_with("tidb-private-endpoint:")).collect();
            if !ours.is_empty() {
                self.report(format!("left over on {} ({:?}): {ours:?}", endpoint.id, endpoint.state));
            }
        }
        for group in self.sim.groups().iter().filter(|group| group.name.starts_with("tidb-private-endpoint-")) {
            self.report(format!("the security group {} is left over", group.id));
        }
        for request in self.sim.unrecognized_requests() {
            self.report(request);
        }
    }
}

/// A stack and its resource.
#[derive(Clone)]
pub(crate) struct Deployment {
    cloud: Cloud,
    pub(crate) stack: Stack,
    name: String,
    watch: Watch,
    kill: Arc<Notify>,
    pub(crate) physical_id: String,
    properties: Value,
}

impl Deployment {
    pub(crate) fn new(cloud: &Cloud, name: &str, watch: &Watch, kill: &Arc<Notify>) -> Self {
        Self {
            cloud: cloud.clone(),
            stack: cloud.stack(name),
            name: name.to_owned(),
            watch: watch.clone(),
            kill: kill.clone(),
            physical_id: String::new(),
            properties: properties(),
        }
    }

    /// Delivers an event until the function responds. Returns `None` if the function is killed and the event is not
    /// delivered again. Lambda delivers an event three times. Here, it is delivered up to twelve times, so that random
    /// histories, which kill functions at one look in a hundred and at one change in twenty, come to an end.
    pub(crate) async fn send(&self, event: &Value, again: bool) -> Option<Answered> {
        for _ in 0..12 {
            let (calls, number) = (self.cloud.sim.log().len(), self.watch.begin());
            let handled = tokio::select! {
                biased;
                () = self.kill.notified() => None,
                handled = self.cloud.deliver_raw(event, SignedDuration::from_secs(900)) => Some(handled),
            };
            let calls = self.cloud.sim.log().len() - calls;
            // If another delivery has run meanwhile, some of the calls are that one's.
            let alone = number == Some(self.watch.end());
            if calls > CALLS_MAX && alone {
                self.watch.report(format!("{calls} calls for one {}", event["RequestType"]));
            }
            match handled {
                Some(Handled::Answer(to, answer, _)) => {
                    let answered = Answered::check(event, &answer.body(&to));
                    self.stack.follow(event, answered.reason.is_none());
                    self.watch.failures.lock().unwrap().extend(answered.reason.clone());
                    return Some(answered);
                }
                Some(other) => panic!("no response, but {other:?}"),
                None if again => self.cloud.pass(REDELIVERY).await,
                None => return None,
            }
        }
        panic!("the function was killed twelve times");
    }

    fn promise(&self) {
        self.watch
            .promised
            .lock()
            .unwrap()
            .insert(self.name.clone(), (self.physical_id.clone(), self.properties.clone()));
    }

    /// Checks that a successful response is true at this moment.
    fn check_ready(&self, answered: &Answered) {
        let endpoints = self.cloud.sim.endpoints();
        let found = endpoints.iter().find(|endpoint| endpoint.id == answered.physical_id);
        let ready = found.is_some_and(|endpoint| {
            // While another stack modifies a shared endpoint, its state is pending, but it works.
            let works = matches!(endpoint.state, State::Available | State::Pending);
            works && endpoint.tags.contains_key(&self.stack.ref_key())
        });
        if !ready {
            self.watch.report(format!(
                "{}'s response says that {} is ready, but it is {found:?}",
                self.name, answered.physical_id
            ));
        }
    }

    /// Creates the stack. If that fails, CloudFormation rolls back, and the user tries again.
    pub(crate) async fn create(&mut self, properties: &Value) -> Option<Answered> {
        self.properties = properties.clone();
        for _ in 0..12 {
            let answered = self.send(&self.stack.event("Create", properties), true).await?;
            self.physical_id.clone_from(&answered.physical_id);
            if answered.reason.is_none() {
                self.check_ready(&answered);
                self.promise();
                return Some(answered);
            }
            self.delete().await;
        }
        self.watch.report(format!("{} cannot be created", self.name));
        None
    }

    /// Updates the stack, and cleans up what was replaced. If that fails, CloudFormation rolls back, and the user tries
    /// again.
    pub(crate) async fn update(&mut self, properties: &Value) {
        for _ in 0..12 {
            if self.try_update(properties).await {
                return;
            }
        }
        self.watch.report(format!("{} cannot be updated", self.name));
    }

    async fn try_update(&mut self, properties: &Value) -> bool {
        let (before, old) = (self.physical_id.clone(), self.properties.clone());
        if self.change(properties, &old).await {
            if self.physical_id != before {
                self.clean_up(&before, &old).await;
            }
            return true;
        }
        for _ in 0..12 {
            if self.change(&old, properties).await {
                return false;
            }
        }
        self.watch.report(format!("{} cannot be rolled back", self.name));
        false
    }

    /// An update that succeeds and is rolled back, because another resource of the stack fails.
    pub(crate) async fn update_and_roll_back(&mut self, properties: &Value) {
        let old = self.properties.clone();
        let (before, changed) = (self.physical_id.clone(), self.change(properties, &old).await);
        let new = self.physical_id.clone();
        for _ in 0..12 {
            if self.change(&old, properties).await {
                break;
            }
        }
        if changed && new != before {
            self.clean_up(&new, properties).await;
        }
    }

    async fn change(&mut self, properties: &Value, old: &Value) -> bool {
        // From now on, what the stack has asked for before may be taken away.
        if let Some((_, properties)) = self.watch.promised.lock().unwrap().get_mut(&self.name) {
            *properties = Value::Null;
        }
        let event = self.stack.update_event(&self.physical_id, properties, old);
        let Some(answered) = self.send(&event, true).await else { return false };
        if answered.reason.is_some() {
            return false;
        }
        self.check_ready(&answered);
        self.physical_id = answered.physical_id;
        self.properties = properties.clone();
        self.promise();
        true
    }

    pub(crate) async fn delete(&mut self) {
        self.watch.promised.lock().unwrap().remove(&self.name);
        let id = self.physical_id.clone();
        self.delete_id(&id).await;
    }

    pub(crate) async fn delete_id(&self, id: &str) {
        self.clean_up(id, &self.properties).await;
    }

    /// Deletes a resource that had these properties.
    async fn clean_up(&self, id: &str, properties: &Value) {
        for _ in 0..12 {
            let answered = self.send(&self.stack.delete_event(id, properties), true).await;
            if answered.is_some_and(|answered| answered.reason.is_none()) {
                return;
            }
        }
        self.watch.report(format!("{} cannot be deleted", self.name));
    }
}
