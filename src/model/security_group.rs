//! Security groups: what they allow, and the one that the provider manages.
//!
//! The provider manages one security group per service and VPC; its name says which. EC2 keeps the name unique in the
//! VPC and refuses to delete a group that anything uses, so the group needs no references of its own: a resource that
//! needs it creates it if it is missing, and one that deletes an endpoint tries to delete it.

use super::ids::{GroupId, ServiceName, VpcId};
use super::tags::{self, Holder, Mark, Tags};
use ipnet::IpNet;
use std::fmt;

/// The description of every rule that the provider writes; it never removes any other rule.
pub const RULE_DESCRIPTION: &str = "tidb-private-endpoint";

/// The source of a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    Block(IpNet),
    /// A managed prefix list; the provider does not read its CIDR blocks.
    PrefixList(String),
    /// The members of a security group.
    Group(GroupId),
}

impl Source {
    pub fn block(&self) -> Option<IpNet> {
        match self {
            Self::Block(block) => Some(*block),
            Self::PrefixList(_) | Self::Group(_) => None,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Block(block) => write!(f, "{block}"),
            Self::PrefixList(id) => f.write_str(id),
            Self::Group(id) => write!(f, "{id}"),
        }
    }
}

/// An inbound rule of a security group, with one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// `tcp`, `udp`, a number, or `-1` for all.
    pub protocol: String,
    /// First and last port; `None` for all, and where the protocol has no ports.
    pub ports: Option<(i32, i32)>,
    pub source: Source,
    /// Whether the provider wrote it.
    pub is_ours: bool,
}

impl Rule {
    /// Whether it allows a TCP port.
    pub fn allows(&self, port: u16) -> bool {
        let port = i32::from(port);
        match self.protocol.as_str() {
            "-1" => true,
            "tcp" | "6" => self.ports.is_none_or(|(first, last)| (first..=last).contains(&port)),
            _ => false,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityGroup {
    pub id: GroupId,
    pub vpc_id: VpcId,
    pub name: String,
    pub tags: Tags,
    /// Inbound rules.
    pub rules: Vec<Rule>,
}

/// An inbound rule for one TCP port and one source, as the provider writes them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct IngressRule {
    pub port: u16,
    pub source: Source,
}

/// What a security group lacks, and what it has of the provider's rules beyond what is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RuleDifference {
    pub missing: Vec<IngressRule>,
    pub surplus: Vec<IngressRule>,
}

impl SecurityGroup {
    /// Whether the provider created it, for any stack.
    pub fn is_owned(&self) -> bool {
        tags::owner(&self.tags).is_some()
    }

    /// Compares the rules with the sources that are to be allowed on a TCP port.
    pub fn compare(&self, port: u16, wanted: &[Source]) -> RuleDifference {
        let wanted: Vec<IngressRule> =
            wanted.iter().map(|source| IngressRule { port, source: source.clone() }).collect();
        let missing = wanted.iter().filter(|rule| !self.has(rule)).cloned().collect();
        let surplus = self.provider_rules().filter(|rule| !wanted.contains(rule)).collect();
        RuleDifference { missing, surplus }
    }

    /// The rules that the provider has written.
    pub fn provider_rules(&self) -> impl Iterator<Item = IngressRule> {
        self.rules.iter().filter_map(provider_rule)
    }

    fn has(&self, wanted: &IngressRule) -> bool {
        let port = i32::from(wanted.port);
        let fits = |rule: &Rule| rule.protocol == "tcp" && rule.ports == Some((port, port));
        self.rules.iter().any(|rule| fits(rule) && rule.source == wanted.source)
    }

    /// Whether it allows each of the blocks, all of it, on a TCP port.
    pub fn admits_all<'a>(&self, port: u16, mut blocks: impl Iterator<Item = &'a IpNet>) -> bool {
        blocks.all(|block| {
            let covers = |rule: &Rule| matches!(&rule.source, Source::Block(open) if open.contains(block));
            self.rules.iter().any(|rule| rule.allows(port) && covers(rule))
        })
    }
}

/// The rule as the provider would write it, if the provider did.
fn provider_rule(rule: &Rule) -> Option<IngressRule> {
    let (first, last) = rule.ports.filter(|_| rule.is_ours && rule.protocol == "tcp")?;
    let port = u16::try_from(first).ok().filter(|_| first == last)?;
    Some(IngressRule { port, source: rule.source.clone() })
}

/// The name of the security group that the provider manages for a service. It contains the id of the service.
pub fn managed_group_name(service: &ServiceName) -> String {
    let id = service.as_str().rsplit('.').next().unwrap_or_default();
    format!("tidb-private-endpoint-{id}")
}

/// A Create that waits before it has anything else to show leaves a security group without rules as its mark: the name is
/// that of the Create, so its Delete can find it, and EC2 deletes an unused security group at once.
const MARK: &str = "tidb-private-endpoint-creating-";

/// The name of the security group that marks a Create as running.
pub fn mark_name(holder: &Holder, mark: &Mark) -> String {
    format!("{MARK}{}-{mark}", holder.hash)
}

/// Of the Create that a security group marks as running; `None` if it is no mark of the holder's.
pub fn mark_in(name: &str, holder: &Holder) -> Option<Mark> {
    let text = name.strip_prefix(MARK)?.strip_prefix(&holder.hash)?.strip_prefix('-')?;
    Some(Mark(text.to_owned()))
}

pub fn is_mark(name: &str) -> bool {
    name.starts_with(MARK)
}

/// Whether any rule of any of the groups allows any of the sources on a TCP port. The members of a prefix list or of a
/// referenced security group are unknown and get the benefit of the doubt.
pub fn admits_any<'a>(groups: impl IntoIterator<Item = &'a SecurityGroup>, port: u16, sources: &[Source]) -> bool {
    let fits = |rule: &Rule| match &rule.source {
        Source::PrefixList(_) | Source::Group(_) => true,
        Source::Block(open) => sources.iter().any(|source| match source {
            Source::Block(block) => open.contains(block) || block.contains(open),
            Source::PrefixList(_) | Source::Group(_) => true,
        }),
    };
    groups.into_iter().flat_map(|group| &group.rules).any(|rule| rule.allows(port) && fits(rule))
}
