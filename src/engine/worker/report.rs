//! Tells the collector, once a second, what a worker has seen.

use std::sync::mpsc::Sender;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::engine::collector::Message;
use crate::engine::ledger::{Batch, Ledger};
use crate::engine::usage::{cpu_of, thread_usage};
use crate::units::Moment;

/// One worker's way to the collector.
#[derive(Debug)]
pub(super) struct Reporter {
    index: usize,
    out: Sender<Message>,
    /// The second that is reported once it has begun.
    second: u32,
    cpu: Duration,
    switches: u64,
}

impl Reporter {
    /// Of a worker that begins with a second of the schedule.
    pub(super) fn new(index: usize, from: u32, out: Sender<Message>) -> Reporter {
        Reporter { index, out, second: from + 1, cpu: Duration::ZERO, switches: 0 }
    }

    /// Sends a batch if a second has passed.
    pub(super) fn report_past(&mut self, now: Moment, ledger: &mut Ledger, connections: usize) {
        let current = now.second();
        if current >= self.second {
            self.send(Batch { second: current - 1, ..Batch::default() }, ledger, connections);
            self.second = current + 1;
        }
    }

    /// Sends what is left.
    pub(super) fn report_last(&mut self, now: Moment, ledger: &mut Ledger, connections: usize) {
        self.report_past(now, ledger, connections);
        let mut totals = ledger.totals;
        totals.abandoned = ledger.in_flight();
        let second = self.second - 1;
        self.send(Batch { second, last: Some(totals), ..Batch::default() }, ledger, connections);
    }

    fn send(&mut self, mut batch: Batch, ledger: &mut Ledger, connections: usize) {
        batch.worker = self.index;
        ledger.take(&mut batch);
        batch.gauges.connections = connections as u64;
        let usage = thread_usage();
        let cpu = usage.as_ref().map_or(Duration::ZERO, cpu_of);
        let switches = usage.map_or(0, |usage| usage.involuntary_context_switches().unsigned_abs());
        batch.gauges.cpu_ns = cpu.saturating_sub(self.cpu).as_nanos() as u64;
        batch.gauges.involuntary_switches = switches.saturating_sub(self.switches);
        (self.cpu, self.switches) = (cpu, switches);
        // A collector that is gone has nobody to tell; the run is being torn down.
        let _ = self.out.send(Message::Batch(batch));
    }
}

/// Milliseconds since 1970.
pub(super) fn unix_millis() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_millis() as u64
}
