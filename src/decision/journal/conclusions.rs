//! What follows from a look beyond what it shows.

use super::Journal;
use crate::decision::observed::Observed;
use crate::model::endpoint::Endpoint;
use crate::request::Request;

impl Journal {
    /// Another holder has deleted what it had announced to delete, and no look has shown it being deleted.
    pub(super) fn observe_missing(&mut self, observed: &Observed) {
        for (id, record) in &mut self.endpoints {
            let known = record.referenced.is_some_and(|since| !observed.may_predate(since));
            if record.announced_by_other && known && observed.find(id).is_none() {
                record.deleting_since.get_or_insert(observed.at);
            }
        }
    }

    /// An endpoint that can be joined explains why EC2 rejected its private DNS name. Should it go away, the name is waited
    /// for anew.
    pub(super) fn observe_name(&mut self, request: &Request, observed: &Observed) {
        let (Some(taken), Some(spec)) = (&mut self.creation.name_taken, request.spec()) else { return };
        let can_be_joined = |endpoint: &Endpoint| {
            let record = self.endpoints.get(&endpoint.id);
            endpoint.private_dns
                && endpoint.is_in(spec.vpc_id.as_ref())
                && endpoint.offers(&spec.service_name)
                && record.is_some_and(|record| !record.seen_deleting() && !record.is_releasing())
        };
        if observed.endpoints.iter().any(can_be_joined) {
            taken.first = observed.at;
        }
    }
}
