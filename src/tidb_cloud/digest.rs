//! HTTP Digest authentication (RFC 7616) as far as TiDB Cloud's API needs it: MD5 and SHA-256 with `qop=auth`.
//!
//! Written here because the crates for it bring older copies of the hashes and of `rand`, seven crates in all, for about
//! as many lines as this.

use crate::model::api_key::ApiKey;
use md5::Md5;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What a server asks for in `WWW-Authenticate`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    pub realm: String,
    pub nonce: String,
    opaque: Option<String>,
    algorithm: Algorithm,
    /// The credentials were right, and only the nonce was too old.
    pub is_stale: bool,
}

/// In the order of preference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Algorithm {
    Md5,
    Sha256,
}

/// One request, as far as its authentication covers it.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'a> {
    pub method: &'a str,
    /// Path and query, exactly as in the request.
    pub uri: &'a str,
    /// How many requests have used the nonce, this one included.
    pub count: u32,
    /// A random string.
    pub client_nonce: &'a str,
}

impl Challenge {
    /// The strongest of the challenges in the values of `WWW-Authenticate` that the provider can answer.
    pub fn strongest<'a>(headers: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let all = headers.into_iter().flat_map(challenges);
        let digest = all.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("digest"));
        digest.filter_map(|(_, parameters)| Self::read(&parameters)).max_by_key(|challenge| challenge.algorithm)
    }

    fn read(parameters: &BTreeMap<String, String>) -> Option<Self> {
        let value = |name: &str| parameters.get(name).map(String::as_str);
        let algorithm = match value("algorithm") {
            None => Algorithm::Md5,
            Some(name) if name.eq_ignore_ascii_case("MD5") => Algorithm::Md5,
            Some(name) if name.eq_ignore_ascii_case("SHA-256") => Algorithm::Sha256,
            Some(_) => return None,
        };
        let offers_auth = value("qop")?.split(',').any(|qop| qop.trim().eq_ignore_ascii_case("auth"));
        offers_auth.then_some(())?;
        Some(Self {
            realm: value("realm")?.to_owned(),
            nonce: value("nonce")?.to_owned(),
            opaque: value("opaque").map(str::to_owned),
            algorithm,
            is_stale: value("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
        })
    }

    /// The value of `Authorization`.
    pub fn authorization(&self, key: &ApiKey, signed: Signed<'_>) -> String {
        let Self { realm, nonce, algorithm, .. } = self;
        let Signed { method, uri, count, client_nonce } = signed;
        let name = match algorithm {
            Algorithm::Md5 => "MD5",
            Algorithm::Sha256 => "SHA-256",
        };
        let secret = algorithm.hex(&format!("{}:{realm}:{}", key.public, key.private));
        let request = algorithm.hex(&format!("{method}:{uri}"));
        let response = algorithm.hex(&format!("{secret}:{nonce}:{count:08x}:{client_nonce}:auth:{request}"));
        let mut header = format!(
            "Digest username=\"{}\", realm=\"{}\", nonce=\"{}\", uri=\"{}\", algorithm={name}, qop=auth, nc={count:08x}, \
             cnonce=\"{client_nonce}\", response=\"{response}\"",
            escaped(&key.public),
            escaped(realm),
            escaped(nonce),
            escaped(uri),
        );
        if let Some(opaque) = &self.opaque {
            let _ = write!(header, ", opaque=\"{}\"", escaped(opaque));
        }
        header
    }
}

impl Algorithm {
    fn hex(self, text: &str) -> String {
        match self {
            Self::Md5 => hex(&Md5::digest(text.as_bytes())),
            Self::Sha256 => hex(&Sha256::digest(text.as_bytes())),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The inside of a quoted string.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

/// The schemes of a header value, each with its parameters, whose names are in lower case. Several challenges in one value
/// are separated by commas, as parameters are: a word without `=` behind it begins the next one (RFC 9110, section 11.6.1).
fn challenges(header: &str) -> Vec<(String, BTreeMap<String, String>)> {
    let mut found: Vec<(String, BTreeMap<String, String>)> = Vec::new();
    let mut rest = header;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',', '"', '=']);
        let end = rest.find([' ', '\t', ',', '"', '=']).unwrap_or(rest.len());
        let (word, behind) = rest.split_at(end);
        if word.is_empty() {
            return found;
        }
        let Some(value) = behind.trim_start().strip_prefix('=') else {
            found.push((word.to_owned(), BTreeMap::new()));
            rest = behind;
            continue;
        };
        let (value, behind) = parameter_value(value.trim_start());
        if let Some((_, parameters)) = found.last_mut() {
            parameters.insert(word.to_ascii_lowercase(), value);
        }
        rest = behind;
    }
}

/// A token or a quoted string, and what follows it.
fn parameter_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let (token, rest) = text.split_at(text.find([' ', '\t', ',']).unwrap_or(text.len()));
        return (token.to_owned(), rest);
    };
    let (mut value, mut is_escaped) = (String::new(), false);
    for (at, letter) in quoted.char_indices() {
        match letter {
            _ if is_escaped => {
                value.push(letter);
                is_escaped = false;
            }
            '\\' => is_escaped = true,
            '"' => return (value, quoted.get(at + 1..).unwrap_or_default()),
            _ => value.push(letter),
        }
    }
    (value, "")
}
