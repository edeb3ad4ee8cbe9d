//! One look at EC2.

use crate::model::endpoint::Endpoint;
use crate::model::ids::EndpointId;
use crate::model::protocol::may_predate;
use crate::request::Request;
use jiff::Timestamp;

/// One look at the endpoints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// When the look began; what it shows is older by the read lag at most.
    pub at: Timestamp,
    /// The endpoints that matter to the request.
    pub endpoints: Vec<Endpoint>,
}

impl Observed {
    pub fn find(&self, id: &EndpointId) -> Option<&Endpoint> {
        self.endpoints.iter().find(|endpoint| endpoint.id == *id)
    }

    /// The endpoint that people would ask about.
    pub fn of_interest(&self, request: &Request) -> Option<&Endpoint> {
        let current = request.current().and_then(|id| self.find(id));
        let held = || self.endpoints.iter().find(|endpoint| request.claims(&endpoint.id, &endpoint.tags));
        current.or_else(held).or(self.endpoints.first())
    }

    /// Whether the look may show the world from before a moment.
    pub fn may_predate(&self, moment: Timestamp) -> bool {
        may_predate(self.at, moment)
    }
}
