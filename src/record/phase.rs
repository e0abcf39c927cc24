//! The kinds of time that a request is measured by.
//!
//! A phase is the place of its histogram in every array of them, and the second part of its
//! tag in `intervals.hlog`. A new one is a line here and where the recorder fills it.

/// A kind of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Response time of successes, and of requests without a full answer at their limit.
    Response,
    /// Response time of answered failures.
    Failed,
    /// Service time of answered requests.
    Service,
    /// Send lag of every request that was due.
    SendLag,
    /// Receive lag of every response that the kernel stamped.
    ReceiveLag,
    /// The least that each time in [`Phase::Response`] could have been with a punctual
    /// generator.
    Least,
    /// Connecting, of the requests that had to.
    Connect,
    /// From sent to the first byte, of answered requests.
    FirstByte,
}

impl Phase {
    /// How many there are.
    pub const COUNT: usize = 8;

    /// All of them, in the order of their places.
    pub const ALL: [Phase; Phase::COUNT] = [
        Phase::Response,
        Phase::Failed,
        Phase::Service,
        Phase::SendLag,
        Phase::ReceiveLag,
        Phase::Least,
        Phase::Connect,
        Phase::FirstByte,
    ];

    /// Its place in an array of all.
    pub fn index(self) -> usize {
        self as usize
    }

    /// As in the tags of `intervals.hlog`.
    pub fn name(self) -> &'static str {
        match self {
            Phase::Response => "response",
            Phase::Failed => "failed",
            Phase::Service => "service",
            Phase::SendLag => "send_lag",
            Phase::ReceiveLag => "receive_lag",
            Phase::Least => "least",
            Phase::Connect => "connect",
            Phase::FirstByte => "first_byte",
        }
    }

    /// The one of a name.
    pub fn named(name: &str) -> Option<Phase> {
        Phase::ALL.into_iter().find(|phase| phase.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_names_are_unique() {
        for (place, phase) in Phase::ALL.into_iter().enumerate() {
            assert_eq!((phase.index(), Phase::named(phase.name())), (place, Some(phase)));
        }
        assert_eq!(Phase::named("latency"), None);
    }
}
