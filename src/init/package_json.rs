//! `package.json`: read with the place of a mistake, changed without touching the rest.
//!
//! A text comes in; the few values that matter go out, and the same text with more scripts in
//! it, in its own indentation and line ends. Does not know what the scripts are for.

use jsonc_parser::ast;
use jsonc_parser::common::Ranged;
use jsonc_parser::{CollectOptions, ParseOptions};
use serde_json::Value;

/// What is wrong with it, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// What.
    pub message: String,
}

/// A `package.json` that can be read.
#[derive(Debug, Clone)]
pub struct PackageJson {
    text: String,
    value: Value,
}

impl PackageJson {
    /// Reads it.
    pub fn read(text: &str) -> Result<PackageJson, Wrong> {
        let bare = text.strip_prefix('\u{feff}').unwrap_or(text);
        let value: Value = serde_json::from_str(bare).map_err(|error| syntax(bare, &error))?;
        let package = PackageJson { text: text.to_owned(), value };
        if !package.value.is_object() {
            return Err(package.wrong_at(0, "expected an object, { … }"));
        }
        if package.value.get("scripts").is_some_and(|scripts| !scripts.is_object()) {
            let location = package.location("scripts").map_or(0, |location| location.0);
            return Err(package.wrong_at(location, "\"scripts\" must be an object, { … }"));
        }
        Ok(package)
    }

    /// A text at the top.
    pub fn text_of(&self, key: &str) -> Option<&str> {
        self.value.get(key)?.as_str()
    }

    /// A value at the top.
    pub fn value_of(&self, key: &str) -> Option<&Value> {
        self.value.get(key)
    }

    /// A script.
    pub fn script(&self, name: &str) -> Option<&str> {
        self.value.get("scripts")?.get(name)?.as_str()
    }

    /// The version that it asks for of a package it depends on.
    pub fn dependency(&self, name: &str) -> Option<&str> {
        let kinds = ["dependencies", "devDependencies", "optionalDependencies"];
        kinds.iter().find_map(|kind| self.value.get(kind)?.get(name)?.as_str())
    }

    /// The text with these scripts, in place of those of the same name.
    pub fn with_scripts(&self, scripts: &[(&str, String)]) -> String {
        scripts.iter().fold(self.text.clone(), |text, (name, script)| {
            // Each change leaves a valid file behind, so that reading it again works.
            PackageJson::read(&text).map_or(text, |package| package.with_script(name, script))
        })
    }

    fn with_script(&self, name: &str, script: &str) -> String {
        let member = format!("{}: {}", quoted(name), quoted(script));
        let bare = self.bare();
        let changed = with_root(bare, |root| {
            let scripts = last(root, "scripts").and_then(|scripts| scripts.value.as_object());
            let old = scripts.and_then(|scripts| last(scripts, name));
            match (old, scripts) {
                (Some(old), _) => {
                    let range = old.range();
                    [&bare[..range.start], &member, &bare[range.end..]].concat()
                }
                (None, Some(scripts)) => self.added(scripts, &member, 2),
                (None, None) => {
                    let (unit, end) = (self.unit(), self.line_end());
                    let scripts = format!("\"scripts\": {{{end}{unit}{unit}{member}{end}{unit}}}");
                    self.added(root, &scripts, 1)
                }
            }
        });
        let mark = &self.text[..self.text.len() - bare.len()];
        format!("{mark}{}", changed.unwrap_or_else(|| bare.to_owned()))
    }

    /// The text with one more member at the end of an object.
    fn added(&self, object: &ast::Object<'_>, member: &str, depth: usize) -> String {
        let (bare, unit, end) = (self.bare(), self.unit(), self.line_end());
        let Some(last) = object.properties.last() else {
            let close = object.range.end - 1;
            let (inner, outer) = (unit.repeat(depth), unit.repeat(depth - 1));
            let open = object.range.start + 1;
            return [&bare[..open], end, &inner, member, end, &outer, &bare[close..]].concat();
        };
        let before = &bare[..last.range().start];
        let blank = &before[before.trim_end().len()..];
        let gap = if blank.is_empty() { " " } else { blank };
        let at = last.range().end;
        [&bare[..at], ",", gap, member, &bare[at..]].concat()
    }

    fn bare(&self) -> &str {
        self.text.strip_prefix('\u{feff}').unwrap_or(&self.text)
    }

    fn line_end(&self) -> &'static str {
        if self.text.contains("\r\n") { "\r\n" } else { "\n" }
    }

    /// What it is indented by.
    fn unit(&self) -> String {
        let indented = self.text.lines().find(|line| line.starts_with([' ', '\t']));
        let unit = indented.map(|line| &line[..line.len() - line.trim_start().len()]);
        unit.filter(|unit| !unit.is_empty()).unwrap_or("  ").to_owned()
    }

    /// Where a member at the top begins and ends, in bytes of the text without its mark.
    fn location(&self, key: &str) -> Option<(usize, usize)> {
        let found = with_root(self.bare(), |root| {
            last(root, key).map(|member| (member.value.range().start, member.range().end))
        });
        found.flatten()
    }

    fn wrong_at(&self, offset: usize, message: &str) -> Wrong {
        let before = &self.bare()[..offset];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
        Wrong { line, column, message: message.to_owned() }
    }
}

/// The last member of a name is the one that counts.
fn last<'o, 't>(object: &'o ast::Object<'t>, name: &str) -> Option<&'o ast::ObjectProp<'t>> {
    object.properties.iter().rev().find(|member| member.name.as_str() == name)
}

/// Something of a text's outermost object.
fn with_root<T>(text: &str, look: impl FnOnce(&ast::Object<'_>) -> T) -> Option<T> {
    // The text has been read before: its depth is bounded and it is strict JSON.
    let parsed =
        jsonc_parser::parse_to_ast(text, &CollectOptions::default(), &ParseOptions::default());
    let value = parsed.ok()?.value?;
    value.as_object().map(look)
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn syntax(text: &str, error: &serde_json::Error) -> Wrong {
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or_default();
    let line = text.lines().nth(error.line().saturating_sub(1)).unwrap_or_default();
    let before = line.char_indices().filter(|(at, _)| *at + 1 < error.column()).count();
    let message = if text.trim().is_empty() {
        "the file is empty".to_owned()
    } else {
        format!("not valid JSON: {message}")
    };
    Wrong { line: error.line().max(1), column: before + 1, message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(before: &str, after: &str) {
        let package = PackageJson::read(before).unwrap();
        let scripts = [("t:p", "a \"b\"".to_owned()), ("t:d", "c".to_owned())];
        assert_eq!(package.with_scripts(&scripts), after);
        let again = PackageJson::read(after).unwrap();
        assert_eq!(again.with_scripts(&scripts), after, "twice is once");
        assert_eq!((again.script("t:p"), again.script("t:d")), (Some("a \"b\""), Some("c")));
    }

    #[test]
    fn scripts_are_added_in_the_form_of_the_file() {
        check(
            "{\n    \"b\": 1,\n    \"scripts\": {\n        \"start\": \"x\"\n    },\n    \"a\": 2\n}\n",
            "{\n    \"b\": 1,\n    \"scripts\": {\n        \"start\": \"x\",\n        \"t:p\": \"a \\\"b\\\"\",\n        \"t:d\": \"c\"\n    },\n    \"a\": 2\n}\n",
        );
        check(
            "{\r\n\t\"a\": 1\r\n}",
            "{\r\n\t\"a\": 1,\r\n\t\"scripts\": {\r\n\t\t\"t:p\": \"a \\\"b\\\"\",\r\n\t\t\"t:d\": \"c\"\r\n\t}\r\n}",
        );
        check(
            "{\"scripts\":{\"s\":\"x\"}}",
            "{\"scripts\":{\"s\":\"x\", \"t:p\": \"a \\\"b\\\"\", \"t:d\": \"c\"}}",
        );
        check(
            "\u{feff}{\n  \"scripts\": {}\n}\n",
            "\u{feff}{\n  \"scripts\": {\n    \"t:p\": \"a \\\"b\\\"\",\n    \"t:d\": \"c\"\n  }\n}\n",
        );
        check(
            "{}",
            "{\n  \"scripts\": {\n    \"t:p\": \"a \\\"b\\\"\",\n    \"t:d\": \"c\"\n  }\n}",
        );
    }

    #[test]
    fn a_script_of_that_name_is_replaced_in_its_place() {
        let text = "{\"scripts\": {\"t\": \"old\", \"z\": \"商店\"}}";
        let package = PackageJson::read(text).unwrap();
        let changed = package.with_scripts(&[("t", "new".to_owned())]);
        assert_eq!(changed, "{\"scripts\": {\"t\": \"new\", \"z\": \"商店\"}}");
    }

    #[test]
    fn a_mistake_has_its_place() {
        for (text, location, message) in [
            ("{\n  \"name\": \"商店\" \"x\": 1\n}", (2, 16), "expected `,` or `}`"),
            ("{\n  \"a\": 1,\n}", (3, 1), "trailing comma"),
            ("", (1, 1), "the file is empty"),
            ("[]", (1, 1), "expected an object"),
            ("{\n \"scripts\": \"x\"}", (2, 13), "\"scripts\" must be an object"),
        ] {
            let wrong = PackageJson::read(text).unwrap_err();
            assert!(wrong.message.contains(message), "{}", wrong.message);
            assert_eq!((wrong.line, wrong.column), location, "{text}");
        }
        assert!(PackageJson::read(&"[".repeat(100_000)).is_err());
    }
}
