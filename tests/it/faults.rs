//! Fault injection: every fault at every call of every story, one at a time. Then the event is delivered again, or
//! CloudFormation rolls the stack back. The story continues to its end, and nothing may be left over.

use crate::cloud::*;
use crate::deployment::{Deployment, Watch};
use ec2_sim::{Loss, Span, Verdict};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    Throttled,
    ErrorBefore,
    ErrorAfter,
    ResetBefore,
    ResetAfter,
    NeverArrives,
    NeverAnswers,
    Stale,
    Denied,
    KilledBefore,
    KilledAfter,
}

const FAULTS: [Fault; 11] = [
    Fault::Throttled,
    Fault::ErrorBefore,
    Fault::ErrorAfter,
    Fault::ResetBefore,
    Fault::ResetAfter,
    Fault::NeverArrives,
    Fault::NeverAnswers,
    Fault::Stale,
    Fault::Denied,
    Fault::KilledBefore,
    Fault::KilledAfter,
];

impl Fault {
    fn verdict(self, action: &str, kill: &Notify) -> Verdict {
        match self {
            Self::None => Verdict::Proceed,
            Self::Throttled => Verdict::throttled(),
            Self::ErrorBefore => Verdict::internal_error(),
            Self::ErrorAfter => Verdict::LoseAnswer(Loss::ServerError),
            Self::ResetBefore => Verdict::Reset,
            Self::ResetAfter => Verdict::LoseAnswer(Loss::Reset),
            Self::NeverArrives => Verdict::Hang,
            Self::NeverAnswers => Verdict::LoseAnswer(Loss::Silence),
            Self::Stale => Verdict::Stale(Duration::from_millis(9_500)),
            Self::Denied => Verdict::unauthorized(action),
            Self::KilledBefore => {
                kill.notify_waiters();
                Verdict::Hang
            }
            Self::KilledAfter => {
                kill.notify_waiters();
                Verdict::LoseAnswer(Loss::Silence)
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Story {
    CreateAndDelete,
    ManagedGroup,
    WithoutPrivateDns,
    JoinAndRelease,
    LeaveWithWhatWasBrought,
    GiveUpWhatWasBrought,
    UseForeign,
    UpdateInPlace,
    Replacement,
    Rollback,
    DeleteDuringCreate,
}

const STORIES: [Story; 11] = [
    Story::CreateAndDelete,
    Story::ManagedGroup,
    Story::WithoutPrivateDns,
    Story::JoinAndRelease,
    Story::LeaveWithWhatWasBrought,
    Story::GiveUpWhatWasBrought,
    Story::UseForeign,
    Story::UpdateInPlace,
    Story::Replacement,
    Story::Rollback,
    Story::DeleteDuringCreate,
];

/// Runs a story with a fault at one call. Returns the calls and the violations.
fn run(story: Story, fault: Fault, at: usize) -> (Vec<String>, Vec<String>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let cloud = Cloud::of(|world| {
            // Short, so that few looks are equal.
            world.knobs.create_ms = Span(4_000, 8_000);
            world.knobs.modify_ms = Span(4_000, 8_000);
            world.knobs.delete_ms = Span(4_000, 8_000);
            world.knobs.zone_release_ms = Span(0, 10_000);
            world.knobs.deleted_listed_ms = Span(0, 10_000);
        });
        let (watch, kill) = (Watch::new(&cloud), Arc::new(Notify::new()));
        let (watching, killing) = (watch.clone(), kill.clone());
        cloud.sim.on_call(move |call| {
            watching.check(call);
            if call.number == at { fault.verdict(&call.action, &killing) } else { Verdict::Proceed }
        });
        Box::pin(run_events(story, &cloud, &watch, &kill)).await;
        // The fault happens once, so a retry succeeds. Only a Create that was overtaken by its Delete may fail.
        if story != Story::DeleteDuringCreate {
            watch.failures.lock().unwrap().iter().for_each(|reason| watch.report(format!("FAILED: {reason}")));
        }
        (cloud.sim.log().into_iter().map(|call| call.action).collect(), watch.violations())
    })
}

async fn run_events(story: Story, cloud: &Cloud, watch: &Watch, kill: &Arc<Notify>) {
    let mut orders = Deployment::new(cloud, "orders", watch, kill);
    let mut billing = Deployment::new(cloud, "billing", watch, kill);
    let elsewhere = with(properties(), json!({ "ServiceName": SERVICE_2 }));
    match story {
        Story::CreateAndDelete => drop(orders.create(&properties()).await),
        Story::ManagedGroup => {
            let plain = with(properties(), json!({ "SecurityGroupIds": null }));
            orders.create(&plain).await;
            orders.update(&with(plain, json!({ "Port": 4001 }))).await;
        }
        Story::WithoutPrivateDns => {
            drop(orders.create(&with(properties(), json!({ "PrivateDnsEnabled": false }))).await);
        }
        Story::JoinAndRelease => {
            orders.create(&properties()).await;
            billing.create(&properties()).await;
            billing.delete().await;
        }
        Story::LeaveWithWhatWasBrought => {
            orders.create(&properties()).await;
            billing.create(&brought()).await;
            billing.delete().await;
            check_freed(cloud, watch);
        }
        Story::GiveUpWhatWasBrought => {
            orders.create(&properties()).await;
            billing.create(&brought()).await;
            billing.update(&properties()).await;
            check_freed(cloud, watch);
            billing.delete().await;
        }
        Story::UseForeign => {
            cloud.sim.create_foreign_endpoint(foreign());
            cloud.pass(10).await;
            orders.create(&properties()).await;
        }
        Story::UpdateInPlace => {
            orders.create(&properties()).await;
            let tags = json!([{ "Key": "team", "Value": "data" }]);
            orders.update(&with(properties(), json!({ "SubnetIds": [SUBNET_AZ1], "Tags": tags }))).await;
        }
        Story::Replacement => {
            orders.create(&properties()).await;
            orders.update(&elsewhere).await;
        }
        Story::Rollback => {
            orders.create(&properties()).await;
            orders.update_and_roll_back(&elsewhere).await;
        }
        Story::DeleteDuringCreate => return delete_during_create(cloud, watch, &orders).await,
    }
    orders.delete().await;
    watch.check_end(usize::from(story == Story::UseForeign));
}

/// A subnet that the service's other zones do not need, and clients for the provider's security group.
fn brought() -> serde_json::Value {
    let over = json!({ "SecurityGroupIds": null, "AllowedCidrs": ["10.0.0.0/20"], "SubnetIds": [SUBNET_AZ2] });
    with(properties(), over)
}

/// The other stack requests every zone and one security group, and nothing else is left when the stack has its response.
fn check_freed(cloud: &Cloud, watch: &Watch) {
    for endpoint in cloud.sim.endpoints().iter().filter(|endpoint| endpoint.state != ec2_sim::State::Deleting) {
        if endpoint.group_ids != [GROUP] {
            watch.report(format!("{} still has the security groups {:?}", endpoint.id, endpoint.group_ids));
        }
    }
}

/// CloudFormation deletes a resource whose Create has not responded, under a physical ID that it makes up.
async fn delete_during_create(cloud: &Cloud, watch: &Watch, orders: &Deployment) {
    let event = orders.stack.event("Create", &properties());
    let delete = async {
        cloud.pass(3).await;
        orders.delete_id("orders-TiDB-1KJH2LKJ3H4LK").await;
    };
    // A Create that is killed is delivered again, a minute later, and so after its Delete.
    tokio::join!(orders.send(&event, true), delete);
    cloud.pass(300).await;
    watch.check_end(0);
}

/// The faults for a call. A look has no effect, so it does not matter whether a fault comes before or after it.
fn faults(action: &str) -> &'static [Fault] {
    const LOOK: [Fault; 7] = [
        Fault::Throttled,
        Fault::ErrorBefore,
        Fault::ResetBefore,
        Fault::NeverAnswers,
        Fault::Stale,
        Fault::Denied,
        Fault::KilledBefore,
    ];
    if action.starts_with("Describe") { &LOOK } else { &FAULTS }
}

/// Injects all faults into the changes, and one in `every` into the looks. Returns the number of runs.
fn inject(story: Story, every: usize) -> usize {
    let (actions, violations) = run(story, Fault::None, 0);
    assert_eq!(violations, [""; 0], "{story:?} without a fault");
    let mut runs = 0;
    for (at, action) in actions.iter().enumerate() {
        for (n, fault) in faults(action).iter().enumerate() {
            if action.starts_with("Describe") && !(at + n).is_multiple_of(every) {
                continue;
            }
            let (_, violations) = run(story, *fault, at);
            assert_eq!(violations, [""; 0], "{story:?} with {fault:?} at call {at}, {action}");
            runs += 1;
        }
    }
    runs
}

/// One fault in this many is injected into the looks.
const SOME: usize = 8;

#[test]
fn every_fault_in_create_and_delete() {
    assert!(inject(Story::CreateAndDelete, SOME) > 30);
}

#[test]
fn every_fault_with_the_providers_security_group() {
    assert!(inject(Story::ManagedGroup, SOME) > 50);
}

#[test]
fn every_fault_without_private_dns() {
    assert!(inject(Story::WithoutPrivateDns, SOME) > 30);
}

#[test]
fn every_fault_while_joining_and_releasing() {
    assert!(inject(Story::JoinAndRelease, SOME) > 30);
}

#[test]
fn every_fault_while_leaving_with_what_was_brought() {
    assert!(inject(Story::LeaveWithWhatWasBrought, SOME) > 50);
}

#[test]
fn every_fault_while_giving_up_what_was_brought() {
    assert!(inject(Story::GiveUpWhatWasBrought, SOME) > 50);
}

#[test]
fn every_fault_with_a_foreign_endpoint() {
    assert!(inject(Story::UseForeign, SOME) > 8);
}

#[test]
fn every_fault_in_an_update_in_place() {
    assert!(inject(Story::UpdateInPlace, SOME) > 30);
}

#[test]
fn every_fault_in_a_replacement() {
    assert!(inject(Story::Replacement, SOME) > 30);
}

#[test]
fn every_fault_in_a_rollback() {
    assert!(inject(Story::Rollback, SOME) > 30);
}

#[test]
fn every_fault_in_a_delete_during_a_create() {
    assert!(inject(Story::DeleteDuringCreate, SOME) > 30);
}

/// Part of `make explore`.
#[test]
#[ignore = "takes several minutes"]
fn every_fault_at_every_call_of_every_story() {
    let mut runs = 0;
    for story in STORIES {
        runs += inject(story, 1);
    }
    println!("{} stories, {runs} runs", STORIES.len());
}
