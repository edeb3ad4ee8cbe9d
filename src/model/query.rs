//! Which endpoints to ask EC2 for. The filter goes to EC2, and [`EndpointQuery::matches`] checks every result again:
//! some stand-ins for EC2 ignore filters, and the model checker has none.

use super::endpoint::Endpoint;
use super::ids::{EndpointId, ServiceName, VpcId, join};
use super::tags::PREFIX;
use std::fmt;

/// One `DescribeVpcEndpoints` call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndpointQuery {
    /// The endpoints of a service, in one VPC or in the region.
    Service(ServiceName, Option<VpcId>),
    /// The endpoints of a VPC, of any service.
    Vpc(VpcId),
    /// Endpoints with a tag key.
    TagKey(String),
    /// Endpoints with a tag key and value.
    Tag(String, String),
    Ids(Vec<EndpointId>),
    /// Endpoints with any tag of the provider, in one VPC or in the region.
    Marked(Option<VpcId>),
}

impl EndpointQuery {
    /// Whether the query asks for an endpoint.
    pub fn matches(&self, endpoint: &Endpoint) -> bool {
        match self {
            Self::Service(service, vpc) => {
                endpoint.service_name == *service && vpc.as_ref().is_none_or(|vpc| endpoint.vpc_id == *vpc)
            }
            Self::Vpc(vpc) => endpoint.vpc_id == *vpc,
            Self::TagKey(key) => endpoint.tags.contains_key(key),
            Self::Tag(key, value) => endpoint.tags.get(key) == Some(value),
            Self::Ids(ids) => ids.contains(&endpoint.id),
            Self::Marked(vpc) => {
                vpc.as_ref().is_none_or(|vpc| endpoint.vpc_id == *vpc)
                    && endpoint.tags.keys().any(|key| key.starts_with(PREFIX))
            }
        }
    }
}

impl fmt::Display for EndpointQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(service, _) => write!(f, "{service}"),
            Self::Vpc(vpc) => write!(f, "{vpc}"),
            Self::TagKey(key) => f.write_str(key),
            Self::Tag(key, value) => write!(f, "{key}={value}"),
            Self::Ids(ids) => f.write_str(&join(ids, ", ")),
            Self::Marked(_) => write!(f, "{PREFIX}*"),
        }
    }
}
