//! Whether a run that is under way has missed an objective for certain: METHODS.md, section 5.5.
//!
//! Whoever looks every second and stops at the first bad look calls far too many runs bad. So an
//! always-valid, one-sided confidence sequence says it: the normal mixture of Howard, Ramdas, `McAuliffe`
//! and Sekhon (2021, section 3.2), with the variance as it is seen. With x = bad − allowed · all of each
//! second, S their sum and V the sum of their squared residuals, an objective is missed at the first n from
//! 15 on at which
//!
//! ```text
//! S > √( 2·(V + ρ)·ln( √((V + ρ)/ρ) / (2·α) + 1 ) ),   ρ = V/n · 10
//! ```
//!
//! Bad requests come in bursts, so V is that of blocks of 5 s where these vary more than seconds do. α is
//! 1 % for all objectives of a run together, and what the usual interval of the run so far calls
//! missed is asked as well, as the record is judged by that. A run is never ended as passed.
//!
//! An objective of each tenant is one for each of them, and each is held against the strictest of
//! Holm's levels. One of the neighbours of a noisy tenant begins with his stage, when nothing that was due before can
//! still be under way. All others wait for the end: what is counted here is when a request *ended*, and
//! windows, amounts per second and times within streams are judged by when it was due.

use std::ops::Range;

use crate::analysis::evidence;
use crate::analysis::number_format::{counted, percent};
use crate::analysis::starvation;
use crate::analysis::stats::{self, Tally};
use crate::record::interval::StepCounts;
use crate::record::run::{Head, MetricHead, SloHead};

/// How often a run within its objectives may be ended, at most.
const ALPHA: f64 = 0.01;
/// No look says anything before so many seconds.
const FEWEST: usize = 15;
/// The number of seconds for which the sequence is tightest, about.
const TUNED_FOR: f64 = 10.0;
/// Seconds of a block.
const BLOCK: usize = 5;

/// What is looked at while a run goes on.
#[derive(Debug)]
pub struct FailFast {
    head: Head,
    objectives: Vec<Objective>,
    /// Seconds before it are not judged.
    from: u32,
    /// What had been counted of each step at the last look.
    before: Vec<StepCounts>,
}

#[derive(Debug)]
struct Objective {
    slo: SloHead,
    /// Whom it is about, where that is one of several tenants or all but one.
    of: Option<String>,
    /// The seconds in which it is looked at.
    during: Range<u32>,
    /// How unlikely what was seen must be for the record to be judged so.
    confirmed: f64,
    seconds: Vec<Tally>,
}

impl FailFast {
    /// Of a run that begins, whose judged part begins at a second.
    pub fn of(head: &Head, from: u32) -> FailFast {
        let own = head.slos.iter().filter(|slo| is_looked_at(head, slo));
        let own = own.flat_map(|slo| objectives(head, slo, from));
        let objectives = own.chain(of_neighbours(head, from)).collect();
        FailFast { head: head.clone(), objectives, from, before: Vec::new() }
    }

    /// The objectives that wait for the end, in a sentence.
    pub fn that_wait(head: &Head) -> Option<String> {
        let waits = |slo: &&SloHead| !is_looked_at(head, slo);
        let own = head.slos.iter().filter(waits).map(|slo| slo.text.as_str());
        let noisy = head.noisy.iter();
        let neighbours = noisy.flat_map(|noisy| {
            let slos = noisy.slos.iter().filter(waits).map(|slo| slo.text.as_str());
            slos.chain(noisy.effects.iter().map(|effect| effect.text.as_str()))
        });
        let all: Vec<&str> = own.chain(neighbours).collect();
        (!all.is_empty()).then(|| format!("--fail-fast ends nothing by {}", all.join("; ")))
    }

    /// A second has passed, and so much has been counted of each step since the beginning. Says
    /// which objective is missed for certain. Seconds of a generator that stood still are no evidence.
    pub fn look(&mut self, second: u32, counted: &[StepCounts], is_sound: bool) -> Option<String> {
        let before = std::mem::replace(&mut self.before, counted.to_vec());
        if second < self.from || !is_sound || before.is_empty() {
            return None;
        }
        let share = ALPHA / self.objectives.len().max(1) as f64;
        let during = self.objectives.iter_mut().filter(|it| it.during.contains(&second));
        for Objective { slo, of, confirmed, seconds, .. } in during {
            let series = counted.iter().zip(&before).enumerate();
            let mine = series.filter(|(place, _)| self.head.is_of(*place, slo.within()));
            let tally = mine.map(|(_, (now, before))| {
                let of = |counts| evidence::of_ended(counts, slo);
                let (now, before) = (of(now), of(before));
                Tally {
                    all: now.all.saturating_sub(before.all),
                    bad: now.bad.saturating_sub(before.bad),
                }
            });
            seconds.push(Tally::sum(tally));
            if is_missed(seconds, slo.allowed, share) && is_confirmed(seconds, slo, *confirmed) {
                return Some(told(&self.head, slo, of.as_deref(), seconds));
            }
        }
        None
    }
}

/// Whether it is a share of the requests of the judged time.
fn is_share(slo: &SloHead) -> bool {
    match slo.metric {
        MetricHead::ResponseTime { .. } | MetricHead::Failures(_) | MetricHead::Apdex { .. } => {
            slo.windows.is_none() && slo.allowed > 0.0
        }
        MetricHead::Throughput(_)
        | MetricHead::Gauge(_)
        | MetricHead::CertificateDays(_)
        | MetricHead::Lap { .. } => false,
    }
}

/// The same of a run on a machine that others had before the target was started, where a time that
/// is missed so far may be left open at the end.
fn is_looked_at(head: &Head, slo: &SloHead) -> bool {
    let is_of_ends = matches!(slo.metric, MetricHead::Failures(_));
    is_share(slo) && (is_of_ends || !starvation::is_busy_before(head))
}

/// One, or one for each tenant.
fn objectives(head: &Head, slo: &SloHead, from: u32) -> Vec<Objective> {
    let during = from..u32::MAX;
    let Some(tenants) = head.tenants.as_ref().filter(|_| slo.each_tenant) else {
        let (slo, confirmed) = (slo.clone(), stats::ALPHA);
        return vec![Objective { slo, of: None, during, confirmed, seconds: Vec::new() }];
    };
    let confirmed = stats::ALPHA / f64::from(tenants.places().max(1));
    let one = |place: u16| Objective {
        slo: SloHead { tenant: Some(place), each_tenant: false, ..slo.clone() },
        of: Some(tenants.name(place).to_owned()),
        during: during.clone(),
        confirmed,
        seconds: Vec::new(),
    };
    (0..tenants.places()).map(one).collect()
}

/// Those about all but a noisy tenant, from the moment on at which nothing of the stage before is
/// under way.
fn of_neighbours(head: &Head, from: u32) -> Vec<Objective> {
    let Some(noisy) = &head.noisy else { return Vec::new() };
    let longest = head.steps.iter().map(|step| step.timeout_ms.div_ceil(1_000)).max();
    let longest = u32::try_from(longest.unwrap_or_default()).unwrap_or(u32::MAX);
    let begins = (noisy.from.ceil() as u32).saturating_add(longest).saturating_add(1);
    let one = |slo: &SloHead| Objective {
        slo: SloHead { but: Some(noisy.tenant), ..slo.clone() },
        of: Some("neighbours".to_owned()),
        during: begins.max(from)..noisy.until.floor() as u32,
        confirmed: stats::ALPHA,
        seconds: Vec::new(),
    };
    noisy.slos.iter().filter(|slo| is_looked_at(head, slo)).map(one).collect()
}

fn told(head: &Head, slo: &SloHead, whose: Option<&str>, seconds: &[Tally]) -> String {
    let step = slo.step.and_then(|step| head.steps.get(usize::from(step)));
    let of = step
        .map(|step| step.name.clone())
        .or_else(|| slo.tag.as_ref().map(|it| format!("tag:{it}")))
        .or_else(|| whose.map(str::to_owned));
    let of = of.map_or_else(String::new, |of| format!("{of}: "));
    let total = Tally::sum(seconds.iter().copied());
    format!(
        "{of}{} is missed for certain: {} bad in {}, {} allowed",
        slo.text,
        percent(total.share()),
        counted(seconds.len() as u64, "second"),
        percent(slo.allowed),
    )
}

/// Whether the share of bad requests is beyond what is allowed, however often it is asked.
fn is_missed(seconds: &[Tally], allowed: f64, alpha: f64) -> bool {
    if seconds.len() < FEWEST {
        return false;
    }
    let excess = |tally: &Tally| tally.bad as f64 - allowed * tally.all as f64;
    let values: Vec<f64> = seconds.iter().map(excess).collect();
    let sum: f64 = values.iter().sum();
    if sum <= 0.0 {
        return false;
    }
    let seen = residuals(&values, 1).max(residuals(&values, BLOCK));
    // Requests that are all bad do not vary, and are still a sample.
    let all: u64 = seconds.iter().map(|tally| tally.all).sum();
    let variance = seen.max(allowed * (1.0 - allowed) * all as f64);
    let tuned = variance / values.len() as f64 * TUNED_FOR;
    let ratio = (variance + tuned) / tuned;
    let bound = (2.0 * (variance + tuned) * (ratio.sqrt() / (2.0 * alpha) + 1.0).ln()).sqrt();
    sum > bound
}

/// Whether the record so far is judged as missed as well.
fn is_confirmed(seconds: &[Tally], slo: &SloHead, level: f64) -> bool {
    let share = evidence::from_tallies(seconds, &[]).hanging_together(evidence::points(slo));
    share.low > slo.allowed && (level >= stats::ALPHA || share.chance_within(slo.allowed) <= level)
}

/// The sum of the squared differences from the mean, of stretches of so many values.
fn residuals(values: &[f64], width: usize) -> f64 {
    let stretches: Vec<f64> = values.chunks_exact(width).map(|it| it.iter().sum()).collect();
    let count = stretches.len() as f64;
    if stretches.len() < 2 {
        return 0.0;
    }
    let mean = stretches.iter().sum::<f64>() / count;
    let squares: f64 = stretches.iter().map(|value| (value - mean).powi(2)).sum();
    squares * count / (count - 1.0)
}

#[cfg(test)]
mod tests {
    use rand_xoshiro::Xoshiro256PlusPlus;
    use rand_xoshiro::rand_core::{Rng, SeedableRng};

    use super::*;
    use crate::analysis::sample_records;
    use crate::record::noisy::NoisyHead;
    use crate::record::outcome::Outcome;
    use crate::record::run::TenantsHead;
    use crate::record::series::SeriesHead;
    use crate::scenario::slo::FailureShare;

    /// Seconds of 200 requests, of which bursts of bad ones come in one second of so many.
    fn bursts(
        random: &mut Xoshiro256PlusPlus,
        seconds: usize,
        every: f64,
        height: u64,
    ) -> Vec<Tally> {
        let mut unit = || (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
        let second = |_| {
            let bad = if unit() < 1.0 / every { (unit() * 2.0 * height as f64) as u64 } else { 0 };
            Tally { all: 200, bad: bad.min(200) }
        };
        (0..seconds).map(second).collect()
    }

    fn ends_at(seconds: &[Tally], allowed: f64) -> Option<usize> {
        (1..=seconds.len()).find(|length| is_missed(&seconds[..*length], allowed, ALPHA))
    }

    #[test]
    fn looking_every_second_at_the_limit_hardly_ever_ends_a_run() {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(5);
        for (every, height) in [(1.0, 2), (5.0, 10), (10.0, 40)] {
            let runs: Vec<Vec<Tally>> =
                (0..200).map(|_| bursts(&mut random, 300, every, height)).collect();
            let truth = Tally::sum(runs.iter().flatten().copied()).share();
            let ended = runs.iter().filter(|run| ends_at(run, truth).is_some()).count();
            assert!(ended <= 10, "{ended} of 200 ended, every {every} s");
            let soon = runs.iter().filter(|run| ends_at(run, truth / 4.0).is_some()).count();
            assert!(soon >= 120, "{soon} of 200 at four times the limit, every {every} s");
        }
    }

    #[test]
    fn a_run_that_fails_altogether_ends_at_the_first_look_and_one_that_does_not_never() {
        let all = |bad| vec![Tally { all: 100, bad }; 100];
        assert_eq!(ends_at(&all(100), 0.01), Some(FEWEST));
        assert_eq!(ends_at(&all(1), 0.01), None);
        assert_eq!(ends_at(&all(0), 0.01), None);
    }

    #[test]
    fn what_is_counted_since_the_last_look_is_judged_from_the_window_on() {
        let mut head = sample_records::run(60, 100.0).head;
        head.slos = vec![
            sample_records::failures(FailureShare::Errors, 0.01),
            sample_records::failures(FailureShare::Errors, 0.0),
        ];
        let seen = |from: u32, is_sound: fn(u32) -> bool| {
            let mut fast = FailFast::of(&head, from);
            let counted = |second: u32| {
                let mut counts = StepCounts::default();
                counts.outcomes[Outcome::Ok.index()] = 50 * u64::from(second + 1);
                counts.outcomes[Outcome::ServerError.index()] = 50 * u64::from(second + 1);
                counts
            };
            (0..60).find_map(|second| {
                let told = fast.look(second, &[counted(second)], is_sound(second))?;
                assert!(told.contains("50 % bad in 15 seconds, 1 % allowed"), "{told}");
                Some(second)
            })
        };
        assert_eq!(seen(0, |_| true), Some(15));
        assert_eq!(seen(20, |_| true), Some(34));
        assert_eq!(seen(0, |second| second % 2 == 0), Some(30));
        assert_eq!(seen(0, |_| false), None);
    }

    /// The second in which a run of 60 s ends of which these shares of a hundred fail, series by series.
    fn ended(head: &Head, shares: &[u64]) -> Option<(u32, String)> {
        let mut fast = FailFast::of(head, 0);
        (0..60).find_map(|second| {
            let counted = |bad: &u64| {
                let mut counts = StepCounts::default();
                counts.outcomes[Outcome::Ok.index()] = (100 - bad) * u64::from(second + 1);
                counts.outcomes[Outcome::ServerError.index()] = bad * u64::from(second + 1);
                counts
            };
            let counted: Vec<StepCounts> = shares.iter().map(counted).collect();
            Some((second, fast.look(second, &counted, true)?))
        })
    }

    /// Three tenants and all others, each with a series of the only step.
    fn of_tenants(slo: SloHead) -> Head {
        let mut head = sample_records::run(60, 400.0).head;
        let names = ["a", "b", "c"].map(str::to_owned).to_vec();
        head.tenants = Some(TenantsHead { names, has_others: true });
        let series =
            |place| SeriesHead { step: 0, tenant: Some(place), tag: format!("s--t{place}") };
        head.series = (0..4).map(series).collect();
        head.slos = vec![slo];
        head
    }

    #[test]
    fn a_run_ends_when_one_tenant_misses_what_holds_for_each() {
        let errors = sample_records::failures(FailureShare::Errors, 0.1);
        let each = of_tenants(SloHead { each_tenant: true, ..errors.clone() });
        let (second, told) = ended(&each, &[0, 50, 0, 0]).unwrap();
        assert!(told.starts_with("b: ") && told.contains("50 % bad"), "{told}");
        assert!((15..30).contains(&second), "{second}");
        assert_eq!(ended(&each, &[9, 9, 9, 9]), None);
        assert_eq!(ended(&of_tenants(errors), &[0, 30, 0, 0]), None, "all together hold");
    }

    #[test]
    fn neighbours_are_looked_at_while_somebody_is_noisy_and_he_is_none_of_them() {
        let errors = sample_records::failures(FailureShare::Errors, 0.1);
        let mut head = of_tenants(errors.clone());
        head.slos.clear();
        head.steps[0].timeout_ms = 2_000;
        let (slos, effects) = (vec![errors], Vec::new());
        let (before, from, until) = (0.0, 20.0, 60.0);
        head.noisy = Some(NoisyHead { tenant: 1, times: 5.0, before, from, until, slos, effects });
        let (second, told) = ended(&head, &[40, 0, 40, 40]).unwrap();
        assert!(second >= 23 + 14 && told.starts_with("neighbours: "), "{second} {told}");
        assert_eq!(ended(&head, &[0, 100, 0, 0]), None);
        head.noisy.as_mut().unwrap().until = 35.0;
        assert_eq!(ended(&head, &[40, 0, 40, 40]), None, "twelve seconds say nothing");
    }

    #[test]
    fn what_ends_nothing_is_named_once_before_the_run() {
        let mut head = sample_records::run(60, 100.0).head;
        assert_eq!(FailFast::that_wait(&head), None);
        head.slos.push(sample_records::in_windows(0.9, 5));
        let windows = head.slos[1].text.clone();
        let expected = format!("--fail-fast ends nothing by {windows}");
        assert_eq!(FailFast::that_wait(&head), Some(expected));
        head.generators[0].environment.others_before = Some(95);
        let said = FailFast::that_wait(&head).unwrap();
        assert!(said.contains(&head.slos[0].text), "times on a machine that others have: {said}");
    }
}
