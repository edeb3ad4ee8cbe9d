//! `ModifyVpcEndpoint`.

use super::{
    Response,
    endpoint_rules::{self, AddedSubnets},
};
use crate::{
    clock::{View, Views},
    endpoint::{Endpoint, FULL_ACCESS, Kind, LastError, State, Step},
    error::{ApiError, check_id},
    plane::Plane,
    query::{Params, missing},
    world::Service,
    xml::Xml,
};

#[derive(PartialEq, Eq)]
struct Change {
    add_subnets: Vec<String>,
    remove_subnets: Vec<String>,
    add_groups: Vec<String>,
    remove_groups: Vec<String>,
    private_dns: Option<bool>,
    policy: Option<String>,
    reset_policy: Option<bool>,
    ip_address_type: Option<String>,
    record_ip_type: Option<String>,
}

impl Change {
    const NONE: Self = Self {
        add_subnets: Vec::new(),
        remove_subnets: Vec::new(),
        add_groups: Vec::new(),
        remove_groups: Vec::new(),
        private_dns: None,
        policy: None,
        reset_policy: None,
        ip_address_type: None,
        record_ip_type: None,
    };

    fn read(params: &mut Params) -> Result<Self, ApiError> {
        let change = Self {
            add_subnets: params.list("AddSubnetId"),
            remove_subnets: params.list("RemoveSubnetId"),
            add_groups: params.list("AddSecurityGroupId"),
            remove_groups: params.list("RemoveSecurityGroupId"),
            private_dns: params.boolean("PrivateDnsEnabled")?,
            policy: params.text("PolicyDocument"),
            reset_policy: params.boolean("ResetPolicy")?,
            ip_address_type: params.text("IpAddressType"),
            record_ip_type: params.text("DnsOptions.DnsRecordIpType"),
        };
        params.finish()?;
        // How EC2 responds to a request without changes is not known.
        if change == Self::NONE { Err(missing("PrivateDnsEnabled")) } else { Ok(change) }
    }

    /// The endpoint after the modification, if it is valid.
    fn apply(
        &self,
        plane: &Plane,
        before: &Endpoint,
        service: &Service,
        (network, groups): (View, View),
    ) -> Result<Endpoint, ApiError> {
        let mut after = before.clone();
        self.apply_policy(&mut after, service)?;
        if let Some(kind) = &self.ip_address_type {
            after.ip_address_type.clone_from(kind);
            after.dns_record_ip_type.clone_from(kind);
        }
        if let Some(kind) = &self.record_ip_type {
            after.dns_record_ip_type.clone_from(kind);
        }
        if self.ip_address_type.is_some() || self.record_ip_type.is_some() {
            endpoint_rules::check_ip_types(service, &after.ip_address_type, &after.dns_record_ip_type)?;
        }
        let strict = plane.knobs.strict_modify;
        for id in &self.remove_subnets {
            if strict && !before.subnet_ids.contains(id) {
                return Err(not_associated("subnet", id, before));
            }
        }
        after.subnet_ids.retain(|id| !self.remove_subnets.contains(id));
        let added =
            AddedSubnets { vpc: &before.vpc_id, service, ip_address_type: &after.ip_address_type, view: network };
        let present = if plane.knobs.replace_subnet_in_zone { &after.subnet_ids } else { &before.subnet_ids };
        added.check(plane, present, &self.add_subnets)?;
        if after.ip_address_type != before.ip_address_type {
            for subnet in after.subnet_ids.iter().filter_map(|id| plane.subnet(id)) {
                endpoint_rules::check_family(plane, subnet, &after.ip_address_type)?;
            }
        }
        after.subnet_ids.extend(self.add_subnets.iter().cloned());
        after.interfaces.retain(|interface| after.subnet_ids.contains(&interface.subnet_id));
        self.apply_groups(plane, before, &mut after, groups)?;
        if let Some(enabled) = self.private_dns {
            after.private_dns_enabled = enabled;
        }
        Ok(after)
    }

    fn apply_policy(&self, after: &mut Endpoint, service: &Service) -> Result<(), ApiError> {
        if let Some(policy) = &self.policy {
            if !service.policy_supported {
                return Err(ApiError::invalid_parameter(format!(
                    "Service {} only supports the full-access endpoint policy.",
                    service.name
                )));
            }
            endpoint_rules::check_policy(policy)?;
            after.policy.clone_from(policy);
        }
        if self.reset_policy == Some(true) {
            FULL_ACCESS.clone_into(&mut after.policy);
        }
        Ok(())
    }

    fn apply_groups(&self, plane: &Plane, before: &Endpoint, after: &mut Endpoint, view: View) -> Result<(), ApiError> {
        let strict = plane.knobs.strict_modify;
        if let Some(id) = self.remove_groups.iter().find(|id| strict && !before.group_ids.contains(id)) {
            return Err(not_associated("security group", id, before));
        }
        if let Some(id) = self.add_groups.iter().find(|id| strict && before.group_ids.contains(id)) {
            return Err(ApiError::invalid_parameter(format!(
                "The security group {id} is already associated with the VPC endpoint {}.",
                before.id
            )));
        }
        after.group_ids.retain(|id| !self.remove_groups.contains(id) && !self.add_groups.contains(id));
        after.group_ids.extend(self.add_groups.iter().cloned());
        if strict && after.group_ids.is_empty() && !self.remove_groups.is_empty() {
            return Err(ApiError::invalid_parameter(format!(
                "The VPC endpoint {} must have at least one security group.",
                before.id
            )));
        }
        if self.add_groups.is_empty() {
            return Ok(());
        }
        endpoint_rules::check_groups(plane, &before.vpc_id, &after.group_ids, &self.add_groups, view)
    }
}

fn not_associated(what: &str, id: &str, endpoint: &Endpoint) -> ApiError {
    ApiError::invalid_parameter(format!("The {what} {id} is not associated with the VPC endpoint {}.", endpoint.id))
}

pub(super) fn modify(plane: &mut Plane, params: &mut Params, views: Views) -> Response {
    let id = params.required("VpcEndpointId")?;
    let change = Change::read(params)?;
    check_id("vpce", "InvalidVpcEndpointId", &id)?;
    let before = plane.find_to_change(&id).ok_or_else(|| ApiError::endpoint_not_found(&id))?;
    check_modifiable(plane, &before)?;
    let service = plane.services.get(&before.service_name).cloned();
    let service = service.ok_or_else(|| ApiError::service_not_found(&before.service_name))?;
    let group_view = plane.group_view();
    let mut after = change.apply(plane, &before, &service, (views.network, group_view))?;
    let pending_failure = if after.private_dns_enabled && !before.private_dns_enabled {
        enable_private_dns(plane, &before, &service)?
    } else {
        None
    };

    let mut added = plane.make_interfaces(&change.add_subnets, &after.ip_address_type);
    let interfaces_visible = plane.now + plane.random.within(plane.knobs.interfaces_visible_ms);
    added.iter_mut().for_each(|interface| interface.visible_from = interfaces_visible);
    after.interfaces.extend(added);
    if after.ip_address_type != before.ip_address_type {
        let ip_address_type = after.ip_address_type.clone();
        for interface in &mut after.interfaces {
            plane.assign_addresses(interface, &ip_address_type);
        }
    }
    let accepted = before.state != State::PendingAcceptance;
    if accepted {
        after.state = State::Pending;
    }
    // Assumed to be as at creation, where it was recorded.
    after.zone_id_pending |= after.private_dns_enabled && !before.private_dns_enabled;
    match (before.private_dns_enabled, after.private_dns_enabled) {
        (false, true) if pending_failure.is_none() => plane.take_zone(&after),
        (true, false) => plane.release_zone_later(&id),
        _ => {}
    }
    let visible = plane.now + plane.random.within(plane.knobs.modify_visible_ms);
    if let Some(record) = plane.endpoints.get_mut(&id) {
        record.history.change(visible, |endpoint| *endpoint = after);
    }
    if accepted {
        if let Some(record) = plane.endpoints.get_mut(&id) {
            record.begin();
            record.modifying = true;
            record.pending_failure = record.pending_failure.take().or(pending_failure);
        }
        // Modifying an endpoint that is still being created restarts the creation.
        let time = if before.was_available { plane.knobs.modify_ms } else { plane.knobs.create_ms };
        plane.step_after(time, &id, Step::Complete);
    }
    Ok(Xml::done())
}

/// Checks whether an endpoint can be modified in its current state.
fn check_modifiable(plane: &Plane, endpoint: &Endpoint) -> Result<(), ApiError> {
    if endpoint.requester_managed {
        return Err(endpoint_rules::requester_managed(endpoint));
    }
    if endpoint.kind != Kind::Interface {
        return Err(ApiError::unrecognized(
            "InvalidParameter",
            "the simulation does not support modifying gateway endpoints",
        ));
    }
    if plane.endpoints.get(&endpoint.id).is_some_and(|record| plane.now < record.idempotent_until) {
        return Err(ApiError::idempotent_operation(&endpoint.id));
    }
    let modifying = plane.endpoints.get(&endpoint.id).is_some_and(|record| record.modifying);
    match endpoint.state {
        // terraform-provider-aws #42875
        State::Pending if modifying || !plane.knobs.modify_while_creating => {
            Err(ApiError::new("OperationInProgress", "VpcEndpoint modify operation in progress"))
        }
        State::Pending | State::PendingAcceptance | State::Available => Ok(()),
        state => Err(ApiError::new(
            "IncorrectState",
            format!("The VPC endpoint {} is in the state {} and cannot be modified.", endpoint.id, state.wire()),
        )),
    }
}

fn enable_private_dns(plane: &Plane, endpoint: &Endpoint, service: &Service) -> Result<Option<LastError>, ApiError> {
    if endpoint.state == State::PendingAcceptance {
        return Err(endpoint_rules::not_accepted(service));
    }
    let vpc = plane.vpc(&endpoint.vpc_id).ok_or_else(|| ApiError::vpc_not_found(&endpoint.vpc_id))?;
    endpoint_rules::check_private_dns(plane, vpc, service, Some(&endpoint.id))
}
