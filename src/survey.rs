//! The facts about service and VPC that an endpoint is placed by. Read once for an event; they do not change under it.

use crate::group::Group;
use crate::ids::{SubnetId, ZoneId};
use ipnet::IpNet;

/// An endpoint service as its consumer sees it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Service {
    /// Whether the owner has to accept each endpoint.
    pub acceptance_required: bool,
    /// The zones that it serves, by id; empty where EC2 gave only names.
    pub zone_ids: Vec<ZoneId>,
    /// The same by the caller's own names.
    pub zone_names: Vec<String>,
    /// The name that clients use, if the service has one.
    pub private_dns_name: Option<String>,
    /// Whether its owner has proved that the name is theirs; only then can private DNS be on.
    pub private_dns_verified: bool,
}

impl Service {
    /// Whether it serves a subnet's zone. Responses without zone ids exist, and then the names decide.
    #[must_use]
    pub fn serves(&self, subnet: &Subnet) -> bool {
        if self.zone_ids.is_empty() {
            self.zone_names.contains(&subnet.zone_name)
        } else {
            self.zone_ids.contains(&subnet.zone_id)
        }
    }
}

/// The VPC's two DNS attributes; private DNS needs both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VpcDns {
    /// `enableDnsSupport`.
    pub support: bool,
    /// `enableDnsHostnames`.
    pub hostnames: bool,
}

/// A subnet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subnet {
    /// Its id.
    pub id: SubnetId,
    /// The zone, by id.
    pub zone_id: ZoneId,
    /// The zone, by the caller's own name.
    pub zone_name: String,
    /// Addresses still free.
    pub free_addresses: i32,
}

/// A VPC.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Vpc {
    /// The account that owns it; another one than the caller's where the VPC is shared.
    pub owner_id: String,
    /// All its address blocks, of both kinds.
    pub blocks: Vec<IpNet>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Survey {
    /// The service; none if it does not exist or does not allow this account, which EC2 does not tell apart.
    pub service: Option<Service>,
    /// The VPC; none if there is no such VPC in the region, or none was given.
    pub vpc: Option<Vpc>,
    /// Its DNS attributes.
    pub vpc_dns: Option<VpcDns>,
    /// Every subnet of the VPC.
    pub subnets: Vec<Subnet>,
    /// Groups that were given or that the endpoint has, as far as they exist and were read.
    pub groups: Vec<Group>,
}

impl Survey {
    /// A subnet of the VPC.
    #[must_use]
    pub fn subnet(&self, id: &SubnetId) -> Option<&Subnet> {
        self.subnets.iter().find(|subnet| subnet.id == *id)
    }

    /// The zone of a subnet of the VPC.
    #[must_use]
    pub fn zone_of(&self, id: &SubnetId) -> Option<&ZoneId> {
        self.subnet(id).map(|subnet| &subnet.zone_id)
    }
}
