//! The generator's threads for the sides of a measurement.

use std::io;
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;

use crate::engine::collector::Message;
use crate::engine::plan::Plan;
use crate::engine::worker;

/// The threads.
pub(super) type Crew = Vec<JoinHandle<io::Result<()>>>;

/// Two sides share a thread; one has as many as its plan says.
pub(super) fn begin(sides: &[(Plan, Sender<Message>)]) -> io::Result<Crew> {
    match sides {
        [(first, first_out), (second, second_out)] => {
            let plans = [first.clone(), second.clone()];
            worker::pair::spawn_pair(plans, [first_out.clone(), second_out.clone()])
        }
        one => one
            .iter()
            .flat_map(|it| (0..it.0.slots.threads()).map(move |index| (it, index)))
            .map(|((plan, out), index)| worker::spawn(plan.clone(), index, out.clone()))
            .collect(),
    }
}
