//! The event that CloudFormation sent, and where its answer goes.
//!
//! The envelope is read with untyped properties: an event that failed to parse as a whole would take its response URL
//! with it, and the stack would wait until it times out.

use crate::model::base_url::is_private;
use aws_lambda_events::cloudformation::CloudFormationCustomResourceRequest as Wire;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::fmt;

/// How long CloudFormation waits for an answer if the template does not say (CloudFormation user guide, "Custom resource
/// reference", `ServiceTimeout`).
const DEFAULT_TIMEOUT: SignedDuration = SignedDuration::from_secs(3_600);
/// How long CloudFormation's URLs are valid (`X-Amz-Expires` of recorded events).
const SIGNED_FOR: SignedDuration = SignedDuration::from_secs(7_200);

/// The presigned URL that takes the answer. Anyone who has it can answer for the stack, so it has no `Display`, and its
/// `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct ResponseUrl(String);

impl ResponseUrl {
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    /// The URL itself, only for the request that goes there.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// When CloudFormation signed the URL, which is when it sent the event: `X-Amz-Date` (Signature Version 4), or two
    /// hours before `Expires` (Version 2). CloudFormation signs for two hours, however long it waits for the answer.
    pub fn signed_at(&self) -> Option<Timestamp> {
        if let Some(date) = self.parameter("X-Amz-Date") {
            let date = DateTime::strptime("%Y%m%dT%H%M%SZ", date).ok()?;
            return TimeZone::UTC.to_timestamp(date).ok();
        }
        let expires = Timestamp::from_second(self.parameter("Expires")?.parse().ok()?).ok()?;
        expires.checked_sub(SIGNED_FOR).ok()
    }

    fn parameter(&self, name: &str) -> Option<String> {
        let (_, query) = self.0.split_once('?')?;
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }
}

impl fmt::Debug for ResponseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResponseUrl(secret)")
    }
}

/// Where the one answer goes, and what it must repeat verbatim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyTo {
    pub response_url: ResponseUrl,
    /// The stack's ARN.
    pub stack_id: String,
    /// Unique for the request within the stack's operation.
    pub request_id: String,
    /// The name of the resource in the template.
    pub logical_id: String,
    /// `None` in a Create.
    pub physical_id: Option<String>,
}

impl ReplyTo {
    /// Reads what an answer needs from an event that may be malformed in every other way.
    pub fn salvage(raw: &Value) -> Option<Self> {
        let text = |name: &str| raw.get(name).and_then(Value::as_str).map(str::to_owned);
        Some(Self {
            response_url: ResponseUrl::new(text("ResponseURL").filter(|url| is_private(url))?),
            stack_id: text("StackId").unwrap_or_default(),
            request_id: text("RequestId").unwrap_or_default(),
            logical_id: text("LogicalResourceId").unwrap_or_default(),
            physical_id: text("PhysicalResourceId").filter(|id| !id.is_empty()),
        })
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum RequestType {
    Create,
    Update { old_properties: Value },
    Delete,
}

/// A custom resource event whose properties have not been read yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub reply_to: ReplyTo,
    /// Such as `Custom::TiDBCloudPrivateEndpoint`; a template may give it another name.
    pub resource_type: String,
    pub request_type: RequestType,
    pub properties: Value,
}

/// An event that cannot be read. It is answered all the same if it has a response URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the event is not a CloudFormation custom resource event ({fault})")]
pub struct Unreadable {
    pub reply_to: Option<Box<ReplyTo>>,
    pub fault: String,
}

impl Event {
    /// # Errors
    /// [`Unreadable`], with where to answer if that much was found.
    pub fn read(raw: &Value) -> Result<Self, Unreadable> {
        let reply_to = ReplyTo::salvage(raw);
        // Not the parser's own words: they may quote the event, and with it the URL.
        let unreadable = |fault: &str| Unreadable { reply_to: reply_to.clone().map(Box::new), fault: fault.to_owned() };
        for name in ["RequestType", "ResponseURL", "StackId", "RequestId", "LogicalResourceId", "ResourceProperties"] {
            if raw.get(name).is_none() {
                return Err(unreadable(&format!("{name} is missing")));
            }
        }
        let wire: Wire = serde_json::from_value(raw.clone())
            .map_err(|_| unreadable("a field has the wrong type, or RequestType is not Create, Update or Delete"))?;
        let (request_type, properties) = match wire {
            Wire::Create(create) => (RequestType::Create, create.resource_properties),
            Wire::Update(update) => {
                (RequestType::Update { old_properties: update.old_resource_properties }, update.resource_properties)
            }
            Wire::Delete(delete) => (RequestType::Delete, delete.resource_properties),
            _ => return Err(unreadable("RequestType is not Create, Update or Delete")),
        };
        let reply_to = reply_to.clone().ok_or_else(|| unreadable("ResponseURL is not an HTTPS URL"))?;
        let resource_type = raw.get("ResourceType").and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(Self { reply_to, resource_type, request_type, properties })
    }

    /// When CloudFormation stops waiting for the answer: `ServiceTimeout` after it sent the event. An event may have waited
    /// in Lambda's queue, or be delivered again, so its arrival does not tell; only a URL without a date leaves no choice.
    pub fn ends_at(&self, arrived: Timestamp) -> Timestamp {
        self.sent_at(arrived)
            .saturating_add(self.service_timeout().unwrap_or(DEFAULT_TIMEOUT))
            .unwrap_or(Timestamp::MAX)
    }

    /// When CloudFormation sent the event.
    pub fn sent_at(&self, arrived: Timestamp) -> Timestamp {
        // A clock that is ahead must not lengthen the time.
        self.reply_to.response_url.signed_at().map_or(arrived, |signed| signed.min(arrived))
    }

    /// `ServiceTimeout`, 1 to 3,600 seconds.
    fn service_timeout(&self) -> Option<SignedDuration> {
        let seconds = match self.properties.get("ServiceTimeout")? {
            Value::String(text) => text.trim().parse().ok()?,
            Value::Number(number) => number.as_i64()?,
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
        };
        (1..=3_600).contains(&seconds).then(|| SignedDuration::from_secs(seconds))
    }
}
