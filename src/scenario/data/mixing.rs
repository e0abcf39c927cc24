//! Random bits that numbers alone decide, and permutations made of them.

/// The finalizer of `SplitMix64` (Steele, Lea and Flood 2014).
pub fn mixed(bits: u64) -> u64 {
    let bits = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// A whole number below a limit, from 64 random bits. The bias is below the limit divided by 2^64.
pub fn below(limit: u64, bits: u64) -> u64 {
    ((u128::from(bits) * u128::from(limit)) >> 64) as u64
}

/// Rounds of the network: four make a permutation that is not told from a random one (Luby and
/// Rackoff 1988); two more are for halves of few bits.
const ROUNDS: u64 = 6;

/// Where the `place`-th of `count` comes in the permutation of a key.
///
/// A Feistel network permutes the numbers of an even number of bits; one that leads beyond `count`
/// is walked on from until it comes back (Black and Rogaway 2002). That takes four steps on the
/// average at most, as the numbers are at most four times as many.
pub fn permuted(place: u64, count: u64, key: u64) -> u64 {
    let bits = u64::BITS - count.saturating_sub(1).leading_zeros();
    let half = bits.div_ceil(2).max(1);
    let mut found = place;
    loop {
        found = network(found, half, key);
        if found < count {
            return found;
        }
    }
}

fn network(number: u64, half: u32, key: u64) -> u64 {
    let mask = (1_u64 << half) - 1;
    let (mut left, mut right) = (number >> half & mask, number & mask);
    for round in 0..ROUNDS {
        let turned = mixed(key ^ (right << 3 | round)) >> 17;
        (left, right) = (right, left ^ (turned & mask));
    }
    left << half | right
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn each_comes_once(count in 1_u64..3_000, key in any::<u64>()) {
            let mut seen = vec![false; count as usize];
            for place in 0..count {
                let found = permuted(place, count, key) as usize;
                prop_assert!(!std::mem::replace(&mut seen[found], true), "{found} comes twice");
            }
        }

        #[test]
        fn the_largest_are_walked_in_bounds(place in any::<u64>(), key in any::<u64>()) {
            for count in [u64::from(u32::MAX), 100_000_000, (1 << 40) + 1] {
                prop_assert!(permuted(place % count, count, key) < count);
            }
        }
    }

    #[test]
    fn no_place_is_preferred() {
        // How often each of 20 comes first, of 20,000 keys: 1,000 ± 31.
        for place in [0, 7, 19] {
            let mut times = [0_i32; 20];
            for key in 0..20_000 {
                times[permuted(place, 20, mixed(key)) as usize] += 1;
            }
            assert!(times.iter().all(|times| (times - 1_000).abs() < 150), "{times:?}");
        }
    }

    #[test]
    fn neighbours_do_not_stay_together() {
        let order: Vec<u64> = (0..1_000).map(|place| permuted(place, 1_000, 7)).collect();
        let together = order.windows(2).filter(|pair| pair[0].abs_diff(pair[1]) == 1).count();
        assert!(together < 15, "{together} of 999, 2 by chance");
    }
}
