//! Random histories: several stacks at once through the real SDK client and the simulated EC2, with lagging reads, faults
//! and crashes. A seed gives the same history every time, call by call.

use crate::cloud::*;
use crate::deployment::{Deployment, Watch};
use ec2_sim::{Call, Loss, Span, Verdict};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// A rule that is knocked out on the wire, to see that its loss is noticed. Only what stands in EC2 can be knocked out
/// here; what the function decides by itself, such as how long it waits, is knocked out on the model, in
/// `explore/planted.rs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Planted {
    Nothing,
    /// New endpoints lose the mark of the product.
    NoOwner,
    /// Announcements vanish: nobody announces, and nobody heeds.
    NoAnnouncement,
    /// Reads lag for a minute: the one assumption does not hold.
    ReadsLagFar,
}

/// `SplitMix64`.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ (word >> 31)) % bound
    }
}

/// What becomes of a call: mostly nothing special. A function is killed rather at a change than at a look. Nobody can kill
/// one that is not running, so the number of the stack to kill is drawn too.
fn fate(random: &mut Random, call: &Call, kills: &[Arc<Notify>]) -> Verdict {
    let change = !call.action.starts_with("Describe");
    match random.below(100) {
        0..=2 => Verdict::throttled(),
        3 => Verdict::internal_error(),
        4 | 5 if change => Verdict::LoseAnswer(Loss::ServerError),
        6 => Verdict::Reset,
        7 => Verdict::LoseAnswer(Loss::Silence),
        8 if change => Verdict::concurrent_tag_access(),
        n @ 9..=13 if change || n == 9 => {
            let victim = usize::try_from(random.below(kills.len() as u64)).unwrap();
            kills[victim].notify_waiters();
            Verdict::Proceed
        }
        14..=18 if call.action != "DeleteVpcEndpoints" => Verdict::Delay(Duration::from_millis(random.below(14_000))),
        _ => Verdict::Proceed,
    }
}

/// One history: the calls, and what broke.
fn history(seed: u64, planted: Planted) -> (Vec<Call>, Vec<String>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let lag = if planted == Planted::ReadsLagFar { 60_000 } else { 9_500 };
        let cloud = Cloud::of(|world| {
            world.seed = seed;
            world.knobs.read_lag_ms = Span(0, lag);
            world.knobs.create_ms = Span(5_000, 40_000);
            world.knobs.delete_ms = Span(5_000, 40_000);
            world.knobs.zone_release_ms = Span(0, 30_000);
        });
        let watch = Watch::new(&cloud);
        let mut random = Random(seed);
        let stacks = 2 + random.below(2);
        let kills: Vec<Arc<Notify>> = (0..stacks).map(|_| Arc::default()).collect();
        let dns = random.below(4) > 0;
        // Every other time the first one leaves as soon as it can, and the others come when it is about to delete.
        let chase = seed.is_multiple_of(2);
        let (leaves, left) = watch::channel(false);
        let mut leaves = Some(leaves);
        let plans: Vec<_> = (0..stacks)
            .map(|n| {
                let deployment =
                    Deployment::new(&cloud, &format!("app-{n}"), &watch, &kills[usize::try_from(n).unwrap()]);
                let first = leaves.take();
                let waits = match (chase, &first) {
                    (true, Some(_)) => [0; 3],
                    (true, None) => [10 + random.below(30), random.below(60), random.below(60)],
                    (false, _) => [random.below(90), random.below(60), random.below(60)],
                };
                let update = if chase && first.is_some() { 0 } else { random.below(3) };
                let (cloud, mut left) = (cloud.clone(), left.clone());
                async move {
                    if chase && first.is_none() {
                        // An error: the first one is gone without having left.
                        let _ = left.wait_for(|left| *left).await;
                    }
                    live(cloud, deployment, waits, update, dns, first).await;
                }
            })
            .collect();
        let watching = watch.clone();
        cloud.sim.on_call(move |call| {
            watching.check(call);
            fate(&mut random, call, &kills)
        });
        let knocking_out = async {
            loop {
                plant(planted, &cloud.sim);
                cloud.pass(1).await;
            }
        };
        tokio::select! {
            _ = futures_util::future::join_all(plans) => {}
            () = knocking_out => {}
        }
        cloud.pass(400).await;
        watch.check_end(0);
        (cloud.sim.log(), watch.broken())
    })
}

/// The life of a stack. Who waits for it to leave is told.
async fn live(
    cloud: Cloud,
    mut stack: Deployment,
    waits: [u64; 3],
    update: u64,
    dns: bool,
    leaves: Option<watch::Sender<bool>>,
) {
    let wish = with(properties(), json!({ "PrivateDnsEnabled": dns }));
    cloud.pass(waits[0]).await;
    if stack.create(&wish).await.is_none() {
        return;
    }
    cloud.pass(waits[1]).await;
    match update {
        0 => {}
        1 => stack.update(&with(wish, json!({ "Tags": [{ "Key": "team", "Value": "data" }] }))).await,
        _ => stack.update(&with(wish, json!({ "ServiceName": SERVICE_2 }))).await,
    }
    cloud.pass(waits[2]).await;
    if let Some(leaves) = leaves {
        // An error: nobody waits.
        let _ = leaves.send(true);
    }
    stack.delete().await;
}

fn plant(planted: Planted, sim: &ec2_sim::Ec2) {
    let unwanted = match planted {
        Planted::NoOwner => ":owned",
        Planted::NoAnnouncement => ":leaving:",
        Planted::Nothing | Planted::ReadsLagFar => return,
    };
    for endpoint in sim.endpoints() {
        for key in endpoint.tags.keys().filter(|key| key.contains(unwanted)) {
            sim.remove_tag(&endpoint.id, key);
        }
    }
}

/// Fails with what broke, and with how to see it again.
fn check(seed: u64) -> usize {
    let (log, broken) = history(seed, Planted::Nothing);
    let again = format!("SEED={seed} cargo test --test it histories::once_more -- --ignored --nocapture");
    assert_eq!(broken, [""; 0], "again: {again}");
    log.len()
}

/// A history in words, call by call.
fn text(log: &[Call]) -> String {
    let line = |call: &Call| format!("{:>12?}  {} {:?} {:?}", call.at, call.action, call.params, call.outcome);
    log.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn random_histories_keep_the_contract() {
    for seed in 0..20 {
        check(seed);
    }
}

#[test]
fn a_seed_gives_the_same_history_again() {
    for seed in [1, 8] {
        let [one, two] = [(); 2].map(|()| text(&history(seed, Planted::Nothing).0));
        assert!(one.lines().count() > 40 && one == two, "seed {seed}");
    }
}

#[test]
fn what_is_knocked_out_on_the_wire_is_noticed() {
    for planted in [Planted::NoOwner, Planted::NoAnnouncement, Planted::ReadsLagFar] {
        let noticed = (0..100).find(|seed| !history(*seed, planted).1.is_empty());
        println!("{planted:?}: seed {noticed:?}");
        assert!(noticed.is_some(), "{planted:?}");
    }
}

/// Tells one history: `SEED=7 cargo test --test it histories::once_more -- --ignored --nocapture`
#[test]
#[ignore = "tells the history that SEED names"]
#[expect(clippy::disallowed_methods, reason = "this one is run by people, who say what they want to see")]
fn once_more() {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0);
    let (log, broken) = history(seed, Planted::Nothing);
    println!("{}\n{}", text(&log), broken.join("\n"));
}

/// `EXPLORE_SECONDS=600 cargo test --test it histories::for_as_long_as_told -- --ignored --nocapture`
#[test]
#[ignore = "runs for as long as EXPLORE_SECONDS says"]
#[expect(clippy::disallowed_methods, reason = "this one is run by people, in real time")]
fn for_as_long_as_told() {
    let seconds = std::env::var("EXPLORE_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(60);
    let started = std::time::Instant::now();
    let (mut histories, mut calls) = (0, 0);
    for seed in 1_000.. {
        if started.elapsed() > Duration::from_secs(seconds) {
            break;
        }
        calls += check(seed);
        histories += 1;
    }
    println!("{histories} random histories with {calls} calls");
}

#[tokio::test(start_paused = true)]
async fn forty_stacks_at_the_same_moment_make_one_endpoint() {
    let cloud = Cloud::new();
    let stacks: Vec<_> = (0..40).map(|n| cloud.stack(&format!("app-{n}"))).collect();
    let wish = properties();
    let answers = futures_util::future::join_all(stacks.iter().map(|stack| stack.create(&wish))).await;
    let id = cloud.endpoint().id;
    for answer in answers {
        assert_eq!(answer.succeeded().physical_id, id);
    }
}
