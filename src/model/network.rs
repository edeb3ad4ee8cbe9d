//! Services, VPCs and subnets as EC2 shows them to the account.

use super::ids::{SubnetId, ZoneId};
use ipnet::IpNet;

/// An endpoint service as a consumer of it sees it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Service {
    /// Whether the owner has to accept each endpoint.
    pub acceptance_required: bool,
    /// Empty where EC2 returns only names.
    pub zone_ids: Vec<ZoneId>,
    /// The same zones by the account's own names.
    pub zone_names: Vec<String>,
    /// The name that clients use, if the service has one.
    pub private_dns_name: Option<String>,
    /// Whether the owner has proved ownership of that name; EC2 allows private DNS only then.
    pub private_dns_verified: bool,
}

impl Service {
    /// Whether it is available in a subnet's zone. Answers without zone ids exist; the names decide for those.
    pub fn serves(&self, subnet: &Subnet) -> bool {
        if self.zone_ids.is_empty() {
            self.zone_names.contains(&subnet.zone_name)
        } else {
            self.zone_ids.contains(&subnet.zone_id)
        }
    }
}

/// The two DNS attributes of a VPC; private DNS needs both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VpcDns {
    /// `enableDnsSupport`
    pub support: bool,
    /// `enableDnsHostnames`
    pub hostnames: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subnet {
    pub id: SubnetId,
    /// The account that owns the subnet and its VPC; not the function's account where the VPC is shared.
    pub owner_id: String,
    pub zone_id: ZoneId,
    /// The account's own name for the zone.
    pub zone_name: String,
    /// IPv4 and IPv6 CIDR blocks.
    pub blocks: Vec<IpNet>,
    /// Unused IPv4 addresses; EC2 does not count IPv6 (EC2 API reference, `Subnet`).
    pub free_addresses: i32,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Vpc {
    /// The account that owns the VPC; not the function's account where the VPC is shared.
    pub owner_id: String,
    /// IPv4 and IPv6 CIDR blocks.
    pub blocks: Vec<IpNet>,
}
