//! One request and its answer: its step, its moments, and what they make together.
//!
//! An exchange belongs to an iteration from the moment at which its request is due; it is not
//! tied to a connection. One that is repeated keeps its beginning and forgets the rest.

use std::mem;

use crate::engine::answer::Ending;
use crate::engine::protocol::reply::Reply;
use crate::engine::streams::Stream;
use crate::record::outcome::{Cause, Outcome};
use crate::record::sample::Sample;
use crate::record::series::SeriesKey;
use crate::scenario::model::{StepId, TenantId};
use crate::units::Moment;

/// An exchange.
#[derive(Debug)]
pub struct Exchange {
    /// Which step is asked for.
    pub step: StepId,
    /// Whose its request is.
    tenant: TenantId,
    /// When its request should have been sent.
    pub intended: Moment,
    /// Its time limit, in nanoseconds.
    limit: u64,
    /// When the worker began to see to it. Moves on while nothing else is awaited.
    begun: Moment,
    /// How long connecting took, if it had to, in nanoseconds.
    pub connect: Option<u64>,
    /// How much of that was the TLS handshake, if there was one, in nanoseconds.
    pub handshake: Option<u64>,
    /// Whether it has left before, on a connection that turned out to be closed.
    pub was_sent: bool,
    /// Whether it is sent for the second time, which is the last.
    pub is_repeat: bool,
    /// What it met on its connection.
    times: WireMoments,
    /// When it ended, one way or another.
    pub ended: Moment,
    /// What was felt of the generator's lateness, in nanoseconds.
    lag_felt: u64,
    status: Option<u16>,
    body_bytes: u64,
    /// How its answer began on the wire, should it be kept.
    pub heard: Vec<u8>,
    /// The place of the check of its step that did not hold.
    pub failed_check: Option<usize>,
    /// What exactly was wrong, where that check alone does not say.
    pub said: Option<String>,
    /// The stream that its answer is, once the request has gone out.
    pub stream: Option<Box<Stream>>,
    /// Where the target has sent it, if it has.
    pub redirected: Option<Box<Redirected>>,
}

/// A request that the target has sent elsewhere.
#[derive(Debug)]
pub struct Redirected {
    /// What is asked instead, without cookies.
    pub request: Vec<u8>,
    /// How often that has happened.
    pub hops: u16,
    /// When the first request went out.
    first_sent: Option<Moment>,
}

/// The moments of an exchange on a connection.
#[derive(Debug, Clone, Copy, Default)]
struct WireMoments {
    /// When the connection was there for it.
    ready: Moment,
    /// When its bytes went out.
    sent: Option<Moment>,
    /// When the first bytes of the answer arrived.
    first_byte: Option<Moment>,
    /// When the latest bytes of the answer arrived.
    last_byte: Moment,
    /// How much later these were read, in nanoseconds, if that is known.
    receive_lag: Option<u64>,
}

impl Exchange {
    /// One whose request is due, of which the worker takes care from `begun` on.
    pub fn new(step: StepId, intended: Moment, limit: u64, begun: Moment) -> Exchange {
        Exchange {
            step,
            tenant: TenantId(0),
            intended,
            limit,
            begun,
            connect: None,
            handshake: None,
            was_sent: false,
            is_repeat: false,
            times: WireMoments::default(),
            ended: intended,
            lag_felt: 0,
            status: None,
            body_bytes: 0,
            heard: Vec::new(),
            failed_check: None,
            said: None,
            stream: None,
            redirected: None,
        }
    }

    /// The status of its answer, if there is one.
    pub fn status(&self) -> Option<u16> {
        self.status
    }

    /// The same of a tenant.
    #[must_use]
    pub fn of_tenant(self, tenant: TenantId) -> Exchange {
        Exchange { tenant, ..self }
    }

    /// To which series it belongs.
    pub fn key(&self) -> SeriesKey {
        SeriesKey { step: self.step, tenant: self.tenant }
    }

    /// When its time limit passes.
    pub fn deadline(&self) -> Moment {
        Moment(self.intended.0.saturating_add(self.limit))
    }

    /// So many nanoseconds passed until the worker found out that it has to wait for others.
    pub fn was_delayed(&mut self, by: u64) {
        self.begun = Moment(self.begun.0 + by);
    }

    /// Its bytes go out at `sent`, on a connection that was there for it at `ready`. Returns
    /// the part of the delay that is the generator's, in nanoseconds.
    pub fn goes_out(&mut self, ready: Moment, sent: Moment) -> u64 {
        self.times = WireMoments { ready, sent: Some(sent), ..WireMoments::default() };
        self.send_lag()
    }

    /// What was felt of the generator's lateness when it went out, in nanoseconds.
    pub fn feels(&mut self, lag_felt: u64) {
        self.lag_felt = lag_felt;
    }

    /// Bytes of its answer arrived, and were read so many nanoseconds later.
    pub fn receives(&mut self, arrived: Moment, lag: Option<u64>) {
        self.times.first_byte.get_or_insert(arrived);
        self.times.last_byte = arrived;
        self.times.receive_lag = lag;
    }

    /// The end of the stream completes its answer; nobody stamps that.
    pub fn is_completed_by_close(&mut self, at: Moment) {
        (self.times.last_byte, self.times.receive_lag) = (at, None);
    }

    /// Whether some of an answer has come.
    pub fn has_answer(&self) -> bool {
        self.times.first_byte.is_some()
    }

    /// From the first bytes of the answer to the last, in nanoseconds.
    pub fn spread(&self) -> u64 {
        self.times.last_byte.since(self.times.first_byte.unwrap_or(self.times.last_byte))
    }

    /// The moment of the latest bytes.
    pub fn last_byte(&self) -> Moment {
        self.times.last_byte
    }

    /// When its bytes went out, if they have.
    pub fn sent(&self) -> Option<Moment> {
        self.times.sent
    }

    /// Others' bytes came behind its last ones, whose stamp is theirs then. It may have ended as
    /// early as these could have arrived: after all was read before, at `drained`.
    pub fn may_have_ended_since(&mut self, drained: Moment) {
        let earliest = drained.max(self.times.sent.unwrap_or(drained));
        self.lag_felt = self.lag_felt.saturating_add(self.times.last_byte.since(earliest));
    }

    /// It met nobody, and is sent once more.
    pub fn repeats(&mut self) {
        self.is_repeat = true;
        self.stream = None;
        self.times = WireMoments::default();
    }

    /// Its answer was a redirect: another request is sent for it, in the same time.
    pub fn follows(&mut self, request: Vec<u8>) {
        let before = self.redirected.take();
        let hops = before.as_ref().map_or(0, |it| it.hops) + 1;
        let first_sent = before.and_then(|it| it.first_sent).or(self.times.sent);
        // What the generator lost before it sent the last one is lost for the whole.
        self.begun = Moment(self.intended.0 + self.send_lag());
        (self.status, self.body_bytes) = (None, 0);
        self.heard.clear();
        self.times = WireMoments::default();
        self.redirected = Some(Box::new(Redirected { request, hops, first_sent }));
    }

    /// What was felt of the generator's lateness, in nanoseconds.
    pub fn lag_felt(&self) -> u64 {
        self.lag_felt
    }

    /// Takes over what came of its answer; returns the body.
    pub fn takes(&mut self, reply: &mut Reply) -> Vec<u8> {
        (self.status, self.body_bytes) = (reply.status, reply.body_bytes);
        self.heard = mem::take(&mut reply.heard);
        mem::take(&mut reply.body)
    }

    /// Something was said so many nanoseconds later than it should have been.
    pub fn said_late(&mut self, by: u64) {
        self.lag_felt = self.lag_felt.saturating_add(by);
    }

    /// It is over at a moment at which so much of the generator's lateness is felt: one that
    /// never went out may have been free to go while the worker stood still.
    pub fn ends(&mut self, at: Moment, felt: u64) {
        self.ended = at;
        if self.times.sent.is_none() {
            self.lag_felt = self.send_lag().max(felt);
        }
    }

    fn send_lag(&self) -> u64 {
        let on_connection = self.times.sent.map_or(0, |sent| sent.since(self.times.ready));
        self.begun.since(self.intended) + on_connection
    }

    /// What was measured of it.
    pub fn sample(&self, (outcome, cause): Ending) -> Sample {
        // What the generator lacked it would have sent, and nobody knows how fast.
        let is_wanting = matches!(cause, Some(Cause::Descriptors | Cause::Ports));
        // It was given up at its limit, whenever that was noticed.
        let is_late = outcome == Outcome::Timeout;
        Sample {
            step: self.step,
            tenant: self.tenant,
            intended: self.intended,
            sent: self.redirected.as_ref().and_then(|it| it.first_sent).or(self.times.sent),
            first_byte: self.times.first_byte,
            ended: if is_late { self.ended.min(self.deadline()) } else { self.ended },
            send_lag: self.send_lag(),
            lag_felt: if is_wanting { u64::MAX } else { self.lag_felt },
            receive_lag: self.times.receive_lag,
            connect: self.connect,
            handshake: self.handshake,
            outcome,
            cause,
            status: self.status,
            body_bytes: self.body_bytes,
            repeated: self.is_repeat,
            limit: self.limit,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OK: Ending = (Outcome::Ok, None);

    fn due_at_100() -> Exchange {
        Exchange::new(StepId(3), Moment(100), 1_000, Moment(110))
    }

    fn answered() -> Exchange {
        let mut exchange = due_at_100();
        assert_eq!(exchange.goes_out(Moment(150), Moment(155)), 15, "10 before, 5 on it");
        exchange.feels(40);
        exchange.receives(Moment(300), Some(7));
        exchange.receives(Moment(320), Some(9));
        exchange.ends(exchange.last_byte(), 1_000);
        exchange
    }

    #[test]
    fn its_moments_become_a_sample() {
        let sample = answered().sample(OK);
        assert_eq!((sample.step, sample.intended, sample.limit), (StepId(3), Moment(100), 1_000));
        assert_eq!((sample.sent, sample.first_byte), (Some(Moment(155)), Some(Moment(300))));
        assert_eq!((sample.ended, sample.receive_lag), (Moment(320), Some(9)));
        assert_eq!((sample.send_lag, sample.lag_felt), (15, 40), "what was felt when it went out");
        assert_eq!(answered().spread(), 20);
    }

    #[test]
    fn one_that_never_went_out_was_held_by_what_is_felt_at_its_end() {
        for (felt, lag_felt) in [(3, 30), (500, 500)] {
            let mut exchange = due_at_100();
            exchange.was_delayed(20);
            exchange.ends(Moment(900), felt);
            let sample = exchange.sample((Outcome::Unsent, Some(Cause::ConnectionLimit)));
            assert_eq!((sample.send_lag, sample.lag_felt, sample.sent), (30, lag_felt, None));
            let wanting = exchange.sample((Outcome::Unsent, Some(Cause::Ports)));
            assert_eq!(wanting.lag_felt, u64::MAX, "nobody knows how fast");
        }
    }

    #[test]
    fn a_timeout_ends_at_its_limit_whenever_that_was_noticed() {
        let mut exchange = due_at_100();
        for (noticed, outcome, ended) in [
            (1_500, Outcome::Timeout, 1_100),
            (1_050, Outcome::Timeout, 1_050),
            (1_500, Outcome::TransportError, 1_500),
        ] {
            exchange.ends(Moment(noticed), 0);
            assert_eq!(exchange.sample((outcome, None)).ended, Moment(ended));
        }
    }

    #[test]
    fn a_repeat_keeps_its_beginning_and_forgets_its_first_connection() {
        let mut exchange = answered();
        exchange.repeats();
        assert!(!exchange.has_answer());
        exchange.ends(Moment(800), 2);
        let sample = exchange.sample((Outcome::TransportError, Some(Cause::Refused)));
        assert_eq!((sample.sent, sample.first_byte, sample.receive_lag), (None, None, None));
        assert_eq!((sample.send_lag, sample.lag_felt, sample.repeated), (10, 10, true));
    }

    #[test]
    fn an_answer_that_others_follow_may_have_ended_as_early_as_all_was_read_before() {
        // Its last bytes are stamped at 320, and it left at 155.
        for (drained, lag_felt) in [(315, 40 + 5), (100, 40 + 165), (155, 40 + 165)] {
            let mut exchange = answered();
            exchange.may_have_ended_since(Moment(drained));
            assert_eq!(exchange.sample(OK).lag_felt, lag_felt, "drained at {drained}");
            assert_eq!(exchange.sample(OK).ended, Moment(320));
        }
    }

    #[test]
    fn the_end_of_a_stream_has_no_stamp() {
        let mut exchange = answered();
        exchange.is_completed_by_close(Moment(400));
        exchange.ends(exchange.last_byte(), 0);
        let sample = exchange.sample(OK);
        assert_eq!((sample.ended, sample.receive_lag), (Moment(400), None));
    }
}
