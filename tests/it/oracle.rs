//! The engine reads responses by itself; hyper is the oracle: the same bytes, in the same
//! pieces, through both must come to the same end.
//!
//! What is compared: the status, the bytes of the body, how it ended, and whether the
//! connection may serve another request. Where the two differ on purpose, the difference
//! stands in [`KNOWN`] with the paragraph of RFC 9112 that allows or demands ours;
//! everything else must agree.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::error::Error as _;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::{Request, Response as HyperResponse};
use hyper_util::rt::TokioIo;
use loadgate::http1::response::{Expected, Fed, MAX_HEAD, Response};
use loadgate::http1::unreadable::Unreadable;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

/// Bytes of a body that both accept.
const LIMIT: u64 = 100_000;

/// What the other side does.
#[derive(Debug, Clone)]
struct Script {
    /// The request was HEAD, not GET.
    is_head: bool,
    /// What it writes, piece by piece.
    pieces: Vec<Vec<u8>>,
    /// It closes the connection behind them.
    closes: bool,
}

/// How a response ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// More is awaited.
    Open,
    /// It is whole.
    Complete,
    /// The connection was closed inside it.
    CutOff,
    /// It is not HTTP/1.x.
    Malformed,
    /// Its head or its body is beyond the ceiling.
    TooLarge,
}

/// What came of the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Outcome {
    status: Option<u16>,
    body: Vec<u8>,
    end: End,
    is_reusable: bool,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Outcome { status, body, end, is_reusable } = self;
        let start = body[..body.len().min(60)].escape_ascii();
        write!(f, "{end:?}, status {status:?}, reusable {is_reusable}, {} bytes ", body.len())?;
        write!(f, "of body: {start}")
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Script { is_head, pieces, closes } = self;
        write!(f, "{} pieces, HEAD {is_head}, closes {closes}:", pieces.len())?;
        let shown = |piece: &Vec<u8>| piece[..piece.len().min(300)].escape_ascii().to_string();
        pieces.iter().take(12).try_for_each(|piece| write!(f, "\n  {}", shown(piece)))
    }
}

/// A difference that is meant.
struct Difference {
    what: &'static str,
    reason: &'static str,
    is_this: fn(&Script, &Outcome, &Outcome) -> bool,
}

/// Script, hyper's outcome, ours.
const KNOWN: &[Difference] = &[
    Difference {
        what: "a content-length beside chunked: hyper keeps the connection, we close it",
        reason: "RFC 9112, 6.3, rule 3: it ought to be handled as an error, as somebody on the \
                 way may have seen another end of the body",
        is_this: |script, hypers, ours| {
            let is_complete = hypers.end == End::Complete && ours.end == End::Complete;
            let differs_in_reuse = hypers.is_reusable && !ours.is_reusable;
            let has_both = script.says("content-length") && script.says("chunked");
            is_complete && differs_in_reuse && has_both && hypers.body == ours.body
        },
    },
    Difference {
        what: "trailers: hyper refuses odd names and folds, we pass over them as over fields; \
               what is no field at all it reads on behind, and we tell at once",
        reason: "RFC 9112, 7.1.2: a trailer is a field's line; curl and Node's fetch take what \
                 they take in a head",
        is_this: |script, hypers, ours| {
            let is_refused = matches!(hypers.end, End::Open | End::CutOff | End::Malformed);
            let is_taken = matches!(ours.end, End::Complete | End::Malformed | End::Open);
            is_refused && is_taken && hypers.status.is_some() && script.has_last_chunk()
        },
    },
    Difference {
        what: "LF alone ends the lines of chunks: hyper refuses it, we do not",
        reason: "RFC 9112, 2.2: a recipient MAY take LF for CRLF; curl and browsers do behind \
                 chunks too",
        is_this: |script, hypers, _| {
            let is_refused = matches!(hypers.end, End::Open | End::CutOff | End::Malformed);
            is_refused && script.says("chunked") && script.has_lone_lf()
        },
    },
    Difference {
        what: "a transfer coding behind HTTP/1.0: hyper refuses it, we read it and close",
        reason: "RFC 9112, 6.1: the connection ends after it; curl and Node's fetch take them",
        is_this: |script, hypers, ours| {
            let is_refused = hypers.end == End::Malformed && hypers.status.is_none();
            is_refused
                && !ours.is_reusable
                && script.says("http/1.0")
                && script.says("transfer-encoding")
        },
    },
    Difference {
        what: "a status line that curl or Node's fetch take, and hyper does not",
        reason: "RFC 9112, 3: lenient readers split at blanks; 2.3: the version says what the \
                 server can do, not what it sent",
        is_this: |script, hypers, _| {
            let bytes = script.bytes().to_ascii_lowercase();
            let is_odd = |line: &[u8]| {
                line.starts_with(b"http/2")
                    || line.starts_with(b"http/1.1  ")
                    || line.starts_with(b"http/1.0  ")
                    || b"http/2".starts_with(line)
            };
            let is_small = !script.says_exactly("HTTP/1.");
            let mut lines = bytes.split(|byte| *byte == b'\n');
            hypers.end == End::Malformed && (is_small || lines.any(is_odd))
        },
    },
    Difference {
        what: "a blank before the colon of a field that frames the body: hyper keeps the \
               connection, we close it",
        reason: "RFC 9112, 5.1: readers have differed in it, with request smuggling as a result",
        is_this: |script, hypers, ours| {
            let is_same = hypers.end == ours.end && hypers.body == ours.body;
            is_same && !ours.is_reusable && script.lines().any(|line| is_loose_frame(&line))
        },
    },
    Difference {
        what: "a line without a colon, or a length on a line that is passed over: hyper passes \
               over it, we refuse it",
        reason: "RFC 9112, 11.2: where readers differ in what a line says, they differ in the \
                 body; curl and Node's fetch refuse it",
        is_this: |script, hypers, ours| {
            let no_colon = |line: &Vec<u8>| !line.is_empty() && !line.contains(&b':');
            let frames = |line: &Vec<u8>| {
                let line = line.trim_ascii_start().to_ascii_lowercase();
                line.starts_with(b"content-length") || line.starts_with(b"transfer-encoding")
            };
            let odd = script.lines().skip(1).any(|line| no_colon(&line) || frames(&line));
            ours.end == End::Malformed && hypers.end != End::Malformed && odd
        },
    },
    Difference {
        what: "a length beyond 64 bits: to hyper no number, to us beyond the ceiling",
        reason: "RFC 9112, 6.3: refused either way",
        is_this: |_, hypers, ours| hypers.end == End::Malformed && ours.end == End::TooLarge,
    },
    Difference {
        what: "identity and empty elements among the transfer codings: hyper reads until the \
               end of the stream, we pass over them",
        reason: "RFC 9112, 6.1, and RFC 9110, 5.6.1: empty elements are none; identity was none in \
                 RFC 2616, 3.6",
        is_this: |script, _, ours| {
            let is_passed_over = |line: Vec<u8>| {
                let line = line.to_ascii_lowercase();
                let value = line.strip_prefix(b"transfer-encoding:")?.to_owned();
                let mut parts = value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
                Some(parts.any(|part| part.is_empty() || part == b"identity"))
            };
            ours.status.is_some() && script.lines().filter_map(is_passed_over).any(|is| is)
        },
    },
    Difference {
        what: "a head that came in pieces: hyper looks at its end, we at each line's",
        reason: "RFC 9112, 2.2: invalid either way; the sooner it is told, the sooner the \
                 request ends",
        is_this: |script, hypers, ours| {
            let waits = |outcome: &Outcome| matches!(outcome.end, End::Open | End::CutOff);
            let in_pieces = script.pieces.len() > 1 && hypers.status.is_none();
            let line_is_open = script.pieces.last().is_some_and(|last| !last.contains(&b'\n'));
            let we_first = waits(hypers) && ours.end == End::Malformed;
            let hyper_first = waits(ours) && hypers.end == End::Malformed && line_is_open;
            in_pieces && (we_first || hyper_first)
        },
    },
    Difference {
        what: "a byte beyond ASCII in transfer-encoding or connection: hyper passes over the \
               whole field, we read its other elements",
        reason: "RFC 9112, 6.3, rule 4, asks what the final coding is; 9.6 whether close is \
                 among the options",
        is_this: |script, _, ours| {
            let decides = |line: &[u8]| {
                let line = line.to_ascii_lowercase();
                line.starts_with(b"transfer-encoding:") || line.starts_with(b"connection:")
            };
            let bytes = script.bytes();
            let mut lines = bytes.split(|byte| *byte == b'\n');
            ours.status.is_some() && lines.any(|line| decides(line) && !line.is_ascii())
        },
    },
    Difference {
        what: "more than 100 trailers: hyper refuses them, we bound only their bytes",
        reason: "RFC 9112, 7.1.2: trailers may be discarded, and nothing of them is kept",
        is_this: |script, hypers, ours| {
            let lines = script.bytes().split(|byte| *byte == b'\n').count() - 1;
            hypers.end == End::TooLarge && ours.end == End::Complete && lines > 100
        },
    },
];

impl Script {
    fn bytes(&self) -> Vec<u8> {
        self.pieces.concat()
    }

    fn says(&self, word: &str) -> bool {
        self.bytes().windows(word.len()).any(|part| part.eq_ignore_ascii_case(word.as_bytes()))
    }

    fn says_exactly(&self, word: &str) -> bool {
        self.bytes().windows(word.len()).any(|part| part == word.as_bytes())
    }

    /// Without their ends.
    fn lines(&self) -> impl Iterator<Item = Vec<u8>> {
        let bytes = self.bytes();
        let lines = bytes.split(|byte| *byte == b'\n').map(|line| line.trim_ascii_end().to_vec());
        lines.collect::<Vec<_>>().into_iter()
    }

    /// Whether some line is the size of a last chunk.
    fn has_last_chunk(&self) -> bool {
        self.bytes().split(|byte| *byte == b'\n').any(|line| {
            let zeros = line.iter().take_while(|byte| **byte == b'0').count();
            zeros > 0 && line.get(zeros).is_some_and(|next| b"; \t\r".contains(next))
        })
    }

    fn has_lone_lf(&self) -> bool {
        let bytes = self.bytes();
        (0..bytes.len()).any(|at| bytes[at] == b'\n' && (at == 0 || bytes[at - 1] != b'\r'))
    }
}

fn is_loose_frame(line: &[u8]) -> bool {
    let Some(colon) = line.iter().position(|byte| *byte == b':') else { return false };
    let name = line[..colon].to_ascii_lowercase();
    let frames = [&b"content-length"[..], b"transfer-encoding"].contains(&name.trim_ascii());
    frames && name.trim_ascii() != name
}

// ---- The two readers ----------------------------------------------------------------

/// As `engine::protocol::http1` uses it.
fn ours(script: &Script) -> Outcome {
    let expected = Expected { is_head: script.is_head, body_limit: LIMIT };
    let mut response = Response::new(expected);
    let mut body = Vec::new();
    let last = script.pieces.len().saturating_sub(1);
    let mut end = End::Open;
    let mut is_reusable = false;
    for (number, piece) in script.pieces.iter().enumerate() {
        match response.feed(piece, Some(&mut body)) {
            Ok(Fed::More) => continue,
            Ok(Fed::Done(used)) => {
                let is_clean = used == piece.len() && number == last && !script.closes;
                (end, is_reusable) = (End::Complete, is_clean && response.keeps_alive());
            }
            Err(Unreadable::HeadTooLarge | Unreadable::TooLarge) => end = End::TooLarge,
            Err(_) => end = End::Malformed,
        }
        break;
    }
    if end == End::Open && script.closes {
        end = if response.is_complete_at_end() { End::Complete } else { End::CutOff };
    }
    Outcome { status: response.status(), body, end, is_reusable }
}

/// hyper's client over a pipe in memory.
fn hypers(script: &Script) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(exchange(script))
}

async fn exchange(script: &Script) -> Outcome {
    let (client, mut server) = tokio::io::duplex(1 << 20);
    let mut builder = http1::Builder::new();
    builder
        .max_buf_size(MAX_HEAD)
        .max_headers(1_000)
        .allow_obsolete_multiline_headers_in_responses(true)
        .allow_spaces_after_header_name_in_responses(true)
        .ignore_invalid_headers_in_responses(true);
    let (mut sender, connection) =
        builder.handshake::<_, Empty<Bytes>>(TokioIo::new(client)).await.unwrap();
    tokio::spawn(connection);
    sender.ready().await.unwrap();
    let method = if script.is_head { "HEAD" } else { "GET" };
    let request = Request::builder().method(method).uri("/").header("host", "t");
    let answer = sender.send_request(request.body(Empty::new()).unwrap());
    let open = Outcome { status: None, body: vec![], end: End::Open, is_reusable: false };
    let seen = Arc::new(Mutex::new(open));
    tokio::spawn(watch(answer, Arc::clone(&seen)));
    read_request(&mut server).await;
    for piece in &script.pieces {
        // It may have closed the connection: then the rest is not read.
        let _ = server.write_all(piece).await;
        settle().await;
    }
    let server = (!script.closes).then_some(server);
    settle().await;
    let mut outcome = seen.lock().unwrap().clone();
    outcome.is_reusable = outcome.end == End::Complete && sender.is_ready();
    drop(server);
    outcome
}

async fn read_request(server: &mut DuplexStream) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(server.read_u8().await.unwrap());
    }
}

/// Everything is in memory and on one thread: after so many turns nothing moves any more.
async fn settle() {
    for _ in 0..48 {
        tokio::task::yield_now().await;
    }
}

async fn watch(
    answer: impl Future<Output = hyper::Result<HyperResponse<Incoming>>>,
    seen: Arc<Mutex<Outcome>>,
) {
    let response = match answer.await {
        Ok(response) => response,
        Err(error) => return seen.lock().unwrap().end = end_of(&error),
    };
    seen.lock().unwrap().status = Some(response.status().as_u16());
    let mut body = response.into_body();
    let end = loop {
        match body.frame().await {
            None => break End::Complete,
            Some(Err(error)) => break end_of(&error),
            Some(Ok(frame)) => {
                let mut seen = seen.lock().unwrap();
                seen.body.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
                if seen.body.len() as u64 > LIMIT {
                    break End::TooLarge;
                }
            }
        }
    };
    seen.lock().unwrap().end = end;
}

/// What hyper's error says.
fn end_of(error: &hyper::Error) -> End {
    let source = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    let text = source.map(ToString::to_string).unwrap_or_default();
    let is_early = source.is_some_and(|source| source.kind() == io::ErrorKind::UnexpectedEof);
    if error.is_parse_too_large() {
        End::TooLarge
    } else if error.is_parse() {
        End::Malformed
    } else if error.is_incomplete_message() || is_early {
        End::CutOff
    } else if text.contains("over limit") || text.contains("overflow") && text.contains("trailers")
    {
        End::TooLarge
    } else if source.is_some() {
        End::Malformed
    } else {
        panic!("hyper says {error:?}")
    }
}

// ---- The comparison -----------------------------------------------------------------

/// `None` when both agree, or differ in a way that is known.
fn disagreement(script: &Script) -> Option<String> {
    let (hypers, ours) = (hypers(script), ours(script));
    let is_refused = |end| matches!(end, End::Malformed | End::TooLarge);
    // How much was known before it was refused depends on the reader's buffers.
    let is_same_body = is_refused(ours.end) || hypers.body == ours.body;
    let is_same_status = is_refused(ours.end) || hypers.status == ours.status;
    let agree = is_same_status
        && hypers.end == ours.end
        && hypers.is_reusable == ours.is_reusable
        && is_same_body;
    if agree || KNOWN.iter().any(|known| (known.is_this)(script, &hypers, &ours)) {
        return None;
    }
    Some(format!("hyper: {hypers}\nours:  {ours}\nof {script}"))
}

/// Whole, byte by byte and in halves; kept open and closed; for GET and HEAD.
fn check(bytes: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for size in [bytes.len().max(1), 1, 2, bytes.len().div_ceil(2).max(1)] {
        // Thousands of pieces teach nothing that hundreds do not.
        let size = size.max(bytes.len() / 400);
        for (is_head, closes) in [(false, false), (false, true), (true, false)] {
            let pieces = bytes.chunks(size).map(<[u8]>::to_vec).collect();
            found.extend(disagreement(&Script { is_head, pieces, closes }));
        }
    }
    found
}

// ---- Cases with a name --------------------------------------------------------------

/// What a case is about, and its bytes.
type Case = (&'static str, Vec<u8>);

#[expect(clippy::too_many_lines, reason = "a table, one case after the other")]
fn cases() -> Vec<Case> {
    let text = |name: &'static str, text: &str| (name, text.as_bytes().to_vec());
    let ok = "HTTP/1.1 200 OK\r\n";
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let mut all = vec![
        text("nothing at all", ""),
        text("sized", &format!("{ok}content-length: 5\r\n\r\nhello")),
        text("sized, too short", &format!("{ok}content-length: 9\r\n\r\nhello")),
        text("bytes behind it", &format!("{ok}content-length: 2\r\n\r\nhello")),
        text(
            "a second response behind it",
            &format!("{ok}content-length: 0\r\n\r\n{ok}content-length: 0\r\n\r\n"),
        ),
        text("nothing in it", &format!("{ok}content-length: 0\r\n\r\n")),
        text("until close", &format!("{ok}\r\nhello")),
        text("204 with a length", "HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\nhello"),
        text("304 with a length", "HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n"),
        text("304, chunked", "HTTP/1.1 304 Not Modified\r\ntransfer-encoding: chunked\r\n\r\n"),
        text("204 with a bad length", "HTTP/1.1 204 No Content\r\ncontent-length: x\r\n\r\n"),
        text("205 without a length", "HTTP/1.1 205 Reset Content\r\n\r\n"),
        text("close", &format!("{ok}connection: close\r\ncontent-length: 0\r\n\r\n")),
        text(
            "close among others",
            &format!("{ok}connection: x, Close\r\ncontent-length: 0\r\n\r\n"),
        ),
        text(
            "close, then keep-alive",
            &format!(
                "{ok}connection: close\r\nconnection: keep-alive\r\ncontent-length: 0\r\n\r\n"
            ),
        ),
        text("HTTP/1.0", "HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok"),
        text(
            "HTTP/1.0, keep-alive",
            "HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\nok",
        ),
        text(
            "HTTP/1.0, keep-alive, then close",
            "HTTP/1.0 200 OK\r\nconnection: keep-alive\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok",
        ),
        text("HTTP/1.0, chunked", "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
        text("HTTP/2.0", "HTTP/2.0 200 OK\r\ncontent-length: 0\r\n\r\n"),
        text("HTTP/1.2", "HTTP/1.2 200 OK\r\ncontent-length: 0\r\n\r\n"),
        text("not HTTP", "SSH-2.0-OpenSSH_9.6\r\n"),
        text("no reason", "HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n"),
        text("a blank and no reason", "HTTP/1.1 200 \r\ncontent-length: 0\r\n\r\n"),
        text("status of two digits", "HTTP/1.1 20 OK\r\n\r\n"),
        text("status of four digits", "HTTP/1.1 2000 OK\r\n\r\n"),
        text("status 000", "HTTP/1.1 000 OK\r\ncontent-length: 0\r\n\r\n"),
        text("status 099", "HTTP/1.1 099 OK\r\ncontent-length: 0\r\n\r\n"),
        text("status 600", "HTTP/1.1 600 OK\r\ncontent-length: 0\r\n\r\n"),
        text("status 999", "HTTP/1.1 999 OK\r\ncontent-length: 0\r\n\r\n"),
        text(
            "100, then 200",
            &format!("HTTP/1.1 100 Continue\r\n\r\n{ok}content-length: 1\r\n\r\nx"),
        ),
        text(
            "103, then 200",
            &format!(
                "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n{ok}content-length: 1\r\n\r\nx"
            ),
        ),
        text(
            "100 with a bad length",
            &format!(
                "HTTP/1.1 100 Continue\r\ncontent-length: x\r\n\r\n{ok}content-length: 1\r\n\r\nx"
            ),
        ),
        text(
            "100 with close",
            &format!(
                "HTTP/1.1 100 Continue\r\nconnection: close\r\n\r\n{ok}content-length: 1\r\n\r\nx"
            ),
        ),
        text("only 100", "HTTP/1.1 100 Continue\r\n\r\n"),
        text("101", "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\nabc"),
        text("LF alone", "HTTP/1.1 200 OK\ncontent-length: 2\n\nok"),
        text("LF and CRLF", "HTTP/1.1 200 OK\r\ncontent-length: 2\n\r\nok"),
        text("empty lines before", &format!("\r\n\r\n{ok}content-length: 2\r\n\r\nok")),
        text("CR alone in a value", &format!("{ok}a: b\rc\r\n\r\n")),
        text("obs-fold", &format!("{ok}a: b\r\n c\r\ncontent-length: 0\r\n\r\n")),
        text("blank before the colon", &format!("{ok}content-length : 2\r\n\r\nok")),
        text("no colon", &format!("{ok}content-length\r\n\r\n")),
        text("no name", &format!("{ok}: x\r\n\r\n")),
        text("obs-text", "HTTP/1.1 200 Schön\r\na: ü\r\ncontent-length: 0\r\n\r\n"),
        text("NUL in a value", &format!("{ok}a: \0\r\n\r\n")),
        text("blanks around a length", &format!("{ok}content-length: \t 2 \t\r\n\r\nok")),
        text(
            "the same length twice",
            &format!("{ok}content-length: 2\r\ncontent-length: 2\r\n\r\nok"),
        ),
        text("the same length in a list", &format!("{ok}content-length: 2, 2\r\n\r\nok")),
        text("two lengths", &format!("{ok}content-length: 2\r\ncontent-length: 3\r\n\r\nok")),
        text("a length with a sign", &format!("{ok}content-length: +2\r\n\r\nok")),
        text("a negative length", &format!("{ok}content-length: -2\r\n\r\nok")),
        text("a hexadecimal length", &format!("{ok}content-length: 0x2\r\n\r\nok")),
        text("no length in the field", &format!("{ok}content-length:\r\n\r\nok")),
        text("a length and a comma", &format!("{ok}content-length: 2,\r\n\r\nok")),
        text(
            "a length of many zeros",
            &format!("{ok}content-length: 00000000000000000000000002\r\n\r\nok"),
        ),
        text("a length of 2^64", &format!("{ok}content-length: 18446744073709551616\r\n\r\nok")),
        text(
            "a length of 2^64 - 1",
            &format!("{ok}content-length: 18446744073709551615\r\n\r\nok"),
        ),
        text("chunked", &format!("{chunked}5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n")),
        text("chunked, cut off", &format!("{chunked}5\r\nhello\r\n1\r\n")),
        text("chunked, no last chunk", &format!("{chunked}5\r\nhello\r\n")),
        text("chunked, bytes behind", &format!("{chunked}0\r\n\r\nrest")),
        text(
            "chunked, capitals",
            "HTTP/1.1 200 OK\r\nTRANSFER-ENCODING: CHUNKED\r\n\r\nA\r\n0123456789\r\n0\r\n\r\n",
        ),
        text(
            "chunked after gzip",
            &format!("{ok}transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
        ),
        text(
            "chunked after gzip on two lines",
            &format!("{ok}transfer-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
        ),
        text(
            "gzip after chunked",
            &format!("{ok}transfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n"),
        ),
        text(
            "gzip after chunked on two lines",
            &format!("{ok}transfer-encoding: chunked\r\ntransfer-encoding: gzip\r\n\r\n0\r\n\r\n"),
        ),
        text("chunked and a comma", &format!("{ok}transfer-encoding: chunked,\r\n\r\n0\r\n\r\n")),
        text("xchunked", &format!("{ok}transfer-encoding: xchunked\r\n\r\n0\r\n\r\n")),
        text(
            "identity",
            &format!("{ok}transfer-encoding: identity\r\ncontent-length: 2\r\n\r\nok"),
        ),
        text(
            "no coding in the field",
            &format!("{ok}transfer-encoding:\r\ncontent-length: 2\r\n\r\nok"),
        ),
        text(
            "chunked and a length",
            &format!(
                "{ok}content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
            ),
        ),
        text(
            "chunked and a bad length",
            &format!(
                "{ok}content-length: x\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
            ),
        ),
        text(
            "chunked and two lengths",
            &format!(
                "{ok}content-length: 1\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
            ),
        ),
        text("an extension", &format!("{chunked}2;a=\"b;c\"\r\nok\r\n0;x\r\n\r\n")),
        text("blanks before an extension", &format!("{chunked}2 \t ;a\r\nok\r\n0\r\n\r\n")),
        text("blanks behind a size", &format!("{chunked}2 \r\nok\r\n0\r\n\r\n")),
        text("a word behind a size", &format!("{chunked}2 x\r\nok\r\n0\r\n\r\n")),
        text("a digit behind a blank", &format!("{chunked}2 0\r\nok\r\n0\r\n\r\n")),
        text("a blank before a size", &format!("{chunked} 2\r\nok\r\n0\r\n\r\n")),
        text("LF in an extension", &format!("{chunked}2;a\nb\r\nok\r\n0\r\n\r\n")),
        text("CR in an extension", &format!("{chunked}2;a\rb\r\nok\r\n0\r\n\r\n")),
        text("LF behind a size", &format!("{chunked}2\nok\r\n0\r\n\r\n")),
        text("LF behind data", &format!("{chunked}2\r\nok\n0\r\n\r\n")),
        text("no size", &format!("{chunked}\r\n\r\n")),
        text("a size with 0x", &format!("{chunked}0x2\r\nok\r\n0\r\n\r\n")),
        text("a negative size", &format!("{chunked}-2\r\nok\r\n0\r\n\r\n")),
        text("a size of many zeros", &format!("{chunked}00000000000000000002\r\nok\r\n0\r\n\r\n")),
        text("a size of 2^64", &format!("{chunked}10000000000000000\r\nok\r\n0\r\n\r\n")),
        text("a size of 2^64 - 1", &format!("{chunked}ffffffffffffffff\r\nok\r\n0\r\n\r\n")),
        text("more data than the size", &format!("{chunked}2\r\nokay\r\n0\r\n\r\n")),
        text("a trailer", &format!("{chunked}0\r\na: b\r\nc: d\r\n\r\n")),
        text("a trailer with a length", &format!("{chunked}0\r\ncontent-length: 7\r\n\r\n")),
        text("a trailer without a colon", &format!("{chunked}0\r\nabc\r\n\r\n")),
        text("a trailer without a name", &format!("{chunked}0\r\n: abc\r\n\r\n")),
        text("a trailer with a bad name", &format!("{chunked}0\r\na b: c\r\n\r\n")),
        text("a trailer that is folded", &format!("{chunked}0\r\na: b\r\n c\r\n\r\n")),
        text("a trailer with NUL", &format!("{chunked}0\r\na: \0\r\n\r\n")),
        text("a trailer that ends by LF", &format!("{chunked}0\r\na: b\n\r\n")),
        text("a trailer with CR inside", &format!("{chunked}0\r\na: b\rc\r\n\r\n")),
        text("LF at the end", &format!("{chunked}0\r\n\n")),
        text("CR at the end", &format!("{chunked}0\r\n\rx")),
    ];
    let headers = |count: usize| "x: y\r\n".repeat(count);
    all.extend([
        text("99 fields", &format!("{ok}{}content-length: 0\r\n\r\n", headers(98))),
        text("100 fields", &format!("{ok}{}content-length: 0\r\n\r\n", headers(99))),
        text("101 fields", &format!("{ok}{}content-length: 0\r\n\r\n", headers(100))),
        text("101 fields in 100", &format!("HTTP/1.1 100 C\r\n{}\r\n{ok}\r\n", headers(101))),
        text(
            "a long field",
            &format!("{ok}a: {}\r\ncontent-length: 0\r\n\r\n", "b".repeat(30_000)),
        ),
        text("a head beyond the ceiling", &format!("{ok}a: {}\r\n\r\n", "b".repeat(200_000))),
        text("a head without an end", &format!("{ok}{}", "a: b\r\n".repeat(60))),
        text("empty lines without an end", &"\r\n".repeat(100)),
        text(
            "a body at the ceiling",
            &format!("{ok}content-length: 100000\r\n\r\n{}", "b".repeat(100_000)),
        ),
        text("a body beyond the ceiling", &format!("{ok}\r\n{}", "b".repeat(100_001))),
        text("101 trailers", &format!("{chunked}0\r\n{}\r\n", headers(101))),
        text("long trailers", &format!("{chunked}0\r\na: {}\r\n\r\n", "b".repeat(20_000))),
        text("long extensions", &format!("{chunked}2;{}\r\nok\r\n0\r\n\r\n", "b".repeat(20_000))),
    ]);
    all
}

#[test]
fn every_case_with_a_name_ends_as_it_does_with_hyper() {
    let found: Vec<String> = cases()
        .into_iter()
        .filter_map(|(name, bytes)| check(&bytes).into_iter().next().map(|what| (name, what)))
        .map(|(name, what)| format!("== {name}\n{what}"))
        .collect();
    assert!(found.is_empty(), "{} of them:\n{}", found.len(), found.join("\n"));
}

// ---- Cases that are made up ---------------------------------------------------------

fn pick(from: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::sample::select(from).prop_map(str::to_owned)
}

fn status_line() -> impl Strategy<Value = String> {
    let usual = pick(&["HTTP/1.1 200 OK", "HTTP/1.1 404 Not Found", "HTTP/1.0 200 OK"]);
    let odd = pick(&[
        "HTTP/1.1 204 No Content",
        "HTTP/1.1 304 Not Modified",
        "HTTP/1.1 101 Up",
        "HTTP/1.1 200",
        "HTTP/1.1 200 ",
        "HTTP/1.1  200 OK",
        "HTTP/1.1 099 x",
        "HTTP/1.1 999 x",
        "HTTP/1.3 200 OK",
        "HTTP/1.1 2x0 OK",
        "http/1.1 200 OK",
        "ICY 200 OK",
    ]);
    prop_oneof![6 => usual, 1 => odd]
}

fn interim() -> impl Strategy<Value = String> {
    let some = pick(&[
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n",
        "HTTP/1.0 102 x\r\ncontent-length: 3\r\n\r\n",
        "HTTP/1.1 199 x\r\ntransfer-encoding: chunked\r\n\r\n",
        "\r\n",
    ]);
    prop_oneof![5 => Just(String::new()), 1 => some]
}

fn field() -> impl Strategy<Value = String> {
    let framing = pick(&[
        "content-length: 5",
        "content-length: 5",
        "Content-Length: 0",
        "content-length: 5, 5",
        "content-length: 7",
        "content-length: 05",
        "content-length: x",
        "content-length:",
        "transfer-encoding: chunked",
        "transfer-encoding: chunked",
        "Transfer-Encoding: gzip, Chunked",
        "transfer-encoding: chunked, gzip",
        "transfer-encoding: identity",
        "transfer-encoding: ,",
    ]);
    let others = pick(&[
        "connection: close",
        "connection: keep-alive",
        "Connection: Keep-Alive, x",
        "keep-alive: timeout=5",
        "date: now",
        "x: \u{fc}",
        "x:",
        " folded",
        "x : y",
        "no colon",
        "a\tb: c",
    ]);
    prop_oneof![3 => framing, 2 => others]
}

fn line_end() -> impl Strategy<Value = String> {
    prop_oneof![20 => Just("\r\n".to_owned()), 1 => pick(&["\n", "\r", "\r\r\n", "\n\r"])]
}

fn chunk() -> impl Strategy<Value = String> {
    let sound = (1_usize..40, pick(&["", "", "", ";a=b", " ;a", " "]), any::<bool>()).prop_map(
        |(size, extension, is_padded)| {
            let zeros = if is_padded { "00" } else { "" };
            format!("{zeros}{size:x}{extension}\r\n{}\r\n", "d".repeat(size))
        },
    );
    let broken = (pick(&["5", "0", "", "g", "ffffffffffffffff", "5 x"]), line_end(), "[a-z]{0,6}");
    let broken = broken.prop_map(|(size, end, data)| format!("{size}{end}{data}\r\n"));
    prop_oneof![9 => sound, 1 => broken]
}

fn body() -> impl Strategy<Value = String> {
    let trailers = pick(&["", "", "", "a: b\r\n", "bad\r\n", "a: b\r\n c\r\n"]);
    let chunks = (prop::collection::vec(chunk(), 0..4), trailers, line_end());
    let chunked =
        chunks.prop_map(|(all, trailers, end)| format!("{}0\r\n{trailers}{end}", all.concat()));
    prop_oneof![
        2 => Just("hello".to_owned()),
        2 => chunked,
        1 => pick(&["", "hell", "hello world", "\r\n"]),
    ]
}

fn response() -> impl Strategy<Value = Vec<u8>> {
    let lines = prop::collection::vec((field(), line_end()), 0..5);
    let garbage =
        prop_oneof![8 => Just(String::new()), 1 => pick(&["x", "\r\n", "HTTP/1.1 200 OK\r\n\r\n"])];
    (interim(), status_line(), line_end(), lines, body(), garbage).prop_map(
        |(interim, status, end, lines, body, garbage)| {
            let fields: String = lines.into_iter().map(|(field, end)| field + &end).collect();
            format!("{interim}{status}{end}{fields}\r\n{body}{garbage}").into_bytes()
        },
    )
}

/// One change of a byte, or of a stretch.
#[derive(Debug, Clone)]
enum Change {
    Set(prop::sample::Index, u8),
    Insert(prop::sample::Index, u8),
    Remove(prop::sample::Index, usize),
    Repeat(prop::sample::Index, usize),
}

fn change() -> impl Strategy<Value = Change> {
    let byte =
        || prop_oneof![prop::sample::select(&b"\r\n \t:;,0159afgG\0\x7f\x80"[..]), any::<u8>()];
    let place = any::<prop::sample::Index>;
    prop_oneof![
        (place(), byte()).prop_map(|(at, byte)| Change::Set(at, byte)),
        (place(), byte()).prop_map(|(at, byte)| Change::Insert(at, byte)),
        (place(), 1_usize..20).prop_map(|(at, length)| Change::Remove(at, length)),
        (place(), 1_usize..40).prop_map(|(at, length)| Change::Repeat(at, length)),
    ]
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let end = |at: usize, length: usize| (at + length).min(bytes.len());
        match self {
            Change::Set(at, byte) => {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            Change::Insert(at, byte) => bytes.insert(at.index(bytes.len()), *byte),
            Change::Remove(at, length) => {
                let at = at.index(bytes.len());
                bytes.drain(at..end(at, *length));
            }
            Change::Repeat(at, length) => {
                let at = at.index(bytes.len());
                let again = bytes[at..end(at, *length)].to_vec();
                bytes.splice(at..at, again);
            }
        }
    }
}

/// Cuts bytes into pieces.
fn cut(bytes: &[u8], cuts: &[prop::sample::Index]) -> Vec<Vec<u8>> {
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    places.extend([0, bytes.len()]);
    places.sort_unstable();
    let pieces = places.windows(2).map(|pair| bytes[pair[0]..pair[1]].to_vec());
    pieces.filter(|piece| !piece.is_empty()).collect()
}

fn script(changes: std::ops::Range<usize>) -> impl Strategy<Value = Script> {
    let cuts = prop::collection::vec(any::<prop::sample::Index>(), 0..6);
    let changes = prop::collection::vec(change(), changes);
    let is_head = prop::bool::weighted(0.15);
    (response(), changes, cuts, is_head, any::<bool>()).prop_map(
        |(mut bytes, changes, cuts, is_head, closes)| {
            for change in &changes {
                change.apply(&mut bytes);
            }
            Script { is_head, pieces: cut(&bytes, &cuts), closes }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn plausible_responses_end_as_they_do_with_hyper(script in script(0..1)) {
        let found = disagreement(&script);
        prop_assert!(found.is_none(), "{}", found.unwrap_or_default());
    }

    #[test]
    fn broken_responses_end_as_they_do_with_hyper(script in script(1..5)) {
        let found = disagreement(&script);
        prop_assert!(found.is_none(), "{}", found.unwrap_or_default());
    }
}

#[test]
fn every_known_difference_has_a_reason() {
    for known in KNOWN {
        assert!(known.reason.contains("RFC 9112"), "{}", known.what);
    }
}
