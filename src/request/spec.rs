//! The endpoint that the properties describe.

pub use super::property::ReuseScope;
use super::property::{
    ALLOWED_CIDRS, ALLOWED_GROUP_IDS, API_KEY_SECRET, CLUSTER_ID, EXCLUSIONS, Exclusion, GROUP_IDS, IP_ADDRESS_TYPE,
    KEY_WITHOUT_CLUSTER, PORT, PRIVATE_DNS, PROPERTIES, REUSE_SCOPE, SERVICE_NAME, SUBNET_IDS, TRIGGER, VPC_ID,
    VPC_IS_MISSING, ZONE_IDS,
};
use super::reader::{Fault, Reader};
use crate::model::change::IpAddressType;
use crate::model::cluster::{ClusterRef, Served};
use crate::model::ids::{ClusterId, EndpointId, GroupId, SecretId, ServiceName, SubnetId, VpcId, ZoneId};
use crate::model::prefixes::Prefixes;
use crate::model::security_group::Source;
use crate::model::tags::Tags;
pub use crate::model::wanted::DEFAULT_PORT;
use crate::model::wanted::{self, Items, Wanted, tag_item};
use ipnet::IpNet;
use serde_json::Value;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointSpec {
    /// Empty as long as it has to be found out by the cluster.
    pub service_name: ServiceName,
    /// The cluster that the properties name instead of a service.
    pub cluster: Option<ClusterRef>,
    /// What TiDB Cloud has said about that cluster, now or earlier.
    pub served: Option<Served>,
    /// `None` only with [`ReuseScope::Region`].
    pub vpc_id: Option<VpcId>,
    /// Empty: chosen by zone.
    pub subnet_ids: Vec<SubnetId>,
    /// Empty: every zone of the service.
    pub zone_ids: Vec<ZoneId>,
    /// Empty: the security group that the provider manages.
    pub group_ids: Vec<GroupId>,
    /// CIDR blocks that may connect. If `allowed_group_ids` is empty too, those of the VPC.
    pub allowed_blocks: Vec<IpNet>,
    /// Security groups whose members may connect.
    pub allowed_group_ids: Vec<GroupId>,
    pub port: u16,
    /// Whether the service's private DNS name should resolve to the endpoint inside the VPC.
    pub private_dns: bool,
    /// `None` leaves it to EC2.
    pub ip_address_type: Option<IpAddressType>,
    pub reuse_scope: ReuseScope,
    /// The user's tags.
    pub tags: Tags,
}

impl EndpointSpec {
    /// Reads the properties.
    ///
    /// # Errors
    /// All faults together, one sentence each.
    pub fn read(raw: &Value) -> Result<Self, Vec<Fault>> {
        let mut reader = Reader::new(raw);
        reader.unknown_names(&PROPERTIES);
        let service_name = read_service_name(&mut reader);
        let group = |text: &str| Ok(GroupId::from(text));
        let reuse_scope = match reader.scalar(REUSE_SCOPE) {
            Some(word) if word == ReuseScope::Region.as_str() => ReuseScope::Region,
            _ => ReuseScope::Vpc,
        };
        let spec = Self {
            // Without a name there is a cluster; or there is a fault, and the specification is not returned.
            service_name: service_name.unwrap_or_else(|| ServiceName::from("")),
            cluster: read_cluster(&mut reader),
            served: None,
            vpc_id: reader.scalar(VPC_ID).map(VpcId::from),
            subnet_ids: reader.list(SUBNET_IDS, |text| Ok(SubnetId::from(text))),
            zone_ids: reader.list(ZONE_IDS, |text| Ok(ZoneId::from(text))),
            group_ids: reader.list(GROUP_IDS, group),
            allowed_blocks: reader.list(ALLOWED_CIDRS, cidr),
            allowed_group_ids: reader.list(ALLOWED_GROUP_IDS, group),
            port: reader.scalar(PORT).and_then(|text| text.parse().ok()).unwrap_or(DEFAULT_PORT),
            private_dns: reader.scalar(PRIVATE_DNS).is_none_or(|text| text.eq_ignore_ascii_case("true")),
            ip_address_type: reader.scalar(IP_ADDRESS_TYPE).and_then(|word| IpAddressType::parse(&word)),
            reuse_scope,
            tags: reader.tags(),
        };
        // Any string will do.
        let _ = reader.scalar(TRIGGER);
        relations(&mut reader, reuse_scope);
        if reader.faults.is_empty() { Ok(spec) } else { Err(reader.faults) }
    }

    /// What is requested of an endpoint in the VPC, as the reference records it. A cluster's own zones are only a default,
    /// and a placement elsewhere is possible, so they stand for every zone.
    pub fn wanted(&self) -> Wanted {
        let place = match (self.subnet_ids.as_slice(), self.zone_ids.as_slice()) {
            ([], []) => wanted::Place::EveryZone,
            ([], zones) => wanted::Place::Zones(Items::of(zones)),
            (subnets, zones) => wanted::Place::Subnets(Items::of(subnets), Items::of(zones)),
        };
        Wanted {
            place,
            groups: Items::of(&self.group_ids),
            sources: Items::of(self.named_sources()),
            port: self.port,
            private_dns: self.private_dns,
            ip_address_type: self.ip_address_type,
            tags: Items::of(self.tags.iter().map(|(key, value)| tag_item(key, value))),
        }
    }

    /// The specification with the service of its cluster.
    #[must_use]
    pub fn with(self, served: Served) -> Self {
        Self { service_name: served.service_name.clone(), served: Some(served), ..self }
    }

    /// What is known of the resource's clusters, after what was known before.
    pub fn prefixes(&self, known: Prefixes) -> Prefixes {
        match (&self.cluster, &self.served) {
            (Some(cluster), Some(served)) => known.with(&cluster.id, served.user_prefix.as_deref()),
            _ => known,
        }
    }

    /// The zones of the cluster, unless the properties say where the endpoint should be.
    pub fn default_zones(&self) -> &[ZoneId] {
        let is_left_open = self.subnet_ids.is_empty() && self.zone_ids.is_empty();
        self.served.as_ref().filter(|_| is_left_open).map_or(&[], |served| &served.zone_ids)
    }

    /// The sources that the properties name; empty if every block of the VPC may connect.
    pub fn named_sources(&self) -> Vec<Source> {
        let blocks = self.allowed_blocks.iter().copied().map(Source::Block);
        blocks.chain(self.allowed_group_ids.iter().cloned().map(Source::Group)).collect()
    }
}

/// Where a resource has its endpoint, as far as its properties tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub vpc: VpcId,
    /// `None` if they name a cluster.
    pub service: Option<ServiceName>,
}

impl Place {
    /// The VPC of the properties, if that and their service or cluster are valid, whatever else is wrong with them.
    pub fn read(raw: &Value) -> Option<Self> {
        let mut reader = Reader::new(raw);
        let vpc = reader.scalar(VPC_ID).map(VpcId::from)?;
        let service = reader.scalar(SERVICE_NAME).map(ServiceName::from);
        (service.is_some() || reader.scalar(CLUSTER_ID).is_some()).then_some(Self { vpc, service })
    }
}

/// Whether the endpoint of some properties may be another one than that of others.
pub fn may_have_moved(before: &Value, now: &Value) -> bool {
    let (mut before, mut now) = (Reader::new(before), Reader::new(now));
    [VPC_ID, SERVICE_NAME, CLUSTER_ID, REUSE_SCOPE].into_iter().any(|name| before.scalar(name) != now.scalar(name))
}

/// What properties name of what others may delete, as far as it is valid.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Named {
    pub subnet_ids: Vec<SubnetId>,
    pub group_ids: Vec<GroupId>,
    pub allowed_group_ids: Vec<GroupId>,
}

impl Named {
    pub fn read(raw: &Value) -> Self {
        let mut reader = Reader::new(raw);
        let group = |text: &str| Ok(GroupId::from(text));
        Self {
            subnet_ids: reader.list(SUBNET_IDS, |text| Ok(SubnetId::from(text))),
            group_ids: reader.list(GROUP_IDS, group),
            allowed_group_ids: reader.list(ALLOWED_GROUP_IDS, group),
        }
    }
}

/// What a resource has asked for before an event, as far as the properties can be read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Before {
    /// `None` if they cannot be read.
    pub wanted: Option<Wanted>,
    pub tags: Tags,
    pub named: Named,
    /// VPC and service.
    pub place: Option<Place>,
    /// The service of a resource that may have had its endpoint in any VPC.
    pub anywhere: Option<ServiceName>,
}

impl Before {
    pub fn read(raw: &Value) -> Self {
        let wanted = EndpointSpec::read(raw).ok().map(|spec| spec.wanted());
        let mut reader = Reader::new(raw);
        let is_anywhere = reader.scalar(REUSE_SCOPE).is_some_and(|word| word == ReuseScope::Region.as_str());
        let anywhere = reader.scalar(SERVICE_NAME).filter(|_| is_anywhere).map(ServiceName::from);
        Self { wanted, tags: Reader::new(raw).tags(), named: Named::read(raw), place: Place::read(raw), anywhere }
    }
}

/// What people often give in place of a service name gets a hint.
fn read_service_name(reader: &mut Reader) -> Option<ServiceName> {
    let hint = |found: &str| {
        let hint = if EndpointId::from_physical_id(found).is_some() {
            "it is the ID of an endpoint"
        } else if found.ends_with(".tidbcloud.com") {
            "it is a host name"
        } else {
            "copy the service name that TiDB Cloud shows under Connect > Private Endpoint"
        };
        format!("; {hint}")
    };
    reader.scalar_with_hint(SERVICE_NAME, hint).map(ServiceName::from)
}

fn read_cluster(reader: &mut Reader) -> Option<ClusterRef> {
    // YAML reads digits without quotes as a number, which is rounded and shown with an exponent.
    let is_rounded = |found: &str| found.contains(['e', 'E', '.']) && found.parse::<f64>().is_ok();
    let hint = |found: &str| if is_rounded(found) { "; put the ID in quotes" } else { "" }.to_owned();
    let id = reader.scalar_with_hint(CLUSTER_ID, hint).map(ClusterId::from);
    let secret = reader.scalar(API_KEY_SECRET).map(SecretId::from);
    Some(ClusterRef { id: id?, secret: secret? })
}

/// What one property says about another.
fn relations(reader: &mut Reader, reuse_scope: ReuseScope) {
    match (reader.is_given(SERVICE_NAME), reader.is_given(CLUSTER_ID), reader.is_given(API_KEY_SECRET)) {
        (false, false, _) => reader.fault(
            SERVICE_NAME.name,
            "is missing; copy it from TiDB Cloud (Connect > Private Endpoint), for example \
             com.amazonaws.vpce.us-east-1.vpce-svc-0123456789abcdef0, or specify ClusterId and ApiKeySecret instead",
        ),
        (false, true, false) => reader.fault(
            API_KEY_SECRET.name,
            "is missing; with ClusterId, specify the secret in Secrets Manager that contains the API key of TiDB Cloud",
        ),
        (true, false, true) => reader.fault(API_KEY_SECRET.name, KEY_WITHOUT_CLUSTER),
        (true, true, _) | (true, false, false) | (false, true, true) => {}
    }
    if !reader.is_given(VPC_ID) && reuse_scope == ReuseScope::Vpc {
        reader.fault(VPC_ID.name, VPC_IS_MISSING);
    }
    for Exclusion { property, with, why } in EXCLUSIONS {
        if reader.is_given(property) && reader.is_given(with) {
            reader.fault(property.name, why);
        }
    }
}

fn cidr(text: &str) -> Result<IpNet, String> {
    // Unlike that of blocks, the parser of addresses rejects leading zeros, which others read as octal.
    let block =
        text.split_once('/').and_then(|(address, bits)| IpNet::new(address.parse().ok()?, bits.parse().ok()?).ok());
    match block {
        Some(block) if block == block.trunc() => Ok(block),
        Some(block) => Err(format!("not the first address of the block; specify {}", block.trunc())),
        None => Err("not a CIDR block such as 10.0.0.0/16 or 2001:db8::/56".to_owned()),
    }
}
