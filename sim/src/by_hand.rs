//! What other people do, past the API and at once: the owner of the service, somebody in the console.
//!
//! Reads notice it with the usual lag.

use crate::{
    Ec2,
    endpoint::{LastError, State, Step},
    plane::Plane,
    tags::Tags,
    world::{EndpointSpec, Vpc, WorldError},
};

impl Ec2 {
    /// Switches a VPC's attributes `enableDnsSupport` and `enableDnsHostnames`.
    ///
    /// # Panics
    ///
    /// If there is no such VPC, as everything here does when it is pointed at nothing.
    pub fn set_vpc_dns(&self, vpc: &str, support: bool, hostnames: bool) {
        self.vpc_by_hand(vpc, |vpc| {
            vpc.dns_support = support;
            vpc.dns_hostnames = hostnames;
        });
    }

    /// Associates a private hosted zone of the customer's own with a VPC.
    pub fn add_customer_zone(&self, vpc: &str, name: &str) {
        self.vpc_by_hand(vpc, |vpc| {
            vpc.customer_zones.insert(name.to_owned());
        });
    }

    /// Takes it away again.
    pub fn remove_customer_zone(&self, vpc: &str, name: &str) {
        self.vpc_by_hand(vpc, |vpc| {
            vpc.customer_zones.remove(name);
        });
    }

    /// Makes an endpoint as a person would in the console, without the product's tags, and gives its id. Whether EC2
    /// would allow it is not asked.
    ///
    /// # Panics
    ///
    /// If it refers to what there is not.
    #[allow(clippy::must_use_candidate, reason = "made for its effect; not every test needs the id")]
    pub fn create_foreign_endpoint(&self, spec: EndpointSpec) -> String {
        self.try_create_foreign_endpoint(spec).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The same, for callers that cannot be trusted to refer to what there is.
    ///
    /// # Errors
    ///
    /// What there is not.
    pub fn try_create_foreign_endpoint(&self, spec: EndpointSpec) -> Result<String, WorldError> {
        let mut plane = self.plane();
        plane.check_spec(&spec)?;
        let now = plane.now;
        Ok(plane.add_foreign(spec, Some(now)))
    }

    /// Deletes an endpoint as a person would in the console.
    pub fn delete_endpoint_by_hand(&self, id: &str) {
        self.endpoint_by_hand(id, Plane::begin_delete);
    }

    /// The endpoint cannot be made: it turns `failed`, for this reason.
    pub fn fail_endpoint(&self, id: &str, code: &str, message: &str) {
        let error = LastError { code: code.to_owned(), message: message.to_owned() };
        self.override_state(id, State::Failed, Some(error));
    }

    /// The service's owner turns the endpoint away, be it new or in use.
    pub fn reject_endpoint(&self, id: &str) {
        self.override_state(id, State::Rejected, None);
    }

    /// The service's owner did not answer in time.
    pub fn expire_endpoint(&self, id: &str) {
        self.override_state(id, State::Expired, None);
    }

    /// The service's owner accepts an endpoint that waits for it.
    pub fn accept_endpoint(&self, id: &str) {
        self.override_state(id, State::Pending, None);
        let mut plane = self.plane();
        let delay = plane.knobs.create_ms;
        plane.step_after(delay, id, Step::Settle);
    }

    /// Writes a tag.
    pub fn set_tag(&self, id: &str, key: &str, value: &str) {
        self.tag_by_hand(id, |tags| {
            tags.insert(key.to_owned(), value.to_owned());
        });
    }

    /// Removes a tag.
    pub fn remove_tag(&self, id: &str, key: &str) {
        self.tag_by_hand(id, |tags| {
            tags.remove(key);
        });
    }

    /// Turns knobs while the simulation runs; what is under way keeps its times.
    pub fn turn_knobs(&self, turn: impl FnOnce(&mut crate::Knobs)) {
        turn(&mut self.plane().knobs);
    }

    fn vpc_by_hand(&self, id: &str, change: impl FnOnce(&mut Vpc)) {
        let mut plane = self.plane();
        change(plane.vpcs.get_mut(id).unwrap_or_else(|| panic!("there is no VPC {id}")));
    }

    fn endpoint_by_hand(&self, id: &str, act: impl FnOnce(&mut Plane, &str)) {
        let mut plane = self.plane();
        assert!(plane.current(id).is_some(), "there is no endpoint {id}");
        act(&mut plane, id);
    }

    fn override_state(&self, id: &str, state: State, error: Option<LastError>) {
        self.endpoint_by_hand(id, |plane, id| {
            if let Some(record) = plane.endpoints.get_mut(id) {
                record.begin();
            }
            plane.change(id, |endpoint| {
                endpoint.state = state;
                endpoint.last_error = error;
            });
        });
    }

    fn tag_by_hand(&self, id: &str, change: impl FnOnce(&mut Tags)) {
        self.endpoint_by_hand(id, |plane, id| plane.change(id, |endpoint| change(&mut endpoint.tags)));
    }
}
