//! What became of an exchange in, its outcome out: the one place where that is decided.
//!
//! The worker reports what it saw as an [`Answer`]; [`conclude`] says how the request ended,
//! why, and which values later steps get. Pure: no clock, no connection, no user.

use std::io;

use crate::engine::checks::{Known, Seen, judge};
use crate::engine::extract::{Around, Body, Content, Extracted, extract};
use crate::http1::unreadable::Unreadable;
use crate::record::outcome::{Cause, Outcome};
use crate::scenario::course::{Life, Refresh};
use crate::scenario::data::mixing::mixed;
use crate::scenario::model::{Expectation, Step};
use crate::tls::Refusal;

/// How a request ended, and why.
pub type Ending = (Outcome, Option<Cause>);

/// What became of an exchange.
#[derive(Debug, Clone, Copy)]
pub enum Answer<'a> {
    /// The answer came whole.
    Whole {
        /// Its status.
        status: u16,
        /// Its body.
        body: Body<'a>,
        /// What checks look at besides it.
        seen: Seen<'a>,
    },
    /// The answer was a stream, which has ended, or of which enough has come.
    Streamed {
        /// How it ended: a failed check has its cause.
        end: Result<(), Cause>,
        /// The data of its latest event.
        data: Body<'a>,
        /// From the moment at which the request was due to that, in nanoseconds.
        took: u64,
    },
    /// The answer was not whole when the time limit had passed.
    NotInTime,
    /// No connection was made within the time limit.
    NotConnectedInTime,
    /// The connection could not be made.
    NotConnected(&'a io::Error),
    /// The connection broke.
    Broken(&'a io::Error),
    /// The other side ended the connection in good order before the answer was whole.
    Closed,
    /// The other side reset the connection.
    Reset,
    /// The other side ended this exchange, and not the connection.
    StreamReset,
    /// The other side would not begin with the request, twice.
    Refused,
    /// What came is no answer.
    Unreadable(Unreadable),
    /// What was filled in made the request impossible to send, for this reason.
    Unsendable(Cause),
    /// The answer was a redirect that is not followed, for this reason.
    Misdirected(Cause),
    /// What it is to be filled in with was not found before.
    ValueMissing,
    /// All allowed connections were in use until the time limit.
    NoConnection,
    /// All allowed virtual users were busy when it was due.
    NoUser,
    /// Each row of data that is taken once was taken before.
    NoRow,
}

/// What an exchange of a step comes to.
#[derive(Debug)]
pub struct Conclusion {
    /// How it ended.
    pub ending: Ending,
    /// What later steps get of it. What was found before an extraction failed is there as well:
    /// it may be a secret that the answer repeats.
    pub extracted: Extracted,
    /// The place of the check that did not hold, among those of the step.
    pub failed_check: Option<usize>,
    /// What exactly was wrong, where that check alone does not say.
    pub said: Option<String>,
}

impl Conclusion {
    fn new(ending: Ending) -> Conclusion {
        Conclusion { ending, extracted: Extracted::default(), failed_check: None, said: None }
    }
}

/// How an exchange of a step ended, for a virtual user who knows this.
pub fn conclude(step: &Step, answer: &Answer<'_>, known: Known<'_>) -> Conclusion {
    let ending = match answer {
        Answer::Whole { status, body, seen } => {
            return conclude_whole(step, (*status, *body, *seen), known);
        }
        Answer::Streamed { end, data, took } => {
            return conclude_streamed(step, *end, (*data, *took), known);
        }
        Answer::NotInTime => (Outcome::Timeout, None),
        Answer::NotConnectedInTime => (Outcome::Timeout, Some(Cause::Unreachable)),
        Answer::NotConnected(error) => not_connected(error),
        Answer::Broken(error) => (Outcome::TransportError, Some(broken(error))),
        Answer::Closed => (Outcome::TransportError, Some(Cause::Closed)),
        Answer::Reset => (Outcome::TransportError, Some(Cause::Reset)),
        Answer::StreamReset => (Outcome::TransportError, Some(Cause::StreamReset)),
        Answer::Refused => (Outcome::TransportError, Some(Cause::StreamRefused)),
        Answer::Unreadable(why) => (Outcome::TransportError, Some(unreadable(*why))),
        Answer::Unsendable(cause) | Answer::Misdirected(cause) => {
            (Outcome::CheckFailed, Some(*cause))
        }
        Answer::ValueMissing => (Outcome::CheckFailed, Some(Cause::ValueMissing)),
        Answer::NoConnection => (Outcome::Unsent, Some(Cause::ConnectionLimit)),
        Answer::NoUser => (Outcome::Unsent, Some(Cause::InFlightLimit)),
        Answer::NoRow => (Outcome::Unsent, Some(Cause::NoRow)),
    };
    Conclusion::new(ending)
}

/// An answer that came after its time limit is none, whatever it says.
fn conclude_whole(
    step: &Step,
    (status, body, seen): (u16, Body<'_>, Seen<'_>),
    known: Known<'_>,
) -> Conclusion {
    if seen.took > step.timeout.as_nanos() as u64 {
        return Conclusion::new((Outcome::Timeout, None));
    }
    let mut conclusion = Conclusion::new(answered(&step.expect, status));
    if conclusion.ending.0 != Outcome::Ok {
        return conclusion;
    }
    let mut content = Content::of(body);
    if let Err(failed) = judge(&step.checks, seen, &mut content, known) {
        conclusion.ending = (Outcome::CheckFailed, Some(failed.cause));
        conclusion.failed_check = Some(failed.check);
        conclusion.said = failed.said;
    } else if let Err(cause) =
        extract(&step.extract, &mut content, around(seen.head, known), &mut conclusion.extracted)
            .and_then(|()| lives(step, &conclusion.extracted))
    {
        conclusion.ending = (Outcome::CheckFailed, Some(cause));
    }
    conclusion
}

/// A login that tells how long it is valid must tell a time.
fn lives(step: &Step, extracted: &Extracted) -> Result<(), Cause> {
    let Some(Life::Extracted(variable)) = step.course.refresh.and_then(|refresh| refresh.life)
    else {
        return Ok(());
    };
    let told = extracted.0.iter().rfind(|(found, _)| *found == variable);
    let seconds = told.and_then(|(_, value)| value.number());
    if seconds.is_some_and(Refresh::is_life) { Ok(()) } else { Err(Cause::NoLifetime) }
}

/// What came after the time limit is none.
fn conclude_streamed(
    step: &Step,
    end: Result<(), Cause>,
    (data, took): (Body<'_>, u64),
    known: Known<'_>,
) -> Conclusion {
    let mut conclusion = Conclusion::new((Outcome::Timeout, None));
    if took > step.timeout.as_nanos() as u64 {
        return conclusion;
    }
    let (mut content, extracted) = (Content::of(data), &mut conclusion.extracted);
    let around = around(b"", known);
    let extracted = |()| extract(&step.extract, &mut content, around, extracted);
    conclusion.ending = match end.and_then(extracted) {
        Ok(()) => (Outcome::Ok, None),
        // What came is no stream at all.
        Err(cause @ (Cause::BadFrame | Cause::TooLarge)) => (Outcome::TransportError, Some(cause)),
        Err(cause) => (Outcome::CheckFailed, Some(cause)),
    };
    conclusion
}

/// What an extraction looks at besides the body. Which of several values is taken, the iteration
/// decides, and not what has been drawn for its requests.
fn around<'h>(head: &'h [u8], known: Known<'_>) -> Around<'h> {
    Around { head, bits: mixed(known.rows.seed ^ mixed(known.iteration)) }
}

fn answered(expect: &Expectation, status: u16) -> Ending {
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

/// What the generator's own machine refuses was never sent; the rest is the target's failure.
fn not_connected(error: &io::Error) -> Ending {
    match error.raw_os_error().map(nix::errno::Errno::from_raw) {
        Some(nix::errno::Errno::EMFILE | nix::errno::Errno::ENFILE) => {
            return (Outcome::Unsent, Some(Cause::Descriptors));
        }
        Some(nix::errno::Errno::EADDRNOTAVAIL) => return (Outcome::Unsent, Some(Cause::Ports)),
        _ => {}
    }
    let cause = match error.kind() {
        _ if Refusal::in_error(error).is_some() => Cause::Tls,
        // Nobody listens: at a port, or, where there is no such file, at a socket file.
        io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => Cause::Refused,
        io::ErrorKind::ConnectionReset => Cause::Reset,
        _ => Cause::Unreachable,
    };
    (Outcome::TransportError, Some(cause))
}

fn broken(error: &io::Error) -> Cause {
    match error.kind() {
        _ if Refusal::in_error(error).is_some() => Cause::Tls,
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => Cause::Reset,
        _ => Cause::Closed,
    }
}

fn unreadable(unreadable: Unreadable) -> Cause {
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
    use std::time::Duration;

    use crate::scenario::json_path::JsonPath;

    use super::*;
    use crate::http1::coding::Codings;
    use crate::scenario::extraction::{Extraction, From, Take};
    use crate::scenario::model::VariableId;
    use crate::scenario::template::Value;

    const LIMIT: u64 = 1_000_000_000;

    /// A step that expects some statuses and keeps what is at some paths.
    fn step(statuses: &[(u16, u16)], paths: &[&str]) -> Step {
        let extraction = |(index, path): (usize, &&str)| Extraction {
            variable: VariableId(index as u16),
            from: From::Json(JsonPath::parse(path).unwrap()),
            take: Take::Nth(0),
            default: None,
        };
        Step {
            timeout: Duration::from_nanos(LIMIT),
            expect: Expectation { statuses: statuses.to_vec() },
            extract: paths.iter().enumerate().map(extraction).collect(),
            ..Step::bare()
        }
    }

    fn whole(status: u16, body: &[u8], took: u64) -> Answer<'_> {
        let body = Body { bytes: body, codings: Codings::default(), limit: 1_000 };
        let seen = Seen { head: b"", size: 0, took, least: took };
        Answer::Whole { status, body, seen }
    }

    /// How an answer ends, and what is kept of it.
    fn of(step: &Step, answer: &Answer<'_>) -> (Ending, Vec<(u16, String)>) {
        let Conclusion { ending, extracted: Extracted(values), .. } =
            conclude(step, answer, Known::NOTHING);
        let kept = values.into_iter().map(|(variable, value)| {
            let (Value::Text(text) | Value::Json(text)) = value;
            (variable.0, text)
        });
        (ending, kept.collect())
    }

    #[track_caller]
    fn check(statuses: &[(u16, u16)], status: u16, outcome: Outcome) {
        let cause = (outcome == Outcome::CheckFailed).then_some(Cause::UnexpectedStatus);
        let found = of(&step(statuses, &[]), &whole(status, b"", 1));
        assert_eq!(found, ((outcome, cause), vec![]), "{status}");
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
    fn an_answer_after_its_time_limit_is_a_timeout_whatever_it_says() {
        let step = step(&[], &["$.id"]);
        for (status, body) in [(200, &b"{\"id\":1}"[..]), (500, b""), (200, b"no JSON")] {
            let late = of(&step, &whole(status, body, LIMIT + 1));
            assert_eq!(late, ((Outcome::Timeout, None), vec![]), "{status}");
        }
        let found = of(&step, &whole(200, b"{\"id\":1}", LIMIT));
        assert_eq!(found, ((Outcome::Ok, None), vec![(0, "1".to_owned())]));
    }

    #[test]
    fn what_cannot_be_extracted_is_a_failed_check_and_what_was_found_before_is_kept() {
        let step = step(&[], &["$.id", "$.no", "$.id"]);
        let (ending, kept) = of(&step, &whole(200, b"{\"id\":1}", 1));
        assert_eq!(ending, (Outcome::CheckFailed, Some(Cause::ExtractionMissing)));
        assert_eq!(kept, [(0, "1".to_owned())]);
        let empty = of(&step, &whole(200, b"", 1));
        assert_eq!(empty, ((Outcome::CheckFailed, Some(Cause::EmptyBody)), vec![]));
        let failed = of(&step, &whole(500, b"{\"id\":1}", 1));
        assert_eq!(failed, ((Outcome::ServerError, None), vec![]), "it is not looked at");
    }

    #[test]
    fn whatever_else_becomes_of_an_exchange_has_one_outcome() {
        let reset = io::Error::from(io::ErrorKind::ConnectionReset);
        let pipe = io::Error::from(io::ErrorKind::BrokenPipe);
        let other = io::Error::from(io::ErrorKind::UnexpectedEof);
        let transport = |cause| (Outcome::TransportError, Some(cause));
        for (answer, ending) in [
            (Answer::NotInTime, (Outcome::Timeout, None)),
            (Answer::NotConnectedInTime, (Outcome::Timeout, Some(Cause::Unreachable))),
            (Answer::Broken(&reset), transport(Cause::Reset)),
            (Answer::Broken(&pipe), transport(Cause::Reset)),
            (Answer::Broken(&other), transport(Cause::Closed)),
            (Answer::Closed, transport(Cause::Closed)),
            (Answer::Reset, transport(Cause::Reset)),
            (Answer::NotConnected(&reset), transport(Cause::Reset)),
            (Answer::NotConnected(&other), transport(Cause::Unreachable)),
            (Answer::Unreadable(Unreadable::Malformed), transport(Cause::Malformed)),
            (Answer::Unreadable(Unreadable::BadField), transport(Cause::BadField)),
            (Answer::Unreadable(Unreadable::BadLength), transport(Cause::BadLength)),
            (Answer::Unreadable(Unreadable::BadChunk), transport(Cause::BadChunk)),
            (Answer::Unreadable(Unreadable::HeadTooLarge), transport(Cause::HeadTooLarge)),
            (Answer::Unreadable(Unreadable::TooLarge), transport(Cause::TooLarge)),
            (
                Answer::Unsendable(Cause::BoundaryInside),
                (Outcome::CheckFailed, Some(Cause::BoundaryInside)),
            ),
            (Answer::NoConnection, (Outcome::Unsent, Some(Cause::ConnectionLimit))),
            (Answer::NoUser, (Outcome::Unsent, Some(Cause::InFlightLimit))),
            (Answer::NoRow, (Outcome::Unsent, Some(Cause::NoRow))),
        ] {
            assert_eq!(of(&step(&[], &["$.id"]), &answer), (ending, vec![]), "{answer:?}");
        }
    }

    #[test]
    fn what_the_generators_machine_refuses_was_never_sent() {
        let step = step(&[], &[]);
        let of = |number| {
            conclude(
                &step,
                &Answer::NotConnected(&io::Error::from_raw_os_error(number)),
                Known::NOTHING,
            )
            .ending
        };
        assert_eq!(of(24), (Outcome::Unsent, Some(Cause::Descriptors)));
        assert_eq!(of(99), (Outcome::Unsent, Some(Cause::Ports)));
        assert_eq!(of(111), (Outcome::TransportError, Some(Cause::Refused)));
    }
}
