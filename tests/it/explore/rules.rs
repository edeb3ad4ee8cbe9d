//! What has to hold at every moment, and when everything has come to rest.

use super::cloudformation::{Stack, Wish, holder, name};
use super::decision::service;
use super::ec2::{Body, LAG, State};
use super::world::{LEAVING, REFERENCE, Verdict, World};
use tidb_private_endpoint::ids::EndpointId;
use tidb_private_endpoint::outcome::{Ready, Way};
use tidb_private_endpoint::reference::{self, Tags};
use tidb_private_endpoint::step::Step;

impl World {
    /// The known limit: a delivery of a Create that CloudFormation has given up on writes for the first time when the
    /// Delete is through with looking, or so shortly before that EC2 did not show it yet.
    pub(super) fn excuse(&mut self, stack: usize) {
        let Stack { gone, released, wrote, .. } = self.stacks[stack];
        if (gone || released) && wrote > self.now - LAG {
            self.tell(|| format!("{}: nobody can tell that its Create would still write", name(stack)));
            self.excused = true;
        }
    }

    /// Whether a call touches only what is its own.
    pub(super) fn check_permitted(&self, stack: usize, step: &Step) -> Verdict<()> {
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
    pub(super) fn check_promises(&self) -> Verdict<()> {
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

    /// Whether a success is one.
    pub(super) fn check_ready(&self, stack: usize, wish: Wish, ready: &Ready) -> Verdict<()> {
        let id = &ready.endpoint.id;
        let fault = |what: &str| Err(format!("{} is told that {id} is ready, but {what}", name(stack)));
        let Some(record) = self.ec2.endpoints.get(id) else { return fault("there is no such endpoint") };
        match record.state(self.now) {
            State::Available => {}
            // Another stack changes it at this moment; it works meanwhile.
            State::Pending if ready.way != Way::Created && self.stacks.len() > 1 => {}
            state => return fault(&format!("it is {state:?}")),
        }
        if record.service().as_str() != service(wish.service) {
            return fault("it leads elsewhere");
        }
        if wish.private_dns && !record.body(self.now).is_some_and(Body::has_private_dns) {
            return fault("it has no private DNS");
        }
        if !holder(stack).is_in(&record.tags(self.now)) {
            return fault("it does not carry the reference");
        }
        Ok(())
    }

    /// What must hold when everything has come to rest.
    pub(super) fn check_end(&self) -> Verdict<()> {
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

    /// What is there when everything has come to rest.
    pub(super) fn at_rest(&self) -> String {
        let endpoints = self.ec2.endpoints.iter().map(|(id, record)| {
            let tags: Vec<String> = record.tags(self.now).into_keys().filter(|key| !key.starts_with(LEAVING)).collect();
            format!("{id}: {:?} {tags:?}", record.exists(self.now))
        });
        let stacks = self.stacks.iter().map(|stack| format!("{} {:?}", stack.gone, stack.promised));
        endpoints.chain(stacks).collect::<Vec<_>>().join("; ")
    }
}
