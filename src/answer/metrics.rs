//! The metrics of one delivery of an event: one line of the log, from which CloudWatch extracts them (CloudWatch user
//! guide, "Specification: Embedded metric format"). They need no call and no permission.
//!
//! CloudWatch bills a metric for every combination of values of its dimensions, so there are few of both. All metrics have
//! the function as a dimension, because several may be deployed side by side; only the number of events is split further,
//! by outcome. Whatever else identifies the event is in the line without being a dimension.

use crate::check::Layer;
use crate::check::report::Report;
use crate::request::check::Target;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

pub const NAMESPACE: &str = "TiDBPrivateEndpoint";
/// Which version has answered.
const VERSION: &str = env!("CARGO_PKG_VERSION");

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending {
    /// The name of the outcome or of the failure, or what became of the answer.
    pub outcome: &'static str,
    pub failed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metrics {
    pub ending: Ending,
    pub arrived: Timestamp,
    pub ended: Timestamp,
    pub ec2_calls: u64,
}

impl Metrics {
    /// The log line. Lambda drops lines below the function's log level, so this one has exactly that level.
    pub fn line(&self, function_name: &str, log_level: &str, event: &Value) -> String {
        let directive = |dimensions: &[&str], metrics: &[(&str, &str)]| {
            let metrics: Vec<Value> =
                metrics.iter().map(|(name, unit)| json!({ "Name": name, "Unit": unit })).collect();
            json!({ "Namespace": NAMESPACE, "Dimensions": [dimensions], "Metrics": metrics })
        };
        let id = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or_default();
        let duration = self.ended.duration_since(self.arrived).as_millis();
        json!({
            "_aws": {
                "Timestamp": self.ended.as_millisecond(),
                "CloudWatchMetrics": [
                    directive(
                        &["FunctionName"],
                        &[("Failures", "Count"), ("Duration", "Milliseconds"), ("Ec2Calls", "Count")],
                    ),
                    directive(&["FunctionName", "Outcome"], &[("Events", "Count")]),
                ],
            },
            "timestamp": self.ended.to_string(),
            "level": if log_level.is_empty() { "INFO" } else { log_level },
            "FunctionName": function_name,
            "Version": VERSION,
            "Outcome": self.ending.outcome,
            "Events": 1,
            "Failures": u8::from(self.ending.failed),
            "Duration": i64::try_from(duration).unwrap_or(i64::MAX),
            "Ec2Calls": self.ec2_calls,
            // As in every other line.
            "span": {
                "stack": id("StackId"),
                "logical_id": id("LogicalResourceId"),
                "request_id": id("RequestId"),
                "request_type": id("RequestType"),
            },
        })
        .to_string()
    }
}

/// The log line of a scheduled check: whether the database was reachable, and the milliseconds that each layer took, up to
/// the one that failed. The longest of the addresses counts.
pub fn check_line(report: &Report, target: &Target, at: Timestamp, function_name: &str, log_level: &str) -> String {
    let mut values = vec![("Reachable", "Count", u64::from(report.reachable))];
    for layer in Layer::ALL {
        let name = match layer {
            Layer::Name => "NameMilliseconds",
            Layer::Tcp => "TcpMilliseconds",
            Layer::Greeting => "GreetingMilliseconds",
            Layer::Tls => "TlsMilliseconds",
        };
        let steps = report.steps.iter().filter(|step| step.layer == layer);
        values.extend(steps.map(|step| step.milliseconds).max().map(|most| (name, "Milliseconds", most)));
    }
    let rest = json!({ "Target": target.to_string(), "Report": report.report });
    line(&values, rest, at, function_name, log_level)
}

/// The log line of a scheduled status: its numbers by their names.
pub fn status_line(counts: &[(&str, usize)], at: Timestamp, function_name: &str, log_level: &str) -> String {
    let values: Vec<(&str, &str, u64)> =
        counts.iter().map(|(name, count)| (*name, "Count", u64::try_from(*count).unwrap_or(u64::MAX))).collect();
    line(&values, json!({}), at, function_name, log_level)
}

/// A line with values that have only the function as a dimension: name, unit, and value of each, and what else it contains.
fn line(values: &[(&str, &str, u64)], rest: Value, at: Timestamp, function_name: &str, log_level: &str) -> String {
    let metrics: Vec<Value> = values.iter().map(|(name, unit, _)| json!({ "Name": name, "Unit": unit })).collect();
    let common = json!({
        "_aws": {
            "Timestamp": at.as_millisecond(),
            "CloudWatchMetrics": [{ "Namespace": NAMESPACE, "Dimensions": [["FunctionName"]], "Metrics": metrics }],
        },
        "timestamp": at.to_string(),
        "level": if log_level.is_empty() { "INFO" } else { log_level },
        "FunctionName": function_name,
        "Version": VERSION,
    });
    let values = values.iter().map(|(name, _, value)| ((*name).to_owned(), json!(value)));
    let parts = [common, rest].into_iter().filter_map(|part| part.as_object().cloned()).flatten();
    Value::Object(values.chain(parts).collect::<Map<String, Value>>()).to_string()
}
