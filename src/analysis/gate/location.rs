//! Where a quantity lies and how sure that is: an estimate with its standard error and
//! Student's distribution around it. Every statistic of the gate but those that count
//! signs ends in one of these.

use statrs::distribution::{ContinuousCDF, StudentsT};

/// An estimate, its standard error and the degrees of freedom of that.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Location {
    /// The estimate.
    pub value: f64,
    /// Its standard error.
    pub error: f64,
    /// Degrees of freedom of the standard error, at least 1.
    pub freedom: usize,
}

impl Location {
    /// The same with a variance that the data of one comparison cannot show.
    #[must_use]
    pub fn with_variance(self, variance: f64) -> Location {
        Location { error: (self.error * self.error + variance).sqrt(), ..self }
    }

    /// One-sided p of "not above the threshold": small when the truth lies above it. The
    /// lower bound at a level is above the threshold exactly if p is below the level.
    pub fn p_above(self, threshold: f64) -> f64 {
        self.tail(self.value - threshold)
    }

    /// One-sided p of "not below the threshold".
    pub fn p_below(self, threshold: f64) -> f64 {
        self.tail(threshold - self.value)
    }

    /// Lower bound at a one-sided level.
    pub fn lower(self, level: f64) -> f64 {
        self.value - student_point(level, self.freedom) * self.error
    }

    /// Upper bound at a one-sided level.
    pub fn upper(self, level: f64) -> f64 {
        self.value + student_point(level, self.freedom) * self.error
    }

    /// Without any spread there is no doubt; at the threshold itself there is no evidence.
    fn tail(self, distance: f64) -> f64 {
        if self.error > 0.0 {
            return student_tail(distance / self.error, self.freedom);
        }
        if distance > 0.0 { 0.0 } else { 1.0 }
    }
}

/// The chance that Student's distribution exceeds a value.
fn student_tail(t: f64, freedom: usize) -> f64 {
    StudentsT::new(0.0, 1.0, freedom.max(1) as f64)
        .expect("the degrees of freedom are above zero")
        .sf(t)
}

/// The value that Student's distribution exceeds with this chance, at most ½; infinite
/// for a level of zero. By halving, as statrs' inversion has a loop without a bound.
pub fn student_point(level: f64, freedom: usize) -> f64 {
    if level <= 0.0 {
        return f64::INFINITY;
    }
    let mut high = 1.0;
    while student_tail(high, freedom) > level && high < 1e12 {
        high *= 2.0;
    }
    let mut low = if high > 1.0 { high / 2.0 } else { 0.0 };
    for _ in 0..50 {
        let middle = f64::midpoint(low, high);
        if student_tail(middle, freedom) > level { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}
