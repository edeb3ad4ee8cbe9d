//! The function from event to answer, with the real SDK client against the simulated EC2, on a clock of our own.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that panics has said what it has to say"
)]

mod answer;
mod callback;
mod cloud;
mod envelope;
mod least_privilege;
mod lifecycle;
mod log;
mod networking;
mod promises;
mod properties;
mod refusals;
mod sharing;
