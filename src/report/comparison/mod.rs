//! (Comparison, the duet's file) in, text and pictures out: a candidate beside its baseline.
//!
//! The same formats, words and rules as for one run: nothing is computed here, and every
//! name is hostile. `words` has what several formats say; each other file is one format.

pub mod chart;
pub mod html;
pub mod json;
pub mod junit;
pub mod markdown;
pub(super) mod metrics;
mod remarks;
#[cfg(test)]
mod samples;
pub mod terminal;
mod words;

use crate::analysis::comparison::Comparison;
use crate::record::duet::DuetFile;

/// Everything that a report of a comparison is made of.
#[derive(Debug, Clone, Copy)]
pub struct ComparisonReport<'a> {
    /// What analysis says about it.
    pub comparison: &'a Comparison,
    /// How it was planned and measured; `None` for stored baselines.
    pub duet: Option<&'a DuetFile>,
    /// The scenario's name.
    pub scenario: &'a str,
    /// What the process ends with.
    pub exit_code: u8,
    /// The folder with the files, for the terminal's last lines.
    pub folder: Option<&'a str>,
    /// What is compared with, as people call it.
    pub baseline_name: &'a str,
    /// What is judged, as people call it.
    pub candidate_name: &'a str,
}
