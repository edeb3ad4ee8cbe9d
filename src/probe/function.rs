//! The connection check as a Lambda function in the user's subnets. It only returns what it has found: Lambda carries that
//! to the provider function, which answers CloudFormation.

use super::network::Network;
use super::tls::Tls;
use super::{ATTEMPT, check};
use crate::answer::metrics::check_line;
use crate::check::report::Report;
use crate::model::ids::join;
use crate::request::check::CheckSpec;
use crate::request::event::{Event, RequestType};
use crate::runtime::clock::Clock;
use crate::runtime::log::{METRICS, span};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tracing::{Instrument as _, info};

/// What is left of the time for the last attempt, and for the way back.
const MARGIN: SignedDuration = SignedDuration::from_secs(60);
const _: () = assert!(ATTEMPT.as_secs() + 20 < MARGIN.as_secs());

/// An invocation that asks for nothing that the function can do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "The check function was asked for nothing that it can check{0}. CloudFormation invokes it for \
     Custom::TiDBCloudConnectionCheck; to invoke it manually, send {{\"Check\": {{\"Host\": \"gateway01-privatelink.us-east-1.prod.aws.tidbcloud.com\"}}}}."
)]
pub struct NotUnderstood(String);

/// The function, put together.
pub struct CheckFunction<N> {
    pub network: N,
    pub tls: Tls,
    /// The function's name, a dimension of its metrics.
    pub name: String,
    /// Lambda's log level.
    pub log_level: String,
}

impl<N: Network> CheckFunction<N> {
    /// Checks what an event of CloudFormation, the schedule, or a person asks for. `None` if nothing is to be checked: the
    /// resource is deleted, or its properties have faults, which the provider answers.
    ///
    /// # Errors
    /// [`NotUnderstood`], for an invocation that is neither.
    pub async fn serve(&self, raw: &Value, clock: Clock, deadline: Timestamp) -> Result<Option<Report>, NotUnderstood> {
        let arrived = clock.now();
        if let Some(properties) = raw.get("Check") {
            let spec =
                CheckSpec::read(properties).map_err(|faults| NotUnderstood(format!(": {}", join(faults, " "))))?;
            let report = self.check(&spec, &clock, deadline).await;
            // The metrics are those of the scheduled check; what people ask for in between would distort them.
            if raw.get("Scheduled") == Some(&Value::Bool(true)) {
                let line = check_line(&report, &spec.target, clock.now(), &self.name, &self.log_level);
                info!(target: METRICS, "{line}");
            }
            return Ok(Some(report));
        }
        let event = Event::read(raw).map_err(|unreadable| NotUnderstood(format!(" ({})", unreadable.fault)))?;
        let spec = match (&event.request_type, CheckSpec::read(&event.properties)) {
            (RequestType::Delete, _) | (_, Err(_)) => return Ok(None),
            (RequestType::Create | RequestType::Update { .. }, Ok(spec)) => spec,
        };
        let check = self.check(&spec, &clock, deadline.min(event.ends_at(arrived)));
        Ok(Some(check.instrument(span(&event.reply_to, raw)).await))
    }

    async fn check(&self, spec: &CheckSpec, clock: &Clock, end: Timestamp) -> Report {
        let until = clock.now().saturating_add(SignedDuration::from_secs(spec.timeout_seconds.into()));
        let until = until.unwrap_or(end).min(end.saturating_sub(MARGIN).unwrap_or(Timestamp::MIN));
        let report = check(&self.network, &self.tls, spec, clock, until, &mut |step| {
            info!(step = "check", layer = %step.layer, passed = step.passed, milliseconds = step.milliseconds, "{}", step.detail);
        })
        .await;
        info!(outcome = if report.reachable { "reachable" } else { "unreachable" }, "{}", report.report);
        report
    }
}
