//! A MySQL server's first packet (MySQL source documentation, `Protocol::HandshakeV10` and `ERR_Packet`).

use super::printable;

/// The length of a packet's header: three bytes of length and one of sequence.
pub const HEADER: usize = 4;
/// Greetings have about 100 bytes. Anything longer is not read.
pub const MAX_GREETING: usize = 1_024;
const MAX_VERSION: usize = 64;
const MAX_MESSAGE: usize = 200;
const MAX_PREVIEW: usize = 32;

const PROTOCOL_10: u8 = 10;
const ERROR: u8 = 0xff;
const CLIENT_PROTOCOL_41: u32 = 1 << 9;
const CLIENT_SSL: u32 = 1 << 11;
const CLIENT_SECURE_CONNECTION: u32 = 1 << 15;
const UTF8MB4: u8 = 45;

/// The packet with which a client asks for TLS: the part of its login packet that contains no secrets.
pub fn tls_request() -> [u8; HEADER + 32] {
    let mut packet = [0; HEADER + 32];
    let capabilities = (CLIENT_PROTOCOL_41 | CLIENT_SSL | CLIENT_SECURE_CONNECTION).to_le_bytes();
    let packet_max = (1_u32 << 24).to_le_bytes();
    let parts = [&[32, 0, 0, 1][..], &capabilities, &packet_max, &[UTF8MB4]].concat();
    for (to, from) in packet.iter_mut().zip(parts) {
        *to = from;
    }
    packet
}

/// What a server's first packet says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Greeting {
    MySql {
        version: String,
        offers_tls: bool,
    },
    /// The server refuses the connection.
    Error {
        code: u16,
        message: String,
    },
    /// It is no MySQL server. The text is the beginning of what it sent.
    Other(String),
}

/// The length of the packet that a header announces; `None` if it is not the header of a greeting.
pub fn length(header: [u8; HEADER]) -> Option<usize> {
    let [low, middle, high, sequence] = header;
    let length = usize::try_from(u32::from_le_bytes([low, middle, high, 0])).ok()?;
    (sequence == 0 && (1..=MAX_GREETING).contains(&length)).then_some(length)
}

impl Greeting {
    /// Reads a packet without its header.
    pub fn read(packet: &[u8]) -> Self {
        Self::read_error(packet).or_else(|| Self::read_handshake(packet)).unwrap_or_else(|| Self::other(packet))
    }

    pub fn other(sent: &[u8]) -> Self {
        Self::Other(printable(sent, MAX_PREVIEW))
    }

    fn read_handshake(packet: &[u8]) -> Option<Self> {
        let rest = packet.strip_prefix(&[PROTOCOL_10])?;
        let end = rest.iter().position(|byte| *byte == 0)?;
        let (version, rest) = rest.split_at_checked(end)?;
        // The terminator, the connection's number, 8 bytes of salt, and a filler; then the lower capabilities.
        let capabilities: [u8; 2] = rest.get(1 + 4 + 8 + 1..)?.first_chunk().copied()?;
        let capabilities = u32::from(u16::from_le_bytes(capabilities));
        let is_version = version.first()?.is_ascii_digit() && version.iter().all(u8::is_ascii_graphic);
        is_version.then(|| Self::MySql {
            version: printable(version, MAX_VERSION),
            offers_tls: capabilities & CLIENT_SSL != 0,
        })
    }

    /// Before the handshake, an error has no SQL state, but some servers send one.
    fn read_error(packet: &[u8]) -> Option<Self> {
        let rest = packet.strip_prefix(&[ERROR])?;
        let (code, message) = rest.split_first_chunk::<2>()?;
        let message = match message.strip_prefix(b"#") {
            Some(rest) => rest.get(5..)?,
            None => message,
        };
        Some(Self::Error { code: u16::from_le_bytes(*code), message: printable(message, MAX_MESSAGE) })
    }
}
