//! An interface endpoint as EC2 shows it.

use super::ids::{EndpointId, GroupId, ServiceName, SubnetId, VpcId};
use super::tags::{self, Tags};
use jiff::Timestamp;
use std::fmt;

/// The state of an endpoint (AWS PrivateLink guide, "Interface endpoint states").
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndpointState {
    /// The owner of the service has to accept it.
    PendingAcceptance,
    /// Being created or changed.
    Pending,
    Available,
    Deleting,
    /// Gone, and still listed for a while.
    Deleted,
    Failed,
    /// The owner of the service rejected it.
    Rejected,
    /// Nobody accepted it in time.
    Expired,
    /// Anything else, such as the SDK's `Partial`, for which no documentation says what it means.
    Other(String),
}

impl EndpointState {
    /// Parses EC2's word. The API returns `available` where the SDK's enum expects `Available`, and some endpoint types
    /// use a third spelling, so letter case does not count (aws-sdk-rust issue 619).
    pub fn parse(word: &str) -> Self {
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

    /// Whether the endpoint works or may be about to. An unknown state counts: it is better to wait for such an endpoint
    /// than to create another one beside it.
    pub fn is_usable(&self) -> bool {
        !self.is_ending() && !self.is_lost()
    }

    /// Whether the endpoint is being deleted or already gone.
    pub fn is_ending(&self) -> bool {
        matches!(self, Self::Deleting | Self::Deleted)
    }

    /// Whether the endpoint will never work again.
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

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsEntry {
    pub name: String,
    /// Empty where EC2 gives none.
    pub hosted_zone_id: String,
}

impl DnsEntry {
    /// Whether EC2 has not assigned the hosted zone yet. It then shows this word in place of an ID, for a private DNS name,
    /// until the endpoint is available, and possibly longer (recorded in several regions since 2022).
    pub fn is_zone_pending(&self) -> bool {
        self.hosted_zone_id.eq_ignore_ascii_case("ZONEIDPENDING")
    }
}

/// An interface endpoint as one look showed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    pub id: EndpointId,
    pub vpc_id: VpcId,
    pub service_name: ServiceName,
    pub state: EndpointState,
    /// Whether the service's private DNS name resolves to it inside the VPC.
    pub private_dns: bool,
    /// Whether an AWS service created it for itself; such an endpoint cannot be changed or deleted.
    pub requester_managed: bool,
    /// In EC2's spelling; empty where EC2 gives none.
    pub ip_address_type: String,
    /// One in each of its zones.
    pub subnet_ids: Vec<SubnetId>,
    pub group_ids: Vec<GroupId>,
    pub network_interface_ids: Vec<String>,
    /// In no particular order.
    pub dns_entries: Vec<DnsEntry>,
    pub created_at: Option<Timestamp>,
    /// Why it failed, in EC2's words.
    pub last_error: Option<String>,
    pub tags: Tags,
}

impl Endpoint {
    /// What is known of an endpoint that EC2 does not list anymore.
    pub fn gone(id: EndpointId, vpc_id: VpcId, service_name: ServiceName) -> Self {
        Self {
            id,
            vpc_id,
            service_name,
            state: EndpointState::Deleted,
            private_dns: false,
            requester_managed: false,
            ip_address_type: String::new(),
            subnet_ids: Vec::new(),
            group_ids: Vec::new(),
            network_interface_ids: Vec::new(),
            dns_entries: Vec::new(),
            created_at: None,
            last_error: None,
            tags: Tags::new(),
        }
    }

    /// Whether the provider created it, for any stack. Only such an endpoint is ever changed or deleted.
    pub fn is_owned(&self) -> bool {
        tags::owner(&self.tags).is_some()
    }

    pub fn is_in(&self, vpc: Option<&VpcId>) -> bool {
        Some(&self.vpc_id) == vpc
    }

    /// Whether a resource can use it for a service, now or soon.
    pub fn offers(&self, service: &ServiceName) -> bool {
        self.service_name == *service && self.state.is_usable()
    }

    /// The names that AWS assigned: the regional one first, then one for each zone. Recognized by their form, because the
    /// order of the entries is not documented: they begin with the endpoint's id, and a zonal name has the zone appended
    /// to the first label of the regional one.
    pub fn aws_entries(&self) -> Vec<&DnsEntry> {
        let mut entries: Vec<&DnsEntry> =
            self.dns_entries.iter().filter(|entry| entry.name.starts_with(self.id.as_str())).collect();
        entries.sort_by_key(|entry| (entry.name.len(), &entry.name));
        entries
    }

    /// The service's private DNS names, those with a wildcard left out, in the order of the alphabet. A service of AWS can
    /// have several.
    pub fn private_names(&self) -> Vec<&str> {
        let names = self.dns_entries.iter().map(|entry| entry.name.as_str());
        let mut names: Vec<&str> = names
            .filter(|name| !name.starts_with(self.id.as_str()) && !name.starts_with('*') && !name.is_empty())
            .collect();
        names.sort_unstable();
        names
    }

    /// Whether it is available, and EC2 still has to assign a hosted zone to one of its DNS names.
    pub fn is_zone_pending(&self) -> bool {
        self.state == EndpointState::Available && self.dns_entries.iter().any(DnsEntry::is_zone_pending)
    }

    /// Whether it has a private DNS name, by itself or through a wildcard.
    pub fn has_private_name(&self, name: &str) -> bool {
        self.private_dns && self.dns_entries.iter().any(|entry| covers(&entry.name, name) || covers(name, &entry.name))
    }

    /// Sorts the oldest endpoint first, in the same order for everyone.
    pub fn age_key(&self) -> (Timestamp, &EndpointId) {
        (self.created_at.unwrap_or(Timestamp::MAX), &self.id)
    }
}

/// Whether a DNS name, which may begin with a wildcard, is another name or stands for it.
fn covers(pattern: &str, name: &str) -> bool {
    let pattern = pattern.trim_end_matches('.');
    let name = name.trim_end_matches('.');
    let below = |suffix: &str| name.split_once('.').is_some_and(|(_, parent)| parent.eq_ignore_ascii_case(suffix));
    pattern.eq_ignore_ascii_case(name) || pattern.strip_prefix("*.").is_some_and(below)
}
