//! IAM policy evaluation for one role with identity-based policies (IAM user guide, "Policy evaluation logic": by default
//! a request is denied, a statement can allow it, and an explicit deny overrides any allow).
//!
//! Policy elements that are not implemented here are rejected when the policy is read, because ignoring a condition would
//! invalidate every test based on it. `actions::permissions` lists the permissions that each EC2 action requires.

mod condition;
mod document;

use std::{collections::BTreeMap, fmt};

use condition::Condition;

use crate::{pattern::matches_iam, tags::Tags};

/// The policies of a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    statements: Vec<Statement>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Statement {
    sid: String,
    allows: bool,
    actions: Vec<String>,
    resources: Vec<String>,
    conditions: Vec<Condition>,
}

/// One combination of a statement, an entry of its `Action` element, and an entry of its `Resource` element.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    /// The `Sid` of the statement.
    pub sid: String,
    /// As written in the policy, including wildcards.
    pub action: String,
    /// As written in the policy, including wildcards.
    pub resource: String,
}

/// An authorization request of EC2 to IAM, and its result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorization {
    /// The action, such as `ec2:CreateTags`. It can be an action other than the one called.
    pub action: String,
    /// An ARN, which ends in `/*` for a resource to be created; or `*`.
    pub resource: String,
    /// Whether the request was allowed.
    pub allowed: bool,
    /// What denied the request explicitly, or otherwise what allowed it.
    pub by: Vec<Grant>,
}

/// The action, resource, and context of an authorization request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AuthorizationRequest {
    pub(crate) action: String,
    pub(crate) resource: String,
    pub(crate) context: Context,
}

/// The values of condition keys. Key names are case-insensitive, including the tag keys in them (IAM user guide, "Global
/// condition context keys").
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Context(BTreeMap<String, Vec<String>>);

impl Context {
    pub(crate) fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.0.entry(key.to_ascii_lowercase()).or_default().push(value.into());
        self
    }

    /// Adds the condition keys for the tags in the request.
    pub(crate) fn with_request_tags(self, tags: &Tags) -> Self {
        tags.iter().fold(self, |context, (key, value)| {
            context.with(&format!("aws:RequestTag/{key}"), value).with("aws:TagKeys", key)
        })
    }

    /// Adds the condition keys for the tags of the resource.
    pub(crate) fn with_resource_tags(self, tags: &Tags) -> Self {
        tags.iter().fold(self, |context, (key, value)| {
            context.with(&format!("aws:ResourceTag/{key}"), value).with(&format!("ec2:ResourceTag/{key}"), value)
        })
    }

    fn values(&self, key: &str) -> &[String] {
        self.0.get(key).map(Vec::as_slice).unwrap_or_default()
    }
}

/// The reason why a policy cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyError(String);

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PolicyError {}

impl Policy {
    /// Reads the policy documents of a role. A statement without a `Sid` is identified by its number, from `#1`.
    ///
    /// # Errors
    ///
    /// The element that is invalid or not implemented.
    pub fn read(documents: &[serde_json::Value]) -> Result<Self, PolicyError> {
        document::read(documents).map(|statements| Self { statements })
    }

    /// Everything that the policy allows, regardless of conditions.
    #[must_use]
    pub fn grants(&self) -> Vec<Grant> {
        let allowing = self.statements.iter().filter(|statement| statement.allows);
        allowing.flat_map(|statement| statement.grants(|_| true, |_| true)).collect()
    }

    pub(crate) fn decide(&self, request: &AuthorizationRequest) -> Authorization {
        let (allow, deny): (Vec<&Statement>, Vec<&Statement>) =
            self.statements.iter().partition(|statement| statement.allows);
        let of = |statements: Vec<&Statement>| statements.into_iter().flat_map(|s| s.matching(request)).collect();
        let (allowed_by, denied_by): (Vec<Grant>, Vec<Grant>) = (of(allow), of(deny));
        Authorization {
            action: request.action.clone(),
            resource: request.resource.clone(),
            allowed: denied_by.is_empty() && !allowed_by.is_empty(),
            by: if denied_by.is_empty() { allowed_by } else { denied_by },
        }
    }
}

impl Statement {
    /// The entries that match the request; empty if the statement does not apply.
    fn matching(&self, request: &AuthorizationRequest) -> Vec<Grant> {
        if !self.conditions.iter().all(|condition| condition.holds(&request.context)) {
            return Vec::new();
        }
        // Action names are case-insensitive (IAM user guide, "Action").
        let action = request.action.to_ascii_lowercase();
        self.grants(|entry| matches_iam(&entry.to_ascii_lowercase(), &action), |entry| covers(entry, &request.resource))
    }

    fn grants(&self, action: impl Fn(&str) -> bool, resource: impl Fn(&str) -> bool) -> Vec<Grant> {
        let actions = self.actions.iter().filter(|entry| action(entry));
        let pairs = actions.flat_map(|action| self.resources.iter().map(move |resource| (action, resource)));
        pairs
            .filter(|(_, entry)| resource(entry))
            .map(|(action, resource)| Grant {
                sid: self.sid.clone(),
                action: action.clone(),
                resource: resource.clone(),
            })
            .collect()
    }
}

/// Whether an entry of `Resource` matches an ARN. A wildcard does not match across the colons that separate the first five
/// parts of an ARN, but it matches any characters in the last part. Actions without resource-level permissions require
/// `*`, which only `*` matches.
fn covers(entry: &str, resource: &str) -> bool {
    if entry == "*" || resource == "*" {
        return entry == "*";
    }
    let (mut entries, mut parts) = (entry.splitn(6, ':'), resource.splitn(6, ':'));
    loop {
        match (entries.next(), parts.next()) {
            (None, None) => return true,
            (Some(entry), Some(part)) if matches_iam(entry, part) => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests;
