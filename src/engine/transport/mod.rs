//! Bytes and stamps, in and out: how a worker reaches its target.
//!
//! An [`endpoint`] says where the target is, a [`socket`] brings bytes there and back and knows
//! when they arrived, the [`poller`] waits for sockets and for a moment, and the [`clock`]
//! counts from the start of the schedule. Nothing here knows what the bytes mean.
//!
//! Each is an enum where there is a choice: another transport is one more variant of
//! [`endpoint::Endpoint`] and [`socket::Socket`], and a file. Tests have one that needs neither
//! sockets nor time.

pub mod clock;
pub mod endpoint;
pub mod poller;
pub mod route;
#[cfg(test)]
pub mod simulated;
pub mod socket;
pub mod tcp;
pub mod tls;
pub mod unix;
