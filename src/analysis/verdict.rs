//! One answer for a run: target lost before invalid before SLO missed before
//! inconclusive before pass, and the reasons for it in that order. A doubt about one
//! objective voids the run only if no other one is missed beyond doubt. A step that was never
//! tried rules out a pass, and nothing worse.

use crate::analysis::assessment::{Finding, Severity, SloResult, SloStatus, Verdict};
use crate::analysis::ended;
use crate::analysis::facts::Facts;
use crate::analysis::sentences;
use crate::analysis::window;
use crate::record::run::EndReason;

/// The answer.
pub fn verdict(facts: &Facts, slos: &[SloResult], findings: &[Finding]) -> Verdict {
    let any = |status: SloStatus| slos.iter().any(|slo| slo.status == status);
    let has = |severity| findings.iter().any(|finding| finding.severity == severity);
    if target_died(facts).is_some() {
        Verdict::TargetLost
    } else if has(Severity::Invalidates) {
        Verdict::Invalid
    } else if any(SloStatus::Missed) {
        // Missed whatever part the generator had; a doubt about another one changes nothing.
        Verdict::SloMissed
    } else if any(SloStatus::Invalid) {
        Verdict::Invalid
    } else if any(SloStatus::Inconclusive)
        || has(Severity::Withholds)
        || slos.is_empty()
        || is_empty(facts)
    {
        Verdict::Inconclusive
    } else {
        Verdict::Pass
    }
}

/// Why, most important first.
pub fn reasons(facts: &Facts, slos: &[SloResult], findings: &[Finding]) -> Vec<String> {
    let died = target_died(facts).map(|detail| format!("the target died under load: {detail}"));
    let mut reasons: Vec<String> = died.into_iter().collect();
    reasons.extend(with_severity(findings, Severity::Invalidates));
    reasons.extend(missed(slos));
    reasons.extend(with_status(slos, SloStatus::Invalid));
    reasons.extend(with_severity(findings, Severity::Withholds));
    if is_empty(facts) {
        reasons.push("no request was due in the judged part of the run".to_owned());
    } else {
        reasons.extend(with_status(slos, SloStatus::Inconclusive));
    }
    if slos.is_empty() {
        reasons.push("the run has no objective to be judged by".to_owned());
    }
    if reasons.is_empty() {
        reasons.push(sentences::all_met(facts, slos));
    }
    reasons.extend(cut_short(facts));
    reasons
}

/// A broken connection is told as one first, then as an answer that was slow.
fn missed(slos: &[SloResult]) -> impl Iterator<Item = String> {
    let missed = || slos.iter().filter(|slo| slo.status == SloStatus::Missed);
    let first = missed().filter(|slo| !ended::is_about_failures(slo));
    first.chain(missed().filter(|slo| ended::is_about_failures(slo))).map(sentences::of)
}

fn with_status(slos: &[SloResult], status: SloStatus) -> impl Iterator<Item = String> {
    slos.iter().filter(move |slo| slo.status == status).map(sentences::of)
}

fn with_severity(findings: &[Finding], severity: Severity) -> impl Iterator<Item = String> {
    let wanted = findings.iter().filter(move |finding| finding.severity == severity);
    wanted.map(|finding| finding.evidence.clone())
}

fn target_died<'a>(facts: &Facts<'a>) -> Option<&'a str> {
    match &facts.record.end.as_ref()?.reason {
        EndReason::TargetDied { detail } => Some(detail),
        EndReason::Finished | EndReason::Interrupted { .. } | EndReason::Hopeless { .. } => None,
    }
}

fn is_empty(facts: &Facts) -> bool {
    facts.total.counts.planned.max(facts.total.counts.ended()) == 0
}

/// That a run was cut short, and after how long.
fn cut_short(facts: &Facts) -> Option<String> {
    let record = facts.record;
    let why = match record.end.as_ref().map(|end| &end.reason) {
        None => "the generator was killed".to_owned(),
        Some(EndReason::Finished) => return None,
        Some(EndReason::Interrupted { signal }) => format!("interrupted by signal {signal}"),
        Some(EndReason::Hopeless { .. }) => "ended early, as it could not work,".to_owned(),
        Some(EndReason::TargetDied { .. }) => "cut short".to_owned(),
    };
    let measured = window::measured_seconds(record).round();
    let planned = window::planned_seconds(&record.head.load).round();
    Some(format!("{why} after {measured} of {planned} s; what was measured until then is judged"))
}
