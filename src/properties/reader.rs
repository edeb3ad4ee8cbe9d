//! The reader: turns what came into typed values, and collects every fault on the way.

use super::{CLOUDFORMATION_PROPERTIES, Fault, IpAddressType, MAX_TAGS, PROPERTIES, Properties, ReuseScope};
use crate::ids::{EndpointId, ServiceName, ZoneId, has_shape, join};
use crate::reference;
use ipnet::IpNet;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

pub(super) fn read(raw: &Value) -> (Properties, Vec<Fault>) {
    let mut reader = Reader { faults: Vec::new() };
    let empty = Map::new();
    let map = match raw {
        Value::Object(map) => map,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            reader.fault("ResourceProperties", format!("must be an object, not {}", kind(raw)));
            &empty
        }
    };
    reader.unknown_names(map);
    let get = |name: &str| map.get(name).filter(|value| !is_blank(value));
    let properties = Properties {
        service_name: reader.scalar(get("ServiceName"), "ServiceName", service_name),
        vpc_id: reader.scalar(get("VpcId"), "VpcId", |text| ec2_id(text, "vpc-")),
        subnet_ids: reader.list(get("SubnetIds"), "SubnetIds", |text| ec2_id(text, "subnet-")),
        zone_ids: reader.list(get("AvailabilityZoneIds"), "AvailabilityZoneIds", zone_id),
        group_ids: reader.list(get("SecurityGroupIds"), "SecurityGroupIds", |text| ec2_id(text, "sg-")),
        allowed_blocks: reader.list(get("AllowedCidrs"), "AllowedCidrs", cidr),
        allowed_group_ids: reader
            .list(get("AllowedSecurityGroupIds"), "AllowedSecurityGroupIds", |text| ec2_id(text, "sg-")),
        port: reader.scalar(get("Port"), "Port", port),
        private_dns: reader.scalar(get("PrivateDnsEnabled"), "PrivateDnsEnabled", boolean),
        ip_address_type: reader.scalar(get("IpAddressType"), "IpAddressType", ip_address_type).flatten(),
        reuse_scope: reader.scalar(get("ReuseScope"), "ReuseScope", reuse_scope).unwrap_or_default(),
        tags: reader.tags(get("Tags")),
    };
    reader.relations(map, &properties);
    (properties, reader.faults)
}

struct Reader {
    faults: Vec<Fault>,
}

impl Reader {
    fn fault(&mut self, property: &str, what: impl Into<String>) {
        self.faults.push(Fault { property: shorten(property), what: what.into() });
    }

    fn unknown_names(&mut self, map: &Map<String, Value>) {
        let known = || PROPERTIES.iter().map(|p| p.name).chain(CLOUDFORMATION_PROPERTIES);
        for name in map.keys().filter(|name| !known().any(|k| k == *name)) {
            let nearest = known()
                .map(|k| (strsim::damerau_levenshtein(&k.to_lowercase(), &name.to_lowercase()), k))
                .filter(|(distance, k)| *distance <= k.len() / 3)
                .min();
            match nearest {
                Some((_, nearest)) => self.fault(name, format!("is not a supported property; did you mean {nearest}?")),
                None => self.fault(
                    name,
                    format!(
                        "is not a supported property; the supported properties are {}",
                        join(PROPERTIES.iter().map(|p| p.name), ", ")
                    ),
                ),
            }
        }
    }

    fn scalar<T>(&mut self, value: Option<&Value>, name: &str, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let value = value?;
        let Some(text) = text_of(value) else {
            self.fault(name, format!("must be a single value, not {}", kind(value)));
            return None;
        };
        parse(text.trim()).map_err(|what| self.fault(name, what)).ok()
    }

    /// A list of texts; a single text is split at commas, as a parameter of type `CommaDelimitedList` joins them.
    fn list<T: Ord + Clone>(
        &mut self,
        value: Option<&Value>,
        name: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Vec<T> {
        let texts: Vec<String> = match value {
            None => return Vec::new(),
            Some(Value::Array(items)) => {
                let mut texts = Vec::new();
                for item in items {
                    match text_of(item) {
                        Some(text) => texts.push(text),
                        None => self.fault(name, format!("must be a list of strings, but contains {}", kind(item))),
                    }
                }
                texts
            }
            Some(Value::String(text)) => text.split(',').map(str::to_owned).collect(),
            Some(other) => {
                self.fault(name, format!("must be a list, not {}", kind(other)));
                return Vec::new();
            }
        };
        let mut values: Vec<T> = Vec::new();
        for text in texts.iter().map(|text| text.trim()).filter(|text| !text.is_empty()) {
            match parse(text) {
                Ok(value) if values.contains(&value) => {}
                Ok(value) => values.push(value),
                Err(what) => self.fault(name, what),
            }
        }
        values
    }

    fn tags(&mut self, value: Option<&Value>) -> BTreeMap<String, String> {
        let mut tags = BTreeMap::new();
        let items = match value {
            None => return tags,
            Some(Value::Array(items)) => items,
            Some(other) => {
                self.fault("Tags", format!("must be a list of Key and Value pairs, not {}", kind(other)));
                return tags;
            }
        };
        for item in items {
            let part = |name: &str| item.get(name).and_then(text_of);
            let only_these = item.as_object().is_some_and(|map| map.keys().all(|key| key == "Key" || key == "Value"));
            let (Some(key), Some(value), true) = (part("Key"), part("Value"), only_these) else {
                self.fault("Tags", "must be a list of pairs such as {\"Key\": \"team\", \"Value\": \"data\"}");
                continue;
            };
            let shown = shorten(&key);
            if key.is_empty() || key.chars().count() > 127 {
                self.fault("Tags", format!("contains the key '{shown}', which is not 1 to 127 characters long"));
            } else if value.chars().count() > 255 {
                self.fault("Tags", format!("contains a value longer than 255 characters for the key '{shown}'"));
            } else if key.to_ascii_lowercase().starts_with("aws:") || key.starts_with(reference::PREFIX) {
                self.fault("Tags", format!("contains the key '{shown}', which has a reserved prefix"));
            } else if tags.insert(key, value).is_some() {
                self.fault("Tags", format!("contains the key '{shown}' more than once"));
            }
        }
        if tags.len() > MAX_TAGS {
            self.fault("Tags", format!("contains {} tags; at most {MAX_TAGS} are allowed", tags.len()));
        }
        tags
    }

    /// What one property says about another.
    fn relations(&mut self, map: &Map<String, Value>, properties: &Properties) {
        let missing = |name: &str| map.get(name).is_none_or(is_blank);
        if missing("ServiceName") {
            self.fault(
                "ServiceName",
                "is missing; copy it from TiDB Cloud (Connect > Private Endpoint), for example \
                 com.amazonaws.vpce.us-east-1.vpce-svc-0123456789abcdef0",
            );
        }
        if missing("VpcId") && properties.reuse_scope == ReuseScope::Vpc {
            self.fault("VpcId", "is missing; it is optional only if ReuseScope is Region");
        }
        for name in ["AllowedCidrs", "AllowedSecurityGroupIds"] {
            if !missing(name) && !missing("SecurityGroupIds") {
                self.fault(
                    name,
                    "applies only to the security group that the provider creates; with SecurityGroupIds, \
                     add the rule to your own security group",
                );
            }
        }
    }
}

/// What a template leaves behind where a parameter was left empty.
fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(items) => items.iter().all(is_blank),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => false,
    }
}

/// CloudFormation sends every scalar as a string, other senders do not.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// A piece of the input that is safe to repeat in a message.
fn shorten(text: &str) -> String {
    let printable: String = text.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
    match printable.char_indices().nth(80) {
        Some((cut, _)) => format!("{}…", printable.get(..cut).unwrap_or_default()),
        None => printable,
    }
}

fn ec2_id<T: From<String>>(text: &str, prefix: &str) -> Result<T, String> {
    if has_shape(text, prefix) {
        Ok(T::from(text.to_owned()))
    } else {
        Err(format!("has the value '{}', which is not an ID such as {prefix}0123456789abcdef0", shorten(text)))
    }
}

fn service_name(text: &str) -> Result<ServiceName, String> {
    let parts: Vec<&str> = text.split('.').collect();
    let well_formed = match parts.as_slice() {
        ["com", "amazonaws", "vpce", region, id] | ["cn", "com", "amazonaws", "vpce", region, id] => {
            region.split('-').count() >= 3
                && region.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
                && has_shape(id, "vpce-svc-")
        }
        _ => false,
    };
    if well_formed {
        return Ok(ServiceName::from(text));
    }
    let hint = if EndpointId::from_physical_id(text).is_some() {
        "it is the ID of an endpoint"
    } else if text.ends_with(".tidbcloud.com") {
        "it is a host name"
    } else {
        "copy the service name that TiDB Cloud shows under Connect > Private Endpoint"
    };
    Err(format!(
        "is '{}', which is not an endpoint service name such as \
         com.amazonaws.vpce.us-east-1.vpce-svc-0123456789abcdef0; {hint}",
        shorten(text)
    ))
}

fn zone_id(text: &str) -> Result<ZoneId, String> {
    let well_formed = text.rsplit_once("-az").is_some_and(|(region, number)| {
        !region.is_empty()
            && region.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !number.is_empty()
            && number.bytes().all(|b| b.is_ascii_digit())
    });
    if well_formed {
        Ok(ZoneId::from(text))
    } else {
        Err(format!(
            "has the value '{}', which is not a zone ID such as use1-az1 (zone names such as us-east-1a differ between accounts)",
            shorten(text)
        ))
    }
}

fn cidr(text: &str) -> Result<IpNet, String> {
    let what = match text.parse::<IpNet>() {
        Ok(block) if block == block.trunc() => return Ok(block),
        Ok(block) => format!("which is not the first address of the block; specify {}", block.trunc()),
        Err(_) => "which is not a CIDR block such as 10.0.0.0/16 or 2001:db8::/56".to_owned(),
    };
    Err(format!("has the value '{}', {what}", shorten(text)))
}

fn port(text: &str) -> Result<u16, String> {
    match text.parse::<u16>() {
        Ok(port) if port > 0 => Ok(port),
        _ => Err(format!("is '{}', which is not a port number from 1 to 65535", shorten(text))),
    }
}

fn boolean(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(format!("is '{}', which is neither true nor false", shorten(text))),
    }
}

/// `None` for the native resource's `not-specified`.
fn ip_address_type(text: &str) -> Result<Option<IpAddressType>, String> {
    match text {
        "ipv4" => Ok(Some(IpAddressType::Ipv4)),
        "dualstack" => Ok(Some(IpAddressType::Dualstack)),
        "ipv6" => Ok(Some(IpAddressType::Ipv6)),
        "not-specified" => Ok(None),
        _ => Err(format!("is '{}', which is not ipv4, dualstack, or ipv6", shorten(text))),
    }
}

fn reuse_scope(text: &str) -> Result<ReuseScope, String> {
    match text {
        "Vpc" => Ok(ReuseScope::Vpc),
        "Region" => Ok(ReuseScope::Region),
        _ => Err(format!("is '{}', which is neither Vpc nor Region", shorten(text))),
    }
}
