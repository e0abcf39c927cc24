//! What is said and heard over a WebSocket, one act after the other, and its times.
//!
//! | state | event | next |
//! | --- | --- | --- |
//! | at an act | that is to send | the next act, at once |
//! | at `expect` | the message | the next act |
//! | at `expect` | another message | the same, or over where it is strict |
//! | at `expect` | its time has passed | over, as a failed check |
//! | at `think` | its time has passed | the next act |
//! | at any act | the target's close, no frame | over, as a failure |
//! | behind the last act, its message heard | the target's close, or a second without it | over, as it should be |
//! | behind the last act, a message unanswered | the target's close | over, as it should be |
//! | behind the last act | a close that says that something was wrong | over, as a failure |
//!
//! Frames are taken in their order, so that a close answers the messages before it: where nothing
//! else does, it is what tells that somebody has taken them.
//!
//! Neither sockets nor clocks are known here.

use crate::engine::events::End;
use crate::engine::matching::{Filled, Message};
use crate::engine::protocol::websocket::{Garbled, Said, WebSocket};
use crate::record::outcome::Cause;
use crate::scenario::json_path::TooManyLooks;
use crate::scenario::stream::{Act, Dialogue as Script};
use crate::scenario::template::Values;
use crate::units::Moment;

/// How long the target has to answer a close, in nanoseconds.
const CLOSING: u64 = 1_000_000_000;

/// A dialogue under way.
#[derive(Debug)]
pub struct Dialogue {
    acts: Vec<Ready>,
    /// Which act is next.
    next: usize,
    /// When the act before it was done; `None` until the WebSocket is open.
    since: Option<Moment>,
    /// When the latest message went out, if nothing has answered it.
    asked: Option<Moment>,
    /// When it was closed.
    closed: Option<Moment>,
    end: Option<End>,
    /// The latest message that was expected.
    data: Vec<u8>,
}

/// An act with its values filled in.
#[derive(Debug)]
enum Ready {
    Text(String),
    /// As the script has them.
    Binary,
    Expect(Filled),
    /// For so many nanoseconds.
    Think(u64),
}

/// What a deadline is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Awaits {
    Message,
    Thought,
    Close,
}

/// Now, and when what has come arrived.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// The clock.
    pub now: Moment,
    /// The stamp of the latest bytes.
    pub arrived: Moment,
}

impl Dialogue {
    /// One of which nothing has been said.
    pub fn new(script: &Script, values: &mut Values<'_>) -> Dialogue {
        let ready = |act: &Act| match act {
            Act::Text(template) => {
                let mut text = String::new();
                template.render(values, &mut text);
                Ready::Text(text)
            }
            Act::Binary(_) => Ready::Binary,
            Act::Expect { conditions, .. } => Ready::Expect(Filled::new(conditions, values)),
            Act::Think { shortest, longest } => {
                let range = longest.saturating_sub(*shortest).as_nanos() as u64;
                let drawn = (u128::from((values.random)()) * u128::from(range)) >> 64;
                Ready::Think(shortest.as_nanos() as u64 + drawn as u64)
            }
        };
        Dialogue {
            acts: script.acts.iter().map(ready).collect(),
            next: 0,
            since: None,
            asked: None,
            closed: None,
            end: None,
            data: Vec::new(),
        }
    }

    /// How it ended, if it has.
    pub fn end(&self) -> Option<End> {
        self.end
    }

    /// Whether all has been said, and the latest message was answered: only the target's close is
    /// missing, which tells nothing more.
    pub fn only_closes(&self) -> bool {
        self.closed.is_some() && self.asked.is_none()
    }

    /// The latest message that was expected.
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// Does what can be done with what has come. Hands over each round trip, in nanoseconds, and
    /// returns by how much it said something too late, in nanoseconds.
    pub fn go_on(
        &mut self,
        script: &Script,
        websocket: &mut WebSocket,
        times: Times,
        mut trip: impl FnMut(u64),
    ) -> u64 {
        if websocket.is_refused() {
            self.end.get_or_insert(Err(Cause::NotWebSocket));
        }
        self.since.get_or_insert(times.arrived);
        let mut late = 0;
        while self.end.is_none() {
            late += self.speak(script, websocket, times.now);
            match websocket.listen() {
                Ok(None) => break,
                Ok(Some(Said::Message(message))) => {
                    self.hear(script, &message, times.arrived, &mut trip);
                }
                Ok(Some(Said::Close(code))) => {
                    // One that came before the latest message is no answer to it.
                    let is_answer = self.asked.is_none_or(|asked| asked <= times.arrived);
                    let is_well = self.closed.is_some() && is_answer && !refuses(script, code);
                    self.end = Some(if is_well { Ok(()) } else { Err(Cause::WebSocketClosed) });
                }
                // All that was to be heard has been.
                Err(_) if self.only_closes() => self.end = Some(Ok(())),
                Err(Garbled::BadFrame) => self.end = Some(Err(Cause::BadFrame)),
                Err(Garbled::TooLarge) => self.end = Some(Err(Cause::TooLarge)),
            }
        }
        late
    }

    /// Sends all up to the next act that waits, and the close behind the last one.
    fn speak(&mut self, script: &Script, websocket: &mut WebSocket, now: Moment) -> u64 {
        let due = self.since.unwrap_or(now);
        let mut is_said = false;
        while let Some((ready, act)) = self.acts.get(self.next).zip(script.acts.get(self.next)) {
            match (ready, act) {
                (Ready::Text(text), _) => websocket.say_text(text),
                (Ready::Binary, Act::Binary(bytes)) => websocket.say_bytes(bytes),
                (Ready::Binary | Ready::Expect(_) | Ready::Think(_), _) => break,
            }
            (self.asked, self.since) = (Some(now), Some(now));
            (self.next, is_said) = (self.next + 1, true);
        }
        if self.next == self.acts.len() && self.closed.is_none() {
            websocket.close(script.close);
            self.closed = Some(now);
        }
        if is_said { now.since(due) } else { 0 }
    }

    /// A message has come.
    fn hear(
        &mut self,
        script: &Script,
        message: &[u8],
        arrived: Moment,
        trip: &mut impl FnMut(u64),
    ) {
        let expected = self.acts.get(self.next).zip(script.acts.get(self.next));
        let Some((Ready::Expect(filled), Act::Expect { conditions, is_strict, .. })) = expected
        else {
            return;
        };
        // What came before the question is no answer to it, whatever it says.
        if self.asked.is_some_and(|asked| arrived < asked) {
            return;
        }
        let is_late = self.deadline(script).is_some_and(|at| arrived > at);
        let is_met = filled.are_met(conditions, Message { name: b"", text: message });
        if is_late {
            self.end = Some(Err(Cause::MessageLate));
        } else if is_met == Err(TooManyLooks) {
            self.end = Some(Err(Cause::TooManyLooks));
        } else if is_met == Ok(true) {
            if let Some(asked) = self.asked.take() {
                trip(arrived.since(asked));
            }
            self.data.clear();
            self.data.extend_from_slice(message);
            (self.next, self.since) = (self.next + 1, Some(arrived));
        } else if *is_strict {
            self.end = Some(Err(Cause::UnexpectedMessage));
        }
    }

    fn awaits(&self, script: &Script) -> Option<(Moment, Awaits)> {
        let after = |since: Moment, nanos: u64| Moment(since.0.saturating_add(nanos));
        if let Some(closed) = self.closed {
            // Without its close nobody knows whether the last message was taken: that has the
            // step's own time.
            let may_miss = self.asked.is_none();
            return may_miss.then(|| (after(closed, CLOSING), Awaits::Close));
        }
        let since = self.since?;
        match (self.acts.get(self.next)?, script.acts.get(self.next)?) {
            (Ready::Think(nanos), _) => Some((after(since, *nanos), Awaits::Thought)),
            (Ready::Expect(_), Act::Expect { within: Some(within), .. }) => {
                Some((after(since, within.as_nanos() as u64), Awaits::Message))
            }
            (Ready::Expect(_) | Ready::Text(_) | Ready::Binary, _) => None,
        }
    }

    /// When it must be looked at again, whatever comes.
    pub fn deadline(&self, script: &Script) -> Option<Moment> {
        self.awaits(script).map(|(at, _)| at)
    }

    /// That moment has passed, with all read that had come.
    pub fn is_due(&mut self, script: &Script) {
        match self.awaits(script) {
            None => {}
            Some((_, Awaits::Message)) => self.end = Some(Err(Cause::MessageLate)),
            Some((at, Awaits::Thought)) => (self.next, self.since) = (self.next + 1, Some(at)),
            Some((_, Awaits::Close)) => self.end = Some(Ok(())),
        }
    }

    /// The target has ended the connection in good order.
    pub fn is_ended(&mut self) {
        let end = if self.only_closes() { Ok(()) } else { Err(Cause::WebSocketClosed) };
        self.end.get_or_insert(end);
    }
}

/// Whether the target's close, behind ours, says that something was wrong: with what was sent, or
/// with the target. Where all is well it repeats our code, says that it is done (1000) or goes
/// (1001), or says nothing.
fn refuses(script: &Script, code: Option<u16>) -> bool {
    const WELL: [u16; 2] = [1000, 1001];
    code.is_some_and(|code| code != script.close && !WELL.contains(&code))
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::Path;

    use super::*;
    use crate::engine::protocol::reply::Call;
    use crate::engine::protocol::{Outgoing, Protocol};
    use crate::http1::response::Expected;
    use crate::scenario::model::StepId;
    use crate::scenario::read::{self, Origin};
    use crate::scenario::stream::Kind;

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    const ANSWER: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\
        connection: Upgrade\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

    /// What is said and heard, as a scenario has it.
    fn script(acts: &str) -> Script {
        let text = format!(
            r#"{{"name": "a", "target": {{"url": "http://127.0.0.1:9"}}, "flows": [{{"name": "f",
            "steps": [{{"name": "s", "request": "GET /", "websocket": {acts}}}]}}],
            "load": {{"stages": [{{"for": "60s", "rate": "1/s"}}]}}}}"#
        );
        let no_file = |_: &Path| Err(io::ErrorKind::NotFound.into());
        let read = read::parse(&text, &Origin::default(), &|_| None, &no_file).unwrap();
        match read.steps[0].kind.clone() {
            Kind::WebSocket(script) => *script,
            other => panic!("{other:?}"),
        }
    }

    /// The round trips, in order, of messages that come at moments; each is read 10 later.
    fn trips(script: &Script, messages: &[(u64, &str)]) -> Vec<u64> {
        let mut protocol = Protocol::WebSocket(Box::new(WebSocket::asked_by(REQUEST)));
        let expected = Expected { is_head: false, body_limit: 100 };
        let (iteration, step) = (0, StepId(0));
        let (keeps_body, keeps_head, is_shown) = (true, false, false);
        let call = Call { iteration, step, expected, keeps_body, keeps_head, is_shown };
        protocol.begin(call, Outgoing::Http1(REQUEST)).unwrap();
        let mut random = || 0;
        let mut dialogue = Dialogue::new(script, &mut Values::nobodys(&mut random));
        let mut all = Vec::new();
        let mut bytes = ANSWER.to_vec();
        for (at, message) in messages {
            bytes.extend([0x81, message.len() as u8]);
            bytes.extend(message.as_bytes());
            assert!(protocol.receive(&mut &bytes[..], &[]).is_some());
            let times = Times { now: Moment(at + 10), arrived: Moment(*at) };
            let websocket = protocol.websocket().unwrap();
            dialogue.go_on(script, websocket, times, |trip| all.push(trip));
            bytes.clear();
        }
        all
    }

    #[test]
    fn a_round_trip_is_from_the_message_to_the_one_that_was_expected_next() {
        let script = script(r#"[{"send": "a"}, {"expect": "b"}, {"send": "c"}, {"expect": "d"}]"#);
        assert_eq!(script.round_trips(), 2);
        // The first is asked when the answer is read, at 60.
        assert_eq!(trips(&script, &[(50, "x"), (160, "b"), (400, "d")]), [100, 230]);
    }

    #[test]
    fn what_came_before_the_question_is_no_answer_to_it() {
        let any = script(r#"[{"send": "a"}, {"expect": {}}, {"expect": {}}]"#);
        assert_eq!(any.round_trips(), 1);
        assert_eq!(trips(&any, &[(50, "early"), (160, "answer")]), [100]);
        // Nor does it take its place, however right it is.
        let two = script(r#"[{"send": "a"}, {"expect": "b"}, {"send": "c"}, {"expect": "d"}]"#);
        assert_eq!(trips(&two, &[(50, "b"), (400, "d")]), Vec::<u64>::new());
        assert_eq!(trips(&two, &[(50, "x"), (160, "b"), (161, "d"), (400, "x")]), [100]);
    }
}
