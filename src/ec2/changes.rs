//! What is changed in EC2.

use super::errors::{ec2_error, is_not_found, kind_of, no_answer};
use super::shapes::{endpoint, permission, sdk_tags, texts};
use super::{Ec2, Result};
use crate::difference::{Change, TagChange};
use crate::endpoint::Endpoint;
use crate::failure::{Ec2Error, ErrorKind};
use crate::group::{Opening, Source};
use crate::ids::{EndpointId, GroupId};
use crate::step::{NewEndpoint, NewGroup};
use aws_sdk_ec2::error::ProvideErrorMetadata as _;
use aws_sdk_ec2::operation::RequestId as _;
use aws_sdk_ec2::types::{IpAddressType, ResourceType, Tag, TagSpecification, VpcEndpointType};

impl Ec2 {
    /// Makes a group.
    ///
    /// # Errors
    /// [`Ec2Error`].
    pub async fn create_group(&self, new: &NewGroup) -> Result<GroupId> {
        const ACTION: &str = "CreateSecurityGroup";
        let tags =
            TagSpecification::builder().resource_type(ResourceType::SecurityGroup).set_tags(Some(sdk_tags(&new.tags)));
        let answer = self
            .client
            .create_security_group()
            .vpc_id(new.vpc_id.as_str())
            .group_name(&new.name)
            .description("Clients of the TiDB Cloud endpoint, managed by tidb-private-endpoint")
            .tag_specifications(tags.build())
            .send()
            .await;
        let subject = || format!("{} in {}", new.name, new.vpc_id);
        let answer = answer.map_err(|error| ec2_error(ACTION, subject(), &error))?;
        answer.group_id().map(Into::into).ok_or_else(|| no_answer(ACTION, subject(), "the response has no group"))
    }

    /// Writes rules.
    ///
    /// # Errors
    /// [`Ec2Error`]; of the kind [`ErrorKind::SourceUnknown`] if it seems to be about a group that is to be let in.
    pub async fn open(&self, id: &GroupId, openings: &[Opening]) -> Result<()> {
        let rules = openings.iter().map(permission).collect();
        let call = self.client.authorize_security_group_ingress().group_id(id.as_str()).set_ip_permissions(Some(rules));
        let answer = call.send().await;
        answer.map(drop).map_err(|error| {
            let error = ec2_error("AuthorizeSecurityGroupIngress", id.to_string(), &error);
            // EC2 does not always say which group it means.
            let names_sources = openings.iter().any(|opening| matches!(opening.source, Source::Group(_)));
            let ours = !names_sources || error.message.contains(id.as_str());
            let is_source = error.kind == ErrorKind::GroupGone && !ours;
            let kind = if is_source { ErrorKind::SourceUnknown } else { error.kind };
            Ec2Error { kind, ..error }
        })
    }

    /// Removes rules.
    ///
    /// # Errors
    /// [`Ec2Error`].
    pub async fn close(&self, id: &GroupId, openings: &[Opening]) -> Result<()> {
        let rules = openings.iter().map(permission).collect();
        let call = self.client.revoke_security_group_ingress().group_id(id.as_str()).set_ip_permissions(Some(rules));
        let answer = call.send().await;
        answer.map(drop).map_err(|error| ec2_error("RevokeSecurityGroupIngress", id.to_string(), &error))
    }

    /// Deletes a group. One that is gone already is no error.
    ///
    /// # Errors
    /// [`Ec2Error`], of the kind [`ErrorKind::InUse`] while anything uses it.
    pub async fn delete_group(&self, id: &GroupId) -> Result<()> {
        let answer = self.client.delete_security_group().group_id(id.as_str()).send().await;
        match answer.map_err(|error| ec2_error("DeleteSecurityGroup", id.to_string(), &error)) {
            Err(error) if error.kind == ErrorKind::GroupGone => Ok(()),
            other => other.map(drop),
        }
    }

    /// Makes an endpoint. Type, private DNS and client token are always said: EC2's defaults are a gateway endpoint,
    /// private DNS "if possible", and no protection against a repeated request.
    ///
    /// # Errors
    /// [`Ec2Error`].
    pub async fn create(&self, new: &NewEndpoint) -> Result<Endpoint> {
        const ACTION: &str = "CreateVpcEndpoint";
        let tags =
            TagSpecification::builder().resource_type(ResourceType::VpcEndpoint).set_tags(Some(sdk_tags(&new.tags)));
        let answer = self
            .client
            .create_vpc_endpoint()
            .vpc_endpoint_type(VpcEndpointType::Interface)
            .vpc_id(new.vpc_id.as_str())
            .service_name(new.service_name.as_str())
            .set_subnet_ids(Some(texts(&new.subnet_ids)))
            .set_security_group_ids(Some(texts(&new.group_ids)))
            .private_dns_enabled(new.private_dns)
            .set_ip_address_type(new.ip_address_type.map(|kind| IpAddressType::from(kind.as_str())))
            .tag_specifications(tags.build())
            .client_token(&new.client_token)
            .send()
            .await;
        let subject = || format!("{} in {}", new.service_name, new.vpc_id);
        let answer = answer.map_err(|error| ec2_error(ACTION, subject(), &error))?;
        answer
            .vpc_endpoint()
            .and_then(endpoint)
            .ok_or_else(|| no_answer(ACTION, subject(), "the response has no endpoint"))
    }

    /// Changes an endpoint.
    ///
    /// # Errors
    /// [`Ec2Error`].
    pub async fn modify(&self, id: &EndpointId, change: &Change) -> Result<()> {
        let some = |texts: Vec<String>| (!texts.is_empty()).then_some(texts);
        let answer = self
            .client
            .modify_vpc_endpoint()
            .vpc_endpoint_id(id.as_str())
            .set_add_subnet_ids(some(texts(&change.add_subnets)))
            .set_remove_subnet_ids(some(texts(&change.remove_subnets)))
            .set_add_security_group_ids(some(texts(&change.add_groups)))
            .set_remove_security_group_ids(some(texts(&change.remove_groups)))
            .set_private_dns_enabled(change.private_dns)
            .set_ip_address_type(change.ip_address_type.map(|kind| IpAddressType::from(kind.as_str())))
            .send()
            .await;
        answer.map(drop).map_err(|error| ec2_error("ModifyVpcEndpoint", id.to_string(), &error))
    }

    /// Writes and removes tags.
    ///
    /// # Errors
    /// [`Ec2Error`].
    pub async fn tag(&self, id: &EndpointId, change: &TagChange) -> Result<()> {
        if !change.set.is_empty() {
            let answer =
                self.client.create_tags().resources(id.as_str()).set_tags(Some(sdk_tags(&change.set))).send().await;
            answer.map_err(|error| ec2_error("CreateTags", id.to_string(), &error))?;
        }
        // EC2 takes an empty list for "all tags".
        if !change.unset.is_empty() {
            let keys = change.unset.iter().map(|key| Tag::builder().key(key).build()).collect();
            let answer = self.client.delete_tags().resources(id.as_str()).set_tags(Some(keys)).send().await;
            answer.map_err(|error| ec2_error("DeleteTags", id.to_string(), &error))?;
        }
        Ok(())
    }

    /// Starts the deletion of an endpoint. One that is gone already is no error.
    ///
    /// # Errors
    /// [`Ec2Error`]; EC2 answers "200 OK" with an error inside when it does not delete.
    pub async fn delete(&self, id: &EndpointId) -> Result<()> {
        const ACTION: &str = "DeleteVpcEndpoints";
        let answer = self.client.delete_vpc_endpoints().vpc_endpoint_ids(id.as_str()).send().await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) if error.code().is_some_and(is_not_found) => return Ok(()),
            Err(error) => return Err(ec2_error(ACTION, id.to_string(), &error)),
        };
        let Some(error) = answer.unsuccessful().first().and_then(|item| item.error()) else { return Ok(()) };
        let code = error.code().unwrap_or("Unknown");
        if is_not_found(code) {
            return Ok(());
        }
        Err(Ec2Error {
            action: ACTION,
            subject: id.to_string(),
            kind: kind_of(code, error.message().unwrap_or_default(), 400),
            code: code.to_owned(),
            message: error.message().unwrap_or_default().to_owned(),
            request_id: answer.request_id().unwrap_or_default().to_owned(),
        })
    }
}
