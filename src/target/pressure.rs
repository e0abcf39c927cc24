//! How long tasks of this machine waited for CPU, I/O and memory (pressure stall information).
//!
//! Sums since the machine's start go out. Elsewhere than on Linux, and where the kernel was
//! built without it, there are none.

use std::fs;
use std::time::Duration;

/// How long some task waited so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pressure {
    /// For a CPU.
    pub cpu: Option<Duration>,
    /// For reading and writing.
    pub io: Option<Duration>,
    /// For memory.
    pub memory: Option<Duration>,
}

impl Pressure {
    /// What the system says now.
    pub fn now() -> Pressure {
        let of = |name: &str| {
            fs::read_to_string(format!("/proc/pressure/{name}")).ok().and_then(|text| some(&text))
        };
        Pressure { cpu: of("cpu"), io: of("io"), memory: of("memory") }
    }
}

/// `some avg10=0.00 avg60=0.00 avg300=0.00 total=12345`, in microseconds.
fn some(text: &str) -> Option<Duration> {
    let line = text.lines().find(|line| line.starts_with("some "))?;
    let total = line.split_whitespace().find_map(|word| word.strip_prefix("total="))?;
    total.parse().ok().map(Duration::from_micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_of_waiting_is_read() {
        let text = "some avg10=1.00 avg60=0.50 avg300=0.00 total=2500000\n\
                    full avg10=0.00 avg60=0.00 avg300=0.00 total=7\n";
        assert_eq!(some(text), Some(Duration::from_millis(2_500)));
        for odd in ["", "full total=1", "some total=x", "some avg10=1"] {
            assert_eq!(some(odd), None, "{odd}");
        }
    }
}
