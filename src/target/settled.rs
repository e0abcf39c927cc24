//! Which processes of a tree have lived for a while, and how often one of them came or went.
//!
//! The processes of each look come in, a number goes out that grows with each change. Helpers,
//! which come and go, are none; those of the first look have lived for a while already. A process
//! that replaces its program by another one, or by itself, is another process: it has given back
//! all its memory.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// A process that ends sooner is a helper.
const SETTLED: Duration = Duration::from_secs(10);

/// A process id is used again, but not with the same start; and a program that is executed anew in
/// the same process has its stack elsewhere, as the system places it at random.
pub(super) type Identity = (i32, u64, u64);

/// Processes that have lived for a while.
#[derive(Debug, Default)]
pub(super) struct Settled {
    /// When each of the last look was first seen; `None` for those that have settled.
    seen: HashMap<Identity, Option<Instant>>,
    /// How often one that had settled ended, or one settled.
    changes: u64,
}

impl Settled {
    /// How often one ended or began, with those that are there now.
    pub(super) fn look(&mut self, there: impl Iterator<Item = Identity>, now: Instant) -> u64 {
        let is_first = self.seen.is_empty();
        let mut before = std::mem::take(&mut self.seen);
        for process in there {
            let since = before.remove(&process).unwrap_or((!is_first).then_some(now));
            let has_settled = since.is_some_and(|since| now - since >= SETTLED);
            self.changes += u64::from(has_settled);
            self.seen.insert(process, since.filter(|_| !has_settled));
        }
        self.changes += before.values().filter(|since| since.is_none()).count() as u64;
        self.changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lives_for_a_while_is_a_change() {
        let mut settled = Settled::default();
        let start = Instant::now();
        let mut look = |seconds: u64, there: &[i32]| {
            let now = start + Duration::from_secs(seconds);
            settled.look(there.iter().map(|pid| (*pid, 0, 0)), now)
        };
        assert_eq!(look(0, &[1, 2]), 0);
        assert_eq!(look(1, &[1, 2, 3]), 0, "a helper began");
        assert_eq!(look(5, &[1, 2]), 0, "and ended");
        assert_eq!(look(20, &[1, 2, 4]), 0);
        assert_eq!(look(30, &[1, 2, 4]), 1, "another one stays");
        assert_eq!(look(31, &[1, 4]), 2, "one of the first has ended");
        assert_eq!(look(32, &[1]), 3, "and the one that had stayed");
        assert_eq!(look(99, &[1]), 3);
    }
}
