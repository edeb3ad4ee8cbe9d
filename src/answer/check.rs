//! What CloudFormation is told about a connection check: what Lambda's record of it says.

use super::failure::Failure;
use super::{Answer, Data, cut};
use crate::check::report::Report;
use crate::model::ids::{hex_digest, join};
use crate::request::Invalid;
use crate::request::check::{CheckSpec, fingerprint};
use crate::request::event::{Event, ReplyTo, RequestType};
use crate::request::record::Ended;
use serde::Serialize;

/// The prefix of the physical id of a check; the resource's hash and the fingerprint of the last success follow.
const PREFIX: &str = "tidb-connection-check-";

/// The attributes of a check, in the order of the documentation. All are strings, and what is not known is empty.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct CheckAttributes {
    pub reachable: String,
    pub report: String,
    pub addresses: String,
    pub connect_milliseconds: String,
    pub tls_version: String,
    pub certificate_issuer: String,
    pub certificate_expires: String,
    pub server_version: String,
}

impl CheckAttributes {
    fn new(report: Report) -> Self {
        Self {
            reachable: report.reachable.to_string(),
            addresses: join(report.addresses, ","),
            connect_milliseconds: report.connect_milliseconds.map(|ms| ms.to_string()).unwrap_or_default(),
            tls_version: report.tls_version,
            certificate_issuer: report.certificate_issuer,
            certificate_expires: report.certificate_expires,
            server_version: report.server_version,
            report: report.report,
        }
    }

    pub(super) fn shrink(&mut self, excess: usize) -> bool {
        // The check function bounds the others, but a record may come from an older version of it.
        let texts = [&mut self.report, &mut self.addresses, &mut self.certificate_issuer, &mut self.server_version];
        texts.into_iter().any(|text| cut(text, excess))
    }
}

/// Why a check does not show that the database is reachable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckFailure {
    #[error("{0}")]
    Unreachable(String),
    #[error(
        "The check function reached its time limit before it could report ({0}). Specify a shorter TimeoutSeconds, or raise \
         the Timeout of the function if you have lowered it."
    )]
    TimedOut(String),
    #[error(
        "The check function ran out of memory before it could report ({0}). Raise the function's MemorySize, and report the \
         lines of its log."
    )]
    OutOfMemory(String),
    #[error("The check function stopped before it could report ({0}). Look into its log, and deploy again.")]
    Crashed(String),
    #[error(
        "Lambda did not run the check function. Check that its subnets have free IP addresses, that its security groups \
         exist, and that the account's Lambda concurrency is not used up; then deploy again."
    )]
    NeverRan,
    #[error(
        "The check function returned something that is no report. Deploy the provider's stack again, so that both functions \
         have the same version."
    )]
    NoReport,
}

impl CheckFailure {
    /// The failure's name in the log and in the metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "unreachable",
            Self::TimedOut(_) | Self::OutOfMemory(_) | Self::Crashed(_) | Self::NeverRan | Self::NoReport => {
                "unchecked"
            }
        }
    }

    /// What Lambda says about a function that failed. The words are those that people quote from its records and logs; any
    /// others count as a crash.
    fn of(error_type: &str, message: &str) -> Self {
        let said = if error_type.is_empty() { message.to_owned() } else { format!("{error_type}: {message}") };
        if message.contains("Task timed out") || error_type == "Sandbox.Timedout" {
            Self::TimedOut(said)
        } else if error_type == "Runtime.OutOfMemory" || message.contains("signal: killed") {
            Self::OutOfMemory(said)
        } else {
            Self::Crashed(said)
        }
    }
}

/// What an invocation showed: a failure unless the database was reachable, and the report.
fn result(ended: &Ended) -> (Option<CheckFailure>, Report) {
    let failure = match ended {
        Ended::Returned(returned) => match serde_json::from_value::<Report>(returned.clone()) {
            Ok(report) if report.reachable => return (None, report),
            Ok(report) if !report.report.is_empty() => {
                return (Some(CheckFailure::Unreachable(report.report.clone())), report);
            }
            Ok(_) | Err(_) => CheckFailure::NoReport,
        },
        Ended::Failed { error_type, message } => CheckFailure::of(error_type, message),
        Ended::NeverRan => CheckFailure::NeverRan,
    };
    let report = failure.to_string();
    (Some(failure), Report { report, ..Report::default() })
}

impl Answer {
    /// The answer to an event whose check has ended in this way. The log stream is that of the provider, which reads only
    /// the properties.
    pub fn checked(event: &Event, ended: &Ended, log_stream: &str) -> Self {
        let to = &event.reply_to;
        if event.request_type == RequestType::Delete {
            return Self::of_check(to, "absent", None, physical_id(to, None));
        }
        let spec = match Invalid::endpoint_with_check_token(event) {
            Some(invalid) => Err(invalid),
            None => CheckSpec::read(&event.properties).map_err(Invalid),
        };
        let spec = match spec {
            Ok(spec) => spec,
            Err(invalid) => return Self::check_failed(to, Failure::Invalid(invalid), log_stream),
        };
        let asked = fingerprint(&event.properties);
        // CloudFormation asks for the same again only to roll back, and a roll-back that fails leaves the stack stuck.
        let is_rollback = to.physical_id.as_deref() == Some(physical_id(to, Some(&asked)).as_str());
        let (failure, report) = result(ended);
        match failure {
            None => Self::of_check(to, "reachable", Some(report), physical_id(to, Some(&asked))),
            Some(_) if spec.only_warn || is_rollback => {
                Self::of_check(to, "warned", Some(report), physical_id(to, Some(&asked)))
            }
            Some(failure) => Self::check_failed(to, Failure::Check(failure), ""),
        }
    }

    fn of_check(to: &ReplyTo, outcome: &'static str, report: Option<Report>, new_id: String) -> Self {
        let physical_id = if report.is_some() { new_id } else { to.physical_id.clone().unwrap_or(new_id) };
        let attributes = report.map(|report| Data::Check(Box::new(CheckAttributes::new(report))));
        Self { outcome, failure: None, physical_id, attributes, log: String::new() }
    }

    fn check_failed(to: &ReplyTo, failure: Failure, log_stream: &str) -> Self {
        let physical_id = to.physical_id.clone().unwrap_or_else(|| physical_id(to, None));
        let log = if log_stream.is_empty() { String::new() } else { format!(" Log stream: {log_stream}.") };
        Self { outcome: failure.name(), failure: Some(failure), physical_id, attributes: None, log }
    }
}

fn physical_id(to: &ReplyTo, asked: Option<&str>) -> String {
    let mut hash = hex_digest(&[&to.stack_id, &to.logical_id]);
    hash.truncate(24);
    format!("{PREFIX}{hash}-{}", asked.unwrap_or("none"))
}
