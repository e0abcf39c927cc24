//! How loads and what is known of a capacity stand in sentences: `between 396/s and 404/s`,
//! `between 38 and 40 users`.

use crate::analysis::number_format;
use crate::record::capacity::FoundCapacity;
use crate::record::load_unit::LoadUnit;
use crate::units::trim_zeros;

/// `between 396/s and 404/s`, as it stands in a sentence.
pub fn interval(found: &FoundCapacity, unit: LoadUnit) -> String {
    let told = |at: f64| load(at, unit);
    match (found.low, found.high) {
        (Some(low), Some(high)) => match unit {
            LoadUnit::Rate => format!("between {} and {}", rate(low), rate(high)),
            LoadUnit::Users => {
                format!("between {} and {}", number_format::count(low.round() as u64), told(high))
            }
        },
        (Some(low), None) => format!("at least {}", told(low)),
        (None, Some(high)) => format!("below {}", told(high)),
        (None, None) => "not known".to_owned(),
    }
}

/// `404/s`, `40 users`.
pub fn load(load: f64, unit: LoadUnit) -> String {
    match unit {
        LoadUnit::Rate => rate(load),
        LoadUnit::Users => number_format::counted(load.round() as u64, "user"),
    }
}

/// What one load is, in a sentence.
pub fn noun(unit: LoadUnit) -> &'static str {
    match unit {
        LoadUnit::Rate => "rate",
        LoadUnit::Users => "number of users",
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
