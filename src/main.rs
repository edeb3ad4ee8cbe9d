//! The Lambda function: the one place that reads the environment and puts the parts together.

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_ec2::config::SharedCredentialsProvider;
use jiff::Timestamp;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::Value;
use tidb_private_endpoint::callback::Callback;
use tidb_private_endpoint::clock::Clock;
use tidb_private_endpoint::ec2::Ec2;
use tidb_private_endpoint::handler::{Function, Handler};
use tidb_private_endpoint::http::Http;
use tidb_private_endpoint::log::subscriber;
use tidb_private_endpoint::step::Home;
use tracing::subscriber::set_global_default;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let function = Function {
        name: environment("AWS_LAMBDA_FUNCTION_NAME"),
        log_stream: environment("AWS_LAMBDA_LOG_STREAM_NAME"),
        log_level: environment("AWS_LAMBDA_LOG_LEVEL"),
    };
    set_global_default(subscriber(&function.log_level, std::io::stdout))?;
    // Without this, TLS would not know which provider to use.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = Http::new()?;
    let region = environment("AWS_REGION");
    let elsewhere = Some(environment("AWS_ENDPOINT_URL_EC2")).filter(|url| !url.is_empty());
    // In a partition where EC2 has another name, this connection is of no use, and nothing is lost.
    let url = elsewhere.clone().unwrap_or_else(|| format!("https://ec2.{region}.amazonaws.com"));
    let opening = async {
        // The connection is on its way then, and leaves time for the SDK, which reads a table of all regions.
        tokio::task::yield_now().await;
        // Nothing from profile files or the instance's metadata: a Lambda function has neither.
        let mut config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(region.clone()))
            .credentials_provider(SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new()))
            .http_client(http.clone());
        config.set_endpoint_url(elsewhere);
        Ec2::new(&config.build())
    };
    let ((), ec2) = tokio::join!(biased; http.warm_up(&url), opening);
    let callback = Callback::new(http.client());
    run(service_fn(|event: LambdaEvent<Value>| async {
        let LambdaEvent { payload, context } = event;
        // arn:aws:lambda:us-east-1:123456789012:function:NAME
        let account = context.invoked_function_arn.split(':').nth(4).unwrap_or_default().to_owned();
        let home = Home { region: region.clone(), account };
        let handler = Handler { ec2: ec2.clone(), home, function: function.clone() };
        let deadline = i64::try_from(context.deadline).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
        #[expect(clippy::disallowed_methods, reason = "the one place where an event's clock is set by the wall's")]
        let clock = Clock::starting_at(Timestamp::now());
        handler.serve(&callback, &payload, clock, deadline.unwrap_or(Timestamp::MAX)).await.map_err(Error::from)
    }))
    .await
}

fn environment(name: &str) -> String {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    std::env::var(name).unwrap_or_default()
}
