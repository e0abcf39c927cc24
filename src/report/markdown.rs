//! `summary.md`: the report for a CI job's summary page.
//!
//! Short: verdict, reasons, objectives, outcomes and findings; the steps can be folded
//! out. All texts are escaped, so that no name becomes markup, a link or a mention.

use std::fmt::Write as _;

use super::comparison::metrics;
use super::escaping::{escaped, list};
use super::failures::{self, Detail};
use super::{Report, figures, plain, words};
use crate::analysis::assessment::{Finding, SloResult, Summary, Verdict};
use crate::analysis::failures::FailuresSeen;

/// The text of `summary.md`.
pub fn render(report: &Report) -> String {
    let sections = [
        heading(report),
        objectives(&report.assessment.slos),
        against_baseline(report),
        steps(report),
        outcomes(report),
        failed_exchanges(&report.assessment.failures),
        findings(&report.assessment.findings),
        unknowns(&report.assessment.limits_of_knowledge),
        footer(report),
    ];
    let written: Vec<String> = sections.into_iter().filter(|section| !section.is_empty()).collect();
    written.join("\n")
}

/// What is seen of the verdict first.
pub(super) fn symbol(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "✅",
        Verdict::SloMissed | Verdict::Regressed | Verdict::TargetLost => "❌",
        Verdict::Inconclusive => "❔",
        Verdict::Invalid => "⚠️",
    }
}

fn heading(report: &Report) -> String {
    let symbol = symbol(report.assessment.verdict);
    let verdict = words::verdict(report.assessment.verdict);
    let scenario = escaped(&words::scenario(report));
    let load = words::load(report.assessment);
    let requests = words::requests(report.assessment);
    let mut out = format!("## {symbol} {verdict}: {scenario}\n\n{load}, {requests}.\n");
    if !report.assessment.reasons.is_empty() {
        out += "\n";
        out += &list(&report.assessment.reasons);
    }
    out
}

/// What was asked for and how it came out.
pub(super) fn objectives(slos: &[SloResult]) -> String {
    if slos.is_empty() {
        return String::new();
    }
    let mut out =
        "| | objective | measured | 95 % bounds | limit |\n|---|---|---:|---:|---:|\n".to_owned();
    for slo in slos {
        out += &objective_row(slo);
    }
    for (objectives, note) in words::notes(slos) {
        let _ = write!(out, "\n{}: {}\n", escaped(&objectives), escaped(&note));
    }
    out
}

fn objective_row(slo: &SloResult) -> String {
    format!(
        "| {} {} | {} | {} | {} | {} |\n",
        words::mark(slo.status),
        words::status(slo.status),
        escaped(&words::objective(slo)),
        words::measured(slo),
        words::interval(slo),
        words::limit(slo),
    )
}

fn against_baseline(report: &Report) -> String {
    report.comparison.map(metrics::markdown::render).unwrap_or_default()
}

fn steps(report: &Report) -> String {
    let number = report.assessment.steps.len();
    let mut out = format!(
        "<details><summary>{number} step{}</summary>\n\n\
         | step | requests | rate | p50 | p95 | p99 | max | errors |\n\
         |---|---:|---:|---:|---:|---:|---:|---:|\n",
        if number == 1 { "" } else { "s" },
    );
    for step in report.assessment.steps.iter().chain([&report.assessment.total]) {
        out += &step_row(step);
    }
    out + "\n</details>\n"
}

fn step_row(step: &Summary) -> String {
    format!("| {} | {} |\n", escaped(&plain::line(&step.name)), words::step(step).join(" | "))
}

fn outcomes(report: &Report) -> String {
    let counts = &report.assessment.total.counts;
    let parts = counts
        .outcomes
        .iter()
        .map(|(outcome, number)| format!("{} {}", figures::count(*number), outcome.name()));
    let mut out = format!("**Outcomes:** {}", parts.collect::<Vec<_>>().join(", "));
    for (name, list) in [("Causes", words::causes(counts)), ("Statuses", words::statuses(counts))] {
        if let Some(list) = list {
            let _ = write!(out, "  \n**{name}:** {}", escaped(&list));
        }
    }
    if let Some(audit) = words::audit(report.assessment) {
        let _ = write!(out, "  \n**Generator:** {audit}");
    }
    out + "\n"
}

/// What failing requests looked like, each folded in; nothing in a fence is markup.
pub(super) fn failed_exchanges(seen: &FailuresSeen) -> String {
    let mut out = String::new();
    for kind in &seen.kinds {
        let Some(example) = kind.examples.first() else { continue };
        let mut lines = vec![failures::moment(&example.exchange)];
        lines.extend(failures::lines(&example.exchange, Detail::Short));
        lines.extend(failures::log(example));
        let title = escaped(&failures::title(kind));
        let _ =
            write!(out, "<details><summary>{title}</summary>\n\n{}\n</details>\n", fenced(&lines));
    }
    let has_errors = seen.log_errors.is_some_and(|errors| errors > 0);
    if let Some(errors) = failures::log_errors(seen).filter(|_| has_errors || !out.is_empty()) {
        let _ = write!(out, "\n{}\n", escaped(&errors));
        let lines = failures::other_log(seen);
        if !lines.is_empty() {
            let _ = write!(out, "\n{}", fenced(&lines));
        }
    }
    if out.is_empty() {
        out
    } else {
        format!("### Failed exchanges, the first of each kind\n\n{out}")
    }
}

/// Lines in a fence that none of them can close.
fn fenced(lines: &[String]) -> String {
    let ticks = |line: &String| line.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let longest = lines.iter().map(ticks).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}text\n{}\n{fence}\n", lines.join("\n"))
}

/// Doubts and warnings, each with what to do.
pub(super) fn findings(findings: &[Finding]) -> String {
    if findings.is_empty() {
        return String::new();
    }
    let written: String = findings.iter().map(one_finding).collect();
    format!("### Findings\n\n{written}")
}

fn one_finding(finding: &Finding) -> String {
    format!(
        "- **{}** ({}): {} → {}\n",
        words::severity(finding.severity),
        escaped(finding.kind),
        escaped(&plain::line(&finding.evidence)),
        escaped(&plain::line(&finding.advice)),
    )
}

/// What the run cannot say.
pub(super) fn unknowns(limits: &[String]) -> String {
    if limits.is_empty() {
        return String::new();
    }
    format!(
        "<details><summary>What this run cannot say</summary>\n\n{}\n</details>\n",
        list(limits)
    )
}

fn footer(report: &Report) -> String {
    let head = &report.record.head;
    format!(
        "{} · started {} · loadgate {} · exit code {}\n",
        escaped(&plain::line(&head.target)),
        escaped(&plain::line(&head.started)),
        escaped(&plain::line(&head.environment.loadgate)),
        report.exit_code,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample_runs;
    use crate::report::sample_runs::golden;

    #[test]
    fn the_normal_run_reads_as_before() {
        golden::check("report-summary.md", &render(&sample_runs::normal().report()));
    }

    #[test]
    fn last_words_keep_their_lines() {
        let mut run = sample_runs::normal();
        run.assessment.reasons = vec!["it last printed:\n  one\n\n  <two>".to_owned()];
        assert!(render(&run.report()).contains("- it last printed:<br>one<br>\\<two\\>\n"));
    }

    #[test]
    fn a_table_row_stays_one_row_of_as_many_cells() {
        let run = sample_runs::named("a\n|b| `c` \u{1b}[0m</details>");
        let text = render(&run.report());
        let row = text.lines().find(|line| line.starts_with("| a")).unwrap();
        let bars = row.replace("\\|", "").matches('|').count();
        assert_eq!(bars, 9, "{row}");
    }
}
