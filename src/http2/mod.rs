//! What the bytes of an HTTP/2 connection are, as far as it is not told by the `h2` crate, which
//! reads them: whose frames, and which of them have a status. No sockets; nothing is decoded.

pub mod blocks;
pub mod frames;
