//! Requests on their way out.
//!
//! | connection | a request is written |
//! | --- | --- |
//! | one exchange at a time | at once |
//! | several | with the others of its turn: when no more is due, or before something is read from it |
//!
//! A call of the kernel costs more than all else of a request by HTTP/2, and one takes as many
//! requests as there are. `sent` is the moment of that call: what waited for others left later by
//! that, and the audit sees it.

use std::mem;

use crate::engine::answer::Answer;
use crate::engine::connection::{ConnectionKey, Unsent};
use crate::engine::iteration::Activity;
use crate::engine::pool::Slot;
use crate::engine::protocol::http2::message::Messages;
use crate::engine::protocol::reply::Call;
use crate::engine::protocol::request::{Prepared, Unsendable};
use crate::engine::protocol::websocket::WebSocket;
use crate::engine::protocol::{Outgoing, Protocol};
use crate::engine::worker::Worker;
use crate::engine::worker::wording::Wording;
use crate::http1::response::Expected;
use crate::scenario::checks::AnswerCheck;
use crate::scenario::extraction::Extraction;
use crate::units::Moment;

impl Worker {
    /// Begins an iteration's request in a slot whose connection is ready for it.
    pub(super) fn send(&mut self, slot: Slot, key: usize, ready: Moment) {
        let on = slot.on;
        self.iterations[key].activity = Activity::On(on);
        let wording = match self.word(key) {
            Ok(wording) => wording,
            Err(Unsendable(cause)) => {
                self.pool.give_back(slot, ready);
                return self.fail(key, &Answer::Unsendable(cause));
            }
        };
        let call = self.call(key);
        let step = call.step.index();
        let prepared = (wording, &self.prepared[step]);
        let request = outgoing(prepared, self.messages.as_ref(), step, &self.room.request);
        let request = match request {
            Ok(request) => request,
            Err(Unsendable(cause)) => {
                self.pool.give_back(slot, ready);
                return self.fail(key, &Answer::Unsendable(cause));
            }
        };
        let Some(connection) = self.pool.find(on) else { return };
        let kind = &self.plan.scenario.step(call.step).kind;
        let is_stream = kind.is_stream();
        if kind.is_websocket() {
            connection.protocol =
                Protocol::WebSocket(Box::new(WebSocket::asked_by(&self.room.request)));
        }
        let Ok(bytes) = connection.begin(call, request, ready) else {
            self.leave(on, ready);
            return self.assign(key, ready);
        };
        if connection.protocol.is_multiplexed() {
            let ticket = self.iterations[key].ticket;
            if connection.unsent.is_empty() {
                self.outbox.push(on);
            }
            connection.unsent.push(Unsent { iteration: key, ticket, ready });
            return self.sends_with_others(on, key, is_stream);
        }
        // Before the call: the kernel may deliver, and the target answer, inside it.
        self.seen = self.clock.now();
        let lag = self.iterations[key].exchange.goes_out(ready, self.seen);
        connection.write(bytes);
        let is_written = connection.is_written();
        self.has_gone_out(key, lag);
        if is_stream {
            self.stream_begins(key);
        } else if !is_written {
            self.hurry(key);
        }
    }

    /// A request has begun that is written with others of its connection.
    fn sends_with_others(&mut self, on: ConnectionKey, key: usize, is_stream: bool) {
        if is_stream {
            self.write(on);
            self.stream_begins(key);
        }
        if self.pool.nears_its_end(on) && !self.closing {
            self.open_ahead();
        }
    }

    /// Writes what waits to be written together.
    pub(super) fn write_all(&mut self) {
        while let Some(on) = self.outbox.pop() {
            self.write(on);
        }
    }

    /// Writes the requests of a connection that wait, and what its protocol has to say.
    pub(super) fn write(&mut self, on: ConnectionKey) {
        let Some(connection) = self.pool.find(on) else { return };
        if connection.unsent.is_empty() {
            return connection.write(&[]);
        }
        let mut unsent = mem::take(&mut connection.unsent);
        connection.protocol.encode();
        // Before the call, as above; all that was to be done for it has been done.
        self.seen = self.clock.now();
        unsent.retain(|one| self.goes_out(*one));
        let Some(connection) = self.pool.find(on) else { return };
        connection.write(&[]);
        // The stamp of what is read at once is that of the last of several answers.
        let is_read_at_once = !connection.is_written() || connection.protocol.has_several();
        for one in unsent.drain(..).filter(|_| is_read_at_once) {
            self.hurry(one.iteration);
        }
        if let Some(connection) = self.pool.find(on) {
            connection.unsent = unsent;
        }
    }

    /// A request that waited goes out now, unless it was given up.
    fn goes_out(&mut self, one: Unsent) -> bool {
        let found = self.iterations.get_mut(one.iteration);
        let found = found.filter(|found| found.ticket == one.ticket);
        let Some(iteration) = found else { return false };
        let lag = iteration.exchange.goes_out(one.ready, self.seen);
        self.has_gone_out(one.iteration, lag);
        true
    }

    /// A request has gone out at the moment that was seen last, so much later than it was ready.
    fn has_gone_out(&mut self, key: usize, lag: u64) {
        let exchange = &mut self.iterations[key].exchange;
        if !mem::replace(&mut exchange.was_sent, true) {
            self.ledger.sent(exchange.key(), exchange.intended);
        }
        // With one request in flight there is no queue ahead of it.
        if self.plan.slots.of == 1 && self.ledger.in_flight() == 1 {
            self.lateness.is_worked_off();
        }
        exchange.feels(self.lateness.feel(lag, self.seen));
    }

    /// What a protocol must know of an iteration's request.
    fn call(&self, iteration: usize) -> Call {
        let id = self.iterations[iteration].exchange.step;
        let scenario = &self.plan.scenario;
        let step = scenario.step(id);
        let is_head = step.request.method == "HEAD";
        let expected = Expected { is_head, body_limit: scenario.limits.body.0 };
        let keeps_body = step.extract.iter().any(Extraction::reads_body)
            || step.kind.is_stream()
            || step.checks.iter().any(AnswerCheck::reads_body);
        let has_cookies = scenario.flows[self.iterations[iteration].flow].cookies;
        let keeps_head = has_cookies
            || step.course.redirects > 0
            || step.checks.iter().any(AnswerCheck::reads_head)
            || step.extract.iter().any(Extraction::reads_head);
        let is_shown = self.plan.purpose.is_walk();
        Call { iteration, step: id, expected, keeps_body, keeps_head, is_shown }
    }
}

/// A step's request as its protocol sends it.
fn outgoing<'r>(
    prepared: (Wording, &'r Prepared),
    messages: Option<&Messages>,
    step: usize,
    bytes: &'r [u8],
) -> Result<Outgoing<'r>, Unsendable> {
    match (prepared, messages) {
        ((Wording::Prepared, Prepared::Fixed(fixed)), None) => Ok(Outgoing::Http1(fixed.bytes())),
        ((Wording::Prepared, Prepared::Fixed(fixed)), Some(messages)) => {
            messages.of_fixed(step, fixed).map(Outgoing::Http2)
        }
        (_, None) => Ok(Outgoing::Http1(bytes)),
        (_, Some(messages)) => messages.of_bytes(bytes).map(Outgoing::Http2),
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;

    use crate::engine::worker::scene::Scene;
    use crate::record::outcome::Outcome;

    const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
    const HEADERS: u8 = 1;

    /// A head with `:status: 200` that ends its stream.
    fn answer(stream: u8) -> [u8; 10] {
        [0, 0, 1, HEADERS, 5, 0, 0, 0, stream, 0x88]
    }

    /// What has come by now, until there is nothing more.
    fn read(other: &mut TcpStream) -> Vec<u8> {
        let (mut bytes, mut buffer) = (Vec::new(), [0; 4_096]);
        while let Ok(read) = other.read(&mut buffer) {
            bytes.extend_from_slice(&buffer[..read]);
        }
        bytes
    }

    /// The streams of the heads among some whole frames.
    fn heads(bytes: &[u8]) -> Vec<u8> {
        let mut rest = bytes.strip_prefix(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap_or(bytes);
        let mut streams = Vec::new();
        while let [_, high, low, kind, _, _, _, _, stream, more @ ..] = rest {
            if *kind == HEADERS {
                streams.push(*stream);
            }
            rest = &more[usize::from(*high) << 8 | usize::from(*low)..];
        }
        streams
    }

    /// A connection over which one exchange has gone, and the other end.
    fn used() -> (Scene, TcpStream) {
        let mut scene = Scene::of_streams("GET /", 10);
        scene.arrive();
        let mut other = scene.accept();
        other.set_nonblocking(true).unwrap();
        let mut came = Vec::new();
        scene.until(|_| {
            came.extend(read(&mut other));
            heads(&came) == [1]
        });
        other.write_all(&[SETTINGS, &answer(1)].concat()).unwrap();
        scene.until(|worker| worker.iterations.is_empty());
        assert_eq!(scene.ended().len(), 1);
        read(&mut other);
        (scene, other)
    }

    #[test]
    fn requests_of_a_turn_leave_in_one_call_and_that_is_when_they_were_sent() {
        let (mut scene, mut other) = used();
        (0..3).for_each(|_| scene.arrive());
        assert_eq!(read(&mut other), [0; 0], "nothing has left before the turn is over");
        assert!(scene.worker.iterations.iter().all(|(_, one)| one.exchange.sent().is_none()));
        let before = scene.worker.clock.now();
        scene.worker.write_all();
        let after = scene.worker.clock.now();
        let mut came = Vec::new();
        scene.until(|_| {
            came.extend(read(&mut other));
            heads(&came).len() == 3
        });
        let sent: Vec<_> =
            scene.worker.iterations.iter().map(|(_, one)| one.exchange.sent().unwrap()).collect();
        assert!(sent.iter().all(|at| *at == sent[0] && before <= *at && *at <= after), "{sent:?}");
        other.write_all(&[answer(3), answer(5), answer(7)].concat()).unwrap();
        scene.until(|worker| worker.iterations.is_empty());
        let ended = scene.ended();
        assert_eq!(ended.len(), 3);
        for sample in ended {
            assert_eq!(sample.outcome, Outcome::Ok);
            let late = sample.sent.unwrap().since(sample.intended);
            assert_eq!(sample.send_lag, late, "what waited for the others left later by that");
        }
    }

    #[test]
    fn nothing_is_read_before_what_waits_has_left() {
        let (mut scene, mut other) = used();
        scene.arrive();
        // An answer to what nobody has asked yet, and the end.
        other.write_all(&answer(3)).unwrap();
        drop(other);
        scene.until(|worker| worker.iterations.is_empty());
        let ended = scene.ended();
        assert!(ended.iter().all(|sample| sample.sent.is_some()), "{ended:?}");
        assert_eq!(ended.len(), 1);
    }

    #[test]
    fn one_that_was_given_up_while_it_waited_is_not_counted_as_sent() {
        let (mut scene, _other) = used();
        scene.arrive();
        let (key, ticket) =
            scene.worker.iterations.iter().map(|(key, one)| (key, one.ticket)).next().unwrap();
        scene.worker.iterations[key].ticket = ticket + 1;
        scene.worker.write_all();
        assert!(scene.worker.iterations[key].exchange.sent().is_none());
    }
}
