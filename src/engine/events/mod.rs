//! A stream of server-sent events that is looked at while it comes: whether what a step awaits has
//! come, and its times.
//!
//! | state | event | next |
//! | --- | --- | --- |
//! | open | the awaited event | over, as it should be |
//! | open | another content type, a coding, an event that is too large, a time that has passed, too much to look at | over, as a failed check |
//! | open | the target ends the stream | over; a failed check unless that is awaited |
//!
//! An event has the moment at which its last bytes arrived. Several that are read at once have
//! the same. Neither sockets nor clocks are known here.

mod parser;

use std::ops::ControlFlow;
use std::time::Duration;

use crate::engine::events::parser::{Event, Parser};
use crate::engine::matching::{Filled, Message};
use crate::engine::protocol::reply::SoFar;
use crate::record::outcome::Cause;
use crate::record::phase::Phase;
use crate::scenario::json_path::TooManyLooks;
use crate::scenario::stream::{Events as Awaited, Until};
use crate::scenario::template::Values;
use crate::units::Moment;

/// How a stream ended: as it should have, or why not.
pub type End = Result<(), Cause>;

/// A stream under way.
#[derive(Debug)]
pub struct Events {
    parser: Parser,
    wanted: Filled,
    /// How many events have come.
    seen: u64,
    /// When the latest one did.
    latest: Option<Moment>,
    end: Option<End>,
    /// The data of the latest event.
    data: Vec<u8>,
}

/// Times of the events that some bytes completed, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Laps {
    /// From the intended moment to the first event.
    pub first: Option<u64>,
    /// From the event before to the next.
    pub gap: Option<u64>,
    /// So many more came with it.
    pub together: u32,
}

impl Laps {
    /// Tells each of them.
    pub fn tell(self, told: &mut dyn FnMut(Phase, u64, u32)) {
        if let Some(first) = self.first {
            told(Phase::FirstEvent, first, 1);
        }
        if let Some(gap) = self.gap {
            told(Phase::EventGap, gap, 1);
        }
        told(Phase::EventGap, 0, self.together);
    }
}

impl Events {
    /// One of which nothing has come.
    pub fn new(events: &Awaited, values: &mut Values<'_>) -> Events {
        let wanted = match &events.until {
            Until::Event(conditions) => Filled::new(conditions, values),
            Until::Count(_) | Until::End => Filled::default(),
        };
        Events {
            parser: Parser::default(),
            wanted,
            seen: 0,
            latest: None,
            end: None,
            data: Vec::new(),
        }
    }

    /// How it ended, if it has.
    pub fn end(&self) -> Option<End> {
        self.end
    }

    /// The data of the latest event.
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// Takes what has come of the body, all of it at one moment.
    pub fn take(
        &mut self,
        events: &Awaited,
        so_far: &mut SoFar<'_>,
        intended: Moment,
        arrived: Moment,
    ) -> Laps {
        let mut laps = Laps::default();
        if self.end.is_none() && !so_far.is_event_stream {
            self.end = Some(Err(Cause::NotEventStream));
        } else if self.end.is_none() && !so_far.codings.is_empty() {
            self.end = Some(Err(Cause::Compressed));
        }
        if self.end.is_none() {
            self.feed(events, so_far.body, (intended, arrived), &mut laps);
        }
        so_far.body.clear();
        laps
    }

    fn feed(
        &mut self,
        events: &Awaited,
        bytes: &[u8],
        (intended, arrived): (Moment, Moment),
        laps: &mut Laps,
    ) {
        let Events { parser, wanted, seen, latest, end, data, .. } = self;
        let fed = parser.feed(bytes, |event| {
            *seen += 1;
            *end = match latest.replace(arrived) {
                None => {
                    laps.first = Some(arrived.since(intended));
                    too_late(intended, events.first_within, arrived, Cause::FirstEventLate)
                }
                Some(_) if laps.first.is_some() || laps.gap.is_some() => {
                    laps.together += 1;
                    None
                }
                Some(before) => {
                    laps.gap = Some(arrived.since(before));
                    too_late(before, events.gap_within, arrived, Cause::EventGap)
                }
            };
            data.clear();
            data.extend_from_slice(event.data);
            if end.is_none() {
                *end = awaited_end(&events.until, wanted, *seen, event);
            }
            if end.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        if fed.is_err() {
            self.end = Some(Err(Cause::EventTooLarge));
        }
    }

    /// The target has ended it.
    pub fn is_ended(&mut self, events: &Awaited) {
        let is_awaited = match events.until {
            Until::End => self.seen > 0,
            Until::Count(_) | Until::Event(_) => false,
        };
        let end = if is_awaited { Ok(()) } else { Err(Cause::EndedEarly) };
        self.end.get_or_insert(end);
    }

    /// Until when the next event must have come.
    pub fn deadline(&self, events: &Awaited, intended: Moment) -> Option<Moment> {
        match self.latest {
            None => events.first_within.map(|within| after(intended, within)),
            Some(latest) => events.gap_within.map(|within| after(latest, within)),
        }
    }

    /// That moment has passed, with all read that had come.
    pub fn is_late(&mut self) {
        let is_first = self.latest.is_none();
        let cause = if is_first { Cause::FirstEventLate } else { Cause::EventGap };
        self.end.get_or_insert(Err(cause));
    }
}

fn after(since: Moment, within: Duration) -> Moment {
    Moment(since.0.saturating_add(within.as_nanos() as u64))
}

/// How a stream ends with an event that came when its time had passed.
fn too_late(since: Moment, within: Option<Duration>, at: Moment, cause: Cause) -> Option<End> {
    within.filter(|within| at > after(since, *within)).map(|_| Err(cause))
}

/// How a stream ends with this event, if it does.
fn awaited_end(until: &Until, wanted: &Filled, seen: u64, event: Event<'_>) -> Option<End> {
    let is_awaited = match until {
        Until::Count(count) => Ok(seen >= *count),
        Until::Event(conditions) => {
            wanted.are_met(conditions, Message { name: event.name, text: event.data })
        }
        Until::End => Ok(false),
    };
    match is_awaited {
        Ok(is_awaited) => is_awaited.then_some(Ok(())),
        Err(TooManyLooks) => Some(Err(Cause::TooManyLooks)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http1::coding::Codings;
    use crate::scenario::json_path::JsonPath;
    use crate::scenario::stream::Condition;
    use crate::scenario::template::{Escape, Piece, Template};

    const MS: u64 = 1_000_000;

    fn awaiting(until: Until) -> Awaited {
        Awaited { until, first_within: None, gap_within: None }
    }

    fn stream(events: &Awaited) -> Events {
        let mut random = || 0;
        let mut values = Values::nobodys(&mut random);
        Events::new(events, &mut values)
    }

    /// What comes of bytes that arrive at a time, in milliseconds.
    fn feed(stream: &mut Events, events: &Awaited, text: &str, at: u64) -> Laps {
        let mut body = text.as_bytes().to_vec();
        let mut so_far = SoFar {
            status: Some(200),
            is_event_stream: true,
            codings: Codings::default(),
            body: &mut body,
        };
        let laps = stream.take(events, &mut so_far, Moment(0), Moment(at * MS));
        assert!(body.is_empty(), "it is not kept");
        laps
    }

    #[test]
    fn its_times_are_those_of_its_events() {
        let events = awaiting(Until::Count(5));
        let mut stream = stream(&events);
        assert_eq!(feed(&mut stream, &events, ": hello\n\n", 1), Laps::default());
        let first = Laps { first: Some(3 * MS), gap: None, together: 0 };
        assert_eq!(feed(&mut stream, &events, "data: 1\n\nda", 3), first);
        let three = Laps { first: None, gap: Some(7 * MS), together: 2 };
        let text = "ta: 2\n\ndata: 3\n\ndata: 4\n\n";
        assert_eq!(feed(&mut stream, &events, text, 10), three);
        assert_eq!(stream.end(), None);
        let last = Laps { first: None, gap: Some(MS), together: 0 };
        assert_eq!(feed(&mut stream, &events, "data: 5\n\ndata: 6\n\n", 11), last);
        assert_eq!((stream.end(), stream.data()), (Some(Ok(())), &b"5"[..]));
    }

    #[test]
    fn the_end_of_the_stream_is_what_is_awaited_or_too_early() {
        for (until, text, end) in [
            (Until::End, "data: 1\n\n", Ok(())),
            (Until::End, ": nothing\n\n", Err(Cause::EndedEarly)),
            (Until::End, "data: no end of it", Err(Cause::EndedEarly)),
            (Until::Count(2), "data: 1\n\n", Err(Cause::EndedEarly)),
        ] {
            let events = awaiting(until);
            let mut stream = stream(&events);
            feed(&mut stream, &events, text, 1);
            assert_eq!(stream.end(), None);
            stream.is_ended(&events);
            assert_eq!(stream.end(), Some(end), "{text}");
        }
    }

    #[test]
    fn an_event_that_comes_too_late_ends_it_whatever_it_says() {
        let within = Some(Duration::from_millis(10));
        let events = Awaited { until: Until::Count(2), first_within: within, gap_within: within };
        for (first, second, end) in [
            (10, 20, Some(Ok(()))),
            (11, 0, Some(Err(Cause::FirstEventLate))),
            (10, 21, Some(Err(Cause::EventGap))),
            (10, 0, None),
        ] {
            let mut stream = stream(&events);
            assert_eq!(stream.deadline(&events, Moment(0)), Some(Moment(10 * MS)));
            feed(&mut stream, &events, "data: 1\n\n", first);
            if second > 0 {
                let late = Moment((first + 10) * MS);
                assert_eq!(stream.deadline(&events, Moment(0)), Some(late));
                feed(&mut stream, &events, "data: 2\n\n", second);
            }
            assert_eq!(stream.end(), end, "{first}, {second}");
        }
    }

    #[test]
    fn an_event_with_too_much_to_look_at_ends_it_as_a_failure() {
        let condition = |path: &str| {
            let pieces = vec![Piece::Literal("1".into())];
            let wanted = Template { pieces, escape: Escape::Verbatim };
            awaiting(Until::Event(vec![Condition::Json(JsonPath::parse(path).unwrap(), wanted)]))
        };
        let text = format!("data: {}1{}\n\n", "[".repeat(100), "]".repeat(100));
        for (path, end) in [("$..*", Ok(())), ("$..*..*..*..*..*", Err(Cause::TooManyLooks))] {
            let events = condition(path);
            let mut stream = stream(&events);
            feed(&mut stream, &events, &text, 1);
            assert_eq!(stream.end(), Some(end), "{path}");
        }
    }

    #[test]
    fn what_is_no_stream_of_events_is_not_read() {
        let events = awaiting(Until::Count(1));
        let gzip = {
            let mut codings = Codings::default();
            codings.add(b"gzip");
            codings
        };
        for (is_event_stream, codings, cause) in
            [(false, Codings::default(), Cause::NotEventStream), (true, gzip, Cause::Compressed)]
        {
            let mut body = b"data: 1\n\n".to_vec();
            let mut stream = stream(&events);
            let mut so_far = SoFar { status: Some(200), is_event_stream, codings, body: &mut body };
            assert_eq!(stream.take(&events, &mut so_far, Moment(0), Moment(1)), Laps::default());
            assert_eq!(stream.end(), Some(Err(cause)));
            stream.is_ended(&events);
            assert_eq!(stream.end(), Some(Err(cause)), "the first reason counts");
        }
        let mut stream = stream(&events);
        feed(&mut stream, &events, &"x".repeat(parser::MAX_EVENT + 1), 1);
        assert_eq!(stream.end(), Some(Err(Cause::EventTooLarge)));
    }
}
