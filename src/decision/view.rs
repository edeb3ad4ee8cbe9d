//! What a decision is made from, and what it comes to.

use super::action::Action;
use super::facts::{Fact, Facts};
use super::journal::Journal;
pub use super::observed::Observed;
use super::outcome::Outcome;
use super::refusal::Refusal;
use crate::model::endpoint::EndpointState;
use crate::model::ids::{EndpointId, GroupId};
use jiff::SignedDuration;
use std::fmt;

/// Where the function runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    pub region: String,
    pub account: String,
}

/// Everything that an event knows.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    pub observed: &'a Observed,
    pub facts: &'a Facts,
    pub journal: &'a Journal,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Read facts, all at the same time, and decide again.
    Read(Vec<Fact>),
    /// Pause before the next look.
    Wait(Wait),
    Act(Action),
    Done(Outcome),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    pub reason: Reason,
    pub at_least: SignedDuration,
}

/// What an event waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// The endpoint is not available yet.
    Pending(EndpointId, EndpointState),
    DnsNames(EndpointId),
    /// The private DNS name has no hosted zone yet.
    HostedZone(EndpointId),
    /// EC2 may not show yet what was written.
    ReadLag(EndpointId),
    /// Another holder has announced that it may delete the endpoint.
    Announcement(EndpointId),
    /// An endpoint with the same private DNS name is being deleted.
    NameInUse(EndpointId),
    /// EC2 rejected the private DNS name a moment ago.
    NameTaken,
    /// EC2 does not show yet the mark that this event has created.
    Mark(String),
    /// Nothing has the reference, or EC2 does not show it yet.
    NothingYet,
    /// The Create that this event's Delete follows may still be running.
    RunningCreate,
    /// Other resources may be about to join the endpoint.
    Joiners(EndpointId),
    /// Other resources may be about to join the endpoint, from which something is to be taken away.
    JoinersOfNarrowed(EndpointId),
    Deleting(EndpointId),
    /// EC2 still works on what this resource has taken away from an endpoint that others hold.
    Freeing(EndpointId),
    /// The endpoint has only security groups of this resource, until another holder attaches its own.
    Successor(EndpointId),
    /// Something still uses the security group that the provider manages.
    GroupInUse(GroupId),
    /// The update that this one takes back may still be running.
    CanceledUpdate(EndpointId),
    /// Another stack has created the security group of this name, and may be about to create the endpoint.
    OtherCreator(String),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pending(id, state) => write!(f, "waiting for {id} to become available (it is {state})"),
            Self::DnsNames(id) => write!(f, "waiting for the DNS names of {id}"),
            Self::HostedZone(id) => write!(f, "waiting for the hosted zone of the private DNS name of {id}"),
            Self::ReadLag(id) => write!(f, "waiting for EC2 to show the latest changes to {id}"),
            Self::Announcement(id) => write!(
                f,
                "waiting because another stack may be about to delete {id}, or to take something away from it"
            ),
            Self::NameInUse(id) => write!(f, "waiting for {id}, which has the private DNS name, to be deleted"),
            Self::NameTaken => f.write_str("waiting for the private DNS name, which EC2 reports as taken"),
            Self::Mark(name) => write!(f, "waiting for EC2 to show {name}, the mark of this Create"),
            Self::RunningCreate => {
                f.write_str("waiting to see whether the Create of this resource still creates an endpoint")
            }
            Self::NothingYet => f.write_str("looking again for an endpoint with this resource's reference"),
            Self::Joiners(id) => write!(f, "waiting to see whether another stack joins {id} before deleting it"),
            Self::JoinersOfNarrowed(id) => {
                write!(f, "waiting to see whether another stack joins {id} before taking something away from it")
            }
            Self::Deleting(id) => write!(f, "waiting for {id} to be deleted"),
            Self::Freeing(id) => write!(f, "waiting for EC2 to free what this resource requested of {id}"),
            Self::Successor(id) => write!(f, "waiting for another stack to attach its security groups to {id}"),
            Self::GroupInUse(id) => write!(f, "waiting until nothing uses {id} anymore"),
            Self::CanceledUpdate(id) => {
                write!(f, "waiting to see whether the update that is rolled back still changes {id}")
            }
            Self::OtherCreator(group) => {
                write!(f, "waiting for another stack, which created the security group {group}, to create the endpoint")
            }
        }
    }
}

/// Why a decision ends before its last line: the value of `Err` that `?` passes up.
#[derive(Debug)]
pub enum Interrupt {
    /// Something has to be done first.
    Do(Box<Next>),
    /// The request is rejected.
    Refuse(Box<Refusal>),
}

/// A value, unless something has to be done first or the request is rejected.
pub type Unless<T> = Result<T, Interrupt>;

impl From<Refusal> for Interrupt {
    fn from(refusal: Refusal) -> Self {
        Self::Refuse(Box::new(refusal))
    }
}

impl From<Next> for Interrupt {
    fn from(next: Next) -> Self {
        Self::Do(Box::new(next))
    }
}

impl From<Action> for Interrupt {
    fn from(action: Action) -> Self {
        Next::Act(action).into()
    }
}

/// The fact has to be read first.
impl From<Fact> for Interrupt {
    fn from(fact: Fact) -> Self {
        Next::Read(vec![fact]).into()
    }
}

pub fn wait(reason: Reason, at_least: SignedDuration) -> Next {
    Next::Wait(Wait { reason, at_least })
}
