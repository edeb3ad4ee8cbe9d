//! Services, VPCs and subnets as EC2 shows them to the account.

use super::change::IpAddressType;
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
    /// `ipv4`, `ipv6`, or both; empty if EC2 does not return them.
    pub address_families: Vec<String>,
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

    /// Whether its endpoints can have an IP address type. A dual-stack endpoint needs a service that accepts both families
    /// (PrivateLink guide, "IP address type").
    pub fn offers(&self, wanted: IpAddressType) -> bool {
        let has = |family: &str| self.address_families.iter().any(|has| has.eq_ignore_ascii_case(family));
        self.address_families.is_empty()
            || ((!wanted.uses_ipv4() || has("ipv4")) && (!wanted.uses_ipv6() || has("ipv6")))
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
    pub is_on_outpost: bool,
}

impl Subnet {
    pub fn has_ipv4(&self) -> bool {
        self.blocks.iter().any(|block| block.addr().is_ipv4())
    }

    pub fn has_ipv6(&self) -> bool {
        self.blocks.iter().any(|block| block.addr().is_ipv6())
    }

    /// Whether it has the CIDR blocks that an endpoint of this IP address type needs.
    pub fn fits(&self, kind: IpAddressType) -> bool {
        (!kind.uses_ipv4() || self.has_ipv4()) && (!kind.uses_ipv6() || self.has_ipv6())
    }

    /// The same by the letter of the PrivateLink guide ("IP address type"), which says that IPv6 endpoints need IPv6-only
    /// subnets. Whether EC2 insists on that is not known.
    pub fn fits_strictly(&self, kind: IpAddressType) -> bool {
        self.fits(kind) && (kind.uses_ipv4() || !self.has_ipv4())
    }

    /// Whether it has no address left for an endpoint of this IP address type. An IPv6 block never runs out.
    pub fn is_full(&self, kind: IpAddressType) -> bool {
        kind.uses_ipv4() && self.free_addresses <= 0
    }

    /// Whether its zone is one of the Availability Zones of the region, and not a Local Zone or a Wavelength Zone. Their
    /// names tell: that of an Availability Zone is the region's followed by a letter (`us-west-2a`), that of the others has
    /// a location in between (`us-west-2-lax-1a`, `us-west-2-wl1-las-wlz-1`; EC2 user guide, "Regions and Zones").
    /// `DescribeAvailabilityZones` shows the type of a zone, but would need another permission.
    pub fn is_in_availability_zone(&self, region: &str) -> bool {
        let letter = self.zone_name.strip_prefix(region);
        self.zone_name.is_empty()
            || letter.is_some_and(|rest| rest.len() == 1 && rest.bytes().all(|byte| byte.is_ascii_lowercase()))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Vpc {
    /// The account that owns the VPC; not the function's account where the VPC is shared.
    pub owner_id: String,
    /// IPv4 and IPv6 CIDR blocks.
    pub blocks: Vec<IpNet>,
}
