//! What EC2 shows of an endpoint, in the product's own words and without the SDK's.

use crate::ids::{EndpointId, GroupId, ServiceName, SubnetId, VpcId};
use crate::reference::{self, Tags};
use jiff::Timestamp;
use std::fmt;

/// Where an endpoint is in its life (PrivateLink guide, "Interface endpoint states").
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndpointState {
    /// The service's owner has to accept it.
    PendingAcceptance,
    /// Being made or changed.
    Pending,
    /// Works.
    Available,
    /// Going away.
    Deleting,
    /// Gone, and listed for a little while.
    Deleted,
    /// Could not be made available.
    Failed,
    /// The service's owner said no.
    Rejected,
    /// Nobody accepted it in time.
    Expired,
    /// A word that EC2 did not use when this was written.
    Other(String),
}

impl EndpointState {
    /// Reads EC2's word. The wire says `available` where the SDK's enum expects `Available`, and some endpoint types
    /// use a third spelling, so letter case does not count (aws-sdk-rust issue 619).
    #[must_use]
    pub fn read(word: &str) -> Self {
        match word.to_ascii_lowercase().as_str() {
            "pendingacceptance" => Self::PendingAcceptance,
            "pending" => Self::Pending,
            "available" => Self::Available,
            "deleting" => Self::Deleting,
            "deleted" => Self::Deleted,
            "failed" => Self::Failed,
            "rejected" => Self::Rejected,
            "expired" => Self::Expired,
            _ => Self::Other(word.to_owned()),
        }
    }

    /// Whether the endpoint works or may be on its way there. A word that nobody knows counts: better to wait for such an
    /// endpoint than to make another beside it.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        !matches!(self, Self::Deleting | Self::Deleted) && !self.is_lost()
    }

    /// Whether the endpoint ended without ever working again.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        matches!(self, Self::Failed | Self::Rejected | Self::Expired)
    }
}

impl fmt::Display for EndpointState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PendingAcceptance => "pendingAcceptance",
            Self::Pending => "pending",
            Self::Available => "available",
            Self::Deleting => "deleting",
            Self::Deleted => "deleted",
            Self::Failed => "failed",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Other(word) => word,
        })
    }
}

/// One DNS name of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsEntry {
    /// The name.
    pub name: String,
    /// The hosted zone that it is in; empty where EC2 gives none.
    pub hosted_zone_id: String,
}

/// An interface endpoint as EC2 showed it at one look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Its id.
    pub id: EndpointId,
    /// The VPC that it is in.
    pub vpc_id: VpcId,
    /// The service that it leads to.
    pub service_name: ServiceName,
    /// Where it is in its life.
    pub state: EndpointState,
    /// Whether the service's own name resolves to it inside the VPC.
    pub private_dns: bool,
    /// Whether an AWS service made it for itself; such an endpoint cannot be changed or deleted.
    pub requester_managed: bool,
    /// The kind of addresses, in EC2's spelling; empty where EC2 gives none.
    pub ip_address_type: String,
    /// One subnet in each of its zones.
    pub subnet_ids: Vec<SubnetId>,
    /// The groups of its network interfaces.
    pub group_ids: Vec<GroupId>,
    /// Its network interfaces.
    pub network_interface_ids: Vec<String>,
    /// Its DNS names, in an order that means nothing.
    pub dns_entries: Vec<DnsEntry>,
    /// When it was made.
    pub created_at: Option<Timestamp>,
    /// Why it failed, in EC2's words.
    pub last_error: Option<String>,
    /// All its tags.
    pub tags: Tags,
}

impl Endpoint {
    /// Whether the product made it, in any stack. Only such an endpoint is ever changed or deleted.
    #[must_use]
    pub fn is_owned(&self) -> bool {
        reference::owner(&self.tags).is_some()
    }

    /// The names that AWS gave: the regional one first, then one for each zone. Told by shape, because the order of the
    /// entries is not promised: they begin with the endpoint's id, and a zonal name has the zone behind the regional one's.
    #[must_use]
    pub fn aws_entries(&self) -> Vec<&DnsEntry> {
        let mut entries: Vec<&DnsEntry> =
            self.dns_entries.iter().filter(|entry| entry.name.starts_with(self.id.as_str())).collect();
        entries.sort_by_key(|entry| (entry.name.len(), &entry.name));
        entries
    }

    /// The service's own name, where it resolves to this endpoint.
    #[must_use]
    pub fn private_entry(&self) -> Option<&DnsEntry> {
        self.dns_entries.iter().find(|entry| {
            !entry.name.starts_with(self.id.as_str()) && !entry.name.starts_with('*') && !entry.name.is_empty()
        })
    }

    /// A key that puts the oldest endpoint first, in the same order for everybody.
    #[must_use]
    pub fn age(&self) -> (Timestamp, &EndpointId) {
        (self.created_at.unwrap_or(Timestamp::MAX), &self.id)
    }
}
