//! CloudFormation in a story: stacks send events, and every response is checked against the contract before the story
//! gets it.

use ec2_sim::{Ec2 as Sim, EndpointSpec, Outcome, State, World};
use jiff::SignedDuration;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tidb_private_endpoint::answer::ANSWER_BYTES_MAX;
use tidb_private_endpoint::answer::attributes::Attributes;
use tidb_private_endpoint::answer::check::CheckAttributes;
use tidb_private_endpoint::cloudformation::CloudFormation;
use tidb_private_endpoint::decision::view::Home;
use tidb_private_endpoint::ec2::Ec2;
use tidb_private_endpoint::handler::{Function, Handled, Handler};
use tidb_private_endpoint::look::Clients;
use tidb_private_endpoint::resolve::Clusters;
use tidb_private_endpoint::runtime::clock::Clock;
use tidb_private_endpoint::secrets::Secrets;
use tidb_private_endpoint::tidb_cloud::TidbCloud;

pub(crate) const ACCOUNT: &str = "123456789012";
pub(crate) const REGION: &str = "us-east-1";
/// TiDB Cloud's gateway in the example world, in two zones.
pub(crate) const SERVICE: &str = "com.amazonaws.vpce.us-east-1.vpce-svc-0a1b2c3d4e5f60718";
pub(crate) const PRIVATE_NAME: &str = "gateway01-privatelink.us-east-1.prod.aws.tidbcloud.com";
/// Another gateway, in one zone.
pub(crate) const SERVICE_2: &str = "com.amazonaws.vpce.us-east-1.vpce-svc-0b2c3d4e5f6071829";
/// A VPC with three subnets, two of them in zones of the service.
pub(crate) const VPC: &str = "vpc-0a11111111111111a";
pub(crate) const GROUP: &str = "sg-0a1db41111111111a";
pub(crate) const SUBNET_AZ4: &str = "subnet-0a1a11111111111a1";
pub(crate) const SUBNET_AZ1: &str = "subnet-0a1c11111111111c1";
pub(crate) const SUBNET_AZ2: &str = "subnet-0a1d11111111111d1";
/// A second VPC.
pub(crate) const VPC_2: &str = "vpc-0d44444444444444d";
pub(crate) const GROUP_2: &str = "sg-0d4db44444444444d";

/// The function whose invocation records the provider accepts.
pub(crate) const CHECK_FUNCTION: &str = "arn:aws:lambda:us-east-1:123456789012:function:tidb-private-endpoint-check";
/// Two clusters behind [`SERVICE`], whose zone is that of [`SUBNET_AZ1`], and one behind [`SERVICE_2`].
pub(crate) const CLUSTER: &str = "10581234567890123456";
pub(crate) const CLUSTER_TOO: &str = "10582222222222222222";
pub(crate) const CLUSTER_2: &str = "10583333333333333333";
/// The secret with the API key of TiDB Cloud, whose parts must never be seen anywhere.
pub(crate) const API_KEY_SECRET: &str = "tidb-cloud/api-key";
pub(crate) const API_KEY_SECRET_ARN: &str =
    "arn:aws:secretsmanager:us-east-1:123456789012:secret:tidb-cloud/api-key-a1B2c3";
pub(crate) const PUBLIC_KEY: &str = "PUBL1CK3Y";
pub(crate) const PRIVATE_KEY: &str = "pr1v4te-k3y-0f-t1db-cl0ud";

/// A secret with this text.
pub(crate) fn secret(text: &str) -> ec2_sim::Secret {
    ec2_sim::Secret { arn: API_KEY_SECRET_ARN.to_owned(), text: text.to_owned(), kms_key: None }
}

/// The response URL in every event; the parts after the name must never be seen again.
pub(crate) const RESPONSE_URL: &str = "https://cloudformation-custom-resource-response-useast1.s3.amazonaws.com/\
    arn%3Aaws%3Acloudformation?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=5ec4e75ec4e75ec4e7";

/// The response URL of an event that CloudFormation sends at a moment.
pub(crate) fn signed(at: jiff::Timestamp) -> String {
    format!("{RESPONSE_URL}&X-Amz-Date={}&X-Amz-Expires=7200", at.strftime("%Y%m%dT%H%M%SZ"))
}

/// The properties of most stories.
pub(crate) fn properties() -> Value {
    json!({ "ServiceName": SERVICE, "VpcId": VPC, "SecurityGroupIds": [GROUP] })
}

/// The properties of a resource that names a cluster.
pub(crate) fn of_cluster(id: &str) -> Value {
    with(properties(), json!({ "ServiceName": null, "ClusterId": id, "ApiKeySecret": API_KEY_SECRET }))
}

/// Properties with some of them replaced. Null removes a property.
pub(crate) fn with(base: Value, over: Value) -> Value {
    let (Value::Object(mut base), Value::Object(over)) = (base, over) else { panic!("properties are objects") };
    base.extend(over);
    base.retain(|_, value| !value.is_null());
    Value::Object(base)
}

/// An endpoint that the provider did not create.
pub(crate) fn foreign() -> EndpointSpec {
    EndpointSpec {
        vpc_id: VPC.to_owned(),
        service_name: SERVICE.to_owned(),
        state: State::Available,
        private_dns_enabled: true,
        subnet_ids: vec![SUBNET_AZ1.to_owned()],
        group_ids: vec![GROUP.to_owned()],
        ..EndpointSpec::default()
    }
}

/// The seed of every world whose test does not set one: it decides read lag, delays, and IDs. `TEST_SEED=7 cargo test`
#[expect(clippy::disallowed_methods, reason = "a search for tests that pass by luck, with the seed in the environment")]
fn seed() -> u64 {
    std::env::var("TEST_SEED").map_or(0, |seed| seed.parse().expect("TEST_SEED is a number"))
}

/// A simulated EC2 and the function.
#[derive(Clone)]
pub(crate) struct Cloud {
    pub(crate) sim: Sim,
    pub(crate) api: ec2_sim::TidbCloud,
    pub(crate) secrets: ec2_sim::Secrets,
    pub(crate) stacks: ec2_sim::CloudFormation,
    pub(crate) handler: Handler,
    /// The number of requests so far.
    requests: Arc<AtomicU32>,
}

impl Cloud {
    /// The example world, with the usual delays of EC2.
    pub(crate) fn new() -> Self {
        Self::of(|_| {})
    }

    /// The example world with changes.
    pub(crate) fn of(change: impl FnOnce(&mut World)) -> Self {
        let mut world = ec2_sim::example();
        world.epoch = Some("2026-11-23T09:00:00Z".parse().unwrap());
        world.seed = seed();
        change(&mut world);
        let sim = Sim::new(world);
        let credentials = aws_sdk_ec2::config::Credentials::new("AKIDEXAMPLE", "s3cr3t", None, None, "tests");
        let config = |client: aws_sdk_ec2::config::SharedHttpClient| {
            aws_config::SdkConfig::builder()
                .behavior_version(aws_config::BehaviorVersion::latest())
                .region(aws_config::Region::new(REGION))
                .credentials_provider(aws_sdk_ec2::config::SharedCredentialsProvider::new(credentials.clone()))
                .http_client(client)
                .build()
        };
        let api = ec2_sim::TidbCloud::new(PUBLIC_KEY, PRIVATE_KEY);
        let secrets = ec2_sim::Secrets::new(&sim, REGION);
        secrets.put(API_KEY_SECRET, secret(&json!({ "PublicKey": PUBLIC_KEY, "PrivateKey": PRIVATE_KEY }).to_string()));
        let clusters = Clusters {
            secrets: Secrets::new(config(secrets.http_client()), String::new()),
            tidb_cloud: TidbCloud::new(api.connector(), ""),
        };
        let home = Home { region: REGION.to_owned(), account: ACCOUNT.to_owned() };
        let function = Function {
            name: "tidb-private-endpoint".to_owned(),
            log_stream: "2026/11/23/[$LATEST]0123456789abcdef".to_owned(),
            log_level: "WARN".to_owned(),
            check_function_arn: CHECK_FUNCTION.to_owned(),
        };
        let stacks = ec2_sim::CloudFormation::default();
        let provider = aws_sdk_ec2::config::SharedCredentialsProvider::new(credentials.clone());
        let cloudformation = CloudFormation::new(stacks.connector(), provider, REGION, None);
        let clients = Clients { ec2: Ec2::new(&config(sim.http_client())), cloudformation, clusters };
        let handler = Handler { clients, home, function };
        Self { sim, api, secrets, stacks, handler, requests: Arc::default() }
    }

    /// A resource `TiDB` of a stack that has never been deployed.
    pub(crate) fn stack(&self, name: &str) -> Stack {
        Stack {
            cloud: self.clone(),
            arn: format!("arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{name}/51af3dc0-da77-11e4-872e-1234567db123"),
            logical_id: "TiDB".to_owned(),
        }
    }

    /// Delivers an event as Lambda does, with 15 minutes left, and checks the response against what CloudFormation
    /// requires and the contract promises.
    pub(crate) async fn deliver(&self, event: &Value) -> Answered {
        match self.deliver_raw(event, SignedDuration::from_secs(900)).await {
            Handled::Answer(to, answer, until) => {
                assert_eq!(to.response_url.expose(), event["ResponseURL"], "the response goes to the URL of the event");
                assert!(until > self.sim.now(), "there is time left to deliver the response");
                Answered::check(event, &answer.body(&to))
            }
            other @ (Handled::Expired | Handled::Unasked | Handled::NoReplyTo(_)) => {
                panic!("no response, but {other:?}")
            }
        }
    }

    pub(crate) async fn deliver_raw(&self, event: &Value, time: SignedDuration) -> Handled {
        let clock = Clock::starting_at(self.sim.now());
        self.handler.handle(event, clock, clock.now() + time).await
    }

    /// Delivers an event to a function that is killed after some seconds. Returns `None` if it has not responded by
    /// then.
    pub(crate) async fn deliver_raw_for(&self, event: &Value, seconds: u64) -> Option<Handled> {
        let handled = self.deliver_raw(event, SignedDuration::from_secs(900));
        tokio::time::timeout(Duration::from_secs(seconds), handled).await.ok()
    }

    /// The only endpoint.
    pub(crate) fn endpoint(&self) -> ec2_sim::Endpoint {
        let mut endpoints = self.sim.endpoints();
        assert_eq!(endpoints.len(), 1, "there is exactly one endpoint: {endpoints:#?}");
        endpoints.remove(0)
    }

    /// How many security groups mark a Create as running.
    pub(crate) fn marks(&self) -> usize {
        self.sim.groups().iter().filter(|group| group.name.starts_with("tidb-private-endpoint-creating-")).count()
    }

    /// The announcements on the only endpoint.
    pub(crate) fn leaving(&self) -> Vec<String> {
        self.endpoint().tags.into_keys().filter(|key| key.contains(":leaving:")).collect()
    }

    /// How often an action has been called.
    pub(crate) fn count(&self, action: &str) -> usize {
        self.sim.log().iter().filter(|call| call.action == action).count()
    }

    /// The modifying calls that have succeeded.
    pub(crate) fn changes(&self) -> Vec<String> {
        let made = |call: &&ec2_sim::Call| !call.action.starts_with("Describe") && call.outcome == Some(Outcome::Ok);
        self.sim.log().iter().filter(made).map(|call| call.action.clone()).collect()
    }

    /// The calls from the `from`-th onward.
    pub(crate) fn calls(&self, from: usize) -> Vec<String> {
        self.sim.log().iter().skip(from).map(|call| call.action.clone()).collect()
    }

    /// Nothing of the provider is left over, and it sent no request that EC2 does not know.
    pub(crate) fn assert_clean(&self) {
        for endpoint in self.sim.endpoints() {
            let ours: Vec<_> = endpoint.tags.keys().filter(|key| key.starts_with("tidb-private-endpoint:")).collect();
            assert!(
                ours.is_empty() || endpoint.state == ec2_sim::State::Deleting,
                "left over on {}: {ours:?}",
                endpoint.id
            );
        }
        self.assert_understood();
    }

    /// The provider sent no request that EC2 does not know.
    pub(crate) fn assert_understood(&self) {
        assert_eq!(self.sim.unrecognized_requests(), Vec::<String>::new());
    }

    /// Lets time pass.
    pub(crate) async fn pass(&self, seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }
}

impl Stack {
    /// What CloudFormation says about the resource from now on.
    pub(crate) fn set_status(&self, status: &str) {
        let since = self.cloud.sim.now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
        self.cloud.stacks.set_resource(&self.arn, &self.logical_id, status, &since);
    }

    /// CloudFormation gets the response to an event. It ignores one that it no longer waits for.
    pub(crate) fn follow(&self, event: &Value, is_success: bool) {
        let kind = event["RequestType"].as_str().unwrap().to_uppercase();
        let running = format!("{kind}_IN_PROGRESS");
        if self.cloud.stacks.resource_status(&self.arn, &self.logical_id) == running {
            self.set_status(&format!("{kind}_{}", if is_success { "COMPLETE" } else { "FAILED" }));
        }
    }

    /// An update, or the rollback of one, has removed the resource from the stack.
    pub(crate) fn forget(&self) {
        self.cloud.stacks.remove_resource(&self.arn, &self.logical_id);
    }
}

/// One stack with one resource.
#[derive(Clone)]
pub(crate) struct Stack {
    cloud: Cloud,
    pub(crate) arn: String,
    pub(crate) logical_id: String,
}

impl Stack {
    /// CloudFormation sends an event, in which every scalar property is a string, and says so when it is asked.
    pub(crate) fn event(&self, request_type: &str, properties: &Value) -> Value {
        self.set_status(&format!("{}_IN_PROGRESS", request_type.to_uppercase()));
        let request = self.cloud.requests.fetch_add(1, Ordering::Relaxed) + 1;
        json!({
            "RequestType": request_type,
            "ServiceToken": "arn:aws:lambda:us-east-1:123456789012:function:tidb-private-endpoint",
            "ResponseURL": signed(self.cloud.sim.now()),
            "StackId": self.arn,
            "RequestId": format!("a7b2c3d4-0000-4000-8000-{request:012}"),
            "LogicalResourceId": self.logical_id,
            "ResourceType": "Custom::TiDBCloudPrivateEndpoint",
            "ResourceProperties": stringly(with(properties.clone(), json!({
                "ServiceToken": "arn:aws:lambda:us-east-1:123456789012:function:tidb-private-endpoint",
            }))),
        })
    }

    pub(crate) fn update_event(&self, physical_id: &str, new: &Value, old: &Value) -> Value {
        let mut event = self.event("Update", new);
        event["PhysicalResourceId"] = json!(physical_id);
        event["OldResourceProperties"] = stringly(old.clone());
        event
    }

    pub(crate) fn delete_event(&self, physical_id: &str, properties: &Value) -> Value {
        let mut event = self.event("Delete", properties);
        event["PhysicalResourceId"] = json!(physical_id);
        event
    }

    pub(crate) async fn create(&self, properties: &Value) -> Answered {
        self.cloud.deliver(&self.event("Create", properties)).await
    }

    pub(crate) async fn update(&self, physical_id: &str, new: &Value, old: &Value) -> Answered {
        self.cloud.deliver(&self.update_event(physical_id, new, old)).await
    }

    pub(crate) async fn delete(&self, physical_id: &str) -> Answered {
        self.cloud.deliver(&self.delete_event(physical_id, &properties())).await
    }

    /// A Delete with the properties that the resource had.
    pub(crate) async fn leave(&self, physical_id: &str, properties: &Value) -> Answered {
        self.cloud.deliver(&self.delete_event(physical_id, properties)).await
    }

    /// The tag key of this resource's reference.
    pub(crate) fn ref_key(&self) -> String {
        tidb_private_endpoint::model::tags::Holder::new(&self.arn, &self.logical_id).ref_key()
    }

    /// The tag key of this resource's announcement, valid for some seconds from now.
    pub(crate) fn leaving_key(&self, seconds: i64) -> String {
        let until = self.cloud.sim.now() + SignedDuration::from_secs(seconds);
        tidb_private_endpoint::model::tags::Holder::new(&self.arn, &self.logical_id).leaving_key(until)
    }
}

/// CloudFormation sends booleans and numbers as strings, at every depth.
fn stringly(value: Value) -> Value {
    match value {
        Value::Bool(flag) => json!(flag.to_string()),
        Value::Number(number) => json!(number.to_string()),
        Value::Array(items) => items.into_iter().map(stringly).collect(),
        Value::Object(map) => map.into_iter().map(|(key, value)| (key, stringly(value))).collect::<Map<_, _>>().into(),
        Value::Null | Value::String(_) => value,
    }
}

/// A response that CloudFormation accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answered {
    pub(crate) reason: Option<String>,
    pub(crate) physical_id: String,
    pub(crate) data: BTreeMap<String, String>,
}

impl Answered {
    /// Checks what CloudFormation requires of a response, and what the contract promises.
    pub(crate) fn check(event: &Value, body: &str) -> Self {
        assert!(body.len() <= ANSWER_BYTES_MAX, "the response is {} bytes long", body.len());
        assert!(!body.contains("X-Amz-Signature"), "the response URL is in the response");
        assert!(!body.contains(PUBLIC_KEY) && !body.contains(PRIVATE_KEY), "the API key is in the response");
        let answer: Value = serde_json::from_str(body).unwrap();
        for id in ["StackId", "RequestId", "LogicalResourceId"] {
            assert_eq!(answer[id], event[id], "{id} is returned unchanged");
        }
        let physical_id = answer["PhysicalResourceId"].as_str().unwrap().to_owned();
        assert!((1..=1024).contains(&physical_id.len()));
        let reason = answer["Reason"].as_str().map(str::to_owned);
        let data: BTreeMap<String, String> =
            answer.get("Data").map(|data| serde_json::from_value(data.clone()).unwrap()).unwrap_or_default();
        match answer["Status"].as_str().unwrap() {
            "SUCCESS" => assert_eq!(reason, None),
            "FAILED" => assert!(reason.as_ref().is_some_and(|reason| reason.len() > 20), "a failure needs a reason"),
            other => panic!("Status is {other}"),
        }
        match (event["RequestType"].as_str(), &reason) {
            (Some("Create" | "Update"), None) => {
                let names: Vec<&str> = data.keys().map(String::as_str).collect();
                let is_check = event["ResourceType"] == "Custom::TiDBCloudConnectionCheck";
                let full = if is_check {
                    serde_json::to_value(CheckAttributes::default()).unwrap()
                } else {
                    serde_json::to_value(Attributes::default()).unwrap()
                };
                let mut promised: Vec<&str> = full.as_object().unwrap().keys().map(String::as_str).collect();
                promised.sort_unstable();
                assert_eq!(names, promised, "every success returns all attributes");
                assert!(is_check || data["EndpointId"] == physical_id);
            }
            _ if event.get("PhysicalResourceId").is_none() => {}
            _ => assert_eq!(answer["PhysicalResourceId"], event["PhysicalResourceId"], "the physical ID is kept"),
        }
        Self { reason, physical_id, data }
    }

    #[track_caller]
    pub(crate) fn succeeded(self) -> Self {
        assert_eq!(self.reason, None);
        self
    }

    #[track_caller]
    pub(crate) fn failed(self) -> String {
        self.reason.expect("the event fails")
    }
}
