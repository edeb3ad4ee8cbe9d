//! The one answer: an outcome or a failure as CloudFormation reads it, never larger than it accepts.

pub mod attributes;
pub mod failure;
pub mod metrics;

use crate::decision::journal::Leftovers;
use crate::decision::outcome::Outcome;
use crate::model::tags::Holder;
use crate::request::NOTHING_CREATED;
use crate::request::event::ReplyTo;
use attributes::Attributes;
use failure::Failure;
use serde::Serialize;

/// CloudFormation rejects a longer answer ("Response object is too long.").
pub const ANSWER_BYTES_MAX: usize = 4_096;

/// What CloudFormation is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The name of the outcome or failure, for the log and the metrics.
    pub outcome: &'static str,
    /// `None` for a success.
    pub failure: Option<Failure>,
    /// What `!Ref` returns, and what CloudFormation sends in later events.
    pub physical_id: String,
    /// What `!GetAtt` returns, after a successful Create or Update.
    pub attributes: Option<Attributes>,
    /// Where the log is, appended to the reason.
    log: String,
}

/// The answer in CloudFormation's form (CloudFormation user guide, "Custom resource response objects").
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
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a Attributes>,
}

impl Answer {
    /// The answer to an event that succeeded. A Delete's answer repeats the physical id of the request.
    pub fn success(outcome: &Outcome, holder: &Holder, requested_id: Option<&str>) -> Self {
        let physical_id = match (outcome.ready(), requested_id) {
            (Some(ready), _) => ready.endpoint.id.to_string(),
            (None, Some(id)) => id.to_owned(),
            (None, None) => unresolved_id(holder),
        };
        let attributes = outcome.ready().map(|ready| Attributes::new(ready, holder));
        Self { outcome: outcome.name(), failure: None, physical_id, attributes, log: String::new() }
    }

    /// The answer to an event that failed.
    ///
    /// The physical id is the one of the request, which CloudFormation goes on using. A Create has none: its answer names
    /// the one endpoint that already has its reference, so that the Delete that follows cleans up, or else an id that
    /// tells that Delete what to look for.
    pub fn failed(
        failure: Failure,
        holder: &Holder,
        requested_id: Option<&str>,
        leftovers: &Leftovers,
        log_stream: &str,
    ) -> Self {
        let physical_id = match (requested_id, leftovers) {
            (Some(id), _) => id.to_owned(),
            (None, Leftovers::Endpoint(id)) => id.to_string(),
            (None, Leftovers::Unknown) => unresolved_id(holder),
            (None, Leftovers::Nothing) => format!("{NOTHING_CREATED}{}", holder.hash),
        };
        let log = if log_stream.is_empty() { String::new() } else { format!(" Log stream: {log_stream}.") };
        Self { outcome: failure.name(), failure: Some(failure), physical_id, attributes: None, log }
    }

    /// The body to put: at most [`ANSWER_BYTES_MAX`] bytes, provided that the ids that it must repeat leave room.
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
                data: attributes.as_ref(),
            };
            // Strings cannot fail to serialize.
            let body = serde_json::to_string(&document).unwrap_or_default();
            let excess = body.len().saturating_sub(ANSWER_BYTES_MAX);
            let shrunk = excess > 0
                && (reason.as_mut().is_some_and(|text| cut(text, excess))
                    || attributes.as_mut().is_some_and(|attributes| attributes.shrink(excess)));
            if !shrunk {
                return body;
            }
        }
    }
}

/// A physical id that is no endpoint id. The Delete that comes with it finds what to release by the reference.
fn unresolved_id(holder: &Holder) -> String {
    format!("tidb-private-endpoint-{}", holder.hash)
}

/// Takes at least `excess` bytes off the end of a string and marks the cut; `false` if there is nothing to take.
fn cut(text: &mut String, excess: usize) -> bool {
    const MARK: char = '…';
    if text.len() <= MARK.len_utf8() {
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
