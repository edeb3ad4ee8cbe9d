//! The connection check on the network. It goes through the layers at all addresses together, and stops at the first layer
//! that fails at any of them: a client may use any address.

pub mod function;
pub mod network;
pub mod terminal;
pub mod tls;

use crate::check::certificate::{self, Description};
use crate::check::finding::{Finding, examine_addresses};
use crate::check::greeting::{self, Greeting, HEADER};
use crate::check::report::{Report, Step};
use crate::check::{Layer, printable_error};
use crate::model::ids::join;
use crate::request::check::{CheckSpec, Target};
use crate::runtime::clock::Clock;
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use network::{Network, Stream};
use std::future::Future;
use std::io::{Error, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tls::{Handshake, Tls};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, timeout};

/// The longest that each layer may take.
const RESOLVE: Duration = Duration::from_secs(10);
const CONNECT: Duration = Duration::from_secs(5);
const EXCHANGE: Duration = Duration::from_secs(10);
/// The longest that one attempt may take: one layer after the other.
pub const ATTEMPT: SignedDuration = SignedDuration::from_secs(36);
const _: () = assert!(
    RESOLVE.as_secs() + CONNECT.as_secs() + 2 * EXCHANGE.as_secs() < ATTEMPT.unsigned_abs().as_secs(),
    "the layers fit into an attempt"
);
/// The pause between two attempts.
const PAUSE: SignedDuration = SignedDuration::from_secs(3);
/// More addresses than an endpoint can have in a Region, and few enough to try.
const MAX_ADDRESSES: usize = 16;

/// How a system without a route, or without an address of the family, refuses to connect.
const NO_ROUTE: [ErrorKind; 3] =
    [ErrorKind::HostUnreachable, ErrorKind::NetworkUnreachable, ErrorKind::AddrNotAvailable];

/// Linux's `EAFNOSUPPORT`, for which the standard library has no name.
const NO_SUCH_FAMILY: i32 = 97;

/// One attempt: what was found so far.
struct Attempt<'a> {
    target: &'a Target,
    report: Report,
    findings: Vec<Finding>,
    observe: &'a mut dyn FnMut(&Step),
}

/// A stream to one address.
type Connection<S> = (IpAddr, S);

/// What one layer did at one address: how long it took, and what came of it.
type Tried<T> = (IpAddr, Duration, Result<(T, String), Finding>);

/// Checks until everything is in order, something is wrong that does not pass, or no time is left for another attempt.
pub async fn check(
    network: &impl Network,
    tls: &Tls,
    spec: &CheckSpec,
    clock: &Clock,
    until: Timestamp,
    observe: &mut dyn FnMut(&Step),
) -> Report {
    let started = clock.now();
    let mut attempts = 0;
    loop {
        attempts += 1;
        let mut attempt =
            Attempt { target: &spec.target, report: Report::default(), findings: Vec::new(), observe: &mut *observe };
        // The findings say what stopped it.
        let _ = attempt.run(network, tls, &spec.endpoint_addresses).await;
        let Attempt { report, findings, .. } = attempt;
        let is_over = clock.now().saturating_add(PAUSE).is_ok_and(|next| next >= until);
        if findings.is_empty() || is_over || findings.iter().any(Finding::is_final) {
            let seconds = clock.now().duration_since(started).as_secs().unsigned_abs();
            return report.conclude(&spec.target, &findings, attempts, seconds);
        }
        clock.sleep(PAUSE).await;
    }
}

impl Attempt<'_> {
    /// `None` as soon as a layer has failed.
    async fn run(&mut self, network: &impl Network, tls: &Tls, expected: &[IpAddr]) -> Option<()> {
        let port = self.target.port;
        let addresses = self.resolve(network, expected).await?;
        let connections = self.connect(network, &addresses).await?;
        let greeted = |(address, stream)| async move { (address, timed(greet(address, port, stream)).await) };
        let tried = join_all(connections.into_iter().map(greeted)).await;
        let greeted = self.layer(Layer::Greeting, tried.into_iter().map(flat))?;
        self.report.server_version = greeted.first().map(|(_, (_, version, _))| version.clone()).unwrap_or_default();
        let host = &self.target.host;
        let secured = |(address, (stream, _, offers_tls))| async move {
            (address, timed(secure(address, host, tls, stream, offers_tls)).await)
        };
        let tried = join_all(greeted.into_iter().map(secured)).await;
        let secured = self.layer(Layer::Tls, tried.into_iter().map(flat))?;
        if let Some((_, (version, Description { issuer, expires }))) = secured.into_iter().next() {
            let report = &mut self.report;
            (report.tls_version, report.certificate_issuer, report.certificate_expires) = (version, issuer, expires);
        }
        Some(())
    }

    async fn resolve(&mut self, network: &impl Network, expected: &[IpAddr]) -> Option<Vec<SocketAddr>> {
        let Target { host, port } = self.target;
        let (took, found) = timed(timeout(RESOLVE, network.resolve(host, *port))).await;
        let found = found.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()));
        let unresolved = |error: String| Finding::Unresolved { host: host.clone(), error };
        let (addresses, finding) = match found {
            Err(error) => (Vec::new(), Some(unresolved(printable_error(&error)))),
            Ok(found) => {
                let mut addresses = found;
                addresses.sort_unstable();
                addresses.dedup();
                addresses.truncate(MAX_ADDRESSES);
                self.report.addresses = addresses.iter().map(SocketAddr::ip).collect();
                let finding = match self.report.addresses.as_slice() {
                    [] => Some(unresolved("it has no addresses".to_owned())),
                    found => examine_addresses(self.target, found, expected),
                };
                (addresses, finding)
            }
        };
        let detail = join(&self.report.addresses, ", ");
        self.step(Layer::Name, None, took, finding.as_ref().map_or(Ok(&detail), Err));
        self.findings.extend(finding);
        self.findings.is_empty().then_some(addresses)
    }

    /// An address of a family that this host does not have is left out, as clients do, unless there is no other.
    async fn connect<N: Network>(&mut self, network: &N, to: &[SocketAddr]) -> Option<Vec<Connection<N::Stream>>> {
        let port = self.target.port;
        let connect = |address: SocketAddr| async move {
            let (took, connected) = timed(timeout(CONNECT, network.connect(address))).await;
            let (at, addresses) = (address.ip(), vec![address.ip()]);
            let result = match connected {
                Ok(Ok(stream)) => Ok((stream, String::new())),
                Err(_) => Err(Finding::Dropped { addresses, port, seconds: CONNECT.as_secs() }),
                Ok(Err(error)) => Err(not_connected(addresses, port, &error)),
            };
            (at, took, result)
        };
        let mut tried: Vec<Tried<N::Stream>> = join_all(to.iter().copied().map(connect)).await;
        let no_route = |tried: &Tried<N::Stream>| matches!(tried.2, Err(Finding::NoRoute { .. }));
        if tried.iter().any(|one| one.0.is_ipv4() && !no_route(one)) {
            tried.retain(|one| one.0.is_ipv4() || !no_route(one));
        }
        let slowest = tried.iter().filter(|tried| tried.2.is_ok()).map(|tried| tried.1).max();
        self.report.connect_milliseconds = slowest.map(milliseconds);
        self.layer(Layer::Tcp, tried.into_iter())
    }

    /// Records what a layer did at each address. `None` if it failed at any.
    fn layer<T>(&mut self, layer: Layer, tried: impl Iterator<Item = Tried<T>>) -> Option<Vec<(IpAddr, T)>> {
        let mut passed = Vec::new();
        for (address, took, result) in tried {
            match result {
                Ok((value, detail)) => {
                    self.step(layer, Some(address), took, Ok(&detail));
                    passed.push((address, value));
                }
                Err(finding) => {
                    self.step(layer, Some(address), took, Err(&finding));
                    if !self.findings.iter_mut().any(|known| known.absorb(&finding)) {
                        self.findings.push(finding);
                    }
                }
            }
        }
        self.findings.is_empty().then_some(passed)
    }

    fn step(&mut self, layer: Layer, address: Option<IpAddr>, took: Duration, result: Result<&String, &Finding>) {
        let detail = result.map_or_else(ToString::to_string, Clone::clone);
        let step = Step { layer, address, passed: result.is_ok(), milliseconds: milliseconds(took), detail };
        (self.observe)(&step);
        self.report.steps.push(step);
    }
}

fn not_connected(addresses: Vec<IpAddr>, port: u16, error: &Error) -> Finding {
    let kind = error.kind();
    if kind == ErrorKind::ConnectionRefused {
        Finding::Refused { addresses, port }
    } else if kind == ErrorKind::TimedOut {
        Finding::Dropped { addresses, port, seconds: CONNECT.as_secs() }
    } else if NO_ROUTE.contains(&kind) || error.raw_os_error() == Some(NO_SUCH_FAMILY) {
        Finding::NoRoute { addresses, error: printable_error(error) }
    } else {
        Finding::NotConnected { addresses, port, error: printable_error(error) }
    }
}

type Greeted<S> = Result<((S, String, bool), String), Finding>;

/// Reads the greeting: its version, and whether it offers TLS.
async fn greet<S: Stream>(address: IpAddr, port: u16, mut stream: S) -> Greeted<S> {
    let addresses = vec![address];
    let mut received = Vec::new();
    let greeting = match timeout(EXCHANGE, read_greeting(&mut stream, &mut received)).await {
        Ok(Ok(greeting)) => greeting,
        Ok(Err(_)) if received.is_empty() => return Err(Finding::Closed { addresses, port }),
        Ok(Err(_)) => return Err(Finding::HalfGreeting { addresses }),
        Err(_) if received.is_empty() => {
            return Err(Finding::Silent { addresses, port, seconds: EXCHANGE.as_secs() });
        }
        Err(_) => return Err(Finding::SlowGreeting { addresses, seconds: EXCHANGE.as_secs() }),
    };
    match greeting {
        Greeting::MySql { version, offers_tls } => Ok(((stream, version.clone(), offers_tls), version)),
        Greeting::Error { code, message } => Err(Finding::Rejected { addresses, code, message }),
        Greeting::Other(sent) => Err(Finding::NotMySql { addresses, port, sent }),
    }
}

/// What was received is in `received` even if this fails or is given up. No more is read than one packet.
async fn read_greeting(stream: &mut impl Stream, received: &mut Vec<u8>) -> Result<Greeting, Error> {
    let mut expected = HEADER;
    loop {
        if let Some(header) = received.first_chunk::<HEADER>() {
            match greeting::length(*header) {
                None => return Ok(Greeting::other(received)),
                Some(length) => expected = HEADER + length,
            }
        }
        if received.len() >= HEADER && received.len() == expected {
            return Ok(Greeting::read(received.get(HEADER..).unwrap_or_default()));
        }
        let missing = u64::try_from(expected - received.len()).unwrap_or_default();
        if (&mut *stream).take(missing).read_buf(received).await? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
    }
}

type Secured = Result<((String, Description), String), Finding>;

/// Asks for TLS, and verifies the certificate.
async fn secure(address: IpAddr, host: &str, tls: &Tls, mut stream: impl Stream, offers_tls: bool) -> Secured {
    let addresses = vec![address];
    if !offers_tls {
        return Err(Finding::TlsNotOffered { addresses });
    }
    let handshake = async {
        stream.write_all(&greeting::tls_request()).await?;
        stream.flush().await?;
        tls.handshake(host, stream).await
    };
    match timeout(EXCHANGE, handshake).await {
        Err(_) => Err(Finding::SlowTls { addresses, seconds: EXCHANGE.as_secs() }),
        Ok(Err(error)) => Err(tls::finding(addresses, host, &error)),
        Ok(Ok(Handshake { version, certificate })) => {
            let described = certificate::describe(&certificate);
            let detail = format!("{version}, certificate of {}, valid until {}", described.issuer, described.expires);
            Ok(((version, described), detail))
        }
    }
}

async fn timed<T>(future: impl Future<Output = T>) -> (Duration, T) {
    let started = Instant::now();
    let result = future.await;
    (started.elapsed(), result)
}

fn flat<T>((address, (took, result)): (IpAddr, (Duration, T))) -> (IpAddr, Duration, T) {
    (address, took, result)
}

fn milliseconds(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
