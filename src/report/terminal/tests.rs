//! The terminal report: its golden texts, its width, and hostile names.

use super::*;
use crate::report::sample_runs::{self, golden};
use proptest::prelude::*;

#[test]
fn the_normal_run_reads_as_before() {
    golden::check(
        "report-terminal.txt",
        &render(&sample_runs::normal().report(), Style::default()),
    );
}

#[test]
fn the_failing_run_reads_as_before() {
    let run = sample_runs::failing();
    golden::check("report-terminal-failing.txt", &render(&run.report(), Style::default()));
}

/// Columns of the widest line; the folder may be longer.
fn widest(text: &str) -> usize {
    let is_path = |line: &&str| line.starts_with("files ") || line.starts_with("report ");
    let lines = text.lines().filter(|line| !is_path(line));
    lines.map(plain::width).max().unwrap()
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    for (name, run) in sample_runs::all() {
        for width in [60, 80, 120, 160] {
            let text = render(&run.report(), Style { width, color: false });
            assert!(widest(&text) <= width, "{name} at {width}:\n{text}");
        }
    }
}

#[test]
fn an_odd_width_is_brought_into_reason() {
    let run = sample_runs::normal();
    let text = render(&run.report(), Style { width: 3, color: false });
    assert!(widest(&text) <= 60, "{text}");
}

#[test]
fn a_headline_that_is_too_long_takes_two_lines() {
    let mut run = sample_runs::normal();
    run.record.head.scenario = "orders of the northern region".to_owned();
    run.assessment.verdict = Verdict::Inconclusive;
    let text = render(&run.report(), Style { width: 60, color: false });
    let lines: Vec<&str> = text.lines().take(2).collect();
    let expected =
        ["INCONCLUSIVE  orders of the northern region", "  60 s at 100/s  6,012 requests"];
    assert_eq!(lines, expected);
}

#[test]
fn colour_changes_nothing_but_the_colour() {
    let run = sample_runs::failing();
    let plain = render(&run.report(), Style { width: 80, color: false });
    let coloured = render(&run.report(), Style { width: 80, color: true });
    assert!(coloured.contains("\u{1b}[1;33mINVALID\u{1b}[0m"));
    assert_eq!(uncoloured(&coloured), plain);
}

#[test]
fn last_words_keep_their_lines() {
    let mut run = sample_runs::normal();
    run.assessment.reasons = vec!["it last printed:\n  one\n\n  two".to_owned()];
    let text = render(&run.report(), Style::default());
    assert!(text.contains("  - it last printed:\n    | one\n    | two\n"), "{text}");
}

#[test]
fn what_holds_of_several_objectives_is_said_once() {
    let mut run = sample_runs::normal();
    for (slo, note) in run.assessment.slos.iter_mut().zip(["none", "few", "none"]) {
        slo.note = Some(note.to_owned());
    }
    let text = render(&run.report(), Style::default());
    let second = words::objective(&run.assessment.slos[1]);
    assert!(text.contains(&format!("    2 objectives: none\n    {second}: few\n")), "{text}");
}

/// The text without our own colour codes.
fn uncoloured(text: &str) -> String {
    let codes = ["[0m", "[1m", "[2m", "[1;31m", "[1;32m", "[1;33m"];
    codes.iter().fold(text.to_owned(), |text, code| text.replace(&format!("\u{1b}{code}"), ""))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn hostile_names_control_nothing(name in sample_runs::hostile(), width in 60_usize..160) {
        let run = sample_runs::named(&name);
        let text = uncoloured(&render(&run.report(), Style { width, color: true }));
        prop_assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
        prop_assert!(widest(&text) <= width, "{text}");
    }
}
