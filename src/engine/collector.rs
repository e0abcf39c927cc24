//! Batches in, record out: one thread that merges the workers' seconds, writes them to
//! disk and tells who watches.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use crate::engine::ledger::{Batch, Gauges, Totals, UsedUp};
use crate::engine::usage::thread_cpu;
use crate::record::gauge::{self, BEFORE_4};
use crate::record::histogram::Live;
use crate::record::interval::StepCounts;
use crate::record::outcome::{Cause, Outcome};
use crate::record::phase::Phase;
use crate::record::recorder::{Part, Recorder};
use crate::record::store::RunWriter;
use crate::record::telemetry::{GeneratorSecond, TargetSecond};
use crate::record::tick::{MOST_PARTS, Ticks};

/// What reaches the collector.
#[derive(Debug)]
pub enum Message {
    /// A worker's second.
    Batch(Batch),
    /// The machine's second.
    Machine(MachineSecond),
    /// The target's second.
    Target(TargetSecond),
}

/// The generator's machine during one second.
#[derive(Debug, Clone, Copy, Default)]
pub struct MachineSecond {
    /// Seconds since the start of the schedule.
    pub second: u32,
    /// Share of CPU time in use.
    pub busy: Option<f64>,
    /// Share of CPU time taken by the hypervisor.
    pub steal: Option<f64>,
    /// Share of time in which some task waited for a CPU.
    pub pressure: Option<f64>,
    /// Resident memory of the generator in bytes.
    pub rss: u64,
    /// Its open descriptors, where they were counted.
    pub descriptors: Option<u32>,
    /// How far the clocks moved against each other, in nanoseconds.
    pub clock_jump: u64,
}

/// What somebody who watches sees once a second.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Progress {
    /// The second that has just passed.
    pub second: u32,
    /// Requests that fell due in it.
    pub offered: u64,
    /// Requests that ended in it with an answer.
    pub answered: u64,
    /// Requests that ended in it otherwise than ok.
    pub errors: u64,
    /// The same by how they ended, in the order of [`Outcome::ALL`].
    pub outcomes: [u64; Outcome::COUNT],
    /// Of the server errors, those with status 503.
    pub unavailable: u64,
    /// Of the transport errors, refused connections.
    pub refused: u64,
    /// Requests that were not sent in it because of the generator.
    pub unsent_by_us: u64,
    /// p95 of the response times that ended in it, in milliseconds.
    pub p95: Option<f64>,
    /// The same for p99.
    pub p99: Option<f64>,
    /// The longest that the generator stood still in it, in nanoseconds.
    pub stood_still_ns: u64,
    /// Of the hundred ticks of each worker, those that came more than 10 ms late.
    pub late_ticks: u64,
    /// Requests in flight at its end.
    pub in_flight: u64,
    /// Resident memory of the target in bytes, as it was seen last.
    pub target_memory: Option<f64>,
}

/// What somebody who watches hears once a second.
#[derive(Debug, Clone, Copy)]
pub struct Heard<'a> {
    /// The second that has just passed.
    pub progress: Progress,
    /// What has been counted of each series since the beginning, in the order of the indexes.
    pub series: &'a [StepCounts],
    /// What was learnt since the last time, where that is kept.
    pub learnt: &'a [Part],
}

/// What was learnt in one second of wall-clock time, until all workers have reported it.
#[derive(Debug, Default)]
pub struct Passing {
    workers: usize,
    offered: u64,
    answered: u64,
    errors: u64,
    outcomes: [u64; Outcome::COUNT],
    unavailable: u64,
    refused: u64,
    unsent_by_us: u64,
    response: Live,
    generator: GeneratorSecond,
}

/// Merges and writes.
pub struct Collector<'a> {
    writer: &'a mut RunWriter,
    recorder: Recorder,
    workers: usize,
    /// What goes to the record.
    ticks: Ticks,
    /// Of the clock on the wall, until they are written.
    seconds: BTreeMap<u32, Passing>,
    machine: BTreeMap<u32, MachineSecond>,
    cpu: Duration,
    totals: Totals,
    /// The whole run, series by series.
    series: Vec<StepCounts>,
    /// Resident memory of the target, as it was seen last.
    target_memory: Option<f64>,
    /// What whoever watches has not heard of; nothing where nobody asks for it.
    learnt: Option<Vec<Part>>,
    watch: &'a mut dyn FnMut(&Heard<'_>),
}

impl std::fmt::Debug for Collector<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Collector").field("seconds", &self.seconds.len()).finish_non_exhaustive()
    }
}

/// How long a second of the generator waits for the machine's.
const PATIENCE: u32 = 2;

impl<'a> Collector<'a> {
    /// A collector for so many workers, which are a record's only generator.
    pub fn new(
        writer: &'a mut RunWriter,
        recorder: Recorder,
        workers: usize,
        watch: &'a mut dyn FnMut(&Heard<'_>),
    ) -> Collector<'a> {
        let series = vec![StepCounts::default(); writer.head().series.len()];
        // What goes on has the slots that the record knows, whatever threads carry them out now.
        let (slots, claim) = (writer.head().generators[0].slots, writer.head().resumed.len());
        let ticks = Ticks::of(slots, claim as u32);
        Collector {
            writer,
            recorder,
            workers,
            ticks,
            seconds: BTreeMap::new(),
            machine: BTreeMap::new(),
            cpu: thread_cpu(),
            totals: Totals::default(),
            series,
            target_memory: None,
            learnt: None,
            watch,
        }
    }

    /// Whoever watches hears of each second what was learnt, too.
    #[must_use]
    pub fn telling_parts(self, wanted: bool) -> Collector<'a> {
        Collector { learnt: wanted.then(Vec::new), ..self }
    }

    /// Takes messages until all workers have said their last word, or `go_on`, which is asked
    /// at least every 100 ms, says that they never will.
    pub fn run(&mut self, inbox: &Receiver<Message>, mut go_on: impl FnMut() -> bool) {
        let mut ended = 0;
        while ended < self.workers {
            match inbox.recv_timeout(Duration::from_millis(100)) {
                Ok(message) => ended += usize::from(self.take(message)),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if !go_on() {
                break;
            }
        }
    }

    /// Writes what is left, and returns what the workers did in all.
    pub fn finish(mut self, inbox: &Receiver<Message>) -> Totals {
        while let Ok(message) = inbox.try_recv() {
            self.take(message);
        }
        self.write_seconds(u32::MAX);
        self.totals
    }

    /// Whether this was a worker's last message.
    fn take(&mut self, message: Message) -> bool {
        match message {
            Message::Batch(batch) => return self.take_batch(batch),
            Message::Target(second) => {
                self.target_memory = gauge::find(&BEFORE_4, &gauge::RSS)
                    .and_then(|id| second.value(id))
                    .or(self.target_memory);
                self.writer.append_target(second);
            }
            Message::Machine(machine) => {
                self.machine.insert(machine.second, machine);
            }
        }
        false
    }

    fn take_batch(&mut self, mut batch: Batch) -> bool {
        self.take_samples(&mut batch);
        for failure in batch.failures.drain(..) {
            self.writer.failures.append(failure.written());
        }
        batch.give_back();
        let passing = self.seconds.entry(batch.second).or_default();
        passing.level(&batch.gauges);
        passing.workers += usize::from(batch.last.is_none());
        if let Some(totals) = batch.last {
            self.totals.iterations += totals.iterations;
            self.totals.completed += totals.completed;
            self.totals.abandoned += totals.abandoned;
            self.totals.used_up = UsedUp::together(self.totals.used_up, totals.used_up);
            self.totals.handshakes = self.totals.handshakes.and(totals.handshakes);
        }
        self.write_seconds(batch.second.saturating_sub(PATIENCE));
        self.tell(batch.second);
        batch.last.is_some()
    }

    fn take_samples(&mut self, batch: &mut Batch) {
        let Collector { writer, recorder, ticks, seconds, series, learnt, .. } = self;
        let passing = seconds.entry(batch.second).or_default();
        let mut parts = Vec::new();
        for part in recorder.fold(&mut batch.samples, &mut batch.due, &mut batch.laps) {
            passing.count(&part);
            if let Some(series) = series.get_mut(part.series.index()) {
                series.add(&part.counts);
            }
            if let Some(learnt) = learnt {
                learnt.push(part.clone());
            }
            parts.push(part);
            if parts.len() == MOST_PARTS {
                writer.take(&ticks.parts(std::mem::take(&mut parts)));
            }
        }
        if !parts.is_empty() {
            writer.take(&ticks.parts(parts));
        }
    }

    /// Tells the watcher once all workers have reported a second.
    fn tell(&mut self, second: u32) {
        let Some(passing) = self.seconds.get(&second) else { return };
        if passing.workers == self.workers {
            let target_memory = self.target_memory;
            let progress = Progress { target_memory, ..passing.progress(second) };
            let learnt = self.learnt.as_deref().unwrap_or_default();
            (self.watch)(&Heard { progress, series: &self.series, learnt });
            self.learnt.iter_mut().for_each(Vec::clear);
        }
    }

    fn write_seconds(&mut self, before: u32) {
        while let Some(entry) = self.seconds.first_entry() {
            if *entry.key() >= before {
                return;
            }
            let (second, passing) = entry.remove_entry();
            let machine = self.machine_until(second);
            let cpu = thread_cpu();
            let own = cpu.saturating_sub(std::mem::replace(&mut self.cpu, cpu));
            let seen = GeneratorSecond {
                second,
                cpu: passing.generator.cpu + own.as_secs_f64(),
                rss: machine.rss,
                descriptors: machine.descriptors,
                machine_busy: machine.busy,
                steal: machine.steal,
                cpu_pressure: machine.pressure,
                clock_jump_ns: machine.clock_jump,
                ..passing.generator
            };
            self.writer.take(&self.ticks.generator(seen));
        }
    }
}

impl Collector<'_> {
    /// What is known of the machine in a second. When the generator stood still for longer
    /// than that there are seconds without workers; their jumps of the clock are kept.
    fn machine_until(&mut self, second: u32) -> MachineSecond {
        let later = self.machine.split_off(&second.saturating_add(1));
        let mut passed = std::mem::replace(&mut self.machine, later);
        let clock_jump = passed.values().map(|machine| machine.clock_jump).max().unwrap_or(0);
        MachineSecond { clock_jump, ..passed.remove(&second).unwrap_or_default() }
    }
}

impl Passing {
    /// Adds what was learnt.
    pub fn count(&mut self, part: &Part) {
        self.offered += part.counts.planned;
        let of = |outcome| part.counts.outcome(outcome);
        let unanswered = of(Outcome::Timeout) + of(Outcome::TransportError) + of(Outcome::Unsent);
        self.answered += part.counts.ended() - unanswered;
        self.errors += part.counts.ended() - of(Outcome::Ok);
        for (sum, count) in self.outcomes.iter_mut().zip(part.counts.outcomes) {
            *sum += count;
        }
        let unavailable = part.counts.statuses.iter().filter(|(status, _)| *status == 503);
        self.unavailable += unavailable.map(|(_, times)| times).sum::<u64>();
        self.refused += part.counts.cause(Cause::Refused);
        let ours =
            [Cause::Late, Cause::Descriptors, Cause::Ports, Cause::NoRow, Cause::GeneratorLost];
        self.unsent_by_us += ours.map(|cause| part.counts.cause(cause)).iter().sum::<u64>();
        self.response.add_sparse(&part.times[Phase::Response]);
    }

    fn level(&mut self, gauges: &Gauges) {
        let generator = &mut self.generator;
        let cpu = gauges.cpu_ns as f64 / 1e9;
        generator.cpu += cpu;
        generator.busiest_worker = generator.busiest_worker.max(cpu);
        generator.in_flight += gauges.in_flight;
        generator.in_flight_peak += gauges.in_flight_peak;
        generator.connections += gauges.connections;
        generator.involuntary_switches += gauges.involuntary_switches;
        generator.canary_late_max_ns = generator.canary_late_max_ns.max(gauges.canary_late_max);
        for (sum, ticks) in generator.late_ticks.iter_mut().zip(gauges.late_ticks) {
            *sum += ticks;
        }
        generator.send_lag_max_ns = generator.send_lag_max_ns.max(gauges.send_lag_max);
    }

    /// As it is told.
    pub fn progress(&self, second: u32) -> Progress {
        let times = self.response.to_sparse();
        let quantile = |share| times.quantile(share).map(|micros| micros / 1e3);
        Progress {
            second,
            offered: self.offered,
            answered: self.answered,
            errors: self.errors,
            outcomes: self.outcomes,
            unavailable: self.unavailable,
            refused: self.refused,
            unsent_by_us: self.unsent_by_us,
            p95: quantile(0.95),
            p99: quantile(0.99),
            stood_still_ns: self.generator.canary_late_max_ns,
            late_ticks: self.generator.late_ticks[1],
            in_flight: self.generator.in_flight,
            target_memory: None,
        }
    }
}
