//! Why bytes are not an acceptable response.

/// Why bytes are not an acceptable response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    /// It does not begin with the status line of HTTP/1.x.
    Malformed,
    /// A line of the head or of the trailers is no field.
    BadField,
    /// The head does not tell where the body ends, or tells it in two ways.
    BadLength,
    /// What stands where a chunk must begin or end is neither.
    BadChunk,
    /// The head is larger than its ceiling.
    HeadTooLarge,
    /// The body is larger than its ceiling.
    TooLarge,
}
