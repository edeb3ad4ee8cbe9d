//! A simulated TiDB Cloud gateway: the part of the MySQL protocol that comes before a login, with TLS, and with the faults
//! that a client on the way to it can meet. It serves one connection at a time on any stream.

use std::io::{Error, Result};
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;

/// The version in the greeting.
pub const VERSION: &str = "8.0.11-TiDB-v8.5.0";
/// The length of the packet with which a client asks for TLS, header included.
const TLS_REQUEST: usize = 36;
const PROTOCOL_41: u32 = 1 << 9;
const TLS: u32 = 1 << 11;
const SECURE_CONNECTION: u32 = 1 << 15;
const PLUGIN_AUTH: u32 = 1 << 19;

/// A certificate authority that nobody but a test trusts.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    der: CertificateDer<'static>,
    pem: String,
}

impl Authority {
    /// An authority with a new key.
    ///
    /// # Panics
    /// If the system has no random numbers.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.self_signed(&key).expect("a certificate");
        Self { der: certificate.der().clone(), pem: certificate.pem(), issuer: Issuer::new(params, key) }
    }

    /// Its certificate.
    #[must_use]
    pub fn der(&self) -> CertificateDer<'static> {
        self.der.clone()
    }

    /// Its certificate, as in a file for `SSL_CERT_FILE`.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// The TLS settings of a server with a certificate for a name, valid from one year to another.
    fn server(&self, name: &str, years: (i32, i32)) -> Arc<ServerConfig> {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new([name.to_owned()]).expect("a DNS name");
        (params.not_before, params.not_after) = (date_time_ymd(years.0, 1, 1), date_time_ymd(years.1, 1, 1));
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a PKCS#8 key");
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("TLS 1.2 and 1.3")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key);
        let mut config = config.expect("the key of the certificate");
        // A client that only looks leaves after the handshake, and tickets for later ones would meet a closed connection.
        config.send_tls13_tickets = 0;
        Arc::new(config)
    }
}

/// What a gateway does with a connection that it has accepted.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// What it should.
    None,
    /// It sends nothing.
    Silent,
    /// It closes the connection at once.
    Closes,
    /// It sends these bytes and closes the connection.
    Sends(Vec<u8>),
    /// It sends half of its greeting and closes the connection.
    HalfGreeting,
    /// It sends a byte of its greeting each second.
    ByteASecond,
    /// It refuses the connection with an error packet.
    Rejects(u16, String),
    /// It does not offer TLS.
    NoTls,
    /// It offers only versions of TLS that nobody should accept.
    OldTls,
    /// It does not answer the client's part of the handshake.
    SilentInTls,
    /// It closes the connection in the handshake.
    ClosesInTls,
    /// Its certificate is for another name.
    WrongName(String),
    /// Its certificate was valid until the year 2000.
    Expired,
    /// Its certificate is valid from the year 2100.
    NotYetValid,
    /// Its certificate is from another authority, with the same name.
    OtherAuthority,
}

/// The gateway.
#[derive(Clone)]
pub struct Gateway {
    valid: Arc<ServerConfig>,
    fault: Fault,
}

impl Gateway {
    /// A gateway with a certificate for a name.
    #[must_use]
    pub fn new(authority: &Authority, host: &str, fault: Fault) -> Self {
        let valid = match &fault {
            Fault::WrongName(name) => authority.server(name, (2020, 2090)),
            Fault::Expired => authority.server(host, (1999, 2000)),
            Fault::NotYetValid => authority.server(host, (2100, 2101)),
            Fault::OtherAuthority => Authority::new("private authority").server(host, (2020, 2090)),
            _ => authority.server(host, (2020, 2090)),
        };
        Self { valid, fault }
    }

    /// Serves one connection up to where a client would log in, and waits until the client closes it.
    ///
    /// # Errors
    /// Those of the connection.
    pub async fn serve(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin) -> Result<()> {
        let mut greeting = greeting(if self.fault == Fault::NoTls { 0 } else { TLS });
        match &self.fault {
            Fault::Closes => return Ok(()),
            Fault::Silent => return wait(stream).await,
            Fault::Sends(bytes) => return stream.write_all(bytes).await,
            Fault::HalfGreeting => greeting.truncate(greeting.len() / 2),
            Fault::Rejects(code, message) => {
                let error = [&[0xff][..], &code.to_le_bytes(), message.as_bytes()].concat();
                return stream.write_all(&packet(0, &error)).await;
            }
            Fault::ByteASecond => {
                for byte in greeting {
                    stream.write_all(&[byte]).await?;
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                return Ok(());
            }
            _ => {}
        }
        stream.write_all(&greeting).await?;
        if matches!(self.fault, Fault::HalfGreeting) {
            return Ok(());
        }
        let mut request = [0; TLS_REQUEST];
        stream.read_exact(&mut request).await?;
        let asks = u32::from_le_bytes(request[4..8].try_into().map_err(Error::other)?);
        if request[..4] != [32, 0, 0, 1] || asks & TLS == 0 || request[13..] != [0; 23] {
            return Err(Error::other(format!("this is no request for TLS: {request:?}")));
        }
        match self.fault {
            Fault::ClosesInTls => return Ok(()),
            Fault::SilentInTls => return wait(stream).await,
            Fault::OldTls => {
                // The alert `protocol_version` of TLS 1.0, after the client's offer.
                stream.read_exact(&mut [0; 5]).await?;
                stream.write_all(&[21, 3, 1, 0, 2, 2, 70]).await?;
                return wait(stream).await;
            }
            _ => {}
        }
        wait(TlsAcceptor::from(self.valid.clone()).accept(stream).await?).await
    }
}

/// Reads until the client closes the connection.
async fn wait(mut stream: impl AsyncRead + Unpin) -> Result<()> {
    while stream.read(&mut [0; 64]).await? > 0 {}
    Ok(())
}

/// The first packet (MySQL source documentation, "`Protocol::HandshakeV10`").
#[must_use]
pub fn greeting(tls: u32) -> Vec<u8> {
    let capabilities = PROTOCOL_41 | SECURE_CONNECTION | PLUGIN_AUTH | tls;
    let [a, b, c, d] = capabilities.to_le_bytes();
    packet(
        0,
        &[
            &[10][..],
            VERSION.as_bytes(),
            &[0, 1, 0, 0, 0],
            b"saltsalt",
            &[0, a, b, 45, 2, 0, c, d, 21],
            &[0; 10],
            b"saltsaltsalt",
            b"\0mysql_native_password\0",
        ]
        .concat(),
    )
}

fn packet(sequence: u8, body: &[u8]) -> Vec<u8> {
    let [a, b, c, ..] = u32::try_from(body.len()).unwrap_or_default().to_le_bytes();
    [&[a, b, c, sequence][..], body].concat()
}
