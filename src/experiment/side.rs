//! One side of a measurement: a target that is up, or on its way, and where its record goes.
//!
//! A side of a run that goes on has the files of that run. Loading it is the session's.

use std::path::PathBuf;
use std::sync::Arc;

use crate::engine::plan::{Given, Purpose};
use crate::experiment::resume::{Ahead, Earlier};
use crate::experiment::start::Started;
use crate::experiment::trial_error::TrialError;
use crate::record::run::Revision;
use crate::scenario::data::Per;
use crate::scenario::model::{Address, Scenario};

/// A target that is up, or on its way, and where its record goes.
pub(super) struct Side {
    pub(super) scenario: Arc<Scenario>,
    pub(super) target: Started,
    /// What its folder had checked out when it was started.
    pub(super) revision: Option<Revision>,
    pub(super) folder: PathBuf,
    /// What the load is to be.
    pub(super) purpose: Purpose,
    /// What it goes on with, if it does.
    pub(super) ahead: Option<Box<Ahead>>,
    /// What every user knows from the beginning.
    pub(super) given: Given,
    /// How much of the machine others used before it was started, in percent.
    pub(super) others_before: Option<u8>,
    /// Whether what is done once for the next load has been done.
    pub(super) is_set_up: bool,
}

impl Side {
    /// Opens the files of what it goes on with.
    pub(super) fn go_on(&mut self, earlier: Earlier) -> Result<(), TrialError> {
        let restarts =
            !matches!(self.scenario.target.address, Address::Http(_)) || self.target.is_ours();
        let ahead = earlier.reopen(&self.folder, restarts).map_err(TrialError::Store)?;
        if takes_unique_rows(&self.scenario) {
            // Rows that were taken in the last moments, of which nothing is written, are not taken again.
            self.purpose = Purpose::Again { iterations: ahead.unwritten(&self.scenario.load) };
        }
        self.ahead = Some(Box::new(ahead));
        Ok(())
    }

    /// The first second of the schedule that is carried out.
    pub(super) fn from(&self) -> u32 {
        self.ahead.as_ref().map_or(0, |ahead| ahead.resumed.from)
    }
}

/// Whether each iteration takes a row that no other may have.
fn takes_unique_rows(scenario: &Scenario) -> bool {
    let mut sources = scenario.data.sources.iter();
    sources.any(|source| source.at_end().is_some() && source.per == Per::Iteration)
}
