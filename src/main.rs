//! The Lambda function: the only place that reads the environment, and where the parts are put together.

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_ec2::config::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::SharedHttpConnector;
use jiff::Timestamp;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::Value;
use tidb_private_endpoint::decision::view::Home;
use tidb_private_endpoint::ec2::Ec2;
use tidb_private_endpoint::handler::{Function, Handler};
use tidb_private_endpoint::resolve::Clusters;
use tidb_private_endpoint::runtime::callback::Callback;
use tidb_private_endpoint::runtime::clock::Clock;
use tidb_private_endpoint::runtime::http::Http;
use tidb_private_endpoint::runtime::log::subscriber;
use tidb_private_endpoint::secrets::{self, Secrets};
use tidb_private_endpoint::tidb_cloud::{self, TidbCloud};
use tracing::subscriber::set_global_default;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let function = Function {
        name: environment("AWS_LAMBDA_FUNCTION_NAME"),
        log_stream: environment("AWS_LAMBDA_LOG_STREAM_NAME"),
        log_level: environment("AWS_LAMBDA_LOG_LEVEL"),
    };
    set_global_default(subscriber(&function.log_level, std::io::stdout))?;
    // The HTTP client comes without a TLS provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = Http::new()?;
    let region = environment("AWS_REGION");
    let override_url = Some(environment("AWS_ENDPOINT_URL_EC2")).filter(|url| !url.is_empty());
    // In a partition where EC2 has another name, this connection is useless and harmless.
    let url = override_url.clone().unwrap_or_else(|| format!("https://ec2.{region}.amazonaws.com"));
    let opening = async {
        // Let the connection start first. While it is being opened, the SDK reads a table of all regions.
        tokio::task::yield_now().await;
        // No profile files and no instance metadata: a Lambda function has neither.
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(region.clone()))
            .credentials_provider(SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new()))
            .http_client(http.clone())
            .build();
        let secrets = Secrets::new(config.clone(), environment(secrets::URL_SETTING));
        let mut config = config.into_builder();
        config.set_endpoint_url(override_url);
        (Ec2::new(&config.build()), secrets)
    };
    let ((), (ec2, secrets)) = tokio::join!(biased; http.warm_up(&url), opening);
    let tidb_cloud = TidbCloud::new(SharedHttpConnector::new(http.clone()), &environment(tidb_cloud::URL_SETTING));
    let clusters = Clusters { secrets, tidb_cloud };
    let callback = Callback::new(http.client());
    run(service_fn(|event: LambdaEvent<Value>| async {
        let LambdaEvent { payload, context } = event;
        // arn:aws:lambda:us-east-1:123456789012:function:NAME
        let account = context.invoked_function_arn.split(':').nth(4).unwrap_or_default().to_owned();
        let home = Home { region: region.clone(), account };
        let handler = Handler { ec2: ec2.clone(), clusters: clusters.clone(), home, function: function.clone() };
        let deadline = i64::try_from(context.deadline).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
        #[expect(
            clippy::disallowed_methods,
            reason = "the only place where an event's clock is set from the wall clock"
        )]
        let clock = Clock::starting_at(Timestamp::now());
        handler.serve(&callback, &payload, clock, deadline.unwrap_or(Timestamp::MAX)).await.map_err(Error::from)
    }))
    .await
}

fn environment(name: &str) -> String {
    #[expect(clippy::disallowed_methods, reason = "the only place that reads the environment")]
    std::env::var(name).unwrap_or_default()
}
