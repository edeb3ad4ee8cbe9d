//! Error responses: the code, the message, and the HTTP status.

/// An error response, with EC2's wording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
    /// The simulation does not recognize the request. This is a bug in the client or a gap in the simulation, never a
    /// regular response.
    pub(crate) unrecognized: bool,
    /// The caller never receives a response.
    pub(crate) silent: bool,
}

impl ApiError {
    pub(crate) fn with_status(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), message: message.into(), unrecognized: false, silent: false }
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

    pub(crate) fn throttled() -> Self {
        Self::with_status(503, "RequestLimitExceeded", "Request limit exceeded.")
    }

    pub(crate) fn unauthorized(account: &str, action: &str) -> Self {
        Self::denied(account, &format!("ec2:{action}"), "*", false)
    }

    /// A request denied by policy. The message names the resource if there is one, and distinguishes an explicit deny from
    /// a missing allow.
    pub(crate) fn denied(account: &str, action: &str, resource: &str, explicit: bool) -> Self {
        let on = if resource == "*" { String::new() } else { format!(" on resource: {resource}") };
        let why = if explicit {
            "with an explicit deny in an identity-based policy".to_owned()
        } else {
            format!("because no identity-based policy allows the {action} action")
        };
        Self::with_status(
            403,
            "UnauthorizedOperation",
            format!(
                "You are not authorized to perform this operation. User: arn:aws:sts::{account}:assumed-role/caller/session \
                 is not authorized to perform: {action}{on} {why}"
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
    Err(ApiError::new(&format!("{family}.Malformed"), format!("Invalid id: \"{id}\" (expecting \"{prefix}-...\")")))
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
