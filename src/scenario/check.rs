//! Collects the mistakes of one file and gives each its line and column.
//!
//! Faults come in with the path of the value they are about, problems in order of
//! position go out. A value that already has a mistake of form gets no second one
//! about its content. Values from the environment never show in a message.

use std::collections::{HashMap, HashSet};

use super::document::{Document, Pointer, positions};
use super::environment::Environment;
use super::model::Secrets;
use super::problems::{Fault, Problem};
use crate::units::order;

/// What a problem's place is looked up in.
pub(crate) enum Source<'s> {
    /// A file.
    File { name: &'s str, text: &'s str, document: &'s Document<'s> },
    /// Arguments; each path belongs to one of them.
    CommandLine,
}

/// The mistakes found so far.
pub(crate) struct Check<'c> {
    pub(crate) environment: Environment<'c>,
    /// Numbers with the digits that they are written with, where a value in memory has others.
    pub(crate) numbers: HashMap<Pointer, String>,
    found: Vec<Found>,
    malformed: HashSet<Pointer>,
}

struct Found {
    at: Pointer,
    part: KeyOrValue,
    fault: Fault,
}

#[derive(Clone, Copy)]
enum KeyOrValue {
    Key,
    Value,
    /// The fault's offset is a place in the whole text.
    Text,
}

impl<'c> Check<'c> {
    pub(crate) fn new(environment: Environment<'c>) -> Check<'c> {
        Check { environment, numbers: HashMap::new(), found: Vec::new(), malformed: HashSet::new() }
    }

    /// A fault of a value.
    pub(crate) fn value(&mut self, at: &Pointer, fault: Fault) {
        self.add(at, KeyOrValue::Value, fault);
    }

    /// A fault of a key.
    pub(crate) fn key(&mut self, at: &Pointer, fault: Fault) {
        self.add(at, KeyOrValue::Key, fault);
    }

    /// A fault at an offset of the text.
    pub(crate) fn text(&mut self, fault: Fault) {
        self.found.push(Found { at: Pointer::default(), part: KeyOrValue::Text, fault });
    }

    /// A value that is not of the right form and has been replaced by one that is.
    pub(crate) fn malformed(&mut self, at: &Pointer, fault: Fault) {
        self.value(at, fault);
        self.mended(at);
    }

    /// A value that stands in for one with a mistake; nothing more is said about it.
    pub(crate) fn mended(&mut self, at: &Pointer) {
        self.malformed.insert(at.clone());
    }

    /// A fault of an object that has none of these keys; nothing where one of them is mistyped, as
    /// that has been told.
    pub(crate) fn lacks(&mut self, at: &Pointer, keys: &[&str], fault: Fault) {
        if !keys.iter().any(|key| self.is_mended(&at.key(key))) {
            self.value(at, fault);
        }
    }

    /// Whether a value stands in for one with a mistake, or its key is mistyped.
    pub(crate) fn is_mended(&self, at: &Pointer) -> bool {
        self.malformed.contains(at)
    }

    /// The value, or `None` with its fault noted.
    pub(crate) fn accept<T>(&mut self, at: &Pointer, result: Result<T, Fault>) -> Option<T> {
        result.map_err(|fault| self.value(at, fault)).ok()
    }

    /// A text with its environment variables filled in.
    pub(crate) fn fill(&self, text: &str) -> String {
        self.environment.fill(text)
    }

    pub(crate) fn is_clean(&self) -> bool {
        self.found.is_empty()
    }

    /// Everything that was found, in order of position.
    pub(crate) fn into_problems(self, source: &Source<'_>, secrets: &Secrets) -> Vec<Problem> {
        let hidden = |mut found: Found| {
            found.fault.message = secrets.redact(&found.fault.message);
            found.fault.help = found.fault.help.map(|help| secrets.redact(&help));
            found
        };
        let found = self.found.into_iter().map(hidden);
        match source {
            Source::File { name, text, document } => located(found, name, text, document),
            Source::CommandLine => {
                let mut all: Vec<Problem> = found
                    .map(|found| found.fault.problem(argument(found.at.as_str()), (0, 0)))
                    .collect();
                // Warm-up and judged stage come from the same arguments.
                all.dedup();
                all
            }
        }
    }

    fn add(&mut self, at: &Pointer, part: KeyOrValue, fault: Fault) {
        let mut around = Some(at.clone());
        while let Some(pointer) = around {
            if self.malformed.contains(&pointer) {
                return;
            }
            around = pointer.parent();
        }
        self.found.push(Found { at: at.clone(), part, fault });
    }
}

fn located(
    found: impl Iterator<Item = Found>,
    name: &str,
    text: &str,
    document: &Document<'_>,
) -> Vec<Problem> {
    let offset = |found: &Found| match found.part {
        KeyOrValue::Key => document.key(&found.at, found.fault.offset),
        KeyOrValue::Value => document.value(&found.at, found.fault.offset),
        KeyOrValue::Text => found.fault.offset,
    };
    let mut all: Vec<(usize, Fault)> = found.map(|found| (offset(&found), found.fault)).collect();
    order::by_key(&mut all, |(offset, _)| *offset);
    all.dedup();
    let offsets: Vec<usize> = all.iter().map(|(offset, _)| *offset).collect();
    let indexes = positions(text, &offsets);
    all.into_iter().zip(indexes).map(|((_, fault), at)| fault.problem(name, at)).collect()
}

/// The argument of the command line that a path of the scenario was made from.
fn argument(pointer: &str) -> &'static str {
    const ARGUMENTS: [(&str, &str); 7] = [
        ("/flows/0/steps/0/headers", "-H"),
        ("/flows/0/steps/0/body", "-b"),
        ("/flows/0/steps/0/timeout", "--timeout"),
        ("/load/stages", "-R and -d"),
        ("/load/seed", "--seed"),
        ("/slo", "--slo"),
        ("/allow", "--allow-host"),
    ];
    if pointer.starts_with("/load/stages") && pointer.ends_with("/users") {
        return "-c";
    }
    let found = ARGUMENTS.iter().find(|(path, _)| pointer.starts_with(path));
    found.map_or("URL", |(_, name)| name)
}
