//! The connection check, without the network: its layers, what can be wrong in each, what a server's greeting and
//! certificate say, and the report.

pub mod certificate;
pub mod finding;
pub mod greeting;
pub mod report;

use serde::{Deserialize, Serialize};
use std::fmt;

/// What a connection needs, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Layer {
    /// The name resolves to the endpoint.
    Name,
    /// Each address accepts connections.
    Tcp,
    /// A MySQL server greets.
    Greeting,
    /// It offers TLS, with a certificate that is valid for the name.
    Tls,
}

impl Layer {
    pub const ALL: [Self; 4] = [Self::Name, Self::Tcp, Self::Greeting, Self::Tls];

    /// Where the documentation explains what can be wrong.
    pub fn hint(self) -> &'static str {
        match self {
            Self::Name => "docs/troubleshooting.md#connection-check-name",
            Self::Tcp => "docs/troubleshooting.md#connection-check-tcp",
            Self::Greeting => "docs/troubleshooting.md#connection-check-greeting",
            Self::Tls => "docs/troubleshooting.md#connection-check-tls",
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Name => "name",
            Self::Tcp => "TCP",
            Self::Greeting => "greeting",
            Self::Tls => "TLS",
        })
    }
}

/// A piece of what the network sent, as printable ASCII that is safe in a message.
fn printable(bytes: &[u8], most: usize) -> String {
    bytes.iter().take(most).map(|byte| if (0x20..0x7f).contains(byte) { char::from(*byte) } else { '.' }).collect()
}

/// An error of the system in its own words, on one line.
pub fn printable_error(error: &std::io::Error) -> String {
    const MOST: usize = 200;
    let text: String = error.to_string().chars().map(|c| if c.is_control() { ' ' } else { c }).take(MOST).collect();
    // The standard library repeats the topic, which the sentence around it already has.
    text.strip_prefix("failed to lookup address information: ").map(str::to_owned).unwrap_or(text)
}
