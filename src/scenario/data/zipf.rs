//! Numbers of a Zipf distribution without a table: the `k`-th of `n` comes as often as `1/k^s`.
//!
//! Rejection-inversion (Hörmann and Derflinger 1996): constant time and memory, however many there
//! are. Logarithms and the like are libm's, the same on every platform.

use super::mixing::mixed;

/// A Zipf distribution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Zipf {
    count: u64,
    exponent: f64,
    first: f64,
    last: f64,
    sure: f64,
}

/// Each attempt succeeds in more than half of all cases; nobody waits longer than this.
const MOST_ATTEMPTS: u64 = 200;

impl Zipf {
    /// Of the numbers from 0 to below `count`, with an exponent above zero.
    pub fn new(count: u64, exponent: f64) -> Zipf {
        let mut zipf = Zipf { count, exponent, first: 0.0, last: 0.0, sure: 0.0 };
        zipf.first = zipf.area(1.5) - 1.0;
        zipf.last = zipf.area(count as f64 + 0.5);
        zipf.sure = 2.0 - zipf.at_area(zipf.area(2.5) - zipf.height(2.0));
        zipf
    }

    /// The one that some bits decide: 0 comes most often.
    pub fn draw(&self, bits: u64) -> u64 {
        for attempt in 0..MOST_ATTEMPTS {
            let bits = mixed(bits ^ attempt.wrapping_mul(0xa076_1d64_78bd_642f));
            let unit = (bits >> 11) as f64 / (1_u64 << 53) as f64;
            let area = self.last + unit * (self.first - self.last);
            let x = self.at_area(area);
            let k = libm::floor(x + 0.5).clamp(1.0, self.count as f64);
            if k - x <= self.sure || area >= self.area(k + 0.5) - self.height(k) {
                return k as u64 - 1;
            }
        }
        0
    }

    fn height(&self, x: f64) -> f64 {
        libm::exp(-self.exponent * libm::log(x))
    }

    /// The area under the height from 1 to `x`.
    fn area(&self, x: f64) -> f64 {
        let log = libm::log(x);
        let bent = (1.0 - self.exponent) * log;
        let factor = if bent.abs() > 1e-8 { libm::expm1(bent) / bent } else { 1.0 + bent / 2.0 };
        factor * log
    }

    /// The `x` of an area.
    fn at_area(&self, area: f64) -> f64 {
        let bent = (area * (1.0 - self.exponent)).max(-1.0);
        let factor = if bent.abs() > 1e-8 { libm::log1p(bent) / bent } else { 1.0 - bent / 2.0 };
        libm::exp(factor * area)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_comes_as_often_as_it_must() {
        const DRAWN: u64 = 200_000;
        for (count, exponent) in [(1, 1.0), (2, 1.0), (10, 1.0), (10, 0.5), (50, 2.0), (1_000, 1.1)]
        {
            let zipf = Zipf::new(count, exponent);
            let mut times = vec![0_u32; count as usize];
            (0..DRAWN).for_each(|index| times[zipf.draw(mixed(index)) as usize] += 1);
            let weight = |k: u64| (k as f64).powf(-exponent);
            let total: f64 = (1..=count).map(weight).sum();
            for (k, times) in (1..).zip(&times).take(12) {
                let share = weight(k) / total;
                let found = f64::from(*times) / DRAWN as f64;
                let spread = (share * (1.0 - share) / DRAWN as f64).sqrt();
                assert!((found - share).abs() <= 5.0 * spread, "{k} of {count}: {found} {share}");
            }
        }
    }

    #[test]
    fn the_largest_tables_and_the_steepest_exponents_stay_in_bounds() {
        for count in [1, 3, 100_000_000] {
            for exponent in [0.01, 0.999_999_999, 1.0, 10.0] {
                let zipf = Zipf::new(count, exponent);
                assert!((0..10_000).all(|bits| zipf.draw(bits) < count), "{count} {exponent}");
            }
        }
    }
}
