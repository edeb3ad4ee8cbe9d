//! The floor: a function that asks for work and answers, and does nothing else. It has no SDK, and makes what it needs
//! for the answer only then.

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::{Value, json};
use std::sync::LazyLock;

static CLIENT: LazyLock<reqwest::Client> = LazyLock::new(|| {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
});

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
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
    let url = payload["ResponseURL"].as_str().ok_or("there is no ResponseURL")?;
    CLIENT.put(url).body(body.to_string()).send().await?.error_for_status()?;
    Ok(())
}
