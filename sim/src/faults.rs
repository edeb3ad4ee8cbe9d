//! What a test can see of the calls, and do to them.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use crate::error::ApiError;

/// A call as it arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Call {
    /// Counts from 0, in order of arrival.
    pub number: usize,
    /// When it arrived, since the start of the simulation.
    pub at: Duration,
    /// Whose: the id of the access key that it is signed with; empty if it is not signed.
    pub caller: String,
    /// `CreateVpcEndpoint` and so on; empty if the request named none.
    pub action: String,
    /// All parameters but `Action` and `Version`, as they were sent: `SubnetId.1` and so on.
    pub params: BTreeMap<String, String>,
    /// What EC2 did about it, even where the answer was lost; `None` while the call runs, and for good if it hangs.
    pub outcome: Option<Outcome>,
}

/// How a call ended, as EC2 saw it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Outcome {
    /// Done.
    Ok,
    /// Refused, without effect.
    Error {
        /// The HTTP status; 0 where the connection was reset before any effect.
        status: u16,
        /// EC2's error code; `ConnectionReset` for status 0.
        code: String,
        /// EC2's message.
        message: String,
    },
}

impl Outcome {
    /// EC2's error code, if the call was refused.
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

/// What becomes of a call.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// EC2 does what it was asked to.
    Proceed,
    /// EC2 refuses, before any effect.
    Fail {
        /// The HTTP status.
        status: u16,
        /// EC2's error code.
        code: String,
        /// EC2's message.
        message: String,
    },
    /// EC2 does what it was asked to, and the caller does not get to know.
    LoseAnswer(Loss),
    /// The connection is reset, before any effect.
    Reset,
    /// Nothing ever comes back, and nothing ever happens.
    Hang,
    /// This read sees the world as it was that long ago, at least. Other calls proceed.
    Stale(Duration),
    /// EC2 takes that long before it does what it was asked to.
    Delay(Duration),
}

/// How an answer is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// The connection is reset.
    Reset,
    /// A 500 comes instead.
    ServerError,
    /// Nothing ever comes.
    Silence,
}

impl Verdict {
    /// A refusal in any words.
    #[must_use]
    pub fn fail(status: u16, code: &str, message: &str) -> Self {
        Self::Fail { status, code: code.to_owned(), message: message.to_owned() }
    }

    /// `RequestLimitExceeded`, 503.
    #[must_use]
    pub fn throttled() -> Self {
        ApiError::throttled().into()
    }

    /// `InternalError`, 500.
    #[must_use]
    pub fn internal_error() -> Self {
        Self::fail(500, "InternalError", "An internal error has occurred")
    }

    /// `Unavailable`, 503: seen on Create against a service that was just made (aws-sdk-go-v2 #2870).
    #[must_use]
    pub fn unavailable() -> Self {
        Self::fail(503, "Unavailable", "The service is unavailable")
    }

    /// `UnauthorizedOperation`, 403, naming the action as IAM does.
    #[must_use]
    pub fn unauthorized(action: &str) -> Self {
        ApiError::unauthorized("123456789012", action).into()
    }

    /// `OperationInProgress`, as among stacks that share an endpoint (terraform-provider-aws #42875).
    #[must_use]
    pub fn operation_in_progress() -> Self {
        Self::fail(400, "OperationInProgress", "VpcEndpoint modify operation in progress")
    }

    /// `ConcurrentTagAccess`, as among writers of tags on one resource (EC2 "Error codes").
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
