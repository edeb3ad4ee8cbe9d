//! What a server's certificate says about itself, after it has been verified.

use jiff::Timestamp;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

/// A certificate has a few kilobytes; a longer one is not described.
const MAX_BYTES: usize = 64 * 1024;
const MAX_ISSUER: usize = 200;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Description {
    /// The issuer's distinguished name, such as `CN=R11,O=Let's Encrypt,C=US`.
    pub issuer: String,
    /// `2027-01-31T12:00:00Z`.
    pub expires: String,
}

/// Describes a certificate in DER; empty if it cannot be read.
pub fn describe(der: &[u8]) -> Description {
    let certificate = Some(der).filter(|der| der.len() <= MAX_BYTES).and_then(|der| Certificate::from_der(der).ok());
    let Some(certificate) = certificate else { return Description::default() };
    let body = certificate.tbs_certificate();
    let issuer = body.issuer().to_string().chars().filter(|c| !c.is_control()).take(MAX_ISSUER).collect();
    let seconds = i64::try_from(body.validity().not_after.to_unix_duration().as_secs());
    let expires = seconds.ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    Description { issuer, expires: expires.map(|at| at.to_string()).unwrap_or_default() }
}
