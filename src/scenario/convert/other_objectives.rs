//! Objectives in the words of other tools: `p(95)<200`, `http_req_failed: rate<0.01`.
//!
//! A text that is no objective comes in; what it seems to mean goes out, to be read as an
//! objective before anybody sees it.

use crate::units::{Ratio, trim_zeros};

/// What an objective of another tool would be here.
pub(super) fn meant(text: &str) -> Option<String> {
    let lower = text.trim().to_lowercase();
    let at = lower.find(['<', '>']).or_else(|| lower.find('='));
    let (metric, rest) = lower.split_at(at.unwrap_or(lower.len()));
    let inclusive = rest.get(1..2) == Some("=");
    let limit = rest.trim_start_matches(['<', '>', '=']).trim();
    let less = if inclusive { "<=" } else { "<" };
    if metric.contains("check") && rest.starts_with('>') {
        let share = limit.parse::<Ratio>().ok()?;
        let more = if inclusive { ">=" } else { ">" };
        let more = if share.0 >= 1.0 { ">=" } else { more };
        return Some(format!("check_rate {more} {}", percent(share.0)));
    }
    if let Some(meant) = amount(metric, rest, limit) {
        return Some(meant);
    }
    if let Some(quantile) = quantile(metric) {
        let is_high = quantile == "max" || quantile.starts_with("p99");
        let usual = if is_high { "500ms" } else { "200ms" };
        let limit = if at.is_none() { usual.to_owned() } else { time(limit) };
        return Some(format!("{quantile} {less} {limit}"));
    }
    let is_rate = ["failed", "error", "rate", "fail"].iter().any(|word| metric.contains(word));
    if is_rate {
        let limit = limit.parse::<Ratio>().ok().map(|share| percent(share.0));
        return Some(format!("error_rate {less} {}", limit.unwrap_or_else(|| "1%".to_owned())));
    }
    let is_time = ["duration", "latency", "response"].iter().any(|word| metric.contains(word));
    is_time
        .then(|| if at.is_none() { "200ms".to_owned() } else { time(limit) })
        .map(|limit| format!("p95 {less} {limit}"))
}

/// `http_reqs: rate>100`, `throughput > 5`, `data_received: rate<5000`: so much a second.
fn amount(metric: &str, rest: &str, limit: &str) -> Option<String> {
    let number = limit.trim_end_matches("/s").trim().parse::<f64>().ok();
    let operator = rest.split(|c| !"<>=".contains(c)).next()?;
    let of = |words: [&str; 3]| words.iter().any(|word| metric.contains(word));
    if of(["data_received", "bytes_in", "received"]) {
        let bytes = number.map_or_else(|| limit.to_owned(), |number| format!("{number}B/s"));
        return Some(format!("received_bytes {operator} {bytes}"));
    }
    let is_rate = of(["http_reqs", "throughput", "rps"]) && rest.starts_with('>');
    is_rate.then(|| format!("goodput {operator} {}/s", trim_zeros(number.unwrap_or(100.0), 2)))
}

/// `p95` of `p(95)`, `p95`, `95th percentile` or `http_req_duration: p(95)`.
fn quantile(metric: &str) -> Option<String> {
    let words = metric.split(|c: char| !c.is_ascii_alphanumeric() && c != '.' && c != '(');
    for word in words {
        let name = word.replace('(', "");
        let digits = name.strip_prefix('p').or_else(|| name.strip_suffix("th"));
        let digits = digits.filter(|digits| digits.starts_with(|c: char| c.is_ascii_digit()));
        let percent = digits.and_then(|digits| digits.parse::<f64>().ok());
        if let Some(percent) = percent.filter(|percent| *percent >= 50.0) {
            return Some(if percent >= 100.0 {
                "max".to_owned()
            } else {
                format!("p{}", trim_zeros(percent, 4))
            });
        }
        match name.as_str() {
            "med" | "median" | "avg" | "mean" | "average" => return Some("p50".to_owned()),
            "max" | "maximum" => return Some("max".to_owned()),
            _ => {}
        }
    }
    None
}

/// Other tools count in milliseconds.
fn time(limit: &str) -> String {
    let is_bare = limit.parse::<f64>().is_ok();
    if is_bare { format!("{limit}ms") } else { limit.to_owned() }
}

fn percent(share: f64) -> String {
    format!("{}%", trim_zeros(share * 100.0, 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objectives_of_other_tools_are_understood() {
        for (text, expected) in [
            ("p(95)<200", Some("p95 < 200ms")),
            ("p(99.9) <= 1500", Some("p99.9 <= 1500ms")),
            ("http_req_duration: p(95)<200", Some("p95 < 200ms")),
            ("http_req_duration", Some("p95 < 200ms")),
            ("http_req_failed", Some("error_rate < 1%")),
            ("http_req_failed: rate<0.001", Some("error_rate < 0.1%")),
            ("rate<0.01", Some("error_rate < 1%")),
            ("checks: rate>0.99", Some("check_rate > 99%")),
            ("checks: rate>=1", Some("check_rate >= 100%")),
            ("http_reqs: rate>100", Some("goodput > 100/s")),
            ("data_received: rate<5000", Some("received_bytes < 5000B/s")),
            ("med<100", Some("p50 < 100ms")),
            ("avg < 0.2s", Some("p50 < 0.2s")),
            ("p95 < 200", Some("p95 < 200ms")),
            ("max<2000", Some("max < 2000ms")),
            ("95th percentile < 200 ms", Some("p95 < 200 ms")),
            ("p(100)<5000", Some("max < 5000ms")),
            ("p9", None),
            ("p95", Some("p95 < 200ms")),
            ("throughput > 5", Some("goodput > 5/s")),
            ("vus > 5", None),
        ] {
            assert_eq!(meant(text).as_deref(), expected, "{text}");
        }
    }
}
