//! Made-up duets on machines with known noise, for tests: every effect multiplies the
//! response time, that is, shifts its logarithm.
//!
//! | effect | distribution | felt by |
//! | --- | --- | --- |
//! | host | normal, once per duet | both |
//! | drift | Ornstein–Uhlenbeck | both |
//! | burst | Poisson windows, exponential length and height | both, each by its own factor |
//! | start | normal, once per process | one |
//! | private | Ornstein–Uhlenbeck, 2 s | one |
//!
//! The response time without noise is log-normal around 4 ms with 3 % around 12 ms
//! (*broad*). A thousand seconds of 2,000 requests are drawn from it once; each second of
//! a duet is one of them at random, shifted. Only seconds with a burst or a freeze go
//! request by request. That makes thousands of duets affordable without optimisation.

use std::sync::LazyLock;

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

use crate::analysis::comparison::{ArmSecond, Pair};
use crate::record::histogram::{Sparse, bucket_top};

/// Seconds of a segment.
const SEGMENT: usize = 60;
/// Parts of a second in which a burst is either on or off.
const SLOTS: usize = 10;
/// Requests per second and arm.
const RATE: f64 = 2_000.0;
/// Seconds drawn once.
const DRAWN: usize = 1_000;
/// Width of a bin of ln(µs).
const BIN: f64 = 0.02;
/// ln(µs) of the lowest bin.
const LOWEST: f64 = 4.6;
/// Bins: up to ln(µs) = 18.6, two minutes.
const BINS: i64 = 700;
/// Shifts by less than a bin that are told apart.
const FINE: i64 = 16;
/// How long a frozen candidate freezes, in seconds.
const FREEZE: f64 = 0.25;
/// How often it does, per second.
const FREEZES: f64 = 0.1;

/// How noisy a machine is: standard deviations are of ln(response time).
#[derive(Debug, Clone, Copy)]
pub(in crate::analysis) struct Profile {
    pub(in crate::analysis) host: f64,
    pub(in crate::analysis) drift: f64,
    pub(in crate::analysis) drift_seconds: f64,
    pub(in crate::analysis) bursts_per_second: f64,
    pub(in crate::analysis) burst_seconds: f64,
    pub(in crate::analysis) burst_height: f64,
    pub(in crate::analysis) burst_split: f64,
    pub(in crate::analysis) start: f64,
    pub(in crate::analysis) private: f64,
}

/// A dedicated machine.
pub(in crate::analysis) const QUIET: Profile = Profile {
    host: 0.010,
    drift: 0.010,
    drift_seconds: 10.0,
    bursts_per_second: 0.0,
    burst_seconds: 0.5,
    burst_height: 1.0,
    burst_split: 0.10,
    start: 0.005,
    private: 0.010,
};

/// A hosted runner.
pub(in crate::analysis) const CI: Profile = Profile {
    host: 0.030,
    drift: 0.040,
    drift_seconds: 10.0,
    bursts_per_second: 1.0 / 20.0,
    burst_seconds: 0.3,
    burst_height: 0.8,
    burst_split: 0.20,
    start: 0.010,
    private: 0.020,
};

/// A hosted runner on a bad day.
pub(in crate::analysis) const HARSH: Profile = Profile {
    host: 0.080,
    drift: 0.080,
    drift_seconds: 20.0,
    bursts_per_second: 1.0 / 15.0,
    burst_seconds: 1.0,
    burst_height: 1.5,
    burst_split: 0.20,
    start: 0.015,
    private: 0.040,
};

/// What is different about the candidate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::analysis) enum Change {
    /// Everything takes longer by this share.
    Slower(f64),
    /// It stands still for 250 ms about every 10 s.
    Freezes,
}

/// Random numbers from a seed.
pub(in crate::analysis) struct Draw(Xoshiro256PlusPlus);

impl Draw {
    pub(in crate::analysis) fn new(seed: u64) -> Draw {
        Draw(Xoshiro256PlusPlus::seed_from_u64(seed))
    }

    pub(in crate::analysis) fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub(in crate::analysis) fn normal(&mut self, deviation: f64) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        deviation * radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    pub(in crate::analysis) fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }

    /// The moments of a Poisson process.
    pub(in crate::analysis) fn moments(&mut self, per_second: f64, seconds: f64) -> Vec<f64> {
        let mut moments = Vec::new();
        let mut at = self.exponential(1.0 / per_second);
        while at < seconds {
            moments.push(at);
            at += self.exponential(1.0 / per_second);
        }
        moments
    }

    pub(in crate::analysis) fn ornstein_uhlenbeck(
        &mut self,
        deviation: f64,
        seconds: f64,
    ) -> Vec<f64> {
        let kept = (-1.0 / seconds).exp();
        let fresh = deviation * (1.0 - kept * kept).sqrt();
        let mut now = self.normal(deviation);
        (0..SEGMENT)
            .map(|_| {
                now = kept * now + self.normal(fresh);
                now
            })
            .collect()
    }
}

/// One second without noise: ln(µs) of each request, and their bins.
struct Calm {
    logs: Vec<f32>,
    bins: Vec<(i64, u64)>,
}

static CALM: LazyLock<Vec<Calm>> = LazyLock::new(|| {
    let mut draw = Draw::new(21);
    (0..DRAWN).map(|_| calm(&mut draw)).collect()
});

fn calm(draw: &mut Draw) -> Calm {
    let number = (RATE + draw.normal(RATE.sqrt())).round() as usize;
    let logs: Vec<f32> = (0..number).map(|_| broad(draw) as f32).collect();
    let mut counts = vec![0_u64; BINS as usize];
    for log in &logs {
        counts[bin(f64::from(*log))] += 1;
    }
    Calm { logs, bins: occupied(&counts) }
}

fn broad(draw: &mut Draw) -> f64 {
    if draw.unit() < 0.03 {
        12_000_f64.ln() + draw.normal(0.5)
    } else {
        4_000_f64.ln() + draw.normal(0.35)
    }
}

fn bin(log: f64) -> usize {
    (((log - LOWEST) / BIN).max(0.0) as usize).min(BINS as usize - 1)
}

fn occupied(counts: &[u64]) -> Vec<(i64, u64)> {
    let all = (0..).zip(counts.iter().copied());
    all.filter(|(_, count)| *count > 0).collect()
}

/// The histogram's bucket of each bin's middle, for each fine shift.
static BUCKETS: LazyLock<Vec<Vec<u64>>> = LazyLock::new(|| {
    let bucket = |fine: i64, bin: i64| {
        let log = LOWEST + BIN * (bin as f64 + 0.5 + fine as f64 / FINE as f64);
        let value = log.exp() as u64;
        // All lowest values of buckets are one above the top of the bucket below.
        (1..=value).rev().find(|low| bucket_top(low - 1) < *low).unwrap()
    };
    (0..FINE).map(|fine| (0..BINS).map(|bin| bucket(fine, bin)).collect()).collect()
});

fn shifted(bins: &[(i64, u64)], shift: f64) -> ArmSecond {
    let steps = (shift / BIN * FINE as f64).round() as i64;
    let whole = steps.div_euclid(FINE);
    let buckets = &BUCKETS[steps.rem_euclid(FINE) as usize];
    let mut counts = Vec::with_capacity(bins.len());
    let mut requests = 0;
    for &(bin, count) in bins {
        counts.push((buckets[(bin + whole).clamp(0, BINS - 1) as usize], count));
        requests += count;
    }
    ArmSecond { response: Sparse::from_buckets(counts), requests, errors: 0, cpu_ns: None }
}

/// A machine on which a duet runs.
pub(in crate::analysis) struct Machine {
    profile: Profile,
    change: Change,
    draw: Draw,
    freezing: Draw,
    host: f64,
}

impl Machine {
    pub(in crate::analysis) fn new(profile: Profile, change: Change, seed: u64) -> Machine {
        let mut draw = Draw::new(seed);
        let host = draw.normal(profile.host);
        let freezing = Draw::new(seed ^ 0x00f4_ee2e);
        Machine { profile, change, draw, freezing, host }
    }

    /// The next segment, with fresh processes.
    pub(in crate::analysis) fn segment(&mut self) -> Vec<Pair> {
        let profile = self.profile;
        let drift = self.draw.ornstein_uhlenbeck(profile.drift, profile.drift_seconds);
        let [of_baseline, of_candidate] = self.bursts();
        let (slower, freezes) = match self.change {
            Change::Slower(share) => (share.ln_1p(), Vec::new()),
            Change::Freezes => (0.0, self.freezing.moments(FREEZES, SEGMENT as f64)),
        };
        let baseline = self.arm(&drift, &of_baseline, &[], 0.0);
        let candidate = self.arm(&drift, &of_candidate, &freezes, slower);
        let pair = |(baseline, candidate)| Pair { baseline, candidate };
        baseline.into_iter().zip(candidate).map(pair).collect()
    }

    /// For each arm and slot by how much it is slower, as a logarithm.
    fn bursts(&mut self) -> [Vec<f64>; 2] {
        let profile = self.profile;
        let mut slower = [vec![0.0; SEGMENT * SLOTS], vec![0.0; SEGMENT * SLOTS]];
        for start in self.draw.moments(profile.bursts_per_second, SEGMENT as f64) {
            let end = start + self.draw.exponential(profile.burst_seconds);
            let height = self.draw.exponential(profile.burst_height).ln_1p();
            let slot = |at: f64| at * SLOTS as f64;
            let slots = slot(start) as usize..(slot(end).ceil() as usize).min(SEGMENT * SLOTS);
            for arm in &mut slower {
                let felt = height * self.draw.normal(profile.burst_split).exp();
                arm[slots.clone()].iter_mut().for_each(|known| *known = felt.max(*known));
            }
        }
        slower
    }

    fn arm(&mut self, drift: &[f64], bursts: &[f64], freezes: &[f64], by: f64) -> Vec<ArmSecond> {
        let start = self.host + self.draw.normal(self.profile.start) + by;
        let private = self.draw.ornstein_uhlenbeck(self.profile.private, 2.0);
        let mut seconds = Vec::with_capacity(SEGMENT);
        for second in 0..SEGMENT {
            let calm = &CALM[(self.draw.unit() * DRAWN as f64) as usize];
            let shift = start + drift[second] + private[second];
            let bursts = &bursts[second * SLOTS..(second + 1) * SLOTS];
            let now = second as f64;
            let freezes: Vec<f64> =
                freezes.iter().map(|at| at - now).filter(|at| *at < 1.0 && *at > -FREEZE).collect();
            let is_calm = freezes.is_empty() && bursts.iter().all(|slower| *slower == 0.0);
            let made = if is_calm {
                shifted(&calm.bins, shift)
            } else {
                disturbed(&calm.logs, shift, bursts, &freezes)
            };
            seconds.push(made);
        }
        seconds
    }
}

/// Request by request.
fn disturbed(logs: &[f32], shift: f64, bursts: &[f64], freezes: &[f64]) -> ArmSecond {
    let mut counts = vec![0_u64; BINS as usize];
    for (index, log) in logs.iter().enumerate() {
        let slower = bursts[index * SLOTS / logs.len()];
        let mut log = f64::from(*log) + shift + slower;
        let at = (index as f64 + 0.5) / logs.len() as f64;
        for freeze in freezes {
            if (*freeze..freeze + FREEZE).contains(&at) {
                log = (log.exp() + (freeze + FREEZE - at) * 1e6).ln();
            }
        }
        counts[bin(log)] += 1;
    }
    shifted(&occupied(&counts), 0.0)
}
