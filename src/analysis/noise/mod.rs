//! A/A duets in, this machine's noise out: what the gate has to live with here.
//!
//! Duets are added one by one, and of each only a number per interval is kept. Each arm's
//! segment is its 20 %-trimmed mean of intervals, as the gate takes it. [`mod@spread`] says
//! how that splits into noise within segments and noise of starts, [`mod@movement`] how it
//! drifts.
//!
//! `σ_p` is of one process, and the gate adds `2σ_p²/R` for the two of each segment, so it is
//! the sd of the ratio from start to start ÷ √2. One `σ_p` serves all metrics: the largest of
//! the estimates of the gated quantiles. Not of their bounds: those would make a gate that
//! has seen few segments blind, and the largest of several estimates errs upwards already.

pub mod movement;
pub mod spread;

use crate::analysis::assessment::Severity;
use crate::analysis::compare::compare;
use crate::analysis::comparison::{Comparison, Paired, Ruling};
use crate::analysis::forecast::{PlannedGate, Shape, Visible};
use crate::analysis::gate::center::trimmed;
use crate::analysis::gate::location::Location;
use crate::analysis::gate::series::Measured;
use crate::analysis::noise::movement::movement;
use crate::analysis::noise::spread::{deviation, spread};
use crate::analysis::pairing::{self, PairedTimes};
use crate::analysis::power::visible;
use crate::analysis::stats::{ALPHA, median, share_at_most};
use crate::record::duet::{DuetEnd, DuetRecord, GateMetric, GateSettings, Method};
use crate::record::noise::{
    DuetHead, FEWEST_SEGMENTS, LEAST_START_NOISE, MetricNoise, NoiseFile, Rulings, StartNoise,
    TimeNoise,
};
use crate::scenario::model::Arm;

/// What is kept of the duets so far.
#[derive(Debug, Default)]
pub struct Gathered {
    duets: Vec<DuetHead>,
    rulings: Rulings,
    metrics: Vec<Kept>,
    requests: u64,
    seconds: u64,
    invalid: Vec<String>,
}

/// What is kept of one metric.
#[derive(Debug)]
struct Kept {
    metric: GateMetric,
    rulings: Rulings,
    visible: Vec<Visible>,
    times: Option<KeptTimes>,
}

/// Logarithms by segment and interval.
#[derive(Debug)]
struct KeptTimes {
    width: usize,
    ratios: Vec<Vec<f64>>,
    /// Baseline, candidate.
    own: [Vec<Vec<f64>>; 2],
}

impl Gathered {
    /// Adds an A/A duet; one without a finished segment adds nothing.
    pub fn add(&mut self, folder: &str, duet: &DuetRecord) {
        let Some(comparison) = compare(duet) else { return };
        let finished = duet.file.end == Some(DuetEnd::Finished);
        let segments = duet.segments.len() as u32;
        self.duets.push(DuetHead { folder: folder.to_owned(), segments, finished });
        self.add_measured(&pairing::paired(duet, PairedTimes::Response), &duet.file.settings);
        let voiding = comparison.findings.iter().filter(|it| it.severity == Severity::Invalidates);
        self.invalid.extend(voiding.map(|it| format!("{folder}: {}", it.evidence)));
        if finished {
            self.count(&comparison);
        }
    }

    fn count(&mut self, comparison: &Comparison) {
        count(&mut self.rulings, comparison.ruling);
        for result in comparison.metrics.iter().filter(|result| result.gates) {
            for kept in self.metrics.iter_mut().filter(|kept| kept.metric == result.metric) {
                count(&mut kept.rulings, result.ruling);
            }
        }
    }

    fn add_measured(&mut self, paired: &Paired, settings: &GateSettings) {
        let measured = Measured::new(paired, paired.segments.len());
        let (requests, seconds) = (measured.counts(Arm::Baseline).0, measured.seconds() as u64);
        self.requests = self.requests.saturating_add(requests);
        self.seconds += seconds;
        let plan = PlannedGate {
            rate: requests as f64 / seconds.max(1) as f64,
            segment_seconds: seconds as f64 / paired.segments.len().max(1) as f64,
            segments: settings.looks,
        };
        for metric in &settings.metrics {
            let seen = visible(paired, *metric, &plan, settings);
            let kept = self.kept(*metric, &measured);
            kept.visible.extend(seen);
            if let (GateMetric::ResponseTime(share), Some(times)) = (*metric, &mut kept.times) {
                times.add(&measured, share);
            }
        }
    }

    fn kept(&mut self, metric: GateMetric, measured: &Measured<'_>) -> &mut Kept {
        let index = self.metrics.iter().position(|kept| kept.metric == metric);
        let index = index.unwrap_or_else(|| {
            let times = match metric {
                GateMetric::ResponseTime(share) => Some(measured.interval_width(share)),
                GateMetric::ErrorRate | GateMetric::CpuPerRequest | GateMetric::SlowRequests => {
                    None
                }
            };
            let times = times.map(KeptTimes::of_width);
            let (rulings, visible) = (Rulings::default(), Vec::new());
            self.metrics.push(Kept { metric, rulings, visible, times });
            self.metrics.len() - 1
        });
        &mut self.metrics[index]
    }

    /// Writes what is known so far into a file whose head is known.
    pub fn fill(&self, file: &mut NoiseFile) {
        file.duets.clone_from(&self.duets);
        file.rulings = self.rulings;
        let Rulings { pass, improved, inconclusive, regressed } = self.rulings;
        let gates = f64::from(pass + improved + inconclusive + regressed);
        let bound = || share_at_most(f64::from(regressed), gates, ALPHA);
        file.alarms_at_most = (gates > 0.0).then(bound);
        file.rate = self.requests as f64 / self.seconds.max(1) as f64;
        file.invalid.clone_from(&self.invalid);
        let times: Vec<Option<TimeNoise>> = {
            let of = |kept: &Kept| kept.times.as_ref()?.noise(stretch(file.method));
            self.metrics.iter().map(of).collect()
        };
        file.start_noise = self.start_noise(&times).filter(|_| file.starts_afresh);
        let settings = GateSettings {
            start_noise: file.start_noise.map_or(file.settings.start_noise, |found| found.value),
            ..file.settings.clone()
        };
        let plan = PlannedGate {
            rate: file.rate,
            segment_seconds: self.seconds as f64 / f64::from(file.segments().max(1)),
            segments: settings.looks,
        };
        let noise = |(kept, times): (&Kept, Option<TimeNoise>)| MetricNoise {
            metric: kept.metric,
            rulings: kept.rulings,
            visible: kept.smallest(&plan, &settings),
            times,
            note: kept.note(times),
        };
        file.metrics = self.metrics.iter().zip(times).map(noise).collect();
    }

    fn start_noise(&self, times: &[Option<TimeNoise>]) -> Option<StartNoise> {
        let of = |(kept, times): (&Kept, &Option<TimeNoise>)| {
            let times = times.filter(|times| times.segments >= FEWEST_SEGMENTS)?;
            let measured = of_one_process(times.start_sd);
            Some(StartNoise {
                value: measured.max(LEAST_START_NOISE),
                measured,
                at_most: of_one_process(times.start_sd_at_most),
                metric: kept.metric,
            })
        };
        let all = self.metrics.iter().zip(times).filter_map(of);
        all.reduce(|most, next| if next.measured > most.measured { next } else { most })
    }
}

/// From the ratio of two processes to one of them.
fn of_one_process(sd: f64) -> f64 {
    sd / 2.0_f64.sqrt()
}

fn count(rulings: &mut Rulings, ruling: Ruling) {
    let number = match ruling {
        Ruling::Pass => &mut rulings.pass,
        Ruling::Improved => &mut rulings.improved,
        Ruling::Inconclusive => &mut rulings.inconclusive,
        Ruling::Regressed => &mut rulings.regressed,
    };
    *number += 1;
}

impl Kept {
    fn note(&self, times: Option<TimeNoise>) -> Option<String> {
        let kept = self.times.as_ref().filter(|_| times.is_none())?;
        Some(format!(
            "cannot be told: it takes two segments with five intervals of {} s and requests in each",
            kept.width
        ))
    }

    /// A tail is as steep in all duets; they are averaged, so that one odd minute does not
    /// decide.
    fn smallest(&self, plan: &PlannedGate, settings: &GateSettings) -> Option<f64> {
        let shapes: Vec<Shape> = self.visible.iter().filter_map(|seen| seen.shape).collect();
        let Some(first) = shapes.first() else {
            return median(&self.visible.iter().map(|seen| seen.smallest).collect::<Vec<_>>());
        };
        let mean = |of: fn(&Shape) -> f64| shapes.iter().map(of).sum::<f64>() / shapes.len() as f64;
        let shape = Shape {
            quantile: first.quantile,
            kappa: mean(|shape| shape.kappa.powi(2)).sqrt(),
            design_effect: mean(|shape| shape.design_effect),
        };
        Some(shape.smallest(plan, settings))
    }
}

impl KeptTimes {
    fn of_width(width: usize) -> KeptTimes {
        KeptTimes { width, ratios: Vec::new(), own: [Vec::new(), Vec::new()] }
    }

    fn add(&mut self, measured: &Measured<'_>, share: f64) {
        self.ratios.extend(measured.log_ratios(share, self.width));
        for (own, arm) in self.own.iter_mut().zip([Arm::Baseline, Arm::Candidate]) {
            own.extend(measured.log_quantiles(arm, share, self.width));
        }
    }

    /// `None` with fewer than two segments that have a mean.
    fn noise(&self, stretch: f64) -> Option<TimeNoise> {
        let ratios = means(&self.ratios);
        let spread = spread(&ratios).filter(|_| ratios.len() > 1)?;
        let squares = self.own.iter().filter_map(|own| {
            let values: Vec<f64> = means(own).iter().map(|it| it.value).collect();
            deviation(&values).map(|sd| sd * sd)
        });
        let squares: Vec<f64> = squares.collect();
        let own = squares.iter().sum::<f64>() / squares.len().max(1) as f64;
        Some(TimeNoise {
            segments: spread.segments as u32,
            interval_seconds: self.width as u32,
            mean_ratio: spread.mean.exp(),
            ratio_sd: spread.total,
            within_sd: spread.within,
            start_sd: spread.start,
            start_sd_at_most: spread.start_at_most,
            own_sd: own.sqrt(),
            gain: (spread.total > 0.0).then(|| own.sqrt() / spread.total),
            ratio: movement(&self.ratios, self.width as f64 * stretch)?,
            own: movement(&self.own.concat(), self.width as f64 * stretch)?,
        })
    }
}

/// How many seconds go by for each judged one: in turns also those of the other arm, and
/// those at the beginning of each block.
fn stretch(method: Method) -> f64 {
    match method {
        Method::Alternating { block, dropped } => {
            f64::from(2 * block) / f64::from(block.saturating_sub(dropped).max(1))
        }
        Method::Interleaved | Method::Stored => 1.0,
    }
}

/// Each segment's trimmed mean, where it has one.
fn means(segments: &[Vec<f64>]) -> Vec<Location> {
    segments.iter().filter_map(|segment| trimmed(segment)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::gate::simulated::{CI, Change, HARSH, Machine, Profile, QUIET};
    use crate::record::noise;

    /// So many made-up duets of three segments; a host of its own for each.
    fn measured(profile: Profile, duets: u64, settings: &GateSettings) -> NoiseFile {
        let mut gathered = Gathered::default();
        for seed in 0..duets {
            let mut machine = Machine::new(profile, Change::Slower(0.0), 700 + seed);
            let segments: Vec<_> = (0..3).map(|_| machine.segment()).collect();
            let folder = format!("duet-{seed}");
            gathered.duets.push(DuetHead { folder, segments: 3, finished: true });
            gathered.add_measured(&Paired { segments, ..Paired::default() }, settings);
        }
        let mut file = noise::sample();
        file.settings = settings.clone();
        gathered.fill(&mut file);
        file
    }

    fn of(shares: &[f64]) -> GateSettings {
        let metrics = shares.iter().map(|share| GateMetric::ResponseTime(*share)).collect();
        GateSettings { metrics, ..GateSettings::default() }
    }

    /// The machines of `gate::simulated` start with these deviations; all else that they do
    /// is within segments or in both arms.
    #[test]
    fn the_noise_of_known_starts_comes_back() {
        for (profile, known) in [(QUIET, 0.005), (CI, 0.010), (HARSH, 0.015)] {
            let noise = measured(profile, 30, &of(&[0.5]));
            let found = noise.start_noise.unwrap();
            assert!((found.measured / known - 1.0).abs() < 0.3, "{known}: {found:?}");
            assert!(found.at_most > known && found.at_most < 1.8 * known, "{known}: {found:?}");
            let times = noise.metrics[0].times.unwrap();
            assert_eq!(times.segments, 90);
            assert!(times.gain.unwrap() > 1.5, "a duet cancels the host: {times:?}");
            assert!(times.ratio.correlation < times.own.correlation, "{times:?}");
            assert!(times.ratio.per_minute.abs() < 0.01, "{times:?}");
        }
    }

    #[test]
    fn the_largest_noise_of_all_quantiles_serves_all() {
        let noise = measured(CI, 4, &of(&[0.5, 0.99]));
        let found = noise.start_noise.unwrap();
        let sd = |index: usize| noise.metrics[index].times.unwrap().start_sd;
        let most = sd(0).max(sd(1)) / 2.0_f64.sqrt();
        assert!((found.measured - most).abs() < 1e-12, "{found:?}");
        assert!(found.value >= LEAST_START_NOISE);
        assert!(noise.metrics.iter().all(|metric| metric.visible.unwrap() > 0.05));
    }

    #[test]
    fn few_segments_or_one_process_for_both_tell_nothing_of_starts() {
        let one = measured(QUIET, 1, &of(&[0.5]));
        assert_eq!((one.start_noise, one.segments()), (None, 3));
        assert!(one.metrics[0].times.is_some());
        let mut gathered = Gathered::default();
        let mut machine = Machine::new(QUIET, Change::Slower(0.0), 1);
        let segments: Vec<_> = (0..4).map(|_| machine.segment()).collect();
        gathered.add_measured(&Paired { segments, ..Paired::default() }, &of(&[0.5]));
        let mut file = noise::sample();
        gathered.fill(&mut file);
        assert!(file.start_noise.is_some());
        let drift = |file: &NoiseFile| file.metrics[0].times.unwrap().own.per_minute.ln_1p();
        let at_once = drift(&file);
        file.method = Method::Alternating { block: 5, dropped: 1 };
        gathered.fill(&mut file);
        assert!((at_once / drift(&file) - 2.5).abs() < 1e-9, "10 s go by for each 4 judged ones");
        file.starts_afresh = false;
        gathered.fill(&mut file);
        assert_eq!(file.start_noise, None);
    }

    #[test]
    fn segments_that_are_too_short_are_named() {
        let mut machine = Machine::new(QUIET, Change::Slower(0.0), 1);
        let mut short = || machine.segment()[..8].to_vec();
        let segments = vec![short(), short(), short(), short()];
        let mut gathered = Gathered::default();
        gathered.add_measured(&Paired { segments, ..Paired::default() }, &of(&[0.5]));
        let mut file = noise::sample();
        gathered.fill(&mut file);
        assert_eq!((file.metrics[0].times, file.start_noise), (None, None));
        assert!(file.metrics[0].note.as_ref().unwrap().contains("five intervals of 2 s"));
    }
}
