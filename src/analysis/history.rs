//! Change points in the history of runs: at which run a figure went to another level and
//! stayed there. Creep of a few per cent per merge passes every gate; here it shows.
//!
//! E-divisive (Matteson and James, *A nonparametric approach for multiple change point
//! analysis of multivariate data*, JASA 2014) on ln(value), with α = 1: a piece is cut
//! where the energy distance of what is before and after, weighed by `n·m/(n+m)`, is
//! largest, over all cuts and all ends of what is after. The best cut of all pieces is
//! kept when few of the permutations within the pieces do as well; then the pieces are cut
//! again. Medians of neighbouring pieces that differ by less than the floor are one level:
//! the least change is taken out first, until all that remain are large enough.
//!
//! Values in, change points out; the permutations follow from a seed. Checked against an
//! independent implementation in Python (`scripts/golden_history.py`).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::analysis::apart::{apart, is_tellable};
use crate::analysis::overview::RunFigures;
use crate::analysis::shuffle::SplitMix64;
use crate::analysis::stats::median;
use crate::record::baseline::AcceptedRun;
use crate::record::fingerprint::Fingerprint;

/// The most runs that are looked at; of a longer history the last ones. The time taken
/// grows with their square times the permutations.
pub const MOST_RUNS: usize = 500;

/// What counts as a change.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HistorySettings {
    /// The least change that is told, as a share: 0.05 is 5 %.
    pub floor: f64,
    /// The largest p of a change.
    pub level: f64,
    /// Permutations per test.
    pub permutations: u32,
    /// The fewest runs of a level.
    pub shortest: usize,
    /// The most change points that are looked for.
    pub most: usize,
    /// Seed of the permutations.
    pub seed: u64,
}

impl Default for HistorySettings {
    fn default() -> Self {
        HistorySettings {
            floor: 0.05,
            level: 0.01,
            permutations: 199,
            shortest: 3,
            most: 20,
            seed: 1,
        }
    }
}

/// A run from which on a figure was at another level.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ChangePoint {
    /// The first run at the new level, as an index into the values.
    pub index: usize,
    /// The median of the level before.
    pub before: f64,
    /// The median of the level after.
    pub after: f64,
    /// `after ÷ before`.
    pub ratio: f64,
    /// The share of permutations, this one included, that cut as well.
    pub p: f64,
}

/// A figure over the history of runs.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Trend {
    /// The figure of each run, oldest first; `None` where a run has none.
    pub values: Vec<Option<f64>>,
    /// The level that each run belongs to: the median between two change points. `None`
    /// for runs before the last [`MOST_RUNS`].
    pub levels: Vec<Option<f64>>,
    /// Ascending.
    pub changes: Vec<ChangePoint>,
}

/// Past runs of one scenario on one machine, oldest first, and where their figures changed.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct History {
    /// The scenario's name.
    pub scenario: String,
    /// What all runs have in common.
    pub fingerprint: Fingerprint,
    /// The runs, oldest first.
    pub runs: Vec<PastRun>,
    /// p50, p95 and p99, in that order.
    pub figures: Vec<FigureTrend>,
    /// Levels that look like a change, of too few runs to be one.
    pub stands_out: Vec<StandsOut>,
    /// The fewest runs of which some can be called a change.
    pub fewest_runs: usize,
    /// Runs that were not looked at.
    pub left_out: Vec<LeftOut>,
}

/// Runs that all lie on one side of all others, but are too few to be told from chance.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct StandsOut {
    /// `p95`.
    pub figure: String,
    /// The first run at the other level.
    pub index: usize,
    /// Runs at it.
    pub runs: usize,
    /// The median before, in ms.
    pub before: f64,
    /// The median from then on, in ms.
    pub after: f64,
    /// `after ÷ before`.
    pub ratio: f64,
    /// About how many more runs at this level would make it a change point.
    pub runs_needed: usize,
}

/// One run of a history.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct PastRun {
    /// Where it is from.
    pub folder: String,
    /// When its schedule started, RFC 3339 in UTC.
    pub started: String,
    /// Requests that fell due and have an outcome.
    pub requests: u64,
    /// Share of them that ended otherwise than ok.
    pub error_rate: f64,
    /// p50, p95 and p99 in ms.
    pub times: [f64; 3],
}

impl PastRun {
    /// That of a run's judged window.
    pub fn of(folder: String, run: &AcceptedRun) -> PastRun {
        let RunFigures { times, error_rate } = RunFigures::of(run);
        let started = run.started.clone();
        PastRun { folder, started, requests: run.requests, error_rate, times }
    }
}

/// A figure by name.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct FigureTrend {
    /// `p95`.
    pub name: String,
    /// Over the runs, in ms.
    pub trend: Trend,
}

/// A run that is in no trend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LeftOut {
    /// Where it is.
    pub folder: String,
    /// Why.
    pub reason: String,
}

impl History {
    /// Finds the change points of runs, oldest first.
    pub fn of(
        scenario: String,
        fingerprint: Fingerprint,
        runs: Vec<PastRun>,
        left_out: Vec<LeftOut>,
    ) -> History {
        let figure = |(position, name): (usize, &str)| {
            let values: Vec<Option<f64>> =
                runs.iter().map(|run| Some(run.times[position])).collect();
            let trend = trend(&values, &HistorySettings::default());
            FigureTrend { name: name.to_owned(), trend }
        };
        let figures: Vec<FigureTrend> =
            ["p50", "p95", "p99"].into_iter().enumerate().map(figure).collect();
        let settings = HistorySettings::default();
        let stands_out = figures.iter().filter_map(|it| stands_out(it, &settings)).collect();
        let fewest_runs = settings.fewest_runs();
        History { scenario, fingerprint, runs, figures, stands_out, fewest_runs, left_out }
    }
}

/// The last runs of a figure without a change point, where they stand out.
fn stands_out(figure: &FigureTrend, settings: &HistorySettings) -> Option<StandsOut> {
    let known = figure.trend.values.iter().enumerate();
    let known: Vec<(usize, f64)> =
        known.filter_map(|(run, value)| value.map(|value| (run, value.ln()))).collect();
    let logs: Vec<f64> = known.iter().map(|(_, log)| *log).collect();
    let found = apart(&logs, settings.floor).filter(|_| figure.trend.changes.is_empty())?;
    let runs = logs.len() - found.cut;
    let is_enough = |more: &usize| settings.tells(found.cut, runs + more);
    Some(StandsOut {
        figure: figure.name.clone(),
        index: known[found.cut].0,
        runs,
        before: found.before.exp(),
        after: found.after.exp(),
        ratio: (found.after - found.before).exp(),
        runs_needed: (1..MOST_RUNS).find(is_enough)?,
    })
}

impl HistorySettings {
    /// Whether so many runs before and after, all apart, are likely to be a change point.
    fn tells(&self, before: usize, after: usize) -> bool {
        before.min(after) >= self.shortest && is_tellable(before, after, self.permutations)
    }

    /// The fewest runs that can have a change point.
    fn fewest_runs(&self) -> usize {
        (1..MOST_RUNS).find(|runs| self.tells(runs / 2, runs - runs / 2)).unwrap_or(MOST_RUNS)
    }
}

/// The trend of a figure, such as p95 in ms, oldest run first. Values that are missing or
/// not above zero take no part.
pub fn trend(values: &[Option<f64>], settings: &HistorySettings) -> Trend {
    let usable = |value: &f64| value.is_finite() && *value > 0.0;
    let values: Vec<Option<f64>> = values.iter().map(|value| value.filter(usable)).collect();
    let known: Vec<(usize, f64)> =
        values.iter().enumerate().filter_map(|(run, value)| value.map(|v| (run, v))).collect();
    let known = &known[known.len().saturating_sub(MOST_RUNS)..];
    let plain: Vec<f64> = known.iter().map(|(_, value)| *value).collect();
    let mut changes = change_points(&plain, settings);
    for change in &mut changes {
        change.index = known[change.index].0;
    }
    let levels = levels(&values, known.first().map_or(0, |(run, _)| *run), &changes);
    Trend { values, levels, changes }
}

fn levels(values: &[Option<f64>], first: usize, changes: &[ChangePoint]) -> Vec<Option<f64>> {
    let mut levels = vec![None; values.len()];
    let starts = std::iter::once(first).chain(changes.iter().map(|change| change.index));
    let ends = changes.iter().map(|change| change.index).chain([values.len()]);
    for (start, end) in starts.zip(ends) {
        let logs: Vec<f64> = values[start..end].iter().flatten().map(|value| value.ln()).collect();
        levels[start..end].fill(median(&logs).map(f64::exp));
    }
    levels
}

/// The change points of up to [`MOST_RUNS`] values, all finite and above zero.
///
/// # Panics
///
/// When a value is not above zero, or there are too many.
pub fn change_points(values: &[f64], settings: &HistorySettings) -> Vec<ChangePoint> {
    assert!(values.len() <= MOST_RUNS, "more values than are looked at");
    assert!(values.iter().all(|value| *value > 0.0 && value.is_finite()), "a value without a log");
    let logs: Vec<f64> = values.iter().map(|value| value.ln()).collect();
    let mut cuts: Vec<Cut> = Vec::new();
    let mut random = SplitMix64(settings.seed);
    while cuts.len() < settings.most {
        let Some((position, energy)) = best(&logs, &cuts, settings.shortest) else { break };
        let Some(p) = significance(&logs, &cuts, energy, settings, &mut random) else { break };
        cuts.push(Cut { position, p });
        cuts.sort_unstable_by_key(|cut| cut.position);
    }
    drop_small(&logs, &mut cuts, settings.floor);
    let medians = medians(&logs, &cuts);
    let changes = cuts.iter().zip(medians.windows(2)).map(|(cut, pair)| ChangePoint {
        index: cut.position,
        before: pair[0].exp(),
        after: pair[1].exp(),
        ratio: (pair[1] - pair[0]).exp(),
        p: cut.p,
    });
    changes.collect()
}

/// Where a new level begins.
#[derive(Debug, Clone, Copy)]
struct Cut {
    position: usize,
    p: f64,
}

fn pieces(length: usize, cuts: &[Cut]) -> impl Iterator<Item = (usize, usize)> {
    let starts = std::iter::once(0).chain(cuts.iter().map(|cut| cut.position));
    starts.zip(cuts.iter().map(|cut| cut.position).chain([length]))
}

/// The best cut of all pieces and its weighed energy distance.
fn best(logs: &[f64], cuts: &[Cut], shortest: usize) -> Option<(usize, f64)> {
    let of_pieces = pieces(logs.len(), cuts).filter_map(|(start, end)| {
        best_cut(&logs[start..end], shortest).map(|(position, energy)| (start + position, energy))
    });
    of_pieces.max_by(|a, b| a.1.total_cmp(&b.1))
}

/// The share of permutations that cut as well; `None` as soon as it is above the level.
fn significance(
    logs: &[f64],
    cuts: &[Cut],
    energy: f64,
    settings: &HistorySettings,
    random: &mut SplitMix64,
) -> Option<f64> {
    let all = f64::from(settings.permutations) + 1.0;
    let mut as_good = 1.0;
    for _ in 0..settings.permutations {
        let mut permuted = logs.to_vec();
        for (start, end) in pieces(logs.len(), cuts) {
            random.shuffle(&mut permuted[start..end]);
        }
        let found = best(&permuted, cuts, settings.shortest);
        // What differs by rounding alone is as good.
        as_good += f64::from(found.is_some_and(|(_, other)| other >= energy * (1.0 - 1e-9)));
        if as_good > settings.level * all {
            return None;
        }
    }
    (as_good <= settings.level * all).then_some(as_good / all)
}

/// The best cut of one piece and its weighed energy distance; `None` when the piece is too
/// short or all its values are alike.
fn best_cut(piece: &[f64], shortest: usize) -> Option<(usize, f64)> {
    let shortest = shortest.max(2);
    let sums = Distances::of(piece);
    let mut best: Option<(usize, f64)> = None;
    for cut in shortest..(piece.len() + 1).saturating_sub(shortest) {
        for end in cut + shortest..=piece.len() {
            let energy = sums.energy(cut, end);
            if energy > best.map_or(0.0, |(_, most)| most) {
                best = Some((cut, energy));
            }
        }
    }
    best
}

/// Sums of the distances between all pairs of a piece: `sums[i][j]` over the first i and
/// the first j values.
struct Distances {
    width: usize,
    sums: Vec<f64>,
}

impl Distances {
    fn of(piece: &[f64]) -> Distances {
        let width = piece.len() + 1;
        let mut sums = vec![0.0; width * width];
        for (i, a) in piece.iter().enumerate() {
            let mut row = 0.0;
            for (j, b) in piece.iter().enumerate() {
                row += (a - b).abs();
                sums[(i + 1) * width + j + 1] = sums[i * width + j + 1] + row;
            }
        }
        Distances { width, sums }
    }

    fn sum(&self, i: usize, j: usize) -> f64 {
        self.sums[i * self.width + j]
    }

    /// `n·m/(n+m) · (2/(nm)·Σ|x−y| − Σ|x−x'|/C(n,2) − Σ|y−y'|/C(m,2))` of the values before
    /// the cut and those from it to the end; each pair is counted once.
    fn energy(&self, cut: usize, end: usize) -> f64 {
        let (n, m) = (cut as f64, (end - cut) as f64);
        let (before, both) = (self.sum(cut, cut), self.sum(cut, end));
        let across = both - before;
        let after = self.sum(end, end) - 2.0 * both + before;
        let distance = 2.0 * across / (n * m) - before / (n * (n - 1.0)) - after / (m * (m - 1.0));
        n * m / (n + m) * distance
    }
}

/// Takes out the least change until all are at least as large as the floor.
fn drop_small(logs: &[f64], cuts: &mut Vec<Cut>, floor: f64) {
    loop {
        let medians = medians(logs, cuts);
        let sizes = medians.windows(2).map(|pair| (pair[1] - pair[0]).abs()).enumerate();
        let least = sizes.min_by(|a, b| a.1.total_cmp(&b.1));
        match least {
            Some((position, size)) if size < floor.ln_1p() => cuts.remove(position),
            Some(_) | None => return,
        };
    }
}

fn medians(logs: &[f64], cuts: &[Cut]) -> Vec<f64> {
    let of_piece = |(start, end): (usize, usize)| median(&logs[start..end]).unwrap_or(0.0);
    pieces(logs.len(), cuts).map(of_piece).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn numbers(value: &Value) -> Vec<f64> {
        value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
    }

    /// About normal: the sum of twelve uniform values.
    fn normal(random: &mut SplitMix64) -> f64 {
        (0..12).map(|_| random.next() as f64 / 2_f64.powi(64)).sum::<f64>() - 6.0
    }

    /// 10 ms with noise of so much (sd of ln), with steps of so much at some runs.
    fn history(seed: u64, runs: usize, noise: f64, steps: &[(usize, f64)]) -> Vec<f64> {
        let mut random = SplitMix64(seed);
        let level = |run| steps.iter().filter(|(at, _)| run >= *at).map(|(_, by)| by).sum::<f64>();
        let value = |run| 10.0 * (level(run) + noise * normal(&mut random)).exp();
        (0..runs).map(value).collect()
    }

    #[test]
    fn the_reference_finds_the_same() {
        let cases: Vec<Value> =
            serde_json::from_str(include_str!("../../tests/golden/history.json")).unwrap();
        assert!(cases.iter().any(|case| case["changes"].as_array().unwrap().len() == 2));
        for case in cases {
            let values = numbers(&case["values"]);
            let settings =
                HistorySettings { seed: case["seed"].as_u64().unwrap(), ..Default::default() };
            let found = change_points(&values, &settings);
            let expected = case["changes"].as_array().unwrap();
            assert_eq!(found.len(), expected.len(), "{case}");
            for (found, expected) in found.iter().zip(expected) {
                let number = |name: &str| expected[name].as_f64().unwrap();
                assert_eq!(found.index as u64, expected["index"].as_u64().unwrap(), "{case}");
                assert!((found.before / number("before") - 1.0).abs() < 1e-9, "{case}");
                assert!((found.after / number("after") - 1.0).abs() < 1e-9, "{case}");
                assert!((found.p - number("p")).abs() < 1e-12, "{found:?}: {case}");
            }
            let logs: Vec<f64> = values.iter().map(|value| value.ln()).collect();
            let energy =
                Distances::of(&logs).energy(case["cut"].as_u64().unwrap() as usize, logs.len());
            assert!((energy - case["energy"].as_f64().unwrap()).abs() < 1e-9, "{case}");
        }
    }

    #[test]
    fn a_few_runs_at_another_level_stand_out_with_what_they_lack() {
        let of = |values: &[f64]| {
            let values: Vec<Option<f64>> = values.iter().copied().map(Some).collect();
            let settings = HistorySettings::default();
            let trend = trend(&values, &settings);
            stands_out(&FigureTrend { name: "p50".to_owned(), trend }, &settings)
        };
        let found = of(&[5.3, 5.31, 5.28, 5.3, 5.33, 7.3, 7.28, 7.31]).unwrap();
        assert_eq!((found.index, found.runs, found.runs_needed), (5, 3, 4), "{found:?}");
        assert!((found.ratio - 7.3 / 5.3).abs() < 1e-9 && found.figure == "p50", "{found:?}");
        let more = [5.3, 5.31, 5.28, 5.3, 5.33, 7.3, 7.28, 7.31, 7.29, 7.3, 7.32, 7.27];
        let values: Vec<Option<f64>> = more.iter().copied().map(Some).collect();
        assert_eq!(trend(&values, &HistorySettings::default()).changes.len(), 1, "as was said");
        assert_eq!(of(&more), None, "it is a change point");
        assert_eq!(of(&[5.3, 5.4, 5.28, 5.35, 5.33, 5.31]), None, "below the floor");
        assert_eq!(of(&[5.3, 7.4, 5.28, 7.35, 5.33, 7.31, 5.3]), None, "not apart");
        assert_eq!(HistorySettings::default().fewest_runs(), 12);
    }

    #[test]
    fn steps_are_found_where_they_are() {
        let (mut exact, mut found) = (0, 0);
        for seed in 0..40 {
            let steps: &[(usize, f64)] =
                if seed % 2 == 0 { &[(15, 0.15)] } else { &[(10, 0.2), (20, -0.15)] };
            let values = history(1_000 + seed, 30, 0.03, steps);
            let settings = HistorySettings { seed, ..Default::default() };
            let changes = change_points(&values, &settings);
            let near = |(at, by): &(usize, f64)| {
                changes
                    .iter()
                    .any(|c| c.index.abs_diff(*at) <= 1 && (c.ratio.ln() - by).abs() < 0.06)
            };
            found += usize::from(steps.len() == changes.len() && steps.iter().all(near));
            exact +=
                usize::from(steps.iter().all(|(at, _)| changes.iter().any(|c| c.index == *at)));
        }
        assert!(found >= 37 && exact >= 34, "{found} found, {exact} at the very run, of 40");
    }

    #[test]
    fn noise_has_no_change_points() {
        let mut settings = HistorySettings { floor: 0.0, ..Default::default() };
        let is_false = |settings: &HistorySettings, seed: u64| {
            let noise = [0.02, 0.1, 0.3][seed as usize % 3];
            !change_points(&history(seed, 24, noise, &[]), settings).is_empty()
        };
        let alarms = (0..200).filter(|seed| {
            settings.seed = *seed;
            is_false(&settings, *seed)
        });
        let alarms = alarms.count();
        assert!(alarms <= 6, "{alarms} of 200 at a level of 1 %");
    }

    #[test]
    fn changes_below_the_floor_are_not_told() {
        let values = history(5, 30, 0.005, &[(15, 0.03)]);
        assert_eq!(change_points(&values, &HistorySettings::default()), []);
        let told = HistorySettings { floor: 0.02, ..Default::default() };
        assert_eq!(change_points(&values, &told).len(), 1);
    }

    #[test]
    fn creep_becomes_steps() {
        let mut random = SplitMix64(9);
        let values: Vec<f64> =
            (0..40).map(|run| (0.01 * f64::from(run) + 0.01 * normal(&mut random)).exp()).collect();
        let changes = change_points(&values, &HistorySettings::default());
        let product: f64 = changes.iter().map(|change| change.ratio).product();
        assert!(product > 1.25 && changes.iter().all(|change| change.ratio > 1.05), "{changes:?}");
    }

    #[test]
    fn a_trend_keeps_the_places_of_missing_values() {
        let plain = history(3, 20, 0.02, &[(10, 0.3)]);
        let mut values: Vec<Option<f64>> = plain.into_iter().map(Some).collect();
        values.insert(4, None);
        values.insert(0, Some(f64::NAN));
        values.insert(0, Some(0.0));
        let trend = trend(&values, &HistorySettings::default());
        assert_eq!(trend.changes.len(), 1);
        assert_eq!(trend.changes[0].index, 13);
        assert_eq!((trend.values[0], trend.values[1], trend.values[6]), (None, None, None));
        assert_eq!((trend.levels[0], trend.levels[1]), (None, None));
        assert_eq!(trend.levels[6], Some(trend.changes[0].before));
        assert_eq!(trend.levels[13], Some(trend.changes[0].after));
        assert_eq!(super::trend(&[], &HistorySettings::default()), Trend::default());
        assert_eq!(super::trend(&[None], &HistorySettings::default()).levels, [None]);
    }

    #[test]
    fn a_long_history_is_looked_at_from_its_end() {
        let mut values = vec![Some(7.0); 40];
        values.extend(vec![Some(1.0); MOST_RUNS]);
        let trend = trend(&values, &HistorySettings::default());
        assert_eq!(trend.changes, []);
        assert_eq!((trend.levels[39], trend.levels[40]), (None, Some(1.0)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn the_unit_makes_no_difference(seed in 0_u64..1_000, by in -0.4_f64..0.4) {
            let values = history(seed, 20, 0.03, &[(9, by)]);
            let scaled: Vec<f64> = values.iter().map(|value| value * 1_024.0).collect();
            let (a, b) = (change_points(&values, &HistorySettings::default()),
                          change_points(&scaled, &HistorySettings::default()));
            prop_assert_eq!(a.len(), b.len());
            for (a, b) in a.iter().zip(&b) {
                prop_assert_eq!(a.index, b.index);
                prop_assert!((a.ratio / b.ratio - 1.0).abs() < 1e-9);
            }
        }

        #[test]
        fn what_comes_out_is_sound(values in prop::collection::vec(0.001_f64..1_000.0, 0..20)) {
            let settings = HistorySettings::default();
            let changes = change_points(&values, &settings);
            prop_assert_eq!(&changes, &change_points(&values, &settings));
            prop_assert!(changes.windows(2).all(|pair| pair[0].index + 3 <= pair[1].index));
            prop_assert!(changes.iter().all(|c| (c.ratio.ln().abs() >= 0.05_f64.ln_1p() - 1e-12) && c.p <= 0.01));
        }
    }
}
