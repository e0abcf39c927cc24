//! The fields of a request that opens a WebSocket.

use super::super::template::{Escape, Piece, Template};

/// What goes with the request that opens a WebSocket: the fields that ask for it. The key is base64 of
/// 16 bytes, another one for each.
pub(super) fn fields() -> Vec<(String, Template)> {
    let literal = |text: &str| Piece::Literal(text.into());
    let field = |name: &str, pieces: Vec<Piece>| {
        (name.to_owned(), Template { pieces, escape: Escape::Header })
    };
    let number = Piece::Random(100_000_000_000, 999_999_999_999);
    vec![
        field("connection", vec![literal("Upgrade")]),
        field("upgrade", vec![literal("websocket")]),
        field("sec-websocket-version", vec![literal("13")]),
        field("sec-websocket-key", vec![literal("loadgate/"), number, literal("A==")]),
    ]
}
