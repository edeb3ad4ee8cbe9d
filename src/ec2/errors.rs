//! From the SDK's errors to the provider's.

use crate::model::ec2_error::{Ec2Error, ErrorKind, NOT_SENT, TOO_SLOW};
use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ec2::operation::RequestId;

/// One call, for its errors: the API action, what it is about, and what error codes mean that only this action returns.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) action: &'static str,
    pub(super) subject: &'a (dyn std::fmt::Display + Sync),
    /// From code and message; `None` for the meaning that the code has everywhere.
    pub(super) kind: fn(&str, &str) -> Option<ErrorKind>,
}

impl Call<'_> {
    pub(super) fn failed<E>(self, error: &SdkError<E>) -> Ec2Error
    where
        E: ProvideErrorMetadata + RequestId + std::error::Error + 'static,
    {
        if let SdkError::ServiceError(answer) = error {
            let (code, message) = (answer.err().code(), answer.err().message());
            return self.refused(
                code.unwrap_or("Unknown"),
                message.unwrap_or_default(),
                answer.raw().status().as_u16(),
                answer.err().request_id(),
            );
        }
        // In the provider's words, because the SDK's contain raw requests and answers.
        match error {
            SdkError::ConstructionFailure(_) => self.not_sent("the request could not be created"),
            SdkError::DispatchFailure(failure) if failure.is_user() || is_about_credentials(error) => {
                self.not_sent("there are no usable credentials, or no Region")
            }
            SdkError::TimeoutError(_) => self.no_answer(TOO_SLOW),
            SdkError::DispatchFailure(failure) if failure.is_timeout() => {
                self.no_answer("the connection to EC2 timed out")
            }
            SdkError::DispatchFailure(_) => self.no_answer("the connection to EC2 failed"),
            SdkError::ResponseError(_) | SdkError::ServiceError(_) | _ => {
                self.no_answer("the response could not be read")
            }
        }
    }

    fn not_sent(self, why: &str) -> Ec2Error {
        let (kind, code) = (ErrorKind::Final, NOT_SENT.to_owned());
        Ec2Error { kind, code, ..self.no_answer(why) }
    }

    /// EC2 has answered with an error.
    pub(super) fn refused(self, code: &str, message: &str, status: u16, request_id: Option<&str>) -> Ec2Error {
        Ec2Error {
            action: self.action,
            subject: self.subject.to_string(),
            kind: (self.kind)(code, message).unwrap_or_else(|| common_kind(code, status)),
            code: code.to_owned(),
            message: message.to_owned(),
            request_id: request_id.unwrap_or_default().to_owned(),
        }
    }

    pub(super) fn no_answer(self, why: &str) -> Ec2Error {
        Ec2Error::no_answer(self.action, self.subject.to_string(), why)
    }
}

/// Whether the SDK has found no credentials. It reports that as a connection that failed.
fn is_about_credentials(error: &dyn std::error::Error) -> bool {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.into_iter().any(|cause| cause.to_string().contains("credential"))
}

/// For actions whose errors have no meaning of their own.
pub(super) fn no_special_kind(_: &str, _: &str) -> Option<ErrorKind> {
    None
}

/// The kinds of things that EC2 can report as not found, by the middle of its error codes in lower case.
pub(super) const ENDPOINT: &[&str] = &["vpcendpoint", "vpcendpointid"];
pub(super) const GROUP: &[&str] = &["group", "groupid", "securitygroupid"];
pub(super) const VPC: &[&str] = &["vpcid"];
const SUBNET: &[&str] = &["subnetid"];

/// Whether a code says that a thing of some kind does not exist. The codes differ between actions, in letter case too:
/// `InvalidSubnetID.NotFound` and `InvalidSubnetId.NotFound` are the same.
pub(super) fn is_not_found(code: &str, kind: &[&str]) -> bool {
    let code = code.to_ascii_lowercase();
    let thing = code.strip_prefix("invalid").and_then(|rest| rest.strip_suffix(".notfound"));
    thing.is_some_and(|thing| kind.contains(&thing))
}

/// What an error code means for every action (EC2 API reference, "Error codes").
fn common_kind(code: &str, status: u16) -> ErrorKind {
    match code {
        _ if is_not_found(code, VPC) || is_not_found(code, SUBNET) => ErrorKind::NetworkGone,
        "UnauthorizedOperation" | "AccessDenied" | "AccessDeniedException" => ErrorKind::Denied,
        "AuthFailure" | "InvalidClientTokenId" => ErrorKind::NotAuthenticated,
        "RequestLimitExceeded" | "Throttling" | "ThrottlingException" | "EC2ThrottledException" | "SlowDown" => {
            ErrorKind::Throttled
        }
        "RequestTimeout" => ErrorKind::Transient,
        _ if status == 429 => ErrorKind::Throttled,
        _ if status >= 500 => ErrorKind::Transient,
        _ => ErrorKind::Final,
    }
}
