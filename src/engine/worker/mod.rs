//! One thread that sends: waits for arrivals and sockets, and tells the collector.
//!
//! A worker has its own poller, connections and virtual users, and shares nothing with
//! the others. Its loop, [`Worker::turn`], does what is due (thinking that ends, arrivals,
//! the tick), waits for sockets or the next moment, and serves the sockets. Nothing is
//! handed to another task on the way: an arrival that is found due leaves in the same
//! turn.
//!
//! | state | ends by | next |
//! | --- | --- | --- |
//! | running | end of the schedule, or stop | closing: nothing new is due |
//! | closing | nothing in flight, or the drain's deadline | done |

#[cfg(test)]
mod closed_loads;
mod ending;
mod iterations;
mod knocking;
mod leased;
mod pace;
pub mod pair;
mod patience;
mod receive;
mod report;
mod resting;
mod rows;
#[cfg(test)]
mod scene;
mod sending;
mod serve;
#[cfg(test)]
mod simulation;
mod streaming;
mod tenancy;
mod testify;
mod unanswered;
mod wording;

use std::io;
use std::sync::mpsc::Sender;
use std::thread::{self, JoinHandle};

use slab::Slab;

use crate::engine::collector::Message;
use crate::engine::connection::ConnectionKey;
use crate::engine::demand::Demand;
use crate::engine::evidence::Witness;
use crate::engine::iteration::Iteration;
use crate::engine::lateness::Lateness;
use crate::engine::ledger::Ledger;
use crate::engine::orders::Order;
use crate::engine::plan::{Plan, Stop};
use crate::engine::pool::Pool;
use crate::engine::protocol::http2::message::Messages;
use crate::engine::protocol::request::Prepared;
use crate::engine::source::Source;
use crate::engine::timers::{Limits, Timers};
use crate::engine::transport::clock::{Clock, ReceiveClock};
use crate::engine::transport::endpoint::Endpoint;
use crate::engine::transport::poller::Poller;
use crate::engine::transport::tcp::Control;
use crate::engine::user::Users;
use crate::engine::worker::knocking::Knocking;
use crate::engine::worker::pace::Pace;
use crate::engine::worker::patience::Patience;
use crate::engine::worker::report::Reporter;
use crate::scenario::ids::SourceId;
use crate::schedule::tenants::{Census, Noise};
use crate::units::{Moment, Rate};

/// Arrivals that are started before sockets get a turn.
const BURST: usize = 64;
/// How often time limits and the order to stop are looked at, in nanoseconds. How late the
/// look is tells how long the worker, or its machine, stood still.
const TICK: u64 = 10_000_000;
/// A look so late, in nanoseconds, is felt by all that is sent afterwards: what should have
/// been done meanwhile is done at once.
const STALL: u64 = 1_000_000;
/// Bytes that are read at once.
const BUFFER: usize = 64 * 1024;
/// How long after the end of the schedule what was due before is still sent, in nanoseconds.
const GRACE: u64 = 1_000_000_000;

/// Room to read and write in, shared by all connections of a worker.
#[derive(Debug)]
struct Room {
    input: Vec<u8>,
    control: Control,
    request: Vec<u8>,
    body: String,
}

/// A worker at work.
#[derive(Debug)]
struct Worker {
    plan: Plan,
    clock: Clock,
    /// Nothing is due at or after it.
    end: Moment,
    source: Source,
    prepared: Vec<Prepared>,
    /// The same for HTTP/2, if that is spoken.
    messages: Option<Messages>,
    poller: Poller,
    pool: Pool,
    demand: Demand,
    /// Connections with requests that are written together.
    outbox: Vec<ConnectionKey>,
    /// Connections of which the other side has ended, with a request that may have reached
    /// it or not.
    doubtful: Vec<ConnectionKey>,
    knocking: Knocking,
    iterations: Slab<Iteration>,
    /// Iterations that wait for a slot, with their tickets.
    queue: std::collections::VecDeque<(usize, u64)>,
    users: Users,
    /// Whose iterations are, where that is told apart.
    census: Option<Census>,
    /// Which iterations are a noisy tenant's, beyond those of his size.
    noise: Option<Noise>,
    ledger: Ledger,
    timers: Timers,
    limits: Limits,
    tickets: u64,
    tick: Moment,
    lateness: Lateness,
    /// The latest reading of the clock: no more than a request's work ago.
    seen: Moment,
    /// When the turn before this one began, and this one: what the sockets have now had not come
    /// when those of the turn before were asked.
    turns: [Moment; 2],
    pace: Pace,
    patience: Patience,
    /// Rows of data that ended the load, as each was taken.
    used_up: Option<SourceId>,
    /// The order to stop has come, as the last tick saw it.
    is_stopped: bool,
    closing: bool,
    room: Room,
    reporter: Reporter,
    witness: Witness,
}

/// Starts a worker's thread. It ends when the schedule is done or `plan.stop` says so, with
/// a last batch in `out`.
pub fn spawn(
    plan: Plan,
    index: usize,
    out: Sender<Message>,
) -> io::Result<JoinHandle<io::Result<()>>> {
    let work = move || Worker::new(plan, index, out)?.work();
    thread::Builder::new().name(format!("worker-{index}")).spawn(work)
}

impl Worker {
    fn new(plan: Plan, index: usize, out: Sender<Message>) -> io::Result<Worker> {
        let plan = Plan { address: plan.address.apart(), ..plan };
        let scenario = plan.scenario.clone();
        let slot = plan.slots.slot(index);
        let most = slot.share(scenario.limits.in_flight);
        let prepared = Prepared::all(&scenario, &plan.authority, plan.run());
        let streams = plan.streams.map(|streams| streams as usize);
        let is_secured = matches!(plan.address, Endpoint::Tls(..));
        let id = scenario.target.request_id.as_deref();
        let messages = streams.map(|_| Messages::new(&prepared, is_secured, id));
        Ok(Worker {
            clock: Clock::new(&plan.address, plan.start.at),
            end: plan.end(),
            source: Source::new(&plan, slot),
            prepared,
            messages,
            poller: Poller::new(&plan.address, plan.start.at)?,
            pool: Pool::new(slot.share(scenario.limits.connections), streams),
            demand: Demand::beginning_with(opening_rate(&plan) * TICK as f64 / 1e9),
            outbox: Vec::new(),
            doubtful: Vec::new(),
            knocking: Knocking::default(),
            iterations: Slab::new(),
            queue: std::collections::VecDeque::new(),
            users: Users::new(&scenario, slot, most, plan.purpose.users_from())
                .knowing(&plan.given),
            census: Census::of(&scenario),
            noise: Noise::of(&scenario),
            ledger: Ledger::default(),
            timers: Timers::default(),
            limits: Limits::new(scenario.steps.len()),
            tickets: 0,
            tick: Moment(plan.from.0 + TICK),
            lateness: Lateness::default(),
            seen: Moment(0),
            turns: [Moment(0); 2],
            pace: Pace::default(),
            patience: Patience::new(
                plan.receive_clock == ReceiveClock::Kernel,
                scenario.steps.len(),
            ),
            used_up: None,
            is_stopped: false,
            closing: false,
            room: Room {
                input: vec![0; BUFFER],
                control: Control::default(),
                request: Vec::new(),
                body: String::new(),
            },
            reporter: Reporter::new(index, plan.from.second(), out),
            witness: Witness::new(&scenario, plan.purpose),
            plan,
        })
    }

    fn work(self) -> io::Result<()> {
        pace::be_punctual();
        self.run()
    }

    fn run(mut self) -> io::Result<()> {
        self.warm_up();
        while !self.should_close() {
            self.turn()?;
        }
        self.close()
    }

    /// Does what is due, waits for what comes next, and serves the sockets.
    fn turn(&mut self) -> io::Result<()> {
        let now = self.begin_turn();
        let (started, mut next) = self.do_due(now);
        if let Some(until) = next.and_then(|next| self.sleeps_until(next, now)) {
            self.poller.sleep(until);
            next = None;
        }
        next = next.map(|next| self.wakes_at(next, now));
        self.poller.wait(next)?;
        if self.is_out_of_lease() {
            return Ok(());
        }
        let served = self.serve_all();
        self.pace.did(started + served, now);
        Ok(())
    }

    /// Does what is due. Returns how many arrivals were started, and when there is more to
    /// do; `None` is at once.
    fn do_due(&mut self, now: Moment) -> (usize, Option<Moment>) {
        while let Some(wait) = self.timers.take(now) {
            self.wake(wait);
        }
        let started = self.start_due(now);
        self.write_all();
        self.knock(now);
        if now >= self.tick {
            self.look_round(now);
            self.write_all();
        }
        let is_behind = started == BURST;
        let may_come = !self.closing && self.used_up.is_none();
        let arrival = self.source.peek().map(|arrival| arrival.at).filter(|_| may_come);
        let next = [arrival, self.timers.next(), self.knocking.next(), Some(self.tick)];
        (started, next.into_iter().flatten().min().filter(|_| !is_behind))
    }

    fn look_at_clock(&mut self) -> Moment {
        self.seen = self.clock.now();
        self.seen
    }

    /// A turn begins.
    fn begin_turn(&mut self) -> Moment {
        let now = self.look_at_clock();
        self.turns = [self.turns[1], now];
        now
    }

    fn start_due(&mut self, now: Moment) -> usize {
        let mut started = 0;
        while started < BURST
            && !self.closing
            && self.used_up.is_none()
            && let Some(arrival) = self.source.take_due(now)
        {
            self.start(arrival);
            started += 1;
        }
        started
    }

    /// How many sockets had something.
    fn serve_all(&mut self) -> usize {
        let mut position = 0;
        while let Some(ready) = self.poller.found(position) {
            position += 1;
            if !Poller::is_own(ready.key) {
                self.serve(ConnectionKey::from_bits(ready.key), ready);
            }
        }
        self.write_all();
        position
    }

    /// What is looked at every 10 ms.
    fn look_round(&mut self, now: Moment) {
        let late = now.since(self.tick);
        self.ledger.saw_tick(late);
        self.is_stopped = *self.plan.stop.borrow() != Stop::Running;
        self.plan.orders.news().into_iter().for_each(|order| self.obey(order));
        if late >= STALL {
            self.lateness.feel(late, now);
        }
        self.demand.tick(late / TICK + 1);
        self.tick = Moment(now.0 / TICK * TICK + TICK);
        while let Some(wait) = self.limits.take(now) {
            self.give_up(wait);
        }
        self.ledger.failures.extend(self.witness.take());
        self.look_at_doubtful();
        self.serve_queue();
        if self.demand.is_rare() {
            self.pool.close_unused();
        }
        self.reporter.report_past(now, &mut self.ledger, self.pool.open());
    }

    /// What two arms share is fixed beforehand, so nobody orders them anything.
    fn obey(&mut self, order: Order) {
        let (from, rate) = match order {
            Order::Rate { from, rate } => (from, rate),
            Order::End { at } => (at, Rate::ZERO),
        };
        if self.source.retarget(from, rate).is_ok() && matches!(order, Order::End { .. }) {
            self.end = self.end.min(from);
        }
    }

    /// What was due before the end is started after it, if the worker is a little late. One
    /// that is later ends at its time.
    fn should_close(&self) -> bool {
        let grace = if self.source.peek().is_some() { GRACE } else { 0 };
        let now = self.clock.now();
        let is_over = now.0 >= self.end.0.saturating_add(grace) || self.plan.lease.has_run_out(now);
        is_over || self.is_stopped || self.has_walked() || self.has_used_up()
    }

    /// Nothing more is due of a walk, and all that was has ended.
    fn has_walked(&self) -> bool {
        self.plan.purpose.is_walk() && self.source.peek().is_none() && self.iterations.is_empty()
    }

    /// Lets what is in flight come to its end, then sends the last batch.
    fn close(&mut self) -> io::Result<()> {
        self.start_closing();
        while !self.is_done() {
            self.turn()?;
        }
        self.report_last();
        Ok(())
    }

    /// From now on nothing new is due. What has been due and was not started is unsent. A stop
    /// is mostly noticed on waking for a request: to that one it comes too late.
    fn start_closing(&mut self) {
        let now = self.look_at_clock();
        if *self.plan.stop.borrow() != Stop::Running && !self.plan.lease.has_run_out(now) {
            self.start_due(now);
        }
        self.miss_the_rest(now);
        self.closing = true;
        self.wake_all_but_streams();
    }

    fn report_last(&mut self) {
        self.ledger.failures.extend(self.witness.take());
        self.reporter.report_last(self.clock.now(), &mut self.ledger, self.pool.open());
    }

    fn is_drained(&self) -> bool {
        match *self.plan.stop.borrow() {
            Stop::Running => false,
            Stop::Drain(until) => self.clock.at(until) <= self.clock.now(),
        }
    }
}

/// Requests per second and slot at the beginning of the schedule, if each iteration is one.
fn opening_rate(plan: &Plan) -> f64 {
    let first = plan.scenario.load.stages.first();
    first.map_or(0.0, |stage| stage.from.0) / f64::from(plan.slots.of)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::engine::lease::Lease;

    use super::simulation::{MS, Played, Simulation, answer, answering, from_due};
    use super::*;
    use crate::engine::transport::simulated::{WAY, World};
    use crate::record::outcome::Outcome;

    #[test]
    fn requests_leave_when_they_are_due_and_their_times_are_the_targets() {
        let played = Simulation::of_gets(answering(3 * MS), "{}", 20).play();
        assert_eq!(played.counts, [20, 20, 0]);
        let (first, rest) = played.samples.split_first().unwrap();
        assert_eq!(first.connect, Some(2 * WAY));
        assert_eq!(from_due(first)[0], Some(2 * WAY), "it had to connect");
        for sample in rest {
            assert_eq!(from_due(sample), [Some(0), Some(3 * MS), Some(3 * MS)]);
            assert_eq!((sample.send_lag, sample.connect), (0, None));
        }
    }

    #[test]
    fn a_worker_that_stood_still_is_late_and_what_came_meanwhile_is_not() {
        // Requests are due at 475, 525 and 575 ms.
        let world = answering(3 * MS).stall(Moment(476 * MS), 100 * MS);
        let played = Simulation::of_gets(world, "{}", 20).play();
        let [waited, late, hardly] = [9, 10, 11].map(|position| &played.samples[position]);
        assert_eq!(from_due(waited), [Some(0), Some(3 * MS), Some(3 * MS)]);
        assert_eq!(waited.receive_lag, Some(98 * MS), "its stamp lay there");
        assert_eq!((late.send_lag, hardly.send_lag), (51 * MS, MS));
        assert!(hardly.lag_felt > 49 * MS, "the one before it is still felt: {}", hardly.lag_felt);
        assert_eq!(played.samples[13].send_lag, 0);
    }

    #[test]
    fn what_was_due_and_not_started_when_the_schedule_is_over_is_unsent() {
        let world = answering(MS).stall(Moment(500 * MS), 60_000 * MS);
        let played = Simulation::of_gets(world, "{}", 10).play();
        assert_eq!(played.counts, [10, 5, 5]);
        assert_eq!(played.samples.len(), 5, "the others are counted only");
        let world = answering(MS).stall(Moment(500 * MS), 600 * MS);
        let played = Simulation::of_gets(world, "{}", 10).play();
        assert_eq!(played.counts, [10, 10, 0], "a little late is not too late");
    }

    #[test]
    fn what_is_due_when_a_run_is_stopped_is_not_unsent() {
        let simulation = Simulation::of_gets(answering(MS), "{}", 10);
        let (mut worker, inbox) = simulation.worker();
        simulation.stop(Duration::from_secs(60));
        worker.poller.sleep(Moment(50 * MS));
        worker.close().unwrap();
        let played = Played::of(&inbox);
        assert_eq!((played.counts, played.samples.len()), ([1, 1, 0], 1));
    }

    #[test]
    fn what_is_in_flight_has_until_the_drains_deadline_and_no_longer() {
        // The stop is noticed on waking for the second request.
        for (takes, answered, abandoned) in [(400, 2, 0), (600, 0, 2)] {
            let simulation = Simulation::of_gets(answering(takes * MS), "{}", 100);
            simulation.stop(Duration::from_millis(500));
            let played = simulation.play();
            assert_eq!((played.samples.len(), played.totals.abandoned), (answered, abandoned));
        }
    }

    #[test]
    fn who_has_stood_still_for_longer_than_its_lease_sends_nothing_late() {
        // Frozen in the middle of the fifth request's answer, and for 5 s.
        for between in ["", r#"{"name": "second", "request": "GET /b"},"#] {
            let steps = format!(r#"{between} {{"name": "get", "request": "GET /"}}"#);
            let world = answering(40 * MS).stall(Moment(477 * MS), 5_000 * MS);
            let simulation =
                Simulation::new(world.clone(), &steps, "{}", r#"{"for": "20s", "rate": "10/s"}"#);
            let (mut worker, inbox) = simulation.worker();
            worker.plan.lease = Lease::until(Moment(3_000 * MS));
            worker.run().unwrap();
            let late = world.requests().iter().filter(|it| it.at > Moment(480 * MS)).count();
            assert_eq!(late, 0, "{between}");
            let [planned, sent, missed] = Played::of(&inbox).counts;
            assert!(missed >= 49 && planned - sent >= 49, "{planned} {sent} {missed}");
        }
    }

    #[test]
    fn a_lease_that_is_renewed_changes_nothing() {
        let simulation = Simulation::of_gets(answering(3 * MS), "{}", 20);
        let (mut worker, inbox) = simulation.worker();
        worker.plan.lease = Lease::until(Moment(300 * MS));
        let lease = worker.plan.lease.clone();
        while worker.clock.now() < Moment(250 * MS) {
            worker.turn().unwrap();
        }
        lease.renew(worker.clock.now(), Moment(60_000 * MS));
        worker.run().unwrap();
        assert_eq!(Played::of(&inbox).counts, [20, 20, 0]);
    }

    #[test]
    fn the_rate_may_be_changed_while_a_worker_runs() {
        let simulation = Simulation::of_gets(answering(MS), "{}", 20);
        let (mut worker, inbox) = simulation.worker();
        while worker.clock.now() < Moment(400 * MS) {
            worker.turn().unwrap();
        }
        simulation.orders.give(Order::Rate { from: Moment(500 * MS), rate: Rate(200.0) });
        worker.run().unwrap();
        let played = Played::of(&inbox);
        let before = played.samples.iter().filter(|one| one.intended < Moment(500 * MS)).count();
        assert_eq!((before, played.samples.len()), (10, 110));
        assert!(played.samples.iter().all(|sample| sample.outcome == Outcome::Ok));
        assert_eq!(played.samples.iter().map(|sample| sample.send_lag).max(), Some(0));
    }

    #[test]
    fn a_load_ends_when_it_is_ordered_and_what_was_sent_comes_to_its_end() {
        let simulation = Simulation::of_gets(answering(300 * MS), "{}", 20);
        let (mut worker, inbox) = simulation.worker();
        while worker.clock.now() < Moment(100 * MS) {
            worker.turn().unwrap();
        }
        simulation.orders.give(Order::Rate { from: Moment(200 * MS), rate: Rate(100.0) });
        simulation.orders.give(Order::End { at: Moment(500 * MS) });
        worker.run().unwrap();
        let played = Played::of(&inbox);
        // Four of the old rate and thirty of the new one.
        assert_eq!((played.counts, played.totals.abandoned), ([34, 34, 0], 0));
        assert!(played.samples.iter().all(|sample| sample.intended < Moment(500 * MS)));
        assert!(played.samples.iter().all(|sample| sample.outcome == Outcome::Ok));
    }

    #[test]
    fn a_worker_that_stood_still_obeys_all_that_was_ordered_meanwhile() {
        let world = answering(MS).stall(Moment(95 * MS), 500 * MS);
        let simulation = Simulation::of_gets(world, "{}", 20);
        let (mut worker, inbox) = simulation.worker();
        while worker.clock.now() < Moment(90 * MS) {
            worker.turn().unwrap();
        }
        simulation.orders.give(Order::Rate { from: Moment(200 * MS), rate: Rate(200.0) });
        simulation.orders.give(Order::Rate { from: Moment(300 * MS), rate: Rate(10.0) });
        worker.run().unwrap();
        let played = Played::of(&inbox);
        // 4 at 20/s, 20 at 200/s, 7 at 10/s: the same as those of a worker in time.
        assert_eq!(played.counts, [31, 31, 0]);
    }

    /// It would be charged to the target.
    #[test]
    fn a_busy_worker_does_not_rest_while_requests_wait_for_a_connection() {
        let (mut worker, _inbox) =
            Simulation::of_gets(World::new(|_| vec![(MS, answer())]), "{}", 1).worker();
        let now = Moment(300_000_000);
        for stretch in 0..30 {
            worker.pace.did(200, Moment(stretch * TICK));
        }
        let next = Moment(now.0 + 5 * TICK);
        assert!(worker.sleeps_until(next, now).is_some(), "it is busy");
        worker.queue.push_back((0, 1));
        worker.patience.hurry();
        assert_eq!(worker.sleeps_until(next, now), None);
    }

    #[test]
    fn a_busy_worker_wakes_for_sockets_only_while_requests_wait_for_a_connection() {
        let (mut worker, _inbox) = Simulation::of_gets(answering(MS), "{}", 1).worker();
        let now = Moment(300 * MS);
        let [soon, later] = [20_000, 5 * TICK].map(|after| Moment(now.0 + after));
        worker.queue.push_back((0, 1));
        assert_eq!(worker.wakes_at(soon, now), soon, "it has little to do");
        for stretch in 0..30 {
            worker.pace.did(200, Moment(stretch * TICK));
        }
        let rest = worker.pace.rest(now).unwrap();
        assert!(soon < rest && rest < later);
        assert_eq!(worker.wakes_at(soon, now), rest);
        assert_eq!(worker.wakes_at(later, now), later);
        worker.queue.clear();
        assert_eq!(worker.wakes_at(soon, now), soon);
        // 30,000 per second on two connections, of which each is free again after 0.25 ms.
        let world = answering(MS / 4);
        let limits = r#"{"connections": 2, "in_flight": 100}"#;
        let played = Simulation::of_gets(world.clone(), limits, 30_000).play();
        assert_eq!(played.counts[0], 30_000);
        let served = world.requests().len();
        assert!(served >= 7_900, "each connection is used again at once: {served}");
    }
}
