//! What this machine and this process use, as the system sees it.
//!
//! Shares of an interval go out: from one sample to the next. What the system does
//! not tell is `None`.

use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

/// What was in use since the last sample; shares in [0, 1].
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct MachineUsage {
    /// CPU time in use by anybody.
    pub busy: Option<f64>,
    /// CPU time that the hypervisor took away.
    pub steal: Option<f64>,
    /// Time in which some task waited for a CPU (pressure stall information).
    pub cpu_pressure: Option<f64>,
}

/// How much of the machine's CPU time is in use by anybody or taken away, in percent, over some
/// time from now on.
pub fn in_use_percent(over: Duration) -> Option<u8> {
    let mut sampler = MachineSampler::default();
    std::thread::sleep(over);
    let usage = sampler.sample();
    Some(((usage.busy? + usage.steal.unwrap_or(0.0)) * 100.0).clamp(0.0, 100.0) as u8)
}

/// CPU time and resident memory of this process so far.
pub fn own_usage() -> (Duration, u64) {
    let usage = getrusage(UsageWho::RUSAGE_SELF);
    let cpu = usage.map_or(0, |u| (u.user_time() + u.system_time()).num_microseconds());
    (Duration::from_micros(cpu.unsigned_abs()), own_memory().unwrap_or(0))
}

#[cfg(target_os = "linux")]
fn own_memory() -> Option<u64> {
    let memory = procfs::process::Process::myself().ok()?.statm().ok()?;
    Some(memory.resident * procfs::page_size())
}

#[cfg(not(target_os = "linux"))]
fn own_memory() -> Option<u64> {
    None
}

/// Open descriptors of this process.
#[cfg(target_os = "linux")]
pub fn own_descriptors() -> Option<u32> {
    let number = procfs::process::Process::myself().ok()?.fd_count().ok()?;
    u32::try_from(number).ok()
}

/// Open descriptors of this process.
#[cfg(not(target_os = "linux"))]
pub fn own_descriptors() -> Option<u32> {
    None
}

/// Counters of the machine at one moment.
#[derive(Debug, Clone, Copy, Default)]
struct Counters {
    /// Ticks of all CPUs.
    all: u64,
    busy: u64,
    steal: u64,
    /// Microseconds in which some task waited, and when that was read.
    waited: Option<u64>,
}

/// Watches the machine from one sample to the next.
#[derive(Debug)]
pub struct MachineSampler {
    last: Option<Counters>,
    at: std::time::Instant,
}

impl Default for MachineSampler {
    fn default() -> Self {
        MachineSampler { last: Counters::read(), at: std::time::Instant::now() }
    }
}

impl MachineSampler {
    /// What was in use since the last sample, or since the sampler was made.
    pub fn sample(&mut self) -> MachineUsage {
        let (now, counters) = (std::time::Instant::now(), Counters::read());
        let elapsed = now.duration_since(self.at);
        let usage = self.last.zip(counters).map(|(then, now)| now.since(then, elapsed));
        (self.last, self.at) = (counters, now);
        usage.unwrap_or_default()
    }
}

impl Counters {
    #[cfg(target_os = "linux")]
    fn read() -> Option<Counters> {
        use procfs::{CpuPressure, Current, CurrentSI, KernelStats};
        let cpu = KernelStats::current().ok()?.total;
        let steal = cpu.steal.unwrap_or(0);
        let busy =
            cpu.user + cpu.nice + cpu.system + cpu.irq.unwrap_or(0) + cpu.softirq.unwrap_or(0);
        let all = busy + steal + cpu.idle + cpu.iowait.unwrap_or(0);
        let waited = CpuPressure::current().ok().map(|pressure| pressure.some.total);
        Some(Counters { all, busy, steal, waited })
    }

    #[cfg(not(target_os = "linux"))]
    fn read() -> Option<Counters> {
        None
    }

    fn since(self, then: Counters, elapsed: Duration) -> MachineUsage {
        let share = |part: u64, whole: u64| {
            (whole > 0).then(|| (part as f64 / whole as f64).clamp(0.0, 1.0))
        };
        let all = self.all.saturating_sub(then.all);
        let waited = self.waited.zip(then.waited).map(|(now, then)| now.saturating_sub(then));
        MachineUsage {
            busy: share(self.busy.saturating_sub(then.busy), all),
            steal: share(self.steal.saturating_sub(then.steal), all),
            cpu_pressure: waited.and_then(|us| share(us, elapsed.as_micros() as u64)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_those_of_the_interval() {
        let then = Counters { all: 1_000, busy: 500, steal: 100, waited: Some(1_000_000) };
        let now = Counters { all: 1_200, busy: 650, steal: 110, waited: Some(1_250_000) };
        let usage = now.since(then, Duration::from_secs(1));
        let expected =
            MachineUsage { busy: Some(0.75), steal: Some(0.05), cpu_pressure: Some(0.25) };
        assert_eq!(usage, expected);
    }

    #[test]
    fn an_interval_without_ticks_has_no_shares() {
        let counters = Counters { all: 5, busy: 1, steal: 0, waited: None };
        assert_eq!(counters.since(counters, Duration::ZERO), MachineUsage::default());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_burns_what_it_burns() {
        let mut sampler = MachineSampler::default();
        let (before, _) = own_usage();
        let start = std::time::Instant::now();
        let mut burned = Duration::ZERO;
        while burned < Duration::from_millis(60) && start.elapsed() < Duration::from_secs(20) {
            burned = own_usage().0.saturating_sub(before);
        }
        let (_, memory) = own_usage();
        assert!(burned >= Duration::from_millis(60) && memory > 500_000);
        assert!(sampler.sample().busy.unwrap() > 0.0);
    }
}
