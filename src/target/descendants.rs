//! All processes below one, as Linux knows them.

use std::collections::HashSet;
use std::path::Path;
use std::sync::OnceLock;

use procfs::process::{Process, all_processes};

/// No target has more processes; a loop in what `/proc` says must end.
const MAX_PROCESSES: usize = 20_000;

/// All processes below `top`, parents before their children.
pub(crate) fn descendants(top: i32) -> Vec<i32> {
    let children = if kernel_lists_children() { children_listed } else { children_searched };
    let mut found: Vec<i32> = children(&[top]);
    let mut known: HashSet<i32> = found.iter().copied().collect();
    let mut generation = found.clone();
    while !generation.is_empty() && found.len() < MAX_PROCESSES {
        generation = children(&generation);
        generation.retain(|pid| known.insert(*pid));
        found.extend(&generation);
    }
    found
}

fn kernel_lists_children() -> bool {
    static LISTS: OnceLock<bool> = OnceLock::new();
    *LISTS.get_or_init(|| Path::new("/proc/thread-self/children").exists())
}

fn children_listed(parents: &[i32]) -> Vec<i32> {
    let threads = parents.iter().filter_map(|pid| Process::new(*pid).ok()?.tasks().ok());
    let children = threads.flatten().filter_map(|thread| thread.ok()?.children().ok());
    children.flatten().map(u32::cast_signed).collect()
}

/// Asks every process of the machine for its parent.
fn children_searched(parents: &[i32]) -> Vec<i32> {
    let processes = all_processes().into_iter().flatten();
    let stats = processes.filter_map(|process| process.ok()?.stat().ok());
    stats.filter(|stat| parents.contains(&stat.ppid)).map(|stat| stat.pid).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use std::process::{Child, Command, Stdio};
    use std::time::{Duration, Instant};

    use super::*;

    /// Processes that end with the test.
    pub(crate) struct Family(pub(crate) Child);

    impl Drop for Family {
        fn drop(&mut self) {
            for pid in descendants(self.0.id().cast_signed()) {
                let pid = nix::unistd::Pid::from_raw(pid);
                let _ = nix::sys::signal::kill(pid, nix::sys::signal::SIGKILL);
            }
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    #[test]
    fn listing_and_searching_find_the_same_children() {
        let script = "sleep 60 & sh -c 'sleep 60 & sleep 60' & read x";
        let family = Command::new("sh").args(["-c", script]).stdin(Stdio::piped()).spawn();
        let family = Family(family.unwrap());
        let pid = family.0.id().cast_signed();
        let since = Instant::now();
        while descendants(pid).len() != 4 {
            assert!(since.elapsed() < Duration::from_secs(20), "four descendants");
            std::thread::yield_now();
        }
        let sorted = |mut pids: Vec<i32>| {
            pids.sort_unstable();
            pids
        };
        assert_eq!(sorted(children_listed(&[pid])), sorted(children_searched(&[pid])));
    }
}
