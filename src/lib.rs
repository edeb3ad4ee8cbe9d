//! A CloudFormation custom resource that gives a VPC its endpoint for a TiDB Cloud service: created if it is missing,
//! shared if it exists, and deleted together with its last user.
//!
//! # The life of one event
//!
//! ```text
//!               request            decision                                answer
//!  event ─► read what is ─► ┌─ look ─► decide ─► act ─┐ ─► outcome ─► word the ─► PUT
//!           asked for       └────────── record ◄──────┘    or failure  answer
//! ```
//!
//! [`handler`] takes an event from arrival to answer. [`reconcile`] is the loop in the middle: it looks at EC2, asks the
//! decision for the one next step, takes it, records what came of it, and looks again. What a decision needs to know and no
//! look at endpoints shows, it asks for: reading it is then the next step. For a resource that names a cluster, [`resolve`]
//! comes before the loop: without the cluster's service, there is nothing to look for.
//!
//! # The connection check
//!
//! ```text
//!  event ─► probe::function: ─► report ─► Lambda's record ─► request::record ─► answer::check ─► PUT
//!           in the user's subnets         of the invocation  in the provider
//! ```
//!
//! The same program as a second function checks from the user's subnets, from which there may be no way to CloudFormation.
//! It only returns a report, and Lambda hands its record of that to the provider, which answers.
//!
//! # The questions
//!
//! ```text
//!  question ─► ask::question ─► inquire: read, ─► ask::status, ask::plan ─► return value
//!                               or reconcile
//! ```
//!
//! People ask the same function, and its return value is the answer. [`inquire`] reads what an answer needs. A release goes
//! through the loop of an event.
//!
//! # Where things are
//!
//! | folder | contents | may use |
//! |---|---|---|
//! | [`model`] | what AWS and TiDB Cloud show and take; the constants of the sharing protocol | |
//! | [`request`] | what an event asks for: envelope, properties, specification | `model` |
//! | [`decision`] | the one next step: pure, and model checked | `model`, `request` |
//! | [`check`] | what a connection needs, and what can be wrong with it | `model`, `request` |
//! | [`answer`] | what CloudFormation is told: failures, attributes, metrics | `model`, `request`, `decision`, `check` |
//! | [`ec2`] | the only door to EC2; nothing else knows its SDK | `model` |
//! | [`tidb_cloud`] | the only door to TiDB Cloud's API | `model` |
//! | [`secrets`] | the only door to Secrets Manager, where the key for that API is | `model` |
//! | [`runtime`] | time, HTTP, the log, the way back to CloudFormation | `request` |
//! | [`ask`] | what people ask the function, and the answer: pure | `model`, `request`, `decision` |
//! | [`cloudformation`] | the only door to CloudFormation's API: which stacks exist, and what it says of a stack or a resource | `model`, `runtime` |
//! | [`probe`] | the connection check on the network, as a function and in a terminal | `model`, `request`, `check`, `answer`, `runtime` |
//!
//! [`reconcile`] and [`resolve`] use all of them, [`handler`] and [`inquire`] use [`reconcile`], and `main.rs` puts the parts
//! together. [`look`] has the clients, and reads facts for both. `model`, `request`, `decision`, `check`, `answer` and `ask`
//! are the pure half, without network, clock and SDK. A test holds every import against this table.
//!
//! # Terms
//!
//! An endpoint is *owned* if the provider created it, for any stack, and *foreign* otherwise; only an owned one is ever
//! changed or deleted. A *holder* is one resource of one stack, and its *reference* is its tag on the endpoint. To *join*
//! is to write the reference, to *release* is to remove it. Before a holder deletes an endpoint, it *announces* the
//! deletion in another tag.

#![expect(clippy::must_use_candidate, reason = "it would be on every getter")]

// The interface is the handler. The rest is public only for the tests, which check the decision itself.
#[doc(hidden)]
pub mod answer;
#[doc(hidden)]
pub mod ask;
#[doc(hidden)]
pub mod check;
#[doc(hidden)]
pub mod cloudformation;
#[doc(hidden)]
pub mod decision;
#[doc(hidden)]
pub mod ec2;
pub mod handler;
pub mod inquire;
#[doc(hidden)]
pub mod look;
#[doc(hidden)]
pub mod model;
#[doc(hidden)]
pub mod probe;
#[doc(hidden)]
pub mod reconcile;
#[doc(hidden)]
pub mod request;
#[doc(hidden)]
pub mod resolve;
#[doc(hidden)]
pub mod runtime;
#[doc(hidden)]
pub mod secrets;
#[doc(hidden)]
pub mod tidb_cloud;
