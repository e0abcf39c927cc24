//! What the answer to a step is: one that ends by itself, or a stream of which something is awaited.
//!
//! A stream lasts until what is awaited has come; it is loadgate that ends it then. What messages
//! are compared with may be filled in, and is when the request goes out.

use std::time::Duration;

use super::json_path::JsonPath;
use super::template::Template;

/// What the answer to a step is.
#[derive(Debug, Clone)]
pub enum Kind {
    /// One that ends by itself.
    Answer,
    /// Server-sent events.
    Events(Box<Events>),
    /// A WebSocket.
    WebSocket(Box<Dialogue>),
}

/// What is said and heard over a WebSocket.
#[derive(Debug, Clone)]
pub struct Dialogue {
    /// One after the other; at least one.
    pub acts: Vec<Act>,
    /// The code with which it is closed at the end.
    pub close: u16,
}

/// One thing done over a WebSocket.
#[derive(Debug, Clone)]
pub enum Act {
    /// Sends a text.
    Text(Template),
    /// Sends bytes.
    Binary(Box<[u8]>),
    /// Waits for a message.
    Expect {
        /// All of this holds for it; nothing: any message will do.
        conditions: Vec<Condition>,
        /// From the act before.
        within: Option<Duration>,
        /// Whether another message is a mistake; otherwise it is passed over.
        is_strict: bool,
    },
    /// Thinks for a time, drawn evenly between two; messages are passed over.
    Think {
        /// At least.
        shortest: Duration,
        /// At most.
        longest: Duration,
    },
}

/// What is awaited of a stream of events.
#[derive(Debug, Clone)]
pub struct Events {
    /// When it is over.
    pub until: Until,
    /// From the moment at which the request is due to the first event.
    pub first_within: Option<Duration>,
    /// From one event to the next.
    pub gap_within: Option<Duration>,
}

/// When a stream of events is over.
#[derive(Debug, Clone)]
pub enum Until {
    /// After so many events; at least 1.
    Count(u64),
    /// With an event for which all of this holds; at least one condition.
    Event(Vec<Condition>),
    /// With the end of the stream, in which there was an event.
    End,
}

/// What must hold for a message.
#[derive(Debug, Clone)]
pub enum Condition {
    /// Its name is so.
    Name(Template),
    /// Its name or its text is so.
    NameOrText(Template),
    /// Its text is so.
    Text(Template),
    /// Its text contains this.
    Contains(Template),
    /// It is JSON, with this value, written as JSON, at a path.
    Json(JsonPath, Template),
}

impl Dialogue {
    /// How many messages are answered by one that is expected: of several that are sent before it,
    /// the last.
    pub fn round_trips(&self) -> u32 {
        let (mut trips, mut is_asked) = (0, false);
        for act in &self.acts {
            match act {
                Act::Text(_) | Act::Binary(_) => is_asked = true,
                Act::Expect { .. } => trips += u32::from(std::mem::take(&mut is_asked)),
                Act::Think { .. } => {}
            }
        }
        trips
    }
}

impl Condition {
    /// What is filled in.
    pub fn template(&self) -> &Template {
        match self {
            Condition::Name(template)
            | Condition::NameOrText(template)
            | Condition::Text(template)
            | Condition::Contains(template)
            | Condition::Json(_, template) => template,
        }
    }
}

impl Kind {
    /// Whether its body is looked at while it comes.
    pub fn is_stream(&self) -> bool {
        match self {
            Kind::Answer => false,
            Kind::Events(_) | Kind::WebSocket(_) => true,
        }
    }

    /// Whether its connection becomes a WebSocket.
    pub fn is_websocket(&self) -> bool {
        match self {
            Kind::Answer | Kind::Events(_) => false,
            Kind::WebSocket(_) => true,
        }
    }

    /// All that is filled in besides the request.
    pub fn templates(&self) -> Vec<&Template> {
        match self {
            Kind::Answer => Vec::new(),
            Kind::Events(events) => match &events.until {
                Until::Event(conditions) => conditions.iter().map(Condition::template).collect(),
                Until::Count(_) | Until::End => Vec::new(),
            },
            Kind::WebSocket(dialogue) => dialogue.acts.iter().flat_map(Act::templates).collect(),
        }
    }
}

impl Act {
    fn templates(&self) -> Vec<&Template> {
        match self {
            Act::Text(template) => vec![template],
            Act::Expect { conditions, .. } => conditions.iter().map(Condition::template).collect(),
            Act::Binary(_) | Act::Think { .. } => Vec::new(),
        }
    }
}
