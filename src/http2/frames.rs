//! The frames of what comes, as far as their heads tell: whose they are, and where they end.
//!
//! The `h2` crate reads what is in them. What it does not tell is where in some bytes a stream's
//! frame ended, and that is what an answer's time is made of. The frames that undo others,
//! `RST_STREAM` and `GOAWAY`, are held back until what came before them has been read: an answer
//! that was whole is whole. Frames that serve no exchange are counted, so that nobody can keep a
//! worker busy with them. [`blocks`](super::blocks) tells which of them are heads of answers.

use crate::http2::blocks::{Block, Blocks};

/// Bytes of a frame's head.
const HEAD: usize = 9;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
/// `END_STREAM` of `HEADERS` and `DATA`.
const END_STREAM: u8 = 1;
/// The smallest pieces in which a window is opened by one who means well.
const WINDOW: usize = 512;
/// Frames in a row that serve no exchange.
pub const MOST_IDLE: u32 = 10_000;

/// That bytes touched a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Touch {
    /// Which.
    pub stream: u32,
    /// Where in the bytes the latest frame of its answer ended, or they did; 0 where none came.
    pub end: usize,
}

/// What is wrong with some frames by their heads alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amiss {
    /// The first is not `SETTINGS`: it is not HTTP/2.
    Foreign,
    /// Too many serve no exchange, or a head has no end.
    Flood,
}

/// A frame's head.
#[derive(Debug, Clone, Copy, Default)]
struct Head {
    length: usize,
    kind: u8,
    flags: u8,
    stream: u32,
}

impl Head {
    fn of(bytes: [u8; HEAD]) -> Head {
        let [a, b, c, kind, flags, stream @ ..] = bytes;
        let length = u32::from_be_bytes([0, a, b, c]) as usize;
        Head { length, kind, flags, stream: u32::from_be_bytes(stream) & 0x7fff_ffff }
    }

    /// Whether it is a part of an answer that takes it further.
    fn serves(&self) -> bool {
        match self.kind {
            DATA => self.length > 0 || self.flags & END_STREAM != 0,
            HEADERS => self.flags & END_STREAM != 0,
            _ => false,
        }
    }
}

/// How far the frames of a connection have come.
#[derive(Debug)]
pub struct Frames {
    partial: [u8; HEAD],
    /// Bytes of the head that are there.
    have: usize,
    head: Head,
    /// Bytes of the frame that are still to come.
    left: usize,
    /// Whether the first one was seen.
    has_begun: bool,
    /// Whether the first one was whole: the other side has said how many streams it allows.
    pub has_greeted: bool,
    /// How many in a row have served no exchange.
    idle: u32,
    /// At most so many may.
    most_idle: u32,
    /// Whether the other side takes no more requests.
    pub is_going_away: bool,
    blocks: Blocks,
    /// Blocks of open streams that have ended since this was last emptied.
    pub ended: Vec<(u32, Block)>,
}

impl Default for Frames {
    fn default() -> Self {
        Frames {
            partial: [0; HEAD],
            have: 0,
            head: Head::default(),
            left: 0,
            has_begun: false,
            has_greeted: false,
            idle: 0,
            most_idle: MOST_IDLE,
            is_going_away: false,
            blocks: Blocks::default(),
            ended: Vec::new(),
        }
    }
}

impl Frames {
    /// A body of so many bytes is sent, for which the other side opens its windows in small pieces.
    pub fn expects_windows(&mut self, bytes: usize) {
        let windows = u32::try_from(bytes / WINDOW).unwrap_or(u32::MAX);
        self.most_idle = self.most_idle.max(MOST_IDLE.saturating_add(windows));
    }

    /// Looks at bytes, up to the next frame that undoes others, and notes which of the open
    /// streams they touch. Returns how many bytes may be read now.
    pub fn look(
        &mut self,
        bytes: &[u8],
        is_open: impl Fn(u32) -> bool,
        touched: &mut Vec<Touch>,
    ) -> Result<usize, Amiss> {
        let mut at = 0;
        while at < bytes.len() {
            if self.have < HEAD {
                let undoes = |kind: Option<&u8>| matches!(kind, Some(&(RST_STREAM | GOAWAY)));
                if self.have == 0 && at > 0 && undoes(bytes.get(at + 3)) {
                    return Ok(at);
                }
                at += self.take_head(&bytes[at..]);
                if self.have < HEAD {
                    break;
                }
                self.begin()?;
            }
            let taken = self.left.min(bytes.len() - at);
            let part = &bytes[at..at + taken];
            at += taken;
            self.left -= taken;
            self.read_block(part, &is_open)?;
            self.touch(at, &is_open, touched);
            if self.left == 0 {
                self.have = 0;
                self.has_greeted = true;
            }
        }
        Ok(at)
    }

    fn take_head(&mut self, bytes: &[u8]) -> usize {
        let taken = bytes.len().min(HEAD - self.have);
        self.partial[self.have..self.have + taken].copy_from_slice(&bytes[..taken]);
        self.have += taken;
        taken
    }

    /// The head of a frame is there.
    fn begin(&mut self) -> Result<(), Amiss> {
        self.head = Head::of(self.partial);
        self.left = self.head.length;
        if !std::mem::replace(&mut self.has_begun, true)
            && (self.head.kind != SETTINGS || self.head.stream != 0)
        {
            return Err(Amiss::Foreign);
        }
        self.is_going_away |= self.head.kind == GOAWAY;
        self.idle += 1;
        if self.idle > self.most_idle { Err(Amiss::Flood) } else { Ok(()) }
    }

    /// Every block is read, also one of nobody: it may change the table of others.
    fn read_block(&mut self, part: &[u8], is_open: impl Fn(u32) -> bool) -> Result<(), Amiss> {
        let Head { kind, flags, stream, .. } = self.head;
        if !matches!(kind, HEADERS | CONTINUATION) {
            return Ok(());
        }
        let block = self.blocks.take(flags, kind == HEADERS, part, self.left == 0);
        if let Some(block) = block.map_err(|_| Amiss::Flood)?
            && is_open(stream)
        {
            self.ended.push((stream, block));
        }
        Ok(())
    }

    fn touch(&mut self, end: usize, is_open: impl Fn(u32) -> bool, touched: &mut Vec<Touch>) {
        let stream = self.head.stream;
        let is_answer = matches!(self.head.kind, DATA | HEADERS | CONTINUATION | RST_STREAM);
        // A window that is no window ends the stream as well.
        if !(is_answer || self.head.kind == WINDOW_UPDATE) || !is_open(stream) {
            return;
        }
        let end = if is_answer { end } else { 0 };
        if self.head.serves() {
            self.idle = 0;
        }
        match touched.iter_mut().rev().find(|touch| touch.stream == stream) {
            Some(touch) => touch.end = touch.end.max(end),
            None => touched.push(Touch { stream, end }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
        bytes.extend([kind, flags]);
        bytes.extend(stream.to_be_bytes());
        bytes.extend(payload);
        bytes
    }

    fn look(frames: &mut Frames, bytes: &[u8]) -> Result<(usize, Vec<(u32, usize)>), Amiss> {
        let mut touched = Vec::new();
        let taken = frames.look(bytes, |stream| stream < 9, &mut touched)?;
        Ok((taken, touched.iter().map(|touch| (touch.stream, touch.end)).collect()))
    }

    #[test]
    fn each_stream_that_is_open_is_touched_up_to_the_end_of_its_last_frame() {
        let bytes = [
            frame(SETTINGS, 0, 0, &[]),
            frame(HEADERS, 4, 1, b"abc"),
            frame(HEADERS, 4, 3, b"abc"),
            frame(HEADERS, 4, 11, b"abc"),
            frame(DATA, 1, 1, b"body"),
            frame(8, 0, 3, &[0; 4]),
        ]
        .concat();
        let whole = bytes.len();
        assert_eq!(look(&mut Frames::default(), &bytes), Ok((whole, vec![(1, 58), (3, 33)])));
        // In pieces of every length the same streams are touched.
        for length in 1..20 {
            let mut frames = Frames::default();
            let mut streams = Vec::new();
            for piece in bytes.chunks(length) {
                let (taken, touched) = look(&mut frames, piece).unwrap();
                assert_eq!(taken, piece.len());
                streams.extend(touched.iter().map(|(stream, _)| *stream));
            }
            streams.sort_unstable();
            streams.dedup();
            assert_eq!(streams, [1, 3], "in pieces of {length}");
        }
    }

    #[test]
    fn a_frame_that_undoes_others_waits_until_they_are_read() {
        for kind in [RST_STREAM, GOAWAY] {
            let before = [frame(SETTINGS, 0, 0, &[]), frame(DATA, 1, 1, b"end")].concat();
            let bytes = [before.clone(), frame(kind, 0, 1, &[0; 8])].concat();
            let mut frames = Frames::default();
            assert_eq!(look(&mut frames, &bytes).unwrap().0, before.len());
            assert!(!frames.is_going_away);
            let rest = &bytes[before.len()..];
            assert_eq!(look(&mut frames, rest).unwrap().0, rest.len());
            assert_eq!(frames.is_going_away, kind == GOAWAY);
        }
    }

    #[test]
    fn what_does_not_begin_with_settings_is_foreign() {
        let answer = b"HTTP/1.1 400 Bad Request\r\n\r\n";
        assert_eq!(look(&mut Frames::default(), answer), Err(Amiss::Foreign));
        let ping = frame(6, 0, 0, &[0; 8]);
        assert_eq!(look(&mut Frames::default(), &ping), Err(Amiss::Foreign));
    }

    #[test]
    fn frames_that_serve_no_exchange_are_counted_until_one_does() {
        let mut frames = Frames::default();
        let flood = |count: u32| frame(SETTINGS, 0, 0, &[]).repeat(count as usize);
        assert!(look(&mut frames, &flood(MOST_IDLE)).is_ok());
        look(&mut frames, &frame(DATA, 0, 1, b"x")).unwrap_err();
        let mut frames = Frames::default();
        look(&mut frames, &flood(MOST_IDLE - 1)).unwrap();
        look(&mut frames, &frame(DATA, 0, 1, b"x")).unwrap();
        look(&mut frames, &flood(MOST_IDLE)).unwrap();
        // Windows of a large body may be many.
        let mut frames = Frames::default();
        frames.expects_windows(100 * WINDOW);
        assert!(look(&mut frames, &flood(MOST_IDLE + 100)).is_ok());
        assert_eq!(look(&mut frames, &flood(1)), Err(Amiss::Flood));
        // Empty ones and interim answers do not.
        for idle in [frame(DATA, 0, 1, b""), frame(HEADERS, 4, 1, b"x")] {
            let many = idle.repeat(MOST_IDLE as usize);
            let mut frames = Frames::default();
            look(&mut frames, &flood(1)).unwrap();
            assert_eq!(look(&mut frames, &many), Err(Amiss::Flood));
        }
    }
}
