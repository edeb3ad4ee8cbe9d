//! What one event asks for: which resource asks, and for which endpoint or which physical id.

pub mod event;
pub mod property;
pub mod reader;
pub mod spec;

use crate::model::ids::{EndpointId, ServiceName, VpcId, hex_digest, join};
use crate::model::tags::Holder;
use event::{Event, RequestType};
use reader::Fault;
use spec::{EndpointSpec, read_place, read_tag_keys};

/// The prefix of the physical id of a resource whose Create was rejected before anything was changed. The Delete that
/// CloudFormation sends for it need not look twice.
pub const NOTHING_CREATED: &str = "nothing-made-";

/// What a resource asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verb {
    /// An endpoint as specified.
    Create(EndpointSpec),
    /// The same, for a resource that has an endpoint.
    Update {
        spec: EndpointSpec,
        /// The endpoint that the resource has; `None` if its physical id is not an endpoint id.
        current: Option<EndpointId>,
        /// Whether the old properties named another VPC or another service.
        moved: bool,
        /// Keys of tags that the old properties had and the new ones do not.
        dropped_tags: Vec<String>,
    },
    /// That the resource's reference is removed, and the endpoint too if no other resource needs it.
    Delete {
        /// `None` if the physical id is not an endpoint id; then the reference leads to the endpoint.
        endpoint: Option<EndpointId>,
        /// VPC and service of the properties, if they can be read: where a security group may be left over when no
        /// endpoint is.
        place: Option<(VpcId, ServiceName)>,
        /// Whether the Create is known to have changed nothing.
        nothing_created: bool,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The resource that asks.
    pub holder: Holder,
    pub verb: Verb,
    /// Distinguishes this request from every other one of the same resource.
    token_seed: String,
}

/// Properties with faults, all of them.
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
    /// A Delete needs no valid properties.
    ///
    /// # Errors
    /// [`Invalid`] with all faults of the properties together.
    pub fn read(event: &Event) -> Result<Self, Invalid> {
        let ids = &event.reply_to;
        let current = ids.physical_id.as_deref().and_then(EndpointId::from_physical_id);
        let verb = match &event.request_type {
            RequestType::Create => Verb::Create(EndpointSpec::read(&event.properties).map_err(Invalid)?),
            RequestType::Update { old_properties } => {
                let spec = EndpointSpec::read(&event.properties).map_err(Invalid)?;
                let dropped_tags = read_tag_keys(old_properties).filter(|key| !spec.tags.contains_key(key)).collect();
                let moved = read_place(old_properties) != read_place(&event.properties);
                Verb::Update { spec, current, moved, dropped_tags }
            }
            RequestType::Delete => Verb::Delete {
                endpoint: current,
                place: read_place(&event.properties),
                nothing_created: ids.physical_id.as_deref().is_some_and(|id| id.starts_with(NOTHING_CREATED)),
            },
        };
        let holder = Holder::new(&ids.stack_id, &ids.logical_id);
        let token_seed = hex_digest(&[&ids.stack_id, &ids.logical_id, &ids.request_id]);
        Ok(Self { holder, verb, token_seed })
    }

    /// The client token for the request's `attempt`-th endpoint. A redelivery has the same tokens, so EC2 does not create
    /// a second endpoint for it. EC2's limit is 64 characters.
    pub fn client_token(&self, attempt: u32) -> String {
        hex_digest(&[&self.token_seed, &attempt.to_string()])
    }

    /// `None` in a Delete.
    pub fn spec(&self) -> Option<&EndpointSpec> {
        match &self.verb {
            Verb::Create(spec) | Verb::Update { spec, .. } => Some(spec),
            Verb::Delete { .. } => None,
        }
    }

    /// The endpoint that is the resource's physical id, if it is one.
    pub fn current(&self) -> Option<&EndpointId> {
        match &self.verb {
            Verb::Create(_) => None,
            Verb::Update { current: endpoint, .. } | Verb::Delete { endpoint, .. } => endpoint.as_ref(),
        }
    }
}
