//! Whether a value is worth hiding: what its name says, and what anybody would guess.
//!
//! Names and values come in, yes or no goes out. A name that means a secret decides; without
//! one, ordinary words, numbers and addresses of this machine are none.

/// Whether a variable or a header is named like something that must not be known.
pub(crate) fn names_secret(name: &str) -> bool {
    const INSIDE: [&str; 9] = [
        "token",
        "secret",
        "password",
        "passwd",
        "passphrase",
        "credential",
        "cookie",
        "session",
        "apikey",
    ];
    const WORDS: [&str; 14] = [
        "key",
        "keys",
        "auth",
        "authorization",
        "pass",
        "pwd",
        "pin",
        "jwt",
        "otp",
        "dsn",
        "private",
        "bearer",
        "signature",
        "salt",
    ];
    if ["PWD", "OLDPWD"].contains(&name) {
        return false;
    }
    let name = name.to_ascii_lowercase();
    let mut words = name.split(|c: char| !c.is_ascii_alphanumeric());
    INSIDE.iter().any(|word| name.contains(word)) || words.any(|word| WORDS.contains(&word))
}

/// Whether a value might be a word or a number of an ordinary text.
pub(crate) fn is_word(value: &str) -> bool {
    let of_one_kind =
        value.chars().all(char::is_alphabetic) || value.bytes().all(|byte| byte.is_ascii_digit());
    value.len() < 16 && of_one_kind
}

/// What many have in their environment and nobody has to hide.
pub(crate) fn is_guessable(value: &str) -> bool {
    const WORDS: &str = "true false yes no on off none null undefined default auto enabled disabled \
                         always never test tests testing dev develop development prod production \
                         stage staging local localhost preview sandbox demo example benchmark perf \
                         performance load debug info warn warning error fatal trace silent verbose \
                         http https main master latest root admin user guest public postgres mysql \
                         redis sqlite memory node bash utf-8";
    let lower = value.trim().to_ascii_lowercase();
    WORDS.split_whitespace().any(|word| word == lower) || is_quantity(&lower) || is_here(&lower)
}

/// `3000`, `0.5`, `1.2.3`, `30s`, `512mb`.
fn is_quantity(value: &str) -> bool {
    let digits = value.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == '%');
    let count = digits.bytes().filter(u8::is_ascii_digit).count();
    let only = digits.bytes().all(|byte| byte.is_ascii_digit() || b"._-".contains(&byte));
    only && (1..=6).contains(&count) && value.len() - digits.len() <= 3
}

/// An address of this machine, without a path.
fn is_here(value: &str) -> bool {
    let host = value.strip_prefix("http://").or(value.strip_prefix("https://")).unwrap_or(value);
    let host = host.trim_end_matches('/');
    let host = match host.rsplit_once(':') {
        Some((host, port)) if port.parse::<u16>().is_ok() => host,
        _ => host,
    };
    ["localhost", "127.0.0.1", "0.0.0.0", "[::1]", "::1"].contains(&host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_mean_a_secret_are_known() {
        for name in ["TOKEN", "apiKey_TOKEN", "DB_PASS", "x-api-key", "STRIPE_SECRET", "SESSION_ID"]
        {
            assert!(names_secret(name), "{name}");
        }
        for name in ["NODE_ENV", "MONKEY", "PWD", "PASSENGERS", "AUTHOR", "HOST"] {
            assert!(!names_secret(name), "{name}");
        }
    }
}
