//! The services of a world, and the endpoints that exist at the start.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::{
    endpoint::{Kind, State},
    tags::Tags,
};

/// An endpoint service.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// `com.amazonaws.vpce.REGION.vpce-svc-…`
    pub name: String,
    /// The account of the provider.
    pub owner: String,
    /// Ids of the zones that it serves.
    pub zone_ids: BTreeSet<String>,
    /// The name that private DNS gives to an endpoint of it.
    #[serde(default)]
    pub private_dns_name: Option<String>,
    /// How far the provider's proof is that the name is its own.
    #[serde(default)]
    pub private_dns_name_state: Verification,
    /// Whether the provider accepts every endpoint by hand.
    #[serde(default)]
    pub acceptance_required: bool,
    /// Account numbers, their `arn:aws:iam::…:root`, or `*`. The service does not exist for others.
    #[serde(default = "everybody")]
    pub allowed_principals: BTreeSet<String>,
    /// Whether endpoints may have a policy other than full access.
    #[serde(default = "yes")]
    pub policy_supported: bool,
    /// `ipv4`, `ipv6`, or both.
    #[serde(default = "ipv4")]
    pub ip_address_types: BTreeSet<String>,
}

/// The state of a service's private DNS name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Verification {
    /// Proven, usable.
    #[default]
    Verified,
    /// Not yet proven.
    PendingVerification,
    /// Not proven in time.
    Failed,
}

impl Verification {
    pub(crate) fn wire(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::PendingVerification => "pendingVerification",
            Self::Failed => "failed",
        }
    }
}

/// An endpoint that somebody else made, in the console say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointSpec {
    /// `vpce-` and hex digits; made up, if empty.
    #[serde(default)]
    pub id: String,
    /// Its VPC.
    pub vpc_id: String,
    /// Its service. A gateway endpoint's need not be among the world's services.
    pub service_name: String,
    /// Interface, if absent.
    #[serde(default)]
    pub kind: Kind,
    /// Available, if absent.
    #[serde(default = "available")]
    pub state: State,
    /// Whether it answers to the service's private name.
    #[serde(default)]
    pub private_dns_enabled: bool,
    /// At most one in each zone.
    #[serde(default)]
    pub subnet_ids: Vec<String>,
    /// The VPC's default group, if empty.
    #[serde(default)]
    pub group_ids: Vec<String>,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
    /// Whether another AWS service manages it, so that nobody else can change or delete it.
    #[serde(default)]
    pub requester_managed: bool,
}

fn yes() -> bool {
    true
}

fn ipv4() -> BTreeSet<String> {
    BTreeSet::from(["ipv4".to_owned()])
}

fn everybody() -> BTreeSet<String> {
    BTreeSet::from(["*".to_owned()])
}

fn available() -> State {
    State::Available
}
