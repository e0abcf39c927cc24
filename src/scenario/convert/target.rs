//! The system under test: where it is, whether it may be loaded, how to start it.

use std::time::Duration;

use super::super::check::Check;
use super::super::document::Pointer;
use super::super::model::{Address, DemoAddress, HttpAddress, Ready, StartCommand, Target};
use super::super::origin::Origin;
use super::super::problems::Fault;
use super::super::raw_demo::RawDemo;
use super::super::raw_target::{RawReady, RawTarget};
use super::super::routing::Permits;
use super::lengths::positive;
use super::request::header_fault;
use super::variables::variables;
use super::{address, arms, metrics, program, routing, tls};

/// The header that carries each request's id if the scenario does not say.
const REQUEST_ID: &str = "x-request-id";
/// How long a target may take to become ready if the scenario does not say.
const READY_WITHIN: &str = "30s";
/// The same for one that runs already, or does not.
const ANSWERS_WITHIN: &str = "5s";

/// How long the port of a target that runs already may refuse connections, if the scenario
/// does not say how long it may take to get ready: nobody listens there.
const REFUSED: Duration = Duration::from_secs(1);

/// The target; its address must be permitted.
pub(super) fn target(
    raw: &RawTarget,
    permits: &Permits,
    origin: &Origin,
    check: &mut Check<'_>,
) -> Option<Target> {
    let at = Pointer::default().key("target");
    let address = address(raw, (permits, origin), &at, check);
    let routing = routing::routing(raw, address.as_ref(), origin, (&at, check));
    let address = address.map(|address| address.coming_from(&routing.from));
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
    let metrics =
        metrics.and_then(|raw| metrics::page(&raw.0, (permits, origin), &at.key("metrics"), check));
    let postgres = raw.postgres.as_ref();
    let postgres = postgres.and_then(|raw| metrics::connection(raw, &at.key("postgres"), check));
    let is_socket = matches!(&address, Some(Address::Http(it)) if it.socket().is_some());
    let arms = arms::arms(raw, is_socket, &at, check);
    let request_id = request_id(raw, &at.key("request_id"), check);
    if let (Some(start), Some(arms), true) = (&start, &arms, origin.looks)
        && let Some(prepare) = &arms.prepare
    {
        let prepare = StartCommand { command: prepare.command.clone(), ..start.clone() };
        program::look(&prepare, false, &at.key("prepare"), check);
    }
    let (address, ready, arms) = (address?, ready?, arms?);
    Some(Target {
        address,
        routing,
        start,
        ready,
        metrics,
        postgres,
        request_id,
        arms,
        assigned: None,
    })
}

/// The address of a target that is not the demo.
pub(super) fn http(target: &Target) -> Option<&HttpAddress> {
    match &target.address {
        Address::Demo(_) => None,
        Address::Http(address) => Some(address),
    }
}

/// What precedes every path.
pub(super) fn prefix(target: &Target) -> String {
    http(target).map(|address| address.prefix.clone()).unwrap_or_default()
}

fn address(
    raw: &RawTarget,
    (permits, origin): (&Permits, &Origin),
    at: &Pointer,
    check: &mut Check<'_>,
) -> Option<Address> {
    match (raw.demo, &raw.url) {
        (Some(demo @ (RawDemo::Plain | RawDemo::Secured)), None) => {
            demo_stands_alone(raw, at, check);
            let is_secured = demo == RawDemo::Secured;
            let is_http2 = tls::demo_speaks_http2(raw.http2, is_secured, at, check);
            Some(Address::Demo(DemoAddress { is_secured, is_http2 }))
        }
        (Some(RawDemo::Plain | RawDemo::Secured), Some(_)) => {
            let fault = Fault::new("the target is either the demo or a url, not both");
            check.key(&at.key("url"), fault.help("remove \"demo\" or \"url\""));
            None
        }
        (Some(RawDemo::Off), _) => {
            let fault = Fault::new("\"demo\" is true, \"tls\" or left out");
            check.value(&at.key("demo"), fault.help("remove it, and give a \"url\" instead"));
            None
        }
        (None, Some(url)) => {
            let filled = check.fill(url);
            let parsed =
                address::parse(&filled, &origin.folder).and_then(|(address, is_secured)| {
                    address::permitted(address, permits).map(|address| (address, is_secured))
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
        ("port_variable", raw.port_variable.is_some()),
        ("prepare", raw.prepare.is_some()),
        ("arms", raw.arms.is_some()),
        ("postgres", raw.postgres.is_some()),
    ];
    for (key, _) in others.iter().filter(|(_, given)| *given) {
        let fault = Fault::new(format!("\"{key}\" means nothing for the demo"));
        let help = if *key == "tls" {
            "write \"demo\": \"tls\": its certificate is trusted by itself"
        } else {
            "remove it, or give a \"url\" instead of \"demo\""
        };
        check.key(&at.key(key), fault.help(help));
    }
}

fn start(
    raw: &RawTarget,
    origin: &Origin,
    at: &Pointer,
    check: &mut Check<'_>,
) -> Option<StartCommand> {
    for (key, given) in [("cwd", raw.cwd.is_some()), ("env", !raw.env.0.is_empty())] {
        if given && raw.command.is_none() && raw.demo.is_none_or(|demo| demo == RawDemo::Off) {
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
