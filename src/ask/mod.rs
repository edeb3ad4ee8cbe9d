//! What people ask the deployed function, without CloudFormation, and what it answers: what would happen, what there is,
//! and to let go of what is left over. `inquire.rs` reads what an answer needs.

pub mod counts;
mod differences;
pub mod permissions;
pub mod plan;
pub mod prediction;
pub mod question;
pub mod release;
pub mod status;
mod text;
mod wording;
