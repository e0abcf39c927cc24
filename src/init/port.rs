//! The port on which an app listens, and the variable that names another one.
//!
//! Sources, `.env` and the start command come in; a [`Port`] goes out. Source text is read
//! for a few usual forms only: what an app really does is seen when it is started.

use super::framework::Framework;
use super::sources::{Sources, head};
use super::start::Start;

/// Where an app listens when nothing is said.
const USUAL: u16 = 3000;
/// How far behind a variable its default may stand, in bytes.
const NEAR: usize = 40;

/// The port of an app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// Where it listens without being told.
    pub number: u16,
    /// What says so: a file and line, a script, or that it is the usual one.
    pub found: String,
    /// The variable that tells it another one, as far as sources say.
    pub variable: Option<String>,
}

impl Port {
    /// What was seen when it was told a port: whether it took it. `None`: it was not started.
    pub fn learn(&mut self, follows: Option<bool>) {
        match follows {
            Some(true) => drop(self.variable.get_or_insert_with(|| "PORT".to_owned())),
            Some(false) => self.variable = None,
            None => {}
        }
    }
}

/// What sources say of the port.
pub fn of(sources: &Sources, start: Option<&Start>, framework: Option<Framework>) -> Port {
    let read = variable(sources);
    let name = read.as_ref().map(|read| read.name.clone());
    let reads = framework.is_some_and(|framework| framework.reads_port);
    let variable = name.or_else(|| reads.then(|| "PORT".to_owned()));
    let known = variable.as_deref().unwrap_or("PORT");
    let by_script = start.and_then(|start| Some((start.port?, start.found.clone())));
    let by_env = sources.env.as_deref().and_then(|text| assigned(text, known));
    let by_env = by_env.map(|port| (port, ".env".to_owned()));
    let by_default = read.and_then(|read| Some((read.default?, read.location)));
    let found = by_script.or(by_env).or(by_default).or_else(|| literal(sources));
    let (number, found) = found.unwrap_or_else(|| (USUAL, "the usual one".to_owned()));
    Port { number, found, variable }
}

/// A variable that is read for the port.
struct Read {
    name: String,
    default: Option<u16>,
    location: String,
}

/// `process.env.PORT ?? 3000` and its kin; one with a default comes first.
fn variable(sources: &Sources) -> Option<Read> {
    let all: Vec<Read> = sources
        .files
        .iter()
        .flat_map(|file| {
            let found = file.text.match_indices("env").filter_map(|(at, _)| {
                let rest = accessed(&file.text[at + 3..])?;
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                let name = &rest[..end.unwrap_or(rest.len())];
                let is_port = name == "PORT" || name.ends_with("_PORT");
                let is_own =
                    !["DB", "PG", "REDIS", "MYSQL", "POSTGRES", "SMTP", "MONGO", "METRICS"]
                        .iter()
                        .any(|other| name.starts_with(other));
                (is_port && is_own).then(|| Read {
                    name: name.to_owned(),
                    default: default(&rest[name.len()..]),
                    location: location(&file.path, &file.text, at),
                })
            });
            found.collect::<Vec<_>>()
        })
        .collect();
    let best = |read: &Read| (read.name != "PORT", read.default.is_none());
    all.into_iter().min_by_key(best)
}

/// What follows `env.`, `env?.` or `env["`.
fn accessed(text: &str) -> Option<&str> {
    ["?.", ".", "[\"", "['", "[`"].iter().find_map(|sign| text.strip_prefix(sign))
}

/// The number behind a variable, as in `?? 3000`, `|| '3000'` and `, 10) || 3000`.
fn default(text: &str) -> Option<u16> {
    let near = head(text.lines().next()?, NEAR);
    let behind = ["??", "||", " : "].iter().find_map(|sign| near.split_once(sign))?.1;
    number(behind)
}

/// The number at the beginning of a text, in quotes or not.
fn number(text: &str) -> Option<u16> {
    let text = text.trim_start_matches([' ', '"', '\'', '`', '(', '=', ':']);
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '_').unwrap_or(text.len());
    text[..end].replace('_', "").parse().ok().filter(|port| *port > 0)
}

/// The value of a variable in the text of an `.env` file.
fn assigned(text: &str, name: &str) -> Option<u16> {
    let value = text.lines().rev().find_map(|line| {
        let line = line.trim().trim_start_matches("export ");
        line.strip_prefix(name)?.trim_start().strip_prefix('=')
    });
    number(value?)
}

/// `.listen({ port: 3000 })` and `.listen(3000)`.
fn literal(sources: &Sources) -> Option<(u16, String)> {
    sources.files.iter().find_map(|file| {
        file.text.match_indices(".listen(").find_map(|(at, sign)| {
            let rest = &file.text[at + sign.len()..];
            let call = head(rest, 200).split(')').next().unwrap_or_default();
            let named = call.split_once("port:").map(|(_, value)| value);
            Some((number(named.unwrap_or(call))?, location(&file.path, &file.text, at)))
        })
    })
}

fn location(path: &str, text: &str, at: usize) -> String {
    format!("{path}:{}", text[..at].matches('\n').count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::init::sources::SourceFile;

    #[track_caller]
    fn check(text: &str, env: Option<&str>, number: u16, variable: Option<&str>) {
        let files = vec![SourceFile { path: "app.js".to_owned(), text: text.to_owned() }];
        let sources = Sources { files, env: env.map(str::to_owned), ..Sources::default() };
        let port = of(&sources, None, None);
        assert_eq!((port.number, port.variable.as_deref()), (number, variable), "{text}");
    }

    #[test]
    fn defaults_are_read_in_their_usual_forms() {
        for text in [
            "listen({ port: process.env.PORT ?? 4001 })",
            "const port = Number(process.env.PORT || '4001')",
            "parseInt(process.env['PORT'], 10) || 4001",
            "const p = env.PORT ? Number(env.PORT) : 4001;",
            "process.env.DB_PORT ?? 5432;\nprocess.env.PORT ?? 4_001",
        ] {
            check(text, None, 4001, Some("PORT"));
        }
        check("process.env.API_PORT ?? 8080", None, 8080, Some("API_PORT"));
        check("process.env.PORT", Some("A=1\nexport PORT=\"5000\"\n"), 5000, Some("PORT"));
        check("process.env.PORT ?? 3000", Some("PORT=5000"), 5000, Some("PORT"));
    }

    #[test]
    fn a_number_in_listen_is_a_port_that_no_variable_changes() {
        check("app.listen({ host: '0.0.0.0', port: 8080 })", None, 8080, None);
        check("app.listen(8081, () => {})", None, 8081, None);
        check("app.listen(port)\n// 商店 ".repeat(30).as_str(), None, 3000, None);
        check("environment.PORT\u{1f600}", None, 3000, None);
    }
}
