//! The function from event to answer, with the real SDK client against the simulated EC2, on a clock of our own.

mod cloud;
mod deployment;
mod explore;
mod faults;
mod fuzz;
mod histories;
mod lifecycle;
mod refusals;
mod sharing;
