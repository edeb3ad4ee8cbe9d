//! What is counted of a delivery of an event: one line of the log, from which CloudWatch makes metrics (CloudWatch user
//! guide, "Specification: Embedded metric format"). It costs no call and no permission.
//!
//! CloudWatch bills each metric once for each set of values of its dimensions, so there are few of both. All metrics have
//! the function as dimension, because several may be deployed side by side; only the number of events is divided further,
//! by outcome. What else identifies the event is in the line, but not counted by: a stack as dimension would be a metric
//! of its own.

use jiff::Timestamp;
use serde_json::{Value, json};

/// The metrics' namespace.
pub const NAMESPACE: &str = "TiDBPrivateEndpoint";

/// How a delivery ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending {
    /// In a word: that of the outcome or of the failure, or what became of the answer.
    pub outcome: &'static str,
    /// Whether it failed.
    pub failed: bool,
}

/// What is counted of one delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metrics {
    /// How it ended.
    pub ending: Ending,
    /// When it arrived.
    pub arrived: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// Calls to EC2 in between.
    pub ec2_calls: u64,
}

impl Metrics {
    /// The line. Lambda drops lines below the function's log level, so this one has just that level, whatever it is.
    #[must_use]
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
