//! Security groups.

use super::errors::{Call, GROUP, is_not_found, no_special_kind};
use super::{Ec2, Result, filter, from_sdk_tags, tags_at_creation};
use crate::model::change::NewGroup;
use crate::model::ec2_error::{Ec2Error, ErrorKind};
use crate::model::ids::{GroupId, VpcId, join};
use crate::model::security_group::{IngressRule, RULE_DESCRIPTION, Rule, SecurityGroup, Source};
use crate::model::tags::{OWNED, owner};
use aws_sdk_ec2::types::{
    Filter, IpPermission, IpRange, Ipv6Range, PrefixListId, ResourceType, SecurityGroup as SdkGroup, UserIdGroupPair,
};
use ipnet::IpNet;
use std::fmt::Display;

impl Ec2 {
    /// Reads those of the security groups that exist. Asked by filter, because one unknown id fails a request by id.
    pub async fn groups(&self, ids: &[GroupId]) -> Result<Vec<SecurityGroup>> {
        self.describe_groups(vec![filter("group-id", ids.iter().map(GroupId::as_str))], &join(ids, ", ")).await
    }

    /// Finds the security group of a name in a VPC; EC2 keeps names unique there.
    pub async fn group_by_name(&self, vpc: &VpcId, name: &str) -> Result<Option<SecurityGroup>> {
        let filters = vec![filter("vpc-id", [vpc.as_str()]), filter("group-name", [name])];
        let found = self.describe_groups(filters, &name).await?;
        Ok(found.into_iter().find(|group| group.vpc_id == *vpc && group.name == name))
    }

    /// Finds the VPCs in which the provider has created a security group of a name.
    pub async fn vpcs_with_group(&self, name: &str) -> Result<Vec<VpcId>> {
        let found = self.describe_groups(vec![filter("group-name", [name]), filter("tag-key", [OWNED])], &name).await?;
        Ok(found.into_iter().filter(|it| it.is_owned() && it.name == name).map(|group| group.vpc_id).collect())
    }

    /// Finds the security groups that the provider created for a resource, in all VPCs.
    pub async fn groups_owned_by(&self, hash: &str) -> Result<Vec<SecurityGroup>> {
        let found = self.describe_groups(vec![filter(&format!("tag:{OWNED}"), [hash])], &hash).await?;
        Ok(found.into_iter().filter(|group| owner(&group.tags) == Some(hash)).collect())
    }

    /// Finds all security groups that the provider created, in one VPC or in the region.
    pub async fn owned_groups(&self, vpc: Option<&VpcId>) -> Result<Vec<SecurityGroup>> {
        let vpc_filter = vpc.map(|vpc| filter("vpc-id", [vpc.as_str()]));
        let filters = [filter("tag-key", [OWNED])].into_iter().chain(vpc_filter).collect();
        let found = self.describe_groups(filters, &OWNED).await?;
        Ok(found.into_iter().filter(|group| group.is_owned() && vpc.is_none_or(|vpc| group.vpc_id == *vpc)).collect())
    }

    async fn describe_groups(
        &self,
        filters: Vec<Filter>,
        subject: &(dyn Display + Sync),
    ) -> Result<Vec<SecurityGroup>> {
        let call = Call { action: "DescribeSecurityGroups", subject, kind: no_special_kind };
        let request = self.client.describe_security_groups().set_filters(Some(filters));
        let found = request.into_paginator().items().send().collect::<std::result::Result<Vec<_>, _>>().await;
        let found = found.map_err(|error| call.failed(&error))?;
        Ok(found.iter().filter_map(group).collect())
    }

    pub async fn create_group(&self, new: &NewGroup) -> Result<GroupId> {
        let subject = format!("{} in {}", new.name, new.vpc_id);
        let call = Call { action: "CreateSecurityGroup", subject: &subject, kind: group_kind };
        let answer = self
            .client
            .create_security_group()
            .vpc_id(new.vpc_id.as_str())
            .group_name(&new.name)
            .description("Clients of the TiDB Cloud endpoint, managed by tidb-private-endpoint")
            .tag_specifications(tags_at_creation(ResourceType::SecurityGroup, &new.tags))
            .send()
            .await;
        let answer = answer.map_err(|error| call.failed(&error))?;
        answer.group_id().map(Into::into).ok_or_else(|| call.no_answer("the response has no security group"))
    }

    /// Adds inbound rules. An error is of the kind [`ErrorKind::SourceUnknown`] if it seems to be about a source.
    pub async fn authorize(&self, id: &GroupId, rules: &[IngressRule]) -> Result<()> {
        let call = Call { action: "AuthorizeSecurityGroupIngress", subject: id, kind: group_kind };
        let permissions = rules.iter().map(permission).collect();
        let request = self.client.authorize_security_group_ingress().group_id(id.as_str());
        let answer = request.set_ip_permissions(Some(permissions)).send().await;
        answer.map(drop).map_err(|error| {
            let error = call.failed(&error);
            // EC2 does not always say which security group it means.
            let has_group_sources = rules.iter().any(|rule| matches!(rule.source, Source::Group(_)));
            let about_source = has_group_sources && !error.message.contains(id.as_str());
            let kind =
                if error.kind == ErrorKind::GroupGone && about_source { ErrorKind::SourceUnknown } else { error.kind };
            Ec2Error { kind, ..error }
        })
    }

    /// Removes inbound rules.
    pub async fn revoke(&self, id: &GroupId, rules: &[IngressRule]) -> Result<()> {
        let call = Call { action: "RevokeSecurityGroupIngress", subject: id, kind: group_kind };
        let permissions = rules.iter().map(permission).collect();
        let request = self.client.revoke_security_group_ingress().group_id(id.as_str());
        let answer = request.set_ip_permissions(Some(permissions)).send().await;
        answer.map(drop).map_err(|error| call.failed(&error))
    }

    /// Deletes a security group. The kind is [`ErrorKind::GroupInUse`] while anything uses it, and [`ErrorKind::GroupGone`] if
    /// it does not exist, or EC2 does not know it yet.
    pub async fn delete_group(&self, id: &GroupId) -> Result<()> {
        let call = Call { action: "DeleteSecurityGroup", subject: id, kind: group_kind };
        let answer = self.client.delete_security_group().group_id(id.as_str()).send().await;
        answer.map(drop).map_err(|error| call.failed(&error))
    }
}

/// Errors of changes of security groups.
fn group_kind(code: &str, _: &str) -> Option<ErrorKind> {
    Some(match code {
        "DependencyViolation" => ErrorKind::GroupInUse,
        "InvalidGroup.Duplicate" => ErrorKind::GroupExists,
        // Another stack has written the rule, or removed it.
        "InvalidPermission.Duplicate" | "InvalidPermission.NotFound"
        // The next look tells.
        | "OperationInProgress" | "ConcurrentTagAccess" | "IncorrectState" | "InvalidID" => ErrorKind::Transient,
        _ if is_not_found(code, GROUP) => ErrorKind::GroupGone,
        _ => return None,
    })
}

fn group(from: &SdkGroup) -> Option<SecurityGroup> {
    Some(SecurityGroup {
        id: from.group_id()?.into(),
        vpc_id: from.vpc_id()?.into(),
        name: from.group_name().unwrap_or_default().to_owned(),
        tags: from_sdk_tags(from.tags()),
        rules: from.ip_permissions().iter().flat_map(rules).collect(),
    })
}

/// EC2 puts all sources of a protocol and port range into one permission.
fn rules(permission: &IpPermission) -> Vec<Rule> {
    let ports = permission.from_port().zip(permission.to_port()).filter(|(first, _)| *first >= 0);
    let rule = |(source, description): (Source, Option<&str>)| Rule {
        protocol: permission.ip_protocol().unwrap_or_default().to_owned(),
        ports,
        source,
        is_ours: description == Some(RULE_DESCRIPTION),
    };
    let block = |cidr: &str| cidr.parse().ok().map(Source::Block);
    let v4 = permission.ip_ranges().iter();
    let v4 = v4.filter_map(|range| Some((block(range.cidr_ip()?)?, range.description())));
    let v6 = permission.ipv6_ranges().iter();
    let v6 = v6.filter_map(|range| Some((block(range.cidr_ipv6()?)?, range.description())));
    let lists = permission.prefix_list_ids().iter();
    let lists =
        lists.filter_map(|list| Some((Source::PrefixList(list.prefix_list_id()?.to_owned()), list.description())));
    let groups = permission.user_id_group_pairs().iter();
    let groups = groups.filter_map(|pair| Some((Source::Group(pair.group_id()?.into()), pair.description())));
    v4.chain(v6).chain(lists).chain(groups).map(rule).collect()
}

fn permission(rule: &IngressRule) -> IpPermission {
    let port = i32::from(rule.port);
    let permission = IpPermission::builder().ip_protocol("tcp").from_port(port).to_port(port);
    match &rule.source {
        Source::Block(block @ IpNet::V4(_)) => {
            permission.ip_ranges(IpRange::builder().cidr_ip(block.to_string()).description(RULE_DESCRIPTION).build())
        }
        Source::Block(block @ IpNet::V6(_)) => permission
            .ipv6_ranges(Ipv6Range::builder().cidr_ipv6(block.to_string()).description(RULE_DESCRIPTION).build()),
        Source::PrefixList(id) => {
            permission.prefix_list_ids(PrefixListId::builder().prefix_list_id(id).description(RULE_DESCRIPTION).build())
        }
        Source::Group(id) => permission.user_id_group_pairs(
            UserIdGroupPair::builder().group_id(id.as_str()).description(RULE_DESCRIPTION).build(),
        ),
    }
    .build()
}
