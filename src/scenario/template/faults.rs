//! What must not stand in a place as it is written: in a path or a query, in a header's value.

use super::super::problems::Fault;
use super::escape::Escape;

/// What must not stand in a path or a query as it is.
pub(crate) fn url_fault(text: &str) -> Option<(usize, Fault)> {
    let escape = |at: usize| {
        let digits = text.as_bytes().get(at + 1..at + 3);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    let allowed = |at: usize, c: char| match c {
        '%' => escape(at),
        c => c.is_ascii_alphanumeric() || "-._~!$&'()*+,;=:@/?[]".contains(c),
    };
    let (at, c) = text.char_indices().find(|(at, c)| !allowed(*at, *c))?;
    let mut encoded = String::new();
    Escape::Url.write(c.encode_utf8(&mut [0; 4]), &mut encoded);
    let fault = Fault::new(format!("\"{c}\" cannot stand in a path"));
    let fault = match c {
        '{' | '}' => fault.help("a placeholder has two braces: {{name}}"),
        '#' => fault.help(format!("servers never see fragments; leave it out, or write {encoded}")),
        _ => fault.help(format!("write {encoded}")),
    };
    Some((at, fault))
}

pub(super) fn header_fault(text: &str) -> Option<(usize, Fault)> {
    let (at, _) = text.char_indices().find(|(_, c)| c.is_control() && *c != '\t')?;
    Some((at, Fault::new("a header cannot contain line breaks or control characters")))
}

/// Braces that are not closed.
pub(super) fn unclosed(offset: usize) -> Fault {
    let fault = Fault::new("{{ without its closing }}").offset(offset);
    fault.help("write {{name}}, or {{'{{'}} for a literal {{")
}
