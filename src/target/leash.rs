//! What loadgate and the process between it and the target tell each other, and how long each may
//! take: lines of text, which begin with a word and end with a number.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use nix::sys::signal::{SigSet, Signal};

/// How long a target may take to end after SIGTERM when nobody said otherwise.
pub const DEFAULT_GRACE: Duration = Duration::from_secs(5);
/// How long SIGKILL is repeated.
pub(crate) const KILLING: Duration = Duration::from_secs(5);

/// How the target's command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// By itself.
    Status(i32),
    /// By a signal.
    Signal(i32),
    /// By a real-time signal; which one is not known.
    RealTimeSignal,
    /// Nobody saw how, because the supervisor was killed.
    Unseen,
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ending::Status(code) => write!(f, "exit status {code}"),
            Ending::Signal(number) => match Signal::try_from(*number) {
                Ok(signal) => write!(f, "killed by signal {number}, {signal}"),
                Err(_) => write!(f, "killed by signal {number}"),
            },
            Ending::RealTimeSignal => f.write_str("killed by a real-time signal"),
            Ending::Unseen => f.write_str("lost sight of, because its supervisor was killed"),
        }
    }
}

/// What the supervisor tells loadgate, one line each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Report {
    /// The command runs under this process id.
    Started(u32),
    /// It could not be started, for this system error.
    Refused(i32),
    /// The command ended.
    Ended(Ending),
    /// The supervisor is done.
    Done {
        /// Processes that did not heed SIGTERM.
        killed: u32,
    },
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Report::Started(pid) => write!(f, "started {pid}"),
            Report::Refused(errno) => write!(f, "refused {errno}"),
            Report::Ended(Ending::Status(code)) => write!(f, "status {code}"),
            Report::Ended(Ending::Signal(number)) => write!(f, "signal {number}"),
            Report::Ended(Ending::RealTimeSignal) => f.write_str("real-time 0"),
            Report::Ended(Ending::Unseen) => f.write_str("unseen 0"),
            Report::Done { killed } => write!(f, "done {killed}"),
        }
    }
}

impl FromStr for Report {
    type Err = ();

    fn from_str(line: &str) -> Result<Report, ()> {
        let (word, number) = line.trim().split_once(' ').ok_or(())?;
        let number: i32 = number.parse().map_err(drop)?;
        match word {
            "started" => Ok(Report::Started(number.unsigned_abs())),
            "refused" => Ok(Report::Refused(number)),
            "status" => Ok(Report::Ended(Ending::Status(number))),
            "signal" => Ok(Report::Ended(Ending::Signal(number))),
            "real-time" => Ok(Report::Ended(Ending::RealTimeSignal)),
            "unseen" => Ok(Report::Ended(Ending::Unseen)),
            "done" => Ok(Report::Done { killed: number.unsigned_abs() }),
            _ => Err(()),
        }
    }
}

/// Signals that do not end a process of loadgate that cleans up behind it.
pub(super) fn handled_signals() -> SigSet {
    [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT].into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_read_as_they_were_written() {
        let endings =
            [Ending::Status(-3), Ending::Signal(9), Ending::RealTimeSignal, Ending::Unseen];
        let reports = endings.map(Report::Ended).into_iter().chain([
            Report::Started(4_000_000),
            Report::Refused(2),
            Report::Done { killed: 7 },
        ]);
        for report in reports {
            assert_eq!(report.to_string().parse(), Ok(report));
        }
        for line in ["", "started", "started x", "begun 1", "done 99999999999"] {
            assert_eq!(line.parse::<Report>(), Err(()), "{line}");
        }
    }
}
