//! Who holds an endpoint, written on the endpoint itself as tags that anybody can read in the console.
//!
//! One tag for each holder, so that two writers never overwrite each other; one mark on what the product made; and, for
//! the minute before a deletion, one tag of the holder that is about to delete.

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What every tag key of the product begins with.
pub const PREFIX: &str = "tidb-private-endpoint:";
/// On every endpoint that the product made. Value: the hash of the resource that it was made for.
pub const OWNED: &str = "tidb-private-endpoint:owned";
/// Before the holder's hash: this resource uses the endpoint. Value: stack name and logical id.
pub const REF: &str = "tidb-private-endpoint:ref:";
/// Before the leaver's hash, a colon and the moment after which it will not: this resource is about to delete the
/// endpoint. Value: stack name and logical id. Every announcement has a key of its own, so that whoever removes one that
/// has expired cannot hit a newer one, be it of another delivery of the same event.
const LEAVING: &str = "tidb-private-endpoint:leaving:";

/// Tags that EC2 allows on a resource, those of AWS itself not counted (EC2 user guide, "Tag restrictions").
pub const TAG_LIMIT: usize = 50;

/// How far EC2's reads may lag behind its writes: the one assumption of the sharing protocol.
pub const READ_LAG: SignedDuration = SignedDuration::from_secs(10);
/// How long a leaver lets its `leaving` tag be seen before it looks for the last time.
pub const LEAVING_SETTLE: SignedDuration = SignedDuration::from_secs(2 * READ_LAG.as_secs());
/// How long after that look the leaver may still call delete.
pub const LEAVING_WINDOW: SignedDuration = SignedDuration::from_secs(60);
/// How far two functions' clocks may be apart.
pub const CLOCK_SKEW: SignedDuration = SignedDuration::from_secs(5);

/// The tags of an endpoint.
pub type Tags = BTreeMap<String, String>;

/// One resource of one stack, as the tags know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// 24 hex digits that stand for stack id and logical id.
    pub hash: String,
    /// Stack name and logical id, for people.
    pub name: String,
}

impl Holder {
    /// The holder for a resource.
    #[must_use]
    pub fn new(stack_id: &str, logical_id: &str) -> Self {
        // arn:aws:cloudformation:us-east-1:123456789012:stack/NAME/UUID
        let stack_name = stack_id.split('/').nth(1).unwrap_or(stack_id);
        let name: String = format!("{stack_name}/{logical_id}").chars().take(255).collect();
        let hash: String = hex_digest(&[stack_id, logical_id]).chars().take(24).collect();
        Self { hash, name }
    }

    /// Key of this holder's reference.
    #[must_use]
    pub fn ref_key(&self) -> String {
        format!("{REF}{}", self.hash)
    }

    /// Key of this holder's announcement that it will delete, if at all then until that moment.
    #[must_use]
    pub fn leaving_key(&self, until: Timestamp) -> String {
        format!("{LEAVING}{}:{until}", self.hash)
    }

    /// Whether the tags hold this holder's reference.
    #[must_use]
    pub fn is_in(&self, tags: &Tags) -> bool {
        tags.contains_key(&self.ref_key())
    }

    /// Whether the endpoint was made for this resource and nobody holds it.
    #[must_use]
    pub fn has_orphaned(&self, tags: &Tags) -> bool {
        owner(tags) == Some(self.hash.as_str()) && !is_held(tags)
    }

    /// The names of the other holders, in the order of their hashes.
    #[must_use]
    pub fn others(&self, tags: &Tags) -> Vec<String> {
        let own = self.ref_key();
        tags.iter().filter(|(key, _)| key.starts_with(REF) && **key != own).map(|(_, name)| name.clone()).collect()
    }
}

/// SHA-256 over texts that are set apart by zero bytes, as 64 hex digits.
#[must_use]
pub fn hex_digest(parts: &[&str]) -> String {
    Sha256::digest(parts.join("\0").as_bytes()).iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The hash of the resource that the endpoint was made for, if the product made it.
#[must_use]
pub fn owner(tags: &Tags) -> Option<&str> {
    tags.get(OWNED).map(String::as_str)
}

/// Whether anybody holds the endpoint.
#[must_use]
pub fn is_held(tags: &Tags) -> bool {
    tags.keys().any(|key| key.starts_with(REF))
}

/// Tags that count against EC2's limit.
#[must_use]
pub fn counted(tags: &Tags) -> usize {
    tags.keys().filter(|key| !key.starts_with("aws:")).count()
}

/// What the `leaving` tags of an endpoint mean at a moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Leavers {
    /// Keys of holders that may still call delete.
    pub fresh: Vec<String>,
    /// Keys of holders that crashed: their moment has passed.
    pub expired: Vec<String>,
}

impl Leavers {
    /// Sorts the `leaving` tags at `now`. What was not written by this protocol (no moment, or one further off than any
    /// leaver writes) counts as expired, so that no tag can hold a joiner up for longer than a leaver would.
    #[must_use]
    pub fn at(now: Timestamp, tags: &Tags) -> Self {
        let mut leavers = Self::default();
        let furthest = LEAVING_SETTLE + LEAVING_WINDOW + CLOCK_SKEW;
        for (key, rest) in tags.keys().filter_map(|key| Some((key, key.strip_prefix(LEAVING)?))) {
            let until = rest.split_once(':').and_then(|(_, moment)| moment.parse::<Timestamp>().ok());
            let fresh = |until: Timestamp| {
                let left = until.duration_since(now);
                -CLOCK_SKEW <= left && left <= furthest
            };
            if until.is_some_and(fresh) {
                leavers.fresh.push(key.clone());
            } else {
                leavers.expired.push(key.clone());
            }
        }
        leavers
    }
}
