//! Identifiers: one type for each kind, so that a subnet id cannot be passed where an endpoint id is expected.

use sha2::{Digest, Sha256};
use std::fmt::Write as _;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The id as EC2 writes it.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl<T: Into<String>> From<T> for $name {
            fn from(id: T) -> Self {
                Self(id.into())
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id! {
    /// A VPC endpoint: `vpce-` and 17 hex digits (22 characters; TiDB Cloud's allow list requires all of them).
    EndpointId
}
id! {
    /// A VPC: `vpc-` and 8 or 17 hex digits.
    VpcId
}
id! {
    /// A subnet: `subnet-` and 8 or 17 hex digits.
    SubnetId
}
id! {
    /// A route table: `rtb-` and 8 or 17 hex digits.
    RouteTableId
}
id! {
    /// A security group: `sg-` and 8 or 17 hex digits.
    GroupId
}
id! {
    /// An Availability Zone *id* such as `use1-az1`: the same zone in every account, which zone names are not.
    ZoneId
}
id! {
    /// An endpoint service: `com.amazonaws.vpce.REGION.vpce-svc-…`.
    ServiceName
}
id! {
    /// A TiDB Cloud cluster: a decimal number of about 20 digits.
    ClusterId
}
id! {
    /// A secret in Secrets Manager, by name or ARN.
    SecretId
}

impl ServiceName {
    /// The region of the service, as its name has it.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        let (_, rest) = self.0.split_once(".vpce.")?;
        rest.split_once('.').map(|(region, _)| region)
    }
}

impl EndpointId {
    /// Parses a physical id; `None` if it does not have the form of an endpoint id. CloudFormation makes up physical ids
    /// of its own when a Delete overtakes its Create.
    #[must_use]
    pub fn from_physical_id(physical_id: &str) -> Option<Self> {
        has_shape(physical_id, "vpce-").then(|| Self::from(physical_id))
    }
}

/// Whether a string is `prefix` followed by 8 or 17 lowercase hex digits, which is the form of EC2's ids.
pub fn has_shape(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|digits| {
        matches!(digits.len(), 8 | 17) && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    })
}

/// SHA-256 over strings separated by zero bytes, as 64 hex digits.
pub fn hex_digest(parts: &[&str]) -> String {
    Sha256::digest(parts.join("\0").as_bytes()).iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Lists items in one string, as attributes and messages do.
pub fn join<T: std::fmt::Display>(ids: impl IntoIterator<Item = T>, separator: &str) -> String {
    ids.into_iter().map(|id| id.to_string()).collect::<Vec<_>>().join(separator)
}
