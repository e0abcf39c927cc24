//! A comparison for the comment on a pull request: verdict, metrics, reasons, what was
//! left out, and the steps that changed. All texts are escaped.

use std::fmt::Write as _;

use super::{ComparisonReport, metrics, words};
use crate::analysis::comparison::Comparison;
use crate::report::escaping::{escaped, list};
use crate::report::markdown::{failed_exchanges, findings, objectives, symbol, unknowns};
use crate::report::plain;

/// A comment that nobody scrolls through has no more steps.
const MOST_STEPS: usize = 8;

/// The text of `summary.md`.
pub fn render(report: &ComparisonReport) -> String {
    let comparison = report.comparison;
    let sections = [
        heading(report),
        metrics::markdown::render(comparison),
        dropped(comparison),
        steps(comparison),
        objectives(&comparison.candidate.slos),
        failed_exchanges(&comparison.candidate.failures),
        findings(&comparison.findings),
        unknowns(&comparison.limits_of_knowledge),
        footer(report),
    ];
    let written: Vec<String> = sections.into_iter().filter(|section| !section.is_empty()).collect();
    written.join("\n")
}

fn heading(report: &ComparisonReport) -> String {
    let comparison = report.comparison;
    let symbol = symbol(comparison.verdict);
    let title = escaped(&words::title(report));
    let answer = escaped(&words::answer(comparison));
    let mut out = format!("## {symbol} {title}\n\n**{answer}**\n");
    if !comparison.reasons.is_empty() {
        let _ = write!(out, "\n{}", list(&comparison.reasons));
    }
    out
}

fn dropped(comparison: &Comparison) -> String {
    let dropped = words::dropped(comparison);
    let item = |(name, reason): &(String, String)| format!("- {name}: {}\n", escaped(reason));
    let items: String = dropped.iter().map(item).collect();
    if items.is_empty() {
        return items;
    }
    format!("Only watches, as it could not have been decided:\n\n{items}")
}

/// Only the steps that changed by more than the tolerance.
fn steps(comparison: &Comparison) -> String {
    let settings = &comparison.settings;
    let changed: Vec<_> =
        comparison.steps.iter().filter(|step| words::has_changed(step, settings)).collect();
    if changed.is_empty() {
        return String::new();
    }
    let mut out = "| step | requests | p50 | p95 | p99 | p95 ratio | sees from |\n\
                   |---|---:|---:|---:|---:|---:|---:|\n"
        .to_owned();
    for step in changed.iter().take(MOST_STEPS) {
        let name = escaped(&plain::line(&step.name));
        let _ = writeln!(out, "| {name} | {} |", words::step(step).join(" | "));
    }
    if changed.len() > MOST_STEPS {
        let _ = write!(out, "\nand {} more that changed\n", changed.len() - MOST_STEPS);
    }
    out
}

fn footer(report: &ComparisonReport) -> String {
    let facts = words::facts(report);
    let facts = facts.iter().filter(|(name, _)| !matches!(*name, "why so" | "asked for"));
    let mut out: String =
        facts.map(|(name, text)| format!("{name}: {} · ", escaped(text))).collect();
    let _ = writeln!(out, "exit code {}", report.exit_code);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::comparison::samples;
    use crate::report::sample_runs::golden;

    #[test]
    fn comparisons_read_as_before() {
        for name in ["pass", "regressed", "inconclusive"] {
            let text = render(&samples::named(name).report());
            golden::check(&format!("comparison-{name}.md"), &text);
        }
    }

    #[test]
    fn it_is_short_enough_for_a_comment() {
        for (name, sample) in samples::all() {
            let text = render(&sample.report());
            assert!(text.lines().count() <= 60, "{name}: {text}");
        }
    }

    #[test]
    fn names_become_neither_markup_nor_cells() {
        let text = render(&samples::hostile("a\n|b| <img> @you").report());
        assert!(!text.contains("<img>") && !text.contains(" @you"), "{text}");
        let row = text.lines().find(|line| line.starts_with("| a")).unwrap();
        assert_eq!(row.replace("\\|", "").matches('|').count(), 6, "{row}");
    }

    #[test]
    fn steps_that_did_not_change_are_left_out() {
        let mut sample = samples::named("regressed");
        assert!(render(&sample.report()).contains("| step | requests"));
        for step in &mut sample.comparison.steps {
            step.change = Some(1.01);
        }
        assert!(!render(&sample.report()).contains("| step | requests"));
    }
}
