//! `DescribeVpcEndpoints`, and the XML representation of an endpoint.

use super::Response;
use crate::{
    clock::Views,
    endpoint::Endpoint,
    error::{ApiError, check_id},
    plane::Plane,
    query::Params,
    xml::Xml,
};

const FILTERS: [&str; 8] = [
    "ip-address-type",
    "service-name",
    "service-region",
    "tag",
    "vpc-endpoint-id",
    "vpc-endpoint-state",
    "vpc-endpoint-type",
    "vpc-id",
];

pub(super) fn describe(plane: &mut Plane, params: &mut Params, views: Views) -> Response {
    let ids = params.list("VpcEndpointId");
    let filters = params.filters(&FILTERS)?;
    let paging = params.paging(1)?;
    params.finish()?;
    for id in &ids {
        check_id("vpce", "InvalidVpcEndpointId", id)?;
    }
    // Without IDs, all endpoints are returned.
    let seen: Vec<Endpoint> =
        plane.visible(views.read).filter(|endpoint| ids.is_empty() || ids.contains(&endpoint.id)).cloned().collect();
    if let Some(id) = ids.iter().find(|id| !seen.iter().any(|endpoint| endpoint.id == **id)) {
        return Err(ApiError::endpoint_not_found(id));
    }
    let rows = seen
        .into_iter()
        .filter(|endpoint| {
            filters.pass(&endpoint.tags, |name| {
                vec![match name {
                    "ip-address-type" => endpoint.ip_address_type.clone(),
                    "service-name" => endpoint.service_name.clone(),
                    "service-region" => plane.region.clone(),
                    "vpc-endpoint-id" => endpoint.id.clone(),
                    // The filter takes lowerCamel values (API reference), regardless of the spelling in responses.
                    "vpc-endpoint-state" => endpoint.state.wire().to_owned(),
                    "vpc-endpoint-type" => endpoint.kind.wire().to_owned(),
                    _ => endpoint.vpc_id.clone(),
                }]
            })
        })
        .map(|endpoint| (endpoint.id.clone(), endpoint))
        .collect::<Vec<_>>();
    let largest = plane.knobs.page_size;
    let (page, next) = plane.page("DescribeVpcEndpoints", rows, paging, largest)?;
    let mut xml = Xml::new();
    xml.list("vpcEndpointSet", &page, |xml, endpoint| write(xml, plane, endpoint, Shown { policy: true, tags: true }));
    xml.maybe("nextToken", next);
    Ok(xml)
}

/// Which optional fields of an endpoint a response contains.
#[derive(Clone, Copy)]
pub(super) struct Shown {
    pub(super) policy: bool,
    pub(super) tags: bool,
}

pub(super) fn write(xml: &mut Xml, plane: &Plane, endpoint: &Endpoint, shown: Shown) {
    xml.field("vpcEndpointId", &endpoint.id);
    xml.maybe("vpcEndpointType", plane.knobs.show_endpoint_type.then(|| endpoint.kind.wire()));
    xml.field("vpcId", &endpoint.vpc_id);
    xml.field("serviceName", &endpoint.service_name);
    xml.field("state", endpoint.spelled_state(&plane.knobs));
    xml.maybe("policyDocument", shown.policy.then_some(&endpoint.policy));
    xml.values("routeTableIdSet", [""; 0]);
    xml.values("subnetIdSet", endpoint.listed_subnet_ids(&plane.knobs));
    write_groups(xml, plane, endpoint);
    xml.field("ipAddressType", endpoint.spelled_ip_address_type(&plane.knobs));
    xml.nest("dnsOptions", |xml| xml.field("dnsRecordIpType", &endpoint.dns_record_ip_type));
    xml.field("privateDnsEnabled", endpoint.private_dns_enabled);
    xml.field("requesterManaged", endpoint.requester_managed);
    xml.values("networkInterfaceIdSet", endpoint.visible_interfaces(plane.now).map(|interface| &interface.id));
    xml.list("dnsEntrySet", plane.dns_entries(endpoint), |xml, entry| {
        xml.field("dnsName", entry.name);
        xml.field("hostedZoneId", entry.hosted_zone);
    });
    xml.field("creationTimestamp", format_args!("{:.3}", endpoint.created_at));
    if shown.tags {
        xml.tags(&endpoint.tags);
    }
    xml.field("ownerId", &endpoint.owner);
    if let Some(error) = &endpoint.last_error {
        xml.nest("lastError", |xml| {
            xml.field("code", &error.code);
            xml.field("message", &error.message);
        });
    }
    xml.field("serviceRegion", &plane.region);
}

pub(super) fn write_groups(xml: &mut Xml, plane: &Plane, endpoint: &Endpoint) {
    xml.list("groupSet", &endpoint.group_ids, |xml, id| {
        xml.field("groupId", id);
        xml.maybe("groupName", plane.group(id).map(|group| &group.name));
    });
}
