//! The connection check that the properties of `Custom::TiDBCloudConnectionCheck` describe.

use super::property::{Pattern, Property, Shape, TRIGGER};
use super::reader::{Fault, Reader};
use crate::model::ids::hex_digest;
use serde_json::Value;
use std::fmt;
use std::net::IpAddr;

/// The port of TiDB Cloud's gateways.
const DEFAULT_PORT: u16 = 4000;
/// A new endpoint's name resolves within a minute or two.
const DEFAULT_TIMEOUT: u16 = 120;
/// Leaves a minute of Lambda's 15 for the last attempt.
pub const MAX_TIMEOUT: u16 = 840;
/// The longest DNS name, in characters.
pub const MAX_HOST: usize = 253;

pub const HOST: Property = Property {
    name: "Host",
    shape: Shape::String(Pattern {
        // The last label has a letter first, so that an IPv4 address is not a name: a certificate is for names.
        regex: "([A-Za-z0-9_-]{1,63}\\.)*[A-Za-z][A-Za-z0-9-]{0,62}",
        what: "a host name such as gateway01-privatelink.us-east-1.prod.aws.tidbcloud.com",
    }),
};
/// It is CloudFormation's own.
const SERVICE_TIMEOUT: &str = "ServiceTimeout";
const PORT: Property = Property { name: "Port", shape: Shape::Integer(1, u16::MAX) };
pub const ENDPOINT_ADDRESSES: Property = Property {
    name: "EndpointAddresses",
    shape: Shape::List(Pattern { regex: "[0-9A-Fa-f.:]+", what: "an IP address such as 10.0.1.25 or 2001:db8::25" }),
};
const TIMEOUT_SECONDS: Property = Property { name: "TimeoutSeconds", shape: Shape::Integer(1, MAX_TIMEOUT) };
const FAIL: &str = "Fail";
const WARN: &str = "Warn";
const ON_FAILURE: Property = Property { name: "OnFailure", shape: Shape::Enum(&[FAIL, WARN]) };

/// All properties of the check, in the order of the documentation.
pub const CHECK_PROPERTIES: [Property; 6] = [HOST, PORT, ENDPOINT_ADDRESSES, TIMEOUT_SECONDS, ON_FAILURE, TRIGGER];

/// What a client connects to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub host: String,
    pub port: u16,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckSpec {
    pub target: Target,
    /// The addresses of the endpoint, to compare with those of the name. Empty: not compared.
    pub endpoint_addresses: Vec<IpAddr>,
    /// How long the check starts new attempts.
    pub timeout_seconds: u16,
    /// Whether a check that does not succeed is reported instead of failing the resource.
    pub only_warn: bool,
}

impl CheckSpec {
    /// # Errors
    /// All faults together, one sentence each.
    pub fn read(raw: &Value) -> Result<Self, Vec<Fault>> {
        let mut reader = Reader::new(raw);
        reader.unknown_names(&CHECK_PROPERTIES);
        let host = reader.scalar(HOST);
        match &host {
            Some(host) if host.len() > MAX_HOST => {
                reader.fault(HOST.name, format!("has {} characters; a host name has at most {MAX_HOST}", host.len()));
            }
            None if !reader.is_given(HOST) => {
                reader.fault(HOST.name, "is missing; specify the attribute Host of the endpoint");
            }
            _ => {}
        }
        let number = |text: Option<String>, default| text.and_then(|text| text.parse().ok()).unwrap_or(default);
        let spec = Self {
            target: Target { host: host.unwrap_or_default(), port: number(reader.scalar(PORT), DEFAULT_PORT) },
            endpoint_addresses: reader.list(ENDPOINT_ADDRESSES, |text| {
                text.parse().map_err(|_| "not an IP address such as 10.0.1.25 or 2001:db8::25".to_owned())
            }),
            timeout_seconds: number(reader.scalar(TIMEOUT_SECONDS), DEFAULT_TIMEOUT),
            only_warn: reader.scalar(ON_FAILURE).is_some_and(|word| word == WARN),
        };
        // Any string will do.
        let _ = reader.scalar(TRIGGER);
        if reader.faults.is_empty() { Ok(spec) } else { Err(reader.faults) }
    }

    /// Reads `HOST[:PORT]`.
    ///
    /// # Errors
    /// All faults together, one sentence each.
    pub fn from_argument(argument: &str) -> Result<Self, Vec<Fault>> {
        let (host, port) = argument.rsplit_once(':').unwrap_or((argument, ""));
        Self::read(&serde_json::json!({ HOST.name: host, PORT.name: port }))
    }
}

/// A digest of what was asked for. The physical id of a check ends with that of its last success, so that an Update that
/// asks for the same again can be recognized: CloudFormation sends it only to roll back. An Update can also change nothing
/// but `ServiceTimeout`, which is therefore part of it.
pub fn fingerprint(properties: &Value) -> String {
    let asked = properties.as_object().into_iter().flatten();
    let is_ours = |name: &str| CHECK_PROPERTIES.iter().any(|property| property.name == name);
    let asked = asked.filter(|(name, _)| is_ours(name) || *name == SERVICE_TIMEOUT);
    let parts: Vec<String> = asked.map(|(name, value)| format!("{name}={value}")).collect();
    let mut digest = hex_digest(&parts.iter().map(String::as_str).collect::<Vec<_>>());
    digest.truncate(12);
    digest
}
