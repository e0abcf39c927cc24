//! Sines among the stages of a load, for whoever tells of it.
//!
//! A sine is played, recorded and judged as the straight pieces that it is made of
//! (`convert/profile.rs`). Whoever reads of it wants the sine: pieces that follow each other on one are found
//! here again, in a scenario as in a record.

use std::f64::consts::TAU;

/// Straight pieces of a period of a sine.
pub const PIECES: u32 = 32;
/// Fewer pieces on a sine may be somebody's stairs.
const FEWEST: usize = 8;
/// The same of users, who are whole: half a period.
const FEWEST_USERS: usize = PIECES as usize / 2;
/// How far an end may be from the sine, as a part of its height: what rounding leaves.
const NEAR: f64 = 1e-6;
/// The same of the last one, which may have been cut to a chord.
const NEAR_CUT: f64 = 0.006;
/// The same of users, who are whole.
const NEAR_USERS: f64 = 0.500_001;

/// A stage as far as a sine is concerned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Piece {
    /// Its length in seconds.
    pub seconds: f64,
    /// The rate, or the users, at its start.
    pub from: f64,
    /// The same at its end.
    pub to: f64,
    /// Whether these are users.
    pub is_users: bool,
    /// Whether it stays outside the verdict.
    pub warmup: bool,
}

/// Stages that are told as one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Told {
    /// The first of them.
    pub first: usize,
    /// How many they are.
    pub count: usize,
    /// The sine that they are, where they are one.
    pub sine: Option<Sine>,
}

/// A sine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sine {
    /// Where it begins.
    pub from: f64,
    /// Where it is after half a period.
    pub to: f64,
    /// How long it takes to come back, in seconds.
    pub period: f64,
}

impl Sine {
    /// The middle of both.
    pub fn mean(self) -> f64 {
        f64::midpoint(self.from, self.to)
    }

    /// How far it goes from there.
    pub fn amplitude(self) -> f64 {
        (self.to - self.from).abs() / 2.0
    }

    /// Its value after so many pieces.
    fn at(self, pieces: f64) -> f64 {
        let turned = (TAU * pieces / f64::from(PIECES)).cos();
        self.from + (self.to - self.from) * (1.0 - turned) / 2.0
    }
}

/// All stages in their order, those of a sine together.
pub fn told(pieces: &[Piece]) -> Vec<Told> {
    let mut all = Vec::new();
    let mut first = 0;
    while first < pieces.len() {
        let found = sine(&pieces[first..]);
        let count = found.map_or(1, |(count, _)| count);
        all.push(Told { first, count, sine: found.map(|(_, sine)| sine) });
        first += count;
    }
    all
}

/// The sine that begins with the first of some pieces, and how many are on it.
fn sine(pieces: &[Piece]) -> Option<(usize, Sine)> {
    let first = pieces.first()?;
    let half = PIECES as usize / 2;
    let to = match pieces.get(half - 1) {
        Some(middle) => middle.to,
        None if first.is_users => return None,
        None => {
            let risen = (1.0 - (TAU / f64::from(PIECES)).cos()) / 2.0;
            first.from + (first.to - first.from) / risen
        }
    };
    let sine = Sine { from: first.from, to, period: first.seconds * f64::from(PIECES) };
    if !sine.to.is_finite() || sine.amplitude() <= 0.0 {
        return None;
    }
    let mut before = first.from;
    // Stairs jump from one to the next.
    let on_it = (0_u32..).zip(pieces).take_while(|(at, piece)| {
        let follows = (piece.from - before).abs() <= NEAR * before.abs();
        before = piece.to;
        follows && is_on(sine, first, piece, *at)
    });
    let mut count = on_it.count();
    let cut = pieces.get(count).filter(|piece| is_cut(sine, first, piece, count as u32));
    count += usize::from(cut.is_some());
    let fewest = if first.is_users { FEWEST_USERS } else { FEWEST };
    (count >= fewest).then_some((count, sine))
}

fn is_on(sine: Sine, first: &Piece, piece: &Piece, at: u32) -> bool {
    let near = |found: f64, pieces: u32| {
        (found - sine.at(f64::from(pieces))).abs() <= distance(first, sine, NEAR)
    };
    let same = (piece.seconds - first.seconds).abs() <= 1e-6 * first.seconds + 3e-9;
    same && is_alike(first, piece) && near(piece.from, at) && near(piece.to, at + 1)
}

/// Whether a shorter piece is the last one of a sine that ends within it.
fn is_cut(sine: Sine, first: &Piece, piece: &Piece, at: u32) -> bool {
    let share = piece.seconds / first.seconds;
    let near = |found: f64, pieces: f64, near: f64| {
        (found - sine.at(pieces)).abs() <= distance(first, sine, near)
    };
    share < 1.0
        && is_alike(first, piece)
        && near(piece.from, f64::from(at), NEAR)
        && near(piece.to, f64::from(at) + share, NEAR_CUT)
}

fn is_alike(first: &Piece, piece: &Piece) -> bool {
    (piece.is_users, piece.warmup) == (first.is_users, first.warmup)
}

fn distance(first: &Piece, sine: Sine, near: f64) -> f64 {
    if first.is_users { NEAR_USERS } else { near * 2.0 * sine.amplitude() }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::scenario::load::Stage;
    use crate::scenario::read::{Origin, parse};

    fn pieces(rate: &str, length: &str) -> Vec<Piece> {
        let (key, flat) = if rate.contains('/') { ("rate", "\"20/s\"") } else { ("users", "20") };
        let text = format!(
            r#"{{"name": "one", "target": {{"url": "http://127.0.0.1:1"}},
            "flows": [{{"name": "a", "steps": [{{"request": "GET /a"}}]}}],
            "load": {{"stages": [{{"for": "11s", "{key}": {flat}}}, {{"for": "{length}", "{key}": "{rate}"}},
                {{"for": "11s", "{key}": {flat}}}]}}}}"#
        );
        let no_file = |_: &Path| Err(std::io::ErrorKind::NotFound.into());
        let scenario = parse(&text, &Origin::default(), &|_| None, &no_file).unwrap();
        scenario.load.stages.iter().map(Stage::piece).collect()
    }

    #[track_caller]
    fn check(rate: &str, length: &str, expected: Sine) {
        let pieces = pieces(rate, length);
        let all = told(&pieces);
        assert_eq!(all.len(), 3, "{rate} for {length}: {all:?}");
        assert_eq!((all[0].sine, all[2].sine), (None, None));
        let found = all[1].sine.unwrap();
        let near = |a: f64, b: f64| (a - b).abs() < 1e-3 * b;
        assert!(near(found.from, expected.from) && near(found.to, expected.to), "{found:?}");
        assert!(near(found.period, expected.period), "{found:?}");
        assert_eq!(all.iter().map(|it| it.count).sum::<usize>(), pieces.len());
    }

    #[test]
    fn a_sine_is_found_again_in_its_pieces() {
        let sine = |from, to, period| Sine { from, to, period };
        check("50/s <-> 200/s every 2m", "10m", sine(50.0, 200.0, 120.0));
        check("200/s <-> 50/s every 7s", "33s", sine(200.0, 50.0, 7.0));
        check("0.5/s <-> 7/s every 1h", "20m", sine(0.5, 7.0, 3_600.0));
        check("10 <-> 40 every 2m", "5m", sine(10.0, 40.0, 120.0));
        check("1 <-> 3 every 20s", "30s", sine(1.0, 3.0, 20.0));
    }

    #[test]
    fn what_is_no_sine_is_told_stage_by_stage() {
        for rate in [
            "50/s -> 200/s in 40 steps",
            "50/s -> 200/s",
            "50/s",
            "1 -> 100 in 40 steps",
            "1 -> 3 in 40 steps",
        ] {
            let pieces = pieces(rate, "10m");
            let all = told(&pieces);
            assert_eq!(all.len(), pieces.len(), "{rate}: {all:?}");
            assert!(all.iter().all(|it| it.sine.is_none()), "{rate}");
        }
    }
}
