//! Reads an interval log: in blocks of whole lines, each on all cores.
//!
//! An hour of ten steps has some hundred thousand histograms, and nearly all the time goes
//! into unpacking them. Bytes come in; histograms go out in the order of the lines. Knows
//! nothing of steps and seconds; what becomes of a bad line is for the caller to say.

use std::io::{self, Read};
use std::num::NonZero;
use std::thread;

use crate::record::interval_log::{BadLine, LogDecoder, LogLine};

/// Bytes that are read at a time.
const BLOCK: usize = 4 << 20;
/// A smaller part of a block is not worth a thread.
const SMALLEST_PART: usize = BLOCK / 64;
/// More threads would wait for the one that puts everything together.
const MOST_THREADS: usize = 8;

/// Calls `add` with each histogram. `Some` when the last line, and no other, is bad: it says
/// what is wrong. A bad line before it is an error.
pub(super) fn read(
    source: impl Read,
    add: impl FnMut(LogLine<'_>) -> Result<(), String>,
) -> Result<Option<String>, String> {
    read_blocks(Blocks { source, size: BLOCK, rest: Vec::new() }, SMALLEST_PART, add)
}

fn read_blocks(
    mut blocks: Blocks<impl Read>,
    smallest_part: usize,
    mut add: impl FnMut(LogLine<'_>) -> Result<(), String>,
) -> Result<Option<String>, String> {
    let (mut before, mut bad) = (0, None);
    while let Some(block) = blocks.next_block().map_err(|error| error.to_string())? {
        if let Some(what) = bad {
            return Err(what);
        }
        let text = str::from_utf8(&block).map_err(|_| "not UTF-8".to_owned())?;
        for part in parsed(text, smallest_part) {
            for (number, line) in part.found {
                if let Some(what) = bad {
                    return Err(what);
                }
                match line {
                    Ok(line) => add(line)?,
                    Err(error) => bad = Some(format!("line {}: {error}", before + number + 1)),
                }
            }
            before += part.lines;
        }
    }
    Ok(bad)
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
        }
    }
}

/// Some consecutive lines: how many, and those that hold something, by their place.
struct Part<'a> {
    lines: usize,
    found: Vec<(usize, Result<LogLine<'a>, BadLine>)>,
}

fn parsed(text: &str, smallest_part: usize) -> Vec<Part<'_>> {
    let cores = thread::available_parallelism().map_or(1, NonZero::get).min(MOST_THREADS);
    let mut parts = split(text, cores.min(text.len() / smallest_part));
    let first = parts.remove(0);
    thread::scope(|scope| {
        let start = |part| (part, thread::Builder::new().spawn_scoped(scope, move || parse(part)));
        let others: Vec<_> = parts.into_iter().map(start).collect();
        let mut parts = vec![parse(first)];
        parts.extend(others.into_iter().map(|(part, thread)| match thread {
            Ok(thread) => thread.join().expect("parsing never panics"),
            // A thread that cannot be had costs time only.
            Err(_) => parse(part),
        }));
        parts
    })
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

fn parse(text: &str) -> Part<'_> {
    let mut decoder = LogDecoder::default();
    let mut part = Part { lines: 0, found: Vec::new() };
    for line in text.lines() {
        if let Some(line) = decoder.parse(line).transpose() {
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
    use crate::record::interval_log::LogEncoder;

    /// So many histograms, each of a second of its own.
    fn log(lines: u32) -> String {
        let times = StepTimes { response: response(), ..StepTimes::default() };
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
        let torn = read_blocks(blocks, SIZE / 8, |line| {
            assert_eq!(line.times, response());
            seconds.push(line.second);
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
