//! Doubts about a run's validity, and other things that should be mended.
//!
//! The table of METHODS.md, section 2, one function per line. Only what says that the
//! generator itself fell short, or that a step never worked, voids a verdict; a target that
//! stalls fails by itself.

use crate::analysis::assessment::{Finding, Severity, SloResult, SloStatus};
use crate::analysis::finding::{finding, named, tightest_limit};
use crate::analysis::number_format::{count, counted, millis, percent};
use crate::analysis::run_data::{self, BUSY_SPAN, MUCH_PRESSURE, MUCH_STEAL, RunData};
use crate::analysis::{
    attribution, closed, generator_health, memory, shared, still, unjudged, worked,
};
use crate::record::gauge::{self, GaugeId, Source};
use crate::record::generator::GeneratorId;
use crate::record::interval::StepCounts;
use crate::record::outcome::Cause;
use crate::record::phase::Phase;
use crate::record::telemetry::{GeneratorSecond, TargetSecond};
use crate::units::order;

/// Unsent requests of the whole run for which the generator may be to blame.
const MOST_UNSENT: f64 = 0.001;
/// The same, of any second.
const MOST_UNSENT_OF_SECOND: f64 = 0.01;
/// Less than this share of what was due was sent.
const RATE_REACHED: f64 = 0.99;
/// Generator and target together use so much of the machine.
const MACHINE_FULL: f64 = 0.7;
/// A smaller share of repeated requests is of no interest.
const FEW_REPEATS: f64 = 0.001;
/// A send lag below this is of no interest, in milliseconds.
const SMALL_LAG: f64 = 1.0;

/// Everything that is to be said about how the run went, the gravest first.
pub fn findings(data: &RunData, slos: &[SloResult]) -> Vec<Finding> {
    let single = [
        worked::never_worked(data),
        worked::never_tried(data),
        unjudged::unjudged(data),
        rows_used_up(data),
        unsent(data),
        in_flight_limit(data),
        connection_limit(data),
        rate_not_reached(data),
        repeats(data),
        faults(data),
        teardown(data),
        steal(data),
        cpu_pressure(data),
        data.starvation.as_ref().map(|it| {
            let (evidence, advice) = it.told();
            finding("target_starved", Severity::Warning, evidence, advice)
        }),
        busy_worker(data),
        machine_full(data),
        send_lag(data),
        generator_health::stall(data),
        generator_health::clock_jump(data),
        shared::lost(data),
        shared::unended(data),
        shared::unwatched(data),
        shared::skewed(data),
        generator_health::receive_lag(data),
        generator_health::preparations(data),
        metrics_unread(data),
        watched_unread(data),
        database_unread(data),
        still::stood_still(data),
        memory::grows(data),
        closed::hides(data),
        closed::fell(data, slos).or_else(|| closed::fell_alone(data, slos)),
    ];
    let mut all: Vec<Finding> = single.into_iter().flatten().collect();
    if slos.iter().any(|slo| slo.status == SloStatus::Missed) {
        all.extend(crate::analysis::hints::saturated(data));
    }
    order::by_key(&mut all, |finding| std::cmp::Reverse(finding.severity));
    all
}

/// Iterations for which there was no row, in the whole run: the load was not the one that the
/// scenario describes.
fn rows_used_up(data: &RunData) -> Option<Finding> {
    let missing: u64 = data.whole.iter().map(|step| step.cause(Cause::NoRow)).sum();
    (missing > 0).then(|| {
        let evidence = format!(
            "{} were not begun, as each row of the scenario's data had been used",
            counted(missing, "iteration")
        );
        let advice = "add rows, or say what comes then: \"at_end\": \"wrap\" or \"stop\"";
        finding("rows_used_up", Severity::Invalidates, evidence, advice)
    })
}

/// Requests that were due and not sent because the generator had no descriptors or
/// ports, or because it was late while the ceiling on requests in flight was reached.
fn unsent(data: &RunData) -> Option<Finding> {
    let total = &data.total.counts;
    if attribution::not_sent(total) + total.cause(Cause::InFlightLimit) == 0 {
        return None;
    }
    let mut sum = (0, 0);
    let mut worst = 0.0_f64;
    for second in &data.judged.seconds {
        let (blamed, due) = generators_unsent(data, *second);
        sum = (sum.0 + blamed, sum.1 + due);
        worst = worst.max(blamed as f64 / due.max(1) as f64);
    }
    let share = sum.0 as f64 / sum.1.max(1) as f64;
    (share > MOST_UNSENT || worst > MOST_UNSENT_OF_SECOND).then(|| {
        let evidence = format!(
            "{} of {} due requests were not sent, as the generator was late or out of \
             descriptors or ports; in the worst second {}",
            count(sum.0),
            count(sum.1),
            percent(worst)
        );
        let advice = "raise the limits on open files and local ports, lower the rate, or run \
                      the generator on a machine of its own";
        finding("unsent", Severity::Invalidates, evidence, advice)
    })
}

fn generators_unsent(data: &RunData, second: u32) -> (u64, u64) {
    let steps = counts(data, second);
    let late = data.late.contains(&second);
    let blamed = |step: &StepCounts| {
        let full = if late { step.cause(Cause::InFlightLimit) } else { 0 };
        attribution::not_sent(step) + full
    };
    (steps.iter().map(blamed).sum(), steps.iter().map(|step| step.planned).sum())
}

fn counts(data: &RunData, second: u32) -> Vec<StepCounts> {
    data.record.seconds.get(second).map(|found| found.counts()).unwrap_or_default()
}

/// The ceiling was reached while the generator was on time: the target did not keep up.
fn in_flight_limit(data: &RunData) -> Option<Finding> {
    let in_second = |second: &u32| {
        counts(data, *second).iter().map(|step| step.cause(Cause::InFlightLimit)).sum::<u64>()
    };
    if data.total.counts.cause(Cause::InFlightLimit) == 0 {
        return None;
    }
    let on_time = data.judged.seconds.iter().filter(|second| !data.late.contains(*second));
    let hit: u64 = on_time.map(in_second).sum();
    (hit > 0).then(|| {
        let evidence = format!(
            "{} not sent, as {} were in flight already; the generator was on time, the target \
             did not keep up",
            counted(hit, "due request"),
            count(u64::from(data.record.head.limits.in_flight))
        );
        let advice = "lower the rate, or raise limits.in_flight if so many requests may wait";
        finding("in_flight_limit", Severity::Warning, evidence, advice)
    })
}

fn connection_limit(data: &RunData) -> Option<Finding> {
    let waited = data.total.counts.cause(Cause::ConnectionLimit);
    (waited > 0).then(|| {
        let evidence = format!(
            "{} found none of the {} connections free within the time limit",
            counted(waited, "request"),
            count(u64::from(data.record.head.limits.connections))
        );
        let advice = "raise limits.connections, if the target is meant to serve more at once";
        finding("connection_limit", Severity::Warning, evidence, advice)
    })
}

/// Requests that met a connection which the target had just closed, and were sent again.
fn repeats(data: &RunData) -> Option<Finding> {
    let (repeats, planned) = (data.total.counts.repeats, data.total.counts.planned);
    (repeats as f64 > FEW_REPEATS * planned as f64).then(|| {
        let is_http2 = data.record.head.limits.streams.is_some();
        let why = if is_http2 {
            "were refused by the target before it began with them (REFUSED_STREAM, GOAWAY) or met a \
             connection that it had closed, and were sent once more"
        } else {
            "met a connection that the target had closed, and were sent once more on another one"
        };
        let evidence = format!(
            "{} of {} requests ({}) {why}",
            count(repeats),
            count(planned),
            percent(repeats as f64 / planned as f64)
        );
        let advice = if is_http2 {
            "let the target allow more streams and more requests on a connection \
             (keepalive_requests in nginx), or ask for fewer at a time with limits.streams: \
             refused requests fail in clients that do not repeat them"
        } else {
            "let the target say \"connection: close\", or keep connections for longer than clients \
             do: requests that cross its close fail in clients that do not repeat them"
        };
        finding("repeats", Severity::Warning, evidence, advice)
    })
}

fn rate_not_reached(data: &RunData) -> Option<Finding> {
    let (sent, planned) = (data.total.counts.sent, data.total.counts.planned);
    ((sent as f64) < RATE_REACHED * planned as f64).then(|| {
        let evidence = format!(
            "{} of {} due requests were sent ({})",
            count(sent),
            count(planned),
            percent(sent as f64 / planned as f64)
        );
        let advice = "see the causes of unsent requests";
        finding("rate_not_reached", Severity::Warning, evidence, advice)
    })
}

/// What the generator could not do, such as writing to a full disk.
fn faults(data: &RunData) -> Option<Finding> {
    let faults = &data.record.end.as_ref()?.faults;
    (!faults.is_empty()).then(|| {
        let shown = faults.iter().take(3).map(String::as_str).collect::<Vec<_>>().join("; ");
        let rest = faults.len().saturating_sub(3);
        let more = if rest > 0 { format!("; and {rest} more") } else { String::new() };
        let advice = "what was recorded may be incomplete; mend the cause and run again";
        finding("faults", Severity::Warning, shown + &more, advice)
    })
}

/// What is done once after the load failed.
fn teardown(data: &RunData) -> Option<Finding> {
    let why = data.record.end.as_ref()?.teardown.as_ref()?;
    let advice = "what was measured is not concerned; what the run made may be left in the target";
    Some(finding("teardown", Severity::Warning, format!("\"teardown\" failed: {why}"), advice))
}

fn steal(data: &RunData) -> Option<Finding> {
    let (hit, most, whose) = seconds_above(data, MUCH_STEAL, |second| second.steal)?;
    let evidence = format!(
        "in {} the hypervisor took away more than {} of the CPU time, up to {}{whose}",
        counted(hit, "second"),
        percent(MUCH_STEAL),
        percent(most)
    );
    let advice = "use a machine that is not shared, or run again at a calmer time";
    Some(finding("steal", Severity::Warning, evidence, advice))
}

fn cpu_pressure(data: &RunData) -> Option<Finding> {
    let (hit, most, whose) = seconds_above(data, MUCH_PRESSURE, |second| second.cpu_pressure)?;
    let evidence = format!(
        "in {} tasks waited for a CPU for more than {} of the time, up to {}{whose}",
        counted(hit, "second"),
        percent(MUCH_PRESSURE),
        percent(most)
    );
    let advice = "give target and generator more cores, or stop what else runs on the machine";
    Some(finding("cpu_pressure", Severity::Warning, evidence, advice))
}

/// Of the generator that has the highest value: how many judged seconds lie above a limit, that
/// value, and whose it is; `None` if none lies above it.
fn seconds_above(
    data: &RunData,
    limit: f64,
    of: impl Fn(&GeneratorSecond) -> Option<f64>,
) -> Option<(u64, f64, String)> {
    let above = data.of_each().filter_map(|second| Some((second.generator, of(second)?)));
    let above: Vec<(GeneratorId, f64)> = above.filter(|(_, value)| *value > limit).collect();
    let (worst, most) = above.iter().copied().max_by(|a, b| a.1.total_cmp(&b.1))?;
    let hit = above.iter().filter(|(generator, _)| *generator == worst).count();
    Some((hit as u64, most, named(data, worst)))
}

fn busy_worker(data: &RunData) -> Option<Finding> {
    let judged = |span: &Vec<&GeneratorSecond>| {
        span.iter().any(|second| data.judged.contains(second.second))
    };
    let spans = run_data::busy_spans(data.record).filter(judged);
    let means =
        spans.filter_map(|span| Some((span.first()?.generator, run_data::mean_worker(&span))));
    let (worst, most) = means.max_by(|a, b| a.1.total_cmp(&b.1))?;
    let evidence = format!(
        "a worker of the generator used {} of a core over {BUSY_SPAN} s{}",
        percent(most),
        named(data, worst)
    );
    let advice = "add workers or cores, or lower the rate";
    Some(finding("busy_worker", Severity::Warning, evidence, advice))
}

fn machine_full(data: &RunData) -> Option<Finding> {
    let saturation = crate::analysis::saturation::saturation(data);
    let cores = f64::from(data.record.head.environment().cores);
    if data.record.is_watched_elsewhere() {
        return None;
    }
    let both = saturation.generator_cpu?.mean + saturation.target.of(&gauge::CPU)?.mean;
    (cores > 0.0 && both > MACHINE_FULL * cores).then(|| {
        let evidence = format!(
            "generator and target together used {} of {cores} cores",
            percent(both / cores)
        );
        let advice = "they get in each other's way; lower the rate or use more cores";
        finding("machine_full", Severity::Warning, evidence, advice)
    })
}

/// A lag that is visible next to the tightest limit.
fn send_lag(data: &RunData) -> Option<Finding> {
    let p99 = data.total.times[Phase::SendLag].quantile(0.99)? / 1e3;
    let limit = tightest_limit(data)?;
    (p99 > SMALL_LAG && p99 > 0.01 * limit).then(|| {
        let grave = p99 > 0.1 * limit;
        let severity = if grave { Severity::Warning } else { Severity::Note };
        let evidence = format!(
            "1 % of the requests were sent {} or more after they were due; the tightest limit \
             is {}",
            millis(p99),
            millis(limit)
        );
        let advice = "give the generator more CPU, or lower the rate";
        finding("send_lag", severity, evidence, advice)
    })
}

/// Seconds in which the target's own metrics could not be read.
fn metrics_unread(data: &RunData) -> Option<Finding> {
    let (seconds, first) = errors(data, |second| {
        second.scrape_error.clone().or_else(|| unseen(data, second, Source::Metrics))
    })?;
    let evidence = format!("the target's metrics could not be read in {seconds}: {first}");
    let advice = "look at the target's metrics path; saturation is known without them only in part";
    Some(finding("metrics_unread", Severity::Note, evidence, advice))
}

/// The same of metrics that the scenario names.
fn watched_unread(data: &RunData) -> Option<Finding> {
    let (seconds, first) = errors(data, |second| {
        second.watch_error.clone().or_else(|| unseen(data, second, Source::Watched))
    })?;
    let evidence = format!("watched metrics could not be read in {seconds}: {first}");
    let advice = "correct \"watch\" of \"metrics\", or look at the target's page of metrics";
    Some(finding("watched_unread", Severity::Warning, evidence, advice))
}

/// The same of the statistics of its database.
fn database_unread(data: &RunData) -> Option<Finding> {
    let (seconds, first) = errors(data, |second| second.database_error.clone())?;
    let evidence = format!("the database's statistics could not be read in {seconds}: {first}");
    let advice = "look at \"postgres\" of \"target\"; the run is as valid without them";
    Some(finding("database_unread", Severity::Warning, evidence, advice))
}

/// In how many judged seconds something could not be read, and why at first.
fn errors<'f>(
    data: &RunData<'f>,
    of: impl Fn(&'f TargetSecond) -> Option<String>,
) -> Option<(String, String)> {
    let judged = data.record.target.iter().filter(|s| data.judged.contains(s.second));
    let mut errors = judged.filter_map(of);
    let first = errors.next()?;
    Some((counted(1 + errors.count() as u64, "second"), first))
}

/// The first gauge that a page has and that could not be read of it in a second, and why. That a
/// rate is told a second later is no news.
fn unseen(data: &RunData, second: &TargetSecond, source: Source) -> Option<String> {
    let is_unseen = |id: GaugeId, why: &str| second.value(id).is_none() && why != gauge::LATE;
    let mut without = second.series.iter().filter(|(id, why)| is_unseen(**id, why));
    without.find_map(|(id, why)| {
        let gauge = data.record.head.gauges.get(id.index())?;
        (gauge.source == source).then(|| format!("{}: {why}", gauge.label))
    })
}
