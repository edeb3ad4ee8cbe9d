//! Every fault at every call to TiDB Cloud and Secrets Manager. Each happens once, so the resource is created all the same,
//! or the reason says what happened; and nothing is left over when it is deleted.

use crate::cloud::*;
use ec2_sim::{Loss, Verdict};
use serde_json::Value;
use std::time::Duration;

fn faults() -> Vec<(&'static str, Verdict)> {
    vec![
        ("reset", Verdict::Reset),
        ("silence", Verdict::Hang),
        ("reset after", Verdict::LoseAnswer(Loss::Reset)),
        ("silence after", Verdict::LoseAnswer(Loss::Silence)),
        ("error after", Verdict::LoseAnswer(Loss::ServerError)),
        ("slow", Verdict::Delay(Duration::from_secs(14))),
        ("500", Verdict::fail(500, "13", "internal")),
        ("502", Verdict::fail(502, "<html>", "bad gateway")),
        ("503", Verdict::fail(503, "ServiceUnavailable", "unavailable")),
        ("429", Verdict::fail(429, "ThrottlingException", "too many")),
    ]
}

/// Creates a resource with a fault at one call of one API, updates it, and deletes it.
async fn story(at: Option<usize>, fault: Verdict, secrets: bool) -> (usize, usize) {
    let cloud = Cloud::new();
    let verdict = move |number: usize| if at == Some(number) { fault.clone() } else { Verdict::Proceed };
    if secrets {
        cloud.secrets.on_call(move |call| verdict(call.number));
    } else {
        cloud.api.on_call(move |call| verdict(call.number));
    }
    let stack = cloud.stack("orders");
    let wanted = of_cluster(CLUSTER);
    let created = stack.create(&wanted).await.succeeded();
    assert_eq!(created.data["UserName"], "28cDWcUJJiewaQ7.root");
    let other: Value = of_cluster(CLUSTER_TOO);
    let updated = stack.update(&created.physical_id, &other, &wanted).await.succeeded();
    assert_eq!(
        (updated.physical_id.as_str(), updated.data["UserName"].as_str()),
        (created.physical_id.as_str(), "3pTAoNNegb47Uc8.root")
    );
    cloud.deliver(&stack.delete_event(&created.physical_id, &other)).await.succeeded();
    assert_eq!(cloud.sim.endpoints(), []);
    assert!(cloud.sim.groups().iter().all(|group| !group.name.starts_with("tidb-private-endpoint-")));
    cloud.assert_clean();
    (cloud.api.log().len(), cloud.secrets.log().len())
}

#[tokio::test(start_paused = true)]
async fn every_fault_at_every_call_passes() {
    let (api, secrets) = story(None, Verdict::Proceed, false).await;
    assert_eq!((api, secrets), (4, 2), "two requests and one secret for each event");
    for (name, fault) in faults() {
        for at in 0..api {
            println!("{name} at call {at} to TiDB Cloud");
            story(Some(at), fault.clone(), false).await;
        }
        for at in 0..secrets {
            println!("{name} at call {at} to Secrets Manager");
            story(Some(at), fault.clone(), true).await;
        }
    }
}
