//! Ports of this machine: which is free, and which of them a target listens on.
//!
//! A free port is free when it is looked for and perhaps not when it is used: nothing can
//! hold it for a process that binds it itself. It is therefore taken from below those that
//! the system gives to outgoing connections, of which a load generator makes thousands.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

use super::procfs::ProcessTree;

/// Linux gives those from 32768 on to outgoing connections, others those from 49152 on.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// How many ports were given out: what was free a moment ago is not tried again soon.
static GIVEN: AtomicU16 = AtomicU16::new(0);

/// A port of loopback that nobody listens on, over IPv4 and IPv6.
pub fn free_port() -> io::Result<u16> {
    // Processes that look at the same time begin at different places.
    let begin = (std::process::id() % u32::from(COUNT)) as u16;
    for _ in 0..COUNT {
        let step = GIVEN.fetch_add(1, Ordering::Relaxed) % COUNT;
        let port = FIRST + (begin.wrapping_mul(37) % COUNT + step) % COUNT;
        if is_free(port) {
            return Ok(port);
        }
    }
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr().map(|address| address.port())
}

fn is_free(port: u16) -> bool {
    let is_taken = |bound: io::Result<TcpListener>| {
        bound.is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse)
    };
    // Any other error, such as a machine without IPv6, says nothing about the port.
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
        && !is_taken(TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)))
        && !is_taken(TcpListener::bind((Ipv6Addr::LOCALHOST, port)))
}

/// The ports that the processes of a target listen on, in ascending order; empty where
/// the system does not tell.
#[cfg(target_os = "linux")]
pub fn listening(tree: ProcessTree) -> Vec<u16> {
    use procfs::net::{TcpState, tcp, tcp6};
    let top = tree.supervisor.unwrap_or(tree.root).cast_signed();
    let mut processes = super::descendants::descendants(top);
    processes.push(tree.root.cast_signed());
    let sockets = sockets_of(&processes);
    let entries = tcp().into_iter().flatten().chain(tcp6().into_iter().flatten());
    let mut ports: Vec<u16> = entries
        .filter(|entry| entry.state == TcpState::Listen && sockets.contains(&entry.inode))
        .map(|entry| entry.local_address.port())
        .collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

/// The ports on which something of this user's listens, in ascending order; empty where the
/// system does not tell.
#[cfg(target_os = "linux")]
pub fn open() -> Vec<u16> {
    use procfs::net::{TcpState, tcp, tcp6};
    let myself = procfs::process::Process::myself().and_then(|process| process.uid());
    let Ok(own) = myself else { return Vec::new() };
    let entries = tcp().into_iter().flatten().chain(tcp6().into_iter().flatten());
    let listening = entries.filter(|entry| entry.state == TcpState::Listen && entry.uid == own);
    let mut ports: Vec<u16> = listening.map(|entry| entry.local_address.port()).collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

/// Nothing is known here.
#[cfg(not(target_os = "linux"))]
pub fn open() -> Vec<u16> {
    Vec::new()
}

/// The value of an environment variable of a target's command.
#[cfg(target_os = "linux")]
pub fn variable(tree: ProcessTree, name: &str) -> Option<String> {
    let process = procfs::process::Process::new(tree.root.cast_signed()).ok()?;
    let value = process.environ().ok()?.remove(std::ffi::OsStr::new(name))?;
    value.into_string().ok()
}

/// Nothing is known here.
#[cfg(not(target_os = "linux"))]
pub fn variable(_tree: ProcessTree, _name: &str) -> Option<String> {
    None
}

/// The process that listens on a port of this machine: of several that share the socket, the one
/// that began first. `None` also where the system does not let it be seen.
#[cfg(target_os = "linux")]
pub fn listener(port: u16) -> Option<u32> {
    use procfs::net::{TcpState, tcp, tcp6};
    let entries = tcp().into_iter().flatten().chain(tcp6().into_iter().flatten());
    let is_it = |entry: &procfs::net::TcpNetEntry| {
        entry.state == TcpState::Listen && entry.local_address.port() == port
    };
    let inodes: Vec<u64> = entries.filter(is_it).map(|entry| entry.inode).collect();
    let processes = procfs::process::all_processes().ok()?.filter_map(Result::ok);
    let holders = processes.map(|process| process.pid()).filter(|pid| {
        let sockets = sockets_of(&[*pid]);
        inodes.iter().any(|inode| sockets.contains(inode))
    });
    let first = holders.filter_map(|pid| Some((super::procfs::birth(pid)?, pid))).min();
    first.map(|(_, pid)| pid.unsigned_abs())
}

/// Nothing is known here.
#[cfg(not(target_os = "linux"))]
pub fn listener(_port: u16) -> Option<u32> {
    None
}

#[cfg(target_os = "linux")]
fn sockets_of(processes: &[i32]) -> std::collections::HashSet<u64> {
    use procfs::process::{FDTarget, Process};
    let descriptors = processes
        .iter()
        .filter_map(|pid| Process::new(*pid).ok()?.fd().ok())
        .flat_map(|descriptors| descriptors.filter_map(Result::ok));
    let socket = |target| match target {
        FDTarget::Socket(inode) => Some(inode),
        _ => None,
    };
    descriptors.filter_map(|descriptor| socket(descriptor.target)).collect()
}

/// Nothing is known here.
#[cfg(not(target_os = "linux"))]
pub fn listening(_tree: ProcessTree) -> Vec<u16> {
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_ports_are_different_and_can_be_bound() {
        let held: Vec<TcpListener> = (0..20)
            .map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, free_port().unwrap())).unwrap())
            .collect();
        assert_eq!(held.len(), 20);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_listens_here_is_found() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(open().contains(&port));
        assert_eq!(super::listener(port), Some(std::process::id()));
        drop(listener);
        assert!(!open().contains(&port));
    }

    #[test]
    fn a_port_in_use_is_not_free() {
        for address in ["127.0.0.1:0", "0.0.0.0:0"] {
            let listener = TcpListener::bind(address).unwrap();
            assert!(!is_free(listener.local_addr().unwrap().port()), "{address}");
        }
    }
}
