//! The record of a run whose coordinator was killed, completed by somebody else: what the journal has,
//! and what agents have told that nobody has confirmed.
//!
//! The load is not gone on with: it has ended by itself, or is ended. What fell due while the
//! coordinator was surely there is judged.
//!
//! | an agent | ends by |
//! | --- | --- |
//! | is awaited | its last word, and all ticks that it speaks of |
//! | is awaited | nobody having said anything for a while: lost |

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use crate::fleet::fault::FleetFault;
use crate::fleet::gathering::Desk;
use crate::fleet::hearing::Lives;
use crate::fleet::identity;
use crate::fleet::kept::{KEPT_FILE, Kept};
use crate::fleet::link::{Link, Via};
use crate::fleet::stream::{self, Said};
use crate::fleet::wire::{self, Alive, Cause, Last};
use crate::record::exchange;
use crate::record::generator::{GeneratorId, Lost};
use crate::record::handshakes::Handshakes;
use crate::record::interval::StepCounts;
use crate::record::run::{End, EndReason, RunRecord, Watcher};
use crate::record::store::claim::Claim;
use crate::record::store::reopen::Reopened;
use crate::record::store::{self, RunWriter};
use crate::record::told::TickReader;

/// So long nobody may say anything until whoever is awaited is lost: longer than a lease.
const SILENCE: Duration = Duration::from_secs(5);
/// How long it may take at most: agents keep what they have not told for as long.
const LONGEST: Duration = Duration::from_secs(180);
/// How often it is looked whether all is there.
const LOOK: Duration = Duration::from_millis(100);
/// What ended the coordinator, for all that is known: nothing else leaves a record without an end.
const KILLED: i32 = 9;

/// A record that is being completed.
struct Takeover {
    desk: Desk,
    kept: Kept,
    writer: RunWriter,
    reader: TickReader,
    lasts: Vec<Option<Last>>,
    /// Agents that told what cannot be, and what.
    wrong: Vec<Option<String>>,
    heard: Instant,
    /// Requests that were due less those that have an outcome.
    open: i64,
}

/// Completes the record of a folder; says how many of how many agents have told all.
pub fn complete(folder: &Path, via: &Via) -> Result<(usize, usize), FleetFault> {
    let unusable = |why: String| FleetFault::Incompletable(format!("{}: {why}", folder.display()));
    let claim = Claim::of(folder).ok_or_else(|| {
        unusable("the run is still under way: another loadgate writes into this folder".to_owned())
    })?;
    let record = store::read(folder).map_err(|error| unusable(error.to_string()))?;
    if record.end.is_some() {
        return Err(unusable("the run has ended, and its record is complete".to_owned()));
    }
    let kept = Kept::read(folder).map_err(|error| {
        unusable(format!("{KEPT_FILE}: {error}: no generators shared this run"))
    })?;
    if kept.agents.len() != record.head.generators.len() {
        return Err(unusable(format!("{KEPT_FILE} is of another run")));
    }
    let kept = followed(kept, &record, folder)?;
    let desk = Desk::take_over(Arc::new(Link::connect(via, "loadgate report", None)?), &kept)?;
    let from = record.seconds.last().map_or(0, |last| last + 1);
    let writer = Reopened::of(folder, &record, from, Some(claim))
        .and_then(|reopened| reopened.complete(&record))
        .map_err(|error| unusable(error.to_string()))?;
    let agents = kept.agents.len();
    let (lasts, wrong) = (vec![None; agents], vec![None; agents]);
    let open =
        record.seconds.range(..).flat_map(|second| second.counts()).map(|it| open(&it)).sum();
    let heard = Instant::now();
    let reader = TickReader::default();
    Takeover { desk, kept, writer, reader, lasts, wrong, heard, open }.run(folder)
}

/// With an epoch of our own, of which nobody can say afterwards that it is not known.
fn followed(mut kept: Kept, record: &RunRecord, folder: &Path) -> Result<Kept, FleetFault> {
    let unusable = |error: std::io::Error| FleetFault::Unreachable(error.to_string());
    // Of a second nothing is told before it has begun: whoever has heard of it was there then.
    let seen = record.seconds.last().unwrap_or(0);
    kept.until.get_or_insert(seen.saturating_sub(kept.spoilt));
    kept.epochs.push(identity::word().map_err(unusable)?);
    kept.write(folder).map_err(unusable)?;
    Ok(kept)
}

impl Takeover {
    fn run(mut self, folder: &Path) -> Result<(usize, usize), FleetFault> {
        let since = Instant::now();
        let mut told = vec![false; self.kept.agents.len()];
        while since.elapsed() < LONGEST && self.heard.elapsed() < SILENCE {
            match self.desk.inbox.recv_timeout(LOOK) {
                Ok(said) => self.take(said),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
            self.hear_who_lives();
            for (index, is_told) in told.iter_mut().enumerate() {
                if !*is_told && self.is_whole(index) {
                    *is_told = true;
                    let agent = self.kept.agents[index].clone();
                    self.desk.change(|beat| beat.done.push(agent));
                }
            }
            if told.iter().all(|is_told| *is_told) {
                break;
            }
        }
        let whole = told.iter().filter(|is_told| **is_told).count();
        let Takeover { desk, kept, writer, lasts, wrong, open, .. } = self;
        let found = Found { kept, lasts, wrong, open };
        found.finish(writer).map_err(|error| FleetFault::Incompletable(error.to_string()))?;
        // Nobody needs the rest any more.
        let _ = std::fs::remove_file(folder.join(KEPT_FILE));
        desk.close();
        Ok((whole, told.len()))
    }

    fn is_whole(&self, index: usize) -> bool {
        let ticks = self.writer.whole(GeneratorId(index as u16), 0);
        self.lasts[index].as_ref().is_some_and(|last| ticks == Some(last.ticks))
    }

    fn index_of(&self, subject: &str) -> Option<usize> {
        self.kept.agents.iter().position(|agent| wire::is_of(subject, agent))
    }

    fn hear_who_lives(&mut self) {
        while let Ok(lives) = self.desk.lives.try_recv() {
            let Lives::Agent(heard, _) = lives else { continue };
            let alive = wire::read::<Alive>(&heard.said);
            if alive.is_some_and(|alive| self.kept.epochs.contains(&alive.epoch)) {
                self.heard = Instant::now();
            }
        }
    }

    fn take(&mut self, said: Said) {
        match said {
            Said::Hello(_) => {}
            Said::Learnt { subject, said, receipt } => {
                let Some(index) = self.index_of(&subject) else {
                    return stream::confirm(&self.desk.link, &mut vec![receipt]);
                };
                self.heard = Instant::now();
                if subject == wire::end(&self.desk.run, &self.kept.agents[index]) {
                    let last = wire::read::<Last>(&said);
                    let last = last.filter(|last| self.kept.epochs.contains(&last.epoch));
                    self.lasts[index] = self.lasts[index].take().or(last);
                    return;
                }
                self.take_tick(index, &said);
                if self.writer.is_settled() {
                    stream::confirm(&self.desk.link, &mut vec![receipt]);
                }
            }
        }
    }

    /// What an agent tells of other slots than its own is not taken.
    fn take_tick(&mut self, index: usize, line: &[u8]) {
        let head = self.writer.head();
        let slots = head.generators[index].slots;
        let wrong = match self.reader.read(line, &head.series) {
            Ok(told) if told.tick.slots == slots && told.tick.claim == 0 => {
                let is_new = self.writer.take_told(&told);
                if is_new {
                    self.open += told.tick.parts.iter().map(|part| open(&part.counts)).sum::<i64>();
                }
                self.writer.refused().filter(|_| !is_new).map(str::to_owned)
            }
            Ok(_) => Some("a tick of slots that it does not have".to_owned()),
            Err(why) => Some(why),
        };
        self.wrong[index] = self.wrong[index].take().or(wrong);
    }
}

/// Requests that were due less those that have an outcome.
fn open(counts: &StepCounts) -> i64 {
    counts.planned.cast_signed() - counts.ended().cast_signed()
}

/// All that is there of a run.
struct Found {
    kept: Kept,
    lasts: Vec<Option<Last>>,
    wrong: Vec<Option<String>>,
    open: i64,
}

impl Found {
    fn finish(self, mut writer: RunWriter) -> Result<RunRecord, store::StoreError> {
        let steps = writer.head().steps.len();
        for last in self.lasts.iter().flatten() {
            let found = exchange::read(last.failures.as_bytes(), steps).unwrap_or_default();
            for exchange in found {
                writer.failures.append(exchange);
            }
        }
        let end = self.end(&writer);
        writer.finish(end)
    }

    fn end(&self, writer: &RunWriter) -> End {
        let head = writer.head();
        let lost = head.generators.iter().enumerate().filter_map(|(index, generator)| {
            let detail = self.lost(index, &generator.name, writer)?;
            Some(Lost { generator: GeneratorId(index as u16), detail, unsent: None })
        });
        let until = f64::from(self.kept.until.unwrap_or(0));
        let lasts = || self.lasts.iter().flatten();
        let teardown = "it was not done, as the coordinator was killed".to_owned();
        let fault = "the coordinator was killed; the record was completed afterwards from what the \
                     generators had told";
        End {
            reason: EndReason::Interrupted { signal: KILLED },
            scheduled: until.min(head.load.seconds()),
            seconds: until,
            abandoned: self.open.max(0).cast_unsigned(),
            iterations: lasts().map(|last| last.iterations).sum(),
            iterations_completed: lasts().map(|last| last.completed).sum(),
            handshakes: lasts().fold(Handshakes::default(), |sum, last| last.handshakes.and(sum)),
            later_addresses: Vec::new(),
            faults: vec![fault.to_owned()],
            lost: lost.collect(),
            watcher: self.watcher(),
            statements: Vec::new(),
            teardown: self.kept.tears_down.then_some(teardown),
        }
    }

    /// Who watched the target's processes: what it saw afterwards nobody has heard.
    fn watcher(&self) -> Option<Watcher> {
        let name = self.kept.watcher.clone()?;
        let lost = format!(
            "what {name} saw of the target's processes is not known to the end, as the coordinator \
             was killed"
        );
        Some(Watcher { name, lost: Some(lost) })
    }

    /// Why nobody can count on what a generator told, if so.
    fn lost(&self, index: usize, name: &str, writer: &RunWriter) -> Option<String> {
        if let Some(wrong) = &self.wrong[index] {
            return Some(format!("{name} told what cannot be: {wrong}"));
        }
        let Some(last) = &self.lasts[index] else {
            return Some(format!("{name} has not said that it told all"));
        };
        if writer.whole(GeneratorId(index as u16), 0) != Some(last.ticks) {
            return Some(format!(
                "{name}: part of the {} ticks that it told is lacking",
                last.ticks
            ));
        }
        match &last.cause {
            // Its coordinator was not there any more.
            Cause::LeaseOver => None,
            cause => cause.fault(true).map(|why| format!("{name} {why}")),
        }
    }
}
