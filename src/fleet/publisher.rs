//! What a generator learns, into the stream: one tick after the other, each until the server has it.
//!
//! What the server refuses, or does not answer, is tried again, and what is learnt meanwhile waits in
//! memory, bounded in time and size. Beyond that the generator stops and names itself: a load whose
//! record is lacking is worth nothing.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// For so long something may wait.
const LONGEST: Duration = Duration::from_secs(150);
/// So many bytes may wait, if nothing else is said.
pub const MOST: usize = 64 * 1024 * 1024;
/// Between two tries.
const AGAIN: Duration = Duration::from_millis(250);
/// How often it is looked whether there is something.
const LOOK: Duration = Duration::from_millis(100);

/// What keeps a generator from telling what it learns, if anything does.
#[derive(Debug, Clone, Default)]
pub struct Trouble {
    what: Arc<Mutex<Option<String>>>,
    is_in_vain: Arc<AtomicBool>,
}

impl Trouble {
    /// What it is.
    pub fn now(&self) -> Option<String> {
        self.what.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Nobody wants to know any more: what is refused is not tried again.
    pub fn is_in_vain(&self) {
        self.is_in_vain.store(true, Ordering::Relaxed);
    }

    fn is(&self, what: Option<String>) {
        *self.what.lock().unwrap_or_else(PoisonError::into_inner) = what;
    }
}

/// How much may wait.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    longest: Duration,
    most: usize,
    again: Duration,
}

impl Default for Room {
    fn default() -> Self {
        Room { longest: LONGEST, most: MOST, again: AGAIN }
    }
}

impl Room {
    /// So many bytes.
    pub fn of(most: usize) -> Room {
        Room { most, ..Room::default() }
    }
}

/// Puts the tick of a number, once however often it is tried.
pub type Put<'p> = &'p mut dyn FnMut(u32, &[u8]) -> Result<(), String>;

/// Puts all that comes, numbered from 0, until whoever sends it is gone. Returns how many there were;
/// or why they cannot be put.
pub fn publish(
    lines: &Receiver<Vec<u8>>,
    room: Room,
    trouble: &Trouble,
    put: Put<'_>,
) -> Result<u32, String> {
    let (mut waiting, mut number) = (VecDeque::new(), 0);
    loop {
        let line = match waiting.pop_front() {
            Some(line) => line,
            None => match lines.recv_timeout(LOOK) {
                Ok(line) => line,
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => return Ok(number),
            },
        };
        let since = Instant::now();
        while let Err(why) = put(number, &line) {
            trouble.is(Some(why.clone()));
            take_up(lines, &mut waiting);
            let bytes: usize = waiting.iter().map(Vec::len).sum();
            if since.elapsed() >= room.longest
                || bytes > room.most
                || trouble.is_in_vain.load(Ordering::Relaxed)
            {
                return Err(format!("tick {number} could not be told: {why}"));
            }
            thread::sleep(room.again);
        }
        trouble.is(None);
        number += 1;
    }
}

fn take_up(lines: &Receiver<Vec<u8>>, waiting: &mut VecDeque<Vec<u8>>) {
    loop {
        match lines.try_recv() {
            Ok(line) => waiting.push_back(line),
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    const SMALL: Room =
        Room { longest: Duration::from_millis(60), most: 100, again: Duration::from_millis(5) };

    /// Of five lines, `refuses` says of each try whether it is refused.
    fn publish_five(
        size: usize,
        mut refuses: impl FnMut(usize) -> bool,
    ) -> (Result<u32, String>, Vec<(u32, u8)>, Trouble) {
        let (out, lines) = channel();
        (0..5).for_each(|byte| out.send(vec![byte; size]).unwrap());
        drop(out);
        let (mut put, mut tries, trouble) = (Vec::new(), 0, Trouble::default());
        let told = publish(&lines, SMALL, &trouble, &mut |number, line| {
            tries += 1;
            if refuses(tries) {
                return Err("full".to_owned());
            }
            put.push((number, line[0]));
            Ok(())
        });
        (told, put, trouble)
    }

    #[test]
    fn what_is_refused_for_a_while_is_told_in_its_order_all_the_same() {
        let (told, put, trouble) = publish_five(1, |tries| (2..5).contains(&tries));
        assert_eq!((told, trouble.now()), (Ok(5), None));
        assert_eq!(put, [(0, 0), (1, 1), (2, 2), (3, 3), (4, 4)]);
    }

    #[test]
    fn what_is_refused_for_too_long_or_grows_too_large_is_given_up_by_name() {
        let (told, put, trouble) = publish_five(1, |tries| tries > 2);
        assert_eq!(told, Err("tick 2 could not be told: full".to_owned()));
        assert_eq!((put.len(), trouble.now()), (2, Some("full".to_owned())));
        let mut tries = 0;
        let (told, ..) = publish_five(60, |_| {
            tries += 1;
            true
        });
        assert!(told.is_err());
        assert_eq!(tries, 1, "the other four are 240 bytes");
    }
}
