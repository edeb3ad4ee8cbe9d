//! Endpoints that the provider did not create: it joins them, and never changes or deletes them.

use super::provision::Provision;
use super::refusal::Refusal;
use super::view::Unless;
use super::warning::Warning;
use crate::model::endpoint::Endpoint;
use crate::model::tags::{Tags, stack_name};

impl Provision<'_> {
    /// Rejects an endpoint that CloudFormation manages in this stack: a template that replaces the native resource by this
    /// one makes CloudFormation delete the endpoint once this resource has it. One that the resource already has stays.
    pub(super) fn reject_own_native(&self, endpoint: &Endpoint) -> Unless<()> {
        let own = native(endpoint).filter(|native| native.stack_id == self.request.holder.stack_id);
        match own {
            Some(native) if self.request.current() != Some(&endpoint.id) => {
                let (endpoint, logical_id) = (endpoint.id.clone(), native.logical_id.to_owned());
                Err(Refusal::NativeOfThisStack { endpoint, logical_id }.into())
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Whether the reference has to be written. On a foreign endpoint it protects nothing, and what removed it once may
    /// have been a Delete of this resource.
    pub(super) fn needs_reference(&self, endpoint: &Endpoint) -> bool {
        let record = self.view.journal.endpoint(&endpoint.id);
        record.owned || (record.referenced.is_none() && record.reference_denied.is_none())
    }

    pub(super) fn warnings_of_others(&self, endpoint: &Endpoint) -> Vec<Warning> {
        let id = &endpoint.id;
        let record = self.view.journal.endpoint(id);
        let denied = record.reference_denied.as_ref().filter(|_| !record.owned);
        let denied = denied.map(|action| Warning::ReferenceDenied { endpoint: id.clone(), action: action.clone() });
        let native = native(endpoint).map(|native| Warning::NativeEndpoint {
            endpoint: id.clone(),
            logical_id: native.logical_id.to_owned(),
            stack: native.stack_name().to_owned(),
        });
        denied.into_iter().chain(native).collect()
    }
}

/// The native resource that an endpoint belongs to. The tags of CloudFormation stay on what it retains; the `owned` tag
/// says that somebody has handed it over.
fn native(endpoint: &Endpoint) -> Option<NativeResource<'_>> {
    NativeResource::of(&endpoint.tags).filter(|_| !endpoint.is_owned())
}

/// The resource of a CloudFormation template that something was created as, from the tags that CloudFormation writes and
/// nobody can remove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct NativeResource<'a> {
    stack_id: &'a str,
    logical_id: &'a str,
}

impl<'a> NativeResource<'a> {
    fn of(tags: &'a Tags) -> Option<Self> {
        let value = |name: &str| tags.get(&format!("aws:cloudformation:{name}")).map(String::as_str);
        Some(Self { stack_id: value("stack-id")?, logical_id: value("logical-id").unwrap_or_default() })
    }

    fn stack_name(self) -> &'a str {
        stack_name(self.stack_id)
    }
}
