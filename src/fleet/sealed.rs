//! Values of a scenario's variables, sealed to one agent: whoever carries or keeps them cannot read
//! them.
//!
//! An agent makes a key when it starts, and says the public half of it. What is sealed to that is
//! opened by nobody else; the other half is in no file and in no message. Both are `xkeys` of NATS:
//! X25519, `XSalsa20` and Poly1305.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nkeys::XKey;
use serde::{Deserialize, Serialize};

/// Sealed values are no larger: they go into one message with the scenario.
const MOST: usize = 256 * 1024;

/// Values by the names of their variables.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Values(pub BTreeMap<String, String>);

impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Values({}, hidden)", self.0.len())
    }
}

/// An agent's key.
#[derive(Debug, Clone)]
pub struct Key(XKey);

/// Sealed values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// The public key of whoever has sealed them.
    from: String,
    /// In base64.
    bytes: String,
}

impl Key {
    /// One that nobody else has.
    pub fn new() -> Key {
        Key(XKey::new())
    }

    /// The half that anybody may know.
    pub fn public(&self) -> String {
        self.0.public_key()
    }
}

impl Default for Key {
    fn default() -> Self {
        Key::new()
    }
}

impl Values {
    /// Seals them to whoever has the other half of a public key, by a key of this one message.
    pub fn seal(&self, to: &str) -> Result<Sealed, String> {
        let unusable = |error: nkeys::error::Error| format!("its key cannot be used: {error}");
        let (to, own) = (XKey::from_public_key(to).map_err(unusable)?, XKey::new());
        let text = serde_json::to_vec(&self.0).expect("plain data always serializes");
        if text.len() > MOST {
            return Err(format!(
                "the variables have {} bytes, and {MOST} at most are sent",
                text.len()
            ));
        }
        let bytes = own.seal(&text, &to).map_err(unusable)?;
        Ok(Sealed { from: own.public_key(), bytes: STANDARD.encode(bytes) })
    }
}

impl Sealed {
    /// What it has, for whom it was sealed.
    pub fn open(&self, key: &Key) -> Result<Values, String> {
        let opened = || {
            let from = XKey::from_public_key(&self.from).ok()?;
            let bytes = STANDARD.decode(&self.bytes).ok()?;
            let text = key.0.open(&bytes, &from).ok()?;
            serde_json::from_slice(&text).ok()
        };
        let closed = || "the variables were not sealed to this agent".to_owned();
        opened().map(Values).ok_or_else(closed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values() -> Values {
        let value = ("TOKEN".to_owned(), "s3cr3t-0123456789".to_owned());
        Values([value].into_iter().collect())
    }

    #[test]
    fn only_the_one_to_whom_they_were_sealed_opens_them() {
        let (key, other) = (Key::new(), Key::new());
        let sealed = values().seal(&key.public()).unwrap();
        let told = serde_json::to_string(&sealed).unwrap();
        assert!(!told.contains("s3cr3t") && !told.contains("TOKEN"), "{told}");
        assert_ne!(values().seal(&key.public()).unwrap(), sealed, "never twice the same");
        let heard: Sealed = serde_json::from_str(&told).unwrap();
        assert_eq!(heard.open(&key), Ok(values()));
        assert!(heard.open(&other).unwrap_err().contains("not sealed to this agent"));
        let mut changed = sealed.clone();
        changed.bytes.replace_range(60..61, if &changed.bytes[60..61] == "A" { "B" } else { "A" });
        assert!(changed.open(&key).is_err());
        assert!(Sealed { bytes: "!".to_owned(), ..sealed }.open(&key).is_err());
        assert!(!format!("{:?}", values()).contains("s3cr3t"));
    }

    #[test]
    fn a_key_that_is_none_and_too_much_are_refused() {
        assert!(values().seal("XNOKEY").unwrap_err().contains("cannot be used"));
        assert!(values().seal("").is_err());
        let many = Values([("A".to_owned(), "x".repeat(MOST))].into_iter().collect());
        assert!(many.seal(&Key::new().public()).unwrap_err().contains("at most"));
    }
}
