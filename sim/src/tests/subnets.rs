//! IP address types, CIDR block associations, zones, Outposts, and network interfaces.

use super::*;
use crate::{CidrState, Service, Subnet, World, ZoneType};

const DUAL_SERVICE: &str = "com.amazonaws.vpce.us-east-1.vpce-svc-0718293a4b5c6d7e8";
const V6_SERVICE: &str = "com.amazonaws.vpce.us-east-1.vpce-svc-08293a4b5c6d7e8f9";
/// An IPv4-only, a dual-stack, and an IPv6-only subnet.
const V4: &str = SUBNET_C;
const DUAL: &str = "subnet-0a1d000000000dd01";
const V6: &str = "subnet-0a1d000000000dd02";

fn subnet(id: &str, zone: &str, cidr: &str, ipv6: Option<&str>) -> Subnet {
    Subnet {
        id: id.to_owned(),
        vpc_id: VPC.to_owned(),
        zone: zone.to_owned(),
        cidr_block: cidr.to_owned(),
        ipv6_cidr_block: ipv6.map(str::to_owned),
        free_addresses: 250,
        ..Subnet::default()
    }
}

fn with_families(change: impl FnOnce(&mut World)) -> Ec2 {
    let mut world = world();
    world.knobs.instant();
    world.subnets.push(subnet(DUAL, "us-east-1d", "10.0.70.0/24", Some("2600:1f18:aa00:1a00::/64")));
    world.subnets.push(subnet(V6, "us-east-1a", "", Some("2600:1f18:aa00:1a01::/64")));
    for (name, types) in [(DUAL_SERVICE, &["ipv4", "ipv6"][..]), (V6_SERVICE, &["ipv6"])] {
        world.services.push(Service {
            name: name.to_owned(),
            zone_ids: ["use1-az1", "use1-az2", "use1-az4"].map(str::to_owned).into(),
            ip_address_types: types.iter().map(|kind| (*kind).to_owned()).collect(),
            ..Service::default()
        });
    }
    change(&mut world);
    Ec2::new(world)
}

fn dual<'a>(subnet: &'a str, kind: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("ServiceName", DUAL_SERVICE),
        ("PrivateDnsEnabled", "false"),
        ("SubnetId.1", subnet),
        ("SubnetId.2", ""),
        ("IpAddressType", kind),
    ]
}

#[tokio::test(start_paused = true)]
async fn available_addresses_are_ipv4_only() {
    let ec2 = with_families(|_| {});
    for (id, count, native) in [(V4, "4080", "false"), (DUAL, "250", "false"), (V6, "0", "true")] {
        let response = call(&ec2, "DescribeSubnets", &[("SubnetId.1", id)]).await.ok();
        assert_eq!(
            (response.one("availableIpAddressCount"), response.one("ipv6Native")),
            (count.into(), native.into())
        );
        assert_eq!(response.all("cidrBlock").len(), usize::from(id != V6));
        assert_eq!(response.all("ipv6CidrBlock").len(), usize::from(id != V4));
    }
    created(&ec2, &dual(V6, "ipv6")).await;
    created(&ec2, &dual(DUAL, "dualstack")).await;
    let count = |id| [("SubnetId.1", id)];
    assert_eq!(call(&ec2, "DescribeSubnets", &count(V6)).await.one("availableIpAddressCount"), "0");
    assert_eq!(call(&ec2, "DescribeSubnets", &count(DUAL)).await.one("availableIpAddressCount"), "249");
}

#[tokio::test(start_paused = true)]
async fn subnets_must_have_the_address_families_of_the_type() {
    let ec2 = with_families(|_| {});
    for (id, kind, fits) in [
        (V4, "ipv4", true),
        (V4, "dualstack", false),
        (V4, "ipv6", false),
        (DUAL, "ipv4", true),
        (DUAL, "dualstack", true),
        (DUAL, "ipv6", false),
        (V6, "ipv4", false),
        (V6, "dualstack", false),
        (V6, "ipv6", true),
    ] {
        let response = create(&ec2, &dual(id, kind)).await;
        if fits {
            response.ok();
        } else {
            let message = format!("The IP address type {kind} is not supported by the subnet {id}");
            response.rejected("InvalidParameter", &message);
        }
    }
    ec2.update_knobs(|knobs| knobs.ipv6_requires_ipv6_only_subnets = false);
    created(&ec2, &dual(DUAL, "ipv6")).await;
}

#[tokio::test(start_paused = true)]
async fn the_service_must_support_the_address_families_of_the_type() {
    let ec2 = with_families(|_| {});
    for (service, id, kind) in
        [(V6_SERVICE, V4, "ipv4"), (V6_SERVICE, DUAL, "dualstack"), (NAMELESS, V4, "x"), (GATEWAY01, V6, "ipv6")]
    {
        let mut request = dual(id, kind);
        request[0].1 = service;
        let code = if kind == "x" { "InvalidParameterValue" } else { "InvalidParameter" };
        assert_eq!(create(&ec2, &request).await.code(), code, "{service} {kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn modifications_check_the_address_families() {
    let ec2 = with_families(|_| {});
    let id = created(&ec2, &dual(V4, "ipv4")).await;
    let message = |kind: &str, id: &str| format!("The IP address type {kind} is not supported by the subnet {id}");
    let change = modify(&ec2, &id, &[("IpAddressType", "dualstack")]).await;
    change.rejected("InvalidParameter", &message("dualstack", V4));
    modify(&ec2, &id, &[("AddSubnetId.1", V6)]).await.rejected("InvalidParameter", &message("ipv4", V6));
    let swap = [("IpAddressType", "dualstack"), ("AddSubnetId.1", DUAL), ("RemoveSubnetId.1", V4)];
    modify(&ec2, &id, &swap).await.ok();
    let interface = call(&ec2, "DescribeNetworkInterfaces", &[]).await.ok();
    assert_eq!(interface.one("privateIpAddress"), "10.0.70.4");
    assert!(interface.one("ipv6Address").starts_with("2600:1f18:aa00:1a00:"), "{interface:?}");
    modify(&ec2, &id, &[("IpAddressType", "ipv4")]).await.ok();
    let interface = call(&ec2, "DescribeNetworkInterfaces", &[]).await.ok();
    assert_eq!((interface.one("privateIpAddress").as_str(), interface.all("ipv6Address").len()), ("10.0.70.4", 0));
}

#[tokio::test(start_paused = true)]
async fn replacing_a_subnet_in_its_zone_takes_two_calls_unless_a_knob_is_set() {
    let ec2 = with_families(|world| {
        world.subnets.push(subnet("subnet-0a1c000000000dd03", "us-east-1c", "10.0.71.0/24", None))
    });
    let id = created(&ec2, &[]).await;
    let swap = [("AddSubnetId.1", "subnet-0a1c000000000dd03"), ("RemoveSubnetId.1", SUBNET_C)];
    assert_eq!(modify(&ec2, &id, &swap).await.code(), "DuplicateSubnetsInSameZone");
    ec2.update_knobs(|knobs| knobs.replace_subnet_in_zone = true);
    modify(&ec2, &id, &swap).await.ok();
    assert_eq!(describe(&ec2, &id).await.items("subnetIdSet"), [SUBNET_D, "subnet-0a1c000000000dd03"]);
}

#[tokio::test(start_paused = true)]
async fn local_zones_and_outposts_are_shown_and_not_supported_by_services() {
    const LOCAL: &str = "subnet-0a1d000000000dd04";
    const OUTPOST: &str = "subnet-0a1d000000000dd05";
    let arn = "arn:aws:outposts:us-east-1:123456789012:outpost/op-0a1b2c3d4e5f60718";
    let ec2 = with_families(|world| {
        world.zones.insert("us-east-1-bos-1a".to_owned(), "use1-bos1-az1".to_owned());
        world.zone_types.insert("us-east-1-bos-1a".to_owned(), ZoneType::LocalZone);
        world.subnets.push(subnet(LOCAL, "us-east-1-bos-1a", "10.0.72.0/24", None));
        let outpost = subnet(OUTPOST, "us-east-1c", "10.0.73.0/24", None);
        world.subnets.push(Subnet { outpost_arn: Some(arn.to_owned()), ..outpost });
    });
    let zones = call(&ec2, "DescribeAvailabilityZones", &[("ZoneName.1", "us-east-1-bos-1a")]).await.ok();
    assert_eq!(
        [zones.one("zoneType"), zones.one("groupName"), zones.one("optInStatus")],
        ["local-zone", "us-east-1-bos-1", "opted-in"]
    );
    let filter = [("Filter.1.Name", "zone-type"), ("Filter.1.Value.1", "availability-zone")];
    assert_eq!(call(&ec2, "DescribeAvailabilityZones", &filter).await.ok().all("zoneName").len(), 6);
    let message =
        format!("The VPC endpoint service {GATEWAY01} does not support the availability zone of the subnet: {LOCAL}.");
    create(&ec2, &[("SubnetId.1", LOCAL)]).await.rejected("InvalidParameter", &message);

    let filter = [("Filter.1.Name", "outpost-arn"), ("Filter.1.Value.1", "*")];
    let found = call(&ec2, "DescribeSubnets", &filter).await.ok();
    assert_eq!((found.all("subnetId"), found.all("outpostArn")), (vec![OUTPOST.to_owned()], vec![arn.to_owned()]));
    assert_eq!(create(&ec2, &[("SubnetId.1", OUTPOST)]).await.code(), "InvalidParameter");
    ec2.update_knobs(|knobs| knobs.outpost_subnets = true);
    created(&ec2, &[("SubnetId.1", OUTPOST)]).await;
}

#[tokio::test(start_paused = true)]
async fn cidr_blocks_have_association_states() {
    let ec2 = with_families(|world| {
        world.vpcs[0].cidr_states.insert("100.64.0.0/20".to_owned(), CidrState::Disassociated);
        let dual = world.subnets.iter_mut().find(|subnet| subnet.id == DUAL).unwrap();
        dual.ipv6_cidr_state = CidrState::Associating;
    });
    ec2.set_cidr_state(VPC, "10.7.0.0/16", CidrState::Associating);
    ec2.set_cidr_state(VPC, "2600:1f18:aa00:9900::/56", CidrState::Failed);
    let states = async || {
        let vpc = call(&ec2, "DescribeVpcs", &[("VpcId.1", VPC)]).await.ok();
        let blocks = vpc.items("cidrBlockAssociationSet");
        let state = |block: &String| block.rsplit_once("<state>").unwrap().1.split('<').next().unwrap().to_owned();
        (
            blocks.iter().map(state).collect::<Vec<_>>(),
            vpc.items("ipv6CidrBlockAssociationSet").iter().map(state).collect::<Vec<_>>(),
        )
    };
    let text = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    assert_eq!(states().await, (text(&["associated", "disassociated", "associating"]), text(&["failed"])));
    ec2.set_cidr_state(VPC, "10.7.0.0/16", CidrState::Associated);
    ec2.remove_cidr_block(VPC, "100.64.0.0/20");
    assert_eq!(states().await.0, ["associated", "associated"]);
    let filter = [("Filter.1.Name", "cidr-block-association.state"), ("Filter.1.Value.1", "disassociated")];
    assert_eq!(call(&ec2, "DescribeVpcs", &filter).await.ok().all("vpcId").len(), 0);
    assert_eq!(
        create(&ec2, &dual(DUAL, "dualstack")).await.code(),
        "InvalidParameter",
        "the IPv6 block is not associated"
    );
}

#[tokio::test(start_paused = true)]
async fn network_interfaces_are_described_as_recorded() {
    let ec2 = with_families(|_| {});
    let id = created(&ec2, &[("SubnetId.2", "")]).await;
    let interface = call(&ec2, "DescribeNetworkInterfaces", &[]).await.ok();
    assert_eq!(interface.one("description"), format!("VPC Endpoint Interface {id}"));
    assert_eq!(interface.one("privateDnsName"), "ip-10-0-16-4.ec2.internal");
    assert_eq!((interface.one("sourceDestCheck").as_str(), interface.one("macAddress").len()), ("true", 17));
}
