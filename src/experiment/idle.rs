//! What targets use while nobody asks anything of them.
//!
//! Process trees in, CPU time per second out. A target that has just become ready is not quite
//! at rest, so the median of some short looks counts.

use std::thread;
use std::time::{Duration, Instant};

use crate::analysis::stats::median;
use crate::experiment::control::Control;
use crate::record::duet::Idle;
use crate::target::procfs::{ProcessTree, TreeSampler};

/// Length of a look, and how many there are.
const LOOK: Duration = Duration::from_millis(500);
const LOOKS: usize = 6;
/// Looks at both arms; `None` where their CPU time is not known, or when the duet ends.
pub(super) fn measure(trees: [ProcessTree; 2], control: &Control) -> Option<Idle> {
    let mut samplers = [TreeSampler::default(), TreeSampler::default()];
    let mut shares = [Vec::new(), Vec::new()];
    let mut sample = |arm: usize| samplers[arm].sample(trees[arm]).map(|usage| usage.cpu);
    let mut before = [sample(0)?, sample(1)?];
    for _ in 0..LOOKS {
        let then = Instant::now();
        thread::sleep(LOOK);
        if control.ended().is_some() {
            return None;
        }
        let now = [sample(0)?, sample(1)?];
        for arm in [0, 1] {
            let used = now[arm].saturating_sub(before[arm]);
            shares[arm].push(used.as_secs_f64() / then.elapsed().as_secs_f64());
        }
        before = now;
    }
    let [baseline, candidate] = shares.map(|shares| median(&shares));
    Some(Idle { baseline: baseline?, candidate: candidate? })
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};

    use super::*;

    struct Killed(Child);

    impl Drop for Killed {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    fn started(program: &str, argument: &str) -> (Killed, ProcessTree) {
        let mut command = Command::new(program);
        let child = command.arg(argument).stdout(Stdio::null()).spawn().unwrap();
        let tree = ProcessTree { root: child.id(), supervisor: None };
        (Killed(child), tree)
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn one_that_spins_is_told_from_one_that_sleeps() {
        let (_spinning, busy) = started("yes", "y");
        let (_sleeping, calm) = started("sleep", "60");
        let found = measure([busy, calm], &Control::default()).unwrap();
        assert!(found.baseline > 10.0 * found.candidate && found.candidate < 0.05, "{found:?}");
    }
}
