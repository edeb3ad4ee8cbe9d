//! The decision: from what is asked for, what a look has shown and what this event has done, the one next step.
//!
//! Pure, so that every case can be tested without EC2 and the sharing protocol can be model checked. A plan is never
//! stored: after a crash, a redelivery or a race, the next look is right again.
//!
//! ```text
//!  Create, Update                                          Delete
//!  found one ──── no reference ─────► join                 with reference ──► release
//!     │           deletion announced ► wait, clean up      just released ───► wait
//!     │           pending ──────────► wait                 foreign or held ─► done
//!     │           not as asked for ─► modify, tag          not held ────────► announce, wait, delete
//!     │           as asked for ─────► done                 being deleted ───► wait
//!  found none ─── being deleted ────► wait                 gone ────────────► done
//!                 else ─────────────► create
//! ```

pub mod action;
mod align;
mod checks;
mod choose;
pub mod cluster;
mod create;
mod denial;
mod desired;
mod difference;
pub mod facts;
mod foreign;
mod gone;
mod group_limit;
mod join;
pub mod journal;
pub mod late;
mod leave;
mod left_over;
mod managed_group;
mod mark;
mod moves;
mod narrow;
pub mod observed;
mod others;
pub mod outcome;
mod placement;
mod poll;
mod provision;
pub mod queries;
pub mod records;
pub mod refusal;
mod relation;
mod release;
mod remove;
pub mod retry;
mod rules;
mod spoke;
pub mod view;
pub mod warning;
mod way;

use crate::request::{Request, Verb};
use gone::Gone;
use provision::Provision;
use refusal::Refusal;
use remove::Remove;
use view::{Home, Interrupt, Next, View};

/// What keeps an event from going on at its deadline, although it is waited for: the sentence that explains it best.
pub fn obstacle(request: &Request, home: &Home, view: View<'_>) -> Option<Refusal> {
    let spec = request.spec()?;
    let gone = Gone::default();
    Provision { request, spec, home, view, gone: &gone }.name_obstacle()
}

/// Decides what to do next.
///
/// # Errors
/// The [`Refusal`] that ends the event.
pub fn next(request: &Request, home: &Home, view: View<'_>) -> Result<Next, Refusal> {
    let decided = match &request.verb {
        Verb::Create(spec) | Verb::Update { spec, .. } => {
            let gone = Gone::of(request, spec, view.facts);
            Provision { request, spec, home, view, gone: &gone }.next()
        }
        Verb::Delete { of, .. } => Remove { request, of, view }.next(),
    };
    match decided {
        Ok(next) => Ok(next),
        Err(Interrupt::Do(next)) => Ok(*next),
        Err(Interrupt::Refuse(refusal)) => Err(*refusal),
    }
}
