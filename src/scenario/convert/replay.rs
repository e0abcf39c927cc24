//! Moments that were recorded: a column of a file, as a load.
//!
//! The earliest is the beginning; the load lasts to the end of the second in which the last one is.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;

use super::super::ceiling::LONGEST;
use super::super::check::Check;
use super::super::data::rows_in;
use super::super::data::table::{Cell, Table};
use super::super::document::Pointer;
use super::super::load::{Recorded, Stage};
use super::super::origin::{DataFiles, Origin};
use super::super::problems::Fault;
use super::super::raw_load::RawReplay;
use super::lengths::positive;
use crate::units::{Rate, group_digits};

/// Moments of a recording: 80 MB of memory.
const MOST_MOMENTS: u64 = 10_000_000;
/// The stages that say about how many there are, at most and but for a warm-up.
const MOST_STAGES: u64 = 200;
/// The column with the moments.
const COLUMN: &str = "time";
/// Numbers beyond it are no seconds.
const MOST_SECONDS: f64 = 1e12;
const SECOND: u64 = 1_000_000_000;

/// The moments, and stages with about as many arrivals.
pub(super) fn replay(
    raw: &RawReplay,
    at: &Pointer,
    origin: &Origin,
    check: &mut Check<'_>,
) -> Option<(Recorded, Vec<Stage>)> {
    let warmup = raw.warmup.as_ref().map(|text| positive(&check.fill(text)));
    let warmup = match warmup {
        None => Duration::ZERO,
        Some(length) => check.accept(&at.key("warmup"), length)?,
    };
    // Where it is a mistake, it says nothing of how long the recording lasts.
    let speed = raw.speed.filter(|_| !check.is_mended(&at.key("speed"))).unwrap_or(1.0);
    let name = check.fill(&raw.file);
    let column = raw.column.as_deref().unwrap_or(COLUMN);
    let found = moments(&origin.folder.join(&name), column, &origin.data);
    let found = check.accept(&at.key("file"), found)?;
    let scaled: Vec<u64> = found.iter().map(|nanos| (*nanos as f64 / speed) as u64).collect();
    let last = scaled.last().copied().unwrap_or_default();
    if u128::from(last) > LONGEST.as_nanos() {
        let days = last / SECOND / 86_400;
        let fault = Fault::new(format!("the recording \"{name}\" lasts {days} days at this speed"));
        let help = "31 days are the most; moments are seconds or dates, not milliseconds";
        check.value(&at.key("file"), fault.help(help));
        return None;
    }
    let stages = stages(&scaled, warmup);
    Some((Recorded(scaled.into()), stages))
}

/// Nanoseconds behind the earliest, ascending.
fn moments(path: &Path, column: &str, files: &DataFiles) -> Result<Vec<u64>, Fault> {
    let of_file = |what: String| Fault::new(format!("the recording {} {what}", path.display()));
    let place = files.place(path).map_err(|why| of_file(why.to_owned()))?;
    let table = rows_in(path, place).map_err(of_file)?;
    if table.rows() > MOST_MOMENTS {
        let (rows, most) = (table.rows().to_string(), MOST_MOMENTS.to_string());
        let what = format!("has {} moments", group_digits(&rows));
        return Err(of_file(what).help(format!("{} are the most", group_digits(&most))));
    }
    let place = table.columns().iter().position(|name| name == column).ok_or_else(|| {
        let known = table.columns().iter().take(20).map(|name| format!("\"{name}\""));
        let known = known.collect::<Vec<_>>().join(", ");
        of_file(format!("has no column \"{column}\""))
            .help(format!("name the one with the moments by \"column\": there are {known}"))
    })?;
    let mut all = (0..table.rows())
        .map(|row| moment(&table, row, place as u16).map_err(|what| of_file(in_row(row, &what))))
        .collect::<Result<Vec<i128>, Fault>>()?;
    all.sort_unstable();
    let (first, last) = (all.first().copied().unwrap_or(0), all.last().copied().unwrap_or(0));
    if first == last {
        let what = format!("has one moment only, {} times", all.len());
        let help = "its rows need different moments; is another column meant?";
        return Err(of_file(what).help(help));
    }
    Ok(all.into_iter().map(|at| u64::try_from(at - first).unwrap_or(u64::MAX)).collect())
}

fn in_row(row: u64, what: &str) -> String {
    format!("has in row {}: {what}", row + 1)
}

/// In nanoseconds.
fn moment(table: &Table, row: u64, column: u16) -> Result<i128, String> {
    let text = match table.cell(row, column) {
        Some(Cell::Text(text) | Cell::Json(text)) => text.trim(),
        None => "",
    };
    if let Ok(seconds) = text.parse::<f64>() {
        // Digits of a moment since 1970 are more than an f64 has.
        return nanos(text, seconds).ok_or_else(|| beyond(text, seconds));
    }
    let stamp: Result<Timestamp, _> = text.parse();
    stamp.map(Timestamp::as_nanosecond).map_err(|_| {
        let shown: String = text.chars().take(60).collect();
        format!(
            "\"{shown}\" is no moment: seconds such as 12.5 or a date such as \
             2026-03-01T12:00:00Z are expected"
        )
    })
}

/// What is said of a number that is no moment: most often it counts something smaller.
fn beyond(text: &str, seconds: f64) -> String {
    let shown: String = text.chars().take(60).collect();
    let unit = match seconds.abs() {
        of if of <= MOST_SECONDS * 1e3 => "milliseconds",
        of if of <= MOST_SECONDS * 1e6 => "microseconds",
        of if of <= MOST_SECONDS * 1e9 => "nanoseconds",
        _ => return format!("\"{shown}\" is no moment: seconds such as 12.5 are expected"),
    };
    format!(
        "\"{shown}\" is no moment: seconds are expected, and these look like {unit}; \
         divide them, or write dates such as 2026-03-01T12:00:00Z"
    )
}

/// Seconds in decimals, exactly; others as good as they are.
fn nanos(text: &str, seconds: f64) -> Option<i128> {
    if !seconds.is_finite() || seconds.abs() > MOST_SECONDS {
        return None;
    }
    let about = || Some((seconds * 1e9).round() as i128);
    if text.contains(['e', 'E']) {
        return about();
    }
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let (Ok(whole), false) = (whole.parse::<i128>(), text.starts_with('-')) else { return about() };
    let digits: String = part.chars().chain(std::iter::repeat('0')).take(9).collect();
    digits.parse::<i128>().map_or_else(|_| about(), |part| Some(whole * 1_000_000_000 + part))
}

/// Stages of whole seconds with the mean rates of the recording.
fn stages(all: &[u64], warmup: Duration) -> Vec<Stage> {
    let seconds = all.last().copied().unwrap_or_default() / SECOND + 1;
    let width = seconds.div_ceil(MOST_STAGES) * SECOND;
    let end = seconds * SECOND;
    let warm = (warmup.as_nanos() as u64).min(end);
    let mut borders: Vec<u64> = (0..end.div_ceil(width)).map(|step| step * width).collect();
    borders.extend([warm, end]);
    borders.sort_unstable();
    borders.dedup();
    let count_before = |at: u64| all.partition_point(|moment| *moment < at) as f64;
    let stage = |two: &[u64]| {
        let length = Duration::from_nanos(two[1] - two[0]);
        let count = count_before(two[1]) - count_before(two[0]);
        let rate = Rate(count / length.as_secs_f64());
        Stage { length, from: rate, to: rate, users: None, warmup: two[1] <= warm }
    };
    borders.windows(2).map(stage).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn read(name: &str, text: &str) -> Result<Vec<u64>, Fault> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        moments(&path, COLUMN, &DataFiles::Here)
    }

    #[test]
    fn moments_are_seconds_or_dates_in_any_order() {
        let expected = [0, 500_000_000, 2_000_000_001];
        for (name, text) in [
            ("a.csv", "time\n12.5\n12\n14.000000001\n"),
            ("a.csv", "id,time\n1,1700000002.000000001\n2,1700000000\n3,1700000000.5\n"),
            ("a.ndjson", "{\"time\": 0}\n{\"time\": 0.5}\n{\"time\": 2.000000001}\n"),
            (
                "a.csv",
                "time\n2026-03-01T12:00:00Z\n2026-03-01T13:00:00.5+01:00\n\
                 2026-03-01T12:00:02.000000001Z\n",
            ),
        ] {
            assert_eq!(read(name, text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_recording_is_told_with_its_row() {
        for (text, told) in [
            ("time\n1\nsoon\n", "row 2: \"soon\" is no moment"),
            ("time\n1\nNaN\n", "row 2"),
            ("time\n1\n1e300\n", "row 2: \"1e300\" is no moment: seconds such as 12.5"),
            ("time\n1700000000000\n1700000000020\n", "row 1: \"1700000000000\" is no moment"),
            ("time\n1700000000000\n1700000000020\n", "look like milliseconds"),
            ("time\n1700000000000000000\n1\n", "look like nanoseconds"),
            ("time\n", "no rows"),
            ("", "empty"),
            ("time\n7\n7\n", "one moment only, 2 times"),
            ("at\n1\n2\n", "no column \"time\""),
        ] {
            let fault = read("a.csv", text).unwrap_err();
            assert!(fault.message.contains(told), "{text:?}: {}", fault.message);
        }
        let fault = read("a.csv", "at\n1\n2\n").unwrap_err();
        assert!(fault.help.unwrap().contains("\"at\""));
    }

    #[test]
    fn its_stages_have_as_many_arrivals_and_end_with_a_whole_second() {
        let all: Vec<u64> = (0..3_000).map(|n| n * SECOND / 10).collect();
        let found = stages(&all, Duration::from_millis(30_500));
        let area = |it: &[Stage]| it.iter().map(Stage::area).sum::<f64>();
        assert!((area(&found) - 3_000.0).abs() < 1e-6);
        assert_eq!(found.iter().map(|it| it.length).sum::<Duration>(), Duration::from_secs(300));
        let warm: Duration = found.iter().filter(|it| it.warmup).map(|it| it.length).sum();
        assert_eq!(warm, Duration::from_millis(30_500));
        assert!(found.len() < 210, "{}", found.len());
    }
}
