//! Tenants, each by itself: whether an objective holds for all of them, and how far apart they are.
//!
//! *Met* says that it holds for every one: each of them shows it at the usual level, and nothing
//! needs to be corrected, as the claim is that all do (an intersection-union test). *Missed* says
//! that it does not hold for one at least: of many, one may look so by chance, so the chances are held
//! against Holm's levels, and whoever looks bad and is not bad enough for that leaves it open. Whoever
//! has too few requests to tell leaves it open as well. All who are not told apart count as one.

use crate::analysis::assessment::{SloResult, SloStatus, TenantSummary, TenantsSeen};
use crate::analysis::evidence;
use crate::analysis::holm::holm;
use crate::analysis::run_data::RunData;
use crate::analysis::stats::{ALPHA, median};
use crate::analysis::totals::{self, Totals};
use crate::analysis::window::Judged;
use crate::analysis::{slo, summary};
use crate::record::outcome::Outcome;
use crate::record::phase::Phase;
use crate::record::run::{RunRecord, SloHead, TenantsHead};

/// With fewer requests a p99 is the slowest of them.
const ENOUGH_FOR_P99: u64 = 100;
/// What such an objective speaks of.
const EACH: &str = "each tenant";

/// Judges one objective, of whatever it speaks.
pub fn judge(data: &RunData, slo: &SloHead) -> SloResult {
    match &data.record.head.tenants {
        Some(tenants) if slo.each_tenant => of_each(data, slo, tenants),
        Some(_) | None => slo::judge(data, slo),
    }
}

/// How an objective comes out over some seconds, before any doubt.
pub fn plain_status(record: &RunRecord, judged: &Judged, slo: &SloHead) -> SloStatus {
    let Some(tenants) = record.head.tenants.as_ref().filter(|_| slo.each_tenant) else {
        return slo::plain_status(record, judged, slo);
    };
    let of = |place| slo::plain_status(record, judged, &one(slo, place));
    let all = (0..tenants.places()).map(of);
    all.max_by_key(|status| gravity(*status)).unwrap_or(SloStatus::Inconclusive)
}

/// The same objective of one tenant.
fn one(slo: &SloHead, place: u16) -> SloHead {
    SloHead { tenant: Some(place), each_tenant: false, ..slo.clone() }
}

/// Which answer counts of several: one that is missed is, whatever the others are.
fn gravity(status: SloStatus) -> u8 {
    match status {
        SloStatus::Met => 0,
        SloStatus::Inconclusive => 1,
        SloStatus::Invalid => 2,
        SloStatus::Missed => 3,
    }
}

/// One tenant's result.
struct Single {
    place: u16,
    result: SloResult,
}

fn of_each(data: &RunData, slo: &SloHead, tenants: &TenantsHead) -> SloResult {
    let single = |place| Single { place, result: slo::judge(data, &one(slo, place)) };
    let mut all: Vec<Single> = (0..tenants.places()).map(single).collect();
    // Whoever is not among the largest need not be there at all.
    all.retain(|it| usize::from(it.place) < tenants.names.len() || it.result.requests > 0);
    keep_what_is_no_chance(data, slo, &mut all);
    let mut of_each = vec![SloStatus::Met; tenants.places().into()];
    for it in &all {
        of_each[usize::from(it.place)] = it.result.status;
    }
    let key = |it: &Single| (gravity(it.result.status), badness(&it.result));
    let worst = all.iter().max_by(|a, b| {
        let (a, b) = (key(a), key(b));
        a.0.cmp(&b.0).then(a.1.total_cmp(&b.1))
    });
    let Some(worst) = worst else { return slo::judge(data, slo) };
    let note = note(worst, &all, tenants);
    let step = Some(EACH.to_owned());
    SloResult { step, of_each, note: Some(note), ..worst.result.clone() }
}

/// The share of bad requests that it may have at most.
fn badness(result: &SloResult) -> f64 {
    let share = result.bad as f64 / result.requests.max(1) as f64;
    match result.status {
        SloStatus::Missed => share,
        SloStatus::Met | SloStatus::Inconclusive | SloStatus::Invalid => {
            result.bad_share.map_or(1.0, |(_, high)| high)
        }
    }
}

/// Of many tenants one may miss by chance: what Holm's rule does not reject is open.
fn keep_what_is_no_chance(data: &RunData, slo: &SloHead, all: &mut [Single]) {
    let chance = |it: &Single| {
        let share = evidence::weigh(data.record, &data.judged.seconds, &one(slo, it.place));
        share.chance_within(slo.allowed)
    };
    let chances: Vec<f64> = all.iter().map(chance).collect();
    for (it, tested) in all.iter_mut().zip(holm(&chances, ALPHA)) {
        if it.result.status == SloStatus::Missed && !tested.rejected {
            it.result.status = SloStatus::Inconclusive;
            it.result.note = Some("of so many tenants one may look so by chance".to_owned());
        }
    }
}

fn note(worst: &Single, all: &[Single], tenants: &TenantsHead) -> String {
    let name = shortened(tenants.name(worst.place));
    let of = |status| all.iter().filter(|it| it.result.status == status).count();
    let count = all.len();
    let number = of(worst.result.status);
    let said = match worst.result.status {
        SloStatus::Met => return format!("{name} is the worst of {count} tenants"),
        SloStatus::Missed if number == 1 => format!("{name}; 1 of {count} tenants misses it"),
        SloStatus::Missed => format!("{name}; {number} of {count} tenants miss it"),
        SloStatus::Inconclusive => format!("{name}; it is open for {number} of {count} tenants"),
        SloStatus::Invalid => format!("{name}; it is not judged for {number} of {count} tenants"),
    };
    match &worst.result.note {
        Some(note) => format!("{said}: {note}"),
        None => said,
    }
}

/// Letters of a name in a sentence.
const LONGEST: usize = 30;

fn shortened(name: &str) -> String {
    if name.chars().count() <= LONGEST {
        return name.to_owned();
    }
    name.chars().take(LONGEST - 1).chain(['…']).collect()
}

/// All tenants beside each other.
pub fn seen(data: &RunData, slos: &[SloResult]) -> Option<TenantsSeen> {
    let tenants = data.record.head.tenants.as_ref()?;
    let pools = totals::by_tenant(data.record, &data.judged.seconds);
    let due: u64 = pools.iter().map(|pool| pool.counts.planned).sum();
    let all = (0..tenants.places()).zip(&pools).map(|(place, pool)| TenantSummary {
        name: tenants.name(place).to_owned(),
        is_others: usize::from(place) >= tenants.names.len(),
        status: status_of(usize::from(place), slos),
        ..figures(pool, due)
    });
    let all: Vec<TenantSummary> = all.collect();
    let (worst, median_p99, spread) = apart(&all);
    let limits = summary::limits_of(data.record, |slo| slo.each_tenant);
    Some(TenantsSeen { all, worst, median_p99, spread, limits })
}

fn figures(pool: &Totals, due: u64) -> TenantSummary {
    let (requests, ended) = (pool.counts.planned, pool.counts.ended());
    let failed = ended - pool.counts.outcome(Outcome::Ok);
    TenantSummary {
        name: String::new(),
        is_others: false,
        requests,
        share: requests as f64 / due.max(1) as f64,
        error_rate: if ended == 0 { 0.0 } else { failed as f64 / ended as f64 },
        times: summary::times(&pool.times[Phase::Response]),
        status: None,
    }
}

fn status_of(place: usize, slos: &[SloResult]) -> Option<SloStatus> {
    let own = slos.iter().filter_map(|slo| slo.of_each.get(place).copied());
    own.max_by_key(|status| gravity(*status))
}

/// Who is worst, the middle of all, and how many times as long the worst is.
fn apart(all: &[TenantSummary]) -> (Option<u16>, Option<f64>, Option<f64>) {
    let known = (0_u16..).zip(all).filter_map(|(place, it)| {
        let times = it.times.filter(|times| !it.is_others && times.count >= ENOUGH_FOR_P99)?;
        Some((place, times.p99))
    });
    let known: Vec<(u16, f64)> = known.collect();
    let worst = known.iter().max_by(|a, b| a.1.total_cmp(&b.1)).copied();
    let middle = median(&known.iter().map(|(_, p99)| *p99).collect::<Vec<_>>());
    let spread = worst.zip(middle).filter(|(_, middle)| *middle > 0.0);
    (worst.map(|(place, _)| place), middle, spread.map(|((_, p99), middle)| p99 / middle))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::assess::assess;
    use crate::analysis::assessment::{Assessment, Severity, Verdict};
    use crate::analysis::sample_records::{self, Requests, add, run};
    use crate::record::gauge;
    use crate::record::series::SeriesHead;
    use crate::record::telemetry::TargetSecond;
    use crate::scenario::slo::FailureShare;

    /// Of one step and so many tenants, with the usual objective for all and for each.
    fn record(count: u16) -> RunRecord {
        let mut record = run(60, 200.0);
        let names = (0..count).map(|place| format!("t{place}")).collect();
        record.head.tenants = Some(TenantsHead { names, has_others: true });
        let series = (0..=count).map(|place| SeriesHead {
            step: 0,
            tenant: Some(place),
            tag: format!("s--t{place}"),
        });
        record.head.series = series.collect();
        let each = SloHead { each_tenant: true, ..sample_records::p99() };
        record.head.slos = vec![sample_records::p99(), each];
        record
    }

    /// So many requests a second of a tenant, of which some are slow.
    fn load(record: &mut RunRecord, tenant: usize, all: u64, slow: u64) {
        let of = |kind: Requests| Requests { step: tenant, ..kind };
        let requests = [of(Requests::ok(all - slow, 20_000)), of(Requests::ok(slow, 900_000))];
        add(record, 0..60, &requests);
    }

    #[track_caller]
    fn check(record: &RunRecord, all: SloStatus, each: SloStatus, note: &str) -> Assessment {
        let assessment = assess(record);
        let found: Vec<SloStatus> = assessment.slos.iter().map(|slo| slo.status).collect();
        assert_eq!(found, [all, each], "{:#?}", assessment.slos);
        let said = assessment.slos[1].note.clone().unwrap_or_default();
        assert!(said.contains(note), "{said}");
        assessment
    }

    #[test]
    fn quick_failures_of_a_small_tenant_are_no_pass_where_no_objective_is_about_them() {
        let mut record = record(2);
        load(&mut record, 0, 1_000, 0);
        load(&mut record, 1, 2, 0);
        let refused = Requests { step: 1, ..Requests::ended(8, Outcome::Rejected) };
        add(&mut record, 0..60, &[refused]);
        let fails = |record: &RunRecord| {
            let found = assess(record);
            let kinds = found.findings.iter().map(|it| (it.kind, it.severity));
            let unjudged = kinds.filter(|it| it.0 == "unjudged_failures").map(|it| it.1).next();
            (unjudged, found.verdict)
        };
        assert_eq!(fails(&record).0, Some(Severity::Withholds));
        assert_ne!(fails(&record).1, Verdict::Pass);
        // An objective on failures of another step does not count them.
        let elsewhere = sample_records::failures(FailureShare::Errors, 0.05);
        record.head.slos.push(SloHead { step: Some(7), ..elsewhere });
        assert_eq!(fails(&record).0, Some(Severity::Withholds));
        record.head.slos.truncate(1);
        assert_eq!(fails(&record).0, Some(Severity::Warning), "nothing is asked of each");
        let errors = sample_records::failures(FailureShare::Errors, 0.05);
        record.head.slos = vec![errors.clone(), SloHead { each_tenant: true, ..errors }];
        assert_eq!(fails(&record), (None, Verdict::SloMissed));
    }

    #[test]
    fn one_tenant_that_suffers_is_seen_though_all_together_hold() {
        let mut record = record(3);
        load(&mut record, 0, 1_000, 0);
        load(&mut record, 1, 500, 0);
        load(&mut record, 2, 20, 8);
        load(&mut record, 3, 30, 0);
        let note = "t2; 1 of 4 tenants misses it";
        let found = check(&record, SloStatus::Met, SloStatus::Missed, note);
        assert_eq!(found.verdict, Verdict::SloMissed);
        assert!(found.reasons[0].starts_with("each tenant: p99 < 500ms missed"), "{found:?}");
        let tenants = found.tenants.unwrap();
        assert_eq!(tenants.worst, Some(2));
        assert!(tenants.spread.unwrap() > 40.0, "{:?}", tenants.spread);
        let statuses: Vec<_> = tenants.all.iter().map(|it| it.status.unwrap()).collect();
        assert_eq!(statuses[2], SloStatus::Missed);
        assert!(statuses.iter().filter(|it| **it == SloStatus::Met).count() == 3);
        assert_eq!(tenants.all[3].name, "all others");
        assert!((tenants.all.iter().map(|it| it.share).sum::<f64>() - 1.0).abs() < 1e-9);
    }

    /// The same on a machine that others have, before and meanwhile.
    fn starved(mut record: RunRecord) -> RunRecord {
        record.head.generators[0].environment.others_before = Some(95);
        record.head.gauges = vec![gauge::CPU, gauge::CPU_WAIT];
        for second in &mut record.generator {
            second.machine_busy = Some(1.0);
        }
        let seen = [(&gauge::CPU, 0.1), (&gauge::CPU_WAIT, 0.85)];
        let table = record.head.gauges.clone();
        record.target = (0..60).map(|it| TargetSecond::of(it, &table, seen)).collect();
        record
    }

    #[test]
    fn a_machine_that_others_have_excuses_nobody_who_is_slow_alone() {
        let with = |others| {
            let mut record = record(2);
            load(&mut record, 0, 1_000, others);
            load(&mut record, 1, 20, 8);
            starved(record)
        };
        check(&with(0), SloStatus::Met, SloStatus::Missed, "t1; 1 of 2 tenants misses it");
        // A little too slow is what so much waiting may come to for one whose requests cost more.
        let mut record = record(2);
        load(&mut record, 0, 1_000, 0);
        load(&mut record, 1, 12, 0);
        let slow = Requests { step: 1, ..Requests::ok(8, 510_000) };
        add(&mut record, 0..60, &[slow]);
        assert_eq!(assess(&starved(record)).verdict, Verdict::Inconclusive);
        // Where all are slow, it may be the machine.
        let found = assess(&with(400));
        assert_eq!(found.verdict, Verdict::Inconclusive, "{:?}", found.reasons);
    }

    #[test]
    fn it_holds_where_it_holds_for_each() {
        let mut record = record(3);
        (0..3).for_each(|tenant| load(&mut record, tenant, 100, 0));
        // There are no others.
        let found = check(&record, SloStatus::Met, SloStatus::Met, "is the worst of 3 tenants");
        assert_eq!(found.verdict, Verdict::Pass);
        assert_eq!(found.tenants.unwrap().all[3].requests, 0);
    }

    #[test]
    fn a_tenant_with_too_few_requests_leaves_it_open() {
        let mut record = record(2);
        load(&mut record, 0, 500, 0);
        load(&mut record, 1, 2, 0);
        let note = "t1; it is open for 1 of 2 tenants: about";
        let found = check(&record, SloStatus::Met, SloStatus::Inconclusive, note);
        assert_eq!(found.verdict, Verdict::Inconclusive);
        let mut without = self::record(2);
        load(&mut without, 0, 500, 0);
        check(
            &without,
            SloStatus::Met,
            SloStatus::Inconclusive,
            "t1; it is open for 1 of 2 tenants",
        );
    }

    #[test]
    fn of_many_one_may_look_bad_by_chance() {
        // 1 of 100 is allowed; one of the tenants has 10 slow ones of 310, evenly spread.
        let slow = |record: &mut RunRecord| {
            for second in 0..60 {
                let slow =
                    Requests { step: 1, ..Requests::ok(u64::from(second % 5 == 3), 900_000) };
                add(record, [second], &[slow, Requests { step: 1, ..Requests::ok(6, 20_000) }]);
            }
        };
        let mut few = record(2);
        load(&mut few, 0, 300, 0);
        slow(&mut few);
        let alone = assess(&few).slos.remove(1);
        let mut many = record(40);
        (0..40).filter(|tenant| *tenant != 1).for_each(|tenant| load(&mut many, tenant, 300, 0));
        slow(&mut many);
        let among = assess(&many).slos.remove(1);
        assert_eq!((alone.status, among.status), (SloStatus::Missed, SloStatus::Inconclusive));
        assert!(among.note.unwrap().contains("by chance"));
    }

    #[test]
    fn failures_of_tenants_are_judged_by_objectives_of_each() {
        let mut record = record(2);
        let errors = sample_records::failures(FailureShare::Errors, 0.5);
        record.head.slos.push(SloHead { each_tenant: true, ..errors });
        (0..2).for_each(|tenant| load(&mut record, tenant, 100, 0));
        add(
            &mut record,
            0..60,
            &[Requests { step: 1, ..Requests::ended(5, Outcome::ServerError) }],
        );
        let found = assess(&record);
        assert!(found.findings.iter().all(|it| it.kind != "unjudged_failures"), "{found:#?}");
    }
}
