//! An answer that is a stream: events, or a dialogue over a WebSocket.

use crate::engine::dialogue::{Dialogue, Times};
use crate::engine::events::{End, Events};
use crate::engine::protocol::Protocol;
use crate::record::phase::Phase;
use crate::scenario::stream::Kind;
use crate::scenario::template::Values;
use crate::units::Moment;

/// A stream under way.
#[derive(Debug)]
pub struct Stream {
    course: Course,
    /// When somebody comes back whatever comes, first of all.
    pub timed: Option<Moment>,
}

#[derive(Debug)]
enum Course {
    Events(Events),
    Dialogue(Dialogue),
}

/// Who is told of a time within an exchange: its kind, its nanoseconds, and how often.
pub type Told<'t> = &'t mut dyn FnMut(Phase, u64, u32);

impl Stream {
    /// One of which nothing has come; `None` where the answer is none.
    pub fn new(kind: &Kind, values: &mut Values<'_>) -> Option<Stream> {
        let course = match kind {
            Kind::Answer => return None,
            Kind::Events(awaited) => Course::Events(Events::new(awaited, values)),
            Kind::WebSocket(script) => Course::Dialogue(Dialogue::new(script, values)),
        };
        Some(Stream { course, timed: None })
    }

    /// How it ended, if it has.
    pub fn end(&self) -> Option<End> {
        match &self.course {
            Course::Events(events) => events.end(),
            Course::Dialogue(dialogue) => dialogue.end(),
        }
    }

    /// Whether nothing more is said over a WebSocket, and it is only to be closed.
    pub fn only_closes(&self) -> bool {
        match &self.course {
            Course::Events(_) => false,
            Course::Dialogue(dialogue) => dialogue.only_closes(),
        }
    }

    /// The data of what came last of what was awaited.
    pub fn data(&self) -> &[u8] {
        match &self.course {
            Course::Events(events) => events.data(),
            Course::Dialogue(dialogue) => dialogue.data(),
        }
    }

    /// Does what can be done with what has come to an iteration. Returns by how much something
    /// was said too late, in nanoseconds.
    pub fn go_on(
        &mut self,
        kind: &Kind,
        (protocol, iteration): (&mut Protocol, usize),
        (intended, times): (Moment, Times),
        told: Told<'_>,
    ) -> u64 {
        match (&mut self.course, kind) {
            (Course::Events(events), Kind::Events(awaited)) => {
                let Some(mut so_far) = protocol.so_far(iteration) else { return 0 };
                events.take(awaited, &mut so_far, intended, times.arrived).tell(told);
                0
            }
            (Course::Dialogue(dialogue), Kind::WebSocket(script)) => {
                let Some(websocket) = protocol.websocket() else { return 0 };
                let trip = |nanos| told(Phase::RoundTrip, nanos, 1);
                dialogue.go_on(script, websocket, times, trip)
            }
            (Course::Events(_) | Course::Dialogue(_), _) => 0,
        }
    }

    /// When it must be looked at again, whatever comes.
    pub fn deadline(&self, kind: &Kind, intended: Moment) -> Option<Moment> {
        match (&self.course, kind) {
            (Course::Events(events), Kind::Events(awaited)) => events.deadline(awaited, intended),
            (Course::Dialogue(dialogue), Kind::WebSocket(script)) => dialogue.deadline(script),
            (Course::Events(_) | Course::Dialogue(_), _) => None,
        }
    }

    /// That moment has passed, with all read that had come.
    pub fn is_due(&mut self, kind: &Kind) {
        match (&mut self.course, kind) {
            (Course::Events(events), _) => events.is_late(),
            (Course::Dialogue(dialogue), Kind::WebSocket(script)) => dialogue.is_due(script),
            (Course::Dialogue(_), _) => {}
        }
    }

    /// The target has ended it in good order.
    pub fn is_ended(&mut self, kind: &Kind) {
        match (&mut self.course, kind) {
            (Course::Events(events), Kind::Events(awaited)) => events.is_ended(awaited),
            (Course::Events(_), _) => {}
            (Course::Dialogue(dialogue), _) => dialogue.is_ended(),
        }
    }
}
