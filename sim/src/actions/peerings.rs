//! VPC peering connections within the account and Region.

use super::{Response, tags, vpcs};
use crate::{clock::Views, error::ApiError, plane::Plane, query::Params, world::Peering, xml::Xml};

/// A connection between VPCs with overlapping CIDR blocks fails at once (VPC peering guide, "Limitations").
pub(super) fn create(plane: &mut Plane, params: &mut Params, _views: Views) -> Response {
    let (requester, accepter) = (params.required("VpcId")?, params.required("PeerVpcId")?);
    let tags = params.tag_specification("vpc-peering-connection")?;
    params.finish()?;
    tags::check(&tags)?;
    let blocks = |id: &str| {
        let vpc = plane.vpc(id).filter(|_| plane.owner(id) == plane.account);
        vpc.map(|vpc| vpc.cidr_blocks.clone()).ok_or_else(|| ApiError::vpc_not_found(id))
    };
    let mut overlaps = false;
    for one in blocks(&requester)? {
        for other in blocks(&accepter)? {
            let ((low, high), (first, last)) = (vpcs::block(&one)?, vpcs::block(&other)?);
            overlaps |= low <= last && first <= high;
        }
    }
    let status = if overlaps { "failed" } else { "pending-acceptance" };
    let peering = plane.add_peering(&requester, &accepter, status);
    Ok(written(plane, &peering))
}

pub(super) fn accept(plane: &mut Plane, params: &mut Params, _views: Views) -> Response {
    let id = params.required("VpcPeeringConnectionId")?;
    params.finish()?;
    let peering = set_status(plane, &id, &["pending-acceptance", "active"], "active")?;
    Ok(written(plane, &peering))
}

/// Routes through it remain, as black holes.
pub(super) fn delete(plane: &mut Plane, params: &mut Params, _views: Views) -> Response {
    let id = params.required("VpcPeeringConnectionId")?;
    params.finish()?;
    set_status(plane, &id, &["pending-acceptance", "active", "failed"], "deleted")?;
    Ok(Xml::done())
}

fn set_status(plane: &mut Plane, id: &str, from: &[&str], to: &'static str) -> Result<Peering, ApiError> {
    let peering = plane.peerings.get_mut(id).filter(|peering| peering.status != "deleted").ok_or_else(|| {
        let message = format!("The vpcPeeringConnection ID '{id}' does not exist");
        ApiError::new("InvalidVpcPeeringConnectionID.NotFound", message)
    })?;
    if !from.contains(&peering.status) {
        let message = format!("VpcPeeringConnection {id} is in the state {}", peering.status);
        return Err(ApiError::new("InvalidStateTransition", message));
    }
    peering.status = to;
    let peering = peering.clone();
    plane.join_peers(&peering);
    Ok(peering)
}

fn written(plane: &Plane, peering: &Peering) -> Xml {
    let side = |xml: &mut Xml, vpc: &str| {
        xml.field("vpcId", vpc);
        xml.field("ownerId", plane.owner(vpc));
        xml.field("region", &plane.region);
    };
    let mut xml = Xml::new();
    xml.nest("vpcPeeringConnection", |xml| {
        xml.field("vpcPeeringConnectionId", &peering.id);
        xml.nest("requesterVpcInfo", |xml| side(xml, &peering.requester));
        xml.nest("accepterVpcInfo", |xml| side(xml, &peering.accepter));
        xml.nest("status", |xml| {
            xml.field("code", peering.status);
            xml.field("message", peering.status);
        });
    });
    xml
}
