//! What CloudFormation sent, and above all: whom to answer.
//!
//! The envelope is read with untyped properties, because an event that fails to parse as a whole takes its response URL
//! with it, and the stack then waits for its time-out.

use aws_lambda_events::cloudformation::CloudFormationCustomResourceRequest as Wire;
use jiff::Timestamp;
use serde_json::Value;
use std::fmt;
use std::time::Duration;

/// The pre-signed URL that takes the answer. Whoever holds it can answer for the stack, so it has no `Display`, and its
/// `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct ResponseUrl(String);

impl ResponseUrl {
    /// Wraps a URL.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    /// The URL itself; only for the request that goes there.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The moment from which S3 refuses the URL, as far as its query tells: `X-Amz-Date` and `X-Amz-Expires` (signature
    /// version 4), or `Expires` in epoch seconds (version 2).
    #[must_use]
    pub fn expires_at(&self) -> Option<Timestamp> {
        let (_, query) = self.0.split_once('?')?;
        let value = |name: &str| {
            query
                .split('&')
                .filter_map(|pair| pair.split_once('='))
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value)
        };
        if let (Some(date), Some(seconds)) = (value("X-Amz-Date"), value("X-Amz-Expires")) {
            let signed_at =
                jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", date).ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
            let valid_for = Duration::from_secs(seconds.parse().ok()?);
            return signed_at.timestamp().checked_add(valid_for).ok();
        }
        Timestamp::from_second(value("Expires")?.parse().ok()?).ok()
    }
}

impl fmt::Debug for ResponseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResponseUrl(secret)")
    }
}

/// Whom the one answer goes to, and what it must repeat word for word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyTo {
    /// Where the answer is put.
    pub response_url: ResponseUrl,
    /// The stack's ARN.
    pub stack_id: String,
    /// The request within the stack's operation.
    pub request_id: String,
    /// The resource's name in the template.
    pub logical_id: String,
    /// The physical id that CloudFormation named; a Create has none.
    pub physical_id: Option<String>,
}

impl ReplyTo {
    /// Reads what is needed to answer from an event that may be broken in every other way.
    fn salvage(raw: &Value) -> Option<Self> {
        let text = |name: &str| raw.get(name).and_then(Value::as_str).map(str::to_owned);
        Some(Self {
            response_url: ResponseUrl::new(text("ResponseURL").filter(|url| url.starts_with("http"))?),
            stack_id: text("StackId").unwrap_or_default(),
            request_id: text("RequestId").unwrap_or_default(),
            logical_id: text("LogicalResourceId").unwrap_or_default(),
            physical_id: text("PhysicalResourceId").filter(|id| !id.is_empty()),
        })
    }
}

/// What CloudFormation wants.
#[derive(Debug, Clone, PartialEq)]
pub enum RequestType {
    /// Make the resource.
    Create,
    /// Change it; `old_properties` are those that it has now.
    Update {
        /// The properties before this update.
        old_properties: Value,
    },
    /// Remove it.
    Delete,
}

/// One custom-resource event with its properties still unread.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Whom to answer.
    pub reply_to: ReplyTo,
    /// What is wanted.
    pub request_type: RequestType,
    /// `ResourceProperties` as they came.
    pub properties: Value,
}

/// An event that cannot be read; answered all the same where a response URL was found in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the event is not a CloudFormation custom resource event ({fault})")]
pub struct Unreadable {
    /// Whom to tell, if anybody.
    pub reply_to: Option<Box<ReplyTo>>,
    /// What is wrong with it.
    pub fault: String,
}

impl Event {
    /// Reads an event.
    ///
    /// # Errors
    /// [`Unreadable`], with whom to answer if that much could be found.
    pub fn read(raw: &Value) -> Result<Self, Unreadable> {
        let reply_to = ReplyTo::salvage(raw);
        // The fault is worded here and not by the parser, which may quote the event, and with it the URL.
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
        let reply_to = reply_to.clone().ok_or_else(|| unreadable("ResponseURL is not a valid URL"))?;
        Ok(Self { reply_to, request_type, properties })
    }

    /// How long CloudFormation waits for the answer, where the template says so (`ServiceTimeout`, 1 to 3,600 seconds).
    #[must_use]
    pub fn service_timeout(&self) -> Option<Duration> {
        let seconds = match self.properties.get("ServiceTimeout")? {
            Value::String(text) => text.trim().parse().ok()?,
            Value::Number(number) => number.as_u64()?,
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
        };
        (1..=3_600).contains(&seconds).then(|| Duration::from_secs(seconds))
    }
}
