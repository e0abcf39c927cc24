//! Times to think, drawn as a scenario says how they are spread; pure.

use std::time::Duration;

use crate::scenario::think::{LONGEST, Think};
use crate::schedule::Choices;

impl Choices {
    /// How long to think, in nanoseconds. Logarithms and the like are libm's: the same on every
    /// platform.
    pub fn thinks_for(&mut self, think: Think) -> u64 {
        let drawn = match think {
            Think::Even { shortest, longest } => {
                let range = longest.saturating_sub(shortest).as_nanos() as f64;
                return shortest.as_nanos() as u64 + (self.unit() * range) as u64;
            }
            Think::Exponential { mean } => nanos(mean) * -libm::log(1.0 - self.unit()),
            Think::Normal { mean, deviation } => nanos(mean) + nanos(deviation) * self.bell(),
            Think::LogNormal { mean, deviation } => {
                let (mean, deviation) = (nanos(mean), nanos(deviation));
                // The parameters of the logarithm that give this mean and this deviation.
                let square = libm::log(1.0 + (deviation / mean) * (deviation / mean));
                let center = libm::log(mean) - square / 2.0;
                libm::exp(center + libm::sqrt(square) * self.bell())
            }
        };
        drawn.clamp(0.0, nanos(LONGEST)) as u64
    }

    /// A number of the standard normal distribution (Box and Muller 1958).
    fn bell(&mut self) -> f64 {
        let length = libm::sqrt(-2.0 * libm::log(1.0 - self.unit()));
        length * libm::cos(std::f64::consts::TAU * self.unit())
    }
}

fn nanos(time: Duration) -> f64 {
    time.as_nanos() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mean, standard deviation and the share below half the mean, in seconds.
    fn drawn(think: Think) -> [f64; 3] {
        let times: Vec<f64> = (0..200_000)
            .map(|index| Choices::new(7, index).thinks_for(think) as f64 / 1e9)
            .collect();
        let count = times.len() as f64;
        let mean = times.iter().sum::<f64>() / count;
        let square = times.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / count;
        let low = times.iter().filter(|time| **time < mean / 2.0).count() as f64 / count;
        [mean, square.sqrt(), low]
    }

    #[track_caller]
    fn check(text: &str, expected: [f64; 3]) {
        let found = drawn(Think::parse(text).unwrap());
        let is_close = found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 0.012);
        assert!(is_close, "{text}: {found:?}, not {expected:?}");
    }

    #[test]
    fn times_are_spread_as_they_are_called() {
        check("1500ms", [1.5, 0.0, 0.0]);
        check("1s..2s", [1.5, 0.288_7, 0.0]);
        check("exponential 1s", [1.0, 1.0, 0.393_5]);
        check("normal 2s ± 500ms", [2.0, 0.5, 0.022_8]);
        // With sigma² = ln 1.25 the median is e^-0.1116.
        check("lognormal 1s ± 500ms", [1.0, 0.5, 0.109_3]);
    }

    #[test]
    fn nobody_thinks_for_less_than_nothing_or_for_more_than_an_hour() {
        let wide = Think::parse("normal 1s ± 5s").unwrap();
        assert!((0..1_000).any(|index| Choices::new(1, index).thinks_for(wide) == 0));
        let long = Think::parse("exponential 1h").unwrap();
        let most = (0..1_000).map(|index| Choices::new(1, index).thinks_for(long)).max();
        assert_eq!(most, Some(LONGEST.as_nanos() as u64));
    }

    #[test]
    fn the_same_seed_gives_the_same_times() {
        let think = Think::parse("lognormal 1s ± 1s").unwrap();
        let of = |seed| Choices::new(seed, 3).thinks_for(think);
        assert_eq!(of(7), of(7));
        assert_ne!(of(7), of(8));
    }
}
