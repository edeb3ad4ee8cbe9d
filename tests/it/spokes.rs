//! Hub and spoke: resources that use an endpoint of another VPC.

use crate::ask::Asked;
use crate::cloud::*;
use ec2_sim::{EndpointSpec, Route, Rule, Source};
use serde_json::{Value, json};
use tidb_private_endpoint::model::tags::Holder;

/// A spoke with an IPv4 block and an IPv6 block, and one with an IPv4 block.
const SPOKE: &str = VPC_2;
const SPOKE_B: &str = "vpc-0b22222222222222b";
const FROM_SPOKE: [&str; 2] = ["10.3.0.0/16", "2600:1f18:aa00:4d00::/56"];

/// The properties of the resource in the hub.
fn hub() -> Value {
    json!({ "ServiceName": SERVICE, "VpcId": VPC })
}

/// The properties of a resource in a spoke.
fn spoke(vpc: &str) -> Value {
    json!({ "ServiceName": SERVICE, "VpcId": vpc, "ReuseScope": "Region" })
}

impl Cloud {
    /// The sorted sources of the provider's security groups in the hub, each with its port.
    fn sources(&self) -> Vec<String> {
        let groups = self.sim.groups().into_iter();
        let groups =
            groups.filter(|group| group.tags.contains_key("tidb-private-endpoint:owned") && group.vpc_id == VPC);
        let source = |rule: &Rule| match &rule.source {
            Source::Cidr(it) | Source::Ipv6Cidr(it) | Source::PrefixList(it) | Source::Group(it) => {
                format!("{it}:{}", rule.to_port.unwrap_or_default())
            }
        };
        let mut sources: Vec<String> = groups.flat_map(|group| group.ingress).map(|rule| source(&rule)).collect();
        sources.sort();
        sources
    }

    /// The same for the hub's own blocks and these.
    fn sources_with(&self, blocks: &[&str]) -> bool {
        let all = ["10.0.0.0/16", "100.64.0.0/20"].iter().chain(blocks);
        let mut expected: Vec<String> = all.map(|block| format!("{block}:4000")).collect();
        expected.sort();
        assert_eq!(self.sources(), expected);
        true
    }
}

#[tokio::test(start_paused = true)]
async fn a_spoke_brings_rules_for_its_blocks_and_takes_them_with_it() {
    let cloud = Cloud::new();
    let first = cloud.stack("hub").create(&hub()).await.succeeded();
    cloud.pass(60).await;
    let stack = cloud.stack("spoke");
    let joined = stack.create(&spoke(SPOKE)).await.succeeded();
    assert_eq!(joined.physical_id, first.physical_id);
    assert!(cloud.sources_with(&FROM_SPOKE), "the VPC of the spoke may connect");
    cloud.pass(60).await;
    stack.leave(&joined.physical_id, &spoke(SPOKE)).await.succeeded();
    assert!(cloud.sources_with(&[]), "its rules go with it");
    assert_eq!(cloud.endpoint().subnet_ids.len(), 2, "the subnets are the hub's");
    cloud.assert_understood();
}

#[tokio::test(start_paused = true)]
async fn the_rules_of_a_spoke_stay_as_long_as_one_of_its_resources_holds_the_endpoint() {
    let cloud = Cloud::new();
    let (hub_stack, orders, billing) = (cloud.stack("hub"), cloud.stack("orders"), cloud.stack("billing"));
    let id = hub_stack.create(&hub()).await.succeeded().physical_id;
    cloud.pass(60).await;
    for (stack, vpc) in [(&orders, SPOKE), (&billing, SPOKE), (&cloud.stack("reports"), SPOKE_B)] {
        assert_eq!(stack.create(&spoke(vpc)).await.succeeded().physical_id, id);
        cloud.pass(60).await;
    }
    let all = ["10.1.0.0/16", FROM_SPOKE[0], FROM_SPOKE[1]];
    assert!(cloud.sources_with(&all));
    // An update of the hub does not take away what it does not know.
    let other = with(hub(), json!({ "Trigger": "again" }));
    hub_stack.update(&id, &other, &hub()).await.succeeded();
    assert!(cloud.sources_with(&all));
    orders.leave(&id, &spoke(SPOKE)).await.succeeded();
    assert!(cloud.sources_with(&all), "billing needs them");
    cloud.pass(60).await;
    billing.leave(&id, &spoke(SPOKE)).await.succeeded();
    assert!(cloud.sources_with(&all[..1]));
}

#[tokio::test(start_paused = true)]
async fn allowed_cidrs_of_a_spoke_replace_its_blocks() {
    let cloud = Cloud::new();
    let id = cloud.stack("hub").create(&hub()).await.succeeded().physical_id;
    cloud.pass(60).await;
    let stack = cloud.stack("spoke");
    let some = with(spoke(SPOKE), json!({ "AllowedCidrs": ["10.3.0.0/24"] }));
    stack.create(&some).await.succeeded();
    assert!(cloud.sources_with(&["10.3.0.0/24"]));
    cloud.pass(60).await;
    stack.update(&id, &spoke(SPOKE), &some).await.succeeded();
    assert!(cloud.sources_with(&FROM_SPOKE));
    cloud.pass(60).await;
    stack.update(&id, &some, &spoke(SPOKE)).await.succeeded();
    assert!(cloud.sources_with(&["10.3.0.0/24"]));
    // Without a VPC, only the properties tell who the clients are.
    let anywhere = json!({ "ServiceName": SERVICE, "ReuseScope": "Region", "AllowedCidrs": ["10.9.0.0/16"] });
    cloud.stack("anywhere").create(&anywhere).await.succeeded();
    assert!(cloud.sources_with(&["10.3.0.0/24", "10.9.0.0/16"]));
    cloud.pass(60).await;
    cloud.stack("anywhere").leave(&id, &anywhere).await.succeeded();
    assert!(cloud.sources_with(&["10.3.0.0/24"]));
}

/// EC2 shows the VPC of a spoke without a block, which does not say that nobody is there.
#[tokio::test(start_paused = true)]
async fn a_spoke_that_shows_no_block_keeps_what_it_has_requested() {
    let cloud = Cloud::new();
    let (hub_stack, stack) = (cloud.stack("hub"), cloud.stack("spoke"));
    let again = |properties: &Value| with(properties.clone(), json!({ "Trigger": "again" }));
    let id = hub_stack.create(&hub()).await.succeeded().physical_id;
    cloud.pass(60).await;
    stack.create(&spoke(SPOKE)).await.succeeded();
    for block in FROM_SPOKE {
        cloud.sim.remove_cidr_block(SPOKE, block);
    }
    cloud.pass(60).await;
    stack.update(&id, &again(&spoke(SPOKE)), &spoke(SPOKE)).await.succeeded();
    cloud.pass(60).await;
    hub_stack.update(&id, &again(&hub()), &hub()).await.succeeded();
    assert!(cloud.sources_with(&FROM_SPOKE));
    // What one that joins will request is not known yet, so it may need everything that is there.
    cloud.stack("new").create(&spoke(SPOKE)).await.succeeded();
    stack.leave(&id, &spoke(SPOKE)).await.succeeded();
    assert!(cloud.sources_with(&FROM_SPOKE));
}

#[tokio::test(start_paused = true)]
async fn a_wider_rule_of_another_spoke_does_not_stand_in_for_its_own() {
    let cloud = Cloud::new();
    let id = cloud.stack("hub").create(&hub()).await.succeeded().physical_id;
    cloud.pass(60).await;
    let wide = with(spoke(SPOKE_B), json!({ "AllowedCidrs": ["10.0.0.0/8"] }));
    cloud.stack("wide").create(&wide).await.succeeded();
    cloud.pass(60).await;
    cloud.stack("spoke").create(&spoke(SPOKE)).await.succeeded();
    cloud.pass(60).await;
    cloud.stack("wide").leave(&id, &wide).await.succeeded();
    assert!(cloud.sources_with(&FROM_SPOKE));
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_with_other_security_groups_gets_the_provider_s_for_a_spoke() {
    let cloud = Cloud::new();
    let id = cloud.stack("hub").create(&properties()).await.succeeded().physical_id;
    cloud.pass(60).await;
    let stack = cloud.stack("spoke");
    let joined = stack.create(&spoke(SPOKE)).await.succeeded();
    assert_eq!(cloud.endpoint().group_ids.len(), 2, "the hub's, and the provider's");
    assert!(joined.data["OwnSecurityGroupId"].starts_with("sg-"));
    assert_eq!(cloud.sources(), FROM_SPOKE.map(|block| format!("{block}:4000")));
    cloud.pass(60).await;
    stack.leave(&id, &spoke(SPOKE)).await.succeeded();
    assert_eq!(cloud.endpoint().group_ids.iter().collect::<Vec<_>>(), [GROUP]);
    assert_eq!(cloud.sources(), [""; 0], "the security group is gone");
}

#[tokio::test(start_paused = true)]
async fn the_last_spoke_deletes_the_endpoint_and_the_security_group() {
    let cloud = Cloud::new();
    let id = cloud.stack("hub").create(&hub()).await.succeeded().physical_id;
    cloud.pass(60).await;
    let stack = cloud.stack("spoke");
    stack.create(&spoke(SPOKE)).await.succeeded();
    cloud.pass(60).await;
    cloud.stack("hub").leave(&id, &hub()).await.succeeded();
    assert_eq!(cloud.endpoint().subnet_ids.len(), 2, "the spoke keeps the endpoint");
    assert_eq!(cloud.sources(), FROM_SPOKE.map(|block| format!("{block}:4000")), "the hub's rules are gone");
    cloud.pass(60).await;
    stack.leave(&id, &spoke(SPOKE)).await.succeeded();
    assert_eq!(cloud.sim.endpoints(), []);
    assert_eq!(cloud.sources(), [""; 0]);
    cloud.assert_clean();
}

#[tokio::test(start_paused = true)]
async fn a_spoke_with_security_groups_of_its_own_changes_nothing_and_keeps_everything() {
    let cloud = Cloud::new();
    let id = cloud.stack("hub").create(&hub()).await.succeeded().physical_id;
    cloud.pass(60).await;
    let own = with(spoke(SPOKE), json!({ "SecurityGroupIds": [GROUP_2] }));
    let joined = cloud.stack("spoke").create(&own).await.succeeded();
    let warnings = &joined.data["Warnings"];
    assert!(warnings.contains(GROUP_2) && warnings.contains("does not use"), "{warnings}");
    assert!(cloud.sources_with(&[]));
    cloud.pass(60).await;
    cloud.stack("hub").leave(&id, &hub()).await.succeeded();
    assert!(cloud.sources_with(&[]), "it may rely on them");
}

#[tokio::test(start_paused = true)]
async fn on_a_foreign_endpoint_the_warning_names_the_rule() {
    let cloud = Cloud::new();
    cloud.sim.create_foreign_endpoint(EndpointSpec { ..foreign() });
    cloud.pass(10).await;
    let joined = cloud.stack("spoke").create(&spoke(SPOKE)).await.succeeded();
    let rule = format!(
        "aws ec2 authorize-security-group-ingress --group-id {GROUP} --protocol tcp --port 4000 --cidr 10.3.0.0/16"
    );
    assert!(joined.data["Warnings"].contains(&rule), "{}", joined.data["Warnings"]);
    assert_eq!(cloud.count("AuthorizeSecurityGroupIngress"), 0);
}

/// Who the clients are, the properties say, and not the VPC.
#[tokio::test(start_paused = true)]
async fn on_a_foreign_endpoint_the_warning_names_the_clients_of_the_properties() {
    let cloud = Cloud::new();
    cloud.sim.create_foreign_endpoint(foreign());
    cloud.pass(10).await;
    let some = with(spoke(SPOKE), json!({ "AllowedCidrs": ["10.3.7.0/24"] }));
    let warnings = cloud.stack("spoke").create(&some).await.succeeded().data["Warnings"].clone();
    assert!(
        warnings.contains(&format!("--group-id {GROUP} --protocol tcp --port 4000 --cidr 10.3.7.0/24")),
        "{warnings}"
    );
    assert!(FROM_SPOKE.iter().all(|block| !warnings.contains(&format!("from {block}"))), "{warnings}");
    assert_eq!(cloud.count("AuthorizeSecurityGroupIngress"), 0);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_vpc_is_no_spoke() {
    let cloud = Cloud::new();
    cloud.stack("hub").create(&hub()).await.succeeded();
    let reason = cloud.stack("spoke").create(&spoke("vpc-0123456789abcdef0")).await.failed();
    assert!(reason.contains("vpc-0123456789abcdef0"), "{reason}");
}

/// The warning about the way, if there is one.
fn about_the_way(answered: &Answered) -> Option<String> {
    let warnings = answered.data["Warnings"].split_inclusive(". ");
    warnings
        .filter(|it| it.contains("routes are missing") || it.contains("No route can lead"))
        .map(str::to_owned)
        .next()
}

fn route(destination: &str, target: &str) -> Route {
    Route { destination: destination.to_owned(), target: target.to_owned(), blackhole: false }
}

const GATEWAY: &str = "tgw-0123456789abcdef0";

/// A hub with an endpoint, and what a spoke is told about the way to it, after some routes are there.
async fn told(routes: impl FnOnce(&Cloud)) -> Option<String> {
    let cloud = Cloud::new();
    cloud.stack("hub").create(&hub()).await.succeeded();
    cloud.pass(60).await;
    routes(&cloud);
    cloud.pass(10).await;
    let joined = cloud.stack("spoke").create(&spoke(SPOKE)).await.succeeded();
    cloud.assert_understood();
    about_the_way(&joined)
}

#[tokio::test(start_paused = true)]
async fn one_warning_names_the_missing_routes_there_and_back() {
    let warning = told(|_| {}).await.unwrap();
    for words in ["to 10.0.0.0/16 in rtb-", "of vpc-0d44444444444444d; to 10.3.0.0/16 in rtb-", "peering connection"] {
        assert!(warning.contains(words), "'{words}' is not in: {warning}");
    }
    assert!(!warning.contains("2600:"), "the endpoint has no IPv6 addresses: {warning}");
}

#[tokio::test(start_paused = true)]
async fn with_routes_there_and_back_there_is_no_warning() {
    let peered = |cloud: &Cloud| {
        let peering = cloud.sim.peer(SPOKE, VPC);
        cloud.sim.add_route(SPOKE, route("10.0.0.0/16", &peering));
        cloud.sim.add_route(VPC, route("10.3.0.0/16", &peering));
    };
    assert_eq!(told(peered).await, None);
    let attached = |cloud: &Cloud| {
        for vpc in [SPOKE, VPC] {
            cloud.sim.attach_transit_gateway(vpc, GATEWAY);
            cloud.sim.add_route(vpc, route("10.0.0.0/8", GATEWAY));
            cloud.sim.add_route(vpc, route("0.0.0.0/0", "nat-0123456789abcdef0"));
        }
    };
    assert_eq!(told(attached).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_route_that_leads_nowhere_or_to_the_internet_does_not_count() {
    let only_there = |cloud: &Cloud| {
        let peering = cloud.sim.peer(SPOKE, VPC);
        cloud.sim.add_route(SPOKE, route("10.0.0.0/16", &peering));
    };
    let warning = told(only_there).await.unwrap();
    assert!(warning.contains(&format!("of {VPC};")) && !warning.contains(&format!("of {SPOKE}")), "{warning}");
    let detached = |cloud: &Cloud| {
        cloud.sim.add_route(SPOKE, route("10.0.0.0/16", GATEWAY));
        cloud.sim.add_route(VPC, route("0.0.0.0/0", "igw-0123456789abcdef0"));
        cloud.sim.add_route(VPC, route("pl-63a5400a", "vpce-0123456789abcdef0"));
    };
    let warning = told(detached).await.unwrap();
    assert!(warning.contains(&format!("of {VPC};")) && warning.contains(&format!("of {SPOKE};")), "{warning}");
}

/// The hub's subnets are in two blocks. Each of them needs a route, whatever the target: a network interface, for example of
/// an appliance, or a virtual private gateway.
#[tokio::test(start_paused = true)]
async fn each_block_of_the_hub_needs_a_route() {
    let both = ["10.0.0.0/16", "100.64.0.0/20"];
    for (routed, missing) in [(&both[..1], Some(both[1])), (&both[1..], Some(both[0])), (&both[..], None)] {
        for target in ["eni-0123456789abcdef0", "vgw-0123456789abcdef0"] {
            let cloud = Cloud::of(|world| {
                let subnet = world.subnets.iter_mut().find(|subnet| subnet.id == SUBNET_AZ2).unwrap();
                subnet.cidr_block = "100.64.0.0/24".to_owned();
            });
            cloud.stack("hub").create(&hub()).await.succeeded();
            for block in routed {
                cloud.sim.add_route(SPOKE, route(block, target));
            }
            cloud.sim.add_route(VPC, route("10.3.0.0/16", target));
            cloud.pass(60).await;
            let warning = about_the_way(&cloud.stack("spoke").create(&spoke(SPOKE)).await.succeeded());
            let named: Vec<&str> =
                both.into_iter().filter(|block| warning.as_ref().is_some_and(|it| it.contains(block))).collect();
            assert_eq!((named, warning.is_some()), (missing.into_iter().collect(), missing.is_some()), "{warning:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn overlapping_blocks_are_called_hopeless() {
    let cloud = Cloud::of(|world| {
        let spoke = world.vpcs.iter_mut().find(|vpc| vpc.id == SPOKE).unwrap();
        spoke.cidr_blocks.push("10.0.0.0/19".to_owned());
    });
    cloud.stack("hub").create(&hub()).await.succeeded();
    cloud.pass(60).await;
    let joined = cloud.stack("spoke").create(&spoke(SPOKE)).await.succeeded();
    let warning = about_the_way(&joined).unwrap();
    assert!(warning.starts_with("No route can lead") && warning.contains("10.0.16.0/20 and 10.0.0.0/19"), "{warning}");
}

/// The subnets that the properties name are where the clients are.
#[tokio::test(start_paused = true)]
async fn only_the_route_tables_of_the_clients_count() {
    let cloud = Cloud::of(|world| {
        let table = |id: &str, subnet: &str, routes: Vec<Route>| ec2_sim::RouteTable {
            id: id.to_owned(),
            vpc_id: SPOKE.to_owned(),
            subnet_ids: [subnet.to_owned()].into(),
            routes,
            ..ec2_sim::RouteTable::default()
        };
        world.route_tables.push(table(
            "rtb-0123456789abcdef0",
            "subnet-0d4c44444444444c4",
            vec![route("10.0.0.0/16", "pcx-0123456789abcdef0")],
        ));
        world.route_tables.push(table("rtb-0123456789abcdef1", "subnet-0d4d44444444444d4", Vec::new()));
    });
    cloud.stack("hub").create(&hub()).await.succeeded();
    cloud.sim.add_route(VPC, route("10.3.0.0/16", "pcx-0123456789abcdef0"));
    cloud.pass(60).await;
    let all = cloud.stack("all").create(&spoke(SPOKE)).await.succeeded();
    let warning = about_the_way(&all).unwrap();
    assert!(warning.contains("rtb-0123456789abcdef1") && !warning.contains("rtb-0123456789abcdef0"), "{warning}");
    let some = with(spoke(SPOKE), json!({ "SubnetIds": ["subnet-0d4c44444444444c4"] }));
    assert_eq!(about_the_way(&cloud.stack("some").create(&some).await.succeeded()), None);
}

#[tokio::test(start_paused = true)]
async fn route_tables_are_read_page_by_page_and_only_for_an_endpoint_of_another_vpc() {
    let cloud = Cloud::of(|world| {
        for n in 0..150 {
            let id = format!("rtb-{n:017x}");
            world.route_tables.push(ec2_sim::RouteTable { id, vpc_id: SPOKE.to_owned(), ..Default::default() });
        }
    });
    let created = cloud.stack("hub").create(&hub()).await.succeeded();
    cloud.stack("hub").update(&created.physical_id, &with(hub(), json!({ "Trigger": "1" })), &hub()).await.succeeded();
    assert_eq!(cloud.count("DescribeRouteTables"), 0);
    cloud.pass(60).await;
    cloud.stack("spoke").create(&spoke(SPOKE)).await.succeeded();
    assert_eq!(cloud.count("DescribeRouteTables"), 3, "two pages there, one back");
    cloud.stack("spoke").leave(&created.physical_id, &spoke(SPOKE)).await.succeeded();
    assert_eq!(cloud.count("DescribeRouteTables"), 3, "a Delete needs no routes");
}

#[tokio::test(start_paused = true)]
async fn a_spoke_that_another_account_shares_is_only_checked_one_way() {
    let cloud = Cloud::new();
    cloud.stack("hub").create(&hub()).await.succeeded();
    cloud.pass(60).await;
    let joined = cloud.stack("spoke").create(&spoke("vpc-0e55555555555555e")).await.succeeded();
    let warning = about_the_way(&joined).unwrap_or_else(|| panic!("{:?}", joined.data));
    assert!(warning.contains("to 10.4.0.0/24 in rtb-") && warning.contains(&format!("of {VPC};")), "{warning}");
    assert!(!warning.contains("of vpc-0e55555555555555e"), "its route tables are not shown: {warning}");
    assert!(cloud.sources_with(&["10.4.0.0/16"]));
}

/// A Delete that comes after everything is gone no longer knows where the endpoint was.
#[tokio::test(start_paused = true)]
async fn a_crash_after_the_last_release_leaves_no_security_group_in_the_hub() {
    let cloud = Cloud::new();
    let id = cloud.stack("hub").create(&hub()).await.succeeded().physical_id;
    cloud.pass(60).await;
    let stack = cloud.stack("spoke");
    stack.create(&spoke(SPOKE)).await.succeeded();
    cloud.pass(60).await;
    cloud.stack("hub").leave(&id, &hub()).await.succeeded();
    cloud.sim.on_call(|call| match call.action.as_str() {
        "DeleteSecurityGroup" => ec2_sim::Verdict::Hang,
        _ => ec2_sim::Verdict::Proceed,
    });
    let event = stack.delete_event(&id, &spoke(SPOKE));
    assert!(cloud.deliver_raw_for(&event, 600).await.is_none(), "it died");
    assert_eq!(cloud.sim.endpoints(), []);
    cloud.sim.on_call(|_| ec2_sim::Verdict::Proceed);
    // EC2 lists what is deleted for a while.
    cloud.pass(7_200).await;
    stack.leave(&id, &spoke(SPOKE)).await.succeeded();
    assert_eq!(cloud.sources(), [""; 0]);
    assert_eq!(cloud.sim.endpoints(), []);
}

/// Deleting the stack of the hub first: the endpoint stays, and so do its subnets.
#[tokio::test(start_paused = true)]
async fn what_keeps_the_subnets_of_the_hub_from_going_is_said() {
    let cloud = Cloud::new();
    let asked = Asked::new(&cloud);
    let stack = asked.stack("hub");
    let named = with(hub(), json!({ "SubnetIds": [SUBNET_AZ1, SUBNET_AZ2] }));
    let id = stack.create(&named).await.succeeded().physical_id;
    cloud.pass(60).await;
    cloud.stack("spoke").create(&spoke(SPOKE)).await.succeeded();
    cloud.pass(60).await;
    let question = json!({
        "Ask": "Plan", "RequestType": "Delete", "PhysicalResourceId": id, "StackId": stack.arn,
        "LogicalResourceId": stack.logical_id, "ResourceProperties": named,
    });
    let plan = asked.answer(&question).await;
    asked.forget(&stack);
    let holder = Holder::new(&stack.arn, &stack.logical_id).hash;
    let released = asked.answer(&json!({ "Ask": "Release", "EndpointId": id, "Holder": holder })).await;
    let text = released["Text"].as_str().unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
    for said in [plan["Warnings"].to_string(), text] {
        for words in [SUBNET_AZ1, SUBNET_AZ2, "(it is the only one; used by spoke/TiDB)", "fails as long as"] {
            assert!(said.contains(words), "'{words}' is not in: {said}");
        }
    }
    assert_eq!(cloud.endpoint().subnet_ids.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_spoke_that_was_about_to_create_its_own_endpoint_leaves_no_security_group() {
    let mut joins = 0;
    for seed in 0..8 {
        let cloud = Cloud::of(|world| world.seed = seed);
        cloud.stack("hub").create(&hub()).await.succeeded();
        // The look may not show yet that the endpoint of the hub is available. If no look does, the spoke creates its own.
        let joined = cloud.stack("spoke").create(&spoke(SPOKE)).await.succeeded();
        let mut groups = cloud.sim.groups().into_iter();
        let has_group = groups.any(|group| group.vpc_id == SPOKE && group.name.contains("vpce-svc"));
        assert_eq!(has_group, joined.data["VpcId"] == SPOKE, "seed {seed}");
        joins += u32::from(!has_group);
    }
    assert!(joins > 0);
}

/// The function was killed when it had removed the reference, which alone says what the spoke had requested.
#[tokio::test(start_paused = true)]
async fn the_next_delivery_of_a_spokes_delete_takes_the_rules_along() {
    for clients in [json!({}), json!({ "AllowedCidrs": ["10.3.1.0/24"] })] {
        let cloud = Cloud::new();
        let id = cloud.stack("hub").create(&hub()).await.succeeded().physical_id;
        cloud.pass(60).await;
        let (stack, properties) = (cloud.stack("spoke"), with(spoke(SPOKE), clients));
        stack.create(&properties).await.succeeded();
        assert_ne!(cloud.sources(), ["10.0.0.0/16:4000", "100.64.0.0/20:4000"]);
        cloud.sim.remove_tag(&id, &stack.ref_key());
        cloud.pass(60).await;
        stack.leave(&id, &properties).await.succeeded();
        assert!(cloud.sources_with(&[]), "what nobody requests is gone");
    }
}
