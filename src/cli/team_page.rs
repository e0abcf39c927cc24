//! `loadgate report FOLDER --template …`: a page that a team keeps, filled from a run.

use std::fs;
use std::io::{self, Read as _};
use std::path::Path;

use crate::analysis::assess::assess;
use crate::analysis::stored_comparison::of_both;
use crate::cli::args::ReportArgs;
use crate::cli::baseline::{read_judged_by, read_run};
use crate::cli::comparison::judged_by;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::output;
use crate::record::target_log::TARGET_LOG;
use crate::report::format::team_page::{PERFORMANCE_GATE, fill};
use crate::report::subject::run::{RunReport, describe};

/// The template that is built in.
const DOCS: &str = "docs";
/// The most of a page that is read, in bytes.
const LARGEST: u64 = 4 << 20;

/// Prints the page; the exit code is that of the run.
pub(super) fn report(args: &ReportArgs, template: &str) -> Result<Exit, Failure> {
    let page = page(template)?;
    let record = read_run(&args.run)?;
    let by = read_judged_by(&args.run)?;
    let comparison = judged_by(by.as_ref(), &record)?;
    let assessment = comparison.as_ref().map_or_else(|| assess(&record), of_both);
    let exit = Exit::of_run(record.end.as_ref(), assessment.verdict, args.inconclusive);
    let folder = if args.run.is_dir() { Some(args.run.as_path()) } else { args.run.parent() };
    let shown = folder.map(|folder| folder.display().to_string());
    let report = RunReport {
        record: &record,
        assessment: &assessment,
        comparison: comparison.as_ref(),
        exit_code: exit.code(),
        has_log: folder.is_some_and(|folder| folder.join(TARGET_LOG).is_file()),
        folder: shown.as_deref(),
    };
    let filled = fill(&page, &describe(&report))
        .map_err(|fault| Failure::usage(format!("{template}: {}", fault.told()), Vec::new()))?;
    output::result(&filled);
    Ok(exit)
}

/// The built-in page, or that of a file.
fn page(template: &str) -> Result<String, Failure> {
    if template == DOCS {
        return Ok(PERFORMANCE_GATE.to_owned());
    }
    read(Path::new(template)).map_err(|error| {
        let advice = format!("name a page in Markdown, or \"{DOCS}\" for the one that is built in");
        Failure::usage(format!("{template}: {error}"), vec![advice])
    })
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    fs::File::open(path)?.take(LARGEST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LARGEST {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(text)
}
