//! The one door to EC2. Everything of the SDK's stays behind it: error codes, letter case, pages, answers that are
//! "200 OK" and yet refuse.
//!
//! The SDK's own retries are off. An error that may go away leads to another look and a new decision, which a blind
//! repetition could not make.

mod changes;
mod errors;
mod shapes;

use crate::endpoint::Endpoint;
use crate::failure::Ec2Error;
use crate::group::Group;
use crate::ids::{EndpointId, GroupId, ServiceName, VpcId, join};
use crate::release::CALL_LIMIT;
use crate::survey::{Service, Subnet, Vpc, VpcDns};
use aws_config::SdkConfig;
use aws_sdk_ec2::Client;
use aws_sdk_ec2::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_ec2::config::retry::RetryConfig;
use aws_sdk_ec2::config::timeout::TimeoutConfig;
use aws_sdk_ec2::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_ec2::error::{BoxError, ProvideErrorMetadata};
use aws_sdk_ec2::types::{AttributeBooleanValue, VpcAttributeName};
use errors::ec2_error;
pub(crate) use errors::no_answer;
use shapes::{endpoint, filter, group, service};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Which endpoints to look for; all that are given must fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Find {
    /// Those of a service, in one VPC if given.
    Service(ServiceName, Option<VpcId>),
    /// Those that carry a tag key.
    TagKey(String),
    /// Those that carry a tag with a value.
    Tag(String, String),
    /// Those with one of these ids.
    Ids(Vec<EndpointId>),
}

/// The door.
#[derive(Debug, Clone)]
pub struct Ec2 {
    client: Client,
    calls: Calls,
}

/// Counts the calls of a process.
#[derive(Debug, Clone, Default)]
struct Calls(Arc<AtomicU64>);

impl Intercept for Calls {
    fn name(&self) -> &'static str {
        "Calls"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> std::result::Result<(), BoxError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

type Result<T> = std::result::Result<T, Ec2Error>;

impl Ec2 {
    /// Opens the door with the SDK's configuration: credentials, region, endpoint URL, HTTP client.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        let calls = Calls::default();
        let config = aws_sdk_ec2::config::Builder::from(config)
            .interceptor(calls.clone())
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::builder().operation_timeout(CALL_LIMIT.unsigned_abs()).build())
            .build();
        Self { client: Client::from_conf(config), calls }
    }

    /// How many calls have gone through the door and its clones. A Lambda function handles one event at a time, so the
    /// difference is what an event has cost.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls.0.load(Ordering::Relaxed)
    }

    /// Finds interface endpoints. What a filter says is checked again in code, because stand-ins for EC2 ignore filters.
    ///
    /// # Errors
    /// [`Ec2Error`].
    pub async fn find(&self, what: &Find) -> Result<Vec<Endpoint>> {
        let (filters, subject) = match what {
            Find::Service(service, vpc) => {
                let mut filters = vec![filter("service-name", [service.as_str()])];
                filters.extend(vpc.as_ref().map(|vpc| filter("vpc-id", [vpc.as_str()])));
                (filters, service.to_string())
            }
            Find::TagKey(key) => (vec![filter("tag-key", [key.as_str()])], key.clone()),
            Find::Tag(key, value) => (vec![filter(&format!("tag:{key}"), [value.as_str()])], format!("{key}={value}")),
            Find::Ids(ids) => (vec![filter("vpc-endpoint-id", ids.iter().map(EndpointId::as_str))], join(ids, ", ")),
        };
        let pages = self.client.describe_vpc_endpoints().set_filters(Some(filters)).into_paginator().items().send();
        let found = pages.collect::<std::result::Result<Vec<_>, _>>().await;
        let found = found.map_err(|error| ec2_error("DescribeVpcEndpoints", subject, &error))?;
        let fits = |endpoint: &Endpoint| match what {
            Find::Service(service, vpc) => {
                endpoint.service_name == *service && vpc.as_ref().is_none_or(|vpc| endpoint.vpc_id == *vpc)
            }
            Find::TagKey(key) => endpoint.tags.contains_key(key),
            Find::Tag(key, value) => endpoint.tags.get(key) == Some(value),
            Find::Ids(ids) => ids.contains(&endpoint.id),
        };
        Ok(found.iter().filter_map(endpoint).filter(fits).collect())
    }

    /// Reads a service; `None` if it does not exist or does not allow this account, which EC2 does not tell apart.
    ///
    /// # Errors
    /// [`Ec2Error`].
    pub async fn service(&self, name: &ServiceName) -> Result<Option<Service>> {
        let answer = self.client.describe_vpc_endpoint_services().service_names(name.as_str()).send().await;
        match answer {
            Ok(answer) => Ok(answer
                .service_details()
                .iter()
                .find(|detail| detail.service_name() == Some(name.as_str()))
                .map(service)),
            Err(error) if error.code() == Some("InvalidServiceName") => Ok(None),
            Err(error) => Err(ec2_error("DescribeVpcEndpointServices", name.to_string(), &error)),
        }
    }

    /// Reads a VPC; `None` if there is none of that id.
    ///
    /// # Errors
    /// [`Ec2Error`].
    pub async fn vpc(&self, id: &VpcId) -> Result<Option<Vpc>> {
        let answer = self.client.describe_vpcs().filters(filter("vpc-id", [id.as_str()])).send().await;
        let answer = answer.map_err(|error| ec2_error("DescribeVpcs", id.to_string(), &error))?;
        let Some(vpc) = answer.vpcs().iter().find(|vpc| vpc.vpc_id() == Some(id.as_str())) else { return Ok(None) };
        let v4 = vpc.cidr_block_association_set().iter().filter_map(|block| block.cidr_block());
        let v6 = vpc.ipv6_cidr_block_association_set().iter().filter_map(|block| block.ipv6_cidr_block());
        let blocks = v4.chain(v6).filter_map(|block| block.parse().ok()).collect();
        Ok(Some(Vpc { owner_id: vpc.owner_id().unwrap_or_default().to_owned(), blocks }))
    }

    /// Reads the VPC's DNS attributes; `None` if there is no such VPC.
    ///
    /// # Errors
    /// [`Ec2Error`].
    pub async fn vpc_dns(&self, vpc: &VpcId) -> Result<Option<VpcDns>> {
        let attribute =
            |name: VpcAttributeName| self.client.describe_vpc_attribute().vpc_id(vpc.as_str()).attribute(name).send();
        // EC2 gives one attribute a call.
        let answers = tokio::try_join!(
            attribute(VpcAttributeName::EnableDnsSupport),
            attribute(VpcAttributeName::EnableDnsHostnames)
        );
        match answers {
            Ok((support, hostnames)) => Ok(Some(VpcDns {
                support: support.enable_dns_support().and_then(AttributeBooleanValue::value).unwrap_or_default(),
                hostnames: hostnames.enable_dns_hostnames().and_then(AttributeBooleanValue::value).unwrap_or_default(),
            })),
            // Both spellings of the code have been seen.
            Err(error) if error.code().is_some_and(|code| code.eq_ignore_ascii_case("InvalidVpcID.NotFound")) => {
                Ok(None)
            }
            Err(error) => Err(ec2_error("DescribeVpcAttribute", vpc.to_string(), &error)),
        }
    }

    /// Reads all subnets of a VPC.
    ///
    /// # Errors
    /// [`Ec2Error`].
    pub async fn subnets(&self, vpc: &VpcId) -> Result<Vec<Subnet>> {
        let pages =
            self.client.describe_subnets().filters(filter("vpc-id", [vpc.as_str()])).into_paginator().items().send();
        let found = pages.collect::<std::result::Result<Vec<_>, _>>().await;
        let found = found.map_err(|error| ec2_error("DescribeSubnets", vpc.to_string(), &error))?;
        let here = found.iter().filter(|subnet| subnet.vpc_id() == Some(vpc.as_str()));
        Ok(here
            .filter_map(|subnet| {
                let v4 = subnet.cidr_block();
                let v6 = subnet.ipv6_cidr_block_association_set().iter().filter_map(|block| block.ipv6_cidr_block());
                Some(Subnet {
                    id: subnet.subnet_id()?.into(),
                    owner_id: subnet.owner_id().unwrap_or_default().to_owned(),
                    zone_id: subnet.availability_zone_id()?.into(),
                    zone_name: subnet.availability_zone().unwrap_or_default().to_owned(),
                    blocks: v4.into_iter().chain(v6).filter_map(|block| block.parse().ok()).collect(),
                    free_addresses: subnet.available_ip_address_count().unwrap_or_default(),
                })
            })
            .collect())
    }

    /// Reads those of the groups that exist. Asked by filter, because one unknown id fails a request by id.
    ///
    /// # Errors
    /// [`Ec2Error`].
    pub async fn groups(&self, ids: &[GroupId]) -> Result<Vec<Group>> {
        let filter = filter("group-id", ids.iter().map(GroupId::as_str));
        let pages = self.client.describe_security_groups().filters(filter).into_paginator().items().send();
        let found = pages.collect::<std::result::Result<Vec<_>, _>>().await;
        let found = found.map_err(|error| ec2_error("DescribeSecurityGroups", join(ids, ", "), &error))?;
        Ok(found.iter().filter_map(group).collect())
    }

    /// Finds the group of a name in a VPC. EC2 keeps names unique.
    ///
    /// # Errors
    /// [`Ec2Error`].
    pub async fn group_by_name(&self, vpc: &VpcId, name: &str) -> Result<Option<Group>> {
        let filters = vec![filter("vpc-id", [vpc.as_str()]), filter("group-name", [name])];
        let pages = self.client.describe_security_groups().set_filters(Some(filters)).into_paginator().items().send();
        let found = pages.collect::<std::result::Result<Vec<_>, _>>().await;
        let found = found.map_err(|error| ec2_error("DescribeSecurityGroups", name.to_owned(), &error))?;
        Ok(found.iter().filter_map(group).find(|group| group.vpc_id == *vpc && group.name == name))
    }
}
