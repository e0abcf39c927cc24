//! The planned load in words.

use crate::record::run::{LoadHead, PartHead, StageHead};
use crate::report::figures;
use crate::report::phrases::run::stage;
use crate::scenario::load::CapBy;
use crate::scenario::wave::{self, Piece, Sine, Told};

/// More stages are not told one by one.
const MOST_STAGES: usize = 24;

/// `60 s at 100/s; 30 s from 100/s to 0/s`, of several loads each.
pub(in crate::report) fn stages(load: &LoadHead) -> String {
    if load.parts.is_empty() {
        return of_all(&load.stages);
    }
    load.parts.iter().map(part).collect::<Vec<_>>().join(" | ")
}

fn part(part: &PartHead) -> String {
    let stages = match part.recorded {
        None => of_all(&part.stages),
        Some(moments) => {
            let seconds: f64 = part.stages.iter().map(|stage| stage.seconds).sum();
            format!("{} recorded moments in {}", figures::count(moments), figures::seconds(seconds))
        }
    };
    format!("{}: {stages}", part.name())
}

fn of_all(stages: &[StageHead]) -> String {
    let pieces: Vec<Piece> = stages.iter().map(StageHead::piece).collect();
    let told = wave::told(&pieces);
    if told.len() <= MOST_STAGES {
        let one = |it: &Told| match it.sine {
            None => stage(&stages[it.first]),
            Some(wave) => sine(wave, &pieces[it.first..it.first + it.count]),
        };
        return told.iter().map(one).collect::<Vec<_>>().join("; ");
    }
    let seconds: f64 = stages.iter().map(|stage| stage.seconds).sum();
    let ends = |pick: fn(f64, f64) -> f64, first: f64, of: fn(&StageHead) -> [f64; 2]| {
        stages.iter().flat_map(of).fold(first, pick)
    };
    let length = figures::seconds(seconds);
    let count = figures::counted(told.len(), "stage");
    if stages.iter().any(|stage| stage.users.is_some()) {
        let users: fn(&StageHead) -> [f64; 2] =
            |stage| stage.users.map_or([0.0; 2], |users| [users.from, users.to].map(f64::from));
        let [low, high] = [ends(f64::min, f64::INFINITY, users), ends(f64::max, 0.0, users)]
            .map(|users| figures::count(users as u64));
        return format!("{length} with {low} to {high} users, in {count}");
    }
    let rates: fn(&StageHead) -> [f64; 2] = |stage| [stage.from, stage.to];
    let [low, high] = [ends(f64::min, f64::INFINITY, rates), ends(f64::max, 0.0, rates)];
    format!("{length} between {} and {}, in {count}", figures::rate(low), figures::rate(high))
}

/// `10 min in a sine of 125/s ± 75/s every 2 min, which begins at 50/s`.
fn sine(sine: Sine, pieces: &[Piece]) -> String {
    let length = figures::seconds(pieces.iter().map(|piece| piece.seconds).sum());
    let is_users = pieces.iter().any(|piece| piece.is_users);
    let amount = |value: f64| {
        if is_users { figures::number(value) } else { figures::rate(value) }
    };
    let [mean, amplitude, from] = [sine.mean(), sine.amplitude(), sine.from].map(amount);
    let users = if is_users { " users" } else { "" };
    let warmup = if pieces.iter().any(|piece| piece.warmup) { ", warm-up" } else { "" };
    let period = figures::seconds(sine.period);
    format!(
        "{length} in a sine of {mean} ± {amplitude}{users} every {period}, which begins at {from}{warmup}"
    )
}

/// That a cap ended the load before its stages did, as planned.
pub(in crate::report) fn cap(load: &LoadHead) -> Option<String> {
    let cap = load.cap?;
    let by = match cap.by {
        CapBy::Duration => "max_duration".to_owned(),
        CapBy::Iterations(most) => format!("a cap of {} iterations", figures::count(most)),
    };
    Some(format!(
        "after {} of {}, as planned: {by}",
        figures::seconds(load.seconds()),
        figures::seconds(cap.planned_seconds)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::load::{ArrivalProcess, Crowd};
    use crate::scenario::wave::PIECES;

    fn load(stages: Vec<StageHead>) -> String {
        super::stages(&LoadHead::new(ArrivalProcess::Poisson, 1, stages))
    }

    fn flat(seconds: f64, rate: f64, warmup: bool) -> StageHead {
        StageHead { seconds, from: rate, to: rate, users: None, warmup }
    }

    /// So many pieces of a sine between 50 and 200 with a period of two minutes.
    fn pieces(count: u32, is_users: bool) -> Vec<StageHead> {
        let value = |at: u32| {
            let turned = (std::f64::consts::TAU * f64::from(at) / f64::from(PIECES)).cos();
            50.0 + 150.0 * (1.0 - turned) / 2.0
        };
        let piece = |at: u32| {
            let (from, to) = (value(at), value(at + 1));
            let stage = StageHead { from, to, ..flat(120.0 / f64::from(PIECES), 0.0, false) };
            let users = Crowd { from: from.round() as u32, to: to.round() as u32 };
            if is_users {
                StageHead { users: Some(users), from: 0.0, to: 0.0, ..stage }
            } else {
                stage
            }
        };
        (0..count).map(piece).collect()
    }

    #[test]
    fn a_sine_reads_as_one() {
        let mut stages = vec![flat(10.0, 50.0, true)];
        stages.extend(pieces(160, false));
        stages.push(flat(30.0, 50.0, false));
        let said = load(stages);
        let expected = "10 s at 50/s, warm-up; \
            10 min in a sine of 125/s ± 75/s every 2 min, which begins at 50/s; 30 s at 50/s";
        assert_eq!(said, expected);
        let expected = "2 min in a sine of 125 ± 75 users every 2 min, which begins at 50";
        assert_eq!(load(pieces(32, true)), expected);
    }
}
