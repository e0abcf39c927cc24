//! (Run record, assessment) in, text and pictures out.
//!
//! Computes nothing: a number that is in neither record nor assessment is in no
//! report. Formatting, choosing axis ranges and scaling to pixels is all that
//! happens to a number here. Names and texts may come from the target and are
//! hostile: [`plain`] strips them, each format escapes them.
//!
//! `figures` turns numbers into text, `words` has the phrases that several formats
//! share; `terminal`, `markdown`, `junit`, `json`, `chart` and `html` are one format
//! each; `comparison` has the same formats for a candidate beside its baseline, `noise`
//! some of them for a target beside itself.

mod aligned;
pub mod baseline;
pub mod chart;
pub mod comparison;
mod escaping;
mod failures;
mod figures;
pub mod history;
pub mod html;
pub mod json;
pub mod junit;
mod junit_status;
pub mod markdown;
pub mod noise;
pub(crate) mod plain;
#[cfg(test)]
mod sample_runs;
pub mod terminal;
mod words;

use crate::analysis::assessment::Assessment;
use crate::analysis::comparison::Comparison;
use crate::record::run::RunRecord;

/// Everything that a report is made of.
#[derive(Debug, Clone, Copy)]
pub struct Report<'a> {
    /// What was measured.
    pub record: &'a RunRecord,
    /// What analysis says about it.
    pub assessment: &'a Assessment,
    /// Beside its baseline, if it was judged by one.
    pub comparison: Option<&'a Comparison>,
    /// What the process ends with.
    pub exit_code: u8,
    /// Whether the target's own log lies beside the report.
    pub has_log: bool,
    /// The folder with the run's files, for the terminal's last lines.
    pub folder: Option<&'a str>,
}
