//! What CloudFormation knows: the stacks of the account, whether that of a holder is still among them, and what it is doing
//! with a stack or a resource.

use super::ids::EndpointId;
use super::tags::{HOLDER_NAME_LIMIT, Holder, is_hash, other_account};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::fmt;

/// The stacks of the account in the region that are not deleted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stacks {
    /// ARNs by name; a name belongs to one of them at a time.
    ids: BTreeMap<String, String>,
}

impl Stacks {
    /// From their ARNs.
    pub fn of(ids: impl IntoIterator<Item = String>) -> Self {
        let name = |id: &String| id.split('/').nth(1).unwrap_or_default().to_owned();
        Self { ids: ids.into_iter().map(|id| (name(&id), id)).collect() }
    }

    /// Whether the stack of a holder exists, with the very ID that the reference was written for: a stack that was created
    /// anew under the same name is another one. `None` if the stack is in another account, if the name of the holder was too
    /// long for the reference and a stack exists whose name begins like it, and for what is no reference of a stack, such as
    /// the tag that keeps an endpoint during a migration.
    ///
    /// `name` is stack name and logical ID; `hash` is that of the reference.
    pub fn has(&self, name: &str, hash: &str) -> Option<bool> {
        if !is_hash(hash) || other_account(name).is_some() {
            return None;
        }
        let is_cut = name.chars().count() >= HOLDER_NAME_LIMIT;
        let Some((stack, logical_id)) = name.split_once('/') else {
            let begins_like_it =
                self.ids.range(name.to_owned()..).next().is_some_and(|(known, _)| known.starts_with(name));
            return if is_cut && begins_like_it { None } else { Some(false) };
        };
        match self.ids.get(stack) {
            Some(id) if Holder::new(id, logical_id).hash == hash => Some(true),
            Some(_) if is_cut => None,
            Some(_) | None => Some(false),
        }
    }
}

/// A resource of a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceId {
    /// The ARN of its stack.
    pub stack: String,
    /// Its logical ID.
    pub logical: String,
}

/// What CloudFormation says about a resource of a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResourceStatus {
    /// What it last did with the resource, or is doing.
    Known {
        /// Such as `CREATE_IN_PROGRESS` (CloudFormation API reference, `StackResourceDetail`).
        status: String,
        /// Since when it has this status.
        since: Timestamp,
        /// Its physical ID, if it has one already.
        physical_id: Option<String>,
    },
    /// It is not in the stack. CloudFormation shows a resource that it creates, updates or deletes, and all of a stack that
    /// is deleted, but none that an update, or the rollback of one, has removed from a stack that stays.
    Absent,
}

impl ResourceStatus {
    /// Whether the resource is this endpoint.
    pub fn is(&self, endpoint: &EndpointId) -> bool {
        matches!(self, Self::Known { physical_id: Some(id), .. } if id == endpoint.as_str())
    }

    /// Whether CloudFormation no longer waits for an event to create or update the resource, which it sent at a moment. A
    /// status from before is none that followed the event, and no update ends in one of a creation. One of an unknown kind
    /// proves nothing.
    pub fn has_ended(&self, sent: Timestamp, is_update: bool) -> bool {
        let Self::Known { status, since, .. } = self else { return true };
        if is_update && status.starts_with("CREATE_") {
            return false;
        }
        let is_final = ["_COMPLETE", "_FAILED", "_SKIPPED"].iter().any(|ending| status.ends_with(ending));
        (is_final || status.starts_with("DELETE_")) && *since >= sent
    }
}

impl fmt::Display for ResourceStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known { status, .. } => write!(f, "the status {status} for this resource"),
            Self::Absent => f.write_str("that this resource is not in its stack"),
        }
    }
}

/// What CloudFormation last did with a stack, or is doing, such as `UPDATE_ROLLBACK_IN_PROGRESS` (CloudFormation API
/// reference, `Stack`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackStatus(pub String);

impl StackStatus {
    /// Whether CloudFormation takes an update of the stack back.
    pub fn is_update_rollback(&self) -> bool {
        self.0.starts_with("UPDATE_ROLLBACK_")
    }
}

/// A question to CloudFormation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// Such as `DescribeStacks`.
    pub action: &'static str,
    /// What is to be said if there is no answer.
    pub failed: &'static str,
}

/// Why CloudFormation has not answered a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloudFormationError {
    asked: Asked,
    why: String,
    /// Whether another attempt may do better.
    pub may_pass: bool,
}

impl CloudFormationError {
    /// There was no answer, or half of one.
    pub fn unanswered(asked: Asked, why: &str) -> Self {
        Self { asked, why: why.to_owned(), may_pass: true }
    }

    /// Something is wrong that stays.
    pub fn unread(asked: Asked, why: &str) -> Self {
        Self { asked, why: why.to_owned(), may_pass: false }
    }

    /// CloudFormation returned an error.
    pub fn refused(asked: Asked, status: u16, code: &str, message: &str) -> Self {
        if matches!(code, "AccessDenied" | "AccessDeniedException") {
            let why = format!(
                "the provider's role is not allowed to perform cloudformation:{}. Allow it in the role's policy, and \
                 check for a permissions boundary or service control policy that denies it",
                asked.action
            );
            return Self { asked, why, may_pass: false };
        }
        let message: String = message.chars().take(300).collect();
        let code = if code.is_empty() { format!("HTTP status {status}") } else { code.to_owned() };
        let why = format!("CloudFormation returned {code}: {message}");
        let may_pass = status >= 500 || status == 429 || code.starts_with("Throttling");
        Self { asked, why: why.trim_end_matches(['.', ':', ' ']).to_owned(), may_pass }
    }
}

impl fmt::Display for CloudFormationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}.", self.asked.failed, self.why)
    }
}
