//! Where a target is, and by which transport it is reached.

use std::net::SocketAddr;

use crate::tls::Client;

/// Where to connect.
#[derive(Debug, Clone)]
pub enum Endpoint {
    /// By TCP.
    Tcp(SocketAddr),
    /// By TLS on TCP.
    Tls(SocketAddr, Client),
    /// In a test's own world.
    #[cfg(test)]
    Simulated(crate::engine::transport::simulated::World),
}

impl Endpoint {
    /// An address, by TLS if there is a client for that.
    pub fn at(address: SocketAddr, client: Option<&Client>) -> Endpoint {
        match client {
            None => Endpoint::Tcp(address),
            Some(client) => Endpoint::Tls(address, client.clone()),
        }
    }

    /// The same for one worker: nothing of it is shared with others.
    #[must_use]
    pub fn apart(&self) -> Endpoint {
        match self {
            Endpoint::Tcp(address) => Endpoint::Tcp(*address),
            Endpoint::Tls(address, client) => Endpoint::Tls(*address, client.apart()),
            #[cfg(test)]
            Endpoint::Simulated(world) => Endpoint::Simulated(world.clone()),
        }
    }
}
