//! The lists in a recorded request.

use super::ids::hex_digest;
use std::fmt::{self, Display};

/// The first character of a list of fingerprints. EC2 allows it in the value of a tag, and no item begins with it.
const FINGERPRINTS: char = '@';
/// Characters of a fingerprint: 24 bits. Two items with the same one only mean that something is kept.
const FINGERPRINT: usize = 4;

/// Items of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Items {
    Listed(Vec<String>),
    /// Their fingerprints, one after the other; none of them stands for every item.
    Fingerprints(String),
}

impl Items {
    pub fn of<T: Display>(items: impl IntoIterator<Item = T>) -> Self {
        Self::Listed(items.into_iter().map(|item| short(&item.to_string()).to_owned()).collect())
    }

    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Listed(items) if items.is_empty())
    }

    /// Whether it contains an item, or may contain it.
    pub fn has(&self, item: &impl Display) -> bool {
        let item = item.to_string();
        let item = short(&item);
        match self {
            Self::Listed(items) => items.iter().any(|listed| listed == item),
            Self::Fingerprints(prints) if prints.is_empty() => true,
            Self::Fingerprints(prints) => {
                let wanted = fingerprint(item);
                prints.as_bytes().chunks(FINGERPRINT).any(|print| print == wanted.as_bytes())
            }
        }
    }

    /// The items that are not among those that are there, without the prefix of their kind, and how many more of them only
    /// have a fingerprint.
    pub fn missing_from<T: Display>(&self, present: &[T]) -> (Vec<String>, usize) {
        let present: Vec<String> = present.iter().map(|item| short(&item.to_string()).to_owned()).collect();
        match self {
            Self::Listed(items) => (items.iter().filter(|item| !present.contains(item)).cloned().collect(), 0),
            Self::Fingerprints(prints) => {
                let there: Vec<String> = present.iter().map(|item| fingerprint(item)).collect();
                let is_missing = |print: &&[u8]| !there.iter().any(|there| there.as_bytes() == *print);
                (Vec::new(), prints.as_bytes().chunks(FINGERPRINT).filter(is_missing).count())
            }
        }
    }

    /// Whether it stands for every item, because the reference has no room for more.
    pub fn is_everything(&self) -> bool {
        matches!(self, Self::Fingerprints(prints) if prints.is_empty())
    }

    /// Whether the others are sure to contain all of them.
    pub(super) fn are_within(&self, others: &Self) -> bool {
        match self {
            Self::Listed(items) => items.iter().all(|item| others.has(item)),
            Self::Fingerprints(_) => self == others || others.is_everything(),
        }
    }

    /// To fingerprints, and then to everything.
    pub(super) fn shorten(&mut self) {
        *self = Self::Fingerprints(match self {
            Self::Listed(items) => items.iter().map(|item| fingerprint(item)).collect(),
            Self::Fingerprints(_) => String::new(),
        });
    }

    pub(super) fn parse(text: &str) -> Self {
        match text.strip_prefix(FINGERPRINTS) {
            Some(prints) => Self::Fingerprints(prints.to_owned()),
            None => Self::Listed(text.split('+').map(str::to_owned).collect()),
        }
    }
}

impl Display for Items {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listed(items) => f.write_str(&items.join("+")),
            Self::Fingerprints(prints) => write!(f, "{FINGERPRINTS}{prints}"),
        }
    }
}

/// A subnet or a security group without the prefix that all of its kind have.
fn short(item: &str) -> &str {
    item.strip_prefix("subnet-").or_else(|| item.strip_prefix("sg-")).unwrap_or(item)
}

/// The first 24 bits of SHA-256, in the characters of a URL-safe Base64 that a tag value may have.
fn fingerprint(item: &str) -> String {
    const CHARACTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let digest = hex_digest(&[item]);
    let bits = digest.get(..6).and_then(|digits| u32::from_str_radix(digits, 16).ok()).unwrap_or_default();
    let character = |shift: u32| CHARACTERS.get((bits >> shift & 63) as usize).map_or('A', |byte| char::from(*byte));
    [18, 12, 6, 0].map(character).iter().collect()
}
