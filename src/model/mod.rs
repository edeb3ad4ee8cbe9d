//! What AWS shows and takes, in the provider's own types and without the SDK's. Nothing here decides anything.

pub mod change;
pub mod ec2_error;
pub mod endpoint;
pub mod ids;
mod items;
pub mod network;
pub mod protocol;
pub mod query;
pub mod security_group;
pub mod stacks;
pub mod tags;
pub mod wanted;
