//! The actions. Each one reads its parameters, validates them as EC2 does, takes effect, and writes the response.

mod create_endpoint;
mod delete_endpoints;
mod describe_endpoints;
mod endpoint_rules;
mod group_rules;
mod groups;
mod interfaces;
mod modify_endpoint;
mod peerings;
mod permissions;
mod routes;
mod services;
mod subnets;
mod tags;
mod vpcs;
mod zones;

use std::time::Duration;

use crate::{clock::Views, error::ApiError, faults::RoleError, plane::Plane, query::Params, xml::Xml};

pub(crate) type Response = Result<Xml, ApiError>;

/// Changes use the current state, and reads use the view.
type Action = fn(&mut Plane, &mut Params, Views) -> Response;

fn find(name: &str) -> Option<Action> {
    Some(match name {
        "AcceptVpcPeeringConnection" => peerings::accept,
        "AssociateRouteTable" => routes::associate,
        "AuthorizeSecurityGroupIngress" => group_rules::authorize,
        "CreateRoute" => routes::create_route,
        "CreateRouteTable" => routes::create,
        "CreateSecurityGroup" => groups::create,
        "CreateSubnet" => subnets::create,
        "CreateTags" => tags::create,
        "CreateVpc" => vpcs::create,
        "CreateVpcEndpoint" => create_endpoint::create,
        "CreateVpcPeeringConnection" => peerings::create,
        "DeleteRoute" => routes::delete_route,
        "DeleteRouteTable" => routes::delete,
        "DeleteSecurityGroup" => groups::delete,
        "DeleteSubnet" => subnets::delete,
        "DeleteTags" => tags::delete,
        "DeleteVpc" => vpcs::delete,
        "DeleteVpcEndpoints" => delete_endpoints::delete,
        "DeleteVpcPeeringConnection" => peerings::delete,
        "DescribeAvailabilityZones" => zones::describe,
        "DescribeNetworkInterfaces" => interfaces::describe,
        "DescribeRouteTables" => routes::describe,
        "DescribeSecurityGroupRules" => group_rules::describe,
        "DescribeSecurityGroups" => groups::describe,
        "DescribeSubnets" => subnets::describe,
        "DescribeTags" => tags::describe,
        "DescribeVpcAttribute" => vpcs::describe_attribute,
        "DescribeVpcEndpointServices" => services::describe,
        "DescribeVpcEndpoints" => describe_endpoints::describe,
        "DescribeVpcs" => vpcs::describe,
        "DisassociateRouteTable" => routes::disassociate,
        "ModifyVpcAttribute" => vpcs::modify_attribute,
        "ModifyVpcEndpoint" => modify_endpoint::modify,
        "RevokeSecurityGroupIngress" => group_rules::revoke,
        _ => return None,
    })
}

/// Handles one well-formed request.
pub(crate) fn run(plane: &mut Plane, params: &mut Params, stale: Duration) -> Response {
    let name = params.action.clone();
    let action = find(&name).ok_or_else(|| {
        ApiError::unrecognized("InvalidAction", format!("The action {name} is not valid for this web service."))
    })?;
    match plane.new_role {
        Some((until, RoleError::AuthFailure)) if plane.now < until => return Err(ApiError::auth_failure()),
        Some((until, RoleError::UnauthorizedOperation)) if plane.now < until => {
            return Err(ApiError::unauthorized(&plane.account, &name));
        }
        _ => {}
    }
    let share = plane.knobs.organization_throttle_percent;
    if plane.knobs.throttling && !plane.buckets.take(&name, params.is_broad(), share, plane.now) {
        return Err(ApiError::throttled(&plane.account, &name));
    }
    if plane.denied_actions.contains(&name) {
        return Err(ApiError::unauthorized(&plane.account, &name));
    }
    permissions::check(plane, params)?;
    let stale = if name.starts_with("Describe") { stale } else { Duration::ZERO };
    let views = plane.views(stale);
    action(plane, params, views)
}
