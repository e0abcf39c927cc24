//! Questions on the terminal, where somebody is there to answer.

use std::io::{self, BufRead, IsTerminal, Write};

use crate::cli::run::in_ci;

/// Whether somebody can be asked.
pub(super) fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal() && !in_ci()
}

/// The answer; what is expected if the line is empty, and no at the end of the input.
pub(super) fn asked(question: &str, expected: bool) -> bool {
    let choice = if expected { "[Y/n]" } else { "[y/N]" };
    let _ = io::stderr().write_all(format!("{question} {choice} ").as_bytes());
    let mut line = String::new();
    match io::stdin().lock().read_line(&mut line) {
        Ok(0) | Err(_) => false,
        Ok(_) => answer(&line, expected),
    }
}

fn answer(line: &str, expected: bool) -> bool {
    match line.trim().to_lowercase().as_str() {
        "" => expected,
        "y" | "yes" => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_yes_is_one() {
        for (line, expected, is_yes) in [
            ("\n", true, true),
            ("\n", false, false),
            (" Yes\n", false, true),
            ("n\n", true, false),
            ("what?\n", true, false),
        ] {
            assert_eq!(answer(line, expected), is_yes, "{line:?}");
        }
    }
}
