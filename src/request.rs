//! What one event asks for, read from its envelope: who asks, and for which endpoint or which physical id.

use crate::event::{Event, RequestType};
use crate::ids::{EndpointId, GroupId, ServiceName, SubnetId, VpcId, ZoneId, join};
use crate::properties::{Fault, IpAddressType, Properties, ReuseScope};
use crate::reference::{Holder, Tags, hex_digest};
use ipnet::IpNet;

/// What the physical id of a resource begins with whose Create was refused before anything was changed. The Delete that
/// CloudFormation sends for it need not look twice.
pub const NOTHING_MADE: &str = "nothing-made-";

/// The port of TiDB Cloud's gateways.
pub const DEFAULT_PORT: u16 = 4000;

/// The endpoint that the properties describe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointSpec {
    /// The service to reach.
    pub service_name: ServiceName,
    /// The VPC to reach it from; none only with [`ReuseScope::Region`].
    pub vpc_id: Option<VpcId>,
    /// Subnets; empty: chosen by zone.
    pub subnet_ids: Vec<SubnetId>,
    /// Zones; empty: all that the service serves.
    pub zone_ids: Vec<ZoneId>,
    /// Security groups; empty: one of the product's own.
    pub group_ids: Vec<GroupId>,
    /// Address blocks that may connect; with `allowed_group_ids` empty too: the VPC's.
    pub allowed_blocks: Vec<IpNet>,
    /// Groups whose members may connect.
    pub allowed_group_ids: Vec<GroupId>,
    /// The database's port.
    pub port: u16,
    /// Whether the service's own name shall resolve to the endpoint inside the VPC.
    pub private_dns: bool,
    /// The kind of addresses; none: left to EC2.
    pub ip_address_type: Option<IpAddressType>,
    /// Where an endpoint may be that is joined.
    pub reuse_scope: ReuseScope,
    /// The user's own tags.
    pub tags: Tags,
}

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verb {
    /// An endpoint as specified.
    Create(EndpointSpec),
    /// The same, for a resource that has one already.
    Update {
        /// What is wanted now.
        spec: EndpointSpec,
        /// The endpoint that the resource has; none if its physical id is not an endpoint's.
        current: Option<EndpointId>,
        /// Keys of tags that the old properties asked for and the new ones do not.
        dropped_tags: Vec<String>,
    },
    /// The resource's reference gone, and the endpoint too if nobody else needs it.
    Delete {
        /// The endpoint; none if the physical id is not an endpoint's, and then it is found by the reference.
        endpoint: Option<EndpointId>,
        /// VPC and service that the properties name, if they can be read: where a group of the product's may be left
        /// when no endpoint is.
        place: Option<(VpcId, ServiceName)>,
        /// Whether the Create is known to have changed nothing.
        nothing_made: bool,
    },
}

/// One event's wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The resource that asks.
    pub holder: Holder,
    /// What it wants.
    pub verb: Verb,
    /// What tells this request from every other one of the same resource.
    token_seed: String,
}

/// Properties that cannot be acted on, with every fault in them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.sentences())]
pub struct Invalid(pub Vec<Fault>);

impl Invalid {
    fn sentences(&self) -> String {
        let count = match self.0.len() {
            1 => "one error".to_owned(),
            many => format!("{many} errors"),
        };
        format!("The properties have {count}. {}", join(&self.0, " "))
    }
}

impl Request {
    /// Reads what an event asks for. A Delete needs no valid properties.
    ///
    /// # Errors
    /// [`Invalid`] with all the faults of the properties together.
    pub fn read(event: &Event) -> Result<Self, Invalid> {
        let ids = &event.reply_to;
        let current = ids.physical_id.as_deref().and_then(EndpointId::from_physical_id);
        let verb = match &event.request_type {
            RequestType::Create => Verb::Create(EndpointSpec::read(event)?),
            RequestType::Update { old_properties } => {
                let spec = EndpointSpec::read(event)?;
                let (old, _) = Properties::read(old_properties);
                let dropped_tags = old.tags.into_keys().filter(|key| !spec.tags.contains_key(key)).collect();
                Verb::Update { spec, current, dropped_tags }
            }
            RequestType::Delete => {
                let (properties, _) = Properties::read(&event.properties);
                let place = properties.vpc_id.zip(properties.service_name);
                let nothing_made = ids.physical_id.as_deref().is_some_and(|id| id.starts_with(NOTHING_MADE));
                Verb::Delete { endpoint: current, place, nothing_made }
            }
        };
        let holder = Holder::new(&ids.stack_id, &ids.logical_id);
        let token_seed = hex_digest(&[&ids.stack_id, &ids.logical_id, &ids.request_id]);
        Ok(Self { holder, verb, token_seed })
    }

    /// The client token of the request's `attempt`-th endpoint. A redelivery has the same ones, so EC2 does not make a
    /// second endpoint for it; 64 characters are EC2's limit.
    #[must_use]
    pub fn client_token(&self, attempt: u32) -> String {
        hex_digest(&[&self.token_seed, &attempt.to_string()])
    }

    /// The endpoint that is wanted, unless this is a Delete.
    #[must_use]
    pub fn spec(&self) -> Option<&EndpointSpec> {
        match &self.verb {
            Verb::Create(spec) | Verb::Update { spec, .. } => Some(spec),
            Verb::Delete { .. } => None,
        }
    }

    /// The endpoint that the resource's physical id names, if it names one.
    #[must_use]
    pub fn current(&self) -> Option<&EndpointId> {
        match &self.verb {
            Verb::Create(_) => None,
            Verb::Update { current: endpoint, .. } | Verb::Delete { endpoint, .. } => endpoint.as_ref(),
        }
    }
}

impl EndpointSpec {
    fn read(event: &Event) -> Result<Self, Invalid> {
        let (properties, faults) = Properties::read(&event.properties);
        let (Some(service_name), true) = (properties.service_name, faults.is_empty()) else {
            return Err(Invalid(faults));
        };
        Ok(Self {
            service_name,
            vpc_id: properties.vpc_id,
            subnet_ids: properties.subnet_ids,
            zone_ids: properties.zone_ids,
            group_ids: properties.group_ids,
            allowed_blocks: properties.allowed_blocks,
            allowed_group_ids: properties.allowed_group_ids,
            port: properties.port.unwrap_or(DEFAULT_PORT),
            private_dns: properties.private_dns.unwrap_or(true),
            ip_address_type: properties.ip_address_type,
            reuse_scope: properties.reuse_scope,
            tags: properties.tags,
        })
    }
}
