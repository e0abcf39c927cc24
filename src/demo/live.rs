//! The demo's WebSocket: it says `welcome`, answers `{"type": "ping"}`, and tells of three orders
//! once it is asked to by `{"type": "subscribe"}`.

use std::io::{self, Read, Write};

use hyper::header::{CONNECTION, HeaderValue, SEC_WEBSOCKET_ACCEPT, UPGRADE};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper::{HeaderMap, Request};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::{Role, WebSocketConfig, WebSocketContext};
use tungstenite::{Error, Message};

/// The largest message that is read.
const MAX_MESSAGE: usize = 16 * 1024;
/// Orders that a subscription tells of.
const ORDERS: u64 = 3;

/// Both directions of a connection, in memory.
#[derive(Default)]
struct Pipe {
    input: Vec<u8>,
    output: Vec<u8>,
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.input.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let taken = self.input.len().min(buffer.len());
        buffer[..taken].copy_from_slice(&self.input[..taken]);
        self.input.drain(..taken);
        Ok(taken)
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.output.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The fields of the answer to a request that asks for a WebSocket; `None` if it does not.
pub(super) fn accepted<B>(request: &Request<B>) -> Option<HeaderMap> {
    let field = |name: &str| request.headers().get(name).map(HeaderValue::as_bytes);
    let is_asked = field("upgrade").is_some_and(|it| it.eq_ignore_ascii_case(b"websocket"));
    let key = field("sec-websocket-key").filter(|_| is_asked)?;
    let accept = HeaderValue::from_str(&derive_accept_key(key)).ok()?;
    let mut fields = HeaderMap::new();
    fields.insert(UPGRADE, HeaderValue::from_static("websocket"));
    fields.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    fields.insert(SEC_WEBSOCKET_ACCEPT, accept);
    Some(fields)
}

/// Talks over it until one side has closed it.
pub(super) async fn talk(upgrade: OnUpgrade) {
    let Ok(connection) = upgrade.await else { return };
    // A client that breaks off is no fault of the demo's.
    drop(converse(TokioIo::new(connection)).await);
}

async fn converse(mut stream: TokioIo<Upgraded>) -> io::Result<()> {
    let config = WebSocketConfig::default()
        .read_buffer_size(1_024)
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE));
    let mut context = WebSocketContext::new(Role::Server, Some(config));
    let mut pipe = Pipe::default();
    say(&mut context, &mut pipe, &json!({ "type": "welcome" }));
    let mut buffer = [0; 4_096];
    loop {
        stream.write_all(&pipe.output).await?;
        pipe.output.clear();
        let read = stream.read(&mut buffer).await?;
        if read == 0 {
            return Ok(());
        }
        pipe.input.extend_from_slice(&buffer[..read]);
        if !hear(&mut context, &mut pipe) {
            stream.write_all(&pipe.output).await?;
            return stream.shutdown().await;
        }
    }
}

/// Answers all that has come; whether more may come.
fn hear(context: &mut WebSocketContext, pipe: &mut Pipe) -> bool {
    loop {
        match context.read(pipe) {
            Ok(Message::Text(text)) => {
                for answer in answers(&text) {
                    say(context, pipe, &answer);
                }
            }
            Ok(Message::Close(_)) => {
                // Our close waits in the crate until it is told to write.
                let _ = context.flush(pipe);
                return false;
            }
            Ok(_) => {
                let _ = context.flush(pipe);
            }
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => return true,
            Err(_) => return false,
        }
    }
}

fn say(context: &mut WebSocketContext, pipe: &mut Pipe, message: &Value) {
    // What was closed takes nothing more.
    let _ = context.write(pipe, Message::text(message.to_string()));
    let _ = context.flush(pipe);
}

fn answers(text: &str) -> Vec<Value> {
    let message: Value = serde_json::from_str(text).unwrap_or_default();
    match message["type"].as_str() {
        Some("ping") => vec![json!({ "type": "pong" })],
        Some("subscribe") => {
            let orders = (1..=ORDERS).map(|id| json!({ "type": "order", "order": { "id": id } }));
            std::iter::once(json!({ "type": "subscribed" })).chain(orders).collect()
        }
        _ => vec![json!({ "type": "error", "message": "send a ping or subscribe" })],
    }
}
