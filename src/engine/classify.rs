//! Names how a request ended.

use std::io;

use crate::http1::unreadable::Unreadable;
use crate::record::outcome::{Cause, Outcome};
use crate::scenario::model::Expectation;

/// How a request ended, and why.
pub type Ending = (Outcome, Option<Cause>);

/// The ending of a request that was answered in full.
pub fn answered(expect: &Expectation, status: u16) -> Ending {
    if expect.accepts(status) {
        return (Outcome::Ok, None);
    }
    match status {
        429 => (Outcome::Rejected, None),
        400..=499 => (Outcome::ClientError, None),
        500..=599 => (Outcome::ServerError, None),
        _ => (Outcome::CheckFailed, Some(Cause::UnexpectedStatus)),
    }
}

/// The ending of a request whose connection could not be made. What the generator's own
/// machine refuses was never sent; the rest is the target's failure.
pub fn not_connected(error: &io::Error) -> Ending {
    match error.raw_os_error().map(nix::errno::Errno::from_raw) {
        Some(nix::errno::Errno::EMFILE | nix::errno::Errno::ENFILE) => {
            return (Outcome::Unsent, Some(Cause::Descriptors));
        }
        Some(nix::errno::Errno::EADDRNOTAVAIL) => return (Outcome::Unsent, Some(Cause::Ports)),
        _ => {}
    }
    let cause = match error.kind() {
        io::ErrorKind::ConnectionRefused => Cause::Refused,
        io::ErrorKind::ConnectionReset => Cause::Reset,
        _ => Cause::Unreachable,
    };
    (Outcome::TransportError, Some(cause))
}

/// Why a connection broke.
pub fn broken(error: &io::Error) -> Cause {
    match error.kind() {
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => Cause::Reset,
        _ => Cause::Closed,
    }
}

/// Why bytes were no response.
pub fn unreadable(unreadable: Unreadable) -> Cause {
    match unreadable {
        Unreadable::Malformed => Cause::Malformed,
        Unreadable::BadField => Cause::BadField,
        Unreadable::BadLength => Cause::BadLength,
        Unreadable::BadChunk => Cause::BadChunk,
        Unreadable::HeadTooLarge => Cause::HeadTooLarge,
        Unreadable::TooLarge => Cause::TooLarge,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(statuses: &[(u16, u16)], status: u16, outcome: Outcome) {
        let expect = Expectation { statuses: statuses.to_vec() };
        assert_eq!(answered(&expect, status).0, outcome, "{status}");
    }

    #[test]
    fn without_an_expectation_everything_below_400_is_ok() {
        for (status, outcome) in [
            (200, Outcome::Ok),
            (304, Outcome::Ok),
            (101, Outcome::CheckFailed),
            (404, Outcome::ClientError),
            (429, Outcome::Rejected),
            (503, Outcome::ServerError),
        ] {
            check(&[], status, outcome);
        }
    }

    #[test]
    fn an_expected_failure_is_ok_and_an_unexpected_success_is_not() {
        check(&[(404, 404)], 404, Outcome::Ok);
        check(&[(404, 404)], 200, Outcome::CheckFailed);
        check(&[(200, 299)], 204, Outcome::Ok);
        check(&[(200, 299)], 302, Outcome::CheckFailed);
        check(&[(429, 429)], 429, Outcome::Ok);
        check(&[(503, 503)], 500, Outcome::ServerError);
    }

    #[test]
    fn what_the_generators_machine_refuses_was_never_sent() {
        let of = |number| not_connected(&io::Error::from_raw_os_error(number));
        assert_eq!(of(24), (Outcome::Unsent, Some(Cause::Descriptors)));
        assert_eq!(of(99), (Outcome::Unsent, Some(Cause::Ports)));
        assert_eq!(of(111), (Outcome::TransportError, Some(Cause::Refused)));
    }
}
