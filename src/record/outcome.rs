//! How a request ended, and why.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a request ended. Every request that was due has exactly one.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Outcome {
    /// Answered as the scenario expects.
    Ok,
    /// Refused with 429, which the scenario does not expect.
    Rejected,
    /// Any other 4xx.
    ClientError,
    /// 5xx.
    ServerError,
    /// Answered, but not as the scenario says.
    CheckFailed,
    /// No full answer within the time limit.
    Timeout,
    /// No full answer: refused, reset, closed or unreadable.
    TransportError,
    /// Due and never sent.
    Unsent,
}

impl Outcome {
    /// How many there are.
    pub const COUNT: usize = 8;

    /// All of them, in the order of the counters.
    pub const ALL: [Outcome; Outcome::COUNT] = [
        Outcome::Ok,
        Outcome::Rejected,
        Outcome::ClientError,
        Outcome::ServerError,
        Outcome::CheckFailed,
        Outcome::Timeout,
        Outcome::TransportError,
        Outcome::Unsent,
    ];

    /// The place of its counter.
    pub fn index(self) -> usize {
        self as usize
    }

    /// For people: `server error`.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Ok => "ok",
            Outcome::Rejected => "rejected",
            Outcome::ClientError => "client error",
            Outcome::ServerError => "server error",
            Outcome::CheckFailed => "check failed",
            Outcome::Timeout => "timeout",
            Outcome::TransportError => "transport error",
            Outcome::Unsent => "unsent",
        }
    }

    /// Whether its response time is one that objectives read: a success, or a request
    /// that never got a full answer and so counts at its time limit. A fast refusal
    /// must not flatter the percentiles, so answered failures have their own histogram.
    pub fn counts_in_response_time(self) -> bool {
        match self {
            Outcome::Ok | Outcome::Timeout | Outcome::TransportError | Outcome::Unsent => true,
            Outcome::Rejected
            | Outcome::ClientError
            | Outcome::ServerError
            | Outcome::CheckFailed => false,
        }
    }
}

/// Why a request did not end well, where the outcome alone does not say.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Cause {
    /// The connection was refused.
    Refused,
    /// The connection was reset.
    Reset,
    /// The target closed the connection before the end of the response.
    Closed,
    /// The connection could not be made for another reason.
    Unreachable,
    /// The response was not HTTP.
    Malformed,
    /// The response's body was larger than the ceiling.
    TooLarge,
    /// The response could be read, and a value to be extracted was not in it.
    ExtractionMissing,
    /// A status that the step does not expect.
    UnexpectedStatus,
    /// The ceiling on requests in flight was reached.
    InFlightLimit,
    /// The time limit passed while waiting for one of the allowed connections.
    ConnectionLimit,
    /// The generator had no file descriptors left.
    Descriptors,
    /// The generator had no local ports left.
    Ports,
    /// A line in the response's head or trailers was no field.
    BadField,
    /// The response did not tell where its body ends, or told it in two ways.
    BadLength,
    /// A chunk of the response's body did not begin or end as it must.
    BadChunk,
    /// The response's head was larger than the ceiling.
    HeadTooLarge,
    /// The request could not be sent: what was filled in made its head too long.
    RequestTooLarge,
    /// The response of which something is read had no body.
    EmptyBody,
    /// The body was compressed in a way that is not known, or was broken.
    Compressed,
    /// The body was not text in UTF-8.
    NotUtf8,
    /// The body was not JSON.
    NotJson,
    /// The body was JSON of too many levels.
    TooDeep,
    /// The value to be extracted was longer than what is kept.
    ValueTooLong,
    /// The schedule was over before the generator came to it.
    Late,
    /// No TLS session: one side refused it, or broke it off.
    Tls,
    /// The target ended the response alone, and not its connection (HTTP/2).
    StreamReset,
    /// The target would not begin with the request (HTTP/2).
    StreamRefused,
    /// The response was not a stream of events.
    NotEventStream,
    /// The target ended the stream before what was awaited had come.
    EndedEarly,
    /// An event of the stream was larger than the ceiling.
    EventTooLarge,
    /// The first event had not come in the time that the step gives it.
    FirstEventLate,
    /// The next event had not come in the time that the step gives it.
    EventGap,
    /// The answer was 101, and not the one that opens this WebSocket.
    NotWebSocket,
    /// What came over the WebSocket was none of its frames, or of its messages.
    BadFrame,
    /// The target closed the WebSocket before all was said.
    WebSocketClosed,
    /// The message that was expected had not come in its time.
    MessageLate,
    /// Another message came where only the expected one may.
    UnexpectedMessage,
    /// A header field was not as the step says.
    HeaderCheck,
    /// The body was not as the step says.
    BodyCheck,
    /// A value of the JSON body was not as the step says.
    JsonCheck,
    /// The body was of another size than the step says.
    SizeCheck,
    /// The answer took longer than the step allows, and less than its time limit.
    ResponseTimeCheck,
    /// A value that the request is filled in with was missing: the step that extracts it had
    /// failed, or was left out.
    ValueMissing,
    /// The target redirected more often than the step follows.
    TooManyRedirects,
    /// The target redirected to another host, port or scheme than its own.
    RedirectElsewhere,
    /// The target redirected without saying where to, or to no address.
    BadRedirect,
    /// 401 to a step behind a login that can be done anew: it was, and the step asked once more.
    TokenRefused,
    /// Each row of data that the scenario takes once was taken before.
    NoRow,
    /// The JSON body was not as the step's schema says.
    SchemaCheck,
    /// The answer to a GraphQL request had errors, or no data.
    GraphqlErrors,
    /// The request could not be sent: a value that was filled in has in it what stands between the
    /// parts of its body.
    BoundaryInside,
    /// The generator that had to send it was lost.
    GeneratorLost,
    /// How long the login is valid, by its answer, was no number of seconds above 0.
    NoLifetime,
    /// A path would have had to look at too many values of the body.
    TooManyLooks,
}

impl Cause {
    /// How many there are.
    pub const COUNT: usize = 54;

    /// All of them, in the order of the counters.
    pub const ALL: [Cause; Cause::COUNT] = [
        Cause::Refused,
        Cause::Reset,
        Cause::Closed,
        Cause::Unreachable,
        Cause::Malformed,
        Cause::TooLarge,
        Cause::ExtractionMissing,
        Cause::UnexpectedStatus,
        Cause::InFlightLimit,
        Cause::ConnectionLimit,
        Cause::Descriptors,
        Cause::Ports,
        Cause::BadField,
        Cause::BadLength,
        Cause::BadChunk,
        Cause::HeadTooLarge,
        Cause::RequestTooLarge,
        Cause::EmptyBody,
        Cause::Compressed,
        Cause::NotUtf8,
        Cause::NotJson,
        Cause::TooDeep,
        Cause::ValueTooLong,
        Cause::Late,
        Cause::Tls,
        Cause::StreamReset,
        Cause::StreamRefused,
        Cause::NotEventStream,
        Cause::EndedEarly,
        Cause::EventTooLarge,
        Cause::FirstEventLate,
        Cause::EventGap,
        Cause::NotWebSocket,
        Cause::BadFrame,
        Cause::WebSocketClosed,
        Cause::MessageLate,
        Cause::UnexpectedMessage,
        Cause::HeaderCheck,
        Cause::BodyCheck,
        Cause::JsonCheck,
        Cause::SizeCheck,
        Cause::ResponseTimeCheck,
        Cause::ValueMissing,
        Cause::TooManyRedirects,
        Cause::RedirectElsewhere,
        Cause::BadRedirect,
        Cause::TokenRefused,
        Cause::NoRow,
        Cause::SchemaCheck,
        Cause::GraphqlErrors,
        Cause::BoundaryInside,
        Cause::GeneratorLost,
        Cause::NoLifetime,
        Cause::TooManyLooks,
    ];

    /// The place of its counter.
    pub fn index(self) -> usize {
        self as usize
    }

    /// For people: `connection refused`.
    pub fn name(self) -> &'static str {
        match self {
            Cause::Refused => "connection refused",
            Cause::Reset => "connection reset",
            Cause::Closed => "closed before the end of the response",
            Cause::Unreachable => "could not connect",
            Cause::Malformed => "not a valid HTTP response",
            Cause::TooLarge => "response body larger than the ceiling",
            Cause::ExtractionMissing => "value to extract not in the response",
            Cause::UnexpectedStatus => "unexpected status",
            Cause::InFlightLimit => "ceiling on requests in flight",
            Cause::ConnectionLimit => "no free connection within the time limit",
            Cause::Descriptors => "generator out of file descriptors",
            Cause::Ports => "generator out of local ports",
            Cause::BadField => "invalid header field in the response",
            Cause::BadLength => "response with an invalid or ambiguous length",
            Cause::BadChunk => "broken chunk in the response",
            Cause::HeadTooLarge => "response head larger than 256 KiB",
            Cause::RequestTooLarge => "request head larger than 64 KiB",
            Cause::EmptyBody => "no body to read",
            Cause::Compressed => "compressed body that could not be decoded",
            Cause::NotUtf8 => "body to read is not UTF-8",
            Cause::NotJson => "body to read is not JSON",
            Cause::TooDeep => "body to read is nested too deeply",
            Cause::ValueTooLong => "value to extract longer than 64 KiB",
            Cause::Late => "generator too late to send it",
            Cause::Tls => "no TLS session",
            Cause::StreamReset => "response reset",
            Cause::StreamRefused => "request refused",
            Cause::NotEventStream => "response is not a text/event-stream",
            Cause::EndedEarly => "stream ended before what was awaited",
            Cause::EventTooLarge => "event larger than 1 MiB",
            Cause::FirstEventLate => "first event later than first_within",
            Cause::EventGap => "no event for longer than gap_within",
            Cause::NotWebSocket => "answer that opens another WebSocket than was asked for",
            Cause::BadFrame => "not a valid WebSocket frame",
            Cause::WebSocketClosed => "WebSocket closed by the target before the last act",
            Cause::MessageLate => "expected message later than within",
            Cause::UnexpectedMessage => "another message than the expected one",
            Cause::HeaderCheck => "header not as expected",
            Cause::BodyCheck => "body not as expected",
            Cause::JsonCheck => "JSON value not as expected",
            Cause::SizeCheck => "size not as expected",
            Cause::ResponseTimeCheck => "slower than its check allows",
            Cause::ValueMissing => "value for the request missing",
            Cause::TooManyRedirects => "more redirects than are followed",
            Cause::RedirectElsewhere => "redirect to another server",
            Cause::BadRedirect => "redirect without a usable location",
            Cause::TokenRefused => "login no longer valid",
            Cause::NoRow => "no row of data left",
            Cause::SchemaCheck => "body not as its JSON Schema says",
            Cause::GraphqlErrors => "GraphQL errors, or no data",
            Cause::BoundaryInside => "value with the boundary between parts in it",
            Cause::GeneratorLost => "its generator was lost",
            Cause::NoLifetime => "expires_in is no number of seconds above 0",
            Cause::TooManyLooks => "JSONPath with more than 1,000,000 values to look at",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_in_the_order_of_the_lists() {
        for (position, outcome) in Outcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome.index(), position);
        }
        for (position, cause) in Cause::ALL.into_iter().enumerate() {
            assert_eq!(cause.index(), position);
        }
    }
}
