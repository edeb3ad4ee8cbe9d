//! Routing in a world: route tables and VPC peering connections.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::tags::Tags;

/// A route table. A VPC without a main one gets one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteTable {
    /// `rtb-` and hex digits.
    pub id: String,
    /// Its VPC.
    pub vpc_id: String,
    /// Whether subnets use it that are not associated with another one.
    #[serde(default)]
    pub main: bool,
    /// The subnets that are associated with it.
    #[serde(default)]
    pub subnet_ids: BTreeSet<String>,
    /// The routes besides the local ones, which every route table has for the CIDR blocks of its VPC.
    #[serde(default)]
    pub routes: Vec<Route>,
    /// Tags.
    #[serde(default)]
    pub tags: Tags,
}

/// A route.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// A CIDR block, IPv4 or IPv6, or the ID of a prefix list.
    pub destination: String,
    /// The ID of a gateway, a peering connection, a network interface and the like. The prefix tells which.
    pub target: String,
    /// Whether the target is gone.
    #[serde(default)]
    pub blackhole: bool,
}

impl Route {
    /// The field of the API for the target (EC2 API reference, `Route`).
    pub(crate) fn target_field(&self) -> &'static str {
        match self.target.split('-').next().unwrap_or_default() {
            "cagw" => "carrierGatewayId",
            "eigw" => "egressOnlyInternetGatewayId",
            "eni" => "networkInterfaceId",
            "lgw" => "localGatewayId",
            "nat" => "natGatewayId",
            "pcx" => "vpcPeeringConnectionId",
            "tgw" => "transitGatewayId",
            _ => "gatewayId",
        }
    }

    /// The field for the destination.
    pub(crate) fn destination_field(&self) -> &'static str {
        if self.destination.starts_with("pl-") {
            "destinationPrefixListId"
        } else if self.destination.contains(':') {
            "destinationIpv6CidrBlock"
        } else {
            "destinationCidrBlock"
        }
    }
}

/// A VPC peering connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Peering {
    pub(crate) id: String,
    pub(crate) requester: String,
    pub(crate) accepter: String,
    /// `pending-acceptance`, `active`, `failed`, or `deleted`.
    pub(crate) status: &'static str,
}
