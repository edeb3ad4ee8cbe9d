//! The way of an endpoint to other subnets, one call of `ModifyVpcEndpoint` at a time.
//!
//! EC2 allows one subnet in a zone, and refuses to add a second one even in the call that removes the first
//! (aws-vpce-operator removes first for this reason; no documentation says otherwise). So a swap within a zone takes two
//! calls. The endpoint keeps an address in another zone meanwhile, if it has one or is to get one. Only where its only
//! subnet gives way to another one in the same zone, it has none between the two calls.

use super::facts::Facts;
use crate::model::change::IpAddressType;
use crate::model::endpoint::Endpoint;
use crate::model::ids::SubnetId;

/// What one call changes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Move {
    pub(super) add: Vec<SubnetId>,
    pub(super) remove: Vec<SubnetId>,
    pub(super) address_type: Option<IpAddressType>,
}

/// The next call on the way to the `wanted` subnets, and to another address type if there is one; after the last one, it
/// changes nothing.
pub(super) fn next_move(
    endpoint: &Endpoint,
    wanted: &[SubnetId],
    address_type: Option<IpAddressType>,
    facts: &Facts,
) -> Move {
    let share_zone =
        |one: &SubnetId, other: &SubnetId| facts.zone_of(one).is_some_and(|zone| facts.zone_of(other) == Some(zone));
    let own = &endpoint.subnet_ids;
    let missing: Vec<SubnetId> = wanted.iter().filter(|id| !own.contains(id)).cloned().collect();
    let surplus: Vec<SubnetId> = own.iter().filter(|id| !wanted.contains(id)).cloned().collect();
    let (blocked, free): (Vec<SubnetId>, Vec<SubnetId>) =
        missing.into_iter().partition(|new| surplus.iter().any(|old| share_zone(old, new)));
    let some_stay = surplus.len() < own.len();
    if some_stay || surplus.is_empty() {
        return Move { add: free, remove: surplus, address_type };
    }
    if free.is_empty() {
        let (mut in_the_way, others): (Vec<SubnetId>, Vec<SubnetId>) =
            surplus.into_iter().partition(|old| blocked.iter().any(|new| share_zone(old, new)));
        if others.is_empty() && in_the_way.len() > 1 {
            in_the_way.pop();
        }
        return Move { remove: in_the_way, ..Move::default() };
    }
    // None of its subnets stays, so the new ones come first: beside the old ones, if all of them fit one address type.
    let fit = |ids: &[SubnetId], kind: Option<IpAddressType>| {
        let fits = |id| kind.is_none_or(|kind| facts.subnet(id).is_none_or(|subnet| subnet.fits_strictly(kind)));
        ids.iter().all(fits)
    };
    let current = IpAddressType::parse(&endpoint.ip_address_type);
    if fit(own, address_type.or(current)) {
        Move { add: free, address_type, ..Move::default() }
    } else if fit(&free, current) {
        Move { add: free, ..Move::default() }
    } else {
        Move { add: free, remove: surplus, address_type }
    }
}
