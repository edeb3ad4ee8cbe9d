//! The one answer: an outcome or a failure as CloudFormation reads it, never larger than it takes.

use crate::event::ReplyTo;
use crate::failure::Failure;
use crate::ids::join;
use crate::journal::Left;
use crate::outcome::{Outcome, Ready};
use crate::reference::{self, Holder};
use crate::request::{EndpointSpec, NOTHING_MADE};
use crate::survey::Survey;
use serde::Serialize;
use std::collections::BTreeMap;

/// CloudFormation refuses a longer answer ("Response object is too long.").
pub const ANSWER_BYTES_MAX: usize = 4_096;

/// One row of the attribute table: name and meaning.
pub type Attribute = (&'static str, &'static str);

/// Every attribute that a successful Create or Update returns.
#[rustfmt::skip]
pub const ATTRIBUTES: [Attribute; 22] = [
    ("EndpointId", "the ID of the endpoint, `vpce-…`; TiDB Cloud's Authorized Networks rules also use it"),
    ("DnsName", "the regional DNS name of the endpoint, assigned by AWS"),
    (
        "PrivateDnsName",
        "the service's private DNS name, `gatewayNN-privatelink.REGION.prod.aws.tidbcloud.com`, if private DNS is on",
    ),
    (
        "Host",
        "the host name to connect to: `PrivateDnsName` if there is one, otherwise `DnsName`; TLS verification requires the former",
    ),
    ("Port", "the port to connect to"),
    ("ZonalDnsNames", "the zonal DNS names of the endpoint"),
    ("DnsEntries", "all DNS names of the endpoint as `HOSTED-ZONE-ID:NAME`, in the format of `AWS::EC2::VPCEndpoint`"),
    ("HostedZoneId", "the ID of the hosted zone of `DnsName`, for alias records"),
    ("VpcId", "the ID of the VPC that contains the endpoint"),
    ("ServiceName", "the name of the endpoint service"),
    ("SubnetIds", "the IDs of the endpoint's subnets"),
    ("AvailabilityZoneIds", "the IDs of the Availability Zones of those subnets that are in this resource's VPC"),
    ("NetworkInterfaceIds", "the IDs of the endpoint's network interfaces"),
    ("SecurityGroupIds", "the IDs of the security groups of those interfaces"),
    ("IpAddressType", "`ipv4`, `dualstack`, or `ipv6`"),
    ("CreationTimestamp", "the time when the endpoint was created"),
    ("Reused", "`true` if the endpoint was not created for this resource"),
    ("Ownership", "`Owned` if the provider created the endpoint, in any stack; otherwise `Foreign`"),
    ("SharedWith", "the number of other references on the endpoint"),
    ("Warnings", "findings that do not prevent the endpoint from working, one sentence each; empty if there are none"),
    ("JdbcUrl", "the JDBC URL, with TLS verification; add your user name and password"),
    ("MysqlCommand", "the command for MySQL's `mysql` client on Amazon Linux or RHEL, with TLS verification; append your user name"),
];

/// What may shrink, the least needed first. Lists lose whole items from their end; everything else stays whole.
const SHRINKS: [&str; 7] = [
    "Warnings",
    "NetworkInterfaceIds",
    "DnsEntries",
    "ZonalDnsNames",
    "SecurityGroupIds",
    "SubnetIds",
    "AvailabilityZoneIds",
];

/// What CloudFormation is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// How the event ended, in a word for the log and the metrics.
    pub outcome: &'static str,
    /// `None` when it went well, else why it did not.
    pub failure: Option<Failure>,
    /// What `!Ref` gives, and what CloudFormation names in later events.
    pub physical_id: String,
    /// What `!GetAtt` gives.
    pub attributes: Vec<(&'static str, String)>,
    /// Behind the reason: where the log is.
    log: String,
}

/// The answer as CloudFormation wants it (user guide, "Custom resource response objects").
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Document<'a> {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    physical_resource_id: &'a str,
    stack_id: &'a str,
    request_id: &'a str,
    logical_resource_id: &'a str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    data: BTreeMap<&'static str, &'a str>,
}

impl Answer {
    /// The answer to an event that ended well. A Delete's answer repeats the physical id that came.
    #[must_use]
    pub fn success(
        outcome: &Outcome,
        holder: &Holder,
        named: Option<&str>,
        place: Option<(&EndpointSpec, &Survey)>,
    ) -> Self {
        let answer = |physical_id: String, attributes| Self {
            outcome: outcome.name(),
            failure: None,
            physical_id,
            attributes,
            log: String::new(),
        };
        match (outcome, place) {
            (Outcome::Ready(ready), Some((spec, survey))) => {
                answer(ready.endpoint.id.to_string(), attributes(ready, holder, spec, survey))
            }
            _ => answer(named.map_or_else(|| unresolved_id(holder), str::to_owned), Vec::new()),
        }
    }

    /// The answer to an event that failed.
    ///
    /// The physical id is the one that came, for CloudFormation goes on using it. A Create has none; it names the one
    /// endpoint that already carries its reference, so that the Delete that follows cleans up, and else an id that tells
    /// that Delete what to look for.
    #[must_use]
    pub fn failed(failure: Failure, holder: &Holder, named: Option<&str>, left: &Left, log_stream: &str) -> Self {
        let physical_id = match (named, left) {
            (Some(named), _) => named.to_owned(),
            (None, Left::Endpoint(id)) => id.to_string(),
            (None, Left::Unknown) => unresolved_id(holder),
            (None, Left::Nothing) => format!("{NOTHING_MADE}{}", holder.hash),
        };
        let log = if log_stream.is_empty() { String::new() } else { format!(" Log stream: {log_stream}.") };
        Self { outcome: failure.name(), failure: Some(failure), physical_id, attributes: Vec::new(), log }
    }

    /// An attribute's value.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    /// The body to put, at most [`ANSWER_BYTES_MAX`] bytes long as long as the ids that it must repeat leave room.
    #[must_use]
    pub fn body(&self, to: &ReplyTo) -> String {
        let mut attributes = self.attributes.clone();
        let mut reason = self.failure.as_ref().map(|failure| format!("{failure}{}", self.log));
        loop {
            let document = Document {
                status: if reason.is_some() { "FAILED" } else { "SUCCESS" },
                reason: reason.as_deref(),
                physical_resource_id: &self.physical_id,
                stack_id: &to.stack_id,
                request_id: &to.request_id,
                logical_resource_id: &to.logical_id,
                data: attributes.iter().map(|(name, value)| (*name, value.as_str())).collect(),
            };
            // A map with text keys and texts cannot fail to serialize.
            let body = serde_json::to_string(&document).unwrap_or_default();
            let excess = body.len().saturating_sub(ANSWER_BYTES_MAX);
            if excess == 0
                || !(reason.as_mut().is_some_and(|text| cut(text, excess)) || shrink(&mut attributes, excess))
            {
                return body;
            }
        }
    }
}

/// A physical id that names no endpoint. The Delete that comes with it finds what to release by the reference.
fn unresolved_id(holder: &Holder) -> String {
    format!("tidb-private-endpoint-{}", holder.hash)
}

/// Takes at least `excess` bytes off the end of a text and marks the cut; whether there was anything to take.
fn cut(text: &mut String, excess: usize) -> bool {
    const MARK: char = '…';
    if text.is_empty() || text.len() <= MARK.len_utf8() {
        let had = !text.is_empty();
        text.clear();
        return had;
    }
    let keep = text.len().saturating_sub(excess + MARK.len_utf8());
    let end = (0..=keep).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.truncate(end);
    if end > 0 {
        text.push(MARK);
    }
    true
}

/// Shrinks the least needed attribute that has anything left; whether there was one.
fn shrink(attributes: &mut [(&'static str, String)], excess: usize) -> bool {
    for name in SHRINKS {
        let Some((_, value)) = attributes.iter_mut().find(|(known, value)| *known == name && !value.is_empty()) else {
            continue;
        };
        if name == "Warnings" {
            return cut(value, excess);
        }
        let keep = value.rfind(',').unwrap_or(0);
        value.truncate(keep);
        return true;
    }
    false
}

/// Every attribute of [`ATTRIBUTES`]; lists joined by commas, and the empty text for what does not apply.
fn attributes(ready: &Ready, holder: &Holder, spec: &EndpointSpec, survey: &Survey) -> Vec<(&'static str, String)> {
    let endpoint = &ready.endpoint;
    let aws_entries = endpoint.aws_entries();
    let regional = aws_entries.first();
    let dns_name = regional.map(|entry| entry.name.clone()).unwrap_or_default();
    let private_dns_name = private_dns_name(ready, survey);
    let host = if private_dns_name.is_empty() { dns_name.clone() } else { private_dns_name.clone() };
    let port = spec.port;
    let yes_no = |yes: bool| if yes { "true" } else { "false" }.to_owned();
    let value = |name: &str| match name {
        "EndpointId" => endpoint.id.to_string(),
        "DnsName" => dns_name.clone(),
        "PrivateDnsName" => private_dns_name.clone(),
        "Host" => host.clone(),
        "Port" => port.to_string(),
        "ZonalDnsNames" => join(aws_entries.iter().skip(1).map(|entry| &entry.name), ","),
        "DnsEntries" => join(endpoint.dns_entries.iter().map(|e| format!("{}:{}", e.hosted_zone_id, e.name)), ","),
        "HostedZoneId" => regional.map(|entry| entry.hosted_zone_id.clone()).unwrap_or_default(),
        "VpcId" => endpoint.vpc_id.to_string(),
        "ServiceName" => endpoint.service_name.to_string(),
        "SubnetIds" => join(&endpoint.subnet_ids, ","),
        "AvailabilityZoneIds" => join(endpoint.subnet_ids.iter().filter_map(|id| survey.zone_of(id)), ","),
        "NetworkInterfaceIds" => join(&endpoint.network_interface_ids, ","),
        "SecurityGroupIds" => join(&endpoint.group_ids, ","),
        "IpAddressType" => endpoint.ip_address_type.clone(),
        "CreationTimestamp" => endpoint.created_at.map(|at| at.to_string()).unwrap_or_default(),
        "Reused" => yes_no(reference::owner(&endpoint.tags) != Some(holder.hash.as_str())),
        "Ownership" => if endpoint.is_owned() { "Owned" } else { "Foreign" }.to_owned(),
        "SharedWith" => holder.others(&endpoint.tags).len().to_string(),
        "Warnings" => join(&ready.warnings, " "),
        // What TiDB Cloud's console prints, with the private host. Amazon Linux keeps its certificates there.
        "JdbcUrl" => format!("jdbc:mysql://{host}:{port}/test?sslMode=VERIFY_IDENTITY"),
        "MysqlCommand" => format!(
            "mysql -h {host} -P {port} -D test --ssl-mode=VERIFY_IDENTITY --ssl-ca=/etc/pki/tls/certs/ca-bundle.crt -p -u"
        ),
        _ => String::new(),
    };
    ATTRIBUTES.iter().map(|(name, _)| (*name, value(name))).collect()
}

/// The name comes from what EC2 says of the endpoint, else of the service; never from a pattern.
fn private_dns_name(ready: &Ready, survey: &Survey) -> String {
    if !ready.endpoint.private_dns {
        return String::new();
    }
    let of_endpoint = ready.endpoint.private_entry().map(|entry| entry.name.clone());
    let of_service = || survey.service().ok().flatten().and_then(|service| service.private_dns_name.clone());
    of_endpoint.or_else(of_service).unwrap_or_default()
}
