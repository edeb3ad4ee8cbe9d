//! What one event asks for: which resource asks, and for which endpoint or which physical id.

pub mod check;
pub mod event;
pub mod property;
pub mod reader;
pub mod record;
pub mod spec;

use crate::model::cluster::{ClusterRef, Served};
use crate::model::ids::{EndpointId, ServiceName, VpcId, hex_digest, join};
use crate::model::stacks::ResourceId;
use crate::model::tags::{Claim, Holder, Mark, Reference, Tags};
use event::{Event, ReplyTo, RequestType};
use reader::Fault;
use spec::{Before, EndpointSpec, may_have_moved};

/// The prefix of the physical id of a resource whose Create failed; hash and mark follow. The Delete that CloudFormation
/// sends for it releases what this Create has marked.
const UNRESOLVED: &str = "tidb-private-endpoint-";
/// The same if that Create has changed nothing, so that its Delete need not look twice.
const NOTHING_CREATED: &str = "nothing-made-";

/// The types of the two resources. Any other name is accepted for both.
const ENDPOINT_TYPE: &str = "Custom::TiDBCloudPrivateEndpoint";
const CHECK_TYPE: &str = "Custom::TiDBCloudConnectionCheck";

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
        /// Whether the old properties may have had another endpoint.
        moved: bool,
        /// What the old properties asked for.
        before: Box<Before>,
    },
    /// That the resource's reference is removed, and the endpoint too if no other resource needs it.
    Delete {
        of: Deleted,
        /// What the properties asked for. Where that was is where a security group may be left over when no endpoint is.
        before: Box<Before>,
    },
}

/// What a Delete is about, as its physical id tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deleted {
    /// The endpoint that the resource has.
    Endpoint(EndpointId),
    /// An endpoint, and the one reference on it that the mark tells: its resource may have written another one since.
    Stale(EndpointId, Mark),
    /// What a failed Create has marked.
    FailedCreate { mark: Mark, nothing_created: bool },
    /// CloudFormation made up the physical id, because the Create has not been answered: it may still be running.
    RunningCreate,
}

impl Deleted {
    fn read(physical_id: &str, holder: &Holder) -> Self {
        let failed = |prefix: &str| physical_id.strip_prefix(prefix)?.strip_prefix(&holder.hash)?.strip_prefix('-');
        let mark = |mark: &str| Mark(mark.to_owned());
        match (EndpointId::from_physical_id(physical_id), failed(UNRESOLVED), failed(NOTHING_CREATED)) {
            (Some(id), ..) => Self::Endpoint(id),
            (None, Some(text), _) => Self::FailedCreate { mark: mark(text), nothing_created: false },
            (None, None, Some(text)) => Self::FailedCreate { mark: mark(text), nothing_created: true },
            (None, None, None) => Self::RunningCreate,
        }
    }

    pub fn mark(&self) -> Option<&Mark> {
        match self {
            Self::FailedCreate { mark, .. } | Self::Stale(_, mark) => Some(mark),
            Self::Endpoint(_) | Self::RunningCreate => None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The resource that asks.
    pub holder: Holder,
    pub verb: Verb,
    /// The resource as CloudFormation knows it; `None` if a person asks for a resource that is gone.
    pub resource: Option<ResourceId>,
    /// Distinguishes this request from every other one of the same resource.
    token_seed: String,
    mark: Mark,
}

/// Properties with faults, all of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.sentences())]
pub struct Invalid(pub Vec<Fault>);

impl Invalid {
    /// The service token of the endpoint in a check. Its properties would all seem to be wrong.
    fn check_with_endpoint_token(event: &Event) -> Option<Self> {
        let what = format!(
            "is that of {ENDPOINT_TYPE}; for {CHECK_TYPE}, import the export whose name ends with -CheckServiceToken"
        );
        Self::wrong_token(event, CHECK_TYPE, what)
    }

    /// The converse.
    pub fn endpoint_with_check_token(event: &Event) -> Option<Self> {
        let what = format!(
            "is that of {CHECK_TYPE}; for {ENDPOINT_TYPE}, import the export whose name ends with -ServiceToken"
        );
        Self::wrong_token(event, ENDPOINT_TYPE, what)
    }

    fn wrong_token(event: &Event, resource_type: &str, what: String) -> Option<Self> {
        let is_meant = event.resource_type == resource_type && event.request_type != RequestType::Delete;
        is_meant.then(|| Self(vec![Fault { property: "ServiceToken".to_owned(), what }]))
    }

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
        if let Some(invalid) = Invalid::check_with_endpoint_token(event) {
            return Err(invalid);
        }
        let ids = &event.reply_to;
        let (holder, token_seed, mark) = (Holder::new(&ids.stack_id, &ids.logical_id), token_seed(ids), mark(ids));
        let current = ids.physical_id.as_deref().and_then(EndpointId::from_physical_id);
        let verb = match &event.request_type {
            RequestType::Create => Verb::Create(EndpointSpec::read(&event.properties).map_err(Invalid)?),
            RequestType::Update { old_properties } => {
                let spec = EndpointSpec::read(&event.properties).map_err(Invalid)?;
                let moved = may_have_moved(old_properties, &event.properties);
                Verb::Update { spec, current, moved, before: Box::new(Before::read(old_properties)) }
            }
            RequestType::Delete => Verb::Delete {
                of: Deleted::read(ids.physical_id.as_deref().unwrap_or_default(), &holder),
                before: Box::new(Before::read(&event.properties)),
            },
        };
        let resource = ResourceId { stack: ids.stack_id.clone(), logical: ids.logical_id.clone() };
        Ok(Self { holder, verb, resource: Some(resource), token_seed, mark })
    }

    /// A Delete of one reference whose resource is gone: nobody is left to send an event for it. What it asked for is in the
    /// reference.
    pub fn release(holder: Holder, endpoint: EndpointId, mark: Mark, before: Before) -> Self {
        let token_seed = hex_digest(&["release", endpoint.as_str(), &holder.hash]);
        let own_mark = Mark::of(&token_seed, None);
        Self {
            holder,
            verb: Verb::Delete { of: Deleted::Stale(endpoint, mark), before: Box::new(before) },
            resource: None,
            token_seed,
            mark: own_mark,
        }
    }

    /// The mark of this request.
    pub fn mark(&self) -> &Mark {
        &self.mark
    }

    /// Which reference on an endpoint counts as the resource's own. A Create takes no reference of an earlier request for
    /// its own, and neither does an Update, except on the endpoint that the resource has.
    pub fn claims(&self, endpoint: &EndpointId, tags: &Tags) -> bool {
        let holder = &self.holder;
        match &self.verb {
            Verb::Update { current, .. } if current.as_ref() == Some(endpoint) => holder.is_in(tags),
            Verb::Create(_) | Verb::Update { .. } => Claim::written_by(&self.mark, holder).is_in(tags),
            Verb::Delete { of, .. } => self.claim_to_delete(of).is_in(tags),
        }
    }

    /// The references that a Delete removes. It may be delivered again when the resource has joined the endpoint anew.
    pub fn claim_to_delete<'a>(&'a self, of: &'a Deleted) -> Claim<'a> {
        Claim { holder: &self.holder, mark: of.mark(), until: Some(&self.mark) }
    }

    /// Whether CloudFormation has sent a later request for the resource, as the reference on an endpoint tells. It does so
    /// without waiting for the response to this one if the stack's update is canceled, or another resource of the stack
    /// fails: then the other one takes this one back (aws/aws-cdk, issue 31541). And this one may be delivered again.
    pub fn is_outdated(&self, tags: &Tags) -> bool {
        let value = tags.get(&self.holder.ref_key()).filter(|_| self.spec().is_some());
        value.is_some_and(|value| Reference::parse(value).mark.is_later_than(&self.mark))
    }

    /// Whether the resource has an endpoint already.
    pub fn is_update(&self) -> bool {
        matches!(self.verb, Verb::Update { .. })
    }

    /// The client token for the request's `attempt`-th endpoint. A redelivery has the same tokens, so EC2 does not create
    /// a second endpoint for it. EC2's limit is 64 characters.
    pub fn client_token(&self, attempt: u32) -> String {
        hex_digest(&[&self.token_seed, &attempt.to_string()])
    }

    /// The cluster whose service has to be found out before anything else. A Delete does without.
    pub fn cluster(&self) -> Option<&ClusterRef> {
        self.spec()?.cluster.as_ref()
    }

    /// The request with the service of its cluster.
    #[must_use]
    pub fn with(&self, served: Served) -> Self {
        let mut request = self.clone();
        if let Verb::Create(spec) | Verb::Update { spec, .. } = &mut request.verb {
            *spec = spec.clone().with(served);
        }
        request
    }

    /// `None` in a Delete.
    pub fn spec(&self) -> Option<&EndpointSpec> {
        match &self.verb {
            Verb::Create(spec) | Verb::Update { spec, .. } => Some(spec),
            Verb::Delete { .. } => None,
        }
    }

    /// What the resource has asked for before; `None` in a Create.
    pub fn before(&self) -> Option<&Before> {
        match &self.verb {
            Verb::Create(_) => None,
            Verb::Update { before, .. } | Verb::Delete { before, .. } => Some(before),
        }
    }

    /// The VPC of the resource, if the properties name it.
    pub fn vpc(&self) -> Option<&VpcId> {
        match &self.verb {
            Verb::Create(spec) | Verb::Update { spec, .. } => spec.vpc_id.as_ref(),
            Verb::Delete { before, .. } => before.place.as_ref().map(|place| &place.vpc),
        }
    }

    /// The service of the resource, if the properties name it.
    pub fn service(&self) -> Option<&ServiceName> {
        match &self.verb {
            Verb::Create(spec) | Verb::Update { spec, .. } => Some(&spec.service_name),
            Verb::Delete { before, .. } => before.place.as_ref().and_then(|place| place.service.as_ref()),
        }
    }

    /// The endpoint that is the resource's physical id, if it is one.
    pub fn current(&self) -> Option<&EndpointId> {
        match &self.verb {
            Verb::Update { current, .. } => current.as_ref(),
            Verb::Delete { of: Deleted::Endpoint(id) | Deleted::Stale(id, _), .. } => Some(id),
            Verb::Create(_) | Verb::Delete { of: Deleted::FailedCreate { .. } | Deleted::RunningCreate, .. } => None,
        }
    }
}

/// A Create that is sent again after a failure may have the same request ID (aws/aws-cdk, issue 35957), but never a URL that
/// was signed at the same time. All deliveries of one event have the same URL.
fn token_seed(ids: &ReplyTo) -> String {
    let signed = ids.response_url.signed_at().map(|at| at.to_string()).unwrap_or_default();
    hex_digest(&[&ids.stack_id, &ids.logical_id, &ids.request_id, &signed])
}

fn mark(ids: &ReplyTo) -> Mark {
    Mark::of(&token_seed(ids), ids.response_url.signed_at())
}

/// The physical id of a resource whose Create has failed.
pub fn failed_create_id(ids: &ReplyTo, nothing_created: bool) -> String {
    let (holder, mark) = (Holder::new(&ids.stack_id, &ids.logical_id), mark(ids));
    format!("{}{}-{mark}", if nothing_created { NOTHING_CREATED } else { UNRESOLVED }, holder.hash)
}
