//! One thread that sends: waits for arrivals, starts iterations, tells the collector.
//!
//! A worker has a single-threaded runtime with its own connections and virtual users
//! and shares nothing with the others. Its loop has four steps: ring the alarms that are
//! due, start the arrivals that are due, say what happened in the second that has
//! passed, wait for whatever comes next.
//!
//! | state | ends by | next |
//! | --- | --- | --- |
//! | running | end of the schedule, or stop | closing: nothing new is sent |
//! | closing | nothing in flight, or the drain's deadline | done |

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::mpsc::Sender;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use tokio::sync::{Notify, watch};
use tokio::task::LocalSet;

use crate::engine::alarm::Alarms;
use crate::engine::clock::Clock;
use crate::engine::collector::Message;
use crate::engine::connection::Pool;
use crate::engine::ledger::{Batch, Ledger};
use crate::engine::pacer::Pacer;
use crate::engine::plan::{Plan, Stop};
use crate::engine::prepare::Prepared;
use crate::engine::user::Users;
use crate::engine::walk::Walk;
use crate::record::outcome::Cause;
use crate::record::sample::Moment;
use crate::scenario::model::{Action, Flow};
use crate::schedule::{Arrival, Arrivals, Choices};

/// Arrivals that are started before the tasks they became get a turn.
const BURST: usize = 32;
/// A wait is never longer, so that a suspended machine is noticed.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// What the tasks of one worker share.
#[derive(Debug)]
pub struct Desk {
    /// The whole plan.
    pub plan: Plan,
    /// The run's clock.
    pub clock: Clock,
    /// The end of the schedule: nothing is due at or after it.
    pub end: Moment,
    /// The requests, by step.
    pub prepared: Vec<Prepared>,
    /// The connections.
    pub pool: Pool,
    /// The virtual users.
    pub users: RefCell<Users>,
    /// What has been counted.
    pub ledger: RefCell<Ledger>,
    /// What thinking users wait for.
    pub alarms: Alarms,
    /// Set when nothing new may be sent.
    pub closing: Cell<bool>,
    /// Room to write requests in.
    pub scratch: RefCell<String>,
    /// Told when an iteration has ended.
    pub idle: Notify,
}

impl Desk {
    fn new(plan: Plan, index: usize) -> Desk {
        let scenario = plan.scenario.clone();
        let limits = &scenario.limits;
        let users = Users::new(&scenario, index, plan.workers, plan.share(limits.in_flight));
        Desk {
            clock: Clock::new(plan.start),
            end: plan.end(),
            prepared: Prepared::all(&scenario, &plan.authority),
            pool: Pool::new(plan.address, plan.share(limits.connections)),
            users: RefCell::new(users),
            ledger: RefCell::default(),
            alarms: Alarms::default(),
            closing: Cell::new(false),
            scratch: RefCell::default(),
            idle: Notify::new(),
            plan,
        }
    }

    /// Milliseconds since 1970.
    pub fn unix_millis() -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        since.as_millis() as u64
    }

    /// The flow that an iteration walks, by its weight.
    fn pick_flow(&self, choices: &mut Choices) -> &Flow {
        let flows = &self.plan.scenario.flows;
        let total: u64 = flows.iter().map(|flow| u64::from(flow.weight)).sum();
        let mut place = (choices.unit() * total as f64) as u64;
        for flow in flows {
            if place < u64::from(flow.weight) {
                return flow;
            }
            place -= u64::from(flow.weight);
        }
        flows.last().expect("a scenario has a flow")
    }
}

/// Starts a worker's thread. It ends when the schedule is done or `plan.stop` says so, with
/// a last [`Batch`] in `out`.
pub fn spawn(
    plan: Plan,
    index: usize,
    out: Sender<Message>,
) -> io::Result<JoinHandle<io::Result<()>>> {
    thread::Builder::new().name(format!("worker-{index}")).spawn(move || run(plan, index, out))
}

fn run(plan: Plan, index: usize, out: Sender<Message>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = LocalSet::new();
    let stop = plan.stop.clone();
    let desk = Rc::new(Desk::new(plan, index));
    let result = local.block_on(&runtime, async {
        let reporter = Reporter { desk: desk.clone(), index, out, cpu: Cell::new(thread_cpu()) };
        Worker { pacer: Pacer::new()?, desk: desk.clone(), stop, reporter }.work(index).await
    });
    // Requests that were given up end with their tasks, before the runtime does.
    drop(local);
    result
}

struct Worker {
    pacer: Pacer,
    desk: Rc<Desk>,
    stop: watch::Receiver<Stop>,
    reporter: Reporter,
}

impl Worker {
    async fn work(mut self, index: usize) -> io::Result<()> {
        let load = &self.desk.plan.scenario.load;
        let mut arrivals = Arrivals::new(load).share(index, self.desk.plan.workers).peekable();
        let mut second = 1;
        while !self.should_close() {
            let now = self.desk.clock.now();
            self.desk.alarms.ring(now);
            if self.start_due(&mut arrivals, now) == BURST {
                tokio::task::yield_now().await;
                continue;
            }
            second = self.reporter.report_past(second, now);
            self.wait(arrivals.peek().map(|arrival| arrival.at), second).await?;
        }
        self.close(second).await
    }

    fn should_close(&self) -> bool {
        self.desk.clock.now() >= self.desk.end || *self.stop.borrow() != Stop::Running
    }

    /// Starts the arrivals that are due, at most a burst of them.
    fn start_due(
        &self,
        arrivals: &mut std::iter::Peekable<impl Iterator<Item = Arrival>>,
        now: Moment,
    ) -> usize {
        let mut started = 0;
        while started < BURST
            && let Some(arrival) = arrivals.next_if(|arrival| arrival.at <= now)
        {
            start_iteration(&self.desk, arrival);
            started += 1;
        }
        started
    }

    /// Waits for the next arrival, alarm or report, the end, or a reason to look again.
    async fn wait(&mut self, arrival: Option<Moment>, second: u32) -> io::Result<()> {
        let report = Moment(u64::from(second) * 1_000_000_000);
        let candidates = [arrival, self.desk.alarms.next(), Some(report), Some(self.desk.end)];
        let next = candidates.into_iter().flatten().min().unwrap_or(self.desk.end);
        let wait = self.desk.clock.until(next).min(LONGEST_WAIT);
        tokio::select! {
            biased;
            waited = self.pacer.wait(wait) => waited,
            () = self.desk.alarms.earlier() => Ok(()),
            _ = self.stop.changed() => Ok(()),
        }
    }

    /// Lets what is in flight come to its end, then sends the last batch.
    async fn close(mut self, mut second: u32) -> io::Result<()> {
        self.desk.closing.set(true);
        self.desk.alarms.ring(Moment(u64::MAX));
        while self.desk.users.borrow().busy() > 0 {
            let deadline = match *self.stop.borrow_and_update() {
                Stop::Running => None,
                Stop::Drain(until) => Some(until),
            };
            if deadline.is_some_and(|until| until <= Instant::now()) {
                break;
            }
            let now = self.desk.clock.now();
            second = self.reporter.report_past(second, now);
            let nap = deadline
                .map_or(LONGEST_WAIT, |until| until.saturating_duration_since(Instant::now()));
            let report = self.desk.clock.until(Moment(u64::from(second) * 1_000_000_000));
            tokio::select! {
                biased;
                () = self.desk.idle.notified() => {}
                _ = self.stop.changed() => {}
                waited = self.pacer.wait(nap.min(report)) => waited?,
            }
        }
        self.reporter.report_last(second);
        Ok(())
    }
}

/// Starts an iteration, or records why it could not be started.
fn start_iteration(desk: &Rc<Desk>, arrival: Arrival) {
    let mut choices = Choices::new(desk.plan.scenario.load.seed, arrival.index);
    let actions = &desk.pick_flow(&mut choices).actions;
    let user = desk.users.borrow_mut().take();
    match user {
        Some(user) => {
            desk.ledger.borrow_mut().totals.iterations += 1;
            let walk = Walk::new(desk.clone(), arrival, choices, user);
            let actions = actions.clone();
            tokio::task::spawn_local(walk.run(actions));
        }
        None => refuse(desk, actions, arrival),
    }
}

/// All allowed users are busy: the iteration's first request was due and is not sent.
fn refuse(desk: &Desk, actions: &[Action], arrival: Arrival) {
    let first = actions.iter().find_map(|action| match action {
        Action::Request(step) => Some(*step),
        Action::Think { .. } => None,
    });
    if let Some(step) = first {
        Walk::refuse(desk, step, arrival.at, Cause::InFlightLimit);
    }
}

/// Tells the collector what happened.
struct Reporter {
    desk: Rc<Desk>,
    index: usize,
    out: Sender<Message>,
    cpu: Cell<Duration>,
}

impl Reporter {
    /// Sends a batch if the given second has begun; returns the next one to wait for.
    fn report_past(&self, second: u32, now: Moment) -> u32 {
        let current = now.second();
        if current < second {
            return second;
        }
        self.send(Batch { second: current - 1, ..Batch::default() });
        current + 1
    }

    fn report_last(&self, second: u32) {
        let mut totals = self.desk.ledger.borrow().totals;
        totals.abandoned = self.desk.ledger.borrow().in_flight();
        self.send(Batch { second: second - 1, last: Some(totals), ..Batch::default() });
    }

    fn send(&self, mut batch: Batch) {
        batch.worker = self.index;
        self.desk.ledger.borrow_mut().take(&mut batch);
        batch.gauges.connections = self.desk.pool.open();
        let cpu = thread_cpu();
        batch.gauges.cpu_ns = cpu.saturating_sub(self.cpu.replace(cpu)).as_nanos() as u64;
        // A collector that is gone has nobody to tell; the run is being torn down.
        let _ = self.out.send(Message::Batch(batch));
    }
}

/// CPU time of this thread, user and system.
pub fn thread_cpu() -> Duration {
    #[cfg(target_os = "linux")]
    let who = UsageWho::RUSAGE_THREAD;
    #[cfg(not(target_os = "linux"))]
    let who = UsageWho::RUSAGE_SELF;
    getrusage(who).map_or(Duration::ZERO, |usage| {
        let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
        Duration::from_micros(micros.unsigned_abs())
    })
}
