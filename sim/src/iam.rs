//! IAM, as far as it goes for one role with nothing but identity policies: what the policies say, and what they make of
//! a question (IAM user guide, "Policy evaluation logic": everything is denied, a statement may allow it, and a
//! statement that denies it wins).
//!
//! Whatever a policy says that is not understood here is refused when the policy is read, because a condition that is
//! passed over would make every proof worthless. What EC2 asks for which call stands in `actions::permissions`.

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

/// One thing that a policy says: this statement, by this entry of `Action` and this entry of `Resource`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    /// The statement.
    pub sid: String,
    /// As it stands in the policy, wildcards and all.
    pub action: String,
    /// As it stands in the policy.
    pub resource: String,
}

/// What EC2 asked IAM about a call, and what IAM said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorization {
    /// Such as `ec2:CreateTags`, which may be another action than the one that was called.
    pub action: String,
    /// An ARN, that of something to be made ending in `/*`; or `*`.
    pub resource: String,
    /// Whether it was allowed.
    pub allowed: bool,
    /// What allowed it, where nothing denied it; what denied it, if anything did.
    pub by: Vec<Grant>,
}

/// What IAM is asked: may the role do this to that, under these circumstances?
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) action: String,
    pub(crate) resource: String,
    pub(crate) context: Context,
}

/// The values of condition keys. Names of keys have no case, those of tags in them included (IAM user guide, "Global
/// condition context keys").
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Context(BTreeMap<String, Vec<String>>);

impl Context {
    pub(crate) fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.0.entry(key.to_ascii_lowercase()).or_default().push(value.into());
        self
    }

    /// What the tags in a request amount to.
    pub(crate) fn with_request_tags(self, tags: &Tags) -> Self {
        tags.iter().fold(self, |context, (key, value)| {
            context.with(&format!("aws:RequestTag/{key}"), value).with("aws:TagKeys", key)
        })
    }

    /// What the tags of a resource amount to.
    pub(crate) fn with_resource_tags(self, tags: &Tags) -> Self {
        tags.iter().fold(self, |context, (key, value)| {
            context.with(&format!("aws:ResourceTag/{key}"), value).with(&format!("ec2:ResourceTag/{key}"), value)
        })
    }

    fn values(&self, key: &str) -> &[String] {
        self.0.get(key).map(Vec::as_slice).unwrap_or_default()
    }
}

/// Why a policy cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyError(String);

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PolicyError {}

impl Policy {
    /// Reads the policy documents of a role. A statement without a `Sid` is called by its number, `#1` for the first of
    /// all.
    ///
    /// # Errors
    ///
    /// What is not understood, be it wrong or only not needed so far.
    pub fn read(documents: &[serde_json::Value]) -> Result<Self, PolicyError> {
        document::read(documents).map(|statements| Self { statements })
    }

    /// Everything that the policy allows, whatever the conditions.
    #[must_use]
    pub fn grants(&self) -> Vec<Grant> {
        let allowing = self.statements.iter().filter(|statement| statement.allows);
        allowing.flat_map(|statement| statement.grants(|_| true, |_| true)).collect()
    }

    pub(crate) fn decide(&self, question: &Question) -> Authorization {
        let (allow, deny): (Vec<&Statement>, Vec<&Statement>) =
            self.statements.iter().partition(|statement| statement.allows);
        let of = |statements: Vec<&Statement>| statements.into_iter().flat_map(|s| s.about(question)).collect();
        let (allowed_by, denied_by): (Vec<Grant>, Vec<Grant>) = (of(allow), of(deny));
        Authorization {
            action: question.action.clone(),
            resource: question.resource.clone(),
            allowed: denied_by.is_empty() && !allowed_by.is_empty(),
            by: if denied_by.is_empty() { allowed_by } else { denied_by },
        }
    }
}

impl Statement {
    /// The entries by which it is about the question; none if it is not.
    fn about(&self, question: &Question) -> Vec<Grant> {
        if !self.conditions.iter().all(|condition| condition.holds(&question.context)) {
            return Vec::new();
        }
        // Actions have no case (IAM user guide, "Action").
        let action = question.action.to_ascii_lowercase();
        self.grants(
            |entry| matches_iam(&entry.to_ascii_lowercase(), &action),
            |entry| covers(entry, &question.resource),
        )
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

/// Whether an entry of `Resource` covers an ARN. A wildcard does not reach over the colons that set an ARN's first five
/// parts apart; it does reach over everything in the last part. Actions that know no resource ask for `*`, and only `*`
/// covers that.
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
