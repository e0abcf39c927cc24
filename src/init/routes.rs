//! Routes that sources name: what to ask an app for when no `OpenAPI` document says it.
//!
//! Sources come in; paths of GET routes without parameters go out. They are guesses: a
//! prefix may be missing, and a call of an HTTP client looks like a route.

use std::collections::BTreeSet;

use super::sources::{Sources, head};

/// More routes are not told.
const MOST: usize = 60;
/// Longer paths are not routes.
const LONGEST: usize = 120;
/// Where an app says that it is well, the usual first.
pub const HEALTH: [&str; 12] = [
    "/health",
    "/healthz",
    "/health/ready",
    "/health/live",
    "/readyz",
    "/livez",
    "/ready",
    "/api/health",
    "/api/healthz",
    "/_health",
    "/status",
    "/ping",
];
/// Where an app shows its Prometheus metrics.
pub const METRICS: [&str; 3] = ["/metrics", "/api/metrics", "/internal/metrics"];
/// Clients whose `get` is no route.
const CLIENTS: [&str; 14] = [
    "axios",
    "client",
    "request",
    "http",
    "https",
    "got",
    "agent",
    "cache",
    "redis",
    "api",
    "superagent",
    "supertest",
    "headers",
    "fetcher",
];

/// The paths of GET routes without parameters, in the order in which sources name them.
pub fn of(sources: &Sources) -> Vec<String> {
    let mut found = BTreeSet::new();
    let all = sources.files.iter().flat_map(|file| in_text(&file.text));
    all.filter(|path| found.insert(path.clone())).take(MOST).collect()
}

fn in_text(text: &str) -> Vec<String> {
    let mut found: Vec<(usize, String)> = called(text);
    found.extend(decorated(text));
    found.extend(of_objects(text));
    found.sort();
    found.into_iter().map(|(_, path)| path).filter(|path| is_plain(path)).collect()
}

/// `app.get('/orders', …)`.
fn called(text: &str) -> Vec<(usize, String)> {
    let calls = text.match_indices(".get").filter_map(|(at, sign)| {
        let path = argument(&text[at + sign.len()..])?;
        let before = &text[..at];
        let start = before.rfind(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '$');
        let caller = &before[start.map_or(0, |start| start + 1)..];
        let line = before.rsplit('\n').next().unwrap_or_default().trim_start();
        let is_comment = line.starts_with("//") || line.starts_with('*');
        (!CLIENTS.contains(&caller) && !is_comment).then_some((at, path))
    });
    calls.collect()
}

/// `@Get('orders')` below `@Controller('api')`.
fn decorated(text: &str) -> Vec<(usize, String)> {
    let below = text.split_once("@Controller").map(|(_, rest)| word(rest).unwrap_or_default());
    let Some(below) = below else { return Vec::new() };
    let gets = text.match_indices("@Get").filter_map(|(at, sign)| {
        let own = word(&text[at + sign.len()..])?;
        let parts = [below.as_str(), own.as_str()].map(|part| part.trim_matches('/').to_owned());
        let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        Some((at, format!("/{}", parts.join("/"))))
    });
    gets.collect()
}

/// `{ method: 'GET', url: '/orders' }`.
fn of_objects(text: &str) -> Vec<(usize, String)> {
    let urls = text.match_indices("url:").filter_map(|(at, sign)| {
        let path = quoted(&text[at + sign.len()..])?;
        let before = head(text, at.saturating_sub(80)).len();
        let near = head(&text[before..], 240);
        let is_get = ["'GET'", "\"GET\""].iter().any(|method| near.contains(method));
        is_get.then_some((at, path))
    });
    urls.collect()
}

/// The first argument of a call, perhaps behind types: `<{ Reply: Order }>('/orders'`.
fn argument(text: &str) -> Option<String> {
    let typed = text.starts_with('<').then(|| head(text, 300).find(">("));
    let call = match typed {
        Some(end) => &text[end? + 1..],
        None => text,
    };
    quoted(call.strip_prefix('(')?)
}

/// The word in the parentheses of a decorator; empty if there is none.
fn word(text: &str) -> Option<String> {
    let rest = text.strip_prefix('(')?.trim_start();
    if rest.starts_with(')') { Some(String::new()) } else { quoted(rest) }
}

/// The text at the beginning, in quotes, of one line.
fn quoted(text: &str) -> Option<String> {
    let text = text.trim_start();
    let quote = text.chars().next().filter(|c| ['\'', '"', '`'].contains(c))?;
    let rest = &text[1..];
    let end = rest.find(quote).filter(|end| *end <= LONGEST)?;
    (!rest[..end].contains('\n')).then(|| rest[..end].to_owned())
}

/// A path that can be asked for as it stands.
pub fn is_plain(path: &str) -> bool {
    let valid = |c: char| c.is_ascii_alphanumeric() || "/._~-@+,=".contains(c);
    path.starts_with('/') && !path.starts_with("//") && path.chars().all(valid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::init::sources::SourceFile;

    #[track_caller]
    fn check(text: &str, paths: &[&str]) {
        let files = vec![SourceFile { path: "app.ts".to_owned(), text: text.to_owned() }];
        assert_eq!(of(&Sources { files, ..Sources::default() }), paths, "{text}");
    }

    #[test]
    fn routes_are_found_in_their_usual_forms() {
        check("app.get('/orders', h); app.get(\"/orders/:id\", h); app.post('/x')", &["/orders"]);
        check("fastify.get<{ Reply: Order[] }>('/a', {}, h)\nr.get(`/b/${x}`)", &["/a"]);
        check("app.route({ method: 'GET', url: '/c', handler })", &["/c"]);
        check(
            "@Controller('api')\nclass A { @Get() a() {} @Get('d') d() {} }",
            &["/api", "/api/d"],
        );
        check("server\n  .get('/z', h)\n  .get('/a', h)\n  .get('/z', h)", &["/z", "/a"]);
    }

    #[test]
    fn calls_of_clients_settings_and_comments_are_none() {
        check("axios.get('/a'); app.get('trust proxy')", &[]);
        check("  // app.get('/b')\n map.get(key); app.get('/c d'); app.get('//e')", &[]);
        check("app.get('/\n')", &[]);
    }
}
