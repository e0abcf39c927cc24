//! How full the generator and the target were over the judged seconds.

use crate::analysis::assessment::Saturation;
use crate::analysis::gauges::{self, MeanMax, PerRequest, mean_max};
use crate::analysis::run_data::RunData;
use crate::record::telemetry::GeneratorSecond;

/// Means and maxima of what was seen of generator, machine and target; without what a request
/// cost the target, what filled up and what moved with the response time.
pub fn saturation(data: &RunData) -> Saturation {
    let generator: Vec<&GeneratorSecond> = data.generator().collect();
    let is_judged = |second| data.judged.contains(second);
    let own = |of: fn(&GeneratorSecond) -> Option<f64>| {
        mean_max(generator.iter().filter_map(|second| of(second)))
    };
    Saturation {
        target: gauges::seen(data.record, is_judged),
        generator_cpu: own(|s| Some(s.cpu)),
        generator_micros_per_request: micros_per_request(data, &generator),
        machine_busy: own(|s| s.machine_busy),
        in_flight: in_flight(&generator),
        per_request: Vec::new(),
        filled: Vec::new(),
        moved: Vec::new(),
    }
}

/// What a request cost the target of what it counts, over the judged seconds.
pub fn per_request(data: &RunData) -> Vec<PerRequest> {
    gauges::per_request(data.record, |second| data.judged.contains(second))
}

fn micros_per_request(data: &RunData, generator: &[&GeneratorSecond]) -> Option<f64> {
    let sent = data.total.counts.sent;
    let seconds: f64 = generator.iter().map(|second| second.cpu).sum();
    (sent > 0 && !generator.is_empty()).then(|| seconds * 1e6 / sent as f64)
}

/// The mean at the ends of the seconds, and the highest peak within them.
fn in_flight(generator: &[&GeneratorSecond]) -> Option<MeanMax> {
    let mean = mean_max(generator.iter().map(|second| second.in_flight as f64))?.mean;
    let max = mean_max(generator.iter().map(|second| second.in_flight_peak as f64))?.max;
    Some(MeanMax { mean, max: max.max(mean) })
}
