//! What must be alike before numbers of two runs may be compared: the machine, the tool,
//! the scenario and its load.
//!
//! A run's head in, named differences out. It says *that* two runs are unlike, never which
//! of them is better.
//!
//! Every field counts, also those that matter little most of the time. A new kernel moves
//! p99 by more than a usual change does. Another version of loadgate may measure otherwise.
//! With another seed the requests and their moments differ, and so does the number of
//! those that meet each other in the target: two seeds are two samples of the same load,
//! and that difference would have to be learnt before it could be told from a change.

use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::record::run::{Head, StageHead};
use crate::scenario::load::{ArrivalProcess, Crowd};
use crate::units::{format_duration, group_digits, trim_zeros};

/// So much may two numbers differ that went through a text, relative to the larger one.
const ROUNDING: f64 = 1e-9;

/// What numbers of runs depend on, besides the target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fingerprint {
    /// CPU model.
    pub cpu: String,
    /// Logical cores that loadgate may use.
    pub cores: u32,
    /// Operating system and kernel.
    pub system: String,
    /// Version of loadgate.
    pub loadgate: String,
    /// What stamps the end of a response: `kernel` or `generator`.
    pub receive_clock: String,
    /// SHA-256 of what decides the requests.
    pub scenario_hash: String,
    /// How arrivals are spread.
    pub arrivals: ArrivalProcess,
    /// The seed.
    pub seed: u64,
    /// The load profile.
    pub stages: Vec<StageHead>,
}

/// One respect in which two runs are unlike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// `CPU model`.
    pub what: String,
    /// What the baseline has.
    pub baseline: String,
    /// What the candidate has.
    pub candidate: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Difference { what, baseline, candidate } = self;
        write!(f, "{what}: {baseline} (baseline), {candidate} (candidate)")
    }
}

impl Fingerprint {
    /// That of a run.
    pub fn of(head: &Head) -> Fingerprint {
        let environment = head.environment().clone();
        Fingerprint {
            cpu: environment.cpu,
            cores: environment.cores,
            system: environment.system,
            loadgate: environment.loadgate,
            receive_clock: environment.receive_clock,
            scenario_hash: head.scenario_hash.clone(),
            arrivals: head.load.arrivals,
            seed: head.load.seed,
            stages: head.load.stages.clone(),
        }
    }

    /// Every respect in which a candidate is unlike this baseline; empty when their numbers
    /// may be compared.
    pub fn differences(&self, candidate: &Fingerprint) -> Vec<Difference> {
        let texts = self.texts().into_iter().zip(candidate.texts());
        let unlike = texts.filter(|((_, baseline), (_, candidate))| baseline != candidate);
        let mut found: Vec<Difference> = unlike
            .map(|((what, baseline), (_, candidate))| Difference {
                what: what.to_owned(),
                baseline,
                candidate,
            })
            .collect();
        if !are_alike(&self.stages, &candidate.stages) {
            found.push(Difference {
                what: "load profile".to_owned(),
                baseline: profile(&self.stages),
                candidate: profile(&candidate.stages),
            });
        }
        found
    }

    /// Every respect with its value, as people read it.
    pub fn described(&self) -> Vec<(&'static str, String)> {
        let profile = ("load profile", profile(&self.stages));
        self.texts().into_iter().chain([profile]).collect()
    }

    /// All but the stages, as they are told.
    fn texts(&self) -> [(&'static str, String); 8] {
        let arrivals = match self.arrivals {
            ArrivalProcess::Poisson => "poisson",
            ArrivalProcess::Uniform => "uniform",
        };
        [
            ("CPU model", self.cpu.clone()),
            ("cores", self.cores.to_string()),
            ("system", self.system.clone()),
            ("version of loadgate", self.loadgate.clone()),
            ("clock of the responses", self.receive_clock.clone()),
            ("scenario hash", self.scenario_hash.clone()),
            ("arrivals", arrivals.to_owned()),
            ("seed", self.seed.to_string()),
        ]
    }
}

fn are_alike(a: &[StageHead], b: &[StageHead]) -> bool {
    let same = |x: f64, y: f64| (x - y).abs() <= ROUNDING * x.abs().max(y.abs());
    let alike = |(a, b): (&StageHead, &StageHead)| {
        a.warmup == b.warmup
            && same(a.seconds, b.seconds)
            && same(a.from, b.from)
            && same(a.to, b.to)
            && a.users == b.users
    };
    a.len() == b.len() && a.iter().zip(b).all(alike)
}

/// `10s warm-up at 100/s, 60s from 100/s to 200/s`.
fn profile(stages: &[StageHead]) -> String {
    let texts: Vec<String> = stages.iter().map(stage).collect();
    if texts.is_empty() { "none".to_owned() } else { texts.join(", ") }
}

fn stage(stage: &StageHead) -> String {
    let seconds = Duration::try_from_secs_f64(stage.seconds).unwrap_or(Duration::MAX);
    let kind = if stage.warmup { " warm-up" } else { "" };
    if let Some(Crowd { from, to }) = stage.users {
        let users = if from == to { format!("{from}") } else { format!("from {from} to {to}") };
        return format!("{}{kind} with {users} users", format_duration(seconds));
    }
    let rates = if stage.from.to_bits() == stage.to.to_bits() {
        format!("at {}", rate(stage.from))
    } else {
        format!("from {} to {}", rate(stage.from), rate(stage.to))
    };
    format!("{}{kind} {rates}", format_duration(seconds))
}

fn rate(value: f64) -> String {
    let text = trim_zeros(value, 3);
    match text.parse::<u64>() {
        Ok(_) => format!("{}/s", group_digits(&text)),
        Err(_) => format!("{text}/s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::sample_head;

    #[track_caller]
    fn check(change: impl Fn(&mut Fingerprint), expected: &str) {
        let baseline = Fingerprint::of(&sample_head());
        let mut candidate = baseline.clone();
        change(&mut candidate);
        let found = baseline.differences(&candidate);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].to_string(), expected);
    }

    #[test]
    fn each_difference_is_named() {
        check(|it| it.cpu = "Z80".into(), "CPU model:  (baseline), Z80 (candidate)");
        check(|it| it.cores = 2, "cores: 0 (baseline), 2 (candidate)");
        check(|it| it.system = "x".into(), "system:  (baseline), x (candidate)");
        check(|it| it.loadgate = "9".into(), "version of loadgate:  (baseline), 9 (candidate)");
        check(
            |it| it.receive_clock = "kernel".into(),
            "clock of the responses:  (baseline), kernel (candidate)",
        );
        check(|it| it.scenario_hash = "1".into(), "scenario hash: 0 (baseline), 1 (candidate)");
        check(
            |it| it.arrivals = ArrivalProcess::Uniform,
            "arrivals: poisson (baseline), uniform (candidate)",
        );
        check(|it| it.seed = 2, "seed: 1 (baseline), 2 (candidate)");
        check(
            |it| it.stages[0].to = 1_000.5,
            "load profile: 10s at 1/s (baseline), 10s from 1/s to 1000.5/s (candidate)",
        );
        check(
            |it| it.stages[0].warmup = true,
            "load profile: 10s at 1/s (baseline), 10s warm-up at 1/s (candidate)",
        );
        check(|it| it.stages.clear(), "load profile: 10s at 1/s (baseline), none (candidate)");
    }

    #[test]
    fn a_number_that_went_through_a_text_is_the_same() {
        let baseline = Fingerprint::of(&sample_head());
        let mut candidate = baseline.clone();
        candidate.stages[0].seconds = 10.0_f64.next_up();
        assert_eq!(baseline.differences(&candidate), []);
    }
}
