//! Measurements on the simulated clock for `make bench`: how many calls an event makes, how much time it adds to that
//! of AWS, and what happens when forty stacks are created at once. Each is compared with a function without the sharing
//! protocol that looks every five seconds, as the provider framework of the CDK does. Other tests check what is
//! promised.

mod questions;

use crate::cloud::*;
use ec2_sim::{Call, Ec2 as Sim, Span};
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

/// How often the simple function looks, in seconds.
const SIMPLE_POLL: Duration = Duration::from_secs(5);
/// How many stacks are created at once.
const STACKS: usize = 40;

/// `cargo test --test it -- figures::for_the_table --ignored --nocapture`
#[test]
#[ignore = "measures BENCH_CREATES creates"]
#[expect(clippy::disallowed_methods, reason = "run manually")]
fn for_the_table() {
    let creates: u64 = std::env::var("BENCH_CREATES").ok().and_then(|creates| creates.parse().ok()).unwrap_or(1_000);
    let crowds = creates.div_ceil(50);
    let added = |lag, simple| spread(in_threads(creates, move |seed| add(seed, lag, simple)));
    let figures = json!({
        "calls": calls(),
        "cluster": cluster(),
        "plan": questions::plan(),
        "status": questions::status(),
        "creates": creates,
        "added": { "product": added(2_000, false), "simple": added(2_000, true) },
        "added_with_more_lag": { "product": added(3_000, false), "simple": added(3_000, true) },
        "added_without_lag": { "product": added(0, false), "simple": added(0, true) },
        "crowds": crowds,
        "crowd": { "product": crowd_of(crowds, 3_000, false), "simple": crowd_of(crowds, 3_000, true) },
        "crowd_without_lag": { "product": crowd_of(crowds, 0, false), "simple": crowd_of(crowds, 0, true) },
    });
    println!("figures: {figures}");
}

fn on_a_paused_clock<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(work)
}

/// A world in which an endpoint takes a known time to become available, between one and two minutes.
fn world(seed: u64, lag_ms: u64) -> (Cloud, SignedDuration) {
    let ready_ms = 60_000 + (seed * 7_919) % 60_000;
    let cloud = Cloud::of(|world| {
        world.seed = seed;
        world.knobs.read_lag_ms = Span(0, lag_ms);
        world.knobs.group_lag_ms = Span::exactly(0);
        world.knobs.create_ms = Span::exactly(ready_ms);
    });
    (cloud, SignedDuration::from_millis(ready_ms.try_into().unwrap()))
}

fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64()
}

/// Runs a function for every seed below a number, on as many threads as there are cores.
fn in_threads<T: Send>(seeds: u64, work: impl Fn(u64) -> T + Copy + Send) -> Vec<T> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let part = |first: usize| move || (first as u64..seeds).step_by(threads).map(work).collect::<Vec<T>>();
        let running: Vec<_> = (0..threads).map(|first| scope.spawn(part(first))).collect();
        running.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

fn spread(mut seconds: Vec<f64>) -> Value {
    seconds.sort_by(f64::total_cmp);
    let at = |share: usize| seconds[(seconds.len() - 1) * share / 100];
    json!({ "median": at(50), "p99": at(99), "longest": at(100) })
}

/// The actions of an event, up to and including one.
fn until(log: &[Call], last: &str) -> Value {
    let end = log.iter().position(|call| call.action == last).map_or(log.len(), |position| position + 1);
    let distinct: BTreeSet<_> = log[..end].iter().map(|call| (&call.action, &call.params)).collect();
    let actions: Vec<_> = log[..end].iter().map(|call| &call.action).collect();
    json!({ "actions": actions, "repeated": end - distinct.len(), "after": log.len() - end })
}

/// Removes all looks but the first, because the others belong to waits.
fn without_waiting(mut log: Vec<Call>) -> Vec<Call> {
    let mut looks = 0;
    log.retain(|call| {
        looks += u32::from(call.action == "DescribeVpcEndpoints");
        call.action != "DescribeVpcEndpoints" || looks == 1
    });
    log
}

/// The calls of each kind of event, with a given security group and with the provider's.
fn calls() -> Value {
    let calls_with = |wanted: Value| {
        on_a_paused_clock(async move {
            let cloud = Cloud::of(|world| {
                // Only in zones of the service. Otherwise, a join makes one more call to read them.
                world.subnets.retain(|subnet| subnet.vpc_id != VPC || [SUBNET_AZ1, SUBNET_AZ2].contains(&&*subnet.id));
                world.knobs.read_lag_ms = Span::exactly(0);
                world.knobs.group_lag_ms = Span::exactly(0);
            });
            let (orders, billing) = (cloud.stack("orders"), cloud.stack("billing"));
            let mut seen = 0;
            let mut since = |last: &str| {
                let log = cloud.sim.log();
                let new = until(&log[seen..], last);
                seen = log.len();
                new
            };
            let id = orders.create(&wanted).await.succeeded().physical_id;
            let create = since("CreateVpcEndpoint");
            cloud.pass(60).await;
            billing.create(&wanted).await.succeeded();
            let join = since("");
            orders.delete(&id).await.succeeded();
            let release = since("");
            let before = cloud.sim.log().len();
            billing.delete(&id).await.succeeded();
            let delete = until(&without_waiting(cloud.sim.log().split_off(before)), "DeleteVpcEndpoints");
            json!({ "create": create, "join": join, "release": release, "delete": delete })
        })
    };
    json!({ "given_group": calls_with(properties()), "own_group": calls_with(with(properties(), json!({ "SecurityGroupIds": null }))) })
}

/// The calls of a Create with a cluster's ID, and how long it takes until the endpoint is created, with and without that.
fn cluster() -> Value {
    let create = |wanted: Value| {
        on_a_paused_clock(async move {
            let cloud = Cloud::of(|world| world.knobs.latency_ms = Span::exactly(40));
            let begun = cloud.sim.now();
            cloud.stack("orders").create(&wanted).await.succeeded();
            let ec2 = cloud.sim.log().iter().position(|call| call.action == "CreateVpcEndpoint").unwrap() + 1;
            let (secrets, api) = (cloud.secrets.log().len(), cloud.api.log().len());
            let seconds = seconds(begun, cloud.endpoint().created_at);
            json!({ "secrets": secrets, "api": api, "ec2": ec2, "seconds": seconds })
        })
    };
    json!({ "by_service": create(properties()), "by_cluster": create(of_cluster(CLUSTER)) })
}

/// How many seconds the response comes after the endpoint becomes available.
fn add(seed: u64, lag_ms: u64, simple: bool) -> f64 {
    on_a_paused_clock(async {
        let (cloud, ready) = world(seed, lag_ms);
        if simple {
            simple_create(&cloud.sim).await.expect("no other stack interferes");
        } else {
            cloud.stack(&format!("app-{seed}")).create(&properties()).await.succeeded();
        }
        seconds(cloud.endpoint().created_at + ready, cloud.sim.now())
    })
}

/// The worst results of forty stacks at once, of this many runs.
fn crowd_of(times: u64, lag_ms: u64, simple: bool) -> Value {
    let crowds = in_threads(times, move |seed| crowd(seed, lag_ms, simple));
    let worst = |of: fn(&Crowd) -> f64| crowds.iter().map(of).fold(f64::MIN, f64::max);
    json!({
        "failed": worst(|crowd| crowd.failed),
        "last_answer": worst(|crowd| crowd.last_answer),
        "creates": worst(|crowd| crowd.creates),
        "looks_a_second": worst(|crowd| crowd.looks_a_second),
        "looks_in_a_second": worst(|crowd| crowd.looks_in_a_second),
        "throttled": worst(|crowd| crowd.throttled),
    })
}

struct Crowd {
    /// Stacks that did not succeed.
    failed: f64,
    /// Seconds from the endpoint becoming available to the last response.
    last_answer: f64,
    /// Calls to create an endpoint.
    creates: f64,
    /// Looks at endpoints for each second of waiting, and the most in any one second, after all stacks have begun.
    looks_a_second: f64,
    looks_in_a_second: f64,
    /// Calls that EC2 throttled.
    throttled: f64,
}

fn crowd(seed: u64, lag_ms: u64, simple: bool) -> Crowd {
    on_a_paused_clock(async {
        let (cloud, ready) = world(seed, lag_ms);
        let stacks: Vec<_> = (0..STACKS).map(|n| cloud.stack(&format!("app-{seed}-{n}"))).collect();
        // With the provider's security group, which is the default.
        let wanted = with(properties(), json!({ "SecurityGroupIds": null }));
        let began = cloud.sim.now();
        let answered = join_all(stacks.iter().map(|stack| async {
            let succeeded = if simple {
                simple_create(&cloud.sim).await.is_ok()
            } else {
                stack.create(&wanted).await.reason.is_none()
            };
            (succeeded, cloud.sim.now())
        }))
        .await;
        let available = cloud.endpoint().created_at + ready;
        let last = answered.iter().map(|(_, at)| *at).max().unwrap();
        let log = cloud.sim.log();
        // All stacks begin in the first ten seconds.
        let (from, to) = (Duration::from_secs(10), Duration::from_secs_f64(seconds(began, available)));
        let looks: Vec<Duration> = log
            .iter()
            .filter(|call| call.action == "DescribeVpcEndpoints" && (from..to).contains(&call.at))
            .map(|call| call.at)
            .collect();
        let busiest = looks
            .iter()
            .enumerate()
            .map(|(n, at)| looks[n..].iter().take_while(|later| **later < *at + Duration::from_secs(1)).count());
        let throttled =
            |call: &&Call| call.outcome.as_ref().and_then(|outcome| outcome.code()) == Some("RequestLimitExceeded");
        Crowd {
            failed: count(answered.iter().filter(|(succeeded, _)| !succeeded).count()),
            last_answer: seconds(available, last),
            creates: count(cloud.count("CreateVpcEndpoint")),
            looks_a_second: count(looks.len()) / to.saturating_sub(from).as_secs_f64(),
            looks_in_a_second: count(busiest.max().unwrap_or_default()),
            throttled: count(log.iter().filter(throttled).count()),
        }
    })
}

fn count(number: usize) -> f64 {
    u32::try_from(number).unwrap().into()
}

/// Does the same without the sharing protocol: looks, creates an endpoint if there is none, and looks every five
/// seconds until it is available.
async fn simple_create(sim: &Sim) -> Result<(), String> {
    let look = format!(
        "Action=DescribeVpcEndpoints&Version=2016-11-15&Filter.1.Name=vpc-id&Filter.1.Value.1={VPC}\
         &Filter.2.Name=service-name&Filter.2.Value.1={SERVICE}"
    );
    let create = format!(
        "Action=CreateVpcEndpoint&Version=2016-11-15&VpcEndpointType=Interface&VpcId={VPC}&ServiceName={SERVICE}\
         &SubnetId.1={SUBNET_AZ1}&SubnetId.2={SUBNET_AZ2}&SecurityGroupId.1={GROUP}&PrivateDnsEnabled=true"
    );
    if !sim.call(&look).await.body.contains("<vpcEndpointId>") {
        let made = sim.call(&create).await;
        if made.status != 200 {
            return Err(made.body);
        }
    }
    loop {
        let seen = sim.call(&look).await;
        if seen.body.contains("<state>available</state>") {
            return Ok(());
        }
        tokio::time::sleep(SIMPLE_POLL).await;
    }
}
