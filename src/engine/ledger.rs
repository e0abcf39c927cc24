//! What one worker has seen since it last told the collector.

use std::mem;
use std::sync::mpsc::{self, Receiver, Sender};

use crate::engine::evidence::Testimony;
use crate::record::handshakes::Handshakes;
use crate::record::phase::Phase;
use crate::record::recorder::{Due, Missed};
use crate::record::sample::{Lap, Sample};
use crate::record::series::SeriesKey;
use crate::scenario::model::SourceId;
use crate::units::Moment;

/// One worker's second, as sent to the collector.
#[derive(Debug, Default)]
pub struct Batch {
    /// Which worker.
    pub worker: usize,
    /// The second of wall-clock time that has just passed.
    pub second: u32,
    /// Requests that ended, in pieces.
    pub samples: Vec<Vec<Sample>>,
    /// Requests that fell due or were sent.
    pub due: Vec<Due>,
    /// Times within exchanges.
    pub laps: Vec<Lap>,
    /// What some of those that failed looked like.
    pub failures: Vec<Testimony>,
    /// Levels at the end of the second.
    pub gauges: Gauges,
    /// Totals, set in the worker's last batch.
    pub last: Option<Totals>,
    /// Where the pieces go back to.
    pub home: Option<Sender<Vec<Vec<Sample>>>>,
}

impl Batch {
    /// Gives the pieces back to the worker once the samples in them have been counted. The
    /// same memory serves for a whole run, however long it is.
    pub fn give_back(&mut self) {
        let mut pieces = mem::take(&mut self.samples);
        pieces.iter_mut().for_each(Vec::clear);
        if let Some(home) = self.home.take() {
            // A worker that is gone wants nothing back.
            let _ = home.send(pieces);
        }
    }
}

/// Samples in a piece of memory. One list that grows would double, for ever, when a worker
/// stands still and has to make up for it.
pub const PIECE: usize = 1_024;

/// Samples that wait for their second to end.
#[derive(Debug)]
struct Waiting {
    /// All are full but the last one.
    pieces: Vec<Vec<Sample>>,
    /// Empty pieces.
    spare: Vec<Vec<Sample>>,
    /// Pieces that come back, and where they come back to.
    returned: Receiver<Vec<Vec<Sample>>>,
    home: Sender<Vec<Vec<Sample>>>,
}

impl Default for Waiting {
    fn default() -> Self {
        let (home, returned) = mpsc::channel();
        Waiting { pieces: Vec::new(), spare: Vec::new(), returned, home }
    }
}

impl Waiting {
    fn push(&mut self, sample: Sample) {
        match self.pieces.last_mut() {
            Some(piece) if piece.len() < PIECE => piece.push(sample),
            _ => {
                let mut piece = self.spare.pop().unwrap_or_else(|| Vec::with_capacity(PIECE));
                piece.push(sample);
                self.pieces.push(piece);
            }
        }
    }

    fn take(&mut self, batch: &mut Batch) {
        self.spare.extend(self.returned.try_iter().flatten());
        // What a stall once needed is not kept for ever.
        self.spare.truncate(self.pieces.len() + 1);
        batch.samples = mem::take(&mut self.pieces);
        batch.home = Some(self.home.clone());
    }
}

/// Levels and peaks of one worker.
#[derive(Debug, Clone, Copy, Default)]
pub struct Gauges {
    /// Requests in flight.
    pub in_flight: u64,
    /// Most requests in flight during the second.
    pub in_flight_peak: u64,
    /// Open connections.
    pub connections: u64,
    /// CPU time of the worker's thread during the second, in nanoseconds.
    pub cpu_ns: u64,
    /// Times that the kernel took the CPU away from the thread during the second.
    pub involuntary_switches: u64,
    /// The longest send lag, in nanoseconds.
    pub send_lag_max: u64,
    /// The longest that the worker stood still, in nanoseconds: how late its 10-ms tick was.
    pub canary_late_max: u64,
    /// Ticks that came more than 1, 10 and 100 ms late.
    pub late_ticks: [u64; 3],
}

/// From how late on a tick is counted, in nanoseconds.
const LATE: [u64; 3] = [1_000_000, 10_000_000, 100_000_000];

/// What a worker did in all.
#[derive(Debug, Clone, Copy, Default)]
pub struct Totals {
    /// Iterations started.
    pub iterations: u64,
    /// Iterations that came to their end, and of which no request failed.
    pub completed: u64,
    /// Requests given up without an outcome.
    pub abandoned: u64,
    /// TLS handshakes that succeeded.
    pub handshakes: Handshakes,
    /// What ended the load early, if each row of data was taken.
    pub used_up: Option<UsedUp>,
}

/// Rows of which each was taken, and which end the load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsedUp {
    /// Of which source.
    pub source: SourceId,
    /// When the last iteration that had one ended.
    pub at: Moment,
    /// How many workers met that.
    pub workers: usize,
}

impl UsedUp {
    /// What two workers, or groups of them, met.
    pub fn together(one: Option<UsedUp>, other: Option<UsedUp>) -> Option<UsedUp> {
        let (Some(one), Some(other)) = (one, other) else { return one.or(other) };
        let workers = one.workers + other.workers;
        Some(UsedUp { source: one.source, at: one.at.max(other.at), workers })
    }
}

/// The counts of one worker.
#[derive(Debug, Default)]
pub struct Ledger {
    ended: Waiting,
    due: Vec<Due>,
    laps: Vec<Lap>,
    in_flight: u64,
    in_flight_peak: u64,
    send_lag_max: u64,
    canary_late_max: u64,
    late_ticks: [u64; 3],
    /// What some requests that failed looked like.
    pub failures: Vec<Testimony>,
    /// Iterations and requests in all.
    pub totals: Totals,
}

impl Ledger {
    /// A request falls due.
    pub fn planned(&mut self, key: SeriesKey, intended: Moment) {
        self.due(key, intended).planned += 1;
        self.in_flight += 1;
        self.in_flight_peak = self.in_flight_peak.max(self.in_flight);
    }

    /// A request fell due, and the schedule is over before the worker came to it.
    pub fn missed(&mut self, key: SeriesKey, intended: Moment, lag: u64, limit: u64) {
        self.send_lag_max = self.send_lag_max.max(lag);
        let due = self.due(key, intended);
        due.planned += 1;
        let missed = &mut due.missed;
        let lag = missed.lag.max(lag);
        *missed = Missed { count: missed.count + 1, lag, limit };
    }

    /// A request that fell due leaves, for the first time.
    pub fn sent(&mut self, key: SeriesKey, intended: Moment) {
        self.due(key, intended).sent += 1;
    }

    /// A request that fell due has ended, one way or another.
    pub fn ended(&mut self, sample: Sample) {
        self.in_flight -= 1;
        self.send_lag_max = self.send_lag_max.max(sample.send_lag);
        self.ended.push(sample);
    }

    /// So many times within an exchange were as long, in nanoseconds.
    pub fn lap(
        &mut self,
        (key, intended): (SeriesKey, Moment),
        phase: Phase,
        nanos: u64,
        count: u32,
    ) {
        if count > 0 {
            let SeriesKey { step, tenant } = key;
            self.laps.push(Lap { second: intended.second(), step, tenant, phase, nanos, count });
        }
    }

    /// The worker's tick came so much later than it was due, in nanoseconds.
    pub fn saw_tick(&mut self, late: u64) {
        self.canary_late_max = self.canary_late_max.max(late);
        for (ticks, least) in self.late_ticks.iter_mut().zip(LATE) {
            *ticks += u64::from(late > least);
        }
    }

    /// Requests in flight.
    pub fn in_flight(&self) -> u64 {
        self.in_flight
    }

    /// The few seconds and steps at hand are found faster than hashed.
    fn due(&mut self, key: SeriesKey, intended: Moment) -> &mut Due {
        let second = intended.second();
        let SeriesKey { step, tenant } = key;
        let is_it = |due: &Due| (due.second, due.step, due.tenant) == (second, step, tenant);
        let found = self.due.iter().rposition(is_it);
        let index = found.unwrap_or_else(|| {
            let missed = Missed::default();
            self.due.push(Due { second, step, tenant, planned: 0, sent: 0, missed });
            self.due.len() - 1
        });
        &mut self.due[index]
    }

    /// Takes what has been seen.
    pub fn take(&mut self, batch: &mut Batch) {
        self.ended.take(batch);
        batch.due = mem::take(&mut self.due);
        batch.laps = mem::take(&mut self.laps);
        batch.failures = mem::take(&mut self.failures);
        batch.gauges.in_flight = self.in_flight;
        batch.gauges.in_flight_peak = mem::replace(&mut self.in_flight_peak, self.in_flight);
        batch.gauges.send_lag_max = mem::take(&mut self.send_lag_max);
        batch.gauges.canary_late_max = mem::take(&mut self.canary_late_max);
        batch.gauges.late_ticks = mem::take(&mut self.late_ticks);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::model::{StepId, TenantId};

    fn sample() -> Sample {
        Sample {
            step: StepId(0),
            tenant: TenantId(0),
            intended: Moment(0),
            sent: None,
            first_byte: None,
            ended: Moment(0),
            send_lag: 0,
            lag_felt: 0,
            receive_lag: None,
            connect: None,
            handshake: None,
            outcome: crate::record::outcome::Outcome::Ok,
            cause: None,
            status: None,
            body_bytes: 0,
            repeated: false,
            limit: 0,
        }
    }

    /// What a batch has after so many requests have ended, and the pieces that are kept for
    /// the next ones when the memory of all batches before has come back.
    fn after(waiting: &mut Waiting, ended: usize) -> (Vec<usize>, usize) {
        for _ in 0..ended {
            waiting.push(sample());
        }
        let mut batch = Batch::default();
        waiting.take(&mut batch);
        let pieces = batch.samples.iter().map(Vec::len).collect();
        batch.give_back();
        (pieces, waiting.spare.len())
    }

    #[test]
    fn samples_wait_in_pieces_that_come_back_and_those_that_a_stall_needed_do_not() {
        let mut waiting = Waiting::default();
        assert_eq!(after(&mut waiting, 0), (vec![], 0));
        assert_eq!(after(&mut waiting, 10), (vec![10], 0));
        assert_eq!(after(&mut waiting, 10), (vec![10], 1), "the first one is back");
        assert_eq!(after(&mut waiting, 2 * PIECE + 1), (vec![PIECE, PIECE, 1], 1));
        assert_eq!(after(&mut waiting, 9 * PIECE).0, [PIECE; 9]);
        assert_eq!(after(&mut waiting, 10), (vec![10], 2), "one and one more of nine");
        assert!(waiting.spare.iter().all(|piece| piece.is_empty() && piece.capacity() == PIECE));
    }

    #[test]
    fn late_ticks_are_counted_by_how_late_they_are_once() {
        let mut ledger = Ledger::default();
        for late in [0, 1_000_000, 2_000_000, 11_000_000, 300_000_000] {
            ledger.saw_tick(late);
        }
        let mut batch = Batch::default();
        ledger.take(&mut batch);
        assert_eq!(batch.gauges.late_ticks, [3, 2, 1]);
        assert_eq!(batch.gauges.canary_late_max, 300_000_000);
        ledger.take(&mut batch);
        assert_eq!((batch.gauges.late_ticks, batch.gauges.canary_late_max), ([0; 3], 0));
    }
}
