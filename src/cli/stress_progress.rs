//! What a person or a log sees while a stress test goes on, on standard error: a line for each
//! phase, and on a terminal one that moves.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::experiment::event::Event;
use crate::experiment::stress::StressEvent;
use crate::record::stress::{Phase, PhaseKind, Repeat, RepeatEnd, StressSecond};
use crate::units::{Rate, format_duration, trim_zeros};

/// Seconds between two plain lines of a phase that lasts.
const LINE_EVERY: u32 = 10;

/// Tells what happens.
#[derive(Debug)]
pub struct Telling {
    is_quiet: bool,
    bar: Option<ProgressBar>,
    repeats: u32,
    number: u32,
    phase: Option<Phase>,
    warned: Vec<String>,
}

impl Telling {
    /// A line that moves on a terminal only.
    pub fn new(repeats: u32, is_quiet: bool, in_ci: bool) -> Telling {
        let wants_bar = !is_quiet && !in_ci && io::stderr().is_terminal();
        let bar = wants_bar.then(spinner);
        Telling { is_quiet, bar, repeats, number: 0, phase: None, warned: Vec::new() }
    }

    /// One line.
    pub fn say(&self, text: &str) {
        let plain: String = text.chars().filter(|c| !c.is_control()).take(400).collect();
        match &self.bar {
            _ if self.is_quiet => {}
            Some(bar) => bar.println(plain),
            // Nobody reads a closed pipe; the test goes on.
            None => drop(writeln!(io::stderr(), "{plain}")),
        }
    }

    /// Shows what happened.
    pub fn show(&mut self, event: StressEvent<'_>) {
        match event {
            StressEvent::Repeat(number, longest) => self.begin(number, longest),
            StressEvent::Phase(phase) => {
                self.phase = Some(phase);
                self.say(&format!("  from second {}: {}", phase.from, describe(phase)));
            }
            StressEvent::Second(second) => self.second(second),
            StressEvent::Ended(repeat) => self.say(&format!("  {}", ended(repeat))),
            StressEvent::Target(event) => self.target(event),
        }
    }

    fn begin(&mut self, number: u32, longest: Duration) {
        self.number = number;
        let (repeats, longest) = (self.repeats, format_duration(longest));
        self.say(&format!("repeat {number} of {repeats}, {longest} at the longest"));
    }

    fn target(&mut self, event: Event) {
        match event {
            Event::Starting(command) => self.say(&format!("  starting {command}")),
            Event::Trying => self.say("  a first walk failed; trying again for some seconds"),
            Event::CannotWork(mend) | Event::Warning(mend) if !self.warned.contains(&mend) => {
                self.say(&format!("  warning: {mend}"));
                self.warned.push(mend);
            }
            Event::CannotWork(_)
            | Event::Warning(_)
            | Event::Told(_)
            | Event::Waiting(_)
            | Event::Loading(_)
            | Event::Progress(_)
            | Event::Stopping => {}
        }
    }

    fn second(&self, second: &StressSecond) {
        let Some(phase) = self.phase else { return };
        let text = figures(second);
        match &self.bar {
            Some(bar) => {
                let (number, repeats) = (self.number, self.repeats);
                let what = describe(phase);
                bar.set_message(format!("repeat {number} of {repeats}, {what}: {text}"));
            }
            None if second.second.is_multiple_of(LINE_EVERY) && second.second > 0 => {
                self.say(&format!("  {:>4}s {text}", second.second));
            }
            None => {}
        }
    }

    /// Ends the line that moves.
    pub fn stop(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

fn spinner() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(4));
    let style = ProgressStyle::with_template("{spinner} {wide_msg}");
    bar.set_style(style.expect("the template is valid"));
    bar.enable_steady_tick(Duration::from_millis(500));
    bar
}

/// `120 good/s of 200/s, 3 failed, p99 12 ms, 9 in flight`.
fn figures(second: &StressSecond) -> String {
    let p99 =
        second.p99_ms.map_or_else(|| "-".to_owned(), |ms| format!("{} ms", trim_zeros(ms, 1)));
    format!(
        "{} good of {} offered, {} failed, p99 {p99}, {} in flight{}",
        second.ok,
        second.offered,
        second.failed(),
        second.in_flight,
        if second.late { "; the generator was late" } else { "" }
    )
}

fn describe(phase: Phase) -> String {
    let rate = Rate(phase.rate);
    match phase.kind {
        PhaseKind::WarmUp => format!("warm-up at {rate}"),
        PhaseKind::Ramp => format!("{rate}"),
        PhaseKind::Hold => format!("does not keep up; held at {rate}"),
        PhaseKind::Overload(factor) => format!("{}x: {rate}", trim_zeros(factor, 2)),
        PhaseKind::Spike => format!("spike of {rate}"),
        PhaseKind::FallBack => format!("back to {rate}; waiting until it is as before"),
    }
}

fn ended(repeat: &Repeat) -> String {
    match &repeat.end {
        Some(RepeatEnd::Recovered) => "the target is as before".to_owned(),
        Some(RepeatEnd::NotRecovered) => "the target does not come back".to_owned(),
        Some(RepeatEnd::HighestRate) => "it did not break up to the highest rate".to_owned(),
        Some(RepeatEnd::NoTime) => "it did not break in the time there was".to_owned(),
        Some(RepeatEnd::Generator) => "the generator is the limit here".to_owned(),
        Some(RepeatEnd::BrokenAtStart) => "it does not keep up with the first rate".to_owned(),
        Some(RepeatEnd::Died { detail }) => format!("the target died: {detail}"),
        Some(RepeatEnd::Hopeless { detail }) => format!("the target cannot work: {detail}"),
        Some(RepeatEnd::Interrupted { .. }) | None => "interrupted".to_owned(),
    }
}
