//! How one thing grows, and what that means: its slope and bounds beside its limit.
//!
//! Values of windows come in, a [`Trend`] goes out. Three answers: the lower bound is above
//! the limit, the upper bound is below it, or the limit lies between them, which more windows
//! would decide.

use crate::analysis::soak::found::{Growth, GrowthUnit, Metric, Role, Stretch, Trend};
use crate::analysis::soak::parts::{WINDOWS_NEEDED, seconds_for};
use crate::analysis::soak::slope::{Point, Slope, level_at_zero, slope};
use crate::analysis::stats::median;
use crate::record::soak::{GrowthLimit, SoakFile};

/// The default limit: such a share of itself within [`WINDOWS_NEEDED`] windows, which with
/// windows of 5 min is an hour.
const SHARE: f64 = 0.1;
/// And what reaches the memory limit within so many windows, a day with windows of 5 min.
const WINDOWS_OF_A_DAY: f64 = 288.0;
/// What leaks fast was never less than such a share of what it is.
const LEAST_FIRST: f64 = 0.1;
const HOUR: f64 = 3_600.0;

/// What is watched, in the order of the report.
pub(super) const METRICS: [Metric; 11] = [
    Metric::Memory,
    Metric::Heap,
    Metric::Descriptors,
    Metric::Threads,
    Metric::EventLoopDelay,
    Metric::P50,
    Metric::P99,
    Metric::ErrorRate,
    Metric::GeneratorMemory,
    Metric::GeneratorDescriptors,
    Metric::GeneratorCpu,
];

impl Metric {
    /// For people.
    pub(super) fn name(self) -> &'static str {
        match self {
            Metric::Memory => "target memory",
            Metric::Heap => "target heap",
            Metric::Descriptors => "target descriptors",
            Metric::Threads => "target threads",
            Metric::EventLoopDelay => "event-loop delay",
            Metric::P50 => "p50",
            Metric::P99 => "p99",
            Metric::ErrorRate => "error rate",
            Metric::GeneratorMemory => "generator memory",
            Metric::GeneratorDescriptors => "generator descriptors",
            Metric::GeneratorCpu => "generator CPU",
        }
    }

    pub(super) fn role(self) -> Role {
        match self {
            Metric::Memory | Metric::Heap | Metric::Descriptors | Metric::Threads => Role::Gates,
            Metric::EventLoopDelay | Metric::P50 | Metric::P99 | Metric::ErrorRate => Role::Watches,
            Metric::GeneratorMemory | Metric::GeneratorDescriptors | Metric::GeneratorCpu => {
                Role::Generator
            }
        }
    }

    fn unit(self) -> GrowthUnit {
        match self {
            Metric::Memory | Metric::Heap | Metric::GeneratorMemory => GrowthUnit::Bytes,
            Metric::Descriptors | Metric::Threads | Metric::GeneratorDescriptors => {
                GrowthUnit::Number
            }
            Metric::EventLoopDelay | Metric::P50 | Metric::P99 => GrowthUnit::Milliseconds,
            Metric::ErrorRate => GrowthUnit::Share,
            Metric::GeneratorCpu => GrowthUnit::Cores,
        }
    }

    /// Whether it grows by a share of itself: times do, and their logarithms are compared.
    fn is_relative(self) -> bool {
        self.unit() == GrowthUnit::Milliseconds
    }

    /// What is too little to be called growth, within [`WINDOWS_NEEDED`] windows.
    fn smallest(self) -> f64 {
        match self {
            Metric::Memory | Metric::Heap => 1e6,
            Metric::GeneratorMemory => 5e6,
            // One of them, or a millisecond.
            Metric::Descriptors
            | Metric::Threads
            | Metric::GeneratorDescriptors
            | Metric::EventLoopDelay
            | Metric::P50
            | Metric::P99 => 1.0,
            Metric::ErrorRate => 0.001,
            Metric::GeneratorCpu => 0.05,
        }
    }

    fn is_memory(self) -> bool {
        matches!(self, Metric::Memory | Metric::Heap)
    }
}

/// Where the windows are, and what was asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame<'a> {
    /// The stretches within which values are compared.
    pub(super) parts: &'a [Stretch],
    /// The first second of each window.
    pub(super) starts: &'a [u32],
    /// Seconds of each.
    pub(super) width: u32,
    /// What was asked.
    pub(super) asked: &'a SoakFile,
}

impl Frame<'_> {
    /// How one thing grows, of which the windows say this.
    pub(super) fn trend(&self, metric: Metric, values: Vec<Option<f64>>) -> Trend {
        let known: Vec<f64> = values.iter().flatten().copied().collect();
        let in_parts = self.in_parts(metric, &values);
        let (level, slope) = (median(&known), slope(&in_parts));
        // Times are allowed a share of themselves, whatever they are.
        let first = |level| {
            if metric.is_relative() { level } else { self.at_first(&in_parts, slope, level) }
        };
        let limit = level.map(|level| self.limit(metric, first(level)));
        let hourly = |per_second: Option<f64>| per_second.map(|slope| slope * HOUR);
        // A part of one window compares with nothing.
        let windows = in_parts.iter().map(Vec::len).filter(|windows| *windows > 1).sum();
        let mut trend = Trend {
            metric,
            name: metric.name(),
            unit: metric.unit(),
            role: metric.role(),
            growth: Growth::NotSeen,
            is_relative: metric.is_relative(),
            windows,
            level,
            per_hour: hourly(slope.map(|slope| slope.value)),
            low: hourly(slope.and_then(|slope| slope.low)),
            high: hourly(slope.and_then(|slope| slope.high)),
            limit,
            seconds_needed: None,
            others: None,
            fitted: self.fitted(metric, &values, &in_parts, slope),
            values,
        };
        trend.growth = growth(&trend);
        trend.seconds_needed = self.seconds_needed(&trend);
        trend
    }

    /// Moments in seconds and values, or their logarithms, in parts.
    fn in_parts(&self, metric: Metric, values: &[Option<f64>]) -> Vec<Vec<Point>> {
        let scaled = |value: f64| if metric.is_relative() { value.max(1e-9).ln() } else { value };
        let points = |part: &Stretch| {
            let here = self.starts.iter().zip(values).filter(|(start, _)| part.has(**start));
            here.filter_map(|(start, value)| Some((f64::from(*start), scaled((*value)?)))).collect()
        };
        self.parts.iter().map(points).collect()
    }

    /// What something was before it grew: the line at the beginning of the first part that has
    /// one. By its level over the hours a leak would have a limit that grows with it.
    fn at_first(&self, in_parts: &[Vec<Point>], slope: Option<Slope>, level: f64) -> f64 {
        let known = self.parts.iter().zip(in_parts).find(|(_, points)| points.len() > 1);
        let first = known.zip(slope).and_then(|((part, points), slope)| {
            let line = level_at_zero(points, slope.value)?;
            Some(line + slope.value * f64::from(part.from))
        });
        first.map_or(level, |first| first.min(level).max(level * LEAST_FIRST))
    }

    /// How much something may grow per hour that was at a level.
    fn limit(&self, metric: Metric, level: f64) -> f64 {
        let span = f64::from(self.width) * WINDOWS_NEEDED as f64 / HOUR;
        let size = |share: f64| if metric.is_relative() { share } else { share * level };
        let smallest = metric.smallest() / if metric.is_relative() { level.max(1e-3) } else { 1.0 };
        let not_too_little = |limit: f64| limit.max(smallest / span);
        match (metric.is_memory(), self.asked.leak_limit, self.asked.drift_limit) {
            (true, Some(GrowthLimit::BytesPerHour(bytes)), _) => return bytes,
            (true, Some(GrowthLimit::SharePerHour(share)), _) => {
                return not_too_little(size(share));
            }
            (false, _, Some(share)) if metric.role() != Role::Generator => {
                return not_too_little(size(share));
            }
            (true, None, _) | (false, ..) => {}
        }
        let by_share = size(SHARE).max(smallest) / span;
        match self.asked.memory_limit {
            Some(most) if metric == Metric::Memory => {
                let day = f64::from(self.width) * WINDOWS_OF_A_DAY / HOUR;
                let reaches = (most.bytes as f64 - level) / day;
                by_share.min(reaches.max(smallest / span))
            }
            _ => by_share,
        }
    }

    /// The line with the slope, and those of its bounds, through the middle of each part.
    fn fitted(
        &self,
        metric: Metric,
        values: &[Option<f64>],
        in_parts: &[Vec<Point>],
        slope: Option<Slope>,
    ) -> Vec<Option<(f64, f64, f64)>> {
        let none = vec![None; values.len()];
        let Some(Slope { value, low, high }) = slope else { return none };
        let shown = |value: f64| if metric.is_relative() { value.exp() } else { value };
        let line = |start: &u32| {
            let (part, points) =
                self.parts.iter().zip(in_parts).find(|(part, _)| part.has(*start))?;
            let level = level_at_zero(points, value)?;
            let middle = f64::midpoint(f64::from(part.judged_from), f64::from(part.to));
            let at = f64::from(*start);
            let here = level + value * at;
            let turned =
                |bound: Option<f64>| here + (bound.unwrap_or(value) - value) * (at - middle);
            Some((shown(here), shown(turned(low)), shown(turned(high))))
        };
        self.starts.iter().map(line).collect()
    }

    /// So long a run would have enough windows, or bounds that are narrow enough: they are
    /// narrower by the power of 1.5 of their number.
    fn seconds_needed(&self, trend: &Trend) -> Option<f64> {
        let needed = WINDOWS_NEEDED as f64;
        match trend.growth {
            Growth::TooFew => Some(seconds_for(needed, self.width)),
            Growth::Undecided => {
                let half = (trend.high? - trend.low?) / 2.0;
                let distance = (trend.limit? - trend.per_hour?).abs();
                let more = (half / distance.max(half * 1e-2)).powf(2.0 / 3.0).max(1.1);
                Some(seconds_for((trend.windows as f64 * more).max(needed), self.width))
            }
            Growth::Grows | Growth::Holds | Growth::Disturbed | Growth::NotSeen => None,
        }
    }
}

impl Stretch {
    /// Whether a window that begins then is one of this part's.
    fn has(&self, start: u32) -> bool {
        (self.judged_from..self.to).contains(&start)
    }
}

fn growth(trend: &Trend) -> Growth {
    let Some(limit) = trend.limit else {
        // Without any window nobody knows whether memory can be seen.
        let is_too_short = trend.values.is_empty() && trend.metric == Metric::Memory;
        return if is_too_short { Growth::TooFew } else { Growth::NotSeen };
    };
    if trend.windows < WINDOWS_NEEDED {
        return Growth::TooFew;
    }
    match (trend.low, trend.high) {
        (Some(low), _) if low > limit => Growth::Grows,
        // What was not looked at for long may have grown meanwhile.
        (_, Some(high)) if high < limit && !trend.is_half_seen() => Growth::Holds,
        _ => Growth::Undecided,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::soak::found::Began;
    use crate::analysis::soak::messages::open;
    use crate::record::soak::{LimitSource, MemoryLimit};

    const MB: f64 = 1e6;

    /// 24 windows of 5 min in one part.
    fn trend_of(asked: &SoakFile, metric: Metric, value: impl Fn(f64) -> f64) -> Trend {
        let width = asked.window_seconds;
        let part = Stretch { from: 0, to: 32 * width, judged_from: 8 * width, began: Began::Start };
        let starts: Vec<u32> = (8..32).map(|number| number * width).collect();
        let frame = Frame { parts: &[part], starts: &starts, width, asked };
        let hours = |start: &u32| f64::from(*start) / HOUR;
        frame.trend(metric, starts.iter().map(|start| Some(value(hours(start)))).collect())
    }

    fn default() -> SoakFile {
        SoakFile::of_windows(300)
    }

    #[test]
    fn ten_percent_an_hour_is_the_limit_unless_the_memory_limit_is_near() {
        let grows = |per_hour: f64| move |hours: f64| 200.0 * MB + per_hour * MB * hours;
        let at_rest = trend_of(&default(), Metric::Memory, grows(10.0));
        assert_eq!(at_rest.growth, Growth::Holds);
        assert!((at_rest.per_hour.unwrap() / MB - 10.0).abs() < 1e-6, "{at_rest:?}");
        assert_eq!(trend_of(&default(), Metric::Memory, grows(40.0)).growth, Growth::Grows);
        let limit = |bytes| SoakFile {
            memory_limit: Some(MemoryLimit { bytes, source: LimitSource::Cgroup }),
            ..default()
        };
        // 56 MB of room in 24 h are 2.3 MB/h.
        let near = trend_of(&limit(256_000_000), Metric::Memory, grows(0.0));
        assert!((near.limit.unwrap() / MB - 56.0 / 24.0).abs() < 1e-6, "{near:?}");
        let far = trend_of(&limit(64_000_000_000), Metric::Memory, grows(0.0));
        assert!((far.limit.unwrap() / MB - 20.0).abs() < 1e-6);
        let over = trend_of(&limit(100_000_000), Metric::Memory, grows(0.0));
        assert_eq!(over.limit, Some(MB), "what is over it already may not grow");
    }

    #[test]
    fn limits_follow_the_windows_and_what_is_asked_stays_as_it_is() {
        let short = SoakFile::of_windows(5);
        let flat = |_| 200.0 * MB;
        let limit = trend_of(&short, Metric::Memory, flat).limit.unwrap();
        assert!((limit / MB - 1_200.0).abs() < 1e-6, "10 % within 12 windows: {limit}");
        for (asked, expected) in
            [(GrowthLimit::BytesPerHour(30.0 * MB), 30.0), (GrowthLimit::SharePerHour(0.5), 100.0)]
        {
            let asked = SoakFile { leak_limit: Some(asked), ..short.clone() };
            let found = trend_of(&asked, Metric::Memory, flat).limit.unwrap();
            assert!((found / MB - expected).abs() < 1e-6, "{found}");
        }
        let asked = SoakFile { drift_limit: Some(0.3), ..default() };
        assert_eq!(trend_of(&asked, Metric::P99, |_| 50.0).limit, Some(0.3));
    }

    #[test]
    fn times_grow_by_a_share_of_themselves_and_not_by_less_than_a_millisecond() {
        let doubles = trend_of(&default(), Metric::P50, |hours| 20.0 * hours.exp2());
        assert_eq!(doubles.growth, Growth::Grows);
        assert!((doubles.per_hour.unwrap() - 2_f64.ln()).abs() < 1e-9, "{doubles:?}");
        let tiny = trend_of(&default(), Metric::P50, |hours| 0.2 * hours.exp2());
        assert_eq!(tiny.growth, Growth::Holds, "{tiny:?}");
    }

    #[test]
    fn a_limit_between_the_bounds_is_undecided_and_says_how_long_would_decide() {
        let noisy = |hours: f64| 200.0 * MB + 20.0 * MB * hours + 9.0 * MB * (hours * 700.0).sin();
        let trend = trend_of(&default(), Metric::Memory, noisy);
        assert_eq!(trend.growth, Growth::Undecided, "{trend:?}");
        assert!(trend.low < trend.limit && trend.limit < trend.high);
        assert!(trend.seconds_needed.unwrap() > 32.0 * 300.0);
        let falls = trend_of(&default(), Metric::Memory, |hours| 300.0 * MB - 50.0 * MB * hours);
        assert_eq!(falls.growth, Growth::Holds);
    }

    #[test]
    fn too_few_windows_and_none_are_told_from_none_that_grow() {
        let asked = default();
        let part = Stretch { from: 0, to: 3_300, judged_from: 0, began: Began::Start };
        let starts: Vec<u32> = (0..11).map(|number| number * 300).collect();
        let frame = Frame { parts: &[part], starts: &starts, width: 300, asked: &asked };
        let few = frame.trend(Metric::Memory, vec![Some(1e8); 11]);
        assert_eq!((few.growth, few.seconds_needed), (Growth::TooFew, Some(4_800.0)));
        let none = frame.trend(Metric::Heap, vec![None; 11]);
        assert_eq!((none.growth, none.level), (Growth::NotSeen, None));
        let frame = Frame { starts: &[], ..frame };
        assert_eq!(frame.trend(Metric::Memory, vec![]).growth, Growth::TooFew);
        assert_eq!(frame.trend(Metric::Heap, vec![]).growth, Growth::NotSeen);
    }

    #[test]
    fn what_was_not_seen_in_a_quarter_of_the_windows_does_not_hold() {
        let part = Stretch { from: 0, to: 7_200, judged_from: 0, began: Began::Start };
        let starts: Vec<u32> = (0..24).map(|number| number * 300).collect();
        let asked = default();
        let frame = Frame { parts: &[part], starts: &starts, width: 300, asked: &asked };
        let seen = |metric, last: usize, mb: f64| {
            let values =
                (0..24).map(|number| (number < last).then_some(1e8 + mb * MB * number as f64));
            frame.trend(metric, values.collect())
        };
        assert_eq!(seen(Metric::Memory, 18, 0.0).growth, Growth::Holds);
        assert_eq!(seen(Metric::Memory, 17, 0.0).growth, Growth::Undecided);
        let said = open(&seen(Metric::Memory, 17, 0.0), 300).unwrap();
        assert!(said.contains("was seen in 17 of 24 windows only"), "{said}");
        assert_eq!(seen(Metric::Memory, 17, 10.0).growth, Growth::Grows, "what grew has grown");
        assert_eq!(seen(Metric::GeneratorMemory, 17, 0.0).growth, Growth::Holds, "does not gate");
    }

    #[test]
    fn a_share_that_is_asked_for_is_no_less_than_what_can_be_seen() {
        let asked = SoakFile {
            drift_limit: Some(0.01),
            leak_limit: Some(GrowthLimit::SharePerHour(0.001)),
            ..default()
        };
        let limit = |metric, level| trend_of(&asked, metric, move |_| level).limit.unwrap();
        let is = |metric, level, expected: f64, why: &str| {
            let found = limit(metric, level);
            assert!((found - expected).abs() < 1e-9, "{why}: {found}");
        };
        is(Metric::Memory, 200.0 * MB, MB, "not 0.2 MB within an hour");
        is(Metric::Descriptors, 22.0, 1.0, "not a fifth of a descriptor");
        is(Metric::Memory, 5e9, 5.0 * MB, "as asked");
        is(Metric::P99, 0.05, 20.0, "a millisecond is 20 times as much");
    }

    #[test]
    fn whole_numbers_that_stay_hold() {
        let flat = trend_of(&default(), Metric::Descriptors, |_| 22.0);
        assert_eq!((flat.growth, flat.high), (Growth::Holds, Some(0.0)));
        let leaks =
            trend_of(&default(), Metric::Descriptors, |hours| (22.0 + 30.0 * hours).floor());
        assert_eq!(leaks.growth, Growth::Grows);
    }
}
