//! The tag actions.

use std::time::Duration;

use super::Response;
use crate::{
    clock::{History, Views},
    error::{ApiError, check_id},
    plane::Plane,
    query::{Params, missing},
    tags::Tags,
    xml::Xml,
};

/// The API reference says 127 for `CreateTags`, and other documents 128. The smaller limit is always safe.
const LONGEST_KEY: usize = 127;
const LONGEST_VALUE: usize = 255;
const MOST_RESOURCES: usize = 1_000;
const RESERVED: &str = "aws:";

const FILTERS: [&str; 5] = ["key", "resource-id", "resource-type", "tag:", "value"];

/// Validates tag keys and values.
pub(super) fn check(tags: &Tags) -> Result<(), ApiError> {
    for (key, value) in tags {
        check_key(key)?;
        if value.chars().count() > LONGEST_VALUE {
            return Err(ApiError::invalid_value(format!(
                "Tag value exceeds the maximum length of {LONGEST_VALUE} characters"
            )));
        }
    }
    Ok(())
}

fn check_key(key: &str) -> Result<(), ApiError> {
    if key.starts_with(RESERVED) {
        return Err(ApiError::invalid_value("Tag keys starting with 'aws:' are reserved for internal use"));
    }
    if key.chars().count() > LONGEST_KEY {
        return Err(ApiError::invalid_value(format!("Tag key exceeds the maximum length of {LONGEST_KEY} characters")));
    }
    Ok(())
}

/// Checks the tag quota of a resource. Tags of AWS do not count.
pub(super) fn check_count(plane: &Plane, tags: &Tags) -> Result<(), ApiError> {
    if tags.keys().filter(|key| !key.starts_with(RESERVED)).count() > plane.knobs.tags_per_resource {
        return Err(ApiError::new("TagLimitExceeded", "The maximum number of Tags for a resource has been reached."));
    }
    Ok(())
}

/// The current tags of a resource. Because of lag, a new resource may not be found yet.
fn current(plane: &mut Plane, id: &str) -> Result<Tags, ApiError> {
    let not_found = |code: &str| ApiError::new(code, format!("The ID '{id}' does not exist"));
    let owned = |plane: &Plane, vpc: &str| plane.owner(vpc) == plane.account;
    match id.split_once('-').map_or("", |(prefix, _)| prefix) {
        "vpce" => {
            check_id("vpce", "InvalidVpcEndpointId", id)?;
            plane.find_to_change(id).map(|endpoint| endpoint.tags).ok_or_else(|| ApiError::endpoint_not_found(id))
        }
        "sg" => {
            let view = plane.group_view();
            let visible = plane.groups.get(id).is_some_and(|group| group.as_of(view).is_some());
            let group = plane.group(id).filter(|group| visible && owned(plane, &group.vpc_id));
            group.map(|group| group.tags.clone()).ok_or_else(|| not_found("InvalidGroup.NotFound"))
        }
        "subnet" => {
            let subnet = plane.subnet(id).filter(|subnet| owned(plane, &subnet.vpc_id));
            subnet.map(|subnet| subnet.tags.clone()).ok_or_else(|| not_found("InvalidSubnetID.NotFound"))
        }
        "vpc" => {
            let vpc = plane.vpc(id).filter(|vpc| owned(plane, &vpc.id));
            vpc.map(|vpc| vpc.tags.clone()).ok_or_else(|| not_found("InvalidVpcID.NotFound"))
        }
        _ => Err(ApiError::new("InvalidID", format!("The ID '{id}' is not valid"))),
    }
}

fn store(plane: &mut Plane, id: &str, tags: Tags) {
    let now = plane.now;
    plane.tagged.insert(id.to_owned(), now);
    if plane.endpoints.contains_key(id) {
        plane.change(id, |endpoint| endpoint.tags = tags);
    } else if let Some(group) = plane.groups.get_mut(id) {
        group.change(now, |group| group.tags = tags);
    } else if let Some(subnet) = plane.subnets.get_mut(id) {
        subnet.change(now, |subnet| subnet.tags = tags);
    } else if let Some(vpc) = plane.vpcs.get_mut(id) {
        vpc.change(now, |vpc| vpc.tags = tags);
    }
}

/// Rejects concurrent changes to the tags of a resource (EC2 "Error codes").
fn check_not_concurrent(plane: &Plane, id: &str) -> Result<(), ApiError> {
    let window = Duration::from_millis(plane.knobs.tag_write_window_ms);
    if plane.tagged.get(id).is_some_and(|last| plane.now.saturating_sub(*last) < window) {
        return Err(ApiError::new(
            "ConcurrentTagAccess",
            format!("You can't run simultaneous commands to modify a tag for a specific resource: {id}"),
        ));
    }
    Ok(())
}

fn read_resources(params: &mut Params) -> Result<Vec<String>, ApiError> {
    let resources = params.list("ResourceId");
    match resources.len() {
        0 => Err(missing("resourceIdSet")),
        1..=MOST_RESOURCES => Ok(resources),
        _ => Err(ApiError::invalid_value(format!("No more than {MOST_RESOURCES} resources can be tagged at once"))),
    }
}

/// Changes the tags of all resources, or of none.
fn rewrite(
    plane: &mut Plane,
    resources: &[String],
    change: impl Fn(&Plane, &mut Tags) -> Result<(), ApiError>,
) -> Response {
    let mut changed = Vec::new();
    for id in resources {
        let mut tags = current(plane, id)?;
        check_not_concurrent(plane, id)?;
        change(plane, &mut tags)?;
        changed.push((id, tags));
    }
    for (id, tags) in changed {
        store(plane, id, tags);
    }
    Ok(Xml::done())
}

pub(super) fn create(plane: &mut Plane, params: &mut Params, _views: Views) -> Response {
    let resources = read_resources(params)?;
    let added = params.tags("Tag")?;
    params.finish()?;
    if added.is_empty() {
        return Err(missing("Tag"));
    }
    check(&added)?;
    rewrite(plane, &resources, |plane, tags| {
        tags.extend(added.clone());
        check_count(plane, tags)
    })
}

pub(super) fn delete(plane: &mut Plane, params: &mut Params, _views: Views) -> Response {
    let resources = read_resources(params)?;
    let mut removed = Vec::new();
    for tag in params.structures("Tag") {
        let key = params.required(&format!("{tag}.Key"))?;
        check_key(&key)?;
        removed.push((key, params.text(&format!("{tag}.Value"))));
    }
    params.finish()?;
    rewrite(plane, &resources, |_, tags| {
        tags.retain(|key, value| {
            // A key without a value deletes the tag regardless of its value, and a request without keys deletes all user
            // tags (API reference).
            let deleted = removed.is_empty()
                || removed
                    .iter()
                    .any(|(removed, only)| removed == key && only.as_ref().is_none_or(|only| only == value));
            key.starts_with(RESERVED) || !deleted
        });
        Ok(())
    })
}

pub(super) fn describe(plane: &mut Plane, params: &mut Params, views: Views) -> Response {
    let filters = params.filters(&FILTERS)?;
    let paging = params.paging(5)?;
    params.finish()?;
    let endpoints = plane.visible(views.read).map(|endpoint| (&endpoint.id, "vpc-endpoint", &endpoint.tags));
    let groups = plane.groups.values().filter_map(|group: &History<_>| group.as_of(views.read));
    let groups = groups.map(|group| (&group.id, "security-group", &group.tags, &group.vpc_id));
    let subnets = plane.current_subnets().map(|subnet| (&subnet.id, "subnet", &subnet.tags, &subnet.vpc_id));
    let vpcs = plane.vpcs.values().filter_map(History::now).map(|vpc| (&vpc.id, "vpc", &vpc.tags, &vpc.id));
    // Tags in a shared VPC are not shared (VPC user guide).
    let others = groups.chain(subnets).chain(vpcs).filter(|(_, _, _, vpc)| plane.owner(vpc) == plane.account);
    let mut rows = Vec::new();
    for (id, kind, tags) in endpoints.chain(others.map(|(id, kind, tags, _)| (id, kind, tags))) {
        for (key, value) in tags {
            let one = Tags::from([(key.clone(), value.clone())]);
            let passes = filters.pass(&one, |filter| {
                vec![match filter {
                    "key" => key.clone(),
                    "resource-id" => id.clone(),
                    "resource-type" => kind.to_owned(),
                    _ => value.clone(),
                }]
            });
            if passes {
                rows.push((format!("{id} {key}"), (id.clone(), kind, key.clone(), value.clone())));
            }
        }
    }
    rows.sort();
    let (page, next) = plane.page("DescribeTags", rows, paging, 1_000)?;
    let mut xml = Xml::new();
    xml.list("tagSet", page, |xml, (id, kind, key, value)| {
        xml.field("resourceId", id);
        xml.field("resourceType", kind);
        xml.field("key", key);
        xml.field("value", value);
    });
    xml.maybe("nextToken", next);
    Ok(xml)
}
