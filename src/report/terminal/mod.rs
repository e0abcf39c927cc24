//! The report on the terminal: verdict first, files and exit code last.
//!
//! One function per section; [`render`] only orders them. Lines fit the given width.
//! Only the folder may be longer, as a path must stay whole to be copied.

pub(super) mod paint;
pub mod screen;
pub(super) mod table;

use std::fmt::Write as _;

use paint::Paint;
use screen::{Screen, Style};
use table::{Cell, Column, Table};

use super::comparison::metrics;
use super::failures::{self, Detail};
use super::{Report, figures, plain, words};
use crate::analysis::assessment::{Finding, Severity, SloResult, SloStatus, Summary, Verdict};
use crate::analysis::failures::{FailedKind, FailuresSeen};

/// The whole report, with a line break at its end.
pub fn render(report: &Report, style: Style) -> String {
    let screen = Screen::of(style);
    let sections = [
        headline(report, screen),
        objectives(&report.assessment.slos, screen),
        against_baseline(report, screen),
        steps(report, screen),
        outcomes(report, screen),
        failed_exchanges(&report.assessment.failures, screen),
        saturation(report, screen),
        generator(report, screen),
        findings(&report.assessment.findings, screen),
        unknowns(&report.assessment.limits_of_knowledge, screen),
        report_file(report.folder) + &files(report.folder, report.exit_code, screen),
    ];
    joined(sections)
}

/// What to open in a browser.
pub(super) fn report_file(folder: Option<&str>) -> String {
    let path = folder.map(|folder| plain::line(folder).trim_end_matches('/').to_owned());
    path.map(|path| format!("report     {path}/report.html\n")).unwrap_or_default()
}

/// The sections that say something, an empty line between them.
pub(super) fn joined(sections: impl IntoIterator<Item = String>) -> String {
    let written: Vec<String> = sections.into_iter().filter(|section| !section.is_empty()).collect();
    written.join("\n")
}

pub(super) fn verdict_paint(verdict: Verdict) -> Paint {
    match verdict {
        Verdict::Pass => Paint::Good,
        Verdict::SloMissed | Verdict::Regressed | Verdict::TargetLost => Paint::Bad,
        Verdict::Inconclusive | Verdict::Invalid => Paint::Doubt,
    }
}

fn status_paint(status: SloStatus) -> Paint {
    match status {
        SloStatus::Met => Paint::Good,
        SloStatus::Missed => Paint::Bad,
        SloStatus::Inconclusive | SloStatus::Invalid => Paint::Doubt,
    }
}

/// A scenario's name is not shortened beyond this; the figures go to the next line.
const LEAST_NAME: usize = 16;

/// `PASS  orders  60 s at 100/s  6,012 requests`, and why.
fn headline(report: &Report, screen: Screen) -> String {
    let verdict = words::verdict(report.assessment.verdict);
    let load = words::load(report.assessment);
    let requests = words::requests(report.assessment);
    let figures = format!("{load}  {requests}");
    let room = screen.width - plain::width(&verdict) - 2;
    let beside = room.saturating_sub(plain::width(&figures) + 2);
    let scenario = words::scenario(report);
    let verdict = screen.paint(&verdict, verdict_paint(report.assessment.verdict));
    let mut out = if beside >= plain::width(&scenario).min(LEAST_NAME) {
        format!("{verdict}  {}  {figures}\n", plain::fitted(&scenario, beside))
    } else {
        format!("{verdict}  {}\n  {figures}\n", plain::fitted(&scenario, room))
    };
    for reason in &report.assessment.reasons {
        out += &one_reason(reason, screen);
    }
    out
}

/// A reason; what the target said keeps its lines.
pub(super) fn one_reason(reason: &str, screen: Screen) -> String {
    let lines = plain::lines(reason);
    let leads = std::iter::once("  - ").chain(std::iter::repeat("    | "));
    leads.zip(&lines).map(|(lead, line)| screen.paragraph(lead, line)).collect()
}

/// What was asked for and how it came out.
pub(super) fn objectives(slos: &[SloResult], screen: Screen) -> String {
    if slos.is_empty() {
        return String::new();
    }
    let columns = vec![
        Column::left(""),
        Column::flexible("objective"),
        Column::right("measured"),
        Column::right("95 % bounds").dropped(1),
        Column::right("limit"),
        Column::left("status").dropped(2),
    ];
    let mut table = Table::new(columns);
    for slo in slos {
        table.add(objective_row(slo));
    }
    let mut out = screen.heading("Objectives") + &table.render(screen);
    for (objectives, note) in words::notes(slos) {
        let objectives = plain::fitted(&objectives, screen.width / 2);
        out += &screen.paragraph("    ", &format!("{objectives}: {note}"));
    }
    out
}

fn objective_row(slo: &SloResult) -> Vec<Cell> {
    let paint = status_paint(slo.status);
    vec![
        Cell::painted(words::mark(slo.status), paint),
        Cell::plain(words::objective(slo)),
        Cell::plain(words::measured(slo)),
        Cell::plain(words::interval(slo)),
        Cell::plain(words::limit(slo)),
        Cell::painted(words::status(slo.status), paint),
    ]
}

fn against_baseline(report: &Report, screen: Screen) -> String {
    let beside = |comparison| metrics::terminal::render(comparison, screen);
    report.comparison.map(beside).unwrap_or_default()
}

fn steps(report: &Report, screen: Screen) -> String {
    let columns = vec![
        Column::flexible("step"),
        Column::right("requests"),
        Column::right("rate").dropped(1),
        Column::right("p50").dropped(3),
        Column::right("p95"),
        Column::right("p99"),
        Column::right("max").dropped(2),
        Column::right("errors"),
    ];
    let mut table = Table::new(columns);
    for step in &report.assessment.steps {
        table.add(step_row(step, Paint::None));
    }
    table.add(step_row(&report.assessment.total, Paint::Bold));
    screen.heading("Steps, by response time") + &table.render(screen)
}

fn step_row(step: &Summary, paint: Paint) -> Vec<Cell> {
    let name = std::iter::once(plain::line(&step.name));
    name.chain(words::step(step)).map(|text| Cell::painted(text, paint)).collect()
}

fn outcomes(report: &Report, screen: Screen) -> String {
    let total = &report.assessment.total;
    let mut out = screen.heading("Outcomes");
    for (outcome, number) in &total.counts.outcomes {
        out += &screen.entry(outcome.name(), &figures::count(*number));
    }
    let rates = format!(
        "{} offered, {} answered, {} ok",
        figures::rate(total.offered_rate),
        figures::rate(total.throughput),
        figures::rate(total.goodput),
    );
    out += &screen.entry("rates", &rates);
    if let Some(failed) = words::failed(total) {
        out += &screen.entry("answered failures", &failed);
    }
    for (name, list) in
        [("causes", words::causes(&total.counts)), ("statuses", words::statuses(&total.counts))]
    {
        out += &list.map(|list| screen.entry(name, &list)).unwrap_or_default();
    }
    out
}

/// Kinds of failures that the terminal shows; the files have the others.
const KINDS: usize = 4;

/// What failing requests looked like: the first of each kind.
pub(super) fn failed_exchanges(seen: &FailuresSeen, screen: Screen) -> String {
    let kinds: String =
        seen.kinds.iter().take(KINDS).map(|kind| failed_kind(kind, screen)).collect();
    let more = seen.kinds.len().saturating_sub(KINDS);
    let mut out = kinds;
    if more > 0 {
        let kinds = if more == 1 { "kind" } else { "kinds" };
        out += &screen.paragraph("  ", &format!("{more} more {kinds} in report.html"));
    }
    let has_errors = seen.log_errors.is_some_and(|errors| errors > 0);
    if let Some(errors) = failures::log_errors(seen).filter(|_| has_errors || !out.is_empty()) {
        out += &screen.paragraph("  ", &errors);
        for line in failures::other_log(seen) {
            let _ = writeln!(out, "    {}", plain::fitted(&line, screen.width - 4));
        }
    }
    if out.is_empty() {
        out
    } else {
        screen.heading("Failed exchanges, the first of each kind") + &out
    }
}

fn failed_kind(kind: &FailedKind, screen: Screen) -> String {
    let title = plain::fitted(&failures::title(kind), screen.width - 2);
    let mut out = format!("  {}\n", screen.paint(&title, Paint::Bad));
    let Some(example) = kind.examples.first() else { return out };
    out += &screen.paragraph("    ", &failures::moment(&example.exchange));
    let wire = failures::lines(&example.exchange, Detail::Short);
    for line in wire.into_iter().chain(failures::log(example)) {
        let _ = writeln!(out, "    {}", plain::fitted(&line, screen.width - 4).trim_end());
    }
    out
}

fn saturation(report: &Report, screen: Screen) -> String {
    let rows = words::saturation(&report.assessment.saturation);
    if rows.is_empty() {
        return String::new();
    }
    let columns = vec![
        Column::flexible("over the judged seconds"),
        Column::right("mean"),
        Column::right("highest second"),
    ];
    let mut table = Table::new(columns);
    for (name, mean, highest) in rows {
        table.add([name.to_owned(), mean, highest].map(Cell::plain).into());
    }
    screen.heading("Saturation") + &table.render(screen)
}

/// What the generator itself may have added, and what it cost.
fn generator(report: &Report, screen: Screen) -> String {
    let assessment = report.assessment;
    let lines = [
        ("error", words::audit(assessment)),
        ("pacing", words::send_lag(assessment)),
        ("receiving", words::receive_lag(assessment)),
        ("phases", words::phases(report)),
        ("cost", words::cost(&assessment.saturation)),
    ];
    let lines: String = lines
        .into_iter()
        .filter_map(|(name, text)| text.map(|text| screen.entry(name, &text)))
        .collect();
    if lines.is_empty() { lines } else { screen.heading("Generator") + &lines }
}

/// Doubts and warnings, each with what to do.
pub(super) fn findings(findings: &[Finding], screen: Screen) -> String {
    if findings.is_empty() {
        return String::new();
    }
    let written: String = findings.iter().map(|finding| one_finding(finding, screen)).collect();
    screen.heading("Findings") + &written
}

fn one_finding(finding: &Finding, screen: Screen) -> String {
    let paint = match finding.severity {
        Severity::Note => Paint::Dim,
        Severity::Warning | Severity::Withholds => Paint::Doubt,
        Severity::Invalidates => Paint::Bad,
    };
    let mark = screen.paint(words::severity(finding.severity), paint);
    let evidence = screen.paragraph("    ", &finding.evidence);
    let advice = screen.paragraph("    → ", &finding.advice);
    format!("  {mark}: {}\n{evidence}{advice}", finding.kind)
}

/// What the run cannot say.
pub(super) fn unknowns(limits: &[String], screen: Screen) -> String {
    if limits.is_empty() {
        return String::new();
    }
    let written: String = limits.iter().map(|limit| screen.paragraph("  - ", limit)).collect();
    screen.heading("What this run cannot say") + &written
}

/// Where the files are and what the process ends with.
pub(super) fn files(folder: Option<&str>, exit_code: u8, screen: Screen) -> String {
    let folder = folder.map(|folder| format!("files      {}\n", plain::line(folder)));
    let code = screen.paint(&exit_code.to_string(), Paint::Bold);
    format!("{}exit code  {code}\n", folder.unwrap_or_default())
}

#[cfg(test)]
mod tests;
