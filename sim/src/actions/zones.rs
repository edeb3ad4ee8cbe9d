//! Availability Zones.

use super::Response;
use crate::{clock::Views, error::ApiError, plane::Plane, query::Params, tags::Tags, world::ZoneType, xml::Xml};

const FILTERS: [&str; 6] = ["opt-in-status", "region-name", "state", "zone-id", "zone-name", "zone-type"];

pub(super) fn describe(plane: &mut Plane, params: &mut Params, _views: Views) -> Response {
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
                    "opt-in-status" => opt_in_status(zone_type(plane, name)).to_owned(),
                    "region-name" => plane.region.clone(),
                    "state" => "available".to_owned(),
                    "zone-id" => (*id).clone(),
                    "zone-name" => (*name).clone(),
                    _ => zone_type(plane, name).wire().to_owned(),
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
        let kind = zone_type(plane, name);
        xml.field("zoneType", kind.wire());
        if kind == ZoneType::AvailabilityZone {
            xml.field("groupName", format_args!("{}-zg-1", plane.region));
            xml.field("networkBorderGroup", &plane.region);
        } else {
            // Local Zones and Wavelength Zones have groups of their own, named like the zone without its letter.
            let group = name.trim_end_matches(|c: char| c.is_ascii_lowercase());
            xml.field("groupName", group);
            xml.field("networkBorderGroup", group);
        }
        xml.field("optInStatus", opt_in_status(kind));
    });
    Ok(xml)
}

fn zone_type(plane: &Plane, name: &str) -> ZoneType {
    plane.zone_types.get(name).copied().unwrap_or_default()
}

fn opt_in_status(kind: ZoneType) -> &'static str {
    if kind == ZoneType::AvailabilityZone { "opt-in-not-required" } else { "opted-in" }
}
