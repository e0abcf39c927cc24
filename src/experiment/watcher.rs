//! Watches target and machine while the workers run, and tells the collector.

use std::io;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use crate::engine::collector::{MachineSecond, Message};
use crate::experiment::control::Control;
use crate::record::statement::Statement;
use crate::target::clocks::Clocks;
use crate::target::machine::{MachineSampler, own_descriptors, own_usage};
use crate::target::monitor::{Monitor, RunningMonitor, TargetEvent};
use crate::target::process::ExitReport;

/// How long requests in flight may take when the target has died.
const DRAIN_DEAD: Duration = Duration::from_millis(500);
/// Seconds from one count of the generator's own descriptors to the next.
const COUNT_EVERY: u32 = 5;

/// Watches target and machine while the workers run.
pub(super) struct Watcher {
    monitor: Option<RunningMonitor>,
    events: Receiver<TargetEvent>,
    out: Sender<Message>,
    control: Control,
    seen: Watched,
    machine: MachineSampler,
    clocks: Clocks,
    start: Instant,
    /// Nothing before it is told.
    from: u32,
    second: u32,
}

/// What there is to say of the target at the end.
#[derive(Debug, Default)]
pub(super) struct Watched {
    /// How it ended, if it has.
    pub(super) died: Option<ExitReport>,
    /// What took most of its database's time.
    pub(super) statements: Vec<Statement>,
}

impl Watcher {
    /// Looks at what `monitor` has to look at, on the grid of seconds from `start`, of which
    /// those before `from` are another's.
    pub(super) fn start(
        monitor: Monitor,
        (start, from): (Instant, u32),
        control: Control,
        out: Sender<Message>,
    ) -> io::Result<Watcher> {
        let (seen, events) = mpsc::channel();
        let monitor = if monitor.has_work() { Some(monitor.start(start, seen)?) } else { None };
        Ok(Watcher {
            monitor,
            events,
            out,
            control,
            seen: Watched::default(),
            machine: MachineSampler::default(),
            clocks: Clocks::default(),
            start,
            from,
            second: from + 1,
        })
    }

    /// To be called often.
    pub(super) fn look(&mut self) {
        self.pass_on();
        let elapsed = self.start.elapsed().as_secs() as u32;
        if elapsed >= self.second {
            let usage = self.machine.sample();
            let second = MachineSecond {
                second: elapsed - 1,
                busy: usage.busy,
                steal: usage.steal,
                pressure: usage.cpu_pressure,
                rss: own_usage().1,
                descriptors: elapsed.is_multiple_of(COUNT_EVERY).then(own_descriptors).flatten(),
                clock_jump: self.clocks.jump().as_nanos() as u64,
            };
            self.second = elapsed + 1;
            self.tell(Message::Machine(second));
        }
    }

    fn pass_on(&mut self) {
        while let Ok(event) = self.events.try_recv() {
            match event {
                TargetEvent::Second(second) if second.second < self.from => {}
                TargetEvent::Second(second) => self.tell(Message::Target(second)),
                TargetEvent::Died(exit) => {
                    self.seen.died = Some(exit);
                    self.control.drain(DRAIN_DEAD);
                }
                TargetEvent::Statements(statements) => self.seen.statements = statements,
            }
        }
    }

    fn tell(&self, message: Message) {
        // The collector outlives this; if it is gone, so is the run.
        let _ = self.out.send(message);
    }

    /// Ends it; what is known of the target at the end, and whether it has ended just now.
    pub(super) fn end(mut self, exited: impl FnOnce() -> Option<ExitReport>) -> Watched {
        drop(self.monitor.take());
        self.pass_on();
        if self.seen.died.is_none() {
            self.seen.died = exited();
        }
        self.seen
    }
}
