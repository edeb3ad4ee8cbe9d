//! DNS entries, private DNS names, and the response of CreateVpcEndpoint, as recorded on AWS.

use super::*;
use crate::{DnsOrder, Service, Span};

const SHARING_NAME: &str = "com.amazonaws.vpce.us-east-1.vpce-svc-0718293a4b5c6d7e8";

/// A world with one more service, which is available in the zone of `SUBNET_C`.
fn with_service(names: &[&str]) -> Ec2 {
    let mut world = world();
    world.knobs.instant();
    world.knobs.dns_order = DnsOrder::Aws;
    world.services.push(Service {
        name: SHARING_NAME.to_owned(),
        zone_ids: ["use1-az1".to_owned()].into(),
        private_dns_name: names.first().map(|name| (*name).to_owned()),
        more_private_dns_names: names.iter().skip(1).map(|name| (*name).to_owned()).collect(),
        ..Service::default()
    });
    Ec2::new(world)
}

/// The hosted zone IDs of the private DNS entries.
async fn private_zones(ec2: &Ec2, id: &str) -> Vec<String> {
    let response = describe(ec2, id).await.ok();
    let names = response.all("dnsName");
    let zones = response.all("hostedZoneId");
    zones.into_iter().zip(names).filter(|(_, name)| !name.starts_with("vpce-")).map(|(zone, _)| zone).collect()
}

#[tokio::test(start_paused = true)]
async fn services_can_share_a_private_dns_name() {
    let ec2 = with_service(&[PRIVATE_NAME]);
    created(&ec2, &[("ServiceName", SHARING_NAME), ("SubnetId.2", "")]).await;
    let conflict = format!(
        "private-dns-enabled cannot be set because there is already a conflicting DNS domain for {PRIVATE_NAME} in the VPC {VPC}"
    );
    create(&ec2, &[]).await.rejected("InvalidParameter", &conflict);
    let id = created(&ec2, &[("PrivateDnsEnabled", "false")]).await;
    modify(&ec2, &id, &[("PrivateDnsEnabled", "true")]).await.rejected("InvalidParameter", &conflict);
    let filter = [("Filter.1.Name", "service-name"), ("Filter.1.Value.1", GATEWAY01)];
    let found = call(&ec2, "DescribeVpcEndpoints", &filter).await.ok();
    assert_eq!(found.all("vpcEndpointId"), [id], "a search by service does not find the other endpoint");
}

#[tokio::test(start_paused = true)]
async fn a_service_can_have_several_private_dns_names() {
    let names = ["dkr.example.com", "*.dkr.example.com", "dkr.example.net"];
    let ec2 = with_service(&names);
    let response = call(&ec2, "DescribeVpcEndpointServices", &[("ServiceName.1", SHARING_NAME)]).await.ok();
    assert_eq!(response.items("privateDnsNameSet").len(), 3);
    assert_eq!(response.one("privateDnsName"), names[0]);
    let request = [("ServiceName", SHARING_NAME), ("SubnetId.2", "")];
    ec2.add_customer_zone(VPC, names[2]);
    let response = create(&ec2, &request).await;
    assert!(response.one("Message").contains("conflicting DNS domain for dkr.example.net"), "{response:?}");
    ec2.remove_customer_zone(VPC, names[2]);
    let id = created(&ec2, &request).await;
    assert_eq!(describe(&ec2, &id).await.all("dnsName")[2..], names);
    let zones = private_zones(&ec2, &id).await;
    assert!(zones[0] == zones[1] && zones[1] != zones[2], "a wildcard is in the zone of its parent domain: {zones:?}");
    delete(&ec2, &id).await;
    created(&ec2, &request).await;
}

#[tokio::test(start_paused = true)]
async fn all_entries_exist_from_the_start_with_a_pending_zone_id() {
    let ec2 = instant(|knobs| {
        knobs.create_ms = Span::exactly(60_000);
        knobs.modify_ms = Span::exactly(10_000);
        knobs.dns_order = DnsOrder::Aws;
    });
    let response = create(&ec2, &[]).await.ok();
    let id = response.one("vpcEndpointId");
    assert_eq!(response.all("dnsName").len(), 4);
    assert_eq!(response.all("hostedZoneId"), ["Z7HUB22UULQXV", "Z7HUB22UULQXV", "Z7HUB22UULQXV", "ZONEIDPENDING"]);
    advance(59_999).await;
    assert_eq!(private_zones(&ec2, &id).await, ["ZONEIDPENDING"]);
    advance(1).await;
    let ready = private_zones(&ec2, &id).await;
    assert!(ready.len() == 1 && ready[0] != "ZONEIDPENDING", "{ready:?}");

    modify(&ec2, &id, &[("PrivateDnsEnabled", "false")]).await.ok();
    advance(10_000).await;
    assert_eq!(private_zones(&ec2, &id).await, [""; 0]);
    modify(&ec2, &id, &[("PrivateDnsEnabled", "true")]).await.ok();
    assert_eq!(private_zones(&ec2, &id).await, ["ZONEIDPENDING"], "while it is being enabled");
    advance(10_000).await;
    assert_eq!(private_zones(&ec2, &id).await, ready);
}

#[tokio::test(start_paused = true)]
async fn the_zone_id_can_be_pending_after_the_endpoint_is_available() {
    let ec2 = instant(|knobs| knobs.zone_id_pending_ms = Span::exactly(8_000));
    let id = created(&ec2, &[]).await;
    assert_eq!(state(&ec2, &id), Some(State::Available));
    modify(&ec2, &id, &[("AddSecurityGroupId.1", GROUP)]).await.ok();
    advance(7_999).await;
    assert_eq!(private_zones(&ec2, &id).await, ["ZONEIDPENDING"], "a modification does not change it");
    advance(1).await;
    assert_ne!(private_zones(&ec2, &id).await, ["ZONEIDPENDING"]);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_is_pending_acceptance_has_entries_and_interfaces() {
    let ec2 = instant(|_| {});
    let response = create(&ec2, &[("ServiceName", EXCLUSIVE), ("PrivateDnsEnabled", "false")]).await.ok();
    assert_eq!(response.one("state"), "pendingAcceptance");
    assert_eq!((response.all("dnsName").len(), response.items("networkInterfaceIdSet").len()), (3, 2));
}

#[tokio::test(start_paused = true)]
async fn the_response_of_create_has_policy_and_tags_only_if_the_request_has_them() {
    let ec2 = instant(|_| {});
    let bare = create(&ec2, &[("ClientToken", "a")]).await.ok();
    for absent in ["policyDocument", "tagSet", "clientToken"] {
        assert_eq!(bare.all(absent), [""; 0], "{absent}");
    }
    let shown = describe(&ec2, &bare.one("vpcEndpointId")).await.ok();
    assert_eq!((shown.all("policyDocument").len(), shown.all("tagSet").len()), (1, 1));
    let more = [
        ("PrivateDnsEnabled", "false"),
        ("PolicyDocument", "{}"),
        ("TagSpecification.1.ResourceType", "vpc-endpoint"),
        ("TagSpecification.1.Tag.1.Key", "a"),
    ];
    let full = create(&ec2, &more).await.ok();
    assert_eq!((full.one("policyDocument").as_str(), full.items("tagSet").len()), ("{}", 1));
}

#[tokio::test(start_paused = true)]
async fn subnet_ids_can_be_shuffled_and_the_type_can_be_absent() {
    let ec2 = instant(|knobs| knobs.shuffle_subnet_ids = true);
    let listed = async |response: &Response| response.items("subnetIdSet");
    let mut orders = std::collections::BTreeSet::new();
    for _ in 0..20 {
        let response = create(&ec2, &[("PrivateDnsEnabled", "false")]).await.ok();
        let again = describe(&ec2, &response.one("vpcEndpointId")).await;
        assert_eq!(listed(&response).await, listed(&again).await, "the order does not change");
        orders.insert(listed(&again).await);
    }
    assert_eq!(orders.len(), 2);
    ec2.update_knobs(|knobs| {
        knobs.shuffle_subnet_ids = false;
        knobs.show_endpoint_type = false;
    });
    let all = call(&ec2, "DescribeVpcEndpoints", &[]).await.ok();
    assert_eq!(all.items("subnetIdSet"), [SUBNET_C, SUBNET_D]);
    assert_eq!(all.all("vpcEndpointType"), [""; 0]);
}
