//! What the API's answers say. The API is in beta and its answers have changed before, so nothing but JSON is required, and
//! what does not have the expected form counts as missing.

use crate::model::cluster::Cluster;
use crate::model::ids::ZoneId;
use serde_json::Value;

/// The longest message of the API that is repeated, in characters.
const MESSAGE_MAX: usize = 200;

/// Reads the answer to `GetCluster` (TiDB Cloud API v1beta1, `Cluster`); `None` if it is not a JSON object.
pub fn cluster(body: &[u8]) -> Option<Cluster> {
    let body: Value = serde_json::from_slice(body).ok()?;
    body.as_object()?;
    let text = |path: &str| {
        let text = body.pointer(path).and_then(Value::as_str).map(str::trim);
        text.filter(|text| !text.is_empty() && !text.contains(char::is_control)).map(str::to_owned)
    };
    let region = text("/region/regionId").or_else(|| text("/region/name"));
    let named = text("/region/cloudProvider").or_else(|| text("/region/provider"));
    let (in_region, region) = region.as_deref().map_or((None, None), split_region);
    let zones = ["availabilityZone", "availabilityZones", "availabilityZoneIds"];
    let zones = zones.iter().find_map(|name| body.pointer(&format!("/endpoints/private/aws/{name}")));
    Some(Cluster {
        state: text("/state").map(|state| state.to_ascii_uppercase()),
        provider: named.map(|provider| provider.to_ascii_lowercase()).or(in_region),
        region,
        service_name: text("/endpoints/private/aws/serviceName"),
        zone_ids: zones.map(zone_ids).unwrap_or_default(),
        host: text("/endpoints/private/host").map(|host| host.trim_end_matches('.').to_ascii_lowercase()),
        // It becomes part of a command, so nothing that a shell or a URL would interpret.
        user_prefix: text("/userPrefix").filter(|prefix| prefix.bytes().all(|byte| byte.is_ascii_alphanumeric())),
    })
}

/// The cloud, if it is named, and the region of `regions/aws-us-east-1`, `aws-us-east-1` or `us-east-1`. The region's id has
/// the cloud in the specification and lacks it in answers that were recorded.
fn split_region(text: &str) -> (Option<String>, Option<String>) {
    let text = text.strip_prefix("regions/").unwrap_or(text).to_ascii_lowercase();
    let clouds = ["aws", "alicloud", "gcp", "azure"];
    let split = clouds.iter().find_map(|cloud| Some((*cloud, text.strip_prefix(cloud)?.strip_prefix('-')?)));
    match split {
        Some((cloud, region)) => (Some(cloud.to_owned()), Some(region.to_owned())),
        None => (None, Some(text)),
    }
}

/// `availabilityZone` is singular, and has been a list in every recorded answer.
fn zone_ids(value: &Value) -> Vec<ZoneId> {
    let items = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    let texts = items.iter().filter_map(Value::as_str).map(str::trim);
    // Zone names such as us-east-1a mean other zones in every account.
    texts.filter(|text| is_zone_id(text)).map(ZoneId::from).collect()
}

fn is_zone_id(text: &str) -> bool {
    let Some((region, number)) = text.rsplit_once("-az") else { return false };
    let is_region = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !region.is_empty() && region.bytes().all(is_region) && number.parse::<u8>().is_ok()
}

/// The message of an error answer, short and printable. `code` is a number of TiDB Cloud's own, not the HTTP status.
pub fn error_message(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let message: String =
        body.get("message")?.as_str()?.chars().filter(|c| !c.is_control()).take(MESSAGE_MAX).collect();
    let message = message.trim().trim_end_matches('.').to_owned();
    (!message.is_empty()).then_some(message)
}
