//! The record of calls, and the faults that a test can inject.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use crate::error::ApiError;

/// A call to the simulation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Call {
    /// The position in order of arrival, from 0.
    pub number: usize,
    /// The time of arrival since the start of the simulation.
    pub at: Duration,
    /// The access key ID of the signature; empty if the request is not signed.
    pub caller: String,
    /// The action, such as `CreateVpcEndpoint`; empty if the request has none.
    pub action: String,
    /// All parameters except `Action` and `Version`, as sent, such as `SubnetId.1`.
    pub params: BTreeMap<String, String>,
    /// The result in EC2, even if the response was lost; `None` while the call is in progress or if it hangs.
    pub outcome: Option<Outcome>,
}

/// The result of a call in EC2.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Outcome {
    /// The call succeeded.
    Ok,
    /// The call was rejected and had no effect.
    Error {
        /// The HTTP status; 0 if the connection was reset before the call had any effect, and 200 for
        /// [`Verdict::FailItems`].
        status: u16,
        /// The error code; `ConnectionReset` for status 0.
        code: String,
        /// The error message.
        message: String,
    },
}

impl Outcome {
    /// The error code, if the call was rejected.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Ok => None,
            Self::Error { code, .. } => Some(code),
        }
    }
}

impl From<&ApiError> for Outcome {
    fn from(error: &ApiError) -> Self {
        Self::Error { status: error.status, code: error.code.clone(), message: error.message.clone() }
    }
}

/// What happens to a call.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// EC2 handles the call as usual.
    Proceed,
    /// EC2 rejects the call, which has no effect.
    Fail {
        /// The HTTP status.
        status: u16,
        /// The error code.
        code: String,
        /// The error message. `{account}`, `{action}`, and `{id}` are replaced; the latter is the ID of the endpoint to modify.
        message: String,
    },
    /// EC2 rejects every item of `DeleteVpcEndpoints`: the response has HTTP status 200 and lists all endpoints as
    /// unsuccessful. Other actions fail with HTTP status 400.
    FailItems {
        /// The error code.
        code: String,
        /// The error message, with the same replacements; `{id}` is the ID of the item.
        message: String,
    },
    /// EC2 handles the call, but the caller does not receive the response.
    LoseAnswer(Loss),
    /// The connection is reset, and the call has no effect.
    Reset,
    /// There is never a response, and the call has no effect.
    Hang,
    /// A read returns data that is at least this old. Other calls proceed.
    Stale(Duration),
    /// EC2 handles the call after this delay.
    Delay(Duration),
}

/// The error that a new role causes before it takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoleError {
    /// `AuthFailure`, HTTP 401: EC2 does not know the credentials yet.
    AuthFailure,
    /// `UnauthorizedOperation`, HTTP 403: EC2 does not know the policies of the role yet.
    UnauthorizedOperation,
}

/// How a response is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// The connection is reset.
    Reset,
    /// The caller receives a 500 instead.
    ServerError,
    /// The caller never receives a response.
    Silence,
}

impl Verdict {
    /// Any error response.
    #[must_use]
    pub fn fail(status: u16, code: &str, message: &str) -> Self {
        Self::Fail { status, code: code.to_owned(), message: message.to_owned() }
    }

    /// `RequestLimitExceeded`, 503.
    #[must_use]
    pub fn throttled() -> Self {
        ApiError::throttled("{account}", "{action}").into()
    }

    /// `InternalError`, 500.
    #[must_use]
    pub fn internal_error() -> Self {
        ApiError::internal_error().into()
    }

    /// `Unavailable`, 503: observed at CreateVpcEndpoint for a new endpoint service (aws-sdk-go-v2 #2870).
    #[must_use]
    pub fn unavailable() -> Self {
        Self::fail(503, "Unavailable", "The service is unavailable. Please try again shortly.")
    }

    /// `AuthFailure`, 401: EC2 does not accept the credentials.
    #[must_use]
    pub fn auth_failure() -> Self {
        ApiError::auth_failure().into()
    }

    /// `InvalidParameter`, for `ModifyVpcEndpoint` and the items of `DeleteVpcEndpoints`: the endpoint's creation with a
    /// client token is still in progress (terraform-provider-mongodbatlas #590, observed at AcceptVpcEndpointConnections).
    #[must_use]
    pub fn idempotent_operation() -> Self {
        let error = ApiError::idempotent_operation("{id}");
        Self::FailItems { code: error.code, message: error.message }
    }

    /// `UnauthorizedOperation`, 403, with the name of the action in IAM's format.
    #[must_use]
    pub fn unauthorized(action: &str) -> Self {
        ApiError::unauthorized("123456789012", action).into()
    }

    /// `OperationInProgress`, 400: another modification of the endpoint is in progress (terraform-provider-aws #42875).
    #[must_use]
    pub fn operation_in_progress() -> Self {
        Self::fail(400, "OperationInProgress", "VpcEndpoint modify operation in progress")
    }

    /// `ConcurrentTagAccess`, 400: another request is changing the tags of the resource (EC2 "Error codes").
    #[must_use]
    pub fn concurrent_tag_access() -> Self {
        Self::fail(
            400,
            "ConcurrentTagAccess",
            "You can't run simultaneous commands to modify a tag for a specific resource.",
        )
    }
}

impl From<ApiError> for Verdict {
    fn from(error: ApiError) -> Self {
        Self::Fail { status: error.status, code: error.code, message: error.message }
    }
}
