//! Which subnets, address types, security groups and endpoints fit: that they are chosen, or that it is said why not.

use crate::cloud::*;
use ec2_sim::{CidrState, EndpointSpec, Rule, Source, Subnet, Verdict, World, ZoneType};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

/// The subnets of [`VPC_2`], which have both address families.
const DUAL_AZ1: &str = "subnet-0d4c44444444444c4";
const DUAL_AZ2: &str = "subnet-0d4d44444444444d4";

/// A resource with the provider's security group, in [`VPC_2`].
fn dual(address_type: &str) -> Value {
    json!({ "ServiceName": SERVICE, "VpcId": VPC_2, "IpAddressType": address_type })
}

fn plain() -> Value {
    with(properties(), json!({ "SecurityGroupIds": null }))
}

/// A subnet of [`VPC_2`] with one family or both; each in blocks of its own.
fn subnet(world: &mut World, id: &str, zone: &str, families: &str, free: usize) {
    let n = world.subnets.len();
    world.subnets.push(Subnet {
        id: id.to_owned(),
        vpc_id: VPC_2.to_owned(),
        zone: zone.to_owned(),
        cidr_block: if families.contains('4') { format!("10.3.{}.0/24", 100 + n) } else { String::new() },
        ipv6_cidr_block: families.contains('6').then(|| format!("2600:1f18:aa00:4d{n:02x}::/64")),
        free_addresses: free,
        ..Subnet::default()
    });
}

fn offer(world: &mut World, types: &[&str]) {
    let service = world.services.iter_mut().find(|service| service.name == SERVICE).unwrap();
    service.ip_address_types = types.iter().map(|kind| (*kind).to_owned()).collect();
}

fn without(world: &mut World, ids: &[&str]) {
    world.subnets.retain(|subnet| !ids.contains(&subnet.id.as_str()));
}

/// The shipped world with a service for both families, changed.
fn both_families(change: impl FnOnce(&mut World)) -> Cloud {
    Cloud::of(|world| {
        offer(world, &["ipv4", "ipv6"]);
        change(world);
    })
}

impl Cloud {
    fn fill(&self, ids: &[&str]) {
        for id in ids {
            self.sim.update_subnet(id, |subnet| subnet.free_addresses = 0);
        }
    }

    /// What the modifications of the endpoint asked for, in short.
    fn modifications(&self) -> Vec<String> {
        let log = self.sim.log();
        let calls = log.iter().filter(|call| call.action == "ModifyVpcEndpoint");
        let words = |call: &ec2_sim::Call| -> String {
            let parts = call.params.iter().filter_map(|(name, value)| match name.split('.').next()? {
                "AddSubnetId" => Some(format!("+{value}")),
                "RemoveSubnetId" => Some(format!("-{value}")),
                "IpAddressType" => Some(value.clone()),
                _ => None,
            });
            parts.collect::<Vec<_>>().join(" ")
        };
        calls.map(words).collect()
    }

    /// Counts the fewest subnets that the one endpoint has at any call from now on.
    fn watch_subnets(&self) -> Arc<Mutex<usize>> {
        let fewest = Arc::new(Mutex::new(usize::MAX));
        let (sim, seen) = (self.sim.clone(), Arc::clone(&fewest));
        self.sim.on_call(move |_| {
            let count = sim.endpoints().first().map_or(usize::MAX, |endpoint| endpoint.subnet_ids.len());
            let mut fewest = seen.lock().unwrap();
            *fewest = count.min(*fewest);
            Verdict::Proceed
        });
        fewest
    }
}

/// A Create that is rejected within seconds, with nothing changed.
async fn rejected(cloud: &Cloud, properties: &Value, says: &[&str]) {
    let begun = cloud.sim.now();
    let reason = cloud.stack("orders").create(properties).await.failed();
    let took = cloud.sim.now().duration_since(begun).as_secs();
    assert!(took < 20, "rejected only after {took} s");
    for words in says {
        assert!(reason.contains(words), "'{words}' is not in: {reason}");
    }
    assert_eq!(cloud.changes(), [""; 0], "nothing was changed");
    cloud.assert_understood();
}

#[track_caller]
fn says(warnings: &str, words: &[&str]) {
    for word in words {
        assert!(warnings.contains(word), "'{word}' is not in: {warnings}");
    }
}

#[tokio::test(start_paused = true)]
async fn dualstack_uses_the_subnet_that_has_both_families() {
    let cloud = both_families(|world| subnet(world, "subnet-0d4c4444444444404", "us-east-1c", "4", 4_000));
    let created = cloud.stack("orders").create(&dual("dualstack")).await.succeeded();
    assert_eq!(created.data["SubnetIds"], format!("{DUAL_AZ1},{DUAL_AZ2}"));
    assert_eq!(created.data["Warnings"], "");
    cloud.assert_understood();
}

#[tokio::test(start_paused = true)]
async fn ipv6_uses_ipv6_only_subnets_which_never_show_free_addresses() {
    let cloud = both_families(|world| {
        subnet(world, "subnet-0d4c4444444444406", "us-east-1c", "6", 0);
        subnet(world, "subnet-0d4d4444444444406", "us-east-1d", "6", 0);
    });
    let created = cloud.stack("orders").create(&dual("ipv6")).await.succeeded();
    assert_eq!(created.data["SubnetIds"], "subnet-0d4c4444444444406,subnet-0d4d4444444444406");
    assert_eq!(created.data["Warnings"], "");

    // EC2 takes dual-stack subnets, or it does not; the documentation says that it does not.
    let cloud = both_families(|world| {
        world.knobs.ipv6_requires_ipv6_only_subnets = false;
        world.subnets.iter_mut().for_each(|subnet| subnet.free_addresses = 0);
    });
    let created = cloud.stack("orders").create(&dual("ipv6")).await.succeeded();
    assert_eq!(created.data["SubnetIds"], format!("{DUAL_AZ1},{DUAL_AZ2}"), "full of IPv4 only");
    cloud.assert_understood();
}

#[tokio::test(start_paused = true)]
async fn a_zone_without_a_fitting_subnet_is_left_out_with_the_true_reason() {
    let cloud = both_families(|world| {
        without(world, &[DUAL_AZ2]);
        subnet(world, "subnet-0d4d4444444444406", "us-east-1d", "6", 0);
    });
    let left_to_ec2 = with(dual("ipv4"), json!({ "IpAddressType": null }));
    let created = cloud.stack("orders").create(&left_to_ec2).await.succeeded();
    assert_eq!(created.data["SubnetIds"], DUAL_AZ1);
    says(&created.data["Warnings"], &["use1-az2", "an IPv4 CIDR block"]);
    assert!(!created.data["Warnings"].contains("free"), "{}", created.data["Warnings"]);

    let cloud = both_families(|world| {
        without(world, &[DUAL_AZ1, DUAL_AZ2]);
        subnet(world, "subnet-0d4c4444444444406", "us-east-1c", "6", 0);
        subnet(world, "subnet-0d4d4444444444404", "us-east-1d", "4", 250);
    });
    let both = ["subnet-0d4c4444444444406", "subnet-0d4d4444444444404", "dualstack", "both"];
    rejected(&cloud, &dual("dualstack"), &both).await;
    let given = with(dual("dualstack"), json!({ "SubnetIds": both[..2] }));
    rejected(&cloud, &given, &both).await;
    let zone = with(dual("ipv4"), json!({ "AvailabilityZoneIds": ["use1-az1", "use1-az2"] }));
    rejected(&cloud, &zone, &["use1-az1", "subnet-0d4c4444444444406", "an IPv4 CIDR block"]).await;
}

#[tokio::test(start_paused = true)]
async fn an_update_to_dualstack_moves_to_subnets_that_fit() {
    let cloud = both_families(|world| {
        subnet(world, "subnet-0d4c4444444444404", "us-east-1c", "4", 4_000);
        subnet(world, "subnet-0d4d4444444444404", "us-east-1d", "4", 4_000);
    });
    let stack = cloud.stack("orders");
    let created = stack.create(&dual("ipv4")).await.succeeded();
    assert_eq!(created.data["SubnetIds"], "subnet-0d4c4444444444404,subnet-0d4d4444444444404");
    let fewest = cloud.watch_subnets();
    let updated = stack.update(&created.physical_id, &dual("dualstack"), &dual("ipv4")).await.succeeded();
    assert_eq!(updated.physical_id, created.physical_id);
    assert_eq!(updated.data["IpAddressType"], "dualstack");
    assert_eq!(updated.data["SubnetIds"], format!("{DUAL_AZ1},{DUAL_AZ2}"));
    assert_eq!((*fewest.lock().unwrap(), updated.data["Warnings"].as_str()), (1, ""));
    // And back, to what is there: that fits IPv4, too.
    let back = stack.update(&created.physical_id, &dual("ipv4"), &dual("dualstack")).await.succeeded();
    assert_eq!((back.data["IpAddressType"].as_str(), &back.data["SubnetIds"]), ("ipv4", &updated.data["SubnetIds"]));
    cloud.assert_understood();
}

#[tokio::test(start_paused = true)]
async fn an_update_to_ipv6_of_two_zones_replaces_all_subnets() {
    let cloud = both_families(|world| {
        subnet(world, "subnet-0d4c4444444444406", "us-east-1c", "6", 0);
        subnet(world, "subnet-0d4d4444444444406", "us-east-1d", "6", 0);
    });
    let stack = cloud.stack("orders");
    let created = stack.create(&dual("ipv4")).await.succeeded();
    let updated = stack.update(&created.physical_id, &dual("ipv6"), &dual("ipv4")).await.succeeded();
    assert_eq!(updated.data["SubnetIds"], "subnet-0d4c4444444444406,subnet-0d4d4444444444406");
    let back = stack.update(&created.physical_id, &dual("ipv4"), &dual("ipv6")).await.succeeded();
    assert_eq!(back.data["SubnetIds"], created.data["SubnetIds"]);
    cloud.assert_understood();
}

#[tokio::test(start_paused = true)]
async fn an_update_to_dualstack_that_nothing_fits_is_rejected() {
    let cloud = both_families(|world| {
        without(world, &[DUAL_AZ1, DUAL_AZ2]);
        subnet(world, "subnet-0d4c4444444444404", "us-east-1c", "4", 4_000);
        subnet(world, "subnet-0d4d4444444444404", "us-east-1d", "4", 4_000);
    });
    let stack = cloud.stack("orders");
    let created = stack.create(&dual("ipv4")).await.succeeded();
    let (before, changes) = (cloud.endpoint(), cloud.changes());
    let reason = stack.update(&created.physical_id, &dual("dualstack"), &dual("ipv4")).await.failed();
    says(&reason, &["IpAddressType is dualstack", "subnet-0d4c4444444444404", "subnet-0d4d4444444444404"]);
    assert_eq!((cloud.endpoint(), cloud.changes()), (before, changes));
}

#[tokio::test(start_paused = true)]
async fn a_shared_endpoint_has_the_address_families_of_all_its_holders() {
    let cloud = both_families(|world| {
        without(world, &[DUAL_AZ2]);
        subnet(world, "subnet-0d4d4444444444406", "us-east-1d", "6", 0);
        subnet(world, "subnet-0d4d4444444444464", "us-east-1d", "64", 10);
    });
    let narrow = with(dual("ipv4"), json!({ "AvailabilityZoneIds": ["use1-az1"] }));
    cloud.stack("orders").create(&narrow).await.succeeded();
    let joined = cloud.stack("billing").create(&dual("ipv6")).await.succeeded();
    assert_eq!(joined.data["SubnetIds"], format!("{DUAL_AZ1},subnet-0d4d4444444444464"));
    says(&joined.data["Warnings"], &["stays dualstack instead of ipv6, because it is used by orders/TiDB"]);
    cloud.assert_understood();
}

#[tokio::test(start_paused = true)]
async fn an_address_type_that_the_service_does_not_offer_is_rejected() {
    let cloud = Cloud::new();
    rejected(&cloud, &dual("dualstack"), &["IpAddressType is dualstack", SERVICE, "ipv4", "IpAddressType to ipv4"])
        .await;
    let only_ipv6 = Cloud::of(|world| offer(world, &["ipv6"]));
    rejected(&only_ipv6, &dual("ipv4"), &["IpAddressType is ipv4", SERVICE, "IpAddressType to ipv6"]).await;

    let stack = cloud.stack("orders");
    let created = stack.create(&dual("ipv4")).await.succeeded();
    let changes = cloud.changes();
    let reason = stack.update(&created.physical_id, &dual("ipv6"), &dual("ipv4")).await.failed();
    says(&reason, &["IpAddressType is ipv6", SERVICE, "IpAddressType to ipv4"]);
    assert_eq!(cloud.changes(), changes);
}

#[tokio::test(start_paused = true)]
async fn only_blocks_that_the_vpc_has_or_is_about_to_have_are_allowed() {
    let cloud = Cloud::of(|world| {
        let vpc = world.vpcs.iter_mut().find(|vpc| vpc.id == VPC_2).unwrap();
        for (block, state) in [
            ("10.80.0.0/16", CidrState::Associating),
            ("10.81.0.0/16", CidrState::Disassociating),
            ("10.82.0.0/16", CidrState::Disassociated),
            ("10.83.0.0/16", CidrState::Failing),
            ("10.84.0.0/16", CidrState::Failed),
            ("2600:1f18:bb00::/56", CidrState::Disassociated),
        ] {
            let list = if block.contains(':') { &mut vpc.ipv6_cidr_blocks } else { &mut vpc.cidr_blocks };
            list.push(block.to_owned());
            vpc.cidr_states.insert(block.to_owned(), state);
        }
    });
    cloud.stack("orders").create(&dual("ipv4")).await.succeeded();
    assert_eq!(cloud.opened(), ["10.3.0.0/16", "10.80.0.0/16", "2600:1f18:aa00:4d00::/56"]);
}

impl Cloud {
    /// The sources that the provider's security group allows.
    fn opened(&self) -> Vec<String> {
        let groups = self.sim.groups();
        let group = groups.iter().find(|group| group.name.starts_with("tidb-private-endpoint-")).unwrap();
        let mut sources: Vec<String> = group
            .ingress
            .iter()
            .map(|rule| match &rule.source {
                Source::Cidr(text) | Source::Ipv6Cidr(text) | Source::PrefixList(text) | Source::Group(text) => {
                    text.clone()
                }
            })
            .collect();
        sources.sort();
        sources
    }
}

#[tokio::test(start_paused = true)]
async fn a_vpc_that_shows_no_block_is_not_a_reason_to_close_everything() {
    let cloud = Cloud::new();
    let stack = cloud.stack("orders");
    let created = stack.create(&plain()).await.succeeded();
    let opened = cloud.opened();
    assert_eq!(opened, ["10.0.0.0/16", "100.64.0.0/20"]);
    for block in &opened {
        cloud.sim.remove_cidr_block(VPC, block);
    }
    cloud.pass(20).await;
    let tagged = with(plain(), json!({ "Tags": [{ "Key": "team", "Value": "web" }] }));
    stack.update(&created.physical_id, &tagged, &plain()).await.succeeded();
    assert_eq!(cloud.opened(), opened);
    assert_eq!(cloud.count("RevokeSecurityGroupIngress"), 0);
}

/// One that requests the blocks of the VPC shares the endpoint with one whose update takes its own rules away.
#[tokio::test(start_paused = true)]
async fn nor_is_it_for_another_stack_whose_clients_are_in_the_vpc() {
    let cloud = Cloud::new();
    let orders = cloud.stack("orders");
    let named = |block: &str| with(plain(), json!({ "AllowedCidrs": [block] }));
    let id = orders.create(&named("10.0.16.0/20")).await.succeeded().physical_id;
    let vpc = ["10.0.0.0/16", "100.64.0.0/20"];
    cloud.stack("billing").create(&plain()).await.succeeded();
    for block in vpc {
        cloud.sim.remove_cidr_block(VPC, block);
    }
    cloud.pass(20).await;
    orders.update(&id, &named("10.0.32.0/20"), &named("10.0.16.0/20")).await.succeeded();
    let opened = cloud.opened();
    assert!(vpc.iter().all(|block| opened.iter().any(|it| it == block)), "{opened:?}");
    assert!(opened.contains(&"10.0.32.0/20".to_owned()), "{opened:?}");
}

/// The warnings of a stack that joins a foreign endpoint with these allowed blocks, in a VPC with subnets in 10.0.0.0/16
/// and 100.64.0.0/16.
async fn joined(allowed: &[&str], properties: &Value) -> String {
    let cloud = Cloud::of(|world| {
        let vpc = world.vpcs.iter_mut().find(|vpc| vpc.id == VPC).unwrap();
        vpc.cidr_blocks = vec!["10.0.0.0/16".to_owned(), "100.64.0.0/16".to_owned(), "10.9.0.0/16".to_owned()];
        let mut second = world.subnets.iter().find(|subnet| subnet.id == SUBNET_AZ1).unwrap().clone();
        (second.id, second.cidr_block) = ("subnet-0a1c11111111111c6".to_owned(), "100.64.0.0/20".to_owned());
        second.ipv6_cidr_block = Some("2600:1f18:aa00:1000::/64".to_owned());
        world.subnets.push(second);
        let group = world.groups.iter_mut().find(|group| group.id == GROUP).unwrap();
        let rule = |block: &&str| Rule {
            id: String::new(),
            protocol: "tcp".to_owned(),
            from_port: Some(4000),
            to_port: Some(4000),
            source: Source::Cidr((*block).to_owned()),
            description: None,
            tags: [].into(),
        };
        group.ingress = allowed.iter().map(rule).collect();
    });
    let subnet_ids = vec![SUBNET_AZ1.to_owned(), SUBNET_AZ2.to_owned()];
    cloud.sim.create_foreign_endpoint(EndpointSpec { subnet_ids, ..foreign() });
    cloud.pass(10).await;
    cloud.stack("orders").create(properties).await.succeeded().data["Warnings"].clone()
}

#[tokio::test(start_paused = true)]
async fn the_blocks_that_the_groups_keep_out_are_named() {
    let command = |block: &str| {
        format!("aws ec2 authorize-security-group-ingress --group-id {GROUP} --protocol tcp --port 4000 --cidr {block}")
    };
    let warnings = joined(&["10.0.0.0/16"], &plain()).await;
    says(&warnings, &[GROUP, "TCP port 4000", &command("100.64.0.0/16")]);
    assert!(!warnings.contains("10.9.0.0/16") && !warnings.contains("10.0.0.0/16"), "{warnings}");
    let warnings = joined(&["100.64.0.0/10"], &plain()).await;
    says(&warnings, &[&command("10.0.0.0/16")]);
    // Whoever lets a part of a block in has made a choice.
    for allowed in [&["10.0.0.0/8", "100.64.0.0/10"], &["10.0.16.0/20", "100.64.0.0/24"]] {
        assert_eq!(joined(allowed, &plain()).await, "", "{allowed:?}");
    }
    // Nothing is in 10.9.0.0/16, and allowing it admits nobody.
    let warnings = joined(&["10.9.0.0/16"], &plain()).await;
    says(&warnings, &["10.0.0.0/16", "100.64.0.0/16"]);
    let named = with(plain(), json!({ "AllowedCidrs": ["10.0.16.0/20", "192.168.7.0/24", "192.168.9.0/24"] }));
    let warnings = joined(&["10.0.0.0/16"], &named).await;
    says(&warnings, &["192.168.7.0/24, 192.168.9.0/24", &command("192.168.7.0/24")]);
    assert!(!warnings.contains("10.0.16.0/20"), "{warnings}");
}

const OUTPOST: &str = "arn:aws:outposts:us-east-1:123456789012:outpost/op-0123456789abcdef0";
const ON_OUTPOST: &str = "subnet-0a1c11111111111f1";
const IN_LOCAL_ZONE: &str = "subnet-0a1c11111111111f2";
const IN_WAVELENGTH_ZONE: &str = "subnet-0a1c11111111111f3";

/// The shipped world with subnets outside the zones proper, which have the most free addresses, and a service that is there.
fn outskirts() -> Cloud {
    Cloud::of(|world| {
        world.knobs.outpost_subnets = true;
        let zones = [
            ("us-east-1-bos-1a", "use1-bos1-az1", ZoneType::LocalZone),
            ("us-east-1-wl1-bos-wlz-1", "use1-wl1-bos-wlz1", ZoneType::WavelengthZone),
        ];
        for (name, id, kind) in zones {
            world.zones.insert(name.to_owned(), id.to_owned());
            world.zone_types.insert(name.to_owned(), kind);
            let service = world.services.iter_mut().find(|service| service.name == SERVICE).unwrap();
            service.zone_ids.insert(id.to_owned());
        }
        let zone = |id: &str, zone: &str, block: &str| Subnet {
            id: id.to_owned(),
            vpc_id: VPC.to_owned(),
            zone: zone.to_owned(),
            cidr_block: block.to_owned(),
            free_addresses: 9_000,
            ..Subnet::default()
        };
        let outpost_arn = Some(OUTPOST.to_owned());
        world.subnets.extend([
            Subnet { outpost_arn, ..zone(ON_OUTPOST, "us-east-1c", "10.0.112.0/20") },
            zone(IN_LOCAL_ZONE, "us-east-1-bos-1a", "10.0.128.0/20"),
            zone(IN_WAVELENGTH_ZONE, "us-east-1-wl1-bos-wlz-1", "10.0.144.0/20"),
        ]);
    })
}

fn sorted(list: &str) -> String {
    let mut items: Vec<&str> = list.split(',').collect();
    items.sort_unstable();
    items.join(",")
}

#[tokio::test(start_paused = true)]
async fn outposts_local_zones_and_wavelength_zones_are_used_only_if_named() {
    let cloud = outskirts();
    let created = cloud.stack("orders").create(&plain()).await.succeeded();
    assert_eq!(created.data["SubnetIds"], format!("{SUBNET_AZ1},{SUBNET_AZ2}"));
    assert_eq!(created.data["Warnings"], "");

    let named = with(plain(), json!({ "SubnetIds": [ON_OUTPOST, IN_LOCAL_ZONE, IN_WAVELENGTH_ZONE] }));
    let created = outskirts().stack("orders").create(&named).await.succeeded();
    assert_eq!(created.data["SubnetIds"], format!("{ON_OUTPOST},{IN_LOCAL_ZONE},{IN_WAVELENGTH_ZONE}"));

    // What is named no longer is given up, because its stack may be about to delete it.
    let cloud = outskirts();
    let stack = cloud.stack("orders");
    let named = with(plain(), json!({ "SubnetIds": [ON_OUTPOST] }));
    let created = stack.create(&named).await.succeeded();
    let updated = stack.update(&created.physical_id, &plain(), &named).await.succeeded();
    assert_eq!(sorted(&updated.data["SubnetIds"]), format!("{SUBNET_AZ1},{SUBNET_AZ2}"));
    // A zone may be named as well as a subnet.
    let zone = with(plain(), json!({ "AvailabilityZoneIds": ["use1-bos1-az1"] }));
    let created = outskirts().stack("orders").create(&zone).await.succeeded();
    assert_eq!(created.data["SubnetIds"], IN_LOCAL_ZONE);

    let cloud = outskirts();
    cloud.sim.update_subnet(SUBNET_AZ1, |subnet| subnet.outpost_arn = Some(OUTPOST.to_owned()));
    let zone = with(plain(), json!({ "AvailabilityZoneIds": ["use1-az1"] }));
    rejected(&cloud, &zone, &["use1-az1", ON_OUTPOST, SUBNET_AZ1, "SubnetIds"]).await;
}

const SECOND_AZ1: &str = "subnet-0a1c11111111111c2";
const SECOND_AZ2: &str = "subnet-0a1d11111111111d2";
const SECOND_AZ4: &str = "subnet-0a1a11111111111a2";

/// The shipped world with two subnets in each zone of [`VPC`].
fn two_in_each_zone() -> Cloud {
    Cloud::of(double_subnets)
}

fn double_subnets(world: &mut World) {
    for (first, second, block) in [
        (SUBNET_AZ1, SECOND_AZ1, "10.0.64.0/20"),
        (SUBNET_AZ2, SECOND_AZ2, "10.0.80.0/20"),
        (SUBNET_AZ4, SECOND_AZ4, "10.0.96.0/20"),
    ] {
        let mut subnet = world.subnets.iter().find(|subnet| subnet.id == first).unwrap().clone();
        (subnet.id, subnet.cidr_block) = (second.to_owned(), block.to_owned());
        world.subnets.push(subnet);
    }
}

fn given(ids: &[&str]) -> Value {
    with(properties(), json!({ "SubnetIds": ids }))
}

#[tokio::test(start_paused = true)]
async fn a_full_subnet_is_rejected_before_anything_is_removed() {
    let cloud = two_in_each_zone();
    let stack = cloud.stack("orders");
    let created = stack.create(&given(&[SUBNET_AZ1])).await.succeeded();
    cloud.fill(&[SUBNET_AZ1, SECOND_AZ1, SECOND_AZ2]);
    let (before, changes) = (cloud.endpoint(), cloud.changes());
    let new = given(&[SECOND_AZ1, SECOND_AZ2]);
    let reason = stack.update(&created.physical_id, &new, &given(&[SUBNET_AZ1])).await.failed();
    says(&reason, &[SECOND_AZ1, SECOND_AZ2, "SubnetIds", "no free IPv4 address"]);
    assert_eq!((cloud.endpoint(), cloud.changes()), (before, changes), "nothing was changed");
    // The one that the endpoint has is full, too, and that is no obstacle.
    let tags = with(given(&[SUBNET_AZ1]), json!({ "Tags": [{ "Key": "team", "Value": "web" }] }));
    stack.update(&created.physical_id, &tags, &given(&[SUBNET_AZ1])).await.succeeded();
    // Nor for who only joins: the zone is covered.
    let joined = cloud.stack("billing").create(&given(&[SECOND_AZ1])).await.succeeded();
    says(&joined.data["Warnings"], &["it is used by orders/TiDB", SECOND_AZ1]);

    let cloud = two_in_each_zone();
    cloud.fill(&[SUBNET_AZ1, SECOND_AZ2]);
    let full = with(given(&[SUBNET_AZ1, SECOND_AZ2]), json!({ "SecurityGroupIds": null }));
    rejected(&cloud, &full, &[SUBNET_AZ1, SECOND_AZ2, "no free IPv4 address"]).await;
}

/// Updates a stack from some subnets to others; gives the modifications and the fewest subnets meanwhile.
async fn moved(from: &[&str], to: &[&str]) -> (Vec<String>, usize) {
    let cloud = two_in_each_zone();
    let stack = cloud.stack("orders");
    let created = stack.create(&given(from)).await.succeeded();
    let fewest = cloud.watch_subnets();
    let updated = stack.update(&created.physical_id, &given(to), &given(from)).await.succeeded();
    let mut subnets: Vec<&str> = updated.data["SubnetIds"].split(',').collect();
    let mut expected = to.to_vec();
    subnets.sort_unstable();
    expected.sort_unstable();
    assert_eq!(subnets, expected);
    assert_eq!(updated.data["Warnings"], "");
    cloud.assert_understood();
    let fewest = *fewest.lock().unwrap();
    (cloud.modifications(), fewest)
}

#[tokio::test(start_paused = true)]
async fn subnets_are_swapped_without_a_gap_where_ec2_allows_it() {
    let (add, remove) = (|id: &str| format!("+{id}"), |id: &str| format!("-{id}"));
    // To another zone: the new address first.
    let (calls, fewest) = moved(&[SUBNET_AZ1], &[SUBNET_AZ2]).await;
    assert_eq!((calls, fewest), (vec![add(SUBNET_AZ2), remove(SUBNET_AZ1)], 1));
    // Within one zone, while another one stays: one zone has no address for a moment.
    let (calls, fewest) = moved(&[SUBNET_AZ1, SUBNET_AZ2], &[SECOND_AZ1, SUBNET_AZ2]).await;
    assert_eq!((calls, fewest), (vec![remove(SUBNET_AZ1), add(SECOND_AZ1)], 1));
    // Within one zone, and a new one: that one comes first.
    let (calls, fewest) = moved(&[SUBNET_AZ1], &[SECOND_AZ1, SUBNET_AZ2]).await;
    assert_eq!((calls, fewest), (vec![add(SUBNET_AZ2), remove(SUBNET_AZ1), add(SECOND_AZ1)], 1));
    // Within both of two: one after the other.
    let (calls, fewest) = moved(&[SUBNET_AZ1, SUBNET_AZ2], &[SECOND_AZ1, SECOND_AZ2]).await;
    assert_eq!(calls.len(), 4, "{calls:?}");
    assert_eq!(fewest, 1);
    // Only one subnet: EC2 takes no second one in the zone, so there is a gap, as the documentation says.
    let (calls, fewest) = moved(&[SUBNET_AZ1], &[SECOND_AZ1]).await;
    assert_eq!((calls, fewest), (vec![remove(SUBNET_AZ1), add(SECOND_AZ1)], 0));
}

#[tokio::test(start_paused = true)]
async fn all_faults_of_a_kind_are_named_at_once() {
    let cloud = two_in_each_zone();
    let six = [SUBNET_AZ1, SUBNET_AZ2, SUBNET_AZ4, SECOND_AZ1, SECOND_AZ2, SECOND_AZ4];
    let pair = |first: &str, second: &str, zone: &str| format!("{first}, {second} in {zone}");
    let pairs = [
        pair(SUBNET_AZ1, SECOND_AZ1, "use1-az1"),
        pair(SUBNET_AZ2, SECOND_AZ2, "use1-az2"),
        pair(SUBNET_AZ4, SECOND_AZ4, "use1-az4"),
    ];
    let served = Cloud::of(|world| {
        let service = world.services.iter_mut().find(|service| service.name == SERVICE).unwrap();
        service.zone_ids.insert("use1-az4".to_owned());
        double_subnets(world);
    });
    rejected(&served, &given(&six), &pairs.each_ref().map(String::as_str)).await;
    // The service is in two of the zones only.
    rejected(&cloud, &given(&six), &[&pairs[0], &pairs[1]]).await;

    let unknown = ["sg-0fffffffffffffff0", "sg-0fffffffffffffff1", "sg-0fffffffffffffff2", "sg-0fffffffffffffff3"];
    let attached = with(properties(), json!({ "SecurityGroupIds": [unknown[0], GROUP, unknown[1]] }));
    rejected(&cloud, &attached, &["SecurityGroupIds contains", unknown[0], unknown[1]]).await;
    let allowed = with(plain(), json!({ "AllowedSecurityGroupIds": [unknown[2], GROUP, unknown[3]] }));
    rejected(&cloud, &allowed, &["AllowedSecurityGroupIds", unknown[2], unknown[3]]).await;
    let elsewhere = with(properties(), json!({ "SecurityGroupIds": [GROUP_2, "sg-0b2db42222222222b", GROUP] }));
    rejected(&cloud, &elsewhere, &[GROUP_2, VPC_2, "sg-0b2db42222222222b", "vpc-0b22222222222222b"]).await;
    let subnets = ["subnet-0ffffffffffffff00", "subnet-0d4c44444444444c4"];
    rejected(&cloud, &given(&[subnets[0], SUBNET_AZ1, subnets[1]]), &subnets).await;
}

#[tokio::test(start_paused = true)]
async fn without_private_dns_an_endpoint_that_has_it_is_joined() {
    let off = with(plain(), json!({ "PrivateDnsEnabled": false }));
    let cloud = Cloud::new();
    let owned = cloud.stack("orders").create(&plain()).await.succeeded();
    let joined = cloud.stack("billing").create(&off).await.succeeded();
    assert_eq!(joined.physical_id, owned.physical_id);
    says(&joined.data["Warnings"], &["Private DNS of", &owned.physical_id, "stays on"]);
    assert_eq!(joined.data["Host"], PRIVATE_NAME, "the name resolves to it, whatever was asked for");

    let cloud = Cloud::new();
    let foreign_id = cloud.sim.create_foreign_endpoint(foreign());
    cloud.pass(10).await;
    let joined = cloud.stack("billing").create(&off).await.succeeded();
    assert_eq!(joined.physical_id, foreign_id);
    says(&joined.data["Warnings"], &["stays on"]);

    // One without private DNS is what was asked for.
    let cloud = Cloud::new();
    cloud.sim.create_foreign_endpoint(foreign());
    cloud.pass(10).await;
    let exact = cloud.sim.create_foreign_endpoint(EndpointSpec { private_dns_enabled: false, ..foreign() });
    cloud.pass(10).await;
    let joined = cloud.stack("billing").create(&off).await.succeeded();
    assert_eq!(joined.physical_id, exact);
    assert!(!joined.data["Warnings"].contains("stays on"), "{}", joined.data["Warnings"]);
    cloud.assert_understood();
}
