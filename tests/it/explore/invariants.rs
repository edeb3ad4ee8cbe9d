//! The invariants: what holds at every moment, when a stack gets a successful response, and when a history has ended.

use super::cloudformation::{Clients, Operation, Spec, Stack, holder, name};
use super::ec2::LAG;
use super::endpoint::{Body, Lifecycle, Record};
use super::provider::{GROUPS, SUBNETS, TAGS, block, service};
use super::state::{Checked, Delivery, LEAVING, REFERENCE, State};
use tidb_private_endpoint::decision::action::{Action, TagAction};
use tidb_private_endpoint::decision::outcome::Outcome;
use tidb_private_endpoint::model::ids::EndpointId;
use tidb_private_endpoint::model::security_group::{Rule, SecurityGroup};
use tidb_private_endpoint::model::tags::{self, Claim, Tags};

/// The one operation of a stack that must not change what it has.
const CLEAN_UP: Operation = Operation::CleanUpFailed;

impl State {
    /// The known limit of the protocol where CloudFormation does not say what it still waits for (assumption 6 in
    /// `docs/sharing.md`): a function of a Create writes after the last look of the Delete, or so shortly before it that the
    /// look does not show it, because it was started after the Delete, or because EC2 kept it from writing, or from looking,
    /// for longer than a look and a call take. The history is exempt from further checks and ends here.
    pub(super) fn check_known_limit(&mut self, stack: usize) {
        let Stack { deleted, released, last_join, late_join, .. } = self.stacks[stack];
        if self.is_unanswered && late_join && (deleted || released) && last_join > self.now - LAG {
            self.trace(|| format!("{}: its Create writes too late for its Delete to see (known limit)", name(stack)));
            self.exempt = true;
        }
    }

    /// The other one: an update has created an endpoint after its rollback had ended, and its function has died, or EC2 has
    /// kept it from looking until its stack was gone. The next delivery does not know whether that endpoint is in use.
    pub(super) fn check_known_limit_of_update(&mut self, delivery: &Delivery) {
        let Delivery { stack, request, sent, started, blind_until, .. } = delivery;
        let is_left = |tags: &Tags| Claim::written_by(request.mark(), &request.holder).is_in(tags);
        let mut others = self.ec2.endpoints.iter().filter(|(id, _)| request.current() != Some(*id));
        if self.is_unanswered
            && request.is_update()
            && (started > sent || blind_until > sent)
            && others.any(|(_, record)| record.exists(self.now) && is_left(&record.tags_at(self.now)))
        {
            self.trace(|| format!("{}: what its update has created late stays (known limit)", name(*stack)));
            self.exempt = true;
        }
    }

    /// Whether what a delivery writes now comes too late for a Delete that was sent meanwhile.
    pub(super) fn is_late(&self, number: usize) -> bool {
        let delivery = &self.deliveries[number];
        let too_late = |sent| delivery.started > sent || delivery.blind_until > sent;
        let deleted_before = self.stacks[delivery.stack].delete_sent.is_some_and(too_late);
        deleted_before || delivery.first_write_late == Some(true)
    }

    /// A call changes no foreign endpoint, except for the stack's own reference.
    pub(super) fn check_permitted(&self, stack: usize, action: &Action) -> Checked<()> {
        let now = self.now;
        let (id, own_reference) = match action {
            Action::Tag(id, TagAction::Join(_) | TagAction::Release(_)) => (id, true),
            Action::DeleteEndpoint(id) | Action::ModifyEndpoint(id, _) | Action::Tag(id, _) => (id, false),
            _ => return Ok(()),
        };
        let Some(record) = self.ec2.endpoints.get(id).filter(|record| record.exists(now)) else { return Ok(()) };
        if !own_reference && tags::owner(&record.tags_at(now)).is_none() {
            return Err(format!("{} calls '{}' on {id}, which is foreign", name(stack), action.name()));
        }
        Ok(())
    }

    /// Every stack that has joined an endpoint still has it, with its reference.
    pub(super) fn check_joined(&self) -> Checked<()> {
        for (number, stack) in self.stacks.iter().enumerate() {
            for id in &stack.joined {
                let record = self.ec2.endpoints.get(id).filter(|record| record.exists(self.now));
                let Some(record) = record else { return Err(format!("{} has lost its endpoint {id}", name(number))) };
                if !holder(number).is_in(&record.tags_at(self.now)) {
                    return Err(format!("{} has lost its reference on {id}", name(number)));
                }
            }
            // Whatever events of its own do to it: CloudFormation believes that it is there.
            for id in stack.promised.iter().chain(&stack.retained) {
                let record = self.ec2.endpoints.get(id).filter(|record| record.exists(self.now));
                if !record.is_some_and(|record| holder(number).is_in(&record.tags_at(self.now))) {
                    return Err(format!(
                        "{} no longer holds {id}, which CloudFormation believes to be there",
                        name(number)
                    ));
                }
            }
            self.check_still_as_promised(number, stack)?;
        }
        Ok(())
    }

    /// What a successful response has promised stays true until the stack itself asks for something else.
    fn check_still_as_promised(&self, number: usize, stack: &Stack) -> Checked<()> {
        let (Some(id), Some(spec)) = (&stack.promised, stack.spec) else { return Ok(()) };
        let is_current = |delivery: &Delivery| {
            delivery.stack == number && delivery.number == stack.operations && delivery.operation != CLEAN_UP
        };
        let updates = !stack.responded && self.deliveries.iter().any(is_current);
        let Some(record) = self.ec2.endpoints.get(id).filter(|record| record.exists(self.now) && !updates) else {
            return Ok(());
        };
        let Some(body) = record.body.at(self.now) else { return Ok(()) };
        if tags::owner(&record.tags_at(self.now)).is_none() {
            return Ok(());
        }
        if spec.private_dns && !body.private_dns {
            return Err(format!("{} has lost the private DNS of {id}", name(number)));
        }
        let lacks = self.lacks(body, spec);
        lacks.map_or(Ok(()), |what| Err(format!("{} has lost its {what} on {id}", name(number))))
    }

    /// What an endpoint lacks of what a stack requests, apart from private DNS.
    fn lacks(&self, body: &Body, spec: Spec) -> Option<&'static str> {
        let has_subnet = |n: usize| body.subnets.iter().any(|subnet| subnet.as_str() == SUBNETS[n]);
        let admits = |n: usize| {
            let groups = self.ec2.groups.existing(self.now).filter(|group| body.groups.contains(&group.id));
            groups.flat_map(|group| &group.rules).any(|rule| rule.source == block(n))
        };
        let is_open = match spec.clients {
            Clients::Group(n) => body.groups.iter().any(|group| group.as_str() == GROUPS[n]),
            Clients::Block(n) | Clients::Spoke(n) => admits(n),
        };
        // A spoke needs addresses, wherever they are.
        if spec.is_spoke() {
            let lacks_addresses = body.subnets.is_empty().then_some("subnets");
            return if is_open { lacks_addresses } else { Some("clients") };
        }
        if !is_open {
            Some("clients")
        } else if !(0..SUBNETS.len()).all(|n| has_subnet(n) || spec.subnet.is_some_and(|only| only != n)) {
            Some("subnet")
        } else {
            None
        }
    }

    /// A successful response is true when CloudFormation receives it.
    pub(super) fn check_ready(&self, stack: usize, spec: Spec, outcome: &Outcome) -> Checked<()> {
        let Some(ready) = outcome.ready() else { return Ok(()) };
        let id = &ready.endpoint.id;
        let wrong = |what: &str| Err(format!("{}'s response says that {id} is ready, but {what}", name(stack)));
        let Some(record) = self.ec2.endpoints.get(id) else { return wrong("it does not exist") };
        match record.state(self.now) {
            Lifecycle::Available => {}
            // Another stack is modifying it, which does not interrupt it.
            Lifecycle::Pending if !matches!(outcome, Outcome::Created(_)) && self.stacks.len() > 1 => {}
            state => return wrong(&format!("it is {state:?}")),
        }
        if record.service.as_str() != service(spec.service) {
            return wrong("it is for another service");
        }
        if spec.private_dns && !record.body.at(self.now).is_some_and(|body| body.private_dns) {
            return wrong("it has no private DNS");
        }
        if !holder(stack).is_in(&record.tags_at(self.now)) {
            return wrong("it does not have the reference");
        }
        let owned = tags::owner(&record.tags_at(self.now)).is_some();
        match record.body.at(self.now).filter(|_| owned).and_then(|body| self.lacks(body, spec)) {
            Some(what) => wrong(&format!("it lacks the {what}")),
            None => Ok(()),
        }
    }

    /// When a history has ended, an owned endpoint has what the stacks request that hold it, and nothing else.
    fn check_union(&self, id: &EndpointId, record: &Record) -> Checked<()> {
        let holders = self.stacks.iter().filter(|stack| stack.promised.as_ref() == Some(id));
        let specs: Vec<Spec> = holders.filter_map(|stack| stack.spec).collect();
        let Some(body) = record.body.at(self.now).filter(|_| !specs.is_empty()) else { return Ok(()) };
        let surplus = |what: &str| Err(format!("{id} has {what} that no stack requests: {body:?}"));
        if body.private_dns != specs.iter().any(|spec| spec.private_dns) {
            return surplus("private DNS");
        }
        // Tags are labels: one may be missing that another stack has removed a moment before.
        let tags = record.tags_at(self.now);
        let is_surplus = |n: &usize| tags.contains_key(TAGS[*n]) && specs.iter().all(|spec| spec.tag != Some(*n));
        if (0..TAGS.len()).any(|n| is_surplus(&n)) {
            return surplus("a tag");
        }
        // Where only spokes are left, the last subnets stay for them.
        let in_hub = || specs.iter().filter(|spec| !spec.is_spoke());
        let is_asked =
            |n: usize| in_hub().next().is_none() || in_hub().any(|spec| spec.subnet.is_none_or(|only| only == n));
        let asked: Vec<&str> = (0..SUBNETS.len()).filter(|n| is_asked(*n)).map(|n| SUBNETS[n]).collect();
        if body.subnets.iter().any(|subnet| !asked.contains(&subnet.as_str())) {
            return surplus("a subnet");
        }
        let gives = |id: &str| specs.iter().any(|spec| matches!(spec.clients, Clients::Group(n) if GROUPS[n] == id));
        let uses_managed = specs.iter().any(|spec| matches!(spec.clients, Clients::Block(_) | Clients::Spoke(_)));
        if body.groups.iter().any(|g| if GROUPS.contains(&g.as_str()) { !gives(g.as_str()) } else { !uses_managed }) {
            return surplus("a security group");
        }
        let groups = self.ec2.groups.existing(self.now).filter(|group| body.groups.contains(&group.id));
        let names = |rule: &Rule| {
            specs
                .iter()
                .any(|spec| matches!(spec.clients, Clients::Block(n) | Clients::Spoke(n) if block(n) == rule.source))
        };
        if groups.flat_map(|group| &group.rules).any(|rule| !names(rule)) {
            return surplus("a rule");
        }
        Ok(())
    }

    /// When a history has ended, every reference belongs to a stack that still has the endpoint, and nothing is left
    /// over.
    pub(super) fn check_end(&self) -> Checked<()> {
        if self.exempt {
            return Ok(());
        }
        if let Some(mark) = self.ec2.marks(self.now).next() {
            return Err(format!("the mark {mark} is left over"));
        }
        let is_used = |group: &SecurityGroup| {
            let mut bodies = self.ec2.endpoints.values().filter_map(|record| record.body.at(self.now));
            bodies.any(|body| body.groups.contains(&group.id) && body.state != Lifecycle::Unlisted)
        };
        if let Some(group) = self.ec2.groups.existing(self.now).find(|group| !is_used(group)) {
            return Err(format!("the security group {} is left over", group.name));
        }
        for (id, record) in &self.ec2.endpoints {
            if !record.exists(self.now) {
                continue;
            }
            let tags = record.tags_at(self.now);
            for key in tags.keys().filter(|key| key.starts_with(REFERENCE)) {
                let holder_is = |n: &usize| holder(*n).ref_key() == *key;
                let who = (0..self.stacks.len())
                    .find(holder_is)
                    .ok_or_else(|| format!("{id} has a reference of an unknown holder"))?;
                if self.stacks[who].promised.as_ref() != Some(id) && !self.stacks[who].retained.contains(id) {
                    return Err(format!("{} no longer has {id}, but its reference is still there", name(who)));
                }
            }
            if tags::owner(&tags).is_some() {
                self.check_union(id, record)?;
            }
            self.check_left_over(id, record.is_new() || tags::owner(&tags).is_some(), &tags)?;
        }
        Ok(())
    }

    fn check_left_over(&self, id: &EndpointId, owned: bool, tags: &Tags) -> Checked<()> {
        let held = tags.keys().any(|key| key.starts_with(REFERENCE));
        if owned && !held {
            return Err(format!("{id} is left over without a holder"));
        }
        if self.stacks.iter().all(|stack| stack.deleted) && tags.keys().any(|key| key.starts_with(LEAVING)) {
            return Err(format!("an announcement is left over on {id}"));
        }
        Ok(())
    }

    /// What a history has led to, for comparison.
    pub(super) fn summary(&self) -> String {
        let endpoints = self.ec2.endpoints.iter().map(|(id, record)| {
            let tags: Vec<String> =
                record.tags_at(self.now).into_keys().filter(|key| !key.starts_with(LEAVING)).collect();
            format!("{id}: {:?} {tags:?}", record.exists(self.now))
        });
        let stacks = self.stacks.iter().map(|stack| format!("{} {:?}", stack.deleted, stack.promised));
        endpoints.chain(stacks).collect::<Vec<_>>().join("; ")
    }
}
