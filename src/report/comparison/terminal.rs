//! A comparison on the terminal: verdict first, files and exit code last.
//!
//! One function per section; [`render`] only orders them.

use super::{ComparisonReport, metrics, words};
use crate::analysis::comparison::{Comparison, StepChange};
use crate::report::terminal;
use crate::report::terminal::screen::{Screen, Style};
use crate::report::terminal::table::{Cell, Column, Table};
use crate::report::{plain, words as of_runs};

/// The whole report, with a line break at its end.
pub fn render(report: &ComparisonReport, style: Style) -> String {
    let screen = Screen::of(style);
    let comparison = report.comparison;
    terminal::joined([
        headline(report, screen),
        arms(report, screen),
        metrics::terminal::render(comparison, screen),
        dropped(comparison, screen),
        looks(comparison, screen),
        steps(comparison, screen),
        terminal::objectives(&comparison.candidate.slos, screen),
        terminal::failed_exchanges(&comparison.candidate.failures, screen),
        terminal::findings(&comparison.findings, screen),
        terminal::unknowns(&comparison.limits_of_knowledge, screen),
        report_file(report) + &terminal::files(report.folder, report.exit_code, screen),
    ])
}

fn headline(report: &ComparisonReport, screen: Screen) -> String {
    let comparison = report.comparison;
    let verdict = of_runs::verdict(comparison.verdict);
    let room = screen.width - plain::width(&verdict) - 2;
    let scenario = plain::fitted(&plain::line(report.scenario), room);
    let painted = screen.paint(&verdict, terminal::verdict_paint(comparison.verdict));
    let mut out = format!("{painted}  {scenario}\n");
    out += &screen.paragraph("  ", &words::answer(comparison));
    for reason in &comparison.reasons {
        out += &terminal::one_reason(reason, screen);
    }
    out
}

fn arms(report: &ComparisonReport, screen: Screen) -> String {
    let facts = words::facts(report).into_iter();
    facts.map(|(name, text)| screen.entry(name, &text)).collect()
}

/// What to open, where there is one.
fn report_file(report: &ComparisonReport) -> String {
    let path = report.folder.map(plain::line);
    path.map(|path| format!("report     {path}/report.html\n")).unwrap_or_default()
}

fn dropped(comparison: &Comparison, screen: Screen) -> String {
    let dropped = words::dropped(comparison);
    if dropped.is_empty() {
        return String::new();
    }
    let written: String = dropped.iter().map(|(name, reason)| screen.entry(name, reason)).collect();
    screen.heading("Only watches, as it could not have been decided") + &written
}

fn looks(comparison: &Comparison, screen: Screen) -> String {
    if comparison.looks.is_empty() {
        return String::new();
    }
    let columns = vec![
        Column::right("look"),
        Column::right("per arm"),
        Column::right("requests").dropped(1),
        Column::left("gate"),
        Column::flexible("metrics"),
    ];
    let mut table = Table::new(columns);
    for look in &comparison.looks {
        table.add(words::look(look).map(Cell::plain).into());
    }
    screen.heading("The looks") + &table.render(screen)
}

fn steps(comparison: &Comparison, screen: Screen) -> String {
    if comparison.steps.is_empty() {
        return String::new();
    }
    let columns = vec![
        Column::flexible("step"),
        Column::right("requests").dropped(1),
        Column::right("p50").dropped(2),
        Column::right("p95"),
        Column::right("p99").dropped(3),
        Column::right("p95 ratio"),
        Column::right("sees from").dropped(4),
    ];
    let mut table = Table::new(columns);
    for step in &comparison.steps {
        table.add(step_row(step));
    }
    screen.heading("Steps by change (they watch)") + &table.render(screen)
}

fn step_row(step: &StepChange) -> Vec<Cell> {
    let name = std::iter::once(plain::line(&step.name));
    name.chain(words::step(step)).map(Cell::plain).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::report::comparison::samples;
    use crate::report::sample_runs::{self, golden};

    #[test]
    fn comparisons_read_as_before() {
        for name in ["pass", "regressed", "inconclusive"] {
            let text = render(&samples::named(name).report(), Style::default());
            golden::check(&format!("comparison-{name}.txt"), &text);
        }
    }

    /// Columns of the widest line; the folder may be longer.
    fn widest(text: &str) -> usize {
        let lines = text.lines();
        let lines =
            lines.filter(|line| !line.starts_with("files ") && !line.starts_with("report "));
        lines.map(plain::width).max().unwrap()
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for (name, sample) in samples::all() {
            for width in [60, 80, 120] {
                let text = render(&sample.report(), Style { width, color: false });
                assert!(widest(&text) <= width, "{name} at {width}:\n{text}");
                assert!(!text.contains("NaN") && !text.contains("inf "), "{name}:\n{text}");
            }
        }
    }

    #[test]
    fn a_pass_claims_no_more_than_was_shown() {
        let text = render(&samples::named("pass").report(), Style { width: 160, color: false });
        assert!(text.contains("not slower by more than 5 %"), "{text}");
    }

    #[test]
    fn what_is_inconclusive_says_what_it_knows() {
        let text =
            render(&samples::named("inconclusive").report(), Style { width: 160, color: false });
        for part in ["1.043 (0.981 – 1.109)", "smallest visible change +14 %", "about 4 min more"]
        {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn hostile_names_control_nothing(name in sample_runs::hostile()) {
            let text = render(&samples::hostile(&name).report(), Style::default());
            prop_assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
            prop_assert!(widest(&text) <= 80, "{text}");
        }
    }
}
