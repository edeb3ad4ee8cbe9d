//! Stories of what a shared endpoint is: what its present holders request, together. A stack takes with it what it brought,
//! and no other stack notices.

use crate::cloud::*;
use crate::deployment::Watch;
use ec2_sim::{Group, Span, Verdict, World};
use futures_util::future::join;
use serde_json::{Value, json};

/// A second subnet in the zone of the first one.
const SECOND_AZ1: &str = "subnet-0a1c11111111111c2";
const ORDERS_GROUP: &str = "sg-0a10e000000000001";
const BILLING_GROUP: &str = "sg-0a1b1000000000002";

fn cloud() -> Cloud {
    cloud_with(|_| {})
}

fn cloud_with(change: impl FnOnce(&mut World)) -> Cloud {
    Cloud::of(|world| {
        change(world);
        let mut subnet = world.subnets.iter().find(|subnet| subnet.id == SUBNET_AZ1).unwrap().clone();
        (subnet.id, subnet.cidr_block) = (SECOND_AZ1.to_owned(), "10.0.64.0/20".to_owned());
        world.subnets.push(subnet);
        let group = world.groups.iter().find(|group| group.id == GROUP).unwrap().clone();
        for (id, name) in [(ORDERS_GROUP, "orders"), (BILLING_GROUP, "billing")] {
            world.groups.push(Group { id: id.to_owned(), name: name.to_owned(), ..group.clone() });
        }
    })
}

/// Properties without security groups, so that the provider's is used.
fn plain(over: Value) -> Value {
    with(with(properties(), json!({ "SecurityGroupIds": null })), over)
}

/// The stack deletes something of its own right after the response.
async fn can_delete(cloud: &Cloud, id: &str) -> bool {
    let what = if id.starts_with("sg-") { "DeleteSecurityGroup&GroupId" } else { "DeleteSubnet&SubnetId" };
    let form = format!("Version=2016-11-15&Action={what}={id}");
    cloud.sim.call(&form).await.status == 200
}

fn says(text: impl std::fmt::Display, words: &[&str]) {
    let text = text.to_string();
    for word in words {
        assert!(text.contains(word), "'{word}' is not in: {text}");
    }
}

/// Orders and billing share the endpoint with these properties.
async fn shared(cloud: &Cloud, one: &Value, two: &Value) -> (Stack, Stack, String) {
    let (orders, billing) = (cloud.stack("orders"), cloud.stack("billing"));
    let first = orders.create(one).await.succeeded();
    let second = billing.create(two).await.succeeded();
    assert_eq!(first.physical_id, second.physical_id);
    (orders, billing, first.physical_id)
}

#[tokio::test(start_paused = true)]
async fn a_stack_takes_its_security_group_with_it() {
    let cloud = cloud();
    let one = with(properties(), json!({ "SecurityGroupIds": [ORDERS_GROUP] }));
    let two = with(properties(), json!({ "SecurityGroupIds": [BILLING_GROUP] }));
    let (orders, billing, id) = shared(&cloud, &one, &two).await;
    orders.leave(&id, &one).await.succeeded();
    assert_eq!(cloud.endpoint().group_ids, [BILLING_GROUP]);
    assert!(can_delete(&cloud, ORDERS_GROUP).await);
    assert_eq!(cloud.leaving(), [""; 0]);
    billing.leave(&id, &two).await.succeeded();
    cloud.assert_clean();
}

#[tokio::test(start_paused = true)]
async fn a_stack_takes_its_subnet_with_it() {
    let cloud = cloud();
    let one = with(properties(), json!({ "SubnetIds": [SUBNET_AZ1] }));
    let two = with(properties(), json!({ "SubnetIds": [SUBNET_AZ2] }));
    let (orders, billing, id) = shared(&cloud, &one, &two).await;
    assert_eq!(cloud.endpoint().subnet_ids.len(), 2);
    orders.leave(&id, &one).await.succeeded();
    assert_eq!(cloud.endpoint().subnet_ids, [SUBNET_AZ2]);
    assert!(can_delete(&cloud, SUBNET_AZ1).await);
    billing.leave(&id, &two).await.succeeded();
    cloud.assert_clean();
}

#[tokio::test(start_paused = true)]
async fn a_stack_takes_its_rule_with_it() {
    let cloud = cloud();
    let one = plain(json!({ "AllowedSecurityGroupIds": [ORDERS_GROUP] }));
    let two = plain(json!({ "AllowedSecurityGroupIds": [BILLING_GROUP], "AllowedCidrs": ["10.0.16.0/20"] }));
    let (orders, billing, id) = shared(&cloud, &one, &two).await;
    let own = cloud.sim.groups().into_iter().find(|group| group.name.starts_with("tidb-private-endpoint")).unwrap().id;
    let updated = billing.update(&id, &with(two.clone(), json!({ "Trigger": "1" })), &two).await.succeeded();
    assert_eq!(updated.data["OwnSecurityGroupId"], own);
    orders.leave(&id, &one).await.succeeded();
    assert!(can_delete(&cloud, ORDERS_GROUP).await);
    assert!(!can_delete(&cloud, BILLING_GROUP).await, "the rule of the other stack stays");
    billing.leave(&id, &two).await.succeeded();
    assert!(can_delete(&cloud, BILLING_GROUP).await);
    cloud.assert_clean();
    assert!(!cloud.sim.groups().iter().any(|group| group.name.starts_with("tidb-private-endpoint")));
}

#[tokio::test(start_paused = true)]
async fn what_an_update_replaces_is_free_when_it_answers() {
    let cloud = cloud();
    let one = with(properties(), json!({ "SecurityGroupIds": [ORDERS_GROUP], "SubnetIds": [SUBNET_AZ1, SUBNET_AZ2] }));
    let two = with(properties(), json!({ "SecurityGroupIds": [BILLING_GROUP], "SubnetIds": [SUBNET_AZ2] }));
    let (orders, _, id) = shared(&cloud, &one, &two).await;
    let new = with(properties(), json!({ "SecurityGroupIds": [GROUP], "SubnetIds": [SUBNET_AZ2] }));
    orders.update(&id, &new, &one).await.succeeded();
    assert!(can_delete(&cloud, ORDERS_GROUP).await && can_delete(&cloud, SUBNET_AZ1).await);
    let mut groups = cloud.endpoint().group_ids;
    groups.sort_unstable();
    assert_eq!(
        (groups, cloud.endpoint().subnet_ids),
        (vec![BILLING_GROUP.to_owned(), GROUP.to_owned()], vec![SUBNET_AZ2.to_owned()])
    );
}

/// An update gives something up, and a stack that requests it joins some seconds later, while EC2 shows nothing of either.
#[tokio::test(start_paused = true)]
async fn what_an_update_gives_up_stays_for_a_stack_that_joins_meanwhile() {
    let subnets = |ids: &[&str]| with(properties(), json!({ "SubnetIds": ids }));
    let wide = with(properties(), json!({ "SecurityGroupIds": [GROUP, ORDERS_GROUP] }));
    for (old, new) in [
        (properties(), with(properties(), json!({ "PrivateDnsEnabled": false }))),
        (subnets(&[SUBNET_AZ1, SUBNET_AZ2]), subnets(&[SUBNET_AZ1])),
        (wide, properties()),
        (
            plain(json!({ "AllowedCidrs": ["10.0.16.0/20", "10.0.32.0/20"] })),
            plain(json!({ "AllowedCidrs": ["10.0.16.0/20"] })),
        ),
    ] {
        for after in [0, 1, 5, 15, 25] {
            let cloud = cloud_with(|world| world.knobs.read_lag_ms = Span::exactly(9_000));
            let (orders, billing) = (cloud.stack("orders"), cloud.stack("billing"));
            let id = orders.create(&old).await.succeeded().physical_id;
            cloud.pass(60).await;
            let check = |joined: &str| {
                let endpoints = cloud.sim.endpoints();
                let own = endpoints.iter().find(|endpoint| endpoint.id == joined).unwrap();
                assert_eq!(Watch::new(&cloud).lost(own, &old), None, "{new}, joined after {after} s");
                // Nobody has seen its reference in the last look, and an endpoint without private DNS is not one to join.
                let may_be_another = new["PrivateDnsEnabled"] == false && after >= 15;
                assert!(joined == id || may_be_another, "{new}, joined after {after} s");
                let holds = endpoints.iter().filter(|it| it.tags.contains_key(&billing.ref_key())).count();
                assert_eq!(holds, 1, "{new}, joined after {after} s");
            };
            let join_late = async {
                cloud.pass(after).await;
                let joined = billing.create(&old).await.succeeded().physical_id;
                check(&joined);
                joined
            };
            let (updated, joined) = join(orders.update(&id, &new, &old), join_late).await;
            assert_eq!(updated.succeeded().physical_id, id);
            check(&joined);
            let mut tags = cloud.sim.endpoints().into_iter().flat_map(|endpoint| endpoint.tags.into_keys());
            assert_eq!(tags.find(|key| key.contains(":leaving:")), None, "{new}, joined after {after} s");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_both_have_given_stays() {
    let cloud = cloud();
    let same = with(properties(), json!({ "SubnetIds": [SUBNET_AZ1], "SecurityGroupIds": [ORDERS_GROUP] }));
    let (orders, billing, id) = shared(&cloud, &same, &same).await;
    let calls = cloud.sim.log().len();
    orders.leave(&id, &same).await.succeeded();
    assert_eq!(cloud.endpoint().subnet_ids, [SUBNET_AZ1]);
    assert_eq!(cloud.endpoint().group_ids, [ORDERS_GROUP]);
    assert_eq!(changes(&cloud, calls), ["DeleteTags"]);
    billing.leave(&id, &same).await.succeeded();

    let same = plain(json!({ "AllowedSecurityGroupIds": [ORDERS_GROUP] }));
    let (orders, _, id) = shared(&cloud, &same, &same).await;
    let calls = cloud.sim.log().len();
    orders.leave(&id, &same).await.succeeded();
    assert_eq!(changes(&cloud, calls), ["DeleteTags"]);
    assert!(!can_delete(&cloud, ORDERS_GROUP).await);
}

#[tokio::test(start_paused = true)]
async fn a_zone_that_another_stack_requests_stays_covered() {
    let cloud = cloud();
    let one = with(properties(), json!({ "SubnetIds": [SUBNET_AZ1] }));
    let (orders, billing, id) = shared(&cloud, &one, &properties()).await;
    let mut zones = cloud.endpoint().subnet_ids;
    zones.sort_unstable();
    assert_eq!(zones, [SUBNET_AZ1, SUBNET_AZ2]);
    orders.leave(&id, &one).await.succeeded();
    let mut subnets = cloud.endpoint().subnet_ids;
    subnets.sort_unstable();
    assert_eq!(subnets, [SECOND_AZ1, SUBNET_AZ2], "the other subnet of the zone");
    assert!(can_delete(&cloud, SUBNET_AZ1).await);
    let updated = billing.update(&id, &properties(), &properties()).await.succeeded();
    assert_eq!(updated.data["Warnings"], "");
}

#[tokio::test(start_paused = true)]
async fn of_two_subnets_in_one_zone_the_first_stays_until_its_stack_leaves() {
    let cloud = cloud();
    let one = with(properties(), json!({ "SubnetIds": [SUBNET_AZ1] }));
    let two = with(properties(), json!({ "SubnetIds": [SECOND_AZ1] }));
    let (orders, billing, id) = shared(&cloud, &one, &two).await;
    assert_eq!(cloud.endpoint().subnet_ids, [SUBNET_AZ1]);
    let updated = billing.update(&id, &with(two.clone(), json!({ "Trigger": "1" })), &two).await.succeeded();
    says(&updated.data["Warnings"], &[SUBNET_AZ1, "it is used by orders/TiDB", SECOND_AZ1]);
    orders.leave(&id, &one).await.succeeded();
    assert_eq!(cloud.endpoint().subnet_ids, [SECOND_AZ1], "what the other stack has requested all the time");
    assert!(can_delete(&cloud, SUBNET_AZ1).await);
}

#[tokio::test(start_paused = true)]
async fn private_dns_goes_with_the_last_that_requests_it() {
    let cloud = cloud();
    let off = with(properties(), json!({ "PrivateDnsEnabled": false }));
    let (orders, billing, id) = shared(&cloud, &properties(), &off).await;
    let updated = billing.update(&id, &with(off.clone(), json!({ "Trigger": "1" })), &off).await.succeeded();
    says(&updated.data["Warnings"], &["stays on, because it is used by orders/TiDB"]);
    orders.leave(&id, &properties()).await.succeeded();
    assert!(!cloud.endpoint().private_dns_enabled);
}

#[tokio::test(start_paused = true)]
async fn tags_go_with_the_last_that_requests_them() {
    let cloud = cloud();
    let tags = |pairs: &[(&str, &str)]| -> Value {
        let tags: Value = pairs.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
        with(properties(), json!({ "Tags": tags }))
    };
    let (one, two) = (
        tags(&[("team", "orders"), ("cost", "12"), ("stage", "prod")]),
        tags(&[("team", "billing"), ("stage", "prod")]),
    );
    let (orders, billing, id) = shared(&cloud, &one, &two).await;
    cloud.sim.set_tag(&id, "seen-by", "Jo");
    cloud.pass(10).await;
    orders.leave(&id, &one).await.succeeded();
    let tag = |key: &str| cloud.endpoint().tags.get(key).cloned();
    assert_eq!((tag("team"), tag("cost")), (None, None));
    assert_eq!((tag("stage").as_deref(), tag("seen-by").as_deref()), (Some("prod"), Some("Jo")));
    billing.update(&id, &with(two.clone(), json!({ "Trigger": "1" })), &two).await.succeeded();
    assert_eq!(tag("team").as_deref(), Some("billing"));
}

/// The look before the reference is removed shows no other holder, so the endpoint seems to be deleted with its tags.
#[tokio::test(start_paused = true)]
async fn a_tag_goes_although_the_other_stack_has_joined_a_moment_ago() {
    let cloud = cloud_with(|world| world.knobs.read_lag_ms = Span::exactly(0));
    let one = with(properties(), json!({ "Tags": [{ "Key": "team", "Value": "orders" }] }));
    let (orders, _, id) = shared(&cloud, &one, &properties()).await;
    cloud.sim.update_knobs(|knobs| knobs.read_lag_ms = Span::exactly(9_000));
    orders.leave(&id, &one).await.succeeded();
    assert_eq!(cloud.endpoint().tags.get("team"), None);
}

/// Each of two updates adds a tag, and keeps the old one for the sake of the other, until it looks once more.
#[tokio::test(start_paused = true)]
async fn a_tag_that_two_updates_drop_at_once_goes() {
    let cloud = cloud_with(|world| world.knobs.read_lag_ms = Span::exactly(9_000));
    let tag = |key: &str| with(properties(), json!({ "Tags": [{ "Key": key, "Value": "1" }] }));
    let (orders, billing, id) = shared(&cloud, &tag("old"), &tag("old")).await;
    cloud.pass(10).await;
    let updates =
        join(orders.update(&id, &tag("one"), &tag("old")), billing.update(&id, &tag("two"), &tag("old"))).await;
    updates.0.succeeded();
    updates.1.succeeded();
    let tags = cloud.endpoint().tags;
    assert_eq!(["old", "one", "two"].map(|key| tags.contains_key(key)), [false, true, true]);
}

/// An organization's policy keeps the provider from removing the tag, with the reference or after it.
#[tokio::test(start_paused = true)]
async fn a_stack_leaves_although_its_tag_cannot_be_removed() {
    for seconds in [0, 10] {
        let cloud = cloud_with(|world| world.knobs.read_lag_ms = Span::exactly(0));
        cloud.sim.on_call(|call| match call.action.as_str() {
            "DeleteTags" if call.params.values().any(|value| value == "team") => Verdict::unauthorized("DeleteTags"),
            _ => Verdict::Proceed,
        });
        let one = with(properties(), json!({ "Tags": [{ "Key": "team", "Value": "orders" }] }));
        let (orders, _, id) = shared(&cloud, &one, &properties()).await;
        cloud.sim.update_knobs(|knobs| knobs.read_lag_ms = Span::exactly(9_000));
        cloud.pass(seconds).await;
        orders.leave(&id, &one).await.succeeded();
        assert_eq!(cloud.endpoint().tags.get("team").map(String::as_str), Some("orders"));
        assert!(!cloud.endpoint().tags.contains_key(&orders.ref_key()));
    }
}

#[tokio::test(start_paused = true)]
async fn what_people_have_added_stays() {
    let cloud = cloud();
    let one = with(properties(), json!({ "SecurityGroupIds": [ORDERS_GROUP] }));
    let two = with(properties(), json!({ "SecurityGroupIds": [BILLING_GROUP] }));
    let (orders, billing, id) = shared(&cloud, &one, &two).await;
    let form = format!("Version=2016-11-15&Action=ModifyVpcEndpoint&VpcEndpointId={id}&AddSecurityGroupId.1={GROUP}");
    assert_eq!(cloud.sim.call(&form).await.status, 200);
    cloud.pass(120).await;
    orders.leave(&id, &one).await.succeeded();
    let mut groups = cloud.endpoint().group_ids;
    groups.sort_unstable();
    assert_eq!(groups, [BILLING_GROUP, GROUP]);
    let new = with(properties(), json!({ "SecurityGroupIds": [ORDERS_GROUP] }));
    let updated = billing.update(&id, &new, &two).await.succeeded();
    says(&updated.data["Warnings"], &[&format!("{GROUP} (no resource is known to request it)")]);
}

#[tokio::test(start_paused = true)]
async fn a_reference_of_an_earlier_version_keeps_what_is_there_until_its_next_event() {
    let cloud = cloud();
    let one = with(properties(), json!({ "SecurityGroupIds": [ORDERS_GROUP] }));
    let two = with(properties(), json!({ "SecurityGroupIds": [BILLING_GROUP] }));
    let (orders, billing, id) = shared(&cloud, &one, &two).await;
    cloud.sim.set_tag(&id, &billing.ref_key(), "billing/TiDB 0123456789ab");
    cloud.pass(10).await;
    let old = with(properties(), json!({ "SecurityGroupIds": [GROUP] }));
    orders.update(&id, &old, &one).await.succeeded();
    assert!(cloud.endpoint().group_ids.contains(&ORDERS_GROUP.to_owned()));
    billing.update(&id, &with(two.clone(), json!({ "Trigger": "1" })), &two).await.succeeded();
    says(&cloud.endpoint().tags[&billing.ref_key()], &["dns=on", "groups=0a1b1000000000002"]);
    orders.leave(&id, &old).await.succeeded();
    assert!(!cloud.endpoint().group_ids.contains(&GROUP.to_owned()));
}

#[tokio::test(start_paused = true)]
async fn what_two_have_brought_goes_when_both_leave_at_once() {
    let cloud = cloud();
    let brought = with(
        properties(),
        json!({
            "SecurityGroupIds": [ORDERS_GROUP],
            "SubnetIds": [SUBNET_AZ1],
            "Tags": [{ "Key": "stage", "Value": "prod" }],
        }),
    );
    let (orders, billing, id) = shared(&cloud, &brought, &brought).await;
    let rest = with(properties(), json!({ "SubnetIds": [SUBNET_AZ2] }));
    cloud.stack("reports").create(&rest).await.succeeded();
    let (one, two) = join(orders.leave(&id, &brought), billing.leave(&id, &brought)).await;
    one.succeeded();
    two.succeeded();
    assert!(can_delete(&cloud, ORDERS_GROUP).await && can_delete(&cloud, SUBNET_AZ1).await);
    assert_eq!(
        (cloud.endpoint().group_ids, cloud.endpoint().subnet_ids),
        (vec![GROUP.to_owned()], vec![SUBNET_AZ2.to_owned()])
    );
    assert_eq!(cloud.endpoint().tags.get("stage"), None);
    assert_eq!(cloud.leaving(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn two_updates_that_take_something_away_at_once_do_not_wait_for_each_other() {
    let cloud = cloud();
    let one = with(properties(), json!({ "SecurityGroupIds": [ORDERS_GROUP, GROUP] }));
    let two = with(properties(), json!({ "SecurityGroupIds": [BILLING_GROUP, GROUP] }));
    let (orders, billing, id) = shared(&cloud, &one, &two).await;
    let started = cloud.sim.now();
    let (first, second) = join(orders.update(&id, &properties(), &one), billing.update(&id, &properties(), &two)).await;
    first.succeeded();
    second.succeeded();
    assert_eq!(cloud.endpoint().group_ids, [GROUP]);
    let seconds = cloud.sim.now().duration_since(started).as_secs();
    assert!(seconds < 300, "{seconds} s");
}

#[tokio::test(start_paused = true)]
async fn a_delete_succeeds_although_what_it_brought_cannot_be_taken_away() {
    let cloud = cloud();
    let one = with(properties(), json!({ "SecurityGroupIds": [ORDERS_GROUP] }));
    let (orders, _, id) = shared(&cloud, &one, &properties()).await;
    cloud.sim.on_call(|call| match call.action.as_str() {
        "ModifyVpcEndpoint" => Verdict::fail(400, "InvalidParameter", "The endpoint cannot be modified."),
        _ => Verdict::Proceed,
    });
    orders.leave(&id, &one).await.succeeded();
    assert!(!cloud.endpoint().tags.contains_key(&orders.ref_key()));
    assert_eq!(cloud.leaving(), [""; 0]);
    assert!(cloud.endpoint().group_ids.contains(&ORDERS_GROUP.to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_delete_without_the_time_for_it_leaves_what_it_brought() {
    for seconds in [30, 90] {
        let cloud = cloud();
        let one = with(properties(), json!({ "SubnetIds": [SUBNET_AZ2] }));
        let two = with(properties(), json!({ "SubnetIds": [SUBNET_AZ1] }));
        let (orders, _, id) = shared(&cloud, &one, &two).await;
        cloud.sim.update_knobs(|knobs| knobs.modify_ms = Span::exactly(120_000));
        let mut event = orders.delete_event(&id, &one);
        event["ResourceProperties"]["ServiceTimeout"] = json!(seconds.to_string());
        event["ResponseURL"] = json!(signed(cloud.sim.now()));
        cloud.deliver(&event).await.succeeded();
        assert_eq!(cloud.leaving(), [""; 0]);
    }
}

/// The VPC is 10.0.0.0/16. The second stack needs no rule of its own, because the first one's lets its clients in.
#[tokio::test(start_paused = true)]
async fn a_stack_that_relies_on_a_wider_rule_of_another_keeps_its_clients() {
    let cloud = cloud();
    let wide = plain(json!({ "AllowedCidrs": ["10.0.0.0/8"] }));
    let (orders, billing, id) = shared(&cloud, &wide, &plain(json!({}))).await;
    orders.leave(&id, &wide).await.succeeded();
    let groups = cloud.sim.groups();
    let rules = groups.iter().filter(|group| group.name.starts_with("tidb-private-endpoint")).flat_map(|g| &g.ingress);
    assert!(rules.count() > 0, "right after the other stack has left");
    let updated = billing.update(&id, &plain(json!({ "Trigger": "1" })), &plain(json!({}))).await.succeeded();
    assert_eq!(updated.data["Warnings"], "");
}

#[tokio::test(start_paused = true)]
async fn a_stack_leaves_although_there_is_no_room_for_an_announcement() {
    let cloud = cloud();
    let one = with(properties(), json!({ "SecurityGroupIds": [ORDERS_GROUP] }));
    let (orders, billing, id) = shared(&cloud, &one, &properties()).await;
    let taken = cloud.endpoint().tags.len();
    (taken..50).for_each(|n| cloud.sim.set_tag(&id, &format!("tag-{n}"), "1"));
    cloud.pass(10).await;
    let new = with(properties(), json!({ "SecurityGroupIds": [BILLING_GROUP] }));
    let updated = orders.update(&id, &new, &one).await.succeeded();
    says(&updated.data["Warnings"], &[ORDERS_GROUP]);
    orders.leave(&id, &new).await.succeeded();
    assert!(!cloud.endpoint().tags.contains_key(&orders.ref_key()));
    billing.leave(&id, &properties()).await.succeeded();
    cloud.assert_clean();
}

#[tokio::test(start_paused = true)]
async fn a_stack_that_leaves_a_lost_endpoint_is_quick() {
    let cloud = cloud();
    let one = with(properties(), json!({ "SecurityGroupIds": [ORDERS_GROUP] }));
    let (orders, _, id) = shared(&cloud, &one, &properties()).await;
    cloud.sim.reject_endpoint(&id);
    cloud.pass(10).await;
    let started = cloud.sim.now();
    orders.leave(&id, &one).await.succeeded();
    assert!(cloud.sim.now().duration_since(started).as_secs() < 60);
}

/// The second stack joins when the first one has released the endpoint, and cannot attach its security group before the first
/// one has given up deleting it.
#[tokio::test(start_paused = true)]
async fn the_last_security_group_goes_when_another_stack_has_attached_its_own() {
    let cloud = cloud();
    let one = with(properties(), json!({ "SecurityGroupIds": [ORDERS_GROUP] }));
    let two = with(properties(), json!({ "SecurityGroupIds": [BILLING_GROUP] }));
    let (orders, billing) = (cloud.stack("orders"), cloud.stack("billing"));
    let id = orders.create(&one).await.succeeded().physical_id;
    let late = async {
        cloud.pass(25).await;
        billing.create(&two).await
    };
    let (left, joined) = join(orders.leave(&id, &one), late).await;
    assert_eq!((left.succeeded().physical_id, joined.succeeded().physical_id), (id.clone(), id));
    assert_eq!(cloud.endpoint().group_ids, [BILLING_GROUP]);
    assert!(can_delete(&cloud, ORDERS_GROUP).await);
}

#[tokio::test(start_paused = true)]
async fn a_delete_does_not_wait_long_for_security_groups_that_nobody_attaches() {
    let ids: Vec<String> = (1..=5).map(|n| format!("sg-0a10e00000000010{n}")).collect();
    let cloud = Cloud::of(|world| {
        let group = world.groups.iter().find(|group| group.id == GROUP).unwrap().clone();
        for id in &ids {
            world.groups.push(Group { id: id.clone(), name: id.clone(), ..group.clone() });
        }
    });
    let five = with(properties(), json!({ "SecurityGroupIds": ids }));
    let (orders, _, id) = shared(&cloud, &five, &plain(json!({}))).await;
    assert_eq!(cloud.endpoint().group_ids.len(), 5);
    let started = cloud.sim.now();
    orders.leave(&id, &five).await.succeeded();
    assert!(cloud.sim.now().duration_since(started).as_secs() < 300);
}

#[tokio::test(start_paused = true)]
async fn an_update_to_its_own_groups_takes_its_rule_out_of_the_providers() {
    let cloud = cloud();
    let one = plain(json!({ "AllowedSecurityGroupIds": [ORDERS_GROUP] }));
    let (orders, _, id) = shared(&cloud, &one, &plain(json!({}))).await;
    let new = with(properties(), json!({ "SecurityGroupIds": [GROUP] }));
    orders.update(&id, &new, &one).await.succeeded();
    assert!(can_delete(&cloud, ORDERS_GROUP).await);
}

#[tokio::test(start_paused = true)]
async fn the_rules_of_an_endpoint_that_is_gone_do_not_stay_in_the_group_of_another() {
    // EC2 lists a deleted endpoint for a while, or not at all.
    for listed in [0, 60_000] {
        let cloud = cloud_with(|world| world.knobs.deleted_listed_ms = Span::exactly(listed));
        let (orders, one, id) = orders_beside_billing(&cloud).await;
        orders.leave(&id, &one).await.succeeded();
        assert!(can_delete(&cloud, ORDERS_GROUP).await, "listed for {listed} ms");
    }
}

/// A delivery that crashed has deleted the endpoint, or somebody else has.
#[tokio::test(start_paused = true)]
async fn nor_do_they_if_the_endpoint_is_gone_before_the_delete() {
    let cloud = cloud();
    let (orders, one, id) = orders_beside_billing(&cloud).await;
    let form = format!("Version=2016-11-15&Action=DeleteVpcEndpoints&VpcEndpointId.1={id}");
    assert_eq!(cloud.sim.call(&form).await.status, 200);
    cloud.pass(600).await;
    orders.leave(&id, &one).await.succeeded();
    assert!(can_delete(&cloud, ORDERS_GROUP).await);
}

/// Billing has an endpoint without private DNS, and orders another one with it; both have the provider's security group.
async fn orders_beside_billing(cloud: &Cloud) -> (Stack, Value, String) {
    let without_dns = plain(json!({ "PrivateDnsEnabled": false }));
    cloud.stack("billing").create(&without_dns).await.succeeded();
    let one = plain(json!({ "AllowedSecurityGroupIds": [ORDERS_GROUP] }));
    let orders = cloud.stack("orders");
    let id = orders.create(&one).await.succeeded().physical_id;
    assert_eq!(cloud.sim.endpoints().len(), 2);
    (orders, one, id)
}

#[tokio::test(start_paused = true)]
async fn a_subnet_that_another_property_excludes_is_not_requested() {
    let cloud = cloud();
    let given = json!({ "SubnetIds": [SUBNET_AZ1, SUBNET_AZ2], "AvailabilityZoneIds": ["use1-az1"] });
    let one = with(properties(), json!({ "SubnetIds": [SUBNET_AZ1] }));
    let (_, billing, id) = shared(&cloud, &with(properties(), given), &one).await;
    billing.update(&id, &with(one.clone(), json!({ "Trigger": "1" })), &one).await.succeeded();
    assert_eq!(cloud.endpoint().subnet_ids, [SUBNET_AZ1]);
}

#[tokio::test(start_paused = true)]
async fn an_address_type_that_another_requests_is_no_matter_of_one_that_leaves() {
    let cloud = cloud();
    let one = with(properties(), json!({ "SecurityGroupIds": [ORDERS_GROUP] }));
    let (orders, billing, id) = shared(&cloud, &one, &properties()).await;
    let value = cloud.endpoint().tags[&billing.ref_key()].clone();
    cloud.sim.set_tag(&id, &billing.ref_key(), &format!("{value} type=dualstack"));
    cloud.pass(10).await;
    orders.leave(&id, &one).await.succeeded();
    assert!(can_delete(&cloud, ORDERS_GROUP).await);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_does_not_fit_keeps_everything_and_says_so() {
    let cloud = cloud();
    let many: Vec<String> = (0..58).map(|n| format!("10.0.{n}.0/24")).collect();
    let one = plain(json!({ "AllowedCidrs": many }));
    let two = plain(json!({ "AllowedSecurityGroupIds": [BILLING_GROUP] }));
    let created = cloud.stack("orders").create(&one).await.succeeded();
    says(&created.data["Warnings"], &["too long to be recorded", "fewer"]);
    let billing = cloud.stack("billing");
    let id = billing.create(&two).await.succeeded().physical_id;
    billing.leave(&id, &two).await.succeeded();
    assert!(!can_delete(&cloud, BILLING_GROUP).await);
}

#[tokio::test(start_paused = true)]
async fn a_leave_that_takes_something_away_makes_two_more_changes() {
    let cloud = cloud();
    let one = with(properties(), json!({ "SecurityGroupIds": [ORDERS_GROUP] }));
    let (orders, _, id) = shared(&cloud, &one, &properties()).await;
    let from = cloud.sim.log().len();
    orders.leave(&id, &one).await.succeeded();
    assert_eq!(changes(&cloud, from), ["CreateTags", "ModifyVpcEndpoint", "DeleteTags"]);
}

/// The changes that the provider has asked EC2 for.
fn changes(cloud: &Cloud, from: usize) -> Vec<String> {
    cloud.calls(from).into_iter().filter(|action| !action.starts_with("Describe")).collect()
}

/// A stack that leaves has taken its subnet away, and still has its reference.
#[tokio::test(start_paused = true)]
async fn an_update_does_not_add_what_a_stack_that_leaves_has_taken_away() {
    let of =
        |subnet: &str, team: &str| plain(json!({ "SubnetIds": [subnet], "Tags": [{ "Key": "team", "Value": team }] }));
    for after in [18, 22, 26, 30, 34] {
        let cloud = cloud();
        let (one, two) = (of(SUBNET_AZ2, "orders"), of(SUBNET_AZ1, "orders"));
        let (orders, billing, id) = shared(&cloud, &one, &two).await;
        let changes = cloud.count("ModifyVpcEndpoint");
        let update = async {
            cloud.pass(after).await;
            orders.update(&id, &of(SUBNET_AZ2, "data"), &one).await.succeeded()
        };
        join(billing.leave(&id, &two), update).await.0.succeeded();
        assert_eq!(cloud.count("ModifyVpcEndpoint"), changes + 1, "after {after} s");
        assert_eq!(cloud.endpoint().subnet_ids, [SUBNET_AZ2], "after {after} s");
    }
}
