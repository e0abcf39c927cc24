//! The cookies of one virtual user: fields of answers in, the field of a request out.
//!
//! As RFC 6265 has it, for a single server: a cookie for another host is not kept, one for a
//! parent domain is sent to this host only. What comes is hostile: it is bounded in number and in
//! bytes, what does not read as a cookie is passed over, and nothing that could end a header field
//! is kept. Values may be secrets, so that this has no `Debug` of theirs. No clock: the time is
//! told.

mod date;

use std::fmt;

use crate::engine::head_fields::fields;

/// The field that sets a cookie.
const SETS: &[u8] = b"set-cookie";
/// Cookies of one user; the oldest goes first.
const MOST: usize = 50;
/// Bytes of a name, a value and a path.
const MOST_OF_ONE: usize = 4_096;
/// The same of all cookies of a user.
const MOST_OF_ALL: usize = 16 * 1_024;
/// The longest that a cookie is kept, in seconds, as browsers have it.
const LONGEST: i64 = 400 * 24 * 3_600;

/// What is known of the request whose answer sets cookies, or which is to carry them.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The host, without a port.
    pub host: &'a str,
    /// Path and query.
    pub path: &'a str,
    /// Whether it is asked by TLS.
    pub is_secured: bool,
    /// The time, in seconds since 1970.
    pub now: i64,
}

impl Asked<'_> {
    fn bare_path(&self) -> &str {
        self.path.split(['?', '#']).next().unwrap_or_default()
    }

    /// The path of a cookie that names none (RFC 6265, 5.1.4).
    fn default_path(&self) -> &str {
        let path = self.bare_path();
        match path.rfind('/') {
            Some(0) | None => "/",
            Some(last) if path.starts_with('/') => &path[..last],
            Some(_) => "/",
        }
    }
}

/// The cookies of one user.
#[derive(Default)]
pub struct Jar {
    /// In the order in which they were first set.
    cookies: Vec<Cookie>,
}

struct Cookie {
    name: String,
    value: String,
    path: String,
    is_secure: bool,
    /// In seconds since 1970.
    expires: Option<i64>,
}

impl fmt::Debug for Jar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Jar({} cookies)", self.cookies.len())
    }
}

impl Jar {
    /// Forgets all.
    pub fn clear(&mut self) {
        self.cookies.clear();
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.cookies.is_empty()
    }

    /// The values, which must not be shown.
    pub fn values(&self) -> impl Iterator<Item = &str> {
        self.cookies.iter().map(|cookie| cookie.value.as_str())
    }

    /// Whether the head of an answer sets any.
    pub fn is_set_by(head: &[u8]) -> bool {
        fields(head).any(|(name, _)| name.eq_ignore_ascii_case(SETS))
    }

    /// Takes what the head of an answer sets.
    pub fn take(&mut self, head: &[u8], asked: Asked<'_>) {
        for (name, value) in fields(head) {
            if name.eq_ignore_ascii_case(SETS)
                && let Ok(text) = std::str::from_utf8(&value)
                && let Some((cookie, is_over)) = read(text, asked)
            {
                self.set(cookie, is_over);
            }
        }
    }

    /// Adds the value of the field `cookie` for a request; nothing where none is for it.
    pub fn write(&mut self, asked: Asked<'_>, out: &mut String) {
        self.cookies.retain(|cookie| cookie.expires.is_none_or(|at| at > asked.now));
        let path = asked.bare_path();
        let mut found: Vec<&Cookie> = self
            .cookies
            .iter()
            .filter(|cookie| {
                is_below(path, &cookie.path) && (asked.is_secured || !cookie.is_secure)
            })
            .collect();
        // Longer paths first, and earlier ones first among those (RFC 6265, 5.4); stable.
        found.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        for (index, cookie) in found.iter().enumerate() {
            out.push_str(if index > 0 { "; " } else { "" });
            out.push_str(&cookie.name);
            out.push('=');
            out.push_str(&cookie.value);
        }
    }

    fn set(&mut self, cookie: Cookie, is_over: bool) {
        let is_same = |one: &Cookie| one.name == cookie.name && one.path == cookie.path;
        let place = self.cookies.iter().position(is_same);
        match place {
            Some(place) if is_over => {
                self.cookies.remove(place);
            }
            Some(place) => self.cookies[place] = cookie,
            None if is_over => {}
            None => self.cookies.push(cookie),
        }
        let mut bytes: usize = self.cookies.iter().map(Cookie::bytes).sum();
        while self.cookies.len() > MOST || bytes > MOST_OF_ALL {
            bytes -= self.cookies.remove(0).bytes();
        }
    }
}

impl Cookie {
    fn bytes(&self) -> usize {
        self.name.len() + self.value.len() + self.path.len()
    }
}

/// A cookie, and whether it is there to be deleted; `None` for what is none, or is another's.
fn read(text: &str, asked: Asked<'_>) -> Option<(Cookie, bool)> {
    let mut parts = text.split(';');
    let (name, value) = parts.next()?.split_once('=')?;
    let (name, value) = (name.trim(), value.trim());
    if name.is_empty() || !is_harmless(name) || !is_harmless(value) {
        return None;
    }
    let mut path = asked.default_path();
    let (mut is_secure, mut max_age, mut expires) = (false, None, None);
    for part in parts {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        let value = value.trim();
        match key.trim().to_ascii_lowercase().as_str() {
            "path" => path = if value.starts_with('/') { value } else { asked.default_path() },
            "domain" if !is_of(asked.host, value) => return None,
            "secure" => is_secure = true,
            "max-age" => max_age = seconds(value).or(max_age),
            "expires" => expires = date::seconds(value).or(expires),
            _ => {}
        }
    }
    if !is_harmless(path) || name.len() + value.len() + path.len() > MOST_OF_ONE {
        return None;
    }
    // Whoever speaks in the clear cannot vouch for a cookie of TLS.
    if is_secure && !asked.is_secured {
        return None;
    }
    let latest = asked.now.saturating_add(LONGEST);
    let expires = max_age.map(|age| asked.now.saturating_add(age)).or(expires);
    let is_over = expires.is_some_and(|at| at <= asked.now);
    let expires = expires.map(|at| at.min(latest));
    let [name, value, path] = [name, value, path].map(str::to_owned);
    Some((Cookie { name, value, path, is_secure, expires }, is_over))
}

/// Nothing that ends a header field or a cookie in it.
fn is_harmless(text: &str) -> bool {
    !text.contains(|c: char| c.is_control() || c == ';')
}

/// Digits, maybe with a sign; what is too large for a number is far away.
fn seconds(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let far = if text.starts_with('-') { -LONGEST } else { LONGEST };
    Some(text.parse().unwrap_or(far).clamp(-LONGEST, LONGEST))
}

/// Whether a domain is the host or one above it. An address has none above it.
fn is_of(host: &str, domain: &str) -> bool {
    let domain = domain.strip_prefix('.').unwrap_or(domain);
    let (host, domain) = (host.to_ascii_lowercase(), domain.to_ascii_lowercase());
    if domain.is_empty() || host == domain {
        return true;
    }
    let is_address = host.parse::<std::net::IpAddr>().is_ok() || host.starts_with('[');
    let above = host.strip_suffix(&domain).is_some_and(|rest| rest.ends_with('.'));
    above && !is_address && domain.contains('.')
}

/// Whether a path is another or below it (RFC 6265, 5.1.4).
fn is_below(path: &str, above: &str) -> bool {
    let Some(rest) = path.strip_prefix(above) else { return false };
    rest.is_empty() || above.ends_with('/') || rest.starts_with('/')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn asked(path: &str) -> Asked<'_> {
        Asked { host: "api.example.com", path, is_secured: false, now: NOW }
    }

    fn head(cookies: &[&str]) -> Vec<u8> {
        let fields: String = cookies.iter().map(|it| format!("Set-Cookie: {it}\r\n")).collect();
        format!("HTTP/1.1 200 OK\r\n{fields}content-length: 0\r\n\r\n").into_bytes()
    }

    fn sent(jar: &mut Jar, asked: Asked<'_>) -> String {
        let mut out = String::new();
        jar.write(asked, &mut out);
        out
    }

    /// What is sent for a path after an answer of `/shop/cart?x=/y` has set cookies.
    #[track_caller]
    fn check(cookies: &[&str], path: &str, expected: &str) {
        let mut jar = Jar::default();
        jar.take(&head(cookies), asked("/shop/cart?x=/y"));
        assert_eq!(sent(&mut jar, asked(path)), expected, "{cookies:?} at {path}");
    }

    #[test]
    fn a_cookie_goes_to_its_path_and_what_is_below_it() {
        check(&["a=1"], "/shop", "a=1");
        check(&["a=1"], "/shop/x?y", "a=1");
        check(&["a=1"], "/shopping", "");
        check(&["a=1; Path=/"], "/", "a=1");
        check(&["a=1; path=/shop/"], "/shop", "");
        check(&["a=1; Path=relative"], "/shop/", "a=1");
        check(&["a=1; Path=/", "b=2", "c=3; Path=/"], "/shop/x", "b=2; a=1; c=3");
        check(&["a=1", "a=2"], "/shop", "a=2");
        check(&["a=1; Path=/shop/x", "a=2"], "/shop/x", "a=1; a=2");
    }

    #[test]
    fn what_has_expired_is_deleted_and_nothing_else_is() {
        check(&["a=1; Max-Age=10"], "/shop", "a=1");
        check(&["a=1", "a=; Max-Age=0"], "/shop", "");
        check(&["a=1", "a=; Max-Age=-5; Expires=Wed, 01 Jan 2098 00:00:00 GMT"], "/shop", "");
        check(&["a=1", "a=x; Expires=Thu, 01 Jan 1970 00:00:00 GMT"], "/shop", "");
        check(&["a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=9"], "/shop", "a=1");
        check(&["a=1; Max-Age=soon; Expires=never"], "/shop", "a=1");
        check(&["a=1", "a=; Path=/; Max-Age=0"], "/shop", "a=1");
        let mut jar = Jar::default();
        jar.take(&head(&["a=1; Max-Age=10", "b=2; Max-Age=99999999999999999999"]), asked("/"));
        let later = |seconds| Asked { now: NOW + seconds, ..asked("/") };
        assert_eq!(sent(&mut jar, later(9)), "a=1; b=2");
        assert_eq!(sent(&mut jar, later(10)), "b=2");
        assert_eq!(sent(&mut jar, later(LONGEST + 1)), "");
    }

    #[test]
    fn a_cookie_of_another_host_is_not_kept() {
        check(&["a=1; Domain=example.com"], "/shop", "a=1");
        check(&["a=1; Domain=.API.example.com"], "/shop", "a=1");
        check(&["a=1; Domain=evil.com"], "/shop", "");
        check(&["a=1; Domain=pi.example.com"], "/shop", "");
        check(&["a=1; Domain=com"], "/shop", "");
        assert!(!is_of("127.0.0.1", "0.0.1") && is_of("127.0.0.1", "127.0.0.1"));
    }

    #[test]
    fn a_secure_cookie_comes_and_goes_by_tls_only() {
        check(&["a=1; Secure"], "/shop", "");
        let mut jar = Jar::default();
        let by_tls = Asked { is_secured: true, ..asked("/") };
        jar.take(&head(&["a=1; Secure", "b=2"]), by_tls);
        assert_eq!(
            (sent(&mut jar, by_tls).as_str(), sent(&mut jar, asked("/")).as_str()),
            ("a=1; b=2", "b=2")
        );
    }

    #[test]
    fn what_is_no_cookie_is_passed_over() {
        for text in ["", "a", "=1", ";a=1", "a=\u{1}", "a\u{7f}=1", " = "] {
            check(&[text], "/shop", "");
        }
        check(&["a=", "b=x y\"z", "c=é"], "/shop", "a=; b=x y\"z; c=é");
        let long = format!("a={}", "x".repeat(MOST_OF_ONE));
        check(&[&long], "/shop", "");
    }

    #[test]
    fn a_jar_is_bounded_in_number_and_in_bytes() {
        let mut jar = Jar::default();
        for index in 0..1_000 {
            jar.take(&head(&[&format!("n{index}=1")]), asked("/"));
        }
        assert_eq!(jar.cookies.len(), MOST);
        assert_eq!(jar.cookies[MOST - 1].name, "n999", "the oldest have gone");
        for index in 0..20 {
            jar.take(&head(&[&format!("m{index}={}", "x".repeat(4_000))]), asked("/"));
        }
        let bytes: usize = jar.cookies.iter().map(Cookie::bytes).sum();
        assert!(bytes <= MOST_OF_ALL && jar.cookies.len() == 4, "{bytes}");
        assert_eq!(format!("{jar:?}"), "Jar(4 cookies)");
    }

    proptest! {
        /// Whatever comes, what goes out is one line and bounded.
        #[test]
        fn hostile_cookies_never_break_a_request(bytes: Vec<u8>, path in "/[ -~]{0,20}") {
            let mut text = b"HTTP/1.1 200 OK\r\nset-cookie: ".to_vec();
            text.extend(bytes);
            text.extend(b"\r\n\r\n");
            let mut jar = Jar::default();
            jar.take(&text, asked(&path));
            let out = sent(&mut jar, asked(&path));
            prop_assert!(!out.contains(char::is_control) && out.len() <= MOST_OF_ALL + 200, "{:?}", out);
        }
    }
}
