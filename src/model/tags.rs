//! Who holds an endpoint, recorded in tags on the endpoint, where the console shows them.
//!
//! Every holder has a tag of its own, so no two writers overwrite each other. One tag marks what the provider created.
//! During the minute before a deletion, one tag announces it.

use super::ids::hex_digest;
use super::prefixes::Prefixes;
use super::protocol::{ANNOUNCEMENT_SETTLE, ANNOUNCEMENT_WINDOW, CLOCK_SKEW};
use super::wanted::Wanted;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::fmt;

/// The prefix of every tag key of the provider.
pub const PREFIX: &str = "tidb-private-endpoint:";
/// On everything that the provider creates. Value: the hash of the resource that it was created for.
pub const OWNED: &str = "tidb-private-endpoint:owned";
/// Followed by the hash of a holder: this resource uses the endpoint. Value: stack name and logical id, then the [`Mark`]
/// of the request that wrote it, the [clusters](Prefixes) of the resource, and what that request [wants](Wanted) of an owned
/// endpoint.
pub const REF: &str = "tidb-private-endpoint:ref:";
/// Followed by the hash of a holder, a colon and a moment: this resource may delete the endpoint until that moment.
/// Value: the [name](Holder::name) of the holder. Every announcement has a key of its own, so that a function that removes
/// an expired one cannot hit a newer one, not even one from another delivery of the same event.
const LEAVING: &str = "tidb-private-endpoint:leaving:";

/// The tag that the console shows as the name of a thing.
pub const NAME: &str = "Name";

/// Characters that EC2 allows in the value of a tag.
const VALUE_LIMIT: usize = 256;
/// The longest name of a holder. It leaves room for what the holder wants.
pub const HOLDER_NAME_LIMIT: usize = 120;

/// Tags that EC2 allows on a resource, not counting those of AWS (EC2 user guide, "Tag restrictions").
pub const TAG_LIMIT: usize = 50;

pub type Tags = BTreeMap<String, String>;

/// How many hex digits the hash of a holder has.
const HASH_DIGITS: usize = 24;

/// Whether a text is the hash of a resource. What people write into tags, such as `migration`, is none.
pub fn is_hash(text: &str) -> bool {
    text.len() == HASH_DIGITS && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// One resource of one stack, as tags identify it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// 24 hex digits derived from stack id and logical id.
    pub hash: String,
    /// Stack name and logical id, such as `orders/TiDB`; at most 120 characters. In a reference, see [`Self::seen_from`].
    pub name: String,
    /// The stack's ARN.
    pub stack_id: String,
}

impl Holder {
    pub fn new(stack_id: &str, logical_id: &str) -> Self {
        let name: String = format!("{}/{logical_id}", stack_name(stack_id)).chars().take(HOLDER_NAME_LIMIT).collect();
        let hash: String = hex_digest(&[stack_id, logical_id]).chars().take(HASH_DIGITS).collect();
        Self { hash, name, stack_id: stack_id.to_owned() }
    }

    /// The holder under the name that it has in an account: that of a stack of another account begins with the account,
    /// because CloudFormation does not tell the provider which stacks there are. The name of a stack begins with a letter.
    #[must_use]
    pub fn seen_from(&self, account: &str) -> Self {
        let own = self.stack_id.split(':').nth(4).filter(|own| is_account(own) && *own != account);
        let name = own.map(|own| format!("{own}:{}", self.name).chars().take(HOLDER_NAME_LIMIT).collect());
        Self { name: name.unwrap_or_else(|| self.name.clone()), ..self.clone() }
    }

    pub fn ref_key(&self) -> String {
        format!("{REF}{}", self.hash)
    }

    /// The tag key of this holder's announcement that it may delete an endpoint until a moment.
    pub fn leaving_key(&self, until: Timestamp) -> String {
        format!("{LEAVING}{}:{until}", self.hash)
    }

    /// Whether the tags contain another holder's announcement that it may delete the endpoint. If it has expired, the
    /// deletion may still be in flight, or done.
    pub fn has_other_leaving(&self, tags: &Tags) -> bool {
        let own = format!("{LEAVING}{}:", self.hash);
        tags.keys().any(|key| key.starts_with(LEAVING) && !key.starts_with(&own))
    }

    /// The value of a reference that a request writes, and whether all that it wants has fit. What is known of clusters is
    /// left out if all that it wants fits only without.
    pub fn ref_value(&self, mark: &Mark, prefixes: &Prefixes, wanted: Option<&Wanted>) -> (String, bool) {
        let with = |prefixes: Prefixes| {
            let space = if prefixes.is_empty() { "" } else { " " };
            let value = format!("{} {mark}{space}{prefixes}", self.name);
            let Some(wanted) = wanted else { return (value, true) };
            let room = VALUE_LIMIT.saturating_sub(value.chars().count() + 1);
            let (text, whole) = wanted.fit(room);
            (format!("{value} {text}"), whole)
        };
        let fits = |(value, whole): &(String, bool)| *whole && value.chars().count() <= VALUE_LIMIT;
        prefixes.shorter_and_shorter().map(with).find(fits).unwrap_or_else(|| with(Prefixes::default()))
    }

    /// Whether the tags contain this holder's reference, written by any of its requests.
    pub fn is_in(&self, tags: &Tags) -> bool {
        tags.contains_key(&self.ref_key())
    }

    /// Whether the tagged thing was created for this resource.
    pub fn is_owner(&self, tags: &Tags) -> bool {
        owner(tags) == Some(self.hash.as_str())
    }

    /// The names of the other holders, in the order of their hashes.
    pub fn others(&self, tags: &Tags) -> Vec<String> {
        let own = self.ref_key();
        let others = tags.iter().filter(|(key, _)| key.starts_with(REF) && **key != own);
        others.map(|(_, value)| Reference::parse(value).name.to_owned()).collect()
    }
}

/// Identifies the request that wrote a reference: 8 hex digits of the second in which CloudFormation sent it, and 12 that
/// differ for every request. What a failed Create has marked is released by its own Delete, and not by one that
/// CloudFormation sends for an earlier attempt. Of two requests for one resource, the one that was sent later wins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark(pub String);

impl Mark {
    /// Of the request with a digest that differs for every request. `sent` is `None` if that is unknown.
    pub fn of(digest: &str, sent: Option<Timestamp>) -> Self {
        let second = sent.and_then(|sent| u32::try_from(sent.as_second()).ok()).unwrap_or_default();
        Self(format!("{second:08x}{}", digest.chars().take(12).collect::<String>()))
    }

    /// Whether its request was sent later than the one with the other mark. False if that is not known of both.
    pub fn is_later_than(&self, other: &Self) -> bool {
        matches!((self.sent(), other.sent()), (Some(own), Some(others)) if own > others)
    }

    fn sent(&self) -> Option<u32> {
        let second = self.0.get(..8).filter(|_| self.0.len() == 20)?;
        u32::from_str_radix(second, 16).ok().filter(|second| *second > 0)
    }

    /// Whether this request wrote a reference with the value.
    pub fn is_in(&self, ref_value: &str) -> bool {
        Reference::parse(ref_value).mark == *self
    }
}

/// The value of a reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference<'a> {
    /// Stack name and logical id.
    pub name: &'a str,
    /// Of the request that wrote it; empty if that is an early version.
    pub mark: Mark,
    /// Clusters and request as they are written. Without a request if an earlier version has written it, and on an endpoint
    /// that was foreign or in another VPC then.
    pub request: &'a str,
    /// Whether its holder has announced to leave, or to take something away. Known only of a reference in its place.
    pub is_announced: bool,
}

impl<'a> Reference<'a> {
    pub fn parse(value: &'a str) -> Self {
        let mut parts = value.splitn(3, ' ');
        let mut part = || parts.next().unwrap_or_default();
        Self { name: part(), mark: Mark(part().to_owned()), request: part(), is_announced: false }
    }

    /// `None` for a holder that may need everything that is there.
    pub fn wanted(&self) -> Option<Wanted> {
        Wanted::parse(self.request)
    }

    /// What it records of the resource's clusters; nothing if it names none, or an earlier version has written it.
    pub fn prefixes(&self) -> Prefixes {
        Prefixes::read(self.request)
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whose reference an event counts as its own.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    pub holder: &'a Holder,
    /// Only the one that this request wrote.
    pub mark: Option<&'a Mark>,
    /// None that a request wrote which was sent later than this one.
    pub until: Option<&'a Mark>,
}

impl<'a> Claim<'a> {
    /// Any of a holder's.
    pub fn of(holder: &'a Holder) -> Self {
        Self { holder, mark: None, until: None }
    }

    /// The one that a request of the holder wrote.
    pub fn written_by(mark: &'a Mark, holder: &'a Holder) -> Self {
        Self { mark: Some(mark), ..Self::of(holder) }
    }

    /// Whether the tags contain such a reference.
    pub fn is_in(&self, tags: &Tags) -> bool {
        let value = tags.get(&self.holder.ref_key());
        value.is_some_and(|value| {
            let is_it = self.mark.is_none_or(|mark| mark.is_in(value));
            is_it && self.until.is_none_or(|until| !Reference::parse(value).mark.is_later_than(until))
        })
    }

    /// The references of all other holders; one of the same resource that another request wrote counts.
    pub fn others<'t>(&self, tags: &'t Tags) -> impl Iterator<Item = Reference<'t>> {
        let own = self.is_in(tags).then(|| self.holder.ref_key());
        let others = tags.iter().filter(move |(key, _)| key.starts_with(REF) && Some(*key) != own.as_ref());
        others.map(|(key, value)| {
            let announcement = key.replacen(REF, LEAVING, 1) + ":";
            let is_announced = tags.keys().any(|key| key.starts_with(&announcement));
            Reference { is_announced, ..Reference::parse(value) }
        })
    }
}

/// The hash of the resource that the tagged thing was created for, if the provider created it.
pub fn owner(tags: &Tags) -> Option<&str> {
    tags.get(OWNED).map(String::as_str)
}

/// `arn:aws:cloudformation:us-east-1:123456789012:stack/NAME/UUID`
pub fn stack_name(stack_id: &str) -> &str {
    stack_id.split('/').nth(1).unwrap_or(stack_id)
}

/// The account of a holder's stack, if the holder's name says that it is another one.
pub fn other_account(name: &str) -> Option<&str> {
    name.split_once(':').map(|(account, _)| account).filter(|account| is_account(account))
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether any resource holds the endpoint.
pub fn is_held(tags: &Tags) -> bool {
    tags.keys().any(|key| key.starts_with(REF))
}

/// Tags that count toward EC2's limit.
pub fn counted(tags: &Tags) -> usize {
    tags.keys().filter(|key| !key.starts_with("aws:")).count()
}

/// The announced deletions of an endpoint, as of a moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Announcements {
    /// Tag keys of holders that may still delete.
    pub pending: Vec<String>,
    /// Tag keys whose moment has passed: their writers crashed.
    pub expired: Vec<String>,
}

impl Announcements {
    /// Sorts the `leaving` tags at `now`. What this protocol did not write (no moment, or one further in the future than
    /// any holder announces) counts as expired, so that no tag can delay a joiner for longer than a holder would.
    pub fn at(now: Timestamp, tags: &Tags) -> Self {
        let mut announcements = Self::default();
        let furthest = ANNOUNCEMENT_SETTLE + ANNOUNCEMENT_WINDOW + CLOCK_SKEW;
        for (key, rest) in tags.keys().filter_map(|key| Some((key, key.strip_prefix(LEAVING)?))) {
            let until = rest.split_once(':').and_then(|(_, moment)| moment.parse::<Timestamp>().ok());
            let is_pending = |until: Timestamp| {
                let left = until.duration_since(now);
                -CLOCK_SKEW <= left && left <= furthest
            };
            if until.is_some_and(is_pending) {
                announcements.pending.push(key.clone());
            } else {
                announcements.expired.push(key.clone());
            }
        }
        announcements
    }
}
