//! States, and read lag.

use super::*;
use crate::{Casing, DnsOrder, Span};

#[tokio::test(start_paused = true)]
async fn an_endpoint_goes_through_its_states() {
    let ec2 = instant(|knobs| {
        knobs.create_ms = Span::exactly(60_000);
        knobs.delete_ms = Span::exactly(30_000);
        knobs.deleted_listed_ms = Span::exactly(10_000);
    });
    let seen = async |id: &str| {
        let response = describe(&ec2, id).await;
        if response.status == 200 { response.one("state") } else { response.code() }
    };
    let id = created(&ec2, &[]).await;
    advance(59_999).await;
    assert_eq!(seen(&id).await, "pending");
    advance(1).await;
    assert_eq!(seen(&id).await, "available");
    assert_eq!(delete(&ec2, &id).await.items("unsuccessful").len(), 0);
    assert_eq!(seen(&id).await, "deleting");
    advance(10_000).await;
    assert_eq!(delete(&ec2, &id).await.items("unsuccessful").len(), 0, "deleting it again succeeds");
    advance(19_999).await;
    assert_eq!(seen(&id).await, "deleting", "the second call did not restart the deletion");
    advance(1).await;
    assert_eq!(seen(&id).await, "deleted");
    assert_eq!(state(&ec2, &id), None, "no longer exists, only listed");
    advance(10_000).await;
    assert_eq!(seen(&id).await, "InvalidVpcEndpointId.NotFound");
    describe(&ec2, &id)
        .await
        .rejected("InvalidVpcEndpointId.NotFound", &format!("The Vpc Endpoint Id '{id}' does not exist"));
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_deleted_during_creation_never_becomes_available() {
    let ec2 = instant(|knobs| {
        knobs.create_ms = Span::exactly(60_000);
        knobs.delete_ms = Span::exactly(180_000);
    });
    let id = created(&ec2, &[]).await;
    advance(59_000).await;
    delete(&ec2, &id).await;
    advance(60_000).await;
    assert_eq!(state(&ec2, &id), Some(State::Deleting));
}

#[tokio::test(start_paused = true)]
async fn the_service_owner_accepts_rejects_or_lets_a_request_expire() {
    let ec2 = instant(|knobs| knobs.create_ms = Span::exactly(60_000));
    let request = [("ServiceName", EXCLUSIVE), ("PrivateDnsEnabled", "false")];
    let id = created(&ec2, &request).await;
    advance(86_400_000).await;
    assert_eq!(describe(&ec2, &id).await.one("state"), "pendingAcceptance");
    let enable = modify(&ec2, &id, &[("PrivateDnsEnabled", "true")]).await;
    assert!(enable.one("Message").starts_with("Private DNS can only be enabled after"), "{enable:?}");
    ec2.accept_endpoint(&id);
    assert_eq!(state(&ec2, &id), Some(State::Pending));
    advance(60_000).await;
    assert_eq!(state(&ec2, &id), Some(State::Available));
    ec2.reject_endpoint(&id);
    assert_eq!(describe(&ec2, &id).await.one("state"), "rejected");
    let other = created(&ec2, &request).await;
    ec2.expire_endpoint(&other);
    assert_eq!(describe(&ec2, &other).await.one("state"), "expired");
    assert_eq!(delete(&ec2, &other).await.items("unsuccessful").len(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_service_owner_can_accept_automatically() {
    let ec2 = instant(|knobs| knobs.acceptance_ms = Some(Span::exactly(5_000)));
    let id = created(&ec2, &[("ServiceName", EXCLUSIVE), ("PrivateDnsEnabled", "false")]).await;
    advance(4_999).await;
    assert_eq!(state(&ec2, &id), Some(State::PendingAcceptance));
    advance(1).await;
    assert_eq!(state(&ec2, &id), Some(State::Available));
}

#[tokio::test(start_paused = true)]
async fn a_failed_endpoint_has_an_error_and_keeps_its_name() {
    let ec2 = instant(|knobs| knobs.create_ms = Span::exactly(60_000));
    let id = created(&ec2, &[]).await;
    ec2.fail_endpoint(&id, "InternalError", "no capacity");
    advance(60_000).await;
    let response = describe(&ec2, &id).await;
    assert_eq!((response.one("state").as_str(), response.one("lastError").contains("no capacity")), ("failed", true));
    assert_eq!(create(&ec2, &[]).await.code(), "InvalidParameter");
}

#[tokio::test(start_paused = true)]
async fn reads_return_data_from_before_the_lag() {
    let ec2 = instant(|knobs| {
        knobs.read_lag_ms = Span::exactly(3_000);
        knobs.delete_ms = Span::exactly(60_000);
    });
    let id = created(&ec2, &[]).await;
    assert_eq!(describe(&ec2, &id).await.code(), "InvalidVpcEndpointId.NotFound", "even right after the start");
    advance(3_000).await;
    describe(&ec2, &id).await.ok();
    call(&ec2, "CreateTags", &[("ResourceId.1", &id), ("Tag.1.Key", "k"), ("Tag.1.Value", "v")]).await.ok();
    assert_eq!(describe(&ec2, &id).await.items("tagSet").len(), 0);
    advance(3_000).await;
    assert_eq!(describe(&ec2, &id).await.items("tagSet").len(), 1);
    delete(&ec2, &id).await;
    assert_eq!(describe(&ec2, &id).await.one("state"), "available");
    advance(3_000).await;
    assert_eq!(describe(&ec2, &id).await.one("state"), "deleting");
}

#[tokio::test(start_paused = true)]
async fn changes_can_lag_too() {
    let ec2 = instant(|knobs| knobs.write_lag_ms = Span::exactly(1_000));
    let id = created(&ec2, &[]).await;
    let tag = [("ResourceId.1", id.as_str()), ("Tag.1.Key", "k")];
    assert_eq!(call(&ec2, "CreateTags", &tag).await.code(), "InvalidVpcEndpointId.NotFound");
    assert_eq!(delete(&ec2, &id).await.one("code"), "InvalidVpcEndpoint.NotFound");
    advance(1_000).await;
    call(&ec2, "CreateTags", &tag).await.ok();
}

#[tokio::test(start_paused = true)]
async fn lag_depends_on_the_seed() {
    let run = async |seed| {
        let mut world = world();
        (world.seed, world.knobs.throttling) = (seed, false);
        let ec2 = Ec2::new(world);
        let id = created(&ec2, &[]).await;
        let mut seen = vec![id.clone()];
        for _ in 0..30 {
            advance(100).await;
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
async fn dns_entries_appear_with_availability_and_in_any_order() {
    let ec2 = instant(|knobs| {
        knobs.create_ms = Span::exactly(60_000);
        knobs.modify_ms = Span::exactly(60_000);
        knobs.dns_order = DnsOrder::Aws;
        knobs.dns_entries_while_pending = false;
    });
    let id = created(&ec2, &[]).await;
    assert_eq!(describe(&ec2, &id).await.items("dnsEntrySet").len(), 0, "not during creation");
    advance(60_000).await;
    let response = describe(&ec2, &id).await;
    let names = response.all("dnsName");
    let (stem, rest) = names[0].split_once('.').unwrap();
    assert_eq!(rest, "vpce-svc-0a1b2c3d4e5f60718.us-east-1.vpce.amazonaws.com");
    assert_eq!(stem.len(), id.len() + 9);
    assert_eq!(
        names[1..],
        [format!("{stem}-us-east-1c.{rest}"), format!("{stem}-us-east-1d.{rest}"), PRIVATE_NAME.to_owned(),]
    );
    let zones = response.all("hostedZoneId");
    assert!(zones[0] == zones[1] && zones[1] == zones[2] && zones[2] != zones[3], "{zones:?}");

    modify(&ec2, &id, &[("RemoveSubnetId.1", SUBNET_D), ("PrivateDnsEnabled", "false")]).await.ok();
    let response = describe(&ec2, &id).await;
    assert_eq!(response.one("state"), "pending");
    assert_eq!(response.all("dnsName"), [names[0].clone(), names[1].clone()], "a modification keeps the others");

    ec2.update_knobs(|knobs| knobs.dns_order = DnsOrder::Shuffled);
    assert_eq!(describe(&ec2, &id).await.all("dnsName"), describe(&ec2, &id).await.all("dnsName"));
}

#[tokio::test(start_paused = true)]
async fn casing_does_not_affect_the_filter() {
    let ec2 = instant(|knobs| knobs.casing = Casing::Pascal);
    let id = created(&ec2, &[("ServiceName", EXCLUSIVE), ("PrivateDnsEnabled", "false")]).await;
    let response = describe(&ec2, &id).await;
    assert_eq!((response.one("state").as_str(), response.one("ipAddressType").as_str()), ("PendingAcceptance", "Ipv4"));
    let filter = [("Filter.1.Name", "vpc-endpoint-state"), ("Filter.1.Value.1", "pendingAcceptance")];
    assert_eq!(call(&ec2, "DescribeVpcEndpoints", &filter).await.all("vpcEndpointId"), [id]);
}

#[tokio::test(start_paused = true)]
async fn the_wall_clock_shows_the_epoch_plus_the_elapsed_time() {
    let ec2 = Ec2::new(world());
    advance(90_000).await;
    assert_eq!(ec2.now().to_string(), "2026-03-01T12:01:30Z");
}
