//! A run that goes on after it was interrupted or killed: whether it can, and from where.
//!
//! A record and the scenario that it shall go on with come in. An [`Earlier`] goes out, with
//! which a trial carries out the rest of the schedule into the same folder: the same seed, the
//! arrivals where they were to be. Whatever would make one record of two kinds of runs is
//! refused.

use std::fmt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::engine::transport::clock::ReceiveClock;
use crate::experiment::address::{self, shown};
use crate::experiment::head::head;
use crate::record::generator::Environment;
use crate::record::interval::StepCounts;
use crate::record::run::{
    EndReason, Head, LoadHead, PartHead, Resumed, RunRecord, StageHead, VERSION,
};
use crate::record::store::claim::Claim;
use crate::record::store::reopen::Reopened;
use crate::record::store::{RunWriter, StoreError};
use crate::scenario::load::{Load, Part, Stage};
use crate::scenario::model::Scenario;
use crate::schedule::several::Stream;
use crate::units::{Moment, Rate};

/// What a run was before it goes on.
#[derive(Debug)]
pub struct Earlier {
    record: RunRecord,
    from: u32,
    warnings: Vec<String>,
    claim: Option<Claim>,
}

/// Why a run cannot go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unfit {
    /// Its schedule was carried out.
    Finished,
    /// It ended of itself, for this reason.
    Ended(String),
    /// It was killed after the last of its load.
    NothingLeft,
    /// The scenario sends something else now, or is another one.
    OtherScenario,
    /// The target is somewhere else now.
    OtherTarget {
        /// Where it was.
        before: String,
        /// Where it is now.
        now: String,
    },
    /// The objectives are others now.
    OtherObjectives,
    /// Another version of loadgate wrote it.
    OtherVersion {
        /// Which.
        found: String,
    },
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unfit::Finished => f.write_str(
                "the run is finished, there is nothing to resume; `loadgate report` renders it",
            ),
            Unfit::Ended(why) => {
                write!(f, "the run ended of itself and cannot be resumed: {why}; start a new one")
            }
            Unfit::NothingLeft => f.write_str(
                "all of the run's load was sent before it was killed; `loadgate report` renders it",
            ),
            Unfit::OtherScenario => f.write_str(
                "the run is of another scenario: its requests, variables or load are not those of \
                 this file; take the file as it was, or start a new run",
            ),
            Unfit::OtherTarget { before, now } => write!(
                f,
                "the run is of the target {before}, and the scenario's is {now}; write the one that \
                 it began with, or start a new run"
            ),
            Unfit::OtherObjectives => f.write_str(
                "the scenario's objectives or limits are not those that the run began with; take \
                 the file as it was, or start a new run",
            ),
            Unfit::OtherVersion { found } => write!(
                f,
                "the run was recorded by loadgate {found}, and this is {}; resume it with that \
                 version, or start a new run",
                env!("CARGO_PKG_VERSION")
            ),
        }
    }
}

impl std::error::Error for Unfit {}

impl Earlier {
    /// What is left to do of a run with a scenario, on this machine.
    pub fn of(
        record: RunRecord,
        scenario: &Scenario,
        clock: ReceiveClock,
    ) -> Result<Earlier, Unfit> {
        check_ended(&record)?;
        let mut now = head(scenario, shown(scenario), 0, SystemTime::UNIX_EPOCH);
        let clock = address::clock(scenario, clock);
        clock.name().clone_into(&mut now.generators[0].environment.receive_clock);
        check_head(&record.head, &now)?;
        if !has_parts_of(&record.head.load, scenario) {
            return Err(Unfit::OtherScenario);
        }
        let from = begins_again(&record);
        if f64::from(from) >= record.head.load.seconds() {
            return Err(Unfit::NothingLeft);
        }
        let warnings = unlike(record.head.environment(), now.environment());
        Ok(Earlier { record, from, warnings, claim: None })
    }

    /// Nobody else writes into its folder; claimed before its record was read.
    #[must_use]
    pub fn claimed(self, claim: Claim) -> Earlier {
        Earlier { claim: Some(claim), ..self }
    }

    /// The first second of the schedule that is left.
    pub fn from(&self) -> u32 {
        self.from
    }

    /// The scenario with the load that the run began with.
    pub fn scenario(&self, scenario: &Scenario) -> Scenario {
        Scenario { load: load(&self.record.head.load, scenario), ..scenario.clone() }
    }

    /// What is not as it was when the run began, each in a sentence.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Opens the files of the run's folder, to be appended to.
    pub(super) fn reopen(self, folder: &Path, restarts: bool) -> Result<Ahead, StoreError> {
        let Earlier { mut record, from, warnings, claim } = self;
        let files = Reopened::of(folder, &record, from, claim)?;
        let counted = record.head.resumed.last().cloned().unwrap_or_default();
        let end = record.end.as_ref();
        let resumed = Resumed {
            from,
            started_unix_ms: 0,
            restarted: restarts,
            lost: lost(&record),
            iterations: end.map_or(counted.iterations, |end| end.iterations),
            iterations_completed: end
                .map_or(counted.iterations_completed, |end| end.iterations_completed),
            handshakes: end.map_or(counted.handshakes, |end| end.handshakes),
        };
        record.head.generators[0].environment.warnings.extend(warnings);
        Ok(Ahead { head: record.head, files, resumed })
    }
}

/// The rest of a run, about to begin.
#[derive(Debug)]
pub(super) struct Ahead {
    head: Head,
    files: Reopened,
    /// What it goes on from; when is not known yet.
    pub(super) resumed: Resumed,
}

/// Of so many seconds before it was killed nothing may be written.
const UNWRITTEN: u64 = 3;

/// The arrivals of those behind a second. A recording may have many more in them than its stages,
/// which have mean rates, say.
fn due_from(load: &Load, from: u32) -> u64 {
    if load.is_closed() {
        return 0;
    }
    let begin = u64::from(from) * 1_000_000_000;
    let span = Moment(begin)..Moment(begin + UNWRITTEN * 1_000_000_000);
    let due = Stream::new(load).skip_while(|next| next.at < span.start);
    due.take_while(|next| next.at < span.end).count() as u64
}

impl Ahead {
    /// How many iterations may have been begun of which nothing is written, each time that it went
    /// on: as many as were due, as iterations behind them have numbers of their own.
    pub(super) fn unwritten(&self, load: &Load) -> u64 {
        let before = self.head.resumed.iter().map(|resumed| resumed.from);
        before.chain([self.resumed.from]).map(|from| due_from(load, from)).sum()
    }

    /// Begins, with a schedule that started, or would have started, at a moment.
    pub(super) fn begin(self, start: SystemTime) -> Result<RunWriter, StoreError> {
        let Ahead { mut head, files, resumed } = self;
        let since = start.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let started_unix_ms = since.as_millis() as u64 + u64::from(resumed.from) * 1_000;
        head.resumed.push(Resumed { started_unix_ms, ..resumed });
        files.begin(head)
    }

    /// How long the workers take to come to the first arrival that is left, at most.
    pub(super) fn lead(&self) -> Duration {
        let load = &self.head.load.stages;
        let arrivals: f64 =
            load.iter().map(|stage| f64::midpoint(stage.from, stage.to) * stage.seconds).sum();
        Duration::from_nanos((arrivals * NANOS_PER_ARRIVAL) as u64).min(LONGEST_LEAD)
    }
}

/// What it takes to draw an arrival, with room.
const NANOS_PER_ARRIVAL: f64 = 100.0;
const LONGEST_LEAD: Duration = Duration::from_secs(60);

fn check_ended(record: &RunRecord) -> Result<(), Unfit> {
    if record.head.generators.len() > 1 {
        return Err(Unfit::Ended("several generators shared its load".to_owned()));
    }
    match record.end.as_ref().map(|end| &end.reason) {
        None | Some(EndReason::Interrupted { .. }) => Ok(()),
        Some(EndReason::Finished | EndReason::RowsUsed { .. }) => Err(Unfit::Finished),
        Some(
            EndReason::Hopeless { detail }
            | EndReason::FailedFast { detail }
            | EndReason::GeneratorLost { detail },
        ) => Err(Unfit::Ended(detail.clone())),
        Some(EndReason::TargetDied { detail }) => {
            Err(Unfit::Ended(format!("the target died: {detail}")))
        }
    }
}

/// In what a machine differs from the one before.
fn unlike(before: &Environment, now: &Environment) -> Vec<String> {
    let both = [
        ("CPU", before.cpu.clone(), now.cpu.clone()),
        ("number of cores", before.cores.to_string(), now.cores.to_string()),
        ("system", before.system.clone(), now.system.clone()),
        ("clock of receipt", before.receive_clock.clone(), now.receive_clock.clone()),
    ];
    let unlike = both.into_iter().filter(|(_, before, now)| before != now);
    let warning = |(what, before, now)| {
        format!("resumed on another machine: its {what} is {now}, and was {before}")
    };
    unlike.map(warning).collect()
}

fn check_head(before: &Head, now: &Head) -> Result<(), Unfit> {
    let found = &before.environment().loadgate;
    let is_same_form = before.version == VERSION && before.gauges == now.gauges;
    if !is_same_form || *found != now.environment().loadgate {
        return Err(Unfit::OtherVersion { found: found.clone() });
    }
    if before.target != now.target {
        return Err(Unfit::OtherTarget { before: before.target.clone(), now: now.target.clone() });
    }
    if before.scenario_hash != now.scenario_hash
        || before.steps != now.steps
        || before.series != now.series
    {
        return Err(Unfit::OtherScenario);
    }
    let are_same = before.slos == now.slos
        && before.thresholds == now.thresholds
        && before.limits == now.limits;
    if are_same { Ok(()) } else { Err(Unfit::OtherObjectives) }
}

/// The first second of which nothing is known. What a generator still heard after it had been
/// told to end is of no second of the load.
fn begins_again(record: &RunRecord) -> u32 {
    let due = record.seconds.last().map_or(0, |last| last + 1);
    if let Some(end) = &record.end {
        return due.max(end.scheduled.ceil() as u32);
    }
    let generator = record.generator.last().map_or(0, |last| last.second + 1);
    let target = record.target.last().map_or(0, |last| last.second + 1);
    due.max(generator).max(target)
}

/// Requests that were due and have no outcome.
fn lost(record: &RunRecord) -> u64 {
    let open = |counts: &StepCounts| counts.planned.saturating_sub(counts.ended());
    record.seconds.iter().flat_map(|second| second.counts()).map(|counts| open(&counts)).sum()
}

/// Whether each of several loads of a record is one of the scenario's, and as many moments were
/// recorded for it.
fn has_parts_of(head: &LoadHead, scenario: &Scenario) -> bool {
    let own = &scenario.load.parts;
    let is_same = |(before, now): (&PartHead, &Part)| {
        before.recorded == now.recorded.as_ref().map(|all| all.0.len() as u64)
            && flows_of(before, scenario) == now.flows
    };
    head.parts.len() == own.len() && head.parts.iter().zip(own).all(is_same)
}

fn flows_of(part: &PartHead, scenario: &Scenario) -> Vec<usize> {
    let place = |name: &String| scenario.flows.iter().position(|flow| flow.name == *name);
    part.flows.iter().filter_map(place).collect()
}

/// The load of a record, each of several by itself; the moments of one that was recorded are the
/// scenario's, of which they are a part.
fn load(head: &LoadHead, scenario: &Scenario) -> Load {
    let part = |(before, now): (&PartHead, &Part)| Part {
        flows: flows_of(before, scenario),
        arrivals: before.arrivals,
        stages: stages(&before.stages),
        recorded: now.recorded.clone(),
    };
    let parts = head.parts.iter().zip(&scenario.load.parts).map(part).collect();
    Load { parts, cap: head.cap, ..Load::new(head.arrivals, head.seed, stages(&head.stages)) }
}

fn stages(all: &[StageHead]) -> Vec<Stage> {
    let stage = |stage: &StageHead| Stage {
        length: Duration::try_from_secs_f64(stage.seconds).unwrap_or_default(),
        from: Rate(stage.from),
        to: Rate(stage.to),
        users: stage.users,
        warmup: stage.warmup,
    };
    all.iter().map(stage).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::soak::lasting;
    use crate::record::failures::Failures;
    use crate::record::handshakes::Handshakes;
    use crate::record::interval::Second;
    use crate::record::outcome::Outcome;
    use crate::record::run::End;
    use crate::record::seconds::Seconds;
    use crate::record::telemetry::GeneratorSecond;
    use crate::scenario::load::{Part, Recorded};
    use crate::scenario::read::{Origin, parse};

    fn scenario(rate: &str, objective: &str) -> Scenario {
        let text = format!(
            r#"{{"name": "one", "target": {{"url": "http://127.0.0.1:1"}},
                "flows": [{{"name": "flow", "steps": [{{"name": "step", "request": "GET /"}}]}}],
                "load": {{"stages": [{{"for": "60s", "rate": "{rate}"}}]}},
                "slo": {{"all": ["{objective}"]}}}}"#
        );
        let no_file = |_: &Path| Err(std::io::ErrorKind::NotFound.into());
        parse(&text, &Origin::default(), &|_| None, &no_file).unwrap()
    }

    fn usual() -> Scenario {
        scenario("20/s", "p50 < 1s")
    }

    /// Ten seconds of an hour were recorded, of each one request without an outcome.
    fn record(reason: Option<EndReason>) -> RunRecord {
        let mut scenario = usual();
        scenario.load.stages[0].length = Duration::from_secs(3_600);
        let mut second = Second::empty(1);
        second.counts[0].planned = 20;
        second.counts[0].outcomes[Outcome::Ok.index()] = 19;
        let seen = |second| GeneratorSecond { second, ..GeneratorSecond::default() };
        let end = reason.map(|reason| End {
            reason,
            scheduled: 9.4,
            seconds: 11.0,
            abandoned: 10,
            iterations: 200,
            iterations_completed: 190,
            handshakes: Handshakes::default(),
            later_addresses: Vec::new(),
            teardown: None,
            faults: Vec::new(),
            lost: Vec::new(),
            watcher: None,
            statements: Vec::new(),
        });
        RunRecord {
            head: head(&scenario, shown(&scenario), 1, SystemTime::UNIX_EPOCH),
            end,
            seconds: (0..10).map(|number| (number, second.clone())).collect::<Seconds>(),
            generator: (0..12).map(seen).collect(),
            target: Vec::new(),
            failures: Failures::default(),
        }
    }

    fn of(record: RunRecord, scenario: &Scenario) -> Result<Earlier, Unfit> {
        Earlier::of(record, scenario, ReceiveClock::Kernel)
    }

    #[test]
    fn it_goes_on_where_its_load_had_stopped_with_the_load_that_it_had() {
        let interrupted = record(Some(EndReason::Interrupted { signal: 2 }));
        let found = of(interrupted, &usual()).unwrap();
        assert_eq!(found.from(), 10, "the generator's last words are of no load");
        assert_eq!(found.scenario(&usual()).load.length(), Duration::from_secs(3_600));
        assert_eq!(lost(&found.record), 10);
        assert_eq!(of(record(None), &usual()).unwrap().from(), 12);
        let warnings = found.warnings();
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].contains("clock of receipt is kernel"), "{warnings:?}");
    }

    #[test]
    fn rows_of_a_burst_that_nobody_wrote_down_are_not_taken_again() {
        let mut load = usual().load;
        load.stages[0].length = Duration::from_secs(600);
        // The stages of a recording have its mean rates.
        let quiet = (0..600).map(|second| second * 1_000_000_000);
        let burst = (0..900).map(|n| 300_000_000_000 + n * 1_000_000);
        let mut moments: Vec<u64> = quiet.chain(burst).collect();
        moments.sort_unstable();
        let recorded = Some(Recorded(moments.into()));
        let (arrivals, stages) = (load.arrivals, load.stages.clone());
        load.parts = vec![Part { flows: vec![0], arrivals, stages, recorded }];
        assert_eq!(due_from(&load, 300), 903);
        assert_eq!((due_from(&load, 10), due_from(&load, 599)), (3, 1));
        load.parts.clear();
        assert!((20..110).contains(&due_from(&load, 300)), "sixty are expected");
    }

    fn two_loads() -> Scenario {
        let text = r#"{"name": "one", "target": {"url": "http://127.0.0.1:1"}, "flows": [
            {"name": "browse", "steps": [{"name": "step", "request": "GET /"}]},
            {"name": "import", "steps": [{"name": "other", "request": "GET /b"}],
             "load": {"arrivals": "uniform", "stages": [{"for": "50s", "rate": "5/s"}]}}],
            "load": {"stages": [{"for": "60s", "rate": "20/s"}]}}"#;
        let no_file = |_: &Path| Err(std::io::ErrorKind::NotFound.into());
        parse(text, &Origin::default(), &|_| None, &no_file).unwrap()
    }

    #[test]
    fn each_of_several_loads_goes_on_as_long_as_the_run_has_it() {
        let scenario = two_loads();
        let mut soak = scenario.clone();
        soak.load = lasting(&scenario.load, Duration::from_secs(3_600)).unwrap();
        let mut before = record(None);
        before.head = head(&soak, shown(&soak), 1, SystemTime::UNIX_EPOCH);
        let found = of(before.clone(), &scenario).unwrap();
        assert_eq!(found.scenario(&scenario).load, soak.load);
        before.head.load.parts[1].flows = vec!["export".to_owned()];
        refused(before.clone(), &scenario, &Unfit::OtherScenario);
        before.head.load.parts.truncate(1);
        refused(before, &scenario, &Unfit::OtherScenario);
    }

    #[track_caller]
    fn refused(record: RunRecord, scenario: &Scenario, expected: &Unfit) {
        let unfit = of(record, scenario).unwrap_err();
        assert_eq!(unfit, *expected);
        assert!(unfit.to_string().len() > 40, "{unfit}");
    }

    #[test]
    fn what_would_make_one_record_of_two_runs_is_refused() {
        refused(record(Some(EndReason::Finished)), &usual(), &Unfit::Finished);
        let died = record(Some(EndReason::TargetDied { detail: "exit 1".to_owned() }));
        refused(died, &usual(), &Unfit::Ended("the target died: exit 1".to_owned()));
        refused(record(None), &scenario("21/s", "p50 < 1s"), &Unfit::OtherScenario);
        refused(record(None), &scenario("20/s", "p50 < 2s"), &Unfit::OtherObjectives);
        let mut older = record(None);
        older.head.generators[0].environment.loadgate = "0.0.1".to_owned();
        refused(older, &usual(), &Unfit::OtherVersion { found: "0.0.1".to_owned() });
        let mut other_form = record(None);
        other_form.head.gauges.pop();
        let found = env!("CARGO_PKG_VERSION").to_owned();
        refused(other_form, &usual(), &Unfit::OtherVersion { found });
        let mut elsewhere = record(None);
        elsewhere.head.target = "http://127.0.0.1:2".to_owned();
        let (before, now) = (elsewhere.head.target.clone(), "http://127.0.0.1:1".to_owned());
        refused(elsewhere, &usual(), &Unfit::OtherTarget { before, now });
        let mut over = record(None);
        over.head.load.stages[0].seconds = 12.0;
        refused(over, &usual(), &Unfit::NothingLeft);
    }
}
