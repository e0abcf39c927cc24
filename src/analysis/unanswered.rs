//! Slow, or failed? A request without a full answer counts at its time limit, so a candidate
//! that resets connections has slow quantiles too. Where that is what a quantile shows, its
//! note says so: nobody should look for a slow query behind a reset.

use crate::analysis::comparison::{MetricResult, Ruling};
use crate::analysis::number_format;
use crate::analysis::totals::Totals;
use crate::record::duet::GateMetric;
use crate::record::outcome::Outcome;

/// What counts at its time limit.
const UNANSWERED: [Outcome; 3] = [Outcome::Timeout, Outcome::TransportError, Outcome::Unsent];
/// Requests beyond the quantile of which this share was not answered are a matter of errors.
const MOSTLY: f64 = 0.5;

/// Says in the note of a quantile that is worse whether errors make it so.
pub fn explain(metric: &mut MetricResult, baseline: &Totals, candidate: &Totals) {
    let GateMetric::ResponseTime(share) = metric.metric else { return };
    if metric.ruling != Ruling::Regressed {
        return;
    }
    let (usual, found) = (unanswered(baseline), unanswered(candidate));
    if found - usual < MOSTLY * (1.0 - share) {
        return;
    }
    let most = UNANSWERED.into_iter().max_by_key(|outcome| candidate.counts.outcome(*outcome));
    let text = format!(
        "these are errors, not slow answers: {} of the candidate's requests got no full answer \
         ({}) and count at their time limit",
        number_format::percent(found),
        most.map_or("error", Outcome::name)
    );
    metric.note = Some(match metric.note.take() {
        Some(note) => format!("{text}; {note}"),
        None => text,
    });
}

/// The share of all requests that got no full answer.
fn unanswered(pool: &Totals) -> f64 {
    let bad: u64 = UNANSWERED.into_iter().map(|outcome| pool.counts.outcome(outcome)).sum();
    bad as f64 / pool.counts.ended().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::interval::StepCounts;

    fn pool(ok: u64, reset: u64) -> Totals {
        let mut counts = StepCounts::default();
        counts.outcomes[Outcome::Ok.index()] = ok;
        counts.outcomes[Outcome::TransportError.index()] = reset;
        Totals { counts, ..Totals::default() }
    }

    fn regressed(share: f64) -> MetricResult {
        MetricResult {
            metric: GateMetric::ResponseTime(share),
            step: None,
            name: "p95 of response time".to_owned(),
            gates: true,
            ruling: Ruling::Regressed,
            baseline: Some(5.0),
            candidate: Some(10_000.0),
            estimate: None,
            rule: None,
            smallest_visible: None,
            seconds_needed: None,
            note: None,
        }
    }

    #[test]
    fn a_reset_is_not_told_as_slowness() {
        let mut metric = regressed(0.95);
        explain(&mut metric, &pool(1_000, 0), &pool(940, 60));
        let note = metric.note.unwrap();
        assert!(
            note.contains("6 % of the candidate's requests got no full answer (transport error)")
        );
        for (share, before, after) in [(0.95, 0, 5), (0.95, 60, 60), (0.5, 0, 60)] {
            let mut metric = regressed(share);
            explain(&mut metric, &pool(1_000 - before, before), &pool(1_000 - after, after));
            assert_eq!(metric.note, None, "{share} {before} {after}");
        }
    }
}
