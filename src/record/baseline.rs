//! The numbers of accepted runs of one scenario, with which a candidate's are compared.
//!
//! Plain data and what it has to hold to: runs of one fingerprint, each once, each with
//! counts that fit each other. `baseline_file` writes and reads it; nothing here judges.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::record::fingerprint::{Difference, Fingerprint};
use crate::record::histogram::Sparse;

/// The most runs that a baseline keeps.
pub const MAX_RUNS: usize = 100;
/// The most steps that a run may have to be kept.
pub const MAX_STEPS: usize = 1_000;
/// The largest count: sums of many must not overflow.
const MAX_COUNT: u64 = 1 << 40;
/// The longest judged window: a year.
const MAX_SECONDS: f64 = 366.0 * 86_400.0;
/// Accepted runs of one scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct Baseline {
    /// The scenario's name.
    pub scenario: String,
    /// When the first run was accepted, RFC 3339 in UTC.
    pub created: String,
    /// When the file was changed last.
    pub updated: String,
    /// What all runs have in common.
    pub fingerprint: Fingerprint,
    /// In the order in which they were accepted; never empty.
    pub runs: Vec<AcceptedRun>,
}

/// The judged window of one run.
#[derive(Debug, Clone, PartialEq)]
pub struct AcceptedRun {
    /// When its schedule started, RFC 3339 in UTC: what identifies it.
    pub started: String,
    /// What whoever accepted it had to say.
    pub note: Option<String>,
    /// The window's length in seconds.
    pub seconds: f64,
    /// Requests that fell due and have an outcome.
    pub requests: u64,
    /// Those that ended otherwise than ok.
    pub errors: u64,
    /// Response time as objectives read it, all steps, in microseconds.
    pub response: Sparse,
    /// In the order of the scenario.
    pub steps: Vec<StepFigures>,
}

/// One step of an accepted run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepFigures {
    /// The step's name.
    pub name: String,
    /// Requests that fell due and have an outcome.
    pub requests: u64,
    /// Response time; null when no request has one.
    pub response: Option<Figures>,
}

/// Quantiles of a response time in milliseconds, with three decimals.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Figures {
    /// The median.
    pub p50_ms: f64,
    /// 95 of 100 requests took no longer.
    pub p95_ms: f64,
    /// 99 of 100 requests took no longer.
    pub p99_ms: f64,
}

impl Figures {
    /// Those of a histogram in microseconds; `None` when it is empty.
    pub fn of(micros: &Sparse) -> Option<Figures> {
        let at = |share| micros.quantile(share).map(|micros| micros.round() / 1e3);
        Some(Figures { p50_ms: at(0.5)?, p95_ms: at(0.95)?, p99_ms: at(0.99)? })
    }

    pub(super) fn values(&self) -> [(&'static str, f64); 3] {
        [("p50_ms", self.p50_ms), ("p95_ms", self.p95_ms), ("p99_ms", self.p99_ms)]
    }
}

/// Why a run was not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// Its numbers cannot be compared with those that are there.
    Unlike(Vec<Difference>),
    /// A run with the same start is there already.
    Twice(String),
    /// There is no room for more.
    Full,
    /// It has nothing to compare with.
    Unusable(String),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::Unlike(differences) => {
                f.write_str("the run is unlike those of the baseline")?;
                differences.iter().try_for_each(|difference| write!(f, "; {difference}"))
            }
            Refused::Twice(started) => write!(f, "the run of {started} is accepted already"),
            Refused::Full => {
                write!(f, "the baseline has {MAX_RUNS} runs, the most it keeps; remove some")
            }
            Refused::Unusable(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for Refused {}

impl Baseline {
    /// A baseline of one run.
    pub fn new(
        scenario: &str,
        fingerprint: Fingerprint,
        run: AcceptedRun,
        now: &str,
    ) -> Result<Baseline, Refused> {
        let mut baseline = Baseline {
            scenario: scenario.to_owned(),
            created: now.to_owned(),
            updated: now.to_owned(),
            fingerprint,
            runs: Vec::new(),
        };
        let alike = baseline.fingerprint.clone();
        baseline.accept(&alike, run, now).map(|()| baseline)
    }

    /// Adds a run that is like those that are there.
    pub fn accept(
        &mut self,
        fingerprint: &Fingerprint,
        run: AcceptedRun,
        now: &str,
    ) -> Result<(), Refused> {
        if fingerprint.stages.iter().any(|stage| stage.users.is_some()) {
            let what = "a run of users who wait for answers cannot be compared: the slower of two \
                        gets less load, and looks better for it; give the stages a rate";
            return Err(Refused::Unusable(what.to_owned()));
        }
        let differences = self.fingerprint.differences(fingerprint);
        if !differences.is_empty() {
            return Err(Refused::Unlike(differences));
        }
        if self.runs.iter().any(|known| known.started == run.started) {
            return Err(Refused::Twice(run.started));
        }
        if self.runs.len() >= MAX_RUNS {
            return Err(Refused::Full);
        }
        check_run(&run).map_err(|(field, what)| Refused::Unusable(format!("{field}: {what}")))?;
        self.runs.push(run);
        now.clone_into(&mut self.updated);
        Ok(())
    }

    /// Takes a run out by its start; `None` when there is no such run.
    pub fn remove(&mut self, started: &str, now: &str) -> Option<AcceptedRun> {
        let index = self.runs.iter().position(|run| run.started == started)?;
        now.clone_into(&mut self.updated);
        Some(self.runs.remove(index))
    }

    /// The response times of all runs together.
    pub fn pooled(&self) -> Sparse {
        Sparse::merged(self.runs.iter().map(|run| &run.response))
    }
}

/// What is wrong with a run: the field and the fault.
pub(super) type Fault = (String, String);

pub(super) fn check_run(run: &AcceptedRun) -> Result<(), Fault> {
    let fault = |field: &str, what: String| Err((field.to_owned(), what));
    let timed = run.response.count();
    if !(run.seconds > 0.0 && run.seconds <= MAX_SECONDS) {
        return fault("seconds", format!("{} is not the length of a window", run.seconds));
    }
    if run.requests > MAX_COUNT {
        return fault("requests", "a count beyond all reason".to_owned());
    }
    if run.errors > run.requests {
        return fault("errors", format!("{} of only {} requests", run.errors, run.requests));
    }
    if timed == 0 || timed > run.requests {
        return fault("histogram", format!("{timed} times of {} requests", run.requests));
    }
    if run.steps.len() > MAX_STEPS {
        return fault("steps", format!("{} of them; {MAX_STEPS} are allowed", run.steps.len()));
    }
    run.steps.iter().enumerate().try_for_each(|(index, step)| {
        check_step(step).map_err(|(field, what)| (format!("steps[{index}].{field}"), what))
    })
}

fn check_step(step: &StepFigures) -> Result<(), Fault> {
    if step.requests > MAX_COUNT {
        return Err(("requests".to_owned(), "a count beyond all reason".to_owned()));
    }
    let values = step.response.iter().flat_map(Figures::values);
    match values.into_iter().find(|(_, ms)| !(*ms >= 0.0 && *ms <= MAX_SECONDS * 1e3)) {
        Some((field, ms)) => Err((format!("response.{field}"), format!("{ms} is not a time"))),
        None => Ok(()),
    }
}
