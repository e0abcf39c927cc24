//! Metrics of objectives that are neither a percentile nor a share of all requests: `apdex(300ms)`,
//! `check_rate`, `goodput`, `received_bytes`.
//!
//! A metric, the side of its limit that is good, and the limit come in; what is measured and the
//! share of bad requests that is allowed go out.

use std::time::Duration;

use super::super::gauge::Side;
use super::super::problems::Fault;
use super::super::slo::{Bound, FailureShare, Metric, Slo, Threshold, Throughput};
use crate::units::{Bytes, Rate, Ratio, format_duration, parse_duration};

/// Their names, as somebody may mistype them.
pub(super) const NAMES: [&str; 4] = ["apdex(300ms)", "check_rate", "goodput", "received_bytes"];

/// Who waits longer than so many times the first limit is not served at all, says Apdex.
const TOLERABLE: u64 = 4;

/// Which side of its limit is good, and whether the limit itself is.
pub(super) type Good = (Side, bool);

/// What an objective by one of these metrics measures; `None` for other metrics.
pub(super) fn measure(
    metric: &str,
    good: Good,
    limit: &str,
) -> Option<Result<(Metric, f64), Fault>> {
    match metric {
        "check_rate" => Some(checks(good, limit)),
        "goodput" => Some(throughput(Throughput::Goodput, good, limit)),
        "received_bytes" => Some(throughput(Throughput::ReceivedBytes, good, limit)),
        _ if metric.starts_with("apdex") => Some(apdex(metric, good, limit)),
        _ => None,
    }
}

fn checks(good: Good, limit: &str) -> Result<(Metric, f64), Fault> {
    let allowed = left_over("check_rate", good, limit, limit.parse::<Ratio>()?.0)?;
    Ok((Metric::Failures(FailureShare::ChecksNotHeld), allowed))
}

fn apdex(metric: &str, good: Good, limit: &str) -> Result<(Metric, f64), Fault> {
    let inner = metric.strip_prefix("apdex").map(str::trim);
    let inner = inner.and_then(|rest| rest.strip_prefix('(')?.strip_suffix(')'));
    let Some(inner) = inner else {
        let fault = Fault::new("apdex needs the time within which everybody is satisfied");
        return Err(fault.help(format!("write it like \"apdex(300ms) >= {limit}\"")));
    };
    let length = parse_duration(inner)?;
    let limit_nanos = u64::try_from(length.as_nanos()).unwrap_or(u64::MAX);
    if limit_nanos == 0 {
        let fault = Fault::new("nobody is served in no time");
        return Err(fault.help("write it like \"apdex(300ms) >= 0.9\""));
    }
    let within = |limit| Threshold { limit, inclusive: true };
    let satisfied = within(limit_nanos);
    let tolerable = within(limit_nanos.saturating_mul(TOLERABLE));
    let allowed = left_over(metric, good, limit, score(limit)?)?;
    Ok((Metric::Apdex { satisfied, tolerable }, allowed))
}

/// `0.9` or `90%`.
fn score(limit: &str) -> Result<f64, Fault> {
    let share = limit.parse::<f64>().ok().or_else(|| limit.parse::<Ratio>().ok().map(|it| it.0));
    share.filter(|score| (0.0..=1.0).contains(score)).ok_or_else(|| {
        let fault = Fault::new(format!("expected a score from 0 to 1, found \"{limit}\""));
        fault.help("write it like \"apdex(300ms) >= 0.9\"")
    })
}

/// What a share that must be high leaves for the bad ones.
fn left_over(metric: &str, good: Good, limit: &str, share: f64) -> Result<f64, Fault> {
    let allowed = ((1.0 - share) * 1e12).round() / 1e12;
    match good {
        (Side::Below, _) => {
            let fault = Fault::new(format!("{metric} must be high, not low"));
            Err(fault.help(format!("write \"{metric} >= {limit}\"")))
        }
        (Side::Above, false) if allowed <= 0.0 => {
            let fault = Fault::new(format!("\"{metric} > {limit}\" can never hold"));
            Err(fault.help(format!("write \"{metric} >= {limit}\"")))
        }
        (Side::Above, _) if allowed >= 1.0 => {
            let fault = Fault::new(format!("this limit on {metric} always holds"));
            Err(fault.help("write a limit that can be missed, or remove it"))
        }
        (Side::Above, _) => Ok(allowed),
    }
}

fn throughput(
    of: Throughput,
    (side, inclusive): Good,
    limit: &str,
) -> Result<(Metric, f64), Fault> {
    let per_second = match of {
        Throughput::Goodput => requests_per_second(side, limit)?,
        Throughput::ReceivedBytes => bytes_per_second(limit)?,
    };
    if per_second <= 0.0 {
        return Err(Fault::new("a limit of zero says nothing").help("write a limit above zero"));
    }
    Ok((Metric::Throughput { of, bound: Bound { limit: per_second, side, inclusive } }, 0.0))
}

fn requests_per_second(side: Side, limit: &str) -> Result<f64, Fault> {
    if side == Side::Below {
        let fault = Fault::new("goodput must be high, not low");
        return Err(fault.help(format!("write \"goodput >= {limit}\"")));
    }
    Ok(limit.parse::<Rate>()?.0)
}

fn bytes_per_second(limit: &str) -> Result<f64, Fault> {
    let (amount, unit) = limit.rsplit_once('/').unwrap_or((limit, ""));
    let seconds = match unit.trim() {
        "s" | "sec" => 1.0,
        "min" | "m" => 60.0,
        _ => {
            let fault = Fault::new(format!("expected bytes per time, found \"{limit}\""));
            return Err(fault.help("write it like \"received_bytes < 5MB/s\""));
        }
    };
    Ok(amount.trim().parse::<Bytes>()?.0 as f64 / seconds)
}

/// A response is never slower than the time limit of its step.
pub(super) fn reachable(slo: Slo, timeout: Duration) -> Result<Slo, Fault> {
    let limit = match slo.metric {
        Metric::Lap { limit, .. } => Some(limit),
        _ => slo.threshold(),
    };
    let limit = limit.map(Threshold::duration);
    if limit.is_none_or(|limit| limit <= timeout) {
        return Ok(slo);
    }
    let timeout = format_duration(timeout);
    let fault = Fault::new(format!("no answer can take longer than the timeout of {timeout}"));
    Err(fault.help("lower the limit, or raise the \"timeout\" of the step"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT_LEAST: Good = (Side::Above, true);

    fn read(metric: &str, good: Good, limit: &str) -> Result<(Metric, f64), Fault> {
        measure(metric, good, limit).expect("one of these metrics")
    }

    #[test]
    fn apdex_has_two_limits_and_a_share_that_is_left() {
        for (metric, limit) in [("apdex(300ms)", "0.9"), ("apdex( 300ms )", "90%")] {
            let within = |limit| Threshold { limit, inclusive: true };
            let (satisfied, tolerable) = (within(300_000_000), within(1_200_000_000));
            let expected = (Metric::Apdex { satisfied, tolerable }, 0.1);
            assert_eq!(read(metric, AT_LEAST, limit), Ok(expected), "{metric} {limit}");
        }
    }

    #[test]
    fn throughput_is_per_second_whatever_it_was_written_in() {
        for (metric, good, limit, of, expected) in [
            ("goodput", AT_LEAST, "400/s", Throughput::Goodput, 400.0),
            ("goodput", AT_LEAST, "600/min", Throughput::Goodput, 10.0),
            ("received_bytes", (Side::Below, false), "5MB/s", Throughput::ReceivedBytes, 5e6),
            ("received_bytes", AT_LEAST, "60kB/min", Throughput::ReceivedBytes, 1e3),
        ] {
            let bound = Bound { limit: expected, side: good.0, inclusive: good.1 };
            let expected = (Metric::Throughput { of, bound }, 0.0);
            assert_eq!(read(metric, good, limit), Ok(expected), "{metric} {limit}");
        }
    }

    #[test]
    fn checks_leave_a_share_of_the_answers() {
        let expected = (Metric::Failures(FailureShare::ChecksNotHeld), 0.001);
        assert_eq!(read("check_rate", AT_LEAST, "99.9%"), Ok(expected));
    }

    #[test]
    fn what_cannot_be_meant_is_told_with_what_to_write() {
        for (metric, good, limit, help) in [
            ("apdex", AT_LEAST, "0.9", "apdex(300ms) >= 0.9"),
            ("apdex(0s)", AT_LEAST, "0.9", "apdex(300ms) >= 0.9"),
            ("apdex(1s)", AT_LEAST, "9", "apdex(300ms) >= 0.9"),
            ("apdex(1s)", (Side::Below, false), "0.9", "write \"apdex(1s) >= 0.9\""),
            ("apdex(1s)", AT_LEAST, "0", "can be missed"),
            ("check_rate", (Side::Above, false), "100%", "check_rate >= 100%"),
            ("goodput", (Side::Below, false), "4/s", "goodput >= 4/s"),
            ("goodput", AT_LEAST, "0/s", "above zero"),
            ("received_bytes", AT_LEAST, "5MB", "received_bytes < 5MB/s"),
        ] {
            let fault = read(metric, good, limit).unwrap_err();
            let told = fault.help.unwrap_or_default();
            assert!(told.contains(help), "{metric} {limit}: {told}");
        }
        assert!(measure("p99", AT_LEAST, "1s").is_none());
    }
}
