//! The connection check against the simulated gateway: in memory and on a paused clock, with the real parser and real TLS.

mod answers;
mod commands;
mod documents;
mod layers;
mod parsing;

use ec2_sim::gateway::{Authority, Fault, Gateway};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{Error, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;
use tidb_private_endpoint::check::report::Report;
use tidb_private_endpoint::probe::network::Network;
use tidb_private_endpoint::probe::tls::Tls;
use tidb_private_endpoint::probe::{self};
use tidb_private_endpoint::request::check::CheckSpec;
use tidb_private_endpoint::runtime::clock::Clock;
use tokio::io::DuplexStream;

pub(crate) const HOST: &str = "gateway01-privatelink.us-east-1.prod.aws.tidbcloud.com";
const A: &str = "10.0.1.25";
const B: &str = "10.0.2.31";

static AUTHORITY: LazyLock<Authority> = LazyLock::new(|| Authority::new("private authority"));

/// What an address does with a connection.
#[derive(Clone)]
enum Place {
    Serves(Gateway),
    Drops,
    Fails(ErrorKind),
    /// With an error number of the system.
    FailsWith(i32),
}

type Resolved = Result<Vec<IpAddr>, ErrorKind>;

/// A network in memory.
#[derive(Clone)]
pub(crate) struct Net {
    /// What the name resolves to at each attempt; the last one stays.
    names: Arc<Mutex<Vec<Resolved>>>,
    places: BTreeMap<IpAddr, Place>,
    /// What went wrong on the other side.
    complaints: Arc<Mutex<Vec<String>>>,
    resolves_in: Duration,
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

impl Net {
    pub(crate) fn new(places: &[(&str, Fault)]) -> Self {
        let addresses: Vec<IpAddr> = places.iter().map(|(text, _)| address(text)).collect();
        let serves = |fault: &Fault| Place::Serves(Gateway::new(&AUTHORITY, HOST, fault.clone()));
        Self {
            names: Arc::new(Mutex::new(vec![Ok(addresses)])),
            places: places.iter().map(|(text, fault)| (address(text), serves(fault))).collect(),
            complaints: Arc::default(),
            resolves_in: Duration::from_millis(3),
        }
    }

    fn with(mut self, text: &str, place: Place) -> Self {
        self.places.insert(address(text), place);
        let addresses = self.places.keys().copied().collect();
        self.resolving(vec![Ok(addresses)])
    }

    fn resolving(self, names: Vec<Resolved>) -> Self {
        *self.names.lock().unwrap() = names;
        self
    }
}

impl Network for Net {
    type Stream = DuplexStream;

    async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Error> {
        assert_eq!(host, HOST);
        tokio::time::sleep(self.resolves_in).await;
        let mut names = self.names.lock().unwrap();
        let found = if names.len() > 1 { names.remove(0) } else { names[0].clone() };
        let found = found.map_err(|kind| Error::new(kind, "failed to lookup address information: Name not known"))?;
        Ok(found.into_iter().map(|address| SocketAddr::new(address, port)).collect())
    }

    async fn connect(&self, to: SocketAddr) -> Result<DuplexStream, Error> {
        assert_eq!(to.port(), 4000);
        tokio::time::sleep(Duration::from_millis(2)).await;
        match &self.places[&to.ip()] {
            Place::Fails(kind) => Err((*kind).into()),
            Place::FailsWith(number) => Err(Error::from_raw_os_error(*number)),
            Place::Drops => std::future::pending().await,
            Place::Serves(gateway) => {
                let (client, server) = tokio::io::duplex(4_096);
                let (gateway, complaints) = (gateway.clone(), self.complaints.clone());
                tokio::spawn(async move {
                    if let Err(error) = gateway.serve(server).await {
                        complaints.lock().unwrap().push(error.to_string());
                    }
                });
                Ok(client)
            }
        }
    }
}

pub(crate) fn tls() -> Tls {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Tls::new([AUTHORITY.der()])
}

fn spec(over: Value) -> CheckSpec {
    CheckSpec::read(&crate::cloud::with(json!({ "Host": HOST }), over)).unwrap()
}

/// One attempt.
async fn once(net: &Net) -> Report {
    run(net, &tls(), &spec(json!({})), 0).await
}

/// Attempts for some seconds.
async fn run(net: &Net, tls: &Tls, spec: &CheckSpec, seconds: i64) -> Report {
    let start: Timestamp = "2026-11-23T09:00:00Z".parse().unwrap();
    let (clock, until) = (Clock::starting_at(start), start + SignedDuration::from_secs(seconds));
    probe::check(net, tls, spec, &clock, until, &mut |_| {}).await
}
