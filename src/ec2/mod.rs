//! The only door to EC2. Everything about the SDK stays behind it: error codes, letter case, pages, and answers that are
//! "200 OK" and yet contain an error. Each file has the calls about one kind of thing, with its own error codes.
//!
//! The SDK's own retries are off. An error that may pass leads to another look and a new decision, which a plain retry
//! could not make.

mod endpoints;
mod errors;
mod network;
mod security_groups;

use crate::model::ec2_error::Ec2Error;
use crate::model::protocol::CALL_LIMIT;
use crate::model::tags::Tags;
use aws_config::SdkConfig;
use aws_sdk_ec2::Client;
use aws_sdk_ec2::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_ec2::config::retry::RetryConfig;
use aws_sdk_ec2::config::timeout::TimeoutConfig;
use aws_sdk_ec2::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_ec2::error::BoxError;
use aws_sdk_ec2::types::{Filter, ResourceType, Tag, TagSpecification};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Debug, Clone)]
pub struct Ec2 {
    client: Client,
    calls: Calls,
}

/// Counts the calls of the process.
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
    /// Uses the credentials, region, endpoint URL and HTTP client of an SDK configuration.
    pub fn new(config: &SdkConfig) -> Self {
        let calls = Calls::default();
        let config = aws_sdk_ec2::config::Builder::from(config)
            .interceptor(calls.clone())
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::builder().operation_timeout(CALL_LIMIT.unsigned_abs()).build())
            .build();
        Self { client: Client::from_conf(config), calls }
    }

    /// How many calls this client and its clones have made. A Lambda function handles one event at a time, so the
    /// difference is what an event has cost.
    pub fn calls(&self) -> u64 {
        self.calls.0.load(Ordering::Relaxed)
    }
}

fn filter<'a>(name: &str, values: impl IntoIterator<Item = &'a str>) -> Filter {
    Filter::builder().name(name).set_values(Some(values.into_iter().map(str::to_owned).collect())).build()
}

fn strings<T: ToString>(ids: &[T]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}

fn to_sdk_tags(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

fn tags_at_creation(resource: ResourceType, tags: &Tags) -> TagSpecification {
    TagSpecification::builder().resource_type(resource).set_tags(Some(to_sdk_tags(tags))).build()
}

fn from_sdk_tags(tags: &[Tag]) -> Tags {
    tags.iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned()))).collect()
}
