//! Doubts about a load that several generators share: one that was lost, and clocks that differ.

use crate::analysis::assessment::{Finding, Severity};
use crate::analysis::finding::{finding, named};
use crate::analysis::generator_seen::GeneratorSeen;
use crate::analysis::number_format::millis;
use crate::analysis::run_data::RunData;
use crate::record::generator::GeneratorHead;
use crate::record::telemetry::GeneratorSecond;

/// A generator so far off the schedule of the others is worth a word, in milliseconds.
const VISIBLE_SKEW: f64 = 5.0;
/// Seconds of the one are no seconds of the others any more.
const GRAVE_SKEW: f64 = 250.0;

/// Generators that did not carry out their part. What the target would have done under the whole
/// load nobody knows.
pub(super) fn lost(data: &RunData) -> Option<Finding> {
    let advice = "see why it was lost: its machine, its network, or its own output; then run again";
    let record = data.record;
    if record.head.generators.len() <= 1 {
        return None;
    }
    let Some(end) = &record.end else {
        let evidence = "the run was shared by several generators and its coordinator was killed: \
                        nobody knows whether all that they sent is here";
        return Some(finding("generator_lost", Severity::Invalidates, evidence.to_owned(), advice));
    };
    let said: Vec<String> = end
        .lost
        .iter()
        .map(|lost| format!("generator {}: {}", lost.generator.index() + 1, lost.detail))
        .collect();
    (!said.is_empty())
        .then(|| finding("generator_lost", Severity::Invalidates, said.join("; "), advice))
}

/// What was seen of each generator, where several shared the load.
pub(super) fn each(data: &RunData) -> Vec<GeneratorSeen> {
    let heads = &data.record.head.generators;
    if heads.len() <= 1 {
        return Vec::new();
    }
    let lost = data.record.end.as_ref().map(|end| end.lost.as_slice()).unwrap_or_default();
    let seen = |(index, head): (usize, &GeneratorHead)| {
        let own = || data.record.generator.iter().filter(|it| it.generator.index() == index);
        let most = |of: fn(&GeneratorSecond) -> u64| own().map(of).max().map(|ns| ns as f64 / 1e6);
        let seconds = own().count();
        GeneratorSeen {
            name: head.name.clone(),
            slots: head.slots.count,
            seconds: seconds as u32,
            cpu: (seconds > 0)
                .then(|| own().map(|second| second.cpu).sum::<f64>() / seconds as f64),
            send_lag_max_ms: most(|second| second.send_lag_max_ns),
            stood_still_max_ms: most(|second| second.canary_late_max_ns),
            off_schedule_max_ms: most(GeneratorSecond::off_schedule_ns),
            lost: lost.iter().find(|it| it.generator.index() == index).map(|it| it.detail.clone()),
        }
    };
    heads.iter().enumerate().map(seen).collect()
}

/// A generator whose arrivals lay off the schedule of the whole run.
pub(super) fn skewed(data: &RunData) -> Option<Finding> {
    let worst = data.of_each().max_by_key(|second| second.off_schedule_ns())?;
    let off = worst.off_schedule_ns() as f64 / 1e6;
    (off >= VISIBLE_SKEW).then(|| {
        let severity = if off >= GRAVE_SKEW { Severity::Invalidates } else { Severity::Warning };
        let evidence = format!(
            "arrivals may have lain up to {} off the common schedule in second {}{}: skew {}, known \
             within {}",
            millis(off),
            worst.second,
            named(data, worst.generator),
            millis(worst.skew_ns.unwrap_or(0) as f64 / 1e6),
            millis(worst.skew_bound_ns.unwrap_or(0) as f64 / 1e6),
        );
        let advice = "bring generators and coordinator nearer to each other, or let their clocks run \
                      at the same speed; response times contain nothing of it";
        finding("clock_skew", severity, evidence, advice)
    })
}
