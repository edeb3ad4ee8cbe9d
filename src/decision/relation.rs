//! How a resource and an endpoint stand to each other.

/// What a resource may do to an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// The provider created it, and this resource is the only holder.
    Exclusive,
    /// The provider created it, and it has other holders.
    Shared,
    /// The provider did not create it, or it is in another VPC.
    Foreign,
}
