//! Exit codes: what a pipeline learns without reading a word.

use std::process::ExitCode;

use crate::analysis::assessment::Verdict;

/// How loadgate ends. When several hold, the order is 2, 7, 6, 3, 4, 5.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: every objective is met.
    Pass,
    /// 1: the tool could not do its job.
    Failed,
    /// 2: the command line or the scenario is wrong.
    Usage,
    /// 3: an objective was missed.
    SloMissed,
    /// 4: regressed against the baseline.
    Regressed,
    /// 5: too little evidence.
    Inconclusive,
    /// 6: nothing is known of the target: the generator was the limit, or a step never worked.
    Invalid,
    /// 7: the target was not ready in time, or died.
    TargetLost,
    /// 128 + the signal: interrupted; what was measured is saved.
    Interrupted(i32),
}

impl Exit {
    /// The number.
    pub fn code(self) -> u8 {
        match self {
            Exit::Pass => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::SloMissed => 3,
            Exit::Regressed => 4,
            Exit::Inconclusive => 5,
            Exit::Invalid => 6,
            Exit::TargetLost => 7,
            Exit::Interrupted(signal) => u8::try_from(128 + signal).unwrap_or(130),
        }
    }

    /// What a verdict means for a pipeline.
    pub fn of(verdict: Verdict) -> Exit {
        match verdict {
            Verdict::Pass => Exit::Pass,
            Verdict::SloMissed => Exit::SloMissed,
            Verdict::Regressed => Exit::Regressed,
            Verdict::Inconclusive => Exit::Inconclusive,
            Verdict::Invalid => Exit::Invalid,
            Verdict::TargetLost => Exit::TargetLost,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

/// The table of the help text.
pub const TABLE: &str = "\
Exit codes:
  0    pass
  1    the tool failed
  2    usage or scenario error
  3    an SLO was missed
  4    regressed against the baseline
  5    inconclusive: too little evidence (--inconclusive maps it)
  6    invalid: a step never worked, or the generator, not the target, was the limit
  7    the target was not ready in time or died
  130  interrupted (143: terminated); what was measured is saved and reported";
