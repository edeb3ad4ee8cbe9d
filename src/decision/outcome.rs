//! How an event can succeed.

use super::warning::Warning;
use crate::model::endpoint::Endpoint;
use crate::model::ids::{EndpointId, GroupId, ZoneId};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The endpoint was created for the resource, by this delivery of the event or an earlier one.
    Created(Box<Ready>),
    /// It existed already.
    Joined(Box<Ready>),
    /// The resource had it, and something about it was changed.
    Updated(Box<Ready>),
    /// The resource had it, and nothing was different.
    Unchanged(Box<Ready>),
    /// The reference is removed; the endpoint stays, for others or because it is foreign. Perhaps with something that the
    /// resource has brought.
    Released(EndpointId, Option<Box<Warning>>),
    /// The endpoint is deleted.
    Deleted(EndpointId),
    /// There was nothing to release.
    Absent,
}

/// An endpoint that is available and has the resource's reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready {
    /// The endpoint as the last look showed it.
    pub endpoint: Endpoint,
    /// The port to connect to.
    pub port: u16,
    /// The security group that the provider manages, if the endpoint has it.
    pub own_group: Option<GroupId>,
    /// The zones of those of its subnets that are in the resource's VPC.
    pub zones: Vec<ZoneId>,
    /// The service's private DNS name if private DNS is on.
    pub private_dns_name: Option<String>,
    /// What user names of the resource's cluster begin with, if it names one.
    pub user_prefix: Option<String>,
    pub warnings: Vec<Warning>,
}

impl Outcome {
    /// The outcome's name in the log and in the metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Created(_) => "created",
            Self::Joined(_) => "joined",
            Self::Updated(_) => "updated",
            Self::Unchanged(_) => "unchanged",
            Self::Released(..) => "released",
            Self::Deleted(_) => "deleted",
            Self::Absent => "absent",
        }
    }

    pub fn ready(&self) -> Option<&Ready> {
        match self {
            Self::Created(ready) | Self::Joined(ready) | Self::Updated(ready) | Self::Unchanged(ready) => Some(ready),
            Self::Released(..) | Self::Deleted(_) | Self::Absent => None,
        }
    }

    /// What deserves the attention of people although the event has succeeded.
    pub fn warnings(&self) -> impl Iterator<Item = &Warning> {
        let left = if let Self::Released(_, kept) = self { kept.as_deref() } else { None };
        self.ready().into_iter().flat_map(|ready| &ready.warnings).chain(left)
    }
}
