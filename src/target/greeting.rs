//! Which version of HTTP somebody speaks in the clear, where that is not as expected.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use super::fetch::{PROBE, connect, get};
use crate::scenario::model::HttpAddress;

/// Bytes of a frame's head, with which every connection begins.
const HEAD: usize = 9;
/// The kind of the first frame.
const SETTINGS: u8 = 4;
/// What a client says first.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
/// Bytes of an answer that is only looked at.
const BODY: usize = 1_000_000;

/// How an address answers to one who speaks HTTP/2 from the first byte on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Greeting {
    /// As HTTP/2 does.
    Http2,
    /// Otherwise, and it does answer HTTP/1.1.
    Http1,
    /// Otherwise.
    Other,
    /// Not at all, for now.
    Silence,
}

/// How an address greets.
pub(super) async fn greeting(address: &HttpAddress) -> Greeting {
    let plain = HttpAddress { tls: None, is_http2: false, ..address.clone() };
    let Ok(mut stream) = connect(&plain, PROBE).await else { return Greeting::Silence };
    let greeted = async {
        let mut head = [0; HEAD];
        stream.write_all(PREFACE).await.ok()?;
        stream.read_exact(&mut head).await.ok()?;
        Some(head)
    };
    match timeout(PROBE, greeted).await {
        Err(_) => Greeting::Silence,
        Ok(Some([_, _, _, SETTINGS, _, 0, 0, 0, 0])) => Greeting::Http2,
        Ok(Some(head)) if head.starts_with(b"HTTP/1") => Greeting::Http1,
        Ok(_) if get(&plain, "/", PROBE, BODY).await.is_ok() => Greeting::Http1,
        Ok(_) => Greeting::Other,
    }
}
