//! Stories of several stacks that share an endpoint.

use crate::cloud::*;
use ec2_sim::{EndpointSpec, Span, State, Verdict};
use futures_util::future::join_all;
use jiff::SignedDuration;
use serde_json::{Value, json};

#[tokio::test(start_paused = true)]
async fn the_second_stack_joins_and_the_last_one_deletes() {
    let cloud = Cloud::new();
    let (orders, billing) = (cloud.stack("orders"), cloud.stack("billing"));
    let first = orders.create(&properties()).await.succeeded();
    let second = billing.create(&properties()).await.succeeded();
    assert_eq!(second.physical_id, first.physical_id);
    assert_eq!((second.data["Reused"].as_str(), second.data["Ownership"].as_str()), ("true", "Owned"));
    assert_eq!(second.data["SharedWith"], "1");
    assert_eq!(cloud.count("CreateVpcEndpoint"), 1);
    let value = &cloud.endpoint().tags[&billing.ref_key()];
    assert!(value.starts_with("billing/TiDB "), "the value says who the holder is: {value}");

    orders.delete(&first.physical_id).await.succeeded();
    assert_eq!(cloud.endpoint().state, State::Available, "the endpoint stays without the stack that created it");
    billing.delete(&second.physical_id).await.succeeded();
    assert_eq!(cloud.sim.endpoints(), []);
    cloud.assert_clean();
}

/// Forty stacks are created at the same moment, and deleted at the same moment. EC2's token bucket for creating
/// endpoints holds four, and endpoints are listed up to three seconds late.
async fn forty_stacks(wanted: &Value, seed: u64) -> Cloud {
    let create_ms = 60_000 + seed * 7_919;
    let cloud = Cloud::of(|world| {
        world.seed = seed;
        world.knobs.create_ms = Span::exactly(create_ms);
    });
    let stacks: Vec<_> = (0..40).map(|n| cloud.stack(&format!("app-{n}"))).collect();
    let answers = join_all(stacks.iter().map(async |stack| (stack.create(wanted).await, cloud.sim.now()))).await;
    let endpoint = cloud.endpoint();
    for (answer, _) in &answers {
        assert_eq!(answer.clone().succeeded().physical_id, endpoint.id);
    }
    assert_eq!(endpoint.tags.keys().filter(|key| key.contains(":ref:")).count(), 40);
    let last = answers.iter().map(|(_, at)| *at).max().unwrap();
    let available = endpoint.created_at + SignedDuration::from_millis(create_ms.try_into().unwrap());
    let late = last.duration_since(available).as_secs();
    assert!(late <= 10, "the last response came {late} s after the endpoint was available");

    let answers = join_all(stacks.iter().map(|stack| stack.delete(&endpoint.id))).await;
    for answer in answers {
        answer.succeeded();
    }
    cloud.assert_clean();
    assert_eq!(cloud.sim.endpoints(), []);
    cloud
}

#[tokio::test(start_paused = true)]
async fn forty_stacks_at_the_same_moment_create_one_endpoint() {
    let own = with(properties(), json!({ "SecurityGroupIds": null }));
    for seed in 0..3 {
        let cloud = forty_stacks(&own, seed).await;
        let creates = cloud.count("CreateVpcEndpoint");
        assert!(creates <= 4, "seed {seed}: {creates} calls to create an endpoint");
    }
    forty_stacks(&properties(), 0).await;
}

#[tokio::test(start_paused = true)]
async fn a_foreign_endpoint_is_used_and_not_changed() {
    let cloud = Cloud::new();
    let id = cloud.sim.create_foreign_endpoint(foreign());
    cloud.pass(10).await;
    let before = cloud.endpoint();
    let stack = cloud.stack("orders");
    let wanted = with(
        properties(),
        json!({ "Tags": [{ "Key": "team", "Value": "web" }], "SecurityGroupIds": [GROUP, "sg-0a1def1111111111a"] }),
    );

    let joined = stack.create(&wanted).await.succeeded();
    assert_eq!(joined.physical_id, id);
    assert_eq!((joined.data["Reused"].as_str(), joined.data["Ownership"].as_str()), ("true", "Foreign"));
    let warnings = &joined.data["Warnings"];
    for words in ["no subnet in use1-az2", "does not use sg-0a1def1111111111a", "tags team are not added"] {
        assert!(warnings.contains(words), "'{words}' is not in: {warnings}");
    }
    let narrower = with(wanted.clone(), json!({ "SubnetIds": [SUBNET_AZ2], "PrivateDnsEnabled": false }));
    let updated = stack.update(&id, &narrower, &wanted).await.succeeded();
    assert!(updated.data["Warnings"].contains("Private DNS"), "{}", updated.data["Warnings"]);
    stack.delete(&id).await.succeeded();

    assert_eq!(cloud.endpoint(), before, "no tag and no subnet has changed");
    // An update writes its mark, too.
    let is_reference = |action: &String| action == "CreateTags" || action == "DeleteTags";
    assert!(cloud.changes().iter().all(is_reference), "{:?}", cloud.changes());
}

#[tokio::test(start_paused = true)]
async fn an_update_that_requires_private_dns_moves_away_from_an_endpoint_without_it() {
    let cloud = Cloud::new();
    let id = cloud.sim.create_foreign_endpoint(EndpointSpec { private_dns_enabled: false, ..foreign() });
    cloud.pass(10).await;
    let stack = cloud.stack("orders");
    let off = with(properties(), json!({ "PrivateDnsEnabled": false }));
    let joined = stack.create(&off).await.succeeded();
    assert_eq!(joined.physical_id, id);
    let updated = stack.update(&id, &properties(), &off).await.succeeded();
    assert_ne!(updated.physical_id, id);
    assert_eq!(updated.data["Host"], PRIVATE_NAME);
    stack.delete(&id).await.succeeded();
    assert_eq!(cloud.sim.endpoints().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_shared_endpoint_is_what_its_holders_request_together() {
    let cloud = Cloud::new();
    let (orders, billing) = (cloud.stack("orders"), cloud.stack("billing"));
    let narrow =
        with(properties(), json!({ "SubnetIds": [SUBNET_AZ1], "Tags": [{ "Key": "team", "Value": "orders" }] }));
    let first = orders.create(&narrow).await.succeeded();
    let wide = with(
        properties(),
        json!({ "SubnetIds": [SUBNET_AZ1, SUBNET_AZ2], "Tags": [{ "Key": "team", "Value": "billing" }] }),
    );
    let second = billing.create(&wide).await.succeeded();
    assert_eq!(
        second.data["AvailabilityZoneIds"], "use1-az1,use1-az2",
        "the zone that the second stack needs is added"
    );
    assert!(second.data["Warnings"].contains("keeps its values of the tags team"), "{}", second.data["Warnings"]);

    let elsewhere = with(
        properties(),
        json!({ "SubnetIds": [SUBNET_AZ1], "SecurityGroupIds": ["sg-0a1def1111111111a"], "PrivateDnsEnabled": "false" }),
    );
    let updated = orders.update(&first.physical_id, &elsewhere, &narrow).await.succeeded();
    let endpoint = cloud.endpoint();
    assert_eq!(endpoint.subnet_ids.len(), 2);
    assert_eq!(endpoint.group_ids.len(), 2);
    assert!(endpoint.private_dns_enabled);
    assert_eq!(endpoint.tags.get("team"), None, "orders has dropped its tag, and billing requested another value");
    for words in ["sg-0a1db41111111111a (it is used by billing/TiDB)", "stays on, because it is used by billing/TiDB"] {
        assert!(updated.data["Warnings"].contains(words), "'{words}' is not in: {}", updated.data["Warnings"]);
    }

    // With a single holder, the endpoint becomes what that holder specifies.
    billing.delete(&second.physical_id).await.succeeded();
    let alone = orders.update(&first.physical_id, &narrow, &elsewhere).await.succeeded();
    assert_eq!(alone.data["SubnetIds"], SUBNET_AZ1);
    assert_eq!(alone.data["SecurityGroupIds"], GROUP);
    assert_eq!(alone.data["Warnings"], "");
}

#[tokio::test(start_paused = true)]
async fn unsuitable_endpoints_are_not_changed() {
    let cloud = Cloud::new();
    for (state, requester_managed, service) in
        [(State::Rejected, false, SERVICE), (State::Available, true, SERVICE), (State::Available, false, SERVICE_2)]
    {
        let spec = EndpointSpec {
            requester_managed,
            state,
            service_name: service.to_owned(),
            private_dns_enabled: false,
            subnet_ids: vec![SUBNET_AZ2.to_owned()],
            ..foreign()
        };
        cloud.sim.create_foreign_endpoint(spec);
    }
    cloud.sim.create_foreign_endpoint(EndpointSpec {
        vpc_id: VPC_2.to_owned(),
        subnet_ids: Vec::new(),
        group_ids: vec![GROUP_2.to_owned()],
        ..foreign()
    });
    cloud.pass(10).await;
    let created = cloud.stack("orders").create(&properties()).await.succeeded();
    assert_eq!(created.data["Reused"], "false");
    assert_eq!(cloud.sim.endpoints().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_create_waits_for_an_endpoint_that_is_being_deleted() {
    let cloud = Cloud::of(|world| world.knobs.zone_release_ms = Span::exactly(180_000));
    let id = cloud.sim.create_foreign_endpoint(foreign());
    cloud.pass(10).await;
    cloud.sim.delete_endpoint(&id);
    cloud.pass(5).await;
    let created = cloud.stack("orders").create(&properties()).await.succeeded();
    assert_ne!(created.physical_id, id);
    assert_eq!(cloud.endpoint().id, created.physical_id);
}

#[tokio::test(start_paused = true)]
async fn a_create_that_loses_the_race_for_the_dns_name_joins() {
    let cloud = Cloud::new();
    let sim = cloud.sim.clone();
    let mut faster = None;
    cloud.sim.on_call(move |call| {
        if call.action == "CreateVpcEndpoint" && faster.is_none() {
            faster = Some(sim.create_foreign_endpoint(foreign()));
        }
        Verdict::Proceed
    });
    let joined = cloud.stack("orders").create(&properties()).await.succeeded();
    assert_eq!(joined.data["Reused"], "true");
    assert_eq!(joined.physical_id, cloud.endpoint().id);
}

#[tokio::test(start_paused = true)]
async fn of_two_endpoints_that_are_created_at_once_the_older_one_remains() {
    let cloud = Cloud::new();
    let wanted = with(properties(), json!({ "PrivateDnsEnabled": false }));
    let (orders, billing) = (cloud.stack("orders"), cloud.stack("billing"));
    let (one, two) = tokio::join!(orders.create(&wanted), billing.create(&wanted));
    let (one, two) = (one.succeeded(), two.succeeded());
    assert_eq!(cloud.count("CreateVpcEndpoint"), 2, "both created one");
    assert_eq!(one.physical_id, two.physical_id);
    cloud.pass(600).await;
    assert_eq!(cloud.endpoint().id, one.physical_id);
    assert_eq!(one.data["SharedWith"], "1".to_owned().as_str());
}

#[tokio::test(start_paused = true)]
async fn a_stack_that_joins_prevents_an_announced_deletion() {
    let cloud = Cloud::new();
    let (orders, billing) = (cloud.stack("orders"), cloud.stack("billing"));
    let first = orders.create(&properties()).await.succeeded();
    let release = tokio::spawn({
        let (orders, id) = (orders.clone(), first.physical_id.clone());
        async move { orders.delete(&id).await }
    });
    // Long enough for the announcement to be written.
    cloud.pass(15).await;
    assert_eq!(cloud.leaving().len(), 1);
    let second = billing.create(&properties()).await.succeeded();
    release.await.unwrap().succeeded();
    assert_eq!(second.physical_id, first.physical_id);
    assert_eq!(cloud.endpoint().state, State::Available);
    assert_eq!(cloud.leaving(), [""; 0], "the announcement is withdrawn");
}

#[tokio::test(start_paused = true)]
async fn the_announcement_of_a_crashed_function_delays_others_only_until_it_expires() {
    let cloud = Cloud::new();
    let (orders, billing) = (cloud.stack("orders"), cloud.stack("billing"));
    let first = orders.create(&properties()).await.succeeded();
    cloud.sim.remove_tag(&first.physical_id, &orders.ref_key());
    cloud.sim.set_tag(&first.physical_id, &orders.leaving_key(80), "orders/TiDB");
    cloud.pass(10).await;
    let begun = cloud.sim.now();
    let second = billing.create(&properties()).await.succeeded();
    assert_eq!(second.physical_id, first.physical_id);
    let took = cloud.sim.now().duration_since(begun).as_secs();
    assert!((70..90).contains(&took), "until it expires, not for the time limit of the event: {took} s");
    assert_eq!(cloud.leaving(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_delete_that_crashed_at_any_point_is_completed_by_the_next_delivery() {
    for marks in [vec![], vec!["leaving"]] {
        let cloud = Cloud::new();
        let stack = cloud.stack("orders");
        let created = stack.create(&properties()).await.succeeded();
        cloud.sim.remove_tag(&created.physical_id, &stack.ref_key());
        for _ in &marks {
            cloud.sim.set_tag(&created.physical_id, &stack.leaving_key(80), "orders/TiDB");
        }
        cloud.pass(5).await;
        stack.delete(&created.physical_id).await.succeeded();
        assert_eq!(cloud.sim.endpoints(), [], "{marks:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_delete_without_the_id_that_crashed_leaves_no_endpoint_of_another_resource_behind() {
    let cloud = Cloud::new();
    let (orders, billing) = (cloud.stack("orders"), cloud.stack("billing"));
    let id = orders.create(&properties()).await.succeeded().physical_id;
    billing.create(&properties()).await.succeeded();
    orders.delete(&id).await.succeeded();
    let event = billing.delete_event("billing-TiDB-1KJH2LKJ3H4LK", &properties());
    assert!(cloud.deliver_raw_for(&event, 8).await.is_none());
    assert!(
        !cloud.endpoint().tags.contains_key(&billing.ref_key()),
        "it was killed after it had removed its reference"
    );
    cloud.pass(60).await;
    cloud.deliver(&event).await.succeeded();
    cloud.assert_clean();
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_without_room_for_another_reference() {
    let cloud = Cloud::new();
    let first = cloud.stack("orders").create(&properties()).await.succeeded();
    for n in 0..47 {
        cloud.sim.set_tag(&first.physical_id, &format!("tidb-private-endpoint:ref:{n:024}"), &format!("app-{n}/TiDB"));
    }
    cloud.pass(10).await;
    let reason = cloud.stack("billing").create(&properties()).await.failed();
    for words in [&first.physical_id, "50 of the 50 tags", "app-0/TiDB", "and 43 more", "export its outputs"] {
        assert!(reason.contains(words), "'{words}' is not in: {reason}");
    }
}

/// An announcement takes the last place: of a function that has crashed, or of one that is about to withdraw it.
#[tokio::test(start_paused = true)]
async fn the_place_of_an_announcement_is_waited_for() {
    for (valid_for, withdrawn_after) in [(-30, None), (60, None), (60, Some(20))] {
        let cloud = Cloud::new();
        let id = cloud.stack("orders").create(&properties()).await.succeeded().physical_id;
        for n in 0..46 {
            cloud.sim.set_tag(&id, &format!("tidb-private-endpoint:ref:{n:024}"), &format!("app-{n}/TiDB"));
        }
        let key = cloud.stack("app-0").leaving_key(valid_for);
        cloud.sim.set_tag(&id, &key, "app-0/TiDB");
        cloud.pass(10).await;
        let billing = cloud.stack("billing");
        let wanted = properties();
        let (joined, ()) = tokio::join!(billing.create(&wanted), async {
            if let Some(seconds) = withdrawn_after {
                cloud.pass(seconds).await;
                cloud.sim.remove_tag(&id, &key);
            }
        });
        assert_eq!(joined.succeeded().physical_id, id, "{valid_for}");
        let tags = cloud.endpoint().tags;
        assert!(tags.contains_key(&billing.ref_key()) && !tags.contains_key(&key), "{tags:?}");
        assert_eq!(cloud.marks(), 0, "no mark is left");
        cloud.assert_understood();
    }
}

#[tokio::test(start_paused = true)]
async fn with_reuse_scope_region_an_endpoint_of_another_vpc_is_joined() {
    let cloud = Cloud::new();
    let first = cloud.stack("orders").create(&properties()).await.succeeded();
    let before = cloud.endpoint();
    let stack = cloud.stack("analytics");
    let anywhere = json!({ "ServiceName": SERVICE, "ReuseScope": "Region" });
    let joined = stack.create(&anywhere).await.succeeded();
    assert_eq!(joined.physical_id, first.physical_id);
    assert!(
        joined.data["Warnings"].contains(VPC) && joined.data["Warnings"].contains("route"),
        "{}",
        joined.data["Warnings"]
    );
    assert_eq!(cloud.endpoint().subnet_ids, before.subnet_ids);

    let here = json!({ "ServiceName": SERVICE, "VpcId": VPC_2, "SecurityGroupIds": [GROUP_2] });
    let moved = stack.update(&joined.physical_id, &here, &anywhere).await.succeeded();
    assert_ne!(moved.physical_id, joined.physical_id, "it is out of scope now");
    assert_eq!(moved.data["VpcId"], VPC_2);
    stack.delete(&joined.physical_id).await.succeeded();
    assert_eq!(cloud.sim.endpoints().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_of_another_vpc_is_kept_when_one_appears_in_the_own_vpc() {
    let cloud = Cloud::new();
    let elsewhere = cloud.stack("orders").create(&properties()).await.succeeded();
    // Until EC2 must show it to everyone as available.
    cloud.pass(10).await;
    let stack = cloud.stack("analytics");
    let requested =
        |vpc: &str, port: u16| json!({ "ServiceName": SERVICE, "VpcId": vpc, "ReuseScope": "Region", "Port": port });
    let joined = stack.create(&requested(VPC_2, 4000)).await.succeeded();
    assert_eq!(joined.physical_id, elsewhere.physical_id);
    let here = json!({ "ServiceName": SERVICE, "VpcId": VPC_2, "SecurityGroupIds": [GROUP_2] });
    let here = cloud.stack("billing").create(&here).await.succeeded();
    assert_eq!(here.data["VpcId"], VPC_2);
    cloud.pass(10).await;

    let updated = stack.update(&joined.physical_id, &requested(VPC_2, 4001), &requested(VPC_2, 4000)).await.succeeded();
    assert_eq!(updated.physical_id, joined.physical_id, "an update of the port does not move the resource");

    let (reports, anywhere) = (cloud.stack("reports"), json!({ "ServiceName": SERVICE, "ReuseScope": "Region" }));
    let joined = reports.create(&anywhere).await.succeeded();
    assert_eq!(joined.physical_id, elsewhere.physical_id, "the oldest one");
    let moved = reports.update(&joined.physical_id, &requested(VPC_2, 4000), &anywhere).await.succeeded();
    assert_eq!(moved.physical_id, here.physical_id, "a change of VpcId moves it");
}

#[tokio::test(start_paused = true)]
async fn no_endpoint_to_join_in_the_region() {
    let reason =
        Cloud::new().stack("orders").create(&json!({ "ServiceName": SERVICE, "ReuseScope": "Region" })).await.failed();
    assert!(reason.contains(SERVICE) && reason.contains("Specify VpcId"), "{reason}");
}
