//! What a worker and a protocol tell each other of an exchange.

use crate::http1::coding::Codings;
use crate::http1::response::Expected;
use crate::http1::unreadable::Unreadable;
use crate::scenario::model::StepId;

/// An exchange that begins.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    /// Whose it is: its events come back with this.
    pub iteration: usize,
    /// The step that is asked for.
    pub step: StepId,
    /// What must be known to read its answer.
    pub expected: Expected,
    /// Whether the answer's body is kept.
    pub keeps_body: bool,
    /// Whether its head is.
    pub keeps_head: bool,
    /// Whether the start of the answer is kept however it ends.
    pub is_shown: bool,
}

/// What came for an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A part of the answer's head.
    Head,
    /// The rest of its head, or a part of its body.
    Data,
    /// The answer is whole.
    End {
        /// Whether nothing followed it that nobody asked for.
        is_clean: bool,
    },
    /// It will never be whole.
    Reset(Fault),
}

/// Why an answer will never be whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// What came is no answer.
    Unreadable(Unreadable),
    /// The stream ended before it was whole.
    CutOff,
    /// The other side ended this exchange only.
    StreamReset,
    /// The other side says that it has not begun with the request, and will not.
    Refused,
}

/// What has come of a body that is looked at while it comes.
#[derive(Debug)]
pub struct SoFar<'p> {
    /// The status, once the head was there.
    pub status: Option<u16>,
    /// Whether the target says that it is a stream of events.
    pub is_event_stream: bool,
    /// What must be undone to read it.
    pub codings: Codings,
    /// The bytes since the last look; whoever has read them takes them out.
    pub body: &'p mut Vec<u8>,
}

/// What has come of an answer.
#[derive(Debug, Default)]
pub struct Reply {
    /// The status, once the head was there.
    pub status: Option<u16>,
    /// Bytes of the body.
    pub body_bytes: u64,
    /// What must be undone to read the body.
    pub codings: Codings,
    /// The body, if it was to be kept.
    pub body: Vec<u8>,
    /// The head, if it was to be kept.
    pub head: Vec<u8>,
    /// How the answer began on the wire, unless it is whole and plainly right.
    pub heard: Vec<u8>,
}
