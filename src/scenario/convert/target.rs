//! The system under test: where it is, whether it may be loaded, how to start it.

use std::time::Duration;

use url::{Host, Url};

use super::super::check::Check;
use super::super::document::Pointer;
use super::super::model::{Address, HttpAddress, Ready, StartCommand, Target};
use super::super::origin::Origin;
use super::super::problems::Fault;
use super::super::raw::{RawReady, RawScenario, RawTarget};
use super::load::positive;
use super::request::header_fault;
use super::variables::variables;
use super::{arms, metrics, program, tls};

/// The header that carries each request's id if the scenario does not say.
const REQUEST_ID: &str = "x-request-id";
/// How long a target may take to become ready if the scenario does not say.
const READY_WITHIN: &str = "30s";
/// The same for one that runs already, or does not.
const ANSWERS_WITHIN: &str = "5s";

/// How long the port of a target that runs already may refuse connections, if the scenario
/// does not say how long it may take to get ready: nobody listens there.
const REFUSED: Duration = Duration::from_secs(1);

/// The hosts that may be loaded, from the file and from the caller, normalised.
pub(super) fn allowed(raw: &RawScenario, origin: &Origin, check: &mut Check<'_>) -> Vec<String> {
    let at = Pointer::default().key("allow");
    let mut hosts = Vec::new();
    for (index, text) in raw.allow.iter().enumerate() {
        let filled = check.fill(text);
        hosts.extend(check.accept(&at.item(index), host(&filled)));
    }
    for text in &origin.extra_allow {
        hosts.extend(check.accept(&at, host(text)));
    }
    hosts
}

/// The target; its address must be permitted.
pub(super) fn target(
    raw: &RawTarget,
    allow: &[String],
    origin: &Origin,
    check: &mut Check<'_>,
) -> Option<Target> {
    let at = Pointer::default().key("target");
    let address = address(raw, (allow, origin), &at, check);
    let start = start(raw, origin, &at, check);
    if let Some(start) = start.as_ref().filter(|_| origin.looks) {
        program::look(start, raw.cwd.is_some(), &at, check);
    }
    let within = if raw.command.is_some() { READY_WITHIN } else { ANSWERS_WITHIN };
    let ready = ready(raw.ready.as_ref(), within, &at.key("ready"), check);
    let is_patient =
        raw.command.is_some() || raw.ready.as_ref().is_some_and(|ready| ready.within.is_some());
    let ready =
        ready.map(|ready| if is_patient { ready } else { Ready { refused_for: REFUSED, ..ready } });
    let metrics = raw.metrics.as_ref();
    let metrics = metrics.and_then(|raw| metrics::page(&raw.0, allow, &at.key("metrics"), check));
    let postgres = raw.postgres.as_ref();
    let postgres = postgres.and_then(|raw| metrics::connection(raw, &at.key("postgres"), check));
    let arms = arms::arms(raw, &at, check);
    let request_id = request_id(raw, &at.key("request_id"), check);
    if let (Some(start), Some(arms), true) = (&start, &arms, origin.looks)
        && let Some(prepare) = &arms.prepare
    {
        let prepare = StartCommand { command: prepare.command.clone(), ..start.clone() };
        program::look(&prepare, false, &at.key("prepare"), check);
    }
    let (address, ready, arms) = (address?, ready?, arms?);
    Some(Target { address, start, ready, metrics, postgres, request_id, arms, assigned: None })
}

impl HttpAddress {
    /// The parts of a url whose host is this machine or in `allow`, such as
    /// [`Scenario::allow`](super::super::model::Scenario::allow); else what is wrong with it.
    pub fn of_url(url: &str, allow: &[String]) -> Result<HttpAddress, String> {
        let parsed = http_address(url).and_then(|(address, is_secured)| {
            let address = permitted(address, allow)?;
            if is_secured { tls::by_default(address) } else { Ok(address) }
        });
        parsed.map_err(|fault| {
            let help = fault.help.map(|help| format!("; {help}")).unwrap_or_default();
            format!("{}{help}", fault.message)
        })
    }
}

/// The address of a target that is not the demo.
pub(super) fn http(target: &Target) -> Option<&HttpAddress> {
    match &target.address {
        Address::Demo => None,
        Address::Http(address) => Some(address),
    }
}

/// What precedes every path.
pub(super) fn prefix(target: &Target) -> String {
    http(target).map(|address| address.prefix.clone()).unwrap_or_default()
}

fn address(
    raw: &RawTarget,
    (allow, origin): (&[String], &Origin),
    at: &Pointer,
    check: &mut Check<'_>,
) -> Option<Address> {
    match (raw.demo, &raw.url) {
        (Some(true), None) => {
            demo_stands_alone(raw, at, check);
            Some(Address::Demo)
        }
        (Some(true), Some(_)) => {
            let fault = Fault::new("the target is either the demo or a url, not both");
            check.key(&at.key("url"), fault.help("remove \"demo\" or \"url\""));
            None
        }
        (Some(false), _) => {
            let fault = Fault::new("\"demo\" is either true or left out");
            check.value(&at.key("demo"), fault.help("remove it, and give a \"url\" instead"));
            None
        }
        (None, Some(url)) => {
            let filled = check.fill(url);
            let parsed = http_address(&filled).and_then(|(address, is_secured)| {
                permitted(address, allow).map(|address| (address, is_secured))
            });
            let (address, is_secured) = check.accept(&at.key("url"), parsed)?;
            let address =
                tls::secured(raw.tls.as_ref(), (address, is_secured), origin, (at, check))?;
            Some(Address::Http(tls::versioned(raw.http2, address, at, check)))
        }
        (None, None) => {
            let fault = Fault::new("the target is missing");
            let help =
                "add \"url\": \"http://127.0.0.1:3000\", or \"demo\": true for the built-in API";
            check.value(at, fault.help(help));
            None
        }
    }
}

fn demo_stands_alone(raw: &RawTarget, at: &Pointer, check: &mut Check<'_>) {
    let others = [
        ("command", raw.command.is_some()),
        ("cwd", raw.cwd.is_some()),
        ("env", !raw.env.0.is_empty()),
        ("ready", raw.ready.is_some()),
        ("tls", raw.tls.is_some()),
        ("http2", raw.http2.is_some()),
        ("port_variable", raw.port_variable.is_some()),
        ("prepare", raw.prepare.is_some()),
        ("arms", raw.arms.is_some()),
        ("postgres", raw.postgres.is_some()),
    ];
    for (key, _) in others.iter().filter(|(_, given)| *given) {
        let fault = Fault::new(format!("\"{key}\" means nothing for the demo"));
        check.key(&at.key(key), fault.help("remove it, or give a \"url\" instead of \"demo\""));
    }
}

/// The parts of a url, and whether it is one of TLS.
fn http_address(text: &str) -> Result<(HttpAddress, bool), Fault> {
    const HELP: &str = "write it like \"http://127.0.0.1:3000\"";
    let url = Url::parse(text)
        .map_err(|error| Fault::new(format!("\"{text}\" is not a url: {error}")).help(HELP))?;
    let is_secured = match url.scheme() {
        "http" => false,
        "https" => true,
        other => {
            let fault =
                Fault::new(format!("the url must start with http:// or https://, found {other}:"));
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
    let address = HttpAddress {
        host: url.host().as_ref().map(bare).unwrap_or_default(),
        port: url.port_or_known_default().unwrap_or(80),
        prefix: url.path().trim_end_matches('/').to_owned(),
        tls: None,
        is_http2: false,
    };
    Ok((address, is_secured))
}

/// A host as it is compared and connected to: lower case, no brackets.
fn bare(host: &Host<impl AsRef<str>>) -> String {
    match host {
        Host::Domain(name) => name.as_ref().to_ascii_lowercase(),
        Host::Ipv4(address) => address.to_string(),
        Host::Ipv6(address) => address.to_string(),
    }
}

fn host(text: &str) -> Result<String, Fault> {
    let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let bracketed = format!("[{inner}]");
    let parsed = Host::parse(if inner.contains(':') { &bracketed } else { inner });
    parsed.map(|host| bare(&host)).map_err(|_| {
        let fault = Fault::new(format!("\"{text}\" is not the name or the address of a host"));
        fault.help("write the bare host, without http://, port and path: \"staging.example.com\"")
    })
}

fn permitted(address: HttpAddress, allow: &[String]) -> Result<HttpAddress, Fault> {
    let ip = address.host.parse::<std::net::IpAddr>();
    if let Some(ip) = ip.ok().filter(std::net::IpAddr::is_unspecified) {
        let host = if ip.is_ipv4() { "127.0.0.1" } else { "::1" };
        let here = HttpAddress { host: host.to_owned(), ..address };
        let fault = Fault::new(format!("{ip} is where a server listens, not where it is reached"));
        return Err(fault.help(format!("write \"{here}\" for a server on this machine")));
    }
    if is_loopback(&address.host) || allow.contains(&address.host) {
        return Ok(address);
    }
    let host = &address.host;
    let fault =
        Fault::new(format!("{host} is not this machine, and nothing says it may be loaded"));
    Err(fault.help(format!(
        "if it is yours to load, add \"allow\": [\"{host}\"] to the scenario or --allow-host {host}"
    )))
}

fn is_loopback(host: &str) -> bool {
    let address = host.parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.to_canonical().is_loopback())
}

fn start(
    raw: &RawTarget,
    origin: &Origin,
    at: &Pointer,
    check: &mut Check<'_>,
) -> Option<StartCommand> {
    for (key, given) in [("cwd", raw.cwd.is_some()), ("env", !raw.env.0.is_empty())] {
        if given && raw.command.is_none() && raw.demo != Some(true) {
            let fault = Fault::new(format!("\"{key}\" without \"command\""));
            check.key(&at.key(key), fault.help("add \"command\": [\"node\", \"server.js\"]"));
        }
    }
    let command: Vec<String> = raw.command.as_ref()?.iter().map(|arg| check.fill(arg)).collect();
    if command.first().is_none_or(String::is_empty) {
        let fault = Fault::new("the command names no program");
        check.value(&at.key("command"), fault.help("write [\"node\", \"server.js\"]"));
    }
    let folder = match &raw.cwd {
        Some(cwd) => origin.folder.join(check.fill(cwd)),
        None => origin.folder.clone(),
    };
    Some(StartCommand { command, folder, env: variables(&raw.env, &at.key("env"), check) })
}

fn ready(
    raw: Option<&RawReady>,
    default: &str,
    at: &Pointer,
    check: &mut Check<'_>,
) -> Option<Ready> {
    let within = raw.and_then(|raw| raw.within.as_deref()).unwrap_or(default);
    let within = positive(&check.fill(within));
    let within = check.accept(&at.key("within"), within);
    let path = raw.and_then(|raw| raw.path.as_deref());
    let path = path.and_then(|path| metrics::path(path, &at.key("path"), check));
    let within = within?;
    Some(Ready { path, within, refused_for: within })
}

/// The header that carries each request's id.
fn request_id(raw: &RawTarget, at: &Pointer, check: &mut Check<'_>) -> Option<String> {
    let name =
        raw.request_id.as_deref().map_or_else(|| REQUEST_ID.to_owned(), |name| check.fill(name));
    let name = name.to_ascii_lowercase();
    if name == "none" {
        return None;
    }
    let fault = header_fault(&name).or_else(|| {
        let is_taken = matches!(name.as_str(), "host" | "user-agent" | "content-type" | "cookie");
        is_taken.then(|| Fault::new(format!("the header \"{name}\" has a meaning of its own")))
    });
    if let Some(fault) = fault {
        check.value(at, fault.help("write \"x-request-id\", or \"none\" to send no id"));
        return None;
    }
    Some(name)
}
