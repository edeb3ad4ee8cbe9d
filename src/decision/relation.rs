//! How a resource and an endpoint stand to each other.

use super::others::Others;

/// What a resource may do to an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Relation {
    /// The provider created it, and it becomes what all its holders request: this resource and these others.
    Owned(Others),
    /// The provider did not create it; or it is in another VPC, and the resource has security groups of its own: it stays as
    /// it is.
    Foreign,
}

impl Relation {
    pub(super) fn is_foreign(&self) -> bool {
        matches!(self, Self::Foreign)
    }
}
