//! What the others noticed of a noisy tenant, in words.

use crate::analysis::neighbours_seen::{EffectSeen, NeighboursSeen};
use crate::report::figures;
use crate::report::plain;

/// Letters of a name in a sentence.
const LONGEST: usize = 40;

/// Who was noisy, and how many times as long the others waited.
pub(in crate::report) fn sentence(seen: &NeighboursSeen) -> String {
    let name = plain::shortened(&plain::line(&seen.tenant), LONGEST);
    let effects: Vec<String> = seen.effects.iter().map(effect).collect();
    format!(
        "While {name} did {} times as much, all others waited, against the stage before: {}.",
        figures::number(seen.times),
        effects.join(", ")
    )
}

fn effect(effect: &EffectSeen) -> String {
    let quantile = figures::quantile(effect.quantile);
    let times = |value: f64| format!("{}×", figures::number(value));
    match (effect.ratio, effect.low, effect.high) {
        (Some(ratio), Some(low), Some(high)) => {
            format!("{quantile} {} ({} to {})", times(ratio), times(low), times(high))
        }
        (Some(ratio), Some(low), None) => {
            format!("{quantile} {} (at least {})", times(ratio), times(low))
        }
        (Some(ratio), None, Some(high)) => {
            format!("{quantile} {} (at most {})", times(ratio), times(high))
        }
        (Some(ratio), None, None) => {
            format!("{quantile} {} (too few requests to tell more)", times(ratio))
        }
        (None, Some(low), _) => format!("{quantile} at least {}", times(low)),
        (None, None, _) => format!("{quantile} unknown"),
    }
}
