//! The fields of an answer's head, and the cookies that it sets. Bytes of a target come in; nothing
//! about them is trusted.

use std::borrow::Cow;

use crate::scenario::extraction::Take;

/// The fields of a head behind its first line; one over several lines is one (RFC 9112, 5.2).
pub fn fields(head: &[u8]) -> impl Iterator<Item = (&[u8], Cow<'_, [u8]>)> {
    let mut lines = head.split(|byte| *byte == b'\n').skip(1).peekable();
    std::iter::from_fn(move || {
        let line = lines.next()?;
        let mut value = Cow::Borrowed(line.trim_ascii_end());
        while let Some(more) =
            lines.next_if(|line| line.starts_with(b" ") || line.starts_with(b"\t"))
        {
            let value = value.to_mut();
            value.push(b' ');
            value.extend_from_slice(more.trim_ascii());
        }
        Some((line, value))
    })
    .filter_map(|(line, value)| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let value = match value {
            Cow::Borrowed(line) => Cow::Borrowed(line[colon + 1..].trim_ascii()),
            Cow::Owned(line) => Cow::Owned(line[colon + 1..].trim_ascii().to_vec()),
        };
        Some((line[..colon].trim_ascii(), value))
    })
}

/// The values of the fields of a name, in their order.
pub fn named<'h>(head: &'h [u8], name: &str) -> impl Iterator<Item = Cow<'h, [u8]>> {
    fields(head)
        .filter(move |(found, _)| found.eq_ignore_ascii_case(name.as_bytes()))
        .map(|(_, value)| value)
}

/// The values of the cookies of a name that an answer sets, in their order.
pub fn cookies(head: &[u8], name: &str) -> impl Iterator<Item = Vec<u8>> {
    named(head, "set-cookie").filter_map(move |field| {
        let pair = field.split(|byte| *byte == b';').next()?;
        let equals = pair.iter().position(|byte| *byte == b'=')?;
        let is_it = pair[..equals].trim_ascii() == name.as_bytes();
        is_it.then(|| pair[equals + 1..].trim_ascii().to_vec())
    })
}

/// The one of several values that is meant.
pub fn take<T>(values: impl Iterator<Item = T>, take: Take, bits: u64) -> Option<T> {
    let mut all: Vec<T> = values.collect();
    let place = take.of(all.len(), bits)?;
    Some(all.swap_remove(place))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nLocation: /a\r\nSet-Cookie: sid=a=b; Path=/\r\n\
        set-cookie: other=1\r\nSET-COOKIE:  sid = c ;HttpOnly\r\nset-cookie: sid\r\n\
        X-Folded: one\r\n  two\r\n\r\n";

    #[test]
    fn fields_and_cookies_are_found_by_their_names() {
        let values = |name: &str| -> Vec<String> {
            named(HEAD, name).map(|value| String::from_utf8(value.into_owned()).unwrap()).collect()
        };
        assert_eq!(values("location"), ["/a"]);
        assert_eq!(values("x-folded"), ["one two"]);
        assert_eq!(values("none"), [] as [&str; 0]);
        let cookies: Vec<Vec<u8>> = cookies(HEAD, "sid").collect();
        assert_eq!(cookies, [b"a=b".to_vec(), b"c".to_vec()]);
        for bytes in [&b""[..], b"\n", b"\r\n\r\n", b"x\n:\n", b"x\nset-cookie:=;\n"] {
            assert_eq!(super::cookies(bytes, "sid").count(), 0);
        }
    }
}
