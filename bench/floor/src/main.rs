//! The floor: a function that requests events and responds to them, and does nothing else. It has no SDK. It creates its
//! HTTP client when it first responds, or beforehand with a connection to EC2, to measure the cost of that connection,
//! which the provider also opens.

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::{Value, json};
use std::sync::LazyLock;
use std::time::Duration;

static CLIENT: LazyLock<reqwest::Client> = LazyLock::new(|| {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
});

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    if let Ok(url) = std::env::var("FLOOR_CONNECTS_TO") {
        let _ = CLIENT.head(url).timeout(Duration::from_secs(1)).send().await;
    }
    run(service_fn(answer)).await
}

async fn answer(LambdaEvent { payload, .. }: LambdaEvent<Value>) -> Result<(), Error> {
    let body = json!({
        "Status": "SUCCESS",
        "StackId": payload["StackId"],
        "RequestId": payload["RequestId"],
        "LogicalResourceId": payload["LogicalResourceId"],
        "PhysicalResourceId": "nothing",
    });
    let url = payload["ResponseURL"].as_str().ok_or("the event has no ResponseURL")?;
    CLIENT.put(url).body(body.to_string()).send().await?.error_for_status()?;
    Ok(())
}
