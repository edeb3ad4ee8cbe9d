//! The properties of the resource: one table that says what there is, and one reader that turns what came into typed
//! values and collects every fault on the way.

use crate::ids::{EndpointId, GroupId, ServiceName, SubnetId, VpcId, ZoneId, has_shape, join};
use crate::reference;
use ipnet::IpNet;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;

/// One row of the property table.
#[derive(Debug, Clone, Copy)]
pub struct Property {
    /// Its name, spelt as `AWS::EC2::VPCEndpoint` spells it where that has the same thing.
    pub name: &'static str,
    /// What it may be, as far as that can be said without knowing the rest.
    pub shape: Shape,
    /// Whether it must be given.
    pub required: &'static str,
    /// What holds when it is not given.
    pub default: &'static str,
    /// What a change of it does.
    pub update: &'static str,
    /// What it is for, as the documentation says it.
    pub meaning: &'static str,
}

/// What a property may be, for linters and editors: nothing that the reader takes is outside of it. A blank text counts
/// as not given, so a pattern fits that too.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// A text that fits a pattern.
    Text(&'static str),
    /// One of a few words.
    Word(&'static [&'static str]),
    /// A whole number within bounds.
    Number(u16, u16),
    /// True or false.
    Boolean,
    /// A list of texts that each fit a pattern, or the same joined by commas.
    List(&'static str),
    /// Pairs of `Key` and `Value`.
    Tags,
}

/// The pattern of EC2's ids.
macro_rules! id {
    ($prefix:literal) => {
        concat!("^(", $prefix, "([0-9a-f]{8}|[0-9a-f]{17}))?$")
    };
}

const fn row(
    name: &'static str,
    shape: Shape,
    required: &'static str,
    default: &'static str,
    update: &'static str,
    meaning: &'static str,
) -> Property {
    Property { name, shape, required, default, update, meaning }
}

/// Every property there is, in the order of the documentation.
#[rustfmt::skip]
pub const PROPERTIES: [Property; 12] = [
    row("ServiceName", Shape::Text(r"^((cn\.)?com\.amazonaws\.vpce\.[a-z0-9]+(-[a-z0-9]+){2,}\.vpce-svc-([0-9a-f]{8}|[0-9a-f]{17}))?$"), "yes", "", "replacement", "the endpoint service that TiDB Cloud shows under Connect > Private Endpoint"),
    row("VpcId", Shape::Text(id!("vpc-")), "yes, except with `ReuseScope: Region`", "", "replacement", "the VPC that the endpoint is for"),
    row("SubnetIds", Shape::List(id!("subnet-")), "no", "one subnet in every zone that the service serves", "in place", "the subnets that get an address, one in each zone; those in other zones than the service's are left out, with a warning"),
    row("AvailabilityZoneIds", Shape::List("^([a-z0-9-]+-az[0-9]+)?$"), "no", "all that the service serves", "in place", "zone *ids* such as `use1-az1`, to narrow the zones"),
    row("SecurityGroupIds", Shape::List(id!("sg-")), "no", "a group of the product's own, open on `Port`", "in place", "the endpoint's groups; one of them has to let your clients in on `Port`"),
    row("AllowedCidrs", Shape::List("^([0-9A-Fa-f.:]+/[0-9]{1,3})?$"), "no", "every CIDR block of the VPC", "in place", "who may connect, as address blocks; only with the product's own group"),
    row("AllowedSecurityGroupIds", Shape::List(id!("sg-")), "no", "none", "in place", "who may connect, as members of security groups; only with the product's own group"),
    row("Port", Shape::Number(1, 65_535), "no", "4000", "in place", "the port that the product's own group opens, and that the attributes name"),
    row("PrivateDnsEnabled", Shape::Boolean, "no", "true", "in place", "whether TiDB Cloud's own host name resolves to the endpoint inside the VPC; TLS verification needs it"),
    row("IpAddressType", Shape::Word(&["ipv4", "dualstack", "ipv6", "not-specified"]), "no", "left to EC2", "in place", "`ipv4`, `dualstack` or `ipv6`"),
    row("ReuseScope", Shape::Word(&["Vpc", "Region"]), "no", "Vpc", "replacement if the endpoint is then out of scope", "`Vpc`: share an endpoint of the VPC; `Region`: if there is none, also join an available one of another VPC"),
    row("Tags", Shape::Tags, "no", "none", "in place", "a list of `Key` and `Value` pairs for the endpoint, at most 40"),
];

/// Properties of every custom resource, which CloudFormation itself reads.
const CLOUDFORMATION_PROPERTIES: [&str; 2] = ["ServiceToken", "ServiceTimeout"];

/// Tags that a template may ask for: EC2 allows 50, and the product needs room for its owner mark and for references.
pub const MAX_TAGS: usize = 40;

/// Where an endpoint may be that is joined instead of made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReuseScope {
    /// In the VPC only.
    #[default]
    Vpc,
    /// In the VPC, else any available one of the region.
    Region,
}

/// Which addresses the endpoint has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IpAddressType {
    /// IPv4 only.
    Ipv4,
    /// Both.
    Dualstack,
    /// IPv6 only.
    Ipv6,
}

impl IpAddressType {
    /// As the EC2 API spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ipv4 => "ipv4",
            Self::Dualstack => "dualstack",
            Self::Ipv6 => "ipv6",
        }
    }
}

/// One fault in one property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The property that it is in.
    pub property: String,
    /// What is wrong with it and what to write instead, without a final stop.
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}.", self.property, self.what)
    }
}

/// The properties after reading; `None` and empty lists stand for "not given".
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Properties {
    /// The endpoint service.
    pub service_name: Option<ServiceName>,
    /// The VPC.
    pub vpc_id: Option<VpcId>,
    /// Subnets, without repetitions.
    pub subnet_ids: Vec<SubnetId>,
    /// Zones, without repetitions.
    pub zone_ids: Vec<ZoneId>,
    /// Groups, without repetitions.
    pub group_ids: Vec<GroupId>,
    /// Who may connect, as address ranges.
    pub allowed_blocks: Vec<IpNet>,
    /// Who may connect, as groups.
    pub allowed_group_ids: Vec<GroupId>,
    /// The database's port.
    pub port: Option<u16>,
    /// Whether the service's own name resolves to the endpoint inside the VPC.
    pub private_dns: Option<bool>,
    /// The kind of addresses.
    pub ip_address_type: Option<IpAddressType>,
    /// Where to look for an endpoint to join.
    pub reuse_scope: ReuseScope,
    /// The user's own tags.
    pub tags: BTreeMap<String, String>,
}

impl Properties {
    /// Reads properties and every fault in them. What is faulty counts as not given, so that the old properties of an
    /// Update that rolls back from a bad template can still be used.
    #[must_use]
    pub fn read(raw: &Value) -> (Self, Vec<Fault>) {
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
        let properties = Self {
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
                Some((_, nearest)) => self.fault(name, format!("is not a property; did you mean {nearest}?")),
                None => self.fault(
                    name,
                    format!("is not a property; the properties are {}", join(PROPERTIES.iter().map(|p| p.name), ", ")),
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
                        None => self.fault(name, format!("must be a list of texts, but has {} in it", kind(item))),
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
                self.fault("Tags", format!("has the key '{shown}', which is not 1 to 127 characters long"));
            } else if value.chars().count() > 255 {
                self.fault("Tags", format!("has a value longer than 255 characters under the key '{shown}'"));
            } else if key.to_ascii_lowercase().starts_with("aws:") || key.starts_with(reference::PREFIX) {
                self.fault("Tags", format!("has the key '{shown}', whose prefix is reserved"));
            } else if tags.insert(key, value).is_some() {
                self.fault("Tags", format!("has the key '{shown}' twice"));
            }
        }
        if tags.len() > MAX_TAGS {
            self.fault("Tags", format!("has {} tags; at most {MAX_TAGS} leave room for the references", tags.len()));
        }
        tags
    }

    /// What one property says about another.
    fn relations(&mut self, map: &Map<String, Value>, properties: &Properties) {
        let missing = |name: &str| map.get(name).is_none_or(is_blank);
        if missing("ServiceName") {
            self.fault(
                "ServiceName",
                "is missing; TiDB Cloud shows it under Connect > Private Endpoint, such as \
                 com.amazonaws.vpce.us-east-1.vpce-svc-0123456789abcdef0",
            );
        }
        if missing("VpcId") && properties.reuse_scope == ReuseScope::Vpc {
            self.fault("VpcId", "is missing; it may be left out only with ReuseScope Region");
        }
        for name in ["AllowedCidrs", "AllowedSecurityGroupIds"] {
            if !missing(name) && !missing("SecurityGroupIds") {
                self.fault(
                    name,
                    "applies only to the group that this resource makes itself; with SecurityGroupIds, \
                     write the rule in your own group",
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
        Value::String(_) => "a text",
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
        Err(format!("has '{}', which is not an id such as {prefix}0123456789abcdef0", shorten(text)))
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
        "it is the id of an endpoint"
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
            "has '{}', which is not a zone id such as use1-az1 (zone names such as us-east-1a differ between accounts)",
            shorten(text)
        ))
    }
}

fn cidr(text: &str) -> Result<IpNet, String> {
    let what = match text.parse::<IpNet>() {
        Ok(block) if block == block.trunc() => return Ok(block),
        Ok(block) => format!("whose address is not the block's first; write {}", block.trunc()),
        Err(_) => "which is not a CIDR block such as 10.0.0.0/16 or 2001:db8::/56".to_owned(),
    };
    Err(format!("has '{}', {what}", shorten(text)))
}

fn port(text: &str) -> Result<u16, String> {
    match text.parse::<u16>() {
        Ok(port) if port > 0 => Ok(port),
        _ => Err(format!("is '{}', which is not a port from 1 to 65535", shorten(text))),
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
        _ => Err(format!("is '{}', which is none of ipv4, dualstack and ipv6", shorten(text))),
    }
}

fn reuse_scope(text: &str) -> Result<ReuseScope, String> {
    match text {
        "Vpc" => Ok(ReuseScope::Vpc),
        "Region" => Ok(ReuseScope::Region),
        _ => Err(format!("is '{}', which is neither Vpc nor Region", shorten(text))),
    }
}
