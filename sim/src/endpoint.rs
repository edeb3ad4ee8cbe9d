//! An endpoint, and the states that it goes through.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    clock::History,
    knobs::{Casing, Knobs},
    random::Random,
    tags::Tags,
};

/// The states of an endpoint, as the PrivateLink guide has them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum State {
    /// The provider has to accept it first.
    PendingAcceptance,
    /// Being made, or being changed.
    Pending,
    /// In use.
    #[default]
    Available,
    /// On its way out.
    Deleting,
    /// Gone, and still listed for a while.
    Deleted,
    /// The provider refused it, at first or later.
    Rejected,
    /// It could not be made.
    Failed,
    /// The provider did not answer in time.
    Expired,
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
        }
    }
}

/// The kinds of endpoint that there can be. Only interface endpoints can be made by call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// With a network interface in every subnet.
    #[default]
    Interface,
    /// An entry in route tables, for S3 and `DynamoDB`.
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
    /// Where it is.
    pub subnet_id: String,
    /// Its private IPv4 address.
    pub address: String,
}

/// Why an endpoint is `failed`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LastError {
    /// EC2's code.
    pub code: String,
    /// EC2's message.
    pub message: String,
}

/// An endpoint at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Endpoint {
    /// `vpce-` and hex digits.
    pub id: String,
    /// Interface or Gateway.
    pub kind: Kind,
    /// The account that owns it: its VPC's.
    pub owner: String,
    /// Its VPC.
    pub vpc_id: String,
    /// Its service.
    pub service_name: String,
    /// Where it is in its life.
    pub state: State,
    /// Whether it answers to the service's private name.
    pub private_dns_enabled: bool,
    /// One in each zone at most.
    pub subnet_ids: Vec<String>,
    /// Security groups.
    pub group_ids: Vec<String>,
    /// One for each subnet; none once the endpoint is deleted.
    pub interfaces: Vec<Interface>,
    /// `ipv4`, `ipv6` or `dualstack`.
    pub ip_address_type: String,
    /// `ipv4`, `ipv6`, `dualstack` or `service-defined`.
    pub dns_record_ip_type: String,
    /// The endpoint policy, as JSON.
    pub policy: String,
    /// Whether another AWS service manages it.
    pub requester_managed: bool,
    /// Why it is `failed`.
    pub last_error: Option<LastError>,
    /// Tags.
    pub tags: Tags,
    /// When it was made.
    pub created_at: Timestamp,
    /// Whether it has ever been `available`.
    #[serde(skip)]
    pub(crate) was_available: bool,
}

/// The policy of an endpoint that was made without one.
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
    /// Whether it is there no more; a `deleted` endpoint is only still listed.
    pub(crate) fn is_gone(&self) -> bool {
        self.state == State::Deleted
    }

    pub(crate) fn is_leaving(&self) -> bool {
        matches!(self.state, State::Deleting | State::Deleted)
    }

    pub(crate) fn spelled_state(&self, knobs: &Knobs) -> String {
        self.spell(knobs.casing, self.state.wire())
    }

    pub(crate) fn spelled_ip_address_type(&self, knobs: &Knobs) -> String {
        self.spell(knobs.casing, &self.ip_address_type)
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

/// What is going on with an endpoint, beside what can be read of it.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) history: History<Endpoint>,
    /// Counts what was begun with the endpoint. A step that was scheduled for an earlier one is void.
    pub(crate) operation: u64,
    /// Whether a change is under way.
    pub(crate) modifying: bool,
    /// What it will come to instead of `available`.
    pub(crate) doom: Option<LastError>,
}

impl Record {
    pub(crate) fn new(history: History<Endpoint>) -> Self {
        Self { history, operation: 0, modifying: false, doom: None }
    }

    /// Begins something that overrides what was under way.
    pub(crate) fn begin(&mut self) -> u64 {
        self.operation += 1;
        self.modifying = false;
        self.operation
    }
}

/// A step that an endpoint takes by itself when its time has come.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// The provider accepts.
    Accept,
    /// What was begun is done: `available`, or `failed` if it was doomed.
    Settle,
    /// `deleting` is over.
    Delete,
    /// The listing is over.
    Forget,
}
