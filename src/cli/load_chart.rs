//! A load over time as a drawing of letters, for `loadgate check`: 80 columns and no colour, so that
//! a pipe and a log have it as a terminal has.

use std::fmt::Write as _;
use std::time::Duration;

use crate::scenario::load::{Load, Stage};
use crate::units::{Rate, format_duration, group_digits};

/// Columns and rows of the drawing itself, beside and above what is written at it.
const COLUMNS: usize = 64;
const ROWS: usize = 6;
/// What is written at its left.
const MARGIN: usize = 11;
/// An eighth of a row more each.
const EIGHTHS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Warm-up, in as much as half of a row.
const WARM: char = '░';

/// The rate, or the users, from the beginning to the end.
pub(super) fn draw(load: &Load) -> String {
    let levels = levels(&load.stages);
    let most = levels.iter().map(|level| level.height).fold(0.0, f64::max);
    if most <= 0.0 {
        return String::new();
    }
    let is_closed = load.is_closed();
    let written = |height: f64| {
        if is_closed {
            format!("{} users", group_digits(&format!("{height:.0}")))
        } else {
            Rate(height).to_string()
        }
    };
    let mut text = "\n".to_owned();
    for row in (0..ROWS).rev() {
        let label = match row {
            row if row + 1 == ROWS => written(most),
            0 => String::new(),
            _ if row + 1 == ROWS / 2 => written(most / 2.0),
            _ => String::new(),
        };
        let line: String = levels.iter().map(|level| level.letter(row, most)).collect();
        writeln!(text, "{label:>MARGIN$} │{}", line.trim_end()).expect("a String");
    }
    let end = format_duration(load.length());
    let warm =
        if levels.iter().any(|level| level.is_warm) { "░ warm-up, not judged" } else { "" };
    let rule = "─".repeat(COLUMNS);
    writeln!(text, "{:>MARGIN$} └{rule}", written(0.0)).expect("a String");
    let room = COLUMNS.saturating_sub(2 + end.len());
    writeln!(text, "{:MARGIN$}  0s{warm:^room$}{end}", "").expect("a String");
    text
}

/// One column.
struct Level {
    height: f64,
    is_warm: bool,
}

impl Level {
    fn letter(&self, row: usize, most: f64) -> char {
        let eighths = self.height / most * (ROWS * 8) as f64 - (row * 8) as f64;
        // What is there is seen, however low it is.
        let least = if row == 0 && self.height > 0.0 { 1.0 } else { 0.0 };
        let filled = eighths.clamp(least, 8.0).round() as usize;
        match filled {
            0..=3 if self.is_warm => {
                if row == 0 && filled > 0 {
                    WARM
                } else {
                    ' '
                }
            }
            _ if self.is_warm => WARM,
            filled => EIGHTHS[filled.min(8)],
        }
    }
}

/// What each column shows: the highest value in its stretch of time, so that a short spike is seen.
fn levels(stages: &[Stage]) -> Vec<Level> {
    let length: f64 = stages.iter().map(|stage| stage.length.as_secs_f64()).sum();
    let width = length / COLUMNS as f64;
    let mut all: Vec<Level> = (0..COLUMNS).map(|_| Level { height: 0.0, is_warm: false }).collect();
    let mut start = 0.0;
    for stage in stages {
        let end = start + stage.length.as_secs_f64();
        let first = ((start / width + 1e-9) as usize).min(COLUMNS - 1);
        let last = ((end / width - 1e-9).max(0.0) as usize).clamp(first, COLUMNS - 1);
        for (column, level) in all.iter_mut().enumerate().take(last + 1).skip(first) {
            let from = (column as f64 * width).clamp(start, end);
            let to = ((column + 1) as f64 * width).clamp(start, end);
            let height = value(stage, from - start).max(value(stage, to - start));
            level.height = level.height.max(height);
            level.is_warm |= stage.warmup;
        }
        start = end;
    }
    all
}

/// The rate or the users at a moment of a stage.
fn value(stage: &Stage, at: f64) -> f64 {
    let share = at / stage.length.as_secs_f64().max(Duration::from_nanos(1).as_secs_f64());
    let (from, to) = match stage.users {
        Some(users) => (f64::from(users.from), f64::from(users.to)),
        None => (stage.from.0, stage.to.0),
    };
    from + (to - from) * share.clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::load::{ArrivalProcess, Crowd};

    fn load(stages: &[(u64, f64, f64, bool)]) -> Load {
        let stage = |&(seconds, from, to, warmup): &(u64, f64, f64, bool)| Stage {
            length: Duration::from_secs(seconds),
            from: Rate(from),
            to: Rate(to),
            users: None,
            warmup,
        };
        Load::new(ArrivalProcess::Poisson, 1, stages.iter().map(stage).collect())
    }

    #[test]
    fn a_ramp_is_drawn_within_eighty_columns() {
        let text = draw(&load(&[(16, 100.0, 100.0, true), (48, 100.0, 400.0, false)]));
        let lines: Vec<&str> = text.lines().skip(1).collect();
        assert_eq!(lines.len(), ROWS + 2);
        assert!(lines.iter().all(|line| line.chars().count() <= 80), "{text}");
        assert!(lines[0].starts_with("      400/s │") && lines[0].ends_with('█'), "{text}");
        assert!(lines[ROWS - 1].contains(&WARM.to_string().repeat(16)), "{text}");
        assert!(lines[ROWS + 1].ends_with("1m4s") && lines[ROWS + 1].contains("warm-up"), "{text}");
        assert!(!text.contains('\u{1b}'));
    }

    #[test]
    fn a_short_spike_and_a_low_rate_are_seen() {
        let calm = |seconds| (seconds, 1.0, 1.0, false);
        let text = draw(&load(&[calm(300), (1, 900.0, 900.0, false), calm(339)]));
        let lines: Vec<&str> = text.lines().skip(1).collect();
        assert_eq!(lines[0].chars().filter(|c| *c == '█').count(), 1, "{text}");
        assert_eq!(lines[ROWS - 1].chars().filter(|c| *c == '▁').count(), 63, "{text}");
        assert_eq!(draw(&load(&[(10, 0.0, 0.0, false)])), "");
    }

    #[test]
    fn users_are_drawn_as_users() {
        let mut load = load(&[(10, 0.0, 0.0, false)]);
        load.stages[0].users = Some(Crowd { from: 20, to: 40 });
        assert!(draw(&load).contains("   40 users │"));
    }
}
