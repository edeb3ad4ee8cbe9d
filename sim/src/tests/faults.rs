//! The log, the hook, throttling, and unrecognized requests.

use std::sync::{Arc, Mutex};

use super::*;
use crate::{EndpointSpec, Loss, Outcome, Span, Verdict};

fn hooked(verdict: Verdict) -> Ec2 {
    let ec2 = instant(|_| {});
    ec2.on_call(move |call| if call.action == "CreateVpcEndpoint" { verdict.clone() } else { Verdict::Proceed });
    ec2
}

async fn within(ec2: &Ec2, ms: u64) -> Option<Response> {
    tokio::time::timeout(Duration::from_millis(ms), create(ec2, &[])).await.ok()
}

#[tokio::test(start_paused = true)]
async fn faults_before_the_effect() {
    let ec2 = hooked(Verdict::throttled());
    let response = create(&ec2, &[]).await;
    assert_eq!((response.status, response.code().as_str(), ec2.endpoints().len()), (503, "RequestLimitExceeded", 0));
    assert_eq!(ec2.log()[0].outcome.as_ref().and_then(Outcome::code), Some("RequestLimitExceeded"));

    let ec2 = hooked(Verdict::unauthorized("CreateVpcEndpoint"));
    let response = create(&ec2, &[]).await;
    assert_eq!((response.status, response.code().as_str()), (403, "UnauthorizedOperation"));
    assert!(response.one("Message").contains("ec2:CreateVpcEndpoint"));

    let ec2 = hooked(Verdict::Reset);
    assert_eq!((create(&ec2, &[]).await.status, ec2.endpoints().len()), (0, 0));

    let ec2 = hooked(Verdict::Hang);
    assert!(within(&ec2, 3_600_000).await.is_none());
    assert_eq!((ec2.endpoints().len(), &ec2.log()[0].outcome), (0, &None));

    let ec2 = hooked(Verdict::Delay(Duration::from_secs(7)));
    assert!(within(&ec2, 6_999).await.is_none());
    assert_eq!(ec2.endpoints().len(), 0, "a client that times out first cancels the call");
    assert!(within(&ec2, 7_001).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn responses_can_be_lost_after_the_effect() {
    for (loss, status) in [(Loss::Reset, Some(0)), (Loss::ServerError, Some(500)), (Loss::Silence, None)] {
        let ec2 = hooked(Verdict::LoseAnswer(loss));
        assert_eq!(within(&ec2, 60_000).await.map(|response| response.status), status, "{loss:?}");
        assert_eq!((ec2.endpoints().len(), &ec2.log()[0].outcome), (1, &Some(Outcome::Ok)), "{loss:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_read_can_be_made_stale() {
    let ec2 = instant(|_| {});
    let id = created(&ec2, &[]).await;
    advance(5_000).await;
    ec2.on_call(|_| Verdict::Stale(Duration::from_secs(6)));
    assert_eq!(describe(&ec2, &id).await.code(), "InvalidVpcEndpointId.NotFound");
    ec2.on_call(|_| Verdict::Stale(Duration::from_secs(5)));
    describe(&ec2, &id).await.ok();
}

#[tokio::test(start_paused = true)]
async fn a_hook_can_act_between_two_calls_and_replace_itself() {
    let ec2 = instant(|_| {});
    let peer = ec2.clone();
    ec2.on_call(move |call| {
        assert_eq!(call.action, "CreateVpcEndpoint");
        peer.create_foreign_endpoint(EndpointSpec {
            vpc_id: VPC.to_owned(),
            service_name: GATEWAY01.to_owned(),
            private_dns_enabled: true,
            ..EndpointSpec::default()
        });
        peer.on_call(|_| Verdict::Proceed);
        Verdict::Proceed
    });
    assert!(
        create(&ec2, &[]).await.one("Message").contains("conflicting DNS domain"),
        "the peer created its endpoint first"
    );
    call(&ec2, "DescribeVpcEndpoints", &[]).await.ok();
}

#[tokio::test(start_paused = true)]
async fn a_hook_is_not_invoked_for_its_own_calls() {
    let ec2 = instant(|_| {});
    let (peer, seen) = (ec2.clone(), Arc::new(Mutex::new(Vec::new())));
    let record = seen.clone();
    ec2.on_call(move |call| {
        record.lock().unwrap().push(call.action.clone());
        let form = "Action=DescribeVpcs&Version=2016-11-15";
        let mut inner = std::pin::pin!(peer.call(form));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(inner.as_mut().poll(&mut context).is_ready(), "without latency a call completes immediately");
        Verdict::Proceed
    });
    call(&ec2, "DescribeSubnets", &[]).await.ok();
    assert_eq!(*seen.lock().unwrap(), ["DescribeSubnets"]);
    assert_eq!(ec2.log().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_log_records_calls_as_sent() {
    let ec2 = instant(|knobs| knobs.latency_ms = Span::exactly(100));
    describe(&ec2, ABSENT).await;
    let log = ec2.log();
    assert_eq!((log.len(), log[0].number, log[0].action.as_str()), (1, 0, "DescribeVpcEndpoints"));
    assert_eq!(log[0].at, Duration::from_millis(50), "a request arrives after half of the round-trip time");
    assert_eq!(log[0].params, [("VpcEndpointId.1".to_owned(), ABSENT.to_owned())].into());
    assert_eq!(log[0].outcome.as_ref().and_then(Outcome::code), Some("InvalidVpcEndpointId.NotFound"));
}

#[tokio::test(start_paused = true)]
async fn throttling_can_be_disabled() {
    let ec2 = instant(|knobs| knobs.throttling = true);
    let refused = async || {
        let mut refused = 0;
        for _ in 0..6 {
            refused += usize::from(delete_raw(&ec2).await == "RequestLimitExceeded");
        }
        refused
    };
    assert_eq!(refused().await, 2);
    advance(3_334).await;
    assert_eq!(refused().await, 5, "the bucket refills at 0.3 calls per second");
    ec2.update_knobs(|knobs| knobs.throttling = false);
    assert_eq!(refused().await, 0);
}

async fn delete_raw(ec2: &Ec2) -> String {
    let response = call(ec2, "DeleteVpcEndpoints", &[("VpcEndpointId.1", ABSENT)]).await;
    if response.status == 200 { String::new() } else { response.code() }
}

#[tokio::test(start_paused = true)]
async fn an_action_can_be_unauthorized() {
    let mut world = world();
    world.knobs.instant();
    world.denied_actions.insert("DeleteVpcEndpoints".to_owned());
    assert_eq!(delete_raw(&Ec2::new(world)).await, "UnauthorizedOperation");
}

#[tokio::test(start_paused = true)]
async fn unrecognized_requests_are_rejected_and_recorded() {
    let ec2 = instant(|_| {});
    assert_eq!(call(&ec2, "RunInstances", &[]).await.code(), "InvalidAction");
    assert_eq!(create(&ec2, &[("SubnetConfiguration.1.SubnetId", SUBNET_C)]).await.code(), "UnknownParameter");
    assert_eq!(ec2.call("Action=DescribeVpcs").await.status, 400);
    assert_eq!(ec2.endpoints(), [], "rejected before any effect");
    let requests = ec2.unrecognized_requests();
    assert_eq!(requests.len(), 3, "{requests:?}");
    for (request, part) in requests.iter().zip(["RunInstances", "SubnetConfiguration.1.SubnetId", "2016-11-15"]) {
        assert!(request.contains(part), "{request}");
    }
}
