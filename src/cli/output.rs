//! Prints results and writes the run folder's reports. With `cli::progress`, the only
//! place where anything is printed.

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::OnceLock;

use crate::analysis::assess::assess;
use crate::analysis::assessment::Assessment;
use crate::analysis::capacity_plan::Plan;
use crate::analysis::comparison::Comparison;
use crate::analysis::soak as soak_analysis;
use crate::analysis::stored_comparison::of_both;
use crate::analysis::stress_result::StressResult;
use crate::cli::args_shared::{Inconclusive, PrintArgs, TextArgs};
use crate::cli::ending;
use crate::cli::exit::Exit;
use crate::record::capacity::CapacityFile;
use crate::record::duet::DuetRecord;
use crate::record::noise::NoiseFile;
use crate::record::run::RunRecord;
use crate::record::soak::SoakFile;
use crate::record::stress::StressFile;
use crate::record::target_log::TARGET_LOG;
use crate::record::whole_file::{self, Durable};
use crate::report::document::Document;
use crate::report::document::table::Table;
use crate::report::format::terminal::screen::Style;
use crate::report::format::{html, json, junit, markdown, terminal};
use crate::report::plain;
use crate::report::subject::capacity::{self, CapacityReport};
use crate::report::subject::comparison::{self, ComparisonReport};
use crate::report::subject::noise::{self, NoiseReport};
use crate::report::subject::plan::{self, PlanReport};
use crate::report::subject::run::{self, RunReport};
use crate::report::subject::soak::{self as soak_subject, SoakReport};
use crate::report::subject::stress::{self, StressReport};
use crate::scenario::model::Scenario;
use crate::scenario::problems::Problems;

/// The report for a browser.
const REPORT: &str = "report.html";

/// Why standard output could not be written, the first time.
static UNWRITTEN: OnceLock<String> = OnceLock::new();

/// Prints a result on standard output.
pub fn result(text: &str) {
    let mut to = io::stdout().lock();
    let written = to.write_all(text.as_bytes()).and_then(|()| to.flush());
    match written {
        // A reader that went away, as `head` does, wants no more.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let _ = UNWRITTEN.set(error.to_string());
        }
        Ok(()) | Err(_) => {}
    }
}

/// How to exit, given whether all results could be written: who reads half of one must learn it.
/// What says something worse already stays as it is.
pub fn all_written(exit: Exit) -> Exit {
    let Some(why) = UNWRITTEN.get() else { return exit };
    error(&format!("standard output could not be written: {why}"), &[]);
    if exit == Exit::Pass { Exit::Failed } else { exit }
}

/// Prints a text on standard output, in lines that fit a terminal.
pub fn paragraphs(text: &str) {
    result(&plain::in_columns(text, style(true).width.min(80)));
}

/// Prints an error on standard error: what failed, then what belongs to it.
pub fn error(message: &str, details: &[String]) {
    let mut text = format!("error: {message}\n");
    for detail in details {
        text.push_str("  ");
        text.push_str(detail);
        text.push('\n');
    }
    told(&text);
}

/// Writes to standard error, where that is a terminal in lines that fit it.
fn told(text: &str) {
    let terminal = console::Term::stderr();
    let text = if terminal.is_term() {
        plain::in_columns(text, usize::from(terminal.size().1))
    } else {
        text.to_owned()
    };
    let _ = io::stderr().write_all(text.as_bytes());
}

/// What to do about an error that has just been told.
pub fn hint(text: &str) {
    told(&format!("  {text}\n"));
}

/// Says something that is no mistake, on standard error.
pub fn note(text: &str) {
    told(&format!("{text}\n"));
}

/// The same as [`error`] for texts that may quote a hostile file or target.
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
    told(&format!("{heading}{problems}\n"));
}

/// Judges a record, writes its reports into a folder, prints the result, and says how to
/// exit.
pub fn conclude(
    record: &RunRecord,
    folder: &Path,
    print: PrintArgs,
    inconclusive: Option<Inconclusive>,
) -> Exit {
    conclude_run(record, (&assess(record), None), folder, (print, inconclusive))
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
    let judged = (&of_both(comparison), Some(comparison));
    conclude_run(record, judged, folder, (print, inconclusive))
}

fn conclude_run(
    record: &RunRecord,
    (assessment, comparison): (&Assessment, Option<&Comparison>),
    folder: &Path,
    (print, inconclusive): (PrintArgs, Option<Inconclusive>),
) -> Exit {
    let shown = folder.display().to_string();
    let has_log = folder.join(TARGET_LOG).is_file();
    let report = |exit_code| RunReport {
        record,
        assessment,
        comparison,
        exit_code,
        has_log,
        folder: Some(&shown),
    };
    let judged = Exit::of_run(record.end.as_ref(), assessment.verdict, inconclusive);
    let end = Conclusion { folder, print, data_file: Some("summary.json") };
    end.told(judged, run::describe(&report(judged.code())), |code| json::render(&report(code)))
}

/// The same for the run of a soak: verdict and reasons of every report are those of both
/// together.
pub fn conclude_soak(
    record: &RunRecord,
    asked: &SoakFile,
    folder: &Path,
    (print, inconclusive): (PrintArgs, Option<Inconclusive>),
) -> Exit {
    let run = assess(record);
    let soak = soak_analysis::assess(record, &run, asked);
    let both = soak_analysis::with_run(run, &soak);
    let shown = folder.display().to_string();
    let report = |exit_code| SoakReport {
        run: RunReport {
            record,
            assessment: &both,
            comparison: None,
            exit_code,
            has_log: folder.join(TARGET_LOG).is_file(),
            folder: Some(&shown),
        },
        soak: &soak,
    };
    let judged = Exit::of_run(record.end.as_ref(), both.verdict, inconclusive);
    let end = Conclusion { folder, print, data_file: Some("summary.json") };
    let described = soak_subject::describe(&report(judged.code()));
    end.told(judged, described, |code| json::render_soak(&report(code)))
}

/// Writes the reports of a duet, prints the result, and says how to exit.
pub fn conclude_duet(
    compared: &Comparison,
    duet: &DuetRecord,
    folder: &Path,
    print: PrintArgs,
    judged: Exit,
) -> Exit {
    let shown = folder.display().to_string();
    let report = |exit_code| ComparisonReport {
        comparison: compared,
        duet: Some(&duet.file),
        scenario: &duet.file.scenario,
        exit_code,
        folder: Some(&shown),
        baseline_name: &duet.file.baseline.source,
        candidate_name: &duet.file.candidate.source,
    };
    let data = |code| json::comparison::render(&report(code));
    let end = Conclusion { folder, print, data_file: Some("comparison.json") };
    end.told(judged, comparison::describe(&report(judged.code())), data)
}

/// Writes the reports of a measurement of noise, prints it, and says how to exit.
pub fn conclude_noise(measured: &NoiseFile, folder: &Path, print: PrintArgs, judged: Exit) -> Exit {
    let shown = folder.display().to_string();
    let exit_code = judged.code();
    let report = NoiseReport { noise: measured, exit_code, folder: Some(&shown) };
    // Its data is there already: it is the record.
    let end = Conclusion { folder, print, data_file: None };
    end.told(judged, noise::describe(&report), |_| measured.text())
}

/// Writes the reports of a search for capacity, prints it, and says how to exit.
pub fn conclude_capacity(
    found: &CapacityFile,
    folder: &Path,
    print: PrintArgs,
    judged: Exit,
) -> Exit {
    let shown = folder.display().to_string();
    let report = CapacityReport { file: found, exit_code: judged.code(), folder: Some(&shown) };
    // Its data is there already: it is the record.
    let end = Conclusion { folder, print, data_file: None };
    end.told(judged, capacity::describe(&report), |_| found.text())
}

/// Writes the reports of a stress test, prints the result, and says how to exit.
pub fn conclude_stress(
    (file, measured): (&StressFile, &StressResult),
    folder: &Path,
    print: PrintArgs,
    judged: Exit,
) -> Exit {
    let shown = folder.display().to_string();
    let report =
        |exit_code| StressReport { file, result: measured, exit_code, folder: Some(&shown) };
    let end = Conclusion { folder, print, data_file: Some("summary.json") };
    let data = |code| json::stress::render(&report(code));
    end.told(judged, stress::describe(&report(judged.code())), data)
}

/// Names the objectives that nothing but a stress test judges.
pub fn note_unjudged(scenario: &Scenario) {
    let texts: Vec<String> = scenario.stress.iter().map(|it| plain::line(&it.text)).collect();
    if !texts.is_empty() {
        note(&format!("not judged here, only by `loadgate stress`: {}", texts.join(", ")));
    }
}

/// Prints a comparison that has no folder.
pub fn tell_comparison(report: &ComparisonReport, print: TextArgs) {
    if print.json {
        result(&json::comparison::render(report));
    } else {
        result(&terminal::render(&comparison::describe(report), style(print.no_color)));
    }
}

/// Prints a capacity plan, writes its files where a folder is named, and says how to exit.
pub fn conclude_plan(planned: &Plan, folder: Option<&Path>, print: TextArgs, judged: Exit) -> Exit {
    let shown = folder.map(|folder| folder.display().to_string());
    let report = PlanReport { plan: planned, exit_code: judged.code(), folder: shown.as_deref() };
    let described = plan::describe(&report);
    let written = folder.map_or(Ok(()), |folder| {
        fs::create_dir_all(folder)?;
        let data = [("plan.json".to_owned(), json::plan(planned))];
        write_all(folder, files_of(&described).into_iter().chain(data).collect())
    });
    let exit = judged.unless_unwritten(written.is_ok());
    if print.json {
        result(&json::plan(planned));
    } else {
        let told = Document { exit_code: Some(exit.code()), ..described };
        result(&terminal::render(&told, style(print.no_color)));
    }
    if let Err(fault) = written {
        error(&format!("the plan could not be written: {fault}"), &[]);
    }
    exit
}

/// A document as it is printed by a command that has no switches for that.
pub fn written(document: &Document) -> String {
    terminal::render(document, style(false))
}

/// A table as it is printed by itself.
pub fn written_table(table: &Table) -> String {
    terminal::render_table(table, style(false))
}

/// How a command ends that leaves reports.
struct Conclusion<'a> {
    folder: &'a Path,
    print: PrintArgs,
    /// What is for other programs; `None` if that is not written here.
    data_file: Option<&'static str>,
}

impl Conclusion<'_> {
    /// Writes the reports and prints the result; both say what the process ends with, which
    /// is another code where a pass could not be written.
    fn told(&self, judged: Exit, described: Document, data: impl Fn(u8) -> String) -> Exit {
        let mut files = files_of(&described);
        let summary = if self.print.no_step_summary { None } else { files.first().cloned() };
        files.extend(self.data_file.map(|name| (name.to_owned(), data(judged.code()))));
        let written = write_all(self.folder, files);
        let exit = judged.unless_unwritten(written.is_ok());
        if self.print.json {
            result(&data(exit.code()));
        } else {
            let told = Document { exit_code: Some(exit.code()), ..described };
            result(&terminal::render(&told, style(self.print.no_color)));
        }
        if let Err(fault) = written {
            error(&format!("the reports could not all be written: {fault}"), &[]);
        }
        let added = summary.and_then(|(_, summary)| ending::add_to_step_summary(&summary));
        let page = self.print.open.then(|| self.folder.join(REPORT));
        let opened = page.and_then(|page| ending::open(&page));
        added.into_iter().chain(opened).for_each(|text| note(&text));
        exit
    }
}

/// A document in every format that is a file.
fn files_of(document: &Document) -> Vec<(String, String)> {
    let mut files = vec![
        ("summary.md".to_owned(), markdown::render(document)),
        ("junit.xml".to_owned(), junit::render(document)),
        (REPORT.to_owned(), html::render(document)),
    ];
    let charts = document.figures();
    files.extend(charts.filter_map(|chart| Some((chart.file_name(), chart.file()?))));
    files
}

/// Width and colour of standard output.
fn style(no_color: bool) -> Style {
    let is_terminal = io::stdout().is_terminal();
    let wants_none = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let is_dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
    let width = if is_terminal { usize::from(console::Term::stdout().size().1) } else { 80 };
    Style { width, color: is_terminal && !no_color && !wants_none && !is_dumb }
}

/// All files are tried; the first fault is told.
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
