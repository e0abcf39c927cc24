//! What a run's failures would cost in production: how fast they would burn the error budget of
//! each objective, and the incident that they would have raised.
//!
//! An objective that allows a share 1 − A of bad requests has that share of all requests of a
//! window, 30 days by default, as its budget. A run with the share f burns it B = f/(1 − A)
//! times as fast as would just last: the *burn rate* of the Site Reliability Workbook
//! (Google, 2018, chapter 5), with its thresholds 14.4, 6 and 1. The interval is that of the
//! share by which the objective was judged, so that a lower bound above 1 is a missed
//! objective, and an upper bound of at most 1 a met one.
//!
//! An incident is raised only by what is certain, and only where the verdict says that
//! something is wrong. Nothing measured, or an invalid run: nothing is said.

use crate::analysis::assessment::{SloResult, SloStatus, Verdict};
use crate::analysis::error_budget::{Burn, ErrorBudget, Incident, IncidentClass};
use crate::analysis::evidence;
use crate::analysis::number_format::{number, percent};
use crate::analysis::run_data::RunData;
use crate::analysis::totals::Totals;
use crate::record::outcome::Outcome;
use crate::record::run::{MetricHead, SloHead, Subset};
use crate::scenario::slo::FailureShare;

/// Burn rates that the workbook raises alerts at: 2 % of 30 days' budget in an hour and 5 % in
/// six hours call somebody, 10 % in three days open a ticket.
pub const THRESHOLDS: [f64; 3] = [14.4, 6.0, 1.0];
/// A service, or a function of it, is down when so many of its requests fail.
const DOWN: f64 = 0.5;

/// What follows from a run's results; `None` where nothing does.
pub fn error_budget(data: &RunData, verdict: Verdict, slos: &[SloResult]) -> Option<ErrorBudget> {
    if verdict == Verdict::Invalid {
        return None;
    }
    let window_hours = f64::from(data.record.head.budget_hours);
    let judged = data.record.head.slos.iter().zip(slos);
    let objectives: Vec<Burn> =
        judged.filter_map(|(head, slo)| burn(head, slo, window_hours)).collect();
    let incident = incident(data, verdict, slos, &objectives);
    let says_something = incident.is_some() || !objectives.is_empty();
    says_something.then_some(ErrorBudget { window_hours, objectives, incident })
}

/// `None` for an objective that allows nothing, counts windows, or was not judged.
fn burn(head: &SloHead, slo: &SloResult, window_hours: f64) -> Option<Burn> {
    let (low, high) = slo.bad_share.filter(|_| slo.status != SloStatus::Invalid)?;
    // The figures of one for each tenant are those of one tenant.
    if head.allowed <= 0.0 || head.each_tenant {
        return None;
    }
    let bad_share = slo.bad as f64 / slo.requests as f64;
    let [rate, low, high] = [bad_share, low, high].map(|share| share / head.allowed);
    let lasts = |rate: f64| (rate > 0.0).then(|| window_hours / rate);
    let above = |rate: f64| THRESHOLDS.into_iter().find(|threshold| rate > *threshold);
    Some(Burn {
        objective: slo.text.clone(),
        step: slo.step.clone(),
        good_share: 1.0 - head.allowed,
        bad_share,
        rate,
        low,
        high,
        share_per_hour: rate / window_hours,
        hours_left: lasts(rate),
        hours_left_low: window_hours / high,
        hours_left_high: lasts(low),
        above: above(low),
        perhaps_above: above(high).filter(|_| above(high) != above(low)),
    })
}

/// The gravest incident that is certain.
fn incident(
    data: &RunData,
    verdict: Verdict,
    slos: &[SloResult],
    burns: &[Burn],
) -> Option<Incident> {
    match verdict {
        Verdict::TargetLost => {
            let reason = "the target died under load".to_owned();
            Some(Incident { class: IncidentClass::P0, reason })
        }
        Verdict::SloMissed => down(data).or_else(|| burning(slos, burns)),
        Verdict::Pass | Verdict::Regressed | Verdict::Inconclusive | Verdict::Invalid => None,
    }
}

/// The service, or one of its functions, that fails for certain at least every other time.
fn down(data: &RunData) -> Option<Incident> {
    if let Some(share) = failing(data, None) {
        let reason = format!("at least {} of all requests failed", percent(share));
        return Some(Incident { class: IncidentClass::P0, reason });
    }
    data.record.head.steps.iter().enumerate().find_map(|(index, step)| {
        let share = failing(data, Some(u16::try_from(index).ok()?))?;
        let reason = format!("{}: at least {} of its requests failed", step.name, percent(share));
        Some(Incident { class: IncidentClass::P1, reason })
    })
}

/// The least share of requests that failed, where that is half of them or more.
fn failing(data: &RunData, step: Option<u16>) -> Option<f64> {
    let pool = data.pool(Subset::step(step))?;
    if seen_failing(&pool) < DOWN {
        return None;
    }
    let errors = SloHead {
        text: String::new(),
        step,
        tag: None,
        each_tenant: false,
        but: None,
        tenant: None,
        metric: MetricHead::Failures(FailureShare::Errors),
        allowed: DOWN,
        windows: None,
    };
    let share = evidence::weigh(data.record, &data.judged.seconds, &errors);
    (share.low >= DOWN).then_some(share.low)
}

fn seen_failing(pool: &Totals) -> f64 {
    let ended = pool.counts.ended();
    let ok = pool.counts.outcome(Outcome::Ok);
    if ended == 0 { 0.0 } else { 1.0 - ok as f64 / ended as f64 }
}

/// What the missed objectives raise: at least P3, as one is missed.
fn burning(slos: &[SloResult], burns: &[Burn]) -> Option<Incident> {
    let missed = || slos.iter().filter(|slo| slo.status == SloStatus::Missed);
    let is_missed =
        |burn: &&Burn| missed().any(|slo| slo.text == burn.objective && slo.step == burn.step);
    let fastest = burns.iter().filter(is_missed).max_by(|a, b| a.low.total_cmp(&b.low));
    if let Some((burn, above)) = fastest.and_then(|burn| Some((burn, burn.above?))) {
        let class = match above {
            above if above >= THRESHOLDS[0] => IncidentClass::P1,
            above if above >= THRESHOLDS[1] => IncidentClass::P2,
            _ => IncidentClass::P3,
        };
        let reason = format!("{} burns more than {}× its budget", burn.name(), number(above));
        return Some(Incident { class, reason });
    }
    let slo = missed().next()?;
    let whose = slo.step.as_ref().map_or_else(String::new, |step| format!("{step}: "));
    let reason = format!("{whose}{} is missed", slo.text);
    Some(Incident { class: IncidentClass::P3, reason })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::assess::assess;
    use crate::analysis::sample_records::{self, Requests, add, run};
    use crate::record::run::{EndReason, RunRecord};

    /// A minute of 100 requests a second, of which some are slow and some fail.
    fn with(slow: u64, failed: u64) -> RunRecord {
        let mut record = run(60, 100.0);
        record.head.slos =
            vec![sample_records::p99(), sample_records::failures(FailureShare::Errors, 0.01)];
        add(&mut record, 0..60, &[Requests::ok(100 - slow - failed, 20_000)]);
        add(&mut record, 0..60, &[Requests::ok(slow, 900_000)]);
        add(&mut record, 0..60, &[Requests::ended(failed, Outcome::ServerError)]);
        record
    }

    fn class(record: &RunRecord) -> Option<IncidentClass> {
        assess(record).error_budget?.incident.map(|incident| incident.class)
    }

    #[test]
    fn rate_share_and_hours_follow_from_the_share_of_bad_requests() {
        let budget = assess(&with(0, 10)).error_budget.unwrap();
        let burn = budget.fastest().unwrap();
        assert_eq!(burn.objective, "Errors 0.01");
        let close = |found: f64, expected: f64| (found - expected).abs() < 1e-9;
        assert!(close(burn.rate, 10.0) && close(burn.good_share, 0.99), "{burn:?}");
        assert!(close(burn.share_per_hour, 10.0 / 720.0), "{burn:?}");
        assert!(close(burn.hours_left.unwrap(), 72.0), "{burn:?}");
        assert!(burn.low > 6.0 && burn.low < 10.0 && burn.high > 10.0, "{burn:?}");
        assert!(burn.hours_left_low < 72.0 && burn.hours_left_high.unwrap() > 72.0);
        assert_eq!((burn.above, burn.perhaps_above), (Some(6.0), None));
    }

    #[test]
    fn an_incident_is_as_grave_as_is_certain() {
        for (slow, failed, expected) in [
            (0, 0, None),
            (3, 0, Some(IncidentClass::P3)),
            (0, 9, Some(IncidentClass::P2)),
            (20, 0, Some(IncidentClass::P1)),
            (0, 20, Some(IncidentClass::P1)),
            (0, 60, Some(IncidentClass::P0)),
        ] {
            assert_eq!(class(&with(slow, failed)), expected, "{slow} {failed}");
        }
    }

    #[test]
    fn one_step_that_fails_most_of_the_time_is_a_major_function() {
        let mut record = run(60, 100.0);
        sample_records::add_step(&mut record.head, "pay");
        record.head.slos = vec![sample_records::failures(FailureShare::Errors, 0.05)];
        add(&mut record, 0..60, &[Requests::ok(88, 20_000)]);
        add(&mut record, 0..60, &[Requests { step: 1, ..Requests::ok(2, 20_000) }]);
        let failed = Requests { step: 1, ..Requests::ended(10, Outcome::Timeout) };
        add(&mut record, 0..60, &[failed]);
        let incident = assess(&record).error_budget.unwrap().incident.unwrap();
        assert_eq!(incident.class, IncidentClass::P1, "{incident:?}");
        assert!(incident.reason.starts_with("pay: at least "), "{incident:?}");
    }

    #[test]
    fn the_budget_never_contradicts_the_verdict() {
        for bad in (0..8).chain([20, 60]) {
            let record = with(bad, 0);
            let assessment = assess(&record);
            let Some(budget) = &assessment.error_budget else {
                panic!("no budget: {:?}", assessment.reasons)
            };
            for (burn, slo) in budget.objectives.iter().zip(&assessment.slos) {
                assert_eq!(slo.status == SloStatus::Missed, burn.low > 1.0, "{burn:?}");
                assert_eq!(slo.status == SloStatus::Met, burn.high <= 1.0, "{burn:?}");
            }
            let missed = assessment.verdict == Verdict::SloMissed;
            assert_eq!(budget.incident.is_some(), missed, "{bad}");
        }
    }

    #[test]
    fn a_target_that_died_is_down() {
        let mut record = with(0, 0);
        record.end.as_mut().unwrap().reason = EndReason::TargetDied { detail: "code 1".into() };
        assert_eq!(class(&record), Some(IncidentClass::P0));
    }

    #[test]
    fn nothing_measured_and_an_invalid_run_say_nothing() {
        assert_eq!(assess(&run(60, 100.0)).error_budget, None);
        let mut broken = run(60, 50.0);
        broken.head.slos = vec![sample_records::failures(FailureShare::Errors, 0.01)];
        add(&mut broken, 0..60, &[Requests::ended(50, Outcome::ServerError)]);
        let assessment = assess(&broken);
        assert_eq!((assessment.verdict, assessment.error_budget), (Verdict::Invalid, None));
    }

    #[test]
    fn an_objective_that_allows_none_has_no_budget_and_still_raises_an_incident() {
        let mut record = with(0, 1);
        record.head.slos = vec![
            sample_records::failures(FailureShare::Errors, 0.0),
            sample_records::in_windows(0.9, 5),
        ];
        let budget = assess(&record).error_budget.unwrap();
        assert_eq!(budget.objectives, []);
        assert_eq!(budget.incident.unwrap().class, IncidentClass::P3);
    }

    #[test]
    fn another_window_changes_the_hours_and_not_the_rate() {
        let mut record = with(0, 10);
        record.head.budget_hours = 24 * 7;
        let budget = assess(&record).error_budget.unwrap();
        let burn = budget.fastest().unwrap();
        assert!((burn.rate - 10.0).abs() < 1e-9 && burn.above == Some(6.0));
        assert!((burn.hours_left.unwrap() - 16.8).abs() < 1e-9, "{burn:?}");
    }
}
