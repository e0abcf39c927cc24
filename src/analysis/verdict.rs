//! One answer, and the reasons for it: [`decide`] has the only precedence of verdicts.
//!
//! Of several grounds the gravest counts: target lost, void, SLO missed, doubtful, regressed,
//! undecided; without any it is a pass. A doubt about one objective voids a run only if no
//! other one is missed beyond doubt. A step that was never tried rules out a pass, and nothing
//! worse. A candidate that has no objective at all is decided by its comparison alone.

use crate::analysis::assessment::{
    Assessment, Finding, Measured, Severity, SloResult, SloStatus, Verdict,
};
use crate::analysis::comparison::Ruling;
use crate::analysis::ended;
use crate::analysis::messages;
use crate::analysis::run_data::RunData;
use crate::analysis::window;
use crate::record::run::EndReason;

/// What a verdict can stand on, whatever was judged: of several the last one of these counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ground {
    /// An objective, or the comparison, has too little evidence.
    Undecided,
    /// The comparison calls it regressed.
    Regressed,
    /// The generator may be why an objective is not met.
    Doubtful,
    /// An objective is missed, whatever part the generator had.
    Missed,
    /// Nothing is known of the target, as a finding says.
    Void,
    /// The target was not ready, or died.
    Lost,
}

/// The verdict.
pub fn decide(grounds: impl IntoIterator<Item = Ground>) -> Verdict {
    match grounds.into_iter().max() {
        None => Verdict::Pass,
        Some(Ground::Undecided) => Verdict::Inconclusive,
        Some(Ground::Regressed) => Verdict::Regressed,
        Some(Ground::Missed) => Verdict::SloMissed,
        Some(Ground::Doubtful | Ground::Void) => Verdict::Invalid,
        Some(Ground::Lost) => Verdict::TargetLost,
    }
}

/// Those of a run by itself.
pub fn of_run(data: &RunData, slos: &[SloResult], findings: &[Finding]) -> Vec<Ground> {
    let any = |status: SloStatus| slos.iter().any(|slo| slo.status == status);
    let has = |severity| findings.iter().any(|finding| finding.severity == severity);
    let has_nothing = slos.is_empty() || is_empty(data);
    let is_open = any(SloStatus::Inconclusive)
        || has(Severity::Withholds)
        || has_nothing
        || failed_fast(data).is_some();
    that_hold([
        (target_died(data).is_some(), Ground::Lost),
        (has(Severity::Invalidates), Ground::Void),
        (any(SloStatus::Missed), Ground::Missed),
        (any(SloStatus::Invalid), Ground::Doubtful),
        (is_open, Ground::Undecided),
    ])
}

/// Those of a run that was compared with a stored baseline.
pub fn of_compared(candidate: &Assessment, ruling: Ruling) -> Vec<Ground> {
    with_ruling(candidate, ruling, leaves_open(candidate))
}

/// Those of a duet's candidate. A duet asks whether it is slower: an objective that looks met and
/// wants more requests than that answer does not hold it up.
pub fn of_duet(candidate: &Assessment, ruling: Ruling) -> Vec<Ground> {
    let is_open = |slo: &SloResult| slo.status == SloStatus::Inconclusive && !looks_met(slo);
    let withheld = has_withheld(candidate) || candidate.slos.iter().any(is_open);
    with_ruling(candidate, ruling, withheld)
}

/// Whether the measured value is on the good side of the limit, however sure that is.
fn looks_met(slo: &SloResult) -> bool {
    match slo.measured {
        None | Some(Measured::Gauge(_) | Measured::Goodput(_) | Measured::BytesPerSecond(_)) => {
            false
        }
        Some(
            Measured::Millis(found)
            | Measured::LapMillis(found)
            | Measured::BadShare(found)
            | Measured::Effect(found),
        ) => found <= slo.limit,
        Some(
            Measured::GoodShare(found)
            | Measured::GoodWindows(found)
            | Measured::ChecksHeld(found)
            | Measured::Apdex(found),
        ) => found >= slo.limit,
    }
}

fn with_ruling(candidate: &Assessment, ruling: Ruling, is_open: bool) -> Vec<Ground> {
    let is_open = is_open || ruling == Ruling::Inconclusive;
    that_hold([
        (candidate.verdict == Verdict::TargetLost, Ground::Lost),
        (candidate.verdict == Verdict::Invalid, Ground::Void),
        (candidate.verdict == Verdict::SloMissed, Ground::Missed),
        (ruling == Ruling::Regressed, Ground::Regressed),
        (is_open, Ground::Undecided),
    ])
}

fn that_hold(grounds: impl IntoIterator<Item = (bool, Ground)>) -> Vec<Ground> {
    grounds.into_iter().filter(|(holds, _)| *holds).map(|(_, ground)| ground).collect()
}

/// Whether a candidate by itself is undecided for another reason than that nothing was asked
/// of it.
fn leaves_open(candidate: &Assessment) -> bool {
    let is_open = !candidate.slos.is_empty() || has_withheld(candidate);
    candidate.verdict == Verdict::Inconclusive && is_open
}

fn has_withheld(candidate: &Assessment) -> bool {
    candidate.findings.iter().any(|it| it.severity == Severity::Withholds)
}

/// Why, most important first.
pub fn reasons(data: &RunData, slos: &[SloResult], findings: &[Finding]) -> Vec<String> {
    let died = target_died(data).map(|detail| format!("the target died under load: {detail}"));
    let mut reasons: Vec<String> = died.into_iter().collect();
    reasons.extend(with_severity(findings, Severity::Invalidates));
    reasons.extend(missed(slos));
    reasons.extend(with_status(slos, SloStatus::Invalid));
    reasons.extend(with_severity(findings, Severity::Withholds));
    if is_empty(data) {
        reasons.push("no request was due in the judged part of the run".to_owned());
    } else {
        reasons.extend(with_status(slos, SloStatus::Inconclusive));
    }
    if slos.is_empty() {
        reasons.push("the run has no objective to be judged by".to_owned());
    }
    if reasons.is_empty() {
        let ended = failed_fast(data).map(|detail| format!("ended by --fail-fast: {detail}"));
        reasons.push(ended.unwrap_or_else(|| messages::all_met(data, slos)));
    }
    reasons.extend(cut_short(data));
    reasons
}

/// A broken connection is told as one first, then as an answer that was slow.
fn missed(slos: &[SloResult]) -> impl Iterator<Item = String> {
    let missed = || slos.iter().filter(|slo| slo.status == SloStatus::Missed);
    let first = missed().filter(|slo| !ended::is_about_failures(slo));
    first.chain(missed().filter(|slo| ended::is_about_failures(slo))).map(messages::of)
}

fn with_status(slos: &[SloResult], status: SloStatus) -> impl Iterator<Item = String> {
    slos.iter().filter(move |slo| slo.status == status).map(messages::of)
}

fn with_severity(findings: &[Finding], severity: Severity) -> impl Iterator<Item = String> {
    let wanted = findings.iter().filter(move |finding| finding.severity == severity);
    wanted.map(|finding| finding.evidence.clone())
}

fn target_died<'a>(data: &RunData<'a>) -> Option<&'a str> {
    match &data.record.end.as_ref()?.reason {
        EndReason::TargetDied { detail } => Some(detail),
        EndReason::Finished
        | EndReason::RowsUsed { .. }
        | EndReason::Interrupted { .. }
        | EndReason::FailedFast { .. }
        | EndReason::Hopeless { .. }
        | EndReason::GeneratorLost { .. } => None,
    }
}

/// Why a run was ended, if that was because an objective looked missed. It is no pass then.
fn failed_fast<'a>(data: &RunData<'a>) -> Option<&'a str> {
    match &data.record.end.as_ref()?.reason {
        EndReason::FailedFast { detail } => Some(detail),
        EndReason::Finished
        | EndReason::RowsUsed { .. }
        | EndReason::Interrupted { .. }
        | EndReason::Hopeless { .. }
        | EndReason::GeneratorLost { .. }
        | EndReason::TargetDied { .. } => None,
    }
}

fn is_empty(data: &RunData) -> bool {
    data.total.counts.planned.max(data.total.counts.ended()) == 0
}

/// That a run was cut short, and after how long.
fn cut_short(data: &RunData) -> Option<String> {
    let record = data.record;
    let why = match record.end.as_ref().map(|end| &end.reason) {
        None => "the generator was killed".to_owned(),
        Some(EndReason::Finished) => return None,
        Some(EndReason::RowsUsed { data }) => format!("each row of \"{data}\" was used"),
        Some(EndReason::Interrupted { signal }) => format!("interrupted by signal {signal}"),
        Some(EndReason::Hopeless { .. }) => "ended early, as it could not work,".to_owned(),
        Some(EndReason::FailedFast { .. }) => "ended early by --fail-fast".to_owned(),
        Some(EndReason::GeneratorLost { .. } | EndReason::TargetDied { .. }) => {
            "cut short".to_owned()
        }
    };
    let measured = window::measured_seconds(record).round();
    let planned = window::planned_seconds(&record.head.load).round();
    Some(format!("{why} after {measured} of {planned} s; what was measured until then is judged"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::assess::assess;
    use crate::analysis::sample_records::{self, Requests};

    /// Of a minute with 100 requests a second, so many seconds with ten slow ones each.
    #[track_caller]
    fn check(slow_seconds: u32, as_run: Verdict, in_duet: Verdict) {
        let mut record = sample_records::run(60, 100.0);
        sample_records::add(&mut record, 0..60, &[Requests::ok(90, 20_000)]);
        let slow = |second: &u32| second % 7 == 3 && second / 7 < slow_seconds;
        sample_records::add(&mut record, (0..60).filter(|s| !slow(s)), &[Requests::ok(10, 20_000)]);
        sample_records::add(&mut record, (0..60).filter(slow), &[Requests::ok(10, 900_000)]);
        let candidate = assess(&record);
        assert_eq!(candidate.verdict, as_run, "{:?}", candidate.reasons);
        assert_eq!(decide(of_compared(&candidate, Ruling::Pass)), as_run);
        assert_eq!(decide(of_duet(&candidate, Ruling::Pass)), in_duet);
        assert_eq!(decide(of_duet(&candidate, Ruling::Inconclusive)), in_duet.max_open());
    }

    impl Verdict {
        /// The same where the comparison is open.
        fn max_open(self) -> Verdict {
            if self == Verdict::Pass { Verdict::Inconclusive } else { self }
        }
    }

    #[test]
    fn an_objective_that_looks_met_does_not_hold_up_a_duet() {
        check(0, Verdict::Pass, Verdict::Pass);
        check(4, Verdict::Inconclusive, Verdict::Pass);
        check(8, Verdict::Inconclusive, Verdict::Inconclusive);
    }

    #[test]
    fn of_several_grounds_the_gravest_decides() {
        let mut grounds = vec![
            Ground::Undecided,
            Ground::Missed,
            Ground::Lost,
            Ground::Regressed,
            Ground::Void,
            Ground::Doubtful,
        ];
        for (expected, then_without) in [
            (Verdict::TargetLost, Ground::Lost),
            (Verdict::Invalid, Ground::Void),
            (Verdict::SloMissed, Ground::Missed),
            (Verdict::Invalid, Ground::Doubtful),
            (Verdict::Regressed, Ground::Regressed),
            (Verdict::Inconclusive, Ground::Undecided),
        ] {
            assert_eq!(decide(grounds.iter().copied()), expected, "{grounds:?}");
            grounds.retain(|ground| *ground != then_without);
        }
        assert_eq!(decide(grounds), Verdict::Pass);
    }
}
