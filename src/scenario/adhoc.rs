//! A scenario from arguments of the command line instead of a file.
//!
//! It becomes the same `Raw*` types that a file becomes and goes through the same
//! checks; only the places in problems are arguments instead of lines.

use std::time::Duration;

use serde_json::Value;

use super::ceiling;
use super::check::{Check, Source};
use super::convert::Sections;
use super::entries::Entries;
use super::environment::Environment;
use super::guessable::names_secret;
use super::http_address::UNIX;
use super::load::ArrivalProcess;
use super::model::{Scenario, Secrets};
use super::problems::Problems;
use super::raw::{RawFlow, RawScenario, RawStep};
use super::raw_limits::RawLimits;
use super::raw_load::{RawLoad, RawStage, first_seed};
use super::raw_slo::RawSlo;
use super::raw_target::{RawTarget, RawTls};
use super::read::{Caller, Origin, finish, slos_here};
use crate::units::Rate;

/// How hard a load from the command line is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Drive {
    /// Arrivals per second, over at most so many connections.
    Rate(Rate, Option<u32>),
    /// So many users, one request after another, each with a connection of its own.
    Users(u32),
}

/// One request, again and again, at one rate or by one number of users.
#[derive(Debug, Clone)]
pub struct Adhoc {
    /// Target, path and query; path and query may contain placeholders.
    pub url: String,
    /// How hard.
    pub drive: Drive,
    /// How long, with the warm-up.
    pub duration: Duration,
    /// How much at the beginning stays outside the verdict; by default 10 s, and at most a
    /// quarter of the duration.
    pub warmup: Option<Duration>,
    /// An upper-case token such as `GET`.
    pub method: String,
    /// Names and values; values may contain placeholders.
    pub headers: Vec<(String, String)>,
    /// The body; may contain placeholders.
    pub body: Option<String>,
    /// Objectives; by default those of every scenario.
    pub slos: Vec<String>,
    /// The time limit of a request.
    pub timeout: Option<Duration>,
    /// Decides arrivals and choices; by default that of every scenario.
    pub seed: Option<u64>,
    /// How arrivals are spread.
    pub arrivals: ArrivalProcess,
    /// Whom it may load, and how it gets there.
    pub caller: Caller,
    /// How TLS sessions begin.
    pub tls: Files,
}

/// How TLS sessions begin; paths are relative to the folder that loadgate runs in.
#[derive(Debug, Clone, Default)]
pub struct Files {
    /// Whom to trust.
    pub ca: Option<String>,
    /// Our own certificate.
    pub cert: Option<String>,
    /// Its key.
    pub key: Option<String>,
    /// Whether every certificate is taken.
    pub insecure: bool,
}

impl Files {
    /// What a scenario would say; nothing where nothing is said.
    fn raw(self) -> Option<RawTls> {
        let Files { ca, cert, key, insecure } = self;
        let is_given = ca.is_some() || cert.is_some() || key.is_some() || insecure;
        let insecure = insecure.then_some(true);
        is_given.then(|| RawTls { ca, cert, key, insecure, ..RawTls::default() })
    }
}

/// The longest warm-up that nobody asked for.
const WARMUP: Duration = Duration::from_secs(10);

/// Makes a scenario of arguments.
pub fn adhoc(spec: Adhoc) -> Result<Scenario, Problems> {
    let mut secrets = Secrets::default();
    for (_, value) in spec.headers.iter().filter(|(name, _)| is_secret(name)) {
        secrets.add(value);
    }
    let (caller, cores) = (spec.caller.clone(), Some(ceiling::cores()));
    let origin = Origin { caller, cores, ..Origin::default() };
    let raw = raw(spec);
    let mut check = Check::new(Environment::Nowhere);
    let sections = Sections::convert(&raw, &origin, &mut secrets, &mut check);
    let slos = slos_here(&raw.slo, &sections, &mut check);
    let problems = check.into_problems(&Source::CommandLine, &secrets);
    finish(sections, slos, secrets, problems)
}

/// Whether a header's value tells who somebody is.
fn is_secret(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    names_secret(name) || ["auth", "key"].iter().any(|word| lower.contains(word))
}

fn raw(spec: Adhoc) -> RawScenario {
    let (target, path) = split(&spec.url);
    let stages = stages(&spec);
    let request = format!("{} {path}", spec.method);
    let step = RawStep {
        request: Some(request.clone()),
        headers: Entries(spec.headers),
        body: spec.body,
        timeout: spec.timeout.map(written),
        ..RawStep::default()
    };
    let name = name(target, path);
    let flow = RawFlow {
        name: request,
        weight: 1,
        tenant: None,
        tags: Vec::new(),
        load: None,
        steps: vec![step],
        cookies: None,
        auth: None,
    };
    let seed = spec.seed.unwrap_or_else(first_seed);
    RawScenario {
        schema: None,
        name: Some(name),
        target: RawTarget {
            url: Some(target.to_owned()),
            tls: spec.tls.raw(),
            ..RawTarget::default()
        },
        variables: Entries::default(),
        data: Entries::default(),
        flows: vec![flow],
        setup: Vec::new(),
        teardown: Vec::new(),
        load: Some(RawLoad { arrivals: spec.arrivals, seed, stages, ..RawLoad::default() }),
        tenants: None,
        slo: RawSlo { all: spec.slos, ..RawSlo::default() },
        limits: limits(spec.drive),
        allow: Vec::new(),
        cookies: None,
    }
}

/// No more connections than users.
fn limits(drive: Drive) -> RawLimits {
    let usual = RawLimits::default();
    match drive {
        Drive::Rate(_, connections) => RawLimits { connections, ..usual },
        Drive::Users(users) => {
            RawLimits { connections: Some(users), in_flight: Some(users), ..usual }
        }
    }
}

/// `http://host:port` or `unix:/socket:` and what follows, at least `/`.
fn split(url: &str) -> (&str, &str) {
    if let Some(socket) = url.strip_prefix(UNIX) {
        return match socket.find(':') {
            Some(at) if socket.len() > at + 1 => url.split_at(UNIX.len() + at + 1),
            Some(_) | None => (url, "/"),
        };
    }
    let host = url.find("://").map_or(0, |at| at + 3);
    let end = url[host..].find(['/', '?', '#']).map_or(url.len(), |at| host + at);
    match &url[end..] {
        "" => (url, "/"),
        path => (&url[..end], path),
    }
}

/// The name of the run's folder: host, port and path, nothing of the query.
fn name(target: &str, path: &str) -> String {
    let host = target.rsplit('/').next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
    let name: String = format!("{host}{path}").chars().map(plain).take(100).collect();
    let name = name.trim_matches(['-', '.']);
    if name.is_empty() { "adhoc".to_owned() } else { name.to_owned() }
}

fn stages(spec: &Adhoc) -> Vec<RawStage> {
    let warmup = spec.warmup.unwrap_or_else(|| WARMUP.min(spec.duration / 4));
    let (rate, users) = match spec.drive {
        Drive::Rate(rate, _) => (Some(format!("{}/s", rate.0)), None),
        Drive::Users(users) => (None, Some(Value::from(users))),
    };
    let stage = |length, warmup| RawStage {
        length: written(length),
        rate: rate.clone(),
        users: users.clone(),
        warmup,
        pause: false,
        noisy: None,
    };
    let steady = stage(spec.duration.saturating_sub(warmup), false);
    if warmup.is_zero() { vec![steady] } else { vec![stage(warmup, true), steady] }
}

/// A length of time with all of its digits.
fn written(length: Duration) -> String {
    format!("{}s", length.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(url: &str) -> Adhoc {
        Adhoc {
            url: url.to_owned(),
            drive: Drive::Rate(Rate(500.0), Some(64)),
            duration: Duration::from_secs(30),
            warmup: None,
            method: "POST".to_owned(),
            headers: vec![("Authorization".to_owned(), "Bearer s3cr3t".to_owned())],
            body: Some("${x} {{user}}".to_owned()),
            slos: Vec::new(),
            timeout: Some(Duration::from_millis(1_500)),
            seed: None,
            arrivals: ArrivalProcess::Poisson,
            caller: Caller::default(),
            tls: Files::default(),
        }
    }

    #[test]
    fn arguments_become_one_flow_with_one_step() {
        let scenario = adhoc(spec("http://127.0.0.1:3000/orders/7?q=1")).unwrap();
        assert_eq!(scenario.name, "127.0.0.1-3000-orders-7");
        assert_eq!(scenario.steps[0].name, "POST /orders/7?q=1");
        assert_eq!(scenario.steps[0].label, "POST /orders/7");
        assert_eq!(scenario.steps[0].timeout, Duration::from_millis(1_500));
        assert_eq!(scenario.steps[0].request.path.as_literal(), Some("/orders/7?q=1"));
        assert_eq!((scenario.limits.connections, scenario.slos.len()), (64, 5));
        assert_eq!(scenario.secrets.redact("Bearer s3cr3t"), "[redacted]");
        let body = scenario.steps[0].request.body.as_ref().unwrap();
        let pieces = body.templates().map(|template| template.pieces.len()).sum::<usize>();
        assert_eq!(pieces, 2, "the shell has filled in variables already");
    }

    #[track_caller]
    fn warms_up(duration: u64, warmup: Option<u64>, expected: f64) {
        let seconds = Duration::from_secs;
        let mut spec = spec("http://localhost");
        (spec.duration, spec.warmup) = (seconds(duration), warmup.map(seconds));
        let scenario = adhoc(spec).unwrap();
        assert_eq!(scenario.load.warmup(), Duration::from_secs_f64(expected));
        assert_eq!(scenario.load.length(), seconds(duration));
    }

    #[test]
    fn the_warm_up_is_part_of_the_duration() {
        warms_up(30, None, 7.5);
        warms_up(300, None, 10.0);
        warms_up(30, Some(0), 0.0);
        warms_up(30, Some(20), 20.0);
    }

    #[track_caller]
    fn refused(change: impl FnOnce(&mut Adhoc), message: &str) {
        let mut spec = spec("http://localhost/");
        change(&mut spec);
        let problems = adhoc(spec).unwrap_err().to_string();
        assert!(problems.contains(message), "{problems}");
        assert!(!problems.contains("s3cr3t"), "{problems}");
    }

    #[test]
    fn problems_name_the_argument() {
        refused(|spec| spec.url = "http://example.com/".to_owned(), "URL: example.com is not this");
        refused(
            |spec| spec.url = "localhost:3000/x".to_owned(),
            "URL: the url must start with http",
        );
        refused(|spec| spec.url = "http://localhost/#a".to_owned(), "URL: \"#\" cannot stand");
        refused(|spec| spec.method = "PSOT".to_owned(), "did you mean \"POST\"?");
        refused(|spec| spec.headers[0].0 = "te".to_owned(), "-H: the header \"te\"");
        refused(|spec| spec.body = Some("{{usr}}".to_owned()), "-b: unknown placeholder {{usr}}");
        refused(|spec| spec.slos = vec!["p9".to_owned()], "--slo: \"p9\" is not an objective");
        refused(|spec| spec.drive = Drive::Rate(Rate(0.0), None), "-R and -d: a rate of zero");
        let many = |spec: &mut Adhoc| spec.drive = Drive::Users(2_000_000);
        refused(many, "-c: 2000000 users");
        refused(|spec| spec.warmup = Some(spec.duration), "-R and -d: a length of time must");
        refused(|spec| spec.timeout = Some(Duration::ZERO), "--timeout: a length of time must");
        refused(|spec| spec.caller.allow = vec!["a/b".to_owned()], "--allow-host: \"a/b\" is not");
    }
}
