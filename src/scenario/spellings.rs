//! How a value is written in URLs, JSON, HTML and base64: where a secret has to be looked for.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::template::Escape;

/// Percent-encoded, but for these characters.
pub(super) fn in_url(value: &str, but: &str) -> String {
    let mut out = String::new();
    for c in value.chars() {
        match c {
            c if but.contains(c) => out.push(c),
            c => Escape::Url.write(c.encode_utf8(&mut [0; 4]), &mut out),
        }
    }
    out
}

/// The same with `%2f` for `%2F`.
pub(super) fn lower_escapes(text: &str) -> String {
    let mut left = 0_u8;
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        out.push(if left > 0 { c.to_ascii_lowercase() } else { c });
        left = if c == '%' { 2 } else { left.saturating_sub(1) };
    }
    out
}

/// As JSON writes it inside of quotes, with or without letters beyond ASCII.
pub(super) fn in_json(value: &str, only_ascii: bool) -> String {
    let mut escaped = String::new();
    Escape::Json.write(value, &mut escaped);
    if !only_ascii {
        return escaped;
    }
    let mut out = String::new();
    for c in escaped.chars() {
        if c.is_ascii() {
            out.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            let _ = write!(out, "\\u{unit:04x}");
        }
    }
    out
}

pub(super) fn in_html(value: &str) -> String {
    let escaped = value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    escaped.replace('"', "&quot;")
}

/// As it is left over where control characters are dropped.
pub(super) fn without_controls(value: &str) -> String {
    let plain = |c: char| if c == '\t' { Some(' ') } else { (!c.is_control()).then_some(c) };
    value.chars().filter_map(plain).collect()
}

/// Each byte as two hexadecimal digits, as `{{hex …}}` writes them.
pub(super) fn in_hex(value: &str) -> String {
    let mut out = String::with_capacity(2 * value.len());
    for byte in value.bytes() {
        let _ = write!(out, "{byte:02x}");
    }
    out
}

/// The letters of base64 that tell of these bytes alone, for each of the three places at
/// which they may begin in a longer text.
pub(super) fn in_base64(value: &[u8]) -> Vec<String> {
    let of_place = |before: usize| {
        let padded = [&[0; 2][..before], value].concat();
        let text = STANDARD.encode(&padded);
        let (first, end) = ((before * 8).div_ceil(6), padded.len() * 8 / 6);
        text.get(first..end).unwrap_or_default().to_owned()
    };
    (0..3).map(of_place).collect()
}
