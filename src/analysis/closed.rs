//! What a closed load hides, and whether it hid enough to decide.
//!
//! Users who wait for answers ask for less while the target is slow, so the share of slow requests
//! is smaller than the share of the time in which whoever came would have been served slowly: a
//! target that stands still for two seconds in a minute slows one request of each user, and the
//! thousands that would have come meanwhile are in no percentile. An open load sends them.
//!
//! They can be counted where they are many: seconds in which far fewer requests were due than in
//! the usual one, while users waited for longer than a limit. An objective that is met by those
//! that were sent, and would not be met if what is missing had waited as long, rules out a pass. A
//! load that falls while nobody waits for longer than the limit is no reason: whoever had come
//! would not have waited either.

use crate::analysis::assessment::{Finding, Severity, SloResult, SloStatus};
use crate::analysis::evidence;
use crate::analysis::finding::finding;
use crate::analysis::number_format::{count, counted, percent};
use crate::analysis::run_data::RunData;
use crate::analysis::stats::Tally;
use crate::analysis::windows_met::pieces;
use crate::record::phase::Phase;
use crate::record::run::{Head, MetricHead, PartHead, SloHead, StageHead};

/// A second with less than this part of the usual is one in which the load fell.
const FELL_BELOW: f64 = 0.75;
/// By so many standard deviations at least, of the counts themselves and of Poisson's.
const DEVIATIONS: f64 = 4.0;
/// The standard deviation of a normal distribution is so many times its median deviation.
const OF_MEDIAN_DEVIATION: f64 = 1.4826;

/// What to do where a load fell.
const FELL: &str = "send at a rate, which goes on while the target is slow; or find what holds the \
                    target up";

/// Every report of a closed load says what it hides.
pub fn hides(data: &RunData) -> Option<Finding> {
    let load = &data.record.head.load;
    if !load.is_closed() {
        return None;
    }
    let users = load.most_users();
    let due = data.total.counts.planned;
    let rate = due as f64 / data.judged.length.max(1e-9);
    let is_constant = load
        .stages
        .iter()
        .filter_map(|stage| stage.users)
        .all(|crowd| (crowd.from, crowd.to) == (users, users));
    let most = counted(users.into(), "user");
    let who = if is_constant { most } else { format!("up to {most}") };
    let evidence = format!(
        "closed load: {who} waited for each answer before asking again, so a slow target got fewer \
         requests, and those that were not sent are in no figure"
    );
    let advice = format!(
        "to see what others would have waited, send at a rate: {}/s was reached here",
        count(rate.round() as u64)
    );
    Some(finding("closed_load", Severity::Note, evidence, &advice))
}

/// The load fell while users waited, by so much that it decides about an objective.
pub fn fell(data: &RunData, slos: &[SloResult]) -> Option<Finding> {
    if !data.record.head.load.is_closed() {
        return None;
    }
    let crowds = crowds(data);
    let heads = &data.record.head.slos;
    let met = heads.iter().zip(slos).filter(|(head, result)| is_open(head, result));
    let decided = met.filter_map(|(head, result)| {
        let limit = limit(data, head)?;
        let mine = crowds.iter().filter(|crowd| crowd.concerns(&data.record.head, head));
        let missing =
            mine.map(|crowd| missing(&crowd.seconds, limit)).fold(Missing::default(), Missing::and);
        let all = result.requests as f64 + missing.requests;
        let share = (result.bad as f64 + missing.requests) / all.max(1.0);
        (missing.seconds > 0 && share >= head.allowed).then_some((share, missing, head))
    });
    let found = decided.max_by(|a, b| (a.0 / a.2.allowed).total_cmp(&(b.0 / b.2.allowed)));
    let Some((share, missing, head)) = found else { return fell_in_windows(data, slos, &crowds) };
    let evidence = format!(
        "in {} the load fell while users waited: about {} requests fewer than usual were sent. With \
         them {} would be bad, and {} allows {}",
        counted(missing.seconds, "second"),
        count(missing.requests.round() as u64),
        percent(share),
        head.text,
        percent(head.allowed),
    );
    Some(finding("load_fell", Severity::Withholds, evidence, FELL))
}

/// The same for an objective that must hold in most windows: in those in which the load fell nobody knows
/// whether it did, as hardly anybody could ask.
fn fell_in_windows(data: &RunData, slos: &[SloResult], crowds: &[Crowd]) -> Option<Finding> {
    let heads = data.record.head.slos.iter().zip(slos);
    let mut undecided = heads.filter(|(_, result)| is_undecided(result));
    undecided.find_map(|(head, _)| {
        let (windows, limit) = (head.windows?, limit(data, head)?);
        let mine = crowds.iter().filter(|crowd| crowd.concerns(&data.record.head, head));
        let fell: Vec<u32> = mine.flat_map(|crowd| missing(&crowd.seconds, limit).fell).collect();
        let tallies = evidence::tallies(data.record, &data.judged.seconds, head);
        let (mut held, mut all, mut open) = (0_u32, 0_u32, 0_u32);
        for piece in pieces(data.judged, &tallies, windows).filter(|piece| piece.is_whole) {
            let has_fallen = piece.seconds.iter().any(|second| fell.contains(second));
            let is_told = piece.tally.all > 0;
            all += u32::from(has_fallen || is_told);
            open += u32::from(has_fallen);
            held += u32::from(!has_fallen && is_told && piece.tally.share() <= head.allowed);
        }
        let share = f64::from(held) / f64::from(all.max(1));
        (open > 0 && share < windows.share - 1e-12).then(|| {
            let evidence = format!(
                "in {} of {} the load fell while users waited: without those, \"{}\" was seen to hold in \
                 {} of all, and {} are required",
                open,
                counted(all.into(), "window"),
                head.text,
                percent(share),
                percent(windows.share),
            );
            finding("load_fell", Severity::Withholds, evidence, FELL)
        })
    })
}

/// The load of some users fell while those of others went on, by so much that an objective which the
/// requests of that load met would not have been. An objective of all is about the sum, and holds if that
/// does, as it would if the load had a rate; that one load stood still must not be hidden by it.
pub fn fell_alone(data: &RunData, slos: &[SloResult]) -> Option<Finding> {
    if !data.record.head.load.is_closed() || data.record.head.load.parts.len() < 2 {
        return None;
    }
    let heads = || data.record.head.slos.iter().zip(slos).filter(|(head, slo)| is_open(head, slo));
    let found = crowds(data).into_iter().zip(&data.record.head.load.parts);
    let found = found.flat_map(|(crowd, part)| {
        let decided = heads().filter_map(|(head, _)| {
            let missing = missing(&crowd.seconds, limit(data, head)?);
            let own = crowd.own(data, head);
            let share = own.within(missing.requests);
            let is_hidden = missing.seconds > 0 && own.within(0.0) < head.allowed;
            (is_hidden && crowd.concerns(&data.record.head, head) && share >= head.allowed)
                .then_some((share / head.allowed, share, missing, head, part))
        });
        decided.collect::<Vec<_>>()
    });
    let (_, share, missing, head, part) = found.max_by(|a, b| a.0.total_cmp(&b.0))?;
    let evidence = format!(
        "in {} the load \"{}\" fell while its users waited: about {} of its requests fewer than usual \
         were sent. With them {} of its own would be bad, and {} allows {}",
        counted(missing.seconds, "second"),
        part.name(),
        count(missing.requests.round() as u64),
        percent(share),
        head.text,
        percent(head.allowed),
    );
    let advice = "send it at a rate, which goes on while the target is slow; or find what holds the \
                  target up, and give the steps of this load objectives of their own";
    Some(finding("load_fell_alone", Severity::Warning, evidence, advice))
}

/// Whether an objective is a share that was not missed, over the whole window.
fn is_open(head: &SloHead, result: &SloResult) -> bool {
    is_undecided(result) && head.windows.is_none() && head.allowed > 0.0
}

/// Whether it was not missed. What is not decided may be for the same reason.
fn is_undecided(result: &SloResult) -> bool {
    matches!(result.status, SloStatus::Met | SloStatus::Inconclusive)
}

/// Users of one load, and what became of what they asked for.
struct Crowd {
    /// The steps of their flows; `None`: all steps.
    steps: Option<Vec<bool>>,
    seconds: Vec<Seen>,
}

impl Crowd {
    /// Whether an objective is about what they ask for, perhaps among others.
    fn concerns(&self, head: &Head, slo: &SloHead) -> bool {
        let Some(steps) = &self.steps else { return true };
        let is_meant = |step: usize| {
            let is_tagged =
                |tag: &String| head.steps.get(step).is_some_and(|it| it.tags.contains(tag));
            slo.step.is_none_or(|meant| usize::from(meant) == step)
                && slo.tag.as_ref().is_none_or(is_tagged)
        };
        steps.iter().enumerate().any(|(step, is_its)| *is_its && is_meant(step))
    }

    /// Of what they asked for, bad and all by an objective.
    fn own(&self, data: &RunData, slo: &SloHead) -> Own {
        let head = &data.record.head;
        let is_its = |series: usize| {
            let step = head.step_of(series);
            let is_its = |steps: &Vec<bool>| steps.get(step).copied().unwrap_or(false);
            head.is_of(series, slo.within()) && self.steps.as_ref().is_none_or(is_its)
        };
        let in_second = |second: &u32| {
            let counts = data.record.seconds.get(*second)?.counts();
            let its = counts.iter().enumerate().filter(|(series, _)| is_its(*series));
            Some(Tally::sum(its.map(|(_, counts)| evidence::of_ended(counts, slo))))
        };
        let total = Tally::sum(data.judged.seconds.iter().filter_map(in_second));
        let points = evidence::points(slo) as f64;
        Own { bad: total.bad as f64 / points, all: total.all as f64 / points }
    }
}

/// Requests of one load.
#[derive(Debug, Clone, Copy)]
struct Own {
    bad: f64,
    all: f64,
}

impl Own {
    /// The share of bad ones if so many more were bad.
    fn within(self, more: f64) -> f64 {
        (self.bad + more) / (self.all + more).max(1.0)
    }
}

/// The users of each of several loads: where those of one have to wait, it is not for those of
/// another to make up for that.
fn crowds(data: &RunData) -> Vec<Crowd> {
    let head = &data.record.head;
    if head.load.parts.is_empty() {
        return vec![Crowd { steps: None, seconds: seconds(data, &head.load.stages, &|_| true) }];
    }
    let crowd = |part: &PartHead| {
        let steps: Vec<bool> = head.steps.iter().map(|step| part.has(&step.flow)).collect();
        let is_its = |series: usize| steps.get(head.step_of(series)).copied().unwrap_or(false);
        let seconds = seconds(data, &part.stages, &is_its);
        Crowd { steps: Some(steps), seconds }
    };
    head.load.parts.iter().map(crowd).collect()
}

/// A judged second.
#[derive(Debug, Clone, Copy)]
struct Seen {
    second: u32,
    /// Requests due in it.
    due: f64,
    /// Users in its middle.
    users: f64,
    /// The longest wait of what was due in it, in seconds.
    longest: f64,
}

fn seconds(data: &RunData, stages: &[StageHead], is_its: &dyn Fn(usize) -> bool) -> Vec<Seen> {
    let seen = |second: &u32| {
        let found = data.record.seconds.get(*second);
        let due: u64 = found.as_ref().map_or(0, |it| {
            let counts = it.counts();
            let its = counts.iter().enumerate().filter(|(series, _)| is_its(*series));
            its.map(|(_, step)| step.planned).sum()
        });
        let longest = found.map_or(0.0, |it| {
            let times = it.times();
            let its = times.of(Phase::Response).enumerate().filter(|(series, _)| is_its(*series));
            its.filter_map(|(_, one)| one.max()).fold(0.0, f64::max)
        });
        let users = users_at(stages, f64::from(*second) + 0.5);
        Seen { second: *second, due: due as f64, users, longest: longest / 1e6 }
    };
    data.judged.seconds.iter().map(seen).collect()
}

/// How many users there are at a moment.
fn users_at(stages: &[StageHead], at: f64) -> f64 {
    let mut start = 0.0;
    for stage in stages {
        let end = start + stage.seconds;
        if at < end {
            let share = (at - start) / stage.seconds.max(1e-9);
            return stage.users.map_or(0.0, |users| {
                let (from, to) = (f64::from(users.from), f64::from(users.to));
                from + (to - from) * share
            });
        }
        start = end;
    }
    0.0
}

/// From which wait on a request is bad for an objective, in seconds: its limit, or where it is
/// about failures the shortest time limit.
fn limit(data: &RunData, slo: &SloHead) -> Option<f64> {
    let head = &data.record.head;
    match slo.metric {
        MetricHead::ResponseTime { threshold, .. } => {
            let threshold = head.thresholds.get(usize::from(threshold))?;
            Some(threshold.limit as f64 / 1e9)
        }
        MetricHead::Failures(_) => {
            let shortest = head.steps.iter().map(|step| step.timeout_ms).min()?;
            Some(shortest as f64 / 1e3 * 0.999)
        }
        MetricHead::Apdex { satisfied, .. } => {
            let threshold = head.thresholds.get(usize::from(satisfied))?;
            Some(threshold.limit as f64 / 1e9)
        }
        MetricHead::Lap { limit, .. } => Some(limit.limit as f64 / 1e9),
        MetricHead::Throughput(_) | MetricHead::Gauge(_) | MetricHead::CertificateDays(_) => None,
    }
}

/// What is missing in the seconds in which the load fell.
#[derive(Debug, Clone, Default)]
struct Missing {
    seconds: u64,
    /// Which they are.
    fell: Vec<u32>,
    requests: f64,
}

impl Missing {
    /// Also what is missing of others.
    fn and(mut self, other: Missing) -> Missing {
        self.fell.extend(other.fell);
        Missing {
            fell: self.fell,
            seconds: self.seconds.max(other.seconds),
            requests: self.requests + other.requests,
        }
    }
}

fn missing(seconds: &[Seen], limit: f64) -> Missing {
    let stuck = stuck(seconds, limit);
    let there = || seconds.iter().zip(&stuck).filter(|(seen, _)| seen.users > 0.0);
    let per_user = |(seen, _): (&Seen, &f64)| seen.due / seen.users;
    let calm: Vec<f64> = there().filter(|(_, stuck)| **stuck <= 0.0).map(per_user).collect();
    // A few calm seconds tell more than many in which the target stood still. Where there is none, those
    // with most requests do: a target that is slow in each second is so in them as well.
    let (usual, center) = if calm.is_empty() {
        let all: Vec<f64> = there().map(per_user).collect();
        (all.clone(), quantile(all, 3, 4))
    } else {
        (calm.clone(), median(calm))
    };
    let spread = median(usual.iter().map(|rate| (rate - center).abs()).collect());
    let mut found = Missing::default();
    for (seen, stuck) in there().filter(|(_, stuck)| **stuck > 0.0) {
        let expected = center * seen.users;
        let deviation = (spread * OF_MEDIAN_DEVIATION * seen.users).max(expected.sqrt());
        let short = expected - seen.due;
        if seen.due < expected * FELL_BELOW && short > DEVIATIONS * deviation {
            found.seconds += 1;
            found.fell.push(seen.second);
            found.requests += short * stuck;
        }
    }
    found
}

/// For each second the share of what is missing in it that would have waited for longer than a
/// limit, if somebody does in it, due in it or before: of those who come while a target stands
/// still, the last ones wait for less.
fn stuck(seconds: &[Seen], limit: f64) -> Vec<f64> {
    let (mut until, mut share) = (0.0_f64, 0.0_f64);
    let mut all = Vec::with_capacity(seconds.len());
    for seen in seconds {
        let second = f64::from(seen.second);
        if second >= until {
            share = 0.0;
        }
        if seen.longest > limit {
            until = until.max(second + 1.0 + seen.longest);
            share = share.max(1.0 - limit / seen.longest);
        }
        all.push(share);
    }
    all
}

fn median(values: Vec<f64>) -> f64 {
    quantile(values, 1, 2)
}

/// The value that such a part of all is below; 0 if there is none.
fn quantile(mut values: Vec<f64>, part: usize, of: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() * part / of).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::assess::assess;
    use crate::analysis::sample_records::{self, Requests};
    use crate::record::run::RunRecord;
    use crate::scenario::load::Crowd;

    /// Fifty users for so many seconds, with some in which something else was due and waited for.
    fn run(usual: f64, odd: &[(u32, f64, f64)]) -> Vec<Seen> {
        let seen = |second| {
            let found = odd.iter().find(|(at, ..)| *at == second);
            let (due, longest) = found.map_or((usual, 0.02), |(_, due, longest)| (*due, *longest));
            Seen { second, due, users: 50.0, longest }
        };
        (0..60).map(seen).collect()
    }

    #[test]
    fn what_a_target_that_stands_still_kept_from_being_sent_is_missing() {
        // It stands still from 20.2 to 22.1 s.
        let found =
            missing(&run(1_000.0, &[(20, 250.0, 1.9), (21, 0.0, 0.0), (22, 900.0, 0.02)]), 0.5);
        assert_eq!(found.seconds, 2);
        assert!((found.requests - 1_750.0 * (1.4 / 1.9)).abs() < 1.0, "{found:?}");
        let none = missing(&run(1_000.0, &[(20, 250.0, 1.9), (21, 0.0, 0.0)]), 2.0);
        assert_eq!(none.seconds, 0, "nobody waited for longer than this limit");
    }

    #[test]
    fn single_slow_requests_and_counts_that_vary_are_no_fall_of_the_load() {
        let odd: Vec<(u32, f64, f64)> = (0..60).map(|s| (s, 980.0, 0.9)).collect();
        assert_eq!(missing(&run(1_000.0, &odd), 0.5).seconds, 0);
        // Ten a second, as Poisson has them.
        let counts = [10.0, 7.0, 14.0, 9.0, 11.0, 6.0, 12.0, 4.0, 10.0, 13.0];
        let odd: Vec<(u32, f64, f64)> =
            (0..60).map(|s| (s, counts[s as usize % 10], 0.9)).collect();
        assert_eq!(missing(&run(10.0, &odd), 0.5).seconds, 0);
    }

    #[test]
    fn a_target_that_stands_still_most_of_the_time_is_not_the_usual_one() {
        let dead = |from: u32| -> Vec<(u32, f64, f64)> {
            let fell = (from, 200.0, 1e3);
            std::iter::once(fell).chain((from + 1..60).map(|at| (at, 0.0, 0.0))).collect()
        };
        for from in [1, 2, 4, 5, 30] {
            let found = missing(&run(1_000.0, &dead(from)), 0.5);
            assert_eq!(found.seconds, u64::from(60 - from), "dead from {from} on");
        }
        // Somebody waits in each second; in a quarter of them hardly anybody is left to ask.
        let odd: Vec<_> =
            (0..60).map(|at| (at, if at % 4 == 0 { 10.0 } else { 1_000.0 }, 0.9)).collect();
        assert_eq!(missing(&run(1_000.0, &odd), 0.5).seconds, 15);
    }

    #[test]
    fn the_load_of_a_ramp_is_measured_by_its_users() {
        let mut seconds = run(1_000.0, &[]);
        for seen in &mut seconds {
            seen.users = f64::from(seen.second) + 1.0;
            seen.due = seen.users * 20.0;
            seen.longest = 0.9;
        }
        assert_eq!(missing(&seconds, 0.5).seconds, 0);
    }

    /// Fifty users of one load do a thousand a second, ten of another two hundred; in some seconds
    /// those of one wait and do less.
    fn two_loads(odd: &[(usize, u32, u64)]) -> RunRecord {
        let mut record = sample_records::run(60, 0.0);
        sample_records::add_step(&mut record.head, "import");
        record.head.steps[1].flow = "other".to_owned();
        let of = |seconds: f64, users: u32| StageHead {
            seconds,
            from: 0.0,
            to: 0.0,
            users: Some(Crowd { from: users, to: users }),
            warmup: false,
        };
        let part = |flow: &str, stages: Vec<StageHead>| PartHead {
            flows: vec![flow.to_owned()],
            arrivals: record.head.load.arrivals,
            stages,
            recorded: None,
        };
        // The first load has twice as many users in its second half, who are half as fast.
        let parts =
            vec![part("flow", vec![of(30.0, 20), of(30.0, 50)]), part("other", vec![of(60.0, 10)])];
        record.head.load.stages = vec![of(30.0, 30), of(30.0, 60)];
        record.head.load.parts = parts;
        for second in 0..60 {
            for (step, usual) in [(0, if second < 30 { 400 } else { 1_000 }), (1, 200)] {
                let found = odd.iter().find(|(of, at, _)| (*of, *at) == (step, second));
                let (number, slow) = found.map_or((usual, 0), |it| (it.2, 2));
                let fast = Requests { step, ..Requests::ok(number - slow, 20_000) };
                let slow = Requests { step, ..Requests::ok(slow, 3_000_000) };
                sample_records::add(&mut record, [second], &[fast, slow]);
            }
        }
        record
    }

    fn has_fallen(record: &RunRecord) -> bool {
        assess(record).findings.iter().any(|finding| finding.kind == "load_fell")
    }

    #[test]
    fn the_load_of_few_falls_though_many_go_on() {
        let stuck: Vec<(usize, u32, u64)> = (40..46).map(|second| (1, second, 2)).collect();
        let mut record = two_loads(&stuck);
        let found = assess(&record).findings;
        let fell = found.iter().find(|finding| finding.kind == "load_fell").unwrap();
        assert!(fell.evidence.contains("about 9"), "990 are missing: {}", fell.evidence);
        record.head.slos[0].step = Some(1);
        assert!(has_fallen(&record));
        record.head.slos[0].step = Some(0);
        assert!(!has_fallen(&record), "they ask for nothing of that step");
        assert!(!has_fallen(&two_loads(&[])));
    }

    /// All users wait from the 35th second on, so that nothing is due in the windows behind it.
    #[test]
    fn windows_in_which_nobody_could_ask_are_not_left_out() {
        let dead_from = |dead: u32, (required, allowed): (f64, f64)| {
            let mut record = sample_records::run(60, 0.0);
            let users = Some(Crowd { from: 50, to: 50 });
            let stage = StageHead { seconds: 60.0, from: 0.0, to: 0.0, users, warmup: false };
            record.head.load.stages = vec![stage];
            record.head.slos = vec![SloHead { allowed, ..sample_records::in_windows(required, 5) }];
            sample_records::add(&mut record, 0..dead, &[Requests::ok(1_000, 20_000)]);
            if dead < 60 {
                sample_records::add(&mut record, [dead], &[Requests::ok(50, 30_000_000)]);
            }
            record
        };
        // Some may be slow in a window, or none at all.
        for allowed in [0.01, 0.0] {
            let few = (0.8, allowed);
            assert!(has_fallen(&dead_from(35, few)), "7 of 8 windows with requests, and of 12");
            assert!(!has_fallen(&dead_from(60, few)));
            assert!(!has_fallen(&dead_from(55, few)), "11 of 12 hold, whatever the last does");
        }
    }

    #[test]
    fn what_is_missing_of_each_load_is_missing_of_all() {
        let few: Vec<(usize, u32, u64)> = (40..42).map(|second| (1, second, 2)).collect();
        let many = [(0, 50, 500)];
        assert!(!has_fallen(&two_loads(&few)));
        assert!(!has_fallen(&two_loads(&many)));
        let both: Vec<(usize, u32, u64)> = few.iter().chain(&many).copied().collect();
        assert!(has_fallen(&two_loads(&both)));
    }

    #[test]
    fn a_load_that_fell_alone_is_told_where_the_sum_holds() {
        let alone = |record: &RunRecord| {
            let found = assess(record).findings;
            let fell = found.iter().find(|finding| finding.kind == "load_fell_alone");
            fell.map(|finding| finding.evidence.clone()).unwrap_or_default()
        };
        let few: Vec<(usize, u32, u64)> = (40..42).map(|second| (1, second, 2)).collect();
        let mut record = two_loads(&few);
        let said = alone(&record);
        assert!(said.contains("the load \"other\" fell") && said.contains("about 3"), "{said}");
        record.head.slos[0].tag = Some("none of it".to_owned());
        assert_eq!(alone(&record), "", "an objective of other steps");
        assert_eq!(alone(&two_loads(&[])), "");
        assert_eq!(alone(&two_loads(&[(0, 50, 990)])), "", "hardly fewer than usual");
    }
}
