//! Several loads as one: the sum of their stages, and where they are cut off.
//!
//! Rates of stages are straight, and so is their sum between two moments at which none of them has
//! a border.

use std::time::Duration;

use super::load::{Crowd, Part, Recorded, Stage};
use crate::units::Rate;

/// The stages of all parts together, each part's rate times its weight. Where one of them warms up,
/// all of it is warm-up.
pub fn of(parts: &[Part], weight: impl Fn(usize) -> f64) -> Vec<Stage> {
    let mut borders: Vec<Duration> = parts.iter().flat_map(|part| ends(&part.stages)).collect();
    borders.sort_unstable();
    borders.dedup();
    let mut from = Duration::ZERO;
    let mut stages = Vec::with_capacity(borders.len());
    for to in borders {
        stages.push(between(parts, &weight, from, to));
        from = to;
    }
    stages
}

fn ends(stages: &[Stage]) -> impl Iterator<Item = Duration> {
    stages.iter().scan(Duration::ZERO, |end, stage| {
        *end += stage.length;
        Some(*end)
    })
}

fn between(parts: &[Part], weight: &impl Fn(usize) -> f64, from: Duration, to: Duration) -> Stage {
    let mut whole = Stage {
        length: to.saturating_sub(from),
        from: Rate::ZERO,
        to: Rate::ZERO,
        users: None,
        warmup: false,
    };
    for (place, part) in parts.iter().enumerate() {
        let Some((stage, start)) = at(&part.stages, from) else { continue };
        let share = |moment: Duration| {
            moment.saturating_sub(start).as_secs_f64() / stage.length.as_secs_f64().max(1e-12)
        };
        let rate = |moment| stage.from.0 + (stage.to.0 - stage.from.0) * share(moment);
        whole.from.0 += rate(from) * weight(place);
        whole.to.0 += rate(to) * weight(place);
        whole.warmup |= stage.warmup;
        if let Some(crowd) = stage.users {
            let users = |moment| {
                let (a, b) = (f64::from(crowd.from), f64::from(crowd.to));
                (a + (b - a) * share(moment)).round() as u32
            };
            let sum = whole.users.get_or_insert(Crowd { from: 0, to: 0 });
            sum.from += users(from);
            sum.to += users(to);
        }
    }
    whole
}

/// The stage at a moment, and when it begins.
pub fn at(stages: &[Stage], moment: Duration) -> Option<(&Stage, Duration)> {
    let found = stages.iter().zip(ends(stages)).find(|(_, end)| moment < *end);
    found.map(|(stage, end)| (stage, end.saturating_sub(stage.length)))
}

/// Leaves out what comes from a moment on.
pub(crate) fn cut(part: &mut Part, end: Duration) {
    let mut start = Duration::ZERO;
    part.stages.retain_mut(|stage| {
        let begins = start;
        start += stage.length;
        if begins >= end {
            return false;
        }
        if start > end {
            shorten(stage, end.saturating_sub(begins));
        }
        true
    });
    if let Some(Recorded(all)) = &mut part.recorded {
        let kept = all.partition_point(|at| u128::from(*at) < end.as_nanos());
        *all = all[..kept].into();
    }
}

fn shorten(stage: &mut Stage, length: Duration) {
    let share = length.as_secs_f64() / stage.length.as_secs_f64();
    stage.to = Rate(stage.from.0 + (stage.to.0 - stage.from.0) * share);
    if let Some(users) = &mut stage.users {
        let (from, to) = (f64::from(users.from), f64::from(users.to));
        users.to = (from + (to - from) * share).round() as u32;
    }
    stage.length = length;
}

/// How many iterations of all parts are expected until they have led to so many requests, by those
/// of an iteration of each; `None` where all of them lead to fewer.
pub(crate) fn iterations_of(mut parts: Vec<Part>, each: &[f64], requests: f64) -> Option<u64> {
    let end = moment_of(&parts, |part| each[part], requests)?;
    for part in &mut parts {
        cut(part, end);
    }
    let all: f64 = parts.iter().flat_map(|part| &part.stages).map(Stage::area).sum();
    Some((all + 1e-6).floor() as u64)
}

/// When so many iterations of all parts, each times its weight, are expected to have begun; `None`
/// where it is not before their end.
pub(crate) fn moment_of(
    parts: &[Part],
    weight: impl Fn(usize) -> f64,
    iterations: f64,
) -> Option<Duration> {
    let (mut start, mut left) = (Duration::ZERO, iterations);
    for stage in of(parts, weight) {
        let area = stage.area();
        if left < area {
            return Some(start + time_of(&stage, left));
        }
        left -= area;
        start += stage.length;
    }
    None
}

/// When the area under a stage's rate is so large, rounded up.
fn time_of(stage: &Stage, area: f64) -> Duration {
    let growth = (stage.to.0 - stage.from.0) / stage.length.as_secs_f64();
    let root = (stage.from.0 * stage.from.0 + 2.0 * growth * area).max(0.0).sqrt();
    let seconds = if area > 0.0 { 2.0 * area / (stage.from.0 + root) } else { 0.0 };
    Duration::from_nanos((seconds * 1e9).ceil() as u64).min(stage.length)
}

/// Whether a part sends anything where the whole is no warm-up.
pub(crate) fn is_judged(part: &Part, whole: &[Stage]) -> bool {
    let warm = whole.iter().zip(ends(whole)).filter(|(stage, _)| stage.warmup);
    let warm: Vec<(Duration, Duration)> =
        warm.map(|(stage, end)| (end.saturating_sub(stage.length), end)).collect();
    let is_warm =
        |from: Duration, to: Duration| warm.iter().any(|(begin, end)| *begin <= from && to <= *end);
    if let Some(Recorded(all)) = &part.recorded {
        let at = |nanos: &u64| Duration::from_nanos(*nanos);
        return all.iter().any(|moment| !is_warm(at(moment), at(moment)));
    }
    let borders = [&part.stages[..], whole].map(|stages| ends(stages).collect::<Vec<_>>()).concat();
    part.stages.iter().zip(ends(&part.stages)).any(|(stage, end)| {
        let begin = end.saturating_sub(stage.length);
        let mut inside: Vec<Duration> =
            borders.iter().copied().filter(|at| *at > begin && *at <= end).collect();
        inside.push(begin);
        inside.sort_unstable();
        stage.is_loaded()
            && inside.windows(2).any(|two| two[0] < two[1] && !is_warm(two[0], two[1]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::load::ArrivalProcess;

    const S: fn(u64) -> Duration = Duration::from_secs;

    fn part(stages: &[(u64, f64, f64, bool)]) -> Part {
        let stage = |&(seconds, from, to, warmup): &(u64, f64, f64, bool)| Stage {
            length: S(seconds),
            from: Rate(from),
            to: Rate(to),
            users: None,
            warmup,
        };
        Part {
            flows: vec![0],
            arrivals: ArrivalProcess::Poisson,
            stages: stages.iter().map(stage).collect(),
            recorded: None,
        }
    }

    fn told(stages: &[Stage]) -> Vec<(u64, f64, f64, bool)> {
        let of = |it: &Stage| (it.length.as_secs(), it.from.0, it.to.0, it.warmup);
        stages.iter().map(of).collect()
    }

    #[test]
    fn a_sum_has_the_borders_and_the_warm_ups_of_all() {
        let parts = [
            part(&[(10, 100.0, 100.0, true), (30, 100.0, 100.0, false)]),
            part(&[(20, 0.0, 20.0, false)]),
        ];
        let found = of(&parts, |_| 1.0);
        let expected =
            [(10, 100.0, 110.0, true), (10, 110.0, 120.0, false), (20, 100.0, 100.0, false)];
        assert_eq!(told(&found), expected);
        let weighted = of(&parts, |place| [1.0, 5.0][place]);
        assert_eq!(told(&weighted)[1], (10, 150.0, 200.0, false));
    }

    #[test]
    fn a_load_is_cut_where_so_many_have_begun() {
        let parts = [part(&[(10, 10.0, 10.0, false), (10, 10.0, 30.0, false)])];
        let moment = |iterations| moment_of(&parts, |_| 1.0, iterations);
        assert_eq!(moment(50.0), Some(S(5)));
        assert_eq!(moment(100.0 + 75.0), Some(S(15)));
        assert_eq!(moment(300.0), None, "all of it");
        assert_eq!(iterations_of(parts.to_vec(), &[3.0], 150.0), Some(50));
        let mut cut_off = parts[0].clone();
        cut(&mut cut_off, S(15));
        assert_eq!(told(&cut_off.stages), [(10, 10.0, 10.0, false), (5, 10.0, 20.0, false)]);
    }

    #[test]
    fn a_part_that_only_sends_while_another_warms_up_is_not_judged() {
        let early = part(&[(5, 9.0, 9.0, false), (30, 0.0, 0.0, false)]);
        let parts = [part(&[(10, 1.0, 1.0, true), (20, 1.0, 1.0, false)]), early];
        let whole = of(&parts, |_| 1.0);
        assert_eq!(parts.each_ref().map(|it| is_judged(it, &whole)), [true, false]);
        let late = part(&[(15, 9.0, 9.0, false)]);
        assert!(is_judged(&late, &whole));
        let recorded = |at: u64| Part { recorded: Some(Recorded([at].into())), ..late.clone() };
        assert!(!is_judged(&recorded(9_000_000_000), &whole));
        assert!(is_judged(&recorded(11_000_000_000), &whole));
    }

    fn crowd(stages: &[(u64, u32, u32)]) -> Part {
        let stage = |&(seconds, from, to): &(u64, u32, u32)| Stage {
            length: S(seconds),
            from: Rate::ZERO,
            to: Rate::ZERO,
            users: Some(Crowd { from, to }),
            warmup: false,
        };
        Part { stages: stages.iter().map(stage).collect(), ..part(&[]) }
    }

    fn users(stages: &[Stage]) -> Vec<(u64, u32, u32)> {
        let of = |it: &Stage| (it.length.as_secs(), it.users.unwrap().from, it.users.unwrap().to);
        stages.iter().map(of).collect()
    }

    #[test]
    fn users_are_added_and_cut_as_rates_are() {
        let parts = [crowd(&[(10, 0, 20)]), crowd(&[(20, 6, 6)])];
        assert_eq!(users(&of(&parts, |_| 1.0)), [(10, 6, 26), (10, 6, 6)]);
        let mut cut_off = parts[0].clone();
        cut(&mut cut_off, S(5));
        assert_eq!(users(&cut_off.stages), [(5, 0, 10)]);
    }

    #[test]
    fn a_recording_is_cut_with_its_stages() {
        const SECOND: u64 = 1_000_000_000;
        let all = [SECOND, 5 * SECOND - 1, 5 * SECOND, 7 * SECOND];
        let stages = part(&[(5, 1.0, 1.0, false), (5, 1.0, 1.0, false)]);
        let mut recorded = Part { recorded: Some(Recorded(all.into())), ..stages };
        cut(&mut recorded, S(5));
        assert_eq!(recorded.recorded.unwrap().0[..], all[..2]);
        assert_eq!(told(&recorded.stages), [(5, 1.0, 1.0, false)]);
    }

    #[test]
    fn no_more_iterations_than_lead_to_so_many_requests() {
        let parts = vec![part(&[(10, 10.0, 10.0, false)])];
        assert_eq!(iterations_of(parts.clone(), &[3.0], 100.0), Some(33));
        assert_eq!(iterations_of(parts, &[3.0], 301.0), None);
    }

    #[test]
    fn warm_ups_of_others_that_follow_each_other_are_one() {
        let parts = [
            part(&[(10, 1.0, 1.0, true), (30, 1.0, 1.0, false)]),
            part(&[(10, 0.0, 0.0, false), (10, 1.0, 1.0, true), (20, 1.0, 1.0, false)]),
            part(&[(20, 9.0, 9.0, false)]),
        ];
        let whole = of(&parts, |_| 1.0);
        assert_eq!(parts.each_ref().map(|it| is_judged(it, &whole)), [true, true, false]);
        let moments = [9_000_000_000_u64, 21_000_000_000];
        let both = Part { recorded: Some(Recorded(moments.into())), ..parts[2].clone() };
        assert!(is_judged(&both, &whole), "one of its arrivals is");
    }
}
