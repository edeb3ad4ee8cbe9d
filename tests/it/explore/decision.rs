//! The product's side: the real decision, and the requests and the surroundings that it is given.

use super::cloudformation::{Act, WISH, Wish, holder, stack_id};
use super::ec2::Ec2;
use super::planted::{NONE, Planted};
use super::world::Delivery;
use serde_json::{Value, json};
use std::sync::LazyLock;
use tidb_private_endpoint::endpoint::Endpoint;
use tidb_private_endpoint::event::{Event, ReplyTo, RequestType, ResponseUrl};
use tidb_private_endpoint::group::{Group, Rule, Source, own_name};
use tidb_private_endpoint::ids::{EndpointId, ServiceName};
use tidb_private_endpoint::journal::Journal;
use tidb_private_endpoint::plan::next_step;
use tidb_private_endpoint::reference::{self, OWNED, Tags};
use tidb_private_endpoint::refusal::Refusal;
use tidb_private_endpoint::request::{Request, Verb};
use tidb_private_endpoint::step::{Home, NewEndpoint, Observed, Step};
use tidb_private_endpoint::survey::{Finding, Service, Subnet, Survey, Vpc, VpcDns};

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

/// What the product's requests to EC2 would find of what there is.
pub(super) fn concerns(delivery: &Delivery, endpoint: &Endpoint) -> bool {
    let request = &delivery.request;
    let tagged = request.holder.is_in(&endpoint.tags);
    let made = reference::owner(&endpoint.tags) == Some(request.holder.hash.as_str());
    let named = request.current() == Some(&endpoint.id) || delivery.journal.release_calls.contains_key(&endpoint.id);
    match &request.verb {
        Verb::Create(spec) => endpoint.service_name == spec.service_name || named,
        Verb::Update { spec, .. } => endpoint.service_name == spec.service_name || named || tagged || made,
        Verb::Delete { endpoint: None, place, .. } => {
            tagged || named || made || place.as_ref().is_some_and(|(_, service)| endpoint.service_name == *service)
        }
        Verb::Delete { endpoint: Some(_), .. } => named,
    }
}

/// The real decision, with a fault planted before or behind it.
pub(super) fn decide(planted: &Planted, delivery: &Delivery, observed: &Observed) -> Result<Step, Refusal> {
    static HOME: LazyLock<Home> = LazyLock::new(|| Home { region: REGION.to_owned(), account: ACCOUNT.to_owned() });
    static SURVEY: LazyLock<Survey> = LazyLock::new(survey);
    if planted.name == NONE.name {
        return next_step(&delivery.request, &HOME, &SURVEY, observed, &delivery.journal);
    }
    let (mut seen, mut known) = (observed.clone(), Journal::clone(&delivery.journal));
    (planted.see)(&mut seen, &delivery.journal, &delivery.request);
    (planted.know)(&mut known);
    let step = next_step(&delivery.request, &HOME, &SURVEY, &seen, &known)?;
    Ok((planted.take)(step))
}

/// Everything is known from the start: reading is not what the protocol is about.
fn survey() -> Survey {
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
    let groups: Vec<Group> = GROUPS.iter().map(|id| group(id)).collect();
    let mut survey = Survey::default();
    survey.learn(Finding::Service(Some(gateway)));
    survey.learn(Finding::Vpc(Some(Vpc { owner_id: ACCOUNT.to_owned(), blocks: Vec::new() })));
    survey.learn(Finding::VpcDns(Some(VpcDns { support: true, hostnames: true })));
    survey.learn(Finding::Subnets(vec![subnet]));
    for number in 1..=2 {
        let place = (VPC.into(), own_name(&ServiceName::from(service(number))));
        survey.learn(Finding::OwnGroup(place, None));
    }
    survey.learn(Finding::Groups(groups.iter().map(|group| group.id.clone()).collect(), groups));
    survey
}

/// A group that lets everybody in, so that nothing about groups is left to decide.
fn group(id: &str) -> Group {
    let anywhere = Source::Block("0.0.0.0/0".parse().unwrap());
    let rule = Rule { protocol: "-1".to_owned(), ports: None, source: anywhere, ours: false };
    Group { id: id.into(), vpc_id: VPC.into(), name: id.to_owned(), tags: Tags::new(), rules: vec![rule] }
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
