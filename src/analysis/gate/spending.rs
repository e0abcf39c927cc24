//! How much of the two chances of error each planned look may spend.
//!
//! A pass takes two segments where two are planned: one start of each process says nothing
//! of how much starts differ, and a candidate that freezes now and then may not have done so
//! yet. The first look's share of the errors of *pass* goes to the second, so that most
//! gates that would have passed at the first pass there. *Regressed* needs not wait: it has
//! so much smaller a level that luck at one start does not reach it.

/// Segments, of fresh processes each, that a pass takes if as many are planned.
const SEGMENTS_TO_PASS: usize = 2;

/// The share of the errors that the look with this place (from 0) may spend. Later looks
/// see more and get more: in proportion to 2, 3, 4 …, which for five looks is .10 .15 .20
/// .25 .30 and for one look all. Beyond the planned looks nothing is left to spend.
pub fn weight(index: usize, looks: u32) -> f64 {
    let looks = f64::from(looks.max(1));
    let index = index as f64;
    if index >= looks { 0.0 } else { 2.0 * (index + 2.0) / (looks * (looks + 3.0)) }
}

/// The same for what only counts events, such as stops: a handful of them proves nothing at any
/// level, so what it has is kept for when there are many. In proportion to 1, 32, 243 …, which for
/// five looks is .0002 .007 .055 .23 .71.
pub fn late_weight(index: usize, looks: u32) -> f64 {
    let part = |index: u32| f64::from(index + 1).powi(5);
    let all: f64 = (0..looks.max(1)).map(part).sum();
    if index >= looks.max(1) as usize { 0.0 } else { part(index as u32) / all }
}

/// Place of the first look that may pass.
pub fn first_pass(looks: u32) -> usize {
    SEGMENTS_TO_PASS.min(looks.max(1) as usize) - 1
}

/// The share of the errors of *pass* that a look may spend: its own, and what the looks
/// before the first that may pass have left. One that may not pass yet shows the bound that
/// it would need at the first that may.
pub fn pass_weight(index: usize, looks: u32) -> f64 {
    let first = first_pass(looks);
    let left = if index <= first { 0..first } else { 0..0 };
    left.chain([index.max(first)]).map(|index| weight(index, looks)).sum()
}
