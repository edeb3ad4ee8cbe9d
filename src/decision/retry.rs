//! What to do about an error of EC2, and about a refusal that may only be due to the read lag.

use super::action::Action;
use super::denial::{narrowing_refused, reference_denied, role_may_be_new};
use super::journal::Journal;
use super::refusal::Refusal;
use crate::model::ec2_error::{Ec2Error, ErrorKind};
use crate::model::protocol::{READ_LAG, may_predate};
use crate::request::Request;
use jiff::{SignedDuration, Timestamp};

/// The first pause after an error that may pass; it doubles with every further one.
const BACKOFF: SignedDuration = SignedDuration::from_secs(1);
/// The longest such pause. EC2 refills its bucket for creating, modifying and deleting endpoints at 0.3 a second.
pub const BACKOFF_MAX: SignedDuration = SignedDuration::from_secs(20);

/// The longest jitter of a pause that follows no error.
const JITTER_MAX: SignedDuration = SignedDuration::from_secs(1);

/// How to go on after an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Look again at once: the journal now knows what the next decision needs.
    Now,
    /// Look again after at least this long.
    After(SignedDuration),
    /// End the event with the error.
    Never,
}

/// The errors of an event that may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Retries {
    in_a_row: u32,
    /// The action that was denied last, and since when.
    denied: Option<(&'static str, Timestamp)>,
}

impl Retries {
    /// How much longer than asked for a pause may be: as long again after an error, else a little.
    pub fn longest_jitter(&self, pause: SignedDuration) -> SignedDuration {
        if self.in_a_row > 0 { pause.min(BACKOFF_MAX) } else { (pause / 16).min(JITTER_MAX) }
    }

    /// EC2 has accepted an action.
    pub fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// The decision was to wait, so EC2 was well enough to be looked at.
    pub fn waited(&mut self) {
        self.in_a_row = 0;
    }

    /// Decides how to go on after an error of a look (`action` is `None`) or of an action. The journal is the one from
    /// before the error is recorded.
    pub fn after(
        &mut self,
        error: &Ec2Error,
        action: Option<&Action>,
        request: &Request,
        journal: &Journal,
        now: Timestamp,
    ) -> Retry {
        let is_new = |moment| may_predate(now, moment);
        let may_pass = match (error.kind, action) {
            // What cannot be taken away stays.
            (kind, Some(action)) if narrowing_refused(request, kind, action, journal, now) => {
                return Retry::Now;
            }
            (ErrorKind::NameTaken, Some(_)) | (ErrorKind::GroupInUse, Some(Action::DeleteGroup(_))) => {
                return Retry::Now;
            }
            // The next decision asks for no other security group, or says whose are there.
            (ErrorKind::TooManyGroups, Some(Action::ModifyEndpoint(id, _))) if !journal.endpoint(id).groups_full => {
                return Retry::Now;
            }
            // The next decision asks for the attributes. They may have been changed a moment ago.
            (ErrorKind::VpcDnsOff, _) if !journal.creation().vpc_dns_refused => return Retry::Now,
            (ErrorKind::Transient | ErrorKind::Throttled | ErrorKind::TokenUsed | ErrorKind::GroupExists, _) => true,
            (ErrorKind::Denied | ErrorKind::NotAuthenticated, _) if role_may_be_new(journal.started(), now) => true,
            (ErrorKind::Denied, Some(action))
                if reference_denied(error.kind, action, journal.started(), now)
                    .is_some_and(|id| !journal.endpoint(id).owned) =>
            {
                return Retry::Now;
            }
            (ErrorKind::Denied, Some(action)) if !action.is_creation() => is_new(self.denied_since(action, now)),
            // Later looks tell whether a mark that EC2 did not know is really gone.
            (ErrorKind::GroupGone, Some(Action::RemoveMark(_))) => return Retry::Now,
            // It is gone, unless this event created it a moment ago.
            (ErrorKind::GroupGone, Some(Action::DeleteGroup(id))) => match journal.group(id).created {
                Some(created) if is_new(created) => true,
                Some(_) | None => return Retry::Now,
            },
            // The managed security group can be created again, and has no rules to take away. A given one may be too new.
            (ErrorKind::GroupGone, _) => {
                let given = request.spec().map(|spec| spec.group_ids.as_slice()).unwrap_or_default();
                let concerns_given = action.is_none_or(|action| action.group_ids().iter().any(|id| given.contains(id)));
                given.is_empty() || !concerns_given || is_new(journal.started())
            }
            // The same stack may have created or changed it a moment ago.
            (ErrorKind::VpcDnsOff | ErrorKind::SourceUnknown | ErrorKind::NetworkGone, _) => is_new(journal.started()),
            (
                ErrorKind::Denied
                | ErrorKind::NotAuthenticated
                | ErrorKind::NameTaken
                | ErrorKind::GroupInUse
                | ErrorKind::TooManyGroups
                | ErrorKind::Final,
                _,
            ) => false,
        };
        if !may_pass {
            return Retry::Never;
        }
        let longest = (BACKOFF * 2_i32.pow(self.in_a_row.min(10))).min(BACKOFF_MAX);
        self.in_a_row += 1;
        Retry::After(longest / 2)
    }

    /// Since when an action on something that exists has been denied: the thing may be gone by now, or IAM may not know
    /// its tags yet. What was denied before, and is no longer asked for, does not count.
    fn denied_since(&mut self, action: &Action, now: Timestamp) -> Timestamp {
        let same = self.denied.filter(|(name, _)| *name == action.name());
        self.denied.insert(same.unwrap_or((action.name(), now))).1
    }
}

/// Whether a request may only be refused because EC2 does not show yet what the same stack created seconds ago, and after
/// which pause to look again.
pub fn after_refusal(refusal: &Refusal, journal: &Journal, at: Timestamp) -> Option<SignedDuration> {
    let about_new_things = matches!(
        refusal,
        Refusal::UnknownVpc { .. }
            | Refusal::VpcDnsOff { .. }
            | Refusal::SubnetNotInVpc { .. }
            | Refusal::NoSubnetInServedZone { .. }
            | Refusal::NoSubnetInZone { .. }
            | Refusal::SubnetsUnfit { .. }
            | Refusal::OnlyUnusualSubnets { .. }
            | Refusal::UnknownGroups { .. }
            | Refusal::NothingToReuse { .. }
    );
    (about_new_things && may_predate(at, journal.started())).then_some(READ_LAG / 4)
}
