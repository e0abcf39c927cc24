//! How much of the two chances of error each planned look may spend, and Holm's rule for
//! several metrics at one look.

/// The share of the errors that the look with this place (from 0) may spend. Later looks
/// see more and get more: in proportion to 2, 3, 4 …, which for five looks is .10 .15 .20
/// .25 .30 and for one look all. Beyond the planned looks nothing is left to spend.
pub fn weight(place: usize, looks: u32) -> f64 {
    let looks = f64::from(looks.max(1));
    let place = place as f64;
    if place >= looks { 0.0 } else { 2.0 * (place + 2.0) / (looks * (looks + 3.0)) }
}

/// What Holm's rule says of one metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Held {
    /// The level that its p had to be below.
    pub level: f64,
    /// Whether it was.
    pub rejected: bool,
}

/// Holm's rule (1979): the smallest of m p is held against α/m, the next against α/(m − 1)
/// and so on; at the first that is not below its level all that remain are kept, and that
/// level is theirs.
pub fn holm(p: &[f64], alpha: f64) -> Vec<Held> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*a].total_cmp(&p[*b]));
    let mut held = vec![Held { level: alpha, rejected: false }; p.len()];
    let mut left = p.len();
    let mut failed = false;
    for place in order {
        let level = alpha / left as f64;
        failed |= p[place] >= level;
        held[place] = Held { level, rejected: !failed };
        left -= usize::from(!failed);
    }
    held
}
