//! (Record, analysis) in, text and pictures out.
//!
//! A subject describes itself as a [`document`]; a format writes any document. So a new
//! experiment's report is one file in [`subject`], and a new format one in [`mod@format`].
//!
//! Computes nothing: a number that is in neither record nor assessment is in no report.
//! Formatting, choosing axis ranges and scaling to pixels is all that happens to a number
//! here. Names and texts may come from the target and are hostile: [`plain`] strips them as
//! they enter a document, each format escapes them.
//!
//! `figures` turns numbers into text, `phrases` has what subjects and charts both say,
//! [`chart`] draws, [`curl`] writes commands for a shell.

pub mod chart;
pub mod curl;
pub mod document;
mod figures;
pub mod format;
mod phrases;
pub(crate) mod plain;
#[cfg(test)]
#[path = "../../tests/samples/mod.rs"]
mod samples;
mod shell;
pub mod subject;
