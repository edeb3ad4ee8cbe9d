//! What has to hold at every moment, and when everything has come to rest.

use super::cloudformation::{Stack, Wish, holder, name};
use super::decision::service;
use super::ec2::{Body, LAG, State};
use super::world::{LEAVING, REFERENCE, Verdict, World};
use tidb_private_endpoint::decision::action::{Action, TagAction};
use tidb_private_endpoint::decision::outcome::Outcome;
use tidb_private_endpoint::model::ids::EndpointId;
use tidb_private_endpoint::model::tags::{self, Tags};

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
    pub(super) fn check_permitted(&self, stack: usize, action: &Action) -> Verdict<()> {
        let now = self.now;
        let (id, own_tag_only) = match action {
            Action::Tag(id, TagAction::Join | TagAction::Release) => (id, true),
            Action::DeleteEndpoint(id) | Action::ModifyEndpoint(id, _) | Action::Tag(id, _) => (id, false),
            _ => return Ok(()),
        };
        let Some(record) = self.ec2.endpoints.get(id).filter(|record| record.exists(now)) else { return Ok(()) };
        if !own_tag_only && tags::owner(&record.tags(now)).is_none() {
            return Err(format!("{} does '{}' to {id}, which is not the product's", name(stack), action.name()));
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
    pub(super) fn check_ready(&self, stack: usize, wish: Wish, outcome: &Outcome) -> Verdict<()> {
        let Some(ready) = outcome.ready() else { return Ok(()) };
        let id = &ready.endpoint.id;
        let fault = |what: &str| Err(format!("{} is told that {id} is ready, but {what}", name(stack)));
        let Some(record) = self.ec2.endpoints.get(id) else { return fault("there is no such endpoint") };
        match record.state(self.now) {
            State::Available => {}
            // Another stack changes it at this moment; it works meanwhile.
            State::Pending if !matches!(outcome, Outcome::Created(_)) && self.stacks.len() > 1 => {}
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
            self.check_rest(id, record.made() || tags::owner(&tags).is_some(), &tags)?;
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
