//! Content codings: a body as it came in, as it was meant out (RFC 9110, 8.4).
//!
//! Only bodies that are read are decoded. What comes out is bounded, and so is everything
//! that a few bytes could demand: codings on top of each other, parts of one stream, and the
//! window of zstd (RFC 9659) and brotli.

use std::borrow::Cow;
use std::io::{self, Read};

use flate2::bufread::{DeflateDecoder, GzDecoder, ZlibDecoder};
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};

/// Codings on top of each other that are undone.
const MOST: usize = 4;
/// Parts that one stream may have: members of gzip, frames of zstd.
const MOST_PARTS: usize = 1_000;
/// What a decoder of zstd must offer, and a stream may demand (RFC 9659).
const ZSTD_WINDOW: u64 = 8 << 20;

/// One content coding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// `gzip`.
    Gzip,
    /// `deflate`: zlib, or bare deflate as some servers send it.
    Deflate,
    /// `br`.
    Brotli,
    /// `zstd`.
    Zstd,
    /// Nothing that can be undone here.
    Unknown,
}

impl Coding {
    /// The coding of a name; none for `identity`.
    pub(super) fn of(name: &[u8]) -> Option<Coding> {
        const NAMES: [(&[u8], Coding); 5] = [
            (b"gzip", Coding::Gzip),
            (b"x-gzip", Coding::Gzip),
            (b"deflate", Coding::Deflate),
            (b"br", Coding::Brotli),
            (b"zstd", Coding::Zstd),
        ];
        let known = NAMES.iter().find(|(known, _)| name.eq_ignore_ascii_case(known));
        let is_none = name.eq_ignore_ascii_case(b"identity");
        (!is_none).then(|| known.map_or(Coding::Unknown, |(_, coding)| *coding))
    }
}

/// The codings of a body, in the order in which they were applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Codings([Option<Coding>; MOST]);

impl Codings {
    /// Whether the body is as it came.
    pub fn is_empty(self) -> bool {
        self.0[0].is_none()
    }

    /// Adds one; those beyond what is undone count as unknown.
    pub(super) fn push(&mut self, coding: Option<Coding>) {
        if coding.is_none() {
            return;
        }
        match self.0.iter_mut().find(|position| position.is_none()) {
            Some(free) => *free = coding,
            None => self.0[MOST - 1] = Some(Coding::Unknown),
        }
    }

    /// Adds those that a field names, in its order.
    pub fn add(&mut self, names: &[u8]) {
        let names = names.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
        names.filter(|name| !name.is_empty()).for_each(|name| self.push(Coding::of(name)));
    }

    /// Adds those that were applied after these.
    pub(super) fn append(&mut self, later: Codings) {
        later.0.into_iter().for_each(|coding| self.push(coding));
    }

    /// Undoes them. What comes out of each is no longer than the limit.
    pub fn decode(self, body: &[u8], limit: u64) -> Result<Cow<'_, [u8]>, Undecodable> {
        let mut decoded = Cow::Borrowed(body);
        for coding in self.0.into_iter().rev().flatten() {
            if decoded.is_empty() {
                break;
            }
            decoded = Cow::Owned(decode(coding, &decoded, limit)?);
        }
        Ok(decoded)
    }
}

/// Why a body cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undecodable {
    /// Nobody here knows the coding, or there are too many.
    Unknown,
    /// It is not what it says, or not whole.
    Broken,
    /// What comes out is beyond the ceiling.
    TooLarge,
}

fn decode(coding: Coding, body: &[u8], limit: u64) -> Result<Vec<u8>, Undecodable> {
    let mut out = Output { bytes: Vec::new(), limit };
    match coding {
        Coding::Gzip => gunzip(body, &mut out)?,
        Coding::Deflate => inflate(body, &mut out)?,
        Coding::Brotli => unbrotli(body, &mut out)?,
        Coding::Zstd => unzstd(body, &mut out)?,
        Coding::Unknown => return Err(Undecodable::Unknown),
    }
    Ok(out.bytes)
}

/// What has been decoded, and how much it may be.
struct Output {
    bytes: Vec<u8>,
    limit: u64,
}

impl Output {
    fn take_all(&mut self, from: impl Read) -> Result<(), Undecodable> {
        let room = self.limit.saturating_sub(self.bytes.len() as u64);
        let read = from.take(room.saturating_add(1)).read_to_end(&mut self.bytes);
        if self.bytes.len() as u64 > self.limit {
            return Err(Undecodable::TooLarge);
        }
        read.map(drop).map_err(|_: io::Error| Undecodable::Broken)
    }
}

/// Members one behind the other; what follows the last is passed over, as browsers do.
fn gunzip(mut body: &[u8], out: &mut Output) -> Result<(), Undecodable> {
    for _ in 0..MOST_PARTS {
        let mut decoder = GzDecoder::new(body);
        out.take_all(&mut decoder)?;
        body = decoder.into_inner();
        if !body.starts_with(b"\x1f\x8b") {
            return Ok(());
        }
    }
    Err(Undecodable::Broken)
}

/// RFC 1950 says zlib; its first two bytes tell.
fn inflate(body: &[u8], out: &mut Output) -> Result<(), Undecodable> {
    let is_zlib = matches!(body, [first, second, ..]
        if first & 0x0f == 8 && (u16::from(*first) << 8 | u16::from(*second)).is_multiple_of(31));
    if is_zlib {
        out.take_all(ZlibDecoder::new(body))
    } else {
        out.take_all(DeflateDecoder::new(body))
    }
}

fn unbrotli(body: &[u8], out: &mut Output) -> Result<(), Undecodable> {
    // The sign of a window of up to 1 GiB, which RFC 7932 does not know.
    if body[0] & 0x7f == 0x11 {
        return Err(Undecodable::Broken);
    }
    out.take_all(brotli_decompressor::Decompressor::new(body, 4096))
}

fn unzstd(mut body: &[u8], out: &mut Output) -> Result<(), Undecodable> {
    let mut decoder = FrameDecoder::new();
    decoder.set_max_window_size(ZSTD_WINDOW);
    for _ in 0..MOST_PARTS {
        match StreamingDecoder::new_with_decoder(&mut body, &mut decoder) {
            Ok(frame) => out.take_all(frame)?,
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                length,
                ..
            })) => body = body.get(length as usize..).ok_or(Undecodable::Broken)?,
            Err(_) => return Err(Undecodable::Broken),
        }
        if body.is_empty() {
            return Ok(());
        }
    }
    Err(Undecodable::Broken)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use proptest::prelude::*;

    use super::*;

    const TEXT: &[u8] = br#"{"id":"a"}"#;
    const LIMIT: u64 = 1_000_000;

    fn codings(names: &str) -> Codings {
        let mut codings = Codings::default();
        names.split(',').for_each(|name| codings.push(Coding::of(name.trim().as_bytes())));
        codings
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn bare_deflate(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// Made by Node's zlib, and by the reference implementation of zstd.
    fn brotli() -> Vec<u8> {
        BASE64_STANDARD.decode(BROTLI).unwrap()
    }

    fn zstd() -> Vec<u8> {
        BASE64_STANDARD.decode(ZSTD).unwrap()
    }

    const BROTLI: &str = "iwSAeyJpZCI6ImEifQM=";
    const ZSTD: &str = "KLUv/QRYUQAAeyJpZCI6ImEifXIc6WE=";
    /// 64 MiB of zeros.
    const BROTLI_BOMB: &str = "y///P/gnAOKxQCD3/o///3/wTwDEYRGA7v0f////4J8AiMMCAN37P/7//8E/ARCHBQC693/8//+DfwIgDgsAdO//+P//B/8EQBwWAOje//H//w/+CYA4LADQvf/L//8//BMAcVgAoHv/Bw==";
    /// A window of 128 MiB.
    const ZSTD_WIDE: &str = "KLUv/QSIUQAAeyJpZCI6ImEifXIc6WE=";

    #[track_caller]
    fn check(names: &str, body: &[u8], expected: Result<&[u8], Undecodable>) {
        let found = codings(names).decode(body, LIMIT);
        assert_eq!(found.as_deref().map_err(|error| *error), expected, "{names}");
    }

    #[test]
    fn every_coding_is_undone() {
        check("identity", TEXT, Ok(TEXT));
        check("gzip", &gzip(TEXT), Ok(TEXT));
        check("X-GZIP", &gzip(TEXT), Ok(TEXT));
        check("deflate", &zlib(TEXT), Ok(TEXT));
        check("deflate", &bare_deflate(TEXT), Ok(TEXT));
        check("br", &brotli(), Ok(TEXT));
        check("zstd", &zstd(), Ok(TEXT));
        check("gzip, br", b"", Ok(b""));
    }

    #[test]
    fn the_last_coding_is_undone_first_and_their_number_is_bounded() {
        check("deflate, gzip", &gzip(&zlib(TEXT)), Ok(TEXT));
        check("gzip, identity, gzip", &gzip(&gzip(TEXT)), Ok(TEXT));
        let four = (0..4).fold(TEXT.to_vec(), |body, _| gzip(&body));
        check("gzip, gzip, gzip, gzip", &four, Ok(TEXT));
        check("gzip, gzip, gzip, gzip, gzip", &gzip(&four), Err(Undecodable::Unknown));
    }

    #[test]
    fn streams_of_several_parts_are_read_to_their_end() {
        let twice = [gzip(b"ab"), gzip(b"cd")].concat();
        check("gzip", &twice, Ok(b"abcd"));
        check("gzip", &[gzip(TEXT), vec![0; 9]].concat(), Ok(TEXT));
        let skipped = b"\x50\x2a\x4d\x18\x03\0\0\0abc";
        check("zstd", &[&zstd(), &skipped[..], &zstd()].concat(), Ok(&[TEXT, TEXT].concat()));
        let many: Vec<u8> = (0..=MOST_PARTS).flat_map(|_| gzip(b"")).collect();
        check("gzip", &many, Err(Undecodable::Broken));
    }

    #[test]
    fn what_is_unknown_broken_or_not_whole_is_told() {
        check("compress", TEXT, Err(Undecodable::Unknown));
        check("gzip, aes128gcm", TEXT, Err(Undecodable::Unknown));
        for (names, whole) in
            [("gzip", gzip(TEXT)), ("deflate", zlib(TEXT)), ("br", brotli()), ("zstd", zstd())]
        {
            check(names, b"{\"id\":1}", Err(Undecodable::Broken));
            for cut in 1..whole.len() - 4 {
                check(names, &whole[..cut], Err(Undecodable::Broken));
            }
        }
    }

    #[test]
    fn what_comes_out_and_what_it_takes_are_bounded() {
        let zeros = vec![0; 4 << 20];
        for (names, bomb) in [("gzip", gzip(&zeros)), ("deflate", zlib(&zeros))] {
            check(names, &bomb, Err(Undecodable::TooLarge));
        }
        let brotli = BASE64_STANDARD.decode(BROTLI_BOMB).unwrap();
        check("br", &brotli, Err(Undecodable::TooLarge));
        check("zstd", &BASE64_STANDARD.decode(ZSTD_WIDE).unwrap(), Err(Undecodable::Broken));
        check("br", b"\x11\x1e\0\0\0\0", Err(Undecodable::Broken));
        let exact = vec![b'a'; LIMIT as usize];
        check("gzip", &gzip(&exact), Ok(&exact));
        check("gzip", &gzip(&[&exact[..], b"a"].concat()), Err(Undecodable::TooLarge));
    }

    proptest! {
        #[test]
        fn no_bytes_are_a_panic(
            bytes in prop::collection::vec(any::<u8>(), 1..400), position: prop::sample::Index,
            coding in 0_usize..4,
        ) {
            let names = ["gzip", "deflate", "br", "zstd"][coding];
            let mut whole = [gzip(TEXT), zlib(TEXT), brotli(), zstd()][coding].clone();
            let _ = codings(names).decode(&bytes, 10_000);
            let at = position.index(whole.len());
            whole.splice(at.., bytes);
            let _ = codings(names).decode(&whole, 10_000);
        }

        #[test]
        fn what_was_compressed_comes_back(body in prop::collection::vec(any::<u8>(), 1..3_000)) {
            check("gzip", &gzip(&body), Ok(&body));
            check("deflate", &zlib(&body), Ok(&body));
            check("gzip, deflate", &zlib(&gzip(&body)), Ok(&body));
        }
    }
}
