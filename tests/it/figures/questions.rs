//! What questions cost, on the simulated clock: calls, and the time if every call takes 40 ms.

use super::{on_a_paused_clock, seconds};
use crate::ask::Asked;
use crate::cloud::*;
use ec2_sim::{EndpointSpec, Span};
use serde_json::{Value, json};
use tidb_private_endpoint::model::tags::{Holder, OWNED};

/// How many endpoints a status is about.
const ENDPOINTS: [usize; 3] = [10, 1_000, 10_000];
/// How many stacks there are. Each holds some of the endpoints.
const STACKS: usize = 500;

/// A plan of a join, and the join itself.
pub(super) fn plan() -> Value {
    on_a_paused_clock(async {
        let cloud = Cloud::of(|world| {
            world.knobs.latency_ms = Span::exactly(40);
            world.knobs.read_lag_ms = Span::exactly(0);
            world.knobs.group_lag_ms = Span::exactly(0);
        });
        let asked = Asked::new(&cloud);
        cloud.stack("orders").create(&properties()).await.succeeded();
        cloud.pass(60).await;
        let measured = async |work: &mut (dyn Future<Output = ()> + Unpin)| {
            let (calls, begun) = (cloud.sim.log().len(), cloud.sim.now());
            work.await;
            json!({ "calls": cloud.sim.log().len() - calls, "seconds": seconds(begun, cloud.sim.now()) })
        };
        let question = json!({ "Ask": "Plan", "ResourceProperties": properties() });
        let plan = measured(&mut Box::pin(async {
            assert_eq!(asked.answer(&question).await["Outcome"], "joined");
        }))
        .await;
        let billing = cloud.stack("billing");
        let join = measured(&mut Box::pin(async {
            billing.create(&properties()).await.succeeded();
        }))
        .await;
        json!({ "plan": plan, "join": join })
    })
}

/// The status of a region with many endpoints.
pub(super) fn status() -> Value {
    let stack = |n: usize| format!("arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/app-{n}/51af3dc0-{n:04}");
    let endpoint = |n: usize| {
        let holder = Holder::new(&stack(n % STACKS), "TiDB");
        EndpointSpec {
            private_dns_enabled: false,
            tags: [(OWNED.to_owned(), holder.hash.clone()), (holder.ref_key(), holder.name)].into(),
            ..foreign()
        }
    };
    let of = |number: usize| {
        on_a_paused_clock(async move {
            let cloud = Cloud::of(|world| {
                world.endpoints = (0..number).map(endpoint).collect();
                world.knobs.latency_ms = Span::exactly(40);
            });
            let asked = Asked::new(&cloud);
            (0..STACKS).for_each(|n| asked.stacks.set_stack(&stack(n), "CREATE_COMPLETE"));
            let begun = cloud.sim.now();
            let answer = asked.answer(&json!({ "Ask": "Status" })).await;
            assert_eq!(
                (&answer["Counts"]["Endpoints"], &answer["Counts"]["StaleReferences"]),
                (&json!(number), &json!(0))
            );
            let seconds = seconds(begun, cloud.sim.now());
            json!({ "number": number, "ec2": cloud.sim.log().len(), "stacks": asked.stacks.calls(), "seconds": seconds })
        })
    };
    json!(ENDPOINTS.map(of))
}

#[test]
fn a_plan_takes_no_longer_than_a_join_and_a_status_grows_by_page() {
    let both = plan();
    for what in ["calls", "seconds"] {
        assert!(both["plan"][what].as_f64() <= both["join"][what].as_f64(), "{both}");
    }
    let status = status();
    let calls = |n: usize| status[n]["ec2"].as_u64().unwrap();
    // EC2 lists 1,000 in a page.
    assert_eq!((calls(1) - calls(0), calls(2) - calls(0)), (0, 9), "{status}");
}
