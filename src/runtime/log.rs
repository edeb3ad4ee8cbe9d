//! The log: JSON lines, each with the event that it belongs to in `span`.

use crate::request::event::ReplyTo;
use serde_json::Value;
use std::fmt;
use tracing::{Event, Span, Subscriber, info_span};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::{FmtContext, MakeWriter, layer};
use tracing_subscriber::prelude::*;
use tracing_subscriber::registry;
use tracing_subscriber::registry::LookupSpan;

/// The target of messages that are written as they are, at every log level. CloudWatch reads metrics only from a line that
/// contains nothing else.
pub const METRICS: &str = "metrics";

/// Writes the log. `level` is Lambda's log level; anything else counts as `INFO`. Of the libraries' messages only warnings
/// are written, because their details contain requests and answers.
pub fn subscriber<W>(level: &str, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Clone + Send + Sync + 'static,
{
    // An empty string would parse as ERROR.
    let level = Some(level).filter(|level| !level.is_empty()).and_then(|level| level.parse().ok());
    let level = level.unwrap_or(LevelFilter::INFO);
    let metrics = layer().event_format(MessageOnly).with_ansi(false).with_writer(writer.clone());
    let lines = layer().json().flatten_event(true).with_span_list(false).with_ansi(false).with_writer(writer);
    let filter = Targets::new().with_default(LevelFilter::WARN).with_target(env!("CARGO_CRATE_NAME"), level);
    registry()
        .with(metrics.with_filter(Targets::new().with_target(METRICS, LevelFilter::INFO)))
        .with(lines.with_filter(filter.with_target(METRICS, LevelFilter::OFF)))
}

/// What every log line of an event belongs to.
pub fn span(to: &ReplyTo, raw: &Value) -> Span {
    let request_type = raw.get("RequestType").and_then(Value::as_str).unwrap_or_default();
    info_span!("event", stack = to.stack_id, logical_id = to.logical_id, request_id = to.request_id, request_type)
}

/// Writes only the message.
struct MessageOnly;

impl<S, N> FormatEvent<S, N> for MessageOnly
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        context.format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}
