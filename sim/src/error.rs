//! Error responses: the code, the message, and the HTTP status.

use std::time::Duration;

use crate::random::Random;

/// An error response, with EC2's wording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
    /// The simulation does not recognize the request. This is a bug in the client or a gap in the simulation, never a
    /// regular response.
    pub(crate) unrecognized: bool,
    pub(crate) arrival: Arrival,
}

/// When the caller receives the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    Immediately,
    After(Duration),
    Never,
}

/// Why a policy does not allow a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denial {
    /// No identity-based policy allows it.
    NotAllowed,
    /// An identity-based policy denies it.
    Explicit,
    /// No service control policy allows it.
    NotAllowedByOrganization,
    /// A service control policy denies it.
    ExplicitByOrganization,
}

impl ApiError {
    pub(crate) fn with_status(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.to_owned(),
            message: message.into(),
            unrecognized: false,
            arrival: Arrival::Immediately,
        }
    }

    /// A client error. Nearly all of them have HTTP status 400.
    pub(crate) fn new(code: &str, message: impl Into<String>) -> Self {
        Self::with_status(400, code, message)
    }

    /// An error that a correct client never causes: it is recorded in `unrecognized_requests`.
    pub(crate) fn unrecognized(code: &str, message: impl Into<String>) -> Self {
        Self { unrecognized: true, ..Self::new(code, message) }
    }

    /// The generic code of the endpoint actions, for every rule without a specific code.
    pub(crate) fn invalid_parameter(message: impl Into<String>) -> Self {
        Self::new("InvalidParameter", message)
    }

    pub(crate) fn invalid_value(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterValue", message)
    }

    pub(crate) fn throttled(account: &str, action: &str) -> Self {
        let message = format!(
            "Request limit exceeded. Account {account} has been throttled on ec2:{action} because it exceeded its request \
             rate limit."
        );
        Self::with_status(503, "RequestLimitExceeded", message)
    }

    pub(crate) fn auth_failure() -> Self {
        Self::with_status(401, "AuthFailure", "AWS was not able to validate the provided access credentials")
    }

    pub(crate) fn internal_error() -> Self {
        Self::with_status(500, "InternalError", "An internal error has occurred")
    }

    /// Another operation with a client token is still in progress (terraform-provider-mongodbatlas #590).
    pub(crate) fn idempotent_operation(id: &str) -> Self {
        Self::invalid_parameter(format!(
            "Cannot modify VPC Endpoint {id} at this time because there is an idempotent operation going on"
        ))
    }

    pub(crate) fn unauthorized(account: &str, action: &str) -> Self {
        Self::denied(account, &format!("ec2:{action}"), "*", Denial::NotAllowed)
    }

    /// A request denied by policy. The message names the resource if there is one, and distinguishes an explicit deny from
    /// a missing allow. Except for Describe actions, it ends with an encoded message.
    pub(crate) fn denied(account: &str, action: &str, resource: &str, denial: Denial) -> Self {
        let on = if resource == "*" { String::new() } else { format!(" on resource: {resource}") };
        let why = match denial {
            Denial::NotAllowed => format!("because no identity-based policy allows the {action} action"),
            Denial::Explicit => "with an explicit deny in an identity-based policy".to_owned(),
            Denial::NotAllowedByOrganization => {
                format!("because no service control policy allows the {action} action")
            }
            Denial::ExplicitByOrganization => "with an explicit deny in a service control policy".to_owned(),
        };
        let encoded = if action.starts_with("ec2:Describe") {
            String::new()
        } else {
            let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
            let message = Random::named(&format!("{action} {resource}")).text(letters, 400);
            format!(". Encoded authorization failure message: {message}")
        };
        Self::with_status(
            403,
            "UnauthorizedOperation",
            format!(
                "You are not authorized to perform this operation. User: arn:aws:sts::{account}:assumed-role/caller/session \
                 is not authorized to perform: {action}{on} {why}{encoded}"
            ),
        )
    }

    // Only the items of DeleteVpcEndpoints spell this code without `Id` (terraform-provider-aws, EC2 "Error codes").
    pub(crate) fn endpoint_not_found(id: &str) -> Self {
        Self::new("InvalidVpcEndpointId.NotFound", format!("The Vpc Endpoint Id '{id}' does not exist"))
    }

    // The message is the same whether the service does not exist or does not allow the caller.
    pub(crate) fn service_not_found(name: &str) -> Self {
        Self::new("InvalidServiceName", format!("The Vpc Endpoint Service '{name}' does not exist"))
    }

    pub(crate) fn group_not_found(id: &str) -> Self {
        Self::new("InvalidGroup.NotFound", format!("The security group '{id}' does not exist"))
    }

    pub(crate) fn vpc_not_found(id: &str) -> Self {
        Self::new("InvalidVpcID.NotFound", format!("The VPC ID '{id}' does not exist"))
    }
}

/// Whether an ID has its prefix and 8 (old format) or 17 hex digits.
fn well_formed(prefix: &str, id: &str) -> bool {
    id.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('-')).is_some_and(|digits| {
        matches!(digits.len(), 8 | 17) && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    })
}

/// Rejects a malformed ID with `<family>.Malformed`, as EC2 does before it looks up the resource.
pub(crate) fn check_id(prefix: &str, family: &str, id: &str) -> Result<(), ApiError> {
    if well_formed(prefix, id) {
        return Ok(());
    }
    // The spelling of the code depends on the action, and so does the message.
    let message = if family == "InvalidSubnetId" {
        format!(
            "Invalid Subnet Id: '{id}' (expecting 'subnet-...; the Id may only contain lowercase alphanumeric characters and \
             a single dash')"
        )
    } else {
        format!("Invalid id: \"{id}\" (expecting \"{prefix}-...\")")
    };
    Err(ApiError::new(&format!("{family}.Malformed"), message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_their_prefix_and_hex_digits() {
        for good in ["vpce-0123456789abcdef0", "vpce-01234567"] {
            assert_eq!(check_id("vpce", "InvalidVpcEndpointId", good), Ok(()), "{good}");
        }
        for bad in ["", "vpce-", "vpc-0123456789abcdef0", "vpce-0123456789ABCDEF0", "vpce-0123456789abcdef", "vpce0123"]
        {
            let error = check_id("vpce", "InvalidVpcEndpointId", bad).unwrap_err();
            assert_eq!(error.code, "InvalidVpcEndpointId.Malformed", "{bad}");
        }
    }
}
