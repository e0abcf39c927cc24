//! Watches a target's processes where they are, for coordinators that are elsewhere.
//!
//! | state | ends by | next |
//! | --- | --- | --- |
//! | waits | a call | there: clocks are compared, and it says that it is there |
//! | there | a beat that says when the schedule starts | watches |
//! | there, watches | a beat that says that it is over, or none for a while | waits |
//!
//! It sends nothing to the target, reads only what the system says of its processes, and dials out
//! only.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::experiment::control::Control;
use crate::fleet::clocks::Clocks;
use crate::fleet::fault::FleetFault;
use crate::fleet::identity;
use crate::fleet::link::{Heard, Link, Via, connect};
use crate::fleet::watching::{self, WatchCall, WatchHello, Watched, Watches};
use crate::fleet::wire::{self, Beat, LOADGATE, PROTOCOL};
use crate::scenario::model::Secrets;
use crate::target::monitor::{Monitor, RunningMonitor, TargetEvent};
use crate::target::port::listener;
use crate::target::procfs::{ProcessTree, TreeSampler};

/// How often it is looked whether there is something to do.
const LOOK: Duration = Duration::from_millis(20);
/// How often it says that it lives.
const ALIVE: Duration = Duration::from_millis(250);
/// How often clocks are compared before the start.
const COMPARISONS: usize = 64;
/// For so long it waits for a beat.
const FORGOTTEN: Duration = Duration::from_secs(10);

/// Whose processes are watched: with all that they have started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whom {
    /// Those of a process.
    Process(u32),
    /// Those of whoever listens on a port.
    Port(u16),
}

/// Who watches.
#[derive(Debug, Clone)]
pub struct Sidecar {
    /// The server.
    pub via: Via,
    /// For whose runs.
    pub pool: String,
    /// What people call it.
    pub name: String,
    /// Whom.
    pub whom: Whom,
    /// Whether it ends after one run.
    pub once: bool,
}

/// A run whose target is watched.
struct Watch<'w> {
    link: &'w Arc<Link>,
    watcher: &'w str,
    call: WatchCall,
    beats: Receiver<Heard>,
    hello: WatchHello,
    tree: Option<ProcessTree>,
}

impl Sidecar {
    /// Works until `control` ends it; `tell` hears what happens.
    pub fn work(&self, control: &Control, tell: &mut dyn FnMut(&str)) -> Result<(), FleetFault> {
        let name = format!("loadgate watch {}", self.name);
        let connected = connect((&self.via, &name, Some(&self.name)), self.once, control, tell)?;
        let Some(link) = connected.map(Arc::new) else { return Ok(()) };
        let word = identity::word().map_err(|error| FleetFault::Unreachable(error.to_string()))?;
        let word = wire::agent(&self.name, &word);
        let calls = link.listen(&watching::call(&self.pool))?;
        let (pool, via) = (&self.pool, self.via.shown());
        tell(&format!("{} watches {} for the pool \"{pool}\" at {via}", self.name, self.whom()));
        while control.ended().is_none() {
            let call = match calls.recv_timeout(LOOK) {
                Ok(heard) => wire::read::<WatchCall>(&heard.said),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => {
                    thread::sleep(LOOK);
                    None
                }
            };
            let Some(call) = call.filter(|call| wire::is_name(&call.run)) else { continue };
            let watch = self.begin((&link, &word), call)?;
            tell(&format!("watches for run {}", watch.call.run));
            let has_begun = watch.run(control);
            tell(if has_begun { "done" } else { "given back" });
            while calls.try_recv().is_ok() {}
            if self.once && has_begun {
                return Ok(());
            }
        }
        Ok(())
    }

    fn whom(&self) -> String {
        match self.whom {
            Whom::Process(pid) => format!("process {pid}"),
            Whom::Port(port) => format!("whoever listens on port {port}"),
        }
    }

    fn begin<'w>(
        &self,
        (link, watcher): (&'w Arc<Link>, &'w str),
        call: WatchCall,
    ) -> Result<Watch<'w>, FleetFault> {
        let beats = link.listen(&wire::beats(&call.run))?;
        let (tree, trouble) = match self.tree() {
            Ok(tree) => (Some(tree), None),
            Err(trouble) => (None, Some(trouble)),
        };
        let hello = WatchHello {
            watcher: watcher.to_owned(),
            name: self.name.clone(),
            protocol: PROTOCOL,
            loadgate: LOADGATE.to_owned(),
            trouble,
        };
        Ok(Watch { link, watcher, call, beats, hello, tree })
    }

    /// The processes, if there is anything to be seen of them.
    fn tree(&self) -> Result<ProcessTree, String> {
        let root = match self.whom {
            Whom::Process(pid) => pid,
            Whom::Port(port) => listener(port).ok_or_else(|| {
                format!(
                    "nobody listens on port {port} whose processes it may see (in a pod, that takes \
                     shareProcessNamespace and the user of the target)"
                )
            })?,
        };
        let tree = ProcessTree { root, supervisor: None };
        let seen = TreeSampler::default().sample(tree);
        seen.map(|_| tree).ok_or_else(|| format!("there is no process {root} that it may see"))
    }
}

impl Watch<'_> {
    /// Watches until nobody wants it any more; whether the load has begun.
    fn run(self, control: &Control) -> bool {
        let clocks = Clocks::new();
        clocks.compare(self.link, &self.call.run, COMPARISONS);
        let (mut heard, mut said) = (Instant::now(), None::<Instant>);
        let (out, seen) = channel();
        let mut monitor: Option<RunningMonitor> = None;
        while heard.elapsed() < FORGOTTEN && control.ended().is_none() {
            if said.is_none_or(|said| said.elapsed() >= ALIVE) {
                said = Some(Instant::now());
                self.say(monitor.is_some());
            }
            for event in seen.try_iter() {
                self.tell(event);
            }
            let Some(beat) = self.next_beat() else { continue };
            heard = Instant::now();
            if beat.over {
                break;
            }
            if let (Some(go), None) = (&beat.go, &monitor) {
                monitor = self.start(go.at, &clocks, out.clone());
            }
        }
        let has_begun = monitor.is_some();
        // What it knows of the last second is told when it ends.
        drop(monitor);
        for event in seen.try_iter() {
            self.tell(event);
        }
        self.link.flush();
        has_begun
    }

    fn next_beat(&self) -> Option<Beat> {
        let heard = self.beats.recv_timeout(LOOK).ok()?;
        wire::read::<Beat>(&heard.said).filter(|beat| beat.epoch == self.call.epoch)
    }

    /// Looks on the grid of the schedule's seconds.
    fn start(
        &self,
        at: u64,
        clocks: &Clocks,
        out: std::sync::mpsc::Sender<TargetEvent>,
    ) -> Option<RunningMonitor> {
        let (ahead, _) = clocks.offset()?;
        let at = clocks.own().instant(at.checked_add_signed(-ahead)?);
        let monitor = Monitor {
            watch: None,
            others: Some(self.tree?),
            metrics: None,
            postgres: None,
            secrets: Secrets::default(),
        };
        monitor.start(at, out).ok()
    }

    fn say(&self, is_at_work: bool) {
        let run = &self.call.run;
        if !is_at_work {
            self.link.say(watching::hello(run, self.watcher), wire::bytes(&self.hello));
        }
        let tree = self.tree.filter(|tree| TreeSampler::default().sample(*tree).is_none());
        let trouble = tree.map(|tree| format!("process {} is gone", tree.root));
        let says = Watches { epoch: self.call.epoch.clone(), trouble };
        self.link.say(watching::alive(run, self.watcher), wire::bytes(&says));
    }

    fn tell(&self, event: TargetEvent) {
        let TargetEvent::Second(second) = event else { return };
        let told = Watched { epoch: self.call.epoch.clone(), second };
        self.link.say(watching::seconds(&self.call.run, self.watcher), wire::bytes(&told));
    }
}
