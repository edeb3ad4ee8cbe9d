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
        "Delete endpoints that nobody uses, or ask for a higher quota (Service Quotas, Amazon VPC, Interface VPC endpoints per VPC)",
    ),
    ("InsufficientFreeAddressesInSubnet", "Free an address in the subnet, or give another one in SubnetIds"),
    (
        "SecurityGroupsPerInterfaceLimitExceeded",
        "Give fewer groups in SecurityGroupIds (EC2 allows 5 for one network interface by default)",
    ),
    (
        "SecurityGroupLimitExceeded",
        "Delete groups that nobody uses, ask for a higher quota, or give a group of your own in SecurityGroupIds",
    ),
    (
        "RulesPerSecurityGroupLimitExceeded",
        "Name fewer sources in AllowedCidrs and AllowedSecurityGroupIds, or give a group of your own in SecurityGroupIds",
    ),
    (
        "TagLimitExceeded",
        "EC2 allows 50 tags on an endpoint: ask for fewer in Tags, or let one stack own the resource and export its outputs",
    ),
    (
        "TagPolicyViolation",
        "Your organisation's tag policy forbids one of the tags: change Tags, or the policy for keys that begin with tidb-private-endpoint:",
    ),
    (
        "InvalidGroup.NotFound",
        "Give groups that exist in the endpoint's VPC; those in AllowedSecurityGroupIds may be in one that is peered with it",
    ),
    ("InvalidServiceName", "Copy the service name again from TiDB Cloud (Connect > Private Endpoint)"),
    ("RequestExpired", "The function's credentials have expired: deploy again"),
    ("AuthFailure", "EC2 does not accept the function's credentials: check that the region is enabled for the account"),
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
        write!(f, "The step was: {}.", if self.step.is_empty() { "starting" } else { &self.step })?;
        if let Some((id, state)) = &self.last_seen {
            write!(f, " Last seen: {id} is {state}.")?;
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
            Self::Unreadable(unreadable) => write!(f, "Nothing was done: {unreadable}."),
            Self::Invalid(invalid) => write!(f, "{invalid}"),
            Self::Refused(refusal) => write!(f, "{refusal}"),
            Self::Ec2(error, progress) if error.kind == ErrorKind::Denied => write!(
                f,
                "The function's role may not do {}. Allow it in the role's policy (and look for a service control policy \
                 that denies it). {error} {progress}",
                error.denied_action()
            ),
            Self::Ec2(error, progress) => {
                write!(f, "EC2 refused {error}")?;
                if let Some((_, cure)) = CURES.iter().find(|(code, _)| *code == error.code) {
                    write!(f, " {cure}.")?;
                }
                write!(f, " {progress}")
            }
            Self::TimedOut(seconds, progress) => {
                write!(f, "Not done after {seconds} s, which is all the time there is. {progress}")?;
                if let Some(error) = &progress.last_error {
                    write!(f, " EC2's last trouble was {error}")?;
                    if error.request_id.is_empty() && error.action.ends_with("VpcEndpoint") {
                        f.write_str(
                            " EC2 can fail to answer when the function's role lacks route53:AssociateVPCWithHostedZone.",
                        )?;
                    }
                }
                f.write_str(" Deploying again goes on from here.")
            }
            Self::Panicked(progress) => {
                write!(f, "The function has a bug and stopped; its log has the details. {progress}")
            }
        }
    }
}
