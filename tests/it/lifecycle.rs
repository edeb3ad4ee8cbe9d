//! Stories of one stack: create, update, replace, delete, and failures in between.

use crate::cloud::*;
use jiff::SignedDuration;
use serde_json::json;
use std::time::Duration;
use tidb_private_endpoint::request::Request;
use tidb_private_endpoint::request::event::Event;

#[tokio::test(start_paused = true)]
async fn create_returns_a_working_endpoint_and_delete_removes_it() {
    let cloud = Cloud::new();
    let stack = cloud.stack("orders");

    let created = stack.create(&properties()).await.succeeded();

    let endpoint = cloud.endpoint();
    assert_eq!(created.physical_id, endpoint.id);
    assert_eq!(endpoint.state, ec2_sim::State::Available);
    assert!(endpoint.private_dns_enabled);
    let data = &created.data;
    assert_eq!(data["PrivateDnsName"], PRIVATE_NAME);
    assert_eq!(data["Host"], PRIVATE_NAME);
    assert_eq!(data["Port"], "4000");
    assert!(data["DnsName"].starts_with(&endpoint.id), "{}", data["DnsName"]);
    assert!(
        data["DnsName"].ends_with(".vpce-svc-0a1b2c3d4e5f60718.us-east-1.vpce.amazonaws.com"),
        "{}",
        data["DnsName"]
    );
    assert_eq!(data["ZonalDnsNames"].split(',').count(), 2);
    assert!(!data["ZonalDnsNames"].split(',').any(|name| name == data["DnsName"]));
    assert_eq!(data["AvailabilityZoneIds"], "use1-az1,use1-az2");
    assert_eq!(data["SubnetIds"], format!("{SUBNET_AZ1},{SUBNET_AZ2}"));
    assert_eq!(data["SecurityGroupIds"], GROUP);
    assert_eq!(
        (data["Reused"].as_str(), data["Ownership"].as_str(), data["SharedWith"].as_str()),
        ("false", "Owned", "0")
    );
    assert_eq!(data["Warnings"], "");
    assert_eq!(data["JdbcUrl"], format!("jdbc:mysql://{PRIVATE_NAME}:4000/test?sslMode=VERIFY_IDENTITY"));
    let command = format!("mysql -h {PRIVATE_NAME} -P 4000 -D test --ssl-mode=VERIFY_IDENTITY --ssl-ca=");
    assert!(data["MysqlCommand"].starts_with(&command), "{}", data["MysqlCommand"]);
    assert!(
        data["MysqlCommand"].ends_with(" -p -u"),
        "it contains neither user name nor password: {}",
        data["MysqlCommand"]
    );

    let command = format!("mariadb -h {PRIVATE_NAME} -P 4000 -D test --ssl-verify-server-cert --ssl-ca=");
    assert!(data["MariaDbCommand"].starts_with(&command) && data["MariaDbCommand"].ends_with(" -p -u"));
    assert_eq!(data["OwnSecurityGroupId"], "", "the properties give a security group");

    stack.delete(&created.physical_id).await.succeeded();
    assert_eq!(cloud.sim.endpoints(), []);
    cloud.assert_clean();
}

#[tokio::test(start_paused = true)]
async fn without_private_dns_the_host_is_the_endpoints_own_name() {
    let cloud = Cloud::new();
    let wanted = with(properties(), json!({ "PrivateDnsEnabled": false, "Port": 3306 }));
    let created = cloud.stack("orders").create(&wanted).await.succeeded();
    assert!(!cloud.endpoint().private_dns_enabled);
    assert_eq!(created.data["PrivateDnsName"], "");
    assert_eq!(created.data["Host"], created.data["DnsName"]);
    assert_eq!(created.data["Port"], "3306");
}

#[tokio::test(start_paused = true)]
async fn an_update_changes_the_endpoint_in_place() {
    let cloud = Cloud::new();
    let stack = cloud.stack("orders");
    let old = with(
        properties(),
        json!({ "SubnetIds": [SUBNET_AZ1], "Tags": [{ "Key": "team", "Value": "web" }, { "Key": "old", "Value": "1" }] }),
    );
    let created = stack.create(&old).await.succeeded();
    assert_eq!(created.data["AvailabilityZoneIds"], "use1-az1");

    let new = with(
        properties(),
        json!({ "SubnetIds": [SUBNET_AZ2], "Tags": [{ "Key": "team", "Value": "data" }], "Port": "4001" }),
    );
    let updated = stack.update(&created.physical_id, &new, &old).await.succeeded();

    assert_eq!(updated.physical_id, created.physical_id);
    assert_eq!(updated.data["SubnetIds"], SUBNET_AZ2);
    assert_eq!(updated.data["AvailabilityZoneIds"], "use1-az2");
    assert_eq!(updated.data["Port"], "4001");
    assert!(
        updated.data["Warnings"].contains("TCP port 4001"),
        "the security group does not allow it: {}",
        updated.data["Warnings"]
    );
    let endpoint = cloud.endpoint();
    assert_eq!(endpoint.subnet_ids.iter().collect::<Vec<_>>(), [SUBNET_AZ2]);
    assert_eq!(endpoint.tags["team"], "data");
    assert!(!endpoint.tags.contains_key("old"), "a tag that is no longer in the template is removed");

    // CloudFormation rolls an update back with another one.
    let back = stack.update(&created.physical_id, &old, &new).await.succeeded();
    assert_eq!(back.data["SubnetIds"], SUBNET_AZ1);
    assert_eq!(cloud.endpoint().tags["old"], "1");
    stack.delete(&back.physical_id).await.succeeded();
    cloud.assert_clean();
}

#[tokio::test(start_paused = true)]
async fn a_subnet_is_replaced_by_another_one_in_its_zone() {
    const SIBLING: &str = "subnet-0a1c11111111111c2";
    let cloud = Cloud::of(|world| {
        let mut sibling = world.subnets.iter().find(|subnet| subnet.id == SUBNET_AZ1).unwrap().clone();
        sibling.id = SIBLING.to_owned();
        sibling.cidr_block = "10.0.48.0/20".to_owned();
        world.subnets.push(sibling);
    });
    let stack = cloud.stack("orders");
    let old = with(properties(), json!({ "SubnetIds": [SUBNET_AZ1] }));
    let created = stack.create(&old).await.succeeded();
    let new = with(properties(), json!({ "SubnetIds": [SIBLING] }));
    let updated = stack.update(&created.physical_id, &new, &old).await.succeeded();
    assert_eq!(updated.data["SubnetIds"], SIBLING);
    cloud.assert_understood();
}

#[tokio::test(start_paused = true)]
async fn private_dns_is_turned_off_and_on() {
    let cloud = Cloud::new();
    let stack = cloud.stack("orders");
    let off = with(properties(), json!({ "PrivateDnsEnabled": "false" }));
    let created = stack.create(&properties()).await.succeeded();
    let without = stack.update(&created.physical_id, &off, &properties()).await.succeeded();
    assert_eq!(
        (without.physical_id.as_str(), without.data["PrivateDnsName"].as_str()),
        (created.physical_id.as_str(), "")
    );
    let again = stack.update(&created.physical_id, &properties(), &off).await.succeeded();
    assert_eq!((again.physical_id.as_str(), again.data["Host"].as_str()), (created.physical_id.as_str(), PRIVATE_NAME));
}

#[tokio::test(start_paused = true)]
async fn another_service_is_a_replacement() {
    let cloud = Cloud::new();
    let stack = cloud.stack("orders");
    let created = stack.create(&properties()).await.succeeded();
    let other = with(properties(), json!({ "ServiceName": SERVICE_2 }));

    let replaced = stack.update(&created.physical_id, &other, &properties()).await.succeeded();
    assert_ne!(replaced.physical_id, created.physical_id);
    assert_eq!(replaced.data["ServiceName"], SERVICE_2);
    assert_eq!(cloud.sim.endpoints().len(), 2, "the old one stays until CloudFormation cleans up");

    stack.delete(&created.physical_id).await.succeeded();
    assert_eq!(cloud.endpoint().id, replaced.physical_id);
    stack.delete(&replaced.physical_id).await.succeeded();
    cloud.assert_clean();
}

#[tokio::test(start_paused = true)]
async fn a_replacement_is_rolled_back() {
    let cloud = Cloud::new();
    let stack = cloud.stack("orders");
    let created = stack.create(&properties()).await.succeeded();
    let moved = with(properties(), json!({ "VpcId": VPC_2, "SecurityGroupIds": [GROUP_2] }));
    let replaced = stack.update(&created.physical_id, &moved, &properties()).await.succeeded();
    assert_eq!(replaced.data["VpcId"], VPC_2);

    // A later resource fails: the update is rolled back, and then the new endpoint is deleted.
    let back = stack.update(&replaced.physical_id, &properties(), &moved).await.succeeded();
    assert_eq!(back.physical_id, created.physical_id);
    assert_eq!(back.data["Reused"], "false");
    stack.delete(&replaced.physical_id).await.succeeded();
    assert_eq!(cloud.endpoint().id, created.physical_id);
    stack.delete(&created.physical_id).await.succeeded();
    cloud.assert_clean();
}

#[tokio::test(start_paused = true)]
async fn a_failed_update_leaves_nothing_behind() {
    let cloud = Cloud::new();
    let stack = cloud.stack("orders");
    let created = stack.create(&properties()).await.succeeded();
    // The update creates a new endpoint, which then fails to become available.
    let sim = cloud.sim.clone();
    cloud.sim.on_call(move |_| {
        for endpoint in sim.endpoints().iter().filter(|endpoint| endpoint.vpc_id == VPC_2) {
            sim.fail_endpoint(&endpoint.id, "InternalError", "Something went wrong");
        }
        ec2_sim::Verdict::Proceed
    });
    let moved = with(properties(), json!({ "VpcId": VPC_2, "SecurityGroupIds": [GROUP_2] }));
    let failed = stack.update(&created.physical_id, &moved, &properties()).await;
    assert_eq!(failed.physical_id, created.physical_id, "CloudFormation keeps the old one");
    let reason = failed.failed();
    assert!(reason.contains("failed") && reason.contains("Something went wrong"), "{reason}");

    cloud.sim.on_call(|_| ec2_sim::Verdict::Proceed);

    // The rollback releases the endpoint of the failed update, and so it is deleted.
    let back = stack.update(&created.physical_id, &properties(), &moved).await.succeeded();
    assert_eq!(back.physical_id, created.physical_id);
    cloud.pass(300).await;
    assert_eq!(cloud.endpoint().id, created.physical_id);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_was_deleted_is_created_again() {
    let cloud = Cloud::new();
    let stack = cloud.stack("orders");
    let created = stack.create(&properties()).await.succeeded();
    cloud.sim.delete_endpoint(&created.physical_id);
    cloud.pass(600).await;
    let new = with(properties(), json!({ "Port": 4001 }));
    let updated = stack.update(&created.physical_id, &new, &properties()).await.succeeded();
    assert_ne!(updated.physical_id, created.physical_id);
    assert_eq!(cloud.endpoint().id, updated.physical_id);
    stack.delete(&created.physical_id).await.succeeded();
    assert_eq!(cloud.endpoint().id, updated.physical_id, "the cleanup of the old ID does not affect the new endpoint");
}

#[tokio::test(start_paused = true)]
async fn a_failed_create_returns_an_id_by_which_the_delete_finds_the_endpoint() {
    let cloud = Cloud::new();
    let stack = cloud.stack("orders");
    let sim = cloud.sim.clone();
    cloud.sim.on_call(move |_| {
        for endpoint in sim.endpoints() {
            sim.fail_endpoint(&endpoint.id, "AddressesExhausted", "No address is left");
        }
        ec2_sim::Verdict::Proceed
    });
    let failed = stack.create(&properties()).await;
    let physical_id = failed.physical_id.clone();
    assert!(physical_id.starts_with("tidb-private-endpoint-"), "{physical_id}");
    let reason = failed.failed();
    assert!(reason.contains(&cloud.endpoint().id) && reason.contains("No address is left"), "{reason}");
    cloud.sim.on_call(|_| ec2_sim::Verdict::Proceed);
    stack.delete(&physical_id).await.succeeded();
    cloud.assert_clean();
}

#[tokio::test(start_paused = true)]
async fn a_create_that_times_out_reports_what_it_waited_for() {
    let cloud = Cloud::of(|world| world.knobs.create_ms = ec2_sim::Span::exactly(3_600_000));
    let stack = cloud.stack("orders");
    let begun = cloud.sim.now();
    let failed = stack.create(&with(properties(), json!({ "ServiceTimeout": 300 }))).await;
    let took = cloud.sim.now().duration_since(begun).as_secs();
    assert!((240..300).contains(&took), "it uses its time, and responds before the timeout: {took} s");
    let (id, physical_id) = (cloud.endpoint().id, failed.physical_id.clone());
    let reason = failed.failed();
    assert!(reason.contains("pending") && reason.contains(&id) && reason.contains("waiting"), "{reason}");
    assert!(reason.contains("Log stream: 2026/11/23/[$LATEST]0123456789abcdef"), "{reason}");
    stack.delete(&physical_id).await.succeeded();
    cloud.assert_clean();
}

/// The whole account shares EC2's token bucket for Describe calls, which refills at 20 tokens a second.
#[tokio::test(start_paused = true)]
async fn the_end_of_the_wait_is_noticed_soon_with_few_calls_during_the_wait() {
    for made_in in [50, 65, 100, 149, 400] {
        let cloud = Cloud::of(|world| {
            world.knobs.create_ms = ec2_sim::Span::exactly(made_in * 1_000);
            world.knobs.read_lag_ms = ec2_sim::Span::exactly(0);
        });
        cloud.stack("orders").create(&properties()).await.succeeded();
        let endpoint = cloud.endpoint();
        let available = endpoint.created_at + SignedDuration::from_secs(made_in.try_into().unwrap());
        let late = cloud.sim.now().duration_since(available).as_millis();
        // EC2 hardly ever creates an endpoint in less than a minute.
        let allowed = if made_in < 60 { 10_000 } else { 2_200 };
        assert!(late < allowed, "{late} ms late, for an endpoint that took {made_in} s");

        let looks = |from: u64, to: u64| {
            let (from, to) = (Duration::from_secs(from), Duration::from_secs(to));
            let log = cloud.sim.log();
            log.iter().filter(|call| call.action == "DescribeVpcEndpoints" && (from..to).contains(&call.at)).count()
        };
        for (from, to, in_ten_seconds) in [(0, 50, 4), (60, 400, 10)] {
            for begin in (from..to).step_by(10) {
                let seen = looks(begin, begin + 10);
                assert!(
                    seen <= in_ten_seconds,
                    "{seen} looks in the ten seconds from {begin} s, at an endpoint that takes {made_in} s"
                );
            }
        }
    }
}

/// What an Update costs at least. One that may follow a canceled one lasts longer, and asks nothing more.
#[tokio::test(start_paused = true)]
async fn an_update_that_changes_nothing_writes_its_reference_and_looks_until_that_shows() {
    // The look before the reference is written, and those every two seconds after it.
    for (status, looks, seconds) in
        [("UPDATE_IN_PROGRESS", 1 + 6, 10..=13), ("UPDATE_ROLLBACK_IN_PROGRESS", 1 + 7, 50..=53)]
    {
        let cloud = Cloud::new();
        let stack = cloud.stack("orders");
        let id = stack.create(&properties()).await.succeeded().physical_id;
        cloud.pass(60).await;
        cloud.stacks.set_stack(&stack.arn, status);
        let (from, asked, begun) = (cloud.sim.log().len(), cloud.stacks.calls(), cloud.sim.now());
        let event = stack.update_event(&id, &with(properties(), json!({ "Trigger": "1" })), &properties());
        cloud.deliver(&event).await.succeeded();
        let took = cloud.sim.now().duration_since(begun).as_secs();
        assert!(seconds.contains(&took), "{status}: {took} s");
        let calls = cloud.calls(from);
        let changes: Vec<&String> = calls.iter().filter(|action| !action.starts_with("Describe")).collect();
        assert_eq!(changes, ["CreateTags"], "{status}");
        let request = Request::read(&Event::read(&event).unwrap()).unwrap();
        let value = cloud.endpoint().tags[&stack.ref_key()].clone();
        assert!(request.mark().is_in(&value), "{value}");
        // A look consists of three calls: by the service, by the reference, and by the owner; the first one, of one by ID, too.
        let made = calls.iter().filter(|action| *action == "DescribeVpcEndpoints").count();
        assert_eq!((made, cloud.stacks.calls() - asked), (looks * 3 + 1, 1), "{status}: {calls:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_replacement_that_needs_several_calls_per_look_makes_few_calls_too() {
    let cloud = Cloud::of(|world| world.knobs.create_ms = ec2_sim::Span::exactly(140_000));
    let (stack, other) = (cloud.stack("orders"), with(properties(), json!({ "ServiceName": SERVICE_2 })));
    let created = stack.create(&properties()).await.succeeded();
    let begun = cloud.sim.log().last().unwrap().at;
    stack.update(&created.physical_id, &other, &properties()).await.succeeded();
    let log = cloud.sim.log();
    let looks = |second: u64| {
        let from = begun + Duration::from_secs(second);
        let now = from..from + Duration::from_secs(10);
        log.iter().filter(|call| call.action == "DescribeVpcEndpoints" && now.contains(&call.at)).count()
    };
    let most = (0..140).step_by(10).map(looks).max().unwrap();
    assert!(most <= 20, "a replacement makes {most} calls in ten seconds");
}

#[tokio::test(start_paused = true)]
async fn no_call_is_begun_that_might_take_effect_after_the_response() {
    let mut changes = 0;
    for timeout in 20..60 {
        // The endpoint is never available in time.
        let cloud = Cloud::of(|world| world.knobs.create_ms = ec2_sim::Span::exactly(90_000));
        let begun = cloud.sim.now();
        // The call takes effect, but its answer is lost.
        cloud.sim.on_call(|call| match call.action.as_str() {
            "CreateVpcEndpoint" => ec2_sim::Verdict::LoseAnswer(ec2_sim::Loss::Silence),
            _ => ec2_sim::Verdict::Proceed,
        });
        let wanted = with(properties(), json!({ "ServiceTimeout": timeout }));
        cloud.stack("orders").create(&wanted).await.failed();
        let answered = cloud.sim.now().duration_since(begun).unsigned_abs();
        for call in cloud.sim.log().iter().filter(|call| !call.action.starts_with("Describe")) {
            let over = call.at + Duration::from_secs(15);
            assert!(
                over <= answered,
                "with a timeout of {timeout} s, {} at {:?} is cut off at {answered:?}",
                call.action,
                call.at
            );
            changes += 1;
        }
    }
    assert!(changes > 20, "there were calls that might have been cut off");
}

#[tokio::test(start_paused = true)]
async fn a_delete_with_an_invented_id_finds_the_endpoint_by_its_reference() {
    let cloud = Cloud::new();
    let stack = cloud.stack("orders");
    stack.create(&properties()).await.succeeded();
    stack.delete("orders-TiDB-1KJH2LKJ3H4LK").await.succeeded();
    cloud.assert_clean();
    assert_eq!(cloud.sim.endpoints(), []);
}

#[tokio::test(start_paused = true)]
async fn a_delete_of_nothing_succeeds_when_nothing_can_show_up_anymore() {
    let cloud = Cloud::new();
    // By an ID that CloudFormation made up, the Create may be running: the Delete looks for 55 seconds. Without the
    // endpoint's ID, a look consists of three calls: by the reference, by the owner, and by the service.
    let failed = "tidb-private-endpoint-9d127ca7ab90c56628110cba-206ba1b38b55";
    for (physical_id, seconds, calls) in [
        ("orders-TiDB-1KJH2LKJ3H4LK", 55..62, 8 * 3..=12 * 3),
        (failed, 11..13, 6..=6),
        ("vpce-0123456789abcdef0", 11..13, 2..=2),
    ] {
        let (before, begun) = (cloud.count("DescribeVpcEndpoints"), cloud.sim.now());
        cloud.stack("orders").delete(physical_id).await.succeeded();
        let looks = cloud.count("DescribeVpcEndpoints") - before;
        assert!(calls.contains(&looks), "{physical_id}: {looks}");
        let took = cloud.sim.now().duration_since(begun).as_secs();
        assert!(seconds.contains(&took), "{physical_id}: {took} s");
    }
    assert_eq!(cloud.changes(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn the_delete_after_a_create_that_changed_nothing_looks_once() {
    let cloud = Cloud::new();
    let stack = cloud.stack("orders");
    let failed = stack.create(&json!({ "VpcId": "nonsense" })).await;
    let begun = cloud.sim.now();
    stack.delete(&failed.physical_id).await.succeeded();
    assert!(cloud.sim.now().duration_since(begun).as_secs() < 2, "{}", failed.physical_id);
    assert_eq!(cloud.count("DescribeVpcEndpoints"), 2, "one look: by the reference and by the owner");

    // If the result of a call is unknown, it looks until the call cannot take effect anymore.
    cloud.sim.update_knobs(|knobs| knobs.create_ms = ec2_sim::Span::exactly(90_000));
    cloud.sim.on_call(|call| match call.action.as_str() {
        "CreateVpcEndpoint" => ec2_sim::Verdict::LoseAnswer(ec2_sim::Loss::Silence),
        _ => ec2_sim::Verdict::Proceed,
    });
    let failed = stack.create(&with(properties(), json!({ "ServiceTimeout": 40 }))).await;
    cloud.sim.on_call(|_| ec2_sim::Verdict::Proceed);
    assert!(failed.reason.is_some());
    stack.delete(&failed.physical_id).await.succeeded();
    assert_eq!(cloud.sim.endpoints(), []);
    cloud.assert_clean();
}

#[tokio::test(start_paused = true)]
async fn a_delete_needs_no_valid_properties() {
    let cloud = Cloud::new();
    let stack = cloud.stack("orders");
    let created = stack.create(&properties()).await.succeeded();
    let event = stack.delete_event(&created.physical_id, &json!({ "Nonsense": ["x"], "VpcId": 7 }));
    cloud.deliver(&event).await.succeeded();
    cloud.assert_clean();
}

#[tokio::test(start_paused = true)]
async fn a_delete_waits_until_subnets_and_groups_are_free() {
    let cloud = Cloud::of(|world| world.knobs.delete_ms = ec2_sim::Span::exactly(170_000));
    let stack = cloud.stack("orders");
    let created = stack.create(&properties()).await.succeeded();
    let busy = cloud.sim.call(&format!("Action=DeleteSubnet&Version=2016-11-15&SubnetId={SUBNET_AZ1}")).await;
    assert!(busy.body.contains("DependencyViolation"), "{}", busy.body);
    stack.delete(&created.physical_id).await.succeeded();
    let free = cloud.sim.call(&format!("Action=DeleteSubnet&Version=2016-11-15&SubnetId={SUBNET_AZ1}")).await;
    assert_eq!(free.status, 200, "{}", free.body);
}

#[tokio::test(start_paused = true)]
async fn a_delete_during_a_create_takes_precedence() {
    let cloud = Cloud::of(|world| world.knobs.create_ms = ec2_sim::Span::exactly(300_000));
    let stack = cloud.stack("orders");
    let create = tokio::spawn({
        let stack = stack.clone();
        async move { stack.create(&properties()).await }
    });
    cloud.pass(30).await;
    assert_eq!(cloud.sim.endpoints().len(), 1);
    // Another resource failed. CloudFormation deletes this one, which has not responded yet, under an ID that it makes
    // up.
    stack.delete("orders-TiDB-1KJH2LKJ3H4LK").await.succeeded();
    let reason = create.await.unwrap().failed();
    assert!(reason.contains("removed while this request was running"), "{reason}");
    cloud.pass(300).await;
    assert_eq!(cloud.sim.endpoints(), []);
}

#[tokio::test(start_paused = true)]
async fn delivering_an_event_twice_has_the_effect_of_delivering_it_once() {
    let cloud = Cloud::new();
    let stack = cloud.stack("orders");
    let event = stack.event("Create", &properties());
    let (one, two) = tokio::join!(cloud.deliver(&event), cloud.deliver(&event));
    let (one, two) = (one.succeeded(), two.succeeded());
    let three = cloud.deliver(&event).await.succeeded();
    assert_eq!(cloud.endpoint().id, one.physical_id);
    assert_eq!((&two.physical_id, &three.physical_id), (&one.physical_id, &one.physical_id));
    assert_eq!(three.data["Reused"], "false");

    let event = stack.delete_event(&one.physical_id, &properties());
    let (one, two) = tokio::join!(cloud.deliver(&event), cloud.deliver(&event));
    one.succeeded();
    two.succeeded();
    cloud.deliver(&event).await.succeeded();
    cloud.assert_clean();
    assert_eq!(cloud.sim.endpoints(), []);
}

#[tokio::test(start_paused = true)]
async fn a_retried_deployment_that_reuses_its_request_id_creates_a_new_endpoint() {
    // EC2 still knows the client token. It returns the deleted endpoint, or rejects the call, because the provider's
    // security group is a different one now.
    for wanted in [properties(), with(properties(), json!({ "SecurityGroupIds": null }))] {
        let cloud = Cloud::new();
        let stack = cloud.stack("orders");
        let event = stack.event("Create", &wanted);
        let first = cloud.deliver(&event).await.succeeded();
        cloud.deliver(&stack.delete_event(&first.physical_id, &wanted)).await.succeeded();
        cloud.pass(30).await;
        stack.set_status("CREATE_IN_PROGRESS");
        let second = cloud.deliver(&event).await.succeeded();
        assert_ne!(second.physical_id, first.physical_id);
        assert_eq!(cloud.endpoint().id, second.physical_id);
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_ec2_only_makes_it_take_longer() {
    let cloud = Cloud::of(|world| world.knobs.latency_ms = ec2_sim::Span::exactly(1_100));
    let (stack, wanted) = (cloud.stack("orders"), with(properties(), json!({ "SecurityGroupIds": null })));
    let created = stack.create(&wanted).await.succeeded();
    let named = with(wanted.clone(), json!({ "AllowedCidrs": ["10.0.16.0/20"] }));
    stack.update(&created.physical_id, &named, &wanted).await.succeeded();
    cloud.deliver(&stack.delete_event(&created.physical_id, &wanted)).await.succeeded();
    cloud.assert_clean();
}

/// If a function is killed before it responds, the next delivery of its event does not know what it has created.
#[tokio::test(start_paused = true)]
async fn what_a_killed_delivery_created_is_removed_after_the_next_one_fails() {
    let cloud = Cloud::new();
    cloud.sim.on_call(|call| match call.action.as_str() {
        "CreateVpcEndpoint" => {
            ec2_sim::Verdict::fail(400, "VpcEndpointLimitExceeded", "The maximum number has been reached.")
        }
        _ => ec2_sim::Verdict::Proceed,
    });
    let (stack, groups) = (cloud.stack("orders"), cloud.sim.groups());
    let wanted = with(properties(), json!({ "SecurityGroupIds": null }));
    let event = stack.event("Create", &wanted);
    cloud.deliver(&event).await.failed();
    let failed = cloud.deliver(&event).await;
    cloud.deliver(&stack.delete_event(&failed.physical_id, &wanted)).await.succeeded();
    assert!(failed.failed().contains("VpcEndpointLimitExceeded"));
    assert_eq!(cloud.sim.groups(), groups);
}

/// The calls until the endpoint is created: each once, and none that is not needed.
#[tokio::test(start_paused = true)]
async fn a_create_makes_every_call_once() {
    let up_to = |calls: Vec<String>, last: &str| {
        let end = calls.iter().position(|action| action == last).unwrap();
        let mut calls = calls.into_iter().take(end + 1).collect::<Vec<_>>();
        calls[..end].sort();
        calls
    };
    let own = with(properties(), json!({ "SecurityGroupIds": null }));
    let named = with(own.clone(), json!({ "AllowedCidrs": ["10.0.0.0/8"] }));
    for (wanted, more) in [
        (properties(), &["DescribeSecurityGroups"][..]),
        (own, &["CreateSecurityGroup", "DescribeSecurityGroups"]),
        (named, &["AuthorizeSecurityGroupIngress", "CreateSecurityGroup", "DescribeSecurityGroups"]),
    ] {
        let cloud = Cloud::of(|world| world.knobs.group_lag_ms = ec2_sim::Span::exactly(0));
        cloud.stack("orders").create(&wanted).await.succeeded();
        let reads = ["DescribeSubnets", "DescribeVpcEndpointServices", "DescribeVpcEndpoints"];
        let mut expected = [more, &reads].concat();
        expected.sort_unstable();
        expected.push("CreateVpcEndpoint");
        assert_eq!(up_to(cloud.calls(0), "CreateVpcEndpoint"), expected);
    }
}

/// A join looks before and after it writes its reference, and reads the security groups.
#[tokio::test(start_paused = true)]
async fn a_join_is_five_calls() {
    let own = with(properties(), json!({ "SecurityGroupIds": null }));
    for wanted in [properties(), own] {
        let cloud = Cloud::of(|world| {
            // The service is in every zone of the VPC.
            world.subnets.retain(|subnet| subnet.vpc_id != VPC || [SUBNET_AZ1, SUBNET_AZ2].contains(&&*subnet.id));
            world.knobs.read_lag_ms = ec2_sim::Span::exactly(0);
        });
        cloud.stack("orders").create(&wanted).await.succeeded();
        cloud.pass(10).await;
        let before = cloud.sim.log().len();
        cloud.stack("billing").create(&wanted).await.succeeded();
        let mut calls = cloud.calls(before);
        calls.sort_unstable();
        let expected =
            ["CreateTags", "DescribeSecurityGroups", "DescribeSubnets", "DescribeVpcEndpoints", "DescribeVpcEndpoints"];
        assert_eq!(calls, expected);
    }
}

/// What the look at the service shows is not asked for by its ID, too.
#[tokio::test(start_paused = true)]
async fn an_update_asks_for_its_endpoint_once() {
    let cloud = Cloud::new();
    let (stack, narrow) = (cloud.stack("orders"), with(properties(), json!({ "SubnetIds": [SUBNET_AZ1] })));
    let id = stack.create(&narrow).await.succeeded().physical_id;
    cloud.pass(60).await;
    let before = cloud.sim.log().len();
    stack.update(&id, &properties(), &narrow).await.succeeded();
    let by_id = |call: &&ec2_sim::Call| call.params.get("Filter.1.Name").is_some_and(|name| name == "vpc-endpoint-id");
    let log = cloud.sim.log();
    assert_eq!(log[before..].iter().filter(by_id).count(), 1);
    assert!(log[before..].iter().filter(|call| call.action == "DescribeVpcEndpoints").count() > 9, "it looks again");
}

/// Apart from the looks that the protocol requires.
#[tokio::test(start_paused = true)]
async fn a_delete_is_five_calls_and_its_looks() {
    let own = with(properties(), json!({ "SecurityGroupIds": null }));
    let cloud = Cloud::new();
    let stack = cloud.stack("orders");
    let id = stack.create(&own).await.succeeded().physical_id;
    let before = cloud.sim.log().len();
    stack.delete(&id).await.succeeded();
    let mut calls = cloud.calls(before);
    calls.retain(|action| action != "DescribeVpcEndpoints");
    let expected = ["DeleteTags", "CreateTags", "DeleteVpcEndpoints", "DescribeSecurityGroups", "DeleteSecurityGroup"];
    assert_eq!(calls, expected);
}
