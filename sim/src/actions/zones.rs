//! Availability Zones.

use super::Response;
use crate::{clock::View, error::ApiError, plane::Plane, query::Params, tags::Tags, xml::Xml};

const FILTERS: [&str; 6] = ["opt-in-status", "region-name", "state", "zone-id", "zone-name", "zone-type"];

pub(super) fn describe(plane: &mut Plane, params: &mut Params, _view: View) -> Response {
    let names = params.list("ZoneName");
    let ids = params.list("ZoneId");
    let filters = params.filters(&FILTERS)?;
    // The account has opted in to all zones.
    params.boolean("AllAvailabilityZones")?;
    params.finish()?;
    let invalid = |name: &String| ApiError::invalid_value(format!("Invalid availability zone: [{name}]"));
    if let Some(name) = names.iter().find(|name| !plane.zones.contains_key(*name)) {
        return Err(invalid(name));
    }
    if let Some(id) = ids.iter().find(|id| !plane.zones.values().any(|known| known == *id)) {
        return Err(invalid(id));
    }
    let zones = plane
        .zones
        .iter()
        .filter(|(name, _)| names.is_empty() || names.contains(name))
        .filter(|(_, id)| ids.is_empty() || ids.contains(id))
        .filter(|(name, id)| {
            filters.pass(&Tags::new(), |filter| {
                vec![match filter {
                    "opt-in-status" => "opt-in-not-required".to_owned(),
                    "region-name" => plane.region.clone(),
                    "state" => "available".to_owned(),
                    "zone-id" => (*id).clone(),
                    "zone-name" => (*name).clone(),
                    _ => "availability-zone".to_owned(),
                }]
            })
        });
    let mut xml = Xml::new();
    xml.list("availabilityZoneInfo", zones, |xml, (name, id)| {
        xml.field("zoneName", name);
        xml.field("zoneState", "available");
        xml.field("regionName", &plane.region);
        xml.values("messageSet", [""; 0]);
        xml.field("zoneId", id);
        xml.field("zoneType", "availability-zone");
        xml.field("groupName", format_args!("{}-zg-1", plane.region));
        xml.field("networkBorderGroup", &plane.region);
        xml.field("optInStatus", "opt-in-not-required");
    });
    Ok(xml)
}
