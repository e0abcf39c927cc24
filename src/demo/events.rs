//! The demo's stream of server-sent events: a `welcome` at once, then an `order` each 50 ms, as many
//! as were asked for or until the client goes.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame};
use tokio::time::{Interval, MissedTickBehavior, interval};

/// From one order to the next.
const PACE: Duration = Duration::from_millis(50);

/// The body of an answer of the demo.
pub(super) enum Told {
    /// It is there.
    Whole(Full<Bytes>),
    /// It comes bit by bit.
    Events(Events),
}

/// Events that are told at their pace.
pub(super) struct Events {
    pace: Interval,
    /// Orders told so far; nothing before the welcome.
    told: Option<u64>,
    most: u64,
}

impl Events {
    /// So many orders.
    pub(super) fn up_to(most: u64) -> Events {
        let mut pace = interval(PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Events { pace, told: None, most }
    }

    /// The next event; nothing behind the last one.
    fn next(&mut self) -> Option<Bytes> {
        let Some(told) = self.told else {
            self.told = Some(0);
            return Some(Bytes::from_static(b"event: welcome\ndata: {}\n\n"));
        };
        if told >= self.most {
            return None;
        }
        let id = told + 1;
        self.told = Some(id);
        Some(Bytes::from(format!("event: order\nid: {id}\ndata: {{\"id\":{id}}}\n\n")))
    }
}

impl Body for Told {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Told::Whole(body) => Pin::new(body).poll_frame(context),
            Told::Events(events) => {
                // The first tick is at once.
                ready!(events.pace.poll_tick(context));
                Poll::Ready(events.next().map(|event| Ok(Frame::data(event))))
            }
        }
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        match self {
            Told::Whole(body) => body.size_hint(),
            Told::Events(_) => hyper::body::SizeHint::default(),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Told::Whole(body) => body.is_end_stream(),
            Told::Events(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn as_many_are_told_as_were_asked_for() {
        let mut events = Events::up_to(2);
        let all: Vec<Bytes> = std::iter::from_fn(|| events.next()).collect();
        let all: Vec<_> = all.iter().map(|event| str::from_utf8(event).unwrap()).collect();
        assert_eq!(all.len(), 3);
        assert!(all[0].starts_with("event: welcome\n") && all[2].contains("data: {\"id\":2}\n\n"));
    }
}
