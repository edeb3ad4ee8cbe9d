//! The product's side: the real decision, and the requests and the surroundings that it is given.

use super::cloudformation::{Act, WISH, Wish, holder, stack_id};
use super::ec2::Ec2;
use super::planted::{NONE, Planted};
use super::world::Delivery;
use serde_json::{Value, json};
use std::sync::LazyLock;
use tidb_private_endpoint::decision;
use tidb_private_endpoint::decision::facts::{FactValue, Facts};
use tidb_private_endpoint::decision::journal::Journal;
use tidb_private_endpoint::decision::queries::queries;
use tidb_private_endpoint::decision::refusal::Refusal;
use tidb_private_endpoint::decision::view::{Home, Next, Observed, View};
use tidb_private_endpoint::model::change::NewEndpoint;
use tidb_private_endpoint::model::ec2_error::{Ec2Error, ErrorKind};
use tidb_private_endpoint::model::ids::{EndpointId, ServiceName};
use tidb_private_endpoint::model::network::{Service, Subnet, Vpc, VpcDns};
use tidb_private_endpoint::model::query::EndpointQuery;
use tidb_private_endpoint::model::security_group::{Rule, SecurityGroup, Source, managed_group_name};
use tidb_private_endpoint::model::tags::{OWNED, Tags};
use tidb_private_endpoint::request::Request;
use tidb_private_endpoint::request::event::{Event, ReplyTo, RequestType, ResponseUrl};

pub(super) const VPC: &str = "vpc-00000000000000001";
pub(super) const SUBNET: &str = "subnet-00000000000000001";
const GROUPS: [&str; 2] = ["sg-00000000000000001", "sg-00000000000000002"];
const ZONE: &str = "use1-az1";
const REGION: &str = "us-east-1";
const ACCOUNT: &str = "123456789012";

pub(super) fn service(number: u8) -> String {
    format!("com.amazonaws.vpce.{REGION}.vpce-svc-{number:017}")
}

/// Puts an endpoint that has been there for long into EC2.
pub(super) fn place(ec2: &mut Ec2, holders: &[usize], owned: bool, wish: Wish) -> EndpointId {
    let mut tags: Tags = holders.iter().map(|n| (holder(*n).ref_key(), holder(*n).name.clone())).collect();
    if owned {
        tags.insert(OWNED.to_owned(), "somebody".to_owned());
    }
    ec2.place(&NewEndpoint {
        service_name: service(wish.service).into(),
        vpc_id: VPC.into(),
        subnet_ids: vec![SUBNET.into()],
        group_ids: vec![GROUPS[wish.group].into()],
        private_dns: wish.private_dns,
        ip_address_type: None,
        tags,
        client_token: String::new(),
    })
}

/// Leaves of a look what the product's own queries find.
pub(super) fn look_filter(delivery: &Delivery, observed: &mut Observed) {
    let queries: Vec<EndpointQuery> = queries(&delivery.request, &delivery.journal);
    observed.endpoints.retain(|endpoint| queries.iter().any(|query| query.matches(endpoint)));
}

/// An error of EC2's, as its door would word it.
pub(super) fn error(kind: ErrorKind) -> Ec2Error {
    Ec2Error { kind, ..Ec2Error::no_answer("", String::new(), "") }
}

/// The real decision, with a fault planted before or behind it.
pub(super) fn decide(planted: &Planted, delivery: &Delivery, observed: &Observed) -> Result<Next, Refusal> {
    static HOME: LazyLock<Home> = LazyLock::new(|| Home { region: REGION.to_owned(), account: ACCOUNT.to_owned() });
    static FACTS: LazyLock<Facts> = LazyLock::new(facts);
    let (request, journal) = (&*delivery.request, &*delivery.journal);
    if planted.name == NONE.name {
        return decision::next(request, &HOME, View { observed, facts: &FACTS, journal });
    }
    let mut seen = observed.clone();
    (planted.see)(&mut seen, journal, request);
    let empty = Journal::new(journal.started());
    let known = if (planted.forgets)(request) { &empty } else { journal };
    let decided = decision::next(request, &HOME, View { observed: &seen, facts: &FACTS, journal: known });
    decided.map(|next| (planted.take)(next, journal))
}

/// Everything is known from the start: reading is not what the protocol is about.
fn facts() -> Facts {
    let gateway = Service {
        acceptance_required: false,
        zone_ids: vec![ZONE.into()],
        zone_names: Vec::new(),
        private_dns_name: Some("gateway01-privatelink.us-east-1.prod.aws.tidbcloud.com".to_owned()),
        private_dns_verified: true,
    };
    let subnet = Subnet {
        id: SUBNET.into(),
        owner_id: ACCOUNT.to_owned(),
        zone_id: ZONE.into(),
        zone_name: String::new(),
        blocks: vec!["10.0.0.0/24".parse().unwrap()],
        free_addresses: 100,
    };
    let groups: Vec<SecurityGroup> = GROUPS.iter().map(|id| group(id)).collect();
    let mut facts = Facts::default();
    facts.insert(FactValue::Service(Some(gateway)));
    facts.insert(FactValue::Vpc(Some(Vpc { owner_id: ACCOUNT.to_owned(), blocks: Vec::new() })));
    facts.insert(FactValue::VpcDns(Some(VpcDns { support: true, hostnames: true })));
    facts.insert(FactValue::Subnets(vec![subnet]));
    facts.insert(FactValue::Neighbors(Vec::new()));
    for number in 1..=2 {
        let place = (VPC.into(), managed_group_name(&ServiceName::from(service(number))));
        facts.insert(FactValue::ManagedGroup(place, None));
    }
    facts.insert(FactValue::Groups(groups.iter().map(|group| group.id.clone()).collect(), groups));
    facts
}

/// A group that lets everybody in, so that nothing about groups is left to decide.
fn group(id: &str) -> SecurityGroup {
    let anywhere = Source::Block("0.0.0.0/0".parse().unwrap());
    let rule = Rule { protocol: "-1".to_owned(), ports: None, source: anywhere, is_ours: false };
    SecurityGroup { id: id.into(), vpc_id: VPC.into(), name: id.to_owned(), tags: Tags::new(), rules: vec![rule] }
}

fn properties(wish: Wish) -> Value {
    json!({
        "ServiceName": service(wish.service),
        "VpcId": VPC,
        "SecurityGroupIds": [GROUPS[wish.group]],
        "PrivateDnsEnabled": wish.private_dns.to_string(),
    })
}

pub(super) fn request(
    stack: usize,
    act: &Act,
    old: Option<Wish>,
    physical_id: Option<String>,
    request_id: String,
) -> Request {
    let old_properties = old.map(properties).unwrap_or_default();
    let wish = act.wish().or(old).unwrap_or(WISH);
    let request_type = match act {
        Act::Create(_) => RequestType::Create,
        Act::Update(_) | Act::UpdateAndBack(_) => RequestType::Update { old_properties },
        Act::Delete | Act::CleanUp(_) => RequestType::Delete,
    };
    let reply_to = ReplyTo {
        response_url: ResponseUrl::new("https://example.com/"),
        stack_id: stack_id(stack),
        request_id,
        logical_id: "TiDB".to_owned(),
        physical_id,
    };
    Request::read(&Event { reply_to, request_type, properties: properties(wish) }).expect("the properties are valid")
}
