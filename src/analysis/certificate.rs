//! Judges for how many days more the target's certificates are valid.
//!
//! They are read once, before the load; the days are whole ones from the start of the schedule.
//! Where none could be read the objective is undecided.

use crate::analysis::assessment::SloStatus;
use crate::analysis::gauge_limit::GaugeJudged;
use crate::analysis::gauges::{GaugeValue, ValueUnit};
use crate::record::run::RunRecord;
use crate::scenario::slo::Bound;

/// Milliseconds of a day.
const DAY: i64 = 86_400_000;

/// Judges one limit.
pub fn judge(record: &RunRecord, bound: Bound) -> GaugeJudged {
    let limit = bound.limit;
    let Some(certificate) = record.head.certificate else {
        let note = "no certificate of the target could be read before the load".to_owned();
        let status = SloStatus::Inconclusive;
        return GaugeJudged { status, measured: None, limit, note: Some(note) };
    };
    let ends = i64::try_from(certificate.ends_unix_ms).unwrap_or(i64::MAX);
    let begins = i64::try_from(record.head.started_unix_ms).unwrap_or(i64::MAX);
    let days = ends.saturating_sub(begins).div_euclid(DAY) as f64;
    let is_met = bound.holds(days);
    let of_another = "it is a certificate that signs the target's which ends first".to_owned();
    GaugeJudged {
        status: if is_met { SloStatus::Met } else { SloStatus::Missed },
        measured: Some(GaugeValue { value: days, unit: ValueUnit::Number }),
        limit,
        note: (!is_met && !certificate.is_own).then_some(of_another),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::sample_records::run;
    use crate::record::certificate::CertificateHead;
    use crate::scenario::gauge::Side;

    #[test]
    fn whole_days_are_compared_and_none_known_is_undecided() {
        let at_least = |limit| Bound { limit, side: Side::Above, inclusive: true };
        let more_than = |limit| Bound { limit, side: Side::Above, inclusive: false };
        let (day, start) = (86_400_000, 1_000_000_000_000);
        for (ends, bound, status, days) in [
            (Some(start + 14 * day), at_least(14.0), SloStatus::Met, Some(14.0)),
            (Some(start + 14 * day), more_than(14.0), SloStatus::Missed, Some(14.0)),
            (Some(start + 14 * day - 1), at_least(14.0), SloStatus::Missed, Some(13.0)),
            (Some(start - 1), more_than(0.0), SloStatus::Missed, Some(-1.0)),
            (Some(u64::MAX), at_least(14.0), SloStatus::Met, None),
            (None, at_least(14.0), SloStatus::Inconclusive, None),
        ] {
            let mut record = run(10, 1.0);
            record.head.started_unix_ms = start;
            let certificate = |ends_unix_ms| CertificateHead { ends_unix_ms, is_own: true };
            record.head.certificate = ends.map(certificate);
            let found = judge(&record, bound);
            assert_eq!(found.status, status, "{ends:?}");
            assert_eq!(found.note.is_some(), ends.is_none());
            if days.is_some() || ends.is_none() {
                assert_eq!(found.measured.map(|it| it.value), days);
            }
        }
    }

    #[test]
    fn whose_certificate_it_is_is_told() {
        let mut record = run(10, 1.0);
        record.head.certificate = Some(CertificateHead { ends_unix_ms: 0, is_own: false });
        let bound = Bound { limit: 1.0, side: Side::Above, inclusive: true };
        assert!(judge(&record, bound).note.unwrap().contains("signs"));
    }
}
