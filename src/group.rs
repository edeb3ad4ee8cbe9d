//! Security groups: what they let in, and the one that the product makes for an endpoint.
//!
//! There is one group of the product's for a service in a VPC, and its name says so. EC2 itself keeps the name unique
//! and refuses to delete a group that anything uses, so the group needs no references of its own: whoever needs it makes
//! it if it is missing, and whoever sees an endpoint off tries to delete it.

use crate::ids::{GroupId, ServiceName, VpcId};
use crate::reference::{self, Tags};
use crate::request::EndpointSpec;
use ipnet::IpNet;
use std::fmt;

/// The description of every rule that the product writes; only such a rule is ever removed.
pub const RULE_DESCRIPTION: &str = "tidb-private-endpoint";

/// Where a rule lets traffic come from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// An address block.
    Block(IpNet),
    /// A managed prefix list, whose blocks are not known here.
    PrefixList(String),
    /// The members of a security group.
    Group(GroupId),
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

/// A rule for traffic that comes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// `tcp`, `udp`, a number, or `-1` for everything.
    pub protocol: String,
    /// First and last port; none where the protocol has no ports, or all are meant.
    pub ports: Option<(i32, i32)>,
    /// From where.
    pub source: Source,
    /// Whether the product wrote it.
    pub ours: bool,
}

impl Rule {
    fn opens(&self, port: u16) -> bool {
        let port = i32::from(port);
        match self.protocol.as_str() {
            "-1" => true,
            "tcp" | "6" => self.ports.is_none_or(|(first, last)| (first..=last).contains(&port)),
            _ => false,
        }
    }
}

/// A security group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its id.
    pub id: GroupId,
    /// The VPC that it is in.
    pub vpc_id: VpcId,
    /// Its name, unique in the VPC.
    pub name: String,
    /// Its tags.
    pub tags: Tags,
    /// What it lets in.
    pub rules: Vec<Rule>,
}

impl Group {
    /// Whether the product made it.
    #[must_use]
    pub fn is_owned(&self) -> bool {
        reference::owner(&self.tags).is_some()
    }
}

/// The name of the product's group for a service: that of the service's id.
#[must_use]
pub fn own_name(service: &ServiceName) -> String {
    let id = service.as_str().rsplit('.').next().unwrap_or_default();
    format!("tidb-private-endpoint-{id}")
}

/// Who is named as whom the endpoint shall let in; empty: nobody is, and every block of the VPC shall be.
#[must_use]
pub fn named_sources(spec: &EndpointSpec) -> Vec<Source> {
    let blocks = spec.allowed_blocks.iter().copied().map(Source::Block);
    blocks.chain(spec.allowed_group_ids.iter().cloned().map(Source::Group)).collect()
}

/// A hole for TCP in the product's group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Opening {
    /// The port.
    pub port: u16,
    /// For whom.
    pub source: Source,
}

/// What the product's group lacks, and what it has too much.
#[must_use]
pub fn openings(group: &Group, port: u16, wanted: &[Source]) -> (Vec<Opening>, Vec<Opening>) {
    let has = |opening: &Opening| {
        let port = i32::from(opening.port);
        group.rules.iter().any(|r| r.protocol == "tcp" && r.ports == Some((port, port)) && r.source == opening.source)
    };
    let wanted: Vec<Opening> = wanted.iter().map(|source| Opening { port, source: source.clone() }).collect();
    let ours = group.rules.iter().filter(|rule| rule.ours && rule.protocol == "tcp").filter_map(|rule| {
        let (first, last) = rule.ports?;
        let port = u16::try_from(first).ok().filter(|_| first == last)?;
        Some(Opening { port, source: rule.source.clone() })
    });
    let surplus = ours.filter(|opening| !wanted.contains(opening)).collect();
    (wanted.iter().filter(|opening| !has(opening)).cloned().collect(), surplus)
}

/// Whether any rule of any of the groups lets any of the sources reach TCP `port`. What a prefix list or a referenced
/// group stands for is not known, and gets the benefit of the doubt.
#[must_use]
pub fn lets_in<'a>(groups: impl IntoIterator<Item = &'a Group>, port: u16, sources: &[Source]) -> bool {
    let fits = |rule: &Rule| match &rule.source {
        Source::PrefixList(_) | Source::Group(_) => true,
        Source::Block(open) => sources.iter().any(|source| match source {
            Source::Block(block) => open.contains(block) || block.contains(open),
            Source::PrefixList(_) | Source::Group(_) => true,
        }),
    };
    groups.into_iter().flat_map(|group| &group.rules).any(|rule| rule.opens(port) && fits(rule))
}

/// Whether the group lets each of the blocks, all of it, reach TCP `port`.
#[must_use]
pub fn lets_all_in<'a>(group: &Group, port: u16, mut blocks: impl Iterator<Item = &'a IpNet>) -> bool {
    blocks.all(|block| {
        let open = |rule: &Rule| matches!(&rule.source, Source::Block(open) if open.contains(block));
        group.rules.iter().any(|rule| rule.opens(port) && open(rule))
    })
}
