//! Watches target and machine while the workers run, and tells the collector.

use std::io;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use crate::engine::collector::{MachineSecond, Message};
use crate::experiment::control::Control;
use crate::target::clocks::Clocks;
use crate::target::machine::{MachineSampler, own_usage};
use crate::target::monitor::{Monitor, RunningMonitor, TargetEvent};
use crate::target::process::ExitReport;

/// How long requests in flight may take when the target has died.
const DRAIN_DEAD: Duration = Duration::from_millis(500);

/// Watches target and machine while the workers run.
pub(super) struct Watcher {
    monitor: Option<RunningMonitor>,
    events: Receiver<TargetEvent>,
    out: Sender<Message>,
    control: Control,
    died: Option<ExitReport>,
    machine: MachineSampler,
    clocks: Clocks,
    start: Instant,
    second: u32,
}

impl Watcher {
    /// Looks at what `monitor` has to look at, on the grid of seconds from `start`.
    pub(super) fn start(
        monitor: Monitor,
        start: Instant,
        control: Control,
        out: Sender<Message>,
    ) -> io::Result<Watcher> {
        let (seen, events) = mpsc::channel();
        let has_work = monitor.watch.is_some() || monitor.metrics.is_some();
        let monitor = if has_work { Some(monitor.start(start, seen)?) } else { None };
        Ok(Watcher {
            monitor,
            events,
            out,
            control,
            died: None,
            machine: MachineSampler::default(),
            clocks: Clocks::default(),
            start,
            second: 1,
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
                clock_jump: self.clocks.jump().as_nanos() as u64,
            };
            self.second = elapsed + 1;
            self.tell(Message::Machine(second));
        }
    }

    fn pass_on(&mut self) {
        while let Ok(event) = self.events.try_recv() {
            match event {
                TargetEvent::Second(second) => self.tell(Message::Target(second)),
                TargetEvent::Died(exit) => {
                    self.died = Some(exit);
                    self.control.drain(DRAIN_DEAD);
                }
            }
        }
    }

    fn tell(&self, message: Message) {
        // The collector outlives this; if it is gone, so is the run.
        let _ = self.out.send(message);
    }

    /// Ends it; how the target ended, if it has.
    pub(super) fn end(mut self) -> Option<ExitReport> {
        drop(self.monitor.take());
        self.pass_on();
        self.died
    }
}
