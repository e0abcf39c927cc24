//! What machine this is, for the record.

/// The machine as a record names it; unknown texts are empty, unknown numbers zero.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Host {
    /// Operating system and kernel: `Linux 6.1.0`.
    pub system: String,
    /// The CPU's model.
    pub cpu: String,
    /// Logical cores that this process may use.
    pub cores: u32,
    /// Bytes of memory.
    pub memory: u64,
}

/// Looks at this machine.
pub fn describe() -> Host {
    let cores = std::thread::available_parallelism().map_or(0, |cores| cores.get() as u32);
    Host { cores, ..look() }
}

/// Bytes of memory that are free or can be freed.
#[cfg(target_os = "linux")]
pub fn available_memory() -> Option<u64> {
    use procfs::Current;
    procfs::Meminfo::current().ok()?.mem_available
}

/// Bytes of memory that are free or can be freed.
#[cfg(not(target_os = "linux"))]
pub fn available_memory() -> Option<u64> {
    None
}

#[cfg(target_os = "linux")]
fn look() -> Host {
    use procfs::sys::kernel::Version;
    use procfs::{CpuInfo, Current, Meminfo};
    let kernel = Version::current().ok();
    let kernel = kernel.map(|v| format!(" {}.{}.{}", v.major, v.minor, v.patch));
    let cpu = CpuInfo::current().ok();
    let cpu = cpu.as_ref().and_then(|info| info.model_name(0)).unwrap_or_default();
    Host {
        system: format!("Linux{}", kernel.unwrap_or_default()),
        cpu: cpu.to_owned(),
        cores: 0,
        memory: Meminfo::current().map_or(0, |memory| memory.mem_total),
    }
}

#[cfg(not(target_os = "linux"))]
fn look() -> Host {
    Host { system: std::env::consts::OS.to_owned(), ..Host::default() }
}
