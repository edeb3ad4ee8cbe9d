//! The stacks of the account, and whether that of a holder is still among them.

use super::tags::{HOLDER_NAME_LIMIT, Holder};
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
    /// anew under the same name is another one. `None` if the name of the holder was too long for the reference and a stack
    /// exists whose name begins like it.
    ///
    /// `name` is stack name and logical ID; `hash` is that of the reference.
    pub fn has(&self, name: &str, hash: &str) -> Option<bool> {
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

/// Why the stacks are not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unlisted {
    sentence: String,
    /// Whether another attempt may do better.
    pub may_pass: bool,
}

impl Unlisted {
    /// There was no answer, or half of one.
    pub fn unanswered(why: &str) -> Self {
        Self { sentence: format!("The stacks could not be listed: {why}."), may_pass: true }
    }

    /// Something is wrong that stays.
    pub fn unread(why: &str) -> Self {
        Self { sentence: format!("The stacks could not be listed: {why}."), may_pass: false }
    }

    /// CloudFormation returned an error.
    pub fn refused(status: u16, code: &str, message: &str) -> Self {
        if matches!(code, "AccessDenied" | "AccessDeniedException") {
            let sentence = "The stacks could not be listed: the provider's role is not allowed to perform \
                            cloudformation:DescribeStacks. Allow it in the role's policy, and check for a permissions \
                            boundary or service control policy that denies it.";
            return Self { sentence: sentence.to_owned(), may_pass: false };
        }
        let message: String = message.chars().take(300).collect();
        let code = if code.is_empty() { format!("HTTP status {status}") } else { code.to_owned() };
        let sentence = format!("The stacks could not be listed: CloudFormation returned {code}: {message}");
        let may_pass = status >= 500 || status == 429 || code.starts_with("Throttling");
        Self { sentence: format!("{}.", sentence.trim_end_matches(['.', ':', ' '])), may_pass }
    }
}

impl fmt::Display for Unlisted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}
