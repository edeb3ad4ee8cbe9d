//! Services, VPCs, subnets and route tables.

use super::errors::{Call, VPC, is_not_found, no_special_kind};
use super::{Ec2, Result, filter};
use crate::model::ids::{ServiceName, VpcId};
use crate::model::network::{Service, Subnet, Vpc, VpcDns};
use crate::model::route::{Destination, Route, RouteTable, Target};
use aws_sdk_ec2::error::ProvideErrorMetadata as _;
use aws_sdk_ec2::types::{
    AttributeBooleanValue, DnsNameState, Route as SdkRoute, RouteState, RouteTable as SdkTable, ServiceDetail,
    Subnet as SdkSubnet, SubnetCidrBlockStateCode, VpcAttributeName, VpcCidrBlockStateCode,
};
use std::fmt::Display;

impl Ec2 {
    /// Reads a service; `None` if it does not exist or does not allow this account, which EC2 does not distinguish.
    pub async fn service(&self, name: &ServiceName) -> Result<Option<Service>> {
        let call = Call { action: "DescribeVpcEndpointServices", subject: name, kind: no_special_kind };
        match self.client.describe_vpc_endpoint_services().service_names(name.as_str()).send().await {
            Ok(answer) => {
                let mut details = answer.service_details().iter();
                Ok(details.find(|detail| detail.service_name() == Some(name.as_str())).map(service))
            }
            Err(error) if error.code() == Some("InvalidServiceName") => Ok(None),
            Err(error) => Err(call.failed(&error)),
        }
    }

    /// Reads a VPC; `None` if it does not exist.
    pub async fn vpc(&self, id: &VpcId) -> Result<Option<Vpc>> {
        let call = Call { action: "DescribeVpcs", subject: id, kind: no_special_kind };
        let answer = self.client.describe_vpcs().filters(filter("vpc-id", [id.as_str()])).send().await;
        let answer = answer.map_err(|error| call.failed(&error))?;
        let Some(vpc) = answer.vpcs().iter().find(|vpc| vpc.vpc_id() == Some(id.as_str())) else { return Ok(None) };
        // EC2 goes on listing blocks for a while that were disassociated, or whose association failed.
        let v4 = vpc.cidr_block_association_set().iter().filter(|block| {
            let state = block.cidr_block_state().and_then(|state| state.state());
            state.is_none_or(|state| is_in_use(state.as_str()))
        });
        let v6 = vpc.ipv6_cidr_block_association_set().iter().filter(|block| {
            let state = block.ipv6_cidr_block_state().and_then(|state| state.state());
            state.is_none_or(|state| is_in_use(state.as_str()))
        });
        let v4 = v4.filter_map(|block| block.cidr_block());
        let v6 = v6.filter_map(|block| block.ipv6_cidr_block());
        let blocks = v4.chain(v6).filter_map(|block| block.parse().ok()).collect();
        Ok(Some(Vpc { owner_id: vpc.owner_id().unwrap_or_default().to_owned(), blocks }))
    }

    /// Reads the DNS attributes of a VPC; `None` if it does not exist.
    pub async fn vpc_dns(&self, vpc: &VpcId) -> Result<Option<VpcDns>> {
        let call = Call { action: "DescribeVpcAttribute", subject: vpc, kind: no_special_kind };
        let attribute =
            |name: VpcAttributeName| self.client.describe_vpc_attribute().vpc_id(vpc.as_str()).attribute(name).send();
        // EC2 returns one attribute per call.
        let answers = tokio::try_join!(
            attribute(VpcAttributeName::EnableDnsSupport),
            attribute(VpcAttributeName::EnableDnsHostnames)
        );
        match answers {
            Ok((support, hostnames)) => Ok(Some(VpcDns {
                support: support.enable_dns_support().and_then(AttributeBooleanValue::value).unwrap_or_default(),
                hostnames: hostnames.enable_dns_hostnames().and_then(AttributeBooleanValue::value).unwrap_or_default(),
            })),
            Err(error) if error.code().is_some_and(|code| is_not_found(code, VPC)) => Ok(None),
            Err(error) => Err(call.failed(&error)),
        }
    }

    /// Reads all subnets of a VPC, or of the region.
    pub async fn subnets(&self, vpc: Option<&VpcId>) -> Result<Vec<Subnet>> {
        let subject: &(dyn Display + Sync) = vpc.map_or(&"the Region", |vpc| vpc);
        let call = Call { action: "DescribeSubnets", subject, kind: no_special_kind };
        let filters = vpc.map(|vpc| vec![filter("vpc-id", [vpc.as_str()])]);
        let request = self.client.describe_subnets().set_filters(filters);
        let found = request.into_paginator().items().send().collect::<std::result::Result<Vec<_>, _>>().await;
        let found = found.map_err(|error| call.failed(&error))?;
        let is_there = |subnet: &&SdkSubnet| vpc.is_none_or(|vpc| subnet.vpc_id() == Some(vpc.as_str()));
        Ok(found.iter().filter(is_there).filter_map(subnet).collect())
    }

    /// Reads the route tables of a VPC; none if another account has shared it.
    pub async fn route_tables(&self, vpc: &VpcId) -> Result<Vec<RouteTable>> {
        let call = Call { action: "DescribeRouteTables", subject: vpc, kind: no_special_kind };
        let request = self.client.describe_route_tables().filters(filter("vpc-id", [vpc.as_str()]));
        let found = request.into_paginator().items().send().collect::<std::result::Result<Vec<_>, _>>().await;
        let found = found.map_err(|error| call.failed(&error))?;
        Ok(found.iter().filter(|table| table.vpc_id() == Some(vpc.as_str())).filter_map(route_table).collect())
    }
}

/// Whether a CIDR block in this state is the VPC's, or is about to be.
fn is_in_use(state: &str) -> bool {
    [VpcCidrBlockStateCode::Associating, VpcCidrBlockStateCode::Associated]
        .iter()
        .any(|counted| state.eq_ignore_ascii_case(counted.as_str()))
}

fn service(from: &ServiceDetail) -> Service {
    let mut names = from.private_dns_names().iter().filter_map(|name| name.private_dns_name());
    Service {
        acceptance_required: from.acceptance_required().unwrap_or_default(),
        zone_ids: from.availability_zone_ids().iter().map(|id| id.as_str().into()).collect(),
        zone_names: from.availability_zones().to_vec(),
        // Of several names, this is the service's own.
        private_dns_name: from.private_dns_name().or_else(|| names.next()).map(str::to_owned),
        private_dns_verified: from
            .private_dns_name_verification_state()
            .is_none_or(|state| state.as_str() == DnsNameState::Verified.as_str()),
        address_families: from.supported_ip_address_types().iter().map(|kind| kind.as_str().to_owned()).collect(),
    }
}

fn subnet(from: &SdkSubnet) -> Option<Subnet> {
    let v4 = from.cidr_block();
    // EC2 cannot assign addresses of a block before it is associated.
    let v6 = from.ipv6_cidr_block_association_set().iter().filter(|block| {
        let state = block.ipv6_cidr_block_state().and_then(|state| state.state());
        state.is_none_or(|state| state.as_str().eq_ignore_ascii_case(SubnetCidrBlockStateCode::Associated.as_str()))
    });
    let v6 = v6.filter_map(|block| block.ipv6_cidr_block());
    Some(Subnet {
        id: from.subnet_id()?.into(),
        owner_id: from.owner_id().unwrap_or_default().to_owned(),
        zone_id: from.availability_zone_id()?.into(),
        zone_name: from.availability_zone().unwrap_or_default().to_owned(),
        blocks: v4.into_iter().chain(v6).filter_map(|block| block.parse().ok()).collect(),
        free_addresses: from.available_ip_address_count().unwrap_or_default(),
        is_on_outpost: from.outpost_arn().is_some_and(|arn| !arn.is_empty()),
    })
}

fn route_table(from: &SdkTable) -> Option<RouteTable> {
    let associations = from.associations();
    Some(RouteTable {
        id: from.route_table_id()?.into(),
        is_main: associations.iter().any(|association| association.main() == Some(true)),
        subnet_ids: associations.iter().filter_map(|association| association.subnet_id()).map(Into::into).collect(),
        routes: from.routes().iter().filter_map(route).collect(),
    })
}

fn route(from: &SdkRoute) -> Option<Route> {
    let block = from.destination_cidr_block().or(from.destination_ipv6_cidr_block());
    let destination = match (block, from.destination_prefix_list_id()) {
        (Some(block), _) => Destination::Block(block.parse().ok()?),
        (None, Some(_)) => Destination::PrefixList,
        (None, None) => return None,
    };
    let is_active = from.state().is_none_or(|state| *state != RouteState::Blackhole);
    Some(Route { target: target(from, &destination), destination, is_active })
}

/// A gateway may be of several kinds, which its id tells (EC2 API reference, `Route`). A prefix list with an endpoint as its
/// target belongs to a gateway endpoint, which leads to a service of AWS.
fn target(from: &SdkRoute, destination: &Destination) -> Target {
    let is_to_internet = from.egress_only_internet_gateway_id().is_some() || from.carrier_gateway_id().is_some();
    match from.gateway_id().unwrap_or_default() {
        "local" => Target::Local,
        id if id.starts_with("igw-") => Target::Elsewhere,
        id if id.starts_with("vpce-") && *destination == Destination::PrefixList => Target::Elsewhere,
        _ if is_to_internet => Target::Elsewhere,
        _ if from.nat_gateway_id().is_some() => Target::Nat,
        _ => Target::Private,
    }
}
