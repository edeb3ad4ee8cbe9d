//! A simulated EC2, as far as PrivateLink interface endpoints go: strict where EC2 is, and slow, forgetful and
//! quarrelsome where EC2 is.
//!
//! A [`World`] says what there is at the start, [`Ec2`] brings it to life. Requests come in through [`Ec2::http_client`]
//! (for the AWS SDK, in process) or through the `ec2-sim` binary (for any client, over HTTP), and both end in
//! [`Ec2::exchange`]: it asks the hook of [`Ec2::on_call`] what shall become of the call, and then lets `actions` read
//! the parameters (`query`), act on the state (`plane`) and write the answer (`xml`). `plane` also holds what happens by
//! itself in time; every endpoint keeps its `History`, so that a read can be behind the truth. `dns` knows which names
//! are taken, `iam` what a role may do and `actions::permissions` what EC2 asks it about, `throttle` and `idempotency` what their names say. What nobody knows about EC2 is a knob in [`Knobs`].
//!
//! Facts about EC2 carry their source in a comment where they are not in the API reference: the documents of AWS by name,
//! what people have seen by project and issue number.

mod actions;
mod by_hand;
mod client;
mod clock;
mod dns;
mod ec2;
mod endpoint;
mod error;
mod faults;
mod filters;
mod iam;
mod idempotency;
mod knobs;
mod pattern;
mod plane;
mod query;
mod random;
mod tags;
mod throttle;
mod world;
mod xml;

#[cfg(test)]
mod tests;

pub use ec2::{ConnectionReset, Ec2, Reply};
pub use endpoint::{Endpoint, Interface, Kind, LastError, State};
pub use faults::{Call, Loss, Outcome, Verdict};
pub use iam::{Authorization, Grant, Policy, PolicyError};
pub use knobs::{Casing, DnsOrder, Knobs, Span, TokenAfterDelete};
pub use tags::Tags;
pub use world::{EndpointSpec, Group, Rule, Service, Source, Subnet, Verification, Vpc, World, WorldError};

/// The world that comes with the crate: us-east-1 with a few VPCs and TiDB Cloud's services.
///
/// # Panics
///
/// Never: the tests read the same file.
#[must_use]
pub fn example() -> World {
    World::from_json(include_str!("../worlds/us-east-1.json")).expect("the shipped world is valid")
}
