//! The types of the settings.

use serde::Deserialize;

/// A range of milliseconds, including both ends: `[min, max]` in a world file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Span(
    /// The minimum.
    pub u64,
    /// The maximum.
    pub u64,
);

impl Span {
    /// A fixed duration.
    #[must_use]
    pub const fn exactly(ms: u64) -> Self {
        Self(ms, ms)
    }
}

/// The spelling, in responses, of the values that the service model lists in `PascalCase`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Casing {
    /// `pendingAcceptance`, `ipv4`: what EC2 sends for interface endpoints (aws-sdk#360).
    #[default]
    LowerCamel,
    /// `PendingAcceptance`, `Ipv4`: as in the service model.
    Pascal,
    /// Either, depending on the endpoint, as observed across endpoint types (terraform-provider-aws #41116).
    Mixed,
}

/// The effect of a client token after its endpoint was deleted, which is not documented.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenAfterDelete {
    /// The response describes the deleted endpoint in its last state. This is the stricter reading, and so the default.
    #[default]
    Replay,
    /// The token can be used again.
    Forget,
}

/// The order of an endpoint's DNS entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DnsOrder {
    /// Regional, zonal, private: the order for AWS services.
    Aws,
    /// Any: "not enforced for AWS Marketplace services" (CloudFormation user guide).
    #[default]
    Shuffled,
}

/// What happens to a call that enables private DNS without the permission `route53:AssociateVPCWithHostedZone`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Route53Denial {
    /// `UnauthorizedOperation`.
    #[default]
    Denied,
    /// There is never a response (boto3 #2554).
    NoResponse,
    /// `InternalError`, HTTP 500, after a while.
    ServerError {
        /// The time until the response, in milliseconds.
        after_ms: u64,
    },
}
