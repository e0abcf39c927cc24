//! What the target prints: its last words in memory, the beginning in a log file.
//!
//! Bytes of any kind and amount come in from a pipe that must never fill up; lines
//! without control characters and without secrets go out. Memory is bounded, the
//! log is bounded, and a flood is read past rather than looked at.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{Read, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::scenario::model::Secrets;

/// How many lines are kept.
const LAST_LINES: usize = 20;
/// How many characters of each.
const LINE_CHARS: usize = 500;
/// How much of a line is looked at. Twice what is shown, and more, so that a secret at
/// the border is seen as a whole before the line is cut.
const LINE_BYTES: usize = 16 * 1024;
/// How many bytes the log may have.
const LOG_BYTES: usize = 10_000_000;
const CHUNK: usize = 64 * 1024;

/// The output of a running target.
pub(crate) struct Output {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    last: VecDeque<String>,
    ended: bool,
}

impl Output {
    /// Reads the pipe to its end on a thread of its own.
    pub(crate) fn collect(
        mut pipe: impl Read + Send + 'static,
        log: Option<File>,
        secrets: Secrets,
    ) -> Arc<Output> {
        let output = Arc::new(Output { state: Mutex::default(), changed: Condvar::new() });
        let reader = Arc::clone(&output);
        thread::spawn(move || {
            let mut lines = Lines::new(secrets);
            let mut log = Log { file: log, room: LOG_BYTES };
            let mut chunk = vec![0; CHUNK];
            while let Ok(length @ 1..) = pipe.read(&mut chunk) {
                reader.take(&chunk[..length], &mut lines, &mut log);
            }
            reader.keep(&lines.finish(), &mut log);
            reader.lock().ended = true;
            reader.changed.notify_all();
        });
        output
    }

    /// The last lines, oldest first.
    pub(crate) fn last_words(&self) -> Vec<String> {
        self.lock().last.iter().cloned().collect()
    }

    /// Waits until everybody has closed the pipe and all is read, at most so long.
    pub(crate) fn wait_for_end(&self, at_most: Duration) {
        let waiting = self.changed.wait_timeout_while(self.lock(), at_most, |s| !s.ended);
        drop(waiting);
    }

    fn take(&self, mut chunk: &[u8], lines: &mut Lines, log: &mut Log) {
        if log.file.is_none() && chunk.len() > LINE_BYTES {
            chunk = &chunk[chunk.len() - LINE_BYTES..];
            lines.skip_to_next();
        }
        self.keep(&lines.take(chunk), log);
    }

    fn keep(&self, lines: &[String], log: &mut Log) {
        log.write(lines);
        let mut state = self.lock();
        for line in &lines[lines.len().saturating_sub(LAST_LINES)..] {
            if state.last.len() == LAST_LINES {
                state.last.pop_front();
            }
            state.last.push_back(line.chars().take(LINE_CHARS).collect());
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Cuts bytes into clean lines.
struct Lines {
    secrets: Secrets,
    begun: Vec<u8>,
    /// Whether the rest of the current line is left out.
    skipping: bool,
}

impl Lines {
    fn new(secrets: Secrets) -> Lines {
        Lines { secrets, begun: Vec::new(), skipping: false }
    }

    /// What comes next is not the continuation of what came last.
    fn skip_to_next(&mut self) {
        self.begun.clear();
        self.skipping = true;
    }

    fn take(&mut self, chunk: &[u8]) -> Vec<String> {
        let mut complete = Vec::new();
        for piece in chunk.split_inclusive(|byte| *byte == b'\n') {
            let text = piece.strip_suffix(b"\n");
            self.append(text.unwrap_or(piece));
            if text.is_some() {
                complete.extend(self.end_line());
            }
        }
        complete
    }

    fn append(&mut self, text: &[u8]) {
        if !self.skipping {
            let room = LINE_BYTES - self.begun.len();
            self.begun.extend_from_slice(&text[..text.len().min(room)]);
        }
    }

    fn end_line(&mut self) -> Option<String> {
        if std::mem::take(&mut self.skipping) {
            return None;
        }
        let line = self.secrets.redact(&clean(&self.begun));
        self.begun.clear();
        Some(line.chars().take(LINE_BYTES / 2).collect())
    }

    fn finish(mut self) -> Vec<String> {
        if self.begun.is_empty() { Vec::new() } else { self.end_line().into_iter().collect() }
    }
}

/// The text without colours, other control sequences and what turns text around.
fn clean(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let mut chars = text.chars();
    let mut clean = String::with_capacity(text.len());
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => skip_escape(&mut chars),
            '\t' => clean.push(' '),
            c if c.is_control() || turns_text(c) => {}
            c => clean.push(c),
        }
    }
    clean
}

/// Leaves out the rest of a control sequence such as `ESC [ 31 m`.
fn skip_escape(chars: &mut std::str::Chars<'_>) {
    if chars.as_str().starts_with('[') {
        chars.next();
        // Parameters are below '@'; the first character from there on ends it.
        chars.find(|c| *c >= '@');
    }
}

/// Marks that make a terminal show text in another order than it has.
fn turns_text(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The log file, as long as there is room.
struct Log {
    file: Option<File>,
    room: usize,
}

impl Log {
    fn write(&mut self, lines: &[String]) {
        let Some(file) = &mut self.file else { return };
        let text: String = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
        let end = text.len().min(self.room);
        let fits = end == text.len();
        let written = file.write_all(&text.as_bytes()[..end]);
        self.room -= end;
        if !fits {
            let _ = file.write_all(b"\n[the rest of the output is left out]\n");
        }
        if !fits || written.is_err() {
            self.file = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_of(chunks: &[&[u8]], secret: &str) -> Vec<String> {
        let mut secrets = Secrets::default();
        secrets.add(secret);
        let mut lines = Lines::new(secrets);
        let mut all: Vec<String> = chunks.iter().flat_map(|chunk| lines.take(chunk)).collect();
        all.extend(lines.finish());
        all
    }

    #[track_caller]
    fn check(chunks: &[&[u8]], expected: &[&str]) {
        assert_eq!(lines_of(chunks, "hunter22"), expected, "{chunks:?}");
    }

    #[test]
    fn bytes_become_clean_lines() {
        check(&[b"one\ntwo\n"], &["one", "two"]);
        check(&[b"on", b"e\r\n\nthr", b"ee"], &["one", "", "three"]);
        check(&[b"\x1b[1;31merror\x1b[0m\tat\x07 x\n"], &["error at x"]);
        check(&["\u{202e}evil\u{200f}\n".as_bytes()], &["evil"]);
        check(&[b"\xff\xfe\x00ok\x1b[\n"], &["\u{fffd}\u{fffd}ok"]);
        check(&[b"password hunt", b"er22!\n"], &["password [redacted]!"]);
    }

    #[test]
    fn a_secret_at_the_border_of_a_cut_line_is_not_shown_in_part() {
        for shift in 0..8 {
            let mut line = vec![b'x'; LINE_BYTES - shift];
            line.extend_from_slice(b"hunter22\n");
            let shown = lines_of(&[&line], "hunter22").concat();
            assert!(!shown.contains('h'), "{shift}");
            assert!(shown.len() <= LINE_BYTES / 2);
        }
    }

    #[test]
    fn a_flood_without_a_log_leaves_whole_last_lines() {
        let mut flood = vec![b'x'; 3 * CHUNK];
        flood.extend((0..5_000).flat_map(|n| format!("line {n}\n").into_bytes()));
        let output = Output::collect(std::io::Cursor::new(flood), None, Secrets::default());
        output.wait_for_end(Duration::from_secs(10));
        let expected: Vec<String> = (4_980..5_000).map(|n| format!("line {n}")).collect();
        assert_eq!(output.last_words(), expected);
    }

    #[test]
    fn the_log_ends_where_it_may_not_grow() {
        let path = tempfile::NamedTempFile::new().unwrap();
        let line = "y".repeat(999) + "\n";
        let flood = line.repeat(LOG_BYTES / 1_000 + 50);
        let file = path.reopen().unwrap();
        let output = Output::collect(std::io::Cursor::new(flood), Some(file), Secrets::default());
        output.wait_for_end(Duration::from_secs(20));
        let log = std::fs::read_to_string(path.path()).unwrap();
        assert!(log.ends_with("[the rest of the output is left out]\n"));
        assert!(log.len() < LOG_BYTES + 100 && log.len() > LOG_BYTES - 100);
        assert_eq!(output.last_words().len(), LAST_LINES);
    }
}
