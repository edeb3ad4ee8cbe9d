//! The URLs to which secrets go, or what only one receiver may get: HTTPS, except on the machine itself.

use http::Uri;
use http::uri::Scheme;
use std::net::IpAddr;

/// Whether nobody else reads what is sent to a URL: it goes over HTTPS, or stays on the machine.
///
/// Of an HTTPS URL, nothing else is checked: whoever cannot send anything to it says so.
pub fn is_private(url: &str) -> bool {
    let is_loopback = |uri: &Uri| {
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
    };
    let is_plain = |uri: &Uri| uri.scheme() == Some(&Scheme::HTTP);
    url.starts_with("https://") || url.parse().is_ok_and(|uri: Uri| is_plain(&uri) && is_loopback(&uri))
}

/// Where an API is, if a setting says so: scheme, host, port and the beginning of the path, without the slash at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl(String);

impl BaseUrl {
    /// `None` unless the URL is HTTPS, or HTTP to a loopback address, and has no query.
    pub fn read(text: &str) -> Option<Self> {
        let uri: Uri = text.trim().parse().ok()?;
        let has_user = uri.authority().is_some_and(|authority| authority.as_str().contains('@'));
        let is_base = is_private(text.trim()) && uri.query().is_none() && !has_user;
        is_base.then(|| Self(text.trim().trim_end_matches('/').to_owned()))
    }

    /// The URL, to which a path can be appended.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
