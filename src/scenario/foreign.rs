//! Files of other tools and formats that are given as a scenario.
//!
//! The text of a file that cannot be read comes in; what it seems to be, and what to do, goes
//! out.

use serde_json::Value;

use super::problems::Fault;

const BEGIN: &str = "begin with a copy of scenarios/quickstart.json; `loadgate schema` prints \
                     the schema for editors";

/// What a file that is neither JSON nor YAML seems to be.
pub(super) fn recognised(name: &str, text: &str) -> Option<Fault> {
    let end = name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    let has = |sign: &str| text.contains(sign);
    if has("from 'k6") || has("from \"k6") || has("require('k6") {
        return Some(says("a k6 script; a scenario of loadgate is JSON or YAML", BEGIN));
    }
    if has("<jmeterTestPlan") || end == "jmx" {
        return Some(says("a test plan of JMeter; a scenario of loadgate is JSON or YAML", BEGIN));
    }
    if has("io.gatling") {
        return Some(says(
            "a simulation of Gatling; a scenario of loadgate is JSON or YAML",
            BEGIN,
        ));
    }
    if has("from locust") || has("import locust") {
        return Some(says("a script of Locust; a scenario of loadgate is JSON or YAML", BEGIN));
    }
    if ["js", "mjs", "cjs", "ts", "mts", "py", "scala", "java", "kt", "lua", "sh"]
        .contains(&end.as_str())
    {
        return Some(says("a program; a scenario of loadgate is JSON or YAML", BEGIN));
    }
    if !is_named_yaml(name) && begins_like_yaml(text) {
        let help = "name the file .yaml, or begin with a copy of scenarios/quickstart.json";
        return Some(says("YAML, and the file's name does not say so", help));
    }
    if end == "toml" {
        return Some(says("TOML; a scenario of loadgate is JSON or YAML", BEGIN));
    }
    let is_target = |line: &str| {
        line.split_once(' ').is_some_and(|(method, url)| {
            method.bytes().all(|byte| byte.is_ascii_uppercase()) && url.contains("://")
        })
    };
    text.lines().next().is_some_and(is_target).then(|| {
        says(
            "a list of requests, as vegeta reads it; a scenario of loadgate is JSON or YAML",
            BEGIN,
        )
    })
}

fn says(what: &str, help: &str) -> Fault {
    Fault::new(format!("this is {what}")).help(help)
}

/// A test script of Artillery, which is YAML too.
pub(super) fn artillery(value: &Value) -> Option<Fault> {
    let config = value.get("config")?;
    (config.get("phases").is_some() || value.get("scenarios").is_some())
        .then(|| says("a test script of Artillery; a scenario of loadgate has other keys", BEGIN))
}

/// Whether a file is YAML by its name.
pub(super) fn is_named_yaml(name: &str) -> bool {
    let end = name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    ["yml", "yaml"].contains(&end.as_str())
}

/// Whether the first line of content is a key without quotes.
fn begins_like_yaml(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim_end);
    let first = lines.find(|line| !line.trim().is_empty() && !line.starts_with('#'));
    first.is_some_and(|line| {
        let key = line.split(':').next().unwrap_or_default();
        let is_key = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
        line == "---" || (line.contains(':') && !key.is_empty() && key.chars().all(is_key))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, text: &str, expected: Option<&str>) {
        let found = recognised(name, text);
        match (found, expected) {
            (None, None) => {}
            (Some(fault), Some(expected)) => {
                assert!(fault.message.contains(expected), "{}", fault.message);
                assert!(fault.help.unwrap().contains("scenarios/quickstart.json"));
            }
            (found, expected) => panic!("{found:?}, not {expected:?}: {text}"),
        }
    }

    #[test]
    fn files_of_other_tools_are_recognised() {
        check("a.js", "import http from 'k6/http';\nexport default () => {}", Some("a k6 script"));
        check("a.json", "import { check } from \"k6\";", Some("a k6 script"));
        check("a.yaml", "{}]", None);
        check("a.json", "# orders\nname: orders\nflows: []", Some("YAML"));
        check("a.json", "---\nname: x", Some("YAML"));
        check("a.py", "from locust import HttpUser", Some("Locust"));
        check("a.jmx", "<?xml version=\"1.0\"?><jmeterTestPlan>", Some("JMeter"));
        check("a.scala", "import io.gatling.core.Predef._", Some("Gatling"));
        check("a.ts", "const x = 1", Some("a program"));
        check("targets.txt", "GET http://localhost:3000/\n", Some("vegeta"));
        check("a.json", "{ name: \"x\" }", None);
        check("a.json", "", None);
    }

    #[test]
    fn a_script_of_artillery_is_no_scenario() {
        let script = serde_json::json!({ "config": { "phases": [] }, "scenarios": [] });
        assert!(artillery(&script).unwrap().message.contains("Artillery"));
        assert_eq!(artillery(&serde_json::json!({ "name": "config", "flows": [] })), None);
        assert_eq!(artillery(&serde_json::json!(["config"])), None);
    }
}
