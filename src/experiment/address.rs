//! Where a target is: as reports show it, and as sockets want it.
//!
//! A scenario's address comes in; a text without secrets, or an endpoint, goes out. Asks the
//! system for a name's addresses, and whether one of them accepts.

use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::engine::transport::clock::ReceiveClock;
use crate::engine::transport::endpoint::Endpoint;
use crate::engine::transport::route::Route;
use crate::experiment::trial_error::TrialError;
use crate::record::addresses::AddressesHead;
use crate::scenario::model::{Address, HttpAddress, Place, Scenario};
use crate::scenario::routing::{Resolve, Routing};

/// How long one of several addresses may take to accept before the next one is tried.
const ACCEPTS: Duration = Duration::from_secs(1);
/// How often a name is looked up again while it is loaded.
const AGAIN: Duration = Duration::from_secs(1);

/// How a target is reached.
pub(super) struct Reached {
    /// Where to connect.
    pub(super) endpoint: Endpoint,
    /// How long the look-up of its name took, if it has one.
    pub(super) lookup: Option<Duration>,
    /// Which of several addresses are used, unless they are a secret.
    pub(super) addresses: Option<AddressesHead>,
    /// Where connections go from the beginning; none where it is a socket file.
    pub(super) used: Vec<SocketAddr>,
    /// Addresses that a look-up finds later.
    pub(super) later: Later,
}

/// Addresses that a name got while it was loaded.
#[derive(Debug, Clone, Default)]
pub(super) struct Later(Arc<Mutex<Vec<String>>>);

/// The target as reports show it: without what came from the environment.
pub(super) fn shown(scenario: &Scenario) -> String {
    match &scenario.target.address {
        Address::Demo(_) => "the embedded demo API".to_owned(),
        Address::Http(address) => scenario.secrets.redact(&address.to_string()),
    }
}

/// What stamps the arrival of bytes of a scenario's target, where `best` is what this machine has
/// for packets: through a socket file go none.
pub(super) fn clock(scenario: &Scenario, best: ReceiveClock) -> ReceiveClock {
    match &scenario.target.address {
        Address::Http(address) if address.socket().is_some() => ReceiveClock::Generator,
        Address::Http(_) | Address::Demo(_) => best,
    }
}

/// Looks up how a target is reached.
pub(super) fn reach(address: &HttpAddress, scenario: &Scenario) -> Result<Reached, TrialError> {
    if let Some(path) = address.socket() {
        let (endpoint, lookup) = (Endpoint::Unix(path.into()), None);
        let (addresses, used, later) = (None, Vec::new(), Later::default());
        return Ok(Reached { endpoint, lookup, addresses, used, later });
    }
    let (all, lookup) = look_up(address, scenario)?;
    let routing = &scenario.target.routing;
    let is_again = routing.resolve == Resolve::EachConnection && lookup.is_some();
    let used = match routing.resolve {
        Resolve::All => all.clone(),
        Resolve::EachConnection if is_again => all[..1].to_vec(),
        Resolve::Once | Resolve::EachConnection => vec![first_that_accepts(&all)],
    };
    let later = Later::default();
    let news = is_again.then(|| keep_looking(address, routing, (all[0], later.clone())));
    let name = &address.host;
    let is_secret = scenario.secrets.redact(name) != *name;
    let addresses = (!is_secret && (all.len() > 1 || is_again)).then(|| AddressesHead {
        used: used.iter().map(SocketAddr::to_string).collect(),
        found: all.len() as u32,
    });
    let route = Route::new(used.clone(), routing.from.clone(), news);
    let endpoint = Endpoint::at(route, address.tls.as_ref());
    Ok(Reached { endpoint, lookup, addresses, used, later })
}

/// The addresses of a target that connections may go to, at least one, and how long the look-up
/// of its name took, if there was one.
fn look_up(
    address: &HttpAddress,
    scenario: &Scenario,
) -> Result<(Vec<SocketAddr>, Option<Duration>), TrialError> {
    let host = scenario.secrets.redact(&address.host);
    let asked = Instant::now();
    let found = address.addresses().map_err(|error| {
        TrialError::Unresolved(format!("the target's host \"{host}\" has no address: {error}"))
    })?;
    let is_number = address.host.parse::<IpAddr>().is_ok();
    let lookup = (address.place == Place::Named && !is_number).then(|| asked.elapsed());
    let all = fit(address, &scenario.target.routing, found);
    if all.is_empty() {
        let family = match scenario.target.routing.from.first() {
            None => "",
            Some(from) if from.is_ipv4() => " of IPv4, as the local addresses are",
            Some(_) => " of IPv6, as the local addresses are",
        };
        let why = format!("the target's host \"{host}\" has no address{family}");
        return Err(TrialError::Unresolved(why));
    }
    Ok((all, lookup))
}

/// Those that there is a way to; `localhost` is this machine, whatever a table of names says.
fn fit(address: &HttpAddress, routing: &Routing, found: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let is_here = address.place == Place::Named && address.host == "localhost";
    let from = &routing.from;
    let fits = |to: &SocketAddr| {
        (from.is_empty() || from.iter().any(|from| from.is_ipv4() == to.is_ipv4()))
            && (!is_here || to.ip().is_loopback())
    };
    found.into_iter().filter(fits).collect()
}

/// `localhost` may mean two addresses, of which one is served.
fn first_that_accepts(all: &[SocketAddr]) -> SocketAddr {
    let accepts = |socket: &&SocketAddr| TcpStream::connect_timeout(socket, ACCEPTS).is_ok();
    let chosen = if all.len() > 1 { all.iter().find(accepts) } else { None };
    *chosen.unwrap_or(&all[0])
}

/// Looks a name up again once a second, for as long as somebody wants to know. What cannot be
/// looked up stays as it was.
fn keep_looking(
    address: &HttpAddress,
    routing: &Routing,
    (first, later): (SocketAddr, Later),
) -> watch::Receiver<Vec<SocketAddr>> {
    let (sender, news) = watch::channel(vec![first]);
    let (address, routing) = (address.clone(), routing.clone());
    thread::spawn(move || {
        let mut latest = first;
        while !sender.is_closed() {
            thread::sleep(AGAIN);
            let found = address.addresses().unwrap_or_default();
            let Some(now) = fit(&address, &routing, found).first().copied() else { continue };
            if now != latest {
                latest = now;
                later.add(now);
                sender.send_replace(vec![now]);
            }
        }
    });
    news
}

impl Later {
    /// More are not kept: a name whose addresses change each second would fill the record.
    const MOST: usize = 100;

    fn add(&self, address: SocketAddr) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let text = address.to_string();
        if all.len() < Later::MOST && !all.contains(&text) {
            all.push(text);
        }
    }

    /// Those that were seen so far.
    pub(super) fn seen(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
