//! Failures that no objective is about: quick ones would pass a gate that asks for times alone.

use crate::analysis::assessment::{Finding, Severity};
use crate::analysis::evidence::is_bad;
use crate::analysis::finding::finding;
use crate::analysis::number_format::{count, percent};
use crate::analysis::run_data::RunData;
use crate::analysis::stats::{ALPHA, share_at_least};
use crate::analysis::worked::named;
use crate::record::interval::StepCounts;
use crate::record::outcome::Outcome;
use crate::record::run::{Head, MetricHead};

/// From these shares on, failures that no objective is about are told, and rule out a pass.
const FEW_UNJUDGED: f64 = 0.001;
const MANY_UNJUDGED: f64 = 0.01;
/// So many of one step's rule out a pass, if they show that more than [`MANY_UNJUDGED`] fail.
const FEW_OF_STEP: u64 = 2;

/// Failures that no objective is about. A few are told; more than that are no plain pass, be it
/// of all requests or of a step's.
pub fn unjudged(data: &RunData) -> Option<Finding> {
    let slos = &data.record.head.slos;
    let steps: Vec<Unjudged> = data
        .steps
        .iter()
        .enumerate()
        .map(|(step, pool)| {
            // The first series of a step is of a tenant, if any is.
            let head = &data.record.head;
            let first = (0..head.series.len()).find(|series| head.step_of(*series) == step);
            Unjudged::of(head, first, &pool.counts)
        })
        .collect();
    let all = Unjudged::sum(&steps);
    let often = |step: &Unjudged| step.failed >= FEW_OF_STEP && step.surely() > MANY_UNJUDGED;
    let worst = steps.iter().enumerate().filter(|(_, step)| often(step));
    let worst = worst.max_by(|(_, a), (_, b)| a.share().total_cmp(&b.share()));
    let tenant = of_tenant(data);
    if all.share() <= FEW_UNJUDGED && worst.is_none() && tenant.is_none() {
        return None;
    }
    let withholds = all.share() > MANY_UNJUDGED || worst.is_some() || tenant.is_some();
    let severity = if withholds { Severity::Withholds } else { Severity::Warning };
    let is_partly_judged = slos.iter().any(|slo| matches!(slo.metric, MetricHead::Failures(_)));
    let of_what = if is_partly_judged { "these failures" } else { "failures" };
    let heads = &data.record.head.steps;
    let where_most = worst.and_then(|(index, step)| Some((heads.get(index)?, step)));
    let where_most = where_most.filter(|_| heads.len() > 1);
    let most =
        where_most.map(|(head, step)| format!(", {} of {}", percent(step.share()), named(head)));
    let of_tenant =
        tenant.map(|(name, it)| format!(", {} of those of {name}", percent(it.share())));
    let evidence = format!(
        "{} of {} requests ({}) failed{}{}, and no objective is about {of_what}",
        count(all.failed),
        count(all.ended),
        percent(all.share()),
        most.unwrap_or_default(),
        of_tenant.unwrap_or_default()
    );
    let advice = "add \"error_rate < 0.1%\" to the objectives of all steps, or expect those answers in \
                  the step's check";
    Some(finding("unjudged_failures", severity, evidence, advice))
}

/// The tenant of whom most failed so, if that is as much as would be too much of a step, and objectives ask
/// something of each. He may be too small to be seen among all.
fn of_tenant<'d>(data: &RunData<'d>) -> Option<(&'d str, Unjudged)> {
    let head = &data.record.head;
    let tenants = head.tenants.as_ref().filter(|_| head.slos.iter().any(|slo| slo.each_tenant))?;
    let mut each = vec![Unjudged::default(); tenants.places().into()];
    for found in data.judged.seconds.iter().filter_map(|it| data.record.seconds.get(*it)) {
        for (series, counts) in found.counts().iter().enumerate() {
            let mine = head.tenant_of(series).and_then(|place| each.get_mut(usize::from(place)));
            if let Some(mine) = mine {
                *mine = mine.and(Unjudged::of(head, Some(series), counts));
            }
        }
    }
    let each = (0..tenants.places()).map(|place| tenants.name(place)).zip(each);
    let often = each.filter(|(_, it)| it.failed >= FEW_OF_STEP && it.surely() > MANY_UNJUDGED);
    often.max_by(|(_, a), (_, b)| a.share().total_cmp(&b.share()))
}

/// Whether an objective counts such an end of a series.
fn is_judged(head: &Head, series: usize, outcome: Outcome) -> bool {
    head.slos.iter().any(|slo| match slo.metric {
        MetricHead::Failures(share) => {
            let is_meant = !slo.each_tenant || head.tenant_of(series).is_some();
            is_meant && head.is_of(series, slo.within()) && is_bad(outcome, share)
        }
        MetricHead::ResponseTime { .. }
        | MetricHead::Apdex { .. }
        | MetricHead::Throughput(_)
        | MetricHead::Gauge(_)
        | MetricHead::CertificateDays(_)
        | MetricHead::Lap { .. } => false,
    })
}

/// Requests, and those of them that failed in a way that no objective counts.
#[derive(Clone, Copy, Default)]
struct Unjudged {
    ended: u64,
    failed: u64,
}

impl Unjudged {
    /// Of what a series had, by the objectives that mean it.
    fn of(head: &Head, series: Option<usize>, counts: &StepCounts) -> Unjudged {
        let failed = Outcome::ALL.into_iter().filter(|outcome| {
            *outcome != Outcome::Ok && !series.is_some_and(|it| is_judged(head, it, *outcome))
        });
        Unjudged { ended: counts.ended(), failed: failed.map(|it| counts.outcome(it)).sum() }
    }

    fn and(self, other: Unjudged) -> Unjudged {
        Unjudged { ended: self.ended + other.ended, failed: self.failed + other.failed }
    }

    fn sum(all: &[Unjudged]) -> Unjudged {
        all.iter().copied().fold(Unjudged::default(), Unjudged::and)
    }

    fn share(self) -> f64 {
        self.failed as f64 / self.ended.max(1) as f64
    }

    /// The least share that these few can be of.
    fn surely(self) -> f64 {
        share_at_least(self.failed as f64, self.ended as f64, ALPHA)
    }
}
