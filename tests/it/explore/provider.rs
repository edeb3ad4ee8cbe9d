//! The provider in the model: its own queries and decision, and the requests and facts that they receive.

use super::cloudformation::{Clients, Operation, SPEC, Spec, holder};
use super::ec2::Ec2;
use super::planted::{NONE, PlantedFault};
use super::scenario::Existing;
use super::state::Delivery;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::LazyLock;
use tidb_private_endpoint::decision;
use tidb_private_endpoint::decision::facts::{FactValue, Facts};
use tidb_private_endpoint::decision::journal::Journal;
use tidb_private_endpoint::decision::queries::queries;
use tidb_private_endpoint::decision::refusal::Refusal;
use tidb_private_endpoint::decision::view::{Home, Next, Observed, View};
use tidb_private_endpoint::model::change::{NewEndpoint, NewGroup};
use tidb_private_endpoint::model::ec2_error::{Ec2Error, ErrorKind};
use tidb_private_endpoint::model::ids::{EndpointId, GroupId, ServiceName, SubnetId, ZoneId};
use tidb_private_endpoint::model::network::{Service, Subnet, Vpc, VpcDns};
use tidb_private_endpoint::model::prefixes::Prefixes;
use tidb_private_endpoint::model::query::EndpointQuery;
use tidb_private_endpoint::model::security_group::{IngressRule, Rule, SecurityGroup, Source, managed_group_name};
use tidb_private_endpoint::model::tags::{Holder, Mark, OWNED, Tags};
use tidb_private_endpoint::model::wanted::{self, Wanted};
use tidb_private_endpoint::request::Request;
use tidb_private_endpoint::request::event::{Event, ReplyTo, RequestType};
use tidb_private_endpoint::request::spec::{Before, EndpointSpec, Place};

pub(super) const VPC: &str = "vpc-00000000000000001";
pub(super) const TAGS: [&str; 3] = ["team", "stage", "cost"];
pub(super) const SUBNETS: [&str; 2] = ["subnet-00000000000000001", "subnet-00000000000000002"];
pub(super) const GROUPS: [&str; 2] = ["sg-00000000000000001", "sg-00000000000000002"];
pub(super) const BLOCKS: [&str; 2] = ["10.0.1.0/24", "10.0.2.0/24"];
const ZONES: [&str; 2] = ["use1-az1", "use1-az2"];
const REGION: &str = "us-east-1";
const ACCOUNT: &str = "123456789012";

pub(super) fn service(number: u8) -> String {
    format!("com.amazonaws.vpce.{REGION}.vpce-svc-{number:017}")
}

/// Adds an endpoint that has existed for a long time.
pub(super) fn place(ec2: &mut Ec2, endpoint: &Existing) -> EndpointId {
    let Existing { holders, owned, spec, .. } = endpoint;
    let spec_of = |n: &usize| endpoint.of.get(n).copied().unwrap_or(*spec);
    let specs: Vec<Spec> = if holders.is_empty() { vec![*spec] } else { holders.iter().map(spec_of).collect() };
    let reference = |n: &usize| {
        let (value, _) =
            holder(*n).ref_value(&first_mark(), &Prefixes::default(), owned.then_some(&wanted(spec_of(n))));
        (holder(*n).ref_key(), value)
    };
    let mut tags: Tags = holders.iter().map(reference).collect();
    tags.extend(specs.iter().filter_map(|spec| spec.tag).map(|n| (TAGS[n].to_owned(), "1".to_owned())));
    if *owned {
        tags.insert(OWNED.to_owned(), "another resource".to_owned());
    }
    let mut rules = Vec::new();
    let (mut groups, mut subnets) = (BTreeSet::new(), BTreeSet::new());
    for spec in &specs {
        match spec.clients {
            Clients::Group(number) => drop(groups.insert(GroupId::from(GROUPS[number]))),
            Clients::Block(number) | Clients::Spoke(number) => {
                rules.push(IngressRule { port: 4000, source: block(number) });
            }
        }
        subnets.extend(
            SUBNETS
                .iter()
                .enumerate()
                .filter(|(n, _)| !spec.is_spoke() && spec.subnet.is_none_or(|only| only == *n))
                .map(|(_, id)| SubnetId::from(*id)),
        );
    }
    if !rules.is_empty() {
        let name = managed_group_name(&ServiceName::from(service(spec.service)));
        let tags = Tags::from([(OWNED.to_owned(), "another resource".to_owned())]);
        groups.extend(ec2.groups.place(&NewGroup { vpc_id: VPC.into(), name, tags }, &rules));
    }
    let private_dns = specs.iter().any(|spec| spec.private_dns);
    ec2.place(&NewEndpoint {
        service_name: service(spec.service).into(),
        vpc_id: VPC.into(),
        subnet_ids: subnets.into_iter().collect(),
        group_ids: groups.into_iter().collect(),
        private_dns,
        ip_address_type: None,
        tags,
        client_token: String::new(),
    })
}

/// Reduces a look to what the provider's queries find.
pub(super) fn filter(delivery: &Delivery, observed: &mut Observed) {
    let queries: Vec<EndpointQuery> = queries(&delivery.request, &delivery.journal);
    observed.endpoints.retain(|endpoint| queries.iter().any(|query| query.matches(endpoint)));
}

/// An error of EC2, as the provider's client returns it.
pub(super) fn error(kind: ErrorKind) -> Ec2Error {
    Ec2Error { kind, ..Ec2Error::no_answer("", String::new(), "") }
}

/// The provider's decision. A planted fault changes what the decision receives, or what it returns.
/// `read` are the facts that the decision has asked for.
pub(super) fn decide(
    planted: &PlantedFault,
    delivery: &Delivery,
    observed: &Observed,
    read: &[FactValue],
) -> Result<Next, Refusal> {
    static HOME: LazyLock<Home> = LazyLock::new(|| Home { region: REGION.to_owned(), account: ACCOUNT.to_owned() });
    static FACTS: LazyLock<Facts> = LazyLock::new(facts);
    let (request, journal) = (&*delivery.request, &*delivery.journal);
    let mut all = None;
    for value in read {
        let value = match value {
            FactValue::Marks(marks) => FactValue::Marks((planted.marks)(marks.clone(), request)),
            FactValue::Operation(status) => FactValue::Operation(status.clone().and_then(planted.status)),
            FactValue::Stack(status) => FactValue::Stack(status.clone().and_then(planted.stack)),
            other => other.clone(),
        };
        all.get_or_insert_with(|| FACTS.clone()).insert(value);
    }
    let facts = all.as_ref().unwrap_or(&FACTS);
    if planted.name == NONE.name {
        return decision::next(request, &HOME, View { observed, facts, journal });
    }
    let mut seen = observed.clone();
    (planted.view)(&mut seen, journal, request);
    let empty = Journal::new(journal.started(), journal.sent());
    let known = if (planted.journal_lost)(request) { &empty } else { journal };
    if (planted.stops)(known) {
        return Err(Refusal::DeletedMeanwhile);
    }
    let decided = decision::next(request, &HOME, View { observed: &seen, facts, journal: known });
    decided.map(|next| (planted.decision)(next, journal))
}

/// The facts that do not change are known from the start, because the sharing protocol does not depend on when they are
/// read.
fn facts() -> Facts {
    let gateway = Service {
        acceptance_required: false,
        zone_ids: ZONES.map(ZoneId::from).to_vec(),
        zone_names: Vec::new(),
        private_dns_name: Some("gateway01-privatelink.us-east-1.prod.aws.tidbcloud.com".to_owned()),
        private_dns_verified: true,
        address_families: Vec::new(),
    };
    let subnet = |n: usize| Subnet {
        id: SUBNETS[n].into(),
        owner_id: ACCOUNT.to_owned(),
        zone_id: ZONES[n].into(),
        zone_name: String::new(),
        blocks: vec![BLOCKS[n].parse().unwrap()],
        free_addresses: 100,
        is_on_outpost: false,
    };
    let groups: Vec<SecurityGroup> = GROUPS.iter().map(|id| group(id)).collect();
    let mut facts = Facts::default();
    facts.insert(FactValue::Service(Some(gateway)));
    let vpc = Vpc { owner_id: ACCOUNT.to_owned(), blocks: vec!["10.0.0.0/16".parse().unwrap()] };
    facts.insert(FactValue::Vpc(VPC.into(), Some(vpc)));
    facts.insert(FactValue::VpcDns(Some(VpcDns { support: true, hostnames: true })));
    facts.insert(FactValue::Subnets(vec![subnet(0), subnet(1)]));
    facts.insert(FactValue::Groups(groups.iter().map(|group| group.id.clone()).collect(), groups));
    facts
}

/// A security group that allows all traffic, so that the decision has nothing to object to.
fn group(id: &str) -> SecurityGroup {
    let anywhere = Source::Block("0.0.0.0/0".parse().unwrap());
    let rule = Rule { protocol: "-1".to_owned(), ports: None, source: anywhere, is_ours: false };
    SecurityGroup { id: id.into(), vpc_id: VPC.into(), name: id.to_owned(), tags: Tags::new(), rules: vec![rule] }
}

/// The mark of the references that exist at the start, with a second before the first event.
fn first_mark() -> Mark {
    Mark("6955b9000123456789ab".to_owned())
}

fn wanted(spec: Spec) -> Wanted {
    let wanted = EndpointSpec::read(&properties(spec)).expect("the properties are valid").wanted();
    if spec.is_spoke() {
        // It leaves the subnets to the holders in the VPC of the endpoint.
        return Wanted { place: wanted::Place::Anywhere, ..wanted };
    }
    wanted
}

fn properties(spec: Spec) -> Value {
    let is_spoke = spec.is_spoke();
    json!({
        "ServiceName": service(spec.service),
        "VpcId": if is_spoke { "" } else { VPC },
        "ReuseScope": if is_spoke { "Region" } else { "Vpc" },
        "PrivateDnsEnabled": spec.private_dns.to_string(),
        "Tags": spec.tag.map(|n| json!({ "Key": TAGS[n], "Value": "1" })).into_iter().collect::<Vec<_>>(),
        "SubnetIds": spec.subnet.map(|n| SUBNETS[n]).into_iter().collect::<Vec<_>>(),
        "SecurityGroupIds": match spec.clients { Clients::Group(n) => vec![GROUPS[n]], _ => Vec::new() },
        "AllowedCidrs": match spec.clients { Clients::Group(_) => Vec::new(), Clients::Block(n) | Clients::Spoke(n) => vec![BLOCKS[n]] },
    })
}

pub(super) fn block(number: usize) -> Source {
    Source::Block(BLOCKS[number].parse().unwrap())
}

/// The request of an event. Reading takes long, and a search sends the same events over and over.
pub(super) fn request(reply_to: ReplyTo, operation: &Operation, old: Option<Spec>) -> Rc<Request> {
    type Event = (String, String, Option<String>, Operation, Option<Spec>);
    thread_local! {
        static READ: RefCell<HashMap<Event, Rc<Request>>> = RefCell::default();
    }
    let url = reply_to.response_url.expose().to_owned();
    let event = (url, reply_to.request_id.clone(), reply_to.physical_id.clone(), operation.clone(), old);
    READ.with_borrow_mut(|all| all.entry(event).or_insert_with(|| Rc::new(read(reply_to, operation, old))).clone())
}

fn read(reply_to: ReplyTo, operation: &Operation, old: Option<Spec>) -> Request {
    let old_properties = old.map(properties).unwrap_or_default();
    let spec = operation.spec().or(old).unwrap_or(SPEC);
    if *operation == Operation::Release {
        let holder = Holder::new(&reply_to.stack_id, &reply_to.logical_id);
        let endpoint = EndpointId::from(reply_to.physical_id.unwrap_or_default());
        let place = Place { vpc: VPC.into(), service: Some(service(spec.service).into()) };
        let before = Before { wanted: Some(wanted(spec)), place: Some(place), ..Before::default() };
        return Request::release(holder, endpoint, first_mark(), before);
    }
    let request_type = match operation {
        Operation::Create(_) => RequestType::Create,
        Operation::Update(_) | Operation::UpdateAndRollBack(_) => RequestType::Update { old_properties },
        Operation::Delete | Operation::CleanUp(_) | Operation::CleanUpFailed | Operation::Release => {
            RequestType::Delete
        }
    };
    let event = Event { reply_to, resource_type: String::new(), request_type, properties: properties(spec) };
    Request::read(&event).expect("the properties are valid")
}
