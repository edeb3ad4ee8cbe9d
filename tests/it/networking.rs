//! Subnets, security groups, and DNS names: the endpoint is reachable, or a reason or warning says why not.

use crate::cloud::*;
use ec2_sim::{EndpointSpec, Loss, Rule, Source, Verdict};
use serde_json::{Value, json};

/// The name of the provider's security group for the service of most stories.
const MANAGED_GROUP: &str = "tidb-private-endpoint-vpce-svc-0a1b2c3d4e5f60718";

/// Properties without security groups.
fn plain() -> Value {
    with(properties(), json!({ "SecurityGroupIds": null }))
}

impl Cloud {
    async fn ask(&self, form: &str) -> String {
        self.sim.call(&format!("Version=2016-11-15&{form}")).await.body
    }

    /// The provider's security groups, after the read lag.
    async fn managed_groups(&self) -> Vec<String> {
        self.pass(10).await;
        let body = self
            .ask("Action=DescribeSecurityGroups&Filter.1.Name=tag-key&Filter.1.Value.1=tidb-private-endpoint:owned")
            .await;
        body.split("<groupId>").skip(1).filter_map(|rest| rest.split_once('<')).map(|(id, _)| id.to_owned()).collect()
    }

    /// The sorted rules of a security group, as `block:port`.
    async fn rules(&self, group: &str) -> Vec<String> {
        self.pass(10).await;
        let body = self
            .ask(&format!("Action=DescribeSecurityGroupRules&Filter.1.Name=group-id&Filter.1.Value.1={group}"))
            .await;
        let field = |item: &str, name: &str| {
            item.split_once(&format!("<{name}>"))
                .and_then(|(_, rest)| rest.split_once('<'))
                .map(|(value, _)| value.to_owned())
        };
        let items = body.split("<item>").skip(1).filter(|item| item.contains("<isEgress>false"));
        let mut rules: Vec<String> = items
            .map(|item| {
                let member = || item.split_once("<referencedGroupInfo>").and_then(|(_, info)| field(info, "groupId"));
                let source = field(item, "cidrIpv4").or_else(|| field(item, "cidrIpv6")).or_else(member);
                format!("{}:{}", source.unwrap_or_default(), field(item, "toPort").unwrap_or_default())
            })
            .collect();
        rules.sort();
        rules
    }
}

#[tokio::test(start_paused = true)]
async fn without_security_groups_the_provider_creates_one_that_allows_the_vpc() {
    let cloud = Cloud::new();
    let stack = cloud.stack("orders");
    let created = stack.create(&plain()).await.succeeded();
    let groups = cloud.managed_groups().await;
    assert_eq!(groups.len(), 1);
    assert_eq!(created.data["SecurityGroupIds"], groups[0]);
    assert_eq!(created.data["Warnings"], "");
    assert_eq!(cloud.rules(&groups[0]).await, ["10.0.0.0/16:4000", "100.64.0.0/20:4000"], "every block of the VPC");

    stack.delete(&created.physical_id).await.succeeded();
    assert_eq!(cloud.managed_groups().await, [""; 0], "the security group is deleted after the endpoint");
    cloud.assert_clean();
}

#[tokio::test(start_paused = true)]
async fn a_rule_that_exists_already_is_accepted() {
    let cloud = Cloud::new();
    let mut first = true;
    cloud.sim.on_call(move |call| {
        let open = call.action == "AuthorizeSecurityGroupIngress" && std::mem::take(&mut first);
        if open { Verdict::LoseAnswer(Loss::Reset) } else { Verdict::Proceed }
    });
    let begun = cloud.sim.now();
    let created = cloud.stack("orders").create(&plain()).await.succeeded();
    assert_eq!(created.data["Warnings"], "");
    assert!(cloud.sim.now().duration_since(begun).as_mins() < 3);
    assert!(cloud.count("AuthorizeSecurityGroupIngress") < 6, "the call is not repeated again and again");
}

#[tokio::test(start_paused = true)]
async fn ipv6_blocks_are_let_in_too() {
    let cloud = Cloud::new();
    cloud.stack("orders").create(&json!({ "ServiceName": SERVICE, "VpcId": VPC_2 })).await.succeeded();
    let groups = cloud.managed_groups().await;
    assert_eq!(cloud.rules(&groups[0]).await, ["10.3.0.0/16:4000", "2600:1f18:aa00:4d00::/56:4000"]);
}

#[tokio::test(start_paused = true)]
async fn the_rules_of_the_security_group_follow_the_properties() {
    let cloud = Cloud::new();
    let stack = cloud.stack("orders");
    let created = stack.create(&plain()).await.succeeded();
    let group = cloud.managed_groups().await.remove(0);
    // A rule that was added manually is kept.
    cloud.ask(&format!(
        "Action=AuthorizeSecurityGroupIngress&GroupId={group}&IpPermissions.1.IpProtocol=tcp&IpPermissions.1.FromPort=22&\
         IpPermissions.1.ToPort=22&IpPermissions.1.IpRanges.1.CidrIp=192.168.0.0/16"
    )).await;
    let named =
        with(plain(), json!({ "AllowedCidrs": ["10.0.16.0/20"], "AllowedSecurityGroupIds": [GROUP], "Port": 4001 }));
    let updated = stack.update(&created.physical_id, &named, &plain()).await.succeeded();
    assert_eq!(updated.data["Warnings"], "");
    assert_eq!(cloud.rules(&group).await, ["10.0.16.0/20:4001", "192.168.0.0/16:22", &format!("{GROUP}:4001")]);
    cloud.assert_understood();
}

#[tokio::test(start_paused = true)]
async fn stacks_share_the_security_group_and_only_add_rules() {
    let cloud = Cloud::new();
    let (orders, billing) = (cloud.stack("orders"), cloud.stack("billing"));
    let first = orders.create(&with(plain(), json!({ "AllowedCidrs": ["10.0.0.0/20"] }))).await.succeeded();
    let second = billing.create(&with(plain(), json!({ "AllowedCidrs": ["10.0.16.0/20"] }))).await.succeeded();
    let groups = cloud.managed_groups().await;
    assert_eq!(groups.len(), 1);
    assert_eq!(cloud.rules(&groups[0]).await, ["10.0.0.0/20:4000", "10.0.16.0/20:4000"]);
    orders.delete(&first.physical_id).await.succeeded();
    assert_eq!(cloud.managed_groups().await, groups, "billing still needs it");
    billing.delete(&second.physical_id).await.succeeded();
    assert_eq!(cloud.managed_groups().await, [""; 0]);
    cloud.assert_clean();
}

#[tokio::test(start_paused = true)]
async fn many_stacks_at_the_same_moment_create_one_security_group() {
    let cloud = Cloud::new();
    let stacks: Vec<_> = (0..8).map(|n| cloud.stack(&format!("app-{n}"))).collect();
    let wanted = plain();
    let answers = futures_util::future::join_all(stacks.iter().map(|stack| stack.create(&wanted))).await;
    let ids: Vec<String> = answers.into_iter().map(|answer| answer.succeeded().physical_id).collect();
    assert_eq!(cloud.managed_groups().await.len(), 1);
    let answers = futures_util::future::join_all(stacks.iter().zip(&ids).map(|(stack, id)| stack.delete(id))).await;
    for answer in answers {
        answer.succeeded();
    }
    assert_eq!(cloud.managed_groups().await, [""; 0]);
    assert_eq!(cloud.sim.endpoints(), []);
}

#[tokio::test(start_paused = true)]
async fn an_update_switches_between_given_and_managed_security_groups() {
    let cloud = Cloud::new();
    let stack = cloud.stack("orders");
    let created = stack.create(&plain()).await.succeeded();
    let given = stack.update(&created.physical_id, &properties(), &plain()).await.succeeded();
    assert_eq!(given.data["SecurityGroupIds"], GROUP);
    assert_eq!(cloud.managed_groups().await, [""; 0], "the provider's security group is no longer needed");
    let again = stack.update(&created.physical_id, &plain(), &properties()).await.succeeded();
    assert_eq!(again.data["SecurityGroupIds"], cloud.managed_groups().await[0]);
}

#[tokio::test(start_paused = true)]
async fn a_crash_between_security_group_and_endpoint_leaves_nothing_behind() {
    let cloud = Cloud::new();
    let stack = cloud.stack("orders");
    for action in ["CreateSecurityGroup", "AuthorizeSecurityGroupIngress", "CreateVpcEndpoint"] {
        // The function dies at that call. CloudFormation gives up and deletes under an ID that it makes up.
        cloud.sim.on_call(move |call| {
            if call.action == action { Verdict::LoseAnswer(ec2_sim::Loss::Silence) } else { Verdict::Proceed }
        });
        let dying = cloud.deliver_raw_for(&stack.event("Create", &plain()), 5).await;
        assert!(dying.is_none(), "it died");
        cloud.sim.on_call(|_| Verdict::Proceed);
        let event = stack.delete_event("orders-TiDB-1KJH2LKJ3H4LK", &plain());
        cloud.deliver(&event).await.succeeded();
        assert_eq!(cloud.managed_groups().await, [""; 0], "{action}");
        assert_eq!(cloud.sim.endpoints(), [], "{action}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_security_group_that_something_else_uses_is_kept() {
    let cloud = Cloud::new();
    let stack = cloud.stack("orders");
    let created = stack.create(&plain()).await.succeeded();
    let group = cloud.managed_groups().await.remove(0);
    let (service_name, subnet_ids) = (SERVICE_2.to_owned(), vec![SUBNET_AZ2.to_owned()]);
    cloud.sim.create_foreign_endpoint(EndpointSpec {
        service_name,
        subnet_ids,
        group_ids: vec![group.clone()],
        ..foreign()
    });
    stack.delete(&created.physical_id).await.succeeded();
    assert_eq!(cloud.managed_groups().await, [group]);
    assert_eq!(cloud.sim.endpoints().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_foreign_security_group_with_that_name_is_not_changed() {
    let cloud = Cloud::new();
    cloud.ask(&format!("Action=CreateSecurityGroup&VpcId={VPC}&GroupName={MANAGED_GROUP}&GroupDescription=mine")).await;
    cloud.pass(10).await;
    let reason = cloud.stack("orders").create(&plain()).await.failed();
    assert!(reason.contains(MANAGED_GROUP) && reason.contains("the provider did not create it"), "{reason}");
    assert_eq!(cloud.sim.endpoints(), []);
}

/// Protocol, first port, last port, source.
type Ingress = (&'static str, Option<i32>, Option<i32>, Source);

/// The warnings of a stack that joins an endpoint whose security group has these rules.
async fn warnings_for(rules: &[Ingress], wanted: &Value) -> String {
    let cloud = Cloud::of(|world| {
        let group = world.groups.iter_mut().find(|group| group.id == GROUP).unwrap();
        group.ingress = rules
            .iter()
            .map(|(protocol, from_port, to_port, source)| Rule {
                id: String::new(),
                protocol: (*protocol).to_owned(),
                from_port: *from_port,
                to_port: *to_port,
                source: source.clone(),
                description: None,
                tags: [].into(),
            })
            .collect();
    });
    let subnet_ids = vec![SUBNET_AZ1.to_owned(), SUBNET_AZ2.to_owned()];
    cloud.sim.create_foreign_endpoint(EndpointSpec { subnet_ids, ..foreign() });
    cloud.pass(10).await;
    cloud.stack("orders").create(wanted).await.succeeded().data["Warnings"].clone()
}

#[tokio::test(start_paused = true)]
async fn security_groups_that_block_the_clients_lead_to_a_warning() {
    let block = |text: &str| Source::Cidr(text.to_owned());
    let closed: [&[Ingress]; 6] = [
        &[],
        &[("tcp", Some(443), Some(443), block("10.0.0.0/8"))],
        &[("udp", Some(4000), Some(4000), block("10.0.0.0/8"))],
        &[("tcp", Some(4000), Some(4000), block("192.168.0.0/16"))],
        &[("tcp", Some(4000), Some(4000), Source::Ipv6Cidr("::/0".to_owned()))],
        // A block of the VPC, but no subnet is in it.
        &[("-1", None, None, block("100.64.0.0/10"))],
    ];
    for rules in closed {
        let warnings = warnings_for(rules, &plain()).await;
        let command = format!(
            "aws ec2 authorize-security-group-ingress --group-id {GROUP} --protocol tcp --port 4000 --cidr 10.0.0.0/16"
        );
        assert!(warnings.contains(GROUP) && warnings.contains(&command), "{rules:?}: {warnings}");
    }
    let open: [&[Ingress]; 8] = [
        &[("tcp", Some(4000), Some(4000), Source::PrefixList("pl-0123456789abcdef0".to_owned()))],
        &[("tcp", Some(4000), Some(4000), block("10.0.0.0/8"))],
        &[("tcp", Some(4000), Some(4000), block("10.0.16.0/20"))],
        &[("tcp", Some(0), Some(65535), block("0.0.0.0/0"))],
        &[("-1", None, None, block("10.0.0.0/16"))],
        &[("tcp", Some(4000), Some(4000), Source::Group("sg-0a1def1111111111a".to_owned()))],
        &[("6", Some(3306), Some(4000), block("10.0.0.0/16"))],
        &[("tcp", Some(22), Some(22), block("0.0.0.0/0")), ("tcp", Some(4000), Some(4000), block("10.0.0.0/16"))],
    ];
    for rules in open {
        assert_eq!(warnings_for(rules, &plain()).await, "", "{rules:?}");
    }
    // The given sources count, not the whole VPC.
    let named = with(plain(), json!({ "AllowedCidrs": ["10.0.128.0/20"], "Port": 3306 }));
    let elsewhere: &[Ingress] = &[("tcp", Some(3306), Some(3306), block("10.0.0.0/20"))];
    assert!(warnings_for(elsewhere, &named).await.contains("TCP port 3306 from 10.0.128.0/20"));
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_is_managed_by_an_aws_service_is_rejected_at_once() {
    let cloud = Cloud::new();
    let id = cloud.sim.create_foreign_endpoint(EndpointSpec { requester_managed: true, ..foreign() });
    cloud.pass(10).await;
    let begun = cloud.sim.now();
    let reason = cloud.stack("orders").create(&plain()).await.failed();
    assert!(reason.contains(&id) && reason.contains("managed by the AWS service"), "{reason}");
    assert!(cloud.sim.now().duration_since(begun).as_secs() < 5);
    assert_eq!(cloud.changes(), ["CreateSecurityGroup"; 0]);
}

#[tokio::test(start_paused = true)]
async fn warnings_say_what_a_foreign_endpoint_lacks_and_what_to_do() {
    let cloud = Cloud::new();
    let id = cloud.sim.create_foreign_endpoint(foreign());
    cloud.pass(10).await;
    let stack = cloud.stack("orders");
    let joined = stack.create(&with(plain(), json!({ "IpAddressType": "dualstack" }))).await.succeeded();
    let off = with(plain(), json!({ "PrivateDnsEnabled": false }));
    let updated = stack.update(&id, &off, &plain()).await.succeeded();
    for (warnings, says) in [
        (&joined.data["Warnings"], "no subnet in use1-az2; add one"),
        (&joined.data["Warnings"], "stays ipv4 instead of dualstack"),
        (&updated.data["Warnings"], "stays on, because the endpoint was not created by the provider"),
    ] {
        assert!(warnings.contains(says) && warnings.contains(&id), "'{says}' is not in: {warnings}");
    }
    assert_eq!(joined.physical_id, id);
}

#[tokio::test(start_paused = true)]
async fn exceeded_quotas_are_reported_with_what_to_do() {
    for (action, code, cure) in [
        ("CreateSecurityGroup", "SecurityGroupLimitExceeded", "your own security group in SecurityGroupIds"),
        ("AuthorizeSecurityGroupIngress", "RulesPerSecurityGroupLimitExceeded", "Specify fewer sources"),
        ("CreateVpcEndpoint", "VpcEndpointLimitExceeded", "request a quota increase"),
        ("CreateVpcEndpoint", "TagLimitExceeded", "let one stack own the resource"),
    ] {
        let cloud = Cloud::new();
        cloud.sim.on_call(move |call| {
            let refused = Verdict::fail(400, code, "The maximum number has been reached.");
            if call.action == action { refused } else { Verdict::Proceed }
        });
        let stack = cloud.stack("orders");
        let failed = stack.create(&plain()).await;
        cloud.sim.on_call(|_| Verdict::Proceed);
        stack.delete(&failed.physical_id).await.succeeded();
        assert_eq!(cloud.managed_groups().await, [""; 0], "{code}");
        let reason = failed.failed();
        assert!(reason.contains(code) && reason.contains("The maximum number") && reason.contains(cure), "{reason}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_ip_address_type_changes_in_place() {
    let cloud = Cloud::of(|world| {
        let service = world.services.iter_mut().find(|service| service.name == SERVICE).unwrap();
        service.ip_address_types = ["ipv4".to_owned(), "ipv6".to_owned()].into();
    });
    let stack = cloud.stack("orders");
    let v4 = json!({ "ServiceName": SERVICE, "VpcId": VPC_2, "IpAddressType": "ipv4" });
    let created = stack.create(&v4).await.succeeded();
    assert_eq!(created.data["IpAddressType"], "ipv4");
    let both = with(v4.clone(), json!({ "IpAddressType": "dualstack" }));
    let updated = stack.update(&created.physical_id, &both, &v4).await.succeeded();
    assert_eq!(updated.physical_id, created.physical_id);
    assert_eq!((updated.data["IpAddressType"].as_str(), updated.data["Warnings"].as_str()), ("dualstack", ""));
    cloud.assert_understood();
}

#[tokio::test(start_paused = true)]
async fn the_oldest_of_several_endpoints_in_the_region_is_joined() {
    let cloud = Cloud::new();
    let spec = |vpc: &str, subnet: &str| EndpointSpec {
        vpc_id: vpc.to_owned(),
        subnet_ids: vec![subnet.to_owned()],
        group_ids: Vec::new(),
        ..foreign()
    };
    let oldest = cloud.sim.create_foreign_endpoint(spec(VPC_2, "subnet-0d4c44444444444c4"));
    cloud.pass(60).await;
    cloud.sim.create_foreign_endpoint(spec("vpc-0b22222222222222b", "subnet-0b2c22222222222c2"));
    cloud.pass(60).await;
    let before = cloud.sim.endpoints();
    let anywhere = with(plain(), json!({ "ReuseScope": "Region" }));
    let joined = cloud.stack("orders").create(&anywhere).await.succeeded();
    assert_eq!(joined.physical_id, oldest);
    for words in [VPC_2, "these routes are missing", "private hosted zone"] {
        assert!(joined.data["Warnings"].contains(words), "'{words}' is not in: {}", joined.data["Warnings"]);
    }
    cloud.stack("orders").delete(&joined.physical_id).await.succeeded();
    assert_eq!(cloud.sim.endpoints(), before);
}

#[tokio::test(start_paused = true)]
async fn the_subnet_with_the_most_free_addresses_is_chosen_and_kept() {
    let sibling = |world: &mut ec2_sim::World, id: &str, free: usize| {
        let mut subnet = world.subnets.iter().find(|subnet| subnet.id == SUBNET_AZ1).unwrap().clone();
        subnet.id = id.to_owned();
        subnet.cidr_block = format!("10.0.{}.0/24", 64 + world.subnets.len());
        subnet.free_addresses = free;
        world.subnets.push(subnet);
    };
    let cloud = Cloud::of(|world| {
        sibling(world, "subnet-0a1c111111111dd02", 9_000);
        sibling(world, "subnet-0a1c111111111dd01", 9_000);
        sibling(world, "subnet-0a1c111111111dd03", 0);
    });
    let stack = cloud.stack("orders");
    let created = stack.create(&plain()).await.succeeded();
    assert_eq!(
        created.data["SubnetIds"],
        format!("subnet-0a1c111111111dd01,{SUBNET_AZ2}"),
        "of equal subnets, the lowest ID"
    );
    // Now the other subnet has more free addresses, but that is no reason to move.
    let updated =
        stack.update(&created.physical_id, &with(plain(), json!({ "Port": 4001 })), &plain()).await.succeeded();
    assert_eq!(updated.data["SubnetIds"], created.data["SubnetIds"]);
}

#[tokio::test(start_paused = true)]
async fn full_subnets_are_avoided_and_reported() {
    let full = |ids: &'static [&str]| {
        Cloud::of(move |world| {
            world
                .subnets
                .iter_mut()
                .filter(|subnet| ids.contains(&subnet.id.as_str()))
                .for_each(|subnet| subnet.free_addresses = 0);
        })
    };
    let cloud = full(&[SUBNET_AZ1]);
    let created = cloud.stack("orders").create(&plain()).await.succeeded();
    assert_eq!(created.data["SubnetIds"], SUBNET_AZ2);
    assert!(
        created.data["Warnings"].contains("No subnet in use1-az1 has a free IP address"),
        "{}",
        created.data["Warnings"]
    );

    let cloud = full(&[SUBNET_AZ1, SUBNET_AZ2]);
    let reason = cloud.stack("orders").create(&plain()).await.failed();
    assert!(
        reason.contains(SUBNET_AZ1) && reason.contains(SUBNET_AZ2) && reason.contains("free IP address"),
        "{reason}"
    );
    // One that is given and becomes full only now.
    let cloud = Cloud::new();
    let sim = cloud.sim.clone();
    cloud.sim.on_call(move |call| {
        if call.action == "CreateVpcEndpoint" {
            sim.update_subnet(SUBNET_AZ1, |subnet| subnet.free_addresses = 0);
        }
        Verdict::Proceed
    });
    let given = with(plain(), json!({ "SubnetIds": [SUBNET_AZ1] }));
    let reason = cloud.stack("orders").create(&given).await.failed();
    assert!(
        reason.contains("InsufficientFreeAddressesInSubnet") && reason.contains("Free up an IP address"),
        "{reason}"
    );
    assert_eq!(cloud.managed_groups().await.len(), 1, "until the Delete that follows");
    let event = cloud.stack("orders").delete_event("orders-TiDB-1KJH2LKJ3H4LK", &given);
    cloud.deliver(&event).await.succeeded();
    assert_eq!(cloud.managed_groups().await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn subnets_are_read_in_pages_and_zones_by_name_if_ec2_returns_no_ids() {
    let cloud = Cloud::of(|world| {
        world.knobs.service_zone_ids = false;
        world.knobs.page_size = 1;
        for n in 0..1_200 {
            let mut subnet = world.subnets[0].clone();
            subnet.id = format!("subnet-0{n:016x}");
            subnet.cidr_block = format!("10.{}.{}.0/28", 128 + n / 256, n % 256);
            world.subnets.push(subnet);
        }
    });
    let created = cloud.stack("orders").create(&properties()).await.succeeded();
    assert_eq!(created.data["SubnetIds"], format!("{SUBNET_AZ1},{SUBNET_AZ2}"));
    assert!(cloud.count("DescribeSubnets") > 1, "several pages, not one call for each subnet");
    assert!(cloud.count("DescribeSubnets") < 5);
    cloud.assert_understood();
}

/// TiDB Cloud Lake has endpoint services of the same kind, for HTTPS.
#[tokio::test(start_paused = true)]
async fn a_service_on_port_443() {
    let cloud = Cloud::new();
    let stack = cloud.stack("lake");
    let wanted = with(plain(), json!({ "Port": 443 }));
    let created = stack.create(&wanted).await.succeeded();
    assert_eq!((created.data["Port"].as_str(), created.data["Warnings"].as_str()), ("443", ""));
    let groups = cloud.managed_groups().await;
    assert_eq!(cloud.rules(&groups[0]).await, ["10.0.0.0/16:443", "100.64.0.0/20:443"]);
    stack.leave(&created.physical_id, &wanted).await.succeeded();
    assert_eq!(cloud.managed_groups().await, [""; 0]);
    cloud.assert_clean();
}
