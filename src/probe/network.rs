//! The one door of the check to the network.

use std::future::Future;
use std::io::Result;
use std::net::SocketAddr;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};

pub trait Stream: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream for S {}

/// Names and connections: the system's, or a simulation of them.
pub trait Network {
    type Stream: Stream;

    /// The addresses of a name, each with the port.
    fn resolve(&self, host: &str, port: u16) -> impl Future<Output = Result<Vec<SocketAddr>>>;

    fn connect(&self, address: SocketAddr) -> impl Future<Output = Result<Self::Stream>>;
}

/// The system's resolver and its sockets.
#[derive(Debug, Clone, Copy)]
pub struct System;

impl Network for System {
    type Stream = TcpStream;

    async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>> {
        Ok(lookup_host((host, port)).await?.collect())
    }

    async fn connect(&self, address: SocketAddr) -> Result<TcpStream> {
        TcpStream::connect(address).await
    }
}
