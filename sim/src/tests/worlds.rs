//! World files.

use super::*;
use crate::{EndpointSpec, Kind};

fn refused(json: &str) -> String {
    World::from_json(json).unwrap_err().to_string()
}

fn with(from: &str, to: &str) -> String {
    let text = include_str!("../../worlds/us-east-1.json");
    assert!(text.contains(from), "{from}");
    refused(&text.replacen(from, to, 1))
}

#[test]
fn a_fault_is_named_with_its_place() {
    let error = refused("{\n  \"region\": \"us-east-1\",\n  \"colour\": \"red\"\n}");
    assert!(error.contains("unknown field `colour`") && error.contains("line 3"), "{error}");
    let cases = [
        (r#""seed": 1"#, r#""seed": 1, "knobs": {"create_ms": [5, 1]}"#, "knobs.create_ms: 5 is more than 1"),
        (r#""seed": 1"#, r#""seed": 1, "knobs": {"crate_ms": [5, 1]}"#, "unknown field `crate_ms`"),
        ("\"123456789012\"", "\"12345\"", "account \"12345\": 12 digits expected"),
        ("\"us-east-1b\": \"use1-az6\"", "\"us-east-1b\": \"use1-az4\"", "two names for one zone id"),
        (
            "\"zone\": \"us-east-1a\"",
            "\"zone\": \"us-east-1z\"",
            "subnet subnet-0a1a11111111111a1: there is no zone us-east-1z",
        ),
        (
            "\"id\": \"vpc-0a11111111111111a\"",
            "\"id\": \"vpc-0a11111111111111c\"",
            "there is no VPC vpc-0a11111111111111a",
        ),
        ("subnet-0a1c11111111111c1", "subnet-0a1a11111111111a1", "subnet-0a1a11111111111a1 is there twice"),
        (
            "{ \"group\": \"sg-0a1def1111111111a\" }",
            "{ \"group\": \"sg-0b1def1111111111a\" }",
            "refers to sg-0b1def1111111111a",
        ),
        ("[\"use1-az1\", \"use1-az2\"]", "[\"us-east-1a\"]", "zone_ids are ids"),
    ];
    for (from, to, message) in cases {
        let error = with(from, to);
        assert!(error.contains(message), "{error:?} should contain {message:?}");
    }
}

#[test]
fn endpoints_refer_to_what_there_is() {
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
    assert_eq!(check(gateway), Ok(()), "AWS's own need not be listed");
    assert!(check(|spec| spec.service_name.push('x')).unwrap_err().contains("there is no service"));
    assert!(check(|spec| spec.vpc_id = VPC_OTHER.to_owned()).unwrap_err().contains("there is no subnet"));
    assert!(
        check(|spec| spec.group_ids = vec!["sg-0d4db44444444444d".to_owned()]).unwrap_err().contains("security group")
    );
    assert!(check(|spec| spec.id = "vpce-x".to_owned()).is_err());
}

#[tokio::test(start_paused = true)]
async fn what_a_world_file_describes_was_always_there() {
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
    let answer = describe(&ec2, ABSENT).await.ok();
    assert_eq!((answer.one("state").as_str(), answer.all("dnsName").len()), ("available", 3));
    assert_eq!(create(&ec2, &[]).await.code(), "InvalidParameter", "and holds its name");
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
