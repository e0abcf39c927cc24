//! Regular expressions, in time linear in the text whatever they are.

use regex::bytes::{Regex as OfBytes, RegexBuilder as BuilderOfBytes};
use regex::{Regex, RegexBuilder};

use super::super::problems::Fault;

/// More bytes of a compiled regular expression would be one that nobody writes by hand.
const REGEX_BYTES: usize = 1 << 20;

/// Reads a regular expression for bytes.
pub(super) fn pattern(text: &str) -> Result<OfBytes, Fault> {
    BuilderOfBytes::new(text).size_limit(REGEX_BYTES).build().map_err(|error| fault(&error))
}

/// Reads one for texts.
pub(super) fn of_text(text: &str) -> Result<Regex, Fault> {
    RegexBuilder::new(text).size_limit(REGEX_BYTES).build().map_err(|error| fault(&error))
}

fn fault(error: &regex::Error) -> Fault {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
    let fault = Fault::new(format!("this is no regular expression: {last}"));
    fault.help("the syntax is that of Rust's regex crate: no look-around, no back-references")
}
