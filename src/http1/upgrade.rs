//! Whether an answer opens the WebSocket that was asked for (RFC 6455, 4.1): bytes of heads in.

/// Fields of an answer that are looked at.
const MOST_FIELDS: usize = 100;

/// Whether the last of these heads, which are whole and may begin with some of 1xx, is a 101 that
/// leaves for WebSocket and answers the key so.
pub fn opens_websocket(mut heads: &[u8], accept: &str) -> bool {
    loop {
        let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
        let mut head = httparse::Response::new(&mut fields);
        let Ok(httparse::Status::Complete(length)) = head.parse(heads) else { return false };
        if head.code == Some(101) {
            return has(&head, "upgrade", |value| is_in_list(value, "websocket"))
                && has(&head, "connection", |value| is_in_list(value, "upgrade"))
                && has(&head, "sec-websocket-accept", |value| value == accept)
                // None was offered: what its messages mean would not be known.
                && !has(&head, "sec-websocket-extensions", |value| !value.is_empty());
        }
        heads = &heads[length..];
    }
}

fn has(head: &httparse::Response<'_, '_>, name: &str, is_right: impl Fn(&str) -> bool) -> bool {
    let mine = head.headers.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
    mine.filter_map(|field| std::str::from_utf8(field.value).ok())
        .any(|value| is_right(value.trim()))
}

fn is_in_list(value: &str, wanted: &str) -> bool {
    value.split(',').any(|word| word.trim().eq_ignore_ascii_case(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_answer_to_the_key_opens_a_websocket() {
        let right = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\n\
                     Connection: keep-alive, Upgrade\r\nSec-WebSocket-Accept: abc=\r\n\r\n";
        for (head, opens) in [
            (right.to_owned(), true),
            (format!("HTTP/1.1 103 Early\r\nlink: x\r\n\r\n{right}"), true),
            (right.replace("abc=", "abd="), false),
            (right.replace("WebSocket\r\n", "h2c\r\n"), false),
            (right.replace("keep-alive, Upgrade", "close"), false),
            (right.replace("\r\n\r\n", "\r\nsec-websocket-extensions: x\r\n\r\n"), false),
            (right.replace("101", "200"), false),
            (right[..40].to_owned(), false),
            (String::new(), false),
        ] {
            assert_eq!(opens_websocket(head.as_bytes(), "abc="), opens, "{head}");
        }
    }
}
