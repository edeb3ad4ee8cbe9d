//! The program: the provider function, the check function, and the check from a terminal. The only place that reads the
//! environment, and where the parts are put together.

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_sdk_ec2::config::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::SharedHttpConnector;
use jiff::Timestamp;
use lambda_runtime::{Context, Diagnostic, Error, LambdaEvent, run, service_fn};
use serde_json::Value;
use std::io::Write as _;
use std::process::ExitCode;
use tidb_private_endpoint::ask::question::is_question;
use tidb_private_endpoint::cloudformation::CloudFormation;
use tidb_private_endpoint::decision::view::Home;
use tidb_private_endpoint::ec2::Ec2;
use tidb_private_endpoint::handler::{Function, Handler};
use tidb_private_endpoint::inquire::Inquirer;
use tidb_private_endpoint::look::Clients;
use tidb_private_endpoint::probe::function::CheckFunction;
use tidb_private_endpoint::probe::network::System;
use tidb_private_endpoint::probe::terminal::{self, Command, USAGE};
use tidb_private_endpoint::probe::tls::Tls;
use tidb_private_endpoint::resolve::Clusters;
use tidb_private_endpoint::runtime::callback::Callback;
use tidb_private_endpoint::runtime::clock::Clock;
use tidb_private_endpoint::runtime::http::Http;
use tidb_private_endpoint::runtime::log::subscriber;
use tidb_private_endpoint::secrets::{self, Secrets};
use tidb_private_endpoint::tidb_cloud::{self, TidbCloud};
use tokio::runtime::Builder;
use tracing::subscriber::set_global_default;

/// The name of the handler that is the check function. Every other name is the provider.
const CHECK_HANDLER: &str = "check";

fn main() -> Result<ExitCode, Error> {
    // TLS comes without a provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let result = if environment("AWS_LAMBDA_RUNTIME_API").is_empty() {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        runtime.block_on(terminal(&arguments))
    } else if environment("_HANDLER") == CHECK_HANDLER {
        runtime.block_on(check_function())
    } else {
        runtime.block_on(provider())
    };
    // The resolver may still be waiting for a name in a thread of its own.
    runtime.shutdown_background();
    result
}

async fn terminal(arguments: &[String]) -> Result<ExitCode, Error> {
    let mut out = std::io::stdout();
    match Command::parse(arguments) {
        Ok(Command::Help) => out.write_all(USAGE.as_bytes())?,
        Ok(Command::Check { spec, json }) => {
            let reachable = terminal::run(&System, &Tls::of_system(), &spec, json, &clock(), &mut out).await?;
            return Ok(ExitCode::from(u8::from(!reachable)));
        }
        Err(fault) => {
            write!(std::io::stderr(), "{fault}\n\n{USAGE}")?;
            return Ok(ExitCode::from(2));
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn check_function() -> Result<ExitCode, Error> {
    let Function { name, log_level, .. } = function();
    set_global_default(subscriber(&log_level, std::io::stdout))?;
    let function = CheckFunction { network: System, tls: Tls::of_system(), name, log_level };
    run(service_fn(|event: LambdaEvent<Value>| async {
        let LambdaEvent { payload, context } = event;
        function.serve(&payload, clock(), deadline(&context)).await.map_err(Error::from)
    }))
    .await?;
    Ok(ExitCode::SUCCESS)
}

async fn provider() -> Result<ExitCode, Error> {
    let function = function();
    set_global_default(subscriber(&function.log_level, std::io::stdout))?;
    let http = Http::new()?;
    let region = environment("AWS_REGION");
    let override_url = Some(environment("AWS_ENDPOINT_URL_EC2")).filter(|url| !url.is_empty());
    // In a partition where EC2 has another name, this connection is useless and harmless.
    let url = override_url.clone().unwrap_or_else(|| format!("https://ec2.{region}.amazonaws.com"));
    let opening = async {
        // Let the connection start first. While it is being opened, the SDK reads a table of all regions.
        tokio::task::yield_now().await;
        // No profile files and no instance metadata: a Lambda function has neither.
        let mut config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(region.clone()))
            .credentials_provider(SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new()))
            .http_client(http.clone());
        // In CloudTrail, the calls have it in their user agent.
        config.set_app_name(AppName::new(concat!("tidb-private-endpoint-", env!("CARGO_PKG_VERSION"))).ok());
        let config = config.build();
        let secrets = Secrets::new(config.clone(), environment(secrets::URL_SETTING));
        let mut config = config.into_builder();
        config.set_endpoint_url(override_url);
        (Ec2::new(&config.build()), secrets)
    };
    let ((), (ec2, secrets)) = tokio::join!(biased; http.warm_up(&url), opening);
    let tidb_cloud = TidbCloud::new(SharedHttpConnector::new(http.clone()), &environment(tidb_cloud::URL_SETTING));
    let cloudformation = cloudformation(&http, &region);
    let clients = Clients { ec2, cloudformation, clusters: Clusters { secrets, tidb_cloud } };
    let callback = Callback::new(http.client());
    run(service_fn(|event: LambdaEvent<Value>| async {
        let LambdaEvent { payload, context } = event;
        // arn:aws:lambda:us-east-1:123456789012:function:NAME
        let account = context.invoked_function_arn.split(':').nth(4).unwrap_or_default().to_owned();
        let home = Home { region: region.clone(), account };
        if is_question(&payload) {
            let Function { name, log_level, .. } = function.clone();
            let inquirer = Inquirer { clients: clients.clone(), home, function: name, log_level };
            let answer = inquirer.answer(&payload, clock(), deadline(&context)).await;
            return answer.map_err(|error| failed("Unanswered", &error));
        }
        let handler = Handler { clients: clients.clone(), home, function: function.clone() };
        let served = handler.serve(&callback, &payload, clock(), deadline(&context)).await;
        served.map(|()| Value::Null).map_err(|error| failed("Unserved", &error))
    }))
    .await?;
    Ok(ExitCode::SUCCESS)
}

/// How Lambda reports a failed invocation.
fn failed(name: &str, error: &impl std::error::Error) -> Diagnostic {
    Diagnostic { error_type: name.to_owned(), error_message: error.to_string() }
}

/// The client for CloudFormation. It makes no connection before it is used.
fn cloudformation(http: &Http, region: &str) -> CloudFormation {
    let connector = SharedHttpConnector::new(http.clone());
    let credentials = SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new());
    let url = Some(environment("AWS_ENDPOINT_URL_CLOUDFORMATION")).filter(|url| !url.is_empty());
    CloudFormation::new(connector, credentials, region, url.as_deref())
}

fn function() -> Function {
    Function {
        name: environment("AWS_LAMBDA_FUNCTION_NAME"),
        log_stream: log_stream(),
        log_level: environment("AWS_LAMBDA_LOG_LEVEL"),
        check_function_arn: environment("CHECK_FUNCTION_ARN"),
    }
}

/// The log stream with its log group, which is not named after the function.
fn log_stream() -> String {
    let (stream, group) = (environment("AWS_LAMBDA_LOG_STREAM_NAME"), environment("AWS_LAMBDA_LOG_GROUP_NAME"));
    if group.is_empty() { stream } else { format!("{stream} in {group}") }
}

fn clock() -> Clock {
    #[expect(clippy::disallowed_methods, reason = "the only place where a clock is set from the wall clock")]
    Clock::starting_at(Timestamp::now())
}

fn deadline(context: &Context) -> Timestamp {
    let deadline = i64::try_from(context.deadline).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    deadline.unwrap_or(Timestamp::MAX)
}

fn environment(name: &str) -> String {
    #[expect(clippy::disallowed_methods, reason = "the only place that reads the environment")]
    std::env::var(name).unwrap_or_default()
}
