//! The bound that is valid however often it is asked: METHODS.md, section 5.5.
//!
//! The normal mixture of Howard, Ramdas, `McAuliffe` and Sekhon (2021, section 3.2), one-sided, with the
//! variance as it is seen. With x of each second by how much it is beyond what is allowed, S their sum and V
//! the sum of their squared residuals, a run is beyond it at the first n from 15 on at which
//!
//! ```text
//! S > √( 2·(V + ρ)·ln( √((V + ρ)/ρ) / (2·α) + 1 ) ),   ρ = V/n · 10
//! ```
//!
//! Bad requests come in bursts, so V is that of blocks of 5 s where these vary more than seconds do.

/// No look says anything before so many seconds.
pub const FEWEST: usize = 15;
/// The number of seconds for which the sequence is tightest, about.
const TUNED_FOR: f64 = 10.0;
/// Seconds of a block.
const BLOCK: usize = 5;

/// Whether the seconds are beyond what is allowed, of which even some that vary less than a sample can
/// have `least_variance` in all.
pub fn is_beyond(values: &[f64], least_variance: f64, alpha: f64) -> bool {
    if values.len() < FEWEST {
        return false;
    }
    let sum: f64 = values.iter().sum();
    if sum <= 0.0 {
        return false;
    }
    let seen = residuals(values, 1).max(residuals(values, BLOCK));
    let variance = seen.max(least_variance).max(f64::MIN_POSITIVE);
    let tuned = variance / values.len() as f64 * TUNED_FOR;
    let ratio = (variance + tuned) / tuned;
    let bound = (2.0 * (variance + tuned) * (ratio.sqrt() / (2.0 * alpha) + 1.0).ln()).sqrt();
    sum > bound
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

    /// Bad ones of seconds of 200 requests, of which bursts come in one second of so many.
    fn bursts(
        random: &mut Xoshiro256PlusPlus,
        seconds: usize,
        every: f64,
        height: u64,
    ) -> Vec<u64> {
        let mut unit = || (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
        let second = |_| {
            let bad = if unit() < 1.0 / every { (unit() * 2.0 * height as f64) as u64 } else { 0 };
            bad.min(200)
        };
        (0..seconds).map(second).collect()
    }

    fn ends_at(seconds: &[u64], all: f64, allowed: f64) -> Option<usize> {
        let values: Vec<f64> = seconds.iter().map(|bad| *bad as f64 - allowed * all).collect();
        let least = |length: usize| allowed * (1.0 - allowed) * all * length as f64;
        (1..=values.len()).find(|length| is_beyond(&values[..*length], least(*length), 0.01))
    }

    #[test]
    fn looking_every_second_at_the_limit_hardly_ever_ends_a_run() {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(5);
        for (every, height) in [(1.0, 2), (5.0, 10), (10.0, 40)] {
            let runs: Vec<Vec<u64>> =
                (0..200).map(|_| bursts(&mut random, 300, every, height)).collect();
            let bad: u64 = runs.iter().flatten().sum();
            let truth = bad as f64 / (200.0 * 300.0 * 200.0);
            let ended =
                |allowed| runs.iter().filter(|run| ends_at(run, 200.0, allowed).is_some()).count();
            let at_limit = ended(truth);
            assert!(at_limit <= 10, "{at_limit} of 200 ended, every {every} s");
            let soon = ended(truth / 4.0);
            assert!(soon >= 120, "{soon} of 200 at four times the limit, every {every} s");
        }
    }

    #[test]
    fn a_run_that_fails_altogether_ends_at_the_first_look_and_one_that_does_not_never() {
        let all = |bad| ends_at(&vec![bad; 100], 100.0, 0.01);
        assert_eq!((all(100), all(1), all(0)), (Some(FEWEST), None, None));
    }
}
