//! The variables that a scenario names: those of the environment, and of a file what the
//! environment does not have. Says which names came from the file, never a value.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read};
use std::path::Path;

use crate::cli::output;
use crate::report::plain;
use crate::scenario::env_file::EnvFile;
use crate::scenario::model::Scenario;
use crate::scenario::problems::{Problem, Problems};
use crate::scenario::read::Lookup;

/// The file that is read without being named, in the working directory.
const USUAL: &str = ".env";
/// Files larger than this are no files of variables.
const LARGEST: u64 = 1024 * 1024;

/// What a scenario took from a file of variables; nothing, if no names.
#[derive(Debug, Default)]
pub struct Taken {
    file: String,
    names: BTreeSet<String>,
}

impl Taken {
    /// `.env gives TOKEN and USER`, if something was taken.
    pub fn sentence(&self) -> Option<String> {
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        let (last, others) = names.split_last()?;
        let names = match others {
            [] => (*last).to_owned(),
            others => format!("{} and {last}", others.join(", ")),
        };
        Some(format!("{} gives {names}", plain::line(&self.file)))
    }

    /// Says it on standard error.
    pub fn tell(&self, is_quiet: bool) {
        if let Some(sentence) = self.sentence().filter(|_| !is_quiet) {
            output::note(&sentence);
        }
    }
}

/// Reads a scenario with the variables of the environment and of a file: of the one that
/// was named, or else of `.env` if there is one.
pub fn with_variables(
    named: Option<&Path>,
    read: impl FnOnce(Lookup<'_>) -> Result<Scenario, Problems>,
) -> Result<(Scenario, Taken), Problems> {
    let path = named.unwrap_or(Path::new(USUAL));
    let file = path.display().to_string();
    let text = match (read_file(path), named) {
        (Ok(text), _) => text,
        // A folder of that name is something else.
        (Err(error), None) if is_other(&error) => String::new(),
        (Err(error), _) => return Err(whole_file(&file, &error)),
    };
    let found = EnvFile::parse(&file, &text);
    if named.is_some() && !found.problems.is_empty() {
        return Err(Problems { all: found.problems });
    }
    let (names, was_asked) = (RefCell::new(BTreeSet::new()), RefCell::new(false));
    let scenario = read(&|name| {
        environment(name).or_else(|| {
            *was_asked.borrow_mut() = true;
            let value = found.get(name)?;
            names.borrow_mut().insert(name.to_owned());
            Some(value.to_owned())
        })
    });
    // Mistakes in a file that nobody needs are not told.
    let mut mistakes = if was_asked.into_inner() { found.problems } else { Vec::new() };
    match scenario {
        Ok(scenario) if mistakes.is_empty() => {
            Ok((scenario, Taken { file, names: names.into_inner() }))
        }
        Ok(_) => Err(Problems { all: mistakes }),
        Err(problems) => {
            mistakes.extend(problems.all);
            Err(Problems { all: mistakes })
        }
    }
}

fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn is_other(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::IsADirectory)
}

fn read_file(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    fs::File::open(path)?.take(LARGEST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LARGEST { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(text) }
}

fn whole_file(file: &str, error: &io::Error) -> Problems {
    let (message, help) = match error.kind() {
        io::ErrorKind::NotFound => ("does not exist".to_owned(), Some("check --env-file")),
        io::ErrorKind::IsADirectory => ("is a folder".to_owned(), Some("name a file in it")),
        io::ErrorKind::InvalidData => ("is not UTF-8 text".to_owned(), Some("save it as UTF-8")),
        io::ErrorKind::FileTooLarge => {
            ("is larger than 1 MiB".to_owned(), Some("a file of variables is a few lines"))
        }
        _ => (format!("cannot be read: {error}"), None),
    };
    let (file, help) = (plain::line(file), help.map(str::to_owned));
    Problems { all: vec![Problem { file, line: 0, column: 0, message, help }] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_as_a_sentence() {
        let taken = |names: &[&str]| Taken {
            file: ".env".to_owned(),
            names: names.iter().map(|&name| name.to_owned()).collect(),
        };
        assert_eq!(taken(&[]).sentence(), None);
        assert_eq!(taken(&["B"]).sentence().unwrap(), ".env gives B");
        assert_eq!(taken(&["B", "A", "C"]).sentence().unwrap(), ".env gives A, B and C");
    }
}
