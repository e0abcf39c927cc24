//! Samples in, seconds out.
//!
//! The workers hand over plain samples once a second; sorting them by second and series
//! lets one set of histograms serve for all, so memory does not depend on the number
//! of series or of open seconds.

use crate::record::histogram::{Live, Sparse};
use crate::record::interval::{StepCounts, StepTimes};
use crate::record::outcome::{Cause, Outcome};
use crate::record::phase::Phase;
use crate::record::run::Head;
use crate::record::sample::{Lap, Sample};
use crate::record::series::{Layout, SeriesId, SeriesKey};
use crate::scenario::model::{StepId, TenantId};
use crate::scenario::slo::Threshold;

/// Requests of one step and tenant that fell due, or were sent, in one second. Counted when it
/// happens, so that requests still in flight are known too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// The second of the intended moment.
    pub second: u32,
    /// Which step.
    pub step: StepId,
    /// Whose requests.
    pub tenant: TenantId,
    /// Requests due.
    pub planned: u32,
    /// Requests sent.
    pub sent: u32,
    /// Requests that are not sent any more.
    pub missed: Missed,
}

/// Requests that were due when the schedule was over and the generator had not come to them.
/// There may be very many, so they are counted and not described one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Missed {
    /// How many.
    pub count: u32,
    /// How late the generator was for the first of them, in nanoseconds.
    pub lag: u64,
    /// The step's time limit, in nanoseconds.
    pub limit: u64,
}

/// What was learnt of one series in one second since the last time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The second of the intended moment.
    pub second: u32,
    /// Which series.
    pub series: SeriesId,
    /// Counts.
    pub counts: StepCounts,
    /// Histograms.
    pub times: StepTimes,
}

/// Turns samples into parts of seconds.
#[derive(Debug, Default)]
pub struct Recorder {
    thresholds: Vec<Threshold>,
    layout: Layout,
    /// By phase.
    live: [Live; Phase::COUNT],
}

impl Recorder {
    /// A recorder that counts what is slower than each threshold.
    pub fn new(thresholds: Vec<Threshold>) -> Recorder {
        Recorder { thresholds, ..Recorder::default() }
    }

    /// That of a record.
    pub fn of(head: &Head) -> Recorder {
        Recorder::new(head.thresholds.clone()).with_series(Layout::of(&head.series))
    }

    /// The same, where series are told apart by more than their steps.
    #[must_use]
    pub fn with_series(self, layout: Layout) -> Recorder {
        Recorder { layout, ..self }
    }

    /// Counts the samples, which come in pieces, what fell due, and times within exchanges; all
    /// are sorted on the way. The parts come one by one, each when it is asked for, ordered by second and series,
    /// each pair once.
    pub fn fold<'a>(
        &'a mut self,
        pieces: &'a mut [Vec<Sample>],
        due: &'a mut [Due],
        laps: &'a mut [Lap],
    ) -> impl Iterator<Item = Part> + 'a {
        let mut pieces: Vec<_> = pieces.iter_mut().map(|piece| Groups::of(piece)).collect();
        due.sort_unstable_by_key(due_key);
        let mut due = due.iter().peekable();
        laps.sort_unstable_by_key(lap_key);
        let mut laps = laps.iter().peekable();
        std::iter::from_fn(move || {
            let ended = pieces.iter().filter_map(Groups::key);
            let known = ended.chain(due.peek().map(|due| due_key(due)));
            let key = known.chain(laps.peek().map(|lap| lap_key(lap))).min()?;
            while let Some(lap) = laps.next_if(|lap| lap_key(lap) == key) {
                self.live[lap.phase.index()].record_many_nanos(lap.nanos, u64::from(lap.count));
            }
            let mut part = self.part(key, pieces.iter_mut().filter_map(|piece| piece.take(key)));
            while let Some(due) = due.next_if(|due| due_key(due) == key) {
                part.counts.planned += u64::from(due.planned);
                part.counts.sent += u64::from(due.sent);
                self.record_missed(due.missed, &mut part);
            }
            Some(part)
        })
    }

    fn part<'a>(&mut self, (second, key): Key, groups: impl Iterator<Item = &'a [Sample]>) -> Part {
        let mut counts = StepCounts::default();
        for group in groups {
            counts.slower.resize(self.thresholds.len(), 0);
            for sample in group {
                self.record(sample, &mut counts);
            }
        }
        counts.statuses.sort_unstable();
        counts.felt.sort_unstable();
        let times = StepTimes::from_all(self.live.each_mut().map(take));
        Part { second, series: self.layout.series(key), counts, times }
    }

    /// Unsent, slower than any limit, and nobody knows how fast with a punctual generator.
    fn record_missed(&mut self, missed: Missed, part: &mut Part) {
        let count = u64::from(missed.count);
        if count == 0 {
            return;
        }
        part.counts.outcomes[Outcome::Unsent.index()] += count;
        part.counts.add_causes(Cause::Late, count);
        part.counts.slower.resize(self.thresholds.len(), 0);
        part.counts.slower.iter_mut().for_each(|slower| *slower += count);
        for (phase, nanos) in
            [(Phase::Response, missed.limit), (Phase::Least, 0), (Phase::SendLag, missed.lag)]
        {
            // Free between two parts.
            let live = &mut self.live[phase.index()];
            live.record_many_nanos(nanos, count);
            part.times[phase] = Sparse::merged([&part.times[phase], &take(live)]);
        }
    }

    fn record(&mut self, sample: &Sample, counts: &mut StepCounts) {
        counts.outcomes[sample.outcome.index()] += 1;
        counts.body_bytes += sample.body_bytes;
        counts.connects += u64::from(sample.connect.is_some());
        counts.add_felt(sample.outcome, sample.lag_felt);
        counts.repeats += u64::from(sample.repeated);
        if let Some(cause) = sample.cause {
            counts.add_cause(cause);
        }
        if let Some(status) = sample.status {
            counts.add_status(status, 1);
        }
        self.record_times(sample, counts);
    }

    fn record_times(&mut self, sample: &Sample, counts: &mut StepCounts) {
        if sample.counts_in_response_time() {
            let response = sample.response_time();
            // What never got a full answer is slower than any limit.
            let answered = sample.outcome == Outcome::Ok || sample.is_right_but_slow();
            for (threshold, slower) in self.thresholds.iter().zip(&mut counts.slower) {
                *slower += u64::from(!answered || threshold.is_slow(response));
            }
        }
        sample.each_time(|phase, time| self.live[phase.index()].record_nanos(time));
    }
}

/// The samples of a piece, by second and series.
struct Groups<'a> {
    left: &'a [Sample],
}

impl<'a> Groups<'a> {
    fn of(piece: &'a mut [Sample]) -> Groups<'a> {
        piece.sort_unstable_by_key(sample_key);
        Groups { left: piece }
    }

    /// What the next group is of.
    fn key(&self) -> Option<Key> {
        self.left.first().map(sample_key)
    }

    /// The next group, if it is the one of this second and series.
    fn take(&mut self, key: Key) -> Option<&'a [Sample]> {
        let length = self.left.partition_point(|sample| sample_key(sample) == key);
        (length > 0).then(|| {
            let (group, left) = self.left.split_at(length);
            self.left = left;
            group
        })
    }
}

/// A second and a series.
type Key = (u32, SeriesKey);

fn take(live: &mut Live) -> Sparse {
    let sparse = live.to_sparse();
    if !sparse.is_empty() {
        live.clear();
    }
    sparse
}

fn lap_key(lap: &Lap) -> Key {
    (lap.second, SeriesKey { step: lap.step, tenant: lap.tenant })
}

fn sample_key(sample: &Sample) -> Key {
    (sample.intended.second(), SeriesKey { step: sample.step, tenant: sample.tenant })
}

fn due_key(due: &Due) -> Key {
    (due.second, SeriesKey { step: due.step, tenant: due.tenant })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Moment;

    const MS: u64 = 1_000_000;

    fn sample(step: u16, intended_ms: u64, took_ms: u64, outcome: Outcome) -> Sample {
        Sample {
            step: StepId(step),
            tenant: TenantId(0),
            intended: Moment(intended_ms * MS),
            sent: Some(Moment(intended_ms * MS)),
            first_byte: Some(Moment((intended_ms + took_ms) * MS)),
            ended: Moment((intended_ms + took_ms) * MS),
            send_lag: 0,
            lag_felt: 0,
            receive_lag: Some(7_000),
            connect: None,
            handshake: None,
            outcome,
            cause: None,
            status: None,
            body_bytes: 10,
            repeated: false,
            limit: 10_000 * MS,
        }
    }

    fn threshold(ms: u64, inclusive: bool) -> Threshold {
        Threshold { limit: ms * MS, inclusive }
    }

    #[test]
    fn a_late_answer_is_charged_to_the_second_in_which_it_was_due() {
        let mut recorder = Recorder::new(vec![]);
        let mut samples =
            [vec![sample(0, 5_100, 3_000, Outcome::Ok), sample(0, 900, 10, Outcome::Ok)]];
        let parts: Vec<Part> = recorder.fold(&mut samples, &mut [], &mut []).collect();
        assert_eq!(parts.iter().map(|part| part.second).collect::<Vec<_>>(), [0, 5]);
        assert_eq!(parts[1].times[Phase::Response].count(), 1);
    }

    #[test]
    fn every_phase_has_its_time() {
        let sample = |outcome| Sample {
            connect: Some(MS),
            handshake: Some(MS / 2),
            ..sample(0, 0, 5, outcome)
        };
        let mut samples = [vec![sample(Outcome::Ok), sample(Outcome::ServerError)]];
        let lap = |phase| Lap {
            second: 0,
            step: StepId(0),
            tenant: TenantId(0),
            phase,
            nanos: MS,
            count: 2,
        };
        let mut laps =
            [Phase::FirstEvent, Phase::EventGap, Phase::RoundTrip, Phase::Redirect].map(lap);
        let part = Recorder::new(vec![]).fold(&mut samples, &mut [], &mut laps).next().unwrap();
        for phase in Phase::ALL {
            assert!(!part.times[phase].is_empty(), "{phase:?}");
        }
        assert_eq!(part.times[Phase::EventGap].count(), 2);
    }

    #[test]
    fn a_time_within_an_exchange_is_of_its_second_and_step_also_while_that_is_under_way() {
        let lap = |second, step| Lap {
            second,
            step: StepId(step),
            tenant: TenantId(0),
            phase: Phase::EventGap,
            nanos: MS,
            count: 1,
        };
        let mut laps = [lap(3, 1), lap(2, 0), lap(3, 1), lap(3, 0)];
        let mut recorder = Recorder::new(vec![]);
        let parts = recorder
            .fold(&mut [], &mut [], &mut laps)
            .map(|part| (part.second, part.series.index(), part.times[Phase::EventGap].count()));
        assert_eq!(parts.collect::<Vec<_>>(), [(2, 0, 1), (3, 0, 1), (3, 1, 2)]);
    }

    #[test]
    fn slow_requests_are_counted_exactly_at_the_limit() {
        let mut recorder = Recorder::new(vec![threshold(200, false), threshold(200, true)]);
        let mut samples = [vec![sample(0, 0, 200, Outcome::Ok), sample(0, 1, 199, Outcome::Ok)]];
        assert_eq!(
            recorder.fold(&mut samples, &mut [], &mut []).next().unwrap().counts.slower,
            [1, 0]
        );
    }

    #[test]
    fn dropped_work_is_slower_than_any_limit_and_fast_failures_do_not_flatter() {
        let mut recorder = Recorder::new(vec![threshold(20_000, false)]);
        let mut samples = [vec![
            sample(0, 0, 1, Outcome::TransportError),
            sample(0, 0, 10_000, Outcome::Timeout),
            sample(0, 0, 0, Outcome::Unsent),
            sample(0, 0, 1, Outcome::ServerError),
        ]];
        let part = recorder.fold(&mut samples, &mut [], &mut []).next().unwrap();
        assert_eq!(part.counts.slower, [3]);
        assert_eq!(part.counts.in_response_time(), 3);
        assert_eq!(
            (part.times[Phase::Response].count(), part.times[Phase::Failed].count()),
            (3, 1)
        );
        assert_eq!(part.times[Phase::ReceiveLag].buckets(), [(7, 4)]);
        assert!(part.times[Phase::Response].quantile(0.01).unwrap() >= 9_990_000.0);
    }

    #[test]
    fn where_the_pieces_end_makes_no_difference() {
        let samples: Vec<Sample> = (0..60)
            .map(|number| sample(number % 3, 700 * u64::from(number % 7), 5, Outcome::Ok))
            .collect();
        let folded = |length: usize| -> Vec<Part> {
            let mut pieces: Vec<Vec<Sample>> = samples.chunks(length).map(<[_]>::to_vec).collect();
            Recorder::new(vec![]).fold(&mut pieces, &mut [], &mut []).collect()
        };
        let whole = folded(60);
        assert_eq!(whole.iter().map(|part| part.counts.ended()).sum::<u64>(), 60);
        assert!(whole.is_sorted_by_key(|part| (part.second, part.series)));
        for length in [1, 7, 59] {
            assert_eq!(folded(length), whole);
        }
    }

    const NONE: Due = Due {
        second: 0,
        step: StepId(0),
        tenant: TenantId(0),
        planned: 0,
        sent: 0,
        missed: Missed { count: 0, lag: 0, limit: 0 },
    };

    #[test]
    fn what_the_generator_never_came_to_is_unsent_in_counts_and_histograms() {
        let mut recorder = Recorder::new(vec![threshold(200, false)]);
        let missed = Missed { count: 3, lag: 9 * MS, limit: 1_000 * MS };
        let mut due = [Due { planned: 4, sent: 1, missed, ..NONE }];
        let mut ended = [vec![sample(0, 0, 5, Outcome::Ok)]];
        let part = recorder.fold(&mut ended, &mut due, &mut []).next().unwrap();
        let counts = &part.counts;
        assert_eq!((counts.planned, counts.sent, counts.ended()), (4, 1, 4));
        assert_eq!((counts.outcome(Outcome::Unsent), counts.cause(Cause::Late)), (3, 3));
        assert_eq!(counts.slower, [3]);
        let of = |kind: &Sparse| kind.buckets().iter().map(|(_, n)| *n).collect::<Vec<_>>();
        assert_eq!(of(&part.times[Phase::Response]), [1, 3]);
        assert_eq!(of(&part.times[Phase::Least]), [3, 1], "nobody knows how fast");
        assert_eq!(of(&part.times[Phase::SendLag]), [1, 3]);
    }

    #[test]
    fn what_is_due_is_known_before_it_ends() {
        let mut recorder = Recorder::new(vec![]);
        let mut due = [
            Due { second: 3, step: StepId(1), tenant: TenantId(0), planned: 2, sent: 0, ..NONE },
            Due { second: 3, step: StepId(1), tenant: TenantId(0), planned: 1, sent: 2, ..NONE },
        ];
        let mut late = [vec![sample(0, 3_000, 1, Outcome::Ok)]];
        let parts: Vec<Part> = recorder.fold(&mut late, &mut due, &mut []).collect();
        assert_eq!(parts.len(), 2);
        assert_eq!((parts[1].counts.planned, parts[1].counts.sent), (3, 2));
        assert_eq!(parts[1].counts.ended(), 0);
    }

    #[test]
    fn nothing_is_left_over_for_the_next_time() {
        let mut recorder = Recorder::new(vec![]);
        recorder.fold(&mut [vec![sample(0, 0, 1, Outcome::Ok)]], &mut [], &mut []).for_each(drop);
        let mut refused = sample(1, 1_000, 1, Outcome::TransportError);
        refused.cause = Some(Cause::Refused);
        let mut refused = [vec![refused]];
        let parts: Vec<Part> = recorder.fold(&mut refused, &mut [], &mut []).collect();
        assert_eq!(parts[0].counts.ended(), 1);
        assert_eq!(parts[0].counts.cause(Cause::Refused), 1);
        assert_eq!(parts[0].times[Phase::Service].count(), 1);
    }
}
