//! What a reference records of its resource's clusters: what user names begin with, for each. An update can manage with that
//! if TiDB Cloud does not answer, and so can the rollback of an update that named another cluster.

use super::ids::ClusterId;
use std::fmt;

/// The name of the word in a reference.
pub(super) const WORD: &str = "cluster";
/// The cluster of the resource, and the one before, to which a rollback returns.
const KEPT: usize = 2;

/// Clusters behind the service of an endpoint, the latest first, with what their user names begin with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Prefixes(Vec<(ClusterId, Option<String>)>);

impl Prefixes {
    /// Reads them from the words of a reference.
    pub fn read(words: &str) -> Self {
        let named = words.split(' ').filter_map(|word| word.split_once('='));
        let list = named.filter(|(name, _)| *name == WORD).flat_map(|(_, list)| list.split('+'));
        let known = list.filter_map(|item| {
            let (cluster, prefix) = item.split_once(':')?;
            // Others can write tags, too, and the prefix becomes part of a command.
            let is_prefix = prefix.bytes().all(|byte| byte.is_ascii_alphanumeric());
            is_prefix.then(|| (ClusterId::from(cluster), Some(prefix.to_owned()).filter(|it| !it.is_empty())))
        });
        Self(known.collect())
    }

    /// With a cluster as the latest.
    #[must_use]
    pub fn with(self, cluster: &ClusterId, prefix: Option<&str>) -> Self {
        let others = self.0.into_iter().filter(|(known, _)| known != cluster);
        let latest = (cluster.clone(), prefix.map(str::to_owned));
        Self(std::iter::once(latest).chain(others).take(KEPT).collect())
    }

    /// All of them, then fewer, then none.
    pub(super) fn shorter_and_shorter(&self) -> impl Iterator<Item = Self> {
        (0..=self.0.len()).rev().map(|count| Self(self.0.iter().take(count).cloned().collect()))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What the user names of a cluster begin with, if that is known; `None` if the cluster is not.
    pub fn of(&self, cluster: &ClusterId) -> Option<Option<String>> {
        self.0.iter().find(|(known, _)| known == cluster).map(|(_, prefix)| prefix.clone())
    }
}

/// Such as `cluster=10581234567890123456:28cDWcUJJiewaQ7`.
impl fmt::Display for Prefixes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (cluster, prefix)) in self.0.iter().enumerate() {
            let before = if number == 0 { format!("{WORD}=") } else { "+".to_owned() };
            write!(f, "{before}{cluster}:{}", prefix.as_deref().unwrap_or_default())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_read() {
        let known = Prefixes::default().with(&"1".into(), Some("abc")).with(&"2".into(), None);
        assert_eq!(known.to_string(), "cluster=2:+1:abc");
        assert_eq!(Prefixes::read("dns=on cluster=2:+1:abc port=3306"), known);
        assert_eq!((known.of(&"1".into()), known.of(&"2".into())), (Some(Some("abc".to_owned())), Some(None)));
        assert_eq!(known.of(&"3".into()), None);
        for words in ["", "dns=on", "cluster=", "cluster=1", "cluster=1:$(reboot)"] {
            assert!(Prefixes::read(words).is_empty(), "{words}");
        }
    }

    #[test]
    fn the_latest_two_are_kept() {
        let known = Prefixes::read("cluster=1:a+2:b").with(&"3".into(), Some("c"));
        assert_eq!(known.to_string(), "cluster=3:c+1:a");
        assert_eq!(known.with(&"1".into(), Some("a")).to_string(), "cluster=1:a+3:c");
    }
}
