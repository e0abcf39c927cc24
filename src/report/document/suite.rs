//! Test cases, for what reads a report as the result of a test.

use super::text::Text;

/// One thing that a pipeline may fail for.
#[derive(Debug, Clone)]
pub struct Case {
    /// Unlike that of every other case of its group.
    pub name: Text,
    /// A step or the scenario.
    pub group: Text,
    /// How long it took, if that means something.
    pub seconds: Option<u32>,
    /// How it came out.
    pub result: CaseResult,
    /// What belongs to it, a line each.
    pub printed: Vec<Text>,
}

/// How a case came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaseResult {
    /// As wanted.
    Passed,
    /// Not as wanted.
    Failed(&'static str, Text),
    /// Nothing can be said.
    Error(&'static str, Text),
    /// Not known; whether that fails a pipeline is the exit code's to say.
    Undecided(Text),
}
