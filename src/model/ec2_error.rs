//! Errors of EC2, by what they mean for the event.

use std::fmt;

/// The code of a request that never left, because the function itself cannot make it.
pub const NOT_SENT: &str = "NotSent";
/// What is said in place of EC2's message when no answer comes.
pub const TOO_SLOW: &str = "EC2 did not respond in time";

/// What an error means. The door to EC2 assigns it per operation, because the same code can mean different things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// It may pass, or the next look tells more.
    Transient,
    /// The account calls too often.
    Throttled,
    /// The role lacks a permission.
    Denied,
    /// EC2 does not accept the credentials.
    NotAuthenticated,
    /// The client token has created an endpoint with other parameters.
    TokenUsed,
    /// Another endpoint or hosted zone of the VPC has the private DNS name.
    NameTaken,
    /// Private DNS needs DNS attributes of the VPC that are off.
    VpcDnsOff,
    /// Another stack has created the security group.
    GroupExists,
    /// The security group to attach, change or delete does not exist, or does not exist yet.
    GroupGone,
    /// The VPC or a subnet does not exist, or does not exist yet.
    NetworkGone,
    /// A security group named as the source of a rule does not exist or cannot be referenced.
    SourceUnknown,
    /// The endpoint has as many security groups as EC2 allows.
    TooManyGroups,
    /// The security group cannot be deleted because something uses it.
    GroupInUse,
    /// EC2 will not do it.
    Final,
}

impl ErrorKind {
    /// Whether the call may have taken effect all the same. What EC2 rejects, it has not done.
    pub fn leaves_it_open(self) -> bool {
        self == Self::Transient
    }
}

/// An error that EC2 returned, or that came instead of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ec2Error {
    /// The API action, such as `CreateVpcEndpoint`.
    pub action: &'static str,
    /// What the action was for.
    pub subject: String,
    pub kind: ErrorKind,
    /// EC2's error code, or `NoResponse` or [`NOT_SENT`].
    pub code: String,
    pub message: String,
    /// EC2's request id, for a support case; empty if there was no answer.
    pub request_id: String,
}

impl Ec2Error {
    /// EC2 has not answered, or not in a way that can be read. Whether the call took effect is unknown; the next look
    /// tells.
    pub fn no_answer(action: &'static str, subject: String, why: &str) -> Self {
        let (kind, code) = (ErrorKind::Transient, "NoResponse".to_owned());
        Self { action, subject, kind, code, message: why.to_owned(), request_id: String::new() }
    }

    /// The IAM action that was missing: the one that EC2 names, which may be another than the one called (creating with
    /// tags needs `ec2:CreateTags`), else the one called.
    pub fn denied_action(&self) -> String {
        let named = self.message.split_once("perform: ").and_then(|(_, rest)| rest.split([' ', ',']).next());
        match named.map(|word| word.trim_end_matches('.')).filter(|word| word.contains(':')) {
            Some(action) => action.to_owned(),
            None => format!("ec2:{}", self.action),
        }
    }
}

impl fmt::Display for Ec2Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // An authorization failure may carry kilobytes of encoded policy.
        let message = self.message.split(" Encoded authorization failure message").next().unwrap_or_default();
        let message: String = message.chars().take(600).collect();
        write!(f, "{} for {}: {}: {}", self.action, self.subject, self.code, message.trim_end_matches('.'))?;
        if !self.request_id.is_empty() {
            write!(f, " (EC2 request ID {})", self.request_id)?;
        }
        f.write_str(".")
    }
}
