//! `DeleteVpcEndpoints`.

use super::{Response, endpoint_rules};
use crate::{
    clock::Views,
    error::{ApiError, check_id},
    plane::Plane,
    query::{Params, missing},
    xml,
};

/// The status is HTTP 200 even if nothing was deleted; the response lists the unsuccessful items.
pub(super) fn delete(plane: &mut Plane, params: &mut Params, _views: Views) -> Response {
    let ids = params.list("VpcEndpointId");
    params.finish()?;
    if ids.is_empty() {
        return Err(missing("VpcEndpointId"));
    }
    for id in &ids {
        check_id("vpce", "InvalidVpcEndpointId", id)?;
    }
    let mut unsuccessful = Vec::new();
    for id in &ids {
        match plane.find_to_change(id) {
            // Unlike everywhere else, this code is spelled without `Id` (terraform-provider-aws, aws-vpce-operator).
            None => unsuccessful.push((
                id,
                ApiError::new("InvalidVpcEndpoint.NotFound", format!("The Vpc Endpoint Id '{id}' does not exist")),
            )),
            Some(endpoint) if endpoint.requester_managed => {
                unsuccessful.push((id, endpoint_rules::requester_managed(&endpoint)));
            }
            Some(_) if plane.endpoints.get(id).is_some_and(|record| plane.now < record.idempotent_until) => {
                unsuccessful.push((id, ApiError::idempotent_operation(id)));
            }
            Some(_) => plane.begin_delete(id),
        }
    }
    Ok(xml::unsuccessful(unsuccessful))
}
