//! Both arms of a duet on one thread.
//!
//! Whatever makes the generator late makes it late for both: they share its thread, its
//! wake-ups and its core. Each arm has a worker of its own, with its own connections,
//! virtual users and counts, and its poller is watched by a common one. Who is served
//! first changes from turn to turn.
//!
//! Where pollers cannot watch each other, each arm has a thread of its own.

use std::io;
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;

use crate::engine::collector::Message;
use crate::engine::plan::Plan;

/// Starts the thread of two arms, whose plans start at the same moment and have one worker
/// each. It ends when both schedules are done, or with either plan's `stop`.
#[cfg(target_os = "linux")]
pub fn spawn_pair(
    plans: [Plan; 2],
    outs: [Sender<Message>; 2],
) -> io::Result<Vec<JoinHandle<io::Result<()>>>> {
    let work = move || linux::Pair::new(plans, outs)?.work();
    let thread = std::thread::Builder::new().name("worker-pair".to_owned()).spawn(work)?;
    Ok(vec![thread])
}

/// Starts a thread for each of two arms.
#[cfg(not(target_os = "linux"))]
pub fn spawn_pair(
    plans: [Plan; 2],
    outs: [Sender<Message>; 2],
) -> io::Result<Vec<JoinHandle<io::Result<()>>>> {
    plans.into_iter().zip(outs).map(|(plan, out)| super::spawn(plan, 0, out)).collect()
}

#[cfg(target_os = "linux")]
mod linux {
    use std::io;
    use std::sync::mpsc::Sender;

    use crate::engine::collector::Message;
    use crate::engine::plan::Plan;
    use crate::engine::transport::clock::Clock;
    use crate::engine::transport::poller::Poller;
    use crate::engine::worker::Worker;
    use crate::engine::worker::pace::{Pace, be_punctual};
    use crate::units::Moment;

    /// Two arms that take turns on one thread.
    pub(super) struct Pair {
        clock: Clock,
        poller: Poller,
        pace: Pace,
        lanes: [Lane; 2],
    }

    /// One arm.
    struct Lane {
        worker: Worker,
        is_done: bool,
    }

    impl Pair {
        pub(super) fn new(plans: [Plan; 2], outs: [Sender<Message>; 2]) -> io::Result<Pair> {
            let (address, start) = (&plans[0].address, plans[0].start.at);
            let (clock, poller) = (Clock::new(address, start), Poller::new(address, start)?);
            let [first, second] = plans;
            let [to_first, to_second] = outs;
            let lanes = [Lane::new(first, to_first)?, Lane::new(second, to_second)?];
            for (key, lane) in lanes.iter().enumerate() {
                poller.watch(&lane.worker.poller, key as u64)?;
            }
            Ok(Pair { clock, poller, pace: Pace::default(), lanes })
        }

        pub(super) fn work(self) -> io::Result<()> {
            be_punctual();
            self.run()
        }

        pub(super) fn run(mut self) -> io::Result<()> {
            for lane in &mut self.lanes {
                lane.worker.warm_up();
            }
            while self.lanes.iter().any(|lane| !lane.is_done) {
                self.turn()?;
                self.lanes.reverse();
            }
            Ok(())
        }

        fn turn(&mut self) -> io::Result<()> {
            let now = self.clock.now();
            let mut work = 0;
            let mut next = Some(Moment(u64::MAX));
            for lane in self.lanes.iter_mut().filter(|lane| !lane.is_done) {
                let (started, more) = lane.do_due();
                work += started;
                next = next.zip(more).map(|(next, more)| next.min(more));
            }
            match next.and_then(|next| self.sleeps_until(next, now)) {
                Some(until) => self.poller.sleep(until),
                None => self.poller.wait(next)?,
            }
            for lane in self.lanes.iter_mut().filter(|lane| !lane.is_done) {
                work += lane.serve()?;
            }
            self.pace.did(work, now);
            Ok(())
        }

        /// As for one worker; both must be able to wait.
        fn sleeps_until(&self, next: Moment, now: Moment) -> Option<Moment> {
            let under_way = || self.lanes.iter().filter(|lane| !lane.is_done);
            let is_patient = || under_way().all(|lane| lane.worker.patience.is_patient());
            let soonest = || under_way().map(|lane| lane.worker.unread_until(next, now)).min();
            let has_queue = || under_way().any(|lane| !lane.worker.queue.is_empty());
            let rest = self.pace.rest(now).filter(|_| !has_queue());
            rest.or_else(|| if is_patient() { soonest() } else { None })
        }
    }

    impl Lane {
        fn new(plan: Plan, out: Sender<Message>) -> io::Result<Lane> {
            Ok(Lane { worker: Worker::new(plan, 0, out)?, is_done: false })
        }

        fn do_due(&mut self) -> (usize, Option<Moment>) {
            let now = self.worker.begin_turn();
            self.worker.do_due(now)
        }

        /// Serves the sockets that have something; how many had.
        fn serve(&mut self) -> io::Result<usize> {
            self.worker.poller.wait(None)?;
            let served = self.worker.serve_all();
            if !self.worker.closing && self.worker.should_close() {
                self.worker.start_closing();
            }
            if self.worker.closing && self.worker.is_done() {
                self.worker.report_last();
                self.is_done = true;
            }
            Ok(served)
        }
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::linux::Pair;
    use crate::engine::transport::simulated::World;
    use crate::engine::worker::simulation::{MS, Played, Simulation, answering, from_due};
    use crate::scenario::model::Arm;
    use crate::schedule::arms::Timing;
    use crate::units::Moment;

    /// Plays both arms against one target, 20 requests each.
    fn play(world: &World, timing: impl Fn(Arm) -> Timing) -> [Played; 2] {
        let simulation = Simulation::of_gets(world.clone(), "{}", 20);
        let mut plans = [simulation.plan.clone(), simulation.plan.clone()];
        for (plan, arm) in plans.iter_mut().zip(Arm::BOTH) {
            plan.timing = timing(arm);
        }
        let ([to_first, to_second], inboxes) = {
            let [(a, x), (b, y)] = [mpsc::channel(), mpsc::channel()];
            ([a, b], [x, y])
        };
        Pair::new(plans, [to_first, to_second]).unwrap().run().unwrap();
        inboxes.map(|inbox| Played::of(&inbox))
    }

    fn interleaved(arm: Arm) -> Timing {
        Timing::Interleaved { arm, later: Duration::from_millis(25) }
    }

    #[test]
    fn both_arms_send_in_time_on_one_thread() {
        let world = answering(3 * MS);
        for arm in play(&world, interleaved) {
            assert_eq!((arm.counts, arm.totals.completed), ([20, 20, 0], 20));
            for sample in &arm.samples[1..] {
                assert_eq!(from_due(sample), [Some(0), Some(3 * MS), Some(3 * MS)]);
            }
        }
        assert_eq!(world.requests().len(), 40);
        assert_eq!(world.connections(), (2, 0), "each has its own connection");
    }

    #[test]
    fn what_makes_one_arm_late_makes_the_other_late() {
        let world = answering(3 * MS).stall(Moment(476 * MS), 100 * MS);
        let late = play(&world, interleaved).map(|arm| {
            let late = arm.samples.iter().filter(|sample| sample.send_lag > 0);
            late.map(|sample| sample.ended).max().unwrap()
        });
        assert!(late.iter().all(|last| last.since(Moment(579 * MS)) < MS), "{late:?}");
    }

    #[test]
    fn the_thread_ends_when_both_arms_have() {
        let block = Duration::from_millis(250);
        let timing = |arm| Timing::Alternating { arm, first: Arm::Baseline, block };
        let [baseline, candidate] = play(&answering(MS), timing);
        assert_eq!((baseline.counts, candidate.counts), ([20, 20, 0], [20, 20, 0]));
        let last = |arm: &Played| arm.samples.last().unwrap().intended;
        let (earlier, later) = (last(&candidate), last(&baseline));
        assert!(earlier < later && later > Moment(1_900 * MS), "{earlier:?} {later:?}");
    }
}
