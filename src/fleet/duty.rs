//! A share that an agent carries out: from the answer to its last word.
//!
//! | state | ends by | next |
//! | --- | --- | --- |
//! | ready | a beat that says when to start | at work, or too late |
//! | ready | no beat for a while, or one that says that it is over | given back |
//! | at work | the schedule's end, an order, a signal, the lease | telling |
//! | telling | a beat that says that all is known | done |

use std::cell::RefCell;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, UNIX_EPOCH};

use crate::engine::lease::Lease;
use crate::engine::plan::{Given, Start};
use crate::engine::transport::clock::ReceiveClock;
use crate::experiment::carry::carry_out;
use crate::experiment::control::Control;
use crate::experiment::share::Share;
use crate::fleet::at_work::AtWork;
use crate::fleet::clocks::Clocks;
use crate::fleet::heeded::Heeded;
use crate::fleet::link::{Heard, Link};
use crate::fleet::publisher::{self, Room, Trouble};
use crate::fleet::roster::LEASE;
use crate::fleet::steering::Steering;
use crate::fleet::wire::{self, Alive, Beat, Cause, Go, Last, Offer};
use crate::record::failures::EXCHANGES_FILE;
use crate::record::run::{EndReason, RunRecord};
use crate::scenario::model::Scenario;
use crate::units::Moment;

/// For so long an agent that is ready waits for a beat.
const FORGOTTEN: Duration = Duration::from_secs(10);
/// How often it says that it lives.
const ALIVE: Duration = Duration::from_millis(250);
/// How often it looks at everything.
const LOOK: Duration = Duration::from_millis(20);
/// How often it compares clocks while it works.
const COMPARE: Duration = Duration::from_secs(1);
/// Whoever hears so late when to start cannot be there in time.
const LATEST: Duration = Duration::from_millis(50);
/// For so long an agent keeps what it has told, until the coordinator says that it has it.
const KEEPING: Duration = Duration::from_secs(150);
/// For so long whoever was told to end waits for somebody who can be told.
const LEAVING: Duration = Duration::from_secs(5);
/// Exchanges that failed, in bytes, are told up to here.
const FAILURES: usize = 256 * 1024;

/// A share that was accepted.
pub struct Duty<'d> {
    /// The connection.
    pub link: &'d Arc<Link>,
    /// Who we are.
    pub agent: &'d str,
    /// What was offered.
    pub offer: Offer,
    /// The scenario, its target being elsewhere.
    pub scenario: Arc<Scenario>,
    /// What stamps the arrival of bytes.
    pub receive_clock: ReceiveClock,
    /// How much of what cannot be told is kept.
    pub room: Room,
    /// Where its own record may be meanwhile.
    pub folder: PathBuf,
    /// Beats of the coordinator.
    pub beats: Receiver<Heard>,
    /// Whose beats count.
    pub heeded: RefCell<Heeded>,
    /// Ends the load.
    pub control: Control,
    /// How far the clocks are apart.
    pub clocks: Clocks,
}

/// How a share ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// The coordinator has all that was learnt.
    Confirmed,
    /// It was given back before it began, or nobody wants to know of it any more.
    Forgotten,
    /// It was told to end while nobody could be told.
    Untold,
}

impl Duty<'_> {
    /// Will not be carried out.
    pub fn give_back(self) {
        let _ = fs::remove_dir_all(&self.folder);
    }

    /// Carries it out.
    pub fn run(self) -> Done {
        let Some(go) = self.wait_for_start() else { return Done::Forgotten };
        let trouble = Trouble::default();
        let done = match self.begin(go, &trouble) {
            Ok(work) => self.work(work, &trouble),
            Err(cause) => self.tell_last(cause, 0, None),
        };
        let _ = fs::remove_dir_all(&self.folder);
        done
    }

    fn next_beat(&self) -> Option<Beat> {
        let heard = match self.beats.recv_timeout(LOOK) {
            Ok(heard) => heard,
            Err(RecvTimeoutError::Timeout) => return None,
            Err(RecvTimeoutError::Disconnected) => {
                thread::sleep(LOOK);
                return None;
            }
        };
        wire::read::<Beat>(&heard.said).filter(|beat| self.heeded.borrow_mut().heeds(beat))
    }

    fn wait_for_start(&self) -> Option<Go> {
        let (mut heard, mut said) = (Instant::now(), Instant::now());
        while heard.elapsed() < FORGOTTEN && self.control.ended().is_none() {
            if said.elapsed() >= ALIVE {
                said = Instant::now();
                self.say_alive(false, None);
            }
            let Some(beat) = self.next_beat() else { continue };
            heard = Instant::now();
            if beat.over || beat.stop.is_some() {
                return None;
            }
            if beat.go.is_some() {
                return beat.go;
            }
        }
        None
    }

    /// Starts the load, if there is time to.
    fn begin(&self, go: Go, trouble: &Trouble) -> Result<AtWork, Cause> {
        let failed = |why: &str| Cause::Failed(why.to_owned());
        let (offset, _) = self.clocks.offset().ok_or_else(|| failed("its clock is not known"))?;
        let at =
            go.at.checked_add_signed(-offset).ok_or_else(|| failed("its clock is not known"))?;
        let at = self.clocks.own().instant(at);
        let ahead = at.saturating_duration_since(Instant::now());
        if ahead < LATEST {
            return Err(Cause::Late(at.elapsed().as_millis() as u64 + 1));
        }
        let start = Start {
            on_the_wall: UNIX_EPOCH + Duration::from_nanos(go.wall_ns),
            at,
            process: self.offer.process,
        };
        let (tell, lines) = channel();
        let lease = Lease::until(Moment(LEASE.as_nanos() as u64));
        let given = self.given(&go)?;
        let (slots, iterations) = (self.offer.slots, self.iterations());
        let share = Share { slots, start, iterations, given, lease: lease.clone(), tell };
        let (scenario, folder) = (Arc::clone(&self.scenario), self.folder.clone());
        let (control, receive_clock) = (self.control.clone(), self.receive_clock);
        let steering = Steering::of(self.offer.stay.as_ref());
        let mut keep = steering.listener();
        let telling = self.tell_ticks(lines, trouble.clone());
        let telling = telling.map_err(|error| Cause::Failed(error.to_string()))?;
        let load = thread::spawn(move || {
            carry_out(&share, &scenario, &folder, (&control, receive_clock), &mut keep)
                .map_err(|error| error.to_string())
        });
        Ok(AtWork { load, telling, lease, start: at, go, offset, steering })
    }

    fn iterations(&self) -> u64 {
        self.offer.stay.as_ref().map_or(0, |stay| stay.load.iterations)
    }

    /// What every user knows; a variable that the scenario does not have is none of ours.
    fn given(&self, go: &Go) -> Result<Given, Cause> {
        let known = |known: &wire::Known| {
            let (variable, value) = known.value();
            let is_there = variable.index() < self.scenario.variables.len();
            is_there.then_some((variable, value))
        };
        let given: Option<Vec<_>> = go.given.iter().map(known).collect();
        let unknown = || Cause::Failed("it was given values of variables that are none".to_owned());
        given.map(Arc::new).ok_or_else(unknown)
    }

    fn tell_ticks(
        &self,
        lines: Receiver<Vec<u8>>,
        trouble: Trouble,
    ) -> io::Result<JoinHandle<Result<u32, String>>> {
        let (link, control) = (Arc::clone(self.link), self.control.clone());
        let subject = wire::ticks(&self.offer.run, self.agent);
        let room = self.room;
        let telling = move || {
            let mut put = |_: u32, line: &[u8]| link.put(&subject, line);
            let told = publisher::publish(&lines, room, &trouble, &mut put);
            if told.is_err() {
                control.drain(Duration::ZERO);
            }
            told
        };
        thread::Builder::new().name("telling".to_owned()).spawn(telling)
    }

    /// Keeps the lease, does as it is told, and says that it lives, until the load has ended.
    fn work(&self, work: AtWork, trouble: &Trouble) -> Done {
        let (mut work, comparing) = (work, self.keep_comparing());
        let (mut said, mut cause, mut last) = (Instant::now(), None, None);
        while !work.load.is_finished() {
            if let Some(beat) = self.next_beat() {
                if self.heeded.borrow().renews() {
                    work.renew(&beat);
                }
                // Somebody else counts what we do not send any more.
                if cause.is_none() && self.is_done(&beat) {
                    cause = Some(Cause::GivenUp);
                    work.lease.end();
                    self.control.drain(Duration::ZERO);
                }
                if let Some(left) = beat.stop.filter(|_| cause.is_none()) {
                    cause = Some(Cause::Ordered);
                    self.control.drain(Duration::from_millis(left));
                }
                let now = work.now();
                let refused = work.steering.obey(&beat.orders, now, &self.control);
                if let Some(why) = refused.filter(|_| cause.is_none()) {
                    cause = Some(Cause::Failed(why));
                    self.control.drain(Duration::ZERO);
                }
            }
            let now = work.now();
            let is_known = matches!(cause, Some(Cause::LeaseOver | Cause::GivenUp));
            if work.lease.has_run_out(now) && Instant::now() > work.start && !is_known {
                cause = Some(Cause::LeaseOver);
                self.control.drain(Duration::ZERO);
            }
            if cause.is_none() && self.control.ended().is_some() {
                cause = Some(Cause::Stopped);
            }
            let passed = work.steering.passed();
            let latest = passed.last().map(|passed| passed.second);
            if said.elapsed() >= ALIVE || latest != last {
                (said, last) = (Instant::now(), latest);
                let trouble = trouble.now();
                self.say(&Alive { trouble, passed, ..self.alive(true, Some(work.offset)) });
            }
        }
        drop(comparing);
        let AtWork { load, telling, .. } = work;
        let record = load.join().unwrap_or_else(|_| Err("the load panicked".to_owned()));
        self.conclude(record, telling, cause, trouble)
    }

    /// All that was learnt is told; says the last word.
    fn conclude(
        &self,
        record: Result<RunRecord, String>,
        telling: JoinHandle<Result<u32, String>>,
        cause: Option<Cause>,
        trouble: &Trouble,
    ) -> Done {
        let since = Instant::now();
        let (mut said, mut heard) = (since, since);
        while !telling.is_finished() {
            let beat = self.next_beat();
            if beat.is_some() {
                heard = Instant::now();
            }
            self.excuse_silence(since, &mut heard);
            let is_over = beat.is_some_and(|beat| beat.over) || heard.elapsed() > FORGOTTEN;
            if is_over || self.has_to_leave(heard) {
                trouble.is_in_vain();
            }
            if said.elapsed() >= ALIVE {
                said = Instant::now();
                self.say_alive(true, trouble.now());
            }
        }
        let told = telling.join().unwrap_or_else(|_| Err("telling panicked".to_owned()));
        let (cause, ticks) = match (&record, told) {
            (_, Err(why)) => (Cause::Failed(why), 0),
            (Err(why), Ok(ticks)) => (Cause::Failed(why.clone()), ticks),
            (Ok(_), Ok(ticks)) => (cause.unwrap_or(Cause::Finished), ticks),
        };
        self.tell_last(cause, ticks, record.ok())
    }

    fn tell_last(&self, cause: Cause, ticks: u32, record: Option<RunRecord>) -> Done {
        let whole = self.scenario.load.length().as_secs_f64();
        let end = record.and_then(|record| record.end);
        let used_up = end.as_ref().and_then(|end| match &end.reason {
            EndReason::RowsUsed { data } => {
                let cut_ns = (end.scheduled < whole).then_some((end.scheduled * 1e9) as u64);
                Some(wire::UsedUp { data: data.clone(), cut_ns })
            }
            _ => None,
        });
        let failures = fs::read_to_string(self.folder.join(EXCHANGES_FILE)).unwrap_or_default();
        let last = Last {
            epoch: self.offer.epoch.clone(),
            cause,
            ticks,
            iterations: end.as_ref().map_or(0, |end| end.iterations),
            completed: end.as_ref().map_or(0, |end| end.iterations_completed),
            handshakes: end.map(|end| end.handshakes).unwrap_or_default(),
            failures: whole_lines(&failures, FAILURES).to_owned(),
            used_up,
        };
        let said = wire::bytes(&last);
        let subject = wire::end(&self.offer.run, self.agent);
        let since = Instant::now();
        let (mut is_put, mut alive, mut heard) = (false, Instant::now(), Instant::now());
        while since.elapsed() < KEEPING && heard.elapsed() < FORGOTTEN {
            self.excuse_silence(since, &mut heard);
            if self.has_to_leave(heard) {
                return Done::Untold;
            }
            if !is_put {
                is_put = self.link.put(&subject, &said).is_ok();
            }
            if alive.elapsed() >= ALIVE {
                alive = Instant::now();
                let over = (!is_put).then(|| last.cause.clone());
                self.say(&Alive { over, ..self.alive(true, None) });
            }
            let Some(beat) = self.next_beat() else { continue };
            heard = Instant::now();
            if self.is_done(&beat) {
                return Done::Confirmed;
            }
            if beat.over {
                return Done::Forgotten;
            }
        }
        Done::Forgotten
    }

    /// Nobody can be heard without a server; what was learnt is kept until it is back.
    fn excuse_silence(&self, since: Instant, heard: &mut Instant) {
        if !self.link.is_connected() && since.elapsed() < KEEPING {
            *heard = Instant::now();
        }
    }

    /// Whether whoever ends us insists, or has waited while nobody can be told.
    fn has_to_leave(&self, heard: Instant) -> bool {
        let is_alone = !self.link.is_connected() || heard.elapsed() > LEAVING;
        self.control.is_insisted_on() || is_alone && self.control.was_asked(LEAVING)
    }

    /// Whether nothing more is expected of us.
    fn is_done(&self, beat: &Beat) -> bool {
        beat.done.iter().any(|agent| agent == self.agent)
    }

    /// Compares the clocks once a second, until what it returns is dropped.
    fn keep_comparing(&self) -> std::sync::mpsc::Sender<()> {
        let (until, ended) = channel::<()>();
        let (link, clocks) = (Arc::clone(self.link), self.clocks.clone());
        let run = self.offer.run.clone();
        thread::spawn(move || {
            while matches!(ended.recv_timeout(COMPARE), Err(RecvTimeoutError::Timeout)) {
                clocks.compare(&link, &run, 1);
            }
        });
        until
    }

    fn say_alive(&self, is_running: bool, trouble: Option<String>) {
        self.say(&Alive { trouble, ..self.alive(is_running, None) });
    }

    fn say(&self, alive: &Alive) {
        self.link.say(wire::alive(&self.offer.run, self.agent), wire::bytes(alive));
    }

    fn alive(&self, is_running: bool, offset: Option<i64>) -> Alive {
        let (now, bound_ns) = self.clocks.offset().unwrap_or((0, u64::MAX >> 1));
        // Whoever takes the other's clock to be further ahead than it is starts too early.
        let skew_ns = offset.map_or(0, |taken| now.saturating_sub(taken));
        let epoch = self.offer.epoch.clone();
        let passed = Vec::new();
        Alive { epoch, is_running, skew_ns, bound_ns, trouble: None, over: None, passed }
    }
}

/// Lines of a text up to a length.
fn whole_lines(text: &str, most: usize) -> &str {
    if text.len() <= most {
        return text;
    }
    let cut = text.as_bytes()[..most].iter().rposition(|byte| *byte == b'\n');
    cut.map_or("", |end| &text[..=end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_is_cut_after_a_line() {
        assert_eq!(whole_lines("one\ntwo\n", 100), "one\ntwo\n");
        assert_eq!(whole_lines("one\ntwo\n", 7), "one\n");
        assert_eq!(whole_lines("öne\ntwo\n", 2), "");
    }
}
