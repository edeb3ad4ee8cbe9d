//! How an event can end well.

use crate::endpoint::Endpoint;
use crate::ids::EndpointId;
use crate::warning::Warning;

/// How the event ended well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The endpoint is available and carries the reference.
    Ready(Box<Ready>),
    /// The reference is gone; the endpoint stays, for others or because it is not the product's.
    Released(EndpointId),
    /// The endpoint is gone.
    Deleted(EndpointId),
    /// There was nothing to release.
    Absent,
}

impl Outcome {
    /// Its name in the log and in the metrics.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Ready(ready) => ready.way.name(),
            Self::Released(_) => "released",
            Self::Deleted(_) => "deleted",
            Self::Absent => "absent",
        }
    }
}

/// How a resource came by its endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// It was made for the resource, by this delivery of the event or by one before it.
    Created,
    /// It was there.
    Joined,
    /// The resource had it, and something about it was changed.
    Updated,
    /// The resource had it, and it was as wanted.
    Unchanged,
}

impl Way {
    fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Joined => "joined",
            Self::Updated => "updated",
            Self::Unchanged => "unchanged",
        }
    }
}

/// An endpoint that works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready {
    /// The endpoint as the last look showed it.
    pub endpoint: Endpoint,
    /// How the resource came by it.
    pub way: Way,
    /// What is not as asked.
    pub warnings: Vec<Warning>,
}
