//! Prints results and writes the run folder's reports. With `cli::progress`, the only
//! place where anything is printed.

use std::io::{self, IsTerminal, Write};
use std::path::Path;

use crate::analysis::assess::assess;
use crate::analysis::assessment::Assessment;
use crate::analysis::comparison::Comparison;
use crate::analysis::stored_comparison::of_both;
use crate::cli::args_shared::{Inconclusive, PrintArgs};
use crate::cli::exit::Exit;
use crate::record::duet::DuetRecord;
use crate::record::noise::NoiseFile;
use crate::record::run::RunRecord;
use crate::record::target_log::TARGET_LOG;
use crate::record::whole_file::{self, Durable};
use crate::report::chart::{Chart, Theme};
use crate::report::comparison::ComparisonReport;
use crate::report::noise::NoiseReport;
use crate::report::plain;
use crate::report::terminal::screen::Style;
use crate::report::{self, Report};
use crate::scenario::problems::Problems;

/// Prints a result on standard output.
pub fn result(text: &str) {
    // A reader that went away, as `head` does, wants no more.
    let _ = io::stdout().write_all(text.as_bytes());
}

/// Prints an error on standard error: what failed, then what belongs to it.
pub fn error(message: &str, details: &[String]) {
    let mut text = format!("error: {message}\n");
    for detail in details {
        text.push_str("  ");
        text.push_str(detail);
        text.push('\n');
    }
    let _ = io::stderr().write_all(text.as_bytes());
}

/// What to do about an error that has just been told.
pub fn hint(text: &str) {
    let _ = io::stderr().write_all(format!("  {text}\n").as_bytes());
}

/// The same for texts that may quote a hostile file or target.
pub fn plain_error(message: &str, details: &[String]) {
    let details: Vec<String> = details.iter().map(|text| plain::line(text)).collect();
    error(&plain::line(message), &details);
}

/// Prints all mistakes of a scenario, each on a line that editors can jump to.
pub fn problems(problems: &Problems) {
    let heading = match problems.all.len() {
        1 => "error: ".to_owned(),
        many => format!("error: {many} mistakes\n"),
    };
    let _ = io::stderr().write_all(format!("{heading}{problems}\n").as_bytes());
}

/// Judges a record, writes its reports into a folder, prints the result, and says how to
/// exit.
pub fn conclude(
    record: &RunRecord,
    folder: &Path,
    print: PrintArgs,
    inconclusive: Option<Inconclusive>,
) -> Exit {
    let assessment = assess(record);
    let exit = Exit::of_run(record.end.as_ref(), assessment.verdict, inconclusive);
    Conclusion { record, assessment: &assessment, comparison: None, folder, print }.end(exit)
}

/// The same for a run that was judged by a baseline as well: verdict and reasons of every
/// report are those of both together.
pub fn conclude_compared(
    record: &RunRecord,
    comparison: &Comparison,
    folder: &Path,
    print: PrintArgs,
    inconclusive: Option<Inconclusive>,
) -> Exit {
    let assessment = of_both(comparison);
    let exit = Exit::of_run(record.end.as_ref(), assessment.verdict, inconclusive);
    let comparison = Some(comparison);
    Conclusion { record, assessment: &assessment, comparison, folder, print }.end(exit)
}

/// What is told at the end of a run, and where.
struct Conclusion<'a> {
    record: &'a RunRecord,
    assessment: &'a Assessment,
    comparison: Option<&'a Comparison>,
    folder: &'a Path,
    print: PrintArgs,
}

impl Conclusion<'_> {
    fn end(&self, judged: Exit) -> Exit {
        let shown = self.folder.display().to_string();
        let report = |exit: Exit| Report {
            record: self.record,
            assessment: self.assessment,
            comparison: self.comparison,
            exit_code: exit.code(),
            has_log: self.folder.join(TARGET_LOG).is_file(),
            folder: Some(&shown),
        };
        let written = write_reports(self.folder, &report(judged));
        let exit = judged.unless_unwritten(written.is_ok());
        self.tell(&report(exit));
        if let Err(fault) = written {
            error(&format!("the reports could not all be written: {fault}"), &[]);
        }
        exit
    }

    fn tell(&self, report: &Report<'_>) {
        if self.print.json {
            return result(&report::json::render(report));
        }
        result(&report::terminal::render(report, style(self.print)));
    }
}

/// Writes the reports of a duet, prints the result, and says how to exit.
pub fn conclude_duet(
    comparison: &Comparison,
    duet: &DuetRecord,
    folder: &Path,
    print: PrintArgs,
    judged: Exit,
) -> Exit {
    let shown = folder.display().to_string();
    let report = |exit: Exit| ComparisonReport {
        comparison,
        duet: Some(&duet.file),
        scenario: &duet.file.scenario,
        exit_code: exit.code(),
        folder: Some(&shown),
        baseline_name: &duet.file.baseline.source,
        candidate_name: &duet.file.candidate.source,
    };
    let written = write_all(folder, comparison_files(&report(judged)));
    let exit = judged.unless_unwritten(written.is_ok());
    tell_comparison(&report(exit), print);
    if let Err(fault) = written {
        error(&format!("the reports could not all be written: {fault}"), &[]);
    }
    exit
}

/// Prints a comparison.
pub fn tell_comparison(report: &ComparisonReport, print: PrintArgs) {
    if print.json {
        result(&report::comparison::json::render(report));
    } else {
        result(&report::comparison::terminal::render(report, style(print)));
    }
}

/// Writes the summary of a measurement of noise, prints it, and says how to exit.
pub fn conclude_noise(noise: &NoiseFile, folder: &Path, print: PrintArgs, judged: Exit) -> Exit {
    let shown = folder.display().to_string();
    let report = |exit: Exit| NoiseReport { noise, exit_code: exit.code(), folder: Some(&shown) };
    let summary = report::noise::markdown::render(&report(judged));
    let written = write(&folder.join("summary.md"), &summary);
    let exit = judged.unless_unwritten(written.is_ok());
    if print.json {
        result(&noise.text());
    } else {
        result(&report::noise::terminal::render(&report(exit), style(print)));
    }
    if let Err(fault) = written {
        error(&format!("the summary could not be written: {fault}"), &[]);
    }
    exit
}

fn comparison_files(report: &ComparisonReport) -> Vec<(String, String)> {
    use report::comparison::{chart, html, json, junit, markdown};
    let mut files = vec![
        ("summary.md".to_owned(), markdown::render(report)),
        ("comparison.json".to_owned(), json::render(report)),
        ("junit.xml".to_owned(), junit::render(report)),
        ("report.html".to_owned(), html::render(report)),
    ];
    for chart in chart::Chart::ALL {
        let svg = chart::render(report, chart, Theme::System);
        files.extend(svg.map(|svg| (chart.file_name().to_owned(), svg)));
    }
    files
}

/// Width and colour of standard output.
fn style(print: PrintArgs) -> Style {
    let is_terminal = io::stdout().is_terminal();
    let wants_none = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let is_dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
    let width = if is_terminal { usize::from(console::Term::stdout().size().1) } else { 80 };
    Style { width, color: is_terminal && !print.no_color && !wants_none && !is_dumb }
}

/// Everything but the record itself. All files are tried; the first fault is told.
fn write_reports(folder: &Path, report: &Report<'_>) -> io::Result<()> {
    let mut files = vec![
        ("summary.md".to_owned(), report::markdown::render(report)),
        ("summary.json".to_owned(), report::json::render(report)),
        ("junit.xml".to_owned(), report::junit::render(report)),
        ("report.html".to_owned(), report::html::render(report)),
    ];
    for chart in Chart::ALL {
        if let Some(svg) = report::chart::render(report, chart, Theme::System) {
            files.push((chart.file_name().to_owned(), svg));
        }
    }
    write_all(folder, files)
}

fn write_all(folder: &Path, files: Vec<(String, String)>) -> io::Result<()> {
    let written: Vec<io::Result<()>> =
        files.into_iter().map(|(name, text)| write(&folder.join(name), &text)).collect();
    written.into_iter().collect()
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    // Half a file would pass for a whole one; on the disk it can be written again.
    whole_file::write_with(path, Durable::Eventually, |out| out.write_all(text.as_bytes()))
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}
