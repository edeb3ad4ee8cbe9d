//! The reading of properties: what is accepted, and what is reported as invalid.

use crate::cloud::{GROUP, SERVICE, SUBNET_AZ1, SUBNET_AZ2, VPC, with};
use serde_json::{Value, json};
use tidb_private_endpoint::model::change::IpAddressType;
use tidb_private_endpoint::request::property::PROPERTIES;
use tidb_private_endpoint::request::spec::{EndpointSpec, ReuseScope};

fn minimal() -> Value {
    json!({ "ServiceName": SERVICE, "VpcId": VPC })
}

fn faults(over: Value) -> Vec<String> {
    let faults = EndpointSpec::read(&with(minimal(), over)).err().unwrap_or_default();
    faults.iter().map(ToString::to_string).collect()
}

/// Checks that there is one fault, in the property `property`, whose sentence contains `says`.
fn fault(over: &Value, property: &str, says: &str) {
    let faults = faults(over.clone());
    assert_eq!(faults.len(), 1, "{over}: {faults:?}");
    assert!(faults[0].starts_with(property) && faults[0].contains(says), "{over}: {}", faults[0]);
    assert!(faults[0].ends_with('.'), "a sentence: {}", faults[0]);
}

#[test]
fn every_property_is_read_from_strings_or_typed_values() {
    let typed = json!({
        "ServiceToken": "arn:aws:lambda:us-east-1:123456789012:function:f", "ServiceTimeout": 900,
        "SubnetIds": [SUBNET_AZ1, SUBNET_AZ2, SUBNET_AZ1], "AvailabilityZoneIds": ["use1-az1", "usw2-lax1-az1"],
        "AllowedCidrs": ["10.0.0.0/8", "2001:db8::/32"], "AllowedSecurityGroupIds": [GROUP],
        "Port": 3306, "PrivateDnsEnabled": false, "IpAddressType": "dualstack", "ReuseScope": "Region",
        "Tags": [{ "Key": "team", "Value": "web" }, { "Key": "cost-centre", "Value": 7 }],
    });
    let strings = json!({
        "ServiceToken": "arn:aws:lambda:us-east-1:123456789012:function:f", "ServiceTimeout": "900",
        "SubnetIds": format!("{SUBNET_AZ1}, {SUBNET_AZ2}"), "AvailabilityZoneIds": "use1-az1,usw2-lax1-az1",
        "AllowedCidrs": ["10.0.0.0/8", " 2001:db8::/32 "], "AllowedSecurityGroupIds": [GROUP],
        "Port": " 3306", "PrivateDnsEnabled": "False", "IpAddressType": "dualstack", "ReuseScope": "Region",
        "Tags": ["team=web", "", " cost-centre = 7 "],
    });
    let from_typed = EndpointSpec::read(&with(minimal(), typed)).unwrap();
    assert_eq!(EndpointSpec::read(&with(minimal(), strings)).unwrap(), from_typed);
    assert_eq!(from_typed.subnet_ids, [SUBNET_AZ1.into(), SUBNET_AZ2.into()], "a repetition counts once");
    assert_eq!((from_typed.port, from_typed.private_dns), (3306, false));
    assert_eq!(
        (from_typed.ip_address_type, from_typed.reuse_scope),
        (Some(IpAddressType::Dualstack), ReuseScope::Region)
    );
    assert_eq!(from_typed.tags["cost-centre"], "7");
}

#[test]
fn an_empty_property_counts_as_not_given() {
    let empty = json!({ "SubnetIds": [""], "SecurityGroupIds": "", "Port": "", "AllowedCidrs": [], "Tags": null, "IpAddressType": "not-specified" });
    assert_eq!(EndpointSpec::read(&with(minimal(), empty)), EndpointSpec::read(&minimal()));
}

#[test]
fn every_kind_of_fault_has_a_sentence() {
    fault(&json!({ "ServiceName": null }), "ServiceName", "is missing");
    fault(&json!({ "ServiceName": "  " }), "ServiceName", "is missing");
    fault(
        &json!({ "ServiceName": "gateway01-privatelink.us-east-1.prod.aws.tidbcloud.com" }),
        "ServiceName",
        "it is a host name",
    );
    fault(&json!({ "ServiceName": "vpce-0123456789abcdef0" }), "ServiceName", "it is the ID of an endpoint");
    fault(&json!({ "ServiceName": "com.amazonaws.us-east-1.s3" }), "ServiceName", "TiDB Cloud shows");
    fault(&json!({ "VpcId": null }), "VpcId", "ReuseScope is Region");
    fault(&json!({ "VpcId": "vpc-0A11111111111111a" }), "VpcId", "vpc-0123456789abcdef0");
    fault(&json!({ "VpcId": [VPC] }), "VpcId", "must be a single value, not a list");
    fault(&json!({ "SubnetIds": ["subnet-x"] }), "SubnetIds", "'subnet-x'");
    fault(&json!({ "SubnetIds": { "a": 1 } }), "SubnetIds", "must be a list, not an object");
    fault(&json!({ "SubnetIds": [[SUBNET_AZ1]] }), "SubnetIds", "contains a list");
    fault(&json!({ "AvailabilityZoneIds": ["us-east-1a"] }), "AvailabilityZoneIds", "differ between accounts");
    fault(&json!({ "SecurityGroupIds": ["default"] }), "SecurityGroupIds", "sg-0123456789abcdef0");
    fault(&json!({ "AllowedCidrs": ["10.0.0.0"] }), "AllowedCidrs", "'10.0.0.0'");
    fault(&json!({ "AllowedCidrs": ["10.0.0.0/33"] }), "AllowedCidrs", "not a CIDR block");
    fault(
        &json!({ "AllowedCidrs": ["10.0.0.0/8"], "SecurityGroupIds": [GROUP] }),
        "AllowedCidrs",
        "your own security group",
    );
    for port in ["0", "65536", "-1", "4000.0", "mysql"] {
        fault(&json!({ "Port": port }), "Port", "from 1 to 65535");
    }
    fault(&json!({ "PrivateDnsEnabled": "yes" }), "PrivateDnsEnabled", "neither true nor false");
    fault(&json!({ "IpAddressType": "IPv4" }), "IpAddressType", "none of ipv4, dualstack, ipv6");
    fault(&json!({ "ReuseScope": "Account" }), "ReuseScope", "none of Vpc, Region");
    fault(&json!({ "Tags": { "team": "web" } }), "Tags", "must be a list of Key and Value pairs");
    fault(&json!({ "Tags": [{ "Key": "team" }] }), "Tags", "pairs such as");
    fault(&json!({ "Tags": [{ "Key": "team", "Value": "web", "Scope": "all" }] }), "Tags", "pairs such as");
    fault(&json!({ "Tags": ["team"] }), "Tags", "or team=data");
    fault(&json!({ "Tags": ["team=web=1", "aws:team="] }), "Tags", "'aws:team', which has a reserved prefix");
    fault(&json!({ "Tags": [{ "Key": "aws:team", "Value": "" }] }), "Tags", "reserved");
    fault(&json!({ "Tags": [{ "Key": "tidb-private-endpoint:owned", "Value": "" }] }), "Tags", "reserved");
    fault(&json!({ "Tags": [{ "Key": "a", "Value": "1" }, { "Key": "a", "Value": "2" }] }), "Tags", "more than once");
    fault(&json!({ "Tags": [{ "Key": "k".repeat(128), "Value": "1" }] }), "Tags", "127");
    fault(&json!({ "Tags": [{ "Key": "k", "Value": "v".repeat(256) }] }), "Tags", "255");
    let many: Vec<Value> = (0..41).map(|n| json!({ "Key": format!("k{n}"), "Value": "" })).collect();
    fault(&json!({ "Tags": many }), "Tags", "41 tags");
}

#[test]
fn for_a_misspelled_name_the_nearest_one_is_suggested() {
    for (wrong, right) in
        [("VpcID", "VpcId"), ("SubnetId", "SubnetIds"), ("privateDnsEnabled", "PrivateDnsEnabled"), ("Ports", "Port")]
    {
        fault(&json!({ wrong: "" }), wrong, &format!("did you mean {right}?"));
    }
    fault(&json!({ "PolicyDocument": "{}" }), "PolicyDocument", "the supported properties are ServiceName, ClusterId");
}

#[test]
fn hostile_input_is_shortened_and_escaped() {
    let long = "x".repeat(100_000);
    for faults in
        [faults(json!({ "VpcId": long })), faults(json!({ long: 1 })), faults(json!({ "VpcId": "a\u{0}b\nc" }))]
    {
        assert!(faults.iter().all(|fault| fault.len() < 1_000 && !fault.contains(['\u{0}', '\n'])), "{faults:?}");
    }
    for nothing in [Value::Null, json!([]), json!("text"), json!(7)] {
        let faults = EndpointSpec::read(&nothing).unwrap_err();
        assert!(faults[0].to_string().contains("must be an object"), "{faults:?}");
    }
}

#[test]
fn the_table_has_every_name_once() {
    let mut names: Vec<&str> = PROPERTIES.iter().map(|property| property.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), PROPERTIES.len());
    for name in names {
        let sentences = faults(json!({ name: { "not": "this" } })).join(" ");
        assert!(!sentences.contains("is not a supported property"), "{name} is known to the reader: {sentences}");
        assert!(sentences.contains(&format!("{name} must be")), "{name} is read: {sentences}");
    }
}
