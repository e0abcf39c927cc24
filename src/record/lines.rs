//! Reads the lines of a record's files: in blocks of whole lines, each on all cores.
//!
//! An hour of ten steps has some hundred thousand histograms, and nearly all the time goes
//! into unpacking them. Bytes come in; what the lines hold goes out in their order. Knows
//! nothing of what that is; what becomes of a half-written last line is for the caller to say.

use std::io::{self, Read};
use std::num::NonZero;
use std::thread::{self, Scope, ScopedJoinHandle};

/// Bytes that are read at a time.
const BLOCK: usize = 1 << 20;
/// A smaller part of a block is not worth a thread.
const SMALLEST_PART: usize = BLOCK / 16;
/// More threads would wait for the one that puts everything together.
const MOST_THREADS: usize = 8;
/// No line is longer: one of the journal has eight histograms of at most a megabyte.
const LONGEST_LINE: usize = 64 << 20;

/// Understands lines. Each thread has one of its own.
pub(super) trait LineReader {
    /// What a line holds.
    type Found: Send + 'static;

    /// Reads one line; `None` for those that hold nothing.
    fn line(&mut self, line: &str) -> Option<Result<Self::Found, String>>;
}

/// Calls `add` with what each line holds. `Some` when the last line is bad and has no end, as
/// a kill leaves it: it says what is wrong. Any other bad line is an error.
pub(super) fn read<R: LineReader>(
    source: impl Read,
    reader: impl Fn() -> R + Sync,
    add: impl FnMut(R::Found) -> Result<(), String>,
) -> Result<Option<String>, String> {
    read_blocks(Blocks { source, size: BLOCK, rest: Vec::new() }, SMALLEST_PART, &reader, add)
}

/// One block is added up while the next one is understood: what costs most is in the other
/// threads, and no more than two blocks are in memory.
fn read_blocks<R: LineReader>(
    mut blocks: Blocks<impl Read>,
    smallest_part: usize,
    reader: &(impl Fn() -> R + Sync),
    add: impl FnMut(R::Found) -> Result<(), String>,
) -> Result<Option<String>, String> {
    let mut adding = Adding { add, before: 0, torn: None };
    let mut understood: Option<Understood<R::Found>> = None;
    loop {
        let block = blocks.next_block().map_err(|error| error.to_string());
        let next = match (&block, understood.take()) {
            (Ok(Some(block)), Some(last)) => thread::scope(|scope| {
                let next = start(scope, block, smallest_part, reader)?;
                adding.block(last)?;
                Ok::<_, String>(next.finish())
            }),
            (Ok(Some(block)), None) => {
                thread::scope(|scope| Ok(start(scope, block, smallest_part, reader)?.finish()))
            }
            (Ok(None) | Err(_), last) => {
                last.map_or(Ok(()), |last| adding.block(last))?;
                block?;
                return Ok(adding.torn);
            }
        };
        understood = Some(next?);
    }
}

/// What is understood of a block.
struct Understood<F> {
    parts: Vec<Chunk<F>>,
    /// Whether its last line has an end.
    is_ended: bool,
}

/// Hands over what was understood, in its order.
struct Adding<A> {
    add: A,
    /// Lines of the blocks before.
    before: usize,
    torn: Option<String>,
}

impl<A> Adding<A> {
    fn block<F>(&mut self, block: Understood<F>) -> Result<(), String>
    where
        A: FnMut(F) -> Result<(), String>,
    {
        for part in block.parts {
            for (number, line) in part.found {
                let index = self.before + number + 1;
                match line {
                    Ok(found) => {
                        (self.add)(found).map_err(|what| format!("line {index}: {what}"))?;
                    }
                    Err(error) => {
                        let what = format!("line {index}: {error}");
                        if block.is_ended || number + 1 < part.lines {
                            return Err(what);
                        }
                        self.torn = Some(what);
                    }
                }
            }
            self.before += part.lines;
        }
        Ok(())
    }
}

/// The text of a block; its end may be in the middle of a letter.
fn whole_letters(block: &[u8]) -> Result<&str, String> {
    let not_text = || "not UTF-8".to_owned();
    match str::from_utf8(block) {
        Ok(text) => Ok(text),
        Err(error) if error.error_len().is_none() => {
            str::from_utf8(&block[..error.valid_up_to()]).map_err(|_| not_text())
        }
        Err(_) => Err(not_text()),
    }
}

/// A file in blocks that end with a line.
struct Blocks<R> {
    source: R,
    size: usize,
    rest: Vec<u8>,
}

impl<R: Read> Blocks<R> {
    fn next_block(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut block = std::mem::take(&mut self.rest);
        loop {
            let more = self.source.by_ref().take(self.size as u64).read_to_end(&mut block)?;
            if more == 0 {
                return Ok((!block.is_empty()).then_some(block));
            }
            if let Some(end) = block.iter().rposition(|byte| *byte == b'\n') {
                self.rest = block.split_off(end + 1);
                return Ok(Some(block));
            }
            if block.len() > LONGEST_LINE {
                return Err(io::Error::other("a line beyond all reason"));
            }
        }
    }
}

/// Some consecutive lines: how many, and those that hold something, by their place.
struct Chunk<F> {
    lines: usize,
    found: Vec<(usize, Result<F, String>)>,
}

/// A thread that understands a part, if it could be had.
type Thread<'scope, F> = io::Result<ScopedJoinHandle<'scope, Chunk<F>>>;

/// The parts of a block that is being understood.
struct Started<'scope, 't, R: LineReader, M> {
    first: &'t str,
    others: Vec<(&'t str, Thread<'scope, R::Found>)>,
    reader: &'t M,
    is_ended: bool,
}

/// Begins to understand a block on all cores.
fn start<'scope, 't: 'scope, R: LineReader, M: Fn() -> R + Sync>(
    scope: &'scope Scope<'scope, '_>,
    block: &'t [u8],
    smallest_part: usize,
    reader: &'t M,
) -> Result<Started<'scope, 't, R, M>, String> {
    let text = whole_letters(block)?;
    let cores = thread::available_parallelism().map_or(1, NonZero::get).min(MOST_THREADS);
    let mut parts = split(text, cores.min(text.len() / smallest_part));
    let first = parts.remove(0);
    let others = parts.into_iter().map(|part| {
        let parse = move || parse(part, reader());
        (part, thread::Builder::new().spawn_scoped(scope, parse))
    });
    Ok(Started { first, others: others.collect(), reader, is_ended: text.ends_with('\n') })
}

impl<R: LineReader, M: Fn() -> R> Started<'_, '_, R, M> {
    fn finish(self) -> Understood<R::Found> {
        let mut parts = vec![parse(self.first, (self.reader)())];
        parts.extend(self.others.into_iter().map(|(part, thread)| match thread {
            Ok(thread) => thread.join().expect("parsing never panics"),
            // A thread that cannot be had costs time only.
            Err(_) => parse(part, (self.reader)()),
        }));
        Understood { parts, is_ended: self.is_ended }
    }
}

/// About equal parts of whole lines; one of nothing, too.
fn split(text: &str, parts: usize) -> Vec<&str> {
    let each = text.len() / parts.max(1);
    let (mut all, mut rest) = (Vec::new(), text);
    while !rest.is_empty() || all.is_empty() {
        let wanted = each.min(rest.len());
        let end = rest.as_bytes()[wanted..].iter().position(|byte| *byte == b'\n');
        let (part, after) = rest.split_at(end.map_or(rest.len(), |end| wanted + end + 1));
        all.push(part);
        rest = after;
    }
    all
}

fn parse<R: LineReader>(text: &str, mut reader: R) -> Chunk<R::Found> {
    let mut part = Chunk { lines: 0, found: Vec::new() };
    for line in text.lines() {
        if let Some(line) = reader.line(line) {
            part.found.push((part.lines, line));
        }
        part.lines += 1;
    }
    part
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::histogram::Sparse;
    use crate::record::interval::StepTimes;
    use crate::record::interval_log::{LogDecoder, LogEncoder};
    use crate::record::phase::Phase;

    struct Histograms(LogDecoder);

    impl LineReader for Histograms {
        type Found = (u32, Sparse);

        fn line(&mut self, line: &str) -> Option<Result<(u32, Sparse), String>> {
            let found = self.0.parse(line).map_err(|bad| bad.to_string()).transpose()?;
            Some(found.map(|line| (line.second, line.times)))
        }
    }

    /// So many histograms, each of a second of its own.
    fn log(lines: u32) -> String {
        let times = StepTimes::of([(Phase::Response, response())]);
        let mut line = String::new();
        LogEncoder::default().append(&mut line, "a", 0, &times);
        let of = |second| line.replacen(",0.000,", &format!(",{second}.000,"), 1);
        LogEncoder::header("made", 0) + &(0..lines).map(of).collect::<String>()
    }

    fn response() -> Sparse {
        Sparse::from_counts([(17, 3)])
    }

    fn seconds(text: &[u8]) -> Result<(Vec<u32>, Option<String>), String> {
        let mut seconds = Vec::new();
        let blocks = Blocks { source: text, size: SIZE, rest: Vec::new() };
        let torn = read_blocks(blocks, SIZE / 8, &|| Histograms(LogDecoder::default()), |found| {
            assert_eq!(found.1, response());
            seconds.push(found.0);
            Ok(())
        })?;
        Ok((seconds, torn))
    }

    /// Of a block.
    const SIZE: usize = 1 << 10;
    /// Several blocks of several parts.
    const MANY: u32 = 50;

    #[test]
    fn all_lines_come_in_their_order() {
        for lines in [0, 1, 5, MANY] {
            let (found, torn) = seconds(log(lines).as_bytes()).unwrap();
            assert_eq!((found, torn), ((0..lines).collect(), None));
        }
    }

    #[test]
    fn a_bad_line_has_its_number_wherever_it_is() {
        let text = log(MANY);
        assert!(text.len() > 3 * SIZE, "{}", text.len());
        for at in [0, 4, 20, MANY - 2] {
            let bad = text.replacen(&format!(",{at}.000,1.000,"), &format!(",{at}.000,"), 1);
            let what = seconds(bad.as_bytes()).unwrap_err();
            assert_eq!(what, format!("line {}: a field is missing", at + 5));
        }
    }

    #[test]
    fn only_the_last_line_may_be_torn() {
        let text = log(20);
        let (found, torn) = seconds(&text.as_bytes()[..text.len() - 9]).unwrap();
        assert_eq!(found.len(), 19);
        assert!(torn.unwrap().starts_with("line 24: "));
        let ended = [&text.as_bytes()[..text.len() - 9], b"\n"].concat();
        assert!(seconds(&ended).unwrap_err().starts_with("line 24: "), "no kill ends a line");
    }

    #[test]
    fn an_end_in_the_middle_of_a_letter_is_a_torn_line() {
        let text = log(3) + "Tag=\u{fc}";
        let (found, torn) = seconds(&text.as_bytes()[..text.len() - 1]).unwrap();
        assert_eq!(found.len(), 3);
        assert!(torn.unwrap().starts_with("line 8: "));
        let inside = [text.as_bytes(), b"\xff", text.as_bytes()].concat();
        assert_eq!(seconds(&inside).unwrap_err(), "not UTF-8");
    }

    #[test]
    fn parts_are_whole_lines_and_all_of_them() {
        let text = log(100);
        for parts in 0..10 {
            let all = split(&text, parts);
            assert_eq!(all.concat(), text);
            assert!((1..=parts.max(1)).contains(&all.len()), "{parts}: {}", all.len());
            assert!(all.iter().all(|part| part.ends_with('\n')));
        }
    }
}
