//! Every statistic of the gate against what scipy and numpy say of it
//! (`scripts/golden_gate.py`, `tests/golden/gate.json`).

use serde_json::Value;

use crate::analysis::comparison::{ArmSecond, Pair, Paired};
use crate::analysis::gate::center::{block_mean, inflation, trimmed};
use crate::analysis::gate::drift;
use crate::analysis::gate::flips::sign_flip;
use crate::analysis::gate::jackknife::pooled;
use crate::analysis::gate::location::student_point;
use crate::analysis::gate::quantile::{Counted, log_quantile, merged};
use crate::analysis::gate::series::Measured;
use crate::analysis::gate::sign::Signs;
use crate::record::histogram::Sparse;

/// Calls the check with each case of one table.
fn each(name: &str, check: impl Fn(&Value)) {
    let all: Value = serde_json::from_str(include_str!("../../../tests/golden/gate.json")).unwrap();
    let cases = all[name].as_array().unwrap();
    assert!(!cases.is_empty(), "{name}");
    cases.iter().for_each(check);
}

fn number(case: &Value, name: &str) -> f64 {
    case[name].as_f64().unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

fn whole(value: &Value) -> Vec<i64> {
    value.as_array().unwrap().iter().map(|v| v.as_i64().unwrap()).collect()
}

fn histograms(value: &Value) -> Vec<Sparse> {
    let buckets = |one: &Value| -> Vec<(u64, u64)> {
        let pairs = one.as_array().unwrap();
        pairs.iter().map(|b| (b[0].as_u64().unwrap(), b[1].as_u64().unwrap())).collect()
    };
    value.as_array().unwrap().iter().map(|one| Sparse::from_counts(buckets(one))).collect()
}

#[track_caller]
fn close(found: f64, case: &Value, name: &str, relative: f64) {
    let expected = number(case, name);
    let off = (found - expected).abs() / expected.abs().max(1e-12);
    assert!(off <= relative, "{name}: {found} for {expected}: {case}");
}

#[test]
fn points_of_student() {
    each("student", |case| {
        let freedom = number(case, "freedom") as usize;
        close(student_point(number(case, "level"), freedom), case, "point", 1e-7);
    });
}

#[test]
fn trimmed_means_and_their_errors() {
    each("trimmed", |case| {
        let values = numbers(&case["values"]);
        let found = trimmed(&values).unwrap();
        close(found.value, case, "value", 1e-9);
        close(inflation(&values), case, "inflation", 1e-9);
        close(found.error, case, "error", 1e-9);
        assert_eq!(found.freedom as u64, case["freedom"].as_u64().unwrap());
    });
}

#[test]
fn means_of_blocks_with_their_bounds() {
    each("block", |case| {
        let found = block_mean(&numbers(&case["values"])).unwrap();
        close(found.value, case, "value", 1e-9);
        close(found.error, case, "error", 1e-9);
        close(found.p_above(1.05_f64.ln()), case, "above", 1e-7);
        close(found.p_below(1.15_f64.ln()), case, "below", 1e-7);
        close(found.lower(2.5e-4), case, "lower", 1e-7);
        close(found.upper(5e-3), case, "upper", 1e-7);
    });
}

#[test]
fn signs_of_far_off_intervals() {
    each("signs", |case| {
        let found = Signs::count(&numbers(&case["values"]));
        assert_eq!(found.above, case["above"].as_u64().unwrap(), "{case}");
        assert_eq!(found.below, case["below"].as_u64().unwrap(), "{case}");
        close(found.p(), case, "p", 1e-9);
    });
}

#[test]
fn sign_flips_of_few_differences() {
    each("flips_exact", |case| {
        close(sign_flip(&whole(&case["differences"]), 1), case, "p", 1e-9);
    });
}

#[test]
fn sign_flips_of_many_differences() {
    each("flips_drawn", |case| {
        for seed in 1..=3 {
            let found = sign_flip(&whole(&case["differences"]), seed);
            let expected = number(case, "p");
            // Four standard errors of a hundred hits.
            let off = (found - expected).abs() / expected.max(1e-4);
            assert!(off < 0.4, "{found} for {expected}: {case}");
        }
    });
}

#[test]
fn quantiles_of_histograms() {
    each("quantile", |case| {
        let parts = histograms(&case["parts"]);
        let counted: Vec<Counted<'_>> = parts.iter().map(|p| Counted::new(p.buckets())).collect();
        let merged = merged(&counted);
        for (share, expected) in numbers(&case["shares"]).iter().zip(numbers(&case["values"])) {
            for way in [&counted[..], &[Counted::new(&merged)]] {
                let found = log_quantile(way, *share).unwrap();
                assert!((found - expected).abs() < 1e-10, "{found} for {expected}: {case}");
            }
        }
    });
}

#[test]
fn pooled_ratios_with_their_jackknife() {
    each("jackknife", |case| {
        let arm = |name: &str| {
            let second = |response| ArmSecond { response, requests: 40, errors: 0, cpu_ns: None };
            histograms(&case[name]).into_iter().map(second).collect::<Vec<_>>()
        };
        let pairs = arm("baseline").into_iter().zip(arm("candidate"));
        let pairs = pairs.map(|(baseline, candidate)| Pair { baseline, candidate }).collect();
        let paired = Paired { segments: vec![pairs], ..Paired::default() };
        let found = pooled(&Measured::new(&paired, 1), number(case, "share")).unwrap();
        close(found.value, case, "value", 1e-9);
        close(found.error, case, "error", 1e-9);
        assert_eq!(found.freedom, 11);
    });
}

#[test]
fn trends_within_segments() {
    each("trend", |case| {
        let segments: Vec<Vec<f64>> =
            case["segments"].as_array().unwrap().iter().map(numbers).collect();
        let found = drift::trend(&segments).unwrap();
        close(found.factor, case, "factor", 1e-9);
        close(found.p, case, "p", 1e-6);
    });
}
