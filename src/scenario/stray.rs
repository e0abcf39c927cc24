//! What looks like `{{a placeholder}}` or `${VAR}` and stands where nothing is filled in.
//!
//! A file of the right form comes in; each such text is reported, because it would be used
//! as it stands. The texts of other programs, which are the command and its environment,
//! may have double braces of their own (`docker ps --format '{{.Names}}'`): there only
//! names that this scenario fills in elsewhere are taken for a mistake.

use serde_json::Value;

use super::check::Check;
use super::document::Pointer;
use super::environment::visit;
use super::problems::Fault;
use super::template::parse::BUILT_IN;

/// What is done with the placeholders of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PlaceKind {
    /// They are filled in, or somebody else says that they cannot be.
    Known,
    /// They stay as they are.
    Fixed,
    /// A name that reports show: environment variables stay as they are too.
    Name,
    /// They stay as they are, and may be meant for another program.
    Foreign,
}

/// Reports every text in which something would stay unfilled.
pub(crate) fn check(value: &Value, check: &mut Check<'_>) {
    let names = names(value);
    visit(value, &Pointer::default(), &mut |at, is_key, text| {
        let Some(fault) = fault(text, kind_of_place(at, is_key), &names) else { return };
        if is_key {
            check.key(at, fault);
            check.mended(at);
        } else {
            check.malformed(at, fault);
        }
    });
}

/// Everything that this scenario fills in by name.
fn names(value: &Value) -> Vec<String> {
    let mut names: Vec<String> = BUILT_IN.map(str::to_owned).to_vec();
    visit(value, &Pointer::default(), &mut |at, is_key, name| {
        let path = at.names();
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let is_variable = matches!(path[..], ["variables", _])
            || matches!(within_step(&path), Some(["extract", _]));
        let is_defined = is_key && is_variable;
        if is_defined {
            names.push(name.to_owned());
        }
    });
    names
}

fn kind_of_place(at: &Pointer, is_key: bool) -> PlaceKind {
    let path = at.names();
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    match (path.as_slice(), is_key) {
        (["variables", _], _)
        | (["slo", "steps", _] | ["steps", _], true)
        | (["flows", _, "auth", ..] | ["flows", _, "tenant"], false) => PlaceKind::Known,
        (
            ["target", "command" | "env", _]
            | ["target", "prepare", "command", _]
            | ["target", "arms", _, "env", _],
            false,
        ) => PlaceKind::Foreign,
        (["name"] | ["flows", _, "name"], false) => PlaceKind::Name,
        (path, _) => match within_step(path) {
            Some(within) => kind_within_step(within, is_key),
            None if is_key => PlaceKind::Name,
            None => PlaceKind::Fixed,
        },
    }
}

/// The rest of a path that leads into a step, however deep that stands within others.
fn within_step<'p>(path: &'p [&'p str]) -> Option<&'p [&'p str]> {
    let (["flows", _, "steps", _, rest @ ..] | ["setup" | "teardown", _, rest @ ..]) = path else {
        return None;
    };
    let mut rest = rest;
    while let ["steps" | "else", _, inner @ ..] | ["choose", _, "steps", _, inner @ ..] = rest {
        rest = inner;
    }
    Some(rest)
}

fn kind_within_step(path: &[&str], is_key: bool) -> PlaceKind {
    match (path, is_key) {
        (
            ["json" | "form" | "if", ..]
            | ["graphql", "variables", ..]
            | ["multipart", _, "json", ..]
            | ["multipart", _, _, "json", ..]
            | ["headers", _]
            | ["websocket", _, "send" | "send_json" | "expect", ..],
            _,
        )
        | (
            ["events", "until", ..]
            | ["check", "headers" | "json", _, ..]
            | ["check", "body", ..]
            | ["auth", ..]
            | ["refresh", "expires_in"]
            | ["multipart", _]
            | ["multipart", _, "text"]
            | ["multipart", _, _, "text"]
            | ["request" | "body"],
            false,
        )
        | (["extract", _], true) => PlaceKind::Known,
        (["multipart", _, place], false) if place.parse::<usize>().is_ok() => PlaceKind::Known,
        (["name"], false) | (_, true) => PlaceKind::Name,
        (_, false) => PlaceKind::Fixed,
    }
}

fn fault(text: &str, kind_of_place: PlaceKind, names: &[String]) -> Option<Fault> {
    let is_stray = |name: &str| match kind_of_place {
        PlaceKind::Known => false,
        PlaceKind::Fixed | PlaceKind::Name => true,
        PlaceKind::Foreign => {
            names.iter().any(|known| Some(known.as_str()) == name.split(' ').next())
        }
    };
    if let Some((offset, name)) = placeholders(text).into_iter().find(|(_, name)| is_stray(name)) {
        let fault = Fault::new(format!("{{{{{name}}}}} is not filled in here")).offset(offset);
        return Some(fault.help(
            "placeholders are filled in in the path, the header values and the body of a request",
        ));
    }
    let offset = text.find("${").filter(|_| kind_of_place == PlaceKind::Name)?;
    let fault = Fault::new("a name cannot contain ${VAR}").offset(offset);
    Some(fault.help("reports show names, and never what comes from the environment"))
}

/// The names between double braces, each with its place.
fn placeholders(text: &str) -> Vec<(usize, &str)> {
    let mut all = Vec::new();
    let mut done = 0;
    while let Some(open) = text[done..].find("{{").map(|at| done + at) {
        let inside = &text[open + 2..];
        let Some(end) = inside.find("}}") else { break };
        all.push((open, inside[..end].trim()));
        done = open + 2 + end + 2;
    }
    all
}
