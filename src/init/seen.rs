//! What an app says of itself when it is asked: health, metrics, routes.
//!
//! Somebody who asks, and what sources say, come in; [`Seen`] goes out. Pure but for the
//! asking, which is the caller's.

use serde_json::Value;

use super::openapi::{self, Described};
use super::probe::Reply;
use super::routes::{HEALTH, METRICS};

/// Asks for a path.
pub type Ask<'a> = &'a dyn Fn(&str) -> Option<Reply>;

/// Where frameworks serve their `OpenAPI` document.
const DOCUMENTS: [&str; 14] = [
    "/documentation/json",
    "/openapi.json",
    "/docs/json",
    "/swagger.json",
    "/api-json",
    "/docs-json",
    "/api/docs-json",
    "/api/openapi.json",
    "/swagger/json",
    "/swagger-json",
    "/api-docs",
    "/api-docs.json",
    "/v3/api-docs",
    "/doc",
];
/// A path that no app has: who answers it well answers everything.
const NOWHERE: &str = "/loadgate-asks-for-a-path-that-is-not-there";
/// More routes are not tried.
const MOST_TRIED: usize = 60;
/// More routes do not get into a first scenario.
pub const MOST_USED: usize = 12;

/// What an app said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// The path that says that it is well.
    pub health: Option<String>,
    /// The path of its Prometheus metrics.
    pub metrics: Option<String>,
    /// Where its `OpenAPI` document came from, and how many GET routes it has.
    pub document: Option<(String, usize)>,
    /// Routes that answered well, with their status; at least one.
    pub routes: Vec<(String, u16)>,
    /// Whether they did, and are not just believed to.
    pub is_proven: bool,
    /// Routes that are not used, and why.
    pub left_out: Vec<(String, String)>,
}

/// What sources and files say before the app is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// Routes of the sources.
    pub routes: Vec<String>,
    /// An `OpenAPI` document of the project, with its path.
    pub document: Option<(String, Described)>,
    /// Whether something it depends on serves metrics.
    pub serves_metrics: bool,
}

/// Asks a running app.
pub fn ask(known: &Known, ask: Ask<'_>) -> Seen {
    let answers_all = ask(NOWHERE).is_some_and(|reply| is_well(reply.status));
    let document = known.document.clone().or_else(|| served(ask));
    let mut seen = Seen {
        health: health(known, ask, answers_all),
        metrics: METRICS
            .iter()
            .find(|path| ask(path).is_some_and(|r| is_prometheus(&r)))
            .map(owned),
        document: document.as_ref().map(|(from, all)| (from.clone(), count(all))),
        is_proven: true,
        ..Seen::default()
    };
    let candidates = candidates(known, document.as_ref(), &mut seen.left_out);
    let own = [seen.health.clone(), seen.metrics.clone()];
    let tried = candidates.into_iter().filter(|path| !is_aside(path, &own));
    for path in tried.take(MOST_TRIED) {
        match ask(&path) {
            Some(reply) if is_well(reply.status) => seen.routes.push((path, reply.status)),
            Some(reply) => seen.left_out.push((path, refused(reply.status))),
            None => seen.left_out.push((path, "it did not answer".to_owned())),
        }
    }
    finish(seen, |path| ask(path).map(|reply| reply.status).filter(|status| is_well(*status)))
}

/// The same without an app to ask: what files say, unproven.
pub fn guess(known: &Known) -> Seen {
    let document = known.document.as_ref();
    let in_sources = |paths: &[&str]| {
        paths.iter().find(|path| known.routes.iter().any(|route| route == *path)).map(owned)
    };
    let metrics = in_sources(&METRICS);
    let mut seen = Seen {
        health: in_sources(&HEALTH),
        metrics: metrics.or_else(|| known.serves_metrics.then(|| owned(&METRICS[0]))),
        document: document.map(|(from, all)| (from.clone(), count(all))),
        ..Seen::default()
    };
    let own = [seen.health.clone(), seen.metrics.clone()];
    let promised = |path: &str| {
        let routes = document.into_iter().flat_map(|(_, all)| &all.routes);
        routes.filter(|route| route.path == path).find_map(|route| route.status).unwrap_or(200)
    };
    let candidates = candidates(known, document, &mut seen.left_out);
    let kept = candidates.into_iter().filter(|path| !is_aside(path, &own));
    seen.routes = kept.map(|path| (path.clone(), promised(&path))).collect();
    finish(seen, |_| Some(200))
}

/// A scenario has at least one route, and not too many.
fn finish(mut seen: Seen, answer: impl Fn(&str) -> Option<u16>) -> Seen {
    for (path, _) in seen.routes.drain(MOST_USED.min(seen.routes.len())..) {
        seen.left_out.push((path, format!("the first {MOST_USED} will do to begin with")));
    }
    if seen.routes.is_empty() {
        let root = answer("/").map(|status| ("/".to_owned(), status));
        let health = seen.health.clone().map(|path| (path, 200));
        seen.routes.extend(root.or(health));
    }
    if seen.routes.is_empty() {
        seen.is_proven = false;
        seen.routes.push(("/".to_owned(), 200));
    }
    seen
}

/// Those of the document, or else those of the sources; each once.
fn candidates(
    known: &Known,
    document: Option<&(String, Described)>,
    left_out: &mut Vec<(String, String)>,
) -> Vec<String> {
    let Some((_, all)) = document else { return known.routes.clone() };
    left_out.extend(all.left_out.iter().cloned());
    let mut paths: Vec<String> = Vec::new();
    for route in &all.routes {
        if !paths.contains(&route.path) {
            paths.push(route.path.clone());
        }
    }
    if paths.is_empty() { known.routes.clone() } else { paths }
}

fn count(all: &Described) -> usize {
    all.routes.len() + all.left_out.len()
}

fn served(ask: Ask<'_>) -> Option<(String, Described)> {
    DOCUMENTS.iter().find_map(|path| {
        let reply = ask(path).filter(|reply| is_well(reply.status))?;
        let value: Value = serde_json::from_slice(&reply.body).ok()?;
        openapi::is_document(&value).then(|| ((*path).to_owned(), openapi::described(&value)))
    })
}

/// Those that sources name come first; where everything is answered, no other counts.
fn health(known: &Known, ask: Ask<'_>, answers_all: bool) -> Option<String> {
    let is_named = |path: &&&str| known.routes.iter().any(|route| route == **path);
    let (named, other): (Vec<&&str>, Vec<&&str>) = HEALTH.iter().partition(is_named);
    let other = other.into_iter().filter(|_| !answers_all);
    let mut all = named.into_iter().chain(other);
    all.find(|path| ask(path).is_some_and(|reply| is_well(reply.status))).map(owned)
}

fn is_prometheus(reply: &Reply) -> bool {
    let text = String::from_utf8_lossy(&reply.body);
    is_well(reply.status) && text.lines().any(|line| line.starts_with("# TYPE "))
}

/// Health, metrics and documentation are not what users ask for.
fn is_aside(path: &str, own: &[Option<String>]) -> bool {
    let is_own = own.iter().flatten().any(|own| own == path);
    let of_document = ["/documentation", "/docs", "/swagger", "/api-docs"];
    is_own
        || HEALTH.contains(&path)
        || METRICS.contains(&path)
        || DOCUMENTS.contains(&path)
        || of_document.iter().any(|start| path.starts_with(start))
}

fn is_well(status: u16) -> bool {
    (200..300).contains(&status)
}

fn refused(status: u16) -> String {
    match status {
        401 | 403 => format!("it answered {status}: it needs a login"),
        status => format!("it answered {status}"),
    }
}

fn owned(path: &&str) -> String {
    (*path).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn reply(status: u16, body: &str) -> Reply {
        Reply { status, body: body.as_bytes().to_vec() }
    }

    fn strings(paths: &[&str]) -> Vec<String> {
        paths.iter().map(owned).collect()
    }

    #[test]
    fn a_document_says_what_to_try_and_only_what_answers_well_is_used() {
        let document = json!({ "openapi": "3.0.0", "paths": {
            "/health": { "get": {} }, "/orders": { "get": {} }, "/me": { "get": {} },
            "/orders/{id}": { "get": {} }, "/documentation/x": { "get": {} } } });
        let answer = |path: &str| match path {
            "/healthz" | "/health" => reply(200, "{}"),
            "/metrics" => reply(200, "# TYPE up gauge\nup 1\n"),
            "/documentation/json" => reply(200, &document.to_string()),
            "/orders" => reply(206, "[]"),
            "/me" => reply(401, ""),
            _ => reply(404, ""),
        };
        let seen = ask(&Known::default(), &|path| Some(answer(path)));
        assert_eq!(seen.health.as_deref(), Some("/health"));
        assert_eq!(seen.metrics.as_deref(), Some("/metrics"));
        assert_eq!(seen.document, Some(("/documentation/json".to_owned(), 5)));
        assert_eq!(seen.routes, [("/orders".to_owned(), 206)]);
        let left: Vec<&str> = seen.left_out.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(left, ["/orders/{id}", "/me"]);
        assert!(seen.left_out[1].1.contains("login"));
    }

    #[test]
    fn an_app_that_answers_everything_has_the_health_that_sources_name() {
        let all = |_: &str| Some(reply(200, "<html>"));
        assert_eq!(ask(&Known::default(), &all).health, None);
        let known = Known { routes: strings(&["/ping", "/a"]), ..Known::default() };
        let seen = ask(&known, &all);
        assert_eq!((seen.health.as_deref(), seen.metrics), (Some("/ping"), None));
        assert_eq!(seen.routes, [("/a".to_owned(), 200)]);
    }

    #[test]
    fn there_is_always_something_to_ask_for() {
        let only = |wanted: &'static str| {
            move |path: &str| Some(reply(if path == wanted { 200 } else { 404 }, ""))
        };
        let seen = |wanted| ask(&Known::default(), &only(wanted));
        for (wanted, route, is_proven) in
            [("/", "/", true), ("/healthz", "/healthz", true), ("/other", "/", false)]
        {
            assert_eq!(seen(wanted).routes, [(route.to_owned(), 200)]);
            assert_eq!(seen(wanted).is_proven, is_proven, "{wanted}");
        }
        assert_eq!(guess(&Known::default()).routes, [("/".to_owned(), 200)]);
        assert!(!guess(&Known::default()).is_proven);
    }

    #[test]
    fn without_an_app_files_are_believed_and_there_is_an_end() {
        let routes: Vec<String> = (0..20).map(|n| format!("/r{n}")).collect();
        let known = Known {
            routes: [strings(&["/health", "/metrics"]), routes].concat(),
            ..Known::default()
        };
        let seen = guess(&known);
        assert_eq!(seen.health.as_deref(), Some("/health"));
        assert_eq!(seen.metrics.as_deref(), Some("/metrics"));
        assert_eq!((seen.routes.len(), seen.left_out.len()), (MOST_USED, 8));
    }
}
