//! HTTP/1.x responses without sockets: bytes of a target in, one response out.
//!
//! A [`response`] takes the bytes of one answer in the order of their coming: its [`head`],
//! then its body by length, in [`chunked`] pieces, or until the stream ends; [`coding`] undoes
//! the compression of a body that is to be read. The engine and
//! the requests for readiness and metrics use the same one, so that what is an answer to the
//! one is an answer to the other. Knows neither scenarios nor clocks.

pub mod chunked;
pub mod coding;
pub mod head;
pub mod last_head;
mod odd_head;
pub mod response;
pub mod unreadable;
pub mod upgrade;
