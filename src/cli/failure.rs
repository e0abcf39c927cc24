//! Why a command has no result.

use crate::cli::exit::Exit;
use crate::cli::output;
use crate::record::store::StoreError;
use crate::report::plain;

/// Why a command has no result: what failed, and what to do about it.
pub struct Failure {
    exit: Exit,
    message: String,
    details: Vec<String>,
}

impl Failure {
    /// What the user gave cannot be used.
    pub fn usage(message: impl Into<String>, details: Vec<String>) -> Failure {
        Failure { exit: Exit::Usage, message: message.into(), details }
    }

    /// The tool could not do its job.
    pub fn tool(message: impl Into<String>) -> Failure {
        Failure { exit: Exit::Failed, message: message.into(), details: Vec::new() }
    }

    /// Prints it. It may quote a hostile file.
    pub fn tell(&self) -> Exit {
        let details: Vec<String> = self.details.iter().map(|text| plain::line(text)).collect();
        output::error(&plain::line(&self.message), &details);
        self.exit
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        let advice = error.advice().to_owned();
        Failure::usage(error.to_string(), vec![advice])
    }
}
