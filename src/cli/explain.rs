//! `loadgate explain`: what a word of a report means, why it matters, what to do.

use std::fmt::Write as _;

use crate::cli::args::ExplainArgs;
use crate::cli::exit::Exit;
use crate::cli::output;
use crate::explain::{Entry, Group, entries, find};

/// Runs the command.
pub(super) fn explain(args: &ExplainArgs) -> Exit {
    let word = args.words.join(" ");
    if word.is_empty() {
        output::paragraphs(&list());
        return Exit::Pass;
    }
    match find(&word) {
        Ok(found) => {
            let texts: Vec<String> = found.into_iter().map(text).collect();
            output::paragraphs(&texts.join("\n"));
            Exit::Pass
        }
        Err(near) => {
            let help = match near {
                Some(near) => format!("did you mean \"{near}\"? loadgate explain lists all words"),
                None => "loadgate explain lists all words".to_owned(),
            };
            output::plain_error(&format!("no text explains \"{word}\""), &[help]);
            Exit::Usage
        }
    }
}

fn text(entry: &Entry) -> String {
    let Entry { names, meaning, why, advice } = entry;
    let mut text = names[0].to_owned();
    if names.len() > 1 {
        let _ = write!(text, " (also: {})", names[1..].join(", "));
    }
    format!("{text}\n  {meaning}\n\n  Why it matters: {why}\n\n  What to do: {advice}\n")
}

fn list() -> String {
    let groups = Group::ALL.map(|group| {
        let names: Vec<&str> = entries(group).iter().map(|entry| entry.names[0]).collect();
        format!("{}\n  {}\n\n", group.title(), names.join(", "))
    });
    groups.concat() + "loadgate explain WORD says what it means, why it matters and what to do.\n"
}
