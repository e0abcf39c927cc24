//! What the words of a report mean: a word comes in, its text goes out, or the nearest word.
//!
//! The texts live here and nowhere else in the program. `tests/it/explain.rs` fails when a
//! finding, an outcome, a verdict, a metric or an exit code has none. Computes and prints
//! nothing.

mod findings;
mod results;
mod vocabulary;

use crate::scenario::problems::nearest;

/// What kind of word it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// How a measurement is judged.
    Verdicts,
    /// What a pipeline learns.
    ExitCodes,
    /// How a request ended.
    Outcomes,
    /// What an objective or a gate is about.
    Metrics,
    /// Doubts about a measurement, and what was seen besides.
    Findings,
    /// Everything else.
    Words,
}

impl Group {
    /// All, in the order of the list.
    pub const ALL: [Group; 6] = [
        Group::Verdicts,
        Group::ExitCodes,
        Group::Outcomes,
        Group::Metrics,
        Group::Findings,
        Group::Words,
    ];

    /// For people.
    pub fn title(self) -> &'static str {
        match self {
            Group::Verdicts => "Verdicts",
            Group::ExitCodes => "Exit codes",
            Group::Outcomes => "Outcomes of requests",
            Group::Metrics => "Metrics",
            Group::Findings => "Findings",
            Group::Words => "Words",
        }
    }
}

/// The text about one thing.
#[derive(Debug)]
pub struct Entry {
    /// What it is called; the first is its name.
    pub names: &'static [&'static str],
    /// What it means.
    pub meaning: &'static str,
    /// Why it matters.
    pub why: &'static str,
    /// What to do.
    pub advice: &'static str,
}

/// The texts of a group.
pub fn entries(group: Group) -> &'static [Entry] {
    match group {
        Group::Verdicts => results::VERDICTS,
        Group::ExitCodes => results::EXIT_CODES,
        Group::Outcomes => results::OUTCOMES,
        Group::Metrics => results::METRICS,
        Group::Findings => findings::FINDINGS,
        Group::Words => vocabulary::VOCABULARY,
    }
}

/// The texts about a word: usually one. Or the nearest word, if one is near.
pub fn find(word: &str) -> Result<Vec<&'static Entry>, Option<&'static str>> {
    let wanted = folded(word);
    let all = || Group::ALL.into_iter().flat_map(entries);
    let is_called = |entry: &&Entry| entry.names.iter().any(|name| folded(name) == wanted);
    let found: Vec<&Entry> = all().filter(is_called).collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let names: Vec<&'static str> = all().flat_map(|entry| entry.names).copied().collect();
    let spelt: Vec<String> = names.iter().map(|name| folded(name)).collect();
    let spelt: Vec<&str> = spelt.iter().map(String::as_str).collect();
    let near = nearest(&wanted, &spelt);
    Err(near.and_then(|near| names.into_iter().find(|name| folded(name) == near)))
}

/// `Send-lag` and `send_lag` are one word.
fn folded(word: &str) -> String {
    let vocabulary = word.to_lowercase().replace(['_', '-'], " ");
    vocabulary.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_however_they_are_written() {
        for (word, name) in [
            ("p95", "p95"),
            ("Send-Lag", "send_lag"),
            ("SLO  missed", "SLO missed"),
            ("open loop", "open loop"),
            ("warmup", "warm-up"),
            ("exit code 5", "5"),
        ] {
            let found = find(word).unwrap();
            assert!(found.iter().any(|entry| entry.names[0] == name), "{word}: {found:?}");
        }
        assert_eq!(find("inconclusiv").unwrap_err(), Some("inconclusive"));
        assert_eq!(find("zebra crossing").unwrap_err(), None);
    }

    #[test]
    fn every_text_is_whole_and_every_name_is_in_one_text_of_its_group() {
        for group in Group::ALL {
            let mut names = Vec::new();
            for entry in entries(group) {
                for text in [entry.meaning, entry.why, entry.advice] {
                    assert!(text.ends_with('.') && !text.contains("  "), "{text}");
                }
                names.extend(entry.names.iter().map(|name| folded(name)));
            }
            let all = names.len();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), all, "{}", group.title());
        }
    }
}
