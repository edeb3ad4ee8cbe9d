//! The numbers of a status.

use super::status::EndpointStatus;
use crate::model::tags::TAG_LIMIT;
use serde::Serialize;

/// How much there is, and how much of it is to be fixed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Counts {
    pub endpoints: usize,
    pub holders: usize,
    /// Holders whose stack no longer exists; `None` if the stacks cannot be listed.
    pub stale_references: Option<usize>,
    pub orphans: usize,
    /// How many more tags the fullest endpoint has room for; what an empty one has if there is none.
    pub reference_slots_left: usize,
}

impl Counts {
    pub(super) fn of(endpoints: &[EndpointStatus], are_stacks_known: bool) -> Self {
        let holders = || endpoints.iter().flat_map(|endpoint| &endpoint.holders);
        let stale = || holders().filter(|holder| holder.stack_exists == Some(false)).count();
        Self {
            endpoints: endpoints.len(),
            holders: holders().count(),
            stale_references: are_stacks_known.then(stale),
            orphans: endpoints.iter().filter(|endpoint| endpoint.orphaned).count(),
            reference_slots_left: endpoints.iter().map(|e| e.reference_slots_left).min().unwrap_or(TAG_LIMIT),
        }
    }

    /// Name and value of each number that is known.
    pub fn known(&self) -> Vec<(&'static str, usize)> {
        let stale = self.stale_references.map(|stale| ("StaleReferences", stale));
        let others = [
            ("Orphans", self.orphans),
            ("Endpoints", self.endpoints),
            ("Holders", self.holders),
            ("ReferenceSlotsLeft", self.reference_slots_left),
        ];
        stale.into_iter().chain(others).collect()
    }
}
