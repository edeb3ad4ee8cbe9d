//! Unit tests of the rules, through the same interface as any client, on a paused clock.

mod changes;
mod creation;
mod denials;
mod faults;
mod groups;
mod lists;
mod names;
mod networks;
mod permissions;
mod propagation;
mod routing;
mod subnets;
mod time;
mod worlds;

use std::time::Duration;

use crate::{Ec2, Knobs, State, World};

const VPC: &str = "vpc-0a11111111111111a";
const VPC_NO_HOSTNAMES: &str = "vpc-0b22222222222222b";
const VPC_UNSERVED: &str = "vpc-0c33333333333333c";
const VPC_OTHER: &str = "vpc-0d44444444444444d";
const VPC_SHARED: &str = "vpc-0e55555555555555e";
const SUBNET_A: &str = "subnet-0a1a11111111111a1";
const SUBNET_C: &str = "subnet-0a1c11111111111c1";
const SUBNET_D: &str = "subnet-0a1d11111111111d1";
const GROUP: &str = "sg-0a1db41111111111a";
const GROUP_DEFAULT: &str = "sg-0a1def1111111111a";
const GATEWAY01: &str = "com.amazonaws.vpce.us-east-1.vpce-svc-0a1b2c3d4e5f60718";
const GATEWAY02: &str = "com.amazonaws.vpce.us-east-1.vpce-svc-0b2c3d4e5f6071829";
const EXCLUSIVE: &str = "com.amazonaws.vpce.us-east-1.vpce-svc-0c3d4e5f60718293a";
const NAMELESS: &str = "com.amazonaws.vpce.us-east-1.vpce-svc-0d4e5f60718293a4b";
const UNVERIFIED: &str = "com.amazonaws.vpce.us-east-1.vpce-svc-0e5f60718293a4b5c";
const FORBIDDEN: &str = "com.amazonaws.vpce.us-east-1.vpce-svc-0f60718293a4b5c6d";
const PRIVATE_NAME: &str = "gateway01-privatelink.us-east-1.prod.aws.tidbcloud.com";
const ABSENT: &str = "vpce-0123456789abcdef0";

fn world() -> World {
    World { epoch: Some("2026-03-01T12:00:00Z".parse().unwrap()), ..crate::example() }
}

/// A world without delays, except for the settings that a test changes.
fn instant(update: impl FnOnce(&mut Knobs)) -> Ec2 {
    let mut world = world();
    world.knobs.instant();
    update(&mut world.knobs);
    Ec2::new(world)
}

/// The response to a call.
#[derive(Debug)]
struct Response {
    status: u16,
    body: String,
}

impl Response {
    /// The contents of all elements of that name.
    fn all(&self, name: &str) -> Vec<String> {
        let (open, close) = (format!("<{name}>"), format!("</{name}>"));
        let parts = self.body.split(&open).skip(1);
        parts.map(|part| unescape(part.split(&close).next().unwrap())).collect()
    }

    fn one(&self, name: &str) -> String {
        self.all(name).into_iter().next().unwrap_or_else(|| panic!("no {name} in {}", self.body))
    }

    /// The items of the first list of that name.
    fn items(&self, name: &str) -> Vec<String> {
        Response { status: 0, body: self.one(name) }.all("item")
    }

    fn ok(self) -> Self {
        assert_eq!(self.status, 200, "{}", self.body);
        self
    }

    fn code(&self) -> String {
        assert_ne!(self.status, 200, "{}", self.body);
        self.one("Code")
    }

    #[track_caller]
    fn rejected(&self, code: &str, message: &str) {
        assert_eq!((self.code().as_str(), self.one("Message").as_str()), (code, message));
    }
}

fn unescape(text: &str) -> String {
    text.replace("&apos;", "'").replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

async fn call(ec2: &Ec2, action: &str, params: &[(&str, &str)]) -> Response {
    let fixed = [("Action", action), ("Version", "2016-11-15")];
    let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fixed).extend_pairs(params).finish();
    let reply = ec2.call(&form).await;
    Response { status: reply.status, body: reply.body }
}

/// The parameters for an interface endpoint for gateway01 in two zones with private DNS, overridden by `more`.
fn request<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut params = vec![
        ("VpcEndpointType", "Interface"),
        ("VpcId", VPC),
        ("ServiceName", GATEWAY01),
        ("SubnetId.1", SUBNET_C),
        ("SubnetId.2", SUBNET_D),
        ("PrivateDnsEnabled", "true"),
    ];
    for (name, value) in more {
        params.retain(|(default, _)| default != name);
        params.push((name, value));
    }
    params.retain(|(_, value)| !value.is_empty());
    params
}

async fn create(ec2: &Ec2, more: &[(&str, &str)]) -> Response {
    call(ec2, "CreateVpcEndpoint", &request(more)).await
}

async fn created(ec2: &Ec2, more: &[(&str, &str)]) -> String {
    create(ec2, more).await.ok().one("vpcEndpointId")
}

async fn describe(ec2: &Ec2, id: &str) -> Response {
    call(ec2, "DescribeVpcEndpoints", &[("VpcEndpointId.1", id)]).await
}

async fn delete(ec2: &Ec2, id: &str) -> Response {
    call(ec2, "DeleteVpcEndpoints", &[("VpcEndpointId.1", id)]).await.ok()
}

async fn modify(ec2: &Ec2, id: &str, change: &[(&str, &str)]) -> Response {
    let mut params = vec![("VpcEndpointId", id)];
    params.extend_from_slice(change);
    call(ec2, "ModifyVpcEndpoint", &params).await
}

fn state(ec2: &Ec2, id: &str) -> Option<State> {
    ec2.endpoints().into_iter().find(|endpoint| endpoint.id == id).map(|endpoint| endpoint.state)
}

async fn advance(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}
