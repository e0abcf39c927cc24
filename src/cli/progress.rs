//! What a person or a log sees while a run goes on, on standard error.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::analysis::soak::so_far;
use crate::cli::output;
use crate::engine::collector::Progress;
use crate::experiment::event::Event;
use crate::scenario::load::{Crowd, Load, Stage};
use crate::scenario::wave::{self, Piece, Sine};
use crate::units::{Bytes, Rate, format_duration, trim_zeros};

/// Seconds between two plain lines.
const LINE_EVERY: u32 = 10;
/// The same of a run of hours.
const LONG_LINE_EVERY: u32 = 60;

/// Shows the events of a run.
#[derive(Debug)]
pub struct Display {
    load: Load,
    form: Form,
    /// What has passed since the last plain line.
    since: Span,
    /// Seconds between two plain lines.
    line_every: u32,
    /// How the target's memory grows, where that is told.
    memory: Option<MemorySoFar>,
}

#[derive(Debug)]
enum Form {
    Quiet,
    Lines,
    Bar(ProgressBar),
}

/// Several seconds added up.
#[derive(Debug, Default, Clone, Copy)]
struct Span {
    seconds: u32,
    offered: u64,
    answered: u64,
    errors: u64,
    p95: Option<f64>,
    in_flight: u64,
}

/// The least memory of each window that has passed, the first three left out.
#[derive(Debug)]
struct MemorySoFar {
    window: u32,
    minima: Vec<f64>,
    /// Of the window under way, and when it began.
    least: Option<(u32, f64)>,
    last: Option<f64>,
}

/// So many windows warm up, and no more than the last of these are looked at.
const WARM_WINDOWS: u32 = 3;
const MOST_WINDOWS: usize = 300;

impl MemorySoFar {
    fn of_windows(window: u32) -> MemorySoFar {
        MemorySoFar { window, minima: Vec::new(), least: None, last: None }
    }

    fn see(&mut self, progress: &Progress) {
        let Some(memory) = progress.target_memory else { return };
        self.last = Some(memory);
        let number = progress.second / self.window.max(1);
        match self.least {
            Some((same, least)) if same == number => self.least = Some((same, least.min(memory))),
            Some((before, least)) => {
                if before >= WARM_WINDOWS && self.minima.len() < MOST_WINDOWS {
                    self.minima.push(least);
                }
                self.least = Some((number, memory));
            }
            None => self.least = Some((number, memory)),
        }
    }

    /// `memory 212 MB, 3.1 MB/h so far`.
    fn describe(&self) -> Option<String> {
        let size = |bytes: f64| Bytes(bytes.abs().round() as u64).to_string();
        let now = format!("memory {}", size(self.last?));
        let Some((slope, ..)) = so_far(&self.minima, self.window) else { return Some(now) };
        let sign = if slope < 0.0 { "-" } else { "+" };
        Some(format!("{now}, {sign}{}/h so far", size(slope)))
    }
}

impl Span {
    fn add(&mut self, progress: &Progress) {
        self.seconds += 1;
        self.offered += progress.offered;
        self.answered += progress.answered;
        self.errors += progress.errors;
        self.p95 = progress.p95;
        self.in_flight = progress.in_flight;
    }

    /// `offered 100/s, answered 99/s, p95 12 ms, 0 errors, 3 in flight`.
    fn describe(&self) -> String {
        let per_second = |count: u64| count as f64 / f64::from(self.seconds.max(1));
        let p95 = self.p95.map_or_else(|| "-".to_owned(), |p95| format!("{p95:.1} ms"));
        format!(
            "offered {:.0}/s, answered {:.0}/s, p95 {p95}, {} errors, {} in flight",
            per_second(self.offered),
            per_second(self.answered),
            self.errors,
            self.in_flight
        )
    }
}

impl Display {
    /// A bar on a terminal, a plain line now and then in a pipeline, nothing if quiet.
    pub fn new(load: &Load, quiet: bool, in_ci: bool) -> Display {
        let form = if quiet {
            Form::Quiet
        } else if in_ci || !io::stderr().is_terminal() {
            Form::Lines
        } else {
            Form::Bar(bar(load.length()))
        };
        let (load, since) = (load.clone(), Span::default());
        Display { load, form, since, line_every: LINE_EVERY, memory: None }
    }

    /// The same for a run of hours, of which windows of so many seconds tell how memory grows.
    pub fn for_hours(load: &Load, window: u32, (quiet, in_ci): (bool, bool)) -> Display {
        let display = Display::new(load, quiet, in_ci);
        let memory = Some(MemorySoFar::of_windows(window));
        // A test of some minutes tells more often.
        let line_every = LONG_LINE_EVERY.min((window / 5).max(LINE_EVERY));
        Display { line_every, memory, ..display }
    }

    /// Shows what happened.
    pub fn show(&mut self, event: Event) {
        match event {
            Event::Starting(command) => self.say(&format!("starting {command}")),
            Event::Waiting(target) => self.say(&format!("waiting for {target}")),
            Event::Loading(after) => {
                let (ready, length) = (format_ready(after), format_duration(self.load.length()));
                self.say(&format!("ready after {ready}; load for {length}"));
            }
            Event::Told(what) => self.say(&what),
            Event::Trying => self.say("a first walk failed; trying again for some seconds"),
            Event::CannotWork(mend) => {
                self.stop();
                let walked =
                    "found before the load, by walking each flow once (--no-walk: no walk)";
                output::plain_error(&mend, &[walked.to_owned()]);
            }
            Event::Progress(progress) => self.progress(&progress),
            Event::Warning(warning) => self.warn(&warning),
            Event::Stopping => self.stop(),
        }
    }

    fn progress(&mut self, progress: &Progress) {
        self.since.add(progress);
        if let Some(memory) = &mut self.memory {
            memory.see(progress);
        }
        let memory = self.memory.as_ref().and_then(MemorySoFar::describe);
        let memory = memory.map_or_else(String::new, |memory| format!(", {memory}"));
        let done = progress.second + 1;
        match &self.form {
            Form::Quiet => {}
            Form::Lines => {
                if done.is_multiple_of(self.line_every) {
                    let (length, span) = (self.load.length(), self.since);
                    let passed = if self.memory.is_some() {
                        left(u64::from(done), length.as_secs())
                    } else {
                        format!("{done:>4}s of {}", format_duration(length))
                    };
                    let stage = stage_at(&self.load, progress.second);
                    line(&format!("{passed}, {stage}: {}{memory}", span.describe()));
                    self.since = Span::default();
                }
            }
            Form::Bar(bar) => {
                bar.set_position(u64::from(done));
                bar.set_prefix(stage_at(&self.load, progress.second));
                bar.set_message(format!("{}{memory}", self.since.describe()));
                self.since = Span::default();
            }
        }
    }

    /// Ends the bar; the result follows on standard output.
    pub fn stop(&mut self) {
        if let Form::Bar(bar) = &self.form {
            bar.finish_and_clear();
        }
    }

    /// Stays on the screen; a quiet run has it in its report.
    fn warn(&self, warning: &str) {
        match &self.form {
            Form::Quiet => {}
            Form::Lines => line(&format!("warning: {warning}")),
            Form::Bar(bar) => bar.println(format!("warning: {warning}")),
        }
    }

    fn say(&self, text: &str) {
        let plain: String = text.chars().filter(|c| !c.is_control()).take(200).collect();
        match &self.form {
            Form::Quiet => {}
            Form::Lines => line(&plain),
            Form::Bar(bar) => bar.set_message(plain),
        }
    }
}

fn format_ready(after: Duration) -> String {
    format_duration(Duration::from_millis(after.as_millis() as u64))
}

fn line(text: &str) {
    // Nobody reads a closed pipe; the run goes on.
    let _ = writeln!(io::stderr(), "{text}");
}

fn bar(length: Duration) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(
        Some(length.as_secs_f64().ceil() as u64),
        ProgressDrawTarget::stderr_with_hz(4),
    );
    let template = "{prefix} [{bar:24}] {left}\n{wide_msg}";
    let style = ProgressStyle::with_template(template).expect("the template is valid");
    let style = style.with_key("left", |state: &ProgressState, out: &mut dyn fmt::Write| {
        let _ = out.write_str(&left(state.pos(), state.len().unwrap_or_default()));
    });
    bar.set_style(style.progress_chars("=> "));
    bar.enable_steady_tick(Duration::from_secs(1));
    bar
}

/// `12s of 1m30s, 1m18s left`: by the schedule, whose end is known, and never more than
/// before.
fn left(done: u64, length: u64) -> String {
    let written = |seconds| format_duration(Duration::from_secs(seconds));
    match length.checked_sub(done) {
        Some(left @ 1..) => {
            format!("{} of {}, {} left", written(done), written(length), written(left))
        }
        Some(0) | None => {
            format!("{} of {}, waiting for the last answers", written(length), written(length))
        }
    }
}

/// `stage 2 of 3 (100/s)`.
fn stage_at(load: &Load, second: u32) -> String {
    let all = told(&load.stages);
    let mut end = Duration::ZERO;
    let index = all.iter().position(|it| {
        end += it.length;
        Duration::from_secs(u64::from(second)) < end
    });
    let (index, count) = (index.unwrap_or(all.len() - 1), all.len());
    format!("stage {} of {count} ({})", index + 1, all[index].what)
}

/// A stage as it is told, or the pieces of a sine together.
pub(super) struct ToldStage<'a> {
    pub(super) stages: &'a [Stage],
    pub(super) length: Duration,
    pub(super) what: String,
}

/// Stages as they are told.
pub(super) fn told(stages: &[Stage]) -> Vec<ToldStage<'_>> {
    let pieces: Vec<Piece> = stages.iter().map(Stage::piece).collect();
    let one = |it: wave::Told| {
        let stages = &stages[it.first..it.first + it.count];
        let length = stages.iter().map(|stage| stage.length).sum();
        let what = match it.sine {
            None => describe_stage(&stages[0]),
            Some(sine) => describe_sine(sine, &stages[0]),
        };
        ToldStage { stages, length, what }
    };
    wave::told(&pieces).into_iter().map(one).collect()
}

/// `50/s <-> 200/s every 2m: 125/s ± 75/s`.
fn describe_sine(sine: Sine, first: &Stage) -> String {
    let is_users = first.users.is_some();
    let amount = |value: f64| if is_users { trim_zeros(value, 1) } else { Rate(value).to_string() };
    let [from, to, mean, amplitude] =
        [sine.from, sine.to, sine.mean(), sine.amplitude()].map(amount);
    let period = format_duration(Duration::from_secs_f64(sine.period));
    let users = if is_users { " users" } else { "" };
    let warmup = if first.warmup { "warm-up with " } else { "" };
    format!("{warmup}{from} <-> {to}{users} every {period}: {mean} ± {amplitude}")
}

/// `warm-up at 100/s`, `50/s -> 200/s`, `pause`.
fn describe_stage(stage: &Stage) -> String {
    let rate = match (stage.users, stage.from.0, stage.to.0) {
        (Some(Crowd { from: 1, to: 1 }), ..) => "1 user".to_owned(),
        (Some(Crowd { from, to }), ..) if from == to => format!("{from} users"),
        (Some(Crowd { from, to }), ..) => format!("{from} -> {to} users"),
        (None, 0.0, 0.0) => "pause".to_owned(),
        (None, from, to) if (from - to).abs() < f64::EPSILON => stage.from.to_string(),
        (None, ..) => format!("{} -> {}", stage.from, stage.to),
    };
    match (stage.warmup, stage.users) {
        (true, Some(_)) => format!("warm-up with {rate}"),
        (true, None) => format!("warm-up at {rate}"),
        (false, _) => rate,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::load::ArrivalProcess;

    #[test]
    fn the_time_left_is_what_the_schedule_leaves() {
        assert_eq!(left(0, 90), "0s of 1m30s, 1m30s left");
        assert_eq!(left(89, 90), "1m29s of 1m30s, 1s left");
        for done in [90, 95] {
            assert_eq!(left(done, 90), "1m30s of 1m30s, waiting for the last answers");
        }
    }

    #[test]
    fn the_stage_is_named_by_the_second() {
        let stage = |seconds, from, to, warmup| Stage {
            length: Duration::from_secs(seconds),
            from: Rate(from),
            to: Rate(to),
            users: None,
            warmup,
        };
        let stages = vec![
            stage(5, 10.0, 10.0, true),
            stage(10, 10.0, 20.0, false),
            stage(5, 0.0, 0.0, false),
        ];
        let load = Load::new(ArrivalProcess::Poisson, 1, stages);
        for (second, expected) in [
            (0, "stage 1 of 3 (warm-up at 10/s)"),
            (5, "stage 2 of 3 (10/s -> 20/s)"),
            (15, "stage 3 of 3 (pause)"),
            (99, "stage 3 of 3 (pause)"),
        ] {
            assert_eq!(stage_at(&load, second), expected);
        }
    }
}
