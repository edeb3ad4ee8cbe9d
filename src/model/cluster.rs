//! A cluster of TiDB Cloud, as its API shows it.

use super::cluster_error::ClusterError;
use super::ids::{ClusterId, SecretId, ServiceName, ZoneId};

/// Which cluster to ask TiDB Cloud about, and where the API key for that is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterRef {
    pub id: ClusterId,
    /// The secret with the API key.
    pub secret: SecretId,
}

/// What the API says. Everything may be missing, and states, providers and plans may be words that nobody knows yet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cluster {
    /// In upper case, such as `ACTIVE` or `CREATING`.
    pub state: Option<String>,
    /// The cloud in lower case, such as `aws`.
    pub provider: Option<String>,
    /// The region as the cloud calls it, such as `us-east-1`.
    pub region: Option<String>,
    /// The endpoint service in AWS PrivateLink.
    pub service_name: Option<String>,
    /// The zones of that service, as far as they are zone ids.
    pub zone_ids: Vec<ZoneId>,
    /// The private host name.
    pub host: Option<String>,
    /// What user names begin with.
    pub user_prefix: Option<String>,
}

/// What a resource needs of its cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    pub service_name: ServiceName,
    /// Where TiDB Cloud says the endpoint should be; empty if it does not say.
    pub zone_ids: Vec<ZoneId>,
    pub host: Option<String>,
    pub user_prefix: Option<String>,
    /// Why this is what was recorded earlier; `None` if TiDB Cloud says it now.
    pub unconfirmed: Option<ClusterError>,
}
