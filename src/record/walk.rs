//! A walk: each flow once, one step after the other, and what came of every step.
//!
//! The experiment makes it, analysis says what is to be mended first, and a report shows it.
//! Nothing in it is secret, and it has no file.

use std::time::Duration;

use crate::record::exchange::FailedExchange;
use crate::record::outcome::Outcome;
use crate::record::step_head::StepHead;

/// What walking each flow once came to.
#[derive(Debug, Clone)]
pub struct Walk {
    /// The scenario's name.
    pub scenario: String,
    /// Where the target is.
    pub target: String,
    /// In the order of the scenario.
    pub flows: Vec<WalkedFlow>,
    /// How the target ended, if it did on the way.
    pub died: Option<String>,
}

/// One flow.
#[derive(Debug, Clone)]
pub struct WalkedFlow {
    /// Its name.
    pub name: String,
    /// All of its steps, in their order.
    pub steps: Vec<WalkedStep>,
}

/// One step.
#[derive(Debug, Clone)]
pub struct WalkedStep {
    /// What is known of it beforehand.
    pub head: StepHead,
    /// What was sent and what came, which need not have failed; `None` if the walk did not come
    /// so far.
    pub exchange: Option<FailedExchange>,
    /// Placeholders of its request that were filled in with nothing.
    pub unfilled: Vec<String>,
    /// What it keeps of the answer.
    pub extracted: Vec<Extracted>,
    /// Thinking before it, which a walk leaves out.
    pub thinking: Duration,
    /// Whether a condition left it out, and nothing before it failed.
    pub is_left_out: bool,
}

/// A value that a step keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extracted {
    /// Its name.
    pub name: String,
    /// Where it stands in the answer.
    pub path: String,
    /// What is known of it.
    pub known: Known,
}

/// What is known of a value, and may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// It was not found, is empty, or null.
    Nothing,
    /// It is a secret of so many characters.
    Secret(usize),
    /// Its beginning.
    Value(String),
}

impl Walk {
    /// Whether all steps of all flows worked.
    pub fn works(&self) -> bool {
        self.flows.iter().all(WalkedFlow::works)
    }
}

impl WalkedFlow {
    /// Whether all of its steps worked.
    pub fn works(&self) -> bool {
        self.steps.iter().all(WalkedStep::works)
    }

    /// Whether a step was sent that did not work.
    pub fn failed(&self) -> bool {
        self.broken().is_some_and(|step| step.exchange.is_some())
    }

    /// The first step that did not work.
    pub fn broken(&self) -> Option<&WalkedStep> {
        self.steps.iter().find(|step| !step.works())
    }
}

impl WalkedStep {
    /// Whether it ended as the scenario expects, or was left out as that says.
    pub fn works(&self) -> bool {
        let is_ok = |exchange: &FailedExchange| exchange.outcome == Outcome::Ok;
        self.is_left_out || self.exchange.as_ref().is_some_and(is_ok)
    }
}
