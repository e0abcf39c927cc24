//! How the ratio of both arms' quantiles goes over time, for a chart.

use crate::analysis::comparison::{MetricResult, Pair, Paired, RatioSeries};
use crate::analysis::gate::series::{Measured, pieces};
use crate::record::duet::GateMetric;

/// Of every quantile of all requests among the metrics, in pieces of the widest one.
pub fn over_time(paired: &Paired, metrics: &[MetricResult]) -> RatioSeries {
    let shares: Vec<f64> = metrics
        .iter()
        .filter_map(|metric| match (metric.metric, &metric.step) {
            (GateMetric::ResponseTime(share), None) => Some(share),
            (
                GateMetric::ResponseTime(_)
                | GateMetric::ErrorRate
                | GateMetric::CpuPerRequest
                | GateMetric::SlowRequests,
                _,
            ) => None,
        })
        .collect();
    let measured = Measured::new(paired, paired.segments.len());
    let width = shares.iter().map(|share| measured.interval_width(*share)).max().unwrap_or(2);
    let mut starts = Vec::new();
    let mut before = 0;
    for (segment, seconds) in paired.segments.iter().enumerate() {
        let of = |at: std::ops::Range<usize>| ((before + at.start) as u32, segment as u32);
        starts.extend(pieces(seconds.len(), width).map(of));
        before += seconds.len();
    }
    let ratios = |share: f64| {
        let all = paired.segments.iter().flat_map(|seconds| {
            pieces(seconds.len(), width).map(|at| measured_ratio(&seconds[at], share))
        });
        (share, all.collect())
    };
    RatioSeries { width: width as u32, starts, ratios: shares.into_iter().map(ratios).collect() }
}

fn measured_ratio(seconds: &[Pair], share: f64) -> Option<f64> {
    let one = Paired { segments: vec![seconds.to_vec()], ..Paired::default() };
    let measured = Measured::new(&one, 1);
    measured.log_pooled_ratio(share, None).map(f64::exp)
}
