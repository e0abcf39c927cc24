//! Where a target is: as reports show it, and as sockets want it.
//!
//! A scenario's address comes in; a text without secrets, or a socket's address, goes out. Asks
//! the system for a name's addresses, and whether one of them accepts.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::time::{Duration, Instant};

use crate::experiment::trial_error::TrialError;
use crate::scenario::model::{Address, HttpAddress, Scenario, Secrets};

/// The target as reports show it: without what came from the environment.
pub(super) fn shown(scenario: &Scenario) -> String {
    match &scenario.target.address {
        Address::Demo => "the embedded demo API".to_owned(),
        Address::Http(address) => scenario.secrets.redact(&address.to_string()),
    }
}

/// The target's address, and how long the look-up of its name took, if it has one.
pub(super) fn resolve(
    address: &HttpAddress,
    secrets: &Secrets,
) -> Result<(SocketAddr, Option<Duration>), TrialError> {
    let host = secrets.redact(&address.host);
    let name = (address.host.as_str(), address.port);
    let asked = Instant::now();
    let found = name.to_socket_addrs().map_err(|error| {
        TrialError::Unresolved(format!("the target's host \"{host}\" has no address: {error}"))
    })?;
    let is_number = address.host.parse::<IpAddr>().is_ok();
    let lookup = (!is_number).then(|| asked.elapsed());
    // The first that accepts: `localhost` may mean two addresses, of which one is served.
    let all: Vec<SocketAddr> = found.collect();
    let accepts = |socket: &&SocketAddr| {
        std::net::TcpStream::connect_timeout(socket, Duration::from_secs(1)).is_ok()
    };
    let first = all.first().copied();
    let chosen = if all.len() > 1 { all.iter().find(accepts).copied().or(first) } else { first };
    let socket = chosen.ok_or_else(|| {
        TrialError::Unresolved(format!("the target's host \"{host}\" has no address"))
    })?;
    Ok((socket, lookup))
}
