//! A search for capacity: one target that stays up, loaded for a few seconds at the rates that
//! the controller asks for, until it has enough.
//!
//! Each measurement is a run of its own in `trials/NNN`; after each of them `capacity.json` says
//! what is known by then and the histograms are let go, so that memory is that of one trial. Before
//! a trial that follows an overload it is waited until nothing is in flight and the target is
//! itself again. Decides nothing: what is tried is the controller's, what it means the analysis's.

use std::fs;
use std::mem;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::analysis::assess::assess;
use crate::analysis::capacity::{self as meaning, messages::load};
use crate::analysis::controller::Next;
use crate::analysis::controller::capacity::Controller;
use crate::analysis::controller::capacity::asked::{Asked, GIVEN_UP, Spec};
use crate::analysis::controller::capacity::class::{Judged, of_confirmation, of_trial};
use crate::engine::plan::{self, workers_for};
use crate::experiment::control::Control;
use crate::experiment::cooldown::{Asking, Calm, Cooled};
use crate::experiment::event::Event;
use crate::experiment::measured::Measured;
use crate::experiment::others;
use crate::experiment::resources::allow_connections;
use crate::experiment::search::{Search, SearchEvent, folder_of, lost};
use crate::experiment::session::Session;
use crate::experiment::side::Side;
use crate::experiment::trial_error::TrialError;
use crate::experiment::trial_load::load_of;
use crate::experiment::tryout::TriedOut;
use crate::record::capacity::{CapacityFile, Class, Purpose, Trial, Why};
use crate::record::run::RunRecord;
use crate::record::search_end::SearchEnd;
use crate::record::store::StoreError;
use crate::scenario::model::Scenario;
use crate::target::process::ExitReport;

/// A target may take so long to be itself again.
const COOLING: Duration = Duration::from_secs(20);
/// How hard a target is asked whether it is itself again, per second: a part of where the search
/// begins.
const ASKED: f64 = 0.1;
const ASKED_LEAST: f64 = 2.0;
const ASKED_MOST: f64 = 20.0;
/// A target that dies more often is lost.
const MOST_DEATHS: u32 = 3;
/// Of one that is not itself again after so many overloads no more is asked.
const MOST_HANGS: u32 = 10;

/// How one step of a search ended: with a target that is up, or with the search.
enum Step {
    Goes(Box<Side>),
    Ends(SearchEnd),
}

/// A search under way.
struct Course<'a> {
    search: Search<'a>,
    controller: Controller,
    file: CapacityFile,
    begun: Instant,
    /// How a few requests fare in a target that is itself.
    usual: Option<Calm>,
    /// Iterations that the target has had.
    iterations: u64,
    deaths: u32,
    /// Overloads after which the target was not itself again.
    hangs: u32,
    /// How long the last start took.
    starting: Duration,
    /// Whether the last load was beyond the target, which is not yet itself again.
    is_shaken: bool,
}

impl Search<'_> {
    /// Searches. The file has what was measured, however it ended.
    pub fn run(self) -> Result<CapacityFile, TrialError> {
        let is_demo = self.scenario.target.address.is_demo();
        allow_connections(self.scenario.limits.connections, is_demo)
            .map_err(TrialError::Resources)?;
        let mut course = Course {
            controller: Controller::new(Asked::of(&self.asked)),
            file: self.file(),
            search: self,
            begun: Instant::now(),
            usual: None,
            iterations: 0,
            deaths: 0,
            hangs: 0,
            starting: Duration::ZERO,
            is_shaken: false,
        };
        let end = course.play()?;
        course.file.end = Some(end);
        course.save()?;
        Ok(course.file)
    }
}

impl Course<'_> {
    fn play(&mut self) -> Result<SearchEnd, TrialError> {
        let mut side = match self.first_start()? {
            Step::Goes(side) => side,
            Step::Ends(end) => return Ok(end),
        };
        loop {
            side = match self.make_ready(side)? {
                Step::Goes(ready) => ready,
                Step::Ends(end) => return Ok(end),
            };
            // Whatever came between two loads took its time as well.
            self.controller.passed(self.begun.elapsed());
            let Next::Measure(spec) = self.controller.next() else {
                return Ok(SearchEnd::Finished);
            };
            side = match self.measure(side, spec)? {
                Step::Goes(up) => up,
                Step::Ends(end) => return Ok(end),
            };
        }
    }

    /// Whether the scenario can work is looked at once, as before a run.
    fn first_start(&mut self) -> Result<Step, TrialError> {
        let side = self.start()?;
        if !self.search.tries_out {
            return Ok(Step::Goes(side));
        }
        let control = self.search.control.next_part();
        let tried =
            self.with_session(&control, 1, |session, watch| session.try_out(*side, watch))?;
        match tried {
            TriedOut::Fit(side) => Ok(Step::Goes(side)),
            TriedOut::Unfit(measured) => {
                let detail = measured.hopeless.unwrap_or_default();
                Ok(Step::Ends(SearchEnd::Hopeless { detail }))
            }
        }
    }

    fn start(&mut self) -> Result<Box<Side>, TrialError> {
        let (scenario, folder) = (Arc::clone(&self.search.scenario), self.folder(self.number()));
        // Iterations of a fresh target begin anew.
        self.iterations = 0;
        let control = self.search.control.next_part();
        let begun = Instant::now();
        let side = self.with_session(&control, 1, |session, watch| {
            let mut side = session.start(scenario, &folder, watch)?;
            session.wait_until_ready(&mut side, watch)?;
            Ok(Box::new(side))
        })?;
        self.starting = begun.elapsed();
        if self.search.asked.restarts {
            self.controller.started(self.starting);
        }
        Ok(side)
    }

    /// Another start: what was measured before is kept, whatever becomes of it.
    fn start_again(&mut self) -> Result<Step, TrialError> {
        self.is_shaken = false;
        match self.start() {
            Ok(side) => Ok(Step::Goes(side)),
            Err(TrialError::Interrupted(signal)) => {
                Ok(Step::Ends(SearchEnd::Interrupted { signal }))
            }
            Err(error @ (TrialError::Start(_) | TrialError::NotReady(..))) => {
                Ok(Step::Ends(SearchEnd::TargetLost { detail: error.to_string() }))
            }
            Err(error) => Err(error),
        }
    }

    /// A target as the next trial should meet it.
    fn make_ready(&mut self, side: Box<Side>) -> Result<Step, TrialError> {
        let measured = self.file.trials.len();
        if let Next::Stop(_) = self.controller.next() {
            return Ok(Step::Goes(side));
        }
        if self.search.asked.restarts && measured > 0 && side.target.is_ours() {
            side.target.stop();
            return self.start_again();
        }
        let is_shaken = mem::take(&mut self.is_shaken);
        match self.usual {
            Some(usual) if is_shaken => return self.cool_down(side, usual),
            // Once more when it is warm: it is faster then.
            Some(_) if measured != 1 => {}
            Some(_) | None => {
                self.usual = Some(self.asks(|session, asking| session.ask(&side, asking))?);
            }
        }
        Ok(Step::Goes(side))
    }

    fn asks<T>(
        &mut self,
        ask: impl FnOnce(Session<'_>, &mut Asking) -> Result<T, TrialError>,
    ) -> Result<T, TrialError> {
        let control = self.search.control.next_part();
        let rate = (self.search.asked.start * ASKED).clamp(ASKED_LEAST, ASKED_MOST);
        let mut asking = Asking { rate, iterations: self.iterations };
        let found = self.with_session(&control, 1, |session, _| ask(session, &mut asking));
        self.iterations = asking.iterations;
        found
    }

    fn cool_down(&mut self, side: Box<Side>, usual: Calm) -> Result<Step, TrialError> {
        let left = self.at_most().saturating_sub(self.controller.kept_back() + self.starting);
        let within = COOLING.min(left);
        let (cooled, took) =
            self.asks(|session, asking| session.cool_down(&side, &usual, asking, within))?;
        if let Some(last) = self.file.trials.last_mut() {
            last.cooled = took.as_secs_f64();
        }
        let Cooled::NotBack { ok } = cooled else { return Ok(Step::Goes(side)) };
        let waited = took.as_secs();
        self.hangs += 1;
        if self.hangs == MOST_HANGS {
            self.controller.ends(Why::NotItself);
            self.note(format!(
                "that is {MOST_HANGS} overloads after which the target was not itself again: no \
                 other rate is tried"
            ));
        }
        if side.target.is_ours() {
            self.note(format!(
                "{waited} s after an overload the target was not itself again; it was started \
                 afresh"
            ));
            side.target.stop();
            return self.start_again();
        }
        if ok == 0.0 {
            let detail = format!("{waited} s after an overload it does not answer as expected");
            return Ok(Step::Ends(SearchEnd::TargetLost { detail }));
        }
        self.note(format!(
            "{waited} s after an overload the target was not itself again; what was measured next \
             may be worse for it"
        ));
        Ok(Step::Goes(side))
    }

    /// One measurement, with a target that is ready.
    fn measure(&mut self, side: Box<Side>, spec: Spec) -> Result<Step, TrialError> {
        if let Some(exit) = side.target.exited() {
            return self.start_after(*side, &exit, "between two loads");
        }
        let number = self.number();
        let scenario = Arc::new(self.loaded(&spec, number));
        let length = scenario.load.length();
        let (found, at_most) = (self.controller.found(), self.at_most());
        (self.search.watch)(SearchEvent::Measuring { number, spec, length, found, at_most });
        let folder = self.folder(number);
        fs::create_dir_all(&folder)
            .map_err(|error| TrialError::NoRoom(StoreError::Io(folder.clone(), error)))?;
        let purpose = plan::Purpose::Again { iterations: self.iterations };
        let patience = self.patience();
        let control = self.search.control.next_part();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let workers = workers_for(&scenario, cores);
        let side = Side { scenario, folder, purpose, ..*side };
        let others = self.search.others;
        let measured = self.with_session(&control, workers, |session, watch| {
            let mut limited = |event: Event| {
                let Event::Progress(progress) = &event else { return watch(event) };
                if Duration::from_secs(u64::from(progress.second)) >= length + patience {
                    control.drain(Duration::ZERO);
                }
                watch(event);
            };
            Ok(others::measure(session, others, side, &mut limited)?.keep())
        });
        match measured {
            Ok((side, measured)) => self.learn(side, measured, spec),
            Err(TrialError::Generators(why)) if number > 1 => Ok(Step::Ends(lost(number, &why))),
            Err(error) => Err(error),
        }
    }

    /// What a measurement says, into the file and to the controller.
    fn learn(&mut self, side: Side, measured: Measured, spec: Spec) -> Result<Step, TrialError> {
        // What a signal cut short says nothing of its load.
        if let Some(signal) = self.search.control.signal() {
            return Ok(Step::Ends(SearchEnd::Interrupted { signal }));
        }
        let Measured { record, died, .. } = measured;
        self.iterations += record.end.as_ref().map_or(0, |end| end.iterations);
        let trial = self.judged(&record, spec);
        self.is_shaken = matches!(trial.class, Class::Bad | Class::Void);
        let at = format!("at {}", load(spec.rate, self.search.asked.unit));
        self.controller.measured(trial.class, self.begun.elapsed());
        self.file.trials.push(trial.clone());
        self.save()?;
        (self.search.watch)(SearchEvent::Measured(Box::new(trial)));
        if let Some(why) = others::lost(&record) {
            return Ok(Step::Ends(lost(self.number() - 1, &why.detail)));
        }
        match died {
            Some(exit) => self.start_after(side, &exit, &at),
            None => Ok(Step::Goes(Box::new(side))),
        }
    }

    /// Another start after the target has died, if it has ever worked.
    fn start_after(&mut self, side: Side, exit: &ExitReport, at: &str) -> Result<Step, TrialError> {
        // It has ended; what it started may not.
        side.target.stop();
        self.deaths += 1;
        let has_worked = self.file.trials.iter().any(|it| it.class == Class::Good);
        if !has_worked || self.deaths >= MOST_DEATHS {
            return Ok(Step::Ends(SearchEnd::TargetLost { detail: exit.to_string() }));
        }
        self.note(format!("the target died {at} ({}); it was started again", exit.in_short()));
        self.start_again()
    }

    fn judged(&self, record: &RunRecord, spec: Spec) -> Trial {
        let assessment = assess(record);
        let Judged { class, why } = match spec.purpose {
            Purpose::WarmUp | Purpose::Trial => of_trial(record, &assessment, spec.rate),
            Purpose::Confirmation => of_confirmation(record, &assessment, spec.rate),
        };
        let number = self.number();
        Trial {
            number,
            folder: folder_of(number),
            purpose: spec.purpose,
            rate: spec.rate,
            seconds: spec.length.as_secs_f64(),
            class,
            why,
            spent: self.begun.elapsed().as_secs_f64(),
            cooled: 0.0,
            worked: meaning::worked(&assessment),
            seen: meaning::seen(&assessment),
            findings: assessment.findings.iter().map(|it| it.kind.to_owned()).collect(),
            filled: assessment.saturation.filled.iter().map(|it| it.what.to_owned()).collect(),
        }
    }

    /// The scenario with the load of a measurement, and arrivals of its own.
    fn loaded(&self, spec: &Spec, number: u32) -> Scenario {
        let scenario = &self.search.scenario;
        let lead = Duration::from_secs_f64(self.search.asked.lead);
        let what = (spec.purpose, number);
        let load = (spec.rate, self.search.asked.unit);
        let load = load_of(&scenario.load, what, load, lead, spec.length);
        Scenario { load, ..Scenario::clone(scenario) }
    }

    fn with_session<T>(
        &mut self,
        control: &Control,
        workers: usize,
        run: impl FnOnce(Session<'_>, &mut dyn FnMut(Event)) -> Result<T, TrialError>,
    ) -> Result<T, TrialError> {
        let Search { supervisor, receive_clock: clock, watch, .. } = &mut self.search;
        let session = Session { supervisor, receive_clock: *clock, control, workers, share: None };
        run(session, &mut |event| watch(SearchEvent::Target(event)))
    }

    fn save(&mut self) -> Result<(), TrialError> {
        self.file.took = self.begun.elapsed().as_secs_f64();
        meaning::fill(&mut self.file, self.controller.found());
        self.file.write(self.search.folder).map_err(TrialError::Store)
    }

    fn note(&mut self, text: String) {
        (self.search.watch)(SearchEvent::Note(text.clone()));
        self.file.notes.push(text);
    }

    fn at_most(&self) -> Duration {
        Duration::from_secs_f64(self.search.asked.within).saturating_sub(self.begun.elapsed())
    }

    /// How long requests in flight may take after a load.
    fn patience(&self) -> Duration {
        let thresholds = self.search.scenario.thresholds();
        let allowed = thresholds.iter().map(|threshold| threshold.duration()).max();
        GIVEN_UP.max(allowed.unwrap_or_default() + Duration::from_secs(1))
    }

    fn number(&self) -> u32 {
        self.file.trials.len() as u32 + 1
    }

    fn folder(&self, number: u32) -> PathBuf {
        self.search.folder.join(folder_of(number))
    }
}
