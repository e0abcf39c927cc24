//! How often the threads of a process tree gave up their CPU, or lost it.
//!
//! The system counts per thread, and forgets a thread that has ended; here the sum is kept from
//! one sample to the next. A few hundred bytes are read per thread.

use std::collections::HashMap;
use std::fs;

/// Reading more threads than this every second would be felt by the target.
pub(super) const MOST_THREADS: u64 = 512;

/// The sum so far.
#[derive(Debug, Default)]
pub(super) struct Switches {
    sum: (u64, u64),
    last: HashMap<i32, (u64, u64)>,
}

impl Switches {
    /// Adds what the threads of some processes did since the last time: voluntary and
    /// involuntary switches so far. `None` where there are too many threads.
    pub(super) fn absorb(
        &mut self,
        pids: impl Iterator<Item = i32>,
        threads: u64,
    ) -> Option<(u64, u64)> {
        if threads > MOST_THREADS {
            return None;
        }
        self.add(pids.flat_map(threads_of).filter_map(read).collect())
    }

    fn add(&mut self, now: HashMap<i32, (u64, u64)>) -> Option<(u64, u64)> {
        if now.is_empty() {
            return None;
        }
        for (thread, (voluntary, involuntary)) in &now {
            // A thread that counts less is another one with the same id.
            let before = self.last.get(thread).copied().unwrap_or_default();
            let before = if before.0 <= *voluntary { before } else { (0, 0) };
            self.sum.0 += voluntary - before.0;
            self.sum.1 += involuntary.saturating_sub(before.1);
        }
        self.last = now;
        Some(self.sum)
    }
}

pub(super) fn threads_of(pid: i32) -> Vec<(i32, i32)> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let ids = threads.filter_map(|thread| thread.file_name().to_str()?.parse().ok());
    ids.map(|thread| (pid, thread)).collect()
}

fn read((pid, thread): (i32, i32)) -> Option<(i32, (u64, u64))> {
    let status = fs::read_to_string(format!("/proc/{pid}/task/{thread}/status")).ok()?;
    Some((thread, counts(&status)?))
}

fn counts(status: &str) -> Option<(u64, u64)> {
    let of = |name: &str| {
        let value = status.lines().find_map(|line| line.strip_prefix(name))?;
        value.trim().parse().ok()
    };
    Some((of("voluntary_ctxt_switches:")?, of("nonvoluntary_ctxt_switches:")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_from_a_status() {
        let status = "Name:\tnode\nvoluntary_ctxt_switches:\t150\nnonvoluntary_ctxt_switches:\t7\n";
        assert_eq!(counts(status), Some((150, 7)));
        assert_eq!(counts("Name:\tnode\n"), None);
    }

    #[test]
    fn the_sum_follows_births_and_deaths_of_threads() {
        let mut switches = Switches::default();
        let mut add =
            |threads: &[(i32, (u64, u64))]| switches.add(threads.iter().copied().collect());
        assert_eq!(add(&[(1, (100, 10))]), Some((100, 10)));
        assert_eq!(add(&[(1, (110, 10)), (2, (5, 1))]), Some((115, 11)));
        assert_eq!(add(&[(1, (120, 12))]), Some((125, 13)), "the second has ended");
        assert_eq!(add(&[(1, (121, 12)), (2, (3, 0))]), Some((129, 13)), "another second");
        assert_eq!(add(&[]), None);
    }
}
