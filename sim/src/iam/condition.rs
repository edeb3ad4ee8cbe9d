//! Conditions: an operator, a condition key, and the values to compare it with (IAM user guide, "Condition operators",
//! "Multivalued context keys").

use super::Context;
use crate::pattern::matches_iam;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Condition {
    test: Test,
    /// In lowercase.
    key: String,
    values: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Test {
    /// Whether the key is absent from the request context, or present.
    Null {
        absent: bool,
    },
    String {
        of: Of,
        like: bool,
        negated: bool,
    },
}

/// Which values of the request context must match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    /// The only value.
    One,
    /// All values; true if there are none.
    All,
    /// At least one value.
    Any,
}

/// Single-valued keys.
const SINGLE: [&str; 5] =
    ["aws:requestedregion", "ec2:createaction", "ec2:region", "ec2:vpceservicename", "kms:viaservice"];
/// Prefixes of single-valued keys that exist per tag.
const TAGS: [&str; 3] = ["aws:requesttag/", "aws:resourcetag/", "ec2:resourcetag/"];
/// Multivalued keys.
const MANY: [&str; 1] = ["aws:tagkeys"];

impl Condition {
    pub(super) fn read(operator: &str, key: &str, values: Vec<String>) -> Result<Self, String> {
        let key = key.to_ascii_lowercase();
        let many = MANY.contains(&key.as_str());
        let tag = TAGS.iter().any(|prefix| key.strip_prefix(prefix).is_some_and(|name| !name.is_empty()));
        if !(many || tag || SINGLE.contains(&key.as_str())) {
            return Err(format!("the condition key {key} is not implemented"));
        }
        if values.is_empty() {
            return Err(format!("{operator} of {key} has no values"));
        }
        let (of, name) = match operator.split_once(':') {
            None => (Of::One, operator),
            Some(("ForAllValues", name)) => (Of::All, name),
            Some(("ForAnyValue", name)) => (Of::Any, name),
            Some(_) => (Of::One, ""),
        };
        let text = |like, negated| Test::String { of, like, negated };
        let test = match (name, of) {
            ("StringEquals", _) => text(false, false),
            ("StringNotEquals", _) => text(false, true),
            ("StringLike", _) => text(true, false),
            ("StringNotLike", _) => text(true, true),
            ("Null", Of::One) => match values.iter().map(String::as_str).collect::<Vec<_>>()[..] {
                ["true"] => Test::Null { absent: true },
                ["false"] => Test::Null { absent: false },
                _ => return Err(format!("Null of {key} must be true or false")),
            },
            _ => return Err(format!("the condition operator {operator} is not implemented")),
        };
        // IAM accepts the other combinations, but their meaning is surprising (IAM user guide, "Set operators").
        if matches!(test, Test::String { .. }) && many != (of != Of::One) {
            let rule = if many { "requires" } else { "does not permit" };
            return Err(format!("{key} {rule} ForAllValues or ForAnyValue"));
        }
        Ok(Self { test, key, values })
    }

    pub(super) fn holds(&self, context: &Context) -> bool {
        let found = context.values(&self.key);
        let (of, like, negated) = match self.test {
            Test::Null { absent } => return found.is_empty() == absent,
            Test::String { of, like, negated } => (of, like, negated),
        };
        let fits = |text: &String| {
            self.values.iter().any(|value| if like { matches_iam(value, text) } else { value == text }) != negated
        };
        match of {
            // A key that is absent from the request context matches no value.
            Of::One if found.is_empty() => negated,
            Of::One | Of::Any => found.iter().any(fits),
            Of::All => found.iter().all(fits),
        }
    }
}
