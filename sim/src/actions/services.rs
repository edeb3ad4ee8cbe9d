//! `DescribeVpcEndpointServices`, from the perspective of a service consumer.

use super::Response;
use crate::{clock::Views, plane::Plane, query::Params, tags::Tags, world::Service, xml::Xml};

const FILTERS: [&str; 6] =
    ["owner", "service-name", "service-region", "service-type", "supported-ip-address-types", "tag"];

pub(super) fn describe(plane: &mut Plane, params: &mut Params, _views: Views) -> Response {
    let names = params.list("ServiceName");
    let regions = params.list("ServiceRegion");
    let filters = params.filters(&FILTERS)?;
    let paging = params.paging(1)?;
    params.finish()?;
    for name in &names {
        plane.service(name)?;
    }
    let rows: Vec<(String, Service)> = plane
        .services
        .values()
        .filter(|service| plane.allowed(service))
        .filter(|service| names.is_empty() || names.contains(&service.name))
        .filter(|_| regions.is_empty() || regions.contains(&plane.region))
        .filter(|service| {
            // Consumers do not see the tags of the service owner.
            filters.pass(&Tags::new(), |filter| match filter {
                "owner" => vec![service.owner.clone()],
                "service-name" => vec![service.name.clone()],
                "service-region" => vec![plane.region.clone()],
                "service-type" => vec!["Interface".to_owned()],
                _ => service.ip_address_types.iter().cloned().collect(),
            })
        })
        .map(|service| (service.name.clone(), service.clone()))
        .collect();
    let (page, next) = plane.page("DescribeVpcEndpointServices", rows, paging, 1_000)?;
    let mut xml = Xml::new();
    xml.values("serviceNameSet", page.iter().map(|service| &service.name));
    xml.list("serviceDetailSet", &page, |xml, service| write(xml, plane, service));
    xml.maybe("nextToken", next);
    Ok(xml)
}

fn write(xml: &mut Xml, plane: &Plane, service: &Service) {
    let id = service.name.rsplit('.').next().unwrap_or_default();
    // The Availability Zones that the service owner and the caller have in common, with the caller's names.
    let zones = || plane.zones.iter().filter(|(_, id)| service.zone_ids.contains(*id));
    xml.field("serviceName", &service.name);
    xml.field("serviceId", id);
    xml.list("serviceType", ["Interface"], |xml, kind| xml.field("serviceType", kind));
    xml.field("serviceRegion", &plane.region);
    if plane.knobs.service_zone_ids {
        xml.values("availabilityZoneIdSet", zones().map(|(_, id)| id));
    }
    xml.values("availabilityZoneSet", zones().map(|(name, _)| name));
    xml.field("owner", &service.owner);
    xml.values("baseEndpointDnsNameSet", [format!("{id}.{}.vpce.amazonaws.com", plane.region)]);
    if let Some(name) = &service.private_dns_name {
        xml.field("privateDnsName", name);
        xml.list("privateDnsNameSet", service.private_dns_names(), |xml, name| xml.field("privateDnsName", name));
        xml.field("privateDnsNameVerificationState", service.private_dns_name_state.wire());
    }
    xml.field("vpcEndpointPolicySupported", service.policy_supported);
    xml.field("acceptanceRequired", service.acceptance_required);
    xml.field("managesVpcEndpoints", false);
    xml.values("tagSet", [""; 0]);
    xml.values("supportedIpAddressTypeSet", &service.ip_address_types);
}
