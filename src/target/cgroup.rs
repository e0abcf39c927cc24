//! The control group that the target is in: what it may use and what it uses, as Linux sees it.
//!
//! A process id comes in; limits, memory and the time in which the group was stopped go out. A
//! limit may be set on any group around the target's own: the tightest counts. Both versions are
//! read, the second first. Elsewhere than on Linux there are no groups.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where the system shows control groups.
const MOUNT: &str = "/sys/fs/cgroup";
/// No target is in more groups one inside the other.
const MOST_LEVELS: usize = 64;
/// Version 1 writes a number near to this where there is no limit.
const UNLIMITED: u64 = 1 << 60;

/// What a control group may use and uses.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct GroupUsage {
    /// Cores that it may use; `None`: all of them.
    pub cpu_limit: Option<f64>,
    /// Time in which it was stopped as it had used its share; zero where nothing limits it.
    pub throttled: Option<Duration>,
    /// Bytes of memory that it may use; `None`: all of it.
    pub memory_limit: Option<u64>,
    /// Bytes of memory in use by the group that is limited, or else by the target's own; caches
    /// included.
    pub memory: Option<u64>,
}

/// Looks at the group of one process after the other.
#[derive(Debug, Default)]
pub struct GroupSampler {
    found: Option<(u32, Group)>,
}

/// The bytes of memory that this process, and so what it starts, may use; `None`: all of it.
pub fn own_memory_limit() -> Option<u64> {
    GroupSampler::default().sample(std::process::id())?.memory_limit
}

/// The folders of a group and of those around it, its own first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Group {
    unified: Vec<PathBuf>,
    cpu: Vec<PathBuf>,
    memory: Vec<PathBuf>,
}

impl GroupSampler {
    /// What the group of a process may use and uses; `None` where there is none.
    pub fn sample(&mut self, pid: u32) -> Option<GroupUsage> {
        if self.found.as_ref().is_none_or(|(known, _)| *known != pid) {
            let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
            self.found = Some((pid, Group::of(&groups, Path::new(MOUNT))));
        }
        let (_, group) = self.found.as_ref()?;
        group.usage()
    }
}

impl Group {
    /// By `/proc/<pid>/cgroup`, with the system's folder of groups.
    fn of(groups: &str, mount: &Path) -> Group {
        let is_unified = mount.join("cgroup.controllers").exists();
        let unified = if is_unified { mount.to_owned() } else { mount.join("unified") };
        let mut group = Group::default();
        for line in groups.lines() {
            let mut parts = line.splitn(3, ':');
            let (Some(number), Some(names), Some(path)) =
                (parts.next(), parts.next(), parts.next())
            else {
                continue;
            };
            let has = |wanted: &str| names.split(',').any(|name| name == wanted);
            if number == "0" && names.is_empty() {
                group.unified = levels(&unified, path);
            } else if has("memory") {
                group.memory = levels(&mount.join(names), path);
            } else if has("cpu") {
                let both = mount.join(names);
                let mount = if both.exists() { both } else { mount.join("cpu") };
                group.cpu = levels(&mount, path);
            }
        }
        group
    }

    fn usage(&self) -> Option<GroupUsage> {
        let (cpu_limit, throttled) = self.cpu_unified().or_else(|| self.cpu_v1()).unzip();
        let (memory_limit, memory) = self.memory_unified().or_else(|| self.memory_v1()).unzip();
        (throttled.is_some() || memory.is_some()).then(|| GroupUsage {
            cpu_limit: cpu_limit.flatten(),
            throttled,
            memory_limit: memory_limit.flatten(),
            memory,
        })
    }

    /// The tightest limit and how long its group was stopped.
    fn cpu_unified(&self) -> Option<(Option<f64>, Duration)> {
        let limit = |level: &PathBuf| {
            let text = read(level, "cpu.max")?;
            let mut words = text.split_whitespace();
            let quota: f64 = words.next()?.parse().ok()?;
            let period: f64 = words.next()?.parse().ok()?;
            Some(quota / period)
        };
        let throttled = |level: &PathBuf| {
            let micros = field(&read(level, "cpu.stat")?, "throttled_usec")?;
            Some(Duration::from_micros(micros))
        };
        tightest_cpu(&self.unified, limit, throttled)
    }

    fn cpu_v1(&self) -> Option<(Option<f64>, Duration)> {
        let limit = |level: &PathBuf| {
            let quota: f64 = read(level, "cpu.cfs_quota_us")?.trim().parse().ok()?;
            let period: f64 = read(level, "cpu.cfs_period_us")?.trim().parse().ok()?;
            (quota > 0.0).then_some(quota / period)
        };
        let throttled = |level: &PathBuf| {
            let nanos = field(&read(level, "cpu.stat")?, "throttled_time")?;
            Some(Duration::from_nanos(nanos))
        };
        tightest_cpu(&self.cpu, limit, throttled)
    }

    /// The tightest limit and what its group uses.
    fn memory_unified(&self) -> Option<(Option<u64>, u64)> {
        tightest_memory(&self.unified, "memory.max", "memory.current")
    }

    fn memory_v1(&self) -> Option<(Option<u64>, u64)> {
        tightest_memory(&self.memory, "memory.limit_in_bytes", "memory.usage_in_bytes")
    }
}

/// The folder of a group and those around it. In a container the path is one of the host's,
/// and the container's own group is the top.
fn levels(mount: &Path, path: &str) -> Vec<PathBuf> {
    let own = mount.join(path.trim_start_matches('/'));
    if path.contains("..") || !own.exists() {
        return vec![mount.to_owned()];
    }
    let up = own.ancestors().take_while(|level| level.starts_with(mount));
    up.take(MOST_LEVELS).map(Path::to_owned).collect()
}

fn tightest_cpu(
    levels: &[PathBuf],
    limit: impl Fn(&PathBuf) -> Option<f64>,
    throttled: impl Fn(&PathBuf) -> Option<Duration>,
) -> Option<(Option<f64>, Duration)> {
    let limited = levels.iter().filter_map(|level| Some((limit(level)?, level)));
    let limited = limited.filter(|(cores, _)| cores.is_finite() && *cores > 0.0);
    match limited.min_by(|a, b| a.0.total_cmp(&b.0)) {
        Some((cores, level)) => Some((Some(cores), throttled(level)?)),
        // The group is there, and nothing stops it.
        None => levels
            .iter()
            .any(|level| level.join("cpu.stat").exists())
            .then_some((None, Duration::ZERO)),
    }
}

fn tightest_memory(levels: &[PathBuf], limit: &str, used: &str) -> Option<(Option<u64>, u64)> {
    let number = |level: &PathBuf, file| read(level, file)?.trim().parse::<u64>().ok();
    let limited = levels.iter().filter_map(|level| Some((number(level, limit)?, level)));
    let tightest = limited.filter(|(bytes, _)| *bytes < UNLIMITED).min_by_key(|(bytes, _)| *bytes);
    match tightest {
        Some((bytes, level)) => Some((Some(bytes), number(level, used)?)),
        None => levels.iter().find_map(|level| Some((None, number(level, used)?))),
    }
}

fn read(level: &Path, file: &str) -> Option<String> {
    fs::read_to_string(level.join(file)).ok()
}

/// A number of lines such as `throttled_usec 12`.
fn field(text: &str, name: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    value.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, files: &[(&str, &str)]) {
        for (name, text) in files {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
    }

    #[test]
    fn the_tightest_limit_around_the_target_counts() {
        let mount = tempfile::tempdir().unwrap();
        write(
            mount.path(),
            &[
                ("cgroup.controllers", "cpu memory"),
                ("pod/memory.max", "500000000"),
                ("pod/memory.current", "123000000"),
                ("pod/cpu.max", "max 100000"),
                ("pod/cpu.stat", "usage_usec 9\nthrottled_usec 1\n"),
                ("pod/app/memory.max", "max"),
                ("pod/app/memory.current", "100"),
                ("pod/app/cpu.max", "50000 100000"),
                ("pod/app/cpu.stat", "usage_usec 9\nnr_throttled 2\nthrottled_usec 2500\n"),
            ],
        );
        let usage = Group::of("0::/pod/app\n", mount.path()).usage().unwrap();
        let expected = GroupUsage {
            cpu_limit: Some(0.5),
            throttled: Some(Duration::from_micros(2_500)),
            memory_limit: Some(500_000_000),
            memory: Some(123_000_000),
        };
        assert_eq!(usage, expected);
    }

    #[test]
    fn the_first_version_is_read_too() {
        let mount = tempfile::tempdir().unwrap();
        write(
            mount.path(),
            &[
                ("memory/a/memory.limit_in_bytes", "9223372036854771712"),
                ("memory/a/memory.usage_in_bytes", "77"),
                ("cpu,cpuacct/a/cpu.cfs_quota_us", "200000"),
                ("cpu,cpuacct/a/cpu.cfs_period_us", "100000"),
                ("cpu,cpuacct/a/cpu.stat", "nr_periods 1\nthrottled_time 3000000\n"),
            ],
        );
        let groups = "4:memory:/a\n3:cpu,cpuacct:/a\n0::/\n";
        let usage = Group::of(groups, mount.path()).usage().unwrap();
        let throttled = Some(Duration::from_millis(3));
        let expected =
            GroupUsage { cpu_limit: Some(2.0), throttled, memory_limit: None, memory: Some(77) };
        assert_eq!(usage, expected);
    }

    #[test]
    fn a_path_of_the_host_means_the_containers_own_group() {
        let mount = tempfile::tempdir().unwrap();
        write(
            mount.path(),
            &[
                ("cgroup.controllers", ""),
                ("memory.max", "1000"),
                ("memory.current", "10"),
                ("cpu.stat", ""),
            ],
        );
        for path in ["/docker/abc", "/../../x"] {
            let usage = Group::of(&format!("0::{path}\n"), mount.path()).usage().unwrap();
            assert_eq!((usage.memory_limit, usage.memory), (Some(1_000), Some(10)));
            assert_eq!((usage.cpu_limit, usage.throttled), (None, Some(Duration::ZERO)));
        }
    }

    #[test]
    fn a_limit_far_above_the_target_counts_and_what_has_none_is_not_limited() {
        let mount = tempfile::tempdir().unwrap();
        write(
            mount.path(),
            &[
                ("cgroup.controllers", "memory"),
                ("memory.max", "1073741824\n"),
                ("memory.current", "9"),
                ("a/memory.max", "536870912\n"),
                ("a/memory.current", "8"),
                ("a/b/memory.max", "max\n"),
                ("a/b/memory.current", "7"),
                ("a/b/c/memory.current", "6"),
            ],
        );
        let limit = |path: &str| {
            let usage = Group::of(&format!("0::{path}\n"), mount.path()).usage().unwrap();
            (usage.memory_limit, usage.memory)
        };
        assert_eq!(limit("/a/b/c"), (Some(536_870_912), Some(8)));
        assert_eq!(limit("/"), (Some(1_073_741_824), Some(9)));
        assert!(own_memory_limit().is_none_or(|limit| limit > 1 << 20));
    }

    #[test]
    fn what_is_no_group_says_nothing() {
        let mount = tempfile::tempdir().unwrap();
        for text in ["", "0::/\n", "nonsense", "4:memory:/a\n", "1:cpu:/\n"] {
            assert_eq!(Group::of(text, mount.path()).usage(), None, "{text}");
        }
    }
}
