//! Blocks of header fields, as far as is needed to know which status they have.
//!
//! The `h2` crate takes an answer without `:status` for one with 200, does not tell it from one
//! that says so, and does not look at a status among trailers. So each block is read here as
//! well: the lengths of its fields (RFC 7541), and which of them is `:status`. Nothing is decoded.
//! Of an entry of the dynamic table only that is kept. Which entries were evicted need not be
//! known, as an index counts from the latest, and one beyond the last ends the connection.

use crate::http1::response::MAX_HEAD;

/// `PADDED` and `PRIORITY` of `HEADERS`, and `END_HEADERS`.
const PADDED: u8 = 8;
const PRIORITY: u8 = 0x20;
const END_HEADERS: u8 = 4;
/// Bytes that `PRIORITY` takes.
const PRIORITY_LENGTH: usize = 5;
/// A block that unfolds to what is allowed is not longer: no code is longer than 30 bits.
const MOST: usize = 4 * MAX_HEAD;
/// The entries of the static table, and those of them that are `:status`.
const STATIC: usize = 61;
const STATUSES: std::ops::RangeInclusive<usize> = 8..=14;
/// The name as it is, and in Huffman's code.
const NAME: &[u8] = b":status";
const CODED_NAME: &[u8] = &[0xb8, 0x84, 0x8d, 0x36, 0xa3];

/// What a block is to an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Block {
    /// It has no status: trailers.
    Bare,
    /// Its status is 1xx: an answer will follow.
    Interim,
    /// The head of an answer.
    Head,
}

/// The blocks of one answer, in their order: interim ones, the head, and trailers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Heads {
    /// Whether the head has come.
    pub has_head: bool,
    /// Whether a head had no status, or something else one.
    pub is_amiss: bool,
}

impl Heads {
    /// One more has come.
    pub fn hear(&mut self, block: Block) {
        match (block, self.has_head) {
            (Block::Head, false) => self.has_head = true,
            (Block::Interim, false) | (Block::Bare, true) => {}
            (Block::Bare, false) | (Block::Interim | Block::Head, true) => self.is_amiss = true,
        }
    }
}

/// A block that is longer than any that is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong;

/// The blocks of a connection.
#[derive(Debug, Default)]
pub struct Blocks {
    /// The start of a frame's payload.
    payload: Vec<u8>,
    /// The start of a block, of frames before.
    block: Vec<u8>,
    table: Table,
}

impl Blocks {
    /// Takes a part of a frame of a block, its last where the frame `is_whole` with it. What the
    /// block is, where it ends here.
    pub fn take(
        &mut self,
        flags: u8,
        is_first: bool,
        part: &[u8],
        is_whole: bool,
    ) -> Result<Option<Block>, TooLong> {
        if !is_whole || !self.payload.is_empty() {
            self.payload.extend_from_slice(part);
        }
        if !is_whole {
            return Ok(None);
        }
        let payload = std::mem::take(&mut self.payload);
        let payload = if payload.is_empty() { part } else { &payload[..] };
        let fragment = if is_first { fragment(flags, payload) } else { payload };
        if flags & END_HEADERS != 0 && self.block.is_empty() {
            return Ok(Some(self.table.read(fragment)));
        }
        self.block.extend_from_slice(fragment);
        if self.block.len() > MOST {
            return Err(TooLong);
        }
        if flags & END_HEADERS == 0 {
            return Ok(None);
        }
        let block = std::mem::take(&mut self.block);
        Ok(Some(self.table.read(&block)))
    }
}

/// What `HEADERS` has beside priority and padding. What is wrong with those ends the connection.
fn fragment(flags: u8, payload: &[u8]) -> &[u8] {
    let is_padded = flags & PADDED != 0;
    let padding = if is_padded { payload.first().copied().unwrap_or(0) } else { 0 };
    let priority = if flags & PRIORITY != 0 { PRIORITY_LENGTH } else { 0 };
    let start = usize::from(is_padded) + priority;
    let end = payload.len().saturating_sub(usize::from(padding));
    payload.get(start..end).unwrap_or_default()
}

/// Which of the latest entries of the dynamic table are a status, the latest one first. There are
/// at most 128: one takes at least 32 bytes of 4,096, which is what it may have unless we say
/// otherwise.
#[derive(Debug, Default)]
struct Table {
    statuses: u128,
    interims: u128,
}

/// What a field is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Other,
    /// `:status`, and whether that is 1xx.
    Status {
        is_interim: bool,
    },
}

impl Table {
    /// The whole block, as every field of it may become an entry. One that cannot be read ends
    /// the connection; so nothing depends on what is said of it.
    fn read(&mut self, block: &[u8]) -> Block {
        let mut found = Block::Bare;
        let mut rest = block;
        while let Some(field) = self.field(&mut rest) {
            if let (Block::Bare, Field::Status { is_interim }) = (found, field) {
                found = if is_interim { Block::Interim } else { Block::Head };
            }
        }
        found
    }

    /// The next field.
    fn field(&mut self, rest: &mut &[u8]) -> Option<Field> {
        loop {
            match *rest.first()? {
                0x80.. => {
                    let index = integer(rest, 7)?;
                    return Some(self.entry(index));
                }
                0x40.. => {
                    let field = self.literal(rest, 6)?;
                    self.insert(field);
                    return Some(field);
                }
                // The size of the table, which is no field.
                0x20.. => drop(integer(rest, 5)?),
                _ => return self.literal(rest, 4),
            }
        }
    }

    fn literal(&self, rest: &mut &[u8], prefix: u8) -> Option<Field> {
        let index = integer(rest, prefix)?;
        let is_status = if index == 0 {
            let (is_coded, name) = text(rest)?;
            name == if is_coded { CODED_NAME } else { NAME }
        } else {
            self.entry(index) != Field::Other
        };
        let (is_coded, value) = text(rest)?;
        if !is_status {
            return Some(Field::Other);
        }
        // In Huffman's code `1` is 00001.
        let is_one = |first: &u8| if is_coded { first >> 3 == 1 } else { *first == b'1' };
        Some(Field::Status { is_interim: value.first().is_some_and(is_one) })
    }

    fn entry(&self, index: usize) -> Field {
        if index <= STATIC {
            let is_status = STATUSES.contains(&index);
            return if is_status { Field::Status { is_interim: false } } else { Field::Other };
        }
        let bit = u32::try_from(index - STATIC - 1).ok();
        let bit = bit.and_then(|place| 1_u128.checked_shl(place)).unwrap_or(0);
        if self.statuses & bit == 0 {
            return Field::Other;
        }
        Field::Status { is_interim: self.interims & bit != 0 }
    }

    fn insert(&mut self, field: Field) {
        let is_status = field != Field::Other;
        let is_interim = field == Field::Status { is_interim: true };
        self.statuses = self.statuses << 1 | u128::from(is_status);
        self.interims = self.interims << 1 | u128::from(is_interim);
    }
}

/// A number of which the first byte has so many bits.
fn integer(rest: &mut &[u8], prefix: u8) -> Option<usize> {
    let (first, mut more) = rest.split_first()?;
    let most = (1_usize << prefix) - 1;
    let mut number = usize::from(*first) & most;
    if number == most {
        // Longer ones than four bytes more are none.
        for shift in [0, 7, 14, 21] {
            let (next, later) = more.split_first()?;
            more = later;
            number += usize::from(next & 0x7f) << shift;
            if next & 0x80 == 0 {
                *rest = more;
                return Some(number);
            }
        }
        return None;
    }
    *rest = more;
    Some(number)
}

/// A text, and whether it is in Huffman's code.
fn text<'b>(rest: &mut &'b [u8]) -> Option<(bool, &'b [u8])> {
    let is_coded = rest.first()? & 0x80 != 0;
    let length = integer(rest, 7)?;
    let (text, later) = rest.split_at_checked(length)?;
    *rest = later;
    Some((is_coded, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(blocks: &mut Blocks, block: &[u8]) -> Block {
        blocks.take(END_HEADERS, true, block, true).unwrap().unwrap()
    }

    #[track_caller]
    fn check(block: &[u8], wanted: Block) {
        assert_eq!(whole(&mut Blocks::default(), block), wanted);
        // A change of the table's size and other fields change nothing.
        let more = [&[0x20, 0x3f, 0xe1, 0x1f][..], block, &[0x0f, 0x0d, 1, b'5']].concat();
        assert_eq!(whole(&mut Blocks::default(), &more), wanted);
    }

    #[test]
    fn a_status_is_seen_however_it_is_written() {
        (0x88..=0x8e).for_each(|byte| check(&[byte], Block::Head));
        check(b"\x08\x03201", Block::Head);
        check(b"\x18\x03201", Block::Head);
        check(b"\x48\x03201", Block::Head);
        check(b"\x00\x07:status\x03200", Block::Head);
        check(b"\x00\x85\xb8\x84\x8d\x36\xa3\x03200", Block::Head);
        // 200 and 103 in Huffman's code.
        check(b"\x08\x82\x10\x01", Block::Head);
        check(b"\x08\x82\x08\x06", Block::Interim);
        check(b"\x08\x03103", Block::Interim);
        check(b"\x00\x07:status\x03103", Block::Interim);
    }

    #[test]
    fn what_is_none_is_none() {
        for block in [
            &b""[..],
            b"\x82",
            b"\x87",
            b"\x8f",
            b"\x00\x06status\x03200",
            b"\x00\x08:statusx\x03200",
            b"\x0f\x0d\x03200",
            b"\x00\x01a\x09\x88:status2",
            // Cut off in the middle.
            b"\x08",
            b"\x08\x03",
            b"\x08\x0320",
            b"\xff\xff\xff\xff\xff\xff\xff",
        ] {
            assert_eq!(whole(&mut Blocks::default(), block), Block::Bare, "{block:x?}");
        }
    }

    #[test]
    fn entries_of_the_dynamic_table_count_from_the_latest_one() {
        let mut blocks = Blocks::default();
        whole(&mut blocks, b"\x48\x03201");
        assert_eq!(whole(&mut blocks, b"\xbe"), Block::Head);
        whole(&mut blocks, b"\x40\x01a\x01b\x48\x03103");
        // 62 is 103, 63 is another field, 64 is 201.
        assert_eq!(whole(&mut blocks, b"\xbe"), Block::Interim);
        assert_eq!(whole(&mut blocks, b"\xbf"), Block::Bare);
        assert_eq!(whole(&mut blocks, b"\xc0"), Block::Head);
        // By its name only; what is not indexed is no entry.
        assert_eq!(whole(&mut blocks, b"\x0f\x2f\x03103"), Block::Interim);
        assert_eq!(whole(&mut blocks, b"\xbe"), Block::Interim);
        // The last place is kept, and none behind it.
        (0..127).for_each(|_| assert_eq!(whole(&mut blocks, b"\x40\x01a\x01b"), Block::Bare));
        assert_eq!(whole(&mut blocks, b"\xff\x3e"), Block::Interim);
        assert_eq!(whole(&mut blocks, b"\xff\x3f"), Block::Bare);
        assert_eq!(whole(&mut blocks, b"\xff\xff\xff\x7f"), Block::Bare);
    }

    #[test]
    fn padding_and_priority_are_no_fields_and_a_block_may_come_in_pieces() {
        let padded = [&[3, 0, 0, 0, 0, 0][..], b"\x08\x03404", &[0x88; 3]].concat();
        for length in 1..padded.len() {
            let mut blocks = Blocks::default();
            let (last, parts) = (padded.len().div_ceil(length) - 1, padded.chunks(length));
            for (number, part) in parts.enumerate() {
                let flags = END_HEADERS | PADDED | PRIORITY;
                let found = blocks.take(flags, true, part, number == last).unwrap();
                assert_eq!(found, (number == last).then_some(Block::Head), "{length}");
            }
        }
        let mut blocks = Blocks::default();
        assert_eq!(blocks.take(PADDED, true, b"\x01\x08\x03\x88", true), Ok(None));
        assert_eq!(blocks.take(0, false, b"", true), Ok(None));
        assert_eq!(
            blocks.take(END_HEADERS | PADDED, false, b"100", true),
            Ok(Some(Block::Interim))
        );
        assert_eq!(whole(&mut blocks, b"\x82"), Block::Bare);
        // What cannot be is nothing.
        assert_eq!(
            blocks.take(END_HEADERS | PADDED, true, &[200, 0x88], true),
            Ok(Some(Block::Bare))
        );
        assert_eq!(blocks.take(END_HEADERS | PADDED, true, b"", true), Ok(Some(Block::Bare)));
    }

    #[test]
    fn a_block_without_an_end_ends() {
        let mut blocks = Blocks::default();
        let piece = vec![0x82; 16_384];
        let many = (0..1_000).position(|_| blocks.take(0, false, &piece, true) == Err(TooLong));
        assert_eq!(many, Some(MOST / 16_384));
    }
}
