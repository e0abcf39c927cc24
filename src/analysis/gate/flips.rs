//! The paired sign-flip test: were the candidate no worse, each second's difference would
//! as well have had the other sign.
//!
//! p is the share of all 2ⁿ ways to choose the signs of the n differences that are not
//! zero whose sum is at least the one seen. All ways are tried up to n = 12; beyond that
//! so many are drawn from a seeded generator, with `(h + 1) / (draws + 1)` for h hits. It
//! stops early at 100 hits with h / draws (Besag and Clifford 1991), which is always an
//! honest p and makes the usual case cheap.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

/// Up to so many differences all ways are tried.
const EXACT_UP_TO: usize = 12;
/// The most ways that are drawn. Enough for p = 10⁻⁵, below any level of the gate.
const DRAWS: u32 = 100_000;
/// Hits after which p is known well enough.
const ENOUGH_HITS: u32 = 100;
/// Signs that are drawn and added up at once.
const AT_ONCE: usize = 8;

/// One-sided p of "the differences are symmetric around zero or lean below it".
pub fn sign_flip(differences: &[i64], seed: u64) -> f64 {
    let sizes: Vec<i64> = differences.iter().copied().filter(|d| *d != 0).map(capped).collect();
    let seen: i64 = sizes.iter().sum();
    let tables: Vec<Table> = sizes.chunks(AT_ONCE).map(Table::new).collect();
    if sizes.len() <= EXACT_UP_TO {
        return exact(&tables, sizes.len() as u32, seen);
    }
    drawn(&tables, seen, seed)
}

/// Sums of differences must not overflow, whatever a damaged file says.
fn capped(difference: i64) -> i64 {
    difference.clamp(-1_000_000_000, 1_000_000_000)
}

fn exact(tables: &[Table], number: u32, seen: i64) -> f64 {
    let ways = 1_u64 << number;
    let hits = (0..ways).filter(|signs| sum(tables, std::iter::once(*signs)) >= seen).count();
    hits as f64 / ways as f64
}

fn drawn(tables: &[Table], seen: i64, seed: u64) -> f64 {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let words = tables.len().div_ceil(AT_ONCE);
    let mut hits = 0;
    for draw in 1..=DRAWS {
        let signs = (0..words).map(|_| random.next_u64());
        hits += u32::from(sum(tables, signs) >= seen);
        if hits == ENOUGH_HITS {
            return f64::from(hits) / f64::from(draw);
        }
    }
    f64::from(hits + 1) / f64::from(DRAWS + 1)
}

/// The sum of all differences with the signs that the bits of these words give them.
fn sum(tables: &[Table], words: impl Iterator<Item = u64>) -> i64 {
    let bytes = words.flat_map(u64::to_le_bytes);
    tables.iter().zip(bytes).map(|(table, signs)| table.sums[usize::from(signs)]).sum()
}

/// What eight differences add up to for each choice of their signs.
struct Table {
    sums: Vec<i64>,
}

impl Table {
    fn new(sizes: &[i64]) -> Table {
        let sum = |signs: usize| {
            let signed = |(index, size): (usize, &i64)| {
                if signs >> index & 1 == 1 { size.abs() } else { -size.abs() }
            };
            sizes.iter().enumerate().map(signed).sum()
        };
        Table { sums: (0..1 << AT_ONCE).map(sum).collect() }
    }
}
