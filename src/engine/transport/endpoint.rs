//! Where a target is, and by which transport it is reached.

use std::path::Path;
use std::sync::Arc;

use crate::engine::transport::route::Route;
use crate::tls::Client;

/// Where to connect.
#[derive(Debug, Clone)]
pub enum Endpoint {
    /// By TCP.
    Tcp(Route),
    /// By TLS on TCP.
    Tls(Route, Client),
    /// By a socket file of this machine.
    Unix(Arc<Path>),
    /// In a test's own world.
    #[cfg(test)]
    Simulated(crate::engine::transport::simulated::World),
}

impl Endpoint {
    /// At the end of a route, by TLS if there is a client for that.
    pub fn at(route: Route, client: Option<&Client>) -> Endpoint {
        match client {
            None => Endpoint::Tcp(route),
            Some(client) => Endpoint::Tls(route, client.clone()),
        }
    }

    /// The same for one worker: nothing of it is shared with others.
    #[must_use]
    pub fn apart(&self) -> Endpoint {
        match self {
            Endpoint::Tcp(route) => Endpoint::Tcp(route.clone()),
            Endpoint::Tls(route, client) => Endpoint::Tls(route.clone(), client.apart()),
            Endpoint::Unix(path) => Endpoint::Unix(Arc::clone(path)),
            #[cfg(test)]
            Endpoint::Simulated(world) => Endpoint::Simulated(world.clone()),
        }
    }
}
