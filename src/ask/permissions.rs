//! The IAM actions that a step needs (service authorization reference, "Actions, resources, and condition keys for Amazon
//! EC2").

use crate::decision::action::{Action, TagAction};

/// The IAM actions that EC2 checks for an action.
pub fn permissions(action: &Action) -> Vec<&'static str> {
    // EC2 associates a hidden hosted zone with the VPC on behalf of the caller.
    const HOSTED_ZONE: &str = "route53:AssociateVPCWithHostedZone";
    let with = |actions: &[&'static str], private_dns: bool| {
        let mut actions = actions.to_vec();
        actions.extend(private_dns.then_some(HOSTED_ZONE));
        actions
    };
    match action {
        Action::CreateEndpoint(new) => with(&["ec2:CreateVpcEndpoint", "ec2:CreateTags"], new.private_dns),
        Action::ModifyEndpoint(_, change) => with(&["ec2:ModifyVpcEndpoint"], change.private_dns == Some(true)),
        Action::DeleteEndpoint(_) => vec!["ec2:DeleteVpcEndpoints"],
        Action::Tag(_, TagAction::Join(_) | TagAction::Announce(_)) => vec!["ec2:CreateTags"],
        Action::Tag(_, TagAction::Release(_) | TagAction::RemoveAnnouncements(_)) => vec!["ec2:DeleteTags"],
        Action::Tag(_, TagAction::UserTags(change)) => {
            let write = (!change.set.is_empty()).then_some("ec2:CreateTags");
            write.into_iter().chain((!change.unset.is_empty()).then_some("ec2:DeleteTags")).collect()
        }
        Action::Mark(_) | Action::CreateGroup(_) => vec!["ec2:CreateSecurityGroup", "ec2:CreateTags"],
        Action::RemoveMark(_) | Action::DeleteGroup(_) => vec!["ec2:DeleteSecurityGroup"],
        Action::Authorize(..) => vec!["ec2:AuthorizeSecurityGroupIngress"],
        Action::Revoke(..) => vec!["ec2:RevokeSecurityGroupIngress"],
    }
}
