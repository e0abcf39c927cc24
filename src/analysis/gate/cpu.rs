//! The target's CPU time per request at one look: what a request costs, whoever else uses the
//! machine.
//!
//! A neighbour makes requests wait, one more than the next, which is in every response time; what
//! it does to the time that the target's own instructions take it does to both arms. So this
//! ratio shows a few percent where a p95 shows a few tens. What does differ is one start of a process from the next: what its compiler
//! chose, where its heap lies. So the unit is the segment: `x_r` = ln of the ratio of CPU time
//! per request over all of segment r, and the estimate is the mean of the R of them.
//!
//! The variance of one `x_r` is believed to be `V = s²/n + 2σ_c²`, with s² that of the n pieces of
//! 5 s in it around their mean (so long that a collection of garbage that falls into this
//! second in one arm and into the next in the other cancels) and `σ_c` = 1 %, the noise of
//! starts that was measured (docs/measurements.md). The segments themselves say more the more
//! of them there are:
//!
//! ```text
//! V' = (ν·V + (R − 1)·S²) / (ν + R − 1)      S² = variance of the x_r, ν = 8
//! se = √(V'/R), with ν + R − 1 degrees of freedom
//! ```
//!
//! which is the mean of a scaled inverse χ² distribution (Gelman et al., *Bayesian Data Analysis*,
//! section 2.6): five starts alone would need Student's t with 4 degrees of freedom, which
//! decides nothing at the levels of a gate.
//!
//! *Regressed*: lower bound > ln(1 + `d_c`). *Pass*: upper bound < ln(1 + `d_c`). *Improved*:
//! upper bound < −ln(1 + `d_c`).

use crate::analysis::comparison::{Estimate, Ruling};
use crate::analysis::gate::center::squares;
use crate::analysis::gate::location::Location;
use crate::analysis::gate::series::{Both, Measured, pieces};
use crate::analysis::stats::mean;
use crate::record::duet::GateSettings;
use crate::scenario::model::Arm;

/// Seconds of a piece.
const PIECE: usize = 5;
/// Standard deviation of a piece where no segment has two of them.
const UNKNOWN_PIECE: f64 = 0.05;
/// Standard deviation of a piece of the Fastify reference API at its own rate.
const KNOWN_PIECE: f64 = 0.026;
/// `σ_c`: by how much one start differs from the next.
const START_NOISE: f64 = 0.01;
/// ν: so many starts what was measured elsewhere is worth.
const PRIOR: f64 = 8.0;

/// What was seen of the CPU time per request.
#[derive(Debug, Clone, PartialEq)]
pub struct CpuEvidence {
    /// ln of the ratio; `None` without a segment of which both arms' CPU time is known.
    pub ratio: Option<Location>,
    /// ln of the largest accepted ratio.
    pub accepted: f64,
    /// Milliseconds per request: baseline, candidate.
    pub per_request: Option<(f64, f64)>,
}

impl CpuEvidence {
    /// All that has been measured says this of it.
    pub fn gather(measured: &Measured<'_>, settings: &GateSettings) -> CpuEvidence {
        let starts = measured.segments.iter().filter_map(|segment| log_ratio(segment));
        let starts: Vec<f64> = starts.collect();
        let all: Vec<Both<'_>> = measured.segments.iter().flatten().copied().collect();
        let both = |arm| per_request(&all, arm).map(|nanos| nanos / 1e6);
        CpuEvidence {
            ratio: location(&starts, within(measured)),
            accepted: settings.cpu_tolerance.ln_1p(),
            per_request: both(Arm::Baseline).zip(both(Arm::Candidate)),
        }
    }

    /// The smallest level at which this would be called regressed.
    pub fn p_regressed(&self) -> f64 {
        self.ratio.map_or(1.0, |found| found.p_above(self.accepted))
    }

    /// What it says when it is not regressed.
    pub fn otherwise(&self, level: f64) -> Ruling {
        let Some(found) = self.ratio else { return Ruling::Inconclusive };
        if found.p_below(-self.accepted) < level {
            return Ruling::Improved;
        }
        if found.p_below(self.accepted) < level { Ruling::Pass } else { Ruling::Inconclusive }
    }

    /// The ratio with its bounds.
    pub fn estimate(&self, low: f64, high: f64) -> Option<Estimate> {
        let found = self.ratio?;
        Some(Estimate {
            value: found.value.exp(),
            low: found.lower(low).exp(),
            high: found.upper(high).exp(),
        })
    }
}

/// The standard error that so many segments of so many seconds will have, by what was measured
/// elsewhere.
pub fn expected_error(seconds: f64, segments: u32) -> f64 {
    let within = KNOWN_PIECE.powi(2) * PIECE as f64 / seconds.max(1.0);
    ((within + 2.0 * START_NOISE.powi(2)) / f64::from(segments.max(1))).sqrt()
}

/// The variance that one segment's ratio has by what happens within it.
fn within(measured: &Measured<'_>) -> f64 {
    let of = |segment: &Vec<Both<'_>>| -> Vec<f64> {
        pieces(segment.len(), PIECE).filter_map(|at| log_ratio(&segment[at])).collect()
    };
    let segments: Vec<Vec<f64>> = measured.segments.iter().map(of).collect();
    let number = segments.iter().map(Vec::len).sum::<usize>() as f64;
    let each = number / segments.len().max(1) as f64;
    let freedom: usize = segments.iter().map(|pieces| pieces.len().saturating_sub(1)).sum();
    let squares: f64 = segments.iter().map(|pieces| squares(pieces)).sum();
    let of_piece = if freedom > 0 { squares / freedom as f64 } else { UNKNOWN_PIECE.powi(2) };
    of_piece / each.max(1.0)
}

fn location(starts: &[f64], within: f64) -> Option<Location> {
    let value = mean(starts)?;
    let more = starts.len().saturating_sub(1) as f64;
    let believed = within + 2.0 * START_NOISE.powi(2);
    let variance = (PRIOR * believed + squares(starts)) / (PRIOR + more);
    let freedom = PRIOR as usize + starts.len() - 1;
    Some(Location { value, error: (variance / starts.len() as f64).sqrt(), freedom })
}

fn log_ratio(seconds: &[Both<'_>]) -> Option<f64> {
    let of = |arm| per_request(seconds, arm).filter(|nanos| *nanos > 0.0);
    Some((of(Arm::Candidate)? / of(Arm::Baseline)?).ln())
}

/// Nanoseconds per request over the seconds in which both arms' CPU time is known.
fn per_request(seconds: &[Both<'_>], arm: Arm) -> Option<f64> {
    let known =
        |both: &&Both<'_>| both.cpu(Arm::Baseline).is_some() && both.cpu(Arm::Candidate).is_some();
    let (mut nanos, mut requests) = (0.0, 0.0);
    for both in seconds.iter().filter(known) {
        nanos += both.cpu(arm)? as f64;
        requests += both.counts(arm).0 as f64;
    }
    (requests > 0.0).then(|| nanos / requests)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::comparison::{ArmSecond, Pair, Paired};

    fn second(cpu: Option<f64>) -> ArmSecond {
        let cpu_ns = cpu.map(|ms| (ms * 1e6) as u64);
        ArmSecond { requests: 100, cpu_ns, ..ArmSecond::default() }
    }

    /// Segments of pieces of 5 s: CPU ms per second of baseline and candidate.
    fn gather(segments: &[Vec<(f64, f64)>]) -> CpuEvidence {
        let pair = |&(b, c): &(f64, f64)| {
            vec![Pair { baseline: second(Some(b)), candidate: second(Some(c)) }; 5]
        };
        let of = |segment: &Vec<(f64, f64)>| segment.iter().flat_map(pair).collect();
        let paired = Paired { segments: segments.iter().map(of).collect(), ..Paired::default() };
        let measured = Measured::new(&paired, segments.len());
        CpuEvidence::gather(&measured, &GateSettings::default())
    }

    /// So many segments of four pieces that are alike.
    fn alike(candidate: f64, segments: usize) -> CpuEvidence {
        gather(&vec![vec![(100.0, candidate); 4]; segments])
    }

    #[test]
    fn it_is_the_mean_over_starts_and_not_over_seconds() {
        let found = gather(&[vec![(100.0, 110.0), (300.0, 330.0)], vec![(200.0, 200.0); 2]]);
        let ratio = found.ratio.unwrap();
        assert!((ratio.value - 1.1_f64.ln() / 2.0).abs() < 1e-6, "{ratio:?}");
        assert_eq!(ratio.freedom, 9);
        // No piece differs from its segment's others: what is left is the noise of starts.
        let half = 1.1_f64.ln() / 2.0;
        let variance = (8.0 * 2e-4 + 2.0 * half * half) / 9.0;
        assert!((ratio.error - (variance / 2.0).sqrt()).abs() < 1e-6, "{ratio:?}");
        let (base, cand) = found.per_request.unwrap();
        assert!((base - 2.0).abs() < 1e-6 && (cand - 2.1).abs() < 1e-6, "{base} {cand}");
    }

    #[test]
    fn pieces_that_scatter_make_it_less_sure() {
        let calm = alike(100.0, 3).ratio.unwrap().error;
        let wild = vec![(100.0, 110.0), (110.0, 100.0), (100.0, 110.0), (110.0, 100.0)];
        let wild = gather(&vec![wild; 3]).ratio.unwrap();
        assert!(wild.error > 2.0 * calm && wild.value.abs() < 1e-6, "{wild:?} {calm}");
    }

    #[test]
    fn ten_percent_more_are_regressed_and_none_pass() {
        let more = alike(110.0, 5);
        assert!(more.p_regressed() < 1e-4, "{more:?}");
        let same = alike(100.0, 5);
        assert_eq!(same.otherwise(0.02), Ruling::Pass);
        let less = alike(90.0, 5);
        assert_eq!(less.otherwise(0.02), Ruling::Improved);
        assert_eq!(alike(104.0, 5).otherwise(0.02), Ruling::Inconclusive);
    }

    #[test]
    fn what_nobody_knows_decides_nothing() {
        let pair = Pair { baseline: second(None), candidate: second(Some(1.0)) };
        let paired = Paired { segments: vec![vec![pair; 20]], ..Paired::default() };
        let found = CpuEvidence::gather(&Measured::new(&paired, 1), &GateSettings::default());
        assert_eq!((found.ratio, found.per_request), (None, None));
        assert!((found.p_regressed() - 1.0).abs() < 1e-12);
        assert_eq!(found.otherwise(0.5), Ruling::Inconclusive);
    }
}
