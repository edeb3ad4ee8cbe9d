//! What the real EC2 was recorded to answer, beyond its documentation.

use crate::cloud::*;
use ec2_sim::{EndpointSpec, Span, State, Verdict};
use serde_json::json;
use std::time::Duration;

/// Another service with the private DNS name of [`SERVICE`]; TiDB Cloud's names are on record with two services.
const SERVICE_WITH_SAME_NAME: &str = "com.amazonaws.vpce.us-east-1.vpce-svc-093a4b5c6d7e8f901";

fn of_the_other_service() -> EndpointSpec {
    EndpointSpec { service_name: SERVICE_WITH_SAME_NAME.to_owned(), ..foreign() }
}

/// Rejects the first call of an action, in the words of EC2.
fn reject_once(cloud: &Cloud, action: &'static str, code: &'static str, message: &'static str) {
    let mut first = true;
    cloud.sim.on_call(move |call| {
        let rejected = call.action == action && std::mem::take(&mut first);
        if rejected { Verdict::fail(400, code, message) } else { Verdict::Proceed }
    });
}

/// Whether a call was rejected with this code.
fn rejected(cloud: &Cloud, action: &str, code: &str) -> bool {
    let has_code = |call: &ec2_sim::Call| call.outcome.as_ref().and_then(ec2_sim::Outcome::code) == Some(code);
    cloud.sim.log().iter().any(|call| call.action == action && has_code(call))
}

#[tokio::test(start_paused = true)]
async fn a_modification_waits_while_an_idempotent_operation_is_going_on() {
    let cloud = Cloud::of(|world| {
        world.knobs.create_ms = Span::exactly(20_000);
        world.knobs.idempotent_operation_ms = Span::exactly(60_000);
    });
    let stack = cloud.stack("orders");
    let created = stack.create(&properties()).await.succeeded();
    let narrow = with(properties(), json!({ "SubnetIds": [SUBNET_AZ1] }));
    let updated = stack.update(&created.physical_id, &narrow, &properties()).await.succeeded();
    assert_eq!(updated.data["SubnetIds"], SUBNET_AZ1);
    assert!(cloud.count("ModifyVpcEndpoint") > 1, "EC2 rejected the first call");
}

#[tokio::test(start_paused = true)]
async fn a_deletion_waits_while_an_idempotent_operation_is_going_on() {
    let cloud = Cloud::of(|world| {
        world.knobs.create_ms = Span::exactly(20_000);
        world.knobs.idempotent_operation_ms = Span::exactly(90_000);
    });
    let stack = cloud.stack("orders");
    let created = stack.create(&properties()).await.succeeded();
    stack.delete(&created.physical_id).await.succeeded();
    assert!(cloud.count("DeleteVpcEndpoints") > 1, "the first response contained an error");
    cloud.assert_clean();
}

#[tokio::test(start_paused = true)]
async fn the_endpoint_of_another_service_that_has_the_private_name_is_named_at_once() {
    let cloud = Cloud::new();
    let holder = cloud.sim.create_foreign_endpoint(of_the_other_service());
    cloud.pass(20).await;
    let begun = cloud.sim.now();
    let reason = cloud.stack("orders").create(&properties()).await.failed();
    for words in [&holder, SERVICE_WITH_SAME_NAME, PRIVATE_NAME, VPC, "PrivateDnsEnabled"] {
        assert!(reason.contains(words), "'{words}' is not in: {reason}");
    }
    assert!(!reason.contains("hosted zone"), "{reason}");
    let seconds = cloud.sim.now().duration_since(begun).as_secs();
    assert!(seconds < 15, "rejected after {seconds} s");
    // Before EC2 rejects the name, nothing is asked about other services.
    let log = cloud.sim.log();
    let created = log.iter().position(|call| call.action == "CreateVpcEndpoint").unwrap();
    let by_service = |call: &&ec2_sim::Call| call.params.values().any(|value| value == "service-name");
    let before = log[..created].iter().filter(|call| call.action == "DescribeVpcEndpoints");
    assert!(before.clone().count() == 1 && before.filter(by_service).count() == 1);

    let without = with(properties(), json!({ "PrivateDnsEnabled": false }));
    cloud.stack("billing").create(&without).await.succeeded();
}

#[tokio::test(start_paused = true)]
async fn an_update_that_enables_private_dns_names_the_other_services_endpoint_too() {
    let cloud = Cloud::new();
    let stack = cloud.stack("orders");
    let without = with(properties(), json!({ "PrivateDnsEnabled": false }));
    let created = stack.create(&without).await.succeeded();
    let holder = cloud.sim.create_foreign_endpoint(of_the_other_service());
    cloud.pass(20).await;
    let reason = stack.update(&created.physical_id, &properties(), &without).await.failed();
    assert!(reason.contains(&holder) && reason.contains(SERVICE_WITH_SAME_NAME), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn a_replacement_whose_service_has_the_same_name_is_rejected_at_once() {
    let cloud = Cloud::of(|world| {
        let other = world.services.iter_mut().find(|service| service.name == SERVICE_WITH_SAME_NAME).unwrap();
        other.zone_ids = ["use1-az1".to_owned()].into();
    });
    let stack = cloud.stack("orders");
    let created = stack.create(&properties()).await.succeeded();
    let other = with(properties(), json!({ "ServiceName": SERVICE_WITH_SAME_NAME }));
    let reason = stack.update(&created.physical_id, &other, &properties()).await.failed();
    assert!(reason.contains(&created.physical_id) && reason.contains(SERVICE), "{reason}");
    stack.update(&created.physical_id, &properties(), &other).await.succeeded();
}

#[tokio::test(start_paused = true)]
async fn the_endpoint_of_another_service_that_is_being_deleted_is_waited_for() {
    let cloud = Cloud::of(|world| {
        world.knobs.delete_ms = Span::exactly(100_000);
        world.knobs.zone_release_ms = Span::exactly(0);
    });
    let holder = cloud.sim.create_foreign_endpoint(of_the_other_service());
    cloud.pass(20).await;
    cloud.sim.delete_endpoint(&holder);
    cloud.pass(10).await;
    let created = cloud.stack("orders").create(&properties()).await.succeeded();
    assert_eq!(created.data["Host"], PRIVATE_NAME);
}

#[tokio::test(start_paused = true)]
async fn a_hosted_zone_id_that_is_pending_is_waited_for() {
    for late in [0, 8, 50] {
        let cloud = Cloud::of(|world| world.knobs.zone_id_pending_ms = Span::exactly(late * 1_000));
        let stack = cloud.stack("orders");
        let created = stack.create(&properties()).await.succeeded();
        let entries = &created.data["DnsEntries"];
        assert!(!entries.contains("ZONEIDPENDING"), "{late} s late: {entries}");
        assert!(entries.split(',').any(|entry| entry.ends_with(&format!(":{PRIVATE_NAME}"))), "{entries}");
        assert_eq!(created.data["Warnings"], "");

        // The same where a modification enables private DNS.
        let without = with(properties(), json!({ "PrivateDnsEnabled": false }));
        let disabled = stack.update(&created.physical_id, &without, &properties()).await.succeeded();
        cloud.pass(300).await;
        let enabled = stack.update(&disabled.physical_id, &properties(), &without).await.succeeded();
        assert!(!enabled.data["DnsEntries"].contains("ZONEIDPENDING"), "{late} s late");
        assert!(enabled.data["DnsEntries"].contains(PRIVATE_NAME), "{late} s late");
    }
}

#[tokio::test(start_paused = true)]
async fn a_hosted_zone_id_that_stays_pending_is_never_returned() {
    let cloud = Cloud::of(|world| {
        world.knobs.create_ms = Span::exactly(60_000);
        world.knobs.zone_id_pending_ms = Span::exactly(3_600_000);
    });
    let begun = cloud.sim.now();
    let created = cloud.stack("orders").create(&properties()).await.succeeded();
    let data = &created.data;
    assert!(data.values().all(|value| !value.contains("ZONEIDPENDING")), "{data:?}");
    assert!(!data["DnsEntries"].contains(PRIVATE_NAME) && data["DnsEntries"].contains(&data["DnsName"]), "{data:?}");
    assert_eq!((data["Host"].as_str(), data["HostedZoneId"].as_str()), (PRIVATE_NAME, "Z7HUB22UULQXV"));
    assert!(data["Warnings"].contains("hosted zone ID"), "{}", data["Warnings"]);
    let seconds = cloud.sim.now().duration_since(begun).as_secs();
    assert!((115..135).contains(&seconds), "one minute after the endpoint is available: {seconds} s");
}

#[tokio::test(start_paused = true)]
async fn the_host_is_the_services_own_name_where_the_service_has_several() {
    for seed in 0..8 {
        let cloud = Cloud::of(|world| {
            world.seed = seed;
            let service = world.services.iter_mut().find(|service| service.name == SERVICE).unwrap();
            service.more_private_dns_names =
                ["a.tidbcloud.com", "*.b.tidbcloud.com", "z.tidbcloud.com"].map(str::to_owned).to_vec();
        });
        let created = cloud.stack("orders").create(&properties()).await.succeeded();
        assert_eq!(created.data["Host"], PRIVATE_NAME, "of {}", created.data["DnsEntries"]);
        assert_eq!(created.data["PrivateDnsName"], PRIVATE_NAME);
        let joined = cloud.stack("billing").create(&properties()).await.succeeded();
        assert_eq!(joined.data["Host"], PRIVATE_NAME, "of {}", joined.data["DnsEntries"]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_same_stack_created_a_moment_ago_may_not_exist_yet() {
    let codes = [
        ("InvalidSubnetID.NotFound", "The subnet ID 'subnet-0a1c11111111111c1' does not exist"),
        ("InvalidSubnetId.NotFound", "The subnet ID 'subnet-0a1c11111111111c1' does not exist"),
        ("InvalidVpcID.NotFound", "The vpc ID 'vpc-0a11111111111111a' does not exist"),
        ("InvalidVpcId.NotFound", "The vpc ID 'vpc-0a11111111111111a' does not exist"),
        ("InvalidSecurityGroupId.NotFound", "The security group ID 'sg-0a1db41111111111a' does not exist"),
        ("InvalidSecurityGroupID.NotFound", "The security group ID 'sg-0a1db41111111111a' does not exist"),
        ("InvalidGroup.NotFound", "The security group 'sg-0a1db41111111111a' does not exist"),
        ("InvalidGroupId.NotFound", "The security group 'sg-0a1db41111111111a' does not exist"),
    ];
    // A Create, and an Update that adds what was created.
    let few = with(properties(), json!({ "SubnetIds": [SUBNET_AZ1], "SecurityGroupIds": ["sg-0a1def1111111111a"] }));
    let all = with(properties(), json!({ "SubnetIds": [SUBNET_AZ1, SUBNET_AZ2] }));
    for (code, message) in codes {
        let is_group = code.contains("Group");
        for action in ["CreateVpcEndpoint", "ModifyVpcEndpoint", "DescribeSubnets"] {
            // Security groups are read by a filter, which matches nothing that does not exist.
            if action == "DescribeSubnets" && is_group || action == "ModifyVpcEndpoint" && code.contains("Vpc") {
                continue;
            }
            let (cloud, is_create) = (Cloud::new(), action == "CreateVpcEndpoint");
            let stack = cloud.stack("orders");
            if is_create {
                reject_once(&cloud, action, code, message);
            }
            let answered = stack.create(&few).await;
            assert_eq!(answered.reason, None, "{code} at {action}");
            if !is_create {
                cloud.pass(60).await;
                reject_once(&cloud, action, code, message);
                let updated = stack.update(&answered.physical_id, &all, &few).await.succeeded();
                assert_eq!(updated.data["SubnetIds"], format!("{SUBNET_AZ1},{SUBNET_AZ2}"), "{code} at {action}");
                assert_eq!(updated.data["SecurityGroupIds"], GROUP, "{code} at {action}");
            }
            assert!(rejected(&cloud, action, code), "{code} at {action}");
        }
    }
    // Groups of the provider's own go through AuthorizeSecurityGroupIngress before that.
    for action in ["CreateSecurityGroup", "AuthorizeSecurityGroupIngress"] {
        let cloud = Cloud::new();
        let code =
            if action == "CreateSecurityGroup" { "InvalidVpcId.NotFound" } else { "InvalidSecurityGroupId.NotFound" };
        reject_once(&cloud, action, code, "It does not exist");
        let created = cloud.stack("orders").create(&json!({ "ServiceName": SERVICE, "VpcId": VPC })).await;
        assert_eq!(created.reason, None, "{code} at {action}");
        assert!(rejected(&cloud, action, code), "{code} at {action}");
    }
}

/// The security group is in the look, and EC2 does not find it when it is to be used.
#[tokio::test(start_paused = true)]
async fn the_security_group_of_a_delivery_that_crashed_a_moment_ago_may_not_exist_yet() {
    let cloud = Cloud::of(|world| {
        world.knobs.read_lag_ms = Span::exactly(0);
        world.knobs.group_lag_ms = Span::exactly(6_000);
    });
    let event = cloud.stack("orders").event("Create", &json!({ "ServiceName": SERVICE, "VpcId": VPC }));
    assert!(cloud.deliver_raw_for(&event, 1).await.is_none(), "EC2 does not find the security group yet");
    assert_eq!((cloud.count("CreateSecurityGroup"), cloud.sim.endpoints().len()), (1, 0));
    cloud.deliver(&event).await.succeeded();
    let groups = cloud.sim.groups();
    let managed: Vec<_> = groups.iter().filter(|group| group.name.starts_with("tidb-private-endpoint-")).collect();
    assert_eq!(managed.len(), 1);
    assert_eq!(cloud.endpoint().group_ids, [managed[0].id.as_str()], "it is used");
}

#[tokio::test(start_paused = true)]
async fn what_does_not_exist_after_the_read_lag_is_an_error() {
    for code in ["InvalidSubnetID.NotFound", "InvalidVpcId.NotFound", "InvalidSecurityGroupId.NotFound"] {
        let cloud = Cloud::new();
        cloud.sim.on_call(move |call| match call.action.as_str() {
            "CreateVpcEndpoint" => Verdict::fail(400, code, "It does not exist"),
            _ => Verdict::Proceed,
        });
        let begun = cloud.sim.now();
        let reason = cloud.stack("orders").create(&properties()).await.failed();
        assert!(reason.contains(code), "{reason}");
        let seconds = cloud.sim.now().duration_since(begun).as_secs();
        assert!((5..30).contains(&seconds), "{code}: {seconds} s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_subnet_that_was_created_a_moment_ago_is_found_later() {
    let cloud = Cloud::of(|world| world.knobs.network_lag_ms = Span::exactly(6_000));
    let parameters = format!(
        "Action=CreateSubnet&Version=2016-11-15&VpcId={VPC}&CidrBlock=10.0.200.0/24&AvailabilityZoneId=use1-az1"
    );
    let reply = cloud.sim.call(&parameters).await.body;
    let subnet = reply.split("<subnetId>").nth(1).and_then(|rest| rest.split('<').next()).unwrap().to_owned();
    let created = cloud.stack("orders").create(&with(properties(), json!({ "SubnetIds": [subnet] }))).await.succeeded();
    assert_eq!(created.data["SubnetIds"], subnet);
}

#[tokio::test(start_paused = true)]
async fn a_security_group_that_was_created_a_moment_ago_is_found_later() {
    for (read_lag, group_lag) in [(0, 6_000), (6_000, 0), (6_000, 6_000)] {
        let cloud = Cloud::of(|world| {
            world.knobs.read_lag_ms = Span::exactly(read_lag);
            world.knobs.group_lag_ms = Span::exactly(group_lag);
        });
        let (stack, few) = (cloud.stack("orders"), with(properties(), json!({ "SubnetIds": [SUBNET_AZ1] })));
        let id = stack.create(&few).await.succeeded().physical_id;
        cloud.pass(60).await;
        let new_group = async |name: &str| {
            let what = format!("VpcId={VPC}&GroupName={name}&GroupDescription=new");
            let reply = cloud.sim.call(&format!("Action=CreateSecurityGroup&Version=2016-11-15&{what}")).await.body;
            reply.split("<groupId>").nth(1).and_then(|rest| rest.split('<').next()).unwrap().to_owned()
        };
        let with_group = |group: &str| with(few.clone(), json!({ "SecurityGroupIds": [group] }));
        let first = new_group("one").await;
        let updated = stack.update(&id, &with_group(&first), &few).await.succeeded();
        assert_eq!(updated.data["SecurityGroupIds"], first, "{read_lag} ms, {group_lag} ms");
        stack.leave(&id, &with_group(&first)).await.succeeded();
        let group = new_group("two").await;
        let created = stack.create(&with_group(&group)).await.succeeded();
        assert_eq!(created.data["SecurityGroupIds"], group, "{read_lag} ms, {group_lag} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_that_shows_late_was_made_all_the_same() {
    for late in [12, 20, 45] {
        let cloud = Cloud::of(|world| {
            world.knobs.modify_ms = Span::exactly(5_000);
            world.knobs.modify_visible_ms = Span::exactly(late * 1_000);
        });
        let stack = cloud.stack("orders");
        let narrow = with(properties(), json!({ "SubnetIds": [SUBNET_AZ1] }));
        let created = stack.create(&narrow).await.succeeded();
        let updated = stack.update(&created.physical_id, &properties(), &narrow).await;
        assert_eq!(updated.reason, None, "{late} s late");
        assert_eq!(updated.data["SubnetIds"], format!("{SUBNET_AZ1},{SUBNET_AZ2}"));
        let duplicate = |call: &&ec2_sim::Call| {
            call.outcome.as_ref().and_then(ec2_sim::Outcome::code) == Some("DuplicateSubnetsInSameZone")
        };
        // A change that shows soon after the read lag may be seen before EC2 is asked again.
        assert!(late < 20 || cloud.sim.log().iter().any(|call| duplicate(&call)), "{late} s late");
    }
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_in_an_unknown_state_that_it_had_before_the_update_is_not_waited_for() {
    let cloud = Cloud::new();
    let stack = cloud.stack("orders");
    let created = stack.create(&properties()).await.succeeded();
    cloud.sim.set_partial(&created.physical_id);
    cloud.pass(60).await;
    let begun = cloud.sim.now();
    let tagged = with(properties(), json!({ "Tags": [{ "Key": "team", "Value": "data" }] }));
    let updated = stack.update(&created.physical_id, &tagged, &properties()).await.succeeded();
    assert!(updated.data["Warnings"].contains("partial"), "{}", updated.data["Warnings"]);
    let took = cloud.sim.now().duration_since(begun).unsigned_abs();
    assert!(took < Duration::from_secs(30), "{took:?}");
    assert_eq!(cloud.endpoint().tags.get("team").map(String::as_str), Some("data"));

    // A new endpoint in such a state may still become available.
    let other = Cloud::of(|world| world.knobs.create_ms = Span::exactly(300_000));
    let waiting = async {
        other.pass(30).await;
        other.sim.set_partial(&other.endpoint().id);
    };
    let orders = other.stack("orders");
    let short = with(properties(), json!({ "ServiceTimeout": 200 }));
    let (created, ()) = tokio::join!(orders.create(&short), waiting);
    assert!(created.failed().contains("partial"));
    assert_eq!(other.endpoint().state, State::Partial);
}

/// Several stacks write tags at the same time, and creating a security group writes some, too.
#[tokio::test(start_paused = true)]
async fn a_concurrent_tag_access_while_the_security_group_is_created_passes() {
    let cloud = Cloud::new();
    let mut times = 0;
    cloud.sim.on_call(move |call| {
        times += u32::from(call.action == "CreateSecurityGroup");
        if call.action == "CreateSecurityGroup" && times == 1 {
            Verdict::concurrent_tag_access()
        } else {
            Verdict::Proceed
        }
    });
    cloud.stack("orders").create(&with(properties(), json!({ "SecurityGroupIds": null }))).await.succeeded();
}
