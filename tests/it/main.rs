//! Tests of the function from event to response, with the real SDK client and the simulated EC2, on a simulated clock.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a panic is how a test fails, searches print their coverage, and a story only matches the cases that it is about"
)]

mod answer;
mod ask;
mod callback;
mod check;
mod cloud;
mod clusters;
mod deployment;
mod envelope;
mod explore;
mod faults;
mod figures;
mod fitting;
mod foreign;
mod fuzz;
mod histories;
mod late;
mod least_privilege;
mod lifecycle;
mod linter;
mod log;
mod metrics;
mod networking;
mod one_answer;
mod overtaking;
mod patience;
mod permissions;
mod promises;
mod properties;
mod recorded;
mod refusals;
mod schema;
mod sharing;
mod spokes;
mod structure;
mod tables;
mod taken_back;
mod together;
