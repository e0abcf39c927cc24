//! What a search for capacity needs, what it tells while it goes on, and its record before
//! anything was measured.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::analysis::controller::capacity::asked::Spec;
use crate::engine::transport::clock::ReceiveClock;
use crate::experiment::address::shown;
use crate::experiment::control::Control;
use crate::experiment::event::Event;
use crate::experiment::head::{fingerprint, written};
use crate::experiment::others::Others;
use crate::record::capacity::{
    Asked, CapacityFile, FoundCapacity, Stored, Trial, VERSION, Verdict,
};
use crate::record::search_end::SearchEnd;
use crate::scenario::model::Scenario;
use crate::target::process::Supervisor;

/// What a search needs.
pub struct Search<'a> {
    /// What is sent; its own load profile is not used.
    pub scenario: Arc<Scenario>,
    /// What is looked for.
    pub asked: Asked,
    /// What it is compared with.
    pub baseline: Option<Stored>,
    /// Whether each flow is walked through once before the first load.
    pub tries_out: bool,
    /// The folder of all.
    pub folder: &'a Path,
    /// How targets are started.
    pub supervisor: Supervisor,
    /// What stamps the arrival of bytes.
    pub receive_clock: ReceiveClock,
    /// Who carries out the loads, if not this process.
    pub others: Option<&'a dyn Others>,
    /// Ends it early.
    pub control: Control,
    /// Hears what happens.
    pub watch: &'a mut dyn FnMut(SearchEvent),
}

/// What happens in a search, for those who watch.
#[derive(Debug, Clone, PartialEq)]
pub enum SearchEvent {
    /// A measurement begins.
    Measuring {
        /// Its number.
        number: u32,
        /// What it is.
        spec: Spec,
        /// How long its load lasts.
        length: Duration,
        /// What is known by now.
        found: FoundCapacity,
        /// The longest that the search can still take.
        at_most: Duration,
    },
    /// It came to its end.
    Measured(Box<Trial>),
    /// What is worth knowing.
    Note(String),
    /// What happens to the target.
    Target(Event),
}

impl fmt::Debug for Search<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Search").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Search<'_> {
    /// The record of a search that begins.
    pub(super) fn file(&self) -> CapacityFile {
        let scenario = &self.scenario;
        let command = scenario.target.start.as_ref().map(|start| start.command.join(" "));
        let command = command.map(|command| scenario.secrets.redact(&command));
        CapacityFile {
            version: VERSION,
            scenario: scenario.name.clone(),
            started: written(SystemTime::now()),
            target: command.unwrap_or_else(|| shown(scenario)),
            objectives: scenario.objectives(),
            fingerprint: fingerprint(scenario, self.receive_clock),
            asked: self.asked,
            baseline: self.baseline.clone(),
            trials: Vec::new(),
            notes: Vec::new(),
            found: FoundCapacity::default(),
            verdict: Verdict::Inconclusive,
            reasons: Vec::new(),
            moved: Vec::new(),
            end: None,
            took: 0.0,
        }
    }
}

/// A generator was lost, and with it what a trial would have shown.
pub(super) fn lost(number: u32, why: &str) -> SearchEnd {
    SearchEnd::GeneratorLost { detail: format!("trial {number}: {why}") }
}

/// Where a trial's run is, below the folder of all.
pub(super) fn folder_of(number: u32) -> String {
    format!("trials/{number:03}")
}
