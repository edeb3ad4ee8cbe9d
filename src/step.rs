//! What the decision is made of: a look that goes in, and the one step that comes out.

use crate::difference::{Change, TagChange};
use crate::endpoint::{Endpoint, EndpointState};
use crate::group::Opening;
use crate::ids::{EndpointId, GroupId, ServiceName, SubnetId, VpcId, join};
use crate::outcome::Outcome;
use crate::properties::IpAddressType;
use crate::reference::{READ_LAG, Tags};
use crate::refusal::Refusal;
use crate::survey::Fact;
use jiff::{SignedDuration, Timestamp};
use std::fmt;

/// Where the function itself is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    /// Its region.
    pub region: String,
    /// Its account.
    pub account: String,
}

/// One look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// When the look began; what it shows is at most the read lag older.
    pub at: Timestamp,
    /// The endpoints that matter to the request.
    pub endpoints: Vec<Endpoint>,
}

impl Observed {
    /// An endpoint by its id.
    #[must_use]
    pub fn find(&self, id: &EndpointId) -> Option<&Endpoint> {
        self.endpoints.iter().find(|endpoint| endpoint.id == *id)
    }
}

/// An endpoint to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEndpoint {
    /// The service.
    pub service_name: ServiceName,
    /// The VPC.
    pub vpc_id: VpcId,
    /// One subnet in each zone.
    pub subnet_ids: Vec<SubnetId>,
    /// Its groups.
    pub group_ids: Vec<GroupId>,
    /// Whether the service's own name resolves to it.
    pub private_dns: bool,
    /// The kind of addresses, where it is not left to EC2.
    pub ip_address_type: Option<IpAddressType>,
    /// Owner mark, reference and the user's tags, all there from the first moment.
    pub tags: Tags,
    /// Makes a repeated request answer with the same endpoint.
    pub client_token: String,
}

/// A security group to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewGroup {
    /// The VPC.
    pub vpc_id: VpcId,
    /// Its name.
    pub name: String,
    /// The owner mark.
    pub tags: Tags,
}

/// Why nothing is done now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// The endpoint is not available yet.
    Pending(EndpointId, EndpointState),
    /// The endpoint has no DNS names yet.
    DnsNames(EndpointId),
    /// EC2's reads may not show yet what was written.
    ReadLag(EndpointId),
    /// Another stack may be about to delete the endpoint.
    Leaver(EndpointId),
    /// An endpoint with the same private name is going away.
    GoingAway(EndpointId),
    /// EC2 says that the private name is taken.
    NameTaken,
    /// Nothing carries the reference; it may only not be shown yet.
    NothingYet,
    /// Others may be about to join the endpoint.
    Joiners(EndpointId),
    /// The endpoint is being deleted.
    Deleting(EndpointId),
    /// Something still uses the product's group.
    GroupInUse(GroupId),
    /// Another stack has made the product's group, and may be about to make the endpoint.
    Rival(String),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pending(id, state) => write!(f, "waiting for {id} to become available (it is {state})"),
            Self::DnsNames(id) => write!(f, "waiting for the DNS names of {id}"),
            Self::ReadLag(id) => write!(f, "waiting until EC2 shows what was written to {id}"),
            Self::Leaver(id) => write!(f, "waiting for another stack that may be about to delete {id}"),
            Self::GoingAway(id) => write!(f, "waiting for {id} to go away, which has the private DNS name"),
            Self::NameTaken => f.write_str("waiting for the private DNS name, which EC2 says is taken"),
            Self::NothingYet => f.write_str("looking again for an endpoint with this resource's reference"),
            Self::Joiners(id) => write!(f, "waiting whether another stack joins {id} before it is deleted"),
            Self::Deleting(id) => write!(f, "waiting for {id} to be gone"),
            Self::GroupInUse(id) => write!(f, "waiting until nothing uses {id} any more"),
            Self::Rival(group) => {
                write!(f, "waiting for the endpoint of another stack, which has made the group {group} for it")
            }
        }
    }
}

/// A pause before the next look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// Why.
    pub reason: Reason,
    /// How long at least.
    pub at_least: SignedDuration,
}

/// The one thing to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Read facts that the decision needs, all at the same time.
    Read(Vec<Fact>),
    /// Make the product's group.
    CreateGroup(NewGroup),
    /// Let traffic in through the product's group.
    Open(GroupId, Vec<Opening>),
    /// And no more.
    Close(GroupId, Vec<Opening>),
    /// Delete the product's group.
    DeleteGroup(GroupId),
    /// Make an endpoint.
    Create(Box<NewEndpoint>),
    /// Write this resource's reference on an endpoint.
    Reference(EndpointId),
    /// Change an endpoint.
    Modify(EndpointId, Change),
    /// Write or remove the user's tags.
    Tag(EndpointId, TagChange),
    /// Remove `leaving` tags: those of crashed holders, or this event's own because somebody joined.
    Sweep {
        /// The endpoint.
        endpoint: EndpointId,
        /// The tags' keys.
        keys: Vec<String>,
    },
    /// Remove this resource's reference from an endpoint.
    Release(EndpointId),
    /// Announce that this resource will delete an endpoint.
    Announce {
        /// The endpoint.
        endpoint: EndpointId,
        /// The moment after which it will not.
        until: Timestamp,
    },
    /// Delete an endpoint.
    Delete(EndpointId),
    /// Nothing now.
    Wait(Wait),
    /// Nothing more.
    Done(Outcome),
}

impl Step {
    /// Whether it changes the product's group, and no endpoint.
    #[must_use]
    pub fn is_about_a_group(&self) -> bool {
        matches!(self, Self::CreateGroup(_) | Self::Open(..) | Self::Close(..) | Self::DeleteGroup(_))
    }

    /// The groups that EC2 must have for it.
    #[must_use]
    pub fn group_ids(&self) -> &[GroupId] {
        if let Self::Create(new) = self {
            &new.group_ids
        } else if let Self::Modify(_, change) = self {
            &change.add_groups
        } else if let Self::Open(id, _) | Self::Close(id, _) = self {
            std::slice::from_ref(id)
        } else {
            &[]
        }
    }

    /// Its name in the log.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Read(_) => "read",
            Self::CreateGroup(_) => "create group",
            Self::Open(..) => "open group",
            Self::Close(..) => "close group",
            Self::DeleteGroup(_) => "delete group",
            Self::Create(_) => "create endpoint",
            Self::Reference(_) => "write reference",
            Self::Modify(..) => "modify endpoint",
            Self::Tag(..) => "write tags",
            Self::Sweep { .. } => "remove leaving tag",
            Self::Release(_) => "remove reference",
            Self::Announce { .. } => "write leaving tag",
            Self::Delete(_) => "delete endpoint",
            Self::Wait(_) => "wait",
            Self::Done(_) => "done",
        }
    }
}

/// What is being done, for the log and for the reason of a failure.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list =
            |openings: &[Opening]| join(openings.iter().map(|o| format!("{} on TCP {}", o.source, o.port)), ", ");
        match self {
            Self::Read(facts) => write!(f, "reading {}", join(facts, ", ")),
            Self::CreateGroup(new) => write!(f, "making the group {} in {}", new.name, new.vpc_id),
            Self::Open(id, openings) => write!(f, "opening {id} for {}", list(openings)),
            Self::Close(id, openings) => write!(f, "closing {id} for {}", list(openings)),
            Self::DeleteGroup(id) => write!(f, "deleting {id}"),
            Self::Create(new) => write!(f, "making an endpoint for {} in {}", new.service_name, new.vpc_id),
            Self::Reference(id) => write!(f, "joining {id}"),
            Self::Modify(id, change) => write!(f, "changing {id}: {change}"),
            Self::Tag(id, _) => write!(f, "writing the tags of {id}"),
            Self::Sweep { endpoint, .. } => write!(f, "removing an announced deletion from {endpoint}"),
            Self::Release(id) => write!(f, "removing the reference from {id}"),
            Self::Announce { endpoint, until } => write!(f, "announcing the deletion of {endpoint} until {until}"),
            Self::Delete(id) => write!(f, "deleting {id}"),
            Self::Wait(wait) => write!(f, "{}", wait.reason),
            Self::Done(outcome) => f.write_str(outcome.name()),
        }
    }
}

/// Why a decision goes no further.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The wish is declined.
    Refused(Box<Refusal>),
    /// Something has to be done first.
    First(Box<Step>),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

impl From<Step> for Stop {
    fn from(step: Step) -> Self {
        Self::First(Box::new(step))
    }
}

/// The fact has to be read first.
impl From<Fact> for Stop {
    fn from(fact: Fact) -> Self {
        Step::Read(vec![fact]).into()
    }
}

/// Nothing now, and why.
pub(crate) fn wait(reason: Reason, at_least: SignedDuration) -> Step {
    Step::Wait(Wait { reason, at_least })
}

/// How long between two looks at an endpoint that is going away, or has no names yet. EC2 takes a minute or two, and its
/// Describe bucket (20 a second) is shared with everything else in the account.
pub(crate) const POLL: SignedDuration = SignedDuration::from_secs(5);
/// How long between two looks when only the read lag is waited for.
pub(crate) const LAG_POLL: SignedDuration = SignedDuration::from_secs(2);

/// Past the read lag, counted from a look that began a moment after what it is counted from.
pub(crate) const READ_LAG_AND_A_BIT: SignedDuration = SignedDuration::from_secs(READ_LAG.as_secs() + 1);
