//! How full the generator and the target were over the judged seconds.

use crate::analysis::assessment::{MeanMax, Saturation};
use crate::analysis::facts::Facts;
use crate::record::telemetry::{GeneratorSecond, TargetSecond};

/// Means and maxima of what was seen of generator, machine and target.
pub fn saturation(facts: &Facts) -> Saturation {
    let generator: Vec<&GeneratorSecond> = facts.generator().collect();
    let judged = |second: &&TargetSecond| facts.judged.contains(second.second);
    let target: Vec<&TargetSecond> = facts.record.target.iter().filter(judged).collect();
    let seen = |of: fn(&TargetSecond) -> Option<f64>| mean_max(target.iter().filter_map(|s| of(s)));
    let own = |of: fn(&GeneratorSecond) -> Option<f64>| {
        mean_max(generator.iter().filter_map(|second| of(second)))
    };
    Saturation {
        target_cpu: seen(|s| s.cpu),
        target_rss: seen(|s| s.rss.map(|bytes| bytes as f64)),
        event_loop_delay: seen(|s| s.event_loop_delay.map(|seconds| seconds * 1e3)),
        event_loop_series: longest_delay(&target).and_then(|s| s.event_loop_series.clone()),
        descriptors: seen(|s| s.descriptors.map(|count| count as f64)),
        pool_in_use: seen(|s| s.pool_in_use),
        pool_waiting: seen(|s| s.pool_waiting),
        generator_cpu: own(|s| Some(s.cpu)),
        generator_micros_per_request: micros_per_request(facts, &generator),
        machine_busy: own(|s| s.machine_busy),
        in_flight: in_flight(&generator),
    }
}

/// The second with the longest event-loop delay.
fn longest_delay<'a>(target: &[&'a TargetSecond]) -> Option<&'a TargetSecond> {
    let delay = |second: &TargetSecond| second.event_loop_delay.unwrap_or(0.0);
    target.iter().copied().max_by(|a, b| delay(a).total_cmp(&delay(b)))
}

fn micros_per_request(facts: &Facts, generator: &[&GeneratorSecond]) -> Option<f64> {
    let sent = facts.total.counts.sent;
    let seconds: f64 = generator.iter().map(|second| second.cpu).sum();
    (sent > 0 && !generator.is_empty()).then(|| seconds * 1e6 / sent as f64)
}

/// The mean at the ends of the seconds, and the highest peak within them.
fn in_flight(generator: &[&GeneratorSecond]) -> Option<MeanMax> {
    let mean = mean_max(generator.iter().map(|second| second.in_flight as f64))?.mean;
    let max = mean_max(generator.iter().map(|second| second.in_flight_peak as f64))?.max;
    Some(MeanMax { mean, max: max.max(mean) })
}

fn mean_max(values: impl Iterator<Item = f64>) -> Option<MeanMax> {
    let values: Vec<f64> = values.collect();
    let max = values.iter().copied().reduce(f64::max)?;
    Some(MeanMax { mean: values.iter().sum::<f64>() / values.len() as f64, max })
}
