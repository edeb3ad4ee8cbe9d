//! What a denial means: that a permission is missing, or that IAM does not know it yet.

use super::action::{Action, TagAction};
use super::journal::Journal;
use crate::model::ec2_error::ErrorKind;
use crate::model::ids::EndpointId;
use crate::request::Request;
use jiff::{SignedDuration, Timestamp};

/// How long from the start of an event a denial may be due to a role or policy that is new. The stack that creates the
/// provider may use it at once, and IAM's changes take longer to show than EC2's.
const NEW_ROLE_PATIENCE: SignedDuration = SignedDuration::from_secs(60);

/// Whether a permission that is denied may still come by itself.
pub(super) fn role_may_be_new(started: Timestamp, now: Timestamp) -> bool {
    now.duration_since(started) < NEW_ROLE_PATIENCE
}

/// The endpoint that the role must not tag, for example because of an organization's policy. If it is foreign, the provider
/// never deletes it, so the reference protects nothing, and a resource can do without.
pub(super) fn reference_denied(
    kind: ErrorKind,
    action: &Action,
    started: Timestamp,
    now: Timestamp,
) -> Option<&EndpointId> {
    let Action::Tag(id, TagAction::Join(_)) = action else { return None };
    (kind == ErrorKind::Denied && !role_may_be_new(started, now)).then_some(id)
}

/// Whether EC2 refuses for good what takes something away from an endpoint that others hold, or the announcement of it: there
/// may be no room for another tag. The event can do without: no other stack needs it, and neither a Delete nor a rollback
/// must fail because of it. A second announcement that is refused is that of a deletion, which cannot be left out.
pub(super) fn narrowing_refused(
    request: &Request,
    kind: ErrorKind,
    action: &Action,
    journal: &Journal,
    now: Timestamp,
) -> bool {
    let may_pass = match kind {
        ErrorKind::Transient | ErrorKind::Throttled => true,
        ErrorKind::Denied | ErrorKind::NotAuthenticated => role_may_be_new(journal.started(), now),
        ErrorKind::TokenUsed
        | ErrorKind::NameTaken
        | ErrorKind::VpcDnsOff
        | ErrorKind::GroupExists
        | ErrorKind::GroupGone
        | ErrorKind::NetworkGone
        | ErrorKind::SourceUnknown
        | ErrorKind::TooManyGroups
        | ErrorKind::GroupInUse
        | ErrorKind::Final => false,
    };
    let is_concerned = match action {
        Action::ModifyEndpoint(..) | Action::Revoke(..) | Action::Tag(_, TagAction::UserTags(_)) => {
            request.spec().is_none()
        }
        Action::Tag(_, TagAction::Release(release)) => request.spec().is_none() && !release.tags.is_empty(),
        Action::Tag(_, TagAction::Announce(_)) => !journal.narrowing_refused(),
        Action::CreateEndpoint(_)
        | Action::DeleteEndpoint(_)
        | Action::Tag(..)
        | Action::Mark(_)
        | Action::RemoveMark(_)
        | Action::CreateGroup(_)
        | Action::Authorize(..)
        | Action::DeleteGroup(_) => false,
    };
    is_concerned && !may_pass
}
