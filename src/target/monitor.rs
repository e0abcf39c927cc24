//! Looks at the target once a second while it is loaded, and notices its death.
//!
//! | event | then |
//! | --- | --- |
//! | a second of the schedule is over | processes, control group and machine are sampled; a scrape and a question to the database begin |
//! | both are answered | the second goes out with what they say, or why they say nothing |
//! | the next second is over first | the second goes out without |
//! | the target died | what is known goes out, and the death; the monitor ends |
//! | it shall stop | what is known goes out; the monitor ends |
//! | it ends | the database tells its statements, within [`LAST_WORDS`] |
//!
//! Runs on a thread and a clock of its own, so that neither a slow scrape nor a busy
//! engine moves the samples. What the figures mean is for others to judge.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, sleep_until, timeout};

use super::cgroup::GroupSampler;
use super::counted::When;
use super::gauges::{self, Readings, Scraped, Seen};
use super::postgres;
use super::pressure::Pressure;
use super::process::{ExitReport, Watch};
use super::procfs::{ProcessTree, TreeSampler};
use super::scrape::{self, Copies, Page, Told};
use crate::record::statement::Statement;
use crate::record::telemetry::TargetSecond;
use crate::scenario::model::{Connection, Secrets};

const SECOND: Duration = Duration::from_secs(1);
/// How often death and the order to stop are looked for.
const LOOK: Duration = Duration::from_millis(50);
/// How long the end waits for the database.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// Said of a second whose answer came too late.
const LATE: &str = "no answer within the second";

/// What the monitor has seen.
#[derive(Debug, Clone, PartialEq)]
pub enum TargetEvent {
    /// A second of the schedule is over.
    Second(TargetSecond),
    /// The started target ended; no second follows.
    Died(ExitReport),
    /// What took most of the database's time.
    Statements(Vec<Statement>),
}

/// What to look at.
#[derive(Clone)]
pub struct Monitor {
    /// The target's processes, when they were started here.
    pub watch: Option<Watch>,
    /// The same when they were not.
    pub others: Option<ProcessTree>,
    /// Its metrics.
    pub metrics: Option<Page>,
    /// The database behind it.
    pub postgres: Option<Connection>,
    /// What must not be told.
    pub secrets: Secrets,
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

    /// Whether there is anything to look at.
    pub fn has_work(&self) -> bool {
        self.tree().is_some() || self.metrics.is_some() || self.postgres.is_some()
    }

    fn tree(&self) -> Option<ProcessTree> {
        self.watch.as_ref().map(Watch::tree).or(self.others)
    }

    /// Looks until the target dies or `stop` is set.
    pub async fn run(self, start: Instant, events: &Sender<TargetEvent>, stop: &AtomicBool) {
        let (said, mut scrapes) = mpsc::channel(1);
        let (asks, mut answers) = questions(self.postgres.clone());
        let mut desk = Desk::new(self, start, Outlets { events: events.clone(), said, asks });
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = sleep_until(desk.next.into()) => desk.second_is_over(),
                Some(scrape) = scrapes.recv() => desk.scraped(scrape),
                Some(answer) = answers.recv() => desk.answered(answer),
                _ = look.tick() => {
                    if desk.target_died() || stop.load(Ordering::Relaxed) {
                        desk.send_waiting();
                        return desk.last_words(&mut answers).await;
                    }
                }
            }
        }
    }
}

/// Where the database is asked, and where it answers; nowhere without one.
fn questions(
    connection: Option<Connection>,
) -> (Option<mpsc::Sender<u32>>, mpsc::Receiver<postgres::Said>) {
    let (said, answers) = mpsc::channel(2);
    let asks = connection.map(|connection| {
        let (asks, asked) = mpsc::channel(1);
        tokio::spawn(postgres::serve(connection, asked, said));
        asks
    });
    (asks, answers)
}

/// What a scrape said of a second.
struct Scrape {
    second: u32,
    result: Result<Told, String>,
}

/// Where the desk sends what it has.
struct Outlets {
    events: Sender<TargetEvent>,
    /// What scrapes say.
    said: mpsc::Sender<Scrape>,
    /// Seconds that the database is asked about.
    asks: Option<mpsc::Sender<u32>>,
}

/// A second that is not complete yet.
struct Waiting {
    second: TargetSecond,
    for_metrics: bool,
    for_database: bool,
}

/// The monitor's state.
struct Desk {
    monitor: Monitor,
    start: Instant,
    outlets: Outlets,
    tree: TreeSampler,
    group: GroupSampler,
    readings: Readings,
    copies: Copies,
    /// When the next second is over.
    next: Instant,
    /// The second whose answers are under way.
    waiting: Option<Waiting>,
}

impl Desk {
    fn new(monitor: Monitor, start: Instant, outlets: Outlets) -> Desk {
        // The first tick, at the start itself, is no second's end.
        let next = start + whole_seconds(start, Instant::now());
        let watched = monitor.metrics.as_ref().map(|page| page.watch.as_slice());
        let readings = Readings::of(watched.unwrap_or_default());
        let (tree, group) = (TreeSampler::default(), GroupSampler::default());
        let copies = Copies::default();
        Desk { monitor, start, outlets, tree, group, readings, copies, next, waiting: None }
    }

    fn second_is_over(&mut self) {
        self.send_waiting();
        let now = Instant::now();
        let over = whole_seconds(self.start, now);
        self.next = self.start + over + SECOND;
        let number = over.as_secs().saturating_sub(1);
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        let mut second = self.readings.second(number);
        self.sample(now, &mut second);
        if over.is_zero() {
            return;
        }
        let for_metrics = self.monitor.metrics.is_some();
        if let Some(page) = &self.monitor.metrics {
            read(page, &self.readings, number, self.outlets.said.clone());
        }
        let asked = self.outlets.asks.as_ref().map(|asks| asks.try_send(number).is_ok());
        // The one before is not answered yet.
        second.database_error = asked.filter(|asked| !asked).map(|_| LATE.to_owned());
        let for_database = asked == Some(true);
        self.waiting = Some(Waiting { second, for_metrics, for_database });
        self.send_complete();
    }

    /// Adds what the processes, their control group and the machine use.
    fn sample(&mut self, now: Instant, second: &mut TargetSecond) {
        let Some(tree) = self.monitor.tree() else { return };
        match self.tree.sample(tree) {
            Some(usage) => {
                self.readings.add(gauges::read(Seen::Processes(&usage)), When::at(now), second);
            }
            None => self.readings.lost_processes(),
        }
        if let Some(usage) = self.group.sample(tree.root) {
            self.readings.add(gauges::read(Seen::Group(&usage)), When::at(now), second);
        }
        let machine = gauges::read(Seen::Machine(&Pressure::now()));
        self.readings.add(machine, When::at(now), second);
    }

    /// Adds what a scrape says to the second that it belongs to.
    fn scraped(&mut self, scrape: Scrape) {
        let Some(waiting) = self.waiting.as_mut().filter(|w| w.second.second == scrape.second)
        else {
            return;
        };
        waiting.for_metrics = false;
        match scrape.result.and_then(|told| self.copies.fresh(told)) {
            Ok((Scraped { found, watch_error }, when)) => {
                waiting.second.watch_error = watch_error;
                self.readings.add(found, when, &mut waiting.second);
            }
            Err(reason) => waiting.second.scrape_error = Some(reason),
        }
        self.send_complete();
    }

    /// Adds what the database says.
    fn answered(&mut self, answer: postgres::Said) {
        let (number, result, partly) = match answer {
            postgres::Said::Second(number, result, partly) => (number, result, partly),
            postgres::Said::Statements(statements) => return self.send_statements(statements),
        };
        let Some(waiting) = self.waiting.as_mut().filter(|w| w.second.second == number) else {
            return;
        };
        waiting.for_database = false;
        let error = match result {
            Ok((usage, when)) => {
                let found = gauges::read(Seen::Database(&usage));
                self.readings.add(found, when, &mut waiting.second);
                partly
            }
            Err(reason) => Some(self.monitor.secrets.redact(&reason)),
        };
        waiting.second.database_error = error;
        self.send_complete();
    }

    /// What took most of the database's time, if it can tell in time.
    async fn last_words(mut self, answers: &mut mpsc::Receiver<postgres::Said>) {
        self.outlets.asks = None;
        let until_told = async {
            while let Some(answer) = answers.recv().await {
                if let postgres::Said::Statements(statements) = answer {
                    return self.send_statements(statements);
                }
            }
        };
        // Without them the run is as good.
        let _ = timeout(LAST_WORDS, until_told).await;
    }

    fn send_statements(&self, mut statements: Vec<Statement>) {
        for statement in &mut statements {
            statement.text = self.monitor.secrets.redact(&statement.text);
        }
        self.send(TargetEvent::Statements(statements));
    }

    fn target_died(&mut self) -> bool {
        let Some(exit) = self.monitor.watch.as_ref().and_then(Watch::exited) else {
            return false;
        };
        self.send_waiting();
        self.send(TargetEvent::Died(exit));
        true
    }

    /// Sends a second that waits for nothing any more.
    fn send_complete(&mut self) {
        if self.waiting.as_ref().is_some_and(|it| !it.for_metrics && !it.for_database) {
            self.send_waiting();
        }
    }

    /// Sends a second as it is, and says what did not come.
    fn send_waiting(&mut self) {
        let Some(Waiting { mut second, for_metrics, for_database }) = self.waiting.take() else {
            return;
        };
        if for_metrics {
            second.scrape_error = Some(LATE.to_owned());
        }
        if for_database {
            second.database_error = Some(LATE.to_owned());
        }
        self.send(TargetEvent::Second(second));
    }

    /// Whoever no longer listens will stop the monitor.
    fn send(&self, event: TargetEvent) {
        let _ = self.outlets.events.send(event);
    }
}

/// The whole seconds between two moments; none when the second lies before the first.
fn whole_seconds(start: Instant, now: Instant) -> Duration {
    Duration::from_secs(now.saturating_duration_since(start).as_secs())
}

/// Reads the metrics beside the monitor's own work.
fn read(page: &Page, readings: &Readings, second: u32, said: mpsc::Sender<Scrape>) {
    let (page, watch) = (page.clone(), Arc::clone(&readings.watch));
    tokio::spawn(async move {
        let result = scrape::scrape(&page, &watch).await;
        let _ = said.send(Scrape { second, result }).await;
    });
}
