//! The one answer: an outcome or a failure as CloudFormation reads it, never larger than it accepts.

pub mod attributes;
pub mod check;
pub mod failure;
pub mod metrics;

use crate::decision::journal::Leftovers;
use crate::decision::outcome::Outcome;
use crate::model::tags::Holder;
use crate::request::event::ReplyTo;
use crate::request::failed_create_id;
use attributes::Attributes;
use check::CheckAttributes;
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
    pub attributes: Option<Data>,
    /// Where the log is, appended to the reason.
    log: String,
}

/// The attributes of a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Data {
    Endpoint(Box<Attributes>),
    Check(Box<CheckAttributes>),
}

impl Data {
    /// Shrinks what is needed least; `false` if nothing is left to shrink.
    fn shrink(&mut self, excess: usize) -> bool {
        match self {
            Self::Endpoint(attributes) => attributes.shrink(excess),
            Self::Check(attributes) => attributes.shrink(excess),
        }
    }
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
    data: Option<&'a Data>,
}

impl Answer {
    /// The answer to an event that succeeded. A Delete's answer repeats the physical id of the request.
    pub fn success(outcome: &Outcome, to: &ReplyTo) -> Self {
        let physical_id = match (outcome.ready(), &to.physical_id) {
            (Some(ready), _) => ready.endpoint.id.to_string(),
            (None, Some(id)) => id.clone(),
            (None, None) => failed_create_id(to, true),
        };
        let holder = Holder::new(&to.stack_id, &to.logical_id);
        let attributes = outcome.ready().map(|ready| Data::Endpoint(Box::new(Attributes::new(ready, &holder))));
        Self { outcome: outcome.name(), failure: None, physical_id, attributes, log: String::new() }
    }

    /// The answer to an event that failed.
    ///
    /// The physical id is the one of the request, which CloudFormation goes on using. A Create has none: its answer has an
    /// id that tells the Delete that follows what to look for, and that is different for every Create.
    pub fn failed(failure: Failure, to: &ReplyTo, leftovers: &Leftovers, log_stream: &str) -> Self {
        let nothing_created = *leftovers == Leftovers::Nothing;
        let physical_id = to.physical_id.clone().unwrap_or_else(|| failed_create_id(to, nothing_created));
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
