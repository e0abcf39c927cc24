//! How long the threads of a process tree waited for a CPU while they could have run.
//!
//! The system counts per thread, and forgets a thread that has ended; here the sum is kept from one
//! sample to the next. Elsewhere than on Linux, and where the kernel does not count it, there is none.

use std::collections::HashMap;
use std::fs;
use std::time::Duration;

use super::switches::{MOST_THREADS, threads_of};

/// The sum so far.
#[derive(Debug, Default)]
pub(super) struct Queued {
    sum: u64,
    last: HashMap<i32, u64>,
}

impl Queued {
    /// Adds what the threads of some processes waited since the last time. `None` where there are
    /// too many threads.
    pub(super) fn absorb(
        &mut self,
        pids: impl Iterator<Item = i32>,
        threads: u64,
    ) -> Option<Duration> {
        if threads > MOST_THREADS {
            return None;
        }
        self.add(pids.flat_map(threads_of).filter_map(read).collect())
    }

    fn add(&mut self, now: HashMap<i32, u64>) -> Option<Duration> {
        if now.is_empty() {
            return None;
        }
        for (thread, waited) in &now {
            // A thread that has waited for less is another one with the same id.
            let before = self.last.get(thread).copied().filter(|before| before <= waited);
            self.sum = self.sum.saturating_add(waited - before.unwrap_or(0));
        }
        self.last = now;
        Some(Duration::from_nanos(self.sum))
    }
}

fn read((pid, thread): (i32, i32)) -> Option<(i32, u64)> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{thread}/schedstat")).ok()?;
    Some((thread, waited(&text)?))
}

/// `56142 1200 7`: nanoseconds on a CPU, nanoseconds in its queue, and how often it ran.
fn waited(text: &str) -> Option<u64> {
    text.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_is_the_second_number() {
        assert_eq!(waited("56142 1200 7\n"), Some(1_200));
        for odd in ["", "5", "5 x 1"] {
            assert_eq!(waited(odd), None, "{odd}");
        }
    }

    #[test]
    fn the_sum_follows_births_and_deaths_of_threads() {
        let mut queued = Queued::default();
        let mut add = |threads: &[(i32, u64)]| {
            queued.add(threads.iter().copied().collect()).map(|sum| sum.as_nanos())
        };
        assert_eq!(add(&[(1, 100)]), Some(100));
        assert_eq!(add(&[(1, 110), (2, 5)]), Some(115));
        assert_eq!(add(&[(1, 120)]), Some(125), "the second has ended");
        assert_eq!(add(&[(1, 120), (2, 3)]), Some(128), "another second");
        assert_eq!(add(&[]), None);
    }
}
