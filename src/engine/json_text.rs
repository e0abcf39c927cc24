//! JSON as text: finds, mends and shortens without changing a digit. Reads without
//! recursion; knows what may be where only as far as it must.

/// The text without what may not be in a value in memory: numbers beyond all floats become
/// the largest one, halves of surrogate pairs a mark. `None` when there is nothing of it.
pub(super) fn mended(text: &str) -> Option<String> {
    let mut mended = String::new();
    let (mut at, mut kept) = (0, 0);
    while at < text.len() {
        let (end, instead) = match text.as_bytes()[at] {
            b'"' => {
                at = mend_string(text, at, &mut kept, &mut mended);
                continue;
            }
            b'-' | b'0'..=b'9' | b'+' => {
                let end = end_of_word(text.as_bytes(), at);
                (end, in_range(&text[at..end]))
            }
            _ => (at + 1, None),
        };
        if let Some(instead) = instead {
            mended.push_str(&text[kept..at]);
            mended.push_str(instead);
            kept = end;
        }
        at = end;
    }
    (kept > 0).then(|| mended + &text[kept..])
}

/// What stands in for a number that no float can hold.
fn in_range(number: &str) -> Option<&'static str> {
    let is_beyond = number.parse().is_ok_and(f64::is_infinite) && is_number(number);
    let largest = if number.starts_with('-') { "-1.7e308" } else { "1.7e308" };
    is_beyond.then_some(largest)
}

/// RFC 8259, 6.
fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let whole = whole.strip_prefix('-').unwrap_or(whole);
    let is_whole = digits(whole) && (whole == "0" || !whole.starts_with('0'));
    is_whole && digits(fraction) && digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))
}

/// Mends the string that begins at a place; returns where it ends.
fn mend_string(text: &str, start: usize, kept: &mut usize, mended: &mut String) -> usize {
    let bytes = text.as_bytes();
    let mut at = start + 1;
    while at < bytes.len() && bytes[at] != b'"' {
        if bytes[at] != b'\\' {
            at += 1;
            continue;
        }
        match (unit(bytes, at), unit(bytes, at + 6)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => at += 12,
            (Some(0xd800..=0xdfff), _) => {
                mended.push_str(&text[*kept..at]);
                mended.push_str("\\ufffd");
                at += 6;
                *kept = at;
            }
            _ => at += 2,
        }
    }
    (at + 1).min(bytes.len()).max(start + 1)
}

/// `\u` and four digits.
fn unit(bytes: &[u8], at: usize) -> Option<u16> {
    let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
    let is_hexadecimal = digits.iter().all(u8::is_ascii_hexdigit);
    is_hexadecimal.then(|| u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok())?
}

/// The text of the value at a JSON pointer, in a text that is JSON. Of equal keys the last
/// counts, as it does for a value in memory.
pub(super) fn find<'t>(text: &'t str, pointer: &str) -> Option<&'t str> {
    let mut found = text.trim_ascii();
    for name in pointer.split('/').skip(1) {
        let name = name.replace("~1", "/").replace("~0", "~");
        found = match found.as_bytes().first()? {
            b'{' => member(found, &name)?,
            b'[' => item(found, name.parse().ok()?)?,
            _ => return None,
        };
    }
    Some(found)
}

fn member<'t>(object: &'t str, name: &str) -> Option<&'t str> {
    let (mut at, mut found) = (1, None);
    loop {
        let start = pass_over(object, at, |byte| byte.is_ascii_whitespace() || byte == b',');
        if object.as_bytes().get(start)? != &b'"' {
            return found;
        }
        let key = end_of_string(object.as_bytes(), start);
        let value = pass_over(object, key, |byte| byte.is_ascii_whitespace() || byte == b':');
        at = end_of_value(object.as_bytes(), value);
        if is_key(&object[start..key], name) {
            found = object.get(value..at);
        }
    }
}

fn item(list: &str, index: usize) -> Option<&str> {
    let mut at = 1;
    for _ in 0..index {
        at = end_of_value(list.as_bytes(), next_item(list, at));
    }
    let start = next_item(list, at);
    list.get(start..end_of_value(list.as_bytes(), start))
}

fn next_item(list: &str, at: usize) -> usize {
    pass_over(list, at, |byte| byte.is_ascii_whitespace() || byte == b',')
}

/// Whether a key with its quotes and escapes is a name.
fn is_key(quoted: &str, name: &str) -> bool {
    if !quoted.contains('\\') {
        return quoted.get(1..quoted.len() - 1) == Some(name);
    }
    let mended = mended(quoted);
    serde_json::from_str::<String>(mended.as_deref().unwrap_or(quoted)).is_ok_and(|key| key == name)
}

fn pass_over(text: &str, from: usize, is_passed: impl Fn(u8) -> bool) -> usize {
    let rest = text.as_bytes().get(from..).unwrap_or_default();
    from + rest.iter().take_while(|byte| is_passed(**byte)).count()
}

fn end_of_word(bytes: &[u8], start: usize) -> usize {
    let ends = |byte: &u8| byte.is_ascii_whitespace() || b",:[]{}\"".contains(byte);
    bytes[start..].iter().position(ends).map_or(bytes.len(), |length| start + length)
}

/// Behind the closing quote.
fn end_of_string(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

fn end_of_value(bytes: &[u8], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0_usize);
    while at < bytes.len() {
        match bytes[at] {
            b'"' => at = end_of_string(bytes, at),
            b'{' | b'[' => {
                depth += 1;
                at += 1;
                continue;
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                at += 1;
            }
            byte if byte.is_ascii_whitespace() || byte == b',' || byte == b':' => {
                at += 1;
                continue;
            }
            _ => at = end_of_word(bytes, at),
        }
        if depth == 0 {
            return at;
        }
    }
    bytes.len()
}

/// Without the blanks between its parts.
pub(super) fn compact(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            b'"' => end_of_string(bytes, at),
            byte if byte.is_ascii_whitespace() => {
                at += 1;
                continue;
            }
            b'{' | b'}' | b'[' | b']' | b',' | b':' => at + 1,
            _ => end_of_word(bytes, at),
        };
        out.push_str(&text[at..end]);
        at = end;
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn only_what_no_value_can_hold_is_mended() {
        for text in
            ["[1e308, \"1e400 \\ud83d\\ude00\", {\"\": -1.5}]", "", "\"", "\"\\", "\"\\u", "1e400x"]
        {
            assert_eq!(mended(text), None, "{text}");
        }
        assert_eq!(mended("[-1e400,1]").as_deref(), Some("[-1.7e308,1]"));
        assert_eq!(
            mended(r#"["\ud800\ud800\udc00x", 1E999]"#).as_deref(),
            Some(r#"["\ufffd\ud800\udc00x", 1.7e308]"#)
        );
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::from),
            any::<f64>().prop_filter("JSON has none", |x| x.is_finite()).prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            "[a/~\"\\\\ \u{e9}\n{}\\[\\],:]{0,6}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::vec(("[a/~\"\\\\\u{e9}]{0,2}", inner), 0..5)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    fn check(whole: &str, value: &Value, pointer: &str) {
        let found = find(whole, pointer).unwrap();
        assert_eq!(&serde_json::from_str::<Value>(found).unwrap(), value, "{pointer} of {whole}");
        assert_eq!(compact(found), value.to_string());
        match value {
            Value::Array(items) => items
                .iter()
                .enumerate()
                .for_each(|(index, item)| check(whole, item, &format!("{pointer}/{index}"))),
            Value::Object(members) => members.iter().for_each(|(name, member)| {
                let name = name.replace('~', "~0").replace('/', "~1");
                check(whole, member, &format!("{pointer}/{name}"));
            }),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    proptest! {
        #[test]
        fn every_value_is_found_where_a_value_in_memory_has_it(value in values()) {
            check(&value.to_string(), &value, "");
            check(&serde_json::to_string_pretty(&value).unwrap(), &value, "");
        }

        #[test]
        fn no_text_is_a_panic(text in "[\\[\\]{}\",:\\\\ud8e0-9.+\u{e9} -]{0,60}", pointer in "(/[a0-3~]{0,2}){0,4}") {
            let _ = (mended(&text), find(&text, &pointer), compact(&text));
        }
    }
}
