//! Endpoints and their tags.

use super::errors::{Call, ENDPOINT, GROUP, is_not_found, no_special_kind};
use super::{Ec2, Result, filter, from_sdk_tags, strings, tags_at_creation, to_sdk_tags};
use crate::model::change::{Change, NewEndpoint, TagChange};
use crate::model::ec2_error::ErrorKind;
use crate::model::endpoint::{DnsEntry, Endpoint, EndpointState};
use crate::model::ids::EndpointId;
use crate::model::query::EndpointQuery;
use crate::model::tags::PREFIX;
use aws_sdk_ec2::error::ProvideErrorMetadata as _;
use aws_sdk_ec2::operation::RequestId as _;
use aws_sdk_ec2::types::{Filter, IpAddressType, ResourceType, Tag, VpcEndpoint, VpcEndpointType};
use jiff::Timestamp;

impl Ec2 {
    /// Finds interface endpoints.
    pub async fn endpoints(&self, query: &EndpointQuery) -> Result<Vec<Endpoint>> {
        let call = Call { action: "DescribeVpcEndpoints", subject: query, kind: no_special_kind };
        let request = self.client.describe_vpc_endpoints().set_filters(Some(filters(query)));
        let found = request.into_paginator().items().send().collect::<std::result::Result<Vec<_>, _>>().await;
        let found = found.map_err(|error| call.failed(&error))?;
        Ok(found.iter().filter_map(endpoint).filter(|endpoint| query.matches(endpoint)).collect())
    }

    /// Creates an endpoint. Type, private DNS and client token are always given: EC2's defaults are a gateway endpoint,
    /// private DNS "if possible", and no protection against a repeated request.
    pub async fn create_endpoint(&self, new: &NewEndpoint) -> Result<Endpoint> {
        let subject = format!("{} in {}", new.service_name, new.vpc_id);
        let call = Call { action: "CreateVpcEndpoint", subject: &subject, kind: change_kind };
        let answer = self
            .client
            .create_vpc_endpoint()
            .vpc_endpoint_type(VpcEndpointType::Interface)
            .vpc_id(new.vpc_id.as_str())
            .service_name(new.service_name.as_str())
            .set_subnet_ids(Some(strings(&new.subnet_ids)))
            .set_security_group_ids(Some(strings(&new.group_ids)))
            .private_dns_enabled(new.private_dns)
            .set_ip_address_type(new.ip_address_type.map(|kind| IpAddressType::from(kind.as_str())))
            .tag_specifications(tags_at_creation(ResourceType::VpcEndpoint, &new.tags))
            .client_token(&new.client_token)
            .send()
            .await
            .map_err(|error| call.failed(&error))?;
        answer.vpc_endpoint().and_then(endpoint).ok_or_else(|| call.no_answer("the response has no endpoint"))
    }

    pub async fn modify_endpoint(&self, id: &EndpointId, change: &Change) -> Result<()> {
        let call = Call { action: "ModifyVpcEndpoint", subject: id, kind: modify_kind };
        let given = |ids: Vec<String>| (!ids.is_empty()).then_some(ids);
        let answer = self
            .client
            .modify_vpc_endpoint()
            .vpc_endpoint_id(id.as_str())
            .set_add_subnet_ids(given(strings(&change.add_subnets)))
            .set_remove_subnet_ids(given(strings(&change.remove_subnets)))
            .set_add_security_group_ids(given(strings(&change.add_groups)))
            .set_remove_security_group_ids(given(strings(&change.remove_groups)))
            .set_private_dns_enabled(change.private_dns)
            .set_ip_address_type(change.ip_address_type.map(|kind| IpAddressType::from(kind.as_str())))
            .send()
            .await;
        answer.map(drop).map_err(|error| call.failed(&error))
    }

    /// Starts the deletion of an endpoint. It is no error if the endpoint is gone already.
    pub async fn delete_endpoint(&self, id: &EndpointId) -> Result<()> {
        let call = Call { action: "DeleteVpcEndpoints", subject: id, kind: change_kind };
        let answer = match self.client.delete_vpc_endpoints().vpc_endpoint_ids(id.as_str()).send().await {
            Ok(answer) => answer,
            Err(error) if error.code().is_some_and(|code| is_not_found(code, ENDPOINT)) => return Ok(()),
            Err(error) => return Err(call.failed(&error)),
        };
        // EC2 answers "200 OK" with an error inside when it does not delete.
        let Some(error) = answer.unsuccessful().first().and_then(|item| item.error()) else { return Ok(()) };
        match error.code().unwrap_or("Unknown") {
            code if is_not_found(code, ENDPOINT) => Ok(()),
            code => Err(call.refused(code, error.message().unwrap_or_default(), 400, answer.request_id())),
        }
    }

    /// Writes and removes tags of an endpoint, in one call each.
    pub async fn tag_endpoint(&self, id: &EndpointId, change: &TagChange) -> Result<()> {
        if !change.set.is_empty() {
            let call = Call { action: "CreateTags", subject: id, kind: change_kind };
            let request = self.client.create_tags().resources(id.as_str()).set_tags(Some(to_sdk_tags(&change.set)));
            request.send().await.map_err(|error| call.failed(&error))?;
        }
        // EC2 takes an empty list for "all tags".
        if !change.unset.is_empty() {
            let call = Call { action: "DeleteTags", subject: id, kind: change_kind };
            // With a value, EC2 removes the tag only if it has that value (EC2 API reference, `DeleteTags`).
            let tag =
                |(key, value): (&String, &Option<String>)| Tag::builder().key(key).set_value(value.clone()).build();
            let keys = change.unset.iter().map(tag).collect();
            let request = self.client.delete_tags().resources(id.as_str()).set_tags(Some(keys));
            request.send().await.map_err(|error| call.failed(&error))?;
        }
        Ok(())
    }
}

fn filters(query: &EndpointQuery) -> Vec<Filter> {
    match query {
        EndpointQuery::Service(service, vpc) => {
            let vpc = vpc.as_ref().map(|vpc| filter("vpc-id", [vpc.as_str()]));
            [filter("service-name", [service.as_str()])].into_iter().chain(vpc).collect()
        }
        EndpointQuery::Vpc(vpc) => vec![filter("vpc-id", [vpc.as_str()])],
        EndpointQuery::Marked(vpc) => {
            let vpc = vpc.as_ref().map(|vpc| filter("vpc-id", [vpc.as_str()]));
            [filter("tag-key", [format!("{PREFIX}*").as_str()])].into_iter().chain(vpc).collect()
        }
        EndpointQuery::TagKey(key) => vec![filter("tag-key", [key.as_str()])],
        EndpointQuery::Tag(key, value) => vec![filter(&format!("tag:{key}"), [value.as_str()])],
        EndpointQuery::Ids(ids) => vec![filter("vpc-endpoint-id", ids.iter().map(EndpointId::as_str))],
    }
}

/// Errors of changes of endpoints (EC2 API reference, "Error codes"; those of concurrent changes from
/// terraform-provider-aws and terraform-provider-mongodbatlas).
fn change_kind(code: &str, message: &str) -> Option<ErrorKind> {
    Some(match code {
        "InvalidParameter" if message.contains("conflicting DNS domain") => ErrorKind::NameTaken,
        "InvalidParameter" if message.contains("enableDnsSupport") => ErrorKind::VpcDnsOff,
        // EC2 is still working on the request that created the endpoint.
        "InvalidParameter" if message.contains("idempotent operation") => ErrorKind::Transient,
        "IdempotentParameterMismatch" => ErrorKind::TokenUsed,
        // Another stack changes the same endpoint.
        "OperationInProgress" | "ConcurrentTagAccess"
        // The next look shows what became of it: still to come, gone, or created by an earlier delivery.
        | "IncorrectState" | "InvalidID" => ErrorKind::Transient,
        _ if is_not_found(code, GROUP) => ErrorKind::GroupGone,
        _ if is_not_found(code, ENDPOINT) => ErrorKind::Transient,
        _ => return None,
    })
}

/// Errors of modifications of endpoints.
fn modify_kind(code: &str, message: &str) -> Option<ErrorKind> {
    match code {
        // The provider asks for one subnet in each zone, so EC2 has one there that the look did not show: this event has
        // added it already, or another stack was faster. A later look shows which.
        "DuplicateSubnetsInSameZone" => Some(ErrorKind::Transient),
        // Another stack has just added or removed the same thing.
        "InvalidParameter" if message.contains("associated with") => Some(ErrorKind::Transient),
        "SecurityGroupsPerInterfaceLimitExceeded" => Some(ErrorKind::TooManyGroups),
        _ => change_kind(code, message),
    }
}

/// `None` for anything but an interface endpoint, and for one that lacks what every endpoint has.
fn endpoint(from: &VpcEndpoint) -> Option<Endpoint> {
    if from.vpc_endpoint_type()?.as_str() != VpcEndpointType::Interface.as_str() {
        return None;
    }
    let entries = from.dns_entries().iter().map(|entry| DnsEntry {
        name: entry.dns_name().unwrap_or_default().to_owned(),
        hosted_zone_id: entry.hosted_zone_id().unwrap_or_default().to_owned(),
    });
    let last_error = from.last_error().map(|error| {
        format!("{}: {}", error.code().unwrap_or("Unknown"), error.message().unwrap_or_default().trim_end_matches('.'))
    });
    Some(Endpoint {
        id: from.vpc_endpoint_id()?.into(),
        vpc_id: from.vpc_id()?.into(),
        service_name: from.service_name()?.into(),
        state: EndpointState::parse(from.state()?.as_str()),
        private_dns: from.private_dns_enabled().unwrap_or_default(),
        requester_managed: from.requester_managed().unwrap_or_default(),
        ip_address_type: from.ip_address_type().map(|kind| kind.as_str().to_ascii_lowercase()).unwrap_or_default(),
        subnet_ids: from.subnet_ids().iter().map(|id| id.as_str().into()).collect(),
        group_ids: from.groups().iter().filter_map(|group| group.group_id().map(Into::into)).collect(),
        network_interface_ids: from.network_interface_ids().to_vec(),
        dns_entries: entries.collect(),
        created_at: from
            .creation_timestamp()
            .and_then(|at| Timestamp::new(at.secs(), i32::try_from(at.subsec_nanos()).ok()?).ok()),
        last_error: last_error.or_else(|| from.failure_reason().map(str::to_owned)),
        tags: from_sdk_tags(from.tags()),
    })
}
