//! How much of the two chances of error each planned look may spend.

/// The share of the errors that the look with this place (from 0) may spend. Later looks
/// see more and get more: in proportion to 2, 3, 4 …, which for five looks is .10 .15 .20
/// .25 .30 and for one look all. Beyond the planned looks nothing is left to spend.
pub fn weight(place: usize, looks: u32) -> f64 {
    let looks = f64::from(looks.max(1));
    let place = place as f64;
    if place >= looks { 0.0 } else { 2.0 * (place + 2.0) / (looks * (looks + 3.0)) }
}
