//! What a person or a log sees while a search for capacity goes on, on standard error: a line for
//! each trial, and on a terminal a bar for the one under way.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::analysis::capacity::messages::{interval, load, noun};
use crate::analysis::controller::capacity::asked::Spec;
use crate::cli::output;
use crate::experiment::event::Event;
use crate::experiment::search::SearchEvent;
use crate::record::capacity::{Asked, Class, FoundCapacity, Purpose, Trial};
use crate::record::load_unit::LoadUnit;
use crate::report::plain;
use crate::units::format_duration;

/// Reasons are no longer on a line of their own.
const LONGEST_REASON: usize = 160;

/// Tells what happens.
#[derive(Debug)]
pub struct Telling {
    is_quiet: bool,
    wants_bar: bool,
    bar: Option<ProgressBar>,
    /// What each trial finds again, and is said once.
    said: Vec<String>,
    /// In what the loads are counted.
    unit: LoadUnit,
}

impl Telling {
    /// Bars on a terminal only.
    pub fn new(is_quiet: bool, in_ci: bool, unit: LoadUnit) -> Telling {
        let wants_bar = !is_quiet && !in_ci && io::stderr().is_terminal();
        Telling { is_quiet, wants_bar, bar: None, said: Vec::new(), unit }
    }

    /// What is going to happen.
    pub fn begin(&self, asked: &Asked) {
        let within = format_duration(Duration::from_secs_f64(asked.within));
        let told = |at: f64| load(at, asked.unit);
        let [start, lowest, highest] = [asked.start, asked.lowest, asked.highest].map(told);
        let noun = noun(asked.unit);
        self.say(&format!(
            "looks for the highest {noun} within the objectives, from {start} on, between {lowest} \
             and {highest}; {within} at most"
        ));
    }

    /// Shows what happened.
    pub fn show(&mut self, event: SearchEvent) {
        match event {
            SearchEvent::Measuring { number, spec, length, found, at_most } => {
                self.stop();
                if self.wants_bar {
                    self.bar = Some(bar(
                        &under_way((number, &spec), &found, (at_most, self.unit)),
                        length,
                    ));
                }
            }
            SearchEvent::Measured(trial) => {
                self.stop();
                self.say(&line(&trial, self.unit));
            }
            SearchEvent::Note(text) => self.say(&text),
            SearchEvent::Target(event) => self.target(event),
        }
    }

    fn target(&mut self, event: Event) {
        match event {
            Event::Starting(command) => self.say_once(&format!("starting {command}")),
            Event::Trying => self.say("a first walk failed; trying again for some seconds"),
            Event::CannotWork(mend) => {
                let walked =
                    "found before the load, by walking each flow once (--no-walk: no walk)";
                output::plain_error(&mend, &[walked.to_owned()]);
            }
            Event::Warning(warning) => self.say_once(&format!("warning: {warning}")),
            Event::Progress(progress) => {
                if let Some(bar) = &self.bar {
                    bar.set_position(u64::from(progress.second) + 1);
                }
            }
            Event::Told(_) | Event::Waiting(_) | Event::Loading(_) | Event::Stopping => {}
        }
    }

    fn say_once(&mut self, text: &str) {
        if !self.said.iter().any(|known| known == text) {
            self.said.push(text.to_owned());
            self.say(text);
        }
    }

    /// Says something beside the bar.
    pub fn say(&self, text: &str) {
        let text = plain::line(text);
        match &self.bar {
            _ if self.is_quiet => {}
            Some(bar) => bar.println(text),
            // Nobody reads a closed pipe; the search goes on.
            None => drop(writeln!(io::stderr(), "{text}")),
        }
    }

    /// Ends the bar.
    pub fn stop(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

fn bar(text: &str, length: Duration) -> ProgressBar {
    let target = ProgressDrawTarget::stderr_with_hz(4);
    let bar = ProgressBar::with_draw_target(Some(length.as_secs()), target);
    let style = ProgressStyle::with_template("[{bar:16}] {msg}").expect("the template is valid");
    bar.set_style(style.progress_chars("=> "));
    bar.set_message(text.to_owned());
    bar.enable_steady_tick(Duration::from_secs(1));
    bar
}

/// `trial 12 at 404/s; so far between 396/s and 412/s; 4m10s at most`.
fn under_way(
    (number, spec): (u32, &Spec),
    found: &FoundCapacity,
    (at_most, unit): (Duration, LoadUnit),
) -> String {
    let at_most = format_duration(Duration::from_secs(at_most.as_secs()));
    let what = format!("{} at {}", name(spec.purpose, number), load(spec.rate, unit));
    match (found.low, found.high) {
        (None, None) => format!("{what}; {at_most} at most"),
        (Some(_), _) | (_, Some(_)) => {
            format!("{what}; so far {}; {at_most} at most", interval(found, unit))
        }
    }
}

fn name(purpose: Purpose, number: u32) -> String {
    match purpose {
        Purpose::WarmUp => "warm-up".to_owned(),
        Purpose::Trial => format!("trial {number}"),
        Purpose::Confirmation => "confirmation".to_owned(),
    }
}

/// `trial 12 at 404/s: beyond, p99 < 200ms: 412 ms`.
fn line(trial: &Trial, unit: LoadUnit) -> String {
    let what = format!("{} at {}", name(trial.purpose, trial.number), load(trial.rate, unit));
    let times = || {
        let times = [("p50", trial.seen.p50), ("p95", trial.seen.p95), ("p99", trial.seen.p99)];
        let times = times.iter().filter_map(|(name, ms)| Some(format!("{name} {:.1} ms", (*ms)?)));
        times.collect::<Vec<_>>().join(", ")
    };
    let why = || -> String {
        let why = trial.why.as_deref().unwrap_or_default();
        why.chars().take(LONGEST_REASON).collect()
    };
    match (trial.purpose, trial.class) {
        (Purpose::WarmUp, _) => {
            format!("{what} for {}", format_duration(Duration::from_secs_f64(trial.seconds)))
        }
        (Purpose::Trial | Purpose::Confirmation, Class::Good) => {
            format!("{what}: good, {}", times())
        }
        (Purpose::Trial | Purpose::Confirmation, Class::Bad) => {
            format!("{what}: beyond, {}", why())
        }
        (Purpose::Trial | Purpose::Confirmation, Class::Undecided) => {
            format!("{what}: undecided, {}", why())
        }
        (Purpose::Trial | Purpose::Confirmation, Class::Void) => {
            format!("{what}: not counted, the generator was the limit: {}", why())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::sample_capacity::sample;

    #[test]
    fn each_trial_is_a_line_that_says_why() {
        let trials = sample().trials;
        let lines: Vec<String> = trials.iter().map(|it| line(it, LoadUnit::Rate)).collect();
        assert_eq!(lines[0], "trial 1 at 100/s: good, p50 6.0 ms, p95 12.0 ms, p99 16.8 ms");
        assert_eq!(lines[2], "trial 3 at 400/s: beyond, p95 < 80ms: 90 ms");
        assert!(lines[5].starts_with("confirmation at 356/s: good"), "{}", lines[5]);
    }

    #[test]
    fn what_is_under_way_says_what_is_known_and_how_long_it_can_take() {
        let spec = Spec { purpose: Purpose::Trial, rate: 404.0, length: Duration::from_secs(5) };
        let told = |found: &FoundCapacity| {
            under_way((12, &spec), found, (Duration::from_millis(250_900), LoadUnit::Rate))
        };
        assert_eq!(
            told(&sample().found),
            "trial 12 at 404/s; so far between 396/s and 404/s; 4m10s at most"
        );
        assert_eq!(told(&FoundCapacity::default()), "trial 12 at 404/s; 4m10s at most");
    }
}
