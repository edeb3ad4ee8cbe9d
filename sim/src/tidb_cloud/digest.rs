//! The server's side of HTTP Digest authentication (RFC 7616, section 3).

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use md5::Md5;
use sha2::{Digest as _, Sha256};

use crate::web::WebCall;

/// A hash of HTTP Digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// The default of RFC 2617.
    Md5,
    /// SHA-256.
    Sha256,
}

impl Algorithm {
    fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
        }
    }

    fn hash(self, text: &str) -> String {
        let bytes: Vec<u8> = match self {
            Self::Md5 => Md5::digest(text).to_vec(),
            Self::Sha256 => Sha256::digest(text).to_vec(),
        };
        bytes.iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }
}

const REALM: &str = "tidbcloud";
/// With what has to be escaped in a header.
const OPAQUE: &str = "a \"quoted\" \\ word, and a comma";

pub(super) struct Server {
    user: String,
    password: String,
    nonces: BTreeMap<String, Nonce>,
    issued: u32,
}

struct Nonce {
    algorithm: Algorithm,
    at: Duration,
    /// The highest count so far.
    count: u32,
}

/// Why a request is not authenticated.
pub(super) struct Refused {
    pub(super) message: &'static str,
    pub(super) is_stale: bool,
}

impl Server {
    pub(super) fn new(user: &str, password: &str) -> Self {
        Self { user: user.to_owned(), password: password.to_owned(), nonces: BTreeMap::new(), issued: 0 }
    }

    pub(super) fn forget(&mut self) {
        self.nonces.clear();
    }

    pub(super) fn challenges(&mut self, algorithms: &[Algorithm], is_stale: bool, now: Duration) -> Vec<String> {
        let mut challenge = |algorithm: Algorithm| {
            self.issued += 1;
            let nonce = Algorithm::Sha256.hash(&format!("{} {now:?}", self.issued));
            self.nonces.insert(nonce.clone(), Nonce { algorithm, at: now, count: 0 });
            let opaque = OPAQUE.replace('\\', "\\\\").replace('"', "\\\"");
            let stale = if is_stale { ", stale=true" } else { "" };
            format!(
                "Digest realm=\"{REALM}\", qop=\"auth, auth-int\", algorithm={}, nonce=\"{nonce}\", opaque=\"{opaque}\"{stale}",
                algorithm.name()
            )
        };
        algorithms.iter().map(|algorithm| challenge(*algorithm)).collect()
    }

    pub(super) fn check(&mut self, call: &WebCall, now: Duration, lifetime: Duration) -> Result<(), Refused> {
        let refused = |message| Refused { message, is_stale: false };
        let stale = || Refused { message: "the nonce is too old", is_stale: true };
        let Some(parameters) = call.authorization.strip_prefix("Digest ") else {
            return Err(refused("no credentials"));
        };
        let given = parameters_of(parameters).ok_or_else(|| refused("malformed credentials"))?;
        let value = |name: &str| given.get(name).map(String::as_str).unwrap_or_default();
        if value("username") != self.user {
            return Err(refused("public_key not found"));
        }
        if value("realm") != REALM || value("opaque") != OPAQUE || value("qop") != "auth" || value("uri") != call.uri {
            return Err(refused("the credentials are for something else"));
        }
        let Some(nonce) = self.nonces.get_mut(value("nonce")) else { return Err(stale()) };
        let hash = |text: &str| nonce.algorithm.hash(text);
        let (secret, request) =
            (hash(&format!("{}:{REALM}:{}", self.user, self.password)), hash(&format!("{}:{}", call.method, call.uri)));
        let (id, count, client) = (value("nonce"), value("nc"), value("cnonce"));
        let expected = hash(&format!("{secret}:{id}:{count}:{client}:auth:{request}"));
        if value("algorithm") != nonce.algorithm.name() || value("response") != expected || client.len() < 16 {
            return Err(refused("the signature does not match"));
        }
        let count = u32::from_str_radix(count, 16).ok().filter(|_| count.len() == 8);
        let count = count.ok_or_else(|| refused("malformed credentials"))?;
        // A count that was used before may be a replay.
        if count <= nonce.count || now.saturating_sub(nonce.at) > lifetime {
            return Err(stale());
        }
        nonce.count = count;
        Ok(())
    }
}

/// `name=token` and `name="quoted string"`, separated by commas.
fn parameters_of(text: &str) -> Option<BTreeMap<String, String>> {
    let mut parameters = BTreeMap::new();
    let mut letters = text.chars().peekable();
    while letters.peek().is_some() {
        let name: String = letters.by_ref().take_while(|letter| *letter != '=').collect();
        let mut value = String::new();
        if letters.next_if_eq(&'"').is_some() {
            loop {
                match letters.next()? {
                    '\\' => value.push(letters.next()?),
                    '"' => break,
                    letter => value.push(letter),
                }
            }
            letters.next_if_eq(&',');
        } else {
            value.extend(letters.by_ref().take_while(|letter| *letter != ','));
        }
        parameters.insert(name.trim().to_owned(), value);
    }
    Some(parameters)
}
