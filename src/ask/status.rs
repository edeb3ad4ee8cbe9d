//! What there is: endpoints, who uses them, whose stacks are gone, and what nobody needs.

use super::counts::Counts;
use super::differences::{Zones, differences, requests, zones};
use super::question::Scope;
use super::wording;
use crate::model::endpoint::Endpoint;
use crate::model::ids::GroupId;
use crate::model::network::Subnet;
use crate::model::security_group::{SecurityGroup, is_mark, managed_group_name};
use crate::model::stacks::{CloudFormationError, Stacks};
use crate::model::tags::{Announcements, REF, Reference, TAG_LIMIT, counted, is_held, owner};
use crate::model::wanted::Wanted;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeSet;

/// The most bytes of an answer. Lambda returns up to 6 MB (Lambda developer guide, "Lambda quotas").
const BYTES_MAX: usize = 5_500_000;

/// What was read for a status.
#[derive(Debug)]
pub struct Found<'a> {
    pub scope: &'a Scope,
    pub endpoints: Vec<Endpoint>,
    /// The security groups that the provider created: all of them, or those of the one endpoint.
    pub groups: Vec<SecurityGroup>,
    /// The subnets of the VPC, or of the region.
    pub subnets: Vec<Subnet>,
    pub stacks: Result<Stacks, CloudFormationError>,
    pub now: Timestamp,
    /// The name of the function.
    pub function: &'a str,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Status {
    pub text: String,
    pub counts: Counts,
    /// Those with something to fix come first.
    pub endpoints: Vec<EndpointStatus>,
    /// The provider's security groups that no endpoint uses.
    pub security_groups: Vec<GroupStatus>,
    pub warnings: Vec<String>,
    /// What fixes what was found; each is a command for a shell.
    pub commands: Vec<String>,
    /// How many endpoints were left out because the answer would be too long.
    pub endpoints_left_out: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct EndpointStatus {
    pub endpoint_id: String,
    pub vpc_id: String,
    pub service_name: String,
    pub state: String,
    /// `Owned` or `Foreign`.
    pub ownership: &'static str,
    pub created_at: Option<String>,
    pub subnet_ids: Vec<String>,
    /// The IDs of the zones of those subnets that EC2 shows to the account.
    pub availability_zone_ids: Vec<String>,
    pub security_group_ids: Vec<String>,
    pub private_dns_enabled: bool,
    /// What the provider's security group allows.
    pub rules: Vec<RuleStatus>,
    pub holders: Vec<HolderStatus>,
    /// What holders request and the endpoint does not have, one sentence each.
    pub differences: Vec<String>,
    pub announcements: Vec<AnnouncementStatus>,
    /// How many more tags EC2 allows on it; a reference takes one.
    pub reference_slots_left: usize,
    /// Whether the provider created it and no resource holds it.
    pub orphaned: bool,
    /// The hash of the resource that it was created for.
    pub created_for: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct HolderStatus {
    pub stack: String,
    pub logical_resource_id: String,
    pub hash: String,
    /// `None` where that cannot be determined.
    pub stack_exists: Option<bool>,
}

/// A rule of the provider's security group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct RuleStatus {
    pub port: u16,
    pub source: String,
    /// Stack and resource of the holders that request it.
    pub requested_by: Vec<String>,
}

/// An announcement that an endpoint may be deleted, or something taken away from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AnnouncementStatus {
    pub by: String,
    pub key: String,
    /// Whether its moment has passed: the function that wrote it has ended without removing it.
    pub expired: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GroupStatus {
    pub group_id: String,
    pub group_name: String,
    pub vpc_id: String,
    /// Whether it only marks a Create as running.
    pub is_mark: bool,
}

impl EndpointStatus {
    /// Whether there is something to fix.
    pub fn needs_fixing(&self) -> bool {
        self.orphaned || self.holders.iter().any(|holder| holder.stack_exists == Some(false))
    }

    fn new(endpoint: &Endpoint, Found { groups, stacks, now, .. }: &Found<'_>, zones: &Zones) -> Self {
        let is_owned = endpoint.is_owned();
        let mut holders: Vec<HolderStatus> = references(endpoint)
            .map(|(hash, name)| {
                let (stack, logical_id) = name.split_once('/').unwrap_or((name, ""));
                HolderStatus {
                    stack: stack.to_owned(),
                    logical_resource_id: logical_id.to_owned(),
                    hash: hash.to_owned(),
                    stack_exists: stacks.as_ref().ok().and_then(|stacks| stacks.has(name, hash)),
                }
            })
            .collect();
        holders.sort_by(|a, b| (&a.stack, &a.logical_resource_id).cmp(&(&b.stack, &b.logical_resource_id)));
        let Announcements { pending, expired } = Announcements::at(*now, &endpoint.tags);
        let announcement = |key: String, expired| AnnouncementStatus {
            by: endpoint.tags.get(&key).cloned().unwrap_or_default(),
            key,
            expired,
        };
        let announcements = pending.into_iter().map(|key| announcement(key, false));
        let announcements = announcements.chain(expired.into_iter().map(|key| announcement(key, true))).collect();
        Self {
            endpoint_id: endpoint.id.to_string(),
            vpc_id: endpoint.vpc_id.to_string(),
            service_name: endpoint.service_name.to_string(),
            state: endpoint.state.to_string(),
            ownership: if is_owned { "Owned" } else { "Foreign" },
            created_at: endpoint.created_at.map(|at| at.to_string()),
            subnet_ids: strings(&endpoint.subnet_ids),
            availability_zone_ids: endpoint
                .subnet_ids
                .iter()
                .filter_map(|id| zones.get(id))
                .map(ToString::to_string)
                .collect(),
            security_group_ids: strings(&endpoint.group_ids),
            private_dns_enabled: endpoint.private_dns,
            rules: rules(endpoint, groups),
            holders,
            differences: differences(endpoint, groups, zones),
            announcements,
            reference_slots_left: TAG_LIMIT.saturating_sub(counted(&endpoint.tags)),
            orphaned: is_owned && !is_held(&endpoint.tags) && !endpoint.state.is_ending(),
            created_for: owner(&endpoint.tags).map(str::to_owned),
        }
    }
}

fn strings<T: ToString>(ids: &[T]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}

/// Hash and name of each holder.
fn references(endpoint: &Endpoint) -> impl Iterator<Item = (&str, &str)> {
    let hashes = endpoint.tags.iter().filter_map(|(key, value)| Some((key.strip_prefix(REF)?, value)));
    hashes.map(|(hash, value)| (hash, Reference::parse(value).name))
}

/// The provider's security groups on an endpoint.
pub(super) fn own_groups<'g>(
    endpoint: &Endpoint,
    groups: &'g [SecurityGroup],
) -> impl Iterator<Item = &'g SecurityGroup> {
    groups.iter().filter(|group| group.is_owned() && endpoint.group_ids.contains(&group.id))
}

fn rules(endpoint: &Endpoint, groups: &[SecurityGroup]) -> Vec<RuleStatus> {
    let requests = requests(endpoint);
    let rules = own_groups(endpoint, groups).flat_map(SecurityGroup::provider_rules);
    rules
        .map(|rule| {
            // Whoever names no source requests the blocks of the VPC, which are not read. What somebody names is not theirs.
            let names = |wanted: &Wanted| !wanted.sources.is_empty() && wanted.admits(rule.port, &rule.source, false);
            let is_named = requests.iter().any(|(_, wanted)| names(wanted));
            let requests = requests.iter().filter(|(_, wanted)| {
                if is_named { names(wanted) } else { wanted.admits(rule.port, &rule.source, true) }
            });
            let requested_by = requests.map(|(name, _)| (*name).to_owned()).collect();
            RuleStatus { port: rule.port, source: rule.source.to_string(), requested_by }
        })
        .collect()
}

impl Status {
    pub fn new(found: &Found<'_>) -> Self {
        let Scope { vpc, service, endpoint: id, .. } = found.scope;
        let concerns = |endpoint: &&Endpoint| {
            vpc.as_ref().is_none_or(|vpc| endpoint.vpc_id == *vpc)
                && service.as_ref().is_none_or(|service| endpoint.service_name == *service)
        };
        let shown = found.endpoints.iter().filter(concerns);
        let zones = zones(&found.subnets);
        let mut endpoints: Vec<EndpointStatus> =
            shown.map(|endpoint| EndpointStatus::new(endpoint, found, &zones)).collect();
        endpoints.sort_by(|a, b| {
            (!a.needs_fixing(), &a.vpc_id, &a.endpoint_id).cmp(&(!b.needs_fixing(), &b.vpc_id, &b.endpoint_id))
        });
        let mut warnings = Vec::new();
        if let Err(unlisted) = &found.stacks {
            warnings.push(format!("The provider could not determine whether the holders' stacks exist. {unlisted}"));
        }
        if let (Some(id), true) = (id, endpoints.is_empty()) {
            let sentence =
                format!("EC2 shows no interface endpoint {id} in this account and Region; check EndpointId.");
            warnings.push(sentence);
        }
        let mut status = Self {
            text: String::new(),
            counts: Counts::of(&endpoints, found.stacks.is_ok()),
            security_groups: unused_groups(found),
            endpoints,
            warnings,
            commands: Vec::new(),
            endpoints_left_out: 0,
        };
        status.fit(found);
        status
    }

    /// Words the answer, and leaves out endpoints from the end until it is short enough.
    fn fit(&mut self, found: &Found<'_>) {
        loop {
            self.commands = wording::commands(self, found.function);
            self.text = wording::text(self, found.scope, found.now);
            let bytes = serde_json::to_vec(&self).map_or(0, |bytes| bytes.len());
            if bytes <= BYTES_MAX || self.endpoints.is_empty() {
                return;
            }
            let keep = self.endpoints.len() * BYTES_MAX / bytes * 9 / 10;
            self.endpoints_left_out += self.endpoints.len() - keep;
            self.endpoints.truncate(keep);
        }
    }
}

/// The provider's security groups that no endpoint uses.
fn unused_groups(found: &Found<'_>) -> Vec<GroupStatus> {
    let used: BTreeSet<&GroupId> = found.endpoints.iter().flat_map(|endpoint| &endpoint.group_ids).collect();
    let name = found.scope.service.as_ref().map(managed_group_name);
    let unused = found.groups.iter().filter(|group| {
        group.is_owned()
            && !used.contains(&group.id)
            && name.as_ref().is_none_or(|name| group.name == *name || is_mark(&group.name))
    });
    unused
        .map(|group| GroupStatus {
            group_id: group.id.to_string(),
            group_name: group.name.clone(),
            vpc_id: group.vpc_id.to_string(),
            is_mark: is_mark(&group.name),
        })
        .collect()
}
