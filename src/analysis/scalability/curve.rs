//! The curve of the universal scalability law, and the one of them that is nearest to some
//! loads.
//!
//! Loads in, a curve out. Nearest is by the sum of the squares of relative errors, as a
//! throughput is measured to a share of itself. Found by Levenberg–Marquardt within bounds:
//! 0 ≤ α ≤ 1, β ≥ 0, λ > 0. Knows nothing of intervals or words.

use std::time::Duration;

use crate::units::Rate;

/// Steps of a search before it ends wherever it is.
const MOST_STEPS: u32 = 300;
/// A search ends when no smaller step than this damping asks for helps.
const MOST_DAMPING: f64 = 1e14;
/// α and β × N² (of the largest N) from which searches begin.
const STARTS: [(f64, f64); 6] =
    [(0.01, 0.0), (0.3, 0.0), (0.9, 0.0), (0.01, 1.0), (0.3, 1.0), (0.05, 20.0)];

/// One load that a target was measured at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Load {
    /// N: requests in the target at once, on average.
    pub concurrency: f64,
    /// X: requests answered per second.
    pub throughput: f64,
}

impl Load {
    /// N by Little's law: throughput × mean response time.
    pub fn by_littles_law(throughput: Rate, mean_response: Duration) -> Load {
        let concurrency = throughput.0 * mean_response.as_secs_f64();
        Load { concurrency, throughput: throughput.0 }
    }

    /// Whether a curve can be fitted to it.
    pub(super) fn is_usable(&self) -> bool {
        [self.concurrency, self.throughput].iter().all(|v| v.is_finite() && *v > 0.0)
    }
}

/// X(N) = λN / (1 + α(N − 1) + βN(N − 1)).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Curve {
    /// λ: requests per second with one of them at once.
    pub lambda: f64,
    /// α: contention.
    pub alpha: f64,
    /// β: coherency.
    pub beta: f64,
}

impl Curve {
    /// How many times longer than by itself a request takes among N.
    fn slowdown(self, n: f64) -> f64 {
        1.0 + self.alpha * (n - 1.0) + self.beta * n * (n - 1.0)
    }

    /// X(N).
    pub fn at(self, n: f64) -> f64 {
        self.lambda * n / self.slowdown(n)
    }

    /// N* = √((1 − α)/β), where X is largest; `None` where it grows for ever.
    pub fn peak(self) -> Option<f64> {
        (self.beta > 0.0).then(|| ((1.0 - self.alpha) / self.beta).max(0.0).sqrt())
    }

    /// The sum of the squares of the relative errors; infinite where X is not above zero.
    pub(super) fn squares(self, loads: &[Load]) -> f64 {
        let error = |load: &Load| {
            let found = self.at(load.concurrency);
            let possible = self.slowdown(load.concurrency) > 0.0 && found.is_finite();
            if possible { (1.0 - found / load.throughput).powi(2) } else { f64::INFINITY }
        };
        loads.iter().map(error).sum()
    }

    /// How X(N) ÷ the measured throughput changes with λ, α and β.
    fn slopes(self, load: &Load) -> Vector {
        let n = load.concurrency;
        let part = self.at(n) / load.throughput;
        let beyond = -part * (n - 1.0) / self.slowdown(n);
        [part / self.lambda, beyond, beyond * n]
    }

    fn vector(self) -> Vector {
        [self.lambda, self.alpha, self.beta]
    }

    fn of([lambda, alpha, beta]: Vector) -> Curve {
        Curve { lambda, alpha, beta }
    }
}

/// λ, α, β.
type Vector = [f64; 3];
const LEAST: Vector = [f64::MIN_POSITIVE, 0.0, 0.0];
const MOST: Vector = [f64::MAX, 1.0, f64::MAX];

/// What is given of a curve while the rest is looked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Given {
    Nothing,
    Lambda(f64),
    Alpha(f64),
    Beta(f64),
    /// Where the curve is highest.
    Peak(f64),
}

impl Given {
    /// In which directions a curve may still be changed.
    fn directions(self) -> Vec<Vector> {
        let (lambda, alpha, beta) = ([1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]);
        match self {
            Given::Nothing => vec![lambda, alpha, beta],
            Given::Lambda(_) => vec![alpha, beta],
            Given::Alpha(_) => vec![lambda, beta],
            Given::Beta(_) => vec![lambda, alpha],
            // β = (1 − α)/N*².
            Given::Peak(peak) => vec![lambda, [0.0, 1.0, -1.0 / (peak * peak)]],
        }
    }

    /// A curve to begin at: with the λ that fits best, where that is free.
    fn start(self, (alpha, beta): (f64, f64), loads: &[Load]) -> Curve {
        let (alpha, beta) = match self {
            Given::Nothing | Given::Lambda(_) => (alpha, beta),
            Given::Alpha(alpha) => (alpha, beta),
            Given::Beta(beta) => (alpha, beta),
            Given::Peak(peak) => (alpha, (1.0 - alpha) / (peak * peak)),
        };
        let unit = Curve { lambda: 1.0, alpha, beta };
        let parts = loads.iter().map(|load| unit.at(load.concurrency) / load.throughput);
        let (sum, squares) =
            parts.fold((0.0, 0.0), |(sum, sq), part| (sum + part, sq + part * part));
        let lambda = if let Given::Lambda(lambda) = self { lambda } else { sum / squares };
        Curve { lambda, ..unit }
    }
}

/// The nearest curve, and its sum of squares.
pub(super) fn nearest(loads: &[Load], given: Given) -> (Curve, f64) {
    let most = loads.iter().map(|load| load.concurrency).fold(1.0, f64::max);
    let starts = STARTS.iter().map(|(alpha, beta)| (*alpha, beta / (most * most)));
    let ends = starts.map(|start| descend(given.start(start, loads), loads, &given.directions()));
    let ends = ends.map(|curve| (curve, curve.squares(loads)));
    ends.min_by(|a, b| a.1.total_cmp(&b.1)).expect("there are several starts")
}

/// Levenberg–Marquardt: steps of Gauss–Newton, shortened until they lead downhill.
fn descend(start: Curve, loads: &[Load], directions: &[Vector]) -> Curve {
    let (mut curve, mut squares, mut damping) = (start, start.squares(loads), 1e-3);
    for _ in 0..MOST_STEPS {
        let next = damped_step(curve, loads, directions, damping);
        let of_next = next.squares(loads);
        if of_next < squares {
            let is_done = squares - of_next <= 1e-15 * squares;
            (curve, squares, damping) = (next, of_next, damping / 5.0);
            if is_done {
                break;
            }
        } else {
            damping *= 4.0;
            if damping > MOST_DAMPING {
                break;
            }
        }
    }
    curve
}

/// One step, as far as the bounds let it: what would leave a bound that the curve is at stays
/// where it is, by its own slope or by the step of all together.
fn damped_step(curve: Curve, loads: &[Load], directions: &[Vector], damping: f64) -> Curve {
    let at = curve.vector();
    let (hessian, downhill) = slopes(curve, loads);
    let is_open = |way: &&Vector| !is_blocked(at, scaled(way, dot(way, &downhill)));
    let mut free: Vec<&Vector> = directions.iter().filter(is_open).collect();
    let step = loop {
        let lengths = lengths(&free, &hessian, &downhill, damping);
        let parts: Vec<Vector> =
            free.iter().zip(&lengths).map(|(way, length)| scaled(way, *length)).collect();
        let mut stays = parts.iter().map(|part| !is_blocked(at, *part));
        if stays.clone().all(|stays| stays) {
            break parts.iter().fold([0.0; 3], |sum, part| [0, 1, 2].map(|k| sum[k] + part[k]));
        }
        free.retain(|_| stays.next().unwrap_or(false));
    };
    let share = inside(at, step);
    Curve::of([0, 1, 2].map(|index| within(index, at[index], share * step[index])))
}

/// The matrix of Gauss and Newton, and the way that leads downhill most steeply.
fn slopes(curve: Curve, loads: &[Load]) -> ([Vector; 3], Vector) {
    let (mut hessian, mut downhill) = ([[0.0; 3]; 3], [0.0; 3]);
    for load in loads {
        let slopes = curve.slopes(load);
        let error = 1.0 - curve.at(load.concurrency) / load.throughput;
        for (row, slope) in hessian.iter_mut().zip(slopes) {
            row.iter_mut().zip(slopes).for_each(|(cell, other)| *cell += slope * other);
        }
        downhill.iter_mut().zip(slopes).for_each(|(sum, slope)| *sum += slope * error);
    }
    (hessian, downhill)
}

/// How far to go in each direction.
fn lengths(free: &[&Vector], hessian: &[Vector; 3], downhill: &Vector, damping: f64) -> Vec<f64> {
    let row = |way: &Vector| free.iter().map(|other| dot(way, &product(hessian, other))).collect();
    let matrix: Vec<Vec<f64>> = free.iter().map(|way| row(way)).collect();
    solved(damped(matrix, damping), free.iter().map(|way| dot(way, downhill)).collect())
}

fn damped(mut matrix: Vec<Vec<f64>>, damping: f64) -> Vec<Vec<f64>> {
    for (index, row) in matrix.iter_mut().enumerate() {
        row[index] += damping * row[index].max(1e-300);
    }
    matrix
}

/// Whether a curve at a bound would leave it at once.
fn is_blocked(at: Vector, step: Vector) -> bool {
    (0..3).any(|index| {
        (at[index] <= LEAST[index] && step[index] < 0.0)
            || (at[index] >= MOST[index] && step[index] > 0.0)
    })
}

/// A figure after a step; one that has come to a bound is exactly there, and not a digit short
/// of it, where each further step would be as good as none.
fn within(index: usize, at: f64, step: f64) -> f64 {
    let (next, close) = (at + step, 1e-12 * step.abs());
    match (next - LEAST[index], MOST[index] - next) {
        (room, _) if step < 0.0 && room <= close => LEAST[index],
        (_, room) if step > 0.0 && room <= close => MOST[index],
        _ => next,
    }
}

/// The share of a step that stays within the bounds.
fn inside(at: Vector, step: Vector) -> f64 {
    let room = |index: usize| match step[index] {
        length if at[index] + length < LEAST[index] => (at[index] - LEAST[index]) / -length,
        length if at[index] + length > MOST[index] => (MOST[index] - at[index]) / length,
        _ => 1.0,
    };
    (0..3).map(room).fold(1.0, f64::min)
}

fn dot(a: &Vector, b: &Vector) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn scaled(way: &Vector, length: f64) -> Vector {
    way.map(|part| part * length)
}

fn product(matrix: &[Vector; 3], vector: &Vector) -> Vector {
    [0, 1, 2].map(|row| dot(&matrix[row], vector))
}

/// The solution of a few linear equations, by elimination; their matrix is positive definite.
fn solved(mut matrix: Vec<Vec<f64>>, mut right: Vec<f64>) -> Vec<f64> {
    let size = right.len();
    for pivot in 0..size {
        let (above, below) = matrix.split_at_mut(pivot + 1);
        let line = &above[pivot];
        for (index, other) in below.iter_mut().enumerate() {
            let factor = other[pivot] / line[pivot];
            other.iter_mut().zip(line).for_each(|(cell, taken)| *cell -= factor * taken);
            right[pivot + 1 + index] -= factor * right[pivot];
        }
    }
    for row in (0..size).rev() {
        let known: f64 = (row + 1..size).map(|column| matrix[row][column] * right[column]).sum();
        right[row] = (right[row] - known) / matrix[row][row];
    }
    right
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loads_of(curve: Curve, all: &[f64]) -> Vec<Load> {
        let load = |n: &f64| Load { concurrency: *n, throughput: curve.at(*n) };
        all.iter().map(load).collect()
    }

    #[test]
    fn the_curve_that_made_the_loads_is_found_again() {
        let all = [0.4, 1.0, 2.0, 4.5, 9.0, 20.0, 60.0];
        for (alpha, beta) in [(0.0, 0.0), (0.5, 0.0), (0.03, 2e-4), (0.0, 1e-3), (1.0, 0.0)] {
            let curve = Curve { lambda: 130.0, alpha, beta };
            let (found, squares) = nearest(&loads_of(curve, &all), Given::Nothing);
            for (found, made) in found.vector().iter().zip(curve.vector()) {
                assert!((found - made).abs() <= 1e-6 * made.max(1e-3), "{found} {made} {curve:?}");
            }
            assert!(squares < 1e-15, "{squares} {curve:?}");
        }
    }

    #[test]
    fn what_is_given_stays_as_it_is() {
        let curve = Curve { lambda: 130.0, alpha: 0.03, beta: 2e-4 };
        let loads = loads_of(curve, &[1.0, 3.0, 9.0, 30.0, 60.0, 90.0]);
        let close = |a: f64, b: f64| (a - b).abs() <= 1e-9 * b;
        assert!(close(nearest(&loads, Given::Lambda(140.0)).0.lambda, 140.0));
        assert!(close(nearest(&loads, Given::Alpha(0.1)).0.alpha, 0.1));
        assert!(close(nearest(&loads, Given::Beta(1e-4)).0.beta, 1e-4));
        let held = nearest(&loads, Given::Peak(40.0));
        assert!(close(held.0.peak().unwrap(), 40.0) && held.1 > 1e-6, "{held:?}");
    }

    #[test]
    fn one_server_with_a_queue_is_contention_of_a_half() {
        // M/M/1 at rate ρμ: N = ρ/(1 − ρ), so that X = μN/(1 + N).
        let shares = [0.1, 0.3, 0.5, 0.7, 0.8, 0.9];
        let loads = shares.map(|share: f64| Load {
            concurrency: share / (1.0 - share),
            throughput: 200.0 * share,
        });
        let (curve, _) = nearest(&loads, Given::Nothing);
        assert!((curve.alpha - 0.5).abs() < 1e-6 && (curve.lambda - 100.0).abs() < 1e-4);
        assert!(curve.beta < 1e-8 && curve.peak().is_none_or(|peak| peak > 1e3), "{curve:?}");
    }

    #[test]
    fn concurrency_follows_from_throughput_and_response_time() {
        let load = Load::by_littles_law(Rate(400.0), Duration::from_millis(25));
        assert_eq!(load, Load { concurrency: 10.0, throughput: 400.0 });
    }
}
