//! The generator's ceilings, checked: how much of everything at most.

use super::tenants::USUAL_TOLD_APART;
use crate::units::Bytes;

/// The generator's ceilings. Reaching one is an outcome and a finding, not a crash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Open connections, all workers together.
    pub connections: u32,
    /// Iterations under way, all workers together; what is due beyond it is `unsent`.
    pub in_flight: u32,
    /// Requests under way on one connection, where it is HTTP/2.
    pub streams: u32,
    /// Bytes of one response's body.
    pub body: Bytes,
    /// Tenants that are told apart.
    pub tenants: u16,
    /// Threads that send; `None`: as many as the load needs.
    pub workers: Option<u16>,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            connections: 1_000,
            in_flight: 10_000,
            streams: 100,
            body: Bytes(10_000_000),
            tenants: USUAL_TOLD_APART,
            workers: None,
        }
    }
}
