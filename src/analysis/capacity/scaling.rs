//! Why a target has the capacity that it has, as far as the rates of a search tell: the universal
//! scalability law, fitted to what was answered as expected and to how much of it was in the target
//! at once.

use std::time::Duration;

use crate::analysis::capacity::points::trials;
use crate::analysis::scalability::Scalability;
use crate::analysis::scalability::curve::Load;
use crate::record::capacity::{Purpose, Trial};
use crate::units::Rate;

/// Where more of the requests fail, a load was shed: what was turned away was in the target for no
/// time, and the law knows of none of it.
const SHED: f64 = 0.01;

/// Says how a target scales, a sentence each; that the trials do not tell, where they do not.
pub fn scaling(all: &[Trial]) -> Vec<String> {
    let short = trials(all).filter(|it| it.purpose == Purpose::Trial && it.seen.error_rate <= SHED);
    let load = |it: &Trial| {
        let mean = Duration::try_from_secs_f64(it.seen.mean? / 1e3).ok()?;
        Some(Load::by_littles_law(Rate(it.seen.goodput), mean))
    };
    let loads: Vec<Load> = short.filter_map(load).collect();
    Scalability::of(&loads).sentences()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::sample_capacity::sample;

    #[test]
    fn a_target_that_queues_is_told_from_one_of_which_too_little_is_known() {
        let few = scaling(&sample().trials);
        assert!(few[0].contains("not enough loads"), "{few:?}");
        let trial = |n: f64| {
            let mut trial = sample().trials[0].clone();
            // A tenth of the work is done by one at a time.
            let throughput = 100.0 * n / (1.0 + 0.1 * (n - 1.0));
            trial.seen.goodput = throughput;
            trial.seen.mean = Some(n / throughput * 1e3);
            trial
        };
        let many: Vec<Trial> = [1.0, 2.0, 4.0, 8.0, 12.0, 16.0, 24.0].map(trial).into();
        let told = scaling(&many).join("\n");
        assert!(told.contains("10 %"), "{told}");
        // Beyond it the target answers the rest with 429 at once.
        let shed = |rate: f64| {
            let mut trial = trial(24.0);
            (trial.seen.error_rate, trial.seen.mean) = (1.0 - 700.0 / rate, Some(2.0));
            trial
        };
        let shedding = [many, [1_000.0, 2_000.0, 4_000.0].map(shed).into()].concat();
        assert_eq!(scaling(&shedding).join("\n"), told);
    }
}
