//! The endpoint services in a world, and its existing endpoints.

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
    /// The account that owns the service.
    pub owner: String,
    /// The IDs of the Availability Zones in which it is available.
    pub zone_ids: BTreeSet<String>,
    /// Its private DNS name.
    #[serde(default)]
    pub private_dns_name: Option<String>,
    /// Further private DNS names, which can have a wildcard. AWS services can have several names, such as
    /// `dkr.ecr.REGION.amazonaws.com` and `*.dkr.ecr.REGION.amazonaws.com`.
    #[serde(default)]
    pub more_private_dns_names: Vec<String>,
    /// The verification state of the private DNS name.
    #[serde(default)]
    pub private_dns_name_state: Verification,
    /// Whether the service owner must accept each connection request.
    #[serde(default)]
    pub acceptance_required: bool,
    /// Account IDs, `arn:aws:iam::…:root`, or `*`. For other accounts the service does not exist.
    #[serde(default = "any_principal")]
    pub allowed_principals: BTreeSet<String>,
    /// Whether endpoints can have a policy other than full access.
    #[serde(default = "yes")]
    pub policy_supported: bool,
    /// `ipv4`, `ipv6`, or both.
    #[serde(default = "ipv4")]
    pub ip_address_types: BTreeSet<String>,
}

impl Default for Service {
    /// A service without a name, an owner, and Availability Zones, with the defaults of a world file.
    fn default() -> Self {
        Self {
            name: String::new(),
            owner: String::new(),
            zone_ids: BTreeSet::new(),
            private_dns_name: None,
            more_private_dns_names: Vec::new(),
            private_dns_name_state: Verification::default(),
            acceptance_required: false,
            allowed_principals: any_principal(),
            policy_supported: true,
            ip_address_types: ipv4(),
        }
    }
}

impl Service {
    /// All private DNS names.
    pub(crate) fn private_dns_names(&self) -> impl Iterator<Item = &String> {
        self.private_dns_name.iter().chain(&self.more_private_dns_names)
    }
}

/// The verification state of a private DNS name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Verification {
    /// Verified, so endpoints can use the name.
    #[default]
    Verified,
    /// Not yet verified.
    PendingVerification,
    /// The verification failed.
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

/// An endpoint that was not created through the API under test, but in the console, for example.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointSpec {
    /// `vpce-` and hex digits; generated, if empty.
    #[serde(default)]
    pub id: String,
    /// Its VPC.
    pub vpc_id: String,
    /// Its service. The service of a gateway endpoint does not have to be in the world.
    pub service_name: String,
    /// Its type; `Interface`, if absent.
    #[serde(default)]
    pub kind: Kind,
    /// Its state; `available`, if absent.
    #[serde(default = "available")]
    pub state: State,
    /// Whether private DNS is enabled.
    #[serde(default)]
    pub private_dns_enabled: bool,
    /// At most one per Availability Zone.
    #[serde(default)]
    pub subnet_ids: Vec<String>,
    /// The VPC's default security group, if empty.
    #[serde(default)]
    pub group_ids: Vec<String>,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
    /// `ipv4`, `ipv6`, or `dualstack`; `ipv4`, if empty.
    #[serde(default)]
    pub ip_address_type: String,
    /// Whether an AWS service manages it. The account cannot modify or delete such an endpoint.
    #[serde(default)]
    pub requester_managed: bool,
}

fn yes() -> bool {
    true
}

fn ipv4() -> BTreeSet<String> {
    BTreeSet::from(["ipv4".to_owned()])
}

fn any_principal() -> BTreeSet<String> {
    BTreeSet::from(["*".to_owned()])
}

fn available() -> State {
    State::Available
}
