//! When a worker wakes: with what is due, and later where that would only wait.

use super::Worker;
use super::patience::UNREAD;
use crate::units::Moment;

impl Worker {
    /// How long to sleep, whatever comes, in a turn that began at `now`: where there is much to
    /// do, and where no answer has to be read at once.
    pub(super) fn sleeps_until(&self, next: Moment, now: Moment) -> Option<Moment> {
        let patient = || self.patience.is_patient().then(|| self.unread_until(next, now));
        // Who waits for a connection waits for an answer, and so does each user of a closed load.
        let may_rest = self.queue.is_empty() && !self.source.waits_for_answers();
        self.pace.rest(now).filter(|_| may_rest).or_else(patient)
    }

    /// When to wake at the latest if no socket has anything, in a turn that began at `now`. Where
    /// there is much to do and others wait for a connection, who is due next only waits behind
    /// them.
    pub(super) fn wakes_at(&self, next: Moment, now: Moment) -> Moment {
        let only_waits = !self.queue.is_empty() && !self.source.waits_for_answers();
        self.pace.rest(now).filter(|_| only_waits).map_or(next, |rest| next.max(rest))
    }

    /// When answers are read that nobody waits for: with what is due next, or soon.
    pub(super) fn unread_until(&self, next: Moment, now: Moment) -> Moment {
        if self.iterations.is_empty() { next } else { next.min(Moment(now.0 + UNREAD)) }
    }
}
