//! The validation rules for creating and modifying an endpoint.

use std::{collections::BTreeSet, time::Duration};

use crate::{
    clock::View,
    dns::{self, Taken},
    endpoint::{Endpoint, LastError},
    error::{ApiError, check_id},
    plane::Plane,
    world::{Service, Subnet, Verification, Vpc},
};

/// The maximum number of characters of an endpoint policy (PrivateLink quotas).
const LONGEST_POLICY: usize = 20_480;

/// The context in which subnets are added to an endpoint.
pub(super) struct AddedSubnets<'a> {
    pub(super) vpc: &'a str,
    pub(super) service: &'a Service,
    pub(super) ip_address_type: &'a str,
    pub(super) view: View,
}

impl AddedSubnets<'_> {
    /// Validates the subnets to add: they exist in the VPC, the service is available in their Availability Zones, no zone
    /// has another subnet of the endpoint, the IP address type fits, and there is an available address.
    pub(super) fn check(&self, plane: &Plane, present: &[String], added: &[String]) -> Result<(), ApiError> {
        let present = present.iter().filter_map(|id| plane.subnet(id));
        let mut zones: BTreeSet<&str> = present.map(|subnet| subnet.zone.as_str()).collect();
        for id in added {
            check_id("subnet", "InvalidSubnetId", id)?;
            let subnet = plane.subnet_in(id, self.view).ok_or_else(|| {
                ApiError::new(&plane.knobs.subnet_not_found_code, format!("The subnet ID '{id}' does not exist"))
            })?;
            if subnet.vpc_id != self.vpc {
                return Err(ApiError::invalid_parameter(format!("Subnet {id} does not belong to VPC {}", self.vpc)));
            }
            // Services are not available in Local Zones and Wavelength Zones.
            if !plane.zones.get(&subnet.zone).is_some_and(|zone| self.service.zone_ids.contains(zone)) {
                return Err(ApiError::invalid_parameter(format!(
                    "The VPC endpoint service {} does not support the availability zone of the subnet: {id}.",
                    self.service.name
                )));
            }
            if subnet.outpost_arn.is_some() && !plane.knobs.outpost_subnets {
                // Neither the rule nor the message is documented.
                return Err(ApiError::invalid_parameter(format!("The subnet {id} is on an Outpost.")));
            }
            if !zones.insert(&subnet.zone) {
                return Err(ApiError::new(
                    "DuplicateSubnetsInSameZone",
                    format!(
                        "Found another VPC endpoint subnet in the availability zone of {id}. VPC endpoint subnets should be \
                         in different availability zones supported by the VPC endpoint service."
                    ),
                ));
            }
            check_family(plane, subnet, self.ip_address_type)?;
            if self.ip_address_type != "ipv6" && plane.free_addresses(subnet) == 0 {
                return Err(ApiError::new(
                    "InsufficientFreeAddressesInSubnet",
                    "The specified subnet does not have enough free addresses to satisfy the request.",
                ));
            }
        }
        Ok(())
    }
}

/// Checks that a subnet has the CIDR blocks that the IP address type requires (PrivateLink guide, "IP address type").
pub(super) fn check_family(plane: &Plane, subnet: &Subnet, ip_address_type: &str) -> Result<(), ApiError> {
    let fits = match ip_address_type {
        "ipv4" => subnet.has_ipv4(),
        "ipv6" => subnet.has_ipv6() && !(subnet.has_ipv4() && plane.knobs.ipv6_requires_ipv6_only_subnets),
        _ => subnet.has_ipv4() && subnet.has_ipv6(),
    };
    if fits {
        return Ok(());
    }
    Err(ApiError::invalid_parameter(format!(
        "The IP address type {ip_address_type} is not supported by the subnet {}",
        subnet.id
    )))
}

/// Validates the security groups of an endpoint: those to add exist in its VPC, and all are within the quota per network
/// interface.
pub(super) fn check_groups(
    plane: &Plane,
    vpc: &str,
    groups: &[String],
    added: &[String],
    view: View,
) -> Result<(), ApiError> {
    for id in added {
        check_id("sg", "InvalidSecurityGroupId", id)?;
        let visible = plane.groups.get(id).is_some_and(|group| group.as_of(view).is_some());
        let group = plane.group(id).filter(|_| visible).ok_or_else(|| {
            ApiError::new(&plane.knobs.group_not_found_code, format!("The security group ID '{id}' does not exist"))
        })?;
        if group.vpc_id != vpc {
            return Err(ApiError::invalid_parameter(format!(
                "Security group {id} and VPC {vpc} belong to different networks."
            )));
        }
    }
    let distinct: BTreeSet<&String> = groups.iter().collect();
    if distinct.len() < groups.len() {
        return Err(ApiError::invalid_parameter("A security group is specified more than once."));
    }
    if groups.len() > plane.knobs.groups_per_interface {
        return Err(ApiError::new(
            "SecurityGroupsPerInterfaceLimitExceeded",
            format!("The maximum number of security groups per interface is {}.", plane.knobs.groups_per_interface),
        ));
    }
    Ok(())
}

pub(super) fn check_ip_types(service: &Service, address: &str, record: &str) -> Result<(), ApiError> {
    let needed: &[&str] = match address {
        "ipv4" => &["ipv4"],
        "ipv6" => &["ipv6"],
        "dualstack" => &["ipv4", "ipv6"],
        other => return Err(ApiError::invalid_value(format!("Invalid value '{other}' for IpAddressType."))),
    };
    if !needed.iter().all(|kind| service.ip_address_types.contains(*kind)) {
        return Err(ApiError::invalid_parameter(format!(
            "The IP address type {address} is not supported by the service {}.",
            service.name
        )));
    }
    // Records of one family need addresses of that family (PrivateLink guide, "DNS record IP type").
    match record {
        "service-defined" => Ok(()),
        "ipv4" | "ipv6" | "dualstack" if record == address || address == "dualstack" => Ok(()),
        _ => Err(ApiError::invalid_parameter(format!(
            "The DNS record IP type {record} is not compatible with the IP address type {address}."
        ))),
    }
}

pub(super) fn check_policy(policy: &str) -> Result<(), ApiError> {
    if policy.len() > LONGEST_POLICY {
        return Err(ApiError::new("InvalidPolicyDocument", "The policy document is too long."));
    }
    match serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(policy) {
        Ok(_) => Ok(()),
        Err(error) => Err(ApiError::new("InvalidPolicyDocument", format!("Invalid policy document: {error}"))),
    }
}

/// The default of `PrivateDnsEnabled`: on if the service supports it (terraform-provider-aws #37694), but off if the
/// service requires acceptance (aws-vpce-operator).
pub(super) fn private_dns_by_default(service: &Service) -> bool {
    service.private_dns_name.is_some()
        && service.private_dns_name_state == Verification::Verified
        && !service.acceptance_required
}

pub(super) fn requester_managed(endpoint: &Endpoint) -> ApiError {
    ApiError::invalid_parameter(format!(
        "Operation is not allowed for requester-managed VPC endpoints for the service {}.",
        endpoint.service_name
    ))
}

pub(super) fn not_accepted(service: &Service) -> ApiError {
    ApiError::invalid_parameter(format!(
        "Private DNS can only be enabled after the endpoint connection is accepted by the owner of {}.",
        service.name
    ))
}

/// Checks whether private DNS can be enabled for an endpoint in the VPC. EC2 may fail to detect a conflict with a name that
/// came into use a moment ago; in that case, returns the error with which the endpoint fails later.
pub(super) fn check_private_dns(
    plane: &Plane,
    vpc: &Vpc,
    service: &Service,
    own: Option<&str>,
) -> Result<Option<LastError>, ApiError> {
    let rejected = |why: &str| {
        Err(ApiError::invalid_parameter(format!(
            "Private DNS can't be enabled because the service {} {why}",
            service.name
        )))
    };
    if service.private_dns_name.is_none() {
        return rejected("does not provide a private DNS name.");
    }
    if service.private_dns_name_state != Verification::Verified {
        return rejected("has not verified the private DNS name.");
    }
    if !(vpc.dns_support && vpc.dns_hostnames) {
        return Err(ApiError::invalid_parameter(format!(
            "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to true for {}",
            vpc.id
        )));
    }
    let mut undetected = None;
    for name in service.private_dns_names() {
        let taken = dns::taken_by_customer(&vpc.customer_zones, name, plane.knobs.parent_zone_conflicts)
            .or_else(|| plane.hidden_zones.taken(&vpc.id, name, own, plane.now));
        let conflict = ApiError::invalid_parameter(format!(
            "private-dns-enabled cannot be set because there is already a conflicting DNS domain for {name} in the VPC {}",
            vpc.id
        ));
        match taken {
            None => {}
            Some(Taken::ByEndpoint(age)) if age < Duration::from_millis(plane.knobs.conflict_detection_ms) => {
                undetected = Some(LastError { code: conflict.code, message: conflict.message });
            }
            Some(_) => return Err(conflict),
        }
    }
    Ok(undetected)
}
