//! VPC endpoints and their states.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    clock::History,
    knobs::{Casing, Knobs},
    random::Random,
    tags::Tags,
};

/// The states of an endpoint, as listed in the PrivateLink guide.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum State {
    /// Waiting for the service owner to accept the connection request.
    PendingAcceptance,
    /// Being created or modified.
    Pending,
    /// Ready for use.
    #[default]
    Available,
    /// Being deleted.
    Deleting,
    /// Deleted, and still listed for a while.
    Deleted,
    /// Rejected by the service owner, before or after acceptance.
    Rejected,
    /// The creation failed.
    Failed,
    /// The service owner did not respond to the connection request in time.
    Expired,
    /// In the SDK's list of states, and not documented.
    Partial,
}

impl State {
    pub(crate) fn wire(self) -> &'static str {
        match self {
            Self::PendingAcceptance => "pendingAcceptance",
            Self::Pending => "pending",
            Self::Available => "available",
            Self::Deleting => "deleting",
            Self::Deleted => "deleted",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::Partial => "partial",
        }
    }
}

/// Endpoint types. The API of the simulation creates interface endpoints only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// Has a network interface in each of its subnets.
    #[default]
    Interface,
    /// A route table target, for Amazon S3 and `DynamoDB`.
    Gateway,
}

impl Kind {
    pub(crate) fn wire(self) -> &'static str {
        match self {
            Self::Interface => "Interface",
            Self::Gateway => "Gateway",
        }
    }
}

/// A network interface of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Interface {
    /// `eni-` and hex digits.
    pub id: String,
    /// Its subnet.
    pub subnet_id: String,
    /// Its private IPv4 address; empty if it has none.
    pub address: String,
    /// Its IPv6 address, if any.
    pub ipv6_address: Option<String>,
    /// When it becomes visible in reads.
    #[serde(skip)]
    pub(crate) visible_from: Duration,
}

/// The reason why an endpoint is `failed`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LastError {
    /// The error code.
    pub code: String,
    /// The error message.
    pub message: String,
}

/// The state of an endpoint at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Endpoint {
    /// `vpce-` and hex digits.
    pub id: String,
    /// Its type.
    pub kind: Kind,
    /// The account that owns the endpoint and its VPC.
    pub owner: String,
    /// Its VPC.
    pub vpc_id: String,
    /// Its endpoint service.
    pub service_name: String,
    /// Its state.
    pub state: State,
    /// Whether private DNS is enabled.
    pub private_dns_enabled: bool,
    /// At most one per Availability Zone.
    pub subnet_ids: Vec<String>,
    /// Security groups.
    pub group_ids: Vec<String>,
    /// One per subnet; empty after the deletion.
    pub interfaces: Vec<Interface>,
    /// `ipv4`, `ipv6` or `dualstack`.
    pub ip_address_type: String,
    /// `ipv4`, `ipv6`, `dualstack` or `service-defined`.
    pub dns_record_ip_type: String,
    /// The endpoint policy, in JSON.
    pub policy: String,
    /// Whether an AWS service manages it.
    pub requester_managed: bool,
    /// The reason if it is `failed`.
    pub last_error: Option<LastError>,
    /// Tags.
    pub tags: Tags,
    /// The creation time.
    pub created_at: Timestamp,
    /// Whether it has ever been `available`.
    #[serde(skip)]
    pub(crate) was_available: bool,
    /// Whether the private DNS entries still have the hosted zone ID `ZONEIDPENDING`.
    #[serde(skip)]
    pub(crate) zone_id_pending: bool,
}

/// The policy of an endpoint that was created without one.
pub(crate) const FULL_ACCESS: &str = r#"{
  "Statement": [
    {
      "Action": "*",
      "Effect": "Allow",
      "Principal": "*",
      "Resource": "*"
    }
  ]
}"#;

impl Endpoint {
    /// Whether it no longer exists; EC2 still lists a `deleted` endpoint for a while.
    pub(crate) fn is_gone(&self) -> bool {
        self.state == State::Deleted
    }

    pub(crate) fn is_deleting(&self) -> bool {
        matches!(self.state, State::Deleting | State::Deleted)
    }

    pub(crate) fn spelled_state(&self, knobs: &Knobs) -> String {
        self.spell(knobs.casing, self.state.wire())
    }

    pub(crate) fn spelled_ip_address_type(&self, knobs: &Knobs) -> String {
        self.spell(knobs.casing, &self.ip_address_type)
    }

    /// The network interfaces that reads show.
    pub(crate) fn visible_interfaces(&self, now: Duration) -> impl Iterator<Item = &Interface> {
        self.interfaces.iter().filter(move |interface| interface.visible_from <= now)
    }

    /// The subnet IDs in the order of responses.
    pub(crate) fn listed_subnet_ids(&self, knobs: &Knobs) -> Vec<&String> {
        let mut ids: Vec<&String> = self.subnet_ids.iter().collect();
        if knobs.shuffle_subnet_ids {
            Random::named(&format!("subnets of {}", self.id)).shuffle(&mut ids);
        }
        ids
    }

    fn spell(&self, casing: Casing, word: &str) -> String {
        let pascal = match casing {
            Casing::LowerCamel => false,
            Casing::Pascal => true,
            Casing::Mixed => Random::named(&self.id).next().is_multiple_of(2),
        };
        let mut letters = word.chars();
        match letters.next() {
            Some(first) if pascal => first.to_ascii_uppercase().to_string() + letters.as_str(),
            _ => word.to_owned(),
        }
    }
}

/// An endpoint and its operation in progress, which reads do not show.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) history: History<Endpoint>,
    /// Counts the operations on the endpoint. Steps scheduled for an earlier operation are ignored.
    pub(crate) operation: u64,
    /// Whether a modification is in progress.
    pub(crate) modifying: bool,
    /// If set, the operation ends with this error instead of `available`.
    pub(crate) pending_failure: Option<LastError>,
    /// Until when the creation with a client token prevents other operations.
    pub(crate) idempotent_until: Duration,
}

impl Record {
    pub(crate) fn new(history: History<Endpoint>) -> Self {
        Self { history, operation: 0, modifying: false, pending_failure: None, idempotent_until: Duration::ZERO }
    }

    /// Starts an operation that replaces the one in progress.
    pub(crate) fn begin(&mut self) -> u64 {
        self.operation += 1;
        self.modifying = false;
        self.operation
    }
}

/// A scheduled state transition of an endpoint.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// The service owner accepts the connection request.
    Accept,
    /// The operation completes: the state becomes `available`, or `failed` if there is a pending failure.
    Complete,
    /// The deletion completes.
    Delete,
    /// EC2 no longer lists the deleted endpoint.
    Unlist,
}
