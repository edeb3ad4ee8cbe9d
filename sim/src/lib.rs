//! A simulated EC2 control plane for AWS PrivateLink interface endpoints. It validates requests as strictly as EC2 does,
//! and it reproduces EC2's delays, eventual consistency, throttling, and races.
//!
//! A [`World`] describes the resources that exist at the start, and [`Ec2`] runs the simulation. Requests arrive through
//! [`Ec2::http_client`] (for the AWS SDK, in process) or through the `ec2-sim` binary (for any client, over HTTP). Both
//! call [`Ec2::exchange`], which asks the hook of [`Ec2::on_call`] whether to inject a fault. After that, `actions` reads
//! the parameters (`query`), changes the state (`plane`), and writes the response (`xml`). `plane` also runs scheduled
//! state transitions. Each resource keeps its `History`, so that a read can return stale data. `dns` records which
//! private DNS names are in use. `iam` evaluates policies, and `actions::permissions` lists the permissions that EC2
//! requires. `throttle` and `idempotency` are named after their purpose. Behavior that AWS does not document is a
//! setting in [`Knobs`].
//!
//! [`CloudFormation`] tells which stacks exist, and nothing else.
//!
//! Beside EC2 there are the two APIs that a cluster's ID leads through: [`TidbCloud`], in process and over HTTP, and
//! [`Secrets`], in process; and [`gateway`], the database behind the endpoint, for the connection check.
//!
//! Comments name the source of every fact about EC2 that is not in the API reference: AWS documents by title, and
//! observations by project and issue number.

mod actions;
mod client;
mod clock;
mod cloudformation;
mod dns;
mod ec2;
mod endpoint;
mod error;
mod faults;
mod filters;
pub mod gateway;
mod iam;
mod idempotency;
mod knobs;
mod operator;
mod pattern;
mod plane;
mod query;
mod random;
mod secrets;
mod tags;
mod throttle;
mod tidb_cloud;
mod web;
mod world;
mod xml;

#[cfg(test)]
mod tests;

pub use cloudformation::{CloudFormation, StacksFault};
pub use ec2::{ConnectionReset, Ec2, Reply};
pub use endpoint::{Endpoint, Interface, Kind, LastError, State};
pub use faults::{Call, Loss, Outcome, RoleError, Verdict};
pub use iam::{Authorization, Grant, Policy, PolicyError};
pub use knobs::{Casing, DnsOrder, Knobs, Route53Denial, Span, TokenAfterDelete};
pub use secrets::{Secret, Secrets};
pub use tags::Tags;
pub use tidb_cloud::{Algorithm, Cluster, TidbCloud, TidbCloudKnobs};
pub use web::{WebCall, WebReply};
pub use world::{
    CidrState, EndpointSpec, Group, Route, RouteTable, Rule, Service, Source, Subnet, Verification, Vpc, World,
    WorldError, ZoneType,
};

/// The built-in world: us-east-1 with several VPCs and TiDB Cloud's endpoint services.
///
/// # Panics
///
/// Never: the unit tests load the same file.
#[must_use]
pub fn example() -> World {
    World::from_json(include_str!("../worlds/us-east-1.json")).expect("the built-in world is valid")
}
