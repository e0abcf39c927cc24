//! How full the generator and the target were over the judged seconds.

use crate::analysis::assessment::Saturation;
use crate::analysis::facts::Facts;
use crate::analysis::gauges::{self, MeanMax, PerRequest, mean_max};
use crate::record::telemetry::GeneratorSecond;

/// Means and maxima of what was seen of generator, machine and target; without what a request
/// cost the target, what filled up and what moved with the response time.
pub fn saturation(facts: &Facts) -> Saturation {
    let generator: Vec<&GeneratorSecond> = facts.generator().collect();
    let is_judged = |second| facts.judged.contains(second);
    let own = |of: fn(&GeneratorSecond) -> Option<f64>| {
        mean_max(generator.iter().filter_map(|second| of(second)))
    };
    Saturation {
        target: gauges::seen(facts.record, is_judged),
        generator_cpu: own(|s| Some(s.cpu)),
        generator_micros_per_request: micros_per_request(facts, &generator),
        machine_busy: own(|s| s.machine_busy),
        in_flight: in_flight(&generator),
        per_request: Vec::new(),
        filled: Vec::new(),
        moved: Vec::new(),
    }
}

/// What a request cost the target of what it counts, over the judged seconds.
pub fn per_request(facts: &Facts) -> Vec<PerRequest> {
    gauges::per_request(facts.record, |second| facts.judged.contains(second))
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
