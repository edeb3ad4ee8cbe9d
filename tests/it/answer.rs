//! The size of the response: long lists and warnings are shortened, essential attributes are not.

use jiff::Timestamp;
use serde_json::Value;
use tidb_private_endpoint::answer::{ANSWER_BYTES_MAX, Answer};
use tidb_private_endpoint::decision::outcome::{Outcome, Ready};
use tidb_private_endpoint::decision::warning::Warning;
use tidb_private_endpoint::model::endpoint::{DnsEntry, Endpoint, EndpointState};
use tidb_private_endpoint::model::ids::SubnetId;
use tidb_private_endpoint::model::tags::Tags;
use tidb_private_endpoint::request::event::{ReplyTo, ResponseUrl};

const ID: &str = "vpce-0123456789abcdef0";
const STACK: &str = "arn:aws:cloudformation:us-east-1:123456789012:stack/orders/51af3dc0-da77-11e4-872e-1234567db123";

fn endpoint(zones: usize) -> Endpoint {
    let entry = |name: String| DnsEntry { name, hosted_zone_id: "Z7HUB22UULQXV".to_owned() };
    let suffix = "vpce-svc-0a1b2c3d4e5f60718.us-east-1.vpce.amazonaws.com";
    let zonal = (0..zones).map(|n| entry(format!("{ID}-abcdefgh-us-east-1{n}.{suffix}")));
    // In an arbitrary order.
    let mut dns_entries: Vec<DnsEntry> = zonal.collect();
    dns_entries.push(entry(format!("{ID}-abcdefgh.{suffix}")));
    dns_entries.insert(0, entry("gateway01-privatelink.us-east-1.prod.aws.tidbcloud.com".to_owned()));
    Endpoint {
        id: ID.into(),
        vpc_id: "vpc-0a11111111111111a".into(),
        service_name: "com.amazonaws.vpce.us-east-1.vpce-svc-0a1b2c3d4e5f60718".into(),
        state: EndpointState::Available,
        private_dns: true,
        requester_managed: false,
        ip_address_type: "ipv4".to_owned(),
        subnet_ids: (0..zones).map(|n| SubnetId::from(format!("subnet-{n:017x}"))).collect(),
        group_ids: vec!["sg-0a1db41111111111a".into()],
        network_interface_ids: (0..zones).map(|n| format!("eni-{n:017x}")).collect(),
        dns_entries,
        created_at: Some("2026-11-23T09:00:00Z".parse::<Timestamp>().unwrap()),
        last_error: None,
        tags: Tags::new(),
    }
}

fn body(zones: usize, warnings: Vec<Warning>) -> Value {
    let endpoint = endpoint(zones);
    let private_dns_name = endpoint.private_names().first().map(|name| (*name).to_owned());
    let ready = Ready { endpoint, port: 4000, zones: Vec::new(), private_dns_name, user_prefix: None, warnings };
    let to = ReplyTo {
        response_url: ResponseUrl::new("https://example.com"),
        stack_id: STACK.to_owned(),
        request_id: "a7b2c3d4-0000-4000-8000-000000000001".to_owned(),
        logical_id: "TiDB".to_owned(),
        physical_id: None,
    };
    let answer = Answer::success(&Outcome::Created(Box::new(ready)), &to);
    let body = answer.body(&to);
    assert!(body.len() <= ANSWER_BYTES_MAX, "{} bytes", body.len());
    serde_json::from_str(&body).unwrap()
}

fn warnings(count: usize) -> Vec<Warning> {
    (0..count)
        .map(|n| Warning::SubnetLeftOut {
            subnet: format!("subnet-{n:017x}").into(), zone: "use1-az6 – ü".to_owned()
        })
        .collect()
}

#[test]
fn an_endpoint_in_six_zones_fits_whole() {
    let data = &body(6, warnings(2))["Data"];
    assert_eq!(data["DnsEntries"].as_str().unwrap().split(',').count(), 8);
    assert!(!data["Warnings"].as_str().unwrap().contains('…'));
}

#[test]
fn dns_names_are_recognized_by_their_form_and_not_by_position() {
    let data = &body(3, vec![])["Data"];
    assert_eq!(data["DnsName"], format!("{ID}-abcdefgh.vpce-svc-0a1b2c3d4e5f60718.us-east-1.vpce.amazonaws.com"));
    assert_eq!(data["PrivateDnsName"], "gateway01-privatelink.us-east-1.prod.aws.tidbcloud.com");
    assert_eq!(data["ZonalDnsNames"].as_str().unwrap().split(',').count(), 3);
}

#[test]
fn warnings_are_shortened_first_then_lists_and_never_essential_attributes() {
    let warned = &body(6, warnings(60))["Data"];
    assert!(warned["Warnings"].as_str().unwrap().ends_with('…'));
    assert_eq!(warned["DnsEntries"].as_str().unwrap().split(',').count(), 8, "the lists are still complete");

    let crowded = &body(60, warnings(60))["Data"];
    assert_eq!(crowded["Warnings"], "");
    assert_eq!(crowded["NetworkInterfaceIds"], "");
    let whole = &body(1, vec![])["Data"];
    for name in [
        "EndpointId",
        "DnsName",
        "PrivateDnsName",
        "Host",
        "Port",
        "HostedZoneId",
        "VpcId",
        "ServiceName",
        "Reused",
        "Ownership",
        "SharedWith",
        "JdbcUrl",
        "MysqlCommand",
    ] {
        assert_eq!(crowded[name], whole[name], "{name}");
    }
    let zonal = crowded["ZonalDnsNames"].as_str().unwrap();
    assert!(
        zonal.split(',').all(|name| name.is_empty() || name.ends_with(".amazonaws.com")),
        "complete items only: {zonal}"
    );
}
