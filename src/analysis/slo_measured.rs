//! What an objective measured, in the unit that it is written in, with the interval that goes with it.

use crate::analysis::assessment::Measured;
use crate::analysis::evidence::Share;
use crate::analysis::laps;
use crate::analysis::open;
use crate::analysis::run_data::RunData;
use crate::analysis::slo_limit;
use crate::record::histogram::Sparse;
use crate::record::phase::Phase;
use crate::record::run::{MetricHead, SloHead};
use crate::scenario::slo::FailureShare;

/// The measured value and its interval, in the unit that the objective is written in.
pub(super) fn measured(
    data: &RunData,
    slo: &SloHead,
    share: &Share,
) -> (Option<Measured>, Option<(f64, f64)>) {
    let f = share.total.share();
    match slo.metric {
        MetricHead::ResponseTime { quantile, .. } => {
            let Some(pool) = data.pool(slo.within()) else { return (None, None) };
            let limit = slo_limit::threshold(data.record, slo)
                .map_or(u64::MAX, |limit| limit.limit / 1_000);
            let seconds = &data.judged.seconds;
            let open = open::ages_beyond(data.record, seconds, slo.within(), limit);
            let times = Sparse::merged([&pool.times[Phase::Response], &open]);
            times_measured(&times, quantile, share, Measured::Millis)
        }
        MetricHead::Lap { of, quantile, .. } => {
            let Some(pool) = data.pool(slo.within()) else { return (None, None) };
            let came = &pool.times[Phase::from(of)];
            let missing = share.total.all.saturating_sub(came.count());
            let times = Sparse::merged([came, &laps::never_came(data.record, slo, missing)]);
            times_measured(&times, quantile, share, Measured::LapMillis)
        }
        MetricHead::Failures(FailureShare::Unavailable) => {
            (Some(Measured::GoodShare(1.0 - f)), Some((1.0 - share.high, 1.0 - share.low)))
        }
        MetricHead::Failures(FailureShare::ChecksNotHeld) => {
            (Some(Measured::ChecksHeld(1.0 - f)), Some((1.0 - share.high, 1.0 - share.low)))
        }
        MetricHead::Failures(_) => (Some(Measured::BadShare(f)), Some((share.low, share.high))),
        MetricHead::Apdex { .. } => {
            (Some(Measured::Apdex(1.0 - f)), Some((1.0 - share.high, 1.0 - share.low)))
        }
        MetricHead::Throughput(_) | MetricHead::Gauge(_) | MetricHead::CertificateDays(_) => {
            (None, None)
        }
    }
}

/// A quantile and its interval: of the shares beyond the quantile that the evidence
/// leaves open, the quantiles at both ends.
fn times_measured(
    response: &Sparse,
    quantile: f64,
    share: &Share,
    of: fn(f64) -> Measured,
) -> (Option<Measured>, Option<(f64, f64)>) {
    let millis = |q: f64| response.quantile(q).map(|micros| micros / 1e3);
    let measured = millis(quantile).map(of);
    if quantile >= 1.0 {
        return (measured, None);
    }
    let (low, high) = share.bounds_of(1.0 - quantile, 1.0);
    (measured, millis(1.0 - high).zip(millis(1.0 - low)))
}
