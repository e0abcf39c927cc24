//! (Measurement of noise) in, text out: what this machine does to a target beside itself.
//!
//! As everywhere in reports nothing is computed, and every name is hostile. `words` has the
//! phrases and rows that both formats share.

pub mod markdown;
pub mod terminal;
mod words;

use crate::record::noise::NoiseFile;

/// Everything that a report of noise is made of.
#[derive(Debug, Clone, Copy)]
pub struct NoiseReport<'a> {
    /// What was measured.
    pub noise: &'a NoiseFile,
    /// What the process ends with.
    pub exit_code: u8,
    /// The folder with the files, for the terminal's last lines.
    pub folder: Option<&'a str>,
}
