//! Permissions that are new or missing, reasons that name what is true at the end, warnings about everything that stays
//! different, and tags from the first moment.

use crate::cloud::*;
use ec2_sim::{EndpointSpec, Span, State, Verdict};
use serde_json::{Value, json};
use std::time::Duration;

fn plain() -> Value {
    with(properties(), json!({ "SecurityGroupIds": null }))
}

/// A subnet in the zone of `SUBNET_AZ1`, where a story adds it.
const SIBLING: &str = "subnet-0a1c11111111111c2";

fn limited(seconds: u32) -> Value {
    json!({ "ServiceTimeout": seconds })
}

#[track_caller]
fn assert_says(text: &str, words: &[&str]) {
    for words in words {
        assert!(text.contains(words), "'{words}' is not in: {text}");
    }
}

#[track_caller]
fn assert_silent(text: &str, words: &[&str]) {
    for words in words {
        assert!(!text.contains(words), "'{words}' is in: {text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_role_that_is_new_is_waited_for() {
    let denials: [fn(&str) -> Verdict; 2] = [
        |action| Verdict::unauthorized(action),
        |_| Verdict::fail(401, "AuthFailure", "AWS was not able to validate the provided access credentials"),
    ];
    for denial in denials {
        let cloud = Cloud::new();
        cloud.sim.on_call(move |call| match call.action.as_str() {
            action @ ("DescribeVpcEndpoints" | "CreateVpcEndpoint") if call.at < Duration::from_secs(25) => {
                denial(action)
            }
            _ => Verdict::Proceed,
        });
        let stack = cloud.stack("orders");
        let created = stack.create(&properties()).await.succeeded();
        stack.delete(&created.physical_id).await.succeeded();
        cloud.assert_clean();

        // Each for as long as that.
        let cloud = Cloud::new();
        cloud.sim.on_call(move |call| match call.action.as_str() {
            action @ "DescribeVpcEndpoints" if call.at < Duration::from_secs(25) => denial(action),
            action @ "CreateVpcEndpoint" if call.at < Duration::from_secs(50) => denial(action),
            _ => Verdict::Proceed,
        });
        cloud.stack("orders").create(&properties()).await.succeeded();
    }
}

#[tokio::test(start_paused = true)]
async fn a_denial_is_not_waited_for_after_the_first_minute() {
    for (from, took) in [(0, 60..100), (75, 75..82)] {
        let cloud = Cloud::new();
        cloud.sim.on_call(move |call| match call.action.as_str() {
            action @ "DescribeVpcEndpoints" if call.at >= Duration::from_secs(from) => Verdict::unauthorized(action),
            _ => Verdict::Proceed,
        });
        // Not before 90 seconds.
        cloud.sim.update_knobs(|knobs| knobs.create_ms = Span::exactly(110_000));
        let begun = cloud.sim.now();
        let reason = cloud.stack("orders").create(&properties()).await.failed();
        assert_says(&reason, &["is not allowed to perform ec2:DescribeVpcEndpoints"]);
        let waited = cloud.sim.now().duration_since(begun).as_secs();
        assert!(took.contains(&waited), "denied from {from} s on: {waited} s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_denial_that_has_passed_does_not_count_at_the_next_one() {
    let cloud = Cloud::new();
    cloud.sim.update_knobs(|knobs| knobs.create_ms = Span::exactly(110_000));
    let create = tokio::spawn({
        let stack = cloud.stack("orders");
        async move { stack.create(&with(properties(), json!({ "SubnetIds": [SUBNET_AZ1] }))).await }
    });
    cloud.pass(10).await;
    let mut first = None;
    cloud.sim.on_call(move |call| {
        // Longer than the pause between two looks, so that each of the two events is denied one.
        let window = Duration::from_secs(30)..Duration::from_secs(38);
        match call.action.as_str() {
            action @ "DescribeVpcEndpoints" if window.contains(&call.at) => Verdict::unauthorized(action),
            // What is denied may be known to IAM only a little later.
            action @ "ModifyVpcEndpoint" if call.at < *first.get_or_insert(call.at) + Duration::from_secs(5) => {
                Verdict::unauthorized(action)
            }
            _ => Verdict::Proceed,
        }
    });
    cloud.stack("billing").create(&properties()).await.succeeded();
    create.await.unwrap().succeeded();
    let denied = |action: &str| {
        let log = cloud.sim.log().into_iter();
        let is_denied = |call: &ec2_sim::Call| call.outcome.as_ref().and_then(ec2_sim::Outcome::code).is_some();
        let denied = log.filter(|call| call.action == action && is_denied(call)).map(|call| call.at.as_secs());
        denied.collect::<Vec<_>>()
    };
    let (looks, changes) = (denied("DescribeVpcEndpoints"), denied("ModifyVpcEndpoint"));
    assert!(looks.len() >= 2 && !changes.is_empty(), "{looks:?}, {changes:?}");
    assert!(changes[0] > looks[0] + 60, "long after: {looks:?}, {changes:?}");
}

#[tokio::test(start_paused = true)]
async fn without_credentials_no_time_is_lost() {
    let cloud = Cloud::new();
    // As in `main.rs`; no test has them in its environment.
    let none = aws_config::environment::EnvironmentVariableCredentialsProvider::new();
    let config = aws_config::SdkConfig::builder()
        .behavior_version(aws_config::BehaviorVersion::latest())
        .region(aws_config::Region::new(REGION))
        .credentials_provider(aws_sdk_ec2::config::SharedCredentialsProvider::new(none))
        .http_client(cloud.sim.http_client())
        .build();
    let mut without = cloud.clone();
    without.handler.clients.ec2 = tidb_private_endpoint::ec2::Ec2::new(&config);
    let begun = cloud.sim.now();
    let reason = without.stack("orders").create(&properties()).await.failed();
    assert!(cloud.sim.now().duration_since(begun).as_secs() < 5, "{reason}");
    assert_says(&reason, &["credentials"]);
    assert_silent(&reason, &["EC2 rejected", "Timed out"]);
}

#[tokio::test(start_paused = true)]
async fn a_private_name_that_is_taken_is_the_reason_however_short_the_time() {
    for seconds in [60, 120, 240] {
        let cloud = Cloud::new();
        cloud.sim.add_customer_zone(VPC, PRIVATE_NAME);
        let begun = cloud.sim.now();
        let reason = cloud.stack("orders").create(&with(properties(), limited(seconds))).await.failed();
        assert!(cloud.sim.now().duration_since(begun).as_secs() < i64::from(seconds));
        assert_says(&reason, &[PRIVATE_NAME, VPC, "private hosted zone"]);
        assert_silent(&reason, &["route53:AssociateVPCWithHostedZone"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_resources_own_endpoint_is_not_the_one_that_has_the_name() {
    for seconds in [120, 900] {
        let cloud = Cloud::new();
        let stack = cloud.stack("orders");
        let off = with(properties(), json!({ "PrivateDnsEnabled": false }));
        let created = stack.create(&off).await.succeeded();
        cloud.sim.add_customer_zone(VPC, PRIVATE_NAME);
        let on = with(properties(), limited(seconds));
        let reason = stack.update(&created.physical_id, &on, &off).await.failed();
        assert_says(&reason, &[PRIVATE_NAME, VPC, "private hosted zone"]);
        let own = format!("{} is ", created.physical_id);
        assert_silent(&reason, &["route53:AssociateVPCWithHostedZone", &own]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_that_has_passed_is_not_the_reason() {
    for fault in [Verdict::internal_error(), Verdict::Reset] {
        let cloud = Cloud::of(|world| world.knobs.create_ms = Span::exactly(3_600_000));
        let mut first = Some(fault);
        cloud.sim.on_call(move |call| match call.action.as_str() {
            "CreateVpcEndpoint" => first.take().unwrap_or(Verdict::Proceed),
            _ => Verdict::Proceed,
        });
        let stack = cloud.stack("orders");
        let failed = stack.create(&with(properties(), limited(300))).await;
        let (id, reason) = (cloud.endpoint().id, failed.failed());
        assert_says(&reason, &["Timed out", &id, "pending", "Deploy again"]);
        assert_silent(&reason, &["InternalError", "NoResponse", "route53:AssociateVPCWithHostedZone", "continues"]);
    }
}

#[tokio::test(start_paused = true)]
async fn deploying_again_is_said_to_continue_only_where_it_does() {
    let cloud = Cloud::new();
    let stack = cloud.stack("orders");
    let old = with(properties(), json!({ "SubnetIds": [SUBNET_AZ1] }));
    let created = stack.create(&old).await.succeeded();
    cloud.sim.update_knobs(|knobs| knobs.modify_ms = Span::exactly(3_600_000));
    let reason = stack.update(&created.physical_id, &with(properties(), limited(120)), &old).await.failed();
    assert_says(&reason, &["Timed out", "Deploy again, with a longer ServiceTimeout"]);
    assert_silent(&reason, &["continues"]);
    cloud.sim.update_knobs(|knobs| knobs.delete_ms = Span::exactly(3_600_000));
    let event = stack.delete_event(&created.physical_id, &with(properties(), limited(120)));
    let reason = cloud.deliver(&event).await.failed();
    assert_says(&reason, &["Timed out", "the provider continues from here"]);

    // A permission does not come by itself.
    let cloud = Cloud::of(|world| world.denied_actions = ["CreateVpcEndpoint".to_owned()].into());
    let reason = cloud.stack("orders").create(&with(properties(), limited(40))).await.failed();
    assert_says(&reason, &["is not allowed to perform ec2:CreateVpcEndpoint"]);
    assert_silent(&reason, &["eploy again"]);
}

/// Warnings of a stack that joins an endpoint of somebody else in all zones, with `GROUP`.
async fn on_a_foreign_endpoint(requested: &Value) -> String {
    on_a_foreign_endpoint_of(|_| {}, requested).await
}

/// The same in a world with changes.
async fn on_a_foreign_endpoint_of(change: impl FnOnce(&mut ec2_sim::World), requested: &Value) -> String {
    let cloud = Cloud::of(change);
    let subnet_ids = vec![SUBNET_AZ1.to_owned(), SUBNET_AZ2.to_owned()];
    let group_ids = vec![GROUP.to_owned(), "sg-0a1def1111111111a".to_owned()];
    cloud.sim.create_foreign_endpoint(EndpointSpec { subnet_ids, group_ids, ..foreign() });
    cloud.pass(10).await;
    cloud.stack("orders").create(requested).await.succeeded().data["Warnings"].clone()
}

#[tokio::test(start_paused = true)]
async fn a_warning_names_sources_that_are_allowed_beyond_those_requested() {
    // Shared: the first stack allows the whole VPC.
    let narrow = with(plain(), json!({ "AllowedCidrs": ["10.0.16.0/20"] }));
    let cloud = Cloud::new();
    let (orders, billing) = (cloud.stack("orders"), cloud.stack("billing"));
    let first = orders.create(&plain()).await.succeeded();
    assert_eq!(first.data["Warnings"], "");
    let second = billing.create(&narrow).await.succeeded();
    assert_says(&second.data["Warnings"], &["10.0.0.0/16", "100.64.0.0/20", "AllowedCidrs"]);
    assert_eq!(second.data["Warnings"].matches("10.0.0.0/16").count(), 1, "{}", second.data["Warnings"]);

    // Alone, it has what it asks for; and a person's rule stays.
    orders.delete(&first.physical_id).await.succeeded();
    let alone = billing
        .update(&second.physical_id, &with(narrow.clone(), json!({ "Trigger": "1" })), &narrow)
        .await
        .succeeded();
    assert_eq!(alone.data["Warnings"], "");
    let halves = json!({ "AllowedCidrs": ["10.0.0.0/17", "10.0.128.0/17", "10.0.16.0/20"] });
    let halves = billing.update(&second.physical_id, &with(plain(), halves), &narrow).await.succeeded();
    assert_eq!(halves.data["Warnings"], "");

    // The first one allows a security group.
    let cloud = Cloud::new();
    let by_group = with(plain(), json!({ "AllowedSecurityGroupIds": [GROUP] }));
    cloud.stack("orders").create(&by_group).await.succeeded();
    let second = cloud.stack("billing").create(&narrow).await.succeeded();
    assert_says(&second.data["Warnings"], &[&format!("from {GROUP},")]);

    // Foreign.
    let listed = |world: &mut ec2_sim::World| {
        let group = world.groups.iter_mut().find(|group| group.id == GROUP).unwrap();
        group.ingress[0].source = ec2_sim::Source::PrefixList("pl-0123456789abcdef0".to_owned());
    };
    let warnings = on_a_foreign_endpoint_of(listed, &narrow).await;
    assert_says(&warnings, &[GROUP, "from pl-0123456789abcdef0"]);
    let warnings = on_a_foreign_endpoint(&narrow).await;
    assert_says(&warnings, &[GROUP, "10.0.0.0/16"]);
    let warnings =
        on_a_foreign_endpoint(&with(plain(), json!({ "AllowedCidrs": ["10.0.0.0/8", "100.64.0.0/10"] }))).await;
    assert_silent(&warnings, &["10.0.0.0/16"]);
}

#[tokio::test(start_paused = true)]
async fn a_warning_names_everything_else_that_stays_different() {
    let cloud = Cloud::new();
    let (orders, billing) = (cloud.stack("orders"), cloud.stack("billing"));
    let tags = |keys: &[&str]| -> Value { keys.iter().map(|key| json!({ "Key": key, "Value": "1" })).collect() };
    let old = with(properties(), json!({ "Tags": tags(&["team", "cost"]) }));
    let first = orders.create(&old).await.succeeded();
    // Zones kept.
    let one = with(properties(), json!({ "AvailabilityZoneIds": ["use1-az1"] }));
    let second = billing.create(&one).await.succeeded();
    assert_says(&second.data["Warnings"], &["use1-az2", SUBNET_AZ2]);
    let pinned = with(properties(), json!({ "SubnetIds": [SUBNET_AZ2] }));
    let updated = billing.update(&second.physical_id, &pinned, &one).await.succeeded();
    assert_says(&updated.data["Warnings"], &["use1-az1", SUBNET_AZ1]);
    assert_eq!(billing.update(&second.physical_id, &properties(), &pinned).await.succeeded().data["Warnings"], "");
    // Tags kept that the template dropped, because another stack requests them.
    let tagged = with(properties(), json!({ "Tags": tags(&["cost"]) }));
    billing.update(&second.physical_id, &tagged, &properties()).await.succeeded();
    let new = with(properties(), json!({ "Tags": tags(&["team"]) }));
    let updated = orders.update(&first.physical_id, &new, &old).await.succeeded();
    assert_says(&updated.data["Warnings"], &["keeps the tags cost"]);
    assert_eq!(cloud.endpoint().tags["cost"], "1");

    // On a foreign endpoint: zones, groups, and another subnet than the one that is pinned.
    let warnings = on_a_foreign_endpoint(&with(properties(), json!({ "AvailabilityZoneIds": ["use1-az1"] }))).await;
    assert_says(&warnings, &["use1-az2", SUBNET_AZ2, "sg-0a1def1111111111a"]);
    assert_silent(&on_a_foreign_endpoint(&plain()).await, &["sg-", "subnet-"]);
    let cloud = Cloud::of(|world| {
        let mut sibling = world.subnets.iter().find(|subnet| subnet.id == SUBNET_AZ1).unwrap().clone();
        sibling.id = SIBLING.to_owned();
        sibling.cidr_block = "10.0.48.0/20".to_owned();
        world.subnets.push(sibling);
    });
    cloud.sim.create_foreign_endpoint(foreign());
    cloud.pass(10).await;
    let pinned = with(properties(), json!({ "SubnetIds": [SIBLING] }));
    let joined = cloud.stack("orders").create(&pinned).await.succeeded();
    assert_says(&joined.data["Warnings"], &[SIBLING, SUBNET_AZ1]);
}

#[tokio::test(start_paused = true)]
async fn tags_and_a_name_are_on_endpoint_and_group_from_the_first_moment() {
    let tags = json!([{ "Key": "team", "Value": "web" }]);
    for (over, name) in [
        (json!({ "Tags": tags }), "tidb-private-endpoint-vpce-svc-0a1b2c3d4e5f60718"),
        (json!({ "Tags": [{ "Key": "team", "Value": "web" }, { "Key": "Name", "Value": "database" }] }), "database"),
    ] {
        let cloud = Cloud::new();
        let stack = cloud.stack("orders");
        let requested = with(plain(), over);
        let created = stack.create(&requested).await.succeeded();
        let group = cloud.sim.groups().into_iter().find(|group| group.id == created.data["SecurityGroupIds"]).unwrap();
        for tags in [&cloud.endpoint().tags, &group.tags] {
            assert_eq!((tags.get("team"), tags.get("Name")), (Some(&"web".to_owned()), Some(&name.to_owned())));
            assert!(tags.contains_key("tidb-private-endpoint:owned"));
        }
        assert_eq!(cloud.count("CreateTags"), 0, "in the creating call");
        // An update writes what the properties say, and no name.
        let other = with(plain(), json!({ "Tags": [{ "Key": "team", "Value": "data" }] }));
        stack.update(&created.physical_id, &other, &requested).await.succeeded();
        let tags = cloud.endpoint().tags;
        assert_eq!(tags["team"], "data");
        assert_eq!(tags.get("Name").map(String::as_str), (name != "database").then_some(name));
    }
}

#[tokio::test(start_paused = true)]
async fn a_trigger_heals_and_changes_nothing_else() {
    let cloud = Cloud::new();
    let stack = cloud.stack("orders");
    let first = with(properties(), json!({ "Trigger": "2026-11-23" }));
    let created = stack.create(&first).await.succeeded();
    let next = with(properties(), json!({ "Trigger": 2 }));
    // Only the reference is written again.
    let all_but_the_reference = || {
        let mut endpoint = cloud.endpoint();
        endpoint.tags.remove(&stack.ref_key());
        endpoint
    };
    let before = all_but_the_reference();
    let updated = stack.update(&created.physical_id, &next, &first).await.succeeded();
    assert_eq!((updated.physical_id, all_but_the_reference()), (created.physical_id.clone(), before));

    // What somebody deleted in the console comes back.
    cloud.sim.delete_endpoint(&created.physical_id);
    cloud.pass(600).await;
    let healed = stack.update(&created.physical_id, &first, &next).await.succeeded();
    assert_ne!(healed.physical_id, created.physical_id);
    assert_eq!(cloud.endpoint().state, State::Available);
}
