//! What AWS and TiDB Cloud show and take, in the provider's own types and without the SDKs'. Nothing here decides
//! anything.

pub mod api_key;
pub mod base_url;
pub mod change;
pub mod cluster;
pub mod cluster_error;
pub mod ec2_error;
pub mod endpoint;
pub mod ids;
mod items;
pub mod network;
pub mod prefixes;
pub mod protocol;
pub mod query;
pub mod route;
pub mod security_group;
pub mod stacks;
pub mod tags;
pub mod wanted;
