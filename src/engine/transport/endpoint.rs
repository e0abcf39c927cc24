//! Where a target is, and by which transport it is reached.

use std::net::SocketAddr;

/// Where to connect.
#[derive(Debug, Clone)]
pub enum Endpoint {
    /// By TCP.
    Tcp(SocketAddr),
    /// In a test's own world.
    #[cfg(test)]
    Simulated(crate::engine::transport::simulated::World),
}
