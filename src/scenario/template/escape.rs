//! How a filled-in value is made harmless for the place where it stands. Pure.

use std::fmt::Write as _;

/// How a filled-in value is made harmless for the place where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Escape {
    /// A path or a query: percent-encoding.
    Url,
    /// A header's value: control characters are dropped.
    Header,
    /// Inside a JSON string.
    Json,
    /// A field of a form: `application/x-www-form-urlencoded`.
    Form,
    /// Text of an XML document, or the value of one of its attributes.
    Xml,
    /// A body of the user's own making: nothing is changed.
    Verbatim,
}

impl Escape {
    /// Adds a filled-in value, made harmless for its place.
    pub(crate) fn write(self, text: &str, out: &mut String) {
        match self {
            Escape::Url => write_percent_encoded(text, None, out),
            Escape::Form => write_percent_encoded(text, Some('+'), out),
            Escape::Header => out.extend(text.chars().filter(|c| !c.is_control())),
            Escape::Json => write_json_escaped(text, out),
            Escape::Xml => write_xml_escaped(text, out),
            Escape::Verbatim => out.push_str(text),
        }
    }
}

/// What XML cannot have in any way is left out.
fn write_xml_escaped(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\n' | '\t' => out.push(c),
            '\r' => out.push_str("&#13;"),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {}
            c => out.push(c),
        }
    }
}

/// All but the unreserved characters of RFC 3986.
fn write_percent_encoded(text: &str, blank: Option<char>, out: &mut String) {
    const HEX: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    for byte in text.bytes() {
        match (byte, blank) {
            (b' ', Some(blank)) => out.push(blank),
            (b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~', _) => {
                out.push(char::from(byte));
            }
            _ => out.extend(['%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]),
        }
    }
}

pub(super) fn write_json_text(text: &str, out: &mut String) {
    out.push('"');
    write_json_escaped(text, out);
    out.push('"');
}

fn write_json_escaped(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' => {
                write!(out, "\\u{:04x}", u32::from(c)).expect("writing to a string cannot fail");
            }
            c => out.push(c),
        }
    }
}
