//! Where names are found and which addresses connections come from: `resolve` and
//! `local_addresses` of the target, and what the caller says of both.

use std::net::{IpAddr, UdpSocket};

use super::super::check::Check;
use super::super::document::Pointer;
use super::super::model::{Address, HttpAddress, Place, Target};
use super::super::origin::Origin;
use super::super::problems::Fault;
use super::super::raw_target::RawTarget;
use super::super::routing::{Permits, Pin, Resolve, Routing};
use super::host::{host, is_loopback};

/// More say nothing, and make each connection dearer.
const MOST_LOCAL: usize = 1_000;

/// How connections to the target are made.
pub(super) fn routing(
    raw: &RawTarget,
    address: Option<&Address>,
    origin: &Origin,
    (at, check): (&Pointer, &mut Check<'_>),
) -> Routing {
    let http = match address {
        Some(Address::Http(address)) => Some(address),
        Some(Address::Demo(_)) | None => None,
    };
    let place = at.key("resolve");
    let resolve = raw.resolve.as_deref().map(|text| check.fill(text));
    let resolve = resolve.and_then(|text| check.accept(&place, when(&text)));
    let is_socket = http.is_some_and(|address| address.socket().is_some());
    if is_socket && raw.resolve.is_some() {
        let fault = Fault::new("\"resolve\" means nothing for a socket file: it has no name");
        check.key(&place, fault.help("remove it"));
    }
    let place = at.key("local_addresses");
    let mut from = Vec::new();
    for (index, text) in raw.local_addresses.iter().enumerate() {
        let filled = check.fill(text);
        from.extend(check.accept(&place.item(index), local(&filled, origin)));
    }
    for text in &origin.caller.local {
        let found = local(text, origin).map_err(|fault| fault.of("--local-addr"));
        from.extend(check.accept(at, found));
    }
    let fault = unfit(&from, http);
    if let Some(fault) = fault {
        check.value(if raw.local_addresses.is_empty() { at } else { &place }, fault);
    }
    Routing { resolve: resolve.unwrap_or_default(), from }
}

fn when(text: &str) -> Result<Resolve, Fault> {
    match text {
        "once" => Ok(Resolve::Once),
        "all" => Ok(Resolve::All),
        "each-connection" => Ok(Resolve::EachConnection),
        other => {
            let fault = Fault::new(format!("\"{other}\" does not say when a name is looked up"));
            Err(fault.help(
                "write \"once\" (the first address that accepts), \"all\" (all addresses in turn) \
                 or \"each-connection\" (looked up again while it runs)",
            ))
        }
    }
}

/// An address of this machine.
fn local(text: &str, origin: &Origin) -> Result<IpAddr, Fault> {
    const HELP: &str = "write one of this machine's addresses, as `ip address` shows them: \
                        \"10.0.0.5\"";
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address: IpAddr =
        bare.parse().map_err(|_| Fault::new(format!("\"{text}\" is no address")).help(HELP))?;
    if address.is_unspecified() {
        let fault = Fault::new(format!("{address} is every address, and none to come from"));
        return Err(fault.help(HELP));
    }
    // Another machine has other addresses.
    let is_asked = origin.cores.is_some() || origin.looks;
    match UdpSocket::bind((address, 0)) {
        Err(error) if is_asked => {
            let fault =
                Fault::new(format!("{address} is no address that this machine has ({error})"));
            Err(fault.help(HELP))
        }
        Ok(_) | Err(_) => Ok(address),
    }
}

/// What is wrong with the addresses to come from, for a target whose own are known.
fn unfit(from: &[IpAddr], http: Option<&HttpAddress>) -> Option<Fault> {
    if from.is_empty() {
        return None;
    }
    if from.len() > MOST_LOCAL {
        return Some(Fault::new(format!("there are more than {MOST_LOCAL} local addresses")));
    }
    let http = http?;
    let targets: Vec<IpAddr> = match &http.place {
        Place::Socket(_) => {
            let fault = Fault::new("local addresses mean nothing for a socket file");
            return Some(fault.help("remove them"));
        }
        Place::Pinned(addresses) => addresses.clone(),
        Place::Named => http.host.parse().into_iter().collect(),
    };
    let is_met = |target: &IpAddr| from.iter().any(|from| from.is_ipv4() == target.is_ipv4());
    let unmet = targets.iter().find(|target| !is_met(target))?;
    let family = if unmet.is_ipv4() { "IPv4" } else { "IPv6" };
    let fault = Fault::new(format!(
        "the target is at {unmet}, and no local address is one of {family} as well"
    ));
    Some(fault.help(format!("add a local address of {family}, or reach the target otherwise")))
}

/// What the caller says of where hosts are found.
pub(super) fn pins(hosts: &[String], origin: &Origin, check: &mut Check<'_>) -> Vec<Pin> {
    let at = Pointer::default().key("target");
    let pin = |text: &String| pin(text, hosts).map_err(|fault| fault.of("--resolve"));
    origin.caller.resolve.iter().filter_map(|text| check.accept(&at, pin(text))).collect()
}

/// `HOST:PORT:ADDRESS`, with commas between several addresses and brackets around those of IPv6
/// that would be cut apart.
fn pin(text: &str, hosts: &[String]) -> Result<Pin, Fault> {
    let wrong = || {
        let fault = Fault::new(format!("\"{text}\" does not say where a host is found"));
        fault.help("write it as curl has it, HOST:PORT:ADDRESS: \"api.example.com:443:127.0.0.1\"")
    };
    let (name, rest) = match text.strip_prefix('[').and_then(|rest| rest.split_once("]:")) {
        Some(parts) => parts,
        None => text.split_once(':').ok_or_else(wrong)?,
    };
    let (port, addresses) = rest.split_once(':').ok_or_else(wrong)?;
    let port = port.parse().ok().filter(|port| *port > 0).ok_or_else(wrong)?;
    let is_plain = !name.contains('*') && !name.starts_with(['+', '-']);
    let host = host(name).ok().filter(|_| is_plain).ok_or_else(wrong)?;
    let mut found = Vec::new();
    for address in addresses.split(',') {
        let bare = address.trim_start_matches('[').trim_end_matches(']');
        let address: IpAddr = bare.parse().map_err(|_| wrong())?;
        if address.is_unspecified() {
            return Err(wrong());
        }
        let written = address.to_string();
        // A slip of the finger must not load somebody else.
        if !is_loopback(&written) && !hosts.contains(&written) {
            let fault = Fault::new(format!(
                "{written} is not this machine, and nothing says it may be loaded"
            ));
            return Err(fault.help(format!(
                "if it is yours to load, add --allow-host {written}, whatever its name is"
            )));
        }
        found.push(address);
    }
    Ok(Pin { host, port, addresses: found })
}

/// An address that the caller says is elsewhere than the system does.
pub(super) fn pinned(address: HttpAddress, permits: &Permits) -> HttpAddress {
    let fits = |pin: &&Pin| {
        address.place == Place::Named && pin.host == address.host && pin.port == address.port
    };
    // The latest one counts, as with curl.
    match permits.pins.iter().rev().find(fits) {
        Some(pin) => HttpAddress { place: Place::Pinned(pin.addresses.clone()), ..address },
        None => address,
    }
}

/// A host that the scenario does not ask is one that was written otherwise: its target would be
/// looked up, and loaded where it really is.
pub(super) fn all_are_used(
    permits: &Permits,
    target: Option<&Target>,
    origin: &Origin,
    check: &mut Check<'_>,
) {
    let Some(target) = target.filter(|_| !origin.caller.has_arms) else { return };
    let own = match &target.address {
        Address::Http(address) => Some(address),
        Address::Demo(_) => None,
    };
    let page = target.metrics.as_ref().and_then(|page| page.server.as_ref());
    let asked: Vec<&HttpAddress> = own.into_iter().chain(page).collect();
    for pin in &permits.pins {
        if asked.iter().any(|it| it.host == pin.host && it.port == pin.port) {
            continue;
        }
        let (host, port) = (&pin.host, pin.port);
        let fault = Fault::new(format!("--resolve: nobody is asked at {host}:{port}"));
        let own = own.map_or("the demo".to_owned(), HttpAddress::listener);
        let help = format!("the target is {own}; name that host and port, or leave the flag out");
        check.value(&Pointer::default().key("target"), fault.help(help));
    }
}
