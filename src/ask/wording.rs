//! The status for people, and the commands that fix what it has found.

use super::counts::Counts;
use super::question::Scope;
use super::status::{EndpointStatus, HolderStatus, RuleStatus, Status};
use super::text;
use crate::model::tags::is_hash;
use jiff::{SignedDuration, Timestamp};
use std::fmt::Write as _;

/// How many endpoints with nothing to fix are described one by one.
const DESCRIBED_MAX: usize = 200;

/// What a release of an endpoint without a holder names, if the endpoint was handed over, so that the tag `owned` has
/// another value than a hash. A release of what has no reference is about the endpoint alone.
const NO_HOLDER: &str = "000000000000000000000000";

/// The commands that fix what was found.
pub(super) fn commands(status: &Status, function: &str) -> Vec<String> {
    let release = |endpoint: &str, holder: &str| {
        format!(
            "aws lambda invoke --function-name {function} \\\n  --cli-read-timeout 0 --cli-binary-format \
             raw-in-base64-out \\\n  --payload '{{\"Ask\":\"Release\",\n  \
             \"EndpointId\":\"{endpoint}\",\"Holder\":\"{holder}\"}}' answer.json"
        )
    };
    let mut commands = Vec::new();
    for endpoint in &status.endpoints {
        let id = &endpoint.endpoint_id;
        let stale = endpoint.holders.iter().filter(|holder| holder.stack_exists == Some(false));
        commands.extend(stale.map(|holder| release(id, &holder.hash)));
        let owner = endpoint.created_for.as_deref().filter(|_| endpoint.orphaned);
        commands.extend(owner.map(|hash| release(id, if is_hash(hash) { hash } else { NO_HOLDER })));
    }
    // A Create stops when its mark is gone, and nothing tells how old a mark is.
    let groups = status.security_groups.iter().filter(|group| !group.is_mark);
    commands.extend(groups.map(|group| format!("aws ec2 delete-security-group --group-id {}", group.group_id)));
    commands
}

/// The whole status as text.
pub(super) fn text(status: &Status, scope: &Scope, now: Timestamp) -> String {
    let mut out = String::new();
    text::add(&mut out, 0, &summary(status, scope));
    for warning in &status.warnings {
        text::add(&mut out, 0, warning);
    }
    let to_fix = status.endpoints.iter().filter(|endpoint| endpoint.needs_fixing()).count();
    for endpoint in status.endpoints.iter().take(to_fix.max(DESCRIBED_MAX)) {
        out.push('\n');
        describe(&mut out, endpoint, now);
    }
    let rest = status.endpoints.len().saturating_sub(to_fix.max(DESCRIBED_MAX));
    if rest > 0 {
        out.push('\n');
        let rest = text::count(rest, "more endpoint is", "more endpoints are");
        text::add(&mut out, 0, &format!("{rest} in Endpoints, with nothing to fix."));
    }
    if status.endpoints_left_out > 0 {
        let left_out = text::count(status.endpoints_left_out, "endpoint does", "endpoints do");
        text::add(&mut out, 0, &format!("{left_out} not fit into the answer; ask for one VPC with VpcId."));
    }
    if !status.security_groups.is_empty() {
        out.push_str("\nSecurity groups of the provider that no endpoint uses\n");
        for group in &status.security_groups {
            let mark = if group.is_mark { ", the mark of a Create that is running or has died" } else { "" };
            text::add(&mut out, 4, &format!("  - {} in {} ({}{mark})", group.group_id, group.vpc_id, group.group_name));
        }
        text::add(&mut out, 2, "  A stack that is being deployed may be about to use one; delete one only if none is.");
    }
    if !status.commands.is_empty() {
        out.push_str("\nTo fix this\n\n");
        for command in &status.commands {
            out.push_str(command);
            out.push('\n');
        }
    }
    out
}

fn summary(status: &Status, scope: &Scope) -> String {
    let place = match (&scope.endpoint, &scope.vpc) {
        (Some(id), _) => format!(" with the ID {id}"),
        (None, Some(vpc)) => format!(" in {vpc}"),
        (None, None) => " in this Region".to_owned(),
    };
    let service = scope.service.as_ref().map(|service| format!(" for {service}")).unwrap_or_default();
    let Counts { endpoints, holders, stale_references, orphans, .. } = status.counts;
    let stale = stale_references.unwrap_or_default();
    let mut sentence = format!(
        "{}{service}{place}, with {}.",
        text::count(endpoints, "endpoint", "endpoints"),
        text::count(holders, "holder", "holders")
    );
    if stale > 0 {
        let which = text::count(stale, "holder belongs", "holders belong");
        let _ = write!(sentence, " {which} to a stack that no longer exists.");
    }
    if orphans > 0 {
        let _ = write!(sentence, " {} without a holder.", text::count(orphans, "endpoint is", "endpoints are"));
    }
    sentence
}

fn describe(out: &mut String, endpoint: &EndpointStatus, now: Timestamp) {
    let EndpointStatus { endpoint_id, vpc_id, service_name, state, .. } = endpoint;
    let age = endpoint.created_at.as_ref().and_then(|at| at.parse::<Timestamp>().ok());
    let age = age.map(|at| format!(", {} old", span(now.duration_since(at)))).unwrap_or_default();
    text::add(out, 2, &format!("{endpoint_id} in {vpc_id}: {state}{age}"));
    text::add(out, 4, &format!("  service {service_name}"));
    let by = if endpoint.ownership == "Owned" {
        "created by the provider"
    } else {
        "not created by the provider, never deleted by it"
    };
    let dns = if endpoint.private_dns_enabled { "on" } else { "off" };
    let zones = match endpoint.availability_zone_ids.as_slice() {
        [] => text::count(endpoint.subnet_ids.len(), "zone", "zones"),
        zones => format!("in {}", zones.join(", ")),
    };
    let left = text::count(endpoint.reference_slots_left, "more reference", "more references");
    text::add(out, 4, &format!("  {by}; private DNS {dns}; {zones}; room for {left}"));
    text::add(out, 4, &format!("  security groups {}", endpoint.security_group_ids.join(", ")));
    for HolderStatus { stack, logical_resource_id, hash, stack_exists } in &endpoint.holders {
        let exists = match stack_exists {
            Some(true) => "the stack exists",
            Some(false) => "THE STACK NO LONGER EXISTS",
            None => "whether the stack exists is not known",
        };
        let slash = if logical_resource_id.is_empty() { "" } else { "/" };
        text::add(out, 4, &format!("  held by {stack}{slash}{logical_resource_id} ({hash}): {exists}"));
    }
    for RuleStatus { port, source, requested_by } in &endpoint.rules {
        let whom = if requested_by.is_empty() { "nobody".to_owned() } else { requested_by.join(", ") };
        text::add(out, 4, &format!("  allows TCP port {port} from {source}, requested by {whom}"));
    }
    for difference in &endpoint.differences {
        text::add(out, 4, &format!("  difference: {difference}"));
    }
    if endpoint.orphaned {
        text::add(out, 4, "  NO HOLDER, unless it is being deleted right now");
    }
    for announcement in &endpoint.announcements {
        let what = if announcement.expired { "had announced, and did not complete," } else { "has announced" };
        text::add(out, 4, &format!("  {} {what} to delete it or to take something away from it", announcement.by));
    }
}

/// An age in its largest unit.
fn span(age: SignedDuration) -> String {
    match (age.as_hours() / 24, age.as_hours(), age.as_mins()) {
        (days @ 2.., ..) => format!("{days} days"),
        (_, hours @ 2.., _) => format!("{hours} hours"),
        (_, _, minutes) => text::count(usize::try_from(minutes.max(0)).unwrap_or(0), "minute", "minutes"),
    }
}
