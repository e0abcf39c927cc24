//! Heads, read as strictly as they are written, and the last one of a connection.
//!
//! A target's heads are mostly the same, byte by byte, until the second in their `date`
//! changes. So the last one is kept with what was read from it, and the same bytes are not
//! read twice.

use crate::http1::head::{Head, Odd};
use crate::http1::odd_head;
use crate::http1::unreadable::Unreadable;

/// Longer heads are not kept: there is one for each connection.
const MAX_KEPT: usize = 1024;

/// The head at the start of the bytes; `None` when more are needed.
pub fn read(bytes: &[u8]) -> Result<Option<Head>, Unreadable> {
    match Head::read_strictly(bytes) {
        Ok(found) => Ok(found),
        Err(Odd::Unreadable(why)) => Err(why),
        Err(Odd::Otherwise) => odd_head::read(bytes),
    }
}

/// The last head of a connection.
#[derive(Debug, Default)]
pub struct LastHead {
    bytes: Vec<u8>,
    head: Option<Head>,
}

impl LastHead {
    /// What [`read`] says. Where a head ends and what it says depends on nothing behind
    /// its end, so bytes that start with a head known to be complete say the same.
    pub fn read(&mut self, bytes: &[u8]) -> Result<Option<Head>, Unreadable> {
        if self.head.is_some() && bytes.starts_with(&self.bytes) {
            return Ok(self.head);
        }
        let head = read(bytes)?;
        if let Some(head) = head.filter(|head| head.length <= MAX_KEPT && !head.is_interim()) {
            self.bytes.clear();
            self.bytes.extend_from_slice(&bytes[..head.length]);
            self.head = Some(head);
        }
        Ok(head)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KNOWN: &[u8] = b"HTTP/1.1 200 OK\r\ndate: 1\r\ncontent-length: 5\r\n\r\n";

    fn last() -> LastHead {
        let mut last = LastHead::default();
        last.read(KNOWN).unwrap().unwrap();
        last
    }

    #[test]
    fn a_head_that_is_known_is_not_read_again() {
        let mut last = last();
        let known = Head { status: 599, ..last.head.unwrap() };
        last.head = Some(known);
        assert_eq!(last.read(&[KNOWN, b"hello"].concat()), Ok(Some(known)));
        assert_eq!(last.read(&KNOWN[..KNOWN.len() - 1]), Ok(None), "it is not complete");
    }

    #[test]
    fn an_interim_or_long_head_is_not_kept() {
        let long = format!("HTTP/1.1 204 x\r\na: {}\r\n\r\n", "b".repeat(MAX_KEPT));
        for head in ["HTTP/1.1 100 Continue\r\n\r\n", &long] {
            let mut last = last();
            assert!(last.read(head.as_bytes()).unwrap().is_some());
            assert_eq!(last.bytes, KNOWN);
        }
    }

    proptest! {
        #[test]
        fn what_is_known_changes_no_answer(
            index in 0..KNOWN.len(), byte: u8, rest in prop::collection::vec(any::<u8>(), 0..40),
            cut in 0..KNOWN.len() + 40,
        ) {
            let mut bytes = [KNOWN, &rest].concat();
            bytes[index] = byte;
            bytes.truncate(cut);
            let mut last = last();
            for text in [&bytes[..], KNOWN, &bytes[..]] {
                prop_assert_eq!(last.read(text), read(text));
            }
        }
    }
}
