//! Axes: which range a chart shows, where its ticks stand, and what they say.
//!
//! Values come in, an [`Axis`] goes out that turns any value into a place in [0, 1].
//! Values that are not finite numbers never decide a range.

use crate::report::figures;
use crate::units::{amount, trim_zeros};

/// Beyond this ratio of largest to smallest, times are drawn on a log scale.
const LINEAR_RATIO: f64 = 30.0;

/// How values are spread over an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scale {
    Linear,
    Log,
    /// 0, 90, 99, 99.9 % at equal distances.
    Nines,
}

impl Scale {
    fn position(self, value: f64) -> f64 {
        match self {
            Scale::Linear => value,
            Scale::Log => value.max(1e-9).log10(),
            Scale::Nines => -(1.0 - value).max(1e-12).log10(),
        }
    }
}

/// A tick and its text.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::report) struct Tick {
    pub(in crate::report) value: f64,
    pub(in crate::report) text: String,
}

/// One direction of a chart.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::report) struct Axis {
    scale: Scale,
    from: f64,
    to: f64,
    /// What is measured, with its unit.
    pub(in crate::report) title: String,
    /// In ascending order.
    pub(in crate::report) ticks: Vec<Tick>,
}

impl Axis {
    /// The place of a value in [0, 1]; values outside of the range stay at its ends.
    pub(in crate::report) fn position(&self, value: f64) -> f64 {
        let [from, to, value] = [self.from, self.to, value].map(|v| self.scale.position(v));
        ((value - from) / (to - from)).clamp(0.0, 1.0)
    }

    /// Time since the start of the schedule, in seconds, with at most so many ticks.
    pub(in crate::report) fn time(from: f64, to: f64, most: usize) -> Axis {
        Axis::lasting("time since the start", (from, to), most)
    }

    /// A length of time that is called something else.
    pub(in crate::report) fn lasting(title: &str, (from, to): (f64, f64), most: usize) -> Axis {
        let to = to.max(from + 1.0);
        let step = time_step(to - from, most);
        let (unit, write) = time_format(step, to);
        let ticks = multiples(from, to, step).map(|value| Tick { value, text: write(value) });
        let title = format!("{title} ({unit})");
        Axis { scale: Scale::Linear, from, to, title, ticks: ticks.collect() }
    }

    /// Times in milliseconds; logarithmic where linear would flatten all but the largest.
    pub(in crate::report) fn millis(
        title: &str,
        values: impl IntoIterator<Item = f64>,
        most: usize,
    ) -> Axis {
        let (least, largest) = extremes(values);
        if least < f64::INFINITY && largest / least > LINEAR_RATIO {
            return Axis::log_millis(title, least, largest, most);
        }
        let unit = if largest >= 1_000.0 {
            "s"
        } else if largest < 1.0 {
            "µs"
        } else {
            "ms"
        };
        let factor = match unit {
            "s" => 1e3,
            "µs" => 1e-3,
            _ => 1.0,
        };
        Axis::from_zero(&format!("{title} ({unit})"), largest, (factor, most))
    }

    fn log_millis(title: &str, least: f64, largest: f64, most: usize) -> Axis {
        let steps: Vec<f64> = (-4..9)
            .flat_map(|decade| [1.0, 2.0, 5.0].map(|digit| digit * 10_f64.powi(decade)))
            .collect();
        let from = steps.iter().rev().find(|step| **step <= least).copied().unwrap_or(1e-4);
        let to = steps.iter().find(|step| **step >= largest).copied().unwrap_or(largest);
        let shown = || steps.iter().copied().filter(|step| (from..=to).contains(step));
        let digit =
            |value: f64| (value / 10_f64.powf((value.log10() + 1e-6).floor())).round() as u8;
        let with = |digits: &[u8]| -> Vec<f64> {
            shown().filter(|value| digits.contains(&digit(*value))).collect()
        };
        let sets: [&[u8]; 3] = [&[1, 2, 5], &[1, 5], &[1]];
        let fitting = sets.iter().map(|digits| with(digits)).find(|ticks| ticks.len() <= most);
        let ticks = fitting
            .unwrap_or_else(|| with(&[1]))
            .into_iter()
            .map(|value| Tick { value, text: figures::short_millis(value) });
        let title = format!("{title} (log scale)");
        Axis { scale: Scale::Log, from, to, title, ticks: ticks.collect() }
    }

    /// From zero to a round number above the largest value.
    pub(in crate::report) fn amount(
        title: &str,
        values: impl IntoIterator<Item = f64>,
        most: usize,
    ) -> Axis {
        Axis::from_zero(title, extremes(values).1, (1.0, most))
    }

    /// `factor` is the size of the unit that the ticks are written in.
    fn from_zero(title: &str, largest: f64, (factor, most): (f64, usize)) -> Axis {
        let largest = if largest > 0.0 { largest / factor } else { 1.0 };
        let step = round_step(largest, most);
        let to = (largest / step - 1e-9).ceil() * step;
        let ticks = multiples(0.0, to, step)
            .map(|value| Tick { value: value * factor, text: amount_text(value, step) });
        Axis {
            scale: Scale::Linear,
            from: 0.0,
            to: to * factor,
            title: title.to_owned(),
            ticks: ticks.collect(),
        }
    }

    /// Percentiles on a scale of nines, up to the largest share.
    pub(in crate::report) fn nines(largest: f64) -> Axis {
        let to = if largest.is_finite() { largest.clamp(0.9, 1.0 - 1e-9) } else { 0.9 };
        let near = [0.0, 0.5, 0.9, 0.95];
        let far = (2..10).map(|nines| 1.0 - 0.1_f64.powi(nines));
        let ticks = near
            .into_iter()
            .chain(far)
            .filter(|share| *share <= to + 1e-12)
            .map(|value| Tick { value, text: trim_zeros(value * 100.0, 7) });
        let title = "percentile: % of requests that took no longer".to_owned();
        Axis { scale: Scale::Nines, from: 0.0, to, title, ticks: ticks.collect() }
    }

    /// Ticks of its own at given values, which lie between the ends.
    pub(in crate::report) fn of_ticks(
        title: &str,
        (from, to): (f64, f64),
        ticks: Vec<Tick>,
    ) -> Axis {
        Axis { scale: Scale::Linear, from, to, title: title.to_owned(), ticks }
    }

    /// Ratios on a log scale, so that twice and half are as far from 1; always shows 1.
    pub(in crate::report) fn ratio(
        title: &str,
        values: impl IntoIterator<Item = f64>,
        most: usize,
    ) -> Axis {
        let (least, largest) = extremes(values);
        let (least, largest) = (least.clamp(1e-3, 1.0), largest.clamp(1.0, 1e3));
        let room = (largest / least).max(1.02).powf(0.06);
        let (from, to) = (least / room, largest * room);
        let ticks = ratio_ticks(from, to, most);
        Axis { scale: Scale::Log, from, to, title: title.to_owned(), ticks }
    }

    /// Differences of shares in percentage points, as far to the left of 0 as to the right.
    pub(in crate::report) fn points(
        title: &str,
        values: impl IntoIterator<Item = f64>,
        most: usize,
    ) -> Axis {
        let sizes = values.into_iter().map(f64::abs);
        let largest = extremes(sizes).1.clamp(1e-6, 1.0) * 1.08;
        let step = round_step(2.0 * largest * 100.0, most.max(4));
        let ticks = multiples(-largest * 100.0, largest * 100.0, step)
            .map(|value| Tick { value: value / 100.0, text: signed(value, step) });
        Axis {
            scale: Scale::Linear,
            from: -largest,
            to: largest,
            title: title.to_owned(),
            ticks: ticks.collect(),
        }
    }
}

/// Even steps where they fit, else 1, 2 and 5 times the powers of ten, else these alone.
fn ratio_ticks(from: f64, to: f64, most: usize) -> Vec<Tick> {
    let written = |value: f64, digits| Tick { value, text: trim_zeros(value, digits) };
    if to / from < 4.0 {
        let step = round_step(to - from, most);
        let digits = (-step.log10().floor()).clamp(0.0, 6.0) as usize;
        return multiples(from, to, step).map(|value| written(value, digits)).collect();
    }
    let digits: &[f64] = if to / from < 200.0 { &[1.0, 2.0, 5.0] } else { &[1.0] };
    let decades = (-4..5).map(|decade| 10_f64.powi(decade));
    let all = decades.flat_map(|power| digits.iter().map(move |digit| digit * power));
    all.filter(|value| (from..=to).contains(value)).map(|value| written(value, 4)).collect()
}

fn signed(value: f64, step: f64) -> String {
    let digits = (-step.log10().floor()).clamp(0.0, 9.0) as usize;
    let size = trim_zeros(value.abs(), digits);
    match value {
        _ if size == "0" => size,
        v if v < 0.0 => format!("−{size}"),
        _ => format!("+{size}"),
    }
}

/// The least positive and the largest of the finite values; (∞, 0) of none.
fn extremes(values: impl IntoIterator<Item = f64>) -> (f64, f64) {
    let usable = values.into_iter().filter(|value| value.is_finite() && *value > 0.0);
    usable.fold((f64::INFINITY, 0.0), |(least, largest), v| (v.min(least), v.max(largest)))
}

fn multiples(from: f64, to: f64, step: f64) -> impl Iterator<Item = f64> {
    let first = (from / step - 1e-9).ceil() as i64;
    let last = (to / step + 1e-9).floor() as i64;
    // Ranges and steps are chosen for a handful of ticks; the bound is for odd input.
    (first..=last).take(100).map(move |position| position as f64 * step)
}

/// 1, 2 or 5 times a power of ten, so that at most so many steps cover the range.
fn round_step(range: f64, most: usize) -> f64 {
    let least = range / most.max(1) as f64;
    let power = 10_f64.powf(least.log10().floor());
    let digit = [1.0, 2.0, 5.0].into_iter().find(|digit| digit * power >= least * 0.999_999);
    digit.unwrap_or(10.0) * power
}

fn amount_text(value: f64, step: f64) -> String {
    let digits = (-step.log10().floor()).clamp(0.0, 9.0) as usize;
    amount(value, digits)
}

/// Steps that clocks have.
fn time_step(range: f64, most: usize) -> f64 {
    const STEPS: [u32; 18] = [
        1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200,
        86_400,
    ];
    let fits = |step: &f64| range / step <= most as f64;
    let days = (range / most.max(1) as f64 / 86_400.0).ceil() * 86_400.0;
    STEPS.into_iter().map(f64::from).find(fits).unwrap_or(days)
}

type WriteTime = fn(f64) -> String;

/// The unit in the title and how a tick is written.
fn time_format(step: f64, to: f64) -> (&'static str, WriteTime) {
    if to <= 120.0 {
        return ("s", |seconds| trim_zeros(seconds, 0));
    }
    if step >= 60.0 && to > 7_200.0 {
        return ("h:mm", |seconds| clock(seconds / 60.0));
    }
    if step >= 60.0 {
        return ("min", |seconds| trim_zeros(seconds / 60.0, 0));
    }
    ("min:s", clock)
}

/// `1:05` for 65 of the smaller unit.
fn clock(value: f64) -> String {
    let whole = value.round() as u64;
    format!("{}:{:02}", whole / 60, whole % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|tick| tick.text.as_str()).collect()
    }

    #[test]
    fn time_ticks_are_those_of_a_clock() {
        let cases: [(f64, &[&str], &str); 5] = [
            (3.0, &["0", "1", "2", "3"], "(s)"),
            (70.0, &["0", "10", "20", "30", "40", "50", "60", "70"], "(s)"),
            (150.0, &["0:00", "0:20", "0:40", "1:00", "1:20", "1:40", "2:00", "2:20"], "(min:s)"),
            (3_000.0, &["0", "10", "20", "30", "40", "50"], "(min)"),
            (10_800.0, &["0:00", "0:30", "1:00", "1:30", "2:00", "2:30", "3:00"], "(h:mm)"),
        ];
        for (to, expected, unit) in cases {
            let axis = Axis::time(0.0, to, 8);
            assert_eq!(texts(&axis), expected);
            assert!(axis.title.ends_with(unit), "{}", axis.title);
        }
    }

    #[test]
    fn an_outlier_makes_the_scale_logarithmic() {
        let axis = Axis::millis("response time", [11.0, 14.0, 48_000.0], 6);
        assert_eq!(texts(&axis), ["10 ms", "100 ms", "1 s", "10 s"]);
        let axis = Axis::millis("response time", [2.5, 40.0, 500.0], 6);
        assert_eq!(texts(&axis), ["5 ms", "10 ms", "50 ms", "100 ms", "500 ms"]);
        for (least, largest) in [(1.1, 14.0), (4.9, 99.0), (0.9, 101.0), (30.0, 700.0)] {
            let axis = Axis::millis("response time", [least, largest], 6);
            assert!(axis.ticks.len() > 2, "{:?}", texts(&axis));
        }
        let axis = Axis::millis("response time", [11.0, 14.0, 119.0], 6);
        assert_eq!(texts(&axis), ["0", "20", "40", "60", "80", "100", "120"]);
        let axis = Axis::millis("response time", [0.2, 0.4], 6);
        assert_eq!(texts(&axis), ["0", "100", "200", "300", "400"]);
        assert!(axis.title.ends_with("(µs)"));
    }

    #[test]
    fn huge_values_have_short_ticks() {
        let axis = Axis::amount("q", [1e300], 4);
        assert_eq!(texts(&axis), ["0", "5e299", "1e300"]);
        for axis in [Axis::millis("w", [1e300], 4), Axis::millis("w", [1.0, 1e300], 4)] {
            assert!(texts(&axis).iter().all(|text| text.len() < 12), "{:?}", texts(&axis));
        }
    }

    #[test]
    fn places_stay_in_the_frame() {
        let axis = Axis::millis("response time", [10.0, 1_000.0], 6);
        for (value, position) in [(10.0, 0.0), (1_000.0, 1.0), (100.0, 0.5), (0.0, 0.0), (1e9, 1.0)]
        {
            assert!((axis.position(value) - position).abs() < 1e-9, "{value}");
        }
    }

    #[test]
    fn nothing_or_zeros_still_make_an_axis() {
        for values in [vec![], vec![0.0, 0.0], vec![f64::NAN, f64::INFINITY]] {
            let axis = Axis::amount("requests per second", values, 5);
            assert_eq!(texts(&axis), ["0", "0.2", "0.4", "0.6", "0.8", "1"]);
        }
    }

    #[test]
    fn ratios_stand_around_one() {
        let texts_of = |values: &[f64]| {
            let axis = Axis::ratio("ratio", values.iter().copied(), 6);
            axis.ticks.into_iter().map(|tick| tick.text).collect::<Vec<_>>()
        };
        assert_eq!(texts_of(&[0.96, 1.04]), ["0.96", "0.98", "1", "1.02", "1.04"]);
        assert_eq!(texts_of(&[0.8, 50.0]), ["1", "2", "5", "10", "20", "50"]);
        assert!(texts_of(&[]).contains(&"1".to_owned()));
        assert!(texts_of(&[f64::NAN, 0.0, 1e300]).contains(&"1".to_owned()));
    }

    #[test]
    fn differences_have_a_sign_and_zero_has_none() {
        let axis = Axis::points("errors", [0.001, -0.002], 5);
        assert_eq!(texts(&axis), ["−0.2", "−0.1", "0", "+0.1", "+0.2"]);
        assert!((axis.position(0.0) - 0.5).abs() < 1e-9);
    }

    #[test]
    fn nines_end_where_the_data_ends() {
        assert_eq!(texts(&Axis::nines(0.999)), ["0", "50", "90", "95", "99", "99.9"]);
        assert_eq!(texts(&Axis::nines(f64::NAN)), ["0", "50", "90"]);
    }
}
