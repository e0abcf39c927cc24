//! What a regular expression finds in a hostile body, in bounded time.
//!
//! One search takes time linear in the text. Many searches may look at all of the rest each time,
//! so how many there are depends on how long the text is.

use regex::bytes::Regex;

use crate::scenario::extraction::Take;

/// Matches that are looked at where not the first is meant.
const MOST_MATCHES: usize = 1_000;
/// Bytes that all searches together look at, at most.
const MOST_BYTES: usize = 64 << 20;

/// The first group of the match that is meant, or all of it where there is no group.
pub fn captured<'b>(bytes: &'b [u8], pattern: &Regex, take: Take, bits: u64) -> Option<&'b [u8]> {
    let fits = (MOST_BYTES / bytes.len().max(1)).clamp(1, MOST_MATCHES);
    let matches =
        || pattern.captures_iter(bytes).filter_map(|found| found.get(found.len().min(2) - 1));
    let found = match take {
        Take::Nth(place) => matches().nth(place as usize),
        Take::Last => matches().take(fits).last(),
        Take::Random => {
            let count = matches().take(fits).count();
            matches().nth(take.of(count, bits)?)
        }
    };
    found.map(|found| found.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn no_body_takes_long() {
        // Each search of this expression looks at all of the rest, and matches one letter.
        let pattern = Regex::new(".*[^A-Z]|[A-Z]").unwrap();
        let body = vec![b'A'; 1 << 20];
        let begun = Instant::now();
        for take in [Take::Nth(0), Take::Last, Take::Random] {
            assert_eq!(captured(&body, &pattern, take, 7), Some(&b"A"[..]));
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    }

    #[test]
    fn each_of_a_thousand_matches_is_chosen_alike() {
        let body = b"id=1 id=2 ".repeat(400);
        let pattern = Regex::new("id=(\\d)").unwrap();
        let ones = (0..2_000_u64)
            .map(crate::scenario::data::mixing::mixed)
            .filter(|bits| captured(&body, &pattern, Take::Random, *bits) == Some(b"1"));
        let ones = ones.count();
        assert!((850..1_150).contains(&ones), "{ones}");
    }
}
