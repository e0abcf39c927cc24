//! The kinds of time that a request is measured by.
//!
//! A phase is the place of its histogram in every array of them, and the second part of its
//! tag in `intervals.hlog`. A new one is a variant here and a line of
//! `Sample::each_time`.

use std::borrow::Cow;
use std::ops::{Index, IndexMut};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

use crate::scenario::slo::LapKind;

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
    /// The TLS handshake, as a part of connecting, of the requests that had to connect.
    Handshake,
    /// From the intended moment of a stream of events to its first one.
    FirstEvent,
    /// From one event of a stream to the next; many for each stream.
    EventGap,
    /// From a message over a WebSocket to the one that answers it; many for each WebSocket.
    RoundTrip,
    /// From a request to the redirect that answers it; an exchange may have several.
    Redirect,
}

impl Phase {
    /// How many there are.
    pub const COUNT: usize = 13;

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
        Phase::Handshake,
        Phase::FirstEvent,
        Phase::EventGap,
        Phase::RoundTrip,
        Phase::Redirect,
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
            Phase::Handshake => "handshake",
            Phase::FirstEvent => "first_event",
            Phase::EventGap => "event_gap",
            Phase::RoundTrip => "round_trip",
            Phase::Redirect => "redirect",
        }
    }

    /// What its times are, for the schemas of what is told of it.
    fn meaning(self) -> &'static str {
        match self {
            Phase::Response => "Response time as objectives read it.",
            Phase::Failed => "Response time of answered failures.",
            Phase::Service => "Service time.",
            Phase::SendLag => "Send lag.",
            Phase::ReceiveLag => {
                "Receive lag: from the arrival of a response's last bytes to the generator's read. \
                 Not part of any time above."
            }
            Phase::Least => "Response time without what the generator's lag may have added.",
            Phase::Connect => "Connecting, of the requests that had to wait for it.",
            Phase::FirstByte => "From sent to the first byte of the answer.",
            Phase::Handshake => "The TLS handshake, as a part of connecting.",
            Phase::FirstEvent => {
                "From the moment at which a stream of events was due to its first event."
            }
            Phase::EventGap => "From one event of a stream to the next.",
            Phase::RoundTrip => "From a message over a WebSocket to the one that answers it.",
            Phase::Redirect => "From a request to the redirect that answers it.",
        }
    }

    /// Those of which the figures are told; what a punctual generator would have seen only
    /// serves the audit.
    pub fn told() -> impl Iterator<Item = Phase> {
        Phase::ALL.into_iter().filter(|phase| *phase != Phase::Least)
    }

    /// The one of a name.
    pub fn named(name: &str) -> Option<Phase> {
        Phase::ALL.into_iter().find(|phase| phase.name() == name)
    }
}

impl From<LapKind> for Phase {
    fn from(of: LapKind) -> Phase {
        match of {
            LapKind::FirstEvent => Phase::FirstEvent,
            LapKind::EventGap => Phase::EventGap,
            LapKind::RoundTrip => Phase::RoundTrip,
        }
    }
}

/// Something of each phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ByPhase<T>(pub [T; Phase::COUNT]);

impl<T> Index<Phase> for ByPhase<T> {
    type Output = T;

    fn index(&self, phase: Phase) -> &T {
        &self.0[phase.index()]
    }
}

impl<T> IndexMut<Phase> for ByPhase<T> {
    fn index_mut(&mut self, phase: Phase) -> &mut T {
        &mut self.0[phase.index()]
    }
}

impl<T: Default> ByPhase<T> {
    /// What some phases have, and the default of the others.
    pub fn of(known: impl IntoIterator<Item = (Phase, T)>) -> ByPhase<T> {
        let mut all = ByPhase(std::array::from_fn(|_| T::default()));
        known.into_iter().for_each(|(phase, of)| all[phase] = of);
        all
    }
}

/// A map by name of all phases that are told.
impl<T: Serialize> Serialize for ByPhase<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(Phase::told().map(|phase| (phase.name(), &self[phase])))
    }
}

impl<T: JsonSchema> JsonSchema for ByPhase<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("ByPhase_of_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let of_one = generator.subschema_for::<T>();
        let of_phase = |phase: Phase| {
            let mut schema = of_one.clone();
            schema.insert("description".to_owned(), phase.meaning().into());
            (phase.name().to_owned(), schema.to_value())
        };
        let properties: serde_json::Map<String, serde_json::Value> =
            Phase::told().map(of_phase).collect();
        json_schema!({ "type": "object", "properties": properties })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_names_are_unique() {
        for (position, phase) in Phase::ALL.into_iter().enumerate() {
            assert_eq!((phase.index(), Phase::named(phase.name())), (position, Some(phase)));
        }
        assert_eq!(Phase::named("latency"), None);
    }
}
