//! Where a target is: its url in parts, and whether it may be loaded.
//!
//! A url comes in as it is written, an [`HttpAddress`] or what is wrong with it goes out. Nothing
//! is looked up and nothing connected to.

use std::path::Path;

use url::Url;

use super::super::check::Check;
use super::super::document::Pointer;
use super::super::http_address::UNIX;
use super::super::model::{HttpAddress, Place};
use super::super::origin::Origin;
use super::super::problems::Fault;
use super::super::raw::RawScenario;
use super::super::routing::NOT_PERMITTED;
use super::super::routing::Permits;
use super::host::{bare, host, is_loopback};
use super::{routing, tls};

/// The longest path of a socket file, in bytes: what the system has room for (unix(7)).
const LONGEST_SOCKET: usize = 107;

/// The hosts that may be loaded, from the file and from the caller, normalised.
pub(super) fn permits(raw: &RawScenario, origin: &Origin, check: &mut Check<'_>) -> Permits {
    let at = Pointer::default().key("allow");
    let mut hosts = Vec::new();
    for (index, text) in raw.allow.iter().enumerate() {
        let filled = check.fill(text);
        hosts.extend(check.accept(&at.item(index), host(&filled)));
    }
    for text in &origin.caller.allow {
        hosts.extend(check.accept(&at, host(text)));
    }
    let pins = routing::pins(&hosts, origin, check);
    Permits { hosts, pins }
}

impl HttpAddress {
    /// The parts of a url whose host is this machine or permitted, such as by
    /// [`Scenario::allow`](super::super::model::Scenario::allow); else what is wrong with it.
    /// The path of a socket file is relative to `folder`.
    pub fn of_url(url: &str, permits: &Permits, folder: &Path) -> Result<HttpAddress, String> {
        let parsed = parse(url, folder).and_then(|(address, is_secured)| {
            let address = permitted(address, permits)?;
            if is_secured { tls::by_default(address) } else { Ok(address) }
        });
        parsed.map_err(|fault| {
            let help = fault.help.map(|help| format!("; {help}")).unwrap_or_default();
            format!("{}{help}", fault.message)
        })
    }
}

/// The parts of a url, and whether it is one of TLS.
pub(super) fn parse(text: &str, folder: &Path) -> Result<(HttpAddress, bool), Fault> {
    if let Some(socket) = text.strip_prefix(UNIX) {
        return at_socket(socket, folder).map(|address| (address, false));
    }
    if let Some(fault) = other_socket(text) {
        return Err(fault);
    }
    by_tcp(text)
}

fn by_tcp(text: &str) -> Result<(HttpAddress, bool), Fault> {
    const HELP: &str = "write it like \"http://127.0.0.1:3000\"";
    let url = Url::parse(text)
        .map_err(|error| Fault::new(format!("\"{text}\" is not a url: {error}")).help(HELP))?;
    let is_secured = match url.scheme() {
        "http" => false,
        "https" => true,
        other => {
            let fault = Fault::new(format!(
                "the url must start with http://, https:// or unix:, found {other}:"
            ));
            return Err(fault.help(HELP));
        }
    };
    if !url.username().is_empty() || url.password().is_some() {
        let fault = Fault::new("the url must not contain credentials");
        return Err(
            fault.help("send an authorization header from the environment: \"Bearer ${TOKEN}\"")
        );
    }
    if url.query().is_some() || url.fragment().is_some() {
        let fault = Fault::new("the target's url has no query and no fragment");
        return Err(fault.help("queries belong to the requests of steps"));
    }
    let host = url.host().as_ref().map(bare).unwrap_or_default();
    let prefix = url.path().trim_end_matches('/').to_owned();
    let address = HttpAddress::plain(&host, url.port_or_known_default().unwrap_or(80));
    Ok((HttpAddress { prefix, ..address }, is_secured))
}

/// What stands behind `unix:`: the path of a socket file, and after a colon what precedes every
/// path, as nginx has it.
fn at_socket(text: &str, folder: &Path) -> Result<HttpAddress, Fault> {
    const HELP: &str = "write it like \"unix:/run/app.sock\", or \"unix:/run/app.sock:/api\" where \
                        every path begins with /api";
    let (path, prefix) = text.split_once(':').unwrap_or((text, ""));
    let fault = match path {
        "" => Some("the url names no socket file"),
        _ if path.starts_with("//") => Some("a socket file's url has no // behind unix:"),
        _ if path.starts_with('@') => {
            Some("sockets without a file (abstract ones) are not reached")
        }
        _ if path.contains('\0') => Some("the path of a socket file has a zero byte"),
        _ if !(prefix.is_empty() || prefix.starts_with('/')) => {
            Some("what stands behind the socket file must begin with /")
        }
        _ => None,
    };
    if let Some(fault) = fault {
        return Err(Fault::new(fault).help(HELP));
    }
    let path = folder.join(path);
    let length = path.as_os_str().len();
    if length > LONGEST_SOCKET {
        let shown = path.display();
        let fault = Fault::new(format!(
            "the path of a socket file has at most {LONGEST_SOCKET} bytes, and {shown} has {length}"
        ));
        return Err(fault.help("put it into a folder with a shorter name, such as /tmp or /run"));
    }
    let (like, _) = by_tcp(&format!("http://localhost{prefix}"))?;
    Ok(HttpAddress { prefix: like.prefix, ..HttpAddress::at_socket(path) })
}

/// A socket file in the spelling of other tools.
fn other_socket(text: &str) -> Option<Fault> {
    let rest = ["http+unix://", "http://unix:", "https://unix:"]
        .iter()
        .find_map(|other| text.strip_prefix(other));
    let path = rest.or_else(|| Some(text).filter(|text| text.starts_with(['/', '.'])))?;
    let path = path.replace("%2F", "/").replace("%2f", "/");
    let fault = Fault::new(format!("\"{text}\" is no url of a socket file"));
    let help = format!(
        "write \"unix:{path}\", with a colon between the file and what precedes every path: \
         \"unix:/run/app.sock:/api\""
    );
    Some(fault.help(help))
}

pub(super) fn permitted(address: HttpAddress, permits: &Permits) -> Result<HttpAddress, Fault> {
    let address = routing::pinned(address, permits);
    // Where it is pinned to has been permitted, and nothing is sent anywhere else.
    if address.place != Place::Named {
        return Ok(address);
    }
    let ip = address.host.parse::<std::net::IpAddr>();
    if let Some(ip) = ip.ok().filter(std::net::IpAddr::is_unspecified) {
        let host = if ip.is_ipv4() { "127.0.0.1" } else { "::1" };
        let here = HttpAddress { host: host.to_owned(), ..address };
        let fault = Fault::new(format!("{ip} is where a server listens, not where it is reached"));
        return Err(fault.help(format!("write \"{here}\" for a server on this machine")));
    }
    if is_loopback(&address.host) || permits.hosts.contains(&address.host) {
        return Ok(address);
    }
    let host = &address.host;
    let fault = Fault::new(format!("{host}{NOT_PERMITTED}"));
    Err(fault.help(format!(
        "if it is yours to load, add \"allow\": [\"{host}\"] to the scenario or --allow-host {host}"
    )))
}
