//! What is said of a soak, in sentences.

use crate::analysis::number_format::{counted, percent, seconds};
use crate::analysis::soak::found::{
    Began, Grows, Growth, GrowthUnit, Role, Stretch, ToLimit, Trend,
};
use crate::units::{Bytes, trim_zeros};

/// `30.1 MB/h`, `+12 %/h`, `0.4/h`: how fast something grows.
pub fn growth(trend: &Trend, per_hour: f64) -> String {
    if trend.is_relative {
        return format!("{}/h", signed(per_hour, percent));
    }
    let size = |value: f64| match trend.unit {
        GrowthUnit::Bytes => Bytes(value.round() as u64).to_string(),
        GrowthUnit::Number => digits(value),
        GrowthUnit::Milliseconds => format!("{} ms", digits(value)),
        GrowthUnit::Share => format!("{} points", digits(value * 100.0)),
        GrowthUnit::Cores => format!("{} cores", digits(value)),
    };
    format!("{}/h", signed(per_hour, size))
}

/// A value of it.
pub fn level(trend: &Trend, value: f64) -> String {
    match trend.unit {
        GrowthUnit::Bytes => Bytes(value.max(0.0).round() as u64).to_string(),
        GrowthUnit::Number => digits(value),
        GrowthUnit::Milliseconds => format!("{} ms", digits(value)),
        GrowthUnit::Share => percent(value),
        GrowthUnit::Cores => format!("{} cores", digits(value)),
    }
}

fn signed(value: f64, write: impl Fn(f64) -> String) -> String {
    let size = write(value.abs());
    if value < 0.0 && size.chars().any(|c| ('1'..='9').contains(&c)) {
        format!("−{size}")
    } else {
        size
    }
}

/// Three digits that matter.
fn digits(value: f64) -> String {
    let decimals = match value.abs() {
        v if v >= 99.95 => 0,
        v if v >= 9.995 => 1,
        v if v >= 0.995 => 2,
        _ => 3,
    };
    trim_zeros(value, decimals)
}

/// That something grows too fast.
pub(super) fn grows(trend: &Trend) -> Option<String> {
    let (value, low, high) = (trend.per_hour?, trend.low?, trend.high);
    let what = match kind(trend.role)? {
        Grows::Leak => "leak",
        Grows::Drift => "drift",
    };
    let most = high.map_or_else(|| "more".to_owned(), |high| growth(trend, high));
    Some(format!(
        "{what}: {} grows by {} ({} to {most}), limit {}, seen in {}",
        trend.name,
        growth(trend, value),
        growth(trend, low),
        growth(trend, trend.limit?),
        counted(trend.windows as u64, "window"),
    ))
}

/// Why something that gates is not known to hold.
pub(super) fn open(trend: &Trend, window: u32) -> Option<String> {
    let name = trend.name;
    let needed = trend.seconds_needed.map(seconds);
    match trend.growth {
        Growth::Grows | Growth::Holds => None,
        Growth::NotSeen => Some(format!("nothing was seen of {name}: no verdict about leaks")),
        Growth::TooFew => Some(format!(
            "too short to tell a leak of {name}: {} of 12 windows of {}; a run of {} would have them",
            trend.windows,
            seconds(f64::from(window)),
            needed?
        )),
        Growth::Undecided if trend.is_half_seen() => Some(format!(
            "{name} undecided: it was seen in {} of {} windows only",
            trend.values.iter().flatten().count(),
            trend.values.len()
        )),
        Growth::Disturbed => trend.others.map(|others| {
            format!(
                "{name} undecided: it grows by {}, but in {} other processes used more of the \
                 machine, up to {}; without those it is not sure that it grows",
                known(trend, trend.per_hour),
                counted(others.windows as u64, "window"),
                percent(others.most)
            )
        }),
        Growth::Undecided => Some(format!(
            "{name} undecided: it grows by {} to {}, limit {}{}",
            known(trend, trend.low),
            known(trend, trend.high),
            growth(trend, trend.limit?),
            needed.map_or_else(
                || "; its parts are too short".to_owned(),
                |needed| format!("; a run of about {needed} would probably decide")
            )
        )),
    }
}

/// That nothing leaks, and what could not have been seen.
pub(super) fn holds<'a>(trends: impl Iterator<Item = &'a Trend>) -> String {
    let each =
        trends.filter_map(|it| Some(format!("{} by {} at most", it.name, growth(it, it.high?))));
    format!("no leak: {}", each.collect::<Vec<_>>().join(", "))
}

/// When memory reaches its limit.
pub fn to_limit(found: &ToLimit) -> Option<String> {
    let hours = |hours: f64| seconds(hours * 3_600.0);
    let earliest = found.earliest?;
    let latest = found.latest.map_or_else(|| "perhaps never".to_owned(), hours);
    Some(match found.hours {
        Some(likely) => {
            format!("reached in about {} ({} to {latest})", hours(likely), hours(earliest))
        }
        None => format!("not reached before {}, {latest}", hours(earliest)),
    })
}

/// Why a part begins.
pub fn began(part: &Stretch) -> String {
    match part.began {
        Began::Start => "start of the run".to_owned(),
        Began::Resumed { gap_seconds, restarted } => format!(
            "resumed after {}{}",
            seconds(gap_seconds),
            if restarted { ", target started again" } else { "" }
        ),
        Began::ProcessesChanged => "processes of the target ended or began".to_owned(),
        Began::TargetRestarted => "the target restarted".to_owned(),
    }
}

/// What growth of something that plays a role is called; nothing of the generator's own.
pub(super) fn kind(role: Role) -> Option<Grows> {
    match role {
        Role::Gates => Some(Grows::Leak),
        Role::Watches => Some(Grows::Drift),
        Role::Generator => None,
    }
}

/// One thing with its growth, its bounds and its limit.
pub fn of(trend: &Trend) -> String {
    format!(
        "{} grows by {} ({} to {}), limit {}",
        trend.name,
        known(trend, trend.per_hour),
        known(trend, trend.low),
        known(trend, trend.high),
        known(trend, trend.limit)
    )
}

fn known(trend: &Trend, per_hour: Option<f64>) -> String {
    per_hour.map_or_else(|| "an unknown amount".to_owned(), |per_hour| growth(trend, per_hour))
}
