//! Who may be loaded, where names are found, and which addresses connections come from.

use std::net::IpAddr;

/// What the caller says of the way to the target, besides the file.
#[derive(Debug, Clone, Default)]
pub struct Caller {
    /// Hosts other than loopback that may be loaded.
    pub allow: Vec<String>,
    /// `HOST:PORT:ADDRESS`: where hosts are found.
    pub resolve: Vec<String>,
    /// Addresses of this machine that connections come from.
    pub local: Vec<String>,
    /// Whether more targets than those of the file are named later.
    pub has_arms: bool,
}

/// What is wrong with a host that nobody has permitted, behind its name.
pub const NOT_PERMITTED: &str = " is not this machine, and nothing says it may be loaded";

/// Whom a scenario may load, and where it finds them.
#[derive(Debug, Clone, Default)]
pub struct Permits {
    /// Hosts other than loopback, normalised.
    pub hosts: Vec<String>,
    /// What is not looked up.
    pub pins: Vec<Pin>,
}

/// Where a port of a host is found, whatever the system says of its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// The host, normalised.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Its addresses; at least one.
    pub addresses: Vec<IpAddr>,
}

/// When a name is looked up, and which of its addresses are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Resolve {
    /// Once; the first of its addresses that accepts.
    #[default]
    Once,
    /// Once; all of its addresses in turn.
    All,
    /// Once a second; each connection takes the first of the latest addresses.
    EachConnection,
}

/// How connections to the target are made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Routing {
    /// Which of its addresses are used.
    pub resolve: Resolve,
    /// Addresses of this machine that connections come from, in turn; the system's choice if
    /// there are none.
    pub from: Vec<IpAddr>,
}
