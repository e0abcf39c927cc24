//! The text of a first scenario and of its objectives.
//!
//! A [`Project`] and what was [`Seen`] of its app come in; JSON goes out, with short objects on
//! one line as people write them. Each route is a flow of its own, so that one that fails hides
//! no other.

use serde_json::{Map, Value, json};

use super::project::Project;
use super::seen::Seen;
use crate::scenario::slo::DEFAULT_OBJECTIVES;

/// Requests per second of all routes together: little for any server, and enough to certify
/// the default objectives.
pub const RATE: usize = 100;
/// The stages: the first is a warm-up.
pub const STAGES: [&str; 2] = ["5s", "40s"];
/// What fits on one line.
const WIDTH: usize = 80;

/// Where the app is reached when nothing else is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// `127.0.0.1`, or `localhost` where only that is listened on.
    pub host: String,
    /// Its port.
    pub port: u16,
}

/// The scenario.
pub fn scenario(project: &Project, seen: &Seen, address: &Address) -> String {
    let flows: Vec<Value> = seen.routes.iter().map(|(path, status)| flow(path, *status)).collect();
    let [warmup, judged] = STAGES;
    let rate = format!("{RATE}/s");
    let whole = json!({
        "$schema": "scenario.schema.json",
        "name": project.name,
        "target": target(project, seen, address),
        "flows": flows,
        "load": {
            "arrivals": "poisson",
            "seed": 1,
            "stages": [
                { "for": warmup, "rate": rate, "warmup": true },
                { "for": judged, "rate": rate },
            ],
        },
        "slo": { "file": "slo.json" },
    });
    written(&whole)
}

/// The file of objectives.
pub fn objectives() -> String {
    written(&json!({ "$schema": "slo.schema.json", "all": DEFAULT_OBJECTIVES }))
}

fn target(project: &Project, seen: &Seen, address: &Address) -> Value {
    let mut target = Map::new();
    let mut put = |key: &str, value: Value| target.insert(key.to_owned(), value);
    put("url", json!(format!("http://{}:{}", address.host, address.port)));
    if let Some(start) = &project.start {
        let command: Vec<String> = start.command.iter().map(|word| literal(word)).collect();
        put("command", json!(command));
        put("cwd", json!(".."));
        let env = start.env.iter().map(|(name, value)| (name.clone(), json!(literal(value))));
        let port =
            project.variable().map(|name| (name.to_owned(), json!(address.port.to_string())));
        let env: Map<String, Value> = env.chain(port).collect();
        if !env.is_empty() {
            put("env", Value::Object(env));
        }
    }
    let mut ready = json!({ "within": "30s" });
    if let Some(path) = &seen.health {
        ready = json!({ "path": path, "within": "30s" });
    }
    put("ready", ready);
    if let Some(path) = &seen.metrics {
        put("metrics", json!(path));
    }
    if let Some(name) = project.variable().filter(|name| *name != "PORT") {
        put("port_variable", json!(name));
    }
    if project.start.is_some() {
        let prepare: Vec<String> = project.prepare().iter().map(|word| literal(word)).collect();
        put("prepare", json!({ "command": prepare }));
    }
    Value::Object(target)
}

fn flow(path: &str, status: u16) -> Value {
    let request = format!("GET {path}");
    json!({
        "name": path,
        "steps": [{ "request": request, "check": { "status": status } }],
    })
}

/// A text of the project in which nothing is a variable.
fn literal(text: &str) -> String {
    text.replace("${", "$${")
}

/// JSON with two blanks, and on one line what fits there.
fn written(value: &Value) -> String {
    let mut text = String::new();
    write(value, 0, 0, &mut text);
    text.push('\n');
    text
}

/// Writes a value that begins in a column.
fn write(value: &Value, depth: usize, column: usize, text: &mut String) {
    let line = one_line(value);
    // One column is for the comma behind it.
    let fits = column + line.chars().count() < WIDTH && depth > 1;
    let indent = "  ".repeat(depth + 1);
    match value {
        Value::Object(members) if !fits => {
            let lines = members.iter().map(|(key, value)| {
                let key = format!("{indent}{}: ", Value::from(key.as_str()));
                let mut line = key.clone();
                write(value, depth + 1, key.chars().count(), &mut line);
                line
            });
            block(("{", "}"), &lines.collect::<Vec<_>>(), depth, text);
        }
        Value::Array(items) if !fits => {
            let lines = items.iter().map(|value| {
                let mut line = indent.clone();
                write(value, depth + 1, indent.len(), &mut line);
                line
            });
            block(("[", "]"), &lines.collect::<Vec<_>>(), depth, text);
        }
        _ => text.push_str(&line),
    }
}

fn block((open, close): (&str, &str), lines: &[String], depth: usize, text: &mut String) {
    let end = "  ".repeat(depth);
    text.extend([open, "\n", &lines.join(",\n"), "\n", &end, close]);
}

fn one_line(value: &Value) -> String {
    let joined = |parts: Vec<String>| parts.join(", ");
    match value {
        Value::Object(members) if !members.is_empty() => {
            let part = |(key, value): (&String, &Value)| {
                format!("{}: {}", Value::from(key.as_str()), one_line(value))
            };
            format!("{{ {} }}", joined(members.iter().map(part).collect()))
        }
        Value::Array(items) => format!("[{}]", joined(items.iter().map(one_line).collect())),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::init::package_json::PackageJson;
    use crate::init::sources::{SourceFile, Sources};
    use crate::init::{project, seen};
    use crate::scenario::read::{Origin, parse};

    fn address() -> Address {
        Address { host: "127.0.0.1".to_owned(), port: 3000 }
    }

    /// The scenario of a project is read without a mistake.
    #[track_caller]
    fn check(package: &str, source: &str, parts: &[&str]) {
        let file = SourceFile { path: "server.js".to_owned(), text: source.to_owned() };
        let sources = Sources { files: vec![file], ..Sources::default() };
        let package = PackageJson::read(package).unwrap();
        let project = project::of(Path::new("/p"), package, &sources);
        let text = scenario(&project, &seen::guess(&project.known), &address());
        for part in parts {
            assert!(text.contains(part), "{part}: {text}");
        }
        let origin = Origin { file: Some(PathBuf::from("api.json")), ..Origin::default() };
        let read = |_: &Path| Ok(objectives());
        parse(&text, &origin, &|_| None, &read).map_err(|problems| problems.to_string()).unwrap();
    }

    #[test]
    fn what_is_written_can_be_read() {
        check(
            r#"{"name": "@a/商店", "scripts": {"start": "node server.js"}}"#,
            "app.get('/health', h); app.get('/orders', h); listen({ port: process.env.PORT ?? 1 })",
            &[
                "\"name\": \"商店\"",
                "\"command\": [\"node\", \"server.js\"],\n    \"cwd\": \"..\",\n    \"env\": { \"PORT\": \"3000\" }",
                "\"ready\": { \"path\": \"/health\", \"within\": \"30s\" }",
                "\"steps\": [{ \"request\": \"GET /orders\", \"check\": { \"status\": 200 } }]",
                "{ \"for\": \"5s\", \"rate\": \"100/s\", \"warmup\": true }",
            ],
        );
        check("{}", "", &["\"url\": \"http://127.0.0.1:3000\"", "\"request\": \"GET /\""]);
        check(
            r#"{"scripts": {"start": "A='${HOME}' B={{x}} node 'server.js' x"}}"#,
            "process.env.API_PORT",
            &["\"port_variable\": \"API_PORT\"", "\"API_PORT\": \"3000\""],
        );
    }

    #[test]
    fn lines_are_not_longer_than_people_like() {
        let text = written(&json!({ "a": { "b": ["x".repeat(60), "y".repeat(60)], "c": [1, 2] } }));
        assert!(text.contains("\n    \"b\": [\n"), "{text}");
        assert!(text.ends_with("\n    \"c\": [1, 2]\n  }\n}\n"), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["a"]["c"], json!([1, 2]));
    }
}
