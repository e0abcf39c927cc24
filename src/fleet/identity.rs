//! Words that nobody else has, and which machine and network this is.

use std::fs::{self, File};
use std::io::{self, Read};

/// So many random bytes nobody guesses.
const BYTES: usize = 16;

/// A word that nobody else has.
pub(super) fn word() -> io::Result<String> {
    let mut bytes = [0; BYTES];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// What two processes have in common that share a loopback; on systems that do not tell, the
/// machine's name.
pub(super) fn place() -> String {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id");
    let network = fs::read_link("/proc/self/ns/net");
    match (boot, network) {
        (Ok(boot), Ok(network)) => format!("{} {}", boot.trim(), network.display()),
        _ => format!("{:?}", fs::read_to_string("/etc/machine-id").unwrap_or_default().trim()),
    }
}
