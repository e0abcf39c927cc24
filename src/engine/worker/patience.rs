//! Whether a worker may leave answers unread for a moment.
//!
//! To be woken costs more than all else that a request takes. Where the kernel stamps what
//! arrives, an answer is no later for being read later, so nobody has to wake up for it: the
//! worker sleeps until something is *due* and reads then what has come meanwhile. Some answers
//! do need it at once, and as long as one of those is awaited the worker wakes for all:
//!
//! * one that a next request follows without thinking, or hardly any: that would be sent late;
//! * one for which others wait, as there is no connection left for them;
//! * one that is not there as a whole yet, or needs a new connection;
//! * one of a step whose answers are long (the target can send no more than fits into the
//!   socket), come in pieces (the stamp of what is read at once is that of its last piece, and
//!   the first byte's would be lost), or end with the connection (the kernel stamps no end).
//!
//! How a step's answers are is seen in its first ones, and in one of so many later on.
//!
//! What follows an answer on its connection, the connection's end or bytes that nobody asked for,
//! would be read together with it, and the stamp is that of what comes last. So where a target
//! does that, the next answers are all read at once, whatever the step.

use crate::scenario::model::{Action, Flow, StepId};

/// How long an answer lies unread at most, in nanoseconds.
pub(super) const UNREAD: u64 = 2_000_000;
/// Who thinks for less is sent on late if the answer is read late, in nanoseconds.
const SHORT_THINKING: u64 = 2 * UNREAD;
/// Answers of a step that are looked at first.
const FIRST: u32 = 8;
/// One of so many is looked at later on.
const ONE_OF: u32 = 16;
/// A longer body may have waited for room in the socket, in bytes.
const LONG_BODY: u64 = 32 * 1024;
/// From the first byte to the last, in nanoseconds: a longer one shows in the first byte's time.
const IN_PIECES: u64 = 100_000;

/// So many answers are read at once after one that something followed.
const WARY: u32 = 64;
/// What comes so soon after an answer follows it, in nanoseconds.
pub(super) const SOON: u64 = 3 * UNREAD;

/// How an answer came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    /// Bytes of its body.
    pub(super) body: u64,
    /// From the first byte to the last, in nanoseconds.
    pub(super) spread: u64,
    /// Whether the end of the connection was its end.
    pub(super) ends_by_close: bool,
    /// Whether something follows it: an end that has come or was announced, or more bytes.
    pub(super) is_followed: bool,
}

/// What a worker knows of how answers come.
#[derive(Debug)]
pub(super) struct Patience {
    /// Whether the kernel stamps what arrives.
    is_stamped: bool,
    /// Requests under way whose answers are read at once.
    hurried: usize,
    /// Answers that are still read at once because something may follow them.
    wary: u32,
    habits: Vec<Habit>,
}

/// How the answers of a step come.
#[derive(Debug, Clone, Default)]
struct Habit {
    asked: u32,
    is_hurried: bool,
}

impl Patience {
    /// For so many steps.
    pub(super) fn new(is_stamped: bool, steps: usize) -> Patience {
        Patience { is_stamped, hurried: 0, wary: 0, habits: vec![Habit::default(); steps] }
    }

    /// Whether no answer has to be read at once.
    pub(super) fn is_patient(&self) -> bool {
        self.is_stamped && self.hurried == 0 && self.wary == 0
    }

    /// A step is asked for; whether its answer has to be read at once.
    pub(super) fn asks(&mut self, step: StepId) -> bool {
        let habit = &mut self.habits[step.index()];
        habit.asked = habit.asked.wrapping_add(1);
        habit.is_hurried || habit.asked <= FIRST || habit.asked.is_multiple_of(ONE_OF)
    }

    /// An answer has come.
    pub(super) fn learn(&mut self, step: StepId, manner: Manner) {
        let needs_it = manner.ends_by_close || manner.body > LONG_BODY || manner.spread > IN_PIECES;
        self.habits[step.index()].is_hurried |= needs_it;
        self.wary = self.wary.saturating_sub(1);
        if manner.is_followed {
            self.beware();
        }
    }

    /// Something has followed an answer within moments.
    pub(super) fn beware(&mut self) {
        self.wary = WARY;
    }

    /// One more answer that has to be read at once.
    pub(super) fn hurry(&mut self) {
        self.hurried += 1;
    }

    /// One less.
    pub(super) fn calm(&mut self) {
        self.hurried -= 1;
    }
}

/// Whether what follows an answer, the action at a place of its flow, has to be begun at once;
/// `after_the_last`: whether anything follows the flow's last answer.
pub(super) fn is_followed_at_once(flow: &Flow, next: usize, after_the_last: bool) -> bool {
    match flow.actions.get(next) {
        None => after_the_last,
        Some(Action::Think(think)) => (think.shortest().as_nanos() as u64) < SHORT_THINKING,
        Some(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: StepId = StepId(0);
    const PLAIN: Manner = Manner { body: 900, spread: 0, ends_by_close: false, is_followed: false };

    /// How many of the next hundred answers are read at once after some of a kind.
    fn hurried(manner: Manner) -> usize {
        let mut patience = Patience::new(true, 1);
        for _ in 0..FIRST {
            assert!(patience.asks(STEP), "the first ones are looked at");
            patience.learn(STEP, manner);
        }
        (0..96).filter(|_| patience.asks(STEP)).count()
    }

    #[test]
    fn answers_that_tell_their_times_by_themselves_are_looked_at_now_and_then() {
        assert_eq!(hurried(PLAIN), 6);
        assert_eq!(hurried(Manner { spread: IN_PIECES, body: LONG_BODY, ..PLAIN }), 6);
    }

    #[test]
    fn long_ones_those_in_pieces_and_those_that_end_by_close_are_read_at_once() {
        for manner in [
            Manner { body: LONG_BODY + 1, ..PLAIN },
            Manner { spread: IN_PIECES + 1, ..PLAIN },
            Manner { ends_by_close: true, ..PLAIN },
        ] {
            assert_eq!(hurried(manner), 96, "{manner:?}");
        }
    }

    #[test]
    fn an_answer_that_something_follows_makes_it_wary_for_a_while() {
        let mut patience = Patience::new(true, 1);
        patience.learn(STEP, Manner { is_followed: true, ..PLAIN });
        for _ in 0..WARY {
            assert!(!patience.is_patient());
            patience.learn(STEP, PLAIN);
        }
        assert!(patience.is_patient());
        patience.beware();
        assert!(!patience.is_patient());
    }

    #[test]
    fn one_that_is_in_a_hurry_is_enough_and_without_stamps_all_are() {
        let mut patience = Patience::new(true, 1);
        assert!(patience.is_patient());
        patience.hurry();
        patience.hurry();
        patience.calm();
        assert!(!patience.is_patient());
        patience.calm();
        assert!(patience.is_patient());
        assert!(!Patience::new(false, 1).is_patient());
    }
}
