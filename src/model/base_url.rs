//! Where an API is, if a setting says so. Keys go there, so it has to be HTTPS, except on the machine itself.

use http::Uri;
use http::uri::Scheme;
use std::net::IpAddr;

/// Scheme, host, port and the beginning of the path, without the slash at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl(String);

impl BaseUrl {
    /// `None` unless the URL is HTTPS, or HTTP to a loopback address, and has no query.
    pub fn read(text: &str) -> Option<Self> {
        let uri: Uri = text.trim().parse().ok()?;
        let host = uri.host()?.trim_matches(['[', ']']);
        let is_loopback = host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
        let is_private = uri.scheme() == Some(&Scheme::HTTPS) || (uri.scheme() == Some(&Scheme::HTTP) && is_loopback);
        let has_user = uri.authority().is_some_and(|authority| authority.as_str().contains('@'));
        let is_base = is_private && uri.query().is_none() && !has_user;
        is_base.then(|| Self(text.trim().trim_end_matches('/').to_owned()))
    }

    /// The URL, to which a path can be appended.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
