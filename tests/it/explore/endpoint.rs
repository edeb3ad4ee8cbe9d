//! An endpoint in the model of EC2.

use super::ec2::{Moment, timestamp};
use super::provider::VPC;
use super::versions::{FOREVER, Versions};
use std::collections::BTreeMap;
use tidb_private_endpoint::model::endpoint::{DnsEntry, Endpoint, EndpointState};
use tidb_private_endpoint::model::ids::{EndpointId, GroupId, ServiceName, SubnetId};
use tidb_private_endpoint::model::tags::Tags;

/// An age at which the provider looks at its shortest intervals, because EC2 may be done at any moment.
const OLD: Moment = 1_000;

/// What changes about an endpoint, except for its tags.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Body {
    pub(super) state: Lifecycle,
    pub(super) groups: Vec<GroupId>,
    pub(super) subnets: Vec<SubnetId>,
    pub(super) private_dns: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Lifecycle {
    Pending,
    Available,
    Deleting,
    Deleted,
    /// No longer listed.
    Unlisted,
}

/// An endpoint with its history.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Record {
    pub(super) service: ServiceName,
    pub(super) created_at: Moment,
    pub(super) body: Versions<Body>,
    pub(super) tags: BTreeMap<String, Versions<Option<String>>>,
}

impl Record {
    pub(super) fn state(&self, now: Moment) -> Lifecycle {
        self.body.at(now).map_or(Lifecycle::Unlisted, |body| body.state)
    }

    pub(super) fn exists(&self, now: Moment) -> bool {
        matches!(self.state(now), Lifecycle::Pending | Lifecycle::Available)
    }

    /// Its tags as they are, not as a look shows them.
    pub(super) fn tags_at(&self, now: Moment) -> Tags {
        let value = |versions: &Versions<Option<String>>| versions.at(now).cloned().flatten();
        self.tags.iter().filter_map(|(key, versions)| Some((key.clone(), value(versions)?))).collect()
    }

    /// Whether `forget` would change anything.
    pub(super) fn is_old(&self, now: Moment) -> bool {
        self.body.is_old(now) || self.tags.values().any(|versions| versions.is_old(now))
    }

    /// Forgets what no look can show anymore.
    pub(super) fn forget(&mut self, now: Moment) {
        self.body.forget(now);
        for versions in self.tags.values_mut() {
            versions.forget(now);
        }
        self.tags.retain(|_, versions| *versions != Versions::starting_with(FOREVER, None));
    }

    /// Whether no look can show the endpoint anymore.
    pub(super) fn is_forgotten(&self) -> bool {
        matches!(self.body.all(), [(FOREVER, body)] if body.state == Lifecycle::Unlisted)
    }

    /// Whether it was created in this history.
    pub(super) fn is_new(&self) -> bool {
        self.created_at > FOREVER
    }
}

/// The endpoint as `DescribeVpcEndpoints` returns it.
pub(super) fn describe(id: &EndpointId, record: &Record, body: &Body, tags: Tags) -> Endpoint {
    Endpoint {
        id: id.clone(),
        vpc_id: VPC.into(),
        service_name: record.service.clone(),
        state: match body.state {
            Lifecycle::Pending => EndpointState::Pending,
            Lifecycle::Available => EndpointState::Available,
            Lifecycle::Deleting => EndpointState::Deleting,
            Lifecycle::Deleted | Lifecycle::Unlisted => EndpointState::Deleted,
        },
        private_dns: body.private_dns,
        requester_managed: false,
        ip_address_type: String::new(),
        subnet_ids: body.subnets.clone(),
        group_ids: body.groups.clone(),
        network_interface_ids: Vec::new(),
        dns_entries: vec![DnsEntry { name: format!("{id}.vpce.amazonaws.com"), hosted_zone_id: String::new() }],
        // Only the differences matter: they order the endpoints.
        created_at: Some(timestamp(record.created_at - OLD)),
        last_error: None,
        tags,
    }
}
