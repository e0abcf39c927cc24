//! Why an agent does not accept an offer: whom it loads is its owner's affair.

use std::path::Path;

use crate::fleet::wire::Offer;
use crate::scenario::model::{Address, HttpAddress, Scenario};
use crate::scenario::problems::{Problem, Problems};
use crate::scenario::routing::NOT_PERMITTED;

/// Why an offer is not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) detail: String,
    pub(super) is_unlike: bool,
}

impl Refusal {
    /// Somebody else has to do something.
    pub(super) fn unready(detail: impl Into<String>) -> Refusal {
        Refusal { detail: detail.into(), is_unlike: false }
    }

    /// Nothing but a change helps.
    pub(super) fn unlike(detail: impl Into<String>) -> Refusal {
        Refusal { detail: detail.into(), is_unlike: true }
    }
}

/// Why a scenario that cannot be read is refused. Where nothing but its host is wrong no change of the
/// scenario helps.
pub(super) fn of(problems: &Problems) -> Refusal {
    let host = |problem: &Problem| problem.message.strip_suffix(NOT_PERMITTED).map(str::to_owned);
    let hosts: Option<Vec<String>> = problems.all.iter().map(host).collect();
    match hosts.as_ref().and_then(|hosts| hosts.first()) {
        Some(host) => not_allowed(host),
        None => Refusal::unlike(problems.to_string()),
    }
}

fn not_allowed(host: &str) -> Refusal {
    Refusal::unready(format!("this agent may not load {host}; start it with --allow-host {host}"))
}

/// Where the target listens: as the scenario says, or where the demo API was started.
pub(super) fn address_of(scenario: &Scenario, offer: &Offer) -> Result<HttpAddress, Refusal> {
    match (&scenario.target.address, &offer.demo) {
        (Address::Http(address), None) => Ok(address.clone()),
        (Address::Demo(_), Some(demo)) => {
            let address = HttpAddress::plain(&demo.host, demo.port);
            Ok(if demo.is_http2 { address.by_http2() } else { address })
        }
        (Address::Http(_), Some(_)) | (Address::Demo(_), None) => {
            Err(Refusal::unlike("the offer names another target than its scenario"))
        }
    }
}

/// Whether a target is one that the owner allows, whatever the scenario says.
pub(super) fn check_host(
    allow: &[String],
    scenario: &Scenario,
    address: &HttpAddress,
) -> Result<(), Refusal> {
    // Who listens at a socket file may be the master of this machine.
    let is_here = address.is_loopback() && address.socket().is_none();
    if is_here || allow.iter().any(|allowed| is_named(allowed, address)) {
        return Ok(());
    }
    let host = match address.socket() {
        Some(path) => format!("unix:{}", path.display()),
        None => address.host.clone(),
    };
    Err(not_allowed(&scenario.secrets.redact(&host)))
}

/// Whether an owner's word names an address: its host, or its socket file letter by letter.
fn is_named(allowed: &str, address: &HttpAddress) -> bool {
    match address.socket() {
        Some(path) => allowed.strip_prefix("unix:").is_some_and(|it| Path::new(it) == path),
        None => allowed.eq_ignore_ascii_case(&address.host),
    }
}
