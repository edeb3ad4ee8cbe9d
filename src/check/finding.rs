//! What can be wrong with a connection, and what to do about it.

use super::Layer;
use crate::model::ids::join;
use crate::request::check::Target;
use std::net::IpAddr;

/// What is wrong, in one layer. In all of them, `addresses` are those where it is so, and times are in seconds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Finding {
    #[error(
        "{host} does not resolve here ({error}). The name of a private endpoint resolves only inside the endpoint's VPC: \
         check that the endpoint is available with private DNS on, and that DNS support and DNS hostnames of the VPC are on. \
         In another VPC, check that a private hosted zone with exactly this name is associated with it, and that the alias \
         record in the zone leads to an endpoint that exists."
    )]
    Unresolved { host: String, error: String },
    #[error(
        "{host} resolves to the public address{} {}, so connections do not go through the endpoint. Check that the name is \
         the endpoint's attribute Host, and that DNS support and DNS hostnames of the VPC are on; if the VPC itself uses \
         public addresses, specify EndpointAddresses.",
        plural(.addresses), list(.addresses)
    )]
    Public { host: String, addresses: Vec<IpAddr> },
    #[error(
        "{host} resolves to {}, which EndpointAddresses does not contain ({}). Another endpoint or a private hosted zone \
         has the name in this VPC: look for it with aws route53 list-hosted-zones-by-vpc, compare its record with the \
         attribute DnsName, or correct EndpointAddresses.",
        list(.addresses), list(.expected)
    )]
    NotTheEndpoint { host: String, addresses: Vec<IpAddr>, expected: Vec<IpAddr> },

    #[error(
        "{} refused the connection to port {port}. Nothing listens there: check the port, which is 4000 for TiDB Cloud, \
         and that the name leads to the endpoint.",
        list(.addresses)
    )]
    Refused { addresses: Vec<IpAddr>, port: u16 },
    #[error(
        "{} did not respond on port {port} within {seconds} s, so something on the way drops the packets. Allow TCP port \
         {port} to the endpoint in the client's security group, from the client in the endpoint's security group, and in \
         the network ACLs of both subnets, which must also allow the way back (TCP ports 1024-65535). If the endpoint is in \
         another VPC, check that it exists, and that the route tables of both subnets lead to the other VPC.",
        list(.addresses)
    )]
    Dropped { addresses: Vec<IpAddr>, port: u16, seconds: u64 },
    #[error(
        "There is no route to {} ({error}). Check the route table of the client's subnet, and that the client has an \
         address of the same family.",
        list(.addresses)
    )]
    NoRoute { addresses: Vec<IpAddr>, error: String },
    #[error("The connection to {}, port {port}, failed ({error}). Check that the name leads to the endpoint.", list(.addresses))]
    NotConnected { addresses: Vec<IpAddr>, port: u16, error: String },

    #[error(
        "{} accepted the connection to port {port} and sent nothing within {seconds} s, but a MySQL server greets first. \
         Check the port; if it is right, the service behind the endpoint has no working server: contact TiDB Cloud Support.",
        list(.addresses)
    )]
    Silent { addresses: Vec<IpAddr>, port: u16, seconds: u64 },
    #[error(
        "{} accepted the connection to port {port} and closed it without a greeting. The service behind the endpoint has no \
         working server, or does not accept this endpoint: check the instance's state and its Authorized Networks in \
         TiDB Cloud.",
        list(.addresses)
    )]
    Closed { addresses: Vec<IpAddr>, port: u16 },
    #[error(
        "{} closed the connection in the middle of its greeting. Try again; if it happens again, something between the \
         client and TiDB Cloud ends connections: check for a proxy or a firewall.",
        list(.addresses)
    )]
    HalfGreeting { addresses: Vec<IpAddr> },
    #[error(
        "{} did not complete its greeting within {seconds} s. The network or the server is overloaded, or something between \
         the client and TiDB Cloud holds the data back. Try again; if it happens again, check for a proxy or a firewall.",
        list(.addresses)
    )]
    SlowGreeting { addresses: Vec<IpAddr>, seconds: u64 },
    #[error(
        "The server at {}, port {port}, is not a MySQL server: it sent '{sent}'. Check the port, which is 4000 for TiDB \
         Cloud, and that the name leads to the endpoint.",
        list(.addresses)
    )]
    NotMySql { addresses: Vec<IpAddr>, port: u16, sent: String },
    #[error(
        "{} refused the connection with the MySQL error {code}, '{message}'. Follow that message; in TiDB Cloud, check the \
         instance's state, its spending limit, and its Authorized Networks.",
        list(.addresses)
    )]
    Rejected { addresses: Vec<IpAddr>, code: u16, message: String },

    #[error(
        "The MySQL server at {} does not offer TLS. TiDB Cloud always does, so another server answers there: check the name \
         and the port.",
        list(.addresses)
    )]
    TlsNotOffered { addresses: Vec<IpAddr> },
    #[error(
        "{} offers no version of TLS that this client accepts (1.2 and 1.3). TiDB Cloud offers both, so another server or a \
         proxy answers there: check the name and the port, and check for a proxy.",
        list(.addresses)
    )]
    TlsVersion { addresses: Vec<IpAddr> },
    #[error(
        "The certificate that {} presents for {host} is not from an authority that this system trusts ({error}). Update the \
         system's root certificates or name a file of them in SSL_CERT_FILE, and check for a proxy that replaces \
         certificates.",
        list(.addresses)
    )]
    Untrusted { addresses: Vec<IpAddr>, host: String, error: String },
    #[error(
        "The certificate that {} presents is for {presented}, not for {host}. Connect to the attribute Host of an endpoint \
         that has private DNS on; the names that AWS assigns are not in TiDB Cloud's certificate.",
        list(.addresses)
    )]
    WrongName { addresses: Vec<IpAddr>, host: String, presented: String },
    #[error(
        "The certificate that {} presents for {host} expired ({when}). Check this system's clock; if it is right, contact \
         TiDB Cloud Support.",
        list(.addresses)
    )]
    Expired { addresses: Vec<IpAddr>, host: String, when: String },
    #[error(
        "The certificate that {} presents for {host} is not valid yet ({when}). Check this system's clock; if it is right, \
         contact TiDB Cloud Support.",
        list(.addresses)
    )]
    NotYetValid { addresses: Vec<IpAddr>, host: String, when: String },
    #[error(
        "This system has no root certificates, so no certificate can be verified. Install them (the package \
         ca-certificates), or name a file of them in SSL_CERT_FILE."
    )]
    NoRoots,
    #[error(
        "{} did not complete the TLS handshake within {seconds} s. The network or the server is overloaded, or something \
         between the client and TiDB Cloud holds the data back. Try again; if it happens again, check for a proxy or a firewall.",
        list(.addresses)
    )]
    SlowTls { addresses: Vec<IpAddr>, seconds: u64 },
    #[error(
        "The TLS handshake with {} failed ({error}). Check for a proxy between the client and TiDB Cloud.",
        list(.addresses)
    )]
    TlsFailed { addresses: Vec<IpAddr>, error: String },
}

impl Finding {
    pub fn layer(&self) -> Layer {
        match self {
            Self::Unresolved { .. } | Self::Public { .. } | Self::NotTheEndpoint { .. } => Layer::Name,
            Self::Refused { .. } | Self::Dropped { .. } | Self::NoRoute { .. } | Self::NotConnected { .. } => {
                Layer::Tcp
            }
            Self::Silent { .. }
            | Self::Closed { .. }
            | Self::HalfGreeting { .. }
            | Self::SlowGreeting { .. }
            | Self::NotMySql { .. }
            | Self::Rejected { .. } => Layer::Greeting,
            Self::TlsNotOffered { .. }
            | Self::TlsVersion { .. }
            | Self::Untrusted { .. }
            | Self::WrongName { .. }
            | Self::Expired { .. }
            | Self::NotYetValid { .. }
            | Self::NoRoots
            | Self::SlowTls { .. }
            | Self::TlsFailed { .. } => Layer::Tls,
        }
    }

    /// Whether waiting does not help.
    pub fn is_final(&self) -> bool {
        self.layer() == Layer::Tls && !matches!(self, Self::SlowTls { .. } | Self::TlsFailed { .. })
    }

    /// Takes in a finding at another address if it is otherwise the same, so that one sentence says both.
    pub fn absorb(&mut self, other: &Self) -> bool {
        let mut same = other.clone();
        let (Some(mine), Some(theirs)) = (self.addresses_mut(), same.addresses_mut()) else { return *self == *other };
        let (before, added) = (mine.clone(), std::mem::replace(theirs, mine.clone()));
        if *self != same {
            return false;
        }
        if let Some(mine) = self.addresses_mut() {
            *mine = before.into_iter().chain(added).collect();
        }
        true
    }

    fn addresses_mut(&mut self) -> Option<&mut Vec<IpAddr>> {
        match self {
            Self::Unresolved { .. } | Self::NoRoots => None,
            Self::Public { addresses, .. }
            | Self::NotTheEndpoint { addresses, .. }
            | Self::Refused { addresses, .. }
            | Self::Dropped { addresses, .. }
            | Self::NoRoute { addresses, .. }
            | Self::NotConnected { addresses, .. }
            | Self::Silent { addresses, .. }
            | Self::Closed { addresses, .. }
            | Self::HalfGreeting { addresses }
            | Self::SlowGreeting { addresses, .. }
            | Self::NotMySql { addresses, .. }
            | Self::Rejected { addresses, .. }
            | Self::TlsNotOffered { addresses }
            | Self::TlsVersion { addresses }
            | Self::Untrusted { addresses, .. }
            | Self::WrongName { addresses, .. }
            | Self::Expired { addresses, .. }
            | Self::NotYetValid { addresses, .. }
            | Self::SlowTls { addresses, .. }
            | Self::TlsFailed { addresses, .. } => Some(addresses),
        }
    }
}

/// What is wrong with the addresses that a name has; `None` if they can be the endpoint's.
///
/// Without a list to compare with, only IPv4 addresses tell: those of a VPC's IPv6 block are public in form.
pub fn examine_addresses(target: &Target, found: &[IpAddr], expected: &[IpAddr]) -> Option<Finding> {
    let host = target.host.clone();
    if expected.is_empty() {
        let public: Vec<IpAddr> = found.iter().copied().filter(is_public_ipv4).collect();
        return (!public.is_empty()).then_some(Finding::Public { host, addresses: public });
    }
    let others: Vec<IpAddr> = found.iter().copied().filter(|address| !expected.contains(address)).collect();
    (!others.is_empty()).then(|| Finding::NotTheEndpoint { host, addresses: others, expected: expected.to_vec() })
}

/// VPCs also use the range for carrier-grade NAT, 100.64.0.0/10 (Amazon VPC user guide, "VPC CIDR blocks").
fn is_public_ipv4(address: &IpAddr) -> bool {
    let IpAddr::V4(address) = address else { return false };
    let [first, second, ..] = address.octets();
    let is_shared = first == 100 && second & 0xc0 == 64;
    !(address.is_private() || address.is_loopback() || address.is_link_local() || is_shared)
}

fn list(addresses: &[IpAddr]) -> String {
    join(addresses, ", ")
}

fn plural(addresses: &[IpAddr]) -> &'static str {
    if addresses.len() == 1 { "" } else { "es" }
}
