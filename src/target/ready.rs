//! Waits until the target answers, has ended, or has had its time.

use std::fmt;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::greeting::{Greeting, greeting};
use super::process::ExitReport;
use super::{fetch, last_words, port, socket_file};
use crate::scenario::model::{HttpAddress, Ready, Secrets};
use crate::units::format_duration;

/// How long one answer may take. Generous: a first request may compile the application.
const ANSWER: Duration = Duration::from_secs(5);
/// What is read of an answer's body.
const BODY: usize = 10_000_000;
/// The first pause between two attempts; each further one is half as long again.
const PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);
/// How often the target is asked whether it lives.
const LIFE: Duration = Duration::from_millis(50);

/// Ports that are named in one sentence.
const MOST_PORTS: usize = 5;

/// Why a target is not ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotReady {
    /// It ended.
    Died(ExitReport),
    /// It did not answer well in time.
    TimedOut {
        /// What was asked: `GET http://127.0.0.1:3000/health`.
        asked: String,
        /// The time it had.
        within: Duration,
        /// `connection refused`, `503 Service Unavailable`.
        last_seen: String,
    },
    /// It answers, and no TLS session can be had with it.
    NoSession {
        /// What was asked: `GET https://staging.example.com/health`.
        asked: String,
        /// Why not, and what to do.
        why: String,
    },
    /// It answers, and speaks otherwise than it is spoken to in the clear.
    OtherProtocol {
        /// What was asked.
        asked: String,
        /// What it speaks, and what to do.
        why: String,
    },
    /// Nobody listens where it should run already.
    NothingListens {
        /// The address.
        address: String,
        /// `connection refused`, or what is wrong with the socket file.
        seen: String,
        /// How long that was waited for.
        after: Duration,
        /// Ports of this machine on which something of the user's listens.
        open: Vec<u16>,
    },
    /// It listens on the port that a variable in its `env` names, not on that of its `url`.
    PortFromEnv {
        /// The variable.
        variable: String,
        /// Its value, on which the target listens.
        found: u16,
        /// Where the scenario has it listen.
        wanted: u16,
    },
    /// Somebody answered on its port before it was started.
    PortTaken {
        /// The address.
        address: String,
    },
    /// It was told a port by a variable, and listens on another one or wanted to.
    OnAnotherPort {
        /// The variable.
        variable: String,
        /// Its value.
        port: u16,
        /// Where it listens, or would have.
        found: u16,
        /// How it ended, if it has.
        exit: Option<ExitReport>,
    },
}

impl NotReady {
    /// Without what came from the environment.
    #[must_use]
    pub fn without(self, secrets: &Secrets) -> NotReady {
        match self {
            NotReady::TimedOut { asked, within, last_seen } => {
                let [asked, last_seen] = [asked, last_seen].map(|text| secrets.redact(&text));
                NotReady::TimedOut { asked, within, last_seen }
            }
            NotReady::NoSession { asked, why } => {
                NotReady::NoSession { asked: secrets.redact(&asked), why: secrets.redact(&why) }
            }
            NotReady::OtherProtocol { asked, why } => {
                NotReady::OtherProtocol { asked: secrets.redact(&asked), why: secrets.redact(&why) }
            }
            NotReady::NothingListens { address, seen, after, open } => {
                let [address, seen] = [address, seen].map(|text| secrets.redact(&text));
                NotReady::NothingListens { address, seen, after, open }
            }
            NotReady::PortTaken { address } => {
                NotReady::PortTaken { address: secrets.redact(&address) }
            }
            // These have names and numbers, and words of the target that are without secrets.
            NotReady::Died(_) | NotReady::PortFromEnv { .. } | NotReady::OnAnotherPort { .. } => {
                self
            }
        }
    }
}

impl fmt::Display for NotReady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotReady::Died(exit) => died(f, exit),
            NotReady::TimedOut { asked, within, last_seen } => write!(
                f,
                "the target was not ready within {}: {asked}: {last_seen}; correct \"url\" or \
                 \"ready\" of \"target\", or give it more time with \"within\"",
                format_duration(*within)
            ),
            NotReady::NoSession { asked, why } => {
                write!(f, "no TLS session with the target: {asked}: {why}")
            }
            NotReady::OtherProtocol { asked, why } => {
                write!(f, "the target speaks another protocol: {asked}: {why}")
            }
            NotReady::NothingListens { address, seen, after, open } => write!(
                f,
                "nothing listens at {address}: {seen} (for {}){}; start the target first, correct its address, let the scenario start it with \"command\", \
                 or give it time with \"within\" of \"ready\"",
                format_duration(*after),
                elsewhere(open)
            ),
            NotReady::PortFromEnv { variable, found, wanted } => write!(
                f,
                "the target listens on port {found}, as {variable}={found} in \"env\" of \
                 \"target\" says, but \"url\" of \"target\" says {wanted}; make the two the same"
            ),
            NotReady::PortTaken { address } => write!(
                f,
                "something answers at {address} already, before the target was started; stop \
                 it, or leave out \"command\" of \"target\" to load what runs there"
            ),
            NotReady::OnAnotherPort { variable, port, found, exit } => {
                on_another_port(f, (variable, *port), *found, exit.as_ref())
            }
        }
    }
}

impl std::error::Error for NotReady {}

/// `; is it on another port? 3000 and 8080 are open here`.
fn elsewhere(open: &[u16]) -> String {
    let ports: Vec<String> = open.iter().take(MOST_PORTS).map(u16::to_string).collect();
    let others = if open.len() > MOST_PORTS { " and others" } else { "" };
    match ports.as_slice() {
        [] => String::new(),
        [one] if others.is_empty() => format!("; is it on another port? {one} is open here"),
        many => format!("; is it on another port? {}{others} are open here", many.join(", ")),
    }
}

fn died(f: &mut fmt::Formatter<'_>, exit: &ExitReport) -> fmt::Result {
    f.write_str("the target ended before it was ready: ")?;
    if let Some(line) = last_words::telling(&exit.last_words) {
        write!(f, "{line}; {}; ", last_words::advice(&line))?;
    }
    write!(f, "{exit}")
}

fn on_another_port(
    f: &mut fmt::Formatter<'_>,
    (variable, port): (&str, u16),
    found: u16,
    exit: Option<&ExitReport>,
) -> fmt::Result {
    let did = if exit.is_some() { "wanted port" } else { "listens on port" };
    write!(
        f,
        "the target was told to listen on port {port} by {variable}={port}, but {did} {found}; \
         two arms can run beside each other only if the command listens on the port in \
         ${variable}; make it do so, or name the variable that it reads with \"port_variable\" \
         of \"target\""
    )?;
    match exit {
        Some(exit) => write!(f, "; it ended: {exit}"),
        None => Ok(()),
    }
}

/// Whether somebody accepts connections there; asked before a target is started, so
/// that a stranger is not loaded in its place.
pub fn port_is_taken(address: &HttpAddress) -> bool {
    if let Some(path) = address.socket() {
        return socket_file::is_served(path);
    }
    address
        .addresses()
        .into_iter()
        .flatten()
        .any(|socket| std::net::TcpStream::connect_timeout(&socket, Duration::from_secs(1)).is_ok())
}

/// Waits until the target is ready; returns how long it took. `exited` tells whether it
/// has ended, for a target that was started here; it is called from time to time. The
/// path is asked for as it is, without the address's prefix.
pub async fn wait_until_ready(
    address: &HttpAddress,
    ready: &Ready,
    mut exited: impl FnMut() -> Option<ExitReport>,
) -> Result<Duration, NotReady> {
    let start = Instant::now();
    let mut last_seen = Seen::of(String::from("no answer"));
    let outcome = {
        // Ends early, with false, where nobody listens.
        let answering = until_answered(address, ready, &mut last_seen);
        let dying = until_exited(&mut exited);
        tokio::select! {
            outcome = timeout(ready.within, answering) => outcome.unwrap_or(false),
            exit = dying => return Err(NotReady::Died(exit)),
        }
    };
    // It may have ended because another process holds its port, and that one answers.
    if let Some(exit) = exited() {
        return Err(NotReady::Died(exit));
    }
    if outcome {
        return Ok(start.elapsed());
    }
    if last_seen.is_final {
        let (asked, why) = (question(address, ready), last_seen.text);
        return Err(match address.tls {
            Some(_) => NotReady::NoSession { asked, why },
            None => NotReady::OtherProtocol { asked, why },
        });
    }
    let Seen { text: last_seen, is_refused, .. } = last_seen;
    if ready.refused_for < ready.within && is_refused {
        let ip = address.host.parse::<std::net::IpAddr>();
        let is_here = address.host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback());
        let has_port = is_here && address.socket().is_none();
        let open = if has_port { port::open() } else { Vec::new() };
        let (address, after) = (address.listener(), ready.refused_for);
        return Err(NotReady::NothingListens { address, seen: last_seen, after, open });
    }
    Err(NotReady::TimedOut { asked: question(address, ready), within: ready.within, last_seen })
}

fn question(address: &HttpAddress, ready: &Ready) -> String {
    match &ready.path {
        Some(path) => format!("GET {}", address.url(path)),
        None => format!("connect to {}", address.listener()),
    }
}

async fn until_exited(exited: &mut impl FnMut() -> Option<ExitReport>) -> ExitReport {
    loop {
        if let Some(exit) = exited() {
            return exit;
        }
        sleep(LIFE).await;
    }
}

/// What an attempt came to.
struct Seen {
    text: String,
    /// Another attempt would come to the same.
    is_final: bool,
    /// Nobody listens.
    is_refused: bool,
}

impl Seen {
    /// Something that may be otherwise soon.
    fn of(text: String) -> Seen {
        Seen { text, is_final: false, is_refused: false }
    }
}

/// Whether it answered; `false` when its port has refused connections for too long, or when it
/// never will.
async fn until_answered(address: &HttpAddress, ready: &Ready, last_seen: &mut Seen) -> bool {
    let mut pause = PAUSE;
    let mut refused_since = None;
    while let Some(seen) = attempt(address, ready).await {
        // A server that is being started may still change its mind.
        let is_again = seen.text == last_seen.text;
        *last_seen = Seen { is_final: seen.is_final && is_again, ..seen };
        if last_seen.is_final {
            return false;
        }
        let refused = last_seen.is_refused.then(|| refused_since.unwrap_or_else(Instant::now));
        refused_since = refused;
        let given_up = refused.is_some_and(|since| since.elapsed() >= ready.refused_for);
        if given_up && ready.refused_for < ready.within {
            return false;
        }
        sleep(pause).await;
        pause = (pause * 3 / 2).min(LONGEST_PAUSE);
    }
    true
}

/// Why it is not ready yet; `None` when it is.
async fn attempt(address: &HttpAddress, ready: &Ready) -> Option<Seen> {
    let reason = match &ready.path {
        None => match fetch::connect(address, ANSWER).await {
            Ok(_) if address.is_http2 => {
                let seen = unversioned(address).await?;
                // A server of TLS may say so in HTTP/1.1.
                return Some(secured(address).await.unwrap_or(seen));
            }
            Ok(_) => return None,
            Err(reason) => reason,
        },
        Some(path) => match fetch::get(address, path, ANSWER, BODY).await {
            Ok(answer) if answer.status.as_u16() < 400 => return None,
            Ok(answer) => return Some(Seen::of(answer.status.to_string())),
            Err(reason) => reason,
        },
    };
    if reason.may_be_foreign() {
        if let Some(seen) = secured(address).await {
            return Some(seen);
        }
        if let Some(seen) = unversioned(address).await {
            return Some(seen);
        }
    }
    let (is_final, is_refused) = (reason.is_refusal(), reason.is_refused());
    Some(Seen { text: reason.to_string(), is_final, is_refused })
}

/// Why it will never be ready: it speaks TLS where it is spoken to in the clear.
async fn secured(address: &HttpAddress) -> Option<Seen> {
    let text = "it speaks TLS; let \"url\" of \"target\" begin with https://";
    let seen = Seen { is_final: true, ..Seen::of(text.to_owned()) };
    fetch::speaks_tls(address).await.then_some(seen)
}

/// Why it will never be ready: it speaks another version of HTTP than the one that is spoken to
/// it in the clear.
async fn unversioned(address: &HttpAddress) -> Option<Seen> {
    if address.tls.is_some() {
        return None;
    }
    let text = match (address.is_http2, greeting(address).await) {
        (true, Greeting::Http1) => {
            "it speaks HTTP/1.1 and no HTTP/2 in the clear; remove \"http2\" of \"target\""
        }
        (true, Greeting::Other) => {
            "what answers does not speak HTTP/2; correct \"url\" or \"http2\" of \"target\""
        }
        (false, Greeting::Http2) => {
            "it speaks HTTP/2 and no HTTP/1.1; write \"http2\": \"prior-knowledge\" in \"target\""
        }
        (true, Greeting::Http2 | Greeting::Silence)
        | (false, Greeting::Http1 | Greeting::Other | Greeting::Silence) => return None,
    };
    Some(Seen { is_final: true, ..Seen::of(text.to_owned()) })
}
