//! Every way in which an event can fail, and the sentence that people read in a red CloudFormation event.

use crate::endpoint::EndpointState;
use crate::event::Unreadable;
use crate::ids::EndpointId;
use crate::refusal::Refusal;
use crate::request::Invalid;
use std::fmt;

/// What an error of EC2's means for the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// It may go away by itself, or the next look tells more: look again after a pause.
    Transient,
    /// The account calls too often.
    Throttled,
    /// The client token has made an endpoint with other parameters.
    TokenUsed,
    /// The private name is taken in the VPC.
    NameTaken,
    /// A group cannot be deleted, because something uses it.
    InUse,
    /// A group is not there, or not yet.
    GroupGone,
    /// A group that a rule lets in is not there, or not in reach.
    SourceUnknown,
    /// Another stack has made the group.
    GroupExists,
    /// Private DNS needs DNS attributes of the VPC that are off.
    VpcDnsOff,
    /// The role lacks a permission.
    Denied,
    /// EC2 will not do it.
    Final,
}

impl ErrorKind {
    /// Whether the call may have had its effect all the same. What EC2 refuses, it has not done.
    #[must_use]
    pub fn leaves_it_open(self) -> bool {
        self == Self::Transient
    }
}

/// An error that EC2 answered with, or that came instead of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ec2Error {
    /// The EC2 action that was tried.
    pub action: &'static str,
    /// On what.
    pub subject: String,
    /// What it means.
    pub kind: ErrorKind,
    /// EC2's error code, or a word for what came instead of an answer.
    pub code: String,
    /// EC2's message.
    pub message: String,
    /// EC2's id of the call, for a support case; empty where there was no answer.
    pub request_id: String,
}

impl Ec2Error {
    /// The IAM action that was missing: the one that EC2 names, which may be another than the one called (creating with
    /// tags needs `ec2:CreateTags`), else the one called.
    #[must_use]
    pub fn denied_action(&self) -> String {
        let named = self.message.split_once("perform: ").and_then(|(_, rest)| rest.split([' ', ',']).next());
        match named.map(|word| word.trim_end_matches('.')).filter(|word| word.contains(':')) {
            Some(action) => action.to_owned(),
            None => format!("ec2:{}", self.action),
        }
    }
}

/// What to do about errors of EC2's that people can mend.
const CURES: [(&str, &str); 12] = [
    (
        "VpcEndpointLimitExceeded",
        "Delete unused endpoints, or request a quota increase (Service Quotas > Amazon VPC > Interface VPC endpoints per VPC)",
    ),
    ("InsufficientFreeAddressesInSubnet", "Free up an IP address in the subnet, or specify another one in SubnetIds"),
    (
        "SecurityGroupsPerInterfaceLimitExceeded",
        "Specify fewer security groups in SecurityGroupIds (by default, EC2 allows 5 per network interface)",
    ),
    (
        "SecurityGroupLimitExceeded",
        "Delete unused security groups, request a quota increase, or specify your own security group in SecurityGroupIds",
    ),
    (
        "RulesPerSecurityGroupLimitExceeded",
        "Specify fewer sources in AllowedCidrs and AllowedSecurityGroupIds, or your own security group in SecurityGroupIds",
    ),
    (
        "TagLimitExceeded",
        "EC2 allows 50 tags on an endpoint: specify fewer in Tags, or let one stack own the resource and export its outputs",
    ),
    (
        "TagPolicyViolation",
        "Your organization's tag policy does not allow one of the tags: change Tags, or allow keys that begin with tidb-private-endpoint: in the policy",
    ),
    (
        "InvalidGroup.NotFound",
        "Specify security groups in the endpoint's VPC; those in AllowedSecurityGroupIds can also be in a peered VPC",
    ),
    ("InvalidServiceName", "Copy the service name again from TiDB Cloud (Connect > Private Endpoint)"),
    ("RequestExpired", "The provider's credentials have expired: deploy again"),
    ("AuthFailure", "EC2 does not accept the provider's credentials: check that the Region is enabled for the account"),
    ("OptInRequired", "The Region or the service is not enabled for the account: enable it and deploy again"),
];

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

/// How far an event had come.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Whereabouts {
    /// What was being done.
    pub doing: String,
    /// The endpoint that was looked at, and its state.
    pub last_seen: Option<(EndpointId, EndpointState)>,
    /// The last error that was waited out.
    pub trouble: Option<Ec2Error>,
}

impl fmt::Display for Whereabouts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Step: {}.", if self.doing.is_empty() { "starting" } else { &self.doing })?;
        if let Some((id, state)) = &self.last_seen {
            write!(f, " Last known state of {id}: {state}.")?;
        }
        Ok(())
    }
}

/// Why an event failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// It is not a custom-resource event.
    Unreadable(Unreadable),
    /// Its properties cannot be acted on.
    Invalid(Invalid),
    /// The product declines.
    Refused(Refusal),
    /// EC2 will not.
    Ec2(Box<Ec2Error>, Whereabouts),
    /// The deadline came first.
    TimedOut(i64, Whereabouts),
    /// The code panicked.
    Panicked(Whereabouts),
}

impl Failure {
    /// Its name in the log and in the metrics.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "unreadable",
            Self::Invalid(_) => "invalid",
            Self::Refused(_) => "refused",
            Self::Ec2(error, _) if error.kind == ErrorKind::Denied => "denied",
            Self::Ec2(..) => "ec2",
            Self::TimedOut(..) => "timed out",
            Self::Panicked(_) => "panicked",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(unreadable) => write!(f, "The request was rejected: {unreadable}."),
            Self::Invalid(invalid) => write!(f, "{invalid}"),
            Self::Refused(refusal) => write!(f, "{refusal}"),
            Self::Ec2(error, whereabouts) if error.kind == ErrorKind::Denied => write!(
                f,
                "The provider's role is not allowed to perform {}. Allow it in the role's policy, and check for a permissions \
                 boundary or service control policy that denies it. {error} {whereabouts}",
                error.denied_action()
            ),
            Self::Ec2(error, whereabouts) => {
                write!(f, "EC2 rejected {error}")?;
                if let Some((_, cure)) = CURES.iter().find(|(code, _)| *code == error.code) {
                    write!(f, " {cure}.")?;
                }
                write!(f, " {whereabouts}")
            }
            Self::TimedOut(seconds, whereabouts) => {
                write!(
                    f,
                    "Timed out after {seconds} s (the limit is ServiceTimeout, at most 15 minutes). {whereabouts}"
                )?;
                if let Some(trouble) = &whereabouts.trouble {
                    write!(f, " Last error from EC2: {trouble}")?;
                    if trouble.request_id.is_empty() && trouble.action.ends_with("VpcEndpoint") {
                        f.write_str(
                            " EC2 may not respond if the provider's role lacks route53:AssociateVPCWithHostedZone.",
                        )?;
                    }
                }
                f.write_str(" Deploy again.")
            }
            Self::Panicked(whereabouts) => {
                write!(
                    f,
                    "The provider stopped because of an internal error (a bug). Report it with the lines of its log. {whereabouts}"
                )
            }
        }
    }
}
