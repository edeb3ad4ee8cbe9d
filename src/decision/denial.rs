//! What a denial means: that a permission is missing, or that IAM does not know it yet.

use super::action::{Action, TagAction};
use super::journal::Journal;
use crate::model::ec2_error::ErrorKind;
use crate::model::ids::EndpointId;
use jiff::{SignedDuration, Timestamp};

/// How long from the start of an event a denial may be due to a role or policy that is new. The stack that creates the
/// provider may use it at once, and IAM's changes take longer to show than EC2's.
const NEW_ROLE_PATIENCE: SignedDuration = SignedDuration::from_secs(60);

/// Whether a permission that is denied may still come by itself.
pub(super) fn role_may_be_new(journal: &Journal, now: Timestamp) -> bool {
    now.duration_since(journal.started()) < NEW_ROLE_PATIENCE
}

/// The foreign endpoint that the role must not tag, for example because of an organization's policy. The provider never
/// deletes such an endpoint, so the reference protects nothing, and a resource can do without.
pub(super) fn reference_denied<'a>(
    kind: ErrorKind,
    action: &'a Action,
    journal: &Journal,
    now: Timestamp,
) -> Option<&'a EndpointId> {
    let Action::Tag(id, TagAction::Join) = action else { return None };
    let denied = kind == ErrorKind::Denied && !role_may_be_new(journal, now);
    (denied && !journal.endpoint(id).owned).then_some(id)
}
