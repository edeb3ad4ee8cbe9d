//! The log: JSON lines, each with the event that it belongs to under `span`.

use tracing::Subscriber;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::{MakeWriter, layer};
use tracing_subscriber::prelude::*;
use tracing_subscriber::registry;

/// What writes the log. `level` is Lambda's word for the least that is wanted, `INFO` if it is none. Of the libraries'
/// own lines only warnings are written: their details hold requests and answers.
#[must_use]
pub fn subscriber<W>(level: &str, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    // An empty text would be read as ERROR.
    let level = Some(level).filter(|level| !level.is_empty()).and_then(|level| level.parse().ok());
    let level = level.unwrap_or(LevelFilter::INFO);
    let lines = layer().json().flatten_event(true).with_span_list(false).with_ansi(false).with_writer(writer);
    let filter = Targets::new().with_default(LevelFilter::WARN).with_target(env!("CARGO_CRATE_NAME"), level);
    registry().with(lines.with_filter(filter))
}
