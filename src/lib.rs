//! A CloudFormation custom resource that gives a VPC its endpoint for a TiDB Cloud service: made if it is missing,
//! joined if it is there, and deleted only when nobody needs it any more.
//!
//! # The life of one event
//!
//! ```text
//!  event ─► request ─► ┌─ look ─► next step ─► take it ─┐ ─► outcome or failure ─► answer ─► PUT
//!                      └────────────────────────────────┘
//! ```
//!
//! What a decision has to know and no look at endpoints shows, it asks for: to read it is then the next step.
//!
//! The modules in the order of that flow. A module uses only those above it. First the pure half, which knows neither
//! EC2's SDK nor the network nor the clock, and can be tried case by case:
//!
//! * [`ids`]: the names of things, one type each.
//! * [`event`]: what CloudFormation sent, and whom to answer.
//! * [`reference`]: the tags on an endpoint that say who holds it.
//! * [`properties`]: the table of properties, and the reader that finds all their faults.
//! * [`request`]: what the event asks for.
//! * [`endpoint`], [`group`], [`survey`]: what EC2 shows of endpoints, of security groups, and of service and VPC.
//! * [`refusal`], [`warning`]: what the product declines to do, and what it warns of, in words.
//! * [`placement`], [`difference`]: where an endpoint belongs, and what it lacks.
//! * [`outcome`]: how an event can end well.
//! * [`step`]: what a look shows, and what can be done next.
//! * [`plan`], [`journal`], [`release`], [`own_group`]: the decision, from what is wanted, what is seen and what this event has done.
//! * [`failure`], [`response`]: how an event can end, and what CloudFormation is told.
//! * [`metrics`]: what is counted of it.
//!
//! Then the effects, one door each:
//!
//! * [`log`]: what all of them write their progress to.
//! * [`clock`]: the event's time.
//! * [`http`]: the HTTP client for both ways out.
//! * [`ec2`]: EC2; nothing else knows the SDK.
//! * [`reconcile`]: the loop.
//! * [`callback`]: the answer's way back.
//! * [`handler`]: one event from arrival to answer.
//!
//! # Words
//!
//! An endpoint is *owned* if the product made it, in any stack, and else *foreign*; only an owned one is ever changed or
//! deleted. A *holder* is one resource of one stack, and its *reference* is its tag on the endpoint. To *join* is to
//! write the reference, to *release* to remove it. A *leaver* is a holder that has announced to delete the endpoint.

pub mod callback;
pub mod clock;
pub mod difference;
pub mod ec2;
pub mod endpoint;
pub mod event;
pub mod failure;
pub mod group;
pub mod handler;
pub mod http;
pub mod ids;
pub mod journal;
pub mod log;
pub mod metrics;
pub mod outcome;
pub mod own_group;
pub mod placement;
pub mod plan;
pub mod properties;
pub mod reconcile;
pub mod reference;
pub mod refusal;
pub mod release;
pub mod request;
pub mod response;
pub mod step;
pub mod survey;
pub mod warning;
