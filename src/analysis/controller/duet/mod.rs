//! The controller of a duet: pilot, segments, looks, and when it is enough.
//!
//! | phase | ends by | next |
//! | --- | --- | --- |
//! | pilot | it was measured | segments |
//! | unplanned | the first segment: it is the pilot too, and counts unless the arms have to take turns, or to warm up for longer | segments |
//! | segments | the gate has decided, or all planned looks were taken | stopped |
//!
//! Where a length of time is asked for ([`Course::Within`]) the first start of both arms tells how
//! many segments of what length fit in ([`course`]); `planning` has what else the first
//! measurement decides.

pub mod course;
mod planning;
pub mod segment_load;
mod settling;

use std::time::Duration;

use crate::analysis::assess::assess;
use crate::analysis::assessment::Verdict;
use crate::analysis::comparison::{Look, Ruling};
use crate::analysis::controller::Next;
use crate::analysis::gate;
use crate::analysis::pairing::{self, PairedTimes};
use crate::analysis::power::decidable;
use crate::record::duet::{DuetFile, DuetRecord, Idle, Method, Segment, SegmentHead};
use crate::scenario::load::Load;
use crate::scenario::model::Arm;
use course::Within;

/// The folder of a pilot.
pub const PILOT: &str = "pilot";

/// How the time is spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Course {
    /// By segments of the scenario's load, as many as there are looks, after a pilot of this
    /// judged length; none if zero.
    Fixed(Duration),
    /// As suits a length of time.
    Within(Within),
}

impl Course {
    /// The judged length of the pilot before the first segment; zero where there is none.
    pub fn pilot(self) -> Duration {
        match self {
            Course::Fixed(pilot) => pilot,
            Course::Within(_) => Duration::ZERO,
        }
    }
}

/// How the arms are to be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// At once, unless the first measurement finds the machine too small.
    Auto,
    /// At once.
    Interleaved,
    /// In turns.
    Alternating,
}

/// One measurement of both arms, started afresh.
#[derive(Debug, Clone, PartialEq)]
pub struct Spec {
    /// The name of its folder.
    pub name: String,
    /// Which one, from 1; a pilot is 0.
    pub number: u64,
    /// Its load, with arrivals of its own.
    pub load: Load,
    /// At once or in turns.
    pub method: Method,
}

impl Spec {
    /// Length of a block, if the arms take turns.
    pub fn block(&self) -> Option<Duration> {
        match self.method {
            Method::Alternating { block, .. } => Some(Duration::from_secs(u64::from(block))),
            Method::Interleaved | Method::Stored => None,
        }
    }

    /// How long the load lasts: in turns every second is played twice.
    pub fn length(&self) -> Duration {
        self.load.length() * if self.block().is_some() { 2 } else { 1 }
    }
}

/// Why a duet ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The gate has ruled, and the candidate's objectives are decided.
    Decided,
    /// All planned looks were taken.
    NoMoreLooks,
}

/// What became of a measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It is one of the judged segments.
    Counted,
    /// It told what to do, and is not judged: its folder is to be called [`PILOT`].
    AsPilot,
}

/// What the first start of both arms tells.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FirstStart {
    /// How long it took.
    pub took: Duration,
    /// What else of the time is spent by now.
    pub spent: Duration,
    /// CPU time without load, where it was asked for ([`Controller::wants_idle`]).
    pub idle: IdleSeen,
}

/// Whether it is known what the arms use without load.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum IdleSeen {
    /// Nobody asked, or there was no time to look.
    NotMeasured,
    /// It is not to be known here.
    Unknown,
    /// So much.
    Known(Idle),
}

/// What a controller has to say to those who watch.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    /// A sentence.
    Note(String),
    /// A planned look was taken.
    Look(Look),
}

/// What is known before anything runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// The record so far: arms, settings, and a method that is chosen later.
    pub file: DuetFile,
    /// The scenario's load, as one segment plays it.
    pub load: Load,
    /// Requests that an arrival leads to, if all goes well.
    pub per_iteration: f64,
    /// How the time is spent.
    pub course: Course,
    /// At once or in turns.
    pub wish: Wish,
}

/// Decides what a duet measures.
#[derive(Debug, Clone, PartialEq)]
pub struct Controller {
    record: DuetRecord,
    load: Load,
    per_iteration: f64,
    course: Course,
    wish: Wish,
    phase: Phase,
    /// How long the first start of both arms took, once it is known.
    took: Option<Duration>,
    /// Whether something was measured that is not judged.
    has_pilot: bool,
    said: Vec<Said>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Phase {
    Pilot(Duration),
    Unplanned(Within),
    Segments,
    Stopped(Why),
}

impl Controller {
    /// A duet that begins.
    pub fn new(asked: Asked) -> Controller {
        let Asked { mut file, load, per_iteration, course, wish } = asked;
        (file.warmup_seconds, file.judged_seconds) = (seconds(&load, true), seconds(&load, false));
        let phase = match course {
            Course::Fixed(pilot) if pilot.is_zero() => Phase::Segments,
            Course::Fixed(pilot) => Phase::Pilot(pilot),
            Course::Within(within) => Phase::Unplanned(within),
        };
        let record = DuetRecord { file, segments: Vec::new() };
        let (took, has_pilot, said) = (None, false, Vec::new());
        let mut new =
            Controller { record, load, per_iteration, course, wish, phase, took, has_pilot, said };
        if let Course::Fixed(_) = course {
            let before = decidable(&new.gate(), &new.record.file.settings);
            new.plan(before);
        }
        if phase == Phase::Segments || wish == Wish::Alternating {
            new.choose_method(None);
        }
        new
    }

    /// What to do now.
    pub fn next(&self) -> Next<Spec, Why> {
        let file = &self.record.file;
        match self.phase {
            Phase::Stopped(why) => Next::Stop(why),
            Phase::Pilot(_) => Next::Measure(self.spec(PILOT.to_owned(), 0, &self.pilot_file())),
            Phase::Unplanned(_) | Phase::Segments => {
                let number = self.record.segments.len() as u64 + 1;
                Next::Measure(self.spec(format!("segment-{number}"), number, file))
            }
        }
    }

    /// Whether the first start of the arms is yet to come.
    pub fn is_unstarted(&self) -> bool {
        self.took.is_none()
    }

    /// Whether it is worth measuring what the arms use without load.
    pub fn wants_idle(&self) -> bool {
        self.is_unstarted() && self.gates_on_cpu()
    }

    /// Both arms are up for the first time. What is next may have changed.
    pub fn started(&mut self, first: FirstStart) {
        self.took = Some(first.took);
        self.learn_idle(first.idle);
        if let Course::Within(within) = self.course {
            let in_turns = matches!(self.record.file.method, Method::Alternating { .. });
            let FirstStart { took: start, spent, .. } = first;
            self.set_course(within, course::Known { start, spent, in_turns });
        }
    }

    /// What was to be measured came to its end; so much time is spent since the first arm was
    /// started. Whoever was first is part of it.
    pub fn measured(&mut self, segment: Segment, spent: Duration) -> Kept {
        match self.phase {
            Phase::Pilot(_) => self.learn_from_pilot(&segment),
            Phase::Unplanned(within) => self.learn_from_first(segment, within, spent),
            Phase::Segments | Phase::Stopped(_) => self.count(segment),
        }
    }

    /// What is to be told since this was asked last, in the order in which it came up.
    pub fn said(&mut self) -> Vec<Said> {
        std::mem::take(&mut self.said)
    }

    /// How far it has come.
    pub fn record(&self) -> &DuetRecord {
        &self.record
    }

    /// The record, at its end.
    pub fn into_record(self) -> DuetRecord {
        self.record
    }

    /// Keeps a judged segment, and looks.
    fn count(&mut self, segment: Segment) -> Kept {
        let folder = format!("segment-{}", self.record.segments.len() + 1);
        self.record.file.segments.push(SegmentHead { folder, first: segment.first });
        self.record.segments.push(segment);
        self.phase = if self.is_decided() {
            Phase::Stopped(Why::Decided)
        } else if self.has_looks_left() {
            Phase::Segments
        } else {
            Phase::Stopped(Why::NoMoreLooks)
        };
        Kept::Counted
    }

    fn has_looks_left(&self) -> bool {
        self.record.segments.len() < self.record.file.settings.looks as usize
    }

    /// The look after the latest segment: whether it is the last one. A candidate that the gate
    /// lets pass may still have objectives that want more requests.
    fn is_decided(&mut self) -> bool {
        let measured = pairing::paired(&self.record, PairedTimes::Response);
        let (looks, _) = gate::judge(&measured, &self.record.file.settings);
        let Some(look) = looks.last().cloned() else { return false };
        let ruling = look.ruling;
        self.said.push(Said::Look(look));
        match ruling {
            Ruling::Inconclusive => false,
            Ruling::Regressed => true,
            Ruling::Pass | Ruling::Improved => !self.has_open_objectives(),
        }
    }

    fn has_open_objectives(&mut self) -> bool {
        let candidate = pairing::joined(&self.record, Arm::Candidate);
        let open = candidate.is_some_and(|run| assess(&run).verdict == Verdict::Inconclusive);
        if open && self.has_looks_left() {
            self.note("the gate passes; the candidate's objectives want more requests");
        }
        open
    }

    /// Each measurement has its own arrivals; a pilot is a shorter one.
    fn spec(&self, name: String, number: u64, file: &DuetFile) -> Spec {
        let mut load = self.load.clone();
        load.seed = load.seed.wrapping_add(number);
        if load.is_steady() {
            load.set_length(1, Duration::from_secs(u64::from(file.judged_seconds)));
        }
        Spec { name, number, load, method: file.method }
    }

    fn note(&mut self, text: &str) {
        self.said.push(Said::Note(text.to_owned()));
    }
}

/// Of the load's warm-up, or of what is judged.
fn seconds(load: &Load, warmup: bool) -> u32 {
    let of = load.stages.iter().filter(|stage| stage.warmup == warmup);
    of.map(|stage| stage.length).sum::<Duration>().as_secs() as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::sample_records::{self, Requests};
    use crate::record::duet::GateMetric;
    use crate::record::duet::tests::file;
    use crate::record::gauge;
    use crate::record::telemetry::TargetSecond;
    use crate::scenario::load::{ArrivalProcess, Stage};
    use crate::units::Rate;

    const S: fn(u64) -> Duration = Duration::from_secs;
    const NO_START: FirstStart =
        FirstStart { took: Duration::ZERO, spent: Duration::ZERO, idle: IdleSeen::NotMeasured };
    /// A tenth of the requests is the tail.
    const USUAL: [Requests; 2] = [ok(45, 10_000), ok(5, 40_000)];

    const fn ok(number: u64, micros: u64) -> Requests {
        let outcome = crate::record::outcome::Outcome::Ok;
        Requests { step: 0, number, outcome, micros, lag: 50, cause: None }
    }

    fn load() -> Load {
        let stage = |seconds, warmup| Stage {
            length: S(seconds),
            from: Rate(50.0),
            to: Rate(50.0),
            users: None,
            warmup,
        };
        let stages = vec![stage(10, true), stage(60, false)];
        Load::new(ArrivalProcess::Poisson, 7, stages)
    }

    fn asked(course: Course) -> Asked {
        let mut file = file(Method::Interleaved);
        file.settings.metrics = vec![GateMetric::ResponseTime(0.5)];
        Asked { file, load: load(), per_iteration: 1.0, course, wish: Wish::Auto }
    }

    fn within(seconds: u64) -> Course {
        let (time, segments, segment, warmup) = (S(seconds), None, None, None);
        Course::Within(Within { time, segments, segment, warmup })
    }

    fn spec(controller: &Controller) -> Spec {
        match controller.next() {
            Next::Measure(spec) => spec,
            Next::Stop(why) => panic!("stopped: {why:?}"),
        }
    }

    /// Both arms of a measurement, each using so much of a core. The machine has two.
    fn segment(spec: &Spec, cpu: f64, candidate: [Requests; 2]) -> Segment {
        let seconds = spec.length().as_secs() as u32;
        let arm = |requests: [Requests; 2]| {
            let mut run = sample_records::run(seconds, 50.0);
            sample_records::add(&mut run, 0..seconds, &requests);
            let stage = |stage: &Stage| crate::record::run::StageHead {
                seconds: stage.length.as_secs_f64(),
                from: 50.0,
                to: 50.0,
                users: None,
                warmup: stage.warmup,
            };
            run.head.load.stages = spec.load.stages.iter().map(stage).collect();
            let table = run.head.gauges.clone();
            let used = |second| TargetSecond::of(second, &table, [(&gauge::CPU, cpu)]);
            run.target = (0..seconds).map(used).collect();
            run
        };
        Segment { baseline: arm(USUAL), candidate: arm(candidate), first: Arm::Baseline }
    }

    fn notes(controller: &mut Controller) -> String {
        let said = controller.said().into_iter();
        let notes = said.filter_map(|said| match said {
            Said::Note(text) => Some(text),
            Said::Look(_) => None,
        });
        notes.collect::<Vec<String>>().join("\n")
    }

    #[test]
    fn within_a_time_the_first_start_says_how_many_segments_and_the_first_one_counts() {
        let mut duet = Controller::new(asked(within(180)));
        assert!(duet.is_unstarted() && !duet.wants_idle());
        duet.started(FirstStart { took: S(10), ..NO_START });
        let first = spec(&duet);
        assert_eq!((first.name.as_str(), first.number), ("segment-1", 1));
        assert_eq!(duet.record().file.settings.looks, 4, "as `course` has it for a start of 10 s");
        let lengths: Vec<u64> = first.load.stages.iter().map(|it| it.length.as_secs()).collect();
        let file = &duet.record().file;
        assert_eq!(lengths, [u64::from(file.warmup_seconds), u64::from(file.judged_seconds)]);
        assert_eq!(duet.measured(segment(&first, 0.3, USUAL), S(60)), Kept::Counted);
        assert_eq!(duet.record().segments.len(), 1);
        assert_eq!(duet.record().file.method, Method::Interleaved);
    }

    #[test]
    fn an_unchanged_candidate_is_decided_before_the_looks_are_used_up_and_a_worse_one_too() {
        for (candidate, ruling) in
            [(USUAL, Ruling::Pass), ([ok(45, 20_000), ok(5, 80_000)], Ruling::Regressed)]
        {
            let mut duet = Controller::new(asked(Course::Fixed(Duration::ZERO)));
            duet.started(NO_START);
            let mut last = None;
            while let Next::Measure(spec) = duet.next() {
                duet.measured(segment(&spec, 0.3, candidate), S(60));
                last = duet.said().into_iter().rev().find_map(|said| match said {
                    Said::Look(look) => Some(look.ruling),
                    Said::Note(_) => None,
                });
            }
            assert_eq!(duet.next(), Next::Stop(Why::Decided), "{ruling:?}");
            assert_eq!(last, Some(ruling));
        }
    }

    #[test]
    fn what_stays_open_ends_with_the_last_look() {
        let mut asked = asked(Course::Fixed(Duration::ZERO));
        // A first look does not let pass, the second would.
        asked.file.settings.looks = 3;
        let mut duet = Controller::new(asked);
        duet.started(NO_START);
        // An objective about failures that takes more requests than there are.
        let open = |mut segment: Segment| {
            let share = crate::scenario::slo::FailureShare::Errors;
            segment.candidate.head.slos.push(sample_records::failures(share, 1e-6));
            segment
        };
        let mut said = String::new();
        for number in 1..=3 {
            let next = spec(&duet);
            assert_eq!(next.number, number);
            duet.measured(open(segment(&next, 0.3, USUAL)), S(60));
            said += &notes(&mut duet);
        }
        assert_eq!(duet.next(), Next::Stop(Why::NoMoreLooks));
        assert_eq!(said.matches("the candidate's objectives want more requests").count(), 1);
    }

    #[test]
    fn on_a_machine_that_is_too_small_the_first_segment_is_a_pilot_and_the_arms_take_turns() {
        let mut duet = Controller::new(asked(within(180)));
        duet.started(FirstStart { took: S(4), ..NO_START });
        let first = spec(&duet);
        assert_eq!(duet.measured(segment(&first, 0.75, USUAL), S(40)), Kept::AsPilot);
        assert!(duet.record().segments.is_empty(), "a pilot is not judged");
        let next = spec(&duet);
        assert_eq!((next.name.as_str(), next.block()), ("segment-1", Some(S(5))));
        let all = (S(4) + next.length()) * duet.record().file.settings.looks;
        assert!(all <= S(140), "{all:?} of the 140 s that are left");
        let said = notes(&mut duet);
        assert!(said.contains("in turns of 5 s") && said.contains("80 % of the machine"), "{said}");
        assert_eq!(duet.measured(segment(&next, 0.75, USUAL), S(80)), Kept::Counted);
        assert!(matches!(duet.record().file.method, Method::Alternating { .. }));
    }

    /// Both arms answer after 300 ms for so many seconds, then as usual.
    fn cold(mut segment: Segment, seconds: u32) -> Segment {
        for run in [&mut segment.baseline, &mut segment.candidate] {
            for second in 0..seconds {
                run.seconds.remove(second);
            }
            sample_records::add(run, 0..seconds, &[ok(45, 300_000), ok(5, 900_000)]);
        }
        segment
    }

    #[test]
    fn arms_that_take_long_to_settle_warm_up_for_longer() {
        for (seconds, kept, warmup) in
            [(6, Kept::Counted, 5), (20, Kept::AsPilot, 22), (30, Kept::AsPilot, 30)]
        {
            let mut duet = Controller::new(asked(within(180)));
            duet.started(FirstStart { took: S(10), ..NO_START });
            let first = spec(&duet);
            let found = duet.measured(cold(segment(&first, 0.3, USUAL), seconds), S(45));
            assert_eq!(found, kept, "{seconds}");
            let next = spec(&duet);
            assert_eq!(next.number, if kept == Kept::AsPilot { 1 } else { 2 });
            assert_eq!(next.load.stages[0].length, S(warmup), "{seconds}");
            if kept == Kept::AsPilot {
                assert!(notes(&mut duet).contains("of warm-up from now on"));
                let all = (S(10) + next.length()) * duet.record().file.settings.looks;
                assert!(all <= S(135), "{all:?}");
                // However long it takes then, that counts.
                let again = cold(segment(&next, 0.8, USUAL), 40);
                assert_eq!(duet.measured(again, S(100)), Kept::Counted);
                assert_eq!(duet.record().file.method, Method::Interleaved);
            }
        }
    }

    #[test]
    fn a_slow_beginning_that_only_the_candidate_has_is_judged() {
        let mut duet = Controller::new(asked(within(180)));
        duet.started(FirstStart { took: S(10), ..NO_START });
        let first = spec(&duet);
        let baseline = segment(&first, 0.3, USUAL).baseline;
        let measured = Segment { baseline, ..cold(segment(&first, 0.3, USUAL), 20) };
        assert_eq!(duet.measured(measured, S(45)), Kept::Counted);
        assert_eq!(duet.record().file.warmup_seconds, 5);
    }

    #[test]
    fn a_warm_up_that_is_asked_for_or_too_long_for_the_time_is_kept() {
        for (time, asked_for) in [(180, Some(S(5))), (90, None)] {
            let Course::Within(course) = within(time) else { unreachable!() };
            let course = Course::Within(Within { warmup: asked_for, ..course });
            let mut duet = Controller::new(asked(course));
            duet.started(FirstStart { took: S(10), ..NO_START });
            let first = spec(&duet);
            let measured = cold(segment(&first, 0.3, USUAL), 20);
            assert_eq!(duet.measured(measured, S(45)), Kept::Counted, "{time}");
        }
    }

    #[test]
    fn a_higher_rate_is_proposed_where_quantiles_only_watch_and_the_machine_has_room() {
        for (watched, cpu, proposed) in
            [(Some(0.99), 0.1, true), (Some(0.99), 0.5, false), (None, 0.1, false)]
        {
            let mut asked = asked(within(60));
            let quantiles = std::iter::once(0.5).chain(watched);
            asked.file.settings.metrics = quantiles.map(GateMetric::ResponseTime).collect();
            let mut duet = Controller::new(asked);
            duet.started(NO_START);
            duet.measured(segment(&spec(&duet), cpu, USUAL), S(25));
            let said = notes(&mut duet);
            assert_eq!(said.contains("-R 100 would show more"), proposed, "{watched:?} {said}");
        }
    }

    #[test]
    fn cpu_time_that_cannot_be_known_does_not_gate() {
        for (idle, gates) in [
            (IdleSeen::Unknown, false),
            (IdleSeen::NotMeasured, true),
            (IdleSeen::Known(Idle { baseline: 0.1, candidate: 0.1 }), true),
        ] {
            let mut asked = asked(within(180));
            asked.file.settings.metrics.push(GateMetric::CpuPerRequest);
            let mut duet = Controller::new(asked);
            assert!(duet.wants_idle());
            duet.started(FirstStart { idle, ..NO_START });
            assert!(!duet.wants_idle(), "it is asked for once");
            let file = &duet.record().file;
            assert_eq!(file.settings.metrics.contains(&GateMetric::CpuPerRequest), gates);
            assert_eq!(file.dropped.is_empty(), gates, "{idle:?}");
        }
    }

    #[test]
    fn a_pilot_is_shorter_not_judged_and_comes_before_the_segments() {
        let mut duet = Controller::new(asked(Course::Fixed(S(20))));
        duet.started(NO_START);
        let pilot = spec(&duet);
        assert_eq!((pilot.name.as_str(), pilot.number), (PILOT, 0));
        assert_eq!(pilot.load.stages[1].length, S(20));
        assert_eq!(duet.measured(segment(&pilot, 0.3, USUAL), S(30)), Kept::AsPilot);
        let first = spec(&duet);
        assert_eq!((first.number, first.load.stages[1].length), (1, S(60)));
        assert_ne!(first.load.seed, pilot.load.seed, "each has its own arrivals");
    }
}
