//! What a process tree uses, as Linux sees it.
//!
//! Process ids come in; CPU time, memory, descriptors, threads, context switches and what was
//! read and written of the whole tree go out. Elsewhere than on Linux there is no answer. Reads a few small files per
//! process and thread, never all of `/proc` where the kernel lists children.

use std::time::Duration;

/// Which processes are the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcessTree {
    /// The started command.
    pub root: u32,
    /// Its supervisor, to which orphans of the command come back. What it uses itself is
    /// not counted.
    pub supervisor: Option<u32>,
}

/// What a process tree uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TreeUsage {
    /// CPU time since the first sample and before; never falls, also when processes end.
    pub cpu: Duration,
    /// The part of it that the kernel spent for them, in steps of a clock tick.
    pub system: Duration,
    /// Resident memory in bytes. Pages that processes share are counted in each of them.
    pub rss: u64,
    /// Open file descriptors; `None` where the system does not let all of them be seen.
    pub descriptors: Option<u64>,
    /// Threads.
    pub threads: u64,
    /// Times that threads gave up their CPU, and that it was taken from them. What a thread did
    /// between the last sample and its end is not in it.
    pub switches: Option<(u64, u64)>,
    /// How long threads waited for a CPU while they could have run, since the first sample and before.
    pub queued: Option<Duration>,
    /// Bytes that the storage had to read and to write for them; `None` where the system does not
    /// let them be seen.
    pub storage: Option<(u64, u64)>,
    /// How often a process that had lived for a while ended, or one that lives for a while began,
    /// since the first sample.
    pub changes: u64,
}

#[cfg(not(target_os = "linux"))]
mod system {
    /// Knows nothing on this system.
    #[derive(Debug, Default)]
    pub struct TreeSampler(());

    impl TreeSampler {
        /// Nothing is known here.
        pub fn sample(&mut self, _tree: super::ProcessTree) -> Option<super::TreeUsage> {
            None
        }
    }
}

pub use system::TreeSampler;
#[cfg(target_os = "linux")]
pub(crate) use system::{birth, carriers};

#[cfg(target_os = "linux")]
mod system {
    use std::collections::HashMap;
    use std::ffi::{OsStr, OsString};
    use std::time::{Duration, Instant};

    use nix::time::{clock_getcpuclockid, clock_gettime};
    use nix::unistd::Pid;
    use procfs::process::{Process, Stat, all_processes};

    use super::super::settled::{self, Settled};
    use super::{ProcessTree, TreeUsage};
    use crate::target::descendants::descendants;
    use crate::target::queued::Queued;
    use crate::target::switches::Switches;

    /// How often a sample is taken again because a process ended meanwhile.
    const ATTEMPTS: usize = 3;

    /// Adds up what a process tree uses, from one sample to the next.
    #[derive(Debug, Default)]
    pub struct TreeSampler {
        cpu: Total,
        system: Total,
        switches: Switches,
        queued: Queued,
        settled: Settled,
    }

    /// CPU time of a tree in nanoseconds.
    #[derive(Debug, Default)]
    struct Total {
        /// So far.
        sum: u64,
        /// What the last sample added up to, including waited-for children.
        last: u64,
        /// Own time of each process in the last sample.
        own: HashMap<Identity, u64>,
    }

    /// The same at one moment.
    #[derive(Debug, Default)]
    struct Used {
        own: HashMap<Identity, u64>,
        waited: u64,
    }

    /// A process id is used again, but not with the same start.
    type Identity = (i32, u64);

    impl TreeSampler {
        /// What the tree uses now; `None` when there is none.
        pub fn sample(&mut self, tree: ProcessTree) -> Option<TreeUsage> {
            let census = (0..ATTEMPTS).map(|_| Census::take(tree)).find(|c| c.consistent);
            let census = census.unwrap_or_else(|| Census::take(tree));
            if census.cpu.own.is_empty() {
                return None;
            }
            let changes = self.settled.look(census.programs.into_iter(), Instant::now());
            let cpu = Duration::from_nanos(self.cpu.absorb(census.cpu));
            let system = Duration::from_nanos(self.system.absorb(census.system)).min(cpu);
            let pids = || self.cpu.own.keys().map(|(pid, _)| *pid);
            let switches = self.switches.absorb(pids(), census.usage.threads);
            let queued = self.queued.absorb(pids(), census.usage.threads);
            let storage = census.storage;
            Some(TreeUsage { cpu, system, switches, queued, storage, changes, ..census.usage })
        }
    }

    impl Total {
        /// Time of a process that ended comes back as its parent's time of waited-for children,
        /// so the sum over the tree keeps it. Where the parent does not wait (`SIGCHLD`
        /// ignored) the sum falls; then what the others used counts.
        fn absorb(&mut self, used: Used) -> u64 {
            let before = |process| self.own.get(process).copied().unwrap_or(0);
            let others: u64 = used.own.iter().map(|(p, own)| own.saturating_sub(before(p))).sum();
            let sum = used.own.values().sum::<u64>() + used.waited;
            self.sum += others.max(sum.saturating_sub(self.last));
            self.last = sum;
            self.own = used.own;
            self.sum
        }
    }

    /// One look at the tree.
    #[derive(Default)]
    struct Census {
        cpu: Used,
        system: Used,
        usage: TreeUsage,
        storage: Option<(u64, u64)>,
        programs: Vec<settled::Identity>,
        /// Whether no process ended between being listed and being read.
        consistent: bool,
    }

    impl Census {
        fn take(tree: ProcessTree) -> Census {
            let none = Some((0, 0));
            let usage = TreeUsage { descriptors: Some(0), ..TreeUsage::default() };
            let mut census = Census { consistent: true, storage: none, usage, ..Census::default() };
            let top = tree.supervisor.unwrap_or(tree.root).cast_signed();
            // Listed before anything is read, and parents first: a child that ends in
            // between is missed, never counted twice.
            let below = descendants(top);
            match (tree.supervisor, read(top)) {
                (None, Some((process, stat))) => census.add(&process, &stat),
                (Some(_), Some((_, stat))) => census.add_waited(&stat),
                (_, None) => return census,
            }
            for pid in below {
                match read(pid) {
                    Some((process, stat)) => census.add(&process, &stat),
                    None => census.consistent = false,
                }
            }
            census
        }

        fn add(&mut self, process: &Process, stat: &Stat) {
            let own = exact(stat.pid).unwrap_or_else(|| nanos(stat.utime + stat.stime));
            self.cpu.own.insert((stat.pid, stat.starttime), own);
            self.system.own.insert((stat.pid, stat.starttime), nanos(stat.stime));
            self.programs.push((stat.pid, stat.starttime, stat.startstack));
            self.add_waited(stat);
            self.usage.rss += stat.rss * procfs::page_size();
            self.usage.threads += stat.num_threads.unsigned_abs();
            // Not ours to see when the target has another user; a part of them would look like few.
            self.usage.descriptors = self
                .usage
                .descriptors
                .zip(process.fd_count().ok())
                .map(|(sum, open)| sum + open as u64);
            self.storage = self
                .storage
                .zip(process.io().ok())
                .map(|((read, written), io)| (read + io.read_bytes, written + io.write_bytes));
        }

        fn add_waited(&mut self, stat: &Stat) {
            let ticks = |ticks: i64| nanos(ticks.max(0).unsigned_abs());
            self.cpu.waited += ticks(stat.cutime) + ticks(stat.cstime);
            self.system.waited += ticks(stat.cstime);
        }
    }

    fn read(pid: i32) -> Option<(Process, Stat)> {
        let process = Process::new(pid).ok()?;
        let stat = process.stat().ok()?;
        Some((process, stat))
    }

    /// The scheduler's own sum of a process's CPU time, threads that ended included: `/proc`
    /// rounds the same figure down to clock ticks, which are a percent of a second.
    fn exact(pid: i32) -> Option<u64> {
        let clock = clock_getcpuclockid(Pid::from_raw(pid)).ok()?;
        let time = Duration::from(clock_gettime(clock).ok()?);
        u64::try_from(time.as_nanos()).ok().filter(|nanos| *nanos > 0)
    }

    fn nanos(ticks: u64) -> u64 {
        ticks.saturating_mul(1_000_000_000 / procfs::ticks_per_second().max(1))
    }

    /// When a process started that still runs, in ticks since boot; with its id, its identity.
    pub(crate) fn birth(pid: i32) -> Option<u64> {
        read(pid).filter(|(_, stat)| stat.state != 'Z').map(|(_, stat)| stat.starttime)
    }

    /// All processes that were started with this variable in their environment.
    pub(crate) fn carriers(name: &str, value: &str) -> Vec<i32> {
        let carries = |environment: &HashMap<OsString, OsString>| {
            environment.get(OsStr::new(name)).is_some_and(|found| found == value)
        };
        let processes = all_processes().into_iter().flatten().filter_map(Result::ok);
        processes.filter(|p| p.environ().is_ok_and(|e| carries(&e))).map(|p| p.pid()).collect()
    }

    #[cfg(test)]
    mod tests {
        use std::process::{Command, Stdio};
        use std::time::Instant;

        use super::*;
        use crate::target::descendants::tests::Family;

        fn shell(script: &str) -> Family {
            let mut command = Command::new("sh");
            Family(command.args(["-c", script]).stdin(Stdio::piped()).spawn().unwrap())
        }

        fn tree(family: &Family) -> ProcessTree {
            ProcessTree { root: family.0.id(), supervisor: None }
        }

        #[track_caller]
        fn until(what: &str, mut condition: impl FnMut() -> bool) {
            let deadline = Instant::now() + Duration::from_secs(20);
            while !condition() {
                assert!(Instant::now() < deadline, "never: {what}");
                std::thread::sleep(Duration::from_millis(10));
            }
        }

        #[test]
        fn a_process_that_executes_itself_anew_is_another_one() {
            // Without it the stack is where it was.
            if std::fs::read_to_string("/proc/sys/kernel/randomize_va_space").unwrap().trim() == "0"
            {
                return;
            }
            let mut family = shell("read once; exec sh -c 'read twice; true'");
            let mut sampler = TreeSampler::default();
            let tree = tree(&family);
            assert_eq!(sampler.sample(tree).unwrap().changes, 0);
            std::io::Write::write_all(family.0.stdin.as_mut().unwrap(), b"\n").unwrap();
            until("it is seen", || sampler.sample(tree).is_some_and(|usage| usage.changes == 1));
        }

        #[test]
        fn a_family_is_counted_whole() {
            let family = shell("sleep 60 & sh -c 'sleep 60 & sleep 60' & read x");
            let pid = family.0.id().cast_signed();
            until("four descendants", || descendants(pid).len() == 4);
            let usage = TreeSampler::default().sample(tree(&family)).unwrap();
            assert_eq!(usage.threads, 5);
            assert!(usage.descriptors >= Some(5 * 3) && usage.rss > 1_000_000, "{usage:?}");
            let (voluntary, _) = usage.switches.unwrap();
            assert!(voluntary >= 5 && usage.storage.is_some(), "{usage:?}");
        }

        #[test]
        fn the_time_of_children_that_ended_is_kept() {
            let folder = tempfile::tempdir().unwrap();
            let done = folder.path().join("done");
            let burn = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done";
            let family = shell(&format!("(:; {burn}); : > {}; read x", done.display()));
            let mut sampler = TreeSampler::default();
            let mut before = Duration::ZERO;
            until("the child has burned and ended", || {
                let now = sampler.sample(tree(&family)).unwrap().cpu;
                assert!(now >= before, "time fell");
                before = now;
                done.exists()
            });
            let kept = sampler.sample(tree(&family)).unwrap().cpu;
            let fresh = TreeSampler::default().sample(tree(&family)).unwrap().cpu;
            assert!(fresh >= Duration::from_millis(30), "{fresh:?} is too little to tell");
            assert!(kept.abs_diff(fresh) <= Duration::from_millis(20), "{kept:?}, not {fresh:?}");
        }

        /// Looks at a tree: (pid, own time) of each process, and the time of waited-for ones.
        #[track_caller]
        fn total(sum: &mut Total, own: &[(i32, u64)], waited: u64, expected: u64) {
            let own: HashMap<_, _> = own.iter().map(|(pid, time)| ((*pid, 0), *time)).collect();
            assert_eq!(sum.absorb(Used { own, waited }), expected);
        }

        #[test]
        fn the_total_follows_births_and_deaths() {
            let mut sampler = Total::default();
            total(&mut sampler, &[(1, 100)], 50, 150);
            total(&mut sampler, &[(1, 110), (2, 500)], 50, 660);
            // 2 used 40 more, ended and was waited for.
            total(&mut sampler, &[(1, 120)], 590, 710);
            total(&mut sampler, &[(1, 120), (3, 70)], 590, 780);
            // 3 ended and nobody waited: its last ticks are lost, the others' are not.
            total(&mut sampler, &[(1, 125)], 590, 785);
            total(&mut sampler, &[(1, 130)], 590, 790);
        }

        #[test]
        fn a_tree_that_is_gone_has_no_usage() {
            let mut family = shell("exit 0");
            let _ = family.0.wait();
            let usage = TreeSampler::default().sample(tree(&family));
            assert_eq!(usage, None);
        }

        #[test]
        fn carriers_of_a_variable_are_found() {
            let mut command = Command::new("sleep");
            let child = command.arg("60").env("LOADGATE_TEST_MARK", "one").spawn().unwrap();
            let family = Family(child);
            until("the carrier", || {
                carriers("LOADGATE_TEST_MARK", "one") == [family.0.id().cast_signed()]
            });
            assert!(carriers("LOADGATE_TEST_MARK", "two").is_empty());
        }
    }
}
