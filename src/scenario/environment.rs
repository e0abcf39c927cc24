//! `${VAR}` and `${VAR:-default}`: values that come from the environment.
//!
//! Every text value of a file may contain them; `$${` stands for `${`. What is wrong
//! with them is found once for a whole file, so that filling in cannot fail. What
//! came from the environment is a secret; a default, being in the file, is not.

use super::document::Pointer;
use super::model::Secrets;
use super::problems::Fault;
use serde_json::Value;

/// Where variables are looked up; nowhere on the command line, whose shell did it.
#[derive(Clone, Copy)]
pub(crate) enum Environment<'e> {
    /// By name.
    Lookup(&'e dyn Fn(&str) -> Option<String>),
    /// `${` is ordinary text.
    Nowhere,
}

/// A fault of a text of a file.
pub(crate) struct Reviewed {
    pub(crate) at: Pointer,
    /// Whether it is the key that has it, or the value.
    pub(crate) is_key: bool,
    pub(crate) fault: Fault,
}

#[derive(Debug, PartialEq, Eq)]
enum Token<'t> {
    Text(&'t str),
    Variable { name: &'t str, default: Option<&'t str>, offset: usize },
}

impl Environment<'_> {
    /// The text with its variables filled in; what cannot be filled in stays.
    pub(crate) fn fill(self, text: &str) -> String {
        let Environment::Lookup(lookup) = self else { return text.to_owned() };
        let Ok(parts) = parts(text) else { return text.to_owned() };
        let filled = |part: &Token<'_>| match *part {
            Token::Text(text) => text.to_owned(),
            Token::Variable { name, default, .. } => {
                value(lookup, name, default).map(|(text, _)| text).unwrap_or_default()
            }
        };
        parts.iter().map(filled).collect()
    }

    /// A variable by its name.
    pub(crate) fn variable(self, name: &str) -> Option<String> {
        match self {
            Environment::Lookup(lookup) => lookup(name),
            Environment::Nowhere => None,
        }
    }

    /// Whether something in the text comes from the environment.
    pub(crate) fn fills(self, text: &str) -> bool {
        let Environment::Lookup(lookup) = self else { return false };
        let from_outside = |part: &Token<'_>| match *part {
            Token::Text(_) => false,
            Token::Variable { name, default, .. } => {
                value(lookup, name, default).is_some_and(|(_, origin)| origin == Origin::Outside)
            }
        };
        parts(text).is_ok_and(|parts| parts.iter().any(from_outside))
    }

    /// Finds what is wrong with the variables of all texts in a value, and remembers
    /// what comes from the environment.
    pub(crate) fn review_all(self, value: &Value, secrets: &mut Secrets) -> Vec<Reviewed> {
        let mut faults = Vec::new();
        visit(value, &Pointer::default(), &mut |at, is_key, text| {
            let found = self.review(text, secrets).into_iter();
            faults.extend(found.map(|fault| Reviewed { at: at.clone(), is_key, fault }));
        });
        faults
    }

    fn review(self, text: &str, secrets: &mut Secrets) -> Vec<Fault> {
        let Environment::Lookup(lookup) = self else { return Vec::new() };
        let parts = match parts(text) {
            Ok(parts) => parts,
            Err(fault) => return vec![fault],
        };
        let mut faults = Vec::new();
        for part in parts {
            let Token::Variable { name, default, offset } = part else { continue };
            match value(lookup, name, default) {
                Some((text, Origin::Outside)) => secrets.add_named(name, &text),
                Some((_, Origin::File)) => {}
                None => faults.push(missing(name).offset(offset)),
            }
        }
        faults
    }
}

#[derive(PartialEq, Eq)]
enum Origin {
    Outside,
    File,
}

/// As in a shell, a default also stands in for an empty value.
fn value(
    lookup: &dyn Fn(&str) -> Option<String>,
    name: &str,
    default: Option<&str>,
) -> Option<(String, Origin)> {
    match (lookup(name), default) {
        (Some(text), None) => Some((text, Origin::Outside)),
        (Some(text), Some(_)) if !text.is_empty() => Some((text, Origin::Outside)),
        (_, Some(default)) => Some((default.to_owned(), Origin::File)),
        (None, None) => None,
    }
}

fn missing(name: &str) -> Fault {
    Fault::new(format!("the environment variable {name} is not set")).help(format!(
        "set it, give a default with ${{{name}:-…}}, or write $${{ for a literal ${{"
    ))
}

fn parts(text: &str) -> Result<Vec<Token<'_>>, Fault> {
    let mut parts = Vec::new();
    let mut done = 0;
    while let Some(found) = text[done..].find("${").map(|at| done + at) {
        if text[done..found].ends_with('$') {
            parts.push(Token::Text(&text[done..found - 1]));
            parts.push(Token::Text("${"));
            done = found + 2;
            continue;
        }
        parts.push(Token::Text(&text[done..found]));
        let end = text[found..].find('}').map(|at| found + at).ok_or_else(|| unclosed(found))?;
        parts.push(variable(&text[found + 2..end], found)?);
        done = end + 1;
    }
    parts.push(Token::Text(&text[done..]));
    Ok(parts)
}

fn unclosed(offset: usize) -> Fault {
    let fault = Fault::new("${ without its closing }").offset(offset);
    fault.help("write ${VAR} or ${VAR:-default}, or $${ for a literal ${")
}

fn variable(inside: &str, offset: usize) -> Result<Token<'_>, Fault> {
    let (name, default) = match inside.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inside, None),
    };
    let valid = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) || !name.chars().all(valid)
    {
        let fault = Fault::new(format!("\"{name}\" is not the name of an environment variable"));
        let fault = fault.help("write ${VAR} or ${VAR:-default}, or $${ for a literal ${");
        return Err(fault.offset(offset));
    }
    if default.is_some_and(|default| default.contains("{{")) {
        let fault = Fault::new("a default cannot contain a {{placeholder}}");
        return Err(fault.offset(offset));
    }
    Ok(Token::Variable { name, default, offset })
}

/// Shows every text with its place, and whether it is a key.
pub(crate) fn visit(value: &Value, at: &Pointer, see: &mut dyn FnMut(&Pointer, bool, &str)) {
    match value {
        Value::String(text) => see(at, false, text),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                visit(item, &at.item(index), see);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                let at = at.key(name);
                see(&at, true, name);
                visit(member, &at, see);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(name: &str) -> Option<String> {
        match name {
            "TOKEN" => Some("s3cr3t".to_owned()),
            "TRICK" => Some("${TOKEN}".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        }
    }

    #[track_caller]
    fn fills(text: &str, expected: &str) {
        assert_eq!(Environment::Lookup(&lookup).fill(text), expected);
    }

    #[test]
    fn variables_are_filled_in_once() {
        fills("Bearer ${TOKEN}!", "Bearer s3cr3t!");
        fills("${NONE:-a:-b}", "a:-b");
        fills("${EMPTY:-x}${EMPTY}", "x");
        fills("$${TOKEN} costs $5 {TOKEN}", "${TOKEN} costs $5 {TOKEN}");
        fills("${TRICK}", "${TOKEN}");
        assert_eq!(Environment::Nowhere.fill("${TOKEN}"), "${TOKEN}");
    }

    #[track_caller]
    fn faulty(text: &str, offset: usize, message: &str) {
        let faults = Environment::Lookup(&lookup).review(text, &mut Secrets::default());
        assert_eq!(faults.len(), 1, "{text}");
        assert!(faults[0].message.contains(message), "{}", faults[0].message);
        assert_eq!(faults[0].offset, offset);
    }

    #[test]
    fn what_cannot_be_filled_in_is_a_fault() {
        faulty("ab${NONE}", 2, "NONE is not set");
        faulty("ab${TOKEN", 2, "without its closing");
        faulty("${1A}", 0, "not the name");
        faulty("${}", 0, "not the name");
        faulty("${A:-{{x}}", 0, "placeholder");
    }

    #[test]
    fn only_values_from_outside_are_secrets() {
        let mut secrets = Secrets::default();
        let value = serde_json::json!({ "a": ["${TOKEN}", "${NONE:-public}"] });
        let faults = Environment::Lookup(&lookup).review_all(&value, &mut secrets);
        assert!(faults.is_empty());
        assert_eq!(secrets.redact("s3cr3t public"), "[redacted] public");
    }
}
