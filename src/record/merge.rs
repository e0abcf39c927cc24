//! The ticks of all generators in, one record out: counts and buckets are added.
//!
//! Adding knows no order, and a tick that is known is not added again. So the record is the same
//! however the load was shared, and however often and in which order its ticks come. What a
//! stranger sends is checked: it may be of no other generator, series or second than there can be.

use std::collections::{BTreeMap, BTreeSet};

use crate::record::gatherer::Gatherer;
use crate::record::generator::GeneratorId;
use crate::record::recorder::Part;
use crate::record::run::Head;
use crate::record::tick::{MOST_PARTS, Tick};
use crate::record::validation::{check_counts, check_place, check_size};
use crate::scenario::slots::Slots;

/// So many ticks of a generator may come before one that is lacking.
const MOST_AHEAD: usize = 10_000;

/// Which ticks a record has.
#[derive(Debug)]
pub(super) struct Merge {
    /// Of each generator.
    slots: Vec<Slots>,
    series: usize,
    /// By generator and claim.
    known: BTreeMap<(u16, u32), Known>,
}

/// The numbers of the ticks that are known.
#[derive(Debug, Default)]
struct Known {
    /// All before it.
    before: u32,
    /// And these behind it.
    ahead: BTreeSet<u32>,
}

impl Merge {
    /// Of a record that has none.
    pub(super) fn of(head: &Head) -> Merge {
        let slots = head.generators.iter().map(|generator| generator.slots).collect();
        Merge { slots, series: head.series.len(), known: BTreeMap::new() }
    }

    /// Whose a tick is, if it is new; it is known from now on.
    pub(super) fn admit(&mut self, tick: &Tick) -> Result<Option<GeneratorId>, String> {
        let index = self.slots.iter().position(|slots| *slots == tick.slots);
        let generator = index.and_then(|index| u16::try_from(index).ok());
        let generator = generator.ok_or("a tick of a generator that is not there")?;
        if tick.parts.len() > MOST_PARTS {
            return Err(format!("a tick of {} parts", tick.parts.len()));
        }
        for Part { second, series, counts, .. } in &tick.parts {
            check_place(*second, series.index(), self.series)?;
            check_counts(counts)?;
        }
        let known = self.known.entry((generator, tick.claim)).or_default();
        Ok(known.is_new(tick.number)?.then_some(GeneratorId(generator)))
    }
}

impl Merge {
    /// How many ticks of a generator and claim are known, if none is lacking between them.
    pub(super) fn whole(&self, generator: GeneratorId, claim: u32) -> Option<u32> {
        let known = self.known.get(&(generator.0, claim));
        known.map_or(Some(0), |known| known.ahead.is_empty().then_some(known.before))
    }
}

impl Known {
    fn is_new(&mut self, number: u32) -> Result<bool, String> {
        if number < self.before || !self.ahead.insert(number) {
            return Ok(false);
        }
        while self.ahead.remove(&self.before) {
            self.before += 1;
        }
        if self.ahead.len() > MOST_AHEAD {
            return Err(format!("tick {} of a generator is lacking", self.before));
        }
        Ok(true)
    }
}

#[cfg(test)]
impl Merge {
    /// How many ticks of the first generator there are in a row.
    pub(super) fn taken(&self, claim: u32) -> u32 {
        self.known.get(&(0, claim)).map_or(0, |known| known.before)
    }
}

/// Adds what was learnt of a series in a second.
pub(super) fn add(part: &Part, sum: &mut Gatherer) -> Result<(), String> {
    let Part { second, series, counts, times } = part;
    check_room(sum, *second, series.index())?;
    check_counts(counts)?;
    sum.counts(*second)[series.index()].add(counts);
    sum.times(*second)[series.index()].add_all(times);
    Ok(())
}

/// Whether there can be a second and a series, and is room for it.
pub(super) fn check_room(sum: &Gatherer, second: u32, index: usize) -> Result<(), String> {
    check_place(second, index, sum.series())?;
    if sum.has(second) {
        return Ok(());
    }
    check_size(sum.len() + 1, sum.series())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::record::failures::Failures;
    use crate::record::generator::GeneratorHead;
    use crate::record::interval_log::LogEncoder;
    use crate::record::journal::{self, Entry, Found, TickEntry};
    use crate::record::outcome::{Cause, Outcome};
    use crate::record::recorder::{Due, Missed, Recorder};
    use crate::record::run::RunRecord;
    use crate::record::sample::Sample;
    use crate::record::seconds::Seconds;
    use crate::record::series::SeriesId;
    use crate::record::telemetry::GeneratorSecond;
    use crate::record::tick::Ticks;
    use crate::record::unfinished;
    use crate::record::{sample_head, series};
    use crate::scenario::model::{StepId, TenantId};
    use crate::units::Moment;

    /// Of generators with so many threads each, and three steps.
    fn head(threads: &[u32]) -> Head {
        let mut head = sample_head();
        head.steps = vec![head.steps[0].clone(); 3];
        head.series = series::table(["a", "b", "c"].map(str::to_owned));
        let of = threads.iter().sum();
        let (mut first, alone) = (0, head.generators[0].clone());
        head.generators.clear();
        for count in threads {
            let slots = Slots { first, count: *count, of };
            head.generators.push(GeneratorHead { slots, ..alone.clone() });
            first += count;
        }
        head
    }

    /// Requests of a few seconds, by turns of every kind.
    fn samples(number: u64) -> Vec<Sample> {
        let of = |index: u64| {
            let outcome = Outcome::ALL[index as usize % Outcome::COUNT];
            let intended = Moment(index * 37_000_000);
            let ended = Moment(intended.0 + 1_000 * (1 + index * index % 900_000));
            Sample {
                step: StepId((index % 3) as u16),
                tenant: TenantId(0),
                intended,
                sent: (outcome != Outcome::Unsent).then_some(intended),
                first_byte: Some(ended),
                ended,
                send_lag: index * 1_000,
                lag_felt: index * 100_000,
                receive_lag: Some(index * 10),
                connect: index.is_multiple_of(5).then_some(70_000),
                handshake: None,
                outcome,
                cause: index.is_multiple_of(7).then_some(Cause::Refused),
                status: index.is_multiple_of(2).then_some(200 + (index % 4) as u16),
                body_bytes: index,
                repeated: index.is_multiple_of(11),
                limit: 10_000_000_000,
            }
        };
        (0..number).map(of).collect()
    }

    fn due(sample: &Sample) -> Due {
        let (second, step) = (sample.intended.second(), sample.step);
        Due { second, step, tenant: sample.tenant, planned: 1, sent: 1, missed: Missed::default() }
    }

    /// The ticks of each generator, which has every so-many-th request for each of its slots.
    fn ticks(head: &Head, samples: &[Sample], at_once: usize) -> Vec<Tick> {
        let generator = |generator: &GeneratorHead| {
            let slots = generator.slots;
            let mine = slots.first..slots.first + slots.count;
            let is_mine = |index: &usize| mine.contains(&(*index as u32 % slots.of));
            let mine = samples.iter().enumerate().filter(|(index, _)| is_mine(index));
            let mine: Vec<Sample> = mine.map(|(_, sample)| *sample).collect();
            let mut recorder = Recorder::new(head.thresholds.clone());
            let mut ticks = Ticks::of(slots, 0);
            let of = |(second, some): (usize, &[Sample])| {
                let mut due: Vec<Due> = some.iter().map(due).collect();
                let parts = recorder.fold(&mut [some.to_vec()], &mut due, &mut []).collect();
                let second =
                    GeneratorSecond { second: second as u32, ..GeneratorSecond::default() };
                [ticks.parts(parts), ticks.generator(second)]
            };
            mine.chunks(at_once).enumerate().flat_map(of).collect::<Vec<Tick>>()
        };
        head.generators.iter().flat_map(generator).collect()
    }

    fn line(head: &Head, tick: &Tick, encoder: &mut LogEncoder) -> Vec<u8> {
        let log = |part: &Part| {
            let mut lines = String::new();
            let tag = &head.series[part.series.index()].tag;
            encoder.append(&mut lines, tag, part.second, &part.times);
            lines
        };
        let logs: Vec<String> = tick.parts.iter().map(log).collect();
        Entry::Tick(TickEntry::of(tick, &logs)).line()
    }

    /// What becomes of ticks that come in this order, through what travels.
    fn record(head: Head, ticks: &[Tick]) -> RunRecord {
        let mut encoder = LogEncoder::default();
        let journal: Vec<u8> =
            ticks.iter().flat_map(|tick| line(&head, tick, &mut encoder)).collect();
        let (seconds, failures) = (Seconds::default(), Failures::default());
        let (generator, target) = (Vec::new(), Vec::new());
        let mut record = RunRecord { head, end: None, seconds, generator, target, failures };
        unfinished::read_journal(journal.as_slice(), &mut record).unwrap();
        record
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn requests_that_are_shared_make_the_record_of_one_machine(
            threads in prop::collection::vec(1_u32..4, 1..5),
            number in 0_u64..120,
            at_once in 1_usize..60,
        ) {
            let samples = samples(number);
            let alone = head(&[1]);
            let whole = record(alone.clone(), &ticks(&alone, &samples, 60));
            let shared = head(&threads);
            let merged = record(shared.clone(), &ticks(&shared, &samples, at_once));
            prop_assert_eq!(merged.seconds, whole.seconds);
        }

        #[test]
        fn neither_the_order_of_ticks_nor_how_often_each_comes_matters(
            threads in prop::collection::vec(1_u32..4, 1..4),
            order in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
        ) {
            let head = head(&threads);
            let mut ticks = ticks(&head, &samples(60), 10);
            let expected = record(head.clone(), &ticks);
            let again: Vec<Tick> = order.iter().map(|at| at.get(&ticks).clone()).collect();
            for (from, to) in order.iter().zip(order.iter().skip(1)) {
                let indexes = (from.index(ticks.len()), to.index(ticks.len()));
                ticks.swap(indexes.0, indexes.1);
            }
            ticks.extend(again);
            prop_assert_eq!(record(head, &ticks), expected);
        }

        #[test]
        fn foreign_bytes_are_refused_or_read_and_never_more(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
            cut in any::<prop::sample::Index>(),
        ) {
            let head = head(&[2]);
            let tick = ticks(&head, &samples(20), 60).remove(0);
            let mut bytes = line(&head, &tick, &mut LogEncoder::default());
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            bytes.truncate(cut.index(bytes.len()) + 1);
            let _ = journal::read(bytes.as_slice(), &head.series, |found| match found {
                Found::Tick(tick) => Merge::of(&head).admit(&tick).map(drop),
                Found::Part(_) | Found::Generator(_) | Found::Target(_) | Found::Logged(_) => Ok(()),
            });
        }
    }

    #[track_caller]
    fn refused(change: impl Fn(&mut Tick), why: &str) {
        let head = head(&[1, 2]);
        let mut merge = Merge::of(&head);
        let whole = ticks(&head, &samples(10), 10).remove(0);
        let mut tick = whole.clone();
        change(&mut tick);
        assert_eq!(merge.admit(&tick), Err(why.to_owned()));
        assert_eq!(merge.admit(&whole), Ok(Some(GeneratorId(0))), "what was refused is not known");
    }

    #[test]
    fn a_tick_that_cannot_be_is_refused() {
        refused(|tick| tick.slots.count = 2, "a tick of a generator that is not there");
        refused(|tick| tick.slots.of = 9, "a tick of a generator that is not there");
        refused(|tick| tick.parts[0].series = SeriesId(3), "series 3 of only 3");
        refused(|tick| tick.parts[0].second = u32::MAX, "second 4294967295 is beyond all reason");
        refused(|tick| tick.parts[0].counts.planned = 1 << 50, "a count beyond all reason");
        refused(|tick| tick.parts = vec![tick.parts[0].clone(); 65], "a tick of 65 parts");
    }

    #[test]
    fn each_claim_of_the_slots_has_its_own_numbers() {
        let head = head(&[1, 1]);
        let mut merge = Merge::of(&head);
        let [one, other] = [0, 1].map(|index| head.generators[index].slots);
        let mut admit = |slots, claim, number| {
            let tick = Tick { slots, claim, number, parts: Vec::new(), generator: Vec::new() };
            merge.admit(&tick).map(|id| id.map(|id| id.0))
        };
        assert_eq!(admit(one, 0, 0), Ok(Some(0)));
        assert_eq!(admit(one, 0, 0), Ok(None));
        assert_eq!((admit(one, 1, 0), admit(other, 0, 0)), (Ok(Some(0)), Ok(Some(1))));
        assert_eq!((admit(one, 0, 2), admit(one, 0, 1)), (Ok(Some(0)), Ok(Some(0))));
        assert_eq!((admit(one, 0, 1), admit(one, 0, 2)), (Ok(None), Ok(None)));
        let mut ahead = (1..).map(|number| admit(other, 0, 2 * number));
        let refused = ahead.by_ref().take(MOST_AHEAD + 1).find_map(Result::err);
        assert_eq!(refused.as_deref(), Some("tick 1 of a generator is lacking"));
    }
}
