//! Conditions: an operator, a key of the context, and the values that it is held against (IAM user guide, "Condition
//! operators", "Multivalued context keys").

use super::Context;
use crate::pattern::matches_iam;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Condition {
    test: Test,
    /// In lower case.
    key: String,
    values: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Test {
    /// The key is there, or it is not, as the one value says.
    Null {
        absent: bool,
    },
    Text {
        of: Of,
        like: bool,
        negated: bool,
    },
}

/// Which of the values that the request has for a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    /// The only one.
    One,
    /// Every one; also true of none.
    All,
    /// At least one.
    Any,
}

/// Keys with one value.
const SINGLE: [&str; 4] = ["aws:requestedregion", "ec2:createaction", "ec2:region", "ec2:vpceservicename"];
/// Keys with one value, of which there is one for each tag.
const TAGS: [&str; 3] = ["aws:requesttag/", "aws:resourcetag/", "ec2:resourcetag/"];
/// Keys with as many values as the request has tags.
const MANY: [&str; 1] = ["aws:tagkeys"];

impl Condition {
    pub(super) fn read(operator: &str, key: &str, values: Vec<String>) -> Result<Self, String> {
        let key = key.to_ascii_lowercase();
        let many = MANY.contains(&key.as_str());
        let tag = TAGS.iter().any(|prefix| key.strip_prefix(prefix).is_some_and(|name| !name.is_empty()));
        if !(many || tag || SINGLE.contains(&key.as_str())) {
            return Err(format!("the condition key {key} is not known"));
        }
        if values.is_empty() {
            return Err(format!("{operator} of {key} has no value"));
        }
        let (of, name) = match operator.split_once(':') {
            None => (Of::One, operator),
            Some(("ForAllValues", name)) => (Of::All, name),
            Some(("ForAnyValue", name)) => (Of::Any, name),
            Some(_) => (Of::One, ""),
        };
        let text = |like, negated| Test::Text { of, like, negated };
        let test = match (name, of) {
            ("StringEquals", _) => text(false, false),
            ("StringNotEquals", _) => text(false, true),
            ("StringLike", _) => text(true, false),
            ("StringNotLike", _) => text(true, true),
            ("Null", Of::One) => match values.iter().map(String::as_str).collect::<Vec<_>>()[..] {
                ["true"] => Test::Null { absent: true },
                ["false"] => Test::Null { absent: false },
                _ => return Err(format!("Null of {key} is neither true nor false")),
            },
            _ => return Err(format!("the condition operator {operator} is not known")),
        };
        // IAM takes both, and means something that nobody expects (IAM user guide, "Set operators").
        if matches!(test, Test::Text { .. }) && many != (of != Of::One) {
            let which = if many { "needs" } else { "takes no" };
            return Err(format!("{key} {which} ForAllValues or ForAnyValue"));
        }
        Ok(Self { test, key, values })
    }

    pub(super) fn holds(&self, context: &Context) -> bool {
        let found = context.values(&self.key);
        let (of, like, negated) = match self.test {
            Test::Null { absent } => return found.is_empty() == absent,
            Test::Text { of, like, negated } => (of, like, negated),
        };
        let fits = |text: &String| {
            self.values.iter().any(|value| if like { matches_iam(value, text) } else { value == text }) != negated
        };
        match of {
            // A key that the request has not got equals nothing.
            Of::One if found.is_empty() => negated,
            Of::One | Of::Any => found.iter().any(fits),
            Of::All => found.iter().all(fits),
        }
    }
}
