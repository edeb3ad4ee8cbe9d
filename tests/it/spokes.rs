//! Hub and spoke: resources that use an endpoint of another VPC.

use crate::cloud::*;
use ec2_sim::{EndpointSpec, Rule, Source};
use serde_json::{Value, json};

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

#[tokio::test(start_paused = true)]
async fn an_unknown_vpc_is_no_spoke() {
    let cloud = Cloud::new();
    cloud.stack("hub").create(&hub()).await.succeeded();
    let reason = cloud.stack("spoke").create(&spoke("vpc-0123456789abcdef0")).await.failed();
    assert!(reason.contains("vpc-0123456789abcdef0"), "{reason}");
}
