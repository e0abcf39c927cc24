//! A redirect in, the request that follows it out. Pure: bytes to bytes.
//!
//! Only the same server is asked: by the same scheme, host and port as the request before. The
//! method and the body stay for 307 and 308. 303 asks by GET, and so do 301 and 302 after a POST,
//! as browsers and curl do (RFC 9110, 15.4). What comes is hostile: the address is parsed, written
//! anew, and bounded.

use url::Url;

use crate::engine::head_fields::fields;
use crate::record::outcome::Cause;

/// The longest address that is followed.
const LONGEST: usize = 8_192;
/// Fields of a request that speak of its body.
const OF_BODY: [&str; 5] =
    ["content-length", "content-type", "content-encoding", "content-language", "content-location"];

/// Whether an answer of a status says where to ask instead.
pub fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// The request behind a redirect that answers a request, which is without cookies.
pub fn next(request: &[u8], is_secured: bool, status: u16, head: &[u8]) -> Result<Vec<u8>, Cause> {
    let end = request.windows(4).position(|part| part == b"\r\n\r\n");
    let (lines, body) = request.split_at(end.ok_or(Cause::BadRedirect)?);
    let (lines, body) = (str::from_utf8(lines).map_err(|_| Cause::BadRedirect)?, &body[4..]);
    let (start, lines) = lines.split_once("\r\n").ok_or(Cause::BadRedirect)?;
    let mut words = start.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let host = lines.split("\r\n").find_map(|line| value_of(line, "host"));
    let scheme = if is_secured { "https" } else { "http" };
    let base = Url::parse(&format!("{scheme}://{}{path}", host.unwrap_or_default()))
        .map_err(|_| Cause::BadRedirect)?;
    let target = resolved(&base, &location(head).ok_or(Cause::BadRedirect)?)?;
    let keeps = keeps_method(method, status);
    let method = if keeps { method } else { "GET" };
    let mut text = format!("{method} {target} HTTP/1.1\r\n");
    for line in lines.split("\r\n") {
        let is_of_body = OF_BODY.iter().any(|name| value_of(line, name).is_some());
        if keeps || !is_of_body {
            text.push_str(line);
            text.push_str("\r\n");
        }
    }
    text.push_str("\r\n");
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(if keeps { body } else { b"" });
    Ok(bytes)
}

fn keeps_method(method: &str, status: u16) -> bool {
    match status {
        303 => method == "HEAD",
        301 | 302 => method != "POST",
        _ => true,
    }
}

fn value_of<'l>(line: &'l str, name: &str) -> Option<&'l str> {
    let (found, value) = line.split_once(':')?;
    found.eq_ignore_ascii_case(name).then(|| value.trim())
}

/// Where a redirect points to; several that differ point nowhere.
fn location(head: &[u8]) -> Option<String> {
    let mut found = fields(head)
        .filter(|(name, _)| name.eq_ignore_ascii_case(b"location"))
        .map(|(_, value)| String::from_utf8(value.into_owned()).ok());
    let first = found.next()??;
    let is_same = found.all(|other| other.as_deref() == Some(first.as_str()));
    (is_same && !first.is_empty() && first.len() <= LONGEST).then_some(first)
}

/// Path and query of an address at the server of another.
fn resolved(base: &Url, location: &str) -> Result<String, Cause> {
    let target = base.join(location).map_err(|_| Cause::BadRedirect)?;
    if target.origin() != base.origin() || !target.origin().is_tuple() {
        return Err(Cause::RedirectElsewhere);
    }
    let path = match target.query() {
        Some(query) => format!("{}?{query}", target.path()),
        None => target.path().to_owned(),
    };
    let is_plain = path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic());
    if is_plain { Ok(path) } else { Err(Cause::BadRedirect) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const POST: &str = "POST /a/b?x HTTP/1.1\r\nhost: api:3000\r\naccept: */*\r\n\
                        Content-Type: text/plain\r\ncontent-length: 2\r\n\r\nhi";

    /// As a text, which it is where its body is one.
    fn asked(text: &str, is_secured: bool, status: u16, head: &[u8]) -> Result<String, Cause> {
        let found = next(text.as_bytes(), is_secured, status, head)?;
        Ok(String::from_utf8(found).unwrap())
    }

    fn head(location: &str) -> Vec<u8> {
        format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\n\r\n").into_bytes()
    }

    /// The address that is asked for after `POST /a/b?x` was redirected.
    #[track_caller]
    fn check(location: &str, expected: Result<&str, Cause>) {
        let found = asked(POST, false, 307, &head(location));
        let address = found.as_deref().map(|text| text.split(' ').nth(1).unwrap());
        assert_eq!(address.map_err(|cause| *cause), expected, "{location}");
    }

    #[test]
    fn an_address_is_resolved_at_that_of_the_request() {
        check("/c", Ok("/c"));
        check("c?y=1#part", Ok("/a/c?y=1"));
        check("?z", Ok("/a/b?z"));
        check("../../../c", Ok("/c"));
        check("http://api:3000/d", Ok("/d"));
        check("HTTP://API:3000", Ok("/"));
        check("//api:3000/e", Ok("/e"));
        check("/with blank", Ok("/with%20blank"));
        check("/é", Ok("/%C3%A9"));
    }

    #[test]
    fn no_other_server_is_asked() {
        for other in [
            "http://evil/",
            "//evil/",
            "/\\evil/",
            "\\\\evil/",
            "http://api:3001/",
            "http://api/",
            "https://api:3000/",
            "http://api:3000@evil/",
            "http://api.evil:3000/",
            "javascript:alert(1)",
            "file:///etc/passwd",
            "data:text/plain,x",
        ] {
            check(other, Err(Cause::RedirectElsewhere));
        }
        for none in ["", " ", "http://", "http://[::1"] {
            check(none, Err(Cause::BadRedirect));
        }
        let two = b"HTTP/1.1 302 Found\r\nlocation: /a\r\nlocation: /b\r\n\r\n";
        assert_eq!(asked(POST, false, 302, two), Err(Cause::BadRedirect));
        assert_eq!(asked(POST, false, 302, b"HTTP/1.1 302 Found\r\n\r\n"), Err(Cause::BadRedirect));
    }

    #[test]
    fn the_usual_port_may_be_left_out() {
        let get = "GET / HTTP/1.1\r\nhost: api\r\n\r\n";
        assert!(asked(get, true, 302, &head("https://api:443/x")).is_ok());
        assert_eq!(asked(get, true, 302, &head("http://api/x")), Err(Cause::RedirectElsewhere));
    }

    #[test]
    fn a_post_becomes_a_get_without_its_body_unless_the_status_says_otherwise() {
        let get = "GET /c HTTP/1.1\r\nhost: api:3000\r\naccept: */*\r\n\r\n";
        let post = POST.replace("/a/b?x", "/c");
        for (status, expected) in [(301, get), (302, get), (303, get), (307, &post), (308, &post)] {
            assert_eq!(
                asked(POST, false, status, &head("/c")).as_deref(),
                Ok(expected),
                "{status}"
            );
        }
        let put = POST.replace("POST", "PUT");
        for (status, method) in [(302, "PUT"), (303, "GET")] {
            let text = asked(&put, false, status, &head("/c")).unwrap();
            assert!(text.starts_with(method), "{status}: {text}");
        }
    }

    #[test]
    fn a_body_that_is_no_text_is_sent_again_as_it_was() {
        let request =
            [b"PUT /a HTTP/1.1\r\nhost: api\r\n\r\n".as_slice(), b"\xff\0\r\n\r\n\xfe"].concat();
        let found = next(&request, false, 307, &head("/b")).unwrap();
        assert!(found.ends_with(b"\r\n\r\n\xff\0\r\n\r\n\xfe"));
    }

    proptest! {
        /// Whatever the target says, one request for this server comes of it, or none.
        #[test]
        fn a_hostile_location_is_no_other_request(location: Vec<u8>) {
            let mut head = b"HTTP/1.1 302 Found\r\nlocation: ".to_vec();
            head.extend(location);
            head.extend(b"\r\n\r\n");
            if let Ok(text) = asked(POST, false, 307, &head) {
                let (line, rest) = text.split_once("\r\n").unwrap();
                prop_assert_eq!(rest, POST.split_once("\r\n").unwrap().1);
                let words: Vec<&str> = line.split(' ').collect();
                prop_assert_eq!(words.len(), 3);
                prop_assert!(words[1].starts_with('/'));
            }
        }
    }
}
