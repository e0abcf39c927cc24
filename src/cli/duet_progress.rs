//! What a person or a log sees while a duet goes on, on standard error: a line for each
//! step, and on a terminal a bar for the segment under way.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::analysis::comparison::{Look, Ruling};
use crate::analysis::gate::results;
use crate::experiment::duet::DuetEvent;
use crate::experiment::event::Event;
use crate::record::duet::GateMetric;
use crate::scenario::model::Arm;
use crate::units::format_duration;

/// Tells what happens.
#[derive(Debug)]
pub struct Telling {
    is_quiet: bool,
    wants_bar: bool,
    bar: Option<ProgressBar>,
    /// Seconds of the segment under way.
    length: u64,
    /// Warnings that were said.
    warned: Vec<String>,
}

impl Telling {
    /// Bars on a terminal only.
    pub fn new(is_quiet: bool, in_ci: bool) -> Telling {
        let wants_bar = !is_quiet && !in_ci && io::stderr().is_terminal();
        Telling { is_quiet, wants_bar, bar: None, length: 0, warned: Vec::new() }
    }

    /// One line.
    pub fn say(&self, text: &str) {
        let plain: String = text.chars().filter(|c| !c.is_control()).take(400).collect();
        match &self.bar {
            _ if self.is_quiet => {}
            Some(bar) => bar.println(plain),
            // Nobody reads a closed pipe; the duet goes on.
            None => drop(writeln!(io::stderr(), "{plain}")),
        }
    }

    /// Shows what happened.
    pub fn show(&mut self, event: DuetEvent) {
        match event {
            DuetEvent::Segment(name, length) => self.begin(&name, length),
            DuetEvent::Note(text) => self.say(&text),
            DuetEvent::Look(look) => {
                self.stop();
                self.say(&look_line(&look));
            }
            DuetEvent::Arm(arm, event) => match event {
                Event::Warning(warning) => self.warn(arm, &warning),
                Event::Progress(progress) => {
                    if let Some(bar) = &self.bar {
                        // From what is planned, not from how fast it went: it never grows.
                        let done = (u64::from(progress.second) + 1).max(bar.position());
                        bar.set_position(done);
                        bar.set_message(left(self.length, done));
                    }
                }
                Event::Starting(_)
                | Event::Waiting(_)
                | Event::Loading(_)
                | Event::Trying
                | Event::Told(_)
                | Event::CannotWork(_)
                | Event::Stopping => {}
            },
        }
    }

    fn begin(&mut self, name: &str, length: Duration) {
        self.stop();
        self.say(&format!("{name}: load for {}", format_duration(length)));
        if self.wants_bar {
            let target = ProgressDrawTarget::stderr_with_hz(4);
            let bar = ProgressBar::with_draw_target(Some(length.as_secs()), target);
            let template = "{prefix} [{bar:24}] {elapsed_precise}, {msg} left";
            let style = ProgressStyle::with_template(template).expect("the template is valid");
            bar.set_style(style.progress_chars("=> "));
            bar.set_prefix(name.to_owned());
            self.length = length.as_secs();
            bar.set_message(left(self.length, 0));
            bar.enable_steady_tick(Duration::from_secs(1));
            self.bar = Some(bar);
        }
    }

    /// Says what an arm is warned of, once: each segment finds it again, mostly for both.
    fn warn(&mut self, arm: Arm, warning: &str) {
        if !self.warned.iter().any(|known| known == warning) {
            self.warned.push(warning.to_owned());
            self.say(&format!("the {arm}: warning: {warning}"));
        }
    }

    /// Ends the bar.
    pub fn stop(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

/// What is left of a segment's load.
fn left(length: u64, done: u64) -> String {
    format_duration(Duration::from_secs(length.saturating_sub(done)))
}

/// `look 1: p50 1.01 (0.98 to 1.04) pass, p99 1.20 (1.01 to 1.41) undecided; one more segment`.
fn look_line(look: &Look) -> String {
    let metrics = look.metrics.iter().map(|metric| {
        let name = results::name_of(metric.metric, metric.step.as_deref());
        let speaks = metric.gates || metric.ruling == Ruling::Regressed;
        let ruling = if speaks { word(metric.ruling) } else { "watches" };
        match (metric.estimate, metric.metric) {
            (None, _) if !metric.gates => format!("{name} {ruling}"),
            (None, _) => format!("{name} cannot be told yet"),
            (Some(found), GateMetric::ResponseTime(_) | GateMetric::CpuPerRequest) => {
                format!(
                    "{name} {:.3} ({:.3} to {:.3}) {ruling}",
                    found.value, found.low, found.high
                )
            }
            (Some(found), GateMetric::ErrorRate | GateMetric::SlowRequests) => {
                format!("{name} {:+.3} % {ruling}", found.value * 100.0)
            }
        }
    });
    let metrics: Vec<String> = metrics.collect();
    format!("look {}: {}: {}", look.segments, word(look.ruling), metrics.join(", "))
}

fn word(ruling: Ruling) -> &'static str {
    match ruling {
        Ruling::Regressed => "regressed",
        Ruling::Improved => "improved",
        Ruling::Pass => "pass",
        Ruling::Inconclusive => "undecided",
    }
}
