//! Random histories: several stacks at the same time, with the real SDK client and the simulated EC2, lagging reads,
//! faults, and crashes. A seed determines the history, call by call.

use crate::cloud::*;
use crate::deployment::{Deployment, Watch};
use ec2_sim::{Call, Loss, Span, Verdict};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// A fault that is planted on the wire, to prove that the checks can fail. On the wire, only what is stored in EC2 can
/// be changed. `explore/planted.rs` changes what the function decides, such as how long it waits, in the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PlantedFault {
    None,
    /// New endpoints are not marked as owned.
    NoOwner,
    /// Announcements disappear.
    NoAnnouncement,
    /// Reads lag for up to a minute, so that assumption 1 does not hold.
    LongReadLag,
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

/// What happens to a call: usually nothing special. Functions are killed more often at a change than at a look. The
/// stack whose function is killed is random too; if none is running, nothing happens.
fn verdict(random: &mut Random, call: &Call, kills: &[Arc<Notify>]) -> Verdict {
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

/// Runs one history. Returns the calls and the violations.
fn history(seed: u64, planted: PlantedFault) -> (Vec<Call>, Vec<String>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let lag = if planted == PlantedFault::LongReadLag { 60_000 } else { 9_500 };
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
        // In every other history, the first stack is deleted early, and the others are created when that is about to
        // happen.
        let chase = seed.is_multiple_of(2);
        // In half of those, they request the same, so that they have nothing to change and are ready at once.
        let common = seed.is_multiple_of(4).then(|| request(&mut random, dns));
        let (deleting, is_deleting) = watch::channel(false);
        let mut deleting = Some(deleting);
        let plans: Vec<_> = (0..stacks)
            .map(|n| {
                let deployment =
                    Deployment::new(&cloud, &format!("app-{n}"), &watch, &kills[usize::try_from(n).unwrap()]);
                let first = deleting.take();
                let waits = match (chase, &first) {
                    (true, Some(_)) => [0; 3],
                    (true, None) => [10 + random.below(30), random.below(60), random.below(60)],
                    (false, _) => [random.below(90), random.below(60), random.below(60)],
                };
                let update = if chase && first.is_some() { 0 } else { random.below(4) };
                let [wanted, other] = [(); 2].map(|()| request(&mut random, dns));
                let requests = [common.clone().unwrap_or(wanted), other];
                let (cloud, mut is_deleting) = (cloud.clone(), is_deleting.clone());
                async move {
                    if chase && first.is_none() {
                        // An error means that the first stack could not be created.
                        let _ = is_deleting.wait_for(|is_deleting| *is_deleting).await;
                    }
                    run_stack(cloud, deployment, waits, update, requests, first).await;
                }
            })
            .collect();
        let watching = watch.clone();
        cloud.sim.on_call(move |call| {
            watching.check(call);
            verdict(&mut random, call, &kills)
        });
        let planting = async {
            loop {
                plant(planted, &cloud.sim);
                cloud.pass(1).await;
            }
        };
        tokio::select! {
            _ = futures_util::future::join_all(plans) => {}
            () = planting => {}
        }
        cloud.pass(400).await;
        watch.check_end(0);
        (cloud.sim.log(), watch.violations())
    })
}

/// What a stack requests: zones or a subnet; and a security group of its own, or clients for the provider's.
fn request(random: &mut Random, dns: bool) -> Value {
    let subnets = [json!(null), json!([SUBNET_AZ1]), json!([SUBNET_AZ2])];
    let clients = [
        json!({}),
        json!({ "SecurityGroupIds": ["sg-0a1def1111111111a"] }),
        json!({ "SecurityGroupIds": null, "AllowedCidrs": ["10.0.0.0/20"] }),
        json!({ "SecurityGroupIds": null, "AllowedCidrs": ["10.0.16.0/20"] }),
    ];
    let mut one_of = |choices: &[Value]| choices[usize::try_from(random.below(choices.len() as u64)).unwrap()].clone();
    let base = with(properties(), json!({ "PrivateDnsEnabled": dns, "SubnetIds": one_of(&subnets) }));
    with(base, one_of(&clients))
}

/// Creates, updates, and deletes a stack. Notifies those that wait for the deletion.
async fn run_stack(
    cloud: Cloud,
    mut stack: Deployment,
    waits: [u64; 3],
    update: u64,
    [wanted, other]: [Value; 2],
    deleting: Option<watch::Sender<bool>>,
) {
    cloud.pass(waits[0]).await;
    if stack.create(&wanted).await.is_none() {
        return;
    }
    cloud.pass(waits[1]).await;
    match update {
        0 => {}
        1 => stack.update(&with(wanted, json!({ "Tags": [{ "Key": "team", "Value": "data" }] }))).await,
        2 => stack.update(&other).await,
        _ => stack.update(&with(wanted, json!({ "ServiceName": SERVICE_2, "SubnetIds": null }))).await,
    }
    cloud.pass(waits[2]).await;
    if let Some(deleting) = deleting {
        // An error means that no other stack waits.
        let _ = deleting.send(true);
    }
    stack.delete().await;
}

fn plant(planted: PlantedFault, sim: &ec2_sim::Ec2) {
    let unwanted = match planted {
        PlantedFault::NoOwner => ":owned",
        PlantedFault::NoAnnouncement => ":leaving:",
        PlantedFault::None | PlantedFault::LongReadLag => return,
    };
    for endpoint in sim.endpoints() {
        for key in endpoint.tags.keys().filter(|key| key.contains(unwanted)) {
            sim.remove_tag(&endpoint.id, key);
        }
    }
}

/// Panics with the violations, and the command that replays the history. Returns the number of calls.
fn check(seed: u64) -> usize {
    let (log, violations) = history(seed, PlantedFault::None);
    let command = format!("SEED={seed} cargo test --test it histories::replay -- --ignored --nocapture");
    assert_eq!(violations, [""; 0], "replay: {command}");
    log.len()
}

/// The trace of a history, call by call.
fn trace(log: &[Call]) -> String {
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
fn a_seed_always_gives_the_same_history() {
    for seed in [1, 8] {
        let [one, two] = [(); 2].map(|()| trace(&history(seed, PlantedFault::None).0));
        assert!(one.lines().count() > 40 && one == two, "seed {seed}");
    }
}

#[test]
fn every_planted_fault_is_found() {
    for planted in [PlantedFault::NoOwner, PlantedFault::NoAnnouncement, PlantedFault::LongReadLag] {
        let found = (0..100).find(|seed| !history(*seed, planted).1.is_empty());
        println!("{planted:?}: seed {found:?}");
        assert!(found.is_some(), "{planted:?}");
    }
}

/// `SEED=7 cargo test --test it histories::replay -- --ignored --nocapture`
#[test]
#[ignore = "replays the history that SEED determines"]
#[expect(clippy::disallowed_methods, reason = "run manually, with the seed given in the environment")]
fn replay() {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0);
    let (log, violations) = history(seed, PlantedFault::None);
    println!("{}\n{}", trace(&log), violations.join("\n"));
}

/// `EXPLORE_SECONDS=600 cargo test --test it histories::for_explore_seconds -- --ignored --nocapture`
#[test]
#[ignore = "runs for EXPLORE_SECONDS"]
#[expect(clippy::disallowed_methods, reason = "run manually, in real time")]
fn for_explore_seconds() {
    let seconds = std::env::var("EXPLORE_SECONDS").ok().and_then(|seconds| seconds.parse().ok()).unwrap_or(60);
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
async fn forty_stacks_at_the_same_moment_create_one_endpoint() {
    let cloud = Cloud::new();
    let stacks: Vec<_> = (0..40).map(|n| cloud.stack(&format!("app-{n}"))).collect();
    let wanted = properties();
    let answers = futures_util::future::join_all(stacks.iter().map(|stack| stack.create(&wanted))).await;
    let id = cloud.endpoint().id;
    for answer in answers {
        assert_eq!(answer.succeeded().physical_id, id);
    }
}
