//! What there is to remark on a metric: what is known of one that is undecided, what decided, and
//! its note.

use crate::analysis::comparison::{MetricResult, Rule, Ruling};
use crate::record::duet::GateMetric;
use crate::report::comparison::words::{percent, points, ratio_with_interval};
use crate::report::{figures, plain};

/// What of an undecided metric is known: estimate, interval, what would have been seen and
/// what more time would bring. And the note, whatever the ruling.
pub(super) fn remarks(metric: &MetricResult) -> Option<String> {
    let note = metric.note.as_deref().map(plain::line);
    let doubt = (metric.gates && metric.ruling == Ruling::Inconclusive).then(|| doubt(metric));
    let why = metric
        .rule
        .filter(|_| metric.ruling == Ruling::Regressed)
        .map(|found| format!("decided by {}", rule(found)));
    let parts: Vec<String> = [doubt, why, note].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn doubt(metric: &MetricResult) -> String {
    let found = match metric.estimate {
        Some(_) => ratio_with_interval(metric.metric, metric.estimate),
        None => "nothing to estimate".to_owned(),
    };
    let visible = match (metric.smallest_visible, metric.metric) {
        (None, _) => "no change, however large, could have been seen".to_owned(),
        (Some(change), GateMetric::ResponseTime(_) | GateMetric::CpuPerRequest) => {
            format!("smallest visible change +{}", percent(change))
        }
        (Some(change), GateMetric::ErrorRate | GateMetric::SlowRequests) => {
            format!("smallest visible change +{} points", points(change))
        }
    };
    let time = match metric.seconds_needed {
        None => "how much more time would decide it is not known".to_owned(),
        Some(seconds) => {
            format!("about {} more would probably decide it", figures::seconds(seconds.ceil()))
        }
    };
    format!("{found}; {visible}; {time}")
}

fn rule(rule: Rule) -> &'static str {
    match rule {
        Rule::Trimmed => "the trimmed mean of all intervals",
        Rule::Block => "the mean of all blocks",
        Rule::Sign => "the intervals far off the usual ratio",
        Rule::Pooled => "the quantiles of all requests",
        Rule::SignFlip => "the sign-flip test",
        Rule::Starts => "the ratios of all segments",
        Rule::Beyond => "the requests beyond the baseline's quantile",
    }
}
