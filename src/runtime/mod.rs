//! What the function needs from the outside besides EC2: time, HTTP, the log, and the way back to CloudFormation.

pub mod callback;
pub mod clock;
pub mod http;
pub mod log;
