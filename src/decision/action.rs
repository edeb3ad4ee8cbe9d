//! The changes that the provider makes in EC2, one call each.

use crate::model::change::{Change, NewEndpoint, NewGroup, TagChange};
use crate::model::endpoint::Endpoint;
use crate::model::ids::{EndpointId, GroupId, join};
use crate::model::protocol::CALL_LIMIT;
use crate::model::security_group::IngressRule;
use crate::model::tags::Tags;
use crate::request::Request;
use jiff::{SignedDuration, Timestamp};
use std::fmt;

/// A change in EC2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    CreateEndpoint(Box<NewEndpoint>),
    ModifyEndpoint(EndpointId, Change),
    DeleteEndpoint(EndpointId),
    Tag(EndpointId, TagAction),
    /// Create the security group that marks a Create as running.
    Mark(NewGroup),
    /// Delete such a mark.
    RemoveMark(GroupId),
    CreateGroup(NewGroup),
    Authorize(GroupId, Vec<IngressRule>),
    Revoke(GroupId, Vec<IngressRule>),
    DeleteGroup(GroupId),
}

/// A change of the tags of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TagAction {
    /// Write this resource's reference, with this value.
    Join(String),
    /// Remove this resource's reference.
    Release(Release),
    /// Announce that this resource may delete the endpoint until a moment.
    Announce(Timestamp),
    /// Remove announcements with these tag keys: those of functions that crashed, or this event's own to withdraw them.
    RemoveAnnouncements(Vec<String>),
    /// Write and remove the user's tags.
    UserTags(TagChange),
}

/// What a resource that no longer holds an endpoint removes from it, in one call.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Release {
    /// If there is one, the reference is removed only if it has this value: another request may have written it anew.
    pub value: Option<String>,
    /// Tag keys of this event's announcements.
    pub announcements: Vec<String>,
    /// The user's tags that nobody else requests. One whose value has changed meanwhile stays.
    pub tags: Tags,
}

impl TagAction {
    /// The tags to write and to remove.
    pub fn change(&self, request: &Request) -> TagChange {
        let holder = &request.holder;
        let write = |key, value| TagChange { set: Tags::from([(key, value)]), ..TagChange::default() };
        let remove = |unset| TagChange { unset, ..TagChange::default() };
        match self {
            Self::Join(value) => write(holder.ref_key(), value.clone()),
            Self::Release(release) => {
                let announcements = release.announcements.iter().map(|key| (key.clone(), None));
                let tags = release.tags.iter().map(|(key, value)| (key.clone(), Some(value.clone())));
                remove(
                    [(holder.ref_key(), release.value.clone())].into_iter().chain(announcements).chain(tags).collect(),
                )
            }
            Self::Announce(until) => write(holder.leaving_key(*until), holder.name.clone()),
            Self::RemoveAnnouncements(keys) => remove(keys.iter().map(|key| (key.clone(), None)).collect()),
            Self::UserTags(change) => change.clone(),
        }
    }
}

/// What EC2 has created for an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created {
    Nothing,
    Endpoint(Box<Endpoint>),
    Group(GroupId),
}

impl Action {
    /// Whether it changes the security group that the provider manages, and no endpoint.
    pub fn is_about_a_group(&self) -> bool {
        matches!(self, Self::CreateGroup(_) | Self::Authorize(..) | Self::Revoke(..) | Self::DeleteGroup(_))
    }

    /// Whether it creates something.
    pub fn is_creation(&self) -> bool {
        matches!(self, Self::CreateEndpoint(_) | Self::CreateGroup(_))
    }

    /// How long it may take: each of its calls takes up to [`CALL_LIMIT`].
    pub fn time_limit(&self) -> SignedDuration {
        let two_calls = matches!(
            self,
            Self::Tag(_, TagAction::UserTags(change)) if !change.set.is_empty() && !change.unset.is_empty()
        );
        if two_calls { CALL_LIMIT + CALL_LIMIT } else { CALL_LIMIT }
    }

    /// The security groups that have to exist for it.
    pub fn group_ids(&self) -> &[GroupId] {
        match self {
            Self::CreateEndpoint(new) => &new.group_ids,
            Self::ModifyEndpoint(_, change) => &change.add_groups,
            Self::Authorize(id, _) | Self::Revoke(id, _) | Self::DeleteGroup(id) => std::slice::from_ref(id),
            Self::DeleteEndpoint(_) | Self::Tag(..) | Self::Mark(_) | Self::RemoveMark(_) | Self::CreateGroup(_) => &[],
        }
    }

    /// Its name in the log.
    pub fn name(&self) -> &'static str {
        match self {
            Self::CreateEndpoint(_) => "create endpoint",
            Self::ModifyEndpoint(..) => "modify endpoint",
            Self::DeleteEndpoint(_) => "delete endpoint",
            Self::Tag(_, TagAction::Join(_)) => "write reference",
            Self::Tag(_, TagAction::Release(_)) => "remove reference",
            Self::Tag(_, TagAction::Announce(_)) => "announce",
            Self::Tag(_, TagAction::RemoveAnnouncements(_)) => "remove announcement",
            Self::Tag(_, TagAction::UserTags(_)) => "write tags",
            Self::Mark(_) => "mark the Create",
            Self::RemoveMark(_) => "remove mark",
            Self::CreateGroup(_) => "create security group",
            Self::Authorize(..) => "authorize ingress",
            Self::Revoke(..) => "revoke ingress",
            Self::DeleteGroup(_) => "delete security group",
        }
    }
}

/// What is being done, for the log and for the reason of a failure.
impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |rules: &[IngressRule]| {
            join(rules.iter().map(|rule| format!("TCP {} from {}", rule.port, rule.source)), ", ")
        };
        match self {
            Self::CreateEndpoint(new) => write!(f, "creating an endpoint for {} in {}", new.service_name, new.vpc_id),
            Self::ModifyEndpoint(id, change) => write!(f, "modifying {id}: {change}"),
            Self::DeleteEndpoint(id) => write!(f, "deleting {id}"),
            Self::Tag(id, TagAction::Join(_)) => write!(f, "writing this resource's reference to {id}"),
            Self::Tag(id, TagAction::Release(_)) => write!(f, "removing this resource's reference from {id}"),
            Self::Tag(id, TagAction::Announce(until)) => {
                write!(f, "announcing until {until} that {id} may be deleted, or something taken away from it")
            }
            Self::Tag(id, TagAction::RemoveAnnouncements(_)) => {
                write!(f, "removing an announcement from {id}")
            }
            Self::Tag(id, TagAction::UserTags(_)) => write!(f, "updating the tags of {id}"),
            Self::Mark(new) => write!(f, "marking this Create as running with {} in {}", new.name, new.vpc_id),
            Self::RemoveMark(id) => write!(f, "deleting {id}, the mark of a Create"),
            Self::CreateGroup(new) => write!(f, "creating the security group {} in {}", new.name, new.vpc_id),
            Self::Authorize(id, rules) => write!(f, "adding to {id}: {}", list(rules)),
            Self::Revoke(id, rules) => write!(f, "removing from {id}: {}", list(rules)),
            Self::DeleteGroup(id) => write!(f, "deleting {id}"),
        }
    }
}
