//! World files.

use super::*;
use crate::{EndpointSpec, Kind};

fn rejected(json: &str) -> String {
    World::from_json(json).unwrap_err().to_string()
}

fn with(from: &str, to: &str) -> String {
    let text = include_str!("../../worlds/us-east-1.json");
    assert!(text.contains(from), "{from}");
    rejected(&text.replacen(from, to, 1))
}

#[test]
fn an_invalid_world_is_reported_with_line_or_resource() {
    let error = rejected("{\n  \"region\": \"us-east-1\",\n  \"color\": \"red\"\n}");
    assert!(error.contains("unknown field `color`") && error.contains("line 3"), "{error}");
    let cases = [
        (r#""seed": 1"#, r#""seed": 1, "knobs": {"create_ms": [5, 1]}"#, "knobs.create_ms: 5 is greater than 1"),
        (r#""seed": 1"#, r#""seed": 1, "knobs": {"crate_ms": [5, 1]}"#, "unknown field `crate_ms`"),
        ("\"123456789012\"", "\"12345\"", "account \"12345\": expected 12 digits"),
        ("\"us-east-1b\": \"use1-az6\"", "\"us-east-1b\": \"use1-az4\"", "two names for the same zone ID"),
        (
            "\"zone\": \"us-east-1a\"",
            "\"zone\": \"us-east-1z\"",
            "subnet subnet-0a1a11111111111a1: Availability Zone us-east-1z does not exist",
        ),
        (
            "\"id\": \"vpc-0a11111111111111a\"",
            "\"id\": \"vpc-0a11111111111111c\"",
            "VPC vpc-0a11111111111111a does not exist",
        ),
        ("subnet-0a1c11111111111c1", "subnet-0a1a11111111111a1", "subnet-0a1a11111111111a1 is not unique"),
        (
            "{ \"group\": \"sg-0a1def1111111111a\" }",
            "{ \"group\": \"sg-0b1def1111111111a\" }",
            "refers to sg-0b1def1111111111a",
        ),
        ("[\"use1-az1\", \"use1-az2\"]", "[\"us-east-1a\"]", "zone_ids must be IDs"),
    ];
    for (from, to, message) in cases {
        let error = with(from, to);
        assert!(error.contains(message), "{error:?} should contain {message:?}");
    }
}

#[test]
fn endpoints_must_refer_to_existing_resources() {
    let good = EndpointSpec {
        vpc_id: VPC.to_owned(),
        service_name: GATEWAY01.to_owned(),
        subnet_ids: vec![SUBNET_C.to_owned()],
        group_ids: vec![GROUP.to_owned()],
        ..EndpointSpec::default()
    };
    let check = |change: fn(&mut EndpointSpec)| {
        let mut spec = good.clone();
        change(&mut spec);
        World { endpoints: vec![spec], ..world() }.check().map_err(|error| error.to_string())
    };
    assert_eq!(check(|_| {}), Ok(()));
    let gateway = |spec: &mut EndpointSpec| {
        (spec.kind, spec.service_name) = (Kind::Gateway, "com.amazonaws.us-east-1.s3".to_owned());
    };
    assert_eq!(check(gateway), Ok(()), "AWS services do not have to be in the world");
    assert!(check(|spec| spec.service_name.push('x')).unwrap_err().contains("service com.amazonaws.vpce"));
    assert!(
        check(|spec| spec.vpc_id = VPC_OTHER.to_owned())
            .unwrap_err()
            .contains("subnet subnet-0a1c11111111111c1 does not exist")
    );
    assert!(
        check(|spec| spec.group_ids = vec!["sg-0d4db44444444444d".to_owned()]).unwrap_err().contains("security group")
    );
    assert!(check(|spec| spec.id = "vpce-x".to_owned()).is_err());
}

#[tokio::test(start_paused = true)]
async fn read_lag_does_not_affect_resources_of_the_world_file() {
    let mut world = world();
    world.knobs.read_lag_ms = crate::Span::exactly(600_000);
    world.endpoints.push(EndpointSpec {
        id: ABSENT.to_owned(),
        vpc_id: VPC.to_owned(),
        service_name: GATEWAY01.to_owned(),
        private_dns_enabled: true,
        subnet_ids: vec![SUBNET_C.to_owned()],
        ..EndpointSpec::default()
    });
    let ec2 = Ec2::new(world);
    let response = describe(&ec2, ABSENT).await.ok();
    assert_eq!((response.one("state").as_str(), response.all("dnsName").len()), ("available", 3));
    assert_eq!(create(&ec2, &[]).await.code(), "InvalidParameter", "its name is in use");
}

#[test]
fn an_empty_world_is_valid_and_every_vpc_gets_a_default_group() {
    World::default().check().unwrap();
    let ec2 = Ec2::new(world());
    let plane = ec2.plane();
    for vpc in plane.vpcs.keys() {
        assert!(plane.default_group(vpc).is_some(), "{vpc}");
    }
}
