//! A page that a team keeps, with the figures of a run in its places.
//!
//! A place begins with `<!-- loadgate: NAME -->` and ends with `<!-- /loadgate -->`, each on a
//! line of its own. NAME is `Verdict`, `Run`, or the title of a section of the document. What is
//! between is replaced; the marks stay, so that a filled page can be filled again. A place that
//! the document has nothing for says so, as figures of an earlier run would be taken for this
//! one's.

use super::markdown;
use crate::report::document::Document;

const BEGIN: &str = "<!-- loadgate:";
const BEGIN_END: &str = "-->";
const END: &str = "<!-- /loadgate -->";

/// The page for a run: how a team runs its performance gate.
pub const PERFORMANCE_GATE: &str = include_str!("../../../docs/sre/performance-gate.md");

/// Why a page cannot be filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PageFault {
    /// It has no place for anything.
    NoPlace,
    /// The place that begins on this line, counted from 1, has no end.
    NoEnd(usize),
}

impl PageFault {
    /// What is wrong and what to do, in a sentence.
    pub fn told(&self) -> String {
        match self {
            PageFault::NoPlace => format!(
                "it has no place to fill: write \"{BEGIN} Objectives {BEGIN_END}\" and \"{END}\", \
                 each on a line of its own"
            ),
            PageFault::NoEnd(line) => {
                format!("line {line}: the place that begins here has no \"{END}\"")
            }
        }
    }
}

/// The page with what the document says in each of its places.
pub fn fill(page: &str, document: &Document) -> Result<String, PageFault> {
    let mut out = String::with_capacity(page.len());
    let mut lines = page.lines().enumerate();
    let mut indexes = 0_usize;
    while let Some((index, line)) = lines.next() {
        out.push_str(line);
        out.push('\n');
        let Some(name) = begun(line) else { continue };
        let end = lines.by_ref().find(|(_, line)| line.trim() == END || begun(line).is_some());
        if end.is_none_or(|(_, line)| line.trim() != END) {
            return Err(PageFault::NoEnd(index + 1));
        }
        indexes += 1;
        out.push('\n');
        out.push_str(&told(document, name));
        out.push('\n');
        out.push_str(END);
        out.push('\n');
    }
    if indexes == 0 { Err(PageFault::NoPlace) } else { Ok(out) }
}

/// The name of the place that begins on a line.
fn begun(line: &str) -> Option<&str> {
    Some(line.trim().strip_prefix(BEGIN)?.strip_suffix(BEGIN_END)?.trim())
}

fn told(document: &Document, name: &str) -> String {
    let found = match name {
        "Verdict" => Some(markdown::verdict(document)),
        "Run" => Some(markdown::details_table(document)),
        title => markdown::section_named(document, title),
    };
    let found = found.filter(|text| !text.trim().is_empty());
    found.unwrap_or_else(|| "This run has nothing to say here.\n".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::runs;

    #[test]
    fn places_are_filled_and_can_be_filled_again() {
        let run = runs::normal();
        let page = "# Ours\n\n<!-- loadgate: Objectives -->\nold\n<!-- /loadgate -->\n\nend\n";
        let filled = fill(page, &run.document()).unwrap();
        assert!(filled.starts_with("# Ours\n\n<!-- loadgate: Objectives -->\n\n| "), "{filled}");
        assert!(filled.ends_with("\n<!-- /loadgate -->\n\nend\n"), "{filled}");
        assert!(filled.contains("| p99 \\< 500ms | 88.1 ms |") && !filled.contains("old"));
        assert_eq!(fill(&filled, &run.document()).unwrap(), filled);
    }

    #[test]
    fn the_page_of_the_gate_has_every_place_of_an_ordinary_run() {
        let run = runs::normal();
        let filled = fill(PERFORMANCE_GATE, &run.document()).unwrap();
        for said in ["PASS", "| target |", "| p99 \\< 500ms |", "fastest burn", "machine\\_busy"] {
            assert!(filled.contains(said), "{said}\n{filled}");
        }
        assert!(!filled.contains("nothing to say here"), "{filled}");
    }

    #[test]
    fn what_the_run_has_not_is_said_in_place_of_old_figures() {
        let run = runs::bare();
        let page = "<!-- loadgate: Objectives -->\nold\n<!-- /loadgate -->\n\
                    <!-- loadgate: Colour -->\nold\n<!-- /loadgate -->\n";
        let filled = fill(page, &run.document()).unwrap();
        assert_eq!(filled.matches("nothing to say here").count(), 2, "{filled}");
        assert!(!filled.contains("old"), "{filled}");
    }

    #[test]
    fn a_page_without_a_place_or_an_end_is_a_mistake() {
        let run = runs::normal();
        let fault = |page: &str| fill(page, &run.document()).unwrap_err();
        assert_eq!(fault("# Ours\n"), PageFault::NoPlace);
        assert_eq!(fault("a\n<!-- loadgate: Run -->\nb\n"), PageFault::NoEnd(2));
        let nested = "<!-- loadgate: Run -->\n<!-- loadgate: Run -->\n<!-- /loadgate -->\n";
        assert_eq!(fault(nested), PageFault::NoEnd(1));
        assert!(fault("x").told().contains("<!-- loadgate: Objectives -->"));
    }

    #[test]
    fn what_the_target_said_ends_no_place() {
        let mut run = runs::normal();
        run.assessment.reasons = vec!["<!-- /loadgate -->".to_owned(), "<script>".to_owned()];
        let page = "<!-- loadgate: Verdict -->\n<!-- /loadgate -->\n";
        let filled = fill(page, &run.document()).unwrap();
        assert_eq!(filled.matches(END).count(), 1, "{filled}");
        assert_eq!(fill(&filled, &run.document()).unwrap(), filled);
        assert!(!filled.contains("<script>"), "{filled}");
    }
}
