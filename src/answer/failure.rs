//! The ways in which an event can fail, and the sentences that people read in a red CloudFormation event.

use super::check::CheckFailure;
use crate::decision::refusal::Refusal;
use crate::model::ec2_error::{Ec2Error, ErrorKind, NOT_SENT, TOO_SLOW};
use crate::model::endpoint::EndpointState;
use crate::model::ids::EndpointId;
use crate::request::Invalid;
use crate::request::event::Unreadable;
use std::fmt;

/// What people can do about some errors of EC2.
const CURES: [(&str, &str); 13] = [
    (NOT_SENT, "Check that the function has its execution role, and report the lines of its log if it has"),
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

/// How far an event has come.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Progress {
    /// What is being done.
    pub step: String,
    /// The endpoint of interest, and its state at the last look.
    pub last_seen: Option<(EndpointId, EndpointState)>,
    /// The last error that was retried and has not passed.
    pub last_error: Option<Ec2Error>,
    /// What explains best why the event does not go on.
    pub obstacle: Option<Refusal>,
}

/// What a request that timed out was for, as far as it tells how to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A Create or an Update, which CloudFormation rolls back.
    Provision,
    /// A Delete.
    Remove,
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
    TimedOut(i64, Purpose, Progress),
    /// The code panicked.
    Panicked(Progress),
    /// A connection check does not show that the database is reachable.
    Check(CheckFailure),
}

impl Failure {
    /// The failure's name in the log and in the metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "unreadable",
            Self::Invalid(_) => "invalid",
            Self::Refused(Refusal::Cluster(error) | Refusal::ClusterOfUpdate { error, .. }) if error.is_denial() => {
                "denied"
            }
            Self::Refused(_) => "refused",
            Self::Ec2(error, _) if error.kind == ErrorKind::Denied => "denied",
            Self::Ec2(..) => "ec2",
            Self::TimedOut(..) => "timed out",
            Self::Panicked(_) => "panicked",
            Self::Check(failure) => failure.name(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(unreadable) => write!(f, "The request was rejected: {unreadable}."),
            Self::Invalid(invalid) => write!(f, "{invalid}"),
            Self::Refused(refusal) => write!(f, "{refusal}"),
            Self::Check(failure) => write!(f, "{failure}"),
            Self::Ec2(error, progress) if error.kind == ErrorKind::Denied => {
                write_denial(f, error)?;
                write!(f, " {progress}")
            }
            Self::Ec2(error, progress) => {
                let what_failed = if error.code == NOT_SENT { "The provider could not send" } else { "EC2 rejected" };
                write!(f, "{what_failed} {error}")?;
                write_cure(f, error)?;
                write!(f, " {progress}")
            }
            Self::TimedOut(seconds, purpose, progress) => {
                write!(
                    f,
                    "Timed out after {seconds} s (the limit is ServiceTimeout, at most 15 minutes). {progress} "
                )?;
                write_obstacle(f, *purpose, progress)
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

fn write_denial(f: &mut fmt::Formatter<'_>, error: &Ec2Error) -> fmt::Result {
    write!(
        f,
        "The provider's role is not allowed to perform {}. Allow it in the role's policy, and check for a permissions \
         boundary or service control policy that denies it. {error}",
        error.denied_action()
    )
}

fn write_cure(f: &mut fmt::Formatter<'_>, error: &Ec2Error) -> fmt::Result {
    let cure = CURES.iter().find(|(code, _)| *code == error.code);
    cure.map_or(Ok(()), |(_, cure)| write!(f, " {cure}."))
}

/// What kept the event from going on, and what to do. Deploying again is said only where it helps.
fn write_obstacle(f: &mut fmt::Formatter<'_>, purpose: Purpose, progress: &Progress) -> fmt::Result {
    if let Some(refusal) = &progress.obstacle {
        return write!(f, "{refusal}");
    }
    if let Some(error) = &progress.last_error {
        if error.kind == ErrorKind::Denied {
            return write_denial(f, error);
        }
        write!(f, "Last error from EC2: {error}")?;
        if error.message == TOO_SLOW && error.action.ends_with("VpcEndpoint") {
            return f
                .write_str(" EC2 may not respond if the provider's role lacks route53:AssociateVPCWithHostedZone.");
        }
        write_cure(f, error)?;
        f.write_str(" ")?;
    }
    f.write_str(match purpose {
        Purpose::Provision => "Deploy again, with a longer ServiceTimeout if it is less than 900.",
        Purpose::Remove => "Delete it again: the provider continues from here.",
    })
}
