//! What no machine of a given size can send: such a load is a mistake, not a measurement.
//!
//! The bound is generous on purpose. A request costs at least one call of the kernel to
//! send and one to receive; loadgate needs some 10 µs for it, and nothing known less than
//! 4 µs. A load below the bound may still be too much for a machine; then the run says so.

use std::time::Duration;

use super::load::{Load, Part, Stage};
use super::model::{Flow, Step, StepId};
use super::problems::Fault;
use super::sum;
use crate::units::{Rate, group_digits};

/// Requests per second that no thread reaches.
pub const PER_THREAD: f64 = 250_000.0;
/// A run or a duet does not last longer.
pub const LONGEST: Duration = Duration::from_secs(31 * 86_400);

/// The cores of this machine that loadgate may use.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The most requests per second, and why not more.
#[derive(Debug, Clone, PartialEq)]
pub struct Ceiling {
    threads: usize,
    cores: usize,
    why: &'static str,
}

impl Ceiling {
    /// Of a run: its workers, of which no more can send at once than there are cores.
    pub fn of_run(cores: usize, workers: Option<u16>) -> Ceiling {
        if let Some(workers) = workers {
            let threads = usize::from(workers).min(cores).max(1);
            Ceiling { threads, cores, why: "the \"workers\" of \"limits\"" }
        } else {
            let why = "half of its cores, as the rest are the target's";
            Ceiling { threads: (cores / 2).max(1), cores, why }
        }
    }

    /// Of a duet, both of whose arms one thread loads.
    pub fn of_duet(cores: usize) -> Ceiling {
        Ceiling { threads: 1, cores, why: "which loads both arms of a duet" }
    }

    /// Requests per second that are out of reach.
    pub fn requests(&self) -> Rate {
        Rate(PER_THREAD * self.threads as f64)
    }

    /// What is wrong with a stage that goes beyond it.
    pub(crate) fn fault(&self, stage: &Stage, per_iteration: f64) -> Option<Fault> {
        let wanted = stage.from.0.max(stage.to.0) * per_iteration;
        let most = self.requests().0;
        if wanted <= most {
            return None;
        }
        let threads = match self.threads {
            1 => "1 thread".to_owned(),
            many => format!("{many} threads"),
        };
        let fault = Fault::new(format!(
            "{} requests per second are beyond this machine of {} cores: it sends with {threads} \
             ({}), and a thread sends {} at the very most",
            grouped(wanted),
            self.cores,
            self.why,
            grouped(PER_THREAD),
        ));
        let within = grouped((most / per_iteration.max(1e-9)).floor()).replace(',', "");
        Some(fault.help(format!(
            "lower the rate, to {within}/s at most and far less for a valid run, or use a machine \
             with more cores"
        )))
    }

    /// The same in words, for a load that no file has written.
    pub fn refusal(&self, stages: &[Stage], flows: &[Flow], steps: &[Step]) -> Option<String> {
        let per_iteration = requests_per_iteration(flows, steps);
        let fault = stages.iter().find_map(|stage| self.fault(stage, per_iteration))?;
        Some(in_words(fault))
    }

    /// The same for a whole load, each part of which has flows of its own.
    pub fn refusal_of(&self, load: &Load, flows: &[Flow], steps: &[Step]) -> Option<String> {
        if load.parts.is_empty() {
            return self.refusal(&load.stages, flows, steps);
        }
        let whole = sum::of(&load.parts, |part| requests_of_part(&load.parts[part], flows, steps));
        whole.iter().find_map(|stage| self.fault(stage, 1.0)).map(in_words)
    }
}

/// Requests that an iteration leads to in the long run, if all goes well: steps done once
/// per user do not count.
pub fn requests_per_iteration(flows: &[Flow], steps: &[Step]) -> f64 {
    requests_of(flows.iter(), steps)
}

/// The same of a whole load, whose parts have flows of their own.
pub fn requests_per_iteration_of(load: &Load, flows: &[Flow], steps: &[Step]) -> f64 {
    let area = |part: &Part| part.stages.iter().map(Stage::area).sum::<f64>();
    let all: f64 = load.parts.iter().map(area).sum();
    if all <= 0.0 {
        return requests_per_iteration(flows, steps);
    }
    let of = |part: &Part| area(part) * requests_of_part(part, flows, steps);
    load.parts.iter().map(of).sum::<f64>() / all
}

fn requests_of_part(part: &Part, flows: &[Flow], steps: &[Step]) -> f64 {
    requests_of(part.flows.iter().filter_map(|flow| flows.get(*flow)), steps)
}

/// The same of some of the flows.
pub(crate) fn requests_of<'f>(
    flows: impl Iterator<Item = &'f Flow> + Clone,
    steps: &[Step],
) -> f64 {
    let total: f64 = flows.clone().map(|flow| f64::from(flow.weight)).sum();
    let is_repeated = |id: StepId| steps.get(id.index()).is_some_and(|step| !step.once);
    let of = |flow: &Flow| {
        let actions = flow.actions.iter().zip(&flow.often);
        let asked = actions.filter(|(action, _)| action.step().is_some_and(is_repeated));
        asked.map(|(_, often)| often).sum::<f64>() * f64::from(flow.weight)
    };
    flows.map(of).sum::<f64>() / total.max(1.0)
}

/// What is wrong with a load that lasts too long.
pub(crate) fn length_fault(length: Duration) -> Option<Fault> {
    (length > LONGEST).then(|| {
        let days = length.as_secs() / 86_400;
        let fault = Fault::new(format!("a load of {days} days; it may last 31 days at most"));
        fault.help("shorten the stages, or measure in several runs")
    })
}

/// The same in words, for a length that no file has written.
pub fn length_refusal(length: Duration) -> Option<String> {
    length_fault(length).map(in_words)
}

fn in_words(fault: Fault) -> String {
    let help = fault.help.map(|help| format!("; {help}")).unwrap_or_default();
    format!("{}{help}", fault.message)
}

fn grouped(number: f64) -> String {
    group_digits(&format!("{:.0}", number.max(0.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage(from: f64, to: f64) -> Stage {
        Stage {
            length: Duration::from_secs(1),
            from: Rate(from),
            to: Rate(to),
            users: None,
            warmup: false,
        }
    }

    #[test]
    fn what_no_machine_of_this_size_can_send_is_refused() {
        let small = Ceiling::of_run(2, None);
        assert_eq!(small.requests(), Rate(250_000.0));
        assert_eq!(small.fault(&stage(250_000.0, 1.0), 1.0), None);
        assert_eq!(small.fault(&stage(1.0, 83_000.0), 3.0), None);
        let fault = small.fault(&stage(1.0, 84_000.0), 3.0).unwrap();
        assert!(fault.message.contains("252,000 requests per second"), "{}", fault.message);
        assert!(fault.message.contains("with 1 thread (half of its cores"), "{}", fault.message);
        assert!(fault.message.contains("sends 250,000 at the very most"), "{}", fault.message);
        assert!(fault.help.unwrap().contains("to 83333/s at most"));
        assert!(Ceiling::of_run(96, None).fault(&stage(10e6, 10e6), 1.0).is_none());
    }

    #[test]
    fn workers_raise_the_ceiling_up_to_the_cores() {
        assert_eq!(Ceiling::of_run(8, Some(2)).requests(), Rate(500_000.0));
        assert_eq!(Ceiling::of_run(8, Some(1024)).requests(), Rate(2_000_000.0));
        assert_eq!(Ceiling::of_run(1, None).requests(), Rate(250_000.0));
        assert_eq!(Ceiling::of_duet(64).requests(), Rate(250_000.0));
    }

    #[test]
    fn a_month_is_the_longest_load() {
        assert_eq!(length_refusal(LONGEST), None);
        let refusal = length_refusal(LONGEST + Duration::from_secs(86_400)).unwrap();
        assert!(refusal.contains("32 days") && refusal.contains("31 days at most"), "{refusal}");
    }
}
