//! Changes made outside the API under test: by the owner of an endpoint service, or by an administrator in the console.
//!
//! They take effect immediately; reads see them after the usual read lag.

use std::time::Duration;

use crate::{
    Ec2,
    endpoint::{LastError, State, Step},
    faults::RoleError,
    iam::Policy,
    plane::Plane,
    tags::Tags,
    world::{CidrState, EndpointSpec, Route, RouteTable, Subnet, Vpc, WorldError},
};

impl Ec2 {
    /// Sets a VPC's attributes `enableDnsSupport` and `enableDnsHostnames`.
    ///
    /// # Panics
    ///
    /// If the VPC does not exist. The same applies to every method here that takes a resource ID.
    pub fn set_vpc_dns(&self, vpc: &str, support: bool, hostnames: bool) {
        self.change_vpc(vpc, |vpc| {
            vpc.dns_support = support;
            vpc.dns_hostnames = hostnames;
        });
    }

    /// Sets the association state of a CIDR block, IPv4 or IPv6, and adds the block to the VPC if it does not have it.
    pub fn set_cidr_state(&self, vpc: &str, block: &str, state: CidrState) {
        self.change_vpc(vpc, |vpc| {
            let blocks = if block.contains(':') { &mut vpc.ipv6_cidr_blocks } else { &mut vpc.cidr_blocks };
            if !blocks.iter().any(|known| known == block) {
                blocks.push(block.to_owned());
            }
            vpc.cidr_states.insert(block.to_owned(), state);
        });
    }

    /// Removes a CIDR block from a VPC, so that it is no longer listed.
    pub fn remove_cidr_block(&self, vpc: &str, block: &str) {
        self.change_vpc(vpc, |vpc| {
            vpc.cidr_blocks.retain(|known| known != block);
            vpc.ipv6_cidr_blocks.retain(|known| known != block);
            vpc.cidr_states.remove(block);
        });
    }

    /// Changes a subnet, such as its number of available addresses.
    pub fn update_subnet(&self, id: &str, update: impl FnOnce(&mut Subnet)) {
        let mut plane = self.plane();
        let now = plane.now;
        let subnet = plane.subnets.get_mut(id).unwrap_or_else(|| panic!("the subnet {id} does not exist"));
        subnet.change(now, update);
    }

    /// Replaces the caller's role by a new one: for this long, every call is rejected with this error.
    pub fn use_new_role(&self, propagation: Duration, error: RoleError) {
        let mut plane = self.plane();
        plane.new_role = Some((plane.now + propagation, error));
    }

    /// Sets the organization's service control policy, which must allow every call, as must the caller's own policy;
    /// `None` removes it. Start from a statement that allows everything, like the AWS managed policy `FullAWSAccess`.
    pub fn set_organization_policy(&self, policy: Option<Policy>) {
        self.plane().organization_policy = policy;
    }

    /// Adds a route to the main route table of a VPC.
    pub fn add_route(&self, vpc: &str, route: Route) {
        self.change_main_table(vpc, |table| table.routes.push(route));
    }

    /// Removes all routes from the main route table of a VPC, except the local ones.
    pub fn remove_routes(&self, vpc: &str) {
        self.change_main_table(vpc, |table| table.routes.clear());
    }

    /// Peers two VPCs and returns the ID of the connection. There are no routes yet.
    #[allow(clippy::must_use_candidate, reason = "called for its effect")]
    pub fn peer(&self, requester: &str, accepter: &str) -> String {
        let mut plane = self.plane();
        let peering = plane.add_peering(requester, accepter, "active");
        plane.join_peers(&peering);
        peering.id
    }

    /// Attaches a transit gateway to a VPC.
    pub fn attach_transit_gateway(&self, vpc: &str, id: &str) {
        self.change_vpc(vpc, |vpc| {
            vpc.transit_gateways.insert(id.to_owned());
        });
    }

    /// Detaches it. Routes through it remain, as black holes.
    pub fn detach_transit_gateway(&self, vpc: &str, id: &str) {
        self.change_vpc(vpc, |vpc| {
            vpc.transit_gateways.remove(id);
        });
    }

    fn change_main_table(&self, vpc: &str, change: impl FnOnce(&mut RouteTable)) {
        let mut plane = self.plane();
        let now = plane.now;
        let id = plane.tables_of(vpc).find(|table| table.main).map(|table| table.id.clone());
        let table = id.and_then(|id| plane.route_tables.get_mut(&id));
        table.unwrap_or_else(|| panic!("VPC {vpc} does not exist")).change(now, change);
    }

    /// Associates one of the customer's private hosted zones with a VPC.
    pub fn add_customer_zone(&self, vpc: &str, name: &str) {
        self.change_vpc(vpc, |vpc| {
            vpc.customer_zones.insert(name.to_owned());
        });
    }

    /// Disassociates a private hosted zone from a VPC.
    pub fn remove_customer_zone(&self, vpc: &str, name: &str) {
        self.change_vpc(vpc, |vpc| {
            vpc.customer_zones.remove(name);
        });
    }

    /// Creates an endpoint as an administrator would in the console, without the provider's tags, and returns its ID.
    /// EC2's validation rules are not applied.
    ///
    /// # Panics
    ///
    /// If it refers to a resource that does not exist.
    #[allow(clippy::must_use_candidate, reason = "called for its effect; not every test needs the ID")]
    pub fn create_foreign_endpoint(&self, spec: EndpointSpec) -> String {
        self.try_create_foreign_endpoint(spec).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Like [`Ec2::create_foreign_endpoint`], without panicking.
    ///
    /// # Errors
    ///
    /// The resource that does not exist.
    pub fn try_create_foreign_endpoint(&self, spec: EndpointSpec) -> Result<String, WorldError> {
        let mut plane = self.plane();
        plane.check_spec(&spec)?;
        let now = plane.now;
        Ok(plane.add_foreign(spec, Some(now)))
    }

    /// Deletes an endpoint as an administrator would in the console.
    pub fn delete_endpoint(&self, id: &str) {
        self.with_endpoint(id, Plane::begin_delete);
    }

    /// Makes the endpoint `failed`, with this `LastError`.
    pub fn fail_endpoint(&self, id: &str, code: &str, message: &str) {
        let error = LastError { code: code.to_owned(), message: message.to_owned() };
        self.override_state(id, State::Failed, Some(error));
    }

    /// The service owner rejects the endpoint connection, whether it is new or in use.
    pub fn reject_endpoint(&self, id: &str) {
        self.override_state(id, State::Rejected, None);
    }

    /// The connection request expires because the service owner did not respond in time.
    pub fn expire_endpoint(&self, id: &str) {
        self.override_state(id, State::Expired, None);
    }

    /// The endpoint is in the undocumented state `partial`.
    pub fn set_partial(&self, id: &str) {
        self.override_state(id, State::Partial, None);
    }

    /// The service owner accepts a pending connection request.
    pub fn accept_endpoint(&self, id: &str) {
        self.override_state(id, State::Pending, None);
        let mut plane = self.plane();
        let delay = plane.knobs.create_ms;
        plane.step_after(delay, id, Step::Complete);
    }

    /// Adds or overwrites a tag.
    pub fn set_tag(&self, id: &str, key: &str, value: &str) {
        self.change_tags(id, |tags| {
            tags.insert(key.to_owned(), value.to_owned());
        });
    }

    /// Removes a tag.
    pub fn remove_tag(&self, id: &str, key: &str) {
        self.change_tags(id, |tags| {
            tags.remove(key);
        });
    }

    /// Changes settings while the simulation runs. Operations in progress keep their timing.
    pub fn update_knobs(&self, update: impl FnOnce(&mut crate::Knobs)) {
        update(&mut self.plane().knobs);
    }

    fn change_vpc(&self, id: &str, change: impl FnOnce(&mut Vpc)) {
        let mut plane = self.plane();
        let now = plane.now;
        plane.vpcs.get_mut(id).unwrap_or_else(|| panic!("VPC {id} does not exist")).change(now, change);
    }

    fn with_endpoint(&self, id: &str, act: impl FnOnce(&mut Plane, &str)) {
        let mut plane = self.plane();
        assert!(plane.current(id).is_some(), "endpoint {id} does not exist");
        act(&mut plane, id);
    }

    fn override_state(&self, id: &str, state: State, error: Option<LastError>) {
        self.with_endpoint(id, |plane, id| {
            if let Some(record) = plane.endpoints.get_mut(id) {
                record.begin();
            }
            plane.change(id, |endpoint| {
                endpoint.state = state;
                endpoint.last_error = error;
            });
        });
    }

    fn change_tags(&self, id: &str, change: impl FnOnce(&mut Tags)) {
        self.with_endpoint(id, |plane, id| plane.change(id, |endpoint| change(&mut endpoint.tags)));
    }
}
