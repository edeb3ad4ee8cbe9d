//! TLS as the database's clients use it: the system's roots, and verification of the name.

use super::network::Stream;
use crate::check::finding::Finding;
use crate::check::printable_error;
use crate::model::ids::join;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{AlertDescription, CertificateError, ClientConfig, ProtocolVersion, RootCertStore};
use std::io::{Error, ErrorKind};
use std::net::IpAddr;
use std::sync::Arc;
use tokio::io::AsyncWriteExt as _;
use tokio_rustls::TlsConnector;

/// The most names of a certificate that a sentence has.
const MAX_NAMES: usize = 5;

/// The client's side of TLS.
#[derive(Clone)]
pub struct Tls {
    connector: TlsConnector,
    has_roots: bool,
}

/// What a completed handshake shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handshake {
    /// `TLSv1.3`, as OpenSSL has it.
    pub version: String,
    /// The server's certificate, in DER.
    pub certificate: Vec<u8>,
}

impl Tls {
    /// With the system's roots, or those in `SSL_CERT_FILE` and `SSL_CERT_DIR`, as the HTTP client has them. What of them
    /// cannot be read is left out.
    pub fn of_system() -> Self {
        Self::new(rustls_native_certs::load_native_certs().certs)
    }

    /// The process needs a default TLS provider.
    pub fn new(roots: impl IntoIterator<Item = CertificateDer<'static>>) -> Self {
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(roots);
        let has_roots = !store.is_empty();
        let config = ClientConfig::builder().with_root_certificates(store).with_no_client_auth();
        Self { connector: TlsConnector::from(Arc::new(config)), has_roots }
    }

    /// # Errors
    /// Those of the stream, and rustls's within them.
    pub async fn handshake(&self, host: &str, stream: impl Stream) -> Result<Handshake, Error> {
        if !self.has_roots {
            return Err(ErrorKind::NotFound.into());
        }
        let name = ServerName::try_from(host.to_owned()).map_err(|_| Error::from(ErrorKind::InvalidInput))?;
        let mut stream = self.connector.connect(name, stream).await?;
        let (_, session) = stream.get_ref();
        let version = match session.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
            _ => "TLSv1.2",
        };
        let certificate = session.peer_certificates().and_then(<[_]>::first).map(|first| first.to_vec());
        // The server may already have closed the connection, which does not matter.
        let _ = stream.shutdown().await;
        Ok(Handshake { version: version.to_owned(), certificate: certificate.unwrap_or_default() })
    }
}

/// What a handshake that failed shows.
pub fn finding(addresses: Vec<IpAddr>, host: &str, error: &Error) -> Finding {
    use rustls::Error::{AlertReceived, InvalidCertificate, PeerIncompatible};
    match error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>()) {
        None if error.kind() == ErrorKind::NotFound => Finding::NoRoots,
        Some(PeerIncompatible(_) | AlertReceived(AlertDescription::ProtocolVersion)) => {
            Finding::TlsVersion { addresses }
        }
        Some(InvalidCertificate(fault)) => invalid_certificate(addresses, host.to_owned(), fault, error),
        None | Some(_) => Finding::TlsFailed { addresses, error: printable_error(error) },
    }
}

fn invalid_certificate(addresses: Vec<IpAddr>, host: String, fault: &CertificateError, error: &Error) -> Finding {
    if let CertificateError::ExpiredContext { not_after, .. } = fault {
        Finding::Expired { addresses, host, when: moment(not_after.as_secs()) }
    } else if let CertificateError::NotValidYetContext { not_before, .. } = fault {
        Finding::NotYetValid { addresses, host, when: moment(not_before.as_secs()) }
    } else if let CertificateError::NotValidForNameContext { presented, .. } = fault {
        Finding::WrongName { addresses, host, presented: names(presented) }
    } else {
        Finding::Untrusted { addresses, host, error: printable_error(error) }
    }
}

fn moment(seconds: u64) -> String {
    let at = i64::try_from(seconds).ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    at.map(|at| at.to_string()).unwrap_or_default()
}

/// The names in a certificate, which rustls words as `DnsName("example.com")`.
fn names(presented: &[String]) -> String {
    let name = |text: &String| {
        let name: String = text.chars().filter(|c| !c.is_control()).take(253).collect();
        name.strip_prefix("DnsName(\"").and_then(|rest| rest.strip_suffix("\")")).map(str::to_owned).unwrap_or(name)
    };
    match presented {
        [] => "no host name".to_owned(),
        some => join(some.iter().take(MAX_NAMES).map(name), ", "),
    }
}
