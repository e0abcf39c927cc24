//! The generator's threads of one measurement.

use std::io;
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;

use crate::engine::collector::Message;
use crate::engine::plan::Plan;
use crate::engine::worker;

/// Threads that load.
pub(super) type Crew = Vec<JoinHandle<io::Result<()>>>;

/// Two sides share a thread; one has as many as its plan says.
pub(super) fn spawn(sides: Vec<(&Plan, &Sender<Message>)>) -> io::Result<Crew> {
    match sides[..] {
        [(first, to_first), (second, to_second)] => {
            let plans = [first.clone(), second.clone()];
            worker::pair::spawn_pair(plans, [to_first.clone(), to_second.clone()])
        }
        _ => sides
            .into_iter()
            .flat_map(|it| (0..it.0.slots.threads()).map(move |index| (it, index)))
            .map(|((plan, out), index)| worker::spawn(plan.clone(), index, out.clone()))
            .collect(),
    }
}
