//! Mistakes in a file, as its author reads them: where, what, and what to do.
//!
//! The checks describe a mistake as a `Fault` without knowing files or lines;
//! `check` finds its position and makes a [`Problem`] of it. Texts from the file are
//! hostile here too: control characters are shown, never sent to a terminal.

use std::fmt;

use crate::units::UnitError;

/// All mistakes of a file and of the files that it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems {
    /// In order of position, at least one.
    pub all: Vec<Problem>,
}

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file as the caller named it, or the argument of the command line.
    pub file: String,
    /// From 1; 0 when the problem is with the file as a whole.
    pub line: usize,
    /// From 1, in characters; 0 when the problem is with the file as a whole.
    pub column: usize,
    /// What is wrong, in one line.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        write!(f, ": {}", self.message)?;
        match &self.help {
            Some(help) => write!(f, "\n  {help}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.all.iter().enumerate() {
            let end = if index == 0 { "" } else { "\n" };
            write!(f, "{end}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

impl Problems {
    /// A problem with a file as a whole.
    pub(crate) fn whole_file(file: &str, fault: Fault) -> Problems {
        Problems { all: vec![fault.problem(file, (0, 0))] }
    }
}

/// A mistake that does not know yet where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) message: String,
    pub(crate) help: Option<String>,
    /// Where in the text of the value, in bytes; 0 is the value itself.
    pub(crate) offset: usize,
}

impl Fault {
    pub(crate) fn new(message: impl Into<String>) -> Fault {
        Fault { message: message.into(), help: None, offset: 0 }
    }

    pub(crate) fn help(self, help: impl Into<String>) -> Fault {
        Fault { help: Some(help.into()), ..self }
    }

    /// Of what it is, where that has no place in a text.
    pub(crate) fn of(self, what: &str) -> Fault {
        Fault { message: format!("{what}: {}", self.message), ..self }
    }

    /// In one line, with its place in a text, for what is no scenario.
    pub(crate) fn sentence(&self, (line, column): (usize, usize)) -> String {
        format!("line {line}, column {column}: {}", printable(&self.message))
    }

    /// Where it is, in bytes.
    pub(crate) fn location(&self) -> usize {
        self.offset
    }

    pub(crate) fn offset(self, offset: usize) -> Fault {
        Fault { offset, ..self }
    }

    /// Adds what was meant, if a valid name is close to what stands there, and
    /// otherwise all valid names.
    pub(crate) fn nearest<'n>(self, found: &str, valid: impl Iterator<Item = &'n str>) -> Fault {
        let valid: Vec<&str> = valid.collect();
        let all = listed(&valid);
        match (nearest(found, &valid), all) {
            (Some(name), _) => self.help(format!("did you mean \"{name}\"?")),
            (None, Some(all)) => self.help(format!("valid here: {all}")),
            (None, None) => self,
        }
    }

    pub(crate) fn problem(self, file: &str, (line, column): (usize, usize)) -> Problem {
        let (message, help) = (printable(&self.message), self.help.as_deref().map(printable));
        Problem { file: printable(file), line, column, message, help }
    }
}

impl From<UnitError> for Fault {
    fn from(error: UnitError) -> Fault {
        Fault { help: error.meant.clone(), ..Fault::new(error.wrong()) }
    }
}

/// How many names a message lists at most.
const LISTED: usize = 30;
/// Names longer than this are not compared; nobody mistypes them.
const COMPARED: usize = 100;

fn listed(names: &[&str]) -> Option<String> {
    let shown: Vec<String> = names.iter().take(LISTED).map(|name| format!("\"{name}\"")).collect();
    let more = if names.len() > LISTED { ", …" } else { "" };
    (!shown.is_empty()).then(|| format!("{}{more}", shown.join(", ")))
}

/// The valid name that was most likely meant.
pub(crate) fn nearest<'n>(found: &str, valid: &[&'n str]) -> Option<&'n str> {
    let typed = found.trim().to_lowercase();
    let length = typed.chars().count();
    if length > COMPARED {
        return None;
    }
    let distance = |name: &str| strsim::damerau_levenshtein(&typed, &name.to_lowercase());
    let candidates = valid.iter().filter(|name| name.len() <= 2 * COMPARED);
    let (best, far) = candidates.map(|name| (*name, distance(name))).min_by_key(|pair| pair.1)?;
    (far <= (length / 3).max(1) && far < length.max(2)).then_some(best)
}

/// A text on one line, without control characters, and not endless.
fn printable(text: &str) -> String {
    const LONGEST: usize = 600;
    let mut shown = String::with_capacity(text.len().min(LONGEST));
    for (index, c) in text.chars().enumerate() {
        if index == LONGEST {
            shown.push('…');
            break;
        }
        match c {
            c if c.is_control() || is_invisible(c) => shown.extend(c.escape_default()),
            c => shown.push(c),
        }
    }
    shown
}

/// Marks that turn the direction of writing or take no place: they could make a
/// message look like another.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_printed_with_place_and_advice() {
        let fault = Fault::new("unknown key \"wieght\" in a flow");
        let fault = fault.nearest("wieght", ["name", "weight"].into_iter());
        assert_eq!(
            fault.problem("orders.json", (12, 9)).to_string(),
            "orders.json:12:9: unknown key \"wieght\" in a flow\n  did you mean \"weight\"?"
        );
    }

    #[test]
    fn a_problem_of_the_whole_file_has_no_place() {
        let problems = Problems::whole_file("x.json", Fault::new("is a folder"));
        assert_eq!(problems.to_string(), "x.json: is a folder");
    }

    #[test]
    fn the_nearest_name_is_near() {
        let valid = ["weight", "name", "steps"];
        assert_eq!(nearest("wieght", &valid), Some("weight"));
        assert_eq!(nearest("Name", &valid), Some("name"));
        assert_eq!(nearest("step", &valid), Some("steps"));
        assert_eq!(nearest("zebra", &valid), None);
        assert_eq!(nearest("", &valid), None);
        assert_eq!(nearest(&"x".repeat(1_000_000), &valid), None);
    }

    #[test]
    fn control_characters_reach_no_terminal() {
        let problem = Fault::new("name \"\u{1b}[2J\u{202e}\"").problem("f", (1, 1));
        assert_eq!(problem.message, "name \"\\u{1b}[2J\\u{202e}\"");
    }
}
