//! Looks at the target once a second while it is loaded, and notices its death.
//!
//! | event | then |
//! | --- | --- |
//! | a second of the schedule is over | the processes are sampled, a scrape begins |
//! | the scrape ends | the second goes out with what it says, or why it says nothing |
//! | the next second is over first | the second goes out without |
//! | the target died | what is known goes out, and the death; the monitor ends |
//! | it shall stop | what is known goes out; the monitor ends |
//!
//! Runs on a thread and a clock of its own, so that neither a slow scrape nor a busy
//! engine moves the samples. What the figures mean is for others to judge.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, sleep_until};

use super::fetch;
use super::gauges::{self, Reading, Readings};
use super::process::{ExitReport, Watch};
use super::procfs::TreeSampler;
use super::prometheus;
use crate::record::telemetry::TargetSecond;
use crate::scenario::model::HttpAddress;

const SECOND: Duration = Duration::from_secs(1);
/// How long a scrape may take: it is over before the next begins.
const SCRAPE: Duration = Duration::from_millis(950);
/// What is read of a scrape.
const SCRAPE_BYTES: usize = 1_000_000;
/// How often death and the order to stop are looked for.
const LOOK: Duration = Duration::from_millis(50);

/// What the monitor has seen.
#[derive(Debug, Clone, PartialEq)]
pub enum TargetEvent {
    /// A second of the schedule is over.
    Second(TargetSecond),
    /// The started target ended; nothing follows.
    Died(ExitReport),
}

/// What to look at.
#[derive(Clone)]
pub struct Monitor {
    /// The target's processes, when they were started here.
    pub watch: Option<Watch>,
    /// Where its metrics are: the server and the path as it is asked for.
    pub metrics: Option<(HttpAddress, String)>,
}

/// A monitor at work, until it is stopped or dropped.
pub struct RunningMonitor {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl RunningMonitor {
    /// Ends the monitor; what it knows of the last whole second has been sent.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for RunningMonitor {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic has been printed where it happened; the run goes on without figures.
            let _ = thread.join();
        }
    }
}

impl Monitor {
    /// Starts to look, on the grid of whole seconds from `start`, which may lie ahead.
    pub fn start(
        self,
        start: Instant,
        events: Sender<TargetEvent>,
    ) -> std::io::Result<RunningMonitor> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let work = move || {
            runtime.block_on(self.run(start, &events, &stopped));
            // A name that still resolves must not hold up the end of the run.
            runtime.shutdown_background();
        };
        let thread = std::thread::Builder::new().name("target-monitor".to_owned()).spawn(work)?;
        Ok(RunningMonitor { stop, thread: Some(thread) })
    }

    /// Looks until the target dies or `stop` is set.
    pub async fn run(self, start: Instant, events: &Sender<TargetEvent>, stop: &AtomicBool) {
        let (said, mut scrapes) = mpsc::channel(1);
        let mut desk = Desk::new(self, start, events.clone(), said);
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = sleep_until(desk.next.into()) => desk.second_is_over(),
                Some(scrape) = scrapes.recv() => desk.scraped(scrape),
                _ = look.tick() => {
                    if desk.target_died() || stop.load(Ordering::Relaxed) {
                        return desk.send_waiting();
                    }
                }
            }
        }
    }
}

/// What a scrape said of a second.
struct Scrape {
    second: u32,
    /// What it said, and when.
    result: Result<(Vec<Reading>, Instant), String>,
}

/// The monitor's state.
struct Desk {
    monitor: Monitor,
    start: Instant,
    events: Sender<TargetEvent>,
    said: mpsc::Sender<Scrape>,
    sampler: TreeSampler,
    readings: Readings,
    /// When the next second is over.
    next: Instant,
    /// The second whose scrape is under way.
    waiting: Option<TargetSecond>,
}

impl Desk {
    fn new(
        monitor: Monitor,
        start: Instant,
        events: Sender<TargetEvent>,
        said: mpsc::Sender<Scrape>,
    ) -> Desk {
        let sampler = TreeSampler::default();
        // The first tick, at the start itself, is no second's end.
        let next = start + whole_seconds(start, Instant::now());
        let readings = Readings::default();
        Desk { monitor, start, events, said, sampler, readings, next, waiting: None }
    }

    fn second_is_over(&mut self) {
        if let Some(late) = &mut self.waiting {
            late.scrape_error = Some("no answer within the second".to_owned());
        }
        self.send_waiting();
        let now = Instant::now();
        let over = whole_seconds(self.start, now);
        self.next = self.start + over + SECOND;
        let number = over.as_secs().saturating_sub(1);
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        let mut second = Readings::second(number);
        self.sample(now, &mut second);
        if over.is_zero() {
            return;
        }
        self.waiting = Some(second);
        match &self.monitor.metrics {
            Some(metrics) => scrape(metrics.clone(), number, self.said.clone()),
            None => self.send_waiting(),
        }
    }

    /// Adds what the processes use.
    fn sample(&mut self, now: Instant, second: &mut TargetSecond) {
        let tree = self.monitor.watch.as_ref().map(Watch::tree);
        match tree.and_then(|tree| self.sampler.sample(tree)) {
            Some(usage) => self.readings.add(gauges::of_processes(&usage), now, second),
            None => self.readings.lost_processes(),
        }
    }

    /// Adds what a scrape says to the second that it belongs to.
    fn scraped(&mut self, scrape: Scrape) {
        let Some(second) = self.waiting.as_mut().filter(|w| w.second == scrape.second) else {
            return;
        };
        match scrape.result {
            Ok((found, at)) => self.readings.add(found, at, second),
            Err(reason) => second.scrape_error = Some(reason),
        }
        self.send_waiting();
    }

    fn target_died(&mut self) -> bool {
        let Some(exit) = self.monitor.watch.as_ref().and_then(Watch::exited) else {
            return false;
        };
        self.send_waiting();
        self.send(TargetEvent::Died(exit));
        true
    }

    fn send_waiting(&mut self) {
        if let Some(second) = self.waiting.take() {
            self.send(TargetEvent::Second(second));
        }
    }

    /// Whoever no longer listens will stop the monitor.
    fn send(&self, event: TargetEvent) {
        let _ = self.events.send(event);
    }
}

/// The whole seconds between two moments; none when the second lies before the first.
fn whole_seconds(start: Instant, now: Instant) -> Duration {
    Duration::from_secs(now.saturating_duration_since(start).as_secs())
}

/// Reads the metrics beside the monitor's own work.
fn scrape((address, path): (HttpAddress, String), second: u32, said: mpsc::Sender<Scrape>) {
    tokio::spawn(async move {
        let result = match fetch::get(&address, &path, SCRAPE, SCRAPE_BYTES).await {
            Ok(answer) if answer.status.is_success() => {
                let metrics = prometheus::parse(&answer.body);
                Ok((gauges::of_metrics_page(&metrics), Instant::now()))
            }
            Ok(answer) => Err(answer.status.to_string()),
            Err(reason) => Err(reason.to_string()),
        };
        let _ = said.send(Scrape { second, result }).await;
    });
}
