//! States, and reads that are behind.

use super::*;
use crate::{Casing, DnsOrder, Span};

#[tokio::test(start_paused = true)]
async fn an_endpoint_lives_through_its_states() {
    let ec2 = at_once(|knobs| {
        knobs.create_ms = Span::exactly(60_000);
        knobs.delete_ms = Span::exactly(30_000);
        knobs.deleted_listed_ms = Span::exactly(10_000);
    });
    let seen = async |id: &str| {
        let answer = describe(&ec2, id).await;
        if answer.status == 200 { answer.one("state") } else { answer.code() }
    };
    let id = created(&ec2, &[]).await;
    pass(59_999).await;
    assert_eq!(seen(&id).await, "pending");
    pass(1).await;
    assert_eq!(seen(&id).await, "available");
    assert_eq!(delete(&ec2, &id).await.items("unsuccessful").len(), 0);
    assert_eq!(seen(&id).await, "deleting");
    pass(10_000).await;
    assert_eq!(delete(&ec2, &id).await.items("unsuccessful").len(), 0, "again is fine");
    pass(19_999).await;
    assert_eq!(seen(&id).await, "deleting", "the second call did not begin anew");
    pass(1).await;
    assert_eq!(seen(&id).await, "deleted");
    assert_eq!(state(&ec2, &id), None, "only listed");
    pass(10_000).await;
    assert_eq!(seen(&id).await, "InvalidVpcEndpointId.NotFound");
    describe(&ec2, &id)
        .await
        .refused("InvalidVpcEndpointId.NotFound", &format!("The Vpc Endpoint Id '{id}' does not exist"));
}

#[tokio::test(start_paused = true)]
async fn what_is_deleted_while_it_is_made_never_becomes_available() {
    let ec2 = at_once(|knobs| {
        knobs.create_ms = Span::exactly(60_000);
        knobs.delete_ms = Span::exactly(180_000);
    });
    let id = created(&ec2, &[]).await;
    pass(59_000).await;
    delete(&ec2, &id).await;
    pass(60_000).await;
    assert_eq!(state(&ec2, &id), Some(State::Deleting));
}

#[tokio::test(start_paused = true)]
async fn the_provider_accepts_rejects_or_lets_it_expire() {
    let ec2 = at_once(|knobs| knobs.create_ms = Span::exactly(60_000));
    let request = [("ServiceName", EXCLUSIVE), ("PrivateDnsEnabled", "false")];
    let id = created(&ec2, &request).await;
    pass(86_400_000).await;
    assert_eq!(describe(&ec2, &id).await.one("state"), "pendingAcceptance");
    let enable = modify(&ec2, &id, &[("PrivateDnsEnabled", "true")]).await;
    assert!(enable.one("Message").starts_with("Private DNS can only be enabled after"), "{enable:?}");
    ec2.accept_endpoint(&id);
    assert_eq!(state(&ec2, &id), Some(State::Pending));
    pass(60_000).await;
    assert_eq!(state(&ec2, &id), Some(State::Available));
    ec2.reject_endpoint(&id);
    assert_eq!(describe(&ec2, &id).await.one("state"), "rejected");
    let other = created(&ec2, &request).await;
    ec2.expire_endpoint(&other);
    assert_eq!(describe(&ec2, &other).await.one("state"), "expired");
    assert_eq!(delete(&ec2, &other).await.items("unsuccessful").len(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_provider_may_accept_by_itself() {
    let ec2 = at_once(|knobs| knobs.acceptance_ms = Some(Span::exactly(5_000)));
    let id = created(&ec2, &[("ServiceName", EXCLUSIVE), ("PrivateDnsEnabled", "false")]).await;
    pass(4_999).await;
    assert_eq!(state(&ec2, &id), Some(State::PendingAcceptance));
    pass(1).await;
    assert_eq!(state(&ec2, &id), Some(State::Available));
}

#[tokio::test(start_paused = true)]
async fn a_failed_endpoint_says_why_and_keeps_its_name() {
    let ec2 = at_once(|knobs| knobs.create_ms = Span::exactly(60_000));
    let id = created(&ec2, &[]).await;
    ec2.fail_endpoint(&id, "InternalError", "no capacity");
    pass(60_000).await;
    let answer = describe(&ec2, &id).await;
    assert_eq!((answer.one("state").as_str(), answer.one("lastError").contains("no capacity")), ("failed", true));
    assert_eq!(create(&ec2, &[]).await.code(), "InvalidParameter");
}

#[tokio::test(start_paused = true)]
async fn reads_are_behind_by_the_lag_and_no_more() {
    let ec2 = at_once(|knobs| {
        knobs.read_lag_ms = Span::exactly(3_000);
        knobs.delete_ms = Span::exactly(60_000);
    });
    let id = created(&ec2, &[]).await;
    assert_eq!(describe(&ec2, &id).await.code(), "InvalidVpcEndpointId.NotFound", "even at the very start");
    pass(3_000).await;
    describe(&ec2, &id).await.ok();
    call(&ec2, "CreateTags", &[("ResourceId.1", &id), ("Tag.1.Key", "k"), ("Tag.1.Value", "v")]).await.ok();
    assert_eq!(describe(&ec2, &id).await.items("tagSet").len(), 0);
    pass(3_000).await;
    assert_eq!(describe(&ec2, &id).await.items("tagSet").len(), 1);
    delete(&ec2, &id).await;
    assert_eq!(describe(&ec2, &id).await.one("state"), "available");
    pass(3_000).await;
    assert_eq!(describe(&ec2, &id).await.one("state"), "deleting");
}

#[tokio::test(start_paused = true)]
async fn changes_may_be_behind_too() {
    let ec2 = at_once(|knobs| knobs.write_lag_ms = Span::exactly(1_000));
    let id = created(&ec2, &[]).await;
    let tag = [("ResourceId.1", id.as_str()), ("Tag.1.Key", "k")];
    assert_eq!(call(&ec2, "CreateTags", &tag).await.code(), "InvalidVpcEndpointId.NotFound");
    assert_eq!(delete(&ec2, &id).await.one("code"), "InvalidVpcEndpoint.NotFound");
    pass(1_000).await;
    call(&ec2, "CreateTags", &tag).await.ok();
}

#[tokio::test(start_paused = true)]
async fn lag_is_drawn_from_the_seed() {
    let run = async |seed| {
        let mut world = world();
        (world.seed, world.knobs.throttling) = (seed, false);
        let ec2 = Ec2::new(world);
        let id = created(&ec2, &[]).await;
        let mut seen = vec![id.clone()];
        for _ in 0..30 {
            pass(100).await;
            seen.push(describe(&ec2, &id).await.status.to_string());
        }
        seen
    };
    let first = run(5).await;
    assert_eq!(first, run(5).await);
    assert!(first.contains(&"200".to_owned()) && first.contains(&"400".to_owned()), "{first:?}");
    assert_ne!(first[0], run(6).await[0]);
}

#[tokio::test(start_paused = true)]
async fn names_come_with_availability_and_in_any_order() {
    let ec2 = at_once(|knobs| {
        knobs.create_ms = Span::exactly(60_000);
        knobs.modify_ms = Span::exactly(60_000);
        knobs.dns_order = DnsOrder::Aws;
    });
    let id = created(&ec2, &[]).await;
    assert_eq!(describe(&ec2, &id).await.items("dnsEntrySet").len(), 0, "not while it is made");
    pass(60_000).await;
    let answer = describe(&ec2, &id).await;
    let names = answer.all("dnsName");
    let (stem, rest) = names[0].split_once('.').unwrap();
    assert_eq!(rest, "vpce-svc-0a1b2c3d4e5f60718.us-east-1.vpce.amazonaws.com");
    assert_eq!(stem.len(), id.len() + 9);
    assert_eq!(
        names[1..],
        [format!("{stem}-us-east-1c.{rest}"), format!("{stem}-us-east-1d.{rest}"), PRIVATE_NAME.to_owned(),]
    );
    let zones = answer.all("hostedZoneId");
    assert!(zones[0] == zones[1] && zones[1] == zones[2] && zones[2] != zones[3], "{zones:?}");

    modify(&ec2, &id, &[("RemoveSubnetId.1", SUBNET_D), ("PrivateDnsEnabled", "false")]).await.ok();
    let answer = describe(&ec2, &id).await;
    assert_eq!(answer.one("state"), "pending");
    assert_eq!(answer.all("dnsName"), [names[0].clone(), names[1].clone()], "a change keeps the others");

    ec2.turn_knobs(|knobs| knobs.dns_order = DnsOrder::Shuffled);
    assert_eq!(describe(&ec2, &id).await.all("dnsName"), describe(&ec2, &id).await.all("dnsName"));
}

#[tokio::test(start_paused = true)]
async fn casing_is_a_knob_and_the_filter_does_not_follow_it() {
    let ec2 = at_once(|knobs| knobs.casing = Casing::Pascal);
    let id = created(&ec2, &[("ServiceName", EXCLUSIVE), ("PrivateDnsEnabled", "false")]).await;
    let answer = describe(&ec2, &id).await;
    assert_eq!((answer.one("state").as_str(), answer.one("ipAddressType").as_str()), ("PendingAcceptance", "Ipv4"));
    let filter = [("Filter.1.Name", "vpc-endpoint-state"), ("Filter.1.Value.1", "pendingAcceptance")];
    assert_eq!(call(&ec2, "DescribeVpcEndpoints", &filter).await.all("vpcEndpointId"), [id]);
}

#[tokio::test(start_paused = true)]
async fn the_wall_clock_shows_the_epoch_and_what_has_passed() {
    let ec2 = Ec2::new(world());
    pass(90_000).await;
    assert_eq!(ec2.now().to_string(), "2026-03-01T12:01:30Z");
}
