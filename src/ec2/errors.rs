//! What EC2's errors mean.

use crate::failure::{Ec2Error, ErrorKind};
use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ec2::operation::RequestId;

pub(super) fn is_not_found(code: &str) -> bool {
    // Describing and deleting spell it differently.
    matches!(code, "InvalidVpcEndpointId.NotFound" | "InvalidVpcEndpoint.NotFound")
}

/// What an error code means (EC2 API reference, "Error codes"; those of sharers from terraform-provider-aws).
pub(super) fn kind_of(code: &str, message: &str, status: u16) -> ErrorKind {
    match code {
        "InvalidParameter" if message.contains("conflicting DNS domain") => ErrorKind::NameTaken,
        "InvalidParameter" if message.contains("enableDnsSupport") => ErrorKind::VpcDnsOff,
        "DependencyViolation" => ErrorKind::InUse,
        "InvalidGroup.Duplicate" => ErrorKind::GroupExists,
        "IdempotentParameterMismatch" => ErrorKind::TokenUsed,
        // Errors of the EC2 API reference spell it in several ways.
        "InvalidGroup.NotFound" | "InvalidSecurityGroupID.NotFound" | "InvalidGroupId.NotFound" => ErrorKind::GroupGone,
        "UnauthorizedOperation" | "AccessDenied" | "AccessDeniedException" => ErrorKind::Denied,
        // The next look shows what became of it: still to come, gone, or made by an earlier delivery.
        "InvalidVpcEndpointId.NotFound"
        | "InvalidVpcEndpoint.NotFound"
        | "InvalidID"
        | "IncorrectState"
        // Another stack has written the rule, or removed it.
        | "InvalidPermission.Duplicate"
        | "InvalidPermission.NotFound"
        // Others work on the same endpoint.
        | "OperationInProgress"
        | "ConcurrentTagAccess"
        | "RequestTimeout" => ErrorKind::Transient,
        "RequestLimitExceeded" | "Throttling" | "ThrottlingException" | "EC2ThrottledException" | "SlowDown" => {
            ErrorKind::Throttled
        }
        _ if status == 429 => ErrorKind::Throttled,
        _ if status >= 500 => ErrorKind::Transient,
        _ => ErrorKind::Final,
    }
}

pub(super) fn ec2_error<E>(action: &'static str, subject: String, error: &SdkError<E>) -> Ec2Error
where
    E: ProvideErrorMetadata + RequestId + std::error::Error + 'static,
{
    if let SdkError::ServiceError(answer) = error {
        let code = answer.err().code().unwrap_or("Unknown");
        let message = answer.err().message().unwrap_or_default();
        return Ec2Error {
            action,
            subject,
            kind: kind_of(code, message, answer.raw().status().as_u16()),
            code: code.to_owned(),
            message: message.to_owned(),
            request_id: answer.err().request_id().unwrap_or_default().to_owned(),
        };
    }
    // Worded here, because the SDK's own words for these hold raw requests and answers.
    let why = match error {
        SdkError::ConstructionFailure(_) => "the request could not be created",
        SdkError::TimeoutError(_) => "EC2 did not respond in time",
        SdkError::DispatchFailure(failure) if failure.is_timeout() => "the connection to EC2 timed out",
        SdkError::DispatchFailure(failure) if failure.is_user() => "no usable credentials or no Region",
        SdkError::DispatchFailure(_) => "the connection to EC2 failed",
        SdkError::ResponseError(_) | SdkError::ServiceError(_) | _ => "the response could not be read",
    };
    no_answer(action, subject, why)
}

/// What is said when EC2 has not answered, or not in a way that can be read. Whether the call had its effect is unknown,
/// and the next look tells.
pub(crate) fn no_answer(action: &'static str, subject: String, why: &str) -> Ec2Error {
    Ec2Error {
        action,
        subject,
        kind: ErrorKind::Transient,
        code: "NoResponse".to_owned(),
        message: why.to_owned(),
        request_id: String::new(),
    }
}
