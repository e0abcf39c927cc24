//! How rates and what is known of a capacity stand in sentences: `between 396/s and 404/s`.

use crate::analysis::number_format;
use crate::record::capacity::FoundCapacity;
use crate::units::trim_zeros;

/// `between 396/s and 404/s`, as it stands in a sentence.
pub fn interval(found: &FoundCapacity) -> String {
    match (found.low, found.high) {
        (Some(low), Some(high)) => format!("between {} and {}", rate(low), rate(high)),
        (Some(low), None) => format!("at least {}", rate(low)),
        (None, Some(high)) => format!("below {}", rate(high)),
        (None, None) => "not known".to_owned(),
    }
}

/// `404/s`, `12.5/s`.
pub fn rate(rate: f64) -> String {
    let digits = match rate {
        it if it < 9.995 => 2,
        it if it < 99.95 => 1,
        _ => 0,
    };
    let text = trim_zeros(rate, digits);
    let text = if rate >= 999.5 { number_format::count(rate.round() as u64) } else { text };
    format!("{text}/s")
}
