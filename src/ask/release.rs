//! Letting go of a reference whose stack is gone: what is checked before, and what is said after.

use super::question;
use super::text;
use crate::decision::outcome::Outcome;
use crate::model::endpoint::Endpoint;
use crate::model::ids::EndpointId;
use crate::model::stacks::{CloudFormationError, Stacks};
use crate::model::tags::{Holder, Mark, PREFIX, REF, Reference, Tags, other_account, owner};
use crate::model::wanted::tag_item;
use crate::request::Request;
use crate::request::spec::{Before, Named, Place};
use serde::Serialize;

/// No request has this mark: a release that has found no reference removes none that is written meanwhile.
const NO_MARK: &str = "none";

/// Why a reference is not released.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotReleased {
    /// The stack of the holder exists.
    #[error(
        "{name} is not released from {endpoint}, because its stack exists. Delete the stack, which releases the endpoint. If the stack no longer contains the resource, ask again with \"StackExists\":\"ReleaseAnyway\"."
    )]
    StackExists { endpoint: EndpointId, name: String },
    /// Whether it exists cannot be determined.
    #[error(
        "{name} is not released from {endpoint}, because the provider cannot determine whether its stack exists. {why} If you know that the stack is gone, ask again with \"StackExists\":\"ReleaseAnyway\"."
    )]
    StackUnknown { endpoint: EndpointId, name: String, why: String },
}

/// The request that releases a reference as the Delete of its stack would have done.
///
/// It is about the very reference that `endpoint` shows: should the resource write another one, that one stays. Without a
/// reference, it goes on where an earlier release ended, and deletes an endpoint of the provider that nobody holds.
///
/// # Errors
/// [`NotReleased`], while the stack exists or may exist.
pub fn request(
    asked: &question::Release,
    endpoint: Option<&Endpoint>,
    stacks: &Result<Stacks, CloudFormationError>,
) -> Result<Request, NotReleased> {
    let id = &asked.endpoint;
    let value = endpoint.and_then(|endpoint| endpoint.tags.get(&format!("{REF}{}", asked.holder)));
    let reference = value.map(|value| Reference::parse(value));
    if let Some(Reference { name, .. }) = reference
        && !asked.anyway
    {
        let (endpoint, name) = (id.clone(), name.to_owned());
        match stacks.as_ref().map(|stacks| stacks.has(&name, &asked.holder)) {
            Ok(Some(false)) => {}
            Ok(Some(true)) => return Err(NotReleased::StackExists { endpoint, name }),
            Ok(None) => {
                let why = match other_account(&name) {
                    Some(account) => format!("The stacks of account {account} cannot be listed from here."),
                    None => "The reference has no room for the whole name.".to_owned(),
                };
                return Err(NotReleased::StackUnknown { endpoint, name, why });
            }
            Err(unlisted) => {
                return Err(NotReleased::StackUnknown { endpoint, name, why: unlisted.to_string() });
            }
        }
    }
    let name = reference.as_ref().map_or("Release", |reference| reference.name).to_owned();
    let holder = Holder { hash: asked.holder.clone(), name, stack_id: String::new() };
    let mark = reference.as_ref().map_or_else(|| Mark(NO_MARK.to_owned()), |reference| reference.mark.clone());
    let place =
        endpoint.map(|endpoint| Place { vpc: endpoint.vpc_id.clone(), service: Some(endpoint.service_name.clone()) });
    let wanted = reference.and_then(|reference| reference.wanted());
    let brought = |key: &str, value: &str| {
        wanted.as_ref().is_some_and(|wanted| {
            !wanted.tags.is_everything() && !wanted.tags.is_empty() && wanted.tags.has(&tag_item(key, value))
        })
    };
    let all = endpoint.into_iter().flat_map(|endpoint| &endpoint.tags);
    let tags: Tags = all
        .filter(|(key, value)| !key.starts_with(PREFIX) && !key.starts_with("aws:") && brought(key, value))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let before = Before { wanted, tags, named: Named::default(), place, anywhere: None };
    Ok(Request::release(holder, id.clone(), mark, before))
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Released {
    pub text: String,
    /// `Released`, `Deleted`, or `Absent`.
    pub outcome: &'static str,
    pub endpoint_id: String,
    pub holder: String,
}

impl Released {
    /// `endpoint` is what the look before the release has shown.
    pub fn new(asked: &question::Release, endpoint: Option<&Endpoint>, result: &Outcome) -> Self {
        let value = endpoint.and_then(|endpoint| endpoint.tags.get(&format!("{REF}{}", asked.holder)));
        let name = value.map_or(asked.holder.as_str(), |value| Reference::parse(value).name);
        let id = &asked.endpoint;
        let is_foreign = endpoint.is_some_and(|endpoint| owner(&endpoint.tags).is_none());
        let (outcome, sentence) = match result {
            Outcome::Deleted(_) if value.is_none() => ("Deleted", format!("{id} is deleted: nobody used it.")),
            Outcome::Deleted(_) => ("Deleted", format!("{id} is deleted: nobody used it after {name} was released.")),
            Outcome::Released(..) if value.is_some() && is_foreign => (
                "Released",
                format!("{name} is released from {id}, which the provider did not create and never deletes."),
            ),
            Outcome::Released(..) if value.is_some() => {
                ("Released", format!("{name} is released from {id}, which stays for its other holders."))
            }
            Outcome::Released(..) => ("Absent", format!("{id} has no reference of {name}; nothing was changed.")),
            Outcome::Absent
            | Outcome::Created(_)
            | Outcome::Joined(_)
            | Outcome::Updated(_)
            | Outcome::Unchanged(_) => ("Absent", format!("{id} does not exist; there is nothing to release.")),
        };
        let mut text = String::new();
        text::add(&mut text, 0, &sentence);
        for warning in result.warnings() {
            text::add(&mut text, 0, &warning.to_string());
        }
        Self { text, outcome, endpoint_id: id.to_string(), holder: asked.holder.clone() }
    }
}
