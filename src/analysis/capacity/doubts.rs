//! What a search for capacity cannot say.

use crate::analysis::capacity::messages;
use crate::analysis::capacity::points::trials;
use crate::analysis::number_format;
use crate::analysis::stats::median;
use crate::record::capacity::{CapacityFile, FoundCapacity, Trial};

/// Fewer requests beyond a quantile than this leave it to chance in one trial.
const FEW_BEYOND: f64 = 10.0;
/// A finding of trials whose target and generator fill the machine.
const MACHINE_FULL: &str = "machine_full";
/// Findings of trials during which others wanted the processors.
const CROWDED: [&str; 2] = ["cpu_pressure", "steal"];
/// How near to the capacity trials are that say something of it.
const NEAR: f64 = 1.1;

/// What no such search can say, and what this one in particular cannot.
pub fn doubts(file: &CapacityFile) -> Vec<String> {
    let asked = &file.asked;
    let mut doubts = vec![format!(
        "what builds up over longer than {}, such as memory, queues or a cache that fills: that \
         takes a run of hours",
        number_format::seconds(asked.confirmation.max(asked.longest_trial))
    )];
    let near: Vec<&Trial> = trials(&file.trials).filter(|it| is_near(it, &file.found)).collect();
    doubts.extend(few_requests(&near));
    doubts.extend(asked.unit.is_users().then(|| of_users(file, &near)));
    let with = |kinds: &[&str]| {
        let has = |it: &&&Trial| it.findings.iter().any(|kind| kinds.contains(&kind.as_str()));
        near.iter().filter(has).count()
    };
    let crowded = with(&CROWDED);
    if crowded > 0 {
        doubts.push(format!(
            "what the target can do on a quiet machine, which may be much more: in {} near the \
             capacity tasks waited for a CPU, or the hypervisor took it away",
            number_format::counted(crowded as u64, "trial")
        ));
    }
    let full = with(&[MACHINE_FULL]);
    if full > 0 {
        doubts.push(format!(
            "what the target can do on a machine of its own: in {} near the capacity generator \
             and target together used most of this one",
            number_format::counted(full as u64, "trial")
        ));
    }
    doubts
}

/// What users who wait for answers hide, and the rate that they reached.
fn of_users(file: &CapacityFile, near: &[&Trial]) -> String {
    let good = near.iter().filter(|it| file.found.low.is_some_and(|low| it.is_at(low)));
    let rates: Vec<f64> = good.map(|it| it.seen.offered).collect();
    let reached = median(&rates).map_or_else(String::new, |rate| {
        format!(": those of the lower bound asked for {}", messages::rate(rate))
    });
    format!(
        "how many arrivals it can take from people who do not wait for each other: users ask for \
         less while the target is slow{reached}; a scenario with a \"rate\" finds that"
    )
}

fn few_requests(near: &[&Trial]) -> Option<String> {
    let fewest = near.iter().map(|it| it.seen.requests).min()?;
    let tail = fewest as f64 * 0.01;
    (tail < FEW_BEYOND).then(|| {
        format!(
            "much about p99 by a single trial: trials near the capacity have about {} requests, \
             so only many of them together decide; a longer --within has longer trials",
            number_format::count(fewest)
        )
    })
}

fn is_near(trial: &Trial, found: &FoundCapacity) -> bool {
    let low = found.low.or(found.high).unwrap_or(0.0) / NEAR;
    let high = found.high.or(found.low).unwrap_or(f64::MAX) * NEAR;
    (low..=high).contains(&trial.rate)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::sample_capacity::sample;

    #[test]
    fn a_crowded_machine_is_told_where_it_matters() {
        let told = |index: usize, kind: &str| {
            let mut file = sample();
            file.trials[index].findings.push(kind.to_owned());
            doubts(&file).join("; ")
        };
        assert!(told(4, "cpu_pressure").contains("1 trial near the capacity tasks waited"));
        assert!(told(4, "machine_full").contains("generator and target together"));
        assert!(!told(0, "steal").contains("hypervisor"), "far below the capacity");
    }
}
