//! The ways in which an event can fail, and the sentences that people read in a red CloudFormation event.

use crate::decision::refusal::Refusal;
use crate::model::ec2_error::{Ec2Error, ErrorKind};
use crate::model::endpoint::EndpointState;
use crate::model::ids::EndpointId;
use crate::request::Invalid;
use crate::request::event::Unreadable;
use std::fmt;

/// What people can do about some errors of EC2.
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
    ("AuthFailure", "EC2 does not accept the provider's credentials: check that the region is enabled for the account"),
    ("OptInRequired", "The region or the service is not enabled for the account: enable it and deploy again"),
];

/// How far an event has come.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Progress {
    /// What is being done.
    pub step: String,
    /// The endpoint of interest, and its state at the last look.
    pub last_seen: Option<(EndpointId, EndpointState)>,
    /// The last error that was retried.
    pub last_error: Option<Ec2Error>,
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Step: {}.", if self.step.is_empty() { "starting" } else { &self.step })?;
        if let Some((id, state)) = &self.last_seen {
            write!(f, " Last known state of {id}: {state}.")?;
        }
        Ok(())
    }
}

/// Why an event failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// It is not a custom resource event.
    Unreadable(Unreadable),
    /// Its properties have faults.
    Invalid(Invalid),
    /// The provider rejects it.
    Refused(Refusal),
    /// EC2 rejects something.
    Ec2(Box<Ec2Error>, Progress),
    /// The deadline came first, after this many seconds.
    TimedOut(i64, Progress),
    /// The code panicked.
    Panicked(Progress),
}

impl Failure {
    /// The failure's name in the log and in the metrics.
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
            Self::Ec2(error, progress) if error.kind == ErrorKind::Denied => write!(
                f,
                "The provider's role is not allowed to perform {}. Allow it in the role's policy, and check for a permissions \
                 boundary or service control policy that denies it. {error} {progress}",
                error.denied_action()
            ),
            Self::Ec2(error, progress) => {
                write!(f, "EC2 rejected {error}")?;
                if let Some((_, cure)) = CURES.iter().find(|(code, _)| *code == error.code) {
                    write!(f, " {cure}.")?;
                }
                write!(f, " {progress}")
            }
            Self::TimedOut(seconds, progress) => {
                write!(f, "Timed out after {seconds} s (the limit is ServiceTimeout, at most 15 minutes). {progress}")?;
                if let Some(error) = &progress.last_error {
                    write!(f, " Last error from EC2: {error}")?;
                    if error.request_id.is_empty() && error.action.ends_with("VpcEndpoint") {
                        f.write_str(
                            " EC2 may not respond if the provider's role lacks route53:AssociateVPCWithHostedZone.",
                        )?;
                    }
                }
                f.write_str(" Deploy again.")
            }
            Self::Panicked(progress) => {
                write!(
                    f,
                    "The provider stopped because of an internal error (a bug). Report it with the lines of its log. {progress}"
                )
            }
        }
    }
}
