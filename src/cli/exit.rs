//! Exit codes: what a pipeline learns without reading a word.

use std::process::ExitCode;

use crate::analysis::assessment::Verdict;
use crate::cli::args_shared::Inconclusive;
use crate::record::duet::DuetEnd;
use crate::record::run::{End, EndReason};

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

    /// What a verdict means for a pipeline, if the user wants an inconclusive one to count as
    /// something else.
    pub fn of(verdict: Verdict, inconclusive: Option<Inconclusive>) -> Exit {
        match (verdict, inconclusive) {
            (Verdict::Pass, _) | (Verdict::Inconclusive, Some(Inconclusive::Pass)) => Exit::Pass,
            (Verdict::SloMissed, _) | (Verdict::Inconclusive, Some(Inconclusive::Fail)) => {
                Exit::SloMissed
            }
            (Verdict::Regressed, _) => Exit::Regressed,
            (Verdict::Inconclusive, None) => Exit::Inconclusive,
            (Verdict::Invalid, _) => Exit::Invalid,
            (Verdict::TargetLost, _) => Exit::TargetLost,
        }
    }

    /// How a run ends that was judged: an interrupted one says so.
    pub fn of_run(end: Option<&End>, verdict: Verdict, inconclusive: Option<Inconclusive>) -> Exit {
        match end.map(|end| &end.reason) {
            Some(EndReason::Interrupted { signal }) => Exit::Interrupted(*signal),
            Some(
                EndReason::Finished
                | EndReason::RowsUsed { .. }
                | EndReason::Hopeless { .. }
                | EndReason::FailedFast { .. }
                | EndReason::GeneratorLost { .. }
                | EndReason::TargetDied { .. },
            )
            | None => Exit::of(verdict, inconclusive),
        }
    }

    /// How one of several runs ends of itself, whatever was measured; `None` where the verdict
    /// says.
    pub fn of_duet(end: Option<&DuetEnd>) -> Option<Exit> {
        match end? {
            DuetEnd::Interrupted { signal } => Some(Exit::Interrupted(*signal)),
            DuetEnd::ArmLost { .. } => Some(Exit::TargetLost),
            DuetEnd::Hopeless { .. } => Some(Exit::Invalid),
            DuetEnd::Finished => None,
        }
    }

    /// The same, if its reports could not be written: a pass that left none is not what was
    /// asked for.
    #[must_use]
    pub fn unless_unwritten(self, has_reports: bool) -> Exit {
        match (self, has_reports) {
            (Exit::Pass, false) => Exit::Failed,
            (exit, _) => exit,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::model::Arm;

    #[test]
    fn what_is_inconclusive_counts_as_is_wished_whatever_was_judged() {
        for (wish, code) in
            [(None, 5), (Some(Inconclusive::Pass), 0), (Some(Inconclusive::Fail), 3)]
        {
            assert_eq!(Exit::of(Verdict::Inconclusive, wish).code(), code, "{wish:?}");
            assert_eq!(Exit::of(Verdict::Regressed, wish).code(), 4, "{wish:?}");
            assert_eq!(Exit::of(Verdict::Invalid, wish).code(), 6, "{wish:?}");
        }
    }

    #[test]
    fn an_end_of_its_own_comes_before_the_verdict() {
        let lost = DuetEnd::ArmLost { arm: Arm::Baseline, detail: String::new() };
        for (end, code) in [
            (Some(lost), Some(7)),
            (Some(DuetEnd::Interrupted { signal: 15 }), Some(143)),
            (Some(DuetEnd::Finished), None),
            (None, None),
        ] {
            assert_eq!(Exit::of_duet(end.as_ref()).map(Exit::code), code, "{end:?}");
        }
        assert_eq!(Exit::Pass.unless_unwritten(false), Exit::Failed);
        assert_eq!(Exit::Regressed.unless_unwritten(false), Exit::Regressed);
        assert_eq!(Exit::Pass.unless_unwritten(true), Exit::Pass);
    }
}
