//! A noisy neighbour: what all other tenants notice when one does many times as much.
//!
//! Their requests of his stage are held against objectives of their own, and their times against those
//! of the stage before, which had the same load but for him. Two doubts go both ways: the
//! generator, which has more to send then, may have made requests late, and the machine may have
//! been disturbed; neither may turn a miss into one of the target, nor a slow stage before into
//! an excuse.

use std::collections::BTreeSet;

use crate::analysis::assessment::{Measured, SloResult, SloStatus};
use crate::analysis::lateness;
use crate::analysis::neighbours_seen::{EffectSeen, NeighboursSeen, StretchSeen};
use crate::analysis::number_format;
use crate::analysis::run_data::RunData;
use crate::analysis::stretch::{self, Interval, OneSecond, Ratio};
use crate::analysis::window::Judged;
use crate::analysis::{slo, summary, totals};
use crate::record::histogram::Sparse;
use crate::record::noisy::{EffectHead, NoisyHead};
use crate::record::outcome::Outcome;
use crate::record::phase::Phase;
use crate::record::run::{SloHead, Subset};

/// What such an objective speaks of.
const OTHERS: &str = "neighbours";
/// More disturbed seconds explain nothing.
const MOST_DISTURBED: f64 = 0.2;
/// What is always told.
const TOLD: [f64; 3] = [0.5, 0.95, 0.99];

/// The judged seconds before and while somebody is noisy.
struct Sides<'d> {
    data: &'d RunData<'d>,
    noisy: &'d NoisyHead,
    before: Vec<u32>,
    during: Vec<u32>,
}

/// How its objectives come out; none where nobody is noisy.
pub fn judge(data: &RunData) -> Vec<SloResult> {
    let Some(sides) = Sides::of(data) else { return Vec::new() };
    let slos = sides.noisy.slos.iter().map(|slo| sides.objective(slo));
    slos.chain(sides.noisy.effects.iter().map(|effect| sides.effect(effect))).collect()
}

/// The others and him, before and then.
pub fn seen(data: &RunData) -> Option<NeighboursSeen> {
    let sides = Sides::of(data)?;
    let name = data.record.head.tenants.as_ref()?.name(sides.noisy.tenant).to_owned();
    let stretches = vec![
        sides.stretch("the others before", &sides.before, sides.others()),
        sides.stretch("the others then", &sides.during, sides.others()),
        sides.stretch("the noisy one before", &sides.before, sides.himself()),
        sides.stretch("the noisy one then", &sides.during, sides.himself()),
    ];
    let (before, during) = sides.both();
    let effects = TOLD.map(|quantile| {
        let found = ratio_of(&before, &during, quantile);
        let finite = |pick: fn(Ratio) -> f64| {
            found.map(pick).filter(|value| value.is_finite() && *value > 0.0)
        };
        let (ratio, low, high) =
            (finite(|it| it.middle), finite(|it| it.low), finite(|it| it.high));
        EffectSeen { quantile, ratio, low, high }
    });
    let limits = summary::limits_among(data.record, sides.noisy.slos.iter());
    let times = sides.noisy.times;
    Some(NeighboursSeen { tenant: name, times, stretches, effects: effects.to_vec(), limits })
}

fn ratio_of(before: &[OneSecond], during: &[OneSecond], quantile: f64) -> Option<Ratio> {
    stretch::ratio(stretch::quantile(before, quantile)?, stretch::quantile(during, quantile)?)
}

impl<'d> Sides<'d> {
    fn of(data: &'d RunData<'d>) -> Option<Sides<'d>> {
        let noisy = data.record.head.noisy.as_ref()?;
        let within = |from: f64, to: f64| -> Vec<u32> {
            let is_in = |second: &&u32| {
                let second = f64::from(**second);
                from - 1e-6 <= second && second + 1.0 <= to + 1e-6
            };
            data.judged.seconds.iter().filter(is_in).copied().collect()
        };
        let before = within(noisy.before, noisy.from);
        let during = within(noisy.from, noisy.until);
        Some(Sides { data, noisy, before, during })
    }

    fn others(&self) -> Subset<'static> {
        Subset { but: Some(self.noisy.tenant), ..Subset::ALL }
    }

    fn himself(&self) -> Subset<'static> {
        Subset { tenant: Some(self.noisy.tenant), ..Subset::ALL }
    }

    fn both(&self) -> (Vec<OneSecond>, Vec<OneSecond>) {
        let of = |seconds: &[u32]| stretch::of(self.data.record, seconds, self.others());
        (of(&self.before), of(&self.during))
    }

    fn stretch(&self, name: &str, seconds: &[u32], within: Subset<'_>) -> StretchSeen {
        let found = totals::of_scope(self.data.record, seconds, within);
        let ended = found.counts.ended();
        let failed = ended - found.counts.outcome(Outcome::Ok);
        StretchSeen {
            name: name.to_owned(),
            seconds: seconds.len() as u32,
            requests: found.counts.planned,
            error_rate: if ended == 0 { 0.0 } else { failed as f64 / ended as f64 },
            times: summary::times(&found.times[Phase::Response]),
        }
    }

    /// An objective over his stage alone.
    fn objective(&self, head: &SloHead) -> SloResult {
        let judged = self.data.judged;
        let judged = Judged {
            from: self.during.first().copied().unwrap_or(judged.to),
            to: self.during.last().map_or(judged.to, |last| last + 1),
            warmup: judged.warmup,
            length: self.during.len() as f64,
            seconds: self.during.clone(),
        };
        let data = RunData::of(self.data.record, &judged);
        let head = SloHead { but: Some(self.noisy.tenant), ..head.clone() };
        SloResult { step: Some(OTHERS.to_owned()), ..slo::judge(&data, &head) }
    }

    /// Their times against those before.
    fn effect(&self, head: &EffectHead) -> SloResult {
        let (before, during) = self.both();
        let open = stretch::at_worst(&during);
        let found = ratio_of(&before, &during, head.quantile);
        let worst = ratio_of(&before, &open, head.quantile);
        let plain = plain_status(head, found, worst);
        let (status, note) = match plain {
            SloStatus::Missed => self.doubt_miss(head, &before),
            SloStatus::Met => self.doubt_met(head, &during),
            SloStatus::Inconclusive => (plain, Some(self.what_lacks(found, worst))),
            SloStatus::Invalid => (plain, None),
        };
        let requests = during.iter().map(|it| it.response.count() + it.endless).sum();
        let interval = found.map(|it| (it.low, it.high)).filter(|it| it.1.is_finite());
        SloResult {
            text: head.text.clone(),
            step: Some(OTHERS.to_owned()),
            status,
            measured: found.map(|it| it.middle).filter(|it| it.is_finite()).map(Measured::Effect),
            interval,
            limit: head.limit,
            bad: during.iter().map(|it| it.endless).sum(),
            requests,
            bad_share: None,
            design_effect: 1.0,
            generator_error: None,
            of_each: Vec::new(),
            note,
        }
    }

    /// Why nobody can say whether it is kept.
    fn what_lacks(&self, found: Option<Ratio>, worst: Option<Ratio>) -> String {
        if self.during.is_empty() {
            return "the stage in which somebody is noisy was not played".to_owned();
        }
        if self.before.is_empty() {
            return "no second before it is judged: the warm-up takes all of them".to_owned();
        }
        match (found, worst) {
            (None, _) => "too many requests failed in the stage before".to_owned(),
            (Some(_), None) => "too many requests were open when the run was cut short".to_owned(),
            (Some(found), Some(_)) if found.high.is_finite() => format!(
                "between {} and {} times; longer stages would tell",
                number_format::number(found.low),
                number_format::number(found.high)
            ),
            (Some(_), Some(_)) => {
                "too few requests of the others for this percentile; longer stages, a higher rate or \
                 a lower percentile would tell"
                    .to_owned()
            }
        }
    }

    /// A miss may be the generator's, or the machine's.
    fn doubt_miss(&self, head: &EffectHead, before: &[OneSecond]) -> (SloStatus, Option<String>) {
        let missed = |during: f64| {
            let before = stretch::quantile(before, head.quantile);
            before.is_none_or(|before| !keeps(head, during / before.middle))
        };
        let least = self.least(&self.during);
        if !missed(of_all(&least, &self.failed(&self.during), head.quantile)) {
            let note = "without what the generator was late, it would be kept";
            return (SloStatus::Invalid, Some(note.to_owned()));
        }
        if let Some(calm) = calm(&self.during, &self.data.disturbed) {
            let calm = stretch::of(self.data.record, &calm, self.others());
            let found = stretch::quantile(&calm, head.quantile);
            if found.is_some_and(|found| !missed(found.middle)) {
                let note = "it hangs on seconds in which the machine was disturbed";
                return (SloStatus::Inconclusive, Some(note.to_owned()));
            }
        }
        (SloStatus::Missed, None)
    }

    /// A stage before that was slow by the generator's or the machine's doing is no excuse.
    fn doubt_met(&self, head: &EffectHead, during: &[OneSecond]) -> (SloStatus, Option<String>) {
        let kept = |before: f64| {
            let during = stretch::quantile(during, head.quantile);
            during.is_some_and(|during| keeps(head, during.middle / before))
        };
        let least = self.least(&self.before);
        let mut befores = vec![of_all(&least, &self.failed(&self.before), head.quantile)];
        if let Some(calm) = calm(&self.before, &self.data.disturbed) {
            let calm = stretch::of(self.data.record, &calm, self.others());
            befores.extend(
                stretch::quantile(&calm, head.quantile).map(|found: Interval| found.middle),
            );
        }
        if befores.into_iter().all(kept) {
            return (SloStatus::Met, None);
        }
        let note = "the stage before was slow by the generator's or the machine's doing";
        (SloStatus::Inconclusive, Some(note.to_owned()))
    }

    /// The least that the others' times could have been but for the generator.
    fn least(&self, seconds: &[u32]) -> Sparse {
        lateness::lower_bound(self.data, seconds, self.others())
    }

    /// Those of them that failed without a time.
    fn failed(&self, seconds: &[u32]) -> Vec<OneSecond> {
        stretch::of(self.data.record, seconds, self.others())
    }
}

/// A quantile of times that are put together already, with those that have none.
fn of_all(times: &Sparse, seconds: &[OneSecond], quantile: f64) -> f64 {
    let endless = seconds.iter().map(|it| it.endless).sum();
    let all = OneSecond { response: times.clone(), endless, open: 0 };
    stretch::quantile(&[all], quantile).map_or(0.0, |found| found.middle)
}

/// The seconds without the disturbed ones, where those are few.
fn calm(seconds: &[u32], disturbed: &BTreeSet<u32>) -> Option<Vec<u32>> {
    let calm: Vec<u32> = seconds.iter().copied().filter(|it| !disturbed.contains(it)).collect();
    let gone = seconds.len() - calm.len();
    (gone > 0 && gone as f64 <= MOST_DISTURBED * seconds.len() as f64).then_some(calm)
}

fn keeps(head: &EffectHead, ratio: f64) -> bool {
    if head.inclusive { ratio <= head.limit } else { ratio < head.limit }
}

/// How it comes out before any doubt.
fn plain_status(head: &EffectHead, found: Option<Ratio>, worst: Option<Ratio>) -> SloStatus {
    match (found, worst) {
        (Some(found), _) if found.low > head.limit => SloStatus::Missed,
        (Some(found), Some(worst)) if keeps(head, found.high) && keeps(head, worst.high) => {
            SloStatus::Met
        }
        _ => SloStatus::Inconclusive,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::assess::assess;
    use crate::analysis::assessment::{Assessment, Verdict};
    use crate::analysis::sample_records::{self, Requests, add, run};
    use crate::analysis::window;
    use crate::record::run::{RunRecord, TenantsHead};
    use crate::record::series::SeriesHead;

    /// 30 s before, 30 s with the first of two tenants being noisy.
    fn record() -> RunRecord {
        let mut record = run(70, 200.0);
        let names = vec!["loud".to_owned(), "quiet".to_owned()];
        record.head.tenants = Some(TenantsHead { names, has_others: false });
        let series = (0..2).map(|place| SeriesHead {
            step: 0,
            tenant: Some(place),
            tag: format!("s--t{place}"),
        });
        record.head.series = series.collect();
        let text = "p95 < 1.5x".to_owned();
        record.head.noisy = Some(NoisyHead {
            tenant: 0,
            times: 10.0,
            before: 10.0,
            from: 40.0,
            until: 70.0,
            slos: vec![sample_records::p99()],
            effects: vec![EffectHead { text, quantile: 0.95, limit: 1.5, inclusive: false }],
        });
        record
    }

    /// So many requests of the quiet one a second, of which some are slower than others.
    fn quiet(record: &mut RunRecord, seconds: std::ops::Range<u32>, micros: u64) {
        for second in seconds {
            let of = |count, micros| Requests { step: 1, ..Requests::ok(count, micros) };
            let wobble = u64::from(second % 7) * 200;
            add(record, [second], &[of(80, micros + wobble), of(20, 2 * micros + wobble)]);
        }
    }

    fn loud(record: &mut RunRecord) {
        add(record, 0..40, &[Requests::ok(20, 20_000)]);
        add(record, 40..70, &[Requests::ok(200, 30_000)]);
    }

    #[track_caller]
    fn check(record: &RunRecord, verdict: Verdict, expected: [SloStatus; 2]) -> Assessment {
        let found = assess(record);
        let statuses: Vec<SloStatus> = found.slos[1..].iter().map(|slo| slo.status).collect();
        assert_eq!(statuses, expected, "{:#?}", found.slos);
        assert_eq!(found.verdict, verdict, "{:#?}", found.reasons);
        found
    }

    #[test]
    fn others_who_notice_nothing_pass() {
        let mut record = record();
        loud(&mut record);
        quiet(&mut record, 0..70, 20_000);
        let found = check(&record, Verdict::Pass, [SloStatus::Met, SloStatus::Met]);
        let seen = found.neighbours.unwrap();
        assert_eq!(seen.stretches[1].requests, 3_000);
        let ratio = seen.effects[1].ratio.unwrap();
        assert!((0.95..1.05).contains(&ratio), "{seen:?}");
    }

    #[test]
    fn others_who_wait_three_times_as_long_miss_it_though_all_together_hold() {
        let mut record = record();
        loud(&mut record);
        quiet(&mut record, 0..40, 20_000);
        quiet(&mut record, 40..70, 60_000);
        let found = check(&record, Verdict::SloMissed, [SloStatus::Met, SloStatus::Missed]);
        assert!(found.reasons[0].contains("neighbours: p95 < 1.5x missed"), "{:?}", found.reasons);
        assert_eq!(found.slos[0].status, SloStatus::Met);
    }

    #[test]
    fn others_who_are_refused_quickly_are_not_served_fast() {
        let mut record = record();
        loud(&mut record);
        quiet(&mut record, 0..70, 20_000);
        let refused = Requests { step: 1, ..Requests::ended(30, Outcome::ServerError) };
        add(&mut record, 40..70, &[refused]);
        let found = assess(&record);
        assert_eq!(found.slos[2].status, SloStatus::Missed, "{:#?}", found.slos);
        assert_ne!(found.verdict, Verdict::Pass);
    }

    #[test]
    fn a_stage_that_was_not_played_leaves_it_open() {
        let mut record = record();
        record.head.noisy.as_mut().unwrap().from = 71.0;
        record.head.noisy.as_mut().unwrap().until = 99.0;
        loud(&mut record);
        quiet(&mut record, 0..70, 20_000);
        let open = [SloStatus::Inconclusive; 2];
        let found = check(&record, Verdict::Inconclusive, open);
        assert!(found.slos[2].note.as_ref().unwrap().contains("was not played"));
    }

    #[test]
    fn what_the_generator_was_late_is_not_the_noisy_ones_doing() {
        let mut record = record();
        loud(&mut record);
        quiet(&mut record, 0..40, 20_000);
        for second in 40..70 {
            let late = Requests { step: 1, lag: 60_000, ..Requests::ok(100, 100_000) };
            add(&mut record, [second], &[late]);
        }
        let found = assess(&record);
        assert_eq!(found.slos[2].status, SloStatus::Invalid, "{:#?}", found.slos[2]);
        assert_ne!(found.verdict, Verdict::Pass);
    }

    #[test]
    fn only_whole_seconds_of_each_side_count() {
        let mut record = record();
        let noisy = record.head.noisy.as_mut().unwrap();
        (noisy.before, noisy.from, noisy.until) = (12.0, 40.4, 60.0);
        loud(&mut record);
        quiet(&mut record, 0..70, 20_000);
        let seen = assess(&record).neighbours.unwrap();
        assert_eq!((seen.stretches[0].seconds, seen.stretches[1].seconds), (28, 19));
    }

    #[test]
    fn an_objective_of_the_others_is_about_them_and_his_stage_alone() {
        let mut record = record();
        add(&mut record, 0..40, &[Requests::ok(20, 20_000)]);
        add(&mut record, 40..70, &[Requests::ok(200, 900_000)]);
        quiet(&mut record, 0..70, 20_000);
        let late = Requests { step: 1, ..Requests::ok(30, 900_000) };
        add(&mut record, 10..40, &[late]);
        let found = assess(&record);
        assert_eq!(found.slos[0].status, SloStatus::Missed);
        assert_eq!(found.slos[1].status, SloStatus::Met, "{:#?}", found.slos[1]);
        assert_eq!(found.slos[1].requests, 3_000);
    }

    #[test]
    fn the_percentile_that_is_asked_for_decides() {
        let mut record = record();
        loud(&mut record);
        quiet(&mut record, 0..70, 20_000);
        let slow = Requests { step: 1, ..Requests::ok(12, 300_000) };
        add(&mut record, 40..70, &[slow]);
        let found = assess(&record);
        assert_eq!(found.slos[2].status, SloStatus::Missed, "{:#?}", found.slos[2]);
        assert_eq!(found.neighbours.unwrap().effects[0].ratio.unwrap().round() as u64, 1);
    }

    #[test]
    fn a_stage_before_that_the_generator_made_slow_is_no_excuse() {
        let mut record = record();
        loud(&mut record);
        quiet(&mut record, 0..10, 20_000);
        let late = Requests { step: 1, lag: 60_000, ..Requests::ok(100, 100_000) };
        add(&mut record, 10..40, &[late]);
        let slow = Requests { step: 1, ..Requests::ok(100, 100_000) };
        add(&mut record, 40..70, &[slow]);
        let found = assess(&record);
        assert_eq!(found.slos[2].status, SloStatus::Inconclusive, "{:#?}", found.slos[2]);
    }

    fn disturb(record: &mut RunRecord, seconds: std::ops::Range<u32>) {
        let all = record.generator.iter_mut().filter(|it| seconds.contains(&it.second));
        all.for_each(|it| it.steal = Some(0.5));
    }

    #[test]
    fn a_few_disturbed_seconds_neither_accuse_nor_excuse_and_many_explain_nothing() {
        let doubt = |slow: std::ops::Range<u32>, disturbed: std::ops::Range<u32>| {
            let mut record = record();
            loud(&mut record);
            quiet(&mut record, 0..40, 20_000);
            quiet(&mut record, 40..70, if slow.start < 40 { 60_000 } else { 20_000 });
            let before = slow.start < 40;
            let stuck = Requests { step: 1, ..Requests::ok(60, 300_000) };
            add(&mut record, slow, &[stuck]);
            disturb(&mut record, disturbed);
            let judged = window::judged(&record);
            let data = RunData::of(&record, &judged);
            let sides = Sides::of(&data).unwrap();
            let (head, (calm, noisy)) = (&sides.noisy.effects[0], sides.both());
            if before { sides.doubt_met(head, &noisy).0 } else { sides.doubt_miss(head, &calm).0 }
        };
        assert_eq!(doubt(40..45, 40..45), SloStatus::Inconclusive);
        assert_eq!(doubt(40..45, 50..55), SloStatus::Missed);
        assert_eq!(doubt(40..60, 40..60), SloStatus::Missed, "too many are disturbed");
        assert_eq!(doubt(10..15, 10..15), SloStatus::Inconclusive);
        assert_eq!(doubt(10..15, 20..25), SloStatus::Met);
    }

    #[test]
    fn requests_that_are_open_may_have_waited_for_ever() {
        let mut record = record();
        loud(&mut record);
        quiet(&mut record, 0..70, 20_000);
        for second in 60..70 {
            let mut known = record.seconds.get(second).unwrap().unpack();
            known.counts[1].planned += 60;
            record.seconds.insert(second, &known);
        }
        let found = &assess(&record).slos[2];
        assert_eq!(found.status, SloStatus::Inconclusive, "{found:#?}");
    }

    #[test]
    fn both_ends_of_the_interval_have_to_agree() {
        let head = |inclusive| EffectHead {
            text: "p95 < 1.5x".to_owned(),
            quantile: 0.95,
            limit: 1.5,
            inclusive,
        };
        let plain = |low, middle, high, inclusive| {
            let found = Some(Ratio { low, middle, high });
            plain_status(&head(inclusive), found, found)
        };
        assert_eq!(plain(1.4, 1.6, 1.8, false), SloStatus::Inconclusive);
        assert_eq!(plain(1.2, 1.4, 1.6, false), SloStatus::Inconclusive);
        assert_eq!(plain(1.6, 1.8, 2.0, false), SloStatus::Missed);
        assert_eq!(plain(1.2, 1.3, 1.4, false), SloStatus::Met);
        assert_eq!(plain(1.2, 1.4, 1.5, false), SloStatus::Inconclusive);
        assert_eq!(plain(1.2, 1.4, 1.5, true), SloStatus::Met);
        let found = Some(Ratio { low: 1.0, middle: 1.1, high: 1.2 });
        assert_eq!(plain_status(&head(false), found, None), SloStatus::Inconclusive);
    }
}
