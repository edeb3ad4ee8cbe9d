//! How an endpoint differs from what is asked for: what the provider changes, and what it only warns about.
//!
//! An owned endpoint becomes what all its holders request together. A foreign one is never changed.

use super::desired::{Desired, Own, tag_change};
use super::facts::{Fact, Facts};
use super::others::Others;
use super::placement::Placement;
use super::relation::Relation;
use super::warning::Warning;
use crate::model::change::{Change, TagChange};
use crate::model::endpoint::Endpoint;
use crate::model::ids::{GroupId, SubnetId, ZoneId, join};
use crate::model::tags::Tags;
use crate::model::wanted::Wanted;
use crate::request::spec::EndpointSpec;

/// What a resource asks for and what it has asked for before, beside an endpoint.
#[derive(Debug, Clone, Copy)]
pub(super) struct Comparison<'a> {
    pub(super) spec: &'a EndpointSpec,
    pub(super) placement: Option<&'a Placement>,
    /// The security groups that the endpoint is to have; empty if they are to stay as they are.
    pub(super) groups: &'a [GroupId],
    pub(super) before: &'a [Wanted],
    pub(super) tags_before: &'a Tags,
    pub(super) managed_group: Option<&'a GroupId>,
    pub(super) facts: &'a Facts,
    pub(super) endpoint: &'a Endpoint,
    pub(super) relation: &'a Relation,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Difference {
    /// The next change to make.
    pub(super) change: Option<Change>,
    pub(super) tags: Option<TagChange>,
    /// What stays different.
    pub(super) warnings: Vec<Warning>,
}

const FOREIGN: &str = "the endpoint was not created by the provider";

impl Comparison<'_> {
    pub(super) fn difference(&self) -> Difference {
        let warnings = [self.subnets(), self.groups(), self.settings(), self.tags()].concat();
        let Relation::Owned(others) = self.relation else { return Difference { warnings, ..Difference::default() } };
        let change = self.desired(others).change();
        let tags = tag_change(self.endpoint, &self.spec.tags, self.tags_before, others);
        Difference {
            change: (!change.is_empty()).then_some(change),
            tags: (tags != TagChange::default()).then_some(tags),
            warnings,
        }
    }

    /// A fact that has to be known first.
    pub(super) fn unread(&self) -> Option<Fact> {
        let Relation::Owned(others) = self.relation else { return None };
        self.desired(others).unread()
    }

    fn desired<'d>(&'d self, others: &'d Others) -> Desired<'d> {
        let Self { spec, placement, groups, before, managed_group, facts, endpoint, .. } = *self;
        let (private_dns, ip_address_type) =
            if self.is_elsewhere() { (endpoint.private_dns, None) } else { (spec.private_dns, spec.ip_address_type) };
        let subnets = placement.map(|placement| placement.subnets.as_slice());
        let groups = (!groups.is_empty()).then_some(groups);
        let own = Own { stays: true, subnets, groups, private_dns, ip_address_type };
        Desired { endpoint, facts, own, before, others, managed_group }
    }

    /// Whether the endpoint is in another VPC, where the resource changes nothing but who may connect.
    fn is_elsewhere(&self) -> bool {
        !self.endpoint.is_in(self.spec.vpc_id.as_ref())
    }

    /// Why something stays although this resource does not ask for it.
    fn why(&self, who: impl Fn(&Others) -> Option<String>, else_: &str) -> String {
        match self.relation {
            Relation::Foreign => FOREIGN.to_owned(),
            Relation::Owned(others) => {
                who(others).map_or_else(|| else_.to_owned(), |who| format!("it is used by {who}"))
            }
        }
    }

    fn zone(&self, subnet: &SubnetId) -> Option<&ZoneId> {
        self.facts.zone_of(subnet)
    }

    fn subnets(&self) -> Vec<Warning> {
        let Some(placement) = self.placement else { return Vec::new() };
        let Self { spec, endpoint, .. } = *self;
        let mut warnings = placement.warnings(|id| self.zone(id));
        let who = |others: &Others, id: &SubnetId| {
            others.who_names(id, self.zone(id)).or_else(|| others.who_wants_zone(self.zone(id), true))
        };
        let why = |id: &SubnetId| self.why(|others| who(others, id), "no resource is known to request it");
        let missing = placement.subnets.iter().filter(|id| !endpoint.subnet_ids.contains(id));
        let covering = |wanted: &SubnetId| endpoint.subnet_ids.iter().find(|has| self.zone(has) == self.zone(wanted));
        let (blocked, uncovered): (Vec<&SubnetId>, Vec<&SubnetId>) =
            missing.partition(|wanted| covering(wanted).is_some());
        warnings.extend(blocked.into_iter().filter_map(|wanted| {
            let has = covering(wanted)?.clone();
            let because = why(&has);
            Some(Warning::OtherSubnetInZone { wanted: wanted.clone(), has, because })
        }));
        let uncovered: Vec<&ZoneId> = uncovered.into_iter().filter_map(|id| self.zone(id)).collect();
        if self.relation.is_foreign() && !uncovered.is_empty() {
            let (endpoint, zones) = (endpoint.id.clone(), join(uncovered, ", "));
            warnings.push(Warning::ZonesNotCovered { endpoint, zones });
        }
        if spec.subnet_ids.is_empty() && spec.zone_ids.is_empty() {
            return warnings;
        }
        let is_wanted = |zone: &ZoneId| placement.subnets.iter().any(|id| self.zone(id) == Some(zone));
        let kept = endpoint.subnet_ids.iter().filter_map(|id| Some((id, self.zone(id)?)));
        let kept = kept.filter(|(_, zone)| !is_wanted(zone)).map(|(id, zone)| format!("{id} in {zone} ({})", why(id)));
        let subnets = join(kept, ", ");
        warnings.extend((!subnets.is_empty()).then_some(Warning::SubnetsKept { subnets }));
        warnings
    }

    fn groups(&self) -> Vec<Warning> {
        let Self { groups: wanted, endpoint, managed_group, .. } = *self;
        if wanted.is_empty() {
            return Vec::new();
        }
        let who = |others: &Others, id: &GroupId| {
            if managed_group == Some(id) { others.who_uses_managed_group() } else { others.who_uses(id) }
        };
        let why = |id: &GroupId| self.why(|others| who(others, id), "no resource is known to request it");
        let missing = join(wanted.iter().filter(|id| !endpoint.group_ids.contains(id)), ", ");
        let not_attached = (self.relation.is_foreign() && !missing.is_empty())
            .then(|| Warning::GroupsNotAttached { endpoint: endpoint.id.clone(), groups: missing });
        let surplus = endpoint.group_ids.iter().filter(|id| !wanted.contains(id));
        let groups = join(surplus.map(|id| format!("{id} ({})", why(id))), ", ");
        let kept = (!groups.is_empty()).then_some(Warning::GroupsKept { groups });
        not_attached.into_iter().chain(kept).collect()
    }

    /// Private DNS and the IP address type.
    fn settings(&self) -> Vec<Warning> {
        let Self { spec, endpoint, .. } = *self;
        let because = |not_yet| if self.is_elsewhere() { "it is in another VPC" } else { not_yet };
        let id = || endpoint.id.clone();
        let private_dns = match (spec.private_dns, endpoint.private_dns) {
            (false, true) => {
                let because = self.why(Others::who_uses_private_dns, because("EC2 has not turned it off"));
                Some(Warning::PrivateDnsKeptOn { endpoint: id(), because })
            }
            // Its private DNS would not work in this VPC anyway.
            (true, false) if self.is_elsewhere() => Some(Warning::PrivateDnsOff { endpoint: id() }),
            (true, false | true) | (false, false) => None,
        };
        let differs = |wanted: &str| !endpoint.ip_address_type.eq_ignore_ascii_case(wanted);
        let wanted = spec.ip_address_type.filter(|kind| differs(kind.as_str()));
        let address_type = wanted.map(|wanted| Warning::AddressTypeKept {
            endpoint: id(),
            has: endpoint.ip_address_type.clone(),
            wanted: wanted.as_str(),
            because: self.why(Others::names, because("EC2 has not changed it")),
        });
        private_dns.into_iter().chain(address_type).collect()
    }

    fn tags(&self) -> Vec<Warning> {
        let Self { spec, tags_before, endpoint, relation, .. } = *self;
        let differing = spec.tags.iter().filter(|(key, value)| endpoint.tags.get(*key) != Some(value));
        let Relation::Owned(others) = relation else {
            let keys = join(differing.map(|(key, _)| key), ", ");
            let endpoint = endpoint.id.clone();
            return (!keys.is_empty()).then_some(Warning::TagsNotWritten { endpoint, keys }).into_iter().collect();
        };
        let is_taken =
            |key: &&String| endpoint.tags.get(*key).is_some_and(|value| others.who_tags(key, value).is_some());
        let kept = join(differing.map(|(key, _)| key).filter(is_taken), ", ");
        let dropped = tags_before.keys().filter(|key| !spec.tags.contains_key(*key));
        let not_removed = join(dropped.filter(is_taken), ", ");
        let kept = (!kept.is_empty()).then_some(Warning::TagsKept { keys: kept });
        kept.into_iter()
            .chain((!not_removed.is_empty()).then_some(Warning::TagsNotRemoved { keys: not_removed }))
            .collect()
    }
}
